"""The paper doll as slots: cutting into materials, composing, held-out pairs; and prompts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size32.doll_layers import CLASSES, ORDER, cut, read_dolls
from aigc_assets.training.characters.size32.dolls import DollComposer
from aigc_assets.training.characters.words.prompt_words import (
    GROUPS,
    HELD_TEMPLATES,
    KINDS,
    TEMPLATES,
)
from aigc_assets.training.characters.words.prompts import Sentences, misspell
from aigc_assets.training.packing import pack, read
from tests.training.small_sources import write_doll, write_prompt


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    sources, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("packed")
    write_doll(sources)
    write_prompt(sources)
    pack(sources, out, ["doll", "prompt"])
    return out


def names_of(slots: np.ndarray) -> set[str]:
    return {CLASSES[number] for number in np.unique(slots)}


def test_a_layer_is_cut_by_hue_and_lightness() -> None:
    picture = np.zeros((4, 6, 4), np.uint8)
    picture[0] = (0, 0, 0, 255)
    picture[1] = (60, 0, 0, 255)
    picture[2] = (220, 30, 30, 255)
    picture[3] = (240, 220, 60, 255)
    slots, tones = cut(picture, ("torso", "trim"))
    assert names_of(slots[0]) == {"outline"}
    assert names_of(slots[1]) == {"torso 1"} and names_of(slots[2]) == {"torso 4"}
    assert names_of(slots[3]) == {"trim 3"}
    assert tones["torso"][3] == [220, 30, 30] and tones["trim"][2] == [240, 220, 60]
    one, _ = cut(picture, ("hair", "hair"))
    assert all(name.startswith(("hair", "outline")) for name in names_of(one))
    empty, none = cut(np.zeros((4, 4, 4), np.uint8), ("torso", "trim"))
    assert not empty.any() and none == {}


def test_a_doll_is_painted_in_order_and_tucks_its_hair(packed) -> None:
    data, info = read(packed, "doll")
    composer = DollComposer(data, info, "cpu")
    doll = torch.zeros(1, len(composer.names), dtype=torch.long)
    at, values = composer.at, composer.values
    bare = composer.paint(doll)[0].numpy()
    assert any(name.startswith(("skin", "hide")) for name in names_of(bare))
    doll[0, at["hair"]] = 3
    haired = composer.paint(doll)[0].numpy()
    assert any(name.startswith("hair") for name in names_of(haired))
    doll[0, at["headwear"]] = values["headwear"].index("great helmet")
    tucked = composer.paint(doll)[0].numpy()
    assert not any(name.startswith("hair") for name in names_of(tucked))
    doll[0, at["race"]] = values["race"].index("naga")
    doll[0, at["legs"]] = 2
    assert not any(n.startswith("legs") for n in names_of(composer.paint(doll)[0].numpy()))
    assert set(ORDER) == set(at) - {"body"}


def test_twins_share_only_what_no_label_says(packed) -> None:
    composer = DollComposer(*read(packed, "doll"), "cpu")
    dolls = composer.sample(64, torch.Generator().manual_seed(1))
    twins = composer.twin(dolls, torch.Generator().manual_seed(2))
    assert torch.equal(twins[:, composer.labelled :], dolls[:, composer.labelled :])
    assert not torch.equal(twins[:, : composer.labelled], dolls[:, : composer.labelled])
    held = composer.held_out(composer.sample(4000, torch.Generator().manual_seed(3)))
    assert 0.05 < held.float().mean() < 0.3


def test_missing_and_odd_pictures_are_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"human_f\.png"):
        read_dolls(tmp_path)
    path = tmp_path / "player" / "base" / "human_f.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="32x32"):
        read_dolls(tmp_path)


def test_training_never_composes_what_is_held_out(packed) -> None:
    _, info = read(packed, "prompt")
    sentences = Sentences(info)
    random = np.random.Generator(np.random.Philox(1))
    held = set(sentences.held_fillers)
    assert held and not held & set(sentences.fillers)
    assert not set(TEMPLATES) & set(HELD_TEMPLATES)
    drawn = [pair for _ in range(300) for pair in sentences.draw(random)[0]]
    assert not held & {word for word, _ in drawn}
    others = [pair for _ in range(300) for pair in sentences.draw(random, "phrase")[0]]
    assert held & {word for word, _ in others}
    forms = {w for words in sentences.forms.values() for w in words}
    assert all(word in forms or word in sentences.concepts for word, n in others if n)


def test_groups_cover_the_templates() -> None:
    for template in (*TEMPLATES, *HELD_TEMPLATES):
        kind, _, body = template.partition(": ")
        assert kind in KINDS
        blanks = [part.split("}")[0].rstrip("?") for part in body.split("{")[1:]]
        assert blanks and set(blanks) <= set(GROUPS)


def test_slips_change_a_word_a_little() -> None:
    random = np.random.Generator(np.random.Philox(2))
    assert misspell("axe", random) == "axe"
    for _ in range(200):
        slipped = misspell("alchemist", random)
        assert 6 <= len(slipped) <= 15 and slipped[0] in "al"
