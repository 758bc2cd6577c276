"""Convolutions of 3 taps and their upsampling kin, with everything that follows them in one pass.

``y = act(gain · conv(style · x) + bias + noise) + residual``, where the convolution is a plain one,
one after nearest upsampling, or a transposed one of stride 2. The last two write four (two) phases
of the output, each of which is a small convolution of the input with 2x2 (2) taps: no product with
a repeated or an inserted pixel is computed, and no intermediate of the larger size is kept.
`aigc_assets.ops.phase_convolution_phases` holds that core and the order of its weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_assets.ops.activation import activation_index
from aigc_assets.ops.arguments import FLOATING, check_alike, check_floating, check_shape
from aigc_assets.ops.declare import (
    call_unrecorded,
    is_autocast,
    records_gradients,
    under_autocast,
)
from aigc_assets.ops.packing import packed
from aigc_assets.ops.phase_convolution_phases import (
    CONV1D3,
    CONV3X3,
    CONV_TRANSPOSE1D4S2,
    CONV_TRANSPOSE4X4S2,
    SOURCES,
    UP2_CONV3X3,
    Operands,
    Source,
    pack,
    phase_convolution,
    plain_convolution,
)

PADDING_MODES = ("zeros", "circular")
_ORDERS = {
    source: {dtype: f"phase_convolution {source.number} {dtype}" for dtype in FLOATING}
    for source in SOURCES
}
"""Names of what `packed` keeps."""


def up2_conv3x3_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    style: Tensor | None = None,
    gain: Tensor | None = None,
    noise: Tensor | None = None,
    residual: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
    padding_mode: str = "zeros",
) -> Tensor:
    """Nearest upsampling by 2, a 3x3 convolution of padding 1, and what follows it.

    ``y = act(gain · conv(up2(style · x)) + bias + noise) + residual``

    Args:
        x: Activations, [B, Ci, H, W] with H, W >= 1, float16, bfloat16, float32 or float64.
        weight: Kernel, [Co, Ci, 3, 3], dtype of x; under autocast any up to 32 bits. It is folded
            once and kept for as long as it does not change.
        bias: Added to each channel, [Co] or [B, Co].
        style: Factor of each input channel, [B, Ci].
        gain: Factor of each output channel, [B, Co].
        noise: Added to every channel of a pixel, [B or 1, 1, 2H, 2W].
        residual: Added last, shape and dtype of the result.
        activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
        slope: Of the leaky ReLU below zero.
        padding_mode: ``zeros``, or ``circular`` for a torus: both axes wrap around.

    bias, style, gain and noise have the dtype of x or float32.

    Returns:
        [B, Co, 2H, 2W] in the dtype of x, channels_last if x is. Sums run in float32 for the
        half-width dtypes; the bytes do not depend on the number of threads. Differentiable to any
        order in all tensors. Kernels for the CPU may take differences of neighbours in float32:
        where plain torch has an infinity because of an infinite pixel, the result may be NaN.

    Raises:
        ValueError: If a shape, the activation or the padding mode is none of the above.
        TypeError: If a dtype is none of the above, or the devices differ.

    References:
        Aitken et al., "Checkerboard artifact free sub-pixel convolution", arXiv:1707.02937, for the
        equality of resizing and sub-pixel convolutions that the four phases rest on. Lavin and
        Gray, "Fast algorithms for convolutional neural networks", arXiv:1509.09308, for those
        differences.
    """
    operands = (bias, style, gain, noise, residual)
    return _run(UP2_CONV3X3, x, weight, operands, activation, slope, padding_mode)


def conv_transpose4x4s2_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    style: Tensor | None = None,
    gain: Tensor | None = None,
    noise: Tensor | None = None,
    residual: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
    padding_mode: str = "zeros",
) -> Tensor:
    """A transposed 4x4 convolution of stride 2 and padding 1, and what follows it.

    ``y = act(gain · conv_transpose(style · x) + bias + noise) + residual``. The batch norm that
    often follows goes into weight and bias by `fold_batch_norm`.

    Args:
        x: Activations, [B, Ci, H, W] with H, W >= 1.
        weight: Kernel, [Ci, Co, 4, 4].
        bias: As for `up2_conv3x3_act`, like all that follow.
        style: Factor of each input channel, [B, Ci].
        gain: Factor of each output channel, [B, Co].
        noise: Added to every channel of a pixel, [B or 1, 1, 2H, 2W].
        residual: Added last, shape and dtype of the result.
        activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
        slope: Of the leaky ReLU below zero.
        padding_mode: ``zeros``, or ``circular`` for the transposed convolution of a torus.

    Returns:
        [B, Co, 2H, 2W]; dtype, layout and gradients as for `up2_conv3x3_act`.

    Raises:
        ValueError: As for `up2_conv3x3_act`.
        TypeError: As for `up2_conv3x3_act`.

    References:
        Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
        Adversarial Networks", arXiv:1511.06434, whose generator is made of this block.
    """
    operands = (bias, style, gain, noise, residual)
    return _run(CONV_TRANSPOSE4X4S2, x, weight, operands, activation, slope, padding_mode)


def conv3x3_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    style: Tensor | None = None,
    gain: Tensor | None = None,
    noise: Tensor | None = None,
    residual: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
    padding_mode: str = "zeros",
) -> Tensor:
    """A 3x3 convolution of padding 1, and what follows it.

    ``y = act(gain · conv(style · x) + bias + noise) + residual``

    Args:
        x: Activations, [B, Ci, H, W] with H, W >= 1.
        weight: Kernel, [Co, Ci, 3, 3].
        bias: As for `up2_conv3x3_act`, like all that follow.
        style: Factor of each input channel, [B, Ci].
        gain: Factor of each output channel, [B, Co].
        noise: Added to every channel of a pixel, [B or 1, 1, H, W].
        residual: Added last, shape and dtype of the result.
        activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
        slope: Of the leaky ReLU below zero.
        padding_mode: ``zeros``, or ``circular`` for a torus: both axes wrap around.

    Returns:
        [B, Co, H, W]; dtype, layout and gradients as for `up2_conv3x3_act`.

    Raises:
        ValueError: As for `up2_conv3x3_act`.
        TypeError: As for `up2_conv3x3_act`.
    """
    operands = (bias, style, gain, noise, residual)
    return _run(CONV3X3, x, weight, operands, activation, slope, padding_mode)


def conv_transpose1d4s2_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    style: Tensor | None = None,
    gain: Tensor | None = None,
    residual: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
) -> Tensor:
    """A transposed convolution of 4 taps, stride 2 and padding 1 over time, and what follows it.

    ``y = act(gain · conv_transpose(style · x) + bias) + residual``

    Args:
        x: Activations, [B, Ci, T] with T >= 1.
        weight: Kernel, [Ci, Co, 4].
        bias: As for `up2_conv3x3_act`, like all that follow.
        style: Factor of each input channel, [B, Ci].
        gain: Factor of each output channel, [B, Co].
        residual: Added last, shape and dtype of the result.
        activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
        slope: Of the leaky ReLU below zero.

    Returns:
        [B, Co, 2T], contiguous; dtype and gradients as for `up2_conv3x3_act`.

    Raises:
        ValueError: As for `up2_conv3x3_act`.
        TypeError: As for `up2_conv3x3_act`.
    """
    operands = (bias, style, gain, None, residual)
    return _run(CONV_TRANSPOSE1D4S2, x, weight, operands, activation, slope, "zeros")


def conv1d3_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int = 1,
    style: Tensor | None = None,
    gain: Tensor | None = None,
    residual: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
) -> Tensor:
    """A convolution of 3 taps over time, padded by ``dilation``, and what follows it.

    ``y = act(gain · conv(style · x) + bias) + residual``

    Args:
        x: Activations, [B, Ci, T] with T >= 1.
        weight: Kernel, [Co, Ci, 3].
        bias: As for `up2_conv3x3_act`, like all that follow.
        dilation: Samples from one tap to the next, >= 1.
        style: Factor of each input channel, [B, Ci].
        gain: Factor of each output channel, [B, Co].
        residual: Added last, shape and dtype of the result.
        activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
        slope: Of the leaky ReLU below zero.

    Returns:
        [B, Co, T], contiguous; dtype and gradients as for `up2_conv3x3_act`.

    Raises:
        ValueError: As for `up2_conv3x3_act`; also if dilation is below 1.
        TypeError: As for `up2_conv3x3_act`.
    """
    if dilation < 1:
        raise ValueError(f"dilation: expected at least 1, got {dilation}")
    operands = (bias, style, gain, None, residual)
    return _run(CONV1D3, x, weight, operands, activation, slope, "zeros", dilation)


def _run(
    source: Source,
    x: Tensor,
    weight: Tensor,
    operands: Operands,
    activation: str,
    slope: float,
    padding_mode: str,
    dilation: int = 1,
) -> Tensor:
    index = activation_index(activation)
    if padding_mode not in PADDING_MODES:
        wanted = " or ".join(PADDING_MODES)
        raise ValueError(f"padding_mode: expected {wanted}, got {padding_mode!r}")
    circular = padding_mode == "circular"
    if is_autocast(x):
        x, *operands = under_autocast(x, *operands)
        # The weight itself stays, so that what was packed from it is found again.
        check_alike("weight", weight, x, torch.float32, torch.bfloat16, torch.float16)
    else:
        check_alike("weight", weight, x)
    channels = check_convolution(source, x, weight, operands)
    if records_gradients(x, weight, *operands):
        return plain_convolution(source, x, weight, operands, index, slope, circular, dilation)
    dtype = x.dtype
    folded = packed(weight, _ORDERS[source][dtype], lambda w: pack(w.to(dtype), source.number))
    return call_unrecorded(
        phase_convolution, x, folded, *operands,
        source.kind, channels, dilation, circular, index, slope,
    )  # fmt: skip


def check_convolution(
    source: Source,
    x: Tensor,
    weight: Tensor,
    operands: Operands,
) -> int:
    """Number of output channels.

    Raises:
        ValueError: If a shape does not fit.
        TypeError: If a dtype or device does not fit; that of the weight is the caller's to check.
    """
    bias, style, gain, noise, residual = operands
    spatial = source.spatial
    if x.dim() != 2 + spatial:
        check_shape("x", x, ("B", "Ci", "H", "W") if spatial == 2 else ("B", "Ci", "T"))
    check_floating("x", x)
    batch, inputs, *size = x.shape
    if min(size) < 1:
        raise ValueError(f"x: expected at least one pixel, got shape {tuple(x.shape)}")
    taps = (source.taps,) * spatial
    check_shape(
        "weight", weight, (inputs, "Co", *taps) if source.transposed else ("Co", inputs, *taps)
    )
    channels = weight.shape[1 if source.transposed else 0]
    if inputs < 1 or channels < 1:
        raise ValueError(f"weight: expected at least one channel, got shape {tuple(weight.shape)}")
    if bias is not None:
        check_shape("bias", bias, (channels,) if bias.dim() == 1 else (batch, channels))
        check_alike("bias", bias, x, torch.float32)
    if style is not None:
        check_shape("style", style, (batch, inputs))
        check_alike("style", style, x, torch.float32)
    if gain is not None:
        check_shape("gain", gain, (batch, channels))
        check_alike("gain", gain, x, torch.float32)
    if noise is None and residual is None:
        return channels
    out = [n * source.rate for n in size]
    if noise is not None:
        first = 1 if noise.dim() > 0 and noise.shape[0] == 1 else batch
        check_shape("noise", noise, (first, 1, *out))
        check_alike("noise", noise, x, torch.float32)
    if residual is not None:
        check_shape("residual", residual, (batch, channels, *out))
        check_alike("residual", residual, x)
    return channels
