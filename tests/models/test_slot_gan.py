"""The slot GAN draws within the outline it is given; the DCGAN is the published one."""

from __future__ import annotations

import pytest
import torch

from aigc_assets.models.dcgan import LATENT, DcganDiscriminator, DcganGenerator
from aigc_assets.models.slot_gan import (
    SlotCritic,
    SlotGanConfig,
    SlotGenerator,
    bent,
    spread,
    straight_through,
    tints,
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


def forms(count: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(4)
    rows = torch.arange(32)[None, :, None]
    return (torch.rand(count, 32, 32, generator=source) < 0.7) & (rows > 5)


def test_nothing_is_drawn_outside_of_the_outline(network):
    outline = forms(4)
    with torch.inference_mode():
        slots = network(
            torch.randn(4, 8) * 9, torch.tensor([0, 1, 2, 0]), outline, torch.rand(4, 6)
        ).argmax(1)
    assert (slots[~outline] == 0).all()
    assert (slots[outline] > 0).any()


def test_outlines_are_stored_bit_by_bit(network):
    outline = forms(4)
    pictures = torch.where(outline, 3, 0)
    pictures[:, 8:, :16] = torch.where(outline[:, 8:, :16], 1, 0)
    network.keep_forms(pictures, torch.tensor([2, 0, 1, 1]))
    given = tints(pictures, 6)
    assert torch.allclose(given.sum(1), torch.ones(4)) and (given[:, [1, 3]] > 0.2).all()
    assert torch.allclose(network.tints_of(torch.tensor([2])), given[[2]], atol=0.003)
    assert torch.equal(network.form(torch.tensor([3, 0])), outline[[3, 0]])
    assert network.outline_labels.tolist() == [2, 0, 1, 1]


def test_the_fused_ops_draw_what_was_trained(network):
    given = torch.randn(2, 8), torch.tensor([0, 2]), forms(2), torch.rand(2, 6)
    trained = network(*given)
    with torch.no_grad():
        shipped = network(*given)
    assert trained.requires_grad and not shipped.requires_grad
    torch.testing.assert_close(trained.detach(), shipped, rtol=1e-4, atol=1e-4)


def test_what_is_seen_is_the_choice_and_its_gradient_that_of_the_mean():
    table = torch.randn(6, 4)
    logits = torch.randn(2, 6, 32, 32, requires_grad=True)
    seen = straight_through(logits, table)
    assert torch.allclose(seen.permute(0, 2, 3, 1), table[logits.argmax(1)], atol=1e-6)
    seen[..., 3, 5].sum().backward()
    given = logits.grad
    logits.grad = None
    mean = torch.softmax(logits, 1).permute(0, 2, 3, 1) @ table
    mean[:, 3, 5].sum().backward()
    assert given is not None and torch.allclose(given, logits.grad, atol=1e-6)


def test_bent_outlines_are_near_but_not_the_same():
    outline = torch.zeros(8, 32, 32, dtype=torch.bool)
    outline[:, 8:, 10:22] = True
    made = bent(outline, torch.Generator().manual_seed(1))
    overlap = (made & outline).sum((1, 2)) / (made | outline).sum((1, 2))
    assert ((overlap > 0.6) & (overlap < 1)).all()
    assert made[:, -1].any(1).all(), "feet stay on the ground"
    assert torch.equal(made, bent(outline, torch.Generator().manual_seed(1)))


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
