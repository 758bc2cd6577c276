"""What a grid needs that came without a plan: a start, an exit, and ways between its parts."""

from __future__ import annotations

import numpy as np

from aigc_assets.models.platformer_grammar import SOLID, Level
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.gates import floors_of
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.settle import Ground, settle

_STARTS = 6
"""Places that are compared."""
_PARTS = 3
"""Parts that are joined to a level at most."""
_LADDER = 14
"""Most cells that are changed to join one."""


def choose_ends(grid: Grid, random: np.random.Generator) -> Level:
    """Choose start and exit in a class grid [H, W]: far apart, and joined as it is if possible.

    The start is the one of a few places near the sides (near the bottom of a tall level) from which
    the way goes furthest; the exit lies at the end of that way if the way crosses most of the
    level, else on the far side, and the way has to be mended.
    """
    height, width = grid.shape
    floors = floors_of(grid)
    # An end needs a free cell above it and rock or a platform below.
    floors[1:] &= grid[:-1] != SOLID
    cells = np.flatnonzero(floors)
    if cells.size < 2:
        y = height - 2
        return Level(grid, (0, y), (width - 1, y))
    tall = height > 1.3 * width
    along = (height - 1 - cells // width) if tall else cells % width
    length = height if tall else width
    mirrored = not tall and bool(random.random() < 0.5)
    along = length - 1 - along if mirrored else along
    order = cells[np.argsort(along, kind="stable")]
    near = order[: max(_STARTS, len(order) // 8)]
    picks = near[np.linspace(0, len(near) - 1, min(_STARTS, len(near))).astype(int)]
    place = np.full(grid.size, -1)
    place[cells] = along
    flags = physics.flags_of(grid)
    best = (-1, -1, 0)  # how far it leads, in how many ticks, minus the start
    goal = -1
    for start in dict.fromkeys(picks.tolist()):
        ticks = physics.explore(flags, [start]).reshape(-1)
        reached = cells[(ticks[cells] >= 0) & (cells != start)]
        if reached.size == 0:
            continue
        furthest = int(place[reached].max())
        ends = reached[place[reached] >= furthest - 2]
        end = int(ends[np.argmax(ticks[ends])])
        merit = (furthest - int(place[start]), int(ticks[end]), -start)
        if merit > best:
            best, goal = merit, end
    start = -best[2] if goal >= 0 else int(order[0])
    if goal < 0 or best[0] < 0.6 * length:
        goal = int(order[-1] if start != order[-1] else order[0])
    return Level(grid, _cell(start, width), _cell(goal, width))


def open_up(ground: Ground) -> Ground:
    """Join large parts of a level that nobody gets to, as far as a few ladders do it."""
    grid = ground.grid.copy()
    for _ in range(_PARTS):
        flags = physics.flags_of(grid)
        floors = floors_of(grid)
        cut = floors & (physics.explore(flags, [ground.start]) < 0)
        cells = np.flatnonzero(cut)
        if cells.size <= 0.15 * floors.sum():
            break
        picks = cells[np.linspace(0, cells.size - 1, min(_STARTS, cells.size)).astype(int)]
        parts = [cut & (physics.explore(flags, [cell]) >= 0) for cell in picks.tolist()]
        largest = max(parts, key=lambda part: int(part.sum()))
        edits = physics.mend(flags, [ground.start], largest)
        if not edits or len(edits) > _LADDER:
            break
        for cell, code in edits:
            grid.reshape(-1)[cell] = code
    width = grid.shape[1]
    ends = _cell(ground.start, width), _cell(ground.exit, width)
    opened = settle(Level(grid, *ends))
    return opened._replace(edits=ground.edits + int((opened.grid != ground.grid).sum()))


def _cell(number: int, width: int) -> tuple[int, int]:
    return number % width, number // width
