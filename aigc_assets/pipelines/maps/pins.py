"""Cells that the user has decided, as one line of text per pin.

Grammar (columns and rows from 0 at the top left, spaces do not matter)::

    wall X,Y                       one cell; also floor, outdoor, liquid, bridge
    floor X..X,Y..Y                every cell of a rectangle, both ends included
    room X..X,Y..Y                 floor in the whole rectangle; the free cells around it become
                                   walls where no way in is needed
    path X,Y -> X,Y -> ...         can be walked on, straight from corner to corner
    start X,Y                      where the walk begins; also exit, monster, treasure, boss
    door COLOUR X,Y                a locked door; also key

Whatever else happens, every pinned cell of the finished map is what its pin says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps.grid import BRIDGE, FLOOR, LIQUID, OUTDOOR, WALL
from aigc_assets.pipelines.maps.requirements import COLOURS

KINDS = {"wall": WALL, "floor": FLOOR, "outdoor": OUTDOOR, "liquid": LIQUID, "bridge": BRIDGE}
OBJECTS = ("start", "exit", "door", "key", "monster", "treasure", "boss")
GRAMMAR = (
    '"wall 3,4", "floor 5..9,3..6", "outdoor X,Y", "liquid X,Y", "bridge X,Y", "room X..X,Y..Y", '
    '"path X,Y -> X,Y", "start X,Y", "exit X,Y", "door red X,Y", "key red X,Y", "monster X,Y", '
    '"treasure X,Y", "boss X,Y"'
)
FREE = -1
_NAMES = {code: name for name, code in KINDS.items()}
_SHOWN = 4
_LEAST_ROOM = 4
"""Cells that start, exit and the walk between them take."""

_AREA = re.compile(r"([0-9]{1,4})(?:\.\.([0-9]{1,4}))?,([0-9]{1,4})(?:\.\.([0-9]{1,4}))?")
_CELL = re.compile(r"([0-9]{1,4}),([0-9]{1,4})")


@dataclass(frozen=True)
class PinnedObject:
    """An object that stands on a given cell."""

    cls: str
    cell: tuple[int, int]
    colour: str = ""


@dataclass(frozen=True, eq=False)
class Pins:
    """What is decided beforehand.

    Args:
        terrain: Terrain codes of `aigc_assets.pipelines.maps.grid`, [H, W] int8, -1 where free.
            Cells under objects are floor unless pinned otherwise.
        objects: Start, exit, doors, keys, monsters, treasure, boss.
        around: Cells around rooms that would rather be walls, [H, W] bool.
    """

    terrain: NDArray[np.int8]
    objects: tuple[PinnedObject, ...]
    around: NDArray[np.bool_]

    def of(self, cls: str) -> list[PinnedObject]:
        """The pinned objects of a class."""
        return [item for item in self.objects if item.cls == cls]

    @property
    def any(self) -> bool:
        """Whether anything is pinned."""
        return bool(self.objects) or bool((self.terrain != FREE).any())


def lines_of(array: NDArray[np.integer]) -> tuple[str, ...]:
    """The pins of an array as lines.

    Args:
        array: Terrain codes 0..4, [H, W], negative where free.

    Raises:
        UsageError: If it is not two-dimensional or holds another code.
    """
    array = np.asarray(array)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise UsageError("expected whole numbers [height, width]", where="pins", remedy=GRAMMAR)
    if array.size and int(array.max()) > max(KINDS.values()):
        known = ", ".join(f"{code} {name}" for name, code in KINDS.items())
        raise UsageError(f"unknown code {int(array.max())}", where="pins", remedy=f"-1 or {known}")
    found = []
    for y, row in enumerate(array.tolist()):
        x = 0
        while x < len(row):
            last = x
            while last + 1 < len(row) and row[last + 1] == row[x]:
                last += 1
            if row[x] >= 0:
                cells = f"{x}..{last}" if last > x else f"{x}"
                found.append(f"{_NAMES[row[x]]} {cells},{y}")
            x = last + 1
    return tuple(found)


def parse_pins(lines: Sequence[str], size: tuple[int, int], symmetry: str = "") -> Pins:
    """Read pins and check that they can be true at once.

    Args:
        lines: See the grammar above.
        size: Width and height of the map.
        symmetry: As in the requirements; what is pinned is then pinned in the other half too.

    Raises:
        UsageError: If a line is not in the grammar or pins contradict each other, the solid border
            or the symmetry; names the cells.
    """
    return _Reader(size).read(lines, symmetry)


def mirrored(array: NDArray, symmetry: str) -> NDArray:  # type: ignore[type-arg]
    """An array [H, W] as the given symmetry shows it; itself without one."""
    if symmetry == "horizontal":
        return array[:, ::-1]
    if symmetry == "vertical":
        return array[::-1]
    return array[::-1, ::-1] if symmetry == "rotational" else array


class _Reader:
    """Collects pins into one array and finds contradictions."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.width, self.height = size
        self.terrain = np.full((self.height, self.width), FREE, dtype=np.int8)
        self.around = np.zeros((self.height, self.width), dtype=bool)
        self.objects: list[PinnedObject] = []

    def read(self, lines: Sequence[str], symmetry: str) -> Pins:
        ways: list[tuple[str, list[tuple[int, int]]]] = []
        for text in lines:
            word, _, rest = " ".join(str(text).lower().split()).partition(" ")
            rest = re.sub(r" ?(,|\.\.|->) ?", r"\1", rest)
            if word in KINDS or word == "room":
                self._area(text, word, rest)
            elif word == "path":
                ways.append((text, self._way(text, rest)))
            elif word in OBJECTS:
                self._object(text, word, rest)
            else:
                raise _wrong(text, "unknown pin")
        for text, cells in ways:
            blocked = [c for c in cells if self.terrain[c[1], c[0]] in (WALL, LIQUID)]
            if blocked:
                self._clash(text, blocked, int(self.terrain[blocked[0][1], blocked[0][0]]))
            for x, y in cells:
                if self.terrain[y, x] == FREE:
                    self.terrain[y, x] = FLOOR
        self._check_objects()
        self._check_border()
        if symmetry:
            self._mirror(symmetry)
        self._check_sealed()
        return Pins(self.terrain, tuple(self.objects), self.around & (self.terrain == FREE))

    def _area(self, text: str, word: str, rest: str) -> None:
        match = _AREA.fullmatch(rest)
        if match is None:
            raise _wrong(text, "expected X,Y or X..X,Y..Y")
        left, right, top, bottom = (int(n) if n else -1 for n in match.groups())
        right = left if right < 0 else right
        bottom = top if bottom < 0 else bottom
        if left > right or top > bottom:
            raise _wrong(text, "the second end lies before the first")
        self._inside(text, right, bottom)
        code = KINDS.get(word, FLOOR)
        part = self.terrain[top : bottom + 1, left : right + 1]
        other = (part != FREE) & (part != code)
        if other.any():
            cells = [(left + int(x), top + int(y)) for y, x in np.argwhere(other)]
            self._clash(text, cells, int(part[other][0]))
        part[:] = code
        if word == "room":
            self.around[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] = True

    def _way(self, text: str, rest: str) -> list[tuple[int, int]]:
        corners = []
        for part in rest.split("->"):
            match = _CELL.fullmatch(part)
            if match is None:
                raise _wrong(text, "expected X,Y -> X,Y")
            corners.append((int(match[1]), int(match[2])))
            self._inside(text, *corners[-1])
        if len(corners) < 2:
            raise _wrong(text, "a path has two ends")
        cells = [corners[0]]
        for goal in corners[1:]:
            x, y = cells[-1]
            if x != goal[0] and y != goal[1]:
                raise _wrong(text, f"{x},{y} to {goal[0]},{goal[1]} is not straight, name a corner")
            while (x, y) != goal:
                x += (goal[0] > x) - (goal[0] < x)
                y += (goal[1] > y) - (goal[1] < y)
                cells.append((x, y))
        return cells

    def _object(self, text: str, word: str, rest: str) -> None:
        colour = ""
        if word in ("door", "key"):
            colour, _, rest = rest.partition(" ")
            if colour not in COLOURS:
                raise _wrong(text, f"unknown colour {colour!r}, one of {', '.join(COLOURS)}")
        match = _CELL.fullmatch(rest)
        if match is None:
            raise _wrong(text, "expected X,Y")
        cell = (int(match[1]), int(match[2]))
        self._inside(text, *cell)
        if word in ("start", "exit", "boss") and any(item.cls == word for item in self.objects):
            raise _wrong(text, f"{word} is pinned twice")
        for item in self.objects:
            if item.cell == cell:
                raise _wrong(text, f"{item.cls} is pinned on the same cell {_shown([cell])}")
            if word == "key" and item.cls == "key" and item.colour == colour:
                raise _wrong(text, f"there is one {colour} key, at {_shown([item.cell])}")
        self.objects.append(PinnedObject(word, cell, colour))

    def _check_objects(self) -> None:
        for item in self.objects:
            x, y = item.cell
            code = int(self.terrain[y, x])
            if code in (WALL, LIQUID):
                raise UsageError(
                    f"{item.cls} is pinned on {_shown([item.cell])}, a pinned {_NAMES[code]}",
                    where="pins",
                    remedy="move one of them",
                )
            if code == FREE:
                self.terrain[y, x] = FLOOR
        for item in self.objects:
            if item.cls == "door" and not self._fits_a_door(*item.cell):
                raise UsageError(
                    f"the door pinned on {_shown([item.cell])} cannot stand between two walls",
                    where="pins",
                    remedy="pin no floor or liquid on two opposite sides of it",
                )

    def _fits_a_door(self, x: int, y: int) -> bool:
        """Whether walls may stand on two opposite sides and ground on the others."""

        def fits(dx: int, dy: int, allowed: tuple[int, ...], border: bool) -> bool:
            cells = [(x + dx, y + dy), (x - dx, y - dy)]
            inside = [0 < cx < self.width - 1 and 0 < cy < self.height - 1 for cx, cy in cells]
            return all(
                (ok or border) and int(self.terrain[c[1], c[0]]) in (FREE, *allowed)
                for c, ok in zip(cells, inside, strict=True)
            )

        ground = (FLOOR, OUTDOOR, BRIDGE)
        inner = 0 < x < self.width - 1 and 0 < y < self.height - 1
        return not inner or any(
            fits(dx, dy, (WALL,), True) and fits(dy, dx, ground, False)
            for dx, dy in ((1, 0), (0, 1))
        )

    def _check_border(self) -> None:
        ring = np.ones_like(self.around)
        ring[1:-1, 1:-1] = False
        wrong = ring & (self.terrain != FREE) & (self.terrain != WALL)
        if wrong.any():
            cells = [(int(x), int(y)) for y, x in np.argwhere(wrong)]
            raise UsageError(
                f"pinned cells {_shown(cells)} lie on the border, which is solid",
                where="pins",
                remedy=f"columns 1..{self.width - 2} and rows 1..{self.height - 2} are free",
            )

    def _mirror(self, symmetry: str) -> None:
        other = mirrored(self.terrain, symmetry).copy()
        clash = (self.terrain != FREE) & (other != FREE) & (self.terrain != other)
        if clash.any():
            y, x = np.argwhere(clash)[0].tolist()
            twin = np.argwhere(mirrored(np.arange(clash.size).reshape(clash.shape), symmetry)
                               == y * self.width + x)[0].tolist()  # fmt: skip
            first, second = sorted([(x, y), (twin[1], twin[0])])
            names = [_NAMES[int(self.terrain[c[1], c[0]])] for c in (first, second)]
            raise UsageError(
                f"{names[0]} at {_shown([first])} and {names[1]} at {_shown([second])} contradict "
                f'"symmetry {symmetry}"',
                where="pins",
                remedy="pin the same in both halves",
            )
        self.terrain = np.where(self.terrain == FREE, other, self.terrain)
        self.around |= mirrored(self.around, symmetry)

    def _check_sealed(self) -> None:
        """What must be walkable may not be kept apart by pinned walls and liquid."""
        must = np.isin(self.terrain, (FLOOR, OUTDOOR, BRIDGE))
        cells = [(item.cell[0], item.cell[1]) for item in self.objects]
        cells += [(int(x), int(y)) for y, x in np.argwhere(must)]
        may = np.isin(self.terrain, (FREE, FLOOR, OUTDOOR, BRIDGE))
        may[[0, -1]] = False
        may[:, [0, -1]] = False
        if int(may.sum()) < _LEAST_ROOM:
            raise UsageError(
                f"pinned walls and liquid leave {int(may.sum())} cells to walk on",
                where="pins",
                remedy=f"leave at least {_LEAST_ROOM}",
            )
        if not cells:
            return
        seen = {cells[0]}
        todo = [cells[0]]
        while todo:
            x, y = todo.pop()
            for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if may[cell[1], cell[0]] and cell not in seen:
                    seen.add(cell)
                    todo.append(cell)
        for cell in cells:
            if cell not in seen:
                raise UsageError(
                    f"pinned walls and liquid seal off {self._name(cells[0])} from "
                    f"{self._name(cell)}",
                    where="pins",
                    remedy="leave a gap",
                )
        room = _LEAST_ROOM + len(self.objects)
        if len(seen) < room:
            raise UsageError(
                f"pinned walls and liquid enclose {self._name(cells[0])}: {len(seen)} cells are no "
                f"room for start, exit and {len(self.objects)} pinned objects",
                where="pins",
                remedy=f"leave it at least {room} cells, or a gap",
            )

    def _name(self, cell: tuple[int, int]) -> str:
        names = [item.cls for item in self.objects if item.cell == cell]
        return f"{names[0] if names else 'the pinned cell'} at {_shown([cell])}"

    def _inside(self, text: str, x: int, y: int) -> None:
        if x >= self.width or y >= self.height:
            raise _wrong(text, f"{x},{y} is outside the {self.width}x{self.height} map")

    def _clash(self, text: str, cells: Sequence[tuple[int, int]], code: int) -> None:
        many = "is" if len(cells) == 1 else "are"
        raise _wrong(text, f"{_shown(cells)} {many} pinned as {_NAMES[code]} too")


def _shown(cells: Iterable[tuple[int, int]]) -> str:
    listed = list(cells)
    text = ", ".join(f"({x}, {y})" for x, y in listed[:_SHOWN])
    return text if len(listed) <= _SHOWN else f"{text} and {len(listed) - _SHOWN} more"


def _wrong(text: object, reason: str) -> UsageError:
    shown = repr(str(text)[:60])
    return UsageError(f"{shown}: {reason}", where="pins", remedy=f"one of {GRAMMAR}")
