"""What 64 px people really look like: the source's own figures, their labels, and prompts for them.

Figures whose pairs of items training never joins are held out; what judges know of people comes
from the others. Colours are put onto the palette that generated people will be drawn with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.training.characters.size64.lpc_layers import pose_names
from aigc_assets.training.characters.size64.people import Composer
from aigc_assets.types.oklab import from_oklab, nearest, to_oklab
from aigc_assets.types.sprite import DIRECTIONS

SIDE = 64
ASKED = ("body", "hair", "beard", "torso", "over", "legs", "feet", "headwear")
"""Attributes that judges are asked for."""
COLOURED = ("hair", "torso", "over", "legs", "feet")
"""Attributes whose colour the prompts name."""
_FIXED = {
    "lens 1": (115, 190, 211), "lens 2": (138, 190, 201), "lens 3": (164, 221, 219),
    "iris 1": (24, 80, 111), "iris 2": (79, 143, 186), "iris 3": (108, 220, 231),
    "eye white": (255, 255, 255), "dark": (39, 25, 32),
}  # fmt: skip
_FREE_RAMPS = {"metal": ("metal", "steel"), "leather": ("cloth", "leather")}


@dataclass(frozen=True)
class Person:
    """One figure.

    Args:
        character: Value of every attribute, [A] int64.
        ramps: Kind and name of the ramp of each slot.
        prompt: Words that ask for it.
        labels: Classes of `ASKED`.
    """

    character: Tensor
    ramps: dict[str, tuple[str, str]]
    prompt: str
    labels: tuple[int, ...]


class People:
    """Figures of the source as pictures.

    Args:
        data: Packed arrays of the task ``character``.
        info: Its description.
    """

    def __init__(self, data: dict[str, NDArray[Any]], info: dict[str, Any]):
        self.composer = Composer(data, info, "cpu")
        self.vocabulary = info["vocabulary"]
        self.classes = [len(self.vocabulary["attributes"][name]) for name in ASKED]
        self.poses = pose_names()

    def palette(self, size: int = 128) -> NDArray[np.uint8]:
        """Colours that serve all ramps, [size, 3]: k-means in OKLab of their tones."""
        tones = [
            t for kind in self.vocabulary["colours"].values() for r in kind.values() for t in r
        ]
        lab = to_oklab(np.unique(np.array([*tones, *_FIXED.values()], dtype=np.uint8), axis=0))
        random = np.random.Generator(np.random.Philox(1))
        centres = lab[random.choice(len(lab), min(size, len(lab)), replace=False)]
        for _ in range(12):
            owner = ((lab[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
            count = np.bincount(owner, minlength=len(centres))
            total = np.stack([np.bincount(owner, c, len(centres)) for c in lab.T], 1)
            centres = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centres)
        return np.unique(from_oklab(centres), axis=0)

    def sample(self, count: int, seed: int, *, held_out: bool) -> list[Person]:
        """Figures that a prompt can name, all of them with, or all without, a held-out pair."""
        generator = torch.Generator().manual_seed(seed)
        random = np.random.Generator(np.random.Philox(seed))
        names = self.composer.names
        out: list[Person] = []
        while len(out) < count:
            pool = self.composer.sample(4 * count, generator)
            pool[:, len(self.vocabulary["attributes"]) :] = 0
            body, head = (pool[:, names.index(n)] for n in ("body", "head"))
            pool[:, names.index("head")] = torch.where(head == 2, head, body)
            pool[:, names.index("eyewear")] = 0
            pool[body == 0, names.index("beard")] = 0
            pool = pool[self.composer.held_out(pool) == held_out]
            out += [self._person(character, random) for character in pool]
        return out[:count]

    def frames(
        self, person: Person, poses: list[tuple[str, str, int]], palette: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Pictures [P, 64, 64, 4] of a figure in (action, direction, frame) poses."""
        numbers = [self.poses.index((a, "left" if d == "right" else d, f)) for a, d, f in poses]
        number = torch.tensor(numbers)
        many = self.composer.fit(person.character.expand(len(poses), -1), number)
        slots = self.composer.paint(many, number).numpy()
        table = self._table(person, palette)
        out = np.zeros((len(poses), SIDE, SIDE, 4), dtype=np.uint8)
        for picture, pose, slot, (_, direction, _) in zip(out, numbers, slots, poses, strict=True):
            left, top = self.vocabulary["windows"][pose]
            y, x = max(0, top), max(0, left)
            part = table[slot[y - top : SIDE - top, x - left : SIDE - left]]
            picture[y : y + part.shape[0], x : x + part.shape[1]] = part
            if direction == "right":
                picture[:] = picture[:, ::-1].copy()
        return out

    def fronts(self, people: list[Person], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The first idle frame, seen from the front, of every figure, [N, 64, 64, 4]."""
        return np.concatenate([self.frames(p, [("idle", "down", 0)], palette) for p in people])

    def clip(
        self, person: Person, action: str, direction: str, palette: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """All frames of an animation, [F, 64, 64, 4]."""
        count = self.vocabulary["actions"][action]
        return self.frames(person, [(action, direction, i) for i in range(count)], palette)

    def clip_names(self) -> list[tuple[str, str]]:
        """Every (action, direction)."""
        return [(a, d) for a in self.vocabulary["actions"] for d in DIRECTIONS]

    def _person(self, character: Tensor, random: np.random.Generator) -> Person:
        names, ramps = self.composer.names, self.vocabulary["colours"]
        worn = {n: self.composer.values[n][int(character[i])] for i, n in enumerate(names)}

        def pick(kind: str) -> tuple[str, str]:
            choices = sorted(ramps[kind])
            return kind, choices[int(random.integers(len(choices)))]

        chosen = {slot: pick("cloth") for slot in ("torso", "over", "legs", "feet", "accent")}
        chosen |= {"skin": pick("skin"), "hair": pick("hair")}
        for slot, (kind, name) in _FREE_RAMPS.items():
            chosen[slot] = (kind, name if name in ramps[kind] else min(ramps[kind]))
        if worn["headwear"] in ("hood", "pointed hat"):
            chosen["accent"] = chosen["over" if worn["over"] == "cloak" else "torso"]
        labels = tuple(int(character[names.index(name)]) for name in ASKED)
        return Person(character, chosen, _prompt(worn, chosen), labels)

    def _table(self, person: Person, palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGBA of every slot class, [classes, 4]."""
        table = np.zeros((len(self.vocabulary["classes"]), 4), dtype=np.uint8)
        for number, name in enumerate(self.vocabulary["classes"][1:], 1):
            group, _, shade = name.partition(" ")
            if group in person.ramps:
                kind, ramp = person.ramps[group]
                table[number, :3] = self.vocabulary["colours"][kind][ramp][int(shade) - 1]
            else:
                table[number, :3] = _FIXED[name]
            table[number, 3] = 255
        table[1:, :3] = palette[nearest(palette, table[1:, :3])]
        return table


def _prompt(worn: dict[str, str], ramps: dict[str, tuple[str, str]]) -> str:
    """Words for a figure: who, then every garment with its colour."""
    parts = [("elderly " if worn["head"] == "elderly" else "") + f"{worn['body']} person"]
    parts.append(f"{ramps['skin'][1]} skin")
    colour = {name: ramps[name][1] for name in COLOURED}
    parts.append(f"{colour['hair']} {worn['hair']} hair" if worn["hair"] != "none" else "bald")
    parts.append(worn["beard"] if worn["beard"] != "none" else "shaven")
    for name in ("torso", "over", "legs", "feet"):
        if worn[name] != "none":
            parts.append(f"{colour[name]} {worn[name]}")
    if worn["feet"] == "none":
        parts.append("barefoot")
    if worn["neck"] != "none":
        parts.append(f"{ramps['accent'][1]} {worn['neck']}")
    if worn["headwear"] != "none":
        parts.append(f"{ramps['metal'][1]} {worn['headwear']}")
    return ", ".join(parts)
