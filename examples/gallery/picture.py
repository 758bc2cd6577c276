"""What all contact sheets are made of: a line of text, and a PNG with a palette."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.pixel_font import text_mask

Picture = NDArray[np.uint8]

MARGIN, CAPTION = 8, 14
PAPER, BOARD = (24, 22, 32), (62, 64, 78)
INK, NAME = (150, 154, 170), (240, 236, 220)


def write(panel: Picture, text: str, x: int, colour: tuple[int, int, int]) -> int:
    """Write a line at the foot of a panel; where it ends."""
    mask = text_mask(text)[:, : panel.shape[1] - x]
    top = panel.shape[0] - mask.shape[0] - 1
    panel[top : top + mask.shape[0], x : x + mask.shape[1]][mask] = colour
    return x + mask.shape[1]


def encode(picture: Picture) -> bytes:
    """A PNG with a palette, which is a third of the size of one without."""
    flat = picture.reshape(-1, 3).astype(np.uint32)
    codes, index = np.unique(flat @ np.array([65536, 256, 1], dtype=np.uint32), return_inverse=True)
    if len(codes) > 256:
        raise ValueError(f"{len(codes)} colours do not fit into a palette")
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(np.uint8)
    height, width = picture.shape[:2]
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with its filter, none
    rows[:, 1:] = index.reshape(height, width)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        out += struct.pack(">I", len(data)) + kind + data
        out += struct.pack(">I", zlib.crc32(kind + data))
    return out
