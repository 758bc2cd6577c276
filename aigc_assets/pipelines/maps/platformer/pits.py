"""Pits along the way are dug, or laid over with planks, until the ground is hard enough.

Every pit is dug where one walks over level rock with enough air above for the jump, so the way goes
on behind it; whoever uses the new ground proves that all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.jump_difficulty import deadly_falls
from aigc_assets.models.platformer_grammar import AIR, HAZARD, LADDER, ONE_WAY, SOLID
from aigc_assets.models.platformer_lane import MAX_GAP
from aigc_assets.pipelines.maps.platformer.physics import Grid

GAPS, DANGER = 0.45, 0.25
"""Weights of the parts of the difficulty that the ground decides."""
_CLEAR = (0, 2, 2, 3, 4, 4)
"""Free rows that the jump over a pit of so many columns needs."""
_NEAR = 0.01
"""How close to the aim is close enough."""


class Pit(NamedTuple):
    """A crossing of a way: its columns from ``first`` up to ``stop``, and the row of its edge."""

    row: int
    first: int
    stop: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.stop - self.first


@dataclass
class Tally:
    """What the score of the ground is made of: crossings, their widths and the ticks of the way."""

    count: int
    gaps: float
    columns: int
    ticks: int

    def score(self) -> float:
        """Share of the ground in the difficulty, 0..0.7."""
        gaps = self.gaps / self.count if self.count else 0.0
        return GAPS * gaps + DANGER * min(1.0, self.columns / max(1, self.ticks) / 0.4)

    def changed(self, width: int, sign: int) -> Tally:
        """With one crossing more (sign 1) or less (-1)."""
        return Tally(
            self.count + sign,
            self.gaps + sign * min(1.0, (width - 1) / 4),
            self.columns + sign * width,
            self.ticks + sign,
        )


def reshape(
    grid: Grid, path: Sequence[int], aim: float, fixed: Collection[int], random: np.random.Generator
) -> Grid | None:
    """A grid whose way should be nearer to the aim; None if nothing would help.

    Args:
        grid: Codes, [H, W].
        path: Cells of the way through it.
        aim: Share of the ground in the difficulty, 0..0.7.
        fixed: Cells of objects, below which the ground stays.
        random: Which places.
    """
    pits = pits_of(grid, path)
    widths = [pit.width for pit in pits]
    tally = Tally(len(pits), sum(min(1.0, (w - 1) / 4) for w in widths), sum(widths), len(path))
    margin = 1 if aim > 0.5 or min(grid.shape) < 16 else 2
    runs = _runs(grid, path, fixed)
    close = _fill if aim > 0.4 else _cover
    usual = 1 + 4 * aim / (GAPS + DANGER)
    grid = grid.copy()
    changed = False
    for _ in range(4 + len(path) // 6):
        off = abs(tally.score() - aim)
        if off < _NEAR:
            break
        options: list[tuple[float, int, int]] = []
        for width in range(1, MAX_GAP + 1):
            if any(run.holds(width, margin) for run in runs):
                after = abs(tally.changed(width, 1).score() - aim)
                options.append((after + 0.004 * abs(width - usual), width, 1))
        for width in sorted({pit.width for pit in pits}):
            after = abs(tally.changed(width, -1).score() - aim)
            options.append((after + 0.004, width, -1))
        if not options:
            break
        cost, width, sign = min(options)
        if cost > off - 0.002:
            break
        if sign > 0:
            fitting = [i for i, run in enumerate(runs) if run.holds(width, margin)]
            run = runs.pop(fitting[int(random.integers(len(fitting)))])
            places = run.places(width, margin)
            first = places[int(random.integers(len(places)))]
            _dig(grid, Pit(run.row, first, first + width))
            runs += run.without(first, first + width)
        else:
            fitting = [i for i, pit in enumerate(pits) if pit.width == width]
            close(grid, pits.pop(fitting[int(random.integers(len(fitting)))]))
        tally = tally.changed(width, sign)
        changed = True
    return grid if changed else None


def pits_of(grid: Grid, path: Sequence[int]) -> list[Pit]:
    """The crossings of a way, in its order."""
    support: NDArray[np.bool_] = np.isin(grid, (SOLID, ONE_WAY, LADDER))
    deadly = deadly_falls(support, grid == HAZARD).reshape(-1).tolist()
    width = grid.shape[1]
    found = []
    columns: set[int] = set()
    before = path[0]
    for cell in path:
        if deadly[cell]:
            columns.add(cell % width)
            continue
        if columns:
            # From the lower of both edges one gets up to the other.
            row = min(max(before // width, cell // width) + 1, len(grid) - 1)
            found.append(Pit(row, min(columns), max(columns) + 1))
            columns = set()
        before = cell
    return found


@dataclass(frozen=True)
class _Run:
    """Columns from ``first`` on, over which one walks.

    ``clear`` counts the free rows above each, ``open`` says where a jump may begin and end, and
    ``deep`` where there is rock to dig in.
    """

    row: int
    first: int
    clear: tuple[int, ...]
    open: tuple[bool, ...]
    deep: tuple[bool, ...]

    def places(self, width: int, margin: int) -> list[int]:
        """First columns of pits so wide, ``margin`` columns from the ends."""
        return [
            self.first + i
            for i in range(margin, len(self.clear) - width - margin + 1)
            if self.open[i - 1]
            and self.open[i + width]
            and all(self.deep[i : i + width])
            and min(self.clear[i : i + width]) >= _CLEAR[width]
        ]

    def holds(self, width: int, margin: int) -> bool:
        """Whether a pit so wide fits."""
        return len(self.clear) >= width + 2 * margin and bool(self.places(width, margin))

    def part(self, first: int, stop: int) -> _Run:
        """The columns from ``first`` up to ``stop``."""
        part = slice(first - self.first, stop - self.first)
        return _Run(self.row, first, self.clear[part], self.open[part], self.deep[part])

    def without(self, first: int, stop: int) -> list[_Run]:
        """What is left on both sides of a pit."""
        return [self.part(self.first, first), self.part(stop, self.first + len(self.clear))]


def _runs(grid: Grid, path: Sequence[int], fixed: Collection[int]) -> list[_Run]:
    """Level stretches over which the way leads; below objects the ground stays."""
    height, width = grid.shape
    solid = grid == SOLID
    free = grid == AIR
    clear = np.zeros(grid.shape, dtype=np.int64)  # free rows above each cell
    for y in range(1, height):
        clear[y] = np.where(free[y - 1], np.minimum(clear[y - 1] + 1, 4), 0)
    deep = solid.copy()
    deep[:-1] &= solid[1:]
    held = np.zeros(grid.shape, dtype=bool)
    held.reshape(-1)[list(fixed)] = True
    deep[1:] &= ~held[:-1]
    passable = (grid != SOLID) & (grid != HAZARD)
    opened = np.zeros(grid.shape, dtype=bool)  # by the two rows above
    opened[2:] = passable[1:-1] & passable[:-2]
    floors = solid | (grid == LADDER)
    used: set[int] = set()
    runs = []
    for stretch in _level(path, width):
        y = stretch[0] // width + 1
        part: list[int] = []
        for cell in [*sorted(stretch), -1]:
            if cell >= 0 and cell not in used and y < height and floors[y, cell % width]:
                part.append(cell % width)
                used.add(cell)
                continue
            if len(part) > 2:
                columns = slice(part[0], part[-1] + 1)
                rows = (flags[y, columns].tolist() for flags in (clear, opened, deep))
                runs.append(_Run(y, part[0], *(tuple(row) for row in rows)))
            part = []
    return runs


def _level(path: Sequence[int], width: int) -> list[Sequence[int]]:
    """The parts of a way that lead straight along a row."""
    found = []
    first = 0
    for i in range(1, len(path) + 1):
        straight = (
            i < len(path)
            and abs(path[i] - path[i - 1]) == 1
            and path[i] // width == path[i - 1] // width
            and (i - first < 2 or path[i] - path[i - 1] == path[i - 1] - path[i - 2])
        )
        if straight:
            continue
        if i - first > 2:
            found.append(path[first:i])
        first = i if i >= len(path) or abs(path[i] - path[i - 1]) != 1 else i - 1
    return found


def _dig(grid: Grid, pit: Pit) -> None:
    """A pit with spikes, or with what may become a pool if it is wide and there is rock enough."""
    width = grid.shape[1]
    around = grid[pit.row :, max(0, pit.first - 1) : min(width, pit.stop + 1)]
    whole = (around == SOLID).all(axis=1)
    rows = len(whole) if whole.all() else max(1, int(np.argmin(whole)) - 1)
    air = 0 if rows == 1 else 1 if rows < 4 else 2
    wet = min(rows - air, 2 if pit.width >= 3 else 1)
    grid[pit.row : pit.row + air, pit.first : pit.stop] = AIR
    grid[pit.row + air : pit.row + air + wet, pit.first : pit.stop] = HAZARD


def _cover(grid: Grid, pit: Pit) -> None:
    """Planks over a pit; spikes that are let into the ground give way to rock."""
    edge = grid[pit.row, pit.first : pit.stop]
    edge[edge == AIR] = ONE_WAY
    edge[edge == HAZARD] = SOLID


def _fill(grid: Grid, pit: Pit) -> None:
    """Rock in place of a pit, in which a wider one can be dug."""
    columns = grid[pit.row :, pit.first : pit.stop]
    open_ = np.logical_and.accumulate((columns == AIR) | (columns == HAZARD), axis=0)
    columns[open_] = SOLID
