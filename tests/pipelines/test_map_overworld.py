"""Overworlds by the shipped weights: any size, proved, and what was asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.metrics.playability import verify_witness
from aigc_assets.metrics.relief import KINDS
from aigc_assets.pipelines.maps import MapRequest, generate_map
from aigc_assets.pipelines.maps.relief import overworld, water
from aigc_assets.pipelines.maps.tiles.overworld import BRIDGE, RIVER, ROAD, solid_cells
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Tilemap, dump

PALETTE = make_palette(24, 3)


def made(size: tuple[int, int], relief: str, seed: int, *require: str) -> Tilemap:
    asset = generate_map(MapRequest("overworld", size, require, relief=relief), PALETTE, seed).asset
    assert isinstance(asset, Tilemap)
    return asset


@settings(max_examples=12, deadline=None)
@given(st.integers(8, 72), st.integers(8, 72), st.sampled_from(KINDS), st.integers(0, 2**31))
def test_any_size_can_be_walked_from_start_to_exit(width, height, relief, seed):
    found = made((width, height), relief, seed)
    assert (found.width, found.height) == (width, height)
    assert verify_witness(found) == []
    assert found.properties["relief"] == relief and found.properties["movement"] == "walk"
    solid = found.solid()
    assert solid[[0, -1]].all() and solid[:, [0, -1]].all()
    for item in found.objects:
        assert not solid[item.cell[1], item.cell[0]]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(KINDS))
def test_requirements_hold(seed, relief):
    found = made((48, 40), relief, seed, "monsters 4..7", "treasure 3", "key before door")
    count = {cls: sum(o.cls == cls for o in found.objects) for cls in ("monster", "treasure")}
    assert 4 <= count["monster"] <= 7 and count["treasure"] == 3
    assert any(item.cls == "door" for item in found.objects)
    assert verify_witness(found) == []


def test_a_walk_of_the_length_asked_for():
    found = made((40, 40), "plains", 3, "path 30..60")
    assert found.witness is not None and 30 <= len(found.witness.path) - 1 <= 60


def test_start_and_exit_are_settlements_and_the_others_are_triggers():
    found = made((64, 64), "plains", 2)
    by_class = {cls: [o for o in found.objects if o.cls == cls] for cls in ("start", "exit")}
    towns = [o for o in found.objects if o.cls == "trigger"]
    assert towns and all(o.properties["event"] == "settlement" for o in towns)
    names = [o.name for o in (*by_class["start"], *by_class["exit"], *towns)]
    assert len(set(names)) == len(names) and "start" not in names


def test_rivers_block_the_way_and_bridges_cross_them():
    for seed in range(4):
        land = overworld.landscape("mountain", (64, 64), seed)
        country = overworld._country(land)
        solid = solid_cells(country.ground, country.way)
        river = country.way == RIVER
        assert solid[river].all()
        if river.sum() > 20:
            return
    pytest.fail("no rivers on four maps")


def test_the_same_request_gives_the_same_bytes_with_and_without_compiled_code(monkeypatch):
    first = made((40, 32), "coast", 5)
    assert dump(first) == dump(made((40, 32), "coast", 5))
    assert dump(first) != dump(made((40, 32), "coast", 6))
    monkeypatch.setattr(water, "_host", None)
    assert dump(first) == dump(made((40, 32), "coast", 5))


def test_what_a_land_cannot_promise_is_refused():
    with pytest.raises(UsageError, match="the lie of a land"):
        MapRequest("overworld", (40, 40), ("liquid 5..10 %",))
    with pytest.raises(UsageError, match=r"8\.\.256"):
        MapRequest("overworld", (40, 257))


@pytest.mark.parametrize("size", [(256, 8), (64, 20), (40, 40)])
def test_a_boss_waits_at_the_end_of_a_long_way(size):
    for seed in range(3):
        found = made(size, "auto", seed, "boss at end")
        assert found.witness is not None
        assert len(found.witness.path) - 1 >= 0.45 * max(size)


def test_roads_cross_rivers_straight_and_seldom():
    bridges = 0
    for seed in range(8):
        land = overworld.landscape("plains", (64, 64), seed)
        country = overworld._country(land)
        bridge = country.way == BRIDGE
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            bridge.astype(np.uint8), connectivity=4
        )
        for left, top, width, height, area in stats[1:].tolist():
            assert area == max(width, height) <= 3, (left, top)
        bridges += count - 1
        roads = int((country.way == ROAD).sum())
        assert bridge.sum() <= max(3, 0.15 * roads)
    assert bridges >= 4


def test_rivers_are_drawn_without_diagonal_steps():
    way = np.zeros((6, 6), dtype=np.uint8)
    overworld._draw(way, np.array([(1, 1), (2, 2), (3, 2), (4, 1)], dtype=np.int32), RIVER)
    rows = ["".join(".R"[v] for v in row) for row in way]
    assert rows == ["......", ".RR.R.", "..RRR.", "......", "......", "......"]
