"""Jumping: the side view, gravity pulls down the rows, one step is one tick and at most one cell.

A walker of one tile *stands* where the cell below is solid, a ``one_way`` platform or a ``ladder``,
or where its own cell is a ladder. Otherwise it is in the air, in one of the phases of `TABLE`,
which says for every phase what the next step may be: ``up``, ``level`` (sideways) or ``down``, and
whether the steps up and down may lead sideways as well.

====================  ==============  ===========  ==============================
phase                 up              level        down
====================  ==============  ===========  ==============================
standing              jump, slanting  walk         climb down a ladder
rising 1, rising 2    on, slanting    once, at     fall, slanting
                                      the top
rising 3              no              once         fall, slanting
level                 no              no           fall, slanting
falling               no              no           fall, slanting
drifting              no              no           straight: the next may drift
====================  ==============  ===========  ==============================

So a jump rises at most `JUMP_HEIGHT` = 3 cells, crosses a pit of at most 5 cells between ledges of
equal height (7 ticks of air: 3 up, 1 level, 3 down), and a fall carries sideways at most every
second cell. In an engine: tile = 1, gravity g, jump speed v with v^2 / 2g a little above 3, run
speed at least 6 tiles per 2v / g, falls no faster than twice the run speed; e.g. run 8 tiles/s,
v = 16 tiles/s, g = 40 tiles/s^2, falls up to 16 tiles/s.

A slanting step passes through a cell: going up the one above, going down the one beside; it must be
neither solid nor a hazard nor a door. A one-way platform is entered from below or from the side,
never from above. Nothing enters a ``hazard`` and nothing leaves the map.
"""

from __future__ import annotations

from collections.abc import Set

from aigc_assets.metrics.playability.walk import Cell, Walk
from aigc_assets.types import Tilemap

JUMP_HEIGHT = 3
"""Cells that a jump rises at most."""

TABLE: dict[str, dict[str, str]] = {
    "standing": {"up": "rising 1", "up aside": "rising 1", "level": "falling", "down": "falling"},
    "rising 1": {"up": "rising 2", "up aside": "rising 2", "level": "level", "down": "falling",
                 "down aside": "drifting"},
    "rising 2": {"up": "rising 3", "up aside": "rising 3", "level": "level", "down": "falling",
                 "down aside": "drifting"},
    "rising 3": {"level": "level", "down": "falling", "down aside": "drifting"},
    "level": {"down": "falling", "down aside": "drifting"},
    "falling": {"down": "falling", "down aside": "drifting"},
    "drifting": {"down": "falling"},
}  # fmt: skip
"""Phase -> step -> phase after it; where one stands in the next cell, the phase is standing."""

_STEPS = {
    (0, -1): "up", (0, 1): "down", (1, 0): "level", (-1, 0): "level",
    (1, -1): "up aside", (-1, -1): "up aside", (1, 1): "down aside", (-1, 1): "down aside",
}  # fmt: skip


class Jump(Walk):
    """What the steps of one path over ``tilemap`` may be, and the phase of the walker."""

    def __init__(self, tilemap: Tilemap) -> None:
        super().__init__(tilemap)
        self.one_way = tilemap.marked("one_way")
        self.ladder = tilemap.marked("ladder")
        self.doors = {item.cell for item in tilemap.objects if item.cls == "door"}
        self.phase = "falling"

    def enter(self, before: Cell | None, cell: Cell, opened: Set[int]) -> list[str]:
        """Why ``cell`` cannot be entered from ``before`` in the present phase."""
        reasons = []
        after = "falling"
        x, y = cell
        if before is not None:
            dx, dy = x - before[0], y - before[1]
            step = _STEPS.get((dx, dy))
            if step is None:
                reasons.append(f"{before} to {cell} is not one cell")
            elif step not in TABLE[self.phase]:
                reasons.append(f"{before} to {cell} is no step while {self.phase}")
            else:
                after = TABLE[self.phase][step]
            if step in ("up aside", "down aside"):
                by = (before[0], y) if step == "up aside" else (x, before[1])
                if self.solid[by[1], by[0]] or self.hazard[by[1], by[0]] or by in self.doors:
                    reasons.append(f"{before} to {cell} is blocked by {by}")
            if dy == 1 and self.one_way[y, x] and not self.ladder[y, x]:
                reasons.append(f"{cell} is a one-way platform, entered from above")
        if self.solid[y, x]:
            reasons.append(f"{cell} is solid")
        if self.hazard[y, x]:
            reasons.append(f"{cell} is a hazard")
        self.phase = "standing" if self._stands(x, y) else after
        return reasons

    def _stands(self, x: int, y: int) -> bool:
        if self.ladder[y, x]:
            return True
        below = y + 1
        return below < len(self.solid) and bool(
            self.solid[below, x] or self.one_way[below, x] or self.ladder[below, x]
        )
