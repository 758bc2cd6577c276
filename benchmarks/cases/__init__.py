"""What is compared, one module per family of ops: ``cases(device)`` yields `Case`s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch


class Case(NamedTuple):
    """One shape of one op, and the ways to compute it: functions without arguments.

    Args:
        op: Name for the table.
        shape: Shape for the table, ``16x128x32x32``.
        dtype: Of the tensors.
        eager: What a user of plain torch writes.
        ours: The op.
        rewrites: The best that plain torch can do, by name: other algorithms, other layouts, with
            weights prepared outside.
        compiled: What `torch.compile` makes of these: of ``eager`` under the name "eager", and of
            rewrites under theirs.
        limit: What bounds the op: ``copy`` (bytes read + written), ``read`` (bytes read), ``fma``
            or ``amx`` (floating-point operations); "" for a case that only the overhead bounds.
        amount: Bytes or floating-point operations that must be done at the least.
        tolerance: Largest difference allowed between the variants, relative to the largest value;
            0 for 1e-5 in float32 and 5e-2 in the half-width dtypes.
        headline: Whether README.md shows the case; the results file has all of them.
    """

    op: str
    shape: str
    dtype: torch.dtype
    eager: Callable[[], Any]
    ours: Callable[[], Any]
    rewrites: Mapping[str, Callable[[], Any]] = {}
    compiled: Mapping[str, Callable[[], Any]] = {}
    limit: str = ""
    amount: float = 0.0
    tolerance: float = 0.0
    headline: bool = False
