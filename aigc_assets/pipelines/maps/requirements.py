"""What a map must fulfil, as one line of text per requirement.

Grammar (case and spaces do not matter, every kind at most once)::

    start -> exit          the exit can be reached from the start; always true
    key before door        at least one locked door bars the way, its key lies before it
    doors A..B             number of locked doors between start and exit
    doors red, blue, gold  exactly these locked doors, met in this order, each key before its door
    boss at end            the exit lies in a dead-end chamber behind one cell, the boss in it
    monsters A..B          number of monsters, the boss not counted
    treasure A..B          number of treasures
    hazards A..B           cells of ground that harm; the walk keeps off them
    liquid A..B            cells of liquid
    outdoor A..B           cells of outdoor ground
    path A..B              steps of the walk from start to exit, detours to keys included
    boxes A..B             boxes to push onto as many goals
    pushes A..B            pushes of the solution that comes with the map
    difficulty X           0 (a stroll) .. 1, see `aigc_assets.metrics.difficulty`
    symmetry S             horizontal (left and right mirrored), vertical (top and bottom) or
                           rotational (half a turn); the terrain, not what stands on it

``A..B`` may be a single number (exactly that many) or ``A..`` (at least). Monsters, treasure,
hazards, liquid and outdoor ground may be given in percent of the cells inside the border instead
("liquid 5..10 %"); the bounds are rounded outward to whole cells, with a symmetry to pairs of
cells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from aigc_assets.errors import UsageError

COLOURS: tuple[str, ...] = ("red", "blue", "gold", "green", "violet", "teal")
"""Colours of keys and doors."""
SYMMETRIES = ("horizontal", "vertical", "rotational")

_LINES = {
    # kind: how its line is written
    "start -> exit": ("start -> exit",),
    "key before door": ("key before door",),
    "doors": ("doors A..B", "doors red, blue"),
    "boss": ("boss at end",),
    "monsters": ("monsters A..B", "monsters A..B %"),
    "treasure": ("treasure A..B", "treasure A..B %"),
    "hazards": ("hazards A..B", "hazards A..B %"),
    "liquid": ("liquid A..B", "liquid A..B %"),
    "outdoor": ("outdoor A..B", "outdoor A..B %"),
    "path": ("path A..B",),
    "boxes": ("boxes A..B",),
    "pushes": ("pushes A..B",),
    "difficulty": ("difficulty X",),
    "symmetry": ("symmetry " + "|".join(SYMMETRIES),),
}
KINDS: tuple[str, ...] = tuple(_LINES)
"""The kinds of requirements, as a theme names those that it serves."""
GRAMMAR = ", ".join(f'"{line}"' for lines in _LINES.values() for line in lines)
LIMIT = 100_000
"""Numbers above this are typing errors: the largest map has 65,536 cells."""
MAX_DOORS = 40
"""Most doors in a row of colours."""

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_SPAN = re.compile(
    rf"(monsters?|treasures?|doors?|path|boxes|pushes|hazards?|liquid|outdoor) ?({_NUMBER})"
    rf"(?: ?(\.\.) ?({_NUMBER})?)? ?(%|percent)?"
)
_SHARED = ("monsters", "treasure", "hazards", "liquid", "outdoor")
_PLAIN = {"monster": "monsters", "treasures": "treasure", "door": "doors", "hazard": "hazards"}


@dataclass(frozen=True)
class Range:
    """Inclusive bounds of a count."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}..{'' if self.high == LIMIT else self.high}"


@dataclass(frozen=True)
class Share:
    """Inclusive bounds in percent of the cells inside the border."""

    low: float
    high: float

    def of(self, cells: int) -> Range:
        """The count that this is of ``cells``, rounded outward."""
        # The tolerance keeps 7 % of 300 at 21, not at the 22 of a float just above it.
        low = math.floor(self.low * cells / 100 + 1e-9)
        high = min(cells, math.ceil(self.high * cells / 100 - 1e-9))
        return Range(low, max(low, high))


@dataclass(frozen=True)
class Requirements:
    """The parsed requirements; None where nothing was asked for.

    Args:
        key_before_door: At least one locked door must bar the way.
        monsters: Number of monsters.
        treasure: Number of treasures.
        doors: Number of locked doors; at least one when ``key_before_door``.
        path: Steps of the walk from start to exit.
        door_colours: Colours of the doors in the order in which they are met; empty for any.
        boss: The exit lies in the chamber of a boss.
        hazards: Cells of ground that harm who steps on them.
        liquid: Cells of liquid.
        outdoor: Cells of outdoor ground.
        difficulty: 0..1.
        symmetry: One of `SYMMETRIES`, or empty.
        boxes: Number of boxes and of goals.
        pushes: Pushes of the witness.
        shares: What was given in percent, by kind; `for_size` turns it into counts.
        lines: The text behind each kind that was asked for.
    """

    key_before_door: bool = False
    monsters: Range | None = None
    treasure: Range | None = None
    doors: Range | None = None
    path: Range | None = None
    door_colours: tuple[str, ...] = ()
    boss: bool = False
    hazards: Range | None = None
    liquid: Range | None = None
    outdoor: Range | None = None
    difficulty: float | None = None
    symmetry: str = ""
    boxes: Range | None = None
    pushes: Range | None = None
    shares: tuple[tuple[str, Share], ...] = ()
    lines: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def for_size(self, size: tuple[int, int]) -> Requirements:
        """The same with every share as a count of cells of a map of ``size`` (width, height)."""
        inner = max(0, size[0] - 2) * max(0, size[1] - 2)
        counts = {name: share.of(inner) for name, share in self.shares}
        if self.symmetry:  # terrain comes in pairs
            for name in ("liquid", "outdoor"):
                if name in counts:
                    low, high = counts[name].low, counts[name].high
                    counts[name] = Range(low - low % 2, high + high % 2)
        return replace(self, shares=(), **counts) if counts else self  # type: ignore[arg-type]


def parse_requirements(require: Iterable[str]) -> Requirements:
    """Read requirement lines; none at all means ``start -> exit``.

    Raises:
        UsageError: If a line is not in the grammar, is given twice or contradicts another.
    """
    values: dict[str, object] = {}
    shares: dict[str, Share] = {}
    lines: dict[str, str] = {}
    for text in require:
        plain = " ".join(str(text).lower().split())
        kind, value = _read(text, plain)
        if kind == "start -> exit":
            continue
        if kind in lines and kind != "key before door":
            raise _wrong(text, f"{kind} is given twice")
        lines[kind] = str(text)
        if isinstance(value, Share):
            shares[kind] = value
        elif kind == "key before door":
            values["key_before_door"] = True
        elif isinstance(value, tuple):
            values["door_colours"] = value
            values["doors"] = Range(len(value), len(value))
        else:
            values[kind] = value
    doors = values.get("doors")
    if "key_before_door" in values and isinstance(doors, Range):
        if doors.high < 1:
            raise UsageError(
                '"key before door" needs a door, but "doors 0..0" forbids it',
                where="require",
                remedy="raise the number of doors",
            )
        values["doors"] = Range(max(1, doors.low), doors.high)
    return Requirements(
        shares=tuple(shares.items()),
        lines=tuple(lines.items()),
        **values,  # type: ignore[arg-type]
    )


def refuse(
    requirements: Requirements,
    theme: str,
    served: Collection[str],
    reason: str = "",
) -> None:
    """Refuse the first line that a theme cannot serve.

    Args:
        requirements: As parsed.
        theme: For the message.
        served: Those of `KINDS` that the theme serves; ``start -> exit`` always is.
        reason: Why the others are not.

    Raises:
        UsageError: Names the line, the reason and the lines that are served.
    """
    for kind, text in requirements.lines:
        if kind not in served:
            known = [line for name in KINDS if name in served for line in _LINES[name]]
            raise UsageError(
                f"{text!r}: {reason or f'{theme} maps have no such thing'}",
                where="require",
                remedy=f"for theme {theme}: " + ", ".join(f'"{line}"' for line in known),
            )


def _read(text: object, plain: str) -> tuple[str, object]:
    """Kind and value of a line."""
    if re.fullmatch(r"start ?-> ?exit", plain):
        return "start -> exit", None
    if plain == "key before door":
        return plain, True
    if plain == "boss at end":
        return "boss", True
    word, _, rest = plain.partition(" ")
    if word == "symmetry":
        if rest not in SYMMETRIES:
            raise _wrong(text, "unknown symmetry")
        return word, rest
    if word == "difficulty":
        if not re.fullmatch(r"[01](?:\.[0-9]{1,6})?", rest) or float(rest) > 1:
            raise _wrong(text, "a difficulty is a number from 0 to 1")
        return word, float(rest)
    if word in ("door", "doors") and re.fullmatch(r"[a-z]+(?: ?, ?[a-z]+)*", rest):
        colours = tuple(colour.strip() for colour in rest.split(","))
        for colour in colours:
            if colour not in COLOURS:
                raise _wrong(text, f"unknown colour {colour!r}, doors are {', '.join(COLOURS)}")
        if len(colours) > MAX_DOORS:
            raise _wrong(text, f"at most {MAX_DOORS} doors")
        return "doors", colours
    return _span(text, plain)


def _span(text: object, plain: str) -> tuple[str, Range | Share]:
    match = _SPAN.fullmatch(plain)
    if match is None:
        raise _wrong(text, "unknown requirement")
    word, low_text, dots, high_text, percent = match.groups()
    kind = _PLAIN.get(word, word)
    if percent:
        if kind not in _SHARED:
            raise _wrong(text, f"{kind} cannot be given in percent")
        low = float(low_text)
        high = float(high_text) if high_text else 100.0 if dots else low
        if low > high:
            raise _wrong(text, f"{low:g} is more than {high:g}")
        if high > 100:
            raise _wrong(text, "at most 100 %")
        return kind, Share(low, high)
    if "." in low_text or "." in (high_text or ""):
        raise _wrong(text, "unknown requirement, a count is a whole number")
    first = int(low_text)
    last = int(high_text) if high_text else LIMIT if dots else first
    if first > last:
        raise _wrong(text, f"{first} is more than {last}")
    if last > LIMIT:
        raise _wrong(text, f"numbers go up to {LIMIT}")
    if kind == "path" and first < 1:
        raise _wrong(text, "a path has at least 1 step")
    if kind == "boxes" and last < 1:
        raise _wrong(text, "a level with boxes has at least 1")
    return kind, Range(first, last)


def _wrong(text: object, reason: str) -> UsageError:
    shown = repr(str(text)[:60])
    return UsageError(f"{shown}: {reason}", where="require", remedy=f"one of {GRAMMAR}")
