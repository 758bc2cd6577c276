"""Which frames of an animation are drawings of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_FRAMES = 256
"""Frames of a file that are looked at."""
LARGEST = 64
"""Of larger figures, which nothing learns, the first frame stands for all."""
_ALIKE = 0.5
"""Share of equal pixels from which two frames are of one pose."""


def own_frames(frames: NDArray[np.uint8], starts: Sequence[int] = ()) -> list[int]:
    """Numbers of the frames that are learnt from: the first, and those that show other poses.

    Args:
        frames: [F, H, W, 4], what is not drawn is all zero.
        starts: First frames of tags, which alone are looked at where there are any.
    """
    looked_at = sorted(set(starts)) or list(range(len(frames)))
    kept: list[int] = []
    views: list[NDArray[np.uint8]] = []
    for number in looked_at[:MOST_FRAMES]:
        figure = _figure(frames[number])
        if not figure.size:
            continue
        if max(figure.shape[:2]) > LARGEST:
            return kept or [number]
        view = _grounded(figure)
        if not any(_agreement(view, other) >= _ALIKE for other in views):
            kept.append(number)
            views.append(view)
    return kept or looked_at[:1]


def _figure(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    solid = frame[..., 3] >= 128
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if not len(rows):
        return frame[:0]
    return frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _grounded(figure: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In the middle of the ground line of a frame with a rim of one pixel."""
    side = LARGEST + 2
    canvas = np.zeros((side, side, 4), np.uint8)
    height, width = figure.shape[:2]
    left = (side - width) // 2
    canvas[side - 1 - height : side - 1, left : left + width] = figure
    return canvas


def _agreement(view: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Share of the drawn pixels that agree at the best shift of a pixel."""
    best = 0.0
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            moved = np.roll(other, (down, right), (0, 1))
            either = (view[..., 3] >= 128) | (moved[..., 3] >= 128)
            best = max(best, float((view == moved).all(-1)[either].mean()))
    return best
