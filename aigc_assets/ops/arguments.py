"""Checks of arguments that the public ops share: one clear error, native build or not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_floating(name: str, value: Tensor) -> None:
    """TypeError unless ``value`` has one of the dtypes that kernels know."""
    if value.dtype not in FLOATING:
        raise TypeError(
            f"{name}: expected a floating dtype of 16, 32 or 64 bits, got {value.dtype}"
        )


def check_shape(name: str, value: Tensor, shape: Sequence[int | str]) -> None:
    """ValueError unless ``value`` has this shape; a name in it stands for any size.

    ``check_shape("x", x, ("B", 3, "T"))`` asks for three dimensions, the second of size 3.
    """
    sizes = value.shape
    if len(sizes) == len(shape):
        for size, wanted in zip(
            sizes, shape, strict=True
        ):  # a loop: calls of microseconds ask this
            if not isinstance(wanted, str) and size != wanted:
                break
        else:
            return
    raise ValueError(
        f"{name}: expected [{', '.join(map(str, shape))}], got shape {tuple(value.shape)}"
    )


def check_alike(
    name: str, value: Tensor, other: Tensor, *more: torch.dtype, other_name: str = "x"
) -> None:
    """TypeError unless ``value`` has the device of ``other``, and its dtype or one of ``more``."""
    if value.dtype != other.dtype and value.dtype not in more:
        wanted = " or ".join(map(str, dict.fromkeys((other.dtype, *more))))
        raise TypeError(f"{name}: expected {wanted} like {other_name}, got {value.dtype}")
    if value.device != other.device:
        raise TypeError(
            f"{name}: expected device {other.device} like {other_name}, got {value.device}"
        )


def check_eps(eps: float) -> None:
    """ValueError unless ``eps``, which is added to a mean square, is at least 0."""
    if not eps >= 0:
        raise ValueError(f"eps: expected at least 0, got {eps}")
