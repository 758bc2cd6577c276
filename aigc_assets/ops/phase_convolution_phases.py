"""The core of the phase convolutions: sources, the order of packed weights, the raw ops.

A source is a convolution as its user writes it; a kind is what the kernels compute:

====  ==========  ======  ====  =================================================
kind  axes        phases  taps  sources
====  ==========  ======  ====  =================================================
0     H and W     4       2x2   nearest x2 then 3x3; transposed 4x4 of stride 2
1     H and W     1       3x3   3x3
2     T           2       2     transposed 4 of stride 2
3     T           1       3     3, dilated
====  ==========  ======  ====  =================================================

Phase ``p`` (0 or 1, per axis) makes output ``2i + p`` from inputs ``i + p - 1`` and ``i + p``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops.activation import activate
from aigc_assets.ops.declare import define
from aigc_assets.ops.formats import memory_format
from aigc_assets.ops.phase_convolution_minimal import REPEATED, SAME, TRANSPOSED, minimal_weights

LANES = 16
"""Output channels are rounded up to this."""
PAIRED = 32
"""Input channels of half-width weights are rounded up to this; two neighbours lie side by side."""

Operands = Sequence[Tensor | None]
"""bias, style, gain, noise and residual: see `aigc_assets.ops.phase_convolution`."""

_AXIS_ORDER = (3, 1, 2, 0)
"""Of a transposed 4-tap axis: (phase, tap) 00, 01, 10, 11 -> position; also the way back."""


class Source(NamedTuple):
    """A convolution that weights are packed from.

    Args:
        number: In `SOURCES`, and for the raw op.
        kind: What the kernels compute.
        spatial: Number of axes besides batch and channels.
        taps: Size of the kernel along an axis.
        rate: Output pixels per input pixel along an axis.
        transposed: Whether the weight is [Ci, Co, ...] rather than [Co, Ci, ...].
    """

    number: int
    kind: int
    spatial: int
    taps: int
    rate: int
    transposed: bool


UP2_CONV3X3 = Source(0, kind=0, spatial=2, taps=3, rate=2, transposed=False)
CONV_TRANSPOSE4X4S2 = Source(1, kind=0, spatial=2, taps=4, rate=2, transposed=True)
CONV3X3 = Source(2, kind=1, spatial=2, taps=3, rate=1, transposed=False)
CONV_TRANSPOSE1D4S2 = Source(3, kind=2, spatial=1, taps=4, rate=2, transposed=True)
CONV1D3 = Source(4, kind=3, spatial=1, taps=3, rate=1, transposed=False)
SOURCES = (UP2_CONV3X3, CONV_TRANSPOSE4X4S2, CONV3X3, CONV_TRANSPOSE1D4S2, CONV1D3)


def pack_reference(weight: Tensor, index: int) -> Tensor:
    """Weights in the order of the kernels.

    Sums of taps are made in float32 (float64 for float64) and rounded once.

    Args:
        weight: As for the public function of the source.
        index: Into `SOURCES`.

    Returns:
        [P, T, Ci, Co16] for the dtypes of 32 and 64 bits; [P, T, Ci32 / 2, Co16, 2] for those of
        16. Co16 and Ci32 are the channels rounded up; zeros fill them. In float32 on the CPU,
        [P T + M, Ci, Co16] with the M matrices of the minimal form behind the others.
    """
    source = SOURCES[index]
    wide = weight if weight.dtype == torch.float64 else weight.float()
    if not source.transposed:
        wide = wide.transpose(0, 1)  # [Ci, Co, taps ...]
    minimal = minimal_weights(wide, _MINIMAL[index]) if _has_minimal(weight) else None
    for axis in range(2, 2 + source.spatial):
        if source == UP2_CONV3X3:
            first, middle, last = wide.unbind(axis)
            wide = torch.stack((first, middle + last, first + middle, last), axis)
        elif source.transposed:
            wide = torch.stack([wide.select(axis, k) for k in _AXIS_ORDER], axis)
    inputs, outputs = wide.shape[:2]
    if source.kind == 0:  # [Ci, Co, py, ty, px, tx] -> [py, px, ty, tx, Ci, Co]
        wide = wide.unflatten(2, (2, 2)).unflatten(4, (2, 2)).permute(2, 4, 3, 5, 0, 1)
    elif source.kind == 2:
        wide = wide.unflatten(2, (2, 2)).permute(2, 3, 0, 1)
    else:
        wide = wide.flatten(2).permute(2, 0, 1)
    phases, taps = _phases_and_taps(source.kind)
    wide = wide.reshape(phases, taps, inputs, outputs)
    half = weight.element_size() == 2
    rows = -inputs % PAIRED if half else 0
    wide = F.pad(wide, (0, -outputs % LANES, 0, rows)).to(weight.dtype)
    if half:
        wide = wide.unflatten(2, (-1, 2)).transpose(3, 4)
    if minimal is not None:
        minimal = F.pad(minimal, (0, -outputs % LANES)).to(weight.dtype)
        # [M, Co16 / 16, Ci, 16]: what is multiplied together lies together.
        minimal = minimal.unflatten(2, (-1, LANES)).transpose(1, 2).reshape(minimal.shape)
        wide = torch.cat((wide.flatten(0, 1), minimal))
    return wide.contiguous()


def unpack(packed: Tensor, kind: int, inputs: int, outputs: int) -> Tensor:
    """Packed weights as plain torch takes them for this kind.

    Returns:
        [Ci, Co, 4, 4] or [Ci, Co, 4] for a transposed convolution where the kind has phases,
        else [Co, Ci, 3, 3] or [Co, Ci, 3].
    """
    if packed.dim() == 5:
        packed = packed.transpose(3, 4).flatten(2, 3)
    if packed.dim() == 3:
        phases, taps = _phases_and_taps(kind)
        packed = packed[: phases * taps].unflatten(0, (phases, taps))
    packed = packed[:, :, :inputs, :outputs]
    order = torch.tensor(_AXIS_ORDER, device=packed.device)
    if kind == 0:
        wide = packed.reshape(2, 2, 2, 2, inputs, outputs).transpose(1, 2)
        wide = wide.reshape(4, 4, inputs, outputs)
        return wide.index_select(0, order).index_select(1, order).permute(2, 3, 0, 1)
    if kind == 2:
        return packed.reshape(4, inputs, outputs).index_select(0, order).permute(1, 2, 0)
    weight = packed[0].permute(2, 1, 0)
    return weight.unflatten(2, (3, 3)) if kind == 1 else weight


def phase_convolution_reference(
    x: Tensor,
    packed: Tensor,
    bias: Tensor | None,
    style: Tensor | None,
    gain: Tensor | None,
    noise: Tensor | None,
    residual: Tensor | None,
    kind: int,
    channels: int,
    dilation: int,
    circular: bool,
    activation: int,
    slope: float,
) -> Tensor:
    """The raw op in plain torch.

    Args:
        x: [B, Ci, H, W] for kinds 0 and 1, [B, Ci, T] for 2 and 3.
        packed: What `pack_reference` made, dtype of x.
        bias: [Co] or [B, Co] or None.
        style: [B, Ci] or None.
        gain: [B, Co] or None.
        noise: [B or 1, 1, H', W'] or None.
        residual: Shape and dtype of the result, or None.
        kind: See the head of this file.
        channels: Co.
        dilation: For kind 3, else 1.
        circular: Whether the axes wrap around (kinds 0 and 1).
        activation: Index into `ACTIVATIONS`.
        slope: Of the leaky ReLU.
    """
    source = SOURCES[kind + 1]
    weight = unpack(packed, kind, x.shape[1], channels)
    operands = (bias, style, gain, noise, residual)
    return plain_convolution(source, x, weight, operands, activation, slope, circular, dilation)


def plain_convolution(
    source: Source,
    x: Tensor,
    weight: Tensor,
    operands: Operands,
    activation: int,
    slope: float,
    circular: bool,
    dilation: int,
) -> Tensor:
    """The public functions in plain torch, with the weight as their users have it."""
    bias, style, gain, noise, residual = operands
    spatial, dtype = source.spatial, x.dtype
    memory = memory_format(x)
    ones = (1,) * spatial

    def per_channel(value: Tensor) -> Tensor:
        return value.to(dtype).unflatten(-1, (-1, *ones))

    if style is not None:
        x = x * per_channel(style)
    inside = bias.to(dtype) if bias is not None and bias.dim() == 1 and gain is None else None
    y = _convolve(source, x, weight.to(dtype), inside, circular, dilation)
    if gain is not None:
        y = y * per_channel(gain)
    if bias is not None and inside is None:
        y = y + per_channel(bias)
    if noise is not None:
        y = y + noise.to(dtype)
    y = activate(y, activation, slope)
    if residual is not None:
        y = y + residual
    return y.contiguous(memory_format=memory)


def _convolve(
    source: Source,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    circular: bool,
    dilation: int,
) -> Tensor:
    if source == CONV_TRANSPOSE1D4S2:
        return F.conv_transpose1d(x, weight, bias, stride=2, padding=1)
    if source == CONV1D3:
        # From the length on, the outer taps see nothing but zeros; larger paddings overflow.
        dilation = min(dilation, x.shape[2])
        return F.conv1d(x, weight, bias, padding=dilation, dilation=dilation)
    if source == CONV_TRANSPOSE4X4S2:
        if not circular:
            return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)
        # One wrapped ring makes two wrong rings of output, which are cut off.
        wrapped = F.conv_transpose2d(_wrap(x), weight, bias, stride=2, padding=1)
        return wrapped[:, :, 2:-2, 2:-2]
    if source == UP2_CONV3X3:
        # Repetition, because interpolate knows neither an empty batch nor all dtypes.
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    if circular:
        return F.conv2d(_wrap(x), weight, bias)
    return F.conv2d(x, weight, bias, padding=1)


def _wrap(x: Tensor) -> Tensor:
    """One ring of neighbours on a torus around [B, C, H, W]."""
    x = torch.cat((x[:, :, -1:], x, x[:, :, :1]), 2)
    return torch.cat((x[..., -1:], x, x[..., :1]), 3)


def _phases_and_taps(kind: int) -> tuple[int, int]:
    return ((4, 4), (1, 9), (2, 2), (1, 3))[kind]


_MINIMAL = (REPEATED, TRANSPOSED, SAME, TRANSPOSED, SAME)
"""Of each of `SOURCES`."""


def _has_minimal(weight: Tensor) -> bool:
    return weight.dtype == torch.float32 and weight.device.type == "cpu"


def _pack_fake(weight: Tensor, index: int) -> Tensor:
    source = SOURCES[index]
    inputs, outputs = weight.shape[:2] if source.transposed else weight.shape[:2][::-1]
    outputs = (outputs + LANES - 1) // LANES * LANES
    if weight.element_size() == 2:
        pairs = (inputs + PAIRED - 1) // PAIRED * (PAIRED // 2)
        return weight.new_empty((*_phases_and_taps(source.kind), pairs, outputs, 2))
    if _has_minimal(weight):
        phases, taps = _phases_and_taps(source.kind)
        more = len(_MINIMAL[index]) ** source.spatial
        return weight.new_empty((phases * taps + more, inputs, outputs))
    return weight.new_empty((*_phases_and_taps(source.kind), inputs, outputs))


def _fake(
    x: Tensor,
    packed: Tensor,
    bias: Tensor | None,
    style: Tensor | None,
    gain: Tensor | None,
    noise: Tensor | None,
    residual: Tensor | None,
    kind: int,
    channels: int,
    *_: object,
) -> Tensor:
    rate = 2 if kind in (0, 2) else 1
    shape = (x.shape[0], channels, *(n * rate for n in x.shape[2:]))
    return x.new_empty(shape).contiguous(memory_format=memory_format(x))


pack = define(
    "phase_convolution_pack(Tensor weight, int source) -> Tensor",
    pack_reference,
    _pack_fake,
    differentiable=False,
)
"""`pack_reference` as an op."""

phase_convolution = define(
    "phase_convolution(Tensor x, Tensor packed, Tensor? bias, Tensor? style, Tensor? gain,"
    " Tensor? noise, Tensor? residual, int kind, int channels, int dilation, bool circular,"
    " int activation, float slope) -> Tensor",
    phase_convolution_reference,
    _fake,
    best_cpu="amx",
)
"""`phase_convolution_reference` as an op, with kernels."""
