"""Walls seen from above and from the front, and the floors between them.

Light comes from the upper left. A wall is a bright rim of stone around dark rock, and a face of ten
rows where the cell below is open. Floors lie in the shadow of walls above them and on their left.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles.blob import (
    BLOB,
    FULL,
    TILE,
    E,
    N,
    S,
    W,
    blob_distances,
    distances,
    open_canvases,
    rounded,
)
from aigc_assets.pipelines.maps.tiles.sheet import RGB, Inks, Pixels, smooth_noise

FACE = 6
"""First row of a wall face."""
SHADES = ("lit", "n", "w", "nw", "corner")
"""Where the shadow of a wall falls on a floor."""

GRAIN: NDArray[np.float64] = generator(16).random((8, TILE, TILE))
"""Noise in [0, 1) for eight purposes, the same for every tile, so that edges meet."""
SOFT: NDArray[np.float64] = smooth_noise(GRAIN, 2)
"""The same, softer."""
GRAIN.setflags(write=False)
SOFT.setflags(write=False)

Face = Callable[[Inks, int], Pixels]
Floor = Callable[[Inks, int], Pixels]


def wall_blob(inks: Inks, face: Pixels, *, rough: bool = False) -> Pixels:
    """Rock with a rim towards everything open, and a face if the cell below is open.

    Args:
        inks: Has ``rock``, ``rim``, ``rim_light``, ``rim_dark`` and ``face_dark``.
        face: A tile whose rows from `FACE` on are the wall seen from the front.
        rough: Whether the rim is ragged.

    Returns:
        [47, 16, 16] in order of `BLOB`.
    """
    opened, distance = open_canvases(FACE), blob_distances(FACE)
    near = opened[:, TILE - 1 : 2 * TILE + 1, TILE - 1 : 2 * TILE + 1]
    wide = 4.0 + (SOFT[0] * 3 - 1.5 if rough else 0)
    tiles = np.full((len(BLOB), TILE, TILE), inks["rock"], dtype=np.int16)
    tiles[distance <= wide] = inks["rim"]
    tiles[(distance > wide - 1) & (distance <= wide)] = inks["rim_dark"]
    tiles[(GRAIN[1] > 0.93) & (distance > 1) & (distance <= wide)] = inks["rim_dark"]
    edge = distance <= 1
    lit = near[:, :-2, 1:-1] | near[:, 1:-1, :-2] | near[:, 2:, 1:-1]
    tiles[edge] = inks["rim_dark"]
    tiles[edge & lit] = inks["rim_light"]
    if rough:  # worn corners, in the shade of what stood there
        cut = rounded(6) & (np.arange(TILE) < FACE)[:, None]
        away = distances(np.pad(cut, ((0, 0), (TILE, TILE), (TILE, TILE))), 4)
        tiles[away <= 4] = inks["rim_dark"]
        tiles[away <= 3] = inks["rim"]
        tiles[away <= 1.5] = inks["rim_light"]
        tiles[cut] = inks["floor_dark"]
    for tile, mask in zip(tiles, BLOB, strict=True):
        if not mask & S:
            tile[FACE:] = face[FACE:]
            for side, column in ((W, 0), (E, TILE - 1)):
                if not mask & side:
                    tile[FACE:, column] = inks["face_dark"]
            tile[-1] = inks["rock"]
    return tiles


def chipped(tile: Pixels, inks: Inks, variant: int) -> Pixels:
    """Deep rock with a chip in it."""
    result = tile.copy()
    y, x = ((4, 9), (10, 3))[variant]
    result[y, x : x + 3] = result[y + 1, x + 1] = inks["rim_dark"]
    return result


def bricks(inks: Inks, variant: int) -> Pixels:
    """Courses of bricks, light on top."""
    tile = np.full((TILE, TILE), inks["face"], dtype=np.int16)
    for row, top in enumerate((FACE, FACE + 3, FACE + 6)):
        tile[top] = inks["face_light"]
        tile[top + 2] = inks["face_dark"]
        for x in range(4 if row % 2 else 0, TILE, 8):
            tile[top : top + 3, x] = inks["face_dark"]
    if variant == 1:
        tile[FACE + 3 : FACE + 5, 5:12] = inks["face_dark"]
        tile[FACE + 6 : FACE + 8, 1:8] = inks["face_light"]
    return tile


def blocks(inks: Inks, variant: int) -> Pixels:
    """Great hewn blocks with a ledge above; some carry a sunken arch."""
    tile = np.full((TILE, TILE), inks["face"], dtype=np.int16)
    tile[FACE] = inks["face_light"]
    tile[FACE + 1] = inks["face_dark"]
    tile[FACE + 2] = inks["face_light"]
    tile[FACE + 2 : 15, 0] = inks["face_light"]
    tile[FACE + 2 : 15, 15] = inks["face_dark"]
    tile[14] = inks["face_dark"]
    if variant == 1:
        tile[FACE + 4 : 14, 4:12] = inks["rock"]
        tile[FACE + 4, [4, 11]] = inks["face"]
        tile[FACE + 4 : 14, 4] = tile[FACE + 3, 5:11] = inks["face_dark"]
    return tile


def strata(inks: Inks, variant: int) -> Pixels:
    """Layers of natural rock."""
    column = np.convolve(np.r_[GRAIN[2, variant], GRAIN[2, variant]], np.ones(3) / 3)
    height = np.arange(TILE)[:, None] + np.round(column[1:17] * 5)[None]
    tile = np.full((TILE, TILE), inks["face"], dtype=np.int16)
    tile[height % 5 == 0] = inks["face_dark"]
    tile[height % 5 == 1] = inks["face_light"]
    tile[GRAIN[3 + variant] > 0.9] = inks["face_dark"]
    tile[FACE] = inks["face_light"]
    return tile


def icicles(inks: Inks, variant: int) -> Pixels:
    """Ice: pale spikes that hang over a darker face."""
    tile = np.full((TILE, TILE), inks["face"], dtype=np.int16)
    lengths = np.array([5, 3, 2, 4, 7, 4, 2, 1, 3, 6, 3, 1, 2, 4, 3, 2])
    hanging = np.arange(TILE)[:, None] - FACE < np.roll(lengths, 5 * variant)[None]
    tile[hanging] = inks["face_light"]
    tip = hanging & ~np.roll(hanging, -1, 0)
    tile[np.roll(tip, 1, 0) & ~hanging] = inks["face_dark"]
    tile[13:15] = inks["face_dark"]
    tile[13][GRAIN[3 + variant, 0] > 0.5] = inks["face"]
    tile[FACE] = inks["rim_light"]
    return tile


def panels(inks: Inks, variant: int) -> Pixels:
    """Metal panels with a strip of light."""
    tile = np.full((TILE, TILE), inks["face"], dtype=np.int16)
    tile[FACE] = inks["face_light"]
    tile[FACE + 2] = inks["face_dark"]
    tile[FACE + 1] = inks["strip"] if variant == 0 else inks["face"]
    tile[FACE + 3 : 15, 0] = inks["face_light"]
    tile[FACE + 3 : 15, 15] = inks["face_dark"]
    tile[14] = inks["face_dark"]
    for y, x in ((FACE + 4, 2), (FACE + 4, 13), (12, 2), (12, 13)):
        tile[y, x] = inks["face_dark"]
    if variant == 1:
        tile[FACE + 4 : 13 : 2, 4:12] = inks["face_dark"]
    return tile


def rusty(inks: Inks, variant: int) -> Pixels:
    """Corrugated sheets, streaked with rust."""
    tile = np.full((TILE, TILE), inks["face"], dtype=np.int16)
    tile[:, 0::4] = inks["face_light"]
    tile[:, 3::4] = inks["face_dark"]
    streak = np.arange(TILE)[:, None] - FACE < 3 + np.round(GRAIN[2 + variant, 0] * 6)[None]
    tile[streak & (GRAIN[4, 1] > 0.55)[None]] = inks["rust"]
    tile[FACE] = inks["face_light"]
    tile[FACE + 1] = tile[14] = inks["face_dark"]
    if variant == 1:
        tile[FACE + 3 : 13, 5:11] = inks["face_dark"]
        tile[FACE + 4 : 12, 6:10] = inks["rust"]
        tile[FACE + 4 : 12 : 2, 6:10] = inks["rock"]
    return tile


def flagstones(inks: Inks, variant: int) -> Pixels:
    """Slabs with a dark joint below and on the right and a worn light edge above."""
    tile = np.full((TILE, TILE), inks["floor"], dtype=np.int16)
    slabs = (
        ((0, 0, 16, 16),),
        ((0, 0, 16, 8), (0, 8, 16, 8)),
        ((0, 0, 8, 16), (8, 0, 8, 9), (8, 9, 8, 7)),
        ((0, 0, 9, 16), (9, 0, 7, 6), (9, 6, 7, 10)),
        ((0, 0, 16, 16),),
        ((0, 0, 8, 7), (0, 7, 8, 9), (8, 0, 8, 16)),
    )[variant]
    for top, left, high, wide in slabs:
        tile[top + high - 1, left : left + wide] = inks["floor_dark"]
        tile[top : top + high, left + wide - 1] = inks["floor_dark"]
        tile[top, left + 1 : left + wide - 2] = inks["floor_light"]
    if variant == 4:  # cracked
        for y, x in ((3, 10), (4, 9), (5, 9), (6, 8), (7, 7), (8, 7), (9, 5), (9, 6), (10, 4)):
            tile[y, x] = inks["floor_dark"]
    return tile


def tiled(inks: Inks, variant: int) -> Pixels:
    """Small square tiles laid in a pattern; a worn one shows here and there."""
    tile = np.full((TILE, TILE), inks["floor"], dtype=np.int16)
    tile[7::8] = inks["floor_dark"]
    tile[:, 7::8] = inks["floor_dark"]
    for y, x in ((0, 0), (8, 8)):
        tile[y, x : x + 7] = inks["floor_light"]
        tile[y : y + 7, x] = inks["floor_light"]
    if variant in (2, 3):
        y, x = ((0, 8), (8, 0))[variant - 2]
        tile[y : y + 7, x : x + 7] = inks["floor_dark"]
    elif variant == 4:
        for y, x in ((9, 13), (10, 12), (11, 12), (12, 11), (13, 10)):
            tile[y, x] = inks["rock"]
    elif variant == 5:
        tile[3:13, 3:13] = inks["floor"]
        tile[3, 3:13] = tile[3:13, 3] = tile[12, 3:13] = tile[3:13, 12] = inks["floor_dark"]
        tile[6:10, 6:10] = inks["floor_light"]
        tile[7:9, 7:9] = inks["floor_dark"]
    return tile


def cobbles(inks: Inks, variant: int) -> Pixels:
    """Round wet stones, each lit from the upper left."""
    tile = np.full((TILE, TILE), inks["floor_dark"], dtype=np.int16)
    for row in range(4):
        for column in range(4):
            x = (4 * column + 2 * (row % 2)) % TILE
            for dy in range(3):
                for dx in range(3):
                    tile[4 * row + dy, (x + dx) % TILE] = inks["floor"]
            if (row * 5 + column * 3 + variant) % 4 != 0:
                tile[4 * row, x] = tile[4 * row, (x + 1) % TILE] = inks["floor_light"]
    if variant == 4:  # a drain
        tile[4:12, 4:12] = inks["floor_dark"]
        tile[5:11, 5:11:2] = inks["rock"]
    elif variant == 5:  # a puddle
        y, x = np.mgrid[:TILE, :TILE] - 7.5
        pool = np.hypot(x, y * 1.5) < 5.5
        tile[pool] = inks["wave"]
        tile[5, 6:9] = inks["foam"]
    return tile


def gravel(inks: Inks, variant: int) -> Pixels:
    """Trodden rock with scratches, pebbles and dips."""
    tile = np.full((TILE, TILE), inks["floor"], dtype=np.int16)
    scratches: tuple[tuple[int, int, int], ...] = (
        (), ((4, 10, 3), (11, 3, 2)), ((13, 9, 2),), ((6, 4, 4), (7, 6, 3), (12, 12, 2)),
        ((3, 12, 2),), (),
    )[variant]  # fmt: skip
    for y, x, length in scratches:
        tile[y, x : x + length] = inks["floor_dark"]
    pebbles: tuple[tuple[int, int, int], ...] = (
        (), (), ((5, 5, 3), (10, 2, 2)), (), ((9, 7, 4), (6, 12, 2), (12, 3, 2)), (),
    )[variant]  # fmt: skip
    for y, x, length in pebbles:
        tile[y, x : x + length - 1] = inks["floor_light"]
        tile[y + 1, x : x + length] = inks["floor_dark"]
    if variant == 5:
        tile[9, 4:12] = tile[10, 6:13] = inks["floor_dark"]
        tile[8, 5:9] = inks["floor_light"]
    return tile


def frozen(inks: Inks, variant: int) -> Pixels:
    """Clear ice with glints and cracks."""
    tile = np.full((TILE, TILE), inks["floor"], dtype=np.int16)
    glints: tuple[tuple[int, int, int], ...] = (
        (), ((4, 9, 3),), ((11, 4, 4), (12, 2, 2)), (), ((6, 5, 2),), (),
    )[variant]  # fmt: skip
    for y, x, length in glints:
        for i in range(length):
            tile[y - i, x + i] = inks["floor_light"]
            tile[y - i, x + i + 2] = inks["floor_light"]
    if variant in (3, 5):
        crack = ((2, 3), (3, 4), (4, 4), (5, 5), (6, 6), (6, 7), (7, 8), (8, 8), (9, 9), (8, 10),
                 (7, 11), (10, 10), (11, 10), (12, 11))  # fmt: skip
        for y, x in crack if variant == 3 else [(x, 15 - y) for y, x in crack]:
            tile[y, x] = inks["floor_dark"]
    return tile


def plates(inks: Inks, variant: int) -> Pixels:
    """Metal plates with rivets; some are gratings, some carry a seam."""
    tile = np.full((TILE, TILE), inks["floor"], dtype=np.int16)
    tile[15], tile[:, 15] = inks["floor_dark"], inks["floor_dark"]
    tile[0, :15] = tile[:15, 0] = inks["floor_light"]
    for y, x in ((2, 2), (2, 12), (12, 2), (12, 12)):
        tile[y, x] = inks["floor_light"]
    if variant in (2, 4):
        tile[4:12:2, 4:11] = inks["floor_dark"]
    elif variant == 3:
        tile[7, :15] = inks["floor_dark"]
        tile[8, 1:15] = inks["floor_light"]
    elif variant == 5:
        tile[5:10, 5:10] = inks["floor_dark"]
        tile[6:9, 6:9] = inks["floor_light"]
    return tile


def field_blob(inks: Inks, tuft: bool) -> Pixels:
    """Outdoor ground with a ragged edge of tufts towards floor, [47, 16, 16]."""
    tiles = np.broadcast_to(field(inks, 0, tuft), (len(BLOB), TILE, TILE)).copy()
    distance = np.where(rounded(6), 0.0, blob_distances())
    ragged = distance + SOFT[6] * 2.4 - 1.2
    rim = ragged < 3.6
    floor = ragged < 2.0
    floor[FULL] = rim[FULL] = False
    tiles[rim] = inks["field_dark"]
    tiles[floor] = inks["floor"]
    # The side that faces the light is bright, the other one dark.
    lit = ~floor & (np.roll(floor, 1, 1) | np.roll(floor, 1, 2))
    lit[:, 0] = lit[:, :, 0] = False
    tiles[lit] = inks["field_light"]
    return tiles


def field(inks: Inks, variant: int, tuft: bool = True) -> Pixels:
    """Grass, moss, dirt or snow: calm, with a few blades or clods in some of the variants."""
    tile = np.full((TILE, TILE), inks["field"], dtype=np.int16)
    spots: Sequence[tuple[int, int]] = (
        ((4, 11), (12, 5)),
        ((3, 3), (7, 12), (13, 8)),
        ((10, 3), (5, 6), (4, 7), (12, 12)),
        (),
    )[variant]
    for y, x in spots:
        if tuft:
            tile[y - 2 : y, x] = tile[y - 1, x - 1] = tile[y - 1, x + 1] = inks["field_light"]
            tile[y - 2, x + 2] = inks["field_light"]
            tile[y, x : x + 2] = inks["field_dark"]
        else:
            tile[y, x : x + 2] = inks["field_light"]
            tile[y + 1, x : x + 3] = inks["field_dark"]
    return tile


def umbra(colours: Mapping[str, RGB]) -> RGB:
    """The colour of dark floor in the shade: half way to the rock."""
    dark, rock = colours["floor_dark"], colours["rock"]
    return (dark[0] + rock[0]) // 2, (dark[1] + rock[1]) // 2, (dark[2] + rock[2]) // 2


def shaded(tile: Pixels, inks: Inks, shade: str, *kinds: str) -> Pixels:
    """The tile, made of the tones of ``kinds``, with the shadow of walls above or on the left."""
    where = np.zeros((TILE, TILE), dtype=bool)
    if shade in ("n", "nw"):
        where[:3] = True
        where[3, ::2] = True
    if shade in ("w", "nw"):
        where[:, :2] = True
        where[::2, 2] = True
    if shade == "corner":
        where[:3, :2] = True
    result = tile.copy()
    for kind in kinds:
        for old, new in (
            (f"{kind}_dark", "umbra"),
            (kind, f"{kind}_dark"),
            (f"{kind}_light", kind),
        ):
            result[where & (tile == inks[old])] = inks[new]
    return result


@functools.lru_cache(maxsize=1)
def _shores() -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Dry pixels of the 47 tiles of liquid and the distance of the others from them.

    North of liquid lies a bank of earth, four rows high; outer corners are round.
    """
    bank, radius = 4, 6
    opened = open_canvases().copy()
    y, x = np.mgrid[:TILE, :TILE] + 0.5
    for canvas, mask in zip(opened, BLOB, strict=True):
        cell = canvas[TILE : 2 * TILE, TILE : 2 * TILE]
        if not mask & N:
            cell[:bank] = True
        for side, other, cy, cx in (
            (N, W, bank + radius, radius), (N, E, bank + radius, TILE - radius),
            (S, W, TILE - radius, radius), (S, E, TILE - radius, TILE - radius),
        ):  # fmt: skip
            if not mask & side and not mask & other:
                beyond = (y < cy if side == N else y > cy) & (x < cx if other == W else x > cx)
                cell |= beyond & (np.hypot(y - cy, x - cx) > radius)
    dry = opened[:, TILE : 2 * TILE, TILE : 2 * TILE].copy()
    return dry, distances(opened, 4)


def liquid_blob(inks: Inks, frames: int) -> Pixels:
    """Liquid with a bank above, foam along every shore and waves that wander.

    Returns:
        [frames, 47, 16, 16].
    """
    dry, distance = _shores()
    y, x = np.mgrid[:TILE, :TILE]
    start = np.array([0, 9, 4, 13])[y // 4]
    length = np.array([4, 3, 5, 3])[y // 4]
    result = np.zeros((frames, len(BLOB), TILE, TILE), dtype=np.int16)
    for frame in range(frames):
        tiles = np.full((len(BLOB), TILE, TILE), inks["deep"], dtype=np.int16)
        wander = np.where(y // 4 % 2 == 0, 1, -1) * (TILE * frame // frames)
        tiles[:, ((x + start + wander) % TILE < length) & (y % 4 == 2)] = inks["wave"]
        swell = (0.0, 0.6, 0.3)[frame % 3]
        tiles[distance <= 2.3 + swell] = inks["wave"]
        tiles[distance <= 1.0] = inks["foam"]
        tiles[dry] = inks["bank"]
        for tile, mask in zip(tiles, BLOB, strict=True):
            if not mask & N:
                tile[0] = inks["floor_dark"]
                tile[1:3][GRAIN[6][1:3] > 0.7] = inks["floor_dark"]
        result[frame] = tiles
    return result


def bridge(inks: Inks, upright: bool) -> Pixels:
    """Planks over liquid, with rails along the way."""
    tile = np.full((TILE, TILE), inks["t"], dtype=np.int16)
    tile[3::4] = inks["T"]
    tile[0::4] = inks["p"]
    tile[1:3, 5] = tile[5:7, 11] = tile[9:11, 4] = tile[13:15, 10] = inks["T"]
    tile[:, :2], tile[:, 14:] = inks["T"], inks["T"]
    tile[:, 0], tile[:, 15] = inks["k"], inks["k"]
    return tile if upright else np.ascontiguousarray(tile.T)


def rug(inks: Inks) -> dict[str, Pixels]:
    """A woven rug in nine parts, ``rug_<row><column>`` with rows and columns 0, 1, 2."""
    size = 3 * TILE
    y, x = np.mgrid[:size, :size]
    edge = np.minimum(np.minimum(x, size - 1 - x), np.minimum(y, size - 1 - y)) - 3
    cloth = np.full((size, size), inks["rug"], dtype=np.int16)
    across = np.abs(x - y) % 16
    cloth[((across == 0) | ((x + y) % 16 == 15)) & (edge > 7)] = inks["rug_dark"]
    cloth[(edge == 2) | (edge == 6)] = inks["gold"]
    cloth[(edge > 2) & (edge < 6) & ((x + y) % 4 < 2)] = inks["rug_dark"]
    cloth[edge == 0] = inks["rug_dark"]
    cloth[edge < 0] = -1
    fringe = (edge == -1) & ((x == 2) | (x == size - 3)) & (y % 2 == 0) & (y > 2) & (y < size - 3)
    cloth[fringe] = inks["gold"]
    return {
        f"rug_{row}{column}": cloth[TILE * row : TILE * row + TILE, TILE * column :][:, :TILE]
        for row in range(3)
        for column in range(3)
    }


def stairs_up(inks: Inks) -> Pixels:
    """Steps that lead up and away, brighter towards the viewer."""
    tile = np.full((TILE, TILE), inks["k"], dtype=np.int16)
    for i, tone in enumerate(("rim_light", "rim_light", "rim", "rim", "rim_dark")):
        y = 13 - 3 * i
        tile[max(0, y - 1) : y + 2, 2:14] = inks[tone]
        tile[y + 1, 2:14] = inks["rim_dark"] if i < 4 else inks["k"]
    tile[:, 1] = tile[:, 14] = inks["rim_dark"]
    return tile


def stairs_down(inks: Inks) -> Pixels:
    """Steps that lead down into the dark."""
    tile = np.full((TILE, TILE), inks["k"], dtype=np.int16)
    for i, tone in enumerate(("rim_light", "rim", "rim_dark", "rim_dark")):
        y = 12 - 3 * i
        tile[y : y + 2, 2 + i : 14 - i] = inks[tone]
    tile[:, [0, 15]] = inks["rim_light"]
    tile[:, [1, 14]] = inks["rim_dark"]
    tile[0] = inks["rim_light"]
    tile[15] = inks["rim"]
    return tile


def pad(inks: Inks, ring: str, core: str) -> Pixels:
    """A round plate that glows: a teleporter."""
    y, x = np.mgrid[:TILE, :TILE] - 7.5
    radius = np.hypot(x, y)
    tile = np.full((TILE, TILE), -1, dtype=np.int16)
    for limit, name in ((7.9, "k"), (7.0, "g"), (5.6, "k"), (4.9, ring), (2.6, core)):
        tile[radius <= limit] = inks[name]
    return tile
