"""How an animation moves: how much, how steadily, and whether others read it as what it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aigc_assets.types import SpriteSheet

HEAD = 0.4
"""Share of a figure's height, from the top, that counts as its head."""
_REACH = 3


def motion(sheet: SpriteSheet, tag: str) -> float:
    """Share of the drawn pixels that change from one frame to the next, 0..1; 0 stands still.

    The step from the last frame to the first counts as well.

    Raises:
        KeyError: If there is no such tag.
    """
    frames = _frames(sheet, tag)
    steps = [_changed(a, b) for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    return float(np.mean(steps))


def head_flicker(sheet: SpriteSheet, tag: str, head: float = HEAD) -> float:
    """Share of a head's pixels that change while it moves as a whole, 0..1; lower is steadier.

    The upper ``head`` of the figure in each frame is laid over that of the next one at the shift,
    of up to 3 px, that fits best.

    Raises:
        KeyError: If there is no such tag.
    """
    frames = _frames(sheet, tag)
    if len(frames) < 2:
        return 0.0
    tall = max(_height(frame) for frame in frames)
    heads = [_head(frame, max(1, round(head * tall))) for frame in frames]
    steps = []
    for a, b in zip(heads, heads[1:] + heads[:1], strict=True):
        shifts = [
            _changed(a, np.roll(b, (y, x), (0, 1)))
            for y in range(-_REACH, _REACH + 1)
            for x in range(-_REACH, _REACH + 1)
        ]
        steps.append(min(shifts))
    return float(np.mean(steps))


def confusion(expected: ArrayLike, found: ArrayLike, classes: int) -> NDArray[np.int64]:
    """How often each class (row) was taken for each class (column), [classes, classes]."""
    rows = np.asarray(expected, dtype=np.int64)
    columns = np.asarray(found, dtype=np.int64)
    table = np.bincount(rows * classes + columns, minlength=classes * classes)
    return table.reshape(classes, classes).astype(np.int64)


def recognised(table: NDArray[np.int64]) -> float:
    """Mean share of each class that was recognised, 0..1, of a `confusion` table; higher is better.

    Classes that never occurred do not count.
    """
    total = table.sum(axis=1)
    return float((np.diag(table)[total > 0] / total[total > 0]).mean())


def _frames(sheet: SpriteSheet, tag: str) -> list[NDArray[np.uint8]]:
    found = sheet.tag(tag)
    return [sheet.frame_image(i) for i in range(found.start, found.stop)]


def _changed(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Share of the pixels drawn in either picture that differ, 0..1."""
    drawn = (a[..., 3] > 0) | (b[..., 3] > 0)
    return float((a != b).any(-1).sum() / max(1, int(drawn.sum())))


def _height(frame: NDArray[np.uint8]) -> int:
    rows = np.flatnonzero((frame[..., 3] > 0).any(1))
    return int(rows[-1] - rows[0] + 1) if len(rows) else 0


def _head(frame: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """The top ``rows`` rows of a figure, at the top of a picture with a margin to shift in."""
    drawn = np.flatnonzero((frame[..., 3] > 0).any(1))
    out = np.zeros((rows + 2 * _REACH, frame.shape[1] + 2 * _REACH, 4), dtype=np.uint8)
    if len(drawn):
        part = frame[drawn[0] : drawn[0] + rows]
        out[_REACH : _REACH + len(part), _REACH : _REACH + frame.shape[1]] = part
    return out
