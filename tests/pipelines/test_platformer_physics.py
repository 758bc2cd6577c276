"""The searches against each other and against the checker's own table."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.metrics.playability import verify_witness
from aigc_assets.metrics.playability.jump import Jump
from aigc_assets.models.platformer_grammar import AIR, HAZARD, LADDER, ONE_WAY, SOLID, draw_level
from aigc_assets.pipelines.maps.platformer import physics, search
from aigc_assets.types import MapObject, Witness, WitnessEvent
from tests.side_view import side_view


@st.composite
def grids(draw, most: int = 7) -> np.ndarray:
    height, width = draw(st.integers(2, most)), draw(st.integers(2, most))
    cells = st.sampled_from((AIR, AIR, AIR, AIR, SOLID, SOLID, ONE_WAY, HAZARD, LADDER))
    drawn = draw(st.lists(cells, min_size=height * width, max_size=height * width))
    return np.array(drawn, dtype=np.uint8).reshape(height, width)


def exhaustive(grid: np.ndarray, start: int) -> np.ndarray:
    """Ticks to every cell by trying every step with the checker's rule, [H, W], -1 unreached."""
    height, width = grid.shape
    rules = Jump(side_view(grid, [], None))
    ticks = np.full(grid.shape, -1)
    rules.enter(None, (start % width, start // width), set())
    now = [((start % width, start // width), rules.phase)]
    seen = set(now)
    tick = 0
    while now:
        later = []
        for (x, y), phase in now:
            if ticks[y, x] < 0:
                ticks[y, x] = tick
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    cell = (x + dx, y + dy)
                    if not (0 <= cell[0] < width and 0 <= cell[1] < height):
                        continue
                    trial = copy.copy(rules)
                    trial.phase = phase
                    if not trial.enter((x, y), cell, set()):
                        state = (cell, trial.phase)
                        if state not in seen:
                            seen.add(state)
                            later.append(state)
        now, tick = later, tick + 1
    return ticks


@settings(max_examples=120, deadline=None)
@given(grids(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_way_is_found_exactly_if_there_is_one_and_it_is_a_quickest(grid, first, last):
    free = np.flatnonzero((grid != SOLID) & (grid != HAZARD))
    if free.size == 0:
        return
    start, goal = int(free[first % free.size]), int(free[last % free.size])
    width = grid.shape[1]
    ticks = exhaustive(grid, start)
    flags = physics.flags_of(grid)
    assert (physics.explore(flags, [start]) == ticks).all()
    way = physics.route(flags, start, goal)
    assert len(way) - 1 == ticks.reshape(-1)[goal] if way else ticks.reshape(-1)[goal] == -1
    if way and start != goal:
        cells = [(cell % width, cell // width) for cell in way]
        ends = [MapObject(1, "", "start", cells[0]), MapObject(2, "", "exit", cells[-1])]
        events = (WitnessEvent(0, "start", 1), WitnessEvent(len(way) - 1, "exit", 2))
        witness = Witness(np.array(cells, dtype=np.int32), events)
        assert verify_witness(side_view(grid, ends, witness)) == []


@pytest.mark.native
@settings(max_examples=150, deadline=None)
@given(grids(9), st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_both_searches_agree(grid, picks):
    host = pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    start, goal, shut, door, other = (pick % grid.size for pick in picks)
    flags = physics.flags_of(grid, [shut], [door])
    goals = np.zeros(grid.shape, dtype=bool)
    goals.reshape(-1)[[goal, other]] = True
    assert (host.jump_explore(flags, [start, other]) == search.explore(flags, [start, other])).all()
    assert host.jump_route(flags, start, goal) == search.route(flags, start, goal)
    assert (host.jump_trapped(flags, start, goals) == search.trapped(flags, start, goals)).all()
    assert host.jump_mend(flags, [start], goals) == search.mend(flags, [start], goals)


@pytest.mark.native
def test_both_searches_agree_on_levels(monkeypatch):
    pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    for seed in range(6):
        level = draw_level((60, 30), np.random.Generator(np.random.Philox(seed)), seed / 5)
        start, goal = (y * 60 + x for x, y in (level.start, level.exit))
        goals = np.zeros(level.grid.shape, dtype=bool)
        goals.reshape(-1)[goal] = True
        flags = physics.flags_of(level.grid)
        results = []
        for native in "10":
            monkeypatch.setenv("AIGC_ASSETS_NATIVE", native)
            lost = physics.trapped(flags, start, goals)
            results.append((physics.route(flags, start, goal), lost.tolist(),
                            physics.explore(flags, [start]).tolist()))  # fmt: skip
        assert results[0] == results[1]


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 10**6))
def test_trapped_cells_are_those_from_which_no_way_leads(grid, pick):
    free = np.flatnonzero(physics.firm(grid))
    if free.size < 2:
        return
    start, goal = int(free[pick % free.size]), int(free[(pick // 7) % free.size])
    flags = physics.flags_of(grid)
    goals = np.zeros(grid.shape, dtype=bool)
    goals.reshape(-1)[goal] = True
    reached = physics.explore(flags, [start]) >= 0
    lost = physics.trapped(flags, start, goals)
    for cell in free.tolist():
        stuck = bool(reached.reshape(-1)[cell]) and not physics.route(flags, cell, goal)
        assert bool(lost.reshape(-1)[cell]) == stuck


@settings(max_examples=60, deadline=None)
@given(grids(9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_mending_leads_there(grid, first, last):
    """A few rounds of the cheapest edits join any two places where one can stand."""
    free = np.flatnonzero(physics.firm(grid))
    if free.size < 2:
        return
    start, goal = int(free[first % free.size]), int(free[last % free.size])
    goals = np.zeros(grid.shape, dtype=bool)
    goals.reshape(-1)[goal] = True
    for _ in range(8):
        edits = physics.mend(physics.flags_of(grid), [start], goals)
        if not edits:
            break
        for cell, code in edits:
            grid.reshape(-1)[cell] = code
    assert physics.route(physics.flags_of(grid), start, goal)


@pytest.mark.native
def test_bad_arguments_are_refused():
    host = pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    flags, goals = np.zeros((3, 4), dtype=np.uint8), np.zeros((3, 4), dtype=np.uint8)
    for call in (
        lambda: host.jump_explore(flags[0], [0]),
        lambda: host.jump_explore(flags, [12]),
        lambda: host.jump_route(flags, -1, 0),
        lambda: host.jump_trapped(flags, 0, goals[:2]),
        lambda: host.jump_mend(flags, [0], goals[:, :2]),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()
