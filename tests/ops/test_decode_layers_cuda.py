"""The CUDA kernels of decode_block without a GPU: under fibers, and compiled by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from aigc_assets.ops.decode_layers import (
    linear_residual_reference,
    quantize_rows,
    rms_norm_gated_reference,
    rms_norm_linear_reference,
)
from tests.ops.cuda_kernels import FORMATS, Guarded, build_emulator, compile_kernels, pointer
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.test_decode_layers import TestDecodeBlock as BlockTester
from tests.ops.tester import on_tensors

KINDS = (*FORMATS, torch.int8)
"""Storage types of weights, in the order in which the C function counts them."""
HALVES = (torch.float16, torch.bfloat16)
ONE_ROW, ONE_PAIR, TWO_PAIRS, TENSOR, WIDE_TENSOR = range(5)


class Case(NamedTuple):
    """``linear``, ``residual`` or ``gated``; sizes of x and of the results."""

    op: str
    rows: int
    outputs: int
    depth: int
    aligned: bool = True


PLAIN = (
    Case("linear", 1, 3, 16),
    Case("linear", 3, 17, 65, False),
    Case("residual", 8, 9, 176),
    Case("residual", 11, 8, 1040),
    Case("gated", 5, 7, 48),
    Case("gated", 9, 18, 33, False),
    Case("residual", 2, 5, 0),
)
ON_TENSOR_CORES = (
    Case("linear", 1, 5, 16),
    Case("linear", 8, 49, 176),
    Case("residual", 7, 16, 1104),
    Case("residual", 17, 33, 48),
    Case("gated", 3, 9, 64),
    Case("gated", 16, 26, 528),
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "decode_layers_fiber")


class Inputs(NamedTuple):
    x: Tensor
    scale: Tensor | None
    weight: Tensor
    weight_scale: Tensor | None
    residual: Tensor | None


def draw(case: Case, dtype: torch.dtype, stored: torch.dtype, seed: int) -> Inputs:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    x = normal(case.rows, case.depth)
    scale = None if case.op == "residual" else normal(case.depth).abs() + 0.1
    wide = normal(case.outputs * (2 if case.op == "gated" else 1), case.depth)
    weight, weight_scale = wide.to(stored if stored.is_floating_point else wide.dtype), None
    if stored == torch.int8:
        weight, weight_scale = quantize_rows(wide)
    vector = dtype if seed % 2 else torch.promote_types(dtype, torch.float32)
    residual = normal(case.rows, case.outputs).to(dtype) if case.op == "residual" else None
    scale = None if scale is None else scale.to(vector)
    return Inputs(x.to(dtype), scale, weight, weight_scale, residual)


def run(
    emulator: ctypes.CDLL, case: Case, inputs: Inputs, variant: int, shares: int, seed: int
) -> Tensor:
    misaligned = not case.aligned
    x, scale, weight, weight_scale, residual = (
        None if value is None else Guarded.of(value, misaligned) for value in inputs
    )
    assert x is not None and weight is not None
    y = Guarded((case.rows, case.outputs), inputs.x.dtype, misaligned)
    formats = [FORMATS.index(inputs.x.dtype), KINDS.index(inputs.weight.dtype)]
    formats.append(0 if inputs.scale is None else FORMATS.index(inputs.scale.dtype))
    width = inputs.weight.element_size()
    aligned = case.aligned and case.depth * width % 16 == 0
    emulator.run_product(
        (ctypes.c_int * 3)(*formats), (ctypes.c_int * 3)(*case[1:4]),
        *map(pointer, (x, scale, weight, weight_scale, residual)), ctypes.c_double(1e-5),
        ctypes.c_bool(case.op == "gated"), ctypes.c_bool(aligned), variant, shares,
        ctypes.c_uint(seed), pointer(y),
    )  # fmt: skip
    y.check()
    return y.tensor


def expected(case: Case, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """The reference in float64 and as is; weights count as they are stored."""
    x, scale, weight, weight_scale, residual = inputs
    if case.op == "residual":
        return exact_and_plain(linear_residual_reference, (x, weight, weight_scale, residual))
    gated = case.op == "gated"
    reference = rms_norm_gated_reference if gated else rms_norm_linear_reference
    return exact_and_plain(reference, (x, scale, weight, weight_scale, 1e-5))


# A weight is as wide as x, or narrower than float32.
PAIRS = [
    (dtype, stored)
    for dtype in FORMATS
    for stored in KINDS
    if stored == dtype or stored not in (torch.float32, torch.float64)
]


@pytest.mark.native
@pytest.mark.parametrize(("dtype", "stored"), PAIRS, ids=str)
def test_plain_kernels_under_fibers(
    emulator: ctypes.CDLL, dtype: torch.dtype, stored: torch.dtype
) -> None:
    budget = ErrorBudget()
    for number, case in enumerate(PLAIN):
        inputs = draw(case, dtype, stored, number)
        variants = [ONE_PAIR, TWO_PAIRS] if case.rows > 1 else [ONE_ROW, ONE_PAIR]
        if dtype == torch.float64:
            variants = [ONE_PAIR]
        found = [run(emulator, case, inputs, variant, 0, number) for variant in variants]
        budget.add(found[0], *expected(case, inputs))
        found.append(run(emulator, case, inputs, variants[0], 0, number + 100))
        assert all(torch.equal(found[0], again) for again in found[1:])
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("stored", (*HALVES, torch.int8), ids=str)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_tensor_kernels_under_fibers(
    emulator: ctypes.CDLL, dtype: torch.dtype, stored: torch.dtype
) -> None:
    """Any order of threads, number of blocks and width of the kernel gives the same bytes."""
    budget = ErrorBudget()
    for number, case in enumerate(ON_TENSOR_CORES):
        inputs = draw(case, dtype, stored, number)
        y = run(emulator, case, inputs, TENSOR, 100, number)
        budget.add(y, *expected(case, inputs))
        for variant, shares in ((TENSOR, 2), (WIDE_TENSOR, 100), (WIDE_TENSOR, 1)):
            assert torch.equal(y, run(emulator, case, inputs, variant, shares, number + 100))
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("stored", (*HALVES, torch.int8), ids=str)
def test_tensor_kernels_keep_wide_numbers(emulator: ctypes.CDLL, stored: torch.dtype) -> None:
    """Rows in float32, as decode_block hands them on, of any size: 15 bits and more are kept."""
    for size in (1e-20, 1.0, 1e20):
        case = Case("residual", 3, 16, 96)
        inputs = draw(case, torch.float32, stored, 5)
        inputs = inputs._replace(x=inputs.x * size, residual=torch.zeros(3, 16))
        y = run(emulator, case, inputs, TENSOR, 1, 1)
        exact = expected(case, inputs)[0]
        assert (y - exact).abs().max() <= 2.0**-15 * exact.abs().max()


@pytest.mark.native
def test_rows_do_not_know_each_other(emulator: ctypes.CDLL) -> None:
    for variants, dtype in (((ONE_ROW, TWO_PAIRS), torch.float32), ((TENSOR,) * 2, HALVES[1])):
        case = Case("linear", 6, 20, 1088)
        inputs = draw(case, dtype, dtype, 3)
        together = run(emulator, case, inputs, variants[1], 100, 1)
        alone = inputs._replace(x=inputs.x[:1])
        assert torch.equal(
            together[:1], run(emulator, case._replace(rows=1), alone, variants[0], 100, 1)
        )
        poisoned = inputs.x.clone()
        poisoned[1:] = torch.nan
        found = run(emulator, case, inputs._replace(x=poisoned), variants[1], 100, 1)
        assert torch.equal(together[:1], found[:1]) and found[1:].isnan().all()


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_graph_capture(dtype: torch.dtype) -> None:
    """Recorded once and replayed at other positions, which only the device knows."""
    if torch.cuda.device_count() == 0:
        pytest.skip("there is no CUDA device")
    block = torch.ops.aigc_assets.decode_block.default
    inputs = BlockTester().inputs((8, 160, 5, 5, 32, 512, 600), dtype, 0)
    arguments = on_tensors(Tensor.cuda, inputs)
    x, k_cache, v_cache, positions = arguments[:4]
    for cache in (k_cache, v_cache):
        cache.nan_to_num_(0.5)
    block(*arguments)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = block(*arguments)
    for position in (0, 255, 599):
        positions.fill_(position)
        x.mul_(0.5)
        again = [k_cache.clone(), v_cache.clone()]
        graph.replay()
        assert torch.equal(y, block(x, *again, *arguments[3:]))
        assert torch.equal(k_cache, again[0]) and torch.equal(v_cache, again[1])


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """Registers of a thread, no spills; no float64 where sums run in float32."""
    compiled = compile_kernels(tmp_path, "csrc/cuda/decode_layers.cu")
    single = (r"\w\.f64\b", r"\.local\b")  # of instructions
    wide_load = r"ld\.global(\.nc)?\.v4"
    names = ("f", "a", "NS_8bfloat16E", "NS_7float16E")
    for rows, pairs, registers in ((1, 1, 96), (8, 1, 128), (8, 2, 168)):
        for name in names:
            part = f"14product_kernelI{name}fLi{rows}ELi{pairs}E"
            compiled.check_budget(part, registers, wide_load, without=single)
    for name in names[1:]:
        for columns in (1, 2):
            part = f"tensor_product_kernelI{name}Li{columns}E"
            compiled.check_budget(part, 128, wide_load, r"mma\.sync", without=single)
    for name in ("d", *names[1:]):
        compiled.check_budget(f"14product_kernelI{name}dLi8ELi1E", 168, wide_load)
