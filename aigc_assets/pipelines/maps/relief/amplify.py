"""From a coarse shape to a landscape of any size: octaves of detail, carved by water as they come.

Every level doubles the resolution: the height is interpolated, gets one octave of noise whose
strength depends on height and slope as it does in real relief, crumbles where it is too steep, and
rivers cut in. Valleys that a coarse level dug are refined by the finer ones.

References:
    Musgrave, Kolb & Mace, "The synthesis and rendering of eroded fractal terrains", SIGGRAPH 1989.
    Cordonnier et al., "Large scale terrain generation from tectonic uplift and fluvial erosion",
    Computer Graphics Forum 35(2), 2016.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.maps.relief.water import erode

Heights = NDArray[np.float64]

EXTENT = 20_480.0
"""Metres along the longer side of a terrain, whatever its resolution."""
MARGIN = 1 / 8
"""Of the size, simulated beyond each edge: valleys run off the map and not along its rim."""
MAX_MARGIN = 16
"""Cells of margin at most: on fine levels water has found its way already."""
BASE_SIDE = 72
"""The coarsest level has at most so many cells along its longer side."""
TALUS = 0.85
"""Slope (metres per metre) above which ground slides."""
STRENGTH = 0.035
"""Of the rivers, see `aigc_assets.pipelines.maps.relief.water.erode`."""
JITTER = 0.5
"""Cells that a point moves from one level to the next, standard deviation along each axis."""
POND = 0.004
"""Waters that the sea does not reach are filled up to this share of the map."""


class DetailStatistics(NamedTuple):
    """How strong an octave is, fitted to real relief.

    Args:
        heights: Metres of the rows of ``table``.
        table: [heights, 3]: rms of the finest octave on level ground in metres, what each metre of
            slope per cell adds, and the exponent by which the next octave is weaker.
        scale: Metres of the landscape per metre of the fit.
    """

    heights: NDArray[np.float64]
    table: NDArray[np.float64]
    scale: float

    def rms(self, height: Heights, slope: Heights, octave: float) -> Heights:
        """Strength of an octave in metres.

        Args:
            height: Metres, any shape.
            slope: Metres per cell of the coarse shape.
            octave: How many octaves finer than the coarse shape.
        """
        at = np.arcsinh(height / self.scale / 200)
        knots = np.arcsinh(self.heights / 200)
        flat, steep, hurst = (np.interp(at, knots, self.table[:, i]) for i in range(3))
        strength: Heights = (flat * self.scale + steep * slope) * np.exp2(-octave * hurst)
        return strength


class Level(NamedTuple):
    """One resolution: rows and columns of the map itself, and the margin around it."""

    rows: int
    columns: int
    margin: int

    @property
    def shape(self) -> tuple[int, int]:
        """With margins."""
        return self.rows + 2 * self.margin, self.columns + 2 * self.margin


def levels_of(size: tuple[int, int]) -> list[Level]:
    """The levels of a map of (width, height) cells, coarsest first, the map itself last."""
    width, height = size
    halvings = max(0, math.ceil(math.log2(max(size) / BASE_SIDE)))
    found = []
    for k in range(halvings, -1, -1):
        rows, columns = (max(2, round((side - 1) / 2**k) + 1) for side in (height, width))
        found.append(Level(rows, columns, min(MAX_MARGIN, math.ceil(max(rows, columns) * MARGIN))))
    return found


def amplify(
    coarse: Heights, margin: int, size: tuple[int, int], detail: DetailStatistics, seed: int
) -> Heights:
    """Refine a coarse shape.

    Args:
        coarse: Metres, [h, w].
        margin: Cells of ``coarse`` that lie beyond each edge of the map.
        size: Width and height of the result in cells.
        detail: Strength of the octaves.
        seed: Of the noise.

    Returns:
        Metres, [height, width].
    """
    before = Level(coarse.shape[0] - 2 * margin, coarse.shape[1] - 2 * margin, margin)
    coarse_side = max(before.rows, before.columns)
    height = coarse
    for number, level in enumerate(levels_of(size)):
        side = max(level.rows, level.columns)
        cell = EXTENT / (side - 1)
        height = _jitter(resample(height, before, level), derive_seed(seed, "jitter", str(number)))
        octave = math.log2(side / coarse_side)
        if number == 0:  # the octaves that the coarsest level takes at once
            for step in range(1, math.ceil(octave)):
                height = _add_octave(height, detail, step, octave - step, side / coarse_side,
                                     derive_seed(seed, "octave", f"first {step}"))  # fmt: skip
        height = _add_octave(height, detail, octave, 0.0, side / coarse_side,
                             derive_seed(seed, "octave", str(number)))  # fmt: skip
        height = without_ponds(slide(height, cell, rounds=4))
        height = carve(height, STRENGTH, max(4, 24 >> number))
        height = slide(height, cell, rounds=2)
        before = level
    edge = before.margin
    return np.ascontiguousarray(height[edge : edge + before.rows, edge : edge + before.columns])


def carve(height: Heights, strength: float, rounds: int) -> Heights:
    """Rivers cut into the land above the sea; water leaves over the edges too."""
    base = height <= 0
    base[[0, -1]] = True
    base[:, [0, -1]] = True
    return erode(height, base, strength, rounds)


def without_ponds(height: Heights) -> Heights:
    """Small hollows below sea level that the sea does not reach, raised to just above it."""
    wet = (height <= 0).astype(np.uint8)
    _, names, stats, _ = cv2.connectedComponentsWithStats(wet, connectivity=8)
    rows, columns = height.shape
    left, top, width, tall, area = (stats[:, i] for i in range(5))
    open_sea = (left == 0) | (top == 0) | (left + width == columns) | (top + tall == rows)
    small = ~open_sea & (area < POND * height.size)
    small[0] = False  # the land
    return np.where(small[names], 0.5, height)


def slide(height: Heights, cell: float, rounds: int) -> Heights:
    """Ground that is steeper than `TALUS` slides to its neighbours.

    Args:
        height: Metres, [H, W].
        cell: Metres.
        rounds: How often; each moves a quarter of what is too much.
    """
    limit = TALUS * cell
    for _ in range(rounds):
        change = np.zeros_like(height)
        for axis in (0, 1):
            drop = np.diff(height, axis=axis)
            excess = (drop - np.clip(drop, -limit, limit)) * 0.25
            if axis == 0:
                change[:-1] += excess
                change[1:] -= excess
            else:
                change[:, :-1] += excess
                change[:, 1:] -= excess
        height = height + change
    return height


def resample(height: Heights, before: Level, after: Level) -> Heights:
    """Interpolate from one level to another by cubic splines through the values (Catmull-Rom)."""
    for axis, (old, new) in enumerate(((before.rows, after.rows), (before.columns, after.columns))):
        inside = (np.arange(-after.margin, new + after.margin) / (new - 1)) * (old - 1)
        place = np.clip(inside + before.margin, 0, height.shape[axis] - 1)
        low = np.clip(np.floor(place).astype(np.int64), 0, height.shape[axis] - 2)
        t = (place - low).reshape((-1, 1) if axis == 0 else (1, -1))
        weights = (
            ((2 - t) * t - 1) * t / 2,
            ((3 * t - 5) * t * t + 2) / 2,
            ((4 - 3 * t) * t + 1) * t / 2,
            (t - 1) * t * t / 2,
        )
        taps = [np.clip(low + k, 0, height.shape[axis] - 1) for k in (-1, 0, 1, 2)]
        parts = (w * np.take(height, tap, axis) for w, tap in zip(weights, taps, strict=True))
        height = sum(parts, start=np.zeros(()))
    return height


def _jitter(height: Heights, seed: int) -> Heights:
    """Move everything by up to a cell or two: what a coarser level made straight begins to wind."""
    random = generator(seed)
    rows, columns = height.shape
    moved = []
    for line in (np.arange(rows)[:, None], np.arange(columns)[None]):
        noise = _smooth_noise((rows, columns), 1.8, random)
        moved.append((noise * np.float32(JITTER) + line).astype(np.float32))
    return np.asarray(
        cv2.remap(height, moved[1], moved[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _add_octave(
    height: Heights, detail: DetailStatistics, octave: float, blur: float, zoom: float, seed: int
) -> Heights:
    """Add noise of one octave, ``2**blur`` cells wide; ``zoom`` cells are one coarse cell."""
    rows, columns = height.shape
    noise = _smooth_noise((rows, columns), 0.65 * 2**blur, generator(seed))
    smooth = np.asarray(cv2.GaussianBlur(height, (0, 0), max(1.0, 1.5 * 2**blur)), dtype=np.float64)
    down, right = np.gradient(smooth)
    slope = np.hypot(down, right) * zoom
    refined: Heights = height + noise * detail.rms(smooth, slope, octave)
    return refined


def _smooth_noise(
    shape: tuple[int, int], sigma: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """White noise blurred to waves of a few sigma, mean 0 and variance 1."""
    noise = random.standard_normal(shape, dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    # The blur keeps 1 / (4 pi sigma²) of the variance.
    return np.asarray(smooth * (2 * math.sqrt(math.pi) * sigma), dtype=np.float32)
