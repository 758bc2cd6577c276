"""Who is in a crowd and in which colours, by the words of a prompt; figures get clear colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.colours.crowd_colours import Paintbox
from aigc_assets.pipelines.characters.words.crowd_words import not_drawn, read_groups
from aigc_assets.types.oklab import FAMILIES, families

CLASSES = ["person/villager", "person/mage", "person/warrior", "monster/undead",
           "monster/humanoid", "monster/skeleton", "monster/dragon"]  # fmt: skip
VILLAGER, MAGE, WARRIOR, UNDEAD, HUMANOID, SKELETON, DRAGON = range(len(CLASSES))


@pytest.mark.parametrize(
    ("prompt", "kind", "found"),
    [
        ("guards", "person", [((WARRIOR,), ())]),
        ("old wizards and a farmer", "person", [((MAGE,), ()), ((VILLAGER,), ())]),
        ("zombies", "monster", [((UNDEAD,), ())]),
        ("strangers", "person", [((VILLAGER, MAGE, WARRIOR), ())]),
        ("strangers in red", "person", [((VILLAGER, MAGE, WARRIOR), ("red",))]),
        ("blue goblins", "monster", [((HUMANOID,), ("blue",))]),
        ("red and blue goblins", "monster", [((HUMANOID,), ("red", "blue"))]),
        ("goblins in red and blue", "monster", [((HUMANOID,), ("red", "blue"))]),
        ("frost goblins", "monster", [((HUMANOID,), ("cyan",))]),
        ("crimson dragons and white skeletons", "monster",
         [((DRAGON,), ("red",)), ((SKELETON,), ("white",))]),
        ("witches, thieves", "person", [((MAGE,), ()), ((VILLAGER,), ())]),
    ],
)  # fmt: skip
def test_words_choose_classes_and_colours(prompt, kind, found):
    assert [tuple(group) for group in read_groups(prompt, kind, CLASSES)] == found


def test_words_that_choose_nothing_are_named():
    found = not_drawn("red wizards with a zorgle, guards and villagers", "person", CLASSES)
    assert found == ("not drawn for a crowd: zorgle",)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["person", "monster", "animal"]))
def test_any_text_gives_groups(prompt, kind):
    groups = read_groups(prompt, kind, CLASSES)
    assert groups and all(group.labels for group in groups)
    assert {label for group in groups for label in group.labels} <= set(range(len(CLASSES)))
    assert {colour for group in groups for colour in group.colours} <= set(FAMILIES)


@pytest.fixture(scope="module")
def paintbox() -> Paintbox:
    return Paintbox(np.array(read_card("crowd_gan")["vocabulary"]["colours"], np.uint8))


@pytest.mark.parametrize("wanted", ["", "blue", "red", "white", "black", "pink", "yellow"])
@pytest.mark.parametrize("person", [True, False])
def test_a_figure_has_a_line_and_ramps_of_clear_colours(paintbox, wanted, person):
    random = np.random.Generator(np.random.Philox(3))
    for _ in range(8):
        likely = random.dirichlet(np.full(len(paintbox.colours), 0.3))
        likely[0] = 0
        shares = paintbox.choose(likely, wanted, random.random(2), person=person)
        assert shares.min() >= 0 and shares[0] == 0 and abs(shares.sum() - 1) < 1e-5
        assert 0.15 < shares[paintbox.line].sum() or wanted == "black"
        assert (shares > 0.03).sum() <= 14
        if wanted and wanted not in ("black", "pink"):
            body = np.where(paintbox.line | paintbox.skin, 0, shares)
            count = np.bincount(families(paintbox.colours), body, minlength=len(FAMILIES))
            assert count.argmax() == FAMILIES.index(wanted)


def test_tones_of_a_ramp_go_from_dark_to_light(paintbox):
    for slot in range(1, len(paintbox.colours)):
        light = paintbox.lab[list(paintbox.ramp(slot)), 0]
        assert light[0] <= light[1] <= light[2] and light[2] - light[0] > 0.04


def test_the_expected_colour_is_chosen_as_often_as_expected(paintbox):
    likely = np.zeros(len(paintbox.colours))
    family = families(paintbox.colours)
    red, blue = (np.flatnonzero(family == FAMILIES.index(name))[1] for name in ("red", "blue"))
    likely[[red, blue]] = 0.75, 0.25
    random = np.random.Generator(np.random.Philox(5))
    first = [paintbox.choose(likely, "", random.random(2), person=False) for _ in range(200)]
    blues = np.mean([row[family == FAMILIES.index("blue")].sum() > 0.35 for row in first])
    assert 0.15 < blues < 0.35
