"""``words.csv``: what drawings show, where their names do not say so, such as cells of a sheet."""

from __future__ import annotations

import csv
import io
import re

from aigc_assets.training.characters.drawings.files.drawing import Drawing, Report

WORDS_FILE = "words.csv"
MOST_LINES = 20_000
_HEADINGS = frozenset("file files name drawing path cell".split())


def apply_words(data: bytes, drawings: list[Drawing], report: Report) -> dict[str, str]:
    """What the file says of drawings: name of a drawing -> words.

    A line is a file, or a cell as reports name it (``heroes.png[2,0]``, row and column), then
    words. Commas, semicolons and tabs part columns. What a line about a cell says is added to what
    one about its file does. Lines that name nothing go into the report.

    Args:
        data: Of the file, UTF-8.
        drawings: All that were found.
        report: Gets a line per line that is no use.
    """
    text = data.decode("utf-8-sig", "replace").replace("\0", "")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    of_file: dict[str, list[str]] = {}
    for drawing in drawings:
        of_file.setdefault(drawing.file, []).append(drawing.name)
        if drawing.name != drawing.file:
            of_file.setdefault(drawing.name, []).append(drawing.name)
    said: dict[str, str] = {}
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            cells = [cell.strip() for cell in row]
            if number > MOST_LINES:
                report.dropped.append((WORDS_FILE, f"only the first {MOST_LINES} lines are read"))
                break
            if not any(cells) or (number == 1 and cells[0].lower() in _HEADINGS):
                continue
            # A cell such as a.png[2,0] has a comma of its own.
            joined = delimiter.join(cells)
            match = re.match(r'"?(?P<cell>[^"]*?\[\d+,\d+\])"?(?P<rest>.*)$', joined)
            name, words = (
                (match["cell"], match["rest"]) if match else (cells[0], " ".join(cells[1:]))
            )
            name = name.replace("\\", "/").removeprefix("./")
            if name not in of_file:
                place = f"{WORDS_FILE} line {number}"
                report.dropped.append((place, f"names no drawing that was read: {name}"))
                continue
            for drawing_name in of_file[name]:
                said[drawing_name] = f"{said.get(drawing_name, '')} {words}".strip()
    except csv.Error as error:
        report.dropped.append((WORDS_FILE, f"cannot be read from line {number + 1} on: {error}"))
    return said
