"""What a figure of a class looks like from afar: its strokes and how much of which colour it has.

A figure is a union of tapered strokes, so whatever code is decoded, its limbs are as thick as limbs
are and its body is solid; between two codes a limb moves instead of fading. Codes follow a small
mixture of Gaussians for each class.

References:
    Kingma and Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.
    Tomczak and Welling, "VAE with a VampPrior", arXiv:1705.07120 (a mixture as the prior).
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
_REACH, _THICK = 8.0, 2.5
_LOG_TAU = math.log(2 * math.pi)


class FigurePlanner(nn.Module):
    """Codes of figures, their prior, and what they decode to.

    Args:
        slots: Values of a pixel; slot 0 is transparent.
        classes: Labels.
        code: Width of a code.
        modes: Gaussians in the prior of a class.
        width: Of the hidden layers.
        strokes: Of a figure.
    """

    def __init__(
        self, slots: int, classes: int, code: int = 48, modes: int = 4, width: int = 256,
        strokes: int = 20,
    ):  # fmt: skip
        super().__init__()
        self.means = nn.Parameter(torch.randn(classes, modes, code))
        self.scales = nn.Parameter(torch.full((classes, modes, code), -0.5))
        self.weights = nn.Parameter(torch.zeros(classes, modes))
        self.label = nn.Embedding(classes, code)
        self.body = nn.Sequential(
            nn.Linear(2 * code, width), nn.LeakyReLU(0.2),
            nn.Linear(width, width), nn.LeakyReLU(0.2),
            nn.Linear(width, width), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.to_strokes = nn.Linear(width, strokes * 6)
        self.to_tint = nn.Linear(width, slots - 1)
        nn.init.normal_(self.to_strokes.weight, std=0.3 / math.sqrt(width))
        with torch.no_grad():
            start = torch.rand(strokes, 6) * 2 - 1
            start[:, 2:4] = start[:, :2] + torch.randn(strokes, 2) * 0.3
            start[:, 4:] = 0.6
            self.to_strokes.bias.copy_(start.flatten())

    def draw(self, label: Tensor, chance: Tensor, noise: Tensor, spread: float = 1.0) -> Tensor:
        """Codes of the prior.

        Args:
            label: [B] int64.
            chance: Chooses the Gaussian, [B] in [0, 1).
            noise: Standard normal, [B, code].
            spread: Scale of the noise; less than 1 stays nearer to what is usual.

        Returns:
            [B, code].
        """
        edges = torch.softmax(self.weights[label].float(), 1).cumsum(1)[:, :-1]
        mode = (chance[:, None] >= edges).sum(1)
        return self.means[label, mode] + spread * self.scales[label, mode].exp() * noise

    def log_prior(self, code: Tensor, label: Tensor) -> Tensor:
        """Log density of codes [B, code] of labels [B]; [B]."""
        mean, scale = self.means[label], self.scales[label]
        square = ((code[:, None] - mean) * torch.exp(-scale)).square()
        each = -0.5 * (square + _LOG_TAU).sum(2) - scale.sum(2)
        return torch.logsumexp(each + torch.log_softmax(self.weights[label], 1), 1)

    def forward(self, code: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Decode codes [B, code] of labels [B].

        Returns:
            Depth of every pixel below the surface of the figure in px, negative outside,
            [B, 32, 32]; log shares of the slots but slot 0, [B, slots - 1].
        """
        x = self.body(torch.cat([code, self.label(label)], 1))
        strokes = self.to_strokes(x).unflatten(1, (-1, 6))
        return depths(strokes), torch.log_softmax(self.to_tint(x).float(), 1)


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
