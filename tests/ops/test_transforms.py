"""The public functions in forward mode, under vmap and grad, and on the meta device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from aigc_assets import ops
from tests.ops.calls import Call, calls, draw

CALLS = calls(torch.float64)


@pytest.fixture(params=CALLS)
def case(request: pytest.FixtureRequest) -> Call:
    return CALLS[request.param]


def test_forward_mode(case: Call) -> None:
    """Both ways in; a kernel that knows nothing of tangents would drop them."""
    function, x = case
    direction = draw(*x.shape[::-1]).reshape(x.shape)
    step = 1e-6
    expected = (function(x + step * direction) - function(x - step * direction)) / (2 * step)
    found = torch.func.jvp(function, (x,), (direction,))[1]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(function(forward_ad.make_dual(x, direction))).tangent
    torch.testing.assert_close(tangent, found)


def test_vmap(case: Call) -> None:
    function, x = case
    several = torch.stack((x, -x, 2 * x))
    torch.testing.assert_close(
        torch.vmap(function)(several), torch.stack([function(one) for one in several])
    )


def test_func_grad(case: Call) -> None:
    function, x = case

    def loss(x: Tensor) -> Tensor:
        return function(x).square().sum()

    wanted = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(wanted), wanted)
    torch.testing.assert_close(torch.func.grad(loss)(x), expected)
    several = torch.stack((x, x))
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(several)[1], expected)


def test_meta_device() -> None:
    """Autocast does not know it, and must not be asked."""
    x, weight = torch.empty(2, 3, 4, 4, device="meta"), torch.empty(5, 3, 3, 3, device="meta")
    assert ops.conv3x3_act(x, weight).shape == (2, 5, 4, 4)
    row, scale, matrix = (torch.empty(n, device="meta") for n in ((2, 6), (6,), (8, 6)))
    assert ops.rms_norm_linear(row, scale, matrix).shape == (2, 8)
    assert ops.cross_attention_small(x, x, x).shape == x.shape
