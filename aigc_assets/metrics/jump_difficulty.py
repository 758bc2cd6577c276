"""How hard a side-view level is to finish, measured on the finished map.

The score is a weighted sum of three parts, each 0..1:

======  =======  =========================================================================
weight  part     measure
======  =======  =========================================================================
0.45    gaps     mean width of the crossings of the witness; 1 column counts 0, 5 count 1
0.25    danger   columns crossed per tick of the witness; 1 from 0.4 on
0.30    fights   monsters within `REACH` cells of the witness, a boss counts for 5; 1 from
                 one for every 8 ticks on
======  =======  =========================================================================

A crossing is a stretch of the witness in the air over columns in which a fall would end in a
hazard; its width is the number of those columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Tilemap

REACH = 3
"""Cells from the witness, in rows and in columns, within which a monster is met."""
BOSS = 5
"""Monsters that a boss counts for."""
TICKS_PER_FIGHT = 8


def jump_difficulty(tilemap: Tilemap) -> float:
    """Score 0 (a stroll) .. 1 of a map that is jumped on; higher is harder, 0 without a witness."""
    if tilemap.witness is None:
        return 0.0
    path = [(int(x), int(y)) for x, y in tilemap.witness.path]
    deadly = deadly_falls(
        tilemap.solid() | tilemap.marked("one_way") | tilemap.marked("ladder"),
        tilemap.marked("hazard"),
    )
    gaps, danger = crossings(path, deadly)
    near = within(path, (tilemap.height, tilemap.width))
    met = sum(
        (BOSS if item.cls == "boss" else 1) * int(near[item.cell[1], item.cell[0]])
        for item in tilemap.objects
        if item.cls in ("monster", "boss")
    )
    return score(gaps, danger, met, len(path) - 1)


def score(gaps: float, danger: float, met: int, ticks: int) -> float:
    """The weighted sum; ``met`` counts monsters near a witness of ``ticks``."""
    return 0.45 * gaps + 0.25 * danger + 0.30 * min(1.0, TICKS_PER_FIGHT * met / max(1, ticks))


def deadly_falls(support: NDArray[np.bool_], hazard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a fall straight down ends in a hazard or leaves the map, [H, W].

    Args:
        support: Cells that end a fall, [H, W].
        hazard: Cells that kill, [H, W].
    """
    deadly = np.ones(support.shape, dtype=bool)
    below = np.ones(support.shape[1], dtype=bool)
    for y in range(len(support) - 1, -1, -1):
        below = hazard[y] | (below & ~support[y])
        deadly[y] = below
    return deadly


def crossings(path: Sequence[tuple[int, int]], deadly: NDArray[np.bool_]) -> tuple[float, float]:
    """The parts ``gaps`` and ``danger`` of the score."""
    widths = []
    columns: set[int] = set()
    for x, y in path:
        if deadly[y, x]:
            columns.add(x)
        elif columns:
            widths.append(len(columns))
            columns = set()
    if not widths:
        return 0.0, 0.0
    gaps = sum(min(1.0, (width - 1) / 4) for width in widths) / len(widths)
    return gaps, min(1.0, sum(widths) / len(path) / 0.4)


def within(path: Sequence[tuple[int, int]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells at most `REACH` rows and columns from the path, [H, W]."""
    near = np.zeros(shape, dtype=bool)
    for x, y in path:
        near[max(0, y - REACH) : y + REACH + 1, max(0, x - REACH) : x + REACH + 1] = True
    return near
