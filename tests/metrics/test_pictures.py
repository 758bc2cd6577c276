"""Colour words and hand-made features see what people see in a picture."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.metrics.colour_words import COLOURS, colour_of, colour_shares
from aigc_assets.metrics.distributions import frechet_distance
from aigc_assets.metrics.picture_features import FEATURES, picture_features
from tests.metrics.test_likeness import drawing


@pytest.mark.parametrize(
    ("word", "rgb"),
    [
        ("black", (15, 12, 20)), ("grey", (128, 128, 130)), ("white", (250, 248, 240)),
        ("red", (200, 30, 30)), ("red", (123, 32, 8)), ("orange", (240, 140, 30)),
        ("brown", (110, 70, 40)), ("yellow", (240, 220, 60)), ("green", (50, 130, 50)),
        ("green", (140, 200, 90)), ("blue", (50, 80, 160)), ("purple", (110, 50, 150)),
        ("pink", (250, 170, 190)),
    ],
)  # fmt: skip
def test_colour_words(word: str, rgb: tuple[int, int, int]) -> None:
    assert COLOURS[int(colour_of(np.array(rgb, np.uint8)))] == word


def test_colour_shares_look_at_drawn_pixels_only() -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:4, :4] = (50, 130, 50, 255)
    picture[4:6, :2] = (200, 30, 30, 255)
    shares = colour_shares(picture)
    assert shares["green"] == 0.8
    assert shares["red"] == pytest.approx(0.2)
    assert sum(shares.values()) == pytest.approx(1)
    assert sum(colour_shares(np.zeros((8, 8, 4), np.uint8)).values()) == 0


def test_features_rank_pictures_by_damage() -> None:
    """Pixels exchanged at random move a set away, the more the further."""
    real = np.stack([drawing(i) for i in range(80)])
    other = picture_features(np.stack([drawing(i) for i in range(200, 280)]))
    random = np.random.Generator(np.random.Philox(0))

    def spoilt(share: float) -> np.ndarray:
        where = random.random(real.shape[:3]) < share
        noise = random.integers(0, 256, real.shape, dtype=np.uint8)
        noise[..., 3] = 255
        return picture_features(np.where(where[..., None], noise, real))

    found = [frechet_distance(x, other) for x in (picture_features(real), spoilt(0.1), spoilt(1))]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_features_of_any_size(side: int) -> None:
    pictures = np.zeros((3, side, side, 4), np.uint8)
    pictures[1, 2:5, 2:5] = (200, 30, 30, 255)
    pictures[2] = 255
    features = picture_features(pictures)
    assert features.shape == (3, FEATURES)
    assert np.isfinite(features).all()
    assert np.abs(features).max() < 8
