"""Compiling and running the searches."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).parent
PROBLEMS = ("sokoban", "zelda")
SLOTS = 100


def compiler() -> str | None:
    """The C++ compiler, None where there is none."""
    return shutil.which("g++") or shutil.which("clang++")


def build(problem: str, folder: Path) -> Path:
    """Compile the search of one of `PROBLEMS` into a folder; a few seconds.

    Raises:
        FileNotFoundError: If there is no compiler.
        subprocess.CalledProcessError: If it fails.
    """
    found = compiler()
    if found is None:
        raise FileNotFoundError("the searches need g++ or clang++")
    program = folder / f"pcg_search_{problem}"
    source = SOURCES / f"{problem}.cpp"
    command = [found, "-O3", "-march=native", "-std=c++20", "-o", str(program), str(source)]
    subprocess.run(command, check=True)
    return program


def search(
    program: Path, problem: str, seconds: float, *, seed: int = 0, start: Sequence[str] = (),
    slots: int = SLOTS, quiet: bool = False,
) -> list[str]:  # fmt: skip
    """Entries that a search finds, one a line; ``start``: those to go on from."""
    with tempfile.TemporaryDirectory(prefix="pcg_search_") as folder:
        out, begin = Path(folder) / "out", Path(folder) / "start"
        sizes = [str(slots)] if problem == "sokoban" else []
        command = [str(program), "search", str(seconds), str(seed), *sizes, str(out)]
        if start:
            begin.write_text("".join(f"{line}\n" for line in start))
            command.append(str(begin))
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL if quiet else None)
        return out.read_text().splitlines()


def show(program: Path, lines: Sequence[str]) -> list[list[str]]:
    """What a search says of entries: of rooms their moves and letters, of ways their like."""
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        [str(program), "show"], input=text, capture_output=True, text=True, check=True
    )
    return [line.split() for line in done.stdout.splitlines()]
