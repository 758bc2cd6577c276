"""Training sounds as spectral frames, packed small enough to keep all of them in memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.models.spectral_frames import (
    BANDS,
    ENVELOPE_STEPS,
    FLOOR_DB,
    HOP_LENGTH,
    N_FFT,
    SAMPLE_RATE,
    Frames,
    analyse,
    band_edges,
    synthesise,
)
from aigc_assets.models.spectral_vae import STRIDE
from aigc_assets.training.sounds.clips import Clip
from aigc_assets.types import Sound

FRAME_CHANNELS = 2 * BANDS + ENVELOPE_STEPS + 2
_WIDE_LIMIT_HZ = 5200.0


class Item(NamedTuple):
    """Frames above the floor, noisiness and periodicity in per cent: [198, T] float16."""

    packed: Tensor
    kind: int
    seconds: float
    weight: float
    limit: int
    """Bands below it were recorded."""


def measure(sound: NDArray[np.float32], clip: Clip, weight: float, speed: float) -> Item:
    """Frames of ``sound``, which is ``clip`` played ``speed`` times as fast, and how to use it."""
    steps = math.ceil((math.ceil(len(sound) / HOP_LENGTH) + 3) / STRIDE)
    padded = np.zeros(steps * STRIDE * HOP_LENGTH, np.float32)
    padded[: len(sound)] = sound[: len(padded)]
    frames = Frames(*(x[0] for x in analyse(torch.from_numpy(padded)[None])))
    parts = (
        frames.level - FLOOR_DB,
        frames.noisiness * 100,
        frames.envelope - FLOOR_DB,
        frames.pitch * torch.tensor([[1.0], [100.0]]),
    )
    hertz = _WIDE_LIMIT_HZ * speed if clip.narrow else SAMPLE_RATE
    limit = int(np.searchsorted(band_edges()[1:], hertz / SAMPLE_RATE * N_FFT))
    seconds = max(0.03, len(sound) / SAMPLE_RATE)
    return Item(torch.cat(parts).half(), clip.kind, seconds, weight, limit)


def unpack(packed: Tensor) -> Frames:
    """Frames of `Item.packed`, [..., 198, T]."""
    level, noisiness, envelope, octaves, voiced = packed.float().split(
        [BANDS, BANDS, ENVELOPE_STEPS, 1, 1], -2
    )
    pitch = torch.cat([octaves, voiced / 100], -2)
    return Frames(level + FLOOR_DB, noisiness / 100, envelope + FLOOR_DB, pitch)


def render(frames: Frames, seconds: float, seed: int) -> Sound:
    """Samples of unbatched frames, at most as long as the frames reach, with peak 0.9."""
    level, noisiness, envelope, pitch = (x.double().numpy() for x in frames)
    samples = min(max(64, round(seconds * SAMPLE_RATE)), level.shape[1] * HOP_LENGTH)
    sound = synthesise(level, noisiness, envelope, pitch, samples, seed)
    sound = 0.9 * sound / (np.abs(sound).max() + 1e-9)
    return Sound(sound.astype(np.float32)[None], SAMPLE_RATE)
