"""People are composed, split and labelled; both GANs step; distances have the right order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.models.slot_gan import SlotGanConfig
from aigc_assets.training.characters.dcgan import DcganTask
from aigc_assets.training.characters.size32 import crowd_pictures, crowds
from aigc_assets.training.characters.size32.crowd_pictures import CrowdPictures, People
from aigc_assets.training.characters.size32.crowds import CrowdTask, augment, distances, looks
from aigc_assets.training.packing import pack, read
from aigc_assets.training.trainer import Run
from tests.training.small_sources import write_crowd


@pytest.fixture(autouse=True)
def small(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(crowd_pictures, "PEOPLE", 64)
    monkeypatch.setattr(crowds, "SAMPLES", 24)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    root = tmp_path_factory.mktemp("crowd")
    write_crowd(root / "sources")
    pack(root / "sources", root / "packed", ["crowd"])
    return read(root / "packed", "crowd")


@pytest.fixture
def pictures(packed) -> CrowdPictures:
    return CrowdPictures(*packed)


def test_people_wear_their_layers_from_back_to_front_and_stand_on_the_ground():
    layers = np.zeros((3, 32, 32), np.uint8)
    layers[0, 4:28, 10:22] = 1  # base
    layers[1, 10:20, 10:22] = 2  # body
    layers[2, 12:14, 4:12] = 3  # hand1
    labels = [{"pass": p, "name": p} for p in ("base", "body", "hand1")]
    people = People(layers, labels)
    assert people.passes == ["base", "body", "hand1"]
    painted = people.paint(torch.tensor([[1, 2, 3], [1, 0, 0]]))
    assert (painted[:, 31] > 0).any(1).all() and not painted[:, :8].any()
    assert set(painted[0].unique().tolist()) == {0, 1, 2, 3}
    assert painted[0, 12 + 4, 10] == 3 and painted[0, 20, 15] == 2 and painted[1, 20, 15] == 1


def test_nobody_in_training_joins_what_is_held_out(pictures):
    source = torch.Generator().manual_seed(3)
    people = pictures.people
    train = people.sample(200, source)
    held = people.sample(50, source, held_out=True)
    assert not people.is_held_out(train).any() and people.is_held_out(held).all()
    assert len(train) == 200 and (train[:, people.passes.index("base")] > 0).all()


def test_a_batch_holds_training_pictures_under_their_labels(pictures):
    source = torch.Generator().manual_seed(0)
    seen = 0
    train = set(pictures.sprites.rows("train").tolist())
    known: dict[bytes, set[int]] = {}
    for row in train:
        for turn in pictures.turned:
            image = turn[pictures.images[row]]
            for view in (image, image.flip(1)):
                known.setdefault(view.numpy().tobytes(), set()).add(int(pictures.label[row]))
    for _ in range(6):
        maps, labels = pictures.batch(32, source)
        assert maps.shape == (32, 32, 32) and len(labels) == 32
        for image, label in zip(maps, labels.tolist(), strict=True):
            if pictures.classes[label].startswith("person"):
                continue
            seen += 1
            assert label in known[image.numpy().tobytes()]
    assert seen > 20


def test_names_of_other_works_are_not_learnt():
    layer = crowd_pictures._layer
    assert (
        layer("player/hair/gandalf") is None and layer("player/hand1/artefact/zonguldrok") is None
    )
    assert layer("player/base/naga_red_f") is None
    assert layer("player/body/robe_blue") == ("body", "robe_blue")


@pytest.mark.parametrize("task_class", [CrowdTask, DcganTask])
def test_both_gans_step_and_draw(task_class, packed, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(
        crowds, "SlotGanConfig",
        lambda slots, classes: SlotGanConfig(
            slots, classes, 8, 16, (16, 16, 8, 8), (8, 8, 16), 4, 4, 16, 16
        ),
    )  # fmt: skip
    torch.manual_seed(0)
    arrays, info = packed
    task = task_class(arrays, dict(info), Run("cpu", 1, 0, tmp_path, "fp32"))
    task.batch = 8
    before = [p.detach().clone() for m in task.modules().values() for p in m.parameters()]
    losses = [task.step(0.5) for _ in range(2)]
    after = [p for m in task.modules().values() for p in m.parameters()]
    assert all(np.isfinite(list(row.values())).all() for row in losses)
    moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert np.mean(moved) > 0.8
    labels = torch.arange(5) % 3
    drawn = task.sample(labels, 3)
    assert drawn.shape == (5, 32, 32) and torch.equal(drawn, task.sample(labels, 3))
    assert 0 <= int(drawn.min()) and int(drawn.max()) < len(arrays["colours"])
    task.preview(tmp_path / "shown")
    assert (tmp_path / "shown.png").stat().st_size > 100


def test_the_discriminator_enters_after_the_start(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(
        crowds, "SlotGanConfig",
        lambda slots, classes: SlotGanConfig(
            slots, classes, 8, 16, (16, 16, 8, 8), (8, 8, 16), 4, 4, 16, 16
        ),
    )  # fmt: skip
    arrays, info = packed
    task = CrowdTask(arrays, dict(info), Run("cpu", 1, 0, tmp_path, "fp32"))
    task.batch = 8
    before = [p.detach().clone() for p in task.critic.parameters()]
    assert "gap" not in task.step(crowds.START / 2)
    assert all(torch.equal(a, b) for a, b in zip(before, task.critic.parameters(), strict=True))
    assert {"gap", "penalty", "g"} <= set(task.step(1.1 * crowds.START))
    assert not torch.equal(before[0], next(task.critic.parameters()))


def test_augmentation_moves_pictures_and_cuts_squares():
    blank = torch.tensor([-1.0, 0, 0, 0])
    x = blank.view(1, 4, 1, 1).repeat(64, 1, 32, 32)
    x[:, :, 12:20, 12:20] = 1
    x.requires_grad_()
    made = augment(x, blank, torch.Generator().manual_seed(0))
    drawn = (made[:, 0] > 0).detach()
    areas = drawn.sum((1, 2))
    assert (areas == 64).sum() > 20 and (areas < 64).sum() > 4 and areas.max() == 64
    tops = drawn[areas == 64].any(2).int().argmax(1)
    assert tops.min() == 9 and tops.max() == 15
    made.sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_real_pictures_are_nearer_than_noise(pictures):
    def noise(labels: torch.Tensor, seed: int) -> torch.Tensor:
        source = torch.Generator().manual_seed(seed)
        return torch.randint(len(pictures.sprites.colours), (len(labels), 32, 32), generator=source)

    row = distances(pictures, "train", noise)["frechet_all"]
    assert row["floor"] < row["baseline"] < row["model"]


def test_transparent_looks_like_no_colour(pictures):
    table = looks(pictures.sprites.colours)
    assert table.shape == (len(pictures.sprites.colours), 4)
    assert table[0].tolist() == [-1, 0, 0, 0] and (table[1:, 0] == 1).all()


def test_pictures_without_people_are_refused(packed):
    arrays, info = packed
    with pytest.raises(DataError, match="people"):
        CrowdPictures({k: v for k, v in arrays.items() if k != "layers"}, info)
