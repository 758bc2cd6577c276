"""Tokeniser of pixel art: a picture of indexed colours <-> a small grid of codes.

A pixel is one of K colours or transparent, so the decoder ends in a distribution over those and the
loss is a cross entropy: edges stay hard and no colour is invented. The latent is rounded to a few
levels per channel (no codebook that could collapse), which makes every cell of the grid one whole
number.

References:
    Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", arXiv:2309.15505, section 3
    and appendix A.1 (bounded tanh with an offset for even levels, straight-through gradients).
    Zeghidour et al., "SoundStream", arXiv:2107.03312, section III-C (leaving out fine codes while
    training orders codes from coarse to fine).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.slot_cvae import FilmConv

STRIDE = 4
"""Pixels of a code's cell and side."""


@dataclass(frozen=True)
class FsqVaeConfig:
    """Shape of the network.

    Args:
        classes: Values of a pixel, 0 is transparent.
        coarse: Levels of the latent channels of the coarse code; their product is the number of
            coarse codes.
        fine: The same of the fine code.
        widths: Channels at 1/4, 1/2 and full resolution.
        blocks: Residual blocks at 1/4 resolution, in the encoder and in the decoder.
        embedding: Channels of a pixel before the encoder.
        side: Side in px of the pictures it is trained on, a multiple of 4.
    """

    classes: int = 48
    coarse: tuple[int, ...] = (8, 6, 5)
    fine: tuple[int, ...] = (8, 5, 5, 5)
    widths: tuple[int, int, int] = (128, 96, 64)
    blocks: int = 3
    embedding: int = 16
    side: int = 32

    @classmethod
    def tiny(cls) -> FsqVaeConfig:
        """A few thousand parameters, for tests."""
        return cls(
            classes=6,
            coarse=(4, 3),
            fine=(3, 2),
            widths=(32, 16, 16),
            blocks=1,
            embedding=8,
            side=16,
        )

    @property
    def codes(self) -> tuple[int, int]:
        """Numbers of different coarse and fine codes."""
        return math.prod(self.coarse), math.prod(self.fine)


class FsqVae(nn.Module):
    """Encoder (index map -> codes) and decoder (codes -> logits of the pixels).

    Buffers:
        colours: What the classes look like, [classes, 3] uint8; row 0 is unused.
    """

    colours: Tensor
    levels: Tensor
    basis: Tensor

    def __init__(self, config: FsqVaeConfig | None = None):
        super().__init__()
        config = config or FsqVaeConfig()
        self.config = config = dataclasses.replace(
            config,
            coarse=tuple(config.coarse),
            fine=tuple(config.fine),
            widths=tuple(config.widths),  # type: ignore[arg-type]
        )
        channels = len(config.coarse) + len(config.fine)
        wide, middle, narrow = config.widths
        self.embed = nn.Embedding(config.classes, config.embedding)
        self.down = nn.ModuleList([
            nn.Conv2d(config.embedding, narrow, 4, 2, 1), nn.Conv2d(narrow, wide, 4, 2, 1),
        ])  # fmt: skip
        self.look = nn.ModuleList(
            FilmConv(wide, wide, 0, residual=True) for _ in range(config.blocks)
        )
        self.to_latent = nn.Conv2d(wide, channels, 1)
        self.from_latent = FilmConv(channels, wide, 0)
        self.think = nn.ModuleList(
            FilmConv(wide, wide, 0, residual=True) for _ in range(2 * config.blocks)
        )
        self.up = nn.ModuleList([FilmConv(wide, middle, 0), FilmConv(middle, narrow, 0)])
        self.smooth = nn.ModuleList(FilmConv(middle, middle, 0, residual=True) for _ in range(2))
        self.head = nn.Conv2d(narrow, config.classes, 1)
        levels = torch.tensor(config.coarse + config.fine)
        basis = torch.tensor([math.prod(group[:i]) for group in (config.coarse, config.fine)
                              for i in range(len(group))])  # fmt: skip
        self.register_buffer("levels", levels, persistent=False)
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("colours", torch.zeros(config.classes, 3, dtype=torch.uint8))

    def latent(self, pixels: Tensor) -> Tensor:
        """Unrounded latent of index maps [B, H, W] int64, [B, channels, H/4, W/4]."""
        x = self.embed(pixels).permute(0, 3, 1, 2)
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.1)
        for layer in self.look:
            x = layer(x, x)
        result: Tensor = self.to_latent(x)
        return result

    def bound(self, latent: Tensor) -> Tensor:
        """Squash each channel so that rounding gives its number of levels, centred at 0."""
        levels = self.levels[:, None, None].to(latent.dtype)
        half = (levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        shift = torch.atanh(offset / half)
        return torch.tanh(latent + shift) * half - offset

    def quantize(self, latent: Tensor) -> Tensor:
        """Rounded latent in -1..1, with the gradient of the unrounded one; in float32."""
        bounded = self.bound(latent.float())
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / (self.levels[:, None, None] // 2)

    def number(self, quantized: Tensor) -> Tensor:
        """Codes [B, 2, h, w] int64 of rounded latents [B, channels, h, w]."""
        half = self.levels[:, None, None] // 2
        digits = ((quantized * half).round().long() + half) * self.basis[:, None, None]
        coarse = len(self.config.coarse)
        return torch.stack([digits[:, :coarse].sum(1), digits[:, coarse:].sum(1)], 1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Rounded latents of codes [B, 2, h, w]: the reverse of `number`."""
        coarse = len(self.config.coarse)
        which = torch.tensor([0] * coarse + [1] * len(self.config.fine), device=codes.device)
        digits = codes[:, which] // self.basis[:, None, None] % self.levels[:, None, None]
        half = self.levels[:, None, None] // 2
        return (digits - half) / half

    def encode(self, pixels: Tensor) -> Tensor:
        """Codes of pictures.

        Args:
            pixels: Index maps, [B, H, W] int64; H and W are multiples of 4.

        Returns:
            Coarse and fine codes, [B, 2, H/4, W/4] int64, below ``config.codes``.
        """
        return self.number(self.quantize(self.latent(pixels)))

    def decode(self, codes: Tensor) -> Tensor:
        """Logits [B, classes, H, W] of the pixels of codes [B, 2, H/4, W/4]."""
        return self.paint(self.vectors(codes))

    def paint(self, quantized: Tensor) -> Tensor:
        """Logits [B, classes, H, W] of rounded latents [B, channels, H/4, W/4]."""
        logits: Tensor = self.head(self.features(quantized))
        return logits

    def features(self, quantized: Tensor) -> Tensor:
        """What ``head`` turns into logits, [B, C, H, W]."""
        x = quantized.to(self.head.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = self.from_latent(x, x)
        for layer in self.think:
            x = layer(x, x)
        x = self.up[0](x, x, up=True)
        for layer in self.smooth:
            x = layer(x, x)
        result: Tensor = self.up[1](x, x, up=True)
        return result

    def forward(
        self, pixels: Tensor, jitter: Tensor | None = None, rough: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode and decode.

        Args:
            pixels: Index maps, [B, H, W] int64.
            jitter: Steps of -1, 0 or 1 to add to the rounded latents, [B, channels, h, w]: a
                decoder that has seen some draws well from codes that a prior draws.
            rough: Pictures to draw from the coarse code alone, [B] bool.

        Returns:
            Features [B, C, H, W] for ``head``, so that a loss over some of the pixels need not
            pay for all logits, and the codes [B, 2, H/4, W/4].
        """
        quantized = self.quantize(self.latent(pixels))
        codes = self.number(quantized.detach())
        return self.features(self.disturb(quantized, jitter, rough)), codes

    def disturb(
        self, quantized: Tensor, jitter: Tensor | None = None, rough: Tensor | None = None
    ) -> Tensor:
        """Rounded latents with steps added and fine codes left out, as in `forward`."""
        if jitter is not None:
            half = (self.levels // 2)[:, None, None].to(quantized.dtype)
            top = (self.levels - 1)[:, None, None] / half - 1
            moved = torch.minimum((quantized + jitter / half).clamp(min=-1), top)
            quantized = quantized + (moved - quantized).detach()
        if rough is not None:
            coarse, fine = quantized.split([len(self.config.coarse), len(self.config.fine)], 1)
            quantized = torch.cat([coarse, fine * ~rough[:, None, None, None]], 1)
        return quantized


class PatchCritic(nn.Module):
    """Pictures as shares of classes -> how real every patch of 14 px looks.

    References:
        Esser et al., "Taming Transformers", arXiv:2012.09841, section 3.1 (a patch critic sharpens
        what a tokeniser draws, at a weight that balances the gradients).
        Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441 (pairing loss).
    """

    def __init__(self, classes: int, width: int = 64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(classes, 32, 1),
            nn.Conv2d(32, width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 96, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(96, 96, 3, 1, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(96, 1, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Scores [B, H / 4, W / 4] float32 of [B, classes, H, W]."""
        scores: Tensor = self.body(x.contiguous(memory_format=torch.channels_last))
        return scores[:, 0].float()
