"""The public functions in forward mode, under vmap and grad, and on the meta device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from aigc_assets import ops
from aigc_assets.ops.phase_convolution_phases import CONV3X3


def _draw(*shape: int) -> Tensor:
    numbers = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=numbers, dtype=torch.float64)


def _partial(function: Callable[..., Tensor], *rest: Any, **more: Any) -> Callable[..., Tensor]:
    return lambda x: function(x, *rest, **more)


_image, _heads = (2, 3, 4, 4), (2, 2, 7, 4)
_table = _draw(2, 3, 3)
_cache, _counts = _draw(*_heads), torch.tensor([3, 7])
_module = ops.PhaseConvolution(CONV3X3, _draw(5, 3, 3, 3))

CASES: dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, ...]]] = {
    "aa_snake1d": (_partial(ops.aa_snake1d, _draw(3), 1 + _draw(3).square()), (2, 3, 9)),
    "fir_up2": (_partial(ops.fir_up2_bias_act, _draw(4)), _image),
    "fir_down2": (_partial(ops.fir_down2_bias_act, _draw(4)), _image),
    "up2_conv3x3": (_partial(ops.up2_conv3x3_act, _draw(5, 3, 3, 3)), _image),
    "conv_transpose4x4s2": (_partial(ops.conv_transpose4x4s2_act, _draw(3, 5, 4, 4)), _image),
    "conv3x3": (_partial(ops.conv3x3_act, _draw(5, 3, 3, 3)), _image),
    "conv_transpose1d4s2": (_partial(ops.conv_transpose1d4s2_act, _draw(3, 5, 4)), (2, 3, 6)),
    "conv1d3": (_partial(ops.conv1d3_act, _draw(5, 3, 3), dilation=2), (2, 3, 6)),
    "PhaseConvolution": (_module, _image),
    "window": (_partial(ops.window_attention, _table, window=2, shift=1), (1, 4, 4, 3, 2, 4)),
    "neighborhood": (_partial(ops.neighborhood_attention, _table, reach=1), (1, 4, 4, 3, 2, 4)),
    "sliding": (_partial(ops.sliding_attention, _cache, _cache, window=3), _heads),
    "cross": (_partial(ops.cross_attention_small, _cache, _cache), (2, 2, 5, 4)),
    "decode": (_partial(ops.decode_attention, _cache, _cache, _counts), (2, 4, 4)),
    "rms_norm_linear": (_partial(ops.rms_norm_linear, _draw(6), _draw(8, 6)), (2, 6)),
    "rms_norm_gated": (_partial(ops.rms_norm_gated, _draw(6), _draw(8, 6)), (2, 6)),
    "linear_residual": (_partial(ops.linear_residual, _draw(8, 6), _draw(2, 8)), (2, 6)),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    function, shape = CASES[request.param]
    return function, _draw(*shape)


def test_forward_mode(case: tuple[Callable[[Tensor], Tensor], Tensor]) -> None:
    """Both ways in; a kernel that knows nothing of tangents would drop them."""
    function, x = case
    direction = _draw(*x.shape[::-1]).reshape(x.shape)
    step = 1e-6
    expected = (function(x + step * direction) - function(x - step * direction)) / (2 * step)
    found = torch.func.jvp(function, (x,), (direction,))[1]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(function(forward_ad.make_dual(x, direction))).tangent
    torch.testing.assert_close(tangent, found)


def test_vmap(case: tuple[Callable[[Tensor], Tensor], Tensor]) -> None:
    function, x = case
    several = torch.stack((x, -x, 2 * x))
    torch.testing.assert_close(
        torch.vmap(function)(several), torch.stack([function(one) for one in several])
    )


def test_func_grad(case: tuple[Callable[[Tensor], Tensor], Tensor]) -> None:
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
