"""The CUDA kernels without a GPU: executed under the fiber launcher, and compiled by nvcc."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aigc_assets.ops.alias_free import aa_snake1d_backward_reference, aa_snake1d_reference
from tests.ops.cuda_kernels import (
    FORMATS,
    ROOT,
    Guarded,
    build_emulator,
    compile_kernels,
    host_compiler,
    pointer,
)
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.test_alias_free import draw


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "alias_free_fiber")


def run_forward(
    emulator: ctypes.CDLL, inputs: tuple[Tensor, ...], threads: int, seed: int, misaligned: bool
) -> Tensor:
    x, alpha, beta = (Guarded.of(value, misaligned) for value in inputs)
    y = Guarded(tuple(inputs[0].shape), inputs[0].dtype, misaligned)
    emulator.run_forward(
        FORMATS.index(inputs[0].dtype), pointer(x), pointer(alpha), pointer(beta),
        ctypes.c_bool(inputs[1].dtype == torch.float32), *map(ctypes.c_int64, inputs[0].shape),
        threads, ctypes.c_bool(is_aligned(x, y)), ctypes.c_uint(seed), pointer(y),
    )  # fmt: skip
    y.check()
    return y.tensor


def run_backward(
    emulator: ctypes.CDLL, inputs: tuple[Tensor, ...], threads: int, seed: int, misaligned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    grad, x, alpha, beta = (Guarded.of(value, misaligned) for value in inputs)
    results = [Guarded(tuple(v.shape), v.dtype, misaligned) for v in inputs[1:]]
    emulator.run_backward(
        FORMATS.index(inputs[1].dtype), pointer(grad), pointer(x), pointer(alpha), pointer(beta),
        ctypes.c_bool(inputs[2].dtype == torch.float32), *map(ctypes.c_int64, inputs[1].shape),
        threads, ctypes.c_bool(is_aligned(grad, x, results[0])), ctypes.c_uint(seed),
        *map(pointer, results),
    )  # fmt: skip
    for result in results:
        result.check()
    dx, dalpha, dbeta = (result.tensor for result in results)
    return dx, dalpha, dbeta


def is_aligned(*rows: Guarded) -> bool:
    """What the launcher asks before it allows moves of 16 bytes."""
    width = rows[0].tensor.element_size()
    starts = all(row.tensor.data_ptr() % 16 == 0 for row in rows)
    return starts and rows[0].tensor.shape[-1] * width % 16 == 0


# Threads of a block and lengths: 32 threads make tiles of 248 samples, 64 of 504.
CASES = [(32, n) for n in (1, 2, 3, 5, 8, 64, 240, 244, 247, 248, 249, 251, 256, 496, 504, 505)]
CASES += [(64, n) for n in (501, 504, 512, 1016)]


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_kernels_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """Forward and backward against the reference, any order of threads giving the same bytes."""
    forward_budget, backward_budget = ErrorBudget(), ErrorBudget()
    for seed, (threads, length) in enumerate(CASES):
        x, alpha, beta = draw((2 if length < 64 else 1, 2, length), dtype, seed)
        if seed % 3 == 0 and dtype != torch.float64:
            alpha, beta = alpha.float(), beta.float()
        grad = (draw(tuple(x.shape), torch.float64, seed + 1000)[0] + 2).to(dtype)
        misaligned = seed % 2 == 1
        y = run_forward(emulator, (x, alpha, beta), threads, seed, misaligned)
        forward_budget.add(y, *exact_and_plain(aa_snake1d_reference, (x, alpha, beta)))
        inputs = (grad, x, alpha, beta)
        found = run_backward(emulator, inputs, threads, seed, misaligned)
        backward_budget.add(found, *exact_and_plain(aa_snake1d_backward_reference, inputs))
        if length in (5, 249):
            again = run_backward(emulator, inputs, threads, seed + 99, not misaligned)
            assert all(map(torch.equal, found, again))
            y_again = run_forward(emulator, (x, alpha, beta), threads, seed + 99, not misaligned)
            assert torch.equal(y, y_again)
    forward_budget.check()
    backward_budget.check()


@pytest.mark.native
def test_launcher_finds_mistakes(tmp_path: Path) -> None:
    """The launcher itself: planted mistakes must not come through, the right kernel must."""
    program = tmp_path / "fiber_mistakes"
    source = ROOT / "tests" / "csrc" / "fiber_mistakes.cpp"
    subprocess.run([host_compiler(), "-std=c++20", "-o", program, source], check=True)
    assert subprocess.run([program]).returncode == 0
    for mistake in (
        "missing barrier", "barrier of a warp", "partial barrier", "overflow", "unwritten",
        "wrong lane",
    ):  # fmt: skip
        done = subprocess.run([program, mistake], capture_output=True, text=True)
        assert done.returncode != 0, mistake
        assert ("fiber:" in done.stderr) == (mistake in ("partial barrier", "overflow"))


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """No spills; no float64 and no local memory in the kernels that compute in float32."""
    compiled = compile_kernels(tmp_path, "csrc/cuda/alias_free.cu")
    assert len(compiled.kernels) >= 2 * 2 * 4
    compiled.check_budget("snake", 128, stack=40)
    for entries in compiled.listings.values():
        single = [e for e in entries.values() if not computes_in_double(e)]
        assert len(single) == 3 * 2 + 3
        for entry in single:
            assert not re.search(r"\.(f64|local)\b", entry), entry[:200]
        assert sum("ld.global.v4" in e or "ld.global.nc.v4" in e for e in single) == 3 * 2


def computes_in_double(entry: str) -> bool:
    """Whether a kernel of a PTX listing has float64 among its template arguments."""
    name = re.search(r"\.entry\s+(\w+)", entry)
    assert name is not None
    arguments = re.search(r"kernelI(.*?)EEv", name[1])
    assert arguments is not None, name[1]
    return "d" in re.sub(r"N11aigc_assets\w*?E|\d+(b?float16)|S\d*_", "", arguments[1])
