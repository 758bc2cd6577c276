"""Height fields with biomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.validation import frozen_array, require, require_tuple


@dataclass(frozen=True, slots=True)
class Terrain:
    """A height field.

    Args:
        height: Metres above sea level, [H, W] float32, finite, row 0 in the north.
        cell_size: Edge of one cell in metres, > 0.
        biome: Index into ``biome_names``, [H, W] uint8.
        biome_names: What the indices mean.
    """

    height: NDArray[np.float32]
    cell_size: float
    biome: NDArray[np.uint8]
    biome_names: tuple[str, ...]

    def __post_init__(self) -> None:
        height = frozen_array(self.height, "Terrain.height", np.float32, (None, None))
        require(min(height.shape) >= 2, "Terrain.height", "at least 2x2 cells", height.shape)
        require(bool(np.isfinite(height).all()), "Terrain.height", "finite metres", "nan or inf")
        object.__setattr__(self, "height", height)
        require_tuple(self.biome_names, "Terrain.biome_names", str)
        positive = isinstance(self.cell_size, (int, float)) and 0 < self.cell_size < 1e7
        require(positive, "Terrain.cell_size", "metres > 0", self.cell_size)
        biome = frozen_array(self.biome, "Terrain.biome", np.uint8, height.shape)
        object.__setattr__(self, "biome", biome)
        known = len(self.biome_names)
        require(int(biome.max()) < known, "Terrain.biome", f"indices below {known}", biome.max())
