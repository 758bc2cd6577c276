"""What can be asked for: kinds from words, tiers, animations, and where a request is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aigc_assets.build.graph import plan
from aigc_assets.build.manifest import load_manifest, parse_manifest
from aigc_assets.build.world import World
from aigc_assets.errors import ManifestError, UsageError
from aigc_assets.pipelines import characters
from aigc_assets.pipelines.characters import KINDS, TIERS, CharacterRequest
from aigc_assets.pipelines.characters.words.kinds import kind_of


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("young alchemist, green cloak", "person"),
        ("knight with a sword and a shield", "person"),
        ("frost goblin archer", "monster"),
        ("skeleton warrior, rusty sword", "monster"),
        ("dragon slayer", "person"),
        ("monster hunter", "person"),
        ("fire sword", "item"),
        ("potion of healing", "item"),
        ("two wolves", "animal"),
        ("grey wolf", "animal"),
        ("slimes", "monster"),
        ("lightning bolt", "effect"),
        ("", ""),
        ("zzz qqq", ""),
    ],
)
def test_the_kind_is_read_from_the_words(prompt, kind) -> None:
    assert kind_of(prompt) == kind


def test_tiers_name_known_kinds_and_animations() -> None:
    for (size, kind), tier in TIERS.items():
        assert kind in KINDS and size in characters.SIZES
        assert set(tier.default) <= set(tier.animations) <= set(characters.ANIMATIONS)
        assert len(tier.default) >= 1


@pytest.mark.parametrize("prompt", ["", " \t ", "\u200b", "a" * 1001, "wiz\udcffard"])
def test_a_prompt_that_says_nothing_is_refused_at_once(prompt) -> None:
    with pytest.raises(UsageError) as caught:
        CharacterRequest(prompt)
    assert caught.value.where == "prompt"


def test_defaults_follow_the_tier() -> None:
    request = CharacterRequest("old wizard")
    assert (request.kind, request.animations) == ("person", ("idle", "walk"))
    assert request.guessed == ""


@pytest.mark.parametrize(
    ("arguments", "where", "says"),
    [
        ({"size": 48}, "size", "64"),
        ({"kind": "ship"}, "kind", "person"),
        ({"kind": "effect"}, "kind", "64 px"),
        ({"animations": ("fly",)}, "animations", "walk"),
    ],
)
def test_what_there_is_not_is_refused_with_the_offer(arguments, where, says) -> None:
    with pytest.raises(UsageError) as caught:
        CharacterRequest("wizard", **arguments)
    assert caught.value.where == where
    assert says in str(caught.value)


def document(**keys):
    return {
        "pack": {"name": "p", "seed": 3},
        "character": [{"id": "mira", "prompt": "wizard", **keys}],
        "export": {"targets": ["web"]},
    }


def test_variations_are_numbered_and_seeded_apart() -> None:
    nodes = plan(parse_manifest(document(variations=3)))
    assert list(nodes) == ["mira_1", "mira_2", "mira_3"]
    assert len({node.seed for node in nodes.values()}) == 3
    nodes = plan(parse_manifest(document(variations=3, seed=5)))
    assert [node.seed for node in nodes.values()] == [5, 6, 7]
    assert list(plan(parse_manifest(document()))) == ["mira"]


def test_a_manifest_names_a_picture_beside_it(tmp_path) -> None:
    image = np.zeros((20, 10, 4), np.uint8)
    image[4:, 2:8] = (10, 200, 30, 255)
    (tmp_path / "hero.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    text = (
        '[pack]\nname = "p"\n[[character]]\nid = "mira"\nprompt = "wizard"\nlike = "hero.png"\n'
        '[export]\ntargets = ["web"]\n'
    )
    (tmp_path / "pack.toml").write_text(text)
    manifest, _ = load_manifest(tmp_path / "pack.toml")
    like = plan(manifest)["mira"].request["like"]
    back = characters.Reference.from_json(like)
    assert back.name == "hero.png" and back.picture.shape == (20, 10, 4)
    assert tuple(back.picture[10, 5]) == (30, 200, 10, 255)
    (tmp_path / "pack.toml").write_text(text.replace("hero.png", "no.png"))
    with pytest.raises(ManifestError, match=r'key "like".*no\.png'):
        load_manifest(tmp_path / "pack.toml")


def test_a_manifest_is_refused_where_the_key_stands() -> None:
    for keys, key in (({"kind": "item"}, "kind"), ({"animations": []}, "animations"),
                      ({"like": 3}, "like"), ({"variations": 0}, "variations")):  # fmt: skip
        with pytest.raises(ManifestError) as caught:
            parse_manifest(document(**keys))
        assert f'key "{key}"' in str(caught.value)


def test_a_world_counts_its_variations() -> None:
    with pytest.raises(UsageError, match="variations"):
        World(seed=1).variations("mira", "wizard", 65)
