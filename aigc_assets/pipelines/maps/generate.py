"""From a request to a finished map with its witness, by the module of its theme."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import Made
from aigc_assets.pipelines.maps.request import THEMES, MapRequest


class ThemeModule(Protocol):
    """What the module behind a theme offers."""

    def generate(self, request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
        """Make one asset; see `generate_map`."""
        ...


def generate_map(request: MapRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Make one map.

    Args:
        request: Theme, size and requirements.
        palette: Colours of the pack, [N, 3] uint8 sRGB; the tileset uses no others.
        seed: Non-negative; the same request, palette and seed give the same map.

    Returns:
        A `Tilemap` with tile layers, objects and a witness.

    Raises:
        GenerationError: If no map of this size can fulfil the requirements.
        WeightsError: If the weights are missing or altered.
    """
    module = cast(ThemeModule, importlib.import_module(THEMES[request.theme].module))
    return module.generate(request, palette, seed)


def generate_maps(
    request: MapRequest, palette: NDArray[np.uint8], seeds: Sequence[int]
) -> list[Made]:
    """`generate_map` for many seeds, byte for byte the same as one by one.

    The network runs seed by seed: in a batch its sums round differently, and it is not what the
    time goes into.
    """
    return [generate_map(request, palette, seed) for seed in seeds]
