"""Levels without a format: characters in ``.txt`` and lists of lists in ``.json``."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.json_values import parse_json
from aigc_assets.training.maps.level_files.level import (
    DOOR,
    FLOOR,
    LADDER,
    LIQUID,
    ONE_WAY,
    OUTDOOR,
    VOID,
    WALL,
    Level,
    check_size,
)
from aigc_assets.training.maps.level_files.meaning import Legend, by_border, unknown
from aigc_assets.training.maps.level_files.tmj import is_tmj, level_of_tmj

_CHARACTERS = {
    **dict.fromkeys("#X%█▓■", WALL),
    **dict.fromkeys(".,_·@$*<>^!?&:;", FLOOR),
    **dict.fromkeys("\"'`", OUTDOOR),
    **dict.fromkeys("~≈}", LIQUID),
    **dict.fromkeys("+|/\\", DOOR),
    **dict.fromkeys("=", ONE_WAY),
}
"""What roguelikes and level collections have used these characters for."""

_BOARD = {**dict.fromkeys(" .$@*+-_", FLOOR), "#": WALL}
"""Characters of boards where boxes are pushed, where + is somebody on a goal and not a door."""

_OWN_CODES = (WALL, FLOOR, OUTDOOR, LIQUID, DOOR)


def read_text(folder: Folder, name: str, legend: Legend) -> list[Level]:
    """The level in a text file: one character a cell, lines of one length.

    Raises:
        DataError: If it is not text, not rectangular or holds characters of no known meaning.
    """
    data = folder.read(name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text: {error.reason}", where=name) from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    return [of_lines(lines, name, legend)]


def of_lines(lines: list[str], where: str, legend: Legend) -> Level:
    """The level of these rows of characters.

    Raises:
        DataError: See `read_text`.
    """
    if not lines:
        raise DataError("the level is empty", where=where)
    width = len(lines[0])
    for number, line in enumerate(lines, 1):
        if len(line) != width:
            raise DataError(
                f"is not rectangular: row {number} has {len(line)} cells, the first has {width}",
                where=where,
            )
    check_size(where, width, len(lines))
    used = sorted(set("".join(lines)))
    board = set(used) <= set(_BOARD) and {"#", "$"} <= set(used)
    table = _BOARD if board else _CHARACTERS
    meanings: dict[str, int] = {}
    things, strange = [], []
    for character in used:
        word = legend.word(character)
        if word is None:
            word = table.get(character)
        if word is None and character == " ":
            # Where floor has a character of its own, a blank is what lies around the level.
            word = VOID if any(meanings_of(c, legend, table) == FLOOR for c in used) else FLOOR
        if word is None and not legend and unicodedata.category(character)[0] in "LN":
            word = LADDER if character == "H" and legend.side_view else FLOOR
            things.append(character)
        if word is None:
            strange.append(character)
        else:
            meanings[character] = word
    if strange:
        raise unknown(strange, where)
    words = np.array([[meanings[c] for c in line] for line in lines], dtype=np.uint8)
    guesses = []
    if things:
        guesses.append(f"{''.join(things)!r} are things that stand on floor")
    return Level(where, words, legend.side_view, tuple(guesses))


def meanings_of(character: str, legend: Legend, table: dict[str, int]) -> int | None:
    """What the legend or the table says about a character."""
    return legend.word(character) if legend.word(character) is not None else table.get(character)


def read_json(folder: Folder, name: str, legend: Legend) -> list[Level]:
    """The level in a JSON file: a map of Tiled, rows of numbers or rows of characters.

    Raises:
        DataError: If it is none of these, or not rectangular.
    """
    document = parse_json(folder.read(name), name)
    if is_tmj(document):
        return [level_of_tmj(folder, name, document, legend)]
    if isinstance(document, list) and document and all(isinstance(r, str) for r in document):
        return [of_lines(document, name, legend)]
    return [_of_numbers(document, name, legend)]


def _of_numbers(document: Any, where: str, legend: Legend) -> Level:
    if isinstance(document, dict) and document.get("type") == "tileset":
        raise DataError("is a tileset of Tiled, not a map", where=where)
    rows = isinstance(document, list) and all(isinstance(row, list) for row in document)
    if not rows:
        raise DataError("is neither a map of Tiled nor a list of rows", where=where)
    if not document or not document[0]:
        raise DataError("the level is empty", where=where)
    width = len(document[0])
    check_size(where, width, len(document))
    for number, row in enumerate(document, 1):
        if len(row) != width:
            raise DataError(
                f"is not rectangular: row {number} has {len(row)} cells, the first has {width}",
                where=where,
            )
        if not all(type(value) is int and abs(value) < 2**31 for value in row):
            raise DataError(f"row {number} holds something that is no tile number", where=where)
    codes: NDArray[np.int64] = np.array(document, dtype=np.int64)
    used = np.unique(codes).tolist()
    if legend:
        meanings = {code: legend.word(code) for code in used}
        strange = [code for code, word in meanings.items() if word is None]
        if strange:
            raise unknown(strange, where)
        table = {code: word for code, word in meanings.items() if word is not None}
        words = np.vectorize(table.__getitem__, otypes=[np.uint8])(codes)
        return Level(where, words, legend.side_view)
    rim = np.concatenate([codes[0], codes[-1], codes[:, 0], codes[:, -1]])
    if set(used) <= set(range(5)) and len(used) > 1 and (rim == 0).mean() > 0.5:
        words = np.array(_OWN_CODES, dtype=np.uint8)[codes]
        guess = "0 wall, 1 floor, 2 outdoor, 3 liquid, 4 door"
        return Level(where, words, False, (guess,))
    words, guess = by_border(codes, where)
    return Level(where, words, False, (guess,))
