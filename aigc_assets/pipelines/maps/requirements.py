"""What a map must fulfil, as one line of text per requirement.

Grammar (case and spaces do not matter, every kind at most once)::

    start -> exit          the exit can be reached from the start; always true
    key before door        at least one locked door bars the way, its key lies before it
    monsters A..B          number of monsters
    treasure A..B          number of treasures
    doors A..B             number of locked doors between start and exit
    path A..B              steps of the walk from start to exit, detours to keys included

``A..B`` may be a single number (exactly that many) or ``A..`` (at least).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aigc_assets.errors import UsageError

GRAMMAR = ", ".join(
    f'"{line}"'
    for line in ("start -> exit", "key before door", "monsters A..B", "treasure A..B",
                 "doors A..B", "path A..B")
)  # fmt: skip
LIMIT = 100_000
"""Numbers above this are typing errors: the largest map has 65,536 cells."""

_RANGE = re.compile(r"(monsters?|treasures?|doors?|path) ([0-9]{1,9})(?: ?\.\. ?([0-9]{1,9})?)?")


@dataclass(frozen=True)
class Range:
    """Inclusive bounds of a count."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}..{'' if self.high == LIMIT else self.high}"


@dataclass(frozen=True)
class Requirements:
    """The parsed requirements; None where nothing was asked for.

    Args:
        key_before_door: At least one locked door must bar the way.
        monsters: Number of monsters.
        treasure: Number of treasures.
        doors: Number of locked doors; at least one when ``key_before_door``.
        path: Steps of the walk from start to exit.
    """

    key_before_door: bool = False
    monsters: Range | None = None
    treasure: Range | None = None
    doors: Range | None = None
    path: Range | None = None


def parse_requirements(require: Iterable[str]) -> Requirements:
    """Read requirement lines; none at all means ``start -> exit``.

    Raises:
        UsageError: If a line is not in the grammar, is given twice or contradicts another.
    """
    found: dict[str, Range] = {}
    key_before_door = False
    for text in require:
        plain = " ".join(str(text).lower().split())
        if re.fullmatch(r"start ?-> ?exit", plain):
            continue
        if plain == "key before door":
            key_before_door = True
            continue
        match = _RANGE.fullmatch(plain)
        if match is None:
            raise _wrong(text, "unknown requirement")
        word, low_text, high_text = match.groups()
        name = {"monster": "monsters", "treasures": "treasure", "door": "doors"}.get(word, word)
        low = int(low_text)
        open_ended = high_text is None and ".." in plain
        high = int(high_text) if high_text is not None else (LIMIT if open_ended else low)
        if name in found:
            raise _wrong(text, f"{name} is given twice")
        if low > high:
            raise _wrong(text, f"{low} is more than {high}")
        if high > LIMIT:
            raise _wrong(text, f"numbers go up to {LIMIT}")
        if name == "path" and low < 1:
            raise _wrong(text, "a path has at least 1 step")
        found[name] = Range(low, high)
    doors = found.get("doors")
    if key_before_door:
        doors = Range(max(1, doors.low), doors.high) if doors else None
        if doors is not None and doors.low > doors.high:
            raise UsageError(
                '"key before door" needs a door, but "doors 0..0" forbids it',
                where="require",
                remedy="raise the number of doors",
            )
    return Requirements(
        key_before_door, found.get("monsters"), found.get("treasure"), doors, found.get("path")
    )


def _wrong(text: object, reason: str) -> UsageError:
    shown = repr(str(text)[:60])
    return UsageError(f"{shown}: {reason}", where="require", remedy=f"one of {GRAMMAR}")
