"""Measuring and reporting that all suites share."""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


class Options(NamedTuple):
    """What a suite is asked for: device, threads, seconds for one variant, and which cases."""

    device: str = "cpu"
    threads: int = 1
    seconds: float = 1.0
    only: str = ""


class Timing(NamedTuple):
    """Times of one variant in µs per call: tenth percentile, median, and the number of samples."""

    p10: float
    median: float
    count: int


def compare(variants: Mapping[str, Callable[[], object]], options: Options) -> dict[str, Timing]:
    """Time variants in turn until ``options.seconds`` per variant are spent.

    A sample is a batch of calls that lasts at least 200 µs, so that the clock does not matter. The
    order of the variants rotates, so that none always runs after the same other, and every sample
    follows one call that is not timed: what another variant left in the caches and in the memory
    allocator is not what is compared.
    """
    batches = {}
    for name, run in variants.items():
        run()
        _wait(options)
        once = min(_seconds(run, 1, options) for _ in range(3))
        batches[name] = max(1, min(1000, round(2e-4 / max(once, 1e-7))))
    samples: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    deadline = time.perf_counter() + options.seconds * len(names)
    collected = gc.isenabled()
    gc.disable()
    try:
        while time.perf_counter() < deadline or len(samples[names[0]]) < 5:
            for name in names:
                calls = batches[name]
                variants[name]()
                samples[name].append(_seconds(variants[name], calls, options) / calls)
            names.append(names.pop(0))
    finally:
        if collected:
            gc.enable()
    found = {}
    for name, values in samples.items():
        values.sort()
        last = len(values) - 1
        p10, median = values[round(0.1 * last)], values[round(0.5 * last)]
        found[name] = Timing(1e6 * p10, 1e6 * median, len(values))
    return found


def bandwidth(options: Options) -> float:
    """Bytes per second, read plus written, of the fastest large copy on the device."""
    source = torch.ones(1 << 26, device=options.device)
    target = torch.empty_like(source)
    timing = compare({"copy": lambda: target.copy_(source)}, options)["copy"]
    return 2 * source.nbytes / (timing.p10 * 1e-6)


def result(
    title: str, command: str, options: Options, columns: Sequence[str], rows: Sequence[Sequence]
) -> dict[str, Any]:
    """A suite's result: what was measured, how, on what; rows as people read them."""
    return {
        "title": title,
        "command": command,
        "metadata": metadata(options),
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "remarks": [],
    }


def metadata(options: Options) -> dict[str, Any]:
    """Date, commit, versions, processor or GPU, and threads."""
    about: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "device": options.device,
        "threads": options.threads,
        "load": round(os.getloadavg()[0], 2),
    }
    if options.device == "cuda":
        about["gpu"] = torch.cuda.get_device_name()
        about["cuda"] = torch.version.cuda
    return about


def pin(options: Options) -> None:
    """Give this process ``threads`` cores, and torch as many threads."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-options.threads :])
    torch.set_num_threads(options.threads)


def show(found: Mapping[str, Any]) -> None:
    """Print a result as a table."""
    cells = [list(found["columns"]), *([text_of(c) for c in row] for row in found["rows"])]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    print(f"\n{found['title']}  ({', '.join(f'{k} {v}' for k, v in found['metadata'].items())})")
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    for remark in found["remarks"]:
        print(remark)


def main(argv: Sequence[str], suite: str | None = None) -> int:
    """The command line of all suites (``suite`` None) and of each."""
    parser = argparse.ArgumentParser(prog="benchmarks" if suite is None else f"benchmarks.{suite}")
    if suite is None:
        parser.add_argument("suites", nargs="*", help=f"of: {', '.join(suites())}")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each variant")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="cases whose name has this in it"
    )
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write JSON, or print it last"
    )
    parser.add_argument("--save", action="store_true", help=f"write to {RESULTS.relative_to(ROOT)}")
    arguments = parser.parse_args(argv)
    names = [suite] if suite is not None else (arguments.suites or suites())
    unknown = set(names) - set(suites())
    if unknown:
        parser.error(f"unknown suite {', '.join(sorted(unknown))}: {', '.join(suites())}")
    options = Options(arguments.device, arguments.threads, arguments.seconds, arguments.only)
    pin(options)
    found = {}
    for name in names:
        found[name] = _module(name).run(options)
        show(found[name])
        if arguments.save:
            RESULTS.mkdir(exist_ok=True)
            path = RESULTS / results_name(name, options)
            path.write_text(json.dumps(found[name], indent=1) + "\n")
    if arguments.json:
        text = json.dumps(found if suite is None else found[suite])
        if arguments.json == "-":
            print(text)
        else:
            Path(arguments.json).write_text(text + "\n")
    return 0


def results_name(suite: str, options: Options) -> str:
    """Name of the file that keeps a suite's result: by device and, beyond one, by threads."""
    if options.device == "cuda":
        name = torch.cuda.get_device_name().removeprefix("NVIDIA ").split()[0].lower()
        return f"{name}-{suite}.json"
    threads = f"-{options.threads}-threads" if options.threads > 1 else ""
    return f"{suite}--cpu{threads}.json"


def suites() -> list[str]:
    """Names of the modules of this package that have a function ``run``."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    names = sorted(info.name for info in found if not info.ispkg)
    own = (__name__.rpartition(".")[2], "__main__")
    return [name for name in names if name not in own and _defines_run(name)]


def _defines_run(name: str) -> bool:
    text = (Path(__file__).parent / f"{name}.py").read_text()
    return "\ndef run(" in text


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{name}")


def _seconds(run: Callable[[], object], calls: int, options: Options) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    _wait(options)
    return time.perf_counter() - start


def _wait(options: Options) -> None:
    if options.device == "cuda":
        torch.cuda.synchronize()


def text_of(value: object) -> str:
    """A cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
