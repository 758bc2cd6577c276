"""Walking: every step goes one cell up, down, left or right.

No step leads onto a solid cell or a ``hazard``.
"""

from __future__ import annotations

from collections.abc import Set

from aigc_assets.types import Tilemap

Cell = tuple[int, int]


class Walk:
    """What the steps of one path over ``tilemap`` may be; also the base of related movements."""

    def __init__(self, tilemap: Tilemap) -> None:
        self.solid = tilemap.solid()
        self.hazard = tilemap.marked("hazard")

    def begin(self) -> list[str]:
        """Why the map itself is against the rules."""
        return []

    def enter(self, before: Cell | None, cell: Cell, opened: Set[int]) -> list[str]:
        """Why ``cell`` cannot be entered from ``before`` with the doors ``opened`` so far."""
        reasons = []
        if before is not None and abs(cell[0] - before[0]) + abs(cell[1] - before[1]) != 1:
            reasons.append(f"{before} to {cell} is not one cell")
        if self.solid[cell[1], cell[0]]:
            reasons.append(f"{cell} is solid")
        if self.hazard[cell[1], cell[0]]:
            reasons.append(f"{cell} is a hazard")
        return reasons

    def finish(self) -> list[str]:
        """What is missing after the last step."""
        return []
