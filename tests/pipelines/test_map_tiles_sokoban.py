from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps.tiles.sokoban import LOOKS, build_tileset, dress_sokoban
from aigc_assets.pipelines.palettes import make_palette

BOARD = ["########", "##  ####", "#@$ . ##", "# *   X#", "########"]


def dressed(look: str, seed: int = 3):
    board = np.array([list(row) for row in BOARD])

    def found(marks: str) -> list[int]:
        return np.flatnonzero(np.isin(board.reshape(-1), list(marks))).tolist()

    tileset, gids = build_tileset(make_palette(24, 2).tobytes(), look)
    layers = dress_sokoban(
        board == "#", found(".*"), found("$*"), *found("@"), *found("X"), gids, generator(seed)
    )
    return board, tileset, gids, layers


@pytest.mark.parametrize("look", LOOKS)
def test_walls_alone_are_solid_and_everything_stands_where_it_should(look):
    board, tileset, gids, (ground, decor, marks) = dressed(look)
    solid = np.array([False] + [bool(p["solid"]) for p in tileset.properties])
    assert np.array_equal(solid[ground], board == "#")
    assert not solid[decor].any()
    assert not solid[marks].any()
    for mark, layer, name in (
        ("@", decor, "start"), ("X", decor, "exit"), (".", decor, "goal"), ("*", decor, "goal"),
        ("$", marks, "crate"), ("*", marks, "crate_on_goal"),
    ):  # fmt: skip
        assert (layer[board == mark] == gids[name]).all(), mark
    assert np.count_nonzero(marks) == 2
    hung = (decor == gids["hanging"]).nonzero()
    assert (board[hung] == "#").all()


def test_the_same_seed_dresses_alike():
    one, two = dressed("crypt")[3], dressed("crypt")[3]
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [8, 16, 64])
def test_a_crate_on_a_goal_is_told_from_a_crate_and_both_from_the_floor(look, size):
    tileset, gids = build_tileset(make_palette(size, 4).tobytes(), look)

    def picture(name: str) -> np.ndarray:
        y, x = divmod(gids[name] - 1, tileset.columns)
        return tileset.image[16 * y + 4 : 16 * y + 12, 16 * x + 4 : 16 * x + 12]  # the middle

    names = ("crate", "crate_on_goal", "floor_lit")
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert (picture(one) != picture(other)).any(-1).mean() > 0.5
