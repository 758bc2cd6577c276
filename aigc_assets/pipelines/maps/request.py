"""What can be asked for: theme, size, requirements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps.pins import Pins, lines_of, parse_pins
from aigc_assets.pipelines.maps.requirements import (
    KINDS,
    Requirements,
    parse_requirements,
    refuse,
)

MIN_SIZE, MAX_SIZE = 8, 256
"""Bounds of each side of a map in cells, where a theme has no others."""
TILE_SIZE = 16
"""Side of a tile in px."""


class Theme(NamedTuple):
    """A theme: how one moves on its maps, and the module whose ``generate`` makes them.

    ``serves`` names the kinds of requirements (`requirements.KINDS`) that it can fulfil; a request
    that asks for another is refused before any work, with ``reason``. ``pins`` says whether cells
    can be pinned. ``smallest`` and ``largest`` are the bounds of each side in cells.

    Movements: ``walk`` goes to any of the four neighbours that is not solid, ``push`` also moves
    the box it meets. They are the rules by which `aigc_assets.metrics.playability` checks a
    witness.
    """

    movement: str
    module: str
    serves: tuple[str, ...] = KINDS
    reason: str = ""
    pins: bool = False
    smallest: int = MIN_SIZE
    largest: int = MAX_SIZE


_INDOOR = "aigc_assets.pipelines.maps.indoor.generate"
_WALKED = tuple(kind for kind in KINDS if kind not in ("boxes", "pushes"))
_NO_BOXES = "nothing is pushed here"
_SIDE = (
    "key before door", "doors", "boss", "monsters", "treasure", "liquid", "path", "difficulty",
)  # fmt: skip

THEMES: dict[str, Theme] = {
    # name: Theme(movement, module, kinds of requirements it serves, why no others)
    "dungeon": Theme("walk", _INDOOR, _WALKED, _NO_BOXES, True),
    "cave": Theme("walk", _INDOOR, _WALKED, _NO_BOXES, True),
    "techbase": Theme("walk", _INDOOR, _WALKED, _NO_BOXES, True),
    "sokoban": Theme(
        "push",
        "aigc_assets.pipelines.maps.sokoban.generate",
        ("boxes", "pushes", "path", "treasure", "difficulty"),
        "a sokoban is walls, boxes and goals: nothing locks, fights or mirrors",
    ),
    "platformer": Theme(
        "jump",
        "aigc_assets.pipelines.maps.platformer.generate",
        _SIDE,
        "a level with gravity has a bottom and a direction: nothing mirrors, nothing is pushed",
    ),
    "overworld": Theme(
        "walk",
        "aigc_assets.pipelines.maps.relief.overworld",
        ("key before door", "doors", "boss", "monsters", "treasure", "path", "difficulty"),
        "the lie of a land decides what is water, and no land is its own mirror image",
    ),
    "terrain": Theme(
        "walk",
        "aigc_assets.pipelines.maps.relief.terrain",
        (),
        "a terrain has heights, not objects",
        False,
        33,
        4097,
    ),
}
RELIEFS = ("auto", "island", "coast", "mountain", "plains")
"""Kinds of landscape of the themes terrain and overworld; ``auto`` lets the seed choose."""
GENERATORS = ("auto", "gan", "transformer")
"""Which network draws the terrain; ``auto`` takes the one that suits the request."""


@dataclass(frozen=True)
class MapRequest:
    """A map to make.

    Args:
        theme: One of `THEMES`.
        size: Width and height in cells, within the bounds of the theme.
        require: Requirement lines, see `aigc_assets.pipelines.maps.requirements`.
        generator: One of `GENERATORS`.
        pins: Cells that are given, as lines (see `aigc_assets.pipelines.maps.pins`) or as an
            array of terrain codes [height, width], negative where free.
        relief: One of `RELIEFS`; other themes than terrain and overworld have none.

    Raises:
        UsageError: If any of them is not allowed.
    """

    theme: str
    size: tuple[int, int]
    require: tuple[str, ...] = ()
    generator: str = "auto"
    pins: tuple[str, ...] = ()
    relief: str = "auto"

    def __post_init__(self) -> None:
        if self.theme not in THEMES:
            known = ", ".join(THEMES)
            raise UsageError(f"unknown theme {self.theme!r}", where="theme", remedy=known)
        if self.generator not in GENERATORS:
            known = ", ".join(GENERATORS)
            raise UsageError(
                f"unknown generator {self.generator!r}", where="generator", remedy=known
            )
        theme = THEMES[self.theme]
        if self.relief not in RELIEFS:
            known = ", ".join(RELIEFS)
            raise UsageError(f"unknown relief {self.relief!r}", where="relief", remedy=known)
        if self.relief != "auto" and self.theme not in ("terrain", "overworld"):
            raise UsageError(
                f"a {self.theme} has no relief", where="relief", remedy="leave the key out"
            )
        if self.theme in ("terrain", "overworld") and self.generator == "transformer":
            raise UsageError(
                f"no transformer draws the theme {self.theme}",
                where="generator",
                remedy="use auto or gan",
            )
        if self.theme == "sokoban" and self.generator != "auto":
            raise UsageError(
                "the rooms of sokoban levels are carved, no network draws them",
                where="generator",
                remedy="use auto",
            )
        if self.theme == "platformer" and self.generator == "gan":
            raise UsageError(
                f"no GAN draws the theme {self.theme}",
                where="generator",
                remedy="use auto or transformer",
            )
        object.__setattr__(self, "size", tuple(self.size))
        low, high = theme.smallest, theme.largest
        ok = len(self.size) == 2 and all(isinstance(n, int) and low <= n <= high for n in self.size)
        if not ok:
            remedy = f"[width, height] in cells, {low}..{high} each for the theme {self.theme}"
            raise UsageError(f"no size for a map: {self.size}", where="size", remedy=remedy)
        if isinstance(self.require, str):
            raise UsageError("expected a list of lines", where="require", remedy="use [...]")
        object.__setattr__(self, "require", tuple(self.require))
        wanted = parse_requirements(self.require)
        refuse(wanted, self.theme, theme.serves, theme.reason)
        self._take_pins(theme, wanted)

    def _take_pins(self, theme: Theme, wanted: Requirements) -> None:
        if isinstance(self.pins, str):
            raise UsageError("expected a list of lines", where="pins", remedy="use [...]")
        if isinstance(self.pins, np.ndarray):
            lines = lines_of(self.pins)
            if self.pins.shape != self.size[::-1]:
                raise UsageError(
                    f"pins {self.pins.shape} for a map of {self.size[::-1]} rows and columns",
                    where="pins",
                )
            object.__setattr__(self, "pins", lines)
        object.__setattr__(self, "pins", tuple(self.pins))
        if not self.pins:
            return
        if not theme.pins:
            takers = ", ".join(name for name, row in THEMES.items() if row.pins)
            raise UsageError(
                f"{self.theme} maps take no pins", where="pins", remedy=f"these do: {takers}"
            )
        if self.generator == "gan":
            raise UsageError(
                "the GAN cannot draw around pins", where="generator", remedy="auto, transformer"
            )
        parse_pins(self.pins, self.size, wanted.symmetry)

    @property
    def pinned(self) -> Pins | None:
        """The parsed pins; None if nothing is pinned."""
        if not self.pins:
            return None
        return parse_pins(self.pins, self.size, self.requirements.symmetry)

    @property
    def requirements(self) -> Requirements:
        """The parsed lines, with every share as a count for this size."""
        return parse_requirements(self.require).for_size(self.size)
