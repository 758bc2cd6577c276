"""Decoder over colour slots whose items can be mixed: between two bodies lies a third.

Small sprites are described almost wholly by what they are made of and how they stand. Each item
(a head, a body, ...) in each facing is a learnt low-resolution map and a vector; an attribute takes
the weighted sum of its items, so that training on shapes between two bodies gives a space of bodies
to draw from. The output is one slot per pixel: hard edges, any palette.

References:
    Sohn et al., "Learning Structured Output Representation using Deep Conditional Generative
    Models" (NeurIPS 2015): the conditional decoder. What differs: no latent, because the labels say
    everything; a random draw is a random mixture of items.
    Zhang et al., "mixup: Beyond Empirical Risk Minimization", arXiv:1710.09412: training between
    examples. What differs: the target between two bodies is a drawn shape, not a blend of labels.
    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv:1709.07871.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aigc_assets.models.slot_cvae import FilmConv


@dataclass(frozen=True)
class SlotMixerConfig:
    """Shape of the network.

    Args:
        classes: Number of slots per pixel, slot 0 is transparent.
        items: Number of values of each attribute.
        pose_directions: Facing of each pose, 0, 1, ....
        size: Side of a frame in px, a multiple of 4.
        widths: Channels at 1/4, 1/2 and full resolution.
        item_channels: Channels of the learnt map of one item in one direction.
        pose_channels: Channels of the learnt map of one pose.
        condition: Width of the condition vector.
    """

    classes: int
    items: tuple[int, ...]
    pose_directions: tuple[int, ...]
    size: int = 16
    widths: tuple[int, int, int] = (128, 96, 64)
    item_channels: int = 32
    pose_channels: int = 16
    condition: int = 96

    @classmethod
    def tiny(cls) -> SlotMixerConfig:
        """A preset for tests: 8x8 px, two attributes, four poses."""
        return cls(
            classes=6,
            items=(3, 4),
            pose_directions=(0, 1, 2, 3),
            size=8,
            widths=(32, 16, 16),
            item_channels=8,
            pose_channels=8,
            condition=16,
        )


class SlotMixer(nn.Module):
    """(items, weights, pose) -> slot logits."""

    offsets: Tensor
    directions: Tensor

    def __init__(self, config: SlotMixerConfig):
        super().__init__()
        self.config = config = dataclasses.replace(
            config,
            items=tuple(config.items),
            pose_directions=tuple(config.pose_directions),
            widths=tuple(config.widths),  # type: ignore[arg-type]
        )
        w4, w2, w1 = config.widths
        self.grid = config.size // 4
        cells = self.grid**2
        condition = config.condition
        offsets = [sum(config.items[:i]) for i in range(len(config.items))]
        self.register_buffer("offsets", torch.tensor(offsets), persistent=False)
        directions = torch.tensor(config.pose_directions)
        self.register_buffer("directions", directions, persistent=False)
        self.sides = max(config.pose_directions) + 1
        total, poses = sum(config.items), len(config.pose_directions)
        self.item_maps = nn.Embedding(total * self.sides, config.item_channels * cells)
        self.pose_maps = nn.Embedding(poses, config.pose_channels * cells)
        self.item_vectors = nn.Embedding(total, condition)
        self.pose_vectors = nn.Embedding(poses, condition)
        for table, std in ((self.item_maps, 0.3), (self.pose_maps, 0.5),
                           (self.item_vectors, 0.3), (self.pose_vectors, 0.5)):  # fmt: skip
            nn.init.normal_(table.weight, std=std)
        self.mix = nn.Sequential(nn.LeakyReLU(0.1), nn.Linear(condition, condition))
        inputs = config.item_channels + config.pose_channels
        self.stages = nn.ModuleList(
            [
                nn.ModuleList([FilmConv(inputs, w4, condition),
                               FilmConv(w4, w4, condition, residual=True),
                               FilmConv(w4, w4, condition, residual=True)]),
                nn.ModuleList([FilmConv(w4, w2, condition),
                               FilmConv(w2, w2, condition, residual=True)]),
                nn.ModuleList([FilmConv(w2, w1, condition),
                               FilmConv(w1, w1, 0, residual=True)]),
            ]
        )  # fmt: skip
        self.head = nn.Conv2d(w1, config.classes, 1)

    def forward(self, items: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
        """Slot logits of frames.

        Args:
            items: Values of each attribute, [B, A, K] int64; K items are mixed.
            weights: Their shares, [B, A, K], which sum to 1 over K.
            pose: Pose numbers, [B] int64.

        Returns:
            Logits, [B, classes, size, size].
        """
        flat = items + self.offsets[:, None]
        turned = flat * self.sides + self.directions[pose][:, None, None]
        shares = weights[..., None]
        maps = (self.item_maps(turned) * shares).sum((1, 2))
        maps = torch.cat([maps, self.pose_maps(pose)], 1)
        maps = maps.unflatten(1, (-1, self.grid, self.grid))
        c = (self.item_vectors(flat) * shares).sum((1, 2)) + self.pose_vectors(pose)
        c = c + self.mix(c)
        x = maps.contiguous(memory_format=torch.channels_last)
        for number, stage in enumerate(self.stages):
            assert isinstance(stage, nn.ModuleList)
            for place, layer in enumerate(stage):
                x = layer(x, c, up=number > 0 and place == 0)
        logits: Tensor = self.head(x)
        return logits
