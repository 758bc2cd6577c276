"""Small side-view maps from letters, for tests of jumping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_assets.types import (
    MapObject,
    ObjectLayer,
    TileLayer,
    Tilemap,
    Tileset,
    Witness,
    WitnessEvent,
)

LETTERS = ".#=^H"
"""Free, solid, one-way platform, hazard, ladder: the codes 0..4 of a class grid."""
OBJECTS = {"S": "start", "E": "exit", "k": "key", "D": "door"}
STEPS = {
    "q": (-1, -1), "w": (0, -1), "e": (1, -1),
    "a": (-1, 0), "d": (1, 0),
    "z": (-1, 1), "x": (0, 1), "c": (1, 1),
}  # fmt: skip
"""The keys around S of a keyboard, as steps."""
_FLAGS = ("solid", "one_way", "hazard", "ladder")


def codes(rows: Sequence[str]) -> np.ndarray:
    """The class grid; objects stand in free cells."""
    return np.array([[max(0, LETTERS.find(c)) for c in row] for row in rows], dtype=np.uint8)


def side_view(grid: np.ndarray, objects: Sequence[MapObject], witness: Witness | None) -> Tilemap:
    """A map of a class grid."""
    properties = tuple(
        {name: code == i + 1 for i, name in enumerate(_FLAGS)} | {"liquid": False, "door": False}
        for code in range(5)
    )
    tileset = Tileset("letters", np.zeros((16, 80, 4), np.uint8), (16, 16), properties)
    return Tilemap(
        (tileset,),
        (TileLayer("ground", grid.astype(np.uint32) + 1),),
        (ObjectLayer("objects", tuple(objects)),),
        (16, 16),
        {"movement": "jump"},
        witness,
    )


def cells_of(first: tuple[int, int], steps: str) -> list[tuple[int, int]]:
    path = [first]
    for step in steps:
        path.append((path[-1][0] + STEPS[step][0], path[-1][1] + STEPS[step][1]))
    return path


def played(rows: Sequence[str], steps: str) -> Tilemap:
    """The map of ``rows`` with the walk ``steps`` from S; keys and doors are used as met."""
    objects = [
        MapObject(1 + y * len(row) + x, OBJECTS[c], OBJECTS[c], (x, y),
                  {"colour": "red"} if c in "kD" else {})
        for y, row in enumerate(rows) for x, c in enumerate(row) if c in OBJECTS
    ]  # fmt: skip
    first = next(item.cell for item in objects if item.cls == "start")
    path = cells_of(first, steps)
    actions = {"start": "start", "key": "take", "door": "open", "exit": "exit"}
    events = [
        WitnessEvent(path.index(item.cell), actions[item.cls], item.id)
        for item in objects
        if item.cell in path
    ]
    witness = Witness(
        np.array(path, dtype=np.int32), tuple(sorted(events, key=lambda event: event.step))
    )
    return side_view(codes(rows), objects, witness)
