from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.models.sagan import SaganConfig
from aigc_assets.training import maps
from aigc_assets.training.maps import MapTask
from aigc_assets.training.packing import pack, read
from aigc_assets.training.trainer import Run

ROUND = (1, 3, 6)
"""Levels of each source with round, rough rooms; 0 and 6 of the first and 5 are held out."""


def level(seed: int, height: int, width: int, *, round_rooms: bool) -> np.ndarray:
    """A level of rooms, corridors, yards, pools and doors in the coding of the sources."""
    random = np.random.Generator(np.random.Philox(seed))
    grid = np.zeros((height, width), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    centres = [(cy, cx) for cy in range(12, height - 8, 22) for cx in range(12, width - 8, 22)]
    for cy, cx in centres:
        kind = int(random.choice([1, 1, 2]))
        radius = int(random.integers(6, 10))
        if round_rooms:
            rough = random.random(grid.shape) * 60
            grid[(y - cy) ** 2 + (x - cx) ** 2 < radius**2 + rough] = kind
        else:
            grid[cy - radius : cy + radius, cx - radius : cx + radius] = kind
        grid[cy : cy + 3, cx : cx + 3] = 3
    for cy, cx in centres:
        if (cy, cx + 22) in centres:
            between = grid[cy + 3 : cy + 6, cx : cx + 22]
            between[between == 0] = 1
            grid[cy + 3 : cy + 6, cx + 11] = 4
        if (cy + 22, cx) in centres:
            between = grid[cy : cy + 22, cx + 4 : cx + 6]
            between[between == 0] = 1
    return grid


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny networks lose more by sharing their work than they win."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("maps")
    for number, source in enumerate(maps.SOURCES):
        folder = root / "sources" / source
        folder.mkdir(parents=True)
        arrays = {
            f"e1m{i}__tile": level(10 * number + i, 96 + 2 * i, 100 + 4 * number,
                                   round_rooms=i in ROUND)
            for i in range(7)
        }  # fmt: skip
        np.savez_compressed(folder / "levels.npz", **arrays, e1m0__light=np.zeros((2, 2)))
        card = {"licence": "CC0-1.0", "attribution": f"author {number}"}
        (folder / "SOURCES.json").write_text(json.dumps(card))
    pack(root / "sources", root / "packed", ["map"])
    return root


@pytest.fixture
def task(packed, tmp_path, monkeypatch) -> MapTask:
    small = SaganConfig(noise=8, style=4, widths=(32, 32, 32), critic_widths=(16, 32, 32))
    monkeypatch.setattr(maps, "SaganConfig", lambda: small)
    monkeypatch.setattr(maps, "SAMPLES", 12)
    torch.manual_seed(0)
    arrays, info = read(packed / "packed", "map")
    made = MapTask(arrays, info, Run("cpu", 1, 0, tmp_path, "fp32"))
    made.batch = 8
    return made


def test_packing_is_deterministic_and_names_its_sources(packed, tmp_path):
    pack(packed / "sources", tmp_path, ["map"])
    for name in ("map.npz", "map.json"):
        assert (tmp_path / name).read_bytes() == (packed / "packed" / name).read_bytes()
    info = json.loads((tmp_path / "map.json").read_text())
    assert [s["attribution"] for s in info["sources"]] == ["author 0", "author 1"]


def test_windows_are_places_in_the_levels_with_their_theme(packed):
    arrays, _ = read(packed / "packed", "map")
    windows, themes, held = maps._windows(arrays)
    assert windows.shape[1:] == (40, 40)
    assert set(themes.tolist()) == {0, 1, 2}
    assert 0 < held.mean() < 0.5
    # Levels of one size share a side of the split: no window is on both.
    train = {w.tobytes() for w in windows[~held]}
    assert not any(w.tobytes() in train for w in windows[held])


def test_round_rooms_are_caves_and_square_rooms_are_not(packed):
    arrays, info = read(packed / "packed", "map")
    for number, _, _, theme, _ in arrays["windows"].tolist():
        round_rooms = int(info["levels"][number].split("e1m")[1][0]) in ROUND
        assert (theme == 1) == round_rooms


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(DataError, match="freedoom_grid"):
        pack(tmp_path, tmp_path / "out", ["map"])


def test_both_phases_step_and_the_autoencoder_learns(task):
    losses = [task.step(0.02) for _ in range(25)]
    assert "d" not in losses[0]
    first, last = losses[0]["rebuild"], np.mean([x["rebuild"] for x in losses[-5:]])
    assert last < 0.85 * first
    before = [p.clone() for p in task.critic.parameters()]
    both = [task.step(0.5) for _ in range(3)]
    assert all(np.isfinite(list(x.values())).all() for x in both)
    assert {"d", "g", "gap", "penalty"} <= both[0].keys()
    assert any(not torch.equal(a, b) for a, b in zip(before, task.critic.parameters(), strict=True))


def test_the_same_seed_gives_the_same_steps(packed, tmp_path, monkeypatch):
    small = SaganConfig(noise=4, style=4, widths=(16, 16, 16), critic_widths=(8, 8, 16))
    monkeypatch.setattr(maps, "SaganConfig", lambda: small)
    arrays, info = read(packed / "packed", "map")
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        task = MapTask(arrays, info, Run("cpu", 1, 3, tmp_path, "fp32"))
        task.batch = 4
        runs.append([task.step(0.01), task.step(0.6)])
    assert runs[0] == runs[1]


def test_evaluation_has_floor_and_baseline_and_a_preview_is_written(task, tmp_path):
    metrics = task.evaluate()
    for name in ("tile_pattern_kl", "connected_share", "mean_hamming", "repeated"):
        assert metrics[name].keys() == {"model", "floor", "baseline", "strong_baseline"}
    assert metrics["tile_pattern_kl"]["floor"] < metrics["tile_pattern_kl"]["baseline"]
    task.preview(tmp_path / "map_000001")
    assert (tmp_path / "map_000001.png").stat().st_size > 1000
    network, config = task.shipped()["map_sagan"]
    assert SaganConfig(**json.loads(json.dumps(config))) == task.config
    assert not network.training


def test_baseline_keeps_the_column_statistics():
    windows = np.zeros((50, 32, 32), dtype=np.uint8)
    windows[:, ::2] = 1  # rows alternate
    made = maps.column_markov_maps(windows, 30, 0)
    assert (made[:, 1:] != made[:, :-1]).mean() > 0.98


def test_strong_baseline_draws_what_the_neighbours_say():
    windows = np.zeros((50, 32, 32), dtype=np.uint8)
    windows[:, :, ::2] = 1  # columns alternate, so the left neighbour decides
    made = maps.local_markov_maps(windows, 20, 0)
    assert made[:, :, ::2].mean() > 0.98 and made[:, :, 1::2].mean() < 0.02
