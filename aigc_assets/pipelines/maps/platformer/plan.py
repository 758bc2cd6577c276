"""From requirements to a plan: the ground, what stands on it, and the way through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.jump_difficulty import BOSS, TICKS_PER_FIGHT, score, within
from aigc_assets.models.platformer_grammar import SOLID
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.furnish import place_monsters, place_treasure
from aigc_assets.pipelines.maps.platformer.gates import (
    Lock,
    flags_with,
    floors_of,
    hide_keys,
    raise_gates,
)
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.pools import fill_pools
from aigc_assets.pipelines.maps.platformer.settle import Ground, NoRoom, only
from aigc_assets.pipelines.maps.platformer.temper import temper
from aigc_assets.pipelines.maps.platformer.ways import reseal, walk, ways_of
from aigc_assets.pipelines.maps.requirements import COLOURS, LIMIT, Range, Requirements

_CHAMBER = 4
"""Least cells of floor behind the archway of a boss."""
_STRETCH = 8
"""Cells of a level stretch that is long enough for a fight."""


@dataclass(frozen=True)
class Plan:
    """Everything about a level but its pictures; cells are row * width + column.

    Args:
        grid: Codes, [H, W].
        start, exit: Ends of the way.
        doors, keys: In the order in which they are met.
        boss: Cell of the boss, -1 without one.
        arch: Doorway of the boss's chamber, -1 without one.
        monsters: Cell and whether it flies.
        treasure: Cell and name.
        path: Cells of the witness, one per tick.
        events: (tick, action, index of the key or door).
        wet: Hazards that are liquid, [H, W]; None if their shape decides.
    """

    grid: Grid
    start: int
    exit: int
    doors: tuple[Lock, ...] = ()
    keys: tuple[Lock, ...] = ()
    boss: int = -1
    arch: int = -1
    monsters: tuple[tuple[int, bool], ...] = ()
    treasure: tuple[tuple[int, str], ...] = ()
    path: tuple[int, ...] = ()
    events: tuple[tuple[int, str, int], ...] = ()
    wet: NDArray[np.bool_] | None = None

    def difficulty(self) -> float:
        """As `aigc_assets.metrics.jump_difficulty` will measure it."""
        gaps, danger = ways_of(self.grid, self.path)
        width = self.grid.shape[1]
        near = within([(cell % width, cell // width) for cell in self.path], self.grid.shape)
        met = sum(int(near.flat[cell]) for cell, _ in self.monsters)
        met += BOSS * int(self.boss >= 0 and near.flat[self.boss])
        return score(gaps, danger, met, len(self.path) - 1)


def make_plan(
    ground: Ground,
    wanted: Requirements,
    hardness: float,
    random: np.random.Generator,
    modest: bool = False,
) -> Plan:
    """Furnish settled ground.

    Args:
        ground: As `settle` left it.
        wanted: The requirements.
        hardness: The difficulty to aim for, 0..1.
        random: All decisions come from it.
        modest: Whether keys lie close to the way, and no more doors are built than needed.

    Raises:
        NoRoom: If something that was asked for does not fit; it says what.
    """
    colours = _colours(wanted, 0 if modest else ground.grid.size, random)
    if wanted.path is not None and (colours or wanted.boss):
        # Detours to the keys come on top.
        high = round(wanted.path.high / (1 + 0.25 * len(colours)))
        length = Range(max(1, min(high // 2, wanted.path.low)), high)
        ground = _move_exit(ground, [], [], length, wanted.boss)
    grid, cells = raise_gates(ground, len(colours), random, spare=wanted.boss)
    locks = [Lock(cell, colour) for cell, colour in zip(cells, colours, strict=True)]
    ground = ground._replace(grid=grid)
    keys = hide_keys(ground, locks, random, modest)
    if wanted.path is not None:
        ground = _move_exit(ground, locks, keys, wanted.path, wanted.boss)
    arch = -1
    if wanted.boss:
        grid, arch = _build_chamber(ground, locks, random)
        ground = ground._replace(grid=grid)
    if locks or wanted.boss or wanted.path is not None:
        ground = reseal(ground, locks, keys)
    if wanted.difficulty is not None:
        length = wanted.path or Range(1, LIMIT)
        ground = temper(
            ground, locks, keys, arch, wanted, hardness,
            lambda changed: _move_exit(changed, locks, keys, length, False), random,
        )  # fmt: skip
    wet = None
    if wanted.liquid is not None:
        gates = {arch, *(lock.cell for lock in locks)} - {-1}
        ends = {ground.start, ground.exit, *(key.cell for key in keys)}
        grid, wet = fill_pools(ground.grid, wanted.liquid, gates, ends, random)
        ground = ground._replace(grid=grid)
    path, events = walk(ground, locks, keys)
    steps = len(path) - 1
    if wanted.path is not None and not wanted.path.low <= steps <= wanted.path.high:
        raise _misfit(f"the way takes {steps} ticks", steps, wanted.path)
    plan = Plan(
        ground.grid, ground.start, ground.exit, tuple(locks), tuple(keys), -1, arch,
        path=tuple(path), events=tuple(events), wet=wet,
    )  # fmt: skip
    return _furnish(plan, wanted, hardness, random)


def _colours(wanted: Requirements, area: int, random: np.random.Generator) -> list[str]:
    """Colours of the doors in the order of the way."""
    if wanted.door_colours:
        return list(wanted.door_colours)
    count = int(wanted.key_before_door)
    if wanted.doors is not None:
        usual = max(count, min(3, area // 500))
        count = min(wanted.doors.high, max(wanted.doors.low, usual))
    order = random.permutation(len(COLOURS)).tolist()
    return [COLOURS[order[i % len(order)]] for i in range(count)]


def _move_exit(
    ground: Ground, locks: list[Lock], keys: list[Lock], length: Range, roomy: bool
) -> Ground:
    """The exit where the way has the length that was asked for; ``roomy``: after a stretch."""
    path, _ = walk(ground, locks, keys)
    low, high = length.low, length.high
    if low <= len(path) - 1 <= high:
        return ground
    flags = flags_with(ground.grid, locks, [lock.colour for lock in locks])
    last = keys[-1].cell if keys else ground.start
    taken = [ground.start, *(lock.cell for lock in (*locks, *keys))]
    before = path.index(last) if keys else 0
    ticks = physics.explore(flags, [last])
    total = np.where(ticks >= 0, ticks + before, -1)
    cells = floors_of(ground.grid) & (total >= low) & (total <= high)
    every = [lock.cell for lock in locks]
    for lock in locks:
        jammed = physics.flags_of(ground.grid, [lock.cell], every)
        cells &= physics.explore(jammed, [ground.start]) < 0
    cells.reshape(-1)[taken] = False
    if roomy and (cells & _stretches(ground.grid)).any():
        cells &= _stretches(ground.grid)
    places = np.flatnonzero(cells).tolist()
    if not places:
        longest = int(total.max())
        raise _misfit(f"the way takes up to {longest} ticks", longest, length)
    width = ground.grid.shape[1]
    middle = (low + min(high, int(total.max()))) / 2

    def merit(cell: int) -> tuple[float, int]:
        x = cell % width
        solid = ground.grid.reshape(-1)[cell + width] == SOLID
        off = abs(float(total.reshape(-1)[cell]) - middle) / max(1.0, middle)
        return (off + (0 if solid else 0.3) + 0.2 * min(x, width - 1 - x) / width, cell)

    for cell in sorted(places, key=merit)[:6]:
        if not physics.trapped(flags, ground.start, only(ground.grid, cell)).any():
            return ground._replace(exit=cell)
    return ground._replace(exit=min(places, key=merit))


def _misfit(what: str, ticks: int, wanted: Range) -> NoRoom:
    """The refusal of a way of so many ticks."""
    short = ticks < wanted.low
    off = (
        (wanted.low - ticks) / wanted.low if short else (ticks - wanted.high) / max(1, wanted.high)
    )
    reason = f"{what}, {wanted} were asked for"
    return NoRoom(reason, short, off if off > 0 else 1.0)


def _stretches(grid: Grid) -> NDArray[np.bool_]:
    """Where a level stretch of `_STRETCH` cells over rock ends, on either side, [H, W]."""
    floors = floors_of(grid)
    floors[:-1] &= grid[1:] == SOLID
    left, right = floors.copy(), floors.copy()
    for step in range(1, _STRETCH):
        left[:, step:] &= floors[:, :-step]
        left[:, :step] = False
        right[:, :-step] &= floors[:, step:]
        right[:, -step:] = False
    return left | right


def _build_chamber(
    ground: Ground, locks: list[Lock], random: np.random.Generator
) -> tuple[Grid, int]:
    """A wall with an archway close before the exit.

    Raises:
        NoRoom: If the exit has no room for a boss before it.
    """
    try:
        every = ground._replace(start=locks[-1].cell if locks else ground.start)
        grid, arches = raise_gates(every, 1, random, last=True)
    except NoRoom:
        raise NoRoom("there is no room for a boss before the exit") from None
    doors = [lock.cell for lock in locks]
    for shut in [*doors, arches[0]]:
        flags = physics.flags_of(grid, [shut], doors)
        if physics.route(flags, ground.start, ground.exit):
            raise NoRoom("the chamber of the boss has a second way in")
    return grid, arches[0]


def _furnish(
    plan: Plan, wanted: Requirements, hardness: float, random: np.random.Generator
) -> Plan:
    """Boss, monsters and treasure."""
    grid = plan.grid
    doors = [lock.cell for lock in plan.doors]
    flags = physics.flags_of(grid, doors=doors)
    reached = physics.explore(flags, [plan.start]) >= 0
    taken = {plan.start, plan.exit, plan.arch, *doors, *(key.cell for key in plan.keys)}
    boss = -1
    met = 0.0
    if wanted.boss:
        outside = physics.explore(
            physics.flags_of(grid, [plan.arch], [*doors, plan.arch]), [plan.start]
        )
        chamber = floors_of(grid) & reached & (outside < 0)
        cells = [c for c in np.flatnonzero(chamber).tolist() if c not in taken]
        inside = [c for c in plan.path[plan.path.index(plan.arch) + 1 :] if c in set(cells)]
        if len(cells) < _CHAMBER or not inside:
            raise NoRoom("the chamber of the boss is too small")
        boss = inside[len(inside) // 2]
        taken.add(boss)
        met = BOSS * TICKS_PER_FIGHT / max(1, len(plan.path) - 1)
    gaps, danger = ways_of(grid, plan.path)
    fights = min(1.0, max(0.0, (hardness - 0.45 * gaps - 0.25 * danger) / 0.30 - met))
    monsters = place_monsters(grid, reached, plan.path, taken, wanted.monsters, fights, random,
                             wanted.difficulty is not None)  # fmt: skip
    treasure = place_treasure(grid, flags, reached, plan.path, taken, wanted.treasure, random)
    return replace(plan, boss=boss, monsters=tuple(monsters), treasure=tuple(treasure))
