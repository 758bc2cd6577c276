"""What is made of a finished sheet: colours, sizes, light maps, crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters import CharacterRequest, generate_character
from aigc_assets.pipelines.characters.variants import (
    DATA,
    VARIANTS,
    check_variant,
    light_maps,
    make_variant,
    variant_sheet,
)
from aigc_assets.pipelines.characters.variants.crops import portrait, shadow
from aigc_assets.pipelines.characters.variants.doubling import doubled
from aigc_assets.pipelines.characters.variants.frames import packed, palette_index
from aigc_assets.pipelines.characters.variants.light_maps import emission, normal_map
from aigc_assets.pipelines.characters.variants.recolour import (
    TEAMS,
    clothing_ramp,
    ramps_of,
    team_colours,
)
from aigc_assets.pipelines.palettes import from_oklab, make_palette, to_oklab
from aigc_assets.types import Frame, SpriteSheet, Tag

INK, PALE, SKIN, HAIR = (22, 18, 26), (250, 246, 240), (226, 160, 118), (122, 62, 30)
REDS = ((110, 18, 22), (168, 34, 36), (214, 70, 60))
EYE, FLAME = (40, 220, 90), (255, 196, 40)
PALETTE = np.array([INK, PALE, SKIN, HAIR, *REDS, EYE, FLAME], dtype=np.uint8)
PACK = make_palette(32, 3)


def figure(step: int, lift: int = 0) -> np.ndarray:
    """A person of 32 px: hair, face with an eye, red shirt of three shades, dark legs."""
    picture = np.zeros((32, 32, 4), dtype=np.uint8)

    def box(top: int, bottom: int, left: int, right: int, colour: tuple[int, ...]) -> None:
        picture[top - lift : bottom - lift, left:right] = (*colour, 255)

    box(2, 14, 9, 23, INK)
    box(3, 7, 10, 22, HAIR)
    box(7, 13, 11, 21, SKIN)
    box(8, 9, 13, 14, EYE)
    box(14, 24, 8, 24, INK)
    box(14, 23, 9, 23, REDS[0])
    box(14, 22, 10, 21, REDS[1])
    box(15, 19, 11, 15, REDS[2])
    box(24, 30, 11, 15, INK)
    box(24, 30 - step, 17, 21, INK)
    return picture


def person() -> SpriteSheet:
    """Idle down and up with two frames each, and a jump."""
    pictures = [figure(0), figure(1), figure(0)[:, ::-1], figure(1)[:, ::-1], figure(0, 2)]
    frames = tuple(Frame((32 * i, 0, 32, 32), 100, (16, 30)) for i in range(5))
    tags = (Tag("idle_down", 0, 2), Tag("idle_up", 2, 4), Tag("jump", 4, 5))
    return SpriteSheet(np.concatenate(pictures, axis=1), frames, tags, PALETTE)


@st.composite
def scribbles(draw) -> SpriteSheet:
    """Any pixels in up to nine colours, two frames of unequal size."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(2, 10))
    codes = draw(hnp.arrays(np.int64, (height, width), elements=st.integers(-3, 8)))
    image = np.zeros((height, width, 4), dtype=np.uint8)
    image[codes >= 0, :3] = PALETTE[codes[codes >= 0]]
    image[codes >= 0, 3] = 255
    split = draw(st.integers(1, width - 1))
    frames = (
        Frame((0, 0, split, height), 100, (split // 2, height - 1)),
        Frame((split, 0, width - split, height), 70, (0, 0)),
    )
    return SpriteSheet(image, frames, (), PALETTE)


@pytest.mark.parametrize("name", VARIANTS)
@settings(max_examples=6, deadline=None)
@given(sheet=scribbles())
def test_any_sheet_has_every_variant_or_a_clear_error(name, sheet):
    try:
        made = variant_sheet(sheet, name, PACK)
    except UsageError as error:
        assert name == "portrait" and "empty" in error.message
        return
    scale = 2 if name.startswith("2x") else 1
    assert made.image.shape[2] == 4
    if name != "portrait":
        assert made.tags == sheet.tags
        for old, new in zip(sheet.frames, made.frames, strict=True):
            assert new.rect == tuple(scale * side for side in old.rect)
            assert new.pivot == tuple(scale * side for side in old.pivot)
            assert new.duration_ms == old.duration_ms
    again = variant_sheet(sheet, name, PACK)
    np.testing.assert_array_equal(made.image, again.image)
    if name.startswith(("team_", "damage", "freeze")):
        np.testing.assert_array_equal(made.image[..., 3], sheet.image[..., 3])
        allowed = {*packed(PACK).tolist(), *packed(sheet.palette).tolist()}
        assert set(packed(made.palette).tolist()) <= allowed


@pytest.mark.parametrize("name", ["team_blue", "damage", "freeze"])
def test_new_colours_are_those_of_the_pack(name):
    sheet = person()
    made = variant_sheet(sheet, name, PACK)
    new = np.setdiff1d(packed(made.palette), packed(sheet.palette))
    assert len(new) > 0 and set(new.tolist()) <= set(packed(PACK).tolist())


def test_the_clothes_are_found_and_nothing_else():
    sheet = person()
    ramp = clothing_ramp(sheet)
    assert ramp is not None and not ramp.grey
    assert [tuple(c) for c in sheet.palette[ramp.colours].tolist()] == list(REDS)


@pytest.mark.parametrize("team", TEAMS)
def test_a_team_wears_its_colour_shade_for_shade(team):
    sheet = person()
    made = team_colours(sheet, team)
    changed = (made.image != sheet.image).any(axis=2)
    red = np.isin(packed(sheet.image[..., :3]), packed(np.array(REDS, dtype=np.uint8)))
    assert not (changed & ~red).any()
    shades = []
    for colour in REDS:
        where = (sheet.image[..., :3] == colour).all(axis=2)
        (worn,) = np.unique(made.image[where][:, :3], axis=0)
        shades.append(to_oklab(worn))
    assert shades[0][0] < shades[1][0] < shades[2][0], "light stays lighter than dark"
    hue, chroma = TEAMS[team]
    a, b = shades[1][1:]
    if chroma > 0.05:
        turn = abs((np.degrees(np.arctan2(b, a)) - hue + 180) % 360 - 180)
        assert turn < 12 and np.hypot(a, b) > 0.05
    else:
        assert np.hypot(a, b) < 0.02


def test_red_skin_and_brown_hair_are_different_ramps():
    ramps = [{tuple(c) for c in PALETTE[r.colours].tolist()} for r in ramps_of(PALETTE)]
    assert set(REDS) in ramps
    assert sum(len(r) for r in ramps) == len(PALETTE) - 1, "all but the outline"


@pytest.mark.parametrize(("name", "hue"), [("damage", 25), ("freeze", 240)])
def test_tints_keep_outlines_and_the_order_of_tones(name, hue):
    sheet = person()
    made = variant_sheet(sheet, name)
    index = palette_index(sheet)
    np.testing.assert_array_equal(
        made.image[index == 0][:, :3], np.tile(INK, ((index == 0).sum(), 1))
    )
    tones = []
    for number in np.argsort(to_oklab(PALETTE)[:, 0])[1:]:
        if (index == number).any():
            (colour,) = np.unique(made.image[index == number][:, :3], axis=0)
            tones.append(to_oklab(colour))
    lights = [float(tone[0]) for tone in tones]
    assert lights == sorted(lights) and lights[-1] - lights[0] > 0.4
    a, b = np.sum([tone[1:] for tone in tones], axis=0)
    assert abs((np.degrees(np.arctan2(b, a)) - hue + 180) % 360 - 180) < 15


@pytest.mark.parametrize("name", ["2x", "2x_epx"])
@settings(max_examples=20, deadline=None)
@given(sheet=scribbles())
def test_doubling_only_copies_what_is_near(name, sheet):
    made = variant_sheet(sheet, name)
    for index in range(len(sheet.frames)):
        small, large = sheet.frame_image(index), made.frame_image(index)
        around = np.pad(small, ((1, 1), (1, 1), (0, 0)))
        for y in range(large.shape[0]):
            for x in range(large.shape[1]):
                near = around[y // 2 : y // 2 + 3, x // 2 : x // 2 + 3].reshape(-1, 4)
                assert (near == large[y, x]).all(axis=1).any()
        if name == "2x":
            mine, theirs = ({tuple(c) for c in p[p[..., 3] > 0].tolist()} for p in (small, large))
            assert mine == theirs, "no colour is lost either"


def test_epx_rounds_a_corner_and_keeps_a_block():
    image = np.zeros((3, 3, 4), dtype=np.uint8)
    image[1:, 1:] = (*PALE, 255)
    sheet = SpriteSheet(image, (Frame((0, 0, 3, 3), 10, (1, 2)),), (), PALETTE)
    large = variant_sheet(sheet, "2x_epx").image[..., 3] > 0
    wanted = np.zeros((6, 6), dtype=bool)
    wanted[2:, 2:] = True
    # Above and to the left of the block all is empty, and so it is outside of the frame.
    wanted[[2, 2, 5, 5], [2, 5, 2, 5]] = False
    np.testing.assert_array_equal(large, wanted)


def test_the_network_smooths_what_the_rule_leaves_jagged():
    """A slope drawn at twice the size, halved, doubled: fewer px differ than by EPX."""
    y, x = np.mgrid[:48, :48]
    disc = np.hypot(y - 24, x - 24)
    truth = np.zeros((48, 48, 4), dtype=np.uint8)
    truth[disc < 21] = (*INK, 255)
    truth[disc < 20] = (*REDS[1], 255)
    blocks = truth.reshape(24, 2, 24, 2, 4)[:, 0, :, 0]
    sheet = SpriteSheet(blocks, (Frame((0, 0, 24, 24), 10, (12, 20)),), (), PALETTE)
    wrong = {
        name: int((variant_sheet(sheet, name).image != truth).any(axis=2).sum())
        for name in ("2x", "2x_epx")
    }
    assert wrong["2x"] < wrong["2x_epx"]


def test_doubling_does_not_depend_on_threads_or_on_other_frames():
    sheet = person()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = doubled(sheet).image
        torch.set_num_threads(1)
        np.testing.assert_array_equal(doubled(sheet).image, two)
    finally:
        torch.set_num_threads(before)
    # A frame that moves by whole pixels is doubled in the same way.
    np.testing.assert_array_equal(
        two[: 2 * 26, 256:], np.pad(two[4:, :64], ((0, 4), (0, 0), (0, 0)))[: 2 * 26]
    )


def test_normals_are_of_unit_length_flat_outside_and_round():
    sheet = person()
    colours = normal_map(sheet)
    normals = colours.astype(np.float64) / 127.5 - 1
    length = np.linalg.norm(normals, axis=2)
    assert np.abs(length - 1).max() < 0.015 and (normals[..., 2] > 0).all()
    empty = sheet.image[..., 3] == 0
    assert (colours[empty] == (128, 128, 255)).all()
    # Green up: the upper rim looks up, the lower one down; the left one to the left.
    assert normals[3, 13:19, 1].min() > 0.3 and normals[22, 10:22, 1].max() < 0.1
    assert normals[16:20, 8, 0].max() < -0.3 and normals[16:20, 23, 0].min() > 0.3
    # A lamp that goes round lights the side it stands on.
    for angle in np.arange(8) * np.pi / 4:
        lamp = np.array([np.cos(angle), np.sin(angle), 0.5])
        lit = (normals @ lamp)[:, :32]
        y, x = np.mgrid[:32, :32]
        side = (x - 15.5) * lamp[0] - (y - 15.5) * lamp[1]
        inside = ~empty[:, :32]
        assert lit[inside & (side > 4)].mean() > lit[inside & (side < -4)].mean() + 0.15


def test_normals_turn_with_the_green_direction():
    sheet = person()
    up, down = normal_map(sheet), normal_map(sheet, green_down=True)
    np.testing.assert_array_equal(up[..., [0, 2]], down[..., [0, 2]])
    assert np.abs(up[..., 1].astype(int) + down[..., 1] - 255).max() <= 1
    assert (up[..., 1] != down[..., 1]).any()


def test_a_sheet_of_normals_is_near_the_exact_map():
    sheet = person()
    made = variant_sheet(sheet, "normal")
    assert len(made.palette) <= 255 and (made.image[..., 3] == 255).all()
    exact = normal_map(sheet).astype(np.float64) / 127.5 - 1
    rough = made.image[..., :3].astype(np.float64) / 127.5 - 1
    angle = np.degrees(np.arccos(np.clip((exact * rough).sum(axis=2), -1, 1)))
    assert angle.max() < 12 and angle[sheet.image[..., 3] > 0].mean() < 5


def test_eyes_and_flames_glow_where_the_words_say_so():
    sheet = person()
    glow = emission(sheet, ("old", "demon,"))
    np.testing.assert_array_equal(glow.image[..., 3] > 0, (sheet.image[..., :3] == EYE).all(axis=2))
    assert not emission(sheet).image.any(), "nobody said that anything glows"
    assert not emission(sheet, ("old", "merchant")).image.any()
    burning = sheet.image.copy()
    torch_flame = np.zeros(burning.shape[:2], dtype=bool)
    for i in range(5):
        torch_flame[14:18, 32 * i + 25 : 32 * i + 31] = True
    burning[torch_flame] = (*FLAME, 255)
    lit = SpriteSheet(burning, sheet.frames, sheet.tags, PALETTE)
    assert not (emission(lit, ("frost",)).image[torch_flame] > 0).any(), "of another hue"
    assert not (emission(lit, ("wizard",)).image[torch_flame] > 0).any(), "too large for an orb"
    named = emission(lit, ("knight", "Flames"))
    assert (named.image[torch_flame] == (*FLAME, 255)).all()
    assert not (named.image[..., :3] == SKIN).all(axis=2).any()


@pytest.mark.parametrize("glow", light_maps.GLOWS, ids=lambda glow: sorted(glow.words)[0])
def test_rules_of_glow_can_be_met(glow):
    assert 0 < glow.hues[1] - glow.hues[0] <= 360 and 0 < glow.share <= 1
    angle = np.deg2rad(sum(glow.hues) / 2)
    lab = np.array([[light, 0.13 * np.cos(angle), 0.13 * np.sin(angle)] for light in (0.2, 0.8)])
    dark, light = from_oklab(lab)
    image = np.zeros((20, 20, 4), dtype=np.uint8)
    image[2:, 2:18] = (*dark, 255)
    image[3, 4:6] = (*light, 255)
    sheet = SpriteSheet(image, (Frame((0, 0, 20, 20), 10, (10, 19)),), (), np.stack([dark, light]))
    made = emission(sheet, (min(glow.words),))
    np.testing.assert_array_equal(made.image[..., 3] > 0, (image[..., :3] == light).all(axis=2))


@pytest.mark.parametrize(
    ("prompt", "dark"), [("frost knight, sword", False), ("wizard", False), ("merchant", True)]
)
def test_the_mask_of_a_person_follows_the_prompt(prompt, dark):
    made = generate_character(CharacterRequest(prompt, ("idle",)), make_palette(32, 7), 5)
    mask = make_variant(made.asset, "emission", "x", prompt, PACK, 5)
    share = (mask.asset.image[..., 3] > 0).sum() / (made.asset.image[..., 3] > 0).sum()
    assert share == 0 if dark else 0.002 < share < 0.15
    assert bool(mask.provenance.notes) is dark


def test_a_portrait_shows_the_head_in_all_frames():
    sheet = person()
    made = portrait(sheet)
    assert [tag.name for tag in made.tags] == ["portrait"] and len(made.frames) == 2
    _, _, width, height = made.frames[0].rect
    assert width == height <= 24
    for index in range(2):
        picture = made.frame_image(index)
        for colour in (HAIR, SKIN, EYE):
            count = (picture[..., :3] == colour).all(axis=2).sum()
            assert count == (sheet.frame_image(index)[..., :3] == colour).all(axis=2).sum()
        assert picture[0].sum() == 0 and picture[-1].sum() > 0


def test_a_shadow_lies_under_the_feet_and_shrinks_in_the_air():
    sheet = person()
    made = shadow(sheet)
    assert len(made.palette) == 1 and tuple(made.palette[0]) == INK
    areas = []
    for index, frame in enumerate(made.frames):
        rows, columns = np.nonzero(made.frame_image(index)[..., 3])
        assert abs((columns.min() + columns.max() + 1) / 2 - frame.pivot[0]) <= 0.5
        assert abs((rows.min() + rows.max() + 1) / 2 - frame.pivot[1]) <= 2.5
        areas.append(len(rows))
    assert areas[4] < areas[0] == areas[1]
    assert 10 <= np.ptp(np.nonzero(made.frame_image(0)[..., 3])[1]) <= 16


@pytest.mark.parametrize("name", ["team_blue", "2x", "normal", "portrait"])
def test_provenance_says_what_was_done_to_what(name):
    made = make_variant(person(), name, "mira", "young alchemist", PACK, 7)
    entry = made.provenance
    assert (entry.request["variant"], entry.request["of"]) == (name, "mira")
    assert entry.seed == 7 and entry.operations[0].startswith(name)
    assert bool(entry.weights_sha256) is (name == "2x")
    assert ("OGA-BY-3.0" in entry.licences) is (name == "2x")


def test_what_cannot_be_seen_is_said():
    image = np.zeros((4, 4, 4), dtype=np.uint8)
    image[1:, 1:3] = (*INK, 255)
    sheet = SpriteSheet(image, (Frame((0, 0, 4, 4), 10, (2, 3)),), (), PALETTE)
    assert "nothing to see" in make_variant(sheet, "emission", "x", "", PACK, 0).provenance.notes[0]
    assert (
        "changes nothing" in make_variant(sheet, "team_red", "x", "", PACK, 0).provenance.notes[0]
    )


@pytest.mark.parametrize("name", ["", "team", "team_beige", "3x", "Normal"])
def test_an_unknown_variant_lists_the_known_ones(name):
    with pytest.raises(UsageError, match=r"no variant.*one of: team_red.*shadow"):
        check_variant(name)


def test_the_table_is_complete():
    assert {f"team_{team}" for team in TEAMS} == {n for n in VARIANTS if n.startswith("team_")}
    assert set(DATA) <= set(VARIANTS)
