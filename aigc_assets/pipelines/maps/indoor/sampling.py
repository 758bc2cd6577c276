"""From the network to raw terrain, for a map of any size, and two layouts for extreme wishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import derive_seed
from aigc_assets.pipelines.maps.grid import FLOOR, LIQUID, OUTDOOR, WALL, Terrain

if TYPE_CHECKING:
    from aigc_assets.models.checkpoint import Checkpoint

LABELS = ("dungeon", "cave", "techbase")
"""Themes in the order of the labels that the network was trained with."""

_RAW_FLOOR, _RAW_OUTDOOR, _RAW_LIQUID, _RAW_DOOR = 1, 2, 3, 4


class Layout(NamedTuple):
    """Raw terrain [H, W] and what it costs to make a cell walkable, [H, W] int32 > 0."""

    terrain: Terrain
    cost: NDArray[np.int32]


def sample_layout(
    checkpoint: Checkpoint, theme: str, size: tuple[int, int], seed: int, least_share: float
) -> Layout:
    """Let the generator draw a map.

    The network runs on a torus that is at least one latent cell larger than the map, always alone
    (a batch may round differently) and its logits are rounded to 1/256, so one request has one
    result.

    Args:
        checkpoint: The model ``map_sagan``.
        theme: One of `LABELS`.
        size: Width and height.
        seed: Of the noise.
        least_share: Least share of walkable cells inside the border, 0..1; the cells that are
            nearest to being walkable are added.
    """
    import torch

    from aigc_assets.models.sagan import MapGenerator

    network = cast(MapGenerator, checkpoint.network)
    config = network.config
    width, height = size
    grid = [max(config.min_grid, -(-side // config.scale) + 1) for side in (height, width)]
    source = torch.Generator().manual_seed(derive_seed(seed, "noise") >> 1)
    noise = torch.randn(1, config.noise, *grid, generator=source)
    style = torch.randn(1, config.style, generator=source)
    with torch.inference_mode():
        dtype = network.theme.weight.dtype
        label = torch.tensor([LABELS.index(theme)])
        out = network(noise.to(dtype), style.to(dtype), label).double()
    logits = np.round(out[0, :, :height, :width].numpy() * 256) / 256

    share = np.exp(logits - logits.max(0))
    share /= share.sum(0)
    walk = share[_RAW_FLOOR] + share[_RAW_OUTDOOR] + share[_RAW_DOOR]
    limit = _limit(walk[1:-1, 1:-1], least_share)
    terrain = np.where(share[_RAW_LIQUID] > share[0], LIQUID, WALL).astype(np.uint8)
    outdoor = share[_RAW_OUTDOOR] > share[_RAW_FLOOR] + share[_RAW_DOOR]
    open_cells = walk > limit
    terrain[open_cells] = np.where(outdoor, OUTDOOR, FLOOR)[open_cells]
    cost = np.round(-np.log(np.clip(walk, 1e-4, 1)) * 16).astype(np.int32) + 12
    return Layout(terrain, cost)


def _limit(walk: NDArray[np.float64], least: float, most: float = 0.68) -> float:
    """The probability above which a cell is walkable: a half unless the share is out of bounds."""
    ordered = np.sort(walk, axis=None)[::-1]
    low, high = (round(s * ordered.size) for s in (least, max(most, least)))
    count = int((ordered > 0.5).sum())
    if low <= count <= high:
        return 0.5
    wanted = low if count < low else high
    return float(ordered[wanted]) if wanted < ordered.size else -1.0


def hall(size: tuple[int, int]) -> Layout:
    """One empty hall: the most cells a map can have, for requirements that need them all."""
    width, height = size
    terrain = np.full((height, width), FLOOR, dtype=np.uint8)
    return Layout(terrain, np.full((height, width), 12, dtype=np.int32))


def winding(size: tuple[int, int], steps: int = 1 << 30, symmetry: str = "") -> Layout:
    """One corridor that winds through the map, then a hall in what the corridor leaves.

    Args:
        size: Width and height.
        steps: Of the corridor; by default it winds through the whole map, nearly the longest way
            that a map can have.
        symmetry: If the map will be mirrored: the corridor winds through the half that is kept.
    """
    width, height = size
    if symmetry:
        # The last column or row of the half is a wall, so the corridors meet where they are joined.
        half = (
            ((width + 1) // 2, height) if symmetry == "horizontal" else (width, (height + 1) // 2)
        )
        if min(half) >= 4:
            part = winding(half, steps // 2).terrain
            whole = np.full((height, width), WALL, dtype=np.uint8)
            whole[: half[1], : half[0]] = part
            return Layout(whole, np.full((height, width), 12, dtype=np.int32))
    flat = width >= height
    rows, length = (height, width) if flat else (width, height)
    terrain = np.full((rows, length), WALL, dtype=np.uint8)
    cells = 0
    for turn, y in enumerate(range(1, rows - 1, 2)):
        terrain[y, 1 : length - 1] = FLOOR
        cells += length - 1
        if cells > steps and y + 2 < rows - 1:
            terrain[y + 2 : rows - 1, 1 : length - 1] = FLOOR
            terrain[y + 1, length - 2 if turn % 2 == 0 else 1] = FLOOR
            break
        if y + 2 < rows - 1:
            terrain[y + 1, length - 2 if turn % 2 == 0 else 1] = FLOOR
    terrain = terrain if flat else terrain.T.copy()
    return Layout(terrain, np.full((height, width), 12, dtype=np.int32))
