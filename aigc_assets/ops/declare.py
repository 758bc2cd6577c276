"""How an op is declared, which backend runs it, and how the native kernels are loaded.

An op is declared once, in Python, with its plain-torch reference; it then exists on every machine.
A kernel of the extension `aigc_assets._C` overrides the reference in torch's dispatcher for its
device, so a call site never chooses. To add a family:

1. ``aigc_assets/ops/<family>.py``: the public function (validation, docstring), the reference and
   one `define` per op. The file takes a family noun, never the name of a function in it.
2. ``csrc/<family>.h`` for the maths of one element, ``csrc/cpu/<family>*.cpp`` and
   ``csrc/cuda/<family>.{cuh,cu}`` for the kernels, registered with ``STABLE_TORCH_LIBRARY_IMPL``.
3. ``tests/ops/test_<family>.py``: one subclass of ``OpTester``; ``benchmarks/cases/<family>.py``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from aigc_assets.errors import MissingPartError

NAMESPACE = "aigc_assets"
CPU_CAPABILITIES = ("portable", "avx2", "avx512", "amx")
"""Instruction sets of the CPU kernels; the variable AIGC_ASSETS_CPU names the best to be used."""

_LIBRARY = torch.library.Library(NAMESPACE, "FRAGMENT")
_DEFINED: dict[str, str] = {}  # name of the op -> the best of CPU_CAPABILITIES it has a path for

_plain_here: ContextVar[bool] = ContextVar("plain_torch", default=False)
_plain_count = 0
_plain_count_lock = threading.Lock()
_plain_somewhere = False
"""Whether any thread is within `plain_torch`: cheaper to read, and guarded by `torch.compile`."""


class Native(NamedTuple):
    """State of the extension: ``loaded``, ``not built`` or ``disabled``, and why."""

    state: str
    why: str


def define(
    schema: str,
    reference: Callable[..., Any],
    fake: Callable[..., Any],
    backward: Callable[..., Sequence[Tensor | None]] | None = None,
    *,
    best_cpu: str = "avx512",
    differentiable: bool = True,
) -> Callable[..., Any]:
    """Declare an op whose implementation everywhere is ``reference`` until a kernel overrides it.

    Gradients are those of the reference by `torch.func.vjp`, so they are right to any order. With
    ``backward`` the first order runs another declared op instead, whose own gradient is again that
    of its reference.

    Args:
        schema: Schema in torch's language, ``name(Tensor x, ...) -> Tensor``; functional, unless
            the op is a cache that is written in place, ``Tensor(a!)``.
        reference: The meaning of the op in plain torch; differentiable, no in-place change.
        fake: Shapes, dtypes and strides of the results without data, for `torch.compile`.
        backward: Takes the gradients of the results, then the arguments; returns one gradient for
            every argument of the op, None for what has none. None: the vjp of the reference.
        best_cpu: The best of `CPU_CAPABILITIES` that the CPU kernel has a path of its own for.
        differentiable: False for an op that packs, that writes to its arguments, or that only
            ever runs without gradients; it then has no formula for them.

    Returns:
        The op, to be called by the family's public function.
    """
    name = schema.split("(", 1)[0]
    qualified = f"{NAMESPACE}::{name}"
    _LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _LIBRARY.impl(name, reference, "CompositeExplicitAutograd")
    torch.library.register_fake(qualified, fake, lib=_LIBRARY)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.is_tensor = [isinstance(value, Tensor) for value in inputs]
        ctx.plain = [None if isinstance(value, Tensor) else value for value in inputs]
        ctx.save_for_backward(*(value for value in inputs if isinstance(value, Tensor)))

    def run_backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        tensors = iter(ctx.saved_tensors)
        inputs = [
            next(tensors) if is_tensor else plain
            for is_tensor, plain in zip(ctx.is_tensor, ctx.plain, strict=True)
        ]
        found: Sequence[Tensor | None]
        found = backward(*grads, *inputs) if backward else vjp(reference, inputs, grads)
        needed = zip(found, ctx.needs_input_grad, strict=True)
        return tuple(grad if need else None for grad, need in needed)

    if differentiable:
        torch.library.register_autograd(
            qualified, run_backward, setup_context=setup_context, lib=_LIBRARY
        )
    _DEFINED[name] = best_cpu
    return getattr(getattr(torch.ops, NAMESPACE), name).default


def vjp(
    function: Callable[..., Any], inputs: Sequence[Any], grads: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    """Vector-Jacobian product of ``function`` at ``inputs``; None for what is no float tensor."""
    where = [i for i, v in enumerate(inputs) if isinstance(v, Tensor) and v.is_floating_point()]

    def of_tensors(*tensors: Tensor) -> Any:
        values = list(inputs)
        for i, tensor in zip(where, tensors, strict=True):
            values[i] = tensor
        return function(*values)

    pull = torch.func.vjp(of_tensors, *(inputs[i] for i in where))[1]
    found: list[Tensor | None] = [None] * len(inputs)
    pulled = pull(grads[0] if len(grads) == 1 else tuple(grads))
    for i, grad in zip(where, pulled, strict=True):
        found[i] = grad
    return tuple(found)


def records_gradients(*values: Any) -> bool:
    """Whether a call with these arguments must be plain torch: autograd would record it.

    A family whose kernels have no backward runs its reference then: torch keeps what the reference
    computes on the way, where the op would have to compute it again for the gradients. Where
    `is_plain_torch` says so the answer is always yes.
    """
    if is_plain_torch():
        return True
    if torch.is_grad_enabled():
        for value in values:  # a loop: calls of microseconds ask this
            if isinstance(value, Tensor) and value.requires_grad:
                return True
    return False


def call_unrecorded(op: Callable[..., Any], *arguments: Any) -> Any:
    """``op(*arguments)`` where `records_gradients` says no.

    Spares the formula that `define` registers from asking again, which takes longer than the rest
    of the dispatch.
    """
    if torch.compiler.is_compiling():
        return op(*arguments)
    with torch._C._AutoDispatchBelowAutograd():
        return op(*arguments)


def is_plain_torch() -> bool:
    """Whether a call must be plain torch: within `plain_torch`, or while torch transforms it.

    The ops have no rules for forward-mode derivatives, which would be lost without a word, nor for
    the transforms of `torch.func`; what their references are made of has them all.
    """
    if _plain_somewhere and _is_plain_here():
        return True
    return forward_ad._current_level >= 0 or is_transformed()


@torch.compiler.assume_constant_result
def _is_plain_here() -> bool:
    return _plain_here.get()


def is_transformed() -> bool:
    """Whether this runs within a transform of `torch.func`: vmap, grad, jvp and what they make."""
    return torch._C._functorch.maybe_current_level() is not None


@contextlib.contextmanager
def plain_torch() -> Iterator[None]:
    """Within this context every op is what it would be in plain torch: to compare with.

    It holds for this thread, or this task of asyncio, and for calls within it. What was compiled
    outside is compiled again inside and the other way round; only while another thread is in such a
    context may a compiled function keep what it was when it was compiled.
    """
    _count_plain(1)
    before = _plain_here.get()
    _plain_here.set(True)
    try:
        yield
    finally:
        _plain_here.set(before)
        _count_plain(-1)


def _count_plain(step: int) -> None:
    global _plain_count, _plain_somewhere
    with _plain_count_lock:
        _plain_count += step
        _plain_somewhere = _plain_count > 0


def is_autocast(x: Tensor) -> bool:
    """Whether autocast is on where ``x`` lies; it does not know the meta device."""
    device = x.device.type
    return device != "meta" and torch.is_autocast_enabled(device)


def under_autocast(*values: Any) -> tuple[Any, ...]:
    """The arguments as autocast wants them for products: float32 becomes its dtype.

    Where the first tensor is float64 nothing changes: autocast leaves that alone.
    """
    first = next(value for value in values if isinstance(value, Tensor))
    if not is_autocast(first) or first.dtype == torch.float64:
        return values
    dtype = torch.get_autocast_dtype(first.device.type)
    return tuple(
        value.to(dtype)
        if isinstance(value, Tensor) and value.dtype in (torch.float32, torch.bfloat16, torch.half)
        else value
        for value in values
    )


def load_native() -> Native:
    """Load the kernels if they were built; called once, when `aigc_assets.ops` is imported.

    Raises:
        MissingPartError: If the extension is there but cannot be loaded: a broken build is never
            mistaken for no build.
    """
    if os.environ.get("AIGC_ASSETS_DISABLE_KERNELS", "") not in ("", "0"):
        return Native("disabled", "AIGC_ASSETS_DISABLE_KERNELS is set")
    if os.environ.get("AIGC_ASSETS_NATIVE") == "0":
        # The switch of the install means the same later, when an older build still lies there.
        return Native("disabled", "AIGC_ASSETS_NATIVE is 0")
    if importlib.util.find_spec("aigc_assets._C") is None:
        return Native("not built", "the package was installed without a C++ compiler")
    try:
        module = importlib.import_module("aigc_assets._C")
    except ImportError as error:
        raise MissingPartError(
            f"the native kernels are broken: {error}",
            where="aigc_assets._C",
            remedy="install the package again, or set AIGC_ASSETS_DISABLE_KERNELS=1",
        ) from error
    return Native("loaded", str(module.__file__))


def describe(native: Native) -> dict[str, dict[str, Any]]:
    """For every op and device: the backend that a call would run, and why."""
    return {
        name: {device: _backend(name, device, native) for device in ("cpu", "cuda")}
        for name in sorted(_DEFINED)
    }


def _backend(name: str, device: str, native: Native) -> dict[str, str]:
    if native.state != "loaded":
        return {"backend": "reference", "why": f"kernels {native.state}: {native.why}"}
    key = device.upper()
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key(f"{NAMESPACE}::{name}", key)
    if not has_kernel:
        why = f"no {key} kernel in this build"
        return {"backend": "reference", "why": why}
    if device == "cuda":
        why = "kernel in aigc_assets._C"
        if torch.version.cuda is None:
            why += "; this torch was built without CUDA and cannot call it"
        return {"backend": "cuda", "why": why}
    allowed, own = cpu_capability(), CPU_CAPABILITIES.index(_DEFINED[name])
    why = "the best that this processor and AIGC_ASSETS_CPU allow"
    if own < allowed:
        why = f"the best path it has: none is for {CPU_CAPABILITIES[allowed]} alone"
    return {"backend": f"cpu-{CPU_CAPABILITIES[min(own, allowed)]}", "why": why}


def preferred_dtype(native: Native, device: str = "cpu") -> torch.dtype:
    """bfloat16 where the kernels multiply it on matrix units, float32 elsewhere."""
    if native.state != "loaded":
        return torch.float32
    fast = device == "cuda" or CPU_CAPABILITIES[cpu_capability()] == "amx"
    return torch.bfloat16 if fast else torch.float32


def cpu_capability() -> int:
    """Index into `CPU_CAPABILITIES` of what the CPU kernels use now."""
    return int(torch.ops.aigc_assets.cpu_capability(-1))


def limit_cpu_capability(name: str) -> str:
    """Use at most ``name`` of `CPU_CAPABILITIES` from now on; return what was used before."""
    before = CPU_CAPABILITIES[cpu_capability()]
    torch.ops.aigc_assets.cpu_capability(CPU_CAPABILITIES.index(name))
    return before
