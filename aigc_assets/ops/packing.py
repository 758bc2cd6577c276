"""Weights in the order that kernels read them, kept for as long as the weights do not change."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

_PACKED: dict[tuple[int, str], tuple[weakref.ref[Tensor], tuple[object, ...], Tensor]] = {}
_SAMPLE = 64  # bytes


def packed(weight: Tensor, kind: str, pack: Callable[[Tensor], Tensor]) -> Tensor:
    """``pack(weight)``, from memory if this very tensor was packed before and not written since.

    An entry goes when its weight is freed, all of them when an optimizer makes a step: the fused
    ones write without torch counting it. Of other such writes (through ``weight.data`` or NumPy)
    only those are seen that change the first or last numbers of a weight on the CPU, as averaging
    or loading does; `forget` is for the rest. While torch traces or compiles, and for tensors made
    under inference mode, which do not count their versions, nothing is kept.

    Args:
        weight: Any tensor; gradients are not recorded.
        kind: Name of the order; part of the key.
        pack: Makes the packed tensor.
    """
    if (
        torch.compiler.is_compiling()
        or type(weight) not in (Tensor, torch.nn.Parameter)
        or weight.is_inference()
    ):
        return pack(weight.detach())
    key = (id(weight), kind)
    known = _PACKED.get(key)
    state = _state(weight)
    if known is not None and known[0]() is weight and known[1] == state:
        return known[2]
    with torch.no_grad():
        result = pack(weight.detach())
    gone = weakref.ref(weight, lambda _: _PACKED.pop(key, None))
    _PACKED[key] = (gone, state, result)
    return result


def forget(*_: Any) -> None:
    """Pack all weights again when they are needed next."""
    _PACKED.clear()


def _state(weight: Tensor) -> tuple[object, ...]:
    """What a write, or another storage put under the tensor (``weight.data = ...``), changes."""
    start = weight.data_ptr()
    if start == 0 or weight.device.type != "cpu" or not weight.is_contiguous():
        return weight._version, start
    size = weight.numel() * weight.element_size()
    some = min(size, _SAMPLE)
    ends = ctypes.string_at(start, some), ctypes.string_at(start + size - some, some)
    return weight._version, start, *ends


register_optimizer_step_post_hook(forget)
