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

BRIDGE = 3
"""Cells of water that a bridge crosses at most."""

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


def road(cost: Levels, level: Levels, sources: list[int], goals: list[int]) -> list[int]:
    """The cheapest road from any source to the first goal that it reaches.

    A step costs (5 straight, 7 diagonal) times the sum of both cells' costs, plus the square of the
    difference of level / 16. Diagonal steps need both cells beside them open. A bridge leads
    straight over up to `BRIDGE` cells of water, from bank to bank, and costs what they cost.

    Args:
        cost: Per cell, [H, W], at least six columns; 0 is shut, negative ones are water.
        level: Height in whole units of the caller's choice, [H, W].
        sources: Flat indices.
        goals: Flat indices.

    Returns:
        Cells from source to goal, both included; empty where no road leads.
    """
    if _host is None:
        return road_plain(cost, level, sources, goals)
    cells: list[int] = _host.road(cost, level, sources, goals)
    return cells


def road_plain(cost: Levels, level: Levels, sources: list[int], goals: list[int]) -> list[int]:
    """`road` without compiled code."""
    height, width = cost.shape
    costs, levels = cost.ravel().tolist(), level.ravel().tolist()
    distance = {source: 0 for source in sources if costs[source] >= 1}
    before: dict[int, list[int]] = {}
    done: set[int] = set()
    queue = [(0, source) for source in distance]
    heapq.heapify(queue)
    wanted = set(goals)
    while queue:
        far, cell = heapq.heappop(queue)
        if cell in done:
            continue
        done.add(cell)
        if cell in wanted:
            way = [cell]
            while way[-1] in before:
                way += before[way[-1]]
            return way[::-1]
        for passed, price in _road_steps(cell, costs, height, width):
            other = passed[-1]
            climb = levels[cell] - levels[other]
            there = far + price + climb * climb // 16
            if other not in done and there < distance.get(other, there + 1):
                distance[other] = there
                before[other] = [*passed[-2::-1], cell]
                heapq.heappush(queue, (there, other))
    return []


def _road_steps(
    cell: int, costs: list[int], height: int, width: int
) -> list[tuple[list[int], int]]:
    """Cells passed by each step or bridge from a cell, and its price on level ground."""
    y, x = divmod(cell, width)
    found = []
    for k, (down, right) in enumerate(STEPS):
        passed, price = [], 0
        for reach in range(1, BRIDGE + 2 if k < 4 else 2):
            v, u = y + reach * down, x + reach * right
            if not (0 <= v < height and 0 <= u < width):
                break
            other = v * width + u
            passed.append(other)
            if costs[other] >= 1:
                if k < 4 or (costs[y * width + u] >= 1 and costs[v * width + x] >= 1):
                    found.append(
                        (passed, price + (5 if k < 4 else 7) * (costs[cell] + costs[other]))
                    )
                break
            if costs[other] == 0:
                break
            price -= costs[other]
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
