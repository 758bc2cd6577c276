"""Levels of one room, levels of many chambers, and the treasure in them."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import distances
from aigc_assets.pipelines.maps.requirements import LIMIT, Range, Requirements
from aigc_assets.pipelines.maps.sokoban.chamber import Effort, make_puzzle
from aigc_assets.pipelines.maps.sokoban.layout import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Block,
    cut,
    doorways,
)
from aigc_assets.pipelines.maps.sokoban.plan import (
    Chamber,
    NoLevel,
    Plan,
    finish_single,
    finish_tour,
    place_chamber,
)
from aigc_assets.pipelines.maps.sokoban.rooms import carve

_SINGLE = Effort(beams=(200, 16, 60, 16, 100), near=0.02, states=2500, nodes=2000)
_CHAMBER = Effort(beams=(60, 12, 24), near=0.04, states=700, nodes=400)
_MOST_BOXES = 6
"""Boxes in one room: more make the search blind."""
_MOST_CHAMBERS = 72
"""Puzzles of a map that asks for no number of boxes; the other rooms are empty stores."""
_BEHIND = {LEFT: (1, 0), TOP: (0, 1), RIGHT: (-1, 0), BOTTOM: (0, -1)}


def single(
    size: tuple[int, int],
    wanted: Requirements,
    level: float,
    least: int,
    random: np.random.Generator,
) -> Plan:
    """A level that is one room.

    Args:
        size: Width and height.
        wanted: Boxes, pushes and path are served.
        level: Difficulty to come close to.
        least: Pushes that it shall have at least where the requirements allow it.
        random: Draws it.

    Raises:
        NoLevel: If this attempt came to nothing.
    """
    width, height = size
    share = float(random.uniform(0.5, 0.72)) + (0.12 if min(size) <= 9 else 0.0)
    anchor = (int(random.integers(2, width - 2)), int(random.integers(2, height - 2)))
    floor = carve(size, (anchor,), share, random)
    count = _count(level, int(floor.sum()), random)
    if wanted.boxes:
        count = min(max(count, wanted.boxes.low), wanted.boxes.high)
    elif wanted.pushes or wanted.path:
        count = min(count, 2 + int(random.integers(2)))  # few boxes are searched deeper
    low, high = (wanted.pushes.low, wanted.pushes.high) if wanted.pushes else (1, LIMIT)
    if wanted.path:
        high = min(high, wanted.path.high)
        low = max(low, min(least, high))
    puzzle = make_puzzle(
        width, _bytes(~floor), -1, count, level, _SINGLE, random, (max(1, low), high)
    )
    if puzzle is None:
        raise NoLevel(f"a room of {int(floor.sum())} cells got no puzzle of {count} boxes", 1)
    return finish_single(puzzle, ~floor, wanted.path, random)


def _count(level: float, cells: int, random: np.random.Generator) -> int:
    """Boxes of one room with so many floor cells."""
    most = min(_MOST_BOXES, max(1, cells // 8))
    count = 1 + round(level * (most - 1) + float(random.uniform(-0.7, 0.7)))
    return min(max(count, 1), most)


def halls(
    size: tuple[int, int],
    wanted: Requirements,
    level: float,
    crowd: int,
    random: np.random.Generator,
) -> Plan:
    """A level of chambers along corridors.

    Args:
        size: Width and height.
        wanted: Boxes, pushes and path are served.
        level: Difficulty of each puzzle to come close to.
        crowd: Boxes more in every chamber than the difficulty asks for.
        random: Draws it.

    Raises:
        NoLevel: If this attempt came to nothing.
    """
    largest = int(random.integers(13, 16))
    corridor, blocks = cut(size, largest, random)
    wall = ~corridor
    rooms = [_room(block, corridor, wall, random) for block in blocks]
    chambers = _fill(size, blocks, rooms, wall, wanted, level, crowd, random)
    if not chambers:
        raise NoLevel("no chamber got a puzzle")
    fitting = _prefixes(chambers, wanted)
    if wanted.path is None:
        return finish_tour(wall, corridor, chambers[: fitting[-1]], None, random)
    low, high = 0, len(fitting) - 1
    problem = NoLevel("")
    while low <= high:  # more chambers, a longer walk
        middle = (low + high) // 2
        try:
            return finish_tour(wall, corridor, chambers[: fitting[middle]], wanted.path, random)
        except NoLevel as found:
            problem = found
        low, high = (middle + 1, high) if problem.lacks > 0 else (low, middle - 1)
    raise problem


_Room = tuple[tuple[int, int], int, NDArray[np.bool_]]
"""Door cell (x, y), side of the block, floor of the block's board with one more ring."""


def _room(
    block: Block,
    corridor: NDArray[np.bool_],
    wall: NDArray[np.bool_],
    random: np.random.Generator,
) -> _Room:
    """Carve the room of a block and its door into ``wall``."""
    doors = doorways(block, corridor)
    x, y, side = doors[int(random.integers(len(doors)))]
    dx, dy = _BEHIND[side]
    inside = (x + dx - block.left, y + dy - block.top)
    narrow = min(block.width, block.height) <= 7
    share = float(random.uniform(0.8, 1.0) if narrow else random.uniform(0.62, 0.9))
    floor = carve((block.width, block.height), (inside,), share, random)
    if floor.sum() < 9:  # the brush left nothing to push a box in
        floor[1:-1, 1:-1] = True
    floor[y - block.top, x - block.left] = True
    wall[block.top : block.bottom + 1, block.left : block.right + 1] &= ~floor
    return (x, y), side, np.pad(floor, 1)


def _fill(
    size: tuple[int, int],
    blocks: list[Block],
    rooms: list[_Room],
    wall: NDArray[np.bool_],
    wanted: Requirements,
    level: float,
    crowd: int,
    random: np.random.Generator,
) -> list[Chamber]:
    """Puzzles in as many rooms as the requirements ask for."""
    width = size[0]
    boxes = wanted.boxes or Range(1, LIMIT)
    aim = boxes.high
    if wanted.boxes:
        span = min(boxes.high, 2 * boxes.low + 2) - boxes.low
        aim = boxes.low + int(random.integers(span + 1))
    pushes = wanted.pushes or Range(1, LIMIT)
    fewest = -(-boxes.low // len(blocks)) if wanted.boxes else 0
    chambers: list[Chamber] = []
    placed = pushed = walked = 0
    limit = len(blocks) if wanted.boxes or wanted.pushes or wanted.path else _MOST_CHAMBERS
    for i in random.permutation(len(blocks)).tolist():
        done = pushed >= pushes.low and placed >= boxes.low
        if placed >= aim or len(chambers) >= limit or (wanted.pushes and done):
            break
        if wanted.path and done and walked > wanted.path.high:
            break
        block, (door, side, floor) = blocks[i], rooms[i]
        columns = block.width + 2
        entrance = (door[1] - block.top + 1) * columns + door[0] - block.left + 1
        count = max(_count(level, int(floor.sum()), random), fewest + crowd * bool(wanted.boxes))
        count = min(count, _MOST_BOXES, aim - placed)
        left = pushes.high - pushed
        need = max(1, pushes.low - pushed) if pushes.low - pushed <= 16 else 1
        if left > 24 and need == 1:
            left -= 6  # leave some for the last one
        puzzle = None
        while puzzle is None and count > 0:
            puzzle = make_puzzle(
                columns, _bytes(~floor), entrance, count, level, _CHAMBER, random, (need, left)
            )
            count -= 1
        if puzzle is None:
            continue
        dx, dy = _BEHIND[side]
        outside = (door[1] - dy) * width + door[0] - dx
        chambers.append(place_chamber(puzzle, block, outside, width))
        placed += len(puzzle.boxes)
        pushed += len(puzzle.pushes)
        walked += len(chambers[-1].walk)
    return chambers


def _prefixes(chambers: list[Chamber], wanted: Requirements) -> list[int]:
    """How many of the chambers, from the first on, hold the boxes and pushes asked for."""
    boxes = list(itertools.accumulate(len(chamber.boxes) for chamber in chambers))
    pushes = list(itertools.accumulate(len(chamber.puzzle.pushes) for chamber in chambers))
    found = [
        i + 1
        for i in range(len(chambers))
        if (wanted.boxes is None or wanted.boxes.low <= boxes[i] <= wanted.boxes.high)
        and (wanted.pushes is None or wanted.pushes.low <= pushes[i] <= wanted.pushes.high)
    ]
    if not found:
        asked = [
            f"{span} {name}"
            for name, span in (("boxes", wanted.boxes), ("pushes", wanted.pushes))
            if span
        ]
        got = f"{boxes[-1]} boxes and {pushes[-1]} pushes"
        raise NoLevel(f"the chambers took {got}, {' and '.join(asked)} were asked for")
    return found


def place_treasure(
    plan: Plan, wanted: Range | None, random: np.random.Generator
) -> tuple[int, ...]:
    """Cells for treasure: reached once all is solved, where neither boxes nor ends stand.

    Raises:
        NoLevel: If there are not enough.
    """
    if wanted is None or wanted.high == 0:
        return ()
    count = int(random.integers(wanted.low, min(wanted.high, wanted.low + 8) + 1))
    width = plan.wall.shape[1]
    free = (~plan.wall).astype(np.uint8).reshape(-1)
    reached = distances(free, width, [plan.exit], plan.goals).tolist()
    taken = {plan.start, plan.exit, *plan.boxes, *plan.goals}
    cells = [cell for cell, far in enumerate(reached) if far >= 0 and cell not in taken]
    # In corners first: a box there would be lost anyway.
    around = (-width, 1, width, -1)
    walls = [sum(bool(plan.wall.flat[cell + step]) for step in around) for cell in cells]
    order = random.permutation(len(cells)).tolist()
    order.sort(key=lambda i: -walls[i])
    count = min(count, len(cells))
    if count < wanted.low:
        raise NoLevel(f"{count} cells are free for treasure, {wanted} were asked for")
    return tuple(sorted(cells[i] for i in order[:count]))


def _bytes(wall: NDArray[np.bool_]) -> bytes:
    return wall.astype(np.uint8).tobytes()
