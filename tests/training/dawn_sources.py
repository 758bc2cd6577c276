"""Small stand-ins for the 16 px creatures of one view: blobs that differ by number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from aigc_assets.training.characters.size16.beast_labels import beasts


def beast(number: int) -> np.ndarray:
    """Two frames [2, 16, 16, 4]: an outlined body with an eye, legs, a tail of another colour."""
    frames = np.zeros((2, 16, 16, 4), dtype=np.uint8)
    wide, tall = 8 + number % 3 * 2, 6 + number // 3 % 3
    for step, frame in enumerate(frames):
        frame[14 - tall : 15 - step, 1 : 3 + wide] = (20, 22, 27, 255)
        frame[15 - tall : 14 - step, 2 : 2 + wide] = (60 + number % 90, 150, 70, 255)
        frame[15 - tall : 14 - step, 8 : 2 + wide] = (200, 120, 60 + number % 50, 255)
        frame[16 - tall, 4] = (20, 22, 27, 255)
        frame[15, 2:4] = frame[15, 7:9] = (20, 22, 27, 255)
    return frames


def write_dawn(root: Path) -> None:
    """Every creature of the labels."""
    folder = root / "sprites" / "packed"
    folder.mkdir(parents=True, exist_ok=True)
    names = [one.name for one in beasts().values()]
    frames = np.stack([beast(number) for number in range(len(names))])
    np.savez_compressed(folder / "dawnlike_16.npz", frames=frames)
    (folder / "dawnlike_16.json").write_text(json.dumps([{"name": name} for name in names]))
