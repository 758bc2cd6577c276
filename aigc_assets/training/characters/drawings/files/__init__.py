"""The user's own drawings: whatever figures a folder holds, and why the rest is no use.

Files come from strangers: links are not followed, sizes are limited before anything is unpacked,
and every failure names the file and skips it.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.drawings.aseprite_files import read_aseprite
from aigc_assets.training.characters.drawings.files.drawing import Drawing, Report
from aigc_assets.training.characters.drawings.files.grid import find_layout, given, touching
from aigc_assets.training.characters.drawings.files.picture import (
    hard_edges,
    key_background,
    pixel_size,
    read_png,
)
from aigc_assets.training.maps.level_files import NOTES
from aigc_assets.training.maps.level_files.files import Folder

__all__ = ["READ", "Drawing", "Report", "read_drawings"]

READ = (".png", ".aseprite", ".ase")
PARTS = (".json", ".txt", ".md", ".toml", ".gpl", ".hex", ".licence", ".license")
"""Suffixes of what people keep beside drawings; nothing is said about them."""
SINGLE = 40
"""A picture of at most so many px each way is one drawing, not a sheet."""
FEWEST_PIXELS = 24
MOST_HALF = 0.3
"""Share of half-transparent pixels from which a drawing is smoke and no pixel art."""
MOST_DRAWINGS = 6000
MOST_PIXELS = 256 * 1024 * 1024
"""Of all pictures together."""
_CUT = 0.5
"""Share of a cell's side along which a figure may go on in the next cell."""


def read_drawings(
    folder: Path, cell: tuple[int, int] | None = None
) -> tuple[list[Drawing], Report]:
    """All drawings of a folder and of the folders in it, in the order of their names.

    Args:
        folder: Holds .png or .aseprite files, single drawings or sheets.
        cell: Width and height of the cells of every sheet, in px of the files; found by itself
            where None.

    Raises:
        DataError: If the folder cannot be read or holds too many files.
    """
    if not folder.is_dir():
        raise DataError("no such folder", where=str(folder), remedy="give a folder of drawings")
    source = Folder(folder)
    drawings: list[Drawing] = []
    report = Report()
    pixels = 0
    for name in source.files():
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in PARTS or PurePosixPath(name).stem.lower() in NOTES:
            continue
        if suffix not in READ:
            known = " ".join(READ[:2])
            report.dropped.append((name, f"{suffix or 'no suffix'} is not read (read: {known})"))
            continue
        try:
            frames, notes = _frames(source.read(name), name, suffix)
            pixels += frames.size // 4
            if pixels > MOST_PIXELS:
                raise DataError(f"the files have more than {MOST_PIXELS >> 20} million pixels")
            found = _cut(frames, name, cell, report)
        except DataError as error:
            report.dropped.append((name, error.message))
            continue
        report.files.append(name)
        report.guesses += [f"{name}: {note}" for note in notes]
        drawings += found
        if len(drawings) > MOST_DRAWINGS:
            report.dropped.append((name, f"only the first {MOST_DRAWINGS} drawings are taken"))
            return drawings[:MOST_DRAWINGS], report
    return drawings, report


def _frames(data: bytes, name: str, suffix: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The pictures of a file, [F, H, W, 4], and what is to be said about it."""
    if suffix == ".png":
        return read_png(data, name)[None], ()
    drawing = read_aseprite(data, name)
    return drawing.frames, drawing.notes


def _cut(
    frames: NDArray[np.uint8], name: str, cell: tuple[int, int] | None, report: Report
) -> list[Drawing]:
    """The drawings of one file."""
    count, height, width = frames.shape[:3]
    whole, colour = key_background(frames.reshape(count * height, width, 4), name)
    if colour:
        report.guesses.append(f"{name}: the background is {colour}")
    hard = hard_edges(whole)[0]
    # Frames lie below each other: lines between them are multiples of what was enlarged too.
    scale = pixel_size(hard, divides=(height, *(cell or ())))
    if scale > 1:
        report.guesses.append(f"{name}: was enlarged {scale}x")
        cell = None if cell is None else (cell[0] // scale, cell[1] // scale)
    small = whole[scale // 2 :: scale, scale // 2 :: scale]
    pictures = small.reshape(count, height // scale, -1, 4)
    found: list[Drawing] = []
    empty = 0
    for number, picture in enumerate(pictures):
        frame = f"{name}#{number}" if count > 1 else name
        solid = picture[..., 3] >= 128
        layout = None
        if cell is not None and (solid.shape[1] > cell[0] or solid.shape[0] > cell[1]):
            layout = given(solid.shape, cell)
            if not layout.boxes:
                raise DataError(f"is smaller than a cell of {cell[0]}x{cell[1]} px", where=name)
        elif cell is None and count == 1 and max(solid.shape) > SINGLE:
            layout = find_layout(solid)
            if layout is not None:
                report.guesses.append(f"{name}: {layout.text}")
        boxes = [(0, 0, *solid.shape)] if layout is None else list(layout.boxes)
        for place, box in enumerate(boxes):
            top, left, bottom, right = box
            part = frame
            if layout is not None:
                across = layout.columns
                part += f"[{place // across},{place % across}]" if across else f"[{place}]"
            if not solid[top:bottom, left:right].any():
                if (picture[top:bottom, left:right, 3] > 10).any():
                    report.dropped.append((part, "half-transparent: nothing in it is opaque"))
                else:
                    empty += 1
                continue
            reason, drawing = _clean(picture[top:bottom, left:right])
            if layout is not None and layout.columns and touching(solid, box) > _CUT:
                reason = "cut by the edge of its cell (give --grid if the cells are others)"
            if reason:
                report.dropped.append((part, reason))
            else:
                found.append(Drawing(part, name, drawing))
    if empty:
        report.dropped.append((name, f"empty: {empty} of its cells" if len(boxes) > 1 else "empty"))
    return found


def _clean(picture: NDArray[np.uint8]) -> tuple[str, NDArray[np.uint8]]:
    """Why a picture is no use, or '', and the figure in it, cut to its bounding box."""
    hard, half = hard_edges(picture)
    solid = hard[..., 3] > 0
    amount = int(solid.sum())
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    figure = hard[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if amount < FEWEST_PIXELS:
        return f"too small: {amount} pixels", figure
    if half > MOST_HALF:
        return f"half-transparent: {half:.0%} of its pixels", figure
    return "", figure
