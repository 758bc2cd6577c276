"""The TileSet resource of a Godot 4 map, and where each tile of ours is found in it.

The sources of the set are the tilesets in order; a tileset with animations has a second source in
which each row is one animated tile, because Godot wants the frames of a tile side by side.

References:
    Godot 4.3 sources: ``tile_set.cpp`` (``TileSet::_set``, ``TileSetAtlasSource::_set``,
    ``TileData::_set``), ``tile_set.h`` (``TerrainMode``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.godot_text import coordinate, literal, quote
from aigc_assets.exporters.png import encode_png, extrude
from aigc_assets.exporters.tile_pictures import BORDER, collision_height
from aigc_assets.types import Tilemap, Tileset
from aigc_assets.types.tileset import TileAnimation
from aigc_assets.types.validation import Scalar

NO_NAVIGATION = 1
"""Alternative of a walkable tile for cells where something on top of it blocks the way."""

_VARIANT_TYPES = {bool: 1, int: 2, float: 3, str: 4}
_TERRAIN_MODES = {"mixed": 0, "corner": 1, "edge": 2}
_PEERING = (
    "top_side", "top_right_corner", "right_side", "bottom_right_corner",
    "bottom_side", "bottom_left_corner", "left_side", "top_left_corner",
)  # fmt: skip
"""Godot's names of the eight places of a wang id, in its order."""

_NAVIGATION_ID = "NavigationPolygon_cell"


class Places(NamedTuple):
    """Where the tile behind each gid is: index by gid, entry 0 is unused. All int64, [N + 1]."""

    source: NDArray[np.int64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]


def places(tilemap: Tilemap) -> Places:
    """Source and atlas coordinates of every gid."""
    source, column, row = [0], [0], [0]
    extra = len(tilemap.tilesets)
    for index, tileset in enumerate(tilemap.tilesets):
        moved = {animation.tile: i for i, animation in enumerate(tileset.animations)}
        for tile in range(tileset.tile_count):
            inside = tile in moved
            source.append(extra if inside else index)
            column.append(0 if inside else tile % tileset.columns)
            row.append(moved[tile] if inside else tile // tileset.columns)
        extra += bool(tileset.animations)
    return Places(np.array(source), np.array(column), np.array(row))


def animation_png(tileset: Tileset) -> bytes:
    """One row of frames for each animation, with extruded tiles."""
    width, height = tileset.tile_size
    longest = max(len(animation.frames) for animation in tileset.animations)
    image = np.zeros((len(tileset.animations) * height, longest * width, 4), dtype=np.uint8)
    for row, animation in enumerate(tileset.animations):
        for column, (tile, _) in enumerate(animation.frames):
            y, x = divmod(tile, tileset.columns)
            picture = tileset.image[y * height : (y + 1) * height, x * width : (x + 1) * width]
            image[row * height : (row + 1) * height, column * width : (column + 1) * width] = (
                picture
            )
    return encode_png(extrude(image, tileset.tile_size, BORDER))


def walks(tilemap: Tilemap) -> bool:
    """Whether bodies find their way over the tiles: not where they jump and fall."""
    return tilemap.properties.get("movement") != "jump"


def tile_set(tilemap: Tilemap, file_uid: str, stems: list[str]) -> str:
    """The text of the resource.

    Args:
        tilemap: The map.
        file_uid: ``uid://`` of the file.
        stems: File name without suffix of the picture of each tileset.
    """
    textures = list(stems)
    textures += [
        f"{stem}_animated"
        for stem, tileset in zip(stems, tilemap.tilesets, strict=True)
        if tileset.animations
    ]
    navigation = walks(tilemap)
    steps = 2 * len(textures) + navigation + 1
    lines = [f'[gd_resource type="TileSet" load_steps={steps} format=3 uid="{file_uid}"]', ""]
    for number, texture in enumerate(textures, 1):
        lines.append(f'[ext_resource type="Texture2D" path="{texture}.png" id="{number}_tiles"]')
    lines.append("")
    if navigation:
        lines += _navigation_polygon(tilemap.tile_size)
    writer = _Writer(tilemap, navigation)
    for number, tileset in enumerate(tilemap.tilesets, 1):
        lines += writer.source(tileset, number)
    number = len(tilemap.tilesets)
    for tileset in tilemap.tilesets:
        if tileset.animations:
            number += 1
            lines += writer.animations(tileset, number)
    lines += [
        "[resource]",
        "tile_size = Vector2i({}, {})".format(*tilemap.tile_size),
        "physics_layer_0/collision_layer = 1",
        *writer.terrain_sets(),
        *(["navigation_layer_0/layers = 1"] if navigation else []),
    ]
    for index, (key, kind) in enumerate(writer.layers.items()):
        lines.append(f"custom_data_layer_{index}/name = {quote(key)}")
        lines.append(f"custom_data_layer_{index}/type = {_VARIANT_TYPES[kind]}")
    for index in range(len(textures)):
        lines.append(f'sources/{index} = SubResource("TileSetAtlasSource_{index + 1}")')
    return "\n".join([*lines, ""])


def _navigation_polygon(cell: tuple[int, int]) -> list[str]:
    corners = f"PackedVector2Array({_rectangle(cell, cell[1])})"
    return [
        f'[sub_resource type="NavigationPolygon" id="{_NAVIGATION_ID}"]',
        f"vertices = {corners}",
        "polygons = Array[PackedInt32Array]([PackedInt32Array(0, 1, 2, 3)])",
        f"outlines = Array[PackedVector2Array]([{corners}])",
        "agent_radius = 0.0",
        "",
    ]


def _rectangle(cell: tuple[int, int], height: int) -> str:
    """Corners of the upper ``height`` px of a cell, relative to its centre."""
    x, top = cell[0] / 2, -cell[1] / 2
    bottom = top + height
    return ", ".join(coordinate(v) for v in (-x, top, x, top, x, bottom, -x, bottom))


class _Writer:
    """Lines of the sources; knows the data layers and the terrains of the whole set."""

    def __init__(self, tilemap: Tilemap, navigation: bool):
        self.tilemap = tilemap
        self.navigation = navigation
        self.layers = data_layers(tilemap)

    def source(self, tileset: Tileset, number: int) -> list[str]:
        lines = self._head(tileset, number, "")
        frames = {tile for animation in tileset.animations for tile, _ in animation.frames}
        frames |= {animation.tile for animation in tileset.animations}
        for tile in range(tileset.tile_count):
            place = f"{tile % tileset.columns}:{tile // tileset.columns}"
            lines += self._tile(tileset, tile, place, tile not in frames)
        return [*lines, ""]

    def animations(self, tileset: Tileset, number: int) -> list[str]:
        lines = self._head(tileset, number, "_animated")
        for row, animation in enumerate(tileset.animations):
            place = f"0:{row}"
            lines += _frames(animation, place)
            lines += self._tile(tileset, animation.tile, place, True)
        return [*lines, ""]

    def terrain_sets(self) -> list[str]:
        lines = []
        sets = [wang for tileset in self.tilemap.tilesets for wang in tileset.wang_sets]
        for index, wang_set in enumerate(sets):
            head = f"terrain_set_{index}"
            lines.append(f"{head}/mode = {_TERRAIN_MODES[wang_set.kind]}")
            for number, colour in enumerate(wang_set.colours):
                red, green, blue = (coordinate(round(v / 255, 4)) for v in colour.rgb)
                lines.append(f"{head}/terrain_{number}/name = {quote(colour.name)}")
                lines.append(f"{head}/terrain_{number}/color = Color({red}, {green}, {blue}, 1)")
        return lines

    def _head(self, tileset: Tileset, number: int, suffix: str) -> list[str]:
        width, height = tileset.tile_size
        return [
            f'[sub_resource type="TileSetAtlasSource" id="TileSetAtlasSource_{number}"]',
            f"resource_name = {quote(tileset.name + suffix)}",
            f'texture = ExtResource("{number}_tiles")',
            f"margins = Vector2i({BORDER}, {BORDER})",
            f"separation = Vector2i({2 * BORDER}, {2 * BORDER})",
            f"texture_region_size = Vector2i({width}, {height})",
        ]

    def _tile(self, tileset: Tileset, tile: int, place: str, terrain: bool) -> list[str]:
        properties = tileset.properties[tile]
        walkable = self.navigation and properties.get("solid") is not True
        lines = [f"{place}/0 = 0", *self._data(tileset, tile, f"{place}/0", terrain)]
        if walkable:
            polygon = f'SubResource("{_NAVIGATION_ID}")'
            lines.append(f"{place}/0/navigation_layer_0/polygon = {polygon}")
            lines.append(f"{place}/{NO_NAVIGATION} = {NO_NAVIGATION}")
            lines += self._data(tileset, tile, f"{place}/{NO_NAVIGATION}", False)
        return lines

    def _data(self, tileset: Tileset, tile: int, place: str, terrain: bool) -> list[str]:
        """Everything about a tile that its alternatives share."""
        cell, (width, height) = self.tilemap.tile_size, tileset.tile_size
        properties = tileset.properties[tile]
        lines = []
        # Tiled stands a tile on the bottom left corner of its cell, Godot centres it.
        shift = ((cell[0] - width) // 2, (height - cell[1]) // 2)
        if shift != (0, 0):
            lines.append(f"{place}/texture_origin = Vector2i({shift[0]}, {shift[1]})")
        if terrain:
            lines += self._terrain(tileset, tile, place)
        solid = collision_height(properties, cell[1])
        if solid:
            points = f"PackedVector2Array({_rectangle(cell, solid)})"
            lines.append(f"{place}/physics_layer_0/polygon_0/points = {points}")
            if solid < cell[1]:
                lines.append(f"{place}/physics_layer_0/polygon_0/one_way = true")
        keys = list(self.layers)
        for key, value in properties.items():
            data = _as_type(value, self.layers[key])
            lines.append(f"{place}/custom_data_{keys.index(key)} = {data}")
        return lines

    def _terrain(self, tileset: Tileset, tile: int, place: str) -> list[str]:
        """The first wang set that the tile belongs to; Godot has room for one."""
        index = 0
        for other in self.tilemap.tilesets:
            if other is tileset:
                break
            index += len(other.wang_sets)
        for number, wang_set in enumerate(tileset.wang_sets, index):
            ids = wang_set.wang_ids[tile].tolist()
            used = [colour for colour in ids if colour]
            if not used:
                continue
            # Godot asks for a terrain of the tile itself: the commonest, of equals the last.
            main = max(used, key=lambda colour: (used.count(colour), colour))
            lines = [f"{place}/terrain_set = {number}", f"{place}/terrain = {main - 1}"]
            for name, colour in zip(_PEERING, ids, strict=True):
                if colour:
                    lines.append(f"{place}/terrains_peering_bit/{name} = {colour - 1}")
            return lines
        return []


def _frames(animation: TileAnimation, place: str) -> list[str]:
    lines = [
        f"{place}/animation_columns = 0",
        f"{place}/animation_frames_count = {len(animation.frames)}",
    ]
    for index, (_, duration) in enumerate(animation.frames):
        seconds = literal(duration / 1000)
        lines.append(f"{place}/animation_frame_{index}/duration = {seconds}")
    return lines


def data_layers(tilemap: Tilemap) -> dict[str, type]:
    """Property names in order of appearance, each with the one type that holds all its values."""
    found: dict[str, set[type]] = {}
    for tileset in tilemap.tilesets:
        for properties in tileset.properties:
            for key, value in properties.items():
                found.setdefault(key, set()).add(_scalar_type(value))
    widest: dict[str, type] = {}
    for key, kinds in found.items():
        numbers = kinds == {int, float}
        widest[key] = next(iter(kinds)) if len(kinds) == 1 else (float if numbers else str)
    return widest


def _scalar_type(value: Scalar) -> type:
    # numpy's float64 is a float, and True an int: ask from the narrowest on.
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str
    return next(kind for kind in (bool, int, float, str) if isinstance(value, kind))


def _as_type(value: Scalar, kind: type) -> str:
    if kind is float:
        return literal(float(value))
    if kind is str and not isinstance(value, str):
        return quote(json.dumps(value))
    return literal(value)


def blocked_below(tilemap: Tilemap) -> list[NDArray[np.bool_]]:
    """Per layer, the cells whose tile must not offer navigation, [H, W].

    Only the lowest tile of a cell offers it, and only where no tile of the cell is solid.
    """
    solid = tilemap.solid()
    taken = np.zeros_like(solid)
    found = []
    for layer in tilemap.layers:
        drawn = layer.gids != 0
        found.append(drawn & (solid | taken))
        taken |= drawn
    return found


def walkable_tiles(tilemap: Tilemap) -> NDArray[np.bool_]:
    """Which gids have the alternative `NO_NAVIGATION`, [N + 1]."""
    flags = [False]
    for tileset in tilemap.tilesets:
        flags += [_is_walkable(properties) for properties in tileset.properties]
    return np.array(flags, dtype=bool) & walks(tilemap)


def _is_walkable(properties: Mapping[str, Scalar]) -> bool:
    return properties.get("solid") is not True
