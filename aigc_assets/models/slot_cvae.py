"""Conditional VAE over semantic colour slots: attributes and a pose in, one slot per pixel out.

A pixel is a class (transparent, outline of the hair, third shade of the shirt, ...), not a colour,
so the loss is a cross entropy, edges stay hard, and any palette can be put on afterwards. What the
attributes say is drawn from learnt low-resolution maps of each item; what they do not say (brows,
nose) is left to the latent, which is inferred from one frame and used for all of them.

References:
    Sohn et al., "Learning Structured Output Representation using Deep Conditional Generative
    Models" (NeurIPS 2015), the conditional VAE. What differs: categorical pixels, spatial
    embeddings of the condition, and samples drawn around stored posterior means (``anchors``)
    instead of the prior, so that no sample lies between two modes.
    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv:1709.07871.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aigc_assets.ops import conv3x3_act, up2_conv3x3_act


@dataclass(frozen=True)
class SlotCvaeConfig:
    """Shape of the network.

    Args:
        classes: Number of slots per pixel, slot 0 is transparent.
        items: Number of values of each attribute.
        pose_directions: Facing of each pose, 0, 1, ....
        height: Of a frame in px, a multiple of 8.
        width: Of a frame in px, a multiple of 8.
        latent: Width of ``z``.
        widths: Channels at 1/8, 1/4, 1/2 and full resolution.
        item_channels: Channels of the learnt map of one item in one direction.
        pose_channels: Channels of the learnt map of one pose.
        condition: Width of the condition vector.
        anchors: Number of stored posterior means.
    """

    classes: int
    items: tuple[int, ...]
    pose_directions: tuple[int, ...]
    height: int = 64
    width: int = 48
    latent: int = 8
    widths: tuple[int, int, int, int] = (160, 128, 96, 64)
    item_channels: int = 24
    pose_channels: int = 16
    condition: int = 128
    anchors: int = 64

    @classmethod
    def tiny(cls) -> SlotCvaeConfig:
        """A preset for tests: 16x16 px, two attributes, four poses."""
        return cls(
            classes=8,
            items=(3, 4),
            pose_directions=(0, 1, 2, 3),
            height=16,
            width=16,
            latent=4,
            widths=(32, 32, 16, 16),
            item_channels=8,
            pose_channels=8,
            condition=32,
            anchors=4,
        )


class FilmConv(nn.Module):
    """3x3 convolution, scale and shift by the condition, leaky ReLU; optionally residual.

    With ``condition`` 0 there is no scale and shift: at full resolution they would cost as much
    memory traffic as the convolution and add nothing.
    """

    def __init__(self, inputs: int, outputs: int, condition: int, *, residual: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(condition, 2 * outputs) if condition else None
        self.residual = residual
        nn.init.kaiming_normal_(self.conv.weight, a=0.1)
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)
        if residual:
            with torch.no_grad():
                self.conv.weight.mul_(0.3)

    def forward(self, x: Tensor, c: Tensor, *, up: bool = False) -> Tensor:
        """Apply to x [B, C, H, W] under the condition c [B, D]; ``up`` doubles H and W before."""
        bias, gain = self.conv.bias, None
        assert bias is not None
        if self.film is not None:
            scale, shift = self.film(c).chunk(2, 1)
            gain = 1 + scale
            bias = torch.addcmul(shift, gain, bias)
        convolve = up2_conv3x3_act if up else conv3x3_act
        residual = x if self.residual else None
        return convolve(x, self.conv.weight, bias, gain=gain, residual=residual,
                        activation="leaky_relu", slope=0.1)  # fmt: skip


class SlotCvae(nn.Module):
    """Encoder (one frame -> latent) and decoder (latent, attributes, pose -> slot logits)."""

    offsets: Tensor
    directions: Tensor
    anchors: Tensor

    def __init__(self, config: SlotCvaeConfig):
        super().__init__()
        self.config = config = _tuples(config)
        w8, w4, w2, w1 = config.widths
        grid = (config.height // 8, config.width // 8)
        self.grid = grid
        cells = grid[0] * grid[1]
        condition = config.condition

        self.encoder_embedding = nn.Embedding(config.classes, 8)
        self.encoder = nn.Sequential(
            nn.Conv2d(8, 32, 4, 2, 1), nn.LeakyReLU(0.1),
            nn.Conv2d(32, 32, 4, 2, 1), nn.LeakyReLU(0.1),
            nn.Conv2d(32, 32, 4, 2, 1), nn.LeakyReLU(0.1),
        )  # fmt: skip
        self.posterior = nn.Linear(32 * cells, 2 * config.latent)

        total = sum(config.items)
        offsets = [sum(config.items[:i]) for i in range(len(config.items))]
        self.register_buffer("offsets", torch.tensor(offsets), persistent=False)
        directions = torch.tensor(config.pose_directions)
        self.register_buffer("directions", directions, persistent=False)
        poses = len(config.pose_directions)
        self.sides = max(config.pose_directions) + 1
        self.item_maps = nn.Embedding(total * self.sides, config.item_channels * cells)
        self.pose_maps = nn.Embedding(poses, config.pose_channels * cells)
        self.item_vectors = nn.Embedding(total, condition)
        self.pose_vectors = nn.Embedding(poses, condition)
        for table, std in ((self.item_maps, 0.2), (self.pose_maps, 0.5),
                           (self.item_vectors, 0.3), (self.pose_vectors, 0.5)):  # fmt: skip
            nn.init.normal_(table.weight, std=std)
        self.latent_vector = nn.Linear(config.latent, condition)
        self.mix = nn.Sequential(nn.LeakyReLU(0.1), nn.Linear(condition, condition))

        inputs = config.item_channels + config.pose_channels
        self.stages = nn.ModuleList(
            [
                nn.ModuleList([
                    FilmConv(inputs, w8, condition),
                    FilmConv(w8, w8, condition, residual=True),
                    FilmConv(w8, w8, condition, residual=True),
                ]),
                nn.ModuleList([FilmConv(w8, w4, condition),
                               FilmConv(w4, w4, condition, residual=True)]),
                nn.ModuleList([FilmConv(w4, w2, condition),
                               FilmConv(w2, w2, condition, residual=True)]),
                nn.ModuleList([FilmConv(w2, w1, 0), FilmConv(w1, w1, 0, residual=True)]),
            ]
        )  # fmt: skip
        self.head = nn.Conv2d(w1, config.classes, 1)
        self.register_buffer("anchors", torch.zeros(config.anchors, config.latent))

    def encode(self, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior of the latent.

        Args:
            slots: Frames as slots, [B, H, W] int64.

        Returns:
            Mean and log variance, [B, latent] each.
        """
        x = self.encoder_embedding(slots).permute(0, 3, 1, 2)
        mean, log_variance = self.posterior(self.encoder(x).flatten(1)).chunk(2, 1)
        return mean, log_variance.clamp(-8, 4)

    def decode(
        self, z: Tensor, attributes: Tensor, pose: Tensor, columns: tuple[int, int] | None = None
    ) -> Tensor:
        """Slot logits of frames.

        Args:
            z: Latents, [B, latent].
            attributes: Value of each attribute, [B, A] int64.
            pose: Pose numbers, [B] int64.
            columns: Draw only these columns of the 8 px grid, first inclusive, last exclusive;
                the poses must have nothing outside of them, and must always be drawn so.

        Returns:
            Logits, [B, classes, H, W'], W' = 8 px times the number of columns.
        """
        return self.head(self.features(z, attributes, pose, columns))

    def features(
        self, z: Tensor, attributes: Tensor, pose: Tensor, columns: tuple[int, int] | None = None
    ) -> Tensor:
        """What ``head`` turns into logits, [B, C, H, W']; arguments as in `decode`."""
        flat = attributes + self.offsets
        turned = flat * self.sides + self.directions[pose][:, None]
        items = self.item_maps(turned).sum(1)
        maps = torch.cat([items.unflatten(1, (-1, *self.grid)),
                          self.pose_maps(pose).unflatten(1, (-1, *self.grid))], 1)  # fmt: skip
        c = self.item_vectors(flat).sum(1) + self.pose_vectors(pose) + self.latent_vector(z)
        c = c + self.mix(c)
        if columns is not None:
            maps = maps[..., columns[0] : columns[1]]
        x = maps.contiguous(memory_format=torch.channels_last)
        for number, stage in enumerate(self.stages):
            assert isinstance(stage, nn.ModuleList)
            for place, layer in enumerate(stage):
                x = layer(x, c, up=number > 0 and place == 0)
        return x

    def forward(self, slots: Tensor, attributes: Tensor, pose: Tensor, noise: Tensor,
                columns: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Encode one frame, prepare to decode another of the same character.

        Args:
            slots: The frame to read, [B, H, W] int64.
            attributes: [B, A] int64.
            pose: Pose to draw, [B] int64.
            noise: Standard normal, [B, latent]; zeros draw the posterior mean.
            columns: As in `decode`.

        Returns:
            Features [B, C, H, W'] for ``head``, so that a loss over some of the pixels need not
            pay for all logits, and the KL divergence to N(0, 1) per latent, [B, latent].
        """
        mean, log_variance = self.encode(slots)
        mean, log_variance = mean.float(), log_variance.float()
        z = mean + noise * torch.exp(0.5 * log_variance)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
        return self.features(z, attributes, pose, columns), kl


def _tuples(config: SlotCvaeConfig) -> SlotCvaeConfig:
    # A config read from a JSON card has lists where the dataclass has tuples.
    return dataclasses.replace(
        config,
        items=tuple(config.items),
        pose_directions=tuple(config.pose_directions),
        widths=tuple(config.widths),  # type: ignore[arg-type]
    )
