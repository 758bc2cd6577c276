"""The last look at a finished level: its walk played move by move, from the asset alone."""

from __future__ import annotations

import itertools

from aigc_assets.errors import GenerationError
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.types import Tilemap


def check(tilemap: Tilemap, wanted: Requirements) -> None:
    """Play the level and count what was asked for.

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
    solid = tilemap.solid()
    cells: dict[str, list[tuple[int, int]]] = {}
    for item in tilemap.objects:
        cells.setdefault(item.cls, []).append(item.cell)
    problems = []
    if not (solid[0].all() and solid[-1].all() and solid[:, 0].all() and solid[:, -1].all()):
        problems.append("the border is open")
    for cls, found in cells.items():
        if len(set(found)) != len(found):
            problems.append(f"two objects of class {cls} on one cell")
        problems += [f"{cls} in a wall at {cell}" for cell in found if solid[cell[1], cell[0]]]
    for cls in ("start", "exit"):
        if len(cells.get(cls, [])) != 1:
            problems.append(f"{len(cells.get(cls, []))} objects of class {cls}")
    boxes, goals = set(cells.get("box", [])), set(cells.get("goal", []))
    if not boxes or len(boxes) != len(goals):
        problems.append(f"{len(boxes)} boxes for {len(goals)} goals")
    if boxes & {*cells.get("start", []), *cells.get("exit", [])}:
        problems.append("a box on the start or the exit")
    if problems or tilemap.witness is None:
        return problems or ["no witness"]
    path = [(int(x), int(y)) for x, y in tilemap.witness.path]
    pushes = _play(path, boxes, solid.tolist())
    if pushes < 0 or path[0] != cells["start"][0] or path[-1] != cells["exit"][0]:
        problems.append("the walk breaks the rules")
    if boxes != goals:
        problems.append("the walk leaves a goal empty")
    got = {
        "boxes": len(boxes),
        "pushes": pushes,
        "path": len(path) - 1,
        "treasure": len(cells.get("treasure", [])),
    }
    for name, count in got.items():
        asked = getattr(wanted, name)
        if asked is not None and not asked.low <= count <= asked.high:
            problems.append(f"{count} for {name}, {asked} were asked for")
    return problems


def _play(path: list[tuple[int, int]], boxes: set[tuple[int, int]], solid: list[list[bool]]) -> int:
    """Move ``boxes`` as the walk does; the number of pushes, -1 where it is against the rules."""
    pushes = 0
    for (x, y), (nx, ny) in itertools.pairwise(path):
        if abs(nx - x) + abs(ny - y) != 1 or solid[ny][nx]:
            return -1
        if (nx, ny) in boxes:
            beyond = (2 * nx - x, 2 * ny - y)
            if beyond in boxes or solid[beyond[1]][beyond[0]]:
                return -1
            boxes.remove((nx, ny))
            boxes.add(beyond)
            pushes += 1
    return pushes
