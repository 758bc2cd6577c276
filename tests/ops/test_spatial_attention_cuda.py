"""Windows and neighbourhoods on the GPU, without one: under the fiber launcher, and by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.ops import window_attention
from aigc_assets.ops.spatial_attention import (
    neighborhood_attention_reference,
    window_attention_reference,
)
from tests.ops.cuda_kernels import (
    FORMATS,
    Guarded,
    build_emulator,
    check_attention_budgets,
    compile_kernels,
    pointer,
)
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.test_spatial_attention import draw

# (B, H, W, heads, D), window or reach, shift or whether the map is a torus.
Case = tuple[tuple[int, ...], int, int]
WINDOWS: tuple[Case, ...] = (
    ((1, 8, 8, 1, 32), 8, 0),
    ((2, 8, 16, 2, 32), 8, 4),
    ((1, 7, 14, 3, 16), 7, 3),  # 49 tokens: the last group of 16 has one query
    ((1, 8, 8, 5, 64), 4, 2),  # four heads share a block, and then one has it alone
    ((1, 10, 5, 3, 48), 5, 1),  # two heads share a block
    ((2, 4, 2, 3, 5), 2, 1),
    ((1, 1, 3, 1, 1), 1, 0),
    ((1, 12, 24, 1, 33), 12, 5),  # three tiles of queries, three blocks of keys
    ((1, 9, 9, 1, 128), 9, 2),
    ((1, 4, 8, 1, 130), 4, 1),  # wider than any tile
)
NEIGHBORHOODS: tuple[Case, ...] = (
    ((1, 8, 8, 1, 32), 1, 1),
    ((1, 10, 9, 2, 16), 3, 1),
    ((2, 5, 11, 1, 64), 2, 0),
    ((1, 17, 3, 1, 7), 1, 1),
    ((1, 1, 1, 2, 8), 0, 1),
    ((1, 3, 4, 1, 128), 6, 0),  # farther than the map is wide
    ((1, 9, 8, 1, 130), 1, 1),
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "spatial_attention_fiber")


def run(
    emulator: ctypes.CDLL, windows: bool, qkv: Tensor, table: Tensor | None, case: Case, seed: int
) -> Tensor:
    """One launch between guards; ``seed`` also decides how the tensors lie in memory."""
    sizes, near, how = case
    misaligned, strided = seed % 2 == 1, seed % 3 == 2
    order = (0, 3, 1, 4, 2, 5) if strided else (0, 1, 2, 3, 4, 5)
    inverse = [order.index(i) for i in range(6)]
    inputs = Guarded.of(qkv.permute(order), misaligned)
    laid = inputs.tensor.permute(inverse)
    biases = None if table is None else Guarded.of(table, misaligned)
    y = Guarded(sizes, qkv.dtype, misaligned)
    whole_rows = sizes[-1] * qkv.element_size() % 16 == 0
    strides = laid.stride()[:5]
    function = emulator.run_windows if windows else emulator.run_neighborhoods
    function(
        FORMATS.index(qkv.dtype), pointer(inputs), pointer(biases),
        ctypes.c_bool(table is not None and table.dtype == torch.float32),
        ctypes.c_bool(whole_rows and not misaligned), (ctypes.c_int64 * 5)(*sizes),
        (ctypes.c_int64 * 5)(*strides), near, ctypes.c_int(how), ctypes.c_uint(seed), pointer(y),
    )  # fmt: skip
    y.check()
    return y.tensor


def check(
    emulator: ctypes.CDLL, windows: bool, cases: tuple[Case, ...], dtype: torch.dtype
) -> None:
    reference = window_attention_reference if windows else neighborhood_attention_reference
    budget = ErrorBudget()
    for number, case in enumerate(cases):
        sizes, near, how = case
        qkv, table = draw(sizes, 2 * near - 1 if windows else 2 * near + 1, dtype, number)
        biases = None if number % 4 == 3 else table.float() if number % 4 == 2 else table
        expected = exact_and_plain(reference, (qkv, biases, near, how if windows else bool(how)))
        first = run(emulator, windows, qkv, biases, case, number)
        budget.add(first, *expected)
        for seed in (number + 1, number + 2) if number < 3 else (number + 1,):
            again = run(emulator, windows, qkv, biases, case, seed)
            torch.testing.assert_close(first, again, rtol=0, atol=0)
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_windows_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """Against the reference, and the same bytes for any order of threads and any strides."""
    check(emulator, True, WINDOWS, dtype)


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_neighborhoods_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    check(emulator, False, NEIGHBORHOODS, dtype)


@pytest.mark.native
@pytest.mark.parametrize("windows", (True, False), ids=("windows", "neighborhoods"))
def test_tables_in_global_memory(emulator: ctypes.CDLL, windows: bool) -> None:
    """More biases than are staged: 65 x 65 of a window, 51 x 51 and a margin otherwise."""
    if windows:
        inputs = (*draw((1, 33, 33, 1, 8), 65, torch.bfloat16), 33, 1)
        exact, plain = exact_and_plain(window_attention_reference, inputs)
    else:
        inputs = (*draw((1, 40, 5, 1, 8), 51, torch.float32), 25, False)
        exact, plain = exact_and_plain(neighborhood_attention_reference, inputs)
    qkv, table, near, how = inputs
    sizes = (*qkv.shape[:3], *qkv.shape[4:])
    budget = ErrorBudget()
    budget.add(run(emulator, windows, qkv, table, (sizes, near, int(how)), 0), exact, plain)
    budget.check()


@pytest.mark.native
@settings(max_examples=15, deadline=None)
@given(
    st.booleans(), st.sampled_from(FORMATS), st.integers(1, 9), st.integers(0, 8), st.booleans(),
    st.tuples(*map(st.integers, (1, 1, 1, 1, 1), (2, 2, 2, 5, 70))), st.integers(0, 99),
)  # fmt: skip
def test_any_shape_under_fibers(
    emulator: ctypes.CDLL, windows: bool, dtype: torch.dtype, near: int, shift: int,
    circular: bool, shape: tuple[int, ...], seed: int,
) -> None:  # fmt: skip
    batch, rows, columns, heads, depth = shape
    near = near if windows else near // 2
    side = near if windows else 2 * near + 1 if circular else 3
    sizes = (batch, rows * side, columns * side, heads, depth)
    case = (sizes, near, shift % near if windows else int(circular))
    qkv, table = draw(sizes, 2 * near - 1 if windows else 2 * near + 1, dtype, seed)
    budget = ErrorBudget()
    reference = window_attention_reference if windows else neighborhood_attention_reference
    found = run(emulator, windows, qkv, table, case, seed)
    inputs = (qkv, table, near, case[2] if windows else circular)
    budget.add(found, *exact_and_plain(reference, inputs))
    budget.check()


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    compiled = compile_kernels(tmp_path, "csrc/cuda/spatial_attention.cu")
    assert len(compiled.kernels) == 2 * (2 * 3 + 3 + 4 + 3)
    check_attention_budgets(compiled)


@pytest.mark.cuda
def test_graph_capture() -> None:
    """Recorded once and replayed on other numbers, with small and with expanded bias tables."""
    if torch.cuda.device_count() == 0:
        pytest.skip("there is no CUDA device")
    for case in (WINDOWS[1], ((1, 33, 33, 1, 8), 33, 1)):
        sizes, window, shift = case
        qkv, table = (value.cuda() for value in draw(sizes, 2 * window - 1, torch.bfloat16))
        window_attention(qkv, table, window=window, shift=shift)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            y = window_attention(qkv, table, window=window, shift=shift)
        qkv.copy_(qkv.flip(0, 1, 2))
        graph.replay()
        assert torch.equal(y, window_attention(qkv, table, window=window, shift=shift))
