"""WAV and Ogg Vorbis."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.exporters.ogg import export_ogg, ogg_crc, read_pages
from aigc_assets.exporters.wav import export_wav
from aigc_assets.types import Sound
from tests import samples


def stereo(milliseconds: int = 300, loop: tuple[int, int] | None = None) -> Sound:
    t = np.arange(44100 * milliseconds // 1000) / 44100
    both = np.stack([np.sin(2 * np.pi * 330 * t), np.sin(2 * np.pi * 660 * t)]) * 0.6
    return Sound(both.astype(np.float32), 44100, loop)


def chunks(data: bytes) -> dict[bytes, bytes]:
    """RIFF chunks in order; checks sizes and even padding on the way."""
    riff, size, form = struct.unpack_from("<4sI4s", data)
    assert (riff, size, form) == (b"RIFF", len(data) - 8, b"WAVE")
    found, at = {}, 12
    while at < len(data):
        tag, length = struct.unpack_from("<4sI", data, at)
        found[tag] = data[at + 8 : at + 8 + length]
        assert len(found[tag]) == length
        at += 8 + length + length % 2
    return found


@pytest.mark.parametrize("sound", [samples.sound(), stereo(), stereo(50, (100, 2000))])
def test_wav_is_read_by_the_standard_library(sound):
    data = export_wav(sound, "coin")["coin.wav"]
    with wave.open(io.BytesIO(data)) as reader:
        assert reader.getnchannels() == sound.samples.shape[0]
        assert reader.getframerate() == sound.sample_rate
        assert reader.getsampwidth() == 2
        assert reader.getnframes() == sound.samples.shape[1]
        pcm = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
    back = pcm.reshape(-1, sound.samples.shape[0]).T / 32767
    assert np.abs(back - sound.samples).max() <= 0.5 / 32767 + 1e-9


def test_wav_of_full_scale_does_not_wrap():
    sound = Sound(np.array([[1.0, -1.0, 0.0]], dtype=np.float32), 8000)
    pcm = np.frombuffer(chunks(export_wav(sound, "x")["x.wav"])[b"data"], "<i2")
    assert pcm.tolist() == [32767, -32767, 0]


def test_wav_has_a_sampler_chunk_only_when_it_loops():
    assert b"smpl" not in chunks(export_wav(stereo(), "x")["x.wav"])
    smpl = chunks(export_wav(stereo(100, (441, 4410)), "x")["x.wav"])[b"smpl"]
    numbers = struct.unpack("<15I", smpl)
    assert numbers[2] == 22676 and numbers[3] == 60 and numbers[7] == 1
    kind, start, end, count = numbers[10], numbers[11], numbers[12], numbers[14]
    assert (kind, start, end, count) == (0, 441, 4409, 0), "the end is the last sample played"


@pytest.mark.parametrize("sound", [samples.sound(), stereo()])
def test_ogg_sounds_like_its_source(sound):
    data = export_ogg(sound, "coin")["coin.ogg"]
    back, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert rate == sound.sample_rate and back.T.shape == sound.samples.shape
    noise = float(np.sum((back.T - sound.samples) ** 2) / np.sum(sound.samples**2))
    assert noise < 0.02


def test_a_long_ogg_is_whole():
    random = np.random.Generator(np.random.Philox(1))
    noise = random.uniform(-0.5, 0.5, (2, 400_000)).astype(np.float32)
    data = export_ogg(Sound(noise, 44100), "wind")["wind.ogg"]
    assert soundfile.info(io.BytesIO(data)).frames == 400_000


def test_ogg_pages_are_numbered_and_checked():
    data = export_ogg(stereo(), "coin")["coin.ogg"]
    at, pages = 0, 0
    while at < len(data):
        header = 27 + data[at + 26]
        size = header + sum(data[at + 27 : at + header])
        serial, sequence, stored = struct.unpack_from("<III", data, at + 14)
        page = bytearray(data[at : at + size])
        page[22:26] = bytes(4)
        assert (serial, sequence, stored) == (1, pages, slow_crc(page))
        at, pages = at + size, pages + 1
    assert pages >= 2


@given(st.binary(max_size=300))
def test_ogg_crc_equals_its_definition(data):
    assert ogg_crc(data) == slow_crc(data)


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_what_is_not_ogg_is_refused(cut):
    data = export_ogg(samples.sound(), "coin")["coin.ogg"]
    with pytest.raises(ValueError, match="cut off"):
        read_pages(data[:-cut])
    with pytest.raises(ValueError, match="no Ogg page at byte 0"):
        read_pages(b"RIFF" + data)


def test_an_ogg_loop_is_written_as_comments_and_nothing_else_changes():
    plain = export_ogg(stereo(), "x")["x.ogg"]
    looped = export_ogg(stereo(loop=(441, 4410)), "x")["x.ogg"]
    assert b"LOOPSTART" not in plain
    assert b"\x0d\0\0\0LOOPSTART=441\x0f\0\0\0LOOPLENGTH=3969" in looped
    np.testing.assert_array_equal(*(soundfile.read(io.BytesIO(x))[0] for x in (plain, looped)))
    assert read_pages(looped)[2:] == read_pages(plain)[2:]


@pytest.mark.parametrize("rate", [1000, 7999, 200_001, 384_000])
def test_ogg_refuses_a_rate_that_vorbis_does_not_know(rate):
    sound = Sound(np.zeros((1, 100), dtype=np.float32), rate)
    with pytest.raises(UsageError, match=f"not {rate} Hz"):
        export_ogg(sound, "x")


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (200_000, 2), (48_000, 6), (22_050, 8)])
def test_ogg_holds_all_other_rates(rate, channels):
    data = export_ogg(Sound(np.zeros((channels, 999), np.float32), rate), "x")["x.ogg"]
    info = soundfile.info(io.BytesIO(data))
    assert (info.samplerate, info.channels, info.frames) == (rate, channels, 999)


def slow_crc(data: bytes) -> int:
    """Bit by bit, as RFC 3533 defines it."""
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
