"""Running water on height fields: exact, the same with and without compiled code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.pipelines.maps.relief import water
from aigc_assets.pipelines.maps.relief.water import (
    BRIDGE,
    STEPS,
    drain,
    drain_plain,
    erode,
    erode_plain,
    road,
    road_plain,
)

shapes = st.tuples(st.integers(2, 17), st.integers(2, 17))
levels = shapes.flatmap(lambda shape: hnp.arrays(np.int32, shape, elements=st.integers(-300, 3000)))


def rim(shape: tuple[int, int]) -> np.ndarray:
    base = np.zeros(shape, dtype=bool)
    base[[0, -1]] = True
    base[:, [0, -1]] = True
    return base


@pytest.mark.native
@pytest.mark.skipif(water._host is None, reason="installed without a C++ compiler")
@given(levels)
def test_both_ways_to_drain_agree(level):
    base = rim(level.shape) | (level <= 0)
    for compiled, plain in zip(drain(level, base), drain_plain(level, base), strict=True):
        assert compiled.dtype == plain.dtype
        np.testing.assert_array_equal(compiled, plain)


@given(levels, st.integers(0, 10**6))
def test_every_cell_runs_downhill_into_a_base_cell(level, where):
    base = np.zeros(level.shape, dtype=bool)
    base.flat[where % level.size] = True
    found = drain(level, base)
    assert (found.filled >= level).all()
    assert (found.filled == level)[base].all()
    for cell in range(level.size):
        steps = 0
        while not base.flat[cell]:
            after = int(found.receiver.flat[cell])
            assert found.filled.flat[after] < found.filled.flat[cell]
            y, x = divmod(cell, level.shape[1])
            there = divmod(after, level.shape[1])
            assert (there[0] - y, there[1] - x) in STEPS
            cell, steps = after, steps + 1
            assert steps < level.size
    assert found.flow[base].sum() == level.size


def test_water_takes_the_steepest_way_and_straight_before_diagonal():
    level = np.array([[9, 9, 9], [9, 8, 5], [9, 3, 9]], dtype=np.int32) * 100
    base = np.zeros((3, 3), dtype=bool)
    base[1, 2] = base[2, 1] = True
    assert drain(level, base).receiver[1, 1] == 7
    level[2, 1] = 500
    assert drain(level, base).receiver[1, 1] == 5


def test_a_hollow_is_filled_and_a_pass_is_its_outlet():
    level = np.full((7, 9), 1000, dtype=np.int32)
    level[2:5, 2:5] = 200
    level[3, 5:] = 600  # the way out
    base = rim(level.shape)
    found = drain(level, base)
    assert (found.filled[2:5, 2:5] > 600).all() and (found.filled[2:5, 2:5] < 600 + 8 * 9).all()
    assert found.flow[3, 5] >= 10


@pytest.mark.native
@pytest.mark.skipif(water._host is None, reason="installed without a C++ compiler")
@given(levels, st.floats(0.01, 0.5), st.integers(1, 5), st.booleans(), st.sampled_from((7, 900)))
def test_both_ways_to_erode_agree_to_the_bit(level, strength, rounds, closed, units):
    height = level / units  # in units of 900 nearly all is level ground, which is filled
    base = rim(level.shape) | (height <= 0)
    if closed:  # a single spring for all water, inside or on the edge
        base[:] = False
        base.flat[int(abs(level.flat[0])) % level.size] = True
    compiled, plain = (
        erode(height, base, strength, rounds),
        erode_plain(height, base, strength, rounds),
    )
    assert compiled.tobytes() == plain.tobytes()


@given(levels, st.floats(0.01, 0.5))
def test_erosion_keeps_base_cells_and_never_digs_below_them(level, strength):
    height = level / 7.0
    base = rim(level.shape) | (height <= 0)
    after = erode(height, base, strength, 2)
    np.testing.assert_array_equal(after[base], height[base])
    assert after.min() >= height.min() - 1e-9
    # Land falls, but for what was filled; a hollow is filled by less than 8 steps a cell.
    assert after.max() <= height.max() + 8 * level.size / water.UNITS


@pytest.mark.native
@pytest.mark.skipif(water._host is None, reason="installed without a C++ compiler")
@given(st.integers(2, 17), st.integers(6, 17), st.integers(0, 9999))
def test_both_ways_to_find_roads_agree_and_bridges_go_straight(rows, columns, seed):
    random = np.random.Generator(np.random.Philox(seed))
    cost = random.integers(1, 6, (rows, columns)).astype(np.int32)
    cost[random.random(cost.shape) < 0.15] = 0
    cost[random.random(cost.shape) < 0.3] = -9
    level = random.integers(-50, 400, cost.shape).astype(np.int32)
    sources, goals = (random.integers(cost.size, size=3).tolist() for _ in range(2))
    way = road(cost, level, sources, goals)
    assert way == road_plain(cost, level, sources, goals)
    if not way:
        return
    assert way[0] in sources and way[-1] in goals
    assert cost.flat[way[0]] > 0 and cost.flat[way[-1]] > 0
    wet = 0
    for before, cell, after in zip(way, way[1:], [*way[2:], -1], strict=False):
        (y, x), (v, u) = divmod(before, columns), divmod(cell, columns)
        assert max(abs(v - y), abs(u - x)) == 1 and cost.flat[cell] != 0
        if abs(v - y) + abs(u - x) == 2:
            assert cost[v, x] > 0 and cost[y, u] > 0, "cuts a corner"
        wet = wet + 1 if cost.flat[cell] < 0 else 0
        assert wet <= BRIDGE
        if wet:
            assert after - cell == cell - before and abs(cell - before) in (1, columns)


def test_a_road_crosses_a_river_once_where_it_is_narrow():
    cost = np.full((9, 12), 3, dtype=np.int32)
    cost[3:5] = -350  # two cells wide, one at column 7
    cost[4, 7] = 3
    level = np.zeros_like(cost)
    way = road(cost, level, [12 * 2 + 2], [12 * 8 + 2])
    assert [cell for cell in way if cost.flat[cell] < 0] == [3 * 12 + 7]
    cost[3:7] = -350  # wider than a bridge
    assert road(cost, level, [12 * 2 + 2], [12 * 8 + 2]) == []


def test_of_several_ends_the_cheapest_is_joined():
    cost = np.full((3, 20), 3, dtype=np.int32)
    level = np.zeros_like(cost)
    assert road(cost, level, [20, 37], [24, 30]) == [20, 21, 22, 23, 24]
    level[:, 2] = 400  # a wall of rock
    assert road(cost, level, [20, 37], [24, 30]) == [37, 36, 35, 34, 33, 32, 31, 30]
    assert road(cost, level, [20], [20]) == [20]


@pytest.mark.native
@pytest.mark.skipif(water._host is None, reason="installed without a C++ compiler")
def test_the_compiled_half_refuses_what_it_cannot_hold():
    level = np.zeros((4, 4), dtype=np.int32)
    with pytest.raises(ValueError, match="at least one cell"):
        drain(level, np.zeros((4, 4), dtype=bool))
    with pytest.raises(ValueError, match="base"):
        drain(level, np.ones((3, 4), dtype=bool))
    with pytest.raises(ValueError, match="level"):
        drain(np.full((4, 4), 2**30, dtype=np.int32), np.ones((4, 4), dtype=bool))
    with pytest.raises(ValueError, match="height"):
        erode(np.full((4, 4), np.nan), np.ones((4, 4), dtype=bool), 0.1, 1)
    wide = np.ones((4, 6), dtype=np.int32)
    with pytest.raises(ValueError, match="sources"):
        road(wide, wide, [24], [0])
    with pytest.raises(ValueError, match="6 columns"):
        road(wide[:, :5], wide[:, :5], [0], [1])
    with pytest.raises(ValueError, match="level"):
        road(wide, wide[:3], [0], [1])
