"""Tiled maps: TMX, one external TSX and one PNG per tileset.

Tilesets carry the properties of their tiles, the shapes that stop a body, animations and wang sets.
The walk that proves that the map can be finished travels along as a hidden object layer
``witness``: a polyline through the cell centres and the list of what is done on the way.

References:
    Tiled documentation, "TMX Map Format" 1.10. Objects carry their class in ``type``, which 1.10
    and every version before 1.9 read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.names import encode
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.tile_pictures import (
    BORDER,
    collision_height,
    picture_size,
    tileset_png,
    tileset_stems,
)
from aigc_assets.types import AssetPack, MapObject, Tilemap, Tileset, Witness
from aigc_assets.types.tileset import WangSet
from aigc_assets.types.validation import Scalar

VERSION = "1.10"
"""Of the format; what 1.10 writes, Tiled 1.8 and every later version read."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export_tiled(asset: Tilemap, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.tmx``, ``<name>_<tileset>.tsx`` and ``<name>_<tileset>.png``.

    Layers hold unsigned gids as CSV, flips in the three top bits. Objects are rectangles of one
    cell with their class, their id and their properties.

    Args:
        asset: The map.
        name: File name without suffix.
        pack: Says where the map comes from; the map then carries ``aigc_*`` properties.
    """
    files: dict[str, bytes] = {}
    root = ElementTree.Element(
        "map",
        version=VERSION,
        tiledversion=VERSION + ".2",
        orientation="orthogonal",
        renderorder="right-down",
        width=str(asset.width),
        height=str(asset.height),
        tilewidth=str(asset.tile_size[0]),
        tileheight=str(asset.tile_size[1]),
        infinite="0",
    )
    _add_properties(root, {**asset.properties, **origin(pack, name)})
    for first, tileset, stem in zip(
        asset.first_gids, asset.tilesets, tileset_stems(asset, name), strict=True
    ):
        ElementTree.SubElement(root, "tileset", firstgid=str(first), source=f"{stem}.tsx")
        files[f"{stem}.tsx"] = _document(_tileset(tileset, stem))
        files[f"{stem}.png"] = tileset_png(tileset)

    layer_id = 0
    for layer in asset.layers:
        layer_id += 1
        node = ElementTree.SubElement(
            root,
            "layer",
            id=str(layer_id),
            name=_clean(layer.name),
            width=str(asset.width),
            height=str(asset.height),
        )
        ElementTree.SubElement(node, "data", encoding="csv").text = _csv(layer.gids)
    for group in asset.object_layers:
        layer_id += 1
        node = ElementTree.SubElement(
            root, "objectgroup", id=str(layer_id), name=_clean(group.name)
        )
        for item in group.objects:
            _add_object(node, item, asset.tile_size)
    last_id = max((item.id for item in asset.objects), default=0)
    if asset.witness is not None:
        layer_id += 1
        last_id += 1
        _add_witness(root, asset, asset.witness, layer_id, last_id)

    root.set("nextlayerid", str(layer_id + 1))
    root.set("nextobjectid", str(last_id + 1))
    return {f"{name}.tmx": _document(root), **files}


def witness_name(tilemap: Tilemap) -> str:
    """A layer name for the witness that no layer of the map has."""
    names = {layer.name for layer in tilemap.layers}
    names |= {group.name for group in tilemap.object_layers}
    name = "witness"
    while name in names:
        name = f"aigc_{name}"
    return name


def witness_points(tilemap: Tilemap, witness: Witness) -> tuple[NDArray[np.float64], str]:
    """Cell centres of the walk in px, [N, 2], and its events as JSON text."""
    size = np.array(tilemap.tile_size)
    events = [[event.step, event.action, event.object_id] for event in witness.events]
    return witness.path * size + size / 2, json.dumps(events)


def _tileset(tileset: Tileset, stem: str) -> ElementTree.Element:
    width, height = tileset.tile_size
    picture = picture_size(tileset)
    root = ElementTree.Element(
        "tileset",
        version=VERSION,
        name=tileset.name,
        tilewidth=str(width),
        tileheight=str(height),
        spacing=str(2 * BORDER),
        margin=str(BORDER),
        tilecount=str(tileset.tile_count),
        columns=str(tileset.columns),
    )
    ElementTree.SubElement(
        root, "image", source=f"{stem}.png", width=str(picture[0]), height=str(picture[1])
    )
    animations = {animation.tile: animation.frames for animation in tileset.animations}
    for index, properties in enumerate(tileset.properties):
        solid = collision_height(properties, height)
        if not properties and index not in animations:
            continue
        tile = ElementTree.SubElement(root, "tile", id=str(index))
        _add_properties(tile, properties)
        if solid:
            shapes = ElementTree.SubElement(tile, "objectgroup", draworder="index", id="1")
            box = {"x": "0", "y": "0", "width": str(width), "height": str(solid)}
            kind = {"type": "one_way"} if solid < height else {}
            ElementTree.SubElement(shapes, "object", {"id": "1", **kind, **box})
        if index in animations:
            animation = ElementTree.SubElement(tile, "animation")
            for frame, duration in animations[index]:
                ElementTree.SubElement(
                    animation, "frame", tileid=str(frame), duration=str(duration)
                )
    if tileset.wang_sets:
        sets = ElementTree.SubElement(root, "wangsets")
        for wang_set in tileset.wang_sets:
            _add_wang_set(sets, wang_set)
    return root


def _add_wang_set(parent: ElementTree.Element, wang_set: WangSet) -> None:
    node = ElementTree.SubElement(
        parent, "wangset", name=_clean(wang_set.name), type=wang_set.kind, tile="-1"
    )
    for colour in wang_set.colours:
        ElementTree.SubElement(
            node,
            "wangcolor",
            name=_clean(colour.name),
            color=hex_colour(colour.rgb),
            tile=str(colour.tile),
            probability="1",
        )
    for index, ids in enumerate(wang_set.wang_ids.tolist()):
        if any(ids):
            text = ",".join(map(str, ids))
            ElementTree.SubElement(node, "wangtile", tileid=str(index), wangid=text)


def hex_colour(rgb: tuple[int, int, int]) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _add_object(parent: ElementTree.Element, item: MapObject, size: tuple[int, int]) -> None:
    node = ElementTree.SubElement(
        parent,
        "object",
        id=str(item.id),
        name=_clean(item.name),
        type=_clean(item.cls),
        x=str(item.cell[0] * size[0]),
        y=str(item.cell[1] * size[1]),
        width=str(size[0]),
        height=str(size[1]),
    )
    _add_properties(node, item.properties)


def _add_witness(
    root: ElementTree.Element, tilemap: Tilemap, witness: Witness, layer_id: int, object_id: int
) -> None:
    name = witness_name(tilemap)
    group = ElementTree.SubElement(root, "objectgroup", id=str(layer_id), name=name, visible="0")
    centres, events = witness_points(tilemap, witness)
    start = centres[0]
    node = ElementTree.SubElement(
        group,
        "object",
        id=str(object_id),
        name="witness",
        type="witness",
        x=_number(start[0]),
        y=_number(start[1]),
    )
    _add_properties(node, {"events": events, "steps": len(witness.path) - 1})
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in centres - start)
    ElementTree.SubElement(node, "polyline", points=points)


def _add_properties(parent: ElementTree.Element, properties: Mapping[str, Scalar]) -> None:
    if not properties:
        return
    node = ElementTree.SubElement(parent, "properties")
    for key, value in properties.items():
        entry = ElementTree.SubElement(node, "property", name=_clean(key))
        kind, held = typed(value)
        if kind != "string":
            entry.set("type", kind)
        if isinstance(held, bool):
            entry.set("value", "true" if held else "false")
        else:
            entry.set("value", _clean(repr(held) if kind == "float" else str(held)))


def typed(value: Scalar) -> tuple[str, Scalar]:
    """Tiled's type of a property and the value in it; its integers have 32 bits."""
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int):
        fits = -(2**31) <= value < 2**31
        return ("int", int(value)) if fits else ("string", str(int(value)))
    if isinstance(value, float):
        return "float", float(value)
    return "string", value


def _csv(gids: NDArray[np.uint32]) -> str:
    rows = [",".join(map(str, row)) for row in gids.tolist()]
    return "\n" + ",\n".join(rows) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _clean(text: str) -> str:
    """XML 1.0 has no way to write most control characters; they become U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)


def _document(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root, " ")
    body = ElementTree.tostring(root, encoding="unicode")
    return encode(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n')
