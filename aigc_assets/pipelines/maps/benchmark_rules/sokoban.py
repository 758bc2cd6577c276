"""``sokoban``: a small room whose boxes are to be pushed onto as many goals.

Cells: 0 wall, 1 floor, 2 player, 3 box, 4 goal; nothing stands on a goal. Control: ``crates``, the
number of boxes, give or take one. A plain breadth-first search over moves solves it soon.

Rooms count as different where the solutions share at most half of their letters, turns of walks and
of pushes. Few rooms of this size do: about nine of a hundred that are made here, and of 7,000 with
very short or very long solutions no more than 35 were found that all differ so.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control, NoContent, inner
from aigc_assets.pipelines.maps.sokoban.search import Board, fewest_moves, retreat

WIDTH, HEIGHT = 5, 5
CONTROLS = {"crates": (1, 5)}
PLAYER, BOX, GOAL = 2, 3, 4
_LEAST_MOVES = WIDTH + HEIGHT
_MOST_LOOKS = 4500
"""Positions that breadth-first search may take from its queue, repetitions included."""


def generate(control: Control, random: np.random.Generator, slot: int) -> Content:
    """A room, [5, 5]; ``slot`` has no part in it."""
    del slot
    width, height = WIDTH + 2, HEIGHT + 2
    count = control["crates"] - (control["crates"] > 3)  # crowded rooms have few solutions
    moves = int(random.integers(_LEAST_MOVES, 24 if count > 1 else 16))
    for attempt in range(400):
        wall = np.ones((height, width), dtype=np.uint8)
        wall[1:-1, 1:-1] = random.random((HEIGHT, WIDTH)) < random.uniform(0.05, 0.35)
        free = np.flatnonzero(wall == 0).tolist()
        if len(free) < 2 * count + 3:
            continue
        order = [free[i] for i in random.permutation(len(free)).tolist()]
        goals = tuple(sorted(order[:count]))
        board = Board(width, wall.tobytes(), goals)
        found = retreat(
            board, order[count], seed=int(random.integers(2**62)), beam=60, max_states=700
        )
        for position in reversed(found):
            if set(position.boxes) & set(goals):
                continue
            taken = {*position.boxes, *goals}
            starts = [cell for cell in _area(board, position.boxes, position.player)
                      if cell not in taken]  # fmt: skip
            if not starts:
                continue
            start = starts[int(random.integers(len(starts)))]
            walk = fewest_moves(board, position.boxes, start, max_looks=_MOST_LOOKS)
            if len(walk) >= (moves if attempt < 200 else _LEAST_MOVES):
                content = (wall.reshape(-1) == 0).astype(np.int64)
                content[start] = PLAYER
                content[list(goals)], content[list(position.boxes)] = GOAL, BOX
                for cell in free:  # what nobody can come to is wall
                    if content[cell] == 1 and cell not in _area(board, (), start):
                        content[cell] = 0
                return inner(content.reshape(height, width))
            break
    raise NoContent(f"{count} boxes")


def _area(board: Board, boxes: tuple[int, ...], player: int) -> list[int]:
    seen = [player]
    for cell in seen:  # grows while it runs
        for step in (-board.width, 1, board.width, -1):
            other = cell + step
            if not board.wall[other] and other not in boxes and other not in seen:
                seen.append(other)
    return seen
