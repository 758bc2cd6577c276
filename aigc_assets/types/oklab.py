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
