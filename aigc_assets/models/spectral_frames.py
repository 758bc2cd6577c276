"""Sound to spectral frames and back, without any learned part.

Frames are what the sound networks read and write: log magnitudes, how noisy each band is, and a
fine loudness envelope. `analyse` measures them (torch, batched); `synthesise` turns them into
samples (numpy, float64): tonal parts by locked phase propagation and Griffin-Lim, noisy parts by
filtering white noise, attacks by the envelope. Equal frames and seed give equal samples.

References:
    Perraudin et al., "A fast Griffin-Lim algorithm", WASPAA 2013, algorithm 2; here the sound is
    also forced to silence before its first and after its last sample.
    Laroche & Dolson, "Improved phase vocoder time-scale modification of audio", 1999, section III
    (phase locked around peaks).
    Auger & Flandrin, "Improving the readability of time-frequency representations by the
    reassignment method", 1995 (instantaneous frequency from a derivative window).
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE = 22050
"""Hz; everything here is mono at this rate."""
N_FFT = 1024
HOP_LENGTH = 256
BINS = N_FFT // 2 + 1
BANDS = 48
"""Noisiness is given per band; bands widen with frequency."""
ENVELOPE_STEPS = 4
"""Envelope values per frame: one every 64 samples (2.9 ms)."""
FLOOR_DB = -90.0
"""Everything softer counts as silence; 0 dB is a full-scale sine."""

_STEP = HOP_LENGTH // ENVELOPE_STEPS
_ENVELOPE_WINDOW = 256


class Frames(NamedTuple):
    """Spectral frames of a batch; frame t is centred on sample 256·t.

    Attributes:
        magnitude: Log magnitude in dB, -90..about 6, [B, 513, T].
        noisiness: Share of noise in the power of a band, 0 (tone) to 1 (noise), [B, 48, T].
        envelope: Loudness in dB around samples 256·t + 64·j, [B, 4, T].
    """

    magnitude: Tensor
    noisiness: Tensor
    envelope: Tensor


@functools.lru_cache(maxsize=1)
def band_edges() -> NDArray[np.int64]:
    """First bin of each band and one past the last: [49], at least two bins per band."""
    edges = [0]
    for i in range(1, BANDS + 1):
        share = i / BANDS
        wide = round(BINS * (np.expm1(2.6 * share) / np.expm1(2.6)))
        edges.append(max(edges[-1] + 2, wide))
    edges[-1] = BINS
    return np.array(edges, dtype=np.int64)


def _hann(length: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def analyse(wave: Tensor) -> Frames:
    """Measure the spectral frames of a batch of sounds.

    Args:
        wave: Samples in [-1, 1], [B, N] float32; N a multiple of 256. Silence is assumed outside.

    Returns:
        `Frames` with T = N / 256.
    """
    frames = wave.shape[-1] // HOP_LENGTH
    power, spread = _spectrum(wave, N_FFT, HOP_LENGTH)
    magnitude = 10 * torch.log10(power + 10 ** (FLOOR_DB / 10))
    noisiness = _noisiness(wave, power, spread)

    kernel = torch.as_tensor(_hann(_ENVELOPE_WINDOW), dtype=wave.dtype, device=wave.device)
    half = _ENVELOPE_WINDOW // 2
    squares = torch.nn.functional.pad(wave.square()[:, None], (half, half))
    loud = torch.nn.functional.conv1d(squares, (kernel / kernel.sum())[None, None], stride=_STEP)
    loud = loud[..., : frames * ENVELOPE_STEPS].clamp_min(0)
    envelope = 10 * torch.log10(loud + 10 ** (FLOOR_DB / 10))
    envelope = envelope.reshape(len(wave), frames, ENVELOPE_STEPS).transpose(1, 2)
    return Frames(magnitude.transpose(1, 2), noisiness.transpose(1, 2), envelope)


def _spectrum(wave: Tensor, length: int, hop: int) -> tuple[Tensor, Tensor]:
    """Power and how far neighbouring bins and frames disagree on the frequency they hold, in bins.

    All bins of the main lobe of a tone report the frequency of the tone; bins that hold noise do
    not. White noise spreads by about 0.7 bins, steady tones by less than 0.1.
    """
    angle = 2 * np.pi * torch.arange(length, dtype=torch.float64) / length
    scale = 2 / (length / 2)  # a full-scale sine peaks at magnitude 1
    hann = ((0.5 - 0.5 * torch.cos(angle)) * scale).to(wave)
    slope = ((np.pi / length) * torch.sin(angle) * scale).to(wave)
    frames = wave.shape[-1] // hop
    padded = torch.nn.functional.pad(wave, (length // 2, length // 2))
    pieces = padded.unfold(-1, length, hop)[:, :frames]
    spectrum = torch.fft.rfft(pieces * hann)
    derivative = torch.fft.rfft(pieces * slope)
    power = spectrum.real.square() + spectrum.imag.square()
    cross = derivative.imag * spectrum.real - derivative.real * spectrum.imag
    offset = -cross / (power + 1e-12) * (length / (2 * np.pi))
    weight = power + 1e-12
    # Moments of the frequency over three frames, then over three bins; the frequency of a
    # neighbour dk bins up is dk + its own offset, seen from here.
    offset = offset.clamp(-4, 4)
    w, wf, wff = (_three(x) for x in (weight, weight * offset, weight * offset.square()))
    total, first, second = w.clone(), wf.clone(), wff.clone()
    for dk in (-1, 1):
        near = slice(1, None) if dk == 1 else slice(None, -1)
        here = slice(None, -1) if dk == 1 else slice(1, None)
        total[..., here] += w[..., near]
        first[..., here] += wf[..., near] + dk * w[..., near]
        second[..., here] += wff[..., near] + 2 * dk * wf[..., near] + w[..., near]
    return power, (second / total - (first / total).square()).clamp_min(0).sqrt()


def _three(x: Tensor) -> Tensor:
    """Sum of each frame and its two neighbours, [B, T, K]."""
    y = x.clone()
    y[:, 1:] += x[:, :-1]
    y[:, :-1] += x[:, 1:]
    return y


def _noisiness(wave: Tensor, power: Tensor, spread: Tensor) -> Tensor:
    """Noise share per band, [B, T, 48].

    A slow tone is steady under the long window, a fast sweep only under a short one; noise is
    what is steady under neither.
    """
    quarter = N_FFT // 4
    short_power, short_spread = _spectrum(wave, quarter, HOP_LENGTH // 4)
    shape = (len(wave), power.shape[1], 4, short_power.shape[-1])
    short_power, short_spread = short_power.reshape(shape), short_spread.reshape(shape)
    short = (short_power * _share(short_spread)).sum(2) / (short_power.sum(2) + 1e-12)
    at = (torch.arange(BINS, device=wave.device) + 2) // 4
    weight = power + 1e-12
    long, short = _share(spread) * weight, short[..., at] * weight
    rows = []
    edges = band_edges()
    for low, high in itertools.pairwise(edges):
        both = torch.stack([long[..., low:high].sum(-1), short[..., low:high].sum(-1)])
        rows.append(both.amin(0) / weight[..., low:high].sum(-1))
    return torch.stack(rows, -1)


def _share(spread: Tensor) -> Tensor:
    return ((spread - 0.15) / 0.35).clamp(0, 1)


def synthesise(
    magnitude: NDArray[np.float64],
    noisiness: NDArray[np.float64],
    envelope: NDArray[np.float64],
    samples: int,
    seed: int,
    iterations: int | None = None,
) -> NDArray[np.float64]:
    """Turn frames into samples.

    Args:
        magnitude: dB, [513, T].
        noisiness: 0..1, [48, T].
        envelope: dB, [4, T].
        samples: Length of the result; at most 256·T.
        seed: Seeds the white noise and the phases of what has no pitch.
        iterations: Griffin-Lim rounds; None for as many as keep a second of sound under a tenth
            of a second on one core.

    Returns:
        Samples around [-1, 1] (not limited), [samples] float64.
    """
    frames = magnitude.shape[1]
    random = np.random.Generator(np.random.Philox(seed))
    level = 10 ** (magnitude.T / 20) * (magnitude.T > FLOOR_DB + 3)  # [T, 513]
    share = _spread_bands(np.clip(noisiness.T, 0, 1))
    if iterations is None:
        iterations = int(np.clip(3200 // frames, 6, 40))
    length = frames * HOP_LENGTH
    noise = _stft(random.standard_normal(length))
    # E|X|² of white noise under the window is the sum of the squared window.
    noise *= level * np.sqrt(share) / np.sqrt(np.sum(_analysis_window() ** 2))
    tonal = level * np.sqrt(1 - share)
    phase = _propagate(tonal, random)
    wave = _griffin_lim(tonal, phase, samples, iterations) + _istft(noise)
    wave[samples:] = 0.0
    wave = _impose(wave, envelope.T.reshape(-1))
    return wave[:samples]


def _spread_bands(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T, 48] to [T, 513], linear between band centres."""
    edges = band_edges()
    centres = (edges[:-1] + edges[1:] - 1) / 2
    at = np.clip(np.searchsorted(centres, np.arange(BINS)) - 1, 0, BANDS - 2)
    part = np.clip((np.arange(BINS) - centres[at]) / (centres[at + 1] - centres[at]), 0, 1)
    result: NDArray[np.float64] = bands[:, at] * (1 - part) + bands[:, at + 1] * part
    return result


@functools.lru_cache(maxsize=1)
def _analysis_window() -> NDArray[np.float64]:
    return _hann(N_FFT) * (2 / (N_FFT / 2))


@functools.lru_cache(maxsize=1)
def _synthesis_window() -> NDArray[np.float64]:
    # Hann squared at a quarter overlap sums to 1.5.
    return _hann(N_FFT) / (1.5 * (2 / (N_FFT / 2)))


def _stft(wave: NDArray[np.float64]) -> NDArray[np.complex128]:
    """[256·T] to [T, 513]."""
    padded = np.pad(wave, N_FFT // 2)
    count = len(wave) // HOP_LENGTH
    view = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:count]
    return np.fft.rfft(view * _analysis_window())


def _istft(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    """[T, 513] to [256·T]."""
    pieces = np.fft.irfft(spectrum, N_FFT) * _synthesis_window()
    blocks = N_FFT // HOP_LENGTH
    out = np.zeros((len(pieces) + blocks - 1, HOP_LENGTH))
    for j in range(blocks):
        out[j : j + len(pieces)] += pieces[:, j * HOP_LENGTH : (j + 1) * HOP_LENGTH]
    half = N_FFT // 2
    result: NDArray[np.float64] = out.reshape(-1)[half : half + len(pieces) * HOP_LENGTH]
    return result


def _propagate(level: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """First guess of the phases, [T, 513]: every peak carries its phase on at its frequency."""
    frames = len(level)
    bins = np.arange(BINS)
    sign = np.pi * (bins % 2)  # frames are centred, the transform counts from their start
    log = np.log(level + 1e-9)
    phases = np.zeros_like(level)
    before_phase = np.full(BINS, -np.pi / 2)
    before_frequency: NDArray[np.float64] | None = None
    # What starts without pitch starts without order, or its phases would add up to a click.
    start = random.uniform(-np.pi, np.pi, BINS)
    for t in range(frames):
        row = log[t]
        rising = np.r_[True, row[1:] > row[:-1]]
        falling = np.r_[row[:-1] >= row[1:], True]
        peaks = np.flatnonzero(rising & falling)
        inner = peaks[(peaks > 0) & (peaks < BINS - 1)]
        shift = np.zeros(BINS)
        a, b, c = row[inner - 1], row[inner], row[inner + 1]
        bend = a - 2 * b + c
        shift[inner] = np.where(bend < -1e-9, 0.5 * (a - c) / np.minimum(bend, -1e-9), 0.0)
        middles = (peaks[1:] + peaks[:-1] + 1) // 2
        owner = peaks[np.searchsorted(middles, bins, side="right")]
        frequency = owner + shift[owner]
        if before_frequency is None:
            phase = start[owner]
        else:
            mean = 0.5 * (frequency + before_frequency[owner])
            phase = before_phase[owner] + 2 * np.pi * HOP_LENGTH / N_FFT * mean
        phases[t] = phase + sign
        before_phase, before_frequency = phase, frequency
    return phases


def _griffin_lim(
    level: NDArray[np.float64], phase: NDArray[np.float64], samples: int, iterations: int
) -> NDArray[np.float64]:
    if not level.any():
        return np.zeros(len(level) * HOP_LENGTH)
    previous = np.zeros_like(level, dtype=np.complex128)
    spectrum = level * np.exp(1j * phase)
    for _ in range(iterations):
        wave = _istft(spectrum)
        wave[samples:] = 0.0
        rebuilt = _stft(wave)
        ahead = rebuilt + 0.9 * (rebuilt - previous)
        spectrum = level * (ahead / np.maximum(np.abs(ahead), 1e-12))
        previous = rebuilt
    return _istft(spectrum)


def _impose(wave: NDArray[np.float64], envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct the loudness of ``wave`` towards ``envelope`` (dB per 64 samples), within limits.

    Frames of 46 ms smear attacks; the envelope is four times finer than the hop and puts them back.
    """
    kernel = _hann(_ENVELOPE_WINDOW)
    half = _ENVELOPE_WINDOW // 2
    squares = np.pad(wave**2, (half, half))
    view = np.lib.stride_tricks.sliding_window_view(squares, _ENVELOPE_WINDOW)[::_STEP]
    loud = view[: len(envelope)] @ (kernel / kernel.sum())
    present = 10 * np.log10(loud + 10 ** (FLOOR_DB / 10))
    gain = np.clip(envelope - present, -30.0, 9.0)
    gain[present < FLOOR_DB + 10] = 0.0
    at = np.arange(len(wave)) / _STEP
    result: NDArray[np.float64] = wave * 10 ** (np.interp(at, np.arange(len(gain)), gain) / 20)
    return result
