"""Monsters and treasure: away from the start and from each other, as many as it takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from aigc_assets.metrics.difficulty import REACH, score
from aigc_assets.pipelines.maps.grid import Walkable, distances
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.requirements import Range, Requirements

_MANY = 400
"""Objects beyond which they are strewn without regard to each other."""


class Crowd(NamedTuple):
    """Cells of monsters and of treasure."""

    monsters: tuple[int, ...]
    treasure: tuple[int, ...]


def settle(
    walkable: Walkable,
    width: int,
    path: Sequence[int],
    taken: Collection[int],
    shunned: Collection[int],
    wanted: Requirements,
    pinned: Crowd,
    facts: tuple[int, int, bool],
    random: np.random.Generator,
) -> Crowd:
    """Place monsters and treasure.

    Args:
        walkable: Where one can walk.
        width: Cells in a row.
        path: The walk.
        taken: Cells of other objects.
        shunned: Cells that are used only where there is no room elsewhere.
        wanted: Counts, and the difficulty to aim at.
        pinned: Those whose cells are given.
        facts: Shortest way without doors, number of doors, whether there is a boss.
        random: Chooses.

    Raises:
        NoRoom: If they do not fit.
    """
    closed = np.zeros(walkable.size, dtype=bool)
    closed[[*taken, *pinned.monsters, *pinned.treasure]] = True
    everywhere = np.flatnonzero((walkable > 0) & ~closed)
    free = everywhere[~np.isin(everywhere, [*shunned])]
    least = sum(span.low for span in (wanted.monsters, wanted.treasure) if span)
    if least > len(free) + len(pinned.monsters) + len(pinned.treasure):
        free = everywhere
    area = len(free)
    monsters = wanted.monsters or Range(min(area // 3, area // 70), min(area // 3, area // 40 + 1))
    treasure = wanted.treasure or Range(min(area // 3, area // 160), min(area // 3, area // 90 + 1))
    if wanted.monsters is None and pinned.monsters:
        monsters = Range(len(pinned.monsters), max(monsters.high, len(pinned.monsters)))
    if wanted.treasure is None and pinned.treasure:
        treasure = Range(len(pinned.treasure), max(treasure.high, len(pinned.treasure)))
    given = len(pinned.monsters) + len(pinned.treasure)
    if monsters.low + treasure.low > area + given:
        raise NoRoom(
            f"{monsters.low} monsters and {treasure.low} treasures do not fit on {area} free cells"
        )
    aside = distances(walkable, width, path)
    near = free[(aside[free] <= REACH)]
    far = free[(aside[free] > REACH)]
    met = sum(int(aside[cell]) <= REACH for cell in pinned.monsters)
    from_start = distances(walkable, width, path[:1])
    if wanted.difficulty is None:
        count = int(random.integers(monsters.low, monsters.high + 1))
        loot = int(random.integers(treasure.low, treasure.high + 1))
        loot = max(treasure.low, min(loot, max(area // 4, len(pinned.treasure)),
                                     area + given - monsters.low))  # fmt: skip
        count = max(monsters.low, min(count, max(area // 3, len(pinned.monsters)),
                                      area + given - loot))  # fmt: skip
        more = max(0, count - len(pinned.monsters))
        chests = _chests(free, aside, max(0, loot - len(pinned.treasure)), width, random)
        others = free[~np.isin(free, chests)]
        distant = others[from_start[others] > 5]
        beasts = spread(distant if len(distant) >= more else others, more, width, random)
    else:
        span = width + walkable.size // width
        steps = len(path) - 1
        direct, doors, boss = facts
        if wanted.monsters is None:
            monsters = Range(len(pinned.monsters), min(area // 3, steps // 8 + area // 60 + 1))
        if wanted.treasure is None:
            treasure = Range(len(pinned.treasure), max(1, len(pinned.treasure), area // 60))
        best: tuple[float, int, int, int] | None = None
        for loot in range(treasure.low, min(treasure.high, treasure.low + 60) + 1):
            room = area + given - loot
            if room < monsters.low:
                break
            rest = score(steps, direct, 0, doors, loot, span, boss)
            aim = max(0, round((wanted.difficulty - rest) / 0.40 * steps / 8) - met)
            most = max(0, min(monsters.high, room) - len(pinned.monsters))
            least = max(0, monsters.low - len(pinned.monsters))
            close = min(aim, most, len(near))
            close = max(close, least - len(far))
            distance = abs(score(steps, direct, close + met, doors, loot, span, boss)
                           - wanted.difficulty)  # fmt: skip
            if best is None or distance < best[0] - 1e-9:
                best = (distance, loot, close, max(0, least - close))
        if best is None:
            raise NoRoom(f"{monsters.low} monsters and {treasure.low} treasures do not fit")
        _, loot, close, rest_count = best
        distant = near[from_start[near] > 4]
        ground = distant if len(distant) >= close else near
        beasts = spread(ground, close, width, random)
        beasts += spread(far, min(rest_count, len(far)), width, random)
        others = free[~np.isin(free, beasts)]
        chests = _chests(others, aside, max(0, loot - len(pinned.treasure)), width, random)
    return Crowd(
        tuple(sorted([*beasts, *pinned.monsters])), tuple(sorted([*chests, *pinned.treasure]))
    )


def _chests(
    free: np.ndarray, aside: np.ndarray, count: int, width: int, random: np.random.Generator
) -> list[int]:
    """Treasure lies off the way."""
    quiet = free[np.lexsort((free, -aside[free]))]
    return spread(quiet[: max(count, len(quiet) // 3)], count, width, random)


def spread(cells: np.ndarray, count: int, width: int, random: np.random.Generator) -> list[int]:
    """``count`` of the cells, each the best of a few draws by distance from those before."""
    if count <= 0:
        return []
    if count > len(cells):
        raise NoRoom(f"{count} objects do not fit on {len(cells)} cells")
    if count > _MANY or 2 * count > len(cells):
        return [int(cell) for cell in random.permutation(cells)[:count]]
    y, x = np.divmod(cells.astype(np.int64), width)
    free = np.ones(len(cells), dtype=bool)
    nearest = np.full(len(cells), 1 << 30)
    chosen: list[int] = []
    while len(chosen) < count:
        draws = random.integers(len(cells), size=8)
        draws = draws[free[draws]]
        if not len(draws):
            continue
        best = int(draws[int(np.argmax(nearest[draws]))])
        free[best] = False
        chosen.append(int(cells[best]))
        np.minimum(nearest, np.abs(x - x[best]) + np.abs(y - y[best]), out=nearest)
    return chosen
