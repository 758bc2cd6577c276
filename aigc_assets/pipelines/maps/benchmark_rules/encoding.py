"""From a `Tilemap` to the array or dictionary that a problem is scored as."""

from __future__ import annotations

import numpy as np

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps.benchmark_rules import isaac
from aigc_assets.pipelines.maps.benchmark_rules.contents import AnyContent, preset_of
from aigc_assets.types import Tilemap

_CODES: dict[str, dict[str, int]] = {
    # problem: {object class: number}; walls are 0 and floor is 1 everywhere
    "binary": {},
    "zelda": {"start": 2, "key": 3, "door": 4, "monster": 5},
    "sokoban": {"start": 2, "box": 3, "goal": 4},
    "mdungeons": {"start": 2, "exit": 3, "treasure": 5, "monster": 6},
}
_NAMES = {"potion": 4, "ogre": 7}
"""Objects of ``mdungeons`` that their name tells from others of their class."""
PITCH, MIDDLE = 4, 2
"""Cells from one room of ``isaac`` to the next, and from its corner to its middle."""


def to_pcg_benchmark(tilemap: Tilemap, problem: str) -> AnyContent:
    """Encode a map as the content of a benchmark problem.

    Args:
        tilemap: A map with a ring of wall; of ``isaac`` one that `generate_preset` made, of the
            others any whose objects the problem knows.
        problem: One of `PRESETS`.

    Returns:
        Cells [H - 2, W - 2] int64 without the ring: 0 wall, 1 floor, more by the problem. For
        ``isaac`` a dictionary of ``layout``, ``start``, ``boss``, ``shop`` and ``treasure``.

    Raises:
        UsageError: If the problem is unknown or the map has not its size.
    """
    name, preset = preset_of(problem)
    width, height = preset.size
    if name == "isaac":
        width, height = PITCH * width - 1, PITCH * height - 1
    if (tilemap.width, tilemap.height) != (width + 2, height + 2):
        raise UsageError(
            f"a map of {tilemap.width}x{tilemap.height} is no content of {name}",
            where="tilemap",
            remedy=f"{width + 2}x{height + 2} cells, the ring of wall included",
        )
    if name == "isaac":
        return _rooms(tilemap)
    content = np.where(tilemap.solid(), 0, 1).astype(np.int64)
    for item in tilemap.objects:
        code = _CODES[name].get(item.cls)
        if code is not None:
            code = _NAMES.get(item.name, code) if name == "mdungeons" else code
            content[item.cell[1], item.cell[0]] = code
    return content[1:-1, 1:-1].copy()


def _rooms(tilemap: Tilemap) -> dict[str, object]:
    solid = tilemap.solid()
    layout = []
    for room in range(isaac.WIDTH * isaac.HEIGHT):
        y, x = (PITCH * part + MIDDLE for part in divmod(room, isaac.WIDTH))
        layout.append(
            sum(door for door, (dx, dy) in isaac.DOORS.items() if not solid[y + 2 * dy, x + 2 * dx])
        )
    content: dict[str, object] = {"layout": layout}
    classes = {"start": "start", "boss": "boss", "treasure": "treasure", "trigger": "shop"}
    for item in tilemap.objects:
        if item.cls in classes:
            x, y = item.cell
            content[classes[item.cls]] = y // PITCH * isaac.WIDTH + x // PITCH
    return content
