"""From a request to a finished sokoban level with its witness."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.pipelines.made import Made, derive_seed, generator
from aigc_assets.pipelines.maps.cast import Cast
from aigc_assets.pipelines.maps.request import TILE_SIZE, MapRequest
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.pipelines.maps.sokoban.check import check
from aigc_assets.pipelines.maps.sokoban.drawing import draw_level
from aigc_assets.pipelines.maps.sokoban.furnish import halls, place_treasure, single
from aigc_assets.pipelines.maps.sokoban.layout import is_single
from aigc_assets.pipelines.maps.sokoban.plan import NoLevel, Plan, measured
from aigc_assets.types import (
    Provenance,
    TileLayer,
    Tilemap,
)
from aigc_assets.types.validation import Scalar

_ATTEMPTS = 12
_NEAR, _MADE = 0.06, 4
"""A level as near to the difficulty asked for is taken at once; so many are made at most, half of
them of many chambers: their mean varies less."""


def generate(request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Make one level; see `aigc_assets.pipelines.maps.generate_map`.

    Returns:
        A `Tilemap` with the movement ``push``: objects ``start``, ``exit`` (which opens once every
        goal has a box), ``box``, ``goal`` and ``treasure``, and the properties ``boxes``,
        ``pushes``, ``steps``, ``difficulty`` and ``fewest_pushes``.

    Raises:
        GenerationError: If no level of this size can fulfil the requirements.
    """
    wanted = request.requirements
    _refuse_impossible(request, wanted)
    plan, treasure, difficulty = _plan(request, wanted, seed)
    tilemap = _build(plan, treasure, difficulty, palette, seed)
    check(tilemap, wanted)
    described: dict[str, Scalar] = {
        "theme": request.theme,
        "width": request.size[0],
        "height": request.size[1],
        "require": "; ".join(request.require),
    }
    made_by = Provenance("map", "composition", "", seed, described, operations=_operations(plan))
    return Made(tilemap, made_by)


def _refuse_impossible(request: MapRequest, wanted: Requirements) -> None:
    """Refuse what no level can be, before any search.

    Raises:
        GenerationError: Names the lines that contradict each other or the size.
    """
    width, height = request.size
    inner = (width - 2) * (height - 2)
    lines = dict(wanted.lines)
    boxes = max(1, wanted.boxes.low if wanted.boxes else 1)
    pushes = max(boxes, wanted.pushes.low if wanted.pushes else 1)
    of_boxes = f" of {lines['boxes']!r}" if wanted.boxes else ""
    treasure = wanted.treasure.low if wanted.treasure else 0
    reason = ""
    if wanted.pushes and wanted.pushes.high < boxes:
        reason = f"every box{of_boxes} has to be pushed, {lines['pushes']!r} is too few"
    elif wanted.path and wanted.path.high < pushes:
        what = repr(lines["pushes"]) if wanted.pushes else f"one for every box{of_boxes}"
        reason = f"every push is a step, {lines['path']!r} has too few for the pushes: {what}"
    elif 2 * boxes + 2 + treasure > inner:  # a cell each for box and goal, start and exit
        named = [repr(lines[name]) for name in ("boxes", "treasure") if name in lines]
        cells = 2 * boxes + 2 + treasure
        reason = f"{' and '.join(named)} take {cells} cells, inside are {inner}"
    if reason:
        raise GenerationError(
            f"no {width}x{height} level can fulfil the requirements: {reason}",
            where="require",
            remedy="ask for less, for a wider range or for another size",
        )


def _plan(
    request: MapRequest, wanted: Requirements, seed: int
) -> tuple[Plan, tuple[int, ...], float]:
    """An attempt that fulfils everything, its treasure and difficulty; the nearest of some."""
    refused: NoLevel | None = None
    level = _level(wanted, seed)
    build = single if is_single(request.size) else halls
    best: tuple[float, tuple[Plan, tuple[int, ...], float]] | None = None
    made = 0
    for attempt in range(_ATTEMPTS):
        random = generator(derive_seed(seed, "plan", str(attempt)))
        try:
            plan = build(request.size, wanted, level, attempt, random)
            treasure = place_treasure(plan, wanted.treasure, random)
        except NoLevel as problem:
            if refused is None or problem.miss < refused.miss:
                refused = problem
            if wanted.difficulty is None and problem.lacks:
                level = 1 - (1 - level) * 0.6 if problem.lacks > 0 else level * 0.7
            continue
        difficulty = measured(plan)
        if wanted.difficulty is None:
            return plan, treasure, difficulty
        lack = wanted.difficulty - difficulty
        if best is None or abs(lack) < best[0]:
            best = abs(lack), (plan, treasure, difficulty)
        made += 1
        if best[0] < _NEAR or made == (_MADE if plan.chambers < 4 else _MADE // 2):
            break
        level = min(max(level + 0.7 * lack, 0.0), 1.0)
    if best is not None:
        return best[1]
    width, height = request.size
    raise GenerationError(
        f"found no {width}x{height} level that fulfils the requirements: {refused}",
        where="require",
        remedy="ask for less, for a wider range or for another size",
    )


def _operations(plan: Plan) -> tuple[str, ...]:
    rooms = "one room" if plan.chambers == 1 else f"{plan.chambers} chambers"
    solved = "fewest pushes" if plan.fewest else "few pushes"
    return (f"{rooms} carved", "boxes pulled off their goals", f"solved with {solved}")


def _level(wanted: Requirements, seed: int) -> float:
    """The difficulty of each puzzle: as asked for, or one that suits the length asked for."""
    if wanted.difficulty is not None:
        return wanted.difficulty
    level = float(generator(derive_seed(seed, "level")).uniform(0.35, 0.85))
    pushes = [span.low / rate for span, rate in ((wanted.pushes, 1), (wanted.path, 3.5)) if span]
    if pushes:
        level = 1 - math.exp(-(2 * max(pushes) + 4) / 35)
    return level


def _build(
    plan: Plan, treasure: tuple[int, ...], difficulty: float, palette: NDArray[np.uint8], seed: int
) -> Tilemap:
    """Objects, layers and witness of a plan."""
    cast = Cast(plan.wall.shape[1])
    cast.add("start", "start", plan.start)
    cast.add("exit", "exit", plan.exit, opens_when="every goal has a box")
    for name, cls, cells in (("goal", "goal", plan.goals), ("crate", "box", plan.boxes),
                             ("chest", "treasure", treasure)):  # fmt: skip
        for i, cell in enumerate(cells):
            cast.add(name, cls, cell, i)
    steps = len(plan.path) - 1
    tileset, layers, look = draw_level(
        plan, treasure, palette, generator(derive_seed(seed, "draw"))
    )
    properties: dict[str, Scalar] = {
        "theme": "sokoban",
        "look": look,
        "movement": "push",
        "steps": steps,
        "boxes": len(plan.boxes),
        "pushes": plan.pushes,
        "fewest_pushes": plan.fewest,
        "difficulty": round(difficulty, 3),
    }
    return Tilemap(
        (tileset,),
        tuple(TileLayer(name, gids) for name, gids in layers.items()),
        (cast.layer(),),
        (TILE_SIZE, TILE_SIZE),
        properties,
        cast.witness(plan.path, ((0, "start", 0), (steps, "exit", 0))),
    )
