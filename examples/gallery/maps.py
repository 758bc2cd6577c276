"""Contact sheets of all map themes, six maps each.

They are made in the open, with the same calls that a build script would use, from the seeds 0, 1,
2 ...; where a theme has several looks the sheet shows all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from picture import BOARD, CAPTION, INK, MARGIN, NAME, PAPER, Picture, write

from aigc_assets import World
from aigc_assets.exporters.raster import tilemap_image
from aigc_assets.exporters.terrain_picture import terrain_image
from aigc_assets.types import Terrain, Tilemap

COLUMNS = 2
PALETTE = 40
COARSE = 26
"""Step between the tones of a shaded terrain, 0..255."""
SEEDS = 60
"""Seeds that are tried before a sheet takes looks that it has already shown."""


class Sheet(NamedTuple):
    """What the maps of a sheet are asked for."""

    size: tuple[int, int]
    require: tuple[str, ...] = ()
    looks: int = 1
    """Maps of the same look that are let in."""
    count: int = 6


SHEETS: dict[str, Sheet] = {
    "dungeon": Sheet((32, 21), ("key before door", "boss at end", "monsters 3..6"), 2),
    "cave": Sheet((32, 21), ("start -> exit", "monsters 3..6", "treasure 2..3"), 2),
    "techbase": Sheet((32, 21), ("doors 2..3", "monsters 4..7", "treasure 2..4"), 2),
    "sokoban": Sheet((16, 13), (), 2),
    "overworld": Sheet((44, 30), ("monsters 4..8", "treasure 2..4"), 1, 4),
    "terrain": Sheet((288, 200), (), 2),
    "platformer": Sheet((48, 18), ("monsters 2..4", "treasure 3..6"), 2),
}


def maps(theme: str, wanted: Sheet) -> Iterator[tuple[int, Tilemap | Terrain]]:
    """The first seeds whose maps fit on the sheet, with their maps."""
    shown: dict[str, int] = {}
    spare: list[tuple[int, Tilemap | Terrain]] = []
    count = 0
    for seed in range(SEEDS):
        tilemap = World(seed=seed, palette=PALETTE).map(
            f"{theme}-{seed}", theme=theme, size=wanted.size, require=wanted.require
        )
        look = look_of(tilemap)
        if look and shown.get(look, 0) >= wanted.looks:
            spare.append((seed, tilemap))
            continue
        shown[look] = shown.get(look, 0) + 1
        yield seed, tilemap
        count += 1
        if count == wanted.count:
            return
    yield from spare[: wanted.count - count]


def draw_sheet(theme: str, wanted: Sheet) -> Picture:
    """Six maps with a line of text each, [H, W, 3] uint8."""
    panels = [draw_panel(theme, seed, tilemap) for seed, tilemap in maps(theme, wanted)]
    high, wide = (max(panel.shape[i] for panel in panels) for i in (0, 1))
    rows = -(-len(panels) // COLUMNS)
    sheet = np.zeros(
        (rows * (high + MARGIN) + MARGIN, COLUMNS * (wide + MARGIN) + MARGIN, 3), dtype=np.uint8
    )
    sheet[:] = PAPER
    for i, panel in enumerate(panels):
        y, x = MARGIN + i // COLUMNS * (high + MARGIN), MARGIN + i % COLUMNS * (wide + MARGIN)
        sheet[y : y + panel.shape[0], x : x + panel.shape[1]] = panel
    return sheet


def draw_panel(theme: str, seed: int, asset: Tilemap | Terrain) -> Picture:
    """One map and its caption."""
    picture = picture_of(asset)
    panel = np.zeros((picture.shape[0] + CAPTION, picture.shape[1], 3), dtype=np.uint8)
    panel[:] = PAPER
    panel[: picture.shape[0]] = picture
    x = write(panel, f"{theme} {look_of(asset)}".strip(), 0, NAME)
    steps = steps_of(asset)
    solved = "" if steps is None else f"   solved in {steps} steps"
    write(panel, f"seed {seed}{solved}", x + 10, INK)
    return panel


def draw_tiles() -> Picture:
    """The tilesets behind the maps, one for each theme, [H, W, 3] uint8."""
    panels = []
    for theme, wanted in SHEETS.items():
        tilemap = World(seed=0, palette=PALETTE).map(
            f"{theme}-0", theme=theme, size=wanted.size, require=wanted.require
        )
        if isinstance(tilemap, Terrain):
            continue
        image = tilemap.tilesets[0].image
        panel = np.zeros((image.shape[0] + CAPTION, image.shape[1], 3), dtype=np.uint8)
        panel[:] = BOARD
        shown = image[..., 3] > 0
        panel[: image.shape[0]][shown] = image[..., :3][shown]
        panel[image.shape[0] :] = PAPER
        write(panel, tilemap.tilesets[0].name.replace("_", " "), 0, NAME)
        panels.append(panel)
    high = max(panel.shape[0] for panel in panels) + 2 * MARGIN
    wide = sum(panel.shape[1] + MARGIN for panel in panels) + MARGIN
    sheet = np.zeros((high, wide, 3), dtype=np.uint8)
    sheet[:] = PAPER
    x = MARGIN
    for panel in panels:
        sheet[MARGIN : MARGIN + panel.shape[0], x : x + panel.shape[1]] = panel
        x += panel.shape[1] + MARGIN
    return sheet


def picture_of(asset: Tilemap | Terrain) -> Picture:
    """A map as it is, a terrain with light and few enough colours, [H, W, 3] uint8."""
    if isinstance(asset, Tilemap):
        return tilemap_image(asset)[..., :3]
    shaded = terrain_image(asset)[..., :3].astype(np.int32)
    return np.minimum((shaded + COARSE // 2) // COARSE * COARSE, 255).astype(np.uint8)


def look_of(asset: Tilemap | Terrain) -> str:
    """The look of a map, or what kind of landscape it shows."""
    return str(asset.properties.get("look", asset.properties.get("relief", "")))


def steps_of(asset: Tilemap | Terrain) -> int | None:
    """Steps of the walk that proves a map; None for a terrain."""
    if isinstance(asset, Terrain) or asset.witness is None:
        return None
    return len(asset.witness.path) - 1
