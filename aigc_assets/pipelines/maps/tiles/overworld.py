"""The tileset of overworlds, and which tile lies where on them.

Land is land right up to the border of its cell and water carries the shore inside itself, so what
one sees is what blocks. Kinds of land meet at the corners of cells, where nothing but the price of
a step depends on them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.maps.tiles import land_ground, land_pictures
from aigc_assets.pipelines.maps.tiles.blob import BLOB_INDEX, FULL, neighbour_masks
from aigc_assets.pipelines.maps.tiles.dressing import Gids, blob_gids
from aigc_assets.pipelines.maps.tiles.land_ground import EAST, MASSIFS, NORTH, VARIANTS, WEST
from aigc_assets.pipelines.maps.tiles.sheet import RGB, Inks, Sheet
from aigc_assets.pipelines.maps.tiles.sprites import KEY, KEY_COLOURS
from aigc_assets.types import Tileset

GROUND = (
    "deep", "shallow", "sand", "desert", "grass", "swamp", "forest", "hills", "mountain", "snow",
    "peak",
)  # fmt: skip
"""Classes of ground; deep water and peaks block the way unless a road or a bridge crosses them."""
DEEP, SHALLOW, SAND, DESERT, GRASS, SWAMP, FOREST, HILLS, MOUNTAIN, SNOW, PEAK = range(len(GROUND))
WAYS = ("none", "river", "road", "bridge")
"""What runs over the ground; a river blocks the way, a bridge is a road across water."""
NO_WAY, RIVER, ROAD, BRIDGE = range(len(WAYS))

COSTS = {
    "shallow": 6, "sand": 2, "desert": 4, "grass": 2, "swamp": 4, "forest": 4, "hills": 5,
    "mountain": 8, "snow": 5, "road": 1, "bridge": 1,
}  # fmt: skip
"""``nav_cost`` of the tiles of each kind."""

_LAND = ("sand", "desert", "grass", "swamp", "snow")
"""Kinds of land in the order in which they lie over each other."""
_BASE = np.array([-1, -1, 0, 1, 2, 3, -2, -2, -2, 4, -2])
"""For each of `GROUND` its place in `_LAND`; -1 water, -2 whatever lies around."""

_COLOURS: dict[str, RGB] = {
    "deep": (36, 72, 136), "shallow": (66, 118, 190), "surf": (108, 168, 230),
    "foam": (236, 242, 244), "sand": (222, 190, 146), "sand_light": (244, 222, 182),
    "sand_dark": (186, 146, 108), "desert": (226, 186, 92), "desert_light": (246, 220, 150),
    "desert_dark": (184, 138, 60), "grass": (86, 140, 66), "grass_light": (130, 184, 92),
    "grass_dark": (58, 104, 50), "swamp": (92, 96, 56), "swamp_light": (132, 136, 84),
    "swamp_dark": (62, 66, 42), "wet": (48, 70, 72), "shine": (96, 130, 130),
    "snow": (240, 240, 238), "snow_light": (250, 250, 250), "snow_dark": (176, 186, 204),
    "bank": (96, 70, 50), "road": (160, 120, 82), "road_light": (202, 162, 120),
    "road_dark": (106, 76, 52), "leaf": (52, 96, 48), "leaf_light": (94, 148, 72),
    "leaf_dark": (36, 74, 20), "hill": (120, 126, 66), "hill_light": (164, 172, 96),
    "hill_dark": (66, 78, 40), "rock": (128, 130, 142), "rock_light": (156, 158, 170),
    "rock_dark": (84, 86, 100), "rock_edge": (44, 44, 58),
}  # fmt: skip
_GROUNDS = ("shallow", "grass", "sand", "snow", "deep", "desert", "swamp")
"""Kinds of ground that must differ in every palette, those first whose colour matters most."""
_RAMPS = (
    *((name,) for name in _GROUNDS),
    ("shallow", "surf", "foam"),
    ("grass_dark", "grass", "grass_light"),
    ("leaf_dark", "leaf", "leaf_light"),
    ("sand_dark", "sand", "sand_light"),
    ("desert_dark", "desert"),
    ("swamp_dark", "swamp", "swamp_light"),
    ("snow_dark", "snow"),
    ("rock_edge", "rock_dark", "rock"),
    ("hill_dark", "hill", "hill_light"),
    ("road_dark", "road", "road_light"),
)
_UNLIKE = {
    **{name: _GROUNDS[:i] for i, name in enumerate(_GROUNDS)},
    "leaf_dark": ("grass",), "rock": ("grass",), "road": ("grass", "shallow", "desert", "swamp"),
    "hill": ("grass",),
}  # fmt: skip
_FRAMES = 3


@functools.lru_cache(maxsize=16)
def build_tileset(palette: bytes) -> tuple[Tileset, Mapping[str, int]]:
    """Draw the tileset in the colours of a pack.

    Args:
        palette: RGB bytes of the pack's colours.

    Returns:
        The tileset and the gid of each tile by its name.
    """
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    inks = Inks(colours, _COLOURS, _RAMPS, _UNLIKE)
    sheet = Sheet()
    for ground in _LAND:
        for variant in range(VARIANTS):
            picture = land_ground.plain(inks, ground, variant)
            sheet.add(f"{ground}_v{variant}", picture, ground, nav_cost=COSTS[ground])
    for ground in _LAND[1:]:
        pictures = land_ground.meeting(inks, ground)
        sheet.add_corners(ground, pictures, ground, _COLOURS[ground], nav_cost=COSTS[ground])
    sheet.add_blob(
        "shallow", land_ground.shallows(inks, _FRAMES), "shallow water", _COLOURS["shallow"],
        milliseconds=320, nav_cost=COSTS["shallow"], flags={"liquid": True},
    )  # fmt: skip
    sheet.add_blob(
        "deep", land_ground.depths(inks, _FRAMES), "deep water", _COLOURS["deep"],
        milliseconds=320, flags={"liquid": True, "solid": True},
    )  # fmt: skip
    rivers = land_ground.river(inks, 4)
    wet = {"liquid": True, "solid": True}
    sheet.add_edges("river", rivers, "river", _COLOURS["surf"], flags=wet)
    sheet.add_edges("road", land_ground.road(inks), "road", _COLOURS["road"], nav_cost=1)
    for name, upright in (("bridge_ns", True), ("bridge_ew", False)):
        for mask in range(16):
            picture = land_ground.bridge(inks, rivers[:, mask], upright)
            sheet.add(f"{name}_{mask}", picture, "bridge", nav_cost=1)
        nothing = np.full((16, 16), -1, dtype=np.int16)
        sheet.add(name, land_ground.bridge(inks, nothing, upright), "bridge", nav_cost=1)
    for name, pines in (("wood", False), ("pines", True)):
        sheet.add_blob(
            name, land_ground.woods(inks, pines=pines), "forest", _COLOURS["leaf"],
            nav_cost=COSTS["forest"],
        )  # fmt: skip
        for i, picture in enumerate(land_ground.inner_woods(inks, pines=pines)):
            sheet.add(f"{name}_255_{i}", picture, "forest", nav_cost=COSTS["forest"])
    for name, snow in (("hills", False), ("snowhills", True)):
        for variant in range(3):
            picture = land_ground.hills(inks, variant, snow=snow)
            sheet.add(f"{name}_{variant}", picture, "hills", nav_cost=COSTS["hills"])
    for name, snow in (("mountain", False), ("peak", True)):
        cost = 1 if snow else COSTS["mountain"]
        for variant, pictures in enumerate(land_ground.mountains(inks, snow=snow)):
            for mask, picture in enumerate(pictures):
                sheet.add(
                    f"{name}_{mask}_{variant}", picture, name, nav_cost=cost,
                    flags={"solid": snow},
                )  # fmt: skip
    for colour in KEY_COLOURS:
        sheet.add(f"key_{colour}", inks.picture(KEY, colour), f"{colour} key")
        gate = inks.picture(land_pictures.GATE, colour)
        sheet.add(f"gate_{colour}", gate, f"{colour} gate", flags={"door": True})
    for table in (land_pictures.PLACES, land_pictures.ROAMERS):
        for name, text in table.items():
            sheet.add(name, inks.picture(text))
    return sheet.finish("overworld", colours)


def solid_cells(ground: NDArray[np.uint8], way: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where one cannot go, [H, W]: rivers, and deep water and peaks that nothing crosses."""
    closed = ((ground == DEEP) | (ground == PEAK)) & (way == NO_WAY)
    solid: NDArray[np.bool_] = closed | (way == RIVER)
    return solid


def dress_overworld(
    ground: NDArray[np.uint8],
    way: NDArray[np.uint8],
    gids: Mapping[str, int],
    things: Mapping[int, str],
    random: np.random.Generator,
) -> dict[str, Gids]:
    """Choose tiles.

    Args:
        ground: Index into `GROUND` of each cell, [H, W].
        way: Index into `WAYS`, [H, W].
        gids: Of the tiles by name.
        things: Cell (y * width + x) -> name of a tile.
        random: Chooses variants.

    Returns:
        Layers from bottom to top, [H, W] uint32: ``ground`` (a tile in every cell), ``edge`` and
        further ones where more than two kinds of land meet, ``shallow``, ``deep``, ``ways``,
        ``cover`` and ``markers``. Solid is what `solid_cells` says. Layers without a tile are left
        out, except ``ground`` and ``markers``.
    """
    dice = random.random(ground.shape)
    base = _fill(_BASE[ground])
    layers = _land(base, gids, dice)
    deep = (ground == DEEP) & (way == NO_WAY)
    water = (ground == DEEP) | (ground == SHALLOW)
    for name, where in (("shallow", water), ("deep", deep)):
        table = blob_gids(gids, name)
        layers[name] = np.where(where, table[BLOB_INDEX[neighbour_masks(where)]], 0)
    layers["ways"] = _ways(way, water, gids)
    layers["cover"] = _cover(ground, way, base == _LAND.index("snow"), gids, dice)
    marks = np.zeros(ground.shape, dtype=np.uint32)
    for cell, name in things.items():
        marks.flat[cell] = gids[name]
        layers["cover"].flat[cell] = 0 if ground.flat[cell] != PEAK else layers["cover"].flat[cell]
    layers["markers"] = marks
    kept = ("ground", "markers")
    return {
        name: gid.astype(np.uint32) for name, gid in layers.items() if name in kept or gid.any()
    }


def _land(
    base: NDArray[np.integer], gids: Mapping[str, int], dice: NDArray[np.float64]
) -> dict[str, Gids]:
    """Plain land of the kinds ``base``, and how they meet at the corners of cells."""
    height, width = base.shape
    # A corner belongs to the kind that most of the land cells around it have, ties to the higher.
    votes = np.zeros((len(_LAND), height + 1, width + 1), dtype=np.int8)
    for kind in range(len(_LAND)):
        same = np.pad((base == kind).astype(np.int8), 1, mode="edge")
        votes[kind] = same[:-1, :-1] + same[:-1, 1:] + same[1:, :-1] + same[1:, 1:]
    corners = len(_LAND) - 1 - votes[::-1].argmax(0)
    four = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]])
    lowest = four.min(0)
    plain = np.array(
        [[gids[f"{name}_v{v}"] for v in range(VARIANTS)] for name in _LAND], dtype=np.uint32
    )
    variants = np.searchsorted(np.cumsum([0.14, 0.12, 0.12]), dice, side="right")
    layers = {"ground": plain[lowest, variants]}
    used = np.zeros((height, width), dtype=np.intp)
    over = np.zeros((3, height, width), dtype=np.uint32)
    bits = np.array([1, 2, 4, 8])[:, None, None]
    rows, columns = np.mgrid[:height, :width]
    for kind in range(1, len(_LAND)):
        present = (four == kind).any(0) & (lowest < kind)
        mask = ((four >= kind) * bits).sum(0)
        table = np.array([0, *(gids[f"{_LAND[kind]}_{m}"] for m in range(1, 16))], dtype=np.uint32)
        over[used[present], rows[present], columns[present]] = table[mask[present]]
        used += present
    for i, name in enumerate(("edge", "edge2", "edge3")):
        layers[name] = over[i]
    return layers


def _fill(base: NDArray[np.integer]) -> NDArray[np.integer]:
    """Give cells without a kind of land of their own that of their neighbours, else grass."""
    kinds = np.arange(len(_LAND))
    for wanted in (-2, -1):  # cover first, then what lies under water
        for _ in range(2):
            same = (base[..., None] == kinds).astype(np.uint8)
            votes = cv2.boxFilter(same, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
            base = np.where(votes.any(-1) & (base == wanted), votes.argmax(-1), base)
        base = np.where(base == wanted, _LAND.index("grass"), base)
    return base


def _sides(flags: NDArray[np.bool_], edge: bool = False) -> NDArray[np.intp]:
    """Bits N 1, E 2, S 4, W 8 of the neighbours in ``flags``, [H, W]."""
    around = np.pad(flags, 1, constant_values=edge).astype(np.intp)
    return around[:-2, 1:-1] + 2 * around[1:-1, 2:] + 4 * around[2:, 1:-1] + 8 * around[1:-1, :-2]


def _along(sides: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many more of the four sides lie north and south than east and west, -2..2."""
    lengthwise: NDArray[np.intp] = (sides & 1) + (sides >> 2 & 1) - (sides >> 1 & 1) - (sides >> 3)
    return lengthwise


def _ways(way: NDArray[np.uint8], water: NDArray[np.bool_], gids: Mapping[str, int]) -> Gids:
    river, road, bridge = way == RIVER, (way == ROAD) | (way == BRIDGE), way == BRIDGE
    result = np.zeros(way.shape, dtype=np.uint32)
    wet = np.array([gids[f"river_{mask}"] for mask in range(16)], dtype=np.uint32)
    dry = np.array([gids[f"road_{mask}"] for mask in range(16)], dtype=np.uint32)
    roads, rivers = _sides(road), _sides(river | bridge | water)
    np.copyto(result, wet[rivers], where=river)
    np.copyto(result, dry[roads], where=way == ROAD)
    if bridge.any():
        streams = _sides(river | water)
        # A bridge goes the way of its road; where that bends, across what flows.
        upright = 3 * _along(roads) - _along(streams) >= 0
        for name, chosen in (("bridge_ns", upright), ("bridge_ew", ~upright)):
            # What flows under a bridge crosses it: sides where the road goes on are dry.
            across = 2 | 8 if name == "bridge_ns" else 1 | 4
            table = np.array([gids[f"{name}_{mask}"] for mask in range(16)], dtype=np.uint32)
            mask = np.where(streams & across, streams & ~(roads & ~across), across)
            np.copyto(result, table[mask], where=bridge & chosen & ~water)
            np.copyto(result, np.uint32(gids[name]), where=bridge & chosen & water)
    return result


def _cover(
    ground: NDArray[np.uint8],
    way: NDArray[np.uint8],
    white: NDArray[np.bool_],
    gids: Mapping[str, int],
    dice: NDArray[np.float64],
) -> Gids:
    """Woods, hills and mountains, those on ``white`` ground under snow; ways cut through them."""
    open_ = way == NO_WAY
    result = np.zeros(ground.shape, dtype=np.uint32)
    forest = (ground == FOREST) & open_
    cold = _near(white, 1)
    around = BLOB_INDEX[neighbour_masks(forest)]
    for name, where in (("wood", forest & ~cold), ("pines", forest & cold)):
        table = blob_gids(gids, name)
        inner = np.array([table[FULL], *(gids[f"{name}_255_{i}"] for i in range(3))])
        trees = np.where(around == FULL, inner[(dice * 4).astype(np.intp)], table[around])
        np.copyto(result, trees.astype(np.uint32), where=where)
    for name, where in (("hills", ~white), ("snowhills", white)):
        table = np.array([gids[f"{name}_{i}"] for i in range(3)], dtype=np.uint32)
        humps = table[(dice * 3).astype(np.intp)]
        np.copyto(result, humps, where=(ground == HILLS) & open_ & where)
    high = ((ground == MOUNTAIN) | (ground == PEAK)) & open_
    sides = _sides(high)
    mask = WEST * (sides >> 3 & 1) + EAST * (sides >> 1 & 1) + NORTH * (sides & 1)
    variant = (dice * MASSIFS).astype(np.intp)
    for name, kind in (("mountain", MOUNTAIN), ("peak", PEAK)):
        table = np.array([[gids[f"{name}_{m}_{v}"] for v in range(MASSIFS)] for m in range(8)])
        np.copyto(result, table[mask, variant].astype(np.uint32), where=(ground == kind) & open_)
    return result


def _near(flags: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Cells with one of ``flags`` at most ``reach`` away."""
    height, width = flags.shape
    padded = np.pad(flags, reach)
    result = np.zeros_like(flags)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            result |= padded[dy : dy + height, dx : dx + width]
    return result
