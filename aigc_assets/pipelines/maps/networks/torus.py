"""The GAN: one pass over a torus that is a little larger than the map."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from aigc_assets.models.sagan import MapGenerator
from aigc_assets.pipelines.made import derive_seed, load_model
from aigc_assets.pipelines.maps.networks import OF_GAN, Drawn

_OFFSET = 4
"""Of the map's first row and column on the torus, which is at least 8 tiles larger."""


def draw(theme: str, size: tuple[int, int], seed: int) -> Drawn:
    """Draw a map; see `aigc_assets.pipelines.maps.networks.draw`.

    The network always runs alone (a batch may round differently) and its logits are rounded to
    1/256, so one request has one result.
    """
    network = cast(MapGenerator, load_model("map_sagan", narrow=True).network)
    config = network.config
    width, height = size
    grid = [max(config.min_grid, -(-side // config.scale) + 1) for side in (height, width)]
    source = torch.Generator().manual_seed(derive_seed(seed, "noise") >> 1)
    noise = torch.randn(1, config.noise, *grid, generator=source)
    style = torch.randn(1, config.style, generator=source)
    inside = torch.zeros(1, 1, *(side * config.scale for side in grid))
    here = (..., slice(_OFFSET, _OFFSET + height), slice(_OFFSET, _OFFSET + width))
    inside[here] = 1
    with torch.inference_mode():
        dtype = network.theme.weight.dtype
        label = torch.tensor([OF_GAN.index(theme)])
        out = network(noise.to(dtype), style.to(dtype), label, inside.to(dtype))
    logits = np.round(out[0][here].float().numpy() * 256) / 256
    chances = np.exp(logits - logits.max(0))
    chances /= chances.sum(0)
    return Drawn(logits.argmax(0).astype(np.uint8), chances, "map_sagan")
