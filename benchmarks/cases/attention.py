"""Attention to a window of a sequence, and to the few words of a prompt."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from aigc_assets import ops
from aigc_assets.ops.attention import (
    cross_attention_small_reference,
    sliding_attention_reference,
)
from benchmarks.cases import Case

SLIDING_CASES = (
    # L, window, dtype, headline
    (4096, 256, torch.bfloat16, True),
    (4096, 256, torch.float32, False),
    (512, 64, torch.float32, False),
)
CROSS_CASES = (
    # L, keys, D, dtype, headline
    (4096, 77, 40, torch.bfloat16, True),
    (4096, 77, 40, torch.float32, False),
    (256, 16, 32, torch.float32, False),
)


def cases(device: str) -> Iterator[Case]:
    """Eight heads."""
    for sliding_case in SLIDING_CASES:
        yield _sliding_case(device, *sliding_case)
    for cross_case in CROSS_CASES:
        yield _cross_case(device, *cross_case)


def _sliding_case(
    device: str, length: int, window: int, dtype: torch.dtype, headline: bool
) -> Case:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        torch.randn(1, 8, length, 64, generator=generator).to(device, dtype) for _ in range(3)
    )
    place = torch.arange(length, device=device)
    steps = place[:, None] - place[None]
    mask = (steps >= 0) & (steps < window)
    torch._dynamo.reset()  # or a limit of variants would silently leave the last ones eager
    compiled = torch.compile(F.scaled_dot_product_attention, dynamic=False)
    compiled_blocks = torch.compile(sliding_attention_reference, dynamic=False)
    return Case(
        op="sliding_attention",
        shape=f"1x8x{length}x64, window {window}",
        dtype=dtype,
        eager=lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
        ours=lambda: ops.sliding_attention(q, k, v, window=window),
        rewrites={"blocks": lambda: sliding_attention_reference(q, k, v, window, True)},
        compiled={
            "eager": lambda: compiled(q, k, v, attn_mask=mask),
            "blocks": lambda: compiled_blocks(q, k, v, window, True),
        },
        limit="amx" if dtype == torch.bfloat16 else "fma",
        amount=4.0 * 8 * 64 * int(mask.sum()),
        headline=headline,
    )


def _cross_case(
    device: str, length: int, keys: int, depth: int, dtype: torch.dtype, headline: bool
) -> Case:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        torch.randn(1, 8, count, depth, generator=generator).to(device, dtype)
        for count in (length, keys, keys)
    )
    torch._dynamo.reset()
    compiled = torch.compile(F.scaled_dot_product_attention, dynamic=False)
    compiled_matmul = torch.compile(cross_attention_small_reference, dynamic=False)
    return Case(
        op="cross_attention_small",
        shape=f"1x8x{length}x{depth}, {keys} keys",
        dtype=dtype,
        eager=lambda: F.scaled_dot_product_attention(q, k, v),
        ours=lambda: ops.cross_attention_small(q, k, v),
        rewrites={"matmul": lambda: cross_attention_small_reference(q, k, v)},
        compiled={
            "eager": lambda: compiled(q, k, v),
            "matmul": lambda: compiled_matmul(q, k, v),
        },
        limit="amx" if dtype == torch.bfloat16 else "fma",
        amount=4.0 * 8 * length * keys * depth,
        headline=headline,
    )
