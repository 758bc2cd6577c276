"""Training of the tokeniser of 32 px pixel art.

What is seen: curated pictures, mirrored, shifted and with turned hues. Wrong pixels on outlines and
single pixels (eyes) weigh more. Cross entropy alone draws what is likeliest at every pixel, which
is plain: at last the codes are frozen and the decoder learns, against a critic of patches, to draw
what looks drawn.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.fsq_vae import FsqVae, FsqVaeConfig, PatchCritic
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.characters.size32.pixel_sprites import PixelSprites
from aigc_assets.training.trainer import Ema, Metrics, Run, cosine, set_lr
from aigc_assets.types.oklab import to_oklab

BATCH = 64
ROUGH = 0.25
"""Share of the pictures that are drawn from the coarse code alone."""
JITTERED = 0.04
"""Share of latent numbers that are moved by a level while the decoder learns."""
SHARPEN_FROM = 0.62
"""Progress from which the encoder is frozen and the decoder also has to please a critic."""
SHARP_BATCH = 48
SHARPNESS = 0.7
"""Gradient of the critic over that of the cross entropy, where they enter the decoder."""
SIGMA, PENALTY = 0.1, 8.0
"""Noise of the approximate R1 and R2 penalties, and their weight."""
NOTES = [
    "Pictures are split by identity: colour variants, numbered variants and mirrored ones of one "
    "thing are in the same part.",
    "pixel_accuracy: share of the pixels of the figures (drawn or to be drawn) that come back in "
    "the same of 48 values; colour_error: mean OKLab distance of the opaque ones. model: held-out "
    "pictures, floor: training pictures, baseline: the training picture that agrees most.",
    "coarse_codes_used, fine_codes_used: share of the codes that training pictures use.",
]


class SpriteTokensTask:
    """The FSQ tokeniser: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "sprite"
    models: ClassVar[tuple[str, ...]] = ("sprite_fsq_vae",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Curate ``sprites/packed/dcss_32.*`` of the sources."""
        arrays, info = pixel_sprites.pack(sources)
        return arrays, {**info, "notes": NOTES}

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.sprites = pixel_sprites.unpack(data, info)
        self.config = FsqVaeConfig(classes=len(self.sprites.colours))
        network: Any = FsqVae(self.config)
        self.network = network.to(run.device).to(memory_format=torch.channels_last)
        self.network.colours.copy_(torch.from_numpy(self.sprites.colours))
        self.ema = Ema(self.network, 0.998)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01,
            fused=True,
        )  # fmt: skip
        self.critic = PatchCritic(self.config.classes).to(run.device)
        self.critic_optimizer = torch.optim.AdamW(
            self.critic.parameters(), lr=6e-4, betas=(0.0, 0.98), weight_decay=0.0
        )
        self.frozen = False
        self.batches = Batches(self.sprites, "train", run)

    @property
    def average(self) -> FsqVae:
        """The averaged network, which is what is shipped."""
        network = self.ema.network
        assert isinstance(network, FsqVae)
        return network

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step: encoder and decoder, later the decoder against a critic."""
        if progress >= SHARPEN_FROM:
            return self._sharpen(progress)
        pixels, jitter, rough = self._batch(BATCH)
        set_lr(self.optimizer, cosine(progress / SHARPEN_FROM, 1.5e-3, 5e-5, 0.04))
        where, weight = pixel_weights(pixels)
        with self.run.autocast():
            features, codes = self.network(pixels, jitter, rough)
            loss, logits = self._cross_entropy(features, pixels, where, weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        values = {"ce": float(loss.detach())}
        if int(self.run.indices(8, 1)) == 0:
            wanted = pixels.flatten()[where]
            hits = (logits.detach().argmax(1) == wanted)[wanted > 0].float().mean()
            values["accuracy"] = float(hits)
            values["used"] = len(torch.unique(codes[:, 0])) / self.config.codes[0]
        return values

    def _batch(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures, steps to add to their latents, and which to draw roughly."""
        generator, device = self.run.generator, self.run.device
        pixels = self.batches.draw(count).pixels
        channels = len(self.config.coarse) + len(self.config.fine)
        shape = (count, channels, pixels.shape[1] // 4, pixels.shape[2] // 4)
        rough = torch.rand(count, generator=generator) < ROUGH
        jitter = torch.randint(0, 2, shape, generator=generator) * 2 - 1
        jitter = jitter * (torch.rand(shape, generator=generator) < JITTERED)
        return pixels.to(device), jitter.to(device), rough.to(device)

    def _cross_entropy(
        self, features: Tensor, pixels: Tensor, where: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])[where]
        logits = F.linear(rows, self.network.head.weight.flatten(1), self.network.head.bias)
        error = F.cross_entropy(logits.float(), pixels.flatten()[where], reduction="none")
        return (error * weight).sum() / weight.sum(), logits

    def _sharpen(self, progress: float) -> dict[str, float]:
        """One step of the decoder and of the critic; the codes stay what they are."""
        if not self.frozen:
            self._freeze()
        pixels, jitter, _ = self._batch(SHARP_BATCH)
        done = (progress - SHARPEN_FROM) / (1 - SHARPEN_FROM)
        set_lr(self.optimizer, cosine(done, 4e-4, 2e-5, 0.04))
        set_lr(self.critic_optimizer, cosine(done, 6e-4, 5e-5, 0.04))
        network, critic = self.network, self.critic
        where, weight = pixel_weights(pixels)
        real = F.one_hot(pixels, self.config.classes).permute(0, 3, 1, 2).float()
        with self.run.autocast():
            with torch.no_grad():
                quantized = network.disturb(network.quantize(network.latent(pixels)), jitter)
            features = network.features(quantized)
            cross_entropy, _ = self._cross_entropy(features, pixels, where, weight)
            share = torch.softmax(network.head(features).float(), 1)
            hard = F.one_hot(share.argmax(1), self.config.classes).permute(0, 3, 1, 2).float()
            drawn = hard + share - share.detach()
            noise = torch.randn(real.shape, generator=self.run.generator).to(real) * SIGMA
            scores = critic(torch.cat([real, hard, real + noise, hard + noise])).chunk(4)
        pairs = F.softplus(scores[1] - scores[0]).mean()
        smooth = sum(((scores[i] - scores[i + 2]) ** 2).mean() for i in (0, 1))
        self.critic_optimizer.zero_grad(set_to_none=True)
        (pairs + PENALTY * smooth).backward()
        self.critic_optimizer.step()
        critic.requires_grad_(False)
        with self.run.autocast():
            better = F.softplus(scores[0].detach() - critic(drawn)).mean()
        critic.requires_grad_(True)
        self.optimizer.zero_grad(set_to_none=True)
        head = list(network.head.parameters())
        faithful = torch.autograd.grad(cross_entropy, [features, *head], retain_graph=True)
        crisp = torch.autograd.grad(better, [features, *head])
        scale = SHARPNESS * faithful[0].float().norm() / crisp[0].float().norm().clamp(min=1e-9)
        for parameter, a, b in zip(head, faithful[1:], crisp[1:], strict=True):
            parameter.grad = a + scale * b
        features.backward(faithful[0] + (scale * crisp[0]).to(features.dtype))
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(network)
        return {"ce": float(cross_entropy.detach()), "critic": float(pairs.detach()),
                "crisp": float(better.detach())}  # fmt: skip

    def _freeze(self) -> None:
        """From here on the encoder is the averaged one, for good: a prior may rely on its codes."""
        for name in ("embed", "down", "look", "to_latent"):
            part = getattr(self.network, name)
            part.load_state_dict(getattr(self.average, name).state_dict())
            part.requires_grad_(False)
        self.frozen = True

    def modules(self) -> dict[str, nn.Module]:
        """Network, its average and the critic."""
        return {"network": self.network, "ema": self.ema.network, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Those of the network and of the critic."""
        return {"adam": self.optimizer, "critic": self.critic_optimizer}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged network."""
        return {"sprite_fsq_vae": (self.average, dataclasses.asdict(self.config))}

    @torch.no_grad()
    def redraw(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Pictures as they come back, [N, 32, 32], and their codes [N, 2, 8, 8]."""
        drawn, codes = [], []
        for part in np.array_split(self.sprites.images[rows], max(1, len(rows) // 128)):
            code = self.average.encode(torch.from_numpy(part).long().to(self.run.device))
            drawn.append(self.average.decode(code).argmax(1).cpu().numpy().astype(np.uint8))
            codes.append(code.cpu().numpy())
        return np.concatenate(drawn), np.concatenate(codes)

    def watch(self) -> Metrics:
        """`evaluate` of the validation pictures."""
        return self._metrics("validation")

    def evaluate(self) -> Metrics:
        """How well held-out pictures come back, and how many codes are in use."""
        return self._metrics("held-out")

    def _metrics(self, split: str) -> Metrics:
        train, test = self.sprites.rows("train"), self.sprites.rows(split)
        truth, known = self.sprites.images[test], self.sprites.images[train]
        drawn, _ = self.redraw(test)
        again, codes = self.redraw(train)
        agree = np.stack([(picture[None] == known).mean((1, 2)) for picture in truth])
        nearest = known[agree.argmax(1)]
        lab = to_oklab(self.sprites.colours)
        result: Metrics = {}
        for name, function in (("pixel_accuracy", accuracy), ("colour_error", colour_error)):
            result[name] = {
                "model": round(function(drawn, truth, lab), 4),
                "floor": round(function(again, known, lab), 4),
                "baseline": round(function(nearest, truth, lab), 4),
            }
        for place, name in enumerate(("coarse", "fine")):
            usage = len(np.unique(codes[:, place])) / self.config.codes[place]
            result[f"{name}_codes_used"] = {"model": round(usage, 4), "floor": 1, "baseline": 0}
        return result

    def preview(self, path: Path) -> None:
        """Validation and training pictures above the way they come back."""
        rows = np.concatenate([self.sprites.rows("validation")[::2][:48],
                               self.sprites.rows("train")[::41][:16]])  # fmt: skip
        drawn, _ = self.redraw(rows)
        lines = []
        for start in range(0, len(rows), 16):
            for pictures in (self.sprites.images[rows], drawn):
                lines.append(self.sprites.rgba(pictures[start : start + 16]))
        write_sheet(path.with_suffix(".png"), lines)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Augmented pictures [B, H, W] int64, their rows in the data and their hue turns, [B]."""

    pixels: Tensor
    rows: Tensor
    turns: Tensor


class Batches:
    """Draws pictures: first the thing, then its variant, so that no thing with many wins."""

    def __init__(self, sprites: PixelSprites, split: str, run: Run, *, shift: int = 2):
        self.run, self.shift = run, shift
        rows = torch.from_numpy(sprites.rows(split))
        self.rows = rows
        identity = torch.from_numpy(sprites.identity)[rows]
        count = torch.bincount(identity)[identity].double()
        self.weights = count**-0.7
        self.images = torch.from_numpy(sprites.images)
        self.turned = torch.from_numpy(sprites.turned).long()

    def draw(self, count: int, *, turned: float = 0.5) -> Batch:
        """``count`` pictures, mirrored, shifted and, a share of ``turned``, in other hues."""
        generator = self.run.generator
        rows = self.rows[torch.multinomial(self.weights, count, True, generator=generator)]
        turns = torch.randint(len(self.turned), (count,), generator=generator)
        turns = turns * (torch.rand(count, generator=generator) < turned)
        pixels = self.turned[turns[:, None, None], self.images[rows].long()]
        flips = torch.rand(count, generator=generator) < 0.5
        pixels = torch.where(flips[:, None, None], pixels.flip(2), pixels)
        shifts = torch.randint(-self.shift, self.shift + 1, (count, 2), generator=generator)
        height, width = pixels.shape[1:]
        y = torch.arange(height) + shifts[:, :1]
        x = torch.arange(width) + shifts[:, 1:]
        inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
        number = torch.arange(count)[:, None, None]
        moved = pixels[number, y.clamp(0, height - 1)[:, :, None], x.clamp(0, width - 1)[:, None]]
        return Batch(moved * inside, rows, turns)


def pixel_weights(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Flat numbers of the pixels that the loss looks at, and how much each counts.

    All within 2 px of the figure, edges half as much again and single pixels double, and of the
    empty rest every eighth.
    """
    padded = F.pad(pixels, (1, 1, 1, 1))
    differ = torch.stack([
        padded[:, 1:-1, 2:] != pixels, padded[:, 1:-1, :-2] != pixels,
        padded[:, 2:, 1:-1] != pixels, padded[:, :-2, 1:-1] != pixels,
    ]).sum(0)  # fmt: skip
    near = F.max_pool2d((pixels > 0).float(), 5, 1, 2) > 0
    number = torch.arange(pixels.numel(), device=pixels.device).view_as(pixels)
    where = torch.nonzero((near | (number % 8 == 0)).flatten()).flatten()
    weight = 1 + 0.5 * (differ > 0).float() + 0.5 * (differ == 4).float()
    return where, weight.flatten()[where]


def accuracy(drawn: NDArray[np.uint8], truth: NDArray[np.uint8], lab: NDArray[np.float64]) -> float:
    """Share of the pixels that either picture draws that are the same, 0..1, higher is better."""
    either = (drawn > 0) | (truth > 0)
    return float((drawn == truth)[either].mean())


def colour_error(
    drawn: NDArray[np.uint8], truth: NDArray[np.uint8], lab: NDArray[np.float64]
) -> float:
    """Mean OKLab distance of the pixels that both pictures draw, lower is better."""
    both = (drawn > 0) & (truth > 0)
    return float(np.linalg.norm(lab[drawn[both]] - lab[truth[both]], axis=-1).mean())


def write_sheet(path: Path, lines: list[NDArray[np.uint8]], scale: int = 3) -> None:
    """Write rows of RGBA pictures [N, H, W, 4] on grey, enlarged."""
    rows = []
    for line in lines:
        solid = line[..., 3:] > 0
        cells = np.where(solid, line[..., :3], np.uint8(118))
        cells = np.pad(cells, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=118)
        rows.append(np.concatenate(list(cells), 1))
    wide = max(row.shape[1] for row in rows)
    rows = [np.pad(r, ((0, 0), (0, wide - r.shape[1]), (0, 0))) for r in rows]
    sheet = cv2.resize(np.concatenate(rows), None, fx=scale, fy=scale,
                       interpolation=cv2.INTER_NEAREST)  # fmt: skip
    cv2.imwrite(str(path), sheet[..., ::-1])
