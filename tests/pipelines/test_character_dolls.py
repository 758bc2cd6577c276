"""People at 32 px, gear of people at 64 px, and words that only the prompt network can read."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.metrics import sprites
from aigc_assets.metrics.prompt_words import SEEN, SMALL, colour_share
from aigc_assets.pipelines.characters import CharacterRequest, generate_character
from aigc_assets.pipelines.characters.size32 import people32
from aigc_assets.pipelines.characters.size32.still import breathe
from aigc_assets.pipelines.characters.size64 import gear
from aigc_assets.pipelines.characters.words import lexicon_doll as lexicon
from aigc_assets.pipelines.characters.words.prompt import find_ramp, parse_prompt
from aigc_assets.pipelines.characters.words.reading import nearly, read_unknown
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import dump

PALETTE = make_palette(32, 7)
KNOWN = people32.vocabulary()


def doll(prompt: str, seed: int = 3):
    return generate_character(CharacterRequest(prompt, size=32), PALETTE, seed)


def test_every_word_means_something_the_doll_has() -> None:
    for word, meaning in lexicon.WORDS.items():
        for attribute, values in meaning.values.items():
            assert set(values) <= set(KNOWN["attributes"][attribute]), word
        for slot, names in meaning.colours.items():
            assert find_ramp(slot, names, KNOWN["colours"]), (word, slot)


@pytest.mark.parametrize(
    ("prompt", "values"),
    [
        ("dwarf knight, axe", {"race": "dwarf", "body": "masculine", "weapon": lexicon._AXES}),
        ("bald monk", {"hair": "none", "torso": ("monk robe", "gi")}),
        ("girl in a wizard hat", {"body": "feminine", "headwear": "wizard hat"}),
        ("minotaur with a halberd", {"race": "minotaur", "weapon": "halberd"}),
        ("naga, round shield", {"race": "naga", "shield": "round shield"}),
        ("bearded man, horned helmet", {"beard": ("beard", "long beard"),
                                        "headwear": "horned helmet"}),
    ],
)  # fmt: skip
def test_what_is_named_is_chosen(prompt, values) -> None:
    wish = parse_prompt(prompt, KNOWN)
    assert not wish.unknown
    for seed in range(4):
        chosen = people32.choose_values(wish, KNOWN, seed)
        for attribute, allowed in values.items():
            assert chosen[attribute] in (allowed if isinstance(allowed, tuple) else (allowed,))


def test_a_doll_breathes_on_its_feet_and_is_clean() -> None:
    made = doll("knight with sword and shield")
    sheet = made.asset
    assert [(t.name, t.start, t.stop) for t in sheet.tags] == [("idle", 0, 2)]
    first, second = (sheet.frame_image(i) for i in range(2))
    assert np.array_equal(first[people32.WAIST :], second[people32.WAIST :])
    assert np.array_equal(first[: people32.WAIST - 1], second[1 : people32.WAIST])
    assert first[31, :, 3].any() and all(f.pivot == (16, 31) for f in sheet.frames)
    assert sprites.palette_leaks(sheet, PALETTE) == 0 and sprites.alpha_errors(sheet) == 0
    assert sprites.foreign_colours(sheet) == 0 and sprites.stray_pixels(sheet) == 0
    assert 300 < (first[..., 3] > 0).sum() < 900
    assert made.provenance.model == "doll_cvae" and made.provenance.licences == ("CC0-1.0",)
    assert dump(doll("knight with sword and shield").asset) == dump(sheet)
    assert dump(doll("knight with sword and shield", 4).asset) != dump(sheet)


def test_colour_words_show_on_a_doll() -> None:
    for colour, garment, part in (("red", "shirt", "torso"), ("green", "robe", "robe"),
                                  ("blue", "wizard hat", "headwear")):  # fmt: skip
        picture = doll(f"person, {colour} {garment}").asset.frame_image(0)
        assert colour_share(picture, part, colour, SMALL) >= SEEN, (colour, garment)


def test_breathing_adds_no_pixel() -> None:
    slots = np.random.Generator(np.random.Philox(1)).integers(0, 9, (32, 32)).astype(np.uint8)
    moved = breathe(slots, 18)
    assert np.array_equal(moved[18:], slots[18:]) and not moved[0].any()
    assert set(np.unique(moved)) <= set(np.unique(slots)) | {0}


def test_gear_is_in_the_hand_in_every_frame() -> None:
    request = CharacterRequest("man, great sword, shield, wings", ("idle", "walk", "slash"))
    made = generate_character(request, PALETTE, 2)
    bare = generate_character(CharacterRequest("man", ("idle", "walk", "slash")), PALETTE, 2).asset
    assert "weapon=great sword" in made.provenance.operations[-1]
    for number, frame in enumerate(made.asset.frames):
        one, other = made.asset.frame_image(number), bare.frame_image(number)
        assert (one != other).any(-1).sum() > 60, number
        assert frame.pivot == (32, 61)
    assert sprites.foreign_colours(made.asset) == 0


def test_gear_pictures_are_whole() -> None:
    for text in (*gear._WEAPONS.values(), *gear._FRONT_SHIELDS.values()):
        rows = text.split("/")
        assert len({len(row) for row in rows}) == 1, text
        assert set(text) <= set("./123456abcdef@")
    assert all(text.count("@") == 1 for text in gear._WEAPONS.values())
    assert set(gear._FRONT_SHIELDS) == set(gear._SIDE_SHIELDS)


def test_one_slip_of_the_keys_is_forgiven() -> None:
    known = {"knight", "sword", "helmet", "cloak", "ranger", "crown"}
    for word, meant in (("knigth", "knight"), ("swrod", "sword"), ("helmit", "helmet"),
                        ("cloack", "cloak"), ("croown", "crown"), ("rangr", "ranger")):  # fmt: skip
        assert nearly(word, known) == meant
    for word in ("stranger", "brown", "swo", "knights-errant", "garden"):
        assert nearly(word, known) == ""


def test_the_network_reads_what_the_rules_do_not_know() -> None:
    words = "swashbuckler wearing a frock and zorgblat".split()
    read, sha256 = read_unknown(words, ["swashbuckler", "frock", "zorgblat"])
    assert read == {"swashbuckler": "pirate", "frock": "dress"} and len(sha256) == 64
    made = doll("swashbuckler, zorgblat")
    assert "unknown word: swashbuckler (read as pirate)" in made.provenance.notes
    assert "unknown word: zorgblat" in made.provenance.notes
    assert "prompt network" in made.provenance.operations[0]


def test_a_portrait_shows_the_same_person_larger() -> None:
    request = CharacterRequest("portrait of an old wizard, blue robe")
    assert (request.kind, request.animations) == ("portrait", ("portrait",))
    sheet = generate_character(request, PALETTE, 5).asset
    picture = sheet.frame_image(0)
    assert picture.shape == (64, 64, 4) and [t.name for t in sheet.tags] == ["portrait"]
    assert (picture[..., 3] > 0).mean() > 0.3 and picture[63, :, 3].any()
    assert sprites.palette_leaks(sheet, PALETTE) == 0 and sprites.alpha_errors(sheet) == 0
    person = CharacterRequest("old wizard, blue robe", ("idle",), kind="person")
    whole = generate_character(person, PALETTE, 5).asset
    small = {tuple(c) for c in whole.palette.tolist()}
    assert {tuple(c) for c in sheet.palette.tolist()} <= small
