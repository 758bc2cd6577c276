"""Where everything stands on a sokoban map, and the walk that solves it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.push_difficulty import puzzles, score
from aigc_assets.pipelines.maps.grid import distances, shortest_path, steps
from aigc_assets.pipelines.maps.requirements import Range
from aigc_assets.pipelines.maps.sokoban.chamber import Puzzle, core, walk
from aigc_assets.pipelines.maps.sokoban.layout import Block


class NoLevel(Exception):
    """Why an attempt came to nothing.

    Args:
        reason: For people.
        lacks: Whether it lacked length (1) or had too much (-1).
        miss: How far it was from what was asked for, as a share of it; 1 where nothing is known.
    """

    def __init__(self, reason: str, lacks: int = 0, miss: float = 1.0) -> None:
        super().__init__(reason)
        self.lacks = lacks
        self.miss = miss


class Plan(NamedTuple):
    """A level in cells of the map (``y * width + x``).

    ``wall`` is [H, W]; ``path`` leads from ``start`` to ``exit`` with all pushes; ``fewest`` tells
    whether no solution has fewer pushes.
    """

    wall: NDArray[np.bool_]
    boxes: tuple[int, ...]
    goals: tuple[int, ...]
    start: int
    exit: int
    path: tuple[int, ...]
    pushes: int
    fewest: bool
    chambers: int


def measured(plan: Plan) -> float:
    """How hard it is, 0..1: `aigc_assets.metrics.push_difficulty` before there is a map."""
    width = plan.wall.shape[1]

    def place(cell: int) -> tuple[int, int]:
        return (cell % width, cell // width)

    parts = puzzles([place(box) for box in plan.boxes], [place(cell) for cell in plan.path])
    return sum(score(*part) for part in parts) / len(parts)


class Chamber(NamedTuple):
    """A puzzle in its place: ``walk`` begins and ends on the cell of the corridor at its door."""

    outside: int
    walk: tuple[int, ...]
    boxes: tuple[int, ...]
    goals: tuple[int, ...]
    puzzle: Puzzle


def place_chamber(puzzle: Puzzle, block: Block, outside: int,
                  width: int) -> Chamber:  # fmt: skip
    """Move a puzzle from its board, the block with one more ring, to the map."""
    inside = [_moved(cell, block, width) for cell in walk(puzzle, puzzle.start)]
    return Chamber(
        outside,
        (outside, *inside, outside),
        tuple(_moved(cell, block, width) for cell in puzzle.boxes),
        tuple(_moved(cell, block, width) for cell in puzzle.board.goals),
        puzzle,
    )


def finish_single(
    puzzle: Puzzle,
    wall: NDArray[np.bool_],
    path: Range | None,
    random: np.random.Generator,
    shut: tuple[int, ...] = (),
) -> Plan:
    """Choose start and exit of a map that is one chamber.

    Args:
        puzzle: All that is to be solved.
        wall: Of its board, [H, W].
        path: Steps of the walk.
        random: Chooses.
        shut: Cells that neither start nor exit may lie on.

    Raises:
        NoLevel: If no choice makes the walk as long as asked for.
    """
    width = wall.shape[1]
    # The walk to the first box and away from the last one are free to choose.
    middle = core(puzzle)
    length = len(middle) - 1
    before = _reach(puzzle, wall, puzzle.boxes, middle[0])
    behind = _reach(puzzle, wall, puzzle.board.goals, middle[-1])
    taken = {*puzzle.boxes, *puzzle.board.goals, *shut}
    starts = [c for c, steps_to in enumerate(before) if steps_to >= 0 and c not in taken]
    exits = [c for c, steps_to in enumerate(behind) if steps_to >= 0 and c not in taken]
    if not starts or not exits:
        raise NoLevel("no room for start and exit")
    if path is None:
        start = starts[int(random.integers(len(starts)))]
        others = sorted(
            (c for c in exits if c != start), key=lambda c: (_apart(c, start, width), c)
        )
        pairs = [(start, cell) for cell in others[len(others) // 2 :]]
    else:
        pairs = [
            (a, b)
            for a in starts
            for b in exits
            if a != b and path.low <= before[a] + length + behind[b] <= path.high
        ]
    if not pairs:
        longest = length + max(before[c] for c in starts) + max(behind[c] for c in exits)
        lacks = 1 if path is not None and longest < path.low else -1
        raise _misfit(length, longest, path, lacks)
    start, goal = pairs[int(random.integers(len(pairs)))]
    way_in = _descend(before, start, width)
    way_out = _descend(behind, goal, width)[::-1]
    return Plan(
        wall, puzzle.boxes, puzzle.board.goals, start, goal, (*way_in[:-1], *middle[:-1], *way_out),
        len(puzzle.pushes), puzzle.fewest, 1,
    )  # fmt: skip


def transplant(plan: Plan, block: Block, wall: NDArray[np.bool_]) -> Plan:
    """The plan of a block's board as one of the map, whose walls are ``wall``."""

    def move(cells: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(_moved(cell, block, wall.shape[1]) for cell in cells)

    start, goal = move((plan.start, plan.exit))
    return plan._replace(
        wall=wall, boxes=move(plan.boxes), goals=move(plan.goals), start=start, exit=goal,
        path=move(plan.path),
    )  # fmt: skip


def _moved(cell: int, block: Block, width: int) -> int:
    """A cell of a board, the block with one more ring, as one of the map."""
    y, x = divmod(cell, block.width + 2)
    return (block.top - 1 + y) * width + block.left - 1 + x


def _apart(one: int, other: int, width: int) -> int:
    return abs(one // width - other // width) + abs(one % width - other % width)


def _reach(
    puzzle: Puzzle, wall: NDArray[np.bool_], boxes: tuple[int, ...], start: int
) -> list[int]:
    free = (~wall).astype(np.uint8).reshape(-1)
    return [int(n) for n in distances(free, puzzle.board.width, [start], boxes)]


def _descend(distance: list[int], cell: int, width: int) -> list[int]:
    """From ``cell`` to where the distance is 0."""
    path = [cell]
    while distance[path[-1]] > 0:
        wanted = distance[path[-1]] - 1
        path.append(next(path[-1] + s for s in steps(width) if distance[path[-1] + s] == wanted))
    return path


class Tour:
    """Walks along the corridors, on the tree of shortest ways from one cell."""

    def __init__(self, corridor: NDArray[np.bool_], root: int) -> None:
        self.width = corridor.shape[1]
        walkable = corridor.astype(np.uint8).reshape(-1)
        self.depth: list[int] = distances(walkable, self.width, [root]).tolist()
        self.root = root

    def parent(self, cell: int) -> int:
        """The next cell towards the root."""
        wanted = self.depth[cell] - 1
        depth, width = self.depth, self.width
        for step in (-width, 1, width):
            if depth[cell + step] == wanted:
                return cell + step
        return cell - 1

    def branch(self, cell: int) -> tuple[int, ...]:
        """Cells from the root to ``cell``."""
        found = [cell]
        while found[-1] != self.root:
            found.append(self.parent(found[-1]))
        return tuple(reversed(found))

    def between(self, one: int, other: int) -> list[int]:
        """Cells from ``one`` to ``other``, both included."""
        up, down = [one], [other]
        while up[-1] != down[-1]:
            longer = up if self.depth[up[-1]] >= self.depth[down[-1]] else down
            longer.append(self.parent(longer[-1]))
        return up + down[-2::-1]


def in_order(tour: Tour, chambers: list[Chamber], exit_cell: int) -> list[Chamber]:
    """Chambers as one meets them branch by branch, those on the way to the exit last."""
    to_exit = tour.branch(exit_cell)

    def rank(chamber: Chamber) -> tuple[tuple[int, int], ...]:
        branch = tour.branch(chamber.outside)
        return tuple(
            (int(i < len(to_exit) and to_exit[i] == cell), cell) for i, cell in enumerate(branch)
        )

    return sorted(chambers, key=rank)


def finish_tour(
    wall: NDArray[np.bool_],
    corridor: NDArray[np.bool_],
    chambers: list[Chamber],
    random: np.random.Generator,
) -> Plan:
    """Choose start, exit and the order of the chambers, and join their walks.

    Raises:
        NoLevel: If there is no room for start and exit.
    """
    ends = _ends(corridor, chambers)
    seed = ends[int(random.integers(len(ends)))]
    away = Tour(corridor, seed).depth
    start = max(ends, key=lambda cell: (away[cell], cell))
    tour = Tour(corridor, start)
    goal = max((c for c in ends if c != start), key=lambda cell: (tour.depth[cell], -cell))
    walked: list[int] = [start]
    for chamber in in_order(tour, chambers, goal):
        walked += tour.between(walked[-1], chamber.outside)[1:]
        walked += chamber.walk[1:]
    walked += tour.between(walked[-1], goal)[1:]
    return _joined(wall, chambers, walked)


def finish_walk(
    wall: NDArray[np.bool_],
    corridor: NDArray[np.bool_],
    chambers: list[Chamber],
    path: Range,
    random: np.random.Generator,
) -> Plan:
    """Join the walks of chambers in their order to one of so many steps.

    Start and exit are chosen so that it fits; where it is too short for that, the order is mixed:
    there and back again is longer.

    Raises:
        NoLevel: If no choice makes the walk as long as asked for.
    """
    width = corridor.shape[1]
    ground = corridor.astype(np.uint8).reshape(-1)
    ends = _ends(corridor, chambers)
    away = [distances(ground, width, [chamber.outside]) for chamber in chambers]
    inside = sum(len(chamber.walk) - 1 for chamber in chambers)
    order = list(range(len(chambers)))
    shortest = longest = -1
    for _ in range(_ORDERS):
        between = sum(
            int(away[a][chambers[b].outside]) for a, b in itertools.pairwise(order)
        )  # fmt: skip
        length = inside + between
        to, back = away[order[0]][ends], away[order[-1]][ends]
        for i in random.permutation(len(ends)).tolist():
            left = length + int(to[i])
            fits = (left + back >= path.low) & (left + back <= path.high)
            fits[i] = False
            chosen = np.flatnonzero(fits)
            if not len(chosen):
                continue
            goal = ends[int(chosen[int(random.integers(len(chosen)))])]
            stops = [ends[i], *(chambers[k].outside for k in order), goal]
            walked = [stops[0]]
            for k, stop in zip([*order, -1], stops[1:], strict=True):
                walked += shortest_path(ground, width, walked[-1], stop)[1:]
                walked += chambers[k].walk[1:] if k >= 0 else ()
            return _joined(wall, chambers, walked)
        least, most = length + int(to.min()) + int(back.min()), length + int(to.max() + back.max())
        shortest = least if shortest < 0 else min(shortest, least)
        longest = max(longest, most)
        order = random.permutation(len(chambers)).tolist()
    lacks = 1 if longest < path.low else -1
    raise _misfit(shortest, longest, path, lacks)


_ORDERS = 6


def _misfit(shortest: int, longest: int, path: Range | None, lacks: int) -> NoLevel:
    """The refusal of walks that are too short or too long for ``path``."""
    miss = 0.0
    if path is not None:
        missing, over = path.low - longest, shortest - path.high
        miss = max(missing / max(1, path.low), over / max(1, path.high))
    reason = f"walks of {shortest}..{longest} steps, {path} were asked for"
    return NoLevel(reason, lacks, miss if miss > 0 else 1.0)


def _ends(corridor: NDArray[np.bool_], chambers: list[Chamber]) -> list[int]:
    """Where a walk may begin and end: in corridors, but not at a door that is gone through."""
    doors = {chamber.outside for chamber in chambers}
    ends = [cell for cell in np.flatnonzero(corridor).tolist() if cell not in doors]
    if len(ends) < 2:
        raise NoLevel("no room for start and exit")
    return ends


def _joined(wall: NDArray[np.bool_], chambers: list[Chamber], walked: list[int]) -> Plan:
    return Plan(
        wall,
        tuple(sorted(box for chamber in chambers for box in chamber.boxes)),
        tuple(sorted(goal for chamber in chambers for goal in chamber.goals)),
        walked[0], walked[-1], tuple(walked),
        sum(len(chamber.puzzle.pushes) for chamber in chambers),
        all(chamber.puzzle.fewest for chamber in chambers), len(chambers),
    )  # fmt: skip
