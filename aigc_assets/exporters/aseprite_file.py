"""The sprite sheet as an ``.aseprite`` file: one layer, a cel per frame, tags, palette, pivot.

References:
    Aseprite, "Aseprite File Format (.ase/.aseprite) Specifications", docs/ase-file-specs.md.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.exporters.names import encode
from aigc_assets.types import SpriteSheet

_FILE, _FRAME = 0xA5E0, 0xF1FA
_LAYER, _CEL, _PROFILE, _TAGS, _PALETTE, _SLICE = 0x2004, 0x2005, 0x2007, 0x2018, 0x2019, 0x2022
_DIRECTIONS = {"forward": 0, "reverse": 1, "pingpong": 2}
_LIMIT = 65_535  # sizes and counts have 16 bits


def export_aseprite_file(asset: SpriteSheet, name: str) -> dict[str, bytes]:
    """Write ``<name>.aseprite``, RGBA, to be opened and edited in Aseprite.

    Frames of different sizes are laid on one canvas with their pivots at the same point. A frame
    that repeats an earlier one is a linked cel.

    Args:
        asset: The sheet.
        name: File name without suffix; also the name of the layer.

    Raises:
        UsageError: If the sheet has more frames or px than the format can count.
    """
    before, after = _extent(asset)
    width, height = before[0] + after[0], before[1] + after[1]
    if max(width, height, len(asset.frames), len(asset.tags)) > _LIMIT:
        raise UsageError(f"an .aseprite file counts to {_LIMIT}", where=name)
    frames = []
    seen: dict[tuple[bytes, int, int], int] = {}
    for index, frame in enumerate(asset.frames):
        chunks = [] if index else [*_first_chunks(asset, name, before, width, height)]
        corner = (before[0] - frame.pivot[0], before[1] - frame.pivot[1])
        cel = _cel(asset.frame_image(index), corner, index, seen)
        frames.append(_frame(frame.duration_ms, chunks if cel is None else [*chunks, cel]))
    body = b"".join(frames)
    colours = len(asset.palette) + 1
    header = struct.pack(
        "<IHHHHHIHIIB3xHBBhhHH84x",
        128 + len(body), _FILE, len(frames), width, height, 32, 1, 100, 0, 0, 0, colours, 1, 1,
        0, 0, 16, 16,
    )  # fmt: skip
    return {f"{name}.aseprite": header + body}


def _extent(sheet: SpriteSheet) -> tuple[tuple[int, int], tuple[int, int]]:
    """How far the frames reach left and up, and right and down, of their pivots."""
    sides = np.array([[*f.pivot, f.rect[2] - f.pivot[0], f.rect[3] - f.pivot[1]]
                      for f in sheet.frames])  # fmt: skip
    left, up, right, down = (max(0, int(side)) for side in sides.max(axis=0))
    return (left, up), (max(right, 1 - left), max(down, 1 - up))


def _first_chunks(
    sheet: SpriteSheet, name: str, pivot: tuple[int, int], width: int, height: int
) -> Iterable[bytes]:
    """What belongs to the whole file stands in its first frame."""
    yield _chunk(_PROFILE, struct.pack("<HHI8x", 1, 0, 0))  # sRGB
    # Entry 0 is what Aseprite takes for the background when somebody turns the file into indices.
    entries = [(0, 0, 0, 0), *((*rgb, 255) for rgb in sheet.palette.tolist())]
    palette = struct.pack("<III8x", len(entries), 0, len(entries) - 1)
    yield _chunk(_PALETTE, palette + b"".join(struct.pack("<H4B", 0, *e) for e in entries))
    layer = struct.pack("<HHHHHHB3x", 3, 0, 0, 0, 0, 0, 255)
    yield _chunk(_LAYER, layer + _text(name))
    if sheet.tags:
        tags = struct.pack("<H8x", len(sheet.tags))
        for tag in sheet.tags:
            direction = _DIRECTIONS[tag.direction]
            tags += struct.pack("<HHBH6x4B", tag.start, tag.stop - 1, direction, 0, 0, 0, 0, 0)
            tags += _text(tag.name)
        yield _chunk(_TAGS, tags)
    slices = struct.pack("<III", 1, 2, 0) + _text("pivot")
    slices += struct.pack("<IiiIIii", 0, 0, 0, width, height, *pivot)
    yield _chunk(_SLICE, slices)


def _cel(
    picture: NDArray[np.uint8],
    corner: tuple[int, int],
    index: int,
    seen: dict[tuple[bytes, int, int], int],
) -> bytes | None:
    """The opaque part of a frame; None where there is nothing."""
    rows, columns = np.nonzero(picture[..., 3])
    if len(rows) == 0:
        return None
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    pixels = np.ascontiguousarray(picture[top:bottom, left:right])
    x, y = corner[0] + int(left), corner[1] + int(top)
    key = (pixels.tobytes(), x, y)
    linked = key in seen
    head = struct.pack("<HhhBHh5x", 0, x, y, 255, 1 if linked else 2, 0)
    if linked:
        return _chunk(_CEL, head + struct.pack("<H", seen[key]))
    seen[key] = index
    size = struct.pack("<HH", right - left, bottom - top)
    return _chunk(_CEL, head + size + zlib.compress(key[0], 9))


def _frame(duration: int, chunks: list[bytes]) -> bytes:
    body = b"".join(chunks)
    return (
        struct.pack("<IHHH2xI", 16 + len(body), _FRAME, len(chunks), duration, len(chunks)) + body
    )


def _chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IH", 6 + len(data), kind) + data


def _text(text: str) -> bytes:
    data = encode(text)[:_LIMIT]
    return struct.pack("<H", len(data)) + data
