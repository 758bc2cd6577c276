"""The classic DCGAN at 32x32, kept unchanged as the yardstick of every newer generator.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", arXiv:1511.06434: strided convolutions without bias, batch norm, weights from
N(0, 0.02), RGB in [-1, 1]. It knows neither labels nor transparency: what is transparent has the
key colour.
"""

from __future__ import annotations

from torch import Tensor, nn

LATENT = 100
KEY = (255, 0, 255)
"""Colour of transparent pixels."""


class DcganGenerator(nn.Module):
    """Noise -> pictures; 1,068,928 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(LATENT, 256, 4, bias=False), nn.BatchNorm2d(256), nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip
        self.apply(_initialise)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures [B, 3, 32, 32] in [-1, 1] of noise [B, 100]."""
        pictures: Tensor = self.layers(z[:, :, None, None])
        return pictures


class DcganDiscriminator(nn.Module):
    """Pictures -> logits of being real; 663,296 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
            nn.Conv2d(128, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(0.2),
            nn.Conv2d(256, 1, 4, bias=False),
        )  # fmt: skip
        self.apply(_initialise)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits [B] of pictures [B, 3, 32, 32] in [-1, 1]."""
        logits: Tensor = self.layers(pictures)
        return logits.flatten()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
