"""A drawn 16 px figure is animated: the pose decoder draws every other frame in its own colours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.reference import Reference
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size16 import tiny_frames
from aigc_assets.pipelines.made import Made, load_model, provenance
from aigc_assets.pipelines.palettes import nearest
from aigc_assets.types.oklab import to_oklab
from aigc_assets.types.sprite import DIRECTIONS
from aigc_assets.types.validation import Scalar

MODEL = "poses16_decoder"
MOST_COLOURS = 18
"""Colours of a figure that the decoder was trained with."""


def fits(like: Reference | None) -> bool:
    """Whether a reference picture is a figure that stands on one 16 px frame."""
    if like is None:
        return False
    opaque = like.picture[..., 3] >= 128
    if not opaque.any() or opaque.all():
        return False
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    return 6 <= height <= tiny_frames.FRAME and 4 <= width <= tiny_frames.FRAME


def draw_animated(
    request: CharacterRequest, like: Reference, palette: NDArray[np.uint8], seed: int
) -> Made:
    """The figure of a reference picture in all animations, in the nearest colours of the pack.

    Args:
        request: Its prompt is not looked at, its kind says how the figure moves.
        like: A picture that `fits`.
        palette: Of the pack, [N, 3].
        seed: Only noted: nothing is left open.
    """
    checkpoint = load_model(MODEL)
    front, table = front_of(like.picture, palette)
    rows = [(str(row), str(side)) for row, side in checkpoint.card["vocabulary"]["poses"]]
    poses = _decode(checkpoint, front, to_oklab(palette[table]).astype(np.float32), rows)
    if request.kind == "animal":
        left = [front, tiny_frames.grounded(poses["side 1", "left"])]
        walks = {"left": left, "right": [np.ascontiguousarray(f[:, ::-1]) for f in left]}
        runs = tiny_frames.beast_runs(walks, request.animations, time=170)
    elif request.kind == "monster":
        walks = {d: [poses[f"walk {k}", d] for k in range(4)] for d in DIRECTIONS}
        walks = {d: [tiny_frames.grounded(w[0]), *w[1:]] for d, w in walks.items()}
        runs = tiny_frames.beast_runs(walks, request.animations, time=160)
    else:
        standing = {
            pose: tiny_frames.grounded(frame) if pose[0].startswith("walk") else frame
            for pose, frame in poses.items()
        }
        runs = tiny_frames.person_runs(standing, request.animations, DIRECTIONS)
    made_for: Mapping[str, Scalar] = {
        "prompt": request.prompt,
        "animations": ",".join(request.animations),
        "size": request.size,
    }
    operations = (
        f"animated from {like.name} (sha256 {like.sha256[:12]}), its colours fitted to the pack",
    )
    notes = ("the picture is the front view, every other frame is drawn after it; "
             "what the words ask for is not looked at",)  # fmt: skip
    sheet = tiny_frames.sheet(runs, table, palette)
    return Made(sheet, provenance(checkpoint, seed, made_for, operations, notes))


def front_of(
    picture: NDArray[np.uint8], palette: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Colour numbers [16, 16] of a figure, feet on the last row, and the palette index of each.

    Colours beyond `MOST_COLOURS` take the nearest of those that are used most.
    """
    opaque = picture[..., 3] >= 128
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    seen, index = opaque[box], nearest(palette, picture[box][..., :3])
    used, counts = np.unique(index[seen], return_counts=True)
    kept = np.sort(used[np.argsort(-counts, kind="stable")[:MOST_COLOURS]])
    number = 1 + nearest(palette[kept], palette[index])
    front = np.zeros((tiny_frames.FRAME, tiny_frames.FRAME), dtype=np.uint8)
    left = (tiny_frames.FRAME - seen.shape[1]) // 2
    target = front[tiny_frames.FRAME - seen.shape[0] :, left : left + seen.shape[1]]
    target[seen] = number[seen]
    return front, np.concatenate([kept[:1], kept])


def _decode(
    checkpoint: object, front: NDArray[np.uint8], colours: NDArray[np.float32],
    rows: list[tuple[str, str]],
) -> dict[tuple[str, str], NDArray[np.uint8]]:  # fmt: skip
    """Frames by pose; the front view itself stays as it is."""
    import torch

    network = checkpoint.network  # type: ignore[attr-defined]
    frame = torch.from_numpy(front.astype(np.int64)).expand(len(rows), -1, -1)
    table = torch.from_numpy(colours).expand(len(rows), -1, -1)
    with torch.inference_mode():
        drawn = network(frame, table, torch.arange(len(rows))).argmax(1).numpy().astype(np.uint8)
    poses = {row: tiny_frames.clean(d) for row, d in zip(rows, drawn, strict=True)}
    poses["walk 0", "down"] = front
    return poses
