"""Doors and a boss's chamber on the way from start to exit: gates that are found or built."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.gates import Gate, across, build_gate, gates

_ROOMS = (60, 40, 25, 15, 8, 3, 1)
"""Cells between two doors that are tried, largest first; one is for the key."""
_TRIES = 24
CHAMBER = (2, 60)
"""Fewest and most cells of a boss's chamber behind its entrance."""


def lock(
    canvas: Canvas,
    path: Sequence[int],
    doors: tuple[int, int],
    random: np.random.Generator,
    *,
    boss: bool = False,
    forced: Sequence[int] = (),
    busy: Collection[int] = (),
    spacious: bool = True,
    snug: bool = False,
) -> tuple[list[Gate], Gate | None] | None:
    """Find or build gates on the way from start to exit.

    Args:
        canvas: One connected walkable area; walls are added to it.
        path: The way.
        doors: Fewest and most gates for doors.
        random: Decides how many and where.
        boss: Whether a further gate is wanted behind all doors, as the entrance of a chamber.
        forced: Cells of the way that must be among the gates, in walking order.
        busy: Cells that cannot be gates.
        spacious: Whether doors are far from each other where there is a choice.
        snug: Whether the chamber is as small as can be.

    Returns:
        The gates for doors in walking order and that of the chamber, or None if there is no room
        for them.
    """
    low, high = doors
    if not (high or boss or forced):
        return [], None
    kept = np.zeros(canvas.flat.size, dtype=bool)
    way = np.asarray(path, dtype=np.int32)
    for cell in forced:
        present = {gate.cell for gate in gates(canvas.terrain, way)}
        if cell not in present and build_gate(canvas, way, path.index(cell), kept) < 0:
            return None
    entrance = None
    if boss:
        after = max(map(path.index, forced), default=0)
        entrance = _chamber(canvas, way, kept, after, snug, busy)
        if entrance is None:
            return None
    last = path.index(entrance.cell) if entrance else len(path) - 1
    tight = last <= 4 * max(low, 1) + 4
    failed = {i for i, cell in enumerate(path) if cell in busy}
    before = set(path[:last])
    while True:
        places = [gate for gate in gates(canvas.terrain, way)
                  if gate.cell in before and gate.cell not in busy]  # fmt: skip
        fitting = _apart(places, 1, forced)
        if len(fitting) >= low:
            break
        index = {cell: i for i, cell in enumerate(path)}
        taken = {index[gate.cell] for gate in fitting}
        if not _grow(canvas, way, last, taken, failed, tight, kept, random):
            return None
    if entrance is not None:
        entrance = next(iter(gates(canvas.terrain, way, only=entrance.cell)), None)
        if entrance is None or not _is_chamber(canvas, entrance):
            return None
    for room in _ROOMS if spacious else (1,):  # the largest parts that the number allows
        fitting = _apart(places, room, forced)
        if len(fitting) >= max(low, 1):
            break
    most = min(high, len(fitting))
    if most < low:
        return None
    return _spread(fitting, int(random.integers(low, most + 1)), forced), entrance


def _grow(
    canvas: Canvas,
    path: np.ndarray,
    last: int,
    taken: set[int],
    failed: set[int],
    tight: bool,
    kept: np.ndarray,
    random: np.random.Generator,
) -> bool:
    """Build one more gate, the cheapest of a few; the earliest where the way is short."""
    step = np.diff(path)
    straight = (np.flatnonzero(step[1:] == step[:-1]) + 1).tolist()
    shut = failed.union(*({i - 1, i, i + 1} for i in taken))
    free = [i for i in straight if 2 <= i < last and i not in shut]
    if not tight:
        widths = _widths(canvas, path, free)
        dice = random.random(len(free)).tolist()
        free = [
            i for _, i in sorted((w + 2 * d, i) for w, d, i in zip(widths, dice, free, strict=True))
        ]
    best: tuple[int, Canvas] | None = None
    tries = max(3, min(_TRIES, 60_000 // canvas.flat.size))
    for turn, i in enumerate(free):
        if turn >= (tries if best else 4 * tries):
            break
        trial = canvas.copy()
        cost = build_gate(trial, path, i, kept)
        if cost < 0:
            failed.add(i)
        elif best is None or cost < best[0]:
            best = (cost, trial)
            if tight or cost <= 3:
                break
    if best is None:
        return False
    canvas.terrain = best[1].terrain
    return True


def _widths(canvas: Canvas, path: np.ndarray, indices: Sequence[int]) -> list[int]:
    """How many cells wide the way is at each index."""
    walkable = canvas.walkable.tobytes()
    found = []
    for i in indices:
        side = across(canvas.terrain, path, i)
        count = 0
        for step in (side, -side):
            cell = int(path[i]) + step
            while walkable[cell]:
                count += 1
                cell += step
        found.append(count)
    return found


def _chamber(
    canvas: Canvas,
    path: np.ndarray,
    kept: np.ndarray,
    after: int,
    snug: bool,
    busy: Collection[int],
) -> Gate | None:
    """The entrance of a chamber around the exit: found, or built near the end of the way."""
    late = set(path[after + 1 :].tolist())
    area = np.count_nonzero(canvas.walkable)
    rooms = [gate for gate in gates(canvas.terrain, path)
             if gate.cell in late and gate.cell not in busy
             and CHAMBER[0] <= area - gate.before - 1 <= CHAMBER[1]]  # fmt: skip
    roomy = [gate for gate in rooms if area - gate.before - 1 >= 6]
    if roomy and not snug:
        return roomy[-1]
    if rooms and snug:
        return rooms[-1]
    best: tuple[int, Canvas, Gate] | None = None
    exit_y, exit_x = divmod(int(path[-1]), canvas.width)
    y, x = np.divmod(np.arange(canvas.flat.size), canvas.width)
    away = np.maximum(np.abs(y - exit_y), np.abs(x - exit_x))
    # The cheapest walls may enclose the start instead: then walls near the exit are tried.
    for within in (None, away <= 3, away <= 2, away <= 5):
        if best is not None:
            break
        for i in range(len(path) - 2, max(after, len(path) - 16), -1):
            cell = int(path[i])
            if cell in busy:
                continue
            trial = canvas.copy()
            cost = build_gate(trial, path, i, kept, within)
            if cost < 0:
                continue
            found = gates(trial.terrain, path, only=cell)
            if not found or not _is_chamber(trial, found[0]):
                continue
            # A room to fight in is worth some walls.
            worth = cost - (-2 if snug else 2) * min(_behind(trial, found[0]), 16)
            if best is None or worth < best[0]:
                best = (worth, trial, found[0])
    if best is None:
        return rooms[-1] if rooms else None
    canvas.terrain = best[1].terrain
    return best[2]


def _behind(canvas: Canvas, gate: Gate) -> int:
    return int(np.count_nonzero(canvas.walkable)) - gate.before - 1


def _is_chamber(canvas: Canvas, gate: Gate) -> bool:
    return CHAMBER[0] <= _behind(canvas, gate) <= CHAMBER[1]


def _apart(places: list[Gate], room: int, forced: Sequence[int]) -> list[Gate]:
    """As many gates as have ``room`` cells before each of them, the forced ones in any case."""
    fitting: list[Gate] = []
    last = 1  # the start takes a cell
    coming = [place for place in places if place.cell in forced]
    for place in places:
        if coming and coming[0] == place:
            coming = coming[1:]
        ahead = coming[0] if coming else None
        if place.cell in forced or (
            place.before - last >= room
            and (ahead is None or ahead.before - place.before - 1 >= room)
        ):
            fitting.append(place)
            last = place.before + 1
    return fitting


def _spread(fitting: list[Gate], count: int, forced: Sequence[int]) -> list[Gate]:
    """``count`` of the gates at even distances in their order, the forced ones among them."""
    if count >= len(fitting) or count <= 0:
        return fitting[:count]
    must = [i for i, gate in enumerate(fitting) if gate.cell in forced]
    picks = np.round(np.linspace(0, len(fitting) - 1, count + 2)[1:-1]).astype(int).tolist()
    chosen = set(must)
    for i in sorted(range(len(fitting)), key=lambda i: (min(abs(i - p) for p in picks), i)):
        if len(chosen) < count:
            chosen.add(i)
    return [fitting[i] for i in sorted(chosen)]
