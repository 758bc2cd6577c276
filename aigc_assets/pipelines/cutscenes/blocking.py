"""Where the actors of a scene stand and along which cells they walk.

"Blocking" is what stage directors call it. Everything is decided on the cells of the map: actors
stand and walk only on cells that are free, and take wide ways where they have the choice.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.types import SpriteSheet, Tilemap

Cell = tuple[int, int]
"""Column and row."""

STEPS: Mapping[str, Cell] = {"down": (0, 1), "up": (0, -1), "left": (-1, 0), "right": (1, 0)}
"""What one step of a facing adds to a cell."""

_SOLID_OBJECTS = ("door", "monster", "treasure", "key")
_WALK_IN = (6, 14)  # cells that the hero walks in, if the map allows
_WALK_WISHED = 11
_PARTNER_WALK = (3, 6)
_TURN_COST, _STEP_COST, _WALL_COST = 6, 10, 7


@dataclass(frozen=True)
class Figure:
    """What of an actor is visible, in px from the pivot: left and right (>= 0) and height."""

    left: int
    right: int
    height: int


@dataclass(frozen=True)
class Part:
    """What one actor does: walk in along ``path``, look at ``facing``, walk off along ``leave``.

    ``path`` ends and ``leave`` starts at the actor's place; who stays has nothing but the place.
    """

    path: tuple[Cell, ...]
    facing: str
    leave: tuple[Cell, ...]

    @property
    def place(self) -> Cell:
        """The cell where the actor speaks."""
        return self.path[-1]


def one_sided(sheet: SpriteSheet) -> bool:
    """Whether a figure is drawn from one side only; it glides and is mirrored to look right."""
    names = {tag.name for tag in sheet.tags}
    return "idle" in names and "idle_down" not in names


def figure_of(sheet: SpriteSheet) -> Figure:
    """Measure an actor over all its standing and walking frames."""
    names = ("idle_", "walk_")
    tags = [tag for tag in sheet.tags if tag.name.startswith(names) or tag.name == "idle"]
    left = right = height = 1
    for index in sorted({i for tag in tags for i in range(tag.start, tag.stop)}):
        rows, columns = np.nonzero(sheet.frame_image(index)[..., 3])
        if len(rows):
            x, y = sheet.frames[index].pivot
            left = max(left, x - int(columns.min()))
            right = max(right, int(columns.max()) - x)
            height = max(height, y - int(rows.min()) + 1)
    if one_sided(sheet):
        left = right = max(left, right)
    return Figure(left, right, height)


def free_cells(tilemap: Tilemap) -> NDArray[np.bool_]:
    """Cells that an actor may enter, [H, W]: not solid, and nothing stands there."""
    free = ~tilemap.solid()
    for item in tilemap.objects:
        if item.cls in _SOLID_OBJECTS:
            free[item.cell[1], item.cell[0]] = False
    return free


def plan_blocking(
    tilemap: Tilemap,
    cast: Mapping[str, Figure],
    view: tuple[int, int],
    random: np.random.Generator,
) -> dict[str, Part]:
    """Choose the meeting place and everybody's way to it.

    The first two of the cast face each other; the first walks in from afar, the second comes a
    few steps to meet them; others stand around and watch.

    Args:
        tilemap: The map.
        cast: Figures by id, the principal actors first.
        view: Width and height of the picture in px of the map.
        random: Breaks ties between equally good places.

    Returns:
        A part for each of the cast.

    Raises:
        GenerationError: If the map has no room for them.
    """
    free = free_cells(tilemap)
    names = list(cast)
    for places in _meeting_places(tilemap, free, cast, view, random):
        parts = _plan_at(tilemap, free, names, cast, places)
        if parts is not None:
            return parts
    raise GenerationError(
        f"the map has no open place where {len(cast)} characters can meet",
        where="cutscene.map",
        remedy="use a larger map, another seed or fewer speakers",
    )


def directions(path: tuple[Cell, ...]) -> list[str]:
    """The facing of each step of a path."""
    names = {step: name for name, step in STEPS.items()}
    return [names[(b[0] - a[0], b[1] - a[1])] for a, b in itertools.pairwise(path)]


def apart(a: Cell, b: Cell, one: Figure, other: Figure, tile: tuple[int, int]) -> bool:
    """Whether two actors on these cells do not hide each other."""
    dx = (b[0] - a[0]) * tile[0]
    reach = one.right + other.left if dx >= 0 else one.left + other.right
    if abs(dx) > reach:
        return True
    dy = (b[1] - a[1]) * tile[1]
    return abs(dy) >= (other.height if dy > 0 else one.height)


def _meeting_places(
    tilemap: Tilemap,
    free: NDArray[np.bool_],
    cast: Mapping[str, Figure],
    view: tuple[int, int],
    random: np.random.Generator,
) -> list[tuple[Cell, Cell]]:
    """Places for the first two actors, the best first (for one actor both are the same)."""
    figures = list(cast.values())
    tile = tilemap.tile_size
    height, width = free.shape
    noise = random.random((height, width))
    near = _distance_to_witness(tilemap, free.shape)
    room = _box_sum(free, 5, 3)
    decor = np.zeros(free.shape, dtype=bool)
    for layer in tilemap.layers[1:]:
        decor |= layer.gids != 0
    foes = np.zeros(free.shape, dtype=bool)
    for item in tilemap.objects:
        foes[item.cell[1], item.cell[0]] = item.cls == "monster"
    danger = _box_sum(foes, 7, 4)
    scenery = np.minimum(_box_sum(decor, 8, 4), 12)
    busy = np.zeros(free.shape, dtype=bool)
    for item in tilemap.objects:
        busy[item.cell[1], item.cell[0]] = True
    shifts: list[Cell] = [(0, 0)]
    if len(figures) > 1:
        reach = max(figures[0].right + figures[1].left, figures[0].left + figures[1].right)
        gap = max(2, -(-(reach + 12) // tile[0]))
        rows = -(-max(figures[0].height, figures[1].height) // tile[1])
        wide = [(gap + extra, 0) for extra in (0, 1)] + [(-gap - extra, 0) for extra in (0, 1)]
        shifts = [*wide, (0, -rows), (0, rows)]
    scored: list[tuple[float, Cell, Cell]] = []
    for shift in shifts:
        for row, column in np.argwhere(free & ~busy):
            a = int(column), int(row)
            b = a[0] + shift[0], a[1] + shift[1]
            if not (0 <= b[0] < width and 0 <= b[1] < height) or busy[b[1], b[0]]:
                continue
            between = free[
                min(a[1], b[1]) : max(a[1], b[1]) + 1, min(a[0], b[0]) : max(a[0], b[0]) + 1
            ]
            if not between.all():
                continue
            middle = (a[1] + b[1]) // 2, (a[0] + b[0]) // 2
            score = float(room[middle]) - 1.5 * min(float(near[middle]), 20) + noise[row, column]
            score += 0.5 * float(scenery[middle])  # torches, chests and plants make a set
            score -= 3.0 * float(danger[middle])  # nobody stops for a chat beside a monster
            score -= 8.0 if shift[0] == 0 and len(figures) > 1 else 0.0  # side by side shows faces
            score -= abs(shift[0]) * 0.5
            # The camera should be able to centre on the place: the box needs the lower third.
            below = (height - 1 - middle[0]) * tile[1]
            score -= max(0.0, view[1] * 0.42 - below) * 0.1
            above = middle[0] * tile[1]
            score -= max(0.0, view[1] * 0.45 - above) * 0.05
            scored.append((-score, a, b))
    scored.sort()
    return [(a, b) for _, a, b in scored[:200]]


def _plan_at(
    tilemap: Tilemap,
    free: NDArray[np.bool_],
    names: list[str],
    cast: Mapping[str, Figure],
    places: tuple[Cell, Cell],
) -> dict[str, Part] | None:
    tile = tilemap.tile_size
    hero = names[0]
    standing: dict[str, Cell] = {hero: places[0]}
    if len(names) > 1:
        standing[names[1]] = places[1]
    around = _rings(places[0], places[1], free)
    for name in names[2:]:
        spot = next(
            (
                c
                for c in around
                if all(apart(c, standing[o], cast[name], cast[o], tile) for o in standing)
            ),
            None,
        )
        if spot is None:
            return None
        standing[name] = spot

    def blocked(name: str, others: list[str]) -> NDArray[np.bool_]:
        """Free cells on which this actor comes into nobody's way."""
        open_cells = free.copy()
        for other in others:
            x, y = standing[other]
            reach = -(
                -max(cast[name].right + cast[other].left, cast[name].left + cast[other].right)
                // tile[0]
            )
            open_cells[max(0, y - 1) : y + 2, max(0, x - reach + 1) : x + reach] = False
        x, y = standing[name]
        open_cells[y, x] = True
        return open_cells

    witness = _witness_steps(tilemap)
    ways = _ways(blocked(hero, names[1:]), standing[hero])
    walk_in = _choose_entry(ways, standing[hero], places[1], witness, _WALK_IN, _WALK_WISHED)
    if walk_in is None:
        return None
    leave = _choose_leave(ways, standing[hero], walk_in, witness)
    parts = {hero: Part(walk_in, _facing(places[0], places[1]), leave)}
    for name in names[1:]:
        place = standing[name]
        target = places[0] if name == names[1] else _middle(places)
        path: tuple[Cell, ...] = (place,)
        if name == names[1]:
            open_cells = blocked(name, [hero, *names[2:]])
            for x, y in (*walk_in, *leave):
                reach = -(-(cast[name].right + cast[hero].left) // tile[0])
                open_cells[max(0, y - 1) : y + 2, max(0, x - reach + 1) : x + reach] = False
            open_cells[place[1], place[0]] = True
            longest = _PARTNER_WALK[1]
            entry = _choose_entry(
                _ways(open_cells, place), place, places[0], {}, _PARTNER_WALK, longest
            )
            path = entry or path
        parts[name] = Part(path, _facing(place, target), (place,))
    return parts


def _ways(free: NDArray[np.bool_], source: Cell) -> dict[Cell, tuple[int, tuple[Cell, ...]]]:
    """Comfortable ways from near cells to ``source``: cost and path, both ends included.

    Dijkstra over cells and facings: turns and cells beside walls cost extra, so that wide figures
    keep to the middle and do not zigzag.
    """
    height, width = free.shape
    limit = _WALK_IN[1] + 2
    best: dict[tuple[Cell, str], int] = {}
    came: dict[tuple[Cell, str], tuple[Cell, str] | None] = {}
    heap: list[tuple[int, Cell, str, int, tuple[Cell, str] | None]] = [(0, source, "", 0, None)]
    found: dict[Cell, tuple[int, tuple[Cell, ...]]] = {}
    while heap:
        cost, cell, facing, length, origin = heapq.heappop(heap)
        if (cell, facing) in best:
            continue
        best[cell, facing] = cost
        came[cell, facing] = origin
        if cell not in found:
            path, at = [cell], origin
            while at is not None:
                path.append(at[0])
                at = came[at]
            found[cell] = cost, tuple(path)
        if length == limit:
            continue
        for name, (dx, dy) in STEPS.items():
            x, y = cell[0] + dx, cell[1] + dy
            if not (0 <= x < width and 0 <= y < height and free[y, x]) or ((x, y), name) in best:
                continue
            walls = sum(not (0 <= x + side < width and free[y, x + side]) for side in (-1, 1))
            turn = _TURN_COST if facing not in ("", name) else 0
            step = cost + _STEP_COST + _WALL_COST * walls + turn
            heapq.heappush(heap, (step, (x, y), name, length + 1, (cell, facing)))
    return found


def _choose_entry(
    ways: Mapping[Cell, tuple[int, tuple[Cell, ...]]],
    place: Cell,
    partner: Cell,
    witness: Mapping[Cell, int],
    lengths: tuple[int, int],
    wished: int,
) -> tuple[Cell, ...] | None:
    """The best way to walk in, or None if every way is too short."""
    here = min((step for cell, step in witness.items() if _gap(cell, place) <= 3), default=0)
    options = []
    for cell, (cost, path) in ways.items():
        steps = len(path) - 1
        if not lengths[0] <= steps <= lengths[1]:
            continue
        rank = 6.0 * abs(steps - wished) + cost / steps
        rank -= (
            8.0 if witness.get(cell, here + 1) < here else 0.0
        )  # comes from the start of the map
        if partner != place:  # arriving face to face reads best
            last = directions(path[-2:])[0]
            rank += 0.0 if last == _facing(place, partner) else 9.0
        options.append((rank, cell))
    return ways[min(options)[1]][1] if options else None


def _choose_leave(
    ways: Mapping[Cell, tuple[int, tuple[Cell, ...]]],
    place: Cell,
    walk_in: tuple[Cell, ...],
    witness: Mapping[Cell, int],
) -> tuple[Cell, ...]:
    """A way off: onwards along the witness path if possible, else anywhere but back."""
    here = max((step for cell, step in witness.items() if _gap(cell, place) <= 3), default=0)
    options = []
    for cell, (cost, path) in ways.items():
        steps = len(path) - 1
        if not 4 <= steps <= 7:
            continue
        back = len(set(path) & set(walk_in[:-1]))
        onward = witness.get(cell, -1) > here
        options.append((10 * back + cost / steps - (30 if onward else 0), cell))
    if not options:
        return (place,)
    return tuple(reversed(ways[min(options)[1]][1]))


def _witness_steps(tilemap: Tilemap) -> dict[Cell, int]:
    """The first step of the witness walk on which each of its cells is entered."""
    steps: dict[Cell, int] = {}
    if tilemap.witness is not None:
        for step, (x, y) in enumerate(tilemap.witness.path.tolist()):
            steps.setdefault((x, y), step)
    return steps


def _distance_to_witness(tilemap: Tilemap, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """City-block distance of each cell to the witness path, [H, W]; zero without a witness."""
    if tilemap.witness is None:
        return np.zeros(shape, dtype=np.int64)
    far = shape[0] + shape[1]
    distance = np.full(shape, far, dtype=np.int64)
    distance[tilemap.witness.path[:, 1], tilemap.witness.path[:, 0]] = 0
    for axis, size in enumerate(shape):  # two sweeps along each axis: exact for city blocks
        lines = np.moveaxis(distance, axis, 0)
        for order in (range(1, size), range(size - 2, -1, -1)):
            for i in order:
                before = i - 1 if isinstance(order, range) and order.step > 0 else i + 1
                np.minimum(lines[i], lines[before] + 1, out=lines[i])
    return distance


def _box_sum(free: NDArray[np.bool_], wide: int, high: int) -> NDArray[np.int64]:
    """Free cells within ``wide`` columns and ``high`` rows of each cell, [H, W]."""
    padded = np.pad(free.astype(np.int64), ((high + 1, high), (wide + 1, wide)))
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    y, x = 2 * high + 1, 2 * wide + 1
    result: NDArray[np.int64] = sums[y:, x:] - sums[:-y, x:] - sums[y:, :-x] + sums[:-y, :-x]
    return result


def _rings(a: Cell, b: Cell, free: NDArray[np.bool_]) -> list[Cell]:
    """Free cells around two places, nearest first, those behind before those in front."""
    x, y = _middle((a, b))
    cells = [(int(c), int(r)) for r, c in np.argwhere(free)]
    near = [cell for cell in cells if 1 < _gap(cell, (x, y)) <= 12]
    return sorted(near, key=lambda c: (_gap(c, (x, y)) + (2 if c[1] > y else 0), c))


def _middle(places: tuple[Cell, Cell]) -> Cell:
    return (places[0][0] + places[1][0]) // 2, (places[0][1] + places[1][1]) // 2


def _gap(a: Cell, b: Cell) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _facing(place: Cell, target: Cell) -> str:
    """Where somebody on ``place`` looks to see ``target``; at the audience if it is the same."""
    dx, dy = target[0] - place[0], target[1] - place[1]
    if abs(dx) >= abs(dy) and dx != 0:
        return "right" if dx > 0 else "left"
    return "up" if dy < 0 else "down"
