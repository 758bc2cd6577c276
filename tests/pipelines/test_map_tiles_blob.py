"""Tiles of a blob set fit each other: each tile knows of the whole map what it has to know."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles.blob import (
    BLOB,
    BLOB_INDEX,
    TILE,
    E,
    N,
    S,
    W,
    blob_distances,
    neighbour_masks,
    rounded,
)
from aigc_assets.pipelines.maps.tiles.masonry import FACE
from aigc_assets.pipelines.maps.tiles.sheet import Inks, smooth_noise
from aigc_assets.pipelines.palettes import make_palette, to_oklab


def brute_distances(opened: np.ndarray, reach: int) -> np.ndarray:
    """Distance of every pixel of a whole map from the nearest open one."""
    result = np.full(opened.shape, reach + 1.0)
    padded = np.pad(opened, reach)
    height, width = opened.shape
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            length = np.hypot(dy - reach, dx - reach)
            if length <= reach:
                there = padded[dy : dy + height, dx : dx + width]
                result[there & (result > length)] = length
    return result


@pytest.mark.parametrize("face", [TILE, FACE])
@pytest.mark.parametrize("seed", range(4))
def test_tiles_laid_side_by_side_show_the_distances_of_the_whole_map(face, seed):
    same = generator(seed).random((12, 14)) < (0.4, 0.6, 0.75, 0.9)[seed]
    same[[0, -1]] = same[:, [0, -1]] = True
    opened = np.kron(~same, np.ones((TILE, TILE), dtype=bool))
    if face < TILE:  # the front of a wall above open ground
        front = same & np.roll(~same, -1, 0)
        rows = (np.arange(TILE) >= face)[:, None] & np.ones((1, TILE), dtype=bool)
        opened |= np.kron(front, rows)
    whole = brute_distances(opened, 8)
    tiles = blob_distances(face)[BLOB_INDEX[neighbour_masks(same)]]
    laid = tiles.transpose(0, 2, 1, 3).reshape(opened.shape)
    inside = np.kron(same, np.ones((TILE, TILE), dtype=bool))
    if face < TILE:
        inside &= ~opened
        # A face of the cell below begins seven rows away: that far a tile does not see.
        laid, whole = np.minimum(laid, FACE), np.minimum(whole, FACE)
    assert np.array_equal(laid[inside], whole[inside])


def test_all_masks_occur():
    same = generator(5).random((120, 120)) < 0.7
    assert set(BLOB_INDEX[neighbour_masks(same)].flat) == set(range(len(BLOB)))


def test_corners_are_cut_only_where_both_sides_are_open():
    cut = rounded(5)
    for tile, mask in zip(cut, BLOB, strict=True):
        corners = {(0, 0): N | W, (0, -1): N | E, (-1, 0): S | W, (-1, -1): S | E}
        for place, sides in corners.items():
            assert tile[place] == (not mask & sides), mask
        assert not tile[5:11].any()
        assert not tile[:, 5:11].any()


def test_smooth_noise_repeats_without_a_seam():
    noise = smooth_noise(generator(3).random((16, 16)), 2)
    assert noise.min() == 0
    assert noise.max() == 1
    steps = np.abs(np.diff(noise, axis=1))
    seam = np.abs(noise[:, 0] - noise[:, -1])
    assert seam.max() <= steps.max() * 1.5


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_ramps_rise_and_unlike_inks_differ(size):
    palette = make_palette(size, 3)
    named = {"a": (60, 60, 70), "b": (90, 90, 100), "c": (150, 150, 160), "d": (92, 92, 100)}
    inks = Inks(palette, named, (("a", "b", "c"), ("d",)), {"d": ("b",)})
    light = to_oklab(palette)[:, 0]
    assert light[inks["a"]] <= light[inks["b"]] <= light[inks["c"]]
    assert light[inks["c"]] - light[inks["a"]] > 0.06
    assert inks["d"] != inks["b"]
