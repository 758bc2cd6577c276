"""The networks that draw characters, as `benchmarks.models` runs them: what one character takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aigc_assets.models import MODELS


class Row(NamedTuple):
    """A shipped model, what is timed and for what, and a call of its network."""

    model: str
    part: str
    shape: str
    call: Callable[[Any, torch.Generator], Callable[[], Any]]


def rows() -> Iterator[Row]:
    """Every network that characters are drawn with, besides the sprite decoder of 64x48."""
    for name in MODELS:
        if name.endswith("16_mixer"):
            yield Row(name, "mixer", "24 frames of 16x16", _mixer)
    yield Row("poses16_decoder", "decoder", "8 frames of 16x16", _poses)
    yield Row("doll_cvae", "decoder", "1 picture of 32x32", _doll)
    yield Row("sprite_fsq_vae", "decoder", "8 pictures of 32x32", _pixels)
    yield Row("sprite_maskgit", "round", "8 pictures of 8x8 codes", _codes)
    yield Row("crowd_gan", "generator", "32 figures of 32x32", _crowd)
    yield Row("prompt_tagger", "reader", "1 prompt of 8 words", _prompt)
    yield Row("palette_mdn", "densities", "128 candidates", _palette)
    yield Row("sprite_upscaler", "upscaler", "8 pictures of 32x32", _upscaler)


def _mixer(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    sizes, poses = network.config.items, len(network.config.pose_directions)
    items = torch.stack([torch.randint(n, (24, 2), generator=source) for n in sizes], 1)
    weights = torch.full(items.shape, 0.5)
    pose = torch.arange(24) % poses
    return lambda: network(items, weights.to(_dtype(network)), pose)


def _poses(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    frame = torch.randint(9, (8, 16, 16), generator=source)
    colours = torch.rand(8, 9, 3, generator=source).to(_dtype(network))
    pose = torch.arange(8) % network.config.poses
    return lambda: network(frame, colours, pose)


def _doll(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    items = [int(torch.randint(n, (), generator=source)) for n in network.config.items]
    attributes, pose = torch.tensor([items]), torch.zeros(1, dtype=torch.int64)
    return lambda: network.decode(network.anchors[:1], attributes, pose)


def _pixels(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    shown = torch.randint(network.config.classes, (8, 32, 32), generator=source)
    with torch.inference_mode():
        codes = network.encode(shown).clone()
    return lambda: network.decode(codes)


def _codes(network: Any, source: torch.Generator) -> Callable[[], Any]:
    from aigc_assets.models.sprite_maskgit import COVERS, SIZES, Condition

    config = network.config
    grid = (8, config.side, config.side)
    codes = torch.stack([torch.randint(n, grid, generator=source) for n in config.codes], 1)
    condition = Condition(
        torch.zeros(8, dtype=torch.int64), torch.full((8,), len(config.subclasses)),
        torch.full((8, 3), len(config.words)), torch.full((8, 2), len(config.colours)),
        torch.full((8, 3), SIZES), torch.full(grid, COVERS),
    )  # fmt: skip
    return lambda: network(codes, condition)


def _crowd(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    dtype = _dtype(network)
    z = torch.randn(32, network.config.latent, generator=source).to(dtype)
    label = torch.arange(32) % network.config.classes
    noise = torch.randn(32, network.config.plan, generator=source).to(dtype)
    return lambda: network(z, label, *network.plan(label, noise))


def _prompt(network: Any, source: torch.Generator) -> Callable[[], Any]:
    config = network.config
    pieces = torch.randint(1, config.buckets + 1, (1, 8, config.pieces), generator=source)
    return lambda: network(pieces)


def _palette(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    dtype, parts = _dtype(network), network.config.parts
    colours = torch.rand(1, parts, 3, generator=source).to(dtype)
    known, part = torch.ones(1, parts).to(dtype), torch.zeros(1, dtype=torch.int64)
    wanted = torch.rand(1, 128, 3, generator=source).to(dtype)
    return lambda: network(colours, known, part, wanted)


def _upscaler(network: Any, source: torch.Generator) -> Callable[[], Tensor]:
    colours = torch.rand(8, 4, 32, 32, generator=source).to(_dtype(network))
    colours[:, 3] = (colours[:, 3] < 0.5).to(colours.dtype)
    return lambda: network(colours)


def _dtype(network: Any) -> torch.dtype:
    found: torch.dtype = next(p.dtype for p in network.parameters() if p.is_floating_point())
    return found
