"""The slot VAE: shapes, columns, gradients, storage, and that it can learn a batch by heart."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from aigc_assets.models import checkpoint
from aigc_assets.models.slot_cvae import SlotCvae, SlotCvaeConfig


@pytest.fixture
def network() -> SlotCvae:
    torch.manual_seed(0)
    return SlotCvae(SlotCvaeConfig.tiny())


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors: threads only wait for each other
    yield
    torch.set_num_threads(before)


def batch(count: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    attributes = torch.stack([torch.randint(n, (count,), generator=generator) for n in (3, 4)], 1)
    pose = torch.arange(count) % 4
    slots = torch.zeros(count, 16, 16, dtype=torch.long)
    for i in range(count):
        slots[i, 2 + int(pose[i]) : 12, 4:12] = 1 + int(attributes[i, 0])
        slots[i, 12:15, 5:11] = 4 + int(attributes[i, 1]) % 4
    return slots, attributes, pose


def test_decode_gives_logits_for_every_slot_and_pixel(network: SlotCvae) -> None:
    slots, attributes, pose = batch()
    mean, log_variance = network.encode(slots)
    assert mean.shape == log_variance.shape == (6, 4)
    logits = network.decode(mean, attributes, pose)
    assert logits.shape == (6, 8, 16, 16)
    assert torch.isfinite(logits).all()


def test_columns_draw_a_part_of_the_width(network: SlotCvae) -> None:
    slots, attributes, pose = batch()
    mean, _ = network.encode(slots)
    assert network.decode(mean, attributes, pose, (1, 2)).shape == (6, 8, 16, 8)


def test_pose_and_every_attribute_change_the_picture(network: SlotCvae) -> None:
    z = torch.zeros(1, 4)
    first = network.decode(z, torch.tensor([[0, 0]]), torch.tensor([0]))
    for attributes, pose in (([1, 0], 0), ([0, 1], 0), ([0, 0], 1)):
        other = network.decode(z, torch.tensor([attributes]), torch.tensor([pose]))
        assert not torch.allclose(first, other)


def test_gradients_reach_every_parameter(network: SlotCvae) -> None:
    slots, attributes, pose = batch(24)
    features, kl = network(slots, attributes, pose, torch.randn(24, 4))
    loss = F.cross_entropy(network.head(features), slots) + kl.mean()
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_learns_one_batch_by_heart(network: SlotCvae) -> None:
    slots, attributes, pose = batch()
    optimizer = torch.optim.Adam(network.parameters(), 6e-3)
    for _ in range(80):
        features, _ = network(slots, attributes, pose, torch.zeros(6, 4))
        loss = F.cross_entropy(network.head(features), slots)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    features, _ = network(slots, attributes, pose, torch.zeros(6, 4))
    drawn = network.head(features).argmax(1)
    assert (drawn == slots).float().mean() > 0.995


def test_storage_keeps_the_anchors_and_the_picture(tmp_path, monkeypatch) -> None:
    config = SlotCvaeConfig.tiny()
    torch.manual_seed(0)
    network = SlotCvae(config)
    network.anchors.normal_()
    network = network.half().float()  # what half-precision storage keeps
    card = {"kind": "character", "config": dataclasses.asdict(config)}
    checkpoint.save("character_cvae", network, card, tmp_path)
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    loaded = checkpoint.load("character_cvae").network
    assert torch.equal(loaded.anchors, network.anchors)
    _, attributes, pose = batch()
    z = network.anchors[:1].expand(6, -1)
    with torch.no_grad():
        assert torch.equal(
            loaded.decode(z, attributes, pose), network.eval().decode(z, attributes, pose)
        )
