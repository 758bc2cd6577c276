"""Rows of `evaluate character` for crowds: many 32 px figures at once by the fast network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.training.characters.judges.picture_judge import cross_fitted
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted, clip_of, strip
from aigc_assets.training.characters.judges.sprite_report import colour_words
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.characters.size32.crowd_pictures import SHARES, CrowdPictures
from aigc_assets.types import SpriteSheet

SIZE, PIVOT = 32, (16, 31)
KINDS = ("person", "monster", "animal")
"""What crowds are of."""
_PEOPLE = 500
"""People that judges learn from."""
_STEPS = 260
_COLOURED = 6
"""Figures per colour word and kind."""


def crowd_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of crowds: one is asked for every class, as large as what is held out of it.

    Args:
        data: Packed arrays of the task ``crowd``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("32 px crowd")
    source = CrowdPictures(data, info)
    palette = source.sprites.colours[1:]
    known, lessons, identity = _real(source, "train", 1, _PEOPLE)
    creatures = sum(len(source.rows[kind, "held-out"]) for kind in KINDS[1:])
    others = sum(SHARES[kind] for kind in KINDS[1:])
    people = round(creatures * SHARES["person"] / others)
    real, labels, _ = _real(source, "held-out", 2, people)
    folds = cross_fitted(known, lessons, (len(KINDS), len(source.classes)), identity, steps=_STEPS)
    sheets: list[SpriteSheet] = []
    wanted: list[NDArray[np.int64]] = []
    for number in np.unique(labels[:, 1]):
        kind, part = source.classes[number].split("/")
        count = int((labels[:, 1] == number).sum())
        prompt = kind if part == "other" else f"{part} {kind}"
        sheet = draw(Wanted(prompt, SIZE, kind, crowd=count), palette, int(number))
        sheets += figures(sheet, count)
        wanted += [np.array([KINDS.index(kind), -1 if part == "other" else number])] * count
    made = np.stack([sheet.frame_image(0) for sheet in sheets])
    asked = np.stack(wanted)
    order = np.random.Generator(np.random.Philox(3)).permutation(len(made))
    made, asked = made[order], asked[order]
    sets = {"model": (made, asked), **baseline(yardstick, "dcgan", len(made), KINDS)}
    table.distances(folds, real, labels, sets)
    table.words(folds, ("kind", "class"), (real, labels), (made, asked))

    def coloured(word: str, kind: str) -> list[SpriteSheet]:
        sheet = draw(Wanted(f"{word} {kind}", SIZE, kind, crowd=_COLOURED), palette, 1000)
        return figures(sheet, _COLOURED)

    more = colour_words(table, KINDS, coloured)
    table.copies(known, real, {"model": made})
    table.cleanliness([*sheets, *more], palette)
    table.motion(sheets, [], (), ("idle",))
    return table.rows


def figures(sheet: SpriteSheet, count: int) -> list[SpriteSheet]:
    """The figures of a crowd, each as a sheet of its own."""
    return [strip({"idle": clip_of(sheet, f"idle_{i + 1}")}, PIVOT) for i in range(count)]


def _real(
    source: CrowdPictures, split: str, seed: int, people: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Pictures, kind and class, and what each one shows, in random order."""
    maps, label = (x.numpy() for x in source.real(split, seed, people))
    rows = np.concatenate([source.rows[kind, split] for kind in pixel_sprites.KINDS])
    identity = np.concatenate([-1 - np.arange(people), source.sprites.identity[rows]])
    names = [source.classes[i].split("/") for i in label]
    keep = np.flatnonzero([kind in KINDS for kind, _ in names])
    keep = np.random.Generator(np.random.Philox(seed)).permutation(keep)
    labels = np.array([(KINDS.index(names[i][0]), label[i]) for i in keep], dtype=np.int64)
    return source.sprites.rgba(maps[keep].astype(np.uint8)), labels, identity[keep]
