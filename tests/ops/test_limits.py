from __future__ import annotations

import pytest
import torch

pytestmark = pytest.mark.native


@pytest.fixture
def buffer() -> torch.Tensor:
    return torch.zeros(4096)


def test_limits_count_what_they_do(capability: str, buffer: torch.Tensor) -> None:
    limit = torch.ops.aigc_assets.cpu_limit
    width = {"portable": 1, "avx2": 8}.get(capability, 16)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert limit("fma", buffer, 10) == threads * 10 * 12 * 2 * width
            tiles = threads * 10 * 4 * 2 * 16 * 16 * 32
            assert limit("amx", buffer, 10) == (tiles if capability == "amx" else 0)
            assert limit("read", buffer, 1) == buffer.nbytes
    finally:
        torch.set_num_threads(before)


def test_limits_reject_what_they_do_not_know(kernels: None, buffer: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="expected fma, amx or read"):
        torch.ops.aigc_assets.cpu_limit("write", buffer, 1)
    with pytest.raises(RuntimeError, match="float32 buffer"):
        torch.ops.aigc_assets.cpu_limit("read", buffer.double(), 1)
