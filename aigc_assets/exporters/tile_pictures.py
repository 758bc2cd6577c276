"""What map formats share about tilesets: file names, pictures, and the shape of solid tiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.png import encode_png, extrude
from aigc_assets.types import Tilemap, Tileset
from aigc_assets.types.tilemap import FLIP_MASK
from aigc_assets.types.validation import Scalar

BORDER = 1
"""Px by which the tiles of an exported tileset are extruded on each side."""


def tileset_stems(tilemap: Tilemap, name: str) -> Iterator[str]:
    """File names without suffix, one per tileset: ``<name>_<tileset>``, numbered if used twice."""
    seen: set[str] = set()
    for tileset in tilemap.tilesets:
        stem, number = f"{name}_{tileset.name}", 2
        while stem in seen:
            stem, number = f"{name}_{tileset.name}_{number}", number + 1
        seen.add(stem)
        yield stem


def tileset_png(tileset: Tileset) -> bytes:
    """The picture of a tileset with extruded tiles (margin `BORDER`, spacing 2 * `BORDER`)."""
    return encode_png(extrude(tileset.image, tileset.tile_size, BORDER))


def picture_size(tileset: Tileset) -> tuple[int, int]:
    """Width and height in px of what `tileset_png` writes."""
    width, height = tileset.tile_size
    rows = tileset.tile_count // tileset.columns
    return tileset.columns * (width + 2 * BORDER), rows * (height + 2 * BORDER)


def collision_height(properties: Mapping[str, Scalar], height: int) -> int:
    """How many px of a tile, from its top, stop a body: all of a solid tile, 0 of most others.

    A tile that stops only what falls on it (``one_way``) is a board a quarter of a tile thick.
    """
    if properties.get("solid") is True:
        return height
    return max(1, height // 4) if properties.get("one_way") is True else 0


def plain_gids(gids: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Gids without their flips."""
    return gids & np.uint32(~FLIP_MASK & 0xFFFFFFFF)
