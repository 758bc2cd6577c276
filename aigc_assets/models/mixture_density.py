"""A mixture density network over colours: how likely a colour is for a part, given other parts.

References:
    Bishop, "Mixture Density Networks" (1994), with a diagonal Gaussian per component, and with some
    inputs withheld at random so that one network answers for every set of known parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SPREAD = (2.0, 8.0, 8.0)
"""OKLab lightness, a and b are brought to about the same range."""
_NARROWEST, _WIDEST = -4.2, 0.0


@dataclass(frozen=True)
class MixtureDensityConfig:
    """Shape of the network.

    Args:
        parts: Parts of a figure that have a colour each.
        hidden: Width of the two hidden layers.
        components: Gaussians of the mixture.
    """

    parts: int = 3
    hidden: int = 64
    components: int = 8

    @classmethod
    def tiny(cls) -> MixtureDensityConfig:
        """A preset for tests."""
        return cls(hidden=8, components=2)


class MixtureDensity(nn.Module):
    """Log density of a colour at one part, given the colours of some of the others."""

    def __init__(self, config: MixtureDensityConfig):
        super().__init__()
        self.config = config
        width = config.hidden
        self.layers = nn.Sequential(
            nn.Linear(config.parts * 5, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.head = nn.Linear(width, config.components * 7)

    def forward(self, colours: Tensor, known: Tensor, part: Tensor, wanted: Tensor) -> Tensor:
        """Log density in nats per cubic unit of OKLab, [B, N].

        Args:
            colours: OKLab colours of all parts, [B, parts, 3]; those that are not known are not
                looked at.
            known: 1 where a colour is known, else 0, [B, parts].
            part: The part that is asked for, [B] int64.
            wanted: Candidate colours for it in OKLab, [B, N, 3].
        """
        scaled = colours * colours.new_tensor(_SPREAD) * known[..., None]
        asked = F.one_hot(part, self.config.parts).to(colours.dtype)
        hidden = self.layers(torch.cat([scaled.flatten(1), known, asked], 1))
        out = self.head(hidden).view(len(colours), 1, self.config.components, 7)
        weight = out[..., 0].log_softmax(2)
        mean = out[..., 1:4] * 0.1 + out.new_tensor([0.5, 0.0, 0.0])
        scale = (out[..., 4:] * 0.5 - 2.5).clamp(_NARROWEST, _WIDEST)
        distance = (wanted[:, :, None] - mean) * (-scale).exp()
        density = -(distance.square() / 2 + scale + math.log(2 * math.pi) / 2).sum(3)
        return (weight + density).logsumexp(2)
