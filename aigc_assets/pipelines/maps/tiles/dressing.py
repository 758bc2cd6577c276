"""Which tile lies where on an indoor map: terrain and objects to the gids of three layers.

Everything is chosen for all cells at once; a map of 256x256 cells is dressed in milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.grid import BRIDGE, FLOOR, LIQUID, OUTDOOR, WALL, Terrain
from aigc_assets.pipelines.maps.tiles.blob import BLOB, BLOB_INDEX, FULL, S, neighbour_masks
from aigc_assets.pipelines.maps.tiles.indoor import FIELDS, FLOORS, LOOKS, Look
from aigc_assets.pipelines.maps.tiles.masonry import SHADES

Gids = NDArray[np.uint32]
_Flags = NDArray[np.bool_]
_T = TypeVar("_T", bound=np.generic)

_MEADOW = np.cumsum([0.16, 0.14, 0.08])
"""Odds of the variants of outdoor ground; the last one, which is plain, has the rest."""
_TORCHES = 6
"""Cells of wall for each thing that hangs on it."""
_RUG_AREA = 240
"""Cells of a map for each rug that may lie on it."""
_RUGS = ((5, 4), (4, 3), (3, 3))
"""Widths and heights of rugs in cells."""


def dress(
    terrain: Terrain,
    theme: str,
    look: str,
    gids: Mapping[str, int],
    stairs: Mapping[int, str],
    doors: Mapping[int, str],
    markers: Mapping[int, str],
    way: Set[int],
    random: np.random.Generator,
    hazards: Collection[int] = (),
) -> tuple[Gids, Gids, Gids]:
    """Choose tiles.

    Args:
        terrain: Terrain [H, W], closed all around.
        theme: One of `LOOKS`.
        look: One of the looks of the theme.
        gids: Of the tiles of the look by name.
        stairs: Cell -> ``start`` or ``exit``.
        doors: Cell -> colour.
        markers: Cell -> name of a tile.
        way: Cells of the witness; big decoration keeps off it.
        random: Chooses variants and decoration.
        hazards: Cells of ground that harm.

    Returns:
        Layers ``ground`` (a tile in every cell), ``decor`` and ``markers``, [H, W] uint32.
    """
    style = LOOKS[theme][look]
    wall = terrain == WALL
    dice = random.random((3, *terrain.shape))
    ground = _ground(terrain, wall, style, gids, dice[0])
    decor, marks = np.zeros_like(ground), np.zeros_like(ground)
    busy = cells(terrain.shape, (*stairs, *doors, *markers, *hazards))
    harmful = cells(terrain.shape, hazards)
    gates = cells(terrain.shape, doors)
    near_gates = gates | _above(gates) | _below(gates) | _left(gates) | _right(gates)
    free = ~busy & ~near_gates & ~cells(terrain.shape, way)
    if style.rug:
        _lay_rugs(terrain, cells(terrain.shape, stairs) | near_gates | harmful, gids, random, decor)
    _decorate(terrain, wall, style, gids, free & (decor == 0), dice, decor)
    hung, begin = hang_evenly(wall, (terrain != LIQUID) & ~busy, dice[1])
    decor[harmful] = gids["hazard"]
    decor[hung] = pick(gids, style.hanging, dice[2].reshape(-1)[begin])
    for cell, name in stairs.items():
        decor.flat[cell] = gids[name]
    for cell, colour in doors.items():
        front = wall.flat[cell - 1] and wall.flat[cell + 1]
        decor.flat[cell] = gids[f"door_{'front' if front else 'side'}_{colour}"]
    for cell, name in markers.items():
        marks.flat[cell] = gids[name]
    return ground, decor, marks


def cells(shape: tuple[int, ...], chosen: Iterable[int]) -> _Flags:
    """Which cells of a map of ``shape`` are among ``chosen`` (y * width + x), [H, W]."""
    flags = np.zeros(shape[0] * shape[1], dtype=bool)
    flags[np.fromiter(chosen, dtype=np.intp)] = True
    return flags.reshape(shape[0], shape[1])


def blob_gids(gids: Mapping[str, int], name: str, ending: str = "") -> Gids:
    """The gids of a blob set in order of `BLOB`; tiles without the ending stand in where needed."""
    plain = f"{name}_{{}}".format
    return np.array(
        [gids.get(plain(mask) + ending, gids[plain(mask)]) for mask in BLOB], dtype=np.uint32
    )


def pick(gids: Mapping[str, int], names: Sequence[str], dice: NDArray[np.float64]) -> Gids:
    """One of the named tiles for each number in [0, 1)."""
    table = np.array([gids[name] for name in names], dtype=np.uint32)
    chosen: Gids = table[(dice * len(names)).astype(np.intp)]
    return chosen


def _ground(
    terrain: Terrain, wall: _Flags, style: Look, gids: Mapping[str, int], dice: NDArray[np.float64]
) -> Gids:
    """The lowest layer, a tile in every cell."""
    liquid = terrain == LIQUID
    bridge = terrain == BRIDGE
    field = terrain == OUTDOOR
    shade = shades_of(wall)

    odds = np.cumsum(style.odds)
    variants = np.minimum(np.searchsorted(odds, dice, side="right"), FLOORS - 1)
    floors = np.array(
        [[gids[f"floor_v{v}_{s}"] for s in SHADES] for v in range(FLOORS)], dtype=np.uint32
    )
    ground = floors[variants, shade]

    meadow = np.array(
        [[gids[f"field_v{v}_{s}"] for s in SHADES] for v in range(FIELDS)], dtype=np.uint32
    )
    edges = np.stack([blob_gids(gids, "field", f"_{s}" * (s != "lit")) for s in SHADES])
    around = BLOB_INDEX[neighbour_masks((terrain != FLOOR) & ~bridge)]
    inner = meadow[np.searchsorted(_MEADOW, dice, side="right"), shade]
    np.copyto(ground, np.where(around == FULL, inner, edges[shade, around]), where=field)

    around = BLOB_INDEX[neighbour_masks(liquid | bridge)]
    np.copyto(ground, blob_gids(gids, "liquid")[around], where=liquid)

    if bridge.any():
        upright = ~_above(wall) & ~_below(wall) & ~(_above(liquid) & _below(liquid))
        sideways = ~_left(liquid) & ~_right(liquid)
        planks = np.where(upright & ~sideways, gids["bridge_v"], gids["bridge_h"])
        np.copyto(ground, planks.astype(np.uint32), where=bridge)

    around = BLOB_INDEX[neighbour_masks(wall)]
    walls = np.stack([blob_gids(gids, "wall"), blob_gids(gids, "wall", "_b")])
    faces = np.array([not mask & S for mask in BLOB])
    stone = walls[(faces[around] & (dice < 0.25)).astype(np.intp), around]
    chips = (around == FULL) & (dice < 0.06)
    stone[chips] = pick(gids, ("wall_255_c", "wall_255_d"), dice[chips] / 0.06)
    np.copyto(ground, stone, where=wall)
    return ground


def hang_evenly(
    wall: _Flags, ground: _Flags, keep: NDArray[np.float64] | None = None
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.intp]]:
    """Where things hang on faces of walls, at even distances along each stretch.

    Args:
        wall: [H, W].
        ground: What may lie below a face that carries something, [H, W].
        keep: Noise in [0, 1), [H, W]; stretches that start where it is low stay bare.

    Returns:
        Rows and columns of the cells, and for each the flat index of the cell where its stretch
        begins.
    """
    face = wall & _below(ground) & ~_below(wall) & _left(wall) & _right(wall)
    face[-1] = False
    face[:, [0, -1]] = False  # stretches of different rows stay apart
    flat = face.reshape(-1)
    first = np.flatnonzero(flat & ~np.r_[False, flat[:-1]])
    last = np.flatnonzero(flat & ~np.r_[flat[1:], False])
    length = last - first + 1
    count = (length + _TORCHES // 2) // _TORCHES
    if keep is not None:
        count[keep.reshape(-1)[first] < 0.15] = 0
    run = np.repeat(np.arange(len(first)), count)
    nth = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    place = first[run] + (2 * nth + 1) * length[run] // (2 * count[run])
    rows, columns = np.divmod(place, wall.shape[1])
    return (rows, columns), first[run]


def _decorate(
    terrain: Terrain,
    wall: _Flags,
    style: Look,
    gids: Mapping[str, int],
    free: _Flags,
    dice: NDArray[np.float64],
    decor: Gids,
) -> None:
    """Heap things in corners and along walls, strew traces, grow things outdoors."""
    up, down, left, right = _above(wall), _below(wall), _left(wall), _right(wall)
    floor = (terrain == FLOOR) & free
    beside = (up ^ down) | (left ^ right)
    corner = (up ^ down) & (left ^ right)
    tight = (up & down) | (left & right)
    # Where the noise is high for a few cells together things stand and grow in groups.
    group = _blur(dice[2])
    odds = np.where(corner, 0.3, np.where(beside & (group > 0.75), 0.6, 0.0))
    heaps = floor & ~tight & (dice[1] < odds)
    traces = floor & ~heaps & (group < 0.3) & (dice[1] > 0.94)
    wild = (terrain == OUTDOOR) & free & (group * 0.7 + dice[1] * 0.3 > 0.68)
    for where, names in ((heaps, style.heaps), (traces, style.traces), (wild, style.wild)):
        decor[where] = pick(gids, names, dice[2][where])


def _lay_rugs(
    terrain: Terrain, keep_off: _Flags, gids: Mapping[str, int], random: np.random.Generator,
    decor: Gids,
) -> None:  # fmt: skip
    """Lay rugs where there is room for them and a cell of floor around."""
    plain = (terrain == FLOOR) & ~keep_off
    nine = np.array([[gids[f"rug_{y}{x}"] for x in range(3)] for y in range(3)], dtype=np.uint32)
    wanted = -(-terrain.size // (_RUG_AREA * len(_RUGS)))
    total = np.pad(plain.astype(np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    for wide, high in _RUGS:
        h, w = high + 2, wide + 2  # a cell of floor stays free around it
        filled = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
        places = np.argwhere(filled == h * w)
        laid = 0
        for y, x in places[random.permutation(len(places))[: 4 * wanted]].tolist():
            if plain[y : y + h, x : x + w].all():
                rows = np.clip(np.arange(high), 0, 1) + (np.arange(high) == high - 1)
                columns = np.clip(np.arange(wide), 0, 1) + (np.arange(wide) == wide - 1)
                decor[y + 1 : y + 1 + high, x + 1 : x + 1 + wide] = nine[np.ix_(rows, columns)]
                plain[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2] = False
                laid += 1
                if laid == wanted:
                    break


def shades_of(wall: _Flags) -> NDArray[np.intp]:
    """Which shadow of `SHADES` falls on each cell."""
    up, left = _above(wall), _left(wall)
    corner = _left(_above(wall))
    shade = up + 2 * left.astype(np.intp)
    return np.where((shade == 0) & corner, SHADES.index("corner"), shade)


def _blur(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over 3x3 cells, stretched so that it still fills 0..1."""
    total = noise + _above(noise) + _below(noise)
    total = (total + _left(total) + _right(total)) / 9
    stretched: NDArray[np.float64] = np.clip((total - 0.5) * 2.2 + 0.5, 0, 1)
    return stretched


def _above(values: NDArray[_T]) -> NDArray[_T]:
    """For each cell the value of the one above; the first row repeats itself."""
    return np.concatenate([values[:1], values[:-1]])


def _below(values: NDArray[_T]) -> NDArray[_T]:
    return np.concatenate([values[1:], values[-1:]])


def _left(values: NDArray[_T]) -> NDArray[_T]:
    return np.concatenate([values[:, :1], values[:, :-1]], 1)


def _right(values: NDArray[_T]) -> NDArray[_T]:
    return np.concatenate([values[:, 1:], values[:, -1:]], 1)
