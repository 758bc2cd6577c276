"""Attention of one new token to a cache of keys and values, and appending to that cache."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from aigc_assets.ops import declare
from aigc_assets.ops.arguments import check_alike, check_eps, check_floating, check_shape
from aigc_assets.ops.formats import compute_dtype

_PLAIN = (Tensor, torch.nn.Parameter)


def decode_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    lengths: Tensor,
    *,
    window: int | None = None,
    slopes: Tensor | None = None,
) -> Tensor:
    """Attention of one query per row to the keys that a cache holds so far.

    Query heads ``g·i .. g·i + g - 1`` share the key and value head ``i``, g = Hq / Hkv. Positions
    at and beyond the length of a row may hold anything, NaN included.

    Args:
        q: Queries, [B, Hq, D], float16, bfloat16, float32 or float64.
        k_cache: Keys, [B, Hkv, T, D], T >= 1, Hq a multiple of Hkv, dtype of q.
        v_cache: Values, [B, Hkv, T, D], dtype of q.
        lengths: Number of valid positions of each row, [B] int64, 0..T; more counts as T.
        window: Only the last ``window`` >= 1 of the valid positions count. None: all of them.
        slopes: ALiBi: the score of position j falls by ``slope·(length - 1 - j)``; [Hq], dtype of
            q or float32.

    Returns:
        [B, Hq, D], dtype of q, contiguous; zero where the length is 0. Scores, softmax and sums in
        float32 (float64 for float64). Differentiable to any order in q, the caches and slopes; the
        bytes do not depend on the number of threads.

    Raises:
        ValueError: If a shape does not fit, or window < 1.
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Grouped heads: Ainslie et al., arXiv:2305.13245; slopes: Press et al., arXiv:2108.12409.
    """
    if (window is None or window >= 1) and kernel_checks(
        True, q, k_cache, v_cache, lengths, slopes
    ):
        try:
            with torch._C._AutoDispatchBelowAutograd():
                return _decode_attention(q, k_cache, v_cache, lengths, window or 0, slopes)
        except RuntimeError:
            _check_attention(q, k_cache, v_cache, lengths, window, slopes)
            raise
    _check_attention(q, k_cache, v_cache, lengths, window, slopes)
    autocast = declare.is_autocast(q)
    if autocast:
        q, k_cache, v_cache = declare.under_autocast(q, k_cache, v_cache)
    arguments = (q, k_cache, v_cache, lengths, window or 0, slopes)
    return run(_decode_attention, decode_attention_reference, autocast, *arguments)


def decode_attention_append(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    positions: Tensor,
    rope: Tensor,
    *,
    q_scale: Tensor | None = None,
    k_scale: Tensor | None = None,
    eps: float = 1e-6,
    window: int | None = None,
    slopes: Tensor | None = None,
) -> Tensor:
    """Put one key and value per row into a cache, in place, and attend to all up to them.

    Query and key are normalised by their root mean square over D where a scale is given, then
    turned by the rotary angles of the row's position: ``(a, b) -> (a·cos - b·sin, a·sin + b·cos)``,
    a the first and b the second half of D. The cache then holds the key and the value at
    ``positions[b]``, and `decode_attention` follows with ``lengths = positions + 1``.

    Args:
        q: Queries, [B, Hq, D], D even, float16, bfloat16, float32 or float64.
        k: New keys, [B, Hkv, D], dtype of q.
        v: New values, [B, Hkv, D], dtype of q.
        k_cache: Keys, [B, Hkv, T, D], dtype of q; written at ``positions``, so no two of its
            elements share a place in memory, as they would in an expanded tensor.
        v_cache: Values, [B, Hkv, T, D], dtype of q; the same, in memory of its own.
        positions: Where each row continues, [B] int64, 0 <= position < T and < L.
        rope: Cosines and sines, [2, L, D / 2], dtype of q or float32.
        q_scale: Scale of the normalised query, [D], dtype of q or float32. None: not normalised.
        k_scale: The same for the key.
        eps: Added to the mean square, >= 0.
        window: As for `decode_attention`.
        slopes: As for `decode_attention`.

    Returns:
        [B, Hq, D], dtype of q, contiguous. Never recorded by autograd; the bytes do not depend on
        the number of threads.

    Raises:
        ValueError: If a shape does not fit, window < 1, eps < 0, or a cache cannot be written.
        TypeError: If a dtype is not one of those above, or the devices differ.
        RuntimeError: If a position lies outside the cache or the table. On a GPU this is not
            checked, and such a row is undefined.

    References:
        Su et al., arXiv:2104.09864 (halves instead of neighbouring pairs); query and key
        normalisation: Henry et al., arXiv:2010.04245.
    """
    arguments = (
        *(q, k, v, k_cache, v_cache, positions, rope, q_scale, k_scale),
        *(eps, window or 0, slopes),
    )
    given = (q, k, v, k_cache, v_cache, positions, rope, q_scale, k_scale, slopes)
    caches = (k_cache, v_cache)
    if (window is None or window >= 1) and eps >= 0 and kernel_checks(False, *given):
        try:
            return run_straight(_decode_attention_append, caches, arguments)
        except RuntimeError:
            _check_append(*given, eps, window)
            raise
    _check_append(*given, eps, window)
    return run_in_place(
        _decode_attention_append, decode_attention_append_reference, caches, *arguments
    )


def _check_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    lengths: Tensor,
    window: int | None,
    slopes: Tensor | None,
) -> None:
    _check_query(q, k_cache, v_cache, window, slopes)
    _check_counts("lengths", lengths, q)


def _check_append(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    positions: Tensor,
    rope: Tensor,
    q_scale: Tensor | None,
    k_scale: Tensor | None,
    slopes: Tensor | None,
    eps: float,
    window: int | None,
) -> None:
    _check_query(q, k_cache, v_cache, window, slopes)
    for name, value in (("k", k), ("v", v)):
        check_shape(name, value, (q.shape[0], k_cache.shape[1], q.shape[2]))
        check_alike(name, value, q, other_name="q")
    _check_counts("positions", positions, q)
    check_rotary(rope, q, q.shape[2], "q")
    check_eps(eps)
    for name, scale in (("q_scale", q_scale), ("k_scale", k_scale)):
        if scale is not None:
            check_shape(name, scale, (q.shape[2],))
            check_alike(name, scale, q, torch.float32, other_name="q")
    check_written(k_cache, v_cache)


def _check_query(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, window: int | None, slopes: Tensor | None
) -> None:
    check_floating("q", q)
    check_shape("q", q, ("B", "Hq", "D"))
    check_caches(k_cache, v_cache, q, q.shape[2], "q")
    heads, shared = q.shape[1], k_cache.shape[1]
    if shared < 1 or heads % shared:
        raise ValueError(f"q: expected a multiple of {shared} heads like k_cache, got {heads}")
    check_window(window)
    if slopes is not None:
        check_shape("slopes", slopes, (heads,))
        check_alike("slopes", slopes, q, torch.float32, other_name="q")


def check_caches(k_cache: Tensor, v_cache: Tensor, like: Tensor, dim: int, like_name: str) -> None:
    """Keys and values of the rows, dtype and device of ``like``: [B, Hkv, T >= 1, dim] each."""
    check_shape("k_cache", k_cache, (like.shape[0], "Hkv", "T", dim))
    check_shape("v_cache", v_cache, k_cache.shape)
    if k_cache.shape[2] < 1 or dim < 1:
        raise ValueError(f"k_cache: expected T >= 1 and D >= 1, got shape {tuple(k_cache.shape)}")
    check_alike("k_cache", k_cache, like, other_name=like_name)
    check_alike("v_cache", v_cache, like, other_name=like_name)


def check_written(k_cache: Tensor, v_cache: Tensor) -> None:
    """Caches that are written: every element has a place in memory of its own."""
    if torch.compiler.is_compiling() or k_cache.is_meta:
        return  # the kernels look for themselves
    for name, cache in (("k_cache", k_cache), ("v_cache", v_cache)):
        if _overlaps(cache.shape, cache.stride()):
            raise ValueError(
                f"{name}: expected no two elements in one place, got strides {cache.stride()}"
            )
    size, strides = k_cache.element_size(), k_cache.stride()
    starts = k_cache.data_ptr(), v_cache.data_ptr()
    extents = [
        size * (1 + sum((n - 1) * step for n, step in zip(c.shape, c.stride(), strict=True)))
        for c in (k_cache, v_cache)
    ]
    if k_cache.numel() == 0 or starts[0] + extents[0] <= starts[1]:
        return
    if starts[1] + extents[1] <= starts[0]:
        return
    # Side by side in one tensor, as in [B, H, T, 2, D]: one more dimension, of size 2.
    apart, rest = divmod(abs(starts[1] - starts[0]), size)
    if rest or strides != v_cache.stride() or _overlaps((*k_cache.shape, 2), (*strides, apart)):
        raise ValueError("v_cache: expected memory of its own, got some of k_cache")


def _overlaps(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether two elements may share a place: no for all layouts whose dimensions nest."""
    reach = 0
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size > 1 and stride <= reach:
            return 0 not in shape
        reach += (size - 1) * stride
    return False


def check_window(window: int | None) -> None:
    """None, or at least one position."""
    if window is not None and window < 1:
        raise ValueError(f"window: expected at least 1 or None, got {window}")


def check_rotary(rope: Tensor, like: Tensor, dim: int, like_name: str) -> None:
    """A table [2, L, dim / 2] in the dtype of ``like`` or float32."""
    if dim % 2:
        raise ValueError(f"rope: expected an even head dimension, got {dim}")
    check_shape("rope", rope, (2, "L", dim // 2))
    check_alike("rope", rope, like, torch.float32, other_name=like_name)


def _check_counts(name: str, counts: Tensor, q: Tensor) -> None:
    check_shape(name, counts, (q.shape[0],))
    check_counts(name, counts, q)


def check_counts(name: str, counts: Tensor, like: Tensor) -> None:
    """Positions or lengths: int64 on the device of ``like``."""
    if counts.dtype != torch.int64:
        raise TypeError(f"{name}: expected torch.int64, got {counts.dtype}")
    if counts.device != like.device:
        raise TypeError(f"{name}: expected device {like.device}, got {counts.device}")


@functools.cache
def _has_kernel() -> bool:
    return bool(
        torch._C._dispatch_has_kernel_for_dispatch_key("aigc_assets::decode_attention", "CPU")
    )


def kernel_checks(differentiable: bool, *values: Tensor | None) -> bool:
    """Whether a call with these tensors is one of the kernels of the CPU and nothing around it.

    These look at all of their arguments themselves, so that calls of microseconds need not do it
    twice: what they refuse is checked afterwards, for an error that names the argument.
    """
    if (
        torch.compiler.is_compiling()
        or declare.is_plain_torch()
        or torch.is_autocast_enabled("cpu")
        or not _has_kernel()
    ):
        return False
    recording = differentiable and torch.is_grad_enabled()
    for value in values:
        if value is None:
            continue
        if type(value) not in _PLAIN or not value.is_cpu or (recording and value.requires_grad):
            return False
    return True


def run_straight(
    op: Callable[..., Tensor], caches: tuple[Tensor, Tensor], arguments: tuple[Any, ...]
) -> Tensor:
    """An op that writes to the caches, after `kernel_checks`."""
    with torch._C._AutoDispatchBelowAutograd():
        found = op(*arguments)
    _count_write(caches)
    return found


def _count_write(caches: tuple[Tensor, Tensor]) -> None:
    """Autograd learns that the caches are not what they were."""
    counted = [cache for cache in caches if not cache.is_inference()]
    if counted:
        torch.autograd.graph.increment_version(counted)


def run(
    op: Callable[..., Tensor], reference: Callable[..., Tensor], autocast: bool, *arguments: Any
) -> Tensor:
    """The op, or its reference where autograd records; what autocast asks for is done before."""
    chosen = reference if declare.records_gradients(*arguments) else op
    if not autocast:
        return chosen(*arguments)
    with torch.autocast(arguments[0].device.type, enabled=False):
        return chosen(*arguments)


def run_in_place(
    op: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    caches: tuple[Tensor, Tensor],
    *arguments: Any,
) -> Tensor:
    """The same without gradients, for an op that writes to the caches."""
    if torch.is_grad_enabled():
        with torch.no_grad():
            return run_in_place(op, reference, caches, *arguments)
    if not torch.compiler.is_compiling():
        _count_write(caches)
    return run(op, reference, declare.is_autocast(arguments[0]), *arguments)


def decode_attention_reference(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    lengths: Tensor,
    window: int,
    slopes: Tensor | None,
) -> Tensor:
    """`decode_attention` in plain torch; window 0 stands for none."""
    compute = compute_dtype(q)
    batch, heads, dim = q.shape
    shared, room = k_cache.shape[1:3]
    group = heads // shared
    # How far each position lies behind the newest one; negative beyond the length.
    behind = lengths.clamp(0, room)[:, None] - 1 - torch.arange(room, device=q.device)
    counts = (behind >= 0) & (behind < window) if window else behind >= 0
    hidden = ~counts[:, None, :, None]
    # Contiguous, so that the order of the sums does not depend on the layout of the arguments.
    keys = k_cache.to(compute).masked_fill(hidden, 0).contiguous()
    values = v_cache.to(compute).masked_fill(hidden, 0).contiguous()
    query = q.to(compute).contiguous().reshape(batch, shared, group, dim) * dim**-0.5
    score = query @ keys.transpose(2, 3)
    if slopes is not None:
        slope = slopes.to(compute).reshape(shared, group, 1)
        score = score - slope * behind[:, None, None].to(compute)
    # Rows of length 0 get equal weights here, of values that are all zero.
    hidden = ~counts & (lengths > 0)[:, None]
    weight = score.masked_fill(hidden[:, None, None], -torch.inf).softmax(-1)
    return (weight @ values).reshape(batch, heads, dim).to(q.dtype)


def decode_attention_append_reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    positions: Tensor,
    rope: Tensor,
    q_scale: Tensor | None,
    k_scale: Tensor | None,
    eps: float,
    window: int,
    slopes: Tensor | None,
) -> Tensor:
    """`decode_attention_append` in plain torch; window 0 stands for none."""
    limit = min(k_cache.shape[2], rope.shape[1])
    if positions.device.type == "cpu" and not ((positions >= 0) & (positions < limit)).all():
        raise RuntimeError(f"positions: expected 0..{limit - 1}, got {positions.tolist()}")
    compute = compute_dtype(q)
    cos, sin = rope.to(compute)[:, positions, None]  # [B, 1, D / 2] each

    def prepared(x: Tensor, scale: Tensor | None) -> Tensor:
        x = x.to(compute).contiguous()
        if scale is not None:
            x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * scale.to(compute)
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)

    rows = torch.arange(q.shape[0], device=q.device)
    k_cache[rows, :, positions] = prepared(k, k_scale).to(k_cache.dtype)
    v_cache[rows, :, positions] = v
    query = prepared(q, q_scale)
    # The query is not rounded in between; the key is, because the cache keeps it.
    wide = decode_attention_reference(
        query, k_cache.to(compute), v_cache.to(compute), positions + 1, window, slopes
    )
    return wide.to(q.dtype)


_decode_attention = declare.define(
    "decode_attention(Tensor q, Tensor k_cache, Tensor v_cache, Tensor lengths, int window,"
    " Tensor? slopes) -> Tensor",
    decode_attention_reference,
    lambda q, k_cache, v_cache, lengths, window, slopes: q.new_empty(q.shape),
)
_decode_attention_append = declare.define(
    "decode_attention_append(Tensor q, Tensor k, Tensor v, Tensor(a!) k_cache, Tensor(b!) v_cache,"
    " Tensor positions, Tensor rope, Tensor? q_scale, Tensor? k_scale, float eps, int window,"
    " Tensor? slopes) -> Tensor",
    decode_attention_append_reference,
    lambda q, k, v, *rest: q.new_empty(q.shape),
    differentiable=False,
)
