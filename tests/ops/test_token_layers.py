from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.token_layers import (
    gated_silu_reference,
    qk_norm_rotary_reference,
    rms_norm_reference,
    rotate,
)
from tests.ops.tester import OpTester, assert_same_bytes


def draw(dtype: torch.dtype, seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes
    ]


def normed(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    return ops.rms_norm(x, scale, eps=eps)


def turned(
    qkv: Tensor, q_scale: Tensor, k_scale: Tensor, rope: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    return ops.qk_norm_rotary(qkv, q_scale, k_scale, rope, eps=eps)


def gated(x: Tensor, gate_first: bool) -> Tensor:
    return ops.gated_silu(x, gate_first=gate_first)


class TestRmsNorm(OpTester):
    """Shapes are those of x."""

    op = staticmethod(normed)
    raw = torch.ops.aigc_assets.rms_norm.default
    reference = staticmethod(rms_norm_reference)
    shapes = ((2, 5, 192), (33, 100), (64,))
    edge_shapes = ((0, 8), (3, 1), (1, 2, 7), (2, 15), (5, 16), (4, 17), (3, 31), (2, 129), (2, 65))
    large_shape = (4, 128, 192)
    gradient_shapes = ((1, 1), (2, 3, 5))

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        x, scale = draw(dtype, seed, shape, shape[-1:])
        return x, scale.float() if seed % 2 and dtype != torch.float64 else scale, 1e-5

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        x, scale, eps = self.inputs((2, 5), torch.float32)
        yield (x[0, 0], scale, eps), ValueError, "x: expected"
        yield (x, scale[:4], eps), ValueError, "scale: expected"
        yield (x, scale[None], eps), ValueError, "scale: expected"
        yield (x, scale, -1.0), ValueError, "eps: expected"
        yield (x.int(), scale, eps), TypeError, "x: expected a floating dtype"
        yield (x, scale.double(), eps), TypeError, "scale: expected"
        yield (x, scale.to("meta"), eps), TypeError, "scale: expected device"


class TestQkNormRotary(OpTester):
    """Shapes are (B, L, heads, D)."""

    op = staticmethod(turned)
    raw = torch.ops.aigc_assets.qk_norm_rotary.default
    reference = staticmethod(qk_norm_rotary_reference)
    shapes = ((2, 9, 4, 48), (1, 16, 3, 32), (3, 5, 2, 20))
    edge_shapes = (
        (0, 4, 2, 8),
        (2, 0, 2, 8),
        (1, 1, 1, 2),
        (1, 3, 2, 0),
        (2, 3, 1, 6),
        (1, 2, 3, 30),
        (1, 5, 1, 34),
        (2, 2, 2, 64),
        (1, 3, 1, 130),
    )
    large_shape = (3, 150, 4, 48)
    gradient_shapes = ((1, 1, 1, 2), (2, 3, 2, 4))

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        batch, length, heads, dim = shape
        qkv, q_scale, k_scale, rope = draw(
            dtype, seed, (batch, length, 3, heads, dim), (dim,), (dim,), (2, length, dim // 2)
        )
        if seed % 2 and dtype != torch.float64:
            q_scale, rope = q_scale.float(), rope.float()
        return qkv, q_scale, k_scale, rope, 1e-5

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        qkv, q_scale, k_scale, rope, eps = self.inputs((2, 3, 2, 4), torch.float32)
        yield (qkv[0], q_scale, k_scale, rope, eps), ValueError, "qkv: expected"
        yield (qkv[:, :, :2], q_scale, k_scale, rope, eps), ValueError, "qkv: expected"
        yield (qkv[..., :3], q_scale, k_scale, rope, eps), ValueError, "qkv: expected an even D"
        yield (qkv, q_scale[:2], k_scale, rope, eps), ValueError, "q_scale: expected"
        yield (qkv, q_scale, k_scale[None], rope, eps), ValueError, "k_scale: expected"
        yield (qkv, q_scale, k_scale, rope[:, :2], eps), ValueError, "rope: expected"
        yield (qkv, q_scale, k_scale, rope, math.nan), ValueError, "eps: expected"
        yield (qkv.int(), q_scale, k_scale, rope, eps), TypeError, "qkv: expected a floating dtype"
        yield (qkv, q_scale.half(), k_scale, rope, eps), TypeError, "q_scale: expected"
        yield (qkv, q_scale, k_scale, rope.double(), eps), TypeError, "rope: expected"
        yield (qkv, q_scale, k_scale, rope.to("meta"), eps), TypeError, "rope: expected device"


class TestGatedSilu(OpTester):
    """Shapes are those of x, and whether the gates are the first half."""

    op = staticmethod(gated)
    raw = torch.ops.aigc_assets.gated_silu.default
    reference = staticmethod(gated_silu_reference)
    shapes = ((2, 5, 96, True), (33, 70, False), (1024, True))
    edge_shapes = (
        (0, 8, True),
        (3, 0, True),
        (3, 2, False),
        (1, 2, 14, True),
        (2, 30, False),
        (5, 32, True),
        (4, 34, False),
        (2, 130, True),
    )
    large_shape = (256, 1024, True)
    gradient_shapes = ((1, 2, True), (2, 3, 6, False))

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        return draw(dtype, seed, shape[:-1])[0] * 2, bool(shape[-1])

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        (x,) = draw(torch.float32, 0, (2, 6))
        yield (x[0, 0], True), ValueError, "x: expected"
        yield (x[:, :5], True), ValueError, "x: expected"
        yield (x.long(), True), TypeError, "x: expected a floating dtype"


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16, torch.float16), ids=str)
def test_extreme_gates(capability: str, dtype: torch.dtype) -> None:
    """Far below zero nothing passes, far above everything; a NaN stays one."""
    gates = torch.tensor([-30000.0, -90.0, 0.0, 90.0, 30000.0, torch.nan], dtype=dtype)
    ups = torch.full_like(gates, 2.0)
    found = ops.gated_silu(torch.cat((gates, ups)))
    assert found[:2].abs().max() <= 1e-30
    assert found[2:5].tolist() == (2 * gates[2:5]).tolist()
    assert found[5].isnan()


@pytest.mark.native
def test_rows_know_nothing_of_each_other(capability: str) -> None:
    (x, scale, qkv, gate) = draw(torch.bfloat16, 0, (40, 50), (50,), (3, 20, 3, 2, 24), (40, 90))
    assert_same_bytes(ops.rms_norm(x, scale)[7:9], ops.rms_norm(x[7:9], scale))
    assert_same_bytes(ops.gated_silu(gate)[7:9], ops.gated_silu(gate[7:9]))
    (head, rope) = draw(torch.float32, 1, (24,), (2, 20, 12))
    whole = ops.qk_norm_rotary(qkv, head, head, rope)
    part = ops.qk_norm_rotary(qkv[1:2, 4:9], head, head, rope[:, 4:9])
    for one, other in zip(whole, part, strict=True):
        assert_same_bytes(one[1:2, :, 4:9], other)


def test_heads_keep_their_length_and_turn() -> None:
    """A unit scale gives heads of length sqrt(D); equal angles leave products as they are."""
    (qkv,) = draw(torch.float64, 0, (1, 6, 3, 2, 8))
    angle = torch.linspace(0, 3, 6, dtype=torch.float64)[:, None].expand(6, 4)
    rope = torch.stack((angle.cos(), angle.sin()))
    ones = torch.ones(8, dtype=torch.float64)
    q, k, v = ops.qk_norm_rotary(qkv, ones, ones, rope, eps=0.0)
    for heads in (q, k):
        length = heads.norm(dim=-1)
        torch.testing.assert_close(length, torch.full_like(length, 8**0.5))
    assert torch.equal(v, qkv[:, :, 2].transpose(1, 2))
    plain = [ops.rms_norm(qkv[:, :, part], ones, eps=0.0).transpose(1, 2) for part in (0, 1)]
    torch.testing.assert_close((q * k).sum(-1), (plain[0] * plain[1]).sum(-1))
    back = rotate(q, torch.stack((rope[0], -rope[1])))
    torch.testing.assert_close(back, plain[0])


def test_values_are_a_copy() -> None:
    """Also where a part of qkv would have the right layout."""
    (qkv,) = draw(torch.float32, 0, (1, 1, 3, 1, 4))
    rope, ones = torch.zeros(2, 1, 2), torch.ones(4)
    for found in (
        ops.qk_norm_rotary(qkv, ones, ones, rope),
        qk_norm_rotary_reference(qkv, ones, ones, rope, 1e-6),
    ):
        found[2].zero_()
        assert qkv[:, :, 2].abs().min() > 0
