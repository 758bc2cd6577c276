"""Training of the sound model: real effects by category, and procedural ones beside them.

Real clips are few and their labels come from file names; categories are cleaned up by
`_kind_of_clip`. Held out are whole files, every sixth of a kind; synthetic sounds are trained on
but never evaluated on.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, ClassVar, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from aigc_assets.models.spectral_frames import (
    BANDS,
    BINS,
    FLOOR_DB,
    HOP_LENGTH,
    SAMPLE_RATE,
    Frames,
    analyse,
    band_edges,
)
from aigc_assets.models.spectral_vae import STRIDE, SpectralVae, SpectralVaeConfig
from aigc_assets.training.sfxr import make_effect
from aigc_assets.training.sound_clips import (
    MAX_FRAMES,
    MAX_SAMPLES,
    Clip,
    pack_clips,
    resample,
    unpack_clips,
)
from aigc_assets.training.sound_items import Item, measure, render
from aigc_assets.training.sound_judge import Judge
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr
from aigc_assets.types import Sound

_LENGTHS = (16, 32, 48, 64, 96, 128)
_FRAMES_PER_BATCH = 1280
_SUSTAINED = ("fire", "engine_mech")


class SoundTask:
    """Trains `SpectralVae` (a `Task` of the trainer)."""

    kind: ClassVar[str] = "sound"
    models: ClassVar[tuple[str, ...]] = ("sound_vae",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Trim and level the usable clips of ``sources/sounds``; see `packing.pack`."""
        return pack_clips(sources / "sounds")

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        clips = unpack_clips(data)
        self.names = tuple(info["vocabulary"])
        self.run = run
        self.train_clips = [clip for clip in clips if not clip.held]
        self.held_clips = [clip for clip in clips if clip.held]
        random = np.random.Generator(np.random.Philox(run.seed))
        self.synthetic = [
            Clip(make_effect(name, random).astype(np.float32), k, False, False, False)
            for k, name in enumerate(self.names)
            for _ in range(int(info.get("synthetic_per_kind", 48)))
        ]
        self._prepare(int(info.get("variants", 3)), random)
        self.config = SpectralVaeConfig(self.names, **info.get("config", {}))
        self.network = SpectralVae(self.config).to(run.device)
        self.ema = Ema(self.network, 0.998)
        self.average = cast(SpectralVae, self.ema.network)
        decay = [p for p in self.network.parameters() if p.dim() > 1]
        plain = [p for p in self.network.parameters() if p.dim() <= 1]
        groups = [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))

    def _prepare(self, variants: int, random: np.random.Generator) -> None:
        """Measure the frames of all training sounds once, real ones also at other speeds."""
        items: list[Item] = []
        real = np.bincount([c.kind for c in self.train_clips], minlength=len(self.names))
        made = np.bincount([c.kind for c in self.synthetic], minlength=len(self.names))
        for clip in self.train_clips + self.synthetic:
            share = np.sqrt(real[clip.kind] + 8)  # classes by the root of their size
            if clip.real:
                weight = share * 0.7 / real[clip.kind] / variants
            else:
                weight = share * (0.3 if real[clip.kind] else 1.0) / made[clip.kind]
            for variant in range(variants if clip.real else 1):
                speed = 2 ** random.uniform(-0.25, 0.25) if variant else 1.0
                sound = resample(clip.wave, speed)[:MAX_SAMPLES]
                items.append(measure(sound, clip, weight, speed))
        self.items = items
        self.buckets: list[list[int]] = [[] for _ in _LENGTHS]
        for i, item in enumerate(items):
            need = item.packed.shape[1]
            self.buckets[next(b for b, n in enumerate(_LENGTHS) if n >= need)].append(i)
        weights = torch.tensor([item.weight for item in items], dtype=torch.float64)
        self.bucket_weights = [weights[bucket] for bucket in self.buckets]

    def step(self, progress: float) -> dict[str, float]:
        """One batch of sounds of similar length through the network; see `Task`."""
        set_lr(self.optimizer, cosine(progress, 2e-3, 5e-5))
        magnitude, noisiness, envelope, kind, seconds, limit = self._batch()
        with self.run.autocast():
            posterior = self.network.encode(magnitude, kind, seconds)
            mean, log_variance = posterior.mean.float(), posterior.log_variance.float()
            noise = torch.randn(mean.shape, generator=self.run.generator).to(mean.device)
            z = mean + noise * torch.exp(0.5 * log_variance)
            out = self.network.decode(z, kind, seconds)
        out = Frames(*(x.float() for x in out))
        real = Frames(magnitude, noisiness, envelope)
        losses = _losses(out, real, seconds, limit)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        losses["kl"] = kl.mean(0).clamp_min(0.1).mean()  # free bits per latent number
        weights = {"magnitude": 1.0, "coarse": 0.7, "noisiness": 0.15, "envelope": 0.3, "kl": 2e-3}
        total = sum((weights[name] * value for name, value in losses.items()), torch.zeros(()))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _batch(self) -> tuple[Tensor, ...]:
        generator = self.run.generator
        sums = torch.tensor([float(w.sum()) for w in self.bucket_weights], dtype=torch.float64)
        length = int(torch.multinomial(sums, 1, generator=generator))
        frames = _LENGTHS[length]
        count = max(4, min(64, _FRAMES_PER_BATCH // frames))
        chosen = torch.multinomial(
            self.bucket_weights[length], count, replacement=True, generator=generator
        )
        gains = torch.rand(count, generator=generator) * 6 - 4  # dB
        items = [self.items[self.buckets[length][int(i)]] for i in chosen]
        packed = torch.stack(
            [F.pad(item.packed, (0, frames - item.packed.shape[1])) for item in items]
        )
        values = packed.float()
        gain = gains[:, None, None]
        device = self.run.device
        magnitude = (values[:, :BINS] + FLOOR_DB + gain).clamp_min(FLOOR_DB)
        noisiness = values[:, BINS : BINS + BANDS] / 100
        envelope = (values[:, BINS + BANDS :] + FLOOR_DB + gain).clamp_min(FLOOR_DB)
        kind = torch.tensor([item.kind for item in items])
        seconds = torch.tensor([item.seconds for item in items], dtype=torch.float32)
        limit = torch.tensor([item.limit for item in items])
        batch = (magnitude, noisiness, envelope, kind, seconds, limit)
        return tuple(x.to(device) for x in batch)

    def modules(self) -> dict[str, nn.Module]:
        """See `Task`."""
        return {"network": self.network, "ema": self.average}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `Task`."""
        return {"adamw": self.optimizer}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """See `Task`."""
        network = self.average
        config = {name: getattr(self.config, name) for name in self.config.__dataclass_fields__}
        return {"sound_vae": (network, {**config, "classes": list(self.config.classes)})}

    @torch.no_grad()
    def fit_components(self) -> None:
        """Keep posteriors of training sounds, real ones first, as the mixture to sample from.

        Of each kind those that lie farthest apart are kept, so that few components span the kind.
        """
        network, config = self.average, self.config
        for k in range(len(self.names)):
            clips = [c for c in self.train_clips if c.kind == k]
            made = [c for c in self.synthetic if c.kind == k]
            clips += made[: max(0, config.components - len(clips))]
            means, stds, lengths = [], [], []
            for clip in clips:
                mean, std, seconds = self.posterior(clip)
                means.append(mean)
                stds.append(std)
                lengths.append(seconds)
            if not clips:
                continue
            network.component_weight[k] = 0
            for slot, i in enumerate(_spread_out(torch.stack(means), config.components)):
                network.component_mean[k, slot] = means[i]
                network.component_std[k, slot] = stds[i]
                network.component_seconds[k, slot] = lengths[i]
                network.component_weight[k, slot] = 1.0 if clips[i].real else 0.5
            network.component_weight[k] /= network.component_weight[k].sum()

    @torch.no_grad()
    def posterior(self, clip: Clip) -> tuple[Tensor, Tensor, float]:
        """Mean and deviation of the latent of ``clip``, [C, S] each, and its duration in s."""
        item = measure(clip.wave[:MAX_SAMPLES], clip, 1.0, 1.0)
        frames = self.config.component_steps * STRIDE
        packed = F.pad(item.packed, (0, max(0, frames - item.packed.shape[1])))[:, :frames]
        magnitude = packed.float()[None, :BINS] + FLOOR_DB
        device = self.run.device
        kind = torch.tensor([clip.kind], device=device)
        seconds = torch.tensor([item.seconds], device=device)
        posterior = self.average.encode(magnitude.to(device), kind, seconds)
        return posterior.mean[0], torch.exp(0.5 * posterior.log_variance[0]), item.seconds

    def evaluate(self) -> dict[str, dict[str, float]]:
        """See `Task`. Every figure is taken from samples, after synthesis."""
        self.fit_components()
        judge = Judge(self)
        return judge.figures()

    @torch.no_grad()
    def decode(self, z: Tensor, kind: int, seconds: float, seed: int) -> Sound:
        """Samples of one latent [C, S] by the averaged network."""
        device = self.run.device
        condition = torch.tensor([kind], device=device), torch.tensor([seconds], device=device)
        frames = self.average.decode(z[None].to(device), *condition)
        return render(Frames(*(x[0].float().cpu() for x in frames)), seconds, seed)

    def generate(self, kind: int, seed: int) -> Sound:
        """A new sound of class ``kind``, as the pipeline would draw it."""
        random = np.random.Generator(np.random.Philox(seed))
        network = self.average.cpu()
        drawn = network.draw(kind, None, random, loop=self.names[kind] in _SUSTAINED)
        network.to(self.run.device)
        return self.decode(drawn.z, kind, drawn.seconds, seed)

    def preview(self, path: Path) -> None:
        """Spectrograms of six kinds per row: two real sounds, then two generated ones."""
        self.fit_components()
        cells = []
        for k in range(len(self.names)):
            real = [c for c in self.train_clips if c.kind == k][:2]
            sounds = [Sound(c.wave[None], SAMPLE_RATE) for c in real]
            sounds += [self.generate(k, seed) for seed in range(2)]
            cells.append(_picture(self.names[k], sounds))
        per_row = 4
        cells += [np.zeros_like(cells[0])] * (-len(cells) % per_row)
        rows = [np.hstack(cells[i : i + per_row]) for i in range(0, len(cells), per_row)]
        ok, data = cv2.imencode(".png", np.vstack(rows))
        if ok:
            Path(f"{path}.png").write_bytes(data.tobytes())


def _losses(out: Frames, real: Frames, seconds: Tensor, limit: Tensor) -> dict[str, Tensor]:
    """Distances of frames in units of 45 dB, over what can be heard and was recorded."""
    frames = real.magnitude.shape[-1]
    at = torch.arange(frames, device=seconds.device) * (HOP_LENGTH / SAMPLE_RATE)
    inside = (at[None] <= seconds[:, None] + 3 * HOP_LENGTH / SAMPLE_RATE).float()
    time = (inside + 0.05 * (1 - inside))[:, None]
    recorded = (torch.arange(BINS, device=limit.device)[None] < limit[:, None]).float()[:, :, None]
    loudest = torch.maximum(out.magnitude.detach(), real.magnitude)
    weight = time * recorded * (0.1 + 0.9 * torch.sigmoid((loudest + 62) / 6))
    magnitude = _weighted((out.magnitude - real.magnitude).abs() / 45, weight)
    coarse = torch.zeros((), device=weight.device)
    one, two = (10 ** (x.magnitude / 20) * recorded for x in (out, real))
    for tall, wide in ((2, 1), (4, 2), (8, 4), (16, 8)):
        a, b = (20 * torch.log10(F.avg_pool2d(x, (tall, wide)) + 3e-4) for x in (one, two))
        loud = F.avg_pool1d(time, wide) * (
            0.1 + torch.sigmoid((torch.maximum(a.detach(), b) + 62) / 6)
        )
        coarse = coarse + _weighted((a - b).abs() / 45, loud.expand_as(a)) / 4
    edges = band_edges()
    loud = torch.stack([two[:, low:high].amax(1) for low, high in itertools.pairwise(edges)], 1)
    noisiness = _weighted((out.noisiness - real.noisiness).abs(), time * (loud + 1e-4).sqrt())
    envelope = _weighted((out.envelope - real.envelope).abs() / 45, time.expand_as(real.envelope))
    return {"magnitude": magnitude, "coarse": coarse, "noisiness": noisiness, "envelope": envelope}


def _weighted(value: Tensor, weight: Tensor) -> Tensor:
    return (value * weight).sum() / weight.sum().clamp_min(1e-6)


def _spread_out(points: Tensor, count: int) -> list[int]:
    """Indices of up to ``count`` points, the most central first, each far from those before."""
    flat = points.flatten(1).float()
    distance = torch.cdist(flat, flat)
    chosen = [int(distance.sum(1).argmin())]
    while len(chosen) < min(count, len(flat)):
        # Outliers are odd recordings more often than typical ones: distance to the chosen set,
        # tempered by that to the centre.
        score = distance[:, chosen].amin(1) / (distance.mean(1) + 1e-6) ** 0.7
        score[chosen] = -1
        chosen.append(int(score.argmax()))
    return chosen


def _picture(name: str, sounds: list[Sound]) -> NDArray[np.uint8]:
    """Spectrograms side by side under a name, [150, 4·100, 3]."""
    cell = np.zeros((150, 400, 3), np.uint8)
    cv2.putText(cell, name, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    for i, sound in enumerate(sounds[:4]):
        wave = sound.samples[0][:MAX_SAMPLES]
        padded = np.zeros(MAX_FRAMES * HOP_LENGTH, np.float32)
        padded[: len(wave)] = wave
        magnitude = analyse(torch.from_numpy(padded)[None]).magnitude[0].numpy()
        grey = ((magnitude[::-1] + 80) / 80 * 255).clip(0, 255).astype(np.uint8)
        small = cv2.resize(grey, (96, 130), interpolation=cv2.INTER_AREA)
        cell[18:148, i * 100 : i * 100 + 96] = cv2.applyColorMap(small, cv2.COLORMAP_MAGMA)
    return cell
