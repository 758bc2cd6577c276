"""Open colours go with the fixed ones, and stay within the list of their slot."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.colours.harmony import FAITH, chances, clothes
from aigc_assets.types.oklab import to_oklab

RAMPS = read_card("character_cvae")["vocabulary"]["colours"]
NAMES = ("blue", "red", "forest", "teal", "linen", "mustard", "plum", "navy", "wine", "green")


def mean_distance(weights: np.ndarray, name: str) -> float:
    """Expected OKLab distance between the colour drawn and the one that is fixed."""
    tones = {n: to_oklab(np.array(RAMPS["cloth"][n], np.uint8))[2:-1].mean(0) for n in NAMES}
    gaps = [np.linalg.norm(tones[n] - tones[name]) for n in NAMES]
    return float(weights @ gaps)


@pytest.mark.parametrize("fixed", ["forest", "navy", "mustard"])
def test_what_is_fixed_moves_the_chances(fixed: str) -> None:
    """Artists repeat colours over a figure: near ones become likelier, no name impossible."""
    found = chances("legs", NAMES, "cloth", {"torso": ("cloth", fixed)}, RAMPS)
    even = np.full(len(NAMES), 1 / len(NAMES))
    assert found.sum() == pytest.approx(1)
    assert (found >= (1 - FAITH) / len(NAMES) - 1e-9).all()
    assert mean_distance(found, fixed) < mean_distance(even, fixed)


def test_without_anything_fixed_the_list_stands() -> None:
    for slot, fixed in (
        ("torso", {}),
        ("torso", {"over": ("cloth", "red")}),  # the same part
        ("metal", {"torso": ("cloth", "red")}),  # no part that the model knows
    ):
        assert chances(slot, NAMES, "cloth", fixed, RAMPS) == pytest.approx([0.1] * 10)


def test_only_the_model_chooses_other_names() -> None:
    others = clothes(RAMPS)
    assert len(others) > 25 and not {"peach", "tan"} & set(others)
    found = chances("legs", NAMES, "cloth", {"torso": ("cloth", "navy")}, RAMPS, others)
    assert found.shape == (len(NAMES) + len(others),) and found.sum() == pytest.approx(1)
    assert 0 < found[len(NAMES) :].sum() < FAITH
    alone = chances("legs", NAMES, "cloth", {}, RAMPS, others)
    assert alone[len(NAMES) :].sum() == 0 and alone.sum() == pytest.approx(1)


def test_a_repeated_name_counts_twice() -> None:
    names = ("blue", "blue", "red")
    found = chances("torso", names, "cloth", {"legs": ("cloth", "umber")}, RAMPS)
    assert found[0] == pytest.approx(found[1])
