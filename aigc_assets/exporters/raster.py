"""Pictures of maps and scenes, in whole pixels: what every picture and film exporter draws with.

Everything is integer arithmetic on uint8, so equal assets give equal pixels on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Tilemap
from aigc_assets.types.tilemap import FLIP_MASK

_FLIP_HORIZONTAL = 0x80000000
_FLIP_VERTICAL = 0x40000000
_FLIP_DIAGONAL = 0x20000000


def tilemap_image(tilemap: Tilemap) -> NDArray[np.uint8]:
    """Paint all tile layers of a map, bottom first.

    Tiles larger or smaller than a cell stand on the bottom left corner of their cell, as in Tiled;
    what sticks out of the map is cut off.

    Args:
        tilemap: The map.

    Returns:
        Straight-alpha picture, [H * tile height, W * tile width, 4] uint8; zero where no tile is.

    References:
        Tiled TMX map format, "Global tile ids" (order of the three flips).
    """
    width, height = tilemap.tile_size
    picture = np.zeros((tilemap.height * height, tilemap.width * width, 4), dtype=np.uint8)
    for layer in tilemap.layers:
        used, cells = np.unique(layer.gids, return_inverse=True)
        cells = cells.reshape(layer.gids.shape)
        tiles = [tile_image(tilemap, int(gid)) for gid in used]
        if all(tile.shape[:2] in ((height, width), (0, 0)) for tile in tiles):
            blank = np.zeros((height, width, 4), dtype=np.uint8)
            table = np.stack([tile if tile.size else blank for tile in tiles])
            painted = table[cells].transpose(0, 2, 1, 3, 4).reshape(picture.shape)
            blend(picture, painted, 0, 0)
            continue
        for row, column in np.argwhere(layer.gids != 0):
            tile = tiles[cells[row, column]]
            blend(picture, tile, int(column) * width, int(row + 1) * height - tile.shape[0])
    return picture


def tile_image(tilemap: Tilemap, gid: int) -> NDArray[np.uint8]:
    """Picture of one tile with its flips applied, [h, w, 4] uint8; [0, 0, 4] for gid 0."""
    plain = gid & ~FLIP_MASK & 0xFFFFFFFF
    for first, tileset in zip(
        reversed(tilemap.first_gids), reversed(tilemap.tilesets), strict=True
    ):
        if plain >= first:
            row, column = divmod(plain - first, tileset.columns)
            w, h = tileset.tile_size
            tile = tileset.image[row * h : (row + 1) * h, column * w : (column + 1) * w]
            # The diagonal flip comes first: it swaps the axes, the others mirror the result.
            if gid & _FLIP_DIAGONAL:
                tile = tile.transpose(1, 0, 2)
            if gid & _FLIP_HORIZONTAL:
                tile = tile[:, ::-1]
            if gid & _FLIP_VERTICAL:
                tile = tile[::-1]
            return tile
    return np.zeros((0, 0, 4), dtype=np.uint8)


def blend(target: NDArray[np.uint8], source: NDArray[np.uint8], x: int, y: int) -> None:
    """Lay ``source`` [h, w, 4] over ``target`` [H, W, 3 or 4] in place, its top left at (x, y).

    Straight alpha, exact for alpha 0 and 255, rounded to nearest in between; parts outside the
    target are cut off.
    """
    left, top = max(x, 0), max(y, 0)
    right = min(x + source.shape[1], target.shape[1])
    bottom = min(y + source.shape[0], target.shape[0])
    if left >= right or top >= bottom:
        return
    part = source[top - y : bottom - y, left - x : right - x]
    under = target[top:bottom, left:right]
    channels = target.shape[2]
    opaque = part[..., 3] == 255
    np.copyto(under, part[..., :channels], where=opaque[..., None])
    partly = (part[..., 3] > 0) & ~opaque
    if not partly.any():
        return
    over, below = part[partly].astype(np.int64), under[partly].astype(np.int64)
    alpha = over[:, 3:]
    rest = (below[:, 3:] if channels == 4 else np.full_like(alpha, 255)) * (255 - alpha)
    total = alpha * 255 + rest  # opacity of the result, times 255
    mixed = (over[:, :3] * alpha * 255 + below[:, :3] * rest + total // 2) // total
    if channels == 4:
        mixed = np.concatenate([mixed, (total + 127) // 255], axis=1)
    under[partly] = mixed.astype(np.uint8)
