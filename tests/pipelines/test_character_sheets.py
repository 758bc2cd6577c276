"""Drawn characters: layout, colours, determinism, and that the prompt shows in the picture."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.metrics import animations, sprites
from aigc_assets.pipelines import characters
from aigc_assets.pipelines.characters import CharacterRequest, generate_character
from aigc_assets.pipelines.characters.colours import ramps as colours
from aigc_assets.pipelines.characters.size64 import people64
from aigc_assets.pipelines.palettes import make_palette, to_oklab
from aigc_assets.types import dump

PALETTE = make_palette(32, 7)
PROMPT = "young alchemist woman, green cloak, brown hair"
VOCABULARY = people64.vocabulary()


@pytest.fixture(scope="module")
def made():
    return generate_character(CharacterRequest(PROMPT), PALETTE, 11)


def test_tags_frames_pivots_and_durations(made) -> None:
    sheet = made.asset
    names = [f"{a}_{d}" for a in ("idle", "walk") for d in ("down", "up", "left", "right")]
    assert [tag.name for tag in sheet.tags] == names
    assert [tag.stop - tag.start for tag in sheet.tags] == [3] * 4 + [8] * 4
    for row, tag in enumerate(sheet.tags):
        for column, frame in enumerate(sheet.frames[tag.start : tag.stop]):
            assert frame.rect == (64 * column, 64 * row, 64, 64)
            assert frame.pivot == (32, 61)
            assert frame.duration_ms == (300 if tag.name.startswith("idle") else 100)


def test_sheet_is_clean(made) -> None:
    sheet = made.asset
    assert sprites.palette_leaks(sheet, PALETTE) == 0
    assert sprites.alpha_errors(sheet) == 0
    assert sprites.stray_pixels(sheet) == 0
    assert sprites.foreign_colours(sheet) == 0
    packed = {tuple(colour) for colour in PALETTE.tolist()}
    assert {tuple(colour) for colour in sheet.palette.tolist()} <= packed
    used = {tuple(c) for c in sheet.image[sheet.image[..., 3] > 0][:, :3].tolist()}
    assert used == {tuple(colour) for colour in sheet.palette.tolist()}
    assert len(used) >= 8


def test_every_frame_shows_a_figure_that_stands_on_the_pivot(made) -> None:
    sheet = made.asset
    for i, frame in enumerate(sheet.frames):
        opaque = sheet.frame_image(i)[..., 3] > 0
        assert 500 < opaque.sum() < 1600
        columns = np.flatnonzero(opaque.any(0))
        assert abs((columns[0] + columns[-1]) / 2 - frame.pivot[0]) < 8
    for tag in sheet.tags:
        assert sprites.feet_off_pivot(sheet, tag.name) <= 1.5


def test_walks_move_close_and_differ_by_direction(made) -> None:
    sheet = made.asset
    for direction in ("down", "up", "left", "right"):
        assert 0 < sprites.loop_seam(sheet, f"walk_{direction}") <= 1
    first = {d: sheet.frame_image(sheet.tag(f"walk_{d}").start).tobytes()
             for d in ("down", "up", "left", "right")}  # fmt: skip
    assert len(set(first.values())) == 4


def test_facings_keep_step(made) -> None:
    sheet = made.asset

    def spread(direction: str) -> list[int]:
        """Changed pixels from each frame to that half a cycle later, at the feet."""
        tag = sheet.tag(f"walk_{direction}")
        feet = [sheet.frame_image(i)[54:, :, 3] > 0 for i in range(tag.start, tag.stop)]
        return [int((a != b).sum()) for a, b in zip(feet, feet[4:] + feet[:4], strict=True)]

    front, side = spread("down"), spread("left")
    apart = [int(np.argmax(front[:4])), int(np.argmax(side[:4]))]
    assert apart[0] == apart[1], (front, side)


def test_heads_are_the_same_pixels_in_every_frame(made) -> None:
    sheet = made.asset
    for tag in sheet.tags:
        if tag.name.startswith("walk"):
            assert animations.head_flicker(sheet, tag.name) <= 0.004, tag.name
        heads = {_top(sheet.frame_image(i), 15).tobytes() for i in range(tag.start, tag.stop)}
        assert len(heads) == 1, tag.name


def _top(frame: np.ndarray, rows: int) -> np.ndarray:
    first = int(np.flatnonzero((frame[..., 3] > 0).any(1))[0])
    return np.ascontiguousarray(frame[first : first + rows])


def test_the_prompt_shows(made) -> None:
    sheet = made.asset
    back = sheet.frame_image(sheet.tag("idle_up").start)
    lab = to_oklab(back[back[..., 3] > 0][:, :3])
    green = (lab[:, 1] < -0.04) & (lab[:, 2] > 0.01)
    assert green.mean() > 0.25  # the cloak covers the back
    assert made.provenance.notes == ()
    assert made.provenance.model == "character_cvae"
    assert made.provenance.attributions and "OGA-BY-3.0" in made.provenance.licences
    assert made.provenance.request["prompt"] == PROMPT


def test_same_request_same_bytes_other_seed_other_figure(made) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        again = generate_character(CharacterRequest(PROMPT), PALETTE, 11)
    finally:
        torch.set_num_threads(before)
    assert dump(again.asset) == dump(made.asset)
    other = generate_character(CharacterRequest(PROMPT, ("idle",)), PALETTE, 12)
    assert dump(other.asset) != dump(made.asset)


def test_same_bytes_in_another_process_with_other_threads(made) -> None:
    code = (
        "import hashlib, torch; torch.set_num_threads(2);"
        "from aigc_assets.pipelines.characters import *;"
        "from aigc_assets.pipelines.palettes import make_palette;"
        "from aigc_assets.types import dump;"
        f"made = generate_character(CharacterRequest({PROMPT!r}), make_palette(32, 7), 11);"
        "print(hashlib.sha256(dump(made.asset)).hexdigest())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == hashlib.sha256(dump(made.asset)).hexdigest()


def test_all_animations_are_drawn() -> None:
    made = generate_character(
        CharacterRequest("knight, boots", ("run", "jump", "sit", "attack")), PALETTE, 1
    )
    sheet = made.asset
    assert sheet.tags[-1].name == "attack_right"
    counts = {tag.name.split("_")[0]: tag.stop - tag.start for tag in sheet.tags}
    assert counts == {"run": 8, "jump": 6, "sit": 1, "attack": 7}
    assert "no boots in the slash animation: shoes instead" in made.provenance.notes
    assert sprites.foreign_colours(sheet) == 0


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"size": 48}, "size"),
        ({"animations": ("idle", "fly")}, "animations"),
        ({"animations": ()}, "animations"),
        ({"animations": ("idle", "idle")}, "animations"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_offer(arguments, where) -> None:
    with pytest.raises(UsageError) as caught:
        CharacterRequest("wizard", **arguments)
    assert caught.value.where == where
    if arguments.get("animations") == ("idle", "fly"):
        assert "walk" in str(caught.value)


def test_a_palette_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError):
        generate_character(CharacterRequest("wizard"), PALETTE[:1], 0)


def test_unknown_words_are_in_the_notes() -> None:
    notes = generate_character(CharacterRequest("zorg wizard", ("idle",)), PALETTE, 0)[1].notes
    assert "unknown word: zorg" in notes


palettes = st.lists(
    st.tuples(*[st.integers(0, 255)] * 3), min_size=2, max_size=48, unique=True
).map(lambda c: np.array(c, dtype=np.uint8))


@given(palettes, st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_any_palette_contains_the_sheet(palette, seed) -> None:
    sheet = generate_character(CharacterRequest("old king", ("idle",)), palette, seed).asset
    assert sprites.palette_leaks(sheet, palette) == 0


@given(palettes, st.sampled_from(sorted(VOCABULARY["colours"]["cloth"])))
@settings(max_examples=60, deadline=None)
def test_fitted_ramps_never_get_darker(palette, name) -> None:
    tones = np.array(VOCABULARY["colours"]["cloth"][name], dtype=np.uint8)
    chosen = colours.fit_ramp(palette, tones)
    light = to_oklab(palette[chosen])[:, 0]
    assert (np.diff(light) >= -1e-12).all()
    again = colours.fit_ramp(palette[::-1], tones)
    assert np.allclose(to_oklab(palette[::-1][again])[:, 0], light)


def test_a_rich_palette_keeps_shades_apart() -> None:
    tones = np.array(VOCABULARY["colours"]["cloth"]["green"], dtype=np.uint8)
    assert len(set(colours.fit_ramp(tones, tones).tolist())) == 6
    assert len(set(colours.fit_ramp(PALETTE, tones).tolist())) >= 4


def test_sizes_and_animations_are_what_the_card_says() -> None:
    assert 64 in characters.SIZES
    there = characters.TIERS[64, "person"].animations
    assert set(VOCABULARY["actions"]) == set(there) - {"attack"}
