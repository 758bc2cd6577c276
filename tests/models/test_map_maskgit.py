from __future__ import annotations

import pytest
import torch

from aigc_assets.models.map_maskgit import (
    Block,
    MapMaskgit,
    MapMaskgitConfig,
    attend,
    bayer_order,
    join,
    rotary2d,
    split,
)
from aigc_assets.ops import declare
from aigc_assets.ops.token_layers import rotate

TINY = MapMaskgitConfig.tiny()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> MapMaskgit:
    torch.manual_seed(0)
    made = MapMaskgit(TINY)
    source = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=source) * 0.2)
    return made.eval()


def hidden(batch: int, height: int, width: int, share: float, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    cells = torch.randint(TINY.classes, (batch, height, width), generator=source)
    cells[torch.rand(cells.shape, generator=source) < share] = TINY.mask
    return cells


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_fused_passes_are_those_of_plain_torch(network, dtype):
    """And another weight is another result, though the order of the old one was kept."""
    network = network.to(dtype)
    cells, (theme, share) = hidden(2, 12, 8, 0.5), labels(2)
    with torch.no_grad():
        for _ in range(2):
            found = network(cells, theme, share)
            with declare.plain_torch():
                expected = network(cells, theme, share)
            tolerance = 1e-4 if dtype == torch.float32 else 0.1
            assert (found - expected).abs().max() <= tolerance * expected.abs().max()
            before = expected
            for layer in (network.blocks[1].gate, network.head):
                layer.weight.neg_()
        assert not torch.allclose(network(cells, theme, share), before, rtol=0.2, atol=0.2)


@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_a_block_compiles_as_one_graph(network, dtype):
    block = network.to(dtype).blocks[0]
    x = torch.randn(1, 12, TINY.dim, generator=torch.Generator().manual_seed(0)).to(dtype)
    table = rotary2d(3, 4, TINY.dim // TINY.num_heads, x.device)
    torch._dynamo.reset()
    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    with torch.inference_mode():
        torch.testing.assert_close(compiled(x, table), block(x, table))


def labels(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(batch) % TINY.themes, torch.full((batch,), TINY.shares)


def test_patches_are_two_by_two_and_come_back():
    cells = torch.arange(48).view(1, 6, 8)
    assert split(cells)[0, 1, 2].tolist() == [20, 21, 28, 29]
    assert torch.equal(join(split(cells)), cells)


def test_values_that_agree_are_those_that_a_person_would_name(network):
    cells = hidden(2, 6, 4, 0.5)
    cells[0, :2] = TINY.outside
    agrees = network.agrees(cells)
    patches, values = split(cells), network.values.tolist()
    for place in [(b, y, x) for b in range(2) for y in range(3) for x in range(2)]:
        known = [0 if k == TINY.outside else k for k in patches[place].tolist()]
        expected = [
            all(k in (TINY.mask, v) for k, v in zip(known, value, strict=True)) for value in values
        ]
        assert agrees[place].tolist() == expected


def test_attention_depends_on_distances_and_not_on_places():
    source = torch.Generator().manual_seed(1)
    query, key = (torch.randn(1, 1, 1, 16, generator=source).double() for _ in range(2))
    table = rotary2d(9, 9, 16, torch.device("cpu")).double().view(2, 9, 9, 8)

    def score(one: tuple[int, int], other: tuple[int, int]) -> float:
        q = rotate(query, table[:, one[0], one[1]][:, None])
        k = rotate(key, table[:, other[0], other[1]][:, None])
        return float((q * k).sum())

    assert score((1, 2), (4, 3)) == pytest.approx(score((5, 7), (8, 8)), abs=1e-5)
    assert score((1, 2), (4, 3)) != pytest.approx(score((1, 2), (3, 4)), abs=1e-3)


def test_written_out_attention_equals_the_fused_one():
    source = torch.Generator().manual_seed(2)
    parts = [torch.randn(2, 3, 20, 8, generator=source) for _ in range(3)]
    fused = attend(*parts)
    plain = attend(*(part.requires_grad_() for part in parts))
    torch.testing.assert_close(plain, fused, atol=1e-5, rtol=1e-5)


def test_a_block_starts_as_the_identity():
    block, x = Block(TINY), torch.randn(2, 12, TINY.dim)
    assert torch.equal(block(x, rotary2d(3, 4, TINY.dim // TINY.num_heads, x.device)), x)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_filling_keeps_what_is_known_and_leaves_nothing_hidden(network, share, steps):
    cells = hidden(3, 10, 14, share)
    cells[1, 6:] = TINY.outside
    known = cells != TINY.mask
    filled, chances = network.fill(cells, *labels(3), torch.Generator().manual_seed(1), steps=steps)
    wanted = torch.where(cells == TINY.outside, 0, cells)
    assert torch.equal(filled[known], wanted[known])
    assert filled.min() >= 0 and filled.max() < TINY.classes
    assert chances.shape == (3, TINY.classes, 10, 14)
    torch.testing.assert_close(chances.sum(1), torch.ones(3, 10, 14))
    of_own = chances.gather(1, filled[:, None])[:, 0]
    assert of_own[known].min() > 0.9999
    assert (of_own[~known] > 0).all()


def test_filling_depends_on_the_generator_alone(network):
    cells = hidden(2, 12, 12, 0.9)
    made = [
        network.fill(cells, *labels(2), torch.Generator().manual_seed(seed), steps=4)[0]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


def test_cold_sampling_takes_the_likeliest_value(network):
    cells = hidden(1, 8, 8, 1.0)
    source = torch.Generator().manual_seed(3)
    filled, _ = network.fill(cells, *labels(1), source, steps=1, rounds=0, temperature=1e-4)
    best = network.values[network(cells, *labels(1)).argmax(-1)]
    assert (filled == join(best)).float().mean() > 0.95  # logits are rounded to 1/128


def test_filled_values_follow_the_distribution(network):
    cells = hidden(1, 2, 2, 1.0)
    chance = torch.softmax(network(cells, *labels(1)), -1).flatten()
    count = 4000
    many = cells.expand(count, -1, -1)
    theme, share = (part.expand(count) for part in labels(1))
    source = torch.Generator().manual_seed(4)
    filled, _ = network.fill(many, theme, share, source, steps=1, rounds=0, temperature=1.0)
    weights = TINY.classes ** torch.arange(3, -1, -1)
    drawn = torch.bincount((split(filled).view(count, 4) * weights).sum(-1), minlength=81)
    assert (drawn / count - chance).abs().max() < 0.03


def test_filling_leaves_its_input_alone(network):
    cells = hidden(2, 8, 8, 0.5)
    before = cells.clone()
    network.fill(cells, *labels(2), torch.Generator().manual_seed(1))
    assert torch.equal(cells, before)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (4, 7), (20, 33)])
def test_every_part_of_the_order_is_spread_evenly(height, width):
    order = bayer_order(3, height, width, torch.Generator().manual_seed(2))
    assert order.min() >= 0 and order.max() < 1
    assert all(len(row.unique()) == height * width for row in order)
    grid = order.view(3, height, width)
    # Neighbours are never of the same quarter: they are not drawn at once, nor again at once.
    quarter = (grid * 4).floor()
    assert (quarter[:, 1:] != quarter[:, :-1]).all()
    assert (quarter[:, :, 1:] != quarter[:, :, :-1]).all()
    assert not torch.equal(grid[0], grid[1])
