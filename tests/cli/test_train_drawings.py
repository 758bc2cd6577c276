"""``train character --data DIR`` on a folder of one's own drawings, to weights that draw."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from aigc_assets import cli
from aigc_assets.models import checkpoint
from aigc_assets.models.cards import SHIPPED, read_card
from aigc_assets.models.fsq_vae import FsqVae, FsqVaeConfig
from aigc_assets.models.sprite_maskgit import SpriteMaskgit, SpriteMaskgitConfig
from aigc_assets.pipelines import made
from aigc_assets.pipelines.characters.size32 import creatures32
from aigc_assets.training.characters.drawings import own_sprites
from aigc_assets.training.characters.size32 import sprite_prior, sprite_tokens
from aigc_assets.types.oklab import FAMILIES
from tests.training.drawings import figure, gif, png, sheet

TINY = FsqVaeConfig.tiny()
SMALL = partial(FsqVaeConfig, widths=TINY.widths, blocks=TINY.blocks)


@pytest.fixture
def drawings(tmp_path) -> Path:
    """Thirty drawings of 16 px in files of four sorts, and two that are no use."""
    folder = tmp_path / "drawings"
    folder.mkdir()
    for i in range(14):
        (folder / f"gnoll_{i:02d}.png").write_bytes(png(figure(15, 14, i)))
    swords = sheet([figure(12, 10, 50 + i) for i in range(12)], 4, (16, 16), 0, 0)
    (folder / "swords.png").write_bytes(png(swords))
    for i in range(4):
        canvas = np.zeros((2, 16, 16, 4), np.uint8)
        canvas[0, 1:15, 1:15] = canvas[1, 2:16, 1:15] = figure(14, 14, 80 + i)
        (folder / f"imp{i}.gif").write_bytes(gif(list(canvas)))
    (folder / "copy.png").write_bytes(png(figure(15, 14, 3)))
    (folder / "cut.png").write_bytes(png(figure(15, 14, 60))[:-20])
    return folder


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Path:
    """Small weights in place of the shipped ones, and small batches."""
    torch.manual_seed(0)
    folder = tmp_path / "tiny"
    monkeypatch.setattr(sprite_tokens, "FsqVaeConfig", SMALL)
    for module in (sprite_tokens, sprite_prior):
        monkeypatch.setattr(module, "BATCH", 4)
    monkeypatch.setattr(sprite_prior, "SAMPLES", 4)
    for name in ("STYLE_SAMPLES", "SHOWN"):
        monkeypatch.setattr(own_sprites, name, 4)
    codes = FsqVae(SMALL())
    tones = torch.tensor([30, 95, 160, 225], dtype=torch.uint8)
    codes.colours[1:].copy_(torch.cartesian_prod(tones, tones, tones)[:47])
    config = SpriteMaskgitConfig(
        codes=codes.config.codes, subclasses=("orc", "sword"), words=("big", "fire"),
        colours=FAMILIES, dim=32, num_layers=1, num_heads=2, hidden=32, seeds=8,
    )  # fmt: skip
    prior = SpriteMaskgit(config)
    prior.seed_labels.copy_(torch.tensor([[2 * (k % 2), k % 2, 2, 2, 2, k] for k in range(8)]))
    prior.seed_images[:, 12:, 8:24] = 5
    for name, network in (("sprite_fsq_vae", codes), ("sprite_maskgit", prior)):
        card = {**read_card(name), "config": dataclasses.asdict(network.config)}
        checkpoint.save(name, network, card, folder)
    for path in SHIPPED.iterdir():
        if path.is_file() and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(folder))
    for cache in (made.load_model, creatures32.networks):
        cache.cache_clear()
    yield folder
    for cache in (made.load_model, creatures32.networks):
        cache.cache_clear()


def train(drawings: Path, out: Path, *options: str) -> int:
    given = ["--steps", "3", "--device", "cpu", "-o", str(out), *options]
    return cli.run(["train", "character", "--data", str(drawings), *given])


def test_thirty_drawings_become_weights_that_draw(drawings, tiny, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    assert train(drawings, out, "--json") == 0
    said = capsys.readouterr()
    assert "dropped: gnoll_03.png: a copy: of copy.png" in said.err
    assert "dropped: cut.png: is cut off" in said.err
    assert "guessed: swords.png: cells of 16x16, 4x3" in said.err
    assert "guessed of 4 files: a frame of each pose is learnt" in said.err
    assert "30 drawings of 19 files of the user's own, in frames of 16 px, 5 of them" in said.err
    result = json.loads(said.out)
    accuracy = result["metrics"]["pixel_accuracy"]
    assert 0 < accuracy["baseline"] < 1 and accuracy["model"] != accuracy["baseline"]
    assert {"style_distance", "near_copies"} <= set(result["metrics"])
    weights = Path(result["weights"])
    for name in ("sprite_fsq_vae", "sprite_maskgit"):
        new, old = (json.loads((f / f"{name}.json").read_bytes()) for f in (weights, tiny))
        assert new["sha256"] != old["sha256"]
        assert set(new["licences"]) == {*old["licences"], "LicenseRef-own-drawings"}
        assert new["command"].startswith("aigc-assets train character --data drawings --minutes 6")
        assert any("30 drawings" in note for note in new["notes"])
        own = new["own_drawings"]
        assert own["side"] == 16 and own["words"] == {"gnoll": "monster", "imp": "monster"}
    strip = cv2.imread(str(out / "samples.png"))
    assert strip is not None and strip.shape[0] == 18 * 6
    assert len((out / "samples.txt").read_text().splitlines()) == 5
    assert (out / "dropped.txt").read_text().splitlines()[0].startswith("cut.png: is cut off")

    # The new weights draw at the size of the drawings and in their colours.
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", "nothing that is used")
    ask = ["generate", "character", "--prompt", "gnoll", "--weights", str(weights), "-q"]
    made_in = tmp_path / "made"
    assert cli.run([*ask, "--size", "16", "-o", str(made_in), "-f", "png"]) == 0
    assert os.environ["AIGC_ASSETS_WEIGHTS"] == "nothing that is used"
    sheets = [p for p in made_in.rglob("*.png") if cv2.imread(str(p)).shape == (16, 32, 3)]
    assert len(sheets) == 1
    picture = cv2.cvtColor(cv2.imread(str(sheets[0]), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    drawn = {f"{r:02x}{g:02x}{b:02x}" for r, g, b, a in picture.reshape(-1, 4).tolist() if a}
    assert drawn and drawn <= set((weights / "palette.hex").read_text().split())
    assert cli.run([*ask, "--size", "32", "-o", str(made_in)]) == 2
    assert "these weights draw monster, item of 16 px" in capsys.readouterr().err
    assert cli.run([*ask, "--size", "24", "-o", str(made_in)]) == 2
    assert cli.run(["evaluate", "character", "--weights", str(weights), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["pixel_accuracy (sprite_fsq_vae)"]

    # The same folder goes on, another one is refused.
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tiny))
    (drawings / "more.png").write_bytes(png(figure(13, 15, 90)))
    assert train(drawings, out) == 2
    assert "holds a run on other drawings" in capsys.readouterr().err


def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(
    drawings, tiny, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "run"
    step, done = own_sprites.OwnSpriteTokensTask.step, []

    def interrupted(task, progress):
        done.append(progress)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(task, progress)

    monkeypatch.setattr(own_sprites.OwnSpriteTokensTask, "step", interrupted)
    assert train(drawings, out) == cli.INTERRUPTED
    assert "run it again to go on" in capsys.readouterr().err
    assert len(done) == 2 and not (out / "weights").exists()
    assert not list(out.rglob("*.part"))
    assert train(drawings, out) == 0
    said = capsys.readouterr()
    assert "sprite: 3.6 wall min on cpu, bf16" in said.err and "from step 2" in said.err
    assert len(done) == 3 and (out / "weights" / "sprite_maskgit.json").is_file()
    assert '--prompt "gnoll" --kind monster --size 16 --weights' in said.out
    assert "palette = " in said.out


@pytest.mark.skipif(os.name != "posix", reason="needs limits of processes")
def test_a_disk_that_is_full_ends_in_one_line(drawings, tiny, tmp_path, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert train(drawings, tmp_path / "run") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "cannot write: File too large" in error
    assert not list((tmp_path / "run").rglob("*.part"))


def test_a_place_that_cannot_be_written_to_is_named(drawings, tiny, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert train(drawings, tmp_path / "file" / "run") == 1
    assert "choose another folder with -o" in capsys.readouterr().err


def test_too_few_drawings_end_in_one_line_and_leave_nothing(drawings, tmp_path, capsys):
    for i in range(4):
        (drawings / f"gnoll_{i:02d}.png").unlink()
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
        (["--size", "64"], "one of: 16, 24, 32"),
        (["--theme", "cave"], "--theme"),
    ],
)
def test_options_that_make_no_sense_are_refused(drawings, tmp_path, capsys, options, said):
    where = ["-o", str(tmp_path / "run")]
    assert cli.run(["train", "character", "--data", str(drawings), *where, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "value"), [("--grid", "16x16"), ("--size", "16")])
def test_only_drawings_have_a_grid_and_a_size(tmp_path, capsys, name, value):
    assert cli.run(["train", "sound", "--data", str(tmp_path), name, value]) == 2
    assert name in capsys.readouterr().err


def test_a_folder_without_weights_is_refused(tmp_path, capsys):
    assert cli.run(["build", "--weights", str(tmp_path)]) == 2
    assert "no weights in" in capsys.readouterr().err
