"""Tile maps in the vocabulary of Tiled, with the proof that they can be finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.tileset import Tileset
from aigc_assets.types.validation import (
    Scalar,
    frozen_array,
    require,
    require_int,
    require_pair,
    require_properties,
    require_text,
    require_tuple,
)

FLIP_MASK = 0xE0000000
"""The three highest gid bits are Tiled's flips (horizontal, vertical, diagonal)."""

OBJECT_CLASSES = (
    "start", "exit", "key", "door", "monster", "treasure", "boss", "trigger", "box", "goal",
)  # fmt: skip
"""The object classes that every map may carry; keys and doors have the property ``colour``.

``box`` and ``goal`` belong to maps where boxes are pushed; ``trigger`` starts something in the game
when it is entered.
"""

TILE_PROPERTIES = ("solid", "liquid", "hazard", "door")
"""Booleans that every tile of a playable map carries.

A liquid may be solid (deep) or not; a hazard harms who stands on it; ``door`` marks the picture of
a door, whether it is shut is a matter of the object on the cell.
"""


@dataclass(frozen=True, slots=True)
class TileLayer:
    """One layer of tiles: ``gids`` [H, W] uint32, 0 = no tile, flips in the top three bits."""

    name: str
    gids: NDArray[np.uint32]

    def __post_init__(self) -> None:
        require_text(self.name, "TileLayer.name")
        gids = frozen_array(self.gids, "TileLayer.gids", np.uint32, (None, None))
        require(gids.size > 0, "TileLayer.gids", "at least one cell", gids.shape)
        object.__setattr__(self, "gids", gids)


@dataclass(frozen=True, slots=True)
class MapObject:
    """Something that stands on a cell.

    Args:
        id: Positive number, unique in the map; it stays the same when other objects change.
        name: For people.
        cls: Object class, see `OBJECT_CLASSES`.
        cell: Column and row, y down, (0, 0) at the top left.
        properties: Custom properties; keys and doors carry ``colour``.
    """

    id: int
    name: str
    cls: str
    cell: tuple[int, int]
    properties: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_int(self.id, "MapObject.id", 1, 2**31 - 1)
        require(isinstance(self.name, str), f"MapObject[{self.id}].name", "text", self.name)
        require_text(self.cls, f"MapObject[{self.id}].cls")
        require_pair(self.cell, f"MapObject[{self.id}].cell", 0)
        require_properties(self.properties, f"MapObject[{self.id}].properties")
        if self.cls in ("key", "door"):
            colour = self.properties.get("colour")
            where = f"MapObject[{self.id}].properties"
            require(isinstance(colour, str) and colour != "", where, "a text 'colour'", colour)


@dataclass(frozen=True, slots=True)
class ObjectLayer:
    """A named list of objects."""

    name: str
    objects: tuple[MapObject, ...]

    def __post_init__(self) -> None:
        require_text(self.name, "ObjectLayer.name")
        require_tuple(self.objects, "ObjectLayer.objects", MapObject)


@dataclass(frozen=True, slots=True)
class WitnessEvent:
    """At ``step`` of the path the walker does ``action`` with the object ``object_id``.

    ``action`` is one of ``start``, ``take`` (a key), ``open`` (a door) and ``exit``.
    """

    step: int
    action: str
    object_id: int

    def __post_init__(self) -> None:
        require_int(self.step, "WitnessEvent.step", 0)
        known = ("start", "take", "open", "exit")
        require(self.action in known, "WitnessEvent.action", f"one of {known}", self.action)
        require_int(self.object_id, "WitnessEvent.object_id", 1)


@dataclass(frozen=True, slots=True)
class Witness:
    """The proof that a map can be finished: a walk and what is done on it.

    Args:
        path: Cells (column, row) from the start to the exit, [N, 2] int32; each step goes to
            another cell nearby, as the movement of the map allows. Cells may repeat.
        events: In order of ``step``: ``start`` at step 0, ``take`` when a key is picked up,
            ``open`` when a locked door is first entered, ``exit`` at the last step.
    """

    path: NDArray[np.int32]
    events: tuple[WitnessEvent, ...]

    def __post_init__(self) -> None:
        path = frozen_array(self.path, "Witness.path", np.int32, (None, 2))
        require(len(path) > 0, "Witness.path", "at least one cell", path.shape)
        object.__setattr__(self, "path", path)
        require_tuple(self.events, "Witness.events", WitnessEvent)
        steps = [event.step for event in self.events]
        require(steps == sorted(steps), "Witness.events", "events in order of step", steps)
        in_path = all(step < len(path) for step in steps)
        require(in_path, "Witness.events", f"steps below {len(path)}", steps)


@dataclass(frozen=True, slots=True)
class Tilemap:
    """A map: tilesets, tile layers from bottom to top, object layers, and its witness.

    Movement is 4-connected over cells whose tiles are all not ``solid``; a cell with a ``door``
    object is shut until a ``key`` of the same colour was taken.

    Args:
        tilesets: Their gids follow each other: the first tile of the first set is gid 1.
        layers: Tile layers of one size, bottom first.
        object_layers: Object ids are unique over all of them.
        tile_size: Width and height of a cell in px.
        properties: Custom properties of the map (theme, difficulty, ...).
        witness: Proof of playability; None for a map that makes no such claim.
    """

    tilesets: tuple[Tileset, ...]
    layers: tuple[TileLayer, ...]
    object_layers: tuple[ObjectLayer, ...]
    tile_size: tuple[int, int]
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    witness: Witness | None = None

    def __post_init__(self) -> None:
        require_tuple(self.tilesets, "Tilemap.tilesets", Tileset)
        require_tuple(self.layers, "Tilemap.layers", TileLayer)
        require_tuple(self.object_layers, "Tilemap.object_layers", ObjectLayer)
        require(len(self.tilesets) > 0, "Tilemap.tilesets", "at least one tileset", self.tilesets)
        require(len(self.layers) > 0, "Tilemap.layers", "at least one layer", self.layers)
        require_pair(self.tile_size, "Tilemap.tile_size", 1, 1024)
        require_properties(self.properties, "Tilemap.properties")
        names = [layer.name for layer in self.layers] + [o.name for o in self.object_layers]
        require(len(set(names)) == len(names), "Tilemap.layers", "unique layer names", names)
        last = sum(tileset.tile_count for tileset in self.tilesets)
        for layer in self.layers:
            where = f"Tilemap.layers[{layer.name!r}]"
            shape = self.layers[0].gids.shape
            require(layer.gids.shape == shape, where, f"shape {shape}", layer.gids.shape)
            top = int((layer.gids & np.uint32(~FLIP_MASK & 0xFFFFFFFF)).max())
            require(top <= last, where, f"gids up to {last}", top)
        ids = [item.id for item in self.objects]
        require(len(set(ids)) == len(ids), "Tilemap.object_layers", "unique object ids", ids)
        for item in self.objects:
            inside = item.cell[0] < self.width and item.cell[1] < self.height
            where = f"MapObject[{item.id}].cell"
            require(inside, where, f"a cell of the {self.width}x{self.height} map", item.cell)
        if self.witness is not None:
            is_witness = isinstance(self.witness, Witness)
            require(is_witness, "Tilemap.witness", "a Witness or None", self.witness)
            path = self.witness.path
            inside = bool(
                (path >= 0).all()
                and (path[:, 0] < self.width).all()
                and (path[:, 1] < self.height).all()
            )
            require(inside, "Tilemap.witness.path", "cells of the map", path.max(axis=0).tolist())

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.layers[0].gids.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.layers[0].gids.shape[0])

    @property
    def objects(self) -> tuple[MapObject, ...]:
        """All objects of all object layers."""
        return tuple(item for layer in self.object_layers for item in layer.objects)

    @property
    def first_gids(self) -> tuple[int, ...]:
        """The gid of the first tile of each tileset."""
        gids, gid = [], 1
        for tileset in self.tilesets:
            gids.append(gid)
            gid += tileset.tile_count
        return tuple(gids)

    def tile_properties(self, gid: int) -> Mapping[str, Scalar]:
        """Properties of the tile behind ``gid`` (flips ignored); empty for gid 0."""
        gid &= ~FLIP_MASK & 0xFFFFFFFF
        for first, tileset in zip(reversed(self.first_gids), reversed(self.tilesets), strict=True):
            if gid >= first:
                return tileset.properties[gid - first]
        return {}

    def solid(self) -> NDArray[np.bool_]:
        """Which cells block movement, [H, W]: any layer's tile is ``solid``, or no tile at all."""
        void = np.ones((self.height, self.width), dtype=bool)
        for layer in self.layers:
            void &= (layer.gids & np.uint32(~FLIP_MASK & 0xFFFFFFFF)) == 0
        return self.marked("solid") | void

    def marked(self, name: str) -> NDArray[np.bool_]:
        """Where a tile of any layer has the true boolean property ``name``, [H, W]."""
        flags = [False]
        for tileset in self.tilesets:
            flags += [bool(properties.get(name, False)) for properties in tileset.properties]
        table: NDArray[Any] = np.array(flags, dtype=bool)
        found = np.zeros((self.height, self.width), dtype=bool)
        for layer in self.layers:
            found |= table[layer.gids & np.uint32(~FLIP_MASK & 0xFFFFFFFF)]
        return found
