"""Terrain that is being changed: pinned cells stay, and halves stay mirrored."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import (
    BRIDGE,
    LIQUID,
    WALL,
    Terrain,
    Walkable,
    distances,
    walkable_cells,
)
from aigc_assets.pipelines.maps.pins import mirrored


class Canvas:
    """A terrain and what must not change in it.

    Args:
        terrain: Terrain [H, W] inside a solid border; belongs to the canvas from now on.
        pinned: Cells that stay what they are, [H, W] bool; None for none. Mirrored like the
            terrain.
        symmetry: As in the requirements; every change is made in both halves.
    """

    def __init__(
        self, terrain: Terrain, pinned: NDArray[np.bool_] | None = None, symmetry: str = ""
    ) -> None:
        self.terrain = np.ascontiguousarray(terrain)
        self.height, self.width = terrain.shape
        fixed = np.zeros(terrain.shape, dtype=bool) if pinned is None else pinned.copy()
        self.pinned: NDArray[np.bool_] = fixed.reshape(-1)
        inside = np.zeros(terrain.shape, dtype=bool)
        inside[1:-1, 1:-1] = True
        self.inside: NDArray[np.bool_] = inside.reshape(-1)
        numbers = np.arange(terrain.size).reshape(terrain.shape)
        self.symmetry = symmetry
        self.twin: NDArray[np.int64] = np.ascontiguousarray(mirrored(numbers, symmetry)).reshape(-1)

    def copy(self) -> Canvas:
        """An independent terrain under the same rules."""
        other = object.__new__(Canvas)
        other.terrain = self.terrain.copy()
        for name in ("height", "width", "pinned", "inside", "symmetry", "twin"):
            setattr(other, name, getattr(self, name))
        return other

    @property
    def flat(self) -> NDArray[np.uint8]:
        """The terrain, one number per cell."""
        return self.terrain.reshape(-1)

    @property
    def walkable(self) -> Walkable:
        """Where one can walk, flat."""
        return walkable_cells(self.terrain)

    def put(self, cells: Iterable[int] | NDArray[np.int64], kind: int) -> bool:
        """Make cells and their twins ``kind``; False, and no change, if a pin forbids it."""
        listed = np.asarray(cells if isinstance(cells, np.ndarray) else list(cells), dtype=np.int64)
        flat = self.flat
        changed = listed[flat[listed] != kind]
        if (self.pinned[changed] | ~self.inside[changed]).any():
            return False
        flat[changed] = kind
        flat[self.twin[changed]] = kind
        return True

    def fill_unreached(self, start: int) -> int:
        """Fill every walkable cell that no walk from ``start`` reaches.

        Returns:
            The number of cells filled, or -1, with nothing changed, where a pin or the symmetry
            forbids it.
        """
        walkable = self.walkable
        reached = distances(walkable, self.width, [start])
        lost = np.flatnonzero((walkable > 0) & (reached < 0))
        if not len(lost):
            return 0
        alone = np.zeros(walkable.size, dtype=bool)
        alone[lost] = True
        if self.pinned[lost].any() or not alone[self.twin[lost]].all():
            return -1
        flat = self.flat
        flat[lost] = np.where(flat[lost] == BRIDGE, LIQUID, WALL)
        return len(lost)
