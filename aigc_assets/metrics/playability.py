"""Whether a map can be finished: a small checker of its witness that no generator shares code with.

The checker never searches. It walks the path that came with the map and asks of every step whether
the rules allow it, so a wrong proof is found however clever the generator was.

The property ``movement`` of a map names how one moves on it, one of `MOVEMENTS`; a map without it
is walked on.

Rules: the walk begins on the cell of a ``start`` object with the event ``start`` and ends on the
cell of an ``exit`` object with the event ``exit``. Every step goes one cell up, down, left or
right, never onto a solid cell. A cell with a ``door`` is entered only once that door was opened; a
door is opened on its cell, after a ``key`` of its colour was taken on the cell of the key.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.errors import MissingPartError
from aigc_assets.types import MapObject, Tilemap, WitnessEvent

MOVEMENTS = ("walk",)
_CLASS_OF_ACTION = {"start": "start", "take": "key", "open": "door", "exit": "exit"}
_ACTIONS = ("start", "take", "open", "exit")
_CLASSES = ("start", "exit", "key", "door")


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
    solid = tilemap.solid()
    reasons = _check_ends(events, len(path) - 1)
    colours: set[str] = set()
    opened: set[int] = set()
    for step, cell in enumerate(path):
        if step > 0:
            before = path[step - 1]
            if abs(cell[0] - before[0]) + abs(cell[1] - before[1]) != 1:
                reasons.append(f"step {step}: {before} to {cell} is not one cell")
        if solid[cell[1], cell[0]]:
            reasons.append(f"step {step}: {cell} is solid")
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
        for item in tilemap.objects:
            if item.cls == "door" and item.cell == cell and item.id not in opened:
                reasons.append(f"step {step}: door {item.id} is shut")
        colours |= taken
    return reasons


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
        tilemap.solid().astype(np.uint8),
        tilemap.witness.path,
        np.array(events, dtype=np.int32).reshape(-1, 3),
        np.array(objects, dtype=np.int32).reshape(-1, 4),
        [str(item.properties.get("colour", "")) for item in tilemap.objects],
    )
    return reasons
