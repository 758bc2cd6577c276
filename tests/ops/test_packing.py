"""Packed weights: found again, and never those of yesterday."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from aigc_assets.ops import packing


@pytest.fixture
def calls() -> Iterator[list[Tensor]]:
    packing.forget()
    yield []
    packing.forget()


@pytest.fixture
def twice(calls: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """Packs by doubling; `calls` has one entry for every time."""

    def pack(weight: Tensor) -> Tensor:
        calls.append(weight)
        return weight * 2

    return lambda weight: packing.packed(weight, "twice", pack)


def test_packs_once_and_forgets_what_is_freed(
    twice: Callable[[Tensor], Tensor], calls: list[Tensor]
) -> None:
    weight = torch.randn(3, 4, requires_grad=True)
    assert twice(weight) is twice(weight)
    assert not twice(weight).requires_grad
    assert len(calls) == len(packing._PACKED) == 1
    calls.clear()
    del weight
    gc.collect()
    assert not packing._PACKED


def _step(weight: nn.Parameter, **options: bool) -> None:
    weight.grad = torch.ones_like(weight)
    torch.optim.Adam([weight], lr=0.1, **options).step()


@pytest.mark.parametrize(
    "write",
    (
        lambda weight: weight.mul_(3),
        lambda weight: weight[0, 1].fill_(7),
        lambda weight: weight.data.lerp_(torch.ones_like(weight), 0.1),
        lambda weight: weight.detach().numpy().fill(5),
        lambda weight: setattr(weight, "data", torch.randn(3, 4)),
        lambda weight: setattr(weight, "data", torch.randn(5, 2)),
        _step,
        lambda weight: _step(weight, foreach=True),
        lambda weight: _step(weight, fused=True),
    ),
    ids=("in place", "view", "data", "numpy", "storage", "shape", "adam", "foreach", "fused"),
)
def test_sees_writes(twice: Callable[[Tensor], Tensor], write: Callable[[Tensor], object]) -> None:
    weight = nn.Parameter(torch.randn(3, 4))
    for _ in range(2):
        twice(weight)
        with torch.no_grad():
            write(weight)
            assert torch.equal(twice(weight), weight * 2)


def test_optimizers_that_count_nothing(twice: Callable[[Tensor], Tensor]) -> None:
    """A write in the middle of a large weight, by a step that leaves the version alone."""
    weight = nn.Parameter(torch.randn(64, 64))
    twice(weight)
    version = weight._version
    weight.grad = torch.zeros_like(weight)
    weight.grad[32, 32] = 1
    torch.optim.SGD([weight], lr=0.1, fused=True).step()
    if weight._version != version:
        pytest.skip("this torch counts them")
    assert torch.equal(twice(weight), weight * 2)


def test_inference_tensors_are_not_kept(
    twice: Callable[[Tensor], Tensor], calls: list[Tensor]
) -> None:
    with torch.inference_mode():
        weight = torch.randn(3, 4)
        twice(weight)
        weight.mul_(3)
        assert torch.equal(twice(weight), weight * 2)
    assert len(calls) == 2 and not packing._PACKED


def test_threads(twice: Callable[[Tensor], Tensor]) -> None:
    shared = torch.randn(3, 4)
    wrong: list[Tensor] = []

    def work() -> None:
        for _ in range(300):
            for weight in (torch.randn(3, 4), shared):
                if not torch.equal(twice(weight), weight * 2):
                    wrong.append(weight)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
