"""The last look at a finished map: a search over cells and keys, from the asset alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.difficulty import difficulty
from aigc_assets.pipelines.maps.grid import BRIDGE, FLOOR, LIQUID, OUTDOOR, WALL, distances
from aigc_assets.pipelines.maps.pins import FREE, Pins, mirrored
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.types import MapObject, Tilemap

CHAMBER = 60
"""Most cells of a boss's chamber."""


def check(tilemap: Tilemap, wanted: Requirements, pins: Pins | None = None) -> None:
    """Search the map as a player would and count what was asked for.

    Reads nothing but the finished `Tilemap`, so a slip of any step before is found.

    Raises:
        GenerationError: If the map does not hold what was promised. That is a bug, not bad luck.
    """
    for problem in problems(tilemap, wanted, pins):
        raise GenerationError(
            f"the map fails its own check: {problem}",
            where="map",
            remedy="report this with the request and the seed",
        )


def problems(tilemap: Tilemap, wanted: Requirements, pins: Pins | None = None) -> list[str]:
    """Everything that a map lacks of what was asked for."""
    solid = tilemap.solid()
    found = _misplaced(tilemap, solid)
    if found:
        return found
    by_class: dict[str, list[MapObject]] = {}
    for item in tilemap.objects:
        by_class.setdefault(item.cls, []).append(item)
    for name, cls in (("monsters", "monster"), ("treasure", "treasure"), ("doors", "door")):
        asked, count = getattr(wanted, name), len(by_class.get(cls, []))
        if asked is not None and not asked.low <= count <= asked.high:
            found.append(f"{count} objects of class {cls}, {asked} were asked for")
    harmful = int((tilemap.marked("hazard") & ~solid).sum())
    if wanted.hazards is not None and not wanted.hazards.low <= harmful <= wanted.hazards.high:
        found.append(f"{harmful} hazards, {wanted.hazards} were asked for")
    doors = by_class.get("door", [])
    if wanted.key_before_door and not doors:
        found.append("there is no locked door")
    found += _walks(tilemap, solid, by_class)
    found += _terrain(tilemap, solid, wanted)
    met = _doors_met(tilemap)
    if wanted.door_colours and met != list(wanted.door_colours):
        found.append(f"doors {', '.join(met)} instead of {', '.join(wanted.door_colours)}")
    if wanted.boss or by_class.get("boss"):
        found += _chamber(solid, by_class)
    length = 0 if tilemap.witness is None else len(tilemap.witness.path) - 1
    if wanted.path is not None and not wanted.path.low <= length <= wanted.path.high:
        found.append(f"the walk has {length} steps, {wanted.path} were asked for")
    score = tilemap.properties.get("difficulty")
    if score is not None and score != round(difficulty(tilemap), 3):
        found.append(f"the difficulty is not {score}")
    if pins is not None:
        found += _pinned(tilemap, solid, pins)
    return found


def _misplaced(tilemap: Tilemap, solid: NDArray[np.bool_]) -> list[str]:
    """Objects in walls or on one cell, an open border, no start or exit."""
    found = [
        f"{item.cls} {item.id} stands in a solid cell"
        for item in tilemap.objects
        if solid[item.cell[1], item.cell[0]]
    ]
    cells = [item.cell for item in tilemap.objects]
    if len(set(cells)) != len(cells):
        found.append("two objects on one cell")
    border = (solid[0].all(), solid[-1].all(), solid[:, 0].all(), solid[:, -1].all())
    if not all(border):
        found.append("the border is open")
    for cls in ("start", "exit"):
        count = sum(item.cls == cls for item in tilemap.objects)
        if count != 1:
            found.append(f"{count} objects of class {cls}")
    return found


def _walks(
    tilemap: Tilemap, solid: NDArray[np.bool_], by_class: dict[str, list[MapObject]]
) -> list[str]:
    """What can be reached, and what every door bars."""
    found = []
    exit_ = by_class["exit"][0].cell
    closed = solid | tilemap.marked("hazard")  # nobody needs to step on what harms
    walk = _explore(tilemap, closed, None)
    if not walk[exit_[1], exit_[0]]:
        found.append("the exit cannot be reached")
    for door in by_class.get("door", []):
        if _explore(tilemap, solid, door)[exit_[1], exit_[0]]:
            found.append(f"door {door.id} can be walked around")
        x, y = door.cell
        upright = (
            solid[y, x - 1] and solid[y, x + 1] and not solid[y - 1, x] and not solid[y + 1, x]
        )
        flat = solid[y - 1, x] and solid[y + 1, x] and not solid[y, x - 1] and not solid[y, x + 1]
        if not (upright or flat):
            found.append(f"door {door.id} does not stand in a wall")
    unreached = [item.id for item in tilemap.objects if not walk[item.cell[1], item.cell[0]]]
    if unreached:
        found.append(f"objects {unreached} cannot be reached")
    return found


def _explore(
    tilemap: Tilemap, solid: NDArray[np.bool_], jammed: MapObject | None
) -> NDArray[np.bool_]:
    """All cells that a player reaches who takes every key and opens every door but ``jammed``."""
    height, width = solid.shape
    free = (~solid).astype(np.uint8).reshape(-1)
    start = next(item for item in tilemap.objects if item.cls == "start")
    shut = [item for item in tilemap.objects if item.cls == "door"]
    keys = [item for item in tilemap.objects if item.cls == "key"]
    while True:
        closed = [item.cell[1] * width + item.cell[0] for item in shut]
        reached = distances(free, width, [start.cell[1] * width + start.cell[0]], closed) >= 0
        held = {str(item.properties["colour"]) for item in keys
                if reached[item.cell[1] * width + item.cell[0]]}  # fmt: skip
        opened = [item for item in shut if item is not jammed
                  and item.properties["colour"] in held]  # fmt: skip
        if not opened:
            return reached.reshape(height, width)
        shut = [item for item in shut if item not in opened]


def _terrain(tilemap: Tilemap, solid: NDArray[np.bool_], wanted: Requirements) -> list[str]:
    """How much liquid and open air there is, and whether the terrain is its own mirror image."""
    found = []
    kinds = terrain_of(tilemap)
    for name, code in (("liquid", LIQUID), ("outdoor", OUTDOOR)):
        asked, count = getattr(wanted, name), int((kinds == code).sum())
        if asked is not None and not asked.low <= count <= asked.high:
            found.append(f"{count} cells of {name}, {asked} were asked for")
    if wanted.symmetry and not np.array_equal(kinds, mirrored(kinds, wanted.symmetry)):
        found.append(f"the terrain is not symmetric ({wanted.symmetry})")
    return found


def terrain_of(tilemap: Tilemap) -> NDArray[np.uint8]:
    """The terrain of a map of the indoor themes, read from the tiles of its lowest layer.

    Returns:
        Codes of `aigc_assets.pipelines.maps.grid`, [H, W].
    """
    table = [WALL]
    for tileset in tilemap.tilesets:
        table += [_terrain_code(str(tile.get("tile", ""))) for tile in tileset.properties]
    return np.array(table, dtype=np.uint8)[tilemap.layers[0].gids]


@functools.cache
def _terrain_code(tile: str) -> int:
    codes = {"wall": WALL, "floor": FLOOR, "field": OUTDOOR, "liquid": LIQUID, "bridge": BRIDGE}
    return codes.get(tile.split("_")[0], WALL)


def _doors_met(tilemap: Tilemap) -> list[str]:
    """Colours of the doors in the order in which the witness opens them."""
    if tilemap.witness is None:
        return []
    colours = {item.id: str(item.properties.get("colour", "")) for item in tilemap.objects}
    return [colours.get(e.object_id, "none") for e in tilemap.witness.events if e.action == "open"]


def _chamber(solid: NDArray[np.bool_], by_class: dict[str, list[MapObject]]) -> list[str]:
    """The exit and the boss share a dead end behind the trigger."""
    width = solid.shape[1]

    def number(item: MapObject) -> int:
        return int(item.cell[1] * width + item.cell[0])

    bosses = by_class.get("boss", [])
    entrances = [t for t in by_class.get("trigger", []) if t.properties.get("event") == "boss"]
    if len(bosses) != 1 or len(entrances) != 1:
        return [f"{len(bosses)} bosses behind {len(entrances)} entrances"]
    free = (~solid).astype(np.uint8).reshape(-1)
    gate = [number(entrances[0])]
    outside = distances(free, width, [number(by_class["start"][0])], gate) >= 0
    inside = distances(free, width, [number(by_class["exit"][0])], gate) >= 0
    found = []
    if (outside & inside).any():
        found.append("the boss's chamber can be entered elsewhere")
    if not inside[number(bosses[0])]:
        found.append("the boss is not in the chamber of the exit")
    if int(inside.sum()) > CHAMBER:
        found.append(f"the boss's chamber has {int(inside.sum())} cells")
    strays = [item.id for cls in ("key", "door") for item in by_class.get(cls, [])
              if inside[number(item)]]  # fmt: skip
    if strays:
        found.append(f"objects {strays} are in the boss's chamber")
    return found


def _pinned(tilemap: Tilemap, solid: NDArray[np.bool_], pins: Pins) -> list[str]:
    """Pins that were not kept."""
    found = []
    kinds = terrain_of(tilemap)
    wrong = (pins.terrain != FREE) & (pins.terrain != kinds)
    if wrong.any():
        cells: Sequence[Sequence[int]] = np.argwhere(wrong)[:4, ::-1].tolist()
        found.append(f"pinned cells {[tuple(cell) for cell in cells]} were changed")
    for pin in pins.objects:
        if not any(
            item.cls == pin.cls
            and item.cell == pin.cell
            and (not pin.colour or item.properties.get("colour") == pin.colour)
            for item in tilemap.objects
        ):
            found.append(f"the pinned {pin.cls} is not on {pin.cell}")
    return found
