"""The small convolutional network of the judges of pictures and of animations, and its training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = 64
"""Numbers of the layer before the answers."""
BATCH = 64


class JudgeNetwork(nn.Module):
    """Classifier with one head per question; the layer before the heads is what it embeds with.

    It looks at the figure on a 4 x 4 grid and, all over the picture, at the texture of the three
    finest scales, where damage to single pixels shows. ``fine`` is whether it looks at the full
    resolution, which is what takes longest.
    """

    def __init__(self, size: int, classes: Sequence[int], channels: int = 4, *, fine: bool = True):
        super().__init__()
        stages_needed = max(2, size.bit_length() - (3 if fine else 4))  # down to 4 x 4
        widths = [16, 32, 64, 96, 96][: 1 + stages_needed]
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, 1 if fine else 2, 1),
            nn.BatchNorm2d(widths[0]),
            nn.SiLU(),
        )
        stages: list[nn.Module] = []
        for before, after in pairwise(widths):
            stages.append(
                nn.Sequential(
                    nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.SiLU(),
                    nn.Conv2d(after, after, 3, 1, 1), nn.SiLU(),
                )
            )  # fmt: skip
        self.stages = nn.ModuleList(stages)
        self.squeeze = nn.Linear(widths[-1] * 16 + sum(widths[:3]), HIDDEN)
        self.scale = nn.BatchNorm1d(HIDDEN, affine=False)
        self.heads = nn.ModuleList(nn.Linear(HIDDEN, n) for n in classes)

    def embed(self, x: Tensor) -> Tensor:
        """The layer before the heads, [B, 64], of pictures [B, channels, S, S]: has no bounds."""
        x = self.stem(x)
        texture = [x.mean((2, 3))]
        for stage in self.stages:
            x = stage(x)
            texture.append(x.mean((2, 3)))
        shape = F.dropout(F.adaptive_avg_pool2d(x, 4).flatten(1), 0.2, self.training)
        seen: Tensor = self.scale(self.squeeze(torch.cat([shape, *texture[:3]], 1)))
        return seen

    def forward(self, x: Tensor) -> list[Tensor]:
        """Logits per question."""
        seen = F.dropout(F.silu(self.embed(x)), 0.2, self.training)
        return [head(seen) for head in self.heads]


def fit_network(
    network: JudgeNetwork,
    pictures: Tensor,
    labels: Tensor,
    *,
    steps: int,
    batch: int = BATCH,
    shares: Sequence[float],
    seed: int = 0,
    flip: bool = True,
) -> None:
    """Train with shifts of up to 2 px (and mirror images); a label of -1 is not asked for.

    ``shares`` are the weights of the questions.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    weights = [balance(labels[:, i], head.out_features) for i, head in enumerate(_heads(network))]
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # of dropout
        for _ in range(steps):
            pick = torch.randint(len(pictures), (batch,), generator=generator)
            move = torch.randint(-2, 3, (2,), generator=generator).tolist()
            x = torch.roll(pictures[pick], move, (2, 3))
            if flip and bool(torch.randint(2, (1,), generator=generator)):
                x = x.flip(3)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(x.contiguous(memory_format=torch.channels_last))
            losses = [
                F.cross_entropy(
                    out.float(), wanted, weight=w, ignore_index=-1, label_smoothing=0.05
                )
                * share
                for out, wanted, w, share in zip(
                    logits, labels[pick].T, weights, shares, strict=True
                )
                if bool((wanted >= 0).any())
            ]
            optimizer.zero_grad(set_to_none=True)
            torch.stack(losses).sum().backward()
            optimizer.step()
            schedule.step()
    network.eval()


def tensor_of(pictures: NDArray[np.uint8]) -> Tensor:
    """[N, S, S, 4] uint8 to [N, 4, S, S] in -1..1, transparent pixels without colour."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    alpha = (x[:, 3:] > 0).float()
    return enlarged(torch.cat([x[:, :3] * alpha, alpha], 1))


def enlarged(x: Tensor) -> Tensor:
    """Pictures below 32 px twice as large: the network's first step would skip pixels."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3) if x.shape[2] < 32 else x


def balance(labels: Tensor, classes: int) -> Tensor:
    """Weights of the classes: rare ones count more, by the root."""
    counts = torch.bincount(labels[labels >= 0], minlength=classes).float()
    return (1 / counts.clamp_min(1)).sqrt()


def _heads(network: JudgeNetwork) -> list[nn.Linear]:
    return [head for head in network.heads if isinstance(head, nn.Linear)]
