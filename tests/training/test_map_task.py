from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.metrics import tilemaps
from aigc_assets.models.map_refiner import MapGanConfig
from aigc_assets.models.sagan import SaganConfig
from aigc_assets.training.maps import baselines as map_baselines
from aigc_assets.training.maps import grids as maps
from aigc_assets.training.maps import refine as map_refine
from aigc_assets.training.maps import windows as map_windows
from aigc_assets.training.maps.grids import MapTask
from aigc_assets.training.maps.windows import WALKABLE, Outline, enclose
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
    for number, source in enumerate(map_windows.SOURCES):
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
    monkeypatch.setattr(maps, "MapGanConfig", lambda: MapGanConfig(small, width=16, blocks=1))
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
    windows, themes, parts = map_windows.cut_windows(arrays)
    held = parts == map_windows.HELD
    assert windows.shape[1:] == (40, 40)
    assert set(themes.tolist()) == {0, 1, 2}
    assert 0 < held.mean() < 0.5
    # Levels of one size share a side of the split: no window is on both.
    train = {w.tobytes() for w in windows[~held]}
    assert not any(w.tobytes() in train for w in windows[held])


def test_validation_is_of_levels_that_are_neither_learnt_nor_held_out(packed):
    arrays, _ = read(packed / "packed", "map")
    rows = arrays["windows"]
    levels = [set(rows[rows[:, 4] == part, 0].tolist()) for part in range(3)]
    assert all(levels) and sum(map(len, levels)) == len(set.union(*levels))
    windows = map_windows.read_windows(arrays)
    both = zip(windows.validation, windows.train, strict=True)
    own = [validation for validation, train in both if validation is not train]
    learnt = {w.tobytes() for part in windows.train for w in part}
    assert own and not any(w.tobytes() in learnt for part in own for w in part)
    # Without any, what is learnt stands for it.
    arrays["windows"] = rows[rows[:, 4] != map_windows.VALIDATION]
    alone = map_windows.read_windows(arrays)
    assert all(a is b for a, b in zip(alone.validation, alone.train, strict=True))


def test_varied_levels_keep_their_corners_and_change_their_distances():
    grid = level(5, 120, 120, round_rooms=False)[::2, ::2]
    made = [map_windows.vary(grid, np.random.Generator(np.random.Philox(i))) for i in range(12)]
    sides = np.array([m.shape for m in made])
    assert 0.5 < sides.mean() / len(grid) < 0.7 and sides.std() > 1
    again = map_windows.vary(grid, np.random.Generator(np.random.Philox(3)))
    assert np.array_equal(made[3], again)
    corners = tilemaps.window_codes(grid[None], 2)
    codes = tilemaps.window_codes(grid[None], 6)
    kept = np.mean([tilemaps.window_copy_share(m[None], corners, 2) for m in made])
    same = np.mean([tilemaps.window_copy_share(m[None], codes, 6) for m in made])
    plain = np.mean([(_windows(m, 6).std((1, 2)) == 0).mean() for m in made])
    assert kept > 0.98
    assert same - plain < 0.5 * (1 - plain)  # half of what is not plain is new


def _windows(grid: np.ndarray, size: int) -> np.ndarray:
    view = np.lib.stride_tricks.sliding_window_view(grid, (size, size))
    return view.reshape(-1, size, size)


def test_lines_with_doors_and_thin_walls_are_seldom_touched():
    grid = np.zeros((60, 60), dtype=np.uint8)
    grid[::3] = 1  # ways that are one tile wide
    grid[30, 20:50] = 4
    random = np.random.Generator(np.random.Philox(0))
    for _ in range(10):
        made = map_windows.vary(grid, random)
        assert ((made == 4).any(1).sum()) == 1
        assert (made == 4).sum() > 10


def test_varied_windows_are_maps_of_the_part_that_is_learnt(packed):
    arrays, _ = read(packed / "packed", "map")
    windows = map_windows.read_windows(arrays)
    random = np.random.Generator(np.random.Philox(1))
    for label in windows.themes:
        drawn = np.stack([windows.draw(label, random) for _ in range(12)])
        assert drawn.shape == (12, 40, 40) and drawn.dtype == np.uint8
        assert tilemaps.solvable_share(map_windows.whole_maps(drawn), WALKABLE) == 1
        known = {w.tobytes() for w in windows.train[label]}
        assert sum(w.tobytes() in known for w in drawn) <= 1


def test_a_level_in_two_parts_shows_nothing_of_the_other_part(packed):
    arrays, _ = read(packed / "packed", "map")
    rows = arrays["windows"]
    number = int(rows[0, 0])
    place = rows[rows[:, 0] == number][:2].copy()
    place[:, 1:3] = (0, 0), (0, 4)
    place[:, 4] = map_windows.TRAIN, map_windows.HELD
    arrays["windows"] = place
    level_of = map_windows._levels(arrays, 0)[number]
    learnt = map_windows.read_windows(arrays).levels[number]
    reach = map_windows.REACH
    inner = learnt[reach:-reach, reach:-reach]
    assert np.array_equal(inner[:32, :32], level_of[:32, :32])
    assert level_of[:32, 32:36].any() and not inner[:32, 32:36].any()
    assert np.array_equal(inner[:, 36:], level_of[:, 36:])


def test_round_rooms_are_caves_and_square_rooms_are_not(packed):
    arrays, info = read(packed / "packed", "map")
    for number, _, _, theme, _ in arrays["windows"].tolist():
        round_rooms = int(info["levels"][number].split("e1m")[1][0]) in ROUND
        assert (theme == 1) == round_rooms


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(DataError, match="freedoom_grid"):
        pack(tmp_path, tmp_path / "out", ["map"])


def test_both_phases_step_and_the_autoencoder_learns(task):
    losses = [task.step(0.01) for _ in range(25)]
    assert "d" not in losses[0]
    first, last = losses[0]["rebuild"], np.mean([x["rebuild"] for x in losses[-5:]])
    assert last < 0.85 * first
    before = [p.clone() for p in task.critic.parameters()]
    both = [task.step(0.25) for _ in range(3)]
    assert all(np.isfinite(list(x.values())).all() for x in both)
    assert {"d", "g", "gap", "penalty"} <= both[0].keys()
    assert any(not torch.equal(a, b) for a, b in zip(before, task.critic.parameters(), strict=True))


def test_the_same_seed_gives_the_same_steps(packed, tmp_path, monkeypatch):
    small = SaganConfig(noise=4, style=4, widths=(16, 16, 16), critic_widths=(8, 8, 16))
    monkeypatch.setattr(maps, "MapGanConfig", lambda: MapGanConfig(small, width=16, blocks=1))
    arrays, info = read(packed / "packed", "map")
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        task = MapTask(arrays, info, Run("cpu", 1, 3, tmp_path, "fp32"))
        task.batch = 4
        runs.append([task.step(0.01), task.step(0.3), task.step(0.4), task.step(0.6)])
    assert runs[0] == runs[1]


def test_evaluation_has_floor_and_baseline_and_a_preview_is_written(task, tmp_path):
    metrics = task.evaluate()
    for name in ("tile_pattern_kl", "connected_share", "mean_hamming", "repeated"):
        assert metrics[name].keys() == {
            "model", "draft", "floor", "baseline", "strong_baseline", "random"
        }  # fmt: skip
    assert metrics["tile_pattern_kl"]["floor"] < metrics["tile_pattern_kl"]["baseline"]
    task.preview(tmp_path / "map_000001")
    assert (tmp_path / "map_000001.png").stat().st_size > 1000
    network, config = task.shipped()["map_sagan"]
    assert MapGanConfig(**json.loads(json.dumps(config))) == task.whole
    assert not network.training


def test_baseline_keeps_the_column_statistics():
    windows = np.zeros((50, 32, 32), dtype=np.uint8)
    windows[:, ::2] = 1  # rows alternate
    made = map_baselines.column_markov_maps(windows, 30, 0)
    inner = made[:, 1:-1, 1:-1]
    assert (inner[:, 1:] != inner[:, :-1]).mean() > 0.98


def test_strong_baseline_draws_what_the_neighbours_say():
    windows = np.zeros((50, 32, 32), dtype=np.uint8)
    windows[:, :, ::2] = 1  # columns alternate, so the left neighbour decides
    made = map_baselines.local_markov_maps(windows, 20, 0)
    inner = made[:, 1:-1, 1:-1]
    assert inner[:, :, 1::2].mean() > 0.98 and inner[:, :, ::2].mean() < 0.02


def test_random_maps_keep_nothing_but_the_shares():
    windows = np.zeros((40, 32, 32), dtype=np.uint8)
    windows[:, :, ::2] = 3
    made = map_baselines.random_maps(windows, 30, 0)
    inner = made[:, 1:-1, 1:-1]
    assert set(np.unique(inner)) == {0, 3}
    assert (inner == 3).mean() == pytest.approx(0.5, abs=0.02)
    assert (inner[:, :, 1:] == inner[:, :, :-1]).mean() == pytest.approx(0.5, abs=0.02)
    assert not made[:, [0, -1]].any() and not made[:, :, [0, -1]].any()


def test_an_enclosed_window_is_one_closed_map():
    random = np.random.Generator(np.random.Philox(4))
    for _ in range(30):
        window = random.choice(5, (40, 40), p=(0.4, 0.3, 0.1, 0.15, 0.05)).astype(np.uint8)
        outline = map_windows.random_outline(random)
        grid = enclose(window, outline)
        inside = outline.inside(40, 40)
        assert not grid[~inside].any()
        walkable = np.isin(grid, WALKABLE)
        assert len(tilemaps.component_sizes(walkable)) <= 1
        assert (tilemaps.component_sizes(grid == map_windows.LIQUID) >= map_windows.PUDDLE).all()
        for low, high, axis in ((*outline[:2], 0), (*outline[2:], 1)):
            for line in (low, high):
                if 0 <= line < 40:
                    assert not grid.take(line, axis).any()
        # What is left of the walkable cells is what it was.
        same = walkable & np.isin(window, WALKABLE)
        assert (grid[same] == window[same]).all()


def test_what_is_cut_off_becomes_what_is_round_it():
    window = np.zeros((12, 12), dtype=np.uint8)
    window[1:5, 1:11] = 1
    window[6:11, 1:11] = 3
    window[8, 4] = 1  # an island
    window[6, 1] = 0
    window[2, 2] = 3  # a puddle
    grid = enclose(window, Outline(0, 11, 0, 11))
    assert grid[8, 4] == 3 and grid[2, 2] == 1
    grid[8, 4], grid[2, 2] = 1, 3
    assert np.array_equal(grid, window)


def test_the_generator_learns_its_own_repair(task):
    losses = [task.step(0.35 + 0.0005 * step) for step in range(40)]
    assert losses[0].keys() == {"repair", "changed"}
    assert np.mean([x["repair"] for x in losses[-5:]]) < 0.8 * losses[0]["repair"]
    teacher = task.teacher.state_dict()
    task.step(0.45)  # it keeps to what it learns from
    assert all(torch.equal(value, teacher[k]) for k, value in task.teacher.state_dict().items())


def test_the_refiners_learn_and_the_draft_does_not_change_them(task):
    draft = [p.clone() for p in task.generator.parameters()]
    losses = [task.step(0.5 + 0.004 * step) for step in range(30)]
    assert losses[0].keys() == {"coarse", "fine"}
    for key in ("coarse", "fine"):
        assert losses[0][key] == pytest.approx(np.log(5), rel=0.1)
        assert np.mean([x[key] for x in losses[-5:]]) < 0.9 * losses[0][key]
    assert all(torch.equal(a, b) for a, b in zip(draft, task.generator.parameters(), strict=True))
    task.run.generator.manual_seed(77)  # nor do its random numbers
    one = task.step(0.7)
    task.run.generator.manual_seed(78)
    assert one["fine"] == pytest.approx(task.step(0.7)["fine"], rel=0.2)


def test_drafts_are_calibrated_once_to_the_shares_of_levels(task):
    shift = task.calibration.get_buffer("shift")
    task.generator.head.weight.data *= 40  # untrained logits are nearly equal
    task.ema.network.load_state_dict(task.generator.state_dict())
    task.step(0.4)
    assert not shift.any()

    def error(theme: int) -> float:
        cells = map_windows.whole_maps(task.windows.train[theme])
        wanted = np.bincount(cells.reshape(-1), minlength=5) / cells.size
        drafts = task.sample_draft(theme, 40)[:, ::4, ::4]
        return float(
            np.abs(np.bincount(drafts.reshape(-1), minlength=5) / drafts.size - wanted).sum()
        )

    before = [error(theme) for theme in task.windows.themes]
    task.step(0.5)
    after = [error(theme) for theme in task.windows.themes]
    assert shift.abs().max() > 0.1
    assert all(b < 0.9 * a for a, b in zip(before, after, strict=True)), (before, after)
    once = shift.clone()
    task.step(0.6)
    assert torch.equal(shift, once)
    assert torch.equal(task.shipped()["map_sagan"][0].get_buffer("shift"), once)


def test_refiners_learn_from_closed_maps(task):
    random = np.random.Generator(np.random.Philox(3))
    cells, inside = map_refine.closed_maps(task.windows, np.array([0, 2, 0, 2] * 5), random)
    for grid, mask in zip(cells.numpy(), inside[:, 0].numpy() > 0, strict=True):
        assert not grid[~mask].any()
        assert mask.any(0).sum() in range(12, 33) and mask.any(1).sum() in range(12, 33)
        assert not grid[cv2.erode(mask.astype(np.uint8), np.ones((3, 3)), borderValue=0) == 0].any()
        assert len(tilemaps.component_sizes(np.isin(grid, WALKABLE))) <= 1
    few, part = map_refine.halves(cells, inside, random)
    assert few.shape == (40, 20, 20) and part.shape == (40, 1, 20, 20)
    every = [cells[:, y::2, x::2] for y in range(2) for x in range(2)]
    assert all(any(torch.equal(half, one) for one in every) for half in few.chunk(2))


def test_the_loss_of_a_refiner_that_knows_nothing_is_that_of_a_guess(task):
    random = np.random.Generator(np.random.Philox(3))
    cells, inside = map_refine.closed_maps(task.windows, np.array([0, 2] * 4), random)
    refiner = task.refiners[1]
    torch.nn.init.zeros_(refiner.head.weight)
    with torch.no_grad():
        refiner.head.bias.zero_()
        refiner.head.bias[:4] = 1.0  # a little likelier to be wall
    found = map_refine.refiner_loss(refiner, cells, inside, torch.zeros(8).long(), random)
    walls = float((cells == 0)[inside[:, 0] > 0].float().mean())
    expected = np.log(np.e + 4) - walls
    assert float(found.detach()) == pytest.approx(expected, abs=0.08)  # one parity of each map


def test_some_of_what_a_refiner_sees_is_wrong():
    random = np.random.Generator(np.random.Philox(4))
    cells = torch.ones(20, 40, 40).long()
    cells[:, :, 20:] = 3
    shares = []
    for _ in range(40):
        shown = map_refine._with_errors(cells, random)
        wrong = shown != cells
        shares.append(float(wrong.float().mean()))
    assert 0.01 < np.mean(shares) < 0.08 and max(shares) < map_refine.WRONG * 1.2


def test_a_repair_closes_and_connects_and_leaves_the_rest():
    random = np.random.Generator(np.random.Philox(7))
    for _ in range(20):
        grid = random.choice(5, (40, 40), p=(0.3, 0.4, 0.1, 0.15, 0.05)).astype(np.uint8)
        outline = map_windows.random_outline(random)
        made = maps.repaired(grid, outline)
        inside = outline.inside(40, 40)
        if min(outline[::2]) >= 0:
            walkable = np.isin(made, WALKABLE) & inside
            assert len(tilemaps.component_sizes(walkable)) == 1
            walls = cv2.erode(inside.astype(np.uint8), np.ones((3, 3)), borderValue=0) == 0
            assert not made[walls].any()
        else:
            kept = inside.copy()
            for low, high, axis in ((*outline[:2], 0), (*outline[2:], 1)):
                if low >= 0:
                    np.moveaxis(kept, axis, 0)[[low, high]] = False
            assert np.array_equal(made[kept], grid[kept])


def test_whatever_is_drawn_can_be_connected():
    random = np.random.Generator(np.random.Philox(5))
    for share in (0.2, 0.5, 0.8) * 8:
        grid = (random.random((24, 30)) < share) * random.integers(0, 5, (24, 30))
        grid[[0, -1]] = grid[:, [0, -1]] = 0
        made = map_windows.connected(grid.astype(np.uint8), 6)
        assert len(tilemaps.component_sizes(np.isin(made, WALKABLE))) <= 1
        assert not made[[0, -1]].any() and not made[:, [0, -1]].any()


def test_themes_without_windows_are_left_out(packed, tmp_path, monkeypatch):
    small = SaganConfig(noise=4, style=4, widths=(16, 16, 16), critic_widths=(8, 8, 16))
    monkeypatch.setattr(maps, "MapGanConfig", lambda: MapGanConfig(small, width=16, blocks=1))
    monkeypatch.setattr(maps, "SAMPLES", 3)
    arrays, info = read(packed / "packed", "map")
    rows = arrays["windows"]
    arrays["windows"] = rows[(rows[:, 3] == 2) & (rows[:, 4] == 0)][:20]
    task = MapTask(arrays, info, Run("cpu", 1, 0, tmp_path, "fp32"))
    task.batch = 8
    assert task.windows.themes == [2]
    for progress in (0.25, 0.75):
        assert np.isfinite(list(task.step(progress).values())).all()
    assert "tile_pattern_kl_techbase" in task.evaluate()
    arrays["windows"] = rows[:0]
    with pytest.raises(DataError, match="no usable window"):
        MapTask(arrays, info, Run("cpu", 1, 0, tmp_path, "fp32"))
