"""The dialogue box of a scene: name tab, portrait, and text that types itself.

Only colours of the pack palette are used, so a scene never leaves the palette of its pack.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.pixel_font import GLYPH_HEIGHT, LINE_HEIGHT, text_mask, wrap
from aigc_assets.types import Clip, SpriteSheet

_MARGIN = 6
_PADDING = 7
_MAX_LINES = 3
_TAB_HEIGHT = 14
_MORE_BLINK = 8  # frames on, frames off


class InterfaceColours(NamedTuple):
    """The palette colours that the interface uses, each [3] uint8."""

    ink: NDArray[np.uint8]
    shade: NDArray[np.uint8]
    accent: NDArray[np.uint8]
    paper: NDArray[np.uint8]


def interface_colours(palette: NDArray[np.uint8]) -> InterfaceColours:
    """Pick darkest, a dark grey, a warm light and lightest from a palette [N, 3]."""
    rgb = palette.astype(np.int64)
    luma = rgb @ np.array([2, 7, 1])
    chroma = rgb.max(axis=1) - rgb.min(axis=1)
    low, high = int(luma.min()), int(luma.max())
    grey = np.abs(luma - (low + (high - low) // 7)) + 8 * chroma
    grey[luma == low] += 10_000  # the panel has to differ from its outline where it can
    warm = chroma * 4 + (rgb[:, 0] - rgb[:, 2]) * 4 + luma
    warm[luma < low + (high - low) * 3 // 5] = -100_000
    picks = (luma.argmin(), grey.argmin(), warm.argmax(), luma.argmax())
    return InterfaceColours(*(palette[int(i)] for i in picks))


class CaptionBox:
    """One speech, laid out once and drawn on every frame that shows it.

    Args:
        canvas: Width and height of the canvas in px.
        speaker: Name on the tab; "" for none.
        text: What is said; wrapped to the box, scrolled when it has more lines than fit.
        top: Whether the box stands at the top of the canvas instead of the bottom.
        face: Sheet whose head is shown beside the text, or None.
        colours: Interface colours.
    """

    def __init__(
        self,
        canvas: tuple[int, int],
        speaker: str,
        text: str,
        top: bool,
        face: SpriteSheet | None,
        colours: InterfaceColours,
    ):
        width, height = canvas
        margin = _MARGIN if width >= 120 else 1
        padding = _PADDING if width >= 120 else 3
        fitting = (height // 2 - 2 * padding) // LINE_HEIGHT
        self._visible = max(1, min(_MAX_LINES, fitting))
        box_width = width - 2 * margin
        box_height = self._visible * LINE_HEIGHT + 2 * padding
        name = speaker.replace("_", " ").replace("-", " ").title()
        tab = text_mask(name)[:, : max(0, box_width - 24)] if name else None
        rise = _TAB_HEIGHT - padding + 1 if tab is not None else 0  # part of the tab above the box
        left, upper = margin, margin + rise if top else height - margin - box_height
        self.area = (left, upper - rise, box_width, box_height + rise)

        panel = np.zeros((box_height + rise, box_width, 3), dtype=np.uint8)
        shown = np.zeros(panel.shape[:2], dtype=bool)
        _plate(panel[rise:], shown[rise:], colours)
        text_left = padding + 1
        side = box_height - 8
        portrait = portrait_image(face, side) if face is not None and width >= 200 else None
        if portrait is not None:
            spot = panel[rise + 4 : rise + 4 + side, 4 : 4 + side]
            spot[:] = colours.ink
            y, x = side - portrait.shape[0], (side - portrait.shape[1]) // 2
            under = spot[y:, x : x + portrait.shape[1]]
            np.copyto(under, portrait[..., :3], where=portrait[..., 3:] == 255)
            text_left += side + 2
        if tab is not None:
            tab_left = text_left - 6 if portrait is not None else 8
            plate = slice(0, _TAB_HEIGHT), slice(tab_left, tab_left + tab.shape[1] + 12)
            _plate(panel[plate], shown[plate], colours)
            start = tab_left + 6
            panel[3 : 3 + GLYPH_HEIGHT, start : start + tab.shape[1]][tab] = colours.accent
        self._panel, self._shown = panel, shown
        self._corner = (left, upper - rise)
        self._text_corner = (left + text_left, upper + padding + 1)
        self._colours = colours
        self._lines = wrap(text, max(8, box_width - text_left - padding - 2))
        self._length = sum(len(line) for line in self._lines)

    def draw(self, canvas: NDArray[np.uint8], clip: Clip, n: int) -> None:
        """Draw the box as it looks on frame ``n`` into ``canvas`` [H, W, 3] in place.

        Args:
            canvas: The picture, of the size that the box was laid out for.
            clip: The subtitle clip; ``reveal`` frames after its start the whole text shows.
            n: Frame of the timeline.
        """
        x, y = self._corner
        height, width = self._shown.shape
        np.copyto(canvas[y : y + height, x : x + width], self._panel, where=self._shown[..., None])
        at = n - clip.start + 1
        reveal = max(1, int(clip.properties.get("reveal", 1)))
        letters = self._length if at >= reveal else self._length * at // reveal
        lines: list[str] = []
        for line in self._lines:
            if lines and letters <= 0:
                break
            lines.append(line[: max(letters, 0)])
            letters -= len(line)
        text_x, text_y = self._text_corner
        for row, line in enumerate(lines[-self._visible :]):
            mask = text_mask(line)
            top = text_y + row * LINE_HEIGHT
            spot = canvas[top : top + GLYPH_HEIGHT, text_x : text_x + mask.shape[1]]
            spot[mask[: spot.shape[0], : spot.shape[1]]] = self._colours.paper
        if at >= reveal and (at - reveal) // _MORE_BLINK % 2 == 1:
            for row in range(3):  # a small arrow that says: go on
                left, right = x + width - 11 + row, x + width - 6 - row
                canvas[y + height - 8 + row, left:right] = self._colours.accent


def portrait_image(sheet: SpriteSheet, side: int) -> NDArray[np.uint8] | None:
    """Head and shoulders of a character from its own sheet, enlarged by a whole factor.

    Args:
        sheet: The character; the first frame of ``idle_down`` is used, else of any ``*_down``.
        side: The square that the portrait has to fit in, px.

    Returns:
        [h, w, 4] uint8 with h, w <= side, or None if the frame is blank.
    """
    tags = {tag.name: tag for tag in sheet.tags}
    facing = [tags[name] for name in tags if name.endswith("_down")]
    tag = tags.get("idle_down", facing[0] if facing else None)
    image = sheet.frame_image(tag.start if tag is not None else 0)
    rows, columns = np.nonzero(image[..., 3])
    if len(rows) == 0:
        return None
    top, figure = int(rows.min()), int(rows.max() - rows.min()) + 1
    zoom = max(1, side // max(1, figure * 13 // 20))
    take = side // zoom
    head = columns[rows < top + max(1, figure * 2 // 5)]
    middle = (int(head.min()) + int(head.max()) + 1) // 2
    lower = min(image.shape[0], max(0, top - 2) + take)
    left = min(max(0, middle - take // 2), max(0, image.shape[1] - take))
    crop = image[max(0, lower - take) : lower, left : left + take]
    return crop.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _plate(picture: NDArray[np.uint8], shown: NDArray[np.bool_], colours: InterfaceColours) -> None:
    """Fill a panel with a dark outline, a light rim and one px cut off each corner."""
    picture[:] = colours.ink
    picture[1:-1, 1:-1] = colours.paper
    picture[2:-2, 2:-2] = colours.shade
    for y in (1, -2):
        for x in (1, -2):
            picture[y, x] = colours.ink
    shown[:] = True
    for y in (0, -1):
        for x in (0, -1):
            shown[y, x] = False
