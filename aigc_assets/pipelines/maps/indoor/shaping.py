"""Changes of the terrain that requirements ask for: liquid, open air, the length of the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_assets.pipelines.maps.grid import (
    FLOOR,
    LIQUID,
    OUTDOOR,
    WALL,
    Walkable,
    distances,
    shortest_path,
)
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.gates import across
from aigc_assets.pipelines.maps.indoor.keys import NoRoom
from aigc_assets.pipelines.maps.requirements import Range

_HOPELESS = 3
"""Walls rarely make a way this many times longer: a built layout serves better."""
_LARGE = 10_000
"""Cells of a map from which on a wall is too dear to be built where it does not bring enough."""
_RING = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def set_liquid(
    canvas: Canvas, wanted: Range, kept: np.ndarray, random: np.random.Generator
) -> None:
    """Bring the number of liquid cells into a range without changing where one can walk.

    Liquid grows out of walls beside liquid and ground, and turns into wall where there is too much.

    Args:
        canvas: Changed.
        wanted: Cells of liquid.
        kept: Cells that stay what they are, flat bool (the walls beside doors).
        random: Chooses.

    Raises:
        NoRoom: If there are not enough walls, or pins forbid it.
    """
    free = canvas.inside & ~canvas.pinned & ~kept & ~kept[canvas.twin]
    count = int((canvas.flat == LIQUID).sum())
    if count > wanted.high:
        count = _change(canvas, free, LIQUID, WALL, count - wanted.high, count - wanted.low, random)
        low = int((canvas.flat == LIQUID).sum())
    elif count < wanted.low:
        most = min(wanted.high, wanted.low + max(2, wanted.low // 10)) - count
        _change(canvas, free, WALL, LIQUID, wanted.low - count, most, random)
        low = int((canvas.flat == LIQUID).sum())
    else:
        return
    if not wanted.low <= low <= wanted.high:
        raise NoRoom(f"{low} cells of liquid, liquid {wanted} was asked for")


def set_outdoor(
    canvas: Canvas, wanted: Range, kept: np.ndarray, random: np.random.Generator
) -> None:
    """Bring the number of outdoor cells into a range: floor and open air turn into each other.

    Raises:
        NoRoom: If there is not enough ground, or pins forbid it.
    """
    free = canvas.inside & ~canvas.pinned & ~kept & ~kept[canvas.twin]
    count = int((canvas.flat == OUTDOOR).sum())
    if count > wanted.high:
        _change(canvas, free, OUTDOOR, FLOOR, count - wanted.high, count - wanted.low, random)
    elif count < wanted.low:
        most = min(wanted.high, wanted.low + max(2, wanted.low // 10)) - count
        _change(canvas, free, FLOOR, OUTDOOR, wanted.low - count, most, random)
    count = int((canvas.flat == OUTDOOR).sum())
    if not wanted.low <= count <= wanted.high:
        raise NoRoom(f"{count} cells of outdoor ground, outdoor {wanted} was asked for")


def _change(
    canvas: Canvas,
    free: np.ndarray,
    old: int,
    new: int,
    least: int,
    most: int,
    random: np.random.Generator,
) -> int:
    """Turn at least ``least`` and at most ``most`` cells from one kind into another, in blobs."""
    flat, width = canvas.flat, canvas.width
    around = np.array([dy * width + dx for dy, dx in _RING])
    done = 0
    noise = random.random(flat.size)
    noise = np.minimum(noise, noise[canvas.twin])
    while done < least:
        cells = np.flatnonzero(free & (flat == old))
        if not len(cells):
            break
        ring = flat[cells[:, None] + around]
        # Blobs grow where they have neighbours, beside ground first: a lake is there to be seen.
        shore = np.minimum(3, ((ring != WALL) & (ring != LIQUID)).sum(1))
        worth = (ring == new).sum(1) + 1.5 * shore + noise[cells]
        order = cells[np.argsort(-worth, kind="stable")]
        batch = max(1, min(len(order) // 8, (least - done) // 3))
        moved = False
        for cell in order.tolist():
            if batch <= 0 or done >= least:
                break
            pair = 1 if canvas.twin[cell] == cell else 2
            if flat[cell] != old or done + pair > most:
                continue
            if canvas.put([cell], new):
                done += pair
                batch -= 1
                moved = True
        if not moved:
            break
    return done


def drain(canvas: Canvas, kind: int, count: int, keep: int, random: np.random.Generator) -> int:
    """Turn ground into liquid or wall, never cutting what is connected.

    Args:
        canvas: One connected area; stays one.
        kind: LIQUID or WALL.
        count: Cells to turn.
        keep: Walkable cells that must remain.
        random: Chooses where.

    Returns:
        The number of cells turned.
    """
    width = canvas.width
    done = 0
    left = int(canvas.walkable.sum())
    flat = canvas.flat
    noise = random.random(flat.size)
    around = np.array([dy * width + dx for dy, dx in _RING])
    while done < count and left > keep:
        walkable = canvas.walkable
        cells = np.flatnonzero((walkable > 0) & ~canvas.pinned)
        worth = 2 * (flat[cells[:, None] + around] == kind).sum(1) + noise[cells]
        moved = False
        for cell in cells[np.argsort(-worth, kind="stable")].tolist()[: max(8, len(cells) // 4)]:
            pair = 1 if canvas.twin[cell] == cell else 2
            if done >= count or left - pair < keep:
                break
            if flat[cell] == kind or not joined_around(canvas.walkable, width, cell):
                continue
            before = int(flat[cell])
            canvas.put([cell], kind)
            if pair == 2 and canvas.symmetry and not _whole(canvas):
                canvas.put([cell], before)
                continue
            done += pair
            left -= pair
            moved = True
        if not moved:
            break
    return done


def _whole(canvas: Canvas) -> bool:
    walkable = canvas.walkable
    first = np.flatnonzero(walkable)[:1]
    return bool((distances(walkable, canvas.width, first)[walkable > 0] >= 0).all())


def joined_around(walkable: Walkable, width: int, cell: int) -> bool:
    """Whether a cell has walkable neighbours, all joined by the eight cells around it."""
    ring = [bool(walkable[cell + dy * width + dx]) for dy, dx in _RING]
    sides = sum(ring[0::2])
    if sides <= 1:
        return sides == 1
    # Runs of walkable cells around it that hold a side: one run means that nothing is cut.
    runs = 0
    for k in range(8):
        if ring[k] and not ring[k - 1]:
            end, holds = k, False
            while ring[end % 8]:
                holds |= end % 2 == 0
                end += 1
            runs += holds
    return runs <= 1


def lengthen(
    canvas: Canvas, start: int, exit_: int, wanted: Range, kept: np.ndarray, tries: int
) -> None:
    """Make the shortest way longer with walls across it, until it is as long as wanted.

    Each wall closes a narrow place or reaches across a room and leaves a gap at one end; of all
    that leave the exit within reach the one that lengthens the way most is built.

    Args:
        canvas: Changed; one connected area before and after.
        start: First cell of the way.
        exit_: Last cell.
        wanted: Steps of the way; never made longer than ``wanted.high``.
        kept: Cells that stay open, flat bool.
        tries: Most walls.
    """
    for turn in range(tries):
        walkable = canvas.walkable
        path = shortest_path(walkable, canvas.width, start, exit_)
        if len(path) - 1 >= wanted.low or _HOPELESS * len(path) < wanted.low:
            return
        best: tuple[int, int, Canvas] | None = None
        stride = max(1, len(path) // 24)
        for i in range(1, len(path) - 1, stride):
            for wall in _barriers(canvas, path, i):
                cells = np.array(wall)
                if kept[cells].any() or kept[canvas.twin[cells]].any():
                    continue
                trial = canvas.copy()
                if not trial.put(cells, WALL):
                    continue
                way = distances(trial.walkable, canvas.width, [start])[exit_]
                if not len(path) - 1 < way <= wanted.high:
                    continue
                if best is not None and int(way) - 2 * len(wall) <= best[0]:
                    continue
                lost = trial.fill_unreached(start)
                if lost < 0 or lost > 6:
                    continue
                gain = int(way) - 2 * len(wall) - 3 * lost
                if best is None or gain > best[0]:
                    best = (gain, int(way), trial)
        if best is None:
            return
        canvas.terrain = best[2].terrain
        gain = best[1] - (len(path) - 1)
        if canvas.flat.size > _LARGE and gain * (tries - turn) < wanted.low - len(path) + 1:
            return


def _barriers(canvas: Canvas, path: Sequence[int], i: int) -> list[list[int]]:
    """Walls across the way at ``path[i]``: closed, or with a gap at one end."""
    side = across(canvas.terrain, path, i)
    if not side:
        return []
    walkable = canvas.walkable
    line = [int(path[i])]
    for step in (side, -side):
        cell = line[0] + step
        while walkable[cell]:
            line.append(cell)
            cell += step
    line.sort()
    if len(line) <= 4:
        return [line] + ([line[1:], line[:-1]] if len(line) > 2 else [])
    return [line[1:], line[:-1]]
