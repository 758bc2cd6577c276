from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from aigc_assets import ops
from aigc_assets.ops.activation import ACTIVATIONS
from aigc_assets.ops.phase_convolution_phases import (
    CONV1D3,
    CONV3X3,
    CONV_TRANSPOSE1D4S2,
    CONV_TRANSPOSE4X4S2,
    SOURCES,
    UP2_CONV3X3,
    Source,
    pack,
    phase_convolution,
    unpack,
)
from tests.ops.numerics import ErrorBudget, exact_and_plain
from tests.ops.tester import (
    ARRANGEMENTS,
    DTYPES,
    OpTester,
    assert_same_bytes,
    on_tensors,
)

Inputs = tuple[Any, ...]


def draw(
    source: Source, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0, **kinds: Any
) -> Inputs:
    """Arguments for [B, Ci, Co, ...]: tensors, then activation, slope and what the op takes."""
    batch, inputs, outputs, *size = shape
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    taps = (source.taps,) * source.spatial
    pair = (inputs, outputs) if source.transposed else (outputs, inputs)
    out = [n * source.rate for n in size]
    option = ("zeros", "circular")[seed % 2] if source.spatial == 2 else 1 + seed % 3
    weight = normal(*pair, *taps) * (inputs * 3**source.spatial) ** -0.5
    bias = normal(outputs) if seed % 2 else normal(batch, outputs)
    noise = normal(1 if seed % 3 else batch, 1, *out) if source.spatial == 2 else None
    return (
        normal(batch, inputs, *size), weight, bias, normal(batch, inputs) + 1,
        normal(batch, outputs) + 1, noise, normal(batch, outputs, *out),
        kinds.get("activation", ACTIVATIONS[seed % 5]), 0.2,
        kinds.get("option", option),
    )  # fmt: skip


def call(source: Source) -> Callable[..., Tensor]:
    """The public function with all arguments by position."""
    function = (
        ops.up2_conv3x3_act, ops.conv_transpose4x4s2_act, ops.conv3x3_act,
        ops.conv_transpose1d4s2_act, ops.conv1d3_act,
    )[source.number]  # fmt: skip

    def op(x, weight, bias, style, gain, noise, residual, activation, slope, option) -> Tensor:
        more = {"padding_mode": option, "noise": noise} if source.spatial == 2 else {}
        if source == CONV1D3:
            more = {"dilation": option}
        return function(
            x, weight, bias, style=style, gain=gain, residual=residual, activation=activation,
            slope=slope, **more,
        )  # fmt: skip

    return op


def by_torch(source: Source) -> Callable[..., Tensor]:
    """The definition, as the literature writes it."""

    def reference(x, weight, bias, style, gain, noise, residual, activation, slope, option):
        ones = (1,) * source.spatial
        if style is not None:
            x = x * style.reshape(*style.shape, *ones)
        circular = option == "circular"
        if source == UP2_CONV3X3:
            x = x[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2).flatten(4).flatten(2, 3)
        if circular:
            x = torch.cat((x[:, :, -1:], x, x[:, :, :1]), 2)
            x = torch.cat((x[..., -1:], x, x[..., :1]), 3)
        if source.transposed:
            transpose = (F.conv_transpose1d, F.conv_transpose2d)[source.spatial - 1]
            y = transpose(x, weight, stride=2, padding=1)
            y = y[:, :, 2:-2, 2:-2] if circular else y
        elif source == CONV1D3:
            y = F.conv1d(x, weight, padding=option, dilation=option)
        else:
            y = F.conv2d(x, weight, padding=0 if circular else 1)
        y = y if gain is None else y * gain.reshape(*gain.shape, *ones)
        y = y if bias is None else y + bias.reshape(*bias.shape, *ones)
        y = y if noise is None else y + noise
        act = {"none": lambda y: y, "leaky_relu": lambda y: F.leaky_relu(y, slope)}
        y = act.get(activation, getattr(F, activation, None))(y)
        return y if residual is None else y + residual

    return reference


class Convolution(OpTester):
    source: ClassVar[Source]
    raw = phase_convolution

    def inputs(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> Inputs:
        return draw(self.source, shape, dtype, seed)

    def raw_inputs(self, shape: tuple[int, ...], dtype: torch.dtype) -> Inputs:
        x, weight, *rest, activation, slope, option = self.inputs(shape, dtype, 1)
        dilation = option if self.source == CONV1D3 else 1
        return (
            x, pack(weight, self.source.number), *rest, self.source.kind, shape[2], dilation,
            option == "circular", ACTIVATIONS.index(activation), slope,
        )  # fmt: skip

    @pytest.mark.native
    @pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
    def test_same_bytes(self, capability: str, dtype: torch.dtype) -> None:
        if ops.report()["phase_convolution"]["cpu"]["backend"] == "reference":
            pytest.skip("the bytes of plain torch depend on the number of threads")
        super().test_same_bytes(capability, dtype)

    def bad_inputs(self) -> Iterator[tuple[Inputs, type[Exception], str]]:
        shape = (2, 3, 5, 4, 6)[: 3 + self.source.spatial]
        good = self.inputs(shape, torch.float32, 1)

        def swapped(**values: Any) -> Inputs:
            names = (
                "x", "weight", "bias", "style", "gain", "noise", "residual",
                "activation", "slope", "option",
            )  # fmt: skip
            return tuple(values.get(name, old) for name, old in zip(names, good, strict=True))

        x, weight, bias, style, gain, noise, residual, *_ = good
        yield swapped(x=x[0]), ValueError, "x: expected"
        yield swapped(x=x[..., :0]), ValueError, "at least one pixel"
        yield swapped(x=x[:, :2]), ValueError, "weight: expected"
        yield swapped(weight=weight[..., :2]), ValueError, "weight: expected"
        yield swapped(bias=bias[:2]), ValueError, "bias: expected"
        yield swapped(style=style[:, :2]), ValueError, "style: expected"
        yield swapped(gain=gain[:1]), ValueError, "gain: expected"
        yield swapped(residual=residual[..., 1:]), ValueError, "residual: expected"
        yield swapped(activation="gelu"), ValueError, "activation: expected"
        yield swapped(x=x.int(), weight=weight.int()), TypeError, "x: expected"
        yield swapped(weight=weight.double()), TypeError, "weight: expected"
        yield swapped(residual=residual.double()), TypeError, "residual: expected"
        yield swapped(style=style.half()), TypeError, "style: expected"
        yield swapped(gain=gain.to("meta")), TypeError, "gain: expected device"
        if noise is not None:
            yield swapped(noise=noise[..., 1:]), ValueError, "noise: expected"
            yield swapped(option="reflect"), ValueError, "padding_mode: expected"
        if self.source == CONV1D3:
            yield swapped(option=0), ValueError, "dilation: expected"


class Images(Convolution):
    shapes = ((2, 20, 24, 5, 9), (1, 40, 33, 3, 16))
    edge_shapes = (
        (0, 3, 5, 4, 4), (1, 1, 1, 1, 1), (1, 2, 3, 1, 2), (2, 3, 17, 2, 1), (1, 33, 16, 1, 17),
        (1, 31, 48, 3, 15), (2, 65, 65, 2, 33), (1, 5, 80, 17, 3), (7, 33, 17, 4, 3),
    )  # fmt: skip
    large_shape = (2, 40, 48, 24, 33)
    gradient_shapes = ((1, 1, 1, 1, 1), (2, 2, 3, 2, 3))


class Signals(Convolution):
    shapes = ((2, 20, 24, 33), (1, 40, 33, 100))
    edge_shapes = (
        (0, 3, 5, 4), (1, 1, 1, 1), (1, 2, 3, 2), (2, 3, 17, 3), (1, 33, 16, 17), (1, 31, 48, 15),
        (2, 65, 65, 33), (1, 5, 80, 300), (7, 33, 17, 5),
    )  # fmt: skip
    large_shape = (2, 40, 48, 700)
    gradient_shapes = ((1, 1, 1, 1), (2, 2, 3, 4))


class TestUp2Conv3x3(Images):
    source = UP2_CONV3X3
    op = staticmethod(call(source))
    reference = staticmethod(by_torch(source))


class TestConvTranspose4x4s2(Images):
    source = CONV_TRANSPOSE4X4S2
    op = staticmethod(call(source))
    reference = staticmethod(by_torch(source))


class TestConv3x3(Images):
    source = CONV3X3
    op = staticmethod(call(source))
    reference = staticmethod(by_torch(source))


class TestConvTranspose1d4s2(Signals):
    source = CONV_TRANSPOSE1D4S2
    op = staticmethod(call(source))
    reference = staticmethod(by_torch(source))


class TestConv1d3(Signals):
    source = CONV1D3
    op = staticmethod(call(source))
    reference = staticmethod(by_torch(source))


def channels_last(tensor: Tensor) -> Tensor:
    """As images that lie pixel by pixel, where it is one."""
    return tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


@pytest.mark.parametrize("source", SOURCES)
def test_packing_keeps_the_convolution(source: Source) -> None:
    """Packed and unpacked again, the weight makes the same convolution."""
    x, weight, *_ = draw(source, (2, 3, 5, 4, 6)[: 3 + source.spatial], torch.float64)
    nothing = (None,) * 5
    arguments = (source.kind, 5, 2 if source is CONV1D3 else 1, False, 0, 0.2)
    found = phase_convolution(x, pack(weight, source.number), *nothing, *arguments)
    option = "zeros" if source.spatial == 2 else 2
    expected = by_torch(source)(x, weight, *nothing, "none", 0.2, option)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    if source != UP2_CONV3X3:
        assert torch.equal(unpack(pack(weight, source.number), source.kind, 3, 5), weight)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_packed_layout(dtype: torch.dtype) -> None:
    weight = draw(CONV3X3, (1, 5, 7, 1, 1), dtype)[1]
    packed = pack(weight, CONV3X3.number)
    if dtype.itemsize == 2:
        assert packed.shape == (1, 9, 16, 16, 2)
        assert packed[0, 3, 2, 6, 0] == weight[6, 4, 1, 0]
        assert packed[0, 3, 0, 6, 1] == weight[6, 1, 1, 0]
        assert packed.count_nonzero() == weight.numel()
    elif dtype == torch.float32:
        assert packed.shape == (9 + 16, 5, 16)
        assert packed[3, 4, 6] == weight[6, 4, 1, 0]
        assert packed[9 + 4 * 3, 4, 6] == -weight[6, 4, 2, 0]
        torch.testing.assert_close(packed[9 + 5, 4, 6], weight[6, 4].sum() / 4)
        assert packed[:9].count_nonzero() == weight.numel()
        assert not packed[..., 7:].any()
    else:
        assert packed.shape == (1, 9, 5, 16)
        assert packed[0, 3, 4, 6] == weight[6, 4, 1, 0]
        assert packed.count_nonzero() == weight.numel()


def test_minimal_weights_lie_together() -> None:
    """Sixteen output channels of a matrix, then the next sixteen."""
    weight = draw(CONV1D3, (1, 3, 20, 1), torch.float32)[1]
    last = pack(weight, CONV1D3.number)[-1].view(2, 3, 16)
    assert last[1, 2, 3] == -weight[19, 2, 2]
    assert torch.equal(unpack(pack(weight, CONV1D3.number), CONV1D3.kind, 3, 20), weight)


@pytest.mark.native
@settings(max_examples=40, deadline=None)
@given(
    source=st.sampled_from(SOURCES),
    shape=st.tuples(*(st.integers(low, high) for low, high in
                      ((0, 3), (1, 70), (1, 70), (1, 9), (1, 40)))),
    dtype=st.sampled_from(DTYPES),
    present=st.tuples(*(st.booleans(),) * 5),
    float_parameters=st.booleans(),
    arrange=st.sampled_from((*ARRANGEMENTS, channels_last)),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_any_shape_and_layout(
    source, shape, dtype, present, float_parameters, arrange, seed
) -> None:
    budget = ErrorBudget()
    for number in range(seed, seed + 3):
        inputs = list(draw(source, shape[: 3 + source.spatial], dtype, number))
        for i, there in zip(range(2, 7), present, strict=True):
            if not there:
                inputs[i] = None
            elif float_parameters and i < 6 and dtype != torch.float64 and inputs[i] is not None:
                inputs[i] = inputs[i].float()
        narrow = on_tensors(lambda v: v.to(dtype), inputs)
        arranged = on_tensors(arrange, inputs)
        budget.add(call(source)(*arranged), *exact_and_plain(by_torch(source), narrow))
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_keeps_the_layout(capability: str, dtype: torch.dtype) -> None:
    for source in (UP2_CONV3X3, CONV3X3):
        inputs = draw(source, (2, 20, 24, 5, 7), dtype)
        found = call(source)(*inputs)
        assert found.is_contiguous()
        again = call(source)(channels_last(inputs[0]), *inputs[1:])
        assert again.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(again, found)


@pytest.mark.native
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
@pytest.mark.parametrize("source", SOURCES)
def test_small_images_share_a_unit(capability: str, source: Source, dtype: torch.dtype) -> None:
    """Images that are computed together have the bytes that each has alone."""
    if ops.report()["phase_convolution"]["cpu"]["backend"] == "reference":
        pytest.skip("the bytes of plain torch depend on the batch")
    for size, arrange in (((4, 4), channels_last), ((3, 5), torch.clone)):
        shape = (7, 170, 34, *size)[: 3 + source.spatial]
        inputs = draw(source, shape, dtype)
        together = call(source)(arrange(inputs[0]), *inputs[1:])
        for b in (0, 6):
            one = [
                value[b : b + 1] if isinstance(value, Tensor) and i != 1 else value
                for i, value in enumerate(inputs)
            ]
            alone = call(source)(arrange(one[0]), *one[1:])
            assert_same_bytes(together[b : b + 1].contiguous(), alone.contiguous())


@pytest.mark.native
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(capability: str, activation: str) -> None:
    budget = ErrorBudget()
    for seed in range(4):
        inputs = draw(CONV3X3, (1, 9, 20, 6, 7), torch.float32, seed, activation=activation)
        expected = exact_and_plain(by_torch(CONV3X3), inputs)
        budget.add(call(CONV3X3)(*inputs), *expected)
    budget.check()


def test_changed_weights_are_packed_again() -> None:
    x, weight, *_ = draw(UP2_CONV3X3, (1, 3, 5, 4, 4), torch.float32)
    before = ops.up2_conv3x3_act(x, weight, activation="none")
    weight.mul_(2)
    after = ops.up2_conv3x3_act(x, weight, activation="none")
    torch.testing.assert_close(after, 2 * before)


@pytest.mark.parametrize("transpose", (False, True))
def test_fold_batch_norm(transpose: bool) -> None:
    torch.manual_seed(0)
    convolution = nn.ConvTranspose2d(6, 6, 4, 2, 1) if transpose else nn.Conv2d(6, 6, 3, padding=1)
    norm = nn.BatchNorm2d(6).eval()
    for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        value.data.uniform_(0.5, 2)
    x = torch.randn(2, 6, 5, 4)
    module = ops.PhaseConvolution.of(convolution, norm, activation="relu")
    with torch.no_grad():
        expected = F.relu(norm(convolution(x)))
        torch.testing.assert_close(module(x), expected, rtol=1e-5, atol=1e-5)
        half = module.to(torch.bfloat16)(x.bfloat16())
        torch.testing.assert_close(half.float(), expected, rtol=5e-2, atol=5e-2)
    assert half.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="norm: expected"):
        ops.fold_batch_norm(convolution.weight, None, nn.BatchNorm2d(5))
    with pytest.raises(ValueError, match="norm: expected"):
        ops.fold_batch_norm(convolution.weight, None, nn.BatchNorm2d(6, track_running_stats=False))


def test_module() -> None:
    """Every kind equals its function, compiles, and packs loaded weights."""
    torch.manual_seed(0)
    x, t = torch.randn(2, 5, 4, 6), torch.randn(2, 5, 9)
    for convolution, value, upsample in (
        (nn.Conv2d(5, 7, 3, padding=1), x, True),
        (nn.Conv2d(5, 7, 3, padding=1, padding_mode="circular"), x, False),
        (nn.ConvTranspose2d(5, 7, 4, 2, 1), x, False),
        (nn.Conv1d(5, 7, 3, padding=2, dilation=2), t, False),
        (nn.ConvTranspose1d(5, 7, 4, 2, 1), t, False),
    ):
        module = ops.PhaseConvolution.of(convolution, upsample=upsample)
        with torch.no_grad():
            wide = F.interpolate(value, scale_factor=2) if upsample else value
            expected = F.leaky_relu(convolution(wide), 0.2)
            torch.testing.assert_close(module(value), expected, rtol=1e-5, atol=1e-5)
            compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
            assert_same_bytes(compiled(value), module(value))
            other = ops.PhaseConvolution.of(convolution, upsample=upsample)
            other.load_state_dict({k: 2 * v for k, v in module.state_dict().items()})
            torch.testing.assert_close(other(value), 2 * expected, rtol=1e-5, atol=1e-5)
    for other in (
        nn.Conv2d(5, 7, 3), nn.ConvTranspose2d(5, 7, 3, 2, 1), nn.Conv1d(5, 7, 5), nn.Linear(2, 2),
        nn.Conv1d(5, 7, 3, padding=1, padding_mode="circular"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"convolution: expected|padding_mode: expected"):
            ops.PhaseConvolution.of(other)


@pytest.mark.parametrize("train", (False, True))
def test_autocast(train: bool) -> None:
    x, weight, bias, *_ = draw(UP2_CONV3X3, (2, 20, 24, 5, 7), torch.float32, 1)
    weight.requires_grad_(train)
    with torch.autocast("cpu", torch.bfloat16):
        found = ops.up2_conv3x3_act(x, weight, bias)
        wide = F.interpolate(x, scale_factor=2)
        expected = F.leaky_relu(F.conv2d(wide, weight, bias, padding=1), 0.2)
    assert found.dtype == torch.bfloat16 and found.requires_grad == train
    torch.testing.assert_close(found.float(), expected.float(), rtol=3e-2, atol=8e-2)


@pytest.mark.slow
@pytest.mark.native
def test_more_than_31_bits() -> None:
    """A result of more than 2^31 elements: its last pixels are where they belong."""
    size = 23172
    x = torch.zeros(1, 1, size, size, dtype=torch.bfloat16)
    x[0, 0, -1] = torch.arange(size) % 128
    weight = torch.ones(1, 1, 3, 3, dtype=torch.bfloat16)
    found = ops.up2_conv3x3_act(x, weight, activation="none")
    assert found.numel() > 2**31
    expected = ops.up2_conv3x3_act(x[:, :, -3:, -8:].clone(), weight, activation="none")
    assert torch.equal(found[:, :, -4:, -8:], expected[:, :, -4:, -8:])
    assert not found[:, :, : -4 : size // 2].any()


@pytest.mark.parametrize("dilation", (9, 10, 2**31, 2**63 - 1))
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_dilation_beyond_the_signal(dtype: torch.dtype, dilation: int) -> None:
    """The outer taps see zeros only, however far away: nothing is made of that size."""
    x, weight = torch.randn(2, 3, 9).to(dtype), torch.randn(5, 3, 3).to(dtype)
    expected = ops.conv1d3_act(x, F.pad(weight[:, :, 1:2], (1, 1)))
    assert torch.equal(ops.conv1d3_act(x, weight, dilation=dilation), expected)
    weight.requires_grad_()
    torch.testing.assert_close(ops.conv1d3_act(x, weight, dilation=dilation).detach(), expected)


MINIMAL = (
    (2, 8, 5, 4, 4), (1, 9, 17, 3, 6), (3, 33, 40, 7, 5), (1, 70, 50, 1, 17), (2, 64, 33, 19, 1),
    (5, 48, 96, 8, 6), (1, 40, 24, 5, 530), (2, 170, 65, 9, 11), (1, 64, 32, 41, 33),
)  # fmt: skip


def minimal_shape(source: Source, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape for which the minimal form is faster, made for images."""
    batch, inputs, outputs, height, width = shape
    return shape if source.spatial == 2 else (batch, inputs + 24, outputs, height * width)


def direct(x: Tensor, weight: Tensor, source: Source, option: Any = "zeros") -> Tensor:
    """The convolution alone, by the direct form: without the weights of the other."""
    packed, outputs = pack(weight, source.number), weight.shape[1 if source.transposed else 0]
    if packed.dim() == 3:
        phases, taps = ((4, 4), (1, 9), (2, 2), (1, 3))[source.kind]
        packed = packed[: phases * taps].unflatten(0, (phases, taps))
    dilation = option if source == CONV1D3 else 1
    arguments = (source.kind, outputs, dilation, option == "circular", 0, 0.2)
    return phase_convolution(x, packed, *(None,) * 5, *arguments)


def alone(x: Tensor, weight: Tensor, source: Source, option: Any = "zeros") -> Tensor:
    """The convolution alone, by whatever form is chosen."""
    return call(source)(x, weight, *(None,) * 5, "none", 0.2, option)


@pytest.mark.native
@pytest.mark.parametrize("source", SOURCES)
def test_minimal_forms(capability: str, poisoned_memory: None, source: Source) -> None:
    """Odd sizes, cells that end beyond the image, several units, channels that fill no vector."""
    budget = ErrorBudget()
    for seed, shape in enumerate(MINIMAL):
        inputs = draw(source, minimal_shape(source, shape), torch.float32, seed)
        if source == CONV1D3:
            inputs = (*inputs[:-1], 1)
        found = call(source)(*inputs)
        budget.add(found, *exact_and_plain(by_torch(source), inputs))
        for rearrange in (*ARRANGEMENTS[1:], channels_last):
            assert_same_bytes(found, call(source)(*on_tensors(rearrange, inputs)))
    budget.check()


@pytest.mark.native
@pytest.mark.parametrize("source", SOURCES)
def test_deep_sums(capability: str, source: Source) -> None:
    """Many input channels: the error of long sums stays within the budget, in either form."""
    shape = (2, 160, 64, 12, 12) if source.spatial == 2 else (2, 160, 64, 256)
    both = ErrorBudget(), ErrorBudget()
    for seed in range(4):
        x, weight, *_ = draw(source, shape, torch.float32, seed)
        option = "zeros" if source.spatial == 2 else 1
        nothing = (None,) * 5
        expected = exact_and_plain(by_torch(source), (x, weight, *nothing, "none", 0.2, option))
        for budget, form in zip(both, (alone, direct), strict=True):
            budget.add(form(x, weight, source, option), *expected)
    for budget in both:
        budget.check()


@pytest.mark.native
@pytest.mark.parametrize("source", SOURCES)
def test_which_form(capability: str, source: Source) -> None:
    """The minimal one in float32, for enough channels and pixels, whatever the batch."""
    if ops.report()["phase_convolution"]["cpu"]["backend"] == "reference":
        pytest.skip("plain torch has one form")
    option: Any = "zeros" if source.spatial == 2 else 1

    def is_minimal(shape: tuple[int, ...], dtype: torch.dtype, option: Any = option) -> bool:
        x, weight, *_ = draw(source, shape, dtype)
        one, other = alone(x, weight, source, option), direct(x, weight, source, option)
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)
        return not torch.equal(one, other)

    least = 8 if source.spatial == 2 else 32
    size = (4, 4) if source.spatial == 2 else (16,)
    for batch in (1, 5):
        assert is_minimal((batch, least, 17, *size), torch.float32)
        assert not is_minimal((batch, least - 1, 17, *size), torch.float32)
        assert not is_minimal((batch, least, 17, *size[:-1], size[-1] - 1), torch.float32)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        assert not is_minimal((2, 40, 17, *size), dtype)
    if source == CONV1D3:
        assert not is_minimal((2, 40, 17, *size), torch.float32, 2)


@pytest.mark.native
@pytest.mark.parametrize("value", (float("inf"), float("nan")))
@pytest.mark.parametrize("source", SOURCES)
def test_one_pixel_that_is_not_finite(capability: str, source: Source, value: float) -> None:
    """It reaches those results that it reaches in plain torch, and no others."""
    shape = (1, 40, 3, 7, 9) if source.spatial == 2 else (1, 40, 3, 33)
    x, weight, *_ = draw(source, shape, torch.float32)
    option = "zeros" if source.spatial == 2 else 1
    for pixel in range(x[0, 0].numel()):
        x = torch.ones_like(x)
        x[0, 5].view(-1)[pixel] = value
        found = alone(x, weight, source, option).isfinite()
        plain = by_torch(source)(x, weight, *(None,) * 5, "none", 0.2, option).isfinite()
        assert torch.equal(found, plain)


@pytest.mark.native
def test_result_of_many_pages(capability: str) -> None:
    """Large enough that the allocator maps memory of its own for it."""
    x, weight, *_ = draw(UP2_CONV3X3, (1, 8, 9, 500, 501), torch.float32)
    found = alone(x, weight, UP2_CONV3X3)
    assert found.nbytes > 2**25
    part = alone(x[:, :, 100:120, 400:].clone(), weight, UP2_CONV3X3)
    torch.testing.assert_close(found[:, :, 210:230, 810:], part[:, :, 10:-10, 10:])
