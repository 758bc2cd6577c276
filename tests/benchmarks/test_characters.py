"""Tables about characters: every network has a row that runs; verdicts reach the results file."""

from __future__ import annotations

import pytest
import torch

from aigc_assets.models import MODELS, checkpoint
from aigc_assets.training.characters.judges.rows import Row, Table
from benchmarks import character_models, characters


def test_every_network_of_characters_has_a_row() -> None:
    named = [row.model for row in character_models.rows()]
    assert len(named) == len(set(named))
    of_kind = {name for name, entry in MODELS.items() if entry.kind == "character"}
    assert {*named, "character_cvae"} == of_kind


@pytest.mark.parametrize("row", [*character_models.rows()], ids=lambda row: row.model)
def test_a_row_runs_what_a_build_runs(row: character_models.Row) -> None:
    network = checkpoint.load(row.model).network
    call = row.call(network, torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = call()
        again = call()
    parts = [found] if isinstance(found, torch.Tensor) else list(found)
    for part, other in zip(parts, [again] if isinstance(again, torch.Tensor) else again,
                           strict=True):  # fmt: skip
        assert part.numel() > 1 and torch.equal(part, other)
        assert not part.isnan().any()


def test_the_table_tells_what_was_asked_and_what_fell_short() -> None:
    table = Table("32 px crowd")
    table.add("coverage", {"model": 0.5, "floor": 0.9, "shuffled": 0.1}, ">= 0.6",
              lambda row: row["model"] >= 0.6)  # fmt: skip
    table.add("motion", {"model": 0.2})
    found = characters.table(table.rows, {"dcgan": 40.0})
    assert found["rows"][0] == ["32 px crowd", "coverage", 0.5, 0.9, None, None, "shuffled 0.1",
                                ">= 0.6", "no"]  # fmt: skip
    assert found["rows"][1][-1] is None and found["headlines"] == [0]
    assert "40 (dcgan) minutes" in found["remarks"][0]
    with pytest.raises(SystemExit):
        characters.main(["--data", "x", "--save"])


@pytest.mark.parametrize(("floor", "kept"), [(5.0, True), (5.3, False)])
def test_a_tier_that_is_judged_anew_keeps_the_baseline_of_the_same_judge(
    floor: float, kept: bool
) -> None:
    def rows(tier: str, floor: float, columns: dict[str, float]) -> list[Row]:
        return [Row(tier, "frechet_distance_features", {"floor": floor, **columns}, "old", False)]

    old = [*rows("16 px person", 2.0, {"model": 9.0}),
           *rows("32 px item", 5.05, {"model": 12.0, "baseline": 30.0}),
           *rows("64 px person", 2.0, {"model": 1.0})]  # fmt: skip
    saved = characters.table(old, {"dcgan": 40.0})
    found = characters.renewed(saved, rows("32 px item", floor, {"model": 5.5}))
    assert [cells[0] for cells in found["rows"]] == ["16 px person", "32 px item", "64 px person"]
    cells = dict(zip(found["columns"], found["rows"][1], strict=True))
    assert cells["shipped"] == 5.5
    assert cells["baseline"] == (30.0 if kept else None)
    if kept:
        assert cells["met"] == "yes"
        assert cells["asked"] == "<= 3 x floor, <= baseline / 5"
    assert found["rows"][0] == saved["rows"][0]
    assert "32 px item: judged anew" in found["remarks"][-1]
    again = characters.renewed(found, rows("32 px item", floor, {"model": 5.6}))
    assert len(again["remarks"]) == len(found["remarks"])
