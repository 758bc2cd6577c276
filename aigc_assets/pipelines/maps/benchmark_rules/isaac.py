"""``isaac``: rooms on a 4x4 plan, joined by doors, with a start, a boss, a shop and a treasure.

A content is a dictionary: ``layout`` holds one number for each room place, row by row, 0 where
there is none, else the sum of its doors (1 left, 2 up, 4 right, 8 down); the other entries are the
places of the special rooms. Control: ``map_size``, a number of rooms.

Two rules follow the benchmark's code where it says something else than its text. A plan follows
``map_size`` if it has `MORE` rooms more than that, which no plan has for the three largest values;
those are met as they stand. And the way from start to boss has to be eight cells long on a drawing
of three by three cells a room, but is measured between the cells whose numbers are those of the
rooms, all of them in the drawing's upper left corner (`drawn_ways`). Its count of differences is
not followed: more than eight doors that differ count as none there, so that plans would have to be
alike. Plans that differ in seven or eight doors alone are at most 26 (as vectors of signs all but
two of them are independent, in 24 dimensions). With six doors and three rooms as well, annealing
sets of 40, 70 and 100 plans, 12 million changes each, left 21, 25 and 26 that all differ so.
"""

from __future__ import annotations

import functools

import numpy as np

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.benchmark_rules.mazes import steps_from
from aigc_assets.pipelines.maps.benchmark_rules.rules import Control, NoContent
from aigc_assets.pipelines.maps.grid import steps

WIDTH, HEIGHT = 4, 4
CONTROLS = {"map_size": (6, 15)}
_STRIDE = 389
MORE = 4
"""Rooms that a plan has to have more than asked for, at least."""
_DRAWN_WAY = WIDTH + HEIGHT
_SPARE = 2
"""Rooms by which a plan may differ from what is wanted, where no plan need have more."""
LEFT, UP, RIGHT, DOWN = 1, 2, 4, 8
DOORS = {LEFT: (-1, 0), UP: (0, -1), RIGHT: (1, 0), DOWN: (0, 1)}
OPPOSITE = {LEFT: RIGHT, UP: DOWN, RIGHT: LEFT, DOWN: UP}


_EDGES = tuple(
    (room, room + step)
    for room in range(WIDTH * HEIGHT)
    for step in (1, WIDTH)
    if room + step < WIDTH * HEIGHT and not (step == 1 and room % WIDTH == WIDTH - 1)
)
"""The 24 places of doors between neighbouring rooms."""
_GENERATOR = 0b101011100011
"""Of the binary Golay code: x^11 + x^9 + x^7 + x^6 + x^5 + x + 1."""


@functools.lru_cache(maxsize=1)
def plans() -> tuple[tuple[int, ...], ...]:
    """Plans of which no two share most of their doors: sums of doors per room place.

    The 24 places of doors are the digits of a word of the extended Golay code, two words of which
    differ in at least 8; those that form one connected plan are taken. Of light words, which are
    small plans, one digit may be flipped, which leaves a difference of at least 6.
    """
    words = [0]
    for shift in range(12):
        row = _GENERATOR << shift
        row |= (row.bit_count() & 1) << 23
        words += [word ^ row for word in words]
    random = generator(0)
    digits = random.permutation(len(_EDGES)).tolist()
    found = []
    for word in words:
        chosen = [place for place, digit in enumerate(digits) if word >> digit & 1]
        variants = [chosen]
        if word.bit_count() <= 8:
            variants += [sorted({*chosen} ^ {place}) for place in range(len(_EDGES))]
        layouts = [layout for layout in map(_layout, variants) if layout]
        if layouts:
            found.append(min(layouts, key=lambda layout: sum(doors > 0 for doors in layout)))
    return tuple(found[i] for i in random.permutation(len(found)).tolist())


def _layout(places: list[int]) -> tuple[int, ...]:
    """Doors of each room; empty where the rooms do not hang together or are fewer than six."""
    layout = [0] * (WIDTH * HEIGHT)
    for place in places:
        one, other = _EDGES[place]
        door = RIGHT if other == one + 1 else DOWN
        layout[one] |= door
        layout[other] |= OPPOSITE[door]
    rooms = [room for room, doors in enumerate(layout) if doors]
    if len(rooms) < CONTROLS["map_size"][0]:
        return ()
    far = walk_from(layout, rooms[0])
    return tuple(layout) if all(far[room] >= 0 for room in rooms) else ()


def generate(control: Control, random: np.random.Generator, slot: int) -> dict[str, object]:
    """A plan of rooms; those of different ``slot`` are different plans as far as they reach."""
    known = plans()
    at = slot * _STRIDE % len(known)
    wanted = control["map_size"]
    low, high = wanted + MORE, WIDTH * HEIGHT
    if low > high:
        low = wanted - _SPARE
    for plan in (*known[at:], *known[:at]):
        if low <= sum(doors > 0 for doors in plan) <= high:
            layout = list(plan)
            pairs = _far_apart(layout)
            if pairs:
                break
    else:
        raise NoContent(f"{wanted} rooms")
    rooms = [room for room, doors in enumerate(layout) if doors]
    # The boss lives far away; dead ends suit special rooms.
    order = random.permutation(len(pairs)).tolist()
    _, start, boss = max((pairs[i] for i in order), key=lambda pair: pair[0])
    others = [rooms[i] for i in random.permutation(len(rooms)).tolist()]
    others = sorted(
        (room for room in others if room not in (start, boss)),
        key=lambda room: layout[room] not in DOORS,
    )
    return {
        "layout": layout,
        "start": start,
        "boss": boss,
        "treasure": others[0],
        "shop": others[1],
    }


def _far_apart(layout: list[int]) -> list[tuple[int, int, int]]:
    """Rooms between, start and boss of every pair that may be chosen."""
    rooms = [room for room, doors in enumerate(layout) if doors]
    pairs = []
    for start in rooms:
        drawn = drawn_ways(layout, start)
        fit = [room for room in rooms if drawn[room] >= _DRAWN_WAY]
        if fit:
            far = walk_from(layout, start)
            pairs += [(far[room], start, room) for room in fit]
    return pairs


def drawn_ways(layout: list[int], start: int) -> list[int]:
    """Cells from a start to a boss in each room place, as the benchmark counts; -1 where no way is.

    A room is three by three cells of a drawing, of which its middle and its doors are open. The
    room in row ``y`` and column ``x`` is looked for in cell (x, y), which counts as open.
    """
    width = 3 * WIDTH + 2
    walkable = bytearray(width * (3 * HEIGHT + 2))
    for room, doors in enumerate(layout):
        y, x = divmod(room, WIDTH)
        middle = (3 * y + 2) * width + 3 * x + 2
        walkable[middle] = doors > 0
        for door, (dx, dy) in DOORS.items():
            walkable[middle + dy * width + dx] = doors & door > 0
    cells = [(room // WIDTH + 1) * width + room % WIDTH + 1 for room in range(len(layout))]
    walkable[cells[start]] = 1
    far = steps_from(walkable, width, cells[start])
    ways = []
    for cell in cells:
        before = [int(far[cell + step]) for step in steps(width) if far[cell + step] >= 0]
        ways.append(int(far[cell]) if walkable[cell] else min(before, default=-2) + 1)
    return ways


def _beyond(room: int, door: int) -> tuple[int, int]:
    """The door and the place behind it, -1 where the plan ends."""
    y, x = divmod(room, WIDTH)
    dx, dy = DOORS[door]
    inside = 0 <= x + dx < WIDTH and 0 <= y + dy < HEIGHT
    return door, (y + dy) * WIDTH + x + dx if inside else -1


def walk_from(layout: list[int], start: int) -> list[int]:
    """Rooms from ``start`` to every place, -1 where no doors lead."""
    far = [-1] * len(layout)
    far[start] = 0
    todo = [start]
    for room in todo:  # grows while it runs
        for door in DOORS:
            _, other = _beyond(room, door)
            if layout[room] & door and other >= 0 and far[other] < 0:
                far[other] = far[room] + 1
                todo.append(other)
    return far
