"""The table of `evaluate character`: a model, its yardsticks and what is to be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics import animations, sprites
from aigc_assets.metrics.likeness import CopyIndex, copy_share, tone_codes
from aigc_assets.training.characters.judges.damage import LADDER, ceiling
from aigc_assets.training.characters.judges.picture_judge import Fold, compare_sets
from aigc_assets.training.characters.judges.pose_judge import Clip, PoseJudge
from aigc_assets.types import Frame, SpriteSheet, Tag

_ALLOWED = 0.02
"""Share of held-out real pictures below whose distance a picture is a near copy."""

_TOLD = 0.1
"""A judge can tell what a word means if it finds it so much more often than chance would."""


@dataclass(frozen=True)
class Wanted:
    """A request to the public pipeline; empty animations are those of the tier, 0 is no crowd."""

    prompt: str
    size: int
    kind: str
    animations: tuple[str, ...] = ()
    crowd: int = 0


Draw = Callable[[Wanted, NDArray[np.uint8], int], SpriteSheet]
"""The public pipeline: what is wanted, palette [N, 3] and seed to a sheet."""


@dataclass(frozen=True)
class Row:
    """One measure of one tier.

    Args:
        tier: Such as ``64 px person``.
        measure: Name of the measure.
        columns: ``model``, shipped models through the public pipeline; ``floor``, real pictures
            that the judge has not seen, against held-out ones, or the held-out ones themselves;
            ``baseline``, the classic DCGAN; ``ceiling``, held-out ones with a tenth of their
            pixels at random.
        target: What is to be reached, in words.
        met: Whether it is; None where there is no target, or nothing to compare with.
    """

    tier: str
    measure: str
    columns: Mapping[str, float]
    target: str = ""
    met: bool | None = None


class Table:
    """Collects the rows of one tier and judges them.

    Args:
        tier: Such as ``64 px person``.
    """

    def __init__(self, tier: str):
        self.tier = tier
        self.rows: list[Row] = []

    def add(
        self,
        measure: str,
        columns: Mapping[str, float],
        target: str = "",
        reached: Callable[[Mapping[str, float]], bool | None] | None = None,
    ) -> None:
        """Append a row; ``reached`` looks at its columns."""
        rounded = {name: round(float(value), 4) for name, value in columns.items()}
        met = reached(rounded) if reached is not None and "model" in rounded else None
        self.rows.append(Row(self.tier, measure, rounded, target, met))

    def distances(
        self,
        folds: Sequence[Fold],
        real: NDArray[np.uint8],
        labels: NDArray[np.int64],
        sets: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.int64] | None]],
    ) -> None:
        """Distances, density, coverage and class accuracy of sets against held-out pictures.

        The first rows show that the judges can be believed: a distance has to rise with the share
        of exchanged pixels, and a tenth of them has to miss the bar of what is drawn.

        Args:
            folds: Judges, and the real pictures that are the floor.
            real: Held-out pictures, [N, S, S, 4].
            labels: Their classes.
            sets: ``model``, ``baseline`` and others: pictures and what they were meant to be.
        """
        columns = {**sets, "ceiling": (ceiling(real), labels)}
        found = compare_sets(folds, real, labels, columns)
        for name in [name for name in found if name.startswith("damage_noticed")]:
            row = found.pop(name)
            row["floor"] = found[name.replace("damage_noticed", "frechet_distance")]["floor"]
            self.add(name, row, "3 % < 10 % < 30 %; 10 % > 3 x floor")
            self.rows[-1] = replace(self.rows[-1], met=_notices(row))
        for name, row in found.items():
            self.add(name, row, *_asked(name, row))

    def words(
        self,
        folds: Sequence[Fold],
        questions: Sequence[str],
        real: tuple[NDArray[np.uint8], NDArray[np.int64]],
        made: tuple[NDArray[np.uint8], NDArray[np.int64]],
    ) -> None:
        """Per question, how often both judges see what was asked for, as often as on real pictures.

        ``shuffled`` looks for what other prompts asked for: what chance finds. A judge that hardly
        does better on real pictures is no witness, and there is no target.

        Args:
            folds: Judges; a value is the mean over all.
            questions: Names of the columns of the labels.
            real: Pictures [N, S, S, 4] and labels [N, Q] of real pictures that no judge has seen.
            made: The same of the model.
        """
        chance = np.random.Generator(np.random.Philox(7)).permutation(len(made[1]))
        columns = {"model": made, "floor": real, "shuffled": (made[0], made[1][chance])}
        seen = {
            name: [judge.classify(pictures) for judge, _ in folds]
            for name, (pictures, _) in columns.items()
        }
        for judge_name in ("network", "features"):
            for number, question in enumerate(questions):
                row = {}
                for name, (_, labels) in columns.items():
                    asked = labels[:, number] >= 0
                    hits = [
                        (answers[judge_name][asked, number] == labels[asked, number]).mean()
                        for answers in seen[name]
                        if asked.any()
                    ]
                    if hits:
                        row[name] = float(np.mean(hits))
                told = row.get("floor", 0) >= row.get("shuffled", 0) + _TOLD
                target = ">= 0.95 x floor" if told else "none: the judge cannot tell"
                self.add(
                    f"{question}_word_found_{judge_name}",
                    row,
                    target,
                    (lambda row: row["model"] >= 0.95 * row["floor"]) if told else None,
                )

    def copies(
        self,
        known: NDArray[np.uint8],
        real: NDArray[np.uint8],
        sets: Mapping[str, NDArray[np.uint8]],
        part: str = "",
    ) -> None:
        """Share of near copies of training pictures, nearer than 2 % of the real ones are.

        Args:
            known: Training pictures, [N, S, S, 4].
            real: Held-out pictures, [M, S, S, 4].
            sets: ``model`` and others.
            part: Only the ``upper`` or the ``lower`` half of every picture; then there is no
                target.
        """

        def shown(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
            half = pictures.copy()
            if part:
                middle = half.shape[1] // 2
                half[:, slice(middle, None) if part == "upper" else slice(middle)] = 0
            return half

        index = CopyIndex(tone_codes(shown(known)), [""] * len(known))
        own, _ = index.nearest(shown(real))
        limit = float(np.quantile(own, _ALLOWED)) + 1e-9
        found = {name: index.nearest(shown(pictures))[0] for name, pictures in sets.items()}
        shares = {name: copy_share(distance, limit) for name, distance in found.items()}
        median = {name: float(np.median(distance)) for name, distance in found.items()}
        target, reached = ("<= floor", lambda row: row["model"] <= row["floor"])
        self.add(
            f"near_copies_{part}_half" if part else "near_copies",
            {**shares, "floor": copy_share(own, limit)},
            *(("", None) if part else (target, reached)),
        )
        if not part:
            self.add("nearest_training_picture", {**median, "floor": float(np.median(own))})

    def cleanliness(self, sheets: Sequence[SpriteSheet], palette: NDArray[np.uint8]) -> None:
        """Leaks, alpha errors, colours beside those of the base frame and specks, per sheet."""
        zero = ("0", lambda row: row["model"] == 0)
        self.add(
            "palette_leaks",
            {"model": sum(sprites.palette_leaks(s, palette) for s in sheets)},
            *zero,
        )
        self.add("alpha_errors", {"model": sum(map(sprites.alpha_errors, sheets))}, *zero)
        self.add("foreign_colours", {"model": sum(map(sprites.foreign_colours, sheets))}, *zero)
        self.add("stray_pixels", {"model": float(np.mean([*map(sprites.stray_pixels, sheets)]))})

    def poses(self, judge: PoseJudge, made: Sequence[Clip], real: Sequence[Clip]) -> None:
        """Action and direction recognised, against real animations and against a still figure."""
        still = [Clip(c.frames[:1].repeat(len(c.frames), 0), c.action, c.direction) for c in made]
        columns = {"model": made, "floor": real, "still": still}
        found = {name: judge.recognised(clips) for name, clips in columns.items()}
        for question in ("action", "direction"):
            self.add(
                f"{question}_recognised", {name: row[question] for name, row in found.items()},
                ">= 0.95", lambda row: row["model"] >= 0.95,
            )  # fmt: skip

    def motion(
        self, made: Sequence[SpriteSheet], real: Sequence[SpriteSheet], walks: Sequence[str],
        standing: Sequence[str],
    ) -> None:  # fmt: skip
        """Loop seam, flicker and motion of walks (tags), and feet of standing animations (tags)."""
        sheets = {"model": made, "floor": real}

        def mean(
            measure: Callable[[SpriteSheet, str], float], tags: Sequence[str]
        ) -> dict[str, float]:
            return {
                name: float(np.mean([measure(s, t) for s in some for t in _has(s, tags)]))
                for name, some in sheets.items()
                if any(_has(s, tags) for s in some)
            }

        if not walks:
            self.add("feet_off_pivot_px", mean(sprites.feet_off_pivot, standing), "0",
                     lambda row: row["model"] == 0)  # fmt: skip
            return
        self.add("walk_loop_seam", mean(sprites.loop_seam, walks), "<= 1",
                 lambda row: row["model"] <= 1)  # fmt: skip
        if real:
            self.add("head_flicker", mean(animations.head_flicker, walks), "<= 1.2 x floor",
                     lambda row: row["model"] <= 1.2 * row["floor"])  # fmt: skip
        self.add("motion", mean(animations.motion, walks))
        self.add("feet_off_pivot_px", mean(sprites.feet_off_pivot, standing), "0",
                 lambda row: row["model"] == 0)  # fmt: skip


def strip(clips: Mapping[str, NDArray[np.uint8]], pivot: tuple[int, int]) -> SpriteSheet:
    """A sheet of real animations, to be measured like a generated one: tag to [F, S, S, 4]."""
    frames = np.concatenate(list(clips.values()))
    side = frames.shape[1]
    places = tuple(Frame((i * side, 0, side, side), 100, pivot) for i in range(len(frames)))
    tags, start = [], 0
    for name, clip in clips.items():
        tags.append(Tag(name, start, start + len(clip)))
        start += len(clip)
    image = np.ascontiguousarray(np.concatenate(list(frames), 1))
    palette = np.unique(image[image[..., 3] > 0][:, :3], axis=0)
    return SpriteSheet(image, places, tuple(tags), palette)


def clip_of(sheet: SpriteSheet, tag: str) -> NDArray[np.uint8]:
    """Frames of a tag, [F, S, S, 4]."""
    found = sheet.tag(tag)
    return np.stack([sheet.frame_image(i) for i in range(found.start, found.stop)])


def with_baseline(row: Row, baseline: float) -> Row:
    """The row with the DCGAN's value of an earlier run, and what is asked beside it."""
    columns = {**row.columns, "baseline": baseline}
    target, reached = _asked(row.measure, columns)
    met = reached(columns) if reached is not None and "model" in columns else row.met
    return replace(row, columns=columns, target=target, met=met)


def _asked(name: str, row: Mapping[str, float]) -> tuple[str, Any]:
    """What is asked of a distance, and whether a row reaches it."""
    target, reached = _TARGETS.get(name.rsplit("_", 1)[0], ("", None))
    if reached is _near:
        target += ", <= baseline / 5" if "baseline" in row else "; no baseline given"
        if row["floor"] > row.get("baseline", np.inf) / 5:
            target += " (real pictures miss it)"
    return target, reached


def _has(sheet: SpriteSheet, tags: Sequence[str]) -> list[str]:
    known = {tag.name for tag in sheet.tags}
    return [tag for tag in tags if tag in known]


def _notices(row: Mapping[str, float]) -> bool:
    levels = [row[f"{share:.0%}".replace("%", " %")] for share in LADDER]
    return levels == sorted(levels) and row["10 %"] > 3 * row["floor"]


def _near(row: Mapping[str, float]) -> bool | None:
    near = row["model"] <= 3 * row["floor"]
    return near and row["model"] <= row["baseline"] / 5 if "baseline" in row else near


_TARGETS: Mapping[str, tuple[str, Any]] = {
    "frechet_distance": ("<= 3 x floor", _near),
    "density": (">= 0.8", lambda row: row["model"] >= 0.8),
    "coverage": (">= 0.6", lambda row: row["model"] >= 0.6),
    "class_accuracy_of_real": (">= 0.95", lambda row: row["model"] >= 0.95),
}
