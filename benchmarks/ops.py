"""Fused ops against plain torch: eager, compiled, and the best rewrite that we know.

``python -m benchmarks.ops [--device cuda] [--threads N] [--json PATH]``

Columns: ``eager`` is the op as the literature writes it, ``rewrite`` our own plain-torch reference,
``compile`` the faster of both under `torch.compile`, ``ours`` the kernel; µs at the tenth
percentile. ``x best`` is the best of the three over ours, ``% copy`` how near ours comes to copying
the same bytes at the measured bandwidth of large copies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets import ops
from aigc_assets.ops.alias_free import aa_snake1d_reference, half_band_filter
from benchmarks import timing

COLUMNS = ("op", "shape", "dtype", "eager", "rewrite", "compile", "ours", "x eager", "x best")


class Case(NamedTuple):
    """One comparison: the op, plain torch as written and rewritten, and the bytes it must move."""

    op: str
    shape: str
    dtype: str
    eager: Callable[[], object]
    rewrite: Callable[[], object]
    compiled: tuple[Callable[[], object], ...]
    ours: Callable[[], object]
    bytes: int


def convolutions(x: Tensor, alpha: Tensor, beta: Tensor, taps: Tensor) -> Tensor:
    """`aa_snake1d` by padding and grouped convolutions, as vocoders in plain torch run it."""
    channels = x.shape[1]
    wide = F.pad(x, (5, 5), mode="replicate")
    u = 2 * F.conv_transpose1d(wide, taps, stride=2, groups=channels)[..., 15:-15]
    v = u + torch.sin(u * alpha[:, None]).square() / (beta[:, None] + 1e-9)
    return F.conv1d(F.pad(v, (5, 6), mode="replicate"), taps, stride=2, groups=channels)


SNAKE_SHAPES = (
    ((1, 144, 128), "the sound model, one sound"),
    ((16, 144, 128), "the sound model, a batch"),
    ((1, 512, 400), "first stage of a vocoder"),
    ((1, 128, 3200), "middle stage"),
    ((1, 32, 24000), "late stage"),
    ((1, 24, 44100), "last stage, one second at 44.1 kHz"),
)


def snake_cases(device: str) -> Iterator[Case]:
    """Forward, and forward with backward, in float32 and bfloat16."""
    for dtype in (torch.float32, torch.bfloat16):
        for shape, _ in SNAKE_SHAPES:
            generator = torch.Generator().manual_seed(0)
            x = torch.randn(shape, generator=generator).to(device, dtype)
            alpha = (torch.rand(shape[1], generator=generator) + 0.5).to(device, dtype)
            beta = (torch.rand(shape[1], generator=generator) + 0.5).to(device, dtype)
            taps = torch.tensor(half_band_filter()).expand(shape[1], 1, 12).to(device, dtype)
            torch._dynamo.reset()  # or a limit of variants would silently leave the last ones eager
            compiled = torch.compile(convolutions, dynamic=False)
            compiled_rewrite = torch.compile(aa_snake1d_reference, dynamic=False)
            runs: dict[str, Callable[[], Tensor]] = {
                "eager": lambda x=x, a=alpha, b=beta, t=taps: convolutions(x, a, b, t),
                "rewrite": lambda x=x, a=alpha, b=beta: aa_snake1d_reference(x, a, b),
                "c1": lambda x=x, a=alpha, b=beta, t=taps, f=compiled: f(x, a, b, t),
                "c2": lambda x=x, a=alpha, b=beta, f=compiled_rewrite: f(x, a, b),
                "ours": lambda x=x, a=alpha, b=beta: ops.aa_snake1d(x, a, b),
            }
            name = str(dtype).removeprefix("torch.")
            _check(runs)
            yield _case("aa_snake1d", shape, name, runs, 2 * x.nbytes)
            if dtype == torch.float32:
                inputs = [value.requires_grad_() for value in (x, alpha, beta)]
                grad = torch.randn(shape, generator=generator).to(device, dtype)
                trained = {
                    key: (lambda f=f, i=inputs, g=grad: torch.autograd.grad(f(), i, g))
                    for key, f in runs.items()
                }
                yield _case("aa_snake1d + backward", shape, name, trained, 5 * x.nbytes)


def _case(
    op: str, shape: tuple[int, ...], dtype: str, runs: dict[str, Callable[[], Any]], moved: int
) -> Case:
    size = "x".join(map(str, shape))
    compiled = (runs["c1"], runs["c2"])
    return Case(op, size, dtype, runs["eager"], runs["rewrite"], compiled, runs["ours"], moved)


def _check(runs: dict[str, Callable[[], Tensor]]) -> None:
    """A fast wrong answer is no result."""
    found = {name: run().float() for name, run in runs.items()}
    scale = found["ours"].abs().max().item()
    tolerance = 1e-5 if runs["ours"]().dtype == torch.float32 else 5e-2
    for name, value in found.items():
        error = (value - found["ours"]).abs().max().item() / scale
        if not error < tolerance:
            raise SystemExit(f"{name} differs from ours by {error:.2g} of the largest value")


def run(options: timing.Options) -> dict[str, Any]:
    """Compare every case; see the head of this file for the columns."""
    copy = timing.bandwidth(options)
    rows = []
    for case in snake_cases(options.device):
        variants = {"eager": case.eager, "rewrite": case.rewrite, "ours": case.ours}
        variants |= {f"compile{i}": run for i, run in enumerate(case.compiled)}
        found = timing.compare(variants, options)
        compiled = min(found["compile0"].p10, found["compile1"].p10)
        plain = [found["eager"].p10, found["rewrite"].p10, compiled]
        ours = found["ours"].p10
        share = case.bytes / copy / (ours * 1e-6)
        row = [case.op, case.shape, case.dtype, *plain, ours, plain[0] / ours, min(plain) / ours]
        rows.append([*row, found["ours"].median, 100 * share])
    backend = ops.report()["aa_snake1d"][options.device]["backend"]
    title = f"Ops on {options.device}, {options.threads} thread(s), {backend}: µs per call"
    command = f"python -m benchmarks.ops --device {options.device} --threads {options.threads}"
    columns = (*COLUMNS, "ours median", "% copy")
    result = timing.result(title, command, options, columns, rows)
    result["remarks"] = [f"Large copies: {copy / 1e9:.1f} GB/s read and written."]
    return result


if __name__ == "__main__":
    sys.exit(timing.main(sys.argv[1:], "ops"))
