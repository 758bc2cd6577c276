"""Colours for slots: each ramp is put onto the pack palette, dark to light, as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.size64.wardrobe import Look, alternatives
from aigc_assets.pipelines.characters.words.lexicon import EYES
from aigc_assets.pipelines.palettes import from_oklab, nearest, to_oklab

_NEIGHBOURS: tuple[tuple[str, str, float], ...] = (
    ("hair", "skin", 0.13),
    ("torso", "skin", 0.12),
    ("over", "torso", 0.08),
    ("legs", "torso", 0.08),
    ("legs", "skin", 0.09),
    ("feet", "legs", 0.05),
)
"""Slots that touch, and the distance in OKLab below which they look like one."""

AVOIDED, AVOIDED_IF_NAMED = 0.03, 0.006
"""Price of dressing in the colours of the skin, as a squared distance in OKLab."""

_FIXED: Mapping[str, tuple[int, int, int]] = {
    "lens 1": (115, 190, 211), "lens 2": (138, 190, 201), "lens 3": (164, 221, 219),
    "eye white": (250, 250, 250), "dark": (39, 25, 32),
}  # fmt: skip


def fit_ramp(
    palette: NDArray[np.uint8],
    tones: NDArray[np.uint8],
    avoid: NDArray[np.intp] | None = None,
    price: float = AVOIDED,
) -> NDArray[np.intp]:
    """The palette colours that come nearest to a ramp, never darker than the one before.

    Dynamic programming over (shade, palette colour): distance to the wanted tone in OKLab, hue
    twice as dear as lightness, a price for using one colour twice running and for a change of hue
    that the ramp does not have.

    Args:
        palette: [N, 3].
        tones: Wanted colours from dark to light, [S, 3].
        avoid: Palette indices that cost ``price`` more.
        price: Squared distance in OKLab.

    Returns:
        Palette indices, [S]; lightness never falls.
    """
    have, want = to_oklab(palette), to_oklab(tones)
    order = np.argsort(have[:, 0], kind="stable")
    have = have[order]
    weight = np.array([1.0, 2.0, 2.0])
    cost = (((have[None] - want[:, None]) * weight) ** 2).sum(-1)  # [S, N]
    if avoid is not None:
        cost = cost + np.where(np.isin(order, avoid), price, 0.0)
    count = len(have)
    index = np.arange(count)
    turn = np.sqrt(((have[:, None, 1:] - have[None, :, 1:]) ** 2).sum(-1))  # [before, after]
    best, back = cost[0], []
    for shade in range(1, len(want)):
        wanted_turn = float(np.sqrt(((want[shade, 1:] - want[shade - 1, 1:]) ** 2).sum()))
        step = np.clip(turn - wanted_turn, 0, None) ** 2 * 1.5
        step = step + np.where(index[:, None] == index[None], 0.0035, 0.0)
        step = np.where(index[:, None] > index[None], np.inf, step)
        total = best[:, None] + step
        back.append(total.argmin(0))
        best = total.min(0) + cost[shade]
    path = [int(best.argmin())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    chosen: NDArray[np.intp] = order[np.array(path[::-1])]
    return chosen


def paint_table(
    look: Look, palette: NDArray[np.uint8], vocabulary: Mapping[str, Any], seed: int
) -> tuple[NDArray[np.intp], dict[str, tuple[str, str]]]:
    """Palette index of every slot class.

    Colours that the prompt left open are changed when they would run into a neighbour.

    Returns:
        Palette index per class, [classes] (class 0 is transparent and means nothing), and the
        ramps that were used.
    """
    colours = dict(look.colours)
    skin = _fit_skin(colours["skin"], palette, vocabulary)
    bare = skin[4:]  # the two lightest shades fill most of a face

    def fit(slot: str, colour: tuple[str, str]) -> NDArray[np.intp]:
        price = AVOIDED if slot in look.free else AVOIDED_IF_NAMED
        return fit_ramp(palette, _tones(colour, vocabulary), bare, price)

    fitted = {s: fit(s, c) for s, c in colours.items() if s not in ("eyes", "skin")}
    fitted["skin"] = skin
    for first, second, clash in _NEIGHBOURS:
        pair = [s for s in (first, second) if s in look.free and s != "skin"]
        worn = all(look.values.get(s, "") != "none" for s in (first, second))
        grey = first == "hair" and look.values["head"] == "elderly"
        if not pair or not worn or grey:
            continue
        slot, neighbour = pair[0], second if pair[0] == first else first
        options = [colours[slot], *alternatives(slot, look, seed, vocabulary["colours"])]
        ramps = [fit(slot, option) for option in options]
        if slot == "hair":  # darker than the face, if it has to be another
            lights = [_light(palette, ramp) > _light(palette, skin) for ramp in ramps]
            order = [0, *(1 + np.argsort(lights[1:], kind="stable"))]
            options, ramps = [options[i] for i in order], [ramps[i] for i in order]
        gaps = [_gap(palette, ramp, fitted[neighbour]) for ramp in ramps]
        # The first that stands clear, or else the one that stands clearest.
        pick = next((i for i, gap in enumerate(gaps) if gap >= clash), int(np.argmax(gaps)))
        colours[slot], fitted[slot] = options[pick], ramps[pick]
    for slot, leader in look.follows.items():
        colours[slot], fitted[slot] = colours[leader], fitted[leader]
    if look.glowing:
        # What glows has colours that nothing else wears, so that light maps can tell it apart.
        options = [colours["weapon"], *(("cloth", name) for name in look.glowing)]
        seen = [r for s, r in fitted.items() if s != "weapon" and look.values.get(s) != "none"]
        taken = np.unique(np.concatenate(seen))
        ramps = [fit_ramp(palette, _tones(option, vocabulary), taken) for option in options]
        pick = int(np.argmin([np.isin(ramp[2:], taken).sum() for ramp in ramps]))
        colours["weapon"], fitted["weapon"] = options[pick], ramps[pick]
    table = np.zeros(len(vocabulary["classes"]), dtype=np.intp)
    eyes = _eyes(colours["eyes"][1], palette)
    for number, name in enumerate(vocabulary["classes"]):
        group, _, shade = name.partition(" ")
        if group in fitted:
            table[number] = fitted[group][int(shade) - 1]
        elif group == "iris":
            table[number] = eyes[int(shade) - 1]
        elif name in _FIXED:
            table[number] = nearest(palette, np.array(_FIXED[name], dtype=np.uint8))
    return table, colours


def _tones(colour: tuple[str, str], vocabulary: Mapping[str, Any]) -> NDArray[np.uint8]:
    kind, name = colour
    return np.array(vocabulary["colours"][kind][name], dtype=np.uint8)


def _fit_skin(
    colour: tuple[str, str], palette: NDArray[np.uint8], vocabulary: Mapping[str, Any]
) -> NDArray[np.intp]:
    """Palette indices of the skin; one that the prompt paints green is fitted like cloth."""
    tones = _tones(colour, vocabulary)
    if colour[0] not in ("skin", "like"):
        return fit_ramp(palette, tones)
    return fit_skin(palette, tones)


def fit_skin(palette: NDArray[np.uint8], tones: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Like `fit_ramp`, but never with the paper white of a palette: skin is warm or dark."""
    light, a, b = to_oklab(palette).T
    warm = (b > 0.015) & (a > -0.01)
    if (warm & (light > 0.5)).sum() < 2:
        return fit_ramp(palette, tones)
    usable = np.flatnonzero(warm | (light < 0.35))
    chosen: NDArray[np.intp] = usable[fit_ramp(palette[usable], tones)]
    return chosen


def _gap(palette: NDArray[np.uint8], a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """OKLab distance between the body tones (without outline) of two ramps."""
    first, second = to_oklab(palette[a[2:]]).mean(0), to_oklab(palette[b[2:]]).mean(0)
    return float(np.sqrt(((first - second) ** 2).sum()))


def _light(palette: NDArray[np.uint8], ramp: NDArray[np.intp]) -> float:
    """OKLab lightness of the body tones of a ramp."""
    return float(to_oklab(palette[ramp[2:]])[:, 0].mean())


def _eyes(name: str, palette: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Dark, middle and light tone of the iris."""
    middle = to_oklab(np.array(EYES[name], dtype=np.uint8))
    tones = middle + np.array([[-0.15, 0, 0], [0, 0, 0], [0.15, 0, 0]])
    return nearest(palette, from_oklab(tones))
