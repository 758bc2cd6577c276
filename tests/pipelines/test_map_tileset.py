"""The tilesets of indoor maps: colours, properties, animations, and which tile lies where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles import scenery, sprites
from aigc_assets.pipelines.maps.tiles.blob import (
    BLOB,
    BLOB_INDEX,
    SE,
    S,
    canonical,
    neighbour_masks,
)
from aigc_assets.pipelines.maps.tiles.dressing import dress
from aigc_assets.pipelines.maps.tiles.indoor import LOOKS, build_tileset, choose_look
from aigc_assets.pipelines.palettes import make_palette, to_oklab
from aigc_assets.types.tilemap import TILE_PROPERTIES

KINDS = ("wall", "floor", "field", "liquid", "bridge")
SETS = [(theme, look) for theme in LOOKS for look in LOOKS[theme]]
GREYS = np.linspace(8, 247, 12).astype(np.uint8)[:, None].repeat(3, 1)


def tile(tileset, gid: int) -> np.ndarray:
    y, x = divmod(gid - 1, tileset.columns)
    return tileset.image[16 * y : 16 * y + 16, 16 * x : 16 * x + 16]


def lightness(tileset, gid: int) -> float:
    return float(to_oklab(tile(tileset, gid)[..., :3])[..., 0].mean())


def test_a_blob_set_has_47_masks():
    assert len(BLOB) == 47
    assert all(canonical(mask) == mask for mask in BLOB)
    assert all(BLOB[BLOB_INDEX[mask]] == canonical(mask) for mask in range(256))


@pytest.mark.parametrize(("theme", "look"), SETS)
@pytest.mark.parametrize("size", [8, 32])
def test_tiles_use_the_palette_and_binary_alpha(theme, look, size):
    palette = make_palette(size, 3)
    tileset, gids = build_tileset(palette.tobytes(), theme, look)
    alpha = tileset.image[..., 3]
    assert set(np.unique(alpha)) <= {0, 255}
    drawn = {tuple(c) for c in tileset.image[alpha == 255][:, :3].tolist()}
    assert drawn <= {tuple(c) for c in palette.tolist()}
    for name, gid in gids.items():
        if name.split("_")[0] in KINDS:
            assert (tile(tileset, gid)[..., 3] == 255).all(), name
        else:
            assert (tile(tileset, gid)[..., 3] == 255).any(), name
    assert len(set(gids.values())) == len(gids) <= tileset.tile_count


@pytest.mark.parametrize(("theme", "look"), SETS)
def test_properties_say_what_a_tile_is(theme, look):
    tileset, gids = build_tileset(make_palette(24, 3).tobytes(), theme, look)
    burns = LOOKS[theme][look].liquid == "lava"
    for properties in tileset.properties:
        assert all(isinstance(properties[flag], bool) for flag in TILE_PROPERTIES)
        assert properties["nav_cost"] >= 1
    for name, gid in gids.items():
        properties, kind = tileset.properties[gid - 1], name.split("_")[0]
        assert properties["tile"] == name
        assert properties["solid"] == (kind in ("wall", "liquid")), name
        assert properties["liquid"] == (kind == "liquid"), name
        assert properties["hazard"] == (kind == "hazard" or (kind == "liquid" and burns)), name
        assert properties["door"] == (kind == "door"), name
    torch = tileset.properties[gids["torch"] - 1]
    assert torch["light"] > 0
    assert torch["light_colour"].startswith("#")


@pytest.mark.parametrize(("theme", "look"), SETS)
def test_liquid_moves_and_its_frames_are_liquid_too(theme, look):
    tileset, gids = build_tileset(make_palette(24, 3).tobytes(), theme, look)
    moving = {animation.tile: animation.frames for animation in tileset.animations}
    for mask in BLOB:
        frames = [frame for frame, _ in moving[gids[f"liquid_{mask}"] - 1]]
        assert frames[0] == gids[f"liquid_{mask}"] - 1
        assert len({tile(tileset, frame + 1).tobytes() for frame in frames}) == len(frames)
        assert all(tileset.properties[frame]["liquid"] for frame in frames)


@pytest.mark.parametrize(("theme", "look"), SETS)
def test_what_harms_is_drawn_and_its_frames_harm_too(theme, look):
    tileset, gids = build_tileset(make_palette(24, 3).tobytes(), theme, look)
    moving = {animation.tile: animation.frames for animation in tileset.animations}
    first = gids["hazard"] - 1
    frames = [frame for frame, _ in moving.get(first, ((first, 0),))]
    assert len(frames) == len(scenery.HAZARDS[LOOKS[theme][look].hazard])
    assert len({tile(tileset, frame + 1).tobytes() for frame in frames}) == len(frames)
    for frame in frames:
        assert tileset.properties[frame]["hazard"] and not tileset.properties[frame]["solid"]
        assert tileset.properties[frame]["nav_cost"] > 1


def test_wang_sets_name_the_neighbours_of_every_blob_tile():
    tileset, gids = build_tileset(make_palette(24, 3).tobytes(), "cave", "rock")
    sets = {wang_set.name: wang_set for wang_set in tileset.wang_sets}
    assert set(sets) == {"wall", "field", "liquid"}
    for name, wang_set in sets.items():
        used = np.flatnonzero(wang_set.wang_ids.any(1))
        assert set(used) == {gids[f"{name}_{mask}"] - 1 for mask in BLOB if mask}
        assert wang_set.kind == "mixed"
        north_only = wang_set.wang_ids[gids[f"{name}_1"] - 1]
        assert north_only.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_keys_and_doors_of_each_colour_look_different():
    tileset, gids = build_tileset(make_palette(32, 7).tobytes(), "dungeon", "stone")
    for kind in ("key", "door_front", "door_side"):
        pictures = {tile(tileset, gids[f"{kind}_{c}"]).tobytes() for c in sprites.KEY_COLOURS}
        assert len(pictures) == len(sprites.KEY_COLOURS)


@pytest.mark.parametrize(("theme", "look"), SETS)
def test_floor_variants_differ_and_walls_have_faces(theme, look):
    tileset, gids = build_tileset(make_palette(32, 7).tobytes(), theme, look)
    floors = {tile(tileset, gids[f"floor_v{i}_lit"]).tobytes() for i in range(6)}
    assert len(floors) >= 4
    for mask in BLOB:
        deep, face = tile(tileset, gids["wall_255"]), tile(tileset, gids[f"wall_{mask}"])
        if not mask & S:  # the face is not the dark of the rock
            assert (face[8:14] != deep[8:14]).any(-1).mean() > 0.7, mask


@pytest.mark.parametrize(("theme", "look"), SETS)
@pytest.mark.parametrize("colours", [make_palette(n, 5) for n in (8, 16, 64)] + [GREYS], ids=len)
def test_rock_and_floor_and_liquid_stay_apart_in_any_palette(theme, look, colours):
    tileset, gids = build_tileset(colours.tobytes(), theme, look)
    rock, floor = lightness(tileset, gids["wall_255"]), lightness(tileset, gids["floor_v0_lit"])
    assert floor - rock > 0.1
    face = tile(tileset, gids["wall_0"])[6:15]
    stone = float(to_oklab(face[..., :3])[..., 0].mean())
    ground = tile(tileset, gids["floor_v0_lit"])
    assert abs(stone - floor) > 0.03 or (face[:, :, None] != ground[:9, None]).any(-1).mean() > 0.5
    assert (tile(tileset, gids["liquid_255"]) != ground).any(-1).mean() > 0.5


FRAMES = {f"{name}.{i}": picture for name, frames in scenery.HAZARDS.items()
          for i, picture in enumerate(frames)}  # fmt: skip


@pytest.mark.parametrize("table", [sprites.THINGS, sprites.SIGNS, scenery.DECOR, scenery.HANGINGS,
                                   FRAMES])  # fmt: skip
def test_pictures_are_sixteen_square_in_known_inks(table):
    for name, picture in table.items():
        rows = sprites.rows(picture)
        assert len(rows) == 16, name
        assert {len(row) for row in rows} == {16}, name
        assert set("".join(rows)) <= set(sprites.INKS) | {"."}, name


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 16), st.integers(8, 16), st.integers(0, 10**6))
def test_every_terrain_can_be_dressed(height, width, seed):
    random = generator(seed)
    terrain = random.integers(0, 5, (height, width)).astype(np.uint8)
    terrain[[0, -1]] = 0
    terrain[:, [0, -1]] = 0
    for theme, look in SETS[seed % 2 :: 2]:
        _, gids = build_tileset(make_palette(16).tobytes(), theme, look)
        ground, decor, marks = dress(terrain, theme, look, gids, {}, {}, {}, set(), generator(seed))
        assert (ground > 0).all()
        assert not marks.any()
        drawn = np.full(max(gids.values()) + 1, 99, dtype=np.uint8)
        for name, gid in gids.items():
            kind = name.split("_")[0]
            drawn[gid] = KINDS.index(kind) if kind in KINDS else 99
        assert np.array_equal(drawn[ground], terrain)
        # Things hang on faces only: the cell below is not wall.
        hung = decor.astype(bool) & (terrain == 0)
        assert (terrain[1:][hung[:-1]] != 0).all()
        assert not decor[(terrain == 3) | (terrain == 4)].any()


def hall(width: int) -> np.ndarray:
    terrain = np.ones((9, width), dtype=np.uint8)
    terrain[[0, -1]] = 0
    terrain[:, [0, -1]] = 0
    terrain[1] = 0
    return terrain


def test_torches_hang_at_even_distances():
    _, gids = build_tileset(make_palette(16).tobytes(), "techbase", "rusty")
    for seed in range(8):
        terrain = hall(32)
        _, decor, _ = dress(terrain, "techbase", "rusty", gids, {}, {}, {}, set(), generator(seed))
        places = np.flatnonzero(decor[1])
        if len(places):
            assert set(np.diff(places)) == {6}
            break
    else:
        raise AssertionError("no wall carries anything")


def test_doors_things_and_the_way_stay_free():
    terrain = hall(16)
    terrain[:, 8] = 0
    terrain[5, 8] = 1
    door, start, thing = 5 * 16 + 8, 3 * 16 + 2, 4 * 16 + 12
    way = {5 * 16 + x for x in range(1, 15)}
    _, gids = build_tileset(make_palette(16).tobytes(), "dungeon", "stone")
    rugs = {gids[name] for name in gids if name.startswith("rug")}
    for seed in range(12):
        _, decor, marks = dress(
            terrain, "dungeon", "stone", gids, {start: "start"}, {door: "red"}, {thing: "chest"},
            way, generator(seed),
        )  # fmt: skip
        assert decor.flat[door] == gids["door_side_red"]
        assert decor.flat[start] == gids["start"]
        assert marks.flat[thing] == gids["chest"]
        assert np.count_nonzero(marks) == 1
        free = [*way - {door}, thing]
        assert all(decor.flat[cell] == 0 or decor.flat[cell] in rugs for cell in free)


def test_masks_treat_the_outside_as_the_same():
    assert (neighbour_masks(np.ones((3, 4), dtype=bool)) == 255).all()
    lone = np.zeros((3, 3), dtype=bool)
    lone[1, 1] = True
    assert neighbour_masks(lone)[1, 1] == 0
    assert neighbour_masks(lone, outside=False)[0, 0] == SE


def test_looks_are_chosen_by_the_seed():
    chosen = {choose_look("dungeon", generator(seed)) for seed in range(40)}
    assert chosen == set(LOOKS["dungeon"])
