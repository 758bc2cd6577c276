"""A drawing names its nearest training picture; copies are drawn again, and refused in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aigc_assets.errors import GenerationError, WeightsError
from aigc_assets.pipelines.characters.neighbours import (
    TRIES,
    draw_original,
    known_pictures,
    nearest_of_many,
)
from aigc_assets.pipelines.made import Made
from aigc_assets.training.characters.neighbours import neighbours
from aigc_assets.types import Frame, Provenance, SpriteSheet, Tag
from tests.metrics.test_likeness import drawing

MODEL = "pupil"


def made(picture: np.ndarray, seed: int, model: str = MODEL) -> Made:
    side = len(picture)
    palette = np.unique(picture[picture[..., 3] > 0][:, :3], axis=0)
    frame = Frame((0, 0, side, side), 100, (side // 2, side - 1))
    sheet = SpriteSheet(picture, (frame,), (Tag("idle", 0, 1),), palette)
    record = Provenance("character", model, "0" * 64, seed, {"prompt": "it"}, ("CC0-1.0",))
    return Made(sheet, record)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights with a list of ten pictures that the model has seen."""
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    known = np.stack([drawing(i) for i in range(10)])
    held_out = np.stack([drawing(i) for i in range(50, 70)])
    data = neighbours(known, [f"things/{i}" for i in range(10)], held_out)
    (tmp_path / f"{MODEL}.neighbours.json").write_bytes(data)
    return tmp_path


def painter(*pictures: np.ndarray) -> tuple[Callable[[int], Made], list[int]]:
    """Draws the pictures one after another, and the seeds it was asked with."""
    seeds: list[int] = []

    def draw(seed: int) -> Made:
        seeds.append(seed)
        return made(pictures[min(len(seeds), len(pictures)) - 1], seed)

    return draw, seeds


def test_a_new_drawing_names_its_neighbour(weights: Path) -> None:
    draw, seeds = painter(drawing(99))
    found = draw_original(draw, 7)
    assert seeds == [7]
    (note,) = found.provenance.notes
    assert note.startswith("nearest training picture: things/")
    assert (found.asset.image == drawing(99)).all()


def test_a_copy_is_drawn_again_under_the_same_seed(weights: Path) -> None:
    draw, seeds = painter(drawing(4)[:, ::-1].copy(), drawing(99))
    found = draw_original(draw, 7)
    assert len(set(seeds)) == 2
    assert found.provenance.seed == 7  # what a user repeats it with
    assert any("drawn 2 times" in note for note in found.provenance.notes)
    again, _ = painter(drawing(4)[:, ::-1].copy(), drawing(99))
    assert draw_original(again, 7).provenance == found.provenance


def test_nothing_but_copies_is_an_error(weights: Path) -> None:
    draw, seeds = painter(np.roll(drawing(4), 1, 0))
    with pytest.raises(GenerationError, match=r"things/4 .*another seed") as caught:
        draw_original(draw, 7)
    assert caught.value.exit_code == 1
    assert len(set(seeds)) == TRIES


def test_models_without_a_list_draw_as_they_like(weights: Path) -> None:
    found = draw_original(lambda seed: made(drawing(4), seed, "composer"), 7)
    assert found.provenance.notes == ()


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"[]", b"{}", b'{"side": 24, "names": ["a"], "codes": "AAAA", "limit": 0.1}',
        b'{"side": 24, "names": ["a"], "codes": "\\u00e4", "limit": 0.1}',
    ],
)  # fmt: skip
def test_a_damaged_list_is_one_clear_error(weights: Path, damage: bytes) -> None:
    (weights / f"{MODEL}.neighbours.json").write_bytes(damage)
    with pytest.raises(WeightsError, match="list of neighbours"):
        draw_original(lambda seed: made(drawing(4), seed), 7)


def test_the_limit_lets_real_pictures_pass(weights: Path) -> None:
    entry = json.loads((weights / f"{MODEL}.neighbours.json").read_bytes())
    assert 0 < entry["limit"] < 1
    passed = 0
    for i in range(50, 70):
        try:
            draw_original(lambda seed, i=i: made(drawing(i), seed), 1)
            passed += 1
        except GenerationError:
            pass
    assert passed >= 19


def test_copies_among_many_are_found_and_named(weights: Path) -> None:
    known = known_pictures(MODEL)
    assert known is not None
    copied = drawing(3)
    moved = np.roll(copied[:, ::-1], (1, -2), (0, 1))
    recoloured = copied.copy()
    recoloured[..., :3] = 255 - recoloured[..., :3]
    far = np.zeros_like(copied)
    far[2:4, 2:4] = 255
    distances, names = nearest_of_many(known, np.stack([copied, moved, recoloured, far]))
    assert names[:3] == ["things/3"] * 3 and names[3] == ""
    exact = known.pictures.nearest(np.stack([copied, moved, recoloured]))[0]
    assert np.allclose(distances[:3], exact) and distances[3] == 1


def test_no_copy_is_overlooked_among_many(weights: Path) -> None:
    known = known_pictures(MODEL)
    assert known is not None
    random = np.random.Generator(np.random.Philox(8))
    some = np.stack([drawing(i % 10) for i in range(40)])
    for number, picture in enumerate(some):  # shifted, mirrored, worn
        worn = random.random(picture.shape[:2]) < 0.08
        picture[worn] = 0
        shift = random.integers(-2, 3, 2)
        some[number] = np.roll(picture[:, ::-1] if number % 2 else picture, shift, (0, 1))
    exact = known.pictures.nearest(some)[0]
    quick = nearest_of_many(known, some)[0]
    copies = exact < known.limit
    assert copies.sum() > 10 and np.array_equal(quick < known.limit, copies)
