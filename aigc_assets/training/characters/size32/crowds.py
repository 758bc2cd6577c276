"""Training of the slot GAN of crowds: a VAE of plans, and relativistic pairs of one class.

First real pictures are encoded, planned and drawn again, which shows what belongs where, while a
flow learns to draw their codes and colours. Later a part of every batch are figures that the flow
draws, which is what a crowd is made of, and the discriminator compares both with what is real.

References:
    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", arXiv:1512.09300.
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
from aigc_assets.models.figure_planner import FigureEncoder
from aigc_assets.models.slot_gan import (
    SlotCritic,
    SlotGanConfig,
    SlotGenerator,
    straight_through,
    tints,
)
from aigc_assets.training.characters.size32 import crowd_pictures
from aigc_assets.training.characters.size32.crowd_pictures import (
    CrowdPictures,
    contact_sheet,
)
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr
from aigc_assets.types.oklab import to_oklab

BATCH = 64
SIGMA, PENALTY = 0.05, 30.0
"""Noise of the approximate R1 and R2 penalties on pictures of about unit variance, their weight."""
LR_G, LR_D = 4e-4, 2e-4
GUIDE, TINT = 4.0, 1.0
"""Weights of the cross entropy against the picture whose plan and tints were given, which shows
where outlines, faces and shades belong, and of the distance of the shares of slots from them."""
LR_PLAN = 1.2e-3
EDGE, RATE, PLAN = 2.0, 0.5, 0.006
"""Logits of a pixel for each px below the surface of a plan; weight of the nats of codes against
the pixels of the plan; weight of all that against what is drawn."""
FLOW_BATCH = 256
"""Noisy codes that the flow of plans learns from in a step, several of each picture."""
KNOWN = 1 / 2
"""Share of a batch that are real pictures encoded; the others are new."""
START, FULL = 0.2, 0.45
"""Progress at which the discriminator enters, and at which its weight is `AGAINST`."""
AGAINST = 0.6
SPREAD = 0.95
"""Scale of the noise of plans of previews and metrics."""
SHIFT, CUT = 3, 10
"""Augmentation: pixels of translation each way, side of the square that is cut out."""
SAMPLES = 384


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
        self.config = SlotGanConfig(slots=len(colours), classes=len(self.pictures.classes))
        self.table = looks(colours).to(run.device)
        channels = self.table.shape[1]
        self.generator = SlotGenerator(self.config).to(run.device)
        self.critic = SlotCritic(self.config, channels).to(run.device)
        self.encoder = FigureEncoder(channels, self.config.classes, self.config.code).to(run.device)
        for network in (self.generator, self.critic, self.encoder):
            for parameter in network.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.ema = Ema(self.generator, 0.998)
        planner = list(self.generator.planner.parameters())
        planned = {id(p) for p in planner}
        painter = [p for p in self.generator.parameters() if id(p) not in planned]
        self.opt_g, self.opt_d = (
            torch.optim.Adam(parameters, lr=0, betas=(0.0, 0.99), fused=True)
            for parameters in (painter, self.critic.parameters())
        )
        self.opt_plan = torch.optim.Adam(
            [*planner, *self.encoder.parameters()], lr=0, betas=(0.9, 0.99), fused=True
        )

    def step(self, progress: float) -> dict[str, float]:
        """One step of planner, encoder and generator, and one of the discriminator."""
        set_lr(self.opt_g, cosine(progress, LR_G, LR_G / 10, 0.002))
        set_lr(self.opt_d, cosine(progress, LR_D, LR_D / 10, 0.002))
        set_lr(self.opt_plan, cosine(progress, LR_PLAN, LR_PLAN / 20, 0.002))
        run, device = self.run, self.run.device
        pictures, label = self.pictures.batch(self.batch, run.generator, mirrored=0.0)
        pictures, label = pictures.to(device), label.to(device)
        real = self.table[pictures].permute(0, 3, 1, 2)
        entered = progress >= START
        known = int(self.batch * KNOWN) if entered else self.batch
        tint = tints(pictures[:known], self.config.slots)
        code, depth, cost, losses = self._plan(
            real[:known], pictures[:known] > 0, tint, label[:known], progress
        )
        depth = depth.detach()
        if entered:
            noise = torch.randn(self.batch - known, self.config.plan, generator=run.generator)
            average: Any = self.ema.network
            with torch.no_grad():
                new = average.plan(label[known:], noise.to(device))
            code, depth, tint = (
                torch.cat(both) for both in zip((code, depth, tint), new, strict=True)
            )
        z = torch.randn(self.batch, self.config.latent, generator=run.generator).to(device)
        with run.autocast():
            logits = self.generator(z, label, code, depth, tint)
        fake, chances = straight_through(logits, self.table)
        right = chances[:known].gather(3, pictures[:known, :, :, None])
        guide = -right.clamp(min=1e-6).log().mean()
        share = chances.sum((1, 2))[:, 1:]
        share = share / share.sum(1, keepdim=True).clamp(min=1)
        off = (share - tint[:, 1:]).abs().sum(1).mean()
        loss = GUIDE * guide + TINT * off + cost
        losses |= {"guide": float(guide.detach()), "tint": float(off.detach())}
        if entered:
            seen = augment(torch.cat([real, fake]), self.table[0], run.generator)
            of_real, judged = self._train_critic(seen.detach(), label)
            self.critic.requires_grad_(False)
            against = F.softplus(of_real - self._judge(seen[self.batch :], label)).mean()
            self.critic.requires_grad_(True)
            loss = loss + AGAINST * min(1.0, (progress - START) / (FULL - START)) * against
            losses |= judged | {"g": float(against.detach())}
        for optimizer in (self.opt_g, self.opt_plan):
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in (self.opt_g, self.opt_plan):
            nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 5.0)
            optimizer.step()
        self.ema.update(self.generator)
        return losses

    def _plan(
        self, real: Tensor, solid: Tensor, tint: Tensor, label: Tensor, progress: float
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, float]]:
        """Codes and depths of real pictures, what planner and flow cost, what to log."""
        planner, source = self.generator.planner, self.run.generator
        with self.run.autocast():
            mean, scale = self.encoder(real, label)
        noise = torch.randn(mean.shape, generator=source).to(mean.device)
        code = mean + scale.exp() * noise
        depth = planner(code, label)
        form = F.binary_cross_entropy_with_logits(depth * EDGE, solid.float(), reduction="none")
        form = form.sum((1, 2)).mean()
        rate = 0.5 * (mean.square() + (2 * scale).exp() - 1 - 2 * scale).sum(1).mean()
        times = FLOW_BATCH // len(label)
        count = times * len(label)
        rows = torch.randn(2, count, self.config.plan, generator=source).to(mean.device)
        time = torch.sigmoid(torch.randn(count, 1, generator=source)).to(mean.device)
        codes = mean.repeat(times, 1) + scale.exp().repeat(times, 1) * rows[0][:, : mean.shape[1]]
        flow = planner.flow_loss(
            codes.detach(), tint.repeat(times, 1), label.repeat(times), time, rows[1]
        )
        cost = PLAN * (form + min(1.0, 0.1 + 10 * progress) * RATE * rate) + flow
        told = {"form": form, "code": rate, "flow": flow}
        return code, depth, cost, {key: float(value.detach()) for key, value in told.items()}

    def _train_critic(self, pictures: Tensor, label: Tensor) -> tuple[Tensor, dict[str, float]]:
        """One step; the scores of the real half before it, and what to log."""
        # Counted where a checkpoint keeps it, or a run that goes on would begin with the other one.
        state = self.opt_d.state[next(self.critic.parameters())]
        which = (int(state.get("step", 0)) + 1) % 2
        # The middle half: of the drawn ones as many known as new, and whole groups of `spread`.
        middle = slice(len(label) // 4, len(label) * 3 // 4)
        near = pictures.chunk(2)[which][middle]
        noise = torch.randn(near.shape, generator=self.run.generator).to(near.device)
        judged = torch.cat([pictures, near + SIGMA * noise])
        score = self._judge(judged, torch.cat([label, label, label[middle]]))
        of_real, of_fake, of_near = score.split([len(label), len(label), len(near)])
        # R1 and R2 in turn, each twice as heavy, of half the pictures: it takes little time.
        penalty = 2 * ((of_real, of_fake)[which][middle] - of_near).square().mean()
        loss = F.softplus(of_fake - of_real).mean() + PENALTY * penalty
        self.opt_d.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.critic.parameters(), 5.0)
        self.opt_d.step()
        gap = (of_real - of_fake).detach().mean()
        told = {
            "d": float(loss.detach()),
            "gap": float(gap),
            "penalty": float(penalty.detach()),
        }
        return of_real.detach(), told

    def _judge(self, pictures: Tensor, label: Tensor) -> Tensor:
        with self.run.autocast():
            scores: Tensor = self.critic(pictures, label).float()
        return scores

    def modules(self) -> dict[str, nn.Module]:
        """Generator, its average, the discriminator and the encoder."""
        return {"generator": self.generator, "ema": self.ema.network,
                "critic": self.critic, "encoder": self.encoder}  # fmt: skip

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """All optimisers."""
        return {"generator": self.opt_g, "critic": self.opt_d, "plan": self.opt_plan}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged generator."""
        return {"crowd_gan": (self.ema.network, dataclasses.asdict(self.config))}

    @torch.no_grad()
    def sample(self, labels: Tensor, seed: int) -> Tensor:
        """Index maps [B, 32, 32] of labels [B], drawn by the averaged generator."""
        source = torch.Generator().manual_seed(seed)
        count, device = len(labels), self.run.device
        z = torch.randn(count, self.config.latent, generator=source)
        noise = SPREAD * torch.randn(count, self.config.plan, generator=source)
        network: Any = self.ema.network
        made = []
        for start in range(0, count, 64):
            part = slice(start, start + 64)
            label = labels[part].to(device)
            plan = network.plan(label, noise[part].to(device))
            with self.run.autocast():
                made.append(network(z[part].to(device), label, *plan).argmax(1).cpu())
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
