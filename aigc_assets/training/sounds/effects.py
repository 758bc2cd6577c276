"""Training of the sound model: real effects by category, and procedural ones beside them.

Real clips are few and their labels come from file names; categories are cleaned up by
`_kind_of_clip`. Held out are whole files, every sixth of a kind; synthetic sounds are trained on
but never evaluated on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from aigc_assets.models.spectral_frames import (
    BANDS,
    FLOOR_DB,
    HOP_LENGTH,
    SAMPLE_RATE,
    Frames,
)
from aigc_assets.models.spectral_vae import STRIDE, SpectralVae, SpectralVaeConfig
from aigc_assets.training.sounds.clips import (
    MAX_FRAMES,
    MAX_SAMPLES,
    Clip,
    pack_clips,
    resample,
    unpack_clips,
)
from aigc_assets.training.sounds.items import Item, measure, render, unpack
from aigc_assets.training.sounds.judge import Judge
from aigc_assets.training.sounds.sfxr import make_effect
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr
from aigc_assets.types import Sound

_LENGTHS = (16, 32, 48, 64, 96, 128)
_FRAMES_PER_BATCH = 1024
_WEIGHTS = {
    "level": 1.0,
    "coarse": 0.5,
    "noisiness": 0.2,
    "envelope": 0.3,
    "octaves": 0.6,
    "glide": 0.6,
    "voiced": 0.2,
    "kl": 2e-3,
}
_SUSTAINED = ("fire", "engine_mech")


class SoundTask:
    """Trains `SpectralVae` (a `Task` of the trainer)."""

    kind: ClassVar[str] = "sound"
    models: ClassVar[tuple[str, ...]] = ("sound_vae",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Trim and level the usable clips of ``sources/sounds``; see `packing.pack`."""
        return pack_clips(sources / "sounds")

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        clips = unpack_clips(data)
        self.names = tuple(info["vocabulary"])
        self.run = run
        self.frames_per_batch = int(info.get("frames_per_batch", _FRAMES_PER_BATCH))
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
        self.originals: dict[int, Item] = {}
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
                if not variant:
                    self.originals[id(clip)] = items[-1]
        self.items = items
        self.buckets: list[list[int]] = [[] for _ in _LENGTHS]
        for i, item in enumerate(items):
            need = item.packed.shape[1]
            self.buckets[next(b for b, n in enumerate(_LENGTHS) if n >= need)].append(i)
        weights = torch.tensor([item.weight for item in items], dtype=torch.float64)
        self.bucket_weights = [weights[bucket] for bucket in self.buckets]

    def step(self, progress: float) -> dict[str, float]:
        """One batch of sounds of similar length through the network; see `Task`."""
        set_lr(self.optimizer, cosine(progress, 1.2e-3, 4e-5))
        real, kind, seconds, limit = self._batch()
        with self.run.autocast():
            posterior = self.network.encode(real, kind, seconds)
            mean, log_variance = posterior.mean.float(), posterior.log_variance.float()
            noise = torch.randn(mean.shape, generator=self.run.generator).to(mean.device)
            z = mean + noise * torch.exp(0.5 * log_variance)
            out = self.network.decode(z, kind, seconds)
        losses = _losses(Frames(*(x.float() for x in out)), real, seconds, limit)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        losses["kl"] = kl.mean(0).clamp_min(0.1).mean()  # free bits per latent number
        total = sum((_WEIGHTS[name] * value for name, value in losses.items()), torch.zeros(()))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _batch(self) -> tuple[Frames, Tensor, Tensor, Tensor]:
        """Frames of sounds of similar length, their classes, durations and recorded bands."""
        generator = self.run.generator
        sums = torch.tensor([float(w.sum()) for w in self.bucket_weights], dtype=torch.float64)
        length = int(torch.multinomial(sums, 1, generator=generator))
        frames = _LENGTHS[length]
        count = max(4, min(64, self.frames_per_batch // frames))
        chosen = torch.multinomial(
            self.bucket_weights[length], count, replacement=True, generator=generator
        )
        gain = (torch.rand(count, generator=generator) * 6 - 4)[:, None, None]  # dB
        items = [self.items[self.buckets[length][int(i)]] for i in chosen]
        packed = [F.pad(item.packed, (0, frames - item.packed.shape[1])) for item in items]
        real = unpack(torch.stack(packed))
        real = real._replace(
            level=(real.level + gain).clamp_min(FLOOR_DB),
            envelope=(real.envelope + gain).clamp_min(FLOOR_DB),
        )
        device = self.run.device
        kind = torch.tensor([item.kind for item in items], device=device)
        seconds = torch.tensor([item.seconds for item in items], device=device)
        limit = torch.tensor([item.limit for item in items], device=device)
        return Frames(*(x.to(device) for x in real)), kind, seconds, limit

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

        Of a kind that mostly has a pitch, those without one are passed over; of a kind with more
        sounds than components, the worst rebuilt third; of the rest those are kept that lie
        nearest to all others.
        """
        network, config = self.average, self.config
        for k in range(len(self.names)):
            clips = _typical([c for c in self.train_clips if c.kind == k], self.item)
            made = [c for c in self.synthetic if c.kind == k]
            clips += made[: max(0, config.components - len(clips))]
            if not clips:
                continue
            fits = [self._rebuild(clip) for clip in clips]
            order = sorted(range(len(fits)), key=lambda i: fits[i].error)
            usable = sorted(order[: max(config.components, 2 * len(order) // 3)])
            means = torch.stack([fits[i].mean for i in usable])
            network.component_weight[k] = 0.0
            for slot, i in enumerate(_representative(means, config.components)):
                fit = fits[usable[i]]
                network.component_mean[k, slot] = fit.mean
                network.component_std[k, slot] = fit.std
                network.component_seconds[k, slot] = fit.seconds
                network.component_weight[k, slot] = 1.0 if clips[usable[i]].real else 0.5
            network.component_weight[k] /= network.component_weight[k].sum()

    def item(self, clip: Clip) -> Item:
        """Frames of a clip at its own speed, from memory where they were trained on."""
        known = self.originals.get(id(clip))
        return known or measure(clip.wave[:MAX_SAMPLES], clip, 1.0, 1.0)

    @torch.no_grad()
    def posterior(self, clip: Clip) -> tuple[Tensor, Tensor, float]:
        """Mean and deviation of the latent of ``clip``, [C, S] each, and its duration in s."""
        fit = self._rebuild(clip)
        return fit.mean, fit.std, fit.seconds

    def _rebuild(self, clip: Clip) -> _Fit:
        item = self.item(clip)
        frames = self.config.component_steps * STRIDE
        packed = F.pad(item.packed, (0, max(0, frames - item.packed.shape[1])))[:, :frames]
        device = self.run.device
        kind = torch.tensor([clip.kind], device=device)
        seconds = torch.tensor([item.seconds], device=device)
        real = Frames(*(x.to(device) for x in unpack(packed[None])))
        posterior = self.average.encode(real, kind, seconds)
        out = self.average.decode(posterior.mean, kind, seconds)
        error = float(
            _losses(out, real, seconds, torch.tensor([item.limit], device=device))["level"]
        )
        std = torch.exp(0.5 * posterior.log_variance[0])
        return _Fit(posterior.mean[0], std, item.seconds, error)

    def watch(self) -> dict[str, dict[str, float]]:
        """`evaluate`: there are no validation data."""
        return self.evaluate()

    def evaluate(self) -> dict[str, dict[str, float]]:
        """See `Task`. Every figure is taken from samples, after synthesis."""
        self.fit_components()
        judge = Judge(self)
        return judge.figures()

    @torch.no_grad()
    def decode(
        self, z: Tensor, kind: int, seconds: float, seed: int, octaves: float = 0.0
    ) -> Sound:
        """Samples of one latent [C, S] by the averaged network, transposed by ``octaves``."""
        device = self.run.device
        condition = torch.tensor([kind], device=device), torch.tensor([seconds], device=device)
        frames = self.average.decode(z[None].to(device), *condition)
        frames.pitch[:, 0] += octaves
        return render(Frames(*(x[0].float().cpu() for x in frames)), seconds, seed)

    def generate(self, kind: int, seed: int) -> Sound:
        """A new sound of class ``kind``, as the pipeline would draw it."""
        random = np.random.Generator(np.random.Philox(seed))
        network = self.average.cpu()
        drawn = network.draw(kind, None, random, loop=self.names[kind] in _SUSTAINED)
        network.to(self.run.device)
        return self.decode(drawn.z, kind, drawn.seconds, seed, drawn.octaves)

    def preview(self, path: Path) -> None:
        """Spectrograms of six kinds per row: two real sounds, then two generated ones."""
        self.fit_components()
        cells = []
        for k in range(len(self.names)):
            real = [c for c in self.train_clips if c.kind == k][:2]
            sounds = [Sound(c.wave[None], SAMPLE_RATE) for c in real]
            sounds += [self.generate(k, seed) for seed in (2, 5)]
            cells.append(_picture(self.names[k], sounds))
        per_row = 4
        cells += [np.zeros_like(cells[0])] * (-len(cells) % per_row)
        rows = [np.hstack(cells[i : i + per_row]) for i in range(0, len(cells), per_row)]
        ok, data = cv2.imencode(".png", np.vstack(rows))
        if ok:
            Path(f"{path}.png").write_bytes(data.tobytes())


class _Fit(NamedTuple):
    """How the network sees a clip: latent mean and deviation, duration in s, error of levels."""

    mean: Tensor
    std: Tensor
    seconds: float
    error: float


def _losses(out: Frames, real: Frames, seconds: Tensor, limit: Tensor) -> dict[str, Tensor]:
    """Distances of frames, levels in units of 45 dB, over what can be heard and was recorded."""
    frames = real.level.shape[-1]
    at = torch.arange(frames, device=seconds.device) * (HOP_LENGTH / SAMPLE_RATE)
    inside = (at[None] <= seconds[:, None] + 3 * HOP_LENGTH / SAMPLE_RATE).float()
    time = (inside + 0.05 * (1 - inside))[:, None]
    recorded = (torch.arange(BANDS, device=limit.device)[None] < limit[:, None]).float()[:, :, None]
    loudest = torch.maximum(out.level.detach(), real.level)
    weight = time * recorded * (0.1 + 0.9 * torch.sigmoid((loudest + 60) / 6))
    level = _weighted((out.level - real.level).abs() / 45, weight)
    coarse = torch.zeros((), device=weight.device)
    # One wild prediction must not overflow: the power of what is far too loud ends here.
    one, two = (10 ** (x.level.clamp(max=30) / 20) * recorded for x in (out, real))
    for tall, wide in ((4, 1), (8, 4)):
        a, b = (20 * torch.log10(F.avg_pool2d(x, (tall, wide)) + 3e-4) for x in (one, two))
        loud = 0.1 + torch.sigmoid((torch.maximum(a.detach(), b) + 60) / 6)
        coarse = coarse + _weighted((a - b).abs() / 45, F.avg_pool1d(time, wide) * loud) / 2
    loud = time * (two + 1e-4).sqrt()
    noisiness = _weighted((out.noisiness - real.noisiness).abs(), loud)
    envelope = _weighted((out.envelope - real.envelope).abs() / 45, time.expand_as(real.envelope))
    heard = loud.sum(1)
    voiced = _weighted((out.pitch[:, 1] - real.pitch[:, 1]).abs(), heard)
    pitched = heard * (real.pitch[:, 1] > 0.5)
    octaves = _weighted((out.pitch[:, 0] - real.pitch[:, 0]).abs(), pitched)
    # Steps and slopes of the melody, apart from how high it is.
    move, want = out.pitch[:, 0].diff(dim=1), real.pitch[:, 0].diff(dim=1)
    glide = _weighted((move - want).abs(), pitched[:, 1:] * pitched[:, :-1])
    return {
        "level": level,
        "coarse": coarse,
        "noisiness": noisiness,
        "envelope": envelope,
        "octaves": octaves,
        "glide": glide,
        "voiced": voiced,
    }


def _weighted(value: Tensor, weight: Tensor) -> Tensor:
    return (value * weight).sum() / weight.sum().clamp_min(1e-6)


def _typical(clips: list[Clip], item: Callable[[Clip], Item]) -> list[Clip]:
    """The pitched ones of a kind that is mostly pitched, if at least four; else all."""
    shares = []
    for clip in clips:
        frames = unpack(item(clip).packed)
        loud = 10 ** (frames.envelope.amax(0) / 20)
        shares.append(float((frames.pitch[1] * loud).sum() / loud.sum().clamp_min(1e-9)))
    pitched = [clip for clip, share in zip(clips, shares, strict=True) if share > 0.65]
    mostly = len(pitched) > 0.5 * len(clips)
    return pitched if mostly and len(pitched) >= 4 else clips


def _representative(points: Tensor, count: int) -> list[int]:
    """Indices of up to ``count`` points, chosen one by one so that all points have one near."""
    flat = points.flatten(1).float().cpu()
    distance = torch.cdist(flat, flat)
    chosen = [int(distance.sum(1).argmin())]
    while len(chosen) < min(count, len(flat)):
        nearest = distance[chosen].amin(0)
        total = torch.minimum(distance, nearest).sum(1)
        total[chosen] = torch.inf
        chosen.append(int(total.argmin()))
    return chosen


def _picture(name: str, sounds: list[Sound]) -> NDArray[np.uint8]:
    """Spectrograms side by side under a name, [150, 4·100, 3]."""
    cell = np.zeros((150, 400, 3), np.uint8)
    cv2.putText(cell, name, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    for i, sound in enumerate(sounds[:4]):
        wave = sound.samples[0][:MAX_SAMPLES]
        padded = np.zeros(MAX_FRAMES * HOP_LENGTH, np.float32)
        padded[: len(wave)] = wave
        window = np.hanning(1024).astype(np.float32)
        view = np.lib.stride_tricks.sliding_window_view(np.pad(padded, 512), 1024)[::HOP_LENGTH]
        magnitude = 20 * np.log10(np.abs(np.fft.rfft(view * window)).T / 256 + 1e-5)
        grey = ((magnitude[::-1] + 80) / 80 * 255).clip(0, 255).astype(np.uint8)
        small = cv2.resize(grey, (96, 130), interpolation=cv2.INTER_AREA)
        cell[18:148, i * 100 : i * 100 + 96] = cv2.applyColorMap(small, cv2.COLORMAP_MAGMA)
    return cell
