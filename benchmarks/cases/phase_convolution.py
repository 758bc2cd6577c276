"""Phase convolutions: upsampling, transposed and plain ones with what follows them.

Operations are those of the direct phase form: four taps for each result of those with phases, nine
or three for the others. In float32 the kernels for the CPU take 9 products of 16, 16 of 36 in an
image, 3 of 4, 4 of 6 over time; shares of the limit count what they save, and may exceed 100 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.phase_convolution_phases import pack, unpack
from benchmarks.cases import Case

FLOAT, BFLOAT = torch.float32, torch.bfloat16
LAST, FIRST = torch.channels_last, torch.contiguous_format

# Batch, input and output channels, height and width of the input, layout, dtype, headline.
UP2 = (
    (16, 128, 64, 32, 32, LAST, BFLOAT, True),
    (16, 128, 64, 32, 32, FIRST, FLOAT, True),
    (16, 64, 32, 64, 64, LAST, BFLOAT, False),
    (16, 64, 32, 64, 64, FIRST, FLOAT, False),
    (8, 160, 128, 8, 6, FIRST, FLOAT, False),  # second stage of the sprite decoder
    (1, 128, 64, 32, 32, LAST, BFLOAT, False),
)
TRANSPOSED = (
    (16, 512, 256, 4, 4, LAST, BFLOAT, False),
    (16, 512, 256, 4, 4, FIRST, FLOAT, False),
    (16, 128, 64, 16, 16, LAST, BFLOAT, True),
    (16, 128, 64, 16, 16, FIRST, FLOAT, True),
    (1, 128, 64, 16, 16, FIRST, FLOAT, False),
)
SAME = (
    (8, 160, 160, 8, 6, FIRST, FLOAT, False),  # stages of the sprite decoder
    (8, 96, 96, 32, 24, FIRST, FLOAT, False),
    (8, 64, 64, 64, 48, FIRST, FLOAT, False),
    (8, 64, 64, 64, 48, LAST, BFLOAT, False),
)
SIGNALS = ((1, 144, 144, 32), (1, 144, 144, 128), (16, 144, 144, 128))  # of the sound decoder


def cases(device: str) -> Iterator[Case]:
    """Bias and leaky ReLU after all; the plain convolutions also have gain and residual."""
    for shape in UP2:
        yield _up2(device, *shape)
    for shape in TRANSPOSED:
        yield _transposed(device, *shape)
    for shape in SAME:
        yield _same(device, *shape)
    for batch, inputs, outputs, length in SIGNALS:
        yield from _signals(device, batch, inputs, outputs, length)


def _up2(
    device: str, batch: int, inputs: int, outputs: int, height: int, width: int,
    layout: torch.memory_format, dtype: torch.dtype, headline: bool,
) -> Case:  # fmt: skip
    x, weight, bias = _draw(device, dtype, (batch, inputs, height, width), (outputs, inputs, 3, 3))
    x, weight = x.to(memory_format=layout), weight.to(memory_format=layout)
    folded = unpack(pack(weight, 0), 0, inputs, outputs).contiguous(memory_format=layout)

    def eager() -> Tensor:
        wide = F.interpolate(x, scale_factor=2)
        return F.leaky_relu(F.conv2d(wide, weight, bias, padding=1), 0.2)

    def transpose() -> Tensor:
        return F.leaky_relu(F.conv_transpose2d(x, folded, bias, stride=2, padding=1), 0.2)

    return _case(
        "up2_conv3x3_act", x, dtype, eager, lambda: ops.up2_conv3x3_act(x, weight, bias),
        {"folded transpose": transpose}, 32 * inputs * outputs * batch * height * width, headline,
    )  # fmt: skip


def _transposed(
    device: str, batch: int, inputs: int, outputs: int, height: int, width: int,
    layout: torch.memory_format, dtype: torch.dtype, headline: bool,
) -> Case:  # fmt: skip
    """The block of a DCGAN: what torch writes has a batch norm of its own."""
    x, weight, bias = _draw(device, dtype, (batch, inputs, height, width), (inputs, outputs, 4, 4))
    x, weight = x.to(memory_format=layout), weight.to(memory_format=layout)
    norm = torch.nn.BatchNorm2d(outputs).to(device, dtype).eval().requires_grad_(False)
    module = torch.nn.ConvTranspose2d(inputs, outputs, 4, 2, 1).to(device, dtype)
    module.requires_grad_(False)
    module.weight, module.bias = torch.nn.Parameter(weight, False), torch.nn.Parameter(bias, False)
    folded_weight, folded_bias = ops.fold_batch_norm(weight, bias, norm, transposed=True)
    folded_weight = folded_weight.contiguous(memory_format=layout)
    ours = ops.PhaseConvolution.of(module, norm)

    def eager() -> Tensor:
        return F.leaky_relu(norm(module(x)), 0.2)

    def folded() -> Tensor:
        y = F.conv_transpose2d(x, folded_weight, folded_bias, stride=2, padding=1)
        return F.leaky_relu(y, 0.2)

    return _case(
        "conv_transpose4x4s2_act", x, dtype, eager, lambda: ours(x), {"folded norm": folded},
        32 * inputs * outputs * batch * height * width, headline,
    )  # fmt: skip


def _same(
    device: str, batch: int, inputs: int, outputs: int, height: int, width: int,
    layout: torch.memory_format, dtype: torch.dtype, headline: bool,
) -> Case:  # fmt: skip
    x, weight, _ = _draw(device, dtype, (batch, inputs, height, width), (outputs, inputs, 3, 3))
    x, weight = x.to(memory_format=layout), weight.to(memory_format=layout)
    gain = torch.ones(batch, outputs, device=device, dtype=dtype)
    bias = torch.zeros(batch, outputs, device=device, dtype=dtype)

    def eager() -> Tensor:
        y = F.conv2d(x, weight, padding=1)
        y = torch.addcmul(bias[:, :, None, None], y, gain[:, :, None, None])
        return x + F.leaky_relu(y, 0.1)

    def ours() -> Tensor:
        return ops.conv3x3_act(x, weight, bias, gain=gain, residual=x, slope=0.1)

    amount = 18 * inputs * outputs * batch * height * width
    return _case("conv3x3_act", x, dtype, eager, ours, {}, amount, headline)


def _signals(device: str, batch: int, inputs: int, outputs: int, length: int) -> Iterator[Case]:
    x, weight, bias = _draw(device, FLOAT, (batch, inputs, length), (outputs, inputs, 3))

    def eager() -> Tensor:
        return F.leaky_relu(F.conv1d(x, weight, bias, padding=1), 0.2)

    yield _case(
        "conv1d3_act", x, FLOAT, eager, lambda: ops.conv1d3_act(x, weight, bias), {},
        6 * inputs * outputs * batch * length, False,
    )  # fmt: skip
    signal, taps, shift = _draw(device, FLOAT, (batch, inputs, length), (inputs, outputs, 4))

    def transpose() -> Tensor:
        return F.leaky_relu(F.conv_transpose1d(signal, taps, shift, stride=2, padding=1), 0.2)

    yield _case(
        "conv_transpose1d4s2_act", signal, FLOAT, transpose,
        lambda: ops.conv_transpose1d4s2_act(signal, taps, shift), {},
        8 * inputs * outputs * batch * length, False,
    )  # fmt: skip


def _draw(
    device: str, dtype: torch.dtype, x_shape: tuple[int, ...], weight_shape: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(x_shape, generator=generator)
    weight = torch.randn(weight_shape, generator=generator) * (9 * x_shape[1]) ** -0.5
    outputs = weight_shape[1] if weight_shape[-1] == 4 else weight_shape[0]
    bias = torch.randn(outputs, generator=generator)
    return x.to(device, dtype), weight.to(device, dtype), bias.to(device, dtype)


def _case(
    op: str, x: Tensor, dtype: torch.dtype, eager: Callable[[], Tensor],
    ours: Callable[[], Tensor], rewrites: dict[str, Callable[[], Any]], amount: float,
    headline: bool,
) -> Case:  # fmt: skip
    torch._dynamo.reset()  # or a limit of variants would silently leave the last ones eager
    compiled = {
        name: torch.compile(run, dynamic=False)
        for name, run in {"eager": eager, **rewrites}.items()
    }
    shape = "x".join(map(str, x.shape)) + (
        " nhwc" if x.dim() == 4 and not x.is_contiguous() else ""
    )
    return Case(
        op, shape, dtype, eager, ours, rewrites, compiled,
        limit="amx" if dtype == BFLOAT else "fma", amount=amount, headline=headline,
    )  # fmt: skip
