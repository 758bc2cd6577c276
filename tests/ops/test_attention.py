from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.ops import cross_attention_small, sliding_attention
from aigc_assets.ops.attention import (
    cross_attention_small_reference,
    sliding_attention_reference,
)
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import ARRANGEMENTS, DTYPES, OpTester


def draw(
    shape: tuple[int, ...], keys: int, dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    batch, heads, _, depth = shape
    there = (batch, heads, keys, depth)
    drawn = (
        torch.randn(size, generator=generator, dtype=torch.float64)
        for size in (shape, there, there)
    )
    q, k, v = (value.to(dtype) for value in drawn)
    return q, k, v


def slide(q: Tensor, k: Tensor, v: Tensor, window: int, causal: bool) -> Tensor:
    return sliding_attention(q, k, v, window=window, causal=causal)


class TestSliding(OpTester):
    """Shapes are (B, heads, L, D, window, causal)."""

    op = staticmethod(slide)
    raw = torch.ops.aigc_assets.sliding_attention.default
    reference = staticmethod(sliding_attention_reference)
    shapes = ((2, 2, 150, 32, 33, True), (1, 2, 130, 64, 64, True), (1, 3, 97, 20, 16, False))
    edge_shapes = (
        (0, 2, 5, 8, 2, True),
        (2, 1, 0, 8, 2, True),
        (1, 1, 1, 1, 1, True),
        (1, 1, 1, 1, 9, False),
        (1, 2, 17, 33, 1, True),
        (1, 2, 16, 31, 16, True),
        (1, 1, 65, 40, 4, False),
        (1, 1, 129, 16, 1000, True),
        (1, 1, 90, 8, 1000, False),
        (1, 1, 33, 130, 32, True),
        (1, 1, 600, 8, 5, True),
        (1, 1, 530, 8, 70, False),
    )
    large_shape = (2, 4, 1100, 32, 100, True)
    gradient_shapes = ((1, 1, 1, 1, 1, True), (1, 2, 5, 2, 2, True), (1, 1, 4, 2, 2, False))

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return *draw(shape[:4], shape[2], dtype, seed), shape[4], bool(shape[5])

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        q, k, v, window, causal = self.inputs((2, 2, 5, 3, 2, True), torch.float32)
        yield (q[0], k, v, window, causal), ValueError, "q: expected"
        yield (q[..., :0], k, v, window, causal), ValueError, "q: expected"
        yield (q, k[:, :1], v, window, causal), ValueError, "k: expected"
        yield (q, k, v[..., :2], window, causal), ValueError, "v: expected"
        yield (q, k, v, 0, causal), ValueError, "window: expected"
        yield (q.int(), k, v, window, causal), TypeError, "q: expected a floating dtype"
        yield (q, k.half(), v, window, causal), TypeError, "k: expected"
        yield (q, k, v.to("meta"), window, causal), TypeError, "v: expected device"


class TestCrossSmall(OpTester):
    """Shapes are (B, heads, L, D, S)."""

    op = staticmethod(cross_attention_small)
    raw = torch.ops.aigc_assets.cross_attention_small.default
    reference = staticmethod(cross_attention_small_reference)
    shapes = ((2, 2, 50, 40, 77), (1, 3, 33, 64, 128), (1, 1, 40, 20, 5))
    edge_shapes = (
        (0, 2, 5, 8, 2),
        (2, 1, 0, 8, 2),
        (1, 1, 1, 1, 1),
        (1, 2, 17, 33, 16),
        (1, 2, 16, 31, 17),
        (1, 1, 15, 32, 31),
        (1, 1, 14, 16, 32),
        (1, 1, 300, 8, 33),
        (1, 1, 2, 130, 127),
        (3, 1, 1, 96, 65),
    )
    large_shape = (2, 4, 1100, 40, 77)
    gradient_shapes = ((1, 1, 1, 1, 1), (1, 2, 3, 2, 2), (2, 1, 2, 3, 4))

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return draw(shape[:4], shape[4], dtype, seed)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        q, k, v = self.inputs((2, 2, 5, 3, 4), torch.float32)
        yield (q[0], k, v), ValueError, "q: expected"
        yield (q[..., :2], k, v), ValueError, "k: expected"
        yield (q, k, v[:, :, :3]), ValueError, "v: expected"
        yield (q, k[:, :, :0], v[:, :, :0]), ValueError, "k: expected 1 to 128"
        long = k.repeat(1, 1, 33, 1)
        yield (q, long, long), ValueError, "k: expected 1 to 128"
        yield (q.int(), k, v), TypeError, "q: expected a floating dtype"
        yield (q, k.half(), v), TypeError, "k: expected"
        yield (q, k, v.to("meta")), TypeError, "v: expected device"


def band(length: int, window: int, causal: bool) -> Tensor:
    """Which keys, in columns, which queries, in rows, see."""
    seen = torch.zeros(length, length, dtype=torch.bool)
    for i in range(length):
        for j in range(length):
            seen[i, j] = abs(i - j) < window and (j <= i or not causal)
    return seen


@pytest.mark.parametrize("causal", (True, False))
@pytest.mark.parametrize("length, window", ((1, 1), (7, 3), (80, 64), (150, 20), (200, 70)))
def test_sliding_is_attention_with_a_band(length: int, window: int, causal: bool) -> None:
    q, k, v = draw((2, 2, length, 6), length, torch.float64)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=band(length, window, causal))
    for function in (slide, sliding_attention_reference):
        found = function(q, k, v, window, causal)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_cross_is_attention() -> None:
    q, k, v = draw((2, 3, 19, 10), 7, torch.float64)
    expected = F.scaled_dot_product_attention(q, k, v)
    for function in (cross_attention_small, cross_attention_small_reference):
        torch.testing.assert_close(function(q, k, v), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.native
@settings(max_examples=40, deadline=None)
@given(
    heads=st.integers(1, 3),
    length=st.integers(0, 140),
    depth=st.integers(1, 70),
    window=st.integers(1, 150),
    causal=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_band(heads, length, depth, window, causal, dtype, arrange, seed) -> None:
    budget = ErrorBudget()
    for number in range(seed, seed + 4):
        inputs = draw((1, heads, length, depth), length, dtype, number)
        found = slide(*map(arrange, inputs), window, causal)
        expected = exact_and_plain(sliding_attention_reference, (*inputs, window, causal))
        budget.add(found, *expected)
    budget.check()


@pytest.mark.native
@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(0, 3),
    heads=st.integers(1, 3),
    length=st.integers(0, 60),
    keys=st.integers(1, 128),
    depth=st.integers(1, 70),
    dtype=st.sampled_from(DTYPES),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_few_keys(batch, heads, length, keys, depth, dtype, arrange, seed) -> None:
    budget = ErrorBudget()
    for number in range(seed, seed + 4):
        inputs = draw((batch, heads, length, depth), keys, dtype, number)
        found = cross_attention_small(*map(arrange, inputs))
        budget.add(found, *exact_and_plain(cross_attention_small_reference, inputs))
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_loud_and_broken_scores(capability: str, dtype: torch.dtype) -> None:
    """Scores of hundreds keep their softmax; NaN is not lost, and stays in its head."""
    for loudness in (8.0, 60.0):
        budget = ErrorBudget()
        for seed in range(4):
            q, k, v = draw((1, 2, 100, 32), 100, dtype, seed)
            inputs = (q * loudness, k, v, 40, True)
            budget.add(slide(*inputs), *exact_and_plain(sliding_attention_reference, inputs))
        budget.check()
    for part in range(3):
        for bad in (math.nan, math.inf):
            inputs = draw((1, 2, 100, 32), 100, dtype)
            inputs[part][0, 0, 50, 3] = bad
            found = slide(*inputs, 10, True).isfinite().all(-1)
            reached = slice(50, 51 if part == 0 else 60)
            assert found[:, 1].all()
            if math.isnan(bad):  # an infinite key may also end in a weight of zero
                assert not found[:, 0, reached].any()


def test_autocast() -> None:
    inputs = draw((1, 2, 20, 32), 20, torch.float32)
    half = [value.bfloat16() for value in inputs]
    with torch.autocast("cpu", torch.bfloat16):
        slid, crossed = sliding_attention(*inputs, window=4), cross_attention_small(*inputs)
    assert torch.equal(slid, sliding_attention(*half, window=4))
    assert torch.equal(crossed, cross_attention_small(*half))


@pytest.mark.native
@pytest.mark.parametrize("causal", (True, False))
def test_window_beyond_the_sequence(capability: str, causal: bool) -> None:
    """However wide, it sees what there is."""
    q, k, v = draw((1, 2, 40, 16), 40, torch.float32)
    expected = sliding_attention(q, k, v, window=40, causal=causal)
    for window in (41, 2**29, 2**31, 2**32 + 1, 2**62, 2**63 - 1):
        assert torch.equal(sliding_attention(q, k, v, window=window, causal=causal), expected)


@pytest.mark.native
@pytest.mark.slow
def test_more_elements_than_32_bits_count() -> None:
    """The last heads of results with more than 2^31 elements."""
    q, k, v = (value.bfloat16() for value in draw((1, 1, 512, 128), 512, torch.float64))
    heads = 2**31 // q.numel() + 2
    many = [value.expand(1, heads, -1, -1) for value in (q, k, v)]
    found = sliding_attention(*many, window=16)
    assert found.numel() > 2**31
    assert torch.equal(found[:, -1:], sliding_attention(q, k, v, window=16))
    del found
    few = [value[:, :, :8] for value in many[1:]]
    found = cross_attention_small(many[0], *few)
    assert torch.equal(found[:, -1:], cross_attention_small(q, k[:, :, :8], v[:, :, :8]))
