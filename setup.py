"""The two native extensions; everything else about the package is in pyproject.toml.

aigc_assets._C     kernels for torch through its stable ABI: one file for any CPython, torch >= 2.10
aigc_assets._host  C++ that is not about tensors, pybind11

AIGC_ASSETS_NATIVE=0 leaves both out, AIGC_ASSETS_CUDA=0|1 decides about the CUDA kernels (default:
when nvcc is found, whether or not this machine has a GPU). What is missing (a compiler, Python's
headers, torch at build time) is said and left out; what is there and fails, fails the build.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
MINIMUM_TORCH = "0x020a000000000000"  # 2.10
GPU_ARCHITECTURES = (80, 90)  # machine code for these, and PTX of the last one for newer chips


def say(text: str) -> None:
    print(f"aigc_assets: {text}", file=sys.stderr)


def sources(*patterns: str) -> list[str]:
    """Paths relative to this file, as setuptools wants them."""
    found = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    return [path.relative_to(ROOT).as_posix() for path in found]


def missing_part() -> str | None:
    """What keeps native code from being built at all, or None."""
    if os.environ.get("AIGC_ASSETS_NATIVE", "1") == "0":
        return "AIGC_ASSETS_NATIVE=0"
    named = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
    compiler = shlex.split(named)[0]
    if shutil.which(compiler) is None:
        if os.environ.get("CXX"):
            raise SystemExit(f"CXX names a compiler that is not there: {named}")
        found = next((c for c in ("c++", "g++", "clang++") if shutil.which(c)), None)
        if found is None:
            return "there is no C++ compiler"
        os.environ["CXX"] = found
        os.environ.setdefault("CC", found)
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return "Python's headers (python3-dev) are not installed"
    return None


def find_cuda() -> Path | None:
    """The CUDA toolkit to build with, or None."""
    wanted = os.environ.get("AIGC_ASSETS_CUDA", "")
    if wanted not in ("", "0", "1"):
        raise SystemExit(f"AIGC_ASSETS_CUDA: expected 0 or 1, got {wanted!r}")
    if wanted == "0":
        return None
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    nvcc = shutil.which("nvcc", path=str(Path(named) / "bin") if named else None)
    if nvcc is not None:
        # The one on the path may be a script: the compiler itself knows where its toolkit lies.
        plan = subprocess.run(
            [nvcc, "--dryrun", "-x", "cu", os.devnull], check=True, capture_output=True, text=True
        )
        top = re.search(r"^#\$ TOP=(.+)$", plan.stderr + plan.stdout, re.MULTILINE)
        return Path(top[1] if top else Path(nvcc).parent.parent).resolve()
    if wanted == "1" or named:
        raise SystemExit(
            f"there is no nvcc {f'in CUDA_HOME={named}' if named else 'on the path'}: "
            "set CUDA_HOME, or AIGC_ASSETS_CUDA=0 to build for the CPU only"
        )
    return None


def runtime_folder(cuda: Path) -> str:
    """Where the toolkit's static runtime lies."""
    for folder in (cuda / "lib64", cuda / "lib", *sorted(cuda.glob("targets/*/lib"))):
        if (folder / "libcudart_static.a").exists():
            return str(folder)
    raise SystemExit(f"{cuda}: this CUDA toolkit has no libcudart_static.a; AIGC_ASSETS_CUDA=0?")


def gpu_flags(cuda: Path) -> list[str]:
    """Code generation flags for what this nvcc knows of `GPU_ARCHITECTURES`."""
    listed = subprocess.run(
        [cuda / "bin" / "nvcc", "--list-gpu-arch"], check=True, capture_output=True, text=True
    ).stdout
    known = [a for a in GPU_ARCHITECTURES if re.search(rf"\bcompute_{a}\b", listed)]
    if not known:
        raise SystemExit(f"{cuda}: this nvcc knows none of the architectures {GPU_ARCHITECTURES}")
    flags = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in known]
    return [*flags, f"-gencode=arch=compute_{known[-1]},code=compute_{known[-1]}"]


def kernel_extension(cuda: Path | None) -> Extension:
    import torch
    from torch.utils import cpp_extension

    defines = [f"-DTORCH_TARGET_VERSION={MINIMUM_TORCH}"]
    files = sources("csrc/*.cpp", "csrc/cpu/*.cpp")
    compile_args = {"cxx": ["-O3", "-g0", "-std=c++20", "-fvisibility=hidden", *defines]}
    libraries, folders = [], []
    if cuda is not None:
        files += sources("csrc/cuda/*.cu")
        compile_args["cxx"].append("-DUSE_CUDA")
        compile_args["nvcc"] = ["-O3", "-std=c++20", "-DUSE_CUDA", *defines, *gpu_flags(cuda)]
        compile_args["nvcc"].append("-Xfatbin=-compress-all")  # half the size
        libraries = ["cudart_static", "rt", "dl", "pthread"]
        folders = [runtime_folder(cuda)]
        # A CPU build of torch knows of no toolkit: its ninja writer takes nvcc from this name, and
        # there is no CUDA version of torch that the toolkit's could differ from.
        cpp_extension.CUDA_HOME = str(cuda)
        if torch.version.cuda is None:
            cpp_extension._check_cuda_version = lambda *_: None
    return cpp_extension.CppExtension(
        "aigc_assets._C",
        files,
        # Also what this machine does not compile: a source archive made here must build elsewhere.
        depends=sources("csrc/*.h", "csrc/cpu/*.h", "csrc/cuda/*.cu*"),
        extra_compile_args=compile_args,
        libraries=libraries,
        library_dirs=folders,
        py_limited_api=True,
    )


def host_extension() -> Extension:
    import pybind11

    return Extension(
        "aigc_assets._host",
        sources("csrc/host/*.cpp"),
        depends=sources("csrc/host/*.h"),
        include_dirs=[pybind11.get_include()],
        # No fused products and sums: results equal those of the twins in Python.
        extra_compile_args=["-O2", "-g0", "-std=c++20", "-fvisibility=hidden", "-ffp-contract=off"],
        language="c++",
    )


def native() -> dict[str, object]:
    missing = missing_part()
    if missing is not None:
        say(f"installing without native code: {missing}; the plain-torch references will run")
        return {}
    extensions, commands = [], {}
    if importlib.util.find_spec("pybind11") is not None:
        extensions.append(host_extension())
    else:
        say("leaving out _host: pybind11 is not installed")
    if importlib.util.find_spec("torch") is not None:
        from torch.utils.cpp_extension import BuildExtension

        cuda = find_cuda()
        say(f"building the kernels for the CPU {f'and CUDA ({cuda})' if cuda else 'only'}")
        extensions.append(kernel_extension(cuda))
        commands["build_ext"] = BuildExtension
    else:
        say("leaving out the kernels: torch is not installed where the package is being built")
        say("install torch, then use pip install --no-build-isolation")
    return {"ext_modules": extensions, "cmdclass": commands}


setup(**native())
