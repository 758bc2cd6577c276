"""Whether the colour words of a prompt are seen on a finished picture.

The measure knows nothing of how a picture was made: it looks at the part of a standing figure where
hair, clothes or a hat are, and counts the pixels that a person would call by the word.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.colour_words import COLOURS, colour_of

REGIONS: Mapping[str, tuple[float, float, float]] = {
    # part: first and last row as shares of the height of the figure, and the share of its columns
    "hair": (0.0, 0.34, 1.0), "headwear": (0.0, 0.3, 1.0), "torso": (0.5, 0.7, 0.4),
    "legs": (0.72, 0.9, 0.6), "robe": (0.5, 0.92, 0.5), "feet": (0.9, 1.0, 1.0),
    "all": (0.0, 1.0, 1.0),
}  # fmt: skip
"""Where a part is on a figure of large head; of small figures see `SMALL`."""
SMALL: Mapping[str, tuple[float, float, float]] = {
    "hair": (0.0, 0.18, 0.5), "headwear": (0.0, 0.26, 0.6), "torso": (0.3, 0.52, 0.3),
    "legs": (0.58, 0.84, 0.5), "robe": (0.3, 0.8, 0.4), "feet": (0.86, 1.0, 1.0),
    "all": (0.0, 1.0, 1.0),
}  # fmt: skip
"""The same for the 32 px doll, whose head is small."""
SEEN = 0.25
"""Share of the coloured pixels of a part that must have a word's colour for the word to be seen."""


def colour_share(
    picture: NDArray[np.uint8],
    part: str,
    word: str,
    regions: Mapping[str, tuple[float, float, float]] = REGIONS,
) -> float:
    """Share of a part's pixels, outlines left out, that a person may call by a colour word.

    Args:
        picture: One frame with a standing figure, RGBA [H, W, 4].
        part: A key of ``regions``.
        word: One of `COLOURS`; "gray" is "grey".
        regions: `REGIONS`, or `SMALL` for 32 px.

    Returns:
        0..1, higher is better; `SEEN` is enough. 0 for an empty picture.

    Raises:
        ValueError: If the word is none of `COLOURS`.
    """
    word = {"gray": "grey"}.get(word, word)
    if word not in COLOURS:
        raise ValueError(f"word: expected one of {', '.join(COLOURS)}, got {word!r}")
    opaque = picture[..., 3] > 0
    if not opaque.any():
        return 0.0
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    height = rows[-1] - rows[0] + 1
    start, stop, width = regions[part]
    first = rows[0] + round(start * height)
    last = max(first + 1, rows[0] + round(stop * height))
    # Gear at the sides would move the middle of the outline: take that of the lower half.
    lower = opaque[rows[0] + height // 2 :]
    middle = float(np.average(np.arange(opaque.shape[1]), weights=lower.sum(0) + 1e-9))
    half = max(1.5, width * min(len(columns), height * 0.6) / 2)
    left, right = max(0, round(middle - half)), round(middle + half) + 1
    inside = opaque[first:last, left:right]
    colours = picture[first:last, left:right][inside][:, :3]
    if len(colours) == 0:
        return 0.0
    said = colour_of(colours)
    if word != "black":  # lines are no part of a colour
        said = said[said != 0] if (said != 0).any() else said
    return float((said == COLOURS.index(word)).mean())
