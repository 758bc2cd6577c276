"""Godot 4 files by a strict parser and golden files; the engine itself is not run here.

After a change that is meant, write the golden files anew with
``AIGC_ASSETS_UPDATE_GOLDEN=1 pytest tests/exporters/test_godot.py`` and read the difference.
"""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.exporters.animation import playing_order
from aigc_assets.exporters.godot import export_godot
from aigc_assets.exporters.godot_scene import tile_map_data
from aigc_assets.exporters.godot_text import literal, node_name, uid
from aigc_assets.types import MapObject, ObjectLayer, TileLayer, Tilemap, Tileset
from tests import samples
from tests.exporters import maps
from tests.exporters.godot_parser import Call, Section, parse
from tests.exporters.test_sprite_formats import mixed

GOLDEN = Path(__file__).parent / "golden"
ASSETS = {
    "keep": samples.tilemap(),
    "mira": samples.sheet(),
    "odd": maps.flipped(),
    "mix": mixed(),
    "side": maps.side_view(),
}


def files(name: str) -> dict[str, bytes]:
    return export_godot(ASSETS[name], name)


def parsed(name: str, file: str) -> list[Section]:
    return parse(files(name)[file].decode())


@pytest.mark.parametrize("name", ASSETS)
def test_text_files_equal_their_golden_copies(name):
    for file, data in files(name).items():
        if file.endswith(".png"):
            continue
        golden = GOLDEN / file
        if os.environ.get("AIGC_ASSETS_UPDATE_GOLDEN"):
            golden.write_bytes(data)
        assert data.decode() == golden.read_bytes().decode(), file


@pytest.mark.parametrize("name", ASSETS)
def test_every_text_file_parses_and_finds_its_neighbours(name):
    written = files(name)
    for file, data in written.items():
        if file.endswith(".png"):
            continue
        for section in parse(data.decode()):
            if section.tag == "ext_resource":
                path = section.head["path"]
                assert path in written, "references stay inside the folder"
                if "uid" in section.head:
                    assert parse(written[path].decode())[0].head["uid"] == section.head["uid"]


@pytest.mark.parametrize("name", ["keep", "odd", "side"])
def test_layers_decode_to_the_gids(name):
    tilemap = ASSETS[name]
    nodes = {node.head["name"]: node for node in parsed(name, f"{name}.tscn") if node.tag == "node"}
    for layer in tilemap.layers:
        node = nodes[layer.name]
        assert node.head["type"] == "TileMapLayer"
        data = node.properties.get("tile_map_data", b"")
        np.testing.assert_array_equal(decoded(tilemap, data), layer.gids)


@given(hnp.arrays(np.uint32, (3, 4), elements=st.integers(0, 10)), st.sampled_from(maps.FLIPS))
def test_tile_map_data_is_exact(gids, flip):
    tilemap = ASSETS["odd"]
    gids = np.where(gids > 0, gids | np.uint32(flip), 0).astype(np.uint32)
    data = tile_map_data(tilemap, gids)
    assert len(data) == (2 + 12 * np.count_nonzero(gids) if gids.any() else 0)
    np.testing.assert_array_equal(decoded(tilemap, data, gids.shape), gids)


def decoded(tilemap: Tilemap, data: bytes, shape: tuple[int, int] | None = None) -> np.ndarray:
    gids = np.zeros(shape or (tilemap.height, tilemap.width), dtype=np.uint32)
    if not data:
        return gids
    assert struct.unpack_from("<H", data) == (0,)
    moving = [i for i, tileset in enumerate(tilemap.tilesets) if tileset.animations]
    for x, y, source, column, row, alternative in struct.iter_unpack("<hhHHHH", data[2:]):
        assert alternative & ~0x7001 == 0
        if source < len(tilemap.tilesets):
            tileset = tilemap.tilesets[source]
            assert column < tileset.columns
            tile = row * tileset.columns + column
        else:
            source = moving[source - len(tilemap.tilesets)]
            tileset = tilemap.tilesets[source]
            assert column == 0
            tile = tileset.animations[row].tile
        gid = tilemap.first_gids[source] + tile
        flips = (
            (31, alternative >> 12 & 1),
            (30, alternative >> 13 & 1),
            (29, alternative >> 14 & 1),
        )
        gids[y, x] = gid | sum(bit << place for place, bit in flips)
    return gids


@pytest.mark.parametrize("name", ["keep", "odd", "side"])
def test_tile_set_lists_every_tile_with_its_data_and_collision(name):
    tilemap = ASSETS[name]
    sections = parsed(name, f"{name}_tileset.tres")
    (main,) = [s.properties for s in sections if s.tag == "resource"]
    subs = {s.head["id"]: s.properties for s in sections if s.tag == "sub_resource"}
    assert main["tile_size"] == Call("Vector2i", tilemap.tile_size)
    fields = {}
    while f"custom_data_layer_{len(fields)}/name" in main:
        index = len(fields)
        kind = main[f"custom_data_layer_{index}/type"]
        fields[main[f"custom_data_layer_{index}/name"]] = (f"custom_data_{index}", kind)
    for index, tileset in enumerate(tilemap.tilesets):
        (reference,) = main[f"sources/{index}"].arguments
        source = subs[reference]
        assert source["texture_region_size"] == Call("Vector2i", tileset.tile_size)
        for local, properties in enumerate(tileset.properties):
            tile = f"{local % tileset.columns}:{local // tileset.columns}/0"
            assert source[tile] == 0
            polygon = source.get(f"{tile}/physics_layer_0/polygon_0/points")
            x, y = tilemap.tile_size[0] / 2, tilemap.tile_size[1] / 2
            board = -y + 2 * y // 4
            square = [(-x, -y), (x, -y), (x, y), (-x, y)]
            strip = [(-x, -y), (x, -y), (x, board), (-x, board)]
            one_way = properties.get("one_way") is True
            assert polygon == (square if properties.get("solid") else strip if one_way else None)
            assert source.get(f"{tile}/physics_layer_0/polygon_0/one_way", False) is one_way
            for key, value in properties.items():
                field, kind = fields[key]
                data = source[f"{tile}/{field}"]
                assert type(data) is {1: bool, 2: int, 3: float, 4: str}[kind]
                assert data == value


@pytest.mark.parametrize("name", ["keep", "odd"])
def test_exactly_the_walkable_cells_offer_navigation(name):
    tilemap = ASSETS[name]
    sections = parsed(name, f"{name}_tileset.tres")
    sources = [s.properties for s in sections if s.head.get("type") == "TileSetAtlasSource"]
    offered = np.zeros((tilemap.height, tilemap.width), dtype=int)
    for node in parsed(name, f"{name}.tscn"):
        if node.head.get("type") != "TileMapLayer" or not node.properties.get(
            "navigation_enabled", True
        ):
            continue
        for x, y, source, column, row, alternative in struct.iter_unpack(
            "<hhHHHH", node.properties["tile_map_data"][2:]
        ):
            tile = f"{column}:{row}/{alternative & 0xFFF}"
            assert sources[source][tile] == alternative & 0xFFF
            offered[y, x] += f"{tile}/navigation_layer_0/polygon" in sources[source]
    np.testing.assert_array_equal(offered, ~tilemap.solid())


def test_who_jumps_gets_no_navigation():
    sections = parsed("side", "side_tileset.tres")
    (main,) = [s.properties for s in sections if s.tag == "resource"]
    assert "navigation_layer_0/layers" not in main
    assert not [s for s in sections if s.head.get("type") == "NavigationPolygon"]
    nodes = [n for n in parsed("side", "side.tscn") if n.head.get("type") == "TileMapLayer"]
    assert all(node.properties["navigation_enabled"] is False for node in nodes)


@pytest.mark.parametrize("name", ["keep", "side"])
def test_moving_tiles_are_rows_of_frames(name):
    (tileset,) = ASSETS[name].tilesets
    (animation,) = tileset.animations
    sections = parsed(name, f"{name}_tileset.tres")
    source = [s.properties for s in sections if s.head.get("type") == "TileSetAtlasSource"][1]
    (texture,) = [s.head["path"] for s in sections if s.tag == "ext_resource"][1:]
    image = cv2.imdecode(np.frombuffer(files(name)[texture], np.uint8), cv2.IMREAD_UNCHANGED)
    image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    assert source["0:0/animation_frames_count"] == len(animation.frames)
    margin, gap = source["margins"].arguments[0], source["separation"].arguments[0]
    side = tileset.tile_size[0]
    for index, (tile, duration) in enumerate(animation.frames):
        assert source[f"0:0/animation_frame_{index}/duration"] == duration / 1000
        x = margin + index * (side + gap)
        row, column = divmod(tile, tileset.columns)
        wanted = tileset.image[row * side : (row + 1) * side, column * side : (column + 1) * side]
        np.testing.assert_array_equal(image[margin : margin + side, x : x + side], wanted)


def test_wang_sets_become_terrain_sets():
    sections = parsed("keep", "keep_tileset.tres")
    (main,) = [s.properties for s in sections if s.tag == "resource"]
    assert main["terrain_set_0/mode"] == 1
    names = [main[f"terrain_set_0/terrain_{i}/name"] for i in range(2)]
    assert names == ["wall", "floor"]
    source = next(s.properties for s in sections if s.head.get("type") == "TileSetAtlasSource")
    (wang_set,) = ASSETS["keep"].tilesets[0].wang_sets
    places = ("top_side", "top_right_corner", "right_side", "bottom_right_corner", "bottom_side",
              "bottom_left_corner", "left_side", "top_left_corner")  # fmt: skip
    for tile, ids in enumerate(wang_set.wang_ids.tolist()):
        bits = [source.get(f"{tile}:0/0/terrains_peering_bit/{place}", -1) for place in places]
        assert bits == [colour - 1 for colour in ids]
        assert ("0/terrain_set" in " ".join(k for k in source if k.startswith(f"{tile}:"))) == any(
            ids
        )


def test_packs_do_not_share_uids():
    tilemap, pack = ASSETS["keep"], samples.pack()
    other = dataclasses.replace(pack, name="other")
    found = {
        parse(export_godot(tilemap, "keep", p)[file].decode())[0].head["uid"]
        for p in (None, pack, other)
        for file in ("keep.tscn", "keep_tileset.tres")
    }
    assert len(found) == 6
    scene = parse(export_godot(tilemap, "keep", pack)["keep.tscn"].decode())
    (root,) = [s for s in scene if s.tag == "node" and "parent" not in s.head]
    assert root.properties["metadata/aigc_pack"] == "sample"


def test_objects_become_markers_with_groups_and_metadata():
    tilemap = ASSETS["odd"]
    nodes = [node for node in parsed("odd", "odd.tscn") if node.head.get("type") == "Marker2D"]
    assert len(nodes) == len(tilemap.objects)
    for node, item in zip(nodes, tilemap.objects, strict=True):
        assert node.head["groups"] == [item.cls]
        x, y = (8 * value + 4 for value in item.cell)
        assert node.properties["position"] == Call("Vector2", (x, y))
        assert node.properties["metadata/cell"] == Call("Vector2i", item.cell)
        assert node.properties["metadata/object_id"] == item.id
    assert nodes[0].properties["metadata/cell_2"] == 1, "a property never hides the cell"
    assert nodes[1].properties["metadata/big"] == 2**40
    names = [node.head["name"] for node in nodes]
    assert names[1:] == ["twin", "twin2", "exit"]


def test_the_witness_is_a_hidden_line():
    tilemap = ASSETS["keep"]
    (node,) = [n for n in parsed("keep", "keep.tscn") if n.head.get("type") == "Line2D"]
    assert node.properties["visible"] is False
    cells = [((x - 8) / 16, (y - 8) / 16) for x, y in node.properties["points"]]
    np.testing.assert_array_equal(cells, tilemap.witness.path)
    wanted = [[event.step, event.action, event.object_id] for event in tilemap.witness.events]
    assert node.properties["metadata/events"] == wanted


@pytest.mark.parametrize("name", ["mira", "mix"])
def test_sprite_frames_play_as_the_sheet_does(name):
    sheet = ASSETS[name]
    sections = parsed(name, f"{name}_frames.tres")
    regions = {s.head["id"]: s.properties["region"].arguments for s in sections if "id" in s.head
               and s.tag == "sub_resource"}  # fmt: skip
    (main,) = [s.properties for s in sections if s.tag == "resource"]
    assert [animation["name"] for animation in main["animations"]] == [t.name for t in sheet.tags]
    for animation, tag in zip(main["animations"], sheet.tags, strict=True):
        assert set(animation) == {"frames", "loop", "name", "speed"}
        shown = []
        for frame in animation["frames"]:
            assert set(frame) == {"duration", "texture"} and type(frame["duration"]) is float
            milliseconds = frame["duration"] / animation["speed"] * 1000
            shown.append((regions[frame["texture"].arguments[0]], round(milliseconds, 6)))
        order = playing_order(tag)
        assert shown == [(sheet.frames[i].rect, sheet.frames[i].duration_ms) for i in order]
        assert animation["loop"] is not tag.name.startswith("attack")


def test_a_sprite_scene_stands_on_the_pivot():
    (node,) = [s for s in parsed("mira", "mira.tscn") if s.tag == "node"]
    assert node.head["type"] == "AnimatedSprite2D"
    assert node.properties["offset"] == Call("Vector2", (-8, -15))
    assert node.properties["autoplay"] == "idle_down"


@pytest.mark.parametrize(
    ("direction", "order"),
    [("forward", [2, 3, 4]), ("reverse", [4, 3, 2]), ("pingpong", [2, 3, 4, 3])],
)
def test_playing_order(direction, order):
    from aigc_assets.types import Tag

    assert playing_order(Tag("a", 2, 5, direction)) == order
    assert playing_order(Tag("a", 2, 3, direction)) == [2]


def test_uids_depend_on_the_name_alone():
    assert uid("keep", "keep.tscn") == uid("keep", "keep.tscn")
    found = {uid("keep", f"{i}") for i in range(2000)}
    assert len(found) == 2000
    assert all(
        set(text.removeprefix("uid://")) <= set("abcdefghijklmnopqrstuvwxy012345678")
        for text in found
    )


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_survives(name, value):
    item = MapObject(1, name, "monster", (0, 0), {"text": value, name + "!": value})
    set_ = Tileset("ground", maps.picture(1, 1, 1), (8, 8), ({"note": value},))
    layer = TileLayer(name + "~", np.ones((1, 1), np.uint32))
    tilemap = Tilemap((set_,), (layer,), (ObjectLayer(f"o{name}", (item,)),), (8, 8))
    written = export_godot(tilemap, "keep")
    nodes = [s for s in parse(written["keep.tscn"].decode()) if s.tag == "node"]
    value = value.replace("\0", "\ufffd")
    assert nodes[-1].properties["metadata/text"] == value
    assert not set(written["keep.tscn"]) & (set(range(32)) - {9, 10})
    tiles = parse(written["keep_tileset.tres"].decode())
    (source,) = [s for s in tiles if s.head.get("type") == "TileSetAtlasSource"]
    assert source.properties["0:0/0/custom_data_0"] == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (2.0, "2.0"),
        (1e-7, "1e-07"),
        (2**63, f'"{2**63}"'),
        ('a"\\', '"a\\"\\\\"'),
    ],
)
def test_literals(value, text):
    assert literal(value) == text


def test_node_names_stay_different_and_legal():
    used: set[str] = set()
    names = [node_name(text, used) for text in ("a.b", "a:b", "", "  ", 'x"/%@', "a_b")]
    assert names == ["a_b", "a_b2", "node", "node2", "x____", "a_b3"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[gd_scene format=5]\n",
        '[gd_scene format=3 uid="uid://9z"]\n',
        '[gd_scene format=3 uid="uid://a"]\n[node name="a" type="Node2D"]\nx = ExtResource("1")\n',
        '[gd_scene format=3 uid="uid://a"]\n[node name="a.b" type="Node2D"]\n',
        '[gd_scene format=3 uid="uid://a"]\n[node name="a"]\nposition = Vector2(1)\n',
        '[gd_scene format=3 uid="uid://a"]\n[node name="a"]\ncell = Vector2i(1.5, 2)\n',
        '[gd_scene format=3 uid="uid://a"]\n[node name="a"]\n[node name="b" parent="c"]\n',
        '[gd_scene load_steps=3 format=3 uid="uid://a"]\n[node name="a"]\n',
    ],
)
def test_the_parser_refuses(text):
    with pytest.raises((ValueError, KeyError, IndexError)):
        parse(text)
