"""Names, order and rate of the frames of a sprite sheet, as game engines want to hear them."""

from __future__ import annotations

import functools
import math

from aigc_assets.errors import UsageError
from aigc_assets.types import SpriteSheet, Tag

_PLAYED_ONCE = frozenset(
    ("attack", "cast", "dead", "death", "die", "hurt", "jump", "shoot", "slash", "spellcast",
     "thrust")
)  # fmt: skip


def animations(sheet: SpriteSheet) -> tuple[Tag, ...]:
    """The tags; a sheet without any is one animation, or engines would show nothing."""
    return sheet.tags or (Tag("default", 0, len(sheet.frames)),)


def playing_order(tag: Tag) -> list[int]:
    """Frame indices of one turn of the animation; a pingpong shows its ends once."""
    order = list(range(tag.start, tag.stop))
    if tag.direction == "reverse":
        return order[::-1]
    if tag.direction == "pingpong":
        return order + order[-2:0:-1]
    return order


def loops(tag: Tag) -> bool:
    """Whether the animation goes on for ever; a single act, such as ``attack``, does not."""
    return tag.name.split("_")[0] not in _PLAYED_ONCE


def frame_unit(sheet: SpriteSheet, order: list[int]) -> int:
    """The longest time in ms that every frame's duration is a whole multiple of."""
    return functools.reduce(math.gcd, (int(sheet.frames[i].duration_ms) for i in order))


def frames_per_second(sheet: SpriteSheet, tag: Tag) -> float:
    """Frames shown per second on average, for engines with one rate per animation."""
    order = playing_order(tag)
    return 1000 * len(order) / sum(int(sheet.frames[i].duration_ms) for i in order)


def frame_names(sheet: SpriteSheet, name: str) -> list[str]:
    """One name per frame: ``<name>_<tag>_<number in the tag>``, ``<name>_<index>`` without a tag.

    Engines keep textures by name, so that names have to differ over a whole pack. Numbers have as
    many digits as the highest one, so that sorting by name keeps the order. A frame of two tags is
    called after the first.

    Raises:
        UsageError: If two frames would get the same name; Unreal does not tell letters by case.
    """
    width = len(str(len(sheet.frames) - 1))
    names = [f"{name}_{index:0{width}}" for index in range(len(sheet.frames))]
    for tag in reversed(sheet.tags):
        digits = len(str(tag.stop - tag.start - 1))
        for index in range(tag.start, tag.stop):
            names[index] = f"{name}_{tag.name}_{index - tag.start:0{digits}}"
    first: dict[str, int] = {}
    for index, chosen in enumerate(names):
        before = first.setdefault(chosen.casefold(), index)
        if before != index:
            raise UsageError(
                f"frames {before} and {index} would both be called {chosen!r}",
                where=name,
                remedy="rename a tag of the sheet",
            )
    return names
