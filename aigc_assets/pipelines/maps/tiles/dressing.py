"""Which tile lies where: terrain and objects to the gids of three layers."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import BRIDGE, FLOOR, LIQUID, OUTDOOR, WALL, Terrain
from aigc_assets.pipelines.maps.tiles.tileset import (
    FIELDS,
    FLOORS,
    NE,
    NW,
    SE,
    SW,
    E,
    N,
    S,
    W,
    canonical,
)

Gids = NDArray[np.uint32]

_AROUND = ((N, -1, 0), (E, 0, 1), (S, 1, 0), (W, 0, -1),
           (NE, -1, 1), (SE, 1, 1), (SW, 1, -1), (NW, -1, -1))  # fmt: skip
_CANONICAL = np.array([canonical(mask) for mask in range(256)])
_SCENERY: dict[str, tuple[str, ...]] = {
    "dungeon": ("bones", "rubble", "crack", "crate"),
    "cave": ("stalagmite", "mushrooms", "stones", "crystal"),
    "techbase": ("vent", "barrel", "crate", "stain"),
}
_WILD: dict[str, tuple[str, ...]] = {
    "dungeon": ("tuft", "flowers", "stones"),
    "cave": ("tuft", "mushrooms", "stones"),
    "techbase": ("stones", "rubble", "tuft"),
}
_HANGING: dict[str, tuple[str, ...]] = {
    "dungeon": ("torch", "torch", "banner"),
    "cave": ("vine", "crystals", "vine"),
    "techbase": ("lamp", "screen", "lamp"),
}


def dress(
    terrain: Terrain,
    theme: str,
    gids: Mapping[str, int],
    stairs: Mapping[int, str],
    doors: Mapping[int, str],
    markers: Mapping[int, str],
    way: Set[int],
    random: np.random.Generator,
) -> tuple[Gids, Gids, Gids]:
    """Choose tiles.

    Args:
        terrain: Terrain [H, W].
        theme: One of `THEMES`.
        gids: Of the tiles of the theme by name.
        stairs: Cell -> ``start`` or ``exit``.
        doors: Cell -> colour.
        markers: Cell -> name of a tile.
        way: Cells of the witness; big decoration keeps off it.
        random: Chooses variants and decoration.

    Returns:
        Layers ``ground`` (a tile in every cell), ``decor`` and ``markers``, [H, W] uint32.
    """
    height, width = terrain.shape
    wall, liquid = terrain == WALL, np.isin(terrain, (LIQUID, BRIDGE))
    field = terrain == OUTDOOR
    masks_wall, masks_liquid = _masks(wall), _masks(liquid)
    masks_field = _masks(~np.isin(terrain, (FLOOR, BRIDGE)))
    dice = random.random((3, height, width))
    # Plain variants are common, eye-catching ones rare.
    floor_odds = np.array([0.34, 0.58, 0.78, 0.9, 0.96, 1.0])
    floors = np.minimum(np.searchsorted(floor_odds, dice[0]), FLOORS - 1)
    ground = np.zeros((height, width), dtype=np.uint32)
    decor, marks = np.zeros_like(ground), np.zeros_like(ground)
    for cell, kind in enumerate(terrain.reshape(-1).tolist()):
        y, x = divmod(cell, width)
        if kind == WALL:
            mask = int(masks_wall[y, x])
            name = f"wall_{mask}"
            if not mask & S and dice[0, y, x] < 0.25:
                name += "_b"
            elif mask == 255 and theme == "cave" and dice[0, y, x] < 0.12:
                name += "_c" if dice[0, y, x] < 0.06 else "_d"
        elif kind == LIQUID:
            mask = int(masks_liquid[y, x])
            name = f"liquid_{mask}" + ("_b" if mask == 255 and dice[0, y, x] < 0.2 else "")
        elif kind == BRIDGE:
            upright = not wall[y - 1, x] and not wall[y + 1, x] and (
                terrain[y - 1, x] != LIQUID or terrain[y + 1, x] != LIQUID)  # fmt: skip
            sideways = terrain[y, x - 1] != LIQUID and terrain[y, x + 1] != LIQUID
            name = "bridge_v" if upright and not sideways else "bridge_h"
        elif kind == OUTDOOR and masks_field[y, x] != 255:
            name = f"field_{int(masks_field[y, x])}"
        else:
            shade = _shade(wall, y, x)
            variant = int(dice[0, y, x] * FIELDS) if field[y, x] else int(floors[y, x])
            name = f"{'field' if field[y, x] else 'floor'}_{variant}_{shade}"
        ground[y, x] = gids[name]

    busy = {*stairs, *doors, *markers}
    for cell, name in stairs.items():
        decor.flat[cell] = gids[name]
    for cell, colour in doors.items():
        front = wall.flat[cell - 1] and wall.flat[cell + 1]
        decor.flat[cell] = gids[f"door_{'front' if front else 'side'}_{colour}"]
    for cell, name in markers.items():
        marks.flat[cell] = gids[name]
    _decorate(terrain, theme, gids, busy, way, dice, decor)
    return ground, decor, marks


def _decorate(
    terrain: Terrain,
    theme: str,
    gids: Mapping[str, int],
    busy: Set[int],
    way: Set[int],
    dice: NDArray[np.float64],
    decor: Gids,
) -> None:
    """Hang torches on faces at even distances, lay things along walls, grow things outdoors."""
    height, width = terrain.shape
    wall = terrain == WALL
    last_hung = dict.fromkeys(range(height), -9)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            cell, kind = y * width + x, int(terrain[y, x])
            chance, pick = float(dice[1, y, x]), float(dice[2, y, x])
            if cell in busy:
                continue
            below = terrain[y + 1, x]
            if kind == WALL:
                face = below != WALL and below != LIQUID and cell + width not in busy
                flush = wall[y, x - 1] and wall[y, x + 1]
                if face and flush and x - last_hung[y] >= 4 and chance < 0.4:
                    decor[y, x] = gids[_HANGING[theme][int(pick * 3)]]
                    last_hung[y] = x
            elif kind == FLOOR and cell not in way:
                walls = sum((wall[y - 1, x], wall[y + 1, x], wall[y, x - 1], wall[y, x + 1]))
                if chance < (0.10 if walls == 1 or walls == 2 else 0.012) and walls < 3:
                    names = _SCENERY[theme]
                    decor[y, x] = gids[names[int(pick * len(names))]]
            elif kind == OUTDOOR and chance < 0.14:
                names = _WILD[theme]
                decor[y, x] = gids[names[int(pick * len(names))]]


def _masks(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Canonical neighbour masks; beyond the edge everything is the same."""
    height, width = same.shape
    padded = np.pad(same, 1, constant_values=True)
    mask = np.zeros((height, width), dtype=np.int64)
    for bit, dy, dx in _AROUND:
        mask |= bit * padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
    return _CANONICAL[mask]


def _shade(wall: NDArray[np.bool_], y: int, x: int) -> str:
    """Which shadow of `SHADES` falls on a cell."""
    above, left = bool(wall[y - 1, x]), bool(wall[y, x - 1])
    if above or left:
        return "nw" if above and left else ("n" if above else "w")
    return "corner" if wall[y - 1, x - 1] else "lit"
