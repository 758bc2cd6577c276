"""What LDtk 1.5.3 requires of a project, as rules for tests: keys, types, words and references.

Written down from the published description of the format; not generated from LDtk's own schema
file, which is not part of this project. Where ``AIGC_ASSETS_LDTK_SCHEMA`` names a copy of that
file, ``test_ldtk.py`` validates against it as well.
"""

from __future__ import annotations

import re
from typing import Any

INT, NUMBER, TEXT, FLAG, LIST, TEXTS = "int", "number", "text", "flag", "list", "text*"

# Records: required keys with their kind; then optional keys with theirs, which may also be null.
RECORDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "project": ({
        "bgColor": TEXT, "defs": "definitions", "externalLevels": FLAG, "iid": TEXT,
        "jsonVersion": TEXT, "levels": "level*", "toc": LIST, "worlds": LIST, "appBuildId": NUMBER,
        "backupLimit": INT, "backupOnSave": FLAG, "customCommands": LIST,
        "defaultEntityHeight": INT, "defaultEntityWidth": INT, "defaultGridSize": INT,
        "defaultLevelBgColor": TEXT, "defaultPivotX": NUMBER, "defaultPivotY": NUMBER,
        "dummyWorldIid": TEXT, "exportLevelBg": FLAG, "exportTiled": FLAG, "flags": TEXTS,
        "identifierStyle": "Capitalize|Uppercase|Lowercase|Free",
        "imageExportMode": "None|OneImagePerLayer|OneImagePerLevel|LayersAndLevels",
        "levelNamePattern": TEXT, "minifyJson": FLAG, "nextUid": INT, "simplifiedExport": FLAG,
    }, {
        "__header__": "any", "backupRelPath": TEXT, "defaultLevelHeight": INT,
        "defaultLevelWidth": INT, "pngFilePattern": TEXT, "tutorialDesc": TEXT,
        "worldGridHeight": INT, "worldGridWidth": INT,
        "worldLayout": "Free|GridVania|LinearHorizontal|LinearVertical",
    }),
    "definitions": ({
        "entities": "entity*", "enums": "enum*", "externalEnums": "enum*", "layers": "layer_def*",
        "levelFields": "field_def*", "tilesets": "tileset*",
    }, {}),
    "level": ({
        "__bgColor": TEXT, "__neighbours": "neighbour*", "fieldInstances": "field*",
        "identifier": TEXT, "iid": TEXT, "pxHei": INT, "pxWid": INT, "uid": INT, "worldDepth": INT,
        "worldX": INT, "worldY": INT, "__smartColor": TEXT, "bgPivotX": NUMBER, "bgPivotY": NUMBER,
        "useAutoIdentifier": FLAG, "layerInstances": "layer*",
    }, {
        "__bgPos": "background", "bgColor": TEXT, "bgRelPath": TEXT, "externalRelPath": TEXT,
        "bgPos": "Unscaled|Contain|Cover|CoverDirty|Repeat",
    }),
    "background": ({"cropRect": "number*", "scale": "number*", "topLeftPx": "int*"}, {}),
    "neighbour": ({"levelIid": TEXT, "dir": TEXT}, {}),
    "rect": ({"tilesetUid": INT, "x": INT, "y": INT, "w": INT, "h": INT}, {}),
    "point": ({"cx": INT, "cy": INT}, {}),
    "layer": ({
        "__cHei": INT, "__cWid": INT, "__gridSize": INT, "__identifier": TEXT, "__opacity": NUMBER,
        "__pxTotalOffsetX": INT, "__pxTotalOffsetY": INT,
        "__type": "IntGrid|Entities|Tiles|AutoLayer", "autoLayerTiles": "tile*",
        "entityInstances": "entity_instance*", "gridTiles": "tile*", "iid": TEXT,
        "intGridCsv": "int*", "layerDefUid": INT, "levelId": INT, "pxOffsetX": INT,
        "pxOffsetY": INT, "visible": FLAG, "optionalRules": "int*", "seed": INT,
    }, {"__tilesetDefUid": INT, "__tilesetRelPath": TEXT, "overrideTilesetUid": INT}),
    "layer_def": ({
        "__type": TEXT, "displayOpacity": NUMBER, "gridSize": INT, "identifier": TEXT,
        "intGridValues": "value*", "intGridValuesGroups": LIST, "parallaxFactorX": NUMBER,
        "parallaxFactorY": NUMBER, "parallaxScaling": FLAG, "pxOffsetX": INT, "pxOffsetY": INT,
        "uid": INT, "autoRuleGroups": LIST, "canSelectWhenInactive": FLAG, "excludedTags": TEXTS,
        "guideGridHei": INT, "guideGridWid": INT, "hideFieldsWhenInactive": FLAG,
        "hideInList": FLAG, "inactiveOpacity": NUMBER, "renderInWorldView": FLAG,
        "requiredTags": TEXTS, "tilePivotX": NUMBER, "tilePivotY": NUMBER,
        "type": "IntGrid|Entities|Tiles|AutoLayer", "uiFilterTags": TEXTS, "useAsyncRender": FLAG,
    }, {
        "autoSourceLayerDefUid": INT, "autoTilesKilledByOtherLayerUid": INT, "biomeFieldUid": INT,
        "doc": TEXT, "tilesetDefUid": INT, "uiColor": TEXT,
    }),
    "value": ({"color": TEXT, "groupUid": INT, "value": INT}, {"identifier": TEXT, "tile": "rect"}),
    "tile": ({"a": NUMBER, "f": INT, "px": "int*", "src": "int*", "t": INT, "d": "int*"}, {}),
    "tileset": ({
        "__cHei": INT, "__cWid": INT, "customData": "tile_data*", "enumTags": "tag*",
        "identifier": TEXT, "padding": INT, "pxHei": INT, "pxWid": INT, "spacing": INT,
        "tags": TEXTS, "tileGridSize": INT, "uid": INT, "savedSelections": LIST,
    }, {
        "cachedPixelData": "any", "embedAtlas": "LdtkIcons", "relPath": TEXT,
        "tagsSourceEnumUid": INT,
    }),
    "tile_data": ({"data": TEXT, "tileId": INT}, {}),
    "tag": ({"enumValueId": TEXT, "tileIds": "int*"}, {}),
    "enum": ({"identifier": TEXT, "tags": TEXTS, "uid": INT, "values": "enum_value*"},
             {"externalFileChecksum": TEXT, "externalRelPath": TEXT, "iconTilesetUid": INT}),
    "enum_value": ({"color": INT, "id": TEXT}, {"tileRect": "rect"}),
    "entity": ({
        "color": TEXT, "height": INT, "identifier": TEXT, "nineSliceBorders": "int*",
        "pivotX": NUMBER, "pivotY": NUMBER,
        "tileRenderMode":
            "Cover|FitInside|Repeat|Stretch|FullSizeCropped|FullSizeUncropped|NineSlice",
        "uid": INT, "width": INT, "allowOutOfBounds": FLAG, "exportToToc": FLAG,
        "fieldDefs": "field_def*", "fillOpacity": NUMBER, "hollow": FLAG, "keepAspectRatio": FLAG,
        "limitBehavior": "DiscardOldOnes|PreventAdding|MoveLastOne",
        "limitScope": "PerLayer|PerLevel|PerWorld", "lineOpacity": NUMBER, "maxCount": INT,
        "renderMode": "Rectangle|Ellipse|Tile|Cross", "resizableX": FLAG, "resizableY": FLAG,
        "showName": FLAG, "tags": TEXTS, "tileOpacity": NUMBER,
    }, {
        "doc": TEXT, "maxHeight": INT, "maxWidth": INT, "minHeight": INT, "minWidth": INT,
        "tileRect": "rect", "tilesetId": INT, "uiTileRect": "rect",
    }),
    "entity_instance": ({
        "__grid": "int*", "__identifier": TEXT, "__pivot": "number*", "__smartColor": TEXT,
        "__tags": TEXTS, "defUid": INT, "fieldInstances": "field*", "height": INT, "iid": TEXT,
        "px": "int*", "width": INT,
    }, {"__tile": "rect", "__worldX": INT, "__worldY": INT}),
    "field_def": ({
        "__type": TEXT, "canBeNull": FLAG, "identifier": TEXT, "isArray": FLAG, "type": TEXT,
        "uid": INT, "allowOutOfLevelRef": FLAG, "allowedRefTags": TEXTS,
        "allowedRefs": "Any|OnlySame|OnlyTags|OnlySpecificEntity", "autoChainRef": FLAG,
        "editorAlwaysShow": FLAG, "editorCutLongValues": FLAG,
        "editorDisplayMode": "Hidden|ValueOnly|NameAndValue|PointPath",
        "editorDisplayPos": "Above|Center|Beneath", "editorDisplayScale": NUMBER,
        "editorLinkStyle": "ZigZag|StraightArrow|CurvedArrow|ArrowsLine|DashedLine",
        "editorShowInWorld": FLAG, "exportToToc": FLAG, "searchable": FLAG,
        "symmetricalRef": FLAG, "useForSmartColor": FLAG,
    }, {
        "acceptFileTypes": TEXTS, "allowedRefsEntityUid": INT, "arrayMaxLength": INT,
        "arrayMinLength": INT, "defaultOverride": "any", "doc": TEXT, "editorDisplayColor": TEXT,
        "editorTextPrefix": TEXT, "editorTextSuffix": TEXT, "max": NUMBER, "min": NUMBER,
        "regex": TEXT, "tilesetUid": INT,
        "textLanguageMode": "LangPython|LangRuby|LangJS|LangLua|LangC|LangHaxe|LangMarkdown"
                            "|LangJson|LangXml|LangLog",
    }),
    "field": ({"__identifier": TEXT, "__type": TEXT, "__value": "any", "defUid": INT,
               "realEditorValues": LIST}, {"__tile": "rect"}),
}  # fmt: skip

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELDS = {"Int": INT, "Float": NUMBER, "Bool": FLAG, "String": TEXT, "Point": "point"}
_KINDS = {INT: int, TEXT: str, FLAG: bool, LIST: list, NUMBER: (int, float)}


def complaints(value: Any, record: str = "project", where: str = "") -> list[str]:
    """What is wrong with the shape of a document; empty when nothing is."""
    if not isinstance(value, dict):
        return [f"{where}: not an object"]
    required, optional = RECORDS[record]
    found = [f"{where}: no {key}" for key in required if key not in value]
    found += [f"{where}: {key} is not known" for key in value if key not in {*required, *optional}]
    for key, kind in required.items():
        if key in value:
            found += _wrong(value[key], kind, f"{where}/{key}")
    for key, kind in optional.items():
        if value.get(key) is not None:
            found += _wrong(value[key], kind, f"{where}/{key}")
    return found


def _wrong(value: Any, kind: str, where: str) -> list[str]:
    if kind.endswith("*"):
        if not isinstance(value, list):
            return [f"{where}: not a list"]
        return [c for i, v in enumerate(value) for c in _wrong(v, kind[:-1], f"{where}/{i}")]
    if kind in RECORDS:
        return complaints(value, kind, where)
    if kind == "any":
        return []
    if kind not in _KINDS:
        return [] if value in kind.split("|") else [f"{where}: {value!r} is none of {kind}"]
    right = isinstance(value, _KINDS[kind]) and (kind == FLAG or not isinstance(value, bool))
    if right and where.endswith("id") and where.rsplit("/", 1)[-1] == "iid":
        right = _IID.fullmatch(value) is not None
    if right and where.rsplit("/", 1)[-1] in ("identifier", "__identifier"):
        right = _IDENTIFIER.fullmatch(value) is not None
    return [] if right else [f"{where}: {value!r} is not {kind}"]


def loose_ends(project: dict[str, Any]) -> list[str]:
    """Numbers that are given twice, or that refer to nothing."""
    defs, level = project["defs"], project["levels"][0]
    uids = [level["uid"]]
    for kind in ("layers", "entities", "tilesets", "enums", "levelFields"):
        uids += [entry["uid"] for entry in defs[kind]]
    fields = [f for entity in defs["entities"] for f in entity["fieldDefs"]]
    uids += [field["uid"] for field in fields]
    found = [f"uid {uid} is given twice" for uid in sorted(set(uids)) if uids.count(uid) > 1]
    if project["nextUid"] <= max(uids):
        found.append("nextUid is taken")
    known = {kind: {e["uid"] for e in defs[kind]} for kind in ("layers", "entities", "tilesets")}
    names = [entry["identifier"] for entry in defs["layers"]]
    found += [f"two layers {name}" for name in sorted(set(names)) if names.count(name) > 1]
    iids = [project["iid"], project["dummyWorldIid"], level["iid"]]
    for layer in level["layerInstances"]:
        iids.append(layer["iid"])
        if layer["layerDefUid"] not in known["layers"] or layer["levelId"] != level["uid"]:
            found.append(f"layer {layer['__identifier']} has no definition")
        if layer["__type"] == "Tiles" and layer["__tilesetDefUid"] not in known["tilesets"]:
            found.append(f"layer {layer['__identifier']} has no tileset")
        for entity in layer["entityInstances"]:
            iids.append(entity["iid"])
            (definition,) = [e for e in defs["entities"] if e["uid"] == entity["defUid"]]
            wanted = [field["uid"] for field in definition["fieldDefs"]]
            if [field["defUid"] for field in entity["fieldInstances"]] != wanted:
                found.append(f"fields of {entity['__identifier']} do not fit")
    return found + ["an iid is given twice"] * (len(set(iids)) != len(iids))


def disagreements(project: dict[str, Any]) -> list[str]:
    """Copies that say something else than what they are copied from; values of another type."""
    defs, level = project["defs"], project["levels"][0]
    by_uid = {e["uid"]: e for kind in ("layers", "entities", "tilesets") for e in defs[kind]}
    pairs = list(zip(level["fieldInstances"], defs["levelFields"], strict=True))
    found = []
    for layer in level["layerInstances"]:
        definition = by_uid[layer["layerDefUid"]]
        path = by_uid.get(layer["__tilesetDefUid"], {}).get("relPath")
        cells = layer["__cWid"] * layer["__cHei"] * (layer["__type"] == "IntGrid")
        for key, said, right in (
            ("name", layer["__identifier"], definition["identifier"]),
            ("type", layer["__type"], definition["type"]),
            ("grid", layer["__gridSize"], definition["gridSize"]),
            ("opacity", layer["__opacity"], definition["displayOpacity"]),
            ("tileset", layer["__tilesetDefUid"], definition["tilesetDefUid"]),
            ("picture", layer["__tilesetRelPath"], path),
            ("number of cells", len(layer["intGridCsv"]), cells),
        ):
            if said != right:
                found.append(f"{key} of {layer['__identifier']} is {said}, not {right}")
        for entity in layer["entityInstances"]:
            definition = by_uid[entity["defUid"]]
            copied = [entity[key] for key in ("__identifier", "__smartColor", "__tags")]
            if copied != [definition[key] for key in ("identifier", "color", "tags")]:
                found.append(f"{entity['iid']} is no {definition['identifier']}")
            pairs += zip(entity["fieldInstances"], definition["fieldDefs"], strict=True)
    for field, definition in pairs:
        name, kind, value = field["__identifier"], field["__type"], field["__value"]
        if (name, kind) != (definition["identifier"], definition["__type"]):
            found.append(f"{name} is no {definition['identifier']}")
        kind = f"{_FIELDS[kind[6:-1]]}*" if kind.startswith("Array<") else _FIELDS[kind]
        if value is not None or not definition["canBeNull"]:
            found += _wrong(value, kind, name)
        stored = value if definition["isArray"] else [] if value is None else [value]
        if len(field["realEditorValues"]) != len(stored):
            found.append(f"{name} is not what the editor holds")
    return found
