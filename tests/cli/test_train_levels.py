"""``train map --data DIR`` on a folder of one's own levels, to weights that a build uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_assets import cli
from aigc_assets.models.cards import SHIPPED
from aigc_assets.training.maps import grids as maps
from aigc_assets.training.maps import user_levels
from tests.training import level_writers as writers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def levels(tmp_path) -> Path:
    folder = tmp_path / "levels"
    folder.mkdir()
    for seed in range(2):
        words = writers.example(seed, 14, 18)
        words[2:-2, 2:-2][words[2:-2, 2:-2] == 1] = 2  # open enough to walk through
        (folder / f"{seed}.tmx").write_bytes(writers.tmx(words, "zlib"))
        (folder / f"{seed}.txt").write_bytes(writers.txt(words))
    (folder / "bad.tmx").write_bytes(
        b"<!DOCTYPE map [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><map/>"
    )
    return folder


def test_levels_of_ones_own_become_weights_that_a_build_uses(levels, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(maps, "SAMPLES", 8)
    monkeypatch.setattr(user_levels, "MOST_WINDOWS", 40)
    out = tmp_path / "run"
    options = ["--steps", "1", "--device", "cpu", "--theme", "cave", "-o", str(out), "--json"]
    code = cli.run(["train", "map", "--data", str(levels), *options])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "read 4 levels, skipped 1 files" in said.err and "as cave" in said.err
    assert "skipped: bad.tmx: declares a document type" in said.err
    weights = Path(json.loads(said.out)["weights"])
    made, shipped = (json.loads((f / "map_sagan.json").read_bytes()) for f in (weights, SHIPPED))
    assert made["sha256"] != shipped["sha256"] and made["config"] == shipped["config"]
    assert set(made["licences"]) == {*shipped["licences"], "LicenseRef-own-levels"}
    command = [sys.executable, "-m", "aigc_assets.cli", "generate", "map", "--theme", "cave"]
    command += ["--size", "20x16", "--seed", "3", "-o", str(tmp_path / "made"), "--json"]
    environment = {**os.environ, "AIGC_ASSETS_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert any(tmp_path.rglob("*.tmx"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--theme", "dungen"], "dungeon"),
        (["--theme", "sokoban"], "one of: dungeon, cave, techbase"),
    ],
)
def test_a_theme_that_levels_cannot_teach_is_refused(levels, capsys, options, said):
    assert cli.run(["train", "map", "--data", str(levels), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_levels_says_what_it_wants(tmp_path, capsys):
    assert cli.run(["train", "map", "--data", str(tmp_path), "-o", str(tmp_path / "o")]) == 2
    error = capsys.readouterr().err
    assert "there are no levels here" in error and ".tmx" in error
    assert not (tmp_path / "o" / "weights").exists()
    assert cli.run(["train", "map", "--data", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_only_maps_learn_from_levels(levels, capsys):
    assert cli.run(["train", "sound", "--data", str(levels), "--theme", "cave"]) == 2
    assert "--theme" in capsys.readouterr().err
