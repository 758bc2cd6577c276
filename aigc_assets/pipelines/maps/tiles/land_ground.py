"""Ground, water, ways and cover of overworlds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.tiles.blob import (
    BLOB,
    FULL,
    TILE,
    E,
    S,
    W,
    blob_distances,
    corner_fields,
    rounded,
    way_distances,
)
from aigc_assets.pipelines.maps.tiles.masonry import GRAIN, SOFT
from aigc_assets.pipelines.maps.tiles.sheet import Inks, Pixels

Y, X = np.mgrid[:TILE, :TILE]
_Mark = tuple[int, int, str]
VARIANTS = 4
"""Pictures of each plain ground; the last is plain."""
WEST, EAST, NORTH = 1, 2, 4
"""Bits of the sides where a mountain goes on."""


def _arc(y: int, x: int, start: int, stop: int, bend: int, tone: str) -> tuple[_Mark, ...]:
    """The crest of a dune around (y, x)."""
    return tuple((y + (i - x) ** 2 // bend, i, tone) for i in range(start, stop))


def _pool(*lines: tuple[int, int, int]) -> tuple[_Mark, ...]:
    """Standing water: (row, first column, column after the last) of each line."""
    return tuple((y, x, "wet") for y, start, stop in lines for x in range(start, stop))


_MARKS: dict[str, tuple[tuple[_Mark, ...], ...]] = {
    # ground: for each variant (row, column, tone) of its pixels
    "sand": (
        ((4, 5, "dark"), (11, 12, "dark"), (12, 3, "light")),
        ((3, 11, "light"), (9, 4, "dark"), (13, 9, "dark")),
        ((7, 7, "light"), (7, 8, "light"), (8, 8, "dark"), (13, 13, "dark")),
    ),
    "desert": (
        (*_arc(5, 3, 1, 10, 14, "dark"), *_arc(4, 3, 1, 9, 14, "light")),
        (*_arc(11, 11, 6, 15, 12, "dark"), *_arc(10, 11, 6, 14, 12, "light")),
        ((6, 10, "dark"), (12, 4, "dark")),
    ),
    "grass": (
        ((4, 3, "light"), (3, 4, "light"), (4, 5, "light"), (11, 11, "light"), (10, 12, "light"),
         (11, 13, "light"), (12, 12, "dark"), (5, 4, "dark")),
        ((8, 7, "light"), (7, 8, "light"), (8, 9, "light"), (9, 8, "dark")),
        ((12, 3, "dark"), (5, 12, "dark"), (6, 13, "dark")),
    ),
    "swamp": (
        (*_pool((4, 4, 9), (5, 3, 11), (6, 4, 10)), (5, 5, "shine"), (5, 6, "shine"),
         (11, 11, "light"), (10, 11, "light"), (9, 12, "light"), (10, 13, "light"),
         (11, 13, "light")),
        (*_pool((10, 6, 12), (11, 5, 13), (12, 7, 12)), (11, 8, "shine"), (4, 4, "light"),
         (3, 4, "light"), (2, 5, "light"), (4, 6, "light")),
        ((4, 10, "light"), (3, 10, "light"), (4, 12, "light"), (3, 12, "light"), (5, 11, "dark"),
         (12, 4, "dark")),
    ),
    "snow": (
        ((5, 4, "dark"), (5, 5, "dark"), (12, 11, "dark")),
        ((9, 9, "dark"), (9, 10, "dark"), (10, 11, "dark"), (3, 3, "dark")),
        ((13, 5, "dark"), (6, 12, "dark")),
    ),
}  # fmt: skip


def plain(inks: Inks, ground: str, variant: int) -> Pixels:
    """A cell that is all of one ground."""
    tile = np.full((TILE, TILE), inks[ground], dtype=np.int16)
    if variant < VARIANTS - 1:
        for y, x, tone in _MARKS[ground][variant]:
            tile[y, x] = inks[tone if tone in ("wet", "shine") else f"{ground}_{tone}"]
    return tile


def meeting(inks: Inks, ground: str) -> Pixels:
    """How a ground lies over the ones before it, a corner set, [16, 16, 16]."""
    field = corner_fields() + (SOFT[1] - 0.5) * 0.34
    tiles = np.full(field.shape, -1, dtype=np.int16)
    tiles[field > 0.5] = inks[ground]
    # Its southern and eastern edge is in the shade.
    inside = field > 0.5
    below = np.roll(inside, -1, 1)
    below[:, -1] = inside[:, -1]
    right = np.roll(inside, -1, 2)
    right[:, :, -1] = inside[:, :, -1]
    tiles[inside & ~(below & right)] = inks[f"{ground}_dark"]
    above = np.roll(inside, 1, 1)
    above[:, 0] = inside[:, 0]
    tiles[inside & ~above] = inks[f"{ground}_light"]
    return tiles


def shallows(inks: Inks, frames: int) -> Pixels:
    """Water with surf along its shores, [frames, 47, 16, 16], open at round corners."""
    distance = np.where(rounded(7), 0.0, blob_distances()) + (SOFT[3] - 0.5) * 2.6
    cut = distance < 2.6
    cut[FULL] = False
    cut |= _lone(~cut)
    result = np.zeros((frames, len(BLOB), TILE, TILE), dtype=np.int16)
    for frame in range(frames):
        tiles = np.full((len(BLOB), TILE, TILE), inks["shallow"], dtype=np.int16)
        wander = TILE * frame // frames
        shift = np.where(Y % 8 < 4, wander, 5 - wander)
        tiles[:, ((X + shift) % 16 < 3) & (Y % 8 == 2)] = inks["surf"]
        tiles[:, ((X + shift + 9) % 16 < 4) & (Y % 8 == 6)] = inks["surf"]
        swell = (0.0, 0.7, 0.35)[frame % 3]
        tiles[distance <= 4.7 + swell] = inks["surf"]
        tiles[distance <= 3.5 + swell / 3] = inks["foam"]
        tiles[cut] = -1
        result[frame] = tiles
    return result


def _lone(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of pictures [n, 16, 16] with at most one neighbour that is shown too."""
    around = np.pad(shown, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(np.int8)
    count = around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2] + around[:, 1:-1, 2:]
    lone: NDArray[np.bool_] = shown & (count <= 1)
    return lone


def depths(inks: Inks, frames: int) -> Pixels:
    """Deep water, which fades into shallow water, [frames, 47, 16, 16]."""
    cut = rounded(7)
    distance = np.where(cut, 0.0, blob_distances()) + (SOFT[4] - 0.5) * 2
    result = np.zeros((frames, len(BLOB), TILE, TILE), dtype=np.int16)
    for frame in range(frames):
        tiles = np.full((len(BLOB), TILE, TILE), inks["deep"], dtype=np.int16)
        wander = TILE * frame // frames
        tiles[:, ((X + wander) % 16 < 5) & (Y == 4)] = inks["shallow"]
        tiles[:, ((X - wander + 8) % 16 < 4) & (Y == 11)] = inks["shallow"]
        fade = (distance < 4.2) & ((X + Y) % 2 == 0)
        tiles[fade] = -1
        tiles[distance < 2.2] = -1
        result[frame] = tiles
    return result


def river(inks: Inks, frames: int) -> Pixels:
    """A river for each choice of sides, [frames, 16, 16, 16]."""
    distance = way_distances() + (SOFT[2] - 0.5) * 0.8
    result = np.full((frames, 16, TILE, TILE), -1, dtype=np.int16)
    for frame in range(frames):
        tiles = result[frame]
        tiles[distance <= 4.6] = inks["bank"]
        tiles[distance <= 3.6] = inks["surf"]
        tiles[distance <= 2.7] = inks["shallow"]
        glint = (X + 2 * Y + TILE * frame // frames) % 16 < 2
        tiles[(distance <= 1.4) & glint] = inks["surf"]
    return result


def road(inks: Inks) -> Pixels:
    """A trodden road for each choice of sides, [16, 16, 16]."""
    distance = way_distances() + (SOFT[5] - 0.5) * 1.1
    tiles = np.full(distance.shape, -1, dtype=np.int16)
    tiles[distance <= 3.4] = inks["road_dark"]
    tiles[distance <= 2.5] = inks["road"]
    tiles[(distance <= 2.0) & (GRAIN[7] > 0.9)] = inks["road_light"]
    return tiles


def bridge(inks: Inks, under: Pixels, upright: bool) -> Pixels:
    """Planks with rails over ``under``, [..., 16, 16]; the way runs north to south if upright."""
    planks = np.full((TILE, TILE), -1, dtype=np.int16)
    planks[:, 4:12] = inks["t"]
    planks[0::4, 4:12] = inks["p"]
    planks[3::4, 4:12] = inks["T"]
    planks[:, [3, 12]] = inks["T"]
    planks[:, [2, 13]] = inks["k"]
    planks[1::5, [3, 12]] = inks["p"]
    if not upright:
        planks = np.ascontiguousarray(planks.T)
    return np.where(planks >= 0, planks, under).astype(np.int16)


_STANDS = (
    # Trees in a cell: (row, column, radius) of those behind, then those in front.
    ((4, 4, 4.9), (5, 12, 4.5), (11, 8, 5.2)),
    ((5, 5, 5.4), (4, 13, 4.2), (12, 9, 4.4)),
    ((3, 3, 4.2), (5, 11, 5.4), (12, 7, 4.8)),
    ((4, 8, 5.6), (9, 4, 4.0), (12, 11, 4.6)),
)


def woods(inks: Inks, *, pines: bool) -> Pixels:
    """Tree tops that close up where the wood goes on, [47, 16, 16]."""
    tiles = np.zeros((len(BLOB), TILE, TILE), dtype=np.int16)
    for tile, mask, near in zip(tiles, BLOB, blob_distances(), strict=True):
        stand = _STANDS[0] if mask & (W | E) else _STANDS[3]
        tile[:] = _trees(inks, pines, stand, bool(mask & W), bool(mask & E))
        tile[(near > 2.5) & (tile < 0)] = inks["leaf_dark"]
        if not mask & S:
            feet = (tile[-2] >= 0) & (np.abs(X[0] - 7.5) < 3)
            tile[-1, feet] = inks["k"]
    return tiles


def inner_woods(inks: Inks, *, pines: bool) -> Pixels:
    """Further pictures of the middle of a wood, [3, 16, 16]."""
    tiles = np.stack([_trees(inks, pines, stand, True, True) for stand in _STANDS[1:]])
    tiles[tiles < 0] = inks["leaf_dark"]
    return tiles


def _trees(
    inks: Inks, pines: bool, stand: tuple[tuple[int, int, float], ...], west: bool, east: bool
) -> Pixels:
    """The trees of a stand, and halves of those on the border."""
    tile = np.full((TILE, TILE), -1, dtype=np.int16)
    for cy, cx, radius in (*stand, *[(11, 0, 4.7)] * west, *[(11, 16, 4.7)] * east):
        if pines:
            high = Y - (cy - 5)
            off = np.abs(X + 0.5 - cx)
            inside = (high >= 0) & (high < 10) & (off <= 0.7 + high * 0.42 - (high % 4 == 3))
            lit = inside & (X + 0.5 < cx) & (high % 4 != 3) & (off < high * 0.3 + 0.6)
            rim = inside & ((high == 9) | ((X + 0.5 > cx) & (off > high * 0.42 - 0.6)))
        else:
            far = np.hypot(Y + 0.5 - cy, X + 0.5 - cx)
            inside = far < radius
            lit = np.hypot(Y + 1.7 - cy, X + 1.7 - cx) < radius - 2.4
            lit &= (X + Y) % 3 != 0
            rim = inside & (far > radius - 1.3) & (Y + X + 1 > cy + cx - 3)
        tile[inside] = inks["leaf"]
        tile[rim] = inks["leaf_dark"]
        tile[inside & lit] = inks["leaf_light"]
    return tile


def hills(inks: Inks, variant: int, *, snow: bool) -> Pixels:
    """Humps, lit from the left, grown over or under snow."""
    dark, body, light = (
        ("rock", "snow_dark", "snow") if snow else ("hill_dark", "hill", "hill_light")
    )
    tile = np.full((TILE, TILE), -1, dtype=np.int16)
    humps = (
        ((9, 5, 5.4), (14, 10, 6.0)),
        ((8, 12, 4.4), (13, 7, 7.2)),
        ((8, 10, 5.2), (14, 5, 5.6), (14, 13, 3.6)),
    )[variant]
    for cy, cx, radius in humps:
        far = np.hypot((Y - cy) * 1.1, X + 0.5 - cx)
        inside = (far < radius) & (Y <= cy)
        tile[inside] = inks[body]
        tile[inside & (X > cx + 1) & (far > radius - 3)] = inks[dark]
        tile[inside & (far > radius - 1.1)] = inks[dark]
        tile[inside & (far <= radius - 1.1) & (far > radius - 2.4) & (X < cx)] = inks[light]
    return tile


MASSIFS = 2
"""Pictures of each mountain."""
_SUMMITS = (((8.0, 0.5, 8.2),), ((6.0, 2.5, 7.6), (12.5, 5.5, 6.5)))
"""Column, row and half width of the foot of the summits of a mountain."""


def mountains(inks: Inks, *, snow: bool) -> Pixels:
    """Mountains for each choice of the sides where the range goes on, [MASSIFS, 8, 16, 16]."""
    tiles = np.full((MASSIFS, 8, TILE, TILE), -1, dtype=np.int16)
    ragged = np.round((SOFT[6][:, :1] - 0.5) * 3)
    for tile, summits, mask in (
        (tiles[i, mask], _SUMMITS[i], mask) for i in range(MASSIFS) for mask in range(8)
    ):
        if mask & NORTH:
            tile[Y < 10] = inks["rock_dark"]
        slopes = [(0.0, 6.5, 7.5)] * bool(mask & WEST) + [(16.0, 6.5, 7.5)] * bool(mask & EAST)
        for cx, top, half in (*slopes, *sorted(summits, key=lambda summit: -summit[1])):
            off = X + 0.5 - cx
            reach = (Y + 0.5 - top) / (15.5 - top) * half
            inside = (np.abs(off) <= reach) & (top <= Y)
            shade = inside & (off > ragged)
            tile[inside] = inks["rock"]
            tile[shade] = inks["rock_dark"]
            tile[inside & ~shade & (off < -reach + 1.2)] = inks["rock_light"]
            tile[inside & (off > reach - 1.0)] = inks["rock_edge"]
            tile[inside & ~shade & (off > ragged - 1.5) & (Y % 4 == 3)] = inks["rock_dark"]
            if snow:
                cap = inside & (Y + 0.5 - top < 7.0 + ragged.T)
                tile[cap] = inks["snow"]
                tile[cap & shade & ((X + Y) % 2 == 0)] = inks["snow_dark"]
    return tiles
