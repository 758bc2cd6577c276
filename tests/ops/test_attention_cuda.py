"""Attention along sequences on the GPU, without one: under the fiber launcher, and by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.ops import cross_attention_small, sliding_attention
from aigc_assets.ops.attention import (
    cross_attention_small_reference,
    sliding_attention_reference,
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

# (B, heads, L, D), window, causal
SLIDING = (
    ((1, 1, 64, 32), 16, True),
    ((2, 3, 70, 16), 9, False),
    ((1, 2, 130, 64), 64, True),
    ((1, 1, 200, 48), 100, False),
    ((1, 2, 1, 1), 1, True),
    ((1, 1, 33, 5), 1000, True),
    ((1, 1, 65, 128), 3, False),
    ((1, 1, 20, 130), 7, True),
)
# (B, heads, L, D), keys, tiles of queries in a block
CROSS = (
    ((1, 2, 64, 32), 16, 1),
    ((2, 1, 70, 64), 77, 1),
    ((1, 1, 150, 16), 128, 2),  # two tiles, and one in the last block
    ((1, 2, 1, 1), 1, 1),
    ((1, 1, 17, 33), 100, 8),
    ((1, 1, 80, 128), 65, 2),
    ((1, 2, 20, 130), 33, 1),
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "attention_fiber")


def draw(
    sizes: tuple[int, ...], keys: int, dtype: torch.dtype, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(tokens: int) -> Tensor:
        shape = (*sizes[:2], tokens, sizes[3])
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return normal(sizes[2]), normal(keys), normal(keys)


def run(
    emulator: ctypes.CDLL, inputs: tuple[Tensor, ...], band: tuple[int, int], tiles: int, seed: int
) -> Tensor:
    """One launch between guards; ``seed`` also decides how the tensors lie in memory."""
    q = inputs[0]
    misaligned, strided = seed % 2 == 1, seed % 3 == 2
    order = (0, 2, 1, 3) if strided else (0, 1, 2, 3)  # tokens before heads, as a product has them
    laid = [Guarded.of(value.permute(order), misaligned) for value in inputs]
    strides = [s for value in laid for s in value.tensor.permute(order).stride()[:3]]
    y = Guarded(tuple(q.shape), q.dtype, misaligned)
    whole_rows = q.shape[3] * q.element_size() % 16 == 0
    sizes = (*q.shape[:3], inputs[1].shape[2], q.shape[3])
    emulator.run_sequences(
        FORMATS.index(q.dtype), *map(pointer, laid), ctypes.c_bool(whole_rows and not misaligned),
        (ctypes.c_int64 * 5)(*sizes), (ctypes.c_int64 * 9)(*strides), *map(ctypes.c_int64, band),
        tiles, ctypes.c_uint(seed), pointer(y),
    )  # fmt: skip
    y.check()
    return y.tensor


def check_same_bytes(
    emulator: ctypes.CDLL, inputs: tuple[Tensor, ...], band: tuple[int, int], tiles: int, seed: int
) -> Tensor:
    """Of launches with different orders of threads and strides."""
    first = run(emulator, inputs, band, tiles, seed)
    for other in (seed + 1, seed + 2):
        again = run(emulator, inputs, band, tiles, other)
        torch.testing.assert_close(first, again, rtol=0, atol=0)
    return first


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_sliding_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """Against the reference, and the same bytes for any order of threads and any strides."""
    budget = ErrorBudget()
    for seed, (sizes, window, causal) in enumerate(SLIDING):
        inputs = draw(sizes, sizes[2], dtype, seed)
        before = min(window, sizes[2]) - 1
        found = check_same_bytes(emulator, inputs, (before, 0 if causal else before), 1, seed)
        budget.add(found, *exact_and_plain(sliding_attention_reference, (*inputs, window, causal)))
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_cross_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    budget = ErrorBudget()
    for seed, (sizes, keys, tiles) in enumerate(CROSS):
        inputs = draw(sizes, keys, dtype, seed)
        found = check_same_bytes(emulator, inputs, (-1, 0), tiles, seed)
        budget.add(found, *exact_and_plain(cross_attention_small_reference, inputs))
    budget.check()


@pytest.mark.native
@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(FORMATS), st.tuples(*map(st.integers, (1, 1, 1, 1), (2, 3, 150, 70))),
    st.integers(1, 160), st.booleans(), st.integers(1, 128), st.integers(1, 3), st.integers(0, 99),
)  # fmt: skip
def test_any_shape_under_fibers(
    emulator: ctypes.CDLL, dtype: torch.dtype, sizes: tuple[int, ...], window: int, causal: bool,
    keys: int, tiles: int, seed: int,
) -> None:  # fmt: skip
    budget = ErrorBudget()
    inputs = draw(sizes, sizes[2], dtype, seed)
    before = min(window, sizes[2]) - 1
    found = run(emulator, inputs, (before, 0 if causal else before), 1, seed)
    budget.add(found, *exact_and_plain(sliding_attention_reference, (*inputs, window, causal)))
    inputs = draw(sizes, keys, dtype, seed)
    found = run(emulator, inputs, (-1, 0), tiles, seed)
    budget.add(found, *exact_and_plain(cross_attention_small_reference, inputs))
    budget.check()


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    compiled = compile_kernels(tmp_path, "csrc/cuda/attention.cu")
    assert len(compiled.kernels) == 2 * (2 * 2 * 3 + 3 + 4)
    check_attention_budgets(compiled)


@pytest.mark.cuda
def test_graph_capture() -> None:
    """Recorded once and replayed on other numbers."""
    if torch.cuda.device_count() == 0:
        pytest.skip("there is no CUDA device")
    q, k, v = (value.cuda() for value in draw((2, 3, 200, 64), 200, torch.bfloat16, 0))

    def both() -> tuple[Tensor, Tensor]:
        few = slice(0, 77)
        near = sliding_attention(q, k, v, window=50)
        return near, cross_attention_small(q, k[:, :, few], v[:, :, few])

    both()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = both()
    q.copy_(q.flip(2))
    graph.replay()
    assert all(map(torch.equal, results, both()))
