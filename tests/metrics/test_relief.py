from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.metrics.relief import (
    coast_dimension,
    height_distance,
    kind_share,
    one_sidedness,
    relief_kind,
    slope_distance,
    spectral_distance,
)


def waves(length: float, count: int = 6, side: int = 64, height: float = 500) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    turns = np.linspace(0, np.pi, count, endpoint=False)
    return np.stack(
        [height * np.sin((x * np.cos(t) + y * np.sin(t)) * 2 * np.pi / length + 9 * t)
         for t in turns]
    )  # fmt: skip


def island(side: int = 48) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return 500.0 * (np.hypot(y - side / 2, x - side / 2) < side / 4) - 100


def test_kinds_are_told_apart():
    side = 48
    ramp = np.tile(np.linspace(-900, 900, side), (side, 1))
    random = np.random.Generator(np.random.Philox(1))
    rough = random.random((side, side))
    assert relief_kind(island()) == "island"
    assert relief_kind(np.pad(np.ones((8, side)) * 300, ((40, 0), (0, 0))) + island()) != "island"
    for turns in range(4):
        assert relief_kind(np.rot90(ramp, turns)) == "coast"
    assert relief_kind(100 + 2500 * rough) == "mountain"
    assert relief_kind(100 + 300 * rough) == "plains"
    assert relief_kind(100 + 900 * rough) == ""
    assert relief_kind(np.full((side, side), -50.0)) == ""
    checkers = np.where((np.indices((side, side)) // 6).sum(0) % 2, 100.0, -100.0)
    assert relief_kind(checkers) == ""
    assert kind_share(np.stack([island(), ramp]), "coast") == 0.5


def test_one_sidedness_is_zero_for_rings_and_one_for_halves():
    assert one_sidedness(island() > 0) < 0.05
    half = np.zeros((40, 40), dtype=bool)
    half[:, 20:] = True
    assert one_sidedness(half) == pytest.approx(1, abs=0.03)
    assert one_sidedness(~half) == one_sidedness(half)
    assert one_sidedness(np.ones((9, 9), dtype=bool)) == 0


@given(st.floats(4, 30), st.floats(1.3, 3))
def test_distances_are_zero_to_oneself_and_grow(length, factor):
    base = waves(length)
    assert spectral_distance(base, base) == 0
    assert height_distance(base, base) == slope_distance(base, base) == 0
    taller = base * factor
    assert 0 < height_distance(taller, base) < height_distance(taller * factor, base)
    assert 0 < slope_distance(taller, base) < slope_distance(taller * factor, base)
    # Twice the height is 6 dB more power at every wavelength.
    assert spectral_distance(base * 2, base) == pytest.approx(20 * np.log10(2), abs=0.1)


def test_a_shift_in_height_is_that_distance():
    assert height_distance(waves(9) + 70, waves(9)) == pytest.approx(70)


def test_rough_coasts_have_the_higher_dimension():
    random = np.random.Generator(np.random.Philox(2))
    y = np.mgrid[:128, :128][0]
    straight = (y - 64.5)[None].astype(float)
    noise = random.standard_normal((1, 128, 128))
    assert coast_dimension(straight) == pytest.approx(1, abs=0.05)
    assert coast_dimension(straight) + 0.3 < coast_dimension(noise) <= 2.05
    assert np.isnan(coast_dimension(np.ones((1, 32, 32))))
