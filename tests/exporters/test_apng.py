"""Animated previews: chunks in order, right times, right pictures, read by ffprobe."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib

import numpy as np
import pytest

from aigc_assets.exporters.animation import playing_order
from aigc_assets.exporters.apng import export_apng
from aigc_assets.types import Frame, SpriteSheet, Tag
from tests import samples
from tests.conftest import need_program
from tests.exporters.test_sprite_formats import mixed

SHEETS = {"mira": samples.sheet(), "mixed": mixed()}


def parse(data: bytes) -> tuple[int, int, int, list[tuple[int, np.ndarray]]]:
    """Width, height, declared frames; duration in ms and pixels of each frame."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, width, height, declared, sequence = 8, 0, 0, 0, 0
    frames: list[tuple[int, bytes]] = []
    kinds = []
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        kinds.append(kind)
        at += 12 + length
        if kind == b"IHDR":
            width, height, *rest = struct.unpack(">IIBBBBB", body)
            assert rest == [8, 6, 0, 0, 0]
        elif kind == b"acTL":
            declared, plays = struct.unpack(">II", body)
            assert plays == 0
        elif kind == b"fcTL":
            number, w, h, x, y, delay, unit, dispose, blend = struct.unpack(">IIIIIHHBB", body)
            assert number == sequence and (w, h, x, y) == (width, height, 0, 0)
            assert unit == 1000 and (dispose, blend) == (1, 0)
            sequence += 1
            frames.append((delay, b""))
        elif kind in (b"IDAT", b"fdAT"):
            if kind == b"fdAT":
                assert struct.unpack_from(">I", body)[0] == sequence
                sequence += 1
                body = body[4:]
            frames[-1] = (frames[-1][0], body)
    assert kinds[:3] == [b"IHDR", b"acTL", b"fcTL"] and kinds[-1] == b"IEND"
    pixels = []
    for delay, packed in frames:
        rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 4 * width)
        assert not rows[:, 0].any()
        pixels.append((delay, rows[:, 1:].reshape(height, width, 4)))
    return width, height, declared, pixels


def test_facings_play_beside_each_other_one_action_after_the_other():
    sheet = samples.sheet()
    (data,) = export_apng(sheet, "mira").values()
    width, height, declared, frames = parse(data)
    assert (width, height) == (4 * 128, 128) and declared == len(frames)
    # 240 ms a turn: nine turns of two frames are shown of each of the two actions.
    assert [delay for delay, _ in frames] == [120] * 36
    for step in (0, 1, 18, 35):
        action = ("idle", "walk")[step // 18]
        for column, facing in enumerate(("down", "up", "left", "right")):
            tag = sheet.tag(f"{action}_{facing}")
            picture = frames[step][1][::8, 128 * column : 128 * column + 128 : 8]
            np.testing.assert_array_equal(picture, sheet.frame_image(tag.start + step % 2))


def test_unequal_frames_stand_on_the_ground_for_their_time():
    sheet = mixed()
    (data,) = export_apng(sheet, "mixed").values()
    _, height, _, frames = parse(data)
    order = playing_order(sheet.tags[0])
    for (delay, picture), index in zip(frames, order, strict=False):
        assert delay == sheet.frames[index].duration_ms
        small = picture[::8, ::8]
        w, h = sheet.frames[index].rect[2:]
        x, y = (16 - w) // 2, height // 8 - h
        np.testing.assert_array_equal(small[y : y + h, x : x + w], sheet.frame_image(index))
        assert small[..., 3].sum() == sheet.frame_image(index)[..., 3].sum()


def test_tiny_durations_end_some_time():
    image = samples.sheet().image[:16, :16]
    frames = tuple(Frame((0, 0, 16, 16), 1, (8, 15)) for _ in range(3))
    sheet = SpriteSheet(image, frames, (Tag("buzz", 0, 3),), samples.PALETTE)
    _, _, declared, _ = parse(export_apng(sheet, "buzz")["buzz.apng"])
    assert declared == 200


@pytest.mark.external
@pytest.mark.parametrize("name", SHEETS)
def test_ffprobe_counts_the_frames(tmp_path, name):
    program = need_program("ffprobe")
    (data,) = export_apng(SHEETS[name], name).values()
    path = tmp_path / f"{name}.apng"
    path.write_bytes(data)
    entries = "stream=codec_name,width,height,nb_read_frames"
    command = [program, "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json"]
    done = subprocess.run([*command, str(path)], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    (stream,) = json.loads(done.stdout)["streams"]
    width, height, declared, _ = parse(data)
    assert stream["codec_name"] == "apng" and int(stream["nb_read_frames"]) == declared
    assert (stream["width"], stream["height"]) == (width, height)
