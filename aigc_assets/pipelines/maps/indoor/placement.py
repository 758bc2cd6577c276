"""Where start, exit, keys, doors, monsters and treasure stand, and the walk that proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigc_assets.pipelines.maps.grid import Terrain, distances, shortest_path, walkable_cells
from aigc_assets.pipelines.maps.indoor.locks import Gate, gate_depth, lock
from aigc_assets.pipelines.maps.requirements import COLOURS, Range, Requirements


class NoRoom(Exception):
    """A layout does not take what is required; the message says what was missing.

    Args:
        message: What was missing.
        steps: Length of the walk when it is that which does not fit.
    """

    def __init__(self, message: str, steps: int = 0):
        super().__init__(message)
        self.steps = steps


@dataclass(frozen=True)
class Plan:
    """A finished map in cells.

    Args:
        terrain: Terrain [H, W].
        start: Cell of the start.
        exit: Cell of the exit.
        doors: (cell, colour) in walking order.
        keys: (cell, colour); key i opens door i and all of its colour.
        monsters: Cells.
        treasure: Cells.
        path: Cells of the walk.
        events: (step, action, index of the key or door; 0 for start and exit).
    """

    terrain: Terrain
    start: int
    exit: int
    doors: tuple[tuple[int, str], ...]
    keys: tuple[tuple[int, str], ...]
    monsters: tuple[int, ...]
    treasure: tuple[int, ...]
    path: tuple[int, ...]
    events: tuple[tuple[int, str, int], ...]


def place(terrain: Terrain, wanted: Requirements, random: np.random.Generator) -> Plan:
    """Furnish a connected terrain.

    Raises:
        NoRoom: If this terrain cannot hold what is wanted.
    """
    width = terrain.shape[1]
    low, high = _door_range(terrain, wanted)
    last = NoRoom("no place for start and exit")
    stretch = 0.8 if low else 1.0  # the detours to the keys add to the way
    aside = True
    for _ in range(10 if wanted.path and low else 6 if wanted.path or low else 2):
        start, exit_ = _ends(terrain, wanted.path, low, stretch, random)
        locked = lock(terrain, start, exit_, low, high, random)
        if locked is None:
            last = NoRoom(f"no room for {low} locked doors between start and exit")
            continue
        ground, gates = locked
        walkable = walkable_cells(ground)
        colours = [COLOURS[i % len(COLOURS)] for i in random.permutation(len(COLOURS)).tolist()]
        colours = list(wanted.door_colours) or colours
        doors = [(gate.cell, colours[i % len(colours)]) for i, gate in enumerate(gates)]
        try:
            keys = _keys(walkable, width, start, exit_, doors, aside, random)
            path, events = _walk(walkable, width, start, exit_, keys, doors)
            _check_length(path, wanted.path)
            monsters, treasure = _inhabitants(
                walkable, width, start, exit_, keys, gates, path, wanted, random
            )
        except NoRoom as reason:
            last = reason
            if wanted.path and low and reason.steps:
                aim = min(wanted.path.high, wanted.path.low * 1.5 + 4) + wanted.path.low
                stretch *= min(1.5, max(0.5, aim / 2 / reason.steps))
                aside = reason.steps < wanted.path.low
            continue
        return Plan(ground, start, exit_, tuple(doors), tuple(keys), monsters, treasure,
                    tuple(path), tuple(events))  # fmt: skip
    raise last


def _door_range(terrain: Terrain, wanted: Requirements) -> tuple[int, int]:
    if wanted.doors is not None:
        return wanted.doors.low, wanted.doors.high
    if wanted.key_before_door:
        return 1, max(1, min(3, terrain.size // 700))
    return 0, 0


def _ends(
    terrain: Terrain,
    length: Range | None,
    doors: int,
    stretch: float,
    random: np.random.Generator,
) -> tuple[int, int]:
    """Start and exit: far apart, or as far as the wanted path asks for."""
    width = terrain.shape[1]
    walkable = walkable_cells(terrain)
    cells = [cell for cell, free in enumerate(walkable) if free]
    if len(cells) < 2:
        raise NoRoom("fewer than 2 walkable cells")
    anywhere = cells[int(random.integers(len(cells)))]
    # Farthest from anywhere is one end of a long walk; farthest from there the other.
    start = _farthest(distances(walkable, width, [anywhere]), cells, 0.9, random)
    away = distances(walkable, width, [start])
    fitting = cells
    if length is not None:
        low, high = length.low, length.high
        if doors:
            low, high = max(3, int(low * stretch)), max(3, int(high * stretch))
        fitting = [cell for cell in cells if low <= away[cell] <= high]
        if not fitting and not doors:
            raise NoRoom(f"the longest way has {max(away)} steps, path {length} was asked for")
        if not fitting:
            fitting = [max(cells, key=lambda cell: (min(away[cell], high), -cell))]
    if doors:  # an exit behind natural chokepoints needs no walls built
        depth = gate_depth(terrain, start)
        deepest = max(depth[cell] for cell in fitting)
        fitting = [cell for cell in fitting if depth[cell] >= min(deepest, doors + 1)]
    fitting = [cell for cell in fitting if cell != start]
    if not fitting:
        raise NoRoom("no place for the exit")
    if length is None:
        return start, _farthest(away, fitting, 0.85, random)
    return start, fitting[int(random.integers(len(fitting)))]


def _farthest(
    distance: Sequence[int], cells: Sequence[int], share: float, random: np.random.Generator
) -> int:
    """A random one of the cells at ``share`` of the greatest distance or more."""
    least = max(1, int(share * max(distance[cell] for cell in cells)))
    fitting = [cell for cell in cells if distance[cell] >= least]
    return fitting[int(random.integers(len(fitting)))]


def _keys(
    walkable: bytearray,
    width: int,
    start: int,
    exit_: int,
    doors: Sequence[tuple[int, str]],
    aside: bool,
    random: np.random.Generator,
) -> list[tuple[int, str]]:
    """A key for each colour, in the part that opens just before the first door of the colour.

    Far off the way when ``aside``, else near it.
    """
    shut = [cell for cell, _ in doors]
    keys: list[tuple[int, str]] = []
    used = {start, exit_}
    before = [-1] * len(walkable)
    for i, (door, colour) in enumerate(doors):
        reached = distances(walkable, width, [start], shut[i:])
        if colour not in [c for _, c in keys]:
            way = set(shortest_path(walkable, width, start, door, shut[i + 1 :]))
            fresh = [
                cell
                for cell, steps in enumerate(reached)
                if steps >= 0 and before[cell] < 0 and cell not in used and cell not in shut
            ]
            if not fresh:
                raise NoRoom("no place for a key before its door")
            away = distances(walkable, width, way, shut[i:])
            sign = -1 if aside else 1
            ranked = sorted(fresh, key=lambda cell: (sign * away[cell], cell))
            pick = ranked[int(random.integers(max(1, len(ranked) // 8)))]
            keys.append((pick, colour))
            used.add(pick)
        before = reached
    return keys


def _walk(
    walkable: bytearray,
    width: int,
    start: int,
    exit_: int,
    keys: Sequence[tuple[int, str]],
    doors: Sequence[tuple[int, str]],
) -> tuple[list[int], list[tuple[int, str, int]]]:
    """Fetch each key, open its door, go on to the exit."""
    path = [start]
    events: list[tuple[int, str, int]] = [(0, "start", 0)]
    shut = [cell for cell, _ in doors]
    colours = [colour for _, colour in keys]
    held: set[str] = set()
    for i, (door, colour) in enumerate(doors):
        if colour not in held:
            number = colours.index(colour)
            path += shortest_path(walkable, width, path[-1], keys[number][0], shut[i:])[1:]
            events.append((len(path) - 1, "take", number))
            held.add(colour)
        path += shortest_path(walkable, width, path[-1], door, shut[i + 1 :])[1:]
        events.append((len(path) - 1, "open", i))
    path += shortest_path(walkable, width, path[-1], exit_)[1:]
    events.append((len(path) - 1, "exit", 0))
    return path, events


def _check_length(path: Sequence[int], wanted: Range | None) -> None:
    steps = len(path) - 1
    if wanted is not None and not wanted.low <= steps <= wanted.high:
        raise NoRoom(f"the walk has {steps} steps, path {wanted} was asked for", steps)


def _inhabitants(
    walkable: bytearray,
    width: int,
    start: int,
    exit_: int,
    keys: Sequence[tuple[int, str]],
    gates: Sequence[Gate],
    path: Sequence[int],
    wanted: Requirements,
    random: np.random.Generator,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Monsters away from the start and from each other, treasure aside from the way."""
    taken = {start, exit_, *(cell for cell, _ in keys), *(gate.cell for gate in gates)}
    free = [cell for cell, ok in enumerate(walkable) if ok and cell not in taken]
    area = len(free)
    monsters = wanted.monsters or Range(min(area // 3, area // 70), min(area // 3, area // 40 + 1))
    treasure = wanted.treasure or Range(min(area // 3, area // 160), min(area // 3, area // 90 + 1))
    if monsters.low + treasure.low > area:
        raise NoRoom(
            f"{monsters.low} monsters and {treasure.low} treasures do not fit on {area} free cells"
        )
    count = int(random.integers(monsters.low, monsters.high + 1))
    loot = int(random.integers(treasure.low, treasure.high + 1))
    loot = max(treasure.low, min(loot, area // 4, area - monsters.low))
    count = max(monsters.low, min(count, area // 3, area - loot))
    aside = distances(walkable, width, set(path))
    quiet = sorted(free, key=lambda cell: (-aside[cell], cell))
    chests = _apart(quiet[: max(loot, len(quiet) // 3)], loot, width, random)
    occupied = set(chests)
    from_start = distances(walkable, width, [start])
    others = [cell for cell in free if cell not in occupied]
    distant = [cell for cell in others if from_start[cell] > 5]
    beasts = _apart(distant if len(distant) >= count else others, count, width, random)
    return tuple(sorted(beasts)), tuple(sorted(chests))


def _apart(cells: Sequence[int], count: int, width: int, random: np.random.Generator) -> list[int]:
    """``count`` of the cells, each the best of a few draws by distance from those before."""
    pool = list(cells)
    chosen: list[int] = []
    nearest = np.full(len(pool), 1e9)
    places = np.array([divmod(cell, width) for cell in pool], dtype=np.float64).reshape(-1, 2)
    free = np.ones(len(pool), dtype=bool)
    for _ in range(count):
        left = np.flatnonzero(free)
        draws = left[random.integers(len(left), size=6)]
        best = int(draws[int(np.argmax(nearest[draws]))])
        free[best] = False
        chosen.append(pool[best])
        nearest = np.minimum(nearest, np.abs(places - places[best]).sum(1))
    return chosen
