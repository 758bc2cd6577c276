"""A pack with a map that has room for a scene, and the scene composed on it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from aigc_assets.pipelines.cutscenes import CutsceneRequest, compose_cutscene
from aigc_assets.types import (
    AssetPack,
    MapObject,
    ObjectLayer,
    Provenance,
    TileLayer,
    Tilemap,
    Witness,
    WitnessEvent,
    kind_of,
)
from tests import samples

ROWS = """
########################################
#..........#...........................#
#..........#...........................#
#..........#.......................##..#
#......................................#
#......................................#
#..........#...........................#
#..........#.......##..................#
#..........#.......##..................#
#..........#...........................#
######.#####...........................#
#..........#...........................#
#..........#####################.#######
#..........#...........................#
#..........#...........................#
#......................................#
#......................................#
#..........#...........................#
#..........#...........................#
########################################
""".split()
SOUNDS = {"blip": "ui_click", "step": "footstep", "door": "door", "coin": "coin", "ember": "magic"}


def tilemap() -> Tilemap:
    """40x20 cells of 16 px: four rooms with wide openings and a way through three of them."""
    tiles = samples.tilemap().tilesets
    gids = np.array([[{"#": 1, ".": 2}[c] for c in row] for row in ROWS], dtype=np.uint32)
    path = [(x, 4) for x in range(2, 33)] + [(32, y) for y in range(5, 16)]
    objects = (
        MapObject(1, "start", "start", (2, 4)),
        MapObject(2, "exit", "exit", (32, 15)),
        MapObject(3, "chest", "treasure", (36, 2)),
    )
    events = (WitnessEvent(0, "start", 1), WitnessEvent(len(path) - 1, "exit", 2))
    witness = Witness(np.array(path, dtype=np.int32), events)
    layers = (TileLayer("ground", gids),)
    return Tilemap(tiles, layers, (ObjectLayer("objects", objects),), (16, 16), {}, witness)


def ingredients() -> dict:
    """Everything that the scene is made of, by id."""
    tones = {key: samples.sound(300 + 90 * i, 60 + 20 * i) for i, key in enumerate(sorted(SOUNDS))}
    cast = {"mira": samples.sheet(32), "warden": samples.sheet(32)}
    return {"keep": tilemap(), "gate": samples.dialogue(), **cast, **tones}


def request(**changes) -> CutsceneRequest:
    plain = CutsceneRequest("keep", "gate", SOUNDS, (640, 360))
    return dataclasses.replace(plain, **changes)


@functools.cache
def pack() -> AssetPack:
    """The ingredients and the scene ``opening`` composed of them with seed 3."""
    assets = ingredients()
    assets["opening"] = compose_cutscene(request(), assets, 3).asset
    notes = {
        key: Provenance(kind_of(asset), "composition", "", 3, {"id": key})
        for key, asset in assets.items()
    }
    return AssetPack("scenes", samples.PALETTE, assets, notes)


def replaced(whole: AssetPack, **assets) -> AssetPack:
    """The pack with some assets exchanged."""
    return dataclasses.replace(whole, assets={**whole.assets, **assets})
