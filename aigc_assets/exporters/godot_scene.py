"""Godot 4 maps: a scene with one TileMapLayer per layer, and its TileSet.

References:
    Godot 4.3 sources: ``tile_map_layer.cpp`` (``set_tile_map_data_from_array``), ``tile_set.h``
    (``TRANSFORM_FLIP_H``).
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.godot_text import coordinate, metadata, node_name, quote, uid
from aigc_assets.exporters.godot_tileset import (
    NO_NAVIGATION,
    animation_png,
    blocked_below,
    places,
    tile_set,
    walkable_tiles,
    walks,
)
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.tile_pictures import plain_gids, tileset_png, tileset_stems
from aigc_assets.types import AssetPack, MapObject, Tilemap
from aigc_assets.types.validation import Scalar

_FLIPS = ((0x80000000, 1 << 12), (0x40000000, 1 << 13), (0x20000000, 1 << 14))
_RECORD = np.dtype(
    [("x", "<i2"), ("y", "<i2"), ("source", "<u2"), ("column", "<u2"), ("row", "<u2"),
     ("alternative", "<u2")]
)  # fmt: skip


def export_scene(asset: Tilemap, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.tscn``, ``<name>_tileset.tres`` and the pictures of the tilesets.

    Solid tiles carry a collision polygon on physics layer 0, walkable ones a navigation polygon;
    every tile property is a custom data layer, every wang set a terrain set. Objects are Marker2D
    nodes at the centre of their cell, in a group named after their class, with class, cell, id and
    properties as metadata. The witness is a hidden Line2D.

    Args:
        asset: The map.
        name: File name without suffix.
        pack: Says where the map comes from. Its name enters the uids of the files, so that maps of
            one name from two packs live in one project.
    """
    stems = list(tileset_stems(asset, name))
    scope = (pack.name, name) if pack else (name,)
    set_uid = uid(*scope, f"{name}_tileset.tres")
    files = {
        f"{name}.tscn": encode(_scene(asset, name, scope, origin(pack, name))),
        f"{name}_tileset.tres": encode(tile_set(asset, set_uid, stems)),
    }
    for tileset, stem in zip(asset.tilesets, stems, strict=True):
        files[f"{stem}.png"] = tileset_png(tileset)
        if tileset.animations:
            files[f"{stem}_animated.png"] = animation_png(tileset)
    return files


def _scene(tilemap: Tilemap, name: str, scope: tuple[str, ...], made: dict[str, Scalar]) -> str:
    used: set[str] = set()
    set_uid = uid(*scope, f"{name}_tileset.tres")
    lines = [
        f'[gd_scene load_steps=2 format=4 uid="{uid(*scope, f"{name}.tscn")}"]',
        "",
        f'[ext_resource type="TileSet" uid="{set_uid}" path="{name}_tileset.tres" id="1_tiles"]',
        "",
        f'[node name="{node_name(name, set())}" type="Node2D"]',
        "texture_filter = 1",
        *metadata({**tilemap.properties, **made}),
        "",
    ]
    blocked = blocked_below(tilemap)
    for layer, without in zip(tilemap.layers, blocked, strict=True):
        lines.append(f'[node name={_name(layer.name, used)} type="TileMapLayer" parent="."]')
        offers = walks(tilemap) and bool((walkable_tiles(tilemap)[plain_gids(layer.gids)]
                                          & ~without).any())  # fmt: skip
        if not offers:
            lines.append("navigation_enabled = false")
        data = tile_map_data(tilemap, layer.gids, without if offers else None)
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


def tile_map_data(
    tilemap: Tilemap, gids: NDArray[np.uint32], blocked: NDArray[np.bool_] | None = None
) -> bytes:
    """The cells of one layer as TileMapLayer stores them.

    A little-endian uint16 0 (the version), then 12 bytes per cell that is not empty: int16 x and y,
    uint16 source, atlas column, atlas row and alternative, whose bits 12..14 hold the flips. No
    cell at all is no byte at all.

    Args:
        tilemap: The map.
        gids: [H, W].
        blocked: Cells whose tile must not offer navigation, [H, W]; none by default.
    """
    rows, columns = np.nonzero(gids)
    if len(rows) == 0:
        return b""
    full, plain = gids[rows, columns], plain_gids(gids)[rows, columns]
    where = places(tilemap)
    alternative = np.zeros(len(rows), dtype=np.int64)
    if blocked is not None:
        alternative[blocked[rows, columns] & walkable_tiles(tilemap)[plain]] = NO_NAVIGATION
    for tiled, godot in _FLIPS:
        alternative |= np.where(full & np.uint32(tiled), godot, 0)
    records = np.zeros(len(rows), dtype=_RECORD)
    records["x"], records["y"] = columns, rows
    records["source"] = where.source[plain]
    records["column"], records["row"] = where.column[plain], where.row[plain]
    records["alternative"] = alternative
    return b"\0\0" + records.tobytes()
