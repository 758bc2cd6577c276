"""Motion, flicker and recognition rank animations whose order is known."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.metrics import animations
from tests.metrics.test_character_sprites import block, sheet_of


def figure(bob: int = 0, noise: int = 0, step: int = 0) -> np.ndarray:
    """A body with a head of two colours that moves as a whole, and legs that walk."""
    picture = np.zeros((24, 16), dtype=int)
    picture[3 + bob : 9 + bob, 5:11] = 2
    picture[5 + bob : 7 + bob, 6:9] = 4
    picture[9 + bob : 18, 6:10] = 3
    picture[18:22, 5 + step : 7 + step] = 5
    random = np.random.Generator(np.random.Philox(noise))
    for y, x in zip(random.integers(3, 9, noise), random.integers(5, 11, noise), strict=True):
        picture[y + bob, x] = 1 + (picture[y + bob, x] % 6)
    return picture


def test_motion_of_still_and_moving_figures() -> None:
    still = sheet_of(figure(), figure(), figure())
    walking = sheet_of(figure(), figure(step=2), figure(step=4))
    jumping = sheet_of(block(0), block(5), block(0))
    found = [animations.motion(s, "walk") for s in (still, walking, jumping)]
    assert found[0] == 0
    assert found[0] < found[1] < found[2] <= 1


def test_a_head_that_bobs_does_not_flicker() -> None:
    steady = sheet_of(figure(0), figure(1, step=2), figure(2), figure(1, step=1))
    restless = sheet_of(figure(0), figure(1, noise=4), figure(2), figure(1, noise=5))
    boiling = sheet_of(*(figure(i % 2, noise=12 + i) for i in range(4)))
    found = [animations.head_flicker(s, "walk") for s in (steady, restless, boiling)]
    assert found[0] == 0
    assert found[0] < found[1] < found[2] <= 1


def test_a_single_frame_is_steady() -> None:
    assert animations.head_flicker(sheet_of(figure()), "walk") == 0
    with pytest.raises(KeyError):
        animations.motion(sheet_of(figure()), "jump")


def test_confusion_counts_and_share() -> None:
    table = animations.confusion([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], 3)
    assert table.tolist() == [[3, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert animations.recognised(table) == pytest.approx((0.75 + 1) / 2)
