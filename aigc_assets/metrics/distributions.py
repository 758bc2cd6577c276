"""How far one set of feature vectors lies from another: quality and variety of generated sets.

All functions take [N, D] features of one embedding; values of different embeddings, and Fréchet
distances of sets of different sizes, do not compare.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEIGHBOURS = 5
"""k of `density_coverage`."""


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Fréchet distance of two sets as Gaussians, 0..inf, lower is closer.

    Small sets bias the value upwards: compare only sets of equal size against the same ``b``,
    with real pictures of that size as the floor.

    Args:
        a: Features of the set to judge, [N, D], N >= 2.
        b: Features of the real set, [M, D], M >= 2.

    References:
        Heusel et al., arXiv:1706.08500, eq. 6, with any embedding in place of Inception.
    """
    one, two = _matrix(a), _matrix(b)
    gap = one.mean(axis=0) - two.mean(axis=0)
    first, second = np.atleast_2d(np.cov(one.T)), np.atleast_2d(np.cov(two.T))
    # The trace of the root of a product equals that of the symmetric form below.
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    return float(max(0.0, gap @ gap + np.trace(first) + np.trace(second) - 2 * cross))


def kernel_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Squared maximum mean discrepancy under a cubic kernel; about 0 for equal sets, or below.

    Unbiased, so that small sets are not punished: negative values say no more than "no difference
    seen".

    Args:
        a: Features of the set to judge, [N, D], N >= 2.
        b: Features of the real set, [M, D], M >= 2.

    References:
        Bińkowski et al., arXiv:1801.01401, eq. 4, kernel (x·y / D + 1)³.
    """
    one, two = _matrix(a), _matrix(b)
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in map(_cubic, (one, two))]
    return float(within[0] + within[1] - 2 * _cubic(one, two).mean())


def density_coverage(
    real: ArrayLike, made: ArrayLike, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Fidelity and variety by balls around the real points that reach their k-th neighbour.

    Args:
        real: Features of real pictures, [N, D], N > k.
        made: Features of the set to judge, [M, D].
        neighbours: k.

    Returns:
        Density, 0..inf, about 1 for real against real, higher is more typical: how many balls a
        made point lies in, over k. Coverage, 0..1, higher is more varied: the share of balls with
        a made point inside; it grows with M, so compare sets of equal size.

    Raises:
        ValueError: If there are not more than k real points.

    References:
        Naeem et al., arXiv:2002.09797, eq. 4 and 6.
    """
    one, two = _matrix(real), _matrix(made)
    if len(one) <= neighbours:
        raise ValueError(f"need more than {neighbours} real points, got {len(one)}")
    among = squared_distances(one, one)
    np.fill_diagonal(among, np.inf)
    radius = np.partition(among, neighbours - 1, axis=1)[:, neighbours - 1]
    inside = squared_distances(one, two) < radius[:, None]
    return float(inside.sum() / (neighbours * len(two))), float(inside.any(axis=1).mean())


def squared_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared Euclidean distances [N, M] of the rows of [N, D] and [M, D]."""
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return square.clip(0)


def _cubic(a: NDArray[np.float64], b: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (a @ (a if b is None else b).T / a.shape[1] + 1) ** 3
    return kernel


def _matrix(features: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(features, dtype=np.float64)
    if matrix.ndim != 2 or len(matrix) < 2:
        raise ValueError(f"features are [N, D] with N >= 2, got {matrix.shape}")
    return matrix
