"""From the network to raw terrain, for a map of any size, and two layouts for extreme wishes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import FLOOR, LIQUID, OUTDOOR, WALL, Terrain
from aigc_assets.pipelines.maps.networks import Drawn

_RAW_FLOOR, _RAW_OUTDOOR, _RAW_LIQUID, _RAW_DOOR = 1, 2, 3, 4
_TERRAIN = np.array([WALL, FLOOR, OUTDOOR, LIQUID, FLOOR], dtype=np.uint8)
_MOST = 0.85
"""Largest share of walkable cells inside the border, unless more are asked for."""


class Layout(NamedTuple):
    """Raw terrain [H, W] and what it costs to make a cell walkable, [H, W] int32 > 0."""

    terrain: Terrain
    cost: NDArray[np.int32]


def terrain_of(drawn: Drawn) -> Terrain:
    """The terrain that a network drew, untouched."""
    return _TERRAIN[drawn.classes]


def layout_of(drawn: Drawn, least_share: float) -> Layout:
    """Terrain of what a network drew; its doors are open floor, real doors are placed later.

    Args:
        drawn: A raw map of a level theme.
        least_share: Least share of walkable cells inside the border, 0..1; the cells that are
            nearest to being walkable are added.
    """
    share = drawn.chances.astype(np.float64)
    walk = share[_RAW_FLOOR] + share[_RAW_OUTDOOR] + share[_RAW_DOOR]
    terrain = terrain_of(drawn)
    inside = np.zeros(terrain.shape, dtype=bool)
    inside[1:-1, 1:-1] = True
    open_cells = np.isin(terrain, (FLOOR, OUTDOOR))
    low, high = (round(s * inside.sum()) for s in (least_share, max(_MOST, least_share)))
    count = int((open_cells & inside).sum())
    # Walkable by decision first, then by probability, so that few cells change.
    order = np.lexsort((-walk.reshape(-1), ~open_cells.reshape(-1), ~inside.reshape(-1)))
    if count < low:
        added = order[count:low]
        outdoor = share[_RAW_OUTDOOR] > share[_RAW_FLOOR] + share[_RAW_DOOR]
        terrain.reshape(-1)[added] = np.where(outdoor.reshape(-1)[added], OUTDOOR, FLOOR)
    elif count > high:
        removed = order[high:count]
        solid = np.where(share[_RAW_LIQUID] > share[0], LIQUID, WALL).reshape(-1)
        terrain.reshape(-1)[removed] = solid[removed]
    cost = np.round(-np.log(np.clip(walk, 1e-4, 1)) * 16).astype(np.int32) + 12
    return Layout(terrain, cost)


def hall(size: tuple[int, int]) -> Layout:
    """One empty hall: the most cells a map can have, for requirements that need them all."""
    width, height = size
    terrain = np.full((height, width), FLOOR, dtype=np.uint8)
    return Layout(terrain, np.full((height, width), 12, dtype=np.int32))


def winding(size: tuple[int, int], steps: int = 1 << 30, symmetry: str = "") -> Layout:
    """One corridor that winds through the map, then a hall in what the corridor leaves.

    Args:
        size: Width and height.
        steps: Of the corridor; by default it winds through the whole map, nearly the longest way
            that a map can have.
        symmetry: If the map will be mirrored: the corridor winds through the half that is kept.
    """
    width, height = size
    if symmetry:
        # The last column or row of the half is a wall, so the corridors meet where they are joined.
        half = (
            ((width + 1) // 2, height) if symmetry == "horizontal" else (width, (height + 1) // 2)
        )
        if min(half) >= 4:
            part = winding(half, steps // 2).terrain
            whole = np.full((height, width), WALL, dtype=np.uint8)
            whole[: half[1], : half[0]] = part
            return Layout(whole, np.full((height, width), 12, dtype=np.int32))
    flat = width >= height
    rows, length = (height, width) if flat else (width, height)
    terrain = np.full((rows, length), WALL, dtype=np.uint8)
    cells = 0
    for turn, y in enumerate(range(1, rows - 1, 2)):
        terrain[y, 1 : length - 1] = FLOOR
        cells += length - 1
        if cells > steps and y + 2 < rows - 1:
            terrain[y + 2 : rows - 1, 1 : length - 1] = FLOOR
            terrain[y + 1, length - 2 if turn % 2 == 0 else 1] = FLOOR
            break
        if y + 2 < rows - 1:
            terrain[y + 1, length - 2 if turn % 2 == 0 else 1] = FLOOR
    terrain = terrain if flat else terrain.T.copy()
    return Layout(terrain, np.full((height, width), 12, dtype=np.int32))
