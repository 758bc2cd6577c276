"""Characters in space: the quads of billboards, the solids of voxels."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.exporters import export_asset
from aigc_assets.exporters.animation import playing_order
from aigc_assets.exporters.sprite_billboard import PX_PER_METRE
from aigc_assets.exporters.sprite_voxels import THICKEST, half_depth
from aigc_assets.types import Frame, SpriteSheet
from tests import samples
from tests.exporters.test_readers import node, run_node
from tests.exporters.test_sprite_formats import mixed

__all__ = ["node"]  # a fixture

SHEETS = {"mira": samples.sheet(), "mixed": mixed()}


def parse(glb: bytes) -> tuple[Any, bytes]:
    magic, version, length = struct.unpack_from("<4sII", glb)
    assert (magic, version, length) == (b"glTF", 2, len(glb))
    size = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


def values(tree: Any, binary: bytes, accessor: int) -> np.ndarray:
    entry = tree["accessors"][accessor]
    view = tree["bufferViews"][entry["bufferView"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[entry["type"]]
    kind = {5125: "<u4", 5126: "<f4"}[entry["componentType"]]
    flat = np.frombuffer(binary, kind, entry["count"] * width, view["byteOffset"])
    return flat.reshape(-1, width)


def triangles(tree: Any, binary: bytes, mesh: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners [T, 3, 3] in px, normals [T, 3] and uv [T, 3, 2] of all triangles."""
    (part,) = tree["meshes"][mesh]["primitives"]
    order = values(tree, binary, part["indices"])[:, 0].reshape(-1, 3)
    place = {k: values(tree, binary, a)[order] for k, a in part["attributes"].items()}
    return place["POSITION"] * PX_PER_METRE, place["NORMAL"][:, 0], place["TEXCOORD_0"]


@pytest.mark.parametrize("name", SHEETS)
def test_a_billboard_shows_one_frame_at_a_time(name):
    sheet = SHEETS[name]
    (data,) = export_asset(sheet, name, "billboard").values()
    tree, binary = parse(data)
    names = [node.get("name") for node in tree["nodes"]]
    assert [a["name"] for a in tree["animations"]] == [tag.name for tag in sheet.tags]
    at_rest = {n: tuple(node.get("scale", (1, 1, 1))) for n, node in enumerate(tree["nodes"])}
    for tag, animation in zip(sheet.tags, tree["animations"], strict=True):
        times = values(tree, binary, animation["samplers"][0]["input"])[:, 0]
        for step, index in enumerate(playing_order(tag)):
            wanted = sum(sheet.frames[i].duration_ms for i in playing_order(tag)[:step]) / 1000
            assert times[step] == pytest.approx(wanted, abs=1e-6)
            scales = dict(at_rest)
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                assert (sampler["interpolation"], channel["target"]["path"]) == ("STEP", "scale")
                on = values(tree, binary, sampler["output"])[step]
                scales[channel["target"]["node"]] = tuple(on)
            seen = [n for n, scale in scales.items() if "mesh" in tree["nodes"][n] and any(scale)]
            (shown,) = seen
            frame = int(names[shown].removeprefix(f"{name}_"))
            np.testing.assert_array_equal(sheet.frame_image(frame), sheet.frame_image(index))
            check_quad(sheet, index, *triangles(tree, binary, tree["nodes"][shown]["mesh"]))
        assert times[-1] * 1000 == pytest.approx(
            sum(sheet.frames[i].duration_ms for i in playing_order(tag)), abs=1e-3
        )


def check_quad(sheet, index, corners, normals, uv):
    frame = sheet.frames[index]
    left, top = corners[..., 0].min(), corners[..., 1].max()
    np.testing.assert_allclose((-left, top), frame.pivot, atol=1e-4)
    np.testing.assert_allclose(normals, [[0, 0, 1]] * 2)
    # What lies at a corner of the quad is what lies at that corner of the frame in the sheet.
    height, width = (1 << (side - 1).bit_length() for side in sheet.image.shape[:2])
    shown = uv * (width, height) - (corners[..., :2] - (left, top)) * (1, -1)
    x, y = shown[0, 0]
    picture = sheet.image[round(y) : round(y) + frame.rect[3], round(x) : round(x) + frame.rect[2]]
    np.testing.assert_array_equal(picture, sheet.frame_image(index))
    np.testing.assert_allclose(shown.reshape(-1, 2), [(x, y)] * 6, atol=1e-3)


@st.composite
def pictures(draw) -> SpriteSheet:
    side = draw(st.integers(1, 9))
    codes = draw(hnp.arrays(np.int64, (side, side), elements=st.integers(-2, 5)))
    image = np.zeros((side, side, 4), dtype=np.uint8)
    image[codes >= 0] = np.stack([samples.rgba(i) for i in range(6)])[codes[codes >= 0]]
    pivot = (draw(st.integers(0, side)), draw(st.integers(0, side)))
    return SpriteSheet(image, (Frame((0, 0, side, side), 100, pivot),), (), samples.PALETTE)


@settings(deadline=None)
@given(pictures())
def test_voxels_are_the_solid_of_their_pixels(sheet):
    tree, binary = parse(export_asset(sheet, "x", "voxels")["x_voxels.glb"])
    mask = sheet.image[..., 3] > 0
    if not mask.any():
        assert "meshes" not in tree
        return
    corners, normals, uv = triangles(tree, binary, 0)
    depth = half_depth(mask)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    np.testing.assert_allclose(cross / area[:, None], normals, atol=1e-4)
    # Gauss: a closed surface with outward normals encloses the volume of all cubes.
    volume = (corners[:, 0] * cross).sum() / 6
    assert volume == pytest.approx(2 * depth.sum(), rel=1e-4)
    # Looking at the front, every pixel is seen once, in its colour, at its depth.
    facing = normals[:, 2] > 0
    assert area[facing].sum() / 2 == pytest.approx(mask.sum())
    colours = np.unique(sheet.image[mask][:, :3], axis=0)
    strip = 1 << (len(colours) - 1).bit_length()
    x0, y0 = sheet.frames[0].pivot
    for triangle, texture in zip(corners[facing], uv[facing], strict=True):
        middle = triangle.mean(axis=0)
        x, y = int(np.floor(middle[0] + x0)), int(np.floor(y0 - middle[1]))
        assert round(middle[2]) == depth[y, x]
        shown = colours[int(texture[0, 0] * strip)]
        np.testing.assert_array_equal(shown, sheet.image[y, x, :3])


def test_the_back_of_the_solid_is_the_figure_seen_from_behind():
    sheet = samples.sheet()
    image = sheet.image.copy()
    image[16 + 9 : 16 + 12, 4:6] = samples.rgba(5)  # idle_up: a mark on its left
    marked = SpriteSheet(image, sheet.frames, sheet.tags, sheet.palette)
    tree, binary = parse(export_asset(marked, "x", "voxels")["x_voxels.glb"])
    corners, normals, uv = triangles(tree, binary, 0)
    first = sheet.frame_image(0)
    colours = np.unique(first[first[..., 3] > 0][:, :3], axis=0)
    light = int(np.flatnonzero((colours == samples.PALETTE[5]).all(axis=1))[0])
    mark = np.floor(uv[:, 0, 0] * (1 << (len(colours) - 1).bit_length())).astype(int) == light
    mark &= corners[..., 1].max(axis=1) <= 15 - 9
    assert not (mark & (normals[:, 2] > 0)).any()
    # What is left from behind is right from the front: columns 10 and 11 of 16.
    behind = corners[mark & (normals[:, 2] < 0)]
    assert (behind[..., 0].min(), behind[..., 0].max()) == (2, 4)
    assert (behind[..., 1].min(), behind[..., 1].max()) == (15 - 12, 15 - 9)


def test_a_solid_is_thicker_in_the_middle():
    depth = half_depth(np.ones((15, 15), dtype=bool))
    assert depth[0].max() == 1 and depth[7, 7] == THICKEST
    assert (np.diff(depth[7, :8]) >= 0).all() and (depth[:, ::-1] == depth).all()


@pytest.mark.external
def test_the_khronos_validator_accepts_them(tmp_path, node):
    paths = []
    for name, sheet in SHEETS.items():
        for fmt in ("billboard", "voxels"):
            for file, data in export_asset(sheet, name, fmt).items():
                (tmp_path / file).write_bytes(data)
                paths.append(str(tmp_path / file))
    for report in run_node(node, "validate_gltf.js", *paths):
        assert report["issues"]["messages"] == []
