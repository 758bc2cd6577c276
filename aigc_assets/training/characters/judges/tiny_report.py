"""Rows of `evaluate character` for people at 16 px, against figures put together from the source.

Every head and body of the source is learnt from; held out are pairs of them. Pictures of the source
have one frame of attack and of jump in each direction.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.training.characters.judges.colours_seen import found_words, word_of
from aigc_assets.training.characters.judges.picture_judge import Fold, PictureJudge
from aigc_assets.training.characters.judges.pose_judge import Clip, PoseJudge
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted, clip_of, strip
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline
from aigc_assets.training.characters.size16.tiny_people import TinyPeopleTask
from aigc_assets.training.trainer import Run
from aigc_assets.types import SpriteSheet
from aigc_assets.types.oklab import nearest, to_oklab
from aigc_assets.types.sprite import DIRECTIONS

SIZE, PIVOT = 16, (8, 15)
TRAINING, PEOPLE, ANIMATED = 600, 120, 30
"""Figures that judges learn from, that are drawn, and whose animations are looked at."""
_STEPS, _POSE_STEPS = 300, 300
_ACTIONS = ("walk", "attack", "jump")
_GROUPS = {"skin": "skin", "hair": "hair", "trim": "cloth", "cloth": "cloth", "band": "cloth"}
_TONES = (0.3, 0.58, 0.9)
"""Where on a named ramp the three tones of a slot are taken."""
_FIXED = {"outline": (20, 22, 27), "white": (250, 248, 240), "eye": (214, 40, 46)}


class Tiny(NamedTuple):
    """A figure: numbers of head, face, body, scarf; ramp by slot; the words that ask for it."""

    parts: tuple[int, ...]
    ramps: dict[str, str]
    prompt: str


class Source:
    """Figures of the source as pictures."""

    def __init__(self, data: dict[str, NDArray[Any]], info: dict[str, Any]):
        self.vocabulary = info["vocabulary"]
        self.ramps = read_card("character_cvae")["vocabulary"]["colours"]
        with tempfile.TemporaryDirectory() as scratch:
            self.task = TinyPeopleTask(data, info, Run("cpu", 1.0, 0, Path(scratch)))
        self.poses = [tuple(pose) for pose in self.vocabulary["poses"]]
        self.heads = list(self.vocabulary["heads"].values())
        self.bodies = list(self.vocabulary["bodies"].values())
        tones = [t for kind in self.ramps.values() for ramp in kind.values() for t in ramp]
        every = np.unique(np.array([*tones, *_FIXED.values()], dtype=np.uint8), axis=0)
        # Generated outlines have the darkest colour that there is, so that is the source's own.
        dark = float(to_oklab(np.array([_FIXED["outline"]], dtype=np.uint8))[0, 0])
        light = to_oklab(every)[:, 0]
        every = every[np.argsort(light)][np.sort(light) >= dark - 1e-9]
        self.palette = every[np.linspace(0, len(every) - 1, 160).astype(int)]

    def sample(self, count: int, seed: int, *, held_out: bool) -> list[Tiny]:
        """Figures with, or without, a pair of parts that training never joins."""
        source = torch.Generator().manual_seed(seed)
        random = np.random.Generator(np.random.Philox(seed))
        pool = self.task.sample(12 * count, source)
        pool[:, 1] = 0  # prompts name a head, not a face beside it
        pool[:, 3] = 0
        pool = pool[self.task.held_out(pool) == held_out]
        return [self._figure(tuple(parts), random) for parts in pool[:count].tolist()]

    def frames(self, figure: Tiny) -> NDArray[np.uint8]:
        """Pictures in all poses, [P, 16, 16, 4]."""
        table = np.zeros((len(self.vocabulary["classes"]), 4), dtype=np.uint8)
        for number, name in enumerate(self.vocabulary["classes"][1:], 1):
            group, _, shade = name.partition(" ")
            if group in figure.ramps:
                ramp = np.array(self.ramps[_GROUPS[group]][figure.ramps[group]], dtype=np.uint8)
                at = np.round(np.array(_TONES) * (len(ramp) - 1)).astype(int)
                table[number, :3] = ramp[at[int(shade) - 1]]
            else:
                table[number, :3] = _FIXED[name]
            table[number, 3] = 255
        table[1:, :3] = self.palette[nearest(self.palette, table[1:, :3])]
        slots = self.task.paint(torch.tensor([figure.parts]))[0].numpy()
        pictures: NDArray[np.uint8] = table[slots]
        return pictures

    def clips(self, figure: Tiny) -> dict[str, NDArray[np.uint8]]:
        """Animations by tag; the one frame of attack and of jump follows the standing figure."""
        frames = self.frames(figure)
        out = {}
        for action in _ACTIONS:
            for direction in DIRECTIONS:
                rows = [
                    i
                    for i, (row, side) in enumerate(self.poses)
                    if side == direction
                    and (row.split()[0] == action or (row == "walk 0" and action != "walk"))
                ]
                out[f"{action}_{direction}"] = frames[rows]
        return out

    def words(self, figure: Tiny) -> set[str]:
        """Basic colour terms of the cloth and of the skin, by the tones of their ramps."""
        found = set()
        for slot in ("cloth", "skin"):
            ramp = np.array(self.ramps[_GROUPS[slot]][figure.ramps[slot]], dtype=np.uint8)
            found.add(word_of(ramp[2:5]))
        return found

    def _figure(self, parts: tuple[int, ...], random: np.random.Generator) -> Tiny:
        ramps = {}
        for slot, kind in _GROUPS.items():
            names = sorted(self.ramps[kind])
            ramps[slot] = names[int(random.integers(len(names)))]
        head, body = self.heads[parts[0]].split(), self.bodies[parts[2]].split()
        prompt = (
            f"{' '.join(head[:2])}, {ramps['hair']} hair, {ramps['skin']} skin, "
            f"{ramps['cloth']} {body[0]}"
        )
        return Tiny(parts, ramps, prompt)


def tiny_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of people at 16 px.

    Args:
        data: Packed arrays of the task ``people16``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("16 px person")
    source = Source(data, info)
    train = source.sample(TRAINING, 1, held_out=False)
    asked = source.sample(PEOPLE, 2, held_out=True)
    held = source.sample(PEOPLE, 3, held_out=True)
    known, real, ideal = (
        np.stack([source.frames(f)[0] for f in some]) for some in (train, held, asked)
    )
    made = [
        draw(
            Wanted(f.prompt, SIZE, "person", ("walk", "attack", "jump", "idle")), source.palette, i
        )
        for i, f in enumerate(asked)
    ]
    fronts = np.stack([clip_of(sheet, "walk_down")[0] for sheet in made])
    labels, lessons = (np.array([(f.parts[0], f.parts[2]) for f in some]) for some in (held, train))
    judge = PictureJudge(known, lessons, (len(source.heads), len(source.bodies)), steps=_STEPS)
    sets = {"model": (fronts, None), **baseline(yardstick, "dcgan16", PEOPLE)}
    table.distances([Fold(judge, ideal)], real, labels, sets)
    found = {"model": (fronts, asked), "floor": (ideal, asked)}
    _words(table, source, judge, found)
    table.copies(known, real, {"model": fronts})
    table.cleanliness(made, source.palette)
    _animations(table, source, train, held[:ANIMATED], made[:ANIMATED])
    return table.rows


def _words(
    table: Table, source: Source, judge: PictureJudge,
    sets: dict[str, tuple[NDArray[np.uint8], list[Tiny]]],
) -> None:  # fmt: skip
    """Whether a judge names a head of the words that were asked for, and colours are seen."""
    for name in ("network", "features"):
        columns = {}
        for column, (pictures, figures) in sets.items():
            seen = judge.classify(pictures)[name][:, 0]
            hits = [
                bool(set(source.heads[head].split()) & set(figure.prompt.split(",")[0].split()))
                for head, figure in zip(seen, figures, strict=True)
            ]
            columns[column] = float(np.mean(hits))
        table.add(f"head_words_found_{name}", columns, ">= 0.95 x floor",
                  lambda row: row["model"] >= 0.95 * row["floor"])  # fmt: skip
    words = [source.words(figure) for figure in sets["model"][1]]
    found_words(table, words, {name: pictures for name, (pictures, _) in sets.items()})


def _animations(
    table: Table, source: Source, train: list[Tiny], held: list[Tiny], made: list[SpriteSheet]
) -> None:
    lessons = [
        Clip(frames, *tag.split("_"))
        for figure in train[:150]
        for tag, frames in source.clips(figure).items()
    ]
    judge = PoseJudge(lessons, _ACTIONS, steps=_POSE_STEPS)
    sheets = [strip(source.clips(figure), PIVOT) for figure in held]
    tags = [f"{action}_{direction}" for action in _ACTIONS for direction in DIRECTIONS]

    def clips(some: list[SpriteSheet]) -> list[Clip]:
        return [Clip(clip_of(s, tag), *tag.split("_")) for s in some for tag in tags]

    table.poses(judge, clips(made), clips(sheets))
    standing = [f"idle_{d}" for d in DIRECTIONS]
    table.motion(made, sheets, [f"walk_{d}" for d in DIRECTIONS], standing)
