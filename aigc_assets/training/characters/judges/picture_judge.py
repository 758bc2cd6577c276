"""Judges of small pictures that no generator is trained with: two classifiers, two embeddings.

One is a small convolutional network, which also learns to tell sound pictures from damaged ones so
that its embedding sees more than the class; the other is a linear classifier on hand-made features.
Both learn from real training pictures in a minute, so nothing has to be shipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.metrics.distributions import density_coverage, frechet_distance, kernel_distance
from aigc_assets.metrics.picture_features import picture_features

WIDTH = 64
"""Length of both embeddings."""
_BATCH = 64


class JudgeNetwork(nn.Module):
    """Classifier with one head per question; the layer before the heads is the embedding."""

    def __init__(self, size: int, classes: Sequence[int], channels: int = 4):
        super().__init__()
        widths = [channels, 32, 64, 96, 96][: 1 + max(2, size.bit_length() - 3)]
        blocks: list[nn.Module] = []
        for before, after in pairwise(widths):
            blocks += [nn.Conv2d(before, after, 4, 2, 1), nn.GroupNorm(8, after), nn.SiLU()]
            if before >= 32:
                blocks += [nn.Conv2d(after, after, 3, 1, 1), nn.SiLU()]
        self.body = nn.Sequential(*blocks)
        self.squeeze = nn.Linear(widths[-1] * 16, WIDTH)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, n) for n in classes)

    def embed(self, x: Tensor) -> Tensor:
        """Embedding [B, 64] of pictures [B, channels, S, S]."""
        pooled = F.adaptive_avg_pool2d(self.body(x), 4)
        return torch.tanh(self.squeeze(F.dropout(pooled.flatten(1), 0.2, self.training)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Logits per question."""
        embedding = F.dropout(self.embed(x), 0.2, self.training)
        return [head(embedding) for head in self.heads]


def fit_network(
    network: JudgeNetwork,
    pictures: Tensor,
    labels: Tensor,
    *,
    steps: int,
    shares: Sequence[float],
    seed: int = 0,
    flip: bool = True,
) -> None:
    """Train with shifts of up to 2 px (and mirror images); a label of -1 is not asked for.

    ``shares`` are the weights of the questions.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    weights = [_balance(labels[:, i], head.out_features) for i, head in enumerate(_heads(network))]
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # of dropout
        for _ in range(steps):
            pick = torch.randint(len(pictures), (_BATCH,), generator=generator)
            move = torch.randint(-2, 3, (2,), generator=generator).tolist()
            x = torch.roll(pictures[pick], move, (2, 3))
            if flip and bool(torch.randint(2, (1,), generator=generator)):
                x = x.flip(3)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(x.contiguous(memory_format=torch.channels_last))
            losses = [
                F.cross_entropy(
                    out.float(), wanted, weight=w, ignore_index=-1, label_smoothing=0.05
                )
                * share
                for out, wanted, w, share in zip(
                    logits, labels[pick].T, weights, shares, strict=True
                )
                if bool((wanted >= 0).any())
            ]
            optimizer.zero_grad(set_to_none=True)
            torch.stack(losses).sum().backward()
            optimizer.step()
            schedule.step()
    network.eval()


DAMAGE_SHARE = 0.3
"""Weight of the question whether a picture is damaged, against that of what it shows."""
DAMAGES = ("none", "pixels", "patches", "smear", "rows")


def damaged(pictures: NDArray[np.uint8], seed: int = 0) -> tuple[NDArray[np.uint8], list[int]]:
    """Every picture spoilt in one of four ways, and which: see `DAMAGES`.

    A tenth of the pixels replaced by others of the set; squares of another picture; a median over
    3 x 3 px, which takes outlines away; rows moved by a pixel.
    """
    random = np.random.Generator(np.random.Philox(seed))
    pixels, out, kinds = ceiling(pictures, seed), pictures.copy(), []
    size = pictures.shape[1]
    edge = max(2, size // 8)
    for i, picture in enumerate(pictures):
        kind = 1 + int(random.integers(4))
        kinds.append(kind)
        if kind == 1:
            out[i] = pixels[i]
        elif kind == 2:
            other = pictures[int(random.integers(len(pictures)))]
            grid = random.random((-(-size // edge), -(-size // edge))) < 0.25
            mask = np.kron(grid, np.ones((edge, edge), bool))[:size, :size]
            out[i][mask] = other[mask]
        elif kind == 3:
            out[i] = cv2.medianBlur(np.ascontiguousarray(picture), 3)
        else:
            for y, shift in enumerate(random.integers(-1, 2, (size,)).tolist()):
                out[i, y] = np.roll(picture[y], shift, 0)
    return out, kinds


class PictureJudge:
    """Both judges, fitted to real training pictures.

    Args:
        pictures: Real training pictures, [N, S, S, 4] uint8.
        labels: Classes per question, [N] or [N, Q]; -1 where a question has no answer.
        classes: Number of classes per question.
        steps: Of the network, 64 pictures each.
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
                side = _tensor(pictures[:1]).shape[2]
                self.network = JudgeNetwork(side, (*classes, len(DAMAGES)))
            spoilt, kinds = damaged(pictures, seed)
            asked = np.concatenate([labels, np.full_like(labels, -1)])
            damage = np.array([0] * len(labels) + kinds)[:, None]
            fit_network(self.network, _tensor(np.concatenate([pictures, spoilt])),
                        torch.from_numpy(np.concatenate([asked, damage], 1)), steps=steps,
                        shares=[*(1 / len(classes) for _ in classes), DAMAGE_SHARE],
                        seed=seed)  # fmt: skip
            features = picture_features(pictures)
            self._mean, self._scale = features.mean(axis=0), features.std(axis=0) + 0.02
            scaled = (features - self._mean) / self._scale
            _, _, axes = np.linalg.svd(scaled, full_matrices=False)
            self._axes = axes[:WIDTH].T
            self._linear = [
                linear_classifier(scaled[labels[:, q] >= 0], labels[labels[:, q] >= 0, q], n)
                for q, n in enumerate(classes)
            ]
        finally:
            torch.set_num_threads(threads)

    def embeddings(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """[N, 64] of the ``network`` and of the ``features``."""
        scaled = (picture_features(pictures) - self._mean) / self._scale
        with torch.inference_mode():
            parts = [self.network.embed(x) for x in _tensor(pictures).split(256)]
        return {"network": torch.cat(parts).double().numpy(), "features": scaled @ self._axes}

    def classify(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
        """Most likely class per question, [N, Q], by ``network`` and by ``features``."""
        scaled = (picture_features(pictures) - self._mean) / self._scale
        with torch.inference_mode():
            parts = [
                torch.stack([out.argmax(1) for out in self.network(x)[:-1]], 1)
                for x in _tensor(pictures).split(256)
            ]
        linear = np.stack([predict(scaled) for predict in self._linear], 1)
        return {"network": torch.cat(parts).numpy(), "features": linear}


Sets = Mapping[str, tuple[NDArray[np.uint8], NDArray[np.int64] | None]]
"""Pictures and what they were meant to be, by column of a table."""


def compare_sets(
    judge: PictureJudge, real: NDArray[np.uint8], real_labels: NDArray[np.int64], sets: Sets
) -> dict[str, dict[str, float]]:
    """Rows of a table: distances, density, coverage and class accuracy, a column per set.

    Every set is cut to the size of the smallest, ``real`` (held-out pictures) as well, so that
    the columns compare. Accuracy is the share of real held-out pictures' own: 1 is as good.

    Args:
        judge: Fitted to training pictures.
        real: Held-out pictures, [N, S, S, 4].
        real_labels: Their classes, [N] or [N, Q].
        sets: What to judge; labels of -1 or None are not asked for.
    """
    count = min(len(real), *(len(pictures) for pictures, _ in sets.values()))
    truth = judge.embeddings(real)
    rows: dict[str, dict[str, float]] = {}

    def put(row: str, column: str, value: float) -> None:
        rows.setdefault(row, {})[column] = round(value, 4)

    accuracy = _accuracy(judge.classify(real), real_labels)
    for column, (pictures, labels) in sets.items():
        here = judge.embeddings(pictures[:count])
        for name, features in here.items():
            put(f"frechet_distance_{name}", column, frechet_distance(features, truth[name]))
            put(f"kernel_distance_{name}", column, kernel_distance(features, truth[name]))
            density, coverage = density_coverage(truth[name], features)
            put(f"density_{name}", column, density)
            put(f"coverage_{name}", column, coverage)
        if labels is not None:
            for name, value in _accuracy(judge.classify(pictures), labels).items():
                put(f"class_accuracy_of_real_{name}", column, value / max(accuracy[name], 1e-6))
    for name, value in accuracy.items():
        put(f"class_accuracy_{name}", "held_out", value)
    return rows


def ceiling(pictures: NDArray[np.uint8], seed: int = 0, share: float = 0.1) -> NDArray[np.uint8]:
    """Pictures with ``share`` of their pixels replaced by pixels of the same set: what is bad."""
    random = np.random.Generator(np.random.Philox(seed))
    flat = pictures.reshape(-1, 4).copy()
    where = np.flatnonzero(random.random(len(flat)) < share)
    drawn = np.flatnonzero(flat[:, 3] > 0)
    flat[where] = flat[random.choice(drawn, len(where))]
    return flat.reshape(pictures.shape)


def linear_classifier(rows: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> Any:
    """Softmax regression (L2) by L-BFGS; returns its prediction, [N, D] to [N]."""
    x = torch.from_numpy(rows)
    y = torch.from_numpy(labels)
    balance = _balance(y, classes).double()
    weight = torch.zeros(x.shape[1] + 1, classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight[:-1] + weight[-1], y, weight=balance)
        value = value + 0.003 * weight[:-1].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    matrix = weight.detach().numpy()

    def predict(rows: NDArray[np.float64]) -> NDArray[np.int64]:
        best: NDArray[np.int64] = (rows @ matrix[:-1] + matrix[-1]).argmax(1)
        return best

    return predict


def _accuracy(
    found: Mapping[str, NDArray[np.int64]], labels: NDArray[np.int64]
) -> dict[str, float]:
    """Mean over the questions of the share of right answers, by judge."""
    labels = labels.reshape(len(labels), -1)
    out = {}
    for name, answers in found.items():
        asked = [q for q in range(labels.shape[1]) if (labels[:, q] >= 0).any()]
        shares = [(answers[:, q] == labels[:, q])[labels[:, q] >= 0].mean() for q in asked]
        out[name] = float(np.mean(shares))
    return out


def _tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """[N, S, S, 4] uint8 to [N, 4, S, S] in -1..1, transparent pixels without colour."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    alpha = (x[:, 3:] > 0).float()
    return enlarged(torch.cat([x[:, :3] * alpha, alpha], 1))


def enlarged(x: Tensor) -> Tensor:
    """Pictures below 32 px twice as large: the network's first step would skip pixels."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3) if x.shape[2] < 32 else x


def _heads(network: JudgeNetwork) -> list[nn.Linear]:
    return [head for head in network.heads if isinstance(head, nn.Linear)]


def _balance(labels: Tensor, classes: int) -> Tensor:
    counts = torch.bincount(labels[labels >= 0], minlength=classes).float()
    return (1 / counts.clamp_min(1)).sqrt()
