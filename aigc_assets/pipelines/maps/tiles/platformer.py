"""The tileset of side-view levels, and which tile lies where on them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.tiles import side_ground, side_pictures
from aigc_assets.pipelines.maps.tiles.blob import BLOB_INDEX, NE, NW, N, neighbour_masks
from aigc_assets.pipelines.maps.tiles.dressing import Gids, blob_gids, cells, pick
from aigc_assets.pipelines.maps.tiles.indoor import glow
from aigc_assets.pipelines.maps.tiles.sheet import RGB, Inks, Sheet
from aigc_assets.pipelines.maps.tiles.sprites import DOOR_FRONT, KEY, KEY_COLOURS
from aigc_assets.types import Tileset
from aigc_assets.types.validation import Scalar

AIR, SOLID, ONE_WAY, HAZARD, LADDER = range(5)
"""Codes of a cell."""
FLAGS = ("one_way", "ladder")
"""Booleans that every tile of a level carries beside those of every map."""

_COLOURS: dict[str, dict[str, RGB]] = {
    "meadow": {
        "turf": (98, 168, 76), "turf_light": (170, 214, 120), "turf_dark": (56, 100, 50),
        "earth": (134, 92, 60), "earth_light": (180, 132, 96), "earth_dark": (94, 62, 42),
        "edge": (52, 34, 30), "sky_high": (92, 156, 226), "sky_low": (128, 184, 232),
        "hill": (88, 150, 150), "hill_light": (116, 184, 176), "cloud": (242, 240, 232),
        "cloud_dark": (190, 206, 222), "cave": (62, 44, 42), "cave_light": (84, 58, 48),
        "cave_dark": (40, 28, 34), "deep": (44, 92, 160), "wave": (88, 150, 224),
        "foam": (226, 240, 246), "leaf_light": (140, 200, 100),
    },
    "cavern": {
        "turf": (134, 138, 156), "turf_light": (200, 204, 214), "turf_dark": (86, 88, 106),
        "earth": (86, 80, 110), "earth_light": (118, 112, 142), "earth_dark": (58, 52, 82),
        "edge": (26, 22, 40), "sky_high": (22, 20, 32), "sky_low": (22, 20, 32),
        "hill": (40, 40, 50), "hill_light": (56, 58, 70), "cloud": (40, 40, 50),
        "cloud_dark": (40, 40, 50), "cave": (22, 20, 32), "cave_light": (40, 40, 50),
        "cave_dark": (16, 14, 24), "deep": (196, 64, 38), "wave": (236, 140, 56),
        "foam": (250, 226, 140), "leaf_light": (140, 200, 100),
    },
    "sky": {
        "turf": (214, 166, 70), "turf_light": (246, 226, 150), "turf_dark": (160, 112, 50),
        "earth": (172, 166, 178), "earth_light": (222, 218, 222), "earth_dark": (124, 116, 140),
        "edge": (70, 60, 88), "sky_high": (138, 92, 168), "sky_low": (226, 150, 168),
        "hill": (178, 112, 160), "hill_light": (206, 140, 170), "cloud": (250, 236, 226),
        "cloud_dark": (236, 184, 184), "cave": (92, 72, 118), "cave_light": (112, 92, 138),
        "cave_dark": (70, 52, 96), "deep": (44, 92, 160), "wave": (88, 150, 224),
        "foam": (226, 240, 246), "leaf_light": (240, 190, 200),
    },
}  # fmt: skip
LOOKS = tuple(_COLOURS)
"""How a level may look; below ground in ``cavern`` flows lava, elsewhere water."""
_RAMPS = (
    ("edge", "earth_dark", "earth", "earth_light"),
    ("edge", "turf_dark", "turf", "turf_light"),
    ("cave_dark", "cave", "cave_light"),
    ("deep", "wave", "foam"),
)
_UNLIKE = {"cave": ("earth", "earth_dark"), "sky_high": ("earth", "turf"), "deep": ("sky_low",)}
_FRAMES = 4

_STANDING = {
    "meadow": ("tuft", "tuft", "flower", "bush", "stones"),
    "cavern": ("stones", "mushrooms", "shards"),
    "sky": ("tuft", "flower", "stones"),
}
_BELOW = {
    "meadow": ("stones", "mushrooms", "bones"),
    "cavern": ("stones", "mushrooms", "bones", "shards"),
    "sky": ("stones",),
}
_ROOF = {"meadow": ("vine",), "cavern": ("crystal", "vine"), "sky": ("vine",)}


@functools.lru_cache(maxsize=16)
def build_tileset(palette: bytes, look: str = LOOKS[0]) -> tuple[Tileset, Mapping[str, int]]:
    """Draw the tileset in the colours of a pack.

    Args:
        palette: RGB bytes of the pack's colours.
        look: One of `LOOKS`.

    Returns:
        The tileset and the gid of each tile by its name.
    """
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    named = _COLOURS[look]
    inks = Inks(colours, named, _RAMPS, _UNLIKE)
    sheet = Sheet(FLAGS)
    ground = side_ground.ground_blob(inks, blocks=look == "sky")
    sheet.add_blob("ground", ground, "ground", named["earth"], flags={"solid": True})
    for name, picture in side_ground.planks(inks).items():
        sheet.add(name, picture, "platform", flags={"one_way": True})
    for name, top in (("ladder", False), ("ladder_top", True)):
        sheet.add(name, side_ground.ladder(inks, top), "ladder", flags={"ladder": True})
    sheet.add("spikes", side_ground.spikes(inks), flags={"hazard": True})
    kind = "lava" if look == "cavern" else "water"
    wet: dict[str, Scalar] = {"liquid": True, "hazard": True}
    if kind == "lava":
        wet |= {"light": 3.0, "light_colour": "#f08030"}
    for name, picture in zip(
        ("liquid_top", "liquid"), side_ground.liquid(inks, _FRAMES), strict=True
    ):
        sheet.add(name, picture, kind, milliseconds=180, nav_cost=3, flags=wet)
    for band in range(3):
        sheet.add(f"sky_{band}", side_ground.sky(inks, band), "sky")
    for name, pictures, rgb in (
        ("rocks", side_ground.rocks(inks), named["hill"]),
        ("cloud", side_ground.clouds(inks), named["cloud"]),
        ("cave", side_ground.cave_wall(inks), named["cave"]),
    ):
        sheet.add_corners(name, pictures, name, rgb)
    for name, picture in side_ground.hills(inks).items():
        sheet.add(name, picture, "hill")
    for name, picture in side_ground.tree(inks).items():
        sheet.add(name, picture, "tree")
    sheet.add("exit", side_ground.portal(inks), flags={"light": 3.0, "light_colour": "#a0f0f0"})
    for colour in KEY_COLOURS:
        sheet.add(f"key_{colour}", inks.picture(KEY, colour), f"{colour} key")
        picture = inks.picture(DOOR_FRONT, colour)
        sheet.add(f"door_{colour}", picture, f"{colour} door", flags={"door": True})
    for table in (
        side_pictures.THINGS, side_pictures.GROWTH, side_pictures.HANGING, side_pictures.ON_WALLS
    ):  # fmt: skip
        for name, text in table.items():
            sheet.add(name, inks.picture(text), flags=glow(name))
    return sheet.finish(f"platformer_{look}", colours)


def dress_platformer(
    codes: NDArray[np.uint8],
    look: str,
    gids: Mapping[str, int],
    start: int,
    exit: int,
    doors: Mapping[int, str],
    markers: Mapping[int, str],
    random: np.random.Generator,
    underground: NDArray[np.bool_] | None = None,
    wet: NDArray[np.bool_] | None = None,
) -> dict[str, Gids]:
    """Choose tiles.

    Args:
        codes: Codes of the cells, [H, W].
        look: One of `LOOKS`.
        gids: Of the tiles of the look by name.
        start: Cell (y * width + x) where the level begins.
        exit: Where it ends.
        doors: Cell -> colour.
        markers: Cell -> name of a tile.
        random: Chooses decoration and the distance.
        underground: Cells with rock behind them, [H, W]; found by what is around them if None.
        wet: Hazards that are liquid, [H, W]; those of `pools` if None.

    Returns:
        Layers from back to front, [H, W] uint32: ``background`` (a tile in every cell), ``far``
        (hills and clouds), ``back`` (rock behind tunnels), ``ground``, ``decor`` and ``markers``.
    """
    solid = codes == SOLID
    if underground is None:
        underground = _enclosed(solid)
    dice = random.random((2, *codes.shape))
    background, far = _distance(codes.shape, look, gids, random)
    back = np.zeros_like(far)
    if look == "cavern":
        underground = np.ones_like(solid)
    else:
        back = _corner_tiles(_vertices(underground | solid) & ~_vertices(solid), "cave", gids)
    pool = pools(codes) if wet is None else wet
    around = neighbour_masks(solid)
    around |= neighbour_masks(pool, outside=False) & np.uint8(N | NE | NW)  # no turf under water
    ground = np.where(solid, blob_gids(gids, "ground")[BLOB_INDEX[around]], 0).astype(np.uint32)
    ground = _place_platforms(ground, codes, gids)
    ground[codes == HAZARD] = gids["spikes"]
    ground[pool] = gids["liquid_top"]
    ground[pool & _shift(pool, -1, 0, False)] = gids["liquid"]
    busy = cells(codes.shape, (start, exit, *doors, *markers))
    decor = _decorate(codes, underground, look, gids, busy, dice)
    marks = np.zeros_like(ground)
    for cell, colour in doors.items():
        marks.flat[cell] = gids[f"door_{colour}"]
    for cell, name in ((start, "start"), (exit, "exit"), *markers.items()):
        marks.flat[cell] = gids[name]
    return {
        "background": background, "far": far, "back": back, "ground": ground, "decor": decor,
        "markers": marks,
    }  # fmt: skip


def _shift(flags: NDArray[np.bool_], dy: int, dx: int, fill: bool) -> NDArray[np.bool_]:
    """For each cell the flag of the cell ``dy`` below and ``dx`` to the right."""
    padded = np.pad(flags, ((abs(dy),) * 2, (abs(dx),) * 2), constant_values=fill)
    y, x = abs(dy) + dy, abs(dx) + dx
    return padded[y : y + flags.shape[0], x : x + flags.shape[1]]


def _enclosed(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells with a roof of ground above and much ground around."""
    height, width = solid.shape
    reach = 4
    padded = np.pad(solid.astype(np.int32), reach + 1, mode="edge")
    total = padded.cumsum(0).cumsum(1)
    side = 2 * reach + 1
    share = (
        total[side : side + height, side : side + width]
        - total[:height, side : side + width]
        - total[side : side + height, :width]
        + total[:height, :width]
    ) / side**2
    roofed = np.zeros_like(solid)
    thick = solid & _shift(solid, 1, 0, False)
    above = np.maximum.accumulate(thick, axis=0)
    roofed[1:] = above[:-1]
    enclosed: NDArray[np.bool_] = roofed & (share > 0.42) | solid & (share > 0.5)
    return enclosed


def _distance(
    shape: tuple[int, ...], look: str, gids: Mapping[str, int], random: np.random.Generator
) -> tuple[Gids, Gids]:
    """The sky with clouds and hills; below ground rocks that rise and hang."""
    height, width = shape
    turn = max(1, round(height * 0.45))
    bands = np.repeat([0, 1, 2], [turn, 1, max(0, height - turn - 1)])[:height]
    skies = np.array([gids[f"sky_{band}"] for band in range(3)], dtype=np.uint32)
    background = np.repeat(skies[bands][:, None], width, 1)
    rows = np.arange(height + 1)[:, None]
    columns = np.arange(width + 1)
    phase = random.random(4) * 2 * np.pi
    if look == "cavern":
        low = 0.1 * np.sin(columns / 5.1 + phase[0]) + 0.06 * np.sin(columns / 2.3 + phase[1])
        roof = 0.1 * np.sin(columns / 3.7 + phase[2]) + 0.08 * np.sin(columns / 1.9 + phase[3])
        rocks = (rows > height * (0.7 + low)[None]) | (rows < height * (0.22 + roof)[None])
        return background, _corner_tiles(rocks, "rocks", gids)
    # Waves as long as the level is high: no slope is steeper than the tiles of the ridge.
    long, short = max(1.0, 0.4 * height), max(1.0, 0.17 * height)
    ridge = (
        0.6 + 0.08 * np.sin(columns / long + phase[0]) + 0.04 * np.sin(columns / short + phase[1])
    )
    far = _hills(np.round(4 * height * ridge).astype(np.intp), height, gids, random)
    hill = rows > height * ridge[None] - 1
    cloud = np.zeros_like(hill)
    for _ in range(1 + height * width // 260):
        long = 3 + int(random.random() * 3)
        y, x = 1 + int(random.random() * max(1, turn - 2)), int(random.random() * width)
        cloud[y, x : x + long] = True
        cloud[y - 1, x + 1 : x + long - 1] = True
    clouds = _corner_tiles(cloud & ~hill, "cloud", gids)
    return background, np.where(far == 0, clouds, far)


def _hills(
    ridge: NDArray[np.intp], height: int, gids: Mapping[str, int], random: np.random.Generator
) -> Gids:
    """Hills below a ridge, which is given at the sides of the columns in quarters of a cell."""
    left, right = (side - 4 * np.arange(height)[:, None] for side in (ridge[:-1], ridge[1:]))
    table = np.zeros((9, 9), dtype=np.uint32)
    for a, b in side_ground.SLOPES:
        table[a + 2, b + 2] = gids[f"hill_{a}_{b}"]
    sloping = table[np.clip(left, -2, 6) + 2, np.clip(right, -2, 6) + 2]
    inner = np.where(random.random(left.shape) < 0.25, gids["hill_trees"], gids["hill"])
    full = (left <= -1) & (right <= -1)
    empty = (left >= 4) & (right >= 4)
    return np.where(full, inner, np.where(empty, 0, sloping)).astype(np.uint32)


def _vertices(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Corners of cells, [H + 1, W + 1], all of whose cells are in ``flags``."""
    padded = np.pad(flags, 1, mode="edge")
    return padded[:-1, :-1] & padded[:-1, 1:] & padded[1:, :-1] & padded[1:, 1:]


def _corner_tiles(flags: NDArray[np.bool_], name: str, gids: Mapping[str, int]) -> Gids:
    """The tiles of a corner set for flags at the corners of cells, [H + 1, W + 1]."""
    mask = flags[:-1, :-1] + 2 * flags[:-1, 1:] + 4 * flags[1:, 1:] + 8 * flags[1:, :-1]
    table = np.array([0, *(gids[f"{name}_{m}"] for m in range(1, 16))], dtype=np.uint32)
    tiles: Gids = table[mask]
    return tiles


def _place_platforms(ground: Gids, codes: NDArray[np.uint8], gids: Mapping[str, int]) -> Gids:
    plank, ladder = codes == ONE_WAY, codes == LADDER
    left, right = _shift(plank, 0, -1, False), _shift(plank, 0, 1, False)
    for where, name in (
        (~left & ~right, "one_way_s"), (~left & right, "one_way_l"), (left & ~right, "one_way_r"),
        (left & right, "one_way_m"),
    ):  # fmt: skip
        ground[plank & where] = gids[name]
    ground[ladder] = gids["ladder"]
    ground[ladder & ~_shift(ladder, -1, 0, False)] = gids["ladder_top"]
    return ground


def pools(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Hazards that are liquid: at least three cells wide, walled in at both ends and below."""
    hazard = codes == HAZARD
    held = (codes == SOLID) | hazard
    flat = np.pad(hazard, ((0, 0), (1, 1))).reshape(-1)
    first = np.flatnonzero(flat[1:] & ~flat[:-1]) + 1
    last = np.flatnonzero(flat[:-1] & ~flat[1:])
    tight = np.pad(held, ((0, 0), (1, 1)), constant_values=True).reshape(-1)
    floor = np.pad(_shift(held, 1, 0, True), ((0, 0), (1, 1))).reshape(-1)
    holes = np.r_[0, np.cumsum(~floor)]
    basin = (last - first >= 2) & tight[first - 1] & tight[last + 1]
    basin &= holes[last + 1] == holes[first]
    wet = np.zeros(flat.size + 1, dtype=np.int64)
    np.add.at(wet, first[basin], 1)
    np.add.at(wet, last[basin] + 1, -1)
    pools: NDArray[np.bool_] = (wet[:-1].cumsum() > 0).reshape(len(hazard), -1)[:, 1:-1]
    return pools


def _decorate(
    codes: NDArray[np.uint8],
    underground: NDArray[np.bool_],
    look: str,
    gids: Mapping[str, int],
    busy: NDArray[np.bool_],
    dice: NDArray[np.float64],
) -> Gids:
    """Plants and stones on the ground, vines below roofs, torches in tunnels, trees in the open."""
    air, solid = (codes == AIR) & ~busy, codes == SOLID
    decor = np.zeros(codes.shape, dtype=np.uint32)
    on_ground = air & _shift(solid, 1, 0, False)
    below_roof = air & _shift(solid, -1, 0, False) & ~_shift(busy, 1, 0, False)
    chance = dice[0]
    for where, odds, names in (
        (on_ground & ~underground, 0.42, _STANDING[look]),
        (on_ground & underground, 0.2, _BELOW[look]),
        (below_roof & ~on_ground, 0.22, _ROOF[look]),
    ):
        chosen = where & (chance < odds)
        decor[chosen] = pick(gids, names, dice[1][chosen])
    rows, columns = np.nonzero(on_ground & underground & _shift(air, -1, 0, False))
    lit = (columns + 3 * rows) % 9 == 0
    decor[rows[lit] - 1, columns[lit]] = gids["torch"]
    if look != "cavern":
        _plant_trees(codes, on_ground & ~underground, air, gids, chance, decor)
    return decor


def _plant_trees(
    codes: NDArray[np.uint8],
    lawn: NDArray[np.bool_],
    air: NDArray[np.bool_],
    gids: Mapping[str, int],
    chance: NDArray[np.float64],
    decor: Gids,
) -> None:
    """A tree wherever three cells of lawn lie under three rows of free air, not too often."""
    height, width = codes.shape
    free = np.zeros_like(air)
    if height < 5 or width < 5:
        return
    room = lawn.copy()
    for dy in (-2, -1):
        room &= _shift(air, dy, 0, False)
    free = room & _shift(room, 0, 1, False) & _shift(room, 0, -1, False)
    picture = np.array(
        [[gids.get(f"tree_{y}{x}", 0) for x in range(3)] for y in range(3)], dtype=np.uint32
    )
    nearest = -9
    for y, x in zip(*np.nonzero(free & (chance > 0.72)), strict=True):
        if abs(int(x) - nearest) >= 5 and 1 <= x < width - 1 and y >= 2:
            decor[y - 2 : y + 1, x - 1 : x + 2] = picture
            nearest = int(x)
