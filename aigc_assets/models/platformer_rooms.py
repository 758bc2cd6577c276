"""Platformer levels without lanes: single screens, and floors above each other."""

from __future__ import annotations

import numpy as np

from aigc_assets.models.platformer_lane import (
    AIR,
    HAZARD,
    JUMP,
    LADDER,
    MAX_GAP,
    ONE_WAY,
    SOLID,
    Cell,
    Grid,
)

Ends = tuple[Grid, Cell, Cell]
"""A class grid [H, W], and where the level begins and ends."""


def winding(
    width: int,
    height: int,
    storey: int,
    random: np.random.Generator,
    difficulty: float,
    base: int = 1,
) -> Ends:
    """Floors close above each other with a ladder at one end of each: the longest ways."""
    grid = np.zeros((height, width), dtype=np.uint8)
    grid[:, [0, -1]] = SOLID
    floor = height - base
    grid[floor:] = SOLID
    rightward = bool(random.random() < 0.5)
    start = (1 if rightward else width - 2, floor - 1)
    while True:
        x = 3
        while x < width - 4:  # a step to hop over, or spikes
            x += 2 + int(random.integers(4))
            if x < width - 3 and storey > 3 and random.random() < 0.5:
                spiky = floor == height - base and random.random() < 0.3 + 0.4 * difficulty
                grid[floor if spiky else floor - 1, x] = HAZARD if spiky else SOLID
                x += 1
        above = floor - storey
        end = width - 2 if rightward else 1
        if above < 2:
            return (grid, start, (end, floor - 1))
        grid[above, 1 : width - 1] = SOLID
        grid[above:floor, end] = LADDER
        floor, rightward = above, not rightward


def screen(width: int, height: int, random: np.random.Generator, difficulty: float) -> Ends:
    """A level of one screen: uneven ground with pits, and ledges above it."""
    grid = np.zeros((height, width), dtype=np.uint8)

    def dice(low: int, high: int) -> int:
        return int(random.integers(low, high + 1)) if high > low else low

    most = max(2, height // 3)
    thick = dice(1, max(1, most - 1))
    tops: list[int] = []  # row of the ground in each column, height where there is a pit
    while len(tops) < width:
        room = width - len(tops)
        kind = float(random.random())
        wide = max(1, min(MAX_GAP, round(1 + 3 * difficulty + float(random.random()))))
        if tops and kind < 0.35 and room >= wide + 2 and tops[-1] != height and thick > 0:
            tops += [height] * wide
        elif tops and kind < 0.75:
            thick = min(most, max(1, thick + dice(1, 2) * (1 if random.random() < 0.55 else -1)))
        tops += [height - thick] * min(dice(2, 3 + width // 8), width - len(tops))
    for x, top in enumerate(tops):
        grid[top:, x] = SOLID
        if top == height:
            grid[height - 1, x] = HAZARD
    firm = [x for x in range(width) if tops[x] != height]
    first = firm[min(dice(0, 1), len(firm) - 1)]
    far = firm[-1 - min(dice(0, 1), len(firm) - 2)]
    ends = (first, tops[first] - 1), (far, tops[far] - 1)

    x = firm[dice(0, len(firm) - 1)]
    left = right = x
    row = tops[x]
    ledges = 0
    while row - JUMP >= 2 and random.random() < (0.9 if ledges == 0 else 0.75):
        up = dice(2, JUMP)
        length = dice(2, max(2, width // 3))
        at = min(max(0, dice(left - length + 1, right)), width - length)
        ladder = dice(max(at, left), max(left, min(at + length - 1, right)))
        if at <= ladder < at + length and row - JUMP - 2 >= 2 and random.random() < 0.3:
            up = dice(JUMP + 1, JUMP + 2)
            column = grid[row - up + 1 : row, ladder]
            column[column == AIR] = LADDER
        else:
            ladder = -1
        ledge = grid[row - up, at : at + length]
        ledge[ledge == AIR] = ONE_WAY
        if ladder >= 0:
            grid[row - up, ladder] = LADDER
        left, right, row = at, at + length - 1, row - up
        ledges += 1
    if ledges and random.random() < 0.65 and grid[row - 1, right] == AIR:
        at = left if abs(left - first) > abs(right - first) else right
        if grid[row - 1, at] == AIR and (at, row - 1) != ends[0]:
            ends = ends[0], (at, row - 1)
    if random.random() < 0.5:
        grid = np.ascontiguousarray(grid[:, ::-1])
        ends = tuple((width - 1 - x, y) for x, y in ends)  # type: ignore[assignment]
    return (grid, ends[0], ends[1])


def storeys(
    width: int,
    height: int,
    random: np.random.Generator,
    difficulty: float = 0.5,
    dense: int = 0,
    wet: bool = False,
) -> Ends:
    """Level floors above each other with a ladder through each; they take pits, pools and gates.

    Args:
        width: Columns, at least 8.
        height: Rows, at least 8.
        random: How many floors, how thick, and what stands on them.
        difficulty: 0..1; hard levels have floors that take pits.
        dense: 1 and more: as many floors as there is room for.
        wet: Whether the floors are to be thick enough for pools.
    """

    def dice(low: int, high: int) -> int:
        return int(random.integers(low, high + 1)) if high > low else low

    tight = dense > 0 or bool(random.random() < 0.35)
    thick = dice(3, 4) if wet and not tight else 1 if tight else dice(1 + int(difficulty > 0.5), 2)
    base = (
        dice(2 + int(height > 11), 3 + height // 6)
        if wet
        else dice(1, 1 + (0 if tight else 1 + height // 12))
    )
    least = max(2, 4 - dense)
    free = dice(least, 2 if dense > 2 else 3) if tight else dice(3 + int(difficulty > 0.6), 5)
    floor = height - min(base, height - 5)
    grid = np.zeros((height, width), dtype=np.uint8)
    grid[floor:] = SOLID
    rightward = bool(random.random() < 0.5)
    at = dice(0, 1)
    start = (at if rightward else width - 1 - at, floor - 1)
    while True:
        above = floor - free - thick
        last = above < (1 if dense > 1 else 2 if tight else 3)
        _relieve(grid, floor, 0 if last else above + thick, random)
        if last:
            break
        x = dice(1, 1 + width // 12)
        x = width - 1 - x if rightward else x
        grid[above : above + thick] = SOLID
        grid[above:floor, x] = LADDER
        floor, rightward = above, not rightward
        free = dice(least, 2 if dense > 2 else 3) if tight else dice(3 + int(difficulty > 0.6), 5)
    at = dice(0, 1)
    return grid, start, (width - 1 - at if rightward else at, floor - 1)


def _relieve(grid: Grid, floor: int, roof: int, random: np.random.Generator) -> None:
    """Steps, ledges and rock that hangs down, where the roof is high enough."""
    width = grid.shape[1]
    free = floor - roof
    x = 2
    while free > 3 and x < width - 4:
        x += int(random.integers(0, 3))
        part = slice(x, min(x + 2 + int(random.integers(0, 3)), width - 3))
        kind = float(random.random())
        if kind < 0.22:
            grid[floor - 1, part] = SOLID
        elif kind < 0.45 and free >= JUMP + 2:
            grid[floor - JUMP, part] = ONE_WAY
        elif kind < 0.6 and roof > 0:
            grid[roof, part] = SOLID
        x += 5 + int(random.integers(0, 5))
