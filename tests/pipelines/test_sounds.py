"""Every kind of sound, as a user gets it."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.metrics.sounds import (
    dc_offset,
    end_jump,
    loudness,
    onset_time,
    peak_level,
    spectral_centroid,
)
from aigc_assets.pipelines.sounds import KINDS, LOUDNESS_LUFS, SoundRequest, generate_sound
from aigc_assets.types import Sound, dump, kind_of

RATE = 22050


def make(kind: str, seed: int = 7, duration_ms: int | None = None) -> Sound:
    asset = generate_sound(SoundRequest(kind, duration_ms), seed).asset
    assert isinstance(asset, Sound)
    return asset


def check(sound: Sound) -> None:
    """What holds for every sound, whatever the kind and the duration."""
    assert sound.samples.shape[0] == 1
    assert sound.samples.dtype == np.float32
    assert sound.sample_rate == RATE
    assert peak_level(sound) <= -1.0
    assert dc_offset(sound) < 1e-3
    assert end_jump(sound) < 0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 7])
def test_every_kind(kind: str, seed: int):
    sound = make(kind, seed)
    check(sound)
    assert onset_time(sound) < 15
    assert 0.03 < float(sound.duration) < 3
    assert peak_level(sound) > -30
    # Levelled, unless a short or spiky sound would go over the peak.
    assert loudness(sound) == pytest.approx(LOUDNESS_LUFS[kind], abs=0.3) or (
        peak_level(sound) > -1.1 and loudness(sound) < LOUDNESS_LUFS[kind]
    )
    assert np.abs(np.diff(sound.samples[0])).max() < 1.5  # no wrapped samples


@pytest.mark.parametrize("kind", KINDS)
def test_the_standard_library_reads_it(kind: str):
    sound = make(kind)
    quantised = np.round(sound.samples[0] * 32767).astype("<i2")
    assert np.abs(quantised.astype(np.int32)).max() < 32767 * 0.9
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, sound.sample_rate, 0, "NONE", ""))
        file.writeframes(quantised.tobytes())
    with wave.open(io.BytesIO(out.getvalue())) as file:
        assert file.getnframes() == sound.samples.shape[1]
        assert file.readframes(file.getnframes()) == quantised.tobytes()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(kind=st.sampled_from(KINDS), duration_ms=st.integers(20, 2500), seed=st.integers(0, 2**62))
def test_any_duration(kind: str, duration_ms: int, seed: int):
    sound = make(kind, seed, duration_ms)
    check(sound)
    assert sound.samples.shape[1] == round(duration_ms / 1000 * RATE)
    assert np.abs(sound.samples).max() > 0.01


@pytest.mark.parametrize("duration_ms", [20, 10_000])
@pytest.mark.parametrize("kind", ["coin", "fire", "explosion"])
def test_extreme_durations(kind: str, duration_ms: int):
    sound = make(kind, 3, duration_ms)
    check(sound)
    assert sound.samples.shape[1] == duration_ms * RATE // 1000
    # Stretched or looped, not followed by silence: the last quarter still sounds.
    late = sound.samples[0][-sound.samples.shape[1] // 4 :]
    assert np.abs(late).max() > 1e-4


def test_a_loop_keeps_burning():
    long = make("fire", 5, 6000).samples[0]
    loud = np.sqrt(np.mean(long[: 6000 * RATE // 1000].reshape(12, -1) ** 2, axis=1))
    assert loud[2:-2].min() > 0.03 * loud.max()


def test_seeds_make_variations():
    waves = {dump(make("coin", seed)) for seed in range(6)}
    assert len(waves) == 6


def test_equal_requests_give_equal_bytes():
    assert dump(make("magic", 11)) == dump(make("magic", 11))


def test_bytes_do_not_depend_on_threads_or_process():
    code = (
        "import hashlib, torch\n"
        "from aigc_assets.pipelines.sounds import SoundRequest, generate_sound\n"
        "from aigc_assets.types import dump\n"
        "for kind in ('laser', 'fire', 'door'):\n"
        "    data = dump(generate_sound(SoundRequest(kind), 3).asset)\n"
        "    print(hashlib.sha256(data).hexdigest())\n"
    )
    here = [hashlib.sha256(dump(make(kind, 3))).hexdigest() for kind in ("laser", "fire", "door")]
    for threads in ("1", "4"):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        env = {**os.environ, **dict.fromkeys(names, threads), "PYTHONHASHSEED": threads}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == here


def test_provenance():
    made = generate_sound(SoundRequest("coin", 300), 7)
    assert kind_of(made.asset) == "sound"
    assert made.provenance.model == "sound_vae"
    assert made.provenance.request == {"kind": "coin", "duration_ms": 300}
    assert len(made.provenance.weights_sha256) == 64
    assert "BSD-3-Clause" in made.provenance.licences
    assert any("Freedoom" in text for text in made.provenance.attributions)
    assert not any(licence.startswith(("CC-BY", "OGA")) for licence in made.provenance.licences)
    assert "duration_ms" not in generate_sound(SoundRequest("coin"), 7).provenance.request


def test_kinds_differ_as_they_should():
    def centroid(kind: str) -> float:
        return float(np.median([spectral_centroid(make(kind, seed)) for seed in range(5)]))

    def seconds(kind: str) -> float:
        return float(np.median([float(make(kind, seed).duration) for seed in range(5)]))

    assert centroid("explosion") < centroid("coin")
    assert centroid("footstep") < centroid("sword_whoosh")
    assert seconds("ui_click") < seconds("win_jingle")
    assert seconds("footstep") < seconds("explosion")


@pytest.mark.parametrize(
    ("kind", "hint"), [("coins", "'coin'"), ("explode", "'explosion'"), ("xyzzy", "coin, ui_click")]
)
def test_unknown_kind(kind: str, hint: str):
    with pytest.raises(UsageError) as caught:
        generate_sound(SoundRequest(kind), 0)
    assert kind in caught.value.message
    assert hint in str(caught.value.remedy)
    assert all(name in str(caught.value.remedy) for name in KINDS)


@pytest.mark.parametrize("duration", [19, 10_001, 0, -5, 1.5, True, "200"])
def test_bad_duration(duration: object):
    with pytest.raises(UsageError, match=r"20\.\.10000"):
        generate_sound(SoundRequest("coin", duration), 0)  # type: ignore[arg-type]


def test_the_model_knows_every_kind():
    from aigc_assets.pipelines.made import load_model

    assert load_model("sound_vae").network.config.classes == KINDS
