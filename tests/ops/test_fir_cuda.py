"""The CUDA kernels of fir_resample without a GPU: run under fibers, and compiled by nvcc."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from aigc_assets.ops.fir import fir_resample_reference
from tests.ops.cuda_kernels import FORMATS, Guarded, build_emulator, compile_kernels
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.test_fir import draw


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "fir_fiber")


class Case(ctypes.Structure):
    """As in tests/csrc/fir_fiber.cpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "fir", "bias", "noise", "y")),
        ("taps", ctypes.c_int),
        *((n, ctypes.c_bool) for n in ("up", "channels_last", "float_parameters", "aligned")),
        *((n, ctypes.c_int64) for n in ("batch", "channels", "height", "width", "noise_step")),
        ("activation", ctypes.c_int),
        *((name, ctypes.c_double) for name in ("slope", "gain", "bound")),
        *((name, ctypes.c_int) for name in ("threads", "columns")),
        ("seed", ctypes.c_uint),
    )


def run(
    emulator: ctypes.CDLL,
    tensors: tuple[Tensor, ...],
    options: tuple[Any, ...],
    channels_last: bool,
    columns: int,
    seed: int,
    misaligned: bool,
) -> Tensor:
    up, activation, slope, gain, clamp = options
    x = tensors[0].permute(0, 2, 3, 1) if channels_last else tensors[0]
    placed = [Guarded.of(value, misaligned) for value in (x, *tensors[1:])]
    batch, channels, height, width = tensors[0].shape
    size = (2 * height, 2 * width) if up else (height // 2, width // 2)
    shape = (batch, *size, channels) if channels_last else (batch, channels, *size)
    y = Guarded(shape, x.dtype, misaligned)
    starts = all(v.tensor.data_ptr() % 16 == 0 for v in (placed[0], y))
    noise_step = size[0] * size[1] if tensors[3].shape[0] == batch else 0
    emulator.run_fir(
        FORMATS.index(x.dtype),
        ctypes.byref(
            Case(
                *(value.tensor.data_ptr() for value in (*placed, y)),
                tensors[1].shape[0], up, channels_last, tensors[1].dtype == torch.float32,
                starts and (channels_last or width * x.element_size() % 16 == 0),
                batch, channels, height, width, noise_step, activation, slope, gain,
                math.inf if clamp is None else clamp, 64, columns, seed,
            )
        ),
    )  # fmt: skip
    y.check()
    return y.tensor.permute(0, 3, 1, 2) if channels_last else y.tensor


SHAPES = ((2, 3, 5, 7), (1, 2, 20, 16), (1, 8, 4, 6), (2, 4, 3, 40), (1, 1, 2, 2), (1, 2, 33, 72))


@pytest.mark.native
@pytest.mark.parametrize("up", (True, False))
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_kernels_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype, up: bool) -> None:
    """Against the reference; any order of threads gives the same bytes."""
    budget = ErrorBudget()
    seed = 0
    for shape in SHAPES:
        for channels_last in (False, True):
            for taps in (1, 2, 3, 4, 5, 6, 7, 8):
                seed += 1
                tensors = draw(shape, dtype, up, taps, seed)
                if seed % 3 == 0 and dtype != torch.float64:
                    tensors = (tensors[0], tensors[1].float(), tensors[2].float(), tensors[3])
                options = (up, seed % 5, 0.2, 1.5, 2.0 if seed % 4 == 0 else None)
                columns, misaligned = (4, 8)[seed % 2], seed % 5 == 0
                arguments = (tensors, options, channels_last, columns)
                found = run(emulator, *arguments, seed, misaligned)
                budget.add(found, *exact_and_plain(fir_resample_reference, (*tensors, *options)))
                if taps == 4:
                    again = run(emulator, *arguments, seed + 99, not misaligned)
                    assert torch.equal(found, again)
    budget.check()


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """No spills, no local memory; loads and stores of 16 bytes in float32."""
    compiled = compile_kernels(tmp_path, "csrc/cuda/fir.cu")
    compiled.check_budget(
        "planes_kernelIff", 64, r"ld\.global(\.nc)?\.v4", r"st\.global(\.cg)?\.v4"
    )
    compiled.check_budget(
        "pixels_kernelIffLi4", 64, r"ld\.global(\.nc)?\.v4", r"st\.global(\.cg)?\.v4"
    )
    compiled.check_budget("_kernel", 128)
    for entries in compiled.listings.values():
        assert all(".f64" not in e for name, e in entries.items() if "kernelIff" in name)
