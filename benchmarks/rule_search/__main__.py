"""``python -m benchmarks.rule_search sokoban|zelda --minutes M --out FILE``: make a table again."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.rule_search import native, tables


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rule_search", description=__doc__)
    parser.add_argument("problem", choices=native.PROBLEMS)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", action="store_true", help="go on from the table in use")
    parser.add_argument("--out", type=Path, required=True, help="the Python module to write")
    chosen = parser.parse_args(arguments)
    start = tables.shipped(chosen.problem) if chosen.start else ()
    with tempfile.TemporaryDirectory(prefix="pcg_search_") as folder:
        program = native.build(chosen.problem, Path(folder))
        lines = native.search(
            program, chosen.problem, 60 * chosen.minutes, seed=chosen.seed, start=start
        )
    write = {"sokoban": tables.write_sokoban, "zelda": tables.write_zelda}[chosen.problem]
    chosen.out.write_text(write(lines))
    print(f"{len(lines)} entries in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
