"""Attention of one token to a cache, and appending to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.models.decoder_transformer import rotary
from aigc_assets.ops.token_layers import rotate
from benchmarks.cases import Case

SHAPES = (  # B, Hq, Hkv, T, D
    (1, 16, 4, 1024, 64),
    (1, 8, 8, 128, 64),
    (1, 8, 8, 512, 64),
    (1, 8, 8, 4096, 64),
)
COLD = 250e6
"""Bytes that variants rotate through, so that none of them finds its operands in a cache."""


def with_sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Torch's own attention, which repeats the shared heads by itself."""
    grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(q[:, :, None], k, v, enable_gqa=grouped)[:, :, 0]


def repeated(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same with repeated heads."""
    times = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
    return F.scaled_dot_product_attention(q[:, :, None], k, v)[:, :, 0]


def with_products(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Two products: the queries of a group are the rows of one."""
    batch, heads, dim = q.shape
    rows = q.reshape(batch, k.shape[1], heads // k.shape[1], dim) * dim**-0.5
    weight = (rows @ k.transpose(2, 3)).softmax(-1, dtype=torch.float32).to(v.dtype)
    return (weight @ v).reshape(batch, heads, dim)


def cases(device: str) -> Iterator[Case]:
    """Grouped and separate heads; caches that the processor keeps, and one that it cannot."""
    for shape in SHAPES:
        yield _attention(shape, torch.float32, device)
    yield _attention(SHAPES[0], torch.bfloat16, device)
    yield _attention(SHAPES[3], torch.float32, device, cold=True)
    for shape in ((10, 5, 5, 128, 32), SHAPES[0], SHAPES[2]):
        yield _append(shape, device)


def _attention(shape: tuple[int, ...], dtype: torch.dtype, device: str, cold: bool = False) -> Case:
    batch, heads, shared, length, dim = shape
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(batch, heads, dim, generator=generator).to(device, dtype)
    caches = torch.randn(2, batch, shared, length, dim, generator=generator).to(device, dtype)
    copies = [caches.clone() for _ in range(int(COLD / caches.nbytes) + 1 if cold else 1)]
    lengths = torch.full((batch,), length, device=device)
    torch._dynamo.reset()

    def rotating(run: Callable[..., Tensor]) -> Callable[[], Tensor]:
        calls = 0

        def call() -> Tensor:
            nonlocal calls
            calls += 1
            return run(q, *copies[calls % len(copies)])

        return call

    plain = {"repeated": repeated, "products": with_products}
    return Case(
        "decode_attention",
        "x".join(map(str, shape)) + (" cold" if cold else ""),
        dtype,
        eager=rotating(with_sdpa),
        ours=rotating(lambda q, k, v: ops.decode_attention(q, k, v, lengths)),
        rewrites={name: rotating(run) for name, run in plain.items()},
        compiled={
            name: rotating(torch.compile(run, dynamic=False))
            for name, run in {"eager": with_sdpa, **plain}.items()
        },
        limit="read",
        amount=caches.nbytes,
        headline=shape in (SHAPES[0], SHAPES[3]) and dtype == torch.float32 and not cold,
    )


def _append(shape: tuple[int, ...], device: str) -> Case:
    """The chain of a model's step: norms, rotation, append, attention."""
    batch, heads, shared, length, dim = shape
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(batch, heads, dim, generator=generator).to(device)
    k, v = torch.randn(2, batch, shared, dim, generator=generator).to(device)
    caches = torch.randn(2, batch, shared, length, dim, generator=generator).to(device)
    scale = torch.ones(dim, device=device)
    rope = rotary(length, dim).to(device)
    positions = torch.full((batch,), length - 1, device=device)

    def prepared(x: Tensor) -> Tensor:
        return rotate(F.rms_norm(x[:, :, None], (dim,), scale, 1e-6), rope[:, -1:])

    def concatenated(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys = torch.cat((caches[0, :, :, :-1], prepared(k)), 2)
        values = torch.cat((caches[1, :, :, :-1], v[:, :, None]), 2)
        return with_sdpa(prepared(q)[:, :, 0], keys, values)

    def in_place(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        caches[0, :, :, -1:] = prepared(k)
        caches[1, :, :, -1] = v
        return with_sdpa(prepared(q)[:, :, 0], *caches)

    torch._dynamo.reset()
    compiled = [torch.compile(run, dynamic=False) for run in (concatenated, in_place)]
    return Case(
        "decode_attention_append",
        "x".join(map(str, shape)),
        torch.float32,
        eager=lambda: concatenated(q, k, v),
        ours=lambda: ops.decode_attention_append(
            q, k, v, *caches, positions, rope, q_scale=scale, k_scale=scale
        ),
        rewrites={"in place": lambda: in_place(q, k, v)},
        compiled={
            "eager": lambda: compiled[0](q, k, v),
            "in place": lambda: compiled[1](q, k, v),
        },
    )
