"""Tokeniser of pixel art: a picture of indexed colours <-> a small grid of codes.

Codes are of three levels: a coarse and a fine one tell what a cell of 4x4 px is about, a detail how
2x2 px of it are drawn. What codes leave open, or all that a missing one would have told, the
decoder makes up: it is told the codes, the palette of the picture and the pixels that are already
drawn, and draws the others over a few rounds, surest first. So edges stay hard, no colour is used
that is not in the palette, details are drawn rather than averaged, and holes in known pictures are
filled. The latent is rounded to a few levels per channel (no codebook that could collapse).

References:
    Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", arXiv:2309.15505, section 3
    and appendix A.1 (bounded tanh with an offset for even levels, straight-through gradients).
    Razavi et al., "Generating Diverse High-Fidelity Images with VQ-VAE-2", arXiv:1906.00446,
    section 3.1 (codes of two resolutions: structure above, detail below).
    Chang et al., "MaskGIT: Masked Generative Image Transformer", arXiv:2202.04200, section 3.2
    (iterative decoding), here of pixels.
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
DETAIL_STRIDE = 2
"""The same of a detail."""
NEVER = -1e4
"""Logit of a value that is not in the palette."""
CHOICE = 0.6
"""How much chance has a say in which pixels are drawn first."""


@dataclass(frozen=True)
class FsqVaeConfig:
    """Shape of the network.

    Args:
        classes: Values of a pixel, 0 is transparent.
        coarse: Levels of the latent channels of the coarse code; their product is the number of
            coarse codes.
        fine: The same of the fine code.
        detail: The same of the detail.
        widths: Channels at 1/4 and at 1/2 resolution.
        blocks: Residual blocks of the encoder, of the decoder at 1/4 and of it at 1/2 resolution.
        embedding: Channels of a pixel.
        side: Side in px of the pictures it is trained on, a multiple of 4.
    """

    classes: int = 48
    coarse: tuple[int, ...] = (8, 8, 4)
    fine: tuple[int, ...] = (8, 8)
    detail: tuple[int, ...] = (4, 4, 4)
    widths: tuple[int, int] = (128, 96)
    blocks: tuple[int, int, int] = (3, 4, 6)
    embedding: int = 16
    side: int = 32

    @classmethod
    def tiny(cls) -> FsqVaeConfig:
        """A few thousand parameters, for tests."""
        return cls(
            classes=6,
            coarse=(4, 3),
            fine=(3, 2),
            detail=(3, 2),
            widths=(32, 16),
            blocks=(1, 1, 1),
            embedding=8,
            side=16,
        )

    @property
    def codes(self) -> tuple[int, int]:
        """Numbers of different coarse and fine codes."""
        return math.prod(self.coarse), math.prod(self.fine)

    @property
    def details(self) -> int:
        """Number of different details."""
        return math.prod(self.detail)


@dataclass(frozen=True)
class Known:
    """What the decoder is told besides the codes.

    Args:
        pixels: Index maps, [B, H, W] int64; the number of classes means not drawn yet.
        palette: Which values may be used, [B, classes] bool.
        coarse: Cells whose coarse code counts, [B, h, w] bool; None is all.
        fine: Cells whose fine code counts too; None is all.
        details: Details, [B, H/2, W/2] int64; their number means unknown, None that all are.
    """

    pixels: Tensor
    palette: Tensor
    coarse: Tensor | None = None
    fine: Tensor | None = None
    details: Tensor | None = None


class FsqVae(nn.Module):
    """Encoder (index map -> codes) and decoder (codes and known pixels -> logits of the pixels).

    Buffers:
        colours: What the classes look like, [classes, 3] uint8; row 0 is unused.
    """

    colours: Tensor
    levels: Tensor
    basis: Tensor
    detail_levels: Tensor
    detail_basis: Tensor

    def __init__(self, config: FsqVaeConfig | None = None):
        super().__init__()
        config = config or FsqVaeConfig()
        self.config = config = dataclasses.replace(
            config,
            coarse=tuple(config.coarse),
            fine=tuple(config.fine),
            detail=tuple(config.detail),
            widths=tuple(config.widths),  # type: ignore[arg-type]
            blocks=tuple(config.blocks),  # type: ignore[arg-type]
        )
        channels = len(config.coarse) + len(config.fine)
        wide, middle = config.widths
        looks, thinks, smooths = config.blocks
        self.embed = nn.Embedding(config.classes, config.embedding)
        self.down = nn.ModuleList([
            nn.Conv2d(4 * config.embedding, middle, 3, 1, 1), nn.Conv2d(middle, wide, 4, 2, 1),
        ])  # fmt: skip
        self.look_tone = nn.Linear(config.classes, wide)
        self.look = nn.ModuleList(FilmConv(wide, wide, 0, residual=True) for _ in range(looks))
        self.to_latent = nn.Conv2d(wide, channels, 1)
        self.look_closely = nn.Conv2d(middle, middle, 3, 1, 1)
        self.to_detail = nn.Conv2d(middle, len(config.detail), 1)
        self.seen = nn.Embedding(config.classes + 1, config.embedding)
        self.near = nn.Conv2d(4 * config.embedding, middle, 3, 1, 1)
        self.from_detail = nn.Conv2d(len(config.detail) + 1, middle, 3, 1, 1)
        self.far = nn.Conv2d(middle, wide, 4, 2, 1)
        self.from_latent = nn.Conv2d(channels + 2, wide, 3, 1, 1)
        self.tone = nn.Linear(config.classes, wide)
        self.think = nn.ModuleList(FilmConv(wide, wide, 0, residual=True) for _ in range(thinks))
        self.up = FilmConv(wide, middle, 0)
        self.smooth = nn.ModuleList(
            FilmConv(middle, middle, 0, residual=True) for _ in range(smooths)
        )
        self.head = nn.Conv2d(middle, 4 * config.classes, 1)
        for name, groups in (("", (config.coarse, config.fine)), ("detail_", (config.detail,))):
            levels = torch.tensor([level for group in groups for level in group])
            basis = torch.tensor([math.prod(g[:i]) for g in groups for i in range(len(g))])
            self.register_buffer(f"{name}levels", levels, persistent=False)
            self.register_buffer(f"{name}basis", basis, persistent=False)
        self.register_buffer("colours", torch.zeros(config.classes, 3, dtype=torch.uint8))

    def palettes(self, pixels: Tensor) -> Tensor:
        """Which values index maps [B, H, W] show, and transparent: [B, classes] bool."""
        shown = torch.zeros(len(pixels), self.config.classes, dtype=torch.bool,
                            device=pixels.device)  # fmt: skip
        shown.scatter_(1, pixels.flatten(1), True)
        shown[:, 0] = True
        return shown

    def latents(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Unrounded latents of index maps [B, H, W] int64.

        Returns:
            Of the coarse and fine codes, [B, channels, H/4, W/4], and of the details,
            [B, detail channels, H/2, W/2].
        """
        near = F.leaky_relu(self.down[0](_cells(self.embed, pixels)), 0.1)
        detail: Tensor = self.to_detail(F.leaky_relu(self.look_closely(near), 0.1))
        tone = self.look_tone(self.palettes(pixels).to(self.head.weight.dtype))
        x = F.leaky_relu(self.down[1](near) + tone[:, :, None, None], 0.1)
        for layer in self.look:
            x = layer(x, x)
        latent: Tensor = self.to_latent(x)
        return latent, detail

    def quantize(self, latent: Tensor) -> Tensor:
        """Rounded latent in -1..1, with the gradient of the unrounded one; in float32."""
        return _rounded(latent, self.levels)

    def quantize_details(self, latent: Tensor) -> Tensor:
        """The same of details."""
        return _rounded(latent, self.detail_levels)

    def number(self, quantized: Tensor) -> Tensor:
        """Codes [B, 2, h, w] int64 of rounded latents [B, channels, h, w]."""
        digits = _digits(quantized, self.levels) * self.basis[:, None, None]
        coarse = len(self.config.coarse)
        return torch.stack([digits[:, :coarse].sum(1), digits[:, coarse:].sum(1)], 1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Rounded latents of codes [B, 2, h, w]: the reverse of `number`."""
        coarse = len(self.config.coarse)
        which = torch.tensor([0] * coarse + [1] * len(self.config.fine), device=codes.device)
        return _levels_of(codes[:, which], self.levels, self.basis)

    def details(self, pixels: Tensor) -> Tensor:
        """Details [B, H/2, W/2] int64 of index maps [B, H, W], below ``config.details``."""
        digits = _digits(self.quantize_details(self.latents(pixels)[1]), self.detail_levels)
        return (digits * self.detail_basis[:, None, None]).sum(1)

    def encode(self, pixels: Tensor) -> Tensor:
        """Codes of pictures.

        Args:
            pixels: Index maps, [B, H, W] int64; H and W are multiples of 4.

        Returns:
            Coarse and fine codes, [B, 2, H/4, W/4] int64, below ``config.codes``.
        """
        return self.number(self.quantize(self.latents(pixels)[0]))

    def decode(self, codes: Tensor, palette: Tensor | None = None) -> Tensor:
        """Logits [B, classes, H, W] of all pixels at once, of codes [B, 2, H/4, W/4].

        ``palette`` [B, classes] bool tells which values may be used; None is all of them.
        """
        batch, _, height, width = codes.shape
        classes = self.config.classes
        hidden = codes.new_full((batch, STRIDE * height, STRIDE * width), classes)
        if palette is None:
            palette = torch.ones(batch, classes, dtype=torch.bool, device=codes.device)
        return self.paint(self.vectors(codes), Known(hidden, palette))

    def paint(self, quantized: Tensor, known: Known, details: Tensor | None = None) -> Tensor:
        """Logits [B, classes, H, W] of rounded latents [B, channels, H/4, W/4].

        ``details`` are rounded latents too, [B, detail channels, H/2, W/2]; None takes those of
        ``known``, of which only the unknown ones count then.
        """
        weight = self.head.weight
        x = quantized.to(weight.dtype)
        told = [_flags(flags, x) for flags in (known.coarse, known.fine)]
        coarse, fine = x.split([len(self.config.coarse), len(self.config.fine)], 1)
        told[1] = told[0] * told[1]
        x = torch.cat([coarse * told[0], fine * told[1], *told], 1)
        near = self.near(_cells(self.seen, known.pixels))
        near = F.leaky_relu(near + self._told_details(known, details, near), 0.1)
        tone = self.tone(known.palette.to(weight.dtype))[:, :, None, None]
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.leaky_relu(self.from_latent(x) + self.far(near) + tone, 0.1)
        for layer in self.think:
            x = layer(x, x)
        x = self.up(x, x, up=True) + near
        for layer in self.smooth:
            x = layer(x, x)
        logits = F.pixel_shuffle(self.head(x), 2)
        return logits.masked_fill(~known.palette[:, :, None, None], NEVER)

    def _told_details(self, known: Known, details: Tensor | None, like: Tensor) -> Tensor:
        """What the decoder makes of the details that it is told, shaped ``like``."""
        batch, _, height, width = like.shape
        if known.details is None:
            blank = like.new_zeros(batch, len(self.config.detail) + 1, height, width)
            result: Tensor = self.from_detail(blank)
            return result
        told = (known.details < self.config.details)[:, None]
        if details is None:
            codes = torch.where(told[:, 0], known.details, 0)[:, None]
            codes = codes.expand(-1, len(self.config.detail), -1, -1)
            details = _levels_of(codes, self.detail_levels, self.detail_basis)
        flags = told.to(like.dtype)
        result = self.from_detail(torch.cat([details.to(like.dtype) * flags, flags], 1))
        return result

    def forward(
        self, pixels: Tensor, known: Known | None = None, jitter: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode and decode.

        Args:
            pixels: Index maps, [B, H, W] int64.
            known: What the decoder is told; None is all codes, the palette, no detail, no pixel.
                Of ``known.details`` only which are unknown counts.
            jitter: Steps to add to the rounded latents: a decoder that has seen some draws well
                from codes that a prior draws.

        Returns:
            Logits [B, classes, H, W] and the codes [B, 2, h, w].
        """
        latent, detail = self.latents(pixels)
        quantized = self.quantize(latent)
        codes = self.number(quantized.detach())
        if jitter is not None:
            quantized = self.disturb(quantized, jitter)
        if known is None:
            hidden = torch.full_like(pixels, self.config.classes)
            known = Known(hidden, self.palettes(pixels))
        return self.paint(quantized, known, self.quantize_details(detail)), codes

    def disturb(self, quantized: Tensor, jitter: Tensor) -> Tensor:
        """Rounded latents with steps of -1, 0 or 1 added, [B, channels, h, w] both."""
        half = (self.levels // 2)[:, None, None].to(quantized.dtype)
        top = (self.levels - 1)[:, None, None] / half - 1
        moved = torch.minimum((quantized + jitter / half).clamp(min=-1), top)
        return quantized + (moved - quantized).detach()

    @torch.no_grad()
    def draw(
        self,
        codes: Tensor,
        known: Known,
        generator: torch.Generator,
        *,
        rounds: int = 8,
        temperature: float = 0.8,
    ) -> Tensor:
        """Draw the pixels that are not known yet, surest first.

        Args:
            codes: [B, 2, H/4, W/4] int64.
            known: Palette, pixels that stay, codes that count.
            generator: On the CPU; the result depends on it and on the arguments only.
            rounds: Passes of the decoder; pixels of a round are drawn without knowing each other.
            temperature: Below 1 is plainer.

        Returns:
            Index maps, [B, H, W] int64.
        """
        pixels = known.pixels.clone()
        hidden = pixels == self.config.classes
        count, (batch, height, width) = hidden.sum((1, 2)), pixels.shape
        vectors = self.vectors(codes)
        for number in range(rounds):
            seen = dataclasses.replace(known, pixels=pixels)
            logits = self.paint(vectors, seen).float().permute(0, 2, 3, 1)
            # Rounded, so that how a sum was ordered does not decide what is drawn.
            chance = torch.softmax((logits * 64).round_() / (64 * temperature), -1)
            sums = chance.cumsum(-1)
            noise = torch.rand(batch, height, width, 1, generator=generator).to(chance)
            aim = noise * sums[..., -1:]
            drawn = torch.searchsorted(sums, aim, right=True)[..., 0]
            drawn = torch.minimum(drawn, (sums < sums[..., -1:]).sum(-1))
            sure = chance.gather(-1, drawn[..., None])[..., 0].clamp(min=1e-9).log()
            spread = torch.rand(batch, height, width, generator=generator).to(chance)
            spread = spread.clamp(1e-6, 1 - 1e-6)
            sure = sure - (1 - number / rounds) * CHOICE * torch.log(-torch.log(spread))
            open_ = pixels == self.config.classes
            left = count * math.cos(math.pi / 2 * (number + 1) / rounds)
            left = left.long() if number < rounds - 1 else torch.zeros_like(count)
            rank = sure.masked_fill(~open_, -torch.inf).flatten(1)
            rank = rank.argsort(dim=1, descending=True, stable=True).argsort(dim=1).view_as(pixels)
            now = open_ & (rank < (open_.sum((1, 2)) - left)[:, None, None])
            pixels = torch.where(now, drawn, pixels)
        return pixels


def _bounded(latent: Tensor, levels: Tensor) -> Tensor:
    """Each channel squashed so that rounding gives its number of levels, centred at 0."""
    levels = levels[:, None, None].to(latent.dtype)
    half = (levels - 1) * (1 + 1e-3) / 2
    offset = torch.where(levels % 2 == 0, 0.5, 0.0)
    shift = torch.atanh(offset / half)
    return torch.tanh(latent + shift) * half - offset


def _rounded(latent: Tensor, levels: Tensor) -> Tensor:
    """Levels in -1..1, with the gradient of what was rounded."""
    bounded = _bounded(latent.float(), levels)
    rounded = bounded + (bounded.round() - bounded).detach()
    return rounded / (levels[:, None, None] // 2)


def _digits(quantized: Tensor, levels: Tensor) -> Tensor:
    """Levels in -1..1 as whole numbers from 0."""
    half = levels[:, None, None] // 2
    return (quantized * half).round().long() + half


def _levels_of(codes: Tensor, levels: Tensor, basis: Tensor) -> Tensor:
    """The digit of each channel of codes [B, channels, h, w], in -1..1."""
    digits = codes // basis[:, None, None] % levels[:, None, None]
    half = levels[:, None, None] // 2
    return (digits - half) / half


def _cells(table: nn.Embedding, pixels: Tensor) -> Tensor:
    """Embedded index maps [B, H, W], 2x2 px in the channels: [B, 4 * embedding, H/2, W/2]."""
    batch, height, width = pixels.shape
    x = table(pixels).view(batch, height // 2, 2, width // 2, 2, -1).transpose(2, 3)
    return x.reshape(batch, height // 2, width // 2, -1).permute(0, 3, 1, 2)


def _flags(cells: Tensor | None, x: Tensor) -> Tensor:
    """Cells that count as 1 and 0, [B, 1, h, w]; None is all."""
    if cells is None:
        return torch.ones_like(x[:, :1])
    return cells[:, None].to(x.dtype)
