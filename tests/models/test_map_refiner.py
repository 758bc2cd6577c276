from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.models.map_refiner import (
    ACROSS,
    BELOW,
    COARSE,
    FINE,
    FIRST,
    GROWING,
    RIGHT,
    MapGan,
    MapGanConfig,
    MapRefiner,
    Pass,
    seen,
)

TINY = MapGanConfig.tiny()
CORNERS = {FIRST: (0, 0), RIGHT: (0, 1), BELOW: (1, 0), ACROSS: (1, 1)}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def refiner() -> MapRefiner:
    torch.manual_seed(0)
    made = MapRefiner(TINY).double().requires_grad_(False)
    made.head.weight.mul_(30)  # so that much depends on what is known
    return made


def inputs(height: int, width: int, passes: int, batch: int = 2):
    source = torch.Generator().manual_seed(3)
    first = torch.randint(5, (batch, height, width), generator=source)
    inside = torch.ones(batch, 1, 2 * height, 2 * width).double()
    chance = torch.rand(batch, passes, height, width, generator=source).double()
    return first, inside, torch.arange(batch) % 3, chance


@pytest.mark.parametrize("parity", [FIRST, RIGHT, BELOW, ACROSS])
def test_a_parity_is_that_of_row_and_column(refiner, parity):
    first, inside, theme, chance = inputs(5, 4, 1)
    known = tuple(set(range(4)) - {parity})
    classes, logits = refiner.draw(first, inside, theme, chance, (Pass(parity, known),))
    own = np.zeros((10, 8), dtype=bool)
    y, x = CORNERS[parity]
    own[y::2, x::2] = True
    assert (logits.abs().sum(1) > 0).numpy()[:, own].all()
    assert not logits.numpy()[:, :, ~own].any()
    if parity != FIRST:
        assert torch.equal(classes[:, ::2, ::2], first)


def test_passes_only_look_at_what_is_said_to_be_known(refiner):
    first, inside, theme, chance = inputs(5, 4, 2)
    grown = (Pass(RIGHT, (FIRST,)), Pass(BELOW, (FIRST,)))
    one, _ = refiner.draw(first, inside, theme, chance, grown)
    two, _ = refiner.draw(first, inside, theme, chance.flip(1), grown[::-1])
    assert torch.equal(one, two)  # neither saw the other
    grown = (grown[0], Pass(BELOW, (FIRST, RIGHT)))
    chance[:, 1] = 0.5
    one, _ = refiner.draw(first, inside, theme, chance, grown)
    chance[:, 0] = 1 - chance[:, 0]
    two, _ = refiner.draw(first, inside, theme, chance, grown)
    assert not torch.equal(one[:, ::2, 1::2], two[:, ::2, 1::2])
    assert not torch.equal(one[:, 1::2, ::2], two[:, 1::2, ::2])  # this one sees what was drawn


def test_draws_have_the_shares_of_the_logits(refiner):
    refiner.head.weight.zero_()
    wanted = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25])
    refiner.head.bias.copy_(wanted.log().repeat_interleave(4))
    first, inside, theme, _ = inputs(60, 60, 0)
    for temperature in (1.0, 0.5):
        chance = torch.rand(2, 3, 60, 60, generator=torch.Generator().manual_seed(1))
        passes = [one._replace(temperature=temperature) for one in GROWING]
        classes, logits = refiner.draw(first, inside, theme, chance, passes)
        expected = wanted ** (1 / temperature) / (wanted ** (1 / temperature)).sum()
        found = torch.bincount(classes[:, 1::2, :].flatten(), minlength=5) / (2 * 60 * 120)
        torch.testing.assert_close(found, expected, atol=0.012, rtol=0)
        shown = logits[:, :, 1::2].softmax(1).mean((0, 2, 3))  # at temperature 1
        torch.testing.assert_close(shown, wanted, atol=0.01, rtol=0)


def test_nothing_is_drawn_outside(refiner):
    first, inside, theme, chance = inputs(8, 7, len(FINE))
    inside[:, :, 12:] = 0
    inside[:, :, :, :3] = 0
    outside = inside[:, 0] == 0
    classes, _ = refiner.draw(first, inside, theme, chance)
    assert not classes[outside].any() and classes[~outside].any()
    first = torch.where(outside[:, ::2, ::2], 4 - first, first)  # nor is it seen
    assert torch.equal(refiner.draw(first, inside, theme, chance)[0], classes)


def test_is_a_torus(refiner):
    first, inside, theme, chance = inputs(6, 9, len(FINE))
    inside[:, :, 4:6, 3:9] = 0
    plain, _ = refiner.draw(first, inside, theme, chance)
    moved, _ = refiner.draw(first.roll((2, 5), (1, 2)), inside.roll((4, 10), (2, 3)), theme,
                            chance.roll((2, 5), (2, 3)))  # fmt: skip
    assert torch.equal(moved.roll((-4, -10), (1, 2)), plain)


def test_the_theme_matters(refiner):
    refiner.gain.weight.normal_(std=2)
    first, inside, _, chance = inputs(6, 9, len(FINE), 1)
    maps = {
        refiner.draw(first, inside, torch.tensor([theme]), chance)[0].numpy().tobytes()
        for theme in range(3)
    }
    assert len(maps) == 3


def test_every_tile_is_drawn_and_known_tiles_come_before():
    for passes in (COARSE, FINE):
        known = {FIRST}
        for one in passes:
            assert set(one.known) <= known and one.drawn not in one.known
            known.add(one.drawn)
        assert known == set(range(4))
        assert {one.drawn for one in passes} == known  # none is left from the level before


def test_channels_of_known_parities():
    x = torch.arange(4).view(1, 1, 2, 2).float() + 1  # the parities of one block
    block = torch.nn.functional.pixel_unshuffle(x.repeat(1, 5, 1, 1), 2)
    for parity, (row, column) in CORNERS.items():
        own = (block * seen((parity,), 5, block)).flatten()
        assert own[own > 0].tolist() == [x[0, 0, row, column].item()] * 5


def test_the_whole_network_refines_its_draft():
    torch.manual_seed(1)
    network = MapGan(TINY).requires_grad_(False)
    inputs = list(network.example_inputs(2, torch.Generator().manual_seed(2)))
    network.get_buffer("shift")[inputs[2][1], 3] = 7.0
    drawn = network(*inputs)
    change = drawn.draft - network.draft(*inputs[:4])
    expected = torch.zeros(5)
    expected[3] = 7
    torch.testing.assert_close(change[1], expected[:, None, None].expand_as(change[1]))
    again = network.refine(drawn.draft.argmax(1)[:, ::4, ::4], *inputs[2:])
    for one, other in zip(again, drawn[:3], strict=True):
        assert torch.equal(one, other)
    assert drawn.classes.shape == inputs[3][:, 0].shape
    assert drawn.coarse.shape[2:] == tuple(side // 2 for side in drawn.classes.shape[1:])
    inputs[5] = 1 - inputs[5]
    assert not torch.equal(network(*inputs).classes, drawn.classes)
