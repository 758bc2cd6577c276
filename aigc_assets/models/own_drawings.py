"""What weights say that were fine-tuned on the user's own drawings, and the size of those.

The models of single pictures work on a canvas of 32 px. Drawings of 16 px are doubled for it, which
they come back from far better than from a corner of it: their pixels then are as large as what a
code of the tokeniser tells. Drawings of 24 px stand in the middle of its ground line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_assets.models.cards import SHIPPED, read_card, weights_folder

PRIOR = "sprite_maskgit"
"""The model whose card tells."""
CANVAS = 32
SIDES = (16, 24, 32)
"""Sides of a frame, px, that own drawings may have."""


@dataclass(frozen=True)
class OwnDrawings:
    """What own drawings show.

    Args:
        side: Of their frames, one of `SIDES`.
        kinds: Such as ``monster`` and ``item``, the most frequent first.
        words: Names of what they show that the shipped models do not know, and its kind.
    """

    side: int
    kinds: tuple[str, ...]
    words: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """What stands in the card."""
        return {"side": self.side, "kinds": list(self.kinds), "words": dict(self.words)}


def own_drawings() -> OwnDrawings | None:
    """What the weights in use say; None for those that are shipped.

    Raises:
        WeightsError: If there is no readable card.
    """
    folder = weights_folder()
    if folder == SHIPPED:
        return None
    told = read_card(PRIOR).get("own_drawings")
    if told is None:
        return None
    return OwnDrawings(int(told["side"]), tuple(told["kinds"]), dict(told["words"]))


def onto_canvas(images: np.ndarray, side: int) -> np.ndarray:
    """Pictures [N, side, side, ...] on the canvas, [N, CANVAS, CANVAS, ...]."""
    if 2 * side == CANVAS:
        return images.repeat(2, 1).repeat(2, 2)
    above, left = CANVAS - side, (CANVAS - side) // 2
    rest = [(0, 0)] * (images.ndim - 3)
    return np.pad(images, [(0, 0), (above, 0), (left, CANVAS - side - left), *rest])


def off_canvas(images: np.ndarray, side: int) -> np.ndarray:
    """The inverse of `onto_canvas`: [N, CANVAS, CANVAS, ...] to [N, side, side, ...]."""
    if 2 * side == CANVAS:
        return images[:, 1::2, 1::2]
    left = (CANVAS - side) // 2
    return images[:, CANVAS - side :, left : left + side]
