"""GAN over palette slots, on the skeleton of DCGAN: class, plan and noise in, slots out.

The generator chooses one of K global colours (or transparent) for every pixel, so its pictures have
no half-transparent pixel and no colour between colours. The discriminator sees what was chosen; the
gradient goes around the choice through the softmax. A form is what a small GAN learns last: so a
`FigurePlanner` gives it one, and how much of which colour to use; the generator draws along it.

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

from aigc_assets.models.figure_planner import FigurePlanner
from aigc_assets.ops import conv3x3_act, up2_conv3x3_act

_MARGIN, _SLOPE = 0.5, 5.0
"""Px beyond the surface of a plan from which on transparent becomes likelier, by how much a px."""
_UNDER, _SOLID = 1.0, 1.5
"""Px below it from which on transparent becomes unlikelier, by how much a px, for four px."""
_LOUD = 8.0
"""Shares of colours are small numbers: what they say must not drown beside noise and label."""
RARE, USUAL = 1e-4, 0.05
"""Share below which all slots are as unlikely, and the share that changes no logit."""
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
        code: Width of the code of a figure.
        strokes: Strokes of a figure.
        plan_width: Of the hidden layers that decode codes.
        flow_width: Of the hidden layers that draw codes and shares of colours.
    """

    slots: int = 48
    classes: int = 3
    latent: int = 64
    condition: int = 128
    widths: tuple[int, int, int, int] = (256, 128, 96, 32)
    critic_widths: tuple[int, int, int] = (64, 128, 256)
    code: int = 48
    strokes: int = 24
    plan_width: int = 256
    flow_width: int = 384

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "critic_widths", tuple(self.critic_widths))

    @classmethod
    def tiny(cls) -> SlotGanConfig:
        """A few thousand parameters, for tests."""
        return cls(slots=6, latent=8, condition=16, widths=(16, 16, 8, 8),
                   critic_widths=(8, 8, 16), code=4, strokes=4, plan_width=16,
                   flow_width=16)  # fmt: skip

    @property
    def plan(self) -> int:
        """Width of the noise that a plan is drawn from."""
        return self.code + self.slots - 1


class SlotGenerator(nn.Module):
    """Noise, a label and a plan -> logits of slots, [B, slots, 32, 32].

    Attributes:
        planner: Makes the plans.
    """

    def __init__(self, config: SlotGanConfig | None = None):
        super().__init__()
        self.config = config = config or SlotGanConfig()
        w4, w8, w16, w32 = config.widths
        self.planner = FigurePlanner(
            config.slots, config.classes, config.code, config.plan_width, config.strokes,
            config.flow_width,
        )  # fmt: skip
        self.label = nn.Embedding(config.classes, config.latent)
        self.tint = nn.Linear(config.slots, config.latent)
        self.code = nn.Linear(config.code, config.latent)
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

    def forward(
        self, z: Tensor, label: Tensor, code: Tensor, depth: Tensor, tint: Tensor
    ) -> Tensor:
        """Generate.

        Args:
            z: Standard normal, [B, latent].
            label: [B] int64.
            code: Of the figure, [B, code].
            depth: Of every pixel below the surface of the plan in px, [B, 32, 32].
            tint: Share of each slot in the figure, [B, slots], see `tints`.

        Returns:
            Logits [B, slots, 32, 32], see `expected`; the farther from the plan, the surer is
            slot 0, and the deeper below its surface, the unlikelier.
        """
        form = depth[:, None].to(self.head.weight.dtype)
        near = form.clamp(-2, 2) / 2
        deep = form.clamp(0, 8) / 4
        told = self.tint(tint.to(z.dtype).sqrt() * _LOUD) + self.code(code.to(z.dtype))
        given = torch.cat([z, self.label(label) + told], 1)
        c = self.mapping(given)
        x = self.stem(torch.cat([given, F.avg_pool2d(near, 4).flatten(1)], 1))
        x = F.leaky_relu(x, 0.2).unflatten(1, (-1, 4, 4))
        x = self.up8(x.contiguous(memory_format=torch.channels_last), c, up=True)
        x = x + self.form8(_channels(F.pixel_unshuffle(near, 4)))
        x = x + self.mix8(x, c)
        x = self.up16(x, c, up=True) + self.form16(_channels(F.pixel_unshuffle(near, 2)))
        x = x + self.mix16(x, c)
        x = self.up32(x, c, up=True) + self.form32(_channels(torch.cat([near, deep], 1)))
        logits = _convolved(x, self.head.weight, self.head.bias)
        outside = (-form - _MARGIN).clamp(0, 12) * _SLOPE - (form - _UNDER).clamp(0, 4) * _SOLID
        logits = torch.cat([logits[:, :1] + outside.to(logits.dtype), logits[:, 1:]], 1)
        return expected(logits, tint)

    def plan(self, label: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Code, depth and tint of new figures; see `FigurePlanner.draw` and `forward`."""
        code, tint = self.planner.draw(label, noise)
        return code, self.planner(code, label), tint


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
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2),
            ]
        self.body = nn.Sequential(*layers)
        last = widths[-1]
        self.mix = nn.Conv2d(last, last, 3, padding=1)
        self.tell = nn.Linear(1, last)
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
        x = F.leaky_relu(self.mix(x) + self.tell(spread(x))[:, :, None, None], 0.2)
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


def expected(logits: Tensor, tint: Tensor) -> Tensor:
    """Logits with the shares of slots asked for as what is expected of a pixel before it is seen.

    By the rule of Bayes the generator only has to say how much likelier than elsewhere in a figure
    a colour is at a pixel. Nothing is shifted afterwards: a logit that drifts is seen by the loss.

    Args:
        logits: [B, slots, H, W].
        tint: Share of each slot in the figure, [B, slots].

    Returns:
        [B, slots, H, W] float32.
    """
    usual = tint[:, 1:].float().clamp(min=RARE).log() - math.log(USUAL)
    return logits.float() + F.pad(usual, (1, 0))[:, :, None, None]


def spread(x: Tensor) -> Tensor:
    """Mean standard deviation within groups of pictures of a batch, [B, C, H, W] -> [B, 1].

    Neighbours in the batch make a group.
    """
    size = math.gcd(STDDEV_GROUP, len(x))
    groups = x.float().permute(0, 2, 3, 1).reshape(len(x) // size, size, -1)
    variance = groups.square().mean(1) - groups.mean(1).square()
    mean = (variance.clamp(min=0) + 1e-6).sqrt().mean(1).repeat_interleave(size)
    return mean[:, None].to(x.dtype)


def straight_through(logits: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """The picture of the most likely slots, with the gradient of the mean picture.

    Args:
        logits: [B, slots, H, W].
        table: What a slot looks like, [slots, C].

    Returns:
        The picture, [B, C, H, W] float32, and the probabilities of the slots, [B, H, W, slots].
    """
    rows = logits.permute(0, 2, 3, 1).float()
    chances = torch.softmax(rows, -1)
    soft = chances @ table
    hard = table[rows.argmax(-1)]
    return (soft + (hard - soft).detach()).permute(0, 3, 1, 2), chances
