"""Mazes without a lattice, on a plan with one ring of wall: what several rule sets begin with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import distances, steps


def grow(
    width: int,
    height: int,
    random: np.random.Generator,
    *,
    newest: float,
    share: float,
    start: int = -1,
) -> bytearray:
    """Grow a tree of corridors: a cell is opened only where it touches one open cell.

    Args:
        width: Columns with the ring.
        height: Rows with the ring.
        random: Leads the growth.
        newest: Chance to go on from the newest end, 0..1: 1 winds, 0 branches.
        share: Share of the cells inside at which to stop, 0..1.
        start: First cell; -1 for any.
    """
    walkable = bytearray(width * height)
    around = steps(width)
    wanted = max(2, round(share * (width - 2) * (height - 2)))
    if start < 0:
        start = int(random.integers(1, height - 1)) * width + int(random.integers(1, width - 1))
    walkable[start] = 1
    active, count = [start], 1
    while active and count < wanted:
        at = len(active) - 1 if random.random() < newest else int(random.integers(len(active)))
        cell = active[at]
        free = [
            cell + step
            for step in around
            if is_inside(cell + step, width, height)
            and not walkable[cell + step]
            and sum(walkable[cell + step + other] for other in around) == 1
        ]
        if not free:
            active.pop(at)
            continue
        chosen = free[int(random.integers(len(free)))]
        walkable[chosen] = 1
        active.append(chosen)
        count += 1
    return walkable


def is_inside(cell: int, width: int, height: int, inset: int = 0) -> bool:
    """Whether a cell is not on the ring, nor on the ``inset`` rings inside it."""
    y, x = divmod(cell, width)
    return inset < x < width - 1 - inset and inset < y < height - 1 - inset


def longest_path(walkable: bytearray, width: int) -> tuple[int, int, int]:
    """Length and ends of the longest shortest path, by two sweeps from the first open cell.

    Exact on trees; on plans with loops it is the lower bound that the public problem definition
    measures, too.
    """
    first = steps_from(walkable, width, walkable.index(1))
    one = int(np.argmax(first))
    second = steps_from(walkable, width, one)
    other = int(np.argmax(second))
    return int(second[other]), one, other


def steps_from(
    walkable: bytearray, width: int, source: int, shut: tuple[int, ...] = ()
) -> NDArray[np.int32]:
    """Steps from one cell to every cell, -1 where none lead."""
    return distances(np.frombuffer(walkable, dtype=np.uint8), width, [source], shut)
