"""Training of the yardstick: the classic DCGAN as it was published, on the pictures of crowds.

References:
    Radford et al., arXiv:1511.06434: Adam(2e-4, 0.5), binary cross entropy, batch norm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.dcgan import KEY, LATENT, DcganDiscriminator, DcganGenerator
from aigc_assets.training.characters.size32 import crowd_pictures
from aigc_assets.training.characters.size32.crowd_pictures import CrowdPictures
from aigc_assets.training.characters.size32.crowds import BATCH, distances
from aigc_assets.training.trainer import Run

KEYED = 0.5
"""Distance to the key colour counts for so much of that to others: it is hit less than exactly."""


class DcganTask:
    """The yardstick: see `aigc_assets.training.trainer.Task`. It ships no weights."""

    kind: ClassVar[str] = "dcgan"
    models: ClassVar[tuple[str, ...]] = ()
    step_limit: ClassVar[int | None] = None
    reads: ClassVar[str] = "crowd"
    """The kind whose packed data it learns from."""

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `crowd_pictures.pack`."""
        return crowd_pictures.pack(sources)

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.batch = run, BATCH
        self.pictures = CrowdPictures(data, info)
        colours = self.pictures.sprites.colours.copy()
        colours[0] = KEY
        self.table = (torch.from_numpy(colours).float() / 127.5 - 1).to(run.device)
        """RGB of every slot in [-1, 1], the key colour for transparent."""
        device, order = run.device, torch.channels_last
        network: Any = DcganGenerator()
        self.generator: DcganGenerator = network.to(device, memory_format=order)
        critic: Any = DcganDiscriminator()
        self.critic: DcganDiscriminator = critic.to(device, memory_format=order)
        self.opt_g, self.opt_d = (
            torch.optim.Adam(n.parameters(), 2e-4, betas=(0.5, 0.999), fused=True)
            for n in (self.generator, self.critic)
        )

    def step(self, progress: float) -> dict[str, float]:
        """One step of each network."""
        del progress  # the learning rate stays
        run = self.run
        pictures, _ = self.pictures.batch(self.batch, run.generator)
        real = self.table[pictures.to(run.device)].permute(0, 3, 1, 2)
        z = torch.randn(self.batch, LATENT, generator=run.generator).to(run.device)
        with run.autocast():
            fake = self.generator(z)
            of_real, of_fake = self.critic(real), self.critic(fake.detach())
        loss_d = F.softplus(-of_real.float()).mean() + F.softplus(of_fake.float()).mean()
        self.opt_d.zero_grad(set_to_none=True)
        loss_d.backward()
        self.opt_d.step()
        self.critic.requires_grad_(False)
        with run.autocast():
            score = self.critic(fake)
        self.critic.requires_grad_(True)
        loss_g = F.softplus(-score.float()).mean()
        self.opt_g.zero_grad(set_to_none=True)
        loss_g.backward()
        self.opt_g.step()
        return {"d": float(loss_d.detach()), "g": float(loss_g.detach())}

    def modules(self) -> dict[str, nn.Module]:
        """Both networks."""
        return {"generator": self.generator, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimisers."""
        return {"generator": self.opt_g, "critic": self.opt_d}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """Nothing."""
        return {}

    @torch.no_grad()
    def sample(self, labels: Tensor, seed: int) -> Tensor:
        """Index maps [B, 32, 32]; the labels only say how many."""
        source = torch.Generator().manual_seed(seed)
        z = torch.randn(len(labels), LATENT, generator=source)
        self.generator.eval()
        made = []
        for part in z.split(64):
            rgb = self.generator(part.to(self.run.device)).permute(0, 2, 3, 1).float()
            distance = torch.cdist(rgb.flatten(0, 2), self.table)
            distance[:, 0] *= KEYED
            made.append(distance.argmin(1).view(-1, 32, 32).cpu())
        self.generator.train()
        return torch.cat(made)

    def watch(self) -> dict[str, dict[str, float]]:
        """Distance to validation pictures."""
        return distances(self.pictures, "validation", self.sample)

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Distance to held-out pictures, as for the slot GAN."""
        return distances(self.pictures, "held-out", self.sample)

    def preview(self, path: Path) -> None:
        """Samples."""
        self.pictures.contact_sheet(self.sample(torch.zeros(96), 11), path)
