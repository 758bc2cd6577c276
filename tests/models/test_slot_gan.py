"""The slot GAN draws along its plan in the colours asked for; the DCGAN is the published one."""

from __future__ import annotations

import pytest
import torch

from aigc_assets.models.dcgan import LATENT, DcganDiscriminator, DcganGenerator
from aigc_assets.models.slot_gan import (
    SlotCritic,
    SlotGanConfig,
    SlotGenerator,
    expected,
    spread,
    straight_through,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> SlotGenerator:
    torch.manual_seed(0)
    return SlotGenerator(SlotGanConfig.tiny()).eval()


def given(count: int) -> tuple[torch.Tensor, ...]:
    source = torch.Generator().manual_seed(4)
    depth = torch.full((count, 32, 32), -9.0)
    depth[:, 8:, 8:24] = 6.0
    tint = torch.rand(count, 6, generator=source)
    tint[:, 0] = 0
    return (torch.randn(count, 8, generator=source), torch.arange(count) % 3,
            torch.randn(count, 4, generator=source), depth,
            tint / tint.sum(1, keepdim=True))  # fmt: skip


def test_what_is_drawn_is_near_the_plan_and_solid(network):
    inputs = given(4)
    with torch.inference_mode():
        slots = network(*inputs).argmax(1)
    inside = inputs[3] > 0
    assert not (slots[~inside] > 0).any()
    assert (slots[inside] > 0).float().mean() > 0.9


def test_the_fused_ops_draw_what_was_trained(network):
    inputs = given(2)
    trained = network(*inputs)
    with torch.no_grad():
        shipped = network(*inputs)
    assert trained.requires_grad and not shipped.requires_grad
    torch.testing.assert_close(trained.detach(), shipped, rtol=1e-3, atol=1e-3)


def test_without_other_evidence_a_figure_has_the_colours_asked_for():
    asked = torch.tensor([[0, 0.2, 0.5, 0.3, 0], [0, 0, 0, 0.5, 0.5]])
    logits = torch.zeros(2, 5, 4, 4)
    logits[:, 0] = -9
    made = torch.softmax(expected(logits, asked), 1)
    assert torch.allclose(made[:, 1:].mean((2, 3)), asked[:, 1:], atol=0.01)
    logits[:, 1] += 3  # evidence counts on top: twenty times likelier
    found = torch.softmax(expected(logits, asked), 1)[0, :, 0, 0]
    assert abs(float(found[1] / found[2]) - 0.4 * 20.1) < 0.1


def test_a_plan_is_what_the_generator_takes(network):
    label = torch.tensor([0, 1, 2])
    config = network.config
    plan = network.plan(label, torch.randn(3, config.plan))
    shapes = [tuple(part.shape) for part in plan]
    assert shapes == [(3, config.code), (3, 32, 32), (3, config.slots)]
    logits = network(torch.randn(3, config.latent), label, *plan)
    assert logits.shape == (3, config.slots, 32, 32)


def test_what_is_seen_is_the_choice_and_its_gradient_that_of_the_mean():
    table = torch.randn(6, 4)
    logits = torch.randn(2, 6, 32, 32, requires_grad=True)
    seen, chances = straight_through(logits, table)
    assert torch.allclose(chances, torch.softmax(logits, 1).permute(0, 2, 3, 1), atol=1e-6)
    assert torch.allclose(seen.permute(0, 2, 3, 1), table[logits.argmax(1)], atol=1e-6)
    seen[..., 3, 5].sum().backward()
    found = logits.grad
    logits.grad = None
    mean = torch.softmax(logits, 1).permute(0, 2, 3, 1) @ table
    mean[:, 3, 5].sum().backward()
    assert found is not None and torch.allclose(found, logits.grad, atol=1e-6)


def test_spread_tells_a_collapsed_batch_from_a_varied_one():
    one = torch.randn(1, 5, 4, 4)
    assert spread(one.expand(8, -1, -1, -1)).max() < 0.01
    assert spread(torch.randn(8, 5, 4, 4)).min() > 0.5


def test_the_label_changes_the_score():
    torch.manual_seed(1)
    critic = SlotCritic(SlotGanConfig.tiny()).eval()
    picture = torch.randn(2, 4, 32, 32)
    first, second = critic(picture, torch.tensor([0, 0])), critic(picture, torch.tensor([1, 1]))
    assert first.shape == (2,) and not torch.allclose(first, second)


def test_the_yardstick_has_the_published_size():
    generator, discriminator = DcganGenerator(), DcganDiscriminator()
    assert sum(p.numel() for p in generator.parameters()) == 1_068_928
    assert sum(p.numel() for p in discriminator.parameters()) == 663_296
    pictures = generator(torch.randn(3, LATENT))
    assert pictures.shape == (3, 3, 32, 32) and pictures.abs().max() <= 1
    assert discriminator(pictures).shape == (3,)


@pytest.mark.parametrize("side", [16, 64])
def test_a_larger_yardstick_takes_one_level_more(side):
    generator, discriminator = DcganGenerator(side).eval(), DcganDiscriminator(side).eval()
    pictures = generator(torch.randn(2, LATENT))
    assert pictures.shape == (2, 3, side, side) and discriminator(pictures).shape == (2,)
    doublings = [m for m in generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert 4 * 2 ** (len(doublings) - 1) == side
