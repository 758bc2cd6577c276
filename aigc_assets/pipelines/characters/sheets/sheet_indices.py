"""Sheets in their own colours <-> index maps in the global colours of the tokeniser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types import SpriteSheet
from aigc_assets.types.oklab import to_oklab

if TYPE_CHECKING:
    from torch import Tensor

STRIDE = 4
"""Frames are padded to multiples of it."""
_FAR = 0.14
"""OKLab distance from which a colour rather shares a global colour than takes a free one."""


def sheet_colours(sheet: SpriteSheet) -> NDArray[np.uint8]:
    """The opaque colours of a sheet, most frequent first, [N, 3] uint8."""
    opaque = sheet.image[sheet.image[..., 3] > 0][:, :3]
    colours, count = np.unique(opaque, axis=0, return_counts=True)
    ordered: NDArray[np.uint8] = colours[np.argsort(-count, kind="stable")]
    return ordered


def share_out(colours: NDArray[np.uint8], known: NDArray[np.uint8]) -> NDArray[np.intp]:
    """A global colour for each colour of a sheet, as far as possible one of its own.

    Args:
        colours: Of the sheet, most frequent first, [N, 3].
        known: The global colours, [K, 3]; row 0 is not used.

    Returns:
        Rows of ``known``, [N].
    """
    ours, theirs = to_oklab(colours), to_oklab(known)
    free = np.ones(len(known), bool)
    free[0] = False
    rows = np.zeros(len(colours), np.intp)
    for i, colour in enumerate(ours):
        distance = np.linalg.norm(theirs - colour, axis=1)
        own = np.where(free, distance, np.inf)
        any_ = np.where(np.arange(len(known)) > 0, distance, np.inf)
        near = int(own.argmin())
        row = near if own[near] < any_.min() + _FAR else int(any_.argmin())
        rows[i], free[row] = row, False
    return rows


def to_own(frame: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Index into ``colours`` of each pixel of an RGBA frame [H, W, 4]; -1 is transparent."""
    weights = np.array([1 << 16, 1 << 8, 1])
    packed = colours.astype(np.int64) @ weights
    order = np.argsort(packed)
    place = np.searchsorted(packed[order], frame[..., :3].astype(np.int64) @ weights)
    own = order[place.clip(max=max(0, len(order) - 1))] if len(order) else np.zeros_like(place)
    return np.where(frame[..., 3] > 0, own, -1)


def padded(frame: NDArray[np.int64]) -> NDArray[np.int64]:
    """The frame with transparent rows above and columns to the right, to multiples of 4."""
    height, width = frame.shape
    return np.pad(frame, ((-height % STRIDE, 0), (0, -width % STRIDE)), constant_values=-1)


def nearest_own(logits: Tensor, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """The sheet colour, or -1, that is likeliest at each pixel.

    Args:
        logits: Of global colours, [B, K, H, W].
        rows: Global colour of each sheet colour, [N]; where two share one, the first is taken.

    Returns:
        [B, H, W].
    """
    import torch

    allowed = torch.from_numpy(np.concatenate([[0], rows]).astype(np.int64))
    # Rounded, so that how a sum was ordered does not decide between two colours.
    scores = (logits.float()[:, allowed] * 64).round()
    best: NDArray[np.int64] = scores.argmax(1).numpy()
    return best - 1
