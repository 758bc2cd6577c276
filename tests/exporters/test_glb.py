"""The level mesh, read back with numpy alone; the Khronos validator runs in test_readers.py."""

from __future__ import annotations

import json
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.exporters.glb import export_glb
from aigc_assets.exporters.glb_geometry import merge_rectangles
from aigc_assets.exporters.raster import tilemap_image
from aigc_assets.types import TileLayer, Tilemap, Tileset
from tests import samples
from tests.exporters import maps

_DTYPES = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
MAPS = {"keep": samples.tilemap(), "odd": maps.flipped(), "big": maps.large(20, 12)}


class Level:
    """A .glb taken apart by the rules of the specification."""

    def __init__(self, data: bytes):
        magic, version, total, size, kind = struct.unpack_from("<4sII I4s", data)
        assert (magic, version, total, kind) == (b"glTF", 2, len(data), b"JSON")
        self.tree = json.loads(data[20 : 20 + size])
        rest = data[20 + size :]
        if rest:
            length, kind = struct.unpack_from("<I4s", rest)
            assert kind == b"BIN\0" and length == len(rest) - 8
        self.blob = rest[8:]

    def view(self, index: int) -> bytes:
        view = self.tree["bufferViews"][index]
        start = view.get("byteOffset", 0)
        return self.blob[start : start + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        entry = self.tree["accessors"][index]
        array = np.frombuffer(self.view(entry["bufferView"]), _DTYPES[entry["componentType"]])
        array = array.reshape(-1, _WIDTHS[entry["type"]])
        assert len(array) == entry["count"]
        return array

    def mesh(self, name: str = "") -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Corner positions of each triangle [N, 3, 3], vertex normals alike, and other data."""
        (mesh,) = [m for m in self.tree["meshes"] if name in ("", m["name"])]
        (part,) = mesh["primitives"]
        index = self.accessor(part["indices"]).ravel()
        data = {key: self.accessor(i)[index] for key, i in part["attributes"].items()}
        points = data.pop("POSITION").reshape(-1, 3, 3)
        return points, data.pop("NORMAL").reshape(-1, 3, 3), data

    def picture(self) -> np.ndarray:
        (entry,) = self.tree["images"]
        pixels = cv2.imdecode(np.frombuffer(self.view(entry["bufferView"]), np.uint8), -1)
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)


def level(tilemap: Tilemap) -> Level:
    return Level(export_glb(tilemap, "keep")["keep.glb"])


def drawn(tilemap: Tilemap) -> np.ndarray:
    return np.any([layer.gids != 0 for layer in tilemap.layers], axis=0)


@pytest.mark.parametrize("tilemap", MAPS.values(), ids=MAPS)
def test_triangles_wind_counter_clockwise_around_unit_normals(tilemap):
    for data in export_glb(tilemap, "keep").values():
        points, normals, _ = Level(data).mesh()
        cross = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
        np.testing.assert_allclose(np.linalg.norm(normals, axis=2), 1)
        np.testing.assert_allclose(normals, np.repeat(normals[:, :1], 3, axis=1))
        area = np.linalg.norm(cross, axis=1)
        assert (area > 0).all()
        np.testing.assert_allclose(cross / area[:, None], normals[:, 0])


@pytest.mark.parametrize("tilemap", MAPS.values(), ids=MAPS)
def test_only_faces_that_can_be_seen(tilemap):
    walls = tilemap.solid() & drawn(tilemap) & ~tilemap.marked("liquid")
    floor = drawn(tilemap) & ~walls
    points, normals, _ = level(tilemap).mesh()
    up = normals[:, 0, 1] == 1
    centres = points.mean(axis=1)
    assert up.sum() == 2 * (walls.sum() + floor.sum())
    assert (points[up & (centres[:, 1] > 0)][..., 1] == 1).all()
    around = np.pad(walls, 1)
    wanted = 0
    for axis in (0, 1):
        wanted += np.count_nonzero(np.diff(around.astype(np.int8), axis=axis))
    assert (~up).sum() == 2 * wanted


@pytest.mark.parametrize("tilemap", MAPS.values(), ids=MAPS)
def test_seen_from_above_it_is_the_picture_of_the_map(tilemap):
    """Every pixel of every top face, looked up through its uv, is the pixel of the painted map."""
    scene = level(tilemap)
    points, normals, data = scene.mesh()
    uv = data["TEXCOORD_0"].reshape(-1, 3, 2).astype(np.float64)
    atlas, wanted = scene.picture(), tilemap_image(tilemap)
    width, height = tilemap.tile_size
    seen = np.zeros_like(wanted)
    up = normals[:, 0, 1] == 1
    cells = np.floor(points.mean(axis=1)[:, [2, 0]])
    for row, column in np.argwhere(drawn(tilemap)):
        mine = np.flatnonzero(up & (cells == (row, column)).all(axis=1))
        assert len(mine) == 2
        # Three corners give the affine map from metres to texels.
        corner = np.column_stack([points[mine[0]][:, [0, 2]], np.ones(3)])
        affine = np.linalg.solve(corner, uv[mine[0]])
        y, x = np.mgrid[:height, :width]
        metres = np.stack(
            [column + (x + 0.5) / width, row + (y + 0.5) / height, np.ones_like(x)], axis=-1
        )
        texel = np.floor(metres @ affine * atlas.shape[1::-1]).astype(int)
        block = np.s_[row * height : (row + 1) * height, column * width : (column + 1) * width]
        seen[block] = atlas[texel[..., 1], texel[..., 0]]
    np.testing.assert_array_equal(seen, wanted)


@pytest.mark.parametrize("tilemap", MAPS.values(), ids=MAPS)
def test_pictures_stand_upright_on_the_sides_and_are_not_mirrored(tilemap):
    points, normals, data = level(tilemap).mesh()
    uv = data["TEXCOORD_0"].reshape(-1, 3, 2)
    side = normals[:, 0, 1] == 0
    right = np.cross([0.0, 1.0, 0.0], normals[side, 0])  # as seen from outside
    for a, b in ((0, 1), (1, 2), (2, 0)):
        way, texels = points[side, b] - points[side, a], uv[side, b] - uv[side, a]
        np.testing.assert_array_equal(np.sign(way[:, 1]), -np.sign(texels[:, 1]))
        np.testing.assert_array_equal(np.sign((way * right).sum(axis=1)), np.sign(texels[:, 0]))


def test_pixels_stay_sharp_and_holes_open():
    for tilemap, mode in ((samples.tilemap(), "OPAQUE"), (maps.void(), None)):
        tree = level(tilemap).tree
        if mode is None:
            assert "materials" not in tree and "meshes" not in tree
            continue
        assert tree["samplers"][0]["magFilter"] == 9728
        assert tree["materials"][0].get("alphaMode", "OPAQUE") == mode
        assert tree["materials"][0]["pbrMetallicRoughness"]["metallicFactor"] == 0
    holes = maps.flipped()
    holes = Tilemap(holes.tilesets, holes.layers[1:], (), holes.tile_size)
    assert level(holes).tree["materials"][0]["alphaMode"] == "MASK"


def test_objects_are_nodes_on_the_floor():
    tilemap = samples.tilemap()
    nodes = [node for node in level(tilemap).tree["nodes"] if "extras" in node]
    assert len(nodes) == len(tilemap.objects)
    for node, item in zip(nodes, tilemap.objects, strict=True):
        x, y = item.cell
        assert node["name"] == item.name and node["translation"] == [x + 0.5, 0.0, y + 0.5]
        assert node["extras"] == {
            "class": item.cls,
            "id": item.id,
            "cell": [x, y],
            **item.properties,
        }


@pytest.mark.parametrize("tilemap", MAPS.values(), ids=MAPS)
def test_collision_boxes_hold_exactly_the_walls(tilemap):
    scene = Level(export_glb(tilemap, "keep")["keep_collision.glb"])
    points, _, _ = scene.mesh()
    volume = np.einsum("ij,ij->i", points[:, 0], np.cross(points[:, 1], points[:, 2])).sum() / 6
    assert volume == pytest.approx((tilemap.solid() & drawn(tilemap)).sum())
    assert any(node["name"] == "keep-colonly" for node in scene.tree["nodes"])


def test_liquid_stops_walkers_but_is_no_wall():
    image = maps.picture(4, 2, 1)
    set_ = Tileset("lake", image, (8, 8), ({"solid": False}, {"solid": True, "liquid": True}))
    gids = np.array([[1, 2, 1]], dtype=np.uint32)
    files = export_glb(Tilemap((set_,), (TileLayer("ground", gids),), (), (8, 8)), "lake")
    points, normals, _ = Level(files["lake.glb"]).mesh()
    assert len(points) == 6 and (points[..., 1] == 0).all() and (normals[..., 1] == 1).all()
    points, _, _ = Level(files["lake_collision.glb"]).mesh()
    assert (points.min((0, 1)).tolist(), points.max((0, 1)).tolist()) == ([1, 0, 0], [2, 1, 1])


def test_a_map_to_jump_through_stands_upright_and_looks_like_its_picture():
    """Seen from the front, near faces over far ones, it is the painted map, pixel by pixel."""
    tilemap = maps.side_view()
    scene = level(tilemap)
    points, normals, data = scene.mesh()
    uv = data["TEXCOORD_0"].reshape(-1, 3, 2).astype(np.float64)
    atlas, wanted = scene.picture(), tilemap_image(tilemap)
    assert scene.tree["materials"][0]["alphaMode"] == "MASK"
    width, height = tilemap.tile_size
    seen = np.zeros_like(wanted)
    front = np.flatnonzero(normals[:, 0, 2] == 1)
    y, x = np.mgrid[: wanted.shape[0], : wanted.shape[1]]
    metres = np.stack([(x + 0.5) / width, tilemap.height - (y + 0.5) / height, np.ones_like(x)], -1)
    for triangle in front[np.argsort(points[front, 0, 2], kind="stable")]:
        corner = np.column_stack([points[triangle][:, :2], np.ones(3)])
        inside = (metres @ np.linalg.inv(corner) > -1e-9).all(axis=-1)
        texel = metres[inside] @ np.linalg.solve(corner, uv[triangle]) * atlas.shape[1::-1]
        colours = atlas[np.floor(texel[:, 1]).astype(int), np.floor(texel[:, 0]).astype(int)]
        rows, columns = np.nonzero(inside)
        opaque = colours[:, 3] >= 128
        seen[rows[opaque], columns[opaque]] = colours[opaque]
    np.testing.assert_array_equal(
        seen[..., :3][wanted[..., 3] > 0], wanted[..., :3][wanted[..., 3] > 0]
    )
    depth = points[..., 2]
    assert depth.min() == 0 and depth.max() == 1 and points[..., 1].max() == tilemap.height
    walls = tilemap.solid()
    backs = (normals[:, 0, 2] == -1).sum()
    assert backs == 2 * (walls.sum() + tilemap.marked("one_way").sum())


def test_what_is_hidden_between_upright_walls_is_left_out():
    tilemap = maps.side_view()
    points, normals, _ = level(tilemap).mesh()
    walls, boards = tilemap.solid(), tilemap.marked("one_way")
    tall = np.ptp(points[..., 1], axis=1) > 0.5
    sides = (normals[:, 0, 0] != 0) & tall
    around = np.pad(walls, 1).astype(np.int8)
    assert sides.sum() == 2 * np.count_nonzero(np.diff(around, axis=1))
    flat = normals[:, 0, 1] != 0
    wanted = np.count_nonzero(np.diff(around, axis=0)) + 2 * boards.sum()
    assert flat.sum() == 2 * wanted


def test_an_upright_level_has_walls_and_boards_to_stand_on():
    tilemap = maps.side_view()
    scene = Level(export_glb(tilemap, "keep")["keep_collision.glb"])
    names = {node["name"] for node in scene.tree["nodes"]}
    assert {"keep-colonly", "keep_boards-colonly"} <= names
    for name, wanted in (
        ("keep_collision", tilemap.solid().sum()),
        ("keep_boards_collision", 0.25 * tilemap.marked("one_way").sum()),
    ):
        points, _, _ = scene.mesh(name)
        cross = np.cross(points[:, 1], points[:, 2])
        assert np.einsum("ij,ij->i", points[:, 0], cross).sum() / 6 == pytest.approx(wanted)
    (start,) = [n for n in level(tilemap).tree["nodes"] if n.get("name") == "start"]
    assert start["translation"] == [0.5, 2.0, 0.5]


def test_boxes_are_cubes_that_can_be_moved():
    tilemap = maps.boxes()
    scene = level(tilemap)
    nodes = [n for n in scene.tree["nodes"] if n.get("extras", {}).get("class") == "box"]
    assert [n["translation"] for n in nodes] == [[2.5, 0, 1.5], [2.5, 0, 2.5]]
    assert [n["extras"]["id"] for n in nodes] == [2, 3] and "matrix" not in nodes[0]
    (shape,) = {n["mesh"] for n in nodes}
    points, normals, data = scene.mesh(scene.tree["meshes"][shape]["name"])
    assert len(points) == 10
    np.testing.assert_allclose(np.ptp(points.reshape(-1, 3), axis=0), 0.9, rtol=1e-6)
    # All its faces show the crate, and the floor below it shows what lies under the crate.
    atlas, tileset = scene.picture(), tilemap.tilesets[0]

    def picture_of(uv: np.ndarray) -> np.ndarray:
        low, high = uv.min(0) * atlas.shape[1::-1], uv.max(0) * atlas.shape[1::-1]
        (x, y), (right, bottom) = np.rint(low).astype(int), np.rint(high).astype(int)
        return atlas[y:bottom, x:right]

    for uv in data["TEXCOORD_0"].reshape(-1, 6, 2):
        np.testing.assert_array_equal(picture_of(uv), tileset.image[:, 24:32])
    points, normals, data = scene.mesh("keep")
    below = (normals[:, 0, 1] == 1) & (np.floor(points.mean(axis=1)) == (2, 0, 1)).all(axis=1)
    uv = data["TEXCOORD_0"].reshape(-1, 3, 2)[below].reshape(-1, 2)
    np.testing.assert_array_equal(picture_of(uv), tileset.image[:, :8])


def test_a_map_without_tiles_has_no_mesh_and_no_collision():
    assert list(export_glb(maps.void(), "keep")) == ["keep.glb"]


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_merged_rectangles_cover_the_mask_once(mask):
    count = np.zeros(mask.shape, dtype=int)
    boxes = merge_rectangles(mask)
    for x, y, w, h in boxes:
        assert w > 0 and h > 0
        count[y : y + h, x : x + w] += 1
    np.testing.assert_array_equal(count, mask.astype(int))
    assert merge_rectangles(np.ones((5, 7), dtype=bool)) == [(0, 0, 7, 5)]
