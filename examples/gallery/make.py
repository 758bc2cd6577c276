"""Contact sheets of all map themes: ``python examples/gallery/make.py [sheet ...]``.

Each sheet shows six maps. They are made in the open, with the same calls that a build script would
use, from the seeds 0, 1, 2 ...; where a theme has several looks the sheet shows all of them. The
pictures lie beside this file and are the same bytes on every run with the same weights.
"""

from __future__ import annotations

import argparse
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets import World
from aigc_assets.exporters.pixel_font import text_mask
from aigc_assets.exporters.raster import tilemap_image
from aigc_assets.exporters.terrain_picture import terrain_image
from aigc_assets.types import Terrain, Tilemap

Picture = NDArray[np.uint8]

COLUMNS = 2
PALETTE = 40
MARGIN, CAPTION = 8, 14
PAPER, BOARD = (24, 22, 32), (62, 64, 78)
INK, NAME = (150, 154, 170), (240, 236, 220)
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


def write(panel: Picture, text: str, x: int, colour: tuple[int, int, int]) -> int:
    """Write a line at the foot of a panel; where it ends."""
    mask = text_mask(text)[:, : panel.shape[1] - x]
    top = panel.shape[0] - mask.shape[0] - 1
    panel[top : top + mask.shape[0], x : x + mask.shape[1]][mask] = colour
    return x + mask.shape[1]


def encode(picture: Picture) -> bytes:
    """A PNG with a palette, which is a third of the size of one without."""
    flat = picture.reshape(-1, 3).astype(np.uint32)
    codes, index = np.unique(flat @ np.array([65536, 256, 1], dtype=np.uint32), return_inverse=True)
    if len(codes) > 256:
        raise ValueError(f"{len(codes)} colours do not fit into a palette")
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(np.uint8)
    height, width = picture.shape[:2]
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with its filter, none
    rows[:, 1:] = index.reshape(height, width)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        out += struct.pack(">I", len(data)) + kind + data
        out += struct.pack(">I", zlib.crc32(kind + data))
    return out


def main() -> None:
    """Draw the sheets that are named, or all of them."""
    names = [*SHEETS, "tiles"]
    parser = argparse.ArgumentParser(description="Draw contact sheets of the map themes.")
    parser.add_argument("sheets", nargs="*", metavar="sheet", help=f"of {', '.join(names)}")
    chosen = parser.parse_args().sheets or names
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"no sheet {unknown[0]!r}; there are {', '.join(names)}")
    for name in chosen:
        picture = draw_tiles() if name == "tiles" else draw_sheet(name, SHEETS[name])
        (Path(__file__).parent / f"{name}.png").write_bytes(encode(picture))


if __name__ == "__main__":
    main()
