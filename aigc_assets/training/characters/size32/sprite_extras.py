"""More pictures for the tokeniser of 32 px pixel art: what the source has besides figures.

What a monster is cannot be learnt from an altar, but how its edges and shades are drawn can. People
are composed of layers; icons, features and parts stand as they are. Nothing that shows, or looks
like, what is held out of training is among them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_assets.training.characters.size32.pixel_sprites import (
    SIDE,
    PixelSprites,
    ground,
    likeness,
    stand_free,
    to_indices,
)

PEOPLE = 1536
LAYERS = (
    ("cloak", 0.3), ("base", 1.0), ("boots", 0.6), ("legs", 0.5), ("body", 0.95), ("gloves", 0.3),
    ("hand1", 0.8), ("hand2", 0.5), ("hair", 0.6), ("beard", 0.1), ("head", 0.5),
)  # fmt: skip
"""Layers of people in the order in which they are painted, and how often each is worn."""
FEWEST = 110
"""Opaque pixels below which a picture has too little to show."""
_OTHERS = re.compile(
    r"^(mon|item|effect|gui/(spells|skills|invocations|abilities)"
    r"|dngn/(gateways|altars|doors|statues|traps|trees|vaults|shops)|dngn/\w*fountain"
    r"|player/(hand[12]|body|head|barding|drcwing|felids|transform|cloak|base)|UNUSED/)"
)
_NOT = re.compile(r"UNUSED/(floor|gui)|mask_|cursor|travel_")
_FRAMED = ("gui/", "UNUSED/spells")


def pack(sources: Path, sprites: PixelSprites) -> dict[str, np.ndarray]:
    """People and other pictures as index maps of the same colours, ``people`` and ``others``."""
    path = sources / "sprites" / "packed" / "dcss_32.npz"
    with np.load(path, allow_pickle=False) as archive:
        pictures = archive["img"]
    names = json.loads(path.with_suffix(".json").read_bytes())
    known = set(sprites.names)
    rgb, solid = [], []
    for picture, name in zip(pictures, names, strict=True):
        if name in known or not _OTHERS.search(name) or _NOT.search(name):
            continue
        colour, opaque = stand_free(picture, framed=name.startswith(_FRAMED))
        if opaque.sum() >= FEWEST:
            rgb.append(colour)
            solid.append(opaque)
    found: dict[str, NDArray[np.uint8]] = {"people": _people(pictures, names, sprites)}
    if rgb:
        found["others"] = to_indices(np.array(rgb), np.array(solid), sprites.colours)
    unseen = sprites.images[sprites.split > 0]
    return {name: _apart(images, unseen, sprites) for name, images in found.items() if len(images)}


def _apart(
    images: NDArray[np.uint8], unseen: NDArray[np.uint8], sprites: PixelSprites
) -> NDArray[np.uint8]:
    """Those that look like nothing that is held out, wherever they lie, and each of them once."""
    images = np.unique(images, axis=0)
    alike = np.zeros(len(images), np.float32)
    for centred in (False, True) if len(unseen) else ():
        moved = [np.roll(i, ground(i > 0, centred=centred), (0, 1)) for i in images]
        alike = np.maximum(alike, likeness(np.array(moved), unseen, sprites.colours).max(1))
    return images[alike < 0.6]


def _people(
    pictures: NDArray[np.uint8], names: list[str], sprites: PixelSprites
) -> NDArray[np.uint8]:
    """`PEOPLE` people in random clothes, standing on the ground line."""
    random = np.random.Generator(np.random.Philox(11))
    layers = {}
    for folder, _ in LAYERS:
        rows = [i for i, name in enumerate(names) if name.startswith(f"player/{folder}/")
                and (pictures[i, ..., 3] >= 128).sum() >= 6]  # fmt: skip
        if rows:
            part = pictures[rows]
            layers[folder] = to_indices(part[..., :3], part[..., 3] >= 128, sprites.colours)
    if "base" not in layers:
        return np.zeros((0, SIDE, SIDE), np.uint8)
    people = np.zeros((PEOPLE, SIDE, SIDE), np.uint8)
    for person in people:
        for folder, share in LAYERS:
            if folder in layers and random.random() < share:
                layer = layers[folder][random.integers(len(layers[folder]))]
                person[layer > 0] = layer[layer > 0]
        low = int(np.flatnonzero(person.any(1))[-1])
        person[:] = np.roll(person, SIDE - 1 - low, 0)
    return people
