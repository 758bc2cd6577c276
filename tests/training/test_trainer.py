"""The trainer with the real tasks on small data: runs, resumes, ships, and fails clearly."""

from __future__ import annotations

import functools
import json
import math
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from aigc_assets.errors import DataError
from aigc_assets.models import MODELS, checkpoint
from aigc_assets.models.fsq_vae import FsqVaeConfig
from aigc_assets.models.map_maskgit import MapMaskgitConfig
from aigc_assets.models.map_refiner import MapGanConfig
from aigc_assets.models.pose_decoder import PoseDecoderConfig
from aigc_assets.models.relief_gan import ReliefConfig
from aigc_assets.models.sagan import SaganConfig
from aigc_assets.models.slot_mixer import SlotMixerConfig
from aigc_assets.models.sprite_maskgit import SpriteMaskgitConfig
from aigc_assets.training import TASKS
from aigc_assets.training.__main__ import main
from aigc_assets.training.characters.size16 import (
    tiny_beasts,
    tiny_creatures,
    tiny_people,
    tiny_poses,
)
from aigc_assets.training.characters.size32 import (
    crowd_pictures,
    crowds,
    dolls,
    sprite_prior,
    sprite_tokens,
)
from aigc_assets.training.characters.size64 import people as characters
from aigc_assets.training.characters.words import prompts
from aigc_assets.training.dialogue import writing as dialogue
from aigc_assets.training.maps import grids as maps
from aigc_assets.training.maps import relief
from aigc_assets.training.maps import tokens as map_tokens
from aigc_assets.training.packing import pack, read, task_class
from aigc_assets.training.trainer import Ema, Run, cosine, pick_device, set_lr, train
from tests.training.small_sources import WRITERS

every_kind = pytest.mark.parametrize("kind", list(TASKS))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    """One thread, and networks and batches that take milliseconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    draft = SaganConfig(noise=8, style=4, widths=(32, 32, 32), critic_widths=(16, 32, 32))
    monkeypatch.setattr(maps, "MapGanConfig", lambda: MapGanConfig(draft, width=8, blocks=1))
    monkeypatch.setattr(maps, "SAMPLES", 4)
    monkeypatch.setattr(relief, "ReliefConfig", lambda kinds: ReliefConfig.tiny())
    monkeypatch.setattr(relief, "STRIDE", 9)
    tokens = MapMaskgitConfig(dim=32, num_layers=1, num_heads=2, hidden=32)
    monkeypatch.setattr(map_tokens, "MapMaskgitConfig", lambda: tokens)
    for name in ("LEVELS", "PLATFORMERS", "SOKOBANS"):
        monkeypatch.setattr(map_tokens, name, 1)
    monkeypatch.setattr(characters, "BATCH", 4)
    for tiny in (tiny_people, tiny_beasts, tiny_creatures, tiny_poses):
        monkeypatch.setattr(tiny, "BATCH", 12)
    monkeypatch.setattr(tiny_beasts, "POOL", 60)
    for tiny in (tiny_people, tiny_beasts, tiny_creatures):
        thin = functools.partial(
            SlotMixerConfig, widths=(32, 16, 16), item_channels=8, condition=16
        )
        monkeypatch.setattr(tiny, "SlotMixerConfig", thin)
    slim = functools.partial(PoseDecoderConfig, widths=(16, 16, 32), condition=16, key=8)
    monkeypatch.setattr(tiny_poses, "PoseDecoderConfig", slim)
    monkeypatch.setattr(dolls, "BATCH", 4)
    monkeypatch.setattr(prompts, "BATCH", 8)
    small_codes = partial(FsqVaeConfig, widths=(32, 32), blocks=(1, 1, 1))
    monkeypatch.setattr(sprite_tokens, "FsqVaeConfig", small_codes)
    small_prior = partial(SpriteMaskgitConfig, dim=32, num_layers=1, num_heads=2, hidden=32)
    monkeypatch.setattr(sprite_prior, "SpriteMaskgitConfig", small_prior)
    monkeypatch.setattr(sprite_tokens, "BATCH", 4)
    monkeypatch.setattr(sprite_prior, "BATCH", 4)
    monkeypatch.setattr(crowds, "BATCH", 8)
    monkeypatch.setattr(crowd_pictures, "PEOPLE", 64)
    monkeypatch.setattr(dialogue, "ROWS", 2)
    monkeypatch.setattr(dialogue, "LENGTH", 32)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialogue, "HELD_OUT_EXCHANGES", 20)
        for write in WRITERS.values():
            write(sources)
        pack(sources, out)
    info = json.loads((out / "sound.json").read_text())
    info.update(synthetic_per_kind=1, variants=1, frames_per_batch=128)
    info["config"] = {"encoder_width": 8, "decoder_width": 8, "components": 2}
    (out / "sound.json").write_text(json.dumps(info))
    return out


def task_of(kind: str, packed: Path, run: Run) -> tuple[Any, dict[str, Any]]:
    """A real task whose metrics and previews, tested elsewhere, cost nothing here."""
    torch.manual_seed(run.seed)
    arrays, info = read(packed, kind)
    task = task_class(kind)(arrays, info, run)
    task.evaluate = lambda: {"quality": {"model": 0.5, "floor": 1.0, "baseline": 0.1}}
    task.preview = lambda path: None
    return task, info


class Stopped(Exception):
    """The machine goes down."""


def state_of(folder: Path, kind: str) -> dict[str, torch.Tensor]:
    return load_file(folder / f"{kind}.checkpoint.safetensors")


@every_kind
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_steps_and_a_checked_card(
    kind: str, precision: str, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = Run("cpu", 10, 0, tmp_path, precision, steps=2)
    task, info = task_of(kind, packed, run)
    losses: list[dict[str, float]] = []
    step = task.step
    task.step = lambda progress: losses.append(step(progress)) or losses[-1]
    metrics = train(task, info, run)
    assert metrics == {"quality": {"model": 0.5, "floor": 1.0, "baseline": 0.1}}
    assert len(losses) == 2
    assert all(math.isfinite(value) for row in losses for value in row.values())
    for value in state_of(tmp_path, kind).values():
        assert torch.isfinite(value.float()).all()
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path / "weights"))
    for name in task.models:
        loaded = checkpoint.load(name)
        assert loaded.card["kind"] == MODELS[name].kind
        assert f"--only {kind} " in loaded.card["command"]
        assert loaded.card["training"]["steps"] == 2
        assert loaded.card["training"]["precision"] == precision
        assert loaded.card["metrics"] == metrics
        assert loaded.card["data"] == info["sources"]
        for parameter in loaded.network.parameters():
            assert torch.isfinite(parameter).all()
    assert not list(tmp_path.rglob("*.part"))


@every_kind
def test_both_precisions_learn_the_same(kind: str, packed: Path, tmp_path: Path):
    first = {}
    for precision in ("fp32", "bf16"):
        task, _ = task_of(kind, packed, Run("cpu", 1, 0, tmp_path, precision))
        first[precision] = task.step(0.5)
    assert first["fp32"].keys() == first["bf16"].keys()
    for key, value in first["fp32"].items():
        assert first["bf16"][key] == pytest.approx(value, rel=0.1, abs=0.1), key


@every_kind
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(kind: str, packed: Path, tmp_path: Path):
    def run_in(folder: str) -> Run:
        return Run("cpu", 10, 0, tmp_path / folder, "fp32", steps=4)

    run = run_in("undisturbed")
    task, info = task_of(kind, packed, run)
    train(task, info, run)

    run = run_in("stopped")
    task, info = task_of(kind, packed, run)
    step, calls = task.step, []

    def stop_at_third(progress: float) -> dict[str, float]:
        calls.append(progress)
        if len(calls) == 3:
            raise Stopped
        return step(progress)

    task.step = stop_at_third
    with pytest.raises(Stopped):
        train(task, info, run, save_every=0)
    assert not (tmp_path / "stopped" / "weights").exists()

    run = run_in("stopped")
    task, info = task_of(kind, packed, run)
    with torch.no_grad():
        for module in task.modules().values():
            for parameter in module.parameters():
                parameter.add_(1)  # what it starts with must not matter
    train(task, info, run)

    one, two = state_of(tmp_path / "undisturbed", kind), state_of(tmp_path / "stopped", kind)
    assert one.keys() == two.keys()
    different = [key for key in one if not torch.equal(one[key], two[key])]
    assert not different
    log = (tmp_path / "stopped" / f"{kind}.log").read_text()
    assert log.count('"metrics"') == 3, "held-out metrics at each checkpoint and at the end"
    for name in task.models:
        files = [
            tmp_path / f / "weights" / f"{name}.safetensors" for f in ("undisturbed", "stopped")
        ]
        assert files[0].read_bytes() == files[1].read_bytes()


@every_kind
def test_the_same_seed_trains_the_same_weights(kind: str, packed: Path, tmp_path: Path):
    states = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        run = Run("cpu", 10, seed, tmp_path / folder, "fp32", steps=1)
        task, info = task_of(kind, packed, run)
        train(task, info, run)
        states.append({k: v for k, v in state_of(run.out, kind).items() if k.startswith("module/")})
    one, two, other = states
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    assert not all(torch.equal(value, other[key]) for key, value in one.items())


def test_the_command_trains_and_ends_with_one_line_of_metrics(packed: Path, tmp_path: Path):
    command = [sys.executable, "-m", "aigc_assets.training", "--only", "sound", "--steps", "2"]
    command += ["--data", str(packed), "--out", str(tmp_path), "--threads", "1", "--device", "cpu"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert all(math.isfinite(v) for row in result["sound"].values() for v in row.values())
    assert (tmp_path / "weights" / "sound_vae.safetensors").exists()
    assert list(tmp_path.glob("sound_final.*"))
    log = (tmp_path / "sound.log").read_text().splitlines()
    assert log[0].startswith("sound: 20 wall min on cpu, bf16, 1 threads")
    assert json.loads(log[-1])["metrics"] == result["sound"]


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_the_command_without_data(harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    if harm == "damaged":
        (tmp_path / "sound.npz").write_bytes(b"not a zip")
    threads = torch.get_num_threads()
    code = main(["--only", "sound", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    captured = capsys.readouterr()
    assert code == DataError.exit_code == 2
    assert "data pack" in captured.err
    assert "Traceback" not in captured.err + captured.out
    assert not (tmp_path / "out").exists()
    assert torch.get_num_threads() == threads


class Diverging:
    """A task that goes wrong at its third step."""

    kind = "diverging"
    models = ()

    def __init__(self) -> None:
        self.network = nn.Linear(1, 1)
        self.steps = 0

    def step(self, progress: float) -> dict[str, float]:
        self.steps += 1
        return {"loss": float("nan") if self.steps == 3 else 1.0}

    def modules(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {}


def test_divergence_stops_the_run(tmp_path: Path):
    with pytest.raises(DataError, match="diverged at step 3"):
        train(Diverging(), {}, Run("cpu", 1, 0, tmp_path, steps=9))  # type: ignore[arg-type]
    assert not (tmp_path / "weights").exists()


def test_ema_follows_and_warms_up():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = Ema(network, 0.9)
    nn.init.ones_(network.weight)
    seen = []
    for _ in range(60):
        ema.update(network)
        seen.append(float(ema.network.weight))
    assert seen == sorted(seen)
    assert seen[0] == pytest.approx(1 - 2 / 11)
    assert seen[-1] == pytest.approx(1, abs=0.01)
    assert not any(p.requires_grad for p in ema.network.parameters())


def test_cosine_rises_and_falls():
    rates = [cosine(p / 100, 1.0, 0.1) for p in range(101)]
    assert rates[0] < 0.1
    assert max(rates) <= 1.0
    assert rates[-1] == pytest.approx(0.1)
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_groups_keep_their_scale():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b], "scale": 0.5}], lr=9)
    set_lr(optimizer, 0.2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.1]


def test_batches_depend_on_the_seed_only():
    draws = [Run("cpu", 1, seed, Path("x")).indices(1000, 8).tolist() for seed in (4, 4, 5)]
    assert draws[0] == draws[1] != draws[2]
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in ("cpu", "cuda")
