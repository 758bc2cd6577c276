"""How clean a sprite sheet is: colours, alpha, loops, specks, feet.

All functions take a `SpriteSheet`; none looks at how it was made.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import SpriteSheet, Tag

SPECK = 4
"""Groups of fewer connected pixels than this count as stray."""


def palette_leaks(sheet: SpriteSheet, palette: NDArray[np.uint8]) -> int:
    """Number of opaque pixels whose colour is not in ``palette`` [N, 3]. 0 is best."""
    opaque = sheet.image[..., 3] > 0
    return int((~np.isin(_packed(sheet.image[opaque][:, :3]), _packed(palette))).sum())


def alpha_errors(sheet: SpriteSheet) -> int:
    """Number of pixels that are half transparent, or transparent with a colour. 0 is best."""
    alpha = sheet.image[..., 3]
    half = (alpha != 0) & (alpha != 255)
    hidden = (alpha == 0) & sheet.image[..., :3].any(-1)
    return int((half | hidden).sum())


def stray_pixels(sheet: SpriteSheet) -> float:
    """Pixels per frame in specks of fewer than 4 connected (8 neighbours) pixels. 0 is best."""
    stray = 0
    for i in range(len(sheet.frames)):
        opaque = (sheet.frame_image(i)[..., 3] > 0).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(opaque, connectivity=8)
        areas = stats[1:, cv2.CC_STAT_AREA]
        stray += int(areas[areas < SPECK].sum())
    return stray / len(sheet.frames)


def lone_colours(sheet: SpriteSheet) -> float:
    """Share of opaque pixels with no opaque neighbour (of 8) of equal colour, 0..1.

    Noise raises it; drawn detail such as the light in an eye keeps it above 0. Lower is cleaner.
    """
    lone = total = 0
    for i in range(len(sheet.frames)):
        frame = sheet.frame_image(i)
        value = np.pad(np.where(frame[..., 3] > 0, _packed(frame[..., :3]) + 1, 0), 1)
        middle = value[1:-1, 1:-1]
        alike = np.zeros(middle.shape, dtype=np.bool_)
        for dy in range(3):
            for dx in range(3):
                if (dy, dx) != (1, 1):
                    part = value[dy : dy + middle.shape[0], dx : dx + middle.shape[1]]
                    alike |= part == middle
        lone += int(((middle > 0) & ~alike).sum())
        total += int((middle > 0).sum())
    return lone / max(1, total)


def loop_seam(sheet: SpriteSheet, tag: str) -> float:
    """How much the step from the last frame to the first stands out of an animation.

    Changed pixels of that step over the mean of the other steps; about 1 or less for a loop that
    closes, larger for one that jumps, 0 when nothing moves at the seam.

    Raises:
        KeyError: If there is no such tag.
    """
    frames = _frames(sheet, sheet.tag(tag))
    if len(frames) < 2:
        return 0.0
    steps = [_changed(a, b) for a, b in pairwise(frames)]
    seam, mean = _changed(frames[-1], frames[0]), float(np.mean(steps))
    if mean == 0:
        return 0.0 if seam == 0 else float("inf")
    return seam / mean


def foreign_colours(sheet: SpriteSheet) -> int:
    """Number of colours in any frame that the first frame lacks. 0 is best."""
    first = _colours(sheet.frame_image(0))
    return len(
        set().union(*(_colours(sheet.frame_image(i)) for i in range(len(sheet.frames)))) - first
    )


def feet_off_pivot(sheet: SpriteSheet, tag: str) -> float:
    """Mean distance in px between the lowest opaque row and the pivot's row. 0 is best.

    Meant for animations that stand on the ground; an empty frame counts its whole height.

    Raises:
        KeyError: If there is no such tag.
    """
    found = sheet.tag(tag)
    distances = []
    for i in range(found.start, found.stop):
        rows = np.flatnonzero((sheet.frame_image(i)[..., 3] > 0).any(1))
        height = sheet.frames[i].rect[3]
        distances.append(abs(int(rows[-1]) - sheet.frames[i].pivot[1]) if len(rows) else height)
    return float(np.mean(distances))


def _frames(sheet: SpriteSheet, tag: Tag) -> list[NDArray[np.uint8]]:
    frames = [sheet.frame_image(i) for i in range(tag.start, tag.stop)]
    return frames[::-1] if tag.direction == "reverse" else frames


def _changed(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    if a.shape != b.shape:
        return max(a.shape[0] * a.shape[1], b.shape[0] * b.shape[1])
    return int((a != b).any(-1).sum())


def _colours(frame: NDArray[np.uint8]) -> set[int]:
    return set(_packed(frame[frame[..., 3] > 0][:, :3]).tolist())


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    wide = rgb.astype(np.int64)
    packed: NDArray[np.int64] = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return packed
