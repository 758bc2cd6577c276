"""The objects behind the five-line example, with small stages."""

from __future__ import annotations

import json

import numpy as np
import pytest

import aigc_assets as aa
from aigc_assets.build import engine, stages, world
from aigc_assets.build.manifest import parse_manifest
from aigc_assets.errors import OutputError, UsageError
from aigc_assets.types import dump
from tests import samples
from tests.build.packs import document
from tests.build.small_stages import STAGES


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(world, "STAGES", STAGES)


@pytest.fixture
def small() -> aa.World:
    return aa.World(seed=3, palette=samples.PALETTE, name="small")


def fill(made: aa.World) -> None:
    made.map("keep", theme="dungeon", size=(8, 8))
    made.character("mira", "young alchemist")
    made.character("warden", "old guard")
    made.sound("coin", "coin")
    made.dialogue("gate", ["mira", "warden"])
    made.cutscene("opening", map="keep", dialogue="gate", resolution=(320, 192))


def test_the_same_bytes_as_a_manifest(small, tmp_path):
    fill(small)
    values = document()
    values["sound"][0]["variations"] = 1
    out = tmp_path / "out"
    options = engine.Options(stages=STAGES, jobs=1)
    engine.build(parse_manifest(values), samples.PALETTE, out, options)
    lock = json.loads((out / "pack.lock.json").read_text())
    for name, asset in small.pack.assets.items():
        stored = out / ".aigc" / "objects" / lock["assets"][name]["content"][:2]
        assert (stored / lock["assets"][name]["content"]).read_bytes() == dump(asset), name
    assert small.provenance("opening").kind == "cutscene"


def test_export_by_suffix(small, tmp_path):
    fill(small)
    keep = small.pack.assets["keep"]
    written = aa.export(keep, tmp_path / "build" / "keep.tmx")
    assert tmp_path / "build" / "keep.tmx" in written
    assert all(path.is_file() for path in written)
    for name in ("mira.png", "mira.json", "coin.wav", "coin.ogg", "gate.yarn", "opening.mp4"):
        paths = small.export(name.split(".")[0], tmp_path / name)
        assert tmp_path / name in paths
    with pytest.raises(UsageError, match=r"keep\.xyz"):
        aa.export(keep, tmp_path / "keep.xyz")
    with pytest.raises(UsageError, match=r"World\.export"):
        aa.export(small.pack.assets["opening"], tmp_path / "opening.mp4")
    (tmp_path / "coin.wav").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        small.export("coin", tmp_path / "coin.wav")
    small.export("coin", tmp_path / "coin.wav", force=True)
    assert (tmp_path / "coin.wav").read_bytes()[:4] == b"RIFF"
    assert not list(tmp_path.rglob("*.part"))


def test_mistakes_are_usage_errors(small):
    fill(small)
    before = dict(small.pack.assets)
    for call in (
        lambda: small.map("keep", theme="dungeon", size=(8, 8)),
        lambda: small.map("other", theme="nowhere", size=(8, 8)),
        lambda: small.map("other", theme="cave", size=(8, 1000)),
        lambda: small.character("../x", "old"),
        lambda: small.sound("moo", "moo"),
        lambda: small.dialogue("talk", ["mira", "nobody"]),
        lambda: small.cutscene("end", map="gate", dialogue="gate"),
        lambda: small.export("nothing", "x.tmx"),
        lambda: small.provenance("nothing"),
        lambda: aa.World(seed=-1),
        lambda: aa.World(palette=3),
        lambda: aa.World(name="My World"),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert dict(small.pack.assets) == before


def test_palettes(tmp_path):
    assert aa.World(seed=1, palette=24).palette.shape == (24, 3)
    (tmp_path / "two.hex").write_text("ff0000\n00ff00\n")
    assert aa.World(palette=tmp_path / "two.hex").palette.tolist() == [[255, 0, 0], [0, 255, 0]]
    assert not np.array_equal(aa.World(seed=1).palette, aa.World(seed=2).palette)


def test_shipped_stages_exist():
    for name in stages.STAGES.values():
        assert callable(stages.stage(name))
