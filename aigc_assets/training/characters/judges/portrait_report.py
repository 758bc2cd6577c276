"""Rows of `evaluate character` for portraits, against busts of the source's figures.

The source has no portraits: what is real are head and shoulders of its figures, doubled by the
plain rule of EPX.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.training.characters.judges.colours_seen import found_words
from aigc_assets.training.characters.judges.people_report import colour_words_of
from aigc_assets.training.characters.judges.people_truth import ASKED, COLOURED, People
from aigc_assets.training.characters.judges.picture_judge import Fold, PictureJudge
from aigc_assets.training.characters.judges.rows import Draw, Row, Table, Wanted
from aigc_assets.training.characters.judges.yardstick import Yardstick, baseline

SIZE = 64
TRAINING, PEOPLE = 500, 120
_STEPS = 250
_SHOWN = ("body", "hair", "beard", "torso", "over", "headwear")
"""Questions of `ASKED` that a bust answers."""
_CROWN = 11
"""Highest row of a figure that a bust shows."""


def portrait_rows(
    data: dict[str, NDArray[Any]],
    info: dict[str, Any],
    draw: Draw,
    yardstick: Yardstick | None = None,
) -> list[Row]:
    """All measures of portraits.

    Args:
        data: Packed arrays of the task ``character``.
        info: Its description.
        draw: The public pipeline.
        yardstick: The DCGAN.
    """
    table = Table("64 px portrait")
    people = People(data, info)
    palette = people.palette()
    train = people.sample(TRAINING, 1, held_out=False)
    asked = people.sample(PEOPLE, 4, held_out=True)
    held = people.sample(PEOPLE, 5, held_out=True)
    known, real, ideal = (busts(people.fronts(some, palette)) for some in (train, held, asked))
    sheets = [draw(Wanted(p.prompt, SIZE, "portrait"), palette, i) for i, p in enumerate(asked)]
    made = np.stack([sheet.frame_image(0) for sheet in sheets])
    shown = [ASKED.index(name) for name in _SHOWN]
    lessons, labels, wanted = (
        np.array([p.labels for p in some])[:, shown] for some in (train, held, asked)
    )
    judge = PictureJudge(known, lessons, [people.classes[i] for i in shown], steps=_STEPS)
    folds = [Fold(judge, ideal)]
    sets: dict[str, Any] = {"model": (made, wanted)}
    for name, (whole, _) in baseline(yardstick, "dcgan64", PEOPLE).items():
        sets[name] = (busts(whole), None)
    table.distances(folds, real, labels, sets)
    table.words(folds, _SHOWN, (ideal, wanted), (made, wanted))
    upper = set(COLOURED) & {"hair", "torso", "over"}
    words = [colour_words_of(people, person, upper) for person in asked]
    found_words(table, words, {"model": made, "floor": ideal})
    table.copies(known, real, {"model": made})
    table.cleanliness(sheets, palette)
    return table.rows


def busts(figures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Head and shoulders of figures [N, 64, 64, 4] at twice the size, [N, 64, 64, 4]."""
    out = []
    for figure in figures:
        rows = np.flatnonzero((figure[..., 3] > 0).any(1))
        top = min(max(_CROWN, int(rows[0]) - 1), SIZE // 2) if len(rows) else _CROWN
        out.append(_doubled(figure[top : top + SIZE // 2, SIZE // 4 : -SIZE // 4]))
    return np.stack(out)


def _doubled(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """EPX: a corner takes the colour of the two neighbours beside it if they agree."""
    code = np.pad(np.ascontiguousarray(small).view(np.uint32)[..., 0], 1)
    centre = code[1:-1, 1:-1]
    up, down, left, right = code[:-2, 1:-1], code[2:, 1:-1], code[1:-1, :-2], code[1:-1, 2:]
    edge = (up != down) & (left != right)
    large = centre.repeat(2, 0).repeat(2, 1)
    for y, upright in enumerate((up, down)):
        for x, level in enumerate((left, right)):
            large[y::2, x::2] = np.where(edge & (upright == level), upright, centre)
    return np.ascontiguousarray(large)[..., None].view(np.uint8)
