from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import DataError
from aigc_assets.training.maps.user_levels import SIDE, held_out_from, pack_levels, quilt
from tests.training import level_writers as writers

WALKABLE = (1, 2, 4)


def room(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Classes of a walled level whose floor is one area, with pillars and a door."""
    random = np.random.Generator(np.random.Philox(seed))
    cells = np.ones((height, width), dtype=np.uint8)
    cells[0] = cells[-1] = cells[:, 0] = cells[:, -1] = 0
    cells[2:-2:2, 2:-2:2][random.random(cells[2:-2:2, 2:-2:2].shape) < 0.4] = 0
    return cells


def areas(cells: np.ndarray) -> int:
    walkable = np.isin(cells, WALKABLE).astype(np.uint8)
    return cv2.connectedComponents(walkable, connectivity=4)[0] - 1


@given(st.integers(3, 47), st.integers(3, 47), st.integers(0, 99))
@settings(max_examples=40)
def test_a_quilt_is_large_joined_and_made_of_the_level(height, width, seed):
    cells = room(height, width, seed)
    whole = quilt(cells)
    assert min(whole.shape) >= SIDE * 3 // 2 and max(whole.shape) <= 3 * 47
    changed = whole[:height, :width] != cells
    assert changed[:-1, :-1].sum() == 0, "ways lead through the shared walls alone"
    assert areas(whole) == 1
    # Every second copy is the level itself.
    again = whole[2 * (height - 1) : 3 * height - 2, :width]
    if again.shape == cells.shape:
        assert (again[1:-1, 1:-1] == cells[1:-1, 1:-1]).all()


def test_a_large_level_stays_as_it_is():
    cells = room(50, 96)
    assert quilt(cells) is cells or np.array_equal(quilt(cells), cells)
    assert held_out_from(cells) == (1, 96 - SIDE - 4)
    assert held_out_from(room(40, 200)) is None and held_out_from(room(60, 60)) is None


def test_one_small_level_is_enough(tmp_path):
    (tmp_path / "one.txt").write_bytes(writers.txt(writers.example(height=9, width=12)))
    arrays, info, report = pack_levels(tmp_path, "cave")
    assert report.taken == ["one.txt"] and len(arrays["windows"]) >= 100
    assert set(arrays["windows"][:, 3]) == {1} and not arrays["windows"][:, 4].any()
    height, width = arrays["shapes"][0]
    assert arrays["cells"].shape == (height * width,) and arrays["cells"].max() == 4
    rows = arrays["windows"]
    assert (rows[:, 1] + SIDE <= height).all() and (rows[:, 2] + SIDE <= width).all()
    assert info["fine_tune"] is True and info["sources"][0]["licence"].startswith("LicenseRef-")
    json.dumps(info)


def test_what_is_held_out_is_never_learnt(tmp_path):
    cells = room(60, 150)
    text = "\n".join("".join("#."[v] for v in row) for row in cells.tolist())
    (tmp_path / "wide.txt").write_text(text)
    arrays, _, _ = pack_levels(tmp_path)
    rows = arrays["windows"]
    held = rows[:, 4].astype(bool)
    assert held.any() and (~held).any()
    assert (rows[~held, 2] + SIDE).max() <= rows[held, 2].min()


def test_of_five_levels_one_is_held_out(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.txt").write_bytes(writers.txt(writers.example(i)))
    rows = pack_levels(tmp_path)[0]["windows"]
    held = {level: set(rows[rows[:, 0] == level, 4]) for level in range(5)}
    assert held == {0: {0}, 1: {0}, 2: {0}, 3: {0}, 4: {1}}


def test_many_large_levels_stay_below_the_limit(tmp_path):
    text = ("#" + "." * 254 + "#\n") * 256
    for i in range(4):
        (tmp_path / f"{i}.txt").write_text(text)
    assert 1000 < len(pack_levels(tmp_path)[0]["windows"]) <= 6000


def side_view(folder: Path) -> None:
    (folder / "legend.toml").write_text("side_view = true\n")
    (folder / "a.txt").write_bytes(writers.txt(writers.example()))


def rock(folder: Path) -> None:
    (folder / "a.txt").write_text("####\n#~~#\n####\n")


@pytest.mark.parametrize(
    ("make", "reason"), [(side_view, "is seen from the side"), (rock, "has no cell to walk on")]
)
def test_levels_that_teach_nothing_are_named(tmp_path, make, reason):
    make(tmp_path)
    with pytest.raises(DataError, match=rf"no level is left: a\.txt: {reason}"):
        pack_levels(tmp_path)
