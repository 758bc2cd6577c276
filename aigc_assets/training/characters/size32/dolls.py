"""People at 32 px: the conditional slot VAE learns to draw every item of a paper doll.

Training dolls are composed on the fly; dolls that join certain pairs of items are never composed
for training and are what the model is judged on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.slot_cvae import SlotCvae, SlotCvaeConfig
from aigc_assets.training.characters.size32.doll_layers import ORDER, SIDE, read_dolls
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr

BATCH = 64
KL_WEIGHT = 0.3
FREE_NATS = 0.05
"""Latents may carry this much each for nothing, so that the posterior does not collapse."""

NOTES = [
    "slot_accuracy: share of the opaque pixels of held-out dolls (pairs of items that training "
    "never joins) that get the right slot; silhouette_iou: outline only; item_accuracy: the same "
    "share over the pixels of weapon, shield and headwear alone.",
    "floor: the same doll composed with another belt, which no label tells. baseline: the "
    "training doll of 2,000 that shares the most attributes.",
    "The source has plain colours; materials and shades were cut by hue and lightness. Long "
    "beards, goatees and moustaches are drawn by rule.",
]
"""What the card says about the metrics and the data."""

# How often an attribute is worn at all; the rest is uniform.
_WORN = {"hair": 0.8, "beard": 0.25, "torso": 0.93, "legs": 0.7, "feet": 0.6, "gloves": 0.4,
         "over": 0.3, "headwear": 0.55, "weapon": 0.75, "shield": 0.55, "wings": 0.08,
         "belt": 0.3}  # fmt: skip
_FOLK = 0.6
"""Share of dolls that have the plain build of a human, elf, dwarf, halfling or gnome."""


class DollComposer:
    """Paints dolls from layers, many at a time.

    Args:
        data: ``layers`` and ``table`` of `read_dolls`.
        info: Its description.
        device: Where to paint.
    """

    def __init__(self, data: dict[str, NDArray[Any]], info: dict[str, Any], device: str):
        vocabulary = info["vocabulary"]
        self.values = {**vocabulary["attributes"], **info["hidden"]}
        self.names = list(self.values)
        self.labelled = len(vocabulary["attributes"])
        self.layers = torch.from_numpy(np.ascontiguousarray(data["layers"])).to(device)
        self.table = torch.from_numpy(data["table"].astype(np.int64)).to(device)
        self.device = device
        self.at = {name: i for i, name in enumerate(self.names)}
        self.covers = self._flags("headwear", vocabulary["covers"])
        self.legless = self._flags("race", vocabulary["legless"])

    def _flags(self, attribute: str, marked: list[str]) -> Tensor:
        return torch.tensor([v in marked for v in self.values[attribute]], device=self.device)

    def paint(self, doll: Tensor) -> Tensor:
        """Slot maps [B, 32, 32] int64 of dolls [B, A]."""
        out = torch.zeros((len(doll), SIDE, SIDE), dtype=torch.uint8, device=self.device)
        body = doll[:, self.at["body"]]
        tucked = self.covers[doll[:, self.at["headwear"]]]
        legless = self.legless[doll[:, self.at["race"]]]
        for row, attribute in enumerate(ORDER):
            picture = self.layers[self.table[row, doll[:, self.at[attribute]], body]]
            seen = picture > 0
            if attribute == "hair":
                seen &= ~tucked[:, None, None]
            if attribute in ("legs", "feet"):
                seen &= ~legless[:, None, None]
            out = torch.where(seen, picture, out)
        return out.long()

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Random dolls, [count, A] int64 on the CPU."""
        columns = []
        for name in self.names:
            options = len(self.values[name])
            value = torch.randint(options, (count,), generator=generator)
            if name in _WORN:
                worn = torch.rand(count, generator=generator) < _WORN[name]
                value = torch.where(worn, torch.randint(1, options, (count,), generator=generator),
                                    torch.zeros_like(value))  # fmt: skip
            if name == "race":
                folk = torch.rand(count, generator=generator) < _FOLK
                plain = torch.randint(min(5, options), (count,), generator=generator)
                value = torch.where(folk, plain, value)
            columns.append(value)
        return torch.stack(columns, 1)

    def twin(self, doll: Tensor, generator: torch.Generator) -> Tensor:
        """Other dolls that share only what no label says, without what would hide it, [B, A].

        The latent is read off a twin: it then cannot repeat what the labels say, and any latent
        goes with any labels.
        """
        twin = self.sample(len(doll), generator).to(doll.device)
        for name in ("race", "torso", "over", "shield", "weapon", "wings"):
            twin[:, self.at[name]] = 0
        twin[:, self.labelled :] = doll[:, self.labelled :]
        return twin

    def held_out(self, doll: Tensor) -> Tensor:
        """Whether a doll joins a pair of items that training never sees together, [B]."""
        at = {name: doll[:, i] for name, i in self.at.items()}
        tops = (at["torso"] * 7 + at["headwear"] * 3 + at["race"]) % 11 == 0
        hands = (at["weapon"] * 5 + at["shield"] * 3 + at["hair"]) % 9 == 0
        return (tops & (at["headwear"] > 0)) | (hands & (at["weapon"] > 0))


class DollTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "doll"
    models: ClassVar[tuple[str, ...]] = ("doll_cvae",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/dcss/player`` of the sources."""
        arrays, info = read_dolls(sources / "sprites" / "dcss")
        info["notes"] = NOTES
        info["sources"] = [
            {
                "folder": "sprites/dcss",
                "licence": "CC0-1.0",
                "attribution": "Dungeon Crawl Stone Soup tiles, https://github.com/crawl/tiles, "
                "CC0",
                "used_for": "layers of the player doll and their names",
            }
        ]
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info = run, info
        self.composer = DollComposer(data, info, run.device)
        self.config = SlotCvaeConfig(
            classes=len(info["vocabulary"]["classes"]),
            items=tuple(len(v) for v in info["vocabulary"]["attributes"].values()),
            pose_directions=(0,),
            height=SIDE,
            width=SIDE,
            widths=(192, 128, 96, 64),
            item_channels=48,
            anchors=32,
        )
        network: Any = SlotCvae(self.config)
        self.network: SlotCvae = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.average: Any = self.ema.network
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        test = torch.Generator().manual_seed(20_240_229)
        pool = self.composer.sample(4096, test)
        self.test = pool[self.composer.held_out(pool)][:512]

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` dolls."""
        run, network, device = self.run, self.network, self.run.device
        pool = self.composer.sample(2 * BATCH, run.generator)
        doll = pool[~self.composer.held_out(pool)][:BATCH].to(device)
        twin = self.composer.twin(doll, run.generator)
        noise = torch.randn((len(doll), self.config.latent), generator=run.generator).to(device)
        front, target = self.composer.paint(twin), self.composer.paint(doll)
        pose = torch.zeros(len(doll), dtype=torch.long, device=device)
        set_lr(self.optimizer, cosine(progress, 2e-3, 5e-5))
        near = F.max_pool2d((target > 0).float(), 5, 1, 2).flatten() > 0
        number = torch.arange(target.numel(), device=device)
        lattice = ~near & ((number + int(run.indices(8, 1))) % 8 == 0)
        where = torch.nonzero(near | lattice).flatten()
        weight = torch.where(target.flatten() > 0, 1.0, 0.5)
        weight = torch.where(lattice, 4.0, weight)[where]
        with run.autocast():
            features, kl = network(front, doll[:, : self.composer.labelled], pose, noise)
            rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])[where]
            logits = F.linear(rows, network.head.weight.flatten(1), network.head.bias)
        wanted = target.flatten()[where]
        error = F.cross_entropy(logits.float(), wanted, reduction="none")
        pixels = float(SIDE * SIDE * len(doll))
        drawing = (error * weight).sum() / pixels
        nats = kl.mean(0).clamp(min=FREE_NATS).sum() * len(doll) / pixels
        loss = drawing + KL_WEIGHT * min(1.0, progress * 8) * nats
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(network)
        with torch.no_grad():
            hits = (logits.argmax(1) == wanted)[wanted > 0].float().mean()
            values = torch.stack([drawing * 1e3, kl.sum(1).mean(), hits]).tolist()
        return dict(zip(("ce", "kl", "accuracy"), values, strict=True))

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged network with posterior means of training dolls as anchors."""
        self._set_anchors()
        return super().shipped()

    @torch.no_grad()
    def _set_anchors(self) -> None:
        generator = torch.Generator().manual_seed(1)
        doll = self.composer.sample(self.config.anchors, generator).to(self.run.device)
        mean, _ = self.average.encode(self.composer.paint(self.composer.twin(doll, generator)))
        self.average.anchors.copy_(mean)

    @torch.no_grad()
    def draw(self, doll: Tensor) -> Tensor:
        """Slots [B, 32, 32] that the averaged network draws, latents inferred from twins."""
        generator = torch.Generator().manual_seed(3)
        out = []
        for part in doll.split(64):
            z, _ = self.average.encode(self.composer.paint(self.composer.twin(part, generator)))
            pose = torch.zeros(len(part), dtype=torch.long, device=part.device)
            labels = part[:, : self.composer.labelled]
            out.append(self.average.decode(z, labels, pose).argmax(1))
        return torch.cat(out)

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Accuracy of slots and outlines on dolls with held-out pairs of items."""
        generator = torch.Generator().manual_seed(2)
        pool = self.composer.sample(6000, generator)
        train = pool[~self.composer.held_out(pool)][:2000].to(self.run.device)
        doll = self.test.to(self.run.device)
        truth, drawn = self.composer.paint(doll), self.draw(doll)
        labels = self.composer.labelled
        alike = (doll[:, None, :labels] == train[None, :, :labels]).float().sum(2)
        baseline = self.composer.paint(train[alike.argmax(1)])
        other = doll.clone()
        shuffle = torch.randperm(len(other), generator=generator)
        other[:, labels:] = doll[shuffle, labels:]
        floor = self.composer.paint(other)
        classes = self.info["vocabulary"]["classes"]
        carried = ("weapon", "handle", "shield", "emblem", "headwear")
        item = torch.tensor([c.split(" ")[0] in carried for c in classes], device=truth.device)
        metrics = {}
        for name, opaque in (("slot_accuracy", truth > 0), ("item_accuracy", item[truth])):
            metrics[name] = {
                key: round(float(((picture == truth) & opaque).sum() / opaque.sum()), 5)
                for key, picture in (("model", drawn), ("floor", floor), ("baseline", baseline))
            }
        metrics["silhouette_iou"] = {
            key: round(_iou(picture, truth), 5)
            for key, picture in (("model", drawn), ("floor", floor), ("baseline", baseline))
        }
        return metrics

    def preview(self, path: Path) -> None:
        """Held-out dolls as drawn (upper rows) and as composed (lower rows), in plain colours."""
        doll = self.test[:48].to(self.run.device)
        colours = plain_colours(self.info["vocabulary"])
        rows = []
        for start in range(0, len(doll), 16):
            part = doll[start : start + 16]
            for picture in (self.draw(part), self.composer.paint(part)):
                rows.append(np.concatenate(list(colours[picture.cpu().numpy()]), 1))
        sheet = cv2.resize(np.concatenate(rows), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), sheet[..., ::-1])


def _iou(drawn: Tensor, truth: Tensor) -> float:
    """Intersection over union of the silhouettes, 0..1, higher is better."""
    a, b = drawn > 0, truth > 0
    return float((a & b).sum() / (a | b).sum())


def plain_colours(vocabulary: dict[str, Any]) -> NDArray[np.uint8]:
    """A colour per slot for previews, [classes, 3]."""
    hues = {"skin": (230, 180, 140), "hide": (120, 100, 80), "hair": (140, 90, 50),
            "trim": (230, 200, 90), "torso": (70, 100, 200), "legs": (110, 110, 120),
            "feet": (120, 80, 50), "gloves": (170, 120, 70), "over": (60, 140, 70),
            "headwear": (190, 60, 60), "weapon": (200, 210, 220), "handle": (150, 100, 50),
            "shield": (180, 70, 160), "emblem": (240, 230, 200), "wings": (200, 120, 60),
    }  # fmt: skip
    table = np.zeros((len(vocabulary["classes"]), 3), dtype=np.uint8)
    for i, name in enumerate(vocabulary["classes"]):
        head, _, tail = name.partition(" ")
        if head in hues:
            tone = np.array(hues[head]) * (0.4 + 0.2 * int(tail)) * 0.85
            table[i] = np.clip(tone, 0, 255).astype(np.uint8)
        else:
            table[i] = (128, 128, 128) if name == "none" else (16, 12, 20)
    return table
