"""Pictures spoilt in known ways: what judges learn to notice, and what shows that they do."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

DAMAGES = ("none", "pixels", "patches", "smear", "rows", "grain")
MILD, STRONG = 0.02, 0.3
"""Least and greatest share of pixels that the damage ``pixels`` exchanges."""
_NEAR = 4
LADDER = (0.03, 0.1, 0.3)
"""Shares of exchanged pixels that a distance has to put in this order."""


def damaged(pictures: NDArray[np.uint8], seed: int = 0) -> tuple[NDArray[np.uint8], list[int]]:
    """Every picture spoilt in one of five ways, and which: see `DAMAGES`.

    Two to thirty in a hundred pixels replaced by others of the set; squares of another picture; a
    median over 3 x 3 px, which takes outlines away; rows moved by a pixel; a tenth to six tenths
    of the figure's pixels in colours from up to 4 px away, as networks that miss the grid blend,
    which is hardest to see and comes most often.
    """
    random = np.random.Generator(np.random.Philox(seed))
    drawn = _colours(pictures)
    out, kinds = pictures.copy(), []
    size = pictures.shape[1]
    edge = max(2, size // 8)
    for i, picture in enumerate(pictures):
        kind = min(len(DAMAGES) - 1, 1 + int(random.integers(len(DAMAGES) + 1)))
        kinds.append(kind)
        if kind == 1:
            share = MILD * (STRONG / MILD) ** random.random()
            mask = random.random((size, size)) < share
            out[i][mask] = drawn[random.integers(len(drawn), size=int(mask.sum()))]
        elif kind == 2:
            other = pictures[int(random.integers(len(pictures)))]
            grid = random.random((-(-size // edge), -(-size // edge))) < 0.25
            mask = np.kron(grid, np.ones((edge, edge), bool))[:size, :size]
            out[i][mask] = other[mask]
        elif kind == 3:
            out[i] = cv2.medianBlur(np.ascontiguousarray(picture), 3)
        elif kind == 5:
            out[i] = _grained(picture, 0.1 * 6 ** random.random(), random)
        else:
            for y, shift in enumerate(random.integers(-1, 2, (size,)).tolist()):
                out[i, y] = np.roll(picture[y], shift, 0)
    return out, kinds


def ceiling(pictures: NDArray[np.uint8], seed: int = 0, share: float = 0.1) -> NDArray[np.uint8]:
    """Pictures with ``share`` of their pixels replaced by pixels of the same set: what is bad."""
    random = np.random.Generator(np.random.Philox(seed))
    drawn = _colours(pictures)
    flat = pictures.reshape(-1, 4).copy()
    where = np.flatnonzero(random.random(len(flat)) < share)
    flat[where] = drawn[random.integers(len(drawn), size=len(where))]
    return flat.reshape(pictures.shape)


def halved(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures at half their resolution, every second pixel twice as large; no judge learns it."""
    return pictures[:, ::2, ::2].repeat(2, 1).repeat(2, 2)


def _grained(
    picture: NDArray[np.uint8], share: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """A picture in which ``share`` of the drawn pixels have the colour of one close by."""
    out, size = picture.copy(), len(picture)
    y, x = np.nonzero((picture[..., 3] > 0) & (random.random((size, size)) < share))
    move = random.integers(-_NEAR, _NEAR + 1, (2, len(y)))
    near = picture[(y + move[0]).clip(0, size - 1), (x + move[1]).clip(0, size - 1)]
    drawn = near[:, 3] > 0
    out[y[drawn], x[drawn]] = near[drawn]
    return out


def _colours(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All drawn pixels of a set, [K, 4]."""
    flat = pictures.reshape(-1, 4)
    drawn = flat[flat[:, 3] > 0]
    return drawn if len(drawn) else flat[:1]
