"""Garments that the source lacks, drawn by rule over its figures: skirts, cloaks and hats.

Each follows the figure of every frame: skirts and cloaks the legs and shoulders, hats the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Garment:
    """A drawn layer: value of an attribute, paint pass, body (-1 for both) and its slot maps."""

    attribute: str
    value: str
    paint: str
    body: int
    slots: NDArray[np.uint8]


def drawn_garments(
    layers: list[NDArray[np.uint8]],
    by_item: dict[str, int],
    classes: tuple[str, ...],
    directions: list[str],
) -> list[Garment]:
    """All drawn garments, made from source layers (see `lpc_layers`).

    Args:
        layers: Slot maps [P, H, W] of the source items.
        by_item: Number of an item's layer, by value, or ``value/body`` for clothes.
        classes: Names of the slots.
        directions: Facing of every pose, [P].
    """
    garments = []
    for body in (0, 1):
        pants = layers[by_item[f"pants/{body}"]] > 0
        hose = layers[by_item[f"hose/{body}"]] > 0
        shirt = layers[by_item[f"t-shirt/{body}"]] > 0
        first = classes.index("legs 1")
        for value, reach in (("skirt", 0.62), ("long skirt", 0.93)):
            maps = [_skirt(p, p | h, reach, first) for p, h in zip(pants, hose, strict=True)]
            garments.append(Garment("legs", value, "legs", body, np.stack(maps)))
        first = classes.index("over 1")
        pairs = [
            _cloak(s, p | h, d, first)
            for s, p, h, d in zip(shirt, pants, hose, directions, strict=True)
        ]
        for paint, part in (("cloak behind", 0), ("over", 1)):
            cloaks = np.stack([pair[part] for pair in pairs])
            garments.append(Garment("over", "cloak", paint, body, cloaks))
    head = layers[by_item["head masculine"]] > 0
    for value, function, group in (("pointed hat", _pointed_hat, "accent"),
                                   ("crown", _crown, "metal")):  # fmt: skip
        first = classes.index(f"{group} 1")
        maps = [function(h, d, first) for h, d in zip(head, directions, strict=True)]
        garments.append(Garment("headwear", value, "headwear", -1, np.stack(maps)))
    mail = layers[by_item["chainmail hood"]]
    hood = _cloth_from_metal(mail, classes.index("metal 1"), classes.index("accent 1"))
    garments.append(Garment("headwear", "hood", "headwear", -1, hood))
    return garments


def _skirt(pants: Mask, legs: Mask, reach: float, first: int) -> NDArray[np.uint8]:
    """One frame of a skirt from the waist of ``pants`` down ``reach`` of the way to the feet."""
    out = np.zeros(pants.shape, dtype=np.uint8)
    rows = np.flatnonzero(pants.any(1))
    if len(rows) == 0:
        return out
    top = int(rows[0])
    bottom = int(np.flatnonzero(legs.any(1))[-1])
    hem = top + round((bottom - top) * reach)
    waist = np.flatnonzero(pants[top])
    left, right = int(waist[0]), int(waist[-1])
    for y in range(top, hem + 1):
        columns = np.flatnonzero(legs[y])
        fall = (y - top) / max(1, bottom - top)
        flare = round(3.2 * fall**0.8)
        if len(columns):
            left = min(left, int(columns[0]), int(waist[0]) - flare)
            right = max(right, int(columns[-1]), int(waist[-1]) + flare)
        shade = _cloth_row(out, y, left, right, first, folds=(0.27, 0.58, 0.78), fall=fall)
        if y in (top, hem - 1):
            shade[1:-1] = np.minimum(shade[1:-1], first + 2)
        if y == hem:
            shade[:] = first
    return out


def _cloak(
    shirt: Mask, legs: Mask, direction: str, first: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One frame of a cloak: the part behind the figure and the part over it."""
    behind = np.zeros(shirt.shape, dtype=np.uint8)
    over = np.zeros(shirt.shape, dtype=np.uint8)
    if not shirt.any() or not legs.any():
        return behind, over
    rows = np.flatnonzero(shirt.any(1))
    top, bottom = int(rows[0]), int(np.flatnonzero(legs.any(1))[-1])
    # The trunk is where the shirt is in most of its rows; arms come and go.
    trunk = np.flatnonzero(shirt[rows].mean(0) > 0.55)
    left, right = (int(trunk[0]), int(trunk[-1])) if len(trunk) else (20, 28)
    hem = top + round((bottom - top) * 0.86)
    for y in range(top, hem + 1):
        fall = (y - top) / max(1, hem - top)
        flare = round(5 * fall**0.7)
        if direction == "up":
            a, b, target = left - 1 - flare // 2, right + 1 + flare // 2, over
        elif direction == "down":
            a, b, target = left - 2 - flare, right + 2 + flare, behind
        else:
            a, b, target = (left + right) // 2 + 1, right + 1 + round(6 * fall), over
        a, b = max(0, a), min(shirt.shape[1] - 1, b)
        shade = _cloth_row(target, y, a, b, first, folds=(0.22, 0.5, 0.8), fall=fall)
        if y == top:
            shade[:] = first
        if y == hem:
            shade[:] = first
    if direction == "down":
        # The collar: a band over both shoulders, closed by a clasp of shadow at the throat.
        middle = (left + right) / 2
        for y in range(top, top + 5):
            for x in range(max(0, left - 1), min(shirt.shape[1] - 1, right + 1) + 1):
                depth = y - top
                distance = abs(x - middle)
                if depth <= 2 or distance > 2.2 + (4 - depth) * 1.2:
                    edge = depth == 4 or x in (left - 1, right + 1)
                    over[y, x] = first + (0 if edge else 3 if depth < 2 else 2)
        over[top : top + 3, int(middle) : int(middle) + 2] = first
    return behind, over


def _cloth_row(
    out: NDArray[np.uint8],
    y: int,
    left: int,
    right: int,
    first: int,
    *,
    folds: tuple[float, ...],
    fall: float,
) -> NDArray[np.uint8]:
    """Shade columns left..right of row y: outline, shadowed edges, light, folds. Returns a view."""
    left, right = max(0, left), min(out.shape[1] - 1, right)
    x = np.arange(left, right + 1)
    u = (x - left) / max(1, right - left)
    shade = np.full(len(x), 4)
    shade[(u < 0.2) | (u > 0.86)] = 3
    shade[(u > 0.36) & (u < 0.48)] = 5
    if fall > 0.12:
        # Folds open towards the hem and keep their place on the cloth.
        for at in folds:
            nearest = int(np.abs(u - at).argmin())
            shade[nearest] = 2 if fall > 0.4 else 3
            if nearest + 1 < len(x):
                shade[nearest + 1] = 5 if at < 0.7 else 4
    if len(x) > 4:
        shade[1] = shade[-2] = 2
    shade[0] = shade[-1] = 1
    view = out[y, left : right + 1]
    view[:] = first - 1 + shade
    return view


def _head_box(head: Mask) -> tuple[int, float] | None:
    """Top row and middle column of a head."""
    if not head.any():
        return None
    columns = np.flatnonzero(head.any(0))
    return int(np.flatnonzero(head.any(1))[0]), (int(columns[0]) + int(columns[-1])) / 2


def _pointed_hat(head: Mask, direction: str, first: int) -> NDArray[np.uint8]:
    """A wizard's hat: a cone whose tip leans back, on a wide brim."""
    out: NDArray[np.uint8] = np.zeros(head.shape, dtype=np.uint8)
    box = _head_box(head)
    if box is None:
        return out
    top, middle = box
    lean = {"left": 1.0, "down": 0.6, "up": -0.6}[direction]
    brim = top + 5
    tip = max(0, brim - 20)
    for y in range(tip, brim):
        t = (y - tip) / max(1, brim - 1 - tip)
        half = 0.6 + 8.2 * t**0.85
        centre = middle + lean * 5.0 * (1 - t) ** 2
        a, b = round(centre - half), round(centre + half)
        shade = _cloth_row(out, y, a, b, first, folds=(0.7,) if t > 0.3 else (), fall=1.0)
        if t > 0.78:  # the band
            shade[1:-1] = first + 1
        if 0.42 < t < 0.5:  # a crease
            shade[len(shade) // 2 :] = np.minimum(shade[len(shade) // 2 :], first + 1)
        if y == tip:
            shade[:] = first
    for y, half, tone in ((brim - 1, 11.5, 3), (brim, 13.0, 4), (brim + 1, 12.5, 2),
                          (brim + 2, 10.5, 0)):  # fmt: skip
        a, b = max(0, round(middle - half)), min(out.shape[1] - 1, round(middle + half))
        inside = out[y, a : b + 1]
        keep = inside > 0 if y < brim else np.zeros(len(inside), dtype=bool)
        out[y, a : b + 1] = np.where(keep, inside, first + tone)
        out[y, [a, b]] = first
    return out


def _crown(head: Mask, direction: str, first: int) -> NDArray[np.uint8]:
    """A crown with five points, worn over the hair."""
    out: NDArray[np.uint8] = np.zeros(head.shape, dtype=np.uint8)
    box = _head_box(head)
    if box is None:
        return out
    top, middle = box
    rows = ("..o...o...o...o...o..",
            ".oho.oho.oho.oho.oho.",
            ".olo.olo.olo.olo.olo.",
            ".olmolmolmolmolmolmo.",
            ".olllhhllmmlllmmddmo.",
            ".ommmllmmddmmmddddmo.",
            ".ooooooooooooooooooo.")  # fmt: skip
    tones = {"o": 0, "d": 1, "m": 2, "l": 3, "h": 5}
    left = round(middle - len(rows[0]) / 2 + 0.5)
    for i, row in enumerate(rows):
        for j, letter in enumerate(row):
            y, x = top - 3 + i, left + j
            if letter in tones and 0 <= y < out.shape[0] and 0 <= x < out.shape[1]:
                out[y, x] = first + tones[letter]
    return out


def _cloth_from_metal(mail: NDArray[np.uint8], metal: int, cloth: int) -> NDArray[np.uint8]:
    """A hood of cloth: the shape of the mail hood with its weave smoothed away."""
    out = np.zeros_like(mail)
    for number, frame in enumerate(mail):
        shape = frame > 0
        shade = np.where(shape, frame.astype(np.int16) - metal, 0).clip(0, 5).astype(np.uint8)
        smooth = cv2.medianBlur(shade, 5)
        inner = cv2.erode(shape.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        soft = np.clip(smooth, 1, 4)
        out[number] = np.where(shape, cloth + np.where(inner, soft, shade.clip(0, 1)), 0)
    return out
