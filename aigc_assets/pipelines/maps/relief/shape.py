"""The coarse shape of a landscape: the network draws, measurement decides whether it is the one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.metrics.relief import KINDS, relief_kind
from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.maps.relief.amplify import DetailStatistics

if TYPE_CHECKING:
    from aigc_assets.models.checkpoint import Checkpoint

LAND_SCALE = 0.6
"""Metres of a landscape per metre of the relief the network knows: its cells are 35 km, ours are
640 m, and at full height mountains would be walls."""
PEAKS = 2600.0
"""Metres above which heights are pressed together, to half as much more at most."""
SEA_FLOOR = 300.0
"""Metres below which no sea goes: depth that nobody sees would eat the range of 16 bits."""
TRIES = 24
"""Shapes that are drawn before one is bent until it fits."""
MARGIN = 4
"""Cells around the shape that are not on the map."""
ISLAND_SHARE = 0.08
"""Land on the map of an island at least."""
STRIP = 5
"""Maps that are so many times as long as wide show an island only where it is asked for."""
COAST = 40.0
"""Metres below the sea to which a bent shape is pressed at the edge of the map."""

Heights = NDArray[np.float64]


class Shape(NamedTuple):
    """A coarse landscape.

    Args:
        height: Metres, `MARGIN` cells beyond each edge of the map, [h, w].
        kind: One of `aigc_assets.metrics.relief.KINDS`.
        tries: How many were drawn.
        bent: Whether it had to be pressed into its kind.
    """

    height: Heights
    kind: str
    tries: int
    bent: bool


def draw_shape(checkpoint: Checkpoint, relief: str, size: tuple[int, int], seed: int) -> Shape:
    """Draw shapes until one measures as what was asked for.

    Args:
        checkpoint: The model ``relief_gan``.
        relief: One of `KINDS`, or ``auto`` for any of them.
        size: Width and height of the map; only their ratio matters.
        seed: Of the drawing.
    """
    kind = relief
    if relief == "auto":
        # In a strip there is no room for an island.
        kinds = [k for k in KINDS if k != "island" or max(size) <= STRIP * min(size)]
        kind = kinds[int(generator(derive_seed(seed, "kind")).integers(len(kinds)))]
    height: Heights = np.zeros((0, 0))
    for attempt in range(TRIES):
        height = _draw(checkpoint, KINDS.index(kind), size, derive_seed(seed, "try", str(attempt)))
        if relief_kind(_inner(height)) != kind:
            continue
        finished = _finished(height, kind)
        if kind != "island" or float((_inner(finished) > 0).mean()) >= ISLAND_SHARE:
            return Shape(finished, kind, attempt + 1, False)
    return Shape(_finished(_bend(height, kind), kind), kind, TRIES, True)


def _finished(metres: Heights, kind: str) -> Heights:
    """Islands framed, everything at the scale of a landscape."""
    if kind == "island":
        metres = _press_rim(_framed(metres))
    return settle(metres)


def _framed(metres: Heights) -> Heights:
    """Zoom in on the land, up to twice: an island is what its map is about."""
    land = np.zeros(metres.shape, dtype=np.uint8)
    land[MARGIN:-MARGIN, MARGIN:-MARGIN] = _inner(metres) > 0
    count, names, stats, _ = cv2.connectedComponentsWithStats(land, connectivity=8)
    if count < 2:
        return metres
    # The largest island and those that are a tenth of it or more.
    large = [i for i in range(1, count) if stats[i, 4] * 10 >= stats[1:, 4].max()]
    rows, columns = (np.flatnonzero(np.isin(names, large).any(axis)) for axis in (1, 0))
    zoom = 2.0
    for cells, length in ((rows, metres.shape[0]), (columns, metres.shape[1])):
        zoom = min(zoom, (length - 2 * MARGIN) * 0.74 / (cells[-1] - cells[0] + 1))
    if zoom <= 1.05:
        return metres
    place = []
    for cells, length in ((rows, metres.shape[0]), (columns, metres.shape[1])):
        middle = (cells[0] + cells[-1]) / 2
        place.append(np.clip(middle + (np.arange(length) - (length - 1) / 2) / zoom, 0, length - 1))
    y, x = (grid.astype(np.float32) for grid in np.meshgrid(*place, indexing="ij"))
    return np.asarray(cv2.remap(metres, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def detail_of(checkpoint: Checkpoint) -> DetailStatistics:
    """The strength of finer octaves, as the model learnt it."""
    from aigc_assets.models.relief_gan import DETAIL_HEIGHTS, ReliefGenerator

    network = cast(ReliefGenerator, checkpoint.network)
    table = network.detail.double().numpy()
    return DetailStatistics(np.array(DETAIL_HEIGHTS), table, LAND_SCALE)


def settle(metres: Heights) -> Heights:
    """From the relief of the world to that of a landscape one can walk across.

    Heights shrink by `LAND_SCALE`, seas to `SEA_FLOOR`; a high plateau without a coast comes down.
    """
    lowest = float(np.percentile(_inner(metres), 1))
    land = metres - max(0.0, lowest - 40.0)
    high = np.maximum(land - PEAKS, 0)
    land = np.minimum(land, PEAKS) + PEAKS * np.tanh(high / PEAKS) / 2
    sea = SEA_FLOOR * np.tanh(np.minimum(land, 0) / 2500.0)
    return np.where(land > 0, land * LAND_SCALE, sea)


def _inner(height: Heights) -> Heights:
    return height[MARGIN:-MARGIN, MARGIN:-MARGIN]


def _draw(checkpoint: Checkpoint, kind: int, size: tuple[int, int], seed: int) -> Heights:
    """One shape in metres of the world's relief, with margins.

    The network runs alone and its heights are rounded to whole metres: one request, one result.
    """
    import torch

    from aigc_assets.models.relief_gan import OUTLINE, SCALE, ReliefGenerator, stretch

    network = cast(ReliefGenerator, checkpoint.network)
    source = torch.Generator().manual_seed(seed >> 1)
    with torch.inference_mode():
        outline = network.draw_outline(
            kind, lambda rough: relief_kind(rough) == KINDS[kind], source
        )
        blocks = [max(2, round((OUTLINE - 2) * side / max(size))) + 2 for side in size[::-1]]
        outline = torch.nn.functional.interpolate(
            outline, blocks, mode="bilinear", align_corners=True
        )
        outline = (outline * 4096).round() / 4096
        noise = torch.randn(1, network.config.channels, *blocks, generator=source)
        out = network(outline, noise)
        metres = stretch(out[0, 0].double()).numpy()
    edge = SCALE - MARGIN
    rounded: Heights = np.rint(metres[edge:-edge, edge:-edge])
    return rounded


def _edge_distance(shape: tuple[int, int]) -> Heights:
    """How far cells are from the nearest edge of the map, 0 at it, 1 in the middle; < 0 outside."""
    sides = []
    for length in shape:
        inner = length - 2 * MARGIN
        at = (np.arange(length) - MARGIN + 0.5) / inner
        sides.append(np.minimum(at, 1 - at) * 2)
    nearest: Heights = np.minimum(sides[0][:, None], sides[1][None])
    return nearest


def _press_rim(metres: Heights) -> Heights:
    """Sea all around an island, whatever little land its rim still had."""
    weight = _smooth_step((_edge_distance((metres.shape[0], metres.shape[1])) - 0.06) / 0.22)
    pressed: Heights = metres * weight + np.minimum(metres, -COAST) * (1 - weight)
    return pressed


def _bend(metres: Heights, kind: str) -> Heights:
    """Press a shape into its kind by a smooth change that the finer levels make natural."""
    inside = _edge_distance((metres.shape[0], metres.shape[1]))
    if kind == "island":
        bump = _smooth_step((inside - 0.25) / 0.5)
        raised: Heights = np.maximum(metres, 600 * bump - 60)
        return raised
    if kind == "coast":
        rows, columns = metres.shape
        down, right = np.gradient(metres)
        across = np.linspace(-1, 1, columns)[None] * np.sign(right.mean() or 1.0)
        along = np.linspace(-1, 1, rows)[:, None] * np.sign(down.mean() or 1.0)
        ramp = across if abs(right.mean()) >= abs(down.mean()) else along
        middle = float(np.median(metres))
        tilted: Heights = (metres - middle) * 0.5 + ramp * 500.0
        return tilted
    low, high = np.percentile(metres, [5, 95])
    span = max(float(high - low), 1.0)
    wanted = 2200.0 if kind == "mountain" else 350.0
    scaled: Heights = (metres - low) / span * wanted + 60.0
    return scaled


def _smooth_step(t: Heights) -> Heights:
    t = np.clip(t, 0, 1)
    eased: Heights = t * t * (3 - 2 * t)
    return eased
