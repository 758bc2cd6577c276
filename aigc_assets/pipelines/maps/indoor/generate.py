"""From a request to a finished indoor map with its witness."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.difficulty import difficulty
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.pipelines.maps.cast import Cast
from aigc_assets.pipelines.maps.grid import LIQUID
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.drafts import drafts
from aigc_assets.pipelines.maps.indoor.feasible import check_area, crowded
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.indoor.placement import Plan, place
from aigc_assets.pipelines.maps.indoor.shaping import drain
from aigc_assets.pipelines.maps.pins import Pins
from aigc_assets.pipelines.maps.request import TILE_SIZE, MapRequest
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.pipelines.maps.selfcheck import check
from aigc_assets.pipelines.maps.tiles.dressing import dress
from aigc_assets.pipelines.maps.tiles.indoor import LOOKS, build_tileset, choose_look
from aigc_assets.types import (
    TileLayer,
    Tilemap,
)
from aigc_assets.types.validation import Scalar

_MONSTERS = {
    "dungeon": ("skeleton", "ghost", "rat"),
    "cave": ("slime", "bat", "spider"),
    "techbase": ("drone", "mutant", "turret"),
}


def generate(request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Make one map; see `aigc_assets.pipelines.maps.generate_map`.

    Returns:
        A `Tilemap` of 16 px tiles with layers ``ground``, ``decor`` and ``markers``, objects and a
        witness.

    Raises:
        GenerationError: If no map of this size can fulfil the requirements.
        WeightsError: If the weights are missing or altered.
    """
    wanted = request.requirements
    pins = request.pinned
    check_area(request.size, wanted, pins)
    plan, model, operations = _plan(request, wanted, pins, seed)
    tilemap = _build(plan, request, palette, seed)
    check(tilemap, wanted, pins)
    described: dict[str, Scalar] = {
        "theme": request.theme,
        "width": request.size[0],
        "height": request.size[1],
        "require": "; ".join(request.require),
        "pins": len(request.pins),
    }
    checkpoint = load_model(model, narrow=True)
    return Made(tilemap, provenance(checkpoint, seed, described, operations))


def _plan(
    request: MapRequest, wanted: Requirements, pins: Pins | None, seed: int
) -> tuple[Plan, str, tuple[str, ...]]:
    """Furnish the first layout that takes everything."""
    width, height = request.size
    reason: NoRoom | None = None
    model = ""
    for number, draft in enumerate(drafts(request, wanted, pins, seed)):
        canvas, edits = draft.canvas, draft.edits
        model = draft.model or model
        random = generator(derive_seed(seed, "place", str(number)))
        try:
            _make_room(canvas, wanted, random)
            plan = place(canvas, wanted, pins, random)
        except NoRoom as problem:
            if reason is None or draft.model:  # the last resorts are not what was asked for
                reason = problem
            continue
        shaped = int((plan.terrain != canvas.terrain).sum())
        return (
            plan,
            model,
            (
                draft.operation,
                f"repaired {edits} cells ({edits / canvas.flat.size:.1%})",
                f"shaped {shaped} cells ({shaped / canvas.flat.size:.1%})",
                "locks",
                "placement",
            ),
        )
    raise GenerationError(
        f"found no {width}x{height} map that fulfils the requirements: {reason}",
        where="pins" if request.pins and reason and "pinned" in str(reason) else "require",
        remedy="ask for less, for a wider range or for a larger map",
    )


def _make_room(canvas: Canvas, wanted: Requirements, random: np.random.Generator) -> None:
    """Turn ground into liquid where there are fewer walls than liquid is wanted."""
    if wanted.liquid is None:
        return
    doors = max(wanted.doors.low if wanted.doors else 0, int(wanted.key_before_door))
    solid = int((canvas.inside & ~canvas.pinned & (canvas.walkable == 0)).sum())
    walls = 4 * (doors + wanted.boss)  # beside gates
    needed = 2 + crowded(wanted) + doors + 2 * wanted.boss
    needed = max(needed, wanted.path.low + 1 if wanted.path else 0)
    if wanted.liquid.low + walls > solid:
        drain(canvas, LIQUID, wanted.liquid.low + walls - solid, needed, random)


def _build(plan: Plan, request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Tilemap:
    """Objects, layers and witness of a plan."""
    random = generator(derive_seed(seed, "dress"))
    look = choose_look(request.theme, random)
    kinds = _MONSTERS[request.theme]
    cast = Cast(request.size[0])
    markers: dict[int, str] = {}
    doors: dict[int, str] = {}
    cast.add("start", "start", plan.start)
    cast.add("exit", "exit", plan.exit)
    for i, (cell, colour) in enumerate(plan.keys):
        cast.add(f"{colour} key", "key", cell, i, colour=colour)
        markers[cell] = f"key_{colour}"
    for i, (cell, colour) in enumerate(plan.doors):
        cast.add(f"{colour} door", "door", cell, i, colour=colour)
        doors[cell] = colour
    if plan.boss is not None and plan.entrance is not None:
        cast.add("boss", "boss", plan.boss)
        markers[plan.boss] = "boss"
        cast.add("boss room", "trigger", plan.entrance, event="boss")
    for i, cell in enumerate(plan.treasure):
        cast.add("chest", "treasure", cell, i)
        markers[cell] = "chest"
    for i, cell in enumerate(plan.monsters):
        kind = kinds[int(random.integers(len(kinds)))]
        cast.add(kind, "monster", cell, i)
        markers[cell] = kind
    tileset, names = build_tileset(palette.tobytes(), request.theme, look)
    ground, decor, marks = dress(
        plan.terrain,
        request.theme,
        look,
        names,
        {plan.start: "start", plan.exit: "exit"},
        doors,
        markers,
        set(plan.path),
        random,
        plan.hazards,
    )
    made = Tilemap(
        (tileset,),
        (TileLayer("ground", ground), TileLayer("decor", decor), TileLayer("markers", marks)),
        (cast.layer(),),
        (TILE_SIZE, TILE_SIZE),
        {
            "theme": request.theme,
            "look": look,
            "movement": "walk",
            "liquid": LOOKS[request.theme][look].liquid,
            "steps": len(plan.path) - 1,
        },
        cast.witness(plan.path, plan.events),
    )
    properties = {**made.properties, "difficulty": round(difficulty(made), 3)}
    return dataclasses.replace(made, properties=properties)
