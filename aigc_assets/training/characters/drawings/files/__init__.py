"""The user's own drawings: whatever figures a folder holds, and why the rest is no use.

Files come from strangers: links are not followed, sizes are limited before anything is unpacked,
and every failure names the file and skips it.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.drawings.aseprite_files import read_aseprite
from aigc_assets.training.characters.drawings.files.animation import own_frames
from aigc_assets.training.characters.drawings.files.drawing import Drawing, Report
from aigc_assets.training.characters.drawings.files.gif import read_gif
from aigc_assets.training.characters.drawings.files.grid import (
    Layout,
    cut_through,
    find_layout,
    given,
)
from aigc_assets.training.characters.drawings.files.picture import (
    hard_edges,
    key_background,
    pixel_size,
    read_png,
)
from aigc_assets.training.characters.drawings.files.words_file import WORDS_FILE, apply_words
from aigc_assets.training.maps.level_files import NOTES
from aigc_assets.training.maps.level_files.files import Folder

__all__ = ["READ", "Drawing", "Report", "read_drawings"]

READ = (".png", ".gif", ".aseprite", ".ase")
PARTS = (".json", ".txt", ".md", ".toml", ".gpl", ".hex", ".licence", ".license")
"""Suffixes of what people keep beside drawings; nothing is said about them."""
LOSSY = (".jpg", ".jpeg", ".webp", ".avif", ".heic")
WORKING = tuple(".psd .psb .kra .xcf .clip .pyxel .piskel .procreate .svg .tif .tiff .bmp".split())
"""What drawing programs keep; they export .png files."""
SYSTEM = ("thumbs.db", "desktop.ini")
"""Files that systems leave in folders; nothing is said about them."""
SINGLE = 40
"""A picture of at most so many px each way is one drawing, not a sheet."""
FEWEST_PIXELS = 24
MOST_HALF = 0.3
"""Share of half-transparent pixels from which a drawing is smoke and no pixel art."""
MOST_FILES = 10_000
LARGEST_FILE = 72 * 1024 * 1024
"""Bytes; a picture of as many pixels as are read has fewer, however badly it is packed."""
MOST_DRAWINGS = 6000
MOST_PIXELS = 256 * 1024 * 1024
"""Of all pictures together."""
MOST_OF_ONE = 16 * 1024 * 1024
"""Pixels of the frames of one file that are looked at."""
_NO_FIGURES = frozenset("font fonts tileset tilesets background backgrounds".split())
"""Words of a name that say that a file shows no figures."""
_CELL = re.compile(r"(?<!\d)(\d{1,3})x(\d{1,3})(?!\d)", re.IGNORECASE)


def read_drawings(
    folder: Path, cell: tuple[int, int] | None = None
) -> tuple[list[Drawing], Report]:
    """All drawings of a folder and of the folders in it, in the order of their names.

    Of an animation only frames are taken that show other poses.

    Args:
        folder: Holds .png, .gif or .aseprite files, single drawings or sheets; and ``words.csv``
            if names alone do not say what drawings show.
        cell: Width and height of the cells of every sheet, in px of the files; found by itself
            where None.

    Raises:
        DataError: If the folder cannot be read or holds too many files.
    """
    if folder.is_file():
        remedy = f"give the folder that holds it: {folder.parent}"
        raise DataError("is a file, not a folder", where=str(folder), remedy=remedy)
    if not folder.is_dir():
        raise DataError("no such folder", where=str(folder), remedy="give a folder of drawings")
    source = Folder(folder, MOST_FILES, LARGEST_FILE)
    drawings: list[Drawing] = []
    report = Report()
    pixels = 0
    for name in source.files():
        suffix = PurePosixPath(name).suffix.lower()
        path = PurePosixPath(name.lower())
        if suffix in PARTS or path.stem in NOTES or path.name in (*SYSTEM, WORDS_FILE):
            continue
        if reason := _unwanted(name, suffix):
            report.dropped.append((name, reason))
            continue
        try:
            frames, starts, notes = _frames(source.read(name), name, suffix)
            pixels += frames.size // 4
            if pixels > MOST_PIXELS:
                raise DataError(f"the files have more than {MOST_PIXELS >> 20} million pixels")
            found = _cut(frames, starts, name, cell, report)
        except DataError as error:
            report.dropped.append((name, error.message))
            continue
        report.files.append(name)
        report.guesses += [(name, note) for note in notes]
        drawings += found
        if len(drawings) > MOST_DRAWINGS:
            report.dropped.append((name, f"only the first {MOST_DRAWINGS} drawings are taken"))
            del drawings[MOST_DRAWINGS:]
            break
    if (folder / WORDS_FILE).exists():
        try:
            said = apply_words(source.read(WORDS_FILE), drawings, report)
        except DataError as error:
            report.dropped.append((WORDS_FILE, error.message))
        else:
            drawings = [dataclasses.replace(d, words=said.get(d.name, "")) for d in drawings]
    return drawings, report


def _unwanted(name: str, suffix: str) -> str:
    """Why a file is not even opened, or ''."""
    if suffix in LOSSY:
        return f"{suffix} blurs pixels: save the drawing as .png"
    if suffix in WORKING:
        return f"{suffix} is not read: export it as .png"
    if suffix not in READ:
        return f"{suffix or 'no suffix'} is not read (read: {' '.join(READ[:3])})"
    said = set(re.findall(r"[a-z]+", name.lower())) & _NO_FIGURES
    return f"shows no figures by its name: {min(said)}" if said else ""


def _frames(
    data: bytes, name: str, suffix: str
) -> tuple[NDArray[np.uint8], tuple[int, ...], tuple[str, ...]]:
    """The pictures of a file, [F, H, W, 4], where tags start, and what is to be said about it."""
    if suffix == ".png":
        return read_png(data, name)[None], (), ()
    if suffix == ".gif":
        return read_gif(data, name), (), ()
    drawing = read_aseprite(data, name)
    most = max(1, MOST_OF_ONE // (drawing.frames[0].size // 4))
    return drawing.frames[:most], tuple(tag.start for tag in drawing.tags), drawing.notes


def _cut(
    frames: NDArray[np.uint8],
    starts: tuple[int, ...],
    name: str,
    cell: tuple[int, int] | None,
    report: Report,
) -> list[Drawing]:
    """The drawings of one file."""
    count, height, width = frames.shape[:3]
    whole, colour = key_background(frames.reshape(count * height, width, 4), name)
    if colour:
        report.guesses.append((name, f"the background is {colour}"))
    hard = hard_edges(whole)[0]
    named = None if cell else _named_cell(name, (height, width))
    cell = cell or named
    # Frames lie below each other: lines between them are multiples of what was enlarged too.
    scale = pixel_size(hard, divides=(height, *(cell or ())))
    if scale > 1:
        report.guesses.append((name, f"was enlarged {scale}x"))
        cell = None if cell is None else (cell[0] // scale, cell[1] // scale)
    step = np.s_[scale // 2 :: scale, scale // 2 :: scale]
    shape = (count, height // scale, -1, 4)
    pictures, hard = whole[step].reshape(shape), hard[step].reshape(shape)
    numbers = [0]
    if count > 1:
        numbers = own_frames(hard, [start for start in starts if start < count])
        shown = ", ".join(f"#{number}" for number in numbers[:8])
        more = ", ..." if len(numbers) > 8 else ""
        note = f"a frame of each pose is learnt, of {count} {shown}{more}"
        report.guesses.append((name, note))
    found: list[Drawing] = []
    for number in numbers:
        picture, solid = pictures[number], hard[number, ..., 3] > 0
        layout = None
        if cell is not None and (solid.shape[1] > cell[0] or solid.shape[0] > cell[1]):
            layout = given(solid.shape, cell)
            if not layout.boxes:
                raise DataError(f"is smaller than a cell of {cell[0]}x{cell[1]} px", where=name)
        elif cell is None and count == 1 and max(solid.shape) > SINGLE:
            layout = find_layout(solid)
        if layout is not None and (cell is None or cell == named):
            report.guesses.append((name, layout.text + (", by its name" if named else "")))
        named_as = (name, f"#{number}" * (count > 1))
        found += _figures(picture, hard[number], layout, named_as, report)
    return found


def _named_cell(name: str, shape: tuple[int, int]) -> tuple[int, int] | None:
    """The cells that a name such as ``hero_16x24.png`` speaks of, if they divide the picture."""
    for width, height in _CELL.findall(PurePosixPath(name).stem):
        cell = int(width), int(height)
        fits = min(cell) >= 4 and shape[1] % cell[0] == 0 and shape[0] % cell[1] == 0
        if fits and cell != (shape[1], shape[0]):
            return cell
    return None


def _figures(
    picture: NDArray[np.uint8],
    hard: NDArray[np.uint8],
    layout: Layout | None,
    named: tuple[str, str],
    report: Report,
) -> list[Drawing]:
    """The figures in the cells of one picture; what is dropped goes into the report.

    ``hard`` is the picture without half-transparent pixels.
    """
    name, found, solid = named[0], [], hard[..., 3] > 0
    boxes = [(0, 0, *solid.shape)] if layout is None else list(layout.boxes)
    for place, box in enumerate(boxes):
        top, left, bottom, right = box
        part = "".join(named)
        if layout is not None:
            across = layout.columns
            part += f"[{place // across},{place % across}]" if across else f"[{place}]"
        if not solid[top:bottom, left:right].any():
            if (picture[top:bottom, left:right, 3] > 10).any():
                report.dropped.append((part, "half-transparent: nothing in it is opaque"))
            elif layout is None:
                report.dropped.append((part, "empty"))
            continue
        reason, drawing = _clean(picture[top:bottom, left:right])
        if layout is not None and layout.columns and cut_through(hard, box):
            reason = "cut by the edge of its cell (give --grid if the cells are others)"
        if reason:
            report.dropped.append((part, reason))
        else:
            found.append(Drawing(part, name, drawing))
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
