"""The sound metrics on sounds whose order is known."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.metrics import METRICS
from aigc_assets.metrics.sounds import (
    FEATURES,
    dc_offset,
    end_jump,
    frechet_distance,
    log_spectral_distance,
    loudness,
    onset_time,
    peak_level,
    sound_features,
    spectral_centroid,
)
from aigc_assets.types import Sound

RATE = 22050


def tone(hertz: float, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * hertz * t)


def noise(seed: int, seconds: float = 1.0, level: float = 0.1) -> np.ndarray:
    return level * np.random.Generator(np.random.Philox(seed)).standard_normal(int(seconds * RATE))


def make(wave: np.ndarray, rate: int = RATE) -> Sound:
    return Sound(np.clip(wave, -1, 1).astype(np.float32)[None], rate)


SILENCE = make(np.zeros(RATE))


def test_rows_exist():
    import importlib

    rows = [row for row in METRICS.values() if row[0] == "aigc_assets.metrics.sounds"]
    assert len(rows) >= 7
    for module, function in rows:
        assert callable(getattr(importlib.import_module(module), function))


def test_peak_level():
    assert peak_level(make(np.array([0.1, -1.0]))) == 0
    assert peak_level(make(np.array([0.1, -0.5]))) == pytest.approx(-6.02, abs=0.01)
    assert peak_level(SILENCE) == float("-inf")


def test_dc_offset():
    assert dc_offset(make(tone(441))) < 1e-4
    assert dc_offset(make(tone(441) - 0.25)) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize("delay_ms", [0, 10, 250])
def test_onset_time(delay_ms: int):
    wave = np.concatenate([np.zeros(delay_ms * RATE // 1000), noise(0)])
    assert onset_time(make(wave)) == pytest.approx(delay_ms, abs=1.0)


def test_onset_of_silence_is_its_duration():
    assert onset_time(SILENCE) == pytest.approx(1000)


def test_end_jump():
    faded = tone(440) * np.hanning(RATE)
    assert end_jump(make(faded)) < 1e-3
    assert end_jump(make(np.full(1000, 0.5))) == pytest.approx(1)
    assert end_jump(SILENCE) == 0


def test_spectral_centroid():
    assert spectral_centroid(make(tone(997))) == pytest.approx(997, rel=0.01)
    assert spectral_centroid(make(noise(0))) == pytest.approx(RATE / 4, rel=0.05)
    assert spectral_centroid(SILENCE) == 0


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_loudness_reference(rate: int):
    # BS.1770-4: a full-scale sine of 997 Hz in one channel reads -3.01 LKFS.
    t = np.arange(rate) / rate
    assert loudness(make(np.sin(2 * np.pi * 997 * t), rate)) == pytest.approx(-3.01, abs=0.03)


def test_loudness_order():
    assert loudness(make(tone(997, level=0.1))) == pytest.approx(
        loudness(make(tone(997, level=1.0))) - 20, abs=0.01
    )
    # The ear hears little at 30 Hz, more at 3 kHz, and little of what is short.
    assert loudness(make(tone(30))) < loudness(make(tone(997))) - 4
    assert loudness(make(tone(3000))) > loudness(make(tone(997))) + 2
    assert loudness(make(tone(997, 0.05))) < loudness(make(tone(997, 0.4))) - 6
    assert loudness(SILENCE) == float("-inf")


def test_log_spectral_distance():
    one = noise(0)
    assert log_spectral_distance(make(one), make(one)) == 0
    assert log_spectral_distance(make(one), make(one * 0.25)) < 0.1  # level does not count
    again = log_spectral_distance(make(one), make(noise(1)))
    tilted = np.convolve(one, [1, 0.9], "same")
    other = log_spectral_distance(make(one), make(tone(440)))
    assert 6 < again < 9
    assert again < log_spectral_distance(make(noise(2)), make(tilted)) < other
    assert other > 40
    assert log_spectral_distance(SILENCE, SILENCE) == 0


def test_log_spectral_distance_counts_a_missing_tail():
    long, short = tone(440, 1.0), tone(440, 0.5)
    assert log_spectral_distance(make(long), make(short)) > 3


def test_features():
    values = sound_features(make(noise(0)))
    assert values.shape == (FEATURES,)
    assert np.isfinite(values).all()
    quieter = sound_features(make(noise(0) * 0.1))
    assert np.allclose(values, quieter, atol=0.2)
    assert np.isfinite(sound_features(make(noise(0, 0.02)))).all()
    assert np.isfinite(sound_features(make(np.array([1.0])))).all()


def test_frechet_distance_orders_real_near_far():
    real = np.stack([sound_features(make(noise(n, 0.2))) for n in range(40)])
    same = np.stack([sound_features(make(noise(n, 0.2))) for n in range(100, 140)])
    lower = [np.convolve(noise(n, 0.2), [1, 0.5], "same") for n in range(40)]
    near = np.stack([sound_features(make(x)) for x in lower])
    far = np.stack([sound_features(make(tone(300 + 10 * n, 0.2))) for n in range(40)])
    distances = [frechet_distance(x, real) for x in (real, same, near, far)]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances[0] < distances[1] < distances[2] < distances[3]
