"""Weights on disk: one safetensors file and one JSON card beside it, checked against each other.

The card carries the sha256 of the weights, so that a truncated or altered file is found before a
single tensor is used. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from aigc_assets.errors import WeightsError
from aigc_assets.models import MODELS
from aigc_assets.models.cards import REMEDY, SHIPPED, read_card, weights_folder, write_whole

__all__ = ["SHIPPED", "Checkpoint", "build", "load", "read_card", "save", "weights_folder"]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A loaded model: ``network`` in eval mode, its ``card`` and the ``sha256`` of its weights."""

    name: str
    network: nn.Module
    card: dict[str, Any]
    sha256: str


def build(name: str, config: dict[str, Any] | str) -> nn.Module:
    """Build the network ``name`` of `MODELS` from config values or the name of a preset."""
    entry = MODELS[name]
    module = importlib.import_module(entry.module)
    config_class = getattr(module, entry.config)
    values = getattr(config_class, config)() if isinstance(config, str) else config
    if isinstance(values, dict):
        values = config_class(**values)
    return getattr(module, entry.network)(values)


def save(
    name: str, network: nn.Module, card: dict[str, Any], folder: Path, *, half: bool = True
) -> str:
    """Write ``<name>.safetensors`` and ``<name>.json``; return the sha256 of the weights.

    Args:
        name: A key of `MODELS`.
        network: Its state dict is stored, floating point as float16 when ``half``.
        card: Must hold ``config`` (values of the config dataclass); ``sha256`` is added.
        folder: Created when missing.
        half: Store floating-point tensors as float16.
    """
    tensors = {}
    for key, value in sorted(network.state_dict().items()):
        value = value.detach().cpu().contiguous()
        tensors[key] = value.half() if half and value.is_floating_point() else value
    data = save_tensors(tensors)
    sha256 = hashlib.sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.safetensors", data)
    text = json.dumps({**card, "name": name, "sha256": sha256}, indent=1, ensure_ascii=False)
    write_whole(folder / f"{name}.json", (text + "\n").encode())
    return sha256


def load(
    name: str,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    folder: Path | None = None,
) -> Checkpoint:
    """Load a model of `MODELS` in eval mode, from ``folder`` or else the `weights_folder`.

    Raises:
        WeightsError: If the weights are missing, truncated, altered, or do not fit the card.
    """
    card = read_card(name, folder)
    path = (folder or weights_folder()) / f"{name}.safetensors"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights: {error.strerror}", where=str(path), remedy=REMEDY
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != card["sha256"]:
        raise WeightsError(
            "the weights are truncated or were altered: "
            f"sha256 {sha256[:12]}... instead of {str(card['sha256'])[:12]}...",
            where=str(path),
            remedy=REMEDY,
        )
    try:
        network = build(name, card["config"])
        tensors = load_tensors(data)
        network.load_state_dict({k: v.to(torch.float32) if v.is_floating_point() else v
                                 for k, v in tensors.items()})  # fmt: skip
    except (SafetensorError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"weights and card do not fit: {str(error).splitlines()[0][:160]}",
            where=str(path),
            remedy=REMEDY,
        ) from error
    network = network.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return Checkpoint(name, network, card, sha256)
