"""What lies between the products of a Transformer layer, at the size of the map model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.token_layers import rotate
from benchmarks.cases import Case

TOKENS, HEADS, DIM, HIDDEN = 256, 4, 48, 512
Heads = tuple[Tensor, Tensor, Tensor]


def normed(x: Tensor, scale: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], scale, 1e-6)


def normed_by_hand(x: Tensor, scale: Tensor) -> Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * scale


def turned(qkv: Tensor, q_scale: Tensor, k_scale: Tensor, rope: Tensor) -> Heads:
    """Queries and keys one after the other, as models write it."""
    q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
    return rotate(normed(q, q_scale), rope), rotate(normed(k, k_scale), rope), v


def turned_at_once(qkv: Tensor, q_scale: Tensor, k_scale: Tensor, rope: Tensor) -> Heads:
    """Queries and keys in one tensor."""
    scale = torch.stack((q_scale, k_scale))[:, None]
    both = F.rms_norm(qkv[:, :, :2], qkv.shape[-1:], None, 1e-6) * scale
    q, k = rotate(both, rope[:, :, None, None]).transpose(1, 3).unbind(2)
    return q, k, qkv[:, :, 2].transpose(1, 2)


def gated(x: Tensor) -> Tensor:
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


def gated_by_sigmoid(x: Tensor) -> Tensor:
    gate, up = x.chunk(2, -1)
    return torch.sigmoid(gate).mul_(gate).mul_(up)


def cases(device: str) -> Iterator[Case]:
    """One window of the map model."""
    for dtype in (torch.bfloat16, torch.float32):
        shapes = ((1, TOKENS, HEADS * DIM), (HEADS * DIM,), (1, TOKENS, 3, HEADS, DIM), (DIM,))
        x, scale, qkv, head = (_draw(shape, dtype, device) for shape in shapes)
        yield _case("rms_norm", dtype, ops.rms_norm, normed, normed_by_hand, 2 * x.nbytes, x, scale)
        angle = _draw((TOKENS, DIM // 2), torch.float32, device)
        arguments = qkv, head, head, torch.stack((angle.cos(), angle.sin()))
        size = 2 * qkv.nbytes + arguments[3].nbytes
        yield _case(
            "qk_norm_rotary", dtype, ops.qk_norm_rotary, turned, turned_at_once, size, *arguments
        )
        x = _draw((1, TOKENS, 2 * HIDDEN), dtype, device)
        yield _case("gated_silu", dtype, ops.gated_silu, gated, gated_by_sigmoid, 1.5 * x.nbytes, x)


def _draw(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator).to(device, dtype)


def _case(
    op: str, dtype: torch.dtype, ours: Callable[..., Any], plain: Callable[..., Any],
    other: Callable[..., Any], amount: float, *arguments: Tensor,
) -> Case:  # fmt: skip
    torch._dynamo.reset()
    compiled, compiled_other = (torch.compile(f, dynamic=False) for f in (plain, other))
    return Case(
        op,
        "x".join(map(str, arguments[0].shape)),
        dtype,
        eager=lambda: plain(*arguments),
        ours=lambda: ours(*arguments),
        rewrites={"other": lambda: other(*arguments)},
        compiled={
            "eager": lambda: compiled(*arguments),
            "other": lambda: compiled_other(*arguments),
        },
        limit="copy",
        amount=amount,
        tolerance=5e-2 if dtype == torch.bfloat16 else 0.0,
        headline=op == "qk_norm_rotary",
    )
