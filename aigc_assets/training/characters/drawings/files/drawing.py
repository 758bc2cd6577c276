"""What a drawing is and what became of the files."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_assets.training.maps.level_files.level import printable

SHOWN = 40
"""Reasons that are printed; the rest is counted."""


@dataclass(frozen=True)
class Drawing:
    """One figure, cut to its bounding box.

    Args:
        name: File, and the cell or frame in it.
        file: Name of the file.
        picture: [H, W, 4] uint8 sRGB; alpha is 0 or 255, what is not drawn is all zero.
    """

    name: str
    file: str
    picture: NDArray[np.uint8]


@dataclass
class Report:
    """What became of the files of a folder.

    Args:
        files: Names of the files that were read.
        dropped: What was left out, a file or a part of one, and why.
        guesses: What had to be guessed, one line each.
    """

    files: list[str] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    guesses: list[str] = field(default_factory=list)

    def lines(self, most: int = SHOWN) -> list[str]:
        """The report for people; parts of a file that were dropped for one reason share a line."""
        alike: dict[tuple[str, str], list[str]] = {}
        for name, reason in self.dropped:
            file = next((f for f in self.files if name.startswith((f"{f}[", f"{f}#"))), name)
            alike.setdefault((file, _kind(reason)), []).append(f"{name}: {reason}")
        lines = [
            said[0] if len(said) == 1 else f"{file}: {len(said)} parts of it: {kind}"
            for (file, kind), said in alike.items()
        ]
        found = [f"  guessed: {guess}" for guess in _first(self.guesses, most)]
        found += [f"  dropped: {line}" for line in _first(lines, most)]
        return [printable(line) for line in found]

    def reasons(self) -> str:
        """How often each reason was met, the most frequent first, in one line."""
        count = collections.Counter(_kind(reason) for _, reason in self.dropped)
        ranked = sorted(count.items(), key=lambda item: (-item[1], item[0]))
        return printable("; ".join(f"{number} {kind}" for kind, number in ranked[:8]))


def _kind(reason: str) -> str:
    """A reason without its numbers."""
    return reason.split(":")[0].split(" (")[0]


def _first(lines: list[str], most: int) -> list[str]:
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return lines[:most] + more
