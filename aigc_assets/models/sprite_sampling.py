"""Drawing 32 px pictures by the prior alone: from wishes over outlines and codes to index maps.

An outline is borrowed from a stored picture of the same sub-class and bent, so that it is nobody's;
the words and colours come from the wish; everything within is drawn by the prior. Of several tries
the one that the prior thinks most typical is kept. After half an hour of training figures are right
as a whole and plain within: what is shipped joins parts instead, `models.sprite_crossover`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aigc_assets.models.fsq_vae import FsqVae, Known
from aigc_assets.models.sprite_maskgit import Condition, SpriteMaskgit, covers, sizes
from aigc_assets.types.oklab import families

SMALL = 110
"""Pixels below which a stored picture is seldom drawn from."""


@dataclass(frozen=True)
class Wish:
    """What one picture is to show, as numbers of the vocabularies of a `SpriteMaskgit`.

    Args:
        kind: Of ``config.kinds``.
        subclass: Of ``config.subclasses``, or their number for any.
        words: Three of ``config.words``, or their number for none.
        colours: Two of ``config.colours``; None for those of a stored picture.
        names: Of ``config.words``: pictures that are called so are drawn from where there are any,
            those that are called by most of them most often.
    """

    kind: int
    subclass: int
    words: tuple[int, ...]
    colours: tuple[int, int] | None = None
    names: tuple[int, ...] = ()


def dominant(pixels: Tensor, colours: Tensor) -> Tensor:
    """The two families that cover most of each figure, [B, H, W] int64 -> [B, 2] int64.

    Black counts a quarter: it is the outline of everything.
    """
    named = torch.from_numpy(families(colours.cpu().numpy())).to(pixels.device)
    count = F.one_hot(named[pixels], 12).float() * (pixels > 0)[..., None]
    count = count.sum((1, 2))
    count[:, 0] *= 0.25
    return count.topk(2, dim=1).indices


def bend(pixels: Tensor, generator: torch.Generator, amount: float = 1.0) -> Tensor:
    """Index maps [B, H, W], mirrored by chance, stretched, leaned and waved; feet stay put."""
    batch, height, width = pixels.shape

    def uniform(reach: float) -> Tensor:
        return (torch.rand(batch, 1, 1, generator=generator) * 2 - 1) * reach * amount

    y = torch.arange(height)[None, :, None] - (height - 1.0)
    x = torch.arange(width)[None, None] - (width - 1) / 2
    flip = torch.where(torch.rand(batch, 1, 1, generator=generator) < 0.5, -1.0, 1.0)
    lean, phase = uniform(0.08), uniform(3.14)
    across = x * (1 + uniform(0.14)) + lean * y + uniform(1.2) * torch.sin(y / 5 + phase)
    along = y * (1 + uniform(0.14)) + uniform(0.9) * torch.sin(x / 4 + phase)
    grid = torch.stack(torch.broadcast_tensors(
        flip * across / (width / 2), (along + height - 1.0 + 0.5) / (height / 2) - 1), -1
    )  # fmt: skip
    moved = F.grid_sample(pixels[:, None].float(), grid.expand(batch, height, width, 2),
                          mode="nearest", align_corners=False)  # fmt: skip
    return moved[:, 0].round().to(pixels.dtype)


def pick_seeds(prior: SpriteMaskgit, wishes: list[Wish], generator: torch.Generator) -> Tensor:
    """For each wish the number of a stored picture of its kind, sub-class and, by chance, words."""
    labels = prior.seed_labels.long()
    small = (prior.seed_images > 0).sum((1, 2)).cpu() < SMALL
    rows = []
    for wish in wishes:
        alike = torch.where(labels[:, 0] == wish.kind, 1.0, 1e-9).double()
        alike *= torch.where(small, 0.1, 1.0)
        if wish.subclass < len(prior.config.subclasses):
            alike *= torch.where(labels[:, 1] == wish.subclass, 1.0, 1e-5)
        for word in wish.words:
            if word < len(prior.config.words):
                alike *= torch.where((labels[:, 2:5] == word).any(1), 4.0, 1.0)
        if wish.names:
            named = torch.isin(labels[:, 2:5], torch.tensor(wish.names)).sum(1)
            alike *= torch.where(named > 0, 3.0**named, 1e-7)
        rows.append(int(torch.multinomial(alike, 1, generator=generator)))
    return torch.tensor(rows)


def draw(
    tokeniser: FsqVae,
    prior: SpriteMaskgit,
    wishes: list[Wish],
    generator: torch.Generator,
    *,
    tries: int = 1,
    **how: Any,
) -> NDArray[np.uint8]:
    """One picture for each wish, the most typical of ``tries``, index maps [N, H, W] uint8.

    Arguments as in `draw_tries`.
    """
    pictures, typical = draw_tries(tokeniser, prior, wishes, generator, tries=tries, **how)
    chosen: NDArray[np.uint8] = pictures[np.arange(len(wishes)), typical.argmax(1)]
    return chosen


@torch.no_grad()
def draw_tries(
    tokeniser: FsqVae,
    prior: SpriteMaskgit,
    wishes: list[Wish],
    generator: torch.Generator,
    *,
    tries: int = 1,
    bending: float = 1.0,
    steps: tuple[int, int] = (8, 5),
    temperature: tuple[float, float] = (0.9, 0.7),
    guidance: float = 0.0,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Some pictures for each wish.

    Args:
        tokeniser: Codes <-> pixels.
        prior: Draws codes.
        wishes: What to draw.
        generator: On the CPU; all that is by chance comes from it.
        tries: Pictures per wish.
        bending: How much outlines are changed, 1 is the usual.
        steps: Rounds for coarse and fine codes.
        temperature: Of coarse and fine codes.
        guidance: See `SpriteMaskgit.fill`.

    Returns:
        Index maps [len(wishes), tries, H, W] uint8, and how typical each is: the mean log chance of
        its codes, [len(wishes), tries].
    """
    device = prior.seed_images.device
    many = [wish for wish in wishes for _ in range(tries)]
    seeds = pick_seeds(prior, many, generator).to(device)
    others = pick_seeds(prior, many, generator).to(device)
    bent = bend(prior.seed_images[seeds].long().cpu(), generator, bending).to(device)
    solid = bent > 0
    lent = dominant(prior.seed_images[others].long(), tokeniser.colours)
    colours = torch.stack([
        lent[i] if wish.colours is None else torch.tensor(wish.colours, device=device)
        for i, wish in enumerate(many)
    ])  # fmt: skip
    condition = Condition(
        torch.tensor([w.kind for w in many], device=device),
        torch.tensor([w.subclass for w in many], device=device),
        torch.tensor([w.words for w in many], device=device),
        colours, sizes(solid), covers(solid),
    )  # fmt: skip
    blank = torch.tensor(prior.config.codes, device=device)[:, None, None]
    side = prior.config.side
    codes, typical = prior.fill(
        blank.expand(len(many), 2, side, side).contiguous(), condition, generator,
        steps=steps, temperature=temperature, guidance=guidance,
    )  # fmt: skip
    palette = tokeniser.palettes(prior.seed_images[others].long())
    for row, wish in enumerate(many):
        if wish.colours is not None:
            named = families(tokeniser.colours.cpu().numpy())
            palette[row] |= torch.from_numpy(named == wish.colours[0]).to(device)
    hidden = torch.full((len(many), 4 * side, 4 * side), tokeniser.config.classes, device=device)
    pixels = tokeniser.draw(codes, Known(hidden, palette), generator)
    drawn = pixels.cpu().numpy().astype(np.uint8)
    shape = (len(wishes), tries)
    return drawn.reshape(*shape, *drawn.shape[1:]), typical.cpu().numpy().reshape(shape)
