"""``binary``: one connected maze whose longest path is as long as asked for.

Cells: 0 wall, 1 floor. Control: ``path``, the longest of all shortest paths.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.benchmark_rules.mazes import (
    grow,
    is_inside,
    longest_path,
    steps_from,
)
from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control, NoContent, inner
from aigc_assets.pipelines.maps.grid import steps

WIDTH, HEIGHT = 14, 14
CONTROLS = {"path": (35, 97)}
TOLERANCE = 7
"""Steps that the path may differ from what was asked for."""
_STIRS = 24000
_PLACES: list[int] = generator(0).permutation(256)[: WIDTH * HEIGHT].tolist()
"""Which place of a row stands for a cell."""
_NEAR = 2
"""The same, before the maze is stirred."""


def generate(control: Control, random: np.random.Generator, slot: int) -> Content:
    """A maze, [14, 14]; mazes of different ``slot`` differ most."""
    width, height = WIDTH + 2, HEIGHT + 2
    wanted = control["path"]
    for attempt in range(240):
        winding = 1.0 if attempt else 0.75 + 0.25 * min(1.0, wanted / 60)
        walkable = grow(width, height, random, newest=winding, share=1.0)
        near = _NEAR + min(TOLERANCE - 3, attempt // 20)
        if longest_path(walkable, width)[0] < wanted - near:
            continue
        if _shorten(walkable, width, height, wanted, near, random):
            _stir(walkable, width, height, wanted, slot, random)
            return inner(np.frombuffer(bytes(walkable), dtype=np.uint8).reshape(height, width))
    raise NoContent(f"a longest path of {wanted} steps")


def _shorten(
    walkable: bytearray,
    width: int,
    height: int,
    wanted: int,
    near: int,
    random: np.random.Generator,
) -> bool:
    """Bring the longest path down to ``wanted``: open walls for short cuts, fill dead ends.

    Half of the cells stay open, everywhere alike: such mazes differ most from each other.
    """
    around = steps(width)
    length, one, other = longest_path(walkable, width)
    for _ in range(160):
        _thin(walkable, width, height, random)
        length, one, other = longest_path(walkable, width)
        if abs(length - wanted) <= near:
            return True
        if length < wanted:
            return False
        walls = [
            cell
            for cell in range(len(walkable))
            if not walkable[cell]
            and is_inside(cell, width, height)
            and sum(walkable[cell + step] for step in around) >= 2
        ]
        best, shortest = -1, length
        for i in random.permutation(len(walls)).tolist()[:5]:
            walkable[walls[i]] = 1
            after = longest_path(walkable, width)[0]
            walkable[walls[i]] = 0
            if wanted - near <= after < shortest:
                best, shortest = walls[i], after
        # Where no short cut is short enough, the path loses an end.
        walkable[best if best >= 0 else (one if random.random() < 0.5 else other)] = best >= 0
    return False


def _thin(walkable: bytearray, width: int, height: int, random: np.random.Generator) -> None:
    """Fill dead ends until half of the cells are open, those at the edge first.

    The longest path keeps its ends. Dead ends pile up along the edge; left alone they would make
    all mazes alike there.
    """
    around = steps(width)
    _, one, other = longest_path(walkable, width)
    spare = sum(walkable) - WIDTH * HEIGHT // 2
    for inset in (1, 0):
        while spare > 0:
            ends = [
                cell
                for cell in range(len(walkable))
                if walkable[cell]
                and cell not in (one, other)
                and sum(walkable[cell + step] for step in around) == 1
                and (not inset or not is_inside(cell, width, height, inset))
            ]
            if not ends:
                break
            for i in random.permutation(len(ends)).tolist()[:spare]:
                walkable[ends[i]] = 0
                spare -= 1


def _stir(
    walkable: bytearray,
    width: int,
    height: int,
    wanted: int,
    slot: int,
    random: np.random.Generator,
) -> None:
    """Open and fill cells wherever that keeps the maze whole and its path about as long.

    Each move goes towards a pattern, or not away from it, so that what growth leaves alike in all
    mazes, long corridors and a busy edge, wears off. The patterns are rows of a Hadamard matrix of
    order 256, of which any two differ in half of their places.
    """
    around = steps(width)
    inside = [cell for cell in range(width * height) if is_inside(cell, width, height)]
    pattern = bytearray(width * height)
    row, inverted = 1 + slot % 255, slot // 255 % 2
    for cell, place in zip(inside, _PLACES, strict=True):
        pattern[cell] = (row & place).bit_count() + inverted & 1
    shut = [cell for cell in inside if not walkable[cell]]
    free = [cell for cell in inside if walkable[cell]]
    for one, other in random.random((_STIRS, 2)).tolist():
        i, j = int(one * len(shut)), int(other * len(free))
        fresh, old = shut[i], free[j]
        if pattern[fresh] < pattern[old] or not any(walkable[fresh + step] for step in around):
            continue
        walkable[fresh], walkable[old] = 1, 0
        whole = int((steps_from(walkable, width, fresh) >= 0).sum()) == len(free)
        if whole and abs(longest_path(walkable, width)[0] - wanted) <= TOLERANCE:
            shut[i], free[j] = old, fresh
        else:
            walkable[fresh], walkable[old] = 0, 1
