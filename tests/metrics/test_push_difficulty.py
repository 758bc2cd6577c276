from __future__ import annotations

import math

import pytest

from aigc_assets.metrics.push_difficulty import push_difficulty, puzzles, score
from aigc_assets.pipelines.maps import MapRequest, generate_map
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Tilemap


def walk(start: tuple[int, int], moves: str) -> list[tuple[int, int]]:
    steps = {"l": (-1, 0), "r": (1, 0), "u": (0, -1), "d": (0, 1)}
    path = [start]
    for letter in moves:
        dx, dy = steps[letter]
        path.append((path[-1][0] + dx, path[-1][1] + dy))
    return path


def test_pushes_lines_and_boxes_of_one_puzzle() -> None:
    # Right twice, around the box, and up twice.
    assert puzzles([(2, 5)], walk((1, 5), "rr" + "dr" + "uu")) == [(4, 2, 1)]
    assert puzzles([(2, 5)], walk((1, 5), "dd")) == []


def test_boxes_far_apart_are_puzzles_of_their_own() -> None:
    apart = walk((1, 1), "r") + walk((10, 9), "r")
    assert sorted(puzzles([(2, 1), (11, 9)], apart)) == [(1, 1, 1), (1, 1, 1)]


def test_boxes_that_wait_for_each_other_are_one_puzzle_however_far_apart() -> None:
    turns = walk((1, 1), "r") + walk((10, 9), "r") + walk((2, 1), "r")
    assert puzzles([(2, 1), (11, 9)], turns) == [(3, 3, 2)]


def test_boxes_near_each_other_are_one_puzzle() -> None:
    path = walk((1, 1), "r") + walk((1, 4), "r")
    assert puzzles([(2, 1), (2, 4)], path) == [(1, 1, 1), (1, 1, 1)]
    path = walk((1, 1), "r") + walk((1, 3), "r")
    assert puzzles([(2, 1), (2, 3)], path) == [(2, 2, 2)]


def test_score_grows_with_every_part_and_stays_below_one() -> None:
    assert score(1, 1, 1) == pytest.approx(1 - math.exp(-3 / 35))
    assert (
        score(1, 1, 1) < score(2, 1, 1) < score(2, 2, 1) < score(2, 2, 2) < score(500, 90, 9) <= 1
    )


def test_a_level_scores_the_mean_of_its_puzzles() -> None:
    made = generate_map(MapRequest("sokoban", (30, 18), ()), make_palette(24, 3), 1).asset
    assert isinstance(made, Tilemap) and made.witness is not None
    boxes = [item.cell for item in made.objects if item.cls == "box"]
    path = [(int(x), int(y)) for x, y in made.witness.path]
    found = puzzles(boxes, path)
    assert sum(pushes for pushes, _, _ in found) == made.properties["pushes"]
    assert sum(count for _, _, count in found) == len(boxes)
    mean = sum(score(*parts) for parts in found) / len(found)
    assert push_difficulty(made) == pytest.approx(mean)
    assert made.properties["difficulty"] == round(mean, 3)
