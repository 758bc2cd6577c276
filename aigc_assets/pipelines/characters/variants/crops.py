"""The head of a figure as a portrait, and the shadow that a figure casts on the ground."""

from __future__ import annotations

import numpy as np

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.variants.frames import assembled, in_a_row
from aigc_assets.pipelines.palettes import to_oklab
from aigc_assets.types import SpriteSheet

_TALL = 1.25
"""Height by width from which a figure is a person rather than a thing or a beast."""
_BUST = 0.62
"""Share of a tall figure's height that its portrait shows."""


def portrait(sheet: SpriteSheet) -> SpriteSheet:
    """Head and shoulders, at the size they are drawn: the frames of the first animation.

    A figure that is not taller than wide is shown whole. The crop is the same in all frames; the
    animation is called ``portrait``, its pivot is the middle of the lower edge.

    Raises:
        UsageError: If the first animation shows nothing.
    """
    stop = sheet.tags[0].stop if sheet.tags and sheet.tags[0].start == 0 else 1
    shown = [sheet.frame_image(i) for i in range(stop)]
    same = [s.shape == shown[0].shape for s in shown]
    shown = shown[: same.index(False)] if not all(same) else shown
    rows, columns = np.nonzero(shown[0][..., 3])
    if len(rows) == 0:
        raise UsageError("the first frame is empty: there is no portrait", where="variants")
    top, height = int(rows.min()), int(rows.max()) + 1 - int(rows.min())
    width = int(columns.max()) + 1 - int(columns.min())
    if height >= _TALL * width:
        bust = columns[rows < top + height * _BUST]
        side = max(round(height * _BUST), int(bust.max()) + 1 - int(bust.min()))
    else:
        bust, side = columns, max(height, width)
    side = min(side + 2 + side % 2, *shown[0].shape[:2])
    middle = (int(bust.min()) + int(bust.max()) + 1) // 2
    x = min(max(0, middle - side // 2), shown[0].shape[1] - side)
    y = min(max(0, top - 1), shown[0].shape[0] - side)
    crops = [picture[y : y + side, x : x + side] for picture in shown]
    return in_a_row(sheet, crops, "portrait")


def shadow(sheet: SpriteSheet) -> SpriteSheet:
    """The shadow of every frame as a sheet of the same layout, to lie under the figure.

    An ellipse around the pivot in the darkest colour of the sheet, opaque: the engine decides how
    strong it is. It is as wide as the standing figure and shrinks while the figure is in the air.
    """
    colour = sheet.palette[int(to_oklab(sheet.palette)[:, 0].argmin())]
    widths = []
    for index in range(len(sheet.frames)):
        columns = np.flatnonzero(sheet.frame_image(index)[..., 3].any(axis=0))
        widths.append(int(columns[-1]) + 1 - int(columns[0]) if len(columns) else 0)
    standing = widths[0] or max(widths)
    drawn = []
    for index, frame in enumerate(sheet.frames):
        picture = np.zeros((frame.rect[3], frame.rect[2], 4), dtype=np.uint8)
        rows = np.flatnonzero(sheet.frame_image(index)[..., 3].any(axis=1))
        if len(rows):
            lift = max(0, frame.pivot[1] - 1 - int(rows[-1]))
            half = max(1.5, standing * 0.42 * max(0.5, 1 - 1.5 * lift / frame.rect[3]))
            low = max(1.0, half * 0.36)
            middle = min(float(frame.pivot[1]), frame.rect[3] - low)  # whole, even at the rim
            y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
            inside = ((x - frame.pivot[0]) / half) ** 2 + ((y - middle) / low) ** 2 <= 1
            picture[inside, :3] = colour
            picture[inside, 3] = 255
        drawn.append(picture)
    return assembled(sheet, drawn)
