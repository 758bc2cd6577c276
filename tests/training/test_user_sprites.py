"""A folder of drawings as training data: placed, told in the model's colours, split, counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.models.own_drawings import off_canvas, onto_canvas
from aigc_assets.training.characters.drawings.classes import Vocabulary, own_classes
from aigc_assets.training.characters.drawings.files import Drawing, Report
from aigc_assets.training.characters.drawings.files.words_file import apply_words
from aigc_assets.training.characters.drawings.user_sprites import (
    FEWEST,
    colour_error,
    own_colours,
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
    {"big": "", "fire": "effect"},
    {"wolf": "animal", "potion": "item"},
)


def told(name: str) -> str:
    return Drawing(name, name, figure(5, 5)).told


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
    assert info["own_drawings"] == {"side": 24, "kinds": ["monster"], "words": {}}
    parts = [len(sprites.rows(split)) for split in pixel_sprites.SPLITS]
    assert sum(parts) == 36 and min(parts) >= 3 and parts[2] == 6
    assert report.dropped == [] and info["fine_tune"] is True
    assert info["sources"][0]["licence"] == "LicenseRef-own-drawings"
    assert (
        "36 drawings of 36 files" in info["notes"][0]
        and "6 of them (17%) held out" in info["notes"][0]
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


def test_the_frame_is_the_smallest_that_holds_most(tmp_path):
    small = sheet([figure(14, 12, i) for i in range(40)], 5, (16, 16), 0, 0)
    (tmp_path / "small.png").write_bytes(png(small))
    (tmp_path / "large.png").write_bytes(png(figure(28, 30, 99)))
    arrays, info, report = pack_drawings(tmp_path, VOCABULARY)
    assert info["own_drawings"]["side"] == 16 and len(arrays["images"]) == 40
    assert report.dropped == [("large.png", "too large: 30x28 px, frames have 16x16")]
    for image in arrays["images"]:  # doubled on the canvas
        assert int((image > 0).any(1).sum()) == 28 and (image[::2] == image[1::2]).all()
    arrays, info, report = pack_drawings(tmp_path, VOCABULARY, side=32)
    assert info["own_drawings"]["side"] == 32 and len(arrays["images"]) == 41
    assert sorted({int((image > 0).any(1).sum()) for image in arrays["images"]}) == [14, 28]


def test_drawings_that_no_frame_holds_say_what_to_do(tmp_path):
    for i in range(40):
        (tmp_path / f"{i}.png").write_bytes(png(figure(38, 34, i)))
    with pytest.raises(UsageError, match="draw them in at most 32x32 px"):
        pack_drawings(tmp_path, VOCABULARY)
    for i in range(40):
        (tmp_path / f"{i}.png").write_bytes(png(figure(22, 20, i)))
    with pytest.raises(UsageError, match="give a larger --size"):
        pack_drawings(tmp_path, VOCABULARY, side=16)


def test_pieces_of_larger_figures_are_no_drawings(tmp_path):
    fill(tmp_path, 30)
    picture = np.zeros((120, 300, 4), np.uint8)
    picture[20:100, 20:90] = figure(80, 70, 1)
    picture[20:100, 110:180] = figure(80, 70, 2)
    picture[60:70, 240:250] = figure(10, 10, 3)
    (tmp_path / "boss.png").write_bytes(png(picture))
    report = pack_drawings(tmp_path, VOCABULARY)[2]
    reasons = sorted(reason.split(":")[0] for _, reason in report.dropped)
    assert reasons == ["a piece", "too large", "too large"]


def test_cells_that_are_alike_show_one_thing_and_others_do_not(tmp_path):
    base = figure(15, 14, 3)
    walk = []
    for i in range(16):
        frame = base.copy()
        frame[9 + i % 5, 3 + i % 7, :3] ^= 200
        walk.append(frame)
    (tmp_path / "walk.png").write_bytes(png(sheet(walk, 4, (16, 16), 0, 0)))
    things = [figure(9 + i % 6, 8 + i % 5, 40 + i) for i in range(24)]
    (tmp_path / "things.png").write_bytes(png(sheet(things, 6, (16, 16), 0, 0)))
    arrays, info, _ = pack_drawings(tmp_path, VOCABULARY)
    names = np.array([label["name"].split(".")[0] for label in info["labels"]])
    assert len(set(arrays["identity"][names == "walk"])) == 1
    assert len(set(arrays["identity"][names == "things"])) > 12


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


@given(st.integers(1, 120), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_own_colours_take_the_place_of_those_they_resemble(count, seed):
    random = np.random.Generator(np.random.Philox(seed))
    colours = np.unique(random.integers(0, 256, (count, 3)).astype(np.uint8), axis=0)
    frames = np.zeros((4, 32, 32, 4), np.uint8)
    frames[..., :3] = colours[np.arange(4 * 32 * 32).reshape(4, 32, 32) % len(colours)]
    frames[..., 3] = 255
    table = own_colours(frames, COLOURS)
    changed = np.flatnonzero((table != COLOURS).any(1))
    assert 0 not in changed and {tuple(c) for c in table[changed].tolist()} <= {
        tuple(c) for c in colours.tolist()}  # fmt: skip
    moved = np.linalg.norm(to_oklab(table[changed]) - to_oklab(COLOURS[changed]), axis=1)
    near = np.linalg.norm(to_oklab(table[changed])[:, None] - to_oklab(COLOURS[1:]), axis=2).min(1)
    assert (moved <= near + 0.1 + 1e-9).all()
    shown = frames[..., 3] > 0
    before, after = (
        colour_error(frames, pixel_sprites.to_indices(frames[..., :3], shown, t), t)
        for t in (COLOURS, table)
    )
    assert after <= before + 0.02
    if len(colours) <= 8:
        assert after < 0.02


@given(st.sampled_from([16, 24, 32]), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_what_is_put_onto_the_canvas_comes_off_it(side, seed):
    images = np.random.Generator(np.random.Philox(seed)).integers(0, 48, (3, side, side))
    canvas = onto_canvas(images, side)
    assert canvas.shape == (3, 32, 32) and np.array_equal(off_canvas(canvas, side), images)
    rgba = onto_canvas(np.stack([images] * 4, -1), side)
    assert np.array_equal(rgba[..., 0], canvas)


def test_words_that_several_drawings_share_become_sub_classes():
    names = [f"animals/jackalope_{i}.png" for i in range(3)] + ["Gnoll/Sheet.png[0,1]"] * 3
    names += ["orcs/gnoll_orc.png", "sprites/odd.png", "sprites/lone1.png", "idle/walk.png"] + [
        "idle/run.png"] * 3  # fmt: skip
    labels, words = own_classes([told(name) for name in names], VOCABULARY)
    assert words == {"gnoll": "monster", "jackalope": "monster"}
    assert [label.subclass for label in labels] == (
        ["jackalope"] * 3 + ["gnoll"] * 3 + ["orc"] + [""] * 6
    )
    assert {label.kind for label in labels} == {"monster"}  # three animals are no kind
    labels, words = own_classes([told(name) for name in names + names[:3]], VOCABULARY)
    assert words == {"gnoll": "monster", "jackalope": "animal"}
    assert [label.kind for label in labels[:4]] == ["animal"] * 3 + ["monster"]


def test_all_of_a_sub_class_are_of_the_kind_of_most():
    names = [f"slime_{i}" for i in range(8)] + [f"items/{i}" for i in range(8)]
    labels, words = own_classes([*names, "items/slime"], VOCABULARY)
    assert words == {"slime": "monster"} and labels[-1] == ("monster", "slime", ())
    assert [label.kind for label in labels[8:16]] == ["item"] * 8


@pytest.mark.parametrize(
    ("name", "kind", "subclass", "words"),
    [
        ("orcs/big_orc_01.png", "monster", "orc", ("big",)),
        ("sword.png", "item", "sword", ()),
        ("wolf_fire.png", "animal", "", ("fire",)),
        ("orc_wolves/potion.png", "item", "orc", ()),
        ("big.png", "", "", ("big",)),
        ("effects/fire3.png[0,1]", "effect", "", ("fire",)),
        ("Weapons/x.png", "item", "", ()),
        ("Characters/swords/BigOne2.png", "monster", "sword", ("big",)),
        ("nameless.png", "", "", ()),
    ],
)
def test_words_of_the_path_say_what_a_drawing_shows(name, kind, subclass, words):
    assert VOCABULARY.describe(told(name)) == (kind, subclass, words)


def test_a_list_of_words_says_what_names_do_not(tmp_path):
    cells = sheet([figure(15, 13, i) for i in range(40)], 8, (16, 16), 0, 0)
    (tmp_path / "sheet.png").write_bytes(png(cells))
    lines = [f'"sheet.png[{i // 8},{i % 8}]",gnoll' for i in range(16)]
    lines += ["sheet.png,big", "sheet.png[2,0];potion;items", "nothing.png,orc",
              "sheet.png[9,9],orc"]  # fmt: skip
    (tmp_path / "words.csv").write_text("\ufefffile,words\n" + "\n".join(lines), "utf-8")
    _, info, report = pack_drawings(tmp_path, VOCABULARY)
    assert info["own_drawings"]["words"] == {"gnoll": "monster"}
    assert [label["subclass"] for label in info["labels"]] == ["gnoll"] * 16 + [""] * 24
    assert {tuple(label["words"]) for label in info["labels"]} == {("big",)}
    assert [line for line, _ in report.dropped] == ["words.csv line 20", "words.csv line 21"]
    assert "names no drawing that was read: nothing.png" in report.dropped[0][1]
    assert not any("say nothing" in note for _, note in report.guesses)
    (tmp_path / "words.csv").unlink()
    _, _, report = pack_drawings(tmp_path, VOCABULARY)
    assert any("the names of 40 drawings say nothing" in note for _, note in report.guesses)


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_list_of_words_is_read_or_named(data):
    drawings = [
        Drawing("a.png", "a.png", figure(9, 9)),
        Drawing("b.png[0,1]", "b.png", figure(9, 9)),
    ]
    report = Report()
    said = apply_words(data, drawings, report)
    assert set(said) <= {"a.png", "b.png[0,1]"}
    assert all(place.startswith("words.csv") for place, _ in report.dropped)


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
