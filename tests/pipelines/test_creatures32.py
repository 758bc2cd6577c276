"""Monsters, animals, items and effects at 32 px."""

from __future__ import annotations

import time

import numpy as np
import pytest

from aigc_assets.metrics.sprites import feet_off_pivot, foreign_colours
from aigc_assets.pipelines.characters import CharacterRequest, generate_character
from aigc_assets.pipelines.characters.colours.index_colours import (
    onto_palette,
    wear,
    without_specks,
)
from aigc_assets.pipelines.characters.size32.creatures32 import read_words
from aigc_assets.pipelines.characters.size32.idle import breathe, second_frame
from aigc_assets.pipelines.characters.words.creature_words import LIKE
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import SpriteSheet
from aigc_assets.types.oklab import FAMILIES, families, to_oklab

PALETTE = make_palette(32, 3)
KINDS = ("monster", "animal", "item", "effect")


def draw(prompt: str, kind: str, seed: int = 1, palette: np.ndarray = PALETTE) -> SpriteSheet:
    made = generate_character(CharacterRequest(prompt, size=32, kind=kind), palette, seed)
    assert isinstance(made.asset, SpriteSheet)
    return made.asset


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [("green dragon", "monster"), ("brown bear", "animal"), ("sword", "item"), ("fire", "effect")],
)
def test_a_sheet_keeps_its_promises(prompt: str, kind: str) -> None:
    sheet = draw(prompt, kind)
    assert sheet.image.shape == (32, 64, 4)
    assert [tag.name for tag in sheet.tags] == ["idle"]
    assert len({frame.pivot for frame in sheet.frames}) == 1
    assert foreign_colours(sheet) == 0
    assert feet_off_pivot(sheet, "idle") == 0
    mine = {tuple(c) for c in sheet.image[sheet.image[..., 3] > 0][:, :3].tolist()}
    assert mine <= {tuple(c) for c in PALETTE.tolist()}
    assert 40 < (sheet.frame_image(0)[..., 3] > 0).sum() < 1000
    assert (sheet.frame_image(0) != sheet.frame_image(1)).any()


def test_the_same_request_gives_the_same_bytes_and_another_seed_another_picture() -> None:
    first = draw("orc", "monster", 5)
    assert first.image.tobytes() == draw("orc", "monster", 5).image.tobytes()
    assert first.image.tobytes() != draw("orc", "monster", 6).image.tobytes()


@pytest.mark.parametrize("colour", ["red", "green", "purple", "white"])
def test_the_colour_of_the_prompt_covers_much_of_the_figure(colour: str) -> None:
    rich = make_palette(64, 0)
    sheet = draw(f"{colour} slime", "monster", 2, rich)
    drawn = sheet.frame_image(0)
    named = families(drawn[drawn[..., 3] > 0][:, :3])
    body = named[named != 0]
    assert (body == FAMILIES.index(colour)).mean() > 0.25


def test_one_picture_takes_at_most_half_a_second() -> None:
    draw("skeleton", "monster", 0)
    times = []
    for seed in range(3):
        start = time.process_time()  # of this process alone: others may be busy
        draw("skeleton", "monster", seed)
        times.append(time.process_time() - start)
    assert min(times) < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_words_nobody_knows_are_named_and_drawing_goes_on(kind: str) -> None:
    made = generate_character(CharacterRequest("zxqv", size=32, kind=kind), PALETTE, 0)
    assert "unknown word: zxqv" in made.provenance.notes


def test_words_become_labels() -> None:
    from aigc_assets.models.cards import read_card

    config = read_card("sprite_maskgit")["config"]
    told = read_words("frost wyverns", "monster")
    assert config["subclasses"][told.wish.subclass] == "dragon"
    assert told.colour == "cyan"
    told = read_words("golden axe", "item")
    assert config["subclasses"][told.wish.subclass] == "weapon"
    assert config["words"].index("axe") in told.wish.words
    assert told.colour == "yellow"


@pytest.mark.parametrize(
    ("prompt", "kind", "named", "usual"),
    [("goblin", "monster", "kobold", "green"), ("wolf", "animal", "jackal", "grey"),
     ("slimes", "monster", "ooze", "green"), ("ghost", "monster", "phantom", "white")],
)  # fmt: skip
def test_a_thing_is_drawn_from_what_is_like_it_in_its_usual_colour(
    prompt: str, kind: str, named: str, usual: str
) -> None:
    from aigc_assets.models.cards import read_card

    names = read_card("sprite_maskgit")["config"]["words"]
    told = read_words(prompt, kind)
    assert named in [names[i] for i in told.wish.names]
    assert (told.colour, told.usual) == ("", usual)
    assert read_words(f"red {prompt}", kind).colour == "red"


def test_every_like_word_names_a_picture() -> None:
    from aigc_assets.models.cards import read_card

    known = set(read_card("sprite_maskgit")["config"]["words"])
    assert [word for word, names in LIKE.items() if not known & set(names.split())] == []


def blob() -> np.ndarray:
    y, x = np.mgrid[:32, :32]
    index = np.zeros((32, 32), np.uint8)
    for size, value in ((130, 1), (100, 2), (40, 3)):
        index[(x - 15.5) ** 2 + (y - 20) ** 2 < size] = value
    return index


def test_specks_and_holes_go_and_the_figure_stays() -> None:
    index = blob()
    dirty = index.copy()
    dirty[2, 2], dirty[20, 15] = 2, 0
    assert (without_specks(dirty) == index).all()
    assert (without_specks(index) == index).all()


@pytest.mark.parametrize("wanted", FAMILIES)
def test_a_recolour_is_of_the_wanted_family_and_keeps_the_shading(wanted: str) -> None:
    colours = np.array([[0, 0, 0], [4, 4, 6], [120, 40, 30], [220, 90, 70]], np.uint8)
    worn = wear(colours, blob(), wanted)
    assert (worn[1] == colours[1]).all()
    named = [FAMILIES[i] for i in families(worn[2:])]
    assert wanted in named
    assert np.diff(to_oklab(worn[2:])[:, 0])[0] > 0


@pytest.mark.parametrize("count", [2, 8, 24, 64])
def test_a_palette_takes_the_figure_and_keeps_light_and_dark(count: int) -> None:
    palette = make_palette(count, 1) if count >= 8 else np.array([[0, 0, 0], [255, 255, 255]],
                                                                np.uint8)  # fmt: skip
    colours = np.array([[0, 0, 0], [4, 4, 6], [90, 20, 20], [160, 50, 40], [230, 120, 90],
                        [30, 60, 30], [70, 140, 70]], np.uint8)  # fmt: skip
    table = onto_palette(colours, np.arange(1, 7), palette)
    light = to_oklab(palette)[:, 0][table]
    assert light[2] <= light[3] <= light[4]
    assert light[5] <= light[6]
    assert light[1] == to_oklab(palette)[:, 0].min()


def test_breathing_moves_what_is_above_and_leaves_the_feet() -> None:
    index = blob()
    figure = np.where(index > 0, index.astype(np.intp), -1)
    moved = breathe(figure)
    rows = np.flatnonzero((figure >= 0).any(1))
    low = np.flatnonzero((moved >= 0).any(1))
    assert low[0] == rows[0] + 1
    assert low[-1] == rows[-1]
    assert (moved[-6:] == figure[-6:]).all()
    assert (moved[rows[0] + 1 : rows[0] + 8] == figure[rows[0] : rows[0] + 7]).all()


@pytest.mark.parametrize("kind", ["item", "effect"])
def test_light_frames_stay_in_the_colours_and_outline_of_the_first(kind: str) -> None:
    index = blob()
    figure = np.where(index > 0, index.astype(np.intp), -1)
    palette = np.array([[0, 0, 0], [10, 8, 12], [120, 40, 30], [220, 90, 70]], np.uint8)
    other = second_frame(figure, palette, kind)
    assert ((other >= 0) == (figure >= 0)).all()
    assert set(np.unique(other)) <= set(np.unique(figure))
    assert (other != figure).any()
    light = to_oklab(palette)[:, 0]
    assert (light[other[figure >= 0]] >= light[figure[figure >= 0]]).all()
