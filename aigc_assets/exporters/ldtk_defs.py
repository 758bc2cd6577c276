"""The records of an LDtk project, each with every key that the format requires.

References:
    LDtk 1.5.3, JSON format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aigc_assets.exporters.names import identifiers
from aigc_assets.exporters.tile_pictures import BORDER
from aigc_assets.types.tilemap import TILE_PROPERTIES
from aigc_assets.types.validation import Scalar

Json = dict[str, Any]

VERSION = "1.5.3"
_BACKGROUND = "#1A1A22"
_INT32 = 2**31

_CLASS_COLOURS = {
    "start": "#63C74D", "exit": "#FEE761", "key": "#F77622", "door": "#B86F50",
    "monster": "#E43B44", "treasure": "#FEAE34", "boss": "#A22633", "trigger": "#2CE8F5",
    "box": "#C28569", "goal": "#FF0044",
}  # fmt: skip
_TERRAIN_COLOURS = {
    "solid": "#3A3A48", "floor": "#B8B0A0", "liquid": "#3E8EDE", "door": "#C9742B",
    "hazard": "#D43A3A", "one_way": "#8A6B3C", "ladder": "#D9B24A", "deep": "#1E4E8C",
}  # fmt: skip
_TAGS = (*TILE_PROPERTIES, "one_way", "ladder")


def class_colour(cls: str) -> str:
    """How the editor marks an object class."""
    return _CLASS_COLOURS.get(cls, "#94B0C2")


def terrain_colour(name: str) -> str:
    """How the editor paints an IntGrid value."""
    return _TERRAIN_COLOURS[name]


class Fields:
    """Custom fields that hold all the given rows of properties.

    A key becomes one field with the type that holds all its values: numbers widen to Float, what
    does not fit together becomes String.

    Args:
        rows: Properties of the instances that share the fields.
        uid: Gives the next free number.
    """

    def __init__(self, rows: Sequence[Mapping[str, Scalar]], uid: Callable[[], int]):
        kinds: dict[str, set[str]] = {}
        for row in rows:
            for key, value in row.items():
                kinds.setdefault(key, set()).add(_kind(value))
        self._names = identifiers(kinds)
        self._kinds: dict[str, str] = {}
        self.definitions: list[Json] = []
        for key, found in kinds.items():
            numbers = found == {"Int", "Float"}
            kind = next(iter(found)) if len(found) == 1 else ("Float" if numbers else "String")
            self._kinds[key] = kind
            self.definitions.append(_field(self._names[key], kind, uid(), False))

    def instances(self, row: Mapping[str, Scalar]) -> list[Json]:
        """The values of one instance, null for the fields that it does not have."""
        found = []
        for definition, (key, kind) in zip(self.definitions, self._kinds.items(), strict=True):
            value = _as_kind(row[key], kind) if key in row else None
            stored = [] if value is None else [{"id": f"V_{kind}", "params": [value]}]
            found.append(
                {
                    "__identifier": definition["identifier"],
                    "__type": kind,
                    "__value": value,
                    "__tile": None,
                    "defUid": definition["uid"],
                    "realEditorValues": stored,
                }
            )
        return found


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Int" if -_INT32 <= value < _INT32 else "String"
    return "Float" if isinstance(value, float) else "String"


def _as_kind(value: Scalar, kind: str) -> Scalar:
    if kind == "String":
        return value if isinstance(value, str) else json.dumps(value)
    return float(value) if kind == "Float" else value


def _field(identifier: str, kind: str, uid: int, is_array: bool) -> Json:
    point = kind == "Point"
    return {
        "identifier": identifier,
        "doc": None,
        "__type": f"Array<{kind}>" if is_array else kind,
        "uid": uid,
        "type": f"F_{kind}",
        "isArray": is_array,
        "canBeNull": not is_array,
        "arrayMinLength": None,
        "arrayMaxLength": None,
        "editorDisplayMode": "PointPath" if point else "Hidden",
        "editorDisplayScale": 1,
        "editorDisplayPos": "Above",
        "editorLinkStyle": "StraightArrow",
        "editorDisplayColor": None,
        "editorAlwaysShow": False,
        "editorShowInWorld": False,
        "editorCutLongValues": True,
        "editorTextSuffix": None,
        "editorTextPrefix": None,
        "useForSmartColor": False,
        "exportToToc": False,
        "searchable": False,
        "min": None,
        "max": None,
        "regex": None,
        "acceptFileTypes": None,
        "defaultOverride": None,
        "textLanguageMode": None,
        "symmetricalRef": False,
        "autoChainRef": True,
        "allowOutOfLevelRef": True,
        "allowedRefs": "OnlySame",
        "allowedRefsEntityUid": None,
        "allowedRefTags": [],
        "tilesetUid": None,
    }


def points(identifier: str, uid: int, path: Sequence[tuple[int, int]]) -> tuple[Json, Json]:
    """Definition and instance of a field that holds cells."""
    return _field(identifier, "Point", uid, True), {
        "__identifier": identifier,
        "__type": "Array<Point>",
        "__value": [{"cx": x, "cy": y} for x, y in path],
        "__tile": None,
        "defUid": uid,
        "realEditorValues": [{"id": "V_String", "params": [f"{x},{y}"]} for x, y in path],
    }


def tile_enum(uid: int) -> Json:
    """The enum whose values tag the tiles: one per boolean that a tile may carry."""
    values = [{"id": tag, "tileRect": None, "color": 0x808080 + 4096 * i}
              for i, tag in enumerate(_TAGS)]  # fmt: skip
    return {
        "identifier": "TileProperty",
        "uid": uid,
        "values": values,
        "iconTilesetUid": None,
        "externalRelPath": None,
        "externalFileChecksum": None,
        "tags": [],
    }


def tileset(
    identifier: str,
    uid: int,
    path: str,
    side: int,
    cells: tuple[int, int],
    properties: Sequence[Mapping[str, Scalar]],
    enum_uid: int,
) -> Json:
    """A tileset: its booleans as enum tags, all properties of a tile as JSON text."""
    columns, rows = cells
    return {
        "__cWid": columns,
        "__cHei": rows,
        "identifier": identifier,
        "uid": uid,
        "relPath": path,
        "embedAtlas": None,
        "pxWid": columns * (side + 2 * BORDER),
        "pxHei": rows * (side + 2 * BORDER),
        "tileGridSize": side,
        "spacing": 2 * BORDER,
        "padding": BORDER,
        "tags": [],
        "tagsSourceEnumUid": enum_uid,
        "enumTags": [
            {"enumValueId": tag, "tileIds": [i for i, p in enumerate(properties)
                                             if p.get(tag) is True]}
            for tag in _TAGS
        ],
        "customData": [
            {"tileId": i, "data": json.dumps(dict(p), ensure_ascii=False)}
            for i, p in enumerate(properties) if p
        ],
        "savedSelections": [],
        "cachedPixelData": None,
    }  # fmt: skip


def layer(
    identifier: str,
    kind: str,
    iid: str,
    def_uid: int,
    level_uid: int,
    cells: tuple[int, int],
    side: int,
    content: Mapping[str, object],
) -> Json:
    """A layer instance; ``content`` replaces some of its empty values."""
    return {
        "__identifier": identifier,
        "__type": kind,
        "__cWid": cells[0],
        "__cHei": cells[1],
        "__gridSize": side,
        "__opacity": 0.4 if kind == "IntGrid" else 1,
        "__pxTotalOffsetX": 0,
        "__pxTotalOffsetY": 0,
        "__tilesetDefUid": None,
        "__tilesetRelPath": None,
        "iid": iid,
        "levelId": level_uid,
        "layerDefUid": def_uid,
        "pxOffsetX": 0,
        "pxOffsetY": 0,
        "visible": True,
        "optionalRules": [],
        "intGridCsv": [],
        "autoLayerTiles": [],
        "seed": 0,
        "overrideTilesetUid": None,
        "gridTiles": [],
        "entityInstances": [],
        **content,
    }


def layer_definition(instance: Json) -> Json:
    """The definition that a layer instance refers to."""
    return {
        "__type": instance["__type"],
        "identifier": instance["__identifier"],
        "type": instance["__type"],
        "uid": instance["layerDefUid"],
        "doc": None,
        "uiColor": None,
        "gridSize": instance["__gridSize"],
        "guideGridWid": 0,
        "guideGridHei": 0,
        "displayOpacity": instance["__opacity"],
        "inactiveOpacity": 0.6,
        "hideInList": False,
        "hideFieldsWhenInactive": True,
        "canSelectWhenInactive": True,
        "renderInWorldView": instance["__type"] == "Tiles",
        "pxOffsetX": 0,
        "pxOffsetY": 0,
        "parallaxFactorX": 0,
        "parallaxFactorY": 0,
        "parallaxScaling": True,
        "requiredTags": [],
        "excludedTags": [],
        "autoTilesKilledByOtherLayerUid": None,
        "uiFilterTags": [],
        "useAsyncRender": False,
        "intGridValues": [],
        "intGridValuesGroups": [],
        "autoRuleGroups": [],
        "autoSourceLayerDefUid": None,
        "tilesetDefUid": instance["__tilesetDefUid"],
        "tilePivotX": 0,
        "tilePivotY": 0,
        "biomeFieldUid": None,
    }


def entity(identifier: str, uid: int, side: int, colour: str, fields: list[Json]) -> Json:
    """The definition of an object class."""
    return {
        "identifier": identifier,
        "uid": uid,
        "tags": [],
        "exportToToc": False,
        "allowOutOfBounds": False,
        "doc": None,
        "width": side,
        "height": side,
        "resizableX": False,
        "resizableY": False,
        "minWidth": None,
        "maxWidth": None,
        "minHeight": None,
        "maxHeight": None,
        "keepAspectRatio": False,
        "tileOpacity": 1,
        "fillOpacity": 0.3,
        "lineOpacity": 1,
        "hollow": False,
        "color": colour,
        "renderMode": "Rectangle",
        "showName": True,
        "tilesetId": None,
        "tileRenderMode": "FitInside",
        "tileRect": None,
        "uiTileRect": None,
        "nineSliceBorders": [],
        "maxCount": 0,
        "limitScope": "PerLevel",
        "limitBehavior": "MoveLastOne",
        "pivotX": 0,
        "pivotY": 0,
        "fieldDefs": fields,
    }


def entity_instance(
    definition: Json, iid: str, cell: tuple[int, int], side: int, fields: list[Json]
) -> Json:
    """One object on its cell."""
    x, y = (int(value) for value in cell)
    return {
        "__identifier": definition["identifier"],
        "__grid": [x, y],
        "__pivot": [0, 0],
        "__tags": [],
        "__tile": None,
        "__smartColor": definition["color"],
        "iid": iid,
        "width": side,
        "height": side,
        "defUid": definition["uid"],
        "px": [x * side, y * side],
        "fieldInstances": fields,
        "__worldX": x * side,
        "__worldY": y * side,
    }


def level(
    identifier: str,
    iid: str,
    uid: int,
    size: tuple[int, int],
    fields: list[Json],
    layers: list[Json],
) -> Json:
    """The level, at the origin of the world."""
    return {
        "identifier": identifier,
        "iid": iid,
        "uid": uid,
        "worldX": 0,
        "worldY": 0,
        "worldDepth": 0,
        "pxWid": size[0],
        "pxHei": size[1],
        "__bgColor": _BACKGROUND,
        "bgColor": None,
        "useAutoIdentifier": False,
        "bgRelPath": None,
        "bgPos": None,
        "bgPivotX": 0.5,
        "bgPivotY": 0.5,
        "__smartColor": "#8C8C9A",
        "__bgPos": None,
        "externalRelPath": None,
        "fieldInstances": fields,
        "layerInstances": layers,
        "__neighbours": [],
    }


def project(
    iid: str, world_iid: str, side: int, definitions: Json, levels: list[Json], next_uid: int
) -> Json:
    """The project file."""
    return {
        "__header__": {
            "fileType": "LDtk Project JSON",
            "app": "LDtk",
            "doc": "https://ldtk.io/json",
            "schema": "https://ldtk.io/files/JSON_SCHEMA.json",
            "appVersion": VERSION,
            "url": "https://ldtk.io",
        },
        "iid": iid,
        "jsonVersion": VERSION,
        "appBuildId": 0,
        "nextUid": next_uid,
        "identifierStyle": "Free",
        "toc": [],
        "worldLayout": "Free",
        "worldGridWidth": 256,
        "worldGridHeight": 256,
        "defaultLevelWidth": 256,
        "defaultLevelHeight": 256,
        "defaultPivotX": 0,
        "defaultPivotY": 0,
        "defaultGridSize": side,
        "defaultEntityWidth": side,
        "defaultEntityHeight": side,
        "bgColor": _BACKGROUND,
        "defaultLevelBgColor": _BACKGROUND,
        "minifyJson": False,
        "externalLevels": False,
        "exportTiled": False,
        "simplifiedExport": False,
        "imageExportMode": "None",
        "exportLevelBg": True,
        "pngFilePattern": None,
        "backupOnSave": False,
        "backupLimit": 10,
        "backupRelPath": None,
        "levelNamePattern": "Level_%idx",
        "tutorialDesc": None,
        "customCommands": [],
        "flags": [],
        "defs": definitions,
        "levels": levels,
        "worlds": [],
        "dummyWorldIid": world_iid,
    }
