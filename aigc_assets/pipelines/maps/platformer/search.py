"""The searches of `physics` in plain Python: twins of ``csrc/host/jump.cpp`` with equal results."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.platformer_grammar import AIR, LADDER, ONE_WAY, SOLID

SOLID_FLAG, ONE_WAY_FLAG, HAZARD_FLAG, LADDER_FLAG, SHUT_FLAG, DOOR_FLAG = (
    1, 2, 4, 8, 16, 32,
)  # fmt: skip
Flags = NDArray[np.uint8]

_PHASES = 7
_STAND, _RISE3, _LEVEL, _FALL, _DRIFTED = 0, 3, 4, 5, 6
# The order decides between ways of equal length; walking comes first.
_MOVES = ((1, 0), (-1, 0), (0, -1), (1, -1), (-1, -1), (0, 1), (1, 1), (-1, 1))
_EDIT = 1000
_NEVER = 1 << 30


def _phase_moves() -> list[list[tuple[int, int, int]]]:
    """(dx, dy, phase after it in the air) for each phase."""
    table: list[list[tuple[int, int, int]]] = []
    for phase in range(_PHASES):
        allowed = []
        for dx, dy in _MOVES:
            if dy == 0 and phase <= _RISE3:
                allowed.append((dx, dy, _FALL if phase == _STAND else _LEVEL))
            elif dy < 0 and phase < _RISE3:
                allowed.append((dx, dy, phase + 1))
            elif dy > 0 and (dx == 0 or phase not in (_STAND, _DRIFTED)):
                allowed.append((dx, dy, _DRIFTED if dx else _FALL))
        table.append(allowed)
    return table


_TABLE = _phase_moves()


class _Space:
    """A level in a ring that nobody enters; below it lies an abyss. Places count the ring."""

    def __init__(self, flags: Flags) -> None:
        self.height = int(flags.shape[0])
        self.width = int(flags.shape[1])
        self.stride = self.width + 2
        ring = np.pad(flags, 1, constant_values=SOLID_FLAG)
        ring[-1] = HAZARD_FLAG
        firm = (ring & LADDER_FLAG) != 0
        firm[:-1] |= (ring[1:] & (SOLID_FLAG | ONE_WAY_FLAG | LADDER_FLAG)) != 0
        self.flags: list[int] = ring.reshape(-1).tolist()
        self.firm: list[bool] = firm.reshape(-1).tolist()

    def inner(self, cell: int) -> int:
        return (cell // self.width + 1) * self.stride + cell % self.width + 1

    def outer(self, place: int) -> int:
        return (place // self.stride - 1) * self.width + place % self.stride - 1

    def landed(self, place: int) -> int:
        return place * _PHASES + (_STAND if self.firm[place] else _FALL)

    def after(self, state: int) -> list[int]:
        """All states that follow a state, in the order of the moves."""
        place, phase = divmod(state, _PHASES)
        flags, stride = self.flags, self.stride
        found = []
        for dx, dy, then in _TABLE[phase]:
            to = place + dx + dy * stride
            there = flags[to]
            if there & (SOLID_FLAG | HAZARD_FLAG | SHUT_FLAG):
                continue
            if dy > 0 and there & (ONE_WAY_FLAG | LADDER_FLAG) == ONE_WAY_FLAG:
                continue
            if dx and dy:
                by = place - stride if dy < 0 else place + dx
                if flags[by] & (SOLID_FLAG | HAZARD_FLAG | DOOR_FLAG):
                    continue
            found.append(to * _PHASES + (_STAND if self.firm[to] else then))
        return found


def explore(flags: Flags, sources: Sequence[int]) -> NDArray[np.int32]:
    """See `physics.explore`."""
    space = _Space(flags)
    ticks = [-1] * flags.size
    now = list(dict.fromkeys(space.landed(space.inner(cell)) for cell in sources))
    seen = set(now)
    tick = 0
    while now:
        later = []
        for state in now:
            cell = space.outer(state // _PHASES)
            if ticks[cell] < 0:
                ticks[cell] = tick
            for to in space.after(state):
                if to not in seen:
                    seen.add(to)
                    later.append(to)
        now = later
        tick += 1
    return np.array(ticks, dtype=np.int32).reshape(flags.shape)


def route(flags: Flags, start: int, goal: int) -> list[int]:
    """See `physics.route`."""
    space = _Space(flags)
    queue = [space.landed(space.inner(start))]
    parent = {queue[0]: queue[0]}
    wanted = space.inner(goal)
    for state in queue:  # grows while it runs
        if state // _PHASES == wanted:
            cells = [goal]
            while parent[state] != state:
                state = parent[state]
                cells.append(space.outer(state // _PHASES))
            return cells[::-1]
        for to in space.after(state):
            if to not in parent:
                parent[to] = state
                queue.append(to)
    return []


def trapped(flags: Flags, start: int, goals: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """See `physics.trapped`."""
    space = _Space(flags)
    wanted = goals.reshape(-1).tolist()
    queue = [space.landed(space.inner(start))]
    before: dict[int, list[int]] = {queue[0]: []}
    for state in queue:  # grows while it runs
        for to in space.after(state):
            if to not in before:
                before[to] = []
                queue.append(to)
            before[to].append(state)
    todo = [state for state in queue if wanted[space.outer(state // _PHASES)]]
    safe = set(todo)
    while todo:
        for state in before[todo.pop()]:
            if state not in safe:
                safe.add(state)
                todo.append(state)
    lost = np.zeros(flags.size, dtype=bool)
    for state in queue:
        if state not in safe and state % _PHASES == _STAND:
            lost[space.outer(state // _PHASES)] = True
    return lost.reshape(flags.shape)


def _clearing(flags: int) -> int:
    """What it costs to make a cell free to enter."""
    if flags & SHUT_FLAG:
        return _NEVER
    if flags & SOLID_FLAG:
        return 6 * _EDIT
    return 4 * _EDIT if flags & HAZARD_FLAG else 0


def mend(flags: Flags, sources: Sequence[int], goals: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """See `physics.mend`."""
    space = _Space(flags)
    stride, around, firm = space.stride, space.flags, space.firm
    wanted = goals.reshape(-1).tolist()
    cost: dict[int, int] = {}
    parent: dict[int, int] = {}
    heap: list[tuple[int, int]] = []

    def offer(state: int, price: int, origin: int) -> None:
        if price < cost.get(state, _NEVER):
            cost[state] = price
            parent[state] = origin
            heapq.heappush(heap, (price, state))

    def inside(place: int) -> bool:
        y, x = divmod(place, stride)
        return 1 <= y <= space.height and 1 <= x <= space.width

    for cell in sources:
        state = space.landed(space.inner(cell))
        offer(state, 0, state)
    last = -1
    while heap:
        price, state = heapq.heappop(heap)
        if price > cost[state]:
            continue
        place = state // _PHASES
        if wanted[space.outer(place)]:
            last = state
            break
        for to in space.after(state):
            offer(to, price + 1, state)
        if state % _PHASES != _STAND:
            continue
        # With edits one walks and climbs, from standing to standing.
        for to in (place + 1, place - 1):
            clear = _clearing(around[to])
            if not inside(to) or clear >= _NEVER:
                continue
            low = to // stride == space.height  # nothing can be laid below the last row
            if not firm[to] and (low or around[to + stride] & DOOR_FLAG):
                continue
            offer(to * _PHASES, price + 1 + clear + (0 if firm[to] else 3 * _EDIT), state)
        up, down = place - stride, place + stride
        for to, rung in ((up, place), (down, down)):
            clear = _clearing(around[to])
            if inside(to) and clear < _NEVER:
                laid = 0 if around[rung] & LADDER_FLAG else 3 * _EDIT
                offer(to * _PHASES, price + 1 + clear + laid, state)
    if last < 0:
        return []
    way = [last]
    while parent[way[-1]] != way[-1]:
        way.append(parent[way[-1]])
    edits = []
    for before, state in zip(way[::-1], way[-2::-1], strict=False):
        if cost[state] - cost[before] < _EDIT:
            continue
        origin, to = before // _PHASES, state // _PHASES
        blocked = bool(around[to] & (SOLID_FLAG | HAZARD_FLAG))
        if to == origin + stride:
            edits.append((space.outer(to), LADDER))
        elif to == origin - stride:
            if not around[origin] & LADDER_FLAG:
                edits.append((space.outer(origin), LADDER))
            if blocked:
                edits.append((space.outer(to), AIR))
        else:
            if blocked:
                edits.append((space.outer(to), AIR))
            if not firm[to]:
                deadly = around[to + stride] & HAZARD_FLAG
                edits.append((space.outer(to + stride), SOLID if deadly else ONE_WAY))
    return edits
