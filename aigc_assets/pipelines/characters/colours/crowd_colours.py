"""Which colours each figure of a crowd is drawn in: a dark line, two ramps of three tones, skin."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.oklab import FAMILIES, families, to_oklab

_KIN = (("brown", "orange", "yellow", "red"), ("cyan", "blue"), ("purple", "pink"),
        ("grey", "white", "black"))  # fmt: skip
_STEP = 0.15
"""OKLab lightness between the tones of a ramp."""
_MIDDLE = (0.4, 0.72)
"""Lightness of a middle tone: a figure must stand out from its own outline and from paper."""
_ABROAD = 0.05
"""What a colour of another family costs in a ramp, in lightness."""
_LINE, _SKIN = (0.18, 0.3), (0.1, 0.2)
"""Bounds of the shares of the outline and of skin; what is between them is left to the network."""
_FIRST, _SECOND = 0.78, 0.18
"""Shares of the two ramps in what is left; the rest is the lightest colour: eyes and glints."""
_TONES = (0.32, 0.42, 0.26)
"""Shares of a ramp from dark to light."""


@dataclasses.dataclass(frozen=True)
class Paintbox:
    """The global colours of a network, and what there is to know of them.

    Args:
        colours: [K, 3] uint8; row 0 is transparent.
    """

    colours: NDArray[np.uint8]

    def __post_init__(self) -> None:
        lab = to_oklab(self.colours)
        chroma = np.hypot(lab[:, 1], lab[:, 2])
        hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
        fleshy = (lab[:, 0] > 0.45) & (chroma > 0.02) & (chroma < 0.1) & (hue > 15) & (hue < 80)
        for name, value in (
            ("lab", lab),
            ("family", families(self.colours)),
            ("skin", fleshy),
            ("line", (lab[:, 0] < 0.3) & (chroma < 0.06)),
        ):
            value[0] = 0
            object.__setattr__(self, name, value)

    lab: NDArray[np.float64] = dataclasses.field(init=False)
    """OKLab of every colour."""
    family: NDArray[np.intp] = dataclasses.field(init=False)
    """Index into `FAMILIES`."""
    skin: NDArray[np.bool_] = dataclasses.field(init=False)
    """Light, of little chroma, between pink and ochre."""
    line: NDArray[np.bool_] = dataclasses.field(init=False)
    """Dark and nearly grey."""

    def choose(
        self, likely: NDArray[np.float64], wanted: str, chance: NDArray[np.float64], *, person: bool
    ) -> NDArray[np.float32]:
        """Share of every colour in a figure.

        A network tells how much of a colour to expect, over all that the figure may be; of that one
        choice is drawn, so that it has a few clear colours and no mixture of all.

        Args:
            likely: Expected share of each colour, [K].
            wanted: One of `FAMILIES` for the first ramp, or ''.
            chance: Two numbers in [0, 1).
            person: Whether there is skin.

        Returns:
            [K]; the sum is 1.
        """
        out = np.zeros(len(self.colours))
        free = np.where(self.line | (self.skin & person), 0.0, likely) + 1e-6
        free[0] = 0
        first = free * ((self.family == FAMILIES.index(wanted)) & ~self.skin) if wanted else free
        if not first.any():  # no colour of this family: the nearest of its kin
            first = free * np.isin(self.family, _kin(wanted))
        middle = _drawn(first, chance[0])
        other = free * ~np.isin(self.family, _kin(FAMILIES[self.family[middle]]))
        line = np.clip(likely[self.line].sum(), *_LINE)
        out[self.line] += line * _normal(likely[self.line])
        if person:
            flesh = np.clip(likely[self.skin].sum(), *_SKIN)
            out[self.skin] += flesh * _normal(likely[self.skin])
        left = 1 - out.sum()
        for share, slot in ((_FIRST, middle), (_SECOND, _drawn(other, chance[1]))):
            for part, tone in zip(_TONES, self.ramp(slot), strict=True):
                out[tone] += left * share * part
        out[int(self.lab[:, 0].argmax())] += 1 - out.sum()
        return out.astype(np.float32)

    def ramp(self, slot: int) -> tuple[int, int, int]:
        """A dark, a middle and a light tone of the material of a colour."""
        own = FAMILIES[self.family[slot]] in ("black", "white", "yellow")
        light = self.lab[slot, 0] if own else float(np.clip(self.lab[slot, 0], *_MIDDLE))
        middle = self._tone(slot, light)
        light = float(self.lab[middle, 0])
        return self._tone(slot, light - _STEP), middle, self._tone(slot, light + _STEP)

    def _tone(self, slot: int, light: float) -> int:
        """The colour of this lightness that is most like a given one."""
        across = np.hypot(*(self.lab[:, 1:] - self.lab[slot, 1:]).T)
        cost = np.abs(self.lab[:, 0] - light) + 0.9 * across
        cost += _ABROAD * (self.family != self.family[slot])
        cost[0] = np.inf
        return int(cost.argmin())


def _kin(name: str) -> list[int]:
    """Families that are shades of one material with a family, itself among them."""
    group = next((kin for kin in _KIN if name in kin), (name,))
    return [FAMILIES.index(one) for one in group]


def _drawn(weights: NDArray[np.float64], chance: float) -> int:
    total = np.cumsum(weights)
    return int(np.searchsorted(total, chance * total[-1], side="right").clip(max=len(total) - 1))


def _normal(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (weights + 1e-4) / (weights + 1e-4).sum()
    return found
