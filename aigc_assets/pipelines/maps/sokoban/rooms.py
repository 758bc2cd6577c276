"""Rooms to push boxes in: carved by strokes of a broad brush, then tidied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BRUSHES = ((2, 2), (3, 1), (1, 3), (2, 3), (3, 2), (3, 3))
_STEPS = ((0, -1), (1, 0), (0, 1), (-1, 0))

Cell = tuple[int, int]


def carve(
    size: tuple[int, int], anchors: tuple[Cell, ...], share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Carve a room.

    Args:
        size: Width and height of the room with its walls, each at least 5.
        anchors: Cells (x, y) inside that must be floor, the first one joined to the rest.
        share: Share of the cells inside to carve, 0..1.
        random: Leads the brush.

    Returns:
        Floor cells, [H, W]; one area without dead ends, its outermost ring is wall.
    """
    width, height = size
    floor = np.zeros((height, width), dtype=bool)
    wanted = max(9, round(share * (width - 2) * (height - 2)))
    x, y = anchors[0]
    heading = int(random.integers(4))
    dice = random.random((6 * (width + height) + 60, 3))
    for turn, brush, pace in dice.tolist():
        w, h = _BRUSHES[int(brush * len(_BRUSHES))]
        left = min(max(1, x - w // 2), width - 1 - w)
        top = min(max(1, y - h // 2), height - 1 - h)
        floor[max(1, top) : top + h, max(1, left) : left + w] = True
        if floor.sum() >= wanted:
            break
        if turn < 0.45:
            heading = int(turn / 0.45 * 4)
        dx, dy = _STEPS[heading]
        stride = 1 + int(pace * 2)
        x = min(max(1, x + dx * stride), width - 2)
        y = min(max(1, y + dy * stride), height - 2)
    for ax, ay in anchors:
        floor[ay, ax] = True
    return _stand_pillars(tidy(floor, anchors), anchors, random)


def _stand_pillars(
    floor: NDArray[np.bool_], anchors: tuple[Cell, ...], random: np.random.Generator
) -> NDArray[np.bool_]:
    """Blocks of wall in the open, which boxes have to go around; all round each stays floor."""
    height, width = floor.shape
    count = int(random.uniform(0.04, 0.1) * floor.sum())
    for x, y in random.integers((1, 1), (width - 1, height - 1), (4 * count, 2)).tolist():
        if count > 0 and (x, y) not in anchors and floor[y - 1 : y + 2, x - 1 : x + 2].all():
            floor[y, x] = False
            count -= 1
    return floor


def tidy(floor: NDArray[np.bool_], anchors: tuple[Cell, ...]) -> NDArray[np.bool_]:
    """Close the ring, keep what hangs together with the first anchor, and fill dead ends."""
    floor = floor.copy()
    floor[[0, -1]] = False
    floor[:, [0, -1]] = False
    kept = set(anchors)
    reached = _area(floor, anchors[0])
    floor &= reached
    changed = True
    while changed:
        changed = False
        for y, x in np.argwhere(floor).tolist():
            beside = sum(bool(floor[y + dy, x + dx]) for dx, dy in _STEPS)
            if beside <= 1 and (x, y) not in kept:
                floor[y, x] = False
                changed = True
    return floor


def _area(floor: NDArray[np.bool_], start: Cell) -> NDArray[np.bool_]:
    reached = np.zeros_like(floor)
    reached[start[1], start[0]] = True
    todo = [start]
    while todo:
        x, y = todo.pop()
        for dx, dy in _STEPS:
            if floor[y + dy, x + dx] and not reached[y + dy, x + dx]:
                reached[y + dy, x + dx] = True
                todo.append((x + dx, y + dy))
    return reached
