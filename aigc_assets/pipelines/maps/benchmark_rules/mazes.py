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
    wanted = max(2, round(share * (width - 2) * (height - 2)))
    if start < 0:
        start = int(random.integers(1, height - 1)) * width + int(random.integers(1, width - 1))
    walkable[start] = 1
    grow_on(walkable, width, height, [start], wanted, random, newest)
    return walkable


def grow_on(
    walkable: bytearray,
    width: int,
    height: int,
    ends: list[int],
    wanted: int,
    random: np.random.Generator,
    newest: float = 0.0,
) -> None:
    """Open cells that touch one open cell until ``wanted`` are open; in place.

    Args:
        walkable: 1 for open cells, flat, with the ring.
        width: Columns with the ring.
        height: Rows with the ring.
        ends: Open cells to go on from; changed.
        wanted: Open cells at which to stop.
        random: Leads the growth.
        newest: As for `grow`.
    """
    around = steps(width)
    count = sum(walkable)
    while ends and count < wanted:
        last = newest > 0 and random.random() < newest
        at = len(ends) - 1 if last else int(random.integers(len(ends)))
        cell = ends[at]
        free = [
            cell + step
            for step in around
            if is_inside(cell + step, width, height)
            and not walkable[cell + step]
            and sum(walkable[cell + step + other] for other in around) == 1
        ]
        if not free:
            ends.pop(at)
            continue
        chosen = free[int(random.integers(len(free)))]
        walkable[chosen] = 1
        ends.append(chosen)
        count += 1


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
