"""Godot 3 maps: a scene with one TileMap per layer, and a TileSet of single tiles.

The ids of the tiles are the gids of the map. What Godot 3 tiles cannot carry, the properties of
tiles, is in the metadata of the tile set: ``get_meta("tiles")[id]["solid"]``.

References:
    Godot 3.2 sources: ``tile_map.cpp`` (``_get_tile_data``), ``tile_set.cpp`` (``_set``),
    ``texture.cpp`` (``AnimatedTexture``), ``variant_parser.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.godot3_frames import export_frames3
from aigc_assets.exporters.godot_text import coordinate, literal, node_name, quote
from aigc_assets.exporters.names import encode, identifiers
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.tile_pictures import (
    BORDER,
    collision_height,
    plain_gids,
    tileset_png,
    tileset_stems,
)
from aigc_assets.types import AssetPack, MapObject, SpriteSheet, Tilemap, Tileset
from aigc_assets.types.validation import Scalar

_FLIPS = ((0x80000000, 1 << 29), (0x40000000, 1 << 30), (0x20000000, 1 << 31))


def export_godot3(
    asset: Tilemap | SpriteSheet, name: str, pack: AssetPack | None = None
) -> dict[str, bytes]:
    """A map as written below, a sprite sheet by `aigc_assets.exporters.godot3_frames`.

    Writes ``<name>_godot3.tscn``, ``<name>_godot3_tileset.tres`` and one PNG per tileset.


    Solid tiles carry a collision shape. Objects are Position2D nodes at the centre of their cell,
    in a group named after their class, with class, cell, id and properties as metadata.

    Args:
        asset: A map or a sprite sheet.
        name: File name without suffix.
        pack: Says where the map comes from; the root node then carries ``aigc_*`` metadata.
    """
    if isinstance(asset, SpriteSheet):
        return export_frames3(asset, name)
    stems = list(tileset_stems(asset, name))
    set_name = f"{name}_godot3_tileset.tres"
    files = {
        f"{name}_godot3.tscn": encode(_scene(asset, name, set_name, origin(pack, name))),
        set_name: encode(_tile_set(asset, stems)),
    }
    for tileset, stem in zip(asset.tilesets, stems, strict=True):
        files[f"{stem}.png"] = tileset_png(tileset)
    return files


class _Resources:
    """The sub-resources of a file, numbered as they are added; equal ones are written once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, kind: str, *properties: str) -> str:
        key = (kind, *properties)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers) + 1
            head = f'[sub_resource type="{kind}" id={self._numbers[key]}]'
            self.lines += [head, *properties, ""]
        return f"SubResource( {self._numbers[key]} )"


def _tile_set(tilemap: Tilemap, stems: list[str]) -> str:
    resources = _Resources()
    lines = ["[resource]"]
    for number, (first, tileset, stem) in enumerate(
        zip(tilemap.first_gids, tilemap.tilesets, stems, strict=True), 1
    ):
        animations = {animation.tile: animation.frames for animation in tileset.animations}
        for tile, properties in enumerate(tileset.properties):
            texture, region = f"ExtResource( {number} )", _region(tileset, tile)
            if tile in animations:
                texture = _animated(tileset, number, animations[tile], resources)
                region = "Rect2( 0, 0, {}, {} )".format(*tileset.tile_size)
            lines += _tile(tilemap, tileset, first + tile, properties, resources, texture, region,
                           f"{stem}_{tile}")  # fmt: skip
    tiles = ", ".join(
        f"{first + tile}: {_dictionary(properties)}"
        for first, tileset in zip(tilemap.first_gids, tilemap.tilesets, strict=True)
        for tile, properties in enumerate(tileset.properties)
        if properties
    )
    lines.append(f'__meta__ = {{\n"tiles": {{ {tiles} }}\n}}')
    steps = len(stems) + len(resources) + 1
    head = [f'[gd_resource type="TileSet" load_steps={steps} format=2]', ""]
    for number, stem in enumerate(stems, 1):
        head.append(f'[ext_resource path="{stem}.png" type="Texture" id={number}]')
    return "\n".join([*head, "", *resources.lines, *lines, ""])


def _region(tileset: Tileset, tile: int) -> str:
    width, height = tileset.tile_size
    row, column = divmod(tile, tileset.columns)
    x, y = BORDER + column * (width + 2 * BORDER), BORDER + row * (height + 2 * BORDER)
    return f"Rect2( {x}, {y}, {width}, {height} )"


def _animated(
    tileset: Tileset, number: int, frames: tuple[tuple[int, int], ...], resources: _Resources
) -> str:
    # A frame is shown for 1 / fps plus its delay; 0 frames per second stand for no time at all.
    lines = [f"frames = {len(frames)}", "fps = 0.0"]
    for index, (tile, duration) in enumerate(frames):
        part = resources.add(
            "AtlasTexture",
            "flags = 0",
            f"atlas = ExtResource( {number} )",
            f"region = {_region(tileset, tile)}",
        )
        lines.append(f"frame_{index}/texture = {part}")
        lines.append(f"frame_{index}/delay_sec = {literal(duration / 1000)}")
    return resources.add("AnimatedTexture", "flags = 0", *lines)


def _tile(
    tilemap: Tilemap,
    tileset: Tileset,
    gid: int,
    properties: Mapping[str, Scalar],
    resources: _Resources,
    texture: str,
    region: str,
    name: str,
) -> list[str]:
    height = tileset.tile_size[1]
    cell = tilemap.tile_size
    lines = [
        f"{gid}/name = {quote(name)}",
        f"{gid}/texture = {texture}",
        # Tiled stands a tile on the bottom left corner of its cell, Godot hangs it from the top.
        f"{gid}/tex_offset = Vector2( 0, {cell[1] - height} )",
        f"{gid}/modulate = Color( 1, 1, 1, 1 )",
        f"{gid}/region = {region}",
        f"{gid}/tile_mode = 0",
    ]
    solid = collision_height(properties, cell[1])
    if solid:
        corners = f"0, 0, {cell[0]}, 0, {cell[0]}, {solid}, 0, {solid}"
        shape = resources.add("ConvexPolygonShape2D", f"points = PoolVector2Array( {corners} )")
        one_way = "true" if solid < cell[1] else "false"
        lines += [
            f"{gid}/shapes = [ {{",
            '"autotile_coord": Vector2( 0, 0 ),',
            f'"one_way": {one_way},',
            '"one_way_margin": 1.0,',
            f'"shape": {shape},',
            '"shape_transform": Transform2D( 1, 0, 0, 1, 0, 0 )',
            "} ]",
        ]
    return [*lines, f"{gid}/z_index = 0"]


def _scene(tilemap: Tilemap, name: str, set_name: str, made: dict[str, Scalar]) -> str:
    used: set[str] = set()
    lines = [
        "[gd_scene load_steps=2 format=2]",
        "",
        f'[ext_resource path="{set_name}" type="TileSet" id=1]',
        "",
        f'[node name="{node_name(name, set())}" type="Node2D"]',
        *_meta({**tilemap.properties, **made}),
        "",
    ]
    for layer in tilemap.layers:
        layer_name = quote(node_name(layer.name, used))
        lines += [
            f'[node name={layer_name} type="TileMap" parent="."]',
            "tile_set = ExtResource( 1 )",
            "cell_size = Vector2( {}, {} )".format(*tilemap.tile_size),
            "format = 1",
            f"tile_data = PoolIntArray( {tile_data(layer.gids)} )",
            "",
        ]
    for group in tilemap.object_layers:
        parent = node_name(group.name, used)
        lines += [f'[node name={quote(parent)} type="Node2D" parent="."]', ""]
        siblings: set[str] = set()
        for item in group.objects:
            lines += _marker(item, parent, siblings, tilemap.tile_size)
    return "\n".join(lines)


def tile_data(gids: NDArray[np.uint32]) -> str:
    """The cells of a layer: three signed 32-bit numbers each, row and column, tile, (0, 0)."""
    rows, columns = np.nonzero(gids)
    cells = gids[rows, columns]
    tile = plain_gids(cells)
    for tiled, godot in _FLIPS:
        tile |= np.where(cells & np.uint32(tiled), np.uint32(godot), np.uint32(0))
    place = (rows.astype(np.uint32) << np.uint32(16)) | columns.astype(np.uint32)
    numbers = np.stack([place, tile, np.zeros_like(tile)], axis=1).astype(np.uint32)
    return ", ".join(map(str, numbers.view(np.int32).ravel().tolist()))


def _marker(item: MapObject, parent: str, siblings: set[str], size: tuple[int, int]) -> list[str]:
    name = quote(node_name(item.name or item.cls, siblings))
    x, y = (2 * item.cell[0] + 1) * size[0] / 2, (2 * item.cell[1] + 1) * size[1] / 2
    own: dict[str, Scalar] = {"object_class": item.cls, "object_id": item.id}
    own |= {"column": item.cell[0], "row": item.cell[1]}
    own |= {key: value for key, value in item.properties.items() if key not in own}
    return [
        f'[node name={name} type="Position2D" parent={quote(parent)} groups=[',
        f"{quote(item.cls)},",
        "]]",
        f"position = Vector2( {coordinate(x)}, {coordinate(y)} )",
        *_meta(own),
        "",
    ]


def _meta(properties: Mapping[str, Scalar]) -> list[str]:
    if not properties:
        return []
    names = identifiers(properties)
    return [f"__meta__ = {_dictionary({names[k]: v for k, v in properties.items()})}"]


def _dictionary(properties: Mapping[str, Scalar]) -> str:
    rows = ",\n".join(f"{quote(key)}: {literal(value)}" for key, value in properties.items())
    return f"{{\n{rows}\n}}"
