from __future__ import annotations

import json
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.exporters.tmx import export_tiled
from aigc_assets.types import MapObject, ObjectLayer, TileLayer, Tilemap, Tileset
from tests import samples
from tests.exporters import maps


def document(tilemap: Tilemap) -> tuple[ElementTree.Element, dict[str, bytes]]:
    files = export_tiled(tilemap, "keep")
    return ElementTree.fromstring(files["keep.tmx"]), files


def values(element: ElementTree.Element) -> dict[str, object]:
    """Custom properties with the types that the file gives them."""
    types = {"bool": {"true": True, "false": False}.__getitem__, "int": int, "float": float}
    found = {}
    for entry in element.iterfind("properties/property"):
        kind = types.get(entry.get("type", "string"), str)
        found[entry.get("name")] = kind(entry.get("value"))
    return found


@pytest.mark.parametrize("tilemap", [samples.tilemap(), maps.flipped(), maps.void()])
def test_gids_come_back_unsigned(tilemap):
    root, _ = document(tilemap)
    layers = root.findall("layer")
    assert [layer.get("name") for layer in layers] == [layer.name for layer in tilemap.layers]
    for node, layer in zip(layers, tilemap.layers, strict=True):
        numbers = [int(text) for text in node.find("data").text.split(",")]
        assert min(numbers) >= 0
        gids = np.array(numbers, dtype=np.uint32).reshape(tilemap.height, tilemap.width)
        np.testing.assert_array_equal(gids, layer.gids)


@pytest.mark.parametrize("tilemap", [samples.tilemap(), maps.flipped(), maps.void()])
def test_ids_are_unique_and_the_next_ones_free(tilemap):
    root, _ = document(tilemap)
    layers = [int(x.get("id")) for x in root if x.tag in ("layer", "objectgroup")]
    objects = [int(x.get("id")) for x in root.iter("object")]
    assert len(set(layers)) == len(layers) and max(layers) < int(root.get("nextlayerid"))
    assert len(set(objects)) == len(objects)
    assert all(0 < number < int(root.get("nextobjectid")) for number in objects)


def test_objects_keep_class_place_and_typed_properties():
    tilemap = maps.flipped()
    root, _ = document(tilemap)
    found = {int(node.get("id")): node for node in root.iter("object")}
    for item in tilemap.objects:
        node = found[item.id]
        assert node.get("type") == item.cls and node.get("name") == item.name
        x, y, w, h = (int(node.get(key)) for key in ("x", "y", "width", "height"))
        assert ((x // 8, y // 8), w, h) == (item.cell, 8, 8)
    assert values(found[3]) == {"big": str(2**40), "speed": 1e-7, "angry": True}
    assert values(found[5]) == {"text": "line\nbreak \ufffd and \\ back"}
    wanted = dict(tilemap.properties)
    assert values(root) == {**wanted, "seed": str(2**62)}


@pytest.mark.parametrize("tilemap", [samples.tilemap(), maps.flipped()])
def test_the_witness_travels(tilemap):
    root, _ = document(tilemap)
    (node,) = [x for x in root.iter("object") if x.get("type") == "witness"]
    size = np.array(tilemap.tile_size)
    corner = np.array([float(node.get("x")), float(node.get("y"))])
    points = node.find("polyline").get("points").split(" ")
    places = np.array([[float(v) for v in point.split(",")] for point in points]) + corner
    np.testing.assert_array_equal((places - size / 2) / size, tilemap.witness.path)
    events = json.loads(values(node)["events"])
    assert events == [[e.step, e.action, e.object_id] for e in tilemap.witness.events]
    groups = root.findall("objectgroup")
    assert len({group.get("name") for group in groups}) == len(groups)
    assert groups[-1].get("visible") == "0"


@pytest.mark.parametrize("tilemap", [samples.tilemap(), maps.flipped()])
def test_tilesets_are_beside_the_map_and_describe_their_picture(tilemap):
    root, files = document(tilemap)
    first = 1
    nodes = root.findall("tileset")
    assert len(nodes) == len(tilemap.tilesets)
    for node, tileset in zip(nodes, tilemap.tilesets, strict=True):
        assert int(node.get("firstgid")) == first
        first += tileset.tile_count
        tsx = ElementTree.fromstring(files[node.get("source")])
        assert int(tsx.get("tilecount")) == tileset.tile_count
        image = tsx.find("image")
        pixels = decode(files[image.get("source")])
        assert pixels.shape[:2] == (int(image.get("height")), int(image.get("width")))
        margin, spacing = int(tsx.get("margin")), int(tsx.get("spacing"))
        w, h = tileset.tile_size
        for index, properties in enumerate(tileset.properties):
            row, column = divmod(index, int(tsx.get("columns")))
            x, y = margin + column * (w + spacing), margin + row * (h + spacing)
            tile = tileset.image[row * h : row * h + h, column * w : column * w + w]
            np.testing.assert_array_equal(pixels[y : y + h, x : x + w], tile)
            np.testing.assert_array_equal(pixels[y - 1, x : x + w], tile[0])
            np.testing.assert_array_equal(pixels[y : y + h, x + w], tile[:, -1])
            entry = tsx.find(f"tile[@id='{index}']")
            assert (values(entry) if entry is not None else {}) == dict(properties)


def test_solid_tiles_have_a_shape_and_moving_ones_their_frames():
    tilemap = maps.side_view()
    root, files = document(tilemap)
    tsx = ElementTree.fromstring(files[root.find("tileset").get("source")])
    shapes, frames = {}, {}
    for tile in tsx.findall("tile"):
        kept = [child.tag for child in tile]
        order = [tag for tag in ("properties", "objectgroup", "animation") if tag in kept]
        assert kept == order, "Tiled reads them in any order, other readers in this one"
        for box in tile.findall("objectgroup/object"):
            place = tuple(int(box.get(key)) for key in ("x", "y", "width", "height"))
            shapes[int(tile.get("id"))] = (place, box.get("type"))
        steps = [(int(f.get("tileid")), int(f.get("duration"))) for f in tile.iter("frame")]
        if steps:
            frames[int(tile.get("id"))] = tuple(steps)
    assert shapes == {1: ((0, 0, 8, 8), None), 2: ((0, 0, 8, 2), "one_way")}
    (animation,) = tilemap.tilesets[0].animations
    assert frames == {animation.tile: animation.frames}


def test_wang_sets_come_back():
    tilemap = samples.tilemap()
    root, files = document(tilemap)
    tsx = ElementTree.fromstring(files[root.find("tileset").get("source")])
    (node,) = tsx.findall("wangsets/wangset")
    (wang_set,) = tilemap.tilesets[0].wang_sets
    assert (node.get("name"), node.get("type")) == (wang_set.name, wang_set.kind)
    colours = [(c.get("name"), c.get("color"), int(c.get("tile")))
               for c in node.findall("wangcolor")]  # fmt: skip
    assert colours == [("wall", "#5a5a64", 0), ("floor", "#aaa096", -1)]
    ids = np.zeros_like(wang_set.wang_ids)
    for tile in node.findall("wangtile"):
        ids[int(tile.get("tileid"))] = [int(v) for v in tile.get("wangid").split(",")]
    np.testing.assert_array_equal(ids, wang_set.wang_ids)


def test_a_map_from_a_pack_says_where_it_comes_from():
    pack = samples.pack()
    root = ElementTree.fromstring(export_tiled(pack.assets["keep"], "keep", pack)["keep.tmx"])
    found = values(root)
    assert found["theme"] == "dungeon" and found["movement"] == "walk"
    assert found["aigc_pack"] == "sample" and found["aigc_seed"] == 7
    assert found["aigc_source_type"].endswith("/algorithmicMedia")
    assert found["aigc_licences"] == "CC0-1.0"


def test_two_tilesets_of_one_name_get_two_files():
    one, two = maps.picture(1, 1, 1), maps.picture(2, 1, 1)
    sets = tuple(Tileset("same", image, (8, 8), ({},)) for image in (one, two))
    gids = np.array([[1, 2]], dtype=np.uint32)
    root, files = document(Tilemap(sets, (TileLayer("a", gids),), (), (8, 8)))
    sources = [node.get("source") for node in root.findall("tileset")]
    assert sources == ["keep_same.tsx", "keep_same_2.tsx"]
    np.testing.assert_array_equal(decode(files["keep_same_2.png"]), np.pad(
        two, ((1, 1), (1, 1), (0, 0)), mode="edge"
    ))  # fmt: skip


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_any_text_is_well_formed(key, value):
    set_ = Tileset("ground", maps.picture(1, 1, 1), (8, 8), ({key: value},))
    item = MapObject(1, value, key, (0, 0), {key: value, f"{key}!": True})
    layer = TileLayer(key, np.ones((1, 1), np.uint32))
    root, files = document(
        Tilemap((set_,), (layer,), (ObjectLayer(f"o{key}", (item,)),), (8, 8), {key: value})
    )
    ElementTree.fromstring(files["keep_ground.tsx"])
    kept = "".join(c if xml_has(c) else "\ufffd" for c in value)
    assert root.find("objectgroup/object").get("name") == kept
    assert root.find("properties/property").get("value") == kept


def xml_has(char: str) -> bool:
    return char in "\t\n\r" or (ord(char) >= 32 and char not in "\ufffe\uffff")


def decode(png: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
