"""The user's own levels as training data of the map models: from one small level up.

Small levels are laid out as a quilt first: mirrored copies beside each other that share their
walls, with a way cut through each of these, so that a window of the models is filled with what the
user drew and not with rock around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files import Level, Report, read_levels

THEMES = ("dungeon", "cave", "techbase")
"""Labels of the models, in their order; a user's levels teach one of them."""

SIDE = 32
"""Of a window."""

QUILT = 64
"""Levels smaller than a window and a half are laid out to at least this."""

MOST_WINDOWS = 6000
LICENCE = "LicenseRef-own-levels"
_WALL = 0
_WALKABLE = (1, 2, 4)

Grid = NDArray[np.uint8]


def pack_levels(
    folder: Path, theme: str = "dungeon"
) -> tuple[dict[str, NDArray[Any]], dict[str, Any], Report]:
    """Read a folder of levels into the arrays that the map models learn from.

    Args:
        folder: See `aigc_assets.training.maps.level_files.read_levels`.
        theme: One of `THEMES`: the label that the levels teach.

    Returns:
        ``cells`` (all levels flat, uint8), ``shapes`` [levels, 2] and ``windows``, rows of level,
        y, x, theme and 1 where it is held out; their description; and what became of the files.

    Raises:
        DataError: If no level is left.
    """
    levels, report = read_levels(folder)
    seen_from_above: list[Level] = []
    for level in levels:
        if level.side_view:
            report.taken.remove(level.name)
            report.skipped.append((level.name, "is seen from the side; these models learn maps "
                                   "that are seen from above"))  # fmt: skip
        elif not np.isin(level.cells, _WALKABLE).any():
            report.taken.remove(level.name)
            report.skipped.append((level.name, "has no cell to walk on"))
        else:
            seen_from_above.append(level)
    if not seen_from_above:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in report.skipped[:5])
        raise DataError(f"no level is left: {reasons}", where=str(folder))
    cells = [level.cells for level in seen_from_above]
    grids = [quilt(grid) for grid in cells]
    stride = _stride([grid.shape for grid in grids])
    rows: list[tuple[int, int, int, int, bool]] = []
    for number, (original, grid) in enumerate(zip(cells, grids, strict=True)):
        whole = len(grids) >= 5 and number % 5 == 4
        cut = None if whole or len(grids) >= 5 else held_out_from(original)
        for y, x in _corners(grid.shape, stride):
            held = whole
            if cut is not None:
                axis, first = cut
                start = (y, x)[axis]
                if start < first < start + SIDE:
                    continue  # it would show both halves
                held = start >= first
            rows.append((number, y, x, THEMES.index(theme), held))
    arrays: dict[str, NDArray[Any]] = {
        "cells": np.concatenate([grid.reshape(-1) for grid in grids]),
        "shapes": np.array([grid.shape for grid in grids], dtype=np.int32),
        "windows": np.array(rows, dtype=np.int32).reshape(-1, 5),
    }
    source = {
        "folder": folder.name,
        "licence": LICENCE,
        "attribution": "",
        "used_for": f"layouts of {len(grids)} levels, to go on from the shipped weights",
    }
    info = {
        "sources": [source],
        "themes": list(THEMES),
        "levels": [level.name for level in seen_from_above],
        "labels": f"all windows are {theme}, which is what the user called them",
        "notes": "the user's own levels; windows of levels smaller than 48 cells are cut from "
        "mirrored copies laid side by side",
        "fine_tune": True,
    }
    return arrays, info, report


def quilt(cells: Grid) -> Grid:
    """A level as it is if it is large enough, else mirrored copies of it that are joined.

    Args:
        cells: Classes, [H, W]; 0 is wall.

    Returns:
        At least 32 cells each way.
    """
    grid = cells
    for axis in (0, 1):
        length = grid.shape[axis]
        if length >= SIDE * 3 // 2:
            continue
        copies = -(-(QUILT - 1) // (length - 1))
        # Copies share a row: what is the last of one is the first of the next.
        mirrored = np.flip(grid, axis)
        parts = [grid] + [
            np.delete(mirrored if i % 2 == 0 else grid, 0, axis) for i in range(copies - 1)
        ]
        grid = np.concatenate(parts, axis)
        for seam in range(length - 1, grid.shape[axis] - 1, length - 1):
            _join(grid if axis == 0 else grid.T, seam)
    return np.ascontiguousarray(grid)


def _join(grid: Grid, seam: int) -> None:
    """Cut a way through a row between two mirrored halves, where the wall is thinnest, in place."""
    above = np.isin(grid[:seam][::-1], _WALKABLE)
    if np.isin(grid[seam], _WALKABLE).any() or not above.any():
        return
    depth = np.where(above.any(axis=0), above.argmax(axis=0), grid.shape[0])
    column = int(depth.argmin())
    reach = min(int(depth[column]), grid.shape[0] - 1 - seam)
    grid[seam - reach : seam + reach + 1, column] = 1


def held_out_from(cells: Grid) -> tuple[int, int] | None:
    """Where the part of a large level begins that is not learnt from: axis and first cell.

    None where the level is too small to be parted into two that share no window.
    """
    axis = int(np.argmax(cells.shape))
    length = cells.shape[axis]
    if length < 3 * SIDE or min(cells.shape) < SIDE * 3 // 2:
        return None
    return axis, length - max(SIDE + 4, length // 4)


def _stride(shapes: Sequence[tuple[int, ...]]) -> int:
    """The smallest step from 2 on with which all windows together stay below the limit."""
    for step in range(2, 1024):
        if sum(len(_corners(shape, step)) for shape in shapes) <= MOST_WINDOWS:
            return step
    return 1024


def _corners(shape: tuple[int, ...], step: int) -> list[tuple[int, int]]:
    rows, columns = (range(0, max(side - SIDE, 0) + 1, step) for side in shape)
    return [(y, x) for y in rows for x in columns]
