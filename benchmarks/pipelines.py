"""The main job measured from outside: time, memory, a second run, start-up of the program.

``python -m benchmarks.pipelines [--json PATH] [--save]`` runs the shipped example in fresh folders
and processes on all cores, three times; figures are medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import timing

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "ember_keep" / "pack.toml"
TITLE = "Building a pack"
COLUMNS = ["figure", "median", "goal", "unit"]
RUNS = 3
PROGRAM = [sys.executable, "-m", "aigc_assets.cli"]


def family_bytes(root: int) -> int:
    """Resident memory of a process and everything it started, from /proc, in bytes.

    Pages that processes share are counted once by their proportional size where the kernel tells.
    """
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def measured(arguments: list[str], folder: Path) -> tuple[float, int, str]:
    """Seconds, highest memory of the whole family in bytes, and standard output of a run."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, env=env, stdout=subprocess.PIPE, text=True
    )
    peak = 0
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.2):
            peak = max(peak, family_bytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    said = process.communicate()[0]
    seconds = time.perf_counter() - started
    over.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {process.returncode}")
    return seconds, peak, said


def fresh_python(code: str) -> float:
    """Seconds that ``code`` takes in a fresh interpreter, by its own clock."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    text = f"import time; s = time.perf_counter(); {code}; print(time.perf_counter() - s)"
    done = subprocess.run(
        [sys.executable, "-c", text], env=env, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def edited(seed: int) -> str:
    """The example with a scene that plays no sound, and a seed for one sound."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("[[cutscene]]", "[[cutscene]]\nsounds = []")
    return text.replace('id = "blip"', f'id = "blip"\nseed = {seed}')


def build_figures(folder: Path) -> tuple[float, int, float, int, float]:
    """One life of a pack: seconds and bytes from nothing, again, and seconds after one change."""
    manifest = folder / "pack.toml"
    command = ["build", "pack.toml", "-o", "out", "--json"]
    manifest.write_bytes(EXAMPLE.read_bytes())
    first, memory, _ = measured(command, folder)
    second, less, said = measured(command, folder)
    if json.loads(said)["rebuilt"]:
        raise SystemExit("the second run made something again")
    manifest.write_text(edited(1), encoding="utf-8")
    measured(command, folder)
    manifest.write_text(edited(2), encoding="utf-8")
    third, _, said = measured(command, folder)
    if set(json.loads(said)["rebuilt"]) != {"blip"}:
        raise SystemExit("a changed sound made more than itself again")
    return first, memory, second, less, third


def run(options: timing.Options) -> dict[str, Any]:
    """Measure everything; a result as `benchmarks.readme` reads it."""
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # the program chooses its workers itself
    try:
        return _run(options)
    finally:
        os.sched_setaffinity(0, pinned)


def _run(options: timing.Options) -> dict[str, Any]:
    lives, batches, imports, helps = [], [], [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            lives.append(build_figures(Path(name)))
            command = ["generate", "map", "--theme", "dungeon", "--size", "32x32"]
            took, _, _ = measured([*command, "--seeds", "0-63", "-o", "maps", "-q"], Path(name))
            batches.append(took)
    for _ in range(7):
        imports.append(fresh_python("import aigc_assets"))
        started = time.perf_counter()
        subprocess.run([*PROGRAM, "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        helps.append(time.perf_counter() - started)
    median = statistics.median
    first, memory, second, less, third = (median(column) for column in zip(*lives, strict=True))
    rows = [
        ["demo pack from nothing", round(first, 1), 90, "s"],
        ["memory of all its processes", round(memory / 1e9, 2), 3, "GB"],
        ["second run, nothing rebuilt", round(second, 2), 3, "s"],
        ["memory of the second run", round(less / 1e9, 2), "", "GB"],
        ["one sound changed", round(third, 2), "", "s"],
        ["64 dungeons of 32x32 cells", round(median(batches), 1), "", "s"],
        ["`import aigc_assets`", round(median(imports) * 1000), 150, "ms"],
        ["`aigc-assets --help`", round(median(helps) * 1000), 400, "ms"],
    ]
    found = timing.result(TITLE, "python -m benchmarks.pipelines", options, COLUMNS, rows)
    found["metadata"]["threads"] = os.cpu_count()
    found["remarks"] = [
        f"Medians of {RUNS} runs in fresh folders and processes on {os.cpu_count()} cores; goals "
        "are upper bounds. Memory is the sum of the proportional sizes of all processes."
    ]
    return found


if __name__ == "__main__":
    sys.exit(timing.main(sys.argv[1:], "pipelines"))
