"""Plans are solid strokes; codes follow the prior that their density is measured by."""

from __future__ import annotations

import pytest
import torch

from aigc_assets.models.figure_planner import FigureEncoder, FigurePlanner, depths


@pytest.fixture
def planner() -> FigurePlanner:
    torch.manual_seed(0)
    return FigurePlanner(slots=6, classes=2, code=3, modes=2, width=16, strokes=4).eval()


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
    depth, shares = planner(code, label)
    assert depth.shape == (7, 32, 32) and shares.shape == (7, 5)
    assert torch.allclose(shares.exp().sum(1), torch.ones(7), atol=1e-5)
    alone, _ = planner(code[5:6], label[5:6])
    assert torch.allclose(depth[5:6], alone, atol=1e-5)


def test_codes_are_drawn_from_the_prior_of_their_class(planner):
    with torch.no_grad():
        planner.means[:, 0], planner.means[:, 1] = 5.0, -5.0
        planner.scales.fill_(-2.0)
        planner.weights.copy_(torch.tensor([[0.0, 0.0], [-20.0, 0.0]]))
        label = torch.tensor([0, 0, 1, 1])
        code = planner.draw(label, torch.tensor([0.1, 0.9, 0.1, 0.9]), torch.randn(4, 3))
        assert (code[0] > 3).all() and (code[1:] < -3).all()
        assert (planner.log_prior(code, label) > planner.log_prior(code + 2, label)).all()
        spread = planner.draw(label, torch.zeros(4), torch.ones(4, 3), 0.0)
        assert torch.equal(spread[0], planner.means[0, 0])


def test_the_prior_is_a_density(planner):
    step = torch.linspace(-6, 6, 25)
    grid = torch.cartesian_prod(step, step, step)
    with torch.no_grad():
        total = planner.log_prior(grid, torch.zeros(len(grid), dtype=torch.long)).exp().sum()
    assert abs(float(total) * 0.5**3 - 1) < 0.05


def test_the_encoder_gives_mean_and_scale():
    encoder = FigureEncoder(4, 2, 3, (8, 8, 8))
    mean, scale = encoder(torch.randn(5, 4, 32, 32), torch.tensor([0, 1, 0, 1, 0]))
    assert mean.shape == scale.shape == (5, 3) and (scale >= -7).all() and (scale <= 1).all()
