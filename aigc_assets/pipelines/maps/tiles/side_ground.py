"""Ground, ladders, liquid and the far distance of side-view levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.tiles.blob import (
    BLOB,
    FULL,
    TILE,
    E,
    N,
    S,
    W,
    blob_distances,
    corner_fields,
    rounded,
)
from aigc_assets.pipelines.maps.tiles.masonry import GRAIN, SOFT
from aigc_assets.pipelines.maps.tiles.sheet import Inks, Pixels

_FRINGE = np.array([1, 2, 1, 0, 0, 1, 3, 2, 1, 0, 1, 1, 2, 1, 0, 0])
"""How far the turf hangs over, column by column; ends meet."""
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
Y, X = np.mgrid[:TILE, :TILE]


def ground_blob(inks: Inks, *, blocks: bool) -> Pixels:
    """Ground with turf on top, a dark outline at the sides and below, darker deep inside.

    Args:
        inks: Has ``turf``, ``earth`` (each with ``_light`` and ``_dark``) and ``edge``.
        blocks: Hewn blocks instead of earth.

    Returns:
        [47, 16, 16], transparent at round outer corners.
    """
    distance = blob_distances()
    deep = distance + SOFT[0] * 3 > 8.5
    tiles = np.where(deep, inks["earth_dark"], inks["earth"]).astype(np.int16)
    if blocks:
        joint = (Y % 8 == 7) | ((X + 4 * (Y // 8 % 2) * 1) % 8 == 7)
        tiles[:, joint] = np.where(deep, inks["edge"], inks["earth_dark"])[:, joint]
        top = (Y % 8 == 0) & ~joint
        tiles[:, top] = np.where(deep, inks["earth_dark"], inks["earth_light"])[:, top]
    else:
        for y, x in ((6, 3), (11, 10), (13, 4), (8, 13)):  # clods, lit from the upper left
            for tile, dark in zip(tiles, deep, strict=True):
                light = inks["earth" if dark[y, x] else "earth_light"]
                tile[y, x : x + 2] = light
                tile[y + 1, x : x + 2] = inks["edge" if dark[y, x] else "earth_dark"]
    side = distance <= 1
    tiles[side] = inks["edge"]
    lit = (distance > 1) & (distance <= 2.3) & (X < 8)
    for tile, mask, shine in zip(tiles, BLOB, lit, strict=True):
        if not mask & W:
            tile[shine & (X < 3)] = inks["earth_light"]
        if not mask & S:
            tile[-3:-1][:, 1:-1] = inks["earth_dark"]
        if not mask & N:
            _lay_turf(tile, inks, mask)
    cut = rounded(4)
    cut[FULL] = False
    tiles[cut] = -1
    rim = ~cut & (_beside(cut))
    tiles[rim & (Y > 6)] = inks["edge"]
    tiles[rim & (Y <= 6)] = inks["turf_dark"]
    return tiles


def _lay_turf(tile: Pixels, inks: Inks, mask: int) -> None:
    depth = 4 + _FRINGE
    turf = Y < depth[None, :]
    tile[turf] = inks["turf"]
    tile[Y == depth[None, :] - 1] = inks["turf_dark"]
    tile[Y == depth[None, :]] = inks["edge"]
    tile[0] = tile[1, ::2] = inks["turf_light"]
    tile[2, 1::4] = inks["turf_light"]
    for side, column in ((W, 0), (E, TILE - 1)):
        if not mask & side:
            tile[1 : depth[column], column] = inks["turf_dark"]


def _beside(cut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(cut, ((0, 0), (1, 1), (1, 1)))
    return padded[:, :-2, 1:-1] | padded[:, 2:, 1:-1] | padded[:, 1:-1, :-2] | padded[:, 1:-1, 2:]


def planks(inks: Inks) -> dict[str, Pixels]:
    """One-way platforms: boards on brackets, thin enough to be passed from below."""
    middle = np.full((TILE, TILE), -1, dtype=np.int16)
    middle[0] = inks["k"]
    middle[1] = inks["p"]
    middle[2:4] = inks["t"]
    middle[4] = inks["T"]
    middle[5] = inks["k"]
    middle[1:5, 7] = inks["T"]
    middle[2, 3] = middle[3, 11] = inks["T"]
    left, right = middle.copy(), middle.copy()
    left[:6, 0] = inks["k"]
    right[:6, 15] = inks["k"]
    left[0, 0] = left[5, 0] = right[0, 15] = right[5, 15] = -1
    for tile, x, step in ((left, 2, 1), (right, 13, -1)):  # a bracket
        for i in range(4):
            tile[6 + i, x + step * (4 - i)] = inks["k"]
            tile[6 : 7 + i, x + step * (4 - i) - step] = inks["T"]
        tile[6:11, x - step] = inks["k"]
    single = left.copy()
    single[:, 8:] = right[:, 8:]
    return {"one_way_l": left, "one_way_m": middle, "one_way_r": right, "one_way_s": single}


def ladder(inks: Inks, top: bool) -> Pixels:
    """Two rails and four rungs; the top ends in knobs."""
    tile = np.full((TILE, TILE), -1, dtype=np.int16)
    for x in (3, 11):
        tile[:, x - 1] = tile[:, x + 2] = inks["k"]
        tile[:, x], tile[:, x + 1] = inks["p"], inks["t"]
    for y in (1, 5, 9, 13):
        tile[y, 5:10] = inks["p"]
        tile[y + 1, 5:10] = inks["T"]
    if top:
        tile[0, 2:6] = tile[0, 10:14] = inks["k"]
        tile[1, [3, 11]] = inks["Y"]
    return tile


def spikes(inks: Inks) -> Pixels:
    """A row of points, as wide as the cell."""
    tile = np.full((TILE, TILE), -1, dtype=np.int16)
    for left in (0, 4, 8, 12):
        for y in range(5, TILE):
            half = (y - 4) / 12 * 2
            for x in range(4):
                off = abs(x - 1.5)
                if off <= half:
                    tile[y, left + x] = inks["w"] if x < 2 else inks["d"]
                elif off <= half + 1:
                    tile[y, left + x] = inks["k"]
        tile[4, left + 1 : left + 3] = inks["k"]
    tile[TILE - 2 :] = inks["k"]
    tile[TILE - 2, 1::2] = inks["g"]
    return tile


def liquid(inks: Inks, frames: int) -> tuple[Pixels, Pixels]:
    """Surface and body of liquid, [frames, 16, 16] each; the surface is open above its waves."""
    surface = np.zeros((frames, TILE, TILE), dtype=np.int16)
    body = np.zeros_like(surface)
    for frame in range(frames):
        phase = 16 * frame / frames
        wave = np.round(3.5 + 1.2 * np.sin((X[0] + 0.5 + phase) * 2 * np.pi / 16)).astype(int)
        tile = np.full((TILE, TILE), inks["deep"], dtype=np.int16)
        shift = int(phase) * np.where(Y % 8 < 4, 1, -1)
        tile[((X + shift) % 16 < 4) & (Y % 8 == 3)] = inks["wave"]
        tile[((X + shift + 7) % 16 < 3) & (Y % 8 == 7)] = inks["wave"]
        body[frame] = tile
        top = tile.copy()
        top[Y <= wave[None] + 2] = inks["wave"]
        top[Y == wave[None]] = inks["foam"]
        top[Y < wave[None]] = -1
        surface[frame] = top
    return surface, body


def sky(inks: Inks, band: int) -> Pixels:
    """One of three tiles of the sky: high, where it turns, low."""
    if band != 1:
        return np.full((TILE, TILE), inks["sky_high" if band == 0 else "sky_low"], dtype=np.int16)
    level = (Y + 0.5) / TILE
    lower = level > np.tile(_BAYER, (4, 4))
    return np.where(lower, inks["sky_low"], inks["sky_high"]).astype(np.int16)


def hills(inks: Inks) -> dict[str, Pixels]:
    """Hills far away: ``hill`` and ``hill_trees`` inside, ``hill_<left>_<right>`` on the ridge.

    ``left`` and ``right`` say how far below the top of the cell the ridge lies at its two sides, in
    quarters of a cell; see `SLOPES`.
    """
    inner = np.full((TILE, TILE), inks["hill"], dtype=np.int16)
    trees = inner.copy()
    for y, x in ((5, 4), (12, 10), (9, 13)):
        trees[y, x : x + 2] = trees[y - 1, x] = inks["hill_light"]
    tiles = {"hill": inner, "hill_trees": trees}
    along = (np.arange(TILE) + 0.5) / TILE
    bushes = np.array([0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1])
    for left, right in SLOPES:
        ridge = np.round(4 * (left + (right - left) * along)) - bushes
        tile = np.where(ridge[None] <= Y, inks["hill"], -1).astype(np.int16)
        tile[(ridge[None] <= Y) & (ridge[None] + 2 > Y)] = inks["hill_light"]
        tiles[f"hill_{left}_{right}"] = tile
    return tiles


SLOPES = tuple(
    (left, right)
    for left in range(-2, 7)
    for right in range(max(-2, left - 2), min(6, left + 2) + 1)
    if min(left, right) < 4 and max(left, right) > -1
)
"""Depths of a ridge at the two sides of a cell, in quarters of it; at most half a cell apart."""


def rocks(inks: Inks) -> Pixels:
    """Rocks in the dark of a cavern, a corner set, [16, 16, 16]."""
    bumpy = corner_fields() + (SOFT[3] - 0.5) * 0.12
    tiles = np.full(bumpy.shape, -1, dtype=np.int16)
    tiles[bumpy > 0.5] = inks["hill"]
    tiles[(bumpy > 0.5) & (bumpy < 0.62)] = inks["hill_light"]
    return tiles


def clouds(inks: Inks) -> Pixels:
    """Puffs of cloud, a corner set, [16, 16, 16]."""
    field = corner_fields()
    puff = field + 0.16 * np.cos((X + 0.5) * 2 * np.pi / 8)[None] * np.cos(
        (Y + 0.5) * 2 * np.pi / 8
    )
    tiles = np.full(field.shape, -1, dtype=np.int16)
    tiles[puff > 0.45] = inks["cloud_dark"]
    # The shade lies below: the light part is the same shape, two pixels higher.
    higher = np.roll(puff, -2, 1)
    higher[:, -2:] = puff[:, -2:]
    tiles[(puff > 0.45) & (higher > 0.5)] = inks["cloud"]
    return tiles


def cave_wall(inks: Inks) -> Pixels:
    """Dark rock behind tunnels, a corner set with a ragged edge, [16, 16, 16]."""
    field = corner_fields() + (SOFT[2] - 0.5) * 0.25
    tiles = np.full(field.shape, -1, dtype=np.int16)
    tiles[field > 0.5] = inks["cave"]
    tiles[(field > 0.5) & (field < 0.6)] = inks["cave_dark"]
    for y, x in ((3, 2), (11, 9)):
        spot = np.zeros((TILE, TILE), dtype=bool)
        spot[y, x : x + 2] = True
        tiles[(field > 0.6) & spot] = inks["cave_light"]
        tiles[(field > 0.6) & np.roll(spot, 1, 0)] = inks["cave_dark"]
    return tiles


def tree(inks: Inks) -> dict[str, Pixels]:
    """A broad tree of 3x3 tiles, ``tree_<row><column>``, without the empty ones."""
    size = 3 * TILE
    y, x = np.mgrid[:size, :size]
    picture = np.full((size, size), -1, dtype=np.int16)
    trunk = (np.abs(x - 23.5) < 3.5 + np.maximum(0, y - 43) * 0.8) & (y > 26)
    picture[trunk] = inks["t"]
    picture[trunk & (x < 23)] = inks["p"]
    picture[trunk & (x > 25)] = inks["T"]
    outline = trunk & ~(np.roll(trunk, 1, 1) & np.roll(trunk, -1, 1))
    picture[outline] = inks["k"]
    crown = np.zeros((size, size), dtype=bool)
    light = np.zeros_like(crown)
    dark = np.zeros_like(crown)
    for cy, cx, radius in ((19, 13, 11), (14, 23, 13), (19, 34, 11), (25, 24, 10)):
        far = np.hypot(y - cy, x - cx)
        crown |= far < radius
        light |= np.hypot(y - cy + 3, x - cx + 3) < radius - 5
        dark |= (far < radius) & (np.hypot(y - cy + 4, x - cx + 3) > radius)
    leafy = np.tile(GRAIN[6], (3, 3))
    picture[crown] = inks["n"]
    picture[crown & dark] = inks["N"]
    picture[crown & light & (leafy > 0.25)] = inks["leaf_light"]
    picture[crown & (leafy > 0.93)] = inks["N"]
    grown = crown.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            grown |= np.roll(crown, step, axis)
    picture[grown & ~crown & (y < 40)] = inks["k"]
    parts = picture.reshape(3, TILE, 3, TILE).swapaxes(1, 2)
    return {
        f"tree_{row}{column}": parts[row, column]
        for row in range(3)
        for column in range(3)
        if (parts[row, column] >= 0).any()
    }


def portal(inks: Inks) -> Pixels:
    """An arch of stone filled with light: the way out."""
    tile = np.full((TILE, TILE), -1, dtype=np.int16)
    far = np.where(Y < 8, np.hypot(X - 7.5, Y - 8), np.abs(X - 7.5))
    for limit, name in ((8.0, "k"), (7.2, "g"), (6.0, "d"), (5.0, "k"), (4.3, "a"), (2.6, "w")):
        tile[far <= limit] = inks[name]
    tile[(far > 5) & (far <= 7.2) & (X < 7) & (Y < 8)] = inks["w"]
    tile[(far > 5) & (far <= 7.2) & (Y % 5 == 4)] = inks["k"]
    return tile
