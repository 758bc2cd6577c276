"""Resampling of images by 2 with a separable filter, finished by bias, noise and activation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_assets.ops.activation import activate, activation_index
from aigc_assets.ops.arguments import FLOATING, check_alike, check_floating, check_shape
from aigc_assets.ops.declare import (
    call_unrecorded,
    define,
    is_plain_torch,
    records_gradients,
    vjp,
)
from aigc_assets.ops.formats import compute_dtype, memory_format

MAX_TAPS = 8


def fir_up2_bias_act(
    x: Tensor,
    fir: Tensor,
    bias: Tensor | None = None,
    *,
    noise: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Tensor:
    """Double the resolution with a filter: ``clamp(act(filtered + bias + noise)·gain)``.

    The image is filled up with zeros to twice its size and convolved along both axes with ``2·fir``
    (so a filter whose taps sum to 1 keeps the brightness); beyond the border there are zeros.
    ``filtered[n] = 2·sum_k fir[k]·u[n + (taps - 2)//2 - k]`` with ``u[2i] = x[i]``.

    Args:
        x: Images, [B, C, H, W], float16, bfloat16, float32 or float64; dense in the order of NCHW
            or ``channels_last``, anything else is copied first.
        fir: The filter of one axis, [taps] with 1 to 8 taps, dtype of x or float32.
        bias: Per channel, [C], dtype of x or float32.
        noise: Added to all channels alike, [B or 1, 1, 2H, 2W], dtype of x; or float32, at the cost
            of copies of x and of the result in float32.
        activation: ``none``, ``relu``, ``leaky_relu``, ``silu`` or ``tanh``.
        slope: Of the leaky ReLU below zero.
        gain: Factor after the activation.
        clamp: Bound of the result's absolute value, >= 0; None for none.

    Returns:
        [B, C, 2H, 2W] in the dtype and memory format of x. Sums run in float32 for the half-width
        dtypes. Differentiable to any order; the bytes do not depend on the number of threads.

    Raises:
        ValueError: If a shape, the activation or clamp is not as above.
        TypeError: If a dtype is not as above, or the devices differ.

    References:
        ``upsample2d`` of StyleGAN2 (Karras et al., arXiv:1912.04958, appendix B) in the form that
        its upfirdn2d operation gives it, followed by its bias_act.
    """
    return _checked(x, fir, bias, noise, True, activation, slope, gain, clamp)


def fir_down2_bias_act(
    x: Tensor,
    fir: Tensor,
    bias: Tensor | None = None,
    *,
    noise: Tensor | None = None,
    activation: str = "leaky_relu",
    slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Tensor:
    """Halve the resolution with a filter: ``clamp(act(filtered + bias + noise)·gain)``.

    ``filtered[m] = sum_k fir[k]·x[2m + taps//2 - k]`` along both axes; beyond the border there are
    zeros. Of an odd size the last half step is dropped.

    Args:
        x: Images, [B, C, H, W] with H, W >= 2; otherwise as for `fir_up2_bias_act`.
        fir: As for `fir_up2_bias_act`.
        bias: As for `fir_up2_bias_act`.
        noise: Added to all channels alike, [B or 1, 1, H//2, W//2], dtype as there.
        activation: As for `fir_up2_bias_act`.
        slope: As for `fir_up2_bias_act`.
        gain: As for `fir_up2_bias_act`.
        clamp: As for `fir_up2_bias_act`.

    Returns:
        [B, C, H//2, W//2]; otherwise as for `fir_up2_bias_act`.

    Raises:
        ValueError: If a shape, the activation or clamp is not as above.
        TypeError: If a dtype is not as above, or the devices differ.

    References:
        ``downsample2d`` of StyleGAN2; see `fir_up2_bias_act`.
    """
    return _checked(x, fir, bias, noise, False, activation, slope, gain, clamp)


def _checked(
    x: Tensor,
    fir: Tensor,
    bias: Tensor | None,
    noise: Tensor | None,
    up: bool,
    activation: str,
    slope: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    # What is right is asked in one question, and only what is not is looked at closely: all of it
    # takes as long as a small image.
    shape, dtype, device = x.shape, x.dtype, x.device
    if len(shape) != 4 or dtype not in FLOATING:
        check_shape("x", x, ("B", "C", "H", "W"))
        check_floating("x", x)
    batch, channels, height, width = shape
    if height < (least := 1 if up else 2) or width < least:
        wanted = "one pixel" if up else "two pixels in each direction"
        raise ValueError(f"x: expected at least {wanted}, got shape {tuple(shape)}")
    taps, alike = fir.shape, (dtype, torch.float32)
    if len(taps) != 1 or fir.dtype not in alike or fir.device != device:
        check_shape("fir", fir, ("taps",))
        check_alike("fir", fir, x, torch.float32)
    if not 1 <= taps[0] <= MAX_TAPS:
        raise ValueError(f"fir: expected 1 to {MAX_TAPS} taps, got {taps[0]}")
    if bias is not None and (
        bias.shape != (channels,) or bias.dtype not in alike or bias.device != device
    ):
        check_shape("bias", bias, (channels,))
        check_alike("bias", bias, x, torch.float32)
    if noise is not None:
        size = (1, 2 * height, 2 * width) if up else (1, height // 2, width // 2)
        given = noise.shape
        if len(given) != 4 or given[1:] != size:
            check_shape("noise", noise, ("B or 1", *size))
        if given[0] not in (1, batch):
            raise ValueError(f"noise: expected a batch of {batch} or 1, got shape {tuple(given)}")
        if noise.dtype not in alike or noise.device != device:
            check_alike("noise", noise, x, torch.float32)
    if clamp is not None and not clamp >= 0:
        raise ValueError(f"clamp: expected a bound >= 0 or None, got {clamp}")
    index = activation_index(activation)
    if noise is not None and noise.dtype != dtype:
        # Kernels know noise of the dtype of x alone; it is added before anything is rounded.
        wide = [t if t is None else t.to(compute_dtype(x)) for t in (x, fir, bias, noise)]
        return _run(*wide, up, index, slope, gain, clamp).to(x.dtype)
    return _run(x, fir, bias, noise, up, index, slope, gain, clamp)


def _run(*arguments: Any) -> Tensor:
    if is_plain_torch():
        return fir_resample_reference(*arguments)
    if records_gradients(*arguments[:4]):
        return _fir_resample(*arguments)
    return call_unrecorded(_fir_resample, *arguments)


def fir_resample_reference(
    x: Tensor,
    fir: Tensor,
    bias: Tensor | None,
    noise: Tensor | None,
    up: bool,
    activation: int,
    slope: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    """`fir_up2_bias_act` and `fir_down2_bias_act` in plain torch; see there.

    Written as sums of shifted copies, and for twice the resolution one sum for the even and one for
    the odd pixels, which `torch.compile` fuses.
    """
    compute = compute_dtype(x)
    taps, z = fir.to(compute), x.to(compute)
    for dim in (3, 2):
        z = _doubled(z, 2 * taps, dim) if up else _halved(z, taps, dim)
    if bias is not None:
        z = z + bias.to(compute)[:, None, None]
    if noise is not None:
        z = z + noise.to(compute)
    z = _finish(z, activation, slope, gain, clamp)
    return z.to(x.dtype).contiguous(memory_format=memory_format(x))


def _backward(
    grad: Tensor,
    x: Tensor,
    fir: Tensor,
    bias: Tensor | None,
    noise: Tensor | None,
    up: bool,
    activation: int,
    slope: float,
    gain: float,
    clamp: float | None,
) -> tuple[Tensor | None, ...]:
    """Gradients through the op itself: the transpose of doubling is halving, and the reverse.

    For a filter of even length the other direction has the right offset already; one of odd length
    gets a zero behind. What precedes the activation is computed again rather than kept.
    """
    if fir.requires_grad:
        inputs = [x, fir, bias, noise, up, activation, slope, gain, clamp]
        return vjp(fir_resample_reference, inputs, [grad])
    compute = compute_dtype(x)
    wide = [value if value is None else value.to(compute) for value in (x, fir, bias, noise)]
    inner = grad.to(compute)
    if activation != 0 or clamp is not None:
        z = _fir_resample(*wide, up, 0, 0.0, 1.0, None)
        inner = torch.func.vjp(lambda z: _finish(z, activation, slope, gain, clamp), z)[1](inner)[0]
    elif gain != 1.0:
        inner = inner * gain
    flipped = fir.to(compute).flip(0)
    if flipped.shape[0] % 2 == 1:
        flipped = F.pad(flipped, (0, 1))
    spread, scale = inner, 4.0
    if not up:
        # Of an odd size, the last pixel takes part too: one more pixel of zeros reaches it.
        spread, scale = F.pad(inner, (0, x.shape[3] % 2, 0, x.shape[2] % 2)), 0.25
    dx = _fir_resample(spread, flipped, None, None, not up, 0, 0.0, scale, None)
    dx = dx[:, :, : x.shape[2], : x.shape[3]].to(x.dtype)
    dbias = None if bias is None else inner.sum((0, 2, 3)).to(bias.dtype)
    dnoise = None
    if noise is not None:
        dnoise = inner.sum(1, keepdim=True)
        if noise.shape[0] == 1:
            dnoise = dnoise.sum(0, keepdim=True)
        dnoise = dnoise.to(noise.dtype)
    return dx, None, dbias, dnoise, *[None] * 5


def _finish(z: Tensor, activation: int, slope: float, gain: float, clamp: float | None) -> Tensor:
    z = activate(z, activation, slope) * gain
    return z if clamp is None else z.clamp(-clamp, clamp)


def _doubled(x: Tensor, taps: Tensor, dim: int) -> Tensor:
    """``y[n] = sum_k taps[k]·u[n + (len(taps) - 2)//2 - k]``, ``u[2i] = x[i]``, along ``dim``."""
    count, size = taps.shape[0], x.shape[dim]
    ahead = (count - 2) // 2
    wide = _surround(x, MAX_TAPS // 2, dim)
    phases = []
    for phase in (0, 1):
        total = torch.zeros_like(x)
        for k in range((phase + ahead) % 2, count, 2):
            start = MAX_TAPS // 2 + (phase + ahead - k) // 2
            total = total + taps[k] * wide.narrow(dim, start, size)
        phases.append(total)
    return torch.stack(phases, dim + 1).flatten(dim, dim + 1)


def _halved(x: Tensor, taps: Tensor, dim: int) -> Tensor:
    """``y[m] = sum_k taps[k]·x[2m + len(taps)//2 - k]`` along ``dim``."""
    count, size = taps.shape[0], x.shape[dim] // 2
    wide = _surround(x, MAX_TAPS, dim)
    index = [slice(None)] * 4
    total: Any = 0.0
    for k in range(count):
        start = MAX_TAPS + count // 2 - k
        index[dim] = slice(start, start + 2 * size - 1, 2)
        total = total + taps[k] * wide[tuple(index)]
    return total


def _surround(x: Tensor, count: int, dim: int) -> Tensor:
    """``count`` zeros before and after along one of the last two dimensions."""
    return F.pad(x, (count, count) if dim == 3 else (0, 0, count, count))


def _fake(
    x: Tensor,
    fir: Tensor,
    bias: Tensor | None,
    noise: Tensor | None,
    up: bool,
    activation: int,
    slope: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    batch, channels, height, width = x.shape
    size = (2 * height, 2 * width) if up else (height // 2, width // 2)
    return torch.empty(
        (batch, channels, *size), dtype=x.dtype, device=x.device, memory_format=memory_format(x)
    )


_fir_resample = define(
    "fir_resample(Tensor x, Tensor fir, Tensor? bias, Tensor? noise, bool up, int activation,"
    " float slope, float gain, float? clamp) -> Tensor",
    fir_resample_reference,
    _fake,
    _backward,
)
