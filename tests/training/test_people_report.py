"""Who draws exactly as the source does passes the table of people; prompts say what is worn."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.training.characters.judges import people_report
from aigc_assets.training.characters.judges.people_truth import ASKED, People
from aigc_assets.training.characters.judges.rows import Row, Wanted, strip
from aigc_assets.training.packing import read
from aigc_assets.types import SpriteSheet
from tests.training.test_character_layers import packed, sources  # noqa: F401  # fixtures

COUNT = 8


@pytest.fixture(scope="module")
def people(packed) -> People:  # noqa: F811
    return People(*read(packed, "character"))


def test_the_source_itself_passes(packed, people, monkeypatch) -> None:  # noqa: F811
    small = {"TRAINING": 12, "PEOPLE": COUNT, "ANIMATED": 1, "_STEPS": 3, "_POSE_STEPS": 2}
    for name, value in small.items():
        monkeypatch.setattr(people_report, name, value)
    known = {p.prompt: p for p in people.sample(COUNT, 2, held_out=True)}

    def draw(wanted: Wanted, palette: np.ndarray, seed: int) -> SpriteSheet:
        clips = {
            f"{action}_{direction}": people.clip(known[wanted.prompt], action, direction, palette)
            for action, direction in people.clip_names()
            if action in wanted.animations
        }
        return strip(clips, people_report.PIVOT)

    found = people_report.people_rows(*read(packed, "character"), draw)
    rows: dict[str, Row] = {row.measure: row for row in found}
    for measure in ("palette_leaks", "alpha_errors"):
        assert rows[measure].met is True, rows[measure]
    distance = rows["frechet_distance_features"].columns
    assert distance["model"] < distance["ceiling"]
    assert rows["head_flicker"].columns["model"] < 0.01
    assert rows["motion"].columns["model"] > 0
    assert rows["walk_loop_seam"].columns["model"] == rows["walk_loop_seam"].columns["floor"]


def test_prompts_name_what_people_wear(people) -> None:
    figures = people.sample(COUNT, 2, held_out=True)
    assert people.composer.held_out(figures[0].character[None]).all()
    assert not people.composer.held_out(people.sample(1, 2, held_out=False)[0].character[None])
    for person in figures:
        for name, label in zip(ASKED, person.labels, strict=True):
            value = people.vocabulary["attributes"][name][label]
            assert value == "none" or value in person.prompt
    left, right = (people.clip(figures[0], "walk", side, people.palette())
                   for side in ("left", "right"))  # fmt: skip
    assert (left[:, :, ::-1] == right).all()
