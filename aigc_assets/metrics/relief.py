"""Quality of height fields, [N, H, W] float metres: how they are spread, how rough, what they are.

References:
    Turcotte, "A fractal model for crustal deformation", Tectonophysics 132, 1986 (power spectra of
    relief).
    Mandelbrot, "How long is the coast of Britain?", Science 156, 1967 (dimension of coasts).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KINDS = ("island", "coast", "mountain", "plains")
"""Kinds of landscape that `relief_kind` tells apart."""

Heights = NDArray[np.floating]


def relief_kind(height: Heights) -> str:
    """What a landscape is by measurement: one of `KINDS`, or "" for none of them.

    An island has sea all around: at most 8 % land in the outermost twentieth, at least 5 % land in
    all. A coast is a quarter to three quarters land, on one side. Mountain and plains are at least
    seven tenths land; in mountains the heights of the land, 5th to 95th percentile, span 1200 m or
    more, on plains 500 m or less.

    Args:
        height: Metres above sea level, [H, W].
    """
    land = height > 0
    share = float(land.mean())
    edge = max(1, round(min(height.shape) / 20))
    inner = np.zeros(height.shape, dtype=bool)
    inner[edge:-edge, edge:-edge] = True
    if float(land[~inner].mean()) <= 0.08:
        return "island" if share >= 0.05 else ""
    if share >= 0.7:
        low, high = np.percentile(height[land], [5, 95])
        if high - low >= 1200:
            return "mountain"
        return "plains" if high - low <= 500 else ""
    if share >= 0.25 and one_sidedness(land) >= 0.5:
        return "coast"
    return ""


def one_sidedness(land: NDArray[np.bool_]) -> float:
    """How far land lies to one side, 0 (evenly spread) .. 1 (two halves).

    The distance between the mean positions of land and sea, against that of two halves.
    """
    if land.all() or not land.any():
        return 0.0
    cells = int(land.sum())
    distances = []
    for axis, count in enumerate(land.shape):
        line = np.linspace(-1, 1, count)
        along = land.sum(1 - axis, dtype=np.int64)
        across = land.shape[1 - axis]
        of_land = float(along @ line) / cells
        of_sea = float((across - along) @ line) / (land.size - cells)
        distances.append(of_land - of_sea)
    apart = float(np.hypot(distances[0], distances[1]))
    return float(min(1.0, apart))


def spectral_distance(heights: Heights, reference: Heights) -> float:
    """How far the mean radial power spectra are apart, in dB; 0 is best, no upper bound.

    Root mean square over octave-spaced rings of the difference of the mean logarithms of power.

    Args:
        heights: [N, H, W].
        reference: [M, H, W] of the same size.
    """
    ours, theirs = _spectrum(heights), _spectrum(reference)
    return float(np.sqrt(np.mean((ours - theirs) ** 2)))


def height_distance(heights: Heights, reference: Heights) -> float:
    """Wasserstein distance of the distributions of height, in metres; 0 is best."""
    return _wasserstein(np.ravel(heights), np.ravel(reference))


def slope_distance(heights: Heights, reference: Heights) -> float:
    """Wasserstein distance of the distributions of slope on land, in metres per cell; 0 is best."""
    return _wasserstein(_slopes(heights), _slopes(reference))


def coast_dimension(heights: Heights) -> float:
    """Fractal dimension of the coastlines by box counting, 1 (smooth) .. 2; nan without coasts."""
    counts = np.zeros(4)
    sides = (1, 2, 4, 8)
    for height in heights:
        land = height > 0
        shore = np.zeros(land.shape, dtype=bool)
        shore[:, 1:] |= land[:, 1:] != land[:, :-1]
        shore[1:] |= land[1:] != land[:-1]
        for i, side in enumerate(sides):
            rows, columns = (n // side * side for n in shore.shape)
            boxes = shore[:rows, :columns].reshape(rows // side, side, columns // side, side)
            counts[i] += boxes.any((1, 3)).sum()
    if not counts.all():
        return float("nan")
    return float(-np.polyfit(np.log(sides), np.log(counts), 1)[0])


def kind_share(heights: Heights, kind: str) -> float:
    """Share of landscapes that measure as ``kind``, 0..1."""
    return float(np.mean([relief_kind(height) == kind for height in heights]))


def _spectrum(heights: Heights) -> NDArray[np.float64]:
    """Mean log power in dB per ring, rings a half octave wide."""
    _, rows, columns = heights.shape
    window = np.hanning(rows)[:, None] * np.hanning(columns)
    centred = heights - heights.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(centred * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    edges = np.sqrt(2.0) ** np.arange(-2 * np.log2(min(rows, columns)) + 2, -1.9)
    rings = np.digitize(radius, edges)
    found = [power[:, rings == i].mean(1) for i in range(1, len(edges)) if (rings == i).any()]
    mean: NDArray[np.float64] = 10 * np.log10(np.stack(found) + 1e-6).mean(1)
    return mean


def _slopes(heights: Heights) -> NDArray[np.float64]:
    down, right = (np.diff(heights, axis=axis) for axis in (1, 2))
    steep = np.hypot(down[:, :, :-1], right[:, :-1])
    return np.asarray(steep[heights[:, :-1, :-1] > 0], dtype=np.float64)


def _wasserstein(ours: Heights, theirs: Heights) -> float:
    if not ours.size or not theirs.size:
        return float("nan")
    steps = (np.arange(512) + 0.5) / 512
    return float(np.abs(np.quantile(ours, steps) - np.quantile(theirs, steps)).mean())
