from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles.blob import BLOB, corner_fields, way_distances
from aigc_assets.pipelines.maps.tiles.overworld import (
    BRIDGE,
    COSTS,
    DEEP,
    GRASS,
    GROUND,
    RIVER,
    ROAD,
    SAND,
    SHALLOW,
    SNOW,
    WAYS,
    build_tileset,
    dress_overworld,
    solid_cells,
)
from aigc_assets.pipelines.palettes import make_palette, to_oklab
from aigc_assets.types import TileLayer, Tilemap
from aigc_assets.types.tilemap import TILE_PROPERTIES

LAND = ("sand", "desert", "grass", "swamp", "snow")


def tile(tileset, gid: int) -> np.ndarray:
    y, x = divmod(gid - 1, tileset.columns)
    return tileset.image[16 * y : 16 * y + 16, 16 * x : 16 * x + 16]


@pytest.mark.parametrize("size", [8, 32])
def test_tiles_use_the_palette_and_carry_their_price(size):
    palette = make_palette(size, 3)
    tileset, gids = build_tileset(palette.tobytes())
    assert set(np.unique(tileset.image[..., 3])) <= {0, 255}
    drawn = tileset.image[tileset.image[..., 3] == 255][:, :3]
    assert {tuple(c) for c in drawn.tolist()} <= {tuple(c) for c in palette.tolist()}
    for properties in tileset.properties:
        assert all(isinstance(properties[name], bool) for name in TILE_PROPERTIES)
        assert properties["nav_cost"] >= 1
    for name in LAND:
        assert tileset.properties[gids[f"{name}_v0"] - 1]["nav_cost"] == COSTS[name]
    assert all(tileset.properties[gids[f"gate_{c}"] - 1]["door"] for c in ("red", "gold"))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 10**6))
def test_what_blocks_is_what_the_rule_says(height, width, seed):
    random = generator(seed)
    ground = random.integers(0, len(GROUND), (height, width)).astype(np.uint8)
    way = (random.integers(0, len(WAYS), (height, width)) * (random.random() < 0.7)).astype(
        np.uint8
    )
    tileset, gids = build_tileset(make_palette(16).tobytes())
    layers = dress_overworld(ground, way, gids, {0: "castle"}, generator(seed))
    assert next(iter(layers)) == "ground"
    assert (layers["ground"] > 0).all()
    tilemap = Tilemap((tileset,), tuple(TileLayer(*item) for item in layers.items()), (), (16, 16))
    assert np.array_equal(tilemap.solid(), solid_cells(ground, way))
    assert layers["markers"].flat[0] == gids["castle"]


def test_kinds_of_land_meet_at_corners():
    _, gids = build_tileset(make_palette(16).tobytes())
    ground = np.full((6, 6), SAND, dtype=np.uint8)
    ground[:, 3:] = SNOW
    layers = dress_overworld(ground, np.zeros_like(ground), gids, {}, generator(1))
    sand = {gids[f"sand_v{i}"] for i in range(4)}
    assert set(layers["ground"][:, :3].flat) <= sand
    # A tie goes to the higher kind: the right corners of column 2 are snow.
    assert set(layers["edge"][:, 2].flat) == {gids["snow_6"]}
    assert not layers["edge"][:, :2].any()


def test_rivers_roads_and_bridges_join():
    _, gids = build_tileset(make_palette(16).tobytes())
    ground = np.full((5, 5), GRASS, dtype=np.uint8)
    way = np.zeros_like(ground)
    way[:, 2], way[2], way[2, 2] = RIVER, ROAD, BRIDGE
    ways = dress_overworld(ground, way, gids, {}, generator(1))["ways"]
    assert ways[2, 1] == gids["road_10"]
    assert ways[2, 0] == gids["road_2"]
    assert ways[1, 2] == gids["river_5"]
    assert ways[0, 2] == gids["river_4"]
    assert ways[2, 2] == gids["bridge_ew_5"]
    ground[2] = [GRASS, DEEP, DEEP, SHALLOW, GRASS]
    way[:], way[2] = 0, [ROAD, BRIDGE, BRIDGE, BRIDGE, ROAD]
    layers = dress_overworld(ground, way, gids, {}, generator(1))
    assert set(layers["ways"][2, 1:4].flat) == {gids["bridge_ew"]}
    assert "deep" not in layers


def test_corner_and_edge_sets_say_what_they_show():
    tileset, gids = build_tileset(make_palette(16).tobytes())
    sets = {wang_set.name: wang_set for wang_set in tileset.wang_sets}
    assert sets["grass"].kind == "corner"
    assert sets["grass"].wang_ids[gids["grass_2"] - 1].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert sets["road"].kind == "edge"
    assert sets["road"].wang_ids[gids["road_9"] - 1].tolist() == [1, 0, 0, 0, 0, 0, 1, 0]
    for name, kind in (("shallow", "mixed"), ("deep", "mixed"), ("wood", "mixed")):
        assert sets[name].kind == kind
        assert len(np.flatnonzero(sets[name].wang_ids.any(1))) == len(BLOB) - 1


def test_neighbours_in_a_corner_set_agree_on_their_border():
    fields = corner_fields()
    for left in range(16):
        for right in range(16):
            if (left >> 1 & 1, left >> 2 & 1) == (right & 1, right >> 3 & 1):
                # From the last column of one to the first of the other is one step of the curve.
                assert np.abs(fields[left][:, -1] - fields[right][:, 0]).max() < 0.02


def test_ways_leave_a_cell_in_the_middle_of_its_sides():
    distance = way_distances()
    for mask in range(1, 16):
        ends = (
            distance[mask][0, 7:9], distance[mask][7:9, -1], distance[mask][-1, 7:9],
            distance[mask][7:9, 0],
        )  # fmt: skip
        for bit, end in enumerate(ends):
            assert (end.max() < 1) == bool(mask >> bit & 1), (mask, bit)


@pytest.mark.parametrize("colours", [make_palette(n, 5) for n in (8, 16, 64)], ids=len)
def test_kinds_of_ground_are_told_apart(colours):
    tileset, gids = build_tileset(colours.tobytes())
    names = ["deep_255", "shallow_255", *(f"{name}_v3" for name in LAND)]
    main = [np.median(tile(tileset, gids[n])[..., :3].reshape(-1, 3), axis=0) for n in names]
    lab = to_oklab(np.array(main).astype(np.uint8))
    apart = np.hypot.reduce(lab[:, None] - lab[None], axis=-1)
    assert apart[np.triu_indices(len(names), 1)].min() > 0.02
