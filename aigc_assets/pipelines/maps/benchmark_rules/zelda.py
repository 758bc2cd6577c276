"""``zelda``: a player fetches a key and takes it to a door, past some enemies.

Cells: 0 wall, 1 floor, 2 player, 3 key, 4 door, 5 enemy. Controls: ``player_key`` and ``key_door``,
the steps of the two ways. All floor hangs together; there are three enemies, give or take one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.benchmark_rules.mazes import grow, is_inside, steps_from
from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control, NoContent, inner
from aigc_assets.pipelines.maps.grid import steps

WIDTH, HEIGHT = 11, 7
CONTROLS = {"player_key": (11, 18), "key_door": (11, 18)}
PLAYER, KEY, DOOR, ENEMY = 2, 3, 4, 5


def generate(control: Control, random: np.random.Generator, slot: int) -> Content:
    """A room, [7, 11]; ``slot`` says where the player stands and where the key lies, roughly."""
    width, height = WIDTH + 2, HEIGHT + 2
    to_key, to_door = control["player_key"], control["key_door"]
    for attempt in range(300):
        # Grown from the player: mazes begin and wind differently.
        x, y, part = slot % 6, slot // 6 % 4, slot // 24 % 4
        mirrored = random.random(2) < 0.5
        player = _cell(x, y, mirrored, width)
        walkable = grow(
            width, height, random, newest=float(random.uniform(0.8, 1)), share=1.0, start=player
        )
        if attempt < 150:
            _add_loops(walkable, width, height, random)
        far = steps_from(walkable, width, player)
        cells = [cell for cell, free in enumerate(walkable) if free]
        keys = [cell for cell in cells if far[cell] == to_key]
        if attempt < 60:
            keys = [cell for cell in keys if _part(cell, mirrored, width) == part]
        for key in [keys[i] for i in random.permutation(len(keys)).tolist()]:
            back = steps_from(walkable, width, key)
            doors = [cell for cell in cells if back[cell] == to_door and cell != player]
            # The door is shut on the way to the key.
            doors = [
                cell for cell in doors
                if steps_from(walkable, width, key, (cell,))[player] == to_key
            ]  # fmt: skip
            if not doors:
                continue
            content = np.frombuffer(bytes(walkable), dtype=np.uint8).astype(np.int64)
            content[[player, key, doors[int(random.integers(len(doors)))]]] = PLAYER, KEY, DOOR
            floor = [cell for cell in cells if content[cell] == 1 and far[cell] > 2]
            for i in random.permutation(len(floor)).tolist()[: int(random.integers(2, 5))]:
                content[floor[i]] = ENEMY
            return inner(content.reshape(height, width))
    raise NoContent(f"ways of {to_key} and {to_door} steps")


def _cell(x: int, y: int, mirrored: NDArray[np.bool_], width: int) -> int:
    """A place of the upper left quarter, mirrored at the axes of the room, as a cell."""
    x = WIDTH - 1 - x if mirrored[0] else x
    y = HEIGHT - 1 - y if mirrored[1] else y
    return (y + 1) * width + x + 1


def _part(cell: int, mirrored: NDArray[np.bool_], width: int) -> int:
    """Which quarter a cell lies in, seen from the player's: 0 the same, 3 the opposite one."""
    y, x = divmod(cell, width)
    right = (x - 1 > WIDTH / 2) != bool(mirrored[0])
    low = (y - 1 > HEIGHT / 2) != bool(mirrored[1])
    return int(right) + 2 * int(low)


def _add_loops(walkable: bytearray, width: int, height: int, random: np.random.Generator) -> None:
    """Open a few walls between passages: a room with choices is no mere maze."""
    for cell in random.permutation(len(walkable)).tolist()[:6]:
        if is_inside(cell, width, height) and not walkable[cell]:
            walkable[cell] = sum(walkable[cell + step] for step in steps(width)) >= 2
