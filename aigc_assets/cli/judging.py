"""``evaluate character --data``: samples of the public pipeline before independent judges."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aigc_assets.training.characters.judges.rows import Row, Wanted
    from aigc_assets.types import SpriteSheet


def evaluate_characters(
    folder: Path, size: int | None, runs: Path | None, *, as_json: bool
) -> None:
    """Judge the tiers whose data are in ``folder`` and print one table, or one JSON object.

    Args:
        folder: Packed data.
        size: Side of a frame in px, None for all.
        runs: Where the DCGAN was trained, None for a table without it.
        as_json: Print JSON.

    Raises:
        DataError: If the folder holds no data of any tier, or ``runs`` no DCGAN.
        UsageError: If nothing is drawn at ``size``.
    """
    from aigc_assets.errors import UsageError
    from aigc_assets.training.characters.judges.report import REPORTS, report
    from aigc_assets.training.characters.judges.yardstick import Yardstick

    sizes = sorted({row.size for row in REPORTS})
    if size is not None and size not in sizes:
        raise UsageError(
            f"no characters of {size} px are judged", where="--size", remedy=f"one of: {sizes}"
        )
    yardstick = None if runs is None else Yardstick(runs, folder)
    with contextlib.redirect_stdout(sys.stderr):
        rows = report(folder, draw, size, yardstick)
    minutes = {} if yardstick is None else yardstick.minutes
    if as_json:
        found = [dataclasses.asdict(row) for row in rows]
        said = {"kind": "character", "source": str(folder), "baseline_minutes": minutes}
        print(json.dumps({**said, "rows": found}))
        return
    _show(rows)
    print(f"from: samples against held-out data of {folder}")
    for name, time in minutes.items():
        print(f"baseline: {name} after {time:g} minutes of training")


def draw(wanted: Wanted, palette: NDArray[np.uint8], seed: int) -> SpriteSheet:
    """A sheet, as anybody gets it from the public pipeline."""
    from aigc_assets.pipelines.characters import CharacterRequest, generate_character

    asked: Any = wanted.animations or None  # None: those of the tier
    request = CharacterRequest(wanted.prompt, asked, wanted.size, wanted.kind, crowd=wanted.crowd)
    sheet: Any = generate_character(request, palette, seed).asset
    found: SpriteSheet = sheet
    return found


def _show(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    names = ["model", "floor", "baseline", "ceiling"]
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    for tier in dict.fromkeys(row.tier for row in rows):
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(tier)
        for name in (*names, "also", "target", "met"):
            table.add_column(name, justify="left" if name in ("also", "target") else "right")
        for row in (row for row in rows if row.tier == tier):
            cells = [f"{row.columns[n]:.4g}" if n in row.columns else "-" for n in names]
            also = ", ".join(f"{n} {v:.4g}" for n, v in row.columns.items() if n not in names)
            met = {True: "yes", False: "NO", None: ""}[row.met]
            table.add_row(row.measure, *cells, also, row.target, met)
        console.print(table)
        console.print()
