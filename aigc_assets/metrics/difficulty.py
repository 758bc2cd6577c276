"""How hard a map is to finish, measured on the finished map.

The score is a weighted sum of six parts, each 0..1:

======  =======  ====================================================================
weight  part     measure
======  =======  ====================================================================
0.40    fights   monsters within `REACH` steps of the walk; 1 from one for every 8 steps on
0.25    length   steps of the walk; 1 from twice width + height of the map on
0.15    scarcity ``1 / (1 + 30 * treasures / steps)``
0.10    locks    locked doors; 1 from 4 on
0.05    boss     1 if there is one
0.05    detours  share of the walk that only fetches keys; 1 from a half on
======  =======  ====================================================================
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Tilemap

REACH = 3
"""Steps from the walk within which a monster is met."""


def difficulty(tilemap: Tilemap) -> float:
    """Score 0 (a stroll) .. 1 of a map that is walked on; higher is harder.

    Args:
        tilemap: A map with a witness; the walk is that of the witness.

    Returns:
        The score, 0 for a map without a witness.
    """
    if tilemap.witness is None:
        return 0.0
    path = [(int(x), int(y)) for x, y in tilemap.witness.path]
    count = dict.fromkeys(("door", "treasure"), 0)
    for item in tilemap.objects:
        if item.cls in count:
            count[item.cls] += 1
    solid = tilemap.solid()
    met = _within(solid, path, REACH)
    fights = sum(item.cls == "monster" and item.cell in met for item in tilemap.objects)
    boss = any(item.cls == "boss" for item in tilemap.objects)
    direct = _steps(solid, path[0], path[-1])
    return score(len(path) - 1, direct, fights, count["door"], count["treasure"],
                 tilemap.width + tilemap.height, boss)  # fmt: skip


def score(
    steps: int, direct: int, fights: int, doors: int, treasure: int, span: int, boss: bool
) -> float:
    """The weighted sum.

    Args:
        steps: Of the walk.
        direct: Of the shortest walk if all doors were open.
        fights: Monsters within reach of the walk.
        doors: Locked doors.
        treasure: Treasures.
        span: Width + height of the map.
        boss: Whether there is one.
    """
    steps = max(1, steps)
    return (
        0.40 * min(1.0, 8 * fights / steps)
        + 0.05 * boss
        + 0.25 * min(1.0, steps / (2 * span))
        + 0.15 / (1 + 30 * treasure / steps)
        + 0.10 * min(1.0, doors / 4)
        + 0.05 * min(1.0, 2 * (1 - direct / steps))
    )


def _within(
    solid: NDArray[np.bool_], cells: Collection[tuple[int, int]], reach: int
) -> set[tuple[int, int]]:
    """All cells that are at most ``reach`` steps from one of ``cells``."""
    near = set(cells)
    edge = near
    for _ in range(reach):
        edge = {
            cell
            for x, y in edge
            for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1))
            if cell not in near and _open(solid, cell)
        }
        near |= edge
    return near


def _steps(solid: NDArray[np.bool_], start: tuple[int, int], goal: tuple[int, int]) -> int:
    """Steps of the shortest way from one cell to another, doors ignored; 0 if there is none."""
    width = solid.shape[1]
    free = np.pad(~solid, ((0, 1), (0, 1))).reshape(-1).tobytes()
    width += 1  # a solid column keeps rows apart
    first, last = (cell[1] * width + cell[0] for cell in (start, goal))
    distance = {first: 0}
    queue = deque([first])
    while queue:
        cell = queue.popleft()
        if cell == last:
            return distance[cell]
        for other in (cell - width, cell + 1, cell + width, cell - 1):
            if 0 <= other < len(free) and free[other] and other not in distance:
                distance[other] = distance[cell] + 1
                queue.append(other)
    return 0


def _open(solid: NDArray[np.bool_], cell: tuple[int, int]) -> bool:
    x, y = cell
    return 0 <= y < solid.shape[0] and 0 <= x < solid.shape[1] and not solid[y, x]
