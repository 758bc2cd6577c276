"""Colours for slots that a prompt leaves open: what goes with those that are fixed.

Half of the say has a hand-made list, which keeps hair a hair colour and boots leather; the other
half has the palette model, which has seen what artists put together. It chooses among the same
names, and for clothes among all colours of cloth that nobody takes for skin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.made import load_model
from aigc_assets.types.oklab import to_oklab

MODEL = "palette_mdn"
PARTS: Mapping[str, int] = {"hair": 0, "torso": 1, "over": 1, "legs": 2, "feet": 2}
"""Slots and the part of a figure that they cover: head, trunk or legs."""
FAITH = 0.5
"""How much the model says; the rest is the list as it stands."""
_SOFTNESS = 2.0
"""Densities are raised to one over this, or nearly always the same colour would come out."""
_BARE = 0.09
"""OKLab distance from a colour of skin below which clothes look like none."""


def clothes(ramps: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the ramps of cloth that nobody takes for skin.

    Args:
        ramps: Named ramps of sRGB tones, dark to light, by kind.
    """
    skin = np.stack([_middle(tones) for tones in ramps["skin"].values()])
    return tuple(
        name
        for name, tones in ramps["cloth"].items()
        if np.linalg.norm(skin - _middle(tones), axis=1).min() >= _BARE
    )


def chances(
    slot: str,
    names: Sequence[str],
    kind: str,
    fixed: Mapping[str, tuple[str, str]],
    ramps: Mapping[str, Any],
    others: Sequence[str] = (),
) -> NDArray[np.float64]:
    """How likely each of the names of a slot, then of others, is to be taken, [N], of sum 1.

    Args:
        slot: To be coloured.
        names: Of ramps, with repetitions for those that are commoner.
        kind: Kind of ramp of the slot.
        fixed: Kind and name of the ramps of slots that have one already.
        ramps: Named ramps of sRGB tones, dark to light, by kind.
        others: More names, which only the model can choose.
    """
    even = np.repeat([1 / len(names), 0.0], [len(names), len(others)])
    names = (*names, *others)
    part = PARTS.get(slot)
    known = {PARTS[s]: c for s, c in fixed.items() if s in PARTS and PARTS[s] != part}
    if part is None or not known or not all(name in ramps[kind] for name in names):
        return even
    import torch

    network = load_model(MODEL).network
    colours, mask = torch.zeros(1, 3, 3), torch.zeros(1, 3)
    for other, (other_kind, name) in known.items():
        if name in ramps.get(other_kind, ()):
            colours[0, other] = torch.from_numpy(_middle(ramps[other_kind][name])).float()
            mask[0, other] = 1
    wanted = np.stack([_middle(ramps[kind][name]) for name in names])
    with torch.inference_mode():
        density = network(
            colours, mask, torch.tensor([part]), torch.from_numpy(wanted).float()[None]
        )
    nats = density[0].double().numpy() / _SOFTNESS
    said = np.exp(nats - nats.max())
    found: NDArray[np.float64] = FAITH * said / said.sum() + (1 - FAITH) * even
    found /= found.sum()
    return found


def _middle(tones: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """OKLab colour that a ramp looks like from afar: the mean of its inner tones."""
    mean: NDArray[np.float64] = to_oklab(np.array(tones, dtype=np.uint8))[2:-1].mean(0)
    return mean
