"""Gates: cells between two walls that every walk from the start to the exit has to pass.

Where the terrain has too few of them, one is built: the walls of a gate are the cheapest chain of
cells that leads from one side of it to the other without touching the way. The chain and the gate
are a closed curve that the way crosses once, so start and exit lie on different sides of it.

Compiled where `aigc_assets._host` is there (``csrc/host/gates.cpp``), plain Python with equal
results elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aigc_assets.pipelines.maps import floods, grid
from aigc_assets.pipelines.maps.grid import (
    WALL,
    Terrain,
    cheapest_way,
    cut_depth,
    separators,
    walkable_cells,
)
from aigc_assets.pipelines.maps.indoor.canvas import Canvas

_WALL_PRICE = 4

Walk = Sequence[int] | np.ndarray
"""Cells of the way in order; an int32 array is quickest."""


class Gate(NamedTuple):
    """A place for a door: its cell and the number of cells on the side of the start."""

    cell: int
    before: int


def gate_depth(terrain: Terrain, start: int) -> np.ndarray:
    """How many possible doors every walk from the start to a cell has to pass, for each cell."""
    width = terrain.shape[1]
    wall = (terrain == WALL).astype(np.uint8).reshape(-1)
    between = (np.roll(wall, 1) & np.roll(wall, -1)) | (
        np.roll(wall, width) & np.roll(wall, -width)
    )
    return cut_depth(walkable_cells(terrain), width, between, start)


def across(terrain: Terrain, path: Walk, i: int) -> int:
    """The direction across the way at ``path[i]`` where it goes straight on, else 0."""
    if not 0 < i < len(path) - 1 or path[i + 1] - path[i] != path[i] - path[i - 1]:
        return 0
    return terrain.shape[1] if abs(path[i + 1] - path[i]) == 1 else 1


def gates(terrain: Terrain, path: Walk, only: int | None = None) -> list[Gate]:
    """Every cell of a walk where a door could stand, in walking order; of one cell if ``only``."""
    if grid._engine is floods:
        return gates_plain(terrain, path, only)
    cells = np.asarray(path, dtype=np.int32)
    found = grid._engine.gates(terrain, terrain.shape[1], cells, -1 if only is None else only)
    return [Gate(*gate) for gate in found]


def gates_plain(terrain: Terrain, path: Walk, only: int | None = None) -> list[Gate]:
    """`gates` without compiled code."""
    flat = terrain.reshape(-1)
    found = []
    for i, before in separators(walkable_cells(terrain), terrain.shape[1], list(path)):
        if only is not None and path[i] != only:
            continue
        side = across(terrain, path, i)
        if side and flat[path[i] - side] == WALL and flat[path[i] + side] == WALL:
            found.append(Gate(int(path[i]), before))
    return found


def build_gate(
    canvas: Canvas, path: Walk, i: int, kept: np.ndarray, within: np.ndarray | None = None
) -> int:
    """Make ``path[i]`` a gate with as few walls as possible.

    Args:
        canvas: Changed only on success.
        path: The way from start to exit; stays open.
        i: Index of the gate in it.
        kept: Cells that have to stay open besides, flat bool.
        within: Cells where walls may stand, flat bool; everywhere by default.

    Returns:
        The number of cells changed, -1 if it cannot be done.
    """
    if grid._engine is floods:
        return build_gate_plain(canvas, path, i, kept, within)
    cells = np.asarray(path, dtype=np.int32)
    changed: int = grid._engine.build_gate(
        canvas.flat, canvas.width, canvas.pinned, canvas.inside, canvas.twin, cells, i, kept, within
    )
    return changed


def build_gate_plain(
    canvas: Canvas, path: Walk, i: int, kept: np.ndarray, within: np.ndarray | None = None
) -> int:
    """`build_gate` without compiled code."""
    side = across(canvas.terrain, path, i)
    if not side:
        return -1
    gate = int(path[i])
    flat, twin = canvas.flat, canvas.twin
    walkable = canvas.walkable > 0
    price = np.where(walkable, _WALL_PRICE, 0).astype(np.int32)
    closed = kept | (walkable & canvas.pinned)
    closed[np.asarray(path)] = True
    price[closed | closed[twin]] = -1
    if within is not None:
        price[~within] = -1
    ends = (gate - side, gate + side)
    for end in ends:
        if flat[end] != WALL and canvas.pinned[end]:
            return -1
    chain = cheapest_way(price, canvas.width, *ends, neighbours=8)
    if not chain:
        return -1
    before = canvas.flat.copy()
    cells = np.array(chain)
    walls = np.concatenate([cells[walkable[cells]], np.array(ends)])
    if not canvas.put(walls, WALL) or canvas.fill_unreached(int(path[0])) < 0:
        flat[:] = before
        return -1
    return int((flat != before).sum())
