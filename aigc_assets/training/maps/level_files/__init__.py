"""The user's own levels: whatever of a folder can be read, and why the rest cannot.

Files come from strangers: nothing in them is executed or fetched, no path in them leads out of the
folder, links are not followed, sizes are limited before anything is unpacked, and every failure is
a `DataError` that names the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.grids import read_json, read_text
from aigc_assets.training.maps.level_files.ldtk import read_ldtk
from aigc_assets.training.maps.level_files.level import Level, printable
from aigc_assets.training.maps.level_files.meaning import LEGEND, Legend, parse_legend
from aigc_assets.training.maps.level_files.picture import read_picture
from aigc_assets.training.maps.level_files.tmx import read_tmx

READERS: dict[str, Callable[[Folder, str, Legend], list[Level]]] = {
    # suffix: reader
    ".tmx": read_tmx,
    ".tmj": read_json,
    ".json": read_json,
    ".ldtk": read_ldtk,
    ".txt": read_text,
    ".png": read_picture,
}

PARTS = (".tsx", ".tsj", ".ldtkl", ".toml", ".md", ".rst", ".licence", ".license")
"""Suffixes of what belongs to levels but is none; nothing is said about them."""

NOTES = ("license", "licence", "readme", "credits", "copying", "authors")
"""Names without suffix of what people put beside levels; nothing is said about them either."""

MOST_CELLS = 16 * 1024 * 1024
"""Of all levels together."""


@dataclass
class Report:
    """What became of the files of a folder.

    Args:
        taken: Names of the levels that were read.
        skipped: File and reason of those that were not.
        guesses: What had to be guessed, one line per level.
    """

    taken: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    guesses: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report for people."""
        found = [f"read {len(self.taken)} levels, skipped {len(self.skipped)} files"]
        found += [f"  guessed: {guess}" for guess in self.guesses]
        found += [f"  skipped: {name}: {reason}" for name, reason in self.skipped]
        return [printable(line) for line in found]


def read_levels(folder: Path) -> tuple[list[Level], Report]:
    """All levels of a folder and of the folders in it, in the order of their names.

    Args:
        folder: Holds .tmx, .tmj, .ldtk, .json, .txt or .png files, and maybe a ``legend.toml``.

    Returns:
        At least one level, and what was skipped and guessed.

    Raises:
        DataError: If the folder cannot be read, its legend is wrong, or nothing is left of it.
    """
    if not folder.is_dir():
        raise DataError("no such folder", where=str(folder), remedy="give a folder of levels")
    source = Folder(folder)
    legend = parse_legend(source.read(LEGEND)) if (folder / LEGEND).exists() else Legend()
    levels: list[Level] = []
    report = Report()
    cells = 0
    pictures = _tileset_pictures(source)
    for name in source.files():
        suffix = PurePosixPath(name).suffix.lower()
        if name == LEGEND or suffix in PARTS or PurePosixPath(name).stem.lower() in NOTES:
            continue
        if name in pictures:
            report.skipped.append((name, f"is taken for the picture of tiles of {pictures[name]}"))
            continue
        if suffix not in READERS:
            known = " ".join(READERS)
            report.skipped.append((name, f"{suffix or 'no suffix'} is not read (read: {known})"))
            continue
        try:
            found = READERS[suffix](source, name, legend)
            cells += sum(level.words.size for level in found)
            if cells > MOST_CELLS:
                raise DataError(f"the levels have more than {MOST_CELLS} cells together")
        except DataError as error:
            # The file is named once, in front; a tileset that is to blame stays named.
            where = error.where if error.where not in (None, name) else ""
            reason = f"{where}: {error.message}" if where else error.message
            if error.remedy:
                reason += f" ({error.remedy})"
            report.skipped.append((name, reason))
            continue
        for level in found:
            levels.append(level)
            report.taken.append(level.name)
            report.guesses += [f"{level.name}: {guess}" for guess in level.guesses]
    if not levels:
        first = "; ".join(f"{name}: {reason}" for name, reason in report.skipped[:5])
        raise DataError(
            f"no level could be read: {printable(first)}" if first else "there are no levels here",
            where=str(folder),
            remedy=f"put {' '.join(READERS)} files there",
        )
    return levels, report


def _tileset_pictures(source: Folder) -> dict[str, str]:
    """PNG files that bear the name of a map or tileset beside them, and that name.

    ``cave.png`` and ``cave_tiles.png`` beside ``cave.tmx`` show tiles and are no levels.
    """
    names = list(source.files())
    owners = (".tsx", ".tmx", ".tmj", ".tsj", ".ldtk")
    stems = {n.rsplit(".", 1)[0]: n for n in names if n.lower().endswith(owners)}
    found = {}
    for name in names:
        if name.lower().endswith(".png"):
            stem = name[:-4]
            cuts = [stem, *(stem[:i] for i, c in enumerate(stem) if c in "_-.")]
            owner = next((stems[cut] for cut in cuts if cut in stems), None)
            if owner is not None:
                found[name] = owner
    return found
