"""What can be asked for: theme, size, requirements."""

from __future__ import annotations

from dataclasses import dataclass

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps.requirements import Requirements, parse_requirements

THEMES: tuple[str, ...] = ("dungeon", "cave", "techbase")
"""In the order of the labels that the network was trained with."""

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

    Raises:
        UsageError: If any of them is not allowed.
    """

    theme: str
    size: tuple[int, int]
    require: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.theme not in THEMES:
            known = ", ".join(THEMES)
            raise UsageError(f"unknown theme {self.theme!r}", where="theme", remedy=known)
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
