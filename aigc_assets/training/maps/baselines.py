"""Maps that are drawn without any network, fitted to the same windows: what a model must beat.

All draw [count, 32, 32] uint8 and get the ring of walls for nothing.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.training.maps.windows import CLASSES, WALL


def random_maps(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Every cell drawn by itself from the shares of the classes.

    Args:
        windows: [N, H, W] uint8 to fit.
        count: How many maps.
        seed: Of the drawing.
    """
    shares = np.bincount(windows[:, 1:-1, 1:-1].reshape(-1), minlength=CLASSES).cumsum()
    random = np.random.Generator(np.random.Philox(seed))
    drawn = random.random((count, *windows.shape[1:], 1)) * shares[-1]
    return close((drawn > shares).sum(-1).clip(0, CLASSES - 1).astype(np.uint8))


def column_markov_maps(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The naive baseline: every column a Markov chain, each tile drawn given the one above it."""
    table = np.full((CLASSES, CLASSES), 1e-3)
    np.add.at(table, (windows[:, :-1], windows[:, 1:]), 1)
    chance = (table / table.sum(-1, keepdims=True)).cumsum(-1)
    first = np.bincount(windows[:, 0].reshape(-1), minlength=CLASSES).cumsum()
    first = first / windows[:, 0].size
    random = np.random.Generator(np.random.Philox(seed))
    _, height, width = windows.shape
    made = np.zeros((count, height, width), dtype=np.int64)
    for y in range(height):
        row = chance[made[:, y - 1]] if y else np.broadcast_to(first, (count, width, CLASSES))
        made[:, y] = (random.random((count, width, 1)) > row).sum(-1).clip(0, CLASSES - 1)
    return close(made.astype(np.uint8))


def local_markov_maps(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The strong baseline: each tile drawn given its left, upper and upper left neighbours."""
    padded = np.pad(windows, ((0, 0), (1, 0), (1, 0)))  # outside of a map counts as wall
    table = np.full((CLASSES,) * 4, 1e-3)
    np.add.at(table, (padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1], windows), 1)
    chance = (table / table.sum(-1, keepdims=True)).cumsum(-1)
    random = np.random.Generator(np.random.Philox(seed))
    _, height, width = windows.shape
    made = np.zeros((count, height + 1, width + 1), dtype=np.int64)
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            row = chance[made[:, y, x - 1], made[:, y - 1, x], made[:, y - 1, x - 1]]
            made[:, y, x] = (random.random((count, 1)) > row).sum(-1).clip(0, CLASSES - 1)
    return close(made[:, 1:, 1:].astype(np.uint8))


def close(grids: np.ndarray) -> np.ndarray:
    """The ring of every map becomes wall; in place."""
    grids[:, [0, -1]] = WALL
    grids[:, :, [0, -1]] = WALL
    return grids
