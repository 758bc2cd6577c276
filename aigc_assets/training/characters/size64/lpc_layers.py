"""The layered characters of the Liberated Pixel Cup, revised: from item index maps to slot maps.

Every item of the source (a body, a hair style, a shirt) is an index map per animation with many
colour ramps. Here the indices of all items become the same few *slots*: six shades, dark to light,
of skin, hair, each garment, metal and leather, and some fixed tones (eyes, lenses). A character is
a choice of one value per attribute; painting its layers in order gives the exact slot map of every
frame, so labelled training data is unlimited.

References:
    ElizaWy/LPC on GitHub: item folders, frame layout (64 px, directions up, left, down, right).
"""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size64.lpc_garments import drawn_garments

DIRECTIONS = ("down", "up", "left")
"""Facings that are drawn; in the source, right is left mirrored, but for the light on the face."""
SOURCE_DIRECTIONS = ("up", "left", "down", "right")
ACTIONS: dict[str, int] = {"idle": 3, "walk": 8, "run": 8, "jump": 6, "sit": 3, "slash": 7}
"""Actions and their frames per direction."""
SIZE = (64, 48)
"""Height and width in px of the window of a 64 px frame that figures are drawn in."""
FIRST: dict[str, tuple[int, int]] = {"down": (8, 0), "up": (8, 3), "left": (8, 0)}
"""Left column and top row of the window in the first idle frame.

In every other frame the window follows the head, so that heads, hair and hats are the same pixels
in all poses: the network need not learn to move them.
"""
NARROW = (1, 5)
"""Columns of the window, in units of 8 px, that hold the figure in most poses."""

RAMP_GROUPS = ("skin", "hair", "torso", "over", "legs", "feet", "accent", "metal", "leather")
SHADES = 6
FIXED = ("lens 1", "lens 2", "lens 3", "iris 1", "iris 2", "iris 3", "eye white", "dark")
CLASSES = ("none", *(f"{g} {i + 1}" for g in RAMP_GROUPS for i in range(SHADES)), *FIXED)

# The tones that identify a shade, per kind of ramp: "Gray" of cloth and hair, "Brown" of skin,
# "Steel" of metal, and tones that no ramp changes. Dark to light.
_REFERENCE: dict[str, tuple[tuple[int, int, int], ...]] = {
    "cloth": ((27, 25, 43), (52, 48, 67), (75, 75, 96), (106, 117, 135), (129, 142, 151),
              (168, 179, 184)),
    "hair": ((15, 18, 24), (27, 25, 43), (52, 48, 67), (75, 75, 96), (89, 94, 112),
             (106, 117, 135)),
    "skin": ((0, 0, 0), (26, 18, 19), (46, 31, 28), (68, 39, 37), (107, 60, 46), (127, 76, 49)),
    "metal": ((27, 25, 43), (72, 65, 82), (114, 107, 126), (134, 126, 127), (168, 179, 184),
              (227, 231, 211)),
    "leather": ((26, 18, 19), (43, 37, 17), (64, 54, 29), (97, 72, 44), (117, 80, 45),
                (148, 107, 68)),
}  # fmt: skip
_FIXED_TONES: dict[tuple[int, int, int], str] = {
    (115, 190, 211): "lens 1", (138, 190, 201): "lens 2", (164, 221, 219): "lens 3",
    (24, 80, 111): "iris 1", (42, 60, 73): "iris 1",
    (79, 143, 186): "iris 2", (86, 134, 174): "iris 2",
    (108, 220, 231): "iris 3", (87, 206, 228): "iris 3",
    (255, 255, 255): "eye white", (242, 247, 248): "eye white",
    (39, 25, 32): "dark", (37, 31, 37): "dark", (42, 23, 34): "dark",
}  # fmt: skip
_KIND = {"skin": "skin", "hair": "hair", "metal": "metal"}
_NAMES = {"cloth": "Gray", "hair": "Gray", "skin": "Brown", "metal": "Steel"}


@dataclass(frozen=True)
class Rule:
    """Which source items are values of an attribute: a pattern whose group 1 names the value.

    ``passes`` are paint passes of the front and, if there is one, of the part behind the body.
    """

    attribute: str
    pattern: str
    group: str
    paint: str
    behind: str = ""
    names: dict[str, str] = field(default_factory=dict)


_CLOTHES = r"Clothing/(?:Feminine|Masculine), Thin/"
RULES: tuple[Rule, ...] = (
    Rule("body", r"Body/Body \d+ - (\w+), Thin", "skin", "body"),
    Rule("head", r"Head/Head \d+ - (\w+)", "skin", "head"),
    Rule(
        "hair", r"Hair/((?:Medium|Short) \d+ - [^/]+)(?:/_Behind)?", "hair", "hair", "hair behind"
    ),
    Rule("beard", r"Hair/Facial Hair \d+ - (.+)", "hair", "beard"),
    Rule("torso", _CLOTHES + r"Torso/Shirt \d+ - (.+)", "torso", "torso"),
    Rule("over", _CLOTHES + r"Torso 2/\w+ \d+ - (.+)", "over", "over"),
    Rule("legs", _CLOTHES + r"Legs/\w+ \d+ - (?!Overalls)(.+)", "legs", "legs"),
    Rule("legs", _CLOTHES + r"Legs/\w+ \d+ - (Overalls)", "legs", "legs over"),
    Rule("feet", _CLOTHES + r"Feet/\w+ \d+ - (.+)", "feet", "feet"),
    Rule("neck", _CLOTHES + r"Accessories/Neckwear \d+ - (.+)", "accent", "neck"),
    Rule("headwear", r"Head Accessories/Helm \d+ - (.+)", "metal", "headwear"),
    Rule("eyewear", r"Head Accessories/Eyewear \d+ - (.+)", "metal", "eyewear"),
    Rule("brows", r"Hair/Eyebrows \d+ - (.+)", "hair", "brows"),
    Rule("nose", r"Head/Head Overlay \d+ - (.+)", "skin", "nose"),
)
_PLUMES = {
    "bascinet open plumed": ("bascinet open", "Helm Accessory 01 - Bascinet Plumage"),
    "morion plumed": ("morion", "Helm Accessory 02 - Morion Plumage"),
}
ATTRIBUTES = (
    "body", "head", "hair", "beard", "torso", "over", "legs", "feet", "neck", "headwear", "eyewear",
)  # fmt: skip
HIDDEN = ("brows", "nose")
"""What no label tells: the latent has to carry it."""
OPEN_HEADWEAR = ("none", "crown")
"""Headwear that hair is not tucked under."""
NEVER_NONE = ("body", "head", "torso", "legs")
PAINT = (
    "cloak behind",
    "hair behind", "body", "feet", "legs", "torso", "legs over", "over", "neck", "head", "nose",
    "brows", "beard", "hair", "eyewear", "headwear", "plume",
)  # fmt: skip
SLASH_INSTEAD = {
    "feet": {"boots": "shoes", "ankle socks": "shoes", "high socks": "shoes"},
    "legs": {"overalls": "pants", "shorts": "leggings", "short shorts": "leggings"},
    "over": {"suspenders": "none"},
}
"""Items that the source does not have in the slash animation, and what stands in for them."""


def read_layers(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read the source folder.

    Returns:
        Arrays: ``layers`` [L, P, 64, 48] uint8 slot maps, layer 0 is empty; ``table`` [passes,
        values, 2] int16 layer numbers by attribute value and body; and the description
        (``vocabulary`` with classes, attributes, poses and colour ramps; ``passes``).

    Raises:
        DataError: If a file is missing or does not fit.
    """
    try:
        entries = json.loads((folder / "layers.json").read_bytes())
        with np.load(folder / "layers.npz", allow_pickle=False) as archive:
            source = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read the layers: {error}", where=str(folder)) from error
    windows = _windows(entries, source)
    values: dict[str, list[str]] = {
        name: [] if name in NEVER_NONE else ["none"] for name in (*ATTRIBUTES, *HIDDEN)
    }
    layers: list[NDArray[np.uint8]] = [_empty()]
    parts: list[tuple[str, str, str, int, int]] = []  # attribute, value, pass, body or -1, layer
    by_item: dict[str, int] = {}
    for entry in entries:
        item = entry["item"]
        for rule in RULES:
            match = re.fullmatch(rule.pattern, item)
            if match is None:
                continue
            value = _value_name(match.group(1))
            if value not in values[rule.attribute]:
                values[rule.attribute].append(value)
            behind = item.endswith("_Behind")
            body = 0 if "/Feminine, Thin/" in item else 1 if "/Masculine, Thin/" in item else -1
            layers.append(_slot_map(entry, source, rule.group, windows))
            paint = rule.behind if behind else rule.paint
            parts.append((rule.attribute, value, paint, body, len(layers) - 1))
            name = f"head {value}" if rule.attribute == "head" else value
            by_item[name if body < 0 else f"{value}/{body}"] = len(layers) - 1
            break
    for name, (base, accessory) in _PLUMES.items():
        entry = next(e for e in entries if e["item"].endswith(accessory))
        layers.append(_slot_map(entry, source, "accent", windows))
        values["headwear"].append(name)
        parts.append(("headwear", name, "headwear", -1, by_item[base]))
        parts.append(("headwear", name, "plume", -1, len(layers) - 1))
    for garment in drawn_garments(layers, by_item, CLASSES, [d for _, d, _ in pose_names()]):
        layers.append(garment.slots)
        if garment.value not in values[garment.attribute]:
            values[garment.attribute].append(garment.value)
        parts.append((garment.attribute, garment.value, garment.paint, garment.body,
                      len(layers) - 1))  # fmt: skip
    stack = np.stack(layers)
    outside = np.concatenate([stack[..., : 8 * NARROW[0]], stack[..., 8 * NARROW[1] :]], 3)
    narrow = [not outside[:, pose].any() for pose in range(stack.shape[1])]
    table, passes = _table(values, parts)
    info = {
        "vocabulary": {
            "classes": list(CLASSES),
            "shades": SHADES,
            "groups": list(RAMP_GROUPS),
            "attributes": {name: values[name] for name in ATTRIBUTES},
            "actions": ACTIONS,
            "directions": list(DIRECTIONS),
            "windows": [list(w) for w in windows],
            "columns": [list(NARROW) if fits else None for fits in narrow],
            "open_headwear": list(OPEN_HEADWEAR),
            "slash_instead": SLASH_INSTEAD,
            "colours": _colours(entries),
        },
        "hidden": {name: values[name] for name in HIDDEN},
        "passes": passes,
    }
    return {"layers": stack, "table": table}, info


def pose_names() -> list[tuple[str, str, int]]:
    """(action, direction, frame) of every pose, in the order of the pose axis."""
    return [(a, d, i) for a, n in ACTIONS.items() for d in DIRECTIONS for i in range(n)]


def _empty() -> NDArray[np.uint8]:
    return np.zeros((len(pose_names()), *SIZE), dtype=np.uint8)


def _windows(
    entries: list[dict[str, Any]], source: dict[str, NDArray[np.uint8]]
) -> list[tuple[int, int]]:
    """Left column and top row of the window of every pose, by where the head has gone."""
    head = next(e["index"] for e in entries if e["item"] == "Head/Head 02 - Masculine")
    everything = _outlines(source)
    windows = []
    for action, direction, frame in pose_names():
        side = SOURCE_DIRECTIONS.index(direction)
        first = source[f"{head:04d}_idle"][side, 0]
        here = source[f"{head:04d}_{action}"][side, frame]
        shift = _shift(first, here)
        left, top = FIRST[direction][0] + shift[0], FIRST[direction][1] + shift[1]
        lowest = int(np.flatnonzero(everything[action][side, frame].any(1))[-1])
        windows.append((left, max(top, lowest - SIZE[0] + 1)))  # the feet are always inside
    return windows


def _shift(first: NDArray[np.uint8], here: NDArray[np.uint8]) -> tuple[int, int]:
    """How far (x, y) a picture has moved, by the most pixels in common; the nearest on a tie."""
    best, found = (-1, 0), (0, 0)
    for dy in range(-14, 15):
        for dx in range(-12, 13):
            same = (np.roll(here, (-dy, -dx), (0, 1)) == first) & (first > 0)
            score = (int(same.sum()), -abs(dx) - abs(dy))
            if score > best:
                best, found = score, (dx, dy)
    return found


def _outlines(source: dict[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.bool_]]:
    """Per action, where any item has a pixel, [4, frames, 64, 64]; large props left out."""
    out: dict[str, NDArray[np.bool_]] = {}
    for action, frames in ACTIONS.items():
        found = np.zeros((4, frames, 64, 64), dtype=np.bool_)
        for key, maps in source.items():
            if key.endswith(f"_{action}") and maps.shape == found.shape:
                found |= maps > 0
        out[action] = found
    return out


def _value_name(text: str) -> str:
    text = re.sub(r" \d+ - ", " ", text)
    return text.lower().replace(",", "").replace("&", "and")


def _slot_map(
    entry: dict[str, Any],
    source: dict[str, NDArray[np.uint8]],
    group: str,
    windows: list[tuple[int, int]],
) -> NDArray[np.uint8]:
    lookup = _lookup(entry["ramps"], group)
    out = _empty()
    margin = 16
    for number, (action, direction, frame) in enumerate(pose_names()):
        maps = source.get(f"{entry['index']:04d}_{action}")
        if maps is None:
            continue
        if maps.shape != (4, ACTIONS[action], 64, 64):
            raise DataError(f"{entry['item']}: {action} has shape {maps.shape}", where="layers.npz")
        picture = np.pad(maps[SOURCE_DIRECTIONS.index(direction), frame], margin)
        left, top = windows[number][0] + margin, windows[number][1] + margin
        out[number] = lookup[picture[top : top + SIZE[0], left : left + SIZE[1]]]
    return out


def _lookup(ramps: dict[str, list[list[int]]], group: str) -> NDArray[np.uint8]:
    """Slot of each source index: by the tone it has in the reference ramp of its kind."""
    kind = _KIND.get(group, "cloth")
    ramp = ramps[_NAMES[kind]]
    lookup = np.zeros(256, dtype=np.uint8)
    for index, (*rgb, alpha) in enumerate(ramp, 1):
        if alpha < 255:
            continue  # tones that only the fantasy ramps use
        tone = (int(rgb[0]), int(rgb[1]), int(rgb[2]))
        lookup[index] = CLASSES.index(_slot(tone, kind, group))
    return lookup


def _slot(tone: tuple[int, int, int], kind: str, group: str) -> str:
    if tone in _REFERENCE[kind]:
        return f"{group} {_REFERENCE[kind].index(tone) + 1}"
    if tone in _FIXED_TONES:
        return _FIXED_TONES[tone]
    for other in ("metal", "leather"):
        if tone in _REFERENCE[other]:
            return f"{other} {_REFERENCE[other].index(tone) + 1}"
    # A tone in between: the shade of the item's own kind that is nearest.
    distance = [sum((a - b) ** 2 for a, b in zip(tone, t, strict=True)) for t in _REFERENCE[kind]]
    return f"{group} {int(np.argmin(distance)) + 1}"


def _table(
    values: dict[str, list[str]], parts: list[tuple[str, str, str, int, int]]
) -> tuple[NDArray[np.int16], list[list[str]]]:
    """Layer by (pass, value, body), and the [pass, attribute] list that the first axis follows."""
    used = {(paint, attribute) for attribute, _, paint, _, _ in parts}
    passes = [[p, a] for p in PAINT for a in (*ATTRIBUTES, *HIDDEN) if (p, a) in used]
    table = np.zeros((len(passes), max(map(len, values.values())), 2), dtype=np.int16)
    for attribute, value, paint, body, layer in parts:
        row = passes.index([paint, attribute])
        column = values[attribute].index(value)
        table[row, column, slice(None) if body < 0 else body] = layer
    return table, passes


def _colours(entries: list[dict[str, Any]]) -> dict[str, dict[str, list[list[int]]]]:
    """Named ramps of six sRGB tones, dark to light, per kind; read off one item of each kind."""
    samples = {
        "skin": "Body/Body 01 - Feminine, Thin",
        "hair": "Hair/Short 02 - Parted",
        "cloth": "Clothing/Feminine, Thin/Torso/Shirt 02 - V-neck Longsleeve Shirt",
        "metal": "Head Accessories/Helm 01 - Bascinet, Open",
    }
    out: dict[str, dict[str, list[list[int]]]] = {}
    for kind, item in samples.items():
        entry = next(e for e in entries if e["item"] == item)
        reference = [tuple(tone) for tone in _REFERENCE[kind]]
        own = [tuple(tone[:3]) if tone[3] == 255 else None for tone in entry["ramps"][_NAMES[kind]]]
        indices = [own.index(tone) for tone in reference]
        out[kind] = {
            name.lower(): [ramp[i][:3] for i in indices]
            for name, ramp in sorted(entry["ramps"].items())
            if not name.startswith(("alt:", "_"))
        }
    return out
