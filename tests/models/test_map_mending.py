from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.models.map_mending import gaps, mend, whole

WALKABLE = (1, 2, 4)


def rooms() -> np.ndarray:
    """A large room, a smaller one, a closet of one cell."""
    grid = np.zeros((20, 30), dtype=np.uint8)
    grid[2:16, 2:14] = 1
    grid[4:10, 17:24] = 2
    grid[18, 3] = 4
    return grid


def carve(maps: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network that draws floor everywhere, also where nothing is hidden."""
    chances = np.zeros((len(maps), 5, *maps.shape[1:]), dtype=np.float32)
    chances[:, 1] = 1
    return np.ones_like(maps), chances


def shrink(maps: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network that makes the largest room smaller."""
    made = np.where(maps == 1, 0, maps).astype(np.uint8)
    return made, np.zeros((len(maps), 5, *maps.shape[1:]), dtype=np.float32)


def test_the_share_of_the_largest_area():
    assert whole(rooms(), WALKABLE) == pytest.approx(168 / (168 + 42 + 1))
    assert whole(np.zeros((4, 4), dtype=np.uint8), WALKABLE) == 1


def test_gaps_lie_between_an_area_and_the_largest():
    found = gaps(rooms(), WALKABLE, 1)
    wanted = np.zeros((20, 30), dtype=bool)
    wanted[3:6, 12:19] = True  # beside the first row of the smaller room
    wanted[14:20, 2:5] = True
    assert np.array_equal(found, wanted)
    assert not gaps(np.ones((5, 5), dtype=np.uint8), WALKABLE, 1).any()


def test_only_the_gaps_are_drawn_again():
    maps = np.stack([rooms(), np.ones((20, 30), dtype=np.uint8)])
    before = maps.copy()
    chances = np.zeros((2, 5, 20, 30), dtype=np.float32)
    made, odds = mend(maps, chances, np.ones(maps.shape, dtype=bool), WALKABLE, carve)
    assert np.array_equal(maps, before) and not chances.any()
    assert whole(made[0], WALKABLE) == 1 and np.array_equal(made[1], maps[1])
    near = gaps(rooms(), WALKABLE, 1)
    assert np.array_equal(made[0][~near], maps[0][~near])
    assert (odds[0][:, near].sum(0) == 1).all() and not odds[0][:, ~near].any()


def test_what_does_not_help_is_undone_and_pins_stay():
    maps = rooms()[None]
    chances = np.full((1, 5, 20, 30), 0.2, dtype=np.float32)
    free = np.ones(maps.shape, dtype=bool)
    made, odds = mend(maps, chances, free, WALKABLE, shrink)
    assert np.array_equal(made, maps) and np.array_equal(odds, chances)
    free[:, :, 15] = False  # a wall that is given
    made, _ = mend(maps, chances, free, WALKABLE, carve)
    assert not made[0][:, 15].any()
    asked: list[int] = []

    def count(maps: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(int(hidden.sum()))
        return maps, chances[: len(maps)]

    mend(maps, chances, np.ones(maps.shape, dtype=bool), WALKABLE, count, rounds=3)
    assert len(asked) == 3 and asked == sorted(asked) and asked[0] < asked[2]
    mend(maps, chances, np.zeros(maps.shape, dtype=bool), WALKABLE, count)
    assert len(asked) == 3  # nothing is free: the network is not asked
