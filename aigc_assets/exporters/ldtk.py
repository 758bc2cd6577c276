"""LDtk projects with one level: an IntGrid of terrain classes, tile layers, entities, the witness.

LDtk mirrors tiles but does not turn them: tiles that lie turned in the map are added to a picture
of their own, ``<name>_<tileset>_ldtk.png``, as further tiles. Ids are made from names, so that the
same map has the same ids in every export.

References:
    LDtk 1.5.3, JSON format (project, level, layer, tile and entity instances and definitions).
"""

from __future__ import annotations

import json
import uuid
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.exporters import ldtk_defs as defs
from aigc_assets.exporters.json_text import outline
from aigc_assets.exporters.ldtk_defs import Json
from aigc_assets.exporters.names import identifiers
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.png import encode_png, extrude
from aigc_assets.exporters.tile_pictures import (
    BORDER,
    plain_gids,
    tileset_png,
    tileset_stems,
)
from aigc_assets.types import AssetPack, TileLayer, Tilemap, Tileset
from aigc_assets.types.tilemap import FLIP_MASK
from aigc_assets.types.validation import Scalar

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "aigc_assets/ldtk")
_HORIZONTAL, _VERTICAL, _DIAGONAL = 0x80000000, 0x40000000, 0x20000000

TERRAIN = ("solid", "floor", "liquid", "door", "hazard", "one_way", "ladder", "deep")
"""Names of the IntGrid values 1, 2, ...; ``deep`` is a liquid that is solid, 0 a cell without tile.

Where a cell is several of them, the later of floor, solid, liquid, deep, ladder, one_way, hazard
and door counts.
"""


class Picture(NamedTuple):
    """A tileset as LDtk gets it: file stem, picture, and where turned tiles went.

    ``turned`` maps a local tile index to the index of its picture mirrored at the main diagonal.
    """

    stem: str
    data: bytes
    tile_count: int
    turned: dict[int, int]


def export_ldtk(asset: Tilemap, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.ldtk`` and one PNG per tileset.

    Args:
        asset: The map.
        name: File name without suffix.
        pack: Says where the map comes from; the level then carries ``aigc_*`` fields.

    Raises:
        UsageError: If the cells are not square or a tileset has tiles of another size; LDtk's grid
            can hold neither.
    """
    side = asset.tile_size[0]
    for tileset in asset.tilesets:
        if tileset.tile_size != (side, side) or asset.tile_size != (side, side):
            raise UsageError(
                f"ldtk holds square tiles of the size of a cell, tileset {tileset.name!r} has "
                f"{tileset.tile_size[0]}x{tileset.tile_size[1]} px in cells of "
                f"{asset.tile_size[0]}x{asset.tile_size[1]} px",
                where=name,
                remedy="export it as tiled or tmj",
            )
    pictures = [
        _picture(asset, index, stem) for index, stem in enumerate(tileset_stems(asset, name))
    ]
    project = _Project(asset, name, pack, pictures).document()
    files = {f"{name}.ldtk": outline(project, 4)}
    for picture in pictures:
        files[f"{picture.stem}.png"] = picture.data
    return files


def terrain_classes(tilemap: Tilemap) -> NDArray[np.uint8]:
    """The IntGrid value of each cell, [H, W]: 0 or 1 + an index into `TERRAIN`."""
    drawn = np.zeros((tilemap.height, tilemap.width), dtype=bool)
    for layer in tilemap.layers:
        drawn |= layer.gids != 0
    solid, liquid = tilemap.marked("solid"), tilemap.marked("liquid")
    cells = np.where(drawn, 2, 0).astype(np.uint8)
    for mask, name in (
        (solid, "solid"),
        (liquid, "liquid"),
        (solid & liquid, "deep"),
        *((tilemap.marked(key), key) for key in ("ladder", "one_way", "hazard", "door")),
    ):
        cells[mask] = 1 + TERRAIN.index(name)
    return cells


def _picture(tilemap: Tilemap, index: int, stem: str) -> Picture:
    """The picture of a tileset, with turned copies of the tiles that lie turned in the map."""
    tileset, first = tilemap.tilesets[index], tilemap.first_gids[index]
    used: set[int] = set()
    for layer in tilemap.layers:
        turned = layer.gids[(layer.gids & np.uint32(_DIAGONAL)) != 0]
        used |= {int(gid) - first for gid in np.unique(plain_gids(turned))}
    local = sorted(i for i in used if 0 <= i < tileset.tile_count)
    if not local:
        return Picture(stem, tileset_png(tileset), tileset.tile_count, {})
    side, columns = tileset.tile_size[0], tileset.columns
    image = np.zeros((-(-len(local) // columns) * side, columns * side, 4), dtype=np.uint8)
    for number, tile in enumerate(local):
        y, x = (side * v for v in divmod(number, columns))
        source_y, source_x = (side * v for v in divmod(tile, columns))
        picture = tileset.image[source_y : source_y + side, source_x : source_x + side]
        image[y : y + side, x : x + side] = picture.transpose(1, 0, 2)
    whole = np.concatenate([tileset.image, image])
    data = encode_png(extrude(whole, tileset.tile_size, BORDER))
    places = {tile: tileset.tile_count + number for number, tile in enumerate(local)}
    count = columns * (whole.shape[0] // side)
    return Picture(f"{stem}_ldtk", data, count, places)


class _Project:
    """Builds the document; keeps the numbers that its parts refer to each other by."""

    def __init__(
        self, tilemap: Tilemap, name: str, pack: AssetPack | None, pictures: list[Picture]
    ):
        self.tilemap = tilemap
        self.name = name
        self.pack = pack
        self.pictures = pictures
        self.side = tilemap.tile_size[0]
        self._last_uid = 0
        self._root = f"{pack.name if pack else ''}/{name}"
        names = [layer.name for layer in tilemap.layers]
        names += [group.name for group in tilemap.object_layers]
        self._layer_names = identifiers(names, ("Terrain", "Witness"))
        self._tileset_names = identifiers(picture.stem for picture in pictures)
        self._used_layers = {"Terrain", "Witness", *self._layer_names.values()}

    def uid(self) -> int:
        self._last_uid += 1
        return self._last_uid

    def iid(self, *path: object) -> str:
        return str(uuid.uuid5(_NAMESPACE, "/".join((self._root, *map(str, path)))))

    def document(self) -> Json:
        enum_uid = self.uid()
        tilesets = [
            self._tileset(tileset, picture, enum_uid)
            for tileset, picture in zip(self.tilemap.tilesets, self.pictures, strict=True)
        ]
        level_uid = self.uid()
        layer_defs: list[Json] = []
        layers: list[Json] = []
        # The first layer of the list is in front: entities, then tiles from top to bottom.
        entity_defs = self._entity_layers(layer_defs, layers, level_uid)
        for layer in reversed(self.tilemap.layers):
            for index in reversed(range(len(tilesets))):
                self._tile_layer(layer, index, tilesets, layer_defs, layers, level_uid)
        self._terrain_layer(layer_defs, layers, level_uid)
        properties = {**self.tilemap.properties, **origin(self.pack, self.name)}
        fields = defs.Fields([properties], self.uid)
        level = defs.level(
            identifiers([self.name])[self.name],
            self.iid("level"),
            level_uid,
            (self.tilemap.width * self.side, self.tilemap.height * self.side),
            fields.instances(properties),
            layers,
        )
        return defs.project(
            self.iid("project"),
            self.iid("world"),
            self.side,
            {
                "layers": layer_defs,
                "entities": entity_defs,
                "tilesets": tilesets,
                "enums": [defs.tile_enum(enum_uid)],
                "externalEnums": [],
                "levelFields": fields.definitions,
            },
            [level],
            self._last_uid + 1,
        )

    def _tileset(self, tileset: Tileset, picture: Picture, enum_uid: int) -> Json:
        properties = list(tileset.properties) + [{}] * (picture.tile_count - tileset.tile_count)
        for tile, turned in picture.turned.items():
            properties[turned] = tileset.properties[tile]
        rows = picture.tile_count // tileset.columns
        return defs.tileset(
            self._tileset_names[picture.stem],
            self.uid(),
            f"{picture.stem}.png",
            self.side,
            (tileset.columns, rows),
            properties,
            enum_uid,
        )

    def _layer(self, identifier: str, kind: str, level_uid: int, content: Json) -> Json:
        size = (self.tilemap.width, self.tilemap.height)
        return defs.layer(
            identifier, kind, self.iid("layer", identifier), self.uid(), level_uid, size, self.side,
            content,
        )  # fmt: skip

    def _entity_layers(
        self, layer_defs: list[Json], layers: list[Json], level_uid: int
    ) -> list[Json]:
        """Append one entity layer per object layer, top one first; return the definitions."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for item in self.tilemap.objects:
            kinds.setdefault(item.cls, []).append(_entity_fields(item.id, item.name, item))
        names = identifiers(kinds, ("Witness",))
        definitions: dict[str, Json] = {}
        fields: dict[str, defs.Fields] = {}
        for cls, rows in kinds.items():
            fields[cls] = defs.Fields(rows, self.uid)
            definitions[cls] = defs.entity(
                names[cls], self.uid(), self.side, defs.class_colour(cls), fields[cls].definitions
            )
        entities = list(definitions.values())
        if self.tilemap.witness is not None:
            entities.append(self._witness(layer_defs, layers, level_uid))
        for group in reversed(self.tilemap.object_layers):
            instances = []
            for item in group.objects:
                values = _entity_fields(item.id, item.name, item)
                instances.append(
                    defs.entity_instance(
                        definitions[item.cls],
                        self.iid("object", item.id),
                        item.cell,
                        self.side,
                        fields[item.cls].instances(values),
                    )
                )
            layer = self._layer(
                self._layer_names[group.name], "Entities", level_uid, {"entityInstances": instances}
            )
            layers.append(layer)
            layer_defs.append(defs.layer_definition(layer))
        return entities

    def _witness(self, layer_defs: list[Json], layers: list[Json], level_uid: int) -> Json:
        witness = self.tilemap.witness
        assert witness is not None
        events = json.dumps([[e.step, e.action, e.object_id] for e in witness.events])
        path = [(int(x), int(y)) for x, y in witness.path]
        values: dict[str, Scalar] = {"steps": len(path) - 1, "events": events}
        fields = defs.Fields([values], self.uid)
        point_def, point_instance = defs.points("path", self.uid(), path)
        definition = defs.entity(
            "Witness", self.uid(), self.side, "#FFFFFF", [*fields.definitions, point_def]
        )
        instance = defs.entity_instance(
            definition,
            self.iid("witness"),
            path[0],
            self.side,
            [*fields.instances(values), point_instance],
        )
        layer = self._layer(
            "Witness", "Entities", level_uid, {"entityInstances": [instance], "visible": False}
        )
        layers.append(layer)
        layer_defs.append(defs.layer_definition(layer))
        return definition

    def _tile_layer(
        self,
        layer: TileLayer,
        index: int,
        tilesets: list[Json],
        layer_defs: list[Json],
        layers: list[Json],
        level_uid: int,
    ) -> None:
        """Append the tiles of one tileset; a layer of LDtk draws from one tileset only."""
        tiles = self._tiles(layer, index)
        if not tiles and index > 0:
            return
        identifier = self._layer_names[layer.name]
        if index > 0:
            identifier = f"{identifier}_{tilesets[index]['identifier']}"
            while identifier in self._used_layers:
                identifier += "_"
            self._used_layers.add(identifier)
        made = self._layer(
            identifier,
            "Tiles",
            level_uid,
            {
                "gridTiles": tiles,
                "__tilesetDefUid": tilesets[index]["uid"],
                "__tilesetRelPath": tilesets[index]["relPath"],
            },
        )
        layers.append(made)
        layer_defs.append(defs.layer_definition(made))

    def _tiles(self, layer: TileLayer, index: int) -> list[Json]:
        tileset, first = self.tilemap.tilesets[index], self.tilemap.first_gids[index]
        turned, step = self.pictures[index].turned, self.side + 2 * BORDER
        plain = plain_gids(layer.gids).astype(np.int64) - first
        mine = (plain >= 0) & (plain < tileset.tile_count)
        tiles = []
        for row, column in np.argwhere(mine).tolist():
            gid, tile = int(layer.gids[row, column]), int(plain[row, column])
            # Mirroring comes after turning in Tiled and here, so the two flips stay as they are.
            if gid & _DIAGONAL & FLIP_MASK:
                tile = turned[tile]
            y, x = divmod(tile, tileset.columns)
            tiles.append(
                {
                    "px": [column * self.side, row * self.side],
                    "src": [BORDER + x * step, BORDER + y * step],
                    "f": bool(gid & _HORIZONTAL) + 2 * bool(gid & _VERTICAL),
                    "t": tile,
                    "d": [row * self.tilemap.width + column],
                    "a": 1,
                }
            )
        return tiles

    def _terrain_layer(self, layer_defs: list[Json], layers: list[Json], level_uid: int) -> None:
        cells = terrain_classes(self.tilemap).ravel().tolist()
        layer = self._layer("Terrain", "IntGrid", level_uid, {"intGridCsv": cells})
        layers.append(layer)
        definition = defs.layer_definition(layer)
        definition["intGridValues"] = [
            {"value": 1 + i, "identifier": key, "color": defs.terrain_colour(key), "tile": None,
             "groupUid": 0}
            for i, key in enumerate(TERRAIN)
        ]  # fmt: skip
        layer_defs.append(definition)


def _entity_fields(object_id: int, name: str, item: Any) -> dict[str, Any]:
    """Fields of an entity: the id and the name of the object, then its own properties."""
    own = {k: v for k, v in item.properties.items() if k not in ("object_id", "object_name")}
    return {"object_id": object_id, "object_name": name, **own}
