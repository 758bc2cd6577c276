"""Pictures of terrains: what the ground looks like, and the same in the light of a low sun."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Terrain

_SUNS = ((315.0, 0.6), (260.0, 0.2), (10.0, 0.2))
"""Compass bearings of the light and their weights; several, so that no slope is black."""
_ALTITUDE = 45.0
_ROAD, _PLACE = (104, 84, 66), (178, 52, 44)

Picture = NDArray[np.uint8]


def ground_picture(terrain: Terrain, blend: float = 0.8) -> Picture:
    """Colours of biomes, water, rivers and roads without any light, [H, W, 3] uint8.

    Args:
        terrain: What to paint.
        blend: Cells over which biomes run into each other.
    """
    colours = terrain.colours.astype(np.float32)
    ground = cv2.GaussianBlur(colours[terrain.biome], (0, 0), blend)
    depth = terrain.depth
    wet = depth > 0
    shallow, deep = water_colours(terrain)
    clear = np.exp(-depth / np.float32(50))[..., None]
    picture = np.where(wet[..., None], shallow * clear + deep * (1 - clear), ground)
    image = np.ascontiguousarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    river = tuple(int(v) for v in shallow)
    for line in terrain.rivers:
        widths = np.maximum(1, np.rint(line.width / terrain.cell_size)).astype(int)
        for width in np.unique(widths).tolist():
            for part in _runs(widths == width):
                points = line.path[part.start : part.stop + 1]
                cv2.polylines(image, [points.reshape(-1, 1, 2)], False, river, width, cv2.LINE_8)
    for road in terrain.roads:
        cv2.polylines(image, [road.path.reshape(-1, 1, 2)], False, _ROAD, 1, cv2.LINE_8)
    return image


def terrain_image(terrain: Terrain) -> Picture:
    """The ground in relief, with settlements, [H, W, 4] uint8."""
    ground = ground_picture(terrain)
    light = np.where(terrain.depth > 0, np.float32(1), hillshade(terrain))[..., None]
    image = np.clip(np.rint(ground * light), 0, 255).astype(np.uint8)
    size = max(1.0, max(terrain.height.shape) / 512)
    for place in terrain.settlements:
        radius = max(1, round({"city": 5, "town": 4, "village": 3}[place.rank] * size))
        cv2.circle(image, place.cell, radius + 1, (250, 246, 235), -1, cv2.LINE_8)
        cv2.circle(image, place.cell, radius, _PLACE, -1, cv2.LINE_8)
    return np.dstack([image, np.full(image.shape[:2], 255, dtype=np.uint8)])


def hillshade(terrain: Terrain) -> NDArray[np.float32]:
    """How bright each cell is, 1 for level ground, [H, W].

    References:
        Horn, "Hill shading and the reflectance map", Proceedings of the IEEE 69(1), 1981.
    """
    down, right = np.gradient(terrain.height, np.float32(terrain.cell_size))
    length = np.sqrt(1 + down * down + right * right)
    altitude = np.radians(_ALTITUDE)
    total = np.zeros(terrain.height.shape, dtype=np.float32)
    for bearing, weight in _SUNS:
        east, north = np.sin(np.radians(bearing)), np.cos(np.radians(bearing))
        facing = np.cos(altitude) * (down * north - right * east) + np.sin(altitude)
        total += np.float32(weight) * np.maximum(facing / length, 0).astype(np.float32)
    return np.asarray(0.2 + 0.8 * total / np.float32(np.sin(altitude)), dtype=np.float32)


def water_colours(terrain: Terrain) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of shallow and of deep water: those of the biomes of that name, else blues."""
    found = []
    for name, plain in (("shallow_water", (84, 140, 178)), ("deep_water", (38, 66, 112))):
        known = name in terrain.biome_names
        colour = terrain.colours[terrain.biome_names.index(name)] if known else plain
        found.append(np.asarray(colour, dtype=np.float32))
    return found[0], found[1]


def _runs(mask: NDArray[np.bool_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
