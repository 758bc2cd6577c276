"""What harms on indoor maps lies off the way and bars nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.metrics.playability import verify_witness, verify_witness_native
from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps import MapRequest, generate_map, parse_requirements, selfcheck
from aigc_assets.pipelines.maps.grid import components, shortest_path
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.hazards import place_hazards
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.indoor.repair import repair
from aigc_assets.pipelines.maps.indoor.sampling import Layout, hall
from aigc_assets.pipelines.maps.requirements import Range, Requirements
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Tilemap

try:
    from aigc_assets import _host as _native
except ImportError:  # installed without a C++ compiler
    _native = None

terrains = st.tuples(st.integers(8, 20), st.integers(8, 20)).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 1, 1, 2, 3]))
)


def made(theme: str, require: tuple[str, ...], seed: int, size: tuple[int, int] = (24, 18)):
    asset = generate_map(MapRequest(theme, size, require), make_palette(24, 3), seed).asset
    assert isinstance(asset, Tilemap)
    return asset


def harmful(asset: Tilemap) -> np.ndarray:
    return asset.marked("hazard") & ~asset.solid()


@settings(max_examples=80, deadline=None)
@given(terrains, st.integers(0, 30), st.integers(0, 99))
def test_everything_can_be_reached_without_them(terrain, wanted, seed):
    cost = np.full(terrain.shape, 12, dtype=np.int32)
    canvas, _ = repair(Layout(terrain, cost))
    before = canvas.terrain.copy()
    ground = np.flatnonzero(canvas.walkable)
    path = shortest_path(canvas.walkable, canvas.width, int(ground[0]), int(ground[-1]))
    random = generator(seed)
    taken = set(random.permutation(ground)[:3].tolist())
    pinned = int(ground[len(ground) // 2])
    canvas = Canvas(canvas.terrain, np.arange(terrain.size).reshape(terrain.shape) == pinned)
    try:
        cells = place_hazards(canvas, path, taken, Requirements(hazards=Range(0, wanted)), random)
    except NoRoom:
        raise AssertionError("none were demanded") from None
    assert np.array_equal(canvas.terrain, before)
    assert len(set(cells)) == len(cells) <= wanted
    assert not set(cells) & ({*path, pinned} | taken)
    assert set(cells) <= set(ground.tolist())
    left = canvas.walkable.copy()
    left[list(cells)] = 0
    assert components(left, canvas.width).max() == 0


def test_too_many_are_refused_with_the_number():
    canvas, _ = repair(hall((8, 8)))
    path = shortest_path(canvas.walkable, 8, 9, 54)
    with pytest.raises(NoRoom, match=r"hazards beside the way, 34\.\.40 were asked for"):
        place_hazards(canvas, path, (), Requirements(hazards=Range(34, 40)), generator(0))


@pytest.mark.parametrize("theme", ["dungeon", "cave", "techbase"])
def test_as_many_as_asked_for_and_more_where_it_is_hard(theme):
    for seed, span in enumerate(("0", "3", "2..5", "9..12", "4 %")):
        asset = made(theme, (f"hazards {span}",), seed)
        wanted = parse_requirements((f"hazards {span}",)).for_size((24, 18)).hazards
        assert wanted.low <= int(harmful(asset).sum()) <= wanted.high
    easy, hard = (
        sum(int(harmful(made(theme, (f"difficulty {x}",), seed)).sum()) for seed in range(4))
        for x in (0.1, 0.9)
    )
    assert hard > 2 * easy


def test_a_walk_over_a_hazard_is_rejected_by_both_checkers_and_the_self_check():
    asset = made("dungeon", ("hazards 6",), 1)
    assert verify_witness(asset) == []
    x, y = asset.witness.path[len(asset.witness.path) // 2].tolist()
    gid = next(g for g in range(1, 2000) if asset.tile_properties(g)["tile"] == "hazard")
    decor = np.array(asset.layers[1].gids)
    decor[y, x] = gid
    layers = (asset.layers[0], dataclasses.replace(asset.layers[1], gids=decor), asset.layers[2])
    spoilt = dataclasses.replace(asset, layers=layers)
    step = len(asset.witness.path) // 2
    assert verify_witness(spoilt) == [f"step {step}: ({x}, {y}) is a hazard"]
    if _native is not None:
        assert verify_witness_native(spoilt) == verify_witness(spoilt)
    wanted = parse_requirements(("hazards 6",))
    assert "7 hazards, 6..6 were asked for" in selfcheck.problems(spoilt, wanted)


def test_a_ring_of_hazards_around_the_exit_is_found():
    asset = made("cave", (), 2, (16, 12))
    gid = next(g for g in range(1, 2000) if asset.tile_properties(g)["tile"] == "hazard")
    exit_ = next(item for item in asset.objects if item.cls == "exit")
    decor = np.array(asset.layers[1].gids)
    x, y = exit_.cell
    for cx, cy in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
        decor[cy, cx] = gid
    layers = (asset.layers[0], dataclasses.replace(asset.layers[1], gids=decor), asset.layers[2])
    found = selfcheck.problems(dataclasses.replace(asset, layers=layers), parse_requirements(()))
    assert "the exit cannot be reached" in found
