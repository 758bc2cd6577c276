"""The last look at a finished map: a search over cells and keys, from the asset alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.types import Tilemap


def check(tilemap: Tilemap, wanted: Requirements) -> None:
    """Search the map as a player would and count what was asked for.

    Reads nothing but the finished `Tilemap`, so a slip of any step before is found.

    Raises:
        GenerationError: If the map does not hold what was promised. That is a bug, not bad luck.
    """
    for problem in _problems(tilemap, wanted):
        raise GenerationError(
            f"the map fails its own check: {problem}",
            where="map",
            remedy="report this with the request and the seed",
        )


def _problems(tilemap: Tilemap, wanted: Requirements) -> list[str]:
    solid = tilemap.solid()
    problems = []
    by_class: dict[str, list[tuple[int, int]]] = {}
    for item in tilemap.objects:
        by_class.setdefault(item.cls, []).append(item.cell)
        if solid[item.cell[1], item.cell[0]]:
            problems.append(f"{item.cls} {item.id} stands in a solid cell")
    cells = [item.cell for item in tilemap.objects]
    if len(set(cells)) != len(cells):
        problems.append("two objects on one cell")
    border = (solid[0].all(), solid[-1].all(), solid[:, 0].all(), solid[:, -1].all())
    if not all(border):
        problems.append("the border is open")
    for cls in ("start", "exit"):
        if len(by_class.get(cls, [])) != 1:
            problems.append(f"{len(by_class.get(cls, []))} objects of class {cls}")
    if problems:
        return problems
    for name, cls in (("monsters", "monster"), ("treasure", "treasure"), ("doors", "door")):
        asked, count = getattr(wanted, name), len(by_class.get(cls, []))
        if asked is not None and not asked.low <= count <= asked.high:
            problems.append(f"{count} objects of class {cls}, {asked} were asked for")
    doors = [item for item in tilemap.objects if item.cls == "door"]
    if wanted.key_before_door and not doors:
        problems.append("there is no locked door")
    walk = _explore(tilemap, solid, set())
    if by_class["exit"][0] not in walk:
        problems.append("the exit cannot be reached")
    for door in doors:
        if by_class["exit"][0] in _explore(tilemap, solid, {door.id}):
            problems.append(f"door {door.id} can be walked around")
        x, y = door.cell
        upright = (
            solid[y, x - 1] and solid[y, x + 1] and not solid[y - 1, x] and not solid[y + 1, x]
        )
        flat = solid[y - 1, x] and solid[y + 1, x] and not solid[y, x - 1] and not solid[y, x + 1]
        if not (upright or flat):
            problems.append(f"door {door.id} does not stand in a wall")
    unreached = [item.id for item in tilemap.objects if item.cell not in walk]
    if unreached:
        problems.append(f"objects {unreached} cannot be reached")
    length = 0 if tilemap.witness is None else len(tilemap.witness.path) - 1
    if wanted.path is not None and not wanted.path.low <= length <= wanted.path.high:
        problems.append(f"the walk has {length} steps, {wanted.path} were asked for")
    return problems


def _explore(tilemap: Tilemap, solid: NDArray[np.bool_], jammed: set[int]) -> set[tuple[int, int]]:
    """All cells that a player reaches who takes every key and opens every door but ``jammed``."""
    doors = {item.cell: item for item in tilemap.objects if item.cls == "door"}
    keys = {item.cell: item for item in tilemap.objects if item.cls == "key"}
    held: set[object] = set()
    first = next(item.cell for item in tilemap.objects if item.cls == "start")
    seen, todo = {first}, [first]
    waiting: list[tuple[int, int]] = []
    while todo:
        x, y = todo.pop()
        if (x, y) in keys:
            held.add(keys[x, y].properties["colour"])
            todo += [cell for cell in waiting if doors[cell].properties["colour"] in held]
            waiting = [cell for cell in waiting if doors[cell].properties["colour"] not in held]
        for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if cell in seen or solid[cell[1], cell[0]]:
                continue
            seen.add(cell)
            door = doors.get(cell)
            if door is None:
                todo.append(cell)
            elif door.id not in jammed:
                (todo if door.properties["colour"] in held else waiting).append(cell)
    return seen - set(waiting) - {item.cell for item in doors.values() if item.id in jammed}
