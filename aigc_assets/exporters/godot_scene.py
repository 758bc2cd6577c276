"""Godot 4 maps: a scene with one TileMapLayer per layer, and its TileSet.

References:
    Godot 4.3 sources: ``tile_map_layer.cpp`` (``set_tile_map_data_from_array``), ``tile_set.cpp``
    (``TileSetAtlasSource::_set``, ``TileData::_set``), ``tile_set.h`` (``TRANSFORM_FLIP_H``).
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.godot_text import coordinate, literal, metadata, node_name, quote, uid
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.tmx import BORDER, tileset_png, tileset_stems
from aigc_assets.types import MapObject, Tilemap, Tileset
from aigc_assets.types.tilemap import FLIP_MASK
from aigc_assets.types.validation import Scalar

_FLIPS = ((0x80000000, 1 << 12), (0x40000000, 1 << 13), (0x20000000, 1 << 14))
_VARIANT_TYPES = {bool: 1, int: 2, float: 3, str: 4}
_RECORD = np.dtype(
    [("x", "<i2"), ("y", "<i2"), ("source", "<u2"), ("column", "<u2"), ("row", "<u2"),
     ("alternative", "<u2")]
)  # fmt: skip


def export_scene(asset: Tilemap, name: str) -> dict[str, bytes]:
    """Write ``<name>.tscn``, ``<name>_tileset.tres`` and one PNG per tileset.

    Solid tiles carry a collision polygon on physics layer 0; every tile property is a custom data
    layer. Objects are Marker2D nodes at the centre of their cell, in a group named after their
    class, with class, cell, id and properties as metadata. The witness is a hidden Line2D.

    Args:
        asset: The map.
        name: File name without suffix.
    """
    stems = list(tileset_stems(asset, name))
    files = {
        f"{name}.tscn": encode(_scene(asset, name)),
        f"{name}_tileset.tres": encode(_tile_set(asset, name, stems)),
    }
    for tileset, stem in zip(asset.tilesets, stems, strict=True):
        files[f"{stem}.png"] = tileset_png(tileset)
    return files


def _tile_set(tilemap: Tilemap, name: str, stems: list[str]) -> str:
    count = len(stems)
    file_uid = uid(name, f"{name}_tileset.tres")
    lines = [f'[gd_resource type="TileSet" load_steps={2 * count + 1} format=3 uid="{file_uid}"]']
    lines.append("")
    for number, stem in enumerate(stems, 1):
        lines.append(f'[ext_resource type="Texture2D" path="{stem}.png" id="{number}_tiles"]')
    lines.append("")
    layers = _data_layers(tilemap)
    for number, tileset in enumerate(tilemap.tilesets, 1):
        lines += _source(tileset, number, tilemap.tile_size, layers)
    lines += [
        "[resource]",
        "tile_size = Vector2i({}, {})".format(*tilemap.tile_size),
        "physics_layer_0/collision_layer = 1",
    ]
    for index, (key, kind) in enumerate(layers.items()):
        lines.append(f"custom_data_layer_{index}/name = {quote(key)}")
        lines.append(f"custom_data_layer_{index}/type = {_VARIANT_TYPES[kind]}")
    for index in range(count):
        lines.append(f'sources/{index} = SubResource("TileSetAtlasSource_{index + 1}")')
    return "\n".join([*lines, ""])


def _data_layers(tilemap: Tilemap) -> dict[str, type]:
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


def _source(
    tileset: Tileset, number: int, cell: tuple[int, int], layers: dict[str, type]
) -> list[str]:
    width, height = tileset.tile_size
    lines = [
        f'[sub_resource type="TileSetAtlasSource" id="TileSetAtlasSource_{number}"]',
        f"resource_name = {quote(tileset.name)}",
        f'texture = ExtResource("{number}_tiles")',
        f"margins = Vector2i({BORDER}, {BORDER})",
        f"separation = Vector2i({2 * BORDER}, {2 * BORDER})",
        f"texture_region_size = Vector2i({width}, {height})",
    ]
    # Tiled stands a tile on the bottom left corner of its cell, Godot centres it.
    shift = ((cell[0] - width) // 2, (height - cell[1]) // 2)
    x, y = cell[0] / 2, cell[1] / 2
    corners = ", ".join(coordinate(v) for v in (-x, -y, x, -y, x, y, -x, y))
    keys = list(layers)
    for index, properties in enumerate(tileset.properties):
        tile = f"{index % tileset.columns}:{index // tileset.columns}/0"
        lines.append(f"{tile} = 0")
        if shift != (0, 0):
            lines.append(f"{tile}/texture_origin = Vector2i({shift[0]}, {shift[1]})")
        if properties.get("solid") is True:
            points = f"PackedVector2Array({corners})"
            lines.append(f"{tile}/physics_layer_0/polygon_0/points = {points}")
        for key, value in properties.items():
            data = _as_type(value, layers[key])
            lines.append(f"{tile}/custom_data_{keys.index(key)} = {data}")
    return [*lines, ""]


def _scene(tilemap: Tilemap, name: str) -> str:
    used: set[str] = set()
    set_uid = uid(name, f"{name}_tileset.tres")
    lines = [
        f'[gd_scene load_steps=2 format=4 uid="{uid(name, f"{name}.tscn")}"]',
        "",
        f'[ext_resource type="TileSet" uid="{set_uid}" path="{name}_tileset.tres" id="1_tiles"]',
        "",
        f'[node name="{node_name(name, set())}" type="Node2D"]',
        "texture_filter = 1",
        *metadata(tilemap.properties),
        "",
    ]
    for layer in tilemap.layers:
        lines.append(f'[node name={_name(layer.name, used)} type="TileMapLayer" parent="."]')
        data = tile_map_data(tilemap, layer.gids)
        if data:
            encoded = base64.b64encode(data).decode("ascii")
            lines.append(f'tile_map_data = PackedByteArray("{encoded}")')
        lines += ['tile_set = ExtResource("1_tiles")', ""]
    for group in tilemap.object_layers:
        parent = node_name(group.name, used)
        lines += [f'[node name={quote(parent)} type="Node2D" parent="."]', ""]
        siblings: set[str] = set()
        for item in group.objects:
            lines += _marker(item, parent, siblings, tilemap.tile_size)
    return "\n".join([*lines, *_witness(tilemap, used)])


def _name(text: str, used: set[str]) -> str:
    return quote(node_name(text, used))


def _marker(item: MapObject, parent: str, siblings: set[str], size: tuple[int, int]) -> list[str]:
    name = _name(item.name or item.cls, siblings)
    head = f'[node name={name} type="Marker2D" parent={quote(parent)} groups=[{quote(item.cls)}]]'
    x, y = (2 * item.cell[0] + 1) * size[0] / 2, (2 * item.cell[1] + 1) * size[1] / 2
    return [
        head,
        f"position = Vector2({coordinate(x)}, {coordinate(y)})",
        f"metadata/cell = Vector2i({item.cell[0]}, {item.cell[1]})",
        f"metadata/object_class = {quote(item.cls)}",
        f"metadata/object_id = {item.id}",
        *metadata(item.properties, taken=("cell", "object_class", "object_id")),
        "",
    ]


def _witness(tilemap: Tilemap, used: set[str]) -> list[str]:
    if tilemap.witness is None:
        return []
    size = np.array(tilemap.tile_size)
    centres = tilemap.witness.path * size + size / 2
    points = ", ".join(coordinate(value) for value in centres.ravel())
    events = ", ".join(
        f"[{event.step}, {quote(event.action)}, {event.object_id}]"
        for event in tilemap.witness.events
    )
    return [
        f'[node name={_name("witness", used)} type="Line2D" parent="."]',
        "visible = false",
        f"points = PackedVector2Array({points})",
        "width = 2.0",
        f"metadata/events = [{events}]",
        "",
    ]


def tile_map_data(tilemap: Tilemap, gids: NDArray[np.uint32]) -> bytes:
    """The cells of one layer as TileMapLayer stores them.

    A little-endian uint16 0 (the version), then 12 bytes per cell that is not empty: int16 x and y,
    uint16 source, atlas column, atlas row and alternative, whose bits 12..14 hold the flips. No
    cell at all is no byte at all.

    Args:
        tilemap: The map, whose tilesets are the sources in order.
        gids: [H, W].
    """
    rows, columns = np.nonzero(gids)
    if len(rows) == 0:
        return b""
    full = gids[rows, columns]
    plain = (full & np.uint32(~FLIP_MASK & 0xFFFFFFFF)).astype(np.int64)
    source: NDArray[Any] = np.searchsorted(np.array(tilemap.first_gids), plain, side="right") - 1
    local = plain - np.array(tilemap.first_gids)[source]
    width = np.array([tileset.columns for tileset in tilemap.tilesets])[source]
    alternative = np.zeros(len(rows), dtype=np.int64)
    for tiled, godot in _FLIPS:
        alternative |= np.where(full & np.uint32(tiled), godot, 0)
    records = np.zeros(len(rows), dtype=_RECORD)
    records["x"], records["y"], records["source"] = columns, rows, source
    records["column"], records["row"] = local % width, local // width
    records["alternative"] = alternative
    return b"\0\0" + records.tobytes()
