"""csrc/cuda/tensor_core.cuh: emulated under fibers against plain products, and compiled by nvcc."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch

from tests.ops.cuda_kernels import Guarded, build_emulator, compile_kernels, pointer


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_emulator(tmp_path_factory, "tensor_core_fiber")


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.bfloat16, torch.float16), ids=str)
@pytest.mark.parametrize("valid", (16, 5))
def test_product_of_halves(emulator: ctypes.CDLL, dtype: torch.dtype, valid: int) -> None:
    for seed in range(3):
        a, b = draw(16, 16, seed=seed).to(dtype), draw(16, 8, seed=seed + 10).to(dtype)
        start = draw(16, 8, seed=seed + 20)
        c = Guarded.of(start)
        emulator.run_multiply(
            ctypes.c_bool(dtype == torch.bfloat16), pointer(Guarded.of(a)), pointer(Guarded.of(b)),
            valid, ctypes.c_bool(False), ctypes.c_uint(seed), pointer(c),
        )  # fmt: skip
        c.check()
        expected = start.double() + a[:, :valid].double() @ b[:valid].double()
        torch.testing.assert_close(c.tensor.double(), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.native
def test_copy_that_is_not_waited_for(emulator: ctypes.CDLL) -> None:
    a, b = draw(16, 16, seed=1).bfloat16(), draw(16, 8, seed=2).bfloat16()
    c = Guarded.of(torch.zeros(16, 8))
    emulator.run_multiply(
        ctypes.c_bool(True), pointer(Guarded.of(a)), pointer(Guarded.of(b)), 16,
        ctypes.c_bool(True), ctypes.c_uint(1), pointer(c),
    )  # fmt: skip
    assert c.tensor.isnan().any()


@pytest.mark.native
def test_product_in_tf32(emulator: ctypes.CDLL) -> None:
    a, b = draw(16, 8, seed=3), draw(8, 8, seed=4)
    c = Guarded((16, 8), torch.float32)
    emulator.run_multiply_tf32(
        pointer(Guarded.of(a)), pointer(Guarded.of(b)), ctypes.c_uint(5), pointer(c)
    )
    c.check()
    left, right = (((v.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32) for v in (a, b))
    assert not torch.equal(left, a)
    torch.testing.assert_close(c.tensor, left @ right, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(c.tensor, a @ b, rtol=1e-2, atol=1e-2)


@pytest.mark.native
def test_collectives(emulator: ctypes.CDLL) -> None:
    values = draw(32, seed=6)
    found = Guarded((6, 32), torch.float32)
    emulator.run_collectives(pointer(Guarded.of(values)), ctypes.c_uint(7), pointer(found))
    found.check()
    lanes = torch.arange(32)
    torch.testing.assert_close(found.tensor[0], values[torch.where(lanes < 29, lanes + 3, lanes)])
    torch.testing.assert_close(found.tensor[1], values[torch.where(lanes > 2, lanes - 3, lanes)])
    torch.testing.assert_close(found.tensor[2], values[5].expand(32))
    torch.testing.assert_close(found.tensor[3], values[lanes ^ 9])
    torch.testing.assert_close(found.tensor[4], (values > 0).float())
    torch.testing.assert_close(found.tensor[5], values.bfloat16().float() + values.half().float())


@pytest.mark.nvcc
def test_compiles_for_all_architectures(tmp_path: Path) -> None:
    """The instructions exist, and nothing goes to local memory."""
    source = tmp_path / "tensor_core.cu"
    source.write_text(
        f'#include "{Path(__file__).resolve().parents[1] / "csrc" / "tensor_core_fiber.cpp"}"\n'
    )
    compiled = compile_kernels(tmp_path, str(source))
    compiled.check_budget(
        "15multiply_kernel", 40, r"mma\.sync\.aligned\.m16n8k16", r"ldmatrix\.sync.*x4\.shared",
        r"ldmatrix\.sync.*x4\.trans", r"cp\.async\.cg", r"cp\.async\.wait_group 0",
    )  # fmt: skip
    compiled.check_budget("20multiply_tf32_kernel", 32, r"m16n8k8.*tf32", r"cvt\.rna\.tf32")
    compiled.check_budget("17collective_kernel", 32, r"shfl\.sync", r"cvt\.rn\.bf16x2")
