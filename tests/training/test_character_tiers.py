"""Reports of dolls, crowds and portraits: the source itself passes; the DCGAN is a column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aigc_assets.errors import DataError
from aigc_assets.training import packing
from aigc_assets.training.characters.judges import (
    beast_report,
    crowd_report,
    doll_report,
    portrait_report,
    yardstick,
)
from aigc_assets.training.characters.judges.people_truth import People
from aigc_assets.training.characters.judges.rows import Row, Wanted, strip
from aigc_assets.training.characters.judges.yardstick import Yardstick
from aigc_assets.training.characters.size32 import crowd_pictures
from aigc_assets.training.characters.size32.crowd_pictures import CrowdPictures
from aigc_assets.training.packing import read
from aigc_assets.training.trainer import Run, train
from aigc_assets.types import Frame, SpriteSheet, Tag
from tests.training.small_sources import write_crowd, write_doll
from tests.training.test_character_layers import packed, sources  # noqa: F401  # fixtures

COUNT = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    plain, out = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("packed")
    write_crowd(plain)
    write_doll(plain)
    packing.pack(plain, out, ["crowd", "doll"])
    return out


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    for module in (doll_report, portrait_report):
        for name, value in {"TRAINING": 12, "PEOPLE": COUNT, "_STEPS": 2}.items():
            monkeypatch.setattr(module, name, value)
    for module in (crowd_report, yardstick):
        monkeypatch.setattr(module, "_PEOPLE", 16)
        monkeypatch.setattr(module, "_STEPS", 2)
    monkeypatch.setattr(crowd_report, "_COLOURED", 1)
    monkeypatch.setattr(crowd_pictures, "PEOPLE", 16)


def by_measure(rows: list[Row]) -> dict[str, Row]:
    return {row.measure: row for row in rows}


def test_the_sources_dolls_pass_and_others_do_not(folder) -> None:
    data, info = read(folder, "doll")
    dolls = doll_report.Dolls(data, info)
    asked = {doll.prompt: doll for doll in dolls.sample(COUNT, 2, held_out=True)}
    assert len(asked) == COUNT
    assert all(dolls.composer.held_out(doll.numbers[None]).all() for doll in asked.values())
    for doll in asked.values():
        for name in ("torso", "headwear", "weapon"):
            assert doll.values[name] == "none" or doll.values[name] in doll.prompt

    def as_asked(wanted: Wanted, palette: np.ndarray, seed: int) -> SpriteSheet:
        return strip({"idle": dolls.pictures([asked[wanted.prompt]])}, doll_report.PIVOT)

    def always_one(wanted: Wanted, palette: np.ndarray, seed: int) -> SpriteSheet:
        return strip({"idle": dolls.pictures([next(iter(asked.values()))])}, doll_report.PIVOT)

    right, wrong = (by_measure(doll_report.doll_rows(data, info, draw))
                    for draw in (as_asked, always_one))  # fmt: skip
    for name in ("network", "features"):
        distance = right[f"frechet_distance_{name}"]
        assert distance.columns["model"] == pytest.approx(distance.columns["floor"], rel=1e-3)
        assert distance.met is True and "no baseline" in distance.target
    for measure in ("palette_leaks", "alpha_errors"):
        assert right[measure].met is True, right[measure]
    words = right["torso_word_found_features"].columns
    assert words["model"] == words["floor"]
    colours = right["colour_words_found"].columns
    assert colours["model"] == colours["floor"]
    assert right["feet_off_pivot_px"].columns == {"model": 1}  # the small source hovers
    assert wrong["coverage_features"].columns["model"] < 1
    assert right["coverage_features"].columns["model"] == 1
    assert (wrong["frechet_distance_features"].columns["model"]
            > right["frechet_distance_features"].columns["model"])  # fmt: skip


def test_crowds_of_the_source_are_compared_class_by_class(folder) -> None:
    data, info = read(folder, "crowd")
    source = CrowdPictures(data, info)
    asked: list[Wanted] = []

    def draw(wanted: Wanted, palette: np.ndarray, seed: int) -> SpriteSheet:
        asked.append(wanted)
        maps, label = source.real("train", 5, 12)
        kind = [source.classes[i].split("/")[0] for i in label.tolist()]
        rows = [i for i, name in enumerate(kind) if name == wanted.kind]
        some = source.sprites.rgba(maps.numpy().astype(np.uint8))
        chosen = [some[rows[i % len(rows)]] for i in range(wanted.crowd)]
        frames = tuple(Frame((32 * i, 0, 32, 32), 100, (16, 31)) for i in range(len(chosen)))
        tags = tuple(Tag(f"idle_{i + 1}", i, i + 1) for i in range(len(chosen)))
        return SpriteSheet(np.concatenate(chosen, 1), frames, tags, palette)

    rows = by_measure(crowd_report.crowd_rows(data, info, draw))
    held = [source.classes[i] for i in source.real("held-out", 2, 1)[1].tolist()]
    creatures = [name for name in held if name.split("/")[0] in crowd_report.KINDS[1:]]
    plain = [w for w in asked if w.prompt.split()[0] not in ("red", "green", "blue", "yellow",
             "purple", "brown", "grey", "white")]  # fmt: skip
    assert sum(w.crowd for w in plain if w.kind != "person") == len(creatures)
    assert any(w.kind == "person" for w in plain)
    assert rows["palette_leaks"].met is True and rows["alpha_errors"].met is True
    assert rows["near_copies"].columns["model"] > 0.5  # all but the people are training pictures
    assert rows["near_copies"].met is False
    assert "baseline" not in rows["frechet_distance_network"].columns


def test_pictures_of_the_yardstick_are_a_column(folder, tmp_path) -> None:
    with pytest.raises(DataError, match="no checkpoint of a DCGAN"):
        Yardstick(tmp_path, folder)
    task = packing.task_class("dcgan")
    data, info = read(folder, "crowd")
    run = Run("cpu", 1.0, 0, tmp_path / "one", "fp32", steps=1)
    train(task(data, info, run), info, run)
    found = Yardstick(tmp_path, folder)
    pictures = found.pictures("dcgan", 6)
    assert pictures is not None and pictures.shape == (6, 32, 32, 4)
    assert set(np.unique(pictures[..., 3])) <= {0, 255}
    assert not pictures[pictures[..., 3] == 0].any()
    assert found.minutes["dcgan"] >= 0
    assert found.pictures("dcgan16", 6) is None  # nobody trained it
    assert yardstick.baseline(found, "dcgan16", 6) == yardstick.baseline(None, "dcgan", 6) == {}
    every = found.pictures("dcgan", 4, yardstick.KINDS)
    assert every is not None and len(every) == 4


def test_portraits_are_busts_at_twice_the_size(packed) -> None:  # noqa: F811
    data, info = read(packed, "character")
    people = People(data, info)
    asked = {p.prompt: p for p in people.sample(COUNT, 4, held_out=True)}

    def draw(wanted: Wanted, palette: np.ndarray, seed: int) -> SpriteSheet:
        assert wanted.kind == "portrait"
        bust = portrait_report.busts(people.fronts([asked[wanted.prompt]], palette))
        return strip({"portrait": bust}, (32, 63))

    rows = by_measure(portrait_report.portrait_rows(data, info, draw))
    distance = rows["frechet_distance_features"].columns
    assert distance["model"] == pytest.approx(distance["floor"], rel=1e-3)
    assert rows["palette_leaks"].met is True

    figure = np.zeros((1, 64, 64, 4), np.uint8)
    figure[0, 20:, 20:44] = (200, 10, 10, 255)
    bust = portrait_report.busts(figure)[0]
    assert bust.shape == (64, 64, 4) and not bust[0].any() and bust[-1, 32, 3] == 255
    assert bust[2, 8, 3] == 0 and bust[3, 9, 3] == 255  # EPX rounds the corner


def test_creatures_are_judged_in_tones_and_known_ones_are_copies(monkeypatch) -> None:
    monkeypatch.setattr(beast_report, "_STEPS", 2)
    monkeypatch.setattr(beast_report, "_COLOURED", 1)
    random = np.random.Generator(np.random.Philox(6))
    slots = np.zeros((40, 2, 16, 16), np.uint8)
    for number, pair in enumerate(slots):
        tall, wide = ((9, 5), (5, 9))[number % 2] + random.integers(0, 4, 2)
        pair[:, 15 - tall : 15, 8 - wide // 2 : 9 + wide // 2] = 1
        pair[:, 16 - tall : 14, 9 - wide // 2 : 8 + wide // 2] = 2
        y, x = random.integers(1, tall - 1), random.integers(-1, 2)
        pair[:, 15 - y, 7 + x : 9 + x] = 3 + random.integers(0, 6)
    names = [f"{('imp', 'dog')[i % 2]} {chr(97 + i)}" for i in range(40)]
    families = {name: ("humanoid", "quadruped")[i % 2] for i, name in enumerate(names)}
    info = {"vocabulary": {
        "bodies": {name: name for name in names[:36]}, "family": families,
        "views": {"humanoid": "front", "quadruped": "side"},
    }}  # fmt: skip
    data = {"frames": slots[:36], "held_out": slots[36:]}
    palette = beast_report.colours_of_ramps()
    assert palette.shape == (160, 3)

    def draw(wanted: Wanted, colours: np.ndarray, seed: int) -> SpriteSheet:
        kind = {"animal": 1, "monster": 0}[wanted.kind]
        table = np.zeros((10, 4), np.uint8)
        table[1:, :3], table[1:, 3] = colours[:9], 255
        frame = table[slots[(2 * seed + kind) % 36]]
        sides = ("left", "right") if kind else ("down", "up", "left", "right")
        return strip({f"{a}_{d}": frame for a in wanted.animations for d in sides}, (8, 14))

    rows = by_measure(beast_report.beast_rows(data, info, draw))
    assert rows["near_copies"].columns["model"] == 1 and rows["near_copies"].met is False
    assert rows["palette_leaks"].met is True
    assert rows["feet_off_pivot_px"].columns["model"] == 0
    assert {"family_word_found_features", "walk_loop_seam", "motion"} <= rows.keys()
    assert "head_flicker" not in rows  # the source does not walk

    light, dark = slots[:2, 0, ..., None].repeat(4, -1) * 20, slots[:2, 0, ..., None].repeat(4, -1)
    for pictures in (light, dark):
        pictures[..., 3] = np.where(slots[:2, 0] > 0, 255, 0)
    assert (beast_report.toned(light) == beast_report.toned(dark)).all()
