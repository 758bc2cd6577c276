"""Training of the tokeniser of 32 px pixel art.

What is seen: curated pictures, people composed of layers and other pictures of the same hands,
mirrored, shifted and with turned hues. The decoder is told the codes, the palette and some of the
pixels, and has to tell the others; wrong pixels on outlines and single pixels (eyes) weigh more.
From the middle of the run on the encoder is fixed, so that a prior may learn its codes meanwhile.

References:
    Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), here of
    convolutions as matrices.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.fsq_vae import FsqVae, FsqVaeConfig, Known
from aigc_assets.training.characters.size32 import pixel_sprites, sprite_extras
from aigc_assets.training.characters.size32.pixel_sprites import PixelSprites
from aigc_assets.training.trainer import Ema, Metrics, Run, cosine, set_lr
from aigc_assets.types.oklab import to_oklab

BATCH = 64
SHARES = (0.62, 0.23, 0.15)
"""Of a batch: curated pictures, people, other pictures."""
ALL_HIDDEN = 0.4
"""Share of the pictures that are drawn from codes and palette alone."""
ROUGH = 0.25
"""Share of the pictures that are drawn without fine codes."""
VAGUE = 0.4
"""Share of the pictures that are drawn without details; of the others some details are missing."""
HOLES = 0.2
"""Share of the pictures of which some cells have no codes."""
JITTERED = 0.04
"""Share of latent numbers that are moved by a level while the decoder learns."""
FREEZE_FROM = 0.5
"""Progress from which the encoder is fixed."""
NOTES = [
    "Pictures are split by identity: colour variants, numbered variants and mirrored ones of one "
    "thing are in the same part.",
    "pixel_accuracy: share of the pixels of the figures (drawn or to be drawn) that come back in "
    "the same of 48 values; colour_error: mean OKLab distance of the opaque ones. model: held-out "
    "pictures, floor: training pictures, baseline: the training picture that agrees most.",
    "pixel_accuracy is of one pass, the likeliest value everywhere, from coarse and fine codes; "
    "pixel_accuracy_coarse the same without fine codes, pixel_accuracy_detail with details too. "
    "The decoder knows which colours the picture has.",
    "coarse_codes_used, fine_codes_used, details_used: share of the codes that training pictures "
    "use.",
]


class SpriteTokensTask:
    """The FSQ tokeniser: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "sprite"
    models: ClassVar[tuple[str, ...]] = ("sprite_fsq_vae",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Curate ``sprites/packed/dcss_32.*`` of the sources, and what else they hold."""
        arrays, info = pixel_sprites.pack(sources)
        arrays |= sprite_extras.pack(sources, pixel_sprites.unpack(arrays, info))
        info["sources"][0]["used_for"] += "; people out of layers and other pictures, as examples"
        return arrays, {**info, "notes": NOTES}

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.sprites = pixel_sprites.unpack(data, info)
        self.config = FsqVaeConfig(classes=len(self.sprites.colours))
        network: Any = FsqVae(self.config)
        self.network = network.to(run.device).to(memory_format=torch.channels_last)
        self.network.colours.copy_(torch.from_numpy(self.sprites.colours))
        self.ema = Ema(self.network, 0.998)
        self.matrices = Matrices(
            [
                layer.weight
                for layer in self.network.modules()
                if isinstance(layer, nn.Conv2d) and layer.kernel_size[0] > 1
            ]
        )
        chosen = {id(p) for p in self.matrices.weights}
        rest = [p for p in self.network.parameters() if id(p) not in chosen]
        self.optimizer = torch.optim.AdamW(rest, lr=0, betas=(0.9, 0.98), weight_decay=0.01,
                                           fused=True)  # fmt: skip
        self.inner = torch.optim.Muon(self.matrices.views, lr=0, weight_decay=0.05,
                                      adjust_lr_fn="match_rms_adamw")  # fmt: skip
        self.frozen = False
        batches = [Batches(self.sprites, "train", run)]
        for name in ("people", "others"):
            if name in data:
                batches.append(Batches.of(data[name], self.sprites.turned, run))
        self.batches = batches

    @property
    def average(self) -> FsqVae:
        """The averaged network, which is what is shipped."""
        network = self.ema.network
        assert isinstance(network, FsqVae)
        return network

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` pictures."""
        if progress >= FREEZE_FROM and not self.frozen:
            self._freeze()
        for optimizer in self.optimizers().values():
            set_lr(optimizer, cosine(progress, 2e-3, 2e-5, 0.03))
            optimizer.zero_grad(set_to_none=True)
        pixels = self._pictures()
        known, hidden = self._hide(pixels)
        where, weight = pixel_weights(pixels, hidden)
        with self.run.autocast():
            logits, codes = self.network(pixels, known, self._jitter())
        rows = logits.permute(0, 2, 3, 1).reshape(-1, self.config.classes)[where]
        wanted = pixels.flatten()[where]
        error = F.cross_entropy(rows.float(), wanted, reduction="none")
        loss = (error * weight).sum() / weight.sum()
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.matrices.lend_gradients()
        for optimizer in self.optimizers().values():
            optimizer.step()
        self.ema.update(self.network)
        values = {"ce": float(loss.detach())}
        if int(self.run.indices(8, 1)) == 0:
            whole = (hidden.all(2).all(1)[:, None] & (pixels > 0).flatten(1)).flatten()[where]
            hits = (rows.detach().argmax(1) == wanted)[whole].float().mean()
            values["accuracy"] = float(hits)
            values["used"] = len(torch.unique(codes[:, 0])) / self.config.codes[0]
        return values

    def _pictures(self) -> Tensor:
        """A batch [B, H, W] of all there is."""
        if len(self.batches) < len(SHARES):
            return self.batches[0].draw(BATCH).pixels.to(self.run.device)
        counts = [round(BATCH * share) for share in SHARES[1:]]
        counts.insert(0, BATCH - sum(counts))
        parts = [b.draw(n).pixels for b, n in zip(self.batches, counts, strict=True)]
        return torch.cat(parts).to(self.run.device)

    def _hide(self, pixels: Tensor) -> tuple[Known, Tensor]:
        """What the decoder is told of pictures, and which pixels it is not told, [B, H, W] bool.

        Known pixels lie scattered or in patches, or all around a block. Palettes have up to three
        colours more than the picture, so that not all of a palette has to be used.
        """
        generator = self.run.generator
        count, height, width = pixels.shape

        def uniform(*shape: int) -> Tensor:
            return torch.rand(count, *shape, generator=generator)

        patches = uniform(height // 4, width // 4)
        patches = patches.repeat_interleave(4, 1).repeat_interleave(4, 2)
        even = uniform(1, 1)
        score = even * uniform(height, width) + (1 - even) * patches
        share = torch.cos(math.pi / 2 * uniform())
        limit = score.flatten(1).sort(1).values
        limit = limit.gather(1, (share * (height * width - 1)).long()[:, None])
        hidden = score <= limit[:, :, None]
        block = _blocks(count, height // 4, width // 4, generator)
        choice = uniform(1, 1)
        large = block.repeat_interleave(4, 1).repeat_interleave(4, 2)
        hidden = torch.where(choice < 0.12, large, hidden) | (choice > 1 - ALL_HIDDEN)
        spots = uniform(height // 4, width // 4) < 0.5 * uniform(1, 1)
        other = uniform(1, 1)
        gone = torch.where(other < HOLES / 2, block, spots & (other < HOLES))
        rough = uniform(1, 1) < ROUGH
        extra = uniform(self.config.classes) < 3 / self.config.classes * uniform(1)
        vague = (uniform(1, 1) < VAGUE) | (uniform(height // 4, width // 4) < 0.5 * uniform(1, 1))
        vague = (vague | gone | rough).repeat_interleave(2, 1).repeat_interleave(2, 2)
        device = pixels.device
        hidden = hidden.to(device)
        known = Known(
            torch.where(hidden, self.config.classes, pixels),
            self.network.palettes(pixels) | extra.to(device),
            (~gone).to(device),
            (~gone & ~rough).to(device),
            (vague * self.config.details).to(device),
        )
        return known, hidden

    def _jitter(self) -> Tensor:
        """Steps to add to the latents of a batch."""
        generator, side = self.run.generator, self.config.side // 4
        shape = (BATCH, len(self.config.coarse) + len(self.config.fine), side, side)
        jitter = torch.randint(0, 2, shape, generator=generator) * 2 - 1
        moved = torch.rand(shape, generator=generator) < JITTERED
        return (jitter * moved).to(self.run.device)

    def _freeze(self) -> None:
        """From here on the encoder is the averaged one, for good: a prior may rely on its codes."""
        for name in ("embed", "down", "look_tone", "look", "to_latent", "look_closely",
                     "to_detail"):  # fmt: skip
            part = getattr(self.network, name)
            part.load_state_dict(getattr(self.average, name).state_dict())
            part.requires_grad_(False)
        self.frozen = True

    def modules(self) -> dict[str, nn.Module]:
        """Network and its average."""
        return {"network": self.network, "ema": self.ema.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Muon for the convolutions, AdamW for the rest."""
        return {"adam": self.optimizer, "muon": self.inner}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged network."""
        return {"sprite_fsq_vae": (self.average, dataclasses.asdict(self.config))}

    @torch.no_grad()
    def redraw(
        self, rows: NDArray[np.intp], *, fine: bool = True, detail: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Pictures as they come back in one pass, [N, 32, 32], and their codes [N, 2, 8, 8].

        ``fine`` and ``detail``: whether the decoder is told fine codes, and details.
        """
        drawn, codes = [], []
        for part in np.array_split(self.sprites.images[rows], max(1, len(rows) // 128)):
            pixels = torch.from_numpy(part).long().to(self.run.device)
            code = self.average.encode(pixels)
            hidden = torch.full_like(pixels, self.config.classes)
            told = torch.full_like(code[:, 1], fine, dtype=torch.bool)
            details = self.average.details(pixels) if detail else None
            known = Known(hidden, self.average.palettes(pixels), None, told, details)
            logits = self.average.paint(self.average.vectors(code), known)
            drawn.append(logits.argmax(1).cpu().numpy().astype(np.uint8))
            codes.append(code.cpu().numpy())
        return np.concatenate(drawn), np.concatenate(codes)

    @torch.no_grad()
    def redraw_finely(
        self, rows: NDArray[np.intp], *, fine: bool, detail: bool = False
    ) -> NDArray[np.uint8]:
        """Pictures as they come back over several rounds, [N, 32, 32]; arguments of `redraw`."""
        pixels = torch.from_numpy(self.sprites.images[rows]).long().to(self.run.device)
        codes = self.average.encode(pixels)
        told = torch.full_like(codes[:, 1], fine, dtype=torch.bool)
        known = Known(torch.full_like(pixels, self.config.classes), self.average.palettes(pixels),
                      None, told, self.average.details(pixels) if detail else None)  # fmt: skip
        drawn = self.average.draw(codes, known, torch.Generator().manual_seed(5))
        return drawn.cpu().numpy().astype(np.uint8)

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
        rough = [self.redraw(rows, fine=False)[0] for rows in (test, train)]
        whole = [self.redraw(rows, detail=True)[0] for rows in (test, train)]
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
        for name, (model, floor) in (("coarse", rough), ("detail", whole)):
            result[f"pixel_accuracy_{name}"] = {
                "model": round(accuracy(model, truth, lab), 4),
                "floor": round(accuracy(floor, known, lab), 4),
                "baseline": result["pixel_accuracy"]["baseline"],
            }
        for place, name in enumerate(("coarse", "fine")):
            usage = len(np.unique(codes[:, place])) / self.config.codes[place]
            result[f"{name}_codes_used"] = {"model": round(usage, 4), "floor": 1, "baseline": 0}
        pixels = torch.from_numpy(known[::8]).long().to(self.run.device)
        usage = len(self.average.details(pixels).unique()) / self.config.details
        result["details_used"] = {"model": round(usage, 4), "floor": 1, "baseline": 0}
        return result

    def preview(self, path: Path) -> None:
        """Pictures (two rows of validation, two of training) above the ways they come back.

        In one pass, over several rounds with details, without, and from coarse codes alone.
        """
        rows = np.concatenate([self.sprites.rows("validation")[::3][:32],
                               self.sprites.rows("train")[::29][:32]])  # fmt: skip
        lines = []
        ways = [self.sprites.images[rows], self.redraw(rows)[0],
                self.redraw_finely(rows, fine=True, detail=True),
                *(self.redraw_finely(rows, fine=fine) for fine in (True, False))]  # fmt: skip
        for start in range(0, len(rows), 16):
            for pictures in ways:
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

    @classmethod
    def of(cls, images: NDArray[np.uint8], turned: NDArray[np.uint8], run: Run) -> Batches:
        """Batches of pictures [N, H, W] that have no labels, all alike often."""
        batches = cls.__new__(cls)
        batches.run, batches.shift = run, 2
        batches.rows = torch.arange(len(images))
        batches.weights = torch.ones(len(images), dtype=torch.double)
        batches.images = torch.from_numpy(images)
        batches.turned = torch.from_numpy(turned).long()
        return batches

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


class Matrices:
    """Kernels of convolutions as matrices [outputs, rest] that share their memory.

    Muon takes matrices only; a gradient has to be handed over before its step.
    """

    def __init__(self, weights: list[Tensor]):
        self.weights = weights
        self.views = [nn.Parameter(self._flat(w.detach())) for w in weights]

    def lend_gradients(self) -> None:
        """Give every matrix the gradient of its kernel, None where there is none."""
        for weight, view in zip(self.weights, self.views, strict=True):
            view.grad = None if weight.grad is None else self._flat(weight.grad)

    @staticmethod
    def _flat(kernel: Tensor) -> Tensor:
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        return kernel.permute(0, 2, 3, 1).view(len(kernel), -1)


def _blocks(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Random rectangles of cells, [count, height, width] bool."""
    corner = torch.randint(-height // 2, height, (2, count, 1, 1), generator=generator)
    reach = torch.randint(2, height + 1, (2, count, 1, 1), generator=generator)
    y, x = torch.arange(height)[None, :, None], torch.arange(width)[None, None]
    block = (y >= corner[0]) & (y < corner[0] + reach[0])
    return block & (x >= corner[1]) & (x < corner[1] + reach[1])


def pixel_weights(pixels: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Flat numbers of the pixels that the loss looks at, and how much each counts.

    Of the hidden ones all within 2 px of the figure, edges half as much again and single pixels
    double, and of the empty rest every eighth.
    """
    padded = F.pad(pixels, (1, 1, 1, 1))
    differ = torch.stack([
        padded[:, 1:-1, 2:] != pixels, padded[:, 1:-1, :-2] != pixels,
        padded[:, 2:, 1:-1] != pixels, padded[:, :-2, 1:-1] != pixels,
    ]).sum(0)  # fmt: skip
    near = F.max_pool2d((pixels > 0).float(), 5, 1, 2) > 0
    number = torch.arange(pixels.numel(), device=pixels.device).view_as(pixels)
    # Every eighth along diagonals: along rows whole columns would never be looked at.
    eighth = (number + number // pixels.shape[2]) % 8 == 0
    chosen = hidden & (near | eighth)
    where = torch.nonzero(chosen.flatten()).flatten()
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
