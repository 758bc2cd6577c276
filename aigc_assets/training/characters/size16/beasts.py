"""16 px creatures that are drawn in one view: slots for their colours, and the chimeras of two.

A chimera has the fore part of one creature, which may be drawn towards a third one, and the hind
part of another of its family. Signed distances to the outlines are joined at a seam, the skin comes
from the part that it lies in, eyes are set in whole and the outline is drawn again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size16.beast_labels import FAMILIES, Beast, Family
from aigc_assets.training.characters.size16.ninja_creatures import (
    _CROSS,
    BODY,
    GLOW,
    MARK,
    OUTLINE,
    WHITE,
    Parts,
    _edge,
    _largest,
    _stretched,
    take_apart,
)
from aigc_assets.training.characters.size16.ninja_people import SIZE
from aigc_assets.types.oklab import to_oklab

Pixel = TypeVar("Pixel", bound=np.generic)

_DARK, _SPREAD, _PALE = 0.36, 0.14, 0.93
"""Lightness up to which a colour is outline, how far above the darkest; from where it is white."""
_ONE_HUE = 0.085
"""Distance in the a-b plane of OKLab below which two groups of colours are one ramp."""
_REACH = 2
"""How far in px a hind part is moved to fit."""


def read_beasts(folder: Path, wanted: dict[str, Beast]) -> dict[str, NDArray[np.uint8]]:
    """Slots [2, 16, 16] of the two frames of every creature by label.

    Args:
        folder: Holds ``dawnlike_16.npz`` and ``dawnlike_16.json``.
        wanted: Of `beast_labels.beasts`.

    Raises:
        DataError: If one of them is not in the source.
    """
    path = folder / "dawnlike_16.npz"
    try:
        frames = np.load(path)["frames"]
        entries = json.loads(path.with_suffix(".json").read_text())
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"no creatures: {error}", where=str(path)) from error
    places: dict[str, int] = {}
    for number, entry in enumerate(entries):
        places.setdefault(entry["name"], number)
    found = {}
    for label, beast in wanted.items():
        if beast.name not in places:
            raise DataError(f"no creature {beast.name!r}", where=str(path))
        family = FAMILIES[beast.family]
        slots = slots_of(frames[places[beast.name]])
        if family.grounded:
            slots = np.stack([_grounded(frame) for frame in slots])
        found[label] = np.stack([_faced(frame, family) for frame in slots])
    return found


def slots_of(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Slots [F, 16, 16] of the frames [F, 16, 16, 4] of one creature.

    The darkest colours are the outline; the others fall into at most two hues, of which the larger
    is the body, and there into tones by lightness. Every figure gets a closed outline.
    """
    drawn = frames[..., 3] > 127
    colours, index, count = np.unique(
        frames[drawn][:, :3], axis=0, return_inverse=True, return_counts=True
    )
    lab = to_oklab(colours)
    light, chroma, total = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2]), count.sum()
    slot = np.zeros(len(colours), dtype=np.uint8)
    dark = light < min(_DARK, float(light.min()) + _SPREAD)
    if count[dark].sum() > 0.6 * total:
        dark = light <= light.min() + 1e-6
    slot[dark] = OUTLINE
    pale = ~dark & (light > _PALE) & (chroma < 0.06) & (count < _SPREAD * total)
    slot[pale] = WHITE
    rest = np.flatnonzero(slot == 0)
    second = _second_hue(lab[rest, 1:], count[rest])
    for group, start in ((rest[~second], BODY), (rest[second], MARK)):
        order = group[np.argsort(light[group], kind="stable")]
        for colour, tone in zip(order, _tones(count[order], start == BODY), strict=True):
            slot[colour] = start + tone
    vivid = (slot >= MARK) & (count <= 3 * len(frames)) & (chroma > 0.12) & (lab[:, 1] > 0.05)
    slot[vivid] = GLOW
    out = np.zeros(drawn.shape, dtype=np.uint8)
    out[drawn] = slot[index.reshape(-1)]
    return np.stack([_outlined(frame) for frame in out])


def _second_hue(hue: NDArray[np.float64], count: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which colours belong to the smaller of two hues; none where they are much the same."""
    one = np.zeros(len(hue), dtype=bool)
    if len(hue) < 2:
        return one
    first = int(count.argmax())
    far = np.hypot(*(hue - hue[first]).T)
    centres = np.stack([hue[first], hue[int((far * np.sqrt(count)).argmax())]])
    second = one
    for _ in range(5):
        gaps = np.hypot(*(hue[:, None] - centres).transpose(2, 0, 1))
        second = gaps[:, 1] < gaps[:, 0]
        if second.all() or not second.any():
            return one
        centres = np.stack(
            [np.average(hue[part], axis=0, weights=count[part]) for part in (~second, second)]
        )
    if np.hypot(*(centres[0] - centres[1])) < _ONE_HUE:
        return one
    return ~second if count[second].sum() > count[~second].sum() else second


def _tones(count: NDArray[np.intp], body: bool) -> list[int]:
    """Tone 0..2 of each colour of a ramp, dark to light."""
    number = len(count)
    if number <= 3:
        return [[], [1], [0, 1] if body else [1, 2], [0, 1, 2]][number]
    middle = (np.cumsum(count) - count / 2) / count.sum()
    tones = np.minimum(2, (middle * 3).astype(int))
    if len(set(tones)) < 3:
        tones = np.arange(number) * 3 // number
    return [int(tone) for tone in tones]


def _outlined(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame without specks, with an outline all around; it grows where it had none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (frame > 0).astype(np.uint8), connectivity=8
    )
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] < 4:
            frame = np.where(labels == number, 0, frame)
    bare = (frame > OUTLINE).astype(np.uint8)
    frame = np.where((cv2.dilate(bare, _CROSS) > 0) & (frame == 0), OUTLINE, frame)
    frame[_edge((frame > 0).astype(np.uint8))] = OUTLINE
    return np.asarray(frame, dtype=np.uint8)


def _grounded(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    feet = int(np.flatnonzero(frame.any(1))[-1])
    return np.roll(frame, SIZE - 1 - feet, 0)


def face_zone(frame: NDArray[np.uint8], view: str) -> NDArray[np.bool_]:
    """Where eyes are looked for: the upper part, of side views the half that looks left."""
    rows, columns = np.nonzero(frame)
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) - top + 1, int(columns.max()) - left + 1
    y, x = np.mgrid[:SIZE, :SIZE]
    zone = y < top + 0.6 * height
    return np.asarray(zone & (x < left + 0.5 * width) if view == "side" else zone)


def _faced(frame: NDArray[np.uint8], family: Family) -> NDArray[np.uint8]:
    """The frame, with an eye where the source's is too faint to be told from the skin."""
    if (take_apart(frame).eyes * face_zone(frame, family.view)).any():
        return frame
    rows, columns = np.nonzero(face_zone(frame, family.view) & ~_edge((frame > 0).astype(np.uint8))
                               & (frame > OUTLINE))  # fmt: skip
    if len(rows) < 4:
        return frame
    out = frame.copy()
    if family.view == "side":
        target = rows.min() + 1.5, columns.min() + 1.5
        nearest = np.argmin((rows - target[0]) ** 2 + (columns - target[1]) ** 2)
        _look(out, [(int(rows[nearest]), int(columns[nearest]))])
        return out
    row = int(np.round(rows.mean()))
    here = columns[rows == row] if (rows == row).any() else columns
    middle = (here.min() + here.max()) / 2
    _look(out, [(row, int(np.floor(middle - 1))), (row, int(np.ceil(middle + 1)))])
    return out


def _look(frame: NDArray[np.uint8], places: list[tuple[int, int]]) -> None:
    """Eyes at the places: dark ones, white ones where the outline is too near to tell them from."""
    edge = _edge((frame > 0).astype(np.uint8))
    near = cv2.dilate(edge.astype(np.uint8), _CROSS) > 0
    slot = WHITE if any(near[place] for place in places) else OUTLINE
    for place in places:
        if not edge[place]:
            frame[place] = slot


@dataclass(frozen=True)
class BeastParts:
    """One frame taken apart, with the eyes of its face alone."""

    frame: NDArray[np.uint8]
    parts: Parts
    eyes: NDArray[np.uint8]


def apart(frame: NDArray[np.uint8], view: str) -> BeastParts:
    """Parts of one frame [16, 16]."""
    parts = take_apart(frame)
    return BeastParts(frame, parts, parts.eyes * face_zone(frame, view))


def chimera(
    fore: BeastParts, hind: BeastParts, other: BeastParts, share: float, family: Family
) -> NDArray[np.uint8]:
    """Slots [16, 16] of a creature of two or three.

    Args:
        fore: Gives the head and what goes with it.
        hind: Gives the rest.
        other: What the shape of the fore part is drawn towards.
        share: Of ``other``, 0..0.5.
        family: Of all of them.
    """
    front, front_skin = _morphed(fore, other, share, family)
    weight = _seam(fore.frame, family)
    if hind is fore:
        distance, skin = front, front_skin
    else:
        shift = _fit(fore.frame, hind.frame, weight, family)
        back = _moved(hind.parts.distance, shift, SIZE)
        distance = (1 - weight) * front + weight * back
        skin = np.where(weight < 0.5, front_skin, _moved(hind.parts.whole, shift, BODY + 1))
    mask = _largest((distance < 0).astype(np.uint8))
    out = np.asarray(skin * mask, dtype=np.uint8)
    out[(fore.eyes > 0) & (mask > 0)] = fore.eyes[(fore.eyes > 0) & (mask > 0)]
    out[_edge(mask)] = OUTLINE
    return out


def _morphed(
    fore: BeastParts, other: BeastParts, share: float, family: Family
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Distance to the outline between two creatures, and the skin of the first over it."""
    a = fore.parts
    if share <= 0 or other is fore:
        return a.distance, a.whole
    b = other.parts
    across = b.box[2] - a.box[2] if family.along == "x" else (sum(b.box[2:]) - sum(a.box[2:])) // 2
    down = b.box[1] - a.box[1]
    towards = _moved(b.distance, (-down, -across), SIZE)
    distance = ((1 - share) * a.distance + share * towards).astype(np.float32)
    thin = (a.limbs > 0) | (a.crest > 0)
    distance = np.where(thin, np.minimum(distance, a.distance), distance)
    rows, columns = np.nonzero((distance < 0) & ~thin)
    if not len(rows):
        return a.distance, a.whole
    box = (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max()))
    own = np.nonzero((fore.frame > 0) & ~thin)
    own_box = tuple(int(v) for v in (own[0].min(), own[0].max(), own[1].min(), own[1].max()))
    skin = np.where(fore.eyes > 0, a.skin, a.whole)
    skin = np.where(thin, skin, _stretched(skin, own_box, box))  # type: ignore[arg-type]
    return distance, np.asarray(skin, dtype=np.uint8)


def _seam(frame: NDArray[np.uint8], family: Family) -> NDArray[np.float32]:
    """Weight of the hind part, 0..1, [16, 16]: a ramp of two pixels at the seam."""
    places = np.flatnonzero(frame.any(0 if family.along == "x" else 1))
    at = places[0] + family.seam * (places[-1] - places[0] + 1)
    ramp = np.clip((np.arange(SIZE) + 0.5 - at) / 2 + 0.5, 0, 1).astype(np.float32)
    return np.broadcast_to(ramp[None, :] if family.along == "x" else ramp[:, None], (SIZE, SIZE))


def _fit(
    fore: NDArray[np.uint8], hind: NDArray[np.uint8], weight: NDArray[np.float32], family: Family
) -> tuple[int, int]:
    """Shift down and to the right by which the hind part meets the fore part best."""
    band = (weight > 0.05) & (weight < 0.95)
    solid = fore > 0
    down = (0,) if family.grounded else range(-_REACH, _REACH + 1)
    across = range(-_REACH, _REACH + 1)
    found = [(y, x) for y in down for x in across]

    def cost(shift: tuple[int, int]) -> tuple[int, int]:
        moved = _moved(hind, shift, 0) > 0
        lost = int((hind > 0).sum()) - int(moved.sum())
        return int((moved != solid)[band].sum()) + 2 * lost, abs(shift[0]) + abs(shift[1])

    return min(found, key=cost)


def _moved(picture: NDArray[Pixel], shift: tuple[int, int], fill: float) -> NDArray[Pixel]:
    """A picture moved down and to the right, with ``fill`` where nothing was."""
    down, across = shift
    out = np.full_like(picture, fill)
    height, width = SIZE - abs(down), SIZE - abs(across)
    if height > 0 and width > 0:
        y, x = max(0, down), max(0, across)
        out[y : y + height, x : x + width] = picture[
            max(0, -down) : max(0, -down) + height, max(0, -across) : max(0, -across) + width
        ]
    return out
