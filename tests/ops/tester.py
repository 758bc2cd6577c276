"""What every op must pass. One subclass per op, with its name, inputs and shapes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from aigc_assets import ops
from tests.ops.numerics import ErrorBudget, exact_and_plain

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def surrounded_by_nan(tensor: Tensor) -> Tensor:
    """The same values as a view into a larger NaN tensor, so that a stray read is seen."""
    if not tensor.is_floating_point():
        return tensor
    room = tensor.new_full([n + 7 for n in tensor.shape], float("nan"))
    view = room[tuple(slice(3, 3 + n) for n in tensor.shape)]
    return view.copy_(tensor)


def transposed(tensor: Tensor) -> Tensor:
    """The same values with the dimensions in reverse order in memory."""
    dims = tuple(reversed(range(tensor.dim())))
    return tensor.permute(dims).contiguous().permute(dims)


ARRANGEMENTS = (torch.clone, surrounded_by_nan, transposed)
"""The same values, differently in memory."""


def on_tensors(function: Callable[[Tensor], Tensor], values: Iterable[Any]) -> tuple[Any, ...]:
    """The values, with ``function`` applied to those that are tensors."""
    return tuple(function(value) if isinstance(value, Tensor) else value for value in values)


def _wanting_gradients(inputs: tuple[Any, ...]) -> list[Tensor]:
    """Ask for gradients of every floating tensor, and return these."""
    found = [v for v in inputs if isinstance(v, Tensor) and v.is_floating_point()]
    return [value.requires_grad_() for value in found]


class OpTester:
    """Set the class variables and `inputs`; inherit the tests."""

    op: ClassVar[Callable[..., Any]]
    """The public function."""
    raw: ClassVar[Any]
    """The overload behind it, ``torch.ops.aigc_assets.<name>.default``."""
    reference: ClassVar[Callable[..., Any]]
    shapes: ClassVar[tuple[tuple[int, ...], ...]]
    edge_shapes: ClassVar[tuple[tuple[int, ...], ...]]
    """Empty, one, odd, around the widths of vectors and tiles."""
    large_shape: ClassVar[tuple[int, ...]]
    """Enough work for several threads."""
    gradient_shapes: ClassVar[tuple[tuple[int, ...], ...]]

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Any, ...]:
        """Arguments of the op for ``shape``, drawn on the CPU."""
        raise NotImplementedError

    @classmethod
    @functools.cache
    def expected(cls, shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> tuple[Any, Any]:
        """The reference in float64 and in ``dtype``, once for all instruction sets."""
        return exact_and_plain(cls.reference, cls().inputs(shape, dtype, seed))

    def raw_inputs(self, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Any, ...]:
        """Arguments of the overload behind the op, where they are not those of the op."""
        return self.inputs(shape, dtype)

    def bad_inputs(self) -> Iterator[tuple[tuple[Any, ...], type[Exception], str]]:
        """Arguments, the error they raise, and a word of its message."""
        raise NotImplementedError

    @pytest.mark.native
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_matches_reference(self, capability: str, dtype: torch.dtype) -> None:
        budget = ErrorBudget()
        for shape in self.shapes:
            for seed in range(4):
                found = type(self).op(*self.inputs(shape, dtype, seed))
                budget.add(found, *self.expected(shape, dtype, seed))
        budget.check()

    @pytest.mark.native
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_edge_shapes(self, capability: str, poisoned_memory: None, dtype: torch.dtype) -> None:
        budget = ErrorBudget()
        for seed, shape in enumerate(self.edge_shapes):
            inputs = self.inputs(shape, dtype, seed)
            found = type(self).op(*inputs)
            budget.add(found, *self.expected(shape, dtype, seed))
            for rearrange in ARRANGEMENTS[1:]:
                again = type(self).op(*on_tensors(rearrange, inputs))
                assert_same_bytes(found, again)
        budget.check()

    def test_gradients(self) -> None:
        """Float64 takes the same path on every instruction set, so one of them is enough."""
        for shape in self.gradient_shapes:
            inputs = self.inputs(shape, torch.float64)
            _wanting_gradients(inputs)
            assert torch.autograd.gradcheck(type(self).op, inputs)
            assert torch.autograd.gradgradcheck(type(self).op, inputs)

    @pytest.mark.native
    @pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
    def test_same_bytes(self, capability: str, dtype: torch.dtype) -> None:
        """Equal for another run and for any number of threads."""
        inputs = self.inputs(self.large_shape, dtype)
        before = torch.get_num_threads()
        try:
            results = []
            for threads in (1, 1, 2, 3):
                torch.set_num_threads(threads)
                results.append(type(self).op(*inputs))
        finally:
            torch.set_num_threads(before)
        for result in results[1:]:
            assert_same_bytes(results[0], result)

    def test_opcheck(self) -> None:
        inputs = self.raw_inputs(self.gradient_shapes[-1], torch.float32)
        _wanting_gradients(inputs)
        torch.library.opcheck(type(self).raw, inputs)

    def test_compiles(self) -> None:
        """One graph without breaks, with gradients, equal to the eager result."""
        inputs = self.inputs(self.shapes[0], torch.float32)
        wanted = _wanting_gradients(inputs)

        def loss(*values: Any) -> Tensor:
            found = type(self).op(*values)
            found = (found,) if isinstance(found, Tensor) else found
            return torch.stack([(part * part).sum() for part in found]).sum()

        torch._dynamo.reset()
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        eager_loss, compiled_loss = loss(*inputs), compiled(*inputs)
        assert torch.equal(eager_loss, compiled_loss)
        eager = torch.autograd.grad(eager_loss, wanted)
        assert_same_bytes(eager, torch.autograd.grad(compiled_loss, wanted))

    def test_rejects_bad_input(self) -> None:
        for arguments, error, word in self.bad_inputs():
            with pytest.raises(error, match=word):
                type(self).op(*arguments)

    @pytest.mark.cuda
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_on_device(self, dtype: torch.dtype, poisoned_memory: None) -> None:
        if torch.cuda.device_count() == 0:
            pytest.skip("there is no CUDA device")
        assert ops.report()[type(self).raw._opname]["cuda"]["backend"] == "cuda"
        budget = ErrorBudget()
        for seed, shape in enumerate((*self.shapes, *self.edge_shapes, self.large_shape)):
            inputs = on_tensors(Tensor.cuda, self.inputs(shape, dtype, seed))
            found = type(self).op(*inputs)
            budget.add(found, *self.expected(shape, dtype, seed))
            assert_same_bytes(found, type(self).op(*inputs))
            assert_same_bytes(found, type(self).op(*on_tensors(surrounded_by_nan, inputs)))
        budget.check()


def assert_same_bytes(first: Any, second: Any) -> None:
    """Equal shapes, dtypes and values; also the signs of zeros."""
    if isinstance(first, Tensor):
        first, second = (first,), (second,)
    for a, b in zip(first, second, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        width = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
        assert torch.equal(a.contiguous().view(width), b.contiguous().view(width))
