"""The way through a level with locked doors, and what may go wrong beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.jump_difficulty import crossings, deadly_falls
from aigc_assets.models.platformer_grammar import HAZARD, LADDER, ONE_WAY, SOLID
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.gates import Lock, flags_with
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.settle import Ground, NoRoom, only, seal


def walk(
    ground: Ground, locks: list[Lock], keys: list[Lock]
) -> tuple[list[int], list[tuple[int, str, int]]]:
    """The way that takes every key in order and then leaves, and what is done on it.

    Raises:
        NoRoom: If there is none.
    """
    path = [ground.start]
    events = [(0, "start", 0)]
    held: list[str] = []
    opened: set[int] = set()
    doors = {lock.cell: (index, lock.colour) for index, lock in enumerate(locks)}
    for number, goal in enumerate([*(key.cell for key in keys), ground.exit]):
        leg = physics.route(flags_with(ground.grid, locks, held), path[-1], goal)
        if not leg:
            raise NoRoom("the keys and the exit cannot be reached in order")
        for cell in leg[1:]:
            path.append(cell)
            if cell in doors and cell not in opened:
                opened.add(cell)
                events.append((len(path) - 1, "open", doors[cell][0]))
        if number < len(keys):
            held.append(keys[number].colour)
            events.append((len(path) - 1, "take", number))
    events.append((len(path) - 1, "exit", 0))
    return path, events


def reseal(ground: Ground, locks: list[Lock], keys: list[Lock]) -> Ground:
    """Nobody gets stuck at any stage: before each key, and before the exit."""
    grid = ground.grid.copy()
    seal(grid, ground.start, only(grid, ground.exit))
    for number, key in enumerate(keys):
        flags = flags_with(grid, locks, [k.colour for k in keys[:number]])
        if physics.trapped(flags, ground.start, only(grid, key.cell)).any():
            raise NoRoom(f"one may get stuck before the key of the {key.colour} door")
    ends = [ground.start, ground.exit, *(lock.cell for lock in (*locks, *keys))]
    if (grid.reshape(-1)[ends] == HAZARD).any():
        raise NoRoom("one may get stuck behind a door")
    return ground._replace(grid=grid)


def ways_of(grid: Grid, path: Sequence[int]) -> tuple[float, float]:
    """The parts of the difficulty that the ground decides, for a way over it."""
    support: NDArray[np.bool_] = np.isin(grid, (SOLID, ONE_WAY, LADDER))
    width = grid.shape[1]
    cells = [(cell % width, cell // width) for cell in path]
    return crossings(cells, deadly_falls(support, grid == HAZARD))
