"""A content as a level that can be played and is proven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import Made, derive_seed, generator
from aigc_assets.pipelines.maps.benchmark_rules import isaac, mdungeons, sokoban, zelda
from aigc_assets.pipelines.maps.benchmark_rules.contents import (
    complete,
    generate_for_benchmark,
    preset_of,
)
from aigc_assets.pipelines.maps.benchmark_rules.encoding import MIDDLE, PITCH
from aigc_assets.pipelines.maps.benchmark_rules.mazes import longest_path
from aigc_assets.pipelines.maps.cast import Cast
from aigc_assets.pipelines.maps.grid import FLOOR, WALL, shortest_path, steps
from aigc_assets.pipelines.maps.request import TILE_SIZE
from aigc_assets.pipelines.maps.sokoban.chamber import Puzzle, walk
from aigc_assets.pipelines.maps.sokoban.search import Board, fewest_moves, solve
from aigc_assets.pipelines.maps.tiles import indoor as indoor_tiles
from aigc_assets.pipelines.maps.tiles import sokoban as sokoban_tiles
from aigc_assets.pipelines.maps.tiles.dressing import dress
from aigc_assets.types import (
    Provenance,
    TileLayer,
    Tilemap,
    Tileset,
)
from aigc_assets.types.validation import Scalar

_FAR = 10**6
_LOOKS = 10**5
"""Positions after which fewest pushes, which are found sooner, do instead of fewest moves."""


class _Level(NamedTuple):
    """Floor [H, W] with its ring, objects as (class, name, cell), the walk, and its events."""

    floor: NDArray[np.bool_]
    objects: list[tuple[str, str, int]]
    path: list[int]
    events: list[tuple[int, str]]


def generate_preset(
    preset: str,
    palette: NDArray[np.uint8],
    seed: int,
    control: Mapping[str, int] | None = None,
) -> Made:
    """Make one level by the rules of a preset.

    Args:
        preset: One of `PRESETS`.
        palette: Colours of the pack, [N, 3] uint8 sRGB.
        seed: Non-negative; the same arguments give the same level.
        control: Values of the preset's controls; None draws them by the seed.

    Returns:
        A `Tilemap` with a ring of wall around the content, objects and a witness;
        `to_pcg_benchmark` gives the content that `generate_for_benchmark` makes of the same
        arguments.

    Raises:
        UsageError: If the preset or a control is unknown, or a value out of range.
        GenerationError: If no attempt could fulfil the controls.
    """
    name, _ = preset_of(preset)
    wanted = complete(preset, control, seed)
    content = generate_for_benchmark(preset, control, seed)
    if isinstance(content, dict):
        level = _rooms(content)
    else:
        level = {"binary": _binary, "zelda": _zelda, "sokoban": _sokoban, "mdungeons": _mdungeons}[
            name
        ](content)
    asset = _build(name, level, palette, generator(derive_seed(seed, "draw")))
    request: dict[str, Scalar] = {"preset": name, **wanted}
    made_by = Provenance(
        "map", "composition", "", seed, request, operations=("made by the rules of the preset",)
    )
    return Made(asset, made_by)


def _walkable(floor: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return floor.astype(np.uint8).reshape(-1)


def _cells(content: NDArray[np.int64], code: int) -> list[int]:
    """Cells of a code, numbered on the map with its ring."""
    return [int(cell) for cell in np.flatnonzero(np.pad(content, 1) == code)]


def _binary(content: NDArray[np.int64]) -> _Level:
    floor = np.pad(content, 1) > 0
    free = _walkable(floor)
    _, one, other = longest_path(bytearray(free.tobytes()), floor.shape[1])
    path = shortest_path(free, floor.shape[1], one, other)
    objects = [("start", "start", one), ("exit", "exit", other)]
    return _Level(floor, objects, path, [])


def _zelda(content: NDArray[np.int64]) -> _Level:
    floor = np.pad(content, 1) > 0
    free, width = _walkable(floor), floor.shape[1]
    player, key, door = (_cells(content, code)[0] for code in (zelda.PLAYER, zelda.KEY, zelda.DOOR))
    to_key = shortest_path(free, width, player, key, [door])
    path = to_key + shortest_path(free, width, key, door)[1:]
    objects = [
        ("start", "start", player),
        ("exit", "exit", door),
        ("key", "red key", key),
        ("door", "red door", door),
        *(("monster", "bat", cell) for cell in _cells(content, zelda.ENEMY)),
    ]
    events = [(len(to_key) - 1, "take"), (len(path) - 1, "open")]
    return _Level(floor, objects, path, events)


def _mdungeons(content: NDArray[np.int64]) -> _Level:
    floor = np.pad(content, 1) > 0
    hero, way_out = (_cells(content, code)[0] for code in (mdungeons.HERO, mdungeons.EXIT))
    path = shortest_path(_walkable(floor), floor.shape[1], hero, way_out)
    objects = [("start", "start", hero), ("exit", "exit", way_out)]
    for code, cls, name in (
        (mdungeons.POTION, "treasure", "potion"),
        (mdungeons.TREASURE, "treasure", "chest"),
        (mdungeons.GOBLIN, "monster", "goblin"),
        (mdungeons.OGRE, "monster", "ogre"),
    ):
        objects += [(cls, name, cell) for cell in _cells(content, code)]
    return _Level(floor, objects, path, [])


def _sokoban(content: NDArray[np.int64]) -> _Level:
    floor = np.pad(content, 1) > 0
    width = floor.shape[1]
    wall = (~floor).astype(np.uint8).tobytes()
    boxes, goals = _cells(content, sokoban.BOX), _cells(content, sokoban.GOAL)
    start = _cells(content, sokoban.PLAYER)[0]
    board, path = Board(width, wall, tuple(goals)), [start]
    for step in fewest_moves(board, boxes, start, max_looks=_LOOKS):
        path.append(path[-1] + step)
    if len(path) == 1:
        pushes = solve(board, boxes, start, max_nodes=_FAR)
        assert pushes, "every room can be solved"
        path = walk(Puzzle(board, tuple(boxes), start, pushes[-1].cell, pushes, True), start)
    if path[-1] == start:  # the exit gets a cell of its own
        beside = [start + step for step in steps(width)]
        path.append(next(cell for cell in beside if not wall[cell] and cell not in goals))
    objects = [("start", "start", start), ("exit", "exit", path[-1])]
    objects += [("goal", "goal", cell) for cell in goals]
    objects += [("box", "crate", cell) for cell in boxes]
    return _Level(floor, objects, path, [])


def _rooms(content: Mapping[str, object]) -> _Level:
    layout = content["layout"]
    assert isinstance(layout, list)
    width, height = PITCH * isaac.WIDTH + 1, PITCH * isaac.HEIGHT + 1
    floor = np.zeros((height, width), dtype=bool)

    def middle(room: object) -> int:
        y, x = divmod(int(str(room)), isaac.WIDTH)
        return (PITCH * y + MIDDLE) * width + PITCH * x + MIDDLE

    for room, doors in enumerate(layout):
        if doors:
            y, x = divmod(middle(room), width)
            floor[y - 1 : y + 2, x - 1 : x + 2] = True
            for door, (dx, dy) in isaac.DOORS.items():
                if doors & door:
                    floor[y + 2 * dy, x + 2 * dx] = True
    start, boss = middle(content["start"]), middle(content["boss"])
    path = shortest_path(_walkable(floor), width, start, boss + 1)
    objects = [
        ("start", "start", start),
        ("exit", "exit", boss + 1),
        ("boss", "boss", boss),
        ("treasure", "chest", middle(content["treasure"])),
        ("trigger", "shop", middle(content["shop"])),
    ]
    return _Level(floor, objects, path, [])


_PICTURES = {
    "goblin": "rat", "ogre": "skeleton", "bat": "ghost", "potion": "pedestal", "chest": "chest",
    "boss": "boss", "shop": "trigger", "red key": "key_red",
}  # fmt: skip
"""Which tile shows an object."""


def _build(
    name: str, level: _Level, palette: NDArray[np.uint8], random: np.random.Generator
) -> Tilemap:
    cast = Cast(level.floor.shape[1])
    for cls, called, cell in level.objects:
        coloured: dict[str, Scalar] = {"colour": "red"} if cls in ("key", "door") else {}
        cast.add(called, cls, cell, 0, **coloured)
    last = len(level.path) - 1
    events = [(0, "start", 0), *((*event, 0) for event in level.events), (last, "exit", 0)]
    draw = _draw_sokoban if name == "sokoban" else _draw
    tileset, layers = draw(level, palette, random)
    properties: dict[str, Scalar] = {
        "theme": "sokoban" if name == "sokoban" else "dungeon",
        "preset": name,
        "movement": "push" if name == "sokoban" else "walk",
        "steps": last,
    }
    return Tilemap(
        (tileset,),
        tuple(TileLayer(called, gids) for called, gids in layers.items()),
        (cast.layer(),),
        (TILE_SIZE, TILE_SIZE),
        properties,
        cast.witness(level.path, events),
    )


_Layers = dict[str, NDArray[np.uint32]]


def _draw(
    level: _Level, palette: NDArray[np.uint8], random: np.random.Generator
) -> tuple[Tileset, _Layers]:
    look = indoor_tiles.choose_look("dungeon", random)
    tileset, names = indoor_tiles.build_tileset(palette.tobytes(), "dungeon", look)
    by_class = {cls: cell for cls, _, cell in level.objects}
    doors = {by_class["door"]: "red"} if "door" in by_class else {}
    stairs = {by_class[cls]: cls for cls in ("start", "exit") if by_class[cls] not in doors}
    markers = {cell: _PICTURES[called] for _, called, cell in level.objects if called in _PICTURES}
    terrain = np.where(level.floor, FLOOR, WALL).astype(np.uint8)
    ground, decor, marks = dress(
        terrain, "dungeon", look, names, stairs, doors, markers, set(level.path), random
    )
    return tileset, {"ground": ground, "decor": decor, "markers": marks}


def _draw_sokoban(
    level: _Level, palette: NDArray[np.uint8], random: np.random.Generator
) -> tuple[Tileset, _Layers]:
    looks = sokoban_tiles.LOOKS
    tileset, names = sokoban_tiles.build_tileset(
        palette.tobytes(), looks[int(random.integers(len(looks)))]
    )
    cells: dict[str, list[int]] = {}
    for cls, _, cell in level.objects:
        cells.setdefault(cls, []).append(cell)
    ground, decor, marks = sokoban_tiles.dress_sokoban(
        ~level.floor,
        cells["goal"],
        cells["box"],
        cells["start"][0],
        cells["exit"][0],
        names,
        random,
    )
    return tileset, {"ground": ground, "decor": decor, "markers": marks}
