"""Scenes: who walks where, what is said when, and what happens with less than everything."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.exporters.raster import Stage
from aigc_assets.pipelines.cutscenes import check_resolution, compose_cutscene
from aigc_assets.pipelines.cutscenes.blocking import (
    directions,
    figure_of,
    free_cells,
    plan_blocking,
)
from aigc_assets.pipelines.cutscenes.screenplay import READING_SPEED, answering, write_screenplay
from aigc_assets.pipelines.made import generator
from aigc_assets.types import (
    AssetPack,
    Choice,
    DialogueNode,
    DialogueTree,
    ObjectLayer,
    Tag,
    TileLayer,
    Tilemap,
    dump,
)
from tests import samples, scenes


def compose(seed: int = 3, assets: dict | None = None, **changes):
    return compose_cutscene(scenes.request(**changes), assets or scenes.ingredients(), seed)


@pytest.fixture(scope="module")
def timeline():
    return compose().asset


# ---------------------------------------------------------------- the whole scene


def test_a_scene_has_its_tracks_and_lasts_long_enough(timeline):
    names = {track.name: track.kind for track in timeline.tracks}
    assert names["set"] == names["mira"] == names["warden"] == "video"
    assert names["captions"] == "subtitle" and names["scene"] == "marker"
    assert {"voice", "effects", "steps mira"} <= {n for n, k in names.items() if k == "sound"}
    assert timeline.frame_rate == 24 and timeline.duration >= 15 * 24
    assert timeline.resolution == (640, 360) and timeline.canvas == (320, 180)


def test_provenance_names_the_composition():
    made = compose()
    assert (made.provenance.kind, made.provenance.model) == ("cutscene", "composition")
    assert made.provenance.seed == 3 and made.provenance.request["map"] == "keep"
    assert made.provenance.weights_sha256 == ""


def test_the_same_request_gives_the_same_bytes_in_any_order():
    first = compose()
    turned = compose(assets=dict(reversed(scenes.ingredients().items())))
    sounds = dict(reversed(scenes.SOUNDS.items()))
    assert dump(first.asset) == dump(turned.asset) == dump(compose(sounds=sounds).asset)
    assert dump(first.provenance) == dump(turned.provenance)


def test_seeds_give_different_scenes():
    assert len({dump(compose(seed).asset) for seed in range(4)}) > 1


def test_every_frame_can_be_drawn_and_it_fades_at_both_ends():
    pack = scenes.pack()
    stage = Stage(pack.assets["opening"], pack)
    last = stage.timeline.duration - 1
    for n in range(0, last + 1, 29):
        assert stage.canvas(n).any() == (stage.fade_level(n) > 0)
    assert not stage.canvas(0).any() and not stage.canvas(last).any()


@pytest.mark.parametrize("frame_rate", [12, 24, 25, 30, 60])
def test_frame_rates(frame_rate):
    timeline = compose(frame_rate=frame_rate).asset
    assert timeline.frame_rate == frame_rate
    assert timeline.duration >= 15 * frame_rate
    check_walks(timeline, scenes.tilemap())


# ---------------------------------------------------------------- actors


def check_walks(timeline, tilemap):
    """Actors are always somewhere, never jump, and stand on free cells in every frame."""
    free = free_cells(tilemap)
    cast = [t for t in timeline.tracks if t.kind == "video" and t.name != "set"]
    stride = 16 * 3 // int(timeline.frame_rate) + 2
    for track in cast:
        assert track.clips[0].start == 0 and track.clips[-1].stop == timeline.duration
        for a, b in itertools.pairwise(track.clips):
            assert a.stop == b.start
        spots = [clip.position(n) for clip in track.clips for n in range(clip.start, clip.stop)]
        for (ax, ay), (bx, by) in itertools.pairwise(spots):
            assert abs(ax - bx) + abs(ay - by) <= stride
        assert all(free[y // 16, x // 16] for x, y in spots)


def test_actors_walk_on_free_cells(timeline):
    check_walks(timeline, scenes.tilemap())


def test_actors_never_hide_each_other_while_they_talk(timeline):
    pack = scenes.pack()
    stage = Stage(timeline, pack)
    for n in range(timeline.duration):
        boxes = []
        for placement in stage.placements(n):
            rows, columns = np.nonzero(stage.sprite(placement)[..., 3])
            x, y = placement.corner
            boxes.append((x + columns.min(), x + columns.max(), y + rows.min(), y + rows.max()))
        (al, ar, at, ab), (bl, br, bt, bb) = boxes
        assert ar < bl or br < al or ab < bt or bb < at, f"frame {n}"


def test_walking_animations_show_where_the_actor_goes(timeline):
    heading = {"down": (0, 1), "up": (0, -1), "left": (-1, 0), "right": (1, 0)}
    walks = [c for t in timeline.tracks for c in t.clips if "walk_" in str(c.properties.get("tag"))]
    assert walks
    for clip in walks:
        first, last = clip.keyframes
        step = np.sign([last.x - first.x, last.y - first.y]).tolist()
        assert tuple(step) == heading[str(clip.properties["tag"]).removeprefix("walk_")]


def test_the_two_face_each_other_while_they_talk(timeline):
    n = timeline.track("captions").clips[0].start
    facing, spots = {}, {}
    for name in ("mira", "warden"):
        clip = next(c for c in timeline.track(name).clips if c.start <= n < c.stop)
        facing[name], spots[name] = clip.properties["tag"], clip.position(n)
    left, right = sorted(spots, key=lambda name: spots[name])
    assert (facing[left], facing[right]) == ("idle_right", "idle_left")


def test_the_camera_moves_gently_and_keeps_the_speakers_in_view(timeline):
    stage = Stage(timeline, scenes.pack())
    seen = [stage.camera(n) for n in range(timeline.duration)]
    for (ax, ay), (bx, by) in itertools.pairwise(seen):
        assert abs(ax - bx) <= 4 and abs(ay - by) <= 4
    assert len(set(seen)) > 20
    for clip in timeline.track("captions").clips:
        box_top = stage.caption_area(clip)[1]
        for n in (clip.start, clip.stop - 1):
            for placement in stage.placements(n):
                x, y = (f - c for f, c in zip(placement.foot, seen[n], strict=True))
                assert 20 <= x < 300 and 20 <= y < box_top


def map_of(rows: list[str]) -> Tilemap:
    base = scenes.tilemap()
    gids = np.array([[{"#": 1, ".": 2}[c] for c in row] for row in rows], dtype=np.uint32)
    layer = TileLayer("ground", gids)
    return Tilemap(base.tilesets, (layer,), (ObjectLayer("objects", ()),), (16, 16))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_plans_on_any_map_keep_to_free_cells(seed, count):
    random = np.random.default_rng(seed)
    wall = random.random((24, 30)) < 0.12
    rows = ["".join("#" if cell else "." for cell in row) for row in wall]
    tilemap, figure = map_of(rows), figure_of(samples.sheet(32))
    cast = {f"a{i}": figure for i in range(count)}
    try:
        parts = plan_blocking(tilemap, cast, (320, 180), generator(seed))
    except GenerationError:
        return
    free = free_cells(tilemap)
    assert list(parts) == list(cast)
    for part in parts.values():
        assert part.path[-1] == part.leave[0] == part.place
        for path in (part.path, part.leave):
            assert all(free[y, x] for x, y in path)
            directions(path)  # fails on a step that is not one cell
    places = [part.place for part in parts.values()]
    assert len(set(places)) == len(places)


def test_a_map_without_room_is_refused():
    with pytest.raises(GenerationError, match="no open place"):
        compose(assets={**scenes.ingredients(), "keep": map_of(["####", "#..#", "####"])})


def test_a_corridor_is_enough_for_two():
    rows = ["#" * 40, "#" + "." * 38 + "#", "#" * 40]
    timeline = compose(assets={**scenes.ingredients(), "keep": map_of(rows)}).asset
    check_walks(timeline, map_of(rows))


def test_one_actor_may_talk_alone_and_four_may_listen():
    lonely = DialogueTree((DialogueNode("gate_01", "mira", "Nobody here."),), "gate_01")
    assets = {**scenes.ingredients(), "gate": lonely}
    assert [t.name for t in compose(assets=assets).asset.tracks[:2]] == ["set", "mira"]
    names = ["mira", "warden", "brann", "odile", "finn"]
    nodes = tuple(
        DialogueNode(f"gate_{i}", name, f"I am {name}.", next=f"gate_{i + 1}" if i < 4 else None)
        for i, name in enumerate(names)
    )
    crowd = {name: samples.sheet(32) for name in names}
    assets = {**scenes.ingredients(), **crowd, "gate": DialogueTree(nodes, "gate_0")}
    timeline = compose(assets=assets).asset
    assert {t.name for t in timeline.tracks} >= set(names)
    check_walks(timeline, scenes.tilemap())


# ---------------------------------------------------------------- words


def test_captions_are_lines_of_the_dialogue_in_order(timeline):
    tree = samples.dialogue()
    texts = {node.id: node.text for node in tree.nodes}
    texts |= {choice.id: choice.text for node in tree.nodes for choice in node.choices}
    captions = timeline.track("captions").clips
    spoken = [str(clip.properties["node"]) for clip in captions]
    assert spoken == ["gate_01", "gate_01a", "gate_02", "gate_04"]  # the longer branch
    for clip in captions:
        assert clip.properties["text"] == texts[clip.name] and clip.asset == "gate"
        seconds = clip.duration / timeline.frame_rate
        assert seconds >= max(1.6, len(texts[clip.name]) / READING_SPEED)
        assert 0 < int(clip.properties["reveal"]) < clip.duration
    assert captions[1].properties["speaker"] == "mira"  # answers the warden


def test_conditions_decide_what_can_be_answered():
    asks = DialogueNode(
        "a", "warden", "The password?",
        (Choice("a1", "Ember.", "b", condition="knows"), Choice("a2", "Er...", "c")),
    )  # fmt: skip
    tree = DialogueTree(
        (asks, DialogueNode("b", "warden", "Pass.", next="d"), DialogueNode("c", "warden", "No."),
         DialogueNode("d", "mira", "Thanks.")),
        "a",
        {"knows": False},
    )  # fmt: skip
    lines = [s.line_id for s in write_screenplay(tree, 24, generator(0))]
    assert lines == ["a", "a2", "c"]
    told = dataclasses.replace(tree, variables={"knows": True})
    assert [s.line_id for s in write_screenplay(told, 24, generator(0))] == ["a", "a1", "b", "d"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_tree_is_walked_to_an_end(data):
    """Random graphs with loops: the walk stops, and each line follows from the one before."""
    count = data.draw(st.integers(1, 7))
    nodes = []
    for i in range(count):
        targets = data.draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True))
        targets = sorted({*targets, min(i + 1, count - 1)}) if i < count - 1 else []
        choices, after = (), None
        if len(targets) == 1:
            after = f"n{targets[0]}"
        else:
            choices = tuple(Choice(f"n{i}c{t}", f"to {t}", f"n{t}") for t in targets)
        nodes.append(DialogueNode(f"n{i}", f"s{i % 2}", f"line {i}", choices, after))
    tree = DialogueTree(tuple(n for n in nodes if reachable(nodes, n.id)), "n0")
    lines = write_screenplay(tree, 24, generator(data.draw(st.integers(0, 99))))
    assert lines[-1].line_id == f"n{count - 1}"
    targets = {c.id: c.target for n in tree.nodes for c in n.choices}
    for a, b in itertools.pairwise(lines):
        if a.line_id in targets:
            assert b.line_id == targets[a.line_id]
        else:
            node = tree.node(a.line_id)
            following = {c.id for c in node.choices} | {c.target for c in node.choices}
            assert b.line_id in following | {node.next}


def reachable(nodes: list[DialogueNode], wanted: str) -> bool:
    seen, todo = {"n0"}, ["n0"]
    known = {node.id: node for node in nodes}
    while todo:
        node = known[todo.pop()]
        for target in {c.target for c in node.choices} | ({node.next} - {None}):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return wanted in seen


def test_who_answers():
    assert answering(samples.dialogue()) == "mira"
    assert answering(DialogueTree((DialogueNode("a", "mira", "Hm."),), "a")) is None


# ---------------------------------------------------------------- sounds


def test_steps_sound_only_while_somebody_walks(timeline):
    walks = [c for c in timeline.track("mira").clips if "walk_" in str(c.properties["tag"])]
    steps = timeline.track("steps mira").clips
    assert len(steps) >= 2 * len(walks)
    for step in steps:
        walk = next(c for c in walks if c.name == step.properties["cue"])
        assert walk.start <= step.start < walk.stop


def test_a_voice_opens_every_caption(timeline):
    opened = {(c.properties["cue"], c.start) for c in timeline.track("voice").clips}
    assert opened == {(c.name, c.start) for c in timeline.track("captions").clips}


def test_doors_coins_and_magic_have_their_moments():
    friendly = dataclasses.replace(
        samples.dialogue(),
        nodes=tuple(
            dataclasses.replace(n, tags={"mood": "friendly"}) for n in samples.dialogue().nodes
        ),
    )
    tilemap = scenes.tilemap()
    door = dataclasses.replace(tilemap.objects[2], cls="door", properties={"colour": "red"})
    layer = ObjectLayer("objects", (*tilemap.objects[:2], door))
    with_door = dataclasses.replace(tilemap, object_layers=(layer,))
    assets = {**scenes.ingredients(), "gate": friendly, "keep": with_door}
    effects = compose(assets=assets).asset.track("effects").clips
    assert [(c.asset, c.properties["cue"]) for c in effects] == [
        ("door", "opening"), ("coin", "farewell"), ("ember", "ending"),
    ]  # fmt: skip
    plain = {c.asset for c in compose().asset.track("effects").clips}
    assert plain == {"ember"}  # no door on the map, and a tense parting


def test_without_sounds_the_scene_is_silent():
    assert not [t for t in compose(sounds={}).asset.tracks if t.kind == "sound"]


# ---------------------------------------------------------------- requests that do not fit


@pytest.mark.parametrize(
    ("resolution", "scale"),
    [((1280, 720), 4), ((1920, 1080), 6), ((640, 360), 2), ((3840, 2160), 12), ((320, 180), 1),
     ((1024, 768), 4), ((854, 480), 2), ((480, 854), 2)],
)  # fmt: skip
def test_scales(resolution, scale):
    assert check_resolution(resolution) == scale


@pytest.mark.parametrize(
    "resolution", [(1366, 767), (1279, 720), (64, 64), (3840, 2), (1022, 1022)]
)
def test_sizes_that_are_no_multiple_are_refused(resolution):
    with pytest.raises(UsageError) as caught:
        compose(resolution=resolution)
    assert caught.value.where == "cutscene.resolution" and caught.value.remedy


def without(*names: str) -> dict:
    return {key: asset for key, asset in scenes.ingredients().items() if key not in names}


def mute_walker() -> dict:
    sheet = samples.sheet(32)
    tags = tuple(tag for tag in sheet.tags if not tag.name.startswith("walk"))
    return {**scenes.ingredients(), "mira": dataclasses.replace(sheet, tags=tags)}


@pytest.mark.parametrize(
    ("assets", "changes", "where", "words"),
    [
        (without("keep"), {}, "cutscene.map", "'keep' is nothing"),
        (without(), {"map": "gate"}, "cutscene.map", "a DialogueTree"),
        (without("gate"), {}, "cutscene.dialogue", "'gate'"),
        (without("warden"), {}, "cutscene.dialogue", "'warden' has no character"),
        (mute_walker(), {}, "cutscene.dialogue", "'walk_down'"),
        (without("coin"), {}, "cutscene.sounds", "'coin'"),
        (without(), {"frame_rate": 11}, "cutscene.frame_rate", "12..60"),
        (without(), {"frame_rate": True}, "cutscene.frame_rate", "12..60"),
    ],
)
def test_what_does_not_fit_is_named(assets, changes, where, words):
    with pytest.raises(UsageError, match=words) as caught:
        compose(assets=assets, **changes)
    assert caught.value.where == where


def test_who_is_drawn_from_one_side_glides_and_is_mirrored_to_the_right():
    sheet = samples.sheet(32)
    tags = (Tag("idle", 0, 2),)
    assets = {**scenes.ingredients(), "mira": dataclasses.replace(sheet, tags=tags)}
    timeline = compose(assets=assets).asset
    clips = next(track for track in timeline.tracks if track.name == "mira").clips
    assert {clip.properties["tag"] for clip in clips} == {"idle"}
    facing = {clip.name.split("_")[1].split()[0]: clip.properties.get("flip") for clip in clips}
    assert facing.pop("right") is True
    assert facing and set(facing.values()) == {None}
    assert len({key.x for clip in clips for key in clip.keyframes}) > 2, "it moves"
    pack = scenes.replaced(scenes.pack(), mira=assets["mira"], opening=timeline)
    stage = Stage(timeline, pack)
    mirrored = next(clip for clip in clips if clip.properties.get("flip"))
    placed = next(p for p in stage.placements(mirrored.start) if p.track == "mira")
    assert (stage.sprite(placed) == assets["mira"].frame_image(placed.frame)[:, ::-1]).all()


def test_too_many_words_and_too_many_speakers_are_refused():
    def chain(count, speakers, text):
        return DialogueTree(
            tuple(
                DialogueNode(
                    f"n{i}", f"s{i % speakers}", text, next=f"n{i + 1}" if i < count - 1 else None
                )
                for i in range(count)
            ),
            "n0",
        )

    crowd = {f"s{i}": samples.sheet(32) for i in range(7)}
    base = {**scenes.ingredients(), **crowd}
    with pytest.raises(UsageError, match="5 minutes"):
        compose(assets={**base, "gate": chain(30, 2, "word " * 60 + "end.")})
    with pytest.raises(UsageError, match="7 speakers"):
        compose(assets={**base, "gate": chain(7, 7, "Hello.")})


def test_captions_move_up_where_the_camera_cannot_go_lower():
    rows = ["#" * 40, *["#" * 40] * 8, *["#" + "." * 38 + "#"] * 2, "#" * 40]
    assets = {**scenes.ingredients(), "keep": map_of(rows)}
    timeline = compose(assets=assets).asset
    pack = AssetPack("p", samples.PALETTE, {**assets, "opening": timeline})
    stage = Stage(timeline, pack)
    clip = timeline.track("captions").clips[0]
    top = stage.caption_area(clip)[1]
    feet = [p.foot[1] - stage.camera(clip.start)[1] for p in stage.placements(clip.start)]
    assert clip.properties["place"] == ("top" if top < 30 else "bottom")
    assert clip.properties["place"] == "top" and max(feet) > 180 - 64
