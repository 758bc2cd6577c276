"""Crowds: exact colours, two frames, figures that do not depend on how many there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.metrics import sprites
from aigc_assets.pipelines.characters import CharacterRequest, generate_character
from aigc_assets.pipelines.characters.request import LARGEST_CROWD
from aigc_assets.pipelines.characters.size32 import crowds
from aigc_assets.pipelines.characters.size32.crowds import (
    CANDIDATES,
    MIN_SPECK,
    SIDE,
    crowd_sheet,
    generate_crowd,
    sunk,
    tidy,
)
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import dump
from aigc_assets.types.oklab import FAMILIES, families

PALETTE = make_palette(24, 3)


def request(prompt: str, kind: str = "person") -> CharacterRequest:
    return CharacterRequest(prompt, size=SIDE, kind=kind, crowd=12)


@pytest.fixture(scope="module")
def crowd():
    return generate_crowd(request("villagers"), 40, PALETTE, 7)


def test_every_figure_is_clean(crowd):
    for made in crowd:
        sheet = made.asset
        assert sheet.image.shape == (SIDE, 2 * SIDE, 4) and len(sheet.frames) == 2
        assert sprites.palette_leaks(sheet, PALETTE) == 0
        assert sprites.alpha_errors(sheet) == 0
        assert sprites.foreign_colours(sheet) == 0
        assert sprites.stray_pixels(sheet) == 0
        assert sprites.feet_off_pivot(sheet, "idle") == 0
        drawn = (sheet.frame_image(0)[..., 3] > 0).sum()
        assert drawn > 60


def test_the_second_frame_breathes_and_the_feet_rest(crowd):
    for made in crowd:
        first, second = (made.asset.frame_image(i) for i in range(2))
        assert (first != second).any()
        assert np.array_equal(first[-5:], second[-5:])
        tops = [int((frame[..., 3] > 0).any(1).argmax()) for frame in (first, second)]
        assert tops[0] <= tops[1] <= tops[0] + 2


def test_figures_differ_from_each_other(crowd):
    assert len({made.asset.image.tobytes() for made in crowd}) == len(crowd)


def test_a_figure_does_not_depend_on_the_count_or_on_threads(crowd):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        few = generate_crowd(request("villagers"), 3, PALETTE, 7)
    finally:
        torch.set_num_threads(before)
    assert [dump(a.asset) for a in few] == [dump(b.asset) for b in crowd[:3]]
    other = generate_crowd(request("villagers"), 3, PALETTE, 8)
    assert dump(few[0].asset) != dump(other[0].asset)


def test_the_crowd_fits_one_sheet(crowd):
    sheet = crowd_sheet([made.asset for made in crowd], PALETTE)
    assert [tag.name for tag in sheet.tags] == [f"idle_{i + 1}" for i in range(len(crowd))]
    height, width = sheet.image.shape[:2]
    assert 0.5 <= width / height <= 2
    for number, made in enumerate(crowd):
        for frame in range(2):
            assert np.array_equal(sheet.frame_image(2 * number + frame),
                                  made.asset.frame_image(frame))  # fmt: skip


def test_words_that_choose_nothing_are_named_in_the_notes():
    made = generate_crowd(request("red wizards with a zorgle, guards and villagers"), 1, PALETTE, 3)
    assert made[0].provenance.notes == ("not drawn for a crowd: zorgle",)


@pytest.mark.parametrize(
    ("prompt", "kind", "word"),
    [("blue goblins", "monster", "blue"), ("red guards", "person", "red"),
     ("frost skeletons", "monster", "cyan"), ("green insects", "animal", "green")],
)  # fmt: skip
def test_every_figure_wears_the_colour_of_the_prompt(prompt, kind, word):
    palette = make_palette(48, 3)
    made = generate_crowd(request(prompt, kind), 8, palette, 5)
    for one in made:
        frame = one.asset.frame_image(0)
        shown = families(frame[frame[..., 3] > 0][:, :3])
        body = shown[shown != FAMILIES.index("black")]
        assert (body == FAMILIES.index(word)).mean() > 0.2
        assert f"coloured: {word}" in one.provenance.operations


def test_two_groups_share_a_crowd():
    made = generate_crowd(request("red guards and blue wizards"), 8, PALETTE, 5)
    words = [o for one in made for o in one.provenance.operations if o.startswith("coloured")]
    assert words == ["coloured: red", "coloured: blue"] * 4


def test_a_copy_of_a_training_picture_is_drawn_again_and_refused_in_the_end(monkeypatch):
    copied: list[np.ndarray] = []

    def copies(known, pictures):
        if not copied:
            copied.append(pictures[1].copy())
        same = np.array([(p == copied[0]).all() for p in pictures])
        return np.where(same, 0.05, 0.9), ["mon/orc" if hit else "" for hit in same]

    monkeypatch.setattr(
        crowds,
        "nearest_of_many",
        lambda known, pictures: (np.ones(len(pictures)), [""] * len(pictures)),
    )
    plain = generate_crowd(request("monsters", "monster"), 4, PALETTE, 2)
    monkeypatch.setattr(crowds, "nearest_of_many", copies)
    made = generate_crowd(request("monsters", "monster"), 4, PALETTE, 2)
    same = [dump(a.asset) == dump(b.asset) for a, b in zip(plain, made, strict=True)]
    assert same == [True, False, True, True]

    calls = []

    def many_copies(known, pictures):
        calls.append(len(pictures))
        distance = 0.05 if len(calls) <= CANDIDATES else 0.9
        return np.full(len(pictures), distance), ["x"] * len(pictures)

    monkeypatch.setattr(crowds, "nearest_of_many", many_copies)
    again = generate_crowd(request("monsters", "monster"), 2, PALETTE, 2)
    assert calls == [2] * (CANDIDATES + 1)
    assert all(dump(a.asset) != dump(b.asset) for a, b in zip(plain[:2], again, strict=True))
    monkeypatch.setattr(
        crowds,
        "nearest_of_many",
        lambda known, pictures: (np.zeros(len(pictures)), ["x"] * len(pictures)),
    )
    with pytest.raises(GenerationError, match="near copies"):
        generate_crowd(request("monsters", "monster"), 4, PALETTE, 2)


def test_specks_go_holes_close_and_feet_stand():
    slots = np.zeros((1, SIDE, SIDE), np.uint8)
    slots[0, 4:26, 3:15] = 5
    slots[0, 10, 8] = 0
    slots[0, 2, 28] = 9
    slots[0, 20:22, 27] = 9
    made = tidy(slots)[0]
    assert made[-1].any() and (made > 0).sum() == 22 * 12
    columns = np.flatnonzero(made.any(0))
    assert abs(columns[0] - (SIDE - 1 - columns[-1])) <= 1
    assert set(np.unique(made)) == {0, 5}
    assert MIN_SPECK > 2


def test_only_what_is_above_the_waist_sinks():
    slots = np.zeros((1, SIDE, SIDE), np.uint8)
    slots[0, 2:, 10:20] = np.arange(1, 31)[:, None]
    made = sunk(slots)[0]
    assert not made[2].any() and (made[3, 10:20] == 1).all()
    assert np.array_equal(made[24:], slots[0, 24:])
    assert set(np.unique(made)) <= set(np.unique(slots))


@pytest.mark.parametrize("count", [0, -1, LARGEST_CROWD + 1])
def test_a_count_out_of_range_is_one_error(count):
    with pytest.raises(UsageError, match="crowd has"):
        generate_crowd(request("people"), count, PALETTE, 0)


def test_a_palette_of_one_colour_is_refused():
    with pytest.raises(UsageError, match="two colours"):
        generate_crowd(request("people"), 1, PALETTE[:1], 0)


def test_a_request_for_a_crowd_is_one_sheet():
    made = generate_character(request("skeletons", "monster"), PALETTE, 5)
    assert len(made.asset.tags) == 12 and len(made.asset.frames) == 24
    assert sprites.palette_leaks(made.asset, PALETTE) == 0
    assert made.provenance.request["crowd"] == 12
    assert "monster/skeleton" in " ".join(made.provenance.operations)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"size": 64}, "size"),
        ({"kind": "item"}, "kind"),
        ({"animations": ("walk",)}, "animations"),
        ({"crowd": LARGEST_CROWD + 1}, "crowd"),
        ({"crowd": -3}, "crowd"),
    ],
)
def test_what_a_crowd_cannot_be_is_one_error(options, where):
    with pytest.raises(UsageError) as error:
        CharacterRequest("people", **{"size": SIDE, "crowd": 8, **options})
    assert error.value.where == where


def test_the_kind_of_a_crowd_is_read_from_the_words():
    assert CharacterRequest("zombies", size=SIDE, crowd=8).kind == "monster"
    sword = CharacterRequest("a sword", size=SIDE, crowd=8)
    assert (sword.kind, sword.guessed) == ("person", "item")


@pytest.mark.parametrize("prompt", ["", " \n", "x" * 10_000])
def test_a_prompt_of_no_or_too_many_words_is_one_error(prompt):
    with pytest.raises(UsageError, match=r"the prompt (is empty|has)"):
        generate_character(CharacterRequest(prompt, size=SIDE, crowd=4), PALETTE, 0)
