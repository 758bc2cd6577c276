"""The contact sheets: the script draws them, and the committed ones are small palette pictures."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from aigc_assets import World
from aigc_assets.pipelines.characters.request import TIERS
from aigc_assets.pipelines.maps.request import THEMES

FOLDER = Path(__file__).parent.parent / "examples" / "gallery"


@pytest.fixture(scope="module")
def gallery():
    """The scripts as they see each other when ``make.py`` is run."""
    names = ("make", "maps", "characters", "picture")
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(str(FOLDER))
        for name in names:
            sys.modules.pop(name, None)


def test_every_theme_and_class_has_a_sheet_and_all_are_small(gallery):
    assert set(gallery.maps.SHEETS) == set(THEMES)
    casts = gallery.characters.SHEETS.values()
    shown = {(cast.size, cast.kind) for cast in casts}
    assert shown == set(TIERS)
    for name in gallery.make.SHEETS:
        data = (FOLDER / f"{name}.png").read_bytes()
        assert len(data) < 150_000
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) >= (200 if name in gallery.characters.SHEETS else 400)
        assert data[25] == 3  # colour type: palette


def test_a_palette_picture_decodes_to_its_pixels(gallery):
    picture = np.random.default_rng(1).integers(0, 5, (7, 9, 3)).astype(np.uint8) * 60
    decoded = cv2.imdecode(
        np.frombuffer(gallery.picture.encode(picture), np.uint8), cv2.IMREAD_COLOR
    )
    assert np.array_equal(decoded[..., ::-1], picture)
    many = np.stack([*np.mgrid[:20, :20], np.zeros((20, 20))], -1).astype(np.uint8)
    with pytest.raises(ValueError, match="400 colours"):
        gallery.picture.encode(many)


def test_a_sheet_is_the_same_twice_and_shows_the_maps(gallery):
    wanted = gallery.maps.Sheet((10, 9), looks=3, count=3)
    once, again = (gallery.maps.draw_sheet("dungeon", wanted) for _ in range(2))
    assert np.array_equal(once, again)
    margin, high, wide = gallery.picture.MARGIN, 9 * 16 + gallery.picture.CAPTION, 10 * 16
    assert once.shape == (2 * (high + margin) + margin, 2 * (wide + margin) + margin, 3)


def test_a_panel_shows_the_frames_that_it_names(gallery):
    world = World(seed=1, palette=24)
    sheet = world.character("a", "green cloak", size=64, kind="person", animations=("idle",))
    cast = gallery.characters.Cast(64, "person", (), (("idle_down", 0), ("idle_left", 1)), 2, 1)
    panel = gallery.characters.draw_panel(sheet, "green cloak", cast)
    assert panel.shape == (128 + gallery.picture.CAPTION, 256, 3)
    frame = sheet.frame_image(sheet.tag("idle_left").start + 1)
    shown = panel[:128:2, 128:256:2]
    opaque = frame[..., 3] > 0
    assert np.array_equal(shown[opaque], frame[..., :3][opaque])
    assert (shown[~opaque] == gallery.picture.BOARD).all()
