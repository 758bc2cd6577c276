"""How hard a level with boxes is to solve, measured on the finished map and its witness.

A level falls into puzzles: boxes belong to one puzzle if one is pushed between two pushes of the
other, or if their trails come within `REACH` cells of each other. Each puzzle scores
``1 - exp(-(pushes + 2 * lines + 4 * (boxes - 1)) / 35)``, 0..1; the level scores the mean. A
line is a series of pushes of one box in one direction; each change asks for a new thought. Boxes
that never move are no puzzle.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from aigc_assets.types import Tilemap

REACH = 2
"""Rows and columns between the trails of two boxes within which one can be in the other's way."""

_NEAR = range(-REACH, REACH + 1)
_AHEAD = tuple((dx, dy) for dx in _NEAR for dy in _NEAR if (dx, dy) > (0, 0))

Cell = tuple[int, int]


def push_difficulty(tilemap: Tilemap) -> float:
    """Score 0 (nothing to push) .. 1 of a level; higher is harder, 0 without a witness."""
    if tilemap.witness is None:
        return 0.0
    boxes = [item.cell for item in tilemap.objects if item.cls == "box"]
    path = [(int(x), int(y)) for x, y in tilemap.witness.path]
    scores = [score(*parts) for parts in puzzles(boxes, path)]
    return sum(scores) / len(scores) if scores else 0.0


def score(pushes: int, lines: int, boxes: int) -> float:
    """Of one puzzle.

    Args:
        pushes: At least 1.
        lines: Series of pushes of one box in one direction, 1..pushes.
        boxes: At least 1.
    """
    return 1 - math.exp(-(pushes + 2 * lines + 4 * (boxes - 1)) / 35)


def puzzles(boxes: Sequence[Cell], path: Sequence[Cell]) -> list[tuple[int, int, int]]:
    """Pushes, lines and boxes of each puzzle that a walk over ``path`` solves.

    Args:
        boxes: Cells (x, y) of the boxes before the walk.
        path: Cells of the walk, each beside the one before it.
    """
    trails = [[box] for box in boxes]
    number = {box: i for i, box in enumerate(boxes)}
    turns: list[tuple[int, Cell]] = []  # box and direction of each push
    for (x, y), to in itertools.pairwise(path):
        if to in number:
            box = number.pop(to)
            step = (to[0] - x, to[1] - y)
            beyond = (to[0] + step[0], to[1] + step[1])
            number[beyond] = box
            trails[box].append(beyond)
            turns.append((box, step))
    group = list(range(len(boxes)))
    for one, other in _belong_together(trails, [box for box, _ in turns]):
        low, high = sorted((group[one], group[other]))
        if low == high:
            continue
        group = [low if of == high else of for of in group]
    parts: dict[int, list[int]] = {}
    before: dict[
        int, tuple[int, Cell]
    ] = {}  # a group's last push: others' are no change of thought
    for box, step in turns:
        part = parts.setdefault(group[box], [0, 0, 0])
        part[0] += 1
        part[1] += before.get(group[box]) != (box, step)
        before[group[box]] = (box, step)
    for box, trail in enumerate(trails):
        if len(trail) > 1:
            parts[group[box]][2] += 1
    return [(pushes, lines, count) for pushes, lines, count in parts.values()]


def _belong_together(
    trails: Sequence[Sequence[Cell]], turns: Sequence[int]
) -> list[tuple[int, int]]:
    """Pairs of boxes that belong to one puzzle, enough of them to join it."""
    moved = [box for box, trail in enumerate(trails) if len(trail) > 1]
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for i, box in enumerate(turns):
        first.setdefault(box, i)
        last[box] = i
    spans = sorted((first[box], last[box], box) for box in moved)
    found: list[tuple[int, int]] = []
    open_box, until = -1, -1  # the span that reaches furthest so far
    for low, high, box in spans:
        if low < until:
            found.append((open_box, box))
        if high > until:
            open_box, until = box, high
    # Cells near trails, by a grid: levels have hundreds of boxes.
    at: dict[Cell, list[int]] = {}
    for box in moved:
        for x, y in set(trails[box]):
            at.setdefault((x, y), []).append(box)
    for (x, y), there in at.items():
        found += [(there[0], box) for box in there[1:]]
        found += [(there[0], at[x + dx, y + dy][0]) for dx, dy in _AHEAD if (x + dx, y + dy) in at]
    return found
