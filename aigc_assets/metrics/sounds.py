"""How good a sound is: level, onset, brightness, and distances to real sounds.

All functions take `Sound` and look at the mean of its channels.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics import distributions
from aigc_assets.types import Sound

_N_FFT = 1024
_HOP = 256
_MELS = 40
_SILENCE_DB = -80.0
FEATURES = 3 * _MELS + 60 + 8
"""Length of `sound_features`."""


def peak_level(sound: Sound) -> float:
    """Highest sample in dBFS, at most 0; -inf for silence. Below -1 leaves room for resampling."""
    peak = float(np.abs(sound.samples).max())
    return 20 * float(np.log10(peak)) if peak > 0 else float("-inf")


def dc_offset(sound: Sound) -> float:
    """Size of the mean of the samples, 0..1, lower is better; above 0.001 it clicks when cut."""
    return abs(float(_mono(sound).mean()))


def onset_time(sound: Sound) -> float:
    """Milliseconds until the sound first reaches a tenth of its peak; lower is better.

    Range 0 to the duration; silence gives the duration.
    """
    wave = np.abs(_mono(sound))
    peak = wave.max()
    first = int(np.argmax(wave >= 0.1 * peak)) if peak > 0 else len(wave)
    return 1000 * first / sound.sample_rate


def end_jump(sound: Sound) -> float:
    """Largest of the first and the last sample over the peak, 0..1, lower is better: clicks."""
    wave = np.abs(_mono(sound))
    peak = wave.max()
    return float(max(wave[0], wave[-1]) / peak) if peak > 0 else 0.0


def spectral_centroid(sound: Sound) -> float:
    """Mean frequency weighted by power, Hz, 0 to half the sample rate; a measure of brightness."""
    wave = _mono(sound)
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.arange(len(power)) * sound.sample_rate / len(wave)
    total = power.sum()
    return float((power * hertz).sum() / total) if total > 0 else 0.0


def loudness(sound: Sound) -> float:
    """Highest momentary loudness in LUFS (400 ms window), about -70..0; -inf for silence.

    References:
        ITU-R BS.1770-4, annex 1. The two filters are given there for 48 kHz; here their responses
        are sampled at the frequencies of the sound. Sounds under 400 ms are measured as if silence
        followed.
    """
    wave = _mono(sound)
    window = round(0.4 * sound.sample_rate)
    if len(wave) < window:
        wave = np.pad(wave, (0, window - len(wave)))
    size = 1 << (2 * len(wave) - 1).bit_length()
    hertz = np.arange(size // 2 + 1) * sound.sample_rate / size
    weighted = np.fft.irfft(np.fft.rfft(wave, size) * _k_weighting(hertz), size)[: len(wave)]
    total = np.concatenate([[0.0], np.cumsum(weighted**2)])
    mean = float((total[window:] - total[:-window]).max()) / window
    return -0.691 + 10 * float(np.log10(mean)) if mean > 1e-15 else float("-inf")


def log_spectral_distance(a: Sound, b: Sound) -> float:
    """Root mean square difference of the log spectra, mean over frames, in dB; 0 when equal.

    Range 0 to about 80, lower is better. Levels are matched first, bins under -80 dB of the peak
    count as silence, frames that are silent in both do not count; the shorter sound is continued
    with silence. Two takes of the same noise differ by 6 to 7 dB.
    """
    length = max(a.samples.shape[1], b.samples.shape[1])
    one, two = (_log_spectrum(np.pad(_mono(s), (0, length - s.samples.shape[1]))) for s in (a, b))
    heard = (one > _SILENCE_DB).any(axis=1) | (two > _SILENCE_DB).any(axis=1)
    if not heard.any():
        return 0.0
    return float(np.sqrt(((one - two)[heard] ** 2).mean(axis=1)).mean())


def sound_features(sound: Sound) -> NDArray[np.float64]:
    """What a sound is like in numbers that do not depend on its level, [188].

    Mean, deviation and mean change of 40 log mel bands (3·40); mean, deviation and mean change of
    20 cepstral coefficients (3·20); duration, attack, decay, temporal centroid, centroid and its
    trend, flatness, pauses. For classifiers and `frechet_distance`.
    """
    wave = _mono(sound)
    log = _log_spectrum(wave)
    power = 10 ** (log / 10)
    mel = 10 * np.log10(power @ _mel_filters(sound.sample_rate).T + 10 ** (_SILENCE_DB / 10))
    cepstrum = mel @ _cosines()
    level = 10 * np.log10(power.sum(axis=1) + 1e-8)
    active = level > level.max() - 50
    mel, cepstrum = mel[active], cepstrum[active]
    share = power[active].sum(axis=1)
    share = share / share.sum()
    at = np.linspace(0, 1, len(share))
    hertz = np.arange(power.shape[1]) * sound.sample_rate / _N_FFT
    bright = np.log2((power[active] @ hertz) / power[active].sum(axis=1) + 50)
    seconds = active.sum() * _HOP / sound.sample_rate
    trend = float((share * (at - (share * at).sum()) * bright).sum())
    flat = float((share * (log[active].mean(axis=1) - 10 * np.log10(power[active].mean(1)))).sum())
    loud = level[active]
    rises = np.diff(loud, prepend=loud[0])
    shape = [
        np.log2(seconds),
        float(np.argmax(loud)) * _HOP / sound.sample_rate,
        float(loud[0] - loud[-1]) / max(seconds, 0.02) / 100,
        float((share * at).sum()),
        float((share * bright).sum()),
        trend,
        flat,
        float((rises > 6).sum()) / max(seconds, 0.1),
    ]
    parts = []
    for x in (mel, cepstrum):
        change = np.abs(np.diff(x, axis=0)).mean(axis=0) if len(x) > 1 else np.zeros(x.shape[1])
        parts += [x.mean(axis=0), x.std(axis=0), change]
    return np.concatenate([*parts, np.array(shape)])


def frechet_distance(a: NDArray[np.float64], b: NDArray[np.float64], axes: int = 12) -> float:
    """Fréchet distance of two sets of features, >= 0, lower is closer.

    Features are scaled to unit deviation over ``b`` and reduced to its ``axes`` principal axes, so
    that small sets have covariances of full rank. Only compare values made with the same ``b``.

    Args:
        a: Features of the sounds to judge, [N, D].
        b: Features of the real sounds, [M, D].
        axes: How many principal axes to keep.

    References:
        Kilgour et al., "Fréchet Audio Distance", arXiv:1812.08466, eq. 1, with `sound_features` in
        place of a learned embedding.
    """
    mean, scale = b.mean(axis=0), b.std(axis=0) + 1e-6
    one, two = (a - mean) / scale, (b - mean) / scale
    _, _, directions = np.linalg.svd(two, full_matrices=False)
    turned = directions[:axes].T
    return distributions.frechet_distance(one @ turned, two @ turned)


def _mono(sound: Sound) -> NDArray[np.float64]:
    return sound.samples.astype(np.float64).mean(axis=0)


def _log_spectrum(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level in dB under the highest bin, at least -80, [frames, 513]."""
    padded = np.pad(wave, (_N_FFT // 2, _N_FFT // 2))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_N_FFT) / _N_FFT)
    view = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    power = np.abs(np.fft.rfft(view * window)) ** 2
    top = power.max()
    result: NDArray[np.float64] = 10 * np.log10(
        np.maximum(power / top if top > 0 else power, 10 ** (_SILENCE_DB / 10))
    )
    return result


@functools.lru_cache(maxsize=4)
def _mel_filters(sample_rate: int) -> NDArray[np.float64]:
    """Triangles from 40 Hz to half the sample rate, [40, 513], each of unit sum."""
    ends = 1127 * np.log1p(np.array([40.0, sample_rate / 2]) / 700)
    edges = 700 * np.expm1(np.linspace(ends[0], ends[1], _MELS + 2) / 1127)
    hertz = np.arange(_N_FFT // 2 + 1) * sample_rate / _N_FFT
    rows = []
    for low, mid, high in zip(edges, edges[1:], edges[2:], strict=False):
        row = np.minimum((hertz - low) / (mid - low), (high - hertz) / (high - mid)).clip(0)
        if row.sum() == 0:  # narrower than a bin
            row[round(mid / sample_rate * _N_FFT)] = 1
        rows.append(row / row.sum())
    return np.array(rows)


@functools.lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """The first 20 cosines of the cepstrum without the level, [40, 20]."""
    n, k = np.arange(_MELS)[:, None] + 0.5, np.arange(1, 21)[None]
    return np.sqrt(2 / _MELS) * np.cos(np.pi * n * k / _MELS)


def _k_weighting(hertz: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Response of the shelf and the high-pass filter of BS.1770-4, tables 1 and 2."""
    z = np.exp(-2j * np.pi * hertz / 48000)
    shelf_b = (1.53512485958697, -2.69169618940638, 1.19839281085285)
    shelf_a = (1.0, -1.69065929318241, 0.73248077421585)
    pass_b = (1.0, -2.0, 1.0)
    pass_a = (1.0, -1.99004745483398, 0.99007225036621)
    response = np.ones_like(z)
    for b, a in ((shelf_b, shelf_a), (pass_b, pass_a)):
        response = response * (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)
    return response
