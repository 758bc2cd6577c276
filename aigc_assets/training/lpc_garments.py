"""Garments that the source lacks, drawn by rule over its figures: skirts and robes.

Each garment follows the legs of every frame, so it walks, runs and sits with the figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Garment:
    """A drawn layer: value of an attribute, paint pass, body (-1 for both) and its slot maps."""

    attribute: str
    value: str
    paint: str
    body: int
    slots: NDArray[np.uint8]


def drawn_garments(
    layers: list[NDArray[np.uint8]], by_item: dict[str, int], classes: tuple[str, ...]
) -> list[Garment]:
    """All drawn garments, made from source layers (see `aigc_assets.training.lpc_layers`)."""
    first = classes.index("legs 1")
    garments = []
    for value, reach in (("skirt", 0.62), ("long skirt", 0.93)):
        for body in (0, 1):
            legs = layers[by_item[f"pants/{body}"]] > 0
            feet = layers[by_item[f"hose/{body}"]] > 0
            slots = np.stack(
                [_skirt(p, p | f, reach, first) for p, f in zip(legs, feet, strict=True)]
            )
            garments.append(Garment("legs", value, "legs", body, slots))
    return garments


def _skirt(
    pants: NDArray[np.bool_], legs: NDArray[np.bool_], reach: float, first: int
) -> NDArray[np.uint8]:
    """One frame of a skirt from the waist of ``pants`` down ``reach`` of the way to the feet."""
    out = np.zeros(pants.shape, dtype=np.uint8)
    rows = np.flatnonzero(pants.any(1))
    if len(rows) == 0:
        return out
    top = int(rows[0])
    bottom = int(np.flatnonzero(legs.any(1))[-1])
    hem = top + round((bottom - top) * reach)
    left, right = pants.shape[1], -1
    for y in range(top, hem + 1):
        columns = np.flatnonzero(legs[y])
        fall = (y - top) / max(1, bottom - top)
        flare = round(3.2 * fall**0.8)
        if len(columns):
            core = np.flatnonzero(pants[top])
            left = min(left, int(columns[0]), int(core[0]) - flare)
            right = max(right, int(columns[-1]), int(core[-1]) + flare)
        x = np.arange(max(0, left), min(pants.shape[1] - 1, right) + 1)
        u = (x - left) / max(1, right - left)
        shade = np.full(len(x), 4)
        shade[(u < 0.2) | (u > 0.86)] = 3
        shade[(u > 0.36) & (u < 0.48)] = 5
        if fall > 0.12:
            # Folds open towards the hem and keep their place on the cloth.
            for at in (0.27, 0.58, 0.78):
                nearest = int(np.abs(u - at).argmin())
                shade[nearest] = 2 if fall > 0.4 else 3
                if nearest + 1 < len(x):
                    shade[nearest + 1] = max(shade[nearest + 1], 5) if at < 0.7 else 4
        if y == top:
            shade[:] = np.minimum(shade, 3)
        if y == hem - 1:
            shade[:] = np.minimum(shade, 3)
        shade[0] = shade[-1] = 1
        if len(x) > 4:
            shade[1] = shade[-2] = 2
        if y == hem:
            shade[:] = 1
        out[y, x] = first - 1 + shade
    return out
