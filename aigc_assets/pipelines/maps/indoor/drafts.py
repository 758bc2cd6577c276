"""What a map may be furnished on: layouts of a network, the best first, then ones that are built.

Of the few maps that a network draws in one pass the first is taken whose repair changes hardly a
cell, else the one with the fewest changes. That is rejection sampling: what comes out is drawn from
the network's own distribution, given that it needs (almost) no repair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from aigc_assets.pipelines.made import derive_seed
from aigc_assets.pipelines.maps.grid import LIQUID, OUTDOOR
from aigc_assets.pipelines.maps.indoor.canvas import Canvas
from aigc_assets.pipelines.maps.indoor.feasible import crowded
from aigc_assets.pipelines.maps.indoor.repair import repair
from aigc_assets.pipelines.maps.indoor.sampling import (
    Layout,
    hall,
    layout_of,
    terrain_of,
    winding,
)
from aigc_assets.pipelines.maps.networks import Drawn, draw_several
from aigc_assets.pipelines.maps.pins import Pins
from aigc_assets.pipelines.maps.request import MapRequest
from aigc_assets.pipelines.maps.requirements import Requirements

_TRIES = 6
"""Layouts of the network that are tried before a built one takes its place."""
_CHOICE = 8
"""Most maps of one pass to choose from."""
_CELLS = 3500
"""Cells of all maps of a pass together; large maps need few repairs in any case."""
_GOOD = 0.01
"""Share of the cells up to which changes make no difference to the choice."""
_LARGE = 10_000
"""Cells of a map from which on a try is dear."""
_LEAST_OPEN = 0.22
"""Least share of walkable cells inside the border."""
_CLASSES = np.array([0, 1, 2, 3, 1, -1], dtype=np.int8)
"""Class of the networks for each terrain code of a pin; bridges are floor, -1 stays free."""


class Draft(NamedTuple):
    """A connected terrain, the cells that were changed for that, and where it came from."""

    canvas: Canvas
    edits: int
    model: str
    operation: str


def drafts(
    request: MapRequest, wanted: Requirements, pins: Pins | None, seed: int
) -> Iterator[Draft]:
    """What a network draws, then what can always be built."""
    width, height = request.size
    inside = (width - 2) * (height - 2)
    crowd = (crowded(wanted) + 4) / inside
    longest = wanted.path is not None and wanted.path.low > width + height
    far = wanted.path is not None and 2 * wanted.path.low > 3 * (width + height)
    given = None if pins is None else _CLASSES[pins.terrain]
    count = max(1, min(_CHOICE, _CELLS // (width * height)))
    tried, number = 0, 0
    tries = 2 if far or (longest and width * height > _LARGE) else _TRIES
    while tried < tries:
        least = min(0.95, max(_LEAST_OPEN, 1.3 * crowd) + 0.05 * number)
        drawn = draw_several(
            request.theme,
            request.size,
            derive_seed(seed, str(number)),
            count,
            request.generator,
            given,
            open_share=least if number or crowd > 0.2 else None,
        )
        for _, draft in zip(range(2), _ranked(drawn, least, wanted, pins), strict=False):
            tried += 1
            yield draft
        number += 1
    lengths = [] if wanted.path is None else [wanted.path.low, wanted.path.low // 2]
    built = [
        (f"corridor of {n} steps and a hall", winding(request.size, n, wanted.symmetry))
        for n in lengths
    ]
    halls = [("hall", hall(request.size))]
    if wanted.boss or wanted.doors or wanted.key_before_door:
        built.append(("winding corridor", winding(request.size, symmetry=wanted.symmetry)))
    for name, layout in built + halls if longest else halls + built:
        canvas, edits = repair(layout, pins, wanted.symmetry)
        yield Draft(canvas, edits, "", f"{name}, the network's layouts had no room")


def _ranked(
    drawn: Sequence[Drawn], least: float, wanted: Requirements, pins: Pins | None
) -> Iterator[Draft]:
    """The maps of one pass: those that are good as they come, then the others, the best first.

    Most often only a few of them are repaired: who asks for one gets the first that is good.
    """
    others: list[tuple[int, Draft]] = []
    for i, raw in enumerate(drawn):
        layout = layout_of(raw, least)
        canvas, edits = repair(layout, pins, wanted.symmetry)
        edits += _differing(layout, raw)
        chosen = f", {i + 1} of {len(drawn)} for few repairs" if len(drawn) > 1 else ""
        draft = Draft(canvas, edits, raw.model, f"drawn by {raw.model}{chosen}")
        changes = edits + _missing(canvas, wanted)
        if changes <= _GOOD * canvas.flat.size:
            yield draft
        else:
            others.append((changes, draft))
    for _, draft in sorted(others, key=lambda pair: pair[0]):
        yield draft


def _differing(layout: Layout, raw: Drawn) -> int:
    return int((layout.terrain != terrain_of(raw)).sum())


def _missing(canvas: Canvas, wanted: Requirements) -> int:
    """Cells of liquid and of outdoor ground that are to be added or taken away later."""
    total = 0
    for span, kind in ((wanted.liquid, LIQUID), (wanted.outdoor, OUTDOOR)):
        if span is not None:
            count = int((canvas.flat == kind).sum())
            total += max(span.low - count, count - span.high, 0)
    return total
