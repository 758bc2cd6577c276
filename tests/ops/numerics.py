"""The only tolerance of the op tests: the error budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class ErrorBudget:
    """Error against float64 at most twice that of plain torch in the same dtype.

    An error is the largest over a tensor. Of a single tensor it is a matter of luck, above all
    where a result is one sum per channel; so the two errors are compared as root mean squares over
    all tensors that were added, relative to that of their largest values: a sum that happens to
    cancel must not count for more than the others. A few units in the last place
    are allowed on top, for shapes so small that plain torch happens to be exact. In float64 there
    is nothing wider to compare with: two orders of summation may differ by hundreds of units.
    """

    def __init__(self) -> None:
        self.squares: dict[int, list[tuple[float, float, float]]] = {}
        self.ulp = 0.0

    def add(self, actual: Any, exact: Any, plain: Any) -> None:
        """One run: results of the op, of the reference in float64, of the reference as is."""
        results = (
            (value,) if isinstance(value, Tensor) else value for value in (actual, exact, plain)
        )
        for i, (a, e, p) in enumerate(zip(*results, strict=True)):
            assert a.dtype == p.dtype and a.shape == p.shape, f"result {i}: {a.dtype} {a.shape}"
            a, e, p = a.double().cpu(), e.cpu(), p.double().cpu()
            assert not a.isnan().any(), f"result {i} has NaN"
            if a.numel() > 0:
                largest = ((a - e).abs().max(), (p - e).abs().max(), e.abs().max())
                ours, theirs, scale = (value.item() ** 2 for value in largest)
                self.squares.setdefault(i, []).append((ours, theirs, scale))
            self.ulp = max(self.ulp, torch.finfo(_dtype(actual, i)).eps)

    def check(self, factor: float = 2.0) -> None:
        """Fail if a result is over its budget."""
        slack = (1000 if self.ulp < 1e-12 else 4) * self.ulp
        for i, squares in self.squares.items():
            ours, theirs, scale = (math.sqrt(sum(column)) for column in zip(*squares, strict=True))
            ours, theirs = ours / (scale or 1.0), theirs / (scale or 1.0)
            budget = factor * theirs + slack
            assert ours <= budget, f"result {i}: error {ours:.3g}, budget {budget:.3g}"


def _dtype(results: Any, i: int) -> torch.dtype:
    return results.dtype if isinstance(results, Tensor) else results[i].dtype


def exact_and_plain(reference: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Any, Any]:
    """The reference in float64 and in the dtypes of the inputs."""
    wide = [v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for v in inputs]
    return reference(*wide), reference(*inputs)
