"""What a prompt is understood to say, without drawing anything."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.size32 import people32
from aigc_assets.pipelines.characters.size64 import people64
from aigc_assets.pipelines.characters.size64.wardrobe import choose_look
from aigc_assets.pipelines.characters.words import lexicon
from aigc_assets.pipelines.characters.words.prompt import MAX_PROMPT, find_ramp, parse_prompt

VOCABULARY = people64.vocabulary()


def look(prompt: str, seed: int = 0, actions: tuple[str, ...] = ("idle", "walk")):
    return choose_look(parse_prompt(prompt, VOCABULARY), VOCABULARY, seed, actions)


def test_every_synonym_means_something_the_model_knows() -> None:
    attributes = VOCABULARY["attributes"]
    for word, meaning in lexicon.SYNONYMS.items():
        for attribute, values in meaning.values.items():
            assert set(values) <= set(attributes[attribute]), word
        for slot, names in meaning.colours.items():
            assert find_ramp(slot, names, VOCABULARY["colours"]), (word, slot)
    for word in lexicon.COLOUR_WORDS:
        slots = ("torso", "hair", "metal", "skin", "eyes")
        names = lexicon.COLOUR_WORDS[word]
        assert any(find_ramp(s, names, VOCABULARY["colours"]) for s in slots), word


@pytest.mark.parametrize(
    ("prompt", "values", "colours"),
    [
        (
            "young alchemist woman, green cloak, brown hair",
            {"body": "feminine", "over": "cloak", "head": "feminine"},
            {"over": "green", "hair": "brown"},
        ),
        (
            "old warden, blue shirt, grey beard, iron helmet",
            {"body": "masculine", "head": "elderly"},
            {"torso": "blue", "hair": "gray", "metal": "iron"},
        ),
        (
            "blacksmith, red shirt, brown trousers, black hair",
            {"body": "masculine"},
            {"torso": "red", "legs": "brown", "hair": "black"},
        ),
        (
            "noble lady, violet dress, blonde hair",
            {"body": "feminine", "legs": "long skirt", "torso": "scoop longsleeve shirt"},
            {"torso": "purple", "legs": "purple", "hair": "blonde"},
        ),
        (
            "old wizard, blue robe",
            {"head": "elderly", "legs": "long skirt", "headwear": "pointed hat"},
            {"torso": "blue", "legs": "blue"},
        ),
        ("dark-skinned man with curly red hair", {"body": "masculine"}, {"skin": "coffee"}),
        ("woman in a kettle helm", {"headwear": "kettle helm"}, {}),
        ("chainmail hood", {"headwear": "chainmail hood"}, {}),
        ("knight, dark blue t-shirt", {"torso": "t-shirt"}, {"torso": "navy"}),
        ("bald farmer, boots", {"hair": "none", "feet": "boots", "legs": "overalls"}, {}),
        ("girl with a short skirt", {"legs": "skirt"}, {}),
        ("girl, long red skirt", {"legs": "long skirt"}, {"legs": "red"}),
        ("man, v-neck t-shirt", {"torso": "v-neck t-shirt"}, {}),
        ("man, buttoned shirt", {"torso": "buttoned longsleeve shirt"}, {}),
        ("man, long curly hair", {"hair": "medium curly"}, {}),
        ("thief in black", {}, {"torso": "black", "over": "black"}),
    ],
)
@pytest.mark.parametrize("seed", [0, 5, 77])
def test_prompts_are_obeyed_whatever_the_seed(prompt, values, colours, seed) -> None:
    made = look(prompt, seed)
    assert {k: made.values[k] for k in values} == values
    assert {k: made.colours[k][1] for k in colours} == colours


@pytest.mark.parametrize("tier", [people64, people32], ids=["64 px", "32 px"])
def test_a_label_of_several_words_means_just_that(tier) -> None:
    known = tier.vocabulary()
    for attribute, values in known["attributes"].items():
        for value in (value for value in values if " " in value and attribute != "race"):
            wish = parse_prompt(f"red {value}", known)
            assert wish.values == {attribute: (value,)} and not wish.unknown
            assert ("red",) in wish.colours.values(), value


@pytest.mark.parametrize(
    ("prompt", "attribute", "values"),
    [
        ("man, short hair", "hair", ("short",)),
        ("woman, crystal", "weapon", ("crystal",)),
        ("man, skull", "weapon", ("skull",)),
        ("man, cloak", "over", ("cloak", "wide cloak")),
        ("man, gilded tower shield", "shield", ("gilded tower shield",)),
    ],
)
def test_single_words_mean_the_thing_or_its_kinds(prompt, attribute, values) -> None:
    assert parse_prompt(prompt, people32.vocabulary()).values[attribute] == values


def test_helmets_and_beards_are_worn() -> None:
    made = look("old warden, blue shirt, grey beard, iron helmet", 3)
    assert made.values["headwear"] in ("bascinet open", "norman", "kettle helm", "morion")
    assert "beard" in made.values["beard"]


def test_unknown_words_are_listed_once_and_known_ones_are_not() -> None:
    wish = parse_prompt("a frobnicated wizard, blue robe and frobnicated boots of zorg", VOCABULARY)
    assert wish.unknown == ["frobnicated", "zorg"]


def test_an_open_choice_does_not_depend_on_other_words() -> None:
    first, second = look("woman", 9), look("woman, boots", 9)
    assert first.values["hair"] == second.values["hair"]
    assert second.values["feet"] == "boots"


def test_seeds_give_different_people() -> None:
    assert len({tuple(look("villager", seed).values.values()) for seed in range(12)}) >= 10


def test_items_without_a_slash_are_replaced_with_a_note() -> None:
    made = look("man, boots, overalls", 1, ("slash",))
    assert made.values["feet"] == "shoes"
    assert made.values["legs"] == "pants"
    assert any("boots" in note for note in made.notes)


def test_colours_that_a_slot_cannot_have_are_noted() -> None:
    made = look("woman with white eyes", 1)
    assert made.notes == ("no white eyes: another colour instead",)


def test_words_of_other_scripts_stay_whole_and_stray_accents_fall_off() -> None:
    assert parse_prompt("योद्धा, knight", VOCABULARY).unknown == ["योद्धा"]
    assert not parse_prompt("w\u0337\u0322i\u0334z\u0335ard", VOCABULARY).unknown


@pytest.mark.parametrize("prompt", ["", "   \n\t", "x" * (MAX_PROMPT + 1), "word " * 10_000])
def test_empty_and_endless_prompts_are_refused(prompt: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_prompt(prompt, VOCABULARY)
    assert caught.value.where == "prompt" and caught.value.remedy


def test_pictographs_are_read_by_their_names() -> None:
    wish = parse_prompt("🧙‍♂️ 👑 🫠", VOCABULARY)
    assert wish.values["headwear"] == ("crown",) and "beard" in wish.habits
    assert "melting" in wish.unknown


@pytest.mark.parametrize(
    "prompt", ["старый волшебник", "老巫师，蓝色长袍", "ساحر عجوز", "---", "42"]
)
def test_other_scripts_are_unknown_words_not_errors(prompt: str) -> None:
    wish = parse_prompt(prompt, VOCABULARY)
    assert not wish.values and not wish.colours
    choose_look(wish, VOCABULARY, 0, ("idle",))


@given(st.text(min_size=1, max_size=MAX_PROMPT))
@settings(max_examples=80, deadline=None)
def test_any_text_gives_a_whole_figure_or_a_clear_error(text: str) -> None:
    try:
        wish = parse_prompt(text, VOCABULARY)
    except UsageError:
        return
    made = choose_look(wish, VOCABULARY, 1, ("idle", "slash"))
    for attribute, value in made.values.items():
        assert value in VOCABULARY["attributes"][attribute]
    assert set(made.colours) >= {"skin", "hair", "torso", "legs", "feet", "metal"}


_TERMS = sorted({*lexicon.SYNONYMS, *lexicon.COLOUR_WORDS, *lexicon.label_words(VOCABULARY)})


@given(st.lists(st.sampled_from(_TERMS), min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_known_words_in_any_order_are_never_unknown(terms: list[str]) -> None:
    wish = parse_prompt(" ".join(terms), VOCABULARY)
    parts = {part for term in terms for part in lexicon.words(term)}
    assert not set(wish.unknown) - parts
    assert not set(wish.unknown) - lexicon.ADJECTIVES - {p for p in parts if p not in _TERMS}
    choose_look(wish, VOCABULARY, 0, ("idle",))


def test_a_long_prompt_is_read_in_no_time() -> None:
    started = time.process_time()
    parse_prompt("blue " * 190, VOCABULARY)
    assert time.process_time() - started < 2
