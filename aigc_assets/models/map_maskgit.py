"""Masked-token Transformer for tile maps: fills in what is hidden, given what is pinned.

A token is a patch of 2x2 tiles. Each tile enters with an embedding of its own, so that a patch may
be known in part, and the output is one distribution over all joint values of the patch: a pinned
tile leaves only the values that agree with it, an exact constraint and no penalty.

References:
    Chang et al., "MaskGIT: Masked Generative Image Transformer", arXiv:2202.04200 (training with
    random masks, parallel decoding with a cosine schedule).
    Sahoo et al., "Simple and Effective Masked Diffusion Language Models", arXiv:2406.07524 (plain
    sampling in an order that does not depend on confidence).
    Wang et al., "Remasking Discrete Diffusion Models with Inference-Time Scaling",
    arXiv:2503.00307 (drawing again what was drawn early).
    Rotary positions: Su et al., arXiv:2104.09864, here half of the channels turn with the row and
    half with the column; RMSNorm: Zhang and Sennrich, arXiv:1910.07467; SwiGLU: Shazeer,
    arXiv:2002.05202; query and key normalisation: Henry et al., arXiv:2010.04245.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.transformer_parts import ManyRowsLinear, RootMeanSquareNorm, add_to
from aigc_assets.ops import NATIVE, declare, gated_silu, qk_norm_rotary, sliding_attention

USUAL_SHARES = (0.03, 0.16, 0.21, 0.21, 0.2, 0.14, 0.05, 0.0)
"""How often level windows lie in each step of the share of open tiles."""

FEWEST_STEPS = 3
"""Of filling, however few patches are hidden."""


@dataclass(frozen=True)
class MapMaskgitConfig:
    """Sizes of a `MapMaskgit`.

    Args:
        classes: Values of a tile; what they mean depends on the theme.
        themes: Number of theme labels.
        shares: Number of steps in which a wanted share of open tiles can be given.
        dim: Width D, a multiple of ``4 * num_heads``.
        num_layers: Blocks.
        num_heads: Attention heads.
        hidden: Width of the gated feed-forward layer.
        window: Side, in tiles, of the windows that it was trained on.
    """

    classes: int = 5
    themes: int = 5
    shares: int = 8
    dim: int = 192
    num_layers: int = 6
    num_heads: int = 4
    hidden: int = 512
    window: int = 32

    @classmethod
    def tiny(cls) -> MapMaskgitConfig:
        """A few thousand parameters, for tests."""
        return cls(classes=3, themes=2, dim=16, num_layers=2, num_heads=2, hidden=24, window=16)

    @property
    def patch(self) -> int:
        """Tiles of a token and side."""
        return 2

    @property
    def mask(self) -> int:
        """Code of a tile that is to be filled in."""
        return self.classes

    @property
    def outside(self) -> int:
        """Code of a tile that does not belong to the map; its class is 0."""
        return self.classes + 1


class MapMaskgit(nn.Module):
    """Maps with hidden tiles -> logits of the joint values of every patch."""

    values: Tensor
    """Tiles of each joint value, [classes ** 4, 4]: upper left, upper right, lower left, right."""
    allowed: Tensor
    """For each joint value of known, hidden and outer tiles: which values agree with it."""
    weights: Tensor
    """Of the four tiles in the number of such a joint value."""

    def __init__(self, config: MapMaskgitConfig | None = None):
        super().__init__()
        config = config or MapMaskgitConfig()
        self.config = config
        tiles = config.patch**2
        self.tiles = nn.Parameter(torch.randn(tiles, config.classes + 2, config.dim) * 0.5)
        self.theme = nn.Embedding(config.themes, config.dim)
        self.share = nn.Embedding(config.shares + 1, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RootMeanSquareNorm(config.dim)
        self.head = ManyRowsLinear(config.dim, config.classes**tiles)
        nn.init.normal_(self.theme.weight, std=0.5)
        nn.init.normal_(self.share.weight, std=0.5)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        values = torch.tensor(list(itertools.product(range(config.classes), repeat=tiles)))
        self.register_buffer("values", values, persistent=False)
        codes = torch.tensor(list(itertools.product(range(config.classes + 2), repeat=tiles)))
        known = torch.where(codes == config.outside, 0, codes)[:, None]
        allowed = ((known == values) | (known == config.mask)).all(-1)
        self.register_buffer("allowed", allowed, persistent=False)
        weights = (config.classes + 2) ** torch.arange(tiles - 1, -1, -1)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, cells: Tensor, theme: Tensor, share: Tensor) -> Tensor:
        """Judge every patch.

        Args:
            cells: Classes, ``config.mask`` or ``config.outside``, [B, H, W] int64; H and W even.
            theme: [B] int64 labels.
            share: Wanted share of open tiles in steps of the training, or ``config.shares`` for
                any, [B] int64.

        Returns:
            Logits [B, H/2, W/2, classes ** 4] of the joint values in the order of ``values``.
            Values that contradict a known tile are not excluded; see `agrees`.
        """
        logits: Tensor = self.head(self.norm(self.look(cells, theme, share)))
        return logits.unflatten(1, (cells.shape[1] // 2, cells.shape[2] // 2))

    def look(self, cells: Tensor, theme: Tensor, share: Tensor) -> Tensor:
        """What the blocks make of every patch, [B, H/2 * W/2, D]; inputs as in `forward`."""
        batch, height, width = cells.shape
        h, w = height // 2, width // 2
        # One product with a one-hot matrix: the sum of the embeddings of the four tiles.
        hot = F.one_hot(split(cells), self.config.classes + 2).flatten(3).to(self.tiles.dtype)
        x = F.linear(hot, self.tiles.flatten(0, 1).t())
        x = x + (self.theme(theme) + self.share(share))[:, None, None]
        x = x.view(batch, h * w, -1)
        table = rotary2d(h, w, self.config.dim // self.config.num_heads, x.device)
        for block in self.blocks:
            x = block(x, table)
        return x

    def agrees(self, cells: Tensor) -> Tensor:
        """Which joint values agree with the known tiles, [B, H/2, W/2, classes ** 4] bool."""
        return self.allowed[(split(cells) * self.weights).sum(-1)]

    @torch.no_grad()
    def fill(
        self,
        cells: Tensor,
        theme: Tensor,
        share: Tensor,
        generator: torch.Generator,
        *,
        steps: int = 6,
        rounds: int = 0,
        temperature: float = 0.94,
    ) -> tuple[Tensor, Tensor]:
        """Fill in the hidden tiles in a few rounds, in an order that keeps neighbours apart.

        Patches of a round are drawn without knowing of each other, so they must not be neighbours:
        the order is that of a `bayer_order`, shifted by chance, and early rounds take few. (The
        surest patches first, as in MaskGIT, draws large plain areas: what is surest is what is
        commonest.)

        Args:
            cells: As in `forward`; known tiles are kept.
            theme: [B] int64 labels.
            share: Wanted share of open tiles as in `forward`, [B] int64.
            generator: On the CPU; the result depends on it and on the arguments only.
            steps: Steps of filling a window of which all is hidden, in proportion fewer where less
                is; the share of patches that is still hidden falls like a cosine.
            rounds: Steps in which a quarter of what was filled in is drawn again, knowing the rest:
                maps hold together better.
            temperature: Of drawing the value of a patch; below 1 maps are plainer, hold together
                better and repeat more of the levels.

        Returns:
            Classes [B, H, W] int64, and the chance of each class of each tile when it was filled
            in, [B, classes, H, W] float32; known tiles have one chance of 1.
        """
        config = self.config
        device = cells.device
        filled = torch.where(cells == config.outside, 0, cells).clamp(max=config.classes - 1)
        chances = split_hot(filled, config.classes).flatten(0, 2)
        tiles_of = F.one_hot(self.values, config.classes).flatten(1).float()
        batch, h, w, _ = split(cells).shape
        patches = split(cells).flatten(0, 2).clone()  # of all maps, one after the other
        hidden = (patches == config.mask).any(-1).view(batch, -1)
        order = bayer_order(batch, h, w, generator).to(device).masked_fill(~hidden, 2.0)
        rank = order.argsort(dim=1, stable=True).argsort(dim=1)
        count = hidden.sum(1)
        steps = max(min(steps, FEWEST_STEPS), math.ceil(steps * int(count.max()) / (h * w)))
        free = patches.clone()
        done = torch.zeros_like(count)
        for step in range(steps + rounds):
            if step < steps:
                left = torch.floor(count * math.cos(math.pi / 2 * (step + 1) / steps)).long()
                until = count - (left if step < steps - 1 else 0)
                now = (rank >= done[:, None]) & (rank < until[:, None])
                done = until
            else:  # every fourth patch again
                part = (step - steps) % 4
                now = (order >= part / 4) & (order < (part + 1) / 4)
            rows = now.flatten().nonzero()[:, 0]
            noise = torch.rand(len(patches), generator=generator)
            if not len(rows):
                continue
            patches[rows] = free[rows]
            seen = self.look(join(patches.view(batch, h, w, 4)), theme, share).flatten(0, 1)
            logits = self.head(self.norm(seen[rows])).float()
            # Rounded, so that how a sum was ordered does not decide what is drawn.
            logits = (logits * 128).round_().mul_(1 / (128 * temperature))
            allowed = self.allowed[(patches[rows] * self.weights).sum(-1)]
            chance = torch.softmax(logits.masked_fill_(~allowed, -torch.inf), -1)
            total = chance.cumsum(-1)
            aim = noise.to(device)[rows, None] * total[:, -1:]
            drawn = torch.searchsorted(total, aim, right=True)[:, 0]
            # A sum that ends below its last term must not end at a value of chance 0.
            drawn = torch.minimum(drawn, (total < total[:, -1:]).sum(-1))
            outside = patches[rows] == config.outside
            patches[rows] = torch.where(outside, config.outside, self.values[drawn])
            chances[rows] = (chance @ tiles_of).to(chances.dtype)  # autocast makes it narrow
        chances = chances.view(batch, h, w, 4, config.classes)
        by_class = torch.stack([join(chances[..., k]) for k in range(config.classes)], 1)
        filled = join(patches.view(batch, h, w, 4))
        return torch.where(filled == config.outside, 0, filled), by_class


def bayer_order(batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Numbers in [0, 1) whose every lower part is spread evenly over a grid, [B, height * width].

    The ordered-dither matrix of 16x16, repeated and shifted by chance; repeats differ by chance.

    References:
        Bayer, "An optimum method for two-level rendition of continuous-tone pictures" (1973).
    """
    bits = torch.arange(4)
    y, x = (torch.arange(16)[:, None] >> bits) & 1, (torch.arange(16)[:, None] >> bits) & 1
    digit = 2 * (y[:, None] ^ x[None]) + x[None]  # [16, 16, 4], the least bit weighs most
    rank = (digit << (6 - 2 * bits)).sum(-1)
    shift = torch.randint(16, (batch, 2), generator=generator)
    rows = (torch.arange(height) + shift[:, :1]) % 16
    columns = (torch.arange(width) + shift[:, 1:]) % 16
    order = rank[rows[:, :, None], columns[:, None]] + torch.rand(batch, height, width,
                                                                  generator=generator)  # fmt: skip
    return (order / 256).flatten(1)


def split_hot(cells: Tensor, classes: int) -> Tensor:
    """Classes [B, H, W] -> one-hot tiles of each patch, [B, H/2, W/2, 4 * classes] float32."""
    return F.one_hot(split(cells), classes).flatten(-2).float()


def split(cells: Tensor) -> Tensor:
    """[B, H, W] -> the four tiles of each patch, [B, H/2, W/2, 4]."""
    batch, height, width = cells.shape
    patches = cells.view(batch, height // 2, 2, width // 2, 2).permute(0, 1, 3, 2, 4)
    return patches.reshape(batch, height // 2, width // 2, 4)


def join(patches: Tensor) -> Tensor:
    """The reverse of `split`."""
    batch, h, w, _ = patches.shape
    return patches.view(batch, h, w, 2, 2).permute(0, 1, 3, 2, 4).reshape(batch, 2 * h, 2 * w)


def rotary2d(height: int, width: int, head_dim: int, device: torch.device) -> Tensor:
    """Cosines and sines of the positions of a grid of tokens, [2, height * width, head_dim / 2].

    The first half of the angles turns with the row, the second with the column.
    """
    quarter = head_dim // 4
    frequency = 1.0 / (
        32.0 ** (torch.arange(quarter, dtype=torch.float32, device=device) / quarter)
    )
    y = torch.arange(height, dtype=torch.float32, device=device)
    x = torch.arange(width, dtype=torch.float32, device=device)
    rows = (y[:, None, None] * frequency).expand(height, width, quarter)
    columns = (x[None, :, None] * frequency).expand(height, width, quarter)
    angle = torch.cat((rows, columns), -1).reshape(height * width, 2 * quarter)
    return torch.stack((angle.cos(), angle.sin()))


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention of [B, heads, L, D / heads], each to all.

    Where gradients are recorded on a CPU the scores are written out: for a few hundred tokens that
    is three times as fast as the backward pass of the fused attention there.
    """
    if query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value)
    if query.requires_grad:
        scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
        return torch.matmul(torch.softmax(scores, -1), value)
    if NATIVE.state != "loaded" or declare.is_plain_torch():
        return F.scaled_dot_product_attention(query, key, value)
    return sliding_attention(query, key, value, window=query.shape[2], causal=False)


class Block(nn.Module):
    """Attention of all tokens to all and a gated feed-forward layer, each before a residual sum."""

    def __init__(self, config: MapMaskgitConfig):
        super().__init__()
        dim, self.num_heads = config.dim, config.num_heads
        self.before = RootMeanSquareNorm(dim)
        self.qkv = ManyRowsLinear(dim, 3 * dim, bias=False)
        self.of_query = RootMeanSquareNorm(dim // config.num_heads)
        self.of_key = RootMeanSquareNorm(dim // config.num_heads)
        self.out = ManyRowsLinear(dim, dim, bias=False)
        self.between = RootMeanSquareNorm(dim)
        self.gate = ManyRowsLinear(dim, 2 * config.hidden, bias=False)
        self.down = ManyRowsLinear(config.hidden, dim, bias=False)
        for last in (self.out, self.down):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """[B, L, D] -> the same."""
        batch, length, dim = x.shape
        qkv = self.qkv(self.before(x)).view(batch, length, 3, self.num_heads, -1)
        query, key, value = qk_norm_rotary(qkv, self.of_query.scale, self.of_key.scale, table)
        found = attend(query, key, value.to(query.dtype))
        x = add_to(x, self.out(found.transpose(1, 2).reshape(batch, length, dim)))
        return add_to(x, self.down(gated_silu(self.gate(self.between(x)))))
