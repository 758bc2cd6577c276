"""Pictures of maps and scenes, px by px, and the bitmap font and sound mix they use."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import InvalidAssetError
from aigc_assets.exporters.caption_box import interface_colours, portrait_image
from aigc_assets.exporters.mixdown import CEILING, limit, resample, timeline_audio
from aigc_assets.exporters.pixel_font import glyph, text_mask, text_width, wrap
from aigc_assets.exporters.raster import (
    Stage,
    animation_frame,
    blend,
    tilemap_image,
    timeline_frame,
)
from aigc_assets.types import (
    Clip,
    Frame,
    Keyframe,
    Sound,
    SpriteSheet,
    Tag,
    TileLayer,
    Tilemap,
    Tileset,
    Track,
)
from tests import samples, scenes

# ---------------------------------------------------------------- maps


def marked_tile(width: int = 4, height: int = 4) -> Tileset:
    """One tile whose every px differs, so that each of the eight orientations shows."""
    values = np.arange(width * height, dtype=np.uint8).reshape(height, width)
    picture = np.stack([values, values * 3, values + 100, np.full_like(values, 255)], axis=-1)
    return Tileset("marked", picture, (width, height), ({},))


def one_cell(gid: int, tileset: Tileset | None = None) -> np.ndarray:
    layer = TileLayer("ground", np.array([[gid]], dtype=np.uint32))
    return tilemap_image(Tilemap((tileset or marked_tile(),), (layer,), (), (4, 4)))


# What Tiled shows for each combination of the flip bits H, V and D.
ORIENTATIONS = {
    0b000: lambda t: t,
    0b100: np.fliplr,
    0b010: np.flipud,
    0b110: lambda t: np.rot90(t, 2),
    0b101: lambda t: np.rot90(t, -1),  # a quarter turn clockwise
    0b011: lambda t: np.rot90(t, 1),
    0b001: lambda t: t.swapaxes(0, 1),
    0b111: lambda t: np.rot90(t.swapaxes(0, 1), 2),
}


@pytest.mark.parametrize("bits", ORIENTATIONS)
def test_flips_turn_tiles_as_in_tiled(bits):
    picture = marked_tile().image
    assert np.array_equal(one_cell(1 | bits << 29), ORIENTATIONS[bits](picture))


def test_every_cell_shows_its_tile():
    tilemap = samples.tilemap()
    picture = tilemap_image(tilemap)
    assert picture.shape == (6 * 16, 8 * 16, 4)
    tiles = tilemap.tilesets[0].image
    for (row, column), gid in np.ndenumerate(tilemap.layers[0].gids):
        cell = picture[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
        assert np.array_equal(cell, tiles[:, (gid - 1) * 16 : gid * 16])


def test_layers_cover_each_other_and_holes_stay_clear():
    tilemap = samples.tilemap()
    over = np.zeros((6, 8), dtype=np.uint32)
    over[2, 2] = 3
    below = tilemap.layers[0].gids.copy()
    below[0, 0] = 0
    both = dataclasses.replace(
        tilemap, layers=(TileLayer("ground", below), TileLayer("over", over))
    )
    picture = tilemap_image(both)
    assert np.array_equal(picture[32:48, 32:48], tilemap.tilesets[0].image[:, 32:48])
    assert not picture[:16, :16].any()
    assert np.array_equal(picture[:16, 16:], tilemap_image(tilemap)[:16, 16:])


def test_tall_tiles_stand_on_their_cell():
    tall = Tileset("tall", np.full((6, 4, 4), 255, dtype=np.uint8), (4, 6), ({},))
    gids = np.array([[0, 0], [2, 0]], dtype=np.uint32)
    tilemap = Tilemap((marked_tile(), tall), (TileLayer("ground", gids),), (), (4, 4))
    expected = np.zeros((8, 8, 4), dtype=np.uint8)
    expected[2:8, :4] = 255
    assert np.array_equal(tilemap_image(tilemap), expected)


def test_a_turned_tile_that_is_not_square_swaps_its_sides():
    wide = marked_tile(4, 2)
    gids = np.array([[1 | 0x20000000]], dtype=np.uint32)
    picture = tilemap_image(Tilemap((wide,), (TileLayer("ground", gids),), (), (4, 4)))
    assert np.array_equal(picture[:, :2], wide.image.swapaxes(0, 1))
    assert not picture[:, 2:].any()


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_blending_is_straight_alpha(over, alpha, under, opacity):
    target = np.array([[[under, under, under, opacity]]], dtype=np.uint8)
    blend(target, np.array([[[over, over, over, alpha]]], dtype=np.uint8), 0, 0)
    total = alpha + opacity * (255 - alpha) / 255
    if alpha == 0:
        assert target[0, 0].tolist() == [under, under, under, opacity]
        return
    colour = (over * alpha + under * opacity * (255 - alpha) / 255) / total
    assert abs(target[0, 0, 0] - colour) <= 0.5 + 1e-9
    assert abs(target[0, 0, 3] - total) <= 0.5 + 1e-9


def test_blending_cuts_off_what_lies_outside():
    source = np.full((4, 4, 4), 255, dtype=np.uint8)
    for x, y in ((-2, -3), (3, 2), (-9, 0), (0, 9)):
        target = np.zeros((5, 5, 3), dtype=np.uint8)
        blend(target, source, x, y)
        expected = np.zeros((21, 21), dtype=bool)
        expected[8 + y + 1 : 8 + y + 5, 8 + x + 1 : 8 + x + 5] = True
        assert np.array_equal(target[..., 0] == 255, expected[9:14, 9:14])


# ---------------------------------------------------------------- the font


def test_every_printable_character_is_drawn_and_different():
    drawn = {chr(code): glyph(chr(code)) for code in range(32, 127)}
    unknown = glyph("\u4e2d")
    assert all(mask.shape[0] == 9 and mask.shape[1] <= 6 for mask in drawn.values())
    keys = {(mask.shape, mask.tobytes()) for mask in (*drawn.values(), unknown)}
    assert len(keys) == 96
    assert not drawn[" "].any() and all(drawn[c].any() for c in drawn if c != " ")


def test_capitals_stand_on_the_base_line_and_descenders_below():
    for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789":
        mask = glyph(character)
        assert mask[0].any() and mask[6].any() and not mask[7:].any(), character
    for character in "gpqy":
        assert glyph(character)[8].any(), character


def test_accents_are_dropped_and_typography_is_kept():
    assert np.array_equal(glyph("É"), glyph("E"))
    assert np.array_equal(glyph("ñ"), glyph("n"))
    for character in "…–—‘’“”«»":
        assert not np.array_equal(glyph(character), glyph("\u4e2d")), character


@given(st.text(max_size=60), st.integers(8, 200))
def test_wrapping_keeps_the_words_and_the_width(text, width):
    wrapped = wrap(text, width)
    assert "".join("".join(wrapped).split()) == "".join(text.split())
    assert all(text_width(line) <= width or len(line) == 1 for line in wrapped)
    assert all(text_mask(line).shape == (9, text_width(line)) for line in wrapped)


def test_wrapping_breaks_between_words():
    words = "The quick brown fox jumps over the lazy dog"
    wrapped = wrap(words, 90)
    assert " ".join(wrapped) == words and len(wrapped) == 3


# ---------------------------------------------------------------- frames of a scene


def test_a_frame_is_map_and_sprite():
    """The picture assembled here by hand is the picture that the stage draws."""
    timeline, pack = samples.timeline(), samples.pack()
    n = 3
    x, y = timeline.track("set").clips[0].position(n)
    expected = tilemap_image(pack.assets["keep"])[y : y + 48, x : x + 64, :3].copy()
    foot = timeline.track("mira").clips[0].position(n)
    sheet = pack.assets["mira"]
    tag = sheet.tag("walk_right")
    image = sheet.frame_image(tag.start + 3 * 1000 // 12 // 120 % 2)
    left, top = foot[0] - x - 8, foot[1] - y - 15
    spot = expected[top : top + 16, left : left + 16]
    spot[image[..., 3] == 255] = image[image[..., 3] == 255][:, :3]
    frame = timeline_frame(timeline, pack, n)
    assert frame.shape == (96, 128, 3) and frame.dtype == np.uint8
    assert np.array_equal(frame, expected.repeat(2, axis=0).repeat(2, axis=1))


def test_the_camera_stays_in_the_map_and_small_maps_are_centred():
    timeline, pack = samples.timeline(), samples.pack()
    far = Clip("keep", 0, 24, "keep", (Keyframe(0, -50, 900),))
    tracks = (Track("set", "video", (far,)),)
    stage = Stage(dataclasses.replace(timeline, tracks=tracks), pack)
    assert stage.camera(0) == (0, 96 - 48)
    wide = dataclasses.replace(timeline, tracks=tracks, resolution=(320, 200), scale=1)
    stage = Stage(wide, pack)
    assert stage.camera(0) == (-96, -52)
    canvas = stage.canvas(0)
    whole = tilemap_image(pack.assets["keep"])[..., :3]
    assert np.array_equal(canvas[52:148, 96:224], whole)
    canvas[52:148, 96:224] = 0
    assert not canvas.any()


def test_who_stands_lower_is_in_front():
    pack = samples.pack()
    low = Track("low", "video", (stand("mira", 40, 41),))
    high = Track("high", "video", (stand("warden", 40, 40),))
    for order in ((low, high), (high, low)):
        stage = Stage(still(*order), pack)
        assert [p.track for p in stage.placements(0)] == ["high", "low"]
        front = stage.placements(0)[1]
        x, y = front.corner
        image, canvas = stage.sprite(front), stage.canvas(0)
        opaque = image[..., 3] == 255
        assert np.array_equal(canvas[y : y + 16, x : x + 16][opaque], image[opaque][:, :3])


def test_a_mirrored_actor_turns_about_its_pivot():
    sheet = samples.sheet()
    image = sheet.image.copy()
    image[:16, 4] = samples.rgba(0)  # a mark on the left side of the first frame
    frames = (Frame((0, 0, 16, 16), 100, (5, 15)),)
    marked = SpriteSheet(image, frames, (Tag("idle_down", 0, 1),), sheet.palette)
    pack = scenes.replaced(samples.pack(), mira=marked)
    flipped = stand("mira", 40, 40)
    flipped = dataclasses.replace(flipped, properties={**flipped.properties, "flip": True})
    plain = Stage(still(Track("a", "video", (stand("mira", 40, 40),))), pack)
    mirror = Stage(still(Track("a", "video", (flipped,))), pack)
    assert plain.placements(0)[0].corner == (35, 25)
    assert mirror.placements(0)[0].corner == (40 - (15 - 5), 25)
    assert (plain.canvas(0)[30, 39] == samples.PALETTE[0]).all()
    assert (mirror.canvas(0)[30, 41] == samples.PALETTE[0]).all()


@pytest.mark.parametrize(
    ("direction", "shown"),
    [
        ("forward", [0, 0, 1, 2, 2, 0]),
        ("reverse", [2, 2, 1, 0, 0, 2]),
        ("pingpong", [0, 0, 1, 2, 2, 1]),
    ],
)  # fmt: skip
def test_animations_play_by_their_durations(direction, shown):
    frames = tuple(Frame((0, 0, 1, 1), ms, (0, 0)) for ms in (200, 100, 200))
    image = np.zeros((1, 1, 4), dtype=np.uint8)
    tag = Tag("a", 0, 3, direction)
    sheet = SpriteSheet(image, frames, (tag,), samples.PALETTE)
    assert [animation_frame(sheet, tag, 100 * i) for i in range(6)] == shown


def test_fades_are_dark_at_the_ends_and_exact_between():
    pack = samples.pack()
    lit = Clip("keep", 0, 24, "keep", (Keyframe(0, 0, 0),))
    faded = dataclasses.replace(lit, properties={"fade_in": 4, "fade_out": 6})
    bright = Stage(
        dataclasses.replace(samples.timeline(), tracks=(Track("set", "video", (lit,)),)), pack
    )
    stage = Stage(
        dataclasses.replace(samples.timeline(), tracks=(Track("set", "video", (faded,)),)), pack
    )
    levels = [stage.fade_level(n) for n in range(24)]
    assert levels[:5] == [0, 64, 128, 192, 256] and levels[-7:] == [256, 213, 170, 128, 85, 42, 0]
    for n in (0, 2, 10, 20, 23):
        expected = bright.canvas(n).astype(int) * levels[n] // 256
        assert np.array_equal(stage.canvas(n), expected)


def test_captions_type_themselves_inside_their_area():
    pack = scenes.pack()
    timeline = pack.assets["opening"]
    stage = Stage(timeline, pack)
    clip = timeline.track("captions").clips[0]
    bare = dataclasses.replace(
        timeline, tracks=tuple(t for t in timeline.tracks if t.kind != "subtitle")
    )
    x, y, w, h = stage.caption_area(clip)
    paper = interface_colours(pack.palette).paper
    inked = []
    for n in (clip.start, clip.start + 5, clip.start + int(clip.properties["reveal"])):
        canvas, behind = stage.canvas(n), Stage(bare, pack).canvas(n)
        differs = (canvas != behind).any(axis=-1)
        assert differs[y : y + h, x : x + w].any()
        differs[y : y + h, x : x + w] = False
        assert not differs.any()
        inked.append(int((canvas == paper).all(axis=-1).sum()))
    assert inked[0] < inked[1] < inked[2]


def test_long_speeches_scroll_and_speakers_may_have_no_face():
    pack = scenes.pack()
    words = {"speaker": "somebody_else", "text": "word " * 120, "reveal": 20, "place": "top"}
    words["text"] = words["text"].strip()
    clip = Clip("a", 0, 24, "gate", (), words)
    timeline = dataclasses.replace(
        pack.assets["opening"], tracks=(Track("captions", "subtitle", (clip,)),)
    )
    stage = Stage(timeline, pack)
    assert stage.caption_area(clip)[1] < 30
    first, last = stage.canvas(2), stage.canvas(22)
    assert first.any() and (first != last).any()


def test_portraits_are_px_of_the_sheet():
    sheet = samples.sheet(32)
    portrait = portrait_image(sheet, 40)
    assert portrait is not None and max(portrait.shape[:2]) <= 40
    colours = {tuple(c) for c in portrait[portrait[..., 3] == 255][:, :3].tolist()}
    assert colours <= {tuple(c) for c in sheet.palette.tolist()}
    blank = SpriteSheet(
        np.zeros((4, 4, 4), np.uint8), (Frame((0, 0, 4, 4), 1, (0, 0)),), (), sheet.palette
    )
    assert portrait_image(blank, 40) is None


def test_scenes_show_only_colours_of_the_palette():
    pack = scenes.pack()
    stage = Stage(pack.assets["opening"], pack)
    known = {tuple(c) for c in pack.palette.tolist()}
    for n in range(40, stage.timeline.duration - 40, 37):
        shown = {tuple(c) for c in np.unique(stage.canvas(n).reshape(-1, 3), axis=0).tolist()}
        assert shown <= known


def test_frames_do_not_depend_on_what_was_drawn_before():
    pack = scenes.pack()
    timeline = pack.assets["opening"]
    kept = Stage(timeline, pack)
    for n in (200, 30, 160, 200):
        assert np.array_equal(kept.frame(n), timeline_frame(timeline, pack, n))


@pytest.mark.parametrize(
    ("track", "clip", "where"),
    [
        ("set", Clip("bad", 0, 1, "gate"), "Clip[bad].asset"),
        ("set", Clip("bad", 0, 1, "nowhere"), "Clip[bad].asset"),
        ("a", Clip("bad", 0, 1, "keep", (Keyframe(0, 0, 0),)), "Clip[bad].asset"),
        ("a", Clip("bad", 0, 1, "mira", (Keyframe(0, 0, 0),), {"tag": "fly_up"}),
         "Clip[bad].properties['tag']"),
    ],
)  # fmt: skip
def test_what_the_pack_lacks_is_named(track, clip, where):
    timeline = dataclasses.replace(samples.timeline(), tracks=(Track(track, "video", (clip,)),))
    with pytest.raises(InvalidAssetError) as caught:
        Stage(timeline, samples.pack())
    assert caught.value.where == where


def stand(asset: str, x: int, y: int) -> Clip:
    return Clip("stands", 0, 24, asset, (Keyframe(0, x, y),), {"tag": "idle_down"})


def still(*actors: Track):
    backdrop = Track("set", "video", (Clip("keep", 0, 24, "keep", (Keyframe(0, 0, 0),)),))
    return dataclasses.replace(samples.timeline(), tracks=(backdrop, *actors))


# ---------------------------------------------------------------- sound


def heard(*clips: Clip, sounds: dict[str, Sound], rate: int = 44_100, fps: Fraction | None = None):
    tracks = tuple(Track(f"t{i}", "sound", (clip,)) for i, clip in enumerate(clips))
    timeline = dataclasses.replace(
        samples.timeline(), tracks=tracks, frame_rate=fps or Fraction(12), duration=24
    )
    return timeline_audio(timeline, scenes.replaced(samples.pack(), **sounds), rate)


def click(rate: int = 44_100, length: int = 400) -> Sound:
    wave = np.zeros((1, length), dtype=np.float32)
    wave[0, 0] = 0.5
    return Sound(wave, rate)


def plays(name: str, start: int, duration: int, **properties) -> Clip:
    return Clip(name, start, duration, name, (), properties)


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(24000, 1001), Fraction(25)])
def test_sounds_start_on_their_sample(fps):
    mix = heard(plays("tick", 7, 2), plays("tick", 20, 2), sounds={"tick": click()}, fps=fps)
    assert np.flatnonzero(mix.samples[0]).tolist() == [int(n * 44_100 / fps) for n in (7, 20)]
    assert mix.samples.shape == (1, -int(-24 * 44_100 // fps))


def test_sounds_add_up_with_their_gain():
    one, two = (Sound(np.full((1, 900), v, dtype=np.float32), 44_100) for v in (0.25, 0.5))
    mix = heard(
        plays("one", 0, 9), plays("two", 0, 9, gain_db=-6.0), sounds={"one": one, "two": two}
    )
    assert np.allclose(mix.samples[0, :900], 0.25 + 0.5 * 10 ** (-6 / 20), atol=1e-6)
    assert not mix.samples[0, 900:].any()


def test_panning_makes_it_stereo():
    mix = heard(plays("tick", 0, 2, pan=-0.5), sounds={"tick": click()})
    assert mix.samples.shape[0] == 2
    assert mix.samples[:, 0].tolist() == [0.5, 0.25]


def test_a_cut_sound_fades_and_a_loop_repeats():
    steady = Sound(np.full((1, 44_100), 0.5, dtype=np.float32), 44_100)
    mix = heard(plays("one", 0, 6), sounds={"one": steady}).samples[0]
    assert mix[20_000] == 0.5 and 0 < mix[22_049] < 0.01 and not mix[22_050:].any()
    saw = np.linspace(0, 0.5, 100, dtype=np.float32)[None]
    looped = heard(plays("one", 0, 6), sounds={"one": Sound(saw, 44_100, (20, 100))}).samples[0]
    assert np.allclose(looped[100:180], saw[0, 20:], atol=1e-6)
    assert np.allclose(looped[20 + 80 * 99 : 20 + 80 * 100], saw[0, 20:], atol=1e-6)


def test_loud_mixes_are_held_without_hard_clipping():
    t = np.arange(30_000) / 44_100
    loud = (0.3 * np.sin(2 * np.pi * 220 * t) * (1 + 4 * (t > 0.3)))[None]
    quiet = limit(loud)
    assert np.abs(quiet).max() <= CEILING
    assert np.array_equal(quiet[:, :12_000], loud[:, :12_000])
    # A clipped sine has flat tops; a limited one is the same sine at a lower level.
    tail, before = quiet[0, 14_000:-600], loud[0, 14_000:-600]
    assert np.allclose(tail, before * (CEILING / np.abs(before).max()), atol=2e-3)
    assert np.array_equal(limit(loud * 0.1), loud * 0.1)


@pytest.mark.parametrize(("rate", "wanted"), [(22_050, 44_100), (48_000, 44_100), (44_100, 22_050)])
def test_resampling_keeps_tones_and_their_time(rate, wanted):
    t = np.arange(rate // 4) / rate
    wave = np.sin(2 * np.pi * 1000 * t)[None]
    result = resample(wave, rate, wanted)
    expected = np.sin(2 * np.pi * 1000 * np.arange(result.shape[1]) / wanted)
    assert result.shape[1] == -(-wave.shape[1] * wanted // rate)
    inner = slice(200, -200)
    assert np.abs(result[0][inner] - expected[inner]).max() < 2e-3


def test_resampling_down_leaves_no_images():
    t = np.arange(11_025) / 44_100
    high = np.sin(2 * np.pi * 15_000 * t)[None]  # above the new half rate
    assert np.abs(resample(high, 44_100, 22_050)[0, 100:-100]).max() < 0.02


def test_a_sound_that_is_not_there_is_named():
    with pytest.raises(InvalidAssetError, match="nothing"):
        heard(plays("nothing", 0, 2), sounds={})


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_mixes_stay_in_range(count, seed):
    random = np.random.default_rng(seed)
    sounds = {
        f"s{i}": Sound(random.uniform(-1, 1, (1, 5000)).astype(np.float32), 22_050)
        for i in range(count)
    }
    clips = [plays(name, int(random.integers(0, 10)), 6) for name in sounds]
    mix = heard(*clips, sounds=sounds)
    assert np.abs(mix.samples).max() <= np.float32(CEILING)
