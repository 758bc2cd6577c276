"""Held-out figures of the sound model: reconstruction, recognisability, distribution, novelty."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.metrics.sounds import frechet_distance, log_spectral_distance, sound_features
from aigc_assets.models.spectral_frames import SAMPLE_RATE, Frames
from aigc_assets.models.spectral_vae import STRIDE
from aigc_assets.training.sounds.clips import MAX_FRAMES, MAX_SAMPLES
from aigc_assets.training.sounds.items import FRAME_CHANNELS, render, unpack
from aigc_assets.types import Sound

if TYPE_CHECKING:
    from aigc_assets.training.sounds.effects import SoundTask


class Judge:
    """Held-out figures: reconstruction, an independent classifier, distances of distributions."""

    def __init__(self, task: SoundTask):
        self.task = task
        self.held = [Sound(c.wave[None, :MAX_SAMPLES], SAMPLE_RATE) for c in task.held_clips]
        self.train = [Sound(c.wave[None, :MAX_SAMPLES], SAMPLE_RATE) for c in task.train_clips]
        self.held_kinds = np.array([c.kind for c in task.held_clips])
        self.train_kinds = np.array([c.kind for c in task.train_clips])
        self.means = _class_means(task)

    def figures(self) -> dict[str, dict[str, float]]:
        """All figures; see `Task.evaluate`."""
        task = self.task
        rebuilt = {"model": [], "floor": [], "baseline": []}  # type: dict[str, list[float]]
        for n, (clip, real) in enumerate(zip(task.held_clips, self.held, strict=True)):
            item = task.item(clip)
            mean, _, seconds = task.posterior(clip)
            steps = math.ceil(item.packed.shape[1] / STRIDE)
            model = task.decode(mean[:, :steps], clip.kind, seconds, n)
            floor = render(unpack(item.packed), seconds, n)
            baseline = render(self.means[clip.kind], seconds, n)
            for name, sound in (("model", model), ("floor", floor), ("baseline", baseline)):
                rebuilt[name].append(log_spectral_distance(real, sound))
        train = np.stack([sound_features(s) for s in self.train])
        held = np.stack([sound_features(s) for s in self.held])
        kinds = np.tile(self.held_kinds, 2)
        made = np.stack([sound_features(task.generate(int(k), n)) for n, k in enumerate(kinds)])
        noise = np.stack([sound_features(self._noise(int(k), n)) for n, k in enumerate(kinds)])
        classify = _classifier(train, self.train_kinds, len(task.names))
        scale = train.std(axis=0) + 1e-6
        near = {
            name: float(np.median(_nearest(x / scale, train / scale)))
            for name, x in (("made", made), ("held", held), ("noise", noise))
        }
        return {
            "reconstruction_lsd_db": {k: round(float(np.mean(v)), 3) for k, v in rebuilt.items()},
            "class_accuracy": {
                "model": round(float((classify(made) == kinds).mean()), 4),
                "floor": round(float((classify(held) == self.held_kinds).mean()), 4),
                "baseline": round(float((classify(noise) == kinds).mean()), 4),
            },
            "frechet_distance": {
                "model": round(frechet_distance(made, held), 3),
                "floor": round(frechet_distance(train, held), 3),
                "baseline": round(frechet_distance(noise, held), 3),
            },
            "nearest_training_sound": {
                "model": round(near["made"], 3),
                "floor": round(near["held"], 3),
                "baseline": round(near["noise"], 3),
            },
        }

    def _noise(self, kind: int, seed: int) -> Sound:
        """White noise in the mean spectrum of a class, for the length of one of its clips."""
        random = np.random.Generator(np.random.Philox(seed))
        clips = [c for c in self.task.train_clips if c.kind == kind]
        clip = clips[int(random.integers(len(clips)))]
        mean = self.means[kind]
        frames = mean._replace(noisiness=torch.ones_like(mean.noisiness))
        return render(frames, min(len(clip.wave), MAX_SAMPLES) / SAMPLE_RATE, seed)


def _class_means(task: SoundTask) -> list[Frames]:
    """Mean frames of the real training clips of each class, over those that still sound."""
    total = torch.zeros(len(task.names), FRAME_CHANNELS, MAX_FRAMES)
    count = torch.zeros(len(task.names), 1, MAX_FRAMES)
    for clip in task.train_clips:
        packed = task.item(clip).packed.float()
        total[clip.kind, :, : packed.shape[1]] += packed
        count[clip.kind, :, : packed.shape[1]] += 1
    return [unpack(x) for x in total / count.clamp_min(1)]


def _classifier(features: NDArray[np.float64], kinds: NDArray[np.int64], classes: int) -> Any:
    """Linear classifier on standardised features (softmax regression, L2), and its prediction."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = torch.from_numpy((features - mean) / scale)
    y = torch.from_numpy(kinds.astype(np.int64))
    counts = torch.bincount(y, minlength=classes).double()
    balance = (1 / counts.clamp_min(1)).sqrt()
    weight = torch.zeros(x.shape[1] + 1, classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight[:-1] + weight[-1], y, weight=balance)
        value = value + 0.01 * weight[:-1].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    matrix = weight.detach().numpy()

    def predict(rows: NDArray[np.float64]) -> NDArray[np.int64]:
        scores: NDArray[np.int64] = ((rows - mean) / scale @ matrix[:-1] + matrix[-1]).argmax(1)
        return scores

    return predict


def _nearest(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance per feature of each row of ``a`` to its nearest row of ``b``."""
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    result: NDArray[np.float64] = np.sqrt(square.clip(0).min(axis=1) / a.shape[1])
    return result
