"""Twice the size for pixel art: every new pixel copies one of nine pixels of the small picture.

The network never draws a colour. For each of the four pixels that a pixel becomes it says how
likely each of the 3x3 source pixels around it is to be copied; probabilities of equal colours are
added up, and the likeliest colour wins. A picture therefore never gains a colour, and alpha stays
what it was.

References:
    Jo et al., "Deep Video Super-Resolution Network Using Dynamic Upsampling Filters Without
    Explicit Motion Compensation" (CVPR 2018), section 3.2, the filter per new pixel. What differs:
    one picture instead of seven, and the filter chooses instead of mixing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.ops import conv3x3_act, up2_conv3x3_act

TAPS = 9
"""Source pixels that a new pixel can copy, row by row."""


@dataclass(frozen=True)
class DynamicUpsamplingConfig:
    """Shape of the network.

    Args:
        width: Channels of all hidden layers.
        depth: Residual convolutions before the picture grows.
    """

    width: int = 32
    depth: int = 3

    @classmethod
    def tiny(cls) -> DynamicUpsamplingConfig:
        """A preset for tests."""
        return cls(width=8, depth=1)

    @property
    def reach(self) -> int:
        """How far a new pixel sees, in source px; pictures get this transparent border."""
        return self.depth + 3


class DynamicUpsampling(nn.Module):
    """Colours of a small picture in, a choice among nine source pixels per new pixel out."""

    def __init__(self, config: DynamicUpsamplingConfig):
        super().__init__()
        self.config = config
        width = config.width
        self.stem = nn.Conv2d(4 + TAPS - 1, width, 3, padding=1)
        self.body = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in range(config.depth)
        )
        self.up = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Conv2d(width, TAPS, 1)
        for layer in (self.stem, *self.body, self.up):
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, a=0.1)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, colours: Tensor) -> Tensor:
        """Logits of the nine source pixels for each new pixel.

        Args:
            colours: OKLab times alpha, and alpha in {0, 1}, [B, 4, H, W] float.

        Returns:
            [B, 9, 2H, 2W]; tap ``3 * (dy + 1) + dx + 1`` is the source pixel at (dy, dx).
        """
        x = self._planes(colours)
        x = self._convolve(conv3x3_act, x, self.stem)
        for layer in self.body:
            x = self._convolve(conv3x3_act, x, layer, x)
        x = self._convolve(up2_conv3x3_act, x, self.up)
        return self.head(x)

    def _planes(self, colours: Tensor) -> Tensor:
        """The colours, and whether each of the eight neighbours has the same one."""
        around = neighbours(colours)
        same = (around == around[:, :, TAPS // 2 : TAPS // 2 + 1]).all(1)
        eight = torch.cat([same[:, : TAPS // 2], same[:, TAPS // 2 + 1 :]], 1)
        planes = torch.cat([colours, eight.to(colours.dtype)], 1)
        return planes.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def _convolve(
        function: object, x: Tensor, layer: nn.Module, residual: Tensor | None = None
    ) -> Tensor:
        assert callable(function)
        return function(x, layer.weight, layer.bias, residual=residual,
                        activation="leaky_relu", slope=0.1)  # fmt: skip


def neighbours(picture: Tensor) -> Tensor:
    """The 3x3 surroundings of every pixel, zeros outside: [B, C, H, W] -> [B, C, 9, H, W]."""
    height, width = picture.shape[2:]
    padded = F.pad(picture, (1, 1, 1, 1))
    shifted = [padded[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return torch.stack(shifted, 2)


def choose(logits: Tensor, codes: Tensor) -> Tensor:
    """The colour of each new pixel.

    Args:
        logits: Of the network, [B, 9, 2H, 2W].
        codes: One number per colour of the small picture, 0 where transparent, [B, H, W] int64.

    Returns:
        Codes of the large picture, [B, 2H, 2W]; each occurs in the 3x3 pixels around its source.
    """
    taps = neighbours(codes[:, None])[:, 0]  # [B, 9, H, W]
    taps = taps.repeat_interleave(2, 2).repeat_interleave(2, 3)
    share = logits.float().softmax(1)
    votes = torch.stack(
        [(share * (taps == taps[:, tap : tap + 1])).sum(1) for tap in range(TAPS)], 1
    )
    return taps.gather(1, votes.argmax(1, keepdim=True))[:, 0]
