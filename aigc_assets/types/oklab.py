"""OKLab: a space of colours in which equal steps look equally far apart.

References:
    Björn Ottosson, "A perceptual color space for image processing" (2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_M1 = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_M2 = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def to_oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SRGB [..., 3] uint8 to OKLab [..., 3] float64."""
    value = rgb.astype(np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    result: NDArray[np.float64] = np.cbrt(linear @ _M1.T) @ _M2.T
    return result


def from_oklab(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """OKLab [..., 3] to the nearest sRGB [..., 3] uint8; what lies outside the gamut is clipped."""
    linear = ((lab @ np.linalg.inv(_M2).T) ** 3) @ np.linalg.inv(_M1).T
    linear = np.clip(linear, 0, 1)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(value * 255).astype(np.uint8)


def nearest(palette: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Index of the OKLab-nearest palette colour for each colour, [..., 3] -> [...]."""
    ours, theirs = to_oklab(palette), to_oklab(rgb)
    flat = theirs.reshape(-1, 3)
    distance: NDArray[Any] = ((flat[:, None] - ours[None]) ** 2).sum(-1)
    index: NDArray[np.intp] = distance.argmin(1).reshape(rgb.shape[:-1])
    return index


FAMILIES = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "cyan", "blue",
            "purple", "pink")  # fmt: skip
"""Names for colours that people agree on, in the order that `families` counts in."""


def families(rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Index into `FAMILIES` of each colour, [..., 3] -> [...]."""
    lab = to_oklab(rgb)
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    bounds = np.array([18, 42, 78, 118, 168, 222, 284, 336])
    step = np.searchsorted(bounds, hue)
    named = np.array([11, 3, 4, 6, 7, 8, 9, 10, 11])[step]  # pink red orange yellow green ...
    named = np.where((named == 11) & (light < 0.62), np.where(hue < 180, 3, 10), named)
    named = np.where((named == 3) & (light > 0.74), 11, named)
    named = np.where((named == 4) & ((light < 0.6) | (chroma < 0.09)), 5, named)
    named = np.where((named == 6) & (light < 0.62), 5, named)
    plain = np.where(light < 0.27, 0, np.where(light < 0.82, 1, 2))
    result: NDArray[np.intp] = np.where(chroma < 0.04, plain, named)
    return np.where((light < 0.16), 0, result)
