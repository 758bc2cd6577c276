"""Rows of `evaluate character` for people at 64 px."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.training.characters.judges.colours_seen import found_words, word_of
from aigc_assets.training.characters.judges.people_truth import COLOURED, People, Person
from aigc_assets.training.characters.judges.picture_judge import Fold, PictureJudge
from aigc_assets.training.characters.judges.pose_judge import Clip, PoseJudge
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted, clip_of, strip
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline
from aigc_assets.types.sprite import DIRECTIONS

SIZE, PIVOT = 64, (32, 61)
TRAINING, PEOPLE, ANIMATED = 800, 120, 10
"""Figures that judges learn from, that are drawn from the front, and in all animations."""
_STEPS, _POSE_STEPS = 300, 260
"""Of the judges, 32 pictures each."""


def people_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of people at 64 px.

    Args:
        data: Packed arrays of the task ``character``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("64 px person")
    people = People(data, info)
    palette = people.palette()
    train = people.sample(TRAINING, 1, held_out=False)
    asked = people.sample(PEOPLE, 2, held_out=True)
    held = people.sample(
        PEOPLE, 3, held_out=True
    )  # others, or one set would be a trace of the other
    known, real = people.fronts(train, palette), people.fronts(held, palette)
    ideal = people.fronts(asked, palette)  # how the source draws what is asked for
    actions = tuple(people.vocabulary["actions"])
    made = [
        draw(Wanted(p.prompt, SIZE, "person", actions if i < ANIMATED else ("idle",)), palette, i)
        for i, p in enumerate(asked)
    ]
    fronts = np.stack([sheet.frame_image(0) for sheet in made])
    labels, wanted = (np.array([p.labels for p in some]) for some in (held, asked))
    judge = PictureJudge(known, np.array([p.labels for p in train]), people.classes, steps=_STEPS)
    sets = {"model": (fronts, wanted), **baseline(yardstick, "dcgan64", PEOPLE)}
    table.distances([Fold(judge, ideal)], real, labels, sets)
    words = [colour_words_of(people, person) for person in asked]
    found_words(table, words, {"model": fronts, "floor": ideal})
    table.copies(known, real, {"model": fronts})
    table.cleanliness(made, palette)
    _animations(table, people, train, held[:ANIMATED], made[:ANIMATED], palette)
    return table.rows


def colour_words_of(people: People, person: Person, shown: Collection[str] = COLOURED) -> set[str]:
    """Basic terms for the colours of what a person visibly wears, by the tones of the source.

    Args:
        people: The source.
        person: One of its figures.
        shown: Attributes that a picture shows.
    """
    names, values = people.composer.names, people.composer.values
    worn = {n: values[n][int(person.character[i])] for i, n in enumerate(names)}
    found = set()
    for slot in (slot for slot in COLOURED if slot in shown):
        hidden = slot == "hair" and worn["headwear"] not in ("none", "crown")
        if worn[slot] != "none" and slot != "feet" and not hidden:
            kind, name = person.ramps[slot]
            tones = np.array(people.vocabulary["colours"][kind][name], dtype=np.uint8)[2:5]
            found.add(word_of(tones))
    return found


def _animations(
    table: Table, people: People, train: list[Person], held: list[Person], made: list[Any],
    palette: NDArray[np.uint8],
) -> None:  # fmt: skip
    names = people.clip_names()
    random = np.random.Generator(np.random.Philox(4))
    lessons = [
        Clip(people.clip(person, action, direction, palette), action, direction)
        for person in train[:160]
        for action, direction in (names[k] for k in random.permutation(len(names))[:8])
    ]
    judge = PoseJudge(lessons, tuple(people.vocabulary["actions"]), steps=_POSE_STEPS)
    truth = [{f"{a}_{d}": people.clip(p, a, d, palette) for a, d in names} for p in held]
    sheets = [strip(clips, PIVOT) for clips in truth]

    def clips(some: list[Any]) -> list[Clip]:
        # A figure that sits is shown in its first frame.
        return [
            Clip(clip_of(s, f"{a}_{d}")[: 1 if a == "sit" else None], a, d)
            for s in some
            for a, d in names
        ]

    table.poses(judge, clips(made), clips(sheets))
    walks = [f"walk_{d}" for d in DIRECTIONS]
    table.motion(made, sheets, walks, [f"idle_{d}" for d in DIRECTIONS])
