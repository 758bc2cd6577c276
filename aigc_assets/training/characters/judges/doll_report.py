"""Rows of `evaluate character` for people at 32 px, against dolls put together from the source.

Every item of the source is learnt from; held out are dolls that join pairs of items that training
never joins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.models.cards import read_card
from aigc_assets.training.characters.judges.colours_seen import found_words, word_of
from aigc_assets.training.characters.judges.picture_judge import Fold, PictureJudge
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline
from aigc_assets.training.characters.size32.dolls import DollComposer
from aigc_assets.types.oklab import nearest

SIZE, PIVOT = 32, (16, 31)
TRAINING, PEOPLE = 900, 150
"""Dolls that judges learn from, and that are drawn."""
_STEPS = 300
_FOLK = ("human", "elf", "dwarf", "halfling", "gnome")
_NAMED = ("hair", "torso", "legs", "feet", "over", "gloves")
"""Attributes whose colour a prompt names; all else has the colours of its drawing."""
_RAMPS = {"skin": "skin", "hair": "hair"}
"""Kinds of ramps that are not those of cloth."""
_TONES = (1, 3, 4, 5)
"""Of a ramp's six tones, those of the four shades of a slot."""
_ASKED = ("body", "race", "torso", "headwear", "weapon", "shield", "over")
"""Questions to the judges; of items of several words the last one counts."""
_OUTLINE = (8, 6, 12)


class Doll(NamedTuple):
    """A figure: values by attribute, ramp by slot that the prompt names, and the prompt."""

    values: dict[str, str]
    ramps: dict[str, str]
    prompt: str
    numbers: Tensor


class Dolls:
    """Dolls of the source as pictures.

    Args:
        data: Packed arrays of the task ``doll``.
        info: Its description.
    """

    def __init__(self, data: dict[str, NDArray[Any]], info: dict[str, Any]):
        self.vocabulary = info["vocabulary"]
        self.ramps = read_card("character_cvae")["vocabulary"]["colours"]
        self.composer = DollComposer(data, info, "cpu")
        self.nouns = {
            name: sorted({value.split()[-1] for value in self.composer.values[name]})
            for name in _ASKED
        }
        tones = [t for kind in self.ramps.values() for ramp in kind.values() for t in ramp]
        every = np.unique(np.array([*tones, _OUTLINE], dtype=np.uint8), axis=0)
        self.palette = every[np.linspace(0, len(every) - 1, 200).astype(int)]

    def sample(self, count: int, seed: int, *, held_out: bool) -> list[Doll]:
        """Dolls that a prompt can name, with or without a pair that training never joins."""
        source = torch.Generator().manual_seed(seed)
        random = np.random.Generator(np.random.Philox(seed))
        at = self.composer.at
        out: list[Doll] = []
        while len(out) < count:
            pool = self.composer.sample(8 * count, source)
            pool[:, self.composer.labelled :] = 0
            beardless = pool[:, at["body"]] == 0
            pool[beardless, at["beard"]] = 0
            dressed = (pool[:, at["torso"]] > 0) & (pool[:, at["legs"]] > 0)
            pool = pool[dressed & (self.composer.held_out(pool) == held_out)]
            out += [self._doll(numbers, random) for numbers in pool]
        return out[:count]

    def pictures(self, dolls: list[Doll]) -> NDArray[np.uint8]:
        """[N, 32, 32, 4]."""
        slots = self.composer.paint(torch.stack([doll.numbers for doll in dolls])).numpy()
        return np.stack([self._table(d)[s] for d, s in zip(dolls, slots, strict=True)])

    def labels(self, dolls: list[Doll]) -> NDArray[np.int64]:
        """Classes of `_ASKED`, [N, Q]."""
        return np.array(
            [[self.nouns[name].index(d.values[name].split()[-1]) for name in _ASKED] for d in dolls]
        )

    def words(self, doll: Doll) -> set[str]:
        """Basic colour terms of what is worn, by the tones of the source."""
        shown = ("torso", "over") if doll.values["over"] != "none" else ("torso",)
        return {word_of(self._tones(slot, doll.ramps[slot])) for slot in shown}

    def _tones(self, slot: str, ramp: str) -> NDArray[np.uint8]:
        tones = self.ramps[_RAMPS.get(slot, "cloth")][ramp]
        return np.array(tones, dtype=np.uint8)[list(_TONES)]

    def _doll(self, numbers: Tensor, random: np.random.Generator) -> Doll:
        values = {n: self.composer.values[n][int(numbers[i])] for n, i in self.composer.at.items()}
        ramps = {}
        for slot in (*_NAMED, "skin"):
            names = sorted(self.ramps[_RAMPS.get(slot, "cloth")])
            ramps[slot] = names[int(random.integers(len(names)))]
        return Doll(values, ramps, prompt_of(values, ramps), numbers)

    def _table(self, doll: Doll) -> NDArray[np.uint8]:
        """RGBA of every slot class."""
        tones: dict[str, NDArray[np.uint8]] = {}
        for attribute in self.vocabulary["slots"]:
            drawn = self.vocabulary["tones"].get(attribute, {}).get(doll.values[attribute], {})
            for slot, own in drawn.items():
                tones.setdefault(slot, np.array(own, dtype=np.uint8))
        for slot, ramp in doll.ramps.items():
            if slot != "skin" or doll.values["race"] in _FOLK:
                tones[slot] = self._tones(slot, ramp)
        table = np.zeros((len(self.vocabulary["classes"]), 4), dtype=np.uint8)
        for number, name in enumerate(self.vocabulary["classes"][1:], 1):
            slot, _, shade = name.partition(" ")
            table[number, :3] = tones[slot][int(shade) - 1] if slot in tones else _OUTLINE
            table[number, 3] = 255
        table[1:, :3] = self.palette[nearest(self.palette, table[1:, :3])]
        return table


def prompt_of(values: dict[str, str], ramps: dict[str, str]) -> str:
    """Words for a doll: who, then what is worn, with its colour where a colour is free."""
    parts = [f"{values['body']} {values['race']}"]
    if values["race"] in _FOLK:
        parts.append(f"{ramps['skin']} skin")
    parts.append(f"{ramps['hair']} {values['hair']} hair" if values["hair"] != "none" else "bald")
    parts.append(values["beard"] if values["beard"] != "none" else "shaven")
    parts += [f"{ramps[name]} {values[name]}" for name in _NAMED[1:] if values[name] != "none"]
    if values["feet"] == "none":
        parts.append("barefoot")
    parts += [values[n] for n in ("headwear", "weapon", "shield", "wings") if values[n] != "none"]
    return ", ".join(parts)


def doll_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of people at 32 px.

    Args:
        data: Packed arrays of the task ``doll``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("32 px person")
    dolls = Dolls(data, info)
    train = dolls.sample(TRAINING, 1, held_out=False)
    asked = dolls.sample(PEOPLE, 2, held_out=True)
    held = dolls.sample(PEOPLE, 3, held_out=True)
    known, real, ideal = map(dolls.pictures, (train, held, asked))
    sheets = [draw(Wanted(d.prompt, SIZE, "person"), dolls.palette, i) for i, d in enumerate(asked)]
    made = np.stack([sheet.frame_image(0) for sheet in sheets])
    classes = [len(dolls.nouns[name]) for name in _ASKED]
    judge = PictureJudge(known, dolls.labels(train), classes, steps=_STEPS)
    folds = [Fold(judge, ideal)]  # the source's own drawings of what is asked for
    labels, wanted = dolls.labels(held), dolls.labels(asked)
    sets = {"model": (made, wanted), **baseline(yardstick, "dcgan", PEOPLE, ("person",))}
    table.distances(folds, real, labels, sets)
    table.words(folds, _ASKED, (ideal, wanted), (made, wanted))
    found_words(table, [dolls.words(d) for d in asked], {"model": made, "floor": ideal})
    table.copies(known, real, {"model": made})
    table.cleanliness(sheets, dolls.palette)
    table.motion(sheets, [], (), ("idle",))
    return table.rows
