"""Temperature, moisture, and the biomes that follow from them.

References:
    Whittaker, "Communities and Ecosystems", 1975 (biomes by temperature and precipitation).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.maps.relief.classes import (
    BEACH,
    DEEP_WATER,
    DESERT,
    FOREST,
    GRASSLAND,
    ROCK,
    SAVANNA,
    SHALLOW_WATER,
    SNOW,
    SWAMP,
    TAIGA,
    TUNDRA,
)

LAPSE = 0.0108
"""Degrees per metre of height: 6.5 per kilometre of relief, which is drawn at six tenths."""
DEEP = 40.0
"""Metres of water from which on it counts as deep."""
STEEP = 0.75
"""Slope above which nothing grows."""
_GRID = 128

Field = NDArray[np.float32]


class Climate(NamedTuple):
    """Of a whole map.

    Args:
        sea_level: Degrees Celsius at the sea in the middle of the map.
        gradient: Degrees by which the southern edge is warmer than the northern one.
        wind: Quarter turns of the wind, 0 from the west, counter-clockwise.
    """

    sea_level: float
    gradient: float
    wind: int


class Ground(NamedTuple):
    """What climate does to the ground, [H, W] each: degrees, moisture 0..1, slope, biome."""

    temperature: Field
    moisture: Field
    slope: Field
    biome: NDArray[np.uint8]


def draw_climate(seed: int) -> Climate:
    """The climate of a map: mostly temperate."""
    random = generator(derive_seed(seed, "climate"))
    middle = 13.0 + 10.0 * float(random.beta(2, 2) * 2 - 1)
    return Climate(middle, 4.0 + 3.0 * float(random.random()), int(random.integers(4)))


def ground_of(
    height: Field, water: Field, wet: NDArray[np.bool_], cell: float, climate: Climate, seed: int
) -> Ground:
    """Temperature, moisture and biome of every cell.

    Args:
        height: Metres, [H, W].
        water: Depth of the water in metres, 0 on dry ground.
        wet: Sea, lakes and rivers.
        cell: Metres.
        climate: Of the map.
        seed: Of the small differences that blur the borders of biomes.
    """
    rows, columns = height.shape
    wobble = _wobble((rows, columns), derive_seed(seed, "wobble"))
    above = np.maximum(height, 0)
    south = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None]
    temperature = climate.sea_level + climate.gradient * south - LAPSE * above + 1.6 * wobble
    down, right = np.gradient(np.asarray(height), np.float32(cell))
    slope = np.hypot(down, right)
    dry = cv2.distanceTransform((~wet).astype(np.uint8), cv2.DIST_L2, 3) if wet.any() else None
    near = np.zeros_like(height) if dry is None else np.exp(dry * np.float32(-cell / 900))
    rain = rainfall(height, water > 0, climate.wind)
    moisture = np.clip(0.75 * rain + 0.3 * near + 0.1 * wobble, 0, 1).astype(np.float32)
    sea_reach = _distance(water > 0) * np.float32(cell)
    biome = biomes(height, water, temperature, moisture, slope, near, sea_reach)
    return Ground(temperature.astype(np.float32), moisture, slope.astype(np.float32), biome)


def biomes(
    height: Field, water: Field, temperature: Field, moisture: Field, slope: Field, near: Field,
    sea_reach: Field,
) -> NDArray[np.uint8]:  # fmt: skip
    """The rules, later ones win.

    Args:
        height: Metres, like all others [H, W].
        water: Depth in metres.
        temperature: Degrees Celsius.
        moisture: 0..1.
        slope: Metres per metre.
        near: 1 at the water's edge, falling off over 900 m.
        sea_reach: Metres to the nearest sea or lake.
    """
    warm, mild, cool = temperature >= 18, temperature >= 7, temperature >= 1
    table = [
        (temperature >= -100, SNOW),
        (temperature >= -2.5, TUNDRA),
        (cool, TAIGA),
        (cool & (moisture < 0.3), TUNDRA),
        (mild, FOREST),
        (mild & (moisture < 0.54), GRASSLAND),
        (mild & (moisture < 0.16), DESERT),
        (warm & (moisture < 0.5), SAVANNA),
        (warm & (moisture < 0.26), DESERT),
        (mild & (moisture > 0.62) & (slope < 0.03) & (near > 0.75), SWAMP),
        (cool & (sea_reach < 90) & (height < 7) & (slope < 0.15), BEACH),
        ((slope > STEEP) & (temperature > -6), ROCK),
        (water > 0, SHALLOW_WATER),
        (water > DEEP, DEEP_WATER),
    ]
    biome = np.zeros(height.shape, dtype=np.uint8)
    for where, which in table:
        biome[where] = which
    return biome


def rainfall(height: Field, water: NDArray[np.bool_], wind: int) -> Field:
    """Rain where air rises, shadow behind it, 0..1.

    Air crosses the map once with the wind: over water it fills up, over land it rains out, the more
    the steeper it climbs. Runs on a grid of at most 128 cells.

    Args:
        height: Metres, [H, W].
        water: Sea and lakes.
        wind: Quarter turns, see `Climate`.
    """
    rows, columns = height.shape
    zoom = min(1.0, _GRID / max(rows, columns))
    small = (max(2, round(columns * zoom)), max(2, round(rows * zoom)))
    ground = np.rot90(cv2.resize(np.maximum(height, 0), small, interpolation=cv2.INTER_AREA), wind)
    wet = np.rot90(cv2.resize(water.astype(np.float32), small, interpolation=cv2.INTER_AREA), wind)
    ground = cv2.GaussianBlur(np.ascontiguousarray(ground), (0, 0), 1.5)
    steps = ground.shape[1]
    pace = 64.0 / steps
    before = np.concatenate([ground[:, :1], ground[:, :-1]], axis=1)
    climb = np.maximum(ground - before, 0)
    share = np.ascontiguousarray(np.clip(0.012 * pace + climb * 0.0011, 0, 0.5).T)
    taken = np.ascontiguousarray((wet * 0.05 * pace).T)
    air = np.full(ground.shape[0], 0.75, dtype=np.float32)
    lost = np.zeros_like(share)
    for x in range(steps):
        np.multiply(air, share[x], out=lost[x])
        air = air - lost[x] + taken[x] * (1 - air) + 0.004 * pace
        air = cv2.blur(np.minimum(np.maximum(air, 0.05), 1)[:, None], (1, 5))[:, 0]
    rain = np.ascontiguousarray((lost / pace).T)
    rain = cv2.GaussianBlur(rain, (0, 0), 2.0)
    rain = np.ascontiguousarray(np.rot90(rain / (rain + 0.011), -wind))
    return np.asarray(cv2.resize(rain, (columns, rows), interpolation=cv2.INTER_LINEAR))


def _distance(mask: NDArray[np.bool_]) -> Field:
    """Cells to the nearest true one; far where there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, dtype=np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3))


def _wobble(shape: tuple[int, int], seed: int) -> Field:
    """Smooth noise of mean 0 and variance 1, a few waves across the map and finer ones in them."""
    random = generator(seed)
    total = np.zeros(shape, dtype=np.float32)
    for waves, weight in ((6, 0.7), (14, 0.5), (34, 0.35), (80, 0.3)):
        grid = random.standard_normal((waves, waves), dtype=np.float32)
        total += np.float32(weight) * cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return total
