"""One puzzle in one room: goals, boxes pulled away from them, and its solution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aigc_assets.metrics.push_difficulty import puzzles, score
from aigc_assets.pipelines.maps.grid import shortest_path
from aigc_assets.pipelines.maps.requirements import LIMIT
from aigc_assets.pipelines.maps.sokoban.search import Board, Push, retreat, solve


class Effort(NamedTuple):
    """How much is searched; counts, so that the result does not depend on the machine.

    Each of ``beams`` is one choice of goals: a wide one finds the hardest position of few pushes, a
    narrow one positions of many. A puzzle as ``near`` to the difficulty asked for is taken at once.
    ``states`` bound each choice, ``nodes`` the solver, which looks at the ``tries`` best of all.
    """

    beams: tuple[int, ...]
    near: float
    states: int
    nodes: int
    tries: int = 1


class Ask(NamedTuple):
    """What a puzzle shall be.

    ``level`` is the difficulty to come close to, 0..1, and ``aim`` least and most pushes to come
    close to, which count for ``weight`` of the difficulty; ``pushes`` and ``moves`` are least and
    most, ``moves`` from before the first push until after the last, None where they do not matter.
    """

    boxes: int
    level: float
    aim: tuple[int, int] = (0, LIMIT)
    weight: float = 0.0
    pushes: tuple[int, int] = (1, LIMIT)
    moves: tuple[int, int] | None = None


class Puzzle(NamedTuple):
    """Boxes, goals, a start of the player, and the pushes that solve it, in cells of its board."""

    board: Board
    boxes: tuple[int, ...]
    start: int
    end: int
    pushes: tuple[Push, ...]
    fewest: bool


def scores(puzzle: Puzzle) -> list[float]:
    """How hard its parts are, 0..1 each; what is asked for is their mean."""
    width = puzzle.board.width

    def place(cell: int) -> tuple[int, int]:
        return (cell % width, cell // width)

    parts = puzzles([place(box) for box in puzzle.boxes], [place(cell) for cell in core(puzzle)])
    return [score(*part) for part in parts]


def choose_goals(
    board_cells: list[int],
    width: int,
    count: int,
    random: np.random.Generator,
    first_of: Sequence[int] = (),
) -> tuple[int, ...]:
    """Goals side by side or scattered.

    Args:
        board_cells: Floor cells that may hold one.
        width: Columns of the board.
        count: Goals.
        random: Chooses.
        first_of: Where the first goal lies, if not anywhere.
    """
    style = random.random()
    first_of = first_of or board_cells
    first = first_of[int(random.integers(len(first_of)))]
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
    width: int, wall: bytes, door: int, ask: Ask, effort: Effort, random: np.random.Generator
) -> Puzzle | None:
    """Place boxes and goals in a room; every box has to be moved.

    Args:
        width: Columns of the room's board.
        wall: 1 where it is solid, flat; the ring is.
        door: Where the player comes from and goes back to; a free cell. -1: the player starts and
            ends anywhere.
        ask: What it shall be.
        effort: Limits of the search.
        random: Places goals.

    Returns:
        The puzzle nearest to the difficulty; None where nothing with so many boxes was found.
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
    if len(able) < ask.boxes or len(floor) < 2 * ask.boxes + 2:
        return None
    # Many pushes for little thought, or for few steps, want boxes that go straight: from corners.
    corners = [cell for cell in able if sum(wall[cell + step] for step in steps) >= 2]
    least = 1.6 * ask.pushes[0] + 4 * (ask.boxes - 1)
    tight = ask.moves is not None and 2 * ask.pushes[0] > ask.moves[1]
    straight = tight or (ask.pushes[0] > 1 and least > 0.8 * effort_of(ask.level))
    found: list[tuple[float, int, Puzzle]] = []
    for turn, beam in enumerate(effort.beams):
        ahead = straight and turn % 3 != 2
        goals = choose_goals(able, width, ask.boxes, random, corners if ahead else ())
        seed = int(random.integers(2**62))
        board = Board(width, wall, goals)
        end = door
        if door < 0:
            others = [cell for cell in floor if cell not in goals]
            end = others[int(random.integers(len(others)))]
        positions = retreat(
            board, end, door, seed=seed, beam=beam, max_states=effort.states,
            walk=ask.moves[1] if ask.moves else -1, bend=-3 if ahead else 4,
        )  # fmt: skip
        fitting = [
            (_gap(ask, score(p.pushed, p.lines, ask.boxes), p.pushed), p)
            for p in positions
            if ask.pushes[0] <= p.pushed <= ask.pushes[1]
            and not (ask.moves and p.moves < ask.moves[0])
        ]
        fitting.sort(key=lambda entry: entry[0])
        ranked = []
        for gap, position in fitting[: effort.tries]:
            start = position.player if door < 0 else door
            puzzle = Puzzle(board, position.boxes, start, end, position.pushes, position.exact)
            ranked.append((_measured(ask, puzzle) if effort.tries > 1 else gap, puzzle))
        if ranked:
            gap, puzzle = min(ranked, key=lambda entry: entry[0])
            found.append((gap, turn, puzzle))
        if found and min(entry[0] for entry in found) < effort.near:
            break
    chosen: tuple[float, Puzzle] | None = None
    for gap, _, puzzle in sorted(found, key=lambda entry: entry[:2])[: effort.tries]:
        if chosen is not None and chosen[0] < max(effort.near, gap):
            break
        shorter = shorten(puzzle, effort, ask)
        after = _measured(ask, shorter) if effort.tries > 1 else gap
        if chosen is None or after < chosen[0]:
            chosen = after, shorter
    return chosen and chosen[1]


def _measured(ask: Ask, puzzle: Puzzle) -> float:
    parts = scores(puzzle)
    return _gap(ask, sum(parts) / len(parts), len(puzzle.pushes))


def _gap(ask: Ask, load: float, pushes: int) -> float:
    low, high = ask.aim
    off = max(low - pushes, pushes - high, 0) / max(1, low)
    return abs(load - ask.level) + ask.weight * off


def effort_of(level: float) -> float:
    """The sum behind a difficulty, see `score`."""
    return -35 * math.log(max(1e-3, 1 - level))


def shorten(puzzle: Puzzle, effort: Effort, ask: Ask) -> Puzzle:
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
        if len(found) == len(puzzle.pushes):
            return puzzle._replace(fewest=weight == 1)
        shorter = puzzle._replace(pushes=found, fewest=weight == 1)
        if len(found) < len(puzzle.pushes):
            fits = ask.pushes[0] <= len(found)
            if fits and (ask.moves is None or ask.moves[0] <= moves(shorter) <= ask.moves[1]):
                return shorter
            return puzzle
    return puzzle


def walk(puzzle: Puzzle, start: int) -> list[int]:
    """Cells from ``start`` over every push to where the player ends, one step each."""
    path = _between(puzzle, start)
    board = puzzle.board
    free = _free(board, puzzle.board.goals)
    path += shortest_path(free, board.width, path[-1], puzzle.end)[1:]
    return path


def core(puzzle: Puzzle) -> list[int]:
    """Cells from before the first push until after the last."""
    first, step = puzzle.pushes[0]
    return _between(puzzle, first - step)


def moves(puzzle: Puzzle) -> int:
    """Steps from before the first push until after the last."""
    return len(core(puzzle)) - 1


def _free(board: Board, boxes: tuple[int, ...]) -> np.ndarray:
    free = np.frombuffer(board.wall, dtype=np.uint8) ^ 1
    free[list(boxes)] = 0
    return free


def _between(puzzle: Puzzle, start: int) -> list[int]:
    free = _free(puzzle.board, puzzle.boxes)
    path = [start]
    for cell, step in puzzle.pushes:
        if path[-1] != cell - step:
            path += shortest_path(free, puzzle.board.width, path[-1], cell - step)[1:]
        path.append(cell)
        free[cell], free[cell + step] = 1, 0
    return path
