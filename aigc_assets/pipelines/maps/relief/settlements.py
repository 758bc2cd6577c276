"""Where people settle, and the roads between them."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.maps.relief.classes import BEACH, DESERT, ROCK, SNOW, SWAMP, TUNDRA
from aigc_assets.pipelines.maps.relief.water import cheapest_way, least_cost
from aigc_assets.types import Road, Settlement

GRID = 260
"""Roads are planned on a grid of at most so many cells a side."""
APART = 1 / 7
"""Settlements are at least this share of the longer side apart."""
_BEGIN = ("Al", "Bren", "Cor", "Dun", "El", "Fal", "Gar", "Hal", "Is", "Kel", "Lor", "Mar", "Nor",
          "Or", "Pel", "Ros", "Sel", "Tor", "Ul", "Val", "Wen", "Yar")  # fmt: skip
_MIDDLE = ("", "", "a", "an", "e", "en", "i", "in", "o", "on", "u", "er")
_END = ("bridge", "bury", "dale", "den", "fell", "field", "ford", "gate", "ham", "haven", "holm",
        "mere", "mouth", "stead", "ton", "wick", "worth")  # fmt: skip

Field = NDArray[np.float32]


class Land(NamedTuple):
    """What settlers look at, [H, W] each: height in m, slope, lakes and sea, rivers, biome."""

    height: Field
    slope: Field
    water: NDArray[np.bool_]
    river: NDArray[np.bool_]
    biome: NDArray[np.uint8]
    cell: float


def settle(land: Land, count: int, seed: int) -> tuple[Settlement, ...]:
    """Good sites: level, near fresh water or the sea, apart from each other.

    Args:
        land: The map.
        count: How many are wanted; fewer where there is no room.
        seed: Of names and of choices between equal sites.
    """
    rows, columns = land.height.shape
    random = generator(derive_seed(seed, "settlements"))
    step = max(1, -(-max(rows, columns) // GRID))
    offset = step // 2
    at = (slice(offset, None, step), slice(offset, None, step))
    fresh = _near(land.river, 500 / land.cell)[at]
    shore = _near(land.water, 700 / land.cell)[at]
    level = np.exp(-((land.slope[at] / 0.10) ** 2))
    low = np.exp(-np.maximum(land.height[at], 0) / 900)
    harsh = np.isin(land.biome[at], (SNOW, TUNDRA, ROCK, DESERT, SWAMP, BEACH))
    score = level * (0.25 + 0.55 * fresh + 0.35 * shore) * (0.3 + 0.7 * low)
    score *= np.where(harsh, 0.25, 1.0)
    score += 0.05 * random.random(score.shape) * level
    score[(land.water | land.river)[at]] = 0
    ys, xs = (np.arange(offset, n, step) for n in (rows, columns))
    rim = max(1, round(0.03 * min(rows, columns)))
    score[(ys < rim) | (ys >= rows - rim)] = 0
    score[:, (xs < rim) | (xs >= columns - rim)] = 0
    apart = APART * max(rows, columns)
    found: list[Settlement] = []
    names: set[str] = set()
    while len(found) < count and score.size:
        best = int(score.argmax())
        i, j = divmod(best, score.shape[1])
        if score[i, j] < 0.02:
            break
        y, x = int(ys[i]), int(xs[j])
        score[np.hypot(ys[:, None] - y, xs[None] - x) < apart] = 0
        rank = "city" if not found else ("town" if len(found) < 1 + count // 3 else "village")
        found.append(Settlement(_name(random, names), rank, (x, y)))
    return tuple(found)


def connect(
    places: tuple[Settlement, ...], land: Land
) -> tuple[tuple[Road, ...], tuple[tuple[int, int], ...]]:
    """Roads that join all settlements which can be joined, by the cheapest ways over the slopes.

    A minimum spanning tree; later roads run along those that are there. Rivers are crossed by
    bridges, lakes and the sea are not.

    Returns:
        The roads and the two settlements that each joins.
    """
    if len(places) < 2:
        return (), ()
    cost, level, step = _costs(land)
    wide = cost.shape[1]
    sites = [(y // step) * wide + x // step for x, y in (place.cell for place in places)]
    far = [least_cost(cost, level, site).ravel() for site in sites]
    joined, roads, ends = {0}, [], []
    while True:
        choices = [
            (int(far[a][sites[b]]), a, b)
            for a in sorted(joined)
            for b in range(len(sites))
            if b not in joined and far[a][sites[b]] >= 0
        ]
        if not choices:
            rest = [k for k in range(len(sites)) if k not in joined]
            if not rest:
                break
            joined.add(rest[0])  # across the water: a network of its own
            continue
        _, a, b = min(choices)
        joined.add(b)
        distance = least_cost(cost, level, sites[a])
        way = cheapest_way(distance, cost, level, sites[b])
        if len(way) < 2:
            continue
        cost.ravel()[way] = 1
        roads.append(_road(way, wide, step, land))
        ends.append((a, b))
    return tuple(roads), tuple(ends)


def _costs(land: Land) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Costs and levels of the planning grid, and how many cells one of its cells is wide."""
    rows, columns = land.height.shape
    step = max(1, -(-max(rows, columns) // GRID))
    tall, wide = -(-rows // step), -(-columns // step)

    def blocks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        padded = np.pad(mask, ((0, tall * step - rows), (0, wide * step - columns)))
        return np.asarray(padded.reshape(tall, step, wide, step).any(axis=(1, 3)))

    # Level ground is not all the same: without that, roads would run by ruler.
    grid = generator(tall * wide).random((-(-tall // 9) + 1, -(-wide // 9) + 1), dtype=np.float32)
    rough = cv2.resize(grid, (wide, tall), interpolation=cv2.INTER_CUBIC)
    cost = 3 + np.rint(np.clip(np.asarray(rough), 0, 1) * 4).astype(np.int32)
    cost[blocks(land.biome == SWAMP)] = 6
    river = blocks(land.river)
    cost[cv2.dilate(river.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] += 4  # cross, not along
    cost[river] = 60
    cost[blocks(land.water)] = 0
    cost[[0, -1]] = 0
    cost[:, [0, -1]] = 0
    height = cv2.resize(land.height, (wide, tall), interpolation=cv2.INTER_AREA)
    # A slope of 0.1 from one cell to the next costs as much as half the step, 0.3 five times.
    level = np.rint(np.asarray(height) * (160 / (step * land.cell))).astype(np.int32)
    return cost, np.clip(level, -30000, 30000), step


def _road(way: list[int], wide: int, step: int, land: Land) -> Road:
    """From cells of the planning grid to cells of the map, four-connected, with its bridges."""
    rows, columns = land.height.shape
    points = [
        (min(columns - 1, c % wide * step + step // 2), min(rows - 1, c // wide * step + step // 2))
        for c in way
    ]
    cells = [points[0]]
    for before, after in itertools.pairwise(points):
        # Drawn from the same end whichever way it is walked: roads that share it share its cells.
        line = _line(min(before, after), max(before, after))
        cells += (line if before < after else line[::-1])[1:]
    path = np.array(cells, dtype=np.int32)
    over = land.river[path[:, 1], path[:, 0]]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]).astype(np.int8)))
    bridges = tuple((int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True))
    return Road(path, bridges)


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Cells from start to end, each beside the one before it."""
    cells = [start]
    while cells[-1] != end:
        x, y = cells[-1]
        dx, dy = end[0] - x, end[1] - y
        if abs(dx) >= abs(dy):
            cells.append((x + (1 if dx > 0 else -1), y))
        else:
            cells.append((x, y + (1 if dy > 0 else -1)))
    return cells


def _near(mask: NDArray[np.bool_], reach: float) -> Field:
    """1 on true cells, falling off over ``reach`` cells."""
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.float32)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.exp(-away / np.float32(max(reach, 1.0))))


def _name(random: np.random.Generator, names: set[str]) -> str:
    for _ in range(200):
        parts = (words[int(random.integers(len(words)))] for words in (_BEGIN, _MIDDLE, _END))
        name = "".join(parts)
        if name not in names:
            names.add(name)
            return name
    return f"Place {len(names) + 1}"


def wanted_settlements(land_share: float, kind: str) -> int:
    """How many settlements suit a map."""
    return max(2, round((3 if kind == "mountain" else 4) + 6 * math.sqrt(land_share)))
