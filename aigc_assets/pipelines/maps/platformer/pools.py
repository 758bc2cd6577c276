"""As much liquid as was asked for: pools get deeper or shallower, which changes no way."""

from __future__ import annotations

import numpy as np

from aigc_assets.models.platformer_grammar import HAZARD, SOLID
from aigc_assets.pipelines.maps.platformer.physics import Grid
from aigc_assets.pipelines.maps.platformer.settle import NoRoom
from aigc_assets.pipelines.maps.requirements import Range
from aigc_assets.pipelines.maps.tiles.platformer import pools


def fill_pools(grid: Grid, span: Range, random: np.random.Generator) -> Grid:
    """The grid with a number of cells of liquid within ``span``.

    A pool gets deeper where there is rock on all sides of the new row, so nobody ever meets it from
    elsewhere; it gets shallower down to one row.

    Raises:
        NoRoom: If the pools cannot hold so much or so little.
    """
    grid = grid.copy()
    count = int(pools(grid).sum())
    least = most = count
    for _ in range(grid.size):
        if span.low <= count <= span.high:
            return grid
        deeper = count < span.low
        rows = _next_rows(grid, deeper)
        room = span.high - count if deeper else count - span.low
        rows = [(y, low, high) for y, low, high in rows if high - low <= room]
        if not rows:
            break
        y, low, high = rows[int(random.integers(len(rows)))]
        grid[y, low:high] = HAZARD if deeper else SOLID
        count = int(pools(grid).sum())
        least, most = min(least, count), max(most, count)
    raise NoRoom(f"the pools hold {least}..{most} cells of liquid, {span} were asked for")


def _next_rows(grid: Grid, deeper: bool) -> list[tuple[int, int, int]]:
    """(row, first column, column after the last) that a pool may gain, or lose, at its bottom."""
    height, width = grid.shape
    wet = pools(grid)
    found = []
    for y in range(height - 1 if deeper else height):
        edges = np.flatnonzero(np.diff(np.r_[0, wet[y].astype(np.int8), 0]))
        for low, high in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            around = slice(max(0, low - 1), min(width, high + 1))
            bottom = y + 1 >= height or bool((grid[y + 1, low:high] == SOLID).all())
            if deeper:
                closed = bottom and bool((grid[y + 1 : y + 3, around] == SOLID).all())
                if closed and y + 1 < height:
                    found.append((y + 1, low, high))
            elif bottom and y > 0 and bool(wet[y - 1, low:high].all()):
                found.append((y, low, high))
    return found
