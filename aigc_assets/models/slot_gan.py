"""GAN over palette slots, on the skeleton of DCGAN: class, outline and noise in, slots out.

The generator chooses one of K global colours (or transparent) for every pixel, so its pictures have
no half-transparent pixel and no colour between colours. The discriminator sees what was chosen; the
gradient goes around the choice through the softmax. A form is what a small GAN learns last: so it
is given one, borrowed from a stored picture of the class and bent, and draws within it; how much of
which colour to use is borrowed from another.

References:
    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", arXiv:1511.06434 (the skeleton: 4x4, four doublings of width and size).
    Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441 (no norms).
    Miyato and Koyama, "cGANs with Projection Discriminator", arXiv:1802.05637.
    Karras et al., "Progressive Growing of GANs", arXiv:1710.10196, section 3 (minibatch stddev).
    Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons",
    arXiv:1308.3432 (straight-through).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.ops import conv3x3_act, up2_conv3x3_act

SIDE = 32
"""Of a picture in px."""
_CERTAIN = 60.0
_LOUD = 8.0
"""Shares of colours are small numbers: what they say must not drown beside noise and label."""
STDDEV_GROUP = 8
"""Pictures of a batch whose spread the discriminator is told."""


@dataclass(frozen=True)
class SlotGanConfig:
    """Sizes of the generator and of its discriminator.

    Args:
        slots: Values of a pixel; slot 0 is transparent.
        classes: Labels.
        latent: Width of ``z``.
        condition: Width of the vector that scales and shifts every layer.
        widths: Channels of the generator at 4, 8, 16 and 32 px.
        critic_widths: Channels of the discriminator at 16, 8 and 4 px.
        outlines: Stored outlines.
    """

    slots: int = 48
    classes: int = 3
    latent: int = 64
    condition: int = 128
    widths: tuple[int, int, int, int] = (256, 128, 96, 64)
    critic_widths: tuple[int, int, int] = (64, 128, 256)
    outlines: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "critic_widths", tuple(self.critic_widths))

    @classmethod
    def tiny(cls) -> SlotGanConfig:
        """A few thousand parameters, for tests."""
        return cls(slots=6, latent=8, condition=16, widths=(16, 16, 8, 8),
                   critic_widths=(8, 8, 16), outlines=4)  # fmt: skip


class SlotGenerator(nn.Module):
    """Noise, a label and an outline -> logits of slots, [B, slots, 32, 32].

    Attributes:
        outlines: Stored outlines, a bit per pixel, rows packed, [outlines, 32, 4] uint8.
        outline_labels: Their labels, [outlines] int64.
        outline_tints: `tints` of the pictures they are of, in 255ths, [outlines, slots] uint8.
    """

    outlines: Tensor
    outline_tints: Tensor
    outline_labels: Tensor

    def __init__(self, config: SlotGanConfig | None = None):
        super().__init__()
        self.config = config = config or SlotGanConfig()
        w4, w8, w16, w32 = config.widths
        self.label = nn.Embedding(config.classes, config.latent)
        self.tint = nn.Linear(config.slots, config.latent)
        self.mapping = nn.Sequential(
            nn.Linear(2 * config.latent, config.condition), nn.LeakyReLU(0.2),
            nn.Linear(config.condition, config.condition), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.stem = nn.Linear(2 * config.latent + 64, 16 * w4)
        self.up8 = StyledConv(w4, w8, config.condition)
        self.mix8 = StyledConv(w8, w8, config.condition)
        self.up16 = StyledConv(w8, w16, config.condition)
        self.mix16 = StyledConv(w16, w16, config.condition)
        self.up32 = StyledConv(w16, w32, 0)
        self.form8 = nn.Conv2d(16, w8, 1)
        self.form16 = nn.Conv2d(4, w16, 1)
        self.form32 = nn.Conv2d(2, w32, 1)
        self.head = nn.Conv2d(w32, config.slots, 3, padding=1)
        nn.init.normal_(self.label.weight)
        nn.init.normal_(self.head.weight, std=1 / math.sqrt(9 * w32))
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        stored = torch.zeros(config.outlines, SIDE, SIDE // 8, dtype=torch.uint8)
        self.register_buffer("outlines", stored)
        self.register_buffer("outline_labels", torch.zeros(config.outlines, dtype=torch.int64))
        shares = torch.zeros(config.outlines, config.slots, dtype=torch.uint8)
        self.register_buffer("outline_tints", shares)

    def forward(self, z: Tensor, label: Tensor, outline: Tensor, tint: Tensor) -> Tensor:
        """Generate.

        Args:
            z: Standard normal, [B, latent].
            label: [B] int64.
            outline: Where something may be drawn, [B, 32, 32] bool.
            tint: Share of each slot in the figure, [B, slots], see `tints`.

        Returns:
            Logits [B, slots, 32, 32]; outside of the outline slot 0 is certain.
        """
        form = outline[:, None].to(self.head.weight.dtype)
        inner = -F.max_pool2d(-form, 3, 1, 1)
        given = torch.cat([z, self.label(label) + self.tint(tint.to(z.dtype).sqrt() * _LOUD)], 1)
        c = self.mapping(given)
        x = self.stem(torch.cat([given, F.avg_pool2d(form, 4).flatten(1)], 1))
        x = F.leaky_relu(x, 0.2).unflatten(1, (-1, 4, 4))
        x = self.up8(x.contiguous(memory_format=torch.channels_last), c, up=True)
        x = x + self.form8(_channels(F.pixel_unshuffle(form, 4)))
        x = x + self.mix8(x, c)
        x = self.up16(x, c, up=True) + self.form16(_channels(F.pixel_unshuffle(form, 2)))
        x = x + self.mix16(x, c)
        x = self.up32(x, c, up=True) + self.form32(_channels(torch.cat([form, form - inner], 1)))
        logits = _convolved(x, self.head.weight, self.head.bias)
        return torch.cat([logits[:, :1] + (1 - form) * _CERTAIN, logits[:, 1:]], 1)

    def form(self, numbers: Tensor) -> Tensor:
        """Stored outlines of given numbers, [B] -> [B, 32, 32] bool."""
        bits = self.outlines[numbers][..., None] >> torch.arange(8, device=self.outlines.device)
        return (bits & 1).bool().flatten(2)

    def tints_of(self, numbers: Tensor) -> Tensor:
        """Shares of the slots in stored pictures of given numbers, [B] -> [B, slots] float32."""
        return self.outline_tints[numbers].float() / 255

    def keep_forms(self, pictures: Tensor, labels: Tensor) -> None:
        """Store outlines and shares of slots of pictures [config.outlines, 32, 32] with labels."""
        solid = (pictures > 0).view(len(pictures), SIDE, SIDE // 8, 8)
        self.outlines.copy_((solid.long() << torch.arange(8)).sum(-1))
        self.outline_labels.copy_(labels)
        self.outline_tints.copy_((tints(pictures, self.config.slots) * 255).round())


class StyledConv(nn.Module):
    """3x3 convolution, scale and shift of its channels by the condition, leaky ReLU.

    With ``condition`` 0 there is no scale and shift.
    """

    def __init__(self, inputs: int, outputs: int, condition: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.style = nn.Linear(condition, 2 * outputs) if condition else None
        nn.init.kaiming_normal_(self.conv.weight, a=0.2)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        if self.style is not None:
            nn.init.normal_(self.style.weight, std=0.3 / math.sqrt(condition))
            nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, c: Tensor, *, up: bool = False) -> Tensor:
        """Apply to x [B, C, H, W] under the condition c [B, D]; ``up`` doubles H and W before."""
        conv, gain = self.conv, None
        bias = conv.bias
        assert bias is not None
        if self.style is not None:
            scale, shift = self.style(c).chunk(2, 1)
            gain, bias = 1 + scale, bias + shift
        if not torch.is_grad_enabled():
            convolve = up2_conv3x3_act if up else conv3x3_act
            return convolve(x, conv.weight, bias, gain=gain, activation="leaky_relu", slope=0.2)
        # Where a gradient is wanted the fused ops take twice as long: theirs is that of the
        # unfused ones, forward pass included.
        if up:
            x = F.interpolate(x, scale_factor=2.0)
        if gain is None:
            return F.leaky_relu(F.conv2d(x, conv.weight, bias, 1, 1), 0.2)
        y = F.conv2d(x, conv.weight, None, 1, 1)
        spread_gain, spread_bias = (v.to(y.dtype)[:, :, None, None] for v in (gain, bias))
        return F.leaky_relu(torch.addcmul(spread_bias, spread_gain, y), 0.2)


class SlotCritic(nn.Module):
    """Pictures and labels -> how real they look.

    Args:
        config: Sizes.
        channels: Channels of a picture, see `straight_through`.
    """

    def __init__(self, config: SlotGanConfig | None = None, channels: int = 4):
        super().__init__()
        config = config or SlotGanConfig()
        widths = (channels, *config.critic_widths)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        last = widths[-1]
        self.mix = nn.Conv2d(last + 1, last, 3, padding=1)
        self.features = nn.Linear(16 * last, 128)
        self.out = nn.Linear(128, 1)
        self.label = nn.Embedding(config.classes, 128)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.out.weight, std=1 / math.sqrt(128))
        nn.init.normal_(self.label.weight, std=1 / math.sqrt(128))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Judge pictures [B, C, 32, 32] with labels [B]; scores [B] float32, higher for real."""
        x = self.body(x.contiguous(memory_format=torch.channels_last))
        x = F.leaky_relu(self.mix(torch.cat([x, spread(x)], 1)), 0.2)
        x = F.leaky_relu(self.features(x.flatten(1)), 0.2).float()
        return self.out(x).flatten() + (x * self.label(label)).sum(1)


def _channels(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if torch.is_grad_enabled():
        return F.conv2d(x, weight, bias, 1, 1)
    return conv3x3_act(x, weight, bias, activation="none")


def tints(pictures: Tensor, slots: int) -> Tensor:
    """Share of each slot among the opaque pixels, [B, H, W] int64 -> [B, slots] float32."""
    flat = pictures.flatten(1)
    count = torch.zeros(len(flat), slots, device=flat.device)
    count.scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float32))
    count[:, 0] = 0
    return count / count.sum(1, keepdim=True).clamp(min=1)


def bent(outline: Tensor, source: torch.Generator) -> Tensor:
    """Outlines that are stretched, leaned and waved a little, so that they are nobody's.

    Args:
        outline: [B, 32, 32] bool; the last row stays on the ground.
        source: Of the draws, on the CPU.
    """
    batch, height, width = outline.shape

    def uniform(reach: float) -> Tensor:
        draw = torch.rand(batch, 1, 1, generator=source)
        return ((draw * 2 - 1) * reach).to(outline.device)

    y = torch.arange(height, device=outline.device)[None, :, None] - (height - 1.0)
    x = torch.arange(width, device=outline.device)[None, None] - (width - 1) / 2
    across = x * (1 + uniform(0.12)) + uniform(0.07) * y
    across = across + uniform(0.9) * torch.sin(y / 5 + uniform(3.14))
    along = y * (1 + uniform(0.1)) + uniform(0.7) * torch.sin(x / 4 + uniform(3.14))
    places = (across / (width / 2), (along + height - 0.5) / (height / 2) - 1)
    grid = torch.stack(torch.broadcast_tensors(*places), -1)
    moved = F.grid_sample(outline[:, None].float(), grid, align_corners=False)
    return moved[:, 0] > 0.5


def spread(x: Tensor) -> Tensor:
    """Mean standard deviation within groups of pictures of a batch, [B, C, H, W] -> [B, 1, H, W].

    Neighbours in the batch make a group.
    """
    size = math.gcd(STDDEV_GROUP, len(x))
    groups = x.float().permute(0, 2, 3, 1).reshape(len(x) // size, size, -1)
    variance = groups.square().mean(1) - groups.mean(1).square()
    mean = (variance.clamp(min=0) + 1e-6).sqrt().mean(1).repeat_interleave(size)
    return mean[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)


def straight_through(logits: Tensor, table: Tensor) -> Tensor:
    """The picture of the most likely slots, with the gradient of the mean picture.

    Args:
        logits: [B, slots, H, W].
        table: What a slot looks like, [slots, C].

    Returns:
        [B, C, H, W] float32.
    """
    rows = logits.permute(0, 2, 3, 1).float()
    soft = torch.softmax(rows, -1) @ table
    hard = table[rows.argmax(-1)]
    return (soft + (hard - soft).detach()).permute(0, 3, 1, 2)
