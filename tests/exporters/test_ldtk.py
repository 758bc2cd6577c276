from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.exporters.ldtk import TERRAIN, export_ldtk, terrain_classes
from aigc_assets.exporters.raster import blend, tilemap_image
from aigc_assets.pipelines.maps import THEMES, MapRequest, generate_map
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import MapObject, ObjectLayer, TileLayer, Tilemap, Tileset
from tests import samples
from tests.exporters import maps
from tests.exporters.ldtk_rules import complaints, disagreements, loose_ends

MAPS = {
    "keep": samples.tilemap(),
    "odd": maps.flipped(),
    "side": maps.side_view(),
    "boxes": maps.boxes(),
    "void": maps.void(),
}
TILED = sorted(set(THEMES) - {"terrain"})


def exported(name: str) -> tuple[dict, dict[str, bytes]]:
    files = export_ldtk(MAPS[name], name, samples.pack() if name == "keep" else None)
    return json.loads(files[f"{name}.ldtk"]), files


def layers_of(project: dict, kind: str) -> list[dict]:
    return [x for x in project["levels"][0]["layerInstances"] if x["__type"] == kind]


@pytest.mark.parametrize("name", MAPS)
def test_every_record_is_complete_and_every_number_refers_to_something(name):
    project, files = exported(name)
    assert complaints(project) == []
    assert loose_ends(project) == []
    assert disagreements(project) == []
    assert {t["relPath"] for t in project["defs"]["tilesets"]} == set(files) - {f"{name}.ldtk"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["levels"][0].pop("iid"), "no iid"),
        (lambda p: p["levels"][0]["layerInstances"][0].update(seed="1"), "'1' is not int"),
        (lambda p: p["defs"]["layers"][0].update(hidden=True), "hidden is not known"),
        (lambda p: p["defs"]["entities"][0].update(renderMode="Round"), "'Round' is none of"),
        (lambda p: p["levels"][0].update(identifier="a b"), "'a b' is not text"),
        (lambda p: p["levels"][0].update(bgPos="Tiled"), "'Tiled' is none of"),
        (lambda p: p["defs"]["layers"][0].update(tilesetDefUid="1"), "'1' is not int"),
        (lambda p: p["defs"]["entities"][0].update(tileRect={"x": 0}), "tileRect: no w"),
        (lambda p: p["defs"]["tilesets"][0].update(embedAtlas="A"), "'A' is none of LdtkIcons"),
        (lambda p: p["defs"]["tilesets"][0].update(tags=[1]), "tags/0: 1 is not text"),
    ],
)
def test_the_rules_would_complain(change, said):
    project, _ = exported("keep")
    change(project)
    assert any(said in complaint for complaint in complaints(project))


def test_the_references_would_be_missed():
    project, _ = exported("keep")
    project["levels"][0]["layerInstances"][-1]["layerDefUid"] += 500
    project["defs"]["tilesets"][0]["uid"] = project["defs"]["enums"][0]["uid"]
    assert len(loose_ends(project)) >= 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda level: level["layerInstances"][-1].update(__opacity=0.9), "opacity of Terrain"),
        (lambda level: level["layerInstances"][-1]["intGridCsv"].pop(), "cells of Terrain"),
        (lambda level: level["layerInstances"][-2].update(__tilesetRelPath="a.png"), "picture of"),
        (lambda level: level["fieldInstances"][0].update(__value=1), "theme: 1 is not text"),
        (lambda level: level["fieldInstances"][0].update(__type="Int"), "theme is no theme"),
        (lambda level: level["fieldInstances"][0]["realEditorValues"].clear(), "the editor holds"),
    ],
)
def test_copies_that_disagree_are_found(change, said):
    project, _ = exported("keep")
    change(project["levels"][0])
    assert any(said in found for found in disagreements(project))


def generated(theme: str) -> dict:
    made = generate_map(MapRequest(theme, (24, 16)), make_palette(32, 7), 1).asset
    return json.loads(export_ldtk(made, theme, samples.pack())[f"{theme}.ldtk"])


@pytest.mark.parametrize("theme", TILED)
def test_generated_maps_keep_the_rules(theme):
    project = generated(theme)
    assert complaints(project) == []
    assert loose_ends(project) == []
    assert disagreements(project) == []


@pytest.mark.skipif(
    "AIGC_ASSETS_LDTK_SCHEMA" not in os.environ, reason="no copy of LDtk's JSON_SCHEMA.json"
)
@pytest.mark.parametrize("name", [*MAPS, *TILED])
def test_the_schema_of_ldtk_has_nothing_to_say(name):
    schema = json.loads(Path(os.environ["AIGC_ASSETS_LDTK_SCHEMA"]).read_bytes())
    project = exported(name)[0] if name in MAPS else generated(name)
    assert schema["version"] == project["jsonVersion"]
    errors = jsonschema.Draft7Validator(schema).iter_errors(project)
    assert [error.message for error in errors] == []
    del project["levels"][0]["iid"]
    assert not jsonschema.Draft7Validator(schema).is_valid(project)


@pytest.mark.parametrize("name", MAPS)
def test_the_tiles_paint_the_map_as_we_do(name):
    """Mirrored by `f`, turned through tiles of their own: pixel for pixel."""
    tilemap = MAPS[name]
    project, files = exported(name)
    tilesets = {entry["uid"]: entry for entry in project["defs"]["tilesets"]}
    canvas = np.zeros_like(tilemap_image(tilemap))
    for layer in reversed(layers_of(project, "Tiles")):
        tileset = tilesets[layer["__tilesetDefUid"]]
        data = np.frombuffer(files[tileset["relPath"]], np.uint8)
        image = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
        assert image.shape[:2] == (tileset["pxHei"], tileset["pxWid"])
        side = tileset["tileGridSize"]
        step, columns = side + tileset["spacing"], tileset["__cWid"]
        for tile in layer["gridTiles"]:
            place = [tileset["padding"] + v * step for v in divmod(tile["t"], columns)[::-1]]
            assert tile["src"] == place
            x, y = place
            picture = image[y : y + side, x : x + side]
            picture = picture[:, ::-1] if tile["f"] & 1 else picture
            picture = picture[::-1] if tile["f"] & 2 else picture
            blend(canvas, np.ascontiguousarray(picture), *tile["px"])
            assert tile["d"] == [tile["px"][1] // side * layer["__cWid"] + tile["px"][0] // side]
    np.testing.assert_array_equal(canvas, tilemap_image(tilemap))


def test_the_grid_names_what_a_cell_is():
    tilemap = MAPS["side"]
    project, _ = exported("side")
    (layer,) = layers_of(project, "IntGrid")
    (definition,) = [d for d in project["defs"]["layers"] if d["uid"] == layer["layerDefUid"]]
    names = {value["value"]: value["identifier"] for value in definition["intGridValues"]}
    assert tuple(names[i + 1] for i in range(len(TERRAIN))) == TERRAIN
    cells = np.array(layer["intGridCsv"]).reshape(tilemap.height, tilemap.width)
    np.testing.assert_array_equal(cells, terrain_classes(tilemap))
    assert [names[v] for v in cells[3]] == ["solid", "solid", "hazard", "ladder", "solid", "solid"]
    assert names[cells[1, 2]] == "one_way" and names[cells[2, 5]] == "door"
    assert names[cells[0, 0]] == "floor" and names[cells[4, 4]] == "hazard"
    assert terrain_classes(MAPS["void"]).max() == 0
    water = terrain_classes(MAPS["keep"])[4, 4]
    assert names[water] == "deep"


@pytest.mark.parametrize("name", ["keep", "odd", "boxes"])
def test_objects_are_entities_with_their_fields(name):
    tilemap = MAPS[name]
    project, _ = exported(name)
    side = tilemap.tile_size[0]
    found = {}
    for layer in layers_of(project, "Entities"):
        for entity in layer["entityInstances"]:
            fields = {f["__identifier"]: f["__value"] for f in entity["fieldInstances"]}
            if entity["__identifier"] != "Witness":
                found[fields["object_id"]] = (entity, fields)
    assert sorted(found) == sorted(item.id for item in tilemap.objects)
    for item in tilemap.objects:
        entity, fields = found[item.id]
        assert entity["__identifier"] == item.cls and fields["object_name"] == item.name
        assert tuple(entity["__grid"]) == item.cell
        assert entity["px"] == [v * side for v in item.cell]
        plain = {k: v for k, v in item.properties.items() if k.isidentifier()}
        wide = {k: json.dumps(v) if v == 2**40 else v for k, v in plain.items()}
        assert wide.items() <= fields.items()


def test_the_witness_and_the_origin_travel():
    tilemap = MAPS["keep"]
    project, _ = exported("keep")
    (layer,) = [x for x in layers_of(project, "Entities") if x["__identifier"] == "Witness"]
    assert layer["visible"] is False
    (entity,) = layer["entityInstances"]
    fields = {f["__identifier"]: f["__value"] for f in entity["fieldInstances"]}
    path = [(p["cx"], p["cy"]) for p in fields["path"]]
    np.testing.assert_array_equal(path, tilemap.witness.path)
    assert json.loads(fields["events"])[-1] == [12, "exit", 4]
    level = {f["__identifier"]: f["__value"] for f in project["levels"][0]["fieldInstances"]}
    assert level["theme"] == "dungeon" and level["movement"] == "walk" and level["steps"] == 12
    assert level["aigc_pack"] == "sample"


def test_ids_depend_on_names_alone():
    project, _ = exported("keep")
    tilemap = MAPS["keep"]
    moved = dataclasses.replace(tilemap, properties={"theme": "cave"})
    other = json.loads(export_ldtk(moved, "keep", samples.pack())["keep.ldtk"])
    assert other["levels"][0]["iid"] == project["levels"][0]["iid"]
    apart = json.loads(export_ldtk(tilemap, "keep")["keep.ldtk"])
    assert apart["levels"][0]["iid"] != project["levels"][0]["iid"]


@pytest.mark.parametrize(("tile", "cell"), [((16, 8), (16, 8)), ((16, 16), (8, 8))])
def test_what_the_grid_cannot_hold_is_refused(tile, cell):
    set_ = Tileset("odd", np.zeros((tile[1], tile[0], 4), np.uint8), tile, ({},))
    tilemap = Tilemap((set_,), (TileLayer("a", np.ones((1, 1), np.uint32)),), (), cell)
    with pytest.raises(UsageError, match=r"keep: ldtk holds square tiles.*'odd'.*tiled or tmj"):
        export_ldtk(tilemap, "keep")


@given(
    st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4, unique=True),
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-1e9, 1e9) | st.text(max_size=8),
        max_size=5,
    ),
)
def test_any_names_and_values_make_a_whole_project(names, properties):
    set_ = Tileset("ground", maps.picture(1, 1, 1), (8, 8), (properties,))
    objects = tuple(
        MapObject(i + 1, name, name, (0, 0), properties)
        for i, name in enumerate(names)
        if name not in ("key", "door")
    )
    groups = tuple(ObjectLayer(f"{name}!", objects if i == 0 else ())
                   for i, name in enumerate(names))  # fmt: skip
    layers = tuple(TileLayer(name, np.ones((1, 1), np.uint32)) for name in names)
    if {g.name for g in groups} & set(names):
        return
    tilemap = Tilemap((set_,), layers, groups, (8, 8), properties)
    project = json.loads(export_ldtk(tilemap, "keep")["keep.ldtk"])
    assert complaints(project) == [] and loose_ends(project) == []
    assert disagreements(project) == []
    data = project["defs"]["tilesets"][0]["customData"]
    assert [json.loads(entry["data"]) for entry in data] == ([properties] if properties else [])
