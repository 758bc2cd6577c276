"""Which colours a figure of a crowd is drawn in: those of its plan, dyed where a word says so."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.oklab import FAMILIES, families, to_oklab

_KIN = (("brown", "orange", "yellow", "red"), ("cyan", "blue"), ("purple", "pink"),
        ("grey", "white", "black"))  # fmt: skip
"""Families that are shades of one material."""
_WORN = 0.55
"""Share of the body, outlines and skin aside, from which on a figure wears a wanted colour."""
_LINE = 0.4
"""Largest share of outlines in a figure that is to show a colour."""
_LIGHT = (0.36, 0.8)
"""Lightness of a tone that is to show a colour."""


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

    def dyed(
        self, shares: NDArray[np.float64], wanted: str, *, person: bool
    ) -> NDArray[np.float32]:
        """Shares of colours with those of the larger materials moved onto a wanted family.

        A tone goes onto the tone of the family that is as light, so what was shaded stays shaded.

        Args:
            shares: Share of each colour in a figure, [K]; the sum is 1.
            wanted: One of `FAMILIES`, or '' for none.
            person: Whether there is skin, which keeps its colour.

        Returns:
            [K]; the sum is 1.
        """
        out = shares.astype(np.float64)
        if not wanted:
            return out.astype(np.float32)
        goal = self._family(wanted)
        kept = self.line | (self.skin & person)
        line = out[self.line].sum()
        if wanted != "black" and line > _LINE:
            out[self.line] *= _LINE / line
            rest = np.where(kept, 0, out)
            fill = rest / rest.sum() if rest.sum() > 0.01 else goal / goal.sum()
            out += (line - _LINE) * fill
        body = np.where(kept, 0, out)
        kin = np.array([next((i for i, k in enumerate(_KIN) if FAMILIES[f] in k), -1 - f)
                        for f in self.family])  # fmt: skip
        groups = sorted(set(kin.tolist()), key=lambda g: (-body[kin == g].sum(), g))
        for group in groups:
            if body[goal].sum() >= _WORN * body.sum() and body.sum() > 0:
                break
            for slot in np.flatnonzero((kin == group) & ~goal & (body > 0)):
                tone = self._tone(goal, float(self.lab[slot, 0]), wanted)
                out[tone] += out[slot]
                body[tone] += body[slot]
                out[slot] = body[slot] = 0
        found: NDArray[np.float32] = (out / out.sum()).astype(np.float32)
        return found

    def _family(self, wanted: str) -> NDArray[np.bool_]:
        """Which colours are of a family or, where there are none, of its kin."""
        found: NDArray[np.bool_] = self.family == FAMILIES.index(wanted)
        found[0] = False
        if not found.any():
            names = next((kin for kin in _KIN if wanted in kin), (wanted,))
            found = np.isin(self.family, [FAMILIES.index(name) for name in names])
            found[0] = False
        return found

    def _tone(self, goal: NDArray[np.bool_], light: float, wanted: str) -> int:
        """The colour of a family that is about as light, so light that its hue is seen."""
        if wanted not in ("black", "white"):
            light = float(np.clip(light, *_LIGHT))
        cost = np.where(goal, np.abs(self.lab[:, 0] - light), np.inf)
        return int(cost.argmin())
