"""The first half of the guarantee: one connected walkable area inside a solid border.

Islands are joined by the cheapest corridors, where a cell costs -log of the probability that the
network gave it to be walkable: the most plausible edit, not any edit.
"""

from __future__ import annotations

import heapq

import numpy as np

from aigc_assets.pipelines.maps.grid import (
    BRIDGE,
    FLOOR,
    LIQUID,
    OUTDOOR,
    WALL,
    Terrain,
    components,
    steps,
    walkable_cells,
)
from aigc_assets.pipelines.maps.indoor.sampling import Layout


def repair(layout: Layout) -> tuple[Terrain, int]:
    """Close the border, drop specks, join all areas.

    Returns:
        The terrain, one connected walkable area of at least 4 cells, and how many cells differ
        from the layout.
    """
    terrain = layout.terrain.copy()
    terrain[[0, -1]] = WALL
    terrain[:, [0, -1]] = WALL
    _clear_puddles(terrain)
    _drop_specks(terrain)
    if walkable_cells(terrain).count(1) < 4:
        height, width = terrain.shape
        y, x = height // 2, width // 2
        terrain[y - 2 : y + 2, x - 2 : x + 2] = FLOOR
    _join(terrain, layout.cost)
    return terrain, int((terrain != layout.terrain).sum())


def keep_reachable(terrain: Terrain, reached: list[int]) -> None:
    """Fill every walkable cell whose distance in ``reached`` is negative; in place."""
    flat = terrain.reshape(-1)
    lost = (np.array(reached) < 0) & np.isin(flat, (FLOOR, OUTDOOR, BRIDGE))
    flat[lost] = np.where(flat[lost] == BRIDGE, LIQUID, WALL)


def _clear_puddles(terrain: Terrain) -> None:
    """Liquid of fewer than 3 cells becomes what surrounds it."""
    width = terrain.shape[1]
    liquid = bytearray((terrain == LIQUID).astype(np.uint8).tobytes())
    flat = terrain.reshape(-1)
    for area in components(liquid, width):
        if len(area) < 3:
            around = [int(flat[c + s]) for c in area for s in steps(width)]
            for cell in area:
                flat[cell] = max((WALL, FLOOR, OUTDOOR), key=around.count)


def _drop_specks(terrain: Terrain) -> None:
    """Areas too small to be worth a corridor become solid, but never the largest one."""
    width = terrain.shape[1]
    areas = components(walkable_cells(terrain), width)
    if not areas:
        return
    total = sum(map(len, areas))
    largest = max(map(len, areas))
    least = min(largest, max(4, total // 50))
    flat = terrain.reshape(-1)
    for area in areas:
        if len(area) < least:
            around = [int(flat[c + s]) for c in area for s in steps(width)]
            fill = LIQUID if around.count(LIQUID) > around.count(WALL) else WALL
            for cell in area:
                flat[cell] = fill


def _join(terrain: Terrain, cost: np.ndarray) -> None:
    """Connect all areas: grow them until they meet, then take the cheapest tree of corridors.

    References:
        Mehlhorn, "A faster approximation algorithm for the Steiner problem in graphs" (1988).
    """
    height, width = terrain.shape
    flat = terrain.reshape(-1)
    areas = components(walkable_cells(terrain), width)
    if len(areas) < 2:
        return
    price = cost.reshape(-1).tolist()
    inside = np.zeros((height, width), dtype=bool)
    inside[1:-1, 1:-1] = True
    free = inside.reshape(-1).tolist()
    owner = [-1] * flat.size
    before = [-1] * flat.size
    spent = [1 << 60] * flat.size
    queue: list[tuple[int, int]] = []
    for number, area in enumerate(areas):
        for cell in area:
            owner[cell], spent[cell] = number, 0
            queue.append((0, cell))
    heapq.heapify(queue)
    around = steps(width)
    while queue:
        paid, cell = heapq.heappop(queue)
        if paid > spent[cell]:
            continue
        for step in around:
            other = cell + step
            if free[other] and spent[other] > paid + price[other]:
                spent[other] = paid + price[other]
                owner[other], before[other] = owner[cell], cell
                heapq.heappush(queue, (spent[other], other))
    meetings = [
        (spent[cell] + spent[other], cell, other)
        for cell in range(flat.size)
        for other in (cell + 1, cell + width)
        if other < flat.size and free[cell] and free[other] and owner[cell] != owner[other]
    ]
    group = list(range(len(areas)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for _, *ends in sorted(meetings):
        first, second = (root(owner[cell]) for cell in ends)
        if first == second:
            continue
        group[first] = second
        for cell in ends:
            while before[cell] >= 0:
                flat[cell] = BRIDGE if flat[cell] in (LIQUID, BRIDGE) else FLOOR
                cell = before[cell]
