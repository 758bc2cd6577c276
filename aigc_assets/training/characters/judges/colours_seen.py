"""Whether the colours that a prompt names are seen on what is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.colour_words import COLOURS, colour_of, colour_shares
from aigc_assets.training.characters.judges.rows import Table

_SEEN = 0.04
"""Share of a figure that a colour must have to be seen."""


def word_of(tones: NDArray[np.uint8]) -> str:
    """The basic colour term of most tones, [N, 3]."""
    return COLOURS[int(np.bincount(colour_of(tones), minlength=len(COLOURS)).argmax())]


def found_words(
    table: Table, words: Sequence[set[str]], sets: Mapping[str, NDArray[np.uint8]],
    others: Mapping[str, Sequence[set[str]]] | None = None,
) -> None:  # fmt: skip
    """A row: share of the colour words that are seen.

    ``shuffled`` looks for the words of another prompt: what chance finds.

    Args:
        table: To which the row is added.
        words: Per picture of ``model``, the colours that it should show.
        sets: Pictures by column.
        others: Words of columns that show other figures than ``model``.
    """
    named = {name: (others or {}).get(name, words) for name in sets}
    columns = {name: _share(pictures, named[name]) for name, pictures in sets.items()}
    columns["shuffled"] = _share(sets["model"], [*words[1:], *words[:1]])
    table.add("colour_words_found", columns, ">= 0.9", lambda row: row["model"] >= 0.9)


def _share(pictures: NDArray[np.uint8], words: Sequence[set[str]]) -> float:
    hits = [
        colour_shares(picture)[word] >= _SEEN
        for picture, mine in zip(pictures, words, strict=True)
        for word in sorted(mine)
    ]
    return float(np.mean(hits))
