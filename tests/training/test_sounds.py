"""Packing and training of sounds on a few synthetic files."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.models.spectral_frames import SAMPLE_RATE
from aigc_assets.training.packing import pack, read
from aigc_assets.training.sounds.clips import MAX_SAMPLES, resample, unpack_clips
from aigc_assets.training.sounds.effects import SoundTask
from aigc_assets.training.sounds.sfxr import RECIPES, make_effect
from aigc_assets.training.trainer import Run

NAMES = ("coin", "footstep", "ui_click")


def random(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def wav(samples: np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return out.getvalue()


def write_sources(root: Path) -> Path:
    """Eight clips each of three kinds, one with a licence that is not used, one unknown kind."""
    folder = root / "sounds" / "own"
    folder.mkdir(parents=True)
    rows = []
    for kind in NAMES:
        for n in range(8):
            clip = np.concatenate(
                [np.zeros(500), 0.5 * make_effect(kind, random(n)), np.zeros(900)]
            )
            (folder / f"{kind}{n}.wav").write_bytes(wav(clip))
            rows.append(_row(f"{kind}{n}.wav", kind))
    (folder / "other.wav").write_bytes(wav(make_effect("coin", random(99))))
    rows += [_row("other.wav", "coin", "CC-BY-3.0"), _row("other.wav", "ambience")]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "sounds" / "index.jsonl").write_text(text)
    (folder / "SOURCES.json").write_text(json.dumps({"repo": "own/sounds"}))
    return root


def _row(file: str, kind: str, licence: str = "CC0-1.0") -> dict[str, str]:
    return {"source": "own", "license": licence, "file": file, "category": kind}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory):
    root = write_sources(tmp_path_factory.mktemp("sources"))
    out = tmp_path_factory.mktemp("packed")
    pack(root, out, ["sound"])
    arrays, info = read(out, "sound")
    torch.set_num_threads(1)
    # Only the three kinds, and a small network.
    arrays["kinds"] = np.array([NAMES.index(info["vocabulary"][k]) for k in arrays["kinds"]])
    info.update(vocabulary=list(NAMES), synthetic_per_kind=1, variants=2, frames_per_batch=192)
    info["config"] = {"encoder_width": 16, "decoder_width": 16, "components": 3}
    return arrays, info


@pytest.mark.parametrize("kind", list(RECIPES))
def test_every_recipe_is_sound(kind: str):
    for seed in range(3):
        clip = make_effect(kind, random(seed))
        assert np.isfinite(clip).all()
        assert np.abs(clip).max() == pytest.approx(0.9, abs=1e-3)
        assert 0.02 < len(clip) / SAMPLE_RATE < 1.45
        assert np.array_equal(clip, make_effect(kind, random(seed)))
    assert not np.array_equal(
        make_effect(kind, random(0))[:300], make_effect(kind, random(1))[:300]
    )


def test_clips_survive_packing(packed):
    arrays, info = packed
    clips = unpack_clips(arrays)
    assert len(clips) == 24  # neither the CC-BY file nor the unknown kind
    assert [info["vocabulary"][clip.kind] for clip in clips] == [n for n in NAMES for _ in range(8)]
    assert sum(clip.held for clip in clips) == 3
    original = make_effect("coin", random(0))
    assert np.abs(clips[0].wave).max() == pytest.approx(0.9, abs=1e-3)
    assert len(clips[0].wave) < len(original) + 300  # the silence around it is gone
    # The same wave, if one allows for where it was cut.
    trace = np.correlate(original, clips[0].wave[:2000], "full")
    assert trace.max() > 0.98 * np.linalg.norm(clips[0].wave[:2000]) ** 2


def test_sources_are_named_with_their_licences(packed):
    sources = packed[1]["sources"]
    assert sources[0]["licence"] == "CC0-1.0"
    assert sources[0]["used_for"] == "24 clips"
    assert any("procedural" in source["used_for"] for source in sources)


def test_missing_sources(tmp_path: Path):
    with pytest.raises(DataError, match="index"):
        pack(tmp_path, tmp_path / "out", ["sound"])


def test_a_file_that_is_no_wav(tmp_path: Path):
    root = write_sources(tmp_path)
    (root / "sounds" / "own" / "coin3.wav").write_bytes(b"RIFF but not really")
    with pytest.raises(DataError, match=r"coin3\.wav"):
        pack(root, tmp_path / "out", ["sound"])


def test_a_wav_at_another_rate(tmp_path: Path):
    root = write_sources(tmp_path)
    (root / "sounds" / "own" / "coin3.wav").write_bytes(wav(np.ones(2000) / 2, 44100))
    with pytest.raises(DataError, match="22050"):
        pack(root, tmp_path / "out", ["sound"])


def test_arrays_of_something_else():
    with pytest.raises(DataError):
        unpack_clips({"audio": np.zeros((2, 5), np.uint8)})


def test_resampling_moves_pitch():
    t = np.arange(8192) / SAMPLE_RATE
    clip = np.sin(2 * np.pi * 700 * t).astype(np.float32)
    fast = resample(clip, 1.25)
    assert len(fast) == pytest.approx(8192 / 1.25, abs=1)
    power = np.abs(np.fft.rfft(fast * np.hanning(len(fast))))
    assert power.argmax() * SAMPLE_RATE / len(fast) == pytest.approx(875, rel=0.01)


def test_it_learns(packed, tmp_path: Path):
    torch.manual_seed(0)
    task = SoundTask(*packed, Run("cpu", 1, 0, tmp_path, "fp32"))
    losses = [task.step(0.1)["level"] for _ in range(60)]
    assert np.mean(losses[-12:]) < 0.9 * np.mean(losses[:6])


def test_held_out_sounds_are_not_trained_on(packed, tmp_path: Path):
    arrays, info = packed
    task = SoundTask(arrays, info, Run("cpu", 1, 0, tmp_path))
    held = {clip.wave.tobytes() for clip in unpack_clips(arrays) if clip.held}
    assert len(held) == 3
    assert not held & {clip.wave.tobytes() for clip in task.train_clips + task.synthetic}
    assert len(task.items) == 2 * 21 + len(task.synthetic)


def test_figures_and_components(packed, tmp_path: Path):
    torch.manual_seed(0)
    task = SoundTask(*packed, Run("cpu", 1, 0, tmp_path, "fp32"))
    figures = task.evaluate()
    assert set(figures) == {
        "reconstruction_lsd_db",
        "class_accuracy",
        "frechet_distance",
        "nearest_training_sound",
    }
    for row in figures.values():
        assert set(row) == {"model", "floor", "baseline"}
        assert all(np.isfinite(value) for value in row.values())
    # An untrained network cannot beat the analysis and synthesis of the real thing.
    assert figures["reconstruction_lsd_db"]["floor"] < figures["reconstruction_lsd_db"]["model"]
    network, config = task.shipped()["sound_vae"]
    assert torch.allclose(network.component_weight.sum(1), torch.ones(len(config["classes"])))
    assert (network.component_seconds > 0).all()
    assert network.component_seconds.max() <= MAX_SAMPLES / SAMPLE_RATE
    task.preview(tmp_path / "look")
    assert (tmp_path / "look.png").read_bytes().startswith(b"\x89PNG")
