"""Independent programs and libraries read the maps that the exporters write.

The node script needs ``npm install --prefix tests/external``; Blender's ``bpy`` wants a Python of
its own, whose path is in AIGC_ASSETS_BPY.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_assets.exporters import export_asset
from aigc_assets.exporters.tile_pictures import plain_gids
from tests import samples
from tests.conftest import need_program
from tests.exporters import maps
from tests.exporters.test_readers import SCRIPTS, node, run_node

__all__ = ["node"]  # a fixture

pytestmark = pytest.mark.external

MAPS = {
    "keep": samples.tilemap(),
    "odd": maps.flipped(),
    "side": maps.side_view(),
    "boxes": maps.boxes(),
}


def write(folder: Path, name: str, fmt: str) -> list[Path]:
    pack = samples.pack() if name == "keep" else None
    paths = []
    for file, data in export_asset(MAPS[name], name, fmt, pack).items():
        (folder / file).write_bytes(data)
        paths.append(folder / file)
    return paths


@pytest.mark.parametrize("name", MAPS)
def test_tiled_converts_the_tmx_into_our_tmj(tmp_path, name):
    """What Tiled itself makes of the TMX is what we write as TMJ, but for embedded tilesets."""
    tiled = need_program("tiled")
    (tmx, *_), (tmj, *_) = write(tmp_path, name, "tiled"), write(tmp_path, name, "tmj")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}

    def convert(kind: str, source: Path) -> dict:
        out = tmp_path / f"{source.name}.json"
        command = [tiled, kind, "json", str(source), str(out)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        # Version 1.8 does not escape control characters, and XML holds no NUL at all.
        text = out.read_text(encoding="utf-8").replace("\0", "\ufffd")
        return json.loads(text, strict=False)

    theirs, ours = convert("--export-map", tmx), json.loads(tmj.read_bytes())
    again = convert("--export-map", tmj)
    assert again["layers"] == theirs["layers"], "Tiled reads the same from both"
    for key in ("width", "height", "tilewidth", "tileheight", "nextlayerid", "nextobjectid"):
        assert theirs[key] == ours[key]
    assert by_name(theirs) == by_name(ours)
    for read, wanted in zip(theirs["layers"], ours["layers"], strict=True):
        assert (read["name"], read["type"], read["visible"]) == (
            wanted["name"], wanted["type"], wanted["visible"],
        )  # fmt: skip
        assert read.get("data") == wanted.get("data")
        for item, other in zip(read.get("objects", ()), wanted.get("objects", ()), strict=True):
            keys = ("id", "name", "type", "x", "y", "width", "height", "polyline")
            # XML holds no NUL.
            assert {k: item.get(k) for k in keys} == {k: other.get(k) for k in keys}
            assert by_name(item) == {
                k: v.replace("\0", "\ufffd") if isinstance(v, str) else v
                for k, v in by_name(other).items()
            }
    tilesets = [convert("--export-tileset", p) for p in sorted(tmp_path.glob("*.tsx"))]
    for wanted in ours["tilesets"]:
        (read,) = [t for t in tilesets if t["name"] == wanted["name"]]
        for key in ("columns", "margin", "spacing", "tilecount", "tilewidth", "imagewidth"):
            assert read[key] == wanted[key]
        tiles = {tile["id"]: tile for tile in read.get("tiles", ())}
        assert set(tiles) == {tile["id"] for tile in wanted["tiles"]}
        for tile in wanted["tiles"]:
            found = tiles[tile["id"]]
            assert by_name(found) == by_name(tile)
            assert found.get("animation") == tile.get("animation")
            assert ("objectgroup" in found) == ("objectgroup" in tile)
        assert wang_tiles(read) == wang_tiles(wanted)


def by_name(entry: dict) -> dict:
    return {p["name"]: p["value"] for p in entry.get("properties", ())}


def wang_tiles(tileset: dict) -> list:
    return [
        (w["name"], [c["color"] for c in w["colors"]],
         [(t["tileid"], t["wangid"]) for t in w["wangtiles"]])
        for w in tileset.get("wangsets", ())
    ]  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
def test_pytmx_reads_all_of_a_map(tmp_path, name):
    pytmx = pytest.importorskip("pytmx")
    tilemap = MAPS[name]
    path = write(tmp_path, name, "tiled")[0]
    read = pytmx.TiledMap(str(path))
    assert (read.width, read.height) == (tilemap.width, tilemap.height)
    assert read.properties["theme"] == tilemap.properties["theme"]
    moving = {}
    for index, layer in enumerate(tilemap.layers):
        for row in range(tilemap.height):
            for column in range(tilemap.width):
                gid = int(layer.gids[row, column])
                found = read.get_tile_properties(column, row, index) or {}
                wanted = dict(tilemap.tile_properties(gid))
                assert {k: found[k] for k in wanted} == wanted
                if found.get("frames"):
                    moving[gid] = tuple(int(frame.duration) for frame in found["frames"])
    wanted = {
        first + animation.tile: tuple(duration for _, duration in animation.frames)
        for first, tileset in zip(tilemap.first_gids, tilemap.tilesets, strict=True)
        for animation in tileset.animations
    }
    assert moving == wanted
    objects = {item.id: item for item in read.objects}
    width, height = tilemap.tile_size
    for item in tilemap.objects:
        found = objects[item.id]
        assert (found.type, found.name) == (item.cls, item.name)
        assert (found.x / width, found.y / height) == item.cell


@pytest.mark.parametrize("name", ["keep", "side"])
def test_pytiled_parser_reads_animations_and_shapes(tmp_path, name):
    pytiled_parser = pytest.importorskip("pytiled_parser")
    tilemap = MAPS[name]
    for path in (write(tmp_path, name, "tiled")[0], write(tmp_path, name, "tmj")[0]):
        read = pytiled_parser.parse_map(path)
        (tileset,), (theirs,) = tilemap.tilesets, read.tilesets.values()
        moving = {
            number: tuple((frame.tile_id, frame.duration) for frame in tile.animation)
            for number, tile in theirs.tiles.items()
            if tile.animation
        }
        assert moving == {a.tile: a.frames for a in tileset.animations}
        shaped = {number for number, tile in theirs.tiles.items() if tile.objects}
        assert shaped == {
            i for i, p in enumerate(tileset.properties) if p.get("solid") or p.get("one_way")
        }
        assert (read.properties or {})["movement"] == tilemap.properties["movement"]


def test_phaser_reads_the_embedded_profile(tmp_path, node):
    paths = [write(tmp_path, name, "tmj")[0] for name in MAPS]
    reports = run_node(node, "read_tmj.js", *map(str, paths))
    for (name, tilemap), read in zip(MAPS.items(), reports, strict=True):
        assert read["size"] == [tilemap.width, tilemap.height], name
        assert [layer["name"] for layer in read["layers"]] == [x.name for x in tilemap.layers]
        for layer, wanted in zip(read["layers"], tilemap.layers, strict=True):
            plain = plain_gids(wanted.gids).astype(int)
            found = np.array([[tile[0] for tile in row] for row in layer["tiles"]])
            np.testing.assert_array_equal(found, np.where(plain > 0, plain, -1))
            flags = [tilemap.tile_properties(g).get("solid") is True for g in plain.ravel()]
            np.testing.assert_array_equal(np.ravel(layer["solid"]), flags)
        for tileset, first, wanted in zip(
            read["tilesets"], tilemap.first_gids, tilemap.tilesets, strict=True
        ):
            assert (tileset["firstgid"], tileset["margin"], tileset["spacing"]) == (first, 1, 2)
            frames = {
                int(tile): tuple((frame["tileid"], frame["duration"]) for frame in animation)
                for tile, animation in tileset["animations"].items()
            }
            assert frames == {a.tile: a.frames for a in wanted.animations}
        objects = [item for group in read["objects"] for item in group["objects"]]
        width, height = tilemap.tile_size
        wanted = [[i.id, i.cls, i.cell[0] * width, i.cell[1] * height] for i in tilemap.objects]
        assert [item[:4] for item in objects if item[1] != "witness"] == wanted
    # The first row of this map holds one tile in all eight orientations.
    turned = reports[list(MAPS).index("odd")]["layers"][0]["tiles"][0][:8]
    assert len({(tile[1], tile[2]) for tile in turned}) == 8


@pytest.fixture(scope="module")
def godot3(tmp_path_factory) -> dict[str, Any]:
    """What Godot 3 makes of the scenes, after its own import of the pictures."""
    program = need_program("godot3-server")
    project = tmp_path_factory.mktemp("godot3")
    for path in (SCRIPTS / "godot3").iterdir():
        shutil.copyfile(path, project / path.name)
    for name in MAPS:
        write(project, name, "godot3")
    command = [program, "--path", str(project)]
    environment = {**os.environ, "HOME": str(project), "XDG_DATA_HOME": str(project / "data")}
    limits = {"env": environment, "capture_output": True, "text": True, "timeout": 60}
    with contextlib.suppress(subprocess.TimeoutExpired):  # it now and then stays after its work
        subprocess.run([*command, "--editor", "--quit"], **limits, check=False)
    pictures = sorted(project.glob("*.png"))
    assert all(p.with_name(f"{p.name}.import").is_file() for p in pictures)
    scenes = [f"{name}_godot3.tscn" for name in MAPS]
    done = subprocess.run([*command, "-s", "read_maps.gd", *scenes], **limits, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    complaints = [
        x for x in done.stderr.splitlines() if "tscn" in x or "tres" in x or "texture" in x
    ]
    assert complaints == []
    return json.loads(line.removeprefix("FOUND "))


def test_blender_imports_meshes_pictures_and_objects(tmp_path):
    python = os.environ.get("AIGC_ASSETS_BPY")
    if not python:
        pytest.skip("AIGC_ASSETS_BPY names no Python with Blender's bpy")
    paths = [path for name in MAPS for path in write(tmp_path, name, "glb")]
    command = [python, str(SCRIPTS / "read_glb.py"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    reports = json.loads(line.removeprefix("FOUND "))
    found = dict(zip((path.stem for path in paths), reports, strict=True))
    assert sum(len(report["meshes"]) for report in reports) == 4 + 2 + 4 + 1
    for name, tilemap in MAPS.items():
        report = found[name]
        boxes = [item for item in tilemap.objects if item.cls == "box"]
        assert len(report["meshes"]) == 1 + len(boxes) and min(report["meshes"].values()) >= 10
        assert set(report["uv_layers"]) == {1} and report["materials"] == 1
        assert len(report["images"]) == 1
        assert report["classes"] == sorted(item.cls for item in tilemap.objects)
        upright = tilemap.properties["movement"] == "jump" if name != "odd" else False
        (start,) = [item for item in tilemap.objects if item.cls == "start"]
        column, row = start.cell
        # Blender's z is up and its y points away: glTF's -z.
        place = [column + 0.5, -(row + 0.5), 0.0]
        if upright:
            place = [column + 0.5, -0.5, float(tilemap.height - 1 - row)]
        assert report["empties"][start.name] == place
        assert found[f"{name}_collision"]["meshes"]


@pytest.mark.parametrize("name", MAPS)
def test_godot_3_counts_the_used_cells(godot3, name):
    tilemap, found = MAPS[name], godot3[f"{name}_godot3.tscn"]
    assert set(found["layers"]) == {layer.name for layer in tilemap.layers}
    for layer in tilemap.layers:
        read = found["layers"][layer.name]
        assert len(read["cells"]) == np.count_nonzero(layer.gids)
        gids = np.zeros_like(layer.gids)
        for x, y, tile, (horizontal, vertical, diagonal) in read["cells"]:
            flips = horizontal << 31 | vertical << 30 | diagonal << 29
            gids[int(y), int(x)] = int(tile) | flips
        np.testing.assert_array_equal(gids, layer.gids)
        properties = {
            first + tile: properties
            for first, tileset in zip(tilemap.first_gids, tilemap.tilesets, strict=True)
            for tile, properties in enumerate(tileset.properties)
        }
        assert {int(k): v for k, v in read["meta"].items()} == {
            k: dict(v) for k, v in properties.items() if v
        }
        shapes = {int(tile): one_way for tile, one_way in read["shapes"]}
        assert shapes == {
            gid: not p.get("solid", False)
            for gid, p in properties.items()
            if p.get("solid") or p.get("one_way")
        }
        assert len(read["moving"]) == sum(len(t.animations) for t in tilemap.tilesets)
    width, height = tilemap.tile_size
    wanted = [
        [i.id, [i.cls], [(i.cell[0] + 0.5) * width, (i.cell[1] + 0.5) * height]]
        for i in tilemap.objects
    ]
    assert found["objects"] == wanted
    assert found["meta"]["theme"] == tilemap.properties["theme"]
