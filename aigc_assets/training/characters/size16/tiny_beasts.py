"""Creatures of 16 px in one view: the slot mixer learns chimeras, fore part and hind part.

Some pairs of bodies are never joined for training: they are what the model is judged on. Some
creatures are left out altogether; how like the others they are says how near a new one may come.
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
from aigc_assets.training.characters.size16.beast_labels import FAMILIES, beasts
from aigc_assets.training.characters.size16.beasts import apart, chimera, read_beasts
from aigc_assets.training.characters.size16.ninja_creatures import CLASSES, GLOW, WHITE
from aigc_assets.training.characters.size16.tiny_creatures import COLOURS
from aigc_assets.training.characters.size16.tiny_people import accuracy, iou
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr

BATCH = 64
"""Creatures of a step, both frames of each."""
POOL = 24_000
"""Chimeras that are composed before training begins."""
MOST = 0.4
"""Largest share of a third creature in the fore part."""
SOURCE = "sprites/packed"
POSES: tuple[tuple[str, str], ...] = (("base 0", "base"), ("base 1", "base"))
"""The two frames of the source; directions are derived from them by rule."""
NOTES = [
    "slot_accuracy: share of the opaque pixels of held-out chimeras (pairs of bodies that training "
    "never joins) that get the right one of 10 slots; silhouette_iou: their outlines.",
    "floor: the chimera itself as joined by rule. baseline: the first of its bodies alone.",
    "A chimera has the fore part of one creature, drawn towards a second one of its family, and "
    "the hind part of a third: signed distances to the outlines are mixed and joined at a seam.",
    "The source has one view of each creature in two frames. The other directions and all "
    "animations are derived by rule: mirrored, with the face moved, or without a face from behind.",
]
"""What the card says about the metrics and the data."""

Chimera = tuple[int, int, int, float]
"""Fore body, hind body, body that the fore part is drawn towards, share of that."""


class TinyBeastsTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "beasts16"
    models: ClassVar[tuple[str, ...]] = ("beasts16_mixer",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``dawnlike_16`` of ``sprites/packed`` of the sources."""
        every = beasts()
        frames = read_beasts(sources / SOURCE, every)
        known = {label: beast for label, beast in every.items() if not beast.held_out}
        held = [label for label in every if label not in known]
        eyes = {}
        for label, beast in known.items():
            found = apart(frames[label][0], FAMILIES[beast.family].view).eyes
            eyes[label] = [[int(y), int(x), int(found[y, x])] for y, x in np.argwhere(found)]
        info = {
            "vocabulary": {
                "classes": list(CLASSES),
                "poses": [list(pose) for pose in POSES],
                "bodies": {label: beast.words for label, beast in known.items()},
                "family": {label: beast.family for label, beast in known.items()},
                "views": {name: family.view for name, family in FAMILIES.items()},
                "eyes": eyes,
                "most": MOST,
            },
            "held_out": held,
            "notes": NOTES,
            "sources": [
                {
                    "folder": "sprites/dawnlike",
                    "licence": "CC-BY-4.0",
                    "attribution": "DawnLike by DragonDePlatino and DawnBringer (CC-BY 4.0), "
                    "https://dragondeplatino.itch.io/dawnlike; atlas: "
                    "https://github.com/lucas-stanford/dawnlike-atlas. Changed: colours became "
                    "slots, outlines were closed, creatures were joined into others.",
                    "used_for": "creatures of one view in two frames",
                }
            ],
        }
        arrays = {
            "frames": np.stack([frames[label] for label in known]),
            "held_out": np.stack([frames[label] for label in held]),
        }
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info = run, info
        self.bodies = list(info["vocabulary"]["bodies"])
        self.families = [info["vocabulary"]["family"][label] for label in self.bodies]
        self.kin = {
            family: [i for i, other in enumerate(self.families) if other == family]
            for family in dict.fromkeys(self.families)
        }
        self.parts = [
            [apart(frame, FAMILIES[family].view) for frame in pair]
            for family, pair in zip(self.families, data["frames"], strict=True)
        ]
        self.config = SlotMixerConfig(
            classes=len(CLASSES),
            items=(len(self.bodies), len(self.bodies)),
            pose_directions=(0,) * len(POSES),
        )
        network: Any = SlotMixer(self.config)
        self.network: SlotMixer = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 3e-3, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        weights = torch.ones(len(CLASSES))
        weights[[WHITE, GLOW]] = 2.0  # eyes are few pixels, and matter most
        self.weights = weights.to(run.device)
        test = torch.Generator().manual_seed(20_240_229)
        self.test = [one for one in (self.sample(test) for _ in range(3000)) if held_out(one)][:128]
        self.pool: list[Chimera] = []
        self.targets = torch.empty(0)

    def sample(self, generator: torch.Generator) -> Chimera:
        """A random chimera within one family."""

        def draw(n: int) -> int:
            return int(torch.randint(n, (1,), generator=generator))

        fore = draw(len(self.bodies))
        kin = self.kin[self.families[fore]]
        chance = torch.rand(3, generator=generator).tolist()
        hind = fore if chance[0] < 0.15 else kin[draw(len(kin))]
        share = 0.0 if chance[1] < 0.45 else MOST * chance[2]
        return fore, hind, kin[draw(len(kin))] if share else fore, share

    def paint(self, one: Chimera) -> np.ndarray:
        """Both frames of a chimera, [2, 16, 16]."""
        fore, hind, other, share = one
        family = FAMILIES[self.families[fore]]
        return np.stack([
            chimera(self.parts[fore][pose], self.parts[hind][pose], self.parts[other][pose],
                    share, family)
            for pose in range(len(POSES))
        ])  # fmt: skip

    @staticmethod
    def inputs(many: list[Chimera]) -> tuple[Tensor, Tensor]:
        """Items [B, 2, 2] and weights [B, 2, 2] for the network."""
        items = torch.tensor([[[f, o], [h, h]] for f, h, o, _ in many])
        weights = torch.tensor([[[1 - s, s], [1.0, 0.0]] for _, _, _, s in many])
        return items, weights

    def draw(self, many: list[Chimera]) -> Tensor:
        """Slots [B, 2, 16, 16] that the averaged network draws."""
        items, weights = (t.repeat_interleave(len(POSES), 0) for t in self.inputs(many))
        pose = torch.arange(len(POSES)).repeat(len(many))
        device = self.run.device
        with torch.no_grad():
            logits = self.ema.network(items.to(device), weights.to(device), pose.to(device))
        slots: Tensor = logits.argmax(1).cpu().unflatten(0, (-1, len(POSES)))
        return slots

    def _compose_pool(self) -> None:
        # From a generator of its own: a run that was stopped composes the same pool again.
        source = torch.Generator().manual_seed(self.run.seed)
        while len(self.pool) < POOL:
            one = self.sample(source)
            if not held_out(one):
                self.pool.append(one)
        self.targets = torch.from_numpy(np.stack([self.paint(one) for one in self.pool]))

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on both frames of ``BATCH`` chimeras."""
        if not self.pool:
            self._compose_pool()
        run, device = self.run, self.run.device
        picked = torch.randint(len(self.pool), (BATCH,), generator=run.generator)
        items, weights = self.inputs([self.pool[i] for i in picked.tolist()])
        items, weights = (t.repeat_interleave(len(POSES), 0).to(device) for t in (items, weights))
        pose = torch.arange(len(POSES), device=device).repeat(BATCH)
        target = self.targets[picked].flatten(0, 1).long().to(device)
        set_lr(self.optimizer, cosine(progress, 3e-3, 3e-5))
        with run.autocast():
            logits = self.network(items, weights, pose)
        loss = F.cross_entropy(logits.float(), target, weight=self.weights)
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
        """Accuracy of slots and outlines on chimeras of held-out pairs."""
        real = torch.from_numpy(np.stack([self.paint(one) for one in self.test]))
        base = np.stack([self.paint((one[0], one[0], one[0], 0.0)) for one in self.test])
        seen = self.draw(self.test)
        return {
            name: {
                "model": round(function(seen, real), 5),
                "floor": round(function(real, real), 5),
                "baseline": round(function(torch.from_numpy(base), real), 5),
            }
            for name, function in (("slot_accuracy", accuracy), ("silhouette_iou", iou))
        }

    def preview(self, path: Path) -> None:
        """Held-out chimeras: drawn above, joined by rule below."""
        some = self.test[:96]
        drawn = self.draw(some)[:, 0].numpy()
        rows = []
        for start in range(0, len(some), 24):
            joined = np.stack([self.paint(one)[0] for one in some[start : start + 24]])
            rows += [COLOURS[drawn[start : start + 24]], COLOURS[joined]]
        sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows if len(row) == 24])
        sheet = cv2.resize(sheet, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), sheet[..., ::-1])


def held_out(one: Chimera) -> bool:
    """Whether a chimera joins two bodies that training never joins."""
    fore, hind, _, _ = one
    return fore != hind and (fore * 3 + hind * 5) % 13 == 0
