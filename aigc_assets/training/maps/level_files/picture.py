"""Levels as pictures: one pixel a cell, one colour a kind of tile."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.level import (
    DOOR,
    FLOOR,
    LIQUID,
    OUTDOOR,
    VOID,
    WALL,
    Level,
    check_size,
)
from aigc_assets.training.maps.level_files.meaning import Legend, unknown

MOST_COLOURS = 32
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CLEAR = -1


def read_picture(folder: Folder, name: str, legend: Legend) -> list[Level]:
    """The level in a PNG.

    Raises:
        DataError: If it is no PNG, has more than `MOST_COLOURS` colours, or colours that the
            legend does not name.
    """
    data = folder.read(name)
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 33:
        raise DataError("is not a PNG", where=name)
    # The size is checked before anything is unpacked.
    width, height = struct.unpack(">II", data[16:24])
    check_size(name, width, height)
    colours = _colours(data, name)
    used, counts = np.unique(colours, return_counts=True)
    if len(used) > MOST_COLOURS:
        raise DataError(
            f"has {len(used)} colours, at most {MOST_COLOURS} are kinds of tile",
            where=name,
            remedy="paint levels with one pixel a cell",
        )
    meanings: dict[int, int] = {}
    strange = []
    for colour in used.tolist():
        text = "" if colour == _CLEAR else f"#{colour:06x}"
        word = legend.word(text) if text else VOID
        if word is None and legend:
            strange.append(text)
        meanings[colour] = VOID if word is None else word
    if strange:
        raise unknown(strange, name)
    guesses: list[str] = []
    if not legend:
        if len(used) == 1:
            raise DataError("every cell is the same tile", where=name)
        meanings |= _by_colour(colours, used.tolist())
        shown = zip(used.tolist(), counts.tolist(), strict=True)
        names = {WALL: "wall", FLOOR: "floor", OUTDOOR: "outdoor", LIQUID: "liquid", DOOR: "door"}
        guesses = [", ".join(f"#{c:06x} {names[meanings[c]]}" for c, _ in shown if c != _CLEAR)]
    words = np.vectorize(meanings.__getitem__, otypes=[np.uint8])(colours)
    if (words == VOID).all():
        raise DataError("the level is empty", where=name)
    return [Level(name, words, legend.side_view, tuple(guesses))]


def _colours(data: bytes, where: str) -> NDArray[np.int64]:
    """0xrrggbb of each pixel, -1 where it is transparent, [H, W]."""
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError("is a damaged PNG", where=where) from error
    if image is None:
        raise DataError("is a damaged PNG", where=where)
    wide = image.astype(np.int64)
    if image.dtype == np.uint16:
        wide >>= 8
    if image.ndim == 2:
        wide = np.repeat(wide[..., None], 3, axis=2)
    found: NDArray[np.int64] = wide[..., 2] << 16 | wide[..., 1] << 8 | wide[..., 0]
    if wide.shape[2] == 4:
        found[wide[..., 3] < 128] = _CLEAR
    return found


def _by_colour(colours: NDArray[np.int64], used: list[int]) -> dict[int, int]:
    """Blue is liquid, green outdoor, brown a door; of the greys the rim, or the dark ones, wall."""
    found, greys = {}, []
    for colour in used:
        if colour == _CLEAR:
            continue
        red, green, blue = colour >> 16, colour >> 8 & 255, colour & 255
        if blue > red + 40 and blue > green + 10:
            found[colour] = LIQUID
        elif green > red + 30 and green > blue + 30:
            found[colour] = OUTDOOR
        elif red > blue + 60 and red > green + 20:
            found[colour] = DOOR
        else:
            greys.append(colour)
            found[colour] = WALL if red + green + blue < 3 * 96 else FLOOR
    if len(greys) > 1 and len({found[c] for c in greys}) == 1:
        rim = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
        wall = max(greys, key=lambda c: (int((rim == c).sum()), -c))
        found |= {c: WALL if c == wall else FLOOR for c in greys}
    return found
