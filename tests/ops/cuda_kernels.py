"""What the tests of the CUDA kernels share: the fiber launcher, guarded memory, and nvcc."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
FORMATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
"""Storage types, in the order of the number by which tests/csrc/*_fiber.cpp know them."""
ARCHITECTURES = (80, 90)
GUARD = 64  # elements of NaN around every tensor


def host_compiler() -> str:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    return compiler


def build_emulator(tmp_path_factory: pytest.TempPathFactory, name: str) -> ctypes.CDLL:
    """The kernels of ``tests/csrc/{name}.cpp``, compiled by the host's compiler over fiber.h."""
    library = tmp_path_factory.mktemp("fiber") / f"{name}.so"
    folder = ROOT / "tests" / "csrc"
    command = [host_compiler(), "-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Werror"]
    command += ["-Wno-unknown-pragmas", f"-I{folder}", "-o", str(library)]
    subprocess.run([*command, str(folder / f"{name}.cpp")], check=True)
    return ctypes.CDLL(str(library))


class Guarded:
    """A tensor in the middle of NaN, whose surroundings must stay as they are.

    It starts at a multiple of 16 bytes, or one element further if ``misaligned``. Integers are
    guarded by their lowest number.
    """

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, misaligned: bool = False):
        count = torch.Size(shape).numel()
        self.filling = float("nan") if dtype.is_floating_point else torch.iinfo(dtype).min
        self.room = torch.full((count + 2 * GUARD + 1,), self.filling, dtype=dtype)
        self.start = GUARD + misaligned
        self.tensor = self.room[self.start : self.start + count].view(shape)

    def check(self) -> None:
        stop = self.start + self.tensor.numel()
        around = torch.cat([self.room[: self.start], self.room[stop:]])
        untouched = around.isnan() if around.is_floating_point() else around == self.filling
        assert untouched.all()

    @classmethod
    def of(cls, values: Tensor, misaligned: bool = False) -> Guarded:
        guarded = cls(tuple(values.shape), values.dtype, misaligned)
        guarded.tensor.copy_(values)
        return guarded


def pointer(guarded: Guarded | None) -> ctypes.c_void_p:
    """For a C function; the memory lives as long as the pointer does."""
    value = ctypes.c_void_p(None if guarded is None else guarded.tensor.data_ptr())
    value.owner = guarded  # type: ignore[attr-defined]
    return value


class Kernel(NamedTuple):
    """What ptxas says of one kernel for one architecture; ``name`` is the mangled one."""

    architecture: int
    name: str
    registers: int
    spilled: int  # bytes of registers that moved to local memory
    stack: int  # bytes of local memory
    shared: int  # bytes of static shared memory


class Compiled(NamedTuple):
    kernels: list[Kernel]
    listings: dict[int, dict[str, str]]  # architecture -> mangled name -> PTX

    def check_budget(
        self,
        part: str,
        registers: int,
        *wanted: str,
        without: tuple[str, ...] = (),
        stack: int = 0,
    ) -> None:
        """Fail unless every kernel with ``part`` in its name keeps to these limits.

        Args:
            part: Part of the mangled name.
            registers: At most so many per thread; nothing may be spilled.
            wanted: Regular expressions of what the PTX has to contain.
            without: Regular expressions of what the PTX must not contain.
            stack: At most so many bytes of local memory (sin and cos of float64 want some).
        """
        found = [kernel for kernel in self.kernels if part in kernel.name]
        assert {kernel.architecture for kernel in found} == set(ARCHITECTURES), part
        for kernel in found:
            assert kernel.registers <= registers, kernel
            assert kernel.spilled == 0 and kernel.stack <= stack, kernel
            listing = self.listings[kernel.architecture][kernel.name]
            for pattern in wanted:
                assert re.search(pattern, listing), f"{kernel.name} has no {pattern}"
            for pattern in without:
                assert not re.search(pattern, listing), f"{kernel.name} has {pattern}"


def compile_kernels(folder: Path, source: str) -> Compiled:
    """Compile a file of the repository for all `ARCHITECTURES`, objects into ``folder``."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("there is no nvcc")
    include = Path(torch.__file__).parent / "include"
    command = [nvcc, "-std=c++20", "-O3", "-c", "-DUSE_CUDA", f"-I{include}", "--keep"]
    command += ["-DTORCH_TARGET_VERSION=0x020a000000000000", f"--keep-dir={folder}"]
    command += [f"-gencode=arch=compute_{a},code=sm_{a}" for a in ARCHITECTURES]
    command += [
        "--expt-relaxed-constexpr",
        "-Xptxas=-v",
        "-o",
        str(folder / "kernels.o"),
        str(ROOT / source),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listings = {}
    for architecture in ARCHITECTURES:
        (listing,) = folder.glob(f"*compute_{architecture}.ptx")
        entries = re.findall(r"\.entry .*?\n}\n", listing.read_text(), re.DOTALL)
        named = ((re.match(r"\.entry\s+(\w+)", entry), entry) for entry in entries)
        listings[architecture] = {name[1]: entry for name, entry in named if name}
    return Compiled(list(_resources(done.stderr)), listings)


def check_attention_budgets(compiled: Compiled) -> None:
    """Registers for the blocks that have to fit a multiprocessor; tensor cores where they pay."""
    for head, registers in ((32, 128), (64, 168), (128, 255)):
        for dtype, name in (("bf16", "8bfloat16"), ("f16", "7float16")):
            compiled.check_budget(
                f"attention_mma_kernelINS_{name}ELi{head}E", registers,
                rf"mma\.sync\S*m16n8k16\S*\.{dtype}\.", r"ldmatrix\S*x4\.trans",
                r"cp\.async\.cg", r"st\.global\.v4", without=(r"\.f64", r"\.local"),
            )  # fmt: skip
        compiled.check_budget(
            f"attention_fma_kernelILi{head}E", registers, r"cp\.async\.cg", r"st\.global\.v4",
            without=(r"\.f64", r"\.local"),
        )  # fmt: skip
    compiled.check_budget("attention_plain_kernel", 128)


def _resources(report: str) -> list[Kernel]:
    found = []
    for part in report.split("Compiling entry function ")[1:]:
        head = re.match(r"'(\w+)' for 'sm_(\d+)", part)
        stack = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", part)
        registers = re.search(r"Used (\d+) registers", part)
        assert head and stack and registers, part
        shared = re.search(r"(\d+) bytes smem", part)
        static = int(shared[1]) if shared else 0
        numbers = int(registers[1]), int(stack[2]), int(stack[1]), static
        found.append(Kernel(int(head[2]), head[1], *numbers))
    return found
