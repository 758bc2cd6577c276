"""`OpTester` for ops that write to their arguments and have no gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from tests.ops.tester import OpTester, assert_same_bytes, on_tensors


class InPlaceOpTester(OpTester):
    """``op`` and ``reference`` are wrapped: called on copies, and returning what was written."""

    bare: ClassVar[Callable[..., Any]]
    """The public function with positional arguments as in the raw op."""
    written: ClassVar[tuple[int, ...]]
    """Places of the arguments that are written."""

    def __init_subclass__(cls) -> None:
        cls.op = staticmethod(cls.on_copies(cls.bare))
        cls.reference = staticmethod(cls.on_copies(cls.reference))

    @classmethod
    def on_copies(cls, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*inputs: Any) -> tuple[Tensor, ...]:
            # A copy with the strides of the original, gaps included: the layout is under test.
            copies = [
                value.detach().clone(memory_format=torch.preserve_format)
                if not isinstance(value, Tensor) or value.is_contiguous()
                else _copy_with_gaps(value)
                for value in (inputs[i] for i in cls.written)
            ]
            values = list(inputs)
            for i, copy in zip(cls.written, copies, strict=True):
                values[i] = copy
            found = function(*values)
            # What nobody wrote is NaN there; a NaN that was written would count as a large error.
            return (found, *(copy.nan_to_num(nan=9.0) for copy in copies))

        return run

    def test_gradients(self) -> None:
        """There are none, and autograd notices that the caches changed."""
        inputs = self.inputs(self.gradient_shapes[-1], torch.float64)
        for value in inputs:
            if isinstance(value, Tensor) and value.is_floating_point():
                value.requires_grad_()
        caches = [inputs[i].detach() for i in self.written]
        values = [*inputs]
        for i, cache in zip(self.written, caches, strict=True):
            values[i] = cache
        before = [cache._version for cache in caches]
        assert not type(self).bare(*values).requires_grad
        assert all(cache._version > old for cache, old in zip(caches, before, strict=True))

    def test_opcheck(self) -> None:
        inputs = self.raw_inputs(self.gradient_shapes[-1], torch.float32)
        torch.library.opcheck(type(self).raw, inputs)

    def test_compiles(self) -> None:
        inputs = self.inputs(self.shapes[0], torch.float32)

        def run(*values: Any) -> tuple[Tensor, ...]:
            caches = [values[i] for i in self.written]
            return (type(self).bare(*values), *caches)

        def copied() -> tuple[Any, ...]:
            return on_tensors(torch.clone, inputs)

        torch._dynamo.reset()
        compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
        found, expected = compiled(*copied()), run(*copied())
        assert_same_bytes(
            tuple(value.nan_to_num(9.0) for value in found),
            tuple(value.nan_to_num(9.0) for value in expected),
        )


def _copy_with_gaps(tensor: Tensor) -> Tensor:
    extent = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    room = tensor.new_full((max(extent, 1),), float("nan"))
    return room.as_strided(tensor.shape, tensor.stride()).copy_(tensor)
