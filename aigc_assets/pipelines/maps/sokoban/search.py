"""Sokoban searched both ways: backwards for positions worth playing, forwards for few pushes.

A board is a flat floor plan whose outermost ring is wall; cells are numbers ``y * width + x``. A
position is the set of boxes and the area that the player reaches, named by its lowest cell. Both
searches count nodes, never time, and break ties by order, so that they give the same on every
machine; the compiled twin (csrc/host/sokoban.cpp) gives equal results.

References:
    Junghanns & Schaeffer, "Sokoban: Enhancing general single-agent search methods using domain
    knowledge", Artificial Intelligence 129 (2001): lower bound by matching, deadlocks.
    Taylor & Parberry, "Procedural Generation of Sokoban Levels" (2011): goals first, then the
    farthest position by pulls.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Sequence
from typing import NamedTuple

try:
    from aigc_assets import _host
except ImportError:  # installed without a compiler
    _host = None

FAR = 1_000_000
"""More pushes than any solution has."""
_MASK = (1 << 64) - 1
_PUSH = struct.Struct("=ii")


class Board(NamedTuple):
    """A floor plan: ``wall`` [height * width] of 0 and 1, and the cells of the goals."""

    width: int
    wall: bytes
    goals: tuple[int, ...]


class Push(NamedTuple):
    """The box on ``cell`` goes one cell on by ``step`` (-width, 1, width or -1)."""

    cell: int
    step: int


class Position(NamedTuple):
    """A position found by going backwards, with the pushes that solve it.

    ``player`` is the lowest cell that the player reaches, ``lines`` the number of straight runs of
    one box, ``moves`` the steps from before the first push until after the last (-1 where they were
    not counted), ``exact`` whether no solution has fewer pushes, ``packed`` cell and step of each
    push as int32.
    """

    boxes: tuple[int, ...]
    player: int
    lines: int
    moves: int
    exact: bool
    packed: bytes

    @property
    def pushed(self) -> int:
        """Number of pushes."""
        return len(self.packed) // _PUSH.size

    @property
    def pushes(self) -> tuple[Push, ...]:
        """The pushes in order."""
        return tuple(Push(*push) for push in _PUSH.iter_unpack(self.packed))


def retreat(
    board: Board,
    end: int,
    start: int = -1,
    *,
    seed: int = 0,
    beam: int,
    max_states: int,
    walk: int = -1,
    bend: int = 4,
) -> list[Position]:
    """Pull boxes off their goals, layer by layer; the best position of each number of pushes.

    Args:
        board: As many boxes as goals are pulled.
        end: Where the player stands, or can walk to, once all is solved.
        start: Cell that the player of a position has to reach; -1 for any.
        seed: Breaks ties between equally good positions.
        beam: Positions of a layer that are gone on from.
        max_states: Positions looked at in all.
        walk: Most steps from before the first push until after the last; -1 for any number, which
            is quicker as they are not counted.
        bend: What a line is worth; below 0 straight pushes are sought.

    Returns:
        At index ``n`` a position that ``n + 1`` pushes solve, no box of it on a goal, with many
        lines (and few moves, if they count). Layers without a position that ``start`` allows are
        left out, so the index is no promise: look at ``pushed``.
    """
    if _host is None:
        return retreat_plain(
            board, end, start,
            seed=seed, beam=beam, max_states=max_states, walk=walk, bend=bend,
        )  # fmt: skip
    found = _host.sokoban_retreat(
        board.width, board.wall, board.goals, end, start, seed, beam, max_states, walk, bend
    )
    return [Position(*position) for position in found]


def solve(
    board: Board,
    boxes: Sequence[int],
    player: int,
    end: int = -1,
    *,
    max_nodes: int,
    weight: int = 1,
) -> tuple[Push, ...] | None:
    """Push all boxes onto goals with fewest pushes: A* with deadlock detection.

    Args:
        board: The plan; as many goals as boxes.
        boxes: Cells of the boxes.
        player: Cell of the player.
        end: Cell that the player has to reach after the last push; -1 for none.
        max_nodes: Positions that may be gone on from.
        weight: Factor on the lower bound. 1 finds fewest pushes; more finds some solution sooner.

    Returns:
        The pushes, or None where there is no solution or ``max_nodes`` are used up.
    """
    if _host is None:
        return solve_plain(board, boxes, player, end, max_nodes=max_nodes, weight=weight)
    pushes = _host.sokoban_solve(
        board.width, board.wall, board.goals, list(boxes), player, end, max_nodes, weight
    )
    return None if pushes is None else tuple(Push(*push) for push in pushes)


class _Area:
    """Which cells a player reaches, and in how many steps."""

    def __init__(self, board: Board, boxes: Sequence[int], player: int) -> None:
        free = bytearray(board.wall)
        for cell in boxes:
            free[cell] = 1
        self.reached = bytearray(len(free))
        self.lowest = player
        self.moves = {player: 0}
        steps = (-board.width, 1, board.width, -1)
        queue = [player]
        free[player] = self.reached[player] = 1
        for cell in queue:  # grows while it runs
            self.lowest = min(self.lowest, cell)
            for step in steps:
                other = cell + step
                if not free[other]:
                    free[other] = self.reached[other] = 1
                    self.moves[other] = self.moves[cell] + 1
                    queue.append(other)


class _Pulled(NamedTuple):
    """Where ``walk`` counts ``player`` is the cell on which the player stands."""

    boxes: tuple[int, ...]
    player: int
    parent: int
    push: Push
    lines: int
    moves: int
    score: int


def retreat_plain(
    board: Board,
    end: int,
    start: int = -1,
    *,
    seed: int = 0,
    beam: int,
    max_states: int,
    walk: int = -1,
    bend: int = 4,
) -> list[Position]:
    """`retreat` in Python."""
    steps = (-board.width, 1, board.width, -1)
    goals = set(board.goals)
    boxes = tuple(sorted(board.goals))
    first = _Area(board, boxes, end).lowest
    nodes = [_Pulled(boxes, first, -1, Push(-1, 0), 0, 0, 0)]
    seen = {(boxes, first)}
    layer = [0]
    exact = walk < 0
    found: list[Position] = []
    while layer and len(nodes) < max_states:
        after: list[int] = []
        best = -1
        for index in layer:
            node = nodes[index]
            area = _Area(board, node.boxes, node.player)
            for i, box in enumerate(node.boxes):
                for step in steps:
                    near, far = box + step, box + 2 * step
                    if not area.reached[near] or not area.reached[far]:
                        continue
                    if len(nodes) >= max_states:
                        continue
                    moves = -1
                    if walk >= 0:
                        moves = node.moves + area.moves[near] + 1 if index else 1
                        if moves > walk:
                            continue
                    moved = tuple(sorted((*node.boxes[:i], near, *node.boxes[i + 1 :])))
                    behind = _Area(board, moved, far)
                    player = behind.lowest if walk < 0 else far
                    if (moved, player) in seen:
                        continue
                    seen.add((moved, player))
                    push = Push(near, -step)
                    # The push that follows this one takes the box on if it begins where this ends.
                    lines = node.lines + (node.push != Push(box, -step))
                    away = sum(cell not in goals for cell in moved)
                    score = 8 * away + bend * lines - 2 * max(moves, 0)
                    score += _noise(seed, moved, player) % 8
                    number = len(nodes)
                    nodes.append(_Pulled(moved, player, index, push, lines, moves, score))
                    after.append(number)
                    fits = away == len(moved) and (start < 0 or behind.reached[start])
                    if fits and (best < 0 or score > nodes[best].score):
                        best = number
        if best >= 0:
            found.append(_position(board, nodes, best, exact))
        if len(after) > beam:
            exact = False
            after = sorted(after, key=lambda number: (-nodes[number].score, number))[:beam]
        layer = after
    return found


def _position(board: Board, nodes: Sequence[_Pulled], index: int, exact: bool) -> Position:
    top = nodes[index]
    lowest = _Area(board, top.boxes, top.player).lowest
    packed = bytearray()
    while nodes[index].parent >= 0:
        packed += _PUSH.pack(*nodes[index].push)
        index = nodes[index].parent
    return Position(top.boxes, lowest, top.lines, top.moves, exact, bytes(packed))


def _noise(seed: int, boxes: Sequence[int], player: int) -> int:
    """A number that depends on a position (splitmix64)."""
    value = seed & _MASK
    for part in (*boxes, player):
        value = (value + part + 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        value ^= value >> 31
    return value


def push_distances(board: Board) -> list[list[int]]:
    """For each goal the pushes that a lone box needs from every cell, `FAR` where none lead."""
    steps = (-board.width, 1, board.width, -1)
    found = []
    for goal in board.goals:
        distance = [FAR] * len(board.wall)
        distance[goal] = 0
        queue = [goal]
        for cell in queue:  # grows while it runs
            for step in steps:
                before = cell - step
                if board.wall[before] or distance[before] < FAR or board.wall[before - step]:
                    continue
                distance[before] = distance[cell] + 1
                queue.append(before)
        found.append(distance)
    return found


class _Solver:
    """Deadlocks and the lower bound of one board."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.distance = push_distances(board)
        self.dead = [all(d[cell] >= FAR for d in self.distance) for cell in range(len(board.wall))]
        self.is_goal = bytearray(len(board.wall))
        for goal in board.goals:
            self.is_goal[goal] = 1

    def bound(self, boxes: Sequence[int]) -> int:
        """Pushes that are needed at least: the cheapest matching of boxes and goals."""
        count = len(boxes)
        rows, columns = [0] * (count + 1), [0] * (count + 1)
        match, way = [0] * (count + 1), [0] * (count + 1)
        for i in range(1, count + 1):
            match[0] = i
            column = 0
            least = [4 * FAR * count] * (count + 1)
            used = [False] * (count + 1)
            while True:
                used[column] = True
                row, delta, following = match[column], 4 * FAR * count, 0
                for j in range(1, count + 1):
                    if used[j]:
                        continue
                    cost = self.distance[j - 1][boxes[row - 1]] - rows[row] - columns[j]
                    if cost < least[j]:
                        least[j], way[j] = cost, column
                    if least[j] < delta:
                        delta, following = least[j], j
                for j in range(count + 1):
                    if used[j]:
                        rows[match[j]] += delta
                        columns[j] -= delta
                    else:
                        least[j] -= delta
                column = following
                if match[column] == 0:
                    break
            while column:
                match[column] = match[way[column]]
                column = way[column]
        return -columns[0]

    def frozen(self, occupied: bytearray, cell: int) -> bool:
        """Whether the box just pushed to ``cell``, or one beside it, is stuck off a goal."""
        beside = [cell + step for step in (0, -self.board.width, 1, self.board.width, -1)]
        return any(
            occupied[other] and not self.is_goal[other] and self._stuck(occupied, other, [])
            for other in beside
        )

    def _stuck(self, occupied: bytearray, cell: int, assumed: list[int]) -> bool:
        """Whether the box on ``cell`` can never move while those ``assumed`` stand still."""
        known = len(assumed)
        assumed.append(cell)
        for axis in (1, self.board.width):
            sides = (cell - axis, cell + axis)
            if any(self.board.wall[side] or side in assumed for side in sides):
                continue
            if all(self.dead[side] for side in sides):
                continue
            if any(occupied[side] and self._stuck(occupied, side, assumed) for side in sides):
                continue
            del assumed[known:]
            return False
        return True


def solve_plain(
    board: Board,
    boxes: Sequence[int],
    player: int,
    end: int = -1,
    *,
    max_nodes: int,
    weight: int = 1,
) -> tuple[Push, ...] | None:
    """`solve` in Python."""
    solver = _Solver(board)
    steps = (-board.width, 1, board.width, -1)
    first = tuple(sorted(boxes))
    bound = solver.bound(first)
    if bound >= FAR:
        return None
    # Of each node: boxes, player, parent, push, pushes so far.
    nodes = [(first, _Area(board, first, player).lowest, -1, Push(-1, 0), 0)]
    depth = {nodes[0][:2]: 0}
    heap = [(weight * bound, bound, 0)]
    expanded = 0
    while heap:
        _, bound, index = heapq.heappop(heap)
        state, lowest, _, _, pushed = nodes[index]
        if depth[state, lowest] < pushed:
            continue
        reached = _Area(board, state, lowest).reached
        if bound == 0 and (end < 0 or reached[end]):
            pushes = []
            while nodes[index][2] >= 0:
                pushes.append(nodes[index][3])
                index = nodes[index][2]
            return tuple(reversed(pushes))
        if expanded == max_nodes:
            return None
        expanded += 1
        occupied = bytearray(len(board.wall))
        for box in state:
            occupied[box] = 1
        for i, box in enumerate(state):
            for step in steps:
                target = box + step
                if not reached[box - step] or board.wall[target] or occupied[target]:
                    continue
                if solver.dead[target]:
                    continue
                occupied[box], occupied[target] = 0, 1
                stuck = solver.frozen(occupied, target)
                occupied[box], occupied[target] = 1, 0
                if stuck:
                    continue
                moved = tuple(sorted((*state[:i], target, *state[i + 1 :])))
                key = (moved, _Area(board, moved, box).lowest)
                if depth.get(key, FAR) <= pushed + 1:
                    continue
                bound = solver.bound(moved)
                if bound >= FAR:
                    continue
                depth[key] = pushed + 1
                heapq.heappush(heap, (pushed + 1 + weight * bound, bound, len(nodes)))
                nodes.append((*key, index, Push(box, step), pushed + 1))
    return None


def fewest_moves(
    board: Board, boxes: Sequence[int], player: int, *, max_looks: int
) -> tuple[int, ...]:
    """Solve with fewest moves, walking included, by breadth-first search.

    Args:
        board: The plan; as many goals as boxes.
        boxes: Cells of the boxes.
        player: Cell of the player.
        max_looks: Positions that may be taken from the queue, repetitions included.

    Returns:
        Steps of the player; empty where there is no solution or ``max_looks`` are used up.
    """
    if _host is None:
        return fewest_moves_plain(board, boxes, player, max_looks=max_looks)
    return tuple(
        _host.sokoban_walk(board.width, board.wall, board.goals, list(boxes), player, max_looks)
    )


def fewest_moves_plain(
    board: Board, boxes: Sequence[int], player: int, *, max_looks: int
) -> tuple[int, ...]:
    """`fewest_moves` in Python."""
    goals = frozenset(board.goals)
    queue = [(frozenset(boxes), player, -1, 0)]
    seen: set[tuple[frozenset[int], int]] = set()
    for index, (standing, at, _, _) in enumerate(queue):  # grows while it runs
        if index == max_looks:
            break
        if (standing, at) in seen:
            continue
        seen.add((standing, at))
        if standing == goals:
            path = []
            while queue[index][2] >= 0:
                path.append(queue[index][3])
                index = queue[index][2]
            return tuple(reversed(path))
        for step in (-1, 1, -board.width, board.width):
            to = at + step
            if board.wall[to]:
                continue
            after = standing
            if to in standing:
                if board.wall[to + step] or to + step in standing:
                    continue
                after = standing - {to} | {to + step}
            queue.append((after, to, index, step))
    return ()
