"""Masked-token Transformer over the codes of `FsqVae`: draws what is hidden, from rough to fine.

First the coarse codes are filled in, then the fine ones, each in a few rounds of cells that do not
touch. The condition is strong, because the data are few: kind, sub-class, words, two colours and
how large and how full the figure is enter as tokens and at every cell; how much of each cell the
figure covers enters at that cell. Any of it may be unknown.

References:
    Chang et al., "MaskGIT: Masked Generative Image Transformer", arXiv:2202.04200.
    Lee et al., "Autoregressive Image Generation using Residual Quantization", arXiv:2203.01941
    (fine codes drawn after the coarse ones of the same cell).
    Ho and Salimans, "Classifier-Free Diffusion Guidance", arXiv:2207.12598.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aigc_assets.models.map_maskgit import Block, MapMaskgitConfig, bayer_order, rotary2d
from aigc_assets.models.transformer_parts import ManyRowsLinear, RootMeanSquareNorm
from aigc_assets.types.oklab import FAMILIES

COVERS = 4
"""Steps of how much of a cell the figure covers: not at all, partly, mostly, all of it."""
SIZES = 6
"""Steps of width, height and filled share of the bounding box."""


@dataclass(frozen=True)
class SpriteMaskgitConfig:
    """Sizes of a `SpriteMaskgit`.

    Args:
        codes: Numbers of coarse and fine codes.
        kinds: Kinds of picture.
        subclasses: Sub-classes.
        words: Words that are known.
        colours: Families of colours.
        dim: Width D, a multiple of ``4 * num_heads``.
        num_layers: Blocks.
        num_heads: Attention heads.
        hidden: Width of the gated feed-forward layer.
        side: Cells per side of the pictures it is trained on.
        seeds: Number of stored pictures.
        classes: Values of a pixel.
        turns: Number of hue turns.
    """

    codes: tuple[int, int] = (256, 64)
    kinds: tuple[str, ...] = ("monster", "animal", "item", "effect")
    subclasses: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    dim: int = 192
    num_layers: int = 6
    num_heads: int = 4
    hidden: int = 448
    side: int = 8
    seeds: int = 0
    classes: int = 48
    turns: int = 6

    @classmethod
    def tiny(cls) -> SpriteMaskgitConfig:
        """A few thousand parameters, for tests."""
        return cls(codes=(12, 6), kinds=("monster", "item"), subclasses=("orc", "sword"),
                   words=("big", "red"), colours=FAMILIES, dim=16, num_layers=2,
                   num_heads=2, hidden=24, side=4, seeds=3, classes=6, turns=2)  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """What a picture is to show, for B pictures; the last number of each vocabulary is "unknown".

    Args:
        kind: [B] int64.
        subclass: [B] int64.
        words: [B, 3] int64; "unknown" where there are fewer.
        colours: The two that cover most, [B, 2] int64.
        size: Steps of width, height and filled share, [B, 3] int64, `SIZES` is unknown.
        cover: Step of each cell, [B, h, w] int64, `COVERS` is unknown.
    """

    kind: Tensor
    subclass: Tensor
    words: Tensor
    colours: Tensor
    size: Tensor
    cover: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Condition:
        return Condition(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))

    @staticmethod
    def cat(parts: list[Condition]) -> Condition:
        """All pictures of ``parts``, one after the other."""
        names = [f.name for f in dataclasses.fields(Condition)]
        return Condition(*(torch.cat([getattr(p, name) for p in parts]) for name in names))


class SpriteMaskgit(nn.Module):
    """Codes with hidden ones -> logits of every coarse and, given the coarse, every fine code.

    Buffers:
        seed_images: Training pictures as the tokeniser draws them,
            [seeds, 4 * side, 4 * side] uint8.
        seed_labels: Their kind, sub-class, three words and number of the thing, [seeds, 6]
            int16.
        turned: Permutations of pixel values that turn hues, [turns, classes] uint8.
    """

    seed_images: Tensor
    seed_labels: Tensor
    turned: Tensor

    def __init__(self, config: SpriteMaskgitConfig | None = None):
        super().__init__()
        config = config or SpriteMaskgitConfig()
        self.config = config = dataclasses.replace(
            config,
            codes=tuple(config.codes),  # type: ignore[arg-type]
            kinds=tuple(config.kinds),
            subclasses=tuple(config.subclasses),
            words=tuple(config.words),
            colours=tuple(config.colours),
        )
        dim = config.dim
        self.coarse = nn.Embedding(config.codes[0] + 1, dim)
        self.fine = nn.Embedding(config.codes[1] + 1, dim)
        self.cover = nn.Embedding(COVERS + 1, dim)
        self.kind = nn.Embedding(len(config.kinds) + 1, dim)
        self.subclass = nn.Embedding(len(config.subclasses) + 1, dim)
        self.words = nn.Embedding(len(config.words) + 1, dim)
        self.colours = nn.Embedding(2 * (len(config.colours) + 1), dim)
        self.size = nn.Embedding(3 * (SIZES + 1), dim)
        for table in (self.coarse, self.fine, self.cover, self.kind, self.subclass, self.words,
                      self.colours, self.size):  # fmt: skip
            nn.init.normal_(table.weight, std=0.4)
        self.mix = ManyRowsLinear(dim, dim)
        self.place = nn.Parameter(torch.randn(config.side**2, dim) * 0.1)
        sizes = MapMaskgitConfig(dim=dim, num_heads=config.num_heads, hidden=config.hidden)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(config.num_layers))
        self.norm = RootMeanSquareNorm(dim)
        self.to_coarse = ManyRowsLinear(dim, config.codes[0])
        self.to_fine = ManyRowsLinear(dim, config.codes[1])
        for head in (self.to_coarse, self.to_fine):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
        seeds = (config.seeds, 4 * config.side, 4 * config.side)
        self.register_buffer("seed_images", torch.zeros(seeds, dtype=torch.uint8))
        turned = torch.arange(config.classes, dtype=torch.uint8).repeat(config.turns, 1)
        self.register_buffer("turned", turned)
        self.register_buffer("seed_labels", torch.zeros(config.seeds, 6, dtype=torch.int16))

    def look(self, codes: Tensor, condition: Condition) -> Tensor:
        """What the blocks make of every cell, normalised, [B, h * w, D].

        Args:
            codes: Coarse and fine codes, [B, 2, h, w] int64; a number of codes means hidden.
            condition: What is to be drawn.
        """
        batch, _, height, width = codes.shape
        colours = condition.colours + torch.tensor([0, len(self.config.colours) + 1]).to(codes)
        size = condition.size + torch.tensor([0, SIZES + 1, 2 * (SIZES + 1)]).to(codes)
        told = torch.stack([
            self.kind(condition.kind) + self.subclass(condition.subclass),
            self.words(condition.words).sum(1),
            self.colours(colours).sum(1),
            self.size(size).sum(1),
        ], 1)  # fmt: skip
        x = self.coarse(codes[:, 0]) + self.fine(codes[:, 1]) + self.cover(condition.cover)
        x = x.view(batch, height * width, -1) + self.place + self.mix(told.sum(1))[:, None]
        x = torch.cat([told, x], 1)
        table = rotary2d(height, width, self.config.dim // self.config.num_heads, x.device)
        still = torch.zeros_like(table[:, : told.shape[1]])
        still[0] = 1
        table = torch.cat([still, table], 1)
        for block in self.blocks:
            x = block(x, table)
        result: Tensor = self.norm(x[:, told.shape[1] :])
        return result

    def forward(self, codes: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Logits of the coarse codes [B, h * w, codes[0]] and of the fine ones [..., codes[1]]."""
        seen = self.look(codes, condition)
        return self.to_coarse(seen), self.to_fine(seen)

    @torch.no_grad()
    def fill(
        self,
        codes: Tensor,
        condition: Condition,
        generator: torch.Generator,
        *,
        steps: tuple[int, int] = (8, 5),
        temperature: tuple[float, float] = (0.9, 0.7),
        guidance: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Draw the hidden codes: the coarse ones first, then the fine ones.

        Cells of a round are drawn without knowing of each other, so they lie apart; early rounds
        take few.

        Args:
            codes: As in `look`; what is known is kept. Hidden coarse codes hide the fine ones too.
            condition: What is to be drawn.
            generator: On the CPU; the result depends on it and on the arguments only.
            steps: Rounds for the coarse and for the fine codes.
            temperature: Of drawing a coarse and a fine code; below 1 is plainer.
            guidance: How far to go beyond the condition, 0 is not at all.

        Returns:
            Codes [B, 2, h, w], and the mean log chance of what was drawn, [B] float32.
        """
        codes = codes.clone(memory_format=torch.contiguous_format)
        batch, _, height, width = codes.shape
        hidden = codes == torch.tensor(self.config.codes).to(codes)[:, None, None]
        codes[:, 1][hidden[:, 0]] = self.config.codes[1]
        hidden[:, 1] |= hidden[:, 0]
        blank = self.unknown(condition) if guidance else None
        total = torch.zeros(batch, device=codes.device)
        for layer, head in enumerate((self.to_coarse, self.to_fine)):
            mask = hidden[:, layer].flatten(1)
            if not mask.any():
                continue
            order = bayer_order(batch, height, width, generator).to(codes.device)
            rank = order.masked_fill(~mask, 2.0).argsort(dim=1, stable=True).argsort(dim=1)
            count, done = mask.sum(1), torch.zeros(batch, dtype=torch.long, device=codes.device)
            for step in range(steps[layer]):
                left = torch.floor(count * math.cos(math.pi / 2 * (step + 1) / steps[layer]))
                until = count - (left.long() if step < steps[layer] - 1 else 0)
                now = (rank >= done[:, None]) & (rank < until[:, None])
                done = until
                noise = torch.rand(batch * height * width, generator=generator).to(codes.device)
                rows = now.flatten().nonzero()[:, 0]
                if not len(rows):
                    continue
                if blank is None:
                    logits = head(self.look(codes, condition).flatten(0, 1)[rows]).float()
                else:
                    both = self.look(codes.repeat(2, 1, 1, 1), Condition.cat([condition, blank]))
                    told, free = both.chunk(2)
                    logits = head(told.flatten(0, 1)[rows]).float()
                    logits += guidance * (logits - head(free.flatten(0, 1)[rows]).float())
                # Rounded, so that how a sum was ordered does not decide what is drawn.
                logits = (logits * 128).round_().mul_(1 / (128 * temperature[layer]))
                chance = torch.softmax(logits, -1)
                sums = chance.cumsum(-1)
                aim = noise[rows, None] * sums[:, -1:]
                drawn = torch.searchsorted(sums, aim, right=True)[:, 0]
                drawn = torch.minimum(drawn, (sums < sums[:, -1:]).sum(-1))
                flat = codes[:, layer].flatten().clone()
                flat[rows] = drawn
                codes[:, layer] = flat.view(batch, height, width)
                sure = chance.gather(1, drawn[:, None])[:, 0].clamp(min=1e-9).log()
                total.index_add_(0, rows // (height * width), sure)
        return codes, total / hidden.sum((1, 2, 3)).clamp(min=1)

    def unknown(self, condition: Condition, *, kind: bool = False) -> Condition:
        """The same with all unknown but the kind, or with that too."""
        none = torch.full_like(condition.kind, len(self.config.kinds))
        return Condition(
            none if kind else condition.kind,
            torch.full_like(condition.subclass, len(self.config.subclasses)),
            torch.full_like(condition.words, len(self.config.words)),
            torch.full_like(condition.colours, len(self.config.colours)),
            torch.full_like(condition.size, SIZES),
            torch.full_like(condition.cover, COVERS),
        )


def covers(solid: Tensor) -> Tensor:
    """How much of each 4x4 cell a figure covers: [B, H, W] bool -> [B, H/4, W/4] int64."""
    batch, height, width = solid.shape
    share = solid.view(batch, height // 4, 4, width // 4, 4).float().mean((2, 4))
    return (share > 0).long() + (share >= 0.5).long() + (share >= 1).long()


def sizes(solid: Tensor) -> Tensor:
    """Steps of width, height and filled share of the bounding box, [B, H, W] bool -> [B, 3]."""
    rows, columns = solid.any(2), solid.any(1)

    def extent(line: Tensor) -> Tensor:
        place = torch.arange(line.shape[1], device=line.device)
        last = torch.where(line, place, -1).amax(1)
        first = torch.where(line, place, line.shape[1]).amin(1)
        return (last - first + 1).clamp(min=0)

    width, height = extent(columns), extent(rows)
    filled = solid.sum((1, 2)) / (width * height).clamp(min=1)
    side = solid.shape[2]
    steps = torch.stack([width * SIZES / (side + 1), height * SIZES / (side + 1),
                         (filled - 0.25) * SIZES / 0.65], 1)  # fmt: skip
    return steps.floor().long().clamp(0, SIZES - 1)
