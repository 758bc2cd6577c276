"""What is measured of generated maps, and beside what: real maps and three simple generators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aigc_assets.metrics import tilemaps
from aigc_assets.training.maps.baselines import column_markov_maps, local_markov_maps, random_maps
from aigc_assets.training.maps.windows import THEMES, WALKABLE, Windows, whole_maps

Sampler = Callable[[int, int], np.ndarray]
"""From a theme label and a count to raw maps, [count, 32, 32] uint8: one map a draw, no choice."""


def evaluate(
    windows: Windows, sample: Sampler, count: int, *, validation: bool = False
) -> dict[str, dict[str, float]]:
    """Metrics over the themes that have windows, against held-out or against validation windows.

    While something is still chosen, look at validation only; then there are no baselines.

    Columns: ``model``, raw maps before any repair; ``floor``, real maps (training ones against the
    other ones, or the other ones themselves where copies are counted); ``baseline``,
    `column_markov_maps`; ``random``, `random_maps`; ``strong_baseline``, `local_markov_maps`,
    which fits just what the tile-pattern rows look at and is therefore hard to beat there. All
    have closed borders. Each theme has its own row of tile patterns and of solvable maps.
    """
    rows: dict[str, dict[str, list[float]]] = {}
    for theme in windows.themes:
        reference = whole_maps(windows.train[theme])
        real = _some(reference, count, theme)
        others = windows.validation if validation else windows.held
        test = _some(whole_maps(others[theme]), count, theme)
        sets = {"model": sample(theme, count), "floor": real}
        if not validation:
            sets |= {
                "baseline": column_markov_maps(reference, count, theme),
                "strong_baseline": local_markov_maps(reference, count, theme),
                "random": random_maps(reference, count, theme),
            }
        codes = tilemaps.window_codes(reference, symmetric=True)
        for key, grids in sets.items():
            own = test if key == "floor" else grids
            found = measure(grids, own, test, reference, codes)
            for metric in ("tile_pattern_kl", "solvable_share"):
                found[f"{metric}_{THEMES[theme]}"] = found[metric]
            for metric, value in found.items():
                rows.setdefault(metric, {}).setdefault(key, []).append(value)
    return {
        metric: {key: round(float(np.mean(values)), 5) for key, values in columns.items()}
        for metric, columns in rows.items()
    }


def measure(
    grids: np.ndarray, own: np.ndarray, test: np.ndarray, reference: np.ndarray, codes: np.ndarray
) -> dict[str, float]:
    """All metrics of one set of maps; ``own`` is the set whose copies of training are counted."""
    return {
        "tile_pattern_kl": tilemaps.tile_pattern_kl(grids, test),
        "solvable_share": tilemaps.solvable_share(grids, WALKABLE),
        "start_to_exit_share": tilemaps.start_to_exit_share(grids, WALKABLE),
        "connected_share": tilemaps.connected_share(grids, WALKABLE),
        "walkable_share": float(np.isin(grids, WALKABLE).mean()),
        "mean_hamming": tilemaps.mean_hamming(grids),
        "window_copy_share": tilemaps.window_copy_share(own, codes),
        "copies_of_training": tilemaps.duplicate_share(own[:100], reference),
        "repeated": tilemaps.repeated_share(own),
    }


def preview(path: Path, windows: Windows, sample: Sampler) -> None:
    """Two rows a theme: validation maps above, samples below, as ``path``.png."""
    import cv2

    colours = np.array(
        [[48, 36, 40], [160, 180, 190], [90, 170, 120], [200, 110, 60], [40, 120, 220]], np.uint8
    )
    lines = []
    for theme in windows.themes:
        for grids in (_some(whole_maps(windows.validation[theme]), 12, 1), sample(theme, 12)):
            framed = [
                np.pad(colours[g], ((1, 1), (1, 1), (0, 0)), constant_values=255) for g in grids
            ]
            missing = 12 - len(framed)
            framed += [np.zeros_like(framed[0])] * missing
            lines.append(np.concatenate(framed, 1))
    big = np.repeat(np.repeat(np.concatenate(lines), 3, 0), 3, 1)
    cv2.imwrite(str(path.with_name(path.name + ".png")), big)


def _some(grids: np.ndarray, count: int, seed: int) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(seed))
    return np.ascontiguousarray(grids[random.permutation(len(grids))[:count]])
