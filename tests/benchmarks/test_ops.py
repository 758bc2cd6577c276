from __future__ import annotations

import pytest
import torch

from benchmarks import ops, timing
from benchmarks.cases import Case

OPTIONS = timing.Options(seconds=0.01)


def case(**changes) -> Case:
    x = torch.arange(8.0)
    known = Case("double", "8", torch.float32, lambda: x + x, lambda: 2 * x, {"sum": lambda: x + x})
    return known._replace(**changes)


def test_a_row_has_times_and_ratios() -> None:
    known = case(limit="read", amount=32.0)
    row = ops.row(known, ops.measure(known, OPTIONS), {"read": 1e9})
    assert len(row) == len(ops.COLUMNS)
    found = dict(zip(ops.COLUMNS, row, strict=True))
    assert found["x eager"] == pytest.approx(found["eager"] / found["ours"])
    assert found["x rewrite"] == pytest.approx(found["rewrite"] / found["ours"])
    assert found["compile"] is None and found["x compile"] is None
    assert found["% limit"] == pytest.approx(100 * 0.032 / found["ours"])


def test_a_compiled_rewrite_is_a_rewrite() -> None:
    times = {"ours": 1, "eager": 9, "sum": 5, "compiled eager": 7, "compiled sum": 3}
    found = {name: timing.Timing(value, value, 5) for name, value in times.items()}
    row = dict(zip(ops.COLUMNS, ops.row(case(), found, {}), strict=True))
    assert (row["eager"], row["compile"], row["rewrite"]) == (9, 7, 3)


def test_a_wrong_answer_is_no_result() -> None:
    x = torch.arange(8.0)
    with pytest.raises(SystemExit, match="eager differs"):
        ops.check(case(eager=lambda: x))
    with pytest.raises(SystemExit, match="sum differs"):
        ops.check(case(rewrites={"sum": lambda: x.cos()}))
    nan = torch.full((8,), float("nan"))
    with pytest.raises(SystemExit, match="eager differs"):
        ops.check(case(ours=lambda: nan))


def test_options_choose_cases() -> None:
    names = {c.op for c in ops.all_cases(OPTIONS._replace(only="alias_free"))}
    assert names and all(name.startswith("aa_snake1d") for name in names)


def test_results_are_named_by_device_and_threads() -> None:
    assert timing.results_name("ops", OPTIONS) == "ops--cpu.json"
    assert timing.results_name("ops", OPTIONS._replace(threads=2)) == "ops--cpu-2-threads.json"
