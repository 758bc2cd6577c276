"""The pose decoder of 16 px: from a front view to every other frame, for any figure in any colours.

It learns from composed people and mixed creatures in random colours. Some heads and bodies and two
monsters are left out of training whole; the model is judged on how it animates those.
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

from aigc_assets.models.pose_decoder import PoseDecoder, PoseDecoderConfig
from aigc_assets.training.characters.size16 import ninja_creatures, ninja_people
from aigc_assets.training.characters.size16.ninja_labels import BODIES, HEADS
from aigc_assets.training.characters.size16.tiny_people import COLOURS, SOURCE, iou
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr
from aigc_assets.types.oklab import to_oklab

BATCH = 64
SLOTS = len(ninja_people.classes())
POSES: tuple[tuple[str, str], ...] = (*ninja_people.POSES, ("side 1", "left"))
"""Poses of people, which hold the walk of monsters, and the running animal."""
HELD_HEADS = ("Princess", "MaskFrog", "Greenman", "Skeleton", "Inspector", "BlackNinjaMage")
HELD_BODIES = ("Skeleton", "Greenman", "Inspector", "BlackNinjaMage")
NOTES = [
    "Each figure is animated from its front view alone (animals from the sitting side view). Held "
    "out: six people and two monsters that no training figure shares a part with.",
    "pixel_accuracy: share of the opaque pixels of the true frame that get the right colour; "
    "silhouette_iou: outlines; walk_: the four directions of the walk, front_: those from the "
    "front, actions_: attack, jump and dead.",
    "floor: the true frame. baseline: the front view itself, unchanged.",
    "No output pixel can have a colour that the drawn frame lacks: the network chooses among them.",
]
"""What the card says about the metrics and the data."""


class TinyPosesTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "poses16"
    models: ClassVar[tuple[str, ...]] = ("poses16_decoder",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/ninja_adventure`` of the sources."""
        people = ninja_people.read_people(sources / SOURCE)
        creatures = ninja_creatures.read_creatures((sources / SOURCE).parent)
        arrays = {f"people_{k}": v for k, v in ninja_people.take_apart(people).items()}
        arrays["held_people"] = np.stack([people[name] for name in HELD_HEADS])
        arrays["creatures"] = np.stack(list(creatures.values()))
        info = {
            "vocabulary": {"poses": [list(pose) for pose in POSES], "colours": SLOTS},
            "creatures": list(creatures),
            "notes": NOTES,
            "sources": [
                {
                    "folder": str(Path(SOURCE).parent),
                    "licence": "CC0-1.0",
                    "attribution": "",
                    "used_for": "pairs of a front view and another frame of the same figure",
                }
            ],
        }
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.layers = {k.removeprefix("people_"): v for k, v in data.items() if "people_" in k[:7]}
        self.held_people = data["held_people"]
        frames = dict(zip(info["creatures"], data["creatures"], strict=True))
        held = [n for n, hues in ninja_creatures.MONSTERS.items() if hues.held_out]
        self.held_creatures = np.stack([frames.pop(name) for name in held])
        self.parts = ninja_creatures.everything(frames)
        self.beasts = [name for name in frames if name in ninja_creatures.MONSTERS]
        self.animals = [name for name in frames if name not in ninja_creatures.MONSTERS]
        self.heads = [i for i, name in enumerate(HEADS) if name not in HELD_HEADS]
        self.bodies = [i for i, name in enumerate(BODIES) if name not in HELD_BODIES]
        self.config = PoseDecoderConfig(poses=len(POSES))
        network: Any = PoseDecoder(self.config)
        self.network: PoseDecoder = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=1e-2, fused=True
        )

    def sample(self) -> tuple[NDArray[np.uint8], list[int], list[NDArray[np.uint8]]]:
        """Front view, some poses and the frames in them, of a random training figure."""

        def draw(n: int) -> int:
            return int(self.run.indices(n, 1))

        kind = draw(20)
        if kind < 9:
            head, body = self.heads[draw(len(self.heads))], self.bodies[draw(len(self.bodies))]
            opened = self.layers["open"][head].any()
            face = draw(len(self.layers["faces"]) + 1) if opened and draw(2) else 0
            figure = ninja_people.compose(self.layers, head, face, body, int(draw(4) == 0))
            poses = torch.randperm(len(figure), generator=self.run.generator)[:6].tolist()
            return figure[0], poses, [figure[p] for p in poses]
        if kind < 18:
            beast, other = (self.beasts[draw(len(self.beasts))] for _ in range(2))
            eyes = ninja_creatures.FACES[draw(len(ninja_creatures.FACES))]
            crest = ninja_creatures.CRESTS[draw(len(ninja_creatures.CRESTS))]
            share = 0.45 * float(torch.rand(1, generator=self.run.generator))
            own, plain = beast in ninja_creatures.OWN or draw(3) == 0, draw(2) == 0
            here = torch.randperm(16, generator=self.run.generator)[:6].tolist()
            frames = [
                ninja_creatures.compose(
                    self.parts[beast][p], self.parts[other][p], share,
                    None if own else self.parts[eyes][p], None if plain else self.parts[crest][p])
                for p in [0, *here]
            ]  # fmt: skip
            return frames[0], [walk_pose(p) for p in here], frames[1:]
        animal, other = (self.animals[draw(len(self.animals))] for _ in range(2))
        share = 0.45 * float(torch.rand(1, generator=self.run.generator))
        frames = [
            ninja_creatures.compose(self.parts[animal][p], self.parts[other][p], share, None, None)
            for p in ninja_creatures.SIDE_POSES
        ]
        return frames[0], [len(POSES) - 1], frames[1:]

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on about ``BATCH`` frames of a dozen figures."""
        run, device = self.run, self.run.device
        fronts: list[NDArray[np.uint8]] = []
        targets: list[NDArray[np.uint8]] = []
        tables: list[NDArray[np.float32]] = []
        poses: list[int] = []
        while len(poses) < BATCH:
            view, here, frames = self.sample()
            colours = random_colours(run.generator)
            for pose, frame in zip(here, frames, strict=True):
                fronts.append(view)
                targets.append(onto(frame, view, colours))
                poses.append(pose)
                tables.append(colours)
        front, target = (torch.from_numpy(np.stack(a)).long().to(device) for a in (fronts, targets))
        table = torch.from_numpy(np.stack(tables)).to(device)
        set_lr(self.optimizer, cosine(progress, 2e-3, 2e-5))
        with run.autocast():
            log = self.network(front, table, torch.tensor(poses).to(device))
        loss = F.nll_loss(log, target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        with torch.no_grad():
            hits = (log.argmax(1) == target)[target > 0].float().mean()
            values = torch.stack([loss * 1e3, hits]).tolist()
        return dict(zip(("nll", "accuracy"), values, strict=True))

    def draw(
        self, front: NDArray[np.uint8], colours: NDArray[np.float32], poses: list[int]
    ) -> Tensor:
        """Frames [P, 16, 16] of one figure that the averaged network draws."""
        device = self.run.device
        many = torch.from_numpy(front.astype(np.int64)).expand(len(poses), -1, -1).to(device)
        table = torch.from_numpy(colours).expand(len(poses), -1, -1).to(device)
        with torch.no_grad():
            log = self.ema.network(many, table, torch.tensor(poses).to(device))
        frames: Tensor = log.argmax(1).cpu()
        return frames

    def held_out(self) -> list[tuple[NDArray[np.uint8], list[int], NDArray[np.uint8]]]:
        """Front view, poses and true frames of the figures that training never sees."""
        everyone = list(range(1, ninja_people.POSES.index(("dead", "down")) + 1))
        found = [(f[0], everyone, f[everyone]) for f in self.held_people]
        walk = list(range(1, 16))
        return found + [(f[0], [walk_pose(p) for p in walk], f[walk]) for f in self.held_creatures]

    def evaluate(self) -> dict[str, dict[str, float]]:
        """How well held-out figures are animated from their front view."""
        groups: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {
            "walk": [],
            "front": [],
            "actions": [],
        }
        for front, poses, frames in self.held_out():
            colours = true_colours()
            drawn = self.draw(front, colours, poses)
            for pose, made, frame in zip(poses, drawn, frames, strict=True):
                row, direction = POSES[pose]
                name = "actions" if not row.startswith("walk") else "walk"
                name = "front" if name == "walk" and direction == "down" else name
                truth = torch.from_numpy(onto(frame, front, colours)).long()
                groups[name].append((made, truth, torch.from_numpy(front).long()))
        metrics = {}
        for name, triples in groups.items():
            seen, real, plain = (torch.stack([t[i] for t in triples]) for i in range(3))
            for metric, function in (("pixel_accuracy", right), ("silhouette_iou", iou)):
                metrics[f"{name}_{metric}"] = {
                    "model": round(function(seen, real), 5),
                    "floor": round(function(real, real), 5),
                    "baseline": round(function(plain, real), 5),
                }
        return metrics

    def preview(self, path: Path) -> None:
        """Held-out figures: front view, then drawn and true frames."""
        show = [1, 4, 5, 6, 7, 10, 12, 13, 16, 17, 18, 24]
        rows = []
        for front, poses, frames in self.held_out():
            keep = [poses.index(p) for p in show if p in poses]
            drawn = self.draw(front, true_colours(), [poses[k] for k in keep]).numpy()
            for line in (drawn, frames[keep]):
                line = np.stack([front, *line, *[np.zeros_like(front)] * (len(show) - len(keep))])
                rows.append(np.concatenate(list(COLOURS[line]), 1))
        sheet = cv2.resize(np.concatenate(rows), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), sheet[..., ::-1])


def walk_pose(number: int) -> int:
    """Pose of a frame 0..15 of a monster."""
    return POSES.index((f"walk {number % 4}", ninja_people.DIRECTIONS[number // 4]))


def random_colours(generator: torch.Generator) -> NDArray[np.float32]:
    """OKLab [K, 3] for the slots: a dark outline, ramps that rise in lightness."""
    chance = torch.rand((SLOTS, 3), generator=generator).numpy()
    table = np.zeros((SLOTS, 3), dtype=np.float32)
    for slot in range(1, SLOTS):
        ramp = (slot - 2) // 3 if slot > 1 else 0
        angle, chroma = 2 * np.pi * chance[ramp, 0], 0.16 * chance[ramp, 1]
        shade = (slot - 2) % 3
        light = 0.25 + 0.35 * chance[ramp, 2] + 0.14 * shade + 0.05 * chance[slot, 0]
        table[slot] = light, chroma * np.cos(angle), chroma * np.sin(angle)
    table[1] = 0.1 + 0.15 * chance[1, 2], 0.0, 0.0
    return table


def true_colours() -> NDArray[np.float32]:
    """OKLab [K, 3] of plain colours, for looking and judging."""
    return to_oklab(COLOURS).astype(np.float32)


def onto(
    frame: NDArray[np.uint8], front: NDArray[np.uint8], colours: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """The frame in the colours of the front view alone, each by the nearest."""
    have = np.unique(front[front > 0])
    table = np.arange(SLOTS, dtype=np.uint8)
    for slot in np.setdiff1d(np.unique(frame[frame > 0]), have):
        table[slot] = have[((colours[have] - colours[slot]) ** 2).sum(1).argmin()]
    return table[frame]


def right(drawn: Tensor, truth: Tensor) -> float:
    """Share of the opaque pixels of the truth that have the right colour, 0..1."""
    opaque = truth > 0
    return float(((drawn == truth) & opaque).sum() / opaque.sum())
