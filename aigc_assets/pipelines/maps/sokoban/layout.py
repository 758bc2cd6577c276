"""Where chambers and corridors lie on a map that is too large for one puzzle.

Corridors cut the map into blocks: each cut runs from one side of a block to the other and begins
or ends at a corridor that is already there, so all corridors hang together and every block has a
wall along one. A block becomes a chamber with a single door: what is pushed inside cannot disturb
another chamber, so puzzles can be solved one after another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SINGLE = 225
"""Cells up to which a map is one chamber."""
LEAST = 6
"""Least side of a chamber with its walls."""
LEFT, TOP, RIGHT, BOTTOM = range(4)


class Block(NamedTuple):
    """A rectangle with the walls around it, ends included, and which sides lie at corridors."""

    left: int
    top: int
    right: int
    bottom: int
    sides: tuple[bool, bool, bool, bool]

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left + 1

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top + 1


def is_single(size: tuple[int, int]) -> bool:
    """Whether a map of this size is one chamber."""
    return size[0] * size[1] <= SINGLE


def cut(
    size: tuple[int, int], largest: int, random: np.random.Generator
) -> tuple[NDArray[np.bool_], list[Block]]:
    """Cut a map into blocks.

    Args:
        size: Width and height.
        largest: Side above which a block is cut, at least 2 * LEAST + 1.
        random: Chooses where.

    Returns:
        Corridor cells [H, W], and the blocks from top left to bottom right.
    """
    width, height = size
    corridor = np.zeros((height, width), dtype=bool)
    blocks: list[Block] = []
    todo = [Block(0, 0, width - 1, height - 1, (False,) * 4)]
    while todo:
        block = todo.pop()
        if max(block.width, block.height) <= largest and any(block.sides):
            blocks.append(block)
            continue
        todo += _cut(block, corridor, largest, random)
    return corridor, sorted(blocks, key=lambda block: (block.top, block.left))


def _cut(
    block: Block, corridor: NDArray[np.bool_], largest: int, random: np.random.Generator
) -> list[Block]:
    """Lay one corridor through a block, or along its edge where its middle cannot be reached."""
    first = not any(block.sides)
    upright_joins = first or block.sides[TOP] or block.sides[BOTTOM]
    level_joins = first or block.sides[LEFT] or block.sides[RIGHT]
    wide = block.width > largest
    tall = block.height > largest
    if wide and (upright_joins or not tall) and not (tall and level_joins and _longer(block)):
        upright = upright_joins
    else:
        upright = not level_joins
    # An upright corridor splits the width; where the block is narrow it runs along an edge.
    length = block.width if upright else block.height
    low, high = LEAST, length - 1 - LEAST
    if low <= high and (wide if upright else tall):
        at = int(random.integers(low, high + 1)) if high - low < 8 else int(
            random.integers(low + (high - low) // 4, high - (high - low) // 4 + 1))  # fmt: skip
    else:
        at = 1 if random.random() < 0.5 else length - 2
    if upright:
        return _upright(block, block.left + at, corridor)
    return _level(block, block.top + at, corridor)


def _longer(block: Block) -> bool:
    return block.height > block.width


def _upright(block: Block, x: int, corridor: NDArray[np.bool_]) -> list[Block]:
    left, top, right, bottom = block.sides
    start = block.top if top else block.top + 1
    stop = block.bottom if bottom else block.bottom - 1
    corridor[start : stop + 1, x] = True
    west = Block(block.left, block.top, x - 1, block.bottom, (left, top, True, bottom))
    east = Block(x + 1, block.top, block.right, block.bottom, (True, top, right, bottom))
    return [side for side in (west, east) if side.width >= LEAST]


def _level(block: Block, y: int, corridor: NDArray[np.bool_]) -> list[Block]:
    left, top, right, bottom = block.sides
    start = block.left if left else block.left + 1
    stop = block.right if right else block.right - 1
    corridor[y, start : stop + 1] = True
    north = Block(block.left, block.top, block.right, y - 1, (left, top, right, True))
    south = Block(block.left, y + 1, block.right, block.bottom, (left, True, right, bottom))
    return [side for side in (north, south) if side.height >= LEAST]


def doorways(block: Block, corridor: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Cells (x, y) of the block's wall between a corridor and the room, and on which side."""
    found = []
    for x in range(block.left + 2, block.right - 1):
        if block.sides[TOP] and corridor[block.top - 1, x]:
            found.append((x, block.top, TOP))
        if block.sides[BOTTOM] and corridor[block.bottom + 1, x]:
            found.append((x, block.bottom, BOTTOM))
    for y in range(block.top + 2, block.bottom - 1):
        if block.sides[LEFT] and corridor[y, block.left - 1]:
            found.append((block.left, y, LEFT))
        if block.sides[RIGHT] and corridor[y, block.right + 1]:
            found.append((block.right, y, RIGHT))
    return found
