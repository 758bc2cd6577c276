"""``zelda``: a player fetches a key and takes it to a door, past some enemies.

Cells: 0 wall, 1 floor, 2 player, 3 key, 4 door, 5 enemy. Controls: ``player_key`` and ``key_door``,
the steps of the two ways. All floor hangs together; there are three enemies, give or take one.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.maps.benchmark_rules.mazes import grow, is_inside, steps_from
from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control, NoContent, inner
from aigc_assets.pipelines.maps.grid import steps

WIDTH, HEIGHT = 11, 7
CONTROLS = {"player_key": (11, 18), "key_door": (11, 18)}
PLAYER, KEY, DOOR, ENEMY = 2, 3, 4, 5


def generate(control: Control, random: np.random.Generator) -> Content:
    """A room, [7, 11]."""
    width, height = WIDTH + 2, HEIGHT + 2
    to_key, to_door = control["player_key"], control["key_door"]
    for attempt in range(300):
        # Grown from the player, who may stand anywhere: mazes begin and wind differently.
        player = int(random.integers(1, height - 1)) * width + int(random.integers(1, width - 1))
        walkable = grow(
            width, height, random, newest=float(random.uniform(0.8, 1)), share=1.0, start=player
        )
        if attempt < 150:
            _add_loops(walkable, width, height, random)
        far = steps_from(walkable, width, player)
        cells = [cell for cell, free in enumerate(walkable) if free]
        keys = [cell for cell in cells if far[cell] == to_key]
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


def _add_loops(walkable: bytearray, width: int, height: int, random: np.random.Generator) -> None:
    """Open a few walls between passages: a room with choices is no mere maze."""
    for cell in random.permutation(len(walkable)).tolist()[:6]:
        if is_inside(cell, width, height) and not walkable[cell]:
            walkable[cell] = sum(walkable[cell + step] for step in steps(width)) >= 2
