"""Who lives in a level and what can be found in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.jump_difficulty import TICKS_PER_FIGHT, within
from aigc_assets.models.platformer_grammar import AIR
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.gates import floors_of
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.settle import NoRoom
from aigc_assets.pipelines.maps.requirements import Range

_RUN = 6
"""Coins side by side at most."""
_QUIET = 5
"""Cells around the start in which nobody waits."""


def place_monsters(
    grid: Grid,
    reached: NDArray[np.bool_],
    path: Sequence[int],
    taken: set[int],
    span: Range | None,
    fights: float,
    random: np.random.Generator,
    exact: bool = False,
) -> list[tuple[int, bool]]:
    """Monsters along the way first, then elsewhere; the ground before the air.

    Args:
        grid: Codes, [H, W].
        reached: Cells where one gets, [H, W].
        path: Cells of the witness.
        taken: Cells of other objects; grows.
        span: How many were asked for.
        fights: 0..1: how many are met on the way if nothing was asked for.
        random: Which cells.
        exact: Whether no more are met on the way than ``fights`` says, if there is room elsewhere.

    Returns:
        Cell and whether it flies, of each.

    Raises:
        NoRoom: If there are fewer free cells than were asked for.
    """
    width = grid.shape[1]
    met = round(fights * (len(path) - 1) / TICKS_PER_FIGHT)
    count = met if span is None else min(span.high, max(span.low, met))
    floors = floors_of(grid) & reached
    wide = floors.copy()
    wide[:, 1:] &= floors[:, :-1]
    wide[:, :-1] &= floors[:, 1:]
    near = within([(cell % width, cell // width) for cell in path], grid.shape)
    y, x = divmod(path[0], width)
    quiet = np.zeros(grid.shape, dtype=bool)
    quiet[max(0, y - _QUIET) : y + _QUIET + 1, max(0, x - _QUIET) : x + _QUIET + 1] = True
    order = np.zeros(grid.size, dtype=np.int64)
    order[list(path)] = np.arange(len(path))
    air = reached & (grid == AIR) & ~floors
    on_way = min(count, met) if exact else count
    chosen: list[tuple[int, bool]] = []
    for cells, flies, limit in (
        (wide & near & ~quiet, False, on_way),
        (floors & near & ~quiet, False, on_way if exact else 0),
        (air & near & ~quiet, True, on_way if exact else 0),
        (floors & near | air & near, True, on_way if exact else 0),
        (wide & ~near & ~quiet, False, count),
        (floors & ~near & ~quiet, False, count),
        (air & ~near, True, count),
        (floors & ~quiet, False, count),
        (air & ~quiet, True, count),
        (reached & (grid == AIR), True, count),
    ):
        if len(chosen) >= limit:
            continue
        places = np.array([c for c in np.flatnonzero(cells).tolist() if c not in taken], dtype=int)
        missing = min(limit - len(chosen), len(places))
        if missing == 0:
            continue
        # One from each of as many stretches of the level as monsters are missing.
        places = places[np.argsort(places % width * 1000 + places // width, kind="stable")]
        edges = np.linspace(0, len(places), missing + 1).astype(int)
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            cell = int(places[low + int(random.integers(high - low))])
            on_floor = bool(floors.reshape(-1)[cell])
            chosen.append((cell, flies and not on_floor))
            taken.add(cell)
    if len(chosen) < count:
        reason = f"there is a place for {len(chosen)} of {count} monsters"
        raise NoRoom(reason, miss=1 - len(chosen) / count)
    return chosen


def place_treasure(
    grid: Grid,
    flags: NDArray[np.uint8],
    reached: NDArray[np.bool_],
    path: Sequence[int],
    taken: set[int],
    span: Range | None,
    random: np.random.Generator,
) -> list[tuple[int, str]]:
    """Chests where one has to look for them, coins on high platforms and along jumps.

    Args:
        grid: Codes, [H, W].
        flags: The flags for somebody who has all keys.
        reached: Cells where one gets, [H, W].
        path: Cells of the witness.
        taken: Cells of other objects; grows.
        span: How many were asked for.
        random: Which cells.

    Returns:
        Cell and name of each.

    Raises:
        NoRoom: If there are fewer free cells than were asked for.
    """
    width = grid.shape[1]
    floors = floors_of(grid) & reached
    off = physics.explore(flags, sorted(set(path))).reshape(-1)
    hidden: list[int] = np.flatnonzero(floors & (off.reshape(grid.shape) > 5)).tolist()
    hidden.sort(key=lambda cell: (-int(off[cell]), cell))
    wanted: list[tuple[int, str]] = []
    spots: list[tuple[int, int]] = []
    chests = 1 + grid.size // 900
    for cell in hidden:
        y, x = divmod(cell, width)
        if all(abs(y - other[0]) + abs(x - other[1]) > 9 for other in spots):
            spots.append((y, x))
            wanted.append((cell, "chest" if len(wanted) % 3 != 2 else "gem"))
            if len(wanted) >= chests:
                break
    firm = physics.firm(grid).reshape(-1)
    flat = grid.reshape(-1)
    arc: list[int] = []
    for cell in [*path, path[-1]]:
        if not firm[cell] and flat[cell] == AIR:
            arc.append(cell)
        elif arc:
            # The crown of a jump: coins show the way.
            middle = len(arc) // 2
            if len(arc) >= 5:
                wanted += [(c, "coin") for c in arc[middle - 1 : middle + 2]]
            arc = []
    last, run = -2, 0
    for cell in np.flatnonzero(floors & (off.reshape(grid.shape) > 3)).tolist():
        follows = cell - 1 == last and run < _RUN
        if follows or (cell - last > 2 and random.random() < 0.22):
            wanted.append((cell, "coin"))
            last, run = cell, run + 1 if follows else 1
    calm = [c for c in path if floors.reshape(-1)[c]]
    for first in range(8, len(calm) - 4, 24):
        if calm[first + 2] - calm[first] in (2, -2):
            wanted += [(c, "coin") for c in calm[first : first + 3]]
    usual = min(len(wanted), 3 + grid.size // 40)
    seen: set[int] = set(taken)
    plan = []
    for cell, name in wanted:
        if cell not in seen and reached.reshape(-1)[cell]:
            seen.add(cell)
            plan.append((cell, name))
    low, high = (0, usual) if span is None else (span.low, min(span.high, max(usual, span.low)))
    plan = plan[:high]
    if len(plan) < low:
        for cells in (floors, reached & (grid == AIR)):
            more = [c for c in np.flatnonzero(cells).tolist() if c not in seen]
            picks = random.permutation(len(more))[: low - len(plan)]
            plan += [(more[i], "coin") for i in sorted(picks.tolist())]
            seen.update(cell for cell, _ in plan)
    if len(plan) < low:
        reason = f"there is a place for {len(plan)} of {low} treasures"
        raise NoRoom(reason, miss=1 - len(plan) / low)
    taken.update(cell for cell, _ in plan)
    return plan
