"""Cells and walks on a map whose outermost ring is solid.

Cells are numbers ``y * width + x``; thanks to the solid ring no neighbour leaves the map. Plain
Python on purpose: floods are short, exact, and the same on every machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

WALL, FLOOR, OUTDOOR, LIQUID, BRIDGE = range(5)
"""Terrain of a cell. Floor, outdoor ground and bridges can be walked on; liquid is deep."""

Terrain = NDArray[np.uint8]
Walkable = bytearray
"""One byte per cell, 1 where one can walk."""

_WALKABLE = np.array([0, 1, 1, 0, 1], dtype=np.uint8)


def walkable_cells(terrain: Terrain) -> Walkable:
    """Where one can walk, flat."""
    return bytearray(_WALKABLE[terrain].tobytes())


def steps(width: int) -> tuple[int, int, int, int]:
    """Offsets of the neighbours: up, right, down, left."""
    return (-width, 1, width, -1)


def distances(
    walkable: Walkable, width: int, sources: Iterable[int], shut: Collection[int] = ()
) -> list[int]:
    """Steps from the nearest source to every cell, -1 where none leads."""
    distance = [-1] * len(walkable)
    for cell in shut:
        distance[cell] = -2
    queue: deque[int] = deque()
    for cell in sources:
        distance[cell] = 0
        queue.append(cell)
    around = steps(width)
    while queue:
        cell = queue.popleft()
        after = distance[cell] + 1
        for step in around:
            other = cell + step
            if distance[other] == -1 and walkable[other]:
                distance[other] = after
                queue.append(other)
    for cell in shut:
        distance[cell] = -1
    return distance


def shortest_path(
    walkable: Walkable, width: int, start: int, goal: int, shut: Collection[int] = ()
) -> list[int]:
    """Cells of a shortest walk, both ends included; empty when there is none.

    Prefers to go on straight, so that walks look purposeful.
    """
    distance = distances(walkable, width, [goal], [cell for cell in shut if cell != goal])
    if distance[start] < 0:
        return []
    path = [start]
    heading = 0
    around = steps(width)
    while path[-1] != goal:
        cell = path[-1]
        wanted = distance[cell] - 1
        if not (heading and distance[cell + heading] == wanted):
            heading = next(step for step in around if distance[cell + step] == wanted)
        path.append(cell + heading)
    return path


def components(walkable: Walkable, width: int) -> list[list[int]]:
    """All areas of connected walkable cells, in order of their first cell."""
    seen = bytearray(len(walkable))
    around = steps(width)
    found = []
    for first in range(len(walkable)):
        if walkable[first] and not seen[first]:
            seen[first] = 1
            area = [first]
            for cell in area:  # grows while it runs
                for step in around:
                    other = cell + step
                    if walkable[other] and not seen[other]:
                        seen[other] = 1
                        area.append(other)
            found.append(area)
    return found


def separators(walkable: Walkable, width: int, path: Sequence[int]) -> list[tuple[int, int]]:
    """Which cells of a path every walk between its ends has to pass.

    One flood along the path: a cell is a separator if nothing before it reaches beyond it.

    Returns:
        (index in the path, number of cells on the near side) of each, in order.
    """
    place = {cell: i for i, cell in enumerate(path)}
    seen = set(path)
    around = steps(width)
    furthest = near = 0
    found = []
    for i, first in enumerate(path):
        if furthest <= i:
            found.append((i, near))
        furthest = max(furthest, i + 1)
        todo = [first]
        near += 1
        while todo:
            cell = todo.pop()
            for step in around:
                other = cell + step
                if not walkable[other]:
                    continue
                at = place.get(other)
                if at is not None:
                    furthest = max(furthest, at)
                elif other not in seen:
                    seen.add(other)
                    near += 1
                    todo.append(other)
    return found
