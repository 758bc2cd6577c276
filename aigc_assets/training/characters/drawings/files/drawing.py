"""What a drawing is and what became of the files."""

from __future__ import annotations

import collections
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from aigc_assets.training.maps.level_files.level import printable

SHOWN = 40
"""Lines that are printed; the rest is counted."""
FEW = 3
"""So many of a kind have a line each."""
FEW_SHEETS = 12
"""Files of several drawings that have a line each."""


@dataclass(frozen=True)
class Drawing:
    """One figure, cut to its bounding box.

    Args:
        name: File, and the cell or frame in it.
        file: Name of the file.
        picture: [H, W, 4] uint8 sRGB; alpha is 0 or 255, what is not drawn is all zero.
        words: What it shows, besides what its name says.
    """

    name: str
    file: str
    picture: NDArray[np.uint8]
    words: str = ""

    @property
    def told(self) -> str:
        """All that is said of it: its path without suffix and number, then its words."""
        path = PurePosixPath(re.sub(r"[\[#][^/]*$", "", self.name))
        return f"{path.with_suffix('') if path.name else path} {self.words}".rstrip()


@dataclass
class Report:
    """What became of the files of a folder.

    Args:
        files: Names of the files that were read.
        dropped: What was left out, a file or a part of one, and why.
        guesses: What had to be guessed, of which file.
        kept: Names of the files of the drawings that are learnt from, one per drawing.
    """

    files: list[str] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    guesses: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def lines(self, most: int = SHOWN) -> list[str]:
        """The report for people; what many files have in common is one line."""
        count = collections.Counter(self.kept)
        many = [f"  kept {number} of {file}" for file, number in count.items() if number > 1]
        single = sum(number == 1 for number in count.values())
        ones = [f"  kept {single} files of one drawing each"] if single else []
        guesses: dict[str, list[tuple[str, str]]] = {}
        for file, note in self.guesses:
            guesses.setdefault(_plain(note), []).append((file, note))
        found = ones + _first(many, FEW_SHEETS)
        for told in guesses.values():
            notes = sorted({note.split(", ")[0] for _, note in told})
            shown = "; ".join(notes[:4]) + (", ..." if len(notes) > 4 else "")
            each = [f"  guessed: {file}: {note}" if file else f"  {note}" for file, note in told]
            found += _gathered(each, f"  guessed of {len(told)} files: {shown}")
        reasons: dict[str, list[tuple[str, str]]] = {}
        for name, reason in self.dropped:
            reasons.setdefault(_kind(reason), []).append((name, reason))
        for kind, parts in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])):
            name, reason = parts[0]
            together = f"  dropped {len(parts)}: {kind}, such as {name}"
            found += _gathered([f"  dropped: {name}: {reason}" for name, reason in parts],
                               together + reason.removeprefix(kind))  # fmt: skip
        return [printable(line) for line in _first(found, most)]

    def reasons(self) -> str:
        """How often each reason was met, the most frequent first, in one line."""
        count = collections.Counter(_kind(reason) for _, reason in self.dropped)
        ranked = sorted(count.items(), key=lambda item: (-item[1], item[0]))
        return printable("; ".join(f"{number} {kind}" for kind, number in ranked[:8]))


def _kind(reason: str) -> str:
    """A reason without its numbers."""
    return reason.split(":")[0].split(" (")[0]


def _plain(note: str) -> str:
    """A note without its numbers, for notes of one sort to be told together."""
    return re.sub(r"\S*\d\S*", "", note.split(", ")[0])


def _gathered(lines: list[str], together: str) -> list[str]:
    return lines if len(lines) <= FEW else [together]


def _first(lines: list[str], most: int) -> list[str]:
    more = [f"  ... and {len(lines) - most} more"] if len(lines) > most else []
    return lines[:most] + more
