"""Whether a map can be finished: a small checker of its witness that no generator shares code with.

The checker never searches. It goes along the path that came with the map and asks of every step
whether the rules allow it, so a wrong proof is found however clever the generator was.

The property ``movement`` of a map names how one moves on it, one of `MOVEMENTS`; a map without it
is walked on.

Rules of every movement: the path begins on the cell of a ``start`` object with the event
``start`` and ends on the cell of an ``exit`` object with the event ``exit``. A cell with a
``door`` is entered only once that door was opened; a door is opened on its cell, after a ``key`` of
its colour was taken on the cell of the key. What a step may be is the matter of the movement, one
file for each.
"""

from aigc_assets.metrics.playability.checker import (
    MOVEMENTS,
    verify_witness,
    verify_witness_native,
)

__all__ = ["MOVEMENTS", "verify_witness", "verify_witness_native"]
