"""Judges of small pictures that no generator is trained with: two classifiers, two embeddings.

One is a small convolutional network, which also learns to tell sound pictures from damaged ones so
that its embedding sees more than the class; the other is a linear classifier on hand-made features.
Both learn from real training pictures in a minute, so nothing has to be shipped.

An embedding maps pictures that it was fitted to to other places than new ones, so the distance from
those pictures to held-out ones says nothing of real pictures. Where there are only so many
pictures, two judges are fitted to a half each (`cross_fitted`), the floor of each is the half it
never saw, and a measure is the mean over both.

Embeddings have 16 numbers, those along which sound and damaged training pictures vary most, and no
bounds, so that what is worse lies farther. The bias of a Fréchet distance grows with the square of
their number over that of the pictures; with 64 numbers and 150 pictures it is most of what is
measured. A distance extrapolated to infinitely many pictures would have a floor of about nothing,
to which no ratio can be told; the kernel distance, which has no bias, stands beside it.

References:
    Chong and Forsyth, arXiv:1911.07023 (the bias of Fréchet distances).
    Chernozhukov et al., arXiv:1608.00060 (cross-fitting).
    Heusel et al., arXiv:1706.08500, figure 3 (a distance must rise with the level of damage).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aigc_assets.metrics.distributions import density_coverage, frechet_distance, kernel_distance
from aigc_assets.metrics.picture_features import picture_features
from aigc_assets.training.characters.judges.damage import DAMAGES, LADDER, ceiling, damaged, halved
from aigc_assets.training.characters.judges.judge_network import (
    BATCH,
    JudgeNetwork,
    balance,
    fit_network,
    tensor_of,
)

WIDTH = 16
"""Length of both embeddings."""
_COPIES = 2
"""Damaged copies of each picture that a judge learns from."""
_DRAWS = 3
"""Sets of unseen real pictures, at most, whose mean distance is the floor."""


class PictureJudge:
    """Both judges, fitted to real training pictures.

    Args:
        pictures: Real training pictures, [N, S, S, 4] uint8.
        labels: Classes per question, [N] or [N, Q]; -1 where a question has no answer.
        classes: Number of classes per question.
        steps: Of the network, 64 pictures each (32 above 32 px).
        seed: Of its weights and batches.
    """

    def __init__(
        self,
        pictures: NDArray[np.uint8],
        labels: NDArray[np.int64],
        classes: Sequence[int],
        *,
        steps: int = 400,
        seed: int = 0,
    ):
        labels = labels.reshape(len(labels), -1).astype(np.int64)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # so that the figures do not depend on threads
        try:
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                side = tensor_of(pictures[:1]).shape[2]
                self.network = JudgeNetwork(side, (*classes, len(DAMAGES)))
            spoilt = [damaged(pictures, seed * _COPIES + copy) for copy in range(_COPIES)]
            count = len(labels)
            every = np.concatenate([*[pictures] * _COPIES, *(copy for copy, _ in spoilt)])
            asked = np.concatenate([*[labels] * _COPIES, *[np.full_like(labels, -1)] * _COPIES])
            damage = np.array(
                [0] * len(labels) * _COPIES + [k for _, kinds in spoilt for k in kinds]
            )
            shown = tensor_of(every)
            fit_network(
                self.network, shown, torch.from_numpy(np.concatenate([asked, damage[:, None]], 1)),
                steps=steps, batch=BATCH if side <= 32 else BATCH // 2,
                shares=[0.5] * (len(classes) + 1), seed=seed,
            )  # fmt: skip
            features = picture_features(pictures)
            # Axes of sound and damaged pictures: sound ones alone vary in other ways.
            both = np.concatenate([features, picture_features(spoilt[0][0])])
            self._mean, self._scale = both.mean(axis=0), both.std(axis=0) + 0.02
            self._axes = _main_axes((both - self._mean) / self._scale)
            seen = self._seen(shown[[*range(count), *range(_COPIES * count, len(shown))]])
            self._centre, self._turn = seen.mean(axis=0), _main_axes(seen - seen.mean(axis=0))
            scaled = (features - self._mean) / self._scale
            self._linear = [
                linear_classifier(scaled[labels[:, q] >= 0], labels[labels[:, q] >= 0, q], n)
                for q, n in enumerate(classes)
            ]
        finally:
            torch.set_num_threads(threads)

    def embeddings(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """[N, 16] of the ``network`` and of the ``features``."""
        scaled = (picture_features(pictures) - self._mean) / self._scale
        seen = self._seen(tensor_of(pictures))
        return {"network": (seen - self._centre) @ self._turn, "features": scaled @ self._axes}

    def _seen(self, pictures: Tensor) -> NDArray[np.float64]:
        with torch.inference_mode():
            parts = [self.network.embed(x) for x in pictures.split(256)]
        found: NDArray[np.float64] = torch.cat(parts).double().numpy()
        return found

    def classify(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
        """Most likely class per question, [N, Q], by ``network`` and by ``features``."""
        scaled = (picture_features(pictures) - self._mean) / self._scale
        with torch.inference_mode():
            parts = [
                torch.stack([out.argmax(1) for out in self.network(x)[:-1]], 1)
                for x in tensor_of(pictures).split(256)
            ]
        linear = np.stack([predict(scaled) for predict in self._linear], 1)
        return {"network": torch.cat(parts).numpy(), "features": linear}


class Fold(NamedTuple):
    """A judge and real training pictures that it was not fitted to, [N, S, S, 4]."""

    judge: PictureJudge
    unseen: NDArray[np.uint8]


def cross_fitted(
    pictures: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: Sequence[int],
    identity: NDArray[np.int64],
    *,
    steps: int = 400,
) -> list[Fold]:
    """Two judges, each fitted to half of the training pictures.

    Args:
        pictures: As of `PictureJudge`.
        labels: The same.
        classes: The same.
        identity: What each picture shows, [N]: no identity is on both sides.
        steps: Of each network.
    """
    random = np.random.Generator(np.random.Philox(5))
    names, number = np.unique(identity, return_inverse=True)
    first = (random.permutation(len(names)) < len(names) / 2)[number]
    return [
        Fold(PictureJudge(pictures[half], labels[half], classes, steps=steps, seed=seed),
             pictures[~half])
        for seed, half in enumerate((first, ~first))
    ]  # fmt: skip


Sets = Mapping[str, tuple[NDArray[np.uint8], NDArray[np.int64] | None]]
"""Pictures and what they were meant to be, by column of a table."""


def compare_sets(
    folds: Sequence[Fold], real: NDArray[np.uint8], real_labels: NDArray[np.int64], sets: Sets
) -> dict[str, dict[str, float]]:
    """Rows of a table: distances, density, coverage and class accuracy, a column per set.

    Every set is cut to the size of the smallest, ``real`` (held-out pictures) as well, so that
    the columns compare. ``floor`` are as many of the pictures that a judge has not seen, ``3 %``
    to ``30 %`` and ``halved`` real pictures that are damaged more and more, or in a way that no
    judge learns. Accuracy is the share of real held-out pictures' own: 1 is as good.

    Args:
        folds: Judges; a value is the mean over all.
        real: Held-out pictures, [N, S, S, 4].
        real_labels: Their classes, [N] or [N, Q].
        sets: What to judge; labels of -1 or None are not asked for.
    """
    rows: dict[str, dict[str, list[float]]] = {}

    def put(row: str, column: str, value: float) -> None:
        rows.setdefault(row, {}).setdefault(column, []).append(value)

    count = min(len(real), *(len(f.unseen) for f in folds), *(len(p) for p, _ in sets.values()))
    real, real_labels = real[:count], real_labels[:count]
    random = np.random.Generator(np.random.Philox(11))
    for judge, unseen in folds:
        truth = judge.embeddings(real)
        accuracy = _accuracy(judge.classify(real), real_labels)
        drawn = unseen[random.permutation(len(unseen))[: count * _DRAWS]]
        shown = [("floor", drawn[i * count : (i + 1) * count]) for i in range(len(drawn) // count)]
        for column, pictures in [*shown, *((name, p[:count]) for name, (p, _) in sets.items())]:
            for name, features in judge.embeddings(pictures).items():
                put(f"frechet_distance_{name}", column, frechet_distance(features, truth[name]))
                put(f"kernel_distance_{name}", column, kernel_distance(features, truth[name]))
                density, coverage = density_coverage(truth[name], features)
                put(f"density_{name}", column, density)
                put(f"coverage_{name}", column, coverage)
        for column, (pictures, labels) in sets.items():
            for name, value in _accuracy(judge.classify(pictures), labels).items():
                put(f"class_accuracy_of_real_{name}", column, value / max(accuracy[name], 1e-6))
        for name, value in accuracy.items():
            put(f"class_accuracy_{name}", "held_out", value)
        for column, pictures in ladder(real).items():
            for name, features in judge.embeddings(pictures).items():
                put(f"damage_noticed_{name}", column, frechet_distance(features, truth[name]))
    return {
        name: {column: float(np.mean(values)) for column, values in row.items()}
        for name, row in rows.items()
    }


def ladder(pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Pictures damaged more and more (`LADDER`), and ``halved`` ones."""
    steps = {f"{share:.0%}".replace("%", " %"): share for share in LADDER}
    rising = {name: ceiling(pictures, share=share) for name, share in steps.items()}
    return {**rising, "halved": halved(pictures)}


def linear_classifier(rows: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> Any:
    """Softmax regression (L2) by L-BFGS; returns its prediction, [N, D] to [N]."""
    x = torch.from_numpy(rows)
    y = torch.from_numpy(labels)
    weights = balance(y, classes).double()
    weight = torch.zeros(x.shape[1] + 1, classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight[:-1] + weight[-1], y, weight=weights)
        value = value + 0.003 * weight[:-1].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    matrix = weight.detach().numpy()

    def predict(rows: NDArray[np.float64]) -> NDArray[np.int64]:
        best: NDArray[np.int64] = (rows @ matrix[:-1] + matrix[-1]).argmax(1)
        return best

    return predict


def _main_axes(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The `WIDTH` axes along which centred rows [N, D] vary most, [D, WIDTH]."""
    axes: NDArray[np.float64] = np.linalg.svd(rows, full_matrices=False)[2][:WIDTH].T
    return axes


def _accuracy(
    found: Mapping[str, NDArray[np.int64]], labels: NDArray[np.int64] | None
) -> dict[str, float]:
    """Mean over the questions of the share of right answers, by judge."""
    if labels is None:
        return {}
    labels = labels.reshape(len(labels), -1)
    out = {}
    for name, answers in found.items():
        asked = [q for q in range(labels.shape[1]) if (labels[:, q] >= 0).any()]
        shares = [(answers[:, q] == labels[:, q])[labels[:, q] >= 0].mean() for q in asked]
        out[name] = float(np.mean(shares))
    return out
