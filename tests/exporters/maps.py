"""Maps that exercise what exporters get wrong: flips, layers, gaps, several tilesets, odd names."""

from __future__ import annotations

import numpy as np

from aigc_assets.types import (
    MapObject,
    ObjectLayer,
    TileAnimation,
    TileLayer,
    Tilemap,
    Tileset,
    Witness,
    WitnessEvent,
)

FLIPS = [h | v | d for h in (0, 1 << 31) for v in (0, 1 << 30) for d in (0, 1 << 29)]


def picture(seed: int, columns: int, rows: int, size: int = 8, holes: bool = False) -> np.ndarray:
    """Tiles of which no two pixels in a row are alike, so that a wrong flip shows."""
    random = np.random.Generator(np.random.Philox(seed))
    image = random.integers(0, 256, (rows * size, columns * size, 4), dtype=np.uint8)
    image[..., 3] = 255
    if holes:
        image[random.random(image.shape[:2]) < 0.4] = 0
    return image


def flipped() -> Tilemap:
    """9x4 cells, two tilesets, two layers with holes, all eight orientations, empty cells."""
    ground = Tileset(
        "ground", picture(1, 3, 2), (8, 8), tuple({"solid": i in (1, 4)} for i in range(6))
    )
    things = Tileset(
        "things",
        picture(2, 2, 2, holes=True),
        (8, 8),
        ({"solid": True, "weight": 1}, {"solid": False, "weight": 2.5}, {}, {"label": 'a "b"\\'}),
    )
    random = np.random.Generator(np.random.Philox(3))
    bottom = random.integers(1, 7, (4, 9)).astype(np.uint32)
    bottom[0, :8] = [2 | flip for flip in FLIPS]
    bottom[3, 8] = 0
    top = np.zeros((4, 9), dtype=np.uint32)
    top[1, :8] = [7 | flip for flip in FLIPS]
    top[2, ::2] = 10
    top[3, 8] = 0
    objects = (
        MapObject(7, 'odd: <name> & "quotes"/..', "start", (0, 2), {"cell": 1, "2 b": "x"}),
        MapObject(3, "twin", "monster", (1, 2), {"big": 2**40, "speed": 1e-7, "angry": True}),
        MapObject(5, "twin", "monster", (8, 0), {"text": "line\nbreak \x00 and \\ back"}),
        MapObject(9, "", "exit", (1, 2)),
    )
    path = np.array([[0, 2], [1, 2]], dtype=np.int32)
    return Tilemap(
        (ground, things),
        (TileLayer("ground", bottom), TileLayer("above", top)),
        (ObjectLayer("things", objects), ObjectLayer("witness", ())),
        (8, 8),
        {"theme": "dungeon", "difficulty": 0.5, "seed": 2**62, "tried": False, "note": "é <&>"},
        Witness(path, (WitnessEvent(0, "start", 7), WitnessEvent(1, "exit", 9))),
    )


def side_view() -> Tilemap:
    """A map to jump through: sky, ground, a board, a ladder, spikes and moving lava."""
    tiles = Tileset(
        "level",
        picture(8, 4, 2, holes=True),
        (8, 8),
        (
            {"name": "sky", "solid": False},
            {"name": "ground", "solid": True},
            {"name": "board", "solid": False, "one_way": True},
            {"name": "ladder", "solid": False, "ladder": True},
            {"name": "spikes", "solid": False, "hazard": True},
            {"name": "lava", "solid": False, "liquid": True, "hazard": True},
            {"name": "lava2", "solid": False, "liquid": True, "hazard": True},
            {"name": "door", "solid": False, "door": True},
        ),
        (TileAnimation(5, ((5, 100), (6, 150), (5, 100))),),
    )
    rows = ["......", ".--H..", "...H.D", "##^H##", "####~#"]
    codes = {".": 0, "#": 2, "-": 3, "H": 4, "^": 5, "~": 6, "D": 8}
    front = np.array([[codes[c] for c in row] for row in rows], dtype=np.uint32)
    objects = (
        MapObject(1, "start", "start", (0, 2)),
        MapObject(2, "exit", "exit", (4, 2)),
        MapObject(3, "gate", "door", (5, 2), {"colour": "blue"}),
    )
    return Tilemap(
        (tiles,),
        (TileLayer("sky", np.ones_like(front)), TileLayer("ground", front)),
        (ObjectLayer("objects", objects),),
        (8, 8),
        {"theme": "platformer", "movement": "jump"},
    )


def boxes() -> Tilemap:
    """A map to push boxes through: two crates, one of them on a goal."""
    tiles = Tileset(
        "yard",
        picture(9, 4, 1),
        (8, 8),
        tuple({"name": n, "solid": n == "wall"} for n in ("floor", "wall", "goal", "crate")),
    )
    rows = ["#####", "#...#", "#.g.#", "#####"]
    ground = np.array([[{"#": 2, ".": 1, "g": 3}[c] for c in row] for row in rows], np.uint32)
    top = np.zeros_like(ground)
    top[1, 2] = top[2, 2] = 4
    objects = (
        MapObject(1, "start", "start", (1, 1)),
        MapObject(2, "crate", "box", (2, 1)),
        MapObject(3, "crate", "box", (2, 2)),
        MapObject(4, "goal", "goal", (2, 2)),
        MapObject(5, "exit", "exit", (3, 2)),
    )
    layers = (TileLayer("ground", ground), TileLayer("things", top))
    return Tilemap((tiles,), layers, (ObjectLayer("objects", objects),), (8, 8),
                   {"theme": "sokoban", "movement": "push"})  # fmt: skip


def void() -> Tilemap:
    """Nothing drawn at all."""
    set_ = Tileset("ground", picture(1, 1, 1), (8, 8), ({"solid": True},))
    return Tilemap((set_,), (TileLayer("a", np.zeros((2, 3), np.uint32)),), (), (8, 8))


def large(width: int = 48, height: int = 32) -> Tilemap:
    """A map of the demo's size: walls and floor at random, eight kinds of tile."""
    random = np.random.Generator(np.random.Philox(5))
    set_ = Tileset(
        "ground", picture(6, 4, 2, 16), (16, 16), tuple({"solid": i < 4} for i in range(8))
    )
    gids = random.integers(1, 9, (height, width)).astype(np.uint32)
    return Tilemap((set_,), (TileLayer("ground", gids),), (), (16, 16))
