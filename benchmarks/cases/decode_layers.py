"""Products of a few rows with large weights, and whole blocks, for one new token per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.models.decoder_transformer import rotary
from aigc_assets.ops import DecodeWeights
from aigc_assets.ops.token_layers import rotate
from benchmarks.cases import Case
from benchmarks.cases.cached_attention import COLD

PRODUCTS = ((1536, 512), (4096, 1024), (32000, 512))
Weights = tuple[Any, ...]


def cases(device: str) -> Iterator[Case]:
    """Weights that come from memory, narrow; and the dialogue model, whose weights stay near."""
    for dtype in (torch.bfloat16, torch.int8):
        for rows, width in PRODUCTS:
            yield _product(1, rows, width, dtype, device)
    yield _gated(10, 160, 512, device)
    yield _block(10, 160, 5, 512, 128, torch.float32, torch.float32, device)
    yield _block(10, 160, 5, 512, 128, torch.float32, torch.float16, device)
    yield _block(1, 768, 12, 2048, 256, torch.bfloat16, torch.bfloat16, device)
    yield _block(1, 768, 12, 2048, 256, torch.float32, torch.int8, device)


def normed(x: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    """In the dtype of the weight, as a model in that dtype runs it."""
    x = x.to(weight.dtype)
    return F.linear(F.rms_norm(x, x.shape[-1:], scale.to(x.dtype), 1e-6), weight)


def rotating(run: Callable[..., Tensor], copies: list[Weights], *first: Any) -> Callable[[], Any]:
    """Other weights with every call."""
    calls = 0

    def call() -> Tensor:
        nonlocal calls
        calls += 1
        return run(*first, *copies[calls % len(copies)])

    return call


def copies_of(*weights: Tensor) -> list[Weights]:
    """As many as no cache holds."""
    size = sum(weight.nbytes for weight in weights)
    return [tuple(weight.clone() for weight in weights) for _ in range(int(COLD / size) + 1)]


def _product(batch: int, rows: int, width: int, stored: torch.dtype, device: str) -> Case:
    """Rivals have the same weights in bfloat16 and in float32; int8 meets float32 first."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(rows, width, generator=generator).to(device)
    dtype = torch.float32 if stored == torch.int8 else torch.bfloat16
    x = torch.randn(batch, width, generator=generator).to(device, dtype)
    scale = torch.ones(width, device=device)
    ours: list[Weights]
    if stored == torch.int8:
        narrow, factor = ops.quantize_rows(weight)
        weight = narrow * factor[:, None]
        ours = [(*copy, factor) for copy in copies_of(narrow)]
    else:
        narrow = weight.to(stored)
        weight = narrow.float()
        ours = [(*copy, None) for copy in copies_of(narrow)]
    wide, half = copies_of(weight), copies_of(weight.bfloat16())
    first, second = (wide, half) if stored == torch.int8 else (half, wide)
    torch._dynamo.reset()
    compiled = torch.compile(normed, dynamic=False)

    def fused(weight: Tensor, weight_scale: Tensor | None) -> Tensor:
        return ops.rms_norm_linear(x, scale, weight, weight_scale=weight_scale)

    return Case(
        "rms_norm_linear",
        f"{batch}x{width} by {rows} " + ("int8" if stored == torch.int8 else "bfloat16"),
        dtype,
        eager=rotating(normed, first, x, scale),
        ours=rotating(fused, ours),
        rewrites={"other width": rotating(normed, second, x, scale)},
        compiled={
            "eager": rotating(compiled, first, x, scale),
            "other width": rotating(compiled, second, x, scale),
        },
        limit="read",
        amount=narrow.nbytes,
        tolerance=5e-2,
        headline=rows == 4096,
    )


def _gated(batch: int, width: int, hidden: int, device: str) -> Case:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, width, generator=generator).to(device)
    weight = torch.randn(2 * hidden, width, generator=generator).to(device) * width**-0.5
    scale = torch.ones(width, device=device)

    def plain() -> Tensor:
        up, gate = normed(x, scale, weight).chunk(2, -1)
        return up * F.silu(gate)

    torch._dynamo.reset()
    return Case(
        "rms_norm_gated",
        f"{batch}x{width} by {2 * hidden}",
        torch.float32,
        eager=plain,
        ours=lambda: ops.rms_norm_gated(x, scale, weight),
        compiled={"eager": torch.compile(plain, dynamic=False)},
        limit="fma",
        amount=2 * weight.numel() * batch,
    )


def _block(
    batch: int, width: int, heads: int, hidden: int, length: int, dtype: torch.dtype,
    stored: torch.dtype, device: str,
) -> Case:  # fmt: skip
    """Weights of a large block come from memory; those of the dialogue model stay near."""
    generator = torch.Generator().manual_seed(0)
    dim = width // heads
    sizes = ((3 * width, width), (width, width), (2 * hidden, width), (width, hidden))
    matrices = [
        (torch.randn(size, generator=generator) * size[1] ** -0.5).to(device, dtype)
        for size in sizes
    ]
    one, head_one = torch.ones(width, device=device), torch.ones(dim, device=device)
    norms = {"norm_attention": one, "norm_gated": one, "q_scale": head_one, "k_scale": head_one}
    names = ("qkv", "out", "gated", "down")

    def block(matrices: Any) -> DecodeWeights:
        return DecodeWeights(**norms, **dict(zip(names, matrices, strict=True)))

    weights = block(matrices)
    if stored == torch.int8:
        weights = weights.quantized()
        matrices = [
            getattr(weights, name) * getattr(weights, f"{name}_scale")[:, None] for name in names
        ]
    else:
        weights = weights.stored_as(stored)
        matrices = [getattr(weights, name).to(dtype) for name in names]
    size = sum(getattr(weights, name).nbytes for name in names)
    plain_copies: list[Weights] = [tuple(matrices)]
    our_copies: list[Weights] = [(weights,)]
    if size > 4e6:
        plain_copies = copies_of(*matrices)
        scales = {f"{name}_scale": getattr(weights, f"{name}_scale") for name in names}
        our_copies = [
            (DecodeWeights(**norms, **scales, **dict(zip(names, copy, strict=True))),)
            for copy in copies_of(*(getattr(weights, name) for name in names))
        ]
    x = torch.randn(batch, width, generator=generator).to(device, dtype)
    caches = torch.randn(2, batch, heads, length, dim, generator=generator).to(device, dtype)
    rope = rotary(length, dim).to(device)
    positions = torch.full((batch,), length - 1, device=device)

    def plain(x: Tensor, qkv: Tensor, out: Tensor, gated: Tensor, down: Tensor) -> Tensor:
        q, k, v = normed(x, one, qkv).view(batch, 3, heads, 1, dim).unbind(1)
        q, k = (
            rotate(F.rms_norm(t, (dim,), head_one.to(dtype), 1e-6), rope[:, -1:]) for t in (q, k)
        )
        keys = torch.cat((caches[0, :, :, :-1], k), 2)
        values = torch.cat((caches[1, :, :, :-1], v), 2)
        y = F.scaled_dot_product_attention(q, keys, values)
        x = x + F.linear(y.reshape(batch, width), out)
        up, gate = normed(x, one, gated).chunk(2, -1)
        return x + F.linear(up * F.silu(gate), down)

    def fused(weights: DecodeWeights) -> Tensor:
        return ops.decode_block(x, *caches, positions, rope, weights)

    torch._dynamo.reset()
    cold = len(our_copies) > 1
    name = str(stored).removeprefix("torch.")
    return Case(
        "decode_block",
        f"{batch}x{width}, {length} keys, {name}" + (" cold" if cold else ""),
        dtype,
        eager=rotating(plain, plain_copies, x),
        ours=rotating(fused, our_copies),
        compiled={"eager": rotating(torch.compile(plain, dynamic=False), plain_copies, x)},
        limit="read" if cold else "fma",
        amount=size if cold else 2 * batch * sum(m.numel() for m in matrices),
        tolerance=5e-2 if dtype != torch.float32 else 1e-4,
        headline=batch > 1 and stored == torch.float32,
    )
