"""Reading .aseprite files: what our writer and a second, other writer put in, and damaged ones."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import DataError
from aigc_assets.exporters.aseprite_file import export_aseprite_file
from aigc_assets.training.characters.drawings import aseprite_files
from aigc_assets.training.characters.drawings.aseprite_files import read_aseprite
from tests import samples
from tests.exporters.test_sprite_formats import mixed


def chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IH", len(data) + 6, kind) + data


def frame(*chunks: bytes, duration: int = 100) -> bytes:
    body = b"".join(chunks)
    return struct.pack("<IHHH2xI", len(body) + 16, 0xF1FA, len(chunks), duration, 0) + body


def file(size: tuple[int, int], depth: int, *frames: bytes, transparent: int = 0) -> bytes:
    body = b"".join(frames)
    head = struct.pack("<IHHHHHIH8xB3xH", len(body) + 128, 0xA5E0, len(frames), *size, depth, 1,
                       100, transparent, 0)  # fmt: skip
    return head.ljust(128, b"\0") + body


def layer(flags: int = 1, kind: int = 0, level: int = 0, blend: int = 0, opacity: int = 255):
    return chunk(0x2004, struct.pack("<HHHHHHB3xH", flags, kind, level, 0, 0, blend, opacity, 0))


def cel(number: int, pixels: np.ndarray, x: int = 0, y: int = 0, opacity: int = 255, z: int = 0,
        raw: bool = False) -> bytes:  # fmt: skip
    head = struct.pack("<HhhBHh5x", number, x, y, opacity, 0 if raw else 2, z)
    sides = struct.pack("<HH", pixels.shape[1], pixels.shape[0])
    data = pixels.tobytes()
    return chunk(0x2005, head + sides + (data if raw else zlib.compress(data)))


def link(number: int, source: int, x: int = 0, y: int = 0) -> bytes:
    return chunk(0x2005, struct.pack("<HhhBHh5xH", number, x, y, 255, 1, 0, source))


def palette(*colours: tuple[int, int, int, int]) -> bytes:
    head = struct.pack("<III8x", len(colours), 0, len(colours) - 1)
    return chunk(0x2019, head + b"".join(struct.pack("<H4B", 0, *c) for c in colours))


def plain(colour: tuple[int, ...], side: int = 2) -> np.ndarray:
    return np.tile(np.array(colour, dtype=np.uint8), (side, side, 1))


RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


@pytest.mark.parametrize("sheet", [samples.sheet(), mixed()])
def test_what_we_write_is_read_back(sheet):
    drawing = read_aseprite(export_aseprite_file(sheet, "mira")["mira.aseprite"])
    assert drawing.tags == sheet.tags and drawing.notes == ()
    assert drawing.durations_ms == tuple(f.duration_ms for f in sheet.frames)
    np.testing.assert_array_equal(drawing.palette[1:, :3], sheet.palette)
    assert drawing.pivot is not None
    for picture, entry, index in zip(
        drawing.frames, sheet.frames, range(len(sheet.frames)), strict=True
    ):
        x, y = drawing.pivot[0] - entry.pivot[0], drawing.pivot[1] - entry.pivot[1]
        _, _, w, h = entry.rect
        np.testing.assert_array_equal(picture[y : y + h, x : x + w], sheet.frame_image(index))
        assert picture[..., 3].sum() == sheet.frame_image(index)[..., 3].sum()


def test_layers_lie_over_each_other_and_hidden_ones_do_not_show():
    data = file((4, 4), 32, frame(
        layer(), layer(), layer(flags=0), layer(flags=0, kind=1), layer(level=1), layer(flags=65),
        cel(0, plain(RED, 4)), cel(1, plain(BLUE), 1, -1), cel(2, plain((9, 9, 9, 255), 4)),
        cel(4, plain((8, 8, 8, 255), 4)), cel(5, plain((7, 7, 7, 255), 4)),
    ))  # fmt: skip
    drawing = read_aseprite(data)
    wanted = plain(RED, 4)
    wanted[:1, 1:3] = BLUE
    np.testing.assert_array_equal(drawing.frames[0], wanted)
    assert any("hidden" in note for note in drawing.notes)


def test_opacity_of_layer_and_cel_multiply():
    data = file((2, 2), 32, frame(layer(), layer(opacity=128), cel(0, plain((0, 0, 0, 255))),
                                  cel(1, plain((255, 255, 255, 255)), opacity=128)))  # fmt: skip
    shade = round(255 * (128 / 255) ** 2)
    assert (read_aseprite(data).frames[0] == (shade, shade, shade, 255)).all()
    alone = file((2, 2), 32, frame(layer(), cel(0, plain((10, 20, 30, 100)))))
    assert (read_aseprite(alone).frames[0] == (10, 20, 30, 100)).all()


def test_the_z_index_moves_a_cel_to_the_front():
    data = file((2, 2), 32, frame(layer(), layer(), cel(0, plain(RED), z=2), cel(1, plain(BLUE))))
    assert (read_aseprite(data).frames[0] == RED).all()


def test_linked_cels_repeat_and_may_move():
    data = file((4, 4), 32, frame(layer(), cel(0, plain(RED))), frame(link(0, 0, 2, 2)))
    drawing = read_aseprite(data)
    assert (drawing.frames[1][2:, 2:] == RED).all() and not drawing.frames[1][:2].any()


@pytest.mark.parametrize("raw", [True, False])
def test_indexed_and_grey_drawings(raw):
    colours = palette((1, 2, 3, 255), RED, BLUE)
    index = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    data = file((2, 2), 8, frame(colours, layer(), cel(0, index, raw=raw)), transparent=2)
    picture = read_aseprite(data).frames[0]
    assert [tuple(p) for p in picture.reshape(-1, 4)] == [(1, 2, 3, 255), RED, (0, 0, 0, 0), RED]
    behind = file((2, 2), 8, frame(colours, layer(flags=9), cel(0, index)), transparent=2)
    assert (read_aseprite(behind).frames[0][1, 0] == BLUE).all()
    grey = np.array([[[9, 255], [8, 0]]], dtype=np.uint8)
    data = file((2, 1), 16, frame(layer(), cel(0, grey, raw=raw)))
    assert read_aseprite(data).frames[0].tolist() == [[[9, 9, 9, 255], [0, 0, 0, 0]]]


def test_old_palettes_and_pingpong_tags():
    old = chunk(0x0004, struct.pack("<HBB6B", 1, 1, 2, 255, 0, 0, 0, 0, 255))
    tag = struct.pack("<HHBH6x4BH", 0, 1, 3, 0, 0, 0, 0, 0, 2) + b"go"
    far = struct.pack("<HHBH6x4BH", 0, 9, 0, 0, 0, 0, 0, 0, 3) + b"far"
    tags = chunk(0x2018, struct.pack("<H8x", 3) + tag + tag + far)
    index = np.array([[1, 2]], dtype=np.uint8)
    drawing = read_aseprite(file((2, 1), 8, frame(old, layer(), tags, cel(0, index)), frame()))
    assert [tuple(p) for p in drawing.frames[0][0]] == [RED, BLUE]
    assert [(t.name, t.start, t.stop, t.direction) for t in drawing.tags] == [
        ("go", 0, 2, "pingpong")
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an .aseprite file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "not an .aseprite file"),
        (file((0, 1), 32, frame()), "canvas is 0x1"),
        (file((5000, 1), 32, frame()), "canvas is 5000x1"),
        (file((4096, 4096), 32, *[frame()] * 5), "too much"),
        (file((1, 1), 24, frame()), "24 bits"),
        (file((1, 1), 32), "0 frames"),
        (file((1, 1), 32, frame())[:-4], "damaged"),
        (file((1, 1), 32, frame(cel(0, plain(RED)))), "layer that is not there"),
        (file((1, 1), 32, frame(layer(), link(0, 0))), "later frame"),
        (file((1, 1), 32, frame(layer(), cel(0, plain(RED))[:-3] + b"abc")), "damaged|cut off"),
        (file((1, 1), 32, frame(layer(), struct.pack("<IH", 999, 0x2005))), "leaves it"),
        (file((1, 1), 8, frame(chunk(0x2019, struct.pack("<III8x", 2**31, 0, 2**31 - 1)))),
         "palette is damaged"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_clear_error(data, message):
    with pytest.raises(DataError, match=message) as caught:
        read_aseprite(data, "hero.aseprite")
    assert caught.value.where == "hero.aseprite"


def test_a_bomb_stays_small():
    zeros = zlib.compress(bytes(4096 * 4096 * 4), 9)
    head = struct.pack("<HhhBHh5xHH", 0, 0, 0, 255, 2, 0, 4096, 4096)
    bombs = [chunk(0x2005, head + zeros)] * 50
    with pytest.raises(DataError, match="too many pixels"):
        read_aseprite(file((1, 1), 32, frame(layer(), *bombs)))
    small = struct.pack("<HhhBHh5xHH", 0, 0, 0, 255, 2, 0, 2, 2)
    tracemalloc.start()
    data = file((2, 2), 32, frame(layer(), chunk(0x2005, small + zeros)))
    assert not read_aseprite(data).frames.any()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000, "no more is unpacked than the cel has room for"
    assert aseprite_files.MAX_PIXELS * 4 <= 256_000_000


GOOD = export_aseprite_file(mixed(), "mixed")["mixed.aseprite"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(GOOD)),
)
def test_altered_and_cut_files_end_in_a_drawing_or_in_one_error(changes, stop):
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    for altered in (bytes(data), bytes(data[:stop])):
        try:
            drawing = read_aseprite(altered)
        except DataError:
            continue
        assert len(drawing.frames) == len(drawing.durations_ms)
        assert all(tag.stop <= len(drawing.frames) for tag in drawing.tags)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_after_a_good_head_end_in_a_drawing_or_in_one_error(tail):
    data = file((3, 3), 8, struct.pack("<IHHH2xI", 16 + len(tail), 0xF1FA, 3, 1, 3) + tail)
    try:
        assert read_aseprite(data).frames.shape == (1, 3, 3, 4)
    except DataError:
        pass
