"""Where the frames of a sheet lie: equal cells, with or without margin and spacing, else gaps.

A grid is right if no line of it cuts a figure and if it parts as many figures as can be. Rows and
columns are found independently, from where pixels of neighbouring lines touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST, LARGEST = 6, 96
"""Sides of cells that are looked for, px."""
MOST_MARGIN, MOST_SPACING = 8, 8
_CROWDED = 48
"""Figures wider than this may be several that touch."""
_RARE, _HARDLY = 0.6, 0.4
"""Pixels that touch across the lines of a grid, over those that touch elsewhere: figures that touch
meet few; a line through the middle of figures meets about as many as any other."""
_TIGHT = (16, 32, 24, 48, 8, 64, 20, 40, 12)
"""Sides of cells that are tried where figures touch the lines."""

_CUT = 0.5
"""Share of a cell's side along which figures touch, from which on one of them may be cut."""
_GOES_ON, _LEAST = 0.75, 0.12
"""Of the pixels on both sides of a line how many agree, over those within the cell, where it cuts a
figure; and that share at least."""
_DARK = 56
"""Greatest channel of a colour of outlines."""

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Axis:
    """Equal cells along one axis, px.

    Args:
        margin: Before the first cell.
        size: Of a cell.
        spacing: Between cells.
        count: Of cells.
    """

    margin: int
    size: int
    spacing: int
    count: int

    def spans(self) -> list[tuple[int, int]]:
        """First and last-plus-one pixel of each cell."""
        pitch = self.size + self.spacing
        return [
            (self.margin + i * pitch, self.margin + i * pitch + self.size)
            for i in range(self.count)
        ]


@dataclass(frozen=True)
class Layout:
    """How a sheet is cut.

    Args:
        boxes: Top, left, bottom, right of each cell, px, in reading order.
        columns: Cells per row, 0 where the cells are no grid.
        text: How to say it.
    """

    boxes: tuple[Box, ...]
    columns: int
    text: str


def given(shape: tuple[int, ...], cell: tuple[int, int]) -> Layout:
    """Cells of ``cell`` = (width, height) without margin; what is left over is not looked at."""
    return _layout(
        Axis(0, cell[1], 0, shape[0] // cell[1]), Axis(0, cell[0], 0, shape[1] // cell[0])
    )


def find_layout(solid: Mask) -> Layout | None:
    """The cells of a sheet, or None where it shows one figure or nothing.

    Args:
        solid: Where something is drawn, [H, W].
    """
    if not solid.any():
        return None
    rows, columns = _axis(solid), _axis(solid.T)
    layout = _layout(rows, columns)
    boxes = _figures(solid)
    crowded = _widest(solid, layout) > _CROWDED and max(_sides(boxes)) > _CROWDED
    side = _tight(solid, _RARE if crowded else _HARDLY)
    plain = all(not a.margin and not a.spacing and a.size % side == 0 for a in (rows, columns))
    merged = _merged(solid, layout, boxes)
    finer = side < max(rows.size, columns.size)
    if side > 1 and (merged or (finer and (crowded or plain))):
        return given(solid.shape, (side, side))
    if merged:
        boxes = sorted(boxes, key=lambda box: (box[2] // 16, box[1]))
        return Layout(tuple(boxes), 0, f"no grid, {len(boxes)} figures apart")
    return layout if len(layout.boxes) > 1 else None


def cut_through(picture: NDArray[np.uint8], box: Box) -> bool:
    """Whether a side of a cell goes through a figure, which is not whole then.

    Where figures fill their cells, neighbours touch as well, but their colours do not go on: beyond
    the line they agree less often than within the cell. Black meets black wherever outlines touch.

    Args:
        picture: The sheet, [H, W, 4], transparent pixels all zero.
        box: Of the cell.
    """
    top, left, bottom, right = box
    for turned, (first, last, low, high) in (
        (picture, (top, bottom, left, right)),
        (picture.transpose(1, 0, 2), (left, right, top, bottom)),
    ):
        cell = turned[first:last, low:high]
        usual = _agreeing(cell[:-1], cell[1:])[0]
        for line in (first, last):
            if 0 < line < len(turned):
                goes_on, touch = _agreeing(turned[line - 1, low:high], turned[line, low:high])
                if touch > _CUT and goes_on > max(_LEAST, _GOES_ON * usual):
                    return True
    return False


def _agreeing(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[float, float]:
    """Of pixels that touch: share of equal ones among those not both dark; and share of all."""
    both = (one[..., 3] > 0) & (other[..., 3] > 0)
    lit = both & ((one[..., :3].max(-1) > _DARK) | (other[..., :3].max(-1) > _DARK))
    equal = lit & (one == other).all(-1)
    return float(equal.sum() / max(1, lit.sum())), float(both.mean())


def _layout(rows: Axis, columns: Axis) -> Layout:
    boxes = tuple((y, x, v, u) for y, v in rows.spans() for x, u in columns.spans())
    text = f"cells of {columns.size}x{rows.size}, {columns.count}x{rows.count}"
    if columns.margin or rows.margin:
        text += f", margin {columns.margin},{rows.margin}"
    if columns.spacing or rows.spacing:
        text += f", spacing {columns.spacing},{rows.spacing}"
    return Layout(boxes, columns.count, text)


def _bonds(solid: Mask) -> NDArray[np.int64]:
    """How many pixels of each line touch one of the line before, [H]; the first has none."""
    wide = cv2.dilate(solid.astype(np.uint8), np.ones((1, 3), np.uint8)) > 0
    touch = (wide[:-1] & solid[1:]).sum(1)
    return np.concatenate([[0], touch])


def _axis(solid: Mask) -> Axis:
    """Cells along the first axis that cut nothing and part most."""
    length = len(solid)
    bonds, filled = _bonds(solid), solid.sum(1)
    starts = np.flatnonzero((filled > 0) & (bonds == 0))
    # A piece goes on as long as lines touch.
    stops = np.array([s + 1 + _run(bonds[s + 1 :]) for s in starts])
    mass = np.array([filled[a:b].sum() for a, b in zip(starts, stops, strict=True)])
    sizes = np.arange(SMALLEST, min(LARGEST, length) + 1)
    margins, spacings = np.arange(MOST_MARGIN + 1), np.arange(MOST_SPACING + 1)
    grid = np.stack(np.meshgrid(sizes, margins, spacings, indexing="ij"), -1).reshape(-1, 3)
    size, margin, spacing = grid.T
    pitch = size + spacing
    count = (length - margin + spacing) // pitch
    fits = (count >= 2) & (starts[0] >= margin) & (stops[-1] <= margin + count * pitch - spacing)
    whole = fits.copy()
    for first, stop in zip(starts, stops, strict=True):
        whole &= (first - margin) % pitch + (stop - first) <= size
    best, best_key = Axis(0, length, 0, 1), (-1, 0, 0, 0, 0, 0, 0)
    for number in np.flatnonzero(whole):
        c, m, s = (int(v) for v in grid[number])
        n = int(count[number])
        parts = np.bincount((starts - m) // (c + s), mass, n)
        parted = int((parts >= 0.15 * parts.max()).sum())
        rest = length - m - n * (c + s) + s
        key = (parted, -int(rest not in (0, m)), -(s > 0) - (m > 0), -int(c % 8 > 0), -m - s, c, 0)
        if parted > 1 and key > best_key:
            best, best_key = Axis(m, c, s, n), key
    return best


def _run(bonds: NDArray[np.int64]) -> int:
    """How many of the first lines touch the one before."""
    apart = np.flatnonzero(bonds == 0)
    return int(apart[0]) if len(apart) else len(bonds)


def _figures(solid: Mask) -> list[Box]:
    """Boxes of what lies more than a pixel apart."""
    near = cv2.dilate(solid.astype(np.uint8), np.ones((3, 3), np.uint8))
    labels: NDArray[Any] = cv2.connectedComponents(near, connectivity=8)[1]
    parts = np.where(solid, labels, 0).astype(np.int32)
    boxes = []
    for number, box in enumerate(_slices(parts)):
        top, left, bottom, right = box
        if right > left and (parts[top:bottom, left:right] == number + 1).sum() >= 16:
            boxes.append(box)
    return boxes or [(0, 0, *solid.shape)]  # type: ignore[list-item]


def _slices(parts: NDArray[np.int32]) -> list[Box]:
    """The box of each number from 1 on."""
    count = int(parts.max())
    y, x = np.nonzero(parts)
    number = parts[y, x] - 1
    low = np.full((count, 2), np.iinfo(np.int64).max)
    high = np.zeros((count, 2), np.int64)
    for axis, place in enumerate((y, x)):
        np.minimum.at(low[:, axis], number, place)
        np.maximum.at(high[:, axis], number, place + 1)
    low = np.minimum(low, high)
    return [(int(a), int(b), int(c), int(d)) for (a, b), (c, d) in zip(low, high, strict=True)]


def _sides(boxes: list[Box]) -> list[int]:
    return [max(box[2] - box[0], box[3] - box[1]) for box in boxes]


def _widest(solid: Mask, layout: Layout) -> int:
    """The larger side of the figure of a usual cell."""
    found = []
    for top, left, bottom, right in layout.boxes:
        part = solid[top:bottom, left:right]
        if part.any():
            found.append(max(int(np.ptp(np.flatnonzero(part.any(axis)))) + 1 for axis in (0, 1)))
    return int(np.median(found)) if found else 0


def _merged(solid: Mask, layout: Layout, figures: list[Box]) -> bool:
    """Whether a good part of the cells shows two figures or more of some size."""
    area = {box: int(solid[box[0] : box[2], box[1] : box[3]].sum()) for box in figures}
    inside: dict[Box, list[int]] = {cell: [] for cell in layout.boxes}
    rows = np.array(layout.boxes)
    for (top, left, bottom, right), mass in area.items():
        y, x = (top + bottom) / 2, (left + right) / 2
        hit = (rows[:, 0] <= y) & (y < rows[:, 2]) & (rows[:, 1] <= x) & (x < rows[:, 3])
        if hit.any():
            inside[layout.boxes[int(hit.argmax())]].append(mass)
    shown = [masses for masses in inside.values() if masses]
    two = [m for m in shown if sorted(m)[-2:][0] >= 0.4 * max(m) and len(m) > 1]
    return len(figures) > 2 and len(two) > 0.34 * len(shown)


def _tight(solid: Mask, most: float) -> int:
    """Side of the square cells whose lines meet the fewest pixels, where figures touch the lines.

    1 where no lines meet at most ``most`` times as many as elsewhere.
    """
    found = []
    bonds = [_bonds(solid), _bonds(solid.T)]
    for size in _TIGHT:
        if solid.shape[0] % size or solid.shape[1] % size or max(solid.shape) == size:
            continue
        on = np.concatenate([b[size::size] for b in bonds]).mean()
        off = np.concatenate([np.delete(b, np.s_[0::size]) for b in bonds]).mean()
        found.append((float(on / max(off, 1e-9)), -size))
    # Every second line of a grid meets as few pixels as the grid does: the finest good one is it.
    return min((-size for share, size in found if share <= most), default=1)
