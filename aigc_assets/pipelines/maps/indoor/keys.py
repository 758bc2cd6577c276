"""Where the keys lie, so that the walk becomes as long as it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aigc_assets.pipelines.maps.grid import Walkable, distances, shortest_path
from aigc_assets.pipelines.maps.requirements import Range

Keys = list[tuple[int, str]]


class NoRoom(Exception):
    """A layout does not take what is required; the message says what was missing.

    Args:
        message: What was missing.
        steps: Length of the walk when it is that which does not fit.
    """

    def __init__(self, message: str, steps: int = 0):
        super().__init__(message)
        self.steps = steps


class _Leg(NamedTuple):
    """From a point to the next door: a plain way, or by one of the cells where a key may lie."""

    cells: np.ndarray  # empty for a plain way
    steps: np.ndarray  # of each cell, or of the plain way
    detour: np.ndarray  # distance of each cell from the plain way


def place_keys(
    walkable: Walkable,
    width: int,
    start: int,
    exit_: int,
    doors: Sequence[tuple[int, str]],
    taken: set[int],
    pinned: Mapping[str, int],
    length: Range | None,
    aside: float,
    random: np.random.Generator,
) -> Keys:
    """A key for each colour, in the part that opens just before the first door of the colour.

    Args:
        walkable: Where one can walk, doors included.
        width: Cells in a row.
        start: Where the walk begins.
        exit_: Where it ends.
        doors: (cell, colour) in walking order, at least one.
        taken: Cells where no key can lie.
        pinned: Colour -> cell of keys whose place is given.
        length: Steps that the whole walk shall have.
        aside: 0 for keys near the way, 1 for keys far off it; where ``length`` leaves a choice.
        random: Chooses.

    Raises:
        NoRoom: If a key has no place, or no places make the walk as long as it should be.
    """
    shut = [cell for cell, _ in doors]
    legs: list[_Leg] = []
    colours: list[str] = []
    before = np.full(walkable.size, -1, dtype=np.int32)
    point, plain = start, 0
    for i, (door, colour) in enumerate(doors):
        out = distances(walkable, width, [point], shut[i:])
        back = distances(walkable, width, [door], shut[i + 1 :])
        if colour in colours:
            plain += int(back[point])
        else:
            fresh = np.flatnonzero((out >= 0) & (before < 0))
            if colour in pinned:
                fresh = np.array([pinned[colour]])
                if out[fresh[0]] < 0:
                    raise NoRoom(f"the pinned {colour} key lies behind its door")
            else:
                fresh = fresh[~np.isin(fresh, [*taken, *pinned.values(), *shut])]
            if not len(fresh):
                raise NoRoom(f"no place for the {colour} key before its door")
            steps = (out[fresh] + back[fresh]).astype(np.int64)
            legs.append(_Leg(fresh, steps, steps - int(back[point])))
            colours.append(colour)
        before = np.maximum(before, out)
        point = door
    plain += int(distances(walkable, width, [point], [])[exit_])
    wanted = _totals(legs, plain, length, aside, random)
    return [(cell, colour) for cell, colour in zip(wanted, colours, strict=True)]


def _totals(
    legs: Sequence[_Leg],
    plain: int,
    length: Range | None,
    aside: float,
    random: np.random.Generator,
) -> list[int]:
    """One cell of each leg; the steps of all legs add up to ``length``."""
    if length is None:
        return [_choose(leg, aside, random) for leg in legs]
    # Bit n of reach[i] says whether the first i legs can take n steps together.
    reach = [1 << plain]
    for leg in legs:
        sums = 0
        for steps in np.unique(leg.steps).tolist():
            sums |= reach[-1] << steps
        reach.append(sums)
    fitting = [n for n in _bits(reach[-1]) if length.low <= n <= length.high]
    if not fitting:
        possible = _bits(reach[-1])
        nearest = min(possible, key=lambda n: (max(length.low - n, n - length.high), n))
        raise NoRoom(f"the walk has {nearest} steps, path {length} was asked for", nearest)
    total = fitting[int(random.integers(len(fitting)))]
    chosen: list[int] = []
    for i in range(len(legs) - 1, -1, -1):
        options = [
            steps
            for steps in np.unique(legs[i].steps).tolist()
            if total >= steps and reach[i] >> (total - steps) & 1
        ]
        steps = options[int(random.integers(len(options)))]
        cells = legs[i].cells[legs[i].steps == steps]
        chosen.append(int(cells[int(random.integers(len(cells)))]))
        total -= steps
    return chosen[::-1]


def _bits(number: int) -> list[int]:
    return [n for n in range(number.bit_length()) if number >> n & 1]


def _choose(leg: _Leg, aside: float, random: np.random.Generator) -> int:
    """A cell at about the share ``aside`` of the longest detour."""
    miss = np.abs(leg.detour - aside * int(leg.detour.max()))
    order = np.lexsort((leg.cells, miss))
    return int(leg.cells[order[int(random.integers(max(1, len(order) // 8)))]])


def walk(
    walkable: Walkable,
    width: int,
    start: int,
    exit_: int,
    keys: Sequence[tuple[int, str]],
    doors: Sequence[tuple[int, str]],
) -> tuple[list[int], list[tuple[int, str, int]]]:
    """Fetch each key, open its door, go on to the exit.

    Returns:
        The cells, and (step, action, index of the key or door).
    """
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
