"""What can be asked for: theme, size, requirements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps.requirements import Requirements, parse_requirements


class Theme(NamedTuple):
    """A theme: how one moves on its maps, and the module whose ``generate`` makes them.

    Movements: ``walk`` goes to any of the four neighbours that is not solid. They are the rules by
    which `aigc_assets.metrics.playability` checks a witness.
    """

    movement: str
    module: str


THEMES: dict[str, Theme] = {
    # name: Theme(movement, module)
    "dungeon": Theme("walk", "aigc_assets.pipelines.maps.indoor.generate"),
    "cave": Theme("walk", "aigc_assets.pipelines.maps.indoor.generate"),
    "techbase": Theme("walk", "aigc_assets.pipelines.maps.indoor.generate"),
}
GENERATORS = ("auto", "gan", "transformer")
"""Which network draws the terrain; ``auto`` takes the one that suits the request."""

MIN_SIZE, MAX_SIZE = 8, 256
TILE_SIZE = 16
"""Side of a tile in px."""


@dataclass(frozen=True)
class MapRequest:
    """A map to make.

    Args:
        theme: One of `THEMES`.
        size: Width and height in tiles, 8..256 each.
        require: Requirement lines, see `aigc_assets.pipelines.maps.requirements`.
        generator: One of `GENERATORS`.

    Raises:
        UsageError: If any of them is not allowed.
    """

    theme: str
    size: tuple[int, int]
    require: tuple[str, ...] = ()
    generator: str = "auto"

    def __post_init__(self) -> None:
        if self.theme not in THEMES:
            known = ", ".join(THEMES)
            raise UsageError(f"unknown theme {self.theme!r}", where="theme", remedy=known)
        if self.generator not in GENERATORS:
            known = ", ".join(GENERATORS)
            raise UsageError(
                f"unknown generator {self.generator!r}", where="generator", remedy=known
            )
        object.__setattr__(self, "size", tuple(self.size))
        ok = len(self.size) == 2 and all(
            isinstance(n, int) and MIN_SIZE <= n <= MAX_SIZE for n in self.size
        )
        if not ok:
            remedy = f"[width, height] in tiles, {MIN_SIZE}..{MAX_SIZE} each"
            raise UsageError(f"no size for a map: {self.size}", where="size", remedy=remedy)
        if isinstance(self.require, str):
            raise UsageError("expected a list of lines", where="require", remedy="use [...]")
        object.__setattr__(self, "require", tuple(self.require))
        parse_requirements(self.require)

    @property
    def requirements(self) -> Requirements:
        """The parsed lines."""
        return parse_requirements(self.require)
