"""Coherence: sound packs pass, and every kind of tampering is found and called by its name."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from aigc_assets.build import coherence
from aigc_assets.build.coherence import (
    check_frame,
    check_mix,
    check_pack,
    check_timeline,
    check_video,
    psnr,
    sampled_frames,
)
from aigc_assets.exporters.mp4 import export_mp4
from aigc_assets.exporters.raster import Stage, timeline_audio
from aigc_assets.pipelines.cutscenes import compose_cutscene
from aigc_assets.types import (
    AssetPack,
    Clip,
    Keyframe,
    Sound,
    SpriteSheet,
    TileLayer,
    Timeline,
    Track,
    Witness,
)
from tests import samples, scenes


def test_sound_packs_are_coherent():
    assert check_pack(samples.pack()) == []
    assert check_pack(scenes.pack()) == []


def test_an_empty_pack_is_coherent():
    assert check_pack(AssetPack("empty", samples.PALETTE, {})) == []


# ---------------------------------------------------------------- tampering with the assets


def scene() -> Timeline:
    return scenes.pack().assets["opening"]


def with_scene(timeline: Timeline) -> AssetPack:
    return scenes.replaced(scenes.pack(), opening=timeline)


def with_clips(
    track_name: str, change: Callable[[Clip], Clip], only: int | None = None
) -> AssetPack:
    """The pack with the clips (or one clip) of a track of its scene changed."""
    tracks = []
    for track in scene().tracks:
        if track.name == track_name:
            clips = tuple(
                change(clip) if only in (None, i) else clip for i, clip in enumerate(track.clips)
            )
            track = Track(track.name, track.kind, clips)
        tracks.append(track)
    return with_scene(dataclasses.replace(scene(), tracks=tuple(tracks)))


def said(**properties) -> Callable[[Clip], Clip]:
    return lambda clip: dataclasses.replace(clip, properties={**clip.properties, **properties})


def recoloured_sheet() -> SpriteSheet:
    """A sheet with a colour that the pack does not have, honestly declared by the sheet."""
    sheet = samples.sheet(32)
    image = sheet.image.copy()
    image[(image == samples.rgba(5)).all(axis=-1)] = (1, 2, 3, 255)
    palette = np.vstack([sheet.palette, np.array([[1, 2, 3]], dtype=np.uint8)])
    return dataclasses.replace(sheet, image=image, palette=palette)


def recoloured_map():
    tilemap = scenes.tilemap()
    image = tilemap.tilesets[0].image.copy()
    image[0, 0, :3] = (9, 9, 9)
    return dataclasses.replace(
        tilemap, tilesets=(dataclasses.replace(tilemap.tilesets[0], image=image),)
    )


def walled_map():
    """The map with a wall across the way of the witness, and floor nowhere else changed."""
    tilemap = scenes.tilemap()
    gids = tilemap.layers[0].gids.copy()
    gids[4, 11] = 1
    return dataclasses.replace(tilemap, layers=(TileLayer("ground", gids),))


def walled_in_map():
    """The map with every cell solid that the partner stands on at the end."""
    tilemap = scenes.tilemap()
    x, y = scene().track("warden").clips[-1].position(scene().duration - 1)
    gids = tilemap.layers[0].gids.copy()
    gids[y // 16, x // 16] = 1
    return dataclasses.replace(tilemap, layers=(TileLayer("ground", gids),))


def jumping_witness():
    tilemap = scenes.tilemap()
    path = tilemap.witness.path.copy()
    path[10] += (0, 2)
    return dataclasses.replace(tilemap, witness=Witness(path, tilemap.witness.events))


def changed_line():
    tree = samples.dialogue()
    first = dataclasses.replace(tree.nodes[0], text="Who goes here?")
    return dataclasses.replace(tree, nodes=(first, *tree.nodes[1:]))


def replaced(**assets) -> AssetPack:
    return scenes.replaced(scenes.pack(), **assets)


def far_off(clip: Clip) -> Clip:
    return dataclasses.replace(clip, start=clip.start + 5)


TAMPERED = {
    "a sheet with a foreign colour": (
        lambda: replaced(mira=recoloured_sheet()), "mira: palette leaves", "#010203"),
    "a tile with a foreign colour": (
        lambda: replaced(keep=recoloured_map()),
        "keep: tileset stone leaves the pack palette", "#090909"),
    "another pack palette": (
        lambda: dataclasses.replace(scenes.pack(), palette=samples.PALETTE[1:]),
        "keep: tileset stone leaves the pack palette", "#14101c"),
    "a wall across the witness": (
        lambda: replaced(keep=walled_map()), "keep: step 9: (11, 4) is solid", ""),
    "a witness that jumps": (
        lambda: replaced(keep=jumping_witness()), "keep: step 10:", "is not one cell"),
    "a caption with other words": (
        lambda: with_clips("captions", said(text="Give me your purse."), 0),
        "opening: caption gate_01: its text is not that of line gate_01", ""),
    "a dialogue edited after the scene": (
        lambda: replaced(gate=changed_line()), "opening: caption gate_01: its text is not", ""),
    "a caption with another speaker": (
        lambda: with_clips("captions", said(speaker="mira"), 0),
        "opening: caption gate_01: line gate_01 has another speaker", ""),
    "a caption of no line": (
        lambda: with_clips("captions", said(node="gate_99"), 0), "gate has no line 'gate_99'", ""),
    "a caption of no dialogue": (
        lambda: with_clips("captions", lambda c: dataclasses.replace(c, asset="keep"), 0),
        "'keep' is no dialogue of the pack", ""),
    "a sound that comes late": (
        lambda: with_clips("voice", far_off, 0), "misses its cue at frame", "sound blip"),
    "a cue outside of its clip": (
        lambda: with_clips("voice", said(cue_frame=0), 0), "its cue frame 0 lies outside", ""),
    "a sound without a cue": (
        lambda: with_clips("voice", lambda c: dataclasses.replace(c, properties={}), 0),
        "sound blip at frame", "has no cue"),
    "a sound for a clip that was cut": (
        lambda: with_clips("voice", said(cue="gate_99"), 0), "there is no clip 'gate_99'", ""),
    "a sound that is gone": (
        lambda: with_clips("voice", lambda c: dataclasses.replace(c, asset="gone"), 0),
        "'gone'", ""),
    "an actor in a wall": (
        lambda: replaced(keep=walled_in_map()), "opening: frame", "warden stands on a solid cell"),
    "an actor off the map": (
        lambda: with_clips(
            "mira", lambda c: dataclasses.replace(c, keyframes=(Keyframe(0, 9999, 9),)), 0),
        "mira stands on no cell of the map", ""),
    "an animation that the sheet lacks": (
        lambda: with_clips("mira", said(tag="fly_down"), 0), "'fly_down'", "Clip[mira"),
    "a sheet that is gone": (
        lambda: with_clips("mira", lambda c: dataclasses.replace(c, asset="gone"), 0),
        "'gone'", ""),
    "a set that is no map": (
        lambda: with_clips("set", lambda c: dataclasses.replace(c, asset="gate")), "'gate'", ""),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words", "more"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_is_found_and_named(make, words, more):
    problems = check_pack(make())
    assert any(words in problem and more in problem for problem in problems), problems


def test_one_wrong_thing_is_one_finding():
    assert len(check_pack(with_clips("captions", said(text="Other words."), 0))) == 1
    assert len(check_pack(with_clips("voice", far_off, 0))) == 1


# ---------------------------------------------------------------- tampering with what is seen


def quiet_frame(stage: Stage) -> int:
    """A frame with both actors in view and no caption."""
    return stage.timeline.track("captions").clips[0].start - 2


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(scene(), scenes.pack())


def test_rendered_frames_pass(stage):
    frames = sampled_frames(stage)
    assert len(frames) == coherence.SAMPLED_FRAMES and frames == sorted(set(frames))
    for n in frames:
        assert check_frame(stage.frame(n), stage, n) == []


def test_one_px_of_an_actor_is_enough(stage):
    n = quiet_frame(stage)
    placement = stage.placements(n)[0]
    rows, columns = np.nonzero(stage.sprite(placement)[..., 3])
    x, y = placement.corner[0] + columns[0], placement.corner[1] + rows[0]
    frame = stage.frame(n)
    frame[2 * y : 2 * y + 2, 2 * x : 2 * x + 2] ^= 255
    problems = check_frame(frame, stage, n)
    assert len(problems) == 1 and f"1 px of {placement.asset} differ" in problems[0]


def test_one_px_of_the_set_is_enough(stage):
    n = quiet_frame(stage)
    frame = stage.frame(n)
    frame[:2, :2] ^= 255
    assert check_frame(frame, stage, n) == [f"frame {n}: 1 px of the set differ from the map"]


def test_an_actor_that_was_moved_or_dropped_is_found(stage):
    n = quiet_frame(stage)
    bare = dataclasses.replace(scene(), tracks=tuple(t for t in scene().tracks if t.name != "mira"))
    problems = check_frame(Stage(bare, scenes.pack()).frame(n), stage, n)
    assert any("of mira differ" in problem for problem in problems)
    assert any(
        "of the set differ" in p for p in check_frame(stage.frame(n), Stage(bare, scenes.pack()), n)
    )


def test_another_frame_of_the_animation_is_found(stage):
    walk = next(c for c in scene().track("mira").clips if "walk_" in c.name)
    n = walk.start + 4
    turned = Track("mira", "video", (dataclasses.replace(walk, properties={"tag": "idle_down"}),))
    others = tuple(t for t in scene().tracks if t.name != "mira")
    wrong = Stage(dataclasses.replace(scene(), tracks=(*others, turned)), scenes.pack())
    assert any("of mira differ" in p for p in check_frame(wrong.frame(n), stage, n))


def test_blurred_and_resized_frames_are_found(stage):
    n = quiet_frame(stage)
    frame = stage.frame(n)
    shifted = np.roll(frame, 1, axis=1)
    assert f"frame {n} is not enlarged by whole px" in check_frame(shifted, stage, n)
    assert "has the shape" in check_frame(frame[::2], stage, n)[0]


def test_a_scene_of_another_size_is_still_coherent():
    assert check_timeline(samples.timeline(), samples.pack()) == []


# ---------------------------------------------------------------- tampering with what is heard


def test_a_silenced_cue_and_a_short_mix_are_found():
    pack, timeline = scenes.pack(), scene()
    mix = timeline_audio(timeline, pack)
    assert check_mix(mix, timeline, pack) == []
    start = timeline.track("voice").clips[1].start * mix.sample_rate // 24
    muted = mix.samples.copy()
    muted[:, start : start + 9000] = 0
    problems = check_mix(Sound(muted, mix.sample_rate), timeline, pack)
    assert problems == [
        f"sound blip cannot be heard at frame {timeline.track('voice').clips[1].start}"
    ]
    short = check_mix(Sound(mix.samples[:, :-9000].copy(), mix.sample_rate), timeline, pack)
    assert any("the sound lasts" in problem for problem in short)


# ---------------------------------------------------------------- tampering with the film


@functools.cache
def slow_scene() -> Timeline:
    """The scene at 12 frames per second, which is encoded in half the time."""
    request = scenes.request(frame_rate=12)
    timeline = compose_cutscene(request, scenes.ingredients(), 3).asset
    assert isinstance(timeline, Timeline)
    return timeline


@pytest.fixture(scope="module")
def film() -> bytes:
    return export_mp4(slow_scene(), "opening", scenes.pack())["opening.mp4"]


def test_a_film_shows_its_scene(film, tmp_path):
    assert check_video(film, slow_scene(), scenes.pack()) == []
    path = tmp_path / "opening.mp4"
    path.write_bytes(film)
    assert check_video(path, slow_scene(), scenes.pack()) == []


def test_another_film_is_found(film):
    """The film of the scene held against scenes that differ from it in one thing each."""
    plain, pack = slow_scene(), scenes.pack()
    other_cast = scenes.replaced(pack, mira=samples.sheet(64))
    assert any("dB PSNR" in p for p in check_video(film, plain, other_cast))
    longer = dataclasses.replace(plain, duration=plain.duration + 1)
    problems = check_video(film, longer, pack)
    assert f"{plain.duration} frames, not {plain.duration + 1}" in problems
    assert any("the video lasts" in p for p in problems)
    shouting = Track("voice", "sound", (Clip("coin", 40, 3, "coin", (), {"gain_db": 12.0}),))
    others = tuple(t for t in plain.tracks if t.name != "voice")
    louder = dataclasses.replace(plain, tracks=(*others, shouting))
    assert "sound coin cannot be heard at frame 40" in check_video(film, louder, pack)


def test_other_rates_and_sizes_are_found(film):
    assert any("px, not" in p for p in check_video(film, samples.timeline(), samples.pack()))
    faster = dataclasses.replace(slow_scene(), frame_rate=Fraction(24))
    assert "12 frames per second, not 24" in check_video(film, faster, scenes.pack())


@pytest.mark.parametrize("damage", [b"", b"no film", "half"])
def test_a_damaged_film_is_found(film, damage):
    data = film[: len(film) // 2] if damage == "half" else damage
    assert check_video(data, slow_scene(), scenes.pack())


def test_psnr():
    picture = np.random.default_rng(0).integers(0, 200, (8, 8), dtype=np.uint8)
    assert psnr(picture, picture) == float("inf")
    assert psnr(picture, picture + np.uint8(1)) == pytest.approx(48.13, abs=0.01)
    assert psnr(picture, picture + np.uint8(9)) < psnr(picture, picture + np.uint8(3))
