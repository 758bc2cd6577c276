"""The CUDA kernels of the token layers without a GPU: run under fibers, and compiled by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aigc_assets.ops.token_layers import (
    gated_silu_reference,
    qk_norm_rotary_reference,
    rms_norm_reference,
)
from tests.ops.cuda_kernels import FORMATS, Guarded, build_emulator, compile_kernels
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.test_token_layers import draw

EPS = 1e-5


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "token_layers_fiber")


class Case(ctypes.Structure):
    """As in tests/csrc/token_layers_fiber.cpp."""

    _fields_ = (
        *(
            (n, ctypes.c_void_p)
            for n in ("x", "first_scale", "second_scale", "rope", "y", "k", "v")
        ),
        *((n, ctypes.c_int) for n in ("op", "parameters", "count")),
        *((n, ctypes.c_int64) for n in ("rows", "length", "heads", "width")),
        ("gate_first", ctypes.c_bool),
        ("eps", ctypes.c_double),
        ("seed", ctypes.c_uint),
    )


def run(
    emulator: ctypes.CDLL, op: int, inputs: list[Tensor], shapes: list[tuple[int, ...]],
    sizes: tuple[int, int, int, int], seed: int, gate_first: bool = True, misaligned: bool = False,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Results of the op; a row of ``sizes`` (rows, length, heads, width) is as the kernels ask."""
    placed = [Guarded.of(value, misaligned) for value in inputs]
    results = [Guarded(shape, inputs[0].dtype, misaligned) for shape in shapes]
    dtype = inputs[0].dtype
    together = sizes[3] // 2 if op == 1 else sizes[3]
    most = 2 if dtype == torch.float64 else 4
    wide = not misaligned and together % most == 0
    addresses = [value.tensor.data_ptr() for value in placed]
    found = [value.tensor.data_ptr() for value in results]
    parameters = FORMATS.index(inputs[1].dtype) if len(inputs) > 1 else 0
    emulator.run_token_layer(
        FORMATS.index(dtype),
        ctypes.byref(
            Case(
                *addresses, *[None] * (4 - len(addresses)), *found, *[None] * (3 - len(found)),
                op, parameters, most if wide else 1, *sizes, gate_first, EPS, seed,
            )
        ),
    )  # fmt: skip
    for value in results:
        value.check()
    return tuple(value.tensor for value in results)


def parameter_dtype(dtype: torch.dtype, seed: int) -> torch.dtype:
    return torch.float32 if seed % 2 and dtype != torch.float64 else dtype


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_kernels_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """Against the references; any order of threads gives the same bytes."""
    budgets = [ErrorBudget() for _ in range(3)]
    for seed, (rows, width) in enumerate(((1, 1), (3, 8), (5, 34), (9, 192), (2, 300))):
        misaligned = seed % 3 == 2
        x, scale = draw(dtype, seed, (rows, width), (width,))
        scale = scale.to(parameter_dtype(dtype, seed))
        arguments = emulator, 0, [x, scale], [(rows, width)], (rows, 1, 1, width)
        found = run(*arguments, seed, misaligned=misaligned)
        budgets[0].add(*found, *exact_and_plain(rms_norm_reference, (x, scale, EPS)))
        assert torch.equal(found[0], run(*arguments, seed + 99, misaligned=misaligned)[0])

        (x,), first = draw(dtype, seed, (rows, 2 * width)), seed % 2 == 0
        arguments = emulator, 2, [x], [(rows, width)], (rows, 1, 1, width)
        found = run(*arguments, seed, first, misaligned)
        budgets[2].add(*found, *exact_and_plain(gated_silu_reference, (x, first)))
        assert torch.equal(found[0], run(*arguments, seed + 99, first, misaligned)[0])
    shapes = ((1, 1, 1, 2), (2, 3, 2, 6), (1, 5, 3, 48), (2, 2, 1, 130), (1, 3, 2, 64))
    for seed, (batch, length, heads, dim) in enumerate(shapes):
        inputs = draw(
            dtype, seed, (batch, length, 3, heads, dim), (dim,), (dim,), (2, length, dim // 2)
        )
        inputs[1:] = [value.to(parameter_dtype(dtype, seed)) for value in inputs[1:]]
        sizes = (batch * length, length, heads, dim)
        arguments = emulator, 1, inputs, [(batch, heads, length, dim)] * 3, sizes
        misaligned = seed % 3 == 1
        found = run(*arguments, seed, misaligned=misaligned)
        budgets[1].add(found, *exact_and_plain(qk_norm_rotary_reference, (*inputs, EPS)))
        again = run(*arguments, seed + 99, misaligned=misaligned)
        assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))
    for budget in budgets:
        budget.check()


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """No spills, no local memory; loads and stores of 16 bytes in float32."""
    compiled = compile_kernels(tmp_path, "csrc/cuda/token_layers.cu")
    for part in ("rms_norm_kernelIffLi4", "qk_norm_rotary_kernelIffLi4", "gated_silu_kernelIffLi4"):
        compiled.check_budget(
            part,
            64,
            r"ld\.global(\.nc)?\.v4",
            r"st\.global\.v4",
            without=(r"(add|mul|fma|div|cvt)\S*\.f64", r"\.local"),
        )
    for kind in ("kernelIff", "kernelINS_8bfloat16Ef", "kernelINS_7float16Ef"):
        compiled.check_budget(kind, 64)
