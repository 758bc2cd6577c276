"""Conditional GAN for relief: an outline of an eighth of the resolution -> heights, on a torus.

The outline says how high the land of each 8x8 block is and how rough; the generator turns it into
ranges, valleys, coasts and shelves. Heights are in `squash` units throughout. Outlines of a kind
of landscape come from a Gaussian copula whose statistics are buffers of the model, so that they
travel with the weights.

References:
    Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
    Network", arXiv:1609.04802 (a critic sharpens what a coarse picture leaves open).
    Guérin et al., "Interactive Example-Based Terrain Authoring with Conditional Generative
    Adversarial Networks", ACM TOG 36(6), 2017.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.sagan import pixel_norm, torus_conv
from aigc_assets.ops import conv_transpose4x4s2_act

SCALE = 8
"""Cells of the relief per block of the outline and side."""
OUTLINE = 6
"""Side of the outlines that the copula knows."""
UNIT = 200.0
"""Metres around sea level below which `squash` is nearly linear."""
DRAWS, CHUNK = 96, 8
"""Outlines that are drawn at most for one that fits, and at once."""
ROUGHNESS = 1.6
"""Of `rough` reliefs: smooth noise of variance 1 loses about a third by interpolation."""
DETAIL_HEIGHTS = (-4000.0, -2000.0, -500.0, -100.0, 0.0, 100.0, 300.0, 700.0, 1500.0, 3000.0)
"""Metres at which the detail statistics are kept."""


def squash(metres: Tensor) -> Tensor:
    """Metres to the units of the network, about -1.5..1.5: coasts and peaks weigh alike."""
    return torch.asinh(metres / UNIT) / 3


def stretch(units: Tensor) -> Tensor:
    """The inverse of `squash`."""
    return torch.sinh(units.clamp(-1.7, 1.7) * 3) * UNIT


@dataclass(frozen=True)
class ReliefConfig:
    """Sizes of the generator and of its critic.

    Args:
        kinds: Kinds of landscape that the copula knows: island, coast, mountain, plains.
        noise: Noise channels of each block for the coarse layers; the two finer layers take one
            value for each of their cells more.
        widths: Channels at 1/8, 1/4, 1/2 and full resolution.
        critic_widths: Channels of the critic at 1/2, 1/4 and 1/8 resolution.
        factors: Factors of the copula.
        quantiles: Points of its marginal distributions.
    """

    kinds: int = 4
    noise: int = 16
    widths: tuple[int, int, int, int] = (128, 128, 96, 32)
    critic_widths: tuple[int, int, int] = (64, 128, 160)
    factors: int = 48
    quantiles: int = 33

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "critic_widths", tuple(self.critic_widths))

    @classmethod
    def tiny(cls) -> ReliefConfig:
        """A few thousand parameters, for tests."""
        return cls(noise=4, widths=(16, 16, 16, 8), critic_widths=(8, 8, 16), factors=3,
                   quantiles=5)  # fmt: skip

    @property
    def channels(self) -> int:
        """Noise channels of a block in all: coarse, then 4x4 and 8x8 cells."""
        return self.noise + 16 + 64


class ReliefGenerator(nn.Module):
    """Outline and noise -> heights of eight times the resolution.

    Both axes wrap around: leave a block of margin where a map has to end.
    """

    outline_mean: Tensor
    outline_factor: Tensor
    outline_rest: Tensor
    outline_marginal: Tensor
    detail: Tensor

    def __init__(self, config: ReliefConfig | None = None):
        super().__init__()
        config = config or ReliefConfig()
        self.config = config
        w0, w1, w2, w3 = config.widths
        self.stem = nn.Conv2d(2 + config.noise, w0, 3)
        self.mix0 = nn.Conv2d(w0, w0, 3)
        self.up1 = nn.ConvTranspose2d(w0, w1, 4, stride=2, padding=1)
        self.mix1 = nn.Conv2d(w1, w1, 3)
        self.up2 = nn.ConvTranspose2d(w1, w2, 4, stride=2, padding=1)
        self.grain2 = nn.Parameter(torch.full((w2,), 0.1))
        self.mix2 = nn.Conv2d(w2, w2, 3)
        self.up3 = nn.ConvTranspose2d(w2, w3, 4, stride=2, padding=1)
        self.grain3 = nn.Parameter(torch.full((w3,), 0.1))
        self.mix3 = nn.Conv2d(w3, w3, 3)
        self.head = nn.Conv2d(w3, 1, 3)
        values = 2 * OUTLINE * OUTLINE
        self.register_buffer("outline_mean", torch.zeros(config.kinds, values))
        self.register_buffer("outline_factor", torch.zeros(config.kinds, values, config.factors))
        self.register_buffer("outline_rest", torch.ones(config.kinds, values))
        ramp = torch.linspace(-1, 1, config.quantiles).expand(config.kinds, 2, -1)
        self.register_buffer("outline_marginal", ramp.clone())
        self.register_buffer("detail", torch.ones(len(DETAIL_HEIGHTS), 3))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ReliefGenerator:
        """Move or narrow the layers; statistics stay in full width, they cost no time."""
        tables = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, table in tables.items():
            moved = self._buffers[name]
            if table is not None and moved is not None:
                self._buffers[name] = table.to(moved.device)
        return self

    def forward(self, outline: Tensor, noise: Tensor) -> Tensor:
        """Generate.

        Args:
            outline: Mean height of each block and the standard deviation in it, both in `squash`
                units, [B, 2, h, w].
            noise: [B, config.channels, h, w], standard normal.

        Returns:
            Heights in `squash` units, [B, 1, 8h, 8w].
        """
        coarse = self.config.noise
        grain = noise[:, coarse:].to(self.grain2.dtype)
        grain2 = F.pixel_shuffle(grain[:, :16], 4)
        grain3 = F.pixel_shuffle(grain[:, 16:], 8)
        x = torch.cat([outline * 2, noise[:, :coarse]], 1).to(self.stem.weight.dtype)
        x = torus_conv(self.stem, x.contiguous(memory_format=torch.channels_last))
        x = _residual(self.mix0, x)
        x = _residual(self.mix1, _up(self.up1, x))
        x = _up(self.up2, x) + self.grain2[:, None, None] * grain2
        x = _residual(self.mix2, x)
        x = _up(self.up3, x) + self.grain3[:, None, None] * grain3
        x = _residual(self.mix3, x)
        x = torus_conv(self.head, F.leaky_relu(pixel_norm(x), 0.2))
        return x + smooth_up(outline[:, :1])

    def outlines(self, kind: int, common: Tensor, own: Tensor) -> Tensor:
        """Outlines of a kind of landscape.

        Args:
            kind: Index of the kind.
            common: Standard normal factors, [B, factors].
            own: Standard normal values, one for each number of an outline, [B, D].

        Returns:
            [B, 2, OUTLINE, OUTLINE], as ``forward`` takes them.
        """
        wide = torch.float32
        factor, mean, rest = (
            value[kind].to(wide)
            for value in (self.outline_factor, self.outline_mean, self.outline_rest)
        )
        scores = mean + common @ factor.T + own * rest
        marginal = self.outline_marginal[kind].to(wide)
        # Marginals are kept at evenly spaced scores within +-2.6: linear in between.
        last = marginal.shape[1] - 1
        place = ((scores / 5.2 + 0.5) * last).clamp(0, last - 1e-4).view(len(scores), 2, -1)
        low = place.long()
        below, above = (
            torch.gather(marginal.expand(len(scores), -1, -1), 2, low + step) for step in (0, 1)
        )
        values = below + (above - below) * (place - low)
        return values.view(len(scores), 2, OUTLINE, OUTLINE)

    def draw_outline(
        self, kind: int, fits: Callable[[NDArray[np.float64]], bool], source: torch.Generator
    ) -> Tensor:
        """One outline of a kind that is likely to become a landscape of that kind.

        The copula knows no thresholds: many of its outlines of islands have hardly any land. So
        outlines are drawn until two rough reliefs of one both fit, of `DRAWS` at most, else the
        last is taken.

        Args:
            kind: Index of the kind.
            fits: Whether a rough relief in metres, [H, W] without its margin, is of the kind.
            source: Of all drawing.

        Returns:
            [1, 2, OUTLINE, OUTLINE].
        """
        factor = self.outline_factor[kind]
        drawn = torch.zeros(0)
        for _ in range(DRAWS // CHUNK):
            common = torch.randn(CHUNK, factor.shape[1], generator=source)
            own = torch.randn(CHUNK, factor.shape[0], generator=source)
            drawn = self.outlines(kind, common.to(factor.device), own.to(factor.device))
            first, second = np.split(rough(drawn.repeat(2, 1, 1, 1), source), 2)
            for i in range(CHUNK):
                if fits(first[i]) and fits(second[i]):
                    return drawn[i : i + 1]
        return drawn[-1:]

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs of ``forward``, 4x4 blocks."""
        outline = torch.rand(batch, 2, 4, 4, generator=generator)
        return outline, torch.randn(batch, self.config.channels, 4, 4, generator=generator)


class ReliefCritic(nn.Module):
    """Heights and the outline they should follow -> how real they look."""

    def __init__(self, config: ReliefConfig | None = None):
        super().__init__()
        config = config or ReliefConfig()
        widths = (5, *config.critic_widths)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.out = nn.Conv2d(widths[-1], 1, 3)

    def forward(self, height: Tensor, outline: Tensor) -> Tensor:
        """Judge windows.

        Args:
            height: In `squash` units, [B, 1, H, W], H and W multiples of 8, at least 24.
            outline: At the same resolution, [B, 2, H, W].

        Returns:
            Scores [B] float32, higher for real.
        """
        # The coast is where the sign changes; the fine grain drowns in a range of three units.
        grain = (height - F.avg_pool2d(height, 3, 1, 1, count_include_pad=False)) * 8
        x = torch.cat([height, torch.tanh(height * 8), grain, outline], 1)
        x = self.body(x.contiguous(memory_format=torch.channels_last))
        score: Tensor = self.out(x).float().mean((1, 2, 3))
        return score


def smooth_up(coarse: Tensor, doublings: int = 3) -> Tensor:
    """A finer resolution on a torus, quadratic B-spline: no corners, no overshoot."""
    x = coarse
    for _ in range(doublings):
        padded = F.pad(x, (1, 1, 1, 1), mode="circular")
        x = F.interpolate(padded, scale_factor=2, mode="bilinear", align_corners=False)
        x = x[:, :, 2:-2, 2:-2]
    return x


def rough(outline: Tensor, source: torch.Generator) -> NDArray[np.float64]:
    """What the generator may make of outlines, at half the resolution and without its work.

    Args:
        outline: [B, 2, h, w].
        source: Of the noise.

    Returns:
        Metres, a block of margin cut off, [B, 4h - 8, 4w - 8].
    """
    batch, _, rows, columns = outline.shape
    noise = torch.randn(batch, 1, 2 * rows, 2 * columns, generator=source).to(outline.device)
    wide = smooth_up(outline, 2)
    units = wide[:, :1] + ROUGHNESS * wide[:, 1:] * smooth_up(noise, 1)
    edge = SCALE // 2
    metres: NDArray[np.float64] = (
        stretch(units[:, 0, edge:-edge, edge:-edge].double()).cpu().numpy()
    )
    return metres


def outline_of(height: Tensor) -> Tensor:
    """Block means and standard deviations, [B, 1, 8h, 8w] -> [B, 2, h, w]."""
    mean = F.avg_pool2d(height, SCALE)
    square = F.avg_pool2d(height.square(), SCALE)
    return torch.cat([mean, (square - mean.square()).clamp(min=1e-8).sqrt()], 1)


def _up(conv: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    x = F.leaky_relu(pixel_norm(x), 0.2)
    return conv_transpose4x4s2_act(x, conv.weight, conv.bias, activation="none",
                                   padding_mode="circular")  # fmt: skip


def _residual(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return torus_conv(conv, F.leaky_relu(pixel_norm(x), 0.2), residual=x)
