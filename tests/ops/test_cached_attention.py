from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.models.decoder_transformer import rotary
from aigc_assets.ops import decode_attention, decode_attention_append
from aigc_assets.ops.cached_attention import (
    decode_attention_append_reference,
    decode_attention_reference,
)
from aigc_assets.ops.token_layers import rotate
from tests.ops.in_place import InPlaceOpTester
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import ARRANGEMENTS, DTYPES, OpTester, on_tensors

Shape = tuple[int, ...]  # B, Hq, Hkv, T, D


def draw(shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
    """Every fourth seed without a window, without slopes; rows of all lengths, NaN beyond."""
    batch, heads, shared, room, dim = shape
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    q = normal(batch, heads, dim)
    k, v = normal(2, batch, shared, room, dim)
    lengths = torch.randint(0, room + 1, (batch,), generator=generator)
    lengths[:1] = room
    beyond = (torch.arange(room) >= lengths[:, None])[:, None, :, None]
    k, v = (value.masked_fill(beyond, float("nan")) for value in (k, v))
    slopes = torch.rand(heads, generator=generator, dtype=torch.float64)
    window = int(torch.randint(1, room + 2, (), generator=generator)) if seed & 1 else 0
    return (
        *(value.to(dtype) for value in (q, k, v)),
        lengths,
        window,
        slopes.to(dtype) if seed & 2 else None,
    )


def attend(q, k_cache, v_cache, lengths, window, slopes) -> Tensor:
    return decode_attention(q, k_cache, v_cache, lengths, window=window or None, slopes=slopes)


class AttentionShapes:
    shapes = ((2, 4, 2, 37, 32), (3, 5, 5, 70, 32))
    edge_shapes = tuple(
        [(0, 2, 1, 3, 4), (2, 0, 1, 3, 4), (1, 1, 1, 1, 2), (2, 3, 1, 2, 6)]
        + [(2, 4, 1, n, 16) for n in (15, 16, 17, 255, 257)]
        + [(2, 6, 2, 33, n) for n in (2, 8, 14, 18, 48, 64, 80, 128, 130, 256)]
        + [(1, 16, 1, 65, 64), (1, 9, 1, 130, 64)]
    )
    large_shape = (3, 8, 2, 1100, 64)
    gradient_shapes = ((2, 2, 1, 3, 2), (2, 4, 2, 4, 4))


class TestDecodeAttention(AttentionShapes, OpTester):
    op = staticmethod(attend)
    raw = torch.ops.aigc_assets.decode_attention.default
    reference = staticmethod(decode_attention_reference)

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return draw(shape, dtype, seed)

    def test_gradients_with_window_and_slopes(self) -> None:
        q, k, v, lengths, window, slopes = draw((2, 4, 2, 4, 2), torch.float64, seed=3)
        for value in (q, k, v, slopes):
            value.requires_grad_()
        lengths[1] = 0
        inputs = (q, k.nan_to_num(0), v.nan_to_num(0), lengths, window, slopes)
        assert torch.autograd.gradcheck(attend, inputs)
        assert torch.autograd.gradgradcheck(attend, inputs)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        q, k, v, lengths, _, _ = draw((2, 4, 2, 5, 6), torch.float32)
        slopes = torch.ones(4)
        yield (q[0], k, v, lengths, 0, None), ValueError, "q: expected"
        yield (q[:1], k, v, lengths, 0, None), ValueError, "k_cache: expected"
        yield (q, k, v[:, :, :4], lengths, 0, None), ValueError, "v_cache: expected"
        yield (q, k[:, :, :0], v[:, :, :0], lengths, 0, None), ValueError, "T >= 1"
        yield (q[:, :3], k, v, lengths, 0, None), ValueError, "multiple of 2 heads"
        yield (q, k, v, lengths[:1], 0, None), ValueError, "lengths: expected"
        yield (q, k, v, lengths, -1, None), ValueError, "window: expected"
        yield (q, k, v, lengths, 0, slopes[:3]), ValueError, "slopes: expected"
        yield (q.int(), k, v, lengths, 0, None), TypeError, "q: expected"
        yield (q, k.half(), v, lengths, 0, None), TypeError, "k_cache: expected"
        yield (q, k, v.double(), lengths, 0, None), TypeError, "v_cache: expected"
        yield (q, k, v, lengths.int(), 0, None), TypeError, "lengths: expected"
        yield (q, k, v, lengths, 0, slopes.double()), TypeError, "slopes: expected"
        yield (q, k.to("meta"), v, lengths, 0, None), TypeError, "device"
        yield (q, k, v, lengths.to("meta"), 0, None), TypeError, "device"


def append(q, k, v, k_cache, v_cache, positions, rope, q_scale, k_scale, eps, window, slopes):
    return decode_attention_append(
        q,
        k,
        v,
        k_cache,
        v_cache,
        positions,
        rope,
        q_scale=q_scale,
        k_scale=k_scale,
        eps=eps,
        window=window or None,
        slopes=slopes,
    )


def draw_append(shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
    batch, _, shared, room, dim = shape
    q, k_cache, v_cache, lengths, window, slopes = draw(shape, dtype, seed)
    generator = torch.Generator().manual_seed(seed + 1000)
    k, v = torch.randn(2, batch, shared, dim, generator=generator, dtype=torch.float64)
    scales = torch.rand(2, dim, generator=generator, dtype=torch.float64) + 0.5
    positions = lengths.clamp(1, room) - 1
    beyond = (torch.arange(room) >= positions[:, None])[:, None, :, None]
    k_cache, v_cache = (
        c.nan_to_num(0.5).masked_fill(beyond, torch.nan) for c in (k_cache, v_cache)
    )
    q_scale, k_scale = scales.to(dtype) if seed % 3 else scales.float().to(scaled(dtype))
    rope = rotary(room + 2, dim).to(dtype if seed & 4 else scaled(dtype))
    with_scales = seed % 5 != 1
    return (
        *(q, k.to(dtype), v.to(dtype), k_cache, v_cache, positions, rope),
        *((q_scale, k_scale) if with_scales else (None, k_scale if seed & 8 else None)),
        *(1e-6, window, slopes),
    )


def scaled(dtype: torch.dtype) -> torch.dtype:
    """The other dtype that vectors may have."""
    return torch.float64 if dtype == torch.float64 else torch.float32


class TestDecodeAttentionAppend(AttentionShapes, InPlaceOpTester):
    bare = staticmethod(append)
    raw = torch.ops.aigc_assets.decode_attention_append.default
    reference = staticmethod(decode_attention_append_reference)
    written = (3, 4)

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return draw_append(shape, dtype, seed)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        good = draw_append((2, 4, 2, 5, 6), torch.float32)
        q, k, v, k_cache, _, positions, rope, q_scale, k_scale = good[:9]

        def but(place: int, value: Any) -> tuple[Any, ...]:
            return (*good[:place], value, *good[place + 1 :])

        yield but(0, q[0]), ValueError, "q: expected"
        yield but(1, k[:, :1]), ValueError, "k: expected"
        yield but(2, v[..., :4]), ValueError, "v: expected"
        yield but(4, k_cache[:, :, :2]), ValueError, "v_cache: expected"
        yield but(5, positions[:1]), ValueError, "positions: expected"
        yield but(6, rope[..., :2]), ValueError, "rope: expected"
        yield but(7, q_scale[:3]), ValueError, "q_scale: expected"
        yield but(8, k_scale[None]), ValueError, "k_scale: expected"
        yield but(9, -1e-6), ValueError, "eps: expected"
        yield but(10, -2), ValueError, "window: expected"
        yield but(0, q.long()), TypeError, "q: expected"
        yield but(1, k.half()), TypeError, "k: expected"
        yield but(5, positions.int()), TypeError, "positions: expected"
        yield but(6, rope.double()), TypeError, "rope: expected"
        yield but(8, k_scale.bfloat16()), TypeError, "k_scale: expected"
        yield but(2, v.to("meta")), TypeError, "device"
        odd = draw((2, 4, 2, 5, 3), torch.float32)
        new = odd[1][:, :, 0]
        yield (odd[0], new, new, *odd[1:3], *good[5:]), ValueError, "even"
        for outside in (-1, 5):
            place = torch.tensor([0, outside])
            yield but(5, place), RuntimeError, "positions: expected"
        yield but(6, rope[:, :1]), RuntimeError, "positions: expected"


def test_caches_may_lie_side_by_side_in_one_tensor() -> None:
    """Keys and values of a position next to each other, or the heads of both."""
    inputs = draw_append((2, 4, 2, 5, 6), torch.float32)
    expected = decode_attention_append(*copied(inputs[:7]))
    for dim in (1, 2, 3):
        both = torch.stack(inputs[3:5], dim + 1)
        caches = both.select(dim + 1, 0), both.select(dim + 1, 1)
        found = decode_attention_append(*inputs[:3], *caches, *inputs[5:7])
        assert torch.equal(found, expected)


def test_caches_that_cannot_be_written_are_refused() -> None:
    """Two elements in one place: within a cache, or between both."""
    q, k, v, k_cache, v_cache, positions, rope = draw_append((2, 4, 2, 5, 6), torch.float32)[:7]
    shape, strides = k_cache.shape, k_cache.stride()
    both = torch.zeros(k_cache.numel() + 1)
    shifted = both.as_strided(shape, strides, 1), both.as_strided(shape, strides)
    for name, caches in (
        ("k_cache", (k_cache[:1].expand(shape), v_cache)),
        ("v_cache", (k_cache, v_cache[..., :1].expand(shape))),
        ("k_cache", (torch.zeros(200).as_strided(shape, (60, 20, 4, 1)), v_cache)),
        ("v_cache", (k_cache, k_cache)),
        ("v_cache", shifted),
        ("v_cache", shifted[::-1]),
    ):
        before = [cache.clone() for cache in caches]
        with pytest.raises(ValueError, match=f"{name}: expected"):
            decode_attention_append(q, k, v, *caches, positions, rope)
        for cache, old in zip(caches, before, strict=True):
            torch.testing.assert_close(cache, old, rtol=0, atol=0, equal_nan=True)


def copied(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.clone() for value in inputs)


def test_is_what_scaled_dot_product_attention_computes() -> None:
    """Row by row, on what is valid of the cache."""
    q, k, v, lengths, _, _ = draw((3, 6, 2, 23, 16), torch.float64)
    slopes = torch.rand(6, dtype=torch.float64)
    for window in (None, 1, 7, 40):
        found = decode_attention(q, k, v, lengths, window=window, slopes=slopes)
        for row, length in enumerate(lengths.tolist()):
            first = max(0, length - (window or length))
            keys, values = (c[row, :, first:length].repeat_interleave(3, 0) for c in (k, v))
            bias = torch.arange(first - length + 1, 1, dtype=torch.float64) * slopes[:, None]
            if length == 0:
                assert (found[row] == 0).all()
                continue
            expected = F.scaled_dot_product_attention(
                q[row, :, None], keys, values, attn_mask=bias[:, None]
            )[:, 0]
            torch.testing.assert_close(found[row], expected, rtol=1e-12, atol=1e-13)


def test_append_is_what_the_decoder_transformer_computes() -> None:
    """Its norm, its rotation, its concatenated cache."""
    batch, heads, dim, room = 2, 3, 8, 6
    torch.manual_seed(0)
    table = rotary(room, dim).double()
    scales = torch.rand(2, dim, dtype=torch.float64) + 0.5
    k_cache, v_cache = torch.full((2, batch, heads, room, dim), torch.nan, dtype=torch.float64)
    keys, values = [], []
    for step in range(room):
        q, k, v = torch.randn(3, batch, heads, 1, dim, dtype=torch.float64)
        found = decode_attention_append(
            *(value[:, :, 0] for value in (q, k, v)),
            k_cache,
            v_cache,
            torch.full((batch,), step),
            table,
            q_scale=scales[0],
            k_scale=scales[1],
        )
        angles = table[:, step : step + 1]
        query = rotate(F.rms_norm(q, (dim,), scales[0], 1e-6), angles)
        keys.append(rotate(F.rms_norm(k, (dim,), scales[1], 1e-6), angles))
        values.append(v)
        expected = F.scaled_dot_product_attention(query, torch.cat(keys, 2), torch.cat(values, 2))
        torch.testing.assert_close(found, expected[:, :, 0], rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(k_cache, torch.cat(keys, 2))
    assert torch.equal(v_cache, torch.cat(values, 2))


def test_autocast_attends_in_its_dtype() -> None:
    q, k, v, lengths, _, _ = draw((2, 4, 2, 9, 8), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = decode_attention(q, k, v, lengths)
    expected = decode_attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), lengths)
    assert found.dtype == torch.bfloat16 and torch.equal(found, expected)


@pytest.mark.native
def test_large_scores(capability: str) -> None:
    """Far apart, equal, and beyond the range of the exponential."""
    for size in (30.0, 1e3, 1e18):
        budget = ErrorBudget()
        for seed in range(4):
            q, k, v, lengths, window, slopes = draw((2, 4, 2, 40, 16), torch.float32, seed)
            inputs = (q * size, k * size, v, lengths, window, slopes)
            budget.add(attend(*inputs), *exact_and_plain(decode_attention_reference, inputs))
        budget.check()
    q, k, v, lengths, _, _ = draw((2, 4, 2, 40, 16), torch.float32)
    found = decode_attention(q * 0, k, v, lengths)
    expected = torch.stack([v[b, :, :n].mean(1) for b, n in enumerate(lengths.tolist())])
    torch.testing.assert_close(found, expected.nan_to_num(0).repeat_interleave(2, 1))


@pytest.mark.native
def test_more_than_the_cache_holds_counts_as_full(capability: str) -> None:
    q, k, v, _, _, _ = draw((2, 4, 2, 40, 16), torch.float32)
    k, v = k.nan_to_num(0), v.nan_to_num(0)
    for slopes in (None, torch.ones(4)):
        full = attend(q, k, v, torch.tensor([40, 0]), 5, slopes)
        assert torch.equal(full, attend(q, k, v, torch.tensor([2**40, -3]), 5, slopes))


@pytest.mark.native
@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 3),
    shared=st.integers(1, 3),
    group=st.integers(1, 5),
    room=st.integers(1, 300),
    half=st.integers(1, 40),
    dtype=st.sampled_from(DTYPES),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_shape_and_layout(batch, shared, group, room, half, dtype, arrange, seed) -> None:
    budgets = ErrorBudget(), ErrorBudget()
    tester = TestDecodeAttentionAppend
    for number in range(seed, seed + 4):
        shape = (batch, shared * group, shared, room, 2 * half)
        inputs = draw(shape, dtype, number)
        arranged = on_tensors(arrange, inputs)
        expected = exact_and_plain(decode_attention_reference, inputs)
        budgets[0].add(attend(*arranged), *expected)
        inputs = draw_append(shape, dtype, number)
        arranged = on_tensors(arrange, inputs)
        expected = exact_and_plain(tester.reference, inputs)
        budgets[1].add(tester.op(*arranged), *expected)
    for budget in budgets:
        budget.check()


@pytest.mark.native
@pytest.mark.slow
def test_more_than_two_to_the_31_elements() -> None:
    """Offsets of the last row, head and position do not fit 32 bits."""
    room, dim = 2**18 + 3, 64
    cache = torch.zeros(65, 2, room, dim, dtype=torch.bfloat16)
    assert cache.numel() > 2**31
    generator = torch.Generator().manual_seed(0)
    cache[-1, -1] = torch.randn(room, dim, generator=generator)
    q = torch.randn(65, 2, dim, generator=generator).bfloat16()
    lengths = torch.full((65,), room)
    found = decode_attention(q, cache, cache, lengths)
    expected = decode_attention(q[-1:], cache[-1:].clone(), cache[-1:].clone(), lengths[-1:])
    assert torch.equal(found[-1:], expected) and (found[:-1] == 0).all()
