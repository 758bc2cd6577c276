"""Fused ops against plain torch: eager, compiled, and the best rewrite that we know.

``python -m benchmarks.ops [--device cuda] [--threads N] [--only up2_conv] [--json PATH]``

Columns: ``eager`` is the op as a user of plain torch writes it, ``compile`` what `torch.compile`
makes of that, ``rewrite`` the fastest of all the rewrites that we know, be it eager or compiled,
``ours`` the op of this package; µs per call at the tenth percentile. ``x`` columns are ratios of
these. The results file has the time of every variant.
``% limit`` is how near ours comes to what the processor can do at most: multiply-adds (``fma``) or
tile products (``amx``) that stay in registers, large reads (``read``) or copies (``copy``), all
measured in the same run with the same threads.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

import benchmarks.cases
from aigc_assets import ops
from benchmarks import timing
from benchmarks.cases import Case

COLUMNS = ("op", "shape", "dtype", "eager", "compile", "rewrite", "ours", "ours median",
           "x eager", "x compile", "x rewrite", "% limit", "limit")  # fmt: skip


def families() -> list[str]:
    """Names of the modules that have cases."""
    return sorted(info.name for info in pkgutil.iter_modules(benchmarks.cases.__path__))


def all_cases(options: timing.Options) -> Iterator[Case]:
    """The cases of every family whose op, or whose family, the options ask for."""
    for family in families():
        module = importlib.import_module(f"benchmarks.cases.{family}")
        for case in module.cases(options.device):
            if options.only in case.op or options.only == family:
                yield case


def measure_limits(options: timing.Options) -> dict[str, float]:
    """Operations or bytes per second of each limit; without the kernels only of copies."""
    found = {"copy": timing.bandwidth(options)}
    if options.device != "cpu" or ops.NATIVE.state != "loaded":
        return found
    buffer = torch.zeros(1 << 26)
    for what, rounds in (("fma", 1_000_000), ("amx", 1_000_000), ("read", 1)):
        amount = torch.ops.aigc_assets.cpu_limit(what, buffer, rounds)

        def run(what: str = what, rounds: int = rounds) -> object:
            return torch.ops.aigc_assets.cpu_limit(what, buffer, rounds)

        if amount:
            found[what] = amount / (timing.compare({"limit": run}, options)["limit"].p10 * 1e-6)
    return found


def check(case: Case) -> None:
    """A fast wrong answer is no result."""
    runs: dict[str, Callable[[], Any]] = {"eager": case.eager, **case.rewrites, **case.compiled}
    ours = _tensors(case.ours())
    tolerance = case.tolerance or (1e-5 if case.dtype == torch.float32 else 5e-2)
    for name, run in runs.items():
        for wanted, found in zip(_tensors(run()), ours, strict=True):
            scale = found.abs().max().item() or 1.0
            error = (wanted - found).abs().max().item() / scale
            if not error < tolerance:
                raise SystemExit(
                    f"{case.op} {case.shape}: {name} differs from ours by {error:.2g} of the "
                    "largest value"
                )


def _tensors(found: Any) -> list[Tensor]:
    return [value.float() for value in ((found,) if isinstance(found, Tensor) else found)]


def measure(case: Case, options: timing.Options) -> dict[str, timing.Timing]:
    """Compare the variants of one case: ours, eager, the rewrites, and each of them compiled."""
    check(case)
    compiled = {f"compiled {name}": run for name, run in case.compiled.items()}
    runs = {"ours": case.ours, "eager": case.eager, **case.rewrites, **compiled}
    return timing.compare(runs, options)


def row(case: Case, found: dict[str, timing.Timing], limits: dict[str, float]) -> list[Any]:
    """A row of the table from what `measure` found; see the head of this file for the columns."""
    own = ("ours", "eager", "compiled eager")
    best = {
        "eager": found["eager"].p10,
        "compile": found["compiled eager"].p10 if "compiled eager" in found else None,
        "rewrite": min((t.p10 for name, t in found.items() if name not in own), default=None),
    }
    ours = found["ours"].p10
    ratios = [None if value is None else value / ours for value in best.values()]
    share = None
    if case.limit in limits:
        share = 100 * case.amount / limits[case.limit] / (ours * 1e-6)
    times = [*best.values(), ours, found["ours"].median]
    dtype = str(case.dtype).removeprefix("torch.")
    return [case.op, case.shape, dtype, *times, *ratios, share, case.limit if share else None]


def run(options: timing.Options) -> dict[str, Any]:
    """Compare every case."""
    limits = measure_limits(options)
    rows, headlines, variants = [], [], []
    for case in all_cases(options):
        if case.headline:
            headlines.append(len(rows))
        found = measure(case, options)
        variants.append({name: round(each.p10, 2) for name, each in found.items()})
        rows.append(row(case, found, limits))
        print("  ".join(timing.text_of(cell) for cell in rows[-1]), file=sys.stderr, flush=True)
        torch._dynamo.reset()  # what one case compiled must not slow the guards of the next
    plural = "s" if options.threads > 1 else ""
    title = f"Ops on {options.device}, {options.threads} thread{plural}: µs per call"
    command = f"python -m benchmarks.ops --device {options.device} --threads {options.threads}"
    result = timing.result(title, command, options, COLUMNS, rows)
    result["headlines"], result["variants"] = headlines, variants
    unit = {"fma": "FLOP/s of float32 multiply-adds", "amx": "FLOP/s of bfloat16 tile products",
            "read": "B/s read", "copy": "B/s copied (read + written)"}  # fmt: skip
    result["remarks"] = [
        "Limits: "
        + ", ".join(f"{limits[what] / 1e9:,.1f} G{unit[what]}" for what in unit if what in limits)
        + "."
    ]
    backends = {d[options.device]["backend"] for d in ops.report().values()}
    result["metadata"]["backends"] = sorted(backends)
    return result


if __name__ == "__main__":
    sys.exit(timing.main(sys.argv[1:], "ops"))
