"""Every public op called once on small inputs; as a program, for a process with other variables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.phase_convolution_phases import CONV3X3

Call = tuple[Callable[[Tensor], Tensor], Tensor]
"""A public op whose other arguments are given, and what to call it on."""


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    numbers = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=numbers, dtype=torch.float64).to(dtype)


def _turned_heads(qkv: Tensor, *rest: Tensor) -> Tensor:
    return torch.cat(ops.qk_norm_rotary(qkv, *rest))


def calls(dtype: torch.dtype) -> dict[str, Call]:
    """Of the public ops that return one tensor and write to none."""

    def number(*shape: int) -> Tensor:
        return draw(*shape, dtype=dtype)

    def given(function: Callable[..., Tensor], *rest: Any, **more: Any) -> Any:
        return lambda x: function(x, *rest, **more)

    image, heads, grid = (2, 3, 4, 4), (2, 2, 7, 4), (1, 4, 4, 3, 2, 4)
    table, cache, counts = number(2, 3, 3), number(*heads), torch.tensor([3, 7])
    module = ops.PhaseConvolution(CONV3X3, number(5, 3, 3, 3))
    turned = given(_turned_heads, number(4), number(4), number(2, 3, 2))
    wanted: dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, ...]]] = {
        "aa_snake1d": (given(ops.aa_snake1d, number(3), 1 + number(3).square()), (2, 3, 9)),
        "fir_up2": (given(ops.fir_up2_bias_act, number(4)), image),
        "fir_down2": (given(ops.fir_down2_bias_act, number(4)), image),
        "up2_conv3x3": (given(ops.up2_conv3x3_act, number(5, 3, 3, 3)), image),
        "conv_transpose4x4s2": (given(ops.conv_transpose4x4s2_act, number(3, 5, 4, 4)), image),
        "conv3x3": (given(ops.conv3x3_act, number(5, 3, 3, 3)), image),
        "conv_transpose1d4s2": (given(ops.conv_transpose1d4s2_act, number(3, 5, 4)), (2, 3, 6)),
        "conv1d3": (given(ops.conv1d3_act, number(5, 3, 3), dilation=2), (2, 3, 6)),
        "PhaseConvolution": (module, image),
        "window": (given(ops.window_attention, table, window=2, shift=1), grid),
        "neighborhood": (given(ops.neighborhood_attention, table, reach=1), grid),
        "sliding": (given(ops.sliding_attention, cache, cache, window=3), heads),
        "cross": (given(ops.cross_attention_small, cache, cache), (2, 2, 5, 4)),
        "decode": (given(ops.decode_attention, cache, cache, counts), (2, 4, 4)),
        "rms_norm_linear": (given(ops.rms_norm_linear, number(6), number(8, 6)), (2, 6)),
        "rms_norm_gated": (given(ops.rms_norm_gated, number(6), number(8, 6)), (2, 6)),
        "rms_norm": (given(ops.rms_norm, number(6)), (2, 3, 6)),
        "qk_norm_rotary": (turned, (2, 3, 3, 2, 4)),
        "gated_silu": (ops.gated_silu, (2, 3, 6)),
        "linear_residual": (given(ops.linear_residual, number(8, 6), number(2, 8)), (2, 6)),
    }
    return {name: (function, number(*shape)) for name, (function, shape) in wanted.items()}


def results(dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: function(x) for name, (function, x) in calls(dtype).items()}


if __name__ == "__main__":
    found = {dtype: results(dtype) for dtype in (torch.float32, torch.bfloat16)}
    torch.save((ops.NATIVE.state, ops.report(), found), sys.argv[1])
