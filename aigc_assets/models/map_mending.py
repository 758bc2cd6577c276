"""Drawing again what keeps the walkable areas of a map apart, until most of them hang together.

A network that draws patches side by side now and then closes a way. Between what was cut off and
the largest walkable area there is a narrowest gap: what lies there is hidden and drawn again,
knowing the rest. What does not help is undone, so a map never gets worse.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import cv2
import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.uint8]
Chances = NDArray[np.float32]
Redraw = Callable[[Classes, NDArray[np.bool_]], tuple[Classes, Chances]]
"""Maps [B, H, W] and what is hidden of them -> both drawn anew, chances as [B, K, H, W]."""

WHOLE = 0.97
"""Share of the walkable cells in the largest area from which on a map is left as it is."""
GAPS, AREA = 4, 256
"""Areas that are joined at a time: so many, on large maps one for so many cells."""
MEND_STEPS = 2
"""Steps in which a gap is drawn: it is a few patches wide."""


def mend(
    maps: Classes,
    chances: Chances,
    free: NDArray[np.bool_],
    walkable: Collection[int],
    redraw: Redraw,
    rounds: int = 3,
) -> tuple[Classes, Chances]:
    """Let a network draw again what parts the walkable areas.

    Args:
        maps: [B, H, W].
        chances: Of the classes of each cell, [B, K, H, W].
        free: Cells that may change, [B, H, W].
        walkable: Classes that can be walked on.
        redraw: The network.
        rounds: How often a map is looked at, at most; every time more around the gap is hidden.

    Returns:
        Maps and chances. A change is kept where the largest walkable area holds a greater share of
        what is walkable than before.
    """
    maps, chances = maps.copy(), chances.copy()
    parted = [whole(grid, walkable) for grid in maps]
    for count in range(rounds):
        apart = [i for i, share in enumerate(parted) if share < WHOLE]
        hidden = {i: gaps(maps[i], walkable, 1 + count) & free[i] for i in apart}
        hidden = {i: cells for i, cells in hidden.items() if cells.any()}
        if not hidden:
            break
        drawn, found = redraw(maps[list(hidden)], np.stack(list(hidden.values())))
        for (i, cells), grid, chance in zip(hidden.items(), drawn, found, strict=True):
            changed = np.where(cells, grid, maps[i])
            share = whole(changed, walkable)
            if share > parted[i]:
                maps[i], parted[i] = changed, share
                chances[i] = np.where(cells, chance, chances[i])
    return maps, chances


def whole(grid: Classes, walkable: Collection[int]) -> float:
    """Share of the walkable cells in the largest area, 0..1; 1 where nothing is walkable."""
    sizes = _areas(grid, walkable)[1]
    return float(sizes.max() / sizes.sum()) if len(sizes) else 1.0


def gaps(grid: Classes, walkable: Collection[int], margin: int) -> NDArray[np.bool_]:
    """Cells between the largest walkable area and others, the largest of these first, [H, W] bool.

    Args:
        grid: [H, W].
        walkable: Classes that can be walked on.
        margin: Cells around each gap that belong to it.
    """
    labels, sizes = _areas(grid, walkable)
    chosen = np.zeros(grid.shape, dtype=bool)
    if len(sizes) < 2:
        return chosen
    order = np.argsort(-sizes, kind="stable") + 1
    away = cv2.distanceTransform((labels != order[0]).astype(np.uint8), cv2.DIST_L1, 3)
    home = np.argwhere(labels == order[0])
    for label in order[1 : 1 + max(GAPS, grid.size // AREA)]:
        cells = np.argwhere(labels == label)
        one = cells[int(away[labels == label].argmin())]
        other = home[int(np.abs(home - one).sum(-1).argmin())]
        low = np.maximum(np.minimum(one, other) - margin, 0)
        high = np.maximum(one, other) + margin + 1
        chosen[low[0] : high[0], low[1] : high[1]] = True
    return chosen


def _areas(grid: Classes, walkable: Collection[int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """4-connected walkable areas: labels from 1, [H, W], and cells of each."""
    mask = np.isin(grid, list(walkable)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    return labels.astype(np.int32), stats[1:, cv2.CC_STAT_AREA].astype(np.int32)
