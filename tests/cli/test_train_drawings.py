"""``train character --data DIR`` on a folder of one's own drawings, to weights that draw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from aigc_assets import cli
from aigc_assets.models.cards import SHIPPED
from aigc_assets.training.characters.size32 import sprite_prior, sprite_tokens
from tests.training.drawings import figure, png, sheet

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def drawings(tmp_path) -> Path:
    folder = tmp_path / "drawings"
    folder.mkdir()
    for i in range(18):
        (folder / f"orc_{i:02d}.png").write_bytes(png(figure(28, 20, i)))
    swords = sheet([figure(12, 10, 50 + i) for i in range(12)], 4, (16, 16), 0, 0)
    (folder / "swords.png").write_bytes(png(swords))
    (folder / "copy.png").write_bytes(png(figure(28, 20, 3)))
    (folder / "cut.png").write_bytes(png(figure(28, 20, 60))[:-20])
    return folder


def test_thirty_drawings_become_weights_that_draw(drawings, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sprite_tokens, "BATCH", 8)
    monkeypatch.setattr(sprite_prior, "BATCH", 8)
    monkeypatch.setattr(sprite_prior, "SAMPLES", 4)
    out = tmp_path / "run"
    options = ["--steps", "5", "--device", "cpu", "-o", str(out), "--json"]
    code = cli.run(["train", "character", "--data", str(drawings), *options])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "dropped: orc_03.png: a copy: of copy.png" in said.err
    assert "dropped: cut.png: is cut off" in said.err
    assert "guessed: swords.png: cells of 16x16, 4x3" in said.err
    assert "30 drawings of 19 files of the user's own" in said.err
    result = json.loads(said.out)
    accuracy = result["metrics"]["pixel_accuracy"]
    assert 0 < accuracy["baseline"] < 1 and accuracy["model"] != accuracy["baseline"]
    weights = Path(result["weights"])
    for name in ("sprite_fsq_vae", "sprite_maskgit"):
        made, shipped = (json.loads((f / f"{name}.json").read_bytes()) for f in (weights, SHIPPED))
        assert made["sha256"] != shipped["sha256"]
        assert set(made["licences"]) == {*shipped["licences"], "LicenseRef-own-drawings"}
        assert made["command"].startswith("aigc-assets train character --data drawings --minutes 6")
        assert any("30 drawings" in note for note in made["notes"])
    strip = cv2.imread(str(out / "sprite_prior_final.png"))
    assert strip is not None and strip.shape[0] == 2 * 34 * 3
    assert (out / "dropped.txt").read_text().splitlines()[0].startswith("cut.png: is cut off")
    assert all(len(line) == 6 for line in (out / "palette.hex").read_text().split())
    script = (
        "import numpy as np\n"
        "from aigc_assets.pipelines.characters import CharacterRequest, generate_character\n"
        "from aigc_assets.pipelines.palettes import make_palette\n"
        "request = CharacterRequest('orc', size=32, kind='monster')\n"
        "made = generate_character(request, make_palette(32, 1), 5)\n"
        "assert made.asset.image.shape == (32, 64, 4) and made.asset.image[..., 3].any()\n"
    )
    environment = {**os.environ, "AIGC_ASSETS_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    # The same folder goes on, another one is refused.
    (drawings / "more.png").write_bytes(png(figure(25, 22, 90)))
    assert cli.run(["train", "character", "--data", str(drawings), *options]) == 2
    assert "holds a run on other drawings" in capsys.readouterr().out  # --json


def test_too_few_drawings_end_in_one_line_and_leave_nothing(drawings, tmp_path, capsys):
    for i in range(4):
        (drawings / f"orc_{i:02d}.png").unlink()
    out = tmp_path / "run"
    code = cli.run(["train", "character", "--data", str(drawings), "-o", str(out)])
    error = capsys.readouterr().err
    assert code == 2 and not out.exists()
    assert "27 usable drawings, at least 30 are needed; dropped: 1 is cut off" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--grid", "16"], "expected WIDTHxHEIGHT"),
        (["--grid", "0x16"], "4..512"),
        (["--grid", "²x16"], "expected WIDTHxHEIGHT"),
        (["--theme", "cave"], "--theme"),
    ],
)
def test_options_that_make_no_sense_are_refused(drawings, tmp_path, capsys, options, said):
    where = ["-o", str(tmp_path / "run")]
    assert cli.run(["train", "character", "--data", str(drawings), *where, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_only_drawings_have_a_grid(tmp_path, capsys):
    assert cli.run(["train", "sound", "--data", str(tmp_path), "--grid", "16x16"]) == 2
    assert "--grid" in capsys.readouterr().err
