"""A folder of drawings as training data: placed, told in the model's colours, split, counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.training.characters.drawings.user_sprites import (
    FEWEST,
    Vocabulary,
    colour_error,
    pack_drawings,
    palette,
)
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.types.oklab import to_oklab
from tests.training.drawings import figure, png, sheet

COLOURS = np.zeros((48, 3), np.uint8)
COLOURS[1:] = np.stack(np.meshgrid([20, 90, 160, 230], [20, 90, 160, 230], [40, 140, 240]), -1
                       ).reshape(-1, 3)[:47]  # fmt: skip
VOCABULARY = Vocabulary(
    COLOURS,
    np.tile(np.arange(48, dtype=np.uint8), (6, 1)),
    {"orc": "monster", "sword": "item"},
    ("big", "fire"),
)


def fill(folder: Path, count: int, side: int = 24) -> None:
    for i in range(count):
        (folder / f"{i:03d}.png").write_bytes(png(figure(side, side - 3, i)))


def test_drawings_become_pictures_on_the_ground_line(tmp_path):
    fill(tmp_path, 36)
    arrays, info, report = pack_drawings(tmp_path, VOCABULARY)
    sprites = pixel_sprites.unpack(arrays, json.loads(json.dumps(info)))
    assert sprites.images.shape == (36, 32, 32) and sprites.images.max() < 48
    assert (sprites.images[:, 31] > 0).any(1).all() and not (sprites.images[:, :8] > 0).any()
    columns = np.flatnonzero((sprites.images > 0).any((0, 1)))
    assert columns[0] == 5 and columns[-1] == 25
    parts = [len(sprites.rows(split)) for split in pixel_sprites.SPLITS]
    assert sum(parts) == 36 and min(parts) >= 3 and parts[2] == 6
    assert report.dropped == [] and info["fine_tune"] is True
    assert info["sources"][0]["licence"] == "LicenseRef-own-drawings"
    assert (
        "36 drawings of 36 files" in info["notes"][0] and "6 of them held out" in info["notes"][0]
    )


def test_fewer_than_thirty_end_in_one_error_with_the_reasons(tmp_path):
    fill(tmp_path, 29)
    (tmp_path / "copy.png").write_bytes(png(figure(24, 21, 0)))
    (tmp_path / "large.png").write_bytes(png(figure(39, 34, 7)))
    (tmp_path / "broken.png").write_bytes(b"x")
    with pytest.raises(UsageError) as caught:
        pack_drawings(tmp_path, VOCABULARY)
    said = str(caught.value)
    assert f"29 usable drawings, at least {FEWEST} are needed" in said
    assert all(r in said for r in ("1 a copy", "1 too large", "1 is not a PNG"))
    assert "\n" not in said and caught.value.exit_code == 2
    fill(tmp_path, 30)
    assert len(pack_drawings(tmp_path, VOCABULARY)[0]["images"]) == 30


def test_copies_are_dropped_up_to_a_mirror_and_a_shift(tmp_path):
    fill(tmp_path, 31)
    first = figure(24, 21, 4)
    (tmp_path / "b_mirrored.png").write_bytes(png(np.ascontiguousarray(first[:, ::-1])))
    shifted = np.zeros((30, 31, 4), np.uint8)
    shifted[2:26, 7:28] = first
    (tmp_path / "c_shifted.png").write_bytes(png(shifted))
    changed = first.copy()
    changed[12, 10, 0] ^= 255
    (tmp_path / "d_changed.png").write_bytes(png(changed))
    arrays, info, report = pack_drawings(tmp_path, VOCABULARY)
    assert dict(report.dropped) == {
        "b_mirrored.png": "a copy: of 004.png", "c_shifted.png": "a copy: of 004.png",
    }  # fmt: skip
    names = [label["name"] for label in info["labels"]]
    assert "d_changed.png" in names
    # What looks alike is on one side of the split.
    same = [names.index("004.png"), names.index("d_changed.png")]
    assert len(set(arrays["split"][same])) == 1 == len(set(arrays["identity"][same]))


def test_small_drawings_are_doubled_file_by_file(tmp_path):
    (tmp_path / "small.png").write_bytes(
        png(sheet([figure(14, 12, i) for i in range(20)], 5, (16, 16), 0, 0))
    )
    mixed = [figure(12 if i % 2 else 28, 12, 100 + i) for i in range(20)]
    (tmp_path / "mixed.png").write_bytes(png(sheet(mixed, 5, (32, 32), 0, 0)))
    arrays, info, report = pack_drawings(tmp_path, VOCABULARY)
    assert any("are doubled: small.png" in guess for guess in report.guesses)
    for label, image in zip(info["labels"], arrays["images"], strict=True):
        height = int((image > 0).any(1).sum())
        doubled = (image[::2] == image[1::2]).all() and (image[:, ::2] == image[:, 1::2]).all()
        if label["name"].startswith("small"):
            assert height == 28 and doubled
        else:
            assert height in (12, 28) and not doubled


@given(st.integers(1, 90), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_palette_is_that_of_the_drawings(count, seed):
    random = np.random.Generator(np.random.Philox(seed))
    colours = np.unique(random.integers(0, 256, (count, 3)).astype(np.uint8), axis=0)
    frames = np.zeros((2, 32, 32, 4), np.uint8)
    frames[:, 8:, :, :3] = colours[np.arange(2 * 24 * 32).reshape(2, 24, 32) % len(colours)]
    frames[:, 8:, :, 3] = 255
    found = palette(frames)
    assert len(found) == min(64, len(colours))
    assert {tuple(c) for c in found.tolist()} <= {tuple(c) for c in colours.tolist()}


def test_the_distance_to_the_colours_of_the_model_is_told():
    frames = np.zeros((1, 32, 32, 4), np.uint8)
    frames[0, 20:, 8:24] = (*COLOURS[5], 255)
    images = pixel_sprites.to_indices(frames[..., :3], frames[..., 3] > 0, COLOURS)
    assert (images[0, 20:, 8:24] == 5).all() and colour_error(frames, images, COLOURS) == 0
    frames[0, 20:, 8:24, 1] ^= 24
    images = pixel_sprites.to_indices(frames[..., :3], frames[..., 3] > 0, COLOURS)
    gap = to_oklab(frames[0, 25, 10, :3]) - to_oklab(COLOURS)[1:]
    expected = np.linalg.norm(gap, axis=1).min()
    assert expected > 0.005 and colour_error(frames, images, COLOURS) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "kind", "subclass", "words"),
    [
        ("orcs/big_orc_01.png", "monster", "orc", ("big",)),
        ("sword.png", "item", "sword", ()),
        ("effects/fire3.png[0,1]", "effect", "", ("fire",)),
        ("Weapons/x.png", "item", "", ()),
        ("nameless.png", "monster", "", ()),
    ],
)
def test_words_of_the_path_say_what_a_drawing_shows(name, kind, subclass, words):
    assert VOCABULARY.describe(name) == (kind, subclass, words)


def test_frames_of_one_figure_are_split_all_the_same_and_that_is_said(tmp_path):
    base = figure(26, 20, 3)
    for i in range(40):
        frame = base.copy()
        frame[6 + i % 10, 8 + i // 10, :3] ^= 255
        (tmp_path / f"walk_{i}.png").write_bytes(png(frame))
    arrays, info, _ = pack_drawings(tmp_path, VOCABULARY)
    assert len(set(arrays["identity"])) == 1
    assert np.bincount(arrays["split"]).tolist() == [30, 4, 6]
    assert "held-out ones resemble those learnt from" in info["notes"][0]


def test_the_same_folder_gives_the_same_arrays(tmp_path):
    fill(tmp_path, 33)
    one, two = pack_drawings(tmp_path, VOCABULARY)[0], pack_drawings(tmp_path, VOCABULARY)[0]
    assert all(np.array_equal(one[key], two[key]) for key in one)
