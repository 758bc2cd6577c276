"""The compiled floods and their plain twins give the same results, cell for cell."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.pipelines.maps import MapRequest, floods, generate_map, grid
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import dump

boards = st.tuples(st.integers(3, 14), st.integers(3, 14)).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 1]))
)
examples = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def host():
    return pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")


def closed(board: np.ndarray) -> tuple[np.ndarray, int]:
    """Flat cells with a solid border, and their width."""
    board = board.copy()
    board[[0, -1]] = 0
    board[:, [0, -1]] = 0
    return board.reshape(-1), board.shape[1]


def pick(random: np.random.Generator, size: int, count: int) -> np.ndarray:
    return random.integers(size, size=count).astype(np.int32)


def prices(random: np.random.Generator, free: np.ndarray, width: int) -> np.ndarray:
    price = random.integers(-1, 5, free.size).astype(np.int32).reshape(-1, width)
    price[[0, -1]] = -1
    price[:, [0, -1]] = -1
    return price.reshape(-1)


@pytest.mark.native
@examples
@given(boards, st.integers(0, 2**32))
def test_floods_are_the_same_in_both(host, board, seed):
    free, width = closed(board)
    random = np.random.default_rng(seed)
    sources, shut = pick(random, free.size, 3), pick(random, free.size, 2)
    start, goal = (int(cell) for cell in pick(random, free.size, 2))
    gate = random.integers(0, 2, free.size).astype(np.uint8)
    for name, arguments in {
        "distances": (sources, shut),
        "components": (),
        "shortest_path": (start, goal, shut),
        "cut_depth": (gate, start),
    }.items():
        plain = getattr(floods, name)(free, width, *arguments)
        native = getattr(host, name)(free, width, *arguments)
        assert native.dtype == plain.dtype == np.int32
        assert np.array_equal(native, plain), name
    path = floods.shortest_path(free, width, start, goal, np.zeros(0, dtype=np.int32))
    assert host.separators(free, width, path) == floods.separators(free, width, path)


@pytest.mark.native
@examples
@given(boards, st.integers(0, 2**32), st.sampled_from([4, 8]))
def test_cheapest_ways_and_joins_are_the_same_in_both(host, board, seed, neighbours):
    free, width = closed(board)
    random = np.random.default_rng(seed)
    price = random.integers(-1, 5, free.size).astype(np.int32)
    start, goal = (int(cell) for cell in pick(random, free.size, 2))
    plain = floods.cheapest_way(price, width, start, goal, neighbours)
    assert np.array_equal(host.cheapest_way(price, width, start, goal, neighbours), plain)
    for i, cell in enumerate(plain[1:].tolist(), 1):
        dy, dx = np.subtract(divmod(cell, width), divmod(int(plain[i - 1]), width))
        assert max(abs(dy), abs(dx)) == 1
        assert neighbours == 8 or abs(dy) + abs(dx) == 1
    price = prices(random, free, width)
    links = floods.joins(free, width, price)
    assert host.joins(free, width, price) == links
    label = floods.components(free, width)
    opened = free.copy()
    for _, _, cells in links:
        assert (price[cells] >= 0).all()
        opened[cells] = 1
    # Joined areas are one area afterwards.
    after = floods.components(opened, width)
    for first, second, _ in links:
        assert after[label == first][0] == after[label == second][0]


@pytest.mark.native
def test_the_compiled_floods_refuse_what_would_leave_the_map(host):
    open_border = np.ones(12, dtype=np.uint8)
    none = np.zeros(0, dtype=np.int32)
    with pytest.raises(ValueError, match="border"):
        host.distances(open_border, 4, none, none)
    free, width = closed(np.ones((4, 5), dtype=np.uint8))
    with pytest.raises(ValueError, match="no such cell"):
        host.distances(free, width, np.array([20], dtype=np.int32), none)
    with pytest.raises(ValueError, match="whole rows"):
        host.components(free, 7)
    with pytest.raises(ValueError, match="border"):
        host.joins(free, width, np.zeros(20, dtype=np.int32))


@pytest.mark.native
def test_whole_maps_are_the_same_with_both(host, monkeypatch):
    lines = ("doors 1..3", "boss at end", "path 20..60", "liquid 2..6 %")
    palette = make_palette(24, 1)
    made = []
    for engine in (host, floods):
        monkeypatch.setattr(grid, "_engine", engine)
        request = MapRequest("cave", (26, 20), lines)
        made.append([dump(generate_map(request, palette, seed).asset) for seed in range(3)])
    assert made[0] == made[1]


@pytest.mark.native
def test_an_environment_variable_chooses(host):
    show = "from aigc_assets.pipelines.maps import grid; print(grid._engine.__name__)"
    for native, name in (("1", "aigc_assets._host"), ("0", floods.__name__)):
        environment = {**os.environ, "AIGC_ASSETS_NATIVE": native}
        run = [sys.executable, "-c", show]
        printed = subprocess.run(run, capture_output=True, text=True, env=environment, check=True)
        assert printed.stdout.strip() == name
