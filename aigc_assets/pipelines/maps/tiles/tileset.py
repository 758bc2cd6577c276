"""The picture of a theme: every ground tile drawn for each way its neighbours can lie.

Light comes from the upper left. A wall is seen from above and from the front: a bright rim of
stone around dark rock, and a face of ten rows where the cell below is open. Rims, banks and
fringes follow from distances on a canvas of 3x3 cells, so all 47 cases of a blob set fit each
other. All colours are colours of the pack.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles.scenery import DECOR, HANGINGS
from aigc_assets.pipelines.maps.tiles.sprites import (
    DOOR_FRONT,
    DOOR_SIDE,
    INKS,
    KEY,
    KEY_COLOURS,
    TECH_DOOR_FRONT,
    TECH_DOOR_SIDE,
    THINGS,
    rows,
)
from aigc_assets.pipelines.palettes import to_oklab
from aigc_assets.types import Tileset
from aigc_assets.types.validation import Scalar

N, E, S, W, NE, SE, SW, NW = (1 << i for i in range(8))
_CORNERS = ((NE, N | E), (SE, S | E), (SW, S | W), (NW, N | W))
FACE = 6
"""First row of a wall face."""
COLUMNS = 16
FLOORS, FIELDS = 6, 4
"""Variants of floor and of outdoor ground."""
SHADES = ("lit", "n", "w", "nw", "corner")
"""Where the shadow of a wall falls on a floor."""

LIQUIDS: dict[str, tuple[str, ...]] = {
    "dungeon": ("water",),
    "cave": ("water", "lava"),
    "techbase": ("slime",),
}

Pixels = NDArray[np.int16]
"""[16, 16] indices into the palette, -1 where nothing is drawn."""

_COLOURS: dict[str, dict[str, tuple[int, int, int]]] = {
    "dungeon": {
        "rock": (26, 24, 36), "rim": (112, 116, 136), "rim_light": (190, 196, 210),
        "rim_dark": (66, 68, 86), "face": (106, 110, 128), "face_light": (150, 154, 170),
        "face_dark": (58, 58, 74), "floor": (94, 76, 60), "floor_light": (126, 102, 76),
        "floor_dark": (62, 48, 40), "field": (52, 88, 54), "field_light": (92, 150, 74),
        "field_dark": (46, 76, 36), "bank": (62, 48, 40),
    },
    "cave": {
        "rock": (30, 24, 28), "rim": (122, 92, 64), "rim_light": (196, 150, 104),
        "rim_dark": (74, 54, 42), "face": (106, 78, 54), "face_light": (142, 106, 74),
        "face_dark": (58, 42, 36), "floor": (86, 88, 102), "floor_light": (124, 126, 142),
        "floor_dark": (56, 56, 70), "field": (56, 92, 52), "field_light": (96, 152, 74),
        "field_dark": (54, 82, 36), "bank": (62, 48, 40),
    },
    "techbase": {
        "rock": (22, 22, 34), "rim": (140, 146, 162), "rim_light": (224, 226, 232),
        "rim_dark": (80, 84, 102), "face": (150, 154, 170), "face_light": (208, 210, 218),
        "face_dark": (82, 86, 104), "floor": (58, 60, 76), "floor_light": (90, 94, 112),
        "floor_dark": (26, 26, 36), "field": (96, 74, 54), "field_light": (132, 104, 74),
        "field_dark": (64, 48, 38), "bank": (40, 40, 54),
    },
}  # fmt: skip
_LIQUID_COLOURS = {
    "water": {"deep": (38, 74, 138), "wave": (72, 122, 196), "foam": (150, 190, 232)},
    "lava": {"deep": (178, 60, 36), "wave": (232, 130, 50), "foam": (250, 220, 120)},
    "slime": {"deep": (52, 96, 50), "wave": (92, 160, 70), "foam": (160, 220, 110)},
}
_FIELD_NAMES = {"dungeon": "grass", "cave": "moss", "techbase": "dirt"}


def canonical(mask: int) -> int:
    """A neighbour mask without corners that touch nothing: one of 47 values."""
    for corner, sides in _CORNERS:
        if mask & sides != sides:
            mask &= ~corner
    return mask


BLOB: tuple[int, ...] = tuple(sorted({canonical(mask) for mask in range(256)}))
"""The 47 masks of a blob set."""


@functools.lru_cache(maxsize=32)
def build_tileset(palette: bytes, theme: str, liquid: str) -> tuple[Tileset, Mapping[str, int]]:
    """Draw the tileset of a theme in the colours of a pack.

    Args:
        palette: RGB bytes of the pack's colours.
        theme: One of `THEMES`.
        liquid: One of `LIQUIDS` of the theme.

    Returns:
        The tileset and the gid of each tile by its name.
    """
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    brush = _Brush(colours, theme, liquid)
    tiles: list[tuple[str, str, Pixels]] = []
    for mask in BLOB:
        tiles.append((f"wall_{mask}", "wall", brush.wall(mask, 0)))
        if not mask & S:
            tiles.append((f"wall_{mask}_b", "wall", brush.wall(mask, 1)))
        tiles.append((f"liquid_{mask}", liquid, brush.liquid(mask)))
        tiles.append((f"field_{mask}", _FIELD_NAMES[theme], brush.field(mask, 0)))
    tiles += [(f"wall_255_{c}", "wall", brush.wall(255, i)) for i, c in enumerate("cd", 2)]
    for shade in SHADES:
        for variant in range(FLOORS):
            picture = brush.shaded(brush.floor(variant), shade, "floor")
            tiles.append((f"floor_{variant}_{shade}", "floor", picture))
        for variant in range(FIELDS):
            picture = brush.shaded(brush.field(255, variant), shade, "field")
            tiles.append((f"field_{variant}_{shade}", _FIELD_NAMES[theme], picture))
    tiles.append(("liquid_255_b", liquid, brush.liquid(255, 1)))
    for name, upright in (("bridge_h", False), ("bridge_v", True)):
        tiles.append((name, "bridge", brush.bridge(upright)))
    tiles += [("start", "start", brush.start()), ("exit", "exit", brush.exit())]
    front, side = (TECH_DOOR_FRONT, TECH_DOOR_SIDE) if theme == "techbase" else (
        DOOR_FRONT, DOOR_SIDE)  # fmt: skip
    for colour in KEY_COLOURS:
        tiles.append((f"key_{colour}", f"{colour} key", brush.picture(KEY, colour)))
        tiles.append((f"door_front_{colour}", f"{colour} door", brush.picture(front, colour)))
        tiles.append((f"door_side_{colour}", f"{colour} door", brush.picture(side, colour)))
    for table in (THINGS, DECOR, HANGINGS):
        tiles += [(name, name, brush.picture(picture)) for name, picture in table.items()]

    count = -(-len(tiles) // COLUMNS) * COLUMNS
    image = np.zeros((count // COLUMNS * 16, COLUMNS * 16, 4), dtype=np.uint8)
    properties: list[Mapping[str, Scalar]] = []
    for i, (name, kind, picture) in enumerate(tiles):
        y, x = divmod(i, COLUMNS)
        drawn = picture >= 0
        cell = image[16 * y : 16 * y + 16, 16 * x : 16 * x + 16]
        cell[drawn] = np.concatenate(
            [colours[picture[drawn]], np.full((int(drawn.sum()), 1), 255, np.uint8)], 1
        )
        properties.append({
            "name": kind,
            "tile": name,
            "solid": kind in ("wall", liquid),
            "liquid": kind == liquid,
            "hazard": False,
            "door": name.startswith("door_"),
        })  # fmt: skip
    blank: Mapping[str, Scalar] = {
        "name": "empty",
        "tile": "empty",
        "solid": False,
        "liquid": False,
        "hazard": False,
        "door": False,
    }
    properties += [blank] * (count - len(tiles))
    tileset = Tileset(f"{theme}_{liquid}", image, (16, 16), tuple(properties))
    return tileset, {name: i + 1 for i, (name, _, _) in enumerate(tiles)}


class _Brush:
    """Draws tiles of one theme as palette indices."""

    def __init__(self, palette: NDArray[np.uint8], theme: str, liquid: str):
        self.theme = theme
        named = {**_COLOURS[theme], **_LIQUID_COLOURS[liquid], **INKS}
        for key, (body, light) in KEY_COLOURS.items():
            named[f"C{key}"], named[f"c{key}"] = body, light
        wanted = to_oklab(np.array(list(named.values()), dtype=np.uint8))
        # Hue and chroma count double: stone must not turn into a pale blue or a skin tone.
        apart = (wanted[:, None] - to_oklab(palette)[None]) * np.array([1.0, 2.2, 2.2])
        picks = (apart**2).sum(-1).argmin(1)
        self.ink: dict[str, int] = dict(zip(named, picks.tolist(), strict=True))
        random = generator(16)
        self.grain = random.random((8, 16, 16))
        """Noise in [0, 1) for eight purposes, the same for every tile, so that edges meet."""

    def picture(self, text: str, colour: str = "") -> Pixels:
        """A picture of `sprites`."""
        result = np.full((16, 16), -1, dtype=np.int16)
        for y, line in enumerate(rows(text)):
            for x, letter in enumerate(line):
                if letter != ".":
                    result[y, x] = self.ink[letter + colour if letter in "Cc" else letter]
        return result

    def wall(self, mask: int, variant: int) -> Pixels:
        """Rock with a rim towards everything open, and a face if the cell below is open."""
        ink, grain = self.ink, self.grain
        opened = _open_canvas(mask, faces=True)
        distance = _distance(opened)[16:32, 16:32]
        wide = 4.0 + (grain[0] * 2 - 1 if self.theme == "cave" else 0)
        tile = np.full((16, 16), ink["rock"], dtype=np.int16)
        tile[distance <= wide] = ink["rim"]
        tile[(distance > wide - 1) & (distance <= wide)] = ink["rim_dark"]
        near = opened[15:33, 15:33]
        lit = near[:-2, 1:-1] | near[1:-1, :-2] | near[2:, 1:-1]
        edge = distance <= 1
        tile[edge] = ink["rim_dark"]
        tile[edge & lit] = ink["rim_light"]
        chips = (grain[1] > 0.93) & (distance > 1) & (distance <= wide)
        tile[chips] = ink["rim_dark"]
        if mask == 255 and variant >= 2:  # a chip in the rock
            y, x = (4, 9) if variant == 2 else (10, 3)
            tile[y, x : x + 3] = tile[y + 1, x + 1] = ink["rim_dark"]
        if not mask & S:
            tile[FACE:] = self._face(variant)[FACE:]
            for side, column in ((W, 0), (E, 15)):
                if not mask & side:
                    tile[FACE:, column] = ink["face_dark"]
            tile[15] = ink["rock"]
        return tile

    def _face(self, variant: int) -> Pixels:
        draw: dict[str, Callable[[int], Pixels]] = {
            "dungeon": self._bricks,
            "cave": self._strata,
            "techbase": self._panels,
        }
        return draw[self.theme](variant)

    def _bricks(self, variant: int) -> Pixels:
        ink = self.ink
        tile = np.full((16, 16), ink["face"], dtype=np.int16)
        for row, top in enumerate((FACE, FACE + 3, FACE + 6)):
            tile[top] = ink["face_light"]
            tile[top + 2] = ink["face_dark"]
            shift = 4 if row % 2 else 0
            for x in range(shift, 16, 8):
                tile[top : top + 3, x] = ink["face_dark"]
        if variant == 1:
            tile[FACE + 3 : FACE + 5, 5:12] = ink["face_dark"]
            tile[FACE + 6 : FACE + 8, 1:8] = ink["face_light"]
        return tile

    def _strata(self, variant: int) -> Pixels:
        ink = self.ink
        column = np.convolve(np.r_[self.grain[2, variant], self.grain[2, variant]], np.ones(3) / 3)
        height = np.arange(16)[:, None] + np.round(column[1:17] * 5)[None]
        tile = np.full((16, 16), ink["face"], dtype=np.int16)
        tile[height % 5 == 0] = ink["face_dark"]
        tile[height % 5 == 1] = ink["face_light"]
        tile[self.grain[3 + variant] > 0.9] = ink["face_dark"]
        tile[FACE] = ink["face_light"]
        return tile

    def _panels(self, variant: int) -> Pixels:
        ink = self.ink
        tile = np.full((16, 16), ink["face"], dtype=np.int16)
        tile[FACE] = ink["face_light"]
        tile[FACE + 2] = ink["face_dark"]
        tile[FACE + 1] = ink["a"] if variant == 0 else ink["face"]
        tile[FACE + 3 : 15, 0] = ink["face_light"]
        tile[FACE + 3 : 15, 15] = ink["face_dark"]
        tile[14] = ink["face_dark"]
        for y, x in ((FACE + 4, 2), (FACE + 4, 13), (12, 2), (12, 13)):
            tile[y, x] = ink["face_dark"]
        if variant == 1:
            tile[FACE + 4 : 13 : 2, 4:12] = ink["face_dark"]
        return tile

    def floor(self, variant: int) -> Pixels:
        """One of the floor variants of the theme."""
        ink = self.ink
        tile = np.full((16, 16), ink["floor"], dtype=np.int16)
        grain = self.grain[4]
        speck = np.roll(grain, 5 * variant, (0, 1))
        if self.theme == "cave":
            tile[speck > 0.93] = ink["floor_dark"]
            tile[speck < 0.05] = ink["floor_light"]
            if variant in (2, 4):  # a pebble
                y, x = 3 + 3 * variant % 9, 4 + variant
                tile[y : y + 2, x : x + 3] = ink["floor_light"]
                tile[y + 2, x : x + 3] = ink["floor_dark"]
            if variant == 5:  # a dip in the ground
                tile[9, 4:12] = tile[10, 6:13] = ink["floor_dark"]
            return tile
        if self.theme == "dungeon":
            self._flagstones(tile, variant)
        else:
            self._plates(tile, variant)
        return tile

    def _flagstones(self, tile: Pixels, variant: int) -> None:
        """Slabs with a dark joint below and on the right and a worn light edge above."""
        ink = self.ink
        slabs = (
            ((0, 0, 16, 16),),
            ((0, 0, 16, 8), (0, 8, 16, 8)),
            ((0, 0, 8, 16), (8, 0, 8, 9), (8, 9, 8, 7)),
            ((0, 0, 9, 16), (9, 0, 7, 6), (9, 6, 7, 10)),
            ((0, 0, 16, 16),),
            ((0, 0, 8, 7), (0, 7, 8, 9), (8, 0, 8, 16)),
        )[variant]
        for top, left, high, wide in slabs:
            tile[top + high - 1, left : left + wide] = ink["floor_dark"]
            tile[top : top + high, left + wide - 1] = ink["floor_dark"]
            tile[top, left + 1 : left + wide - 2 : 2] = ink["floor_light"]
        tile[(self.grain[4] > 0.985) & (tile == ink["floor"])] = ink["floor_light"]
        if variant == 4:  # cracked
            for y, x in ((3, 10), (4, 9), (5, 9), (6, 8), (7, 7), (8, 7), (9, 5), (9, 6), (10, 4)):
                tile[y, x] = ink["floor_dark"]

    def _plates(self, tile: Pixels, variant: int) -> None:
        """Metal plates with rivets; some are gratings, some carry a seam."""
        ink = self.ink
        tile[15], tile[:, 15] = ink["floor_dark"], ink["floor_dark"]
        tile[0, :15] = tile[:15, 0] = ink["floor_light"] if variant == 1 else ink["floor"]
        for y, x in ((2, 2), (2, 12), (12, 2), (12, 12)):
            tile[y, x] = ink["floor_light"]
        if variant in (2, 4):
            tile[4:12:2, 4:11] = ink["floor_dark"]
        elif variant == 3:
            tile[7, :15] = ink["floor_dark"]
        elif variant == 5:
            tile[5:10, 5:10] = ink["floor_dark"]
            tile[6:9, 6:9] = ink["floor_light"]

    def field(self, mask: int, variant: int) -> Pixels:
        """Outdoor ground with a ragged edge towards floor."""
        ink = self.ink
        tile = np.full((16, 16), ink["field"], dtype=np.int16)
        grain = np.roll(self.grain[5], 3 * variant, (0, 1))
        blades = grain > 0.955
        tile[blades] = ink["field_light"]
        tile[np.roll(blades, 1, 0)] = ink["field_light"]
        tile[np.roll(blades, (1, 1), (0, 1))] = ink["field_dark"]
        if mask != 255:
            distance = _distance(_open_canvas(mask, faces=False))[16:32, 16:32]
            ragged = distance + self.grain[6] * 2.2
            tile[ragged < 4.2] = ink["field_dark"]
            tile[ragged < 3.0] = ink["floor"]
        return tile

    def shaded(self, tile: Pixels, shade: str, kind: str) -> Pixels:
        """The tile with the shadow of walls above or on the left."""
        ink = self.ink
        darker = {
            ink[f"{kind}_light"]: ink[kind],
            ink[kind]: ink[f"{kind}_dark"],
            ink[f"{kind}_dark"]: ink["rock"],
        }
        where = np.zeros((16, 16), dtype=bool)
        if shade in ("n", "nw"):
            where[:3] = True
            where[3, ::2] = True
        if shade in ("w", "nw"):
            where[:, :2] = True
            where[::2, 2] = True
        if shade == "corner":
            where[:3, :2] = True
        result = tile.copy()
        for old, new in darker.items():
            result[where & (tile == old)] = new
        return result

    def liquid(self, mask: int, variant: int = 0) -> Pixels:
        """Liquid with a bank above, foam and a dark edge along every shore."""
        ink, grain = self.ink, self.grain
        opened = _open_canvas(mask, faces=False)
        if not mask & N:
            opened[16:20, 16:32] = True
        for corner, side, columns in ((NW, W, slice(0, 16)), (NE, E, slice(32, 48))):
            if mask & side and not mask & corner:
                opened[16:20, columns] = True
        inner = opened[16:32, 16:32]
        distance = _distance(opened)[16:32, 16:32]
        tile = np.full((16, 16), ink["deep"], dtype=np.int16)
        y, x = np.mgrid[:16, :16]
        shift = np.where(y % 8 < 4, 0, 6) + 4 * variant
        tile[((x + shift) % 12 < 4) & (y % 4 == 1)] = ink["wave"]
        if variant:
            tile[(grain[7] > 0.97)] = ink["foam"]
        tile[distance <= 2.5] = ink["wave"]
        tile[distance <= 1.5] = ink["foam"]
        tile[inner] = ink["bank"]
        if not mask & N:
            tile[0] = ink["floor_dark"]
            tile[1:4][grain[6][1:4] > 0.7] = ink["floor_dark"]
        return tile

    def bridge(self, upright: bool) -> Pixels:
        """Planks over liquid, with rails along the way."""
        ink = self.ink
        tile = np.full((16, 16), ink["t"], dtype=np.int16)
        tile[3::4] = ink["T"]
        tile[0::4] = ink["p"]
        tile[1:3, 5] = tile[5:7, 11] = tile[9:11, 4] = tile[13:15, 10] = ink["T"]
        tile[:, :2], tile[:, 14:] = ink["T"], ink["T"]
        tile[:, 0], tile[:, 15] = ink["k"], ink["k"]
        return tile if upright else np.ascontiguousarray(tile.T)

    def start(self) -> Pixels:
        """Stairs that lead up, or a teleporter."""
        ink = self.ink
        if self.theme == "techbase":
            return self._pad("a", "w")
        tile = np.full((16, 16), ink["k"], dtype=np.int16)
        tones = ("rim_light", "rim_light", "rim", "rim", "rim_dark")
        for i, tone in enumerate(tones):
            y = 13 - 3 * i
            tile[y - 1 : y + 2, 2:14] = ink[tone]
            tile[y + 1, 2:14] = ink["rim_dark"] if i < 4 else ink["k"]
        tile[:, 1] = tile[:, 14] = ink["rim_dark"]
        return tile

    def exit(self) -> Pixels:
        """Stairs that lead down into the dark, or a gate of light."""
        ink = self.ink
        if self.theme == "techbase":
            return self._pad("y", "Y")
        tile = np.full((16, 16), ink["k"], dtype=np.int16)
        for i, tone in enumerate(("rim_light", "rim", "rim_dark", "rim_dark")):
            y = 12 - 3 * i
            tile[y : y + 2, 2 + i : 14 - i] = ink[tone]
        tile[:, [0, 15]] = ink["rim_light"]
        tile[:, [1, 14]] = ink["rim_dark"]
        tile[0] = ink["rim_light"]
        tile[15] = ink["rim"]
        return tile

    def _pad(self, ring: str, core: str) -> Pixels:
        ink = self.ink
        y, x = np.mgrid[:16, :16] - 7.5
        radius = np.hypot(x, y)
        tile = np.full((16, 16), -1, dtype=np.int16)
        for limit, name in ((7.9, "k"), (7.0, "g"), (5.6, "k"), (4.9, ring), (2.6, core)):
            tile[radius <= limit] = ink[name]
        return tile


def _open_canvas(mask: int, *, faces: bool) -> NDArray[np.bool_]:
    """48x48 pixels around a cell: True where neighbours are of another kind, or show a face."""
    canvas = np.zeros((48, 48), dtype=bool)
    for bit, row, column in ((N, 0, 1), (E, 1, 2), (S, 2, 1), (W, 1, 0),
                             (NE, 0, 2), (SE, 2, 2), (SW, 2, 0), (NW, 0, 0)):  # fmt: skip
        if not mask & bit:
            canvas[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = True
    for corner, sides in _CORNERS:  # corners that touch nothing are unknown: take them as closed
        if mask & sides != sides:
            row, column = (0 if corner in (NE, NW) else 2), (0 if corner in (SW, NW) else 2)
            vertical, horizontal = (N if row == 0 else S), (W if column == 0 else E)
            closed = bool(mask & vertical) or bool(mask & horizontal)
            if closed:
                canvas[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = False
    if faces:
        for below, column in ((SW, 0), (S, 1), (SE, 2)):
            here = {0: W, 1: 0, 2: E}[column]
            wall = here == 0 or bool(mask & here)
            if wall and not mask & below and (here == 0 or mask & S):
                canvas[16 + FACE : 32, 16 * column : 16 * column + 16] = True
    return canvas


def _distance(opened: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Steps from each pixel to the nearest open one, diagonal steps count 1.4; 9 when farther."""
    distance = np.where(opened, 0.0, 9.0)
    for _ in range(6):
        padded = np.pad(distance, 1, constant_values=9.0)
        for dy in (0, 1, 2):
            for dx in (0, 1, 2):
                step = 1.4 if dy != 1 and dx != 1 else 1.0
                shifted = padded[dy : dy + 48, dx : dx + 48] + step
                distance = np.minimum(distance, shifted)
    return distance
