"""The learned generators of grid maps: a GAN that draws, a Transformer that also fills in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError

LABELS = ("dungeon", "cave", "techbase", "sokoban", "platformer")
"""Themes in the order of the labels that the networks were trained with."""
OF_GAN = LABELS[:3]
"""Themes that the GAN knows; the Transformer knows all."""
CLASSES = 5
UNBORDERED = ("platformer",)
"""Themes whose maps need no ring of walls."""

Classes = NDArray[np.uint8]


class Drawn(NamedTuple):
    """A raw map, before any repair.

    Attributes:
        classes: [H, W] uint8. Level themes: 0 wall, 1 floor, 2 outdoor, 3 liquid, 4 door; sokoban:
            0 wall, 1 floor, 2 player, 3 box, 4 goal; platformer: the codes of
            `aigc_assets.models.platformer_grammar`.
        chances: Probability of each class, [5, H, W] float32; an edit of a cell to class k costs
            ``-log(chances[k])``. Pinned cells have one chance of 1.
        model: Name of the network that drew it, a key of `MODELS`.
    """

    classes: Classes
    chances: NDArray[np.float32]
    model: str


def draw(
    theme: str,
    size: tuple[int, int],
    seed: int,
    generator: str = "auto",
    pins: NDArray[np.int8] | None = None,
    *,
    open_share: float | None = None,
    steps: int | None = None,
) -> Drawn:
    """Let a network draw a map of any size.

    Args:
        theme: One of `LABELS`.
        size: Width and height, 8..256 each.
        seed: Of all that is drawn.
        generator: ``gan``, ``transformer``, or ``auto``: the GAN where it knows the theme and
            nothing is pinned.
        pins: Classes that are given, -1 for free cells, [H, W]. All are kept. Where nothing is
            pinned, the outermost ring is wall (not in `UNBORDERED` themes).
        open_share: Wanted share of open cells, 0..1; a wish. Only the Transformer listens to it.
        steps: Rounds of the Transformer for each of its windows; by default as the theme needs.

    Raises:
        UsageError: If the GAN is asked for pins or for a theme that it does not know.
        WeightsError: If the weights are missing or altered.
    """
    return draw_several(theme, size, seed, 1, generator, pins, open_share=open_share, steps=steps)[
        0
    ]


def draw_several(
    theme: str,
    size: tuple[int, int],
    seed: int,
    count: int,
    generator: str = "auto",
    pins: NDArray[np.int8] | None = None,
    *,
    open_share: float | None = None,
    steps: int | None = None,
) -> Sequence[Drawn]:
    """Let a network draw maps to choose from; as `draw`.

    Args:
        theme: As of `draw`, like all that is not named here.
        size: Width and height.
        seed: Of all that is drawn.
        count: Least number of maps of the GAN. Their drafts come from one pass; a map is finished
            when it is looked at. The Transformer draws one.
        generator: Network.
        pins: Given classes.
        open_share: Wanted share of open cells.
        steps: Rounds of the Transformer.
    """
    width, height = size
    pinned = pins is not None and bool((pins >= 0).any())
    if generator == "auto":
        generator = "transformer" if pinned or theme not in OF_GAN else "gan"
    if generator == "gan":
        if pinned or theme not in OF_GAN:
            what = "cells cannot be pinned" if pinned else f"the theme {theme!r} is not known"
            raise UsageError(
                f"{what} with the generator 'gan'",
                where="generator",
                remedy="use 'transformer' or 'auto'",
            )
        from aigc_assets.pipelines.maps.networks import torus

        return torus.draw(theme, size, seed, count)
    from aigc_assets.pipelines.maps.networks import masked

    cells = np.full((height, width), -1, dtype=np.int8)
    if theme not in UNBORDERED:
        cells[[0, -1]] = 0
        cells[:, [0, -1]] = 0
    if pins is not None:
        cells = np.where(pins >= 0, pins, cells)
    return [masked.fill(theme, cells, seed, open_share=open_share, steps=steps)]
