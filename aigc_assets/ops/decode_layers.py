"""A Transformer block for one new token per row: few rows times large weights, fused.

The products are bound by reading the weights, which may therefore be narrower than what they are
multiplied with: float16, bfloat16, or int8 with one scale per row (`quantize_rows`). They are
widened, never rounded: only the storage of the weights costs precision, not the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops import declare
from aigc_assets.ops.arguments import check_alike, check_eps, check_floating, check_shape
from aigc_assets.ops.cached_attention import (
    check_caches,
    check_counts,
    check_rotary,
    check_window,
    check_written,
    decode_attention_append_reference,
    kernel_checks,
    run,
    run_in_place,
    run_straight,
)
from aigc_assets.ops.formats import compute_dtype

_MATRICES = ("qkv", "out", "gated", "down")
_SCALES = tuple(f"{name}_scale" for name in _MATRICES)
_VECTORS = ("norm_attention", "norm_gated", "q_scale", "k_scale")
_ORDER = (
    *("norm_attention", "qkv", "qkv_scale", "q_scale", "k_scale", "out", "out_scale"),
    *("norm_gated", "gated", "gated_scale", "down", "down_scale", "eps"),
)  # of the op's arguments
_WIDE = (torch.float32,)
_STORED = (torch.float16, torch.bfloat16, torch.int8)  # besides the dtype of x


def rms_norm_linear(
    x: Tensor,
    scale: Tensor,
    weight: Tensor,
    *,
    weight_scale: Tensor | None = None,
    eps: float = 1e-6,
) -> Tensor:
    """``(x / rms(x) * scale) @ weight.T`` for a few rows.

    Args:
        x: [B, D], float16, bfloat16, float32 or float64.
        scale: [D], dtype of x or float32.
        weight: [N, D], dtype of x, float16, bfloat16, or int8 with ``weight_scale``.
        weight_scale: What a row of the int8 weight is multiplied with, [N] float32.
        eps: Added to the mean square, >= 0.

    Returns:
        [B, N], dtype of x, contiguous; normalised and summed in float32 (float64 for float64) and
        rounded once. Differentiable to any order in whatever is floating; the bytes depend neither
        on the number of threads nor on the other rows.

    Raises:
        ValueError: If a shape does not fit, an int8 weight comes without its scale, or eps is
            negative.
        TypeError: If a dtype is not one of those above, or the devices differ.
    """
    arguments = (x, scale, weight, weight_scale, eps)
    return _normed(_rms_norm_linear, rms_norm_linear_reference, "N", *arguments)


def linear_residual(
    x: Tensor, weight: Tensor, residual: Tensor, *, weight_scale: Tensor | None = None
) -> Tensor:
    """``x @ weight.T + residual`` for a few rows.

    Args:
        x: [B, K], float16, bfloat16, float32 or float64.
        weight: [N, K], as for `rms_norm_linear`.
        residual: [B, N], dtype of x.
        weight_scale: As for `rms_norm_linear`.

    Returns:
        [B, N], dtype of x, as for `rms_norm_linear`.

    Raises:
        ValueError: If a shape does not fit, or an int8 weight comes without its scale.
        TypeError: If a dtype is not one of those above, or the devices differ.
    """
    if kernel_checks(True, x, weight, weight_scale, residual):
        try:
            with torch._C._AutoDispatchBelowAutograd():
                return _linear_residual(x, weight, weight_scale, residual)
        except RuntimeError:
            _check_residual(x, weight, weight_scale, residual)
            raise
    _check_residual(x, weight, weight_scale, residual)
    autocast = declare.is_autocast(x)
    if autocast:
        x, weight, residual = declare.under_autocast(x, weight, residual)
    arguments = (x, weight, weight_scale, residual)
    return run(_linear_residual, linear_residual_reference, autocast, *arguments)


def rms_norm_gated(
    x: Tensor,
    scale: Tensor,
    weight: Tensor,
    *,
    weight_scale: Tensor | None = None,
    eps: float = 1e-6,
) -> Tensor:
    """``up * silu(gate)`` of ``up, gate = (x / rms(x) * scale) @ weight.T`` for a few rows.

    Args:
        x: [B, D], float16, bfloat16, float32 or float64.
        scale: [D], dtype of x or float32.
        weight: [2H, D], the rows of up first, then those of the gate; as for `rms_norm_linear`.
        weight_scale: [2H], as for `rms_norm_linear`.
        eps: Added to the mean square, >= 0.

    Returns:
        [B, H], dtype of x, as for `rms_norm_linear`.

    Raises:
        ValueError: If a shape does not fit, an int8 weight comes without its scale, or eps is
            negative.
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202, section 2.
    """
    arguments = (x, scale, weight, weight_scale, eps)
    return _normed(_rms_norm_gated, rms_norm_gated_reference, "2H", *arguments)


def _normed(
    op: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    rows: str,
    x: Tensor,
    scale: Tensor,
    weight: Tensor,
    weight_scale: Tensor | None,
    eps: float,
) -> Tensor:
    """A product after a norm; ``rows`` of the weight, for errors."""
    if eps >= 0 and kernel_checks(True, x, scale, weight, weight_scale):
        try:
            with torch._C._AutoDispatchBelowAutograd():
                return op(x, scale, weight, weight_scale, eps)
        except RuntimeError:
            _check_normed(x, scale, weight, weight_scale, eps, rows)
            raise
    _check_normed(x, scale, weight, weight_scale, eps, rows)
    autocast = declare.is_autocast(x)
    if autocast:
        x, scale, weight = declare.under_autocast(x, scale, weight)
    return run(op, reference, autocast, x, scale, weight, weight_scale, eps)


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to int8 with a scale of its own.

    Args:
        weight: [N, K], floating.

    Returns:
        The rounded weight, [N, K] int8 in -127..127, and the scale, [N] float32, so that
        ``weight ≈ rounded * scale[:, None]`` with an error of at most half a scale. A row of zeros
        has the scale 0.

    Raises:
        ValueError: If the weight is not [N, K].
        TypeError: If it is not floating.
    """
    check_floating("weight", weight)
    check_shape("weight", weight, ("N", "K"))
    wide = weight.detach().to(compute_dtype(weight))
    scale = wide.abs().amax(1) / 127 if wide.shape[1] else wide.new_zeros(wide.shape[0])
    scale = scale.float()
    step = scale.to(wide.dtype).where(scale > 0, 1)[:, None]
    return (wide / step).round().clamp(-127, 127).to(torch.int8), scale


@dataclass(frozen=True)
class DecodeWeights:
    """The weights of one Transformer block, checked once, for `decode_block`.

    Dtypes of the four matrices as for `rms_norm_linear`; D is the width of the block, F that of an
    attention head, E = Hq·F, H the width of the gated layer.

    Args:
        norm_attention: Scale of the norm before attention, [D].
        qkv: [(Hq + 2·Hkv)·F, D], the rows of the query heads first, then key, then value heads.
        out: [D, E].
        norm_gated: Scale of the norm before the gated layer, [D].
        gated: [2H, D], the rows of up first, then those of the gate.
        down: [D, H].
        q_scale: Scale of the norm of each query head, [F]. None: not normalised.
        k_scale: Scale of the norm of each key head, [F]. None: not normalised.
        qkv_scale: Scales of the rows of an int8 ``qkv``, float32.
        out_scale: Scales of the rows of an int8 ``out``, float32.
        gated_scale: Scales of the rows of an int8 ``gated``, float32.
        down_scale: Scales of the rows of an int8 ``down``, float32.
        eps: Added to the mean square in all norms, >= 0.

    Raises:
        ValueError: If a shape does not fit, an int8 weight comes without its scale, or eps is
            negative.
        TypeError: If ``norm_attention`` or a matrix has none of the dtypes of `rms_norm_linear`.
            `decode_block` checks them against those of its other arguments.
    """

    norm_attention: Tensor
    qkv: Tensor
    out: Tensor
    norm_gated: Tensor
    gated: Tensor
    down: Tensor
    q_scale: Tensor | None = None
    k_scale: Tensor | None = None
    qkv_scale: Tensor | None = None
    out_scale: Tensor | None = None
    gated_scale: Tensor | None = None
    down_scale: Tensor | None = None
    eps: float = 1e-6
    _tensors: tuple[Tensor, ...] = field(init=False, repr=False, compare=False)
    _arguments: tuple[Any, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = (getattr(self, name) for name in (*_MATRICES, *_SCALES, *_VECTORS))
        object.__setattr__(self, "_tensors", tuple(v for v in values if v is not None))
        check_eps(self.eps)
        object.__setattr__(self, "_arguments", tuple(getattr(self, name) for name in _ORDER))
        like = self.norm_attention
        check_floating("norm_attention", like)
        check_shape("norm_attention", like, ("D",))
        dim = like.shape[0]
        check_shape("out", self.out, (dim, "E"))
        check_shape("down", self.down, (dim, "H"))
        _check_vector("norm_gated", self.norm_gated, dim, like)
        for name, rows in (
            ("qkv", ("(Hq + 2 Hkv) F", dim)),
            ("out", self.out.shape),
            ("gated", (2 * self.down.shape[1], dim)),
            ("down", self.down.shape),
        ):
            scale_name = f"{name}_scale"
            weight, scale = getattr(self, name), getattr(self, scale_name)
            check_shape(name, weight, rows)
            _check_weight_scale(name, weight, scale_name, scale)
        for name in ("q_scale", "k_scale"):
            scale = getattr(self, name)
            if scale is not None:
                check_shape(name, scale, ("F",))

    def quantized(self) -> DecodeWeights:
        """The same with int8 matrices."""
        found: dict[str, Any] = {}
        for name in _MATRICES:
            weight, scale = getattr(self, name), getattr(self, f"{name}_scale")
            if scale is None:
                weight, scale = quantize_rows(weight)
            found |= {name: weight, f"{name}_scale": scale}
        return replace(self, **found)

    def stored_as(self, dtype: torch.dtype) -> DecodeWeights:
        """The same with floating matrices in ``dtype``."""
        matrices = {name: getattr(self, name) for name in _MATRICES}
        floating = {name: m for name, m in matrices.items() if m.is_floating_point()}
        changes: dict[str, Any] = {name: m.to(dtype) for name, m in floating.items()}
        return replace(self, **changes)


def decode_block(
    x: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    positions: Tensor,
    rope: Tensor,
    weights: DecodeWeights,
    *,
    window: int | None = None,
) -> Tensor:
    """One pre-norm Transformer block for one new token of each row.

    ``q, k, v = rms_norm_linear(x)``; `decode_attention_append`; ``x = linear_residual(x)``;
    ``h = rms_norm_gated(x)``; ``linear_residual(h)``. The caches are written in place. A kernel
    may keep what passes from one step to the next wider than the dtype of x.

    Args:
        x: [B, D], float16, bfloat16, float32 or float64.
        k_cache: Keys, [B, Hkv, T, F], dtype of x; written at ``positions``, as for
            `decode_attention_append`.
        v_cache: Values, [B, Hkv, T, F], dtype of x; the same, in memory of its own.
        positions: Where each row continues, [B] int64, 0 <= position < T and < L.
        rope: Cosines and sines, [2, L, F / 2], dtype of x or float32.
        weights: Floating matrices have the dtype of x, float16 or bfloat16; vectors that of x or
            float32.
        window: Only the last ``window`` >= 1 positions are attended to. None: all of them.

    Returns:
        [B, D], dtype of x, contiguous. Never recorded by autograd; the bytes depend neither on the
        number of threads nor on the other rows.

    Raises:
        ValueError: If a shape does not fit, window < 1, or a cache cannot be written.
        TypeError: If a dtype is not one of those above, or the devices differ.
        RuntimeError: If a position lies outside the cache or the table. On a GPU this is not
            checked, and such a row is undefined.
    """
    caches = (k_cache, v_cache)
    arguments = (x, k_cache, v_cache, positions, rope, *weights._arguments, window or 0)
    if (window is None or window >= 1) and kernel_checks(
        False, x, k_cache, v_cache, positions, rope, *weights._tensors
    ):
        try:
            return run_straight(_decode_block, caches, arguments)
        except RuntimeError:
            _check_block(x, k_cache, v_cache, positions, rope, weights, window)
            raise
    _check_block(x, k_cache, v_cache, positions, rope, weights, window)
    return run_in_place(_decode_block, decode_block_reference, caches, *arguments)


def _check_block(
    x: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    positions: Tensor,
    rope: Tensor,
    weights: DecodeWeights,
    window: int | None,
) -> None:
    check_floating("x", x)
    check_shape("x", x, ("B", weights.norm_attention.shape[0]))
    if k_cache.dim() != 4:
        raise ValueError(f"k_cache: expected [B, Hkv, T, F], got shape {tuple(k_cache.shape)}")
    dim, shared = k_cache.shape[3], k_cache.shape[1]
    check_caches(k_cache, v_cache, x, dim, "x")
    if positions.dim() != 1 or positions.shape[0] != x.shape[0]:
        raise ValueError(f"positions: expected [{x.shape[0]}], got shape {tuple(positions.shape)}")
    check_counts("positions", positions, x)
    check_rotary(rope, x, dim, "x")
    check_window(window)
    inner = weights.out.shape[1]
    if shared < 1 or inner % (dim * shared):
        raise ValueError(
            f"weights.out: expected [D, a multiple of {dim * shared}] like k_cache, "
            f"got shape {tuple(weights.out.shape)}"
        )
    check_written(k_cache, v_cache)
    check_shape("weights.qkv", weights.qkv, (inner + 2 * shared * dim, "D"))
    if weights.q_scale is not None:
        check_shape("weights.q_scale", weights.q_scale, (dim,))
    if weights.k_scale is not None:
        check_shape("weights.k_scale", weights.k_scale, (dim,))
    _check_dtypes(weights, x)


def _check_normed(
    x: Tensor, scale: Tensor, weight: Tensor, weight_scale: Tensor | None, eps: float, rows: str
) -> None:
    check_floating("x", x)
    check_shape("x", x, ("B", "D"))
    _check_vector("scale", scale, x.shape[1], x)
    check_eps(eps)
    _check_weight("weight", weight, "weight_scale", weight_scale, x, (rows, x.shape[1]))
    if rows == "2H" and weight.shape[0] % 2:
        raise ValueError(f"weight: expected an even number of rows, got {tuple(weight.shape)}")


def _check_residual(
    x: Tensor, weight: Tensor, weight_scale: Tensor | None, residual: Tensor
) -> None:
    check_floating("x", x)
    check_shape("x", x, ("B", "K"))
    _check_weight("weight", weight, "weight_scale", weight_scale, x, ("N", x.shape[1]))
    check_shape("residual", residual, (x.shape[0], weight.shape[0]))
    check_alike("residual", residual, x)


def _check_vector(name: str, value: Tensor, size: int, x: Tensor) -> None:
    check_shape(name, value, (size,))
    check_alike(name, value, x, torch.float32)


def _check_weight(
    name: str,
    weight: Tensor,
    scale_name: str,
    scale: Tensor | None,
    x: Tensor,
    shape: Sequence[int | str],
) -> None:
    check_shape(name, weight, shape)
    check_alike(name, weight, x, *_STORED)
    _check_weight_scale(name, weight, scale_name, scale)
    if scale is not None and scale.device != x.device:
        raise TypeError(f"{scale_name}: expected device {x.device} like x, got {scale.device}")


def _check_weight_scale(name: str, weight: Tensor, scale_name: str, scale: Tensor | None) -> None:
    """An int8 weight has a scale, [N] float32; another has none."""
    if weight.dtype != torch.int8:
        check_floating(name, weight)
        if scale is not None:
            raise ValueError(f"{scale_name}: expected None, since {name} is {weight.dtype}")
        return
    if scale is None:
        raise ValueError(f"{scale_name}: expected [{weight.shape[0]}], since {name} is int8")
    check_shape(scale_name, scale, (weight.shape[0],))
    if scale.dtype != torch.float32:
        raise TypeError(f"{scale_name}: expected torch.float32, got {scale.dtype}")


def _check_dtypes(weights: DecodeWeights, x: Tensor) -> None:
    """What `DecodeWeights` could not know when it was put together."""
    dtype, device = x.dtype, x.device
    for names, more in ((_VECTORS, _WIDE), (_MATRICES, _STORED)):
        for name in names:
            value = getattr(weights, name)
            if value is None:
                continue
            found = value.dtype
            if (found != dtype and found not in more) or value.device != device:
                check_alike(f"weights.{name}", value, x, *more)


def _rms_norm(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    wide = x.to(compute_dtype(x)).contiguous()
    norm = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return wide * norm * scale.to(wide.dtype)


def _linear(x: Tensor, weight: Tensor, weight_scale: Tensor | None) -> Tensor:
    """``x @ weight.T`` in the dtype of x."""
    # Contiguous, so that the order of the sums does not depend on the layout of the arguments.
    found = F.linear(x.contiguous(), weight.to(x.dtype).contiguous())
    return found if weight_scale is None else found * weight_scale.to(x.dtype)


def rms_norm_linear_reference(
    x: Tensor, scale: Tensor, weight: Tensor, weight_scale: Tensor | None, eps: float
) -> Tensor:
    """`rms_norm_linear` in plain torch."""
    return _linear(_rms_norm(x, scale, eps), weight, weight_scale).to(x.dtype)


def linear_residual_reference(
    x: Tensor, weight: Tensor, weight_scale: Tensor | None, residual: Tensor
) -> Tensor:
    """`linear_residual` in plain torch."""
    return (_linear(x.to(compute_dtype(x)), weight, weight_scale) + residual).to(x.dtype)


def rms_norm_gated_reference(
    x: Tensor, scale: Tensor, weight: Tensor, weight_scale: Tensor | None, eps: float
) -> Tensor:
    """`rms_norm_gated` in plain torch."""
    up, gate = _linear(_rms_norm(x, scale, eps), weight, weight_scale).chunk(2, -1)
    return (up * F.silu(gate)).to(x.dtype)


def decode_block_reference(
    x: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    positions: Tensor,
    rope: Tensor,
    norm_attention: Tensor,
    qkv: Tensor,
    qkv_scale: Tensor | None,
    q_scale: Tensor | None,
    k_scale: Tensor | None,
    out: Tensor,
    out_scale: Tensor | None,
    norm_gated: Tensor,
    gated: Tensor,
    gated_scale: Tensor | None,
    down: Tensor,
    down_scale: Tensor | None,
    eps: float,
    window: int,
) -> Tensor:
    """`decode_block` in plain torch; window 0 stands for none."""
    batch, dim = x.shape[0], k_cache.shape[3]
    inner, shared = out.shape[1], k_cache.shape[1]
    rows = rms_norm_linear_reference(x, norm_attention, qkv, qkv_scale, eps)
    heads = inner // dim, shared, shared
    q, k, v = rows.reshape(batch, sum(heads), dim).split(heads, 1)
    attended = decode_attention_append_reference(
        q, k, v, k_cache, v_cache, positions, rope, q_scale, k_scale, eps, window, None
    )
    x = linear_residual_reference(attended.reshape(batch, inner), out, out_scale, x)
    hidden = rms_norm_gated_reference(x, norm_gated, gated, gated_scale, eps)
    return linear_residual_reference(hidden, down, down_scale, x)


_rms_norm_linear = declare.define(
    "rms_norm_linear(Tensor x, Tensor scale, Tensor weight, Tensor? weight_scale, float eps)"
    " -> Tensor",
    rms_norm_linear_reference,
    lambda x, scale, weight, *rest: x.new_empty((x.shape[0], weight.shape[0])),
)
_linear_residual = declare.define(
    "linear_residual(Tensor x, Tensor weight, Tensor? weight_scale, Tensor residual) -> Tensor",
    linear_residual_reference,
    lambda x, weight, *rest: x.new_empty((x.shape[0], weight.shape[0])),
)
_rms_norm_gated = declare.define(
    "rms_norm_gated(Tensor x, Tensor scale, Tensor weight, Tensor? weight_scale, float eps)"
    " -> Tensor",
    rms_norm_gated_reference,
    lambda x, scale, weight, *rest: x.new_empty((x.shape[0], weight.shape[0] // 2)),
)
_decode_block = declare.define(
    "decode_block(Tensor x, Tensor(a!) k_cache, Tensor(b!) v_cache, Tensor positions, Tensor rope,"
    " Tensor norm_attention, Tensor qkv, Tensor? qkv_scale, Tensor? q_scale, Tensor? k_scale,"
    " Tensor out, Tensor? out_scale, Tensor norm_gated, Tensor gated, Tensor? gated_scale,"
    " Tensor down, Tensor? down_scale, float eps, int window) -> Tensor",
    decode_block_reference,
    lambda x, *rest: x.new_empty(x.shape),
    differentiable=False,
)
