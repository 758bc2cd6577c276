"""How the neighbours of a cell lie, and what that means for its pixels.

A blob set has 47 tiles: one for each way the eight neighbours can be of the same kind, where a
corner only counts if both sides beside it are the same. A corner set has 16, one for each choice of
corners, an edge set 16, one for each choice of sides.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

TILE = 16
"""Side of a tile in px."""

N, E, S, W, NE, SE, SW, NW = (1 << i for i in range(8))
"""Bits of a neighbour mask: the neighbour there is of the same kind."""
AROUND = (
    (N, -1, 0), (E, 0, 1), (S, 1, 0), (W, 0, -1),
    (NE, -1, 1), (SE, 1, 1), (SW, 1, -1), (NW, -1, -1),
)  # fmt: skip
"""(bit, rows down, columns right) of the eight neighbours."""
WANG_ORDER = (N, NE, E, SE, S, SW, W, NW)
"""The bits in the order of Tiled's wang ids."""
_CORNERS = ((NE, N | E), (SE, S | E), (SW, S | W), (NW, N | W))


def canonical(mask: int) -> int:
    """A neighbour mask without corners that touch nothing: one of 47 values."""
    for corner, sides in _CORNERS:
        if mask & sides != sides:
            mask &= ~corner
    return mask


BLOB: tuple[int, ...] = tuple(sorted({canonical(mask) for mask in range(256)}))
"""The 47 masks of a blob set."""
FULL = len(BLOB) - 1
"""Index of the mask 255 in `BLOB`."""
BLOB_INDEX: NDArray[np.intp] = np.array([BLOB.index(canonical(mask)) for mask in range(256)])
"""Index into `BLOB` of any mask 0..255."""


def neighbour_masks(same: NDArray[np.bool_], outside: bool = True) -> NDArray[np.uint8]:
    """Which neighbours of each cell are in ``same``.

    Args:
        same: [H, W].
        outside: Whether what lies beyond the edge of the map is.

    Returns:
        Masks 0..255, [H, W] uint8; see `BLOB_INDEX`.
    """
    height, width = same.shape
    padded = np.pad(same, 1, constant_values=outside).view(np.uint8)
    mask = np.zeros((height, width), dtype=np.uint8)
    for bit, dy, dx in AROUND:
        mask |= padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] * np.uint8(bit)
    return mask


def wang_id(mask: int) -> tuple[int, ...]:
    """The eight colours of a tile of a blob set with one colour, in Tiled's order."""
    return tuple(int(bool(mask & bit)) for bit in WANG_ORDER)


@functools.lru_cache(maxsize=4)
def open_canvases(face: int = TILE) -> NDArray[np.bool_]:
    """The 3x3 cells around a cell for each mask of `BLOB`, True where another kind of ground is.

    Args:
        face: Row from which the lowest cells of a wall are seen from the front: these rows count as
            open. `TILE` for ground without faces.

    Returns:
        [47, 48, 48], read-only. Corners that touch nothing are unknown and taken as closed.
    """
    canvases = np.zeros((len(BLOB), 3, TILE, 3, TILE), dtype=bool)
    for canvas, mask in zip(canvases, BLOB, strict=True):
        for bit, dy, dx in AROUND:
            canvas[1 + dy, :, 1 + dx] = not mask & bit
        for corner, sides in _CORNERS:
            if mask & sides and mask & sides != sides:
                row, column = (0 if corner in (NE, NW) else 2), (0 if corner in (SW, NW) else 2)
                canvas[row, :, column] = False
        for below, column, here in ((SW, 0, W), (S, 1, 0), (SE, 2, E)):
            wall = here == 0 or bool(mask & here)
            if wall and not mask & below and (here == 0 or mask & S):
                canvas[1, face:, column] = True
    result = canvases.reshape(-1, 3 * TILE, 3 * TILE)
    result.setflags(write=False)
    return result


def distances(opened: NDArray[np.bool_], reach: int = 8) -> NDArray[np.float64]:
    """How far the pixels of the middle cell are from the nearest open one.

    Args:
        opened: [n, 48, 48], see `open_canvases`.
        reach: Longer distances are not told apart.

    Returns:
        Euclidean distances in px, [n, 16, 16], ``reach`` + 1 where nothing is near; 0 on open
        pixels.
    """
    result = np.full((len(opened), TILE, TILE), reach + 1.0)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            length = float(np.sqrt(dy * dy + dx * dx))
            if length <= reach:
                rows, columns = slice(TILE + dy, 2 * TILE + dy), slice(TILE + dx, 2 * TILE + dx)
                np.minimum(result, length, out=result, where=opened[:, rows, columns])
    return result


@functools.lru_cache(maxsize=4)
def blob_distances(face: int = TILE) -> NDArray[np.float64]:
    """`distances` of `open_canvases`, [47, 16, 16], read-only."""
    result = distances(open_canvases(face))
    result.setflags(write=False)
    return result


def rounded(radius: int) -> NDArray[np.bool_]:
    """Pixels that are cut off so that outer corners of a blob are round, [47, 16, 16]."""
    cut = np.zeros((len(BLOB), TILE, TILE), dtype=bool)
    y, x = np.mgrid[:TILE, :TILE] + 0.5
    for tile, mask in zip(cut, BLOB, strict=True):
        for side, other, cy, cx in (
            (N, W, radius, radius), (N, E, radius, TILE - radius),
            (S, W, TILE - radius, radius), (S, E, TILE - radius, TILE - radius),
        ):  # fmt: skip
            if not mask & side and not mask & other:
                beyond = (y < cy if side == N else y > cy) & (x < cx if other == W else x > cx)
                tile |= beyond & (np.hypot(y - cy, x - cx) > radius)
    return cut


@functools.lru_cache(maxsize=1)
def corner_fields() -> NDArray[np.float64]:
    """How much each pixel belongs to the class of the marked corners, for the 16 corner choices.

    Bits of the choice: 1 top left, 2 top right, 4 bottom right, 8 bottom left. On the border of a
    tile the field depends on the two corners there alone, so neighbours always fit.

    Returns:
        [16, 16, 16] in [0, 1], read-only; 0.5 is the middle of the transition.
    """
    along = (np.arange(TILE) + 0.5) / TILE
    smooth = along * along * (3 - 2 * along)
    y, x = smooth[:, None], smooth[None, :]
    weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * x, y * (1 - x)])
    bits = (np.arange(16)[:, None] >> np.arange(4)) & 1
    fields: NDArray[np.float64] = np.einsum("mc,cyx->myx", bits.astype(np.float64), weights)
    fields.setflags(write=False)
    return fields


@functools.lru_cache(maxsize=1)
def way_distances() -> NDArray[np.float64]:
    """Distance of each pixel from the middle line of a way, for the 16 choices of sides.

    Bits: `N`, `E`, `S`, `W`. Two neighbouring sides are joined by an arc, opposite ones by a line;
    with one side the way ends in the middle, with none it is a spot.

    Returns:
        [16, 16, 16] in px, read-only.
    """
    y, x = np.mgrid[:TILE, :TILE] + 0.5
    half = TILE / 2
    spot = np.hypot(y - half, x - half)
    arms = {
        N: np.where(y < half, np.abs(x - half), spot),
        E: np.where(x > half, np.abs(y - half), spot),
        S: np.where(y > half, np.abs(x - half), spot),
        W: np.where(x < half, np.abs(y - half), spot),
    }
    bends = {N | W: (0, 0), N | E: (0, TILE), S | E: (TILE, TILE), S | W: (TILE, 0)}
    result = np.zeros((16, TILE, TILE))
    for mask in range(16):
        if mask in bends:
            cy, cx = bends[mask]
            result[mask] = np.abs(np.hypot(y - cy, x - cx) - half)
        else:
            result[mask] = np.min([spot, *(arms[bit] for bit in arms if mask & bit)], axis=0)
    result.setflags(write=False)
    return result
