"""Small hand-made assets, one of each type, that many tests share. They form a coherent pack."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

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
    SpriteSheet,
    Tag,
    Terrain,
    TileAnimation,
    TileLayer,
    Tilemap,
    Tileset,
    Timeline,
    Track,
    WangColour,
    WangSet,
    Witness,
    WitnessEvent,
    kind_of,
)

PALETTE = np.array(
    [[20, 16, 28], [90, 90, 100], [170, 160, 150], [200, 60, 50], [60, 120, 200], [240, 220, 160]],
    dtype=np.uint8,
)


def rgba(index: int) -> np.ndarray:
    return np.array([*PALETTE[index], 255], dtype=np.uint8)


def tilemap() -> Tilemap:
    """8x6 cells of 16 px: start, red key, red door in a wall, exit, monster, treasure.

    Behind the door: moving water, spikes, a boss and a trigger. Walls and floor form a wang set.
    """
    picture = np.zeros((16, 96, 4), dtype=np.uint8)
    for i, (base, detail) in enumerate(((1, 0), (2, 1), (4, 5), (4, 2), (4, 0), (2, 3))):
        picture[:, 16 * i : 16 * i + 16] = rgba(base)
        picture[3:5, 16 * i + 2 : 16 * i + 6] = rgba(detail)
    tiles = Tileset(
        "stone",
        picture,
        (16, 16),
        (
            {"name": "wall", "solid": True},
            {"name": "floor", "solid": False},
            {"name": "door", "solid": False, "door": True},
            {"name": "water", "solid": True, "liquid": True, "light": 0.5},
            {"name": "water2", "solid": True, "liquid": True, "light": 0.5},
            {"name": "spikes", "solid": False, "hazard": True},
        ),
        (TileAnimation(3, ((3, 200), (4, 300))),),
        (
            WangSet(
                "rock",
                "corner",
                (WangColour("wall", (90, 90, 100), 0), WangColour("floor", (170, 160, 150))),
                np.array([[0, c] * 4 for c in (1, 2, 0, 0, 0, 2)], dtype=np.uint8),
            ),
        ),
    )
    rows = ["########", "#..#...#", "#..D...#", "#..#...#", "#..#~^.#", "########"]
    codes = {"#": 1, ".": 2, "D": 3, "~": 4, "^": 6}
    gids = np.array([[codes[c] for c in row] for row in rows], dtype=np.uint32)
    objects = (
        MapObject(1, "start", "start", (1, 1)),
        MapObject(2, "red key", "key", (1, 4), {"colour": "red"}),
        MapObject(3, "red door", "door", (3, 2), {"colour": "red"}),
        MapObject(4, "exit", "exit", (6, 4)),
        MapObject(5, "rat", "monster", (5, 1)),
        MapObject(6, "chest", "treasure", (2, 4)),
        MapObject(7, "warden", "boss", (5, 3), {"level": 3}),
        MapObject(8, "ambush", "trigger", (4, 3), {"once": True, "delay": 0.5}),
    )
    path = [(1, 1), (1, 2), (1, 3), (1, 4), (1, 3), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2)]
    path += [(6, 3), (6, 4)]
    witness = Witness(
        np.array(path, dtype=np.int32),
        (
            WitnessEvent(0, "start", 1),
            WitnessEvent(3, "take", 2),
            WitnessEvent(7, "open", 3),
            WitnessEvent(12, "exit", 4),
        ),
    )
    return Tilemap(
        (tiles,),
        (TileLayer("ground", gids),),
        (ObjectLayer("objects", objects),),
        (16, 16),
        {"theme": "dungeon", "movement": "walk", "steps": 12},
        witness,
    )


def sheet(size: int = 16) -> SpriteSheet:
    """Two-frame idle and walk in four directions, 16 px frames in one row per animation."""
    names = [f"{a}_{d}" for a in ("idle", "walk") for d in ("down", "up", "left", "right")]
    image = np.zeros((size * len(names), size * 2, 4), dtype=np.uint8)
    frames, tags = [], []
    for row, name in enumerate(names):
        for column in range(2):
            x, y = column * size, row * size
            top = y + 4 - column
            image[top : y + size - 1, x + 4 : x + size - 4] = rgba(3 if "walk" in name else 4)
            image[top : top + 3, x + 5 : x + size - 5] = rgba(5)
            frames.append(Frame((x, y, size, size), 120, (size // 2, size - 1)))
        tags.append(Tag(name, row * 2, row * 2 + 2))
    return SpriteSheet(image, tuple(frames), tuple(tags), PALETTE)


def dialogue(prefix: str = "gate") -> DialogueTree:
    nodes = (
        DialogueNode(
            f"{prefix}_01",
            "warden",
            "Who goes there?",
            (
                Choice(f"{prefix}_01a", "A friend.", f"{prefix}_02", sets="friend"),
                Choice(f"{prefix}_01b", 'None of "your" business!', f"{prefix}_03"),
            ),
            tags={"mood": "tense"},
        ),
        DialogueNode(
            f"{prefix}_02", "warden", "Then pass, [friend] {of} the keep.", next=f"{prefix}_04"
        ),
        DialogueNode(f"{prefix}_03", "warden", "Then we have a problem: 100% of it."),
        DialogueNode(f"{prefix}_04", "mira", "Thank you."),
    )
    return DialogueTree(nodes, f"{prefix}_01", {"friend": False})


def sound(hz: float = 440.0, milliseconds: int = 200) -> Sound:
    t = np.arange(22050 * milliseconds // 1000) / 22050
    wave = 0.5 * np.sin(2 * np.pi * hz * t) * np.exp(-6 * t)
    return Sound(wave[None].astype(np.float32), 22050)


def terrain() -> Terrain:
    height = np.linspace(-20, 80, 33 * 33, dtype=np.float32).reshape(33, 33)
    return Terrain(height, 10.0, (height > 0).astype(np.uint8), ("sea", "land"))


def timeline() -> Timeline:
    """Two seconds at 12 frames per second, 128x96 from a 64x48 canvas."""
    spoken = dialogue()
    return Timeline(
        (
            Track("set", "video", (
                Clip("keep", 0, 24, "keep", (Keyframe(0, 0, 0), Keyframe(23, 40, 20))),
            )),
            Track("mira", "video", (
                Clip("walks in", 0, 12, "mira", (Keyframe(0, 24, 40), Keyframe(11, 46, 40)),
                     {"tag": "walk_right"}),
                Clip("waits", 12, 12, "mira", (Keyframe(0, 46, 40),), {"tag": "idle_down"}),
            )),
            Track("captions", "subtitle", (
                Clip("gate_01", 4, 16, "gate", (),
                     {"node": "gate_01", "speaker": "warden", "text": spoken.nodes[0].text}),
            )),
            Track("effects", "sound", (
                Clip("coin", 6, 3, "coin", (), {"cue": "gate_01", "cue_frame": 6, "gain_db": -3.0}),
            )),
            Track("markers", "marker", (Clip("opening", 0, 1),)),
        ),
        Fraction(12),
        24,
        (128, 96),
        2,
    )  # fmt: skip


def pack() -> AssetPack:
    assets = {
        "keep": tilemap(),
        "mira": sheet(),
        "warden": sheet(),
        "coin": sound(),
        "gate": dialogue(),
        "opening": timeline(),
    }
    notes = {
        key: Provenance(kind_of(asset), "composition", "", 7, {"id": key}, ("CC0-1.0",))
        for key, asset in assets.items()
    }
    return AssetPack("sample", PALETTE, assets, notes)
