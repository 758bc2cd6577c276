"""Tiled's XML: ``.tmx`` with tilesets inside or in ``.tsx`` files beside it."""

from __future__ import annotations

import numpy as np

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.gids import from_numbers, from_text
from aigc_assets.training.maps.level_files.level import Level
from aigc_assets.training.maps.level_files.meaning import Legend
from aigc_assets.training.maps.level_files.tiled import (
    DEEPEST_GROUP,
    Tile,
    TiledMap,
    TileSet,
    check_header,
    level_of,
    tile_object_door,
)
from aigc_assets.training.maps.level_files.xml_tree import Element, parse_xml


def read_tmx(folder: Folder, name: str, legend: Legend) -> list[Level]:
    """The level in a TMX file.

    Raises:
        DataError: If it or a tileset of it cannot be read.
    """
    root = parse_xml(folder.read(name), name)
    if root.tag != "map":
        raise DataError(f"holds <{root.tag}>, not a map of Tiled", where=name)
    infinite = root.attributes.get("infinite", "0") != "0"
    orientation = root.attributes.get("orientation", "orthogonal")
    width, height = (_whole(root, key, name) for key in ("width", "height"))
    check_header(name, orientation, infinite, width, height)
    found = TiledMap(name, width, height, properties=_properties(root))
    for node in root.all("tileset"):
        found.add_tileset(_tileset(folder, name, node))
    size = (_number(root, "tilewidth"), _number(root, "tileheight"))
    _read_layers(root, found, size, 0)
    return [level_of(found, legend)]


def parse_tileset(folder: Folder, name: str, first: int) -> TileSet:
    """A tileset in a file of its own.

    Raises:
        DataError: If it cannot be read.
    """
    root = parse_xml(folder.read(name), name)
    if root.tag != "tileset":
        raise DataError(f"holds <{root.tag}>, not a tileset of Tiled", where=name)
    return _tiles(root, first, name)


def _tileset(folder: Folder, name: str, node: Element) -> TileSet:
    first = _whole(node, "firstgid", name)
    source = node.attributes.get("source")
    if source is None:
        return _tiles(node, first, name)
    path = folder.beside(name, source)
    if not path.lower().endswith((".tsx", ".xml")):
        raise DataError(f"names the tileset {source!r}, which is no .tsx file", where=name)
    return parse_tileset(folder, path, first)


def _tiles(root: Element, first: int, where: str) -> TileSet:
    tiles: dict[int, Tile] = {}
    last = 0
    for node in root.all("tile"):
        index = _whole(node, "id", where)
        last = max(last, index + 1)
        properties = _properties(node)
        kind = node.attributes.get("type") or node.attributes.get("class") or ""
        names = tuple(n for n in (str(properties.get("name", "")), kind) if n)
        shapes = node.first("objectgroup")
        tiles[index] = Tile(names, properties, shapes is not None and bool(shapes.children))
    count = _whole(root, "tilecount", where) if "tilecount" in root.attributes else 0
    if count == 0:
        count = last or 65536  # old files do not count the tiles of a picture
    return TileSet(root.attributes.get("name", ""), first, max(count, last), tiles)


def _read_layers(root: Element, found: TiledMap, size: tuple[float, float], depth: int) -> None:
    if depth > DEEPEST_GROUP:
        raise DataError("has groups within groups without end", where=found.where)
    for node in root.children:
        if node.tag == "group":
            _read_layers(node, found, size, depth + 1)
        elif node.tag == "layer":
            _read_layer(node, found)
        elif node.tag == "objectgroup":
            for item in node.all("object"):
                kind = item.attributes.get("type") or item.attributes.get("class") or ""
                place = (_number(item, "x"), _number(item, "y"))
                door = tile_object_door(kind, *place, size)
                if door is not None:
                    found.doors.append(door)


def _read_layer(node: Element, found: TiledMap) -> None:
    where = found.where
    data = node.first("data")
    if data is None:
        raise DataError("a layer has no data", where=where)
    shape = (found.height, found.width)
    for key, wanted in (("width", found.width), ("height", found.height)):
        if key in node.attributes and _whole(node, key, where) != wanted:
            raise DataError("a layer is not of the size of the map", where=where)
    if data.all("chunk"):
        raise DataError("is an infinite map", where=where)
    encoding = data.attributes.get("encoding", "")
    if encoding:
        compression = data.attributes.get("compression", "")
        gids = from_text(data.text, encoding, compression, shape[0] * shape[1], where)
    else:
        numbers = [_whole(tile, "gid", where) if "gid" in tile.attributes else 0
                   for tile in data.all("tile")]  # fmt: skip
        gids = from_numbers(numbers, shape[0] * shape[1], where)
    found.add_layer(node.attributes.get("name", ""), np.reshape(gids, shape))


def _properties(node: Element) -> dict[str, object]:
    """Custom properties; only booleans and text matter here."""
    found: dict[str, object] = {}
    holder = node.first("properties")
    for entry in holder.all("property") if holder else ():
        value: object = entry.attributes.get("value", entry.text)
        if entry.attributes.get("type") == "bool":
            value = value == "true"
        found[entry.attributes.get("name", "")] = value
    return found


def _whole(node: Element, key: str, where: str) -> int:
    text = node.attributes.get(key, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise DataError(f"<{node.tag}> has no whole number {key!r}", where=where)
    return int(text)


def _number(node: Element, key: str) -> float:
    """A number that only the places of doors depend on; -1 if it is none."""
    try:
        return float(node.attributes.get(key, "-1"))
    except ValueError:
        return -1.0
