"""Weapons, shields and wings of 64 px people, drawn by rule over the frames of the network.

They hang on where the hands of the figure are in every pose. In a blow the weapon turns with the
arm; otherwise it is carried upright. What is behind the figure is only seen beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.uint8]
GEAR = ("weapon", "handle", "shield", "emblem", "wings")
"""Slots that gear is painted with, six shades each."""
SHADES = 6

# Upright pictures: "." nothing, 1..6 shades of the first slot, a..f shades of the second; "@" is
# where the hand holds it, a shade d of the second slot.
_WEAPONS: Mapping[str, str] = {
    "sword": "..1../.151./.163./.163./.163./.163./.163./.163./.163./.163./.163./.163./.163./.163./"
    ".163./.163./aadaa/afffa/aadaa/..@../.aea./.aca./.aea./..a..",
    "great sword": "...1.../..151../..163../.16533./.16533./.16533./.16533./.16533./.16533./"
    ".16533./.16533./.16533./.16533./.16533./.16533./.16533./.16533./aaddaaa/afeeefa/.aaaaa./"
    "...@.../..aea../..aca../..aea../..aca../..aaa..",
    "dagger": "..1../.151./.163./.163./.163./.163./.163./aadaa/.aaa./..@../.aea./..a..",
    "axe": ".aaa...../.aea.11../.aca1551./.aea16651/.aca16653/.aea16653/.aca16651/.aea1551./"
    ".aca.11../.aea...../.aca...../.aea...../.aca...../.aea...../.aca...../..@....../.aea...../"
    ".aca...../.aaa.....",
    "mace": "..111../.15551./1566531/1566531/1565331/.13331./..111../..aea../..aca../..aea../"
    "..aca../..aea../..aca../..aea../...@.../..aea../..aca../..aaa..",
    "hammer": "11111111/15666531/15655331/13333331/11111111/..aea.../..aca.../..aea.../..aca.../"
    "..aea.../..aca.../..aea.../..aca.../...@..../..aea.../..aca.../..aaa...",
    "staff": "..111../.15651./.16631./.15331./..111../..aea../..aea../..ada../..aea../..aea../"
    "..ada../..aea../..aea../..ada../..aea../..aea../..ada../..aea../..aea../..ada../...@.../"
    "..aea../..ada../..aea../..aea../..ada../..aea../..aea../..ada../..aea../..aea../..aaa..",
    "wand": ".111./15651/16631/.131./.aea./.ada./.aea./.ada./..@../.aea./.aaa.",
    "spear": "..1../.151./.163./16531/16531/.163./.131./.aea./.ada./.aea./.aea./.ada./.aea./.aea./"
    ".ada./.aea./.aea./.ada./.aea./..@../.aea./.ada./.aea./.aea./.ada./.aea./.aea./.ada./.aaa.",
    "trident": "1.1.1/151.1/16161/16161/16661/.163./.131./.aea./.ada./.aea./.aea./.ada./.aea./"
    ".aea./.ada./.aea./.aea./.ada./..@../.aea./.ada./.aea./.aea./.ada./.aea./.aea./.aaa.",
    "bow": ".aa....../.aeaa..../..adca.../..1.aea../..1..aea./..1..ada./..1...aea/..1...aea/"
    "..1...ada/..1...aea/..1...aca/..1....@./..1...aca/..1...aea/..1...ada/..1...aea/..1...aea/"
    "..1..ada./..1..aea./..1.aea../..adca.../.aeaa..../.aa......",
    "scythe": "..1111111../.156666531./15511111531/151.aea..11/11..aca..../....aea..../....aca..../"
    "....aea..../....aca..../....aea..../....aca..../....aea..../....aca..../.....@...../"
    "....aea..../....aca..../....aea..../....aca..../....aea..../....aca..../....aaa....",
    "pickaxe": "...11111.../.115666511./1551aea1551/111.aca.111/....aea..../....aca..../"
    "....aea..../....aca..../....aea..../....aca..../.....@...../....aea..../....aca..../....aaa....",
}  # fmt: skip
_FRONT_SHIELDS: Mapping[str, str] = {
    "shield": "1111111111111/1555555444331/1566555444331/1565bbbbb4331/1555bfefb4331/1555befeb4331/"
    "1554bfefb3331/1544bbbbb3321/1444444333321/.14443333321./.13333333221./..133333221../"
    "...1333221.../....13221..../.....111.....",
    "round shield": "....11111..../..114555411../.14566555431./.15665554441./1456bbbbb4431/"
    "1555bfffb4331/1555bfefb4331/1554bfffb3331/1444bbbbb3321/.14444433321./.13344333221./"
    "..113332211../....11111....",
}  # fmt: skip
_SIDE_SHIELDS: Mapping[str, str] = {
    "shield": ".1111./156541/156541/15f431/15f431/15f431/155431/144331/144331/143321/.1321./.1321./"
    "..11..",
    "round shield": "..11../.1541./156541/15f431/15f431/15f431/15f431/144331/143321/.1321./..11..",
}
WEAPONS, SHIELDS, WINGS = tuple(_WEAPONS), tuple(_FRONT_SHIELDS), ("feathered wings",)

_WALK_LEFT = ((31, 48), (28, 48), (25, 49), (23, 47), (22, 47), (24, 47), (25, 48), (28, 48))
_HANDS: Mapping[tuple[str, str], tuple[tuple[int, int], ...]] = {
    # (x, y) in the frame of the hand with the weapon: the right one, by frame
    ("idle", "down"): ((21, 47),) * 3, ("idle", "up"): ((42, 48), (42, 47), (42, 47)),
    ("idle", "left"): ((24, 47),) * 3,
    ("walk", "down"): ((21, 47), (22, 48), (23, 48), (21, 48), (21, 47), (20, 47), (21, 46),
                       (21, 47)),
    ("walk", "up"): ((42, 48), (42, 47), (41, 46), (42, 47), (42, 48), (41, 48), (40, 49),
                     (42, 49)),
    ("walk", "left"): _WALK_LEFT,
    ("run", "down"): ((24, 41), (23, 44), (24, 44), (28, 41), (30, 44), (28, 47), (26, 44),
                      (24, 40)),
    ("run", "up"): ((42, 42), (42, 43), (42, 43), (42, 41), (42, 42), (42, 43), (42, 43),
                    (42, 41)),
    ("run", "left"): ((22, 38), (26, 42), (31, 44), (22, 38), (20, 38), (24, 42), (28, 44),
                      (23, 40)),
    ("jump", "down"): ((21, 47), (22, 47), (21, 45), (19, 43), (14, 38), (22, 47)),
    ("jump", "up"): ((42, 48), (43, 47), (42, 41), (42, 37), (49, 32), (43, 47)),
    ("jump", "left"): ((24, 47), (24, 47), (22, 26), (22, 29), (23, 34), (24, 47)),
    ("sit", "down"): ((25, 47),), ("sit", "up"): ((42, 52),), ("sit", "left"): ((20, 47),),
    ("slash", "down"): ((17, 32), (20, 43), (38, 48), (40, 48), (40, 48), (40, 48), (20, 43)),
    ("slash", "up"): ((39, 47), (46, 40), (28, 33), (26, 34), (26, 34), (26, 34), (46, 40)),
    ("slash", "left"): ((52, 38), (24, 45), (15, 42), (13, 38), (13, 38), (13, 38), (15, 40)),
}  # fmt: skip
_TURNS: Mapping[str, tuple[int, ...]] = {
    # degrees by which the weapon leans to the left of upright in a blow, by frame
    "down": (0, 45, -90, -75, -60, -60, 45), "up": (-135, -90, 60, 90, 90, 90, -90),
    "left": (-45, 135, 90, 60, 60, 60, 90),
}  # fmt: skip


def extended(classes: list[str]) -> list[str]:
    """Names of the slots of the network, then those of gear."""
    return [*classes, *(f"{slot} {i + 1}" for slot in GEAR for i in range(SHADES))]


def equip(
    slots: Slots,
    runs: tuple[tuple[str, str, int, int], ...],
    numbers: tuple[int, ...],
    values: Mapping[str, str],
    classes: list[str],
) -> Slots:
    """Frames with the gear of ``values`` (weapon, shield, wings).

    Args:
        slots: Of all frames, [F, 64, 64].
        runs: As of `Drawing`.
        numbers: As of `Drawing`.
        values: Value of every attribute.
        classes: Of the network; those of gear follow them, see `extended`.
    """
    first = {slot: len(classes) + i * SHADES for i, slot in enumerate(GEAR)}
    skin = [number for number, name in enumerate(classes) if name.startswith("skin ")]
    out = slots.copy()
    for name, action, start, stop in runs:
        facing = name.rpartition("_")[2]
        for picture, frame in zip(out[start:stop], numbers[start:stop], strict=True):
            if facing == "right":  # drawn as its mirror image
                picture = picture[:, ::-1]
            side = "left" if facing == "right" else facing
            _dress(picture, action, side, frame, values, first, skin)
    return out


def _dress(
    picture: Slots,
    action: str,
    side: str,
    frame: int,
    values: Mapping[str, str],
    first: Mapping[str, int],
    skin: list[int],
) -> None:
    """Put gear on one frame [64, 64] in place; ``side`` is down, up or left."""
    hands = _HANDS[action, side]
    x, y = hands[min(frame, len(hands) - 1)]
    figure = picture > 0
    if values.get("wings", "none") != "none":
        _wear_wings(picture, figure, side, first["wings"])
    shield, weapon = values.get("shield", "none"), values.get("weapon", "none")
    if shield in _FRONT_SHIELDS:
        table = _SIDE_SHIELDS if side == "left" else _FRONT_SHIELDS
        layer = _picture(table[shield], first["shield"], first["emblem"])[0]
        lift = y - hands[0][1] if action != "slash" else 0
        middle = {"down": (43, 45), "up": (20, 46), "left": (33, 44)}[side]
        corner = (middle[0] - layer.shape[1] // 2, middle[1] + lift // 2 - layer.shape[0] // 2)
        _stamp(picture, layer, corner, behind=figure if side == "up" else None)
    if weapon in _WEAPONS:
        layer, grip = _picture(_WEAPONS[weapon], first["weapon"], first["handle"])
        if action == "slash":
            layer, grip = _turned(layer, grip, _TURNS[side][frame])
        before = picture.copy()
        corner = (x - grip[0], y - grip[1])
        _stamp(picture, layer, corner, behind=figure if side != "down" else None)
        if side == "down":  # fingers close over the handle
            near = np.zeros_like(figure)
            near[max(0, y - 1) : y + 3, max(0, x - 2) : x + 3] = True
            fingers = near & np.isin(before, skin)
            picture[fingers] = before[fingers]


@functools.lru_cache(maxsize=64)
def _picture(text: str, first: int, second: int) -> tuple[Slots, tuple[int, int]]:
    """Slots of a drawing of letters, and the place (x, y) of its grip or its middle."""
    rows = text.split("/")
    out = np.zeros((len(rows), max(map(len, rows))), dtype=np.uint8)
    grip = (out.shape[1] // 2, out.shape[0] // 2)
    for y, row in enumerate(rows):
        for x, letter in enumerate(row):
            if letter == "@":
                grip, letter = (x, y), "d"
            if letter.isdigit():
                out[y, x] = first + int(letter) - 1
            elif letter != ".":
                out[y, x] = second + "abcdef".index(letter)
    return out, grip


def _turned(layer: Slots, grip: tuple[int, int], degrees: int) -> tuple[Slots, tuple[int, int]]:
    """A drawing turned about its grip: enlarged, turned, and the middle of every cell taken."""
    if degrees == 0:
        return layer, grip
    side, scale = 96, 5
    canvas = np.zeros((side, side), dtype=np.uint8)
    top, left = side // 2 - grip[1], side // 2 - grip[0]
    canvas[top : top + layer.shape[0], left : left + layer.shape[1]] = layer
    large = np.kron(canvas, np.ones((scale, scale), dtype=np.uint8))
    centre = ((side // 2 + 0.5) * scale - 0.5,) * 2
    turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    spun = cv2.warpAffine(large, turn, large.shape[::-1], flags=cv2.INTER_NEAREST)
    small: Slots = np.ascontiguousarray(spun[scale // 2 :: scale, scale // 2 :: scale])
    return small, (side // 2, side // 2)


def _stamp(
    picture: Slots, layer: Slots, corner: tuple[int, int], behind: NDArray[np.bool_] | None
) -> None:
    """Paint ``layer`` with its top left at ``corner`` (x, y), nowhere on ``behind``."""
    left, top = corner
    height, width = picture.shape
    y, x = max(0, top), max(0, left)
    part = layer[y - top : height - top, x - left : width - left]
    if part.size == 0:
        return
    target = picture[y : y + part.shape[0], x : x + part.shape[1]]
    seen = part > 0
    if behind is not None:
        seen = seen & ~behind[y : y + part.shape[0], x : x + part.shape[1]]
    target[seen] = part[seen]


def _wear_wings(picture: Slots, figure: NDArray[np.bool_], side: str, first: int) -> None:
    """Wings at the shoulders: behind a figure that faces us, over one that turns its back."""
    rows = np.flatnonzero(figure.any(1))
    if len(rows) == 0:
        return
    top, bottom = int(rows[0]), int(rows[-1])
    shoulder = top + round((bottom - top) * 0.52)
    wing = _wing(first)
    behind = None if side == "up" else figure
    if side == "left":
        _stamp(picture, wing, (35, shoulder - 20), behind)
        return
    _stamp(picture, wing, (33, shoulder - 20), behind)
    _stamp(picture, wing[:, ::-1], (31 - wing.shape[1], shoulder - 20), behind)


@functools.lru_cache(maxsize=4)
def _wing(first: int) -> Slots:
    """A feathered wing that opens to the right, [34, 22]; its root is near (0, 20)."""
    mask = np.zeros((34, 24), dtype=np.uint8)
    outline = np.array([[0, 18], [2, 9], [7, 2], [13, 0], [18, 3], [20, 10], [19, 18], [16, 24],
                        [12, 30], [8, 27], [4, 27], [1, 24]])  # fmt: skip
    cv2.fillPoly(mask, [outline], 1)
    inside = cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0) > 0
    y, x = np.mgrid[:34, :24]
    # Long feathers fan out from the root: light spines, dark gaps, a pale upper edge.
    angle = np.degrees(np.arctan2(x + 3.0, 24.0 - y))
    reach = np.hypot(x + 3.0, 24.0 - y)
    spine = np.mod(angle, 16) < 6
    shade = np.where(reach < 12, 5, np.where(spine, 5, 4))
    shade = np.where((reach >= 12) & (np.mod(angle, 16) > 13), 2, shade)
    shade = np.where((reach > 11) & (reach < 13), 3, shade)
    shade = np.where(y < 6, 6, shade)
    out: Slots = np.where(inside, first + shade - 1, np.where(mask > 0, first, 0)).astype(np.uint8)
    return out
