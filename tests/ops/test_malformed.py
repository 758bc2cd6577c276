"""Raw ops with arguments that no public function lets through: an error, never a stray access."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aigc_assets.ops import NATIVE, declare
from tests.ops.malformed import CALLS

RAW = torch.ops.aigc_assets


def test_every_op_is_called() -> None:
    """Asked of a fresh process: other tests declare ops of their own in this one."""
    code = "from aigc_assets.ops import declare; print(*declare._DEFINED)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert set(CALLS) == set(done.stdout.split())


@pytest.mark.native
def test_malformed_calls_end_in_errors() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.ops.malformed", *CALLS],
        cwd=root,
        env={**os.environ, "MALLOC_PERTURB_": "165"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    # Not all arguments are wrong: some calls run, and others do not.
    assert done.stderr.count("refused") > 1000
    assert done.stderr.startswith(NATIVE.state)


def _zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype)


@pytest.mark.native
def test_int8_is_for_weights_alone(capability: str) -> None:
    x, qkv, q = (
        _zeros(*shape, dtype=torch.int8) for shape in ((1, 2, 8), (1, 2, 2, 3, 1, 4), (1, 1, 4, 8))
    )
    two = _zeros(2)
    for op, arguments in (
        (RAW.aa_snake1d, (x, two, two)),
        (RAW.aa_snake1d, (x.float(), two.to(torch.int8), two.to(torch.int8))),
        (RAW.aa_snake1d_backward, (x, x, two, two)),
        (RAW.fir_resample, (q, two, None, None, True, 0, 0.2, 1.0, None)),
        (RAW.window_attention, (qkv, None, 2, 0)),
        (RAW.neighborhood_attention, (qkv, None, 0, False)),
        (RAW.sliding_attention, (q, q, q, 2, True)),
        (RAW.cross_attention_small, (q, q, q)),
    ):
        with pytest.raises(RuntimeError, match="floating"):
            op(*arguments)


@pytest.mark.native
@pytest.mark.parametrize("activation", (-1, 5, 2**32))
def test_unknown_activations(capability: str, activation: int) -> None:
    x = _zeros(1, 1, 2, 2)
    with pytest.raises(RuntimeError, match="activation"):
        RAW.fir_resample(x, _zeros(2), None, None, True, activation, 0.2, 1.0, None)
    packed = RAW.phase_convolution_pack(_zeros(1, 1, 3, 3), 2)
    with pytest.raises(RuntimeError, match="activation"):
        RAW.phase_convolution(
            x, packed, None, None, None, None, None, 1, 1, 1, False, activation, 0.2
        )


@pytest.mark.native
def test_limits_beyond_the_last_capability(capability: str) -> None:
    before = declare.cpu_capability()
    for limit in (4, 2**31, 2**63 - 1):
        with pytest.raises(RuntimeError, match="at most 3"):
            RAW.cpu_capability(limit)
    assert declare.cpu_capability() == before
