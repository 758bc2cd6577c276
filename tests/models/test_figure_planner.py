"""Plans are solid strokes; the flow draws the codes and colours that it learnt."""

from __future__ import annotations

import pytest
import torch

from aigc_assets.models.figure_planner import FigureEncoder, FigurePlanner, depths


@pytest.fixture
def planner() -> FigurePlanner:
    torch.manual_seed(0)
    return FigurePlanner(slots=6, classes=2, code=3, width=16, strokes=4, flow_width=32).eval()


def stroke(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 6)


def test_a_stroke_is_as_thick_as_its_radii_say():
    depth = depths(stroke(0, -1, 0, 1, 1.2, 0.4))[0]  # 16 px down the middle, 3 px to 1 px thick
    assert depth.shape == (32, 32)
    middle = (depth[:, 15] + depth[:, 16]) / 2
    assert middle[8] > middle[16] > middle[23] > 0 > middle[30]
    widths = (depth > 0).sum(1)
    assert widths[9] >= 5 and 1 <= widths[22] <= 3 and widths[1] == 0


def test_a_negative_radius_is_no_stroke_and_a_union_covers_both():
    one = stroke(-1, 0, -1, 1, 1, 1)
    assert not (depths(stroke(0, 0, 1, 1, -0.5, -0.5)) > 0).any()
    other = stroke(1, 0, 1, 1, 1, 1)
    both = depths(torch.cat([one, other], 1)) > 0
    assert (both >= (depths(one) > 0)).all() and (both >= (depths(other) > 0)).all()
    assert both.sum() > 1.8 * (depths(one) > 0).sum()


def test_a_figure_does_not_depend_on_who_else_is_planned(planner):
    code, label = torch.randn(7, 3), torch.tensor([0, 1, 0, 0, 1, 1, 0])
    depth = planner(code, label)
    assert depth.shape == (7, 32, 32)
    assert torch.allclose(depth[5:6], planner(code[5:6], label[5:6]), atol=1e-5)


def test_shares_that_are_drawn_are_shares_of_a_few_colours(planner):
    label = torch.tensor([0, 1, 0, 0, 1])
    code, tint = planner.draw(label, torch.randn(5, 8))
    assert code.shape == (5, 3) and tint.shape == (5, 6) and tint.dtype == torch.float32
    assert (tint[:, 0] == 0).all() and tint.min() >= 0
    assert torch.allclose(tint.sum(1), torch.ones(5), atol=1e-5)
    assert tint[tint > 0].min() > 0.005


def test_the_flow_learns_which_colours_come_with_which_code(planner):
    """Two kinds of figures of one class: nothing between them is drawn, and labels are heeded."""
    source = torch.Generator().manual_seed(3)
    kinds = torch.tensor([[0, 0.6, 0.4, 0, 0, 0], [0, 0, 0, 0.7, 0, 0.3], [0, 0, 0, 0, 1.0, 0]])
    adam = torch.optim.Adam(planner.flow.parameters(), 5e-3)

    def figures(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        kind = torch.randint(3, (count,), generator=source)
        code = 2.0 * kind[:, None] - 2 + 0.1 * torch.randn(count, 3, generator=source)
        return code, kinds[kind], (kind == 2).long()

    for _ in range(250):
        code, tint, label = figures(64)
        time = torch.rand(64, 1, generator=source)
        noise = torch.randn(64, 8, generator=source)
        adam.zero_grad()
        planner.flow_loss(code, tint, label, time, noise).backward()
        adam.step()
    with torch.no_grad():
        label = torch.arange(90) % 2
        code, tint = planner.draw(label, torch.randn(90, 8, generator=source))
    off = (tint[:, None] - kinds).abs().sum(2)
    kind = off.argmin(1)
    assert ((kind == 2) == (label == 1)).float().mean() > 0.9
    assert 0.25 < (kind[label == 0] == 0).float().mean() < 0.75
    agrees = (code - (2.0 * kind[:, None] - 2)).abs().mean(1) < 0.7
    assert agrees.float().mean() > 0.8 and off.amin(1).median() < 0.35


def test_the_encoder_gives_mean_and_scale():
    encoder = FigureEncoder(4, 2, 3, (8, 8, 8))
    mean, scale = encoder(torch.randn(5, 4, 32, 32), torch.tensor([0, 1, 0, 1, 0]))
    assert mean.shape == scale.shape == (5, 3) and (scale >= -7).all() and (scale <= 1).all()
