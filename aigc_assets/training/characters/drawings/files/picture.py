"""PNG files of strangers as RGBA; what makes drawings of them: background, alpha, pixel size."""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.types.oklab import to_oklab

MOST_PIXELS = 4096 * 4096
"""Of one picture; checked on the header."""
LARGEST_SCALE = 8
"""Pixels of art that was enlarged are at most so large."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LOUD = 0.2
"""OKLab chroma from which a background is a key colour that nothing is drawn in."""

Rgba = NDArray[np.uint8]


def read_png(data: bytes, where: str) -> Rgba:
    """The picture [H, W, 4] in a file.

    Raises:
        DataError: If it is no PNG, too large, damaged or cut off; nothing is unpacked before.
    """
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 45:
        raise DataError("is not a PNG", where=where)
    width, height = struct.unpack(">II", data[16:24])
    if not width or not height or width * height > MOST_PIXELS:
        raise DataError(
            f"is {width}x{height} px, at most {MOST_PIXELS >> 20} million are read: cut it in two",
            where=where,
        )
    _check_chunks(data, where)
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError("is a damaged PNG", where=where) from error
    if image is None or image.shape[:2] != (height, width):
        raise DataError("is a damaged PNG", where=where)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    code = cv2.COLOR_BGR2RGBA if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.ascontiguousarray(cv2.cvtColor(image, code)).astype(np.uint8)


def _check_chunks(data: bytes, where: str) -> None:
    """Decoders fill what is missing with nothing; here a cut file is said to be one."""
    place = len(_SIGNATURE)
    while True:
        if place + 12 > len(data):
            raise DataError("is cut off", where=where)
        (length,) = struct.unpack_from(">I", data, place)
        stop = place + 12 + length
        if stop > len(data):
            raise DataError("is cut off", where=where)
        if zlib.crc32(data[place + 4 : stop - 4]) != int.from_bytes(data[stop - 4 : stop], "big"):
            raise DataError("is a damaged PNG: a checksum is wrong", where=where)
        if data[place + 4 : place + 8] == b"IEND":
            return
        place = stop


def key_background(picture: Rgba, where: str) -> tuple[Rgba, str]:
    """A picture without alpha, its plain background made transparent; and the colour as text.

    What the rim can reach is background; enclosed areas of its colour only where the colour is a
    loud one such as magenta. A picture that has alpha comes back as it is, with ''.

    Raises:
        DataError: If there is neither transparency nor a plain background.
    """
    if (picture[..., 3] < 128).any():
        return picture, ""
    packed = picture[..., :3].astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    rim = np.concatenate([packed[0], packed[-1], packed[:, 0], packed[:, -1]])
    values, counts = np.unique(rim, return_counts=True)
    colour = int(values[counts.argmax()])
    if counts.max() < 0.6 * len(rim):
        raise DataError(
            "has neither transparency nor a plain background: erase what is behind the figures",
            where=where,
        )
    same = packed == colour
    rgb = np.array([[colour >> 16, colour >> 8 & 255, colour & 255]], np.uint8)
    if np.hypot(*to_oklab(rgb)[0, 1:]) < _LOUD:
        parts = cv2.connectedComponents(same.astype(np.uint8), connectivity=4)[1]
        rims = (parts[0], parts[-1], parts[:, 0], parts[:, -1])
        outside = np.unique(np.concatenate(rims))
        same = np.isin(parts, outside[outside > 0])
    keyed = picture.copy()
    keyed[same] = 0
    return keyed, f"#{colour:06x}"


def hard_edges(picture: Rgba) -> tuple[Rgba, float]:
    """The picture with alpha 0 or 255, and which share of its visible pixels was half-transparent.

    Pixels that are not drawn are all zero.
    """
    alpha = picture[..., 3]
    seen = int((alpha > 10).sum())
    half = int(((alpha > 10) & (alpha < 245)).sum())
    hard = np.where((alpha >= 128)[..., None], picture, np.uint8(0))
    hard[..., 3] = np.where(alpha >= 128, 255, 0)
    return hard, half / max(1, seen)


def pixel_size(picture: Rgba, *, divides: tuple[int, ...] = ()) -> int:
    """By how much pixel art was enlarged, 1..`LARGEST_SCALE`: all changes lie that far apart.

    Args:
        picture: [H, W, 4], transparent pixels all zero.
        divides: Numbers that the result has to divide, such as the sides of given cells.
    """
    packed = np.ascontiguousarray(picture).view(np.uint32)[..., 0]
    step = 0
    changes = 0
    for axis in (0, 1):
        lines = packed if axis == 0 else packed.T
        places = np.flatnonzero((lines[1:] != lines[:-1]).any(1)) + 1
        changes += len(places)
        step = math.gcd(step, *places.tolist())
    for number in (*picture.shape[:2], *divides):
        step = math.gcd(step, number)
    # Few changes may lie far apart by chance.
    if changes < 6:
        return 1
    return max(k for k in range(1, LARGEST_SCALE + 1) if step % k == 0) if step else 1
