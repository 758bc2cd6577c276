"""16-bit height maps as engines read them, with a sidecar that says what the numbers mean.

All maps span the same range of metres, 0 the lowest and 65535 the highest, row 0 in the north.

References:
    Unity Manual, "Working with heightmaps": square RAW of 2^n + 1 samples, 16 bit.
    Unreal Engine documentation, "Landscape technical guide": recommended sizes; 16-bit grey PNG
    with 32768 at the height of the landscape and 1/128 cm per step and unit of the Z scale.
"""

from __future__ import annotations

import json
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets import __version__
from aigc_assets.types import Terrain

UNITY_SIZES = tuple(2**n + 1 for n in range(5, 13))
UNREAL_SIZES = (127, 253, 505, 1009, 2017, 4033, 8129)

Samples = NDArray[np.uint16]


def export_heightmap(asset: Terrain, name: str) -> dict[str, bytes]:
    """Write ``<name>_height.png``, the maps for Unity and Unreal, and ``<name>_height.json``.

    ``<name>_height.png`` has the samples of the terrain itself, 16-bit grey. ``<name>_unity.raw``
    is little-endian uint16, square, in the nearest size that is allowed; ``<name>_unreal.png`` is
    16-bit grey, square, in the nearest size that is recommended.

    Args:
        asset: The terrain.
        name: File name without suffix.
    """
    low, high = height_range(asset)
    unity, unreal = _nearest(UNITY_SIZES, asset), _nearest(UNREAL_SIZES, asset)
    wide, tall = ((n - 1) * float(asset.cell_size) for n in (asset.columns, asset.rows))
    span = high - low
    about: dict[str, Any] = {
        "generator": f"aigc_assets {__version__}",
        "metres": {"lowest": low, "highest": high, "per_step": span / 65535, "sea": 0.0},
        "extent_metres": {"west_east": wide, "north_south": tall},
        "first_row": "north",
        "height_png": {"size": [asset.columns, asset.rows], "cell_metres": float(asset.cell_size)},
        "unity_raw": {
            "size": [unity, unity],
            "depth": "16 bit",
            "byte_order": "Windows (little-endian)",
            "flip_vertically": True,
            "terrain_size_metres": {"x": wide, "y": span, "z": tall},
            "terrain_position_y_metres": low,
        },
        "unreal_png": {
            "size": [unreal, unreal],
            "scale": {
                "x": wide * 100 / (unreal - 1),
                "y": tall * 100 / (unreal - 1),
                "z": span * 100 * 0.001953125,
            },
            "location_z_cm": (low + span * 32768 / 65535) * 100,
        },
    }
    return {
        f"{name}_height.png": encode_grey16(quantize(asset.height, low, high)),
        f"{name}_height.json": (json.dumps(about, indent=1) + "\n").encode(),
        f"{name}_unity.raw": resampled(asset, unity, low, high).astype("<u2").tobytes(),
        f"{name}_unreal.png": encode_grey16(resampled(asset, unreal, low, high)),
    }


def height_range(asset: Terrain) -> tuple[float, float]:
    """Whole metres at or below the lowest and at or above the highest sample, at least 1 apart."""
    low = math.floor(float(asset.height.min()))
    return float(low), float(max(math.ceil(float(asset.height.max())), low + 1))


def quantize(metres: NDArray[np.floating], low: float, high: float) -> Samples:
    """Metres to 0..65535, rounded once."""
    scaled = (metres.astype(np.float64) - low) * (65535 / (high - low))
    samples: Samples = np.rint(np.clip(scaled, 0, 65535)).astype(np.uint16)
    return samples


def resampled(asset: Terrain, side: int, low: float, high: float) -> Samples:
    """The terrain as a square of ``side`` samples whose corners are those of the terrain."""
    if asset.height.shape == (side, side):
        return quantize(asset.height, low, high)
    height = asset.height.astype(np.float64)
    for axis in (0, 1):
        length = height.shape[axis]
        place = np.linspace(0, length - 1, side)
        first = np.minimum(place.astype(np.int64), length - 2)
        share = (place - first).reshape((-1, 1) if axis == 0 else (1, -1))
        near, far = np.take(height, first, axis), np.take(height, first + 1, axis)
        height = near * (1 - share) + far * share
    return quantize(height, low, high)


def encode_grey16(samples: Samples) -> bytes:
    """A 16-bit grey PNG of [H, W] uint16; compression is fixed, equal samples give equal bytes."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, 0]
    ok, data = cv2.imencode(".png", samples, options)
    if not ok:  # cv2 refuses only what our types already exclude
        raise ValueError(f"cannot encode samples of shape {samples.shape}")
    return bytes(data)


def _nearest(sizes: tuple[int, ...], asset: Terrain) -> int:
    side = max(asset.height.shape)
    return min(sizes, key=lambda size: (abs(math.log(size / side)), size))
