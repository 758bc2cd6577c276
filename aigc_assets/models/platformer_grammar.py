"""The procedural prior of platformer levels: class grids from a seed, in numpy alone.

Hand-made platformer levels with a free licence are too few to learn from, so a network for this
theme learns from these. A level is a snake of lanes, each a row of rhythm groups (rest, gap,
stepping stones, spikes, stairs, cliff, tunnel, ruin, cellar ...) that are laid along a ground line;
challenges come in phrases of one idea that grows, with rests and landmarks between them. Narrow
levels are climbed instead. Nothing here proves that a level can be finished: whoever uses it does.

References:
    Compton & Mateas, Procedural Level Design for Platform Games, AIIDE 2006.
    Smith et al., Launchpad: A Rhythm-Based Level Generator for 2-D Platformers, TCIAIG 2011.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    Lane,
)
from aigc_assets.models.platformer_rooms import screen, storeys, winding

__all__ = [
    "AIR",
    "HAZARD",
    "LADDER",
    "ONE_WAY",
    "SOLID",
    "Level",
    "draw_level",
    "draw_windows",
    "is_small",
]


class Level(NamedTuple):
    """A class grid [H, W] and the cells (column, row) where it begins and ends."""

    grid: Grid
    start: Cell
    exit: Cell


def draw_level(
    size: tuple[int, int],
    random: np.random.Generator,
    difficulty: float = 0.5,
    dense: int = 0,
    arena: bool = False,
    wet: bool = False,
    level: bool = False,
) -> Level:
    """Draw one level.

    Args:
        size: Width and height in cells, at least 8 each.
        random: All decisions come from it.
        difficulty: 0..1: widths of gaps, number of spikes, length of rests.
        dense: Lanes beyond the usual number, as far as the height has room: longer ways.
        arena: Whether the level closes with a flat stretch, long enough for a fight.
        wet: Whether there should be many pools.
        level: Whether a small level is to be made of level floors, which take most.

    Returns:
        The grid and its two ends; both ends are free cells on firm ground.
    """
    width, height = size
    if min(size) < 8:
        raise ValueError(f"size: expected at least 8x8, got {width}x{height}")
    if level and is_small(size):
        return Level(*storeys(width, height, random, difficulty, dense, wet))
    if width < 22 and height > 16 and height > 1.2 * width and dense == 0 and not wet:
        return _climb(width, height, random, difficulty)
    if height < 24 and width < 30 and dense == 0 and not (arena or wet):
        # Too short for a rhythm: one screen, unless it is wide enough for a phrase or two.
        if random.random() < (30 - width) / 12:
            return Level(*screen(width, height, random, difficulty))
    usual = 1 if height < 24 else round(height / 14)
    count = max(1, usual + dense * max(1, usual // 2))
    if count > max(usual, height // 8):
        return Level(*winding(width, height, max(3, 7 - dense), random, difficulty, 1 + 2 * wet))
    return _snake(width, height, count, arena, wet, random, difficulty)


def is_small(size: tuple[int, int]) -> bool:
    """Whether a level is too narrow or too short for lanes with a rhythm."""
    return min(size) < 22 and size[0] < 30


def draw_windows(count: int, seed: int, side: int = 32) -> NDArray[np.uint8]:
    """Windows of levels of many shapes and difficulties, [count, side, side], codes as above."""
    random = np.random.Generator(np.random.Philox(seed))
    shapes = ((3, 1), (2, 1), (2, 2), (1, 2), (3, 2))
    windows: list[Grid] = []
    while len(windows) < count:
        across, down = shapes[int(random.integers(len(shapes)))]
        size = (side * across + int(random.integers(8)), side * down)
        grid = draw_level(size, random, float(random.random())).grid
        places = (grid.shape[1] - side + 1) * (grid.shape[0] - side + 1)
        for place in random.permutation(places)[: across * down].tolist():
            y, x = divmod(place, grid.shape[1] - side + 1)
            windows.append(grid[y : y + side, x : x + side])
    return np.stack(windows[:count])


def _snake(
    width: int,
    height: int,
    count: int,
    arena: bool,
    wet: bool,
    random: np.random.Generator,
    difficulty: float,
) -> Level:
    """Lanes one above the other, walked to and fro, joined by shafts at their ends."""
    edges = [round(i * height / count) for i in range(count + 1)]
    slack = (height // count - 10) // 2
    for i in range(1, count):
        edges[i] += int(random.integers(-slack, slack + 1)) if slack > 0 else 0
    upward = count > 1 and random.random() < (0.7 if height > width else 0.4)
    order = list(range(count))[::-1] if upward else list(range(count))
    grid = np.zeros((height, width), dtype=np.uint8)
    ends: list[tuple[Cell, Cell]] = []
    for turn, index in enumerate(order):
        top, bottom = edges[index], edges[index + 1]
        lane = Lane(bottom - top, width, index == 0, turn == 0, random, difficulty)
        lane.wet = wet
        if arena and turn == count - 1:
            lane.tail = min(11, max(7, width // 3))
        lane.draw()
        first, last = lane.first, lane.last
        cells = lane.cells
        if turn % 2:
            cells = cells[:, ::-1]
            first, last = (width - 1 - first[0], first[1]), (width - 1 - last[0], last[1])
        grid[top:bottom] = cells
        ends.append(((first[0], first[1] + top), (last[0], last[1] + top)))
    for turn in range(count - 1):
        upper, lower = ends[turn][1], ends[turn + 1][0]
        if upward:
            upper, lower = lower, upper
        _shaft(grid, upper, lower, random)
    _raise_floors(grid)
    return Level(grid, ends[0][0], ends[-1][1])


def _raise_floors(grid: Grid) -> None:
    """A narrow pit ends in one row of spikes; only what is wider holds a liquid."""
    hazard = np.pad(grid == HAZARD, ((0, 0), (2, 2)))
    run = hazard[:, :-2] & hazard[:, 1:-1] & hazard[:, 2:]
    wide = run[:, :-2] | run[:, 1:-1] | run[:, 2:]
    deep = (grid == HAZARD) & ~wide
    deep[1:] &= grid[:-1] == HAZARD
    deep[0] = False
    grid[deep] = SOLID


def _shaft(grid: Grid, upper: Cell, lower: Cell, random: np.random.Generator) -> None:
    """A way between two lanes below a standing cell of the upper one: a ladder, or ledges."""
    x, top, bottom = upper[0], upper[1] + 1, lower[1]
    width = grid.shape[1]
    wide = 4 <= x < width - 4 and bottom - top > 6 and random.random() < 0.5
    if not wide:
        grid[top : bottom + 1, x] = LADDER
        return
    thick = int(np.argmax(grid[top:, x] != SOLID)) if (grid[top:, x] != SOLID).any() else 1
    grid[top : top + thick, x - 1 : x + 2] = AIR
    grid[top : bottom + 1, x] = LADDER
    side = 1 if random.random() < 0.5 else -1
    for y in range(top, top + thick, 3):
        grid[y, x + side] = ONE_WAY
        side = -side


def _climb(width: int, height: int, random: np.random.Generator, difficulty: float) -> Level:
    """A shaft that is climbed from ledge to ledge; storeys differ in width and in how."""
    grid = np.zeros((height, width), dtype=np.uint8)
    grid[height - 2 :] = SOLID
    slack = (width - 8) // 4

    def walls(below: int, above: int, keep: tuple[int, int]) -> tuple[int, int]:
        """Columns between the walls of a storey; the cells of ``keep`` stay free."""
        first = min(1 + int(random.integers(slack + 1)), max(1, keep[0]))
        last = max(width - 2 - int(random.integers(slack + 1)), min(width - 2, keep[1]))
        grid[above:below, :first] = grid[above:below, last + 1 :] = SOLID
        return first, last

    at = 2 if random.random() < 0.5 else width - 3
    start = (at, height - 3)
    y = height - 2  # row of the ledge that one stands on
    storey = y - 3 * JUMP - int(random.integers(4, 6))
    first, last = walls(y, max(storey, 0), (at - 1, at + 1))
    left, right = first, last
    rightward = at < width // 2
    while y - JUMP >= 5:
        if y - storey in (4, 5) and storey >= 5:
            # A floor of rock with a ladder through it ends a storey.
            x = int(random.integers(left, right + 1))
            grid[storey, first : last + 1] = SOLID
            grid[storey:y, x] = LADDER
            y, storey = storey, storey - 2 * JUMP * int(random.integers(1, 3)) - 4
            storey -= int(random.integers(2))
            bound = first, last
            first, last = walls(y, max(storey, 0), (x - 1, x + 1))
            grid[y, bound[0] : bound[1] + 1][grid[y, bound[0] : bound[1] + 1] == AIR] = SOLID
            # Spikes between the ladder and the far side, where the next ledge begins.
            ahead = 1 if 2 * x < first + last else -1
            at = x + 2 * ahead
            for _ in range(round(2.4 * difficulty)):
                wide = 1.2 + 3.8 * difficulty + 0.9 * (float(random.random()) - 0.5)
                room = (last - 1 - at if ahead > 0 else at - first - 1) - 1
                wide = min(MAX_GAP, room, max(1, round(wide)))
                if wide < 1:
                    break
                part = slice(at, at + wide) if ahead > 0 else slice(at - wide + 1, at + 1)
                grid[y, part] = HAZARD
                grid[y + 1, part][grid[y + 1, part] == AIR] = SOLID
                at += (wide + 2) * ahead
            left, right = first, last
            rightward = ahead > 0
            continue
        inner = last - first + 1
        row = y - JUMP
        longest = max(2, round(inner * (0.6 - 0.3 * difficulty)))
        length = int(random.integers(2, longest + 1))
        reach = 1 + round(2 * difficulty)
        if rightward:  # the next ledge lies further right
            x = right + int(random.integers(-1, reach))
        else:
            x = left - length + 1 - int(random.integers(-1, reach))
        x = min(max(first, x), last + 1 - length)
        begin = first if x <= first + 1 else x
        stop = last + 1 if x + length >= last else x + length
        rooted = stop - begin < inner - 3 and (begin == first) != (stop == last + 1)
        beside = left <= begin - 1 <= right or left <= stop <= right  # else one bumps into it
        if rooted and beside and random.random() < 0.6:
            grid[row, begin:stop] = SOLID
            x, length = begin, stop - begin
        else:
            grid[row, x : x + length] = ONE_WAY
        left, right = x, x + length - 1
        if left <= first + 1 or right >= last - 1 or random.random() < 0.15:
            rightward = (left + right) < (first + last)
        y = row
    firm = [x for x in range(left, right + 1) if grid[y, x] != HAZARD]
    exit_ = (min(firm, key=lambda x: abs(2 * x - left - right)), y - 1)
    grid[: y - 4, :] = np.where(grid[: y - 4] == SOLID, AIR, grid[: y - 4])
    return Level(grid, start, exit_)
