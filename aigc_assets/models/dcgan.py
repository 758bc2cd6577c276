"""The classic DCGAN, kept unchanged as the yardstick of every newer generator.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", arXiv:1511.06434: strided convolutions without bias, batch norm, weights from
N(0, 0.02), RGB in [-1, 1]. It knows neither labels nor transparency: what is transparent has the
key colour. A picture twice as large takes one level more.
"""

from __future__ import annotations

from torch import Tensor, nn

LATENT = 100
KEY = (255, 0, 255)
"""Colour of transparent pixels."""


class DcganGenerator(nn.Module):
    """Noise -> pictures; 1,068,928 parameters at 32 px.

    Args:
        side: Of a picture in px, a power of two from 8.
    """

    def __init__(self, side: int = 32) -> None:
        super().__init__()
        width = 8 * side
        layers: list[nn.Module] = [nn.ConvTranspose2d(LATENT, width, 4, bias=False)]
        while width > 64:
            layers += [nn.BatchNorm2d(width), nn.ReLU(),
                       nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)]  # fmt: skip
            width //= 2
        layers += [nn.BatchNorm2d(64), nn.ReLU(),
                   nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()]  # fmt: skip
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures [B, 3, side, side] in [-1, 1] of noise [B, 100]."""
        pictures: Tensor = self.layers(z[:, :, None, None])
        return pictures


class DcganDiscriminator(nn.Module):
    """Pictures -> logits of being real; 663,296 parameters at 32 px.

    Args:
        side: Of a picture in px, a power of two from 8.
    """

    def __init__(self, side: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        width = 64
        while width < 8 * side:
            layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
                       nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]  # fmt: skip
            width *= 2
        layers.append(nn.Conv2d(width, 1, 4, bias=False))
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits [B] of pictures [B, 3, side, side] in [-1, 1]."""
        logits: Tensor = self.layers(pictures)
        return logits.flatten()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
