"""Draws the frames of one figure with the network and lays them out as a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from aigc_assets.models.checkpoint import Checkpoint
from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.palettes import nearest
from aigc_assets.types import Frame, SpriteSheet, Tag
from aigc_assets.types.sprite import DIRECTIONS

FRAME = 64
PIVOT = (32, 61)
"""Where a figure stands in every frame: between the feet, on the ground."""
DURATION_MS: Mapping[str, int] = {
    "idle": 300, "walk": 100, "run": 80, "jump": 110, "sit": 600, "slash": 80,
}  # fmt: skip
SHOWN: Mapping[str, tuple[int, ...]] = {"sit": (0,)}
"""Frames of an action that make its animation, where that is not all of them."""
SETS_OUT: Mapping[tuple[str, str], int] = {
    ("walk", "down"): 1, ("walk", "up"): 1, ("walk", "left"): 3,
}  # fmt: skip
"""Frame that an animation begins with, by action and drawn facing, where that is not the first.

The source's walk from the side is a quarter of a cycle ahead of those from the front and the back:
its feet are apart where theirs are together. Begun like this they keep step when a figure turns,
and every loop closes on a small step.
"""
MIRRORED: Mapping[str, str] = {"right": "left"}
"""Facings that are drawn as the mirror image of another."""
BATCH = 16
"""Frames drawn at once."""
MIN_SPECK = 4
"""Connected specks of fewer pixels than this are not part of a figure."""
STEADY, HEAD_ROWS = frozenset(("idle", "walk", "sit", "slash")), 30
"""Actions in which heads of the source never change, and the rows of the window they lie in."""


@dataclass(frozen=True)
class Drawing:
    """Frames of one figure as slot classes.

    Args:
        slots: [F, 64, 64] uint8.
        runs: Per animation: name, action, first frame, one past the last.
        numbers: Which frame of its action each one is, [F].
    """

    slots: NDArray[np.uint8]
    runs: tuple[tuple[str, str, int, int], ...]
    numbers: tuple[int, ...]


def draw(
    checkpoint: Checkpoint,
    values: Mapping[str, str],
    animations: tuple[tuple[str, str], ...],
    seed: int,
) -> Drawing:
    """Draw all frames of all animations.

    Args:
        checkpoint: Of the model ``character_cvae``.
        values: Value of every attribute.
        animations: (name of the tag, action) pairs.
        seed: Chooses the latent, that is, what no attribute says.
    """
    vocabulary = checkpoint.card["vocabulary"]
    starts = _pose_starts(vocabulary)
    runs: list[tuple[str, str, int, int]] = []
    poses: list[tuple[int, bool]] = []  # number of the pose, and whether it is mirrored
    numbers: list[int] = []
    for name, action in animations:
        shown = SHOWN.get(action, tuple(range(vocabulary["actions"][action])))
        for direction in DIRECTIONS:
            runs.append((f"{name}_{direction}", action, len(poses), len(poses) + len(shown)))
            drawn = MIRRORED.get(direction, direction)
            first, start = SETS_OUT.get((action, drawn), 0), starts[action, drawn]
            frames = shown[first:] + shown[:first]
            poses += [(start + frame, direction in MIRRORED) for frame in frames]
            numbers += frames
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of sums, and so the bytes, must not depend on threads
    try:
        pictures = _pictures(checkpoint, values, sorted({pose for pose, _ in poses}), seed)
    finally:
        torch.set_num_threads(threads)
    for _, action, start, stop in runs:
        if action in STEADY:
            _hold_head([pictures[pose] for pose, _ in poses[start:stop]])
    windows = vocabulary["windows"]
    placed = {pose: _placed(picture, *windows[pose]) for pose, picture in pictures.items()}
    slots = [placed[p][:, ::-1] if mirrored else placed[p] for p, mirrored in poses]
    return Drawing(np.stack(slots), tuple(runs), tuple(numbers))


def _pictures(
    checkpoint: Checkpoint, values: Mapping[str, str], poses: list[int], seed: int
) -> dict[int, NDArray[np.uint8]]:
    """Slots in the window of each pose, [height, width]."""
    vocabulary = checkpoint.card["vocabulary"]
    network: Any = checkpoint.network
    number = int(generator(derive_seed(seed, "latent")).integers(len(network.anchors)))
    known = vocabulary["attributes"]
    attributes = torch.tensor([known[a].index(values[a]) for a in known])
    columns = {pose: tuple(vocabulary["columns"][pose] or ()) for pose in poses}
    shape = network.config.height, network.config.width
    out = {pose: np.zeros(shape, dtype=np.uint8) for pose in poses}
    with torch.inference_mode():
        for span in sorted(set(columns.values())):
            seen = slice(8 * span[0], 8 * span[1]) if span else slice(None)
            member = [pose for pose in poses if columns[pose] == span]
            for part in (member[i : i + BATCH] for i in range(0, len(member), BATCH)):
                logits = network.decode(
                    network.anchors[number].expand(len(part), -1),
                    attributes.expand(len(part), -1),
                    torch.tensor(part),
                    span or None,
                )
                for pose, picture in zip(part, logits.argmax(1).numpy(), strict=True):
                    out[pose][:, seen] = picture
    return out


def _hold_head(frames: list[NDArray[np.uint8]]) -> None:
    """Give the heads of an animation, in windows that follow them, what most frames show there.

    A network that draws each frame by itself is of two minds about a few pixels.
    """
    heads = np.stack([frame[:HEAD_ROWS] for frame in frames])
    votes = (heads[:, None] == heads[None]).sum(1)
    most = np.take_along_axis(heads, votes.argmax(0)[None], 0)[0]
    for frame in frames:
        frame[:HEAD_ROWS] = most


def _placed(picture: NDArray[np.uint8], left: int, top: int) -> NDArray[np.uint8]:
    """A whole frame with ``picture`` at (left, top), without specks."""
    frame = np.zeros((FRAME, FRAME), dtype=np.uint8)
    y, x = max(0, top), max(0, left)
    part = picture[y - top : FRAME - top, x - left : FRAME - left]
    frame[y : y + part.shape[0], x : x + part.shape[1]] = part
    _remove_specks(frame)
    return frame


def assemble(drawing: Drawing, table: NDArray[np.intp], palette: NDArray[np.uint8]) -> SpriteSheet:
    """One row per animation; every colour of every frame occurs in the first frame.

    Args:
        drawing: Frames as slots.
        table: Palette index per slot class.
        palette: Of the pack, [N, 3].
    """
    colours = table[drawing.slots]
    opaque = drawing.slots > 0
    base = np.unique(colours[0][opaque[0]])
    if len(base) == 0:
        base = np.unique(colours[opaque]) if opaque.any() else np.array([0])
    colours = _onto(colours, opaque, base, palette)
    columns = max(stop - start for _, _, start, stop in drawing.runs)
    image = np.zeros((FRAME * len(drawing.runs), FRAME * columns, 4), dtype=np.uint8)
    frames, tags = [], []
    for row, (name, action, start, stop) in enumerate(drawing.runs):
        tags.append(Tag(name, start, stop))
        for i in range(start, stop):
            x, y = FRAME * (i - start), FRAME * row
            target = image[y : y + FRAME, x : x + FRAME]
            target[opaque[i], :3] = palette[colours[i][opaque[i]]]
            target[opaque[i], 3] = 255
            frames.append(Frame((x, y, FRAME, FRAME), DURATION_MS[action], PIVOT))
    return SpriteSheet(image, tuple(frames), tuple(tags), palette[base])


def _onto(
    colours: NDArray[np.intp],
    opaque: NDArray[np.bool_],
    base: NDArray[np.intp],
    palette: NDArray[np.uint8],
) -> NDArray[np.intp]:
    """Replace colours that ``base`` lacks by the nearest that it has."""
    replace = np.arange(len(palette))
    lacking = np.setdiff1d(np.unique(colours[opaque]), base)
    if len(lacking):
        replace[lacking] = base[nearest(palette[base], palette[lacking])]
    return replace[colours]


def _remove_specks(frame: NDArray[np.uint8]) -> None:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (frame > 0).astype(np.uint8), connectivity=8
    )
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < MIN_SPECK:
            frame[labels == label] = 0


def _pose_starts(vocabulary: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Number of the first pose of every (action, direction)."""
    starts, number = {}, 0
    for action, frames in vocabulary["actions"].items():
        for direction in vocabulary["directions"]:
            starts[action, direction] = number
            number += frames
    return starts
