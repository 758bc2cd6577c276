"""The colours that a whole pack shares, and the mapping of any colour onto them.

Distances are measured in OKLab, where equal steps look equally far apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError, UsageError
from aigc_assets.types.oklab import from_oklab, nearest, to_oklab

__all__ = ["from_oklab", "make_palette", "nearest", "ramp", "read_palette", "to_oklab"]

# The families of a pack palette: (OKLCh hue in degrees, chroma, lightness from dark to light).
# Ordered by how much a game scene needs them; a small palette takes the first entries.
_RAMPS: tuple[tuple[str, float, float, tuple[float, ...]], ...] = (
    ("ink", 285, 0.020, (0.17,)),
    ("stone", 270, 0.018, (0.30, 0.44, 0.60, 0.80)),
    ("skin", 52, 0.075, (0.45, 0.62, 0.78, 0.88)),
    ("wood", 58, 0.070, (0.28, 0.40, 0.53)),
    ("leaf", 140, 0.105, (0.36, 0.52, 0.70)),
    ("water", 250, 0.110, (0.36, 0.52, 0.70)),
    ("fire", 33, 0.165, (0.38, 0.55, 0.68)),
    ("gold", 85, 0.130, (0.62, 0.80, 0.92)),
    ("violet", 315, 0.110, (0.36, 0.54, 0.72)),
    ("paper", 90, 0.012, (0.95,)),
    ("teal", 190, 0.085, (0.40, 0.58, 0.76)),
    ("rose", 5, 0.120, (0.50, 0.71, 0.83)),
    ("orange", 51, 0.165, (0.70,)),
    ("deep", 285, 0.060, (0.22, 0.30)),
    ("moss", 115, 0.080, (0.30, 0.45, 0.60, 0.75)),
)
_FIRST = ("ink", "paper")
_LATER = ("moss",)
"""Families that wait a round: another one, leaf, serves as well."""


def make_palette(size: int, seed: int = 0) -> NDArray[np.uint8]:
    """A palette of ``size`` colours made of ramps, [size, 3] uint8, for one pack.

    The seed turns the hues a little and shifts warmth, so that packs differ while skin stays skin.
    From 16 colours on there is one for each of the eleven basic colour words.

    Args:
        size: 8..64.
        seed: Any non-negative integer.

    Raises:
        UsageError: If ``size`` is out of range.
    """
    if not 8 <= size <= 64:
        raise UsageError(f"a palette has 8..64 colours, not {size}", where="palette")
    random = np.random.Generator(np.random.Philox(seed))
    turn = float(random.uniform(-9, 9))
    chroma_scale = float(random.uniform(0.9, 1.12))
    wanted: list[tuple[int, int, NDArray[np.float64]]] = []
    for order, (name, hue, chroma, lights) in enumerate(_RAMPS):
        shift = 0.0 if name in ("skin", "ink", "paper") else turn
        count = len(lights)
        # Middle first, then the extremes: a small palette keeps one good tone of every family.
        ranks = [i for _, i in sorted((abs(i - (count - 1) / 2), i) for i in range(count))]
        for rank, i in enumerate(ranks):
            light = lights[i]
            # Shadows turn towards blue and lights towards yellow, as painters do.
            bend = (light - 0.55) * (18 if 20 < hue < 200 else -18)
            angle = np.deg2rad(hue + shift + bend)
            c = chroma * chroma_scale * (1 - 0.5 * max(0.0, light - 0.75) / 0.25)
            lab = np.array([light, c * np.cos(angle), c * np.sin(angle)])
            priority = 0 if name in _FIRST else rank + 1 + (name in _LATER)
            wanted.append((priority * 100 + order, len(wanted), lab))
    colours: list[NDArray[np.uint8]] = []
    taken: set[tuple[int, ...]] = set()
    for _, _, lab in sorted(wanted, key=lambda item: item[:2]):
        rgb = from_oklab(lab)
        if tuple(rgb.tolist()) not in taken:
            taken.add(tuple(rgb.tolist()))
            colours.append(rgb)
    while len(colours) < size:  # fill with tones between neighbours
        lab = to_oklab(np.array(colours))
        a, b = random.choice(len(colours), 2, replace=False)
        rgb = from_oklab((lab[a] + lab[b]) / 2)
        if tuple(rgb.tolist()) not in taken:
            taken.add(tuple(rgb.tolist()))
            colours.append(rgb)
    chosen = np.array(colours[:size], dtype=np.uint8)
    return chosen[np.argsort(to_oklab(chosen)[:, 0], kind="stable")]


def read_palette(path: Path) -> NDArray[np.uint8]:
    """Read a ``.gpl`` (GIMP) or ``.hex`` (one rrggbb a line) palette, [N, 3] uint8, N in 2..256.

    Raises:
        DataError: If the file cannot be read as such.
    """
    try:
        text = path.read_bytes()[:1_000_000].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the palette: {error}", where=str(path)) from error
    colours: list[list[int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        try:
            if path.suffix.lower() == ".hex":
                if line:
                    digits = line.removeprefix("#")
                    if len(digits) != 6:
                        raise ValueError(line)
                    colours.append([int(digits[i : i + 2], 16) for i in (0, 2, 4)])
            elif line and line[0].isdigit():
                colours.append([int(part) for part in line.split()[:3]])
                if len(colours[-1]) != 3 or not all(0 <= c <= 255 for c in colours[-1]):
                    raise ValueError(line)
        except ValueError as error:
            raise DataError(
                "not a colour", where=f"{path}:{number}", remedy="rrggbb or three numbers 0..255"
            ) from error
    unique = list(dict.fromkeys(map(tuple, colours)))
    if not 2 <= len(unique) <= 256:
        raise DataError(f"a palette has 2..256 colours, not {len(unique)}", where=str(path))
    return np.array(unique, dtype=np.uint8)


def ramp(palette: NDArray[np.uint8], hue: float, chroma: float, steps: int) -> NDArray[np.uint8]:
    """``steps`` palette colours from dark to light that come nearest to a hue, [steps, 3].

    Args:
        palette: [N, 3].
        hue: OKLCh hue in degrees.
        chroma: OKLCh chroma, 0 for greys, about 0.1 for strong colours.
        steps: How many; colours repeat when the palette has too few.
    """
    angle = np.deg2rad(hue)
    lab = to_oklab(palette)
    picks = []
    for light in np.linspace(0.3, 0.85, steps):
        want = np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)])
        weight = np.array([1.0, 2.0, 2.0])  # the right hue matters more than the right lightness
        picks.append(int((((lab - want) * weight) ** 2).sum(-1).argmin()))
    chosen = palette[sorted(set(picks), key=lambda i: float(lab[i, 0]))]
    spread: NDArray[np.uint8] = chosen[np.round(np.linspace(0, len(chosen) - 1, steps)).astype(int)]
    return spread
