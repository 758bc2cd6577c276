"""Pose decoder: one drawn frame in, the same figure in another pose out, in its own colours.

Every output pixel is a choice: copy a pixel of the drawn frame from at most two steps away, or
paint with one of its colours. Colours take part by what the network sees where they are used, so
there may be any colours in any order, and none can appear that the drawn frame does not have.

References:
    Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    arXiv:1505.04597.
    See et al., "Get To The Point: Summarization with Pointer-Generator Networks",
    arXiv:1704.04368: a gate between copying and generating, here per pixel.
    Coutinho and Chaimowicz, "Generating Pixel Art Character Sprites using GANs",
    arXiv:2208.06413: drawing the missing poses of a sprite. What differs: no colour is regressed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.slot_cvae import FilmConv

REACH = 2
"""How far in px a pixel may be copied."""


@dataclass(frozen=True)
class PoseDecoderConfig:
    """Shape of the network.

    Args:
        poses: Number of poses.
        widths: Channels at full, 1/2 and 1/4 resolution.
        condition: Width of the pose vector.
        key: Width of the vectors by which pixels choose colours.
    """

    poses: int
    widths: tuple[int, int, int] = (64, 96, 128)
    condition: int = 64
    key: int = 32

    @classmethod
    def tiny(cls) -> PoseDecoderConfig:
        """A preset for tests."""
        return cls(poses=3, widths=(16, 16, 32), condition=16, key=8)


class PoseDecoder(nn.Module):
    """(frame, colours, pose) -> log probability of each colour at each pixel."""

    def __init__(self, config: PoseDecoderConfig):
        super().__init__()
        self.config = config = dataclasses.replace(
            config,
            widths=tuple(config.widths),  # type: ignore[arg-type]
        )
        w1, w2, w4 = config.widths
        condition = config.condition
        self.pose = nn.Embedding(config.poses, condition)
        self.stem = FilmConv(6, w1, 0)
        self.down2 = nn.Conv2d(w1, w2, 4, 2, 1)
        self.same2 = FilmConv(w2, w2, condition, residual=True)
        self.down4 = nn.Conv2d(w2, w4, 4, 2, 1)
        self.middle = nn.ModuleList([FilmConv(w4, w4, condition, residual=True) for _ in range(3)])
        self.up2 = FilmConv(w4, w2, condition)
        self.join2 = FilmConv(2 * w2, w2, condition)
        self.up1 = FilmConv(w2, w1, condition)
        self.join1 = FilmConv(2 * w1, w1, condition)
        self.last = FilmConv(w1, w1, condition, residual=True)
        self.query = nn.Conv2d(w1, config.key, 1)
        self.key = nn.Linear(w1 + 4, config.key)
        self.copy = nn.Conv2d(w1, (2 * REACH + 1) ** 2, 1)
        self.gate = nn.Conv2d(w1, 1, 1)
        nn.init.constant_(self.gate.bias, 1.0)  # type: ignore[arg-type]

    def forward(self, frame: Tensor, colours: Tensor, pose: Tensor) -> Tensor:
        """Log probabilities of colours.

        Args:
            frame: Number of the colour of each pixel, 0 transparent, [B, H, W] int64.
            colours: OKLab of each colour, row 0 is not looked at, [B, K, 3] float.
            pose: Pose to draw, [B] int64.

        Returns:
            [B, K, H, W]; colours that the frame does not have are at -inf or below any others.
        """
        count = colours.shape[1]
        onehot = F.one_hot(frame, count).permute(0, 3, 1, 2).to(colours.dtype)
        used = onehot.sum((2, 3))
        table = torch.cat([colours * 2 - 1, torch.ones_like(colours[..., :1])], 2)
        table = torch.cat([torch.zeros_like(table[:, :1]), table[:, 1:]], 1)
        seen = torch.einsum("bkhw,bkc->bchw", onehot, table)
        x = torch.cat([seen, _coordinates(seen)], 1)
        c = self.pose(pose)

        full = self.stem(x.contiguous(memory_format=torch.channels_last), c)
        half = self.same2(F.leaky_relu(self.down2(full), 0.1), c)
        small = F.leaky_relu(self.down4(half), 0.1)
        for layer in self.middle:
            small = layer(small, c)
        wide = self.join2(torch.cat([self.up2(small, c, up=True), half], 1), c)
        wide = self.join1(torch.cat([self.up1(wide, c, up=True), full], 1), c)
        wide = self.last(wide, c)

        where = onehot / used.clamp(min=1)[..., None, None]
        mean = torch.einsum("bkhw,bchw->bkc", where.to(full.dtype), full)
        key = self.key(torch.cat([mean, table.to(mean.dtype)], 2))
        paint = torch.einsum("bkc,bchw->bkhw", key, self.query(wide)).float()
        paint = paint * self.config.key**-0.5
        absent = (used == 0)[..., None, None]
        paint = torch.softmax(paint.masked_fill(absent, -1e4), 1)
        chosen = torch.softmax(self.copy(wide).float(), 1)
        copied = torch.zeros_like(paint).scatter_add(1, _neighbours(frame), chosen)
        gate = torch.sigmoid(self.gate(wide).float())
        mixed = gate * copied + (1 - gate) * paint
        return torch.log(mixed.clamp(min=1e-6)).masked_fill(absent, -1e4)


def _neighbours(frame: Tensor) -> Tensor:
    """Colour of every pixel that may be copied, [B, 25, H, W]; outside it is transparent."""
    height, width = frame.shape[1:]
    padded = F.pad(frame, (REACH, REACH, REACH, REACH))
    steps = range(2 * REACH + 1)
    return torch.stack([padded[:, y : y + height, x : x + width] for y in steps for x in steps], 1)


def _coordinates(x: Tensor) -> Tensor:
    """Row and column of each pixel, -1..1, [B, 2, H, W]."""
    height, width = x.shape[2:]
    rows = torch.linspace(-1, 1, height, dtype=x.dtype, device=x.device)
    columns = torch.linspace(-1, 1, width, dtype=x.dtype, device=x.device)
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return grid.expand(x.shape[0], -1, -1, -1)
