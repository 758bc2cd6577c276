from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles import scenery, sprites
from aigc_assets.pipelines.maps.tiles.dressing import _masks, dress
from aigc_assets.pipelines.maps.tiles.tileset import BLOB, LIQUIDS, S, build_tileset, canonical
from aigc_assets.pipelines.palettes import make_palette

KINDS = ("wall", "floor", "field", "liquid", "bridge")
SETS = [(theme, liquid) for theme in LIQUIDS for liquid in LIQUIDS[theme]]


def tile(tileset, gid: int) -> np.ndarray:
    y, x = divmod(gid - 1, tileset.columns)
    return tileset.image[16 * y : 16 * y + 16, 16 * x : 16 * x + 16]


def test_a_blob_set_has_47_masks():
    assert len(BLOB) == 47
    assert all(canonical(mask) == mask for mask in BLOB)


@pytest.mark.parametrize(("theme", "liquid"), SETS)
@pytest.mark.parametrize("size", [8, 32])
def test_tiles_use_the_palette_and_binary_alpha(theme, liquid, size):
    palette = make_palette(size, 3)
    tileset, gids = build_tileset(palette.tobytes(), theme, liquid)
    alpha = tileset.image[..., 3]
    assert set(np.unique(alpha)) <= {0, 255}
    drawn = {tuple(c) for c in tileset.image[alpha == 255][:, :3].tolist()}
    assert drawn <= {tuple(c) for c in palette.tolist()}
    for name, gid in gids.items():
        if name.split("_")[0] in ("wall", "floor", "field", "liquid", "bridge"):
            assert (tile(tileset, gid)[..., 3] == 255).all(), name
        else:
            assert (tile(tileset, gid)[..., 3] == 255).any(), name
    assert len(set(gids.values())) == len(gids) <= tileset.tile_count


def test_keys_and_doors_of_each_colour_look_different():
    tileset, gids = build_tileset(make_palette(32, 7).tobytes(), "dungeon", "water")
    for kind in ("key", "door_front", "door_side"):
        pictures = {tile(tileset, gids[f"{kind}_{c}"]).tobytes() for c in sprites.KEY_COLOURS}
        assert len(pictures) == len(sprites.KEY_COLOURS)


def test_floor_variants_differ_and_walls_have_faces():
    for theme, liquid in SETS:
        tileset, gids = build_tileset(make_palette(32, 7).tobytes(), theme, liquid)
        floors = {tile(tileset, gids[f"floor_{i}_lit"]).tobytes() for i in range(6)}
        assert len(floors) >= 4
        for mask in BLOB:
            deep, face = tile(tileset, gids["wall_255"]), tile(tileset, gids[f"wall_{mask}"])
            if not mask & S:  # the face is not the dark of the rock
                assert (face[8:14] != deep[8:14]).any(-1).mean() > 0.8, mask


@pytest.mark.parametrize("table", [sprites.THINGS, scenery.DECOR, scenery.HANGINGS])
def test_pictures_are_sixteen_square_in_known_inks(table):
    for name, picture in table.items():
        rows = sprites.rows(picture)
        assert len(rows) == 16, name
        assert {len(row) for row in rows} == {16}, name
        assert set("".join(rows)) <= set(sprites.INKS) | {"."}, name


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 16), st.integers(8, 16), st.integers(0, 10**6))
def test_every_terrain_can_be_dressed(height, width, seed):
    random = generator(seed)
    terrain = random.integers(0, 5, (height, width)).astype(np.uint8)
    terrain[[0, -1]] = 0
    terrain[:, [0, -1]] = 0
    for theme in LIQUIDS:
        _, gids = build_tileset(make_palette(16).tobytes(), theme, LIQUIDS[theme][0])
        ground, decor, marks = dress(terrain, theme, gids, {}, {}, {}, set(), generator(seed))
        assert (ground > 0).all()
        assert not marks.any()
        drawn = np.zeros(max(gids.values()) + 1, dtype=np.uint8)
        for name, gid in gids.items():
            kind = name.split("_")[0]
            drawn[gid] = KINDS.index(kind) if kind in KINDS else 99
        assert np.array_equal(drawn[ground], terrain)
        # Things hang on faces only: the cell below is not wall.
        hung = decor.astype(bool) & (terrain == 0)
        assert (terrain[1:][hung[:-1]] != 0).all()


def test_masks_treat_the_outside_as_the_same():
    assert (_masks(np.ones((3, 4), dtype=bool)) == 255).all()
    lone = np.zeros((3, 3), dtype=bool)
    lone[1, 1] = True
    assert _masks(lone)[1, 1] == 0
