"""Hand-made features of small pictures: edges, colours, outline; an embedding nobody trained."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_CELLS = 4
_ANGLES = 8
_HUES = 8
_OUTLINE = 6
FEATURES = _CELLS**2 * _ANGLES + (_HUES + 1) * 3 + _OUTLINE**2 + 14
"""Length of a row of `picture_features`."""


def picture_features(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Features [N, 205] of pictures [N, S, S, 4] with S >= 8, each roughly in 0..1.

    Histograms of gradient directions in 4 x 4 cells, of lightness by hue, the outline on a 6 x 6
    grid, and numbers of the figure: area, place, spread, lean, symmetry, roughness of the outline,
    count of colours, share of pixels unlike all their neighbours, mean and contrast of lightness.

    References:
        Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection" (CVPR 2005).
    """
    return (
        np.stack([_features(picture) for picture in pictures])
        if len(pictures)
        else np.zeros((0, FEATURES))
    )


def _features(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    drawn = picture[..., 3] >= 128
    value = picture[..., :3].astype(np.float32) / 255
    lab = cv2.cvtColor(np.ascontiguousarray(value), cv2.COLOR_RGB2Lab).astype(np.float32)
    light = np.where(drawn, lab[..., 0] / 100, 0.5).astype(np.float64)
    return np.concatenate(
        [
            _directions(light),
            _colours(lab[drawn]),
            cv2.resize(drawn.astype(np.float32), (_OUTLINE, _OUTLINE), interpolation=cv2.INTER_AREA)
            .ravel()
            .astype(np.float64),
            _figure(picture, drawn, light),
        ]
    )


def _directions(light: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(light, 1, mode="edge")
    dx = padded[1:-1, 2:] - padded[1:-1, :-2]
    dy = padded[2:, 1:-1] - padded[:-2, 1:-1]
    angle = (np.arctan2(dy, dx) % np.pi) / np.pi * _ANGLES
    which = angle.astype(int) % _ANGLES
    cell = np.arange(len(light)) * _CELLS // len(light)
    bins = (cell[:, None] * _CELLS + cell[None]) * _ANGLES + which
    total = np.bincount(bins.ravel(), np.hypot(dx, dy).ravel(), minlength=_CELLS**2 * _ANGLES)
    root: NDArray[np.float64] = np.sqrt(total / (total.sum() + 1e-6))
    return root


def _colours(lab: NDArray[np.float32]) -> NDArray[np.float64]:
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = (np.arctan2(lab[:, 2], lab[:, 1]) / (2 * np.pi) * _HUES).astype(int) % _HUES
    third = np.clip(lab[:, 0] / 100 * 3, 0, 2.99).astype(int)
    bins = np.where(chroma < 10, _HUES, hue) * 3 + third
    count = np.bincount(bins, minlength=(_HUES + 1) * 3)
    root: NDArray[np.float64] = np.sqrt(count / max(1, len(lab)))
    return root


def _figure(
    picture: NDArray[np.uint8], drawn: NDArray[np.bool_], light: NDArray[np.float64]
) -> NDArray[np.float64]:
    size, area = len(drawn), int(drawn.sum())
    if area == 0:
        return np.zeros(14)
    rows, columns = np.nonzero(drawn)
    x, y = columns / size, rows / size
    spread = np.cov(np.stack([x, y])) if area > 1 else np.zeros((2, 2))
    padded = np.pad(drawn, 1)
    edge = drawn & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    crop = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    wide = picture[..., :3].astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]) + 1
    value = np.pad(np.where(drawn, wide, 0), 1)
    alike = np.zeros_like(drawn)
    for shift_y, shift_x in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        alike |= np.roll(value, (shift_y, shift_x), (0, 1))[1:-1, 1:-1] == value[1:-1, 1:-1]
    tones = light[drawn]
    return np.array(
        [
            area / size**2, x.mean(), y.mean(), 4 * np.sqrt(spread[0, 0]),
            4 * np.sqrt(spread[1, 1]), 16 * spread[0, 1], width / size, height / size,
            (crop & crop[:, ::-1]).sum() / crop.sum(), edge.sum() / area,
            np.log2(len(np.unique(wide[drawn]))) / 6, (drawn & ~alike).sum() / area,
            tones.mean(), 2 * tones.std(),
        ]
    )  # fmt: skip
