"""Pushing boxes: one walks, and a step onto a ``box`` pushes it one cell on in the same direction.

The box needs a cell that is not solid, holds no other box and no shut door. At the last step every
``goal`` holds a box.
"""

from __future__ import annotations

from collections.abc import Set

from aigc_assets.metrics.playability.walk import Cell, Walk
from aigc_assets.types import Tilemap


class Push(Walk):
    """What the steps of one path over ``tilemap`` may be, and where its boxes are meanwhile."""

    def __init__(self, tilemap: Tilemap) -> None:
        super().__init__(tilemap)
        self.boxes: dict[Cell, int] = {}
        self.stacked: list[str] = []
        for item in tilemap.objects:
            if item.cls == "box":
                if item.cell in self.boxes:
                    self.stacked.append(f"box {item.id} stands on box {self.boxes[item.cell]}")
                elif self.solid[item.cell[1], item.cell[0]]:
                    self.stacked.append(f"box {item.id} stands in a solid cell")
                self.boxes.setdefault(item.cell, item.id)
        self.goals = [item for item in tilemap.objects if item.cls == "goal"]
        self.doors = [item for item in tilemap.objects if item.cls == "door"]

    def begin(self) -> list[str]:
        """Boxes that share a cell or stand in a wall."""
        return self.stacked

    def enter(self, before: Cell | None, cell: Cell, opened: Set[int]) -> list[str]:
        """As of a walk; moves the box on ``cell`` if that is allowed."""
        reasons = super().enter(before, cell, opened)
        box = self.boxes.get(cell)
        if box is None:
            return reasons
        if before is None or reasons:
            return [*reasons, f"box {box} is in the way"]
        beyond = (2 * cell[0] - before[0], 2 * cell[1] - before[1])
        barrier = self._barrier(beyond, opened)
        if barrier:
            return [f"box {box} cannot be pushed to {beyond}: {barrier}"]
        self.boxes[beyond] = self.boxes.pop(cell)
        return []

    def _barrier(self, cell: Cell, opened: Set[int]) -> str:
        """What keeps a box from ``cell``; empty if nothing does."""
        height, width = self.solid.shape
        if not (0 <= cell[0] < width and 0 <= cell[1] < height):
            return "outside the map"
        if self.solid[cell[1], cell[0]]:
            return "solid"
        if cell in self.boxes:
            return f"box {self.boxes[cell]}"
        for door in self.doors:
            if door.cell == cell and door.id not in opened:
                return f"door {door.id} is shut"
        return ""

    def finish(self) -> list[str]:
        """Goals without a box."""
        return [f"goal {goal.id} has no box" for goal in self.goals if goal.cell not in self.boxes]
