"""Rows of `evaluate character` for monsters, animals, items and effects at 32 px."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.metrics.colour_words import colour_shares
from aigc_assets.training.characters.judges.picture_judge import cross_fitted
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.types import SpriteSheet

SIZE = 32
_STEPS = 300
"""Of the judge, 64 pictures each."""
_COLOURED = 5
"""Pictures per colour word and kind."""
_WORDS = ("red", "green", "blue", "yellow", "purple", "brown", "grey", "white")
_PLAIN = ("black", "grey", "white")
_SEEN = 0.25
"""Share of the pixels that are neither outline nor plain that a colour must have to be seen."""


def sprite_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of 32 px pictures that have no layers.

    As many are drawn as are held out, each from the words of a held-out picture.

    Args:
        data: Packed arrays of the task ``sprite``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("32 px monster, animal, item, effect")
    sprites = pixel_sprites.unpack(data, info)
    train, held = sprites.rows("train"), sprites.rows("held-out")
    pictures, palette = sprites.rgba(), sprites.colours[1:]
    subclasses = sorted({sprites.subclass[i] for i in train})
    labels = np.array(
        [
            [int(kind), subclasses.index(name) if name in subclasses else -1]
            for kind, name in zip(sprites.kind, sprites.subclass, strict=True)
        ]
    )
    folds = cross_fitted(
        pictures[train], labels[train], (len(pixel_sprites.KINDS), len(subclasses)),
        sprites.identity[train], steps=_STEPS,
    )  # fmt: skip
    sheets, wanted = [], []
    for seed, row in enumerate(held):
        kind = pixel_sprites.KINDS[sprites.kind[row]]
        prompt = " ".join(dict.fromkeys((*sprites.words[row], sprites.subclass[row])))
        try:
            sheets.append(draw(Wanted(prompt, SIZE, kind), palette, seed))
        except UsageError:
            continue  # a kind that nothing draws yet
        wanted.append(row)
    if not sheets:
        return []
    made = np.stack([sheet.frame_image(0) for sheet in sheets])
    sets = {
        "model": (made, labels[wanted]),
        **baseline(yardstick, "dcgan", len(made), pixel_sprites.KINDS),
    }
    table.distances(folds, pictures[held], labels[held], sets)
    table.words(folds, ("kind", "subclass"), (pictures[held], labels[held]),
                (made, labels[wanted]))  # fmt: skip

    def coloured(word: str, kind: str) -> list[SpriteSheet]:
        wanted = Wanted(f"{word} {kind}", SIZE, kind)
        return [draw(wanted, palette, 1000 + seed) for seed in range(_COLOURED)]

    more = colour_words(table, pixel_sprites.KINDS, coloured)
    for part in ("", "upper", "lower"):  # parts of known pictures may have been joined
        table.copies(pictures[train], pictures[held], {"model": made}, part)
    table.cleanliness([*sheets, *more], palette)
    return table.rows


def colour_words(
    table: Table, kinds: Sequence[str], draw: Callable[[str, str], list[SpriteSheet]]
) -> list[SpriteSheet]:
    """Whether a colour word is seen; ``shuffled`` looks for another word instead: chance.

    Args:
        table: To which the row is added.
        kinds: Whose pictures are asked for.
        draw: A colour word and a kind to pictures of it.

    Returns:
        All that was drawn.
    """
    sheets, words = [], []
    for word in _WORDS:
        for kind in kinds:
            try:
                some = draw(word, kind)
            except UsageError:
                continue  # a kind that nothing draws yet
            sheets += some
            words += [word] * len(some)
    if not sheets:
        return []
    pictures = [sheet.frame_image(0) for sheet in sheets]
    other = [_WORDS[(_WORDS.index(word) + 3) % len(_WORDS)] for word in words]

    def found(looked_for: list[str]) -> float:
        return float(np.mean([_seen(p, w) for p, w in zip(pictures, looked_for, strict=True)]))

    table.add("colour_words_found", {"model": found(words), "shuffled": found(other)}, ">= 0.9",
              lambda row: row["model"] >= 0.9)  # fmt: skip
    return sheets


def _seen(picture: NDArray[np.uint8], word: str) -> bool:
    shares = colour_shares(picture)
    base = 1 - shares["black"]
    if word not in _PLAIN:
        base -= shares["grey"] + shares["white"]
    return shares[word] >= _SEEN * max(base, 0.2)
