"""Which of the maps of one pass is furnished."""

from __future__ import annotations

import re

import numpy as np
import pytest

from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps import MapRequest
from aigc_assets.pipelines.maps.grid import LIQUID
from aigc_assets.pipelines.maps.indoor import drafts as subject
from aigc_assets.pipelines.maps.indoor.repair import repair
from aigc_assets.pipelines.maps.indoor.sampling import layout_of, terrain_of
from aigc_assets.pipelines.maps.networks import Drawn, draw_several
from aigc_assets.pipelines.maps.requirements import Range, Requirements


def drawn(specks: int, liquid: int = 0) -> Drawn:
    """A room with ``specks`` lone cells of floor beside it, which are to be filled."""
    classes = np.zeros((16, 16), dtype=np.uint8)
    classes[1:9, 1:15] = 1
    classes[2, 2 : 2 + liquid] = 3
    classes[12, 2 : 2 + 2 * specks : 2] = 1
    return Drawn(classes, (np.eye(5)[classes].transpose(2, 0, 1) * 0.9 + 0.02).astype("f4"), "net")


def order(maps: list[Drawn], wanted: Requirements) -> list[int]:
    return [
        int(re.search(r", (\d+) of", draft.operation)[1]) - 1
        for draft in subject._ranked(maps, 0.22, wanted, None)
    ]


def test_good_maps_come_as_they_are_drawn_and_bad_ones_by_their_repairs():
    maps = [drawn(6), drawn(2), drawn(4), drawn(0), drawn(5), drawn(1)]
    # Two cells of 256 are less than a hundredth: no difference is made between 0, 1 and 2.
    assert order(maps, Requirements()) == [1, 3, 5, 2, 4, 0]


def test_what_requirements_would_change_counts_too():
    maps = [drawn(0), drawn(0, liquid=4), drawn(0, liquid=8), drawn(3, liquid=12)]
    assert order(maps, Requirements(liquid=Range(12, 14))) == [3, 2, 1, 0]


def test_repairs_are_counted_from_what_was_drawn():
    for number in range(40):
        noise = generator(number).random((5, 9, 11)).astype(np.float32) + 0.01
        raw = Drawn(noise.argmax(0).astype(np.uint8), noise / noise.sum(0), "net")
        (draft,) = subject._ranked([raw], 0.3, Requirements(), None)
        assert draft.edits >= int((draft.canvas.terrain != terrain_of(raw)).sum()) > 0


@pytest.mark.parametrize("theme", ["dungeon", "cave", "techbase"])
def test_the_choice_saves_most_repairs_of_small_maps(theme):
    first, chosen = [], []
    for seed in range(24):
        request = MapRequest(theme, (8, 8))
        draft = next(iter(subject.drafts(request, request.requirements, None, seed)))
        chosen.append(draft.edits / 64)
        raw = draw_several(theme, (8, 8), subject.derive_seed(seed, "0"), 8)[0]
        layout = layout_of(raw, 0.22)
        edits = repair(layout)[1]
        first.append((edits + int((layout.terrain != terrain_of(raw)).sum())) / 64)
    assert np.mean(chosen) < 0.02 < np.mean(first)


def test_a_large_map_is_drawn_once():
    request = MapRequest("cave", (96, 64))
    draft = next(iter(subject.drafts(request, request.requirements, None, 1)))
    assert draft.operation == "drawn by map_sagan"
    assert (draft.canvas.flat == LIQUID).any()
