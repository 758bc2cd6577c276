from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.metrics import difficulty as module
from aigc_assets.metrics.difficulty import difficulty, score
from aigc_assets.types import (
    MapObject,
    ObjectLayer,
    TileLayer,
    Tilemap,
    Tileset,
    Witness,
    WitnessEvent,
)

counts = st.integers(0, 12)


def board(*things: MapObject) -> Tilemap:
    """A corridor of 1 x 10 cells in a wall, walked from end to end."""
    gids = np.full((3, 12), 1, dtype=np.uint32)
    gids[1, 1:11] = 2
    image = np.full((16, 32, 4), 255, dtype=np.uint8)
    tiles = Tileset("t", image, (16, 16), ({"solid": True}, {"solid": False}))
    ends = (MapObject(1, "", "start", (1, 1)), MapObject(2, "", "exit", (10, 1)))
    path = np.array([(x, 1) for x in range(1, 11)], dtype=np.int32)
    events = (WitnessEvent(0, "start", 1), WitnessEvent(9, "exit", 2))
    layers = (ObjectLayer("o", (*ends, *things)),)
    ground = (TileLayer("g", gids),)
    return Tilemap((tiles,), ground, layers, (16, 16), {}, Witness(path, events))


def test_the_score_of_a_corridor_is_the_documented_sum():
    assert difficulty(board()) == pytest.approx(0.25 * 9 / 30 + 0.15)
    crowd = board(MapObject(3, "", "monster", (4, 1)), MapObject(4, "", "treasure", (6, 1)))
    expected = 0.40 * 8 / 9 + 0.25 * 9 / 30 + 0.15 / (1 + 30 / 9)
    assert difficulty(crowd) == pytest.approx(expected)
    assert type(difficulty(crowd)) is float


def test_what_makes_a_map_harder_raises_the_score():
    calm = difficulty(board())
    assert difficulty(board(MapObject(3, "", "monster", (4, 1)))) > calm
    assert difficulty(board(MapObject(3, "", "boss", (4, 1)))) > calm
    assert difficulty(board(MapObject(3, "", "treasure", (4, 1)))) < calm
    assert difficulty(board(MapObject(3, "", "door", (4, 1), {"colour": "red"}))) > calm
    assert difficulty(dataclasses.replace(board(), witness=None)) == 0


@pytest.mark.native
@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(2, 9))), st.integers(0, 10**6))
def test_the_compiled_flood_gives_the_same(solid, seed):
    pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    cell = (seed % solid.shape[1], seed % solid.shape[0])
    native = module._distances(solid, [cell])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_native", None)
        assert np.array_equal(module._distances(solid, [cell]), native)


@given(st.integers(1, 400), st.integers(1, 400), counts, counts, counts, st.integers(16, 512),
       st.booleans())  # fmt: skip
def test_a_score_lies_between_0_and_1_and_follows_its_parts(
    steps, direct, fights, doors, treasure, span, boss
):
    direct = min(direct, steps)
    value = score(steps, direct, fights, doors, treasure, span, boss)
    assert 0 <= value <= 1
    assert score(steps, direct, fights + 1, doors, treasure, span, boss) >= value
    assert score(steps, direct, fights, doors + 1, treasure, span, boss) >= value
    assert score(steps, direct, fights, doors, treasure + 1, span, boss) < value
    assert score(steps, max(1, direct - 1), fights, doors, treasure, span, boss) >= value
