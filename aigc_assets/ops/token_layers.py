"""What lies between the products of a Transformer layer, one pass over the tokens each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops.arguments import check_alike, check_eps, check_floating, check_shape
from aigc_assets.ops.declare import call_unrecorded, define, records_gradients


def rms_norm(x: Tensor, scale: Tensor, *, eps: float = 1e-6) -> Tensor:
    """``x / rms(x) * scale`` over the last dimension.

    Args:
        x: [..., D], float16, bfloat16, float32 or float64.
        scale: [D], dtype of x or float32.
        eps: Added to the mean square, >= 0.

    Returns:
        The shape and dtype of x, contiguous; computed in float32 (float64 for float64) and rounded
        once. Differentiable to any order; the bytes depend neither on the number of threads nor on
        the other rows.

    Raises:
        ValueError: If a shape does not fit, or eps is negative.
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467.
    """
    check_floating("x", x)
    if x.dim() < 1:
        raise ValueError("x: expected [..., D], got a number")
    check_shape("scale", scale, (x.shape[-1],))
    check_alike("scale", scale, x, torch.float32)
    check_eps(eps)
    if records_gradients(x, scale):
        return rms_norm_reference(x, scale, eps)
    return call_unrecorded(_rms_norm, x, scale, eps)


def qk_norm_rotary(
    qkv: Tensor, q_scale: Tensor, k_scale: Tensor, rope: Tensor, *, eps: float = 1e-6
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as attention wants them: q and k normalised per head and turned.

    Args:
        qkv: Queries, keys and values, [B, L, 3, heads, D] with an even D, float16, bfloat16,
            float32 or float64; copied first where it is not contiguous.
        q_scale: Of the norm of each query head, [D], dtype of qkv or float32.
        k_scale: Of the norm of each key head, the same.
        rope: Cosines and sines of the positions, [2, L, D / 2], dtype of qkv or float32; channel i
            of a head turns with channel i + D / 2.
        eps: Added to the mean squares, >= 0.

    Returns:
        Queries, keys and values, [B, heads, L, D] each, dtype of qkv, contiguous unless gradients
        are recorded; the values as they were, the others computed in float32 (float64 for float64)
        and rounded once. Differentiable to any order; the bytes depend neither on the number of
        threads nor on the other tokens.

    Raises:
        ValueError: If a shape does not fit, or eps is negative.
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Henry et al., "Query-Key Normalization for Transformers", arXiv:2010.04245, with the norm of
        arXiv:1910.07467; Su et al., "RoFormer", arXiv:2104.09864, section 3.2.
    """
    check_shape("qkv", qkv, ("B", "L", 3, "heads", "D"))
    check_floating("qkv", qkv)
    length, dim = qkv.shape[1], qkv.shape[4]
    if dim % 2:
        raise ValueError(f"qkv: expected an even D, got shape {tuple(qkv.shape)}")
    for name, scale in (("q_scale", q_scale), ("k_scale", k_scale)):
        check_shape(name, scale, (dim,))
        check_alike(name, scale, qkv, torch.float32, other_name="qkv")
    check_shape("rope", rope, (2, length, dim // 2))
    check_alike("rope", rope, qkv, torch.float32, other_name="qkv")
    check_eps(eps)
    if records_gradients(qkv, q_scale, k_scale, rope):
        return _turned(qkv, q_scale, k_scale, rope, eps)
    return call_unrecorded(_qk_norm_rotary, qkv, q_scale, k_scale, rope, eps)


def gated_silu(x: Tensor, *, gate_first: bool = True) -> Tensor:
    """``silu(gate) * up`` of the two halves of the last dimension.

    Args:
        x: [..., 2H], float16, bfloat16, float32 or float64; the gates are the first half.
        gate_first: False where they are the second half.

    Returns:
        [..., H], dtype of x, contiguous; computed in float32 (float64 for float64) and rounded
        once. Differentiable to any order; the bytes depend neither on the number of threads nor on
        the other rows.

    Raises:
        ValueError: If the last dimension is missing or odd.
        TypeError: If the dtype is not one of those above.

    References:
        Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202, section 2.
    """
    check_floating("x", x)
    if x.dim() < 1 or x.shape[-1] % 2:
        raise ValueError(f"x: expected [..., 2H], got shape {tuple(x.shape)}")
    if records_gradients(x):
        return gated_silu_reference(x, gate_first)
    return call_unrecorded(_gated_silu, x, gate_first)


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn pairs of channels of x [..., L, D] by the angles of ``table`` [2, ..., L, D / 2].

    Channel i goes with channel i + D / 2; ``table`` holds cosines, then sines. In plain torch.

    References:
        Su et al., "RoFormer", arXiv:2104.09864, section 3.2.
    """
    cos, sin = table[0].to(x.dtype), table[1].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


def rms_norm_reference(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    """`rms_norm` in plain torch."""
    return _normed(x, scale, eps).contiguous()


def qk_norm_rotary_reference(
    qkv: Tensor, q_scale: Tensor, k_scale: Tensor, rope: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`qk_norm_rotary` in plain torch."""
    q, k, v = _turned(qkv, q_scale, k_scale, rope, eps)
    # A copy: where the layouts are alike, v would be a part of qkv.
    return q.contiguous(), k.contiguous(), v.clone(memory_format=torch.contiguous_format)


def _turned(
    qkv: Tensor, q_scale: Tensor, k_scale: Tensor, rope: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = qkv.unbind(2)
    angles = rope[:, :, None]  # the same for all heads
    q, k = rotate(_normed(q, q_scale, eps), angles), rotate(_normed(k, k_scale, eps), angles)
    return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


def _normed(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], scale.to(x.dtype), eps)


def gated_silu_reference(x: Tensor, gate_first: bool) -> Tensor:
    """`gated_silu` in plain torch."""
    first, second = x.chunk(2, -1)
    return F.silu(first) * second if gate_first else first * F.silu(second)


def _fake_heads(qkv: Tensor, *rest: object) -> tuple[Tensor, Tensor, Tensor]:
    batch, length, _, heads, dim = qkv.shape
    q, k, v = (qkv.new_empty((batch, heads, length, dim)) for _ in range(3))
    return q, k, v


def _fake_gated(x: Tensor, _: bool) -> Tensor:
    return x.new_empty((*x.shape[:-1], x.shape[-1] // 2))


_rms_norm = define(
    "rms_norm(Tensor x, Tensor scale, float eps) -> Tensor",
    rms_norm_reference,
    lambda x, scale, eps: x.new_empty(x.shape),
    best_cpu="amx",
)
_qk_norm_rotary = define(
    "qk_norm_rotary(Tensor qkv, Tensor q_scale, Tensor k_scale, Tensor rope, float eps)"
    " -> (Tensor, Tensor, Tensor)",
    qk_norm_rotary_reference,
    _fake_heads,
    best_cpu="amx",
)
_gated_silu = define(
    "gated_silu(Tensor x, bool gate_first) -> Tensor",
    gated_silu_reference,
    _fake_gated,
    best_cpu="amx",
)
