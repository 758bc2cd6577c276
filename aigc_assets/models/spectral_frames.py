"""Sound to spectral frames and back, without any learned part.

Frames are what the sound networks read and write: band levels, how noisy each band is, a fine
loudness envelope, and the pitch. `analyse` measures them (torch, batched); `synthesise` turns them
into samples (numpy, float64): what has a pitch by an oscillator per harmonic, what is tonal without
one by locked phase propagation and Griffin-Lim, what is noise by filtering white noise, attacks by
the envelope. Equal frames and seed give equal samples.

References:
    Engel et al., "DDSP", arXiv:2001.04643, section 3 (harmonic oscillators beside filtered noise).
    de Cheveigné & Kawahara, "YIN", 2002, steps 2 to 5 (pitch).
    Auger & Flandrin, "Improving the readability of time-frequency representations by the
    reassignment method", 1995 (instantaneous frequency from a derivative window).
    Laroche & Dolson, "Improved phase vocoder time-scale modification of audio", 1999, section III
    (phase locked around peaks).
    Perraudin et al., "A fast Griffin-Lim algorithm", WASPAA 2013, algorithm 2; here the sound is
    also forced to silence after its last sample.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE = 22050
"""Hz; everything here is mono at this rate."""
N_FFT = 1024
HOP_LENGTH = 256
BINS = N_FFT // 2 + 1
BANDS = 96
"""Bands are two bins (43 Hz) wide up to 2.2 kHz and widen from there."""
ENVELOPE_STEPS = 4
"""Envelope values per frame: one every 64 samples (2.9 ms)."""
FLOOR_DB = -90.0
"""Everything softer counts as silence; 0 dB is a full-scale sine."""
PITCH_HZ = 55.0
"""Where the pitch scale begins; it counts octaves from here."""
MAX_OCTAVES = 6.0

_STEP = HOP_LENGTH // ENVELOPE_STEPS
_ENVELOPE_WINDOW = 256
_MAIN_LOBE = 1.5
"""Power of a sine summed over its bins, over the square of its amplitude (Hann window)."""
_HARMONICS = 72


class Frames(NamedTuple):
    """Spectral frames of a batch; frame t is centred on sample 256·t.

    Attributes:
        level: Power summed over each band, in dB, -90..about 10, [B, 96, T].
        noisiness: Share of noise in the power of a band, 0 (tone) to 1 (noise), [B, 96, T].
        envelope: Loudness in dB around samples 256·t + 64·j, [B, 4, T].
        pitch: Octaves above 55 Hz (0..6) and how periodic the sound is (0..1), [B, 2, T].
    """

    level: Tensor
    noisiness: Tensor
    envelope: Tensor
    pitch: Tensor


@functools.lru_cache(maxsize=1)
def band_edges() -> NDArray[np.int64]:
    """First bin of each band and one past the last: [97], at least two bins per band."""
    edges = [0]
    for i in range(1, BANDS + 1):
        wide = round(BINS * float(np.expm1(3.3 * i / BANDS) / np.expm1(3.3)))
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
    power, spread, offset = _spectrum(wave, N_FFT, HOP_LENGTH)
    edges = band_edges()
    sums = [power[..., low:high].sum(-1) for low, high in itertools.pairwise(edges)]
    level = 10 * torch.log10(torch.stack(sums, 1) + 10 ** (FLOOR_DB / 10))
    noisiness = _noisiness(wave, power, spread)

    kernel = torch.as_tensor(_hann(_ENVELOPE_WINDOW), dtype=wave.dtype, device=wave.device)
    half = _ENVELOPE_WINDOW // 2
    squares = F.pad(wave.square()[:, None], (half, half))
    loud = F.conv1d(squares, (kernel / kernel.sum())[None, None], stride=_STEP)
    loud = loud[..., : frames * ENVELOPE_STEPS].clamp_min(0)
    envelope = 10 * torch.log10(loud + 10 ** (FLOOR_DB / 10))
    envelope = envelope.reshape(len(wave), frames, ENVELOPE_STEPS).transpose(1, 2)
    pitch = _pitch(wave, power, offset)
    return Frames(level, noisiness.transpose(1, 2), envelope, pitch)


def _pitch(wave: Tensor, power: Tensor, offset: Tensor) -> Tensor:
    """Octaves above 55 Hz and periodicity, [B, 2, T]: YIN, refined by instantaneous frequency."""
    frames, window, longest = power.shape[1], 512, 440
    length = window + longest
    lead = 320  # centres the pairs of samples that a typical lag compares on the frame
    padded = F.pad(wave, (lead, length))
    pieces = padded.unfold(-1, length, HOP_LENGTH)[:, :frames]
    size = 1024
    a = torch.fft.rfft(pieces[..., :window], size)
    b = torch.fft.rfft(pieces, size)
    cross = torch.fft.irfft(a.conj() * b, size)[..., :longest]
    energy = F.pad(pieces.square().cumsum(-1), (1, 0))
    first = energy[..., window : window + 1]
    moved = energy[..., window : window + longest] - energy[..., :longest]
    difference = (first + moved - 2 * cross).clamp_min(0) + 1e-9
    lags = torch.arange(1, longest, device=wave.device, dtype=wave.dtype)
    mean = difference[..., 1:].cumsum(-1) / lags
    normal = F.pad(difference[..., 1:] / mean.clamp_min(1e-9), (1, 0), value=1.0)
    # The first dip that is deep enough, else the deepest.
    start = 6
    inner = normal[..., start:-1]
    left, right = normal[..., start - 1 : -2], normal[..., start + 1 :]
    dip = (inner <= left) & (inner < right)
    # High notes have few lags per period: the dip is as deep as the parabola through three of them.
    inner = inner - (left - right).square() / (8 * (left - 2 * inner + right).clamp_min(1e-6))
    deepest = torch.where(dip, inner, 2.0).amin(-1, keepdim=True)
    enough = dip & (inner < torch.maximum(deepest + 0.1, torch.full_like(deepest, 0.12)))
    position = enough.to(torch.uint8).argmax(-1)
    lag = position + start
    value = normal.gather(-1, lag[..., None])[..., 0]
    left = normal.gather(-1, lag[..., None] - 1)[..., 0]
    right = normal.gather(-1, lag[..., None] + 1)[..., 0]
    bend = (left - 2 * value + right).clamp_min(1e-6)
    hertz = SAMPLE_RATE / (lag + (0.5 * (left - right) / bend).clamp(-0.5, 0.5))
    # The strongest of the first four harmonics says the frequency more exactly than a lag can.
    width = SAMPLE_RATE / N_FFT
    numbers = torch.arange(1, 5, device=wave.device)
    near = (hertz[..., None] * numbers / width).round().long().clamp(1, BINS - 2)
    strength = power.gather(-1, near) + 1e-12
    exact = (near + offset.gather(-1, near)) * width / numbers
    fits = ((exact / hertz[..., None]).log2().abs() < 0.06) & (exact > 20)
    strength = strength * fits
    refined = (strength * exact).sum(-1) / strength.sum(-1).clamp_min(1e-20)
    hertz = torch.where(fits.any(-1), refined, hertz)
    voiced = 1 - value.clamp(0, 1)
    quiet = first[..., 0] < 1e-7 * window
    voiced = torch.where(quiet | ~enough.any(-1), torch.zeros_like(voiced), voiced)
    octaves = (hertz.clamp_min(20) / PITCH_HZ).log2().clamp(0, MAX_OCTAVES)
    three = F.pad(octaves[:, None], (1, 1), mode="replicate")[:, 0].unfold(-1, 3, 1)
    return torch.stack([three.median(-1).values, voiced], 1)


def _spectrum(wave: Tensor, length: int, hop: int) -> tuple[Tensor, Tensor, Tensor]:
    """Power, disagreement of neighbours on the frequency they hold, and that frequency.

    All bins of the main lobe of a tone report the frequency of the tone; bins that hold noise do
    not. White noise spreads by about 0.7 bins, steady tones by less than 0.1. Returns three times
    [B, T, K]: power, spread in bins, frequency minus that of the bin in bins.
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
    spread = (second / total - (first / total).square()).clamp_min(0).sqrt()
    return power, spread, offset


def _three(x: Tensor) -> Tensor:
    """Sum of each frame and its two neighbours, [B, T, K]."""
    y = x.clone()
    y[:, 1:] += x[:, :-1]
    y[:, :-1] += x[:, 1:]
    return y


def _noisiness(wave: Tensor, power: Tensor, spread: Tensor) -> Tensor:
    """Noise share per band, [B, T, 96].

    A slow tone is steady under the long window, a fast sweep only under a short one; noise is
    what is steady under neither.
    """
    quarter = N_FFT // 4
    short_power, short_spread, _ = _spectrum(wave, quarter, HOP_LENGTH // 4)
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
    level: NDArray[np.float64],
    noisiness: NDArray[np.float64],
    envelope: NDArray[np.float64],
    pitch: NDArray[np.float64],
    samples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Turn frames into samples.

    Args:
        level: dB, [96, T].
        noisiness: 0..1, [96, T].
        envelope: dB, [4, T].
        pitch: Octaves above 55 Hz and periodicity, [2, T].
        samples: Length of the result; at most 256·T.
        seed: Seeds the white noise and the phases of what has no pitch.

    Returns:
        Samples around [-1, 1] (not limited), [samples] float64.
    """
    frames = level.shape[1]
    random = np.random.Generator(np.random.Philox(seed))
    power = 10 ** (level.T / 10) * (level.T > FLOOR_DB + 6)
    power = _spread_bands(power / np.diff(band_edges()))  # [T, 513]
    share = _spread_bands(np.clip(noisiness.T, 0, 1))
    # Periodicity of 0.55 and more is pitch, of 0.35 and less is none; between them both sound.
    voiced = np.clip((pitch[1] - 0.35) / 0.2, 0, 1)[:, None]
    length = frames * HOP_LENGTH
    noise = _stft(random.standard_normal(length))
    # E|X|² of white noise under the window is the sum of the squared window.
    noise *= np.sqrt(power * share / np.sum(_analysis_window() ** 2))
    wave = _istft(noise)
    rest = np.sqrt(power * (1 - share) * (1 - voiced))
    if rest.max() > 1e-4:
        # As many rounds as keep a second of sound under a tenth of a second on one core.
        rounds = int(np.clip(2400 // frames, 6, 30))
        wave += _griffin_lim(rest, _propagate(rest, random), samples, rounds)
    wave += _oscillate(power * (1 - share) * voiced, PITCH_HZ * 2 ** np.clip(pitch[0], 0, None))
    wave[samples:] = 0.0
    wave = _impose(wave, envelope.T.reshape(-1))
    return wave[:samples]


def _oscillate(power: NDArray[np.float64], hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """A sine per harmonic of ``hertz`` [T], each with the power of the bins around it [T, 513]."""
    length = len(hertz) * HOP_LENGTH
    if not power.any():
        return np.zeros(length)
    sounding = np.flatnonzero(power.sum(axis=1) > 1e-9)
    at = np.arange(length) / HOP_LENGTH
    # A pause has no pitch of its own: it would only make the next note glide.
    steady = np.interp(np.arange(len(hertz)), sounding, np.log2(hertz[sounding]))
    # From frame to frame the pitch glides, but a leap of over a fifth is a new note.
    leap = np.abs(np.diff(steady)) > 0.5
    low = np.minimum(at.astype(np.int64), len(hertz) - 2)
    part = at - low
    part = np.where(leap[low], part >= 0.5, part)
    track = 2 ** (steady[low] + np.minimum(part, 1) * (steady[low + 1] - steady[low]))
    phase = 2 * np.pi * np.cumsum(track) / SAMPLE_RATE
    width = SAMPLE_RATE / N_FFT
    frame_hertz = 2**steady
    sums = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    rows = np.arange(len(power))
    count = int(min(_HARMONICS, max(1, 0.48 * SAMPLE_RATE / frame_hertz.min())))

    def below(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        place = np.clip(hz / width + 0.5, 0, BINS - 1e-6)
        whole = place.astype(np.int64)
        lower: NDArray[np.float64] = sums[rows, whole]
        return lower + (place - whole) * (sums[rows, whole + 1] - lower)

    wave = np.zeros(length)
    twice = 2 * np.cos(phase)
    before, now = np.zeros(length), np.sin(phase)
    edge = np.zeros(len(power))
    frame_at = np.arange(len(power))
    for k in range(1, count + 1):
        upper = below((k + 0.5) * frame_hertz)
        inside = k * frame_hertz < 0.47 * SAMPLE_RATE
        amplitude = np.sqrt(np.maximum(upper - edge, 0) / _MAIN_LOBE) * inside
        edge = upper
        if amplitude.any():
            wave += np.interp(at, frame_at, amplitude) * now
        before, now = now, twice * now - before  # sin(k+1)φ = 2 cos φ sin kφ - sin(k-1)φ
    return wave


def _spread_bands(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T, 96] to [T, 513], linear between band centres."""
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
    # Low notes beat with the window; three steps together do not follow that.
    gain[1:-1] = (gain[:-2] + gain[1:-1] + gain[2:]) / 3
    at = np.arange(len(wave)) / _STEP
    result: NDArray[np.float64] = wave * 10 ** (np.interp(at, np.arange(len(gain)), gain) / 20)
    return result
