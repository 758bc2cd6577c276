"""Where a jumping walker gets, how, and what has to change so that it gets there.

States are (cell, phase): standing, three rows of a rise, the level tick at its top, falling, and
falling just after a drift. The table of their steps is the one that
`aigc_assets.metrics.playability.jump` states for players and checkers; this is a second writing of
it, for searches, and shares nothing with the checkers.

Every function has two implementations with equal results: C++ (``_host``) and plain Python
(`search`). ``AIGC_ASSETS_NATIVE=0`` selects the plain one; without a compiler there is no other.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.platformer_grammar import HAZARD, LADDER, ONE_WAY, SOLID
from aigc_assets.pipelines.maps.platformer import search

Grid = NDArray[np.uint8]

_FLAGS = np.zeros(5, dtype=np.uint8)
_FLAGS[[SOLID, ONE_WAY, HAZARD, LADDER]] = (
    search.SOLID_FLAG,
    search.ONE_WAY_FLAG,
    search.HAZARD_FLAG,
    search.LADDER_FLAG,
)


@functools.lru_cache(maxsize=1)
def _compiled() -> ModuleType | None:
    try:
        from aigc_assets import _host
    except ImportError:
        return None
    return _host  # type: ignore[no-any-return]


def _native() -> ModuleType | None:
    return None if os.environ.get("AIGC_ASSETS_NATIVE", "1") == "0" else _compiled()


def flags_of(grid: Grid, shut: Sequence[int] = (), doors: Sequence[int] = ()) -> search.Flags:
    """The flags of cells for the searches.

    Args:
        grid: Codes of `aigc_assets.models.platformer_grammar`, [H, W].
        shut: Cells (row * width + column) of doors that are shut.
        doors: Cells of all doors.
    """
    flags = _FLAGS[grid]
    flags.reshape(-1)[list(doors)] |= search.DOOR_FLAG
    flags.reshape(-1)[list(shut)] |= search.DOOR_FLAG | search.SHUT_FLAG
    return flags


def firm(grid: Grid) -> NDArray[np.bool_]:
    """Free cells in which one stands, [H, W]."""
    free = (grid != SOLID) & (grid != HAZARD)
    below = np.zeros(grid.shape, dtype=bool)
    below[:-1] = np.isin(grid[1:], (SOLID, ONE_WAY, LADDER))
    stood: NDArray[np.bool_] = free & (below | (grid == LADDER))
    return stood


def explore(flags: search.Flags, sources: Sequence[int]) -> NDArray[np.int32]:
    """Ticks from the sources to every cell, [H, W], -1 where none leads."""
    host = _native()
    if host is None:
        return search.explore(flags, sources)
    ticks: NDArray[np.int32] = host.jump_explore(flags, list(sources))
    return ticks


def route(flags: search.Flags, start: int, goal: int) -> list[int]:
    """Cells of a quickest way, both ends included; empty if there is none."""
    host = _native()
    if host is None:
        return search.route(flags, start, goal)
    cells: list[int] = host.jump_route(flags, start, goal)
    return cells


def trapped(flags: search.Flags, start: int, goals: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where one can come to stand, from ``start``, and never get to a goal again, [H, W]."""
    host = _native()
    if host is None:
        return search.trapped(flags, start, goals)
    lost: NDArray[np.uint8] = host.jump_trapped(flags, start, goals)
    return lost.astype(bool)


def mend(
    flags: search.Flags, sources: Sequence[int], goals: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """The cheapest changes after which a way from the sources to a goal is likely.

    A least-cost search in which, besides the moves of the table, one may walk over a platform that
    is laid (3), climb a ladder that is put up (3), dig through rock (6) or clear a hazard (4). An
    edit may cut a jump that the way needs elsewhere, so search again after it.

    Returns:
        (cell, code) in order of the way; empty if one is there already.
    """
    host = _native()
    if host is None:
        return search.mend(flags, sources, goals)
    edits: list[tuple[int, int]] = host.jump_mend(flags, list(sources), goals)
    return edits
