"""The words a manifest may use, asked from the pipelines that own them; no torch is loaded."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable

from aigc_assets.exporters import TARGETS


@functools.cache
def themes() -> tuple[str, ...]:
    """Themes of maps."""
    from aigc_assets.pipelines.maps import THEMES

    return tuple(THEMES)


def size_bounds(theme: object) -> tuple[int, int]:
    """Smallest and largest side of a map of this theme in cells; the usual ones if it is none."""
    from aigc_assets.pipelines.maps import MAX_SIZE, MIN_SIZE, THEMES

    row = THEMES.get(str(theme))
    return (MIN_SIZE, MAX_SIZE) if row is None else (row.smallest, row.largest)


@functools.cache
def generators() -> tuple[str, ...]:
    """Networks that draw maps."""
    from aigc_assets.pipelines.maps import GENERATORS

    return GENERATORS


@functools.cache
def drawers() -> tuple[str, ...]:
    """What draws characters."""
    from aigc_assets.pipelines.characters.request import GENERATORS

    return GENERATORS


@functools.cache
def reliefs() -> tuple[str, ...]:
    """Kinds of landscape."""
    from aigc_assets.pipelines.maps import RELIEFS

    return RELIEFS


@functools.cache
def animations() -> tuple[str, ...]:
    """Actions that a character can be drawn in."""
    from aigc_assets.pipelines.characters import ANIMATIONS

    return ANIMATIONS


@functools.cache
def variants() -> tuple[str, ...]:
    """What can be made of a finished character."""
    from aigc_assets.pipelines.characters.variants import VARIANTS

    return tuple(VARIANTS)


def sizes() -> tuple[int, ...]:
    """Sides of a character's frame in px, with the weights in use."""
    from aigc_assets.pipelines.characters.request import sizes as of_request

    return of_request()


@functools.cache
def character_kinds() -> tuple[str, ...]:
    """Kinds of characters."""
    from aigc_assets.pipelines.characters import KINDS

    return KINDS


@functools.cache
def sound_kinds() -> tuple[str, ...]:
    """Kinds of sounds."""
    from aigc_assets.pipelines.sounds import KINDS

    return KINDS


@functools.cache
def moods() -> tuple[str, ...]:
    """Moods of dialogues."""
    from aigc_assets.pipelines.dialogue import MOODS

    return MOODS


def targets() -> tuple[str, ...]:
    """Names of export targets."""
    return tuple(TARGETS)


def suggest(word: object, known: Iterable[object]) -> str:
    """``; did you mean "x"?`` for the closest known words, or nothing."""
    close = difflib.get_close_matches(str(word), [str(item) for item in known], 2, 0.6)
    quoted = [f'"{item}"' for item in close]
    return f"; did you mean {' or '.join(quoted)}?" if close else ""
