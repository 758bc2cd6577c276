"""Colours for slots that a prompt leaves open: what goes with those that are fixed.

The names come from hand-made lists, which keep hair a hair colour and boots leather; the palette
model, which has seen what artists put together, says which of them goes with the rest.
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
FAITH = 0.6
"""How much the model says; the rest is the list as it stands."""
_SOFTNESS = 2.0
"""Densities are raised to one over this, or nearly always the same colour would come out."""


def chances(
    slot: str,
    names: Sequence[str],
    kind: str,
    fixed: Mapping[str, tuple[str, str]],
    ramps: Mapping[str, Any],
) -> NDArray[np.float64]:
    """How likely each of the names of a slot is to be taken, [N], of sum 1.

    Args:
        slot: To be coloured.
        names: Of ramps, with repetitions for those that are commoner.
        kind: Kind of ramp of the slot.
        fixed: Kind and name of the ramps of slots that have one already.
        ramps: Named ramps of sRGB tones, dark to light, by kind.
    """
    even = np.full(len(names), 1 / len(names))
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
