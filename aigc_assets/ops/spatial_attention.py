"""Attention on a grid of tokens: to those of the same window, or to those that are near."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops.arguments import check_alike, check_floating, check_shape
from aigc_assets.ops.declare import call_unrecorded, define, records_gradients, under_autocast
from aigc_assets.ops.formats import compute_dtype


def window_attention(
    qkv: Tensor, bias_table: Tensor | None, *, window: int, shift: int = 0
) -> Tensor:
    """Attention inside square windows, which may be shifted, with relative-position bias.

    The grid is cut into windows of ``window`` x ``window`` tokens, whose corners lie ``shift``
    tokens to the lower right of those of the unshifted cut. Windows that this pushes over the edge
    are continued on the other side of the grid; tokens there and here do not see each other.

    Args:
        qkv: Queries, keys and values, [B, H, W, 3, heads, D], float16, bfloat16, float32 or
            float64; H and W are multiples of ``window``. D values lie together in memory, or the
            tensor is copied.
        bias_table: Added to the scaled score of a key that is dy rows below and dx columns to the
            right of the query: ``bias_table[head, dy + window - 1, dx + window - 1]``,
            [heads, 2·window - 1, 2·window - 1], dtype of qkv or float32. None: nothing.
        window: Side of a window in tokens, >= 1.
        shift: In tokens, 0 <= shift < window.

    Returns:
        [B, H, W, heads, D], dtype of qkv, contiguous. Scores are scaled by ``D ** -0.5``; the
        softmax runs in float32 (float64 for float64). Differentiable to any order; the bytes do
        not depend on the number of threads.

    Raises:
        ValueError: If a shape does not fit, or window or shift is out of range.
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Liu et al., "Swin Transformer", arXiv:2103.14030, section 3.2. There, scores between
        tokens from both sides of the edge are lowered by 100; here they do not count at all.
    """
    height, width, heads = _check_grid(qkv)
    if window < 1:
        raise ValueError(f"window: expected at least 1, got {window}")
    if not 0 <= shift < window:
        raise ValueError(f"shift: expected 0 <= shift < {window}, got {shift}")
    if height % window or width % window:
        raise ValueError(
            f"qkv: expected a height and a width that are multiples of {window}, "
            f"got shape {tuple(qkv.shape)}"
        )
    (qkv,) = under_autocast(qkv)
    _check_table(bias_table, qkv, heads, 2 * window - 1)
    if records_gradients(qkv, bias_table):
        return window_attention_reference(qkv, bias_table, window, shift)
    return call_unrecorded(_window_attention, qkv, bias_table, window, shift)


def neighborhood_attention(
    qkv: Tensor, bias_table: Tensor | None, *, reach: int, circular: bool = True
) -> Tensor:
    """Attention of every token to the square of ``2·reach + 1`` tokens a side around it.

    Args:
        qkv: Queries, keys and values, [B, H, W, 3, heads, D], float16, bfloat16, float32 or
            float64. D values lie together in memory, or the tensor is copied; the result of a
            1x1 convolution in channels_last is such a tensor.
        bias_table: Added to the scaled score of a key that is dy rows below and dx columns to the
            right of the query: ``bias_table[head, dy + reach, dx + reach]``,
            [heads, 2·reach + 1, 2·reach + 1], dtype of qkv or float32. None: nothing.
        reach: How many rows and columns away a key may be, >= 0.
        circular: Both axes wrap around; H and W are at least ``2·reach + 1``, so that no token is
            met twice. Otherwise tokens near an edge have fewer neighbours.

    Returns:
        [B, H, W, heads, D], dtype of qkv, contiguous. Scores are scaled by ``D ** -0.5``; the
        softmax runs in float32 (float64 for float64). Differentiable to any order; the bytes do
        not depend on the number of threads.

    Raises:
        ValueError: If a shape does not fit, or reach is out of range.
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Hassani et al., "Neighborhood Attention Transformer", arXiv:2204.07143. There, the square
        of a token near an edge is moved inwards until it is whole; here it is cut off, or wraps
        around.
    """
    height, width, heads = _check_grid(qkv)
    if reach < 0:
        raise ValueError(f"reach: expected at least 0, got {reach}")
    if circular and min(height, width) < 2 * reach + 1:
        raise ValueError(
            f"qkv: expected at least {2 * reach + 1} rows and columns for a reach of {reach}, "
            f"got shape {tuple(qkv.shape)}"
        )
    (qkv,) = under_autocast(qkv)
    _check_table(bias_table, qkv, heads, 2 * reach + 1)
    farthest = max(height, width) - 1
    if reach > farthest:  # there is nothing that far
        beyond = reach - farthest
        if bias_table is not None:
            bias_table = bias_table[:, beyond:-beyond, beyond:-beyond]
        reach = farthest
    if records_gradients(qkv, bias_table):
        return neighborhood_attention_reference(qkv, bias_table, reach, circular)
    return call_unrecorded(_neighborhood_attention, qkv, bias_table, reach, circular)


def window_attention_reference(
    qkv: Tensor, bias_table: Tensor | None, window: int, shift: int
) -> Tensor:
    """`window_attention` in plain torch; see there."""
    batch, height, width, _, heads, depth = qkv.shape
    down, across, tokens = height // window, width // window, window * window
    x = torch.roll(qkv, (-shift, -shift), (1, 2)) if shift else qkv
    x = x.reshape(batch, down, window, across, window, 3, heads, depth)
    x = x.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, batch, down, across, heads, tokens, depth)
    score = _score(x[0], x[1])
    if bias_table is not None:
        step = torch.arange(window, device=qkv.device)
        offset = step[None] - step[:, None] + window - 1
        bias = bias_table[:, offset[:, None, :, None], offset[None, :, None, :]]
        score = score + bias.reshape(heads, tokens, tokens).to(score.dtype)
    if shift:
        rows = _beyond(height, shift, qkv.device).view(down, 1, window, 1)
        columns = _beyond(width, shift, qkv.device).view(1, across, 1, window)
        region = (2 * rows + columns).reshape(down, across, 1, tokens)
        score = score.masked_fill(region[..., None] != region[..., None, :], float("-inf"))
    y = torch.softmax(score, -1).to(qkv.dtype) @ x[2]
    y = y.view(batch, down, across, heads, window, window, depth).permute(0, 1, 4, 2, 5, 3, 6)
    y = y.reshape(batch, height, width, heads, depth)
    return (torch.roll(y, (shift, shift), (1, 2)) if shift else y).contiguous()


def neighborhood_attention_reference(
    qkv: Tensor, bias_table: Tensor | None, reach: int, circular: bool
) -> Tensor:
    """`neighborhood_attention` in plain torch; see there.

    Strips of rows attend to all columns of the rows near them, so that the cost grows with the
    height, not with its square.
    """
    height, heads, side = qkv.shape[1], qkv.shape[4], 2 * reach + 1
    q, k, v = qkv.permute(3, 0, 4, 1, 2, 5).unbind(0)  # [B, heads, H, W, D] each
    if bias_table is None:
        bias_table = qkv.new_zeros(heads, side, side)
    table = bias_table.to(compute_dtype(qkv))
    table = F.pad(table, (0, 1, 0, 1), value=float("-inf"))
    strip = height if height <= 4 * reach + 4 else max(2 * reach, 4)
    parts = []
    for top in range(0, height, strip):
        bottom = min(top + strip, height)
        if circular and bottom - top + 2 * reach < height:
            rows = torch.arange(top - reach, bottom + reach, device=qkv.device) % height
        elif circular:
            rows = torch.arange(height, device=qkv.device)
        else:
            last = min(bottom + reach, height)
            rows = torch.arange(max(top - reach, 0), last, device=qkv.device)
        mine = torch.arange(top, bottom, device=qkv.device)
        dy = _table_index(mine, rows, height, reach, circular)
        parts.append(
            _attend(q[:, :, top:bottom], k[:, :, rows], v[:, :, rows], table, dy, circular)
        )
    y = torch.cat(parts, 2) if parts else q
    return y.permute(0, 2, 3, 1, 4).contiguous()


def _attend(q: Tensor, k: Tensor, v: Tensor, table: Tensor, dy: Tensor, circular: bool) -> Tensor:
    """Attention of whole rows to whole rows, [B, heads, rows, W, D]; ``dy`` is [rows, rows']."""
    batch, heads, rows, width, depth = q.shape
    across = torch.arange(width, device=q.device)
    dx = _table_index(across, across, width, table.shape[1] // 2 - 1, circular)
    bias = table[:, dy[:, None, :, None], dx[None, :, None, :]]
    keys = k.shape[2] * width
    q = q.reshape(batch, heads, rows * width, depth)
    k, v = (t.reshape(batch, heads, keys, depth) for t in (k, v))
    score = _score(q, k) + bias.reshape(heads, rows * width, keys)
    y = torch.softmax(score, -1).to(v.dtype) @ v
    return y.view(batch, heads, rows, width, depth)


def _table_index(mine: Tensor, theirs: Tensor, size: int, reach: int, circular: bool) -> Tensor:
    """Row of the bias table for each pair, [len(mine), len(theirs)]; 2·reach + 1 if too far."""
    offset = theirs[None] - mine[:, None] + reach
    if circular:
        offset = offset % size
    far = 2 * reach + 1
    return torch.where(offset < 0, far, offset).clamp(max=far)


def _beyond(size: int, shift: int, device: torch.device) -> Tensor:
    """For every place along an axis that was rolled back: whether it came from beyond the edge."""
    return (torch.arange(size, device=device) >= size - shift).int()


def _score(q: Tensor, k: Tensor) -> Tensor:
    """Scaled products of all queries and keys in the dtype of the softmax."""
    return (q @ k.mT).to(compute_dtype(q)) * q.shape[-1] ** -0.5


def _check_grid(qkv: Tensor) -> tuple[int, int, int]:
    """Check what both functions ask of ``qkv``; return height, width and the number of heads."""
    check_shape("qkv", qkv, ("B", "H", "W", 3, "heads", "D"))
    _, height, width, _, heads, depth = qkv.shape
    if min(height, width, heads, depth) < 1:
        raise ValueError(f"qkv: expected H, W, heads and D of at least 1, got {tuple(qkv.shape)}")
    check_floating("qkv", qkv)
    return height, width, heads


def _check_table(bias_table: Tensor | None, qkv: Tensor, heads: int, side: int) -> None:
    if bias_table is not None:
        check_shape("bias_table", bias_table, (heads, side, side))
        check_alike("bias_table", bias_table, qkv, torch.float32, other_name="qkv")


def _fake(qkv: Tensor, *_: object) -> Tensor:
    return qkv.new_empty((*qkv.shape[:3], *qkv.shape[4:]))


_window_attention = define(
    "window_attention(Tensor qkv, Tensor? bias_table, int window, int shift) -> Tensor",
    window_attention_reference,
    _fake,
    best_cpu="amx",
)
_neighborhood_attention = define(
    "neighborhood_attention(Tensor qkv, Tensor? bias_table, int reach, bool circular) -> Tensor",
    neighborhood_attention_reference,
    _fake,
    best_cpu="amx",
)
