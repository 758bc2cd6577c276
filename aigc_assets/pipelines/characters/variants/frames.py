"""Taking a sheet apart into frames and putting changed frames together again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import Frame, SpriteSheet, Tag

Picture = NDArray[np.uint8]
"""[h, w, 4] sRGB, alpha 0 or 255, zero where transparent."""


def repainted(sheet: SpriteSheet, table: NDArray[np.uint8]) -> SpriteSheet:
    """The same sheet in other colours.

    Args:
        sheet: The sheet.
        table: The new colour of each colour of its palette, [N, 3].
    """
    index = palette_index(sheet)
    image = sheet.image.copy()
    opaque = index >= 0
    image[opaque, :3] = table[index[opaque]]
    return SpriteSheet(image, sheet.frames, sheet.tags, used_colours(image, sheet.palette))


def palette_index(sheet: SpriteSheet) -> NDArray[np.intp]:
    """Number of each pixel's colour in the palette of the sheet, -1 where transparent, [H, W]."""
    order = np.argsort(packed(sheet.palette), kind="stable")
    place = np.searchsorted(packed(sheet.palette)[order], packed(sheet.image[..., :3]))
    index = order[np.minimum(place, len(order) - 1)]
    return np.where(sheet.image[..., 3] == 255, index, -1)


def packed(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One number per colour, [..., 3] -> [...]."""
    wide = rgb.astype(np.int64)
    result: NDArray[np.int64] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return result


def used_colours(image: Picture, otherwise: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours of the opaque pixels, [N, 3]; the first of ``otherwise`` if there are none."""
    numbers = np.unique(packed(image[image[..., 3] == 255][:, :3]))
    if len(numbers) == 0:
        return otherwise[:1]
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], 1).astype(np.uint8)


def pictures(sheet: SpriteSheet) -> tuple[list[Picture], list[int]]:
    """The different frames, and for each frame the number of its picture."""
    found: dict[tuple[bytes, tuple[int, ...]], int] = {}
    different: list[Picture] = []
    numbers = []
    for index in range(len(sheet.frames)):
        picture = np.ascontiguousarray(sheet.frame_image(index))
        key = (picture.tobytes(), picture.shape)
        if key not in found:
            found[key] = len(different)
            different.append(picture)
        numbers.append(found[key])
    return different, numbers


def assembled(sheet: SpriteSheet, drawn: Sequence[Picture], scale: int = 1) -> SpriteSheet:
    """A sheet of the same layout with other pictures.

    Args:
        sheet: Gives rectangles, durations, pivots and tags.
        drawn: A picture per frame, ``scale`` times as large as the frame.
        scale: Of rectangles and pivots.
    """
    height, width = sheet.image.shape[:2]
    image = np.zeros((height * scale, width * scale, 4), dtype=np.uint8)
    frames = []
    for frame, picture in zip(sheet.frames, drawn, strict=True):
        x, y, w, h = (int(side) * scale for side in frame.rect)
        image[y : y + h, x : x + w] = picture
        pivot = (frame.pivot[0] * scale, frame.pivot[1] * scale)
        frames.append(Frame((x, y, w, h), frame.duration_ms, pivot))
    return SpriteSheet(image, tuple(frames), sheet.tags, used_colours(image, sheet.palette))


def in_a_row(sheet: SpriteSheet, drawn: Sequence[Picture], tag: str) -> SpriteSheet:
    """A sheet of one animation: equally large pictures, shown as long as the first frames."""
    height, width = drawn[0].shape[:2]
    frames = tuple(
        Frame((i * width, 0, width, height), frame.duration_ms, (width // 2, height - 1))
        for i, frame in enumerate(sheet.frames[: len(drawn)])
    )
    image = np.concatenate(list(drawn), axis=1)
    return SpriteSheet(
        image, frames, (Tag(tag, 0, len(frames)),), used_colours(image, sheet.palette)
    )
