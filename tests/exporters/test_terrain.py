"""Height maps, splat maps and meshes of terrains, read back without our own code."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.exporters import export_asset
from aigc_assets.exporters.heightmap import UNITY_SIZES, UNREAL_SIZES
from aigc_assets.exporters.splat import splat_weights
from aigc_assets.exporters.terrain_glb import COLLISION_SIDE, MAX_SIDE, ground_mesh, kept
from aigc_assets.exporters.terrain_picture import hillshade, terrain_image
from aigc_assets.types import River, Settlement, Terrain
from tests import samples
from tests.exporters.test_glb import Level

NAMES = ("sea", "beach", "grassland", "forest", "rock", "snow")


def hills(rows: int, columns: int, seed: int = 0) -> Terrain:
    """Waves of land and sea with a lake on a hill."""
    y, x = np.mgrid[:rows, :columns]
    height = 60 * np.sin(x / 6 + seed) * np.cos(y / 7) + 20.25
    water = np.maximum(-height, 0)
    lake = (slice(2, 4), slice(2, 4))
    height[lake], water[lake] = 30.0, 5.0
    biome = np.clip((height + 40) // 20, 0, 5)
    return Terrain(
        height.astype(np.float32), 4.0, biome.astype(np.uint8), NAMES, water.astype(np.float32),
        settlements=(Settlement("Ölham", "town", (1, 1)),), properties={"theme": "terrain"},
    )  # fmt: skip


def picture(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


sizes = st.integers(2, 40)


@settings(max_examples=20)
@given(sizes, sizes, st.integers(0, 99))
def test_the_height_map_says_every_height_to_half_a_step(rows, columns, seed):
    asset = hills(max(rows, 5), max(columns, 5), seed)
    files = export_asset(asset, "isle", "heightmap")
    samples_ = picture(files["isle_height.png"])
    assert samples_.dtype == np.uint16 and samples_.shape == asset.height.shape
    about = json.loads(files["isle_height.json"])
    step, low = about["metres"]["per_step"], about["metres"]["lowest"]
    np.testing.assert_allclose(samples_ * step + low, asset.height, atol=step / 2 + 1e-4)
    assert about["metres"]["highest"] >= asset.height.max()


def test_equal_samples_come_back_exactly():
    """Heights that are whole steps survive the way out and back, all 65,536 of them."""
    values = np.arange(65536, dtype=np.float64).reshape(256, 256)
    height = (values * (1000 / 65535) - 200).astype(np.float32)
    asset = Terrain(height, 1.0, np.zeros((256, 256), np.uint8), ("rock",))
    assert np.array_equal(
        picture(export_asset(asset, "ramp", "heightmap")["ramp_height.png"]), values
    )


ENGINE_SIZES = [(33, 33, 127), (65, 65, 127), (500, 513, 505), (1025, 1025, 1009)]


@pytest.mark.parametrize(("side", "unity", "unreal"), ENGINE_SIZES)
def test_engines_get_the_sizes_they_expect(side, unity, unreal):
    asset = hills(side, side // 2 + 3)
    files = export_asset(asset, "isle", "heightmap")
    about = json.loads(files["isle_height.json"])
    raw = np.frombuffer(files["isle_unity.raw"], "<u2").reshape(unity, unity)
    assert unity in UNITY_SIZES and about["unity_raw"]["size"] == [unity, unity]
    grey = picture(files["isle_unreal.png"])
    assert unreal in UNREAL_SIZES and grey.shape == (unreal, unreal) and grey.dtype == np.uint16
    own = picture(files["isle_height.png"])
    for square in (raw, grey):  # corners are corners, whatever the size
        assert np.array_equal(square[[0, 0, -1, -1], [0, -1, 0, -1]],
                              own[[0, 0, -1, -1], [0, -1, 0, -1]])  # fmt: skip
    span = about["metres"]["highest"] - about["metres"]["lowest"]
    z = about["unreal_png"]["scale"]["z"]
    assert z * 65535 / 128 / 100 == pytest.approx(span, rel=1e-4)  # 1/128 cm per step
    x = about["unreal_png"]["scale"]["x"]
    assert x / 100 * (unreal - 1) == pytest.approx((asset.columns - 1) * 4.0)
    assert about["unity_raw"]["terrain_size_metres"]["y"] == span


@settings(max_examples=20)
@given(sizes, sizes, st.integers(0, 99))
def test_weights_add_up_to_255_and_the_own_biome_is_there(rows, columns, seed):
    asset = hills(max(rows, 5), max(columns, 5), seed)
    weights = np.stack(splat_weights(asset)).astype(int)
    assert (weights.sum(0) == 255).all() and (weights >= 0).all()
    own = np.take_along_axis(weights, asset.biome[None].astype(int), 0)
    assert (own > 0).all()


def test_splat_pictures_hold_four_biomes_each_and_say_which():
    asset = hills(20, 30)
    files = export_asset(asset, "isle", "splat")
    layers = json.loads(files["isle_splat.json"])["layers"]
    assert [layer["biome"] for layer in layers] == list(NAMES)
    assert sorted({layer["file"] for layer in layers}) == ["isle_splat_0.png", "isle_splat_1.png"]
    total = np.zeros(asset.height.shape, dtype=int)
    for layer, weight in zip(layers, splat_weights(asset), strict=True):
        channel = {"r": 2, "g": 1, "b": 0, "a": 3}[layer["channel"]]  # OpenCV reads BGRA
        read = picture(files[layer["file"]])[..., channel]
        assert np.array_equal(read, weight)
        total += read
    assert (total == 255).all()


def test_one_biome_alone_is_255_everywhere():
    asset = Terrain(np.zeros((6, 7), np.float32), 1.0, np.ones((6, 7), np.uint8), ("a", "b"))
    first, second = splat_weights(asset)
    assert not first.any() and (second == 255).all()


@pytest.mark.parametrize("size", [(5, 5), (33, 20), (400, 130)])
def test_the_mesh_follows_the_ground(size):
    asset = hills(*size)
    level = Level(export_asset(asset, "isle", "glb")["isle.glb"])
    names = [mesh["name"] for mesh in level.tree["meshes"]]
    (ground,) = (m for m in level.tree["meshes"] if m["name"] == "isle")
    (part,) = ground["primitives"]
    index = level.accessor(part["indices"]).ravel()
    points = level.accessor(part["attributes"]["POSITION"])
    normals = level.accessor(part["attributes"]["NORMAL"])
    uv = level.accessor(part["attributes"]["TEXCOORD_0"])
    assert len(index) // 3 <= 2 * (MAX_SIDE - 1) ** 2
    column, row = (np.rint(points[:, i] / asset.cell_size).astype(int) for i in (0, 2))
    np.testing.assert_allclose(points[:, 1], asset.height[row, column], atol=1e-4)
    assert (row.min(), row.max()) == (0, asset.rows - 1)
    assert (column.min(), column.max()) == (0, asset.columns - 1)
    # glTF's v runs down: u and v are where the sample lies in the texture.
    np.testing.assert_allclose(uv[:, 0], (column + 0.5) / asset.columns, atol=1e-6)
    np.testing.assert_allclose(uv[:, 1], (row + 0.5) / asset.rows, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    a, b, c = points[index].reshape(-1, 3, 3).transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 1] > 0).all(), "every triangle faces up"
    area = np.cross(b - a, c - a)[:, 1].sum() / 2
    assert area == pytest.approx(np.ptp(points[:, 0]) * np.ptp(points[:, 2]), rel=1e-5)
    assert "isle_water" in names
    places = [node for node in level.tree["nodes"] if node.get("extras", {}).get("rank")]
    assert [node["name"] for node in places] == ["Ölham"]
    (image,) = level.tree["images"]
    texture = picture(level.view(image["bufferView"]))
    assert all(n & (n - 1) == 0 for n in texture.shape[:2])


def test_water_is_level_over_the_lake_and_the_sea():
    asset = hills(33, 33)
    level = Level(export_asset(asset, "isle", "glb")["isle.glb"])
    (water,) = (m for m in level.tree["meshes"] if m["name"] == "isle_water")
    (part,) = water["primitives"]
    points = level.accessor(part["attributes"]["POSITION"])
    assert set(np.round(points[:, 1], 3).tolist()) == {0.0, 35.0}
    index = level.accessor(part["indices"]).ravel()
    a, b, c = points[index].reshape(-1, 3, 3).transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 1] > 0).all()
    material = level.tree["materials"][part["material"]]
    assert material["alphaMode"] == "BLEND"


def test_dry_land_has_no_water_mesh():
    asset = Terrain(np.full((9, 9), 5, np.float32), 2.0, np.zeros((9, 9), np.uint8), ("rock",))
    level = Level(export_asset(asset, "flat", "glb")["flat.glb"])
    assert [mesh["name"] for mesh in level.tree["meshes"]] == ["flat"]


def test_the_collision_mesh_is_coarser_and_named_for_godot():
    asset = hills(300, 300)
    level = Level(export_asset(asset, "isle", "glb")["isle_collision.glb"])
    assert [n["name"] for n in level.tree["nodes"] if "mesh" in n] == ["isle-colonly"]
    points, _, _ = level.mesh()
    assert len(points) <= 2 * (COLLISION_SIDE - 1) ** 2


@given(st.integers(2, 5000), st.integers(2, 5000))
def test_thinning_keeps_both_ends_and_stays_within_the_limit(rows, columns):
    class Sized:
        height = np.broadcast_to(np.float32(0), (rows, columns))

    for length in (rows, columns):
        found = kept(length, Sized(), MAX_SIDE)
        assert found[0] == 0 and found[-1] == length - 1
        assert (np.diff(found) > 0).all() and len(found) <= MAX_SIDE


def test_splitting_along_the_flatter_diagonal_keeps_a_valley_whole():
    height = np.array([[0, 9], [9, 0]], dtype=np.float32)
    asset = Terrain(height, 1.0, np.zeros((2, 2), np.uint8), ("rock",))
    both = np.arange(2)
    _, faces, _ = ground_mesh(asset, both, both)
    shared = set(faces[0].tolist()) & set(faces[1].tolist())
    assert shared == {0, 3}


def test_slopes_towards_the_light_are_brighter():
    ramp = np.tile(np.arange(20, dtype=np.float32), (20, 1))
    for height, brighter in ((ramp, True), (ramp[:, ::-1].copy(), False)):
        asset = Terrain(height, 1.0, np.zeros((20, 20), np.uint8), ("rock",))
        # Light comes from the north west: a slope that falls to the west faces it.
        assert (hillshade(asset).mean() > 1) == brighter
    flat = Terrain(np.zeros((8, 8), np.float32), 1.0, np.zeros((8, 8), np.uint8), ("rock",))
    np.testing.assert_allclose(hillshade(flat), 1, atol=1e-6)


def test_the_picture_shows_rivers_and_is_opaque():
    plain = samples.terrain()
    path = np.stack([np.arange(20, 30), np.full(10, 20)], 1).astype(np.int32)
    wet = Terrain(plain.height, 10.0, plain.biome, plain.biome_names,
                  rivers=(River(path, np.full(10, 20, np.float32)),))  # fmt: skip
    before, after = terrain_image(plain), terrain_image(wet)
    assert (after[..., 3] == 255).all()
    changed = (before != after).any(2)
    assert changed[20, 20:30].all() and not changed[:15].any()
