"""Reading and writing the modules that hold the tables."""

from __future__ import annotations

from collections.abc import Sequence

SOKOBAN = '''"""Rooms of which few are alike: for ``sokoban``.

Each row of tables has rooms of one to two, of three, and of four to five boxes, one room of each
for each slot. Rows of a room are parted by "/"; "#" wall, "_" floor, "@" player, "$" box, "." goal.
A plain solver's solution (breadth first over 5,000 positions; where that fails, best first) goes
right before left and down before up. Written by ``python -m benchmarks.rule_search sokoban``.
"""

ROOMS: tuple[tuple[str, ...], ...] = (
'''

ZELDA = '''"""Ways to the key of which no two are alike: for ``zelda``.

Each is the place of its start, numbered row by row in the upper left part of the room, and its
turns: left, right, up, down. None touches itself. Written as places ("x,y|" each), once or twice
over, no two share more than 0.7 of their characters by Ratcliff and Obershelp's measure, at full
length or cut, to no less than thirteen steps. Written by
``python -m benchmarks.rule_search zelda``.
"""

ROUTES: tuple[tuple[int, str], ...] = (
'''


def write_sokoban(lines: Sequence[str], families: int = 3) -> str:
    """The module of rooms that are given family by family.

    Raises:
        ValueError: If the families have not equally many rooms.
    """
    count, rest = divmod(len(lines), families)
    if rest:
        raise ValueError(f"{len(lines)} rooms are not {families} families")
    text = SOKOBAN
    for family in range(families):
        text += "    (\n"
        text += "".join(
            f'        "{line}",\n' for line in lines[family * count : (family + 1) * count]
        )
        text += "    ),\n"
    return text + ")\n"


def write_zelda(lines: Sequence[str]) -> str:
    """The module of ways, each given as its start and its turns."""
    pairs = [line.split() for line in lines]
    return ZELDA + "".join(f'    ({start}, "{turns}"),\n' for start, turns in pairs) + ")\n"


def shipped(problem: str) -> list[str]:
    """The table in use, one entry a line as the searches read it."""
    from aigc_assets.pipelines.maps.benchmark_rules import sokoban_rooms, zelda_routes

    if problem == "sokoban":
        return [room for family in sokoban_rooms.ROOMS for room in family]
    return [f"{start} {turns}" for start, turns in zelda_routes.ROUTES]
