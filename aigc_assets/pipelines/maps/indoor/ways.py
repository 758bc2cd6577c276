"""The way from start to exit, straight through doors whose places are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_assets.pipelines.maps.grid import (
    FLOOR,
    WALL,
    cheapest_way,
    distances,
    shortest_path,
    steps,
)
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.keys import NoRoom

_STEP, _DIG = 1, 6
"""Prices of a cell that can be walked on and of one that is opened for the way."""


def way_through(
    canvas: Canvas,
    start: int,
    exit_: int,
    doors: Sequence[tuple[int, str]],
    colours: Sequence[str],
    turn: int,
) -> tuple[list[int], list[int]]:
    """A way that passes every given door once and never comes beside an earlier part of itself.

    Only such a way can be closed by walls that stand beside the doors.

    Args:
        canvas: Cells of the way are opened in it.
        start: First cell.
        exit_: Last cell.
        doors: (cell, colour) of the doors whose places are given.
        colours: Order in which doors are to be met, by colour; empty for any.
        turn: Of the tries; they differ in the side from which the doors are passed.

    Returns:
        The way, and the doors in the order in which it passes them.

    Raises:
        NoRoom: If there is no such way.
    """
    if not doors:
        return shortest_path(canvas.walkable, canvas.width, start, exit_), []
    away = distances(canvas.walkable, canvas.width, [start])
    order = sorted(doors, key=lambda door: (int(away[door[0]]), door[0]))
    if turn % 2 and not colours:
        order.reverse()
    if colours:
        order.sort(key=lambda door: colours.index(door[1]))
    cells = [cell for cell, _ in order]
    price = np.where(canvas.walkable > 0, _STEP, _DIG).astype(np.int32)
    solid = canvas.pinned & (canvas.walkable == 0)
    price[~canvas.inside | solid | solid[canvas.twin]] = -1
    options = _options(canvas, price, cells, start, exit_)
    turns = (
        options[turn // 2 % max(1, len(options)) :] + options[: turn // 2 % max(1, len(options))]
    )
    for sides in turns[:16]:
        path = _thread(canvas, price, cells, sides, start, exit_)
        if path:
            ground = np.array(path)
            canvas.put(ground[canvas.walkable[ground] == 0], FLOOR)
            return path, cells
    raise NoRoom(f"no way from start to exit leads through the pinned {order[0][1]} door")


def _options(
    canvas: Canvas, price: np.ndarray, doors: Sequence[int], start: int, exit_: int
) -> list[list[int]]:
    """For each door the step with which it is passed, in all combinations that pins allow."""
    combined: list[list[int]] = [[]]
    for door in doors:
        fitting = []
        for step in steps(canvas.width):
            side = canvas.width if abs(step) == 1 else 1
            walls = (door - side, door + side)
            open_pin = any(canvas.pinned[end] and canvas.flat[end] != WALL for end in walls)
            taken = {start, exit_} & set(walls)
            if price[door - step] >= 0 and price[door + step] >= 0 and not open_pin and not taken:
                fitting.append(step)
        combined = [[*sides, step] for sides in combined for step in fitting][:64]
    return combined


def _thread(
    canvas: Canvas,
    price: np.ndarray,
    doors: Sequence[int],
    sides: Sequence[int],
    start: int,
    exit_: int,
) -> list[int]:
    """The cheapest way through the doors in their order with the given steps; or none."""
    width = canvas.width
    price = price.copy()
    around = np.array(steps(width))
    path = [start]
    for door, step in zip(doors, sides, strict=True):
        side = width if abs(step) == 1 else 1
        price[[door, door - side, door + side]] = -1
    goals = [door - step for door, step in zip(doors, sides, strict=True)]
    fronts = [door + step for door, step in zip(doors, sides, strict=True)]
    for leg, goal in enumerate([*goals, exit_]):
        here = price.copy()
        for front in fronts[leg:]:  # leave room before and behind the doors to come
            if front != goal:
                here[front] = -1
        for later in goals[leg + 1 :]:
            here[later] = -1
        if goal != exit_:
            here[exit_] = -1
        here[path[-1]] = max(0, int(here[path[-1]]))
        part = cheapest_way(here, width, path[-1], goal)
        if not part:
            return []
        path += part[1:]
        used = np.array(part)
        price[used] = -1
        price[(used[:, None] + around).reshape(-1)] = -1
        if leg < len(doors):
            if fronts[leg] in path or (price[fronts[leg]] < 0 and fronts[leg] != exit_):
                return []
            path += [doors[leg], fronts[leg]]
            if fronts[leg] == exit_ and leg + 1 < len(doors):
                return []
    return path
