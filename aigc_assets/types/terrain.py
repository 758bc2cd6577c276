"""Height fields with water, biomes and what people built on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.validation import (
    Scalar,
    frozen_array,
    require,
    require_pair,
    require_properties,
    require_text,
    require_tuple,
)

NATURAL_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "deep_water": (38, 66, 112), "shallow_water": (84, 140, 178), "beach": (214, 200, 158),
    "desert": (209, 184, 128), "savanna": (176, 170, 92), "grassland": (124, 158, 84),
    "forest": (70, 118, 64), "swamp": (86, 106, 82), "taiga": (72, 104, 86),
    "tundra": (146, 146, 126), "rock": (124, 116, 108), "snow": (238, 241, 246),
}  # fmt: skip
"""sRGB by daylight of the biomes that have a common name."""


@dataclass(frozen=True, slots=True)
class River:
    """A river from its source to its mouth; one that joins another ends on a cell of it.

    Args:
        path: Cells (column, row), [N, 2] int32, each next to the one before, diagonals included.
        width: Metres at each cell, [N] float32, > 0.
    """

    path: NDArray[np.int32]
    width: NDArray[np.float32]

    def __post_init__(self) -> None:
        path = frozen_array(self.path, "River.path", np.int32, (None, 2))
        require(len(path) > 1, "River.path", "at least two cells", path.shape)
        object.__setattr__(self, "path", path)
        _require_steps(path, "River.path", diagonal=True)
        width = frozen_array(self.width, "River.width", np.float32, (len(path),))
        good = bool(np.isfinite(width).all() and (width > 0).all())
        require(good, "River.width", "metres > 0", width.min())
        object.__setattr__(self, "width", width)


@dataclass(frozen=True, slots=True)
class Road:
    """A road between two places.

    Args:
        path: Cells (column, row), [N, 2] int32; each step goes up, down, left or right.
        bridges: Spans (first, last) of ``path`` that cross a river, both included.
    """

    path: NDArray[np.int32]
    bridges: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        path = frozen_array(self.path, "Road.path", np.int32, (None, 2))
        require(len(path) > 1, "Road.path", "at least two cells", path.shape)
        object.__setattr__(self, "path", path)
        _require_steps(path, "Road.path", diagonal=False)
        require_tuple(self.bridges, "Road.bridges", tuple)
        for span in self.bridges:
            require_pair(span, "Road.bridges", 0, len(path) - 1)
            require(span[0] <= span[1], "Road.bridges", "first <= last", span)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A place where people live.

    Args:
        name: For people.
        rank: ``city``, ``town`` or ``village``.
        cell: Column and row.
    """

    name: str
    rank: str
    cell: tuple[int, int]

    def __post_init__(self) -> None:
        require_text(self.name, "Settlement.name")
        ranks = ("city", "town", "village")
        require(self.rank in ranks, "Settlement.rank", f"one of {ranks}", self.rank)
        require_pair(self.cell, "Settlement.cell", 0)


@dataclass(frozen=True, slots=True)
class Terrain:
    """A height field. Only ``height`` to ``biome_names`` must be given.

    Args:
        height: Metres above sea level, [H, W] float32, finite, row 0 in the north. Under water it
            is the bed.
        cell_size: Distance of neighbouring samples in metres, > 0.
        biome: Index into ``biome_names``, [H, W] uint8.
        biome_names: What the indices mean.
        water: Depth of sea and lakes in metres, 0 on dry ground, [H, W] float32; by default the sea
            at height 0.
        flow: Samples whose water passes through each, [H, W] float32; by default 1.
        rivers: Those large enough to have a name.
        roads: Between settlements.
        settlements: The largest first.
        biome_colours: One for each of ``biome_names``, [N, 3] uint8 sRGB; by default natural ones
            for the names in `NATURAL_COLOURS` and grey for others.
        properties: Custom properties (theme, relief, climate, ...).
    """

    height: NDArray[np.float32]
    cell_size: float
    biome: NDArray[np.uint8]
    biome_names: tuple[str, ...]
    water: NDArray[np.float32] | None = None
    flow: NDArray[np.float32] | None = None
    rivers: tuple[River, ...] = ()
    roads: tuple[Road, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    biome_colours: NDArray[np.uint8] | None = None
    properties: Mapping[str, Scalar] = field(default_factory=dict)

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
        water = np.maximum(-height, np.float32(0)) if self.water is None else self.water
        flow = np.ones(height.shape, dtype=np.float32) if self.flow is None else self.flow
        for name, value, low in (("water", water, 0), ("flow", flow, 1)):
            where = f"Terrain.{name}"
            array = frozen_array(value, where, np.float32, height.shape)
            good = bool(np.isfinite(array).all() and (array >= low).all())
            require(good, where, f"finite values >= {low}", array.min())
            object.__setattr__(self, name, array)
        colours = natural_colours(self.biome_names)
        if self.biome_colours is not None:
            colours = self.biome_colours
        colours = frozen_array(colours, "Terrain.biome_colours", np.uint8, (known, 3))
        object.__setattr__(self, "biome_colours", colours)
        require_tuple(self.rivers, "Terrain.rivers", River)
        require_tuple(self.roads, "Terrain.roads", Road)
        require_tuple(self.settlements, "Terrain.settlements", Settlement)
        require_properties(self.properties, "Terrain.properties")
        for name in ("rivers", "roads"):
            for line in getattr(self, name):
                path = line.path
                inside = bool((path >= 0).all() and (path < (self.columns, self.rows)).all())
                require(inside, f"Terrain.{name}", "cells of the map", path.max(axis=0).tolist())
        for place in self.settlements:
            inside = place.cell[0] < self.columns and place.cell[1] < self.rows
            require(inside, "Terrain.settlements", "cells of the map", place.cell)

    @property
    def columns(self) -> int:
        """Samples from west to east."""
        return int(self.height.shape[1])

    @property
    def rows(self) -> int:
        """Samples from north to south."""
        return int(self.height.shape[0])

    @property
    def colours(self) -> NDArray[np.uint8]:
        """``biome_colours``, which are always there once the terrain is built."""
        assert self.biome_colours is not None
        return self.biome_colours

    @property
    def depth(self) -> NDArray[np.float32]:
        """``water``, which is always there once the terrain is built."""
        assert self.water is not None
        return self.water


def natural_colours(names: tuple[str, ...]) -> NDArray[np.uint8]:
    """What biomes of these names look like by daylight, [N, 3]."""
    plain = (128, 128, 128)
    table = [NATURAL_COLOURS.get(name, plain) for name in names]
    return np.array(table, dtype=np.uint8).reshape(-1, 3)


def _require_steps(path: NDArray[np.int32], where: str, *, diagonal: bool) -> None:
    steps = np.abs(np.diff(path.astype(np.int64), axis=0))
    length = steps.max(axis=1) if diagonal else steps.sum(axis=1)
    kind = "one cell, diagonals included" if diagonal else "one cell up, down, left or right"
    require(bool((length == 1).all()), where, f"steps of {kind}", length.max(initial=0))
