"""The variables that choose between kernels, in processes of their own: they are read once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_assets import ops
from aigc_assets.ops import declare
from tests.ops.calls import results

VARIABLES = ("AIGC_ASSETS_CPU", "AIGC_ASSETS_DISABLE_KERNELS", "AIGC_ASSETS_NATIVE")


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", "tests.ops.calls", str(folder / "found")],
        cwd=Path(__file__).resolve().parents[2],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def checked(folder: Path, **variables: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """State and report of a process in which every op is near its reference."""
    done = run(folder, **variables)
    assert done.returncode == 0, done.stderr
    state, report, found = torch.load(folder / "found", weights_only=False)
    for dtype, values in found.items():
        with declare.plain_torch():
            expected = results(dtype)
        for name, value in values.items():
            # How near is for the tests of the families; folded bfloat16 weights round differently.
            near = 1e-4 if dtype == torch.float32 else 0.05
            torch.testing.assert_close(value, expected[name], rtol=near, atol=near)
    return state, report


@pytest.mark.parametrize("variable", VARIABLES[1:])
def test_without_kernels(tmp_path: Path, variable: str) -> None:
    state, report = checked(tmp_path, **{variable: "0" if "NATIVE" in variable else "1"})
    assert state in ("disabled", "not built")
    assert {entry["cpu"]["backend"] for entry in report.values()} == {"reference"}


@pytest.mark.native
def test_limited_kernels(tmp_path: Path, capability: str) -> None:
    state, report = checked(tmp_path, AIGC_ASSETS_CPU=capability)
    assert state == "loaded"
    here = ops.report()  # with what other tests may have declared in this process
    assert report == {name: here[name] for name in report}


@pytest.mark.native
def test_unknown_limit(tmp_path: Path) -> None:
    done = run(tmp_path, AIGC_ASSETS_CPU="sse")
    assert done.returncode != 0
    assert "AIGC_ASSETS_CPU: expected portable, avx2, avx512 or amx, got sse" in done.stderr
