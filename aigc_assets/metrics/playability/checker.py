"""The checker: goes along the path, asks the movement of each step, and follows keys and doors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import MissingPartError
from aigc_assets.metrics.playability.jump import Jump
from aigc_assets.metrics.playability.push import Push
from aigc_assets.metrics.playability.walk import Walk
from aigc_assets.types import MapObject, Tilemap, WitnessEvent

MOVEMENTS: dict[str, type[Walk]] = {"walk": Walk, "push": Push, "jump": Jump}
"""How one moves on a map, and the rules of it."""

_CLASS_OF_ACTION = {"start": "start", "take": "key", "open": "door", "exit": "exit"}
_ACTIONS = ("start", "take", "open", "exit")
_CLASSES = ("start", "exit", "key", "door", "box", "goal")


def verify_witness(tilemap: Tilemap) -> list[str]:
    """Why the witness does not prove that the map can be finished.

    Args:
        tilemap: A map; one without a witness proves nothing and is rejected.

    Returns:
        Reasons in the order in which the walk meets them; an empty list means accepted.
    """
    if tilemap.witness is None:
        return ["the map has no witness"]
    movement = tilemap.properties.get("movement", "walk")
    if movement not in MOVEMENTS:
        return [f"unknown movement {movement!r}"]
    path = [(int(x), int(y)) for x, y in tilemap.witness.path]
    events = tilemap.witness.events
    objects = {item.id: item for item in tilemap.objects}
    doors = [item for item in tilemap.objects if item.cls == "door"]
    rules = MOVEMENTS[str(movement)](tilemap)
    reasons = _check_ends(events, len(path) - 1) + rules.begin()
    colours: set[str] = set()
    opened: set[int] = set()
    for step, cell in enumerate(path):
        before = path[step - 1] if step > 0 else None
        reasons += [f"step {step}: {reason}" for reason in rules.enter(before, cell, opened)]
        taken: set[str] = set()
        for event in events:
            if event.step == step:
                reason = _check_event(event, cell, objects, colours)
                if reason:
                    reasons.append(f"step {step}: {reason}")
                elif event.action == "take":
                    taken.add(str(objects[event.object_id].properties["colour"]))
                elif event.action == "open":
                    opened.add(event.object_id)
        for door in doors:
            if door.cell == cell and door.id not in opened:
                reasons.append(f"step {step}: door {door.id} is shut")
        colours |= taken
    return reasons + rules.finish()


def _flags(tilemap: Tilemap) -> NDArray[np.uint8]:
    """The flags of every cell as the compiled checker takes them, [H, W]."""
    flags = tilemap.solid().astype(np.uint8)
    for bit, name in ((2, "one_way"), (4, "hazard"), (8, "ladder")):
        flags[tilemap.marked(name)] |= bit
    return flags


def _check_ends(events: tuple[WitnessEvent, ...], last: int) -> list[str]:
    """The walk has one start, at step 0, and one exit, at the last step."""
    reasons = []
    for action, step in (("start", 0), ("exit", last)):
        steps = [event.step for event in events if event.action == action]
        if steps != [step]:
            reasons.append(f"expected one event {action!r} at step {step}, got steps {steps}")
    return reasons


def _check_event(
    event: WitnessEvent, cell: tuple[int, int], objects: dict[int, MapObject], colours: set[str]
) -> str:
    """Why ``event`` cannot happen on ``cell`` with the keys of ``colours``; empty if it can."""
    item = objects.get(event.object_id)
    if item is None:
        return f"{event.action}: there is no object {event.object_id}"
    if item.cls != _CLASS_OF_ACTION[event.action]:
        return f"{event.action}: object {item.id} is no {_CLASS_OF_ACTION[event.action]}"
    if item.cell != cell:
        return f"{event.action}: object {item.id} is not on {cell}"
    if event.action == "open" and item.properties["colour"] not in colours:
        return f"open: no key for door {item.id} was taken before"
    return ""


def verify_witness_native(tilemap: Tilemap) -> list[str]:
    """`verify_witness` by the compiled checker, a second implementation for bulk checks.

    Args:
        tilemap: As for `verify_witness`.

    Returns:
        The same reasons.

    Raises:
        MissingPartError: If the package was installed without a C++ compiler.
    """
    try:
        from aigc_assets import _host
    except ImportError as error:
        raise MissingPartError(
            f"the compiled checker is not there: {error}",
            where="aigc_assets._host",
            remedy="install the package again with a C++ compiler, or call verify_witness",
        ) from error
    if tilemap.witness is None:
        return ["the map has no witness"]
    movement = tilemap.properties.get("movement", "walk")
    if movement not in MOVEMENTS:
        return [f"unknown movement {movement!r}"]
    events = [(e.step, _ACTIONS.index(e.action), e.object_id) for e in tilemap.witness.events]
    objects = [
        (item.id, _CLASSES.index(item.cls) if item.cls in _CLASSES else len(_CLASSES), *item.cell)
        for item in tilemap.objects
    ]
    reasons: list[str] = _host.verify(
        str(movement),
        _flags(tilemap),
        tilemap.witness.path,
        np.array(events, dtype=np.int32).reshape(-1, 3),
        np.array(objects, dtype=np.int32).reshape(-1, 4),
        [str(item.properties.get("colour", "")) for item in tilemap.objects],
    )
    return reasons
