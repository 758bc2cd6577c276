"""From pictures in the colours of a pack to a tileset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.tiles.blob import BLOB, TILE, wang_id
from aigc_assets.pipelines.maps.tiles.sprites import INKS, KEY_COLOURS, rows
from aigc_assets.pipelines.palettes import to_oklab
from aigc_assets.types import TileAnimation, Tileset, WangColour, WangSet
from aigc_assets.types.tilemap import TILE_PROPERTIES
from aigc_assets.types.validation import Scalar

Pixels = NDArray[np.int16]
"""Indices into the palette, [..., 16, 16], -1 where nothing is drawn."""
RGB = tuple[int, int, int]

COLUMNS = 16
_APART = 0.06
"""Least difference of lightness (OKLab, 0..1) between tones that do not melt together."""
_MELTING, _DESCENT = 0.05, 0.4
"""Price of two tones of a ramp that melt together, or whose order turns round."""


class Inks:
    """Which colour of the pack stands for each named one.

    Args:
        palette: [N, 3] uint8.
        named: Wished colours.
        ramps: Names of ``named`` from dark to light that should stay apart; earlier ramps first.
        unlike: Names of ramps -> names of earlier ramps whose colours they must not take.
    """

    def __init__(
        self,
        palette: NDArray[np.uint8],
        named: Mapping[str, RGB],
        ramps: Iterable[Sequence[str]] = (),
        unlike: Mapping[str, Sequence[str]] | None = None,
    ):
        everything = {**INKS, **named}
        for key, (body, light) in KEY_COLOURS.items():
            everything[f"C{key}"], everything[f"c{key}"] = body, light
        ours = to_oklab(palette)
        wanted = to_oklab(np.array(list(everything.values()), dtype=np.uint8))
        # Hue and chroma count more: stone must not turn into a pale blue or a skin tone.
        apart = (wanted[:, None] - ours[None]) * np.array([1.0, 2.8, 2.8])
        cost = (apart**2).sum(-1)
        place = {name: i for i, name in enumerate(everything)}
        for ramp in ramps:
            chosen = [place[name] for name in ramp]
            for name in ramp:
                for other in (unlike or {}).get(name, ()):
                    rest = cost[place[name]].copy()
                    rest[cost[place[other]].argmin()] = np.inf
                    if np.isfinite(rest).any():
                        cost[place[name]] = rest
            for row, pick in zip(chosen, _climb(cost[chosen], ours[:, 0]), strict=True):
                cost[row, np.arange(len(ours)) != pick] = np.inf  # later ramps keep to it
        picks = cost.argmin(1)
        self._index: dict[str, int] = dict(zip(everything, picks.tolist(), strict=True))

    def __getitem__(self, name: str) -> int:
        return self._index[name]

    def picture(self, text: str, colour: str = "") -> Pixels:
        """A picture that is written as text, see `sprites`; ``colour`` is that of a key."""
        result = np.full((TILE, TILE), -1, dtype=np.int16)
        for y, line in enumerate(rows(text)):
            for x, letter in enumerate(line):
                if letter != ".":
                    result[y, x] = self._index[letter + colour if letter in "Cc" else letter]
        return result

    def paint(self, names: Sequence[str], layers: NDArray[np.integer]) -> Pixels:
        """Numbers of names to colours; -1 stays nothing."""
        table = np.array([*(self._index[name] for name in names), -1], dtype=np.int16)
        painted: Pixels = table[layers]
        return painted


def _climb(cost: NDArray[np.float64], light: NDArray[np.float64]) -> list[int]:
    """The cheapest colours for the tones of a ramp.

    Tones that melt together or go down have their price too, but a wrong hue may cost more: a small
    palette draws stone in one grey rather than in grey and blue.

    Args:
        cost: [tones, colours].
        light: [colours].
    """
    step = light[:, None] - light[None, :]  # from the tone before (second axis) to this one
    price = np.where(step < -0.001, _DESCENT, np.where(step < _APART, _MELTING, 0.0))
    total = cost[0]
    back = []
    for row in cost[1:]:
        before = total[None, :] + price
        back.append(before.argmin(1))
        total = row + before.min(1)
    picks = [int(total.argmin())]
    for pointers in reversed(back):
        picks.append(int(pointers[picks[-1]]))
    return picks[::-1]


class Sheet:
    """Collects the tiles of a tileset.

    Args:
        flags: Booleans that every tile carries beside `TILE_PROPERTIES`.
    """

    def __init__(self, flags: Sequence[str] = ()):
        self._flags = (*TILE_PROPERTIES, *flags)
        self._pictures: list[Pixels] = []
        self._properties: list[Mapping[str, Scalar]] = []
        self._animations: list[TileAnimation] = []
        self._wang: dict[str, tuple[str, tuple[WangColour, ...], dict[int, tuple[int, ...]]]] = {}
        self.names: dict[str, int] = {}

    def add(
        self,
        name: str,
        picture: Pixels,
        kind: str = "",
        *,
        milliseconds: int = 200,
        nav_cost: int = 1,
        flags: Mapping[str, Scalar] | None = None,
    ) -> int:
        """Add a tile, or an animated one.

        Args:
            name: Unique.
            picture: [16, 16] or the frames of an animation, [frames, 16, 16].
            kind: What it is, for people; the name if empty.
            milliseconds: Duration of a frame.
            nav_cost: Of walking over it, >= 1.
            flags: Booleans that are true, and whatever else the tile should carry.

        Returns:
            Index of the (first) tile.
        """
        first = len(self._pictures)
        base = dict.fromkeys(self._flags, False)
        common = {**base, "nav_cost": nav_cost, **(flags or {})}
        frames = picture[None] if picture.ndim == 2 else picture
        for i, frame in enumerate(frames):
            shown = name if i == 0 else f"{name}.{i}"
            self._pictures.append(frame)
            self._properties.append({"name": kind or name, "tile": shown, **common})
        if len(frames) > 1:
            steps = tuple((first + i, milliseconds) for i in range(len(frames)))
            self._animations.append(TileAnimation(first, steps))
        if name in self.names:
            raise ValueError(f"two tiles {name!r}")
        self.names[name] = first + 1
        return first

    def add_blob(
        self,
        name: str,
        pictures: Pixels,
        kind: str,
        rgb: RGB,
        *,
        milliseconds: int = 200,
        nav_cost: int = 1,
        flags: Mapping[str, Scalar] | None = None,
    ) -> None:
        """Add the 47 tiles ``name_<mask>`` and their wang set, [47 or frames, 47, 16, 16]."""
        ids = {}
        for i, mask in enumerate(BLOB):
            tile = self.add(
                f"{name}_{mask}",
                pictures[..., i, :, :],
                kind,
                milliseconds=milliseconds,
                nav_cost=nav_cost,
                flags=flags,
            )
            ids[tile] = wang_id(mask)
        self.add_wang(name, "mixed", rgb, ids)

    def add_corners(
        self, name: str, pictures: Pixels, kind: str, rgb: RGB, *, nav_cost: int = 1,
        flags: Mapping[str, Scalar] | None = None,
    ) -> None:  # fmt: skip
        """Add the 15 tiles ``name_<corners>`` of a corner set and its wang set, [16, 16, 16].

        The bits of the corners are those of `corner_fields`; without any there is nothing to draw.
        """
        ids = {}
        for mask in range(1, 16):
            tile = self.add(f"{name}_{mask}", pictures[mask], kind, nav_cost=nav_cost, flags=flags)
            top_left, top_right, bottom_right, bottom_left = ((mask >> i) & 1 for i in range(4))
            ids[tile] = (0, top_right, 0, bottom_right, 0, bottom_left, 0, top_left)
        self.add_wang(name, "corner", rgb, ids)

    def add_edges(
        self, name: str, pictures: Pixels, kind: str, rgb: RGB, *, nav_cost: int = 1,
        flags: Mapping[str, Scalar] | None = None,
    ) -> None:  # fmt: skip
        """Add the 16 tiles ``name_<sides>`` of an edge set and its wang set, [.., 16, 16, 16].

        The bits of the sides are those of `way_distances`.
        """
        ids = {}
        for mask in range(16):
            picture = pictures[..., mask, :, :]
            tile = self.add(f"{name}_{mask}", picture, kind, nav_cost=nav_cost, flags=flags)
            north, east, south, west = ((mask >> i) & 1 for i in range(4))
            if mask:
                ids[tile] = (north, 0, east, 0, south, 0, west, 0)
        self.add_wang(name, "edge", rgb, ids)

    def add_wang(self, name: str, kind: str, rgb: RGB, ids: Mapping[int, tuple[int, ...]]) -> None:
        """Say that tiles fit each other: index -> the eight colours, 0 or 1, in Tiled's order."""
        full = max(ids, key=lambda tile: (sum(ids[tile]), -tile))
        self._wang[name] = (kind, (WangColour(name, rgb, full),), dict(ids))

    def finish(self, name: str, palette: NDArray[np.uint8]) -> tuple[Tileset, Mapping[str, int]]:
        """Put the tiles together.

        Args:
            name: Id of the tileset.
            palette: [N, 3] uint8, what the pictures index.

        Returns:
            The tileset, and the gid of each tile by its name when the set is the first of a map.
        """
        used = len(self._pictures)
        count = -(-used // COLUMNS) * COLUMNS
        stack = np.full((count, TILE, TILE), -1, dtype=np.int16)
        stack[:used] = np.stack(self._pictures)
        colours = np.zeros((len(palette) + 1, 4), dtype=np.uint8)  # the last: nothing is drawn
        colours[:-1, :3], colours[:-1, 3] = palette, 255
        grid = stack.reshape(count // COLUMNS, COLUMNS, TILE, TILE).transpose(0, 2, 1, 3)
        image = colours[grid.reshape(count // COLUMNS * TILE, COLUMNS * TILE)]
        blank: Mapping[str, Scalar] = {
            "name": "empty", "tile": "empty", **dict.fromkeys(self._flags, False), "nav_cost": 1,
        }  # fmt: skip
        wang_sets = []
        for label, (kind, wang_colours, ids) in self._wang.items():
            table = np.zeros((count, 8), dtype=np.uint8)
            for tile, eight in ids.items():
                table[tile] = eight
            wang_sets.append(WangSet(label, kind, wang_colours, table))
        tileset = Tileset(
            name,
            image,
            (TILE, TILE),
            (*self._properties, *[blank] * (count - used)),
            tuple(self._animations),
            tuple(wang_sets),
        )
        return tileset, dict(self.names)


def smooth_noise(grain: NDArray[np.float64], times: int = 1) -> NDArray[np.float64]:
    """Noise [..., 16, 16] that is softer and still repeats without a seam, stretched to 0..1."""
    for _ in range(times):
        grain = (
            2 * grain
            + np.roll(grain, 1, -1) + np.roll(grain, -1, -1)
            + np.roll(grain, 1, -2) + np.roll(grain, -1, -2)
        ) / 6  # fmt: skip
    low = grain.min((-2, -1), keepdims=True)
    high = grain.max((-2, -1), keepdims=True)
    stretched: NDArray[np.float64] = (grain - low) / (high - low)
    return stretched
