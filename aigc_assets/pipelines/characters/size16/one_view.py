"""Directions and steps of a creature that is drawn in one view only.

What looks left is mirrored to the right; what looks at us turns by moving its face. From behind
there is no face. Nothing is invented: every pixel is moved, left out or takes a neighbour's slot.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.size16.tiny_frames import FRAME, Picture, sunk

OUTLINE, WHITE, GLOW = 1, 8, 9
"""Slots that eyes are made of; those between are skin."""
_MOST_DARK = 4
"""Pixels of the largest dark spot that belongs to a face."""
_TURN = 2
"""How far in px a face moves when the figure turns to the side."""
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)


def edge(frame: Picture) -> NDArray[np.bool_]:
    """Drawn pixels that touch the outside, the border of the frame included."""
    drawn = (frame > 0).astype(np.uint8)
    inside = cv2.erode(drawn, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray((drawn > 0) & (inside == 0))


def face_zone(frame: Picture, view: str) -> NDArray[np.bool_]:
    """Where the face is: the upper part, of what looks left its left half."""
    rows, columns = np.nonzero(frame)
    if not len(rows):
        return np.zeros(frame.shape, dtype=bool)
    top, left = int(rows.min()), int(columns.min())
    y, x = np.mgrid[:FRAME, :FRAME]
    zone = y < top + 0.6 * (rows.max() - top + 1)
    return np.asarray(zone & (x < left + 0.5 * (columns.max() - left + 1))
                      if view == "side" else zone)  # fmt: skip


def face_of(frame: Picture, view: str) -> NDArray[np.bool_]:
    """Pixels of eyes and mouth: bright ones, and dark spots that the outline does not touch."""
    zone, rim = face_zone(frame, view), edge(frame)
    found = np.isin(frame, (WHITE, GLOW)) & ~rim
    lines = ((frame == OUTLINE) & ~rim).astype(np.uint8)
    beside = cv2.dilate(rim.astype(np.uint8), _CROSS) > 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=4)
    for number in range(1, count):
        spot = labels == number
        alone = (
            not (spot & beside).any() or (cv2.dilate(spot.astype(np.uint8), _CROSS)[found]).any()
        )
        if stats[number, cv2.CC_STAT_AREA] <= _MOST_DARK and alone:
            found |= spot
    return np.asarray(found & zone)


def with_eyes(frame: Picture, view: str, usual: Sequence[Sequence[int]]) -> Picture:
    """The frame; where it has no face it gets the usual eyes.

    Args:
        frame: Slots [16, 16].
        view: ``side`` looks left, ``front`` looks at us.
        usual: Row, column and slot of each pixel of the eyes of the body that it has its head of;
            may be empty.
    """
    if not frame.any() or face_of(frame, view).any():
        return frame
    inner = (frame > 0) & ~edge(frame)
    zone = inner & face_zone(frame, view)
    places = np.argwhere(zone if zone.any() else inner)
    if not len(places):
        return frame
    out = frame.copy()
    wanted = [(int(y), int(x)) for y, x, _ in usual] or _usual_places(places, view)
    for at in wanted:
        y, x = places[np.abs(places - at).sum(1).argmin()]
        near = cv2.dilate(edge(frame).astype(np.uint8), _CROSS)[y, x] > 0
        out[y, x] = WHITE if near else OUTLINE
    return out if face_of(out, view).any() else np.where(_spots(out, frame), WHITE, out)


def _spots(after: Picture, before: Picture) -> NDArray[np.bool_]:
    return np.asarray(after != before)


def _usual_places(places: NDArray[np.intp], view: str) -> list[tuple[int, int]]:
    row, column = (float(v) for v in places.mean(0))
    if view == "side":
        return [(round(row), int(places[:, 1].min()) + 1)]
    return [(round(row), round(column) - 1), (round(row), round(column) + 2)]


def smoothed(frame: Picture, view: str) -> Picture:
    """The frame without single pixels of a tone in the skin, but for the face."""
    skin = (frame > OUTLINE) & (frame < WHITE)
    padded = np.pad(np.where(skin, frame, 0), 1)
    around = np.stack(
        [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    )  # above, below, left, right
    alone = skin & ~face_zone(frame, view) & ~(around == frame).any(0) & (around > 0).any(0)
    out = frame.copy()
    for y, x in np.argwhere(alone):
        near = around[:, y, x]
        counts = np.bincount(near[near > 0], minlength=WHITE)
        # Of equally frequent tones the one that is most like its own.
        out[y, x] = max(range(WHITE), key=lambda s: (counts[s], -abs(s - int(frame[y, x]))))
    return out


def faceless(frame: Picture, view: str) -> Picture:
    """The figure from behind: what was its face takes the slot of the nearest skin."""
    face = face_of(frame, view)
    skin = (frame > OUTLINE) & ~face & ~np.isin(frame, (WHITE, GLOW))
    if not face.any() or not skin.any():
        return frame
    _, labels = cv2.distanceTransformWithLabels(
        (~skin).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(int(labels.max()) + 1, dtype=np.uint8)
    nearest[labels[skin]] = frame[skin]
    return np.where(face, nearest[labels], frame).astype(np.uint8)


def narrowed(frame: Picture, by: int) -> Picture:
    """The figure without the ``by`` inner columns that are most like the next, centred."""
    out = frame
    for _ in range(by):
        columns = np.flatnonzero(out.any(0))
        if len(columns) < 6:
            break
        inner = columns[2:-3]
        cost = [int((out[:, x] != out[:, x + 1]).sum()) for x in inner]
        middle = (columns[0] + columns[-1]) / 2
        gone = min(zip(cost, inner, strict=True), key=lambda c: (c[0], abs(c[1] - middle)))[1]
        out = np.concatenate([out[:, :gone], out[:, gone + 1 :], out[:, :1] * 0], 1)
    columns = np.flatnonzero(out.any(0))
    if by and len(columns):
        out = np.roll(out, (FRAME - 1 - int(columns[0]) - int(columns[-1])) // 2, 1)
    return np.ascontiguousarray(out)


def turned(frame: Picture) -> Picture:
    """A figure that looked at us, looking left: slimmer, its face moved to the left."""
    slim = narrowed(frame, 2)
    face = face_of(slim, "front")
    out = faceless(slim, "front")
    inner = (out > 0) & ~edge(out)
    y, x = np.nonzero(face)
    if not len(x):
        return slim
    # A dark eye beside the outline would be a bump of it: from the side it is out of sight.
    free = inner & (cv2.dilate(edge(out).astype(np.uint8), _CROSS) == 0)
    for step in range(_TURN, 0, -1):
        moved = out.copy()
        seen = np.array([(free if slim[a, b] == OUTLINE else inner)[a, b - step]
                         for a, b in zip(y, x, strict=True)])  # fmt: skip
        moved[y[seen], x[seen] - step] = slim[y[seen], x[seen]]
        if face_of(moved, "front").any():
            return moved
    return slim


def directions(base: Picture, view: str) -> dict[str, Picture]:
    """The figure in the four directions ``down``, ``up``, ``left``, ``right``."""
    if view == "side":
        behind = narrowed(faceless(base, view), 3)
        found = {"down": narrowed(base, 2), "up": behind[:, ::-1], "left": base}
    else:
        found = {"down": base, "up": faceless(base, view), "left": turned(base)}
    found["right"] = found["left"][:, ::-1]
    return {side: np.ascontiguousarray(frame) for side, frame in found.items()}


def steps(stand: Picture, *, floating: bool) -> list[Picture]:
    """Four frames of a walk: every other leg is lifted; what has no legs or floats, bobs.

    Args:
        stand: Slots [16, 16] of the standing figure.
        floating: Whether it never touches the ground.
    """
    rows = np.flatnonzero(stand.any(1))
    if len(rows) < 4:
        return [stand] * 4
    waist = int(rows[0] + round(0.6 * len(rows)))
    low = sunk(stand, waist)
    legs = _legs(stand)
    if floating:
        pair = [np.roll(stand, -1, 0) if rows[0] else low, low]
    elif len(legs) < 2:
        pair = [sunk(stand, waist, 2), low]
    else:
        pair = [_lifted(stand, legs[::2]), _lifted(stand, legs[1::2])]
    # The smaller step comes last, so that the loop closes no harder than it goes on.
    pair.sort(key=lambda step: -int((step != stand).sum()))
    return [stand, pair[0], stand, pair[1]]


def _legs(stand: Picture) -> list[tuple[int, int]]:
    """First and last column of each leg: what stands apart on the last row, or on the one above."""
    for row in (FRAME - 1, FRAME - 2):
        change = np.diff(np.pad((stand[row] > 0).astype(np.int8), 1))
        legs = list(zip(np.flatnonzero(change > 0).tolist(),
                        (np.flatnonzero(change < 0) - 1).tolist(), strict=True))  # fmt: skip
        if len(legs) > 1:
            break
    return legs


def _lifted(stand: Picture, legs: Sequence[tuple[int, int]]) -> Picture:
    """The figure with some of its feet one row higher."""
    out = stand.copy()
    for first, last in legs:
        foot = np.s_[FRAME - 2 :, first : last + 1]
        out[foot] = np.stack([stand[FRAME - 1, first : last + 1], stand[0, first : last + 1] * 0])
    return out
