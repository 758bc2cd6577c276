from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.metrics.jump_difficulty import jump_difficulty
from aigc_assets.metrics.playability import verify_witness, verify_witness_native
from aigc_assets.models.platformer_grammar import (
    AIR,
    HAZARD,
    LADDER,
    ONE_WAY,
    SOLID,
    Level,
    draw_level,
    draw_windows,
)
from aigc_assets.pipelines.maps import MapRequest, generate_map, parse_requirements
from aigc_assets.pipelines.maps.platformer import physics
from aigc_assets.pipelines.maps.platformer.ends import choose_ends, open_up
from aigc_assets.pipelines.maps.platformer.generate import below_ground
from aigc_assets.pipelines.maps.platformer.pits import reshape
from aigc_assets.pipelines.maps.platformer.pools import fill_pools
from aigc_assets.pipelines.maps.platformer.selfcheck import check
from aigc_assets.pipelines.maps.platformer.settle import NoRoom, only, settle
from aigc_assets.pipelines.maps.platformer.ways import ways_of
from aigc_assets.pipelines.maps.requirements import Range
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Tilemap, Witness, dump
from tests.side_view import codes

PALETTE = make_palette(32, 7)
WISHES = (
    (),
    ("key before door",),
    ("monsters 3..6", "treasure 1..3"),
    ("doors 1..2", "monsters 2"),
    ("path 6..24",),
    ("boss at end",),
)


def level(size=(48, 20), require=(), seed=0) -> Tilemap:
    asset = generate_map(MapRequest("platformer", size, tuple(require)), PALETTE, seed).asset
    assert isinstance(asset, Tilemap)
    return asset


def by_class(made: Tilemap, cls: str) -> list:
    return [item for item in made.objects if item.cls == cls]


def flags_of(made: Tilemap, shut=()) -> np.ndarray:
    """Flags for the searches, from the asset alone."""
    flags = made.solid().astype(np.uint8)
    for bit, name in ((2, "one_way"), (4, "hazard"), (8, "ladder")):
        flags[made.marked(name)] |= bit
    for door in by_class(made, "door"):
        flags[door.cell[1], door.cell[0]] |= 32 | (16 if door in shut else 0)
    return flags


def number(made: Tilemap, item) -> int:
    return item.cell[1] * made.width + item.cell[0]


def test_many_seeds_sizes_and_wishes_can_be_finished():
    refused = 0
    for seed in range(240):
        size = (20 + 7 * seed % 41, 14 + 5 * seed % 29)
        try:
            made = level(size, WISHES[seed % len(WISHES)], seed)
        except GenerationError:
            refused += 1  # a small level may have no room for a boss or a door
            continue
        assert (made.width, made.height) == size
        assert verify_witness(made) == []
    assert refused <= 1


def test_one_screen_holds_locks_a_boss_pools_and_pits():
    wishes = (
        ("key before door",), ("boss at end",), ("liquid 5..8 %",), ("liquid 12 %", "doors 1"),
        ("path 10..14", "monsters 1..2"), ("difficulty 0.9",), ("difficulty 0.6", "treasure 2"),
        ("key before door", "liquid 4..7 %", "difficulty 0.5"), ("boss at end", "path 11..14"),
    )  # fmt: skip
    refused = []
    for seed in range(54):
        size = ((8, 8), (8, 24), (12, 12), (16, 12), (12, 16), (24, 8))[seed % 6]
        wish = wishes[(seed + seed // 6) % len(wishes)]
        try:
            made = level(size, wish, seed)
        except GenerationError:
            refused.append((size, wish))
            continue
        assert verify_witness(made) == []
        assert len(by_class(made, "boss")) == ("boss at end" in wish)
        assert bool(by_class(made, "door")) >= ("key before door" in wish)
    assert len(refused) <= 1, refused


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(8, 70), st.integers(8, 40)),
    st.fixed_dictionaries(
        {},
        optional={
            "monsters": st.tuples(st.integers(0, 6), st.integers(0, 6)),
            "treasure": st.tuples(st.integers(0, 4), st.integers(0, 4)),
            "doors": st.tuples(st.integers(0, 2), st.integers(0, 2)),
            "path": st.tuples(st.integers(1, 9), st.integers(8, 60)),
        },
    ),
    st.booleans(),
    st.integers(0, 2**62),
)
def test_whatever_is_asked_for_holds(size, spans, boss, seed):
    require = [f"{name} {low}..{low + more}" for name, (low, more) in spans.items()]
    require += ["boss at end"] if boss else []
    try:
        made = level(size, require, seed)
    except GenerationError as error:
        # By name, and never what fits everywhere.
        assert any(word in str(error) for word in ("door", "boss", "ticks", "free cells", "key"))
        assert boss or spans.keys() & {"doors", "path"}
        return
    wanted = parse_requirements(require)
    assert verify_witness(made) == []
    for name, cls in (("monsters", "monster"), ("treasure", "treasure"), ("doors", "door")):
        span = getattr(wanted, name)
        assert span is None or span.low <= len(by_class(made, cls)) <= span.high
    assert len(by_class(made, "boss")) == boss
    if wanted.path:
        assert wanted.path.low <= len(made.witness.path) - 1 <= wanted.path.high


def test_nobody_gets_stuck_and_doors_cannot_be_avoided():
    for seed in range(12):
        made = level((64, 30), ("doors 2..3", "boss at end"), seed)
        start, end = (by_class(made, cls)[0] for cls in ("start", "exit"))
        flags = flags_of(made)
        goal = np.zeros(flags.shape, dtype=bool)
        goal[end.cell[1], end.cell[0]] = True
        reached = physics.explore(flags, [number(made, start)]) >= 0
        assert not physics.trapped(flags, number(made, start), goal).any()
        assert all(reached[item.cell[1], item.cell[0]] for item in made.objects)
        doors = by_class(made, "door")
        assert doors
        for door in doors:
            shut = flags_of(made, [door])
            assert not physics.route(shut, number(made, start), number(made, end))
        # The boss lies behind its gate, and so does the exit.
        gate, boss = by_class(made, "trigger")[0], by_class(made, "boss")[0]
        flags[gate.cell[1], gate.cell[0]] |= 16
        outside = physics.explore(flags, [number(made, start)]) >= 0
        assert not outside[end.cell[1], end.cell[0]] and not outside[boss.cell[1], boss.cell[0]]
        actions = [event.action for event in made.witness.events]
        assert actions[0] == "start" and actions[-1] == "exit"
        assert actions.index("take") < actions.index("open")


def test_doors_come_in_the_order_of_their_colours():
    made = level((96, 24), ("doors red, blue, gold",), 4)
    objects = {item.id: item for item in made.objects}
    events = [event for event in made.witness.events if event.action == "open"]
    assert [objects[e.object_id].properties["colour"] for e in events] == ["red", "blue", "gold"]


@pytest.mark.native
def test_any_corrupted_cell_of_the_witness_is_found_or_harmless():
    """Both checkers say the same of every witness with one cell changed, and refuse nearly all."""
    pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    made = level((40, 16), ("key before door",), 3)
    found = tried = 0
    for step, (x, y) in enumerate(made.witness.path.tolist()):
        for cell in ((x, y - 1), (x, y + 1), (x - 2, y), (x + 2, y - 3)):
            if not (0 <= cell[0] < made.width and 0 <= cell[1] < made.height):
                continue
            path = np.array(made.witness.path)
            path[step] = cell
            changed = dataclasses.replace(made, witness=Witness(path, made.witness.events))
            reasons = verify_witness(changed)
            assert verify_witness_native(changed) == reasons
            tried += 1
            found += bool(reasons)
    assert found > 0.9 * tried


def test_hazards_and_rock_on_the_way_are_found():
    made = level((48, 20), (), 2)
    ground = next(layer for layer in made.layers if layer.name == "ground")
    for name in ("solid", "hazard"):
        places = made.marked(name) & ~(made.marked("ladder"))
        y, x = np.argwhere(places)[0]
        gid = ground.gids[y, x]
        for step, (px, py) in enumerate(made.witness.path.tolist()):
            gids = np.array(ground.gids)
            gids[py, px] = gid
            layers = tuple(
                dataclasses.replace(layer, gids=gids) if layer.name == "ground" else layer
                for layer in made.layers
            )
            word = "is solid" if name == "solid" else "is a hazard"
            reasons = verify_witness(dataclasses.replace(made, layers=layers))
            assert any(f"step {step}: " in r and word in r for r in reasons)


def test_same_request_same_bytes_with_and_without_compiled_searches(monkeypatch):
    size, lines = (40, 18), ("key before door", "difficulty 0.6", "liquid 4..6 %")
    request = MapRequest("platformer", size, lines)
    monkeypatch.setenv("AIGC_ASSETS_NATIVE", "1")
    first = [dump(generate_map(request, PALETTE, seed).asset) for seed in range(3)]
    monkeypatch.setenv("AIGC_ASSETS_NATIVE", "0")
    again = [dump(generate_map(request, PALETTE, seed).asset) for seed in range(3)]
    assert first == again
    assert len(set(first)) == 3


def test_difficulty_is_what_was_asked_for():
    asked, got = [], []
    for seed in range(60):
        wish = (seed * 8 % 21) / 20
        made = level((64, 20), (f"difficulty {wish:g}",), seed)
        asked.append(wish)
        got.append(jump_difficulty(made))
    assert float(np.corrcoef(asked, got)[0, 1]) >= 0.95
    assert max(got) - min(got) > 0.6


def test_difficulty_is_met_beside_other_lines_on_maps_of_all_sizes():
    others = (
        ("monsters 0..4",), ("boss at end",), ("liquid 4..9 %",), ("key before door",),
        ("path 20..40",), ("monsters 3..5", "liquid 2..4 %"), ("doors 0..2", "treasure 1..3"),
    )  # fmt: skip
    sizes = ((24, 18), (12, 16), (32, 32), (48, 20), (16, 12))
    asked, got = [], []
    for seed in range(70):
        wish = (seed * 8 % 21) / 20
        made = level(sizes[seed % 5], (f"difficulty {wish:g}", *others[seed % 7]), seed)
        asked.append(wish)
        got.append(jump_difficulty(made))
        assert made.properties["difficulty"] == pytest.approx(got[-1], abs=0.001)
    assert float(np.corrcoef(asked, got)[0, 1]) >= 0.93
    assert max(got) > 0.95 and min(got) < 0.05


def test_every_level_says_how_hard_it_is():
    made = level((32, 20), (), 3)
    assert made.properties["difficulty"] == pytest.approx(jump_difficulty(made), abs=0.001)


@pytest.mark.parametrize("aim", [0.0, 0.2, 0.45, 0.7])
def test_pits_bring_the_ground_to_an_aim(aim):
    before, after = [], []
    for seed in range(8):
        random = np.random.Generator(np.random.Philox(seed))
        ground = settle(draw_level((64, 20), random, 0.5))
        scores = []
        for _ in range(3):
            way = physics.route(physics.flags_of(ground.grid), ground.start, ground.exit)
            gaps, danger = ways_of(ground.grid, way)
            scores.append(abs(0.45 * gaps + 0.25 * danger - aim))
            grid = reshape(ground.grid, way, aim, (ground.start, ground.exit), random)
            if grid is not None:
                ground = ground._replace(grid=grid)
        before.append(scores[0])
        after.append(min(scores))
    assert np.mean(after) < 0.15
    assert np.mean(before) > 2 * np.mean(after)


def test_difficulty_orders_levels_whose_order_is_known():
    made = level((64, 20), ("difficulty 0.5",), 3)
    objects = made.object_layers[0]
    peaceful = tuple(item for item in objects.objects if item.cls != "monster")
    calm = dataclasses.replace(
        made, object_layers=(dataclasses.replace(objects, objects=peaceful),)
    )
    assert jump_difficulty(calm) < jump_difficulty(made)
    assert jump_difficulty(dataclasses.replace(made, witness=None)) == 0


@pytest.mark.parametrize("line", ["symmetry horizontal", "outdoor 10 %", "boxes 2..3"])
def test_what_a_side_view_has_not_is_refused_before_any_work(line):
    with pytest.raises(UsageError, match="gravity"):
        MapRequest("platformer", (48, 20), (line,))


def test_the_network_draws_levels_that_are_made_playable():
    request = MapRequest("platformer", (32, 16), ("monsters 2",), generator="transformer")
    made = generate_map(request, PALETTE, 4)
    assert isinstance(made.asset, Tilemap)
    assert verify_witness(made.asset) == []
    assert made.provenance.model in ("map_maskgit", "composition")
    assert dump(made.asset) == dump(generate_map(request, PALETTE, 4).asset)


def test_no_gan_has_learnt_gravity():
    with pytest.raises(UsageError, match="no GAN"):
        MapRequest("platformer", (48, 20), generator="gan")


@pytest.mark.parametrize(
    ("size", "require"),
    [
        ((8, 8), ("monsters 5000",)),
        ((8, 8), ("doors 14..20",)),
        ((8, 8), ("path 60..70",)),
        ((24, 12), ("treasure 200", "monsters 100")),
        ((32, 16), ("path 900..",)),
    ],
)
def test_the_impossible_is_refused_with_the_reason(size, require):
    with pytest.raises(GenerationError) as caught:
        level(size, require)
    assert caught.value.where == "require"
    assert "own check" not in str(caught.value)


def test_the_self_check_finds_a_broken_level():
    made = level((48, 20), ("key before door",), 5)
    wanted = parse_requirements(["key before door"])
    check(made, wanted)
    objects = made.object_layers[0].objects
    key = by_class(made, "key")[0]
    for broken in (
        [item for item in objects if item.cls != "exit"],
        [item for item in objects if item.cls != "door"],
        [item for item in objects if item.cls != "key"],
        [dataclasses.replace(item, cell=(0, 19)) if item.cls == "monster" else item
         for item in objects],
        [*objects, dataclasses.replace(key, id=999)],
    ):  # fmt: skip
        layer = dataclasses.replace(made.object_layers[0], objects=tuple(broken))
        with pytest.raises(GenerationError, match="own check"):
            check(dataclasses.replace(made, object_layers=(layer,)), wanted)
    with pytest.raises(GenerationError, match="monster"):
        check(made, parse_requirements(["monsters 99"]))
    with pytest.raises(GenerationError, match="boss"):
        check(made, parse_requirements(["boss at end"]))


def test_every_tile_says_what_it_is():
    made = level((64, 30), (), 1)
    assert made.layers[0].name == "background"
    assert (made.layers[0].gids > 0).all()
    names = ("solid", "liquid", "hazard", "door", "one_way", "ladder")
    for properties in made.tilesets[0].properties:
        assert {type(properties[name]) for name in names} == {bool}
        assert properties["hazard"] or not properties["liquid"]
    assert made.properties["movement"] == "jump" and made.properties["jump_height"] == 3


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 24), st.integers(8, 24))
def test_any_grid_settles_or_is_refused(seed, width, height):
    """Noise stands for the worst that a network may draw."""
    random = np.random.Generator(np.random.Philox(seed))
    grid = random.choice(
        np.array([AIR, SOLID, ONE_WAY, HAZARD, LADDER], dtype=np.uint8),
        size=(height, width), p=[0.55, 0.25, 0.08, 0.06, 0.06],
    )  # fmt: skip
    start = (int(random.integers(width)), int(random.integers(height)))
    end = (int(random.integers(width)), int(random.integers(height)))
    if start == end:
        return
    try:
        ground = settle(Level(grid, start, end))
    except NoRoom:
        assert height - 1 in (start[1], end[1])  # an end over the abyss
        return
    flags = physics.flags_of(ground.grid)
    assert physics.route(flags, ground.start, ground.exit)
    assert not physics.trapped(flags, ground.start, only(ground.grid, ground.exit)).any()


def test_ends_are_found_far_apart_on_a_way_that_is_there():
    """Grids that come without ends, as a network draws them: the grammar's with its ends lost."""
    for seed, size in enumerate(((64, 20), (48, 32), (20, 60), (90, 45))):
        random = np.random.Generator(np.random.Philox(seed))
        drawn = draw_level(size, random)
        found = choose_ends(drawn.grid, random)
        axis = int(size[1] > 1.3 * size[0])
        assert abs(found.start[axis] - found.exit[axis]) >= 0.6 * size[axis]
        assert settle(found).edits <= 2


def test_a_cut_off_cave_is_joined_by_a_ladder():
    rows = ("............", "............", "############", "############", "############",
            "............", "............", "............", "############")  # fmt: skip
    ground = settle(Level(codes(rows), (0, 1), (11, 1)))
    cave = physics.firm(ground.grid).copy()
    cave[:5] = False
    assert not (physics.explore(physics.flags_of(ground.grid), [ground.start])[cave] >= 0).any()
    opened = open_up(ground)
    flags = physics.flags_of(opened.grid)
    assert 0 < opened.edits <= 14
    assert (physics.explore(flags, [opened.start])[cave] >= 0).all()
    assert not physics.trapped(flags, opened.start, only(opened.grid, opened.exit)).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 24), st.integers(8, 24))
@example(108704, 10, 9)  # the furthest way begins at what lies furthest along
def test_any_grid_gets_ends(seed, width, height):
    random = np.random.Generator(np.random.Philox(seed))
    shares = random.dirichlet((2, 2, 0.5, 0.5, 0.5))
    grid = random.choice(5, size=(height, width), p=shares).astype(np.uint8)
    found = choose_ends(grid, random)
    assert found.start != found.exit
    ground = open_up(settle(found))
    assert physics.route(physics.flags_of(ground.grid), ground.start, ground.exit)


def test_a_dead_end_pit_gets_a_way_out_or_is_made_deadly():
    rows = ("........", "S......E", "##....##", "##....##", "##....##", "##....##", "##....##",
            "########")  # fmt: skip
    ground = settle(Level(codes(rows), (0, 1), (7, 1)))
    flags = physics.flags_of(ground.grid)
    assert ground.edits > 0
    assert physics.route(flags, ground.start, ground.exit)
    assert not physics.trapped(flags, ground.start, only(ground.grid, ground.exit)).any()


def test_the_grammar_draws_levels_that_need_no_repair():
    edits = [
        settle(draw_level((30 + 9 * s % 50, 12 + 7 * s % 30),
                          np.random.Generator(np.random.Philox(s)), s % 11 / 10)).edits
        for s in range(110)
    ]  # fmt: skip
    assert sum(count > 0 for count in edits) <= 3


def test_pools_hold_what_was_asked_for():
    asked, got = [], []
    for seed in range(24):
        share = 2 + seed % 6
        made = level((64, 24), (f"liquid {share}..{share + 0.5} %",), seed)
        inner = 62 * 22
        asked.append(share)
        got.append(100 * int(made.marked("liquid").sum()) / inner)
        assert share - 100 / inner <= got[-1] <= share + 0.5 + 100 / inner
        assert verify_witness(made) == []
    assert float(np.corrcoef(asked, got)[0, 1]) > 0.98
    with pytest.raises(GenerationError, match="liquid"):
        level((64, 24), ("liquid 90 %",))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(12, 12), (24, 18), (40, 16)]), st.integers(0, 12))
def test_pools_hold_exactly_so_many_cells_and_change_no_way(seed, size, count):
    random = np.random.Generator(np.random.Philox(seed))
    ground = settle(draw_level(size, random, 0.4, wet=True, level=True))
    flags = physics.flags_of(ground.grid)
    try:
        grid, wet = fill_pools(
            ground.grid, Range(count, count), (), (ground.start, ground.exit), random
        )
    except NoRoom as problem:
        assert "cells of liquid" in str(problem)
        assert size == (12, 12) and count > 2
        return
    assert int(wet.sum()) == count
    assert (grid[wet] == HAZARD).all()
    # Rock or liquid holds the liquid on both sides and below.
    held = np.pad((grid == SOLID) | (grid == HAZARD), 1, constant_values=True)
    for dy, dx in ((1, 0), (0, 1), (0, -1)):
        assert held[1 + dy :, 1 + dx :][: size[1], : size[0]][wet].all()
    same = physics.explore(physics.flags_of(grid), [ground.start]) >= 0
    assert (same == (physics.explore(flags, [ground.start]) >= 0)).all()


def test_small_levels_differ_and_long_ways_wind():
    grids = {level((16, 12), (), seed).marked("solid").tobytes() for seed in range(60)}
    assert len(grids) > 40
    for size, low in (((16, 16), 30), ((32, 24), 120), ((64, 64), 500)):
        made = level(size, (f"path {low}..",), 1)
        assert len(made.witness.path) - 1 >= low


def test_windows_for_training_are_varied_and_repeatable():
    windows = draw_windows(64, 5)
    assert windows.shape == (64, 32, 32) and windows.dtype == np.uint8
    assert (windows == draw_windows(64, 5)).all()
    assert len({window.tobytes() for window in windows}) == 64
    assert set(np.unique(windows).tolist()) == {AIR, SOLID, ONE_WAY, HAZARD, LADDER}


def test_sky_is_seen_below_an_island_but_not_in_a_cellar():
    rows = ("............", "............", "....####....", "............", "............",
            "####.#######", "##.....#####", "############")  # fmt: skip
    below = below_ground(codes(rows))
    assert not below[3:5].any() and not below[:2].any()
    assert below[6, 2:7].all()


def test_a_refusal_names_the_attempt_that_came_nearest(monkeypatch):
    seen: list[NoRoom] = []
    begin = NoRoom.__init__

    def watched(self, *args, **named):
        begin(self, *args, **named)
        seen.append(self)

    monkeypatch.setattr(NoRoom, "__init__", watched)
    with pytest.raises(GenerationError) as refused:
        generate_map(MapRequest("platformer", (24, 16), ("path 900..950",)), PALETTE, 1)
    nearest = min(seen, key=lambda reason: reason.miss)
    assert nearest.miss < seen[-1].miss < 1
    assert str(nearest) in str(refused.value)
    assert str(seen[-1]) not in str(refused.value)
