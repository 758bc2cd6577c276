from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.models.decoder_transformer import Block, DecoderTransformerConfig, rotary
from aigc_assets.ops import (
    DecodeWeights,
    decode_block,
    linear_residual,
    quantize_rows,
    rms_norm_gated,
    rms_norm_linear,
)
from aigc_assets.ops.decode_layers import (
    decode_block_reference,
    linear_residual_reference,
    rms_norm_gated_reference,
    rms_norm_linear_reference,
)
from tests.ops.in_place import InPlaceOpTester
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import ARRANGEMENTS, DTYPES, OpTester, assert_same_bytes, on_tensors

Shape = tuple[int, ...]
KINDS = (None, torch.bfloat16, torch.float16, torch.int8)
"""How a weight is stored; None: in the dtype of x."""


def normal(generator: torch.Generator, *size: int) -> Tensor:
    return torch.randn(size, generator=generator, dtype=torch.float64)


def stored(weight: Tensor, dtype: torch.dtype, kind: torch.dtype | None) -> tuple[Any, Any]:
    """Weight and scale."""
    if kind == torch.int8:
        return quantize_rows(weight)
    return weight.to(kind or dtype), None


class RowShapes:
    """B, the width that is summed over, and the number of results."""

    shapes = ((3, 160, 24), (8, 75, 18))
    edge_shapes = tuple(
        [(0, 5, 4), (2, 1, 2), (1, 3, 0), (1, 1, 2), (10, 32, 6)]
        + [(2, n, 6) for n in (15, 16, 17, 31, 33, 63, 64, 65, 127, 129)]
        + [(n, 40, 10) for n in (1, 2, 4, 5, 6, 7, 9, 11, 16, 17, 33)]
        + [(2, 40, 2 * n) for n in range(1, 10)]
    )
    large_shape = (9, 768, 1000)
    gradient_shapes = ((1, 1, 2), (2, 3, 4), (3, 5, 2))


class TestRmsNormLinear(RowShapes, OpTester):
    raw = torch.ops.aigc_assets.rms_norm_linear.default
    reference = staticmethod(rms_norm_linear_reference)
    public = staticmethod(rms_norm_linear)

    @staticmethod
    def op(x: Tensor, scale: Tensor, weight: Tensor, weight_scale: Any, eps: float) -> Tensor:
        return rms_norm_linear(x, scale, weight, weight_scale=weight_scale, eps=eps)

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        batch, width, count = shape
        generator = torch.Generator().manual_seed(seed)
        x = normal(generator, batch, width) * (0.01 if seed & 8 else 1)
        scale = torch.rand(width, generator=generator, dtype=torch.float64) + 0.5
        weight, weight_scale = stored(normal(generator, count, width), dtype, KINDS[seed % 4])
        wide = torch.promote_types(dtype, torch.float32)
        return x.to(dtype), scale.to(dtype if seed & 4 else wide), weight, weight_scale, 1e-6

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        x, scale, weight, _, eps = self.inputs((2, 6, 4), torch.float32)
        rounded, factor = quantize_rows(weight)
        yield (x[0], scale, weight, None, eps), ValueError, "x: expected"
        yield (x, scale[:5], weight, None, eps), ValueError, "scale: expected"
        yield (x, scale, weight[:, :5], None, eps), ValueError, "weight: expected"
        yield (x, scale, rounded, None, eps), ValueError, "weight_scale: expected"
        yield (x, scale, rounded, factor[:2], eps), ValueError, "weight_scale: expected"
        yield (x, scale, weight, factor, eps), ValueError, "weight_scale: expected None"
        yield (x.int(), scale, weight, None, eps), TypeError, "x: expected"
        yield (x, scale.double(), weight, None, eps), TypeError, "scale: expected"
        yield (x, scale, weight.double(), None, eps), TypeError, "weight: expected"
        yield (x, scale, weight.short(), None, eps), TypeError, "weight: expected"
        yield (x, scale, rounded, factor.double(), eps), TypeError, "weight_scale: expected"
        yield (x, scale, weight, None, -1e-6), ValueError, "eps: expected"
        yield (x, scale, weight, None, float("nan")), ValueError, "eps: expected"
        yield (x, scale, weight.to("meta"), None, eps), TypeError, "device"
        yield (x, scale, rounded, factor.to("meta"), eps), TypeError, "device"

    @pytest.mark.native
    @pytest.mark.parametrize("kind", KINDS, ids=str)
    def test_rows_do_not_know_each_other(self, capability: str, kind: Any) -> None:
        batch = self.inputs((11, 200, 30), torch.float32, KINDS.index(kind))
        together = self.op(*batch)
        for rows in (1, 3, 8):
            alone = self.op(batch[0][:rows], *batch[1:])
            assert_same_bytes(together[:rows], alone)

    def test_autocast(self) -> None:
        x, scale, weight, _, eps = self.inputs((2, 6, 4), torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            found = self.op(x, scale, weight, None, eps)
        expected = self.op(x.bfloat16(), scale.bfloat16(), weight.bfloat16(), None, eps)
        assert found.dtype == torch.bfloat16 and torch.equal(found, expected)


class TestRmsNormGated(TestRmsNormLinear):
    raw = torch.ops.aigc_assets.rms_norm_gated.default
    reference = staticmethod(rms_norm_gated_reference)

    @staticmethod
    def op(x: Tensor, scale: Tensor, weight: Tensor, weight_scale: Any, eps: float) -> Tensor:
        return rms_norm_gated(x, scale, weight, weight_scale=weight_scale, eps=eps)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        yield from super().bad_inputs()
        x, scale, weight, _, eps = self.inputs((2, 6, 4), torch.float32)
        yield (x, scale, weight[:3], None, eps), ValueError, "even"


class TestLinearResidual(RowShapes, OpTester):
    raw = torch.ops.aigc_assets.linear_residual.default
    reference = staticmethod(linear_residual_reference)

    @staticmethod
    def op(x: Tensor, weight: Tensor, weight_scale: Any, residual: Tensor) -> Tensor:
        return linear_residual(x, weight, residual, weight_scale=weight_scale)

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        batch, width, count = shape
        generator = torch.Generator().manual_seed(seed)
        x = normal(generator, batch, width)
        weight, weight_scale = stored(normal(generator, count, width), dtype, KINDS[seed % 4])
        return x.to(dtype), weight, weight_scale, normal(generator, batch, count).to(dtype)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        x, weight, _, residual = self.inputs((2, 6, 4), torch.float32)
        rounded, factor = quantize_rows(weight)
        yield (x[None], weight, None, residual), ValueError, "x: expected"
        yield (x, weight[0], None, residual), ValueError, "weight: expected"
        yield (x, weight, None, residual[:1]), ValueError, "residual: expected"
        yield (x, rounded, None, residual), ValueError, "weight_scale: expected"
        yield (x, rounded, factor[None], residual), ValueError, "weight_scale: expected"
        yield (x.long(), weight, None, residual), TypeError, "x: expected"
        yield (x, weight, None, residual.double()), TypeError, "residual: expected"
        yield (x, weight, None, residual.to("meta")), TypeError, "device"


def gather(
    x, k_cache, v_cache, positions, rope, norm_attention, qkv, qkv_scale, q_scale, k_scale, out,
    out_scale, norm_gated, gated, gated_scale, down, down_scale, eps, window,
) -> Tensor:  # fmt: skip
    """`decode_block` with the arguments of the op behind it."""
    weights = DecodeWeights(
        norm_attention, qkv, out, norm_gated, gated, down, q_scale, k_scale, qkv_scale, out_scale,
        gated_scale, down_scale, eps,
    )  # fmt: skip
    return decode_block(x, k_cache, v_cache, positions, rope, weights, window=window or None)


PLACES = {"x": 0, "k_cache": 1, "v_cache": 2, "positions": 3, "rope": 4, "norm_attention": 5,
          "qkv": 6, "qkv_scale": 7, "q_scale": 8, "out": 10, "norm_gated": 12, "gated": 13,
          "down": 15, "eps": 17, "window": 18}  # fmt: skip


class TestDecodeBlock(InPlaceOpTester):
    """Shapes are B, D, Hq, Hkv, F, H, T."""

    bare = staticmethod(gather)
    raw = torch.ops.aigc_assets.decode_block.default
    reference = staticmethod(decode_block_reference)
    written = (1, 2)
    shapes = ((2, 40, 4, 2, 6, 24, 19), (8, 32, 3, 3, 8, 20, 40))
    edge_shapes = (
        (0, 6, 2, 1, 4, 5, 3),
        (1, 1, 1, 1, 2, 1, 1),
        (3, 7, 3, 1, 2, 3, 2),
        (9, 33, 2, 2, 18, 17, 5),
        (2, 48, 6, 2, 16, 33, 18),
        (10, 160, 5, 5, 32, 64, 33),
        (17, 16, 1, 1, 34, 8, 7),
        (2, 20, 2, 1, 40, 12, 300),
    )
    large_shape = (10, 160, 5, 5, 32, 512, 256)
    gradient_shapes = ((2, 5, 2, 1, 4, 3, 3),)

    def inputs(self, shape: Shape, dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        batch, width, heads, shared, dim, hidden, room = shape
        generator = torch.Generator().manual_seed(seed)
        positions = torch.randint(0, room, (batch,), generator=generator)
        caches = normal(generator, 2, batch, shared, room, dim)
        beyond = (torch.arange(room) >= positions[:, None])[:, None, :, None]
        vectors = [torch.rand(n, generator=generator) + 0.5 for n in (width, width, dim, dim)]
        wide = torch.promote_types(dtype, torch.float32)
        norm_attention, norm_gated, q_scale, k_scale = (
            value.to(dtype if seed & 4 else wide) for value in vectors
        )
        matrices = []
        for i, (rows, columns) in enumerate(
            (
                ((heads + 2 * shared) * dim, width),
                (width, heads * dim),
                (2 * hidden, width),
                (width, hidden),
            )
        ):
            weight = normal(generator, rows, columns) * columns**-0.5
            matrices.append(stored(weight, dtype, KINDS[(seed + i // 2) % 4]))
        qkv, out, gated, down = matrices
        return (
            normal(generator, batch, width).to(dtype),
            *(cache.to(dtype).masked_fill(beyond, torch.nan) for cache in caches),
            positions,
            rotary(room, dim).to(wide),
            norm_attention,
            *qkv,
            *((None, None) if seed % 3 == 1 else (q_scale, k_scale)),
            *out,
            norm_gated,
            *gated,
            *down,
            1e-6,
            seed % 7 if seed & 1 else 0,
        )

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        good = self.inputs((2, 8, 2, 1, 4, 6, 5), torch.float32)

        def but(name: str, change: Callable[[Any], Any]) -> tuple[Any, ...]:
            place = PLACES[name]
            return (*good[:place], change(good[place]), *good[place + 1 :])

        yield but("x", lambda x: x[:, :7]), ValueError, "x: expected"
        yield but("k_cache", lambda k: k[0]), ValueError, "k_cache: expected"
        yield but("k_cache", lambda k: k[:1]), ValueError, "k_cache: expected"
        yield but("v_cache", lambda v: v[:, :, 1:]), ValueError, "v_cache: expected"
        yield but("positions", lambda p: p[:1]), ValueError, "positions: expected"
        yield but("rope", lambda r: r[:1]), ValueError, "rope: expected"
        yield but("norm_attention", lambda n: n[None]), ValueError, "norm_attention: expected"
        yield but("qkv", lambda w: w[:-1]), ValueError, "weights.qkv: expected"
        yield but("qkv", lambda w: w[:, 1:]), ValueError, "qkv: expected"
        yield but("q_scale", lambda s: s[:3]), ValueError, "q_scale: expected"
        yield but("out", lambda w: w[:, :6]), ValueError, "weights.out: expected"
        yield but("out", lambda w: w.char()), ValueError, "out_scale: expected"
        yield but("norm_gated", lambda n: n[:3]), ValueError, "norm_gated: expected"
        yield but("gated", lambda w: w[1:]), ValueError, "gated: expected"
        yield but("down", lambda w: w[0]), ValueError, "down: expected"
        yield but("eps", lambda _: -1.0), ValueError, "eps: expected"
        yield but("window", lambda _: -1), ValueError, "window: expected"
        yield but("x", lambda x: x.int()), TypeError, "x: expected"
        yield but("k_cache", lambda k: k.half()), TypeError, "k_cache: expected"
        yield but("positions", lambda p: p.int()), TypeError, "positions: expected"
        yield but("rope", lambda r: r.half()), TypeError, "rope: expected"
        yield but("norm_attention", lambda n: n.long()), TypeError, "norm_attention: expected"
        yield but("norm_gated", lambda n: n.half()), TypeError, "norm_gated: expected"
        yield but("qkv", lambda w: w.double()), TypeError, "qkv: expected"
        yield but("gated", lambda w: w.long()), TypeError, "gated: expected"
        yield but("down", lambda w: w.to("meta")), TypeError, "device"
        yield but("positions", lambda p: p + 5), RuntimeError, "positions: expected"

    @pytest.mark.native
    def test_rows_do_not_know_each_other(self, capability: str) -> None:
        inputs = self.inputs((5, 40, 4, 2, 6, 24, 40), torch.float32)
        together = self.op(*inputs)
        for row in range(5):
            alone = self.op(*(value[row : row + 1] for value in inputs[:4]), *inputs[4:])
            assert_same_bytes(tuple(value[row : row + 1] for value in together), alone)


def block_weights(block: Block) -> DecodeWeights:
    return DecodeWeights(
        norm_attention=block.norm_attention.scale,
        qkv=block.qkv.weight,
        out=block.out.weight,
        norm_gated=block.norm_gate.scale,
        gated=block.gate.weight,
        down=block.down.weight,
        q_scale=block.norm_query.scale,
        k_scale=block.norm_key.scale,
    )


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.float64, torch.float32), ids=str)
def test_is_a_block_of_the_decoder_transformer(dtype: torch.dtype) -> None:
    """Token by token with a growing cache, against attention over all tokens at once."""
    config = DecoderTransformerConfig.tiny()
    batch, length = 3, 11
    torch.manual_seed(0)
    block = Block(config).to(dtype)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=config.dim**-0.5)
    table = rotary(config.max_length, config.dim // config.num_heads).to(dtype)
    x = torch.randn(batch, length, config.dim, dtype=dtype)
    with torch.no_grad():
        expected = block(x, table[:, :length], None, None, 0)
        caches = torch.full(
            (2, batch, config.num_heads, 16, config.dim // config.num_heads), torch.nan
        ).to(dtype)
        weights = block_weights(block)
        for step in range(length):
            found = decode_block(x[:, step], *caches, torch.full((batch,), step), table, weights)
            torch.testing.assert_close(found, expected[:, step])


def test_caches_that_cannot_be_written_are_refused() -> None:
    good = TestDecodeBlock().inputs((2, 8, 2, 1, 4, 6, 5), torch.float32)
    weights = DecodeWeights(good[5], *(good[PLACES[name]].float() for name in (
        "qkv", "out", "norm_gated", "gated", "down")))  # fmt: skip
    x, k_cache, v_cache, positions, rope = good[:5]
    for name, caches in (
        ("k_cache", (k_cache[:1].expand(2, -1, -1, -1), v_cache)),
        ("v_cache", (k_cache, k_cache)),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected"):
            decode_block(x, *caches, positions, rope, weights)


def test_quantized_weights_are_near() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = normal(generator, 7, 50).float()
    weight[2] = 0
    rounded, scale = quantize_rows(weight)
    assert rounded.dtype == torch.int8 and scale.dtype == torch.float32 and scale[2] == 0
    error = (rounded * scale[:, None] - weight).abs()
    assert (error <= 0.5001 * scale[:, None]).all()
    assert (rounded.abs().amax(1)[scale > 0] == 127).all()
    assert quantize_rows(weight[:, :0])[0].shape == (7, 0)
    with pytest.raises(ValueError, match="weight: expected"):
        quantize_rows(weight[0])
    with pytest.raises(TypeError, match="weight: expected"):
        quantize_rows(rounded)


def test_weights_change_their_storage() -> None:
    inputs = TestDecodeBlock().inputs((2, 8, 2, 1, 4, 6, 5), torch.float32)
    x, k_cache, v_cache, positions, rope = inputs[:5]
    weights = DecodeWeights(inputs[5], *(inputs[PLACES[name]].float() for name in (
        "qkv", "out", "norm_gated", "gated", "down")))  # fmt: skip
    narrow = weights.stored_as(torch.bfloat16)
    small = narrow.quantized()
    assert narrow.qkv.dtype == narrow.down.dtype == torch.bfloat16
    assert narrow.norm_attention is weights.norm_attention
    assert small.qkv.dtype == small.out.dtype == torch.int8 and small.gated_scale is not None
    again = small.quantized()
    assert again.qkv is small.qkv and again.stored_as(torch.half).qkv is small.qkv
    caches = k_cache.nan_to_num(0), v_cache.nan_to_num(0)
    found = [decode_block(x, *caches, positions, rope, w) for w in (weights, narrow, small)]
    assert F.mse_loss(found[0], found[1]) < 1e-4 < 2e-2 > F.mse_loss(found[0], found[2])
    with pytest.raises(ValueError, match="qkv_scale: expected None"):
        replace(small, qkv=weights.qkv)


@pytest.mark.native
@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 12), st.integers(1, 90), st.integers(0, 12)),
    dtype=st.sampled_from(DTYPES),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_shape_and_layout(shape, dtype, arrange, seed) -> None:
    batch, width, half = shape
    for tester in (TestRmsNormLinear, TestRmsNormGated, TestLinearResidual):
        budget = ErrorBudget()
        for number in range(seed, seed + 4):
            inputs = tester().inputs((batch, width, 2 * half), dtype, number)
            arranged = on_tensors(arrange, inputs)
            budget.add(tester.op(*arranged), *exact_and_plain(tester.reference, inputs))
        budget.check()


@pytest.mark.native
@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(0, 9),
    width=st.integers(1, 40),
    shared=st.integers(1, 3),
    group=st.integers(1, 3),
    half=st.integers(1, 20),
    hidden=st.integers(1, 40),
    room=st.integers(1, 40),
    dtype=st.sampled_from(DTYPES),
    arrange=st.sampled_from(ARRANGEMENTS),
    seed=st.integers(0, 2**31),
)
def test_any_block(batch, width, shared, group, half, hidden, room, dtype, arrange, seed) -> None:
    shape = (batch, width, shared * group, shared, 2 * half, hidden, room)
    budget = ErrorBudget()
    for number in range(seed, seed + 4):
        inputs = TestDecodeBlock().inputs(shape, dtype, number)
        arranged = on_tensors(arrange, inputs)
        expected = exact_and_plain(TestDecodeBlock.reference, inputs)
        budget.add(TestDecodeBlock.op(*arranged), *expected)
    budget.check()


@pytest.mark.native
def test_zero_and_huge_rows(capability: str) -> None:
    """A row of zeros stays zero; a row of large numbers is normalised as well."""
    x = torch.zeros(3, 40)
    x[1], x[2] = torch.linspace(-1e15, 1e15, 40), 1.0
    weight = torch.eye(40)
    found = rms_norm_linear(x, torch.ones(40), weight)
    expected = rms_norm_linear_reference(x, torch.ones(40), weight, None, 1e-6)
    assert (found[0] == 0).all()
    torch.testing.assert_close(found, expected)


@pytest.mark.native
@pytest.mark.slow
def test_more_weights_than_32_bits_count() -> None:
    """The last rows of an int8 weight of more than 2^31 elements."""
    generator = torch.Generator().manual_seed(0)
    width, half = 1024, 2**20 + 3
    weight = torch.zeros(2 * half, width, dtype=torch.int8)
    assert weight.numel() > 2**31
    places = torch.tensor([half - 2, half - 1, 2 * half - 2, 2 * half - 1])
    few = torch.randint(-127, 128, (4, width), dtype=torch.int8, generator=generator)
    weight[places] = few
    factor = torch.rand(2 * half, generator=generator)
    x, scale = torch.randn(3, width, generator=generator), torch.ones(width)
    found = rms_norm_linear(x, scale, weight, weight_scale=factor)
    expected = rms_norm_linear_reference(x, scale, few, factor[places], 1e-6)
    torch.testing.assert_close(found[:, places], expected, rtol=1e-4, atol=1e-2)
    assert (found[:, half : 2 * half - 2] == 0).all()
    residual = torch.randn(3, 2 * half, generator=generator)
    found = linear_residual(x, weight, residual, weight_scale=factor)
    expected = linear_residual_reference(x, few, factor[places], residual[:, places])
    torch.testing.assert_close(found[:, places], expected, rtol=1e-4, atol=1e-2)
    assert torch.equal(found[:, half : 2 * half - 2], residual[:, half : 2 * half - 2])
    found = rms_norm_gated(x, scale, weight, weight_scale=factor)
    expected = rms_norm_gated_reference(x, scale, few, factor[places], 1e-6)
    torch.testing.assert_close(found[:, -2:], expected, rtol=1e-4, atol=1e-2)
    assert (found[:, :-2] == 0).all()


@pytest.mark.native
@pytest.mark.slow
def test_more_rows_than_32_bits_count() -> None:
    """The last rows of an x and of a result of more than 2^31 elements."""
    generator = torch.Generator().manual_seed(0)
    for width, results in ((1024, 1), (1, 1024)):
        x, residual = (torch.zeros(2**21 + 3, n, dtype=torch.bfloat16) for n in (width, results))
        assert max(x.numel(), residual.numel()) > 2**31
        x[-2:] = torch.randn(2, width, generator=generator)
        weight = torch.randn(results, width, generator=generator).bfloat16()
        found = linear_residual(x, weight, residual)
        assert torch.equal(found[-2:], linear_residual(x[-2:].clone(), weight, residual[-2:]))
        assert found[-2:].any(1).all() and not found[:-2].any()
        del found


@pytest.mark.native
@pytest.mark.slow
def test_block_with_caches_of_more_than_32_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, room, dim = 65, 2**18 + 3, 64
    tester = TestDecodeBlock()
    x, _, _, _, _, *rest = tester.inputs((rows, 32, 2, 2, dim, 16, 4), torch.bfloat16)
    caches = [torch.zeros(rows, 2, room, dim, dtype=torch.bfloat16) for _ in range(2)]
    assert caches[0].numel() > 2**31
    for cache in caches:
        cache[-1] = torch.randn(2, room, dim, generator=generator)
    positions = torch.tensor([0] * (rows - 1) + [room - 1])
    rope = rotary(room, dim)
    alone = [cache[-1:].clone() for cache in caches]
    found = gather(x, *caches, positions, rope, *rest)
    expected = gather(x[-1:], *alone, positions[-1:], rope, *rest)
    assert torch.equal(found[-1:], expected)
    for cache, one in zip(caches, alone, strict=True):
        assert torch.equal(cache[-1:], one) and not cache[:-1, :, 1:].any()
