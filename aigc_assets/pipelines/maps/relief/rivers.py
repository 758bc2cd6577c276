"""Lakes and rivers of a finished height field."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.relief.water import UNITS, Drainage, Levels, drain
from aigc_assets.types import River

RIVER_SHARES = (1 / 250, 1 / 60)
"""A river drains at least this share of the longer side squared, or of the land if that is less."""
LAKE_SHARES = (0.0006, 0.012)
"""Least and largest lake, as a share of the map."""
LAKE_RISE = 14.0
"""Metres above its outlet up to which the ground around a lake is dug away."""
LAKE_DEPTH = 30.0
"""Metres at most."""


class Waters(NamedTuple):
    """Height, water and drainage that agree with each other.

    Args:
        level: Height of the ground in 1/`UNITS` m; every dry cell that is no base has a lower
            neighbour, [H, W].
        surface: Height of the water where there is some, else ``level``.
        sea: Cells of the sea.
        lake: Cells of lakes.
        drainage: Over ``surface``.
        rivers: The large ones.
    """

    level: Levels
    surface: Levels
    sea: NDArray[np.bool_]
    lake: NDArray[np.bool_]
    drainage: Drainage
    rivers: tuple[River, ...]


def water_of(height: NDArray[np.float64], cell: float, lakes: int, island: bool) -> Waters:
    """Dig lakes, fill hollows, find rivers and carve their beds.

    Args:
        height: Metres, [H, W].
        cell: Metres.
        lakes: How many lakes are wanted; fewer where there is no room.
        island: Whether no water may leave over the edge.
    """
    level = np.rint(height * UNITS).astype(np.int32)
    sea = level <= 0
    level = np.where(sea, np.minimum(level, -UNITS // 8), level)  # no water without depth
    base = sea.copy()
    if not island or not sea.any():
        base[[0, -1]] = True
        base[:, [0, -1]] = True
    lake = np.zeros(level.shape, dtype=bool)
    first = drain(level, base)
    ground = np.where(base, level, first.filled)
    if lakes:
        ground, lake = _dig_lakes(ground, first, base, cell, lakes)
    drainage = drain(ground, base)
    # A hollow that is no lake was filled before; what is left to fill are the lakes.
    surface = _flat(drainage.filled, lake)
    rivers = _trace(drainage, base, sea, lake, cell)
    surface = _with_beds(rivers, surface, sea | lake)
    bed = np.minimum(ground, surface - round(0.25 * UNITS))
    return Waters(np.where(lake, bed, surface), surface, sea, lake, drainage, rivers)


def river_least(base: NDArray[np.bool_]) -> int:
    """Cells that a river drains at least."""
    land = int((~base).sum())
    return max(4, round(min(float(max(base.shape)) ** 2 * RIVER_SHARES[0], land * RIVER_SHARES[1])))


def _dig_lakes(
    ground: Levels, water: Drainage, base: NDArray[np.bool_], cell: float, count: int
) -> tuple[Levels, NDArray[np.bool_]]:
    """Widen valleys above an outlet into lakes, the flattest first."""
    height, width = ground.shape
    least, most = (max(6, round(share * ground.size)) for share in LAKE_SHARES)
    sites = np.flatnonzero((water.flow >= river_least(base)) & ~base)
    # One site of each reach: those whose flow is the largest in a coarse block.
    block = max(4, max(ground.shape) // 48)
    best: dict[tuple[int, int], int] = {}
    flow = water.flow.ravel()
    for site in sites.tolist():
        y, x = divmod(site, width)
        key = (y // block, x // block)
        if key not in best or flow[site] > flow[best[key]]:
            best[key] = site
    found = []
    reach = max(4, round(math.sqrt(most) * 1.6))
    for site in best.values():
        y, x = divmod(site, width)
        top, left = max(1, y - reach), max(1, x - reach)
        area = (
            slice(top, min(height - 1, y + reach + 1)),
            slice(left, min(width - 1, x + reach + 1)),
        )
        outlet = int(ground[y, x])
        here = ground[area]
        low = (here > outlet) & (here <= outlet + round(LAKE_RISE * UNITS)) & ~base[area]
        low[y - top, x - left] = True
        _, names = cv2.connectedComponents(low.astype(np.uint8), connectivity=4)
        part = names == names[y - top, x - left]
        size = int(part.sum())
        if least <= size <= most and not (part[[0, -1]].any() or part[:, [0, -1]].any()):
            rise = float((here[part] - outlet).mean()) / UNITS
            found.append((rise / math.sqrt(size), site, area, part))
    level, lake = ground.copy(), np.zeros(ground.shape, dtype=bool)
    for _, site, area, part in sorted(found, key=lambda item: item[:2]):
        grown = cv2.dilate(part.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        # Dug up to the sea or to another lake it would run out.
        if count == 0 or (lake | base)[area][grown].any():
            continue
        # Round off: single cells of water are no lake.
        body = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        y, x = divmod(site, width)
        body[y - area[0].start, x - area[1].start] = 0
        shore = cv2.distanceTransform(body, cv2.DIST_L2, 3) * cell
        depth = np.minimum(0.5 + shore * 0.06, LAKE_DEPTH)
        bed = int(ground[y, x]) - np.rint(depth * UNITS).astype(np.int32)
        wet = body.astype(bool)
        level[area][wet] = bed[wet]
        lake[area] |= wet
        count -= 1
    # Ground that digging cut off from lower ground must not become a pit of its own.
    after = drain(level, base)
    return np.where(lake, level, after.filled), lake & (after.filled > level)


def _trace(
    water: Drainage, base: NDArray[np.bool_], sea: NDArray[np.bool_], lake: NDArray[np.bool_],
    cell: float,
) -> tuple[River, ...]:  # fmt: skip
    """Rivers from source to mouth, the longest first; a tributary ends on the river it joins."""
    width = water.flow.shape[1]
    least = river_least(base)
    flow, to = water.flow.ravel().tolist(), water.receiver.ravel().tolist()
    wet = (sea | lake).ravel().tolist()
    running = np.flatnonzero((water.flow >= least) & ~base)
    chosen = [c for c in running.tolist() if not wet[c]]
    fed = bytearray(len(flow))  # by a river; below a lake a new one begins
    for source in chosen:
        if to[source] >= 0:
            fed[to[source]] = 1
    found: list[list[int]] = []
    taken = bytearray(len(flow))
    # Longer rivers first, so that tributaries join them and not the other way round.
    heads = []
    for head in (c for c in chosen if not fed[c]):
        length, here = 0, head
        while to[here] >= 0:
            here, length = to[here], length + 1
        heads.append((-length, head))
    for _, head in sorted(heads):
        path = [head]
        taken[head] = 1
        while to[path[-1]] >= 0:
            after = to[path[-1]]
            path.append(after)
            if taken[after] or wet[after]:
                break
            taken[after] = 1
        if len(path) >= max(3, round(0.012 * max(water.flow.shape))):
            found.append(path)
        else:
            for passed in path[:-1]:
                taken[passed] = 0
    rivers = []
    for path in found:
        cells = np.array([(c % width, c // width) for c in path], dtype=np.int32)
        discharge = np.array([flow[c] for c in path[:-1]] + [flow[path[-2]]], dtype=np.float64)
        catchment = discharge * (cell / 1000) ** 2  # km²
        rivers.append(River(cells, (2.0 + 4.0 * np.sqrt(catchment)).astype(np.float32)))
    return tuple(rivers)


def _flat(filled: Levels, lake: NDArray[np.bool_]) -> Levels:
    """Every lake at the level of its outlet; routing needs a slope there, people do not."""
    count, names = cv2.connectedComponents(lake.astype(np.uint8), connectivity=8)
    lowest = np.full(count, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(lowest, np.asarray(names, dtype=np.int64).ravel(), filled.ravel())
    return np.where(lake, lowest[names], filled)


def _with_beds(rivers: tuple[River, ...], surface: Levels, wet: NDArray[np.bool_]) -> Levels:
    """Let rivers cut in, the wider the deeper, from the mouth up so that none ever climbs."""
    surface = surface.copy()
    for river in rivers:  # those that others join come first
        columns, rows = river.path[:, 0], river.path[:, 1]
        depth = np.rint(river.width * (0.08 * UNITS)).astype(np.int32)
        along = surface[rows, columns]
        cut = np.where(wet[rows, columns], along, along - np.minimum(depth, along // 4)).tolist()
        below = max(int(along[-1]), 0)  # a mouth keeps its level; the bed of the sea is no matter
        for i in range(len(cut) - 2, -1, -1):
            below = max(cut[i], below)
            cut[i] = below
        surface[rows[:-1], columns[:-1]] = np.minimum(cut[:-1], along[:-1])
    return surface


def river_mask(rivers: tuple[River, ...], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells of rivers; corners are cut so that no four-connected way slips through, [H, W]."""
    mask = np.zeros(shape, dtype=bool)
    for river in rivers:
        columns, rows = river.path[:, 0], river.path[:, 1]
        mask[rows, columns] = True
        mask[rows[1:], columns[:-1]] = True
    return mask


def downhill(river: River, height: NDArray[np.floating]) -> bool:
    """Whether a river never climbs."""
    along = height[river.path[:, 1], river.path[:, 0]]
    return bool((np.diff(along) <= 0).all())
