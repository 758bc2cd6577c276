"""Sheets as latent files, and the redrawing of masked parts."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_assets.errors import AigcError, DataError, UsageError
from aigc_assets.exporters.png import encode_png
from aigc_assets.pipelines.characters.sheets.inpainting import inpaint
from aigc_assets.pipelines.characters.sheets.latent_file import compress_sheet, expand_sheet
from aigc_assets.pipelines.characters.sheets.sheet_files import read_sheet
from aigc_assets.types import Frame, SpriteSheet, Tag


def drawn(side: int = 32, frames: int = 2, seed: int = 0) -> SpriteSheet:
    """Balls with an outline, a light and an eye, in four colours."""
    random = np.random.default_rng(seed)
    palette = np.array([[5, 5, 8], [150, 40, 40], [220, 110, 80], [250, 250, 245]], np.uint8)
    image = np.zeros((side, side * frames, 4), np.uint8)
    y, x = np.mgrid[:side, :side]
    for i in range(frames):
        cell = image[:, i * side : (i + 1) * side]
        cy, cx = side * 0.6, side * (0.45 + 0.1 * random.random())
        for share, colour in ((0.36, 0), (0.31, 1), (0.17, 2), (0.06, 3)):
            cell[(y - cy) ** 2 + (x - cx) ** 2 < (share * side) ** 2] = (*palette[colour], 255)
    cells = tuple(Frame((i * side, 0, side, side), 120, (side // 2, side - 1))
                  for i in range(frames))  # fmt: skip
    return SpriteSheet(image, cells, (Tag("idle", 0, frames),), palette)


@pytest.mark.parametrize("side", [16, 30, 32, 64])
def test_an_exact_file_comes_back_pixel_for_pixel(side: int) -> None:
    sheet = drawn(side)
    made = compress_sheet(sheet, exact=True)
    back = expand_sheet(made.data)
    assert (back.image == sheet.image).all()
    assert back.frames == sheet.frames
    assert back.tags == sheet.tags
    assert (back.palette == sheet.palette).all()
    assert made.psnr == np.inf
    assert made.same == 1
    assert ("PNG wins" in made.verdict) == (len(made.data) >= len(encode_png(sheet.image)))


def test_a_lossy_file_is_smaller_and_close() -> None:
    sheet = drawn(32, 4)
    made, exact = compress_sheet(sheet), compress_sheet(sheet, exact=True)
    assert len(made.data) < len(exact.data)
    back = expand_sheet(made.data).image
    error = ((back.astype(float) - sheet.image) ** 2).mean()
    assert made.psnr == pytest.approx(10 * np.log10(255**2 / error))
    assert made.psnr > 14
    assert made.same == (back == sheet.image).all(-1)[sheet.image[..., 3] > 0].mean()
    shades = {tuple(c) for c in back[back[..., 3] > 0].tolist()}
    assert shades <= {(*c, 255) for c in sheet.palette.tolist()}
    assert compress_sheet(sheet).data == made.data


def test_equal_frames_are_stored_once() -> None:
    one, many = drawn(32, 1), drawn(32, 1)
    image = np.tile(many.image, (1, 8, 1))
    frames = tuple(Frame((32 * i, 0, 32, 32), 120, (16, 31)) for i in range(8))
    many = SpriteSheet(image, frames, (Tag("idle", 0, 8),), one.palette)
    assert len(compress_sheet(many).data) < len(compress_sheet(one).data) + 60


def test_an_empty_sheet_comes_back_empty() -> None:
    sheet = drawn(32, 1)
    empty = SpriteSheet(np.zeros_like(sheet.image), sheet.frames, sheet.tags, sheet.palette)
    assert not expand_sheet(compress_sheet(empty, exact=True).data).image.any()


@pytest.fixture(scope="module")
def whole() -> bytes:
    return compress_sheet(drawn(), exact=True).data


def test_every_truncation_is_one_clear_error(whole: bytes) -> None:
    for length in range(0, len(whole), 7):
        with pytest.raises(DataError):
            expand_sheet(whole[:length])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_altered_files_are_refused(whole: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v != whole[place]))
    harmed = whole[:place] + bytes([value]) + whole[place + 1 :]
    if place == 6:  # the flag alone is not covered by the checksum; sizes then do not fit
        value = 0
    with pytest.raises(DataError):
        expand_sheet(harmed)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused(data: bytes) -> None:
    for start in (b"", b"AGLAT\x01", b"AGLAT\x01\x00" + bytes(8)):
        with pytest.raises(DataError):
            expand_sheet(start + data)


def rewritten(whole: bytes, change: object) -> bytes:
    """The file with a changed description and a checksum that fits."""
    import json

    head = struct.Struct("<6sB8sII")
    magic, exact, model, _, _ = head.unpack_from(whole)
    body = zlib.decompress(whole[head.size :])
    (size,) = struct.unpack_from("<I", body)
    meta = json.loads(body[4 : 4 + size])
    assert callable(change)
    change(meta)
    text = json.dumps(meta).encode()
    body = struct.pack("<I", len(text)) + text + body[4 + size :]
    return head.pack(magic, exact, model, len(body), zlib.crc32(body)) + zlib.compress(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(width=10**9, height=10**9),
        lambda m: m.update(width="64"),
        lambda m: m.update(frames=[]),
        lambda m: m.update(frames=[[0, 0, 10**6, 10**6, 1, 0, 0, 0]]),
        lambda m: m["frames"][0].__setitem__(7, 99),
        lambda m: m["frames"][0].__setitem__(0, -8),
        lambda m: m["frames"][0].__setitem__(2, True),
        lambda m: m.update(colours="zz"),
        lambda m: m.update(colours=""),
        lambda m: m.update(palette=[77]),
        lambda m: m.update(tags=[["idle", 0, 99, "forward"]]),
        lambda m: m.pop("palette"),
    ],
)
def test_a_lying_description_is_refused(whole: bytes, change: object) -> None:
    with pytest.raises(DataError, match="damaged latent file"):
        expand_sheet(rewritten(whole, change))


def test_a_bomb_is_not_unpacked() -> None:
    body = bytes(1 << 24)
    bomb = compress_sheet(drawn()).data[:15] + struct.pack("<II", 100, 0) + zlib.compress(body)
    with pytest.raises(DataError):
        expand_sheet(bomb)


def test_outside_of_the_mask_nothing_changes_and_colours_are_of_the_sheet() -> None:
    sheet = drawn(32, 2)
    mask = np.zeros(sheet.image.shape[:2], bool)
    mask[14:26, 8:22] = True
    made = inpaint(sheet, mask, seed=3)
    assert (made.image[~mask] == sheet.image[~mask]).all()
    shades = {tuple(c) for c in made.image[made.image[..., 3] > 0].tolist()}
    assert shades <= {tuple(c) for c in sheet.image[sheet.image[..., 3] > 0].tolist()}
    assert made.image.tobytes() == inpaint(sheet, mask, seed=3).image.tobytes()
    # The middle of a ball is filled in, not left empty.
    assert (made.image[14:26, 8:22, 3] > 0).mean() > 0.7


def test_what_was_masked_does_not_matter() -> None:
    sheet = drawn(32, 1)
    mask = np.zeros((32, 32), bool)
    mask[16:24, 12:20] = True
    image = sheet.image.copy()
    image[mask] = (*sheet.palette[0], 255)
    damaged = SpriteSheet(image, sheet.frames, sheet.tags, sheet.palette)
    # Colours are numbered by how frequent they are, so only their order may tell.
    one, two = inpaint(sheet, mask, seed=1).image, inpaint(damaged, mask, seed=1).image
    assert (one == two).all(-1).mean() > 0.99


@pytest.mark.parametrize("side", [16, 48, 64])
def test_frames_of_other_sizes_are_redrawn(side: int) -> None:
    sheet = drawn(side, 1)
    mask = np.zeros((side, side), bool)
    mask[side // 2 : side // 2 + 5, side // 3 : side // 2] = True
    made = inpaint(sheet, mask)
    assert (made.image[~mask] == sheet.image[~mask]).all()


@pytest.mark.parametrize(
    "mask", [np.zeros((32, 64), bool), np.ones((3, 3), bool), np.ones((32, 64), np.uint8)]
)
def test_masks_that_make_no_sense(mask: np.ndarray) -> None:
    with pytest.raises(UsageError):
        inpaint(drawn(), mask)
    with pytest.raises(UsageError, match="no kind"):
        inpaint(drawn(), np.ones((32, 64), bool), kind="house")


def test_a_png_of_frames_becomes_a_sheet() -> None:
    sheet = drawn(32, 3)
    again = read_sheet(encode_png(sheet.image), (32, 32))
    assert (again.image == sheet.image).all()
    assert len(again.frames) == 3


def test_pictures_that_are_no_sheets() -> None:
    image = drawn().image
    half = image.copy()
    half[20, 15] = (9, 9, 9, 128)
    noise = np.random.default_rng(0).integers(0, 256, (32, 64, 4), dtype=np.uint8)
    noise[..., 3] = 255
    huge = bytearray(encode_png(image))
    huge[16:24] = struct.pack(">II", 60000, 60000)
    ok, jpeg = cv2.imencode(".jpg", image[..., :3])
    assert ok
    cases = [(encode_png(half), "half-transparent"), (encode_png(noise), "colours"),
             (bytes(huge), "60000x60000"), (jpeg.tobytes(), "not a PNG"), (b"", "not a PNG"),
             (encode_png(image)[:60], "damaged")]  # fmt: skip
    for data, text in cases:
        with pytest.raises(AigcError, match=text):
            read_sheet(data, (32, 32))
    with pytest.raises(UsageError, match="do not divide"):
        read_sheet(encode_png(image), (31, 32))
