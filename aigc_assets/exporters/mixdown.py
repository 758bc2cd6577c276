"""The sound of a scene: every clip at its exact sample, resampled, summed and held below 0 dB."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import InvalidAssetError
from aigc_assets.types import AssetPack, Clip, Sound, Timeline

SAMPLE_RATE = 44_100
CEILING = 10 ** (-1 / 20)
"""Peaks are held at -1 dBFS: lossy codecs overshoot a little."""

_ATTACK = 256  # samples over which the limiter turns down before a peak and up after it
_HALF_WIDTH = 16  # zero crossings of the resampling filter on each side
_DECLICK_MS = 4


def timeline_audio(timeline: Timeline, pack: AssetPack, sample_rate: int = SAMPLE_RATE) -> Sound:
    """Mix the sound tracks of a scene.

    A clip starts at sample ``floor(start * sample_rate / frame_rate)`` and ends with its sound or
    with the clip, whichever comes first; a sound that is cut is faded over a few milliseconds, one
    with loop points repeats them until the clip ends. Clip properties: ``gain_db`` (default 0) and
    ``pan`` (-1 left .. 1 right).

    Args:
        timeline: The scene.
        pack: Holds the sounds.
        sample_rate: Of the result, Hz.

    Returns:
        As long as the timeline (rounded up to a whole sample); mono, or stereo if any clip is
        panned or stereo. Peaks stay at or below -1 dBFS.

    Raises:
        InvalidAssetError: If a clip names a sound that the pack does not have.
    """
    length = math.ceil(timeline.duration * sample_rate / timeline.frame_rate)
    clips = [c for t in timeline.tracks if t.kind == "sound" for c in t.clips if c.asset]
    sounds = {clip.asset: clip_sound(clip, pack) for clip in clips}
    stereo = any("pan" in clip.properties for clip in clips)
    stereo = stereo or any(sound.samples.shape[0] > 1 for sound in sounds.values())
    mix = np.zeros((2 if stereo else 1, length), dtype=np.float64)
    resampled: dict[str, NDArray[np.float64]] = {}
    for clip in clips:
        sound = sounds[clip.asset]
        if clip.asset not in resampled:
            wave = sound.samples.astype(np.float64)
            resampled[clip.asset] = resample(wave, sound.sample_rate, sample_rate)
        start = math.floor(clip.start * sample_rate / timeline.frame_rate)
        stop = math.floor(clip.stop * sample_rate / timeline.frame_rate)
        wave = _fitted(resampled[clip.asset], sound, sample_rate, min(stop, length) - start)
        gain = 10 ** (float(clip.properties.get("gain_db", 0.0)) / 20)
        mix[:, start : start + wave.shape[1]] += _placed(wave, clip, len(mix)) * gain
    return Sound(limit(mix).astype(np.float32), sample_rate)


def clip_sound(clip: Clip, pack: AssetPack) -> Sound:
    """The sound that a clip plays.

    Raises:
        InvalidAssetError: If the pack has no such sound.
    """
    sound = pack.assets.get(clip.asset)
    if not isinstance(sound, Sound):
        raise InvalidAssetError(
            f"expected the id of a sound of the pack, got {clip.asset!r}",
            where=f"Clip[{clip.name}].asset",
        )
    return sound


def resample(wave: NDArray[np.float64], rate: int, wanted: int) -> NDArray[np.float64]:
    """Change the sample rate with a windowed-sinc filter, one phase at a time.

    Args:
        wave: [C, T].
        rate: Hz of ``wave``.
        wanted: Hz of the result.

    Returns:
        [C, ceil(T * wanted / rate)]; the first sample keeps its time.

    References:
        Smith, "Digital Audio Resampling" (bandlimited interpolation); Kaiser window, beta 8.
    """
    ratio = Fraction(wanted, rate)
    if ratio == 1:
        return wave
    up, down = ratio.numerator, ratio.denominator
    cutoff = min(1.0, float(ratio))
    reach = math.ceil(_HALF_WIDTH / cutoff)
    length = math.ceil(wave.shape[1] * ratio)
    padded = np.pad(wave, ((0, 0), (reach, reach + 1)))
    result = np.zeros((wave.shape[0], length))
    taps = np.arange(-reach, reach + 1)
    for phase in range(min(up, length)):
        # Outputs phase, phase + up, ... all lie at the same fraction between two input samples.
        first, part = divmod(phase * down, up)
        offset = taps - part / up
        kernel = cutoff * np.sinc(cutoff * offset)
        kernel *= np.i0(8 * np.sqrt(np.clip(1 - (offset / (reach + 1)) ** 2, 0, None))) / np.i0(8)
        kernel /= kernel.sum()
        count = len(range(phase, length, up))
        for tap, weight in enumerate(kernel):
            at = first + tap
            result[:, phase::up] += weight * padded[:, at : at + count * down : down][:, :count]
    return result


def limit(mix: NDArray[np.float64], ceiling: float = CEILING) -> NDArray[np.float64]:
    """Hold peaks of [C, T] at ``ceiling`` with a gain that moves smoothly and looks ahead.

    Quiet mixes pass unchanged. All channels share the gain, so the image does not wander.
    """
    peak = np.abs(mix).max(axis=0)
    if not (peak > ceiling).any():
        return mix
    gain = np.minimum(1.0, ceiling / np.maximum(peak, ceiling))
    window = np.pad(gain, 2 * _ATTACK, constant_values=1.0)
    size = 1
    while size < 2 * _ATTACK:  # minimum over 2 * _ATTACK samples by doubling
        window = np.minimum(window[:-size], window[size:])
        size *= 2
    # Averaged over the same span, it stays below the gain of the one sample that all minima share.
    sums = np.concatenate([[0.0], np.cumsum(window)])
    span = 2 * _ATTACK
    smooth = ((sums[span:] - sums[:-span]) / span)[1 : 1 + mix.shape[1]]
    limited: NDArray[np.float64] = np.clip(mix * smooth, -ceiling, ceiling)
    return limited


def _fitted(
    wave: NDArray[np.float64], sound: Sound, sample_rate: int, room: int
) -> NDArray[np.float64]:
    """Cut, or loop, a resampled sound to at most ``room`` samples."""
    room = max(room, 0)
    if sound.loop is not None:
        first, last = (round(i * sample_rate / sound.sample_rate) for i in sound.loop)
        last = min(last, wave.shape[1])
        if last > first:
            body = wave[:, first:last]
            times = max(1, -(-(room - first) // body.shape[1]))
            wave = np.concatenate([wave[:, :first], np.tile(body, times)], axis=1)
    if wave.shape[1] <= room:
        return wave
    wave = wave[:, :room].copy()
    fade = min(room, sample_rate * _DECLICK_MS // 1000)
    wave[:, room - fade :] *= np.arange(fade, 0, -1) / (fade + 1)
    return wave


def _placed(wave: NDArray[np.float64], clip: Clip, channels: int) -> NDArray[np.float64]:
    """Spread a sound over the channels of the mix (balance law: the centre stays at full level)."""
    if channels == 1:
        mono: NDArray[np.float64] = wave.mean(axis=0, keepdims=True)
        return mono
    pan = min(1.0, max(-1.0, float(clip.properties.get("pan", 0.0))))
    left, right = (wave[0], wave[1]) if wave.shape[0] > 1 else (wave[0], wave[0])
    return np.stack([left * min(1.0, 1 - pan), right * min(1.0, 1 + pan)])
