"""Tiled maps as JSON, in the profile that game frameworks read without a plugin.

Tilesets are embedded, layers are plain lists of gids: what Phaser, Tileson and other loaders ask
for. The content is that of the TMX export.

References:
    Tiled documentation, "JSON Map Format" 1.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigc_assets.exporters.json_text import outline
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.tile_pictures import (
    BORDER,
    collision_height,
    picture_size,
    tileset_png,
    tileset_stems,
)
from aigc_assets.exporters.tmx import VERSION, hex_colour, typed, witness_name, witness_points
from aigc_assets.types import AssetPack, MapObject, Tilemap, Tileset
from aigc_assets.types.tileset import WangSet
from aigc_assets.types.validation import Scalar

Json = dict[str, Any]


def export_tmj(asset: Tilemap, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.tmj`` and one ``<name>_<tileset>.png`` per tileset.

    Args:
        asset: The map.
        name: File name without suffix.
        pack: Says where the map comes from; the map then carries ``aigc_*`` properties.
    """
    stems = list(tileset_stems(asset, name))
    layers: list[Json] = []
    for layer in asset.layers:
        layers.append(
            _layer(
                len(layers) + 1,
                layer.name,
                "tilelayer",
                data=layer.gids.ravel().tolist(),
                width=asset.width,
                height=asset.height,
            )
        )
    for group in asset.object_layers:
        objects = [_object(item, asset.tile_size) for item in group.objects]
        layers.append(_group(len(layers) + 1, group.name, objects))
    last_id = max((item.id for item in asset.objects), default=0)
    if asset.witness is not None:
        last_id += 1
        hidden = _group(len(layers) + 1, witness_name(asset), [_witness(asset, last_id)])
        layers.append({**hidden, "visible": False})
    document: Json = {
        "type": "map",
        "version": VERSION,
        "tiledversion": VERSION + ".2",
        "orientation": "orthogonal",
        "renderorder": "right-down",
        "compressionlevel": -1,
        "infinite": False,
        "width": asset.width,
        "height": asset.height,
        "tilewidth": asset.tile_size[0],
        "tileheight": asset.tile_size[1],
        "nextlayerid": len(layers) + 1,
        "nextobjectid": last_id + 1,
        **_properties({**asset.properties, **origin(pack, name)}),
        "tilesets": [
            _tileset(tileset, first, stem)
            for tileset, first, stem in zip(asset.tilesets, asset.first_gids, stems, strict=True)
        ],
        "layers": layers,
    }
    files = {f"{name}.tmj": outline(document, 2)}
    for tileset, stem in zip(asset.tilesets, stems, strict=True):
        files[f"{stem}.png"] = tileset_png(tileset)
    return files


def _layer(number: int, name: str, kind: str, **content: object) -> Json:
    return {
        "id": number, "name": name, "type": kind, "x": 0, "y": 0, "opacity": 1, "visible": True,
        **content,
    }  # fmt: skip


def _group(number: int, name: str, objects: list[Json]) -> Json:
    return _layer(number, name, "objectgroup", draworder="topdown", objects=objects)


def _object(item: MapObject, size: tuple[int, int]) -> Json:
    return {
        **_shape(item.id, item.name, item.cls, item.cell[0] * size[0], item.cell[1] * size[1]),
        "width": size[0],
        "height": size[1],
        **_properties(item.properties),
    }


def _shape(number: int, name: str, kind: str, x: float, y: float) -> Json:
    return {
        "id": number, "name": name, "type": kind, "x": x, "y": y, "width": 0, "height": 0,
        "rotation": 0, "visible": True,
    }  # fmt: skip


def _witness(tilemap: Tilemap, object_id: int) -> Json:
    assert tilemap.witness is not None
    centres, events = witness_points(tilemap, tilemap.witness)
    x, y = centres[0].tolist()
    points = [{"x": dx, "y": dy} for dx, dy in (centres - centres[0]).tolist()]
    return {
        **_shape(object_id, "witness", "witness", x, y),
        "polyline": points,
        **_properties({"events": events, "steps": len(tilemap.witness.path) - 1}),
    }


def _tileset(tileset: Tileset, first: int, stem: str) -> Json:
    width, height = tileset.tile_size
    image_width, image_height = picture_size(tileset)
    animations = {animation.tile: animation.frames for animation in tileset.animations}
    tiles: list[Json] = []
    for index, properties in enumerate(tileset.properties):
        tile: Json = {"id": index, **_properties(properties)}
        solid = collision_height(properties, height)
        if solid:
            kind = "one_way" if solid < height else ""
            box = {**_shape(1, "", kind, 0, 0), "width": width, "height": solid}
            group = _group(1, "", [box])
            tile["objectgroup"] = {**group, "draworder": "index"}
        if index in animations:
            tile["animation"] = [{"tileid": i, "duration": ms} for i, ms in animations[index]]
        if len(tile) > 1:
            tiles.append(tile)
    return {
        "firstgid": first,
        "name": tileset.name,
        "image": f"{stem}.png",
        "imagewidth": image_width,
        "imageheight": image_height,
        "tilewidth": width,
        "tileheight": height,
        "tilecount": tileset.tile_count,
        "columns": tileset.columns,
        "margin": BORDER,
        "spacing": 2 * BORDER,
        "tiles": tiles,
        **({"wangsets": [_wang_set(w) for w in tileset.wang_sets]} if tileset.wang_sets else {}),
    }


def _wang_set(wang_set: WangSet) -> Json:
    return {
        "name": wang_set.name,
        "type": wang_set.kind,
        "tile": -1,
        "colors": [
            {"name": c.name, "color": hex_colour(c.rgb), "tile": c.tile, "probability": 1}
            for c in wang_set.colours
        ],
        "wangtiles": [
            {"tileid": index, "wangid": ids}
            for index, ids in enumerate(wang_set.wang_ids.tolist())
            if any(ids)
        ],
    }


def _properties(properties: Mapping[str, Scalar]) -> Json:
    entries = []
    for key, value in properties.items():
        kind, held = typed(value)
        entries.append({"name": key, "type": kind, "value": held})
    return {"properties": entries} if entries else {}
