from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.models.sagan import (
    LocalAttention,
    MapDiscriminator,
    MapEncoder,
    MapGenerator,
    SaganConfig,
    pixel_norm,
    soft_reach,
)

TINY = SaganConfig.tiny()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def awake(network: torch.nn.Module) -> torch.nn.Module:
    """Zero-initialised parts would hide mistakes: give every parameter a value."""
    source = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=source)
            parameter.add_(noise * 0.1)
    return network


@pytest.fixture
def generator() -> MapGenerator:
    torch.manual_seed(0)
    return awake(MapGenerator(TINY)).double()


def inputs(height: int, width: int, batch: int = 2) -> tuple[torch.Tensor, ...]:
    source = torch.Generator().manual_seed(1)
    noise = torch.randn(batch, TINY.noise, height, width, generator=source).double()
    style = torch.randn(batch, TINY.style, generator=source).double()
    inside = torch.ones(batch, 1, 8 * height, 8 * width).double()
    return noise, style, torch.arange(batch) % TINY.themes, inside


def test_makes_eight_tiles_of_each_latent_cell(generator):
    assert generator(*inputs(5, 3)).shape == (2, TINY.classes, 40, 24)


def test_is_a_torus_without_any_border(generator):
    noise, style, theme, inside = inputs(6, 5)
    inside[:, :, 3:20, 7:] = 0
    plain = generator(noise, style, theme, inside)
    moved = noise.roll((2, 3), (2, 3)), style, theme, inside.roll((16, 24), (2, 3))
    rolled = generator(*moved).roll((-16, -24), (2, 3))
    torch.testing.assert_close(plain, rolled, atol=1e-6, rtol=0)


def test_a_cell_far_away_does_not_matter(generator):
    noise, style, theme, inside = inputs(16, 16, 1)
    other, cut = noise.clone(), inside.clone()
    other[:, :, 12, 12] += 3
    cut[:, :, 12 * 8 : 13 * 8, 12 * 8 : 13 * 8] = 0
    plain = generator(noise, style, theme, inside)
    for changed in ((other, style, theme, inside), (noise, style, theme, cut)):
        change = (generator(*changed) - plain).abs().amax((0, 1))
        assert change[12 * 8 : 13 * 8, 12 * 8 : 13 * 8].max() > 1e-3
        assert change[: 7 * 8, : 7 * 8].max() == 0


def test_every_single_tile_of_the_outline_counts(generator):
    noise, style, theme, inside = inputs(4, 4, 1)
    plain = generator(noise, style, theme, inside)
    for y, x in ((3, 9), (4, 9), (17, 30), (31, 31)):
        cut = inside.clone()
        cut[0, 0, y, x] = 0
        change = (generator(noise, style, theme, cut) - plain).abs().amax((0, 1))
        assert change[y, x] > 1e-4


def test_theme_and_style_matter_everywhere(generator):
    noise, style, theme, inside = inputs(4, 4, 1)
    plain = generator(noise, style, theme, inside)
    others = (noise, style, theme + 1, inside), (noise, style + 1, theme, inside)
    for other in (generator(*changed) for changed in others):
        assert ((plain - other).abs().amax(1) > 1e-6).float().mean() > 0.99


@pytest.mark.parametrize(("height", "width", "reach"), [(7, 9, 3), (20, 6, 2), (13, 13, 1)])
def test_attention_equals_its_definition(height, width, reach):
    torch.manual_seed(3)
    layer = awake(LocalAttention(8, 2, reach)).double()
    x = torch.randn(2, 8, height, width, dtype=torch.float64)
    q, k, v = layer.qkv(pixel_norm(x)).chunk(3, 1)
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        scores, values = [], []
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                key, value = (t[:, part].roll((-dy, -dx), (2, 3)) for t in (k, v))
                bias = layer.bias[head, dy + reach, dx + reach]
                scores.append((q[:, part] * key).sum(1) * 4**-0.5 + bias)
                values.append(value)
        weight = torch.softmax(torch.stack(scores), 0)
        heads.append((weight[:, :, None] * torch.stack(values)).sum(0))
    expected = x + layer.out(torch.cat(heads, 1))
    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=1e-6)


def test_gradients_are_finite_and_reach_every_parameter():
    torch.manual_seed(0)
    nets = [awake(net(TINY)) for net in (MapGenerator, MapEncoder, MapDiscriminator)]
    generator, encoder, critic = nets
    theme = torch.tensor([0, 1])
    real = torch.nn.functional.one_hot(torch.randint(5, (2, 32, 32)), 5).permute(0, 3, 1, 2).float()
    mean, log_variance, style, style_log = encoder(real, theme)
    noise = mean + log_variance.exp()
    inside = torch.ones(2, 1, 32, 32)
    inside[:, :, 20:] = 0
    tiles = torch.softmax(generator(noise, style + style_log.exp(), theme, inside), 1)
    reach = soft_reach(tiles[:, 1:3].sum(1, keepdim=True))
    score = critic(torch.cat([tiles, reach, inside], 1), theme)
    assert score.shape == (2,)
    score.square().sum().backward()
    for network in nets:
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    assert all(p.grad.abs().max() > 0 for n, p in generator.named_parameters() if "bias" not in n)


def test_soft_reach_is_a_flood_on_hard_maps():
    random = np.random.Generator(np.random.Philox(2))
    for _ in range(20):
        grid = random.random((14, 14)) < 0.62
        passable = torch.from_numpy(grid).float()[None, None]
        reach = soft_reach(passable, rounds=40)[0, 0].numpy() > 0.5
        first = np.argwhere(reach)
        assert len(first)
        seen, todo = {tuple(first[0])}, [tuple(first[0])]
        for y, x in todo:
            for cell in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                inside = 0 <= cell[0] < 14 and 0 <= cell[1] < 14
                if inside and grid[cell] and cell not in seen:
                    seen.add(cell)
                    todo.append(cell)
        assert seen == {tuple(cell) for cell in first}


def test_soft_reach_tells_where_a_wall_should_open():
    passable = torch.ones(1, 1, 8, 8)
    passable[..., 6] = 0.1
    passable.requires_grad_()
    soft_reach(passable)[..., 7].sum().backward()
    assert passable.grad[0, 0, :, 6].min() > 0


def test_soft_reach_starts_where_it_is_told():
    passable = torch.ones(1, 1, 6, 7)
    passable[..., 3] = 0
    start = torch.zeros_like(passable)
    start[..., 2, 5] = 1
    reach = soft_reach(passable, start=start)
    assert reach[..., 4:].min() == 1 and reach[..., :4].max() < 1e-3  # walls leak a little
