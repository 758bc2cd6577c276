"""Small drawings and sheets of them, for tests of what users bring."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import cv2
import numpy as np


def figure(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A figure [height, width, 4] that touches all its sides, in one piece, of a few colours."""
    random = np.random.Generator(np.random.Philox(seed))
    y = np.abs(np.arange(height) - (height - 1) / 2)[:, None] / (height / 2)
    x = np.abs(np.arange(width) - (width - 1) / 2)[None] / (width / 2)
    solid = np.hypot(x, y) < 0.9 + 0.2 * random.random((height, width))
    solid[height // 2], solid[:, width // 2] = True, True
    colours = random.integers(30, 226, (4, 3))
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., :3] = colours[random.integers(0, 4, (height, width))]
    picture[..., 3] = 255
    picture[~solid] = 0
    return picture


def png(picture: np.ndarray) -> bytes:
    """A PNG of an RGBA or RGB picture."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.imencode(".png", cv2.cvtColor(picture, code))[1].tobytes()


def sheet(
    figures: list[np.ndarray], columns: int, cell: tuple[int, int], margin: int, spacing: int
) -> np.ndarray:
    """Figures on the ground line of cells (height, width), in reading order."""
    rows = -(-len(figures) // columns)
    high, wide = (2 * margin + n * c + (n - 1) * spacing
                  for n, c in zip((rows, columns), cell, strict=True))  # fmt: skip
    picture = np.zeros((high, wide, 4), np.uint8)
    for number, drawn in enumerate(figures):
        y, x = divmod(number, columns)
        height, width = drawn.shape[:2]
        top = margin + y * (cell[0] + spacing) + cell[0] - height
        left = margin + x * (cell[1] + spacing) + (cell[1] - width) // 2
        picture[top : top + height, left : left + width] = drawn
    return picture


def gif(
    frames: Sequence[np.ndarray], *, left: int = 0, screen: tuple[int, int] | None = None
) -> bytes:
    """An animated GIF of RGBA frames of at most 255 colours; codes of nine bits, never packed."""
    pictures = [frame[..., :3] * (frame[..., 3:] > 0) for frame in frames]
    solid = np.concatenate([p[f[..., 3] > 0] for p, f in zip(pictures, frames, strict=True)] or [
        np.zeros((0, 3), np.uint8)])  # fmt: skip
    colours = np.unique(solid, axis=0)
    table = np.zeros((256, 3), np.uint8)
    table[1 : len(colours) + 1] = colours
    height, width = frames[0].shape[:2] if len(frames) else (8, 8)
    size = screen or (width, height)
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0xF7, 0, 0) + table.tobytes()
    for frame, picture in zip(frames, pictures, strict=True):
        index = (picture.reshape(-1, 1, 3) == colours[None]).all(2).argmax(1) + 1
        index[frame[..., 3].ravel() == 0] = 0
        codes = []
        for start in range(0, len(index), 200):  # a clear code before codes grow
            codes += [256, *index[start : start + 200].tolist()]
        number = sum(code << 9 * i for i, code in enumerate([*codes, 257]))
        stream = number.to_bytes((9 * (len(codes) + 1) + 7) // 8, "little")
        blocks = [stream[i : i + 255] for i in range(0, len(stream), 255)]
        data += b"\x21\xf9\x04" + struct.pack("<BHBB", 0x09, 10, 0, 0)
        data += b"\x2c" + struct.pack("<HHHHB", left, 0, width, height, 0) + b"\x08"
        data += b"".join(bytes([len(block)]) + block for block in blocks) + b"\x00"
    return data + b"\x3b"
