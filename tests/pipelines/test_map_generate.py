from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.playability import verify_witness
from aigc_assets.pipelines.made import load_model
from aigc_assets.pipelines.maps import (
    THEMES,
    MapRequest,
    generate_map,
    generate_maps,
    parse_requirements,
    selfcheck,
)
from aigc_assets.pipelines.maps.grid import LIQUID, OUTDOOR
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Tilemap, Witness, dump
from aigc_assets.types.tilemap import OBJECT_CLASSES

INDOOR = sorted(name for name, theme in THEMES.items() if ".indoor." in theme.module)
PALETTE = make_palette(32, 7)
WISHES = (
    (),
    ("key before door",),
    ("start -> exit", "key before door", "monsters 3..6", "treasure 1..3"),
    ("doors 2..3",),
    ("path 6..14", "monsters 0..2"),
)


def tilemap(theme="dungeon", size=(24, 18), require=("key before door",), seed=0) -> Tilemap:
    asset = generate_map(MapRequest(theme, size, require), PALETTE, seed).asset
    assert isinstance(asset, Tilemap)
    return asset


def moved(made: Tilemap, step: int, cell: tuple[int, int]) -> Tilemap:
    """The same map with one cell of its witness changed."""
    path = np.array(made.witness.path)
    path[step] = cell
    return dataclasses.replace(made, witness=Witness(path, made.witness.events))


@pytest.mark.parametrize("theme", INDOOR)
def test_hundreds_of_seeds_can_be_finished(theme):
    for seed in range(200):
        size = (10 + seed % 5, 10 + seed % 3)
        made = tilemap(theme, size, WISHES[seed % len(WISHES)], seed)
        assert verify_witness(made) == [], seed
        if seed % 10 == 0:
            step = seed // 10 % len(made.witness.path)
            x, y = made.witness.path[step].tolist()
            for cell in ((x, y - 1), (x + 1, y), (0, 0), (x, y + 1)):
                if cell != (x, y):
                    assert verify_witness(moved(made, step, cell)), (seed, step, cell)


@pytest.mark.parametrize("theme", INDOOR)
def test_any_corrupted_cell_of_the_walk_is_found(theme):
    made = tilemap(theme, seed=5)
    solid = made.solid()
    for step, (x, y) in enumerate(made.witness.path.tolist()):
        for cell in ((x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y), (0, 0)):
            assert verify_witness(moved(made, step, cell)), (step, cell)
        walled = np.array(made.layers[0].gids)
        walled[y, x] = made.layers[0].gids[0, 0]
        assert solid[0, 0]
        layers = (dataclasses.replace(made.layers[0], gids=walled), *made.layers[1:])
        assert verify_witness(dataclasses.replace(made, layers=layers))


spans = st.tuples(st.integers(0, 6), st.integers(0, 6))
COUNTED = (("monsters", "monster"), ("treasure", "treasure"), ("doors", "door"))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(INDOOR),
    st.tuples(st.integers(8, 40), st.integers(8, 40)),
    st.fixed_dictionaries(
        {},
        optional={
            "monsters": spans,
            "treasure": st.tuples(st.integers(0, 4), st.integers(0, 4)),
            "doors": st.tuples(st.integers(0, 2), st.integers(0, 3)),
            "path": st.tuples(st.integers(1, 14), st.integers(0, 30)),
            "liquid": st.tuples(st.integers(0, 12), st.integers(2, 9)),
            "hazards": st.tuples(st.integers(0, 4), st.integers(0, 4)),
            "outdoor": st.tuples(st.integers(0, 12), st.integers(2, 9)),
        },
    ),
    st.sets(
        st.sampled_from(["key before door", "boss at end", "difficulty 0.6", "symmetry horizontal"])
    ),
    st.integers(0, 2**62),
)
def test_whatever_is_asked_for_holds(theme, size, spans, lines, seed):
    require = [f"{name} {low}..{low + more}" for name, (low, more) in spans.items()]
    lines = lines - ({"key before door"} if spans.get("doors") == (0, 0) else set())
    require += sorted(lines)
    wanted = parse_requirements(require)
    try:
        made = tilemap(theme, size, tuple(require), seed)
    except GenerationError as error:
        # A door, its key and an entrance take a step each: shorter walks are refused with the
        # number; in symmetric halls of a few cells doors may have no place.
        doors = wanted.doors.low if wanted.doors else int(wanted.key_before_door)
        if wanted.path is not None and wanted.path.high < 2 * doors + 1 + wanted.boss:
            assert f"at least {2 * doors + 1 + wanted.boss} steps" in str(error)
        else:
            assert wanted.symmetry and min(size) < 12 and "found no" in str(error), error
        return
    assert verify_witness(made) == []
    assert selfcheck.problems(made, wanted) == []
    assert (made.width, made.height) == size
    count = {cls: sum(item.cls == cls for item in made.objects) for cls in OBJECT_CLASSES}
    for name, cls in COUNTED:
        span = getattr(wanted, name)
        assert span is None or span.low <= count[cls] <= span.high
    actions = [event.action for event in made.witness.events]
    if wanted.key_before_door:
        assert actions.index("take") < actions.index("open")
    if wanted.path:
        assert wanted.path.low <= len(made.witness.path) - 1 <= wanted.path.high
    assert count["boss"] == count["trigger"] == int(wanted.boss)
    if wanted.liquid:
        assert wanted.liquid.low <= made.marked("liquid").sum() <= wanted.liquid.high
    if wanted.hazards:
        harmful = (made.marked("hazard") & ~made.solid()).sum()
        assert wanted.hazards.low <= harmful <= wanted.hazards.high
    if wanted.symmetry:
        assert np.array_equal(made.solid(), made.solid()[:, ::-1])


def shortest_walk(made: Tilemap) -> int:
    """Steps of the shortest walk to the exit over all orders of keys: a search over both."""
    solid = made.solid()
    doors = {item.cell: item.properties["colour"] for item in made.objects if item.cls == "door"}
    keys = {item.cell: item.properties["colour"] for item in made.objects if item.cls == "key"}
    ends = {item.cls: item.cell for item in made.objects}
    first = (ends["start"], frozenset())
    distance, queue = {first: 0}, [first]
    for cell, held in queue:  # grows while it runs
        if cell == ends["exit"]:
            return distance[cell, held]
        x, y = cell
        for other in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if solid[other[1], other[0]] or (other in doors and doors[other] not in held):
                continue
            state = (other, held | {keys[other]} if other in keys else held)
            if state not in distance:
                distance[state] = distance[cell, held] + 1
                queue.append(state)
    raise AssertionError("the exit cannot be reached")


@pytest.mark.parametrize("seed", range(12))
def test_the_witness_is_a_shortest_walk(seed):
    """A walk is as long as it was asked to be without wandering about."""
    require = ("doors 1..3", f"path {20 + 4 * seed}..{30 + 4 * seed}")
    made = tilemap(INDOOR[seed % 3], (26, 20), require, seed)
    assert shortest_walk(made) == len(made.witness.path) - 1


@pytest.mark.parametrize("theme", INDOOR)
def test_asked_and_got_go_together(theme):
    """Pearson's r of the middle of what is asked for and what comes, requirement by requirement."""
    asks = {
        "monsters": lambda n: (2 * n, f"monsters {2 * n - 1}..{2 * n + 1}"),
        "treasure": lambda n: (n + 1, f"treasure {n}..{n + 2}"),
        "doors": lambda n: (n / 3 + 0.5, f"doors {n // 3}..{n // 3 + 1}"),
        "liquid": lambda n: (10 * n + 5, f"liquid {10 * n}..{10 * n + 10}"),
        "outdoor": lambda n: (20 * n + 10, f"outdoor {20 * n}..{20 * n + 20}"),
        "path": lambda n: (10 * n + 5, f"path {10 * n}..{10 * n + 10}"),
        "difficulty": lambda n: (n / 10, f"difficulty {n / 10}"),
    }
    for name, ask in asks.items():
        asked, got = [], []
        for n in range(1, 11):
            middle, line = ask(n)
            made = tilemap(theme, (28, 22), (line,), n)
            count = {"monsters": "monster", "treasure": "treasure", "doors": "door"}.get(name)
            if count:
                value = sum(item.cls == count for item in made.objects)
            elif name == "path":
                value = len(made.witness.path) - 1
            elif name == "difficulty":
                value = made.properties["difficulty"]
            else:
                code = LIQUID if name == "liquid" else OUTDOOR
                value = int((selfcheck.terrain_of(made) == code).sum())
            asked.append(middle)
            got.append(value)
        assert np.corrcoef(asked, got)[0, 1] >= 0.9, (name, asked, got)


def test_doors_are_met_in_the_order_of_their_colours():
    colours = ["gold", "red", "blue", "red"]
    for seed in range(4):
        made = tilemap("dungeon", (30, 24), (f"doors {', '.join(colours)}",), seed)
        by_id = {item.id: item.properties.get("colour") for item in made.objects}
        events = made.witness.events
        assert [by_id[e.object_id] for e in events if e.action == "open"] == colours
        assert [by_id[e.object_id] for e in events if e.action == "take"] == ["gold", "red", "blue"]


def test_a_boss_bars_the_end_of_the_way():
    for seed in range(6):
        made = tilemap(INDOOR[seed % 3], (26, 20), ("boss at end", "doors 1"), seed)
        one = {item.cls: item for item in made.objects}
        assert one["trigger"].properties["event"] == "boss"
        x, y = one["trigger"].cell
        path = [tuple(cell) for cell in made.witness.path.tolist()]
        # The entrance comes after every door, and is the only way in.
        assert path.index((x, y)) > max(e.step for e in made.witness.events if e.action == "open")
        solid = made.solid().copy()
        solid[y, x] = True
        seen, todo = {one["exit"].cell}, [one["exit"].cell]
        while todo:
            cx, cy = todo.pop()
            for cell in ((cx + 1, cy), (cx - 1, cy), (cx, cy + 1), (cx, cy - 1)):
                if cell not in seen and not solid[cell[1], cell[0]]:
                    seen.add(cell)
                    todo.append(cell)
        assert one["boss"].cell in seen
        assert one["start"].cell not in seen
        assert len(seen) <= 60


def test_doors_stand_in_walls_and_bar_the_way():
    for seed in range(6):
        made = tilemap(size=(32, 24), require=("doors 1..4",), seed=seed)
        solid = made.solid()
        start = next(item for item in made.objects if item.cls == "start")
        exit_ = next(item for item in made.objects if item.cls == "exit")
        doors = [item for item in made.objects if item.cls == "door"]
        keys = {item.properties["colour"] for item in made.objects if item.cls == "key"}
        assert doors
        for door in doors:
            x, y = door.cell
            sides = (
                bool(solid[y, x - 1] and solid[y, x + 1]),
                bool(solid[y - 1, x] and solid[y + 1, x]),
            )
            assert any(sides)
            assert door.properties["colour"] in keys
            seen, todo = {start.cell}, [start.cell]
            while todo:
                cx, cy = todo.pop()
                for cell in ((cx + 1, cy), (cx - 1, cy), (cx, cy + 1), (cx, cy - 1)):
                    if cell not in seen and cell != door.cell and not solid[cell[1], cell[0]]:
                        seen.add(cell)
                        todo.append(cell)
            assert exit_.cell not in seen


def test_every_tile_says_what_it_is():
    made = tilemap("cave", (40, 30), seed=3)
    for properties in made.tilesets[0].properties:
        assert {type(properties[k]) for k in ("solid", "liquid", "door")} == {bool}
        assert isinstance(properties["name"], str)
        assert properties["solid"] or not properties["liquid"]
    assert [layer.name for layer in made.layers] == ["ground", "decor", "markers"]
    assert (made.layers[0].gids > 0).all()
    for layer in made.layers[1:]:
        used = {int(gid) for gid in np.unique(layer.gids)} - {0}
        assert not any(made.tile_properties(gid)["solid"] for gid in used)
    for item in made.objects:
        x, y = item.cell
        if item.cls == "door":
            assert made.tile_properties(int(made.layers[1].gids[y, x]))["door"]
        if item.cls in ("key", "monster", "treasure"):
            assert made.tile_properties(int(made.layers[2].gids[y, x]))["name"] == item.name


def test_same_request_same_bytes_alone_and_in_a_batch_and_for_any_thread_count():
    import torch

    request = MapRequest("techbase", (33, 21), ("key before door", "monsters 2..5"))
    together = [dump(made.asset) for made in generate_maps(request, PALETTE, range(4))]
    load_model.cache_clear()
    torch.set_num_threads(2)
    alone = [dump(generate_map(request, PALETTE, seed).asset) for seed in reversed(range(4))]
    assert together == alone[::-1]
    assert len(set(together)) == 4


def test_a_large_map_has_no_seams():
    """Where latent cells or windows meet, walls begin and end no more often than elsewhere."""
    made = tilemap("cave", (192, 160), (), seed=1)
    assert verify_witness(made) == []
    solid = made.solid()[8:-8, 8:-8]
    for axis in (0, 1):
        change = np.abs(np.diff(solid.astype(int), axis=axis)).mean(1 - axis)
        at = (np.arange(len(change)) + 8 + 1) % 8 == 0
        assert 0.6 < change[at].mean() / change[~at].mean() < 1.6


def test_provenance_names_the_model_and_the_data():
    made = generate_map(MapRequest("cave", (16, 16)), PALETTE, 9)
    assert made.provenance.model == "map_sagan"
    assert made.provenance.seed == 9
    assert made.provenance.licences == ("BSD-3-Clause",)
    assert len(made.provenance.attributions) == 2


@pytest.mark.parametrize(
    ("size", "require"),
    [
        ((8, 8), ("monsters 5000..6000",)),
        ((8, 8), ("monsters 30..30", "treasure 10..10")),
        ((8, 8), ("doors 14..20",)),
        ((8, 8), ("path 30..40",)),
        ((8, 8), ("path 60..70",)),
    ],
)
def test_the_impossible_is_refused_with_the_reason(size, require):
    with pytest.raises(GenerationError) as caught:
        generate_map(MapRequest("dungeon", size, require), PALETTE, 0)
    assert caught.value.where == "require"
    assert any(text.split()[1].split("..")[0] in str(caught.value) or "cells" in str(caught.value)
               for text in require)  # fmt: skip


def test_extreme_but_possible_wishes():
    for require in (("path 100..",), ("doors 6..6",), ("monsters 60..60", "treasure 30..30")):
        made = tilemap("dungeon", (24, 20), require, 2)
        assert verify_witness(made) == []


def test_the_self_check_finds_a_broken_map():
    made = tilemap(seed=2)
    wanted = parse_requirements(["key before door"])
    selfcheck.check(made, wanted)
    objects = made.object_layers[0].objects
    door = next(item for item in objects if item.cls == "door")
    for broken in (
        [item for item in objects if item.cls != "exit"],
        [item for item in objects if item.cls != "door"],
        [item for item in objects if item.cls != "key"],
        [dataclasses.replace(item, cell=(0, 0)) if item.cls == "monster" else item
         for item in objects],
        [dataclasses.replace(item, cell=(item.cell[0], item.cell[1])) for item in objects]
        + [dataclasses.replace(door, id=999)],
    ):  # fmt: skip
        layer = dataclasses.replace(made.object_layers[0], objects=tuple(broken))
        with pytest.raises(GenerationError, match="own check"):
            selfcheck.check(dataclasses.replace(made, object_layers=(layer,)), wanted)
    with pytest.raises(GenerationError, match="monster"):
        selfcheck.check(made, parse_requirements(["monsters 99"]))
