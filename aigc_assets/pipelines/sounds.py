"""Sound effects by kind: a latent from the model, decoded to frames, made audible, and levelled."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.metrics.sounds import loudness
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.types import Sound
from aigc_assets.types.validation import Scalar

if TYPE_CHECKING:
    from aigc_assets.models.spectral_vae import SpectralVae

KINDS: tuple[str, ...] = (
    "coin",
    "ui_click",
    "door",
    "footstep",
    "sword_whoosh",
    "hit_impact",
    "explosion",
    "gunshot",
    "laser",
    "powerup",
    "pickup",
    "jump",
    "magic",
    "fire",
    "monster_voice",
    "win_jingle",
    "lose",
    "alert_error",
    "engine_mech",
    "cloth_leather",
)
"""What `generate_sound` can make."""

MIN_DURATION_MS, MAX_DURATION_MS = 20, 10_000
PEAK_DBFS = -1.0
"""Nothing is louder than this, so that lossy codecs and resamplers do not clip."""

LOUDNESS_LUFS: dict[str, float] = {
    "coin": -20.0,
    "ui_click": -26.0,
    "door": -20.0,
    "footstep": -25.0,
    "sword_whoosh": -21.0,
    "hit_impact": -18.0,
    "explosion": -14.0,
    "gunshot": -15.0,
    "laser": -19.0,
    "powerup": -19.0,
    "pickup": -21.0,
    "jump": -22.0,
    "magic": -20.0,
    "fire": -21.0,
    "monster_voice": -18.0,
    "win_jingle": -18.0,
    "lose": -19.0,
    "alert_error": -19.0,
    "engine_mech": -20.0,
    "cloth_leather": -25.0,
}
"""Momentary loudness that each kind is brought to, so that a pack needs no mixing to be usable."""

_SUSTAINED = ("fire", "engine_mech")
_FADE_IN_MS = 0.5
_OPERATIONS = (
    "harmonics by oscillators, other tones by Griffin-Lim, noise filtered by predicted noisiness",
    "onset moved to the start, DC removed, faded out",
    "loudness and peak levelled",
)


@dataclass(frozen=True)
class SoundRequest:
    """What to make.

    Args:
        kind: One of `KINDS`.
        duration_ms: Exact length, 20..10000; None for a length that is natural for the kind.
    """

    kind: str
    duration_ms: int | None = None


def validate(request: SoundRequest) -> None:
    """Check a request without making anything.

    Raises:
        UsageError: For an unknown kind or a duration out of range; says which are allowed.
    """
    if request.kind not in KINDS:
        close = difflib.get_close_matches(str(request.kind), KINDS, 1, 0.5)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(
            f"unknown kind of sound {request.kind!r}",
            where="kind",
            remedy=f"{meant}kinds are {', '.join(KINDS)}",
        )
    given = request.duration_ms
    if given is None:
        return
    whole = isinstance(given, int) and not isinstance(given, bool)
    if not whole or not MIN_DURATION_MS <= given <= MAX_DURATION_MS:
        raise UsageError(
            f"duration_ms must be a whole number in {MIN_DURATION_MS}..{MAX_DURATION_MS}, "
            f"got {given!r}",
            where="duration_ms",
            remedy="leave it out for a natural length",
        )


def generate_sound(request: SoundRequest, seed: int) -> Made:
    """Make a sound effect: mono, 22.05 kHz, starting at once and ending in silence.

    Args:
        request: Kind and duration.
        seed: Equal requests and seeds give equal samples.

    Raises:
        UsageError: As `validate`.
        WeightsError: If the model cannot be loaded.
    """
    validate(request)
    checkpoint = load_model("sound_vae")
    import torch

    from aigc_assets.models.spectral_frames import HOP_LENGTH, SAMPLE_RATE, synthesise

    network = cast("SpectralVae", checkpoint.network)
    index = network.config.classes.index(request.kind)
    random = generator(derive_seed(seed, "sound", request.kind))
    wanted = None if request.duration_ms is None else request.duration_ms / 1000
    drawn = network.draw(index, wanted, random, loop=request.kind in _SUSTAINED)
    with torch.inference_mode():
        frames = network.decode(drawn.z[None], torch.tensor([index]), torch.tensor([drawn.seconds]))
    level, noisiness, envelope, pitch = (x[0].double().numpy() for x in frames)
    pitch[0] += drawn.octaves
    samples = max(1, round(drawn.seconds * SAMPLE_RATE))
    # Moving the onset to the start needs a little more than was asked for.
    spare = min(level.shape[1] * HOP_LENGTH, samples + SAMPLE_RATE // 20)
    wave = synthesise(level, noisiness, envelope, pitch, spare, derive_seed(seed, "noise"))
    wave = _shape(wave, samples, SAMPLE_RATE, exact=wanted is not None)
    sound = Sound(_level(wave, SAMPLE_RATE, LOUDNESS_LUFS[request.kind]), SAMPLE_RATE)
    asked: dict[str, Scalar] = {"kind": request.kind}
    if request.duration_ms is not None:
        asked["duration_ms"] = request.duration_ms
    return Made(sound, provenance(checkpoint, seed, asked, _OPERATIONS))


def _shape(
    wave: NDArray[np.float64], samples: int, sample_rate: int, *, exact: bool
) -> NDArray[np.float64]:
    """Begin at the onset, end where the sound has died away, fade both ends, centre on zero."""
    wave = _without_rumble(wave, sample_rate)
    level = np.abs(wave)
    peak = level.max()
    start = 0
    if peak > 0:
        # A cue should be heard when it is given: a slow swell begins at a tenth of its peak.
        start = max(0, int(np.argmax(level > 0.11 * peak)) - sample_rate // 125)
        wave = wave[start : start + samples]
        if not exact:
            heard = np.flatnonzero(np.abs(wave) > 0.002 * peak)
            wave = wave[: int(heard[-1]) + sample_rate // 100]
    wave = np.pad(wave, (0, samples - len(wave))) if exact else wave
    n = len(wave)
    # Where something was cut off in front, fade through what is left of it; else keep the attack.
    rise = max(2, min(n // 8, round((_FADE_IN_MS if start == 0 else 6.0) * sample_rate / 1000)))
    fall = max(4, min(n // 3, sample_rate // 25))
    window = np.ones(n)
    window[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    window[n - fall :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fall + 1) / fall)
    wave = wave * window
    # Taking the mean off a faded sound would lift its ends; take it off in the fade's own shape.
    result: NDArray[np.float64] = wave - wave.mean() * window / window.mean()
    return result


def _without_rumble(wave: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Remove what lies below 20 Hz (half gain at 25 Hz): inaudible, but it moves loudspeakers."""
    size = 1 << (len(wave) + sample_rate // 10).bit_length()
    hertz = np.arange(size // 2 + 1) * sample_rate / size
    gain = np.clip((hertz - 15) / 20, 0, 1)
    result: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(wave, size) * gain, size)[: len(wave)]
    return result


def _level(wave: NDArray[np.float64], sample_rate: int, target: float) -> NDArray[np.float32]:
    """Bring to ``target`` LUFS, but nowhere above the peak limit; [1, N] float32."""
    peak = np.abs(wave).max()
    limit = 10 ** (PEAK_DBFS / 20) * (1 - 1e-6)
    if peak == 0:
        return wave[None].astype(np.float32)
    whole = wave / peak
    present = loudness(Sound(whole[None].astype(np.float32), sample_rate))
    gain = limit if np.isinf(present) else min(limit, 10 ** ((target - present) / 20))
    result: NDArray[np.float32] = (whole * gain)[None].astype(np.float32)
    return result
