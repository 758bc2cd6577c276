"""Characters: the conditional slot VAE learns to draw every item in every pose, on 64 px frames.

Training characters are composed on the fly; characters that join certain pairs of items are never
composed for training and are what the model is judged on.
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

from aigc_assets.errors import DataError
from aigc_assets.models.slot_cvae import SlotCvae, SlotCvaeConfig
from aigc_assets.training.characters.size64.lpc_layers import pose_names, read_layers
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr

BATCH = 64
KL_WEIGHT = 0.3
FREE_NATS = 0.05
"""Latents may carry this much each for nothing, so that the posterior does not collapse."""
ATTRIBUTION_FILE = "CREDITS_all.txt"

NOTES = [
    "slot_accuracy: share of the opaque pixels of held-out characters (pairs of items that "
    "training never joins) that get the right one of 63 slots; idle and walk frames, "
    "other_actions are run, jump, sit and slash. silhouette_iou: the same frames, outline "
    "only.",
    "floor: the same character composed with other brows and nose, which no label tells. "
    "baseline: the training character of 2,000 that shares the most attributes.",
    "The latent is read off a bare-headed twin that shares only brows and nose, as when a "
    "prompt is drawn.",
    "Skirts, cloaks, the hood, the pointed hat and the crown are drawn by rule over the "
    "source's figures; right is left mirrored.",
]
"""What the card says about the metrics and the data."""

# How often an attribute is worn at all, and how a value fits the body; the rest is uniform.
_WORN = {"hair": 0.95, "beard": 0.4, "over": 0.5, "feet": 0.95, "neck": 0.25, "headwear": 0.4,
         "eyewear": 0.3, "brows": 0.7, "nose": 0.4}  # fmt: skip
_ACTION_SHARE = {"idle": 0.18, "walk": 0.44, "run": 0.12, "jump": 0.09, "sit": 0.05, "slash": 0.12}


class Composer:
    """Paints characters from layers, many at a time.

    Args:
        data: ``layers`` and ``table`` of `read_layers`.
        info: Its description.
        device: Where to paint.
    """

    def __init__(self, data: dict[str, NDArray[Any]], info: dict[str, Any], device: str):
        vocabulary = info["vocabulary"]
        self.names = [*vocabulary["attributes"], *info["hidden"]]
        self.values = {**vocabulary["attributes"], **info["hidden"]}
        self.labelled = len(vocabulary["attributes"])
        self.layers = torch.from_numpy(np.ascontiguousarray(data["layers"])).to(device)
        self.table = torch.from_numpy(data["table"].astype(np.int64)).to(device)
        self.passes = [(paint, self.names.index(a)) for paint, a in info["passes"]]
        self.body = self.names.index("body")
        self.headwear = self.names.index("headwear")
        row = [p for p, _ in info["passes"]].index("headwear")
        helms = torch.from_numpy(data["layers"][data["table"][row, :, 0]] > 0)  # [V, P, H, W]
        rows = torch.arange(helms.shape[2]).view(1, 1, -1)
        low = torch.where(helms.any(3), rows, torch.zeros_like(rows)).amax(2)
        covered = (low - 4).clamp(min=0)
        for value in vocabulary["open_headwear"]:
            covered[self.values["headwear"].index(value)] = 0
        self.covered = covered.to(device)
        """Hair above this row of the frame is under the helmet, [values, poses]."""
        self.instead = _substitutes(self.names, self.values, vocabulary["slash_instead"])
        self.instead = self.instead.to(device)
        self.slash = torch.tensor([a == "slash" for a, _, _ in pose_names()], device=device)

    def paint(self, character: Tensor, pose: Tensor) -> Tensor:
        """Slot maps [B, H, W] int64 of characters [B, A] in poses [B]."""
        out = torch.zeros((len(pose), *self.layers.shape[2:]), dtype=torch.uint8,
                          device=self.layers.device)  # fmt: skip
        rows = torch.arange(out.shape[1], device=out.device).view(1, -1, 1)
        covered = self.covered[character[:, self.headwear], pose].view(-1, 1, 1)
        for number, (paint, attribute) in enumerate(self.passes):
            layer = self.table[number, character[:, attribute], character[:, self.body]]
            picture = self.layers[layer, pose]
            seen = picture > 0
            if paint in ("hair", "hair behind"):
                seen &= rows >= covered
            out = torch.where(seen, picture, out)
        return out.long()

    def fit(self, character: Tensor, pose: Tensor) -> Tensor:
        """Characters [B, A] with items that the animation of the pose has."""
        replaced = torch.stack(
            [self.instead[a, character[:, a]] for a in range(character.shape[1])], 1
        )
        return torch.where(self.slash[pose][:, None], replaced, character)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Random characters, [count, A] int64 on the CPU."""
        columns = []
        for name in self.names:
            options = len(self.values[name])
            value = torch.randint(options, (count,), generator=generator)
            if name in _WORN:
                worn = torch.rand(count, generator=generator) < _WORN[name]
                value = torch.where(worn, torch.randint(1, options, (count,), generator=generator),
                                    torch.zeros_like(value))  # fmt: skip
            columns.append(value)
        character = torch.stack(columns, 1)
        beard, body = self.names.index("beard"), self.body
        shaven = (character[:, body] == 0) & (torch.rand(count, generator=generator) < 0.85)
        character[:, beard] = torch.where(shaven, torch.zeros(count, dtype=torch.long),
                                          character[:, beard])  # fmt: skip
        return character

    def twin(self, character: Tensor, generator: torch.Generator) -> Tensor:
        """Other characters that share only what no label says, bare-headed, [B, A].

        The latent is read off a twin: it then cannot repeat what the labels say, and any latent
        goes with any labels.
        """
        twin = self.sample(len(character), generator).to(character.device)
        for name in ("headwear", "eyewear", "beard"):
            twin[:, self.names.index(name)] = 0
        twin[:, self.labelled :] = character[:, self.labelled :]
        return twin

    def held_out(self, character: Tensor) -> Tensor:
        """Whether a character joins a pair of items that training never sees together, [B]."""
        at = {name: character[:, i] for i, name in enumerate(self.names)}
        tops = (at["hair"] * 7 + at["torso"] * 3 + at["head"]) % 11 == 0
        bottoms = (at["legs"] * 5 + at["feet"] * 3 + at["body"]) % 9 == 0
        return tops | bottoms


class CharacterTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "character"
    models: ClassVar[tuple[str, ...]] = ("character_cvae",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/lpc_layers`` of the sources."""
        folder = sources / "sprites" / "lpc_layers"
        arrays, info = read_layers(folder)
        try:
            credits = (folder / ATTRIBUTION_FILE).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"cannot read the attribution: {error}", where=str(folder / ATTRIBUTION_FILE)
            ) from error
        info["credits"] = credits
        info["notes"] = NOTES
        info["sources"] = [
            {
                "folder": "sprites/lpc_layers",
                "licence": "OGA-BY-3.0",
                "attribution": "LPC Revised (github.com/ElizaWy/LPC) by Eliza Wyatt "
                "(DeathsDarling), Lanea Zimmerman (Sharm), Stephen Challener (Redshrike), Johannes "
                "Sjölund (Wulax), BlueCarrot16, BenCreating, Durrani, YuriNikolai, Craftpix.net 2D "
                "Game Assets and others, OGA-BY 3.0 / CC-BY 3.0; all credits: CREDITS_lpc.txt",
                "used_for": "layers of figures and clothes, colour ramps, names",
            }
        ]
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info = run, info
        self.composer = Composer(data, info, run.device)
        poses = pose_names()
        directions = info["vocabulary"]["directions"]
        if data["layers"].shape[1] != len(poses):
            raise DataError("packed characters have other poses", remedy="pack the data again")
        height, width = data["layers"].shape[2:]
        self.config = SlotCvaeConfig(
            classes=len(info["vocabulary"]["classes"]),
            items=tuple(len(v) for v in info["vocabulary"]["attributes"].values()),
            pose_directions=tuple(directions.index(d) for _, d, _ in poses),
            height=height,
            width=width,
        )
        network: Any = SlotCvae(self.config)
        self.network: SlotCvae = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.average: Any = self.ema.network
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        counts = {a: sum(1 for b, _, _ in poses if b == a) for a, _, _ in poses}
        share = [_ACTION_SHARE[a] / counts[a] for a, _, _ in poses]
        columns = [tuple(c) if c else None for c in info["vocabulary"]["columns"]]
        self.kinds: list[tuple[tuple[int, int] | None, Tensor]] = [
            (c, torch.tensor([w if k == c else 0.0 for w, k in zip(share, columns, strict=True)]))
            for c in dict.fromkeys(columns)
        ]
        self.columns = columns
        self.front = poses.index(("idle", "down", 0))
        test = torch.Generator().manual_seed(20_240_229)
        pool = self.composer.sample(4096, test)
        self.test = pool[self.composer.held_out(pool)][:48]
        self.base = [i for i, (a, _, _) in enumerate(poses) if a in ("idle", "walk")]
        self.rest = [i for i, (a, _, _) in enumerate(poses) if a not in ("idle", "walk")]

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` frames, narrow ones or wide ones."""
        run, network, device = self.run, self.network, self.run.device
        share = [float(weights.sum()) for _, weights in self.kinds]
        kind = int(torch.multinomial(torch.tensor(share), 1, generator=run.generator))
        columns, weights = self.kinds[kind]
        pool = self.composer.sample(3 * BATCH, run.generator)
        pose = torch.multinomial(weights, len(pool), True, generator=run.generator).to(device)
        pool = self.composer.fit(pool.to(device), pose)
        keep = torch.nonzero(~self.composer.held_out(pool)).flatten()[:BATCH]
        character, pose = pool[keep], pose[keep]
        noise = torch.randn((len(pose), self.config.latent), generator=run.generator).to(device)
        twin = self.composer.twin(character, run.generator)
        front = self.composer.paint(twin, torch.full_like(pose, self.front))
        target = self.composer.paint(character, pose)
        if columns is not None:
            target = target[..., 8 * columns[0] : 8 * columns[1]].contiguous()
        where, weight = self._pixels(target)
        set_lr(self.optimizer, cosine(progress, 2e-3, 5e-5))
        labels = character[:, : self.composer.labelled]
        with run.autocast():
            features, kl = network(front, labels, pose, noise, columns)
            rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])[where]
            logits = F.linear(rows, network.head.weight.flatten(1), network.head.bias)
        wanted = target.flatten()[where]
        error = F.cross_entropy(logits.float(), wanted, reduction="none")
        pixels = float(self.config.height * self.config.width * len(pose))
        drawing = (error * weight).sum() / pixels
        nats = kl.mean(0).clamp(min=FREE_NATS).sum() * len(pose) / pixels
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

    def _pixels(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """Flat numbers and weights of the pixels that the loss looks at.

        All within 3 px of the figure, and of the empty rest every eighth, which counts for eight.
        """
        near = F.max_pool2d((target > 0).float(), 7, 1, 3).flatten() > 0
        number = torch.arange(target.numel(), device=target.device)
        lattice = ~near & ((number + int(self.run.indices(8, 1))) % 8 == 0)
        where = torch.nonzero(near | lattice).flatten()
        weight = torch.where(target.flatten() > 0, 1.0, 0.5)
        weight = torch.where(lattice, 4.0, weight)
        return where, weight[where]

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged network with posterior means of training characters as anchors."""
        self._set_anchors()
        return super().shipped()

    @torch.no_grad()
    def _set_anchors(self) -> None:
        generator = torch.Generator().manual_seed(1)
        character = self.composer.sample(self.config.anchors, generator).to(self.run.device)
        character = self.composer.twin(character, generator)
        pose = torch.full((len(character),), self.front, device=self.run.device)
        mean, _ = self.average.encode(self.composer.paint(character, pose))
        self.average.anchors.copy_(mean)

    @torch.no_grad()
    def draw(self, character: Tensor, pose: Tensor) -> Tensor:
        """Slots [B, H, W] that the averaged network draws, latents inferred from twins."""
        generator = torch.Generator().manual_seed(3)
        out = torch.zeros((len(pose), self.config.height, self.config.width), dtype=torch.long,
                          device=self.run.device)  # fmt: skip
        network = self.average
        kinds = [self.columns[p] for p in pose.tolist()]
        for columns in dict.fromkeys(kinds):
            member = torch.tensor([i for i, kind in enumerate(kinds) if kind == columns])
            for part in member.to(self.run.device).split(64):
                front = torch.full_like(part, self.front)
                twin = self.composer.twin(character[part], generator)
                z, _ = network.encode(self.composer.paint(twin, front))
                labels = character[part, : self.composer.labelled]
                slots = network.decode(z, labels, pose[part], columns).argmax(1)
                left = 8 * columns[0] if columns else 0
                out[part, :, left : left + slots.shape[2]] = slots
        return out

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Accuracy of slots and outlines on characters with held-out pairs of items."""
        device = self.run.device
        generator = torch.Generator().manual_seed(2)
        pool = self.composer.sample(6000, generator)
        train = pool[~self.composer.held_out(pool)][:2000].to(device)
        metrics: dict[str, dict[str, float]] = {}
        for name, poses, each in (("", self.base, 22), ("_other_actions", self.rest, 16)):
            pick = torch.arange(len(self.test) * each) * 7 % len(poses)
            pose = torch.tensor(poses)[pick].to(device)
            character = self.test.repeat_interleave(each, 0).to(device)
            character = self.composer.fit(character, pose)
            still = self.composer.held_out(character)  # a stand-in may be a pair that was seen
            character, pose = character[still], pose[still]
            truth = self.composer.paint(character, pose)
            drawn = self.draw(character, pose)
            labels = character[:, : self.composer.labelled]
            known = train[:, : self.composer.labelled]
            # The nearest training character: same body first, then most attributes in common.
            alike = (labels[:, None] == known[None]).float()
            nearest = train[(alike.sum(2) + 4 * alike[:, :, self.composer.body]).argmax(1)]
            baseline = self.composer.paint(self.composer.fit(nearest, pose), pose)
            other = character.clone()
            shuffle = torch.randperm(len(other), generator=generator)
            other[:, self.composer.labelled :] = character[shuffle, self.composer.labelled :]
            floor = self.composer.paint(other, pose)
            for metric, function in (("slot_accuracy", _accuracy), ("silhouette_iou", _iou)):
                metrics[metric + name] = {
                    "model": round(function(drawn, truth), 5),
                    "floor": round(function(floor, truth), 5),
                    "baseline": round(function(baseline, truth), 5),
                }
        return metrics

    def preview(self, path: Path) -> None:
        """Held-out characters as drawn and as composed, in plain colours."""
        names = [("idle", "down", 0), ("idle", "left", 1), ("walk", "down", 2), ("walk", "up", 4),
                 ("walk", "left", 1), ("walk", "left", 5), ("run", "left", 2),
                 ("jump", "down", 3),
                 ("sit", "down", 0), ("slash", "left", 4)]  # fmt: skip
        poses = torch.tensor([pose_names().index(n) for n in names], device=self.run.device)
        character = self.test[:8].to(self.run.device)
        pose = poses.repeat(len(character))
        many = self.composer.fit(character.repeat_interleave(len(poses), 0), pose)
        drawn, truth = self.draw(many, pose), self.composer.paint(many, pose)
        colours = _plain_colours(self.info["vocabulary"])
        rows = []
        for i in range(len(character)):
            for picture in (drawn, truth):
                line = picture[i * len(poses) : (i + 1) * len(poses)].cpu().numpy()
                rows.append(np.concatenate(list(colours[line]), 1))
        sheet = cv2.resize(np.concatenate(rows), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), sheet[..., ::-1])


def _substitutes(
    names: list[str], values: dict[str, list[str]], instead: dict[str, dict[str, str]]
) -> Tensor:
    table = torch.arange(max(map(len, values.values()))).repeat(len(names), 1)
    for name, replacements in instead.items():
        for value, other in replacements.items():
            row = values[name]
            table[names.index(name), row.index(value)] = row.index(other)
    return table


def _accuracy(drawn: Tensor, truth: Tensor) -> float:
    """Share of the opaque pixels of the truth that have the right slot, 0..1, higher is better."""
    opaque = truth > 0
    return float(((drawn == truth) & opaque).sum() / opaque.sum())


def _iou(drawn: Tensor, truth: Tensor) -> float:
    """Intersection over union of the silhouettes, 0..1, higher is better."""
    a, b = drawn > 0, truth > 0
    return float((a & b).sum() / (a | b).sum())


def _plain_colours(vocabulary: dict[str, Any]) -> NDArray[np.uint8]:
    """A colour per slot for previews, [classes, 3]."""
    ramps = vocabulary["colours"]
    chosen = {"skin": ramps["skin"]["tan"], "hair": ramps["hair"]["chestnut"],
              "torso": ramps["cloth"]["blue"], "over": ramps["cloth"]["green"],
              "legs": ramps["cloth"]["gray"], "feet": ramps["cloth"]["leather"],
              "accent": ramps["cloth"]["red"], "metal": ramps["metal"]["steel"],
              "leather": ramps["cloth"]["oak"]}  # fmt: skip
    fixed = {"lens": (150, 200, 215), "iris": (60, 120, 170), "eye": (250, 250, 250)}
    table = np.zeros((len(vocabulary["classes"]), 3), dtype=np.uint8)
    for i, name in enumerate(vocabulary["classes"]):
        head, _, tail = name.partition(" ")
        if head in chosen:
            table[i] = chosen[head][int(tail) - 1]
        elif name == "none":
            table[i] = (128, 128, 128)
        else:
            table[i] = fixed.get(head, (39, 25, 32))
    return table
