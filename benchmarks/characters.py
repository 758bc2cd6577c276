"""The table of ``aigc-assets evaluate character``, kept for the README.

``python -m benchmarks.characters --data DIR --baseline DIR [--size N] [--json PATH] [--save]``: DIR
of ``aigc-assets data pack``; DIR where ``python -m aigc_assets.training --only dcgan`` (and
``dcgan16``, ``dcgan64``) left their checkpoints. Only the whole table is saved.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from aigc_assets.cli.judging import draw
from aigc_assets.training.characters.judges.report import report
from aigc_assets.training.characters.judges.rows import Row
from aigc_assets.training.characters.judges.yardstick import Yardstick
from benchmarks import timing

SAVED = "characters--cpu.json"
COLUMNS = ("tier", "measure", "shipped", "floor", "baseline", "ceiling", "others", "asked", "met")
_NAMED = ("model", "floor", "baseline", "ceiling")
REMARK = """Shipped models through the public pipeline, from the words of what is held out. Floor:
real pictures that the judge has not seen, against other held-out ones; for people, who are put
together from parts, the source's own drawing of what was asked for. Baseline: the classic DCGAN
after {minutes}; at 32 px those of its pictures that an independent classifier takes for the tier's
kinds. Ceiling: held-out pictures with a tenth of their pixels exchanged. The two embeddings, of a
network and of hand-made features, have 16 numbers each and are used in no training; `damage
noticed` shows that distances in them rise with known damage. Shuffled: what chance finds."""


def table(rows: list[Row], minutes: dict[str, float]) -> dict[str, Any]:
    """The rows as `benchmarks.readme` reads them."""
    verdict = {True: "yes", False: "no", None: None}
    cells = []
    for row in rows:
        others = ", ".join(f"{k} {v:.3g}" for k, v in row.columns.items() if k not in _NAMED)
        named = [row.columns.get(name) for name in _NAMED]
        cells.append([row.tier, row.measure.replace("_", " "), *named, others or None,
                      row.target or None, verdict[row.met]])  # fmt: skip
    command = "python -m benchmarks.characters --data DIR --baseline DIR --save"
    found = timing.result("Characters", command, timing.Options(), COLUMNS, cells)
    trained = ", ".join(f"{time:g} ({name})" for name, time in minutes.items())
    told = f"{trained} minutes" if trained else "no training: none was given"
    found["remarks"] = [REMARK.format(minutes=told).replace("\n", " ")]
    found["headlines"] = [i for i, row in enumerate(rows) if row.met is not None]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Judge all tiers, print and keep the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.characters", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="packed data")
    parser.add_argument("--baseline", type=Path, help="where the DCGAN was trained")
    parser.add_argument("--size", type=int, help="characters of this size only")
    parser.add_argument("--json", type=Path, help="write the table there")
    parser.add_argument("--save", action="store_true", help=f"write {timing.RESULTS.name}/{SAVED}")
    chosen = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    if chosen.save and (chosen.size is not None or chosen.baseline is None):
        parser.error("only the table of all sizes, with a baseline, is saved")
    yardstick = None if chosen.baseline is None else Yardstick(chosen.baseline, chosen.data)
    rows = report(chosen.data, draw, chosen.size, yardstick)
    found = table(rows, {} if yardstick is None else yardstick.minutes)
    timing.show(found)
    text = json.dumps(found, indent=1) + "\n"
    if chosen.json:
        chosen.json.write_text(text)
    if chosen.save:
        (timing.RESULTS / SAVED).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
