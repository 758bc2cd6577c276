"""From one drawn slot map to a sheet: specks, a breath of two frames, ramps, assembly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.colours.ramps import fit_ramp, fit_skin
from aigc_assets.types import Frame, SpriteSheet, Tag
from aigc_assets.types.oklab import nearest

BREATH_MS = 500
"""How long each of the two frames is shown."""
MIN_SPECK = 3
"""Connected specks of fewer pixels than this are not part of a figure."""


def remove_specks(slots: NDArray[np.uint8]) -> None:
    """Erase specks of a slot map [H, W] in place."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (slots > 0).astype(np.uint8), connectivity=8
    )
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < MIN_SPECK:
            slots[labels == label] = 0


def breathe(slots: NDArray[np.uint8], waist: int) -> NDArray[np.uint8]:
    """The frame in which all above row ``waist`` has sunk by one pixel; the rest stands still.

    The row above the waist is covered, so no pixel is new and the feet do not move.
    """
    out = slots.copy()
    out[1:waist] = slots[: waist - 1]
    out[0] = 0
    return out


def paint_table(
    classes: Sequence[str],
    ramps: Mapping[str, NDArray[np.uint8]],
    palette: NDArray[np.uint8],
    bare: frozenset[str] = frozenset(),
) -> NDArray[np.intp]:
    """Palette index of every slot class.

    Args:
        classes: ``none``, ``outline`` and "<slot> <shade>", shades from 1.
        ramps: Tones of every slot, dark to light, [shades, 3].
        palette: Of the pack, [N, 3].
        bare: Slots of human skin.

    Returns:
        [classes]; class 0 is transparent and means nothing.
    """
    fitted = {
        slot: (fit_skin if slot in bare else fit_ramp)(palette, tones)
        for slot, tones in ramps.items()
    }
    table = np.zeros(len(classes), dtype=np.intp)
    for number, name in enumerate(classes):
        slot, _, shade = name.partition(" ")
        if slot in fitted:
            table[number] = fitted[slot][int(shade) - 1]
        elif slot == "outline":
            table[number] = nearest(palette, np.array([8, 6, 12], dtype=np.uint8))
    return table


def assemble(
    frames: NDArray[np.uint8],
    table: NDArray[np.intp],
    palette: NDArray[np.uint8],
    pivot: tuple[int, int],
    tag: str = "idle",
) -> SpriteSheet:
    """One row of frames of slots [F, H, W]; every colour occurs in the first frame."""
    count, height, width = frames.shape
    image = np.zeros((height, width * count, 4), dtype=np.uint8)
    for i, slots in enumerate(frames):
        opaque = slots > 0
        target = image[:, i * width : (i + 1) * width]
        target[opaque, :3] = palette[table[slots[opaque]]]
        target[opaque, 3] = 255
    first = frames[0]
    used = np.unique(table[first[first > 0]]) if (first > 0).any() else np.array([0])
    cells = tuple(Frame((i * width, 0, width, height), BREATH_MS, pivot) for i in range(count))
    return SpriteSheet(image, cells, (Tag(tag, 0, count),), palette[used])
