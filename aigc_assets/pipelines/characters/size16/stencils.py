"""Pixel drawing by rule: parts are laid over one another, shaded from above and outlined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.size16.tiny_frames import FRAME, Picture

Mask = NDArray[np.bool_]

SIDE = 24
"""Side of the drawing board, on which a figure may stand anywhere."""
OUTLINE, BODY, MARK, WHITE, GLOW = 1, 2, 5, 8, 9
"""Slots; body and mark are the darkest of three tones."""
DARK, MID, LIGHT = 0, 1, 2
"""Tones."""

_Y, _X = np.mgrid[:SIDE, :SIDE]


def box(x: float, y: float, width: float, height: float, *, corners: int = 0) -> Mask:
    """A rectangle from its upper left pixel on, its corners cut by ``corners`` px."""
    left, top, right, bottom = (int(v) for v in (x, y, x + width - 1, y + height - 1))
    inside = (left <= _X) & (right >= _X) & (top <= _Y) & (bottom >= _Y)
    if corners:
        from_side = np.minimum(_X - left, right - _X)
        from_end = np.minimum(_Y - top, bottom - _Y)
        inside &= from_side + from_end >= corners
    return np.asarray(inside)


def ellipse(x: float, y: float, width: float, height: float) -> Mask:
    """The ellipse that fills a rectangle."""
    across = (_X + 0.5 - x - width / 2) / (width / 2)
    down = (_Y + 0.5 - y - height / 2) / (height / 2)
    return np.asarray(across**2 + down**2 <= 1.02)


def pixels(*places: tuple[int, int]) -> Mask:
    """Single pixels, as columns and rows; those off the board are left out."""
    out = np.zeros((SIDE, SIDE), dtype=bool)
    for x, y in places:
        if 0 <= x < SIDE and 0 <= y < SIDE:
            out[y, x] = True
    return out


def pattern(x: int, y: int, *rows: str) -> Mask:
    """Pixels where the rows of a small picture have a ``#``."""
    return pixels(*((x + column, y + row) for row, text in enumerate(rows)
                    for column, sign in enumerate(text) if sign == "#"))  # fmt: skip


def mirrored(mask: Mask, middle: float) -> Mask:
    """The mask mirrored about a column; 7.5 lies between columns 7 and 8."""
    source = np.round(2 * middle - np.arange(SIDE)).astype(int)
    here = (source >= 0) & (source < SIDE)
    out = np.zeros_like(mask)
    out[:, here] = mask[:, source[here]]
    return out


def near(mask: Mask) -> Mask:
    """The mask and the four neighbours of every pixel of it."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out


class Board:
    """A figure that is being drawn: a slot per pixel, without its outline."""

    def __init__(self) -> None:
        self.slots = np.zeros((SIDE, SIDE), dtype=np.uint8)
        self.lines = np.zeros((SIDE, SIDE), dtype=np.uint8)

    def thin(self, mask: Mask, slot: int) -> None:
        """Lines of one pixel that get no outline: legs of spiders, a tongue."""
        self.lines[mask] = slot

    def part(self, mask: Mask, ramp: int = BODY, *, line: bool = True, tone: int = -1) -> None:
        """Lay a part over what there is: light on its upper rim, dark on its lower.

        Args:
            mask: Pixels of the part.
            ramp: `BODY` or `MARK`.
            line: Whether what lies under its rim turns dark, so that the part stands out.
            tone: One tone for the whole part instead.
        """
        if line:
            rim = near(mask) & ~mask
            self._darken(rim)
        if tone >= 0:
            self.slots[mask] = ramp + tone
            return
        above, below = np.roll(mask, 1, 0), np.roll(mask, -1, 0)
        tones = np.full(mask.shape, MID)
        tones[mask & ~below] = DARK
        tones[mask & ~above] = LIGHT
        self.slots[mask] = (ramp + tones)[mask]

    def paint(self, mask: Mask, ramp: int, tone: int = -1) -> None:
        """Colour what is drawn there in another ramp; without a tone it keeps its own."""
        here = mask & (self.slots >= BODY) & (self.slots < WHITE)
        own = (self.slots - BODY) % 3
        self.slots[here] = (ramp + own)[here] if tone < 0 else ramp + tone

    def dots(self, mask: Mask, slot: int) -> None:
        """Set a slot as it is, only where something is drawn."""
        self.slots[mask & (self.slots > 0)] = slot

    def _darken(self, mask: Mask) -> None:
        skin = mask & (self.slots >= BODY) & (self.slots < WHITE)
        self.slots[skin] -= ((self.slots - BODY) % 3)[skin]

    def finished(self) -> Picture:
        """The figure with its outline, in the middle of a frame, its feet on the last row.

        What is too large for a frame loses its farthest columns and rows.
        """
        drawn = self.slots > 0
        out = self.slots.copy()
        out[near(drawn) & ~drawn] = OUTLINE
        out = np.where((self.lines > 0) & ~drawn, self.lines, out)
        columns, rows = np.flatnonzero(out.any(0)), np.flatnonzero(out.any(1))
        left = int(columns[0] + columns[-1] + 1) // 2 - FRAME // 2
        left = min(max(left, 0), SIDE - FRAME)
        top = min(max(int(rows[-1]) + 1 - FRAME, 0), SIDE - FRAME)
        frame = out[top : top + FRAME, left : left + FRAME].copy()
        if len(columns) > FRAME or len(rows) > FRAME:
            inside = frame > OUTLINE
            rim = inside & _at_border()
            frame[rim] = OUTLINE
        return frame


def _at_border() -> NDArray[np.bool_]:
    rim = np.zeros((FRAME, FRAME), dtype=bool)
    rim[[0, -1]] = True
    rim[:, [0, -1]] = True
    return rim
