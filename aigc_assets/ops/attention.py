"""Attention along a sequence: to a window of it, or to a few keys of another one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops.arguments import check_alike, check_floating, check_shape
from aigc_assets.ops.declare import call_unrecorded, define, records_gradients, under_autocast
from aigc_assets.ops.formats import compute_dtype

MOST_KEYS = 128
"""Keys that `cross_attention_small` takes."""


def sliding_attention(
    q: Tensor, k: Tensor, v: Tensor, *, window: int, causal: bool = True
) -> Tensor:
    """Attention of every position to those less than ``window`` steps away.

    Args:
        q: Queries, [B, heads, L, D], float16, bfloat16, float32 or float64. D values lie together
            in memory, or the tensor is copied; so with k and v.
        k: Keys, shape and dtype of q.
        v: Values, shape and dtype of q.
        window: Query i sees the keys ``i - window < j <= i``, and without ``causal`` also
            ``i < j < i + window``; >= 1.
        causal: Whether keys behind the query are left out.

    Returns:
        [B, heads, L, D], dtype of q, contiguous. Scores are scaled by ``D ** -0.5``; the softmax
        runs in float32 (float64 for float64). Time and memory grow with ``L·window``.
        Differentiable to any order; the bytes do not depend on the number of threads.

    Raises:
        ValueError: If a shape does not fit, or window is out of range.
        TypeError: If a dtype is not one of those above, or dtypes or devices differ.

    References:
        Beltagy et al., "Longformer", arXiv:2004.05150, section 3.1.
    """
    check_shape("q", q, ("B", "heads", "L", "D"))
    _check_inputs(q, k, v, keys=q.shape[2])
    if window < 1:
        raise ValueError(f"window: expected at least 1, got {window}")
    q, k, v = under_autocast(q, k, v)
    if records_gradients(q, k, v):
        return sliding_attention_reference(q, k, v, window, causal)
    return call_unrecorded(_sliding_attention, q, k, v, window, causal)


def cross_attention_small(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention to at most 128 keys, such as the words of a prompt.

    Args:
        q: Queries, [B, heads, L, D], float16, bfloat16, float32 or float64. D values lie together
            in memory, or the tensor is copied; so with k and v.
        k: Keys, [B, heads, S, D] with 1 <= S <= 128, dtype of q.
        v: Values, shape and dtype of k.

    Returns:
        [B, heads, L, D], dtype of q, contiguous. Scores are scaled by ``D ** -0.5``; the softmax
        runs in float32 (float64 for float64). Differentiable to any order; the bytes do not depend
        on the number of threads.

    Raises:
        ValueError: If a shape does not fit, or there are more than 128 keys.
        TypeError: If a dtype is not one of those above, or dtypes or devices differ.
    """
    check_shape("q", q, ("B", "heads", "L", "D"))
    _check_inputs(q, k, v, keys="S")
    if not 1 <= k.shape[2] <= MOST_KEYS:
        raise ValueError(f"k: expected 1 to {MOST_KEYS} keys, got shape {tuple(k.shape)}")
    q, k, v = under_autocast(q, k, v)
    if records_gradients(q, k, v):
        return cross_attention_small_reference(q, k, v)
    return call_unrecorded(_cross_attention_small, q, k, v)


def sliding_attention_reference(
    q: Tensor, k: Tensor, v: Tensor, window: int, causal: bool
) -> Tensor:
    """`sliding_attention` in plain torch; see there.

    Blocks of at least ``window`` queries attend to their own block and to its neighbours.
    """
    length, device = q.shape[2], q.device
    if length == 0:
        return q.clone(memory_format=torch.contiguous_format)
    window = min(window, length)
    block = min(max(window, 64), length)
    count = -(-length // block)
    rest = count * block - length
    span = 2 * block if causal else 3 * block
    queries = F.pad(q, (0, 0, 0, rest)).unflatten(2, (count, block))
    around = (0, 0, block, rest if causal else rest + block)
    keys, values = (F.pad(t, around).unfold(2, span, block) for t in (k, v))  # [..., D, span]

    at = torch.arange(span, device=device) - block
    mine = torch.arange(block, device=device)[:, None]
    near = (at <= mine) & (at > mine - window)
    if not causal:
        near = (at - mine).abs() < window
    start = torch.arange(count, device=device)[:, None, None] * block
    inside = (start + at >= 0) & (start + at < length)
    # What is padded to the end sees itself, so that no row of the softmax is empty.
    seen = (near & inside) | (at == mine)
    score = _scaled(queries @ keys, q.shape[3]).masked_fill(~seen, float("-inf"))
    y = torch.softmax(score, -1).to(v.dtype) @ values.mT
    return y.flatten(2, 3)[:, :, :length].contiguous()


def cross_attention_small_reference(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`cross_attention_small` in plain torch; see there."""
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()  # one order of summation for all
    weight = torch.softmax(_scaled(q @ k.mT, q.shape[3]), -1)
    return (weight.to(v.dtype) @ v).contiguous()


def _scaled(product: Tensor, depth: int) -> Tensor:
    """Scores from products, in the dtype of the softmax."""
    return product.to(compute_dtype(product)) * depth**-0.5


def _check_inputs(q: Tensor, k: Tensor, v: Tensor, keys: int | str) -> None:
    """Only where q, k and v are not plainly alike each of them is looked at: calls are short."""
    batch, heads, _, depth = q.shape
    if min(heads, depth) < 1:
        raise ValueError(f"q: expected heads and D of at least 1, got shape {tuple(q.shape)}")
    check_floating("q", q)
    shape = k.shape
    if (
        len(shape) != 4
        or v.shape != shape
        or shape != (batch, heads, shape[2] if keys == "S" else keys, depth)
    ):
        check_shape("k", k, (batch, heads, keys, depth))
        check_shape("v", v, shape)
    dtype, device = q.dtype, q.device
    if not (k.dtype == dtype == v.dtype and k.device == device == v.device):
        check_alike("k", k, q, other_name="q")
        check_alike("v", v, q, other_name="q")


_sliding_attention = define(
    "sliding_attention(Tensor q, Tensor k, Tensor v, int window, bool causal) -> Tensor",
    sliding_attention_reference,
    lambda q, k, v, window, causal: q.new_empty(q.shape),
    best_cpu="amx",
)
_cross_attention_small = define(
    "cross_attention_small(Tensor q, Tensor k, Tensor v) -> Tensor",
    cross_attention_small_reference,
    lambda q, k, v: q.new_empty(q.shape),
    best_cpu="amx",
)
