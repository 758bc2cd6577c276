"""Modules around the phase convolutions whose weights are packed once, for inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from aigc_assets.ops.activation import activation_index
from aigc_assets.ops.arguments import check_alike
from aigc_assets.ops.declare import call_unrecorded, is_plain_torch, records_gradients
from aigc_assets.ops.phase_convolution import PADDING_MODES, check_convolution
from aigc_assets.ops.phase_convolution_phases import (
    CONV1D3,
    CONV3X3,
    CONV_TRANSPOSE1D4S2,
    CONV_TRANSPOSE4X4S2,
    UP2_CONV3X3,
    Source,
    pack,
    phase_convolution,
    plain_convolution,
)

_Norm = nn.BatchNorm1d | nn.BatchNorm2d


def fold_batch_norm(
    weight: Tensor, bias: Tensor | None, norm: _Norm, *, transposed: bool = False
) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that equals this one followed by a batch norm.

    Args:
        weight: [Co, Ci, ...], or [Ci, Co, ...] of a transposed convolution.
        bias: [Co] or None.
        norm: The batch norm in its evaluation mode: running statistics count, not the batch's.
        transposed: Whether the weight is that of a transposed convolution.

    Returns:
        Weight of the same shape and dtype, and bias [Co].

    Raises:
        ValueError: If the norm keeps no running statistics or has another number of channels.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("norm: expected one that keeps running statistics")
    axis = 1 if transposed else 0
    if norm.num_features != weight.shape[axis]:
        raise ValueError(f"norm: expected {weight.shape[axis]} channels, got {norm.num_features}")
    wide = torch.promote_types(weight.dtype, torch.float32)
    mean = norm.running_mean.to(wide)
    scale = torch.rsqrt(norm.running_var.to(wide) + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.to(wide)
    shift = (0 if bias is None else bias.to(wide)) - mean
    shift = shift * scale
    if norm.bias is not None:
        shift = shift + norm.bias.to(wide)
    shape = [1] * weight.dim()
    shape[axis] = -1
    return (weight.to(wide) * scale.view(shape)).to(weight.dtype), shift.to(weight.dtype)


class PhaseConvolution(nn.Module):
    """A convolution of this family with packed weights, an activation, and folded batch norm.

    For inference: gradients do not reach the weight. Converting the module (``.to(dtype)``) packs
    again; unlike the functions it does not look for changes of the weight, and `torch.compile` sees
    packed weights.

    Args:
        source: What the weight belongs to, of ``phase_convolution_phases.SOURCES``.
        weight: As for the function of the source.
        bias: [Co] or None.
        activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
        slope: Of the leaky ReLU below zero.
        padding_mode: ``zeros`` or, for images, ``circular``.
        dilation: For convolutions of 3 taps over time.

    Raises:
        ValueError: If the activation or the padding mode is unknown.
    """

    weight: Tensor
    bias: Tensor | None
    packed: Tensor

    def __init__(
        self,
        source: Source,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        activation: str = "leaky_relu",
        slope: float = 0.2,
        padding_mode: str = "zeros",
        dilation: int = 1,
    ):
        super().__init__()
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode: expected one of {PADDING_MODES}, got {padding_mode!r}")
        if padding_mode != "zeros" and source.spatial == 1:
            raise ValueError(f"padding_mode: expected 'zeros' over time, got {padding_mode!r}")
        self.source = source
        self.activation = activation_index(activation)
        self.slope = slope
        self.circular = padding_mode == "circular"
        self.dilation = dilation
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self.register_buffer("packed", pack(self.weight, source.number), persistent=False)

    @classmethod
    def of(
        cls,
        convolution: nn.Module,
        norm: _Norm | None = None,
        *,
        upsample: bool = False,
        activation: str = "leaky_relu",
        slope: float = 0.2,
    ) -> PhaseConvolution:
        """From torch's own module, and the batch norm behind it.

        Args:
            convolution: ``Conv2d`` 3x3 or ``Conv1d`` 3 of padding 1 (dilation), or
                ``ConvTranspose2d`` 4x4 or ``ConvTranspose1d`` 4 of stride 2 and padding 1.
            norm: Folded into weight and bias.
            upsample: Whether nearest upsampling by 2 comes before a 3x3 convolution.
            activation: One of `aigc_assets.ops.activation.ACTIVATIONS`.
            slope: Of the leaky ReLU below zero.

        Raises:
            ValueError: If the convolution is none of these.
        """
        source, dilation = _source_of(convolution, upsample)
        weight, bias = convolution.weight, convolution.bias
        assert isinstance(weight, Tensor) and (bias is None or isinstance(bias, Tensor))
        if norm is not None:
            weight, bias = fold_batch_norm(weight, bias, norm, transposed=source.transposed)
        mode = convolution.padding_mode
        assert isinstance(mode, str)
        return cls(
            source,
            weight,
            bias,
            activation=activation,
            slope=slope,
            padding_mode=mode,
            dilation=dilation,
        )

    def forward(
        self,
        x: Tensor,
        *,
        bias: Tensor | None = None,
        style: Tensor | None = None,
        gain: Tensor | None = None,
        noise: Tensor | None = None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """Apply to x; ``bias`` replaces that of the module, the rest is as for the functions.

        Raises:
            ValueError: If a shape does not fit.
            TypeError: If a dtype or device does not; x has those of the module's weight.
        """
        bias = self.bias if bias is None else bias
        operands = (bias, style, gain, noise, residual)
        channels = check_convolution(self.source, x, self.weight, operands)
        check_alike("x", x, self.weight, other_name="the weight")
        if is_plain_torch():
            return plain_convolution(
                self.source, x, self.weight, operands,
                self.activation, self.slope, self.circular, self.dilation,
            )  # fmt: skip
        arguments = (
            x, self.packed, *operands, self.source.kind, channels,
            self.dilation, self.circular, self.activation, self.slope,
        )  # fmt: skip
        if records_gradients(x, *operands):
            return phase_convolution(*arguments)
        return call_unrecorded(phase_convolution, *arguments)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PhaseConvolution:
        super()._apply(fn, recurse)
        self.packed = pack(self.weight, self.source.number)
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.packed = pack(self.weight, self.source.number)


def _source_of(convolution: nn.Module, upsample: bool) -> tuple[Source, int]:
    """Source and dilation of torch's own module."""
    if isinstance(convolution, nn.Conv2d) and convolution.groups == 1:
        one, three = (1, 1), (3, 3)
        c = convolution
        if (c.kernel_size, c.stride, c.padding, c.dilation) == (three, one, one, one):
            return (UP2_CONV3X3 if upsample else CONV3X3), 1
    if isinstance(convolution, nn.Conv1d) and convolution.groups == 1 and not upsample:
        d = convolution.dilation
        if (convolution.kernel_size, convolution.stride, convolution.padding) == ((3,), (1,), d):
            return CONV1D3, d[0]
    for kind, source in (
        (nn.ConvTranspose2d, CONV_TRANSPOSE4X4S2),
        (nn.ConvTranspose1d, CONV_TRANSPOSE1D4S2),
    ):
        if isinstance(convolution, kind) and convolution.groups == 1 and not upsample:
            sizes = (convolution.kernel_size, convolution.stride, convolution.padding)
            n = source.spatial
            more = (*convolution.output_padding, *(d - 1 for d in convolution.dilation))
            if sizes == ((4,) * n, (2,) * n, (1,) * n) and not any(more):
                return source, 1
    raise ValueError(f"convolution: expected one that this family has, got {convolution}")
