"""The GAN: one pass over a torus that is a little larger than its maps."""

from __future__ import annotations

import itertools
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_assets.models.sagan import MapGenerator
from aigc_assets.pipelines.made import derive_seed, load_model
from aigc_assets.pipelines.maps.networks import OF_GAN, Drawn

_OFFSET = 4
"""Of the first map's row and column on the torus, which is at least 8 tiles larger than a map."""
_APART = 5
"""Least tiles between maps of one torus: no tile of a map sees the outline of another."""


def draw(theme: str, size: tuple[int, int], seed: int, count: int = 1) -> list[Drawn]:
    """Draw maps; see `aigc_assets.pipelines.maps.networks.draw_several`.

    All maps of a call lie on one torus: they share its style and see different noise. The network
    always runs alone (a batch may round differently) and its logits are rounded to 1/256, so one
    request has one result.
    """
    network = cast(MapGenerator, load_model("map_sagan", narrow=True).network)
    config = network.config
    grid, places = _places(size, count, config.min_grid, config.scale)
    source = torch.Generator().manual_seed(derive_seed(seed, "noise") >> 1)
    noise = torch.randn(1, config.noise, *grid, generator=source)
    style = torch.randn(1, config.style, generator=source)
    inside = torch.zeros(1, 1, *(side * config.scale for side in grid))
    for rows, columns in places:
        inside[..., rows, columns] = 1
    with torch.inference_mode():
        dtype = network.theme.weight.dtype
        label = torch.tensor([OF_GAN.index(theme)])
        out = network(noise.to(dtype), style.to(dtype), label, inside.to(dtype))
    logits = out[0].float().numpy()
    return [_drawn(logits[:, rows, columns]) for rows, columns in places]


def _places(
    size: tuple[int, int], count: int, least: int, scale: int
) -> tuple[tuple[int, int], list[tuple[slice, slice]]]:
    """The torus in latent cells, height first, and where on it at least ``count`` maps lie.

    Of all arrangements in rows and columns the smallest torus wins, then that with the most maps:
    small maps leave room on the smallest torus there is.
    """
    width, height = size
    best: tuple[int, int, list[tuple[int, int]]] | None = None
    for rows in range(1, count + 1):
        # (latent cells, maps, tiles from map to map) along each axis
        axes = [_axis(height, rows, least, scale), _axis(width, -(-count // rows), least, scale)]
        area, maps = axes[0][0] * axes[1][0], axes[0][1] * axes[1][1]
        if best is None or (area, -maps) < best[:2]:
            best = area, -maps, [(axis[0], axis[1]) for axis in axes]
    assert best is not None
    (high, down), (wide, across) = best[2]
    places = [
        (slice(y, y + height), slice(x, x + width))
        for y, x in itertools.product(
            (_OFFSET + i * _stride(height) for i in range(down)),
            (_OFFSET + i * _stride(width) for i in range(across)),
        )
    ]
    return (high, wide), places


def _stride(side: int) -> int:
    """Tiles from map to map, even: the outline comes in at half the resolution."""
    return side + _APART + (side + _APART) % 2


def _axis(side: int, count: int, least: int, scale: int) -> tuple[int, int]:
    """Latent cells of an axis for ``count`` maps, and how many maps fit on it."""
    tiles = (count - 1) * _stride(side) + side
    cells = max(least, -(-tiles // scale) + 1)
    return cells, 1 + (cells * scale - 2 * _OFFSET - side) // _stride(side)


def _drawn(logits: NDArray[np.float32]) -> Drawn:
    exact = np.round(logits * 256) / 256
    chances = np.exp(exact - exact.max(0)).astype(np.float32)
    chances /= chances.sum(0)
    return Drawn(exact.argmax(0).astype(np.uint8), chances, "map_sagan")
