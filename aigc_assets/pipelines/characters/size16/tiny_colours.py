"""Colours of 16 px: three tones per ramp on the palette of a pack, told apart from one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.colours.ramps import fit_ramp
from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.palettes import nearest
from aigc_assets.types.oklab import from_oklab, to_oklab

CLEAR = 0.11
"""Distance in OKLab from which on two ramps look like two colours."""
DULL = 0.035
"""Chroma in OKLab below which a colour is a grey."""
FIXED: Mapping[str, tuple[int, int, int]] = {
    "outline": (20, 22, 27), "white": (250, 248, 240), "eye": (214, 40, 46), "glow": (226, 44, 62),
}  # fmt: skip
"""Slots that are no ramp."""
_MIDDLE = (0.3, 0.58, 0.9)
"""Where on a named ramp the three tones are taken, 0 its darkest, 1 its lightest."""
_LIVELY = (0.4, 0.8, 1.0)
VIVID = 0.09
"""Chroma in OKLab from which on a colour would change its name up the ramp."""
DIM, _APART = 0.5, 0.05
"""Lightness in OKLab to which a dark middle tone is lifted; what the others keep from it more."""


def tones(
    names: Sequence[str], kind: str, ramps: Mapping[str, Any], *, lively: bool = False
) -> NDArray[np.uint8] | None:
    """Three tones [3, 3] of the first name that the kind of ramp or cloth has, dark to light.

    ``lively`` takes them farther up the ramp, unless they are vivid, and lifts those of dark
    colours that are no greys: large even areas shall not be lost in their outline.
    """
    for candidate in dict.fromkeys((kind, "cloth")):
        for name in names:
            if name in ramps[candidate]:
                ramp: NDArray[np.uint8] = np.array(ramps[candidate][name], dtype=np.uint8)
                found = ramp[np.round(np.array(_MIDDLE) * (len(ramp) - 1)).astype(np.intp)]
                if lively and np.hypot(*to_oklab(found)[1, 1:]) < VIVID:
                    found = ramp[np.round(np.array(_LIVELY) * (len(ramp) - 1)).astype(np.intp)]
                    return _lifted(found)
                return np.asarray(found, dtype=np.uint8)
    return None


def _lifted(tones: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tones of a dark colour that is no grey, lighter and as much more colourful."""
    lab = to_oklab(tones)
    light, chroma = float(lab[1, 0]), float(np.hypot(*lab[1, 1:]))
    if light >= DIM or chroma < DULL:
        return tones
    lab *= DIM / light
    lab[:, 0] += _APART * np.array([-1.0, 0.0, 1.0])
    return from_oklab(lab)


def choose(
    slot: str,
    wanted: Sequence[Sequence[str]],
    kind: str,
    ramps: Mapping[str, Any],
    palette: NDArray[np.uint8],
    apart: Sequence[NDArray[np.intp]],
    outline: int,
    usable: NDArray[np.intp] | None = None,
    *,
    lively: bool = False,
) -> tuple[NDArray[np.intp], str]:
    """Palette indices [3] of the first wanted ramp that stands clear of those ``apart``.

    Args:
        slot: What is coloured, for the message when nothing fits.
        wanted: Lists of names of one colour each, best first; the first is kept when the prompt
            asks for it, which callers say by giving no other.
        kind: ``skin``, ``hair``, ``cloth`` or ``metal``.
        ramps: Named ramps by kind.
        palette: Of the pack, [N, 3].
        apart: Ramps on neighbouring parts.
        outline: Palette index that only the outline should have.
        usable: Palette indices to choose among, all where it is None.
        lively: See `tones`.
    """
    best: tuple[float, NDArray[np.intp], str] | None = None
    for names in wanted:
        found = tones(names, kind, ramps, lively=lively)
        if found is None:
            continue
        if usable is None:
            fitted = fit_ramp(palette, found, np.append(_grey(palette, found), outline))
        else:
            fitted = usable[fit_ramp(palette[usable], found)]
        fitted = _spread(palette, fitted, outline, usable)
        gap = min((distance(palette, fitted, other) for other in apart), default=1.0)
        if gap >= CLEAR:
            return fitted, names[0]
        if best is None or gap > best[0]:
            best = gap, fitted, names[0]
    if best is None:
        raise KeyError(f"no ramp for {slot}: {wanted}")
    return best[1], best[2]


def _grey(palette: NDArray[np.uint8], tones: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Palette indices without colour, where the tones have one: purple shall not fade to grey."""
    chroma, wanted = (np.hypot(*to_oklab(colours)[:, 1:].T) for colours in (palette, tones))
    return np.flatnonzero((chroma < DULL) & (wanted[1] > 2 * DULL))


def _spread(
    palette: NDArray[np.uint8],
    ramp: NDArray[np.intp],
    outline: int,
    usable: NDArray[np.intp] | None,
) -> NDArray[np.intp]:
    """A darker and a lighter neighbour for a ramp that fell onto one colour, if there are any."""
    lab = to_oklab(palette)
    ramp = ramp.copy()
    barred = np.arange(len(lab)) == outline
    if usable is not None:
        barred |= ~np.isin(np.arange(len(lab)), usable)
    for place, step in ((0, -0.14), (2, 0.14)):
        if ramp[place] != ramp[1]:
            continue
        change = (lab[:, 0] - lab[ramp[1], 0]) * np.sign(step)
        wanted = lab[ramp[1]] + np.array([step, 0, 0])
        cost = (((lab - wanted) * np.array([1.0, 2.0, 2.0])) ** 2).sum(1)
        cost[(change < 0.05) | (change > 0.3) | barred] = np.inf
        if cost.min() < 0.03:
            ramp[place] = int(cost.argmin())
    return ramp


def warm(palette: NDArray[np.uint8]) -> NDArray[np.intp] | None:
    """Palette indices that skin may have: never paper white; None where there are too few."""
    light, a, b = to_oklab(palette).T
    found = np.flatnonzero((b > 0.025) & (a > -0.01) & (light > 0.3) & (light < 0.93))
    return found if len(found) >= 3 else None


def bare(palette: NDArray[np.uint8]) -> NDArray[np.intp] | None:
    """Palette indices that bones may have, nearly without colour; None where there are too few."""
    light, a, b = to_oklab(palette).T
    found = np.flatnonzero((np.hypot(a, b) < 0.035) & (light > 0.4))
    return found if len(found) >= 2 else None


def distance(palette: NDArray[np.uint8], a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """OKLab distance between the middle tones of two ramps."""
    first, second = to_oklab(palette[a]).mean(0), to_oklab(palette[b]).mean(0)
    return float(np.sqrt(((first - second) ** 2).sum()))


def shuffled(names: Sequence[str], seed: int, *key: str) -> list[tuple[str, ...]]:
    """The names in an order that depends on the seed, each as a list of one."""
    order = generator(derive_seed(seed, *key)).permutation(len(names))
    return [(names[int(i)],) for i in order]


def fixed(name: str, palette: NDArray[np.uint8]) -> int:
    """Palette index of a slot that is no ramp; the outline is the darkest colour there is."""
    if name == "outline":
        return int(to_oklab(palette)[:, 0].argmin())
    return int(nearest(palette, np.array(FIXED[name], dtype=np.uint8)))
