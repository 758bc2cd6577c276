"""The map GAN as it is shipped: a draft, refined from every fourth tile to every tile.

The draft is decided eight tiles at a time and without chance, which leaves combs of period two and
blobs for walls. So only every fourth tile of it is kept. Two small networks draw the others, one
every second tile, then one every tile: in each of a few passes all tiles of one parity, by chance,
given those that are known by then. Further passes draw parities again, colder, given all others:
such sweeps straighten what the first ones, in which neighbours did not know of each other, left
ragged.

References:
    Reed et al., "Parallel Multiscale Autoregressive Density Estimation", arXiv:1703.03664.
    Geman & Geman, "Stochastic Relaxation, Gibbs Distributions, and the Bayesian Restoration of
    Images", IEEE TPAMI 6(6), 1984 (sweeps that get colder).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.sagan import MapGenerator, SaganConfig
from aigc_assets.ops import conv3x3_act

FIRST, RIGHT, BELOW, ACROSS = range(4)
"""Parities of a tile: row and column even; only the column odd; only the row odd; both odd."""


class Pass(NamedTuple):
    """One pass of a refiner.

    Attributes:
        drawn: Parity of the tiles that are drawn.
        known: Parities that the network sees.
        temperature: Of the draw.
    """

    drawn: int
    known: tuple[int, ...]
    temperature: float = 1.0


GROWING = (
    Pass(ACROSS, (FIRST,)),
    Pass(RIGHT, (FIRST, ACROSS)),
    Pass(BELOW, (FIRST, RIGHT, ACROSS)),
)
"""From one tile of four to all."""
SWEEP = tuple(
    Pass(parity, tuple(other for other in range(4) if other != parity), 0.7)
    for parity in (FIRST, ACROSS, RIGHT, BELOW)
)
"""All tiles once more, each given all of other parities."""
COARSE = (*GROWING, SWEEP[0]._replace(temperature=1.0))
"""Passes over every second tile."""
FINE = GROWING + SWEEP
"""Passes over every tile."""


@dataclass(frozen=True)
class MapGanConfig:
    """Sizes of the draft and of the two refiners.

    Args:
        draft: Of the draft.
        width: Channels of a refiner.
        blocks: Residual convolutions of a refiner.
        context: Values of a refiner's theme.
    """

    draft: SaganConfig = field(default_factory=SaganConfig)
    width: int = 64
    blocks: int = 4
    context: int = 8

    def __post_init__(self) -> None:
        draft: Any = self.draft
        if isinstance(draft, dict):  # as a card holds it
            object.__setattr__(self, "draft", SaganConfig(**draft))

    @classmethod
    def tiny(cls) -> MapGanConfig:
        """A few thousand parameters, for tests."""
        return cls(draft=SaganConfig.tiny(), width=8, blocks=1, context=2)


class MapRefiner(nn.Module):
    """Tiles with gaps -> logits of all tiles, on a torus."""

    def __init__(self, config: MapGanConfig):
        super().__init__()
        classes, width = config.draft.classes, config.width
        self.theme = nn.Embedding(config.draft.themes, config.context)
        self.stem = nn.Conv2d(4 * classes + 4, width, 3)
        self.gain = nn.Linear(config.context, config.blocks * width)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3) for _ in range(config.blocks))
        self.head = nn.Conv2d(width, 4 * classes, 1)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.gain.bias)

    def forward(self, tiles: Tensor, inside: Tensor, theme: Tensor) -> Tensor:
        """Look at what is known.

        Args:
            tiles: One-hot classes, zeros where a tile is not known or not inside; four parities
                beside each other as `pixel_unshuffle` has them, [B, 4 * classes, h, w].
            inside: 1 for the tiles of the map, else 0, [B, 4, h, w].
            theme: [B] int64 labels.

        Returns:
            Logits [B, 4 * classes, h, w].
        """
        x = self._look(tiles, inside, self._gains(theme))
        found = F.linear(x, self.head.weight.flatten(1), self.head.bias)
        return found.permute(0, 3, 1, 2)

    def _gains(self, theme: Tensor) -> tuple[Tensor, ...]:
        """Of each block, [B, width]."""
        # In half width, torch's products of one row take three times as long as wide ones.
        wide = torch.promote_types(self.gain.weight.dtype, torch.float32)
        values = (self.theme(theme), self.gain.weight, self.gain.bias)
        gains = 1 + F.linear(*(value.to(wide) for value in values))
        return gains.to(self.gain.weight.dtype).chunk(len(self.blocks), 1)

    def _look(self, tiles: Tensor, inside: Tensor, gains: Sequence[Tensor]) -> Tensor:
        """[B, h, w, width]."""
        x = torch.cat([tiles, inside], 1).contiguous(memory_format=torch.channels_last)
        x = conv3x3_act(x, self.stem.weight, self.stem.bias, padding_mode="circular")
        for block, gain in zip(self.blocks, gains, strict=True):
            assert isinstance(block, nn.Conv2d)
            x = conv3x3_act(x, block.weight, block.bias, style=gain.to(x.dtype), residual=x,
                            padding_mode="circular")  # fmt: skip
        return x.permute(0, 2, 3, 1)

    def draw(
        self,
        first: Tensor,
        inside: Tensor,
        theme: Tensor,
        chance: Tensor,
        passes: Sequence[Pass] = FINE,
    ) -> tuple[Tensor, Tensor]:
        """Draw all tiles, given every second one of every second row.

        Args:
            first: Classes [B, h, w] of the tiles with even row and column.
            inside: 1 for the tiles of the map, else 0, [B, 1, 2h, 2w].
            theme: [B] int64 labels.
            chance: One number in [0, 1) for each tile that a pass draws, [B, passes, h, w].
            passes: In their order.

        Returns:
            Classes [B, 2h, 2w] int64, 0 outside, and the logits that each tile was drawn by last,
            [B, classes, 2h, 2w] float32.
        """
        kinds = self.head.out_channels // 4
        here = F.pixel_unshuffle(inside, 2)
        mask = here > 0
        classes = torch.zeros_like(mask, dtype=torch.int64)
        tiles = here.new_zeros(len(first), 4 * kinds, *first.shape[1:])
        logits = torch.zeros_like(tiles, dtype=torch.float32)

        # Comparing is cheaper than one_hot, which looks for the largest class first.
        each_kind = torch.arange(kinds, device=first.device).view(1, -1, 1, 1)

        def put(parity: int, made: Tensor) -> None:
            made = torch.where(mask[:, parity], made, 0)
            classes[:, parity] = made
            hot = made[:, None] == each_kind
            tiles[:, parity::4] = hot.logical_and_(mask[:, parity, None])

        put(FIRST, first)
        gains = self._gains(theme)
        assert self.head.bias is not None
        weight, bias = self.head.weight.flatten(1).float(), self.head.bias.float()
        for number, (drawn, known, temperature) in enumerate(passes):
            shown = tiles.clone()
            for parity in {*range(4)} - {*known}:
                shown[:, parity::4] = 0
            x = self._look(shown, here, gains).float()
            found = F.linear(x.flatten(0, 2), weight[drawn::4], bias[drawn::4])
            found = found.unflatten(0, x.shape[:3]).permute(0, 3, 1, 2)
            logits[:, drawn::4] = found
            exact = torch.round(found.detach() * 256) * (1 / 256 / temperature)
            below = torch.softmax(exact, 1).cumsum(1)[:, :-1]
            put(drawn, (below <= chance[:, number, None]).sum(1))
        return F.pixel_shuffle(classes, 2)[:, 0], F.pixel_shuffle(logits, 2)


class DrawnMap(NamedTuple):
    """What `MapGan` makes of its inputs.

    Attributes:
        classes: The map, [B, 8h, 8w] int64; 0 outside.
        logits: By which its tiles were drawn, [B, classes, 8h, 8w] float32.
        coarse: The same of every second tile before, [B, classes, 4h, 4w] float32.
        draft: Logits of `MapGan.sketch`, [B, classes, 8h, 8w].
    """

    classes: Tensor
    logits: Tensor
    coarse: Tensor
    draft: Tensor


class MapGan(nn.Module):
    """Noise on a torus of latent cells and a chance for each tile -> a map of classes."""

    def __init__(self, config: MapGanConfig | None = None):
        super().__init__()
        config = config or MapGanConfig()
        self.config = config
        self.draft = MapGenerator(config.draft)
        self.coarse = MapRefiner(config)
        self.fine = MapRefiner(config)
        self.register_buffer("shift", torch.zeros(config.draft.themes, config.draft.classes))

    def sketch(self, noise: Tensor, style: Tensor, theme: Tensor, inside: Tensor) -> Tensor:
        """Logits of the draft [B, classes, 8h, 8w], shifted to the shares that levels have.

        A network that decides for the likeliest class takes the common ones too often.
        """
        shift = self.get_buffer("shift")[theme]
        return self.draft(noise, style, theme, inside) + shift[:, :, None, None]

    def forward(
        self,
        noise: Tensor,
        style: Tensor,
        theme: Tensor,
        inside: Tensor,
        coarse_chance: Tensor,
        fine_chance: Tensor,
    ) -> DrawnMap:
        """Draw.

        Args:
            noise: As of `MapGenerator`, like all up to ``inside``.
            style: [B, style], standard normal.
            theme: [B] int64 labels.
            inside: 1 for the tiles of the map, its border too, else 0, [B, 1, 8h, 8w].
            coarse_chance: Numbers in [0, 1), [B, passes of `COARSE`, 2h, 2w].
            fine_chance: Numbers in [0, 1), [B, passes of `FINE`, 4h, 4w].
        """
        draft = self.sketch(noise, style, theme, inside)
        first = draft[:, :, ::4, ::4].argmax(1)
        return DrawnMap(*self.refine(first, theme, inside, coarse_chance, fine_chance), draft)

    def refine(
        self,
        first: Tensor,
        theme: Tensor,
        inside: Tensor,
        coarse_chance: Tensor,
        fine_chance: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw maps of H x W tiles, both multiples of 4, around every fourth tile.

        Args:
            first: Classes [B, H / 4, W / 4].
            theme: [B] int64 labels.
            inside: [B, 1, H, W].
            coarse_chance: [B, passes of `COARSE`, H / 4, W / 4].
            fine_chance: [B, passes of `FINE`, H / 2, W / 2].

        Returns:
            ``classes``, ``logits`` and ``coarse`` of `DrawnMap`.
        """
        half = inside[:, :, ::2, ::2]
        every_second, coarse = self.coarse.draw(first, half, theme, coarse_chance, COARSE)
        classes, logits = self.fine.draw(every_second, inside, theme, fine_chance, FINE)
        return classes, logits, coarse

    @staticmethod
    def chances(
        batch: int, size: tuple[int, int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The last two inputs of ``forward`` and of ``refine`` for maps of ``size`` tiles."""
        height, width = size
        coarse = torch.rand(batch, len(COARSE), height // 4, width // 4, generator=generator)
        fine = torch.rand(batch, len(FINE), height // 2, width // 2, generator=generator)
        return coarse, fine

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs of ``forward`` of the smallest grid."""
        side = self.config.draft.min_grid * self.config.draft.scale
        inputs = self.draft.example_inputs(batch, generator)
        return *inputs, *self.chances(batch, (side, side), generator)


def seen(known: Collection[int], classes: int, like: Tensor) -> Tensor:
    """1 for the channels of the known parities, else 0, [1, 4 * classes, 1, 1]."""
    row = torch.tensor([float(parity in known) for parity in range(4)])
    return row.repeat(classes).view(1, -1, 1, 1).to(like)
