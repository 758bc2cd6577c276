"""Reference pictures: what is read, what is refused before it is decoded, and what it changes."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.metrics.prompt_words import SEEN, SMALL, colour_share
from aigc_assets.pipelines.characters import CharacterRequest, Reference, generate_character
from aigc_assets.pipelines.characters.reference import (
    picture_size,
    ramp_around,
    read_file,
    read_reference,
    region_ramps,
)
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types.oklab import to_oklab

GREEN, BLUE, SKIN, RED = (40, 170, 60), (30, 100, 190), (235, 190, 150), (190, 40, 40)


def figure(background: tuple[int, int, int] | None = None) -> np.ndarray:
    """A person of plain colours: red hair, green shirt, blue trousers, RGBA [64, 32]."""
    out = np.zeros((64, 32, 4), np.uint8)
    if background is not None:
        out[...] = (*background, 255)
    for (top, bottom, left, right), colour in (
        ((2, 10, 10, 22), RED), ((10, 17, 11, 21), SKIN), ((17, 38, 8, 24), GREEN),
        ((38, 57, 9, 23), BLUE), ((57, 62, 9, 23), (90, 60, 30)),
    ):  # fmt: skip
        out[top:bottom, left:right] = (*colour, 255)
    return out


def encoded(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA))[1].tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def turned(data: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF orientation."""
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0" * 7
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def near(ramp: np.ndarray, colour: tuple[int, int, int]) -> float:
    distance = to_oklab(ramp[3:4]) - to_oklab(np.array([colour], np.uint8))
    return float(np.sqrt((distance**2).sum()))


@pytest.mark.parametrize("background", [None, (200, 210, 220), (10, 10, 10)])
def test_regions_give_their_colours(background) -> None:
    like = read_reference(encoded(".png", figure(background)))
    ramps = region_ramps(like.picture)
    for slot, colour in (("hair", RED), ("skin", SKIN), ("torso", GREEN), ("legs", BLUE)):
        assert near(ramps[slot], colour) < 0.05, slot


def test_a_picture_without_anything_to_see_is_refused() -> None:
    clear = figure()
    clear[..., 3] = 0
    with pytest.raises(UsageError, match="nothing to see"):
        read_reference(encoded(".png", clear))


def test_deep_colours_are_not_unpacked_as_a_whole() -> None:
    deep = np.full((2048, 2048, 4), 40_000, np.uint16)
    data = cv2.imencode(".png", deep, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    tracemalloc.start()
    try:
        like = read_reference(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert like.picture.shape == (128, 128, 4) and set(like.picture.flat) == {156}
    assert peak < 1.5 * deep.nbytes


def test_formats_and_orientation() -> None:
    picture = figure((255, 255, 255))
    for suffix in (".png", ".jpg", ".webp", ".gif"):
        data = encoded(suffix, picture)
        assert picture_size(data) == (32, 64), suffix
        assert near(region_ramps(read_reference(data).picture)["torso"], GREEN) < 0.08
    lying = encoded(".jpg", np.ascontiguousarray(np.rot90(picture, 1)))
    upright = read_reference(turned(lying, 6))
    assert upright.picture.shape[:2] == (64, 32)
    assert near(region_ramps(upright.picture)["legs"], BLUE) < 0.08


def test_single_pixels_and_odd_depths_are_read() -> None:
    one = read_reference(png_of(1, 1, b"\0\xff\x00\x00"))
    assert one.picture.tolist() == [[[255, 0, 0, 255]]]
    assert set(region_ramps(one.picture)) == {"main", "torso"}
    deep = cv2.imencode(".png", np.full((9, 9, 3), 65535, np.uint16))[1].tobytes()
    assert read_reference(deep).picture.max() == 255
    grey = cv2.imencode(".png", np.full((9, 9), 77, np.uint8))[1].tobytes()
    assert read_reference(grey).picture[4, 4].tolist() == [77, 77, 77, 255]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "not a picture"),
        (encoded(".png", figure())[:200], "cut off"),
        (encoded(".jpg", figure())[:-200], "cut off"),
        (png_of(20_000, 20_000, b""), "20000x20000"),
        (png_of(8000, 8000, b"\0" * 100), "too large"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13) + chunk(b"IEND", b""), "not a picture"),
        (b"\xff\xd8\xff\xe0" + b"\xff" * 40, "not a picture"),
        (b"x" * 8_000_001, "limit"),
    ],
)
def test_what_is_no_picture_is_one_error_that_names_the_file(data, says) -> None:
    with pytest.raises(UsageError) as caught:
        read_reference(data, "hero.png")
    assert "hero.png" in str(caught.value) and says in str(caught.value)
    assert caught.value.where == "like" and caught.value.remedy


def test_a_decompression_bomb_costs_nothing() -> None:
    bomb = png_of(64, 64, b"\0" * 60_000_000)
    start = time.process_time()
    try:
        assert read_reference(bomb).picture.shape == (64, 64, 4)
    except UsageError:
        pass
    huge = png_of(30_000, 3, b"\0" * 10)
    with pytest.raises(UsageError, match="too large"):
        read_reference(huge)
    assert time.process_time() - start < 1.5


@given(st.binary(max_size=300), st.sampled_from(["png", "jpg", "gif", "webp", ""]))
@settings(max_examples=120, deadline=None)
def test_any_bytes_are_read_or_refused(tail, kind) -> None:
    magic = {"png": encoded(".png", figure())[:40], "jpg": b"\xff\xd8\xff\xc0\0\x11\x08",
             "gif": b"GIF89a", "webp": b"RIFF\x30\0\0\0WEBPVP8X", "": b""}[kind]  # fmt: skip
    try:
        read = read_reference(magic + tail)
    except UsageError as error:
        assert error.where == "like"
    else:
        assert read.picture.shape[2] == 4 and max(read.picture.shape) <= 128


def test_a_reference_survives_json() -> None:
    import json

    like = read_reference(encoded(".png", figure()), "a.png")
    back = Reference.from_json(json.loads(json.dumps(like.as_json())))
    assert back == like and np.array_equal(back.picture, like.picture)


def test_the_picture_colours_what_the_words_leave_open() -> None:
    palette = make_palette(48, 3)
    like = read_reference(encoded(".png", figure()))
    plain = "man, shirt, trousers"
    request = CharacterRequest(plain, ("idle",), like=like)
    made = generate_character(request, palette, 4)
    front = made.asset.frame_image(made.asset.tag("idle_down").start)
    assert colour_share(front, "torso", "green") >= SEEN
    assert colour_share(front, "legs", "blue") >= SEEN
    assert any("taken from like" in text for text in made.provenance.operations)
    small = CharacterRequest("man, shirt, pants", size=32, like=like)
    doll = generate_character(small, palette, 4)
    assert colour_share(doll.asset.frame_image(0), "torso", "green", SMALL) >= SEEN
    assert not any("takes no colours" in note for note in doll.provenance.notes)
    asked = CharacterRequest("man, red shirt, trousers", ("idle",), like=like)
    front = generate_character(asked, palette, 4).asset.frame_image(0)
    assert colour_share(front, "torso", "red") >= SEEN
    assert colour_share(front, "torso", "green") < SEEN


def test_ramps_grow_lighter() -> None:
    for colour in (GREEN, BLUE, SKIN, RED, (0, 0, 0), (255, 255, 255)):
        ramp = ramp_around(to_oklab(np.array(colour, np.uint8)))
        assert ramp.shape == (6, 3) and (np.diff(to_oklab(ramp)[:, 0]) > -1e-3).all()


def test_a_colour_is_looked_for_where_the_part_is() -> None:
    picture = figure()
    for part, word in (("torso", "green"), ("legs", "blue")):
        assert colour_share(picture, part, word, SMALL) > 0.9
        assert colour_share(picture, part, "red", SMALL) < 0.1
    assert colour_share(picture, "headwear", "red", SMALL) > 0.4
    empty = np.zeros((8, 8, 4), np.uint8)
    assert colour_share(empty, "torso", "gray") == 0
    with pytest.raises(ValueError, match="word"):
        colour_share(picture, "torso", "mauve")


def test_files_with_names_in_no_known_letters(tmp_path) -> None:
    path = tmp_path / "x\udcff.png"
    with pytest.raises(UsageError, match=r"x\\udcff.png: cannot read it"):
        read_file(path, path.name)
    path.write_bytes(cv2.imencode(".png", np.full((4, 4, 3), 90, np.uint8))[1].tobytes())
    assert read_file(path, path.name).name == "x\\udcff.png"
