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

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Tilemap

try:
    from aigc_assets import _host
except ImportError:  # installed without a C++ compiler
    _host = None
_native: Any = None if os.environ.get("AIGC_ASSETS_NATIVE") == "0" else _host

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
    from_walk = _distances(solid, path)
    fights = sum(
        item.cls == "monster" and 0 <= int(from_walk[item.cell[1], item.cell[0]]) <= REACH
        for item in tilemap.objects
    )
    boss = any(item.cls == "boss" for item in tilemap.objects)
    direct = int(_distances(solid, path[:1])[path[-1][1], path[-1][0]])
    return score(len(path) - 1, max(0, direct), fights, count["door"], count["treasure"],
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


def _distances(solid: NDArray[np.bool_], cells: Sequence[tuple[int, int]]) -> NDArray[np.int32]:
    """Steps from the nearest of ``cells`` to every cell, [H, W], -1 where none leads."""
    free = np.pad(~solid, 1).astype(np.uint8)
    width = free.shape[1]
    sources = np.array([(y + 1) * width + x + 1 for x, y in cells], dtype=np.int32)
    flood = _flood if _native is None else _native.distances
    steps = flood(free.reshape(-1), width, sources, np.zeros(0, dtype=np.int32))
    found: NDArray[np.int32] = steps.reshape(free.shape)[1:-1, 1:-1]
    return found


def _flood(
    free: NDArray[np.uint8], width: int, sources: NDArray[np.int32], shut: NDArray[np.int32]
) -> NDArray[np.int32]:
    """What the compiled module does, for where there is none."""
    cells = free.tobytes()
    distance = [-1] * len(cells)
    queue = deque(sources.tolist())
    for cell in queue:
        distance[cell] = 0
    while queue:
        cell = queue.popleft()
        for other in (cell - width, cell + 1, cell + width, cell - 1):
            if cells[other] and distance[other] < 0:
                distance[other] = distance[cell] + 1
                queue.append(other)
    return np.array(distance, dtype=np.int32)
