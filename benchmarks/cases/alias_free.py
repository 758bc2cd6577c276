"""The alias-free snake activation of waveform decoders, forward and with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.alias_free import aa_snake1d_reference, half_band_filter
from benchmarks.cases import Case

SHAPES = (
    (1, 144, 128),  # the sound model, one sound
    (16, 144, 128),  # a batch of it
    (1, 512, 400),  # first stage of a vocoder
    (1, 128, 3200),  # middle stage
    (1, 32, 24000),  # late stage
    (1, 24, 44100),  # last stage, one second at 44.1 kHz
)
TRAINED_SHAPES = ((16, 144, 128), (1, 128, 3200), (1, 24, 44100))
HALF_WIDTH_SHAPES = ((1, 144, 128), (1, 128, 3200), (1, 24, 44100))
HEADLINES = ((1, 144, 128), (1, 128, 3200))

# Floating-point operations per sample: two filters of 12 taps, and for each of two samples of the
# doubled rate a reduction, a square, a polynomial of six terms in it, and a sum.
OPERATIONS = 2 * 24 + 2 * (1 + 1 + 2 * 6)


def convolutions(x: Tensor, alpha: Tensor, beta: Tensor, taps: Tensor) -> Tensor:
    """`aa_snake1d` by padding and grouped convolutions, as vocoders in plain torch run it."""
    channels = x.shape[1]
    wide = F.pad(x, (5, 5), mode="replicate")
    u = 2 * F.conv_transpose1d(wide, taps, stride=2, groups=channels)[..., 15:-15]
    v = u + torch.sin(u * alpha[:, None]).square() / (beta[:, None] + 1e-9)
    return F.conv1d(F.pad(v, (5, 6), mode="replicate"), taps, stride=2, groups=channels)


def cases(device: str) -> Iterator[Case]:
    """Float32 and bfloat16 forward; float32 with backward."""
    for shape in SHAPES:
        yield _case(shape, torch.float32, False, device)
    for shape in HALF_WIDTH_SHAPES:
        yield _case(shape, torch.bfloat16, False, device)
    for shape in TRAINED_SHAPES:
        yield _case(shape, torch.float32, True, device)


def _case(shape: tuple[int, ...], dtype: torch.dtype, trained: bool, device: str) -> Case:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(device, dtype)
    alpha = (torch.rand(shape[1], generator=generator) + 0.5).to(device, dtype)
    beta = (torch.rand(shape[1], generator=generator) + 0.5).to(device, dtype)
    taps = torch.tensor(half_band_filter()).expand(shape[1], 1, 12).to(device, dtype)
    grad = torch.randn(shape, generator=generator).to(device, dtype)
    inputs = [value.requires_grad_(trained) for value in (x, alpha, beta)]

    def timed(run: Callable[[], Tensor]) -> Callable[[], Any]:
        if not trained:
            return run
        return lambda: (y := run(), *torch.autograd.grad(y, inputs, grad))

    torch._dynamo.reset()  # or a limit of variants would silently leave the last ones eager
    compiled = torch.compile(convolutions, dynamic=False)
    compiled_reference = torch.compile(aa_snake1d_reference, dynamic=False)
    return Case(
        "aa_snake1d + backward" if trained else "aa_snake1d",
        "x".join(map(str, shape)),
        dtype,
        eager=timed(lambda: convolutions(x, alpha, beta, taps)),
        ours=timed(lambda: ops.aa_snake1d(x, alpha, beta)),
        rewrites={"shifted copies": timed(lambda: aa_snake1d_reference(x, alpha, beta))},
        compiled={
            "eager": timed(lambda: compiled(x, alpha, beta, taps)),
            "shifted copies": timed(lambda: compiled_reference(x, alpha, beta)),
        },
        limit="" if trained else "fma",
        amount=0.0 if trained else float(OPERATIONS * x.numel()),
        tolerance=5e-4 if trained else 0.0,
        headline=shape in HEADLINES and dtype == torch.float32 and not trained,
    )
