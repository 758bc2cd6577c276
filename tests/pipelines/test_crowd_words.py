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


def drawn(paintbox: Paintbox, random: np.random.Generator) -> np.ndarray:
    """Shares of a few colours and of the outline."""
    shares = random.dirichlet(np.full(len(paintbox.colours), 0.1))
    shares[0] = 0
    shares[paintbox.line] += 0.3 / paintbox.line.sum()
    return shares / shares.sum()


@pytest.mark.parametrize("wanted", ["blue", "red", "white", "green", "brown", "cyan", "yellow"])
@pytest.mark.parametrize("person", [True, False])
def test_a_figure_that_is_dyed_wears_the_colour_and_keeps_line_and_skin(paintbox, wanted, person):
    random = np.random.Generator(np.random.Philox(3))
    for _ in range(8):
        before = drawn(paintbox, random)
        shares = paintbox.dyed(before, wanted, person=person)
        assert shares.min() >= 0 and shares[0] == 0 and abs(shares.sum() - 1) < 1e-5
        body = np.where(paintbox.line | (paintbox.skin & person), 0, shares)
        worn = body[families(paintbox.colours) == FAMILIES.index(wanted)].sum()
        assert worn >= 0.5 * body.sum()
        assert shares[paintbox.line].sum() <= max(0.41, before[paintbox.line].sum() * 1.01)
        if person:
            assert np.all(shares[paintbox.skin] >= before[paintbox.skin] * 0.99)


def test_shades_stay_in_order_when_they_are_dyed(paintbox):
    family = families(paintbox.colours)
    reds = np.flatnonzero(family == FAMILIES.index("red"))
    shares = np.zeros(len(paintbox.colours))
    shares[reds] = 1 / len(reds)
    found = paintbox.dyed(shares, "green", person=False)
    used = np.flatnonzero(found)
    assert set(family[used]) == {FAMILIES.index("green")} and len(used) >= 2
    assert np.array_equal(paintbox.dyed(shares, "", person=False), shares.astype(np.float32))
    assert np.array_equal(paintbox.dyed(shares, "red", person=False), shares.astype(np.float32))


def test_a_figure_of_nothing_but_outline_gets_the_colour(paintbox):
    shares = np.where(paintbox.line, 1 / paintbox.line.sum(), 0)
    found = paintbox.dyed(shares, "blue", person=True)
    assert found[families(paintbox.colours) == FAMILIES.index("blue")].sum() > 0.5
