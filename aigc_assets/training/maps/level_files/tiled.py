"""What the two file formats of Tiled share: the map as it is read, and what its cells mean."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.level import DOOR, FLOOR, VOID, WALL, Level, check_size
from aigc_assets.training.maps.level_files.meaning import (
    STRENGTH,
    Legend,
    by_border,
    of_name,
    of_properties,
    unknown,
)

DEEPEST_GROUP = 32
MOST_TILESETS = 256
MOST_KINDS = 65536
"""Different tiles in one layer."""

MOST_LAYER_CELLS = 8 * 1024 * 1024
"""Of all layers of a map together; a compressed layer says nothing about its size."""


@dataclass(frozen=True)
class Tile:
    """What a tileset says about one tile."""

    names: tuple[str, ...] = ()
    properties: Mapping[str, object] = field(default_factory=dict)
    has_shape: bool = False


@dataclass(frozen=True)
class TileSet:
    """A tileset from ``first`` on; tiles that it says nothing about are not listed."""

    name: str
    first: int
    count: int
    tiles: Mapping[int, Tile]


@dataclass
class TiledMap:
    """A map of Tiled, cut down to what decides about its cells."""

    where: str
    width: int
    height: int
    tilesets: list[TileSet] = field(default_factory=list)
    layers: list[tuple[str, NDArray[np.int64]]] = field(default_factory=list)
    doors: list[tuple[int, int]] = field(default_factory=list)
    properties: Mapping[str, object] = field(default_factory=dict)

    def add_tileset(self, tileset: TileSet) -> None:
        """Add the next tileset.

        Raises:
            DataError: If it does not follow the ones before it, or is one too many.
        """
        if tileset.first <= max((t.first for t in self.tilesets), default=0):
            raise DataError("the tilesets are not in the order of their gids", where=self.where)
        if len(self.tilesets) == MOST_TILESETS:
            raise DataError(f"has more than {MOST_TILESETS} tilesets", where=self.where)
        self.tilesets.append(tileset)

    def add_layer(self, name: str, gids: NDArray[np.int64]) -> None:
        """Add the next layer from below.

        Raises:
            DataError: If the layers become too many to hold.
        """
        if (len(self.layers) + 1) * gids.size > MOST_LAYER_CELLS:
            raise DataError("has too many layers", where=self.where)
        self.layers.append((name, gids))


def check_header(
    where: str, orientation: object, infinite: bool, width: object, height: object
) -> tuple[int, int]:
    """Width and height of a map that can be read.

    Raises:
        DataError: If it is infinite, has six neighbours to a cell, or has no sensible size.
    """
    if infinite:
        raise DataError(
            "is an infinite map", where=where, remedy="switch Infinite off in its properties"
        )
    if orientation not in ("orthogonal", "isometric"):
        raise DataError(f"is a {orientation} map, whose cells are no square grid", where=where)
    if type(width) is not int or type(height) is not int:
        raise DataError("has no size", where=where)
    check_size(where, width, height)
    return width, height


def tile_object_door(
    kind: str, x: object, y: object, size: tuple[float, float]
) -> tuple[int, int] | None:
    """The cell of an object of the class door; None if it has no sensible place."""
    numbers = (x, y, *size)
    if kind.lower() != "door" or not all(
        isinstance(v, (int, float)) and 0 <= v < 1e6 for v in numbers
    ):
        return None
    assert isinstance(x, (int, float)) and isinstance(y, (int, float))
    if min(size) < 1:
        return None
    return int(x / size[0] + 0.01), int(y / size[1] + 0.01)


_STRENGTH = np.array([STRENGTH[word] for word in range(len(STRENGTH))])


def level_of(source: TiledMap, legend: Legend) -> Level:
    """The words of a map: by legend, properties, names of tiles and layers, at last by a guess.

    Raises:
        DataError: If it has no tiles, or tiles of no known meaning.
    """
    where = source.where
    if not source.layers:
        raise DataError("has no tile layers", where=where)
    highest = max((t.first + t.count for t in source.tilesets), default=1)
    words = np.full((source.height, source.width), VOID, dtype=np.uint8)
    drawn = np.zeros(words.shape, dtype=bool)
    strange = np.zeros(words.shape, dtype=np.int64)
    for name, gids in source.layers:
        if int(gids.max()) >= highest:
            raise DataError(f"has a tile {int(gids.max())} of no tileset", where=where)
        drawn |= gids > 0
        used, places = np.unique(gids, return_inverse=True)
        if len(used) > MOST_KINDS:
            raise DataError(f"a layer has more than {MOST_KINDS} kinds of tile", where=where)
        meanings = [_meaning(source, gid, name, legend) if gid else VOID for gid in used.tolist()]
        known = np.array([VOID if word is None else word for word in meanings], dtype=np.uint8)
        layer = known[places.reshape(gids.shape)]
        words = np.where(_STRENGTH[layer] > _STRENGTH[words], layer, words)
        nameless = np.array([word is None for word in meanings])[places.reshape(gids.shape)]
        strange[nameless] = gids[nameless]
    if not drawn.any():
        raise DataError("the level is empty", where=where)
    guesses: list[str] = []
    if (words == VOID).all():
        if legend:
            raise unknown(strange[strange > 0].tolist(), where)
        top = np.zeros(words.shape, dtype=np.int64)
        for _, gids in source.layers:
            top = np.where(gids > 0, gids, top)
        words, guess = by_border(top, where)
        guesses.append(guess)
    else:
        left = drawn & (words == VOID)
        if left.any():
            if legend:
                raise unknown(strange[left].tolist(), where)
            words[left] = FLOOR
            guesses.append(f"{int(left.sum())} cells with tiles of unknown meaning are floor")
    for column, row in source.doors:
        if column < source.width and row < source.height and words[row, column] != WALL:
            words[row, column] = DOOR
    movement = source.properties.get("movement")
    side = movement == "jump" or source.properties.get("side_view") is True or legend.side_view
    return Level(where, words, side, tuple(guesses))


def _meaning(source: TiledMap, gid: int, layer: str, legend: Legend) -> int | None:
    index = bisect.bisect_right(source.tilesets, gid, key=lambda tileset: tileset.first) - 1
    if index < 0:
        raise DataError(f"has a tile {gid} of no tileset", where=source.where)
    tileset = source.tilesets[index]
    tile = tileset.tiles.get(gid - tileset.first, Tile())
    written = legend.word(*tile.names, f"{tileset.name}:{gid - tileset.first}", f"layer:{layer}")
    if written is not None:
        return written
    found = of_properties(tile.properties)
    if found is not None:
        return found
    for name in tile.names:
        found = of_name(name)
        if found is not None:
            return found
    if tile.has_shape:
        return WALL
    return of_name(layer)
