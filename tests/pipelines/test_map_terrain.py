"""Terrains by the shipped weights: what was asked for, and water that runs downhill."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.metrics.relief import KINDS, one_sidedness
from aigc_assets.pipelines.maps import MapRequest, generate_map
from aigc_assets.pipelines.maps.relief import amplify, rivers, terrain, water
from aigc_assets.pipelines.maps.relief.classes import (
    BIOMES,
    DEEP_WATER,
    DESERT,
    FOREST,
    ROCK,
    SHALLOW_WATER,
    SNOW,
)
from aigc_assets.pipelines.maps.relief.climate import biomes, rainfall
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Terrain, dump, load

PALETTE = make_palette(24, 3)
SEEDS = st.integers(0, 2**31)


def made(size: tuple[int, int], relief: str, seed: int) -> Terrain:
    asset = generate_map(MapRequest("terrain", size, relief=relief), PALETTE, seed).asset
    assert isinstance(asset, Terrain)
    return asset


@settings(max_examples=12, deadline=None)
@given(st.integers(33, 120), st.integers(33, 120), st.sampled_from(KINDS), SEEDS)
def test_any_size_and_kind_holds_its_promises(width, height, relief, seed):
    found = made((width, height), relief, seed)
    assert (found.columns, found.rows) == (width, height)
    assert found.properties["relief"] == relief and found.biome_names == BIOMES
    surface = found.height + found.depth
    cells = [tuple(cell) for river in found.rivers for cell in river.path.tolist()]
    for river in found.rivers:
        along = surface[river.path[:, 1], river.path[:, 0]]
        assert (np.diff(along) <= 0).all(), "a river climbs"
        x, y = river.path[-1].tolist()
        edge = x in (0, width - 1) or y in (0, height - 1)
        assert edge or found.depth[y, x] > 0 or cells.count((x, y)) >= 2
        assert (np.diff(river.width) >= 0).all(), "a river narrows"
    for road in found.roads:
        x, y = road.path[:, 0], road.path[:, 1]
        assert (found.depth[y, x] == 0).all()
    for place in found.settlements:
        assert found.depth[place.cell[1], place.cell[0]] == 0
    sea = (found.height <= 0) & (found.depth > 0)
    assert (surface[sea] > -1e-4).all(), "water below the sea"
    assert (np.isin(found.biome, (DEEP_WATER, SHALLOW_WATER)) == (found.depth > 0)).all()
    assert {tuple(c) for c in found.colours.tolist()} <= {tuple(c) for c in PALETTE.tolist()}


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_an_island_has_sea_all_around(seed):
    found = made((65, 65), "island", seed)
    rim = np.ones((65, 65), dtype=bool)
    rim[1:-1, 1:-1] = False
    assert (found.height[rim] < 0).all() and (found.depth[rim] > 0).all()
    assert (found.height > 0).mean() > 0.03


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_a_coast_has_land_on_one_side_and_plains_are_flatter_than_mountains(seed):
    coast = made((65, 65), "coast", seed).height > 0
    assert 0.1 < coast.mean() < 0.9 and one_sidedness(coast) > 0.25
    spans = []
    for relief in ("plains", "mountain"):
        height = made((65, 65), relief, seed).height
        low, high = np.percentile(height[height > 0], [5, 95])
        spans.append(high - low)
    assert spans[0] < spans[1]


def test_the_same_request_gives_the_same_bytes_and_survives_the_archive():
    first, again = (made((97, 65), "coast", 5) for _ in range(2))
    assert dump(first) == dump(again) == dump(load(dump(first)))
    assert dump(made((97, 65), "coast", 6)) != dump(first)


@pytest.mark.native
@pytest.mark.skipif(water._host is None, reason="installed without a C++ compiler")
def test_the_bytes_do_not_depend_on_compiled_code(monkeypatch):
    compiled = dump(made((65, 49), "mountain", 2))
    monkeypatch.setattr(water, "_host", None)
    assert dump(made((65, 49), "mountain", 2)) == compiled


def test_sizes_of_one_seed_show_the_same_land():
    small, large = (made((n, n), "coast", 4) for n in (129, 257))
    same = (small.height > 0) == (large.height[::2, ::2] > 0)
    assert same.mean() > 0.93
    assert small.cell_size == pytest.approx(2 * large.cell_size)


@pytest.mark.parametrize("size", [(32, 64), (64, 4098), (64.0, 64), (64,)])
def test_other_sizes_are_refused_with_the_bounds(size):
    with pytest.raises(UsageError, match=r"33\.\.4097"):
        MapRequest("terrain", size)


def test_what_a_terrain_cannot_be_is_refused_before_any_work():
    with pytest.raises(UsageError, match="heights, not objects"):
        MapRequest("terrain", (65, 65), ("monsters 3",))
    with pytest.raises(UsageError, match="unknown relief"):
        MapRequest("terrain", (65, 65), relief="moon")
    with pytest.raises(UsageError, match="a cave has no relief"):
        MapRequest("cave", (32, 32), relief="island")
    with pytest.raises(UsageError, match="no transformer"):
        MapRequest("terrain", (65, 65), generator="transformer")
    with pytest.raises(UsageError, match="too narrow"):
        generate_map(MapRequest("terrain", (33, 400)), PALETTE, 0)


def test_the_check_finds_what_is_wrong():
    good = made((65, 65), "mountain", 1)
    assert terrain.problems(good) == []
    x, y = good.rivers[0].path[3].tolist()
    dam = good.height.copy()
    dam[y, x] += 900
    with pytest.raises(GenerationError, match="climbs"):
        terrain.check(dataclasses.replace(good, height=dam))
    flood = np.maximum(good.depth, np.float32(1))
    found = terrain.problems(dataclasses.replace(good, water=flood))
    assert any("runs through water" in text for text in found)
    assert any("lies in the water" in text for text in found)


def field(value: float, shape: tuple[int, int] = (3, 3)) -> np.ndarray:
    return np.full(shape, value, dtype=np.float32)


@pytest.mark.parametrize(
    ("height", "depth", "degrees", "moisture", "slope", "wanted"),
    [
        (-80, 80, 15, 0.5, 0.0, DEEP_WATER),
        (-5, 5, 15, 0.5, 0.0, SHALLOW_WATER),
        (300, 0, 25, 0.1, 0.0, DESERT),
        (300, 0, 12, 0.8, 0.1, FOREST),
        (300, 0, 12, 0.8, 1.5, ROCK),
        (2000, 0, -12, 0.8, 0.1, SNOW),
    ],
)
def test_biomes_follow_temperature_moisture_and_slope(
    height, depth, degrees, moisture, slope, wanted
):
    found = biomes(field(height), field(depth), field(degrees), field(moisture), field(slope),
                   field(0), field(5000))  # fmt: skip
    assert (found == wanted).all()


def test_rain_falls_before_the_mountains_and_not_behind_them():
    height = np.zeros((64, 64), dtype=np.float32)
    height[:, 30:36] = 1500
    sea = np.zeros((64, 64), dtype=bool)
    sea[:, :10] = True
    for turns in range(4):  # the wind may come from anywhere
        rain = rainfall(np.rot90(height, turns).copy(), np.rot90(sea, turns).copy(), (-turns) % 4)
        rain = np.rot90(rain, -turns)
        assert rain[:, 26:32].mean() > 1.5 * rain[:, 42:52].mean()


def test_levels_double_up_to_the_size_asked_for():
    levels = amplify.levels_of((1025, 513))
    assert (levels[-1].rows, levels[-1].columns) == (513, 1025)
    for before, after in itertools.pairwise(levels):
        assert abs(after.columns - 2 * before.columns) <= 1
    assert max(levels[0].columns, levels[0].rows) <= amplify.BASE_SIDE
    assert [(n.rows, n.columns) for n in amplify.levels_of((40, 33))] == [(33, 40)]


def test_slides_keep_the_mass_and_lower_the_slope():
    height = np.zeros((9, 9))
    height[4, 4] = 500
    after = amplify.slide(height, 10.0, 40)
    assert after.sum() == pytest.approx(500)
    assert np.abs(np.diff(after, axis=0)).max() < np.abs(np.diff(height, axis=0)).max() / 3


def test_small_waters_that_the_sea_does_not_reach_are_filled():
    height = np.full((40, 40), 9.0)
    height[:10] = -5
    height[20, 20] = -3
    height[25:35, 25:35] = -3
    dry = amplify.without_ponds(height)
    assert dry[20, 20] > 0 and (dry[:10] == -5).all() and (dry[25:35, 25:35] == -3).all()


def test_lakes_are_level_and_lie_above_their_beds():
    seen = 0
    for seed in range(4):
        found = terrain.landscape("plains", (129, 129), seed).waters
        count, names = cv2.connectedComponents(found.lake.astype(np.uint8), connectivity=8)
        for number in range(1, count):
            assert len(np.unique(found.surface[names == number])) == 1
        assert (found.level[found.lake] < found.surface[found.lake]).all()
        assert all(rivers.downhill(river, found.surface) for river in found.rivers)
        seen += count - 1
    assert seen >= 2
