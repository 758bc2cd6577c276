"""Aseprite JSON and PNG."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.exporters.aseprite_json import export_aseprite
from aigc_assets.exporters.png import encode_png, export_png, extrude
from aigc_assets.exporters.raster import tilemap_image
from aigc_assets.types import Frame, SpriteSheet, Tag
from tests import samples


def mixed() -> SpriteSheet:
    """Frames of different sizes, durations and pivots; one tag of each direction."""
    image = np.zeros((16, 40, 4), dtype=np.uint8)
    image[2:14, 1:39] = samples.rgba(2)
    frames = (
        Frame((0, 0, 16, 16), 100, (8, 15)),
        Frame((16, 0, 16, 16), 150, (8, 15)),
        Frame((32, 2, 8, 12), 80, (4, 11)),
    )
    tags = (
        Tag("walk_down", 0, 3, "pingpong"),
        Tag("attack_left", 1, 3, "reverse"),
        Tag("idle", 0, 1),
    )
    return SpriteSheet(image, frames, tags, samples.PALETTE)


@pytest.mark.parametrize("sheet", [samples.sheet(), mixed()])
def test_aseprite_frames_tags_and_pivots(sheet):
    files = export_aseprite(sheet, "mira")
    document = json.loads(files["mira.json"])
    assert list(document["frames"]) == [str(i) for i in range(len(sheet.frames))]
    for entry, frame in zip(document["frames"].values(), sheet.frames, strict=True):
        x, y, w, h = frame.rect
        assert entry == {
            "frame": {"x": x, "y": y, "w": w, "h": h},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": w, "h": h},
            "sourceSize": {"w": w, "h": h},
            "duration": frame.duration_ms,
        }
    meta = document["meta"]
    assert meta["image"] == "mira.png" and meta["image"] in files
    assert meta["size"] == {"w": sheet.image.shape[1], "h": sheet.image.shape[0]}
    assert (meta["format"], meta["scale"]) == ("RGBA8888", "1")
    for entry, tag in zip(meta["frameTags"], sheet.tags, strict=True):
        assert (entry["name"], entry["from"], entry["to"]) == (tag.name, tag.start, tag.stop - 1)
        assert entry["direction"] == tag.direction
    (pivot,) = meta["slices"]
    for index, frame in enumerate(sheet.frames):
        (key,) = [k for k in pivot["keys"] if k["frame"] <= index][-1:]
        assert (key["pivot"]["x"], key["pivot"]["y"]) == frame.pivot
        assert (key["bounds"]["w"], key["bounds"]["h"]) == frame.rect[2:]


def test_png_of_a_map_is_its_picture_and_of_a_sheet_the_sheet():
    tilemap, sheet = samples.tilemap(), samples.sheet()
    pixels = decode(export_png(tilemap, "keep")["keep.png"])
    np.testing.assert_array_equal(pixels, tilemap_image(tilemap))
    np.testing.assert_array_equal(decode(export_png(sheet, "mira")["mira.png"]), sheet.image)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([3, 4])))
)
def test_png_loses_nothing(image):
    np.testing.assert_array_equal(decode(encode_png(image)), image)


def test_extrude_of_two_tiles():
    image = np.arange(2 * 4, dtype=np.uint8).reshape(2, 4, 1).repeat(4, axis=2)
    wanted = [[0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 2, 2, 3, 3],
              [4, 4, 5, 5, 6, 6, 7, 7], [4, 4, 5, 5, 6, 6, 7, 7]]  # fmt: skip
    np.testing.assert_array_equal(extrude(image, (2, 2))[..., 0], wanted)


def decode(png: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)
