from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks import timing


def test_finds_suites_by_their_function() -> None:
    assert "ops" in timing.suites()
    assert not {"timing", "readme", "__main__"} & set(timing.suites())


def test_orders_a_fast_and_a_slow_variant() -> None:
    options = timing.Options(seconds=0.02)
    variants = {"slow": lambda: time.sleep(2e-3), "fast": lambda: None}
    found = timing.compare(variants, options)
    assert list(found) == ["slow", "fast"]
    assert found["slow"].p10 >= 2000 > 100 > found["fast"].p10
    for each in found.values():
        assert each.count >= 5 and each.median >= each.p10 > 0


def test_results_have_what_the_readme_prints(capsys: pytest.CaptureFixture[str]) -> None:
    options = timing.Options(threads=2)
    found = timing.result("title", "command", options, ["op", "µs"], [["snake", 1.25]])
    assert {"cpu", "torch", "date", "commit", "threads"} <= set(found["metadata"])
    assert json.loads(json.dumps(found)) == found
    timing.show(found)
    assert "snake" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(timing.RESULTS.glob("*.json")), ids=lambda path: path.name)
def test_committed_results_are_whole(path: Path) -> None:
    result = json.loads(path.read_text())
    assert {"title", "command", "metadata", "columns", "rows", "remarks"} <= set(result)
    assert all(len(row) == len(result["columns"]) for row in result["rows"])
    assert result["metadata"]["commit"]
