"""What the Transformers of this package share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aigc_assets.ops import declare, preferred_dtype, rms_norm
from aigc_assets.ops.packing import packed

_ORDERED = preferred_dtype() == torch.bfloat16 and hasattr(torch.ops.mkldnn, "_linear_pointwise")
"""Whether products on the CPU run on matrix units, which read weights in an order of their own."""
_PRODUCT = torch.ops.mkldnn._linear_pointwise.default if _ORDERED else None  # fewer look-ups
_ROWS = 256  # that the order is chosen for; it serves any number of them


class RootMeanSquareNorm(nn.Module):
    """x / rms(x) * scale over the last dimension, back in the dtype of x."""

    def __init__(self, dim: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [..., dim]."""
        return rms_norm(x, self.scale.to(x.dtype))


class ManyRowsLinear(nn.Linear):
    """A linear layer for some hundred rows at once.

    A product of so few rows takes hardly longer than bringing the weight into the order of the
    matrix units; without gradients that is done once and kept.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        weight = self.weight
        if (
            torch.compiler.is_compiling()
            or _PRODUCT is None
            or x.dtype != torch.bfloat16
            or weight.dtype != torch.bfloat16
            or x.device.type != "cpu"
            or weight.is_inference()  # cannot tell whether it was written since
            or x.numel() == 0
            or declare.records_gradients(x, weight, self.bias)
        ):
            return super().forward(x)
        ordered = packed(weight, "mkldnn", _in_order)
        result: Tensor = _PRODUCT(x, ordered, self.bias, "none", [], "")
        return result


def _in_order(weight: Tensor) -> Tensor:
    ordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    return ordered


def add_to(x: Tensor, y: Tensor) -> Tensor:
    """``x + y`` in the memory of y where the dtypes allow it; y is nobody else's."""
    return y.add_(x) if y.dtype == x.dtype else x + y
