"""Other colours for a finished sheet: team colours, a flash of damage, a freeze.

All of them map colours to colours, so that frames stay consistent and nothing flickers. With a
palette given every new colour is one of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.colours.ramps import fit_ramp
from aigc_assets.pipelines.characters.variants.frames import palette_index, repainted
from aigc_assets.pipelines.palettes import from_oklab, to_oklab
from aigc_assets.types import SpriteSheet

TEAMS: Mapping[str, tuple[float, float]] = {
    # colour of a team: OKLCh hue in degrees, chroma
    "red": (25, 0.17), "orange": (55, 0.15), "yellow": (95, 0.14), "green": (145, 0.13),
    "teal": (190, 0.09), "blue": (255, 0.13), "purple": (310, 0.13), "pink": (355, 0.12),
    "white": (90, 0.01), "black": (280, 0.01),
}  # fmt: skip
_LIFT: Mapping[str, float] = {"yellow": 0.12, "white": 0.22, "black": -0.22, "orange": 0.04}
"""Yellow is light and black is dark by nature: lightness that such a ramp gains."""

GREY = 0.03
"""OKLCh chroma below which a colour has no hue worth the name."""
INK = 0.26
"""OKLab lightness below which a colour is an outline."""
_TURN, _FADE = 26.0, 1.9
"""Degrees of hue, and ratio of chromas, that the colours of one ramp may span."""
_SKIN_HUE, _SKIN_CHROMA = (28.0, 78.0), (0.03, 0.115)


@dataclass(frozen=True)
class Ramp:
    """Colours of one family in a sheet.

    Args:
        colours: Their numbers in the palette of the sheet, dark to light.
        hue: OKLCh hue in degrees; of greys it means nothing.
        chroma: Mean OKLCh chroma.
        grey: Whether the ramp has no hue.
    """

    colours: NDArray[np.intp]
    hue: float
    chroma: float
    grey: bool


def ramps_of(palette: NDArray[np.uint8]) -> list[Ramp]:
    """The families of a palette: neighbours in hue, the greys, without the dark of outlines."""
    lab = to_oklab(palette)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    inks = lab[:, 0] < INK
    groups = _linked(np.flatnonzero(~inks & (chroma >= GREY)), hue, chroma)
    greys = np.flatnonzero(~inks & (chroma < GREY)).tolist()
    found = []
    for group in [*groups, greys]:
        if group:
            members = np.array(sorted(group, key=lambda n: float(lab[n, 0])), dtype=np.intp)
            a, b = lab[members, 1].sum(), lab[members, 2].sum()
            angle = float(np.degrees(np.arctan2(b, a)) % 360)
            found.append(Ramp(members, angle, float(chroma[members].mean()), group is greys))
    return found


def _linked(
    members: NDArray[np.intp], hue: NDArray[np.float64], chroma: NDArray[np.float64]
) -> list[list[int]]:
    """Groups of colours no two of which are too far apart: complete linkage, nearest first."""
    turn = np.abs(hue[:, None] - hue[None])
    turn = np.minimum(turn, 360 - turn) / _TURN
    tone = np.log(np.maximum(chroma, 1e-6))
    distance = np.maximum(turn, np.abs(tone[:, None] - tone[None]) / np.log(_FADE))
    groups = [[number] for number in members.tolist()]
    while len(groups) > 1:
        best, pair = 1.0, None
        for i in range(len(groups)):
            for j in range(i):
                far = float(distance[np.ix_(groups[i], groups[j])].max())
                if far < best:
                    best, pair = far, (j, i)
        if pair is None:
            break
        groups[pair[0]] += groups.pop(pair[1])
    return groups


def clothing_ramp(sheet: SpriteSheet) -> Ramp | None:
    """The ramp that tells teams apart: what most of the body wears, not skin, not hair.

    The body is what lies below the upper third of the figure. Skin is known by its hue and by its
    share in the upper third; greys are taken only where nothing is coloured.
    """
    index = palette_index(sheet)
    body = np.zeros(len(sheet.palette))
    head = np.zeros(len(sheet.palette))
    for frame in sheet.frames:
        x, y, w, h = frame.rect
        part = index[y : y + h, x : x + w]
        rows = np.flatnonzero((part >= 0).any(axis=1))
        if len(rows):
            neck = int(rows[0] + (rows[-1] + 1 - rows[0]) * 0.36)
            head += np.bincount(part[:neck][part[:neck] >= 0], minlength=len(body))
            body += np.bincount(part[neck:][part[neck:] >= 0], minlength=len(body))
    best, most = None, 0.0
    for ramp in ramps_of(sheet.palette):
        worn, above = body[ramp.colours].sum(), head[ramp.colours].sum()
        score = float(worn - 0.5 * min(above, worn))
        low, high = _SKIN_HUE
        skinny = low <= ramp.hue <= high and _SKIN_CHROMA[0] <= ramp.chroma <= _SKIN_CHROMA[1]
        if ramp.grey:
            score *= 0.25
        elif skinny and above > 0.2 * (worn + above):
            score *= 0.1
        if score > most:
            best, most = ramp, score
    return best


def team_colours(
    sheet: SpriteSheet, team: str, palette: NDArray[np.uint8] | None = None
) -> SpriteSheet:
    """The sheet with the ramp of its clothes in the colour of a team, shade for shade.

    Args:
        sheet: The sheet.
        team: One of `TEAMS`.
        palette: Colours of the pack, [N, 3]; the new ramp is made of them.

    Raises:
        UsageError: If there is no such team.
    """
    if team not in TEAMS:
        raise UsageError(f"no team {team!r}", where="team", remedy=f"one of: {', '.join(TEAMS)}")
    ramp = clothing_ramp(sheet)
    table = sheet.palette.copy()
    if ramp is not None:
        hue, chroma = TEAMS[team]
        lab = to_oklab(sheet.palette[ramp.colours])
        light = np.clip(lab[:, 0] + _LIFT.get(team, 0.0), 0.12, 0.97)
        table[ramp.colours] = _in_palette(_tones(light, hue, chroma), palette)
    return repainted(sheet, table)


def damaged(sheet: SpriteSheet, palette: NDArray[np.uint8] | None = None) -> SpriteSheet:
    """A flash for the moment of a hit: reds, with the outline kept and lights nearly white."""
    return _toned(sheet, palette, hue=25, chroma=0.17, dark=0.30, light=0.95)


def frozen(sheet: SpriteSheet, palette: NDArray[np.uint8] | None = None) -> SpriteSheet:
    """The figure in ice: light blues, with the outline kept and lights nearly white."""
    return _toned(sheet, palette, hue=240, chroma=0.085, dark=0.38, light=0.97)


def _toned(
    sheet: SpriteSheet,
    palette: NDArray[np.uint8] | None,
    *,
    hue: float,
    chroma: float,
    dark: float,
    light: float,
) -> SpriteSheet:
    lab = to_oklab(sheet.palette)
    order = np.argsort(lab[:, 0], kind="stable")
    order = order[lab[order, 0] >= INK]
    table = sheet.palette.copy()
    if len(order):
        seen = lab[order, 0]
        share = (seen - seen[0]) / max(float(seen[-1] - seen[0]), 1e-6)
        table[order] = _in_palette(_tones(dark + (light - dark) * share, hue, chroma), palette)
    return repainted(sheet, table)


def _tones(light: NDArray[np.float64], hue: float, chroma: float) -> NDArray[np.uint8]:
    """Colours of one hue; the darkest and the lightest have less chroma, as paint has."""
    strength = chroma * np.clip(np.minimum(light / 0.45, (1.04 - light) / 0.3), 0.15, 1.0)
    angle = np.radians(hue)
    return from_oklab(np.stack([light, strength * np.cos(angle), strength * np.sin(angle)], 1))


def _in_palette(tones: NDArray[np.uint8], palette: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    return tones if palette is None else palette[fit_ramp(palette, tones)]
