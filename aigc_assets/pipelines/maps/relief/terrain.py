"""From a request to a finished `Terrain`."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.pipelines.made import Made, derive_seed, load_model, provenance
from aigc_assets.pipelines.maps.relief.amplify import EXTENT, amplify
from aigc_assets.pipelines.maps.relief.classes import BIOMES
from aigc_assets.pipelines.maps.relief.climate import Climate, Ground, draw_climate, ground_of
from aigc_assets.pipelines.maps.relief.rivers import Waters, downhill, river_mask, water_of
from aigc_assets.pipelines.maps.relief.settlements import (
    Land,
    connect,
    settle,
    wanted_settlements,
    with_bridges,
)
from aigc_assets.pipelines.maps.relief.shape import MARGIN, Shape, detail_of, draw_shape
from aigc_assets.pipelines.maps.relief.water import UNITS
from aigc_assets.pipelines.maps.request import MapRequest
from aigc_assets.pipelines.palettes import to_oklab
from aigc_assets.types import Settlement, Terrain
from aigc_assets.types.terrain import natural_colours
from aigc_assets.types.validation import Scalar

MAX_ASPECT = 8
"""The longer side of a terrain is at most so many times the shorter one."""


class Landscape(NamedTuple):
    """Everything that is derived from a shape; arrays are [H, W]."""

    shape: Shape
    cell: float
    waters: Waters
    height: NDArray[np.float32]
    depth: NDArray[np.float32]
    climate: Climate
    ground: Ground
    land: Land
    settlements: tuple[Settlement, ...]
    operations: tuple[str, ...]


def generate(request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Make one terrain; see `aigc_assets.pipelines.maps.generate_map`.

    The palette lends its colours to the biomes; heights do not depend on it.

    Raises:
        UsageError: If the sides are too different.
        GenerationError: If the finished terrain fails its own check.
        WeightsError: If the weights are missing or altered.
    """
    if max(request.size) > MAX_ASPECT * min(request.size):
        raise UsageError(
            f"a terrain of {request.size[0]}x{request.size[1]} is too narrow",
            where="size",
            remedy=f"the longer side may be {MAX_ASPECT} times the shorter one",
        )
    checkpoint = load_model("relief_gan", narrow=True)
    made = landscape(request.relief, request.size, seed)
    paths = connect(made.settlements, made.land)
    roads = tuple(with_bridges(path, made.land.river) for path in paths)
    properties: dict[str, Scalar] = {
        "theme": request.theme,
        "relief": made.shape.kind,
        "temperature": round(made.climate.sea_level, 1),
        "wind_from": ("west", "south", "east", "north")[made.climate.wind],
    }
    terrain = Terrain(
        made.height,
        made.cell,
        made.ground.biome,
        BIOMES,
        made.depth,
        made.waters.drainage.flow.astype(np.float32),
        made.waters.rivers,
        roads,
        made.settlements,
        biome_colours(palette),
        properties,
    )
    check(terrain)
    described: dict[str, Scalar] = {
        "theme": request.theme,
        "width": request.size[0],
        "height": request.size[1],
        "relief": request.relief,
    }
    record = provenance(checkpoint, seed, described, (*made.operations, "settlements and roads"))
    return Made(terrain, record)


def biome_colours(palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours of the palette for `BIOMES`, each the nearest to what it looks like by daylight.

    Hue counts more than lightness: grey water would be worse than dark water.
    """
    weight = np.array([1.0, 2.5, 2.5])
    wanted, given = (to_oklab(c) * weight for c in (natural_colours(BIOMES), palette))
    away = ((wanted[:, None] - given[None]) ** 2).sum(2)
    return np.ascontiguousarray(palette[away.argmin(1)])


def landscape(relief: str, size: tuple[int, int], seed: int) -> Landscape:
    """Shape, detail, erosion, water, climate and settlements of a map of ``size`` cells."""
    checkpoint = load_model("relief_gan", narrow=True)
    shape = draw_shape(checkpoint, relief, size, derive_seed(seed, "shape"))
    height = amplify(shape.height, MARGIN, size, detail_of(checkpoint), derive_seed(seed, "detail"))
    cell = EXTENT / (max(size) - 1)
    island = shape.kind == "island"
    if island:
        height = surrounded(height)
    waters = water_of(without_bars(height), cell, lakes=_lakes(shape.kind), island=island)
    metres = (waters.level / UNITS).astype(np.float32)
    wet = waters.sea | waters.lake
    depth = np.where(
        waters.lake, waters.surface - waters.level, np.where(waters.sea, -waters.level, 0)
    )
    depth = (depth / UNITS).astype(np.float32)
    river = river_mask(waters.rivers, metres.shape)
    climate = draw_climate(seed)
    ground = ground_of(metres, depth, wet | river, cell, climate, seed)
    land = Land(metres, ground.slope, wet, river & ~wet, ground.biome, cell)
    count = wanted_settlements(float((~wet).mean()), shape.kind)
    operations = (
        f"{shape.kind} drawn by relief_gan, try {shape.tries}" + (", bent" if shape.bent else ""),
        f"amplified to {size[0]}x{size[1]} and eroded",
        f"{len(waters.rivers)} rivers, climate, biomes",
    )
    return Landscape(shape, cell, waters, metres, depth, climate, ground, land,
                     settle(land, count, seed), operations)  # fmt: skip


def surrounded(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same with sea along all edges, whatever detail rose there."""
    rows, columns = height.shape
    edge = max(1, round(0.02 * max(rows, columns)))
    inside = np.minimum(*np.ogrid[:rows, :columns])
    inside = np.minimum(inside, np.minimum(*np.ogrid[rows - 1 : -1 : -1, columns - 1 : -1 : -1]))
    limit = (inside - edge) * 4.0 * (EXTENT / 1024 / 20) - 1.0
    return np.where(inside < 2 * edge, np.minimum(height, limit), height)


def without_bars(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same without bars of sand in the sea that are a cell or two wide and hardly dry."""
    land = (height > 0).astype(np.uint8)
    side = 2 * max(1, round(max(height.shape) / 400)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    broad = cv2.dilate(cv2.morphologyEx(land, cv2.MORPH_OPEN, kernel), np.ones((3, 3), np.uint8))
    return np.where((land == 1) & (broad == 0) & (height < 4), -0.5, height)


def check(terrain: Terrain) -> None:
    """The last look, from the finished asset alone.

    Raises:
        GenerationError: If a river climbs or ends nowhere, a road is cut, or an island is none.
            That is a bug, not bad luck.
    """
    for problem in problems(terrain):
        raise GenerationError(
            f"the terrain fails its own check: {problem}",
            where="map",
            remedy="report this with the request and the seed",
        )


def problems(terrain: Terrain) -> list[str]:
    """Everything that a terrain promises and does not hold."""
    found = []
    depth = terrain.depth
    on_river = {tuple(cell) for river in terrain.rivers for cell in river.path.tolist()}
    for i, river in enumerate(terrain.rivers):
        if not downhill(river, np.where(depth > 0, terrain.height + depth, terrain.height)):
            found.append(f"river {i} climbs")
        x, y = river.path[-1].tolist()
        edge = x in (0, terrain.columns - 1) or y in (0, terrain.rows - 1)
        others = {
            tuple(c) for k, r in enumerate(terrain.rivers) if k != i for c in r.path.tolist()
        } if not (edge or depth[y, x] > 0) else on_river  # fmt: skip
        if not (edge or depth[y, x] > 0 or (x, y) in others):
            found.append(f"river {i} ends at {(x, y)}, which is neither water nor a river")
    for i, road in enumerate(terrain.roads):
        if (depth[road.path[:, 1], road.path[:, 0]] > 0).any():
            found.append(f"road {i} runs through water")
    for place in terrain.settlements:
        if depth[place.cell[1], place.cell[0]] > 0:
            found.append(f"{place.name} lies in the water")
    if terrain.properties.get("relief") == "island":
        rim = np.concatenate([terrain.height[[0, -1]].ravel(), terrain.height[:, [0, -1]].ravel()])
        if (rim > 0).any() or not (terrain.height > 0).any():
            found.append("the island has no sea all around")
    return found


def _lakes(kind: str) -> int:
    return {"island": 1, "coast": 3, "mountain": 4, "plains": 4}[kind]
