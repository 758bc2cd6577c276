"""The ground of a way gets as hard as the difficulty needs beside what else was asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aigc_assets.metrics.jump_difficulty import BOSS, TICKS_PER_FIGHT, within
from aigc_assets.models.platformer_grammar import AIR
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.gates import Lock
from aigc_assets.pipelines.maps.platformer.pits import DANGER, GAPS, reshape
from aigc_assets.pipelines.maps.platformer.settle import Ground, NoRoom
from aigc_assets.pipelines.maps.platformer.ways import reseal, walk, ways_of
from aigc_assets.pipelines.maps.requirements import Requirements

FIGHTS = 1 - GAPS - DANGER
"""Weight of the fights in the difficulty."""
_ROUNDS = 4
_NEAR = 0.02


def temper(
    ground: Ground,
    locks: list[Lock],
    keys: list[Lock],
    arch: int,
    wanted: Requirements,
    hardness: float,
    move_exit: Callable[[Ground], Ground],
    random: np.random.Generator,
) -> Ground:
    """Ground whose pits leave to the fights what these can bring.

    Args:
        ground: Sealed, with gates and ends in place.
        locks: In the order of the way.
        keys: As the locks.
        arch: Doorway of the boss's chamber, -1 without one.
        wanted: How many monsters there may be, and how long the way.
        hardness: The difficulty to aim for, 0..1.
        move_exit: Restores the length that the way should have.
        random: Which pits change.
    """
    doors = [lock.cell for lock in locks]
    fixed = {ground.start, ground.exit, arch, *doors, *(key.cell for key in keys)} - {-1}
    path, _ = walk(ground, locks, keys)
    aim = _aim(ground, path, wanted, hardness)
    off = abs(_score(ground, path) - aim)
    for _ in range(_ROUNDS):
        if off < _NEAR:
            break
        grid = reshape(ground.grid, path, aim, fixed, random)
        if grid is None:
            break
        try:
            changed = ground._replace(grid=grid)
            if wanted.path is not None and arch < 0:
                changed = move_exit(changed)
            changed = reseal(changed, locks, keys)
            way, _ = walk(changed, locks, keys)
        except NoRoom:
            continue
        length = wanted.path
        if length is not None and not length.low <= len(way) - 1 <= length.high:
            continue
        after = abs(_score(changed, way) - aim)
        if after < off and not _avoidable(changed, doors, arch):
            ground, path, off = changed, way, after
    return ground


def _score(ground: Ground, path: list[int]) -> float:
    gaps, danger = ways_of(ground.grid, path)
    return GAPS * gaps + DANGER * danger


def _aim(ground: Ground, path: list[int], wanted: Requirements, hardness: float) -> float:
    """What the ground should bring, 0..0.7: the fights bring as much of theirs as they may."""
    ticks = max(1, len(path) - 1)
    boss = BOSS * int(wanted.boss)
    least, most = boss, ticks
    if wanted.monsters is not None:
        width = ground.grid.shape[1]
        near = within([(cell % width, cell // width) for cell in path], ground.grid.shape)
        reached = physics.explore(physics.flags_of(ground.grid), [ground.start]) >= 0
        aside = int((reached & ~near & (ground.grid == AIR)).sum())
        least += max(0, wanted.monsters.low - aside)
        most = boss + wanted.monsters.high
    share = TICKS_PER_FIGHT / ticks
    fights = min(1.0, max(least * share, min(most * share, hardness)))
    return min(GAPS + DANGER, max(0.0, hardness - FIGHTS * fights))


def _avoidable(ground: Ground, doors: list[int], arch: int) -> bool:
    """Whether one gets around a gate now."""
    every = [*doors, arch] if arch >= 0 else doors
    return any(
        bool(physics.route(physics.flags_of(ground.grid, [shut], every), ground.start, ground.exit))
        for shut in every
    )
