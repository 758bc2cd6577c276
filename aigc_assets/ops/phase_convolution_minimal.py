"""Weights of the minimal forms of the phase convolutions, for the CPU kernels in float32.

Along an axis, a product of a pixel or of a difference of neighbours with a weight of its own takes
the place of those with the taps; csrc/cpu/phase_convolution_forms.h says which and why it is fewer.

References:
    Lavin and Gray, "Fast algorithms for convolutional neural networks", arXiv:1509.09308.
"""

from __future__ import annotations

import torch
from torch import Tensor

REPEATED = ((1, 0, 0), (1, 1, 1), (0, 0, -1))
"""Rows are products, columns the taps: of 3 taps on pixels that were repeated."""
TRANSPOSED = (
    (0, 0, 0, 1), (0, 1, 0, 1), (0, -1, 0, 0), (0, 0, 1, 0), (1, 0, 1, 0), (-1, 0, 0, 0),
)  # fmt: skip
"""Of a transposed convolution with 4 taps and stride 2: three for each phase."""
SAME = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, -1))
"""Of 3 taps."""


def minimal_weights(wide: Tensor, axis: tuple[tuple[float, ...], ...]) -> Tensor:
    """All products of the rows of ``axis`` with [Ci, Co, taps ...], one or two times taps.

    Returns:
        [products, Ci, Co] in float64; those of an image are ordered by row, then column.
    """
    matrix = torch.tensor(axis, dtype=torch.float64, device=wide.device)
    wide = wide.double()
    for _ in range(wide.dim() - 2):
        # The taps of the first axis go, its products come last.
        wide = torch.tensordot(wide, matrix, ([2], [1]))
    return wide.flatten(2).permute(2, 0, 1)
