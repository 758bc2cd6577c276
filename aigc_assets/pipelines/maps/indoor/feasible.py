"""What no map of a size can hold: refused before anything is drawn, with the numbers."""

from __future__ import annotations

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.pipelines.maps.indoor.placement import (
    door_range,
    fixed_objects,
    least_steps,
)
from aigc_assets.pipelines.maps.pins import Pins
from aigc_assets.pipelines.maps.requirements import COLOURS, Requirements


def crowded(wanted: Requirements) -> int:
    """Fewest cells that monsters, treasure, hazards, keys and doors take."""
    spans = (wanted.monsters, wanted.treasure, wanted.hazards, wanted.doors)
    return sum(span.low for span in spans if span is not None)


def check_area(size: tuple[int, int], wanted: Requirements, pins: Pins | None) -> None:
    """Refuse at once what cannot be.

    Raises:
        GenerationError: If the cells do not suffice, or a walk is shorter than what it has to pass.
        UsageError: If pins contradict the requirements.
    """
    width, height = size
    inside = (width - 2) * (height - 2)
    shape = f"a {width}x{height} map"
    fixed = fixed_objects(pins, width)
    doors = door_range(width * height, wanted, fixed)
    _check_pins(wanted, pins)
    low = {name: span.low if (span := getattr(wanted, name)) else 0
           for name in ("monsters", "treasure", "hazards", "liquid", "outdoor")}  # fmt: skip
    keys = min(doors.low, len(set(wanted.door_colours)) or len(COLOURS))
    objects = 2 + low["monsters"] + low["treasure"] + low["hazards"] + doors.low + keys
    objects += 2 * wanted.boss
    if objects + low["liquid"] > inside:
        raise GenerationError(
            f"the requirements need {objects + low['liquid']} free cells, {shape} has {inside}",
            where="require",
            remedy="ask for fewer objects, hazards and doors, less liquid, or a larger map",
        )
    if low["outdoor"] + low["liquid"] > inside:
        raise GenerationError(
            f"{low['liquid']} cells of liquid and {low['outdoor']} of outdoor ground do not fit "
            f"into the {inside} cells inside the border of {shape}",
            where="require",
            remedy="ask for less, or for a larger map",
        )
    if wanted.symmetry:
        _check_symmetry(size, wanted)
    if wanted.path is None:
        return
    least = least_steps(wanted, doors)
    if wanted.path.high < least:
        raise GenerationError(
            f"path {wanted.path} is too short: {doors.low} doors with their keys"
            + (" and a boss's chamber" if wanted.boss else "")
            + f" take a walk of at least {least} steps",
            where="require",
            remedy="ask for fewer doors or a longer path",
        )
    # Every part of the walk between two events passes a cell at most once.
    most = (inside - 1) * (1 + 2 * (doors.high if wanted.doors else doors.low))
    if wanted.path.low > most:
        raise GenerationError(
            f"a path of {wanted.path.low} steps does not fit into the {inside} cells of {shape}",
            where="require",
            remedy="ask for a shorter path or a larger map",
        )


def _check_pins(wanted: Requirements, pins: Pins | None) -> None:
    if pins is None:
        return
    for name, cls in (("monsters", "monster"), ("treasure", "treasure"), ("doors", "door")):
        span, count = getattr(wanted, name), len(pins.of(cls))
        if span is not None and count > span.high:
            cells = ", ".join(str(item.cell) for item in pins.of(cls)[:4])
            raise UsageError(
                f"{count} objects of class {cls} are pinned, on {cells}, {name} {span} was asked "
                "for",
                where="pins",
                remedy="pin fewer or ask for more",
            )
    if wanted.door_colours:
        for item in (*pins.of("door"), *pins.of("key")):
            if item.colour not in wanted.door_colours:
                raise UsageError(
                    f"a {item.colour} {item.cls} is pinned on {item.cell}, the doors asked for "
                    f"are {', '.join(wanted.door_colours)}",
                    where="pins",
                    remedy="use the same colours",
                )


def _check_symmetry(size: tuple[int, int], wanted: Requirements) -> None:
    """An odd number of cells needs a cell that is its own mirror image."""
    width, height = size
    even = {
        "horizontal": width % 2 == 0,
        "vertical": height % 2 == 0,
        "rotational": width % 2 == 0 or height % 2 == 0,
    }[wanted.symmetry]
    for name in ("liquid", "outdoor"):
        span = getattr(wanted, name)
        if even and span is not None and span.low == span.high and span.low % 2:
            raise GenerationError(
                f"{span.low} cells of {name} cannot be mirrored in a {width}x{height} map: every "
                "cell has a twin",
                where="require",
                remedy="ask for an even number",
            )
