"""``sokoban``: a small room whose boxes are to be pushed onto as many goals.

Cells: 0 wall, 1 floor, 2 player, 3 box, 4 goal; nothing stands on a goal. Control: ``crates``, the
number of boxes, give or take one. A plain search over moves solves it soon.

Rooms count as different where the solutions share at most half of their letters, turns of walks and
of pushes. Few rooms of this size do, so they come from a table (`sokoban_rooms`) that was searched
as a whole: for each slot a room of one or two boxes, one of three, and one of four or five. Of a
hundred slots in a row with boxes at random, 66 to 72 are left as diverse. Rooms of one or two boxes
hold the others back: no more than about 15 of them were found that all differ.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control
from aigc_assets.pipelines.maps.benchmark_rules.sokoban_rooms import ROOMS

WIDTH, HEIGHT = 5, 5
CONTROLS = {"crates": (1, 5)}
PLAYER, BOX, GOAL = 2, 3, 4
_FAMILY = {1: 0, 2: 1, 3: 1, 4: 1, 5: 2}
"""The row of the table that serves a number of boxes."""
_CODES = "#_@$."


def generate(control: Control, random: np.random.Generator, slot: int) -> Content:
    """The room of a slot, [5, 5]; ``random`` has no part in it."""
    del random
    rooms = ROOMS[_FAMILY[control["crates"]]]
    rows = rooms[slot % len(rooms)].split("/")
    return np.array([[_CODES.index(cell) for cell in row] for row in rows], dtype=np.int64)
