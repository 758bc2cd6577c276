"""The judges of pictures: they learn, see damage, and rank real, good and bad sets."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.training.characters.judges.damage import ceiling, damaged, halved
from aigc_assets.training.characters.judges.picture_judge import (
    Fold,
    PictureJudge,
    compare_sets,
    cross_fitted,
)

SIDE = 16


def creatures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of two classes: round green ones and tall red ones, with eyes and an outline."""
    random = np.random.Generator(np.random.Philox(seed))
    pictures = np.zeros((count, SIDE, SIDE, 4), np.uint8)
    labels = random.integers(2, size=count)
    y, x = np.mgrid[:SIDE, :SIDE]
    for picture, label in zip(pictures, labels, strict=True):
        tall = random.integers(4, 6) + 2 * label
        wide = random.integers(5, 7) - 2 * label
        centre = 8 + random.integers(-1, 2)
        far = ((y - 9) / tall) ** 2 + ((x - centre) / wide) ** 2
        shade = int(random.integers(60, 120))
        colour = (40, shade + 60, 40) if label == 0 else (shade + 60, 40, 40)
        picture[far < 1] = (20, 16, 24, 255)
        picture[far < 0.7] = (*colour, 255)
        picture[7, [centre - 1, centre + 1]] = (250, 250, 240, 255)
    return pictures, labels


@pytest.fixture(scope="module")
def judge() -> PictureJudge:
    pictures, labels = creatures(96, 0)
    return PictureJudge(pictures, labels, [2], steps=60)


def test_both_judges_tell_the_classes_apart(judge) -> None:
    pictures, labels = creatures(40, 1)
    for answers in judge.classify(pictures).values():
        assert (answers[:, 0] == labels).mean() > 0.95


def test_real_good_and_bad_sets_are_ranked(judge) -> None:
    real, labels = creatures(40, 1)
    unseen, unseen_labels = creatures(40, 2)
    sets = {
        "good": (unseen, unseen_labels),
        "ceiling": (ceiling(real), labels),
        "collapsed": (np.repeat(real[:1], 40, 0), None),
        "wrong": (unseen, 1 - unseen_labels),
    }
    rows = compare_sets([Fold(judge, unseen)], real, labels, sets)
    for name in ("network", "features"):
        row = rows[f"frechet_distance_{name}"]
        assert row["floor"] == pytest.approx(row["good"])
        assert row["floor"] < row["ceiling"]
        assert row["floor"] < row["collapsed"]
        assert rows[f"coverage_{name}"]["collapsed"] < 0.3 < rows[f"coverage_{name}"]["floor"]
        accuracy = rows[f"class_accuracy_of_real_{name}"]
        assert accuracy["wrong"] < 0.1 < 0.9 < accuracy["good"]
        assert "collapsed" not in accuracy  # nobody said what it should be
        noticed = rows[f"damage_noticed_{name}"]
        assert 0 < noticed["3 %"] < noticed["10 %"] < noticed["30 %"]
        assert noticed["halved"] > 0


def test_the_floor_is_of_pictures_that_the_judge_has_not_seen() -> None:
    pictures, labels = creatures(40, 0)
    identity = np.arange(40) // 4
    folds = cross_fitted(pictures, labels, [2], identity, steps=2)
    names = [{tuple(np.flatnonzero((pictures == p).all((1, 2, 3)))) for p in fold.unseen}
             for fold in folds]  # fmt: skip
    number = {row: int(identity[row]) for row in range(40)}
    first, second = ({number[i] for rows in some for i in rows} for some in names)
    assert len(first) == len(second) == 5
    assert not first & second

    # The mean over both judges: each by itself gives other values.
    real, truth = creatures(20, 1)
    sets = {"model": (real, None)}
    both, *alone = (compare_sets(some, real, truth, sets)["frechet_distance_features"]["floor"]
                    for some in (folds, folds[:1], folds[1:]))  # fmt: skip
    assert both == pytest.approx(sum(alone) / 2, rel=0.2)
    assert alone[0] != alone[1]


def test_same_judgement_twice() -> None:
    pictures, labels = creatures(24, 0)
    first, again = (PictureJudge(pictures, labels, [2], steps=3) for _ in range(2))
    for name, embedding in first.embeddings(pictures).items():
        assert (again.embeddings(pictures)[name] == embedding).all()


def test_every_damage_is_done_and_named() -> None:
    pictures, _ = creatures(40, 3)
    spoilt, kinds = damaged(pictures)
    assert set(kinds) == {1, 2, 3, 4, 5}
    for kind in set(kinds):
        of_kind = np.array(kinds) == kind
        changed = (spoilt[of_kind] != pictures[of_kind]).any(-1).mean()
        assert 0.005 < changed < 0.4
    assert (halved(pictures)[:, 1::2] == pictures[:, ::2][:, :, ::2].repeat(2, 2)).all()
    assert np.isin(spoilt[..., 3], (0, 255)).all()
