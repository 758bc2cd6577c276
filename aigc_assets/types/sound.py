"""Sampled sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.validation import frozen_array, require, require_int, require_pair


@dataclass(frozen=True, slots=True)
class Sound:
    """Sampled sound.

    Args:
        samples: [C, T] float32 in [-1, 1], one row per channel.
        sample_rate: Hz.
        loop: First sample of the loop and the one after its last, or None for a one-shot.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    loop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        samples = frozen_array(self.samples, "Sound.samples", np.float32, (None, None))
        channels, length = samples.shape
        require(1 <= channels <= 8 and length >= 1, "Sound.samples", "[1..8, >= 1]", samples.shape)
        require(bool(np.isfinite(samples).all()), "Sound.samples", "finite samples", "nan or inf")
        peak = float(np.abs(samples).max())
        require(peak <= 1.0, "Sound.samples", "samples in [-1, 1]", peak)
        object.__setattr__(self, "samples", samples)
        require_int(self.sample_rate, "Sound.sample_rate", 1000, 384_000)
        if self.loop is not None:
            require_pair(self.loop, "Sound.loop", 0)
            start, stop = self.loop
            require_int(start, "Sound.loop start", 0, length - 1)
            require_int(stop, "Sound.loop stop", start + 1, length)

    @property
    def duration(self) -> Fraction:
        """Length in seconds, exact."""
        return Fraction(int(self.samples.shape[1]), self.sample_rate)
