"""A class grid, drawn by whatever, becomes ground that can be played: a way, and no dead ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.platformer_grammar import AIR, HAZARD, SOLID, Level
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.physics import Grid


class NoRoom(Exception):
    """A level does not hold what was asked for; the next one may.

    Args:
        reason: For people.
        short: Whether a longer way would help.
        miss: How much of what was asked for is lacking or too much, as a share of it; 1 where
            nothing is known.
    """

    def __init__(self, reason: str, short: bool = False, miss: float = 1.0) -> None:
        super().__init__(reason)
        self.short = short
        self.miss = miss


class Ground(NamedTuple):
    """A grid [H, W] with a way from ``start`` to ``exit`` and no place to be stuck in.

    ``edits`` counts the cells that were changed for it.
    """

    grid: Grid
    start: int
    exit: int
    edits: int


def only(grid: Grid, cell: int) -> NDArray[np.bool_]:
    """A mask of one cell, [H, W]."""
    mask = np.zeros(grid.shape, dtype=bool)
    mask.reshape(-1)[cell] = True
    return mask


def settle(level: Level) -> Ground:
    """Connect the ends of a level and see to what is stuck.

    The way from start to exit is mended at least cost. A place from which the exit cannot be
    reached any more is joined to the rest as well, or, if it is small or resists, becomes deadly:
    one dies and begins again, but is never stuck.

    Raises:
        NoRoom: If no way could be made.
    """
    grid = level.grid.copy()
    width = grid.shape[1]
    start, exit_ = (y * width + x for x, y in (level.start, level.exit))
    flat = grid.reshape(-1)
    for cell in (start, exit_):
        if flat[cell] in (SOLID, HAZARD):
            flat[cell] = AIR
        if not physics.firm(grid).reshape(-1)[cell]:
            if cell + width >= flat.size:
                raise NoRoom("an end of the level hangs in the air")
            flat[cell + width] = SOLID
    goals = only(grid, exit_)
    for _ in range(8):
        _connect(grid, start, goals)
        lost = physics.trapped(physics.flags_of(grid), start, goals)
        count = int(lost.sum())
        if count == 0:
            break
        if count > 3:
            flags = physics.flags_of(grid)
            safe = (physics.explore(flags, [start]) >= 0) & physics.firm(grid) & ~lost
            edits = physics.mend(flags, [int(np.flatnonzero(lost)[0])], safe)
            for cell, code in edits:
                flat[cell] = code
        else:
            grid[lost] = HAZARD
    seal(grid, start, goals)
    return Ground(grid, start, exit_, int((grid != level.grid).sum()))


def _connect(grid: Grid, start: int, goals: NDArray[np.bool_]) -> None:
    flat = grid.reshape(-1)
    exit_ = int(np.flatnonzero(goals)[0])
    for _ in range(8):
        flags = physics.flags_of(grid)
        if physics.route(flags, start, exit_):
            return
        for cell, code in physics.mend(flags, [start], goals):
            flat[cell] = code
    raise NoRoom("no way from the start to the exit could be made")


def seal(grid: Grid, start: int, goals: NDArray[np.bool_]) -> None:
    """Make every place deadly from which no goal can be reached any more.

    One pass is enough: no way from another place to a goal leads over one of them, and none of them
    carries another (from a ladder or a platform one climbs to what stands on it).
    """
    lost = physics.trapped(physics.flags_of(grid), start, goals)
    grid[lost] = HAZARD
