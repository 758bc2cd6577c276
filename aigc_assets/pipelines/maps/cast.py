"""The objects of a map while it is put together, and the witness that speaks of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from aigc_assets.types import MapObject, ObjectLayer, Witness, WitnessEvent
from aigc_assets.types.validation import Scalar

_CLASS_OF = {"start": "start", "exit": "exit", "take": "key", "open": "door"}


class Cast:
    """Objects of a map that is ``width`` cells wide, numbered as they are added."""

    def __init__(self, width: int):
        self.width = width
        self.objects: list[MapObject] = []
        self._number: dict[tuple[str, int], int] = {}

    def add(self, name: str, cls: str, cell: int, index: int = 0, **properties: Scalar) -> None:
        """Place an object.

        Args:
            name: What people call it.
            cls: Class of the object.
            cell: Row · width + column.
            index: Which of its class it is, as the events of a witness count them.
            properties: Of the object.
        """
        self._number[cls, index] = len(self.objects) + 1
        y, x = divmod(cell, self.width)
        self.objects.append(MapObject(len(self.objects) + 1, name, cls, (x, y), properties))

    def layer(self) -> ObjectLayer:
        """All objects, in order."""
        return ObjectLayer("objects", tuple(self.objects))

    def witness(self, path: Sequence[int], events: Iterable[tuple[int, str, int]]) -> Witness:
        """The proof of a walk.

        Args:
            path: Cells.
            events: Step, action (start, take, open or exit), and which key or door.
        """
        cells = np.array([(cell % self.width, cell // self.width) for cell in path], dtype=np.int32)
        return Witness(cells, tuple(
            WitnessEvent(step, action, self._number[_CLASS_OF[action], index])
            for step, action, index in events
        ))  # fmt: skip
