"""Analysis and synthesis of spectral frames, without any network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.metrics.sounds import log_spectral_distance
from aigc_assets.models.spectral_frames import (
    BANDS,
    FLOOR_DB,
    HOP_LENGTH,
    PITCH_HZ,
    SAMPLE_RATE,
    analyse,
    band_edges,
    synthesise,
)
from aigc_assets.types import Sound

N = 64 * HOP_LENGTH
T = np.arange(N) / SAMPLE_RATE


def wave_of(name: str) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(3))
    fade = np.minimum(1, np.arange(N) / 40) * np.minimum(1, (N - np.arange(N)) / 2000)
    return {
        "tone": 0.5 * np.sin(2 * np.pi * 440 * T),
        "sweep": 0.5 * np.sin(2 * np.pi * (300 * T + 1500 * T * T)),
        "noise": 0.1 * random.standard_normal(N),
        "hit": 0.9 * np.exp(-T * 30) * random.standard_normal(N) / 4,
    }[name] * fade  # fmt: skip


def frames_of(wave: np.ndarray):
    frames = analyse(torch.from_numpy(wave.astype(np.float32))[None])
    return [x[0].double().numpy() for x in frames]


def rebuilt(wave: np.ndarray, seed: int = 0) -> np.ndarray:
    return synthesise(*frames_of(wave), len(wave), seed)


def sound(wave: np.ndarray) -> Sound:
    return Sound((0.9 * wave / np.abs(wave).max()).astype(np.float32)[None], SAMPLE_RATE)


def test_shapes_and_ranges():
    level, noisiness, envelope, pitch = frames_of(wave_of("hit"))
    assert level.shape == noisiness.shape == (BANDS, 64)
    assert envelope.shape == (4, 64)
    assert pitch.shape == (2, 64)
    assert level.min() >= FLOOR_DB - 1e-3
    for share in (noisiness, pitch[1]):
        assert share.min() >= 0
        assert share.max() <= 1


def test_bands_cover_all_bins_once():
    edges = band_edges()
    assert len(edges) == BANDS + 1
    assert edges[0] == 0
    assert edges[-1] == 513
    assert (np.diff(edges) >= 2).all()


def test_levels_are_calibrated():
    level, _, envelope, _ = frames_of(np.sin(2 * np.pi * 43 * SAMPLE_RATE / 1024 * T))
    total = 10 * np.log10((10 ** (level[:, 32] / 10)).sum())
    assert total == pytest.approx(10 * np.log10(1.5), abs=0.05)  # the main lobe of the window
    assert level[:, 32].argmax() == 21
    assert envelope[:, 32] == pytest.approx(-3.01, abs=0.1)


def test_noisiness_tells_noise_from_tones_and_sweeps():
    share = {}
    for name in ("tone", "sweep", "noise"):
        level, noisiness, _, _ = frames_of(wave_of(name))
        weight = 10 ** (level / 10)
        inner = slice(4, -12)
        share[name] = (noisiness * weight)[:, inner].sum() / weight[:, inner].sum()
    assert share["tone"] < 0.05
    assert share["sweep"] < 0.05
    assert share["noise"] > 0.75


@pytest.mark.parametrize("hertz", [70, 220, 523.25, 1318.5, 2637])
@pytest.mark.parametrize("shape", ["sine", "square", "saw"])
def test_pitch_is_found(hertz: float, shape: str):
    top = {"sine": 1}.get(shape, int(10000 / hertz))
    step = 2 if shape == "square" else 1
    wave = sum(np.sin(2 * np.pi * k * hertz * T) / k for k in range(1, top + 1, step)) * 0.4
    _, _, _, (octaves, voiced) = frames_of(wave)
    inner = slice(3, -4)
    assert voiced[inner].min() > 0.75
    assert np.median(PITCH_HZ * 2 ** octaves[inner]) == pytest.approx(hertz, rel=0.004)


def test_a_sweep_is_followed_and_noise_has_no_pitch():
    _, _, _, (octaves, voiced) = frames_of(wave_of("sweep"))
    times = np.arange(64) * HOP_LENGTH / SAMPLE_RATE
    truth = np.log2((300 + 3000 * times) / PITCH_HZ)
    assert np.abs(octaves - truth)[4:-10].max() < 0.05
    assert voiced[4:-10].min() > 0.7
    assert np.median(frames_of(wave_of("noise"))[3][1]) < 0.35


@pytest.mark.parametrize(("name", "limit"), [("tone", 8), ("sweep", 9), ("noise", 9), ("hit", 9)])
def test_synthesis_returns_what_was_analysed(name: str, limit: float):
    wave = wave_of(name)
    assert log_spectral_distance(sound(wave), sound(rebuilt(wave))) < limit


def test_a_tone_stays_one_tone():
    wave = rebuilt(wave_of("tone"))
    power = np.abs(np.fft.rfft(wave[4096:12288] * np.hanning(8192))) ** 2
    peak = int(power.argmax())
    assert peak == pytest.approx(440 * 8192 / SAMPLE_RATE, abs=1)
    assert power[peak - 4 : peak + 5].sum() > 0.99 * power.sum()


def test_harmonics_keep_their_levels():
    hertz = 300.0
    wave = sum(np.sin(2 * np.pi * k * hertz * T) / k for k in range(1, 12)) * 0.3
    power = np.abs(np.fft.rfft(rebuilt(wave)[2048:10240] * np.hanning(8192))) ** 2
    at = [round(k * hertz * 8192 / SAMPLE_RATE) for k in range(1, 9)]
    levels = np.array([10 * np.log10(power[i - 3 : i + 4].sum()) for i in at])
    assert levels - levels[0] == pytest.approx(-20 * np.log10(np.arange(1, 9)), abs=2.5)


def test_attack_is_sharp():
    wave = np.abs(rebuilt(wave_of("hit")))
    first = int(np.argmax(wave > 0.2 * wave.max()))
    assert first < SAMPLE_RATE * 0.008


def test_seeds_change_the_noise_and_nothing_else_does():
    wave = wave_of("noise")
    assert np.array_equal(rebuilt(wave, 5), rebuilt(wave, 5))
    one, two = rebuilt(wave, 5), rebuilt(wave, 6)
    assert np.corrcoef(one, two)[0, 1] < 0.5
    assert np.std(one) == pytest.approx(np.std(two), rel=0.1)
    assert np.std(one) == pytest.approx(np.std(wave), rel=0.2)


def test_silence_stays_silence():
    level, envelope = np.full((BANDS, 16), FLOOR_DB), np.full((4, 16), FLOOR_DB)
    frames = level, np.zeros((BANDS, 16)), envelope, np.zeros((2, 16))
    assert not synthesise(*frames, 16 * HOP_LENGTH, 0).any()
    assert np.isfinite(rebuilt(np.zeros(N))).all()


def test_a_single_frame_works():
    wave = wave_of("noise")[:HOP_LENGTH]
    assert rebuilt(wave).shape == (HOP_LENGTH,)
