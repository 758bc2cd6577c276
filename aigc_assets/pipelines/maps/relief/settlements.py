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
from aigc_assets.pipelines.maps.relief.water import Levels, road
from aigc_assets.types import Road, Settlement

GRID = 260
"""Roads are planned on a grid of at most so many cells a side."""
APART = 1 / 7
"""Settlements are at least this share of the longer side apart."""
_LEVEL_GROUND = 3
_BRIDGE_PRICE = 350
"""Of a cell of a bridge; a step over level ground costs about 50."""
_DETOUR = 2.2
"""A loop is closed where the way around is so many times what lies between."""
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


def connect(places: tuple[Settlement, ...], land: Land) -> list[NDArray[np.int32]]:
    """Roads that join all settlements which can be joined, by the cheapest ways over the slopes.

    Each settlement is joined to the network where that is cheapest, so roads meet and share
    bridges. Where the way around is long a further road closes a loop. Rivers are crossed straight
    over a few cells; lakes and the sea are not.

    Returns:
        Cells (column, row) of each road, [N, 2], each beside the one before.
    """
    if len(places) < 2:
        return []
    cost, level, step = _costs(land)
    wide = cost.shape[1]
    sites = [(y // step) * wide + x // step for x, y in (place.cell for place in places)]
    shape = land.height.shape
    return [_four_connected(way, wide, step, shape) for way in _network(cost, level, sites)]


def with_bridges(path: NDArray[np.int32], river: NDArray[np.bool_]) -> Road:
    """A road and where it crosses rivers."""
    over = river[path[:, 1], path[:, 0]]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]).astype(np.int8)))
    bridges = tuple((int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True))
    return Road(path, bridges)


def _network(cost: Levels, level: Levels, sites: list[int]) -> list[list[int]]:
    """Ways that join the sites: trees, one on each side of what cannot be crossed, and loops."""
    for site in sites:
        if cost.flat[site] < 0:
            cost.flat[site] = _LEVEL_GROUND
    river = cost < 0
    ways: list[list[int]] = []
    left = list(dict.fromkeys(sites))
    depth: dict[int, int] = {}
    parent: dict[int, int] = {}
    trees: list[list[int]] = []
    while left:
        tree = [left.pop(0)]
        depth[tree[0]] = 0
        joined = [tree[0]]
        while left and (way := road(cost, level, tree, left)):
            for before, cell in itertools.pairwise(way):
                if cell not in depth:
                    parent[cell], depth[cell] = before, depth[before] + 1
            _build(cost, river, way)
            tree += [cell for cell in way[1:] if not river.flat[cell]]
            left = [site for site in left if site not in depth]
            joined.append(way[-1])
            ways.append(way)
        trees.append(joined)
    wide = cost.shape[1]
    loops = []
    for joined in trees:
        for a, b in itertools.combinations(joined, 2):
            apart = max(abs(a // wide - b // wide), abs(a % wide - b % wide))
            around = _tree_distance(a, b, parent, depth)
            if around > _DETOUR * apart:
                loops.append((apart - around, a, b))
    for gain, a, b in sorted(loops)[: len(sites) // 4]:
        way = road(cost, level, [a], [b])
        fresh = [cell for cell in way if cell not in depth]
        if fresh and len(way) < _DETOUR / (1 + _DETOUR) * -gain:
            depth.update(dict.fromkeys(fresh, 0))
            _build(cost, river, way)
            ways.append(way)
    return ways


def _build(cost: Levels, river: NDArray[np.bool_], way: list[int]) -> None:
    """What is built is the cheapest way for all that follow; nothing runs right beside it."""
    mask = np.zeros(cost.shape, dtype=np.uint8)
    mask.flat[way] = 1
    cost[(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0) & (cost > 1)] += 3
    cost.flat[way] = np.where(river.flat[way], -1, 1)


def _tree_distance(a: int, b: int, parent: dict[int, int], depth: dict[int, int]) -> int:
    """Steps from one cell of a tree to another."""
    steps = 0
    while a != b:
        if depth[a] < depth[b]:
            a, b = b, a
        a = parent[a]
        steps += 1
    return steps


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
    cost = _LEVEL_GROUND + np.rint(np.clip(np.asarray(rough), 0, 1) * 4).astype(np.int32)
    cost[blocks(land.biome == SWAMP)] = 6
    river = blocks(land.river)
    cost[cv2.dilate(river.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] += 2  # wet banks
    cost[river] = -_BRIDGE_PRICE
    cost[blocks(land.water)] = 0
    cost[[0, -1]] = 0
    cost[:, [0, -1]] = 0
    height = cv2.resize(land.height, (wide, tall), interpolation=cv2.INTER_AREA)
    # A slope of 0.1 from one cell to the next costs as much as half the step, 0.3 five times.
    level = np.rint(np.asarray(height) * (160 / (step * land.cell))).astype(np.int32)
    return cost, np.clip(level, -30000, 30000), step


def _four_connected(
    way: list[int], wide: int, step: int, shape: tuple[int, ...]
) -> NDArray[np.int32]:
    """From cells of the planning grid to cells of the map."""
    rows, columns = shape
    points = [
        (min(columns - 1, c % wide * step + step // 2), min(rows - 1, c // wide * step + step // 2))
        for c in way
    ]
    cells = [points[0]]
    for before, after in itertools.pairwise(points):
        # Drawn from the same end whichever way it is walked: roads that share it share its cells.
        line = _line(min(before, after), max(before, after))
        cells += (line if before < after else line[::-1])[1:]
    return np.array(cells, dtype=np.int32)


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
