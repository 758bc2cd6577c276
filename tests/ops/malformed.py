"""Calls of the raw ops with arguments that fit their types and nothing else. Not a test module.

`test_malformed` runs this in a process of its own, ``python -m tests.ops.malformed OP ...``: what
is under test is whether a kernel can be made to read or write outside of its tensors, and that ends
a process. Every dense tensor lies against a page that must not be touched, so a stray access is
seen at once. Each call is written to standard error before it is made.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from aigc_assets import ops

EXAMPLES = 250
ADDRESS_SPACE = 16 << 30
"""So that a size gone wrong is refused rather than provided."""
FLOATING = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
OTHER = (torch.int8, torch.int64, torch.bool, torch.complex64)
NUMBERS = (-(2**63), -(2**31) - 1, -1, 0, 1, 2, 7, 4095, 2**31, 2**32 + 1, 2**62, 2**63 - 1)
FRACTIONS = (-1.0, 0.0, math.inf, math.nan)

_libc = ctypes.CDLL(None, use_errno=True)
_page = mmap.PAGESIZE


def guarded(tensor: Tensor, at_end: bool = True) -> Tensor:
    """A dense copy right before (or right behind) a page that nobody may read or write."""
    bytes_ = tensor.numel() * tensor.element_size()
    if bytes_ == 0:
        return tensor
    room = -(-bytes_ // _page) * _page
    memory = mmap.mmap(-1, room + 2 * _page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (start, start + _page + room):
        if _libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(_page), 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = _page + (room - bytes_ if at_end else 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flat = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel(), offset=offset)
    return flat.view(tensor.shape).copy_(tensor)


class Draw:
    """What the arguments of one call are drawn with."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.dtype = draw(st.sampled_from(FLOATING))

    def size(self, most: int = 5) -> int:
        return self.draw(st.integers(1, most))

    def flag(self) -> bool:
        return self.draw(st.booleans())

    def tensor(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or self.dtype
        values = torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64)
        return (values * 5 if dtype == torch.int8 else values).to(dtype).view(shape)

    def maybe(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor | None:
        return self.tensor(*shape, dtype=dtype) if self.flag() else None


def aa_snake1d(d: Draw) -> list[Any]:
    b, c, t = d.size(2), d.size(3), d.size(40)
    return [d.tensor(b, c, t), d.tensor(c), d.tensor(c)]


def aa_snake1d_backward(d: Draw) -> list[Any]:
    x, alpha, beta = aa_snake1d(d)
    return [d.tensor(*x.shape), x, alpha, beta]


def fir_resample(d: Draw) -> list[Any]:
    b, c, h, w, up = d.size(2), d.size(3), d.size(5) + 1, d.size(20) + 1, d.flag()
    out = (2 * h, 2 * w) if up else (h // 2, w // 2)
    clamp = 0.5 if d.flag() else None
    values = [d.tensor(b, c, h, w), d.tensor(d.size(8)), d.maybe(c), d.maybe(b, 1, *out)]
    return [*values, up, d.size(5) - 1, 0.2, 1.5, clamp]


def phase_convolution_pack(d: Draw) -> list[Any]:
    source = d.size(5) - 1
    taps = (3, 4, 3, 4, 3)[source]
    return [d.tensor(d.size(), d.size(), *[taps] * (1 if source > 2 else 2)), source]


def phase_convolution(d: Draw) -> list[Any]:
    kind, b, ci, co = d.size(4) - 1, d.size(2), d.size(9), d.size(20)
    size = [d.size(4), d.size(20)] if kind <= 1 else [d.size(20)]
    out = [n * (2 if kind in (0, 2) else 1) for n in size]
    co16 = -(-co // 16) * 16
    phases, taps = ((4, 4), (1, 9), (2, 2), (1, 3))[kind]
    half = d.dtype.itemsize == 2
    packed = (phases, taps, 16, co16, 2) if half else (phases, taps, ci, co16)
    if d.dtype == torch.float32 and d.flag():  # with those of a minimal form
        more = d.draw(st.sampled_from(((9, 36), (16,), (6,), (4,))[kind]))
        packed = (phases * taps + more, ci, co16)
    bias = d.maybe(co) if d.flag() else d.maybe(b, co)
    noise = d.maybe(b, 1, *out) if kind <= 1 else None
    values = [d.tensor(b, ci, *size), d.tensor(*packed), bias, d.maybe(b, ci), d.maybe(b, co)]
    circular = kind <= 1 and d.flag()
    dilation = d.size(30) if kind == 3 else 1
    residual = d.maybe(b, co, *out)
    return [*values, noise, residual, kind, co, dilation, circular, d.size(5) - 1, 0.2]


def window_attention(d: Draw) -> list[Any]:
    window, heads = d.size(4), d.size(3)
    size = d.size(2), window * d.size(3), window * d.size(3)
    table = d.maybe(heads, 2 * window - 1, 2 * window - 1)
    return [d.tensor(*size, 3, heads, d.size(9)), table, window, d.size(window) - 1]


def neighborhood_attention(d: Draw) -> list[Any]:
    reach, heads, circular = d.size(3) - 1, d.size(3), d.flag()
    least = 2 * reach if circular else 0
    size = d.size(2), least + d.size(6), least + d.size(6)
    table = d.maybe(heads, 2 * reach + 1, 2 * reach + 1)
    return [d.tensor(*size, 3, heads, d.size(9)), table, reach, circular]


def sliding_attention(d: Draw) -> list[Any]:
    shape = d.size(2), d.size(2), d.size(80), d.size(9)
    return [d.tensor(*shape), d.tensor(*shape), d.tensor(*shape), d.size(90), d.flag()]


def cross_attention_small(d: Draw) -> list[Any]:
    b, heads, depth = d.size(2), d.size(2), d.size(20)
    keys = b, heads, d.size(40), depth
    return [d.tensor(b, heads, d.size(20), depth), d.tensor(*keys), d.tensor(*keys)]


def decode_attention(d: Draw) -> list[Any]:
    b, shared, room, depth = d.size(3), d.size(2), d.size(20), d.size(10)
    heads = shared * d.size(3)
    cache = b, shared, room, depth
    lengths = torch.arange(b) * 7 - 1
    values = [d.tensor(b, heads, depth), d.tensor(*cache), d.tensor(*cache), lengths]
    return [*values, d.size(5) - 1, d.maybe(heads)]


def decode_attention_append(d: Draw) -> list[Any]:
    b, shared, room, depth = d.size(3), d.size(2), d.size(20), 2 * d.size(5)
    heads = shared * d.size(3)
    cache = b, shared, room, depth
    new = b, shared, depth
    values = [d.tensor(b, heads, depth), d.tensor(*new), d.tensor(*new), d.tensor(*cache)]
    values += [d.tensor(*cache), torch.arange(b) % room, d.tensor(2, room, depth // 2)]
    return [*values, d.maybe(depth), d.maybe(depth), 1e-6, d.size(5) - 1, d.maybe(heads)]


def _weight(d: Draw, rows: int, columns: int) -> tuple[Tensor, Tensor | None]:
    if d.flag():
        scale = d.tensor(rows, dtype=torch.float32)
        return d.tensor(rows, columns, dtype=torch.int8), scale
    return d.tensor(rows, columns), None


def rms_norm_linear(d: Draw) -> list[Any]:
    b, width = d.size(3), d.size(40)
    return [d.tensor(b, width), d.tensor(width), *_weight(d, d.size(40), width), 1e-6]


def rms_norm_gated(d: Draw) -> list[Any]:
    b, width = d.size(3), d.size(40)
    return [d.tensor(b, width), d.tensor(width), *_weight(d, 2 * d.size(20), width), 1e-6]


def linear_residual(d: Draw) -> list[Any]:
    b, width, rows = d.size(3), d.size(40), d.size(40)
    return [d.tensor(b, width), *_weight(d, rows, width), d.tensor(b, rows)]


def decode_block(d: Draw) -> list[Any]:
    b, shared, room, depth = d.size(3), d.size(2), d.size(20), 2 * d.size(5)
    heads, width, hidden = shared * d.size(3), d.size(40), d.size(40)
    cache = b, shared, room, depth
    inner = heads * depth
    values = [d.tensor(b, width), d.tensor(*cache), d.tensor(*cache), torch.arange(b) % room]
    values += [d.tensor(2, room, depth // 2), d.tensor(width)]
    values += [*_weight(d, inner + 2 * shared * depth, width), d.maybe(depth), d.maybe(depth)]
    values += [*_weight(d, width, inner), d.tensor(width), *_weight(d, 2 * hidden, width)]
    return [*values, *_weight(d, width, hidden), 1e-6, d.size(5) - 1]


def rms_norm(d: Draw) -> list[Any]:
    width = d.size(40)
    return [d.tensor(d.size(3), d.size(3), width), d.tensor(width), 1e-6]


def qk_norm_rotary(d: Draw) -> list[Any]:
    b, length, heads, half = d.size(3), d.size(5), d.size(3), d.size(20)
    scales = d.tensor(2 * half), d.tensor(2 * half)
    return [d.tensor(b, length, 3, heads, 2 * half), *scales, d.tensor(2, length, half), 1e-6]


def gated_silu(d: Draw) -> list[Any]:
    return [d.tensor(d.size(3), d.size(3), 2 * d.size(40)), d.flag()]


CALLS: dict[str, Callable[[Draw], list[Any]]] = {
    function.__name__: function
    for function in (
        aa_snake1d,
        aa_snake1d_backward,
        fir_resample,
        phase_convolution_pack,
        phase_convolution,
        window_attention,
        neighborhood_attention,
        sliding_attention,
        cross_attention_small,
        decode_attention,
        decode_attention_append,
        rms_norm_linear,
        rms_norm_gated,
        linear_residual,
        decode_block,
        rms_norm,
        qk_norm_rotary,
        gated_silu,
    )
}
"""Every op that `aigc_assets.ops.declare.define` declared, and arguments that it takes."""


def resized(d: Draw, tensor: Tensor) -> Tensor:
    """One size more, less, zero, one, or much larger."""
    if tensor.dim() == 0:
        return tensor
    shape = list(tensor.shape)
    dim = d.draw(st.integers(0, tensor.dim() - 1))
    size = shape[dim]
    shape[dim] = d.draw(st.sampled_from((0, 1, max(size - 1, 0), size + 1, 2 * size, size + 37)))
    return d.tensor(*shape, dtype=tensor.dtype)


def reshaped(d: Draw, tensor: Tensor) -> Tensor:
    """A dimension more or less."""
    choice = d.draw(st.integers(0, 3))
    if choice == 0 or tensor.dim() == 0:
        return tensor[None]
    if choice == 1:
        return tensor[..., None]
    return tensor.flatten() if choice == 2 else tensor.sum().to(tensor.dtype)


def retyped(d: Draw, tensor: Tensor) -> Tensor:
    """Another dtype."""
    return tensor.to(d.draw(st.sampled_from(FLOATING + OTHER)))


def restrided(d: Draw, tensor: Tensor) -> Tensor:
    """The same shape in an order of its own, over itself, or with gaps."""
    choice = d.draw(st.integers(0, 3))
    if tensor.dim() == 0:
        return tensor
    dims = tuple(reversed(range(tensor.dim())))
    if choice == 0:
        return guarded(tensor.permute(dims).contiguous()).permute(dims)
    if choice == 1:  # one number for a whole axis
        dim = d.draw(st.integers(0, tensor.dim() - 1))
        return guarded(tensor.narrow(dim, 0, min(1, tensor.shape[dim]))).expand(tensor.shape)
    if choice == 2:  # every step along any axis is one number
        dense = guarded(d.tensor(sum(tensor.shape) + 1, dtype=tensor.dtype))
        return dense.as_strided(tensor.shape, [1] * tensor.dim())
    room = guarded(d.tensor(*[2 * n for n in tensor.shape], dtype=tensor.dtype))
    return room[tuple(slice(1, None, 2) for _ in tensor.shape)]


def replaced(d: Draw, value: Any) -> Any:
    """Another number; nothing for a tensor, something for nothing."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return d.draw(st.sampled_from(NUMBERS))
    if isinstance(value, float):
        return d.draw(st.sampled_from(FRACTIONS))
    if value is None:
        return d.tensor(*[d.size() for _ in range(d.size(4))])
    if value.dtype == torch.int64:
        numbers = d.draw(st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=1))
        return torch.full_like(value, numbers[0])
    return None if d.flag() else value.to("meta")


def malformed(d: Draw, values: list[Any]) -> list[Any]:
    """One or two arguments, changed."""
    values = list(values)
    for _ in range(d.size(2)):
        at = d.draw(st.integers(0, len(values) - 1))
        value = values[at]
        if isinstance(value, Tensor) and value.device.type == "cpu":
            change = d.draw(st.sampled_from((resized, reshaped, retyped, restrided, replaced)))
            values[at] = change(d, value)
        elif not isinstance(value, Tensor):
            values[at] = replaced(d, value)
    return values


def described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return repr(value)
    kind = f"{value.device.type} {value.dtype}".replace("torch.", "")
    return f"{kind} {tuple(value.shape)} strides {value.stride()}"


def run(name: str) -> None:
    op = getattr(torch.ops.aigc_assets, name).default

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def calls(data: st.DataObject) -> None:
        d = Draw(data.draw)
        values = malformed(d, CALLS[name](d))
        at_end = d.flag()
        values = [
            guarded(v, at_end) if isinstance(v, Tensor) and is_plain(v) else v for v in values
        ]
        print(name, *map(described, values), sep="\n  ", file=sys.stderr, flush=True)
        try:
            op(*values)
        except Exception as error:  # whatever it is: the process lives
            print(f"  refused: {type(error).__name__}", file=sys.stderr)

    calls()


def is_plain(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.is_contiguous()


if __name__ == "__main__":
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    print(ops.NATIVE.state, file=sys.stderr)
    for op_name in sys.argv[1:] or CALLS:
        run(op_name)
