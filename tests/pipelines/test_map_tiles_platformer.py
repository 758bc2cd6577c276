from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles.platformer import (
    FLAGS,
    HAZARD,
    LADDER,
    LOOKS,
    ONE_WAY,
    SOLID,
    build_tileset,
    dress_platformer,
)
from aigc_assets.pipelines.palettes import make_palette, to_oklab
from aigc_assets.types.tilemap import TILE_PROPERTIES

CODES = {".": 0, "#": SOLID, "-": ONE_WAY, "^": HAZARD, "H": LADDER}
LEVEL = [
    "...............",
    "..---......##..",
    ".........H.##..",
    "#####..-.H.##^#",
    "#####^^^^####.#",
    "##^##^^^^######",
    "###############",
]


def level() -> np.ndarray:
    return np.array([[CODES[c] for c in row] for row in LEVEL], dtype=np.uint8)


def flag(tileset, layers, name: str) -> np.ndarray:
    table = np.array([False] + [bool(p[name]) for p in tileset.properties])
    return np.any([table[layer] for layer in layers.values()], axis=0)


def tile(tileset, gid: int) -> np.ndarray:
    y, x = divmod(gid - 1, tileset.columns)
    return tileset.image[16 * y : 16 * y + 16, 16 * x : 16 * x + 16]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [8, 32])
def test_tiles_use_the_palette_and_carry_all_flags(look, size):
    palette = make_palette(size, 3)
    tileset, gids = build_tileset(palette.tobytes(), look)
    assert set(np.unique(tileset.image[..., 3])) <= {0, 255}
    drawn = tileset.image[tileset.image[..., 3] == 255][:, :3]
    assert {tuple(c) for c in drawn.tolist()} <= {tuple(c) for c in palette.tolist()}
    for properties in tileset.properties:
        for name in (*TILE_PROPERTIES, *FLAGS):
            assert isinstance(properties[name], bool)
    assert all(tile(tileset, gid)[..., 3].any() for gid in gids.values())


@pytest.mark.parametrize("look", LOOKS)
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 10**6))
def test_what_a_level_shows_is_what_it_does(look, height, width, seed):
    codes = generator(seed).integers(0, 5, (height, width)).astype(np.uint8)
    tileset, gids = build_tileset(make_palette(16).tobytes(), look)
    layers = dress_platformer(codes, look, gids, 0, height * width - 1, {}, {}, generator(seed))
    assert (layers["background"] > 0).all()
    for name, code in (
        ("solid", SOLID), ("one_way", ONE_WAY), ("ladder", LADDER), ("hazard", HAZARD)
    ):  # fmt: skip
        assert np.array_equal(flag(tileset, layers, name), codes == code), name


@pytest.mark.parametrize("look", LOOKS)
def test_wide_basins_hold_liquid_and_other_hazards_are_spikes(look):
    tileset, gids = build_tileset(make_palette(24).tobytes(), look)
    layers = dress_platformer(
        level(), look, gids, 2 * 15 + 1, 2 * 15 + 3, {2 * 15 + 2: "red"}, {17: "coin"},
        generator(1),
    )  # fmt: skip
    ground = layers["ground"]
    assert (ground[4, 5:9] == gids["liquid_top"]).all()
    assert (ground[5, 5:9] == gids["liquid"]).all()
    assert ground[5, 2] == ground[3, 13] == gids["spikes"]
    assert ground[1, 2:5].tolist() == [gids[f"one_way_{c}"] for c in "lmr"]
    assert ground[3, 7] == gids["one_way_s"]
    assert ground[2:4, 9].tolist() == [gids["ladder_top"], gids["ladder"]]
    marks = layers["markers"]
    assert marks[2, 1:4].tolist() == [gids["start"], gids["door_red"], gids["exit"]]
    assert marks[1, 2] == gids["coin"]
    assert {a.tile + 1 for a in tileset.animations} == {gids["liquid_top"], gids["liquid"]}


def test_no_plant_hides_an_object_or_hangs_in_the_air():
    _, gids = build_tileset(make_palette(24).tobytes(), "meadow")
    codes = np.zeros((8, 40), dtype=np.uint8)
    codes[6:] = SOLID
    for seed in range(6):
        decor = dress_platformer(
            codes, "meadow", gids, 5 * 40, 5 * 40 + 39, {}, {5 * 40 + 20: "chest"}, generator(seed)
        )["decor"]
        assert not decor[5, [0, 20, 39]].any()
        assert not decor[:3].any()
        assert decor[5].any()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [8, 16, 64])
def test_ground_stands_out_from_what_lies_behind(look, size):
    tileset, gids = build_tileset(make_palette(size, 5).tobytes(), look)
    turf = to_oklab(tile(tileset, gids["ground_14"])[:4, :, :3])[..., 0].mean()
    behind = [to_oklab(tile(tileset, gids[f"sky_{i}"])[..., :3])[..., 0].mean() for i in (0, 2)]
    edge = to_oklab(tile(tileset, gids["ground_7"])[4:12, 0, :3])[..., 0].mean()
    for light in behind:
        assert max(abs(turf - light), abs(edge - light)) > 0.06


def test_the_same_seed_dresses_alike():
    _, gids = build_tileset(make_palette(24).tobytes(), "sky")
    one, two = (
        dress_platformer(level(), "sky", gids, 0, 14, {}, {}, generator(4)) for _ in range(2)
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)
