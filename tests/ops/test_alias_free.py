from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.ops import aa_snake1d
from aigc_assets.ops.alias_free import (
    aa_snake1d_backward_reference,
    aa_snake1d_reference,
    half_band_filter,
)
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import ARRANGEMENTS, DTYPES, OpTester

backward = torch.ops.aigc_assets.aa_snake1d_backward.default


def draw(
    shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    alpha = torch.rand(shape[1], generator=generator, dtype=torch.float64) * 3 + 0.5
    beta = torch.rand(shape[1], generator=generator, dtype=torch.float64) + 0.3
    return x.to(dtype), alpha.to(dtype), beta.to(dtype)


def by_convolutions(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """The definition as the literature writes it: pad, transposed convolution, crop; and back."""
    channels = x.shape[1]
    taps = torch.tensor(half_band_filter(), dtype=x.dtype).expand(channels, 1, 12)
    wide = F.pad(x, (5, 5), mode="replicate")
    u = 2 * F.conv_transpose1d(wide, taps, stride=2, groups=channels)[..., 15:-15]
    v = u + torch.sin(alpha[:, None] * u) ** 2 / (beta[:, None] + 1e-9)
    return F.conv1d(F.pad(v, (5, 6), mode="replicate"), taps, stride=2, groups=channels)


class SnakeShapes:
    shapes = ((2, 3, 257), (1, 5, 1500))
    edge_shapes = tuple(
        [(0, 3, 5), (2, 0, 5), (1, 1, 1), (3, 2, 2)]
        + [(1, 2, n) for n in (3, 5, 6, 7, 8, 15, 16, 17, 31, 33)]
        + [(1, 2, n) for n in (1018, 1021, 1023, 1024, 1025, 1027, 1030, 2049)]
    )
    large_shape = (2, 24, 9001)
    gradient_shapes = ((1, 1, 1), (2, 1, 2), (1, 2, 3), (2, 2, 9))


class TestSnake(SnakeShapes, OpTester):
    op = staticmethod(aa_snake1d)
    raw = torch.ops.aigc_assets.aa_snake1d.default
    reference = staticmethod(aa_snake1d_reference)

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return draw(shape, dtype, seed)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        x, alpha, beta = draw((2, 3, 5), torch.float32)
        yield (x[0], alpha, beta), ValueError, "x: expected"
        yield (x[..., :0], alpha, beta), ValueError, "at least one sample"
        yield (x, alpha[:2], beta), ValueError, "alpha: expected"
        yield (x, alpha, beta[:, None]), ValueError, "beta: expected"
        yield (x.int(), alpha, beta), TypeError, "x: expected a floating dtype"
        yield (x, alpha.double(), beta), TypeError, "alpha: expected"
        yield (x.half(), alpha.half(), beta), TypeError, "beta: expected the dtype of alpha"
        yield (x, alpha.to("meta"), beta), TypeError, "alpha: expected device"


class TestSnakeBackward(SnakeShapes, OpTester):
    op = backward
    raw = backward
    reference = staticmethod(aa_snake1d_backward_reference)

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        x, alpha, beta = draw(shape, dtype, seed)
        # Mostly positive, so that the sums over samples do not cancel down to their own rounding.
        return (draw(shape, torch.float64, seed + 1000)[0] + 2).to(dtype), x, alpha, beta

    @pytest.mark.native
    @pytest.mark.usefixtures("kernels")
    def test_rejects_bad_input(self) -> None:
        grad, x, alpha, beta = self.inputs((2, 3, 5), torch.float32)
        for arguments in ((grad[:1], x, alpha, beta), (grad, x, alpha[:2], beta)):
            with pytest.raises(RuntimeError, match="expected"):
                backward(*arguments)


def test_filter_is_a_half_band_low_pass() -> None:
    taps = half_band_filter()
    assert taps == taps[::-1] and math.isclose(sum(taps), 1)
    spectrum = torch.fft.rfft(torch.tensor(taps), n=1000).abs()
    assert spectrum[:100].min() > 0.97
    assert spectrum[400:].max() < 0.01
    # As the sample rate halves, images of what is kept must be weak.
    assert math.isclose(spectrum[250], 0.5, abs_tol=0.02)


def test_header_holds_the_filter() -> None:
    header = Path(__file__).parents[2] / "csrc" / "alias_free.h"
    body = re.search(r"taps\[6\] = \{([^}]*)\}", header.read_text())
    assert body is not None
    assert tuple(map(float, body[1].split(","))) == pytest.approx(half_band_filter()[:6], rel=1e-15)


@pytest.mark.parametrize("length", (1, 2, 3, 4, 7, 40))
def test_reference_is_the_definition(length: int) -> None:
    inputs = draw((2, 3, length), torch.float64)
    grad = torch.randn(inputs[0].shape, dtype=torch.float64)
    for value in inputs:
        value.requires_grad_()
    expected = by_convolutions(*inputs)
    torch.testing.assert_close(aa_snake1d_reference(*inputs), expected, rtol=0, atol=1e-14)
    wanted = torch.autograd.grad(expected, inputs, grad)
    for found, want in zip(aa_snake1d_backward_reference(grad, *inputs), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-13)


def test_suppresses_what_would_alias() -> None:
    """A tone whose second harmonic lies above the Nyquist frequency must not make a lower tone."""
    length, frequency = 2000, 0.33  # the harmonic, 0.66 cycles per sample, would fold to 0.34
    time = torch.arange(length, dtype=torch.float64)
    tone = torch.cos(2 * math.pi * frequency * time)[None, None]
    one = torch.ones(1, dtype=torch.float64)

    def folded(signal: Tensor) -> float:
        windowed = signal[0, 0] * torch.hann_window(length, dtype=torch.float64)
        spectrum = torch.fft.rfft(windowed).abs() / windowed.abs().sum()
        return spectrum[680].item()

    assert folded(aa_snake1d(tone, one, one)) < 0.3 * folded(tone + torch.sin(tone) ** 2)


DRAWS = 16


@pytest.mark.native
@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 80)),
    dtype=st.sampled_from(DTYPES),
    float_parameters=st.booleans(),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_shape_and_layout(shape, dtype, float_parameters, arrange, seed) -> None:
    budgets = ErrorBudget(), ErrorBudget()
    # Of one draw, the sum per channel can be exact in plain torch by luck; of many it is not.
    for number in range(seed, seed + 2 * DRAWS, 2):
        x, alpha, beta = draw(shape, dtype, number)
        if float_parameters and dtype != torch.float64:
            alpha, beta = alpha.float(), beta.float()
        grad = draw(shape, dtype, number + 1)[0] + 2
        inputs = tuple(arrange(value) for value in (grad, x, alpha, beta))
        budgets[0].add(aa_snake1d(*inputs[1:]), *exact_and_plain(aa_snake1d_reference, inputs[1:]))
        budgets[1].add(backward(*inputs), *exact_and_plain(aa_snake1d_backward_reference, inputs))
    for budget in budgets:
        budget.check()


@pytest.mark.native
def test_loud_signals(capability: str) -> None:
    """Large angles keep their phase; beyond float32's resolution the result stays bounded."""
    for size in (100.0, 3e4, 1e6):
        budget = ErrorBudget()
        for seed in range(4):
            x, alpha, beta = draw((1, 2, 200), torch.float32, seed)
            inputs = (x * size, alpha, beta)
            budget.add(aa_snake1d(*inputs), *exact_and_plain(aa_snake1d_reference, inputs))
        budget.check()
    huge = torch.full((1, 2, 40), 1e30)
    one = torch.ones(2)
    assert torch.allclose(aa_snake1d(huge, one, one), huge, rtol=1e-5)
    for bad in (math.inf, math.nan):
        x = torch.zeros(1, 1, 40)
        x[..., 20] = bad
        found, expected = (f(x, one[:1], one[:1]) for f in (aa_snake1d, aa_snake1d_reference))
        assert found.isfinite().equal(expected.isfinite())


@pytest.mark.native
def test_half_width_rounding(capability: str) -> None:
    """Storage conversions round to nearest even, keep subnormals, infinities and NaN."""
    # T = 1 and alpha = 0 make the op the identity: the filter sums to 1 and nothing is bent.
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    zero, one = torch.zeros(1), torch.ones(1)
    for dtype in (torch.float16, torch.bfloat16):
        x = bits.view(dtype)[:, None, None]
        found = aa_snake1d(x, zero, one)
        finite = x.isfinite() & (x.abs() < torch.finfo(dtype).max / 2)
        torch.testing.assert_close(found[finite], x[finite], rtol=torch.finfo(dtype).eps, atol=0)
        assert found[x.isnan()].isnan().all()


def test_gradients_accept_expanded_cotangents() -> None:
    """``sum().backward()`` hands down a gradient without memory of its own."""
    inputs = draw((2, 3, 17), torch.float64)
    for value in inputs:
        value.requires_grad_()
    found = torch.autograd.grad(aa_snake1d(*inputs).sum(), inputs)
    expected = torch.autograd.grad(by_convolutions(*inputs).sum(), inputs)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_autocast() -> None:
    """It changes nothing: what a product made narrow meets float32 parameters as they are."""
    x, alpha, beta = draw((2, 3, 40), torch.float32)
    expected = aa_snake1d(x, alpha, beta)
    narrow = aa_snake1d(x.bfloat16(), alpha, beta)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(aa_snake1d(x, alpha, beta), expected)
        found = aa_snake1d(x.bfloat16(), alpha, beta)
    assert found.dtype == torch.bfloat16 and torch.equal(found, narrow)
    torch.testing.assert_close(found, aa_snake1d_reference(x.bfloat16(), alpha, beta))


@pytest.mark.native
@pytest.mark.slow
def test_more_samples_than_32_bits_count() -> None:
    """One row of more than 2^31 samples: its end is what it is of a shorter row."""
    x = torch.zeros(1, 1, 2**31 + 4096, dtype=torch.bfloat16)
    generator = torch.Generator().manual_seed(0)
    x[..., -200:] = torch.randn(200, generator=generator)
    alpha, beta = torch.ones(1), torch.ones(1)
    found = aa_snake1d(x, alpha, beta)
    assert torch.equal(found[..., -8192:], aa_snake1d(x[..., -8192:], alpha, beta))
    assert not found[..., 2**30 : 2**30 + 4096].any()
