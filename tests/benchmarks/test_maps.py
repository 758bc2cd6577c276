from __future__ import annotations

import json

import pytest

from aigc_assets.pipelines.maps import THEMES
from benchmarks import maps


def test_every_theme_is_asked_for_everything_that_it_serves():
    themes = list(THEMES)
    requests = [maps.request_of(number, themes) for number in range(60 * len(themes))]
    for name, theme in THEMES.items():
        mine = [request for request in requests if request.theme == name]
        asked = {kind for request in mine for kind, _ in request.requirements.lines}
        assert asked == set(theme.serves) - {"start -> exit"}
        assert len({request.size for request in mine}) > 3


def test_a_run_goes_on_where_it_stopped(tmp_path, capsys):
    rows, table = tmp_path / "rows.jsonl", tmp_path / "table.json"
    fixed = ["--theme", "cave", "--rows", str(rows)]
    assert maps.main([*fixed, "--seeds", "2"]) == 0
    first = rows.read_text()
    assert maps.main([*fixed, "--seeds", "4", "--json", str(table)]) == 0
    assert rows.read_text().startswith(first)
    assert [json.loads(line)["number"] for line in rows.read_text().splitlines()] == [0, 1, 2, 3]
    figures = json.loads(table.read_text())["cave"]
    assert figures["maps"] == figures["accepted"] + figures["refused"] == 4
    assert "asked against got" in capsys.readouterr().out


def test_the_table_counts_what_went_wrong():
    good = {"theme": "cave", "size": [8, 8], "require": [], "seconds": 0.01, "digest": "a",
            "repaired": 0.02, "shaped": 0.0, "built": False}  # fmt: skip
    rows = [{"number": i, **good, "asked": {"doors": i}, "got": {"doors": 2 * i}} for i in range(6)]
    rows += [{"number": 6, **good, "broken": "x"}, {**good, "number": 7, "refused": "y"}]
    del rows[-1]["seconds"]
    figures = maps.summary(rows)["all"]
    assert (figures["maps"], figures["accepted"], figures["broken"], figures["refused"]) == (
        8, 6, 1, 1,
    )  # fmt: skip
    assert figures["duplicates"] == 5
    assert figures["edits_percent"] == pytest.approx(2)
    assert figures["correlation"] == {"doors": 1.0}


def test_a_saved_table_has_a_row_for_each_theme(monkeypatch, tmp_path):
    monkeypatch.setattr(maps.timing, "RESULTS", tmp_path)
    arguments = ["--theme", "cave", "--theme", "terrain", "--seeds", "4", "--save"]
    assert maps.main(arguments) == 0
    saved = json.loads((tmp_path / maps.SAVED).read_text())
    assert saved["command"] == "python -m benchmarks.maps --theme cave --theme terrain --seeds 4"
    assert saved["title"].startswith("4 maps")
    assert [row[:3] for row in saved["rows"]] == [["cave", 2, 2], ["terrain", 2, 2]]
    assert all(len(row) == len(saved["columns"]) for row in saved["rows"])
