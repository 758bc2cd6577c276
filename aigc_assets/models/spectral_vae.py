"""Conditional variational autoencoder over the spectral frames of short sounds.

The encoder reads frames measured from the short-time spectrum; the latent keeps time (one vector
every 46 ms); the decoder is told the class and the duration and writes, through separate heads,
band levels, the noisiness of each band, a fine loudness envelope and the pitch. Phase, oscillators
and noise are left to `aigc_assets.models.spectral_frames`, which needs no learning for them.

References:
    Kingma & Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.
    Kingma et al., "Improving Variational Inference with Inverse Autoregressive Flow",
    arXiv:1606.04934, appendix C.8 (free bits).
    Engel et al., "DDSP", arXiv:2001.04643, section 3 (harmonics beside filtered noise).
    Lee et al., "BigVGAN", arXiv:2206.04658, section 3.2 (alias-free periodic activations).
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_assets.models.spectral_frames import (
    BANDS,
    ENVELOPE_STEPS,
    FLOOR_DB,
    HOP_LENGTH,
    MAX_OCTAVES,
    SAMPLE_RATE,
    Frames,
)
from aigc_assets.ops import aa_snake1d, conv1d3_act, conv_transpose1d4s2_act

STRIDE = 4
"""Frames per latent vector."""
_CONDITION = 32
_POSITION = 5
_CHANNELS = 2 * BANDS + ENVELOPE_STEPS + 2


@dataclasses.dataclass(frozen=True)
class SpectralVaeConfig:
    """Shape of a `SpectralVae`.

    Args:
        classes: Names of the kinds of sound; the condition is an index into them.
        encoder_width: Channels of the encoder.
        decoder_width: Channels of the decoder.
        latent_channels: Numbers per latent vector.
        decoder_blocks: Residual blocks at full time resolution.
        components: Mixture components kept per class to sample from.
        component_steps: Latent vectors per component (32 are 1.49 s).
    """

    classes: tuple[str, ...]
    encoder_width: int = 80
    decoder_width: int = 144
    latent_channels: int = 12
    decoder_blocks: int = 3
    components: int = 12
    component_steps: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))

    @classmethod
    def tiny(cls) -> SpectralVaeConfig:
        """For tests: three classes, a few thousand parameters."""
        return cls(("coin", "door", "laser"), 8, 8, 4, 1, 2, 8)


class Posterior(NamedTuple):
    """Gaussian over latents: mean and log variance, [B, latent_channels, T / 4] each."""

    mean: Tensor
    log_variance: Tensor


class Draw(NamedTuple):
    """A drawn sound: latent [C, S], the duration in seconds it is for, and a transposition."""

    z: Tensor
    seconds: float
    octaves: float
    """To add to the decoded pitch."""


class SpectralVae(nn.Module):
    """The network, with the aggregated posterior of its training sounds as buffers.

    Buffers (K classes, M components, C channels, S steps):
        component_mean, component_std: [K, M, C, S].
        component_weight: [K, M], sums to 1 per class; 0 for unused components.
        component_seconds: [K, M], duration of the sound behind the component.
    """

    component_mean: Tensor
    component_std: Tensor
    component_weight: Tensor
    component_seconds: Tensor

    def __init__(self, config: SpectralVaeConfig):
        super().__init__()
        self.config = config
        self.condition = nn.Embedding(len(config.classes), _CONDITION)
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)
        kinds, parts = len(config.classes), config.components
        shape = (kinds, parts, config.latent_channels, config.component_steps)
        self.register_buffer("component_mean", torch.zeros(shape))
        self.register_buffer("component_std", torch.ones(shape))
        self.register_buffer("component_weight", torch.full((kinds, parts), 1 / parts))
        self.register_buffer("component_seconds", torch.full((kinds, parts), 0.5))

    def encode(self, frames: Frames, kind: Tensor, seconds: Tensor) -> Posterior:
        """Posterior of sounds.

        Args:
            frames: Measured by `spectral_frames.analyse`; T a multiple of 4.
            kind: Class indices, [B] int64.
            seconds: Durations, [B].
        """
        count = frames.level.shape[-1]
        if count % STRIDE:
            raise ValueError(f"frames must be a multiple of {STRIDE}, got {count}")
        octaves, voiced = frames.pitch[:, :1], frames.pitch[:, 1:]
        x = torch.cat(
            [
                (frames.level - FLOOR_DB) / 45 - 1,
                frames.noisiness * 2 - 1,
                (frames.envelope - FLOOR_DB) / 45 - 1,
                (octaves * 2 / MAX_OCTAVES - 1) * (voiced > 0.4),  # noise has no pitch
                voiced * 2 - 1,
            ],
            1,
        )
        mean, log_variance = self.encoder(x, self._condition(kind, seconds, count)).chunk(2, 1)
        return Posterior(mean, log_variance.clamp(-8, 4))

    def decode(self, z: Tensor, kind: Tensor, seconds: Tensor) -> Frames:
        """Frames from latents.

        Args:
            z: [B, latent_channels, S].
            kind: Class indices, [B] int64.
            seconds: Durations to aim at, [B].

        Returns:
            `Frames` with T = 4·S.
        """
        count = z.shape[-1] * STRIDE
        level, noisiness, envelope, pitch = self.decoder(z, self._condition(kind, seconds, count))
        return Frames(
            FLOOR_DB + 45 * (level + 1).clamp_min(0),
            torch.sigmoid(noisiness),
            FLOOR_DB + 45 * (envelope + 1).clamp_min(0),
            torch.cat([(pitch[:, :1] + 1) * (MAX_OCTAVES / 2), torch.sigmoid(pitch[:, 1:])], 1),
        )

    def forward(self, frames: Frames, kind: Tensor, seconds: Tensor) -> Frames:
        """Reconstruct through the posterior mean (deterministic); shapes as in `encode`."""
        return self.decode(self.encode(frames, kind, seconds).mean, kind, seconds)

    def draw(
        self,
        kind: int,
        seconds: float | None,
        random: np.random.Generator,
        *,
        temperature: float = 0.6,
        loop: bool = False,
    ) -> Draw:
        """Draw a latent of one class from the aggregated posterior.

        A component is chosen by weight (and, for a given duration, by how near its own duration
        lies), moved up to a fifth of the way towards another of its class, perturbed by its own
        deviation, and transposed by up to a semitone.

        Args:
            kind: Class index.
            seconds: Duration to aim at; None for about that of the component.
            random: Source of all choices.
            temperature: Scale of the perturbation, 0..1.
            loop: Fill a longer duration by going to and fro through the latent rather than by
                stretching it; for sounds that last, like fire.

        Returns:
            Latent vectors for the duration plus a little silence.
        """
        weight = self.component_weight[kind].double().numpy()
        own = self.component_seconds[kind].double().numpy()
        if seconds is not None:
            weight = weight * np.exp(-np.abs(np.log2(seconds / own)))
        first, second = random.choice(len(weight), 2, p=weight / weight.sum())
        part = random.uniform(0, 0.2)
        mean = self.component_mean[kind].double().numpy()
        std = self.component_std[kind].double().numpy()
        z = mean[first] + part * (mean[second] - mean[first])
        z = z + temperature * std[first] * random.standard_normal(z.shape)
        octaves = random.uniform(-1, 1) / 12
        natural = float(own[first])
        if seconds is None:
            seconds = natural * 2 ** random.uniform(-0.15, 0.15)
        stretch = seconds / natural
        wanted = math.ceil((seconds * SAMPLE_RATE / HOP_LENGTH + 3) / STRIDE)
        at = np.arange(wanted, dtype=np.float64)
        used = natural * SAMPLE_RATE / HOP_LENGTH / STRIDE
        if loop and stretch > 1.5 and used >= 2:
            turn = max(1.0, used - 1.5)
            end = at > wanted - 2.5
            at = np.where(end, used - (wanted - 1 - at), turn - np.abs(turn - at % (2 * turn)))
        elif not 0.8 < stretch < 1.25:
            at = (at + 0.5) / stretch - 0.5
        at = at.clip(0, z.shape[-1] - 1)
        low = np.minimum(at.astype(np.int64), z.shape[-1] - 2)
        z = z[:, low] + (at - low) * (z[:, low + 1] - z[:, low])
        return Draw(torch.from_numpy(z.astype(np.float32)), seconds, octaves)

    def _condition(self, kind: Tensor, seconds: Tensor, frames: int) -> Tensor:
        """Class vector, log duration and where in the sound each frame lies, [B, 37, frames]."""
        dtype = self.condition.weight.dtype
        at = torch.arange(frames, device=kind.device, dtype=torch.float32)
        at = at * (HOP_LENGTH / SAMPLE_RATE)
        seconds = seconds.float()[:, None]
        share = (at / seconds).clamp(max=1.5)
        rest = ((seconds - at) * 8).clamp(-1, 1)
        place = torch.stack(
            [
                torch.log2(seconds).expand(-1, frames) / 3,
                share,
                rest,
                torch.exp(-at / 0.05).expand(len(kind), -1),
                torch.cos(math.pi * share),
            ],
            1,
        )
        vector = self.condition(kind)[:, :, None].expand(-1, -1, frames)
        return torch.cat([vector, place.to(dtype)], 1)


class AliasFreeSnake(nn.Module):
    """`aigc_assets.ops.aa_snake1d` with learned frequency and magnitude per channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.log_alpha = nn.Parameter(torch.zeros(channels))
        self.log_beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] to the same."""
        alpha, beta = self.log_alpha.exp(), self.log_beta.exp()
        y: Tensor = aa_snake1d(x, alpha, beta)
        return y


class _Block(nn.Module):
    """Residual block of two convolutions over time; the second starts at zero."""

    def __init__(self, channels: int, dilation: int, snake: bool):
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)
        self.activation = AliasFreeSnake(channels) if snake else nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.first, self.second
        y = conv1d3_act(self.activation(x), first.weight, first.bias,
                        dilation=first.dilation[0], activation="none")  # fmt: skip
        return conv1d3_act(F.gelu(y), second.weight, second.bias, residual=x, activation="none")


class _Encoder(nn.Module):
    def __init__(self, config: SpectralVaeConfig):
        super().__init__()
        width = config.encoder_width
        self.start = nn.Conv1d(_CHANNELS + _CONDITION + _POSITION, width, 1)
        layers: list[nn.Module] = [_Block(width, 1, snake=False)]
        for _ in range(int(math.log2(STRIDE))):
            layers += [nn.GELU(), nn.Conv1d(width, width, 4, 2, 1), _Block(width, 1, snake=False)]
        self.layers = nn.Sequential(*layers)
        self.end = nn.Conv1d(width, 2 * config.latent_channels, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y: Tensor = self.end(F.gelu(self.layers(self.start(torch.cat([x, condition], 1)))))
        return y


class _Decoder(nn.Module):
    def __init__(self, config: SpectralVaeConfig):
        super().__init__()
        width = config.decoder_width
        side = _CONDITION + _POSITION
        self.start = nn.Conv1d(config.latent_channels + side, width, 3, padding=1)
        stages = int(math.log2(STRIDE))
        self.rise = nn.ModuleList(nn.ConvTranspose1d(width, width, 4, 2, 1) for _ in range(stages))
        self.rise_activations = nn.ModuleList(AliasFreeSnake(width) for _ in range(stages))
        self.side = nn.Conv1d(side, width, 1)
        self.blocks = nn.ModuleList(
            _Block(width, 3**i, snake=True) for i in range(config.decoder_blocks)
        )
        self.activation = AliasFreeSnake(width)
        self.level = nn.Conv1d(width, BANDS, 1)
        self.noisiness = nn.Conv1d(width, BANDS, 1)
        self.envelope = nn.Conv1d(width, ENVELOPE_STEPS, 3, padding=1)
        self.pitch = nn.Conv1d(width, 2, 3, padding=1)

    def forward(self, z: Tensor, condition: Tensor) -> tuple[Tensor, ...]:
        x = self.start(torch.cat([z, condition[..., ::STRIDE]], 1))
        for rise, activation in zip(self.rise, self.rise_activations, strict=True):
            assert isinstance(rise, nn.ConvTranspose1d)
            x = conv_transpose1d4s2_act(activation(x), rise.weight, rise.bias, activation="none")
        x = x + self.side(condition)
        for block in self.blocks:
            x = block(x)
        x = self.activation(x)
        return self.level(x), self.noisiness(x), self.envelope(x), self.pitch(x)
