"""From a plan to tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.sokoban.plan import Plan
from aigc_assets.pipelines.maps.tiles.sokoban import LOOKS, build_tileset, dress_sokoban
from aigc_assets.types import Tileset


def draw_level(
    plan: Plan, treasure: tuple[int, ...], palette: NDArray[np.uint8], random: np.random.Generator
) -> tuple[Tileset, dict[str, NDArray[np.uint32]], str]:
    """Tileset, layers from the bottom up and the look of a level."""
    look = LOOKS[int(random.integers(len(LOOKS)))]
    tileset, names = build_tileset(palette.tobytes(), look)
    ground, decor, markers = dress_sokoban(
        plan.wall, plan.goals, plan.boxes, plan.start, plan.exit, names, random
    )
    markers.flat[list(treasure)] = names["chest"]
    return tileset, {"ground": ground, "decor": decor, "markers": markers}, look
