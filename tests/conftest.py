"""Shared fixtures, and the rule that CI may not pass by skipping.

AIGC_ASSETS_REQUIRE is a comma-separated list of markers (native, nvcc, external, cuda) whose tests
must run: a skip of theirs becomes a failure. Where it is set, hypothesis draws the same examples
every time, so that a change and not chance turns the result; elsewhere it explores.
"""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

REQUIRED = {name for name in os.environ.get("AIGC_ASSETS_REQUIRE", "").split(",") if name}

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # Threads of workers would wait for each other; programs that tests start inherit this.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

settings.register_profile("repeatable", derandomize=True, database=None)
if REQUIRED:
    settings.load_profile("repeatable")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in (config.getoption("-m") or ""):
        return
    skip = pytest.mark.skip(reason="slow: run with -m slow")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    wanted = REQUIRED & {marker.name for marker in item.iter_markers()}
    if report.skipped and wanted and not item.get_closest_marker("slow"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, but {', '.join(sorted(wanted))} is required"


def need_program(name: str) -> str:
    """Path of a program that an external test runs, or a skip (a failure in CI)."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path
