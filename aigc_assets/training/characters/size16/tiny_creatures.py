"""Monsters and animals of 16 px: the slot mixer learns the shapes between the known ones.

Some pairs of bodies are never mixed for training: they are what the model is judged on. Two of the
source's monsters are left out altogether; what they look like beside the rest says how near a new
monster may come to a known one.
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
from aigc_assets.training.characters.size16.ninja_creatures import (
    ANIMALS,
    CLASSES,
    CRESTS,
    FACES,
    MONSTER_POSES,
    MONSTERS,
    OWN,
    POSES,
    SIDE_POSES,
    SIZE,
    compose,
    everything,
    read_creatures,
)
from aigc_assets.training.characters.size16.ninja_people import DIRECTIONS
from aigc_assets.training.characters.size16.tiny_people import accuracy, iou
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr

BATCH = 96
MOST = 0.45
"""Largest share of the second body."""
SOURCE = "sprites/ninja_adventure/Actor"
BODIES: tuple[str, ...] = (
    *(name for name, hues in MONSTERS.items() if not hues.held_out),
    *(name.lower() for name in ANIMALS),
)
"""Bodies the network knows; animals are in small letters."""
NOTES = [
    "slot_accuracy: share of the opaque pixels of held-out mixtures (pairs of bodies that training "
    "never mixes) that get the right one of 10 slots; silhouette_iou: their outlines.",
    "floor: the mixture itself as drawn by rule. baseline: the first of the two bodies unmixed.",
    "A mixture is drawn by rule: signed distances of two outlines are mixed, the skin is "
    "stretched, eyes and horns are set in whole and the outline is drawn again.",
    "The source has a walk of monsters and two side views of animals; every other animation is "
    "derived from them by rule.",
]
"""What the card says about the metrics and the data."""
COLOURS = np.array([
    (128, 128, 128), (20, 27, 27), (46, 92, 70), (92, 152, 74), (180, 212, 98),
    (120, 60, 60), (206, 110, 76), (250, 206, 150), (250, 248, 240), (226, 44, 62),
], dtype=np.uint8)  # fmt: skip
"""A colour per slot for previews."""


class TinyCreaturesTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "creatures16"
    models: ClassVar[tuple[str, ...]] = ("creatures16_mixer",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/ninja_adventure`` of the sources."""
        found = read_creatures(sources / SOURCE)
        words = {name: hues.words for name, hues in MONSTERS.items()}
        words |= {name.lower(): hues.words for name, (_, hues) in ANIMALS.items()}
        info = {
            "vocabulary": {
                "classes": list(CLASSES),
                "poses": [list(pose) for pose in POSES],
                "bodies": {name: words[name] for name in BODIES},
                "faces": list(FACES),
                "crests": list(CRESTS),
                "own": list(OWN),
                "most": MOST,
            },
            "notes": NOTES,
            "sources": [
                {
                    "folder": f"{SOURCE}/{part}",
                    "licence": "CC0-1.0",
                    "attribution": "",
                    "used_for": used,
                }
                for part, used in (
                    ("Monsters", "bodies, eyes and horns in the walk of four directions"),
                    ("Animals", "bodies from the side, sitting and running"),
                )
            ],
        }
        return {"frames": np.stack([found[name] for name in BODIES])}, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info = run, info
        self.parts = everything(dict(zip(BODIES, data["frames"], strict=True)))
        self.beasts = sum(name in MONSTERS for name in BODIES)
        self.config = SlotMixerConfig(
            classes=len(CLASSES),
            items=(len(BODIES), len(FACES) + 1, len(CRESTS) + 1),
            pose_directions=tuple(DIRECTIONS.index(d) for _, d in POSES),
        )
        network: Any = SlotMixer(self.config)
        self.network: SlotMixer = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 3e-3, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        test = torch.Generator().manual_seed(20_240_229)
        pool = [self.sample(test) for _ in range(1500)]
        self.test = [one for one in pool if self.held_out(one)][:96]

    def sample(self, generator: torch.Generator) -> tuple[int, int, float, int, int]:
        """A random creature: body, other body, share of the other, face, crest (0: its own)."""

        def draw(n: int) -> int:
            return int(torch.randint(n, (1,), generator=generator))

        chance = torch.rand(4, generator=generator).tolist()
        share = 0.0 if chance[0] < 0.1 else MOST * chance[1]
        if chance[2] < 0.15:
            animals = len(BODIES) - self.beasts
            return self.beasts + draw(animals), self.beasts + draw(animals), share, 0, 0
        body = draw(self.beasts)
        face = 0 if chance[3] < 0.35 or BODIES[body] in OWN else 1 + draw(len(FACES))
        crest = 0 if draw(2) else 1 + draw(len(CRESTS))
        return body, draw(self.beasts), share, face, crest

    @staticmethod
    def held_out(one: tuple[int, int, float, int, int]) -> bool:
        """Whether a creature mixes two bodies that training never mixes."""
        low, high = sorted(one[:2])
        return low != high and one[2] > 0 and (low * 3 + high * 5) % 7 == 0

    def poses(self, one: tuple[int, int, float, int, int]) -> range:
        """Poses that a creature has."""
        return MONSTER_POSES if one[0] < self.beasts else SIDE_POSES

    @staticmethod
    def inputs(many: list[tuple[int, int, float, int, int]]) -> tuple[Tensor, Tensor]:
        """Items [B, 3, 2] and weights [B, 3, 2] for the network."""
        items = torch.tensor([[[b, o], [f, f], [c, c]] for b, o, _, f, c in many])
        weights = torch.tensor([[[1 - s, s], [1.0, 0.0], [1.0, 0.0]] for _, _, s, _, _ in many])
        return items, weights

    def draw(self, many: list[tuple[int, int, float, int, int]], pose: Tensor) -> Tensor:
        """Slots [B, 16, 16] that the averaged network draws."""
        items, weights = self.inputs(many)
        device = self.run.device
        with torch.no_grad():
            logits = self.ema.network(items.to(device), weights.to(device), pose.to(device))
        slots: Tensor = logits.argmax(1).cpu()
        return slots

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on about ``BATCH`` frames: some creatures, six poses of each."""
        run, device = self.run, self.run.device
        many: list[tuple[int, int, float, int, int]] = []
        poses: list[int] = []
        targets: list[np.ndarray] = []
        while len(many) < BATCH:
            one = self.sample(run.generator)
            if self.held_out(one):
                continue
            here = self.poses(one)
            order = torch.randperm(len(here), generator=run.generator)[:6].tolist()
            frames = self.paint(one, [here[i] for i in order])
            many += [one] * len(order)
            poses += [here[i] for i in order]
            targets.append(frames)
        target = torch.from_numpy(np.concatenate(targets)).long().to(device)
        items, weights = self.inputs(many)
        set_lr(self.optimizer, cosine(progress, 3e-3, 3e-5))
        with run.autocast():
            logits = self.network(
                items.to(device), weights.to(device), torch.tensor(poses).to(device)
            )
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

    def paint(self, one: tuple[int, int, float, int, int], poses: list[int]) -> np.ndarray:
        """Composed frames of a creature in some of its poses."""
        body, other, share, face, crest = one
        return np.stack([
            compose(
                self.parts[BODIES[body]][pose],
                self.parts[BODIES[other]][pose],
                share,
                self.parts[FACES[face - 1]][pose] if face else None,
                self.parts[CRESTS[crest - 1]][pose] if crest else None,
            )
            for pose in poses
        ])  # fmt: skip

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Accuracy of slots and outlines on mixtures of held-out pairs."""
        truth, drawn, naive = [], [], []
        for one in self.test:
            here = self.poses(one)
            truth.append(self.paint(one, list(here)))
            naive.append(self.paint((one[0], one[0], 0.0, 0, 0), list(here)))
            drawn.append(self.draw([one] * len(here), torch.tensor(list(here))).numpy())
        real, seen, base = (torch.from_numpy(np.concatenate(a)) for a in (truth, drawn, naive))
        return {
            name: {
                "model": round(function(seen, real), 5),
                "floor": round(function(real, real), 5),
                "baseline": round(function(base, real), 5),
            }
            for name, function in (("slot_accuracy", accuracy), ("silhouette_iou", iou))
        }

    def preview(self, path: Path) -> None:
        """Held-out mixtures as drawn and as composed, in plain colours."""
        rows = []
        for one in self.test[:16]:
            here = [p for p in self.poses(one) if p in (0, 1, 2, 3, 4, 8, 9, 10, 12, 16, 17)]
            drawn = self.draw([one] * len(here), torch.tensor(here)).numpy()
            frames = [*drawn, *self.paint(one, here)]
            frames += [np.zeros((SIZE, SIZE), dtype=np.uint8)] * (18 - len(frames))
            rows.append(np.concatenate(list(COLOURS[np.stack(frames)]), 1))
        sheet = cv2.resize(np.concatenate(rows), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), sheet[..., ::-1])
