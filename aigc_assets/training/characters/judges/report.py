"""Which tiers of characters are judged by `evaluate character`, and from which packed data."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import NamedTuple

from aigc_assets.errors import DataError
from aigc_assets.training.characters.judges.rows import Draw, Row
from aigc_assets.training.packing import read


class Report(NamedTuple):
    """A function ``(arrays, info, draw) -> rows``, the packed data it reads, the frame size."""

    size: int
    data: str
    module: str
    function: str


REPORTS: tuple[Report, ...] = (
    Report(16, "people16", "aigc_assets.training.characters.judges.tiny_report", "tiny_rows"),
    Report(32, "sprite", "aigc_assets.training.characters.judges.sprite_report", "sprite_rows"),
    Report(64, "character", "aigc_assets.training.characters.judges.people_report", "people_rows"),
)


def report(folder: Path, draw: Draw, size: int | None = None) -> list[Row]:
    """Rows of every tier (of one size) whose packed data are in ``folder``.

    Args:
        folder: Packed data.
        draw: The public pipeline.
        size: Side of a frame in px, None for all.

    Raises:
        DataError: If the folder holds no data of any of them.
    """
    wanted = [row for row in REPORTS if size is None or row.size == size]
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
            rows += function(*read(folder, entry.data), draw)
        else:
            print(f"no {entry.data}.npz in {folder}: {entry.size} px is left out", file=sys.stderr)
    return rows
