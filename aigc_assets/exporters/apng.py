"""A moving preview of a sprite sheet for pages and people: an animated PNG.

The facings of an action (``walk_down``, ``walk_up``, ...) play beside each other, one action after
the other, each for about two seconds.

References:
    W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 11.3.8 (animation).
"""

from __future__ import annotations

import itertools
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.animation import animations, playing_order
from aigc_assets.types import SpriteSheet, Tag
from aigc_assets.types.sprite import DIRECTIONS

_SHOWN_MS = 2000
_LARGEST_SIDE = 128
"""Small frames are enlarged by whole px up to this side."""
_MAX_STEPS = 200
"""Of one action, should its frames be very short."""


def export_apng(asset: SpriteSheet, name: str) -> dict[str, bytes]:
    """Write ``<name>.apng``, which repeats for ever; frames are disposed to transparent.

    Args:
        asset: The sheet.
        name: File name without suffix.
    """
    side = max(max(frame.rect[2:]) for frame in asset.frames)
    scale = max(1, _LARGEST_SIDE // side)
    groups = _groups(animations(asset))
    columns = max(len(group) for group in groups)
    pictures: list[tuple[NDArray[np.uint8], int]] = []
    for group in groups:
        for time, stop in _steps(asset, group):
            canvas = np.zeros((side, columns * side, 4), dtype=np.uint8)
            for column, tag in enumerate(group):
                picture = asset.frame_image(_frame_at(asset, tag, time))
                x = column * side + (side - picture.shape[1]) // 2
                y = side - picture.shape[0]
                canvas[y:, x : x + picture.shape[1]] = picture
            pictures.append((canvas.repeat(scale, axis=0).repeat(scale, axis=1), stop - time))
    return {f"{name}.apng": _encode(pictures)}


def _groups(tags: tuple[Tag, ...]) -> list[list[Tag]]:
    """The tags of each action, its facings together."""
    found: dict[str, list[Tag]] = {}
    for tag in tags:
        action, _, facing = tag.name.rpartition("_")
        found.setdefault(action if action and facing in DIRECTIONS else tag.name, []).append(tag)
    return list(found.values())


def _steps(sheet: SpriteSheet, group: list[Tag]) -> list[tuple[int, int]]:
    """Spans (from, to) in ms in which no picture of the group changes."""
    turns = [_ends(sheet, tag) for tag in group]
    longest = max(ends[-1] for ends in turns)
    length = longest * max(1, -(-_SHOWN_MS // longest))
    times = {0, length}
    for ends in turns:
        for start in range(0, length, ends[-1]):
            times.update(start + end for end in ends if start + end < length)
    return list(itertools.pairwise(sorted(times)))[:_MAX_STEPS]


def _ends(sheet: SpriteSheet, tag: Tag) -> list[int]:
    """When each frame of one turn ends, in ms."""
    return list(itertools.accumulate(sheet.frames[i].duration_ms for i in playing_order(tag)))


def _frame_at(sheet: SpriteSheet, tag: Tag, time: int) -> int:
    ends = _ends(sheet, tag)
    return playing_order(tag)[int(np.searchsorted(ends, time % ends[-1], side="right"))]


def _encode(pictures: list[tuple[NDArray[np.uint8], int]]) -> bytes:
    height, width = pictures[0][0].shape[:2]
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        _chunk(b"acTL", struct.pack(">II", len(pictures), 0)),
    ]
    number = 0
    for index, (picture, duration) in enumerate(pictures):
        control = struct.pack(
            ">IIIIIHHBB", number, width, height, 0, 0, min(duration, 65_535), 1000, 1, 0
        )
        parts.append(_chunk(b"fcTL", control))
        rows = np.zeros((height, 1 + 4 * width), dtype=np.uint8)
        rows[:, 1:] = picture.reshape(height, -1)
        data = zlib.compress(rows.tobytes(), 9)
        number += 1
        if index == 0:
            parts.append(_chunk(b"IDAT", data))
        else:
            parts.append(_chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
