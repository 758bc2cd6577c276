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
    BINS,
    FLOOR_DB,
    HOP_LENGTH,
    SAMPLE_RATE,
    Frames,
    analyse,
    synthesise,
)
from aigc_assets.models.spectral_vae import STRIDE
from aigc_assets.training.sound_clips import Clip
from aigc_assets.types import Sound

_WIDE_LIMIT_HZ = 5200.0


class Item(NamedTuple):
    """Frames above the floor in dB, noisiness in per cent, envelope: [513 + 48 + 4, T] float16."""

    packed: Tensor
    kind: int
    seconds: float
    weight: float
    limit: int
    """Bins below it were recorded."""


def measure(sound: NDArray[np.float32], clip: Clip, weight: float, speed: float) -> Item:
    """Frames of ``sound``, which is ``clip`` played ``speed`` times as fast, and how to use it."""
    steps = math.ceil((math.ceil(len(sound) / HOP_LENGTH) + 3) / STRIDE)
    padded = np.zeros(steps * STRIDE * HOP_LENGTH, np.float32)
    padded[: len(sound)] = sound[: len(padded)]
    frames = analyse(torch.from_numpy(padded)[None])
    parts = (frames.magnitude - FLOOR_DB, frames.noisiness * 100, frames.envelope - FLOOR_DB)
    packed = torch.cat([x[0] for x in parts]).half()
    hertz = _WIDE_LIMIT_HZ * speed if clip.narrow else SAMPLE_RATE
    limit = min(BINS, int(hertz / SAMPLE_RATE * 2 * (BINS - 1)))
    return Item(packed, clip.kind, max(0.03, len(sound) / SAMPLE_RATE), weight, limit)


def unpack(packed: Tensor) -> Frames:
    """Frames (unbatched) of `Item.packed`."""
    x = packed.float()
    noisiness = x[BINS : BINS + BANDS] / 100
    return Frames(x[:BINS] + FLOOR_DB, noisiness, x[BINS + BANDS :] + FLOOR_DB)


def render(frames: Frames, seconds: float, seed: int) -> Sound:
    """Samples of unbatched frames, at most as long as the frames reach, with peak 0.9."""
    arrays = [x.double().numpy() for x in frames]
    samples = min(max(64, round(seconds * SAMPLE_RATE)), arrays[0].shape[1] * HOP_LENGTH)
    sound = synthesise(arrays[0], arrays[1], arrays[2], samples, seed)
    sound = 0.9 * sound / (np.abs(sound).max() + 1e-9)
    return Sound(sound.astype(np.float32)[None], SAMPLE_RATE)
