"""The tileset of maps where boxes are pushed, and which tile lies where on them.

A board has to be read at a glance: the floor shows its cells, crates are the brightest things on
it, goals are marked on the floor and a crate that stands on one lights up.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.tiles import masonry
from aigc_assets.pipelines.maps.tiles.blob import BLOB, BLOB_INDEX, S, neighbour_masks
from aigc_assets.pipelines.maps.tiles.dressing import Gids, blob_gids, cells, hang_evenly, shades_of
from aigc_assets.pipelines.maps.tiles.indoor import glow
from aigc_assets.pipelines.maps.tiles.masonry import SHADES
from aigc_assets.pipelines.maps.tiles.scenery import HANGINGS
from aigc_assets.pipelines.maps.tiles.sheet import RGB, Inks, Sheet
from aigc_assets.pipelines.maps.tiles.sprites import THINGS
from aigc_assets.types import Tileset

_COLOURS: dict[str, dict[str, RGB]] = {
    "warehouse": {
        "rock": (24, 22, 34), "rim": (134, 96, 62), "rim_light": (226, 172, 134),
        "rim_dark": (90, 58, 42), "face": (142, 76, 56), "face_light": (178, 120, 90),
        "face_dark": (84, 44, 40), "floor": (106, 110, 122), "floor_light": (140, 146, 158),
        "floor_dark": (78, 80, 94),
    },
    "crypt": {
        "rock": (20, 18, 30), "rim": (112, 116, 136), "rim_light": (190, 196, 210),
        "rim_dark": (66, 68, 86), "face": (106, 110, 128), "face_light": (150, 154, 170),
        "face_dark": (58, 58, 74), "floor": (78, 62, 92), "floor_light": (112, 94, 124),
        "floor_dark": (52, 40, 68),
    },
    "freezer": {
        "rock": (24, 30, 52), "rim": (104, 140, 186), "rim_light": (226, 236, 244),
        "rim_dark": (60, 88, 140), "face": (84, 124, 180), "face_light": (188, 212, 236),
        "face_dark": (48, 74, 128), "floor": (136, 150, 172), "floor_light": (188, 204, 220),
        "floor_dark": (92, 104, 130),
    },
}  # fmt: skip
_FACES = {"warehouse": masonry.bricks, "crypt": masonry.blocks, "freezer": masonry.icicles}
_HANGING = {"warehouse": "lamp", "crypt": "torch", "freezer": "lamp"}
LOOKS = tuple(_COLOURS)
"""How a board may look."""
_RAMPS = (
    ("rock", "rim_dark", "rim", "rim_light"),
    ("rock", "face_dark", "face", "face_light"),
    ("rock", "floor_dark", "floor", "floor_light"),
)

_PICTURES = {
    "crate": """
.kkkkkkkkkkkkkk.
kppppppppppppptk
kpttttttttttttTk
kptkkkkkkkkkktTk
kptkptttttTkktTk
kptktptttTktktTk
kptkttptTkttktTk
kptktttkkpttktTk
kptkttTkktpTktTk
kptktTkttttpktTk
kptkTkttttttktTk
kptkkkkkkkkkktTk
kptttttttttttTTk
kTTTTTTTTTTTTTTk
kTkTTTTTTTTTTkTk
.kkkkkkkkkkkkkk.
""",
    "crate_on_goal": """
.kkkkkkkkkkkkkk.
kYYYYYYYYYYYYYyk
kYyyyyyyyyyyyyok
kYykkkkkkkkkkyok
kYyknnnnnnnnkyok
kYyknnnnnnwnkyok
kYyknnnnnwwnkyok
kYykwnnnwwnnkyok
kYykwwnwwnnnkyok
kYyknwwwnnnnkyok
kYyknnwnnnnnkyok
kYykkkkkkkkkkyok
kYyyyyyyyyyyyook
kooooooooooooook
kokooooooooookok
.kkkkkkkkkkkkkk.
""",
    "goal": """
................
.yyyy......yyyy.
.y............y.
.y............y.
.y...kkkkkk...y.
....kYYYYYYk....
....kYkkkkYk....
....kYkrrkYk....
....kYkrrkYk....
....kYkkkkYk....
....kYYYYYYk....
.y...kkkkkk...y.
.y............y.
.y............y.
.yyyy......yyyy.
................
""",
    "start": """
................
................
.....wwwwww.....
...ww......ww...
..w..........w..
..w..........w..
.w.....ww.....w.
.w....w..w....w.
.w....w..w....w.
.w.....ww.....w.
..w..........w..
..w..........w..
...ww......ww...
.....wwwwww.....
................
................
""",
    "exit": """
.kkkkkkkkkkkkkk.
kggggggggggggggk
kgwwwwwwwwwwwwdk
kgwkkkkkkkkkkgdk
kgwkddddddddkgdk
kgwkdrddddrdkgdk
kgwkdrrddrrdkgdk
kgwkddrrrrddkgdk
kgwkdddrrdddkgdk
kgwkddrrrrddkgdk
kgwkdrrddrrdkgdk
kgwkdrddddrdkgdk
kgwkkkkkkkkkkgdk
kggggggggggggddk
kddddddddddddddk
.kkkkkkkkkkkkkk.
""",
    "exit_open": """
.kkkkkkkkkkkkkk.
kggggggggggggggk
kgwwwwwwwwwwwwdk
kgkkkkkkkkkkkkdk
kgkggkkkkkkggkdk
kgkgwwwwwwwwgkdk
kgkggkkkkkkggkdk
kgkgkkkkkkkkgkdk
kgkdddddddddgkdk
kgkdkkkkkkkkdkdk
kgkdkkkkkkkkdkdk
kgkddddddddddkdk
kgkkkkkkkkkkkkdk
kggggggggggggddk
kddddddddddddddk
.kkkkkkkkkkkkkk.
""",
}


@functools.lru_cache(maxsize=16)
def build_tileset(palette: bytes, look: str = LOOKS[0]) -> tuple[Tileset, Mapping[str, int]]:
    """Draw the tileset in the colours of a pack.

    Args:
        palette: RGB bytes of the pack's colours.
        look: One of `LOOKS`.

    Returns:
        The tileset and the gid of each tile by its name.
    """
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    named = {**_COLOURS[look], "umbra": masonry.umbra(_COLOURS[look])}
    inks = Inks(colours, named, _RAMPS)
    sheet = Sheet()
    face = _FACES[look]
    rough = face is masonry.icicles
    solid = {"solid": True}
    walls = masonry.wall_blob(inks, face(inks, 0), rough=rough)
    sheet.add_blob("wall", walls, "wall", _COLOURS[look]["rim"], flags=solid)
    other = masonry.wall_blob(inks, face(inks, 1), rough=rough)
    for i, mask in enumerate(BLOB):
        if not mask & S:
            sheet.add(f"wall_{mask}_b", other[i], "wall", flags=solid)
    for variant, name in enumerate(("floor", "floor_worn")):
        slab = masonry.flagstones(inks, 4 * variant)
        for shade in SHADES:
            sheet.add(f"{name}_{shade}", masonry.shaded(slab, inks, shade, "floor"), "floor")
    for name, text in _PICTURES.items():
        sheet.add(name, inks.picture(text), name.split("_")[0])
    sheet.add("chest", inks.picture(THINGS["chest"]), "chest")
    hanging = _HANGING[look]
    sheet.add("hanging", inks.picture(HANGINGS[hanging]), hanging, flags=glow(hanging))
    return sheet.finish(f"sokoban_{look}", colours)


def dress_sokoban(
    wall: NDArray[np.bool_],
    goals: Collection[int],
    boxes: Collection[int],
    start: int,
    exit: int,
    gids: Mapping[str, int],
    random: np.random.Generator,
) -> tuple[Gids, Gids, Gids]:
    """Choose tiles.

    Args:
        wall: Where walls are, [H, W].
        goals: Cells (y * width + x) that want a box.
        boxes: Cells where boxes stand at the beginning.
        start: Where the walk begins.
        exit: Where it ends.
        gids: Of the tiles by name.
        random: Chooses worn slabs.

    Returns:
        Layers ``ground`` (a tile in every cell), ``decor`` (goals, start, exit) and ``markers``
        (boxes), [H, W] uint32.
    """
    dice = random.random(wall.shape)
    shade = shades_of(wall)
    plain = np.array([gids[f"floor_{s}"] for s in SHADES], dtype=np.uint32)
    worn = np.array([gids[f"floor_worn_{s}"] for s in SHADES], dtype=np.uint32)
    ground = np.where(dice < 0.06, worn[shade], plain[shade])
    around = BLOB_INDEX[neighbour_masks(wall)]
    faces = np.array([not mask & S for mask in BLOB])
    walls = np.stack([blob_gids(gids, "wall"), blob_gids(gids, "wall", "_b")])
    ground = np.where(wall, walls[(faces[around] & (dice < 0.2)).astype(np.intp), around], ground)
    decor, marks = np.zeros_like(ground), np.zeros_like(ground)
    decor[hang_evenly(wall, ~wall)[0]] = gids["hanging"]
    decor[cells(wall.shape, goals)] = gids["goal"]
    decor.flat[start], decor.flat[exit] = gids["start"], gids["exit"]
    marks[cells(wall.shape, boxes)] = gids["crate"]
    marks[cells(wall.shape, set(boxes) & set(goals))] = gids["crate_on_goal"]
    return ground, decor, marks
