"""Dtypes of sums and memory formats of results, which follow from the arguments."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_assets.ops.declare import is_transformed


def compute_dtype(x: Tensor) -> torch.dtype:
    """The dtype of sums: float32, or float64 for float64."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def memory_format(x: Tensor) -> torch.memory_format:
    """That of a result like x: channels_last only for images that are in no other order.

    Within a transform of `torch.func`, which cannot always tell, it is NCHW.
    """
    if x.dim() != 4 or x.is_contiguous() or is_transformed():
        return torch.contiguous_format
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
