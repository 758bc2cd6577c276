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
    steps,
    walkable_cells,
)
from aigc_assets.pipelines.maps.indoor.repair import keep_reachable

MIN_ROOM = 3
"""Cells between two doors, so that the next key has a place of its own."""
_ROOMS = (60, 40, 25, 15, 8, MIN_ROOM)
_MAX_FLOODED = 60_000
"""Cells of map times tries at building walls."""


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
    while (count := len(_apart(places, MIN_ROOM))) < low:
        grown = _grow(terrain, start, exit_, count, random)
        if grown is None:
            return None
        terrain, places = grown
    for room in _ROOMS:  # the largest parts between doors that the number of doors allows
        fitting = _apart(places, room)
        if len(fitting) >= max(low, 1):
            break
    return terrain, _spread(fitting, int(random.integers(low, min(high, len(fitting)) + 1)))


def _grow(
    terrain: Terrain, start: int, exit_: int, count: int, random: np.random.Generator
) -> tuple[Terrain, list[Gate]] | None:
    """The terrain with walls that make more than ``count`` gates; None if nothing helps.

    Tries walls across the way first, then a chamber around the exit, then one around the start.
    """
    # A try floods the map several times: large maps get few.
    tries = max(3, _MAX_FLOODED // terrain.size)
    crossings = _crossings(terrain, start, exit_, random)[:tries]
    attempts = [lambda c=cell, a=across: _wall_off(terrain, start, exit_, c, a)
                for cell, across in crossings]  # fmt: skip
    for centre in (exit_, start):
        for radius in (2, 1, 3):
            attempts.append(lambda c=centre, r=radius: _chamber(terrain, start, exit_, c, r))
    for attempt in attempts:
        walled = attempt()
        if walled is not None:
            places = gates(walled, start, exit_)
            if len(_apart(places, MIN_ROOM)) > count:
                return walled, places
    return None


def gate_depth(terrain: Terrain, start: int) -> list[int]:
    """How many possible doors every walk from the start to a cell has to pass, for each cell.

    A depth-first search finds the cells that cut the map (Hopcroft & Tarjan 1973); those between
    two walls count.
    """
    width = terrain.shape[1]
    walkable = walkable_cells(terrain)
    wall = (terrain == WALL).reshape(-1).tolist()
    around = steps(width)
    found = [0] * len(walkable)
    lowest = [0] * len(walkable)
    parent = [-1] * len(walkable)
    order = []
    todo = [(start, 0)]
    found[start] = lowest[start] = 1
    while todo:
        cell, turn = todo.pop()
        if turn == 0:
            order.append(cell)
        for i in range(turn, 4):
            other = cell + around[i]
            if not walkable[other]:
                continue
            if not found[other]:
                found[other] = lowest[other] = len(order) + 1
                parent[other] = cell
                todo.append((cell, i + 1))
                todo.append((other, 0))
                break
            if other != parent[cell]:
                lowest[cell] = min(lowest[cell], found[other])
        else:
            if parent[cell] >= 0:
                lowest[parent[cell]] = min(lowest[parent[cell]], lowest[cell])
    depth = [0] * len(walkable)
    for cell in order[1:]:
        above = parent[cell]
        between = (wall[above - 1] and wall[above + 1]) or (
            wall[above - width] and wall[above + width]
        )
        cuts = above != start and between and lowest[cell] >= found[above]
        depth[cell] = depth[above] + cuts
    return depth


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


def _apart(places: list[Gate], room: int) -> list[Gate]:
    """As many gates as have ``room`` cells before each of them."""
    fitting: list[Gate] = []
    last = 1  # the start takes a cell
    for place in places:
        if place.before - last >= (room if fitting or room > MIN_ROOM else 1):
            fitting.append(place)
            last = place.before + 1
    return fitting


def _spread(fitting: list[Gate], count: int) -> list[Gate]:
    """``count`` of the gates at even distances in their order."""
    if count >= len(fitting) or count <= 0:
        return fitting[:count]
    picks = np.round(np.linspace(0, len(fitting) - 1, count + 2)[1:-1]).astype(int)
    for i in range(1, count):  # rounding may meet
        picks[i] = max(picks[i], picks[i - 1] + 1)
    picks -= max(0, int(picks[-1]) - len(fitting) + 1)
    return [fitting[i] for i in picks.tolist()]


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


def _chamber(terrain: Terrain, start: int, exit_: int, centre: int, radius: int) -> Terrain | None:
    """Enclose ``centre`` in a square chamber with one gap; None if that is not possible."""
    height, width = terrain.shape
    y, x = divmod(centre, width)
    top, bottom = y - radius - 1, y + radius + 1
    left, right = x - radius - 1, x + radius + 1
    other_y, other_x = divmod(start if centre == exit_ else exit_, width)
    if top <= other_y <= bottom and left <= other_x <= right:
        return None
    ring = [(row, column) for row in (top, bottom) for column in range(left, right + 1)]
    ring += [(row, column) for column in (left, right) for row in range(top + 1, bottom)]
    ring = [(r, c) for r, c in ring if 0 < r < height - 1 and 0 < c < width - 1]
    walled = terrain.copy()
    for row, column in ring:
        walled[row, column] = WALL
    walkable = walkable_cells(terrain)
    blocked = walkable_cells(walled)
    inside = distances(blocked, width, [centre])
    outside = distances(blocked, width, [start if centre == exit_ else exit_])
    choices = []
    for row, column in ring:
        cell = row * width + column
        for along, across in ((1, width), (width, 1)):
            ends = {cell - along, cell + along}
            if not walkable[cell] or walled.flat[cell - across] != WALL:
                continue
            if walled.flat[cell + across] != WALL or not all(blocked[end] for end in ends):
                continue
            near = [end for end in ends if inside[end] >= 0]
            far = [end for end in ends if outside[end] >= 0]
            if len(near) == 1 and len(far) == 1 and near != far:
                choices.append((outside[far[0]] + inside[near[0]], cell))
    if not choices:
        return None
    walled.flat[min(choices)[1]] = terrain.flat[min(choices)[1]]
    keep_reachable(walled, distances(walkable_cells(walled), width, [start]))
    return walled


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
