"""The masked-token Transformer: windows that see what is pinned and what was drawn before.

Where walkable areas do not hang together, what parts them is drawn again.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_assets.models.map_maskgit import USUAL_SHARES, MapMaskgit
from aigc_assets.models.map_mending import MEND_STEPS, mend
from aigc_assets.pipelines.made import derive_seed, load_model, one_thread
from aigc_assets.pipelines.maps.networks import CLASSES, LABELS, OF_GAN, Classes, Drawn

_STRIDE = 24
"""Between windows of 32; what they have in common is context of the later one."""
_BATCH = 8
"""Windows that are filled together at most."""
_MOSTLY_FREE = 0.6
"""Share of free cells from which on a map is given a share of open cells as levels have it."""
_SPACIOUS = 2
"""Steps of the open share that are too tight for what is placed on a map later."""
_CAREFUL: dict[str, Any] = {"steps": 12, "rounds": 4, "temperature": 0.78}
"""How boards and side views are drawn: more must fit together there, and nothing is mended."""
_WALKABLE = 1, 2, 4
"""Classes that can be walked on in the themes of `OF_GAN`."""
_SHARES = 0.2, 0.76
"""Open shares between which the network was trained with steps."""


def fill(
    theme: str,
    cells: NDArray[np.int8],
    seed: int,
    *,
    open_share: float | None = None,
    steps: int | None = None,
) -> Drawn:
    """Fill in the free cells of a map.

    In the themes of `OF_GAN` free cells that part walkable areas are drawn again up to three times,
    see `aigc_assets.models.map_mending`.

    Args:
        theme: One of `LABELS`.
        cells: Classes, -1 for free cells, [H, W].
        seed: Of all that is drawn.
        open_share: Wanted share of open cells, 0..1, or None.
        steps: Rounds for each window; by default as the theme needs.
    """
    network = cast(MapMaskgit, load_model("map_maskgit", narrow=True).network)
    config = network.config
    height, width = cells.shape
    sides = [max(config.window, side + side % 2) for side in cells.shape]
    if theme == "sokoban" and max(cells.shape) <= config.window // 2:
        sides = [config.window // 2] * 2  # that is what it was trained on
    canvas = np.full(sides, config.outside, dtype=np.int64)
    canvas[:height, :width] = np.where(cells < 0, config.mask, cells)
    source = torch.Generator().manual_seed(derive_seed(seed, "masked", theme) >> 1)
    share = config.shares
    if open_share is not None:
        low, high = _SHARES
        share = min(max(int((open_share - low) / (high - low) * share), 0), share - 1)
    elif theme in OF_GAN and (cells < 0).mean() > _MOSTLY_FREE:
        usual = torch.tensor((0.0,) * _SPACIOUS + USUAL_SHARES[_SPACIOUS:])
        share = int(torch.multinomial(usual, 1, generator=source))

    def draw(
        cells: NDArray[np.int64], share: int, **options: Any
    ) -> tuple[Classes, NDArray[np.float32]]:
        known = np.where(cells == config.outside, 0, cells)
        chances = (known == np.arange(CLASSES)[:, None, None]).astype(np.float32)
        for group in _groups(cells == config.mask, min(config.window, *sides)):
            windows = torch.from_numpy(np.stack([cells[part] for part in group]))
            label = torch.full((len(group),), LABELS.index(theme))
            wanted = torch.full((len(group),), share)
            free = (windows == config.mask).numpy()
            with one_thread(), torch.inference_mode():
                filled, found = network.fill(windows, label, wanted, source, **options)
            for part, cut, classes, chance in zip(
                group, free, filled.numpy(), found.numpy(), strict=True
            ):
                cells[part][cut] = classes[cut]
                chances[(slice(None), *part)][:, cut] = chance[:, cut]
        return cells[:height, :width].astype(np.uint8), chances[:, :height, :width]

    def redraw(maps: Classes, hidden: NDArray[np.bool_]) -> tuple[Classes, NDArray[np.float32]]:
        again = canvas.copy()
        again[:height, :width] = np.where(hidden[0], config.mask, maps[0])
        classes, chances = draw(again, config.shares, steps=MEND_STEPS, rounds=0)
        return classes[None], chances[None]

    options = {} if theme in OF_GAN else _CAREFUL
    if steps is not None:
        options = {**options, "steps": steps}
    classes, chances = draw(canvas.copy(), share, **options)
    if theme in OF_GAN:
        free = (cells < 0)[None]
        mended = mend(classes[None], chances[None], free, _WALKABLE, redraw)
        classes, chances = mended[0][0], mended[1][0]
    return Drawn(classes, chances, "map_maskgit")


Part = tuple[slice, slice]


def _groups(free: NDArray[np.bool_], side: int) -> list[list[Part]]:
    """Windows in the order in which they are filled; those of a group do not overlap.

    Along a slanted line of the grid of windows no two overlap, and all that lie above and to the
    left are done. A window without free cells is left out. One whose free cells lie close together
    is moved so that they are in its middle, and filled alone.
    """
    starts = [_starts(length, side) for length in free.shape]
    lines: dict[int, list[Part]] = {}
    left = free.copy()
    for i, y in enumerate(starts[0]):
        for j, x in enumerate(starts[1]):
            part = slice(y, y + side), slice(x, x + side)
            if left[part].any():
                part = _centred(left, part)
                left[part] = False
                lines.setdefault(3 * i + j, []).append(part)
    groups: list[list[Part]] = []
    for line in sorted(lines):
        group: list[Part] = []
        for part in lines[line]:
            if len(group) == _BATCH or any(_overlap(part, other) for other in group):
                groups.append(group)
                group = []
            group.append(part)
        groups.append(group)
    return groups


def _centred(free: NDArray[np.bool_], part: Part) -> Part:
    """The window moved to where its free cells lie in the middle, if they leave it room."""
    moved = []
    for axis, cut in enumerate(part):
        lines = np.flatnonzero(free[part].any(1 - axis))
        low, high = cut.start + int(lines[0]), cut.start + int(lines[-1])
        side = cut.stop - cut.start
        start = cut.start
        if high - low < side - 2 * _NEAR:
            start = min(max((low + high + 1 - side) // 4 * 2, 0), free.shape[axis] - side)
        moved.append(slice(start, start + side))
    return moved[0], moved[1]


_NEAR = 6
"""Cells of context that are worth moving a window for."""


def _overlap(one: Part, other: Part) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _starts(length: int, side: int) -> list[int]:
    """Even first cells of windows that cover an axis."""
    starts = list(range(0, max(length - side, 0), _STRIDE))
    return [*starts, length - side]
