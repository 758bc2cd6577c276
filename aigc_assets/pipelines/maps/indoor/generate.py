"""From a request to a finished indoor map with its witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.pipelines.maps.indoor.placement import NoRoom, Plan, place
from aigc_assets.pipelines.maps.indoor.repair import repair
from aigc_assets.pipelines.maps.indoor.sampling import hall, sample_layout, winding
from aigc_assets.pipelines.maps.request import TILE_SIZE, MapRequest
from aigc_assets.pipelines.maps.requirements import Requirements
from aigc_assets.pipelines.maps.selfcheck import check
from aigc_assets.pipelines.maps.tiles.dressing import dress
from aigc_assets.pipelines.maps.tiles.indoor import LOOKS, build_tileset, choose_look
from aigc_assets.types import (
    MapObject,
    ObjectLayer,
    TileLayer,
    Tilemap,
    Witness,
    WitnessEvent,
)
from aigc_assets.types.validation import Scalar

if TYPE_CHECKING:
    from aigc_assets.models.checkpoint import Checkpoint

_SAMPLES = 6
"""Layouts of the network that are tried before a built one takes its place."""

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
    checkpoint = load_model("map_sagan", narrow=True)
    wanted = request.requirements
    _check_area(request, wanted)
    plan, operations = _plan(checkpoint, request, wanted, seed)
    tilemap = _build(plan, request, palette, seed)
    check(tilemap, wanted)
    described: dict[str, Scalar] = {
        "theme": request.theme,
        "width": request.size[0],
        "height": request.size[1],
        "require": "; ".join(request.require),
    }
    return Made(tilemap, provenance(checkpoint, seed, described, operations))


def _check_area(request: MapRequest, wanted: Requirements) -> None:
    """Refuse at once what no map of this size can hold."""
    width, height = request.size
    inside = (width - 2) * (height - 2)
    low = {
        name: span.low if (span := getattr(wanted, name)) else 0
        for name in ("monsters", "treasure", "doors", "path")
    }
    doors = max(low["doors"], int(wanted.key_before_door))
    objects = 2 + low["monsters"] + low["treasure"] + doors + min(doors, 1)
    if objects > inside:
        raise GenerationError(
            f"the requirements need {objects} free cells, a {width}x{height} map has {inside}",
            where="require",
            remedy="ask for fewer monsters, treasures and doors, or a larger map",
        )
    if low["path"] and not wanted.doors and not wanted.key_before_door and low["path"] >= inside:
        raise GenerationError(
            f"a path of {low['path']} steps does not fit into the {inside} cells of a "
            f"{width}x{height} map",
            where="require",
            remedy="ask for a shorter path or a larger map",
        )


def _plan(
    checkpoint: Checkpoint, request: MapRequest, wanted: Requirements, seed: int
) -> tuple[Plan, tuple[str, ...]]:
    """Furnish the first layout that takes everything."""
    width, height = request.size
    inside = (width - 2) * (height - 2)
    counts = [span.low for span in (wanted.monsters, wanted.treasure, wanted.doors) if span]
    crowd = (sum(counts) + 4) / inside
    reason = NoRoom("")
    for attempt in range(_SAMPLES + 2):
        if attempt < _SAMPLES:
            least = min(0.95, max(0.36, 1.3 * crowd) + 0.05 * attempt)
            layout = sample_layout(
                checkpoint, request.theme, request.size, derive_seed(seed, str(attempt)), least
            )
            operation = "drawn by map_sagan"
        else:
            first = winding if wanted.path and wanted.path.low > width + height else hall
            second = hall if first is winding else winding
            build = first if attempt == _SAMPLES else second
            layout = build(request.size)
            operation = f"{build.__name__} layout, the network's layouts had no room"
        terrain, edits = repair(layout)
        random = generator(derive_seed(seed, "place", str(attempt)))
        try:
            plan = place(terrain, wanted, random)
        except NoRoom as problem:
            if attempt <= _SAMPLES:  # the last resort is not what was asked for: it says little
                reason = problem
            continue
        share = edits / terrain.size
        return plan, (operation, f"repaired {edits} cells ({share:.1%})", "locks", "placement")
    raise GenerationError(
        f"found no {width}x{height} map that fulfils the requirements: {reason}",
        where="require",
        remedy="ask for less, for a wider range or for a larger map",
    )


def _build(plan: Plan, request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Tilemap:
    """Objects, layers and witness of a plan."""
    width = request.size[0]
    random = generator(derive_seed(seed, "dress"))
    look = choose_look(request.theme, random)
    kinds = _MONSTERS[request.theme]
    objects: list[MapObject] = []
    markers: dict[int, str] = {}
    doors: dict[int, str] = {}
    number: dict[tuple[str, int], int] = {}

    def add(name: str, cls: str, cell: int, index: int = 0, colour: str = "") -> None:
        number[cls, index] = len(objects) + 1
        y, x = divmod(cell, width)
        properties = {"colour": colour} if colour else {}
        objects.append(MapObject(len(objects) + 1, name, cls, (x, y), properties))

    add("start", "start", plan.start)
    add("exit", "exit", plan.exit)
    for i, (cell, colour) in enumerate(plan.keys):
        add(f"{colour} key", "key", cell, i, colour)
        markers[cell] = f"key_{colour}"
    for i, (cell, colour) in enumerate(plan.doors):
        add(f"{colour} door", "door", cell, i, colour)
        doors[cell] = colour
    for i, cell in enumerate(plan.treasure):
        add("chest", "treasure", cell, i)
        markers[cell] = "chest"
    for i, cell in enumerate(plan.monsters):
        kind = kinds[int(random.integers(len(kinds)))]
        add(kind, "monster", cell, i)
        markers[cell] = kind
    of_action = {"start": "start", "exit": "exit", "take": "key", "open": "door"}
    events = tuple(
        WitnessEvent(step, action, number[of_action[action], index])
        for step, action, index in plan.events
    )
    path = np.array([(cell % width, cell // width) for cell in plan.path], dtype=np.int32)
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
    )
    return Tilemap(
        (tileset,),
        (TileLayer("ground", ground), TileLayer("decor", decor), TileLayer("markers", marks)),
        (ObjectLayer("objects", tuple(objects)),),
        (TILE_SIZE, TILE_SIZE),
        {
            "theme": request.theme,
            "look": look,
            "movement": "walk",
            "liquid": LOOKS[request.theme][look].liquid,
            "steps": len(plan.path) - 1,
        },
        Witness(path, events),
    )
