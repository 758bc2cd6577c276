"""Small drawings and sheets of them, for tests of what users bring."""

from __future__ import annotations

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
