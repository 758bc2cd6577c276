"""Windows of hand-made levels: packing them, and making each a map that is closed in itself.

A window cut out of a level has no border, and the cut parts rooms that were joined outside of it.
`enclose` gives a window an outline: the cells of the outline are walls, and walkable areas that
the cut has separated from the largest one are filled. It is applied alike to the windows that are
learnt from and to those that are held out.

There are few levels, so what is learnt from is varied: `Windows.draw` takes whole rows and columns
out of a level and repeats others around every window, which keeps its corners, doors and ways but
not the distances between them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from torch import Tensor, rot90

from aigc_assets.errors import DataError
from aigc_assets.metrics import tilemaps

SIDE = 32
MARGIN = 4
"""Tiles around a window that belong to it too: the generator's torus needs 40x40."""
WIDE = SIDE + 2 * MARGIN
SOURCES = ("maps/freedoom_grid", "maps/blasphemer_grid")
THEMES = ("dungeon", "cave", "techbase")
TRAIN, HELD, VALIDATION = range(3)
"""Parts of the split, by level. Settings are chosen by validation, held-out windows only judge."""
LESS, MORE, THIN = 0.5, 0.1, 2.0
"""Chances that a line is taken out or repeated, and how many thin things on it make that rare."""
REACH = 30
"""Tiles around a window that a variation of it may draw in."""
CLASSES = 5
WALL, FLOOR, OUTDOOR, LIQUID, DOOR = range(CLASSES)
WALKABLE = (FLOOR, OUTDOOR, DOOR)
ORGANIC = 0.42
"""Corners per unit of wall outline above which a window counts as a cave, whatever its source."""
PUDDLE = 3
"""Liquid of fewer cells becomes what surrounds it."""
LEAST_WHOLE, LEAST_OPEN = 0.75, 0.25
"""Windows are used if their largest walkable area has these shares of what is walkable, of all."""
PREPARATION = (
    "windows are made maps of their own, alike for training and evaluation: the outermost ring is "
    "wall, walkable areas that the cut separated from the largest one are filled; windows that "
    f"would lose more than {1 - LEAST_WHOLE:.0%} of what is walkable are left out"
)


class Outline(NamedTuple):
    """The ring of a map in an array: its first and last row and column; -1 and the side if none."""

    top: int
    bottom: int
    left: int
    right: int

    def inside(self, height: int, width: int) -> np.ndarray:
        """Which cells belong to the map, its ring too, [height, width] bool."""
        mask = np.zeros((height, width), dtype=bool)
        mask[max(self.top, 0) : self.bottom + 1, max(self.left, 0) : self.right + 1] = True
        return mask


WHOLE = Outline(0, SIDE - 1, 0, SIDE - 1)
"""Of a window without its margins."""


def pack_levels(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Levels at a half and a third of their resolution, with each window's place and theme.

    A cell of the sources is 32 map units, half a doorway; at a half or a third a doorway is
    one cell, as in a tile game. Windows are labelled by what can be measured: an outline of
    many corners is a cave; of the rest, Blasphemer's castles are dungeons and Freedoom's
    bases techbases. Levels of equal size (some ship twice) share one part of the split.

    Returns:
        ``cells`` (all levels flat, uint8), ``shapes`` [levels, 2] and ``windows``, rows of level,
        y, x, theme and `TRAIN`, `HELD` or `VALIDATION`; and their description.
    """
    levels: list[np.ndarray] = []
    rows: list[tuple[int, int, int, int, int]] = []
    notes, names = [], []
    groups: dict[tuple[int, ...], int] = {}
    for number, source in enumerate(SOURCES):
        path = sources / source / "levels.npz"
        try:
            card = json.loads((sources / source / "SOURCES.json").read_bytes())
            with np.load(path, allow_pickle=False) as archive:
                keys = sorted(key for key in archive.files if key.endswith("__tile"))
                tiles = [archive[key] for key in keys]
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read the levels: {error}", where=str(path)) from error
        notes.append({
            "folder": source,
            "licence": card["licence"],
            "attribution": card["attribution"],
            "used_for": "level layouts, 32x32 windows at 1/2 and 1/3 of the resolution",
        })  # fmt: skip
        for key, grid in zip(keys, tiles, strict=True):
            group = groups.setdefault(grid.shape, len(groups))
            part = HELD if group % 6 == 0 else VALIDATION if group % 12 == 7 else TRAIN
            for factor in (2, 3):
                small = _shrink(grid, factor)
                names.append(f"{source}/{key.removesuffix('__tile')}/{factor}")
                levels.append(small)
                for y in range(0, small.shape[0] - SIDE + 1, 3):
                    for x in range(0, small.shape[1] - SIDE + 1, 3):
                        window = small[y : y + SIDE, x : x + SIDE]
                        if not _interesting(window):
                            continue
                        detail = grid[y * factor : (y + SIDE) * factor,
                                      x * factor : (x + SIDE) * factor]  # fmt: skip
                        cave = _outline(detail)[0] >= ORGANIC
                        theme = 1 if cave else (2 if number == 0 else 0)
                        rows.append((len(levels) - 1, y, x, theme, part))
    arrays = {
        "cells": np.concatenate([level.reshape(-1) for level in levels]),
        "shapes": np.array([level.shape for level in levels], dtype=np.int32),
        "windows": np.array(rows, dtype=np.int32),
    }
    info = {
        "sources": notes,
        "themes": list(THEMES),
        "levels": names,
        "labels": "windows: level, y, x, theme, part (0 learnt from, 1 held out, 2 validation: "
        "settings are chosen by it); themes by measurement: outline "
        f"corners per unit >= {ORGANIC} cave, else blasphemer dungeon, freedoom techbase",
        "notes": PREPARATION,
    }
    return arrays, info


class Windows(NamedTuple):
    """Windows of levels by theme.

    Attributes:
        train: For each theme the windows with margins that are learnt from, [N, 40, 40] uint8, N
            may be 0. `draw` varies them.
        validation: Of other levels: by them settings are chosen.
        held: Of other levels again: the figures that are told are measured on them.
        levels: All levels with `REACH` tiles of wall around.
        places: For each theme where the windows of ``train`` are: level, y, x, [N, 3].
    """

    train: list[np.ndarray]
    validation: list[np.ndarray]
    held: list[np.ndarray]
    levels: list[np.ndarray]
    places: list[np.ndarray]

    @property
    def themes(self) -> list[int]:
        """Labels that there is something to learn for."""
        return [label for label, part in enumerate(self.train) if len(part)]

    def draw(self, label: int, random: np.random.Generator) -> np.ndarray:
        """A window of ``train``, varied by `vary`, [40, 40] uint8; not turned, not enclosed."""
        number = int(random.integers(len(self.places[label])))
        level, y, x = self.places[label][number].tolist()
        around = self.levels[level][y : y + SIDE + 2 * REACH, x : x + SIDE + 2 * REACH]
        for _ in range(8):
            grid = vary(around, random)
            top, left = ((length - WIDE) // 2 for length in grid.shape)
            window = grid[max(top, 0) : top + WIDE, max(left, 0) : left + WIDE]
            if window.shape == (WIDE, WIDE) and _is_map(window):
                return window
        return self.train[label][number]


def vary(grid: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Take some rows and columns out of a level and repeat others.

    What lies between two neighbouring lines is only ever moved as a whole, so nearly all small
    patterns of the result are patterns of the level, at other distances. Lines that hold much that
    is one tile thick (a wall, a way, a door) are seldom taken out, lines with doors seldom
    repeated.

    Args:
        grid: [H, W] uint8 classes.
        random: Two numbers are drawn a line.

    Returns:
        Of any size, on average about 0.6 of the height and width.
    """
    for _ in range(2):
        differs = grid[1:] != grid[:-1]
        thin = np.zeros(len(grid))
        thin[1:-1] = (differs[1:] & differs[:-1]).sum(1)
        doors = (grid == DOOR).sum(1)
        less = random.random(len(grid)) < LESS * np.exp(-thin / THIN)
        more = random.random(len(grid)) < MORE * np.exp(-doors / THIN)
        grid = grid.repeat(np.where(less, 0, np.where(more, 2, 1)), 0).T
    return np.ascontiguousarray(grid)


def read_windows(data: dict[str, np.ndarray], themes: int = len(THEMES)) -> Windows:
    """The windows that make good maps, by theme.

    Where none is held out or none is for validation, those that are learnt stand for them. Where no
    window is good (a single strange level of a user), all are taken.

    Raises:
        DataError: If there is no window at all.
    """
    if not len(data["windows"]):
        raise DataError(
            "the levels have no usable window",
            where="windows",
            remedy="give levels of at least 16x16 cells, a third of them open",
        )
    windows, labels, parts = cut_windows(data)
    good = np.array([_is_map(window) for window in windows], dtype=bool)
    if not (good & (parts == TRAIN)).any():
        good[:] = True
    chosen = [
        [good & (parts == part) & (labels == label) for label in range(themes)]
        for part in (TRAIN, VALIDATION, HELD)
    ]
    train, validation, held = ([windows[where] for where in part] for part in chosen)
    return Windows(
        train,
        [v if len(v) else own for v, own in zip(validation, train, strict=True)],
        [h if len(h) else own for h, own in zip(held, train, strict=True)],
        _levels_to_learn(data),
        [data["windows"][where, :3] for where in chosen[0]],
    )


def cut_windows(data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All windows with margins [N, 40, 40] uint8, themes [N], parts of the split [N]."""
    levels = _levels(data, MARGIN)
    rows = data["windows"]
    cut = [levels[n][y : y + WIDE, x : x + WIDE] for n, y, x in rows[:, :3].tolist()]
    return np.stack(cut), rows[:, 3], rows[:, 4]


def _levels(data: dict[str, np.ndarray], margin: int) -> list[np.ndarray]:
    shapes = data["shapes"]
    ends = np.cumsum(shapes.prod(1))
    return [
        np.pad(data["cells"][end - h * w : end].reshape(h, w), margin)
        for (h, w), end in zip(shapes.tolist(), ends.tolist(), strict=True)
    ]


def _levels_to_learn(data: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Levels with `REACH` tiles around; what only windows of other parts show becomes wall."""
    levels = _levels(data, REACH)
    rows = data["windows"]
    mixed = set(rows[rows[:, 4] == TRAIN, 0].tolist()) & set(rows[rows[:, 4] != TRAIN, 0].tolist())
    for number in mixed:  # one level of a user, cut in two
        shown, hidden = (np.zeros(levels[number].shape, dtype=bool) for _ in range(2))
        for _, y, x, _, part in rows[rows[:, 0] == number].tolist():
            at = slice(y + REACH, y + REACH + SIDE), slice(x + REACH, x + REACH + SIDE)
            (shown if part == TRAIN else hidden)[at] = True
        levels[number][hidden & ~shown] = WALL
    return levels


def enclose(window: np.ndarray, outline: Outline) -> np.ndarray:
    """The window as a map: walls on the ring and outside, one walkable area, no puddles.

    Args:
        window: [H, W] uint8 classes.
        outline: The ring. At a side without one the window is cut off at the edge of the array.
    """
    grid = window.copy()
    grid[: outline.top + 1] = WALL
    grid[outline.bottom :] = WALL
    grid[:, : outline.left + 1] = WALL
    grid[:, outline.right :] = WALL
    return fill(grid)


def fill(grid: np.ndarray) -> np.ndarray:
    """Puddles and every walkable area but the largest become what is solid around them."""
    result = grid.copy()
    for solid, wanted in ((LIQUID, False), (WALL, True)):
        chosen = np.isin(result, WALKABLE) if wanted else result == solid
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            chosen.astype(np.uint8), connectivity=4
        )
        sizes = stats[1:, cv2.CC_STAT_AREA]
        if not len(sizes):
            continue
        largest = int(sizes.argmax()) + 1
        for label in range(1, len(sizes) + 1):
            if label == largest if wanted else sizes[label - 1] >= PUDDLE:
                continue
            x, y, w, h = stats[label, :4]
            part = slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1)
            area = (labels[part] == label).astype(np.uint8)
            around = cv2.dilate(area, _CROSS).astype(bool) & (area == 0)
            near = np.bincount(result[part][around], minlength=CLASSES)
            allowed = (WALL, LIQUID) if wanted else (WALL, FLOOR, OUTDOOR)
            result[part][area > 0] = max(allowed, key=lambda k: near[k])
    return result


def connected(grid: np.ndarray, speck: int) -> np.ndarray:
    """The map with one walkable area: smaller ones are filled or, from ``speck`` cells on, joined.

    A join is the shortest corridor with one bend to the nearest cell of the largest area.
    """
    result = grid.copy()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.isin(grid, WALKABLE).astype(np.uint8), connectivity=4
    )
    sizes = stats[1:, cv2.CC_STAT_AREA]
    if not len(sizes):
        return result
    largest = int(sizes.argmax()) + 1
    home = np.argwhere(labels == largest)
    for label in np.flatnonzero(sizes >= speck) + 1:
        if label == largest:
            continue
        cells = np.argwhere(labels == label)
        far = np.abs(cells[:, None] - home[None]).sum(-1)
        one, other = np.unravel_index(int(far.argmin()), far.shape)
        (y, x), (v, u) = cells[one], home[other]
        for way in ((slice(min(y, v), max(y, v) + 1), x), (v, slice(min(x, u), max(x, u) + 1))):
            solid = ~np.isin(result[way], WALKABLE)
            result[way][solid] = FLOOR
    return fill(result)


_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def whole_maps(windows: np.ndarray) -> np.ndarray:
    """The inner 32x32 of windows with margins as closed maps, [N, 32, 32] uint8."""
    inner = windows[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.stack([enclose(window, WHOLE) for window in inner])


def random_outline(random: np.random.Generator, side: int = WIDE) -> Outline:
    """Closed at both ends of an axis, seven times in ten, mostly 32 long; else open at both."""
    lines: list[int] = []
    for _ in range(2):
        if random.random() >= 0.7:
            lines += [-1, side]
            continue
        length = SIDE if random.random() < 0.6 else int(random.integers(12, SIDE + 1))
        start = int(random.integers(side - length + 1))
        lines += [start, start + length - 1]
    return Outline(*lines)


def symmetry(grid: Tensor, index: int) -> Tensor:
    """One of the eight symmetries of the square, over the last two axes."""
    grid = rot90(grid, index % 4, (-2, -1))
    return grid.flip(-1) if index >= 4 else grid


def _is_map(window: np.ndarray) -> bool:
    """Whether the closed window keeps nearly all that is walkable, and has enough of it."""
    inner = window[MARGIN:-MARGIN, MARGIN:-MARGIN][1:-1, 1:-1]
    sizes = tilemaps.component_sizes(np.isin(inner, WALKABLE))
    if not len(sizes):
        return False
    largest = int(sizes.max())
    return largest >= LEAST_WHOLE * int(sizes.sum()) and largest >= LEAST_OPEN * SIDE * SIDE


def _shrink(grid: np.ndarray, factor: int) -> np.ndarray:
    """A level at 1/factor: majority of solid or open, then the commonest open class; doors win."""
    height, width = (n // factor for n in grid.shape)
    blocks = grid[: height * factor, : width * factor]
    blocks = blocks.reshape(height, factor, width, factor).transpose(0, 2, 1, 3)
    blocks = blocks.reshape(height, width, factor * factor)
    counts = np.stack([(blocks == k).sum(-1) for k in range(CLASSES)], -1)
    small = counts[..., 1:].argmax(-1) + 1
    small[counts[..., WALL] * 2 > factor * factor] = WALL
    small[counts[..., DOOR] > 0] = DOOR
    down, right = max(0, SIDE - height), max(0, SIDE - width)
    return np.pad(small.astype(np.uint8), ((0, down), (0, right)))


def _outline(grid: np.ndarray) -> tuple[float, int]:
    """Corners per unit of the outline between wall and open, and the length of the outline."""
    solid = (grid == WALL).astype(np.int64)
    inner = solid[:-1, :-1] + solid[1:, :-1] + solid[:-1, 1:] + solid[1:, 1:]
    crossing = (inner == 2) & (solid[:-1, :-1] == solid[1:, 1:])
    corners = int(((inner == 1) | (inner == 3)).sum() + 2 * crossing.sum())
    length = int(np.abs(np.diff(solid, axis=0)).sum() + np.abs(np.diff(solid, axis=1)).sum())
    return corners / max(length, 1), length


def _interesting(window: np.ndarray) -> bool:
    """Neither all rock nor one empty hall, and mostly connected."""
    open_share = float((window != WALL).mean())
    walkable = np.isin(window, WALKABLE)
    if not 0.3 <= open_share <= 0.75 or walkable.mean() < 0.25 or _outline(window)[1] < 140:
        return False
    sizes = tilemaps.component_sizes(walkable)
    return bool(sizes.max() >= 0.6 * sizes.sum())
