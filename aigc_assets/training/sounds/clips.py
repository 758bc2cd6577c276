"""The real training clips: which are used as what, how they are trimmed, and how they are packed.

Categories come from file names and are cleaned up by `_kind_of_clip`. Held out are whole files,
every sixth of a kind.
"""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.models.spectral_frames import HOP_LENGTH, SAMPLE_RATE
from aigc_assets.training.sounds.sfxr import RECIPES

KINDS = tuple(RECIPES)
MAX_FRAMES = 128
MAX_SAMPLES = (MAX_FRAMES - 4) * HOP_LENGTH
"""Longer clips are cut (with a fade) to 1.44 s."""


class Clip(NamedTuple):
    """A training sound: samples [N] float32, class index, and what it may be used for."""

    wave: NDArray[np.float32]
    kind: int
    held: bool
    """Held out: never trained on."""
    narrow: bool
    """Recorded without anything above 5.2 kHz."""
    real: bool


def pack_clips(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Trim and level the usable clips of ``folder``; see `aigc_assets.training.packing.pack`.

    Raises:
        DataError: If the index or a clip cannot be read.
    """
    try:
        lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise DataError(f"no readable index: {error}", where=str(folder)) from error
    pieces, kinds, held, narrow = [], [], [], []
    counts: dict[str, int] = {}
    used: dict[tuple[str, str], int] = {}
    for row in rows:
        licence = _licence(row["license"])
        kind = _kind_of_clip(row["category"], row["file"])
        if licence is None or kind is None:
            continue
        clip = _trim(_read_wave(folder / row["source"] / row["file"]))
        if clip is None:
            continue
        number = counts[kind] = counts.get(kind, 0) + 1
        used[row["source"], licence] = used.get((row["source"], licence), 0) + 1
        pieces.append(np.round(clip * 32767).astype(np.int16))
        kinds.append(KINDS.index(kind))
        held.append(number % 6 == 4)
        narrow.append(_is_narrow(clip))
    audio = np.concatenate(pieces)
    delta = np.diff(audio, prepend=audio[:1] * 0).view(np.uint8).reshape(-1, 2)
    arrays: dict[str, np.ndarray] = {
        # Differences, high bytes apart from low bytes, deflate to two thirds.
        "audio": np.ascontiguousarray(delta.T),
        "lengths": np.array([len(p) for p in pieces], np.int32),
        "kinds": np.array(kinds, np.uint8),
        "held": np.array(held),
        "narrow": np.array(narrow),
    }
    info: dict[str, Any] = {
        "sources": [_source(folder, *key, n) for key, n in sorted(used.items())]
        + [
            {
                "folder": "aigc_assets/training/sounds/sfxr.py",
                "licence": "Apache-2.0",
                "used_for": "procedural sounds made while training, beside the real clips; "
                "never held out and not part of any metric's real side",
            }
        ],
        "vocabulary": list(KINDS),
        "synthetic_per_kind": 48,
        "variants": 3,
        "limits": "Mono 22.05 kHz effects of up to about 1.5 s; longer ones are stretched or "
        "looped. Labels of the training clips come from file names. Rooms, speech and music "
        "beyond short jingles are out of reach.",
        "notes": "Held out: every sixth file of a kind, by file (variants of one recording "
        "can fall on both sides). Clips without energy above 5.2 kHz are not trained on above "
        "it.",
    }
    return arrays, info


def unpack_clips(data: dict[str, np.ndarray]) -> list[Clip]:
    """Clips from the arrays that `pack_clips` made.

    Raises:
        DataError: If they are something else.
    """
    try:
        steps = np.ascontiguousarray(data["audio"].T).view(np.int16)[:, 0]
        audio = np.cumsum(steps, dtype=np.int16).astype(np.float32) / np.float32(32767)
        columns = (data[key].tolist() for key in ("lengths", "kinds", "held", "narrow"))
        clips, at = [], 0
        for length, kind, held, narrow in zip(*columns, strict=True):
            clips.append(Clip(audio[at : at + length], kind, held, narrow, True))
            at += length
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(f"not packed sounds: {error}", where="sound.npz") from error
    return clips


def _licence(text: str) -> str | None:
    """SPDX id of a usable source; None for one that asks for attribution per file."""
    if text in ("CC0-1.0", "BSD-3-Clause"):
        return text
    return "CC0-1.0" if "Creative Commons 0" in text else None


def _source(folder: Path, name: str, licence: str, count: int) -> dict[str, Any]:
    try:
        text = (folder / name / "SOURCES.json").read_text(encoding="utf-8")
        row = json.loads(text)
    except (OSError, ValueError):
        row = {}
    source: dict[str, Any] = {
        "folder": f"sounds/{name}",
        "repository": row.get("repo", ""),
        "licence": licence,
        "used_for": f"{count} clips",
    }
    if licence != "CC0-1.0":
        source["attribution"] = row.get("attribution", f"contributors of {name}")
    return source


def _kind_of_clip(category: str, file: str) -> str | None:
    """The kind a clip is trained as; None to leave it out.

    The categories of the index come from file names: playing cards and books are filed under
    clicks, poker chips under coins, two-tone beeps under engines, empty magazines under gunshots.
    """
    name = file.lower()
    moved = {
        ("ui_click", "_card"): "cloth_leather",
        ("ui_click", "_book"): "cloth_leather",
        ("ui_click", "dsradio"): None,
        ("coin", "_chips"): "hit_impact",
        ("cloth_leather", "metal"): "hit_impact",
        ("engine_mech", "tone"): "alert_error",
        ("gunshot", "no-ammo"): "ui_click",
        ("gunshot", "reload"): None,
        ("gunshot", "_ammo"): None,
        ("gunshot", "dsdbload"): None,
        ("gunshot", "arrow"): None,
        ("gunshot", "bowsht"): None,
        ("win_jingle", "wind"): None,
        ("monster_voice", "chicpk"): None,
    }
    for (from_category, part), kind in moved.items():
        if category == from_category and part in name:
            return kind
    return category if category in RECIPES else None


def _read_wave(path: Path) -> NDArray[np.float32]:
    try:
        with wave.open(str(path)) as file:
            right = file.getframerate() == SAMPLE_RATE and file.getsampwidth() == 2
            channels = file.getnchannels()
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    except (OSError, EOFError, wave.Error) as error:
        raise DataError(f"not a readable WAV file: {error}", where=str(path)) from error
    if not right:
        raise DataError("expected 16-bit samples at 22050 Hz", where=str(path))
    mono: NDArray[np.float32] = data.reshape(-1, channels).mean(axis=1).astype(np.float32) / 32768
    return mono


def _trim(clip: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Start at the onset, end where it dies away, peak 0.9; None for silence."""
    clip = clip - clip.mean()
    level = np.abs(clip)
    peak = level.max() if len(clip) else 0.0
    if peak < 0.003:
        return None
    heard = np.flatnonzero(level > peak * 0.01)
    start = max(0, int(np.flatnonzero(level > peak * 0.02)[0]) - 16)
    stop = min(len(clip), int(heard[-1]) + 200)
    clip = clip[start:stop] * np.float32(0.9 / peak)
    if len(clip) > MAX_SAMPLES:
        clip = clip[:MAX_SAMPLES].copy()
        fade = SAMPLE_RATE // 8
        clip[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    if len(clip) < 200:
        return None
    peak = np.abs(clip).max()
    return np.asarray(clip * np.float32(0.9 / max(peak, 0.01)), np.float32)


def _is_narrow(clip: NDArray[np.float32]) -> bool:
    """Whether the recording holds nothing above 5.5 kHz."""
    power = np.abs(np.fft.rfft(clip)) ** 2
    edge = int(len(power) * 5800 / (SAMPLE_RATE / 2))
    return bool(power[edge:].sum() < 1e-5 * power.sum())


def resample(clip: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
    """Play ``clip`` ``speed`` times as fast (pitch and duration), by resizing its spectrum."""
    if speed == 1.0:
        return clip
    size = max(64, round(len(clip) / speed))
    padded = np.pad(clip, (0, max(0, 256 - len(clip) % 256)))
    wide = round(len(padded) / speed)
    spectrum = np.fft.rfft(padded)
    resized = np.zeros(wide // 2 + 1, complex)
    keep = min(len(spectrum), len(resized))
    resized[:keep] = spectrum[:keep]
    return (np.fft.irfft(resized, wide)[:size] * (wide / len(padded))).astype(np.float32)
