"""Locked gates on the way to the exit, and their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.platformer_grammar import AIR, LADDER, ONE_WAY, SOLID
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.settle import Ground, NoRoom, only
from aigc_assets.pipelines.maps.requirements import LIMIT

_TRIES = 24
_SHORT = 40
"""Ticks of a way whose end is short of room."""
_HEIGHTS = (4, 6, 8)
"""Rows of a gate under the open sky; the lowest that cannot be climbed over is taken."""


class Lock(NamedTuple):
    """A cell of a door and its colour."""

    cell: int
    colour: str


def raise_gates(
    ground: Ground, count: int, random: np.random.Generator, last: bool = False, spare: bool = False
) -> tuple[Grid, list[int]]:
    """Walls across the way, each with a doorway of one cell that cannot be avoided.

    Args:
        ground: Where to build.
        count: Number of gates.
        random: Where along the way.
        last: Whether the only gate belongs close before the exit.
        spare: Whether the end of the way is needed for another gate.

    Returns:
        The grid with the walls and the cells of the doorways in the order of the way.

    Raises:
        NoRoom: If there is no place for so many.
    """
    grid, doors = ground.grid, list[int]()
    for number in range(count):
        way = physics.route(physics.flags_of(grid, doors=doors), ground.start, ground.exit)
        share = 0.94 if last else (number + 0.45 + 0.3 * float(random.random())) / count
        share *= 0.6 if spare and len(way) < _SHORT else 1.0
        built = None
        places = _places(grid, way, doors, share, last)[:_TRIES]
        # A tower that ends below the sky, somewhere, before one that does not.
        for cell, tallest in [(c, _HEIGHTS[-1]) for c in places] + [(c, LIMIT) for c in places]:
            built = _build(grid, cell, doors, ground, tallest)
            if built is not None:
                grid = built
                doors.append(cell)
                break
        if built is None:
            reason = f"there is a place for {number} of {count} doors"
            raise NoRoom(reason, miss=1 - number / count)
    way = physics.route(physics.flags_of(grid, doors=doors), ground.start, ground.exit)
    return grid, sorted(doors, key=way.index)


def _places(
    grid: Grid, way: list[int], doors: Sequence[int], share: float, last: bool
) -> list[int]:
    """Cells of the way where one walks over rock, or climbs through it, best first."""
    width = grid.shape[1]
    flat = grid.reshape(-1)
    apart = 2 if len(way) < 24 else 4
    found = []
    place = {cell: i for i, cell in reversed(list(enumerate(way)))}
    taken = [place[door] for door in doors if door in place]
    for i in range(2, len(way) - 2):
        cell = way[i]
        step = cell - way[i - 1]
        if any(abs(i - other) < apart for other in taken) or (last and len(way) - i < 5):
            continue
        if abs(way[i + 1] - cell - step) <= 1 and _is_hatch(grid, cell, step):
            found.append((abs(i / len(way) - share) + 0.04, i, cell))
            continue
        if abs(step) != 1 or way[i + 1] - cell != step or cell + width >= flat.size:
            continue
        if any(
            flat[c] != AIR or flat[c + width] != SOLID for c in (cell - step, cell, cell + step)
        ):
            continue
        tall, closed = _above(grid, cell)
        if tall < 1:
            continue
        cost = abs(i / len(way) - share) + 0.012 * tall + (0.0 if closed else 0.05)
        found.append((cost, i, cell))
    return [cell for _, _, cell in sorted(found)]


def _is_hatch(grid: Grid, cell: int, step: int) -> bool:
    """Whether a ladder leads through rock here: a door can lie in it like a hatch."""
    width = grid.shape[1]
    x = cell % width
    flat = grid.reshape(-1)
    return bool(
        abs(step) == width
        and flat[cell] == LADDER
        and 0 < x < width - 1
        and flat[cell - 1] == SOLID
        and flat[cell + 1] == SOLID
    )


def _above(grid: Grid, cell: int) -> tuple[int, bool]:
    """Free rows above a cell and whether rock ends them; -1 if something else is in the way."""
    y, x = divmod(cell, grid.shape[1])
    column = grid[:y, x][::-1]
    stop = np.flatnonzero(column != AIR)
    if stop.size == 0:
        return y, False
    return (int(stop[0]), True) if column[stop[0]] == SOLID else (-1, False)


def _build(grid: Grid, cell: int, doors: list[int], ground: Ground, tallest: int) -> Grid | None:
    """The grid with a gate, as low as it may be; None if one gets around it or around another."""
    y, x = divmod(cell, grid.shape[1])
    tall, closed = _above(grid, cell) if grid[y, x] == AIR else (0, True)
    heights = (tall,) if closed else (*(h for h in _HEIGHTS if h < tall), tall)
    for height in heights:
        if height > tallest and not closed:
            break
        built = grid.copy()
        sides = grid[y - height : y, [x - 1, x + 1]]
        thick = not closed and bool((sides == AIR).all()) and 2 <= x < grid.shape[1] - 2
        built[y - height : y, x - thick : x + thick + 1] = SOLID
        every = [*doors, cell]
        if not physics.route(physics.flags_of(built, doors=every), ground.start, ground.exit):
            return None
        if not any(
            physics.route(physics.flags_of(built, [shut], every), ground.start, ground.exit)
            for shut in every
        ):
            return built
    return None


def hide_keys(
    ground: Ground, locks: Sequence[Lock], random: np.random.Generator, near: bool
) -> list[Lock]:
    """A key for every colour, each where one gets with the keys before it.

    Args:
        ground: With the gates built.
        locks: In the order of the way.
        random: Which of the good places.
        near: Whether keys lie close to the way rather than well off it.

    Raises:
        NoRoom: If there is no place for one.
    """
    doors = [lock.cell for lock in locks]
    colours = list(dict.fromkeys(lock.colour for lock in locks))
    beside = {cell + step for cell in doors for step in (-1, 0, 1)}
    before = np.zeros(ground.grid.shape, dtype=bool)
    keys: list[Lock] = []
    for number, colour in enumerate(colours):
        flags = flags_with(ground.grid, locks, colours[:number])
        reached = physics.explore(flags, [ground.start]) >= 0
        open_flags = physics.flags_of(ground.grid, doors=doors)
        way = physics.route(open_flags, ground.start, ground.exit)
        off = physics.explore(flags, [c for c in way if reached.reshape(-1)[c]])
        good = floors_of(ground.grid) & reached & (off >= 0)
        taken = [ground.start, ground.exit, *doors, *(key.cell for key in keys)]
        good.reshape(-1)[taken] = False
        fresh = good & ~before
        for cells in (fresh, good):
            places = [c for c in np.flatnonzero(cells).tolist() if c not in beside]
            places = places or np.flatnonzero(cells).tolist()
            if places:
                break
        else:
            raise NoRoom(f"there is no place for the key of the {colour} door")
        noise = random.random(len(places))
        detour = off.reshape(-1)[places] * (1 if near else -1) * (0.7 + 0.6 * noise)
        order = np.argsort(detour, kind="stable")[:8]
        for index in order.tolist():
            cell = places[index]
            if not physics.trapped(flags, ground.start, only(ground.grid, cell)).any():
                keys.append(Lock(cell, colour))
                break
        else:
            raise NoRoom(f"one may get stuck before the key of the {colour} door")
        before |= reached
    return keys


def flags_with(grid: Grid, locks: Sequence[Lock], held: Sequence[str]) -> NDArray[np.uint8]:
    """The flags of the grid for somebody who has the keys ``held``."""
    shut = [lock.cell for lock in locks if lock.colour not in held]
    return physics.flags_of(grid, shut, [lock.cell for lock in locks])


def floors_of(grid: Grid) -> NDArray[np.bool_]:
    """Free cells on rock or on a platform, [H, W]."""
    floors: NDArray[np.bool_] = grid == AIR
    floors[:-1] &= np.isin(grid[1:], (SOLID, ONE_WAY))
    floors[-1] = False
    return floors
