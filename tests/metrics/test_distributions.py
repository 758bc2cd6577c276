"""Distances of sets rank real, good, noisy and collapsed sets as people would."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.metrics.distributions import density_coverage, frechet_distance, kernel_distance

COUNT, WIDTH = 400, 12


def clouds() -> dict[str, np.ndarray]:
    """Two modes; sets of the same two, slightly off, spread out, and all at one point."""
    random = np.random.Generator(np.random.Philox(3))
    modes = np.array([[2.0] * WIDTH, [-2.0] * WIDTH])

    def draw(spread: float, shift: float = 0.0) -> np.ndarray:
        centre = modes[random.integers(2, size=COUNT)] + shift
        return centre + spread * random.normal(size=(COUNT, WIDTH))

    return {
        "held_out": draw(1.0),
        "real": draw(1.0),
        "good": draw(1.1, 0.4),
        "noise": 8 * random.normal(size=(COUNT, WIDTH)),
        "collapsed": np.tile(modes[:1], (COUNT, 1)) + 0.01 * random.normal(size=(COUNT, WIDTH)),
    }


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_distances_order_real_good_and_bad(distance) -> None:
    sets = clouds()
    found = {name: distance(x, sets["held_out"]) for name, x in sets.items()}
    assert found["real"] < found["good"] < min(found["noise"], found["collapsed"])


def test_frechet_distance_of_known_gaussians() -> None:
    """Equal covariances: the squared distance of the means; equal sets: nothing."""
    sets = clouds()
    assert frechet_distance(sets["real"], sets["real"]) == pytest.approx(0, abs=1e-6)
    moved = sets["real"] + 0.5
    assert frechet_distance(moved, sets["real"]) == pytest.approx(0.25 * WIDTH, rel=1e-6)


def test_kernel_distance_is_unbiased() -> None:
    """Over many pairs of small sets from one distribution the mean is about nothing."""
    random = np.random.Generator(np.random.Philox(5))
    pairs = random.normal(size=(300, 2, 12, 4))
    values = [kernel_distance(a, b) for a, b in pairs]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_density_and_coverage_tell_fidelity_from_variety() -> None:
    sets = clouds()
    found = {name: density_coverage(sets["held_out"], x) for name, x in sets.items()}
    assert found["real"] == (pytest.approx(1, abs=0.1), pytest.approx(0.97, abs=0.04))
    assert found["noise"][0] < 0.1 and found["noise"][1] < 0.1  # neither true nor varied
    assert found["collapsed"][0] > 1 and found["collapsed"][1] < 0.6  # true, not varied
    assert found["real"][1] > found["good"][1] > found["noise"][1]


def test_refuses_sets_without_neighbours() -> None:
    with pytest.raises(ValueError, match="more than 5"):
        density_coverage(np.zeros((5, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match=r"\[N, D\]"):
        frechet_distance(np.zeros(5), np.zeros((9, 2)))
