"""Where everything stands on a sokoban map, and the walk that solves it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import distances, steps
from aigc_assets.pipelines.maps.requirements import Range
from aigc_assets.pipelines.maps.sokoban.chamber import Puzzle, walk
from aigc_assets.pipelines.maps.sokoban.layout import Block


class NoLevel(Exception):
    """Why an attempt came to nothing, and whether it lacked length (1) or had too much (-1)."""

    def __init__(self, reason: str, lacks: int = 0) -> None:
        super().__init__(reason)
        self.lacks = lacks


class Plan(NamedTuple):
    """A level in cells of the map (``y * width + x``).

    ``wall`` is [H, W]; ``path`` leads from ``start`` to ``exit`` with all pushes; ``difficulty`` is
    the mean of its puzzles; ``fewest`` tells whether no solution has fewer pushes.
    """

    wall: NDArray[np.bool_]
    boxes: tuple[int, ...]
    goals: tuple[int, ...]
    start: int
    exit: int
    path: tuple[int, ...]
    pushes: int
    difficulty: float
    fewest: bool
    chambers: int


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
    columns = puzzle.board.width

    def move(cell: int) -> int:
        y, x = divmod(cell, columns)
        return (block.top - 1 + y) * width + block.left - 1 + x

    inside = [move(cell) for cell in walk(puzzle, puzzle.start)]
    return Chamber(
        outside,
        (outside, *inside, outside),
        tuple(move(cell) for cell in puzzle.boxes),
        tuple(move(cell) for cell in puzzle.board.goals),
        puzzle,
    )


def finish_single(
    puzzle: Puzzle,
    wall: NDArray[np.bool_],
    path: Range | None,
    random: np.random.Generator,
) -> Plan:
    """Choose start and exit of a map that is one chamber.

    Raises:
        NoLevel: If no choice makes the walk as long as asked for.
    """
    width = wall.shape[1]
    core = walk(puzzle, puzzle.start)
    first, step = puzzle.pushes[0]
    last = puzzle.pushes[-1].cell
    core = core[core.index(first - step) :]
    # The walk to the first box and away from the last one are free to choose.
    core = core[: len(core) - core[::-1].index(last)]
    before = _reach(puzzle, wall, puzzle.boxes, first - step)
    behind = _reach(puzzle, wall, puzzle.board.goals, last)
    taken = {*puzzle.boxes, *puzzle.board.goals}
    starts = [c for c, steps_to in enumerate(before) if steps_to >= 0 and c not in taken]
    exits = [c for c, steps_to in enumerate(behind) if steps_to >= 0 and c not in taken]
    if not starts or not exits:
        raise NoLevel("no room for start and exit")
    middle = len(core) - 1
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
            if a != b and path.low <= before[a] + middle + behind[b] <= path.high
        ]
    if not pairs:
        longest = middle + max((before[c] for c in starts), default=0)
        longest += max((behind[c] for c in exits), default=0)
        lacks = 1 if path is not None and longest < path.low else -1
        raise NoLevel(f"walks of {middle}..{longest} steps, {path} were asked for", lacks)
    start, goal = pairs[int(random.integers(len(pairs)))]
    way_in = _descend(before, start, width)
    way_out = _descend(behind, goal, width)[::-1]
    walked = (*way_in[:-1], *core[:-1], *way_out)
    return Plan(
        wall, puzzle.boxes, puzzle.board.goals, start, goal, walked,
        len(puzzle.pushes), puzzle.load, puzzle.fewest, 1,
    )  # fmt: skip


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
        return next(cell + s for s in steps(self.width) if self.depth[cell + s] == wanted)

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
    path: Range | None,
    random: np.random.Generator,
) -> Plan:
    """Choose start, exit and the order of the chambers, and join their walks.

    Raises:
        NoLevel: If no choice makes the walk as long as asked for.
    """
    cells = [int(cell) for cell in np.flatnonzero(corridor)]
    doors = {chamber.outside for chamber in chambers}
    ends = [cell for cell in cells if cell not in doors]
    if len(ends) < 2:
        raise NoLevel("no room for start and exit")
    seed = ends[int(random.integers(len(ends)))]
    away = Tour(corridor, seed).depth
    start = max(ends, key=lambda cell: (away[cell], cell))
    tour = Tour(corridor, start)
    by_depth = sorted((c for c in ends if c != start), key=lambda cell: (-tour.depth[cell], cell))
    shortest = longest = -1
    for attempt in range(6 if path else 1):
        order = in_order(tour, chambers, by_depth[0])
        if attempt >= 3:  # there and back again makes the walk longer
            order = [chambers[i] for i in random.permutation(len(chambers)).tolist()]
        walked: list[int] = [start]
        for chamber in order:
            walked += tour.between(walked[-1], chamber.outside)[1:]
            walked += chamber.walk[1:]
        if path is None:
            exits = by_depth[:1]
        else:
            left = [(len(tour.between(walked[-1], cell)) - 1, cell) for cell in by_depth[:200]]
            so_far = len(walked) - 1
            exits = [cell for more, cell in left if path.low <= so_far + more <= path.high]
            low, high = so_far + min(left)[0], so_far + max(left)[0]
            shortest = low if shortest < 0 else min(shortest, low)
            longest = max(longest, high)
        if exits:
            walked += tour.between(walked[-1], exits[0])[1:]
            pushes = sum(len(chamber.puzzle.pushes) for chamber in chambers)
            load = sum(chamber.puzzle.load for chamber in chambers) / len(chambers)
            return Plan(
                wall,
                tuple(sorted(box for chamber in chambers for box in chamber.boxes)),
                tuple(sorted(goal for chamber in chambers for goal in chamber.goals)),
                start, exits[0], tuple(walked), pushes, load,
                all(chamber.puzzle.fewest for chamber in chambers), len(chambers),
            )  # fmt: skip
    lacks = 1 if path is not None and longest < path.low else -1
    raise NoLevel(f"walks of {shortest}..{longest} steps, {path} were asked for", lacks)
