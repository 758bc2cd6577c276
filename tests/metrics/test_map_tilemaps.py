from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.metrics import tilemaps


def rooms(count: int, seed: int) -> np.ndarray:
    """Maps of rectangles: an easy stand-in for levels."""
    random = np.random.Generator(np.random.Philox(seed))
    grids = np.zeros((count, 24, 24), dtype=np.uint8)
    for grid in grids:
        for _ in range(5):
            y, x = random.integers(1, 14, 2)
            h, w = random.integers(4, 9, 2)
            grid[y : y + h, x : x + w] = 1 + int(random.random() < 0.3)
    return grids


def noisy(grids: np.ndarray, share: float) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(9))
    hit = random.random(grids.shape) < share
    return np.where(hit, random.integers(0, 5, grids.shape), grids).astype(np.uint8)


def test_tile_patterns_rank_real_good_noise_and_collapse():
    reference = rooms(60, 1)
    others = [rooms(60, 2), noisy(rooms(60, 2), 0.02), noisy(rooms(60, 2), 0.3)]
    values = [tilemaps.tile_pattern_kl(g, reference) for g in others]
    assert values == sorted(values)
    assert values[0] * 2 < values[1] < values[2] / 2
    collapsed = np.repeat(rooms(1, 3), 60, 0)
    assert tilemaps.tile_pattern_kl(collapsed, reference) > values[0] * 2


def test_equal_sets_have_no_divergence():
    assert tilemaps.tile_pattern_kl(rooms(9, 1), rooms(9, 1)) == 0


def test_divergence_of_two_by_two_windows_by_hand():
    ones, mixed = np.ones((1, 2, 2), np.uint8), np.array([[[1, 1], [1, 1]], [[0, 0], [0, 0]]])
    value = tilemaps.tile_pattern_kl(ones, mixed.astype(np.uint8), (2,), 1e-9)
    # p = (1, 0), q = (1/2, 1/2): log 2 one way, half log(1/2) + half log(1/2 / 1e-9) the other.
    expected = (np.log(2) + 0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-9)) / 2
    assert value == pytest.approx(expected, rel=1e-6)


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_component_sizes_equal_a_plain_flood(grid):
    left = {tuple(cell) for cell in np.argwhere(grid)}
    sizes = []
    while left:
        todo = [left.pop()]
        size = 0
        while todo:
            y, x = todo.pop()
            size += 1
            for cell in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if cell in left:
                    left.remove(cell)
                    todo.append(cell)
        sizes.append(size)
    assert sorted(tilemaps.component_sizes(grid).tolist()) == sorted(sizes)


def test_connected_share_is_the_chance_of_a_walk():
    grid = np.zeros((1, 5, 5), np.uint8)
    grid[0, 0] = 1  # five cells
    grid[0, 4, :2] = 2  # two cells
    grid[0, 2, 2] = 3  # not walkable
    assert tilemaps.connected_share(grid, (1, 2)) == pytest.approx((25 + 4) / 49)
    assert tilemaps.connected_share(np.zeros((1, 3, 3), np.uint8), (1,)) == 0


def test_solvable_share_counts_maps():
    good = np.ones((1, 6, 6), np.uint8)
    bad = good.copy()
    bad[0, 3] = 0
    assert tilemaps.solvable_share(np.concatenate([good, bad, good, good]), (1,)) == 0.75


@given(st.integers(2, 6))
def test_diversity_of_copies_is_zero(count):
    grids = np.repeat(rooms(1, 4), count, 0)
    assert tilemaps.mean_hamming(grids) == 0
    assert tilemaps.repeated_share(grids) == pytest.approx(1 - 1 / count)


def test_duplicates_are_found_with_a_tolerance():
    reference = rooms(10, 5)
    near = reference[:4].copy()
    near[:, 0, 0] = 4
    far = rooms(4, 6)
    found = tilemaps.duplicate_share(np.concatenate([near, far]), reference)
    assert found == 0.5
    assert tilemaps.duplicate_share(near, reference, distance=0) == 0


def test_start_to_exit_is_from_corner_to_corner():
    grid = np.zeros((3, 6, 6), dtype=np.uint8)
    grid[:, 1, 1:5] = grid[:, 4, 1:5] = 1
    grid[1, 1:5, 2] = 2
    grid[2, 2:4, 3] = 3  # joined by what cannot be walked on
    assert tilemaps.start_to_exit_share(grid[:1], (1, 2)) == 0
    assert tilemaps.start_to_exit_share(grid, (1, 2)) == pytest.approx(1 / 3)
    assert tilemaps.start_to_exit_share(grid, (1, 2, 3)) == pytest.approx(2 / 3)
    lone = np.zeros((1, 6, 6), dtype=np.uint8)
    assert tilemaps.start_to_exit_share(lone, (1,)) == 0
    lone[0, 3, 3] = 1
    assert tilemaps.start_to_exit_share(lone, (1,)) == 0


def test_a_speck_in_the_corner_makes_a_map_unsolvable():
    grid = np.zeros((2, 12, 12), dtype=np.uint8)
    grid[:, 3:9, 3:9] = 1
    grid[1, 1, 1] = 1
    assert tilemaps.start_to_exit_share(grid, (1,)) == 0.5
    assert tilemaps.solvable_share(grid, (1,)) == 1


def test_copied_windows_are_counted_exactly():
    real = rooms(30, 1)
    codes = tilemaps.window_codes(real)
    assert tilemaps.window_copy_share(real[:3], codes) == 1
    changed = real[:1].copy()
    changed[0, 10, 10] = 9  # one cell lies in 36 of the 19 x 19 windows
    assert tilemaps.window_copy_share(changed, codes) == pytest.approx(1 - 36 / 361)


@given(hnp.arrays(np.uint8, (2, 7, 8), elements=st.integers(0, 4)))
def test_turned_windows_count_as_copies_only_if_asked_for(grids):
    turned = np.rot90(grids, 1, (1, 2))[:, ::-1]
    assert tilemaps.window_copy_share(turned, tilemaps.window_codes(grids, symmetric=True)) == 1
    plain = {w.tobytes() for g in grids for w in windows_of(g)}
    expected = np.mean([w.tobytes() in plain for g in turned for w in windows_of(g)])
    assert tilemaps.window_copy_share(turned, tilemaps.window_codes(grids)) == expected


def windows_of(grid: np.ndarray) -> list[np.ndarray]:
    height, width = grid.shape
    return [grid[y : y + 6, x : x + 6] for y in range(height - 5) for x in range(width - 5)]


def test_noise_copies_less_than_new_real_maps():
    codes = tilemaps.window_codes(rooms(80, 1))
    real, noise = rooms(20, 2), noisy(rooms(20, 2), 0.3)
    assert tilemaps.window_copy_share(real, codes) > 0.3 > tilemaps.window_copy_share(noise, codes)
