"""People of 16 px: the slot mixer learns to draw every head, face and body in every pose.

Training figures are composed on the fly. Some pairs of head and body, and of head and face, are
never composed for training: they are what the model is judged on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.slot_mixer import SlotMixer, SlotMixerConfig
from aigc_assets.training.characters.size16.ninja_labels import BODIES, CLASSES, FACES, HEADS
from aigc_assets.training.characters.size16.ninja_people import (
    CUT,
    DIRECTIONS,
    POSES,
    SIZE,
    compose,
    read_people,
    take_apart,
)
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr

BATCH = 96
KEPT = 0.4
"""Share of figures that keep the face of their head."""
SCARVES = 0.25
"""Share of figures with a scarf."""
SOURCE = "sprites/ninja_adventure/Actor/Characters"
NOTES = [
    "slot_accuracy: share of the opaque pixels of held-out figures (pairs of head and body, or of "
    "head and face, that training never joins) that get the right one of 19 slots; silhouette_iou: "
    "their outlines. All 25 poses.",
    "floor: the composed figure itself, which is what the source says. baseline: the same figure "
    "with another body or face, the nearest that training has.",
    "The source draws one frame of attack and of jump in each direction and one dead figure; the "
    "rest of those animations, idle and hurt are derived from them by rule.",
]
"""What the card says about the metrics and the data."""
COLOURS = np.array([
    (128, 128, 128), (20, 27, 27), (178, 92, 60), (226, 142, 96), (250, 196, 150),
    (88, 44, 34), (138, 74, 44), (186, 116, 62), (140, 30, 50), (204, 52, 62), (240, 130, 100),
    (38, 58, 110), (60, 96, 168), (110, 160, 214), (150, 110, 30), (206, 166, 50), (246, 226, 120),
    (244, 240, 232), (214, 40, 40),
], dtype=np.uint8)  # fmt: skip
"""A colour per slot for previews."""


class TinyPeopleTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "people16"
    models: ClassVar[tuple[str, ...]] = ("people16_mixer",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/ninja_adventure`` of the sources."""
        arrays = take_apart(read_people(sources / SOURCE))
        info = {
            "vocabulary": {
                "classes": list(CLASSES),
                "poses": [list(pose) for pose in POSES],
                "neck": list(CUT),
                "heads": {name: head.words for name, head in HEADS.items()},
                "open": [name for name, head in HEADS.items() if head.open],
                "faces": list(FACES),
                "bodies": dict(BODIES),
            },
            "notes": NOTES,
            "sources": [
                {
                    "folder": SOURCE,
                    "licence": "CC0-1.0",
                    "attribution": "",
                    "used_for": "heads, faces and bodies in all poses",
                }
            ],
        }
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info, self.layers = run, info, data
        self.open = torch.from_numpy(data["open"].reshape(len(data["open"]), -1).any(1))
        counts = (len(data["heads"]), len(data["faces"]) + 1, len(data["bodies"]), 2)
        self.counts = counts
        self.config = SlotMixerConfig(
            classes=len(CLASSES),
            items=counts,
            pose_directions=tuple(DIRECTIONS.index(d) for _, d in POSES),
        )
        network: Any = SlotMixer(self.config)
        self.network: SlotMixer = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 3e-3, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        test = torch.Generator().manual_seed(20_240_229)
        pool = self.sample(4000, test)
        self.test = pool[self.held_out(pool)][:64]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Random figures: head, face, body, scarf; [count, 4] int64."""
        heads, faces, bodies, _ = self.counts

        def draw(n: int) -> Tensor:
            return torch.randint(n, (count,), generator=generator)

        head, face = draw(heads), draw(faces)
        kept = (torch.rand(count, generator=generator) < KEPT) | ~self.open[head]
        scarf = (torch.rand(count, generator=generator) < SCARVES).long()
        return torch.stack([head, torch.where(kept, 0, face), draw(bodies), scarf], 1)

    def held_out(self, figures: Tensor) -> Tensor:
        """Whether a figure joins a pair that training never sees together, [B]."""
        head, face, body, _ = figures.unbind(1)
        return ((head * 5 + body * 3) % 11 == 0) | ((face > 0) & ((head * 3 + face * 5) % 7 == 0))

    def paint(self, figures: Tensor) -> Tensor:
        """Composed figures in all poses, [B, 25, 16, 16] int64."""
        pictures = [compose(self.layers, *figure) for figure in figures.tolist()]
        return torch.from_numpy(np.stack(pictures)).long()

    def draw(self, figures: Tensor, pose: Tensor) -> Tensor:
        """Slots [B, 16, 16] that the averaged network draws."""
        with torch.no_grad():
            items = figures[..., None].to(self.run.device)
            logits = self.ema.network(items, torch.ones_like(items, dtype=torch.float32), pose)
        slots: Tensor = logits.argmax(1).cpu()
        return slots

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` frames: some figures, six poses of each."""
        run, device = self.run, self.run.device
        pool = self.sample(BATCH, run.generator)
        figures = pool[~self.held_out(pool)][: BATCH // 6]
        pose = torch.stack(
            [torch.randperm(len(POSES), generator=run.generator)[:6] for _ in range(len(figures))]
        )
        target = torch.gather(
            self.paint(figures), 1, pose[..., None, None].expand(-1, -1, SIZE, SIZE)
        ).flatten(0, 1).to(device)  # fmt: skip
        items = figures.repeat_interleave(6, 0)[..., None].to(device)
        set_lr(self.optimizer, cosine(progress, 3e-3, 3e-5))
        with run.autocast():
            weights = torch.ones_like(items, dtype=torch.float32)
            logits = self.network(items, weights, pose.flatten().to(device))
        loss = F.cross_entropy(logits.float(), target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        with torch.no_grad():
            hits = (logits.argmax(1) == target)[target > 0].float().mean()
            values = torch.stack([loss * 1e3, hits]).tolist()
        return dict(zip(("ce", "accuracy"), values, strict=True))

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Accuracy of slots and outlines on figures with held-out pairs."""
        truth = self.paint(self.test).flatten(0, 1)
        pose = torch.arange(len(POSES)).repeat(len(self.test))
        drawn = torch.cat([
            self.draw(f, p) for f, p in zip(
                self.test.repeat_interleave(len(POSES), 0).split(400), pose.split(400), strict=True)
        ])  # fmt: skip
        near = []
        for figure in self.test:
            other = figure.repeat(self.counts[2] + self.counts[1], 1)
            other[: self.counts[2], 2] = torch.arange(self.counts[2])
            other[self.counts[2] :, 1] = torch.arange(self.counts[1])
            near.append(other[~self.held_out(other)][:1])
        naive = self.paint(torch.cat([n if len(n) else self.test[:1] for n in near])).flatten(0, 1)
        return {
            name: {
                "model": round(function(drawn, truth), 5),
                "floor": round(function(truth, truth), 5),
                "baseline": round(function(naive, truth), 5),
            }
            for name, function in (("slot_accuracy", accuracy), ("silhouette_iou", iou))
        }

    def preview(self, path: Path) -> None:
        """Held-out figures as drawn and as composed, in plain colours."""
        poses = torch.tensor([0, 1, 4, 5, 6, 7, 10, 12, 13, 16, 17, 18, 24])
        rows = []
        for figure, truth in zip(self.test[:10], self.paint(self.test[:10]), strict=True):
            drawn = self.draw(figure.repeat(len(poses), 1), poses)
            rows += [np.concatenate(list(COLOURS[s.numpy()]), 1) for s in (drawn, truth[poses])]
        sheet = cv2.resize(np.concatenate(rows), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), sheet[..., ::-1])


def accuracy(drawn: Tensor, truth: Tensor) -> float:
    """Share of the opaque pixels of the truth that have the right slot, 0..1, higher is better."""
    opaque = truth > 0
    return float(((drawn == truth) & opaque).sum() / opaque.sum())


def iou(drawn: Tensor, truth: Tensor) -> float:
    """Intersection over union of the silhouettes, 0..1, higher is better."""
    a, b = drawn > 0, truth > 0
    return float((a & b).sum() / (a | b).sum())
