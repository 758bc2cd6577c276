"""One puzzle in one room: goals, boxes pulled away from them, and its solution."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from aigc_assets.pipelines.maps.grid import shortest_path
from aigc_assets.pipelines.maps.sokoban.search import Board, Push, retreat, solve


class Effort(NamedTuple):
    """How much is searched; counts, so that the result does not depend on the machine.

    Each of ``beams`` is one choice of goals: a wide one finds the hardest position of few pushes, a
    narrow one positions of many. A puzzle as ``near`` to the difficulty asked for is taken at once.
    ``states`` bound each choice, ``nodes`` the solver.
    """

    beams: tuple[int, ...]
    near: float
    states: int
    nodes: int


class Puzzle(NamedTuple):
    """Boxes, goals, a start of the player, and the pushes that solve it, in cells of its board."""

    board: Board
    boxes: tuple[int, ...]
    start: int
    end: int
    pushes: tuple[Push, ...]
    fewest: bool

    @property
    def load(self) -> float:
        """See `difficulty`."""
        return difficulty(self.pushes, len(self.boxes))


def difficulty(pushes: tuple[Push, ...], boxes: int) -> float:
    """How hard a puzzle looks, 0..1: its pushes, straight runs and boxes, saturating.

    A run is a series of pushes of one box in one direction; each change asks for a new thought.
    """
    runs = 1 + sum(
        after != Push(push.cell + push.step, push.step)
        for push, after in itertools.pairwise(pushes)
    )
    return 1 - math.exp(-(len(pushes) + 2 * runs + 4 * (boxes - 1)) / 35)


def choose_goals(
    board_cells: list[int], width: int, count: int, random: np.random.Generator
) -> tuple[int, ...]:
    """Goals side by side or scattered; ``board_cells`` are the floor cells that may hold one."""
    style = random.random()
    first = board_cells[int(random.integers(len(board_cells)))]
    if style < 0.35:
        chosen = [first]
        rest = [cell for cell in board_cells if cell != first]
        order = random.permutation(len(rest)).tolist()
        chosen += [rest[i] for i in order[: count - 1]]
    else:
        # The nearest cells: a block in a corner, a row along a wall.
        skew = 1.0 if style < 0.7 else (3.0 if random.random() < 0.5 else 1 / 3)
        y, x = divmod(first, width)
        chosen = sorted(
            board_cells,
            key=lambda cell: (
                skew * abs(cell // width - y) + abs(cell % width - x) / skew,
                cell,
            ),
        )[:count]
    return tuple(sorted(chosen))


def make_puzzle(
    width: int,
    wall: bytes,
    door: int,
    count: int,
    wanted: float,
    effort: Effort,
    random: np.random.Generator,
    pushes: tuple[int, int] = (1, 1_000_000),
) -> Puzzle | None:
    """Place boxes and goals in a room.

    Args:
        width: Columns of the room's board.
        wall: 1 where it is solid, flat; the ring is.
        door: Where the player comes from and goes back to; a free cell. -1: the player starts and
            ends anywhere.
        count: Boxes.
        wanted: Difficulty to come close to, 0..1.
        effort: Limits of the search.
        random: Places goals.
        pushes: Least and most pushes.

    Returns:
        The puzzle nearest to ``wanted``; None where nothing with ``count`` boxes was found.
    """
    steps = (-width, 1, width, -1)
    floor = [cell for cell, solid in enumerate(wall) if not solid and cell != door]
    # A goal at the door would shut it; a goal from which nothing can be pulled is none.
    near_door = {door + step for step in steps} | {door}
    able = [
        cell
        for cell in floor
        if cell not in near_door
        and any(not wall[cell + step] and not wall[cell + 2 * step] for step in steps
                if not wall[cell + step])
    ]  # fmt: skip
    if len(able) < count or len(floor) < 2 * count + 2:
        return None
    best: Puzzle | None = None
    for beam in effort.beams:
        goals = choose_goals(able, width, count, random)
        seed = int(random.integers(2**62))
        board = Board(width, wall, goals)
        end = door
        if door < 0:
            others = [cell for cell in floor if cell not in goals]
            end = others[int(random.integers(len(others)))]
        found = retreat(board, end, door, seed=seed, beam=beam, max_states=effort.states)
        for position in found:
            fits = pushes[0] <= len(position.pushes) <= pushes[1]
            # A box that already lies right is a step saved, but not where more could be asked.
            lies_right = bool(set(position.boxes) & set(goals))
            if not fits or (lies_right and len(position.pushes) > 2 * count):
                continue
            puzzle = Puzzle(board, position.boxes, door, end, position.pushes, position.exact)
            if best is None or abs(puzzle.load - wanted) < abs(best.load - wanted):
                best = puzzle._replace(start=position.player if door < 0 else door)
        if best is not None and abs(best.load - wanted) < effort.near:
            break
    return best and shorten(best, effort, pushes)


def shorten(puzzle: Puzzle, effort: Effort, pushes: tuple[int, int]) -> Puzzle:
    """The same boxes with the solution of fewest pushes, or a shorter one, if the search ends."""
    if puzzle.fewest:
        return puzzle
    for weight in (1, 3):
        found = solve(
            puzzle.board, puzzle.boxes, puzzle.start, puzzle.end,
            max_nodes=effort.nodes, weight=weight,
        )  # fmt: skip
        if found is None:
            continue
        if not pushes[0] <= len(found):
            return puzzle
        if len(found) <= len(puzzle.pushes):
            return puzzle._replace(pushes=found, fewest=weight == 1)
    return puzzle


def walk(puzzle: Puzzle, start: int) -> list[int]:
    """Cells from ``start`` over every push to where the player ends, one step each."""
    board = puzzle.board
    free = np.array([not solid for solid in board.wall], dtype=np.uint8)
    boxes = set(puzzle.boxes)
    for box in boxes:
        free[box] = 0
    path = [start]
    for cell, step in puzzle.pushes:
        path += shortest_path(free, board.width, path[-1], cell - step)[1:]
        path.append(cell)
        free[cell], free[cell + step] = 1, 0
    path += shortest_path(free, board.width, path[-1], puzzle.end)[1:]
    return path
