"""Attention in windows and in neighbourhoods of a grid."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.spatial_attention import (
    neighborhood_attention_reference,
    window_attention_reference,
)
from benchmarks.cases import Case

WINDOW = 8
REACH = 4
WINDOW_CASES = (
    # batch, side of the grid, heads, shift, dtype, headline
    (4, 32, 4, 0, torch.bfloat16, True),
    (4, 32, 8, 4, torch.bfloat16, True),
    (1, 16, 4, 4, torch.bfloat16, False),
    (4, 32, 4, 4, torch.float32, False),
)
NEIGHBORHOOD_CASES = (
    # side of the grid, dtype; the map model has 10 to 20 tokens a side
    (10, torch.float32),
    (18, torch.float32),
    (18, torch.bfloat16),
)


def cases(device: str) -> Iterator[Case]:
    """Heads of 32 channels; bias tables as a model trains them."""
    for window_case in WINDOW_CASES:
        yield _window_case(device, *window_case)
    for side, dtype in NEIGHBORHOOD_CASES:
        yield _neighborhood_case(device, side, dtype)


def shifted_windows(qkv: Tensor, bias: Tensor, shift: int) -> Tensor:
    """Roll, partition, attend with a prepared bias and mask, and back."""
    batch, height, width, _, heads, depth = qkv.shape
    down, across = height // WINDOW, width // WINDOW
    x = torch.roll(qkv, (-shift, -shift), (1, 2)) if shift else qkv
    x = x.view(batch, down, WINDOW, across, WINDOW, 3, heads, depth).permute(5, 0, 1, 3, 6, 2, 4, 7)
    q, k, v = x.reshape(3, -1, heads, WINDOW * WINDOW, depth).unbind(0)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    y = y.view(batch, down, across, heads, WINDOW, WINDOW, depth).permute(0, 1, 4, 2, 5, 3, 6)
    y = y.reshape(batch, height, width, heads, depth)
    return torch.roll(y, (shift, shift), (1, 2)) if shift else y


def _window_case(
    device: str, batch: int, side: int, heads: int, shift: int, dtype: torch.dtype, headline: bool
) -> Case:
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(batch, side, side, 3, heads, 32, generator=generator).to(device, dtype)
    reach = 2 * WINDOW - 1
    table = torch.randn(heads, reach, reach, generator=generator).to(device, dtype)
    place = torch.arange(WINDOW, device=device)
    offset = place[None] - place[:, None] + WINDOW - 1
    tokens = WINDOW * WINDOW
    bias = table[:, offset[:, None, :, None], offset[None, :, None, :]].reshape(
        1, heads, tokens, tokens
    )
    if shift:
        beyond = (torch.arange(side, device=device) >= side - shift).int()
        region = 2 * beyond[:, None] + beyond[None]
        region = region.view(side // WINDOW, WINDOW, side // WINDOW, WINDOW)
        region = region.transpose(1, 2).reshape(-1, 1, tokens)
        unseen = region[..., None] != region[:, :, None]
        bias = bias.masked_fill(unseen, float("-inf")).repeat(batch, 1, 1, 1)

    torch._dynamo.reset()  # or a limit of variants would silently leave the last ones eager
    compiled = torch.compile(shifted_windows, dynamic=False)
    compiled_reference = torch.compile(window_attention_reference, dynamic=False)
    windows = batch * (side // WINDOW) ** 2
    return Case(
        op="window_attention",
        shape=f"{windows} windows x {heads} heads, shift {shift}",
        dtype=dtype,
        eager=lambda: shifted_windows(qkv, bias, shift),
        ours=lambda: ops.window_attention(qkv, table, window=WINDOW, shift=shift),
        rewrites={"matmul": lambda: window_attention_reference(qkv, table, WINDOW, shift)},
        compiled={
            "eager": lambda: compiled(qkv, bias, shift),
            "matmul": lambda: compiled_reference(qkv, table, WINDOW, shift),
        },
        limit="amx" if dtype == torch.bfloat16 else "fma",
        amount=4.0 * windows * heads * tokens * tokens * 32,
        headline=headline,
    )


def masked(qkv: Tensor, bias: Tensor) -> Tensor:
    """All tokens to all tokens, with a prepared bias and mask."""
    batch, height, width, _, heads, depth = qkv.shape
    q, k, v = qkv.flatten(1, 2).permute(2, 0, 3, 1, 4).unbind(0)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return y.transpose(1, 2).reshape(batch, height, width, heads, depth)


def _neighborhood_case(device: str, side: int, dtype: torch.dtype) -> Case:
    heads, reach = 4, 2 * REACH + 1
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(1, side, side, 3, heads, 32, generator=generator).to(device, dtype)
    table = torch.randn(heads, reach, reach, generator=generator).to(device, dtype)
    place = torch.arange(side, device=device)
    offset = ((place[None] - place[:, None] + REACH) % side).clamp(max=reach)
    wide = F.pad(table, (0, 1, 0, 1), value=float("-inf"))
    bias = wide[:, offset[:, None, :, None], offset[None, :, None, :]]
    bias = bias.reshape(1, heads, side * side, side * side)

    torch._dynamo.reset()
    compiled = torch.compile(masked, dynamic=False)
    compiled_reference = torch.compile(neighborhood_attention_reference, dynamic=False)
    return Case(
        op="neighborhood_attention",
        shape=f"{side}x{side}, reach {REACH}, {heads} heads",
        dtype=dtype,
        eager=lambda: neighborhood_attention_reference(qkv, table, REACH, True),
        ours=lambda: ops.neighborhood_attention(qkv, table, reach=REACH),
        rewrites={"sdpa": lambda: masked(qkv, bias)},
        compiled={
            "sdpa": lambda: compiled(qkv, bias),
            "eager": lambda: compiled_reference(qkv, table, REACH, True),
        },
        limit="amx" if dtype == torch.bfloat16 else "fma",
        amount=4.0 * side * side * reach * reach * heads * 32,
    )
