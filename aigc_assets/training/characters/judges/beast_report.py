"""Rows of `evaluate character` for monsters and animals at 16 px, against those of the source.

What is learnt from are slots without colours, so pictures are judged in four tones. The source has
few creatures: a third of the known ones teaches the judge, a third is the floor, and what is left
stands, with those that no model has seen, for what is real. Whether known ones were copied is asked
apart from that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.likeness import tone_codes
from aigc_assets.models.cards import read_card
from aigc_assets.training.characters.judges.picture_judge import Fold, PictureJudge, Sets
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted, clip_of
from aigc_assets.training.characters.judges.sprite_report import colour_words
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline
from aigc_assets.training.characters.size16.ninja_creatures import BODY, CLASSES, MARK
from aigc_assets.training.characters.size16.tiny_creatures import COLOURS
from aigc_assets.types import SpriteSheet
from aigc_assets.types.oklab import nearest
from aigc_assets.types.sprite import DIRECTIONS

SIZE = 16
_STEPS = 220
_COLOURED = 2
"""Pictures per colour word and kind."""
_GREYS = np.array([0, 20, 95, 170, 240], dtype=np.uint8)
"""Of the tones, dark to light; the first is transparent."""
_TONES = (0.3, 0.58, 0.9)
"""Where on a named ramp the three tones of a slot are taken."""
_FIXED = {"outline": (20, 22, 27), "white": (250, 248, 240), "glow": (226, 44, 62)}
_ANIMALS = frozenset("quadruped rodent bird bat fish serpent lizard bug snail sea".split())
"""Families that are asked for as animals."""


def beast_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of monsters and animals at 16 px.

    Args:
        data: Packed arrays of the task ``beasts16``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("16 px monster, animal")
    vocabulary = info["vocabulary"]
    bodies = list(vocabulary["bodies"])
    families = sorted(set(vocabulary["family"].values()))
    label = np.array([families.index(vocabulary["family"][name]) for name in bodies])
    known, unseen = (_coloured(data[name][:, 0]) for name in ("frames", "held_out"))
    third = _thirds([name.rstrip(" 0123456789") for name in bodies])
    here = np.flatnonzero(third == 2)
    judge = PictureJudge(toned(known[third == 0]), label[third == 0], [len(families)], steps=_STEPS)
    folds = [Fold(judge, toned(known[third == 1]))]
    real = toned(np.concatenate([known[here], unseen]))
    labels = np.concatenate([label[here], np.full(len(unseen), -1)])
    palette = colours_of_ramps()
    sheets, fronts = [], []
    for seed, number in enumerate(here):
        family = vocabulary["family"][bodies[number]]
        kind = "animal" if family in _ANIMALS else "monster"
        word = vocabulary["bodies"][bodies[number]].split()[0]
        sheet = draw(Wanted(word, SIZE, kind, ("idle", "walk")), palette, seed)
        sheets.append(sheet)
        fronts.append(_front(sheet, vocabulary["views"][family]))
    made = np.stack(fronts)
    wanted = label[here]
    order = np.random.Generator(np.random.Philox(2)).permutation(len(real))
    others = baseline(yardstick, "dcgan16_beasts", len(made))
    greys = {name: (toned(pictures), None) for name, (pictures, _) in others.items()}
    sets: Sets = {"model": (toned(made), wanted), **greys}
    table.distances(folds, real[order], labels[order], sets)
    table.words(folds, ("family",), (real, labels[:, None]), (toned(made), wanted[:, None]))

    def coloured(word: str, kind: str) -> list[SpriteSheet]:
        asked = Wanted(f"{word} {kind}", SIZE, kind, ("idle",))
        return [draw(asked, palette, 1000 + seed) for seed in range(_COLOURED)]

    more = colour_words(table, ("monster", "animal"), coloured)
    table.copies(known, unseen, {"model": made})
    table.cleanliness([*sheets, *more], palette)
    tags = [[f"{action}_{side}" for side in DIRECTIONS] for action in ("walk", "idle")]
    table.motion(sheets, [], tags[0], tags[1])
    return table.rows


def toned(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures [N, S, S, 4] in four greys by the order of their colours in lightness."""
    codes = tone_codes(pictures)
    grey = _GREYS[codes]
    return np.stack([grey, grey, grey, np.where(codes > 0, 255, 0).astype(np.uint8)], -1)


def colours_of_ramps(count: int = 160) -> NDArray[np.uint8]:
    """A palette out of the named ramps, [count, 3]."""
    ramps = read_card("character_cvae")["vocabulary"]["colours"]
    tones = [t for kind in ramps.values() for ramp in kind.values() for t in ramp]
    every = np.unique(np.array(tones, dtype=np.uint8), axis=0)
    return every[np.linspace(0, len(every) - 1, count).astype(int)]


def painted(
    slots: NDArray[np.uint8], palette: NDArray[np.uint8], random: np.random.Generator
) -> NDArray[np.uint8]:
    """Slots [N, 16, 16] as pictures [N, 16, 16, 4], body and marks on ramps drawn by lot."""
    ramps = read_card("character_cvae")["vocabulary"]["colours"]["cloth"]
    names = sorted(ramps)
    pictures = np.zeros((*slots.shape, 4), dtype=np.uint8)
    for picture, slot in zip(pictures, slots, strict=True):
        table = np.zeros((len(CLASSES), 4), dtype=np.uint8)
        for number, name in enumerate(CLASSES[1:], 1):
            table[number] = (*_FIXED.get(name, (0, 0, 0)), 255)
        for start in (BODY, MARK):
            ramp = np.array(ramps[names[int(random.integers(len(names)))]], dtype=np.uint8)
            tones = np.round(np.array(_TONES) * (len(ramp) - 1)).astype(int)
            table[start : start + len(tones), :3] = ramp[tones]
        table[1:, :3] = palette[nearest(palette, table[1:, :3])]
        picture[:] = table[slot]
    return pictures


def _coloured(slots: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Slots [N, 16, 16] in plain colours."""
    drawn = np.where(slots > 0, 255, 0).astype(np.uint8)
    return np.concatenate([COLOURS[slots] * (slots > 0)[..., None], drawn[..., None]], -1)


def _thirds(names: list[str]) -> NDArray[np.int64]:
    """0, 1 or 2 for each creature; those of one name, but for a number, go together."""
    different = sorted(set(names))
    order = np.random.Generator(np.random.Philox(4)).permutation(len(different))
    return np.array([order[different.index(name)] % 3 for name in names])


def _front(sheet: SpriteSheet, view: str) -> NDArray[np.uint8]:
    """The standing figure as the source shows its kind: from the side, or from the front."""
    known = {tag.name for tag in sheet.tags}
    sides = ("left", "down") if view == "side" else ("down", "left")
    return clip_of(sheet, next(f"idle_{side}" for side in sides if f"idle_{side}" in known))[0]
