"""From index maps in global colours to the pack palette, and what can be done to them there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.colours.ramps import fit_ramp
from aigc_assets.types.oklab import FAMILIES, families, from_oklab, to_oklab

_HUES = {"red": 27, "orange": 55, "brown": 60, "yellow": 95, "green": 142, "cyan": 200,
         "blue": 262, "purple": 305, "pink": 355}  # fmt: skip
_CHROMA = {"brown": 0.075, "pink": 0.11, "cyan": 0.1, "yellow": 0.14}
_LIGHT = {"black": (0.45, 0.0), "grey": (0.9, 0.04), "white": (0.45, 0.55), "yellow": (0.75, 0.25),
          "brown": (0.75, 0.0), "pink": (0.7, 0.25), "cyan": (0.85, 0.12),
          "orange": (0.85, 0.12)}  # fmt: skip
"""Factor and offset of OKLab lightness of what is recoloured."""
SPECK = 3
"""Smallest part, in px, that hangs on nothing else."""
_PLAIN = ("black", "grey", "white")

Indices = NDArray[np.uint8]


def without_specks(index: Indices) -> Indices:
    """The map [H, W] without loose crumbs, without single holes and without single stray pixels.

    A pixel is stray if all eight neighbours are of other colours, most of them of one, and none of
    its own family of lightness: eyes, which stand out from what is around, stay.
    """
    clean = index.copy()
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        (clean > 0).astype(np.uint8), connectivity=8
    )
    for part in range(1, count):
        if stats[part, cv2.CC_STAT_AREA] < SPECK:
            clean[parts == part] = 0
    padded = np.pad(clean, 1)
    around = np.stack([
        padded[1 + dy : 1 + dy + clean.shape[0], 1 + dx : 1 + dx + clean.shape[1]]
        for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0))
    ])  # fmt: skip
    hole = (clean == 0) & (around > 0).all(0)
    same = (around[1:] == around[:1]).all(0)
    clean[hole & same] = around[0][hole & same]
    clean[hole & ~same] = around[3][hole & ~same]
    return clean


def wear(colours: NDArray[np.uint8], index: Indices, wanted: str) -> NDArray[np.uint8]:
    """The global colours, changed so that more of the figure is of a family of colours.

    Of the other families, the one that covers most, outlines aside, is turned to the wanted hue
    with its kin; their order of lightness stays.

    Args:
        colours: [K, 3] uint8.
        index: The figure, [H, W].
        wanted: One of `FAMILIES`.
    """
    named = families(colours)
    count = np.bincount(named[index[index > 0]], minlength=len(FAMILIES)).astype(float)
    count[FAMILIES.index("black")] *= 0.2
    count[[FAMILIES.index(name) for name in ("grey", "white")]] *= 0.8
    already = count[FAMILIES.index(wanted)]
    count[FAMILIES.index(wanted)] = 0
    if already:
        count[FAMILIES.index("black")] = 0  # the outline
    if not count.any():
        return colours
    main = int(count.argmax())
    # Brown, orange, yellow and red are shades of one material; so are cyan and blue.
    kin = {main}
    for group in (("brown", "orange", "yellow", "red"), ("cyan", "blue"), ("purple", "pink"),
                  ("grey", "white")):  # fmt: skip
        if FAMILIES[main] in group:
            kin |= {FAMILIES.index(name) for name in group if name != wanted}
    lab = to_oklab(colours)
    turn = np.isin(named, list(kin))
    turn[0] = False
    factor, offset = _LIGHT.get(wanted, (1.0, 0.0))
    lab[turn, 0] = lab[turn, 0] * factor + offset
    if wanted in _PLAIN:
        lab[turn, 1:] *= 0.12
    else:
        chroma = np.hypot(lab[turn, 1], lab[turn, 2])
        usual = _CHROMA.get(wanted, 0.13)
        room = np.clip((1 - np.abs(lab[turn, 0] - 0.55) / 0.55) * 1.6, 0.25, 1)
        chroma = np.maximum(np.minimum(chroma, usual * 1.4), usual) * room
        angle = np.deg2rad(_HUES[wanted])
        lab[turn, 1], lab[turn, 2] = chroma * np.cos(angle), chroma * np.sin(angle)
    changed = colours.copy()
    changed[turn] = from_oklab(lab[turn])
    return changed


def ramps(colours: NDArray[np.uint8]) -> list[NDArray[np.intp]]:
    """The colours [K, 3] in groups of like hue, each from dark to light; row 0 is in none."""
    lab = to_oklab(colours)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    # Bounds lie where few drawn colours lie: reds, earths, greens, blues, purples.
    group = np.searchsorted([8, 38, 80, 118, 172, 225, 290, 340], hue) % 8 + 1
    group = np.where((chroma < 0.04) | (lab[:, 0] < 0.16), 0, group)
    group[0] = -1
    found = []
    for number in range(9):
        rows = np.flatnonzero(group == number)
        if len(rows):
            found.append(rows[np.argsort(lab[rows, 0], kind="stable")])
    return found


def onto_palette(
    colours: NDArray[np.uint8], used: NDArray[np.intp], palette: NDArray[np.uint8]
) -> NDArray[np.intp]:
    """Palette index for every global colour, as ramps: what is lighter never becomes darker.

    Args:
        colours: [K, 3].
        used: Rows of ``colours`` that the figure uses.
        palette: Of the pack, [N, 3].
    """
    table = np.zeros(len(colours), np.intp)
    darkest = int(to_oklab(palette)[:, 0].argmin())
    for ramp in ramps(colours):
        rows = ramp[np.isin(ramp, used)]
        if not len(rows):
            continue
        grey = np.ptp(colours[rows].astype(int), 1).max() < 24
        plain = grey or to_oklab(colours[rows[0]])[0] < 0.16
        avoid = None if plain else np.array([darkest])
        table[rows] = fit_ramp(palette, colours[rows], avoid)
    return table
