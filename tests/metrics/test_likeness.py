"""Copies are found through flips, shifts and recolours; other drawings are not taken for copies."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.metrics.likeness import CopyIndex, copy_share, tone_codes

SIDE = 24


def drawing(seed: int) -> np.ndarray:
    """A random creature of five colours, [24, 24, 4], away from the edge."""
    random = np.random.Generator(np.random.Philox(seed))
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    for _ in range(9):
        y, x = random.integers(3, 14, 2)
        h, w = random.integers(2, 8, 2)
        colour = (*random.integers(0, 256, 3), 255)
        picture[y : y + h, x : x + w] = colour
    return picture


def recoloured(picture: np.ndarray, table: dict[tuple[int, ...], tuple[int, ...]]) -> np.ndarray:
    out = picture.copy()
    for old, new in table.items():
        out[(picture == (*old, 255)).all(-1)] = (*new, 255)
    return out


@pytest.fixture(scope="module")
def known() -> tuple[CopyIndex, np.ndarray]:
    pictures = np.stack([drawing(i) for i in range(30)])
    return CopyIndex(tone_codes(pictures), [f"creature {i}" for i in range(30)]), pictures


def colours_of(picture: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(c) for c in np.unique(picture[picture[..., 3] > 0][:, :3], axis=0).tolist()]


def test_finds_copies(known) -> None:
    index, pictures = known
    original = pictures[17]
    light_to_dark = sorted(colours_of(original), key=lambda c: c @ np.array([299, 587, 114]))
    greys = {c: (20 + 25 * i,) * 3 for i, c in enumerate(light_to_dark)}
    turned = {c: (20 + 25 * i,) * 3 for i, c in enumerate(light_to_dark[::-1])}
    merged = {light_to_dark[1]: light_to_dark[2]}
    same = [
        original,
        original[:, ::-1],
        np.roll(original, (2, -1), (0, 1)),
        recoloured(original, greys),
        np.roll(recoloured(original, greys)[:, ::-1], -2, 1),
    ]
    distance, found = index.nearest(np.stack(same))
    assert found.tolist() == [17] * 5
    assert distance == pytest.approx(0, abs=1e-9)
    # Where light and dark change places or shades merge, levels move: nearly the same drawing.
    distance, found = index.nearest(
        np.stack([recoloured(original, turned), recoloured(original, merged)])
    )
    assert found.tolist() == [17, 17]
    assert (distance < 0.2).all()


def test_ranks_touched_up_copies_before_other_drawings(known) -> None:
    index, pictures = known
    random = np.random.Generator(np.random.Philox(1))
    touched = pictures[:10].copy()
    for picture in touched:
        drawn = np.argwhere(picture[..., 3] > 0)
        for y, x in drawn[random.choice(len(drawn), 12, replace=False)]:
            picture[y, x] = (255, 255, 255, 255)
    others = np.stack([drawing(i) for i in range(100, 110)])
    near, found = index.nearest(touched)
    far, _ = index.nearest(others)
    assert found.tolist() == list(range(10))
    assert near.max() < far.min()
    assert copy_share(np.concatenate([near, far]), (near.max() + far.min()) / 2) == 0.5


def test_an_empty_picture_is_like_nothing(known) -> None:
    distance, _ = known[0].nearest(np.zeros((1, SIDE, SIDE, 4), np.uint8))
    assert distance[0] == 1


def test_levels_follow_the_area_of_colours() -> None:
    picture = np.zeros((1, 8, 8, 4), np.uint8)
    picture[..., 3] = 255
    picture[0, :, :2, :3], picture[0, :, 2:4, :3] = 10, 60
    picture[0, :, 4:6, :3], picture[0, :, 6:, :3] = 120, 250
    picture[0, 0, :, 3] = 0
    codes = tone_codes(picture)[0]
    assert codes[0].tolist() == [0] * 8
    assert codes[1].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_refuses_what_does_not_fit(known) -> None:
    with pytest.raises(ValueError, match="24"):
        known[0].nearest(np.zeros((1, 16, 16, 4), np.uint8))
    with pytest.raises(ValueError, match="names"):
        CopyIndex(np.zeros((2, 8, 8), np.uint8), ["one"])
