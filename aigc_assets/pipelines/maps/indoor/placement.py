"""Where start, exit, gates, keys and inhabitants stand, and the walk that proves it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigc_assets.pipelines.maps.grid import WALL, Terrain, distances, shortest_path
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.gates import Gate, gate_depth
from aigc_assets.pipelines.maps.indoor.hazards import place_hazards
from aigc_assets.pipelines.maps.indoor.inhabitants import Crowd, settle
from aigc_assets.pipelines.maps.indoor.keys import NoRoom, place_keys, walk
from aigc_assets.pipelines.maps.indoor.locks import lock
from aigc_assets.pipelines.maps.indoor.shaping import lengthen, set_liquid, set_outdoor
from aigc_assets.pipelines.maps.indoor.ways import way_through
from aigc_assets.pipelines.maps.pins import Pins
from aigc_assets.pipelines.maps.requirements import COLOURS, Range, Requirements

_LENGTHENED = 3
"""Tries in which walls make the way longer, the dearest thing to try."""


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
        hazards: Cells that harm; the walk has none of them.
        path: Cells of the walk.
        events: (step, action, index of the key or door; 0 for start and exit).
        boss: Cell of the boss, if there is one.
        entrance: Cell by which his chamber is entered.
    """

    terrain: Terrain
    start: int
    exit: int
    doors: tuple[tuple[int, str], ...]
    keys: tuple[tuple[int, str], ...]
    monsters: tuple[int, ...]
    treasure: tuple[int, ...]
    hazards: tuple[int, ...]
    path: tuple[int, ...]
    events: tuple[tuple[int, str, int], ...]
    boss: int | None = None
    entrance: int | None = None


_NOBODY = Crowd((), ())


@dataclass(frozen=True)
class Fixed:
    """Cells of pinned objects."""

    start: int | None = None
    exit: int | None = None
    boss: int | None = None
    doors: tuple[tuple[int, str], ...] = ()
    keys: tuple[tuple[int, str], ...] = ()
    crowd: Crowd = _NOBODY

    @property
    def cells(self) -> list[int]:
        """All of them but start and exit."""
        found = [cell for cell, _ in (*self.doors, *self.keys)]
        found += [*self.crowd.monsters, *self.crowd.treasure]
        return found + ([] if self.boss is None else [self.boss])


def fixed_objects(pins: Pins | None, width: int) -> Fixed:
    """The pinned objects by class."""
    if pins is None:
        return Fixed()

    def cells(cls: str) -> list[int]:
        return [item.cell[1] * width + item.cell[0] for item in pins.of(cls)]

    def one(cls: str) -> int | None:
        return next(iter(cells(cls)), None)

    def coloured(cls: str) -> tuple[tuple[int, str], ...]:
        return tuple(zip(cells(cls), [item.colour for item in pins.of(cls)], strict=True))

    crowd = Crowd(tuple(cells("monster")), tuple(cells("treasure")))
    return Fixed(one("start"), one("exit"), one("boss"), coloured("door"), coloured("key"), crowd)


def door_range(size: int, wanted: Requirements, fixed: Fixed) -> Range:
    """Fewest and most doors; with a difficulty and no word on doors, up to three."""
    colours = {colour for _, colour in (*fixed.doors, *fixed.keys)}
    least = max(len(fixed.doors), len(colours))
    if wanted.doors is not None:
        return Range(max(least, wanted.doors.low), wanted.doors.high)
    if wanted.key_before_door:
        least = max(1, least)
        return Range(least, max(least, min(3, size // 700)))
    return Range(least, least)


def least_steps(wanted: Requirements, doors: Range) -> int:
    """Steps below which no walk can be: every key, door and entrance takes a cell of its own."""
    keys = len(set(wanted.door_colours)) or min(doors.low, len(COLOURS))
    return keys + doors.low + 1 + int(wanted.boss)


def place(
    canvas: Canvas, wanted: Requirements, pins: Pins | None, random: np.random.Generator
) -> Plan:
    """Furnish a connected terrain.

    Args:
        canvas: One connected walkable area; not changed.
        wanted: What to furnish it with.
        pins: Given objects; given terrain is in the canvas.
        random: Decides.

    Raises:
        NoRoom: If this terrain cannot hold what is wanted.
    """
    fixed = fixed_objects(pins, canvas.width)
    if fixed.boss is not None and not wanted.boss:
        wanted = dataclasses.replace(wanted, boss=True)
    doors = door_range(canvas.terrain.size, wanted, fixed)
    aim = _Aim(0.75 if doors.low else 1.0)
    last = NoRoom("no place for start and exit")
    simple = not (wanted.path or doors.low or wanted.boss or fixed.cells or wanted.difficulty)
    for turn in range(2 if simple else max(8, min(40, 20_000 // canvas.terrain.size))):
        try:
            return _attempt(canvas.copy(), wanted, fixed, doors, aim, turn, random)
        except NoRoom as reason:
            last = reason
            if wanted.path and reason.steps:
                aim.correct(reason.steps, wanted.path)
    raise last


@dataclass
class _Aim:
    """What share of the wanted steps the plain way from start to exit shall have."""

    share: float

    def correct(self, steps: int, wanted: Range) -> None:
        """Learn from a walk that came out too long or too short."""
        goal = min(wanted.high, wanted.low * 1.5 + 4) + wanted.low
        self.share = min(1.0, max(0.05, self.share * min(1.5, max(0.5, goal / 2 / steps))))


def _attempt(
    canvas: Canvas,
    wanted: Requirements,
    fixed: Fixed,
    doors: Range,
    aim: _Aim,
    turn: int,
    random: np.random.Generator,
) -> Plan:
    """One start and exit, and everything that follows from them."""
    width = canvas.width
    most = _door_wish(doors, wanted)
    start, exit_ = _ends(
        canvas, wanted, fixed, most, least_steps(wanted, doors), aim.share, turn, random
    )
    kept = np.zeros(canvas.flat.size, dtype=bool)
    kept[[start, exit_, *fixed.cells]] = True
    if wanted.path and not fixed.doors and turn < _LENGTHENED:
        way = Range(int(wanted.path.low * (aim.share if doors.low else 1)), wanted.path.high)
        lengthen(canvas, start, exit_, way, kept, tries=16)
    path, forced = way_through(canvas, start, exit_, fixed.doors, wanted.door_colours, turn)
    if wanted.boss and fixed.boss in path:
        raise NoRoom("the pinned boss stands in the way")
    built = canvas.copy()
    spacious = wanted.path is None or wanted.path.low > 6 * max(1, doors.low)
    found = lock(
        built,
        path,
        (most if wanted.difficulty is not None and turn < 3 else doors.low, most),
        random,
        boss=wanted.boss,
        forced=forced,
        busy=[cell for cell in fixed.cells if cell not in forced],
        spacious=spacious,
        snug=turn % 4 == 3,
    )
    if found is None:
        needs = [f"{doors.low or most} locked doors"] if most else []
        needs += ["a boss's chamber"] if wanted.boss else []
        raise NoRoom(f"no room for {' and '.join(needs)} between start and exit")
    gates, entrance = found
    walkable = built.walkable
    locked = _colours(gates, wanted, fixed, random)
    taken = {start, exit_, *fixed.cells}
    boss = None
    chamber: list[int] = []
    if entrance is not None:
        inside = distances(walkable, width, [exit_], [entrance.cell])
        chamber = np.flatnonzero(inside >= 0).tolist()
        boss = _boss_cell(inside, path, exit_, fixed)
        taken |= {entrance.cell, boss}
    keys: list[tuple[int, str]] = []
    if locked:
        given = {colour: cell for cell, colour in fixed.keys}
        aside = 0.8 if wanted.difficulty is None else 0.2 + 0.7 * wanted.difficulty
        keys = place_keys(walkable, width, start, exit_, locked, {*taken, *chamber}, given,
                          wanted.path, aside, random)  # fmt: skip
    steps, events = walk(walkable, width, start, exit_, keys, locked)
    length = len(steps) - 1
    if wanted.path is not None and not wanted.path.low <= length <= wanted.path.high:
        raise NoRoom(f"the walk has {length} steps, path {wanted.path} was asked for", length)
    _check_order(locked, keys, fixed, wanted)
    taken |= {cell for cell, _ in (*keys, *locked)}
    direct = len(shortest_path(walkable, width, start, exit_)) - 1
    crowd = settle(walkable, width, steps, taken, chamber, wanted, fixed.crowd,
                   (direct, len(locked), boss is not None), random)  # fmt: skip
    _finish(built, wanted, locked, entrance, random)
    taken |= {*crowd.monsters, *crowd.treasure}
    hazards = place_hazards(built, steps, taken, wanted, random)
    return Plan(built.terrain, start, exit_, tuple(locked), tuple(keys), crowd.monsters,
                crowd.treasure, hazards, tuple(steps), tuple(events), boss,
                None if entrance is None else entrance.cell)  # fmt: skip


def _door_wish(doors: Range, wanted: Requirements) -> int:
    """The most doors to build; a difficulty without a word on doors brings some."""
    if wanted.difficulty is None:
        return doors.high
    if wanted.doors is None and not wanted.key_before_door:
        return max(doors.low, round(3 * wanted.difficulty))
    high = min(doors.high, doors.low + 4)
    return doors.low + round((high - doors.low) * wanted.difficulty)


def _finish(
    canvas: Canvas,
    wanted: Requirements,
    doors: Sequence[tuple[int, str]],
    entrance: Gate | None,
    random: np.random.Generator,
) -> None:
    """Liquid and outdoor ground; the walls beside doors stay walls."""
    kept = np.zeros(canvas.flat.size, dtype=bool)
    for cell in [cell for cell, _ in doors] + ([entrance.cell] if entrance else []):
        for side in (1, canvas.width):
            for end in (cell - side, cell + side):
                kept[end] |= canvas.flat[end] == WALL
    if wanted.liquid is not None:
        set_liquid(canvas, wanted.liquid, kept, random)
    if wanted.outdoor is not None:
        set_outdoor(canvas, wanted.outdoor, kept, random)


def _ends(
    canvas: Canvas,
    wanted: Requirements,
    fixed: Fixed,
    doors: int,
    least: int,
    share: float,
    turn: int,
    random: np.random.Generator,
) -> tuple[int, int]:
    """Start and exit: far apart, or as far as the wanted path asks for."""
    width = canvas.width
    walkable = canvas.walkable
    cells = np.flatnonzero(walkable)
    cells = cells[~np.isin(cells, fixed.cells)]
    if len(cells) < 2:
        raise NoRoom("fewer than 2 walkable cells")
    if fixed.start is not None and fixed.exit is not None:
        return fixed.start, fixed.exit
    short = wanted.path is not None and wanted.path.high < (canvas.width + canvas.height) // 2
    near = fixed.boss if fixed.boss is not None and fixed.exit is None else None
    backwards = fixed.start is None and (fixed.exit is not None or near is not None)
    if near is not None:
        close = distances(walkable, width, [near])[cells]
        choice = cells[(close > 0) & (close <= 1 + turn % 4)]
        if fixed.start is not None:
            choice = choice[choice != fixed.start]
        if not len(choice):
            raise NoRoom("no place for the exit beside the pinned boss")
        exit_ = int(choice[int(random.integers(len(choice)))])
        if fixed.start is not None:
            return fixed.start, exit_
        anchor = exit_
    elif fixed.start is not None or fixed.exit is not None:
        anchor = int(fixed.start if fixed.start is not None else fixed.exit or 0)
    else:
        # Farthest from anywhere is one end of a long walk; farthest from there the other.
        anywhere = int(cells[int(random.integers(len(cells)))])
        away = distances(walkable, width, [anywhere])
        anchor = anywhere if short and turn % 2 else _farthest(away, cells, 0.9, random)
    away = distances(walkable, width, [anchor])
    others = cells[cells != anchor]
    fitting = others
    if wanted.path is not None:
        low, high = wanted.path.low, wanted.path.high
        if doors:
            high = min(high, max(least, int(high * share)))
            low = min(high, max(least, int(low * share)))
        fitting = others[(away[others] >= low) & (away[others] <= high)]
        if not len(fitting):
            # As near to it as there is; walls will make it longer.
            miss = np.maximum(low - away[others], away[others] - high)
            fitting = others[miss == miss.min()]
    if (doors or wanted.boss) and wanted.path and wanted.path.high < 2 * least + 4 and turn % 2:
        # Doors stand where the way goes straight on.
        straight = (fitting % width == anchor % width) | (fitting // width == anchor // width)
        if straight.any():
            fitting = fitting[straight]
    elif doors or wanted.boss:
        # Exits behind more natural chokepoints need fewer new walls.
        depth = gate_depth(canvas.terrain, anchor)[fitting]
        if turn % 3 < 2:
            fitting = fitting[depth >= min(int(depth.max()), doors + 1)]
    if wanted.path is None:
        other = _farthest(away, fitting, 0.85, random)
        if wanted.difficulty is not None:
            goal = (0.3 + 0.7 * wanted.difficulty) * int(away[fitting].max())
            miss = np.abs(away[fitting] - goal)
            best = fitting[miss <= miss.min() + 1]
            other = int(best[int(random.integers(len(best)))])
    else:
        other = int(fitting[int(random.integers(len(fitting)))])
    return (other, anchor) if backwards else (anchor, other)


def _farthest(
    distance: np.ndarray, cells: np.ndarray, share: float, random: np.random.Generator
) -> int:
    """A random one of the cells at ``share`` of the greatest distance or more."""
    least = max(1, int(share * int(distance[cells].max())))
    fitting = cells[distance[cells] >= least]
    if not len(fitting):
        raise NoRoom("start and exit have no way of at least one step between them")
    return int(fitting[int(random.integers(len(fitting)))])


def _colours(
    gates: Sequence[Gate], wanted: Requirements, fixed: Fixed, random: np.random.Generator
) -> list[tuple[int, str]]:
    """(cell, colour) of the doors in walking order."""
    if wanted.door_colours:
        return [(g.cell, c) for g, c in zip(gates, wanted.door_colours, strict=True)]
    given = dict(fixed.doors)
    shuffled = [COLOURS[i] for i in random.permutation(len(COLOURS)).tolist()]
    first = [colour for _, colour in fixed.keys if colour not in given.values()]
    rest = first + [c for c in shuffled if c not in first and c not in given.values()]
    rest = rest or shuffled
    doors = []
    turn = 0
    for gate in gates:
        if gate.cell in given:
            doors.append((gate.cell, given[gate.cell]))
        else:
            doors.append((gate.cell, rest[turn % len(rest)]))
            turn += 1
    return doors


def _check_order(
    doors: Sequence[tuple[int, str]],
    keys: Sequence[tuple[int, str]],
    fixed: Fixed,
    wanted: Requirements,
) -> None:
    """Pinned doors and keys are those that came out."""
    for cell, colour in fixed.doors:
        if (cell, colour) not in doors:
            raise NoRoom(f"the pinned {colour} door is not where its turn comes")
    for cell, colour in fixed.keys:
        if (cell, colour) not in keys:
            raise NoRoom(f"there is no {colour} door for the pinned key")


def _boss_cell(inside: np.ndarray, path: Sequence[int], exit_: int, fixed: Fixed) -> int:
    """In the chamber, near the exit, off the way where there is room."""
    if fixed.boss is not None:
        if inside[fixed.boss] < 0:
            raise NoRoom("the pinned boss is not in the chamber of the exit")
        return fixed.boss
    room = [int(cell) for cell in np.flatnonzero(inside >= 0)
            if cell != exit_ and cell not in fixed.cells]  # fmt: skip
    if not room:
        raise NoRoom("no place for the boss")
    way = set(path)
    return min(room, key=lambda cell: (cell in way, abs(int(inside[cell]) - 2), cell))
