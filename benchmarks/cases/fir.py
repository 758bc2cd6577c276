"""Resampling by 2 with a separable filter, noise, bias and leaky ReLU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.activation import ACTIVATIONS
from aigc_assets.ops.fir import fir_resample_reference
from benchmarks.cases import Case

UP_SHAPES = (
    (1, 128, 16, 16),
    (16, 128, 16, 16),
    (1, 64, 64, 64),
    (16, 64, 32, 32),
    (1, 32, 128, 128),
)
DOWN_SHAPES = ((1, 64, 64, 64), (16, 64, 64, 64))
GAIN, CLAMP = 2**0.5, 256.0
LEAKY = ACTIVATIONS.index("leaky_relu")


def finished(y: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
    """What follows the filter in a StyleGAN2 layer: noise, bias, activation, gain, bound."""
    return (F.leaky_relu(y + noise + bias[:, None, None], 0.2) * GAIN).clamp(-CLAMP, CLAMP)


def upsampled(x: Tensor, kernel: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
    """Zeros between the pixels, padding, a grouped convolution: upfirdn2d as plain torch has it."""
    batch, channels, height, width = x.shape
    wide = x.reshape(batch, channels, height, 1, width, 1)
    wide = F.pad(wide, (0, 1, 0, 0, 0, 1)).reshape(batch, channels, 2 * height, 2 * width)
    return finished(F.conv2d(F.pad(wide, (2, 1, 2, 1)), kernel, groups=channels), bias, noise)


def upsampled_by_transposed(x: Tensor, kernel: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
    """The same by one transposed convolution: for 4 taps its padding of 1 is the right crop."""
    y = F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
    return finished(y, bias, noise)


def downsampled(x: Tensor, kernel: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
    """A grouped convolution with stride 2."""
    y = F.conv2d(F.pad(x, (1, 1, 1, 1)), kernel, stride=2, groups=x.shape[1])
    return finished(y, bias, noise)


def cases(device: str) -> Iterator[Case]:
    """Four taps, [1, 3, 3, 1]/8, as in StyleGAN2; NCHW and channels_last."""
    for shape in UP_SHAPES:
        yield _case("fir_up2_bias_act", shape, torch.float32, False, device)
    yield _case("fir_up2_bias_act", (1, 64, 64, 64), torch.float32, True, device)
    yield _case("fir_up2_bias_act", (1, 64, 64, 64), torch.bfloat16, True, device)
    for shape in DOWN_SHAPES:
        yield _case("fir_down2_bias_act", shape, torch.float32, False, device)


def _case(
    op: str, shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool, device: str
) -> Case:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(device, dtype)
    fir = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device) / 8
    bias = torch.randn(shape[1], generator=generator).to(device, dtype)
    up = op == "fir_up2_bias_act"
    kernel = (4 if up else 1) * torch.outer(fir, fir).to(dtype)
    kernel = kernel.expand(shape[1], 1, 4, 4).contiguous()
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    literal, ours = (
        (upsampled, ops.fir_up2_bias_act) if up else (downsampled, ops.fir_down2_bias_act)
    )

    size = [2 * n if up else n // 2 for n in shape[2:]]
    noise = torch.randn(1, 1, *size, generator=generator).to(device, dtype)

    def shifted(x: Tensor, fir: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
        return fir_resample_reference(x, fir, bias, noise, up, LEAKY, 0.2, GAIN, CLAMP)

    rewrites: dict[str, Callable[[], Any]] = {
        "shifted copies": lambda: shifted(x, fir, bias, noise)
    }
    torch._dynamo.reset()  # or a limit of variants would silently leave the last ones eager
    compiled_literal = torch.compile(literal, dynamic=False)
    compiled_shifted = torch.compile(shifted, dynamic=False)
    compiled: dict[str, Callable[[], Any]] = {
        "eager": lambda: compiled_literal(x, kernel, bias, noise),
        "shifted copies": lambda: compiled_shifted(x, fir, bias, noise),
    }
    if up:
        compiled_transposed = torch.compile(upsampled_by_transposed, dynamic=False)
        rewrites["transposed"] = lambda: upsampled_by_transposed(x, kernel, bias, noise)
        compiled["transposed"] = lambda: compiled_transposed(x, kernel, bias, noise)
    return Case(
        op,
        "x".join(map(str, shape)) + (" channels_last" if channels_last else ""),
        dtype,
        eager=lambda: literal(x, kernel, bias, noise),
        ours=lambda: ours(x, fir, bias, noise=noise, gain=GAIN, clamp=CLAMP),
        rewrites=rewrites,
        compiled=compiled,
        limit="copy",
        amount=x.nbytes * (5 if up else 1.25),
        headline=shape in ((1, 64, 64, 64), (1, 32, 128, 128)) and up and not channels_last,
    )
