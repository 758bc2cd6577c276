"""Which tiers of characters are judged by `evaluate character`, and from which packed data."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import NamedTuple

from aigc_assets.errors import DataError
from aigc_assets.training.characters.judges.rows import Draw, Row
from aigc_assets.training.characters.judges.yardstick import Yardstick
from aigc_assets.training.packing import read


class Report(NamedTuple):
    """A function ``(arrays, info, draw, yardstick) -> rows``, its packed data, the frame size."""

    size: int
    data: str
    module: str
    function: str


_HERE = "aigc_assets.training.characters.judges"
REPORTS: tuple[Report, ...] = (
    Report(16, "people16", f"{_HERE}.tiny_report", "tiny_rows"),
    Report(16, "beasts16", f"{_HERE}.beast_report", "beast_rows"),
    Report(32, "sprite", f"{_HERE}.sprite_report", "sprite_rows"),
    Report(32, "doll", f"{_HERE}.doll_report", "doll_rows"),
    Report(32, "crowd", f"{_HERE}.crowd_report", "crowd_rows"),
    Report(64, "character", f"{_HERE}.people_report", "people_rows"),
    Report(64, "character", f"{_HERE}.portrait_report", "portrait_rows"),
)


def report(
    folder: Path,
    draw: Draw,
    size: int | None = None,
    yardstick: Yardstick | None = None,
    only: str = "",
) -> list[Row]:
    """Rows of every tier (of one size) whose packed data are in ``folder``.

    Args:
        folder: Packed data.
        draw: The public pipeline.
        size: Side of a frame in px, None for all.
        yardstick: The DCGAN, if it was trained.
        only: Name of the packed data of the tiers to judge, all if empty.

    Raises:
        DataError: If the folder holds no data of any of them.
    """
    wanted = [row for row in REPORTS if size in (None, row.size) and only in ("", row.data)]
    found = [row for row in wanted if (folder / f"{row.data}.npz").is_file()]
    if not found:
        raise DataError(
            "no packed data of any tier of characters",
            where=str(folder),
            remedy="make it with `aigc-assets data pack SOURCES -o DIR --kind "
            + "` or `".join(dict.fromkeys(entry.data for entry in wanted))
            + "`",
        )
    rows: list[Row] = []
    for entry in wanted:
        if entry in found:
            function = getattr(importlib.import_module(entry.module), entry.function)
            rows += function(*read(folder, entry.data), draw, yardstick)
        else:
            print(f"no {entry.data}.npz in {folder}: {entry.size} px is left out", file=sys.stderr)
    return rows
