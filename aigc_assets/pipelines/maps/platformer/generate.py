"""From a request to a finished platformer level with its witness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.jump_difficulty import jump_difficulty
from aigc_assets.models.platformer_grammar import SOLID, draw_level, is_small
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.pipelines.maps.cast import Cast
from aigc_assets.pipelines.maps.networks import draw
from aigc_assets.pipelines.maps.platformer.ends import choose_ends, open_up
from aigc_assets.pipelines.maps.platformer.plan import Plan, make_plan
from aigc_assets.pipelines.maps.platformer.selfcheck import check
from aigc_assets.pipelines.maps.platformer.settle import Ground, NoRoom, settle
from aigc_assets.pipelines.maps.request import TILE_SIZE, MapRequest
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.pipelines.maps.tiles.platformer import LOOKS, build_tileset, dress_platformer
from aigc_assets.types import (
    Provenance,
    TileLayer,
    Tilemap,
)
from aigc_assets.types.validation import Scalar

_ATTEMPTS = 10
"""Levels that are tried for one request."""
_SAMPLES = 3
"""Levels of a network that are tried before the grammar takes over."""
_SMALL, _LOW = 40, 24
"""Levels that are tried where the shorter side has no more cells."""
_DRAWS = 8
"""Small levels that are compared when a difficulty is asked for; large ones take any."""
_NEAR = 0.03
"""A difficulty that is met."""
_USUAL = (0.3, 0.6)
"""Difficulty when none is asked for."""
_OVERHANG = 6
"""Columns that the sky is seen below a roof."""
_PIT = 8
"""Rows that a pit is deep at most."""
_WALKERS = ("slime", "snail", "beetle")


def generate(request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Make one level; see `aigc_assets.pipelines.maps.generate_map`.

    Returns:
        A `Tilemap` of 16 px tiles with layers ``background``, ``far``, ``ground``, ``decor`` and
        ``markers``, objects and a witness of one cell per tick. From every place that can be
        reached in life the exit stays reachable.

    Raises:
        GenerationError: If no level of this size can fulfil the requirements.
        WeightsError: If the weights of the network that was asked for are missing or altered.
    """
    wanted = request.requirements
    _check_area(request.size, wanted)
    plan, model, operations = _plan(request, wanted, seed)
    tilemap = _build(plan, request, palette, seed)
    check(tilemap, wanted)
    described: dict[str, Scalar] = {
        "theme": request.theme,
        "width": request.size[0],
        "height": request.size[1],
        "require": "; ".join(request.require),
    }
    if model:
        checkpoint = load_model(model, narrow=True)
        return Made(tilemap, provenance(checkpoint, seed, described, operations))
    return Made(
        tilemap, Provenance("map", "composition", "", seed, described, operations=operations)
    )


def _check_area(size: tuple[int, int], wanted: Requirements) -> None:
    """Refuse at once what no level of this size can hold."""
    cells = size[0] * size[1]
    low = {
        name: span.low if (span := getattr(wanted, name)) else 0
        for name in ("monsters", "treasure", "doors")
    }
    doors = max(low["doors"], int(wanted.key_before_door))
    objects = 2 + low["monsters"] + low["treasure"] + doors + min(doors, 1) + int(wanted.boss)
    if objects > cells // 2:
        raise GenerationError(
            f"the requirements need {objects} free cells, a {size[0]}x{size[1]} level has about "
            f"{cells // 2}",
            where="require",
            remedy="ask for fewer monsters, treasures and doors, or a larger map",
        )


def _plan(
    request: MapRequest, wanted: Requirements, seed: int
) -> tuple[Plan, str, tuple[str, ...]]:
    """Furnish the first level that takes everything.

    Returns:
        The plan, the network that drew the level (empty for the grammar), and what was done.
    """
    size = request.size
    refused: NoRoom | None = None
    hardness = wanted.difficulty
    if hardness is None:
        hardness = float(generator(derive_seed(seed, "difficulty")).uniform(*_USUAL))
    low = wanted.path.low if wanted.path else 0
    # A way that is to be long needs more lanes than usual, one above the other.
    usual = dense = int(low > 1.5 * sum(size))
    samples = _SAMPLES if request.generator == "transformer" else 0
    small = is_small(size)
    exact = wanted.difficulty is not None
    compared = (_DRAWS if small else 2) if exact else 1
    best: tuple[float, Plan, str, int] | None = None
    for attempt in range((_SMALL if min(size) <= _LOW else _ATTEMPTS) + samples):
        random = generator(derive_seed(seed, "level", str(attempt)))
        model = ""
        try:
            if attempt < samples:
                drawn = draw(request.theme, size, derive_seed(seed, str(attempt)), "transformer")
                model = drawn.model
                ground = open_up(settle(choose_ends(drawn.classes, random)))
            else:
                level = small and random.random() < _share_of_floors(size, wanted, attempt, dense)
                lanes = usual if attempt > _ATTEMPTS and attempt % 2 else dense
                ground = _ground(size, wanted, hardness, lanes, level, random)
            plan = make_plan(ground, wanted, hardness, random, modest=attempt % 2 == 1)
        except NoRoom as problem:
            if refused is None or problem.miss < refused.miss:
                refused = problem
            # So do many doors in a narrow level.
            dense += problem.short or attempt - samples in (5, 7)
            continue
        off = abs(plan.difficulty() - hardness) if exact else 0.0
        if best is None or off < best[0]:
            best = (off, plan, model, ground.edits)
        compared -= 1
        if compared == 0 or off < _NEAR:
            break
    if best is None:
        raise GenerationError(
            f"found no {size[0]}x{size[1]} level that fulfils the requirements: {refused}",
            where="require",
            remedy="ask for less, for a wider range or for a larger map",
        )
    _, plan, model, edits = best
    source = model or "platformer_grammar"
    left = ", the network's levels had no room" if samples and not model else ""
    operations = (
        f"drawn by {source}{left}",
        f"repaired {edits} cells ({edits / plan.grid.size:.1%})",
        "gates",
        "placement",
    )
    return plan, model, operations


def _share_of_floors(
    size: tuple[int, int], wanted: Requirements, attempt: int, dense: int
) -> float:
    """How often a small level is made of level floors: mostly if much has to fit."""
    if attempt >= 4:
        return 0.8 if dense else 0.5
    much = wanted.boss or wanted.key_before_door or (wanted.doors and wanted.doors.low)
    wet = wanted.liquid is not None and wanted.liquid.low
    hard = wanted.difficulty is not None and wanted.difficulty > 0.4
    return 0.8 if (much or wet or hard) and size[0] < 22 else 0.15


def _ground(
    size: tuple[int, int],
    wanted: Requirements,
    hardness: float,
    dense: int,
    level: bool,
    random: np.random.Generator,
) -> Ground:
    """Settled ground from the grammar."""
    wet = wanted.liquid is not None and wanted.liquid.low > 0
    return settle(draw_level(size, random, hardness, dense, wanted.boss, wet, level))


def _build(plan: Plan, request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Tilemap:
    """Objects, layers and witness of a plan."""
    width = request.size[0]
    random = generator(derive_seed(seed, "dress"))
    look = LOOKS[int(random.integers(len(LOOKS)))]
    cast = Cast(width)
    markers: dict[int, str] = {}
    cast.add("start", "start", plan.start)
    cast.add("exit", "exit", plan.exit)
    for i, (cell, colour) in enumerate(plan.keys):
        cast.add(f"{colour} key", "key", cell, i, colour=colour)
        markers[cell] = f"key_{colour}"
    for i, (cell, colour) in enumerate(plan.doors):
        cast.add(f"{colour} door", "door", cell, i, colour=colour)
    if plan.boss >= 0:
        cast.add("boss", "boss", plan.boss)
        markers[plan.boss] = "boss"
        cast.add("boss gate", "trigger", plan.arch)
    for i, (cell, name) in enumerate(plan.treasure):
        cast.add(name, "treasure", cell, i)
        markers[cell] = name
    for i, (cell, flies) in enumerate(plan.monsters):
        kind = "bat" if flies else _WALKERS[int(random.integers(len(_WALKERS)))]
        cast.add(kind, "monster", cell, i)
        markers[cell] = kind
    tileset, names = build_tileset(palette.tobytes(), look)
    doors = dict(plan.doors)
    behind = below_ground(plan.grid)
    for cell in (*doors, plan.arch):
        if cell >= 0:  # the passage of a gate is a dark one
            y, x = divmod(cell, width)
            near = slice(max(0, x - 1), x + 2)
            behind[y, near] |= plan.grid[y - 1, near] == SOLID
    layers = dress_platformer(
        plan.grid,
        look,
        names,
        plan.start,
        plan.exit,
        doors,
        markers,
        random,
        behind,
        plan.wet,
    )
    made = Tilemap(
        (tileset,),
        tuple(TileLayer(name, gids) for name, gids in layers.items()),
        (cast.layer(),),
        (TILE_SIZE, TILE_SIZE),
        {
            "theme": request.theme,
            "look": look,
            "movement": "jump",
            "steps": len(plan.path) - 1,
            "jump_height": 3,
            "jump_gap": 5,
            "run_speed": 8.0,
            "jump_speed": 16.0,
            "gravity": 40.0,
            "fall_speed": 16.0,
            "physics": (
                "one cell a tick: a jump rises up to 3 cells, one level tick, then falls; in the "
                "air sideways each tick, falling every second tick; speeds in tiles and seconds"
            ),
        },
        cast.witness(plan.path, plan.events),
    )
    properties = {**made.properties, "difficulty": round(jump_difficulty(made), 3)}
    return replace(made, properties=properties)


def below_ground(grid: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cells that have rock behind them rather than sky, [H, W].

    Sky is what lies open upward for two columns side by side, no deeper than a pit below the ground
    around, and what is within `_OVERHANG` cells of that in its row: the air below an island is no
    cave, and a shaft lets no sky into one.
    """
    free = grid != SOLID
    height, width = grid.shape
    sky = np.logical_and.accumulate(free, axis=0)
    surface = np.pad(sky.sum(0), _OVERHANG, mode="edge")
    around = np.median([surface[i : i + width] for i in range(2 * _OVERHANG + 1)], axis=0)
    sky &= np.arange(height)[:, None] < around + _PIT
    pairs = sky[:, 1:] & sky[:, :-1]
    sky = np.pad(pairs, ((0, 0), (0, 1))) | np.pad(pairs, ((0, 0), (1, 0)))
    for _ in range(_OVERHANG):
        sky[:, 1:] |= sky[:, :-1] & free[:, 1:]
        sky[:, :-1] |= sky[:, 1:] & free[:, :-1]
    return ~sky
