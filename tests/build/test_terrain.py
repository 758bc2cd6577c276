"""A terrain passes through everything that a pack is made of."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from aigc_assets.build.graph import plan
from aigc_assets.build.jobs import formats_of
from aigc_assets.build.manifest import parse_manifest
from aigc_assets.build.preview import DESCRIPTION, preview_asset
from aigc_assets.build.stages import make_map, summarise, weights_of
from aigc_assets.build.world import World
from aigc_assets.errors import ManifestError, UsageError
from aigc_assets.types import Terrain, Tilemap

TABLE = {"id": "isle", "theme": "terrain", "size": [65, 33], "relief": "coast"}


def manifest(**tables: object):
    return parse_manifest({"pack": {"name": "small"}, **tables, "export": {"targets": ["film"]}})


def test_a_table_of_the_theme_terrain_makes_a_terrain():
    node = plan(manifest(map=[TABLE]))["isle"]
    assert node.kind == "terrain"
    made = make_map(node.request, World(seed=1).palette, node.seed, {})
    assert isinstance(made.asset, Terrain) and made.asset.height.shape == (33, 65)
    assert made.provenance.kind == "terrain" and made.provenance.model == "relief_gan"
    assert made.provenance.request["relief"] == "coast"
    assert set(formats_of("terrain", ["film", "web", "godot"])) == {"glb", "heightmap", "splat"}
    assert set(weights_of("terrain")) == {"relief_gan"} and "relief_gan" in weights_of("map")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": [32, 65]}, ["33..4097", "[32, 65]"]),
        ({"relief": "moon"}, ["island, coast", '"moon"']),
        ({"require": ["monsters 3"]}, ["heights, not objects"]),
        ({"theme": "cave", "size": [32, 32]}, ["a cave has no relief"]),
    ],
)
def test_mistakes_are_named_before_any_work(change, words):
    with pytest.raises(ManifestError) as caught:
        manifest(map=[TABLE | change])
    for word in words:
        assert word in str(caught.value)


def test_nobody_plays_a_scene_on_a_terrain():
    cast = [{"id": "mira", "prompt": "young alchemist"}]
    talk = [{"id": "gate", "cast": ["mira"], "lines": 4}]
    scene = [{"id": "opening", "map": "isle", "dialogue": "gate"}]
    with pytest.raises(ManifestError, match='"isle" is a terrain'):
        manifest(map=[TABLE], character=cast, dialogue=talk, cutscene=scene)


def test_the_same_in_python_with_every_export(tmp_path):
    world = World(seed=4, palette=16)
    isle = world.map("isle", theme="terrain", size=(33, 40), relief="island")
    assert isinstance(isle, Terrain)
    for name in ("isle.glb", "isle_view.png"):
        assert world.export("isle", tmp_path / name)[0].is_file()
    written = {path.name for path in world.export("isle", tmp_path / "isle_height.png")}
    assert {"isle_height_unity.raw", "isle_height_height.json"} <= written
    with pytest.raises(UsageError):
        world.export("isle", tmp_path / "isle.tmx")
    assert "33x40 samples" in summarise(isle)
    assert world.pack.assets["isle"] is isle


def test_the_page_shows_it_shaded_and_says_what_grows_there():
    isle = World(seed=4, palette=16).map("isle", theme="terrain", size=(33, 40))
    files = preview_asset(isle, "isle")
    page = json.loads(files[DESCRIPTION])
    assert page["size"] == [33, 40] and sum(page["biomes"].values()) == pytest.approx(1, abs=0.02)
    shown = cv2.imdecode(np.frombuffer(files[page["image"]], np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown.shape == (40, 33, 4)


def test_a_large_terrain_is_shown_small():
    height = np.zeros((1500, 3000), dtype=np.float32)
    flat = Terrain(height, 1.0, height.astype(np.uint8), ("rock",))
    image = preview_asset(flat, "flat")["flat.png"]
    assert cv2.imdecode(np.frombuffer(image, np.uint8), 1).shape == (512, 1024, 3)


def test_an_overworld_is_a_map():
    land = World(seed=4).map("land", theme="overworld", size=(24, 20), relief="plains")
    assert isinstance(land, Tilemap) and land.properties["theme"] == "overworld"
