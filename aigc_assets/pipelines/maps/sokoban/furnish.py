"""Levels of one room, levels of many chambers, and the treasure in them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import distances
from aigc_assets.pipelines.maps.requirements import LIMIT, Range, Requirements
from aigc_assets.pipelines.maps.sokoban.chamber import Ask, Effort, effort_of, make_puzzle, scores
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
    finish_walk,
    place_chamber,
    transplant,
)
from aigc_assets.pipelines.maps.sokoban.rooms import carve

_SINGLE = Effort(
    beams=(200, 16, 60, 30, 100, 20, 60, 30), near=0.03, states=5000, nodes=3000, tries=4
)
_ANY = _SINGLE._replace(near=0.1, tries=2)
"""Where nobody asked for a difficulty: the one that is aimed at was drawn."""
_CHAMBER = Effort(beams=(40, 12, 24), near=0.07, states=700, nodes=400)
_FAIR = Effort(beams=(16, 60, 8, 24), near=0.05, states=1500, nodes=500)
"""Where they shall be hard or easy."""
_HARD = Effort(beams=(60, 12, 30, 200, 20), near=0.04, states=2000, nodes=1500, tries=2)
"""Where numbers are asked for that few chambers have to reach."""
_USUAL_BOXES, _MOST_BOXES = 4, 6
"""Boxes in one room: more make the search blind, and boxes that are pushed once are no puzzle."""
_USUAL_WALK = 30
"""Steps that a chamber takes where few are left."""
_HARDEST = 0.85
"""Difficulty from which on a room has more boxes than usual."""
_MOST_CHAMBERS = 72
"""Puzzles of a map that asks for no number of boxes; the other rooms are empty stores."""
_ATTEMPTS_CARVED = 6
"""After so many attempts one room is left as wide as it can be."""
_WHOLE, _WHOLE_CELLS = (4, 8, 9, 10), 600
"""Attempts at which a map of no more cells is one room after all."""
_BEHIND = {LEFT: (1, 0), TOP: (0, 1), RIGHT: (-1, 0), BOTTOM: (0, -1)}


def single(
    size: tuple[int, int],
    wanted: Requirements,
    level: float,
    attempt: int,
    random: np.random.Generator,
) -> Plan:
    """A level that is one room.

    Args:
        size: Width and height.
        wanted: Boxes, pushes and path are served.
        level: Difficulty to come close to.
        attempt: From 0 on; later ones have wider rooms.
        random: Draws it.

    Raises:
        NoLevel: If this attempt came to nothing.
    """
    width, height = size
    share = float(random.uniform(0.5, 0.72)) + (0.12 if min(size) <= 9 else 0.0) + 0.04 * attempt
    anchor = (int(random.integers(2, width - 2)), int(random.integers(2, height - 2)))
    floor = carve(size, (anchor,), share, random)
    if attempt >= _ATTEMPTS_CARVED:
        floor[1:-1, 1:-1] = True
    return _in_one_room(floor, -1, wanted, level, attempt, random)


def _in_one_room(
    floor: NDArray[np.bool_],
    door: int,
    wanted: Requirements,
    level: float,
    attempt: int,
    random: np.random.Generator,
) -> Plan:
    """All that is asked for in one room; no box stands on ``door``."""
    pushes = wanted.pushes or Range(1, LIMIT)
    high = min(pushes.high, wanted.path.high if wanted.path else LIMIT)
    cells = int(floor.sum())
    most = min(_MOST_BOXES, max(1, cells // 6))
    boxes = wanted.boxes or Range(1, most)
    count = _count(level, cells, random)
    if wanted.pushes or wanted.path:
        low = max(pushes.low, wanted.path.low // 4 if wanted.path else 1)
        count = min(max(count, _boxes_for(level, high, wanted.path)), max(1, high // 2))
        count = min(count, _boxes_within(level, low))
    count = min(max(count, boxes.low), boxes.high)
    if attempt > 0 and (wanted.pushes or wanted.path):  # more or fewer of them: all in turn
        some = min(boxes.high, max(boxes.low, most)) - boxes.low + 1
        turn = attempt if wanted.pushes and not wanted.path else -attempt
        count = boxes.low + (count - boxes.low + turn) % some
    moves = None
    if wanted.path:  # start and exit can add the way through the room twice
        spare = 2 * sum(floor.shape)
        moves = (max(1, wanted.path.low - spare), wanted.path.high)
    ask = Ask(count, level, *_aim(wanted, level, count), (max(1, pushes.low), high), moves)
    width = floor.shape[1]
    effort = _SINGLE if wanted.difficulty is not None or _spans(wanted) else _ANY
    puzzle = make_puzzle(width, _bytes(~floor), -1, ask, effort, random)
    if puzzle is None:
        asked = [f"{name} {span}" for name, span in _spans(wanted)]
        raise NoLevel(
            f"a room of {cells} cells got no puzzle of {count} boxes"
            + (f" with {', '.join(asked)}" if asked else ""),
            1,
        )
    return finish_single(puzzle, ~floor, wanted.path, random, (door,) if door >= 0 else ())


def _spans(wanted: Requirements) -> list[tuple[str, Range]]:
    spans = (("boxes", wanted.boxes), ("pushes", wanted.pushes), ("path", wanted.path))
    return [(name, span) for name, span in spans if span]


def _count(level: float, cells: int, random: np.random.Generator) -> int:
    """Boxes of one room with so many floor cells."""
    most = min(_USUAL_BOXES if level < _HARDEST else _MOST_BOXES, max(1, cells // 8))
    count = 1 + round(level * (most - 1) + float(random.uniform(-0.7, 0.7)))
    return min(max(count, 1), most)


def _boxes_for(level: float, pushes: int, path: Range | None) -> int:
    """Boxes that few pushes need to be as hard as asked for: a line every other push."""
    if path is not None:
        pushes = min(pushes, path.high // 2)
    short = effort_of(level) - 2 * pushes
    return min(_MOST_BOXES, 1 + max(0, math.ceil(short / 4)))


def _boxes_within(level: float, pushes: int) -> int:
    """Most boxes with which so many pushes are no harder than asked for."""
    return 1 + max(0, int((effort_of(level) - 1.6 * pushes) / 4))


def _aim(wanted: Requirements, level: float, boxes: int) -> tuple[tuple[int, int], float]:
    """Least and most pushes to come close to, and how much they matter."""
    if wanted.pushes is None or wanted.pushes.high == LIMIT:
        if wanted.path:
            return (0, LIMIT), 0.0
        # Hard ones push boxes far
        return (round(boxes * (1 + 5 * level)), LIMIT), 0.15
    middle = (wanted.pushes.low + wanted.pushes.high) // 2
    return (middle, middle), 0.6 if wanted.difficulty is None else 0.15


def halls(
    size: tuple[int, int],
    wanted: Requirements,
    level: float,
    attempt: int,
    random: np.random.Generator,
) -> Plan:
    """A level of chambers along corridors.

    Args:
        size: Width and height.
        wanted: Boxes, pushes and path are served.
        level: Difficulty to come close to.
        attempt: From 0 on; later ones put more boxes into a chamber and look at large rooms first.
        random: Draws it.

    Raises:
        NoLevel: If this attempt came to nothing.
    """
    if attempt in _WHOLE and size[0] * size[1] <= _WHOLE_CELLS:
        return single(size, wanted, level, attempt, random)
    largest = int(random.integers(13, 16))
    corridor, blocks = cut(size, largest, random)
    wall = ~corridor
    rooms = [_room(block, corridor, wall, random) for block in blocks]
    path = wanted.path
    first = path is not None and (path.high <= _TIGHT or wanted.difficulty is not None)
    if path is not None and path.high <= _ONE_ROOM and attempt % 2 == (0 if first else 1):
        return _den(blocks, rooms, wall, wanted, level, attempt, random)
    filling = _Filling(corridor, wanted, level, attempt, random)
    filling.fill(blocks, rooms)
    chambers = filling.chambers
    if path is None:
        return finish_tour(wall, corridor, chambers, random)
    return finish_walk(wall, corridor, chambers, path, random)


_TIGHT, _ONE_ROOM = 40, 110
"""Longest walks that are first, and at all, sought within one chamber of a large map."""

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


def _entrance(block: Block, room: _Room) -> int:
    """Cell of the door on the block's board."""
    x, y = room[0]
    return (y - block.top + 1) * (block.width + 2) + x - block.left + 1


def _den(
    blocks: list[Block],
    rooms: list[_Room],
    wall: NDArray[np.bool_],
    wanted: Requirements,
    level: float,
    attempt: int,
    random: np.random.Generator,
) -> Plan:
    """Everything, start and exit too, in one of the larger chambers."""
    large = sorted(range(len(blocks)), key=lambda i: (-int(rooms[i][2].sum()), i))
    chosen = large[int(random.integers(1 + len(large) // (4 if attempt < 2 else 8)))]
    block, room = blocks[chosen], rooms[chosen]
    door = _entrance(block, room)
    floor = room[2]
    if attempt >= _ATTEMPTS_CARVED:
        floor[2:-2, 2:-2] = True
        wall[block.top + 1 : block.bottom, block.left + 1 : block.right] = False
    plan = _in_one_room(floor, door, wanted, level, attempt, random)
    return transplant(plan, block, wall)


class _Filling:
    """Chambers one after another, until what is asked for is there."""

    def __init__(
        self,
        corridor: NDArray[np.bool_],
        wanted: Requirements,
        level: float,
        attempt: int,
        random: np.random.Generator,
    ) -> None:
        self.width = int(corridor.shape[1])
        self.ground = corridor.astype(np.uint8).reshape(-1)
        self.wanted, self.level, self.attempt, self.random = wanted, level, attempt, random
        self.chambers: list[Chamber] = []
        self.pushed = self.walked = 0
        self.scores: list[float] = []
        self.boxes = wanted.boxes or Range(1, LIMIT)
        self.pushes = wanted.pushes or Range(1, LIMIT)
        self.aim = self.boxes.high  # boxes
        if wanted.boxes:
            span = min(self.boxes.high, 2 * self.boxes.low + 2) - self.boxes.low
            self.aim = self.boxes.low + int(random.integers(span + 1))
        self.placed = 0
        self.middle = self.pushes.low
        if wanted.pushes and wanted.pushes.high < LIMIT:
            self.middle = (wanted.pushes.low + wanted.pushes.high) // 2

    def fill(self, blocks: list[Block], rooms: list[_Room]) -> None:
        """Put puzzles in rooms.

        Raises:
            NoLevel: If the rooms do not take what is asked for.
        """
        left = self.random.permutation(len(blocks)).tolist()
        if self.attempt >= 3:
            left.sort(key=lambda i: -int(rooms[i][2].sum()) // (20 if self.attempt < 6 else 1))
        outside = [self._outside(block, room) for block, room in zip(blocks, rooms, strict=True)]
        away: NDArray[np.int32] | None = None
        limit = _MOST_CHAMBERS if not _spans(self.wanted) else len(blocks)
        while left and len(self.chambers) < limit and not self._enough():
            if self.wanted.path and away is not None:  # the nearest one
                left.sort(key=lambda i: int(away[outside[i]]))
            chosen = left.pop(0)
            way = 0 if away is None else int(away[outside[chosen]])
            if not self._place(blocks[chosen], rooms[chosen], outside[chosen], way, len(left)):
                continue
            if self.wanted.path:
                away = distances(self.ground, self.width, [outside[chosen]])
        placed, pushed = self.placed, self.pushed
        if placed < self.boxes.low or pushed < self.pushes.low or not self.chambers:
            asked = [f"{span} {name}" for name, span in _spans(self.wanted) if name != "path"]
            got = f"{placed} boxes and {pushed} pushes"
            lows = ((placed, self.boxes.low), (pushed, self.pushes.low))
            reason = f"the chambers took {got}, {' and '.join(asked)} were asked for"
            raise NoLevel(reason, miss=max(1 - have / max(1, low) for have, low in lows))

    def _outside(self, block: Block, room: _Room) -> int:
        (x, y), side, _ = room
        dx, dy = _BEHIND[side]
        return (y - dy) * self.width + x - dx

    def _enough(self) -> bool:
        if self.placed >= self.aim or self.pushed >= self.pushes.high:
            return True
        near = self.pushes.low if self.wanted.path else self.middle - 1
        if not self.chambers or self.placed < self.boxes.low or self.pushed < near:
            return False
        path = self.wanted.path
        if path is not None and self.walked >= 0.7 * path.low:
            return True  # start and exit add the rest
        return self.wanted.pushes is not None and path is None

    def _place(self, block: Block, room: _Room, outside: int, way: int, later: int) -> bool:
        """Try one room, ``way`` steps from the last one, with ``later`` rooms to come."""
        floor = room[2]
        wanted, level, attempt = self.wanted, self.level, self.attempt
        if wanted.difficulty is not None and self.scores:  # what the others lacked
            owed = level * (len(self.scores) + 1) - sum(self.scores)
            level = min(max(owed, level - 0.25, 0.0), level + 0.25, 1.0)
        moves = None
        walk_high = LIMIT
        if wanted.path:
            walk_high = wanted.path.high - self.walked - way
            if walk_high < 8:
                return False
            moves = (1, walk_high - 4)
        high = min(self.pushes.high - self.pushed, walk_high)
        most = self.aim - self.placed
        lack = self.boxes.low - self.placed
        count = _count(level, int(floor.sum()), self.random)
        if wanted.boxes:
            count = max(count, -(-lack // (later + 1)) + attempt % 3)
            if wanted.path and attempt % 2 == 0:
                count = max(count, lack)
        if wanted.difficulty is not None:
            count = max(count, _boxes_for(level, high, wanted.path))
        if wanted.path and not wanted.boxes:
            count = 1 + (count - 1 - attempt // 2) % count
        count = max(1, min(count, _MOST_BOXES, most, max(1, high // 2)))
        aim, weight = _aim(wanted, level, count)
        if wanted.pushes:
            aim = max(1, self.middle - self.pushed), max(1, self.middle - self.pushed)
            weight = weight if level >= 0.5 else 0.0  # several easy ones rather
        ask = Ask(count, level, aim, weight, (1, high), moves)
        effort = _CHAMBER if wanted.difficulty is None else _FAIR
        if _spans(wanted):
            effort = _HARD
        puzzle = None
        while puzzle is None and count > 0:
            rest = min(later, most - count)  # chambers that can follow
            if wanted.path:
                rest = max(0, min(rest, walk_high // _USUAL_WALK - 1))
            low = self.pushes.low - self.pushed - rest * int(6 + 12 * level)
            spare = max(0, lack - count)  # boxes that must follow, each with a push
            ask = ask._replace(boxes=count, pushes=(max(1, low), max(1, high - spare)))
            if ask.pushes[0] <= ask.pushes[1]:
                puzzle = make_puzzle(
                    block.width + 2, _bytes(~floor), _entrance(block, room), ask, effort,
                    self.random,
                )  # fmt: skip
            count -= 1
        if puzzle is None:
            return False
        chamber = place_chamber(puzzle, block, outside, self.width)
        if len(chamber.walk) - 1 > walk_high:
            return False
        self.chambers.append(chamber)
        self.placed += len(puzzle.boxes)
        self.pushed += len(puzzle.pushes)
        self.walked += way + len(chamber.walk) - 1
        if self.wanted.difficulty is not None:
            self.scores += scores(puzzle)
        return True


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
