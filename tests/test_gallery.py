"""The contact sheets: the script draws them, and the committed ones are small palette pictures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from aigc_assets.pipelines.maps.request import THEMES

FOLDER = Path(__file__).parent.parent / "examples" / "gallery"


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("gallery_make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_theme_has_a_sheet_and_all_are_small(make):
    assert set(make.SHEETS) == set(THEMES)
    for name in (*make.SHEETS, "tiles"):
        data = (FOLDER / f"{name}.png").read_bytes()
        assert len(data) < 150_000
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) >= 400
        assert data[25] == 3  # colour type: palette


def test_a_palette_picture_decodes_to_its_pixels(make):
    picture = np.random.default_rng(1).integers(0, 5, (7, 9, 3)).astype(np.uint8) * 60
    decoded = cv2.imdecode(np.frombuffer(make.encode(picture), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[..., ::-1], picture)
    many = np.stack([*np.mgrid[:20, :20], np.zeros((20, 20))], -1).astype(np.uint8)
    with pytest.raises(ValueError, match="400 colours"):
        make.encode(many)


def test_a_sheet_is_the_same_twice_and_shows_the_maps(make):
    wanted = make.Sheet((10, 9), looks=3, count=3)
    once, again = (make.draw_sheet("dungeon", wanted) for _ in range(2))
    assert np.array_equal(once, again)
    margin, high, wide = make.MARGIN, 9 * 16 + make.CAPTION, 10 * 16
    assert once.shape == (2 * (high + margin) + margin, 2 * (wide + margin) + margin, 3)
