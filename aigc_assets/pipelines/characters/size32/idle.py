"""Two-frame idles of single drawings: true to the grid, in the colours of the drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Frame, SpriteSheet, Tag
from aigc_assets.types.oklab import to_oklab

DURATION_MS = {"effect": 140, "item": 420}
_USUAL_MS = 380

Figure = NDArray[np.intp]


def second_frame(figure: Figure, palette: NDArray[np.uint8], kind: str) -> Figure:
    """The other frame of the idle of a figure [H, W] of palette indices, -1 is transparent.

    Creatures breathe: one row above the feet goes and all above sinks by it. Effects flare: every
    colour becomes the next lighter one that the figure has of its kind. Over items runs a glint.
    """
    if kind == "effect":
        return _lighter(figure, palette, np.ones(figure.shape, bool))
    if kind == "item":
        rows, columns = np.nonzero(figure >= 0)
        y, x = np.mgrid[: figure.shape[0], : figure.shape[1]]
        across = (y - rows.mean()) - (x - columns.mean())
        if abs(np.corrcoef(rows, columns)[0, 1] if len(rows) > 2 else 0) > 0.6:
            across = (y - rows.mean()) * 1.0  # along a blade the glint lies level
        return _lighter(figure, palette, np.abs(across) < 3)
    return breathe(figure)


def breathe(figure: Figure) -> Figure:
    """The figure without one row between belly and feet, all above sunk by it."""
    rows = np.flatnonzero((figure >= 0).any(1))
    if len(rows) < 8:
        return figure.copy()
    top, bottom = int(rows[0]), int(rows[-1])
    height = bottom - top + 1
    low, high = top + round(0.5 * height), top + round(0.82 * height)
    # The row that is most like the one above it is missed least.
    change = [int((figure[row] != figure[row - 1]).sum()) for row in range(low, high)]
    gone = low + int(np.argmin(change))
    moved = figure.copy()
    moved[1 : gone + 1] = figure[:gone]
    moved[0] = -1
    return moved


def _lighter(figure: Figure, palette: NDArray[np.uint8], where: NDArray[np.bool_]) -> Figure:
    """Each pixel of ``where`` in the next lighter colour of like hue that the figure has."""
    used = np.unique(figure[figure >= 0])
    lab = to_oklab(palette[used])
    step = np.arange(len(palette))
    for i, colour in enumerate(used):
        if lab[i, 0] < 0.25 and len(used) > 2:
            continue  # outlines stay
        lift = lab[:, 0] - lab[i, 0]
        turn = np.hypot(lab[:, 1] - lab[i, 1], lab[:, 2] - lab[i, 2])
        cost = np.where(lift > 0.02, lift + 2.5 * turn, np.inf)
        best = int(cost.argmin())
        if cost[best] < 0.45:
            step[colour] = used[best]
    return np.where((figure >= 0) & where, step[figure], figure)


def assemble(frames: list[Figure], palette: NDArray[np.uint8], kind: str) -> SpriteSheet:
    """A sheet with the tag ``idle``, frames side by side, the pivot at the feet of the first.

    Args:
        frames: [H, W] palette indices each, -1 is transparent; the first has every colour.
        palette: Of the pack, [N, 3].
        kind: Decides how long a frame lasts.
    """
    height, width = frames[0].shape
    image = np.zeros((height, width * len(frames), 4), np.uint8)
    rows = np.flatnonzero((frames[0] >= 0).any(1))
    foot = int(rows[-1]) if len(rows) else height - 1
    cells = []
    for i, figure in enumerate(frames):
        part, solid = image[:, i * width : (i + 1) * width], figure >= 0
        part[solid, :3], part[solid, 3] = palette[figure[solid]], 255
        duration = DURATION_MS.get(kind, _USUAL_MS)
        cells.append(Frame((i * width, 0, width, height), duration, (width // 2, foot)))
    used = np.unique(frames[0][frames[0] >= 0])
    shown = palette[used] if len(used) else palette[:1]
    return SpriteSheet(image, tuple(cells), (Tag("idle", 0, len(frames)),), shown)
