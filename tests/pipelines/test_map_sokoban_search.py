from __future__ import annotations

from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.pipelines.maps.sokoban.search import (
    Board,
    Position,
    Push,
    fewest_moves,
    fewest_moves_plain,
    retreat,
    retreat_plain,
    solve,
    solve_plain,
)


def read(*rows: str) -> tuple[Board, list[int], int]:
    """Board, boxes and player of letters: ``#`` wall, ``$`` box, ``o`` goal, ``*`` both, ``@``."""
    text = "".join(rows)
    goals = tuple(i for i, letter in enumerate(text) if letter in "o*+")
    wall = bytes(letter == "#" for letter in text)
    boxes = [i for i, letter in enumerate(text) if letter in "$*"]
    player = next(i for i, letter in enumerate(text) if letter in "@+")
    return Board(len(rows[0]), wall, goals), boxes, player


def area(board: Board, boxes: frozenset[int], player: int) -> frozenset[int]:
    seen, todo = {player}, [player]
    while todo:
        cell = todo.pop()
        for step in (1, -1, board.width, -board.width):
            other = cell + step
            if not board.wall[other] and other not in boxes and other not in seen:
                seen.add(other)
                todo.append(other)
    return frozenset(seen)


def fewest_pushes(board: Board, boxes: list[int], player: int, end: int = -1) -> int | None:
    """Breadth first over all positions, with no idea of deadlocks or bounds."""
    first = frozenset(boxes)
    queue = deque([(first, area(board, first, player), 0)])
    seen = {queue[0][:2]}
    while queue:
        state, reach, pushed = queue.popleft()
        if state == frozenset(board.goals) and (end < 0 or end in reach):
            return pushed
        for box in state:
            for step in (1, -1, board.width, -board.width):
                target = box + step
                if box - step not in reach or board.wall[target] or target in state:
                    continue
                after = state - {box} | {target}
                key = (after, area(board, after, box))
                if key not in seen:
                    seen.add(key)
                    queue.append((*key, pushed + 1))
    return None


def play(board: Board, boxes: list[int], player: int, pushes: tuple[Push, ...]) -> frozenset[int]:
    """Boxes and where the player ends up; fails where a push is impossible."""
    state = frozenset(boxes)
    for cell, step in pushes:
        assert cell in state and cell - step in area(board, state, player)
        assert not board.wall[cell + step] and cell + step not in state
        state = state - {cell} | {cell + step}
        player = cell
    return area(board, state, player) | state


def fewest_steps(board: Board, position: Position) -> int:
    """Steps of the player from before the first push to after the last of a position."""
    state, steps = set(position.boxes), 0
    at = position.pushes[0].cell - position.pushes[0].step
    for cell, step in position.pushes:
        queue, seen = deque([(at, 0)]), {at}
        while queue[0][0] != cell - step:
            here, far = queue.popleft()
            for way in (1, -1, board.width, -board.width):
                other = here + way
                if not board.wall[other] and other not in state and other not in seen:
                    seen.add(other)
                    queue.append((other, far + 1))
        steps += queue[0][1] + 1
        state = state - {cell} | {cell + step}
        at = cell
    return steps


def small(seed: int) -> tuple[Board, list[int], int, int]:
    """A board of at most 6x6 inner cells with one to three boxes, its boxes, player and end."""
    random = Random(seed)
    columns, rows = random.randint(3, 6), random.randint(3, 6)
    width = columns + 2
    cells = [(y + 1) * width + x + 1 for y in range(rows) for x in range(columns)]
    free = [cell for cell in cells if random.random() < 0.88]
    if len(free) < 8:
        free = cells
    wall = bytes(cell not in free for cell in range(width * (rows + 2)))
    count = random.randint(1, 3 if columns * rows <= 25 else 2)
    # Boxes away from the ring can be pushed.
    inner = [c for c in free if c - 1 in free and c + 1 in free and c - width in free]
    pool = inner if len(inner) > count else free
    goals = tuple(sorted(random.sample(free, count)))
    boxes = sorted(random.sample(pool, count))
    others = [cell for cell in free if cell not in boxes]
    return Board(width, wall, goals), boxes, random.choice(others), random.choice(free)


boards = st.integers(0, 2**32 - 1).map(small)


@settings(max_examples=150, deadline=None)
@given(boards, st.booleans())
def test_fewest_pushes_of_tiny_boards(drawn: tuple, with_end: bool) -> None:
    board, boxes, player, end = drawn
    end = end if with_end else -1
    expected = fewest_pushes(board, boxes, player, end)
    pushes = solve(board, boxes, player, end, max_nodes=50_000)
    assert (None if pushes is None else len(pushes)) == expected
    if pushes is not None:
        assert set(board.goals) <= play(board, boxes, player, pushes)
        quick = solve(board, boxes, player, end, max_nodes=50_000, weight=3)
        assert quick is not None and len(quick) >= len(pushes)
        play(board, boxes, player, quick)


@settings(max_examples=60, deadline=None)
@given(
    boards,
    st.booleans(),
    st.integers(0, 2**63 - 1),
    st.integers(3, 200),
    st.sampled_from((-1, 7, 30)),
    st.sampled_from((-3, 4)),
)
def test_retreat_finds_solvable_positions(
    drawn: tuple, with_start: bool, seed: int, beam: int, walk: int, bend: int
) -> None:
    board, _, start, end = drawn
    if set(board.goals) & {start, end}:
        return
    start = start if with_start else -1
    limits = {"seed": seed, "beam": beam, "max_states": 400, "walk": walk, "bend": bend}
    found = retreat(board, end, start, **limits)
    for position in found:
        assert not set(position.boxes) & set(board.goals)
        assert position.pushed == len(position.pushes)
        assert walk < 0 or fewest_steps(board, position) == position.moves <= walk
        boxes = list(position.boxes)
        reach = area(board, frozenset(boxes), position.player)
        assert position.player == min(reach)
        assert start < 0 or start in reach
        assert end in play(board, boxes, position.player, position.pushes)
        fewest = fewest_pushes(board, boxes, position.player, end)
        assert fewest is not None
        assert fewest == len(position.pushes) if position.exact else fewest <= len(position.pushes)


@pytest.mark.native
@settings(max_examples=60, deadline=None)
@given(boards, st.integers(0, 2**63 - 1), st.integers(2, 60), st.sampled_from((1, 3)))
def test_both_searches_agree(drawn: tuple, seed: int, beam: int, weight: int) -> None:
    pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    board, boxes, player, end = drawn
    for nodes in (3, 400):
        arguments = {"max_nodes": nodes, "weight": weight}
        assert solve(board, boxes, player, end, **arguments) == solve_plain(
            board, boxes, player, end, **arguments
        )
    looks = 5 * beam * beam
    assert fewest_moves(board, boxes, player, max_looks=looks) == fewest_moves_plain(
        board, boxes, player, max_looks=looks
    )
    if not set(board.goals) & {player, end}:
        for walk, bend in ((-1, 4), (20, 4), (9, -3)):
            limits = {"seed": seed, "beam": beam, "max_states": 150, "walk": walk, "bend": bend}
            for start in (player, -1):
                found = retreat(board, end, start, **limits)
                assert found == retreat_plain(board, end, start, **limits)


@settings(max_examples=60, deadline=None)
@given(boards)
def test_fewest_moves_solve_and_no_push_sooner(drawn: tuple) -> None:
    board, boxes, player, _ = drawn
    moves = fewest_moves(board, boxes, player, max_looks=200_000)
    pushes = fewest_pushes(board, boxes, player)
    if set(boxes) == set(board.goals) or pushes is None:
        assert moves == ()
        return
    state, at, pushed = set(boxes), player, 0
    for step in moves:
        at += step
        assert not board.wall[at]
        if at in state:
            assert not board.wall[at + step] and at + step not in state
            state = state - {at} | {at + step}
            pushed += 1
    assert state == set(board.goals) and pushed >= pushes
