"""Rooms to push boxes in: carved by strokes of a broad brush, then tidied.

A room is one whole number while it is worked on, cell ``y * width + x`` its bit: strokes, dead ends
and floods are a few operations for all cells at once.
"""

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
    floor = 0
    wanted = max(9, round(share * (width - 2) * (height - 2)))
    x, y = anchors[0]
    heading = int(random.integers(4))
    dice = random.random((4 * (width + height) + 40, 3))
    strokes = {(w, h): sum(((1 << w) - 1) << (y * width) for y in range(h)) for w, h in _BRUSHES}
    for turn, brush, pace in dice.tolist():
        w, h = _BRUSHES[int(brush * len(_BRUSHES))]
        left = min(max(1, x - w // 2), width - 1 - w)
        top = min(max(1, y - h // 2), height - 1 - h)
        floor |= strokes[w, h] << (top * width + left)
        if floor.bit_count() >= wanted:
            break
        if turn < 0.45:
            heading = int(turn / 0.45 * 4)
        dx, dy = _STEPS[heading]
        stride = 1 + int(pace * 2)
        x = min(max(1, x + dx * stride), width - 2)
        y = min(max(1, y + dy * stride), height - 2)
    held = [1 << (ay * width + ax) for ax, ay in anchors]
    for cell in held:
        floor |= cell
    floor = _stand_pillars(_tidy(floor, held, width), held, size, random)
    return _array(floor, size)


def _tidy(floor: int, held: list[int], width: int) -> int:
    """Keep what hangs together with the first held cell, and fill dead ends that are not held."""
    area = held[0]
    grown = 0
    while area != grown:
        grown = area
        area |= (area << 1 | area >> 1 | area << width | area >> width) & floor
    kept = 0
    for cell in held:
        kept |= cell
    floor = area
    while True:
        left, right, up, down = floor << 1, floor >> 1, floor << width, floor >> width
        twice = left & right | up & down | (left | right) & (up | down)
        tidied = floor & (twice | kept)
        if tidied == floor:
            return floor
        floor = tidied


def _stand_pillars(
    floor: int, held: list[int], size: tuple[int, int], random: np.random.Generator
) -> int:
    """Blocks of wall in the open, which boxes have to go around; all round each stays floor."""
    width, height = size
    count = int(random.uniform(0.04, 0.1) * floor.bit_count())
    around = sum(7 << (row * width) for row in range(3))
    for x, y in random.integers((1, 1), (width - 1, height - 1), (4 * count, 2)).tolist():
        block = around << ((y - 1) * width + x - 1)
        cell = 1 << (y * width + x)
        if count > 0 and cell not in held and floor & block == block:
            floor ^= cell
            count -= 1
    return floor


def _array(floor: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    width, height = size
    cells = np.frombuffer(floor.to_bytes((width * height + 7) // 8, "little"), dtype=np.uint8)
    bits = np.unpackbits(cells, bitorder="little", count=width * height)
    return bits.reshape(height, width).astype(bool)
