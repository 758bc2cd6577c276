"""What a figure of a class looks like from afar: its strokes and how much of which colour it has.

A figure is a union of tapered strokes, so whatever code is decoded, its limbs are as thick as limbs
are and its body is solid; between two codes a limb moves instead of fading. Codes and shares of
colours are drawn together, by a flow: colours that belong to one figure come together.

References:
    Kingma and Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.
    Lipman et al., "Flow Matching for Generative Modeling", arXiv:2210.02747.
    Li and He, "Back to Basics: Let Denoising Generative Models Denoise", arXiv:2511.13720 (what
    lies on few dimensions is easier to predict than the velocity towards it).
    Quilez, "2D distance functions", iquilezles.org (the distance to a capsule).
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 32
"""Of a picture in px."""
BLEND = 0.6
"""Radius in px within which strokes flow into one another."""
STEPS = 10
"""Euler steps of the flow."""
_REACH, _THICK = 8.0, 2.5
_TINT = 3.0
"""Scale of square roots of shares in the flow, where noise and codes have unit variance."""
_LEAST = 0.008
"""Drawn shares below this are none."""
_NEAREST = 0.05
"""Least time to go that a velocity is taken from."""


class FigurePlanner(nn.Module):
    """What codes of figures decode to, and the flow that draws codes and shares of colours.

    Args:
        slots: Values of a pixel; slot 0 is transparent.
        classes: Labels.
        code: Width of a code.
        width: Of the hidden layers that decode.
        strokes: Of a figure.
        flow_width: Of the hidden layers of the flow.
    """

    def __init__(
        self, slots: int, classes: int, code: int = 48, width: int = 256, strokes: int = 20,
        flow_width: int = 384,
    ):  # fmt: skip
        super().__init__()
        self.code = code
        self.flow = PlanFlow(code + slots - 1, classes, flow_width)
        self.label = nn.Embedding(classes, code)
        self.body = nn.Sequential(
            nn.Linear(2 * code, width), nn.LeakyReLU(0.2),
            nn.Linear(width, width), nn.LeakyReLU(0.2),
            nn.Linear(width, width), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.to_strokes = nn.Linear(width, strokes * 6)
        nn.init.normal_(self.to_strokes.weight, std=0.3 / math.sqrt(width))
        with torch.no_grad():
            start = torch.rand(strokes, 6) * 2 - 1
            start[:, 2:4] = start[:, :2] + torch.randn(strokes, 2) * 0.3
            start[:, 4:] = 0.6
            self.to_strokes.bias.copy_(start.flatten())

    def draw(self, label: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and shares of colours of new figures.

        Args:
            label: [B] int64.
            noise: Standard normal, [B, code + slots - 1]; scaled by less than 1 it stays nearer to
                what is usual.

        Returns:
            Codes [B, code]; share of each slot, [B, slots] float32, slot 0 has none, the sum is 1.
        """
        x = noise
        for step in range(STEPS):
            time = torch.full_like(noise[:, :1], step / STEPS)
            x = x + (self.flow(x, time, label) - x) / (STEPS - step)
        root = x[:, self.code :].float().clamp(min=0)
        shares = root.square() / root.square().sum(1, keepdim=True).clamp(min=1e-6)
        shares = torch.where(shares < _LEAST, 0, shares)
        shares = shares / shares.sum(1, keepdim=True).clamp(min=1e-6)
        return x[:, : self.code], F.pad(shares, (1, 0))

    def flow_loss(
        self, code: Tensor, tint: Tensor, label: Tensor, time: Tensor, noise: Tensor
    ) -> Tensor:
        """Mean squared error of the velocity of the flow.

        Args:
            code: Of real figures, [B, code].
            tint: Share of each slot, [B, slots].
            label: [B] int64.
            time: In (0, 1), [B, 1]; 0 is noise.
            noise: Standard normal, [B, code + slots - 1].
        """
        goal = torch.cat([code, tint[:, 1:].sqrt() * _TINT], 1)
        at = time * goal + (1 - time) * noise
        left = (1 - time).clamp(min=_NEAREST)
        return ((self.flow(at, time, label) - goal) / left).square().mean()

    def forward(self, code: Tensor, label: Tensor) -> Tensor:
        """Depth of every pixel below the surface of a figure in px, negative outside.

        Args:
            code: [B, code].
            label: [B] int64.

        Returns:
            [B, 32, 32] float32.
        """
        x = self.body(torch.cat([code, self.label(label)], 1))
        return depths(self.to_strokes(x).unflatten(1, (-1, 6)))


class PlanFlow(nn.Module):
    """What noisy vectors [B, size] of labels were before the noise; a residual MLP.

    Args:
        size: Of a vector.
        classes: Labels.
        width: Of the hidden layers.
        depth: Residual blocks.
    """

    def __init__(self, size: int, classes: int, width: int, depth: int = 3):
        super().__init__()
        self.enter = nn.Linear(size, width)
        self.time = nn.Linear(16, width)
        self.label = nn.Embedding(classes, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
            )
            for _ in range(depth)
        )
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, size))

    def forward(self, x: Tensor, time: Tensor, label: Tensor) -> Tensor:
        """Clean vectors [B, size] of noisy ones at times [B, 1] in [0, 1)."""
        angles = time * (math.pi * 2.0 ** torch.arange(-1, 7, device=x.device).to(x.dtype))
        waves = torch.cat([angles.cos(), angles.sin()], 1)
        given = F.silu(self.time(waves) + self.label(label))
        x = self.enter(x)
        for block in self.blocks:
            x = x + block(x + given)
        return self.leave(x)


class FigureEncoder(nn.Module):
    """Pictures and labels -> mean and log scale of their codes; for training alone.

    Args:
        channels: Of a picture.
        classes: Labels.
        code: Width of a code.
        widths: Channels at 16, 8 and 4 px.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        code: int = 48,
        widths: tuple[int, ...] = (32, 64, 128),
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((channels, *widths)):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2),
            ]
        self.body = nn.Sequential(*layers)
        self.label = nn.Embedding(classes, 32)
        self.mix = nn.Linear(16 * widths[-1] + 32, 256)
        self.out = nn.Linear(256, 2 * code)

    def forward(self, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale [B, code] of pictures [B, C, 32, 32] of labels [B]."""
        x = self.body(x.contiguous(memory_format=torch.channels_last)).flatten(1)
        x = F.leaky_relu(self.mix(torch.cat([x, self.label(label).to(x.dtype)], 1)), 0.2)
        mean, scale = self.out(x).float().chunk(2, 1)
        return mean, scale.clamp(-6, 2) - 1


def depths(strokes: Tensor) -> Tensor:
    """Depth of pixels below the surface of a union of tapered strokes, in px, negative outside.

    Args:
        strokes: Both ends (x, y) about the middle in units of 8 px, both radii in units of 2.5 px;
            a radius below zero is no stroke, [B, S, 6].

    Returns:
        [B, 32, 32] float32.
    """
    # A few figures at a time stay in the cache: a third of the time of all at once.
    return torch.cat([_depths(part) for part in strokes.float().split(4)])


def _depths(strokes: Tensor) -> Tensor:
    start, end = strokes[..., :2] * _REACH, strokes[..., 2:4] * _REACH
    radius, other = (strokes[..., 4:] * _THICK)[..., None].unbind(2)
    along = end - start
    middle = (SIDE - 1) / 2
    y, x = torch.meshgrid(*[torch.arange(SIDE, device=strokes.device) - middle] * 2, indexing="ij")
    dx = x.flatten() - start[..., :1]
    dy = y.flatten() - start[..., 1:]
    ax, ay = along[..., :1], along[..., 1:]
    length = ax * ax + ay * ay + 1e-3
    t = (dx * (ax / length) + dy * (ay / length)).clamp(0, 1)
    far = torch.sqrt((dx - t * ax).square() + (dy - t * ay).square() + 1e-2)
    depth = radius + t * (other - radius) - far
    return (BLEND * torch.logsumexp(depth / BLEND, 1)).unflatten(1, (SIDE, SIDE))
