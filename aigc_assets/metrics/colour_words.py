"""Which colour words fit a picture: the eleven basic terms, by CIE Lab, for people's words.

An independent measure: it shares no table with what turns prompts into colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple",
           "pink")  # fmt: skip
"""The basic colour terms of English (Berlin and Kay 1969)."""


def colour_of(rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Index into `COLOURS` of each sRGB colour, [..., 3] to [...]."""
    if rgb.size == 0:
        return np.zeros(rgb.shape[:-1], dtype=np.intp)
    value = np.ascontiguousarray(rgb.reshape(-1, 1, 3)).astype(np.float32) / 255
    light, a, b = cv2.cvtColor(value, cv2.COLOR_RGB2Lab).reshape(-1, 3).T
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    bluish = (hue > 200) & (hue < 320)
    pale_red = (light > 62) & (chroma < 60)
    dull = chroma < 42
    names = np.select(
        [
            (light < 17) | ((light < 26) & (chroma < 12)),
            (chroma < 11) & (light > 84),
            chroma < np.where(bluish, 15, 8),
            (hue >= 297) & (hue < np.where(light < 40, 358, 335)),
            ((hue < 35) | (hue >= 335)) & pale_red,
            (hue < 35) | (hue >= 335),
            (hue < 52) & ~dull,
            (hue < 72) & (dull | (light < 56)),
            (hue < 50),
            hue < 74,
            (hue < 105) & (light < 50),
            hue < 105,
            hue < 200,
        ],
        [0, 2, 1, 9, 10, 3, 3, 5, 3, 4, 5, 6, 7],
        8,
    )
    names = np.where((hue >= 42) & (hue < 52) & ~dull & (names == 3) & (light > 50), 4, names)
    names = np.where((names == 9) & (light > 65) & (hue > 318), 10, names)
    return names.reshape(rgb.shape[:-1]).astype(np.intp)


def colour_shares(picture: NDArray[np.uint8]) -> dict[str, float]:
    """Share of the drawn pixels of [..., 4] that each colour word fits, 0..1."""
    drawn = picture[picture[..., 3] > 0][:, :3]
    count = np.bincount(colour_of(drawn), minlength=len(COLOURS))
    return {name: float(n / max(1, len(drawn))) for name, n in zip(COLOURS, count, strict=True)}
