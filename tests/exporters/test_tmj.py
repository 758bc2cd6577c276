"""The JSON of Tiled says what the TMX says; the TMX is read here by a reader of its own."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.exporters.tmj import export_tmj
from aigc_assets.exporters.tmx import export_tiled
from aigc_assets.types import MapObject, ObjectLayer, TileLayer, Tilemap, Tileset
from tests import samples
from tests.exporters import maps

MAPS = {
    "keep": samples.tilemap(),
    "odd": maps.flipped(),
    "side": maps.side_view(),
    "boxes": maps.boxes(),
    "void": maps.void(),
}
NUMBERS = {
    "width", "height", "tilewidth", "tileheight", "id", "x", "y", "nextlayerid", "nextobjectid",
    "margin", "spacing", "tilecount", "columns", "tileid", "duration", "tile", "probability",
}  # fmt: skip


def of_xml(node: ElementTree.Element) -> dict:
    """The attributes and children of an element as the JSON format names and types them."""
    found: dict = {}
    for key, value in node.attrib.items():
        if key in ("visible", "infinite"):
            found[key] = value != "0"
        else:
            found[key] = float(value) if key in NUMBERS else value
    for entry in node.findall("properties/property"):
        kind = entry.get("type", "string")
        read = {"bool": lambda t: t == "true", "int": int, "float": float}.get(kind, str)
        found.setdefault("properties", []).append(
            {"name": entry.get("name"), "type": kind, "value": read(entry.get("value"))}
        )
    return found


def of_tmx(files: dict[str, bytes], name: str) -> dict:
    root = ElementTree.fromstring(files[f"{name}.tmx"])
    document = of_xml(root) | {"tilesets": [], "layers": []}
    for child in root:
        if child.tag == "tileset":
            tsx = ElementTree.fromstring(files[child.get("source")])
            document["tilesets"].append(tileset_of(tsx) | {"firstgid": int(child.get("firstgid"))})
        elif child.tag == "layer":
            cells = [int(text) for text in child.find("data").text.split(",")]
            document["layers"].append(of_xml(child) | {"data": cells})
        elif child.tag == "objectgroup":
            document["layers"].append(of_xml(child) | {"objects": objects_of(child)})
    return document


def objects_of(group: ElementTree.Element) -> list[dict]:
    found = []
    for node in group.findall("object"):
        entry = of_xml(node)
        for line in node.findall("polyline"):
            pairs = [point.split(",") for point in line.get("points").split(" ")]
            entry["polyline"] = [{"x": float(x), "y": float(y)} for x, y in pairs]
        found.append(entry)
    return found


def tileset_of(tsx: ElementTree.Element) -> dict:
    image = tsx.find("image")
    found = of_xml(tsx) | {"tiles": []}
    del found["version"]  # an embedded tileset has that of its map
    found |= {
        "image": image.get("source"),
        "imagewidth": int(image.get("width")),
        "imageheight": int(image.get("height")),
    }
    for tile in tsx.findall("tile"):
        entry = of_xml(tile)
        for group in tile.findall("objectgroup"):
            entry["objectgroup"] = {"objects": objects_of(group)}
        frames = [of_xml(frame) for frame in tile.iter("frame")]
        found["tiles"].append(entry | ({"animation": frames} if frames else {}))
    for wang_set in tsx.findall("wangsets/wangset"):
        tiles = [
            {"tileid": int(t.get("tileid")), "wangid": json.loads(f"[{t.get('wangid')}]")}
            for t in wang_set.findall("wangtile")
        ]
        colours = [of_xml(colour) for colour in wang_set.findall("wangcolor")]
        found.setdefault("wangsets", []).append(
            of_xml(wang_set) | {"colors": colours, "wangtiles": tiles}
        )
    return found


def within(part: object, whole: object, where: str = "") -> None:
    """Everything that the TMX says stands in the JSON too."""
    if isinstance(part, dict):
        for key, value in part.items():
            within(value, whole[key], f"{where}/{key}")
    elif isinstance(part, list):
        assert len(part) == len(whole), where
        for i, (one, other) in enumerate(zip(part, whole, strict=True)):
            within(one, other, f"{where}/{i}")
    else:  # XML has no way to write a NUL
        assert part == (whole.replace("\0", "\ufffd") if isinstance(whole, str) else whole), where


@pytest.mark.parametrize("name", MAPS)
def test_it_says_all_that_the_tmx_says(name):
    pack = samples.pack() if name == "keep" else None
    document = json.loads(export_tmj(MAPS[name], name, pack)[f"{name}.tmj"])
    within(of_tmx(export_tiled(MAPS[name], name, pack), name), document)


def test_a_wrong_file_would_be_noticed():
    document = json.loads(export_tmj(MAPS["keep"], "keep")["keep.tmj"])
    document["tilesets"][0]["tiles"][3]["animation"][1]["duration"] += 1
    with pytest.raises(AssertionError, match="duration"):
        within(of_tmx(export_tiled(MAPS["keep"], "keep"), "keep"), document)


@pytest.mark.parametrize("name", MAPS)
def test_it_is_the_profile_that_frameworks_read(name):
    files = export_tmj(MAPS[name], name)
    document = json.loads(files[f"{name}.tmj"])
    assert document["infinite"] is False and document["type"] == "map"
    for tileset in document["tilesets"]:
        assert "source" not in tileset and tileset["image"] in files
    for layer, wanted in zip(document["layers"], MAPS[name].layers, strict=False):
        assert layer["type"] == "tilelayer" and not {"encoding", "compression"} & set(layer)
        gids = np.array(layer["data"], dtype=np.uint32).reshape(wanted.gids.shape)
        np.testing.assert_array_equal(gids, wanted.gids)
    names = [layer["name"] for layer in document["layers"]]
    assert len(set(names)) == len(names)


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_any_text_survives(key, value):
    set_ = Tileset("ground", maps.picture(1, 1, 1), (8, 8), ({key: value},))
    item = MapObject(1, value, key, (0, 0), {key: value})
    layer = TileLayer(key, np.ones((1, 1), np.uint32))
    tilemap = Tilemap((set_,), (layer,), (ObjectLayer(f"o{key}", (item,)),), (8, 8), {key: value})
    document = json.loads(export_tmj(tilemap, "keep")["keep.tmj"])
    entry = {"name": key, "type": "string", "value": value}
    assert document["properties"] == [entry]
    assert document["tilesets"][0]["tiles"][0]["properties"] == [entry]
    assert document["layers"][1]["objects"][0]["name"] == value
