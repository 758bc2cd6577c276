"""Each sprite metric ranks two sheets whose order is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aigc_assets import metrics
from aigc_assets.metrics import sprites
from aigc_assets.types import Frame, SpriteSheet, Tag
from tests import samples


def sheet_of(*pictures: np.ndarray) -> SpriteSheet:
    """One animation ``walk`` of pictures [h, w] of palette indices + 1, 0 = transparent."""
    height, width = pictures[0].shape
    colours = np.concatenate([np.zeros((1, 3), np.uint8), samples.PALETTE])
    index = np.concatenate(pictures, 1)
    image = np.zeros((*index.shape, 4), dtype=np.uint8)
    image[..., :3] = colours[index]
    image[..., 3] = np.where(index > 0, 255, 0)
    frames = tuple(
        Frame((i * width, 0, width, height), 100, (width // 2, height - 1))
        for i in range(len(pictures))
    )
    return SpriteSheet(image, frames, (Tag("walk", 0, len(pictures)),), samples.PALETTE)


def block(shift: int = 0, colour: int = 3, low: int = 11) -> np.ndarray:
    picture = np.zeros((12, 12), dtype=int)
    picture[3 : low + 1, 2 + shift : 6 + shift] = colour
    return picture


def broken(sheet: SpriteSheet, **pixels: tuple[int, int, int, int]) -> SpriteSheet:
    """A copy of a sheet with damage that the type itself would refuse."""
    image = sheet.image.copy()
    for i, value in enumerate(pixels.values()):
        image[0, i] = value
    copy = object.__new__(SpriteSheet)
    for field in dataclasses.fields(sheet):
        object.__setattr__(copy, field.name, getattr(sheet, field.name))
    object.__setattr__(copy, "image", image)
    return copy


def test_palette_leaks_counts_pixels() -> None:
    sheet = sheet_of(block(colour=3))
    assert sprites.palette_leaks(sheet, samples.PALETTE) == 0
    assert sprites.palette_leaks(sheet, samples.PALETTE[3:]) == (block() > 0).sum()


def test_alpha_errors_counts_half_and_hidden_pixels() -> None:
    sheet = sheet_of(block())
    assert sprites.alpha_errors(sheet) == 0
    assert sprites.alpha_errors(broken(sheet, half=(9, 9, 9, 128), hidden=(1, 0, 0, 0))) == 2


def test_stray_pixels_sees_specks_and_not_the_figure() -> None:
    clean, dirty = block(), block()
    dirty[0, 0] = dirty[0, 10] = 1
    assert sprites.stray_pixels(sheet_of(clean, clean)) == 0
    assert sprites.stray_pixels(sheet_of(clean, dirty)) == 1  # two pixels over two frames


def test_lone_colours_ranks_noise_above_flat_colour() -> None:
    noise = np.where(block() > 0, np.random.default_rng(0).integers(1, 7, (12, 12)), 0)
    assert sprites.lone_colours(sheet_of(block())) == 0
    assert 0 < sprites.lone_colours(sheet_of(noise)) <= 1


def test_loop_seam_ranks_a_closed_loop_below_a_jump() -> None:
    closed = sheet_of(block(0), block(1), block(2), block(1))
    jump = sheet_of(block(0), block(1), block(2), block(3), block(4))
    assert sprites.loop_seam(closed, "walk") == pytest.approx(1)
    assert sprites.loop_seam(jump, "walk") > 2
    assert sprites.loop_seam(sheet_of(block()), "walk") == 0
    assert sprites.loop_seam(sheet_of(block(), block()), "walk") == 0


def test_foreign_colours_counts_colours_of_later_frames() -> None:
    assert sprites.foreign_colours(sheet_of(block(), block(1))) == 0
    assert sprites.foreign_colours(sheet_of(block(), block(1, colour=4))) == 1


def test_feet_off_pivot_measures_the_gap() -> None:
    assert sprites.feet_off_pivot(sheet_of(block(), block()), "walk") == 0
    assert sprites.feet_off_pivot(sheet_of(block(), block(low=7)), "walk") == 2
    assert sprites.feet_off_pivot(sheet_of(block() * 0), "walk") == 12


def test_metrics_are_in_the_table() -> None:
    for name in ("palette_leaks", "loop_seam", "feet_off_pivot", "stray_pixels"):
        assert metrics.METRICS[name] == ("aigc_assets.metrics.sprites", name)
