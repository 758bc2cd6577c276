"""16 px creatures that are drawn by a plan: views, poses, eyes, variety, originality."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.errors import UsageError
from aigc_assets.metrics import sprites
from aigc_assets.pipelines.characters import CharacterRequest, generate_character, neighbours
from aigc_assets.pipelines.characters.size16 import beasts16, natural_colours, species
from aigc_assets.pipelines.characters.size16.quadrupeds import Pose
from aigc_assets.pipelines.characters.size16.species import SPECIES
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import SpriteSheet
from aigc_assets.types.sprite import DIRECTIONS

PALETTE = make_palette(32, 3)


@pytest.mark.parametrize("name", list(SPECIES))
def test_every_species_stands_whole_and_closed_in_every_view(name: str):
    for seed in range(3):
        plan = species.plan_of(name, seed)
        views = {side: species.draw(plan, side, Pose()) for side in DIRECTIONS}
        for frame in views.values():
            assert frame.shape == (16, 16)
            assert frame[15].any()
            assert 40 <= np.count_nonzero(frame) <= 225
        np.testing.assert_array_equal(views["left"], views["right"][:, ::-1])
        assert (views["down"] != views["up"]).any(), "from behind there is no face"
        shut = species.draw(plan, "left", Pose(shut=True))
        assert (shut != views["left"]).any(), "it has eyes that close"
        assert (species.draw(plan, "left", Pose(step=1)) != views["left"]).any()


def test_a_species_is_found_by_its_words():
    dog = species.species_of(["brown", "dogs"])
    assert dog is not None
    assert dog.startswith("dog")
    assert species.species_of(["slime"]) is None
    assert set().union(*(text.split() for text in SPECIES)) == species.known_words()


def test_the_seed_changes_a_plan_and_nothing_else_does():
    name = species.species_of(["cat"])
    assert name is not None
    assert species.plan_of(name, 5) == species.plan_of(name, 5)
    drawn = {species.draw(species.plan_of(name, seed), "left", Pose()).tobytes()
             for seed in range(12)}  # fmt: skip
    assert len(drawn) > 5


@pytest.mark.parametrize(("kind", "prompt"), [("animal", "grey wolf"), ("monster", "red dragon")])
def test_what_is_drawn_by_rule_says_so_and_is_no_copy(kind: str, prompt: str):
    known = neighbours.known_pictures(beasts16.MODEL)
    assert known is not None
    for seed in range(3):
        made = generate_character(CharacterRequest(prompt, size=16, kind=kind, generator="plans"),
                                  PALETTE, seed)  # fmt: skip
        sheet = made.asset
        assert isinstance(sheet, SpriteSheet)
        assert made.provenance.weights_sha256 == ""
        assert "no network took part" in " ".join(made.provenance.notes)
        first = sheet.tag("idle_left").start
        assert known.pictures.nearest(sheet.frame_image(first)[None])[0][0] >= known.limit
        assert sprites.foreign_colours(sheet) == 0
        assert sprites.palette_leaks(sheet, PALETTE) == 0


@pytest.mark.parametrize("word", sorted(species.known_words()))
def test_no_word_that_a_plan_draws_is_called_unknown(word: str):
    request = CharacterRequest(word, size=16, kind="monster", generator="plans")
    notes = generate_character(request, PALETTE, 1).provenance.notes
    assert not [note for note in notes if note.startswith("unknown word")]


def test_networks_draw_unless_plans_are_asked_for():
    made = generate_character(CharacterRequest("grey wolf", size=16, kind="animal"), PALETTE, 1)
    assert made.provenance.weights_sha256


@pytest.mark.parametrize(
    ("prompt", "size", "generator", "where"),
    [("slime", 16, "plans", "prompt"), ("wolf", 32, "plans", "generator"),
     ("wolf", 16, "gan", "generator")],
)  # fmt: skip
def test_what_no_plan_draws_is_refused(prompt: str, size: int, generator: str, where: str):
    with pytest.raises(UsageError) as caught:
        request = CharacterRequest(prompt, size=size, kind="monster", generator=generator)
        generate_character(request, PALETTE, 1)
    assert caught.value.where == where
    assert caught.value.remedy


def test_there_are_no_plans_of_people():
    with pytest.raises(UsageError, match="'person'"):
        CharacterRequest("old wizard", size=16, generator="plans")


def test_species_have_colours_of_their_own():
    plain = [text.split()[0] for text in SPECIES if natural_colours.usual(text.split()) is None]
    assert plain == []
