"""Splat maps: how much of each biome's material covers the ground, four biomes per picture.

References:
    Bloom, "Terrain texture compositing by blending in the frame-buffer", 2000.
"""

from __future__ import annotations

import json

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.png import encode_png
from aigc_assets.types import Terrain

BLEND = 1.2
"""Samples over which one material runs into the next, standard deviation."""


def export_splat(asset: Terrain, name: str) -> dict[str, bytes]:
    """Write ``<name>_splat_0.png``, ``_1`` ... and ``<name>_splat.json`` with what they hold.

    Red, green, blue and alpha are the weights of four biomes each, in the order of
    ``biome_names``; over all pictures they add up to 255 at every sample. Row 0 is in the north.

    Args:
        asset: The terrain.
        name: File name without suffix.
    """
    weights = splat_weights(asset)
    files = {}
    layers = []
    for first in range(0, len(weights), 4):
        picture = np.zeros((*asset.height.shape, 4), dtype=np.uint8)
        for channel, weight in enumerate(weights[first : first + 4]):
            picture[..., channel] = weight
            colour = asset.colours[first + channel].tolist()
            layers.append({
                "biome": asset.biome_names[first + channel],
                "file": f"{name}_splat_{first // 4}.png",
                "channel": "rgba"[channel],
                "colour": "#{:02x}{:02x}{:02x}".format(*colour),
            })  # fmt: skip
        files[f"{name}_splat_{first // 4}.png"] = encode_png(picture)
    text = json.dumps({"sum": 255, "first_row": "north", "layers": layers}, indent=1) + "\n"
    return {**files, f"{name}_splat.json": text.encode()}


def splat_weights(asset: Terrain) -> list[NDArray[np.uint8]]:
    """Weight of each biome, [H, W] uint8 each; they add up to 255 everywhere."""
    left = np.full(asset.height.shape, 255, dtype=np.int16)
    weights = []
    for index in range(len(asset.biome_names)):
        share = (asset.biome == index).astype(np.float32)
        if share.any():
            share = cv2.GaussianBlur(share, (0, 0), BLEND, borderType=cv2.BORDER_REPLICATE)
        # Rounded down, so that a rest is left for the biome of the sample itself.
        weight = np.minimum((share * 255).astype(np.int16), left)
        left -= weight
        weights.append(weight)
    for index, weight in enumerate(weights):
        weight[asset.biome == index] += left[asset.biome == index]
    return [weight.astype(np.uint8) for weight in weights]
