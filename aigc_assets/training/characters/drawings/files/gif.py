"""GIF files of strangers: every frame as it is shown.

All blocks are walked before anything is unpacked, so that a file says in its own words how much it
holds, and a cut one is said to be one.

References:
    CompuServe, "Graphics Interchange Format, Version 89a" (1990), sections 17 to 27.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError

MOST_PIXELS = 16 * 1024 * 1024
"""Of all frames together."""
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B


def read_gif(data: bytes, where: str) -> NDArray[np.uint8]:
    """The frames [F, H, W, 4] of a file, transparent where nothing is drawn.

    Raises:
        DataError: If it is no GIF, too large, damaged or cut off; nothing is unpacked before.
    """
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 14:
        raise DataError("is not a GIF", where=where)
    width, height = struct.unpack("<HH", data[6:10])
    try:
        count = _count(data)
    except IndexError as error:
        raise DataError("is cut off", where=where) from error
    if count == 0 or not width or not height:
        raise DataError("is a damaged GIF", where=where)
    if count * width * height > MOST_PIXELS:
        limit = f"at most {MOST_PIXELS >> 20} million px are read"
        raise DataError(f"is {count} frames of {width}x{height} px, {limit}", where=where)
    import av

    try:
        container: Any = av.open(io.BytesIO(data), format="gif")
        with container as opened:
            frames = [frame.to_ndarray(format="rgba") for frame in opened.decode(video=0)]
    except (av.FFmpegError, ValueError) as error:
        raise DataError("is a damaged GIF", where=where) from error
    if len(frames) != count or any(f.shape != (height, width, 4) for f in frames):
        raise DataError("is a damaged GIF", where=where)
    return np.array(frames, dtype=np.uint8)


def _count(data: bytes) -> int:
    """How many images there are; 0 where a block is none of the format.

    Raises:
        IndexError: If the file ends before its trailer.
    """
    screen = struct.unpack("<HH", data[6:10])
    at, count = 13 + _table(data[10]), 0
    while (block := data[at]) != _END:
        if block == _EXTENSION:
            at += 2
        elif block == _IMAGE:
            left, top, width, height, flags = struct.unpack("<HHHHB", _exactly(data, at + 1, 9))
            if left + width > screen[0] or top + height > screen[1] or not width or not height:
                return 0
            count += 1
            at += 11 + _table(flags)
        else:
            return 0
        while length := data[at]:
            at += 1 + length
        at += 1
    return count


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _exactly(data: bytes, start: int, length: int) -> bytes:
    if start + length > len(data):
        raise IndexError(start)
    return data[start : start + length]
