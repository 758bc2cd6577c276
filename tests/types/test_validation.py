"""Every plain type says which field is wrong, and cannot be changed from outside."""

from __future__ import annotations

import dataclasses
import pickle
from fractions import Fraction

import numpy as np
import pytest

from aigc_assets.errors import InvalidAssetError
from aigc_assets.types import (
    AssetPack,
    Choice,
    Clip,
    DialogueNode,
    DialogueTree,
    Frame,
    Keyframe,
    MapObject,
    ObjectLayer,
    Provenance,
    Sound,
    Tag,
    TileAnimation,
    TileLayer,
    Tileset,
    Track,
    WangColour,
    WangSet,
    Witness,
    WitnessEvent,
)
from tests import samples


def changed(name: str, **fields):
    """The sample asset with some fields exchanged."""
    sample = getattr(samples, name)()
    return dataclasses.replace(sample, **fields)


def painted(value: tuple[int, int, int, int]) -> np.ndarray:
    image = samples.sheet().image.copy()
    image[0, 0] = value
    return image


def animated(*frames, tile=0):
    return Tileset("a", TILES, (16, 16), ({},), (TileAnimation(tile, frames),))


GRASS = (WangColour("grass", (10, 200, 30), 0),)


def wang(kind, ids, colours=GRASS):
    return WangSet("ground", kind, colours, np.array(ids, dtype=np.uint8))


def tiled(*wang_sets):
    return Tileset("a", TILES, (16, 16), ({},), (), wang_sets)


CORNERS = [[0, 1, 0, 1, 0, 1, 0, 1]]
NODE = DialogueNode("a", "mira", "Hello.")
TILES = np.zeros((16, 16, 4), dtype=np.uint8)
WRONG = {
    "Tileset.name": [lambda: Tileset("Big Name", TILES, (16, 16), ({},))],
    "Tileset.image": [
        lambda: Tileset("a", TILES[:15], (16, 16), ({},)),
        lambda: Tileset("a", TILES.astype(np.float32), (16, 16), ({},)),
        lambda: Tileset("a", TILES[..., :3], (16, 16), ({},)),
        lambda: Tileset("a", TILES[:0], (16, 16), ()),
    ],
    "Tileset.tile_size": [
        lambda: Tileset("a", TILES, (16,), ({},)),
        lambda: Tileset("a", TILES, (0, 16), ({},)),
        lambda: Tileset("a", TILES, 16, ({},)),
    ],
    "Tileset.properties": [
        lambda: Tileset("a", TILES, (16, 16), ()),
        lambda: Tileset("a", TILES, (16, 16), [{}]),
    ],
    "Tileset.properties[0]['cost']": [
        lambda: Tileset("a", TILES, (16, 16), ({"cost": float("nan")},))
    ],
    "Tileset.properties[0] key": [lambda: Tileset("a", TILES, (16, 16), ({"": 1},))],
    "Tileset.animations": [
        lambda: Tileset("a", TILES, (16, 16), ({},), [TileAnimation(0, ((0, 100),))]),
        lambda: Tileset("a", TILES, (16, 16), ({},), (TileAnimation(0, ((0, 100),)),) * 2),
    ],
    "Tileset.animations[0]": [lambda: animated((1, 100)), lambda: animated((0, 100), tile=1)],
    "TileAnimation.tile": [lambda: TileAnimation(-1, ((0, 100),))],
    "TileAnimation.frames": [lambda: TileAnimation(0, ()), lambda: TileAnimation(0, [(0, 100)])],
    "TileAnimation.frames[1]": [
        lambda: TileAnimation(0, ((0, 100), (0, 0))),
        lambda: TileAnimation(0, ((0, 100), (-1, 9))),
        lambda: TileAnimation(0, ((0, 100), (0,))),
    ],
    "WangColour.name": [lambda: WangColour("", (0, 0, 0))],
    "WangColour.rgb": [lambda: WangColour("a", (0, 0, 256)), lambda: WangColour("a", (0, 0))],
    "WangColour.tile": [lambda: WangColour("a", (0, 0, 0), -2)],
    "WangSet.name": [lambda: WangSet("", "edge", wang("corner", CORNERS).colours, CORNERS)],
    "WangSet.kind": [lambda: wang("blob", CORNERS)],
    "WangSet.colours": [lambda: wang("corner", CORNERS, ())],
    "WangSet.wang_ids": [
        lambda: wang("edge", CORNERS),
        lambda: wang("corner", [[1, 1, 0, 1, 0, 1, 0, 1]]),
        lambda: wang("corner", [[0, 2, 0, 1, 0, 1, 0, 1]]),
        lambda: wang("corner", [[0, 1, 0, 1]]),
    ],
    "Tileset.wang_sets": [
        lambda: tiled(wang("corner", CORNERS), wang("mixed", CORNERS)),
        lambda: Tileset("a", TILES, (16, 16), ({},), (), [wang("corner", CORNERS)]),
    ],
    "Tileset.wang_sets[0]": [
        lambda: tiled(wang("corner", CORNERS * 2)),
        lambda: tiled(wang("corner", CORNERS, (WangColour("grass", (10, 200, 30), 1),))),
    ],
    "TileLayer.gids": [
        lambda: TileLayer("a", np.zeros((2, 2), dtype=np.int32)),
        lambda: TileLayer("a", np.zeros((0, 2), dtype=np.uint32)),
        lambda: TileLayer("a", [[1]]),
    ],
    "TileLayer.name": [lambda: TileLayer("", np.zeros((2, 2), dtype=np.uint32))],
    "MapObject.id": [lambda: MapObject(0, "", "start", (0, 0))],
    "MapObject[1].cell": [
        lambda: MapObject(1, "", "start", (-1, 0)),
        lambda: MapObject(1, "", "start", (0.5, 0)),
        lambda: MapObject(1, "", "start", (True, 0)),
        lambda: MapObject(1, "", "start", 3),
    ],
    "MapObject[1].cls": [lambda: MapObject(1, "", "", (0, 0))],
    "MapObject[1].properties": [lambda: MapObject(1, "", "key", (0, 0))],
    "MapObject[6].cell": [
        lambda: changed(
            "tilemap", object_layers=(ObjectLayer("o", (MapObject(6, "", "exit", (8, 0)),)),)
        )
    ],
    "ObjectLayer.objects": [lambda: ObjectLayer("o", [])],
    "WitnessEvent.action": [lambda: WitnessEvent(0, "jump", 1)],
    "Witness.path": [
        lambda: Witness(np.zeros((0, 2), dtype=np.int32), ()),
        lambda: Witness(np.zeros((3, 2), dtype=np.int64), ()),
    ],
    "Witness.events": [
        lambda: Witness(np.zeros((2, 2), dtype=np.int32), (WitnessEvent(2, "exit", 1),)),
        lambda: Witness(
            np.zeros((2, 2), dtype=np.int32),
            (WitnessEvent(1, "exit", 1), WitnessEvent(0, "start", 1)),
        ),
    ],
    "Tilemap.witness.path": [
        lambda: changed("tilemap", witness=Witness(np.array([[8, 0]], dtype=np.int32), ()))
    ],
    "Tilemap.layers['ground']": [
        lambda: changed("tilemap", layers=(TileLayer("ground", np.full((6, 8), 7, np.uint32)),))
    ],
    "Tilemap.layers": [
        lambda: changed("tilemap", layers=()),
        lambda: changed("tilemap", layers=samples.tilemap().layers * 2),
    ],
    "Tilemap.tilesets": [lambda: changed("tilemap", tilesets=())],
    "Tilemap.object_layers": [
        lambda: changed("tilemap", object_layers=list(samples.tilemap().object_layers)),
        lambda: changed(
            "tilemap",
            object_layers=(
                *samples.tilemap().object_layers,
                ObjectLayer("more", (MapObject(1, "", "exit", (0, 0)),)),
            ),
        ),
    ],
    "Tilemap.tile_size": [lambda: changed("tilemap", tile_size=(16, 0))],
    "Frame.rect": [lambda: Frame((0, 0, 1), 1, (0, 0)), lambda: Frame(3, 1, (0, 0))],
    "Frame.rect.w": [lambda: Frame((0, 0, 0, 1), 1, (0, 0))],
    "Frame.duration_ms": [lambda: Frame((0, 0, 1, 1), 0, (0, 0))],
    "Frame.pivot": [lambda: Frame((0, 0, 1, 1), 1, (0,)), lambda: Frame((0, 0, 1, 1), 1, (-1, 0))],
    "Tag[a].stop": [lambda: Tag("a", 3, 3)],
    "Tag[a].direction": [lambda: Tag("a", 0, 1, "sideways")],
    "SpriteSheet.frames[0].rect": [
        lambda: changed("sheet", frames=(Frame((30, 0, 16, 16), 1, (0, 0)),), tags=())
    ],
    "SpriteSheet.tags[a]": [lambda: changed("sheet", tags=(Tag("a", 0, 99),))],
    "SpriteSheet.tags": [lambda: changed("sheet", tags=(Tag("a", 0, 1), Tag("a", 1, 2)))],
    "SpriteSheet.frames": [lambda: changed("sheet", frames=(), tags=())],
    "SpriteSheet.palette": [lambda: changed("sheet", palette=samples.PALETTE[:0])],
    "SpriteSheet.image": [
        lambda: changed("sheet", image=painted((20, 16, 28, 128))),
        lambda: changed("sheet", image=painted((20, 16, 28, 0))),
        lambda: changed("sheet", image=painted((1, 2, 3, 255))),
    ],
    "Choice.id": [lambda: Choice("../a", "x", "a")],
    "Choice[a].text": [lambda: Choice("a", "two\nlines", "a"), lambda: Choice("a", " x", "a")],
    "DialogueNode[a].text": [lambda: DialogueNode("a", "mira", "")],
    "DialogueNode[a].speaker": [lambda: DialogueNode("a", "Mira!", "x")],
    "DialogueNode[a]": [
        lambda: DialogueNode("a", "mira", "x", (Choice("b", "y", "a"),), next="a"),
        lambda: DialogueTree((dataclasses.replace(NODE, next="nowhere"),), "a"),
    ],
    "DialogueTree.start": [lambda: DialogueTree((NODE,), "b")],
    "DialogueTree.nodes": [
        lambda: DialogueTree((), "a"),
        lambda: DialogueTree((1,), "a"),
        lambda: DialogueTree((NODE, NODE), "a"),
        lambda: DialogueTree((NODE, dataclasses.replace(NODE, id="lost")), "a"),
        lambda: DialogueTree((dataclasses.replace(NODE, next="a"),), "a"),
    ],
    "DialogueTree.variables[met]": [lambda: DialogueTree((NODE,), "a", {"met": 1})],
    "Choice[b]": [
        lambda: DialogueTree(
            (
                DialogueNode("a", "mira", "x", (Choice("b", "y", "c", condition="rich"),)),
                DialogueNode("c", "mira", "z"),
            ),
            "a",
        )
    ],
    "Sound.samples": [
        lambda: Sound(np.zeros(5, dtype=np.float32), 22050),
        lambda: Sound(np.zeros((1, 5)), 22050),
        lambda: Sound(np.zeros((1, 0), dtype=np.float32), 22050),
        lambda: Sound(np.full((1, 5), 1.01, dtype=np.float32), 22050),
        lambda: Sound(np.full((1, 5), np.nan, dtype=np.float32), 22050),
    ],
    "Sound.sample_rate": [lambda: Sound(np.zeros((1, 5), dtype=np.float32), 22050.0)],
    "Sound.loop": [lambda: Sound(np.zeros((1, 5), dtype=np.float32), 22050, (1, 2, 3))],
    "Sound.loop stop": [lambda: Sound(np.zeros((1, 5), dtype=np.float32), 22050, (2, 6))],
    "Terrain.height": [lambda: changed("terrain", height=np.full((3, 3), np.inf, np.float32))],
    "Terrain.cell_size": [
        lambda: changed("terrain", cell_size=0),
        lambda: changed("terrain", cell_size=float("nan")),
    ],
    "Terrain.biome": [lambda: changed("terrain", biome_names=("sea",))],
    "Keyframe.frame": [lambda: Keyframe(-1, 0, 0)],
    "Clip[c].duration": [lambda: Clip("c", 0, 0)],
    "Clip[c].keyframes": [lambda: Clip("c", 0, 2, "", (Keyframe(1, 0, 0), Keyframe(1, 0, 0)))],
    "Clip[c].properties['tag']": [lambda: Clip("c", 0, 2, "", (), {"tag": None})],
    "Track[t].kind": [lambda: Track("t", "film", ())],
    "Track[t].clips": [lambda: Track("t", "video", (Clip("a", 0, 3), Clip("b", 2, 3)))],
    "Timeline.frame_rate": [
        lambda: changed("timeline", frame_rate=24.0),
        lambda: changed("timeline", frame_rate=Fraction(1, 2)),
    ],
    "Timeline.resolution": [
        lambda: changed("timeline", resolution=(127, 96), scale=1),
        lambda: changed("timeline", resolution=(128,)),
    ],
    "Timeline.scale": [lambda: changed("timeline", scale=3)],
    "Timeline.tracks": [lambda: changed("timeline", tracks=samples.timeline().tracks * 2)],
    "Clip[keep]": [lambda: changed("timeline", duration=23)],
    "Provenance.model": [lambda: Provenance("map", "", "", 0, {})],
    "Provenance.weights_sha256": [lambda: Provenance("map", "m", "F" * 64, 0, {})],
    "Provenance.seed": [lambda: Provenance("map", "m", "", -1, {})],
    "Provenance.notes": [lambda: Provenance("map", "m", "", 1, {}, notes="word")],
    "AssetPack.name": [lambda: AssetPack("a/b", samples.PALETTE, {})],
    "AssetPack.palette": [lambda: AssetPack("a", samples.PALETTE[:0], {})],
    "AssetPack.assets": [lambda: AssetPack("a", samples.PALETTE, {"..": samples.sound()})],
    "AssetPack.assets[x]": [lambda: AssetPack("a", samples.PALETTE, {"x": 3})],
    "AssetPack.provenance": [
        lambda: AssetPack("a", samples.PALETTE, {}, {"x": Provenance("map", "m", "", 0, {})})
    ],
}
CASES = [(field, make) for field, makes in WRONG.items() for make in makes]


@pytest.mark.parametrize(("field", "make"), CASES, ids=[field for field, _ in CASES])
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field, make):
    with pytest.raises(InvalidAssetError) as caught:
        make()
    assert caught.value.where == field
    assert "expected " in caught.value.message and ", got " in caught.value.message


def test_an_error_survives_the_way_between_processes():
    error = InvalidAssetError("expected a, got b", where="x", remedy="y")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (InvalidAssetError, str(error))


def test_arrays_cannot_be_changed_through_the_original():
    samples_in = np.zeros((1, 4), dtype=np.float32)
    view = samples_in[:]
    view.setflags(write=False)  # read-only itself, but a window on writable memory
    for given in (samples_in, view):
        sound = Sound(given, 22050)
        samples_in[0, 0] = 0.5
        assert sound.samples[0, 0] == 0
        samples_in[0, 0] = 0
        with pytest.raises(ValueError):
            sound.samples[0, 0] = 1


def test_read_only_memory_is_not_copied():
    wave = np.zeros((1, 4), dtype=np.float32)
    wave.setflags(write=False)
    assert Sound(wave, 22050).samples is wave


def test_fields_cannot_be_reassigned():
    for make in (samples.tilemap, samples.sheet, samples.sound, samples.terrain, samples.timeline):
        asset = make()
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(asset, dataclasses.fields(asset)[0].name, None)


def test_solid_cells_follow_tiles_flips_and_holes():
    tilemap = samples.tilemap()
    gids = tilemap.layers[0].gids.copy()
    gids[1, 1] = 0  # a hole
    gids[1, 2] = 1 | 0x80000000  # a mirrored wall
    solid = dataclasses.replace(tilemap, layers=(TileLayer("ground", gids),)).solid()
    assert solid[1, 1] and solid[1, 2]
    solid[1, 1:3] = False
    assert np.array_equal(solid, tilemap.solid())
    over = TileLayer("walls", np.where(gids == 3, 1, 0).astype(np.uint32))
    both = dataclasses.replace(tilemap, layers=(*tilemap.layers, over))
    assert both.solid()[2, 3] and not tilemap.solid()[2, 3]


def test_gids_count_through_tilesets():
    tilemap = samples.tilemap()
    extra = Tileset("extra", TILES, (16, 16), ({"solid": True, "name": "block"},))
    both = dataclasses.replace(tilemap, tilesets=(*tilemap.tilesets, extra))
    assert both.first_gids == (1, 7)
    names = [both.tile_properties(gid).get("name") for gid in (0, 1, 2, 3, 6, 7)]
    assert names == [None, "wall", "floor", "door", "spikes", "block"]


def test_positions_move_linearly_between_keys_and_hold_outside():
    clip = Clip("c", 10, 20, "", (Keyframe(4, 0, 10), Keyframe(8, 9, 2)))
    spots = [clip.position(n) for n in (10, 14, 15, 16, 17, 18, 29)]
    assert spots == [(0, 10), (0, 10), (2, 8), (4, 6), (6, 4), (9, 2), (9, 2)]
    with pytest.raises(ValueError):
        Clip("c", 0, 1).position(0)


def test_lookups_by_name():
    assert samples.dialogue().node("gate_02").speaker == "warden"
    assert samples.sheet().tag("walk_up").start == 10
    assert samples.timeline().track("set").kind == "video"
    assert samples.timeline().canvas == (64, 48)
    assert samples.sound(milliseconds=100).duration == Fraction(1, 10)
    for missing in (samples.dialogue().node, samples.sheet().tag, samples.timeline().track):
        with pytest.raises(KeyError):
            missing("nothing")
