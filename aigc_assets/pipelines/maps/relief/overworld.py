"""From a request to a finished overworld: towns, roads, and a way through the land."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.difficulty import REACH, difficulty, score
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.pipelines.maps import grid
from aigc_assets.pipelines.maps.cast import Cast
from aigc_assets.pipelines.maps.indoor.feasible import check_area
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.indoor.placement import Plan, place
from aigc_assets.pipelines.maps.indoor.repair import repair
from aigc_assets.pipelines.maps.indoor.sampling import Layout, hall, winding
from aigc_assets.pipelines.maps.pins import FREE, PinnedObject, Pins
from aigc_assets.pipelines.maps.relief import classes
from aigc_assets.pipelines.maps.relief.settlements import connect
from aigc_assets.pipelines.maps.relief.terrain import Landscape, landscape
from aigc_assets.pipelines.maps.request import TILE_SIZE, MapRequest
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.pipelines.maps.selfcheck import check
from aigc_assets.pipelines.maps.tiles.overworld import (
    BRIDGE,
    DEEP,
    DESERT,
    FOREST,
    GRASS,
    HILLS,
    MOUNTAIN,
    NO_WAY,
    PEAK,
    RIVER,
    ROAD,
    SAND,
    SHALLOW,
    SNOW,
    SWAMP,
    build_tileset,
    dress_overworld,
    solid_cells,
)
from aigc_assets.types import TileLayer, Tilemap
from aigc_assets.types.validation import Scalar

_GROUND_OF_BIOME = {
    classes.DEEP_WATER: DEEP, classes.SHALLOW_WATER: DEEP, classes.BEACH: SAND,
    classes.DESERT: DESERT, classes.SAVANNA: DESERT, classes.GRASSLAND: GRASS,
    classes.FOREST: FOREST, classes.SWAMP: SWAMP, classes.TAIGA: FOREST, classes.TUNDRA: SNOW,
    classes.ROCK: MOUNTAIN, classes.SNOW: SNOW,
}  # fmt: skip
_PRICES = np.array([40, 20, 12, 14, 12, 20, 16, 18, 24, 16, 60], dtype=np.int32)
"""What it costs to open a cell of each ground for a way between two parts of a land."""
_RIVER_PRICE = 25
_LEAST_RIVER = 0.11
"""Length of a river as a share of the longer side, at least."""
_LAND_OF_A_RIVER = 400
"""Cells of a map for each river it shows."""
_TRIES = 4
_LEAST_LAND = 0.08
"""Share of a map that can be walked on at least; only the last try may have less."""
_FITTINGS = 4
"""Placements on a land of which the one that fits the difficulty best is taken."""
_SMALL = 100 * 100
"""Cells of a map up to which there is time for all of them."""
_CLOSE = 0.03
"""A difficulty that is met as well as this needs no further try."""
_MONSTERS = {FOREST: "wolf", DESERT: "bandit", SNOW: "wyvern", MOUNTAIN: "wyvern", HILLS: "bandit"}


class Country(NamedTuple):
    """A land in cells, [H, W] each, and its places.

    Args:
        ground: Index into `aigc_assets.pipelines.maps.tiles.overworld.GROUND`.
        way: Index into ``WAYS``.
        places: (cell, name, rank), the largest first.
        land: What it was made from.
    """

    ground: NDArray[np.uint8]
    way: NDArray[np.uint8]
    places: tuple[tuple[int, str, str], ...]
    land: Landscape


def generate(request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Make one overworld; see `aigc_assets.pipelines.maps.generate_map`.

    Start and exit are settlements where the requirements leave the choice; locked doors are gates
    in passes, walls that are built for them are peaks.

    Returns:
        A `Tilemap` of 16 px tiles; settlements are objects of class ``trigger``.

    Raises:
        GenerationError: If no map of this size can fulfil the requirements.
        WeightsError: If the weights are missing or altered.
    """
    checkpoint = load_model("relief_gan", narrow=True)
    wanted = request.requirements
    check_area(request.size, wanted, None)
    country, plan, operations = _plan(request, wanted, seed)
    tilemap = _build(country, plan, request, palette, seed)
    check(tilemap, wanted)
    described: dict[str, Scalar] = {
        "theme": request.theme,
        "width": request.size[0],
        "height": request.size[1],
        "require": "; ".join(request.require),
        "relief": request.relief,
    }
    record = provenance(checkpoint, seed, described, operations)
    return Made(tilemap, dataclasses.replace(record, kind="map"))


def _plan(
    request: MapRequest, wanted: Requirements, seed: int
) -> tuple[Country, Plan, tuple[str, ...]]:
    """Furnish the first land that takes everything."""
    reason: NoRoom | None = None
    width, height = request.size
    best: tuple[float, Country, Plan, int] | None = None
    for number in range(_TRIES):
        own = derive_seed(seed, "land", str(number))
        country = _country(landscape(request.relief, request.size, own))
        canvas, edits = repair(_layout(country))
        if number + 1 < _TRIES and canvas.walkable.sum() < _LEAST_LAND * canvas.flat.size:
            continue
        for turn, pins in enumerate(_tries(country, canvas.terrain, wanted)):
            random = generator(derive_seed(seed, "place", f"{number} {turn}"))
            try:
                plan = place(canvas, wanted, pins, random)
            except NoRoom as problem:
                reason = reason or problem
                continue
            miss = _miss(plan, wanted)
            if best is None or miss < best[0]:
                best = (miss, country, plan, edits)
            if miss <= _CLOSE:
                break
        if best is not None:
            _, country, plan, edits = best
            country = _follow(country, plan)
            passes = f"{edits} cells of passes and fords"
            return country, plan, (*country.land.operations, passes, "locks", "placement")
    layouts = [hall(request.size)]
    if wanted.path is not None:
        layouts += [winding(request.size, n) for n in (wanted.path.low, wanted.path.low // 2)]
    for number, layout in enumerate([*layouts, winding(request.size)]):
        canvas, _ = repair(layout)
        try:
            plan = place(canvas, wanted, None, generator(derive_seed(seed, "built", str(number))))
        except NoRoom:
            continue
        # The land lends its colours, peaks stand where there is no room otherwise.
        operation = "ways built for the requirements, the land had no room"
        return _follow(country, plan), plan, (*country.land.operations, operation, "placement")
    raise GenerationError(
        f"found no {width}x{height} land that fulfils the requirements: {reason}",
        where="require",
        remedy="ask for less, for a wider range or for a larger map",
    )


def _country(land: Landscape) -> Country:
    """Ground, rivers, roads and places of a landscape."""
    height, depth, slope = land.height, land.depth, land.ground.slope
    shape = height.shape
    ground = np.zeros(shape, dtype=np.uint8)
    for biome, kind in _GROUND_OF_BIOME.items():
        ground[land.ground.biome == biome] = kind
    dry = depth == 0
    rows, columns = shape
    dry = dry | _puddles(~dry)
    ground[dry & (depth > 0)] = GRASS
    ashore = np.zeros(shape, dtype=bool)
    padded = np.pad(dry, 1)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            ashore |= padded[down : down + rows, right : right + columns]
    ground[~dry & ashore & (depth < 60)] = SHALLOW
    green = np.isin(ground, (GRASS, FOREST, DESERT))
    ground[green & (slope > 0.2)] = HILLS
    relief = float(np.percentile(height[dry], 97)) if dry.any() else 0.0
    ground[dry & (slope > 0.42)] = MOUNTAIN
    ground[dry & (height > max(relief, 350.0)) & np.isin(ground, (MOUNTAIN, SNOW, HILLS))] = PEAK
    way = np.zeros(shape, dtype=np.uint8)
    # The longest come first. On few cells brooks would leave no land between them.
    long = [r for r in land.waters.rivers if len(r.path) >= _LEAST_RIVER * max(shape)]
    for river in long[: 2 + height.size // _LAND_OF_A_RIVER]:
        x, y = river.path[-1].tolist()
        ends = not dry[y, x] or x in (0, columns - 1) or y in (0, rows - 1) or way[y, x] == RIVER
        if ends and not _beside(way, river.path):
            _draw(way, river.path, RIVER)
    way[~dry] = NO_WAY
    roads = connect(land.settlements, land.land._replace(water=~dry, river=way == RIVER))
    way[ground == PEAK] = NO_WAY
    places = []
    for place_ in land.settlements:
        x, y = place_.cell
        if 0 < x < columns - 1 and 0 < y < rows - 1 and dry[y, x]:
            places.append((y * columns + x, place_.name, place_.rank))
            way[y, x] = ROAD if roads else NO_WAY
            if ground[y, x] in (PEAK, MOUNTAIN, HILLS, SWAMP):
                ground[y, x] = GRASS
    for road in roads:
        at = (road[:, 1], road[:, 0])
        way[at] = np.where(np.isin(way[at], (RIVER, BRIDGE)), BRIDGE, ROAD)
        ground[at] = np.where(ground[at] == PEAK, MOUNTAIN, ground[at])
    ring = np.ones(shape, dtype=bool)
    ring[1:-1, 1:-1] = False
    way[ring] = NO_WAY
    ground[ring] = np.where(dry[ring], PEAK, DEEP)
    return Country(ground, way, tuple(places), land)


def _puddles(water: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Waters of a few cells that do not reach the edge of the map."""
    _, names, stats, _ = cv2.connectedComponentsWithStats(water.astype(np.uint8), connectivity=4)
    edge = np.concatenate([names[[0, -1]].ravel(), names[:, [0, -1]].ravel()])
    small = stats[:, cv2.CC_STAT_AREA] < 6
    small[edge] = False
    small[0] = False
    return np.asarray(small[names])


def _beside(way: NDArray[np.uint8], path: NDArray[np.int32]) -> bool:
    """Whether a river runs along one that is there for more than its mouth."""
    around = cv2.dilate((way == RIVER).astype(np.uint8), np.ones((3, 3), np.uint8))
    return bool(around[path[:-2, 1], path[:-2, 0]].sum() > 1)


def _draw(way: NDArray[np.uint8], path: NDArray[np.int32], kind: int) -> None:
    """A river without diagonal steps, and without a knot where it can be helped."""
    for (x, y), (u, v) in zip(path[:-1].tolist(), path[1:].tolist(), strict=True):
        way[y, x] = kind
        way[v, u] = kind
        if x != u and y != v and kind not in (way[y, u], way[v, x]):
            corners = ((y, u), (v, x))
            crowd = [
                (way[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2] == kind).sum()
                for r, c in corners
            ]
            way[corners[int(crowd[1] < crowd[0])]] = kind


def _layout(country: Country) -> Layout:
    """The land as the repair of maps sees it: walls, liquid, floor, and prices of openings."""
    ground, way = country.ground, country.way
    solid = solid_cells(ground, way)
    terrain = np.where(solid, grid.WALL, grid.FLOOR).astype(np.uint8)
    terrain[solid & ((ground == DEEP) | (way == RIVER))] = grid.LIQUID
    terrain[way == BRIDGE] = grid.BRIDGE
    price = np.where(way == RIVER, _RIVER_PRICE, _PRICES[ground]).astype(np.int32)
    return Layout(terrain, price)


def _tries(
    country: Country, terrain: NDArray[np.uint8], wanted: Requirements
) -> Iterator[Pins | None]:
    """Start and exit of one try after another; None leaves them to the requirements."""
    if wanted.path is None and not wanted.boss and wanted.difficulty is None:
        ends = _ends(country, terrain)
        if ends is not None:
            yield ends
        yield None
        return
    tries = _FITTINGS if terrain.size <= _SMALL else 2
    if wanted.path is None and wanted.boss:
        share = 0.95 if wanted.difficulty is None else 0.55 + 0.4 * wanted.difficulty
        for turn in range(tries):
            yield _far_ends(terrain, share, turn)
    for _ in range(tries if wanted.difficulty is not None else 1):
        yield None


def _far_ends(terrain: NDArray[np.uint8], share: float, turn: int) -> Pins:
    """The two ends of a long walk, of which ``share`` is kept."""
    width = terrain.shape[1]
    walkable = grid.walkable_cells(terrain)
    cells = np.flatnonzero(walkable)
    start = int(cells[0])
    for _ in range(2):  # what is farthest from anywhere is one end of the longest walk
        start = int(grid.distances(walkable, width, [start]).argmax())
    away = grid.distances(walkable, width, [start])
    far = int(away.max())
    others = cells[away[cells] > 0]
    order = np.lexsort((others, np.abs(away[others] - max(1, round(share * far)))))
    # Neighbouring cells have the same fate: the next try goes elsewhere.
    exit_ = int(others[order[min(len(order) - 1, turn * max(1, len(order) // 16))]])
    return _pinned(terrain.shape, start, exit_)


def _pinned(shape: tuple[int, ...], start: int, exit_: int) -> Pins:
    width = shape[1]
    objects = tuple(
        PinnedObject(cls, (cell % width, cell // width))
        for cls, cell in (("start", start), ("exit", exit_))
    )
    return Pins(np.full(shape, FREE, dtype=np.int8), objects, np.zeros(shape, dtype=bool))


def _miss(plan: Plan, wanted: Requirements) -> float:
    """How far a plan is from the difficulty asked for, and from a walk worth a boss; 0 is best."""
    height, width = plan.terrain.shape
    steps = len(plan.path) - 1
    miss = 0.0
    if wanted.boss and wanted.path is None:
        miss += max(0.0, 0.5 - steps / max(height, width))
    if wanted.difficulty is not None:
        walkable = grid.walkable_cells(plan.terrain)
        aside = grid.distances(walkable, width, list(plan.path))
        fights = sum(0 <= int(aside[cell]) <= REACH for cell in plan.monsters)
        direct = int(grid.distances(walkable, width, [plan.start])[plan.exit])
        got = score(steps, direct, fights, len(plan.doors), len(plan.treasure), width + height,
                    plan.boss is not None)  # fmt: skip
        miss += abs(got - wanted.difficulty)
    return miss


def _ends(country: Country, terrain: NDArray[np.uint8]) -> Pins | None:
    """The largest place as start, the one farthest from it as exit."""
    width = terrain.shape[1]
    walkable = grid.walkable_cells(terrain)
    cells = [cell for cell, _, _ in country.places if walkable[cell]]
    if len(cells) < 2:
        return None
    away = grid.distances(walkable, width, [cells[0]])
    far = max(cells[1:], key=lambda cell: (int(away[cell]), -cell))
    if away[far] < max(2, sum(terrain.shape) // 4):  # all places are neighbours: no journey
        return None
    return _pinned(terrain.shape, cells[0], far)


def _follow(country: Country, plan: Plan) -> Country:
    """Change the land where the plan needs other cells to be open or shut than it has."""
    ground, way = country.ground.copy(), country.way.copy()
    terrain = plan.terrain
    was_shut = solid_cells(ground, way)
    shut = np.isin(terrain, (grid.WALL, grid.LIQUID))
    water = np.isin(ground, (DEEP, SHALLOW))
    closing = shut & ~was_shut
    way[closing] = NO_WAY
    ground[closing & water] = DEEP
    ground[closing & ~water] = PEAK
    opening = ~shut & was_shut
    over = opening & (way == RIVER)
    way[over] = BRIDGE
    way[opening & (ground == PEAK)] = ROAD
    ground[opening & (ground == PEAK)] = MOUNTAIN
    ground[opening & ~over & (ground == DEEP)] = SHALLOW
    wrong = solid_cells(ground, way) != shut
    assert not wrong.any(), "the land does not follow the plan"
    return country._replace(ground=ground, way=way)


def _build(
    country: Country, plan: Plan, request: MapRequest, palette: NDArray[np.uint8], seed: int
) -> Tilemap:
    """Objects, layers and witness."""
    width = request.size[0]
    random = generator(derive_seed(seed, "dress"))
    named = {cell: (name, rank) for cell, name, rank in country.places}
    cast = Cast(width)
    things: dict[int, str] = {}
    taken: set[int] = set()

    def add(
        name: str, cls: str, cell: int, tile: str, index: int = 0, **properties: Scalar
    ) -> None:
        cast.add(name, cls, cell, index, **properties)
        taken.add(cell)
        if tile:
            things[cell] = tile

    start = named.get(plan.start, ("start", ""))
    exit_ = named.get(plan.exit, ("exit", ""))
    add(start[0], "start", plan.start, start[1] or "start")
    add(exit_[0], "exit", plan.exit, "castle" if exit_[1] else "cave")
    for i, (cell, colour) in enumerate(plan.keys):
        add(f"{colour} key", "key", cell, f"key_{colour}", i, colour=colour)
    for i, (cell, colour) in enumerate(plan.doors):
        add(f"{colour} gate", "door", cell, f"gate_{colour}", i, colour=colour)
    if plan.boss is not None and plan.entrance is not None:
        add("wyvern", "boss", plan.boss, "wyvern")
        add("lair", "trigger", plan.entrance, "", event="boss")
    for i, cell in enumerate(plan.treasure):
        add("chest", "treasure", cell, "chest", i)
    for i, cell in enumerate(plan.monsters):
        kind = _MONSTERS.get(int(country.ground.flat[cell]), "bandit")
        add(kind, "monster", cell, kind, i)
    reached = grid.distances(grid.walkable_cells(plan.terrain), width, [plan.start])
    for i, (cell, name, rank) in enumerate(country.places):
        if cell not in taken and reached[cell] >= 0:
            add(name, "trigger", cell, rank, 1 + i, event="settlement", rank=rank)
    tileset, gids = build_tileset(palette.tobytes())
    layers = dress_overworld(country.ground, country.way, gids, things, random)
    made = Tilemap(
        (tileset,),
        tuple(TileLayer(name, gids_) for name, gids_ in layers.items()),
        (cast.layer(),),
        (TILE_SIZE, TILE_SIZE),
        {
            "theme": request.theme,
            "relief": country.land.shape.kind,
            "movement": "walk",
            "steps": len(plan.path) - 1,
        },
        cast.witness(plan.path, plan.events),
    )
    properties = {**made.properties, "difficulty": round(difficulty(made), 3)}
    return dataclasses.replace(made, properties=properties)
