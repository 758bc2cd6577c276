"""Training of the slot GAN of crowds: relativistic pairs of one class, penalties, augmentation.

References:
    Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441 (pairing loss, R1 + R2).
    Lin et al., arXiv:2501.08316 (R1 without second derivatives).
    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738.
    Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", arXiv:1806.04498.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.metrics.distributions import frechet_distance
from aigc_assets.metrics.picture_features import picture_features
from aigc_assets.models.slot_gan import (
    SlotCritic,
    SlotGanConfig,
    SlotGenerator,
    bent,
    straight_through,
    tints,
)
from aigc_assets.training.characters.size32 import crowd_pictures
from aigc_assets.training.characters.size32.crowd_pictures import CrowdPictures, contact_sheet
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr
from aigc_assets.types.oklab import to_oklab

BATCH = 64
SIGMA, PENALTY = 0.05, 40.0
"""Noise of the approximate R1 and R2 penalties on pictures of about unit variance, their weight."""
LR_G, LR_D = 4e-4, 2e-4
GUIDE, TINT = 4.0, 10.0
"""Weights of the cross entropy against the picture whose outline and tints were given, which shows
where outlines, faces and shades belong, and of the distance of the shares of slots from them."""
SHIFT, CUT = 3, 10
"""Augmentation: pixels of translation each way, side of the square that is cut out."""
SAMPLES = 384
FORMS = 512
"""People whose outlines are stored; of all else every training picture's is."""


class CrowdTask:
    """The slot GAN: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "crowd"
    models: ClassVar[tuple[str, ...]] = ("crowd_gan",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `crowd_pictures.pack`."""
        return crowd_pictures.pack(sources)

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.batch = run, BATCH
        self.pictures = CrowdPictures(data, info)
        colours = self.pictures.sprites.colours
        info["vocabulary"] = {
            "classes": self.pictures.classes,
            "colours": colours.tolist(),
        }
        forms, labels = self._forms()
        self.config = SlotGanConfig(
            slots=len(colours), classes=len(self.pictures.classes), outlines=len(forms)
        )
        self.table = looks(colours).to(run.device)
        self.generator = SlotGenerator(self.config).to(run.device)
        self.generator.keep_forms(forms, labels)
        self.critic = SlotCritic(self.config, self.table.shape[1]).to(run.device)
        for network in (self.generator, self.critic):
            for parameter in network.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.ema = Ema(self.generator, 0.998)
        self.opt_g = torch.optim.Adam(
            self.generator.parameters(), lr=0, betas=(0.0, 0.99), fused=True
        )
        self.opt_d = torch.optim.Adam(self.critic.parameters(), lr=0, betas=(0.0, 0.99), fused=True)

    def _forms(self) -> tuple[Tensor, Tensor]:
        """All training pictures and `FORMS` people, whose outlines are kept, and their labels."""
        return self.pictures.real("train", 31, FORMS)

    def step(self, progress: float) -> dict[str, float]:
        """One step of the discriminator and one of the generator."""
        set_lr(self.opt_g, cosine(progress, LR_G, LR_G / 10, 0.002))
        set_lr(self.opt_d, cosine(progress, LR_D, LR_D / 10, 0.002))
        run, device = self.run, self.run.device
        pictures, label = self.pictures.batch(self.batch, run.generator)
        pictures, label = pictures.to(device), label.to(device)
        outline = pictures > 0
        whole = (torch.rand(self.batch, generator=run.generator) < 0.5).to(device)
        # In a crowd all outlines are bent; whole ones show what fits which outline.
        given = torch.where(whole[:, None, None], outline, bent(outline, run.generator))
        real = self.table[pictures].permute(0, 3, 1, 2)
        z = torch.randn(self.batch, self.config.latent, generator=run.generator).to(device)
        with run.autocast():
            tint = tints(pictures, self.config.slots)
            logits = self.generator(z, label, given, tint)
        fake = straight_through(logits, self.table)
        seen = augment(torch.cat([real, fake]), self.table[0], run.generator)
        losses = self._train_critic(seen.detach(), label)
        self.critic.requires_grad_(False)
        of_real, of_fake = self._judge(seen, label.repeat(2)).chunk(2)
        self.critic.requires_grad_(True)
        against = F.softplus(of_real.detach() - of_fake).mean()
        guide = F.cross_entropy(logits.float(), pictures, reduction="none").mean((1, 2))
        share = torch.softmax(logits.float(), 1)[:, 1:].sum((2, 3))
        share = share / share.sum(1, keepdim=True).clamp(min=1)
        off = (share - tint[:, 1:]).abs().sum(1).mean()
        loss = against + GUIDE * (guide * whole).mean() + TINT * off
        self.opt_g.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 5.0)
        self.opt_g.step()
        self.ema.update(self.generator)
        return losses | {"g": float(against.detach()), "tint": float(off.detach())}

    def _train_critic(self, pictures: Tensor, label: Tensor) -> dict[str, float]:
        noise = torch.randn(pictures.shape, generator=self.run.generator).to(pictures.device)
        score = self._judge(torch.cat([pictures, pictures + SIGMA * noise]), label.repeat(4))
        of_real, of_fake, real_near, fake_near = score.chunk(4)
        penalty = (of_real - real_near).square().mean() + (of_fake - fake_near).square().mean()
        loss = F.softplus(of_fake - of_real).mean() + PENALTY * penalty
        self.opt_d.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.critic.parameters(), 5.0)
        self.opt_d.step()
        gap = (of_real - of_fake).detach().mean()
        return {"d": float(loss.detach()), "gap": float(gap), "penalty": float(penalty.detach())}

    def _judge(self, pictures: Tensor, label: Tensor) -> Tensor:
        with self.run.autocast():
            scores: Tensor = self.critic(pictures, label).float()
        return scores

    def modules(self) -> dict[str, nn.Module]:
        """Generator, its average and the discriminator."""
        return {"generator": self.generator, "ema": self.ema.network, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimisers."""
        return {"generator": self.opt_g, "critic": self.opt_d}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged generator."""
        return {"crowd_gan": (self.ema.network, dataclasses.asdict(self.config))}

    @torch.no_grad()
    def sample(self, labels: Tensor, seed: int) -> Tensor:
        """Index maps [B, 32, 32] of labels [B], drawn by the averaged generator."""
        source = torch.Generator().manual_seed(seed)
        z = torch.randn(len(labels), self.config.latent, generator=source)
        network: Any = self.ema.network
        stored = network.outline_labels.cpu()
        numbers, others = (
            torch.tensor([_pick(stored == label, source) for label in labels]) for _ in range(2)
        )
        made = []
        for start in range(0, len(labels), 64):
            part = slice(start, start + 64)
            outline = bent(network.form(numbers[part]), source)
            with self.run.autocast():
                logits = network(z[part].to(self.run.device), labels[part].to(self.run.device),
                                 outline, network.tints_of(others[part]))  # fmt: skip
            made.append(logits.argmax(1).cpu())
        return torch.cat(made)

    def watch(self) -> dict[str, dict[str, float]]:
        """Distance to validation pictures."""
        return self._distances("validation")

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Distance to held-out pictures.

        Floor: training pictures. Baseline: the held-out pictures with a tenth of their pixels
        redrawn from all colours.
        """
        return self._distances("held-out")

    def _distances(self, split: str) -> dict[str, dict[str, float]]:
        return distances(self.pictures, split, self.sample)

    def preview(self, path: Path) -> None:
        """Samples: two rows of people, then monsters, animals, items, effects by class."""
        made = self.sample(preview_labels(self.pictures.classes), 11)
        contact_sheet(made, self.pictures.sprites.colours, path)


def looks(colours: np.ndarray) -> Tensor:
    """What the discriminator sees of each slot: coverage and OKLab, about unit variance, [K, 4].

    Args:
        colours: Of the slots, [K, 3] uint8; row 0 is transparent.
    """
    lab = to_oklab(colours)
    table = np.concatenate([np.ones((len(lab), 1)), (lab[:, :1] - 0.5) * 2.5, lab[:, 1:] * 8], 1)
    table[0] = (-1, 0, 0, 0)
    return torch.from_numpy(table.astype(np.float32))


def augment(x: Tensor, blank: Tensor, source: torch.Generator) -> Tensor:
    """Shift pictures by up to `SHIFT` px and cut a square out of half of them; differentiable.

    Args:
        x: [B, C, H, W].
        blank: What is outside, [C].
        source: Of the draws, one for each picture.
    """
    count, _, height, width = x.shape
    blank = blank.view(1, -1, 1, 1)
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2, count), generator=source)
    rows = (torch.arange(height) + down[:, None]).clamp(-1, height) + 1
    columns = (torch.arange(width) + right[:, None]).clamp(-1, width) + 1
    padded = F.pad((x - blank).permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    number = torch.arange(count)[:, None, None]
    moved = padded[number, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    top, left = torch.randint(1 - CUT, height, (2, count), generator=source)
    cut = torch.rand(count, generator=source) < 0.5
    in_rows = (torch.arange(height) - top[:, None]).div(CUT, rounding_mode="floor") == 0
    in_columns = (torch.arange(width) - left[:, None]).div(CUT, rounding_mode="floor") == 0
    square = in_rows[:, :, None] & in_columns[:, None, :] & cut[:, None, None]
    return moved * (~square)[:, None].to(x.device) + blank


def _pick(fits: Tensor, source: torch.Generator) -> int:
    """Number of a random one that fits, or of any if none does."""
    pool = torch.nonzero(fits if fits.any() else torch.ones_like(fits)).flatten()
    return int(pool[torch.randint(len(pool), (1,), generator=source)])


def preview_labels(classes: list[str]) -> Tensor:
    """Labels of 24 x 7 samples: people, monsters, and a row of each other kind."""
    rows = []
    for kind, count in (("person", 48), ("monster", 48), ("animal", 24), ("item", 24),
                        ("effect", 24)):  # fmt: skip
        members = [i for i, name in enumerate(classes) if name.startswith(kind)]
        rows += [members[i * len(members) // count] for i in range(count)] if members else []
    return torch.tensor(rows)


def distances(pictures: CrowdPictures, split: str, sample: Any) -> dict[str, dict[str, float]]:
    """Fréchet distance in hand-made features by kind, with floor and a noisy baseline."""
    found: dict[str, dict[str, float]] = {}
    colours = len(pictures.sprites.colours)
    real, label = pictures.real(split, 5)
    train, train_label = pictures.real("train", 6)
    for group in ("person", "monster", "all"):
        wanted = torch.tensor([group in ("all", c.split("/")[0]) for c in pictures.classes])
        held, known = real[wanted[label]], train[wanted[train_label]]
        labels = label[wanted[label]]
        labels = labels.repeat(-(-SAMPLES // max(1, len(labels))))[:SAMPLES]
        source = torch.Generator().manual_seed(9)
        noise = torch.randint(colours, held.shape, generator=source)
        noisy = torch.where(torch.rand(held.shape, generator=source) < 0.1, noise, held)
        features = [
            picture_features(pictures.sprites.rgba(x.numpy().astype(np.uint8)))
            for x in (held, sample(labels, 21), known, noisy)
        ]
        found[f"frechet_{group}"] = {
            key: round(frechet_distance(features[0], other), 4)
            for key, other in zip(("model", "floor", "baseline"), features[1:], strict=True)
        }
    return found
