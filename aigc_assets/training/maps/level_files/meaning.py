"""What a tile is: by its properties, by the user's legend, or by a guess that is reported.

``legend.toml`` in the folder gives the meaning of whatever the files name, in lists per word:

    wall = ["#", "#3a3a48", "brick", 1]     # a character, a colour, a name, a number
    floor = [".", "layer:ground"]           # layer:<name> is every tile of a layer
    side_view = true                        # levels seen from the side, gravity downwards
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.level import (
    DOOR,
    FLOOR,
    HAZARD,
    LADDER,
    LIQUID,
    ONE_WAY,
    OUTDOOR,
    VOID,
    WALL,
    WORDS,
)

LEGEND = "legend.toml"

_NAMES = {
    WALL: "wall solid rock brick block cliff collision obstacle impassable boulder mountain",
    FLOOR: "floor ground path road corridor carpet room walkable bridge empty air background goal",
    OUTDOOR: "outdoor grass sand dirt yard field meadow snow",
    LIQUID: "water lava liquid river sea lake slime acid swamp deep ocean pool",
    DOOR: "door gate",
    HAZARD: "hazard spike trap",
    ONE_WAY: "oneway platform ledge plank board",
    LADDER: "ladder vine rope",
}
_BY_NAME = {name: word for word, names in _NAMES.items() for name in names.split()}

# In this order: a door in a wall is a door, deep water is water, spikes on the floor are spikes.
_FLAGS = (
    ("door", DOOR), ("ladder", LADDER), ("liquid", LIQUID), ("hazard", HAZARD),
    ("one_way", ONE_WAY), ("solid", WALL), ("outdoor", OUTDOOR), ("collides", WALL),
)  # fmt: skip

STRENGTH = {VOID: 0, FLOOR: 1, OUTDOOR: 2, WALL: 3, ONE_WAY: 4, HAZARD: 5, LIQUID: 6, LADDER: 7,
            DOOR: 8}  # fmt: skip
"""Where layers lie on each other, the word with the highest number counts."""


@dataclass(frozen=True)
class Legend:
    """Meanings that the user wrote down: by character, ``#rrggbb``, name or number."""

    words: Mapping[str | int, int] = field(default_factory=dict)
    side_view: bool = False

    def __bool__(self) -> bool:
        return bool(self.words)

    def word(self, *keys: str | int) -> int | None:
        """The meaning of the first key that has one."""
        for key in keys:
            found = self.words.get(key.lower() if isinstance(key, str) and len(key) > 1 else key)
            if found is not None:
                return found
        return None


def parse_legend(data: bytes) -> Legend:
    """The legend of a folder.

    Raises:
        DataError: If it is not TOML, uses another word or gives something two meanings.
    """
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise DataError(f"is not TOML: {error}", where=LEGEND) from error
    side_view = table.pop("side_view", False)
    if not isinstance(side_view, bool):
        raise DataError("is true or false", where=f"{LEGEND}: side_view")
    words: dict[str | int, int] = {}
    for key, entries in table.items():
        if key not in WORDS:
            known = ", ".join(WORDS)
            raise DataError(f"{key!r} is not a word", where=LEGEND, remedy=f"one of: {known}")
        if not isinstance(entries, list):
            entries = [entries]
        for entry in entries:
            if not isinstance(entry, (str, int)) or isinstance(entry, bool) or entry == "":
                raise DataError(f"{entry!r} names no tile", where=f"{LEGEND}: {key}")
            name = entry.lower() if isinstance(entry, str) and len(entry) > 1 else entry
            if words.setdefault(name, WORDS.index(key)) != WORDS.index(key):
                raise DataError(f"{entry!r} has two meanings", where=f"{LEGEND}: {key}")
    return Legend(words, side_view)


def of_properties(properties: Mapping[str, object]) -> int | None:
    """The meaning of a tile by its booleans; None if it has none of those that count."""
    known = [
        (word, properties[key]) for key, word in _FLAGS if isinstance(properties.get(key), bool)
    ]
    if not known:
        return None
    return next((word for word, value in known if value), FLOOR)


def of_name(name: str) -> int | None:
    """The meaning of a name by the English words in it: ``Stone_Walls2`` is a wall."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower().replace("one_way", "oneway")
    found = [_BY_NAME.get(part) or _BY_NAME.get(part.removesuffix("s"))
             for part in re.findall(r"[a-z]+", spaced)]  # fmt: skip
    words = [word for word in found if word is not None]
    return max(words, key=STRENGTH.__getitem__) if words else None


def by_border(codes: NDArray[np.int64], where: str) -> tuple[NDArray[np.uint8], str]:
    """The last resort: what the rim of a level mostly consists of is wall, all else is floor.

    Args:
        codes: One number per cell, equal where cells look equal, [H, W].
        where: File, for errors.

    Returns:
        Words, and the guess in words.

    Raises:
        DataError: If everything is the same.
    """
    rim = np.concatenate([codes[0], codes[-1], codes[1:-1, 0], codes[1:-1, -1]])
    values, counts = np.unique(rim, return_counts=True)
    commonest = int(values[counts.argmax()])
    walls = codes == commonest
    if walls.all():
        raise DataError("every cell is the same tile", where=where)
    words = np.where(walls, WALL, FLOOR).astype(np.uint8)
    return words, f"tile {commonest}, which lies around the level, is taken for wall"


def unknown(tiles: Iterable[object], where: str) -> DataError:
    """The error for tiles that nobody explained: the commonest of them by name."""
    counted = Counter(map(str, tiles)).most_common(6)
    shown = ", ".join(f"{name!r}" if len(name) < 24 else f"{name[:24]!r}..." for name, _ in counted)
    return DataError(
        f"has tiles of unknown meaning: {shown}",
        where=where,
        remedy=f"name them in {LEGEND}",
    )
