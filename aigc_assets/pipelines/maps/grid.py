"""Cells and walks on a map whose outermost ring is solid.

Cells are numbers ``y * width + x``; thanks to the solid ring no neighbour leaves the map. The
floods run in the compiled module where it is there, else in `floods`, with equal results; the
environment variable ``AIGC_ASSETS_NATIVE=0`` chooses the latter.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps import floods

WALL, FLOOR, OUTDOOR, LIQUID, BRIDGE = range(5)
"""Terrain of a cell. Floor, outdoor ground and bridges can be walked on; liquid is deep."""

Terrain = NDArray[np.uint8]
Walkable = NDArray[np.uint8]
"""One byte per cell, flat, 1 where one can walk."""
Cells = NDArray[np.int32]

_WALKABLE = np.uint8(1 << FLOOR | 1 << OUTDOOR | 1 << BRIDGE)


def _chosen() -> Any:
    if os.environ.get("AIGC_ASSETS_NATIVE") == "0":
        return floods
    try:
        from aigc_assets import _host
    except ImportError:
        return floods
    return _host


_engine = _chosen()


def _cells(cells: Iterable[int]) -> Cells:
    listed = cells if isinstance(cells, np.ndarray) else list(cells)
    return np.asarray(listed, dtype=np.int32)


def walkable_cells(terrain: Terrain) -> Walkable:
    """Where one can walk, flat."""
    return (_WALKABLE >> terrain.reshape(-1)) & np.uint8(1)


def steps(width: int) -> tuple[int, int, int, int]:
    """Offsets of the neighbours: up, right, down, left."""
    return (-width, 1, width, -1)


def distances(
    walkable: Walkable, width: int, sources: Iterable[int], shut: Iterable[int] = ()
) -> Cells:
    """Steps from the nearest source to every cell, -1 where none leads.

    Args:
        walkable: As of `walkable_cells`.
        width: Cells in a row.
        sources: Cells where the walk may begin.
        shut: Cells that cannot be entered.
    """
    found: Cells = _engine.distances(walkable, width, _cells(sources), _cells(shut))
    return found


def shortest_path(
    walkable: Walkable, width: int, start: int, goal: int, shut: Iterable[int] = ()
) -> list[int]:
    """Cells of a shortest walk, both ends included; empty when there is none.

    Prefers to go on straight, so that walks look purposeful.
    """
    path = _engine.shortest_path(walkable, width, int(start), int(goal), _cells(shut))
    return [int(cell) for cell in path.tolist()]


def components(walkable: Walkable, width: int) -> Cells:
    """Number of the connected area of every cell in the order of first cells, -1 where solid."""
    found: Cells = _engine.components(walkable, width)
    return found


def separators(walkable: Walkable, width: int, path: Sequence[int]) -> list[tuple[int, int]]:
    """Which cells of a path every walk between its ends has to pass.

    One flood along the path: a cell is a separator if nothing before it reaches beyond it.

    Returns:
        (index in the path, number of cells on the near side) of each, in order.
    """
    found: list[tuple[int, int]] = _engine.separators(walkable, width, _cells(path))
    return found


def cut_depth(walkable: Walkable, width: int, gate: NDArray[np.uint8], start: int) -> Cells:
    """How many cells of ``gate`` every walk from ``start`` to a cell has to pass, for each cell."""
    found: Cells = _engine.cut_depth(walkable, width, gate, int(start))
    return found


def cheapest_way(price: Cells, width: int, start: int, goal: int, neighbours: int = 4) -> list[int]:
    """Cells of the cheapest way over cells of price >= 0; both ends included and paid for.

    Args:
        price: Of entering each cell, flat; negative where that is forbidden.
        width: Cells in a row.
        start: First cell.
        goal: Last cell.
        neighbours: 4, or 8 with the diagonals.

    Returns:
        The cells, none if no way leads to the goal.
    """
    way = _engine.cheapest_way(price, width, int(start), int(goal), neighbours)
    return [int(cell) for cell in way.tolist()]


def joins(walkable: Walkable, width: int, price: Cells) -> list[tuple[int, int, list[int]]]:
    """The cheapest tree of ways that joins all areas.

    Args:
        walkable: As of `walkable_cells`.
        width: Cells in a row.
        price: Of opening a cell, flat; negative where that is forbidden and on the border.

    Returns:
        (area, area, cells to open) of each way; areas as `components` numbers them.
    """
    found: list[tuple[int, int, list[int]]] = _engine.joins(walkable, width, price)
    return found
