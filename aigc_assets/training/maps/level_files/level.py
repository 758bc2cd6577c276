"""A level as it is read: what each cell is, in words that every file format can say.

Nothing here knows a file format; limits that protect the reader stand here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError

WORDS = (
    "void", "wall", "floor", "outdoor", "liquid", "door", "hazard", "one_way", "ladder",
)  # fmt: skip
"""What a cell can be; a level holds indices into this. ``void`` is a cell without any tile."""

VOID, WALL, FLOOR, OUTDOOR, LIQUID, DOOR, HAZARD, ONE_WAY, LADDER = range(len(WORDS))

TOP_CLASSES = {
    VOID: 0, WALL: 0, FLOOR: 1, OUTDOOR: 2, LIQUID: 3, DOOR: 4, HAZARD: 1, ONE_WAY: 1, LADDER: 1,
}  # fmt: skip
"""Levels seen from above: 0 wall, 1 floor, 2 outdoor, 3 liquid, 4 door."""

SIDE_CLASSES = {
    VOID: 0, FLOOR: 0, OUTDOOR: 0, DOOR: 0, WALL: 1, ONE_WAY: 2, HAZARD: 3, LIQUID: 3, LADDER: 4,
}  # fmt: skip
"""Levels seen from the side: 0 air, 1 solid, 2 one way, 3 hazard, 4 ladder."""

LARGEST_SIDE = 1024
"""Cells; a level that is longer than that is refused."""

SMALLEST_SIDE = 3

LARGEST_FILE = 8 * 1024 * 1024
"""Bytes of one file."""


@dataclass(frozen=True)
class Level:
    """One level.

    Args:
        name: File name, and the name of the level in it where a file holds several.
        words: Indices into `WORDS`, [H, W] uint8.
        side_view: Whether gravity points down in it: it must not be turned or mirrored vertically.
        guesses: What was not written anywhere and had to be guessed, for people.
    """

    name: str
    words: NDArray[np.uint8]
    side_view: bool = False
    guesses: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        check_size(self.name, self.words.shape[1], self.words.shape[0])

    @property
    def cells(self) -> NDArray[np.uint8]:
        """Classes as the map models know them, [H, W] uint8: `SIDE_CLASSES` or `TOP_CLASSES`."""
        classes = SIDE_CLASSES if self.side_view else TOP_CLASSES
        table = np.array([classes[word] for word in range(len(WORDS))], dtype=np.uint8)
        found: NDArray[np.uint8] = table[self.words]
        return found


def printable(text: str) -> str:
    """``text`` of a stranger for a terminal: what steers one, or cannot be shown, becomes ``?``."""
    return "".join(char if char.isprintable() else "?" for char in text)


def check_size(where: str, width: int, height: int) -> None:
    """Refuse a level that is empty, too small to learn from or too large to be one.

    Raises:
        DataError: With the size in cells.
    """
    if width <= 0 or height <= 0:
        raise DataError("the level is empty", where=where)
    if min(width, height) < SMALLEST_SIDE:
        raise DataError(
            f"the level has {width}x{height} cells, at least {SMALLEST_SIDE}x{SMALLEST_SIDE} "
            "are needed",
            where=where,
        )
    if max(width, height) > LARGEST_SIDE:
        raise DataError(
            f"the level has {width}x{height} cells, at most {LARGEST_SIDE} each way are read",
            where=where,
            remedy="cut it into parts",
        )
