"""What the Transformers of this package share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn pairs of channels of x [..., L, D] by the angles of ``table`` [2, ..., L, D / 2].

    Channel i goes with channel i + D / 2; ``table`` holds cosines, then sines.

    References:
        Su et al., "RoFormer", arXiv:2104.09864, section 3.2.
    """
    cos, sin = table[0].to(x.dtype), table[1].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


class RootMeanSquareNorm(nn.Module):
    """x / rms(x) * scale over the last dimension, back in the dtype of x."""

    def __init__(self, dim: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [..., dim]."""
        return F.rms_norm(x, x.shape[-1:], self.scale.to(x.dtype), eps=1e-6)
