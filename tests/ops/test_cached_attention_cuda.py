"""The CUDA kernels of decode_attention without a GPU: under fibers, and compiled by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops.cached_attention import (
    decode_attention_append_reference,
    decode_attention_reference,
)
from tests.ops.cuda_kernels import FORMATS, Guarded, build_emulator, compile_kernels, pointer
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.test_cached_attention import draw, draw_append

Shape = tuple[int, ...]  # B, Hq, Hkv, T, D

# Splits, then the shape. Tiles of 8 (halves) and 4 (float32) query heads, steps of 16 and more keys
# of each of 4 warps, splits in multiples of 64 keys.
FAST: tuple[tuple[int, Shape], ...] = (
    (1, (2, 2, 2, 1, 8)),
    (1, (2, 3, 1, 17, 32)),
    (1, (1, 9, 1, 70, 40)),
    (3, (2, 4, 2, 130, 64)),
    (2, (1, 2, 2, 129, 16)),
    (2, (1, 5, 1, 66, 128)),
    (1, (1, 2, 1, 35, 136)),
    (2, (1, 1, 1, 65, 256)),
)
ANY: tuple[Shape, ...] = ((2, 2, 1, 1, 2), (2, 4, 2, 131, 6), (1, 3, 3, 9, 258))


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "cached_attention_fiber")


def run(
    emulator: ctypes.CDLL,
    shape: Shape,
    splits: int,
    seed: int,
    tensors: tuple[Tensor | None, ...],
    eps: float,
    window: int,
    row_dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tensors: q, k, v, k_cache, v_cache, counts, rope, q_scale, k_scale, slopes."""
    guarded = [None if value is None else Guarded.of(value, splits == 0) for value in tensors]
    q, k, v, k_cache, v_cache, counts, rope, q_scale, k_scale, slopes = guarded
    assert q is not None and k_cache is not None and v_cache is not None
    y = Guarded(tuple(q.tensor.shape), row_dtype)
    vectors = next((g.tensor.dtype for g in (k_scale, slopes) if g is not None), torch.float32)
    kinds = (row_dtype, k_cache.tensor.dtype, vectors)
    formats = [FORMATS.index(kind) for kind in kinds]
    formats.append(0 if rope is None else FORMATS.index(rope.tensor.dtype))
    emulator.run_attention(
        (ctypes.c_int * 4)(*formats), (ctypes.c_int * 5)(*shape),
        *map(pointer, (q, k, v, k_cache, v_cache, counts, rope)),
        0 if rope is None else rope.tensor.shape[1], *map(pointer, (q_scale, k_scale, slopes)),
        ctypes.c_double(eps), window, splits, ctypes.c_uint(seed), pointer(y),
    )  # fmt: skip
    for value in (y, k_cache, v_cache):
        value.check()
    return y.tensor, k_cache.tensor, v_cache.tensor


def cases(dtype: torch.dtype) -> list[tuple[int, Shape]]:
    fast = () if dtype == torch.float64 else FAST
    return [*fast, *((0, shape) for shape in ANY)]


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_attention_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """Against the reference, any order of threads giving the same bytes."""
    budget = ErrorBudget()
    for number, (splits, shape) in enumerate(cases(dtype)):
        q, k, v, lengths, window, slopes = inputs = draw(shape, dtype, number)
        tensors = (q, None, None, k, v, lengths, None, None, None, slopes)
        arguments = (emulator, shape, splits)
        y, *_ = run(*arguments, number, tensors, 0.0, window, dtype)
        budget.add(y, *exact_and_plain(decode_attention_reference, inputs))
        if number < 4:
            for seed in (100, 200):
                again, *_ = run(*arguments, seed + number, tensors, 0.0, window, dtype)
                assert torch.equal(y, again)
    budget.check()


def turned(q: Tensor, positions: Tensor, rope: Tensor, scale: Tensor | None, eps: float) -> Tensor:
    """The query as `decode_attention_append` uses it, in float64."""
    q = q.double()
    if scale is not None:
        q = F.rms_norm(q, q.shape[-1:], scale.double(), eps)
    cos, sin = rope.double()[:, positions, None]
    first, second = q.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


@pytest.mark.native
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_append_under_fibers(emulator: ctypes.CDLL, dtype: torch.dtype) -> None:
    """The result and the caches; also with queries in float32 beside narrower caches."""
    budget = ErrorBudget()

    def reference(*inputs):
        caches = [value.clone() for value in inputs[3:5]]
        y = decode_attention_append_reference(*inputs[:3], *caches, *inputs[5:])
        return y, *(cache.nan_to_num(0) for cache in caches)

    for number, (splits, shape) in enumerate(cases(dtype)):
        inputs = draw_append(shape, dtype, number)
        tensors, eps, window, slopes = inputs[:9], *inputs[9:]
        if slopes is not None and tensors[8] is not None:
            slopes = slopes.to(tensors[8].dtype)
        inputs = (*inputs[:11], slopes)
        found = run(
            emulator, shape, splits, number, (*tensors, slopes), eps, window, tensors[0].dtype
        )
        y, *caches = found
        expected = exact_and_plain(reference, inputs)
        budget.add((y, *(cache.nan_to_num(0) for cache in caches)), *expected)
        if splits and dtype in (torch.float16, torch.bfloat16) and number < 4:
            wide = tuple(value.float() for value in inputs[:3])
            arguments = (emulator, shape, splits, number + 50, (*wide, *tensors[3:], slopes))
            y, *caches = run(*arguments, eps, window, torch.float32)
            query = turned(wide[0], tensors[5], tensors[6], tensors[7], eps)
            keys, values = (cache.double() for cache in caches)
            wide_slopes = None if slopes is None else slopes.double()
            exact = decode_attention_reference(
                query, keys, values, tensors[5] + 1, window, wide_slopes
            )
            # As a sum of two halves, a query keeps 16 bits or more.
            assert (y - exact).abs().max() <= 2e-4 * exact.abs().max()
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("splits", (0, 2))
def test_positions_outside_write_nothing(emulator: ctypes.CDLL, splits: int) -> None:
    shape = (3, 2, 1, 70, 32)
    inputs = draw_append(shape, torch.float32, 0)
    positions = torch.tensor([-1, 70, 2**40])
    tensors = (*inputs[:5], positions, *inputs[6:9], None)
    y, k_cache, v_cache = run(emulator, shape, splits, 1, tensors, 1e-6, 0, torch.float32)
    assert (y == 0).all()
    for before, after in ((inputs[3], k_cache), (inputs[4], v_cache)):
        assert torch.equal(before.nan_to_num(7), after.nan_to_num(7))


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """Registers of a thread, no spills; no float64 where sums run in float32."""
    compiled = compile_kernels(tmp_path, "csrc/cuda/cached_attention.cu")
    single = (r"\w\.f64\b", r"\.local\b")  # of instructions
    wide_load = r"ld\.global(\.nc)?\.v4"
    for dim, registers in ((32, 128), (64, 128), (128, 208), (256, 255)):
        for kind in ("8bfloat16", "7float16"):
            name = f"attend_tile_kernelINS_{kind}ELi{dim}E"
            compiled.check_budget(name, registers, wide_load, r"mma\.sync", without=single)
    for vectors, heads, registers in ((1, 1, 128), (1, 4, 160), (2, 1, 128), (2, 4, 224)):
        name = f"attend_vector_kernelILi{vectors}ELi{heads}E"
        compiled.check_budget(name, registers, wide_load, without=single)
    compiled.check_budget("combine_splits_kernel", 64, without=single)
    compiled.check_budget("attend_any_kernel", 128)
    compiled.check_budget("prepare_kernel", 72)
