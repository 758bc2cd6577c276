"""Is a sprite a copy of one that is known, up to flip, shift by 2 px and recolour?

A picture becomes *tone codes*: its colours are ordered by luminance and fall into four levels of
about equal area, so a recolour that keeps light and dark apart leaves the codes alone. Pictures
are compared over mirror images and shifts under the best relabelling of the levels in both
directions, so that a recolour that exchanges light and dark, or merges two shades, is a copy too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = 4
SHIFT = 2
"""Pictures are compared at shifts of up to this many px in x and y."""
_CANDIDATES = 16
"""Pictures, per first measure, that are compared in full."""
_COARSE = 16
"""Side of the reduced pictures that candidates are found with."""
_LUMA = np.array([299, 587, 114])


def tone_codes(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels of luminance rank, 1 (dark) to 4 (light), 0 where transparent.

    Args:
        pictures: [N, S, S, 4]; a pixel counts as drawn from alpha 128 on.

    Returns:
        [N, S, S]. Each colour of a picture has one level: that of the middle of its share of the
        drawn area, when the colours are ordered by luminance.
    """
    codes = np.zeros(pictures.shape[:3], dtype=np.uint8)
    for picture, code in zip(pictures, codes, strict=True):
        drawn = picture[..., 3] >= 128
        if drawn.any():
            luma = picture[drawn][:, :3].astype(np.int64) @ _LUMA
            _, index, count = np.unique(luma, return_inverse=True, return_counts=True)
            middle = np.cumsum(count) - count / 2
            code[drawn] = (1 + (middle / len(luma) * LEVELS).astype(np.uint8))[index]
    return codes


class CopyIndex:
    """Finds the known picture that is most like a given one.

    Args:
        codes: `tone_codes` of the known pictures, [N, S, S], N >= 1.
        names: One per picture.
    """

    def __init__(self, codes: NDArray[np.uint8], names: Sequence[str]):
        if codes.ndim != 3 or len(codes) == 0 or len(codes) != len(names):
            raise ValueError(f"codes are [N, S, S] with N names, got {codes.shape}, {len(names)}")
        self.codes, self.names = codes, tuple(names)
        self.size = int(codes.shape[1])
        self._levels = _one_hot(codes)  # [N, LEVELS, S*S]
        self._areas = self._levels.sum((1, 2))
        self._coarse = _reduced(self._levels, self.size)

    def nearest(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Copy distance of pictures to the nearest known one, and which that is.

        Args:
            pictures: [Q, S, S, 4].

        Returns:
            Distances [Q], 0..1: 0 is the same drawing (flipped, shifted or recoloured), 1 has
            nothing in common; and indices [Q].
        """
        if pictures.shape[1:] != (self.size, self.size, 4):
            raise ValueError(f"pictures are [Q, {self.size}, {self.size}, 4], {pictures.shape}")
        found = [self._nearest(code) for code in tone_codes(pictures)]
        return np.array([f[0] for f in found]), np.array([f[1] for f in found], dtype=np.intp)

    def _nearest(self, code: NDArray[np.uint8]) -> tuple[float, int]:
        views = _one_hot(_views(code))  # [T, LEVELS, S*S]
        area = max(1.0, float((code > 0).sum()))
        coarse = _reduced(views, self.size)
        tones = coarse.reshape(len(views), -1) @ self._coarse.reshape(len(self.codes), -1).T
        # By tones, and by outline alone for recolours that exchange light and dark.
        outline = coarse.sum(1) @ self._coarse.sum(1).T
        picked = np.unique(
            np.concatenate(
                [
                    np.argsort(-(s.max(axis=0) / (area + self._areas)), kind="stable")[:_CANDIDATES]
                    for s in (tones, outline)
                ]
            )
        )
        return self._compared(views, picked)

    def nearest_among(self, code: NDArray[np.uint8], places: NDArray[np.intp]) -> tuple[float, int]:
        """The same for the `tone_codes` [S, S] of one picture and known ones of given places."""
        return self._compared(_one_hot(_views(code)), places)

    def _compared(self, views: NDArray[np.float32], picked: NDArray[np.intp]) -> tuple[float, int]:
        """Least distance of views of a picture to known ones of given places, and which that is."""
        known = self._levels[picked]
        flat = views.reshape(-1, views.shape[2]) @ known.reshape(-1, views.shape[2]).T
        joint = flat.reshape(len(views), LEVELS, len(picked), LEVELS)
        kept = (joint.max(axis=1).sum(2) + joint.max(axis=3).sum(1)) / 2
        union = views.sum((1, 2))[:, None] + self._areas[picked] - joint.sum((1, 3))
        distance = (1 - kept / np.maximum(union, 1)).min(axis=0)
        lowest = int(distance.argmin())
        return float(distance[lowest]), int(picked[lowest])


def copy_share(distances: NDArray[np.float64], limit: float) -> float:
    """Share of copy distances below ``limit``, 0..1; lower is more original."""
    return float((distances < limit).mean())


def _one_hot(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[N, S, S] to [N, LEVELS, S*S]; transparent pixels have none. Sums of products are exact."""
    flat = codes.reshape(len(codes), 1, -1)
    return (flat == np.arange(1, LEVELS + 1).reshape(1, -1, 1)).astype(np.float32)


def _reduced(levels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """One-hot levels [N, LEVELS, S*S] at a side of about 16, [N, LEVELS, s*s]."""
    step = max(1, size // _COARSE)
    side = size // step
    square = levels.reshape(len(levels), LEVELS, size, size)[..., : side * step, : side * step]
    blocks = square.reshape(len(levels), LEVELS, side, step, side, step)
    reduced: NDArray[np.float32] = blocks.mean((3, 5)).reshape(len(levels), LEVELS, -1)
    return reduced


def _views(code: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture and its mirror image at every shift, [2 * 25, S, S]."""
    size = code.shape[0]
    padded = np.pad(np.stack([code, code[:, ::-1]]), ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    steps = range(2 * SHIFT + 1)
    return np.concatenate([padded[:, y : y + size, x : x + size] for y in steps for x in steps])
