"""Self-attention GAN for tile maps of any size: the generator works on a torus of latent cells.

Every latent cell becomes 8x8 tiles. All convolutions wrap around and the attention looks a fixed
number of tokens far with learned relative positions, so the output has no seam and the same
statistics everywhere. A map of any size is a part of a torus that is a little larger: the generator
is told which tiles belong to the map and closes its border by itself.

References:
    Zhang et al., "Self-Attention Generative Adversarial Networks", arXiv:1805.08318.
    Torrado et al., "Bootstrapping Conditional GANs for Video Game Level Generation",
    arXiv:1910.01603.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.ops import conv3x3_act, conv_transpose4x4s2_act, neighborhood_attention


@dataclass(frozen=True)
class SaganConfig:
    """Sizes of the generator and of its discriminator.

    Args:
        classes: Tile classes: wall, floor, outdoor, liquid, door.
        themes: Number of theme labels.
        noise: Noise channels of each latent cell.
        style: Noise values that all cells of one map share; noise + style = 64 = z.
        widths: Channels at 1/8, 1/4 and 1/2 resolution of the generator; the head writes the four
            tiles of each half-resolution cell at once, full-resolution layers cost too much.
        num_heads: Heads of the attention at 1/4 resolution.
        reach: How many tokens (of 4 tiles) the attention looks in each direction.
        critic_widths: Channels of the discriminator at 1/2, 1/4 and 1/8 resolution.
    """

    classes: int = 5
    themes: int = 3
    noise: int = 48
    style: int = 16
    widths: tuple[int, int, int] = (192, 128, 128)
    num_heads: int = 4
    reach: int = 4
    critic_widths: tuple[int, int, int] = (64, 128, 192)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "critic_widths", tuple(self.critic_widths))

    @classmethod
    def tiny(cls) -> SaganConfig:
        """A few thousand parameters, for tests."""
        return cls(noise=6, style=2, widths=(16, 16, 8), num_heads=2, reach=1,
                   critic_widths=(8, 8, 16))  # fmt: skip

    @property
    def scale(self) -> int:
        """Tiles per latent cell and side."""
        return 8

    @property
    def min_grid(self) -> int:
        """Smallest latent grid on which no attention offset meets the same token twice."""
        return (2 * self.reach + 2) // 2


class MapGenerator(nn.Module):
    """Noise on a torus of latent cells -> logits of tile classes."""

    def __init__(self, config: SaganConfig | None = None):
        super().__init__()
        config = config or SaganConfig()
        self.config = config
        w0, w1, w2 = config.widths
        self.theme = nn.Embedding(config.themes, config.style)
        context = 2 * config.style
        self.stem = nn.Conv2d(config.noise + context, w0, 3)
        self.up1 = TorusUp(w0, w1, context)
        self.attention = LocalAttention(w1, config.num_heads, config.reach)
        self.up2 = TorusUp(w1, w2, context)
        self.outline = nn.Conv2d(4, w2, 1)
        for parameter in self.outline.parameters():
            nn.init.zeros_(parameter)
        self.mix = nn.Conv2d(w2, w2, 3)
        self.head = nn.Conv2d(w2, 4 * config.classes, 3)
        nn.init.normal_(self.theme.weight)

    def forward(self, noise: Tensor, style: Tensor, theme: Tensor, inside: Tensor) -> Tensor:
        """Generate.

        Args:
            noise: [B, noise, h, w], standard normal, h and w >= ``config.min_grid``.
            style: [B, style], standard normal.
            theme: [B] int64 labels.
            inside: 1 for the tiles of the map, its border too, else 0, [B, 1, 8h, 8w].

        Returns:
            Logits [B, classes, 8h, 8w]; both axes wrap around. Those of tiles that are not inside
            mean nothing.
        """
        context = torch.cat([style, self.theme(theme)], 1)
        spread = context[:, :, None, None].expand(-1, -1, *noise.shape[2:])
        x = torch.cat([noise, spread], 1).contiguous(memory_format=torch.channels_last)
        x = torus_conv(self.stem, x)
        x = self.attention(self.up1(x, context))
        # Only here, near the end: runs whose outline came in at the stem collapsed (the cause was
        # not isolated).
        # Contiguous: some processors sum strided products in an order that depends on addresses.
        fine = F.pixel_unshuffle(1 - inside, 2).permute(0, 2, 3, 1).contiguous()
        weight = self.outline.weight.flatten(1)
        x = self.up2(x, context) + F.linear(fine, weight, self.outline.bias).permute(0, 3, 1, 2)
        x = torus_conv(self.mix, F.leaky_relu(pixel_norm(x), 0.2), residual=x)
        return F.pixel_shuffle(torus_conv(self.head, F.leaky_relu(pixel_norm(x), 0.2)), 2)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs of ``forward`` of the smallest grid."""
        grid = self.config.min_grid
        noise = torch.randn(batch, self.config.noise, grid, grid, generator=generator)
        style = torch.randn(batch, self.config.style, generator=generator)
        theme = torch.randint(self.config.themes, (batch,), generator=generator)
        side = grid * self.config.scale
        inside = torch.zeros(batch, 1, side, side)
        inside[:, :, 1:-2, 3:-1] = 1
        return noise, style, theme, inside


class MapDiscriminator(nn.Module):
    """Tile distributions and their reachability -> how real they look, by theme."""

    def __init__(self, config: SaganConfig | None = None):
        super().__init__()
        config = config or SaganConfig()
        self.config = config
        d1, d2, d3 = config.critic_widths
        self.body = nn.Sequential(
            nn.Conv2d(config.classes + 2, d1, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(d1, d2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(d2, d2, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(d2, d3, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.out = nn.Linear(d3 * 16, 1)
        self.project = nn.Embedding(config.themes, d3 * 16)
        nn.init.zeros_(self.project.weight)

    def forward(self, tiles: Tensor, theme: Tensor) -> Tensor:
        """Judge 32x32 windows.

        Args:
            tiles: Probabilities of the tile classes, their `soft_reach`, then 1 for the tiles that
                belong to the map, [B, classes + 2, 32, 32].
            theme: [B] int64 labels.

        Returns:
            Scores [B] float32, higher for real.
        """
        x = self.body(tiles).flatten(1).float()
        return self.out(x).float().squeeze(1) + (x * self.project(theme)).sum(1) / x.shape[1] ** 0.5


class MapEncoder(nn.Module):
    """Windows of real maps -> the noise and style that the generator would make them from.

    Only training needs it. It gives the generator a reconstruction to learn from while the critic
    is still useless, which a plain GAN of this size does not survive in minutes.

    References:
        Larsen et al., "Autoencoding beyond pixels using a learned similarity metric",
        arXiv:1512.09300.
    """

    def __init__(self, config: SaganConfig | None = None):
        super().__init__()
        config = config or SaganConfig()
        self.config = config
        e1, e2, e3 = config.critic_widths
        self.body = nn.Sequential(
            nn.Conv2d(config.classes + config.themes, e1, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(e1, e2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(e2, e3, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(e3, e3, 3, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.noise = nn.Conv2d(e3, 2 * config.noise, 1)
        self.style = nn.Linear(e3, 2 * config.style)

    def forward(self, tiles: Tensor, theme: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode.

        Args:
            tiles: One-hot windows [B, classes, 8h, 8w].
            theme: [B] int64 labels.

        Returns:
            Mean and log variance of the noise [B, noise, h, w], then of the style [B, style].
        """
        label = F.one_hot(theme, self.config.themes).to(tiles.dtype)
        label = label[:, :, None, None].expand(-1, -1, *tiles.shape[2:])
        x = self.body(torch.cat([tiles, label], 1)).float()
        mean, log_variance = self.noise(x).float().chunk(2, 1)
        style, style_log = self.style(x.mean((2, 3))).float().chunk(2, 1)
        return mean, log_variance.clamp(-8, 4), style, style_log.clamp(-8, 4)


class TorusUp(nn.Module):
    """Twice the resolution by a transposed 4x4 convolution on a torus, modulated by a context.

    A stride-2 transposed 4x4 convolution is a superset of nearest upsampling and a 3x3 convolution
    at 16 instead of 36 products for each 2x2 of output.
    """

    def __init__(self, width: int, out: int, context: int):
        super().__init__()
        self.gain = nn.Linear(context, width)
        self.conv = nn.ConvTranspose2d(width, out, 4, stride=2, padding=1)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.gain.bias)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """[B, width, H, W], [B, context] -> [B, out, 2H, 2W]."""
        # In half width, torch's products of one row take three times as long as wide ones.
        wide = torch.promote_types(context.dtype, torch.float32)
        values = (context, self.gain.weight, self.gain.bias)
        gain = F.linear(*(value.to(wide) for value in values)).to(x.dtype)
        x = pixel_norm(x) * (1 + gain)[:, :, None, None]
        x = F.leaky_relu(x, 0.2)
        return conv_transpose4x4s2_act(x, self.conv.weight, self.conv.bias, activation="none",
                                       padding_mode="circular")  # fmt: skip


class LocalAttention(nn.Module):
    """Residual attention over the tokens within ``reach`` steps on a torus."""

    def __init__(self, width: int, num_heads: int, reach: int):
        super().__init__()
        self.num_heads, self.reach = num_heads, reach
        self.qkv = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.out = nn.Conv2d(width, width, 1)
        self.bias = nn.Parameter(torch.zeros(num_heads, 2 * reach + 1, 2 * reach + 1))
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, H, W] -> the same; cost grows with the area, not with its square."""
        batch, channels, height, width = x.shape
        # Channels last: a 1x1 convolution is a product, and what belongs to a token lies together.
        tokens = pixel_norm(x).permute(0, 2, 3, 1)
        qkv = F.linear(tokens, self.qkv.weight.flatten(1))
        qkv = qkv.view(batch, height, width, 3, self.num_heads, channels // self.num_heads)
        found = neighborhood_attention(qkv, self.bias, reach=self.reach, circular=True)
        found = F.linear(found.flatten(3), self.out.weight.flatten(1), self.out.bias)
        return x + found.permute(0, 3, 1, 2)


def torus_conv(conv: nn.Conv2d, x: Tensor, residual: Tensor | None = None) -> Tensor:
    """A 3x3 convolution whose both axes wrap around, plus ``residual``."""
    return conv3x3_act(x, conv.weight, conv.bias, residual=residual, activation="none",
                       padding_mode="circular")  # fmt: skip


def pixel_norm(x: Tensor) -> Tensor:
    """Divide every position by the root mean square of its channels.

    References:
        Karras et al., arXiv:1710.10196, section 4.2.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=wide)
    mean = torch.rsub(length.square(), 1e-5, alpha=-1 / x.shape[1])  # product and sum in one
    return x * torch.rsqrt(mean).to(x.dtype)


def soft_reach(passable: Tensor, rounds: int = 3, start: Tensor | None = None) -> Tensor:
    """Differentiable flood fill, by default from the passable cell that is nearest to the middle.

    Args:
        passable: Probability that a cell can be walked on, [B, 1, H, W].
        rounds: Each round sweeps down, up, right and left, so a walk may turn 4 times a round.
        start: Where to start, 0 or 1, [B, 1, H, W].

    Returns:
        [B, 1, H, W] in [0, 1]: the product of the probabilities along the best walk. Solid cells
        leak one part in ten thousand.
    """
    if start is None:
        height, width = passable.shape[2:]
        # Off the middle by odd amounts, so that no two cells are equally near.
        y = torch.arange(height, device=passable.device) - (height / 2 - 0.37)
        x = torch.arange(width, device=passable.device) - (width / 2 - 0.21)
        distance = (y[:, None] ** 2 + x[None] ** 2).flatten()
        start = torch.softmax(passable.flatten(1) * 1e4 - distance * 10, 1).view_as(passable)
    reach = passable * start.detach()
    open_ = torch.log(passable.clamp(0, 1) + _LEAK)
    sums = {axis: open_.cumsum(axis) for axis in (2, 3)}
    back = {axis: open_.flip(axis).cumsum(axis) for axis in (2, 3)}
    found = torch.log(reach + 1e-30)
    for _ in range(rounds):
        for axis in (2, 3):
            found = sums[axis] + torch.cummax(found - sums[axis], axis).values
            turned = torch.cummax(found.flip(axis) - back[axis], axis).values
            found = (back[axis] + turned).flip(axis)
    return found.exp().clamp(max=1)


_LEAK = 1e-4
"""Chance to walk through a solid cell: the floods run in logarithms."""
