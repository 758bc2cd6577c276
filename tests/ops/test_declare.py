from __future__ import annotations

import asyncio
import importlib
import importlib.util
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from aigc_assets import ops
from aigc_assets.errors import MissingPartError
from aigc_assets.ops import declare
from aigc_assets.ops.alias_free import aa_snake1d_reference


def test_report_says_what_runs_and_why() -> None:
    report = ops.report()
    assert {"aa_snake1d", "aa_snake1d_backward"} <= set(report)
    for devices in report.values():
        assert set(devices) == {"cpu", "cuda"}
        for entry in devices.values():
            assert entry["why"]
            assert entry["backend"] in ("reference", "cuda") or entry["backend"].startswith("cpu-")
    loaded = ops.NATIVE.state == "loaded"
    assert (report["aa_snake1d"]["cpu"]["backend"] != "reference") == loaded


@pytest.mark.native
def test_report_follows_the_limit(capability: str) -> None:
    entry = ops.report()["aa_snake1d"]["cpu"]
    if capability == "amx":  # the op has no path of its own for it, and says so
        assert entry["backend"] == "cpu-avx512" and "best path it has" in entry["why"]
    else:
        assert entry["backend"] == f"cpu-{capability}"


@pytest.mark.parametrize(
    ("variable", "value"), [("AIGC_ASSETS_DISABLE_KERNELS", "1"), ("AIGC_ASSETS_NATIVE", "0")]
)
def test_disabled_kernels_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    def never(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.delenv("AIGC_ASSETS_DISABLE_KERNELS", raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(importlib, "import_module", never)
    native = declare.load_native()
    assert native.state == "disabled"
    entry = declare.describe(native)["aa_snake1d"]["cpu"]
    assert entry["backend"] == "reference" and variable in entry["why"]


def test_not_built_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIGC_ASSETS_DISABLE_KERNELS", raising=False)
    monkeypatch.delenv("AIGC_ASSETS_NATIVE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    native = declare.load_native()
    assert native.state == "not built"
    assert declare.describe(native)["aa_snake1d"]["cpu"]["backend"] == "reference"


def test_broken_build_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("undefined symbol: aoti_torch_get_dim")

    monkeypatch.delenv("AIGC_ASSETS_DISABLE_KERNELS", raising=False)
    monkeypatch.delenv("AIGC_ASSETS_NATIVE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(MissingPartError, match=r"undefined symbol.*install the package again"):
        declare.load_native()


def scale_reference(x: Tensor, factor: float, weight: Tensor) -> Tensor:
    return x * factor * weight.square()


@pytest.fixture(scope="module")
def scale():
    return declare.define(
        "test_only_scale(Tensor x, float factor, Tensor weight) -> Tensor",
        scale_reference,
        lambda x, factor, weight: torch.empty_like(x),
    )


def test_default_gradient_is_right_to_any_order(scale) -> None:
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, dtype=torch.float64, requires_grad=True)

    def op(x: Tensor, weight: Tensor) -> Tensor:
        return scale(x, 2.5, weight)

    torch.testing.assert_close(op(x, weight), scale_reference(x, 2.5, weight))
    assert torch.autograd.gradcheck(op, (x, weight))
    assert torch.autograd.gradgradcheck(op, (x, weight))
    (first,) = torch.autograd.grad(op(x, weight).sum(), weight, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), weight, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    torch.testing.assert_close(third, torch.full_like(x, 5.0))


def test_declared_op_is_whole(scale) -> None:
    arguments = (torch.randn(3, requires_grad=True), 2.5, torch.randn(3, requires_grad=True))
    torch.library.opcheck(scale, arguments)


def test_one_sided_gradient(scale) -> None:
    """Only one of the arguments wants a gradient."""
    x, weight = torch.randn(3, requires_grad=True), torch.randn(3)
    (found,) = torch.autograd.grad(scale(x, 2.0, weight).sum(), x)
    torch.testing.assert_close(found, 2 * weight.square())


def test_plain_torch_runs_no_kernel() -> None:
    x, one = torch.randn(1, 2, 40), torch.ones(2)
    expected = aa_snake1d_reference(x, one, one)
    with declare.plain_torch():
        assert declare.is_plain_torch() and declare.records_gradients(x)
        assert torch.equal(ops.aa_snake1d(x, one, one), expected)
    assert not declare.is_plain_torch() and not declare.records_gradients(x)
    assert declare.records_gradients(x.requires_grad_())
    with torch.no_grad():
        assert not declare.records_gradients(x)


def test_plain_torch_is_of_one_thread() -> None:
    with ThreadPoolExecutor(1) as other, declare.plain_torch():
        assert declare.is_plain_torch()
        assert not other.submit(declare.is_plain_torch).result()
        with declare.plain_torch():
            assert declare.is_plain_torch()
        assert declare.is_plain_torch()
    assert not declare.is_plain_torch()


def test_plain_torch_is_of_one_task() -> None:
    async def compare(inside: asyncio.Event, asked: asyncio.Event) -> None:
        with declare.plain_torch():
            inside.set()
            await asked.wait()
            assert declare.is_plain_torch()

    async def ask(inside: asyncio.Event, asked: asyncio.Event) -> None:
        await inside.wait()
        found = declare.is_plain_torch()
        asked.set()
        assert not found

    async def both() -> None:
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(compare(*events), ask(*events))

    asyncio.run(both())
    assert not declare.is_plain_torch()


def test_plain_torch_reaches_compiled_code() -> None:
    torch._dynamo.reset()

    @torch.compile(fullgraph=True, backend="eager")
    def which(x: Tensor) -> Tensor:
        return x + 1 if declare.is_plain_torch() else x

    x = torch.zeros(1)
    assert which(x) == 0
    with declare.plain_torch():
        assert which(x) == 1
    assert which(x) == 0


@pytest.mark.native
def test_preferred_dtype_follows_the_matrix_units(capability: str) -> None:
    wanted = torch.bfloat16 if capability == "amx" else torch.float32
    assert ops.preferred_dtype() == wanted
    assert ops.preferred_dtype("cuda") == torch.bfloat16
    assert declare.preferred_dtype(declare.Native("not built", "")) == torch.float32
