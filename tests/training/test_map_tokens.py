from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.models import checkpoint
from aigc_assets.models.map_maskgit import MapMaskgit, MapMaskgitConfig
from aigc_assets.training.maps import tokens as map_tokens
from aigc_assets.training.maps.tokens import MapTokensTask, hide, open_share_step
from aigc_assets.training.packing import pack, read
from aigc_assets.training.trainer import Run
from tests.training.small_sources import WRITERS


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tokens")
    WRITERS["map_tokens"](root / "sources")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_tokens, "PLATFORMER_WINDOWS", 20)
        pack(root / "sources", root / "packed", ["map_tokens"])
    return root / "packed"


@pytest.fixture
def task(packed, tmp_path, monkeypatch) -> MapTokensTask:
    small = MapMaskgitConfig(dim=32, num_layers=2, num_heads=2, hidden=48)
    monkeypatch.setattr(map_tokens, "MapMaskgitConfig", lambda: small)
    for name in ("LEVELS", "PLATFORMERS", "SOKOBANS"):
        monkeypatch.setattr(map_tokens, name, 3)
    torch.manual_seed(0)
    return MapTokensTask(*read(packed, "map_tokens"), Run("cpu", 1, 0, tmp_path, "fp32"))


def test_boards_are_packed_in_the_codes_of_the_network(packed):
    arrays, info = read(packed, "map_tokens")
    boards = arrays["sokoban"]
    assert boards.shape[1:] == (10, 10)
    assert not boards[:, [0, -1]].any()  # wall is 0
    assert ((boards == 2).sum((1, 2)) == 1).all()
    assert ((boards == 3).sum((1, 2)) == (boards == 4).sum((1, 2))).all()
    assert info["themes"][3:] == ["sokoban", "platformer"]
    assert "constructive generator" in info["notes"]


def test_it_learns(task):
    losses = [task.step(0.1) for _ in range(25)]
    for name in ("large", "sokoban"):
        first, last = losses[0][name], np.mean([x[name] for x in losses[-5:]])
        assert last < 0.9 * first, name


def test_the_loss_counts_hidden_patches_only_and_keeps_to_pins(task):
    random = np.random.Generator(np.random.Philox(0))
    cells, known, theme = task._levels(random, *windows_of(task, random, 2))
    share = np.array([0, task.config.shares])
    # With three of four tiles of every patch shown, five values are left of each.
    known[:] = True
    known[:, 1::2, 1::2] = cells[:, 1::2, 1::2] == task.config.outside
    uniform = task.loss(cells, known, theme, share, awake_nothing(task))
    assert float(uniform) == pytest.approx(np.log(5), rel=1e-3)


def windows_of(task: MapTokensTask, random: np.random.Generator, count: int):
    themes = random.choice(task.windows.themes, count)
    return themes, [task.windows.draw(theme, random) for theme in themes]


def awake_nothing(task: MapTokensTask) -> torch.nn.Module:
    """The network with a head of zeros: every value is as likely as any other."""
    network = task.ema.network
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.zero_()
    return network


def test_held_out_boards_are_never_drawn(task):
    keep, levels = task.others["sokoban"]
    held = {np.sort(level.reshape(-1)).tobytes() + level.tobytes() for level in levels[~keep]}
    own = {np.sort(level.reshape(-1)).tobytes() + level.tobytes() for level in levels[keep]}
    assert held and not held & own
    random = np.random.Generator(np.random.Philox(1))
    cells, known, theme = task._sokoban(random, 40)
    assert (theme == map_tokens.SOKOBAN).all()
    boards = {level.tobytes() for level in levels[keep]}
    for board, shown in zip(cells, known, strict=True):
        y, x = np.nonzero(board != task.config.outside)
        level = board[y.min() : y.max() + 1, x.min() : x.max() + 1]
        turned = [np.rot90(part, k) for part in (level, level[:, ::-1]) for k in range(4)]
        assert any(np.ascontiguousarray(part).tobytes() in boards for part in turned)
        assert shown[board == task.config.outside].all()


def test_what_is_hidden_has_all_shapes_and_ratios():
    random = np.random.Generator(np.random.Philox(2))
    shares = np.array([1 - hide(random, 32, 32).mean() for _ in range(400)])
    assert shares.max() == 1 and shares.min() < 0.1
    assert np.histogram(shares, 5, (0, 1))[0].min() > 20


def test_steps_of_the_open_share_rise_with_it():
    config = MapMaskgitConfig()
    cells = np.zeros((9, 16, 16), dtype=np.uint8)
    for number, grid in enumerate(cells):
        grid.reshape(-1)[: number * 28] = 1
    steps = open_share_step(cells, np.zeros(9, dtype=np.int64), config)
    assert (np.diff(steps) >= 0).all() and steps[0] == 0 and steps[-1] == config.shares - 1
    cells[:, 8:] = config.outside  # what does not belong to the map does not count
    assert open_share_step(cells, np.zeros(9, dtype=np.int64), config)[-1] == config.shares - 1


def test_sampling_and_scores(task, tmp_path, monkeypatch):
    monkeypatch.setattr(map_tokens, "SAMPLES", 3)
    made = task.sample(1, 3, steps=2)
    assert made.shape == (3, 32, 32) and made.max() < 5
    assert not made[:, [0, -1]].any() and not made[:, :, [0, -1]].any()
    assert np.array_equal(made, task.sample(1, 3, steps=2))
    assert not np.array_equal(made, task.sample(2, 3, steps=2))
    metrics = task.evaluate()
    assert metrics["solvable_share"]["floor"] == 1
    assert metrics["tile_pattern_kl"].keys() >= {"model", "floor", "baseline", "random"}
    task.preview(tmp_path / "tokens_000001")
    assert (tmp_path / "tokens_000001.png").stat().st_size > 1000


def test_levels_alone_are_enough_to_fine_tune_what_is_shipped(packed, tmp_path, monkeypatch):
    small = MapMaskgitConfig(dim=16, num_layers=1, num_heads=2, hidden=16)
    monkeypatch.setattr(map_tokens, "MapMaskgitConfig", lambda: small)
    monkeypatch.setattr(map_tokens, "LEVELS", 2)
    shipped = MapMaskgit(small)
    checkpoint.save("map_maskgit", shipped, {"config": asdict(small)}, tmp_path, half=False)
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    arrays, info = read(packed, "map_tokens")
    own = {key: arrays[key] for key in ("cells", "shapes", "windows")}
    run = Run("cpu", 1, 0, tmp_path, "fp32")
    task = MapTokensTask(own, {**info, "fine_tune": True}, run)
    for network in (task.network, task.ema.network):
        state = network.state_dict()
        assert all(torch.equal(value, state[k]) for k, value in shipped.state_dict().items())
    assert task.step(0.5).keys() == {"large"}
