"""Training of the masked-token prior of 32 px pixel art, over the codes of the trained tokeniser.

Pictures are varied, then encoded; of their codes some are hidden (scattered cells, a block, or all)
and have to be told from the rest and from the condition, of which some is withheld at random.

References:
    Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
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

from aigc_assets.models import checkpoint
from aigc_assets.models.fsq_vae import FsqVae, Known
from aigc_assets.models.sprite_crossover import recombine
from aigc_assets.models.sprite_maskgit import (
    Condition,
    SpriteMaskgit,
    SpriteMaskgitConfig,
    covers,
    sizes,
)
from aigc_assets.models.sprite_sampling import Wish, dominant, draw
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.characters.size32.pixel_sprites import KINDS, likeness
from aigc_assets.training.characters.size32.sprite_names import COLOUR_WORDS
from aigc_assets.training.characters.size32.sprite_tokens import (
    Batches,
    SpriteTokensTask,
    write_sheet,
)
from aigc_assets.training.trainer import Ema, Metrics, Run, cosine, set_lr
from aigc_assets.types.oklab import FAMILIES

BATCH = 96
COMPILED_MINUTES = 8.0
"""Runs of so many minutes compile the network."""
_WITHHELD = {
    "kind": 0.05,
    "subclass": 0.12,
    "words": 0.25,
    "colours": 0.12,
    "size": 0.2,
    "cover": 0.3,
}
"""How often each part of the condition is unknown."""
SAMPLES = 96
SURE = 0.5
"""Temperature at which pixels of known pictures are drawn."""
CRUMB = 3
"""Pixels below which a loose part of a known picture is dropped."""
UNNAMED = (0.16, 0.09)
"""Of a batch: people and other pictures, of which nothing is told but the outline."""
NOTES = [
    "cross_entropy_coarse, cross_entropy_fine: nats per hidden code of pictures of which half of "
    "the cells are hidden and of which the kind, sub-class, words, colours and outline are told; "
    "model: held-out pictures, floor: training pictures, baseline: all codes alike.",
    "What is shipped joins parts of two pictures, redraws seams and other cells and keeps none "
    "that is a near copy. The weights hold the training pictures as the tokeniser draws them from "
    "its codes, with small differences: they are in the public domain (CC0).",
    "known_near_copies: the same share of the pictures that are kept.",
    "near_copies, before any is refused: share of drawn pictures that agree with a training "
    "picture (mirrored, shifted by up to a pixel; lightness within the figure) more than 95 % of "
    "the held-out pictures do; "
    "floor: held-out pictures themselves, baseline: training pictures.",
]


class SpritePriorTask:
    """The prior over sprite codes: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "sprite_prior"
    models: ClassVar[tuple[str, ...]] = ("sprite_maskgit",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Those of the tokeniser."""
        arrays, info = SpriteTokensTask.pack(sources)
        return arrays, {**info, "notes": NOTES}

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.sprites = sprites = pixel_sprites.unpack(data, info)
        self.tokeniser = self._load_tokeniser()
        tokeniser = self.tokeniser
        train = sprites.rows("train")
        words = {w for row in train for w in sprites.words[row]} - COLOUR_WORDS
        self.config = SpriteMaskgitConfig(
            codes=tokeniser.config.codes,
            kinds=KINDS,
            subclasses=tuple(sorted({sprites.subclass[row] for row in train})),
            words=tuple(sorted(words)),
            colours=FAMILIES,
            seeds=len(train),
            classes=len(sprites.colours),
            turns=len(sprites.turned),
        )
        self.network = SpriteMaskgit(self.config).to(run.device)
        self.labels = torch.from_numpy(self._labels()).to(run.device)
        self.network.turned.copy_(torch.from_numpy(sprites.turned))
        thing = torch.from_numpy(sprites.identity).to(run.device)[train, None]
        labels = torch.cat([self.labels[train], thing], 1)
        self.network.seed_labels.copy_(labels.to(torch.int16))
        self.ema = Ema(self.network, 0.998)
        if run.minutes >= COMPILED_MINUTES:
            self.network.compile()
        inner = [p for p in self.network.blocks.parameters() if p.dim() == 2]
        chosen = {id(p) for p in inner}
        rest = [p for p in self.network.parameters() if id(p) not in chosen]
        wide = [p for p in rest if p.dim() >= 2]
        flat = [p for p in rest if p.dim() < 2]
        groups = [{"params": wide, "weight_decay": 0.05}, {"params": flat, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=0, betas=(0.9, 0.98), fused=True)
        self.inner = torch.optim.Muon(
            inner, lr=0, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
        )
        self.batches = Batches(sprites, "train", run, shift=1)
        self.unnamed = [Batches.of(data[name], sprites.turned, run)
                        for name in ("people", "others") if name in data]  # fmt: skip

    def _load_tokeniser(self) -> FsqVae:
        folder = self.run.out / "weights"
        here = folder if (folder / "sprite_fsq_vae.json").is_file() else None
        network = checkpoint.load("sprite_fsq_vae", folder=here, device=self.run.device).network
        assert isinstance(network, FsqVae)
        return network

    @property
    def average(self) -> SpriteMaskgit:
        """The averaged network, which is what is shipped."""
        network = self.ema.network
        assert isinstance(network, SpriteMaskgit)
        return network

    def _labels(self) -> np.ndarray:
        """Kind, sub-class and three words of every picture, and of one that has none at last."""
        config, sprites = self.config, self.sprites
        subclass = {name: i for i, name in enumerate(config.subclasses)}
        word = {name: i for i, name in enumerate(config.words)}
        rows = []
        for kind, name, words in zip(
            sprites.kind.tolist(), sprites.subclass, sprites.words, strict=True
        ):
            known = [word[w] for w in words if w in word][-3:]
            known += [len(config.words)] * (3 - len(known))
            rows.append([kind, subclass.get(name, len(subclass)), *known])
        rows.append([len(config.kinds), len(subclass), *[len(config.words)] * 3])
        return np.array(rows, np.int64)

    def condition(self, pixels: Tensor, rows: Tensor) -> Condition:
        """All that is known of pictures [B, H, W] that show ``rows``."""
        solid, label = pixels > 0, self.labels[rows]
        colours = dominant(pixels, self.tokeniser.colours)
        return Condition(
            label[:, 0], label[:, 1], label[:, 2:], colours, sizes(solid), covers(solid)
        )

    def withhold(
        self, condition: Condition, turned: Tensor, generator: torch.Generator
    ) -> Condition:
        """Make parts of it unknown; the words of a picture in other hues more often."""
        count = len(condition.kind)

        def drop(name: str, extra: Tensor | float = 0.0) -> Tensor:
            chance = torch.rand(count, generator=generator)
            return (chance < _WITHHELD[name] + extra).to(condition.kind.device)

        unknown = self.average.unknown(condition, kind=True)
        gone = {name: drop(name) for name in _WITHHELD}
        gone["words"] |= drop("words", turned.float().cpu() * 0.25)
        parts = {}
        for name, mask in gone.items():
            old, new = getattr(condition, name), getattr(unknown, name)
            parts[name] = torch.where(mask.view(-1, *[1] * (old.dim() - 1)), new, old)
        return Condition(**parts)

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` pictures."""
        for optimizer in self.optimizers().values():
            set_lr(optimizer, cosine(progress, 1.2e-3, 2e-5))
            optimizer.zero_grad(set_to_none=True)
        parts = [self.batches.draw(BATCH - sum(self._unnamed()), turned=0.4)]
        for batches, count in zip(self.unnamed, self._unnamed(), strict=True):
            if not count:
                continue
            drawn = batches.draw(count, turned=0.4)
            parts.append(dataclasses.replace(drawn, rows=torch.full_like(drawn.rows, -1)))
        pixels = torch.cat([part.pixels for part in parts]).to(self.run.device)
        rows, turns = (torch.cat([getattr(part, name) for part in parts])
                       for name in ("rows", "turns"))  # fmt: skip
        condition = self.condition(pixels, rows)
        condition = self.withhold(condition, turns > 0, self.run.generator)
        coarse, fine = hide(BATCH, self.config.side, self.run.generator)
        losses = self.losses(self.network, pixels, condition, coarse, fine)
        sum(losses.values(), torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers().values():
            optimizer.step()
        self.ema.update(self.network)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _unnamed(self) -> list[int]:
        return [round(BATCH * share) for share in UNNAMED[: len(self.unnamed)]]

    def losses(
        self, network: SpriteMaskgit, pixels: Tensor, condition: Condition, coarse: Tensor,
        fine: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Cross entropy of the codes that are hidden, with the codes around them known.

        Args:
            network: The one to judge.
            pixels: [B, H, W] int64.
            condition: What the network is told.
            coarse: Cells whose coarse code is hidden, [B, h, w] bool.
            fine: Cells whose fine code is hidden; all of ``coarse`` are.
        """
        with torch.no_grad(), self.run.autocast():
            codes = self.tokeniser.encode(pixels)
        hidden = torch.stack([coarse, fine], 1).to(codes.device)
        blank = torch.tensor(self.config.codes, device=codes.device)[:, None, None]
        with self.run.autocast():
            logits = network(torch.where(hidden, blank, codes), condition)
        told = (hidden[:, 0], hidden[:, 1] & ~hidden[:, 0])
        return {
            name: F.cross_entropy(value.float()[where.flatten(1)], codes[:, i][where])
            for i, (name, value, where) in enumerate(
                zip(("coarse", "fine"), logits, told, strict=True)
            )
        }

    def modules(self) -> dict[str, nn.Module]:
        """Network and its average."""
        return {"network": self.network, "ema": self.ema.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """AdamW for what maps from and to codes, Muon for the blocks."""
        return {"adam": self.optimizer, "muon": self.inner}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged network."""
        return {"sprite_maskgit": (self.average, dataclasses.asdict(self.config))}

    def watch(self) -> Metrics:
        """`evaluate` with validation pictures, without samples."""
        return self._cross_entropy("validation")

    def evaluate(self) -> Metrics:
        """Cross entropy of held-out pictures and how many samples are near copies."""
        metrics = self._cross_entropy("held-out")
        # The tokeniser's decoder may have learnt on meanwhile; its codes are the same.
        self.tokeniser = self._load_tokeniser()
        drawn = self.known_pictures()
        for network in (self.network, self.average):
            network.seed_images.copy_(drawn)
        sprites, train = self.sprites, self.sprites.rows("train")
        known = sprites.images[train]
        real = likeness(sprites.images[sprites.rows("held-out")], known, sprites.colours).max(1)
        limit = float(np.quantile(real, 0.95))
        near = likeness(self.average.seed_images.cpu().numpy(), known, sprites.colours).max(1)
        metrics["known_near_copies"] = {
            "model": round(float((near > limit).mean()), 4),
            "floor": round(float((real > limit).mean()), 4),
            "baseline": 1.0,
        }
        for name, joined in (("near_copies", True), ("near_copies_of_prior_alone", False)):
            near = likeness(self.sample(SAMPLES, joined=joined), known, sprites.colours).max(1)
            metrics[name] = {
                "model": round(float((near > limit).mean()), 4),
                "floor": round(float((real > limit).mean()), 4),
                "baseline": 1.0,
            }
        return metrics

    @torch.no_grad()
    def known_pictures(self) -> Tensor:
        """What is drawn from: the training pictures as the tokeniser draws them.

        [N, 32, 32] uint8. Out of all three levels of codes: what is no drawing of the tokeniser's
        could not be joined and redrawn without showing where.
        """
        rows, device = torch.from_numpy(self.sprites.rows("train")), self.run.device
        generator, drawn = torch.Generator().manual_seed(23), []
        for some in rows.split(64):
            pixels = torch.from_numpy(self.sprites.images)[some].long().to(device)
            hidden = torch.full_like(pixels, self.tokeniser.config.classes)
            with self.run.autocast():
                told = Known(hidden, self.tokeniser.palettes(pixels), None, None,
                             self.tokeniser.details(pixels))  # fmt: skip
                codes = self.tokeniser.encode(pixels)
                pixels = self.tokeniser.draw(codes, told, generator, temperature=SURE)
            drawn.append(pixels)
        images = torch.cat(drawn).cpu().numpy().astype(np.uint8)
        return torch.from_numpy(np.stack([without_crumbs(image) for image in images]))

    @torch.no_grad()
    def _cross_entropy(self, split: str) -> Metrics:
        found: dict[str, dict[str, float]] = {"coarse": {}, "fine": {}}
        for column, part in (("model", split), ("floor", "train")):
            rows = torch.from_numpy(self.sprites.rows(part)[:192])
            generator = torch.Generator().manual_seed(3)
            pixels = torch.from_numpy(self.sprites.images)[rows].long().to(self.run.device)
            side = self.config.side
            half = torch.rand(len(rows), side, side, generator=generator) < 0.5
            condition = self.condition(pixels, rows)
            fine = half | (torch.rand(half.shape, generator=generator) < 0.5)
            losses = self.losses(self.average, pixels, condition, half, fine)
            for name, loss in losses.items():
                found[name][column] = round(float(loss), 4)
        for name, count in zip(found, self.config.codes, strict=True):
            found[name]["baseline"] = round(math.log(count), 4)
        return {f"cross_entropy_{name}": values for name, values in found.items()}

    def sample(self, count: int, *, joined: bool = True) -> np.ndarray:
        """``count`` pictures of kinds and words as in the training data, [count, H, W] uint8.

        ``joined`` ones are made of parts of known pictures, as shipped; the others are drawn by the
        prior alone, inside of a bent outline.
        """
        generator = torch.Generator().manual_seed(11)
        rows = self.sprites.rows("train")
        rows = rows[torch.randperm(len(rows), generator=generator).numpy()[:count]]
        wishes = [Wish(k, s, tuple(words)) for k, s, *words in self.labels[rows].tolist()]
        parts = []
        for some in (wishes[i : i + 32] for i in range(0, len(wishes), 32)):
            with self.run.autocast():
                if joined:
                    many = recombine(self.tokeniser, self.average, some, generator, tries=3)[0]
                    parts.append(many[:, 0])
                else:
                    parts.append(draw(self.tokeniser, self.average, some, generator))
        return np.concatenate(parts)

    def preview(self, path: Path) -> None:
        """Of every kind a row that the prior draws alone, and a row of joined pictures."""
        lines = []
        for kind in range(len(KINDS)):
            generator = torch.Generator().manual_seed(kind)
            rows = self.sprites.rows("train", KINDS[kind])
            rows = rows[torch.randperm(len(rows), generator=generator).numpy()[:16]]
            wishes = [Wish(k, s, tuple(words)) for k, s, *words in self.labels[rows].tolist()]
            with self.run.autocast():
                alone = draw(self.tokeniser, self.average, wishes, generator)
                joined = recombine(self.tokeniser, self.average, wishes, generator, tries=2)[0]
            lines += [self.sprites.rgba(alone), self.sprites.rgba(joined[:, 0])]
        write_sheet(path.with_suffix(".png"), lines)


def without_crumbs(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The index map without loose parts of less than `CRUMB` px."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        (image > 0).astype(np.uint8), connectivity=8
    )
    small = stats[:, cv2.CC_STAT_AREA] < CRUMB
    result: NDArray[np.uint8] = np.where(small[parts], 0, image).astype(np.uint8)
    return result if count > 1 else image


def hide(count: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cells whose coarse and whose fine codes are hidden, [count, side, side] bool each.

    Three in ten pictures hide fine codes alone; of the others most hide all fine codes, as when a
    picture is drawn from nothing, the rest those of the hidden cells and some more.
    """

    def scattered() -> Tensor:
        share = torch.cos(math.pi / 2 * torch.rand(count, 1, 1, generator=generator))
        return torch.rand(count, side, side, generator=generator) < share

    corner = torch.randint(-side // 2, side, (2, count, 1, 1), generator=generator)
    reach = torch.randint(2, side + 1, (2, count, 1, 1), generator=generator)
    y, x = torch.arange(side)[None, :, None], torch.arange(side)[None, None]
    block = (y >= corner[0]) & (y < corner[0] + reach[0])
    block = block & (x >= corner[1]) & (x < corner[1] + reach[1])
    choice = torch.rand(count, 1, 1, generator=generator)
    coarse = torch.where(choice < 0.2, block, scattered()) & (choice < 0.7)
    other = torch.rand(count, 1, 1, generator=generator)
    fine = torch.where((other < 0.7) & (choice < 0.7), torch.ones_like(coarse), scattered())
    return coarse, coarse | fine
