"""Alias-free activations for waveform networks: upsample, non-linearity, downsample in one op."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_assets.ops.arguments import FLOATING
from aigc_assets.ops.declare import call_unrecorded, define, is_plain_torch, records_gradients
from aigc_assets.ops.formats import compute_dtype

TAPS = 12
"""Length of the half-band filter, both ways."""


def aa_snake1d(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Snake activation ``u + sin²(alpha·u) / (beta + 1e-9)`` applied at twice the sample rate.

    The signal is interpolated by 2, bent, and decimated by 2, each with the same 12-tap low-pass
    filter, so that the harmonics that the bending makes above the Nyquist frequency do not fold
    back into the audible band. Before each filter the ends are extended by their last sample.

    Args:
        x: Activations, [B, C, T] with T >= 1, float16, bfloat16, float32 or float64.
        alpha: Angular frequency of each channel in rad per unit of x, [C], dtype of x or float32.
        beta: Inverse magnitude of each channel, [C], >= 0, dtype of alpha.

    Returns:
        Same shape and dtype as x, contiguous. Sums run in float32 for the half-width dtypes.
        Differentiable to any order in all three arguments; the bytes do not depend on the number
        of threads.

    Raises:
        ValueError: If x is not [B, C, T] with T >= 1, or alpha or beta is not [C].
        TypeError: If a dtype is not one of those above, or the devices differ.

    References:
        Lee et al., "BigVGAN", arXiv:2206.04658, section 3.2 (filter: Kaiser window, cutoff 0.25 and
        half-width 0.15 cycles per sample of the doubled rate); Ziyin et al., arXiv:2006.08195.
        BigVGAN keeps alpha and beta as logarithms; here they are the values themselves.
    """
    shape, dtype, device = x.shape, x.dtype, x.device
    if len(shape) != 3:
        raise ValueError(f"x: expected [B, C, T], got shape {tuple(shape)}")
    if shape[2] < 1:
        raise ValueError(f"x: expected at least one sample, got shape {tuple(shape)}")
    if dtype not in FLOATING:
        raise TypeError(f"x: expected a floating dtype of 16, 32 or 64 bits, got {dtype}")
    for name, value in (("alpha", alpha), ("beta", beta)):
        if value.shape != shape[1:2]:
            raise ValueError(f"{name}: expected [{shape[1]}], got shape {tuple(value.shape)}")
        if value.dtype != dtype and value.dtype != torch.float32:
            raise TypeError(f"{name}: expected {dtype} or torch.float32, got {value.dtype}")
        if value.device != device:
            raise TypeError(f"{name}: expected device {device}, got {value.device}")
    if alpha.dtype != beta.dtype:
        raise TypeError(f"beta: expected the dtype of alpha, {alpha.dtype}, got {beta.dtype}")
    if is_plain_torch():
        return aa_snake1d_reference(x, alpha, beta)
    if records_gradients(x, alpha, beta):
        return _aa_snake1d(x, alpha, beta)
    return call_unrecorded(_aa_snake1d, x, alpha, beta)


@functools.cache
def half_band_filter() -> tuple[float, ...]:
    """The 12 taps: a sinc of cutoff 0.25 under a Kaiser window of half-width 0.3, summing to 1.

    References:
        Kaiser & Schafer, "On the use of the I0-sinh window for spectrum analysis", 1980: the
        attenuation A of a window of this length, and its shape parameter from A (here A > 50).
    """
    cutoff, transition = 0.25, 4 * 0.3
    attenuation = 2.285 * (TAPS // 2 - 1) * math.pi * transition + 7.95
    shape = 0.1102 * (attenuation - 8.7)
    window = torch.kaiser_window(TAPS, periodic=False, beta=shape, dtype=torch.float64)
    time = torch.arange(-(TAPS // 2), TAPS // 2, dtype=torch.float64) + 0.5
    taps = 2 * cutoff * window * torch.sinc(2 * cutoff * time)
    return tuple((taps / taps.sum()).tolist())


def aa_snake1d_reference(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """`aa_snake1d` in plain torch; see there.

    Both filters are written as sums of shifted copies, one sum for the even and one for the odd
    samples of the doubled rate, which `torch.compile` fuses and which is several times faster on a
    CPU than grouped convolutions of 12 taps.
    """
    a, b = _parameters(alpha, beta, compute_dtype(x))
    even, odd = _interpolate(_extend(x.to(a.dtype), 3))
    even, odd = (u + torch.sin(a * u).square() / b for u in (2 * even, 2 * odd))
    first, last = even[..., :1], odd[..., -1:]
    even = torch.cat([first] * 3 + [even] + [last] * 3, dim=-1)
    odd = torch.cat([first] * 3 + [odd] + [last] * 3, dim=-1)
    return _decimate(even, odd).to(x.dtype).contiguous()


def aa_snake1d_backward_reference(
    grad: Tensor, x: Tensor, alpha: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `aa_snake1d` with respect to x, alpha and beta.

    The filter is symmetric, so interpolation and decimation are each other's transpose up to the
    factor 2; the transpose of repeating an end is adding what fell outside to that end.

    Args:
        grad: Gradient of the result, [B, C, T], dtype of x.
        x: As for `aa_snake1d`.
        alpha: As for `aa_snake1d`.
        beta: As for `aa_snake1d`.
    """
    a, b = _parameters(alpha, beta, compute_dtype(x))
    even_grad, odd_grad = _interpolate(_surround(grad.to(a.dtype), 6))
    first = (even_grad[..., :3] + odd_grad[..., :3]).sum(-1, keepdim=True)
    last = (even_grad[..., -3:] + odd_grad[..., -3:]).sum(-1, keepdim=True)
    even_grad, odd_grad = even_grad[..., 3:-3], odd_grad[..., 3:-3]
    even_grad = torch.cat([even_grad[..., :1] + first, even_grad[..., 1:]], dim=-1)
    odd_grad = torch.cat([odd_grad[..., :-1], odd_grad[..., -1:] + last], dim=-1)

    dalpha, dbeta = torch.zeros_like(a[:, 0]), torch.zeros_like(b[:, 0])
    inner = []
    even, odd = _interpolate(_extend(x.to(a.dtype), 3))
    for u, outer in ((2 * even, even_grad), (2 * odd, odd_grad)):
        wave = torch.sin(2 * a * u) / b
        inner.append(_surround(2 * outer * (1 + a * wave), 6))
        dalpha = dalpha + (outer * u * wave).sum((0, 2))
        dbeta = dbeta - (outer * (torch.sin(a * u) / b).square()).sum((0, 2))
    dx = _decimate(*inner)
    first, last = dx[..., :3].sum(-1, keepdim=True), dx[..., -3:].sum(-1, keepdim=True)
    dx = dx[..., 3:-3]
    dx = torch.cat([dx[..., :1] + first, dx[..., 1:]], dim=-1)
    dx = torch.cat([dx[..., :-1], dx[..., -1:] + last], dim=-1)
    return dx.to(x.dtype).contiguous(), dalpha.to(alpha.dtype), dbeta.to(beta.dtype)


def _parameters(alpha: Tensor, beta: Tensor, compute: torch.dtype) -> tuple[Tensor, Tensor]:
    """Alpha and ``beta + 1e-9``, [C, 1] each, in the dtype of the sums."""
    return alpha.to(compute)[:, None], beta.to(compute)[:, None] + 1e-9


def _interpolate(x: Tensor) -> tuple[Tensor, Tensor]:
    """Even and odd samples at twice the rate, half as loud, [..., T] each, of [..., 3 + T + 3]."""
    taps = half_band_filter()
    return _weighted(x[..., :-1], taps[11::-2]), _weighted(x[..., 1:], taps[10::-2])


def _decimate(even: Tensor, odd: Tensor) -> Tensor:
    """Back to the single rate; each input is [..., 3 + T + 3], the result [..., T]."""
    taps = half_band_filter()
    return _weighted(even[..., 1:], taps[1::2]) + _weighted(odd[..., :-1], taps[0::2])


def _extend(x: Tensor, count: int) -> Tensor:
    """Repeat the first and the last sample ``count`` times each.

    Concatenation, because torch pads by replication neither an empty batch nor all dtypes.
    """
    return torch.cat([x[..., :1]] * count + [x] + [x[..., -1:]] * count, dim=-1)


def _surround(x: Tensor, count: int) -> Tensor:
    """``count`` zeros before and after."""
    return torch.nn.functional.pad(x, (count, count))


def _weighted(x: Tensor, taps: Sequence[float]) -> Tensor:
    """``y[t] = sum_k taps[k]·x[t + k]`` wherever all of it exists."""
    length = x.shape[-1] - len(taps) + 1
    total = taps[0] * x[..., :length]
    for k in range(1, len(taps)):
        total = total + taps[k] * x[..., k : k + length]
    return total


def _backward_fake(
    grad: Tensor, x: Tensor, alpha: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), alpha.new_empty(alpha.shape), beta.new_empty(beta.shape)


_aa_snake1d_backward = define(
    "aa_snake1d_backward(Tensor grad, Tensor x, Tensor alpha, Tensor beta)"
    " -> (Tensor, Tensor, Tensor)",
    aa_snake1d_backward_reference,
    _backward_fake,
)
_aa_snake1d = define(
    "aa_snake1d(Tensor x, Tensor alpha, Tensor beta) -> Tensor",
    aa_snake1d_reference,
    lambda x, alpha, beta: x.new_empty(x.shape),
    _aa_snake1d_backward,
)
