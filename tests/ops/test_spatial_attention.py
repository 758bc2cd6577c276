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

from aigc_assets.ops import neighborhood_attention, window_attention
from aigc_assets.ops.spatial_attention import (
    neighborhood_attention_reference,
    window_attention_reference,
)
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import ARRANGEMENTS, DTYPES, OpTester

# Shapes are (B, H, W, heads, D, window or reach, shift or circular, whether there is a table).
Shape = tuple[int, ...]


def draw(shape: Shape, side: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    batch, height, width, heads, depth = shape[:5]
    generator = torch.Generator().manual_seed(seed)
    qkv = torch.randn(
        batch, height, width, 3, heads, depth, generator=generator, dtype=torch.float64
    )
    table = torch.randn(heads, side, side, generator=generator, dtype=torch.float64)
    return qkv.to(dtype), table.to(dtype)


def windows(qkv: Tensor, table: Tensor | None, window: int, shift: int) -> Tensor:
    return window_attention(qkv, table, window=window, shift=shift)


def neighbors(qkv: Tensor, table: Tensor | None, reach: int, circular: bool) -> Tensor:
    return neighborhood_attention(qkv, table, reach=reach, circular=circular)


class TestWindow(OpTester):
    op = staticmethod(windows)
    raw = torch.ops.aigc_assets.window_attention.default
    reference = staticmethod(window_attention_reference)
    shapes = ((2, 8, 16, 2, 32, 8, 0, 1), (1, 16, 16, 2, 32, 8, 4, 1), (1, 14, 7, 3, 20, 7, 3, 1))
    edge_shapes = (
        (0, 4, 4, 2, 8, 4, 1, 1),
        (1, 1, 1, 1, 1, 1, 0, 1),
        (1, 3, 2, 2, 5, 1, 0, 0),
        (2, 4, 4, 1, 33, 4, 2, 1),
        (1, 6, 3, 2, 64, 3, 2, 0),
        (1, 4, 8, 2, 31, 2, 1, 1),
        (1, 10, 5, 1, 16, 5, 4, 0),
        (1, 12, 12, 1, 40, 12, 5, 1),
        (1, 4, 4, 1, 130, 4, 1, 1),
        (1, 17, 17, 1, 16, 17, 1, 1),
    )
    large_shape = (2, 32, 32, 4, 32, 8, 4, 1)
    gradient_shapes = (
        (1, 1, 1, 1, 1, 1, 0, 1),
        (1, 2, 4, 2, 2, 2, 1, 1),
        (1, 2, 2, 1, 3, 2, 0, 1),
    )

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        window, shift, with_table = shape[5:]
        qkv, table = draw(shape, 2 * window - 1, dtype, seed)
        return qkv, table if with_table else None, window, shift

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        qkv, table, window, shift = self.inputs((2, 4, 8, 2, 3, 4, 1, 1), torch.float32)
        yield (qkv[0], table, window, shift), ValueError, "qkv: expected"
        yield (qkv[:, :, :, :2], table, window, shift), ValueError, "qkv: expected"
        yield (qkv[..., :0], table, window, shift), ValueError, "qkv: expected"
        yield (qkv[:, :3], table, window, shift), ValueError, "qkv: expected a height"
        yield (qkv, table[:1], window, shift), ValueError, "bias_table: expected"
        yield (qkv, table, 2, 1), ValueError, "bias_table: expected"
        yield (qkv, table, 0, 0), ValueError, "window: expected"
        yield (qkv, table, 4, 4), ValueError, "shift: expected"
        yield (qkv, table, 4, -1), ValueError, "shift: expected"
        yield (qkv.int(), table, window, shift), TypeError, "qkv: expected a floating dtype"
        yield (qkv, table.double(), window, shift), TypeError, "bias_table: expected"
        yield (qkv, table.to("meta"), window, shift), TypeError, "bias_table: expected device"


class TestNeighborhood(OpTester):
    op = staticmethod(neighbors)
    raw = torch.ops.aigc_assets.neighborhood_attention.default
    reference = staticmethod(neighborhood_attention_reference)
    shapes = (
        (1, 18, 11, 2, 32, 4, True, 1),
        (2, 10, 12, 2, 32, 4, True, 1),
        (1, 9, 11, 3, 20, 2, False, 1),
    )
    edge_shapes = (
        (0, 5, 5, 2, 8, 2, True, 1),
        (1, 1, 1, 1, 1, 0, True, 1),
        (1, 1, 1, 1, 4, 3, False, 1),
        (1, 3, 2, 2, 5, 0, True, 0),
        (2, 9, 9, 1, 33, 4, True, 1),
        (1, 3, 17, 2, 64, 1, True, 0),
        (1, 2, 20, 2, 31, 5, False, 1),
        (1, 5, 16, 1, 16, 2, True, 1),
        (1, 21, 3, 1, 40, 1, False, 0),
        (1, 15, 15, 1, 8, 7, True, 1),
        (1, 4, 4, 1, 130, 1, True, 1),
    )
    large_shape = (2, 32, 40, 4, 32, 4, True, 1)
    gradient_shapes = (
        (1, 1, 1, 1, 1, 0, True, 1),
        (1, 3, 3, 1, 2, 1, True, 1),
        (1, 2, 4, 1, 2, 1, False, 1),
    )

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        reach, circular, with_table = shape[5:]
        qkv, table = draw(shape, 2 * reach + 1, dtype, seed)
        return qkv, table if with_table else None, reach, bool(circular)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        qkv, table, reach, circular = self.inputs((2, 5, 5, 2, 3, 2, True, 1), torch.float32)
        yield (qkv[0], table, reach, circular), ValueError, "qkv: expected"
        yield (qkv[:, :4], table, reach, circular), ValueError, "at least 5 rows"
        yield (qkv, table, 1, circular), ValueError, "bias_table: expected"
        yield (qkv, table, -1, circular), ValueError, "reach: expected"
        yield (qkv.long(), table, reach, circular), TypeError, "qkv: expected a floating dtype"
        yield (qkv, table.half(), reach, circular), TypeError, "bias_table: expected"
        yield (qkv, table.to("meta"), reach, circular), TypeError, "bias_table: expected device"


def partitioned(qkv: Tensor, table: Tensor, window: int, shift: int) -> Tensor:
    """Shifted windows as the literature runs them: roll, partition, mask, attend, and back."""
    batch, height, width, _, heads, depth = qkv.shape
    tokens = window**2

    def partition(x: Tensor) -> Tensor:
        x = x.view(batch, height // window, window, width // window, window, *x.shape[3:])
        return x.transpose(2, 3).flatten(0, 2).flatten(1, 2)

    region = torch.zeros(1, height, width, 1)
    slices = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    if shift:
        for i, rows in enumerate(slices):
            for j, columns in enumerate(slices):
                region[:, rows, columns] = 3 * i + j
    region = region.expand(batch, -1, -1, -1)
    label = partition(region).squeeze(-1)
    mask = torch.where(label[:, None] == label[:, :, None], 0.0, -math.inf)  # [windows, N, N]

    place = torch.stack(torch.meshgrid(*[torch.arange(window)] * 2, indexing="ij")).flatten(1)
    step = place[:, None, :] - place[:, :, None] + window - 1
    bias = table.flatten(1)[:, step[0] * (2 * window - 1) + step[1]]

    x = partition(torch.roll(qkv, (-shift, -shift), (1, 2)))  # [windows, N, 3, heads, D]
    q, k, v = x.permute(2, 0, 3, 1, 4)
    score = q @ k.transpose(-1, -2) / math.sqrt(depth) + bias + mask[:, None].to(qkv.dtype)
    y = (score.softmax(-1) @ v).transpose(1, 2)  # [windows, N, heads, D]
    y = y.view(batch, height // window, width // window, window, window, heads, depth)
    y = y.transpose(2, 3).reshape(batch, height, width, heads, depth)
    assert tokens == x.shape[1]
    return torch.roll(y, (shift, shift), (1, 2))


def masked_everywhere(qkv: Tensor, table: Tensor, reach: int, circular: bool) -> Tensor:
    """Neighbourhoods as attention of all tokens to all, with a mask."""
    batch, height, width, _, heads, depth = qkv.shape
    tokens = [(y, x) for y in range(height) for x in range(width)]
    bias = torch.full((heads, len(tokens), len(tokens)), -math.inf, dtype=qkv.dtype)
    for i, (y, x) in enumerate(tokens):
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                there = (y + dy, x + dx)
                if circular:
                    there = (there[0] % height, there[1] % width)
                if there in tokens:
                    bias[:, i, tokens.index(there)] = table[:, dy + reach, dx + reach]
    q, k, v = qkv.flatten(1, 2).permute(2, 0, 3, 1, 4)
    y = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
    return y.transpose(1, 2).reshape(batch, height, width, heads, depth)


@pytest.mark.parametrize("window, shift", ((4, 0), (4, 2), (4, 1), (2, 1), (8, 3)))
def test_windows_are_those_of_the_literature(window: int, shift: int) -> None:
    qkv, table = draw((2, 8, 16, 3, 5), 2 * window - 1, torch.float64)
    expected = partitioned(qkv, table, window, shift)
    found = window_attention(qkv, table, window=window, shift=shift)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    reference = window_attention_reference(qkv, table, window, shift)
    torch.testing.assert_close(reference, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("circular", (True, False))
@pytest.mark.parametrize("size, reach", (((5, 7), 2), ((13, 3), 1), ((3, 3), 0), ((21, 9), 4)))
def test_neighborhoods_are_masked_attention(
    size: tuple[int, int], reach: int, circular: bool
) -> None:
    qkv, table = draw((2, *size, 2, 3), 2 * reach + 1, torch.float64)
    expected = masked_everywhere(qkv, table, reach, circular)
    for function in (neighbors, neighborhood_attention_reference):
        found = function(qkv, table, reach, circular)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_table_is_relative() -> None:
    """A bias for one offset alone moves every token's value by that offset."""
    qkv = torch.randn(1, 6, 7, 3, 1, 4, dtype=torch.float64)
    table = torch.zeros(1, 5, 5, dtype=torch.float64)
    table[0, 3, 0] = 1e4  # the key one row below and two columns to the left
    found = neighborhood_attention(qkv, table, reach=2)
    torch.testing.assert_close(found[..., 0, :], qkv[:, :, :, 2, 0].roll((-1, 2), (1, 2)))


@pytest.mark.native
@settings(max_examples=40, deadline=None)
@given(
    windows=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    window=st.integers(1, 9),
    heads=st.integers(1, 3),
    depth=st.integers(1, 70),
    data=st.data(),
    dtype=st.sampled_from(DTYPES),
    table_kind=st.sampled_from((None, "same", torch.float32)),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_window(windows, window, heads, depth, data, dtype, table_kind, arrange, seed) -> None:
    shift = data.draw(st.integers(0, window - 1))
    shape = (1, windows[0] * window, windows[1] * window, heads, depth)
    budget = ErrorBudget()
    for number in range(seed, seed + 4):
        qkv, table = draw(shape, 2 * window - 1, dtype, number)
        table = _as_kind(table, table_kind, dtype)
        inputs = (qkv, table, window, shift)
        found = window_attention(
            arrange(qkv), table if table is None else arrange(table), window=window, shift=shift
        )
        budget.add(found, *exact_and_plain(window_attention_reference, inputs))
    budget.check()


@pytest.mark.native
@settings(max_examples=40, deadline=None)
@given(
    more=st.tuples(st.integers(0, 9), st.integers(0, 20)),
    reach=st.integers(0, 4),
    circular=st.booleans(),
    heads=st.integers(1, 3),
    depth=st.integers(1, 70),
    dtype=st.sampled_from(DTYPES),
    table_kind=st.sampled_from((None, "same", torch.float32)),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_neighborhood(
    more, reach, circular, heads, depth, dtype, table_kind, arrange, seed
) -> None:
    least = 2 * reach + 1 if circular else 1
    shape = (1, least + more[0], least + more[1], heads, depth)
    budget = ErrorBudget()
    for number in range(seed, seed + 4):
        qkv, table = draw(shape, 2 * reach + 1, dtype, number)
        table = _as_kind(table, table_kind, dtype)
        found = neighborhood_attention(
            arrange(qkv),
            table if table is None else arrange(table),
            reach=reach,
            circular=circular,
        )
        inputs = (qkv, table, reach, circular)
        budget.add(found, *exact_and_plain(neighborhood_attention_reference, inputs))
    budget.check()


def _as_kind(table: Tensor, kind: Any, dtype: torch.dtype) -> Tensor | None:
    if kind is None:
        return None
    return table if kind == "same" or dtype == torch.float64 else table.to(kind)


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_loud_and_broken_scores(capability: str, dtype: torch.dtype) -> None:
    """Scores of hundreds keep their softmax; NaN and infinity reach their own window only."""
    for loudness in (8.0, 60.0):
        budget = ErrorBudget()
        for seed in range(4):
            qkv, table = draw((1, 8, 8, 2, 32), 15, dtype, seed)
            inputs = (qkv * loudness, table * 50, 8, 0)
            budget.add(windows(*inputs), *exact_and_plain(window_attention_reference, inputs))
        budget.check()
    for part in range(3):
        for bad in (math.nan, math.inf):
            qkv, table = draw((1, 4, 8, 1, 32), 7, dtype)
            qkv[0, 1, 1, part, 0, 3] = bad
            inputs = (qkv, table, 4, 0)
            found, expected = windows(*inputs), window_attention_reference(*inputs)
            assert found.isfinite().equal(expected.isfinite())
            assert found[:, :, 4:].isfinite().all()


def test_autocast() -> None:
    qkv, table = draw((1, 8, 8, 2, 32), 15, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = window_attention(qkv, table, window=8)
        near = neighborhood_attention(qkv, table[:, :3, :3], reach=1)
    assert found.dtype == near.dtype == torch.bfloat16
    assert torch.equal(found, window_attention(qkv.bfloat16(), table, window=8))


@pytest.mark.native
@pytest.mark.slow
def test_more_elements_than_32_bits_count() -> None:
    """The last windows of a batch whose result has more than 2^31 elements."""
    one, table = draw((1, 8, 8, 16, 128), 15, torch.bfloat16)
    batch = 2**31 // one[:, :, :, 0].numel() + 2
    found = window_attention(one.expand(batch, -1, -1, -1, -1, -1), table, window=8, shift=3)
    assert found.numel() > 2**31
    expected = window_attention(one, table, window=8, shift=3)
    assert torch.equal(found[-1:], expected) and torch.equal(found[batch // 2], expected[0])


@pytest.mark.parametrize("reach", (5, 6, 2**40))
def test_reach_beyond_the_grid(reach: int) -> None:
    """Only what exists is attended to, and only that much of a table is read."""
    qkv = torch.randn(1, 4, 6, 3, 2, 8)
    assert torch.equal(
        neighborhood_attention(qkv, None, reach=reach, circular=False),
        neighborhood_attention(qkv, None, reach=5, circular=False),
    )
    table = torch.randn(2, 11, 11)
    wide = F.pad(table, (2, 2, 2, 2), value=float("nan"))
    assert torch.equal(
        neighborhood_attention(qkv, wide, reach=7, circular=False),
        neighborhood_attention(qkv, table, reach=5, circular=False),
    )


def test_wide_reach_on_a_torus() -> None:
    """A torus larger than one unit may hold, all of which every token sees."""
    qkv = torch.randn(1, 33, 33, 3, 1, 4)
    table = torch.randn(1, 33, 33)
    found = neighborhood_attention(qkv, table, reach=16)
    expected = neighborhood_attention_reference(qkv, table, 16, True)
    torch.testing.assert_close(found, expected)
