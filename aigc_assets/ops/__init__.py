"""Tensor operations: a plain-torch reference each, overridden by fused native kernels where built.

`report` says which backend every op would run and why. The kernels are loaded with this package and
never compiled here: without them, or with AIGC_ASSETS_DISABLE_KERNELS=1, the references run.
`aigc_assets.ops.declare` describes how an op is added.
"""

from __future__ import annotations

from typing import Any

import torch

from aigc_assets.ops import declare
from aigc_assets.ops.alias_free import aa_snake1d
from aigc_assets.ops.attention import cross_attention_small, sliding_attention
from aigc_assets.ops.cached_attention import decode_attention, decode_attention_append
from aigc_assets.ops.decode_layers import (
    DecodeWeights,
    decode_block,
    linear_residual,
    quantize_rows,
    rms_norm_gated,
    rms_norm_linear,
)
from aigc_assets.ops.fir import fir_down2_bias_act, fir_up2_bias_act
from aigc_assets.ops.phase_convolution import (
    conv1d3_act,
    conv3x3_act,
    conv_transpose1d4s2_act,
    conv_transpose4x4s2_act,
    up2_conv3x3_act,
)
from aigc_assets.ops.phase_convolution_modules import PhaseConvolution, fold_batch_norm
from aigc_assets.ops.spatial_attention import neighborhood_attention, window_attention
from aigc_assets.ops.token_layers import gated_silu, qk_norm_rotary, rms_norm

NATIVE = declare.load_native()
"""Whether the extension is loaded, and why not."""


def preferred_dtype(device: str = "cpu") -> torch.dtype:
    """The dtype in which convolutions and attention run fastest on ``device``.

    bfloat16 where the kernels have matrix units for it (AMX on a CPU, tensor cores on a GPU),
    float32 elsewhere and where no kernels are loaded.
    """
    return declare.preferred_dtype(NATIVE, device)


def report() -> dict[str, dict[str, Any]]:
    """Which backend every op runs on each device.

    Returns:
        ``{op: {"cpu" | "cuda": {"backend": str, "why": str}}}``; the backend is ``reference``,
        ``cpu-portable``, ``cpu-avx2``, ``cpu-avx512``,
        ``cpu-amx`` or ``cuda``.
    """
    return declare.describe(NATIVE)


__all__ = [
    "NATIVE",
    "DecodeWeights",
    "PhaseConvolution",
    "aa_snake1d",
    "conv1d3_act",
    "conv3x3_act",
    "conv_transpose1d4s2_act",
    "conv_transpose4x4s2_act",
    "cross_attention_small",
    "decode_attention",
    "decode_attention_append",
    "decode_block",
    "fir_down2_bias_act",
    "fir_up2_bias_act",
    "fold_batch_norm",
    "gated_silu",
    "linear_residual",
    "neighborhood_attention",
    "preferred_dtype",
    "qk_norm_rotary",
    "quantize_rows",
    "report",
    "rms_norm",
    "rms_norm_gated",
    "rms_norm_linear",
    "sliding_attention",
    "up2_conv3x3_act",
    "window_attention",
]
