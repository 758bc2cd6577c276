"""Training of the refiners of the map GAN: to say what a tile is, given others of a real map.

Nothing adversarial: windows of levels as closed maps, some parities hidden as in one of the passes,
cross entropy of the parity that the pass draws. Some tiles that are shown are wrong, as those of a
draft or of a pass before are.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_assets.models.map_refiner import COARSE, FINE, MapRefiner, seen
from aigc_assets.training.maps.windows import (
    CLASSES,
    SIDE,
    WIDE,
    Outline,
    Windows,
    enclose,
    symmetry,
)

WRONG, SHIFTED = 0.15, 0.6
"""Largest mean share of tiles shown wrong in a batch, and the share of these that are those of a
neighbour; others are random."""
PASSES = sorted({(each.drawn, each.known) for each in COARSE + FINE})


def closed_maps(
    windows: Windows, theme: np.ndarray, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Varied windows of these themes as closed maps of 12 to 32 tiles a side, turned at random.

    Returns:
        Classes [B, 40, 40] int64; 1 for the tiles of the map, [B, 1, 40, 40] float32.
    """
    cells, inside = [], []
    for label in theme.tolist():
        window = torch.from_numpy(windows.draw(label, random))
        outline = closed_outline(random)
        cells.append(enclose(symmetry(window, int(random.integers(8))).numpy(), outline))
        inside.append(outline.inside(WIDE, WIDE))
    mask = torch.from_numpy(np.stack(inside).astype(np.float32))
    return torch.from_numpy(np.stack(cells)).long(), mask[:, None]


def closed_outline(random: np.random.Generator) -> Outline:
    """Of a map within a window, mostly 32 long, else 12 to 32."""
    lines: list[int] = []
    for _ in range(2):
        length = SIDE if random.random() < 0.6 else int(random.integers(12, SIDE + 1))
        start = int(random.integers(WIDE - length + 1))
        lines += [start, start + length - 1]
    return Outline(*lines)


def halves(cells: Tensor, inside: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Every second tile of every second row, twice: from two of the four that may come first."""
    first = random.permutation(4)[:2].tolist()
    cut = [(cells[:, k // 2 :: 2, k % 2 :: 2], inside[..., k // 2 :: 2, k % 2 :: 2]) for k in first]
    return torch.cat([c for c, _ in cut]), torch.cat([i for _, i in cut])


def refiner_loss(
    refiner: MapRefiner,
    cells: Tensor,
    inside: Tensor,
    theme: Tensor,
    random: np.random.Generator,
) -> Tensor:
    """Cross entropy of the tiles that a random pass draws, in nats a tile.

    Args:
        refiner: On the device of the tensors.
        cells: Classes [B, H, W] int64.
        inside: [B, 1, H, W].
        theme: [B] int64.
        random: Of passes and wrong tiles.
    """
    tiles = F.pixel_unshuffle(_hot(_with_errors(cells, random)) * inside, 2)
    here = F.pixel_unshuffle(inside, 2)
    chosen = [PASSES[i] for i in random.integers(len(PASSES), size=len(cells))]
    shown = torch.cat([seen(known, CLASSES, tiles) for _, known in chosen])
    logits = refiner(tiles * shown, here, theme).float()
    wanted = F.pixel_unshuffle(_hot(cells), 2).unflatten(1, (CLASSES, 4))
    errors = -(torch.log_softmax(logits.unflatten(1, (CLASSES, 4)), 1) * wanted).sum(1)
    weight = here * torch.cat([seen((drawn,), 1, here) for drawn, _ in chosen])
    return (errors * weight).sum() / weight.sum()


def _with_errors(cells: Tensor, random: np.random.Generator) -> Tensor:
    share = WRONG * random.random() ** 2 * 2 * random.random((len(cells), 1, 1))
    wrong = random.random(cells.shape) < share
    shift = [int(v) for v in random.integers(-1, 2, size=2)]
    near = cells.roll(shift, (1, 2)).cpu().numpy()
    other = random.integers(CLASSES, size=cells.shape)
    other = np.where(random.random(cells.shape) < SHIFTED, near, other)
    return torch.where(torch.from_numpy(wrong).to(cells.device),
                       torch.from_numpy(other).to(cells.device), cells)  # fmt: skip


def _hot(cells: Tensor) -> Tensor:
    return F.one_hot(cells, CLASSES).permute(0, 3, 1, 2).float()
