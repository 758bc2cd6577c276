"""Spikes, vents and live plates: beside the way, never on it, and never between two places."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from aigc_assets.pipelines.maps.grid import FLOOR, OUTDOOR, distances, steps
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.indoor.shaping import joined_around
from aigc_assets.pipelines.maps.requirements import Requirements

_NEAR = 4
"""Steps from the way within which hazards are placed first: who walks there shall see them."""
_PATCH = 5
"""Hazards that lie together at most, unless more are asked for than that leaves room for."""
_USUAL, _HARD = 120, 45
"""Cells of ground for each hazard: at most, of a map without a difficulty, and at difficulty 1."""
_CROWDED = 8
"""Cells of ground for each hazard where a range has no upper end."""


def place_hazards(
    canvas: Canvas,
    path: Sequence[int],
    taken: Collection[int],
    wanted: Requirements,
    random: np.random.Generator,
) -> tuple[int, ...]:
    """Choose the cells that harm who steps on them.

    Whatever can be reached can be reached without them: closing a cell is allowed only where the
    cells around it stay joined.

    Args:
        canvas: The finished terrain; not changed.
        path: The walk.
        taken: Cells of objects.
        wanted: How many, or the difficulty from which that follows.
        random: Chooses.

    Raises:
        NoRoom: If they do not fit.
    """
    width = canvas.width
    open_cells = canvas.walkable.copy()
    count, low = _count(int(open_cells.sum()), wanted, random)
    if not count:
        return ()
    closed = canvas.pinned | canvas.pinned[canvas.twin]
    busy = np.array([*path, *taken])
    closed[busy] = True
    ends = np.array([path[0], path[-1]])
    closed[(ends[:, None] + np.array(steps(width))).reshape(-1)] = True
    free = ~closed & np.isin(canvas.flat, (FLOOR, OUTDOOR))
    aside = distances(open_cells, width, path)
    cells = np.flatnonzero(free)
    remote = (aside[cells] > _NEAR) | (canvas.flat[cells] == OUTDOOR)
    order = cells[np.lexsort((random.random(len(cells)), remote))].tolist()
    sizes = random.integers(1, _PATCH + 1, len(order)).tolist()
    chosen: list[int] = []
    for seed, size in zip(order + order, sizes + [count] * len(order), strict=True):
        if len(chosen) >= count:
            break
        if not free[seed] or (size <= _PATCH and _touches(seed, chosen, width)):
            continue  # patches lie apart, but in the second round
        patch = [seed]
        for cell in patch:  # grows while it runs
            if len(chosen) >= count or size <= 0:
                break
            if free[cell] and joined_around(open_cells, width, cell):
                open_cells[cell], free[cell] = 0, False
                chosen.append(cell)
                size -= 1
                patch += [cell + step for step in steps(width) if free[cell + step]]
    if len(chosen) < low:
        raise NoRoom(f"{len(chosen)} hazards beside the way, {wanted.hazards} were asked for")
    return tuple(sorted(chosen))


def _touches(cell: int, others: Collection[int], width: int) -> bool:
    around = (1, width - 1, width, width + 1)
    return any(abs(cell - other) in around for other in others)


def _count(area: int, wanted: Requirements, random: np.random.Generator) -> tuple[int, int]:
    """How many to place, and how many there must be."""
    hard = wanted.difficulty
    span = wanted.hazards
    if span is None:
        usual = int(random.integers(area // _USUAL + 1))
        return (usual if hard is None else round(hard * area / _HARD)), 0
    high = max(span.low, min(span.high, area // _CROWDED))
    if hard is None:
        return int(random.integers(span.low, high + 1)), span.low
    return span.low + round((high - span.low) * hard), span.low
