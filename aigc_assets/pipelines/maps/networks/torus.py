"""The GAN: drafts on a torus that is a little larger than all maps, refined one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.models.map_refiner import MapGan
from aigc_assets.pipelines.made import derive_seed, load_model
from aigc_assets.pipelines.maps.networks import OF_GAN, Drawn

_OFFSET = 4
"""Of the first map's row and column on the torus, which is at least 8 tiles larger than a map."""
_APART = 5
"""Least tiles between maps of one torus: no tile of a map sees the outline of another."""

_TOGETHER = 2500
"""Tiles up to which small maps are refined at once."""


def draw(theme: str, size: tuple[int, int], seed: int, count: int = 1) -> Sequence[Drawn]:
    """Draw maps; see `aigc_assets.pipelines.maps.networks.draw_several`.

    The drafts of a call lie on one torus: they share its style and see different noise. Each is
    refined on a torus of its own, when it is asked for. The logits are rounded to 1/256 and what
    is computed together depends on the request only, so one request has one result.
    """
    network = cast(MapGan, load_model("map_sagan", narrow=True).network)
    config = network.config.draft
    grid, places = _places(size, count, config.min_grid, config.scale)
    source = torch.Generator().manual_seed(derive_seed(seed, "noise", theme) >> 1)
    noise = torch.randn(1, config.noise, *grid, generator=source)
    style = torch.randn(1, config.style, generator=source)
    inside = torch.zeros(1, 1, *(side * config.scale for side in grid))
    for rows, columns in places:
        inside[..., rows, columns] = 1
    label = torch.tensor([OF_GAN.index(theme)])
    with torch.inference_mode():
        dtype = network.draft.theme.weight.dtype
        out = network.sketch(noise.to(dtype), style.to(dtype), label, inside.to(dtype))
    classes = torch.round(out[0].float() * 256).argmax(0)
    return _Maps(network, label, classes, places, seed)


class _Maps(Sequence[Drawn]):
    """Maps of one draft; as many are refined as are asked for, small ones some at a time."""

    def __init__(
        self,
        network: MapGan,
        label: Tensor,
        draft: Tensor,
        places: list[tuple[slice, slice]],
        seed: int,
    ):
        self.network, self.label, self.draft, self.places = network, label, draft, places
        self.size = places[0][0].stop - _OFFSET, places[0][1].stop - _OFFSET
        self.torus = tuple(-(-side // 4) * 4 + 2 * _OFFSET for side in self.size)
        self.together = max(1, _TOGETHER // (self.torus[0] * self.torus[1]))
        self.source = torch.Generator().manual_seed(derive_seed(seed, "refine") >> 1)
        self.made: list[Drawn] = []

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Drawn: ...

    @overload
    def __getitem__(self, index: slice) -> list[Drawn]: ...

    def __getitem__(self, index: int | slice) -> Drawn | list[Drawn]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number = range(len(self))[index]
        while len(self.made) <= number:
            self.made += self._refine(self.places[len(self.made) :][: self.together])
        return self.made[number]

    def _refine(self, places: list[tuple[slice, slice]]) -> list[Drawn]:
        first = []
        for place in places:
            rows, columns = (
                (torch.arange(0, side, 4) + (part.start - _OFFSET)) % whole
                for side, part, whole in zip(self.torus, place, self.draft.shape, strict=True)
            )
            first.append(self.draft[rows][:, columns])
        here = tuple(slice(_OFFSET, _OFFSET + side) for side in self.size)
        inside = torch.zeros(
            len(places), 1, *self.torus, dtype=self.network.draft.theme.weight.dtype
        )
        inside[:, :, here[0], here[1]] = 1
        chances = self.network.chances(len(places), self.torus, self.source)
        label = self.label.expand(len(places))
        with torch.inference_mode():
            classes, logits, _ = self.network.refine(torch.stack(first), label, inside, *chances)
        return [
            _drawn(own[here].numpy(), found[(slice(None), *here)].numpy())
            for own, found in zip(classes, logits, strict=True)
        ]


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


def _drawn(classes: NDArray[np.int64], logits: NDArray[np.float32]) -> Drawn:
    exact = np.round(logits * 256) / 256
    chances = np.exp(exact - exact.max(0)).astype(np.float32)
    chances /= chances.sum(0)
    return Drawn(classes.astype(np.uint8), chances, "map_sagan")
