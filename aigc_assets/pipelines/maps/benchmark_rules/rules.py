"""What the rule sets share: contents, controls, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Content = NDArray[np.int64]
"""Cells [H, W] without the ring of wall around them."""
Control = Mapping[str, int]


class NoContent(Exception):
    """What no attempt could make."""


def inner(plan: NDArray[np.integer]) -> Content:
    """A plan without its ring."""
    return plan[1:-1, 1:-1].astype(np.int64)
