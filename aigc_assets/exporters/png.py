"""PNG pictures of maps and sprite sheets, and the encoder that every other exporter uses."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.raster import tilemap_image
from aigc_assets.exporters.terrain_picture import terrain_image
from aigc_assets.types import SpriteSheet, Terrain, Tilemap


def export_png(asset: Tilemap | SpriteSheet | Terrain, name: str) -> dict[str, bytes]:
    """The painted map, the sheet with all frames or the shaded terrain as ``<name>.png``.

    Args:
        asset: A map, a sprite sheet or a terrain.
        name: File name without suffix.
    """
    if isinstance(asset, Terrain):
        image = terrain_image(asset)
    else:
        image = tilemap_image(asset) if isinstance(asset, Tilemap) else asset.image
    return {f"{name}.png": encode_png(image)}


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode [H, W, 4] RGBA or [H, W, 3] RGB uint8, straight alpha, without loss.

    Compression level and strategy are fixed, so equal pixels give equal bytes.

    References:
        W3C PNG (Third Edition), colour types 2 and 6 at 8 bits.
    """
    code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    options = [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, 0]
    ok, data = cv2.imencode(".png", cv2.cvtColor(image, code), options)
    if not ok:  # cv2 refuses only what our types already exclude
        raise ValueError(f"cannot encode a picture of shape {image.shape}")
    return bytes(data)


def extrude(
    image: NDArray[np.uint8], tile_size: tuple[int, int], border: int = 1
) -> NDArray[np.uint8]:
    """Repeat the edge of every tile outwards, so that scaled tiles do not bleed into each other.

    Args:
        image: Whole tiles, [rows * h, columns * w, 4].
        tile_size: (w, h) of a tile in px.
        border: Px on each side; the result has margin ``border`` and spacing ``2 * border``.

    Returns:
        [rows * (h + 2 * border), columns * (w + 2 * border), 4].
    """
    w, h = tile_size
    rows, columns = image.shape[0] // h, image.shape[1] // w
    tiles = image.reshape(rows, h, columns, w, 4).transpose(0, 2, 1, 3, 4)
    side = (border, border)
    wide: NDArray[Any] = np.pad(tiles, ((0, 0), (0, 0), side, side, (0, 0)), mode="edge")
    wide = wide.transpose(0, 2, 1, 3, 4)
    return wide.reshape(rows * (h + 2 * border), columns * (w + 2 * border), 4)
