"""The CUDA kernels of phase_convolution without a GPU: under the fiber launcher, and by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aigc_assets.ops import conv3x3_act, up2_conv3x3_act
from aigc_assets.ops.phase_convolution_phases import SOURCES, pack, phase_convolution_reference
from tests.ops.cuda_kernels import FORMATS, Guarded, build_emulator, compile_kernels, pointer
from tests.ops.numerics import ErrorBudget, exact_and_plain

MANY = 10**6  # processors that are never kept busy: blocks get the fewest output channels


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "phase_convolution_fiber")


class Case(NamedTuple):
    """One call; ``seed`` draws which operands there are, their dtypes, and the schedule."""

    source: int
    shape: tuple[int, ...]  # B, Ci, Co, H, W or B, Ci, Co, T
    seed: int
    layout: str = "contiguous"  # or channels_last, or strided
    dilation: int = 1
    processors: int = 1
    plain: bool = False
    operands: str = "all"  # or none, or drawn


def arguments(case: Case, dtype: torch.dtype) -> list[Any]:
    """What the raw op takes."""
    source = SOURCES[case.source]
    batch, inputs, outputs, *size = case.shape
    generator = torch.Generator().manual_seed(case.seed)
    out = [n * source.rate for n in size]
    parameter = torch.float32 if case.seed % 2 and dtype != torch.float64 else dtype

    def normal(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    taps = (source.taps,) * source.spatial
    weight = normal(*((inputs, outputs) if source.transposed else (outputs, inputs)), *taps)
    packed = pack(weight * (inputs * len(taps) ** 2 * 4) ** -0.5, source.number)
    x = normal(batch, inputs, *size)
    if case.layout == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    bias = normal(outputs) if case.seed % 2 else normal(batch, outputs, dtype=parameter)
    style = normal(batch, inputs, dtype=parameter) + 1
    gain = normal(batch, outputs, dtype=parameter) + 1
    noise = normal(1 if case.seed % 3 else batch, 1, *out, dtype=parameter)
    residual = normal(batch, outputs, *out)
    if case.layout == "channels_last":
        residual = residual.contiguous(memory_format=torch.channels_last)
    operands: list[Tensor | None] = [bias, style, gain, noise, residual]
    if source.spatial == 1:
        operands[3] = None
    for i in range(5):
        absent = {"all": False, "none": True, "no style": i == 1}[case.operands]
        operands[i] = None if absent else operands[i]
    circular = source.spatial == 2 and case.seed % 2 == 0
    return [
        x, packed, *operands, source.kind, outputs, case.dilation, circular, case.seed % 5, 0.2,
    ]  # fmt: skip


def run(emulator: ctypes.CDLL, case: Case, inputs: list[Any], dtype: torch.dtype) -> Tensor:
    tensors = inputs[:7]
    kind, outputs, dilation, circular, activation, slope = inputs[7:]
    x = tensors[0]
    assert isinstance(x, Tensor)
    source = SOURCES[case.source]
    size = [n * source.rate for n in x.shape[2:]]
    last = case.layout == "channels_last"
    misaligned = case.seed % 3 == 2

    def in_memory_order(value: object) -> Guarded | None:
        if not isinstance(value, Tensor):
            return None
        return Guarded.of(value.movedim(1, -1) if last and value.dim() == 4 else value, misaligned)

    held = [in_memory_order(value) for value in (x, *tensors[2:])]
    packed = tensors[1]
    assert isinstance(packed, Tensor)
    shape = (x.shape[0], *size, outputs) if last else (x.shape[0], outputs, *size)
    y = Guarded(shape, dtype, misaligned)
    strides = list(x.stride())
    if x.dim() == 3:
        strides.insert(2, 0)
    is_float = [isinstance(v, Tensor) and v.dtype == torch.float32 for v in tensors[2:6]]
    bias, noise = tensors[2], tensors[5]
    height, width = ([1, *x.shape[2:]])[-2:]
    numbers = [
        FORMATS.index(dtype), kind, dilation, x.shape[0], x.shape[1], outputs, height, width,
        circular, activation, last, *strides, *is_float,
        outputs if isinstance(bias, Tensor) and bias.dim() == 2 else 0,
        size[0] * size[-1] if isinstance(noise, Tensor) and noise.shape[0] > 1 else 0,
        case.plain, case.processors, case.seed,
    ]  # fmt: skip
    guarded_packed = Guarded.of(packed)
    addresses = [pointer(v).value for v in (held[0], guarded_packed, *held[1:], y)]
    columns = emulator.run_phase_convolution(
        (ctypes.c_int64 * len(numbers))(*map(int, numbers)),
        (ctypes.c_void_p * len(addresses))(*addresses),
        ctypes.c_double(slope),
    )
    assert columns == expected_columns(case, dtype)
    y.check()
    return y.tensor.movedim(-1, 1) if last else y.tensor


def expected_columns(case: Case, dtype: torch.dtype) -> int:
    if case.plain or dtype == torch.float64 or case.dilation > 100:
        return 0
    narrow = dtype == torch.float32 or case.processors == MANY or case.shape[2] <= 32
    return 32 if narrow else 64


CASES = [
    Case(0, (2, 40, 20, 5, 3), 0, "channels_last"),
    Case(0, (1, 33, 70, 9, 8), 1, processors=1),
    Case(0, (5, 3, 4, 2, 2), 2),
    Case(0, (1, 64, 48, 8, 8), 3, "channels_last", operands="none"),
    Case(1, (1, 72, 16, 4, 12), 4, "channels_last", operands="no style"),
    Case(1, (2, 8, 65, 1, 1), 5, "channels_last", processors=MANY),
    Case(2, (1, 40, 24, 7, 17), 6, "channels_last", operands="no style"),
    Case(2, (3, 17, 5, 16, 16), 7),
    Case(2, (1, 1, 1, 1, 1), 8),
    Case(3, (2, 40, 10, 70), 9),
    Case(3, (1, 5, 3, 1), 10, operands="none"),
    Case(4, (1, 40, 33, 150), 11, dilation=27),
    Case(4, (2, 8, 8, 257), 12, dilation=3, operands="no style"),
    Case(4, (1, 3, 2, 12), 13, dilation=200),
    Case(0, (1, 5, 3, 3, 4), 14, "channels_last", plain=True),
    Case(2, (1, 5, 3, 3, 4), 15, plain=True),
]


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_kernels_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """Within the budget of the reference in plain torch, and nothing written beside the result."""
    budget = ErrorBudget()
    for case in CASES:
        inputs = arguments(case, dtype)
        y = run(emulator, case, inputs, dtype)
        budget.add(y, *exact_and_plain(phase_convolution_reference, inputs))
    budget.check()


@pytest.mark.native
@settings(max_examples=8, deadline=None)
@given(
    source=st.integers(0, 4),
    shape=st.tuples(*(st.integers(1, high) for high in (5, 40, 40, 9, 12))),
    layout=st.sampled_from(("contiguous", "channels_last")),
    dilation=st.integers(1, 9),
    processors=st.sampled_from((1, MANY)),
    operands=st.sampled_from(("all", "none", "no style")),
    dtype=st.sampled_from(FORMATS),
    seed=st.integers(0, 10**6),
)
def test_any_shape(
    emulator: ctypes.CDLL,
    source: int,
    shape: tuple[int, ...],
    layout: str,
    dilation: int,
    processors: int,
    operands: str,
    dtype: torch.dtype,
    seed: int,
) -> None:
    if SOURCES[source].spatial == 1:
        shape, layout = (*shape[:3], shape[3] * shape[4]), "contiguous"
    budget = ErrorBudget()
    for number in range(seed, seed + 3):
        case = Case(source, shape, number, layout, dilation if source == 4 else 1, processors)
        case = case._replace(operands=operands)
        inputs = arguments(case, dtype)
        y = run(emulator, case, inputs, dtype)
        budget.add(y, *exact_and_plain(phase_convolution_reference, inputs))
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.bfloat16, torch.float32), ids=str)
def test_any_order_of_threads(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """The same bytes for any schedule, alignment, and size of the blocks."""
    for case in (CASES[3], CASES[7]):
        inputs = arguments(case, dtype)
        first = run(emulator, case, inputs, dtype)
        for seed, processors in ((101, 1), (102, MANY)):
            other = case._replace(seed=seed, processors=processors)
            assert torch.equal(first, run(emulator, other, inputs, dtype))


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """Registers for 2 blocks of 128 threads at a time (3 of the narrow ones), and no spills."""
    compiled = compile_kernels(tmp_path, "csrc/cuda/phase_convolution.cu")
    moves = (r"ldmatrix\.sync", r"cp\.async\.cg", r"ld\.shared\.v4", r"st\.global\.v4")
    double = (r"(fma|mul|add)\.(rn\.)?f64",)
    for name, registers, product in (
        ("product_kernelINS_8bfloat16ELi64", 240, r"m16n8k16.*\.bf16"),
        ("product_kernelINS_8bfloat16ELi32", 168, r"m16n8k16.*\.bf16"),
        ("product_kernelINS_7float16ELi64", 240, r"m16n8k16.*\.f16"),
        ("product_kernelINS_7float16ELi32", 168, r"m16n8k16.*\.f16"),
        ("product_kernelIfLi32", 240, r"m16n8k8.*\.tf32"),
    ):
        compiled.check_budget(name, registers, product, *moves, without=double)
    compiled.check_budget("plain_kernel", 64)
    assert len(compiled.kernels) == 2 * (5 + 4)


@pytest.mark.cuda
@pytest.mark.parametrize("layout", (torch.contiguous_format, torch.channels_last), ids=str)
def test_graph_capture(layout: torch.memory_format) -> None:
    """Recorded once and replayed on other numbers."""
    if torch.cuda.device_count() == 0:
        pytest.skip("there is no CUDA device")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((2, 40, 17, 9), generator=generator).bfloat16().cuda()
    x = x.contiguous(memory_format=layout)
    weight = torch.randn((40, 40, 3, 3), generator=generator).bfloat16().cuda()

    def both() -> Tensor:
        return up2_conv3x3_act(conv3x3_act(x, weight), weight, activation="silu")

    both()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = both()
    x.copy_(x.flip(0))
    graph.replay()
    assert result.is_contiguous(memory_format=layout)
    assert torch.equal(result, both())


@pytest.mark.cuda
@pytest.mark.slow
@pytest.mark.parametrize("layout", (torch.contiguous_format, torch.channels_last), ids=str)
def test_more_elements_than_31_bits_count(layout: torch.memory_format) -> None:
    """The last corner of a huge image is that of its own surroundings."""
    if torch.cuda.device_count() == 0:
        pytest.skip("there is no CUDA device")
    x = torch.zeros((1, 8, 8192, 8192), dtype=torch.bfloat16, device="cuda")
    x = x.contiguous(memory_format=layout)
    generator = torch.Generator().manual_seed(0)
    corner = torch.randn((1, 8, 64, 64), generator=generator).bfloat16().cuda()
    corner = corner.contiguous(memory_format=layout)
    x[..., -64:, -64:] = corner
    weight = torch.randn((9, 8, 3, 3), generator=generator).bfloat16().cuda()
    found = up2_conv3x3_act(x, weight)
    assert found.numel() > 2**31
    assert torch.equal(found[..., -126:, -126:], up2_conv3x3_act(corner, weight)[..., -126:, -126:])
