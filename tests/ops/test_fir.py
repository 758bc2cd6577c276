from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.ops import fir_down2_bias_act, fir_up2_bias_act
from aigc_assets.ops.activation import ACTIVATIONS, activate
from aigc_assets.ops.declare import plain_torch
from aigc_assets.ops.fir import fir_resample_reference
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import ARRANGEMENTS, DTYPES, OpTester, assert_same_bytes, surrounded_by_nan

raw = torch.ops.aigc_assets.fir_resample.default


def draw(
    shape: tuple[int, ...], dtype: torch.dtype, up: bool, taps: int = 4, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, fir, bias and noise; the noise per image or one for all."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64).to(dtype)

    batch, channels, height, width = shape
    size = (2 * height, 2 * width) if up else (height // 2, width // 2)
    noises = batch if seed % 2 == 0 else 1
    return normal(*shape), normal(taps), normal(channels), normal(noises, 1, *size)


def by_definition(
    x: Tensor, fir: Tensor, bias: Tensor | None, noise: Tensor | None, up: bool, *finish: Any
) -> Tensor:
    """Insert zeros, pad, convolve with the outer product, keep every other pixel; no phases."""
    channels, taps = x.shape[1], fir.shape[0]
    if up:
        wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
        wide[:, :, ::2, ::2] = x
        before, after, scale = (taps + 1) // 2, (taps - 2) // 2, 4.0
    else:
        wide, before, after, scale = x, (taps - 1) // 2, (taps - 2) // 2, 1.0
    wide = F.pad(wide, (before, after, before, after))
    kernel = scale * torch.outer(fir, fir).flip(0, 1)
    y = F.conv2d(wide, kernel.expand(channels, 1, taps, taps), groups=channels)
    if not up:
        y = y[:, :, ::2, ::2]
    if bias is not None:
        y = y + bias[:, None, None]
    if noise is not None:
        y = y + noise
    activation, slope, gain, clamp = finish
    y = activate(y, activation, slope) * gain
    return y if clamp is None else y.clamp(-clamp, clamp)


class FirTester(OpTester):
    raw = raw
    up: ClassVar[bool]
    finish: ClassVar[tuple[Any, ...]] = (ACTIVATIONS.index("leaky_relu"), 0.2, 1.5, 2.0)

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return draw(shape, dtype, self.up, 4 + seed % 3, seed)

    def raw_inputs(self, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Any, ...]:
        return *self.inputs(shape, dtype), self.up, *self.finish


def public(function: Callable[..., Tensor]) -> Any:
    def run(x: Tensor, fir: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
        return function(x, fir, bias, noise=noise, gain=1.5, clamp=2.0)

    return staticmethod(run)


def reference(up: bool) -> Any:
    def run(*inputs: Tensor) -> Tensor:
        return fir_resample_reference(*inputs, up, *FirTester.finish)

    return staticmethod(run)


class TestUp(FirTester):
    up = True
    op = public(fir_up2_bias_act)
    reference = reference(True)
    shapes = ((2, 3, 9, 21), (1, 2, 5, 67))
    edge_shapes = (
        (0, 3, 4, 5),
        (2, 0, 4, 5),
        (1, 1, 1, 1),
        (2, 3, 1, 2),
        (1, 2, 3, 1),
        *((1, 2, 2, n) for n in (7, 8, 9, 15, 16, 17, 31, 32, 33, 130)),
        *((1, 1, n, 16) for n in (15, 16, 17, 33, 65)),  # around the rows done at once
        *((1, 1, 3, n) for n in (255, 256, 257, 273, 530)),  # and the columns
    )
    large_shape = (2, 12, 70, 40)
    gradient_shapes = ((1, 1, 1, 1), (2, 2, 3, 2))

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        x, fir, bias, noise = self.inputs((2, 3, 4, 5), torch.float32)
        yield (x[0], fir, bias, noise), ValueError, "x: expected"
        yield (x[..., :0], fir, bias, noise), ValueError, "x: expected at least"
        yield (x.int(), fir, bias, noise), TypeError, "x: expected a floating dtype"
        yield (x, fir[None], bias, noise), ValueError, "fir: expected"
        yield (x, fir[:0], bias, noise), ValueError, "fir: expected 1 to 8"
        yield (x, fir.repeat(3), bias, noise), ValueError, "fir: expected 1 to 8"
        yield (x, fir.double(), bias, noise), TypeError, "fir: expected"
        yield (x, fir, bias[:2], noise), ValueError, "bias: expected"
        yield (x, fir, bias.to("meta"), noise), TypeError, "bias: expected device"
        yield (x, fir, bias, noise[..., :-1]), ValueError, "noise: expected"
        yield (x, fir, bias, noise.repeat(2, 1, 1, 1)), ValueError, "noise: expected a batch"
        yield (x, fir, bias, noise.half()), TypeError, "noise: expected"


class TestDown(FirTester):
    up = False
    op = public(fir_down2_bias_act)
    reference = reference(False)
    shapes = ((2, 3, 9, 43), (1, 2, 10, 134))
    edge_shapes = (
        (0, 3, 4, 5),
        (2, 0, 4, 5),
        (1, 1, 2, 2),
        (2, 3, 3, 2),
        (1, 2, 2, 3),
        *((1, 2, 3, n) for n in (13, 16, 17, 31, 32, 33, 63, 64, 65, 260)),
    )
    large_shape = (2, 12, 90, 110)
    gradient_shapes = ((1, 1, 2, 2), (2, 2, 5, 4))

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        x, fir, bias, noise = self.inputs((2, 3, 4, 6), torch.float32)
        yield (x[..., :1], fir, bias, noise), ValueError, "x: expected at least two"
        yield (x, fir, bias, noise[:, 0]), ValueError, "noise: expected"
        yield (x, fir.repeat(3), bias, noise), ValueError, "fir: expected 1 to 8"


@pytest.mark.parametrize("function", (fir_up2_bias_act, fir_down2_bias_act))
def test_rejects_bad_options(function: Callable[..., Tensor]) -> None:
    x, fir = torch.ones(1, 1, 4, 4), torch.ones(4)
    with pytest.raises(ValueError, match="activation: expected one of"):
        function(x, fir, activation="gelu")
    with pytest.raises(ValueError, match="clamp: expected"):
        function(x, fir, clamp=-1.0)


@pytest.mark.parametrize("taps", range(1, 9))
@pytest.mark.parametrize("up", (True, False))
def test_reference_is_the_definition(up: bool, taps: int) -> None:
    for shape in ((2, 2, 5, 7), (1, 3, 2, 4), (1, 1, 6, 3)):
        inputs = draw(shape, torch.float64, up, taps)
        finish = (taps % len(ACTIVATIONS), 0.3, 1.5, 2.0 if taps % 2 else None)
        expected = by_definition(*inputs, up, *finish)
        found = fir_resample_reference(*inputs, up, *finish)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("taps", (1, 2, 3, 4, 7, 8))
@pytest.mark.parametrize("up", (True, False))
def test_gradients_through_the_op(up: bool, taps: int) -> None:
    """Where the filter is a constant, gradients run the op in the other direction."""
    for number, shape in enumerate(((2, 2, 5, 4), (1, 2, 2, 3))):
        x, fir, bias, noise = draw(shape, torch.float64, up, taps, number)
        finish = ((0, 3, 4)[taps % 3], 0.2, 1.5, 3.0 if taps in (1, 3, 8) else None)
        wanted = tuple(value.requires_grad_() for value in (x, bias, noise))
        grad = torch.randn_like(noise).expand(-1, x.shape[1], -1, -1)
        grad = grad.expand(x.shape[0], -1, -1, -1)
        expected = torch.autograd.grad(
            by_definition(x, fir, bias, noise, up, *finish), wanted, grad
        )
        found = torch.autograd.grad(raw(x, fir, bias, noise, up, *finish), wanted, grad)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)

        if taps in (4, 7):
            arguments = (x, fir, bias, noise, up, *finish)
            assert torch.autograd.gradgradcheck(raw, arguments)


@pytest.mark.parametrize("function", (fir_up2_bias_act, fir_down2_bias_act))
def test_autocast(function: Callable[..., Tensor]) -> None:
    """It changes nothing: an image that a product made narrow meets filter, bias, noise as are."""
    x, fir, bias, noise = draw((2, 3, 6, 8), torch.float32, function is fir_up2_bias_act)
    expected = function(x, fir, bias, noise=noise)
    narrow = x.bfloat16()
    mixed = function(narrow.float(), fir, bias, noise=noise).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert_same_bytes(function(x, fir, bias, noise=noise), expected)
        found = function(narrow, fir, bias, noise=noise)
        assert_same_bytes(found, mixed)
        with plain_torch():
            plain = function(narrow, fir, bias, noise=noise)
    assert plain.dtype == torch.bfloat16
    torch.testing.assert_close(found, plain)
    grad = torch.ones_like(found)
    wanted = tuple(value.requires_grad_() for value in (narrow, bias, noise))
    found = torch.autograd.grad(function(narrow, fir, bias, noise=noise), wanted, grad)
    for value, gradient in zip(wanted, found, strict=True):
        assert gradient.dtype == value.dtype and gradient.shape == value.shape


def test_keeps_brightness_and_place() -> None:
    """A filter that sums to 1 keeps a constant image; a symmetric one moves nothing."""
    fir = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    x = torch.ones(1, 1, 8, 8)
    up = fir_up2_bias_act(x, fir, activation="none")
    torch.testing.assert_close(up[..., 2:-2, 2:-2], torch.ones(1, 1, 12, 12))
    down = fir_down2_bias_act(x, fir, activation="none")
    torch.testing.assert_close(down[..., 1:-1, 1:-1], torch.ones(1, 1, 2, 2))
    for function in (fir_up2_bias_act, fir_down2_bias_act):
        x = torch.rand(1, 1, 8, 8)
        turned = function(x.flip(2, 3), fir, activation="none").flip(2, 3)
        torch.testing.assert_close(turned, function(x, fir, activation="none"))


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


DRAWS = 8


@pytest.mark.native
@settings(max_examples=80, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(2, 12), st.integers(2, 40)),
    dtype=st.sampled_from(DTYPES),
    options=st.tuples(
        st.booleans(),
        st.integers(0, 4),
        st.sampled_from((0.0, 0.2)),
        st.sampled_from((1.0, 1.4)),
        st.sampled_from((None, 1.0)),
    ),
    taps=st.integers(1, 8),
    given_too=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    arrange=st.sampled_from((*ARRANGEMENTS, channels_last)),
    seed=st.integers(0, 2**31),
)
def test_any_shape_and_layout(shape, dtype, options, taps, given_too, arrange, seed) -> None:
    budget = ErrorBudget()
    for number in range(seed, seed + DRAWS):
        x, fir, bias, noise = draw(shape, dtype, options[0], taps, number)
        if given_too[2] and dtype != torch.float64:
            fir, bias = fir.float(), bias.float()
        tensors = (x, fir, bias if given_too[0] else None, noise if given_too[1] else None)
        placed = [
            value if value is None or value.dim() != 4 else arrange(value) for value in tensors
        ]
        found = raw(*placed, *options)
        assert found.is_contiguous(memory_format=format_of(placed[0]))
        budget.add(found, *exact_and_plain(fir_resample_reference, (*tensors, *options)))
    budget.check()


def format_of(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


@pytest.mark.native
@pytest.mark.parametrize("up", (True, False))
def test_channels_last(capability: str, poisoned_memory: None, up: bool) -> None:
    """In the memory format of x, the same numbers, whatever the number of channels."""
    for dtype in (torch.float32, torch.bfloat16):
        budget = ErrorBudget()
        for channels in (2, 3, 8, 15, 16, 17, 31, 32, 33, 64, 255, 257, 300):
            x, fir, bias, noise = draw((2, channels, 5, 6), dtype, up, 4, channels)
            arguments = (fir, bias, noise, up, *FirTester.finish)
            found = raw(channels_last(x), *arguments)
            assert found.is_contiguous(memory_format=torch.channels_last)
            again = raw(surrounded_by_nan(x), *arguments)
            assert_same_bytes(found, again)
            budget.add(found, *exact_and_plain(fir_resample_reference, (x, *arguments)))
        budget.check()


@pytest.mark.native
@pytest.mark.parametrize("layout", (torch.clone, channels_last))
def test_same_bytes_for_any_threads(capability: str, layout: Callable[[Tensor], Tensor]) -> None:
    before = torch.get_num_threads()
    try:
        for up in (True, False):
            x, *rest = draw((3, 20, 40, 60), torch.float32, up)
            results = []
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                results.append(raw(layout(x), *rest, up, *FirTester.finish))
            for result in results[1:]:
                assert_same_bytes(results[0], result)
    finally:
        torch.set_num_threads(before)


@pytest.mark.native
@pytest.mark.parametrize("layout", (torch.clone, channels_last))
def test_results_past_the_caches(capability: str, layout: Callable[[Tensor], Tensor]) -> None:
    """The same bytes as of the same images one by one, which are small enough for the caches."""
    for dtype in (torch.float32, torch.bfloat16):
        x, fir, bias, noise = draw((5, 64, 130, 64), dtype, True)
        found = raw(layout(x), fir, bias, noise, True, *FirTester.finish)
        for image in range(x.shape[0]):
            one = slice(image, image + 1)
            alone = raw(layout(x[one]), fir, bias, noise[one], True, *FirTester.finish)
            assert_same_bytes(found[one], alone)


@pytest.mark.slow
@pytest.mark.native
def test_more_than_two_to_the_31_elements() -> None:
    x = torch.zeros(1, 9, 1 << 13, 1 << 13, dtype=torch.bfloat16)
    x[..., -1, -1] = torch.arange(1, 10)[None, :]
    fir = torch.tensor([1.0, 1.0])
    y = fir_up2_bias_act(x, fir, activation="none")
    assert y.numel() > 1 << 31
    expected = 4 * torch.arange(1, 10, dtype=torch.bfloat16)[None, :]
    for rows in (-1, -2):
        for columns in (-1, -2):
            assert torch.equal(y[..., rows, columns], expected)
    assert not y[..., -4:-2, :].any()
