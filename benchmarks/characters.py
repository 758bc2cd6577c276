"""The table of ``aigc-assets evaluate character``, kept for the README.

``python -m benchmarks.characters --data DIR --baseline DIR [--size N] [--json PATH] [--save]``: DIR
of ``aigc-assets data pack``; DIR where ``python -m aigc_assets.training --only dcgan`` (and
``dcgan16``, ``dcgan64``) left their checkpoints. ``--only NAME --save`` judges the tiers of one set
of packed data and puts their rows into the saved table; the DCGAN's values stay where the floor
shows that the judge is the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from aigc_assets.cli.judging import draw
from aigc_assets.training.characters.judges.report import report
from aigc_assets.training.characters.judges.rows import Row, with_baseline
from aigc_assets.training.characters.judges.yardstick import Yardstick
from benchmarks import timing

SAVED = "characters--cpu.json"
COLUMNS = ("tier", "measure", "shipped", "floor", "baseline", "ceiling", "others", "asked", "met")
SAME = 0.02
"""Relative difference of two floors of the same judge on two machines."""
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


def renewed(saved: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    """The saved table with ``rows`` in place of its rows of the same tiers.

    The DCGAN has not changed meanwhile; its value is kept where the judge has not either: where
    real pictures score within `SAME` of what they did.
    """
    old = {(cells[0], cells[1]): dict(zip(saved["columns"], cells, strict=True))
           for cells in saved["rows"]}  # fmt: skip
    judged = []
    for row in rows:
        before = old.get((row.tier, row.measure.replace("_", " ")), {})
        baseline, floor = before.get("baseline"), before.get("floor")
        if baseline is not None and floor is not None and "floor" in row.columns:
            if abs(row.columns["floor"] - floor) <= SAME * abs(floor):
                row = with_baseline(row, baseline)
        judged.append(row)
    part = table(judged, {})
    tiers = {row.tier for row in rows}
    cells = [cells for cells in saved["rows"] if cells[0] not in tiers]
    first = min((i for i, c in enumerate(saved["rows"]) if c[0] in tiers), default=len(cells))
    cells[first:first] = part["rows"]
    made = part["metadata"]
    remark = f"{', '.join(sorted(tiers))}: judged anew on {made['date']}, {made['cpu']}."
    verdict = saved["columns"].index("met")
    return {
        **saved,
        "rows": cells,
        "remarks": [*(r for r in saved["remarks"] if r.split(":")[0] not in tiers), remark],
        "headlines": [i for i, c in enumerate(cells) if c[verdict] is not None],
    }


def main(arguments: list[str] | None = None) -> int:
    """Judge all tiers, print and keep the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.characters", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="packed data")
    parser.add_argument("--baseline", type=Path, help="where the DCGAN was trained")
    parser.add_argument("--size", type=int, help="characters of this size only")
    parser.add_argument("--only", default="", help="name of packed data: its tiers only")
    parser.add_argument("--json", type=Path, help="write the table there")
    parser.add_argument("--save", action="store_true", help=f"write {timing.RESULTS.name}/{SAVED}")
    chosen = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    if chosen.save and (chosen.size is not None or (chosen.baseline is None and not chosen.only)):
        parser.error("saved is the table of all sizes with a baseline, or what --only renews of it")
    yardstick = None if chosen.baseline is None else Yardstick(chosen.baseline, chosen.data)
    rows = report(chosen.data, draw, chosen.size, yardstick, chosen.only)
    found = table(rows, {} if yardstick is None else yardstick.minutes)
    if chosen.save and chosen.only:
        found = renewed(json.loads((timing.RESULTS / SAVED).read_text()), rows)
    timing.show(found)
    text = json.dumps(found, indent=1) + "\n"
    if chosen.json:
        chosen.json.write_text(text)
    if chosen.save:
        (timing.RESULTS / SAVED).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
