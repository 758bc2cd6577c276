"""The activations that fused ops end with, by name."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ACTIVATIONS = ("none", "relu", "leaky_relu", "silu", "tanh")
"""Ops take an index into this; the order is that of the enum in ``csrc/activation.h``."""


def activation_index(name: str) -> int:
    """Index of an activation.

    Raises:
        ValueError: If there is none of this name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS.index(name)


def activate(x: Tensor, index: int, slope: float = 0.2) -> Tensor:
    """Apply one of `ACTIVATIONS`; ``slope`` is that of the leaky ReLU below zero."""
    name = ACTIVATIONS[index]
    if name == "relu":
        return torch.relu(x)
    if name == "leaky_relu":
        return F.leaky_relu(x, slope)
    if name == "silu":
        return F.silu(x)
    return torch.tanh(x) if name == "tanh" else x
