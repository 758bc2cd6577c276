"""The yardsticks of 16 and 64 px learn from people of training, and draw in their colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.training.characters import dcgan
from aigc_assets.training.packing import read, task_class
from aigc_assets.training.trainer import Run
from tests.training.dawn_sources import write_dawn
from tests.training.ninja_sources import write_ninja
from tests.training.test_character_layers import packed, sources  # noqa: F401  # fixtures


@pytest.fixture(autouse=True)
def few(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(dcgan, "PEOPLE", 6)
    monkeypatch.setattr(dcgan, "JUDGED", 4)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["dcgan16", "dcgan16_beasts", "dcgan64"])
def task(request, tmp_path, packed):  # noqa: F811
    wanted = task_class(request.param)
    if request.param == "dcgan16":
        write_ninja(tmp_path)
        data = wanted.pack(tmp_path)
    elif request.param == "dcgan16_beasts":
        write_dawn(tmp_path)
        data = wanted.pack(tmp_path)
    else:
        data = read(packed, wanted.reads)
    torch.manual_seed(0)
    made = wanted(*data, Run("cpu", 1, 0, tmp_path, "fp32"))
    made.batch = 4
    return made


def test_a_yardstick_steps_and_draws_in_the_colours_it_learnt_from(task, tmp_path):
    before = [p.detach().clone() for p in task.generator.parameters()]
    losses = [task.step(0.5) for _ in range(2)]
    assert np.isfinite([list(row.values()) for row in losses]).all()
    after = task.generator.parameters()
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    made = task.pictures(3, 5)
    assert made.shape == (3, task.side, task.side, 4)
    assert np.array_equal(made, task.pictures(3, 5))
    assert set(np.unique(made[..., 3])) <= {0, 255} and not made[made[..., 3] == 0].any()
    known = {tuple(colour) for colour in task.source.colours[1:].tolist()}
    assert {tuple(c) for c in made[made[..., 3] > 0][:, :3].tolist()} <= known
    row = task.evaluate()["frechet"]
    assert row["floor"] < row["model"]
    task.preview(tmp_path / "shown")
    assert (tmp_path / "shown.png").stat().st_size > 100


def test_what_is_held_out_is_not_learnt_from(task):
    known = {one.numpy().tobytes() for one in task.source.known}
    assert not any(one.numpy().tobytes() in known for one in task.source.held)
    shown = dcgan.rgba(task.source.known, task.source.colours)
    assert (shown[..., 3] > 0).any((1, 2)).all()


def test_index_maps_give_the_pictures_back():
    palette = np.array([[9, 8, 7], [1, 2, 3], [200, 0, 5]], np.uint8)
    pictures = np.zeros((1, 8, 8, 4), np.uint8)
    pictures[0, 2:5, 2:5] = [200, 0, 5, 255]
    pictures[0, 6, 6] = [9, 8, 7, 255]
    index = dcgan.indices(pictures, palette)
    assert index[0, 3, 3] == 3 and index[0, 6, 6] == 1 and index.sum() == 9 * 3 + 1
