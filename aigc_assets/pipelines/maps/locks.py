"""Locked doors: in chokepoints that separate the exit from the start, built where there are none.

A door stands between two wall cells on opposite sides, and every walk from the start to the exit
passes it. Where the terrain has too few such places, a straight wall with one gap is built across
a room; what else leads around it is walled up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aigc_assets.pipelines.maps.grid import (
    WALL,
    Terrain,
    distances,
    separators,
    shortest_path,
    walkable_cells,
)
from aigc_assets.pipelines.maps.repair import keep_reachable

MIN_ROOM = 3
"""Cells between two doors, so that the next key has a place of its own."""
_MAX_TRIES = 40


class Gate(NamedTuple):
    """A place for a door: its cell and the number of cells on the side of the start."""

    cell: int
    before: int


def lock(
    terrain: Terrain, start: int, exit_: int, low: int, high: int, random: np.random.Generator
) -> tuple[Terrain, list[Gate]] | None:
    """Find or build between ``low`` and ``high`` gates on the way from start to exit.

    Args:
        terrain: One connected walkable area inside a solid border; not changed.
        start: Cell of the start.
        exit_: Cell of the exit.
        low: Least number of gates.
        high: Most, at least ``low``.
        random: Decides how many and where.

    Returns:
        The terrain with its new walls, still connected, and the gates in walking order, or None
        if there is no room for ``low`` gates.
    """
    places = gates(terrain, start, exit_)
    tries = 0
    while len(_spread(places, len(places))) < low:
        grown = None
        for cell, across in _crossings(terrain, start, exit_, random):
            tries += 1
            if tries > _MAX_TRIES + 4 * low:
                return None
            walled = _wall_off(terrain, start, exit_, cell, across)
            if walled is None:
                continue
            more = gates(walled, start, exit_)
            if len(_spread(more, len(more))) > len(_spread(places, len(places))):
                grown = walled, more
                break
        if grown is None:
            return None
        terrain, places = grown
    most = min(high, len(_spread(places, len(places))))
    return terrain, _spread(places, int(random.integers(low, most + 1)))


def gates(terrain: Terrain, start: int, exit_: int) -> list[Gate]:
    """Every cell where a door could stand, in walking order."""
    width = terrain.shape[1]
    flat = terrain.reshape(-1)
    walkable = walkable_cells(terrain)
    path = shortest_path(walkable, width, start, exit_)
    found = []
    for i, before in separators(walkable, width, path):
        if not 0 < i < len(path) - 1:
            continue
        cell = path[i]
        for along, across in ((1, width), (width, 1)):
            if (
                flat[cell - across] == WALL
                and flat[cell + across] == WALL
                and walkable[cell - along]
                and walkable[cell + along]
            ):
                found.append(Gate(cell, before))
    return found


def _spread(places: list[Gate], count: int) -> list[Gate]:
    """Up to ``count`` gates with room for a key before each, spread evenly over the area."""
    fitting: list[Gate] = []
    last = 1  # the start takes a cell
    for place in places:
        if place.before - last >= MIN_ROOM or (not fitting and place.before - last >= 1):
            fitting.append(place)
            last = place.before + 1
    if count >= len(fitting):
        return fitting
    if count <= 0:
        return []
    picks = np.round(np.linspace(0, len(fitting) - 1, count + 2)[1:-1]).astype(int)
    for i in range(1, count):  # rounding may meet
        picks[i] = max(picks[i], picks[i - 1] + 1)
    return [fitting[i] for i in picks.clip(max=len(fitting) - 1).tolist()]


def _crossings(
    terrain: Terrain, start: int, exit_: int, random: np.random.Generator
) -> list[tuple[int, int]]:
    """Where the walk goes straight on, and the direction across it; shortest walls first."""
    width = terrain.shape[1]
    walkable = walkable_cells(terrain)
    path = shortest_path(walkable, width, start, exit_)
    found = []
    taken = {gate.cell for gate in gates(terrain, start, exit_)}
    for before, cell, after in zip(path, path[1:], path[2:], strict=False):
        if after - cell != cell - before or cell in taken:
            continue
        across = width if abs(after - cell) == 1 else 1
        length = _length(walkable, cell, across) + _length(walkable, cell, -across)
        found.append((length + float(random.random()) * 2, cell, across))
    return [(cell, across) for _, cell, across in sorted(found)]


def _length(walkable: bytearray, cell: int, step: int) -> int:
    count = 0
    while walkable[cell + (count + 1) * step]:
        count += 1
    return count


def _wall_off(terrain: Terrain, start: int, exit_: int, gate: int, across: int) -> Terrain | None:
    """Build a wall with a gap at ``gate`` and close every way around it; None if that fails."""
    terrain = terrain.copy()
    flat = terrain.reshape(-1)
    width = terrain.shape[1]
    for step in (across, -across):
        if not _build(terrain, gate, step, {start, exit_}):
            return None
        flat[gate + step] = WALL  # a door does not lean on liquid
    for _ in range(8):
        walkable = walkable_cells(terrain)
        around = shortest_path(walkable, width, start, exit_, (gate,))
        if not around:
            break
        cuts = []
        for before, cell, after in zip(around, around[1:], around[2:], strict=False):
            if after - cell == cell - before and gate not in (before, after):
                side = width if abs(after - cell) == 1 else 1
                length = _length(walkable, cell, side) + _length(walkable, cell, -side)
                cuts.append((length, cell, side))
        if not cuts:
            return None
        _, cell, side = min(cuts)
        keep = {start, exit_, gate, gate + 1, gate - 1, gate + width, gate - width}
        for step in (side, -side):
            if not _build(terrain, cell, step, keep):
                return None
        flat[cell] = WALL
    reached = distances(walkable_cells(terrain), width, [start])
    if reached[exit_] < 0:
        return None
    keep_reachable(terrain, reached)
    return terrain


def _build(terrain: Terrain, cell: int, step: int, keep: set[int]) -> bool:
    """Wall all walkable cells from ``cell`` (not included) on; False if one of ``keep`` is hit."""
    flat = terrain.reshape(-1)
    walkable = walkable_cells(terrain)
    other = cell + step
    while walkable[other]:
        if other in keep:
            return False
        flat[other] = WALL
        other += step
    return True
