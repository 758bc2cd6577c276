"""Sheets out of PNG files: sizes are checked on the header, before anything is decoded."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError, UsageError
from aigc_assets.types import Frame, SpriteSheet, Tag

MAX_BYTES = 64_000_000
MAX_PIXELS = 1 << 24
MAX_COLOURS = 253
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_file(path: Path) -> bytes:
    """The bytes of a file of at most 64 MB.

    Raises:
        DataError: If it cannot be read or is larger.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"larger than {MAX_BYTES} bytes", where=str(path))
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read it: {reason}", where=str(path)) from error


def read_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """The pixels of a PNG file, [H, W, 4] uint8 RGBA.

    Args:
        data: The file.
        name: How messages call it.

    Raises:
        DataError: If it is no PNG, damaged, or of more than 16 megapixels.
    """
    if data[:8] != _SIGNATURE or len(data) < 33 or data[12:16] != b"IHDR":
        raise DataError("not a PNG file", where=name)
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= MAX_PIXELS:
        raise DataError(f"{width}x{height} px", where=name, remedy=f"at most {MAX_PIXELS} px")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError("a damaged PNG", where=name) from error
    if image is None or image.shape[:2] != (height, width):
        raise DataError("a damaged PNG", where=name)
    if image.dtype == np.uint16:
        image = (image // 256).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    code = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    rgba: NDArray[np.uint8] = cv2.cvtColor(image, code).astype(np.uint8)
    return rgba


def read_sheet(data: bytes, frame: tuple[int, int], name: str = "sheet") -> SpriteSheet:
    """A PNG of equal frames as a sheet with one tag, ``all``.

    Args:
        data: The file.
        frame: Width and height of a frame in px; they divide those of the picture.
        name: How messages call it.

    Raises:
        DataError: If it is no PNG, damaged or too large.
        UsageError: If the frames do not divide it, pixels are half-transparent, or it has more
            than 253 colours.
    """
    image = read_picture(data, name)
    height, width = image.shape[:2]
    across, down = frame
    if not (0 < across <= 512 and 0 < down <= 512) or width % across or height % down:
        raise UsageError(
            f"frames of {across}x{down} px do not divide {width}x{height} px", where=name,
            remedy="give the size of a frame, as 32x32, at most 512x512",
        )  # fmt: skip
    alpha = image[..., 3]
    if not ((alpha == 0) | (alpha == 255)).all():
        raise UsageError(
            "half-transparent pixels", where=name, remedy="pixel art has alpha 0 or 255 only"
        )
    image = image * (alpha[..., None] > 0).astype(np.uint8)
    palette = np.unique(image[alpha > 0][:, :3], axis=0)
    if len(palette) > MAX_COLOURS:
        raise UsageError(f"{len(palette)} colours", where=name,
                         remedy=f"pixel art of at most {MAX_COLOURS}")  # fmt: skip
    frames = tuple(
        Frame((x, y, across, down), 100, (across // 2, down - 1))
        for y in range(0, height, down)
        for x in range(0, width, across)
    )
    palette = palette if len(palette) else np.zeros((1, 3), np.uint8)
    return SpriteSheet(image, frames, (Tag("all", 0, len(frames)),), palette)
