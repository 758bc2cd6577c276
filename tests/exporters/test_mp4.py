"""MP4: exact colours in, the same bytes out, and what independent readers see."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from aigc_assets.errors import UsageError
from aigc_assets.exporters.mp4 import export_mp4, faststart, yuv420_planes
from aigc_assets.exporters.raster import Stage
from tests import samples
from tests.conftest import need_program


@pytest.fixture(scope="module")
def film() -> bytes:
    return export_mp4(samples.timeline(), "opening", samples.pack())["opening.mp4"]


def exact_yuv(rgb: np.ndarray) -> np.ndarray:
    """BT.709 in floating point, straight from the recommendation."""
    r, g, b = (rgb[..., i] / 255 for i in range(3))
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return np.stack([16 + 219 * y, 128 + 224 * (b - y) / 1.8556, 128 + 224 * (r - y) / 1.5748], -1)


@pytest.mark.parametrize("scale", [2, 4, 6])
def test_even_scales_keep_every_colour(scale):
    canvas = np.random.default_rng(scale).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    height, width = 6 * scale, 8 * scale
    planes = yuv420_planes(canvas, scale)
    assert planes.shape == (height * 3 // 2, width)
    expected = exact_yuv(canvas)
    luma = planes[:height].reshape(6, scale, 8, scale)
    chroma = planes[height:].reshape(2, 6, scale // 2, 8, scale // 2)
    for part, plane in ((luma, 0), *((chroma[i], i + 1) for i in range(2))):
        assert (part == part[:, :1, :, :1]).all()
        assert np.abs(part[:, 0, :, 0] - expected[..., plane]).max() <= 0.51


@pytest.mark.parametrize("scale", [1, 3])
def test_odd_scales_average_their_blocks(scale):
    canvas = np.random.default_rng(scale).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    planes = yuv420_planes(canvas, scale)
    height, width = 4 * scale, 6 * scale
    wide = exact_yuv(canvas).repeat(scale, axis=0).repeat(scale, axis=1)
    blocks = wide.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    assert np.abs(chroma - blocks[..., 1:].transpose(2, 0, 1)).max() <= 1.01


def test_black_white_and_the_primaries():
    named = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    planes = yuv420_planes(named, 2)
    assert planes[0].tolist() == [16, 16, 235, 235, 63, 63, 32, 32]
    assert planes[2:].reshape(2, 4).tolist() == [[128, 128, 102, 240], [128, 128, 240, 118]]


def test_odd_sides_are_refused():
    with pytest.raises(UsageError, match="even sides"):
        yuv420_planes(np.zeros((3, 4, 3), dtype=np.uint8), 1)


def test_five_encodes_and_another_process_give_the_same_bytes(film):
    digest = hashlib.sha256(film).hexdigest()
    for _ in range(4):
        again = export_mp4(samples.timeline(), "opening", samples.pack())["opening.mp4"]
        assert hashlib.sha256(again).hexdigest() == digest
    code = (
        "import hashlib; from tests import samples;"
        "from aigc_assets.exporters.mp4 import export_mp4;"
        "film = export_mp4(samples.timeline(), 'other', samples.pack())['other.mp4'];"
        "print(hashlib.sha256(film).hexdigest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == digest


def test_the_index_leads(film):
    kinds, at = [], 0
    while at < len(film):
        size, kind = struct.unpack_from(">I4s", film, at)
        kinds.append(kind)
        at += size
    assert at == len(film) and kinds.index(b"moov") < kinds.index(b"mdat")
    assert faststart(film) == film


def test_no_date_and_no_version_in_the_container(film):
    head = film[: film.index(b"mdat")]
    assert b"Lavf" not in head and b"Lavc" not in head
    at = head.index(b"mvhd") + 4
    assert struct.unpack_from(">II", head, at + 4) == (0, 0)  # created, modified


@pytest.mark.parametrize("damage", [b"", b"hello", b"\0\0\0\x08ftyp", b"\0\0\0\x04moov" * 2])
def test_what_is_no_mp4_is_refused(damage):
    with pytest.raises(UsageError, match="not an MP4"):
        faststart(damage)


def test_decoded_frames_are_the_rendered_ones(film):
    import av

    stage = Stage(samples.timeline(), samples.pack())
    with av.open(io.BytesIO(film)) as container:
        for n, frame in enumerate(container.decode(video=0)):
            shown = frame.to_ndarray(format="yuv420p").astype(float)
            rendered = yuv420_planes(stage.canvas(n), 2)
            error = np.mean((shown - rendered) ** 2)
            assert 10 * np.log10(255**2 / max(error, 1e-9)) > 36, n
            assert frame.pts * frame.time_base == Fraction(n, 12)
    assert n == 23


@pytest.mark.external
@pytest.mark.parametrize("rate", [Fraction(12), Fraction(24000, 1001)])
def test_ffprobe_counts_what_was_asked_for(tmp_path, rate):
    ffprobe = need_program("ffprobe")
    timeline = dataclasses.replace(samples.timeline(), frame_rate=rate)
    path = tmp_path / "opening.mp4"
    path.write_bytes(export_mp4(timeline, "opening", samples.pack())["opening.mp4"])
    command = [
        ffprobe,
        "-v",
        "error",
        "-count_frames",
        "-show_streams",
        "-show_format",
        "-of",
        "json",
    ]
    run = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    found = json.loads(run.stdout)
    video, audio = found["streams"]
    seconds = float(24 / rate)
    assert video["codec_name"] == "h264" and video["pix_fmt"] == "yuv420p"
    assert (video["width"], video["height"]) == (128, 96)
    assert int(video["nb_read_frames"]) == 24
    assert Fraction(video["r_frame_rate"]) == Fraction(video["avg_frame_rate"]) == rate
    assert float(video["duration"]) == pytest.approx(seconds, abs=1e-3)
    colours = {video[f"color_{key}"] for key in ("space", "transfer", "primaries")}
    assert colours == {"bt709"} and video["color_range"] == "tv"
    assert audio["codec_name"] == "aac" and audio["sample_rate"] == "44100"
    assert float(audio["duration"]) == pytest.approx(seconds, abs=1e-3)
    # The header counts whole milliseconds and rounds up.
    assert float(found["format"]["duration"]) == pytest.approx(seconds, abs=2e-3)
