"""As much liquid as was asked for, by changes that alter no way.

Pools get deeper or shallower, spikes stand where a pool dries out, and new pools lie below planks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.platformer_grammar import AIR, HAZARD, ONE_WAY, SOLID
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.settle import NoRoom
from aigc_assets.pipelines.maps.requirements import Range
from aigc_assets.pipelines.maps.tiles.platformer import pools

_SPAN = 9
"""Widest pool below planks."""

Mask = NDArray[np.bool_]


@dataclass
class _Basin:
    """A stack of ``rows`` equal rows of a pool, the last of them ``bottom``, below it ``room``."""

    bottom: int
    first: int
    stop: int
    rows: int
    room: int

    @property
    def width(self) -> int:
        return self.stop - self.first


def fill_pools(
    grid: Grid,
    span: Range,
    gates: Collection[int],
    ends: Collection[int],
    random: np.random.Generator,
) -> tuple[Grid, Mask]:
    """The grid with a number of cells of liquid within ``span``, and which hazards are liquid.

    A pool gets deeper where there is rock on all sides of the new row, so nobody ever meets it from
    elsewhere; it gets shallower down to one row, and then to spikes. A new one lies below planks,
    over which one walks as one did over the rock.

    Args:
        grid: Codes, [H, W].
        span: Least and most cells of liquid.
        gates: Doorways, below which the ground stays.
        ends: Cells of other objects, below which it stays if there is room elsewhere.
        random: Which pools.

    Raises:
        NoRoom: If the level cannot hold so much.
    """
    grid = grid.copy()
    wet = pools(grid)
    count = int(wet.sum())
    if count > span.high:
        count -= _lower(grid, wet, _basins(grid, wet), count - span.high, random)
    if count < span.low:
        count += _deepen(grid, wet, span.low - count, span.high - count, random)
    for fixed in ((*gates, *ends), gates):
        if count < span.low:
            count += _lay_planks(grid, wet, span.low - count, span.high - count, fixed, random)
    if count < span.low:
        reason = f"the pools hold up to {count} cells of liquid, {span} were asked for"
        raise NoRoom(reason, miss=1 - count / span.low)
    return grid, wet


def _lower(
    grid: Grid, wet: Mask, basins: list[_Basin], excess: int, random: np.random.Generator
) -> int:
    """Take rows of liquid away until ``excess`` cells are gone; returns how many."""
    gone = 0
    while gone < excess and basins:
        deep = [basin for basin in basins if basin.rows > 1] or basins
        basin = deep[int(random.integers(len(deep)))]
        part = slice(basin.first, basin.stop)
        wet[basin.bottom, part] = False
        if basin.rows > 1:
            grid[basin.bottom, part] = SOLID
            basin.bottom -= 1
            basin.rows -= 1
        else:
            basins.remove(basin)
        gone += basin.width
    return gone


def _deepen(grid: Grid, wet: Mask, least: int, most: int, random: np.random.Generator) -> int:
    """Let pools get deeper, then narrow pits hold liquid; returns the cells gained."""
    gained = 0
    # Of liquid that is to last for planks as well, every pool gets a share.
    basins = [basin for basin in _basins(grid, wet) if basin.room]
    while gained < least and basins:
        index = int(random.integers(len(basins)))
        basin = basins[index]
        if basin.width > most - gained or basin.room == 0:
            basins.pop(index)
            continue
        basin.bottom += 1
        basin.room -= 1
        grid[basin.bottom, basin.first : basin.stop] = HAZARD
        wet[basin.bottom, basin.first : basin.stop] = True
        gained += basin.width
    for basin in _basins(grid, (grid == HAZARD) & ~wet):
        if gained >= least:
            break
        if basin.rows == 1 and basin.width <= most - gained and _closed(grid, basin):
            wet[basin.bottom, basin.first : basin.stop] = True
            gained += basin.width
    return gained


def _closed(grid: Grid, basin: _Basin) -> bool:
    """Whether rock holds a liquid on both sides and below."""
    y, height, width = basin.bottom, *grid.shape
    sides = [x for x in (basin.first - 1, basin.stop) if 0 <= x < width]
    below = y + 1 == height or bool((grid[y + 1, basin.first : basin.stop] == SOLID).all())
    return below and bool((grid[y, sides] == SOLID).all())


def _basins(grid: Grid, wet: Mask) -> list[_Basin]:
    """The lowest rows of all pools; nothing of a pool lies below them."""
    width = grid.shape[1]
    above_dry = np.ones_like(wet)
    above_dry[:-1] = ~wet[1:]
    found = []
    for y, first, stop in _runs(wet):
        if not above_dry[y, first:stop].all():
            continue
        rows = 1
        around = wet[: y + 1, max(0, first - 1) : stop + 1]
        edges = [i for i, x in enumerate(range(max(0, first - 1), min(width, stop + 1)))
                 if not first <= x < stop]  # fmt: skip
        while (
            y - rows >= 0 and wet[y - rows, first:stop].all() and not around[y - rows, edges].any()
        ):
            rows += 1
        below = grid[y + 1 :, max(0, first - 1) : stop + 1]
        rock = (below == SOLID).all(axis=1)
        room = len(rock) if rock.all() else int(np.argmin(rock)) - 1
        found.append(_Basin(y, first, stop, rows, max(0, room)))
    return found


def _lay_planks(
    grid: Grid,
    wet: Mask,
    least: int,
    most: int,
    fixed: Collection[int],
    random: np.random.Generator,
) -> int:
    """Pools below planks wherever the floor is thick enough; returns the cells gained."""
    height, width = grid.shape
    solid = grid == SOLID
    deep = np.zeros(grid.shape, dtype=np.int64)  # rows of rock from a cell downward
    deep[-1] = solid[-1]
    for y in range(height - 2, -1, -1):
        deep[y] = np.where(solid[y], deep[y + 1] + 1, 0)
    deep += solid & (deep + np.arange(height)[:, None] == height)  # below the map is no hole
    floors = deep > 2
    floors[0] = False
    floors[1:] &= grid[:-1] == AIR
    held = np.zeros(grid.shape, dtype=bool)
    held.reshape(-1)[list(fixed)] = True
    floors[1:] &= ~held[:-1]
    runs = _runs(floors)
    gained = 0
    for index in random.permutation(len(runs)).tolist():
        y, first, stop = runs[index]
        while gained < least and stop - first >= 1:
            # A ledge stays on each side; at the border of the map rock is needed as little.
            low, high = first + int(first > 0), stop - int(stop < width)
            wide = min(high - low, _SPAN, most - gained)
            if wide < min(3, least - gained):
                break
            if high - low > wide + 2:
                low += int(random.integers(0, 3))
            sides = deep[y, max(0, low - 1) : low + wide + 1]
            depth = min(int(sides.min()) - 2, (most - gained) // wide, 4)
            if depth < 1:
                first = low + 1
                continue
            part = slice(low, low + wide)
            grid[y, part] = ONE_WAY
            grid[y + 1 : y + 1 + depth, part] = HAZARD
            wet[y + 1 : y + 1 + depth, part] = True
            gained += depth * wide
            first = low + wide
        if gained >= least:
            break
    return gained


def _runs(flags: Mask) -> list[tuple[int, int, int]]:
    """(row, first column, column after the last) of every run of flags in a row."""
    padded = np.pad(flags, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, first = np.nonzero(steps == 1)
    stop = np.nonzero(steps == -1)[1]
    return list(zip(rows.tolist(), first.tolist(), stop.tolist(), strict=True))
