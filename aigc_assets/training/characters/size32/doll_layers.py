"""The paper doll of Dungeon Crawl Stone Soup: from coloured layers to slot maps of 32 px.

The layers have plain colours. Each is cut into at most two materials by hue (a robe and its
trim, a blade and its hilt), and each material into four shades by lightness; black lines are a
slot of their own. A doll is a choice of one value per attribute, so that labelled training dolls
are unlimited and can wear any colour.

References:
    Dungeon Crawl Stone Soup tiles, player doll: order of the parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size32.doll_items import COVERS, HIDDEN, ITEMS, LEGLESS, RACES
from aigc_assets.types.oklab import from_oklab, to_oklab

SIDE = 32
SHADES = 4
GROUPS: dict[str, tuple[str, str]] = {
    # attribute: slots of its first and its second material
    "race": ("skin", "hide"), "hair": ("hair", "trim"), "beard": ("hair", "hair"),
    "torso": ("torso", "trim"), "legs": ("legs", "trim"), "feet": ("feet", "trim"),
    "gloves": ("gloves", "trim"), "over": ("over", "over"), "headwear": ("headwear", "trim"),
    "weapon": ("weapon", "handle"), "shield": ("shield", "emblem"), "wings": ("wings", "wings"),
    "belt": ("trim", "trim"),
}  # fmt: skip
SLOTS = tuple(dict.fromkeys(slot for pair in GROUPS.values() for slot in pair))
CLASSES = ("none", "outline", *(f"{s} {i + 1}" for s in SLOTS for i in range(SHADES)))
ORDER = ("wings", "over", "race", "feet", "legs", "torso", "belt", "gloves", "hair", "beard",
         "headwear", "weapon", "shield")  # fmt: skip
"""Attributes from back to front."""
ATTRIBUTES = ("body", "race", "hair", "beard", "torso", "legs", "feet", "gloves", "over",
              "headwear", "weapon", "shield", "wings")  # fmt: skip

_BLACK = 26
"""A pixel whose channels are all at most this is a line."""
_GREY = 0.035
"""Chroma in OKLab below which a colour has no hue."""


def read_dolls(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read ``player`` of the source folder.

    Returns:
        Arrays: ``layers`` [L, 32, 32] uint8 slot maps, layer 0 is empty; ``table`` [attributes in
        `ORDER`, values, 2] int16 layer numbers by value and body; and the description.

    Raises:
        DataError: If a picture is missing or does not fit.
    """
    values: dict[str, list[str]] = {"body": ["feminine", "masculine"], "race": list(RACES)}
    for attribute in (*ATTRIBUTES[2:], *HIDDEN):
        values[attribute] = ["none", *ITEMS.get(attribute, HIDDEN.get(attribute, {}))]
    values["beard"] += ["long beard", "goatee", "moustache"]
    layers = [np.zeros((SIDE, SIDE), dtype=np.uint8)]
    table = np.zeros((len(ORDER), max(map(len, values.values())), 2), dtype=np.int16)
    tones: dict[str, dict[str, dict[str, list[list[int]]]]] = {}

    def add(attribute: str, value: str, file: str, bodies: slice | int) -> None:
        slots, found = cut(_read(folder, file), GROUPS[attribute])
        layers.append(slots)
        table[ORDER.index(attribute), values[attribute].index(value), bodies] = len(layers) - 1
        tones.setdefault(attribute, {}).setdefault(value, found)

    for value, files in RACES.items():
        for body, file in enumerate(files):
            add("race", value, f"base/{file}", body)
    for attribute, items in (*ITEMS.items(), *HIDDEN.items()):
        for value, file in items.items():
            add(attribute, value, file, slice(None))
    for value, slots in _beards().items():
        layers.append(slots)
        table[ORDER.index("beard"), values["beard"].index(value)] = len(layers) - 1
    info = {
        "vocabulary": {
            "classes": list(CLASSES),
            "shades": SHADES,
            "slots": {name: list(pair) for name, pair in GROUPS.items() if name not in HIDDEN},
            "attributes": {name: values[name] for name in ATTRIBUTES},
            "tones": {name: tones[name] for name in tones if name not in HIDDEN},
            "legless": list(LEGLESS),
            "covers": list(COVERS),
        },
        "hidden": {name: values[name] for name in HIDDEN},
    }
    return {"layers": np.stack(layers), "table": table}, info


def _read(folder: Path, file: str) -> NDArray[np.uint8]:
    """RGBA of a layer."""
    path = folder / "player" / f"{file}.png"
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", where=str(path)) from error
    image: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if image is None or image.shape != (SIDE, SIDE, 4):
        raise DataError("expected an RGBA picture of 32x32 px", where=str(path))
    return np.ascontiguousarray(image[..., [2, 1, 0, 3]])


def cut(
    picture: NDArray[np.uint8], slots: tuple[str, str]
) -> tuple[NDArray[np.uint8], dict[str, list[list[int]]]]:
    """Slot map of a coloured layer, and the tones [shades, 3] that its materials had.

    Args:
        picture: RGBA, [H, W, 4].
        slots: Of its main and its second material; both are one if they are the same.
    """
    out = np.zeros(picture.shape[:2], dtype=np.uint8)
    opaque = picture[..., 3] > 127
    line = opaque & (picture[..., :3].max(-1) <= _BLACK)
    out[line] = CLASSES.index("outline")
    coloured = opaque & ~line
    if not coloured.any():
        return out, {}
    colours, member, count = np.unique(
        picture[coloured][:, :3], axis=0, return_inverse=True, return_counts=True
    )
    lab = to_oklab(colours)
    first = np.ones(len(colours), dtype=bool) if slots[0] == slots[1] else _main(lab, count)
    shade = np.zeros(len(colours), dtype=np.uint8)
    tones = {}
    for slot, part in ((slots[0], first), (slots[1], ~first)):
        if part.any():
            level, tone = _shades(lab[part], count[part])
            shade[part] = CLASSES.index(f"{slot} 1") + level
            tones[slot] = tone.tolist()
    out[coloured] = shade[member.reshape(-1)]
    return out, tones


def _main(lab: NDArray[np.float64], count: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which colours are of the main material: the hue (or no hue) that most pixels have."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    grey = chroma < _GREY
    hue = np.arctan2(lab[:, 2], lab[:, 1])
    best, chosen = -1, np.ones(len(lab), dtype=bool)
    for leader in range(len(lab)):
        turn = np.abs((hue - hue[leader] + np.pi) % (2 * np.pi) - np.pi)
        alike = grey if grey[leader] else ~grey & (turn < 0.7)
        weight = int(count[alike].sum())
        if weight > best:
            best, chosen = weight, alike
    if count[~chosen].sum() < 3:  # a highlight, not a material
        return np.ones(len(lab), dtype=bool)
    return chosen


def _shades(
    lab: NDArray[np.float64], count: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Shade 0..3 of every colour by lightness, and the tone of every shade, [4, 3] sRGB."""
    light = lab[:, 0]
    low, high = light.min(), light.max()
    if high - low < 0.05:
        level = np.full(len(light), 2)
    else:
        level = np.round((light - low) / (high - low) * (SHADES - 1)).astype(int)
    known = sorted(set(level.tolist()))
    centre = np.array([
        np.average(lab[level == k], axis=0, weights=count[level == k]) for k in known
    ])  # fmt: skip
    tones = np.stack([np.interp(np.arange(SHADES), known, centre[:, c]) for c in range(3)], -1)
    for k in range(SHADES):  # beyond the shades that occur, go on getting darker or lighter
        tones[k, 0] += 0.08 * (min(0, k - known[0]) + max(0, k - known[-1]))
    return level.astype(np.uint8), from_oklab(tones)


def _beards() -> dict[str, NDArray[np.uint8]]:
    """Beards that the source lacks, by rule: the doll's face is columns 14 to 17, mouth row 7."""
    drawings = {
        "long beard": (7, 13, ("3443", "34433", "234432", "234432", ".3443.", ".2332.", "..32..")),
        "goatee": (7, 14, (".32.", ".33.", "..2.")),
        "moustache": (7, 13, ("232232",)),
    }
    out = {}
    for value, (top, left, rows) in drawings.items():
        slots = np.zeros((SIDE, SIDE), dtype=np.uint8)
        for y, row in enumerate(rows):
            start = left + (6 - len(row)) // 2 if value == "long beard" else left
            for x, letter in enumerate(row):
                if letter != ".":
                    slots[top + y, start + x] = CLASSES.index(f"hair {letter}")
        out[value] = slots
    return out
