"""Quality of sets of tile maps as class grids, [N, H, W] uint8.

References:
    Lucas & Volz, "Tile Pattern KL-Divergence for Analysing and Evolving Game Levels",
    arXiv:1905.05077.
"""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

Grids = NDArray[np.uint8]


def tile_pattern_kl(
    grids: Grids, reference: Grids, sizes: tuple[int, ...] = (2, 3, 4), epsilon: float = 1e-5
) -> float:
    """How far the local patterns of two sets are apart, in nats; 0 is best, no upper bound.

    The mean over window sizes and over both directions of the Kullback-Leibler divergence between
    the distributions of all ``size`` x ``size`` windows, smoothed by ``epsilon``.

    Args:
        grids: [N, H, W] class indices below 16.
        reference: [M, H, W].
        sizes: Sides of the windows, each at most 4.
        epsilon: Mass that a pattern gets that was never seen.
    """
    values = []
    for size in sizes:
        ours, theirs = _patterns(grids, size), _patterns(reference, size)
        values += [_kl(ours, theirs, epsilon), _kl(theirs, ours, epsilon)]
    return float(np.mean(values))


def connected_share(grids: Grids, walkable: Collection[int]) -> float:
    """Chance that a walk joins two random walkable cells of a map, 0..1, higher is better.

    Movement is 4-connected. A map without walkable cells counts as 0.
    """
    shares = []
    for grid in grids:
        sizes = component_sizes(np.isin(grid, list(walkable)))
        total = int(sizes.sum())
        shares.append(float((sizes.astype(np.float64) ** 2).sum()) / total**2 if total else 0.0)
    return float(np.mean(shares))


def solvable_share(grids: Grids, walkable: Collection[int], least: float = 0.9) -> float:
    """Share of maps whose largest walkable area holds ``least`` of all walkable cells, 0..1."""
    good = 0
    for grid in grids:
        sizes = component_sizes(np.isin(grid, list(walkable)))
        total = int(sizes.sum())
        good += total > 0 and int(sizes.max()) >= least * total
    return good / len(grids)


def start_to_exit_share(grids: Grids, walkable: Collection[int]) -> float:
    """Share of maps in which one can walk from a start to an exit, 0..1, higher is better.

    The start is the walkable cell that is nearest to the upper left corner, the exit the one
    nearest to the lower right (in steps; of equal ones the first in reading order), so a generator
    cannot choose them well. Movement is 4-connected. Maps with fewer than two walkable cells count
    as unsolvable.
    """
    good = 0
    for grid in grids:
        mask = np.isin(grid, list(walkable))
        y, x = np.nonzero(mask)
        if len(y) < 2:
            continue
        first, last = int(np.argmin(y + x)), int(np.argmax(y + x))
        _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
        good += int(labels[y[first], x[first]] == labels[y[last], x[last]])
    return good / len(grids)


def mean_hamming(grids: Grids, pairs: int = 4000) -> float:
    """Mean share of cells in which two maps differ, 0..1; compare it with the real one.

    Takes ``pairs`` pairs that are fixed by the number of maps, so equal input gives equal output.
    """
    count = len(grids)
    if count < 2:
        return 0.0
    random = np.random.Generator(np.random.Philox(count))
    first = random.integers(count, size=pairs)
    second = (first + random.integers(1, count, size=pairs)) % count
    return float((grids[first] != grids[second]).mean())


def duplicate_share(grids: Grids, reference: Grids, distance: float = 0.02) -> float:
    """Share of maps that lie within ``distance`` (share of cells) of a reference map, 0..1."""
    flat = reference.reshape(len(reference), -1)
    near = 0
    for grid in grids:
        near += bool(((flat != grid.reshape(-1)).mean(1) <= distance).any())
    return near / len(grids)


def window_codes(grids: Grids, size: int = 6, *, symmetric: bool = False) -> NDArray[np.uint64]:
    """Sorted 64-bit codes of all ``size`` x ``size`` windows of a set; equal windows, equal codes.

    Args:
        grids: [N, H, W] class indices.
        size: Side of the windows.
        symmetric: Also those of the seven other turns and reflections of every map.
    """
    turned = [grids]
    if symmetric:
        flipped = [grids, grids[:, :, ::-1]]
        turned = [np.rot90(g, turn, (1, 2)) for g in flipped for turn in range(4)]
    return np.unique(np.concatenate([np.unique(_hashes(g, size)) for g in turned]))


def window_copy_share(grids: Grids, codes: NDArray[np.uint64], size: int = 6) -> float:
    """Share of the ``size`` x ``size`` windows that occur in another set, 0..1.

    Plain windows, such as bare rock, occur everywhere: compare it with the share of real maps that
    do not belong to the other set.

    Args:
        grids: [N, H, W] class indices.
        codes: `window_codes` of the other set with the same size.
        size: Side of the windows.
    """
    return float(np.isin(_hashes(grids, size), codes).mean())


def repeated_share(grids: Grids) -> float:
    """Share of maps that equal an earlier one of the same set, 0..1, lower is better."""
    return 1 - len(np.unique(grids.reshape(len(grids), -1), axis=0)) / len(grids)


def component_sizes(walkable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Cells in each 4-connected area of true cells; empty when there is none."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(walkable.astype(np.uint8), connectivity=4)
    sizes: NDArray[np.int64] = stats[1:, cv2.CC_STAT_AREA].astype(np.int64)
    return sizes


def _hashes(grids: Grids, size: int) -> NDArray[np.uint64]:
    """One code for each window, flat: a polynomial along rows, then one along columns."""
    code = grids.astype(np.uint64) + np.uint64(1)
    for axis, base in ((2, 0x9E3779B97F4A7C15), (1, 0xC2B2AE3D27D4EB4F)):
        length = code.shape[axis] - size + 1
        total = np.zeros((), dtype=np.uint64)
        for start in range(size):
            total = total * np.uint64(base) + code.take(range(start, start + length), axis)
        code = total ^ (total >> np.uint64(29))
    return code.reshape(-1)


def _patterns(grids: Grids, size: int) -> dict[int, int]:
    _, height, width = grids.shape
    code = np.zeros((len(grids), height - size + 1, width - size + 1), dtype=np.uint64)
    for dy in range(size):
        for dx in range(size):
            part = grids[:, dy : height - size + 1 + dy, dx : width - size + 1 + dx]
            code = code * np.uint64(16) + part.astype(np.uint64)
    names, counts = np.unique(code, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _kl(ours: dict[int, int], theirs: dict[int, int], epsilon: float) -> float:
    names = list(ours.keys() | theirs.keys())
    p, q = (np.array([side.get(n, 0) for n in names], dtype=np.float64) for side in (ours, theirs))
    p, q = ((c / c.sum() + epsilon) / (1 + epsilon * len(names)) for c in (p, q))
    return float((p * np.log(p / q)).sum())
