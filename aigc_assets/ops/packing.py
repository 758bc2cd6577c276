"""Weights in the order that kernels read them, kept for as long as the weights do not change."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch
from torch import Tensor

_PACKED: dict[tuple[int, str], tuple[weakref.ref[Tensor], int, int, Tensor]] = {}


def packed(weight: Tensor, kind: str, pack: Callable[[Tensor], Tensor]) -> Tensor:
    """``pack(weight)``, from memory if this very tensor was packed before and not written since.

    An entry goes when its weight is freed. While torch traces or compiles, and for tensors made
    under inference mode, which do not count their versions, nothing is kept.

    Args:
        weight: Any tensor; gradients are not recorded.
        kind: Name of the order; part of the key.
        pack: Makes the packed tensor.
    """
    if torch.compiler.is_compiling() or weight.is_inference():
        return pack(weight.detach())
    key = (id(weight), kind)
    known = _PACKED.get(key)
    if known is not None and known[0]() is weight and known[1:3] == _state(weight):
        return known[3]
    with torch.no_grad():
        result = pack(weight.detach())
    gone = weakref.ref(weight, lambda _: _PACKED.pop(key, None))
    _PACKED[key] = (gone, *_state(weight), result)
    return result


def _state(weight: Tensor) -> tuple[int, int]:
    """What a write, or another storage put under the tensor (``weight.data = ...``), changes."""
    return weight._version, weight.data_ptr()
