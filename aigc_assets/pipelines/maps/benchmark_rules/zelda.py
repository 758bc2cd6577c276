"""``zelda``: a player fetches a key and takes it to a door, past some enemies.

Cells: 0 wall, 1 floor, 2 player, 3 key, 4 door, 5 enemy. Controls: ``player_key`` and ``key_door``,
the steps of the two ways, give or take two. All floor hangs together; there are three enemies, give
or take one.

Rooms count as different by the player's way to the key, written as places and seen from the corner
that the player is nearest to; the benchmark's code takes that way twice and the door's not at all.
So the ways come from a table in which no two are alike (`zelda_routes`), and what lies around them,
the door and the enemies are new in every room.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.maps.benchmark_rules.mazes import grow_on, is_inside, steps_from
from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control, NoContent, inner
from aigc_assets.pipelines.maps.benchmark_rules.zelda_routes import ROUTES
from aigc_assets.pipelines.maps.grid import steps

WIDTH, HEIGHT = 11, 7
CONTROLS = {"player_key": (11, 18), "key_door": (11, 18)}
PLAYER, KEY, DOOR, ENEMY = 2, 3, 4, 5
_SHORTEST, _LONGEST = 13, 16
"""Steps of the ways to the key: those of the table, from which the end may be cut."""
_SPARE = 2
"""Steps that the way to the door may be longer or shorter than asked for."""


def generate(control: Control, random: np.random.Generator, slot: int) -> Content:
    """A room, [7, 11]; rooms of different ``slot`` have different ways to the key."""
    width, height = WIDTH + 2, HEIGHT + 2
    length = min(_LONGEST, max(_SHORTEST, control["player_key"] + 1))
    for attempt in range(200):
        way = _route(slot, random, width)[: length + 1]
        walkable = bytearray(width * height)
        for cell in way:
            walkable[cell] = 1
        # A wide way past the key first, so that there is somewhere to take it.
        grow_on(walkable, width, height, [way[-1]], len(way) + 14, random, newest=0.9)
        grow_on(walkable, width, height, list(way), WIDTH * HEIGHT, random, newest=0.5)
        back = steps_from(walkable, width, way[-1])
        spare = min(_SPARE, attempt // 20)
        doors = [
            cell
            for cell, free in enumerate(walkable)
            if free and cell not in way and abs(int(back[cell]) - control["key_door"]) <= spare
        ]
        if not doors:
            continue
        door = doors[int(random.integers(len(doors)))]
        _add_loops(walkable, width, height, way, door, random)
        content = np.frombuffer(bytes(walkable), dtype=np.uint8).astype(np.int64)
        content[[way[0], way[-1], door]] = PLAYER, KEY, DOOR
        far = steps_from(walkable, width, way[0])
        floor = [cell for cell, free in enumerate(content.tolist()) if free == 1 and far[cell] > 2]
        for i in random.permutation(len(floor)).tolist()[: int(random.integers(2, 5))]:
            content[floor[i]] = ENEMY
        return inner(content.reshape(height, width))
    raise NoContent(f"ways of {control['player_key']} and {control['key_door']} steps")


def _route(slot: int, random: np.random.Generator, width: int) -> list[int]:
    """Cells of a way of the table; mirrored where that leaves what it is like."""
    start, turns = ROUTES[slot % len(ROUTES)]
    y, x = divmod(start, WIDTH)
    # From the middle row and column the mirrored way would be another one.
    across = -1 if x < WIDTH // 2 and random.random() < 0.5 else 1
    along = -1 if y < HEIGHT // 2 and random.random() < 0.5 else 1
    x, y = (WIDTH - 1 - x if across < 0 else x), (HEIGHT - 1 - y if along < 0 else y)
    ways = {"l": -across, "r": across, "u": -along * width, "d": along * width}
    cells = [(y + 1) * width + x + 1]
    for turn in turns:
        cells.append(cells[-1] + ways[turn])
    return cells


def _add_loops(
    walkable: bytearray,
    width: int,
    height: int,
    way: list[int],
    door: int,
    random: np.random.Generator,
) -> None:
    """Open a few walls between passages, but no other way to the key: a room is no mere maze."""
    around = steps(width)
    to_door = int(steps_from(walkable, width, way[-1])[door])
    for cell in random.permutation(len(walkable)).tolist()[:12]:
        if not is_inside(cell, width, height) or walkable[cell]:
            continue
        if sum(walkable[cell + step] for step in around) < 2:
            continue
        walkable[cell] = 1
        far = steps_from(walkable, width, way[0], (door,))
        only = far[way[-1]] == len(way) - 1 and all(
            sum(int(far[place + step]) == i for step in around) == 1
            for i, place in enumerate(way[1:])
        )
        if not only or int(steps_from(walkable, width, way[-1])[door]) != to_door:
            walkable[cell] = 0
