"""The last look at a finished level, from the asset alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.playability import verify_witness
from aigc_assets.pipelines.maps.platformer import physics, search
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.types import MapObject, Tilemap


def check(tilemap: Tilemap, wanted: Requirements) -> None:
    """Verify the witness, count what was asked for, and search for ways around doors.

    Raises:
        GenerationError: If the level does not hold what was promised. That is a bug, not bad luck.
    """
    for problem in _problems(tilemap, wanted):
        raise GenerationError(
            f"the level fails its own check: {problem}",
            where="map",
            remedy="report this with the request and the seed",
        )


def _problems(tilemap: Tilemap, wanted: Requirements) -> list[str]:
    by_class: dict[str, list[MapObject]] = {}
    for item in tilemap.objects:
        by_class.setdefault(item.cls, []).append(item)
    problems = verify_witness(tilemap)
    if len({item.cell for item in tilemap.objects}) != len(tilemap.objects):
        problems.append("two objects on one cell")
    for cls in ("start", "exit"):
        if len(by_class.get(cls, [])) != 1:
            problems.append(f"{len(by_class.get(cls, []))} objects of class {cls}")
    if problems:
        return problems
    for name, cls in (("monsters", "monster"), ("treasure", "treasure"), ("doors", "door")):
        asked, count = getattr(wanted, name), len(by_class.get(cls, []))
        if asked is not None and not asked.low <= count <= asked.high:
            problems.append(f"{count} objects of class {cls}, {asked} were asked for")
    wet = int(tilemap.marked("liquid").sum())
    if wanted.liquid is not None and not wanted.liquid.low <= wet <= wanted.liquid.high:
        problems.append(f"{wet} cells of liquid, {wanted.liquid} were asked for")
    if wanted.key_before_door and "door" not in by_class:
        problems.append("there is no locked door")
    if wanted.boss != (len(by_class.get("boss", [])) == 1):
        problems.append(f"{len(by_class.get('boss', []))} bosses")
    steps = 0 if tilemap.witness is None else len(tilemap.witness.path) - 1
    if wanted.path is not None and not wanted.path.low <= steps <= wanted.path.high:
        problems.append(f"the way takes {steps} ticks, {wanted.path} were asked for")
    return problems + _searched(tilemap, by_class)


def _searched(tilemap: Tilemap, by_class: dict[str, list[MapObject]]) -> list[str]:
    flags = tilemap.solid().astype(np.uint8)
    for bit, name in (
        (search.ONE_WAY_FLAG, "one_way"),
        (search.HAZARD_FLAG, "hazard"),
        (search.LADDER_FLAG, "ladder"),
    ):
        flags[tilemap.marked(name)] |= bit
    width = tilemap.width
    doors = by_class.get("door", [])
    start, exit_ = (by_class[cls][0].cell[1] * width + by_class[cls][0].cell[0]
                    for cls in ("start", "exit"))  # fmt: skip
    for door in doors:
        flags[door.cell[1], door.cell[0]] |= search.DOOR_FLAG
    problems = []
    for door in doors:
        if physics.route(_shut(flags, [door]), start, exit_):
            problems.append(f"door {door.id} can be avoided")
    reached = physics.explore(flags, [start]) >= 0
    missed = [item.id for item in tilemap.objects if not reached[item.cell[1], item.cell[0]]]
    if missed:
        problems.append(f"objects {missed} cannot be reached")
    # Stage by stage: with the keys so far, the next one (last, the exit) stays reachable.
    held: list[object] = []
    taken = [e.object_id for e in tilemap.witness.events if e.action == "take"] if (
        tilemap.witness) else []  # fmt: skip
    keys = {item.id: item for item in by_class.get("key", [])}
    for number in [*taken, 0]:
        goals = np.zeros(flags.shape, dtype=bool)
        goal = keys[number].cell if number else by_class["exit"][0].cell
        goals[goal[1], goal[0]] = True
        shut = [door for door in doors if door.properties["colour"] not in held]
        if physics.trapped(_shut(flags, shut), start, goals).any():
            problems.append(f"one may get stuck before {goal}")
        if number:
            held.append(keys[number].properties["colour"])
    return problems


def _shut(flags: NDArray[np.uint8], doors: list[MapObject]) -> NDArray[np.uint8]:
    shut = flags.copy()
    for door in doors:
        shut[door.cell[1], door.cell[0]] |= search.SHUT_FLAG
    return shut
