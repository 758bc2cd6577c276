"""Tiled maps: TMX, one external TSX and one PNG per tileset.

The walk that proves that the map can be finished travels along as a hidden object layer
``witness``: a polyline through the cell centres and the list of what is done on the way.

References:
    Tiled documentation, "TMX Map Format" 1.10. Objects carry their class in ``type``, which 1.10
    and every version before 1.9 read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png, extrude
from aigc_assets.types import MapObject, Tilemap, Tileset, Witness
from aigc_assets.types.validation import Scalar

BORDER = 1
"""Px by which the tiles of an exported tileset are extruded on each side."""

_VERSION = "1.10"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export_tiled(asset: Tilemap, name: str) -> dict[str, bytes]:
    """Write ``<name>.tmx``, ``<name>_<tileset>.tsx`` and ``<name>_<tileset>.png``.

    Layers hold unsigned gids as CSV, flips in the three top bits. Objects are rectangles of one
    cell with their class, their id and their properties.

    Args:
        asset: The map.
        name: File name without suffix.
    """
    files: dict[str, bytes] = {}
    root = ElementTree.Element(
        "map",
        version=_VERSION,
        tiledversion=_VERSION + ".2",
        orientation="orthogonal",
        renderorder="right-down",
        width=str(asset.width),
        height=str(asset.height),
        tilewidth=str(asset.tile_size[0]),
        tileheight=str(asset.tile_size[1]),
        infinite="0",
    )
    _add_properties(root, asset.properties)
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


def tileset_stems(tilemap: Tilemap, name: str) -> Iterator[str]:
    """File names without suffix, one per tileset: ``<name>_<tileset>``, numbered if used twice."""
    seen: set[str] = set()
    for tileset in tilemap.tilesets:
        stem, number = f"{name}_{tileset.name}", 2
        while stem in seen:
            stem, number = f"{name}_{tileset.name}_{number}", number + 1
        seen.add(stem)
        yield stem


def tileset_png(tileset: Tileset) -> bytes:
    """The picture of a tileset with extruded tiles (margin `BORDER`, spacing 2 * `BORDER`)."""
    return encode_png(extrude(tileset.image, tileset.tile_size, BORDER))


def _tileset(tileset: Tileset, stem: str) -> ElementTree.Element:
    width, height = tileset.tile_size
    rows = tileset.tile_count // tileset.columns
    root = ElementTree.Element(
        "tileset",
        version=_VERSION,
        name=tileset.name,
        tilewidth=str(width),
        tileheight=str(height),
        spacing=str(2 * BORDER),
        margin=str(BORDER),
        tilecount=str(tileset.tile_count),
        columns=str(tileset.columns),
    )
    ElementTree.SubElement(
        root,
        "image",
        source=f"{stem}.png",
        width=str(tileset.columns * (width + 2 * BORDER)),
        height=str(rows * (height + 2 * BORDER)),
    )
    for index, properties in enumerate(tileset.properties):
        if properties:
            tile = ElementTree.SubElement(root, "tile", id=str(index))
            _add_properties(tile, properties)
    return root


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
    names = {layer.name for layer in tilemap.layers}
    names |= {group.name for group in tilemap.object_layers}
    name = "witness"
    while name in names:
        name = f"aigc_{name}"
    group = ElementTree.SubElement(root, "objectgroup", id=str(layer_id), name=name, visible="0")
    size = np.array(tilemap.tile_size)
    centres = witness.path * size + size / 2
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
    events = [[event.step, event.action, event.object_id] for event in witness.events]
    _add_properties(node, {"events": json.dumps(events), "steps": len(witness.path) - 1})
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in centres - start)
    ElementTree.SubElement(node, "polyline", points=points)


def _add_properties(parent: ElementTree.Element, properties: Mapping[str, Scalar]) -> None:
    if not properties:
        return
    node = ElementTree.SubElement(parent, "properties")
    for key, value in properties.items():
        entry = ElementTree.SubElement(node, "property", name=_clean(key))
        if isinstance(value, bool):
            entry.set("type", "bool")
            entry.set("value", "true" if value else "false")
        elif isinstance(value, int) and -(2**31) <= value < 2**31:
            entry.set("type", "int")
            entry.set("value", str(int(value)))
        elif isinstance(value, float):
            entry.set("type", "float")
            entry.set("value", repr(float(value)))
        else:  # text, or an integer that Tiled's 32 bits do not hold
            entry.set("value", _clean(str(value)))


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
