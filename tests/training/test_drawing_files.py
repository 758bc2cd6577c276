"""Reading drawings of users: sheets come apart into their figures, bad files are named."""

from __future__ import annotations

import os
import re
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_assets.errors import DataError
from aigc_assets.exporters.aseprite_file import export_aseprite_file
from aigc_assets.training.characters.drawings.files import read_drawings
from aigc_assets.training.characters.drawings.files.gif import read_gif
from aigc_assets.training.characters.drawings.files.picture import pixel_size, read_png
from tests.exporters.test_sprite_formats import mixed
from tests.training.drawings import figure, gif, png, sheet


def read(folder: Path, picture: np.ndarray, **how):
    (folder / "a.png").write_bytes(png(picture))
    return read_drawings(folder, **how)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("drawings")


@given(
    cell=st.tuples(st.integers(8, 48), st.integers(8, 48)),
    margin=st.integers(0, 8),
    spacing=st.integers(0, 8),
    rows=st.integers(2, 4),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sheet_comes_apart_into_its_figures(folder, cell, margin, spacing, rows, seed):
    random = np.random.Generator(np.random.Philox(seed))
    columns = max(3, -(-48 // cell[1]))
    # Neighbours that touch are one figure to anybody: without spacing a line is left between.
    most = [side - (0 if spacing else 1) for side in cell]
    figures = [
        figure(*(int(random.integers(max(6, m * 3 // 4), m + 1)) for m in most), seed + i)
        for i in range(rows * columns)
    ]
    found, report = read(folder, sheet(figures, columns, cell, margin, spacing))
    # A finer grid that cuts nothing is as good: it has empty cells.
    assert all(reason.startswith("empty") for _, reason in report.dropped)
    assert len(found) == len(figures)
    for drawing, drawn in zip(found, figures, strict=True):
        assert np.array_equal(drawing.picture, drawn), (drawing.name, report.guesses)


def test_figures_that_touch_come_apart_where_lines_meet_least(tmp_path):
    figures = [figure(16, 16, i) for i in range(24)]
    found, report = read(tmp_path, sheet(figures, 6, (16, 16), 0, 0))
    assert [d.name for d in found][:2] == ["a.png[0,0]", "a.png[0,1]"]
    assert all(np.array_equal(d.picture, f) for d, f in zip(found, figures, strict=True))
    assert report.guesses == [("a.png", "cells of 16x16, 6x4")]


def test_figures_without_a_grid_are_taken_one_by_one(tmp_path):
    picture = np.zeros((90, 110, 4), np.uint8)
    places = [(2, 3), (7, 40), (4, 75), (40, 9), (48, 33), (44, 60), (52, 83)]
    figures = [figure(14 + i, 24 - i, i) for i in range(7)]
    for (top, left), drawn in zip(places, figures, strict=True):
        picture[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    found, _ = read(tmp_path, picture)
    assert {d.picture.tobytes() for d in found} == {f.tobytes() for f in figures}


def test_a_given_grid_is_kept_to_and_cut_figures_are_named(tmp_path):
    figures = [figure(15, 15, i) for i in range(9)]
    picture = sheet(figures, 3, (16, 16), 0, 0)
    found, _ = read(tmp_path, picture, cell=(16, 16))
    assert all(np.array_equal(d.picture, f) for d, f in zip(found, figures, strict=True))
    found, report = read(tmp_path, picture, cell=(24, 24))
    assert any("cut by the edge of its cell" in reason for _, reason in report.dropped)
    assert read(tmp_path, picture, cell=(64, 64))[1].dropped == []  # one drawing, smaller than that


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_enlarged_art_comes_back_in_its_own_pixels(tmp_path, scale):
    figures = [figure(14, 13, i) for i in range(8)]
    picture = sheet(figures, 4, (16, 16), 1, 2)
    large = picture.repeat(scale, 0).repeat(scale, 1)
    assert pixel_size(picture) == 1 and pixel_size(large) == scale
    found, report = read(tmp_path, large)
    assert all(np.array_equal(d.picture, f) for d, f in zip(found, figures, strict=True))
    assert ("a.png", f"was enlarged {scale}x") in report.guesses


@pytest.mark.parametrize("colour", [(255, 0, 255), (255, 255, 255), (20, 24, 28)])
def test_a_plain_background_becomes_transparent(tmp_path, colour):
    figures = [figure(14, 13, i) for i in range(8)]
    picture = sheet(figures, 4, (16, 16), 0, 0)
    flat = np.where(picture[..., 3:] > 0, picture[..., :3], np.array(colour, np.uint8))
    found, report = read(tmp_path, flat)
    assert len(found) == 8
    for drawing, drawn in zip(found, figures, strict=True):
        outside = drawn[..., 3] == 0
        agree = (drawing.picture == drawn).all(-1)
        # Holes that the rim cannot reach stay drawn unless the colour is a loud one.
        assert agree[~outside].all() and agree.mean() > (0.999 if colour[1] == 0 else 0.9)
    assert ("a.png", f"the background is #{bytes(colour).hex()}") in report.guesses


def test_what_is_no_drawing_is_dropped_with_its_reason(tmp_path):
    smoke = figure(20, 20, 1)
    smoke[..., 3] = smoke[..., 3] // 255 * np.where(np.arange(20) % 2, 255, 150).astype(np.uint8)
    faint = figure(20, 20, 2)
    faint[..., 3] //= 3
    speck = np.zeros((20, 20, 4), np.uint8)
    speck[3:6, 4:8] = 255
    random = np.random.Generator(np.random.Philox(5))
    photo = random.integers(0, 256, (30, 30, 3)).astype(np.uint8)
    for name, picture in {"smoke": smoke, "faint": faint, "speck": speck, "photo": photo,
                          "void": np.zeros((9, 9, 4), np.uint8)}.items():  # fmt: skip
        (tmp_path / f"{name}.png").write_bytes(png(picture))
    found, report = read_drawings(tmp_path)
    assert found == []
    assert {name: reason.split(":")[0] for name, reason in report.dropped} == {
        "smoke.png": "half-transparent", "faint.png": "half-transparent", "speck.png": "too small",
        "photo.png": "has neither transparency nor a plain background", "void.png": "empty",
    }  # fmt: skip


def moving(count: int) -> list[np.ndarray]:
    """A figure that bobs, turns its head, and in the last frame is another one."""
    frames = []
    for number in range(count):
        canvas = np.zeros((28, 24, 4), np.uint8)
        drawn = figure(20, 16, 77 if number == count - 1 else 3)
        drawn[3, 4 + number % 3, :3] ^= 90
        canvas[5 + number % 2 : 25 + number % 2, 4:20] = drawn
        frames.append(canvas)
    return frames


def test_of_an_animation_only_other_poses_are_drawings(tmp_path):
    frames = moving(6)
    (tmp_path / "hero.gif").write_bytes(gif(frames))
    found, report = read_drawings(tmp_path)
    assert [d.name for d in found] == ["hero.gif#0", "hero.gif#5"] and report.dropped == []
    assert report.guesses == [("hero.gif", "a frame of each pose is learnt, of 6 #0, #5")]
    for drawing, frame in zip(found, (frames[0], frames[5]), strict=True):
        solid = frame[..., 3] > 0
        rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        cut = frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert np.array_equal(drawing.picture, cut)


def test_of_tagged_frames_the_first_of_each_tag_counts(tmp_path):
    drawn = mixed()
    (tmp_path / "hero.aseprite").write_bytes(export_aseprite_file(drawn, "a")["a.aseprite"])
    found, report = read_drawings(tmp_path)
    assert report.files == ["hero.aseprite"] and report.dropped == []
    starts = sorted({tag.start for tag in drawn.tags})
    assert len(starts) < len(drawn.frames)
    assert {d.name for d in found} <= {f"hero.aseprite#{start}" for start in starts}
    x, y, width, height = drawn.frames[0].rect
    first = drawn.image[y : y + height, x : x + width]
    rows, columns = np.flatnonzero(first[..., 3].any(1)), np.flatnonzero(first[..., 3].any(0))
    first = first[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert np.array_equal(found[0].picture, first)


@given(st.integers(1, 6), st.integers(4, 40), st.integers(4, 40), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_gif_is_read_as_it_is_shown(count, height, width, seed):
    random = np.random.Generator(np.random.Philox(seed))
    colours = random.integers(0, 256, (6, 3)).astype(np.uint8)
    frames = np.zeros((count, height, width, 4), np.uint8)
    index = random.integers(0, 7, (count, height, width))
    frames[index > 0, :3] = colours[index[index > 0] - 1]
    frames[index > 0, 3] = 255
    read_back = read_gif(gif(list(frames)), "a.gif")
    assert np.array_equal(read_back[..., 3], frames[..., 3])
    assert np.array_equal(read_back[index > 0], frames[index > 0])


def test_the_name_of_a_sheet_may_say_its_cells(tmp_path):
    figures = [figure(10, 9, i) for i in range(8)]
    (tmp_path / "imp_24x12.png").write_bytes(png(sheet(figures, 4, (12, 24), 0, 0)))
    found, report = read_drawings(tmp_path)
    assert report.guesses == [("imp_24x12.png", "cells of 24x12, 4x2, by its name")]
    assert all(np.array_equal(d.picture, f) for d, f in zip(found, figures, strict=True))


def test_figures_of_cells_that_touch_are_told_from_halves_of_figures(tmp_path):
    small = [figure(16, 13, i) for i in range(16)]  # each touches the one below
    found, _ = read(tmp_path, sheet(small, 4, (16, 16), 0, 0))
    assert len(found) == 16
    large = [figure(30, 28, i) for i in range(16)]
    found, report = read(tmp_path, sheet(large, 4, (32, 32), 0, 0))
    assert len(found) == 16 and report.guesses == [("a.png", "cells of 32x32, 4x4")]


GOOD = png(figure(20, 20))
MOVING = gif(moving(3))


def claims(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">II", width, height) + GOOD[24:29]
    return GOOD[:12] + head + struct.pack(">I", zlib.crc32(head)) + GOOD[33:]


def bomb() -> bytes:
    """A few kilobytes that claim 4096x4096 and unpack to more than that."""
    body = b"IDAT" + zlib.compress(bytes(200_000_000), 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return claims(4096, 4097)[:33] + chunk + GOOD[-12:]


HOSTILE = {
    "empty.png": (b"", "is empty"),
    "text.png": (b"hello" * 20, "is not a PNG"),
    "gif.png": (b"GIF89a" + bytes(60), "is not a PNG"),
    "jpeg.png": (b"\xff\xd8\xff\xe0" + bytes(60), "is not a PNG"),
    "head.png": (GOOD[:33], "is not a PNG"),
    "cut.png": (GOOD[:-20], "is cut off"),
    "half.png": (GOOD[: len(GOOD) // 2], "is cut off"),
    "noend.png": (GOOD[:-12], "is cut off"),
    "flipped.png": (GOOD[:60] + bytes([GOOD[60] ^ 1]) + GOOD[61:], "a checksum is wrong"),
    "large.png": (claims(20_000, 20_000), "is 20000x20000 px"),
    "largest.png": (claims(2**31 - 1, 2**31 - 1), "px, at most 16 million"),
    "flat.png": (claims(0, 9), "is 0x9 px"),
    "other.png": (claims(33, 20), "damaged"),
    "bomb.png": (bomb(), "is 4096x4097 px"),
    "cut.aseprite": (struct.pack("<IH", 128, 0xA5E0) + bytes(40), "not an .aseprite file"),
    "text.aseprite": (b"hello" * 40, "not an .aseprite file"),
    "hero.psd": (b"8BPS", ".psd is not read: export it as .png"),
    "hero.xyz": (b"x", ".xyz is not read (read: .png .gif .aseprite)"),
    "hero.jpg": (b"\xff\xd8", ".jpg blurs pixels: save the drawing as .png"),
    "big_font.png": (GOOD, "shows no figures by its name: font"),
    "text.gif": (b"hello" * 20, "is not a GIF"),
    "cut.gif": (gif(moving(2))[:-30], "is cut off"),
    "noend.gif": (gif(moving(2))[:-1], "is cut off"),
    "outside.gif": (gif(moving(1), left=9), "is a damaged GIF"),
    "huge.gif": (gif(moving(1), screen=(60_000, 60_000)), "is 1 frames of 60000x60000 px"),
    "none.gif": (gif([]), "is a damaged GIF"),
    "hero": (b"x", "no suffix is not read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_with_a_file_is_said_and_the_rest_is_read(tmp_path, name):
    content, reason = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.png").write_bytes(GOOD)
    found, report = read_drawings(tmp_path)
    assert [drawing.name for drawing in found] == ["good.png"] == report.files
    assert [file for file, _ in report.dropped] == [name] and reason in report.dropped[0][1]
    assert any(line.startswith(f"  dropped: {name}: ") for line in report.lines())


def test_what_many_files_share_is_one_line(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
        picture = sheet(
            [figure(11 + number % 3, 13, number + i) for i in range(12)], 4, (16, 16), 0, 0
        )
        (tmp_path / f"{number}.png").write_bytes(png(picture))
    _, report = read_drawings(tmp_path)
    assert report.lines() == [
        "  guessed of 9 files: cells of 16x16",
        "  dropped 9: .jpg blurs pixels, such as 0.jpg: save the drawing as .png",
    ]


@given(st.binary(max_size=200), st.sampled_from([".png", ".gif", ".aseprite"]))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_named_and_skipped(folder, content, suffix):
    path = folder / f"a{suffix}"
    path.write_bytes(content)
    found, report = read_drawings(folder)
    path.unlink()
    assert path.name not in {d.file for d in found}
    assert path.name in dict(report.dropped)


@given(st.integers(33, len(GOOD) - 13), st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_damage_never_ends_in_anything_but_a_data_error(place, value):
    data = GOOD[:place] + bytes([value]) + GOOD[place + 1 :]
    try:
        assert np.array_equal(read_png(data, "a.png"), read_png(GOOD, "a.png"))
    except DataError as error:
        assert "a.png" in str(error)


@given(st.integers(6, len(MOVING) - 1), st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_a_damaged_gif_is_read_in_full_or_named(place, value):
    data = MOVING[:place] + bytes([value]) + MOVING[place + 1 :]
    try:
        assert read_gif(data, "a.gif").ndim == 4
    except DataError as error:
        assert "a.gif" in str(error)


def test_links_and_pipes_are_named_and_left(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.png").write_bytes(GOOD)
    (inside / "link.png").symlink_to(outside / "secret.png")
    (inside / "folder").symlink_to(outside)
    os.mkfifo(inside / "pipe.png")
    with (inside / "hole.png").open("wb") as file:
        file.truncate(2**40)
    found, report = read_drawings(inside)
    reasons = dict(report.dropped)
    assert found == [] and set(reasons) == {"link.png", "folder", "pipe.png", "hole.png"}
    assert "link" in reasons["link.png"] and "not a plain file" in reasons["pipe.png"]
    assert "larger than 72 MB" in reasons["hole.png"]


def test_bombs_cost_no_memory(tmp_path):
    for index in range(30):
        (tmp_path / f"{index}.png").write_bytes(HOSTILE["bomb.png"][0])
        (tmp_path / f"l{index}.png").write_bytes(HOSTILE["large.png"][0])
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from aigc_assets.training.characters.drawings.files import read_drawings\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(len(read_drawings(Path(sys.argv[1]))[1].dropped))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    dropped, grown = (int(line) for line in done.stdout.split())
    assert dropped == 60 and grown < 60_000 * max(1, resource.getpagesize() // 4096)


def test_reasons_are_counted_in_one_line_and_names_cannot_steer_the_terminal(tmp_path):
    for name in ("a\x1b[2J.psd", "b.psd", "c.psd"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "d.png").write_bytes(b"x")
    _, report = read_drawings(tmp_path)
    assert re.fullmatch(r"3 \.psd is not read; 1 is not a PNG", report.reasons())
    assert all("\x1b" not in line for line in report.lines())


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_drawings(tmp_path / "none")
    (tmp_path / "a.png").write_bytes(GOOD)
    with pytest.raises(DataError, match="is a file, not a folder") as caught:
        read_drawings(tmp_path / "a.png")
    assert str(tmp_path) in (caught.value.remedy or "")


def test_figures_that_fill_their_cells_are_kept(tmp_path):
    filled = [figure(16, 16, i) for i in range(24)]
    for drawn in filled:
        drawn[...] = np.where(drawn[..., 3:] > 0, drawn, drawn[8, 8])  # all of the cell
        drawn[:2, :2] = drawn[-1:, -3:] = 0
    picture = sheet(filled, 6, (16, 16), 0, 0)
    for name, cell in (("a.png", (16, 16)), ("slabs_16x16.png", None)):
        (tmp_path / name).write_bytes(png(picture))
        found, report = read_drawings(tmp_path, cell)
        (tmp_path / name).unlink()
        assert report.dropped == []
        assert all(np.array_equal(d.picture, f) for d, f in zip(found, filled, strict=True))
    # Outlines that meet are as black as each other.
    for drawn in filled:
        drawn[-2:, :, :3][drawn[-2:, :, 3] > 0] = drawn[:1, :, :3][drawn[:1, :, 3] > 0] = 8
    found, report = read(tmp_path, sheet(filled, 6, (16, 16), 0, 0), cell=(16, 16))
    assert len(found) == 24 and report.dropped == []


def test_a_sheet_is_read_by_its_pixels_not_by_its_bytes(tmp_path):
    large = np.zeros((1480, 1480, 4), np.uint8)
    figures = [figure(15, 15, i) for i in range(12)]
    large[:32, :96] = sheet(figures, 6, (16, 16), 0, 0)
    flat = cv2.imencode(".png", cv2.cvtColor(large, cv2.COLOR_RGBA2BGRA),
                        [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes()  # fmt: skip
    assert len(flat) > 8 << 20
    (tmp_path / "large.png").write_bytes(flat)
    found, report = read_drawings(tmp_path, (16, 16))
    assert len(found) == 12 and report.dropped == []
