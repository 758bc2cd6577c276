"""Writes the lists of training pictures beside the weights; run it as a module.

A list says which pictures a model has seen, as tone codes, and from which distance on a drawing is
its own: see `aigc_assets.pipelines.characters.neighbours`, which reads it.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import AigcError
from aigc_assets.metrics.likeness import CopyIndex, tone_codes
from aigc_assets.models.cards import write_whole
from aigc_assets.training.characters.size16.tiny_creatures import COLOURS
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.packing import read

ALLOWED = 0.01
"""Share of held-out real pictures that may count as copies."""


def neighbours(
    known: NDArray[np.uint8], names: Sequence[str], held_out: NDArray[np.uint8]
) -> bytes:
    """The list as JSON.

    Args:
        known: Training pictures, [N, S, S, 4].
        names: One per picture.
        held_out: Real pictures that training never saw, [M, S, S, 4]: they set the limit.
    """
    codes = tone_codes(known)
    distances, _ = CopyIndex(codes, names).nearest(held_out)
    entry = {
        "side": int(codes.shape[1]),
        "limit": round(float(np.quantile(distances, ALLOWED)), 4),
        "share_of_held_out_below": ALLOWED,
        "held_out": len(held_out),
        "names": list(names),
        "codes": base64.b64encode(zlib.compress(codes.tobytes(), 9)).decode("ascii"),
    }
    return (json.dumps(entry, ensure_ascii=False) + "\n").encode()


def sprite_neighbours(folder: Path) -> bytes:
    """The list of the 32 px monsters, animals, items and effects, from packed data."""
    sprites = pixel_sprites.unpack(*read(folder, "sprite"))
    train, held = sprites.rows("train"), sprites.rows("held-out")
    pictures = sprites.rgba()
    names = [sprites.names[i].removesuffix(".png") for i in train]
    return neighbours(pictures[train], names, pictures[held])


def tiny_neighbours(folder: Path) -> bytes:
    """The list of the 16 px monsters and animals, one for both models that draw them.

    The limit is the stricter of two: what lies between creatures that training never saw and those
    that it did, and what lies between the monsters that it did see.
    """
    creatures, about = read(folder, "creatures16")
    beasts, known = read(folder, "beasts16")
    front, side = (
        next(n for n, (row, _) in enumerate(about["vocabulary"]["poses"]) if row == wanted)
        for wanted in ("walk 0", "side 0")
    )
    names = list(about["vocabulary"]["bodies"])
    frames = [
        pair[side if name.islower() else front]
        for name, pair in zip(names, creatures["frames"], strict=True)
    ]
    names += known["vocabulary"]["bodies"]
    pictures = _painted(np.stack([*frames, *beasts["frames"][:, 0]]))
    strangers = [_painted(beasts["held_out"][:, 0])]
    entry = json.loads(neighbours(pictures, names, strangers[0]))
    others = []
    for number in range(len(frames)):
        rest = np.delete(pictures[: len(frames)], number, 0)
        index = CopyIndex(tone_codes(rest), [""] * len(rest))
        others.append(float(index.nearest(pictures[number : number + 1])[0][0]))
    entry["limit"] = round(max(entry["limit"], float(np.quantile(others, ALLOWED))), 4)
    return (json.dumps(entry, ensure_ascii=False) + "\n").encode()


def _painted(slots: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Slots [N, S, S] in plain colours, [N, S, S, 4]."""
    rgba = np.zeros((*slots.shape, 4), dtype=np.uint8)
    rgba[..., :3], rgba[..., 3] = COLOURS[slots], np.where(slots > 0, 255, 0)
    rgba[slots == 0] = 0
    return rgba


def main(argv: list[str] | None = None) -> int:
    """Write ``<model>.neighbours.json`` for the models that learn from whole pictures."""
    parser = argparse.ArgumentParser("python -m aigc_assets.training.characters.neighbours")
    parser.add_argument("--data", type=Path, required=True, help="folder that `data pack` made")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    args = parser.parse_args(argv)
    try:
        tiny = tiny_neighbours(args.data)
        lists = {
            "sprite_maskgit": sprite_neighbours(args.data),
            "creatures16_mixer": tiny,
            "beasts16_mixer": tiny,
        }
    except AigcError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for model, data in lists.items():
        path = args.out / f"{model}.neighbours.json"
        write_whole(path, data)
        print(f"{path}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
