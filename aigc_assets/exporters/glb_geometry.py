"""Faces of a level in three dimensions: seen from above, or from the side as an upright slab.

One cell is one metre. From above x runs along the columns, z down the rows, y up; walls are boxes
one metre high. From the side x runs along the columns, y up the rows, and the level is one metre
deep: what is behind stands at z = 0, what is solid reaches to z = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HEIGHT = 1.0
"""Of walls, in metres."""

BOARD = 0.25
"""Thickness of what stops only who falls on it, in metres."""

BOX = 0.9
"""Edge of a box that can be pushed, in metres."""

Mask = NDArray[np.bool_]
Corners = tuple[tuple[int, int, int], ...]

# Corners of a face as steps (x, y, z) from the cell's corner, counter-clockwise seen from outside,
# from the bottom left of the picture on.
_TOP: Corners = ((0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0))
_BOTTOM: Corners = ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1))
_FRONT: Corners = ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
_BACK: Corners = ((1, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 0))
_RIGHT: Corners = ((1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1))
_LEFT: Corners = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0))
_NORMALS = {_TOP: (0, 1, 0), _BOTTOM: (0, -1, 0), _FRONT: (0, 0, 1), _BACK: (0, 0, -1),
            _RIGHT: (1, 0, 0), _LEFT: (-1, 0, 0)}  # fmt: skip

# Faces of a solid cell with the row and column step to the neighbour that hides each.
_FROM_ABOVE = ((_FRONT, 1, 0), (_BACK, -1, 0), (_RIGHT, 0, 1), (_LEFT, 0, -1))
_FROM_THE_SIDE = ((_TOP, -1, 0), (_BOTTOM, 1, 0), (_RIGHT, 0, 1), (_LEFT, 0, -1))


class Quads(NamedTuple):
    """Faces with four corners each: corners [N, 4, 3] m, normals [N, 3], atlas tile [N].

    ``shares`` [N] is how much of the picture, from its top, a face shows.
    """

    corners: NDArray[np.float64]
    normals: NDArray[np.float64]
    tiles: NDArray[np.int64]
    shares: NDArray[np.float64]


class Part(NamedTuple):
    """Equal faces on many cells.

    Args:
        mask: The cells, [H, W].
        face: Corners as steps.
        low: Lowest x, y, z of the body in a cell, metres.
        size: Its extent.
        tiles: Atlas tile of each cell, [H, W].
        share: How much of the picture, from its top, is shown.
    """

    mask: Mask
    face: Corners
    low: tuple[float, float, float]
    size: tuple[float, float, float]
    tiles: NDArray[np.int64]
    share: float = 1.0


def from_above(walls: Mask, floor: Mask, cells: NDArray[np.int64]) -> Quads:
    """Floors, tops of walls, and sides with no wall behind them.

    Args:
        walls: Cells that become boxes, [H, W].
        floor: Cells that become flat tiles, [H, W].
        cells: Atlas tile of each cell, [H, W].
    """
    flat, box = (1.0, 0.0, 1.0), (1.0, HEIGHT, 1.0)
    parts = [Part(floor, _TOP, (0, 0, 0), flat, cells), Part(walls, _TOP, (0, 0, 0), box, cells)]
    parts += [Part(walls & ~_shifted(walls, down, right), face, (0, 0, 0), box, cells)
              for face, down, right in _FROM_ABOVE]  # fmt: skip
    return _quads(parts, upright=False)


def from_the_side(
    walls: Mask,
    boards: Mask,
    liquid: Mask,
    behind: NDArray[np.int64],
    before: NDArray[np.int64],
    whole: NDArray[np.int64],
) -> Quads:
    """Walls as boxes, boards as thin boxes, all else as pictures that stand upright.

    Args:
        walls: Cells that become boxes, [H, W].
        boards: Cells that become boards at their upper edge, [H, W].
        liquid: Cells whose picture stands at the front, [H, W].
        behind: Atlas tile of the backdrop of each cell, -1 for none, [H, W].
        before: Atlas tile of what stands before the backdrop, -1 for none, [H, W].
        whole: Atlas tile of all layers of each cell, [H, W].
    """
    everything = (1.0, 1.0, 1.0)
    open_cells = ~walls
    parts = [
        Part(open_cells & (behind >= 0), _FRONT, (0, 0, 0), (1.0, 1.0, 0.0), behind),
        Part(open_cells & (before >= 0) & ~liquid, _FRONT, (0, 0, 0.5),
             (1.0, 1.0, 0.0), before),
        Part(open_cells & (before >= 0) & liquid, _FRONT, (0, 0, 1.0),
             (1.0, 1.0, 0.0), before),
        Part(walls, _FRONT, (0, 0, 0), everything, whole),
        Part(walls, _BACK, (0, 0, 0), everything, whole),
    ]  # fmt: skip
    parts += [Part(walls & ~_shifted(walls, down, right), face, (0, 0, 0), everything, whole)
              for face, down, right in _FROM_THE_SIDE]  # fmt: skip
    low, size = (0.0, 1.0 - BOARD, 0.0), (1.0, BOARD, 1.0)
    thin = boards & open_cells
    parts += [Part(thin, face, low, size, before, BOARD) for face in (_FRONT, _BACK, _TOP, _BOTTOM)]
    parts += [Part(thin & ~_shifted(thin | walls, 0, right), face, low, size, before, BOARD)
              for face, right in ((_RIGHT, 1), (_LEFT, -1))]  # fmt: skip
    return _quads(parts, upright=True)


def box(tile: int) -> Quads:
    """A box that can be pushed, standing on the origin in its middle, without a bottom."""
    mask = np.ones((1, 1), dtype=bool)
    size, low = (BOX, BOX, BOX), (-BOX / 2, 0.0, -BOX / 2)
    tiles = np.full((1, 1), tile, dtype=np.int64)
    faces = (_TOP, _FRONT, _BACK, _RIGHT, _LEFT)
    return _quads([Part(mask, face, low, size, tiles) for face in faces], upright=False)


def solid_boxes(
    boxes: Sequence[tuple[int, int, int, int]], rows: int, upright: bool, top: float = HEIGHT
) -> Quads:
    """All six faces of boxes that cover rectangles of cells.

    Args:
        boxes: Column, row, width and height of each, in cells.
        rows: Of the map.
        upright: Whether the map is seen from the side.
        top: Height of the boxes; seen from the side, thickness from their upper edge.
    """
    sides = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    if upright:
        height = sides[:, 3] if top == HEIGHT else np.full(len(sides), top)
        upper = rows - sides[:, 1]
        origin = np.stack([sides[:, 0], upper - height, np.zeros(len(sides))], axis=1)
        extent = np.stack([sides[:, 2], height, np.ones(len(sides))], axis=1)
    else:
        origin = np.stack([sides[:, 0], np.zeros(len(sides)), sides[:, 1]], axis=1)
        extent = np.stack([sides[:, 2], np.full(len(sides), top), sides[:, 3]], axis=1)
    steps = np.array(list(_NORMALS), dtype=np.float64)
    corners = origin[:, None, None] + steps * extent[:, None, None]
    normals = np.tile(np.array(list(_NORMALS.values()), dtype=np.float64), (len(sides), 1))
    count = len(normals)
    return Quads(corners.reshape(count, 4, 3), normals, np.zeros(count, np.int64), np.ones(count))


def merge_rectangles(mask: Mask) -> list[tuple[int, int, int, int]]:
    """Cover the true cells with few rectangles (column, row, width, height), none overlapping.

    Greedy: from the top left, as wide as it goes, then as far down as the full width goes.
    """
    left = mask.copy()
    found = []
    for row, column in np.argwhere(mask).tolist():
        if not left[row, column]:
            continue
        run = left[row, column:]
        width = int(np.argmin(run)) if not run.all() else len(run)
        height = 1
        while row + height < mask.shape[0] and left[row + height, column : column + width].all():
            height += 1
        left[row : row + height, column : column + width] = False
        found.append((column, row, width, height))
    return found


def _shifted(mask: Mask, down: int, right: int) -> Mask:
    """Whether the neighbour of each cell in this direction is true; outside nothing is."""
    height, width = mask.shape
    found: Mask = np.pad(mask, 1)[1 + down : 1 + down + height, 1 + right : 1 + right + width]
    return found


def _quads(parts: Sequence[Part], upright: bool) -> Quads:
    corners, normals, tiles, shares = [], [], [], []
    for part in parts:
        rows, columns = np.nonzero(part.mask)
        flat = np.zeros_like(rows)
        if upright:
            up = part.mask.shape[0] - 1 - rows
            origin = np.stack([columns, up, flat], axis=1).astype(np.float64)
        else:
            origin = np.stack([columns, flat, rows], axis=1).astype(np.float64)
        steps = np.array(part.face) * np.array(part.size) + np.array(part.low)
        corners.append(origin[:, None] + steps)
        normals.append(np.tile(np.array(_NORMALS[part.face], dtype=np.float64), (len(rows), 1)))
        tiles.append(part.tiles[rows, columns])
        shares.append(np.full(len(rows), part.share))
    return Quads(*(np.concatenate(values) for values in (corners, normals, tiles, shares)))
