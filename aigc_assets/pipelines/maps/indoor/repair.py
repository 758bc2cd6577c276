"""The first half of the guarantee: one connected walkable area inside a solid border.

Islands are joined by the cheapest corridors, where a cell costs -log of the probability that the
network gave it to be walkable: the most plausible edit, not any edit. An island that is smaller
than its corridor is filled instead, whatever takes fewer edits.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.maps.grid import (
    BRIDGE,
    FLOOR,
    LIQUID,
    OUTDOOR,
    WALL,
    components,
    joins,
    steps,
)
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.sampling import Layout
from aigc_assets.pipelines.maps.pins import FREE, Pins, mirrored

LEAST = 4
"""Walkable cells that every map has."""


def repair(layout: Layout, pins: Pins | None = None, symmetry: str = "") -> tuple[Canvas, int]:
    """Close the border, write the pins, mirror a half, join or fill what is apart.

    Returns:
        The terrain, one connected walkable area of at least `LEAST` cells, and how many cells
        differ from the layout; what pins and symmetry ask for is not counted.
    """
    terrain = _mirror(layout.terrain, symmetry)
    if pins is not None:
        terrain[pins.around] = WALL
        terrain = np.where(pins.terrain == FREE, terrain, pins.terrain).astype(np.uint8)
    raw = terrain.copy()
    terrain[[0, -1]] = WALL
    terrain[:, [0, -1]] = WALL
    pinned = None if pins is None else pins.terrain != FREE
    canvas = Canvas(terrain, pinned, symmetry)
    _clear_puddles(canvas)
    for door in pins.of("door") if pins is not None else []:
        # Ground on all sides; which of them become walls is decided with the way.
        cell = door.cell[1] * canvas.width + door.cell[0]
        for step in steps(canvas.width):
            if canvas.flat[cell + step] in (WALL, LIQUID):
                canvas.put([cell + step], FLOOR)
    price = _mirror(layout.cost, symmetry).reshape(-1)
    closed = ~canvas.inside | (canvas.pinned & (canvas.walkable == 0))
    price = np.where(closed, -1, price).astype(np.int32)
    for filling in (True, False, False, False):
        if int(canvas.walkable.sum()) < LEAST:
            _open_something(canvas, price)
        _join(canvas, price, filling)
    return canvas, int((canvas.terrain != raw).sum())


def _mirror(array: np.ndarray, symmetry: str) -> np.ndarray:
    """A copy whose second half is the mirror image of the first."""
    array = array.copy()
    if symmetry:
        other = mirrored(array, symmetry).copy()
        height, width = array.shape
        if symmetry == "horizontal":
            array[:, (width + 1) // 2 :] = other[:, (width + 1) // 2 :]
        else:
            array[(height + 1) // 2 :] = other[(height + 1) // 2 :]
            if symmetry == "rotational" and height % 2:  # the middle row turns into itself
                array[height // 2, (width + 1) // 2 :] = other[height // 2, (width + 1) // 2 :]
    return array


def _clear_puddles(canvas: Canvas) -> None:
    """Liquid of fewer than 3 cells becomes what surrounds it."""
    flat = canvas.flat
    liquid = ((flat == LIQUID) & canvas.inside).astype(np.uint8)
    label = components(liquid, canvas.width)
    small = np.flatnonzero(np.bincount(label[label >= 0], minlength=1) < 3)
    for number in small.tolist() if (label >= 0).any() else []:
        area = np.flatnonzero(label == number)
        if canvas.pinned[area].any():
            continue
        around = flat[(area[:, None] + np.array(steps(canvas.width))).reshape(-1)].tolist()
        canvas.put(area, max((WALL, FLOOR, OUTDOOR), key=around.count))


def _open_something(canvas: Canvas, price: np.ndarray) -> None:
    """Open the middle, or with pins in the middle the cheapest cells there are."""
    y, x = canvas.height // 2, canvas.width // 2
    middle = (np.arange(y - 2, y + 2)[:, None] * canvas.width + np.arange(x - 2, x + 2)).reshape(-1)
    if not canvas.put(middle, FLOOR):
        open_cells = np.flatnonzero(price >= 0)
        canvas.put(open_cells[np.argsort(price[open_cells], kind="stable")][:LEAST], FLOOR)


def _join(canvas: Canvas, price: np.ndarray, filling: bool) -> None:
    """Connect all areas; with ``filling``, fill those that take fewer edits to fill."""
    label = components(canvas.walkable, canvas.width)
    sizes = np.bincount(label[label >= 0])
    if len(sizes) < 2:
        return
    ways = joins(canvas.walkable, canvas.width, price)
    must = np.zeros(len(sizes), dtype=bool)
    must[np.unique(label[canvas.pinned & (label >= 0)])] = True
    must[int(np.argmax(np.where(must, sizes + sizes.sum(), sizes)))] = True
    if filling:
        ways = _prune(ways, sizes.tolist(), must.tolist())
    for _, _, cells in ways:
        _open(canvas, np.array(cells, dtype=np.int64))
    joined = _together(ways, len(sizes), int(np.flatnonzero(must)[0]))
    for number in range(len(sizes)):
        if number not in joined and not must[number]:
            _fill(canvas, np.flatnonzero(label == number))


def _prune(
    ways: list[tuple[int, int, list[int]]], sizes: list[int], must: list[bool]
) -> list[tuple[int, int, list[int]]]:
    """Leave out the ways to areas at the end of the tree that are no larger than their way."""
    kept = list(ways)
    while True:
        ends: dict[int, list[int]] = {}
        for i, (first, second, _) in enumerate(kept):
            ends.setdefault(first, []).append(i)
            ends.setdefault(second, []).append(i)
        drop = [
            mine[0]
            for area, mine in ends.items()
            if len(mine) == 1 and not must[area] and sizes[area] <= len(kept[mine[0]][2])
        ]
        if not drop:
            return kept
        kept = [way for i, way in enumerate(kept) if i not in drop]


def _together(ways: list[tuple[int, int, list[int]]], areas: int, first: int) -> set[int]:
    """The areas that the ways connect with ``first``."""
    near: list[list[int]] = [[] for _ in range(areas)]
    for one, two, _ in ways:
        near[one].append(two)
        near[two].append(one)
    seen, todo = {first}, [first]
    while todo:
        for area in near[todo.pop()]:
            if area not in seen:
                seen.add(area)
                todo.append(area)
    return seen


def _open(canvas: Canvas, cells: np.ndarray) -> None:
    wet = np.isin(canvas.flat[cells], (LIQUID, BRIDGE))
    canvas.put(cells[wet], BRIDGE)
    canvas.put(cells[~wet & (canvas.walkable[cells] == 0)], FLOOR)


def _fill(canvas: Canvas, area: np.ndarray) -> None:
    around = canvas.flat[(area[:, None] + np.array(steps(canvas.width))).reshape(-1)].tolist()
    canvas.put(area, LIQUID if around.count(LIQUID) > around.count(WALL) else WALL)
