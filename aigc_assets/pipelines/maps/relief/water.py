"""Running water and cheap ways on height fields.

Compiled where `aigc_assets._host` is there, plain Python with equal results elsewhere. Levels are
whole numbers, so that "lower" is never a matter of rounding.

References:
    Barnes, Lehman & Mulla, "Priority-flood: An optimal depression-filling and watershed-labeling
    algorithm for digital elevation models", Computers & Geosciences 62, 2014.
    O'Callaghan & Mark, "The extraction of drainage networks from digital elevation data", 1984.
    Braun & Willett, "A very efficient O(n), implicit and parallel method to solve the stream power
    equation", Geomorphology 180-181, 2013.
"""

from __future__ import annotations

import heapq
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


def _compiled() -> Any:
    """The compiled half; None where it was not built or is switched off."""
    if os.environ.get("AIGC_ASSETS_NATIVE") == "0":
        return None
    try:
        from aigc_assets import _host
    except ImportError:
        return None
    return _host


_host = _compiled()

UNITS = 256
"""Levels per metre."""
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, -1), (-1, 1), (1, 1), (1, -1))
"""(down, right) to the eight neighbours; of equally steep ones the first is taken."""

Levels = NDArray[np.int32]


class Drainage(NamedTuple):
    """Where the water goes, [H, W] each.

    Args:
        filled: Levels, hollows filled so that every cell has a lower neighbour.
        receiver: Flat index of the neighbour down the steepest slope, -1 at base cells.
        flow: Cells whose water passes, the cell itself included.
    """

    filled: Levels
    receiver: NDArray[np.int32]
    flow: NDArray[np.int32]


def drain(level: Levels, base: NDArray[np.bool_]) -> Drainage:
    """Fill hollows, route and add up the water.

    Args:
        level: Height in 1/`UNITS` m, [H, W].
        base: Cells that water runs to and stays (sea, edge of the map), at least one, [H, W].
    """
    if _host is None:
        return drain_plain(level, base)
    return Drainage(*_host.drain(level, base))


def drain_plain(level: Levels, base: NDArray[np.bool_]) -> Drainage:
    """`drain` without compiled code."""
    filled = _fill(level, base)
    receiver = _receivers(filled, base)
    flow = _accumulate(filled, receiver)
    shape = level.shape
    return Drainage(filled, receiver.reshape(shape), flow.reshape(shape))


def erode(
    height: NDArray[np.float64], base: NDArray[np.bool_], strength: float, iterations: int
) -> NDArray[np.float64]:
    """Let rivers cut into the land.

    Every round fills hollows and moves each cell towards its receiver by the implicit stream-power
    law: ``h <- (h + f * h_receiver) / (1 + f)`` with ``f = strength * sqrt(cells drained)``.

    Args:
        height: Metres, [H, W]; not changed.
        base: Cells that keep their height, at least one.
        strength: Dimensionless, > 0; about 0.01..0.3.
        iterations: Rounds.
    """
    if _host is None:
        return erode_plain(height, base, strength, iterations)
    result: NDArray[np.float64] = _host.erode(height, base, strength, iterations)
    return result


def erode_plain(
    height: NDArray[np.float64], base: NDArray[np.bool_], strength: float, iterations: int
) -> NDArray[np.float64]:
    """`erode` without compiled code."""
    height = np.array(height, dtype=np.float64)
    for _ in range(iterations):
        water = drain_plain(np.rint(height * UNITS).astype(np.int32), base)
        order = np.argsort(water.filled, axis=None, kind="stable").tolist()
        raised = np.maximum(height, water.filled / UNITS).ravel().tolist()
        factors = (strength * np.sqrt(water.flow.astype(np.float64))).ravel().tolist()
        receiver = water.receiver.ravel().tolist()
        values = height.ravel().tolist()
        for cell in order:
            to = receiver[cell]
            if to >= 0:
                factor = factors[cell]
                values[cell] = (raised[cell] + factor * values[to]) / (1.0 + factor)
        height = np.array(values).reshape(height.shape)
    return height


def least_cost(cost: Levels, level: Levels, source: int) -> NDArray[np.int64]:
    """Cost of the cheapest way from one cell to all.

    A step costs (5 straight, 7 diagonal) times the sum of both cells' costs, plus the square of the
    difference of level / 16. Diagonal steps need both cells beside them open.

    Args:
        cost: Per cell, [H, W]; cells below 1 are shut.
        level: Height in whole units of the caller's choice, [H, W].
        source: Flat index.

    Returns:
        [H, W], -1 where no way leads.
    """
    if _host is None:
        return least_cost_plain(cost, level, source)
    result: NDArray[np.int64] = _host.least_cost(cost, level, source)
    return result


def least_cost_plain(cost: Levels, level: Levels, source: int) -> NDArray[np.int64]:
    """`least_cost` without compiled code."""
    height, width = cost.shape
    costs, levels = cost.ravel().tolist(), level.ravel().tolist()
    distance = [-1] * len(costs)
    if costs[source] >= 1:
        distance[source] = 0
        queue = [(0, source)]
        while queue:
            far, cell = heapq.heappop(queue)
            if far > distance[cell]:
                continue
            for other, step in _open_steps(cell, costs, height, width):
                climb = levels[cell] - levels[other]
                there = far + step + climb * climb // 16
                if distance[other] < 0 or there < distance[other]:
                    distance[other] = there
                    heapq.heappush(queue, (there, other))
    return np.array(distance, dtype=np.int64).reshape(cost.shape)


def cheapest_way(distance: NDArray[np.int64], cost: Levels, level: Levels, goal: int) -> list[int]:
    """Cells from the source of ``distance`` to ``goal``, both included; empty if none leads."""
    height, width = cost.shape
    far, costs, levels = (a.ravel().tolist() for a in (distance, cost, level))
    if far[goal] < 0:
        return []
    way = [goal]
    while far[way[-1]] > 0:
        cell = way[-1]
        for other, step in _open_steps(cell, costs, height, width):
            climb = levels[cell] - levels[other]
            if far[other] >= 0 and far[other] + step + climb * climb // 16 == far[cell]:
                way.append(other)
                break
        else:
            raise AssertionError("a distance without a way")
    return way[::-1]


def _open_steps(cell: int, costs: list[int], height: int, width: int) -> list[tuple[int, int]]:
    y, x = divmod(cell, width)
    found = []
    for k, (down, right) in enumerate(STEPS):
        if not (0 <= y + down < height and 0 <= x + right < width):
            continue
        other = cell + down * width + right
        if costs[other] < 1:
            continue
        if k >= 4 and (costs[cell + down * width] < 1 or costs[cell + right] < 1):
            continue
        found.append((other, (5 if k < 4 else 7) * (costs[cell] + costs[other])))
    return found


def _fill(level: Levels, base: NDArray[np.bool_]) -> Levels:
    height, width = level.shape
    # A ring of seen cells around the map saves every test for its edge.
    wide = width + 2
    levels = np.pad(level, 1).ravel().tolist()
    cells = np.arange(level.size, dtype=np.uint32).reshape(level.shape)
    # 1..8 by a hash of the cell: on ground that was level, water winds instead of running straight.
    rises = np.pad(1 + ((cells * np.uint32(2654435761)) >> np.uint32(29)), 1).ravel().tolist()
    seen = bytearray(np.pad(base.astype(np.uint8), 1, constant_values=1).tobytes())
    starts = np.flatnonzero(np.pad(base, 1)).tolist()
    if not starts:
        raise ValueError("base: expected at least one cell that water runs to")
    queue = [(levels[cell], cell) for cell in starts]
    heapq.heapify(queue)
    around = [down * wide + right for down, right in STEPS]
    while queue:
        low, cell = heapq.heappop(queue)
        for step in around:
            other = cell + step
            if not seen[other]:
                seen[other] = 1
                levels[other] = max(levels[other], low + rises[other])
                heapq.heappush(queue, (levels[other], other))
    filled = np.array(levels, dtype=np.int32).reshape(height + 2, wide)
    return np.ascontiguousarray(filled[1:-1, 1:-1])


def _receivers(filled: Levels, base: NDArray[np.bool_]) -> NDArray[np.int32]:
    height, width = filled.shape
    # Outside lies higher than anything: no water leaves that way.
    padded = np.pad(filled.astype(np.int64), 1, constant_values=1 << 40)
    index = np.arange(height * width, dtype=np.int32).reshape(filled.shape)
    best: NDArray[Any] = np.zeros(filled.shape, dtype=np.int64)
    receiver = np.full(filled.shape, -1, dtype=np.int32)
    for k, (down, right) in enumerate(STEPS):
        there = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        drop = np.maximum(filled - there, 0)
        steep = drop * drop * (2 if k < 4 else 1)
        better = (steep > best) & ~base
        best = np.where(better, steep, best)
        receiver = np.where(better, index + np.int32(down * width + right), receiver)
    return receiver


def _accumulate(filled: Levels, receiver: NDArray[np.int32]) -> NDArray[np.int32]:
    order = np.argsort(filled, axis=None, kind="stable")[::-1].tolist()
    to = receiver.ravel().tolist()
    flow = [1] * len(to)
    for cell in order:
        if to[cell] >= 0:
            flow[to[cell]] += flow[cell]
    return np.array(flow, dtype=np.int32)
