"""Fixtures of the op tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from aigc_assets import ops
from aigc_assets.ops import declare


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors gain nothing from threads, and on a busy machine they wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _capabilities() -> tuple[str, ...]:
    """What this processor has and AIGC_ASSETS_CPU allows; all of them without kernels."""
    if ops.NATIVE.state != "loaded":
        return declare.CPU_CAPABILITIES
    return declare.CPU_CAPABILITIES[: declare.cpu_capability() + 1]


@pytest.fixture
def kernels() -> None:
    """Skips a test where no kernels are loaded."""
    if ops.NATIVE.state != "loaded":
        pytest.skip(f"kernels {ops.NATIVE.state}: {ops.NATIVE.why}")


@pytest.fixture(params=_capabilities())
def capability(request: pytest.FixtureRequest, kernels: None) -> Iterator[str]:
    """Runs a test once for every instruction set that the CPU kernels know."""
    before = declare.limit_cpu_capability(request.param)
    try:
        yield request.param
    finally:
        declare.limit_cpu_capability(before)


@pytest.fixture
def poisoned_memory() -> Iterator[None]:
    """Every uninitialised tensor is full of NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        assert torch.empty(3).isnan().all()
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled
