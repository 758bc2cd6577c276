"""Tiled's JSON: ``.tmj`` or ``.json`` with tilesets inside, or in files beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.gids import from_numbers, from_text
from aigc_assets.training.maps.level_files.json_values import get, objects, parse_json
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
from aigc_assets.training.maps.level_files.tmx import parse_tileset


def is_tmj(document: object) -> bool:
    """Whether a JSON document is a map of Tiled."""
    return isinstance(document, dict) and isinstance(document.get("layers"), list) and (
        "tilesets" in document or document.get("type") == "map"
    )  # fmt: skip


def level_of_tmj(folder: Folder, name: str, document: dict[str, Any], legend: Legend) -> Level:
    """The level in a parsed TMJ document.

    Raises:
        DataError: If it or a tileset of it cannot be read.
    """
    width, height = check_header(
        name,
        get(document, "orientation", str, "orthogonal"),
        document.get("infinite") is True,
        document.get("width"),
        document.get("height"),
    )
    found = TiledMap(name, width, height, properties=_properties(document))
    for entry in objects(document, "tilesets"):
        found.add_tileset(_tileset(folder, name, entry))
    size = (get(document, "tilewidth", int, -1), get(document, "tileheight", int, -1))
    _read_layers(document, found, size, 0)
    return level_of(found, legend)


def _tileset(folder: Folder, name: str, entry: dict[str, Any]) -> TileSet:
    first = get(entry, "firstgid", int, 0)
    if not 1 <= first < 2**28:
        raise DataError("a tileset has no first gid", where=name)
    source = entry.get("source")
    if source is None:
        return _tiles(entry, first, name)
    if not isinstance(source, str):
        raise DataError(f"names the tileset {source!r}", where=name)
    path = folder.beside(name, source)
    if path.lower().endswith((".tsx", ".xml")):
        return parse_tileset(folder, path, first)
    if not path.lower().endswith((".tsj", ".json")):
        raise DataError(f"names the tileset {source!r}, which is no .tsj file", where=name)
    document = parse_json(folder.read(path), path)
    if not isinstance(document, dict):
        raise DataError("is not a tileset of Tiled", where=path)
    return _tiles(document, first, path)


def _tiles(document: dict[str, Any], first: int, where: str) -> TileSet:
    tiles: dict[int, Tile] = {}
    for entry in objects(document, "tiles"):
        index = get(entry, "id", int, -1)
        if not 0 <= index < 2**28:
            raise DataError("a tile has no id", where=where)
        properties = _properties(entry)
        kind = get(entry, "type", str, "") or get(entry, "class", str, "")
        names = tuple(n for n in (str(properties.get("name", "")), kind) if n)
        shapes = objects(entry.get("objectgroup"), "objects")
        tiles[index] = Tile(names, properties, bool(shapes))
    last = max(tiles, default=-1) + 1
    count = get(document, "tilecount", int, 0)
    if count <= 0:
        count = last or 65536
    return TileSet(get(document, "name", str, ""), first, max(count, last), tiles)


def _read_layers(
    document: dict[str, Any], found: TiledMap, size: tuple[float, float], depth: int
) -> None:
    if depth > DEEPEST_GROUP:
        raise DataError("has groups within groups without end", where=found.where)
    for layer in objects(document, "layers"):
        kind = layer.get("type")
        if kind == "group":
            _read_layers(layer, found, size, depth + 1)
        elif kind == "tilelayer":
            _read_layer(layer, found)
        elif kind == "objectgroup":
            for item in objects(layer, "objects"):
                name = get(item, "type", str, "") or get(item, "class", str, "")
                door = tile_object_door(name, item.get("x"), item.get("y"), size)
                if door is not None:
                    found.doors.append(door)


def _read_layer(layer: dict[str, Any], found: TiledMap) -> None:
    where, count = found.where, found.width * found.height
    if "chunks" in layer:
        raise DataError("is an infinite map", where=where)
    sizes = (layer.get("width", found.width), layer.get("height", found.height))
    if sizes != (found.width, found.height):
        raise DataError("a layer is not of the size of the map", where=where)
    data = layer.get("data")
    if isinstance(data, list):
        gids = from_numbers(data, count, where)
    elif isinstance(data, str):
        encoding = get(layer, "encoding", str, "csv")
        gids = from_text(data, encoding, get(layer, "compression", str, ""), count, where)
    else:
        raise DataError("a layer has no data", where=where)
    name = get(layer, "name", str, "")
    found.add_layer(name, np.reshape(gids, (found.height, found.width)))


def _properties(entry: dict[str, Any]) -> dict[str, object]:
    return {get(p, "name", str, ""): p.get("value") for p in objects(entry, "properties")}
