"""Floods, distances and cheapest ways in plain Python, as `csrc/host/grid.cpp` does them.

`aigc_assets.pipelines.maps.grid` chooses between the two; the names and arguments are those of the
compiled functions. Cells are numbers ``y * width + x``, and the outermost ring is not walkable, so
no neighbour of a walkable cell leaves the map.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Cells = NDArray[np.int32]


def _around(width: int) -> tuple[int, ...]:
    """Up, right, down, left, then the diagonals."""
    return (-width, 1, width, -1, 1 - width, 1 + width, width - 1, -1 - width)


def _flood(walkable: bytes, width: int, sources: list[int], shut: list[int]) -> list[int]:
    distance = [-1] * len(walkable)
    for cell in shut:
        distance[cell] = -2
    queue: deque[int] = deque()
    for cell in sources:
        distance[cell] = 0
        queue.append(cell)
    around = _around(width)[:4]
    size = len(walkable)
    while queue:
        cell = queue.popleft()
        after = distance[cell] + 1
        for step in around:
            other = cell + step
            if 0 <= other < size and distance[other] == -1 and walkable[other]:
                distance[other] = after
                queue.append(other)
    for cell in shut:
        distance[cell] = -1
    return distance


def distances(walkable: Bytes, width: int, sources: Cells, shut: Cells) -> Cells:
    """Steps from the nearest source to every cell, -1 where none leads."""
    flood = _flood(walkable.tobytes(), width, sources.tolist(), shut.tolist())
    return np.array(flood, dtype=np.int32)


def shortest_path(walkable: Bytes, width: int, start: int, goal: int, shut: Cells) -> Cells:
    """Cells of a shortest walk that prefers to go on straight; empty when there is none."""
    closed = [cell for cell in shut.tolist() if cell != goal]
    distance = _flood(walkable.tobytes(), width, [goal], closed)
    if distance[start] < 0:
        return np.zeros(0, dtype=np.int32)
    path = [start]
    heading = 0
    size = len(distance)

    def leads(step: int, wanted: int) -> bool:
        return 0 <= path[-1] + step < size and distance[path[-1] + step] == wanted

    while path[-1] != goal:
        wanted = distance[path[-1]] - 1
        if not (heading and leads(heading, wanted)):
            heading = next(step for step in _around(width)[:4] if leads(step, wanted))
        path.append(path[-1] + heading)
    return np.array(path, dtype=np.int32)


def components(walkable: Bytes, width: int) -> Cells:
    """Number of the connected area of every cell in the order of first cells, -1 where solid."""
    free = walkable.tobytes()
    label = [-1] * len(free)
    around = _around(width)[:4]
    number = 0
    for first in np.flatnonzero(walkable).tolist():
        if label[first] >= 0:
            continue
        label[first] = number
        area = [first]
        for cell in area:  # grows while it runs
            for step in around:
                other = cell + step
                if 0 <= other < len(free) and free[other] and label[other] < 0:
                    label[other] = number
                    area.append(other)
        number += 1
    return np.array(label, dtype=np.int32)


def separators(walkable: Bytes, width: int, path: Cells) -> list[tuple[int, int]]:
    """(index in the path, cells on the near side) of each cell that every walk has to pass."""
    free = walkable.tobytes()
    cells = path.tolist()
    place = {cell: i for i, cell in enumerate(cells)}
    seen = set(cells)
    around = _around(width)[:4]
    furthest = near = 0
    found = []
    for i, first in enumerate(cells):
        if furthest <= i:
            found.append((i, near))
        furthest = max(furthest, i + 1)
        todo = [first]
        near += 1
        while todo:
            cell = todo.pop()
            for step in around:
                other = cell + step
                if not (0 <= other < len(free) and free[other]):
                    continue
                at = place.get(other)
                if at is not None:
                    furthest = max(furthest, at)
                elif other not in seen:
                    seen.add(other)
                    near += 1
                    todo.append(other)
    return found


def cut_depth(walkable: Bytes, width: int, gate: Bytes, start: int) -> Cells:
    """How many cells of ``gate`` every walk from ``start`` to a cell has to pass.

    References:
        Hopcroft & Tarjan, "Efficient algorithms for graph manipulation" (1973).
    """
    free, cutting = walkable.tobytes(), gate.tobytes()
    around = _around(width)[:4]
    size = len(free)
    found, lowest, parent = [0] * size, [0] * size, [-1] * size
    order = []
    todo = [(start, 0)]
    found[start] = lowest[start] = 1
    while todo:
        cell, turn = todo.pop()
        if turn == 0:
            order.append(cell)
        for i in range(turn, 4):
            other = cell + around[i]
            if not (0 <= other < size and free[other]):
                continue
            if not found[other]:
                found[other] = lowest[other] = len(order) + 1
                parent[other] = cell
                todo.append((cell, i + 1))
                todo.append((other, 0))
                break
            if other != parent[cell]:
                lowest[cell] = min(lowest[cell], found[other])
        else:
            if parent[cell] >= 0:
                lowest[parent[cell]] = min(lowest[parent[cell]], lowest[cell])
    depth = [0] * size
    for cell in order[1:]:
        above = parent[cell]
        cuts = above != start and cutting[above] and lowest[cell] >= found[above]
        depth[cell] = depth[above] + bool(cuts)
    return np.array(depth, dtype=np.int32)


def cheapest_way(price: Cells, width: int, start: int, goal: int, neighbours: int) -> Cells:
    """The cheapest way over cells of price >= 0, both ends included and paid for; else empty."""
    prices = price.tolist()
    size = len(prices)
    none = np.zeros(0, dtype=np.int32)
    if prices[start] < 0 or prices[goal] < 0:
        return none
    far = 1 << 62
    spent, before = [far] * size, [-1] * size
    spent[start] = prices[start]
    queue = [(prices[start], start)]
    around = list(zip(_around(width), (0, 1, 0, -1, 1, 1, -1, -1), strict=True))[:neighbours]
    while queue:
        paid, cell = heapq.heappop(queue)
        if paid > spent[cell]:
            continue
        if cell == goal:
            break
        column = cell % width
        for step, right in around:
            other = cell + step
            if not (0 <= other < size and 0 <= column + right < width) or prices[other] < 0:
                continue
            cost = paid + prices[other]
            if cost < spent[other]:
                spent[other] = cost
                before[other] = cell
                heapq.heappush(queue, (cost, other))
    if spent[goal] == far:
        return none
    way = [goal]
    while way[-1] != start:
        way.append(before[way[-1]])
    return np.array(way[::-1], dtype=np.int32)


def joins(walkable: Bytes, width: int, price: Cells) -> list[tuple[int, int, list[int]]]:
    """The cheapest tree of ways that joins all areas: (area, area, cells to open) of each.

    The areas grow until they meet; of the meetings the cheapest tree is kept.

    References:
        Mehlhorn, "A faster approximation algorithm for the Steiner problem in graphs" (1988).
    """
    owner: list[Any] = components(walkable, width).tolist()
    areas = max(owner, default=-1) + 1
    if areas < 2:
        return []
    prices = price.tolist()
    size = len(prices)
    far = 1 << 62
    before = [-1] * size
    spent = [0 if number >= 0 else far for number in owner]
    queue = [(0, cell) for cell in range(size) if owner[cell] >= 0]
    around = _around(width)[:4]
    while queue:
        paid, cell = heapq.heappop(queue)
        if paid > spent[cell]:
            continue
        for step in around:
            other = cell + step
            if not 0 <= other < size or prices[other] < 0:
                continue
            cost = paid + prices[other]
            if cost < spent[other]:
                spent[other] = cost
                owner[other], before[other] = owner[cell], cell
                heapq.heappush(queue, (cost, other))
    meetings = sorted(
        (spent[cell] + spent[other], cell, other)
        for cell in range(size)
        for other in (cell + 1, cell + width)
        if other < size and owner[cell] >= 0 and owner[other] >= 0 and owner[cell] != owner[other]
    )
    group = list(range(areas))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    links = []
    for _, *ends in meetings:
        numbers = [owner[cell] for cell in ends]
        first, second = (root(number) for number in numbers)
        if first == second:
            continue
        group[first] = second
        cells = []
        for cell in ends:
            while before[cell] >= 0:
                cells.append(cell)
                cell = before[cell]
        links.append((numbers[0], numbers[1], cells))
    return links
