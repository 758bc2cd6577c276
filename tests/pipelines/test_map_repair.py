"""The exact half of the map generator on random terrain, without the network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.grid import (
    BRIDGE,
    LIQUID,
    WALL,
    distances,
    separators,
    shortest_path,
    walkable_cells,
)
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.gates import (
    build_gate,
    build_gate_plain,
    gate_depth,
    gates,
    gates_plain,
)
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.indoor.locks import lock
from aigc_assets.pipelines.maps.indoor.placement import place
from aigc_assets.pipelines.maps.indoor.repair import repair
from aigc_assets.pipelines.maps.indoor.sampling import Layout, hall, winding
from aigc_assets.pipelines.maps.indoor.shaping import drain, lengthen, set_liquid
from aigc_assets.pipelines.maps.pins import mirrored
from aigc_assets.pipelines.maps.requirements import SYMMETRIES, Range, Requirements

shapes = st.tuples(st.integers(8, 18), st.integers(8, 18))
terrains = shapes.flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 1, 2, 3]))
)


def layout(terrain: np.ndarray, seed: int = 0) -> Layout:
    cost = generator(seed).integers(1, 200, terrain.shape).astype(np.int32)
    return Layout(terrain, cost)


def reachable(terrain: np.ndarray) -> int:
    walkable = walkable_cells(terrain)
    first = int(np.flatnonzero(walkable)[0])
    return sum(d >= 0 for d in distances(walkable, terrain.shape[1], [first]))


@settings(max_examples=120, deadline=None)
@given(terrains)
def test_repair_leaves_one_area_inside_a_closed_border(terrain):
    canvas, edits = repair(layout(terrain))
    fixed = canvas.terrain
    assert (fixed[[0, -1]] == WALL).all()
    assert (fixed[:, [0, -1]] == WALL).all()
    count = int(walkable_cells(fixed).sum())
    assert count >= 4
    assert reachable(fixed) == count
    assert edits == int((fixed != terrain).sum())
    # Bridges stand where liquid was.
    assert np.isin(terrain[fixed == BRIDGE], (LIQUID, 1, 2)).all()


def test_a_good_map_is_not_touched():
    good = np.zeros((12, 12), dtype=np.uint8)
    good[1:11, 1:11] = 1
    good[4:8, 4:8] = LIQUID
    canvas, edits = repair(layout(good))
    fixed = canvas.terrain
    assert edits == 0
    assert np.array_equal(fixed, good)


def test_islands_are_joined_where_it_is_cheapest():
    terrain = np.zeros((12, 20), dtype=np.uint8)
    terrain[2:10, 2:6] = 1
    terrain[2:10, 12:18] = 1
    cost = np.full(terrain.shape, 100, dtype=np.int32)
    cost[7, 6:12] = 1
    canvas, edits = repair(Layout(terrain, cost))
    fixed = canvas.terrain
    assert edits == 6
    assert (fixed[7, 6:12] != WALL).all()


def test_a_way_over_liquid_is_a_bridge():
    terrain = np.full((10, 20), LIQUID, dtype=np.uint8)
    terrain[2:8, 2:6] = 1
    terrain[2:8, 12:18] = 2
    fixed = repair(Layout(terrain, np.full(terrain.shape, 5, dtype=np.int32)))[0].terrain
    assert (fixed == BRIDGE).sum() == 6


def brute_separators(terrain: np.ndarray, path: list[int]) -> list[tuple[int, int]]:
    walkable = walkable_cells(terrain)
    found = []
    for i, cell in enumerate(path[1:-1], 1):
        reached = distances(walkable, terrain.shape[1], [path[0]], [cell])
        if reached[path[-1]] < 0:
            found.append((i, sum(d >= 0 for d in reached)))
    return found


@settings(max_examples=80, deadline=None)
@given(terrains, st.integers(0, 999))
def test_separators_and_depths_equal_brute_force(terrain, seed):
    fixed = repair(layout(terrain))[0].terrain
    width = fixed.shape[1]
    walkable = walkable_cells(fixed)
    cells = [i for i, w in enumerate(walkable) if w]
    random = generator(seed)
    start, goal = (cells[int(random.integers(len(cells)))] for _ in range(2))
    path = shortest_path(walkable, width, start, goal)
    if len(path) > 2:
        fast = [s for s in separators(walkable, width, path) if 0 < s[0] < len(path) - 1]
        assert fast == brute_separators(fixed, path)
    depth = gate_depth(fixed, start)
    wall = (fixed == WALL).reshape(-1)
    shut_out = {
        cell: distances(walkable, width, [start], [cell])
        for cell in cells
        if cell != start
        and ((wall[cell - 1] and wall[cell + 1]) or (wall[cell - width] and wall[cell + width]))
    }
    for cell in cells:
        before = sum(lost[cell] < 0 for gate, lost in shut_out.items() if gate != cell)
        assert depth[cell] == before


@settings(max_examples=60, deadline=None)
@given(terrains, st.integers(1, 2), st.booleans(), st.integers(0, 99))
def test_gates_lock_the_exit_away(terrain, low, boss, seed):
    canvas, _ = repair(layout(terrain))
    width = canvas.width
    first = int(np.flatnonzero(canvas.walkable)[0])
    away = distances(canvas.walkable, width, [first])
    goal = int(np.argmax(away))
    path = shortest_path(canvas.walkable, width, first, goal)
    locked = lock(canvas, path, (low, low + 1), generator(seed), boss=boss)
    if locked is None:
        return
    places, entrance = locked
    ground = canvas.terrain
    assert low <= len(places) <= low + 1
    assert reachable(ground) == int(walkable_cells(ground).sum())
    barred = [*places, entrance] if entrance else places
    assert {p.cell for p in barred} <= {p.cell for p in gates(ground, path)}
    for place_ in barred:
        assert distances(walkable_cells(ground), width, [first], [place_.cell])[goal] < 0
    if boss:
        inside = distances(walkable_cells(ground), width, [goal], [entrance.cell]) >= 0
        assert 2 <= inside.sum() <= 60
        assert not any(inside[place_.cell] for place_ in places)


@pytest.mark.native
@settings(max_examples=80, deadline=None)
@given(terrains, st.sampled_from(SYMMETRIES), st.booleans(), st.integers(0, 9999))
def test_both_ways_to_find_and_build_gates_agree(terrain, symmetry, bounded, seed):
    pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    random = generator(seed)
    fixed = repair(layout(terrain, seed), None, symmetry)[0].terrain
    size, width = terrain.size, terrain.shape[1]
    canvas = Canvas(fixed, random.random(terrain.shape) < 0.03, symmetry)
    cells = np.flatnonzero(canvas.walkable)
    start, goal = (int(cells[int(random.integers(len(cells)))]) for _ in range(2))
    path = shortest_path(canvas.walkable, width, start, goal)
    within = random.random(size) < 0.9 if bounded else None
    kept = random.random(size) < 0.02
    for i, cell in enumerate(path):
        plain, compiled = canvas.copy(), canvas.copy()
        changed = build_gate_plain(plain, path, i, kept, within)
        assert build_gate(compiled, path, i, kept, within) == changed
        assert np.array_equal(plain.terrain, compiled.terrain)
        assert gates(plain.terrain, path) == gates_plain(plain.terrain, path)
        assert gates(plain.terrain, path, cell) == gates_plain(plain.terrain, path, cell)


def test_a_gate_takes_the_fewest_walls():
    canvas, _ = repair(hall((14, 12)))
    path = shortest_path(canvas.walkable, 14, 5 * 14 + 1, 5 * 14 + 12)
    assert build_gate(canvas, path, 6, np.zeros(14 * 12, dtype=bool)) == 9
    assert canvas.terrain[5, 7] != WALL
    assert [gate.cell for gate in gates(canvas.terrain, path)] == [path[6]]


def test_pins_and_mirror_images_survive_the_building_of_gates():
    terrain = np.zeros((11, 17), dtype=np.uint8)
    terrain[1:-1, 1:-1] = 1
    pinned = np.zeros(terrain.shape, dtype=bool)
    pinned[5, 6:9] = True
    canvas = Canvas(terrain, pinned, "horizontal")
    path = shortest_path(canvas.walkable, 17, 17 + 1, 17 + 15)
    assert build_gate(canvas, path, 5, np.zeros(terrain.size, dtype=bool)) > 0
    assert (canvas.terrain[5, 6:9] == 1).all()
    assert (canvas.terrain == canvas.terrain[:, ::-1]).all()


def test_the_winding_layout_is_one_long_way():
    for size in ((8, 8), (9, 30), (40, 11)):
        canvas, edits = repair(winding(size))
        terrain = canvas.terrain
        assert edits == 0
        walkable = walkable_cells(terrain)
        away = distances(walkable, size[0], [int(np.flatnonzero(walkable)[0])])
        assert max(away) == int(walkable.sum()) - 1


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("size", [(20, 20), (21, 15), (14, 33)])
def test_a_mirrored_map_can_have_a_long_way(size, symmetry):
    terrain = repair(winding(size, symmetry=symmetry), None, symmetry)[0].terrain
    assert np.array_equal(terrain, mirrored(terrain, symmetry))
    walkable = walkable_cells(terrain)
    away = distances(walkable, size[0], [int(np.flatnonzero(walkable)[0])])
    end = int(np.argmax(away))
    assert max(distances(walkable, size[0], [end])) > 0.25 * (size[0] - 2) * (size[1] - 2)


@settings(max_examples=60, deadline=None)
@given(terrains, st.sampled_from(SYMMETRIES), st.integers(0, 99))
def test_repair_and_shaping_keep_mirror_images(terrain, symmetry, seed):
    canvas, _ = repair(layout(terrain, seed), None, symmetry)
    assert np.array_equal(canvas.terrain, mirrored(canvas.terrain, symmetry))
    count = int((canvas.terrain == LIQUID).sum())
    before = canvas.walkable.copy()
    none = np.zeros(canvas.flat.size, dtype=bool)
    try:
        set_liquid(canvas, Range(count + 4, count + 9), none, generator(seed))
    except NoRoom:
        return
    assert count + 4 <= (canvas.terrain == LIQUID).sum() <= count + 9
    assert np.array_equal(canvas.walkable, before)
    assert np.array_equal(canvas.terrain, mirrored(canvas.terrain, symmetry))


@settings(max_examples=60, deadline=None)
@given(terrains, st.integers(1, 40), st.integers(0, 99))
def test_draining_never_cuts_the_ground(terrain, count, seed):
    canvas, _ = repair(layout(terrain, seed))
    before = int(canvas.walkable.sum())
    turned = drain(canvas, LIQUID, count, 3, generator(seed))
    assert int(canvas.walkable.sum()) == before - turned >= 3
    assert turned <= count
    assert reachable(canvas.terrain) == before - turned


@settings(max_examples=60, deadline=None)
@given(terrains, st.integers(5, 40), st.integers(0, 99))
def test_walls_lengthen_the_way_and_cut_nothing(terrain, more, seed):
    canvas, _ = repair(layout(terrain, seed))
    width = canvas.width
    first = int(np.flatnonzero(canvas.walkable)[0])
    away = distances(canvas.walkable, width, [first])
    goal = int(np.argmax(away))
    wanted = Range(int(away[goal]) + 2, int(away[goal]) + more)
    kept = np.zeros(canvas.flat.size, dtype=bool)
    kept[[first, goal]] = True
    lengthen(canvas, first, goal, wanted, kept, 6)
    after = distances(canvas.walkable, width, [first])
    assert away[goal] <= after[goal] <= wanted.high
    assert reachable(canvas.terrain) == int(canvas.walkable.sum())


@settings(max_examples=80, deadline=None)
@given(
    terrains,
    st.integers(0, 5),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 99),
)
def test_plans_hold_what_they_promise(terrain, monsters, treasure, doors, seed):
    wanted = Requirements(
        monsters=Range(monsters, monsters + 1), treasure=Range(treasure, treasure + 1),
        doors=Range(doors, doors + 1))  # fmt: skip
    try:
        plan = place(repair(layout(terrain))[0], wanted, None, generator(seed))
    except NoRoom as reason:
        assert str(reason)
        return
    assert monsters <= len(plan.monsters) <= monsters + 1
    assert treasure <= len(plan.treasure) <= treasure + 1
    assert doors <= len(plan.doors) <= doors + 1
    cells = [plan.start, plan.exit, *plan.monsters, *plan.treasure,
             *(c for c, _ in (*plan.doors, *plan.keys))]  # fmt: skip
    assert len(set(cells)) == len(cells)
    walkable = walkable_cells(plan.terrain)
    assert all(walkable[cell] for cell in cells)
    assert {colour for _, colour in plan.doors} == {colour for _, colour in plan.keys}


@pytest.mark.parametrize("seed", range(8))
def test_a_crowd_leaves_room_for_the_least_of_both_kinds(seed):
    canvas, _ = repair(hall((8, 8)))  # 36 cells, 34 beside start and exit
    wanted = Requirements(monsters=Range(28, 30), treasure=Range(4, 20))
    plan = place(canvas, wanted, None, generator(seed))
    assert 28 <= len(plan.monsters) <= 30
    assert len(plan.treasure) >= 4


def test_too_much_is_refused_with_the_numbers():
    canvas, _ = repair(hall((8, 8)))
    with pytest.raises(NoRoom, match="40 monsters"):
        place(canvas, Requirements(monsters=Range(40, 40)), None, generator(0))
