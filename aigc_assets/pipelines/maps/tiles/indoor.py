"""The tileset of dungeons, caves and bases: every tile for each way its neighbours can lie.

A theme has several looks (a dungeon may be a keep, a crypt or a sewer); they share the names of
their tiles, so that a map can be dressed without knowing its look. All colours are colours of the
pack.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from aigc_assets.pipelines.maps.tiles import masonry
from aigc_assets.pipelines.maps.tiles.blob import BLOB, FULL, NW, N, S, W
from aigc_assets.pipelines.maps.tiles.masonry import SHADES, Face, Floor
from aigc_assets.pipelines.maps.tiles.scenery import DECOR, HANGINGS, HAZARDS
from aigc_assets.pipelines.maps.tiles.sheet import RGB, Inks, Sheet
from aigc_assets.pipelines.maps.tiles.sprites import (
    DOOR_FRONT,
    DOOR_SIDE,
    KEY,
    KEY_COLOURS,
    SIGNS,
    TECH_DOOR_FRONT,
    TECH_DOOR_SIDE,
    THINGS,
)
from aigc_assets.types import Tileset
from aigc_assets.types.validation import Scalar

FLOORS, FIELDS = 6, 4
"""Variants of floor and of outdoor ground."""
FRAMES = 3
"""Pictures of moving liquid."""


class Look(NamedTuple):
    """How one kind of dungeon, cave or base is built."""

    liquid: str
    field: str
    face: Face
    floor: Floor
    colours: dict[str, RGB]
    odds: tuple[float, ...] = (0.9, 0.02, 0.02, 0.02, 0.02, 0.02)
    """How often each variant of the floor lies."""
    hanging: tuple[str, ...] = ("torch", "torch", "banner")
    """What hangs on wall faces, one kind for each stretch of wall."""
    heaps: tuple[str, ...] = ("crate", "pots")
    """What stands in corners and along walls."""
    traces: tuple[str, ...] = ("bones", "crack", "rubble")
    """What lies about on the floor."""
    wild: tuple[str, ...] = ("tuft", "flowers", "stones")
    """What grows outdoors."""
    rug: bool = False
    hazard: str = "spikes"
    """What harms who steps on it."""


_GREENS: dict[str, RGB] = {
    "field": (82, 94, 46), "field_light": (104, 150, 78), "field_dark": (50, 66, 34),
    "bank": (62, 48, 40),
}  # fmt: skip
_DIRT: dict[str, RGB] = {
    "field": (96, 74, 54), "field_light": (132, 104, 74), "field_dark": (64, 48, 38),
    "bank": (40, 40, 54),
}  # fmt: skip
_STONE: dict[str, RGB] = {
    "rock": (26, 24, 36), "rim": (112, 116, 136), "rim_light": (190, 196, 210),
    "rim_dark": (66, 68, 86), "face": (106, 110, 128), "face_light": (150, 154, 170),
    "face_dark": (58, 58, 74),
}  # fmt: skip
LOOKS: dict[str, dict[str, Look]] = {
    "dungeon": {
        "stone": Look("water", "grass", masonry.bricks, masonry.flagstones, {
            **_STONE, "floor": (94, 70, 48), "floor_light": (126, 92, 64),
            "floor_dark": (62, 44, 34), **_GREENS,
        }, (0.34, 0.24, 0.2, 0.15, 0.03, 0.04), rug=True),
        "crypt": Look("water", "ash", masonry.blocks, masonry.tiled, {
            "rock": (20, 18, 30), "rim": (118, 100, 128), "rim_light": (200, 184, 210),
            "rim_dark": (74, 60, 88), "face": (112, 92, 122), "face_light": (166, 146, 176),
            "face_dark": (62, 50, 78), "floor": (66, 66, 82), "floor_light": (96, 98, 114),
            "floor_dark": (40, 40, 56), "field": (56, 44, 72), "field_light": (98, 80, 112),
            "field_dark": (36, 28, 50), "bank": (40, 34, 52),
        }, (0.82, 0.0, 0.05, 0.05, 0.05, 0.03), hanging=("torch", "banner"),
            heaps=("pots", "candles", "slab", "brazier"), traces=("bones", "crack"),
            wild=("bones", "stones", "mushrooms"), rug=True),
        "sewer": Look("slime", "mud", masonry.bricks, masonry.cobbles, {
            "rock": (18, 26, 26), "rim": (84, 110, 92), "rim_light": (150, 180, 150),
            "rim_dark": (48, 70, 60), "face": (80, 104, 86), "face_light": (126, 150, 122),
            "face_dark": (44, 62, 54), "floor": (72, 74, 84), "floor_light": (108, 112, 124),
            "floor_dark": (40, 42, 52), "field": (78, 62, 40), "field_light": (110, 90, 60),
            "field_dark": (50, 40, 30), "bank": (40, 42, 40),
        }, (0.4, 0.2, 0.18, 0.195, 0.01, 0.015), hanging=("torch", "vine", "vine"),
            heaps=("barrel", "crate", "pots"), traces=("stain", "rubble", "bones"),
            wild=("mushrooms", "stones", "tuft")),
    },
    "cave": {
        "rock": Look("water", "moss", masonry.strata, masonry.gravel, {
            "rock": (30, 24, 28), "rim": (122, 92, 64), "rim_light": (196, 150, 104),
            "rim_dark": (74, 54, 42), "face": (106, 78, 54), "face_light": (142, 106, 74),
            "face_dark": (58, 42, 36), "floor": (82, 84, 98), "floor_light": (120, 122, 138),
            "floor_dark": (54, 54, 68), **_GREENS,
        }, (0.4, 0.26, 0.1, 0.14, 0.05, 0.05), hanging=("vine", "crystals", "vine"),
            heaps=("stalagmite", "crystal", "stalagmite"), traces=("rubble", "stones", "bones"),
            wild=("tuft", "mushrooms", "stones")),
        "ember": Look("lava", "cinder", masonry.strata, masonry.gravel, {
            "rock": (26, 18, 24), "rim": (110, 66, 60), "rim_light": (190, 116, 92),
            "rim_dark": (70, 40, 44), "face": (96, 58, 56), "face_light": (140, 84, 72),
            "face_dark": (56, 34, 40), "floor": (74, 70, 80), "floor_light": (108, 102, 114),
            "floor_dark": (46, 42, 54), "field": (60, 48, 44), "field_light": (150, 84, 56),
            "field_dark": (36, 28, 32), "bank": (46, 30, 32),
        }, (0.4, 0.26, 0.1, 0.14, 0.05, 0.05), hanging=("crystals",),
            heaps=("stalagmite",), traces=("rubble", "stones", "bones"),
            wild=("stones", "rubble"), hazard="embers"),
        "ice": Look("water", "snow", masonry.icicles, masonry.frozen, {
            "rock": (24, 30, 52), "rim": (104, 140, 186), "rim_light": (226, 236, 244),
            "rim_dark": (60, 88, 140), "face": (84, 124, 180), "face_light": (188, 212, 236),
            "face_dark": (48, 74, 128), "floor": (136, 150, 172), "floor_light": (188, 204, 220),
            "floor_dark": (92, 104, 130), "field": (240, 240, 240),
            "field_light": (250, 250, 246), "field_dark": (168, 180, 200), "bank": (120, 132, 156),
        }, (0.5, 0.14, 0.14, 0.1, 0.08, 0.04), hanging=("crystals",),
            heaps=("shards", "shards", "crystal"), traces=("stones", "bones"),
            wild=("stones", "stones", "shards")),
    },
    "techbase": {
        "clean": Look("slime", "dirt", masonry.panels, masonry.plates, {
            "rock": (22, 22, 34), "rim": (140, 146, 162), "rim_light": (224, 226, 232),
            "rim_dark": (80, 84, 102), "face": (150, 154, 170), "face_light": (208, 210, 218),
            "face_dark": (82, 86, 104), "floor": (58, 60, 76), "floor_light": (84, 88, 106),
            "floor_dark": (32, 32, 44), **_DIRT,
        }, (0.5, 0.2, 0.08, 0.12, 0.06, 0.04), hanging=("lamp", "screen", "lamp"),
            heaps=("barrel", "crate", "console"), traces=("stain", "vent"),
            wild=("stones", "rubble", "tuft"), hazard="arc"),
        "rusty": Look("slime", "dirt", masonry.rusty, masonry.plates, {
            "rock": (26, 20, 22), "rim": (136, 112, 92), "rim_light": (206, 176, 140),
            "rim_dark": (86, 62, 50), "face": (124, 100, 84), "face_light": (166, 136, 108),
            "face_dark": (76, 56, 48), "floor": (70, 66, 66), "floor_light": (100, 94, 90),
            "floor_dark": (42, 38, 42), **_DIRT,
        }, (0.5, 0.2, 0.08, 0.12, 0.06, 0.04), hanging=("lamp",),
            heaps=("barrel", "barrel", "crate"), traces=("stain", "vent"),
            wild=("stones", "rubble", "tuft"), hazard="arc"),
        "lab": Look("coolant", "dirt", masonry.panels, masonry.tiled, {
            "rock": (16, 26, 38), "rim": (120, 152, 160), "rim_light": (226, 238, 236),
            "rim_dark": (62, 92, 106), "face": (176, 190, 194), "face_light": (232, 236, 232),
            "face_dark": (92, 120, 130), "floor": (92, 104, 118), "floor_light": (130, 144, 156),
            "floor_dark": (66, 74, 90), **_DIRT,
        }, (0.86, 0.0, 0.04, 0.04, 0.02, 0.04), hanging=("lamp", "screen", "lamp"),
            heaps=("console", "console", "barrel"), traces=("vent",),
            wild=("stones", "rubble", "tuft"), hazard="arc"),
    },
}  # fmt: skip
"""The looks of each theme by name."""

_LIQUIDS: dict[str, dict[str, RGB]] = {
    "water": {"deep": (38, 74, 138), "wave": (72, 122, 196), "foam": (150, 190, 232)},
    "lava": {"deep": (196, 64, 38), "wave": (236, 140, 56), "foam": (250, 222, 130)},
    "slime": {"deep": (72, 128, 62), "wave": (116, 178, 100), "foam": (190, 220, 130)},
    "coolant": {"deep": (36, 100, 104), "wave": (76, 164, 160), "foam": (176, 232, 222)},
}
_LIGHTS: dict[str, tuple[float, str]] = {
    "torch": (4.0, "#f0a040"), "lamp": (4.0, "#fff0c0"), "screen": (2.0, "#60d0d0"),
    "crystal": (2.0, "#80e0e0"), "crystals": (2.0, "#80e0e0"), "brazier": (5.0, "#f0a040"),
    "candles": (2.0, "#ffd890"), "mushrooms": (1.0, "#e08060"), "lantern": (4.0, "#ffd890"),
    "embers": (2.0, "#f08030"), "arc": (1.0, "#80e0e0"),
}  # fmt: skip
"""Tiles that shine: radius in tiles and colour."""
_RAMPS = (
    ("rock", "rim_dark", "rim", "rim_light"),
    ("rock", "face_dark", "face", "face_light"),
    ("rock", "floor_dark", "floor", "floor_light"),
    ("field_dark", "field"),
    ("deep", "wave", "foam"),
)
_UNLIKE = {"deep": ("floor", "field"), "field": ("floor",)}


def choose_look(theme: str, random: np.random.Generator) -> str:
    """One of the looks of a theme."""
    names = tuple(LOOKS[theme])
    return names[int(random.integers(len(names)))]


def glow(name: str) -> dict[str, Scalar]:
    """The properties of a tile that shines, none for one that does not."""
    radius, colour = _LIGHTS.get(name, (0.0, ""))
    return {"light": radius, "light_colour": colour} if radius else {}


@functools.lru_cache(maxsize=32)
def build_tileset(palette: bytes, theme: str, look: str) -> tuple[Tileset, Mapping[str, int]]:
    """Draw the tileset of a theme in the colours of a pack.

    Args:
        palette: RGB bytes of the pack's colours.
        theme: One of `LOOKS`.
        look: One of the looks of the theme.

    Returns:
        The tileset and the gid of each tile by its name.
    """
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    style = LOOKS[theme][look]
    liquid = style.liquid
    extra: dict[str, RGB] = {
        "umbra": masonry.umbra(style.colours),
        "strip": (84, 172, 172), "rust": (150, 74, 44),
        "rug": (150, 44, 36), "rug_dark": (96, 28, 30), "gold": (206, 160, 70),
    }  # fmt: skip
    inks = Inks(colours, {**style.colours, **_LIQUIDS[liquid], **extra}, _RAMPS, _UNLIKE)
    sheet = Sheet()
    _add_walls(sheet, inks, style)
    _add_ground(sheet, inks, style)
    burns = liquid == "lava"
    liquids = masonry.liquid_blob(inks, FRAMES)
    shine: dict[str, Scalar] = {"light": 3.0, "light_colour": "#f08030"} if burns else {}
    sheet.add_blob(
        "liquid",
        liquids,
        liquid,
        _LIQUIDS[liquid]["wave"],
        milliseconds=260,
        flags={"solid": True, "liquid": True, "hazard": burns, **shine},
    )
    for name, upright in (("bridge_h", False), ("bridge_v", True)):
        sheet.add(name, masonry.bridge(inks, upright), "bridge")
    technical = theme == "techbase"
    sheet.add("start", masonry.pad(inks, "a", "w") if technical else masonry.stairs_up(inks))
    sheet.add("exit", masonry.pad(inks, "y", "Y") if technical else masonry.stairs_down(inks))
    front, side = (TECH_DOOR_FRONT, TECH_DOOR_SIDE) if technical else (DOOR_FRONT, DOOR_SIDE)
    for colour in KEY_COLOURS:
        sheet.add(f"key_{colour}", inks.picture(KEY, colour), f"{colour} key")
        for way, text in (("front", front), ("side", side)):
            sheet.add(
                f"door_{way}_{colour}",
                inks.picture(text, colour),
                f"{colour} door",
                flags={"door": True},
            )
    for name, picture in masonry.rug(inks).items():
        sheet.add(name, picture, "rug")
    for table in (THINGS, SIGNS, DECOR, HANGINGS):
        for name, text in table.items():
            sheet.add(name, inks.picture(text), flags=glow(name))
    frames = np.stack([inks.picture(text) for text in HAZARDS[style.hazard]])
    picture = frames if len(frames) > 1 else frames[0]
    harm = {"hazard": True, **glow(style.hazard)}
    sheet.add("hazard", picture, style.hazard, milliseconds=320, nav_cost=20, flags=harm)
    return sheet.finish(f"{theme}_{look}", colours)


def _add_walls(sheet: Sheet, inks: Inks, style: Look) -> None:
    rough = style.face in (masonry.strata, masonry.icicles)
    walls = masonry.wall_blob(inks, style.face(inks, 0), rough=rough)
    sheet.add_blob("wall", walls, "wall", style.colours["rim"], flags={"solid": True})
    other = masonry.wall_blob(inks, style.face(inks, 1), rough=rough)
    for i, mask in enumerate(BLOB):
        if not mask & S:
            sheet.add(f"wall_{mask}_b", other[i], "wall", flags={"solid": True})
    for i, letter in enumerate("cd"):
        sheet.add(
            f"wall_255_{letter}",
            masonry.chipped(walls[FULL], inks, i),
            "wall",
            flags={"solid": True},
        )


def _add_ground(sheet: Sheet, inks: Inks, style: Look) -> None:
    tuft = style.field in ("grass", "moss")
    for variant in range(FLOORS):
        picture = style.floor(inks, variant)
        for shade in SHADES:
            sheet.add(
                f"floor_v{variant}_{shade}", masonry.shaded(picture, inks, shade, "floor"), "floor"
            )
    for variant in range(FIELDS):
        picture = masonry.field(inks, variant, tuft)
        for shade in SHADES:
            sheet.add(
                f"field_v{variant}_{shade}",
                masonry.shaded(picture, inks, shade, "field"),
                style.field,
            )
    blob = masonry.field_blob(inks, tuft)
    sheet.add_blob("field", blob, style.field, style.colours["field"])
    for i, mask in enumerate(BLOB[:FULL]):
        for shade, needs in (("n", N), ("w", W), ("nw", N | W), ("corner", 0)):
            if mask & needs == needs and (shade != "corner" or not _hides_corner(mask)):
                picture = masonry.shaded(blob[i], inks, shade, "floor", "field")
                sheet.add(f"field_{mask}_{shade}", picture, style.field)


def _hides_corner(mask: int) -> bool:
    """Whether the neighbours on top and on the left say that no wall stands between them."""
    return mask & (N | W) == N | W and not mask & NW
