"""Tilesets in the vocabulary of Tiled: tiles, their properties, animations and wang sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.validation import (
    Scalar,
    frozen_array,
    require,
    require_id,
    require_int,
    require_pair,
    require_properties,
    require_text,
    require_tuple,
)

WANG_KINDS = ("corner", "edge", "mixed")
"""Which of the eight places around a tile a wang set gives colours to."""

_MAX_WANG_COLOURS = 254  # Tiled's own limit


@dataclass(frozen=True, slots=True)
class TileAnimation:
    """A tile whose picture changes while the game runs.

    Args:
        tile: Index of the tile that lies in layers, 0 = the first tile of the set.
        frames: (index of the tile that is shown, duration in ms) in order, repeated for ever; the
            first frame usually is ``tile`` itself.
    """

    tile: int
    frames: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        require_int(self.tile, "TileAnimation.tile", 0)
        require_tuple(self.frames, "TileAnimation.frames", tuple)
        require(len(self.frames) > 0, "TileAnimation.frames", "at least one frame", self.frames)
        for i, frame in enumerate(self.frames):
            where = f"TileAnimation.frames[{i}]"
            require(len(frame) == 2, where, "(tile, duration in ms)", frame)
            require_int(frame[0], where, 0)
            require_int(frame[1], where, 1, 3_600_000)


@dataclass(frozen=True, slots=True)
class WangColour:
    """A kind of terrain of a wang set.

    Args:
        name: For people.
        rgb: How an editor marks it, sRGB.
        tile: Index of the tile that stands for it, -1 for none.
    """

    name: str
    rgb: tuple[int, int, int]
    tile: int = -1

    def __post_init__(self) -> None:
        require_text(self.name, "WangColour.name")
        ok = isinstance(self.rgb, tuple) and len(self.rgb) == 3
        require(ok, "WangColour.rgb", "three numbers 0..255", self.rgb)
        for value in self.rgb:
            require_int(value, "WangColour.rgb", 0, 255)
        require_int(self.tile, "WangColour.tile", -1)


@dataclass(frozen=True, slots=True)
class WangSet:
    """Which tiles fit beside each other: colours at the corners and edges of tiles.

    Args:
        name: For people.
        kind: One of `WANG_KINDS`.
        colours: The terrains; colour 1 is the first of them.
        wang_ids: [tiles of the set, 8] uint8, the colour at top, top right, right, bottom right,
            bottom, bottom left, left and top left of each tile; 0 = none. A tile whose eight are
            all 0 does not belong to the wang set. Corner sets leave the edges 0 and edge sets the
            corners.
    """

    name: str
    kind: str
    colours: tuple[WangColour, ...]
    wang_ids: NDArray[np.uint8]

    def __post_init__(self) -> None:
        require_text(self.name, "WangSet.name")
        require(self.kind in WANG_KINDS, "WangSet.kind", f"one of {WANG_KINDS}", self.kind)
        require_tuple(self.colours, "WangSet.colours", WangColour)
        few = 1 <= len(self.colours) <= _MAX_WANG_COLOURS
        require(few, "WangSet.colours", f"1..{_MAX_WANG_COLOURS} colours", len(self.colours))
        ids = frozen_array(self.wang_ids, "WangSet.wang_ids", np.uint8, (None, 8))
        object.__setattr__(self, "wang_ids", ids)
        top = int(ids.max(initial=0))
        known = top <= len(self.colours)
        require(known, "WangSet.wang_ids", f"colours up to {len(self.colours)}", top)
        unused = {"corner": ids[:, 0::2], "edge": ids[:, 1::2], "mixed": ids[:, :0]}[self.kind]
        where = "edges" if self.kind == "corner" else "corners"
        require(not unused.any(), "WangSet.wang_ids", f"no colours at {where}", self.kind)


@dataclass(frozen=True, slots=True)
class Tileset:
    """A grid of equal tiles in one picture.

    Args:
        name: Id of the tileset.
        image: Picture, [H, W, 4] uint8 sRGB with straight alpha; a whole number of tiles each way.
        tile_size: Width and height of one tile in px.
        properties: One mapping per tile in row-major order; every tile of a playable map carries
            the boolean ``solid``.
        animations: At most one per tile.
        wang_sets: For automatic tiling in an editor or at run time; unique names.
    """

    name: str
    image: NDArray[np.uint8]
    tile_size: tuple[int, int]
    properties: tuple[Mapping[str, Scalar], ...]
    animations: tuple[TileAnimation, ...] = ()
    wang_sets: tuple[WangSet, ...] = ()

    def __post_init__(self) -> None:
        require_id(self.name, "Tileset.name")
        require_pair(self.tile_size, "Tileset.tile_size", 1, 1024)
        image = frozen_array(self.image, "Tileset.image", np.uint8, (None, None, 4))
        object.__setattr__(self, "image", image)
        w, h = self.tile_size
        fits = image.shape[0] % h == 0 and image.shape[1] % w == 0 and image.size > 0
        require(fits, "Tileset.image", f"whole tiles of {w}x{h} px", image.shape)
        require(
            isinstance(self.properties, tuple), "Tileset.properties", "a tuple", self.properties
        )
        require(
            len(self.properties) == self.tile_count,
            "Tileset.properties",
            f"{self.tile_count} mappings, one per tile",
            len(self.properties),
        )
        for i, properties in enumerate(self.properties):
            require_properties(properties, f"Tileset.properties[{i}]")
        self._check_animations()
        self._check_wang_sets()

    def _check_animations(self) -> None:
        require_tuple(self.animations, "Tileset.animations", TileAnimation)
        tiles = [animation.tile for animation in self.animations]
        require(len(set(tiles)) == len(tiles), "Tileset.animations", "one per tile", tiles)
        for i, animation in enumerate(self.animations):
            top = max(animation.tile, *(tile for tile, _ in animation.frames))
            where = f"Tileset.animations[{i}]"
            require(top < self.tile_count, where, f"tiles below {self.tile_count}", top)

    def _check_wang_sets(self) -> None:
        require_tuple(self.wang_sets, "Tileset.wang_sets", WangSet)
        names = [wang_set.name for wang_set in self.wang_sets]
        require(len(set(names)) == len(names), "Tileset.wang_sets", "unique names", names)
        for i, wang_set in enumerate(self.wang_sets):
            where = f"Tileset.wang_sets[{i}]"
            rows = len(wang_set.wang_ids)
            require(rows == self.tile_count, where, f"{self.tile_count} rows of wang ids", rows)
            top = max(colour.tile for colour in wang_set.colours)
            require(top < self.tile_count, where, f"tiles below {self.tile_count}", top)

    @property
    def columns(self) -> int:
        """Tiles in one row of the picture."""
        return int(self.image.shape[1]) // self.tile_size[0]

    @property
    def tile_count(self) -> int:
        """Tiles in the picture."""
        return self.columns * (int(self.image.shape[0]) // self.tile_size[1])
