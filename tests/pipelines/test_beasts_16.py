"""16 px creatures of one view: which is drawn, its directions, eyes, steps and originality."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.metrics import animations
from aigc_assets.metrics.likeness import CopyIndex, tone_codes
from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters import CharacterRequest, generate_character, neighbours
from aigc_assets.pipelines.characters.neighbours import Known, most_original
from aigc_assets.pipelines.characters.size16 import (
    beasts16,
    creatures16,
    natural_colours,
    one_view,
    tiny_colours,
    tiny_frames,
)
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import SpriteSheet
from aigc_assets.types.sprite import DIRECTIONS

PALETTE = make_palette(32, 3)
CARD = read_card(beasts16.MODEL)["vocabulary"]


def blob(width: int = 10, *, eyes: bool = True, legs: bool = True) -> np.ndarray:
    """An outlined figure of slot 3 that looks at us, [16, 16]."""
    frame = np.zeros((16, 16), dtype=np.uint8)
    left = 8 - width // 2
    frame[4:15, left : left + width] = 3
    if legs:
        frame[15, [left, left + 1, left + width - 2, left + width - 1]] = 3
    else:
        frame[15, left : left + width] = 3
    frame[one_view.edge(frame)] = 1
    if eyes:
        frame[8, [left + 3, left + width - 4]] = 1
    return frame


def test_from_behind_there_is_no_face():
    frame = blob()
    assert one_view.face_of(frame, "front").sum() == 2
    behind = one_view.faceless(frame, "front")
    assert not one_view.face_of(behind, "front").any()
    np.testing.assert_array_equal(behind > 0, frame > 0)
    assert (behind[8, 5:11] == 3).all()


def test_what_looks_at_us_turns_its_face_to_the_side_it_goes():
    views = one_view.directions(blob(), "front")
    assert set(views) == set(DIRECTIONS)
    np.testing.assert_array_equal(views["down"], blob())
    left = np.nonzero(one_view.face_of(views["left"], "front"))[1].mean()
    middle = np.nonzero(views["left"])[1].mean()
    assert left <= middle - 1
    np.testing.assert_array_equal(views["right"], views["left"][:, ::-1])


def test_what_looks_left_is_mirrored_and_slimmer_from_the_front():
    frame = blob(14)
    frame[8, [4, 11]] = 3
    frame[7, 4] = 1
    views = one_view.directions(frame, "side")
    np.testing.assert_array_equal(views["left"], frame)
    np.testing.assert_array_equal(views["right"], frame[:, ::-1])
    wide = {side: int(view.any(0).sum()) for side, view in views.items()}
    assert wide["up"] < wide["down"] < wide["left"]
    assert one_view.face_of(views["down"], "side").any()
    assert not one_view.face_of(views["up"][:, ::-1], "side").any()


@pytest.mark.parametrize("view", ["side", "front"])
@pytest.mark.parametrize("usual", [[], [[8, 5, 1], [8, 10, 1]]])
def test_eyes_are_put_in_where_there_are_none(view: str, usual: list[list[int]]):
    bare = blob(eyes=False)
    assert not one_view.face_of(bare, view).any()
    seeing = one_view.with_eyes(bare, view, usual)
    assert one_view.face_of(seeing, view).any()
    np.testing.assert_array_equal(one_view.with_eyes(seeing, view, usual), seeing)


def test_legs_are_lifted_by_turns_and_what_has_none_is_squeezed():
    stand = blob()
    walk = one_view.steps(stand, floating=False)
    feet = [np.flatnonzero(frame[15]).tolist() for frame in walk]
    assert feet[0] == feet[2] == [3, 4, 11, 12]
    assert {tuple(feet[1]), tuple(feet[3])} == {(11, 12), (3, 4)}
    for step in walk:
        np.testing.assert_array_equal(step[:13], stand[:13])
    rounded = one_view.steps(blob(legs=False), floating=False)
    assert [int(frame.any(1).sum()) for frame in rounded] == [12, 10, 12, 11]
    floating = one_view.steps(np.roll(stand, -2, 0), floating=True)
    assert {int(np.flatnonzero(frame.any(1))[0]) for frame in floating} == {1, 2, 3}
    for walk in (rounded, floating):
        for step in walk:  # a head moves as a whole
            first = int(np.flatnonzero(step.any(1))[0])
            top = int(np.flatnonzero(walk[0].any(1))[0])
            np.testing.assert_array_equal(step[first : first + 5], walk[0][top : top + 5])


frames = st.integers(0, 2**32).map(
    lambda seed: (
        np.random.default_rng(seed).integers(1, 10, (16, 16))
        * (np.random.default_rng(seed + 1).random((16, 16)) < 0.7)
    ).astype(np.uint8)
)


@settings(max_examples=30, deadline=None)
@given(frames, st.sampled_from(["side", "front"]))
def test_directions_and_steps_bring_in_no_slot(frame: np.ndarray, view: str):
    frame[15, 8] = 1
    known = {*np.unique(frame).tolist(), 0}
    for picture in one_view.directions(frame, view).values():
        assert set(np.unique(picture).tolist()) <= known
        for step in one_view.steps(picture, floating=view == "side"):
            assert set(np.unique(step).tolist()) <= known


def test_a_step_keeps_the_head_that_only_moved():
    stand = blob()
    step = np.roll(stand, 1, 0)
    step[step > 0] = np.where(np.random.default_rng(0).random((step > 0).sum()) < 0.1, 4,
                              step[step > 0])  # fmt: skip
    kept = tiny_frames.same_top(stand, step)
    np.testing.assert_array_equal(kept[5:11], stand[4:10])
    np.testing.assert_array_equal(kept[11:], step[11:])
    other = np.zeros_like(stand)
    other[10:, 2:6] = 7
    np.testing.assert_array_equal(tiny_frames.same_top(stand, other), other)


@pytest.mark.parametrize(
    ("said", "animal", "fore"),
    [
        ("cyclops", False, "cyclops"), ("snake", True, "snake"), ("horse", True, "horse"),
        ("lion", True, "lion"), ("red imp", False, "imp"), ("wolf", True, "wolf"),
        ("skeleton", False, "skeleton"), ("penguins", True, "penguin"),
    ],
)  # fmt: skip
def test_words_name_the_fore_part(said: str, animal: bool, fore: str):
    names, beasts = creatures16.choose_bodies(said.split(), 1, animal=animal)
    assert beasts
    assert all(fore in CARD["bodies"][name].split() for name in names)
    for seed in range(6):
        chosen = beasts16.choose(CARD, names, seed)
        assert len(chosen) == beasts16.TRIES
        assert len({one.fore for one in chosen}) == 1
        assert chosen[0].fore in names
        for one in chosen:
            family = {CARD["family"][part] for part in (one.fore, one.hind, one.other)}
            assert len(family) == 1
            assert one.hind != one.fore, "a creature as it was learnt is a copy"
            assert 0 <= one.share <= CARD["most"]


def test_creatures_without_a_name_are_of_both_models():
    found = [creatures16.choose_bodies(["monster"], seed, animal=False)[1] for seed in range(40)]
    assert 10 < sum(found) < 40
    names, beasts = creatures16.choose_bodies([], 3, animal=True)
    assert not beasts or {CARD["family"][name] for name in names} <= beasts16.ANIMALS


def test_the_first_drawing_that_is_clear_of_what_is_known_is_taken(monkeypatch: pytest.MonkeyPatch):
    colours = np.array([(0, 0, 0), (20, 20, 20), (90, 90, 90), (150, 150, 150)], dtype=np.uint8)
    copy, other = blob(), blob(6, legs=False)
    alpha = np.where(copy > 0, 255, 0).astype(np.uint8)[..., None]
    index = CopyIndex(tone_codes(np.concatenate([colours[copy], alpha], 2)[None]), ["known"])
    monkeypatch.setattr(neighbours, "known_pictures", lambda model: Known(index, 0.2))
    assert most_original("any", colours, np.stack([copy, other, other])) == 1
    assert most_original("any", colours, np.stack([copy, copy])) == 0
    monkeypatch.setattr(neighbours, "known_pictures", lambda model: None)
    assert most_original("any", colours, np.stack([copy, other])) == 0


CAST = [("monster", "cyclops"), ("monster", "slime"), ("animal", "grey wolf"), ("animal", "bee")]


@pytest.mark.parametrize(("kind", "prompt"), CAST)
def test_creatures_are_no_copies_have_eyes_and_keep_their_heads(kind: str, prompt: str):
    known = neighbours.known_pictures(beasts16.MODEL)
    assert known is not None
    for seed in range(2):
        request = CharacterRequest(prompt, size=16, kind=kind, animations=("walk", "idle"))
        made = generate_character(request, PALETTE, seed)
        sheet = made.asset
        assert isinstance(sheet, SpriteSheet)
        assert any("nearest training picture" in note for note in made.provenance.notes)
        assert known.pictures.nearest(sheet.frame_image(0)[None])[0][0] >= known.limit
        sides = ("left", "right") if kind == "animal" else DIRECTIONS
        flicker = [animations.head_flicker(sheet, f"walk_{side}") for side in sides]
        assert np.mean(flicker) < 0.2


def test_colours_that_the_prompt_leaves_open_are_those_of_the_creature():
    ramps = read_card(creatures16.COLOURS_OF)["vocabulary"]["colours"]["cloth"]
    for body, mark in natural_colours.USUAL.values():
        assert {*body, *mark} <= set(ramps)
        assert not set(body) & set(mark)
    assert natural_colours.usual(["old", "fox", "wolf"]) == natural_colours.USUAL["fox"]
    assert natural_colours.usual(["old"]) is None


def test_single_pixels_of_a_tone_leave_the_skin_but_not_the_face():
    frame = blob()
    frame[13, 8] = frame[6, 7] = 6
    frame[12, 5:7] = 4
    out = one_view.smoothed(frame, "front")
    assert out[13, 8] == 3
    assert out[6, 7] == 6
    assert (out[12, 5:7] == 4).all()
    assert (out != frame).sum() == 1


def test_a_colour_does_not_fade_to_grey():
    colours = [(20, 20, 24), (70, 30, 90), (110, 60, 140), (150, 150, 152), (190, 190, 192)]
    palette = np.array(colours, dtype=np.uint8)
    ramps = {"cloth": {"purple": [(60, 30, 80), (100, 60, 130), (150, 120, 170)],
                       "grey": [(80, 80, 80), (150, 150, 150), (200, 200, 200)]}}  # fmt: skip
    purple, _ = tiny_colours.choose("body", [("purple",)], "cloth", ramps, palette, (), 0)
    grey, _ = tiny_colours.choose("body", [("grey",)], "cloth", ramps, palette, (), 0)
    assert set(purple.tolist()) <= {1, 2}
    assert {3, 4} <= set(grey.tolist())


def test_an_animal_is_drawn_further_from_its_kind_when_it_was_a_copy():
    card = read_card(creatures16.MODEL)["vocabulary"]
    for seed in range(8):
        several = [creatures16.choose_creature([], ["racoon"], card, seed, n) for n in (0, 7)]
        assert {one.body for one in several} == {"racoon"}
        assert several[0].share < 0.25 < 0.3 < several[1].share <= card["most"]


@pytest.mark.parametrize(
    "changed", [(1, 2, 3), (9, 9, 1), (1, 9, 9), (9, 9, 9), (0, 0, 0), (5, 0, 9)]
)
def test_a_walk_closes_as_smoothly_as_it_goes(changed: tuple[int, int, int]):
    walk = [blob()]
    for rows in changed:
        step = blob()
        step[15 - rows : 15][step[15 - rows : 15] == 3] = 4
        walk.append(step)
    order = tiny_frames.closed(walk)
    np.testing.assert_array_equal(order[0], walk[0])
    gaps = [(a != b).sum() for a, b in zip(order, [*order[1:], order[0]], strict=True)]
    assert gaps[-1] * 3 <= sum(gaps[:-1])
    assert all(any((a == b).all() for b in walk) for a in order)
