"""Tokeniser and prior of 32 px pixel art, fine-tuned on the user's own drawings.

Both go on from the shipped weights and see the user's drawings alone. The tokeniser learns to draw
them; the prior takes them as the pictures whose parts it joins, and learns to mend their seams.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aigc_assets.errors import DataError, UsageError
from aigc_assets.models import checkpoint
from aigc_assets.models.sprite_maskgit import SpriteMaskgit
from aigc_assets.training.characters.drawings.user_sprites import Vocabulary, pack_drawings
from aigc_assets.training.characters.neighbours import neighbours
from aigc_assets.training.characters.size32.pixel_sprites import PixelSprites, unpack
from aigc_assets.training.characters.size32.sprite_prior import SpritePriorTask
from aigc_assets.training.characters.size32.sprite_tokens import (
    SHARPEN_FROM,
    Batches,
    SpriteTokensTask,
    write_sheet,
)
from aigc_assets.training.packing import read, write
from aigc_assets.training.trainer import Ema, Metrics, Run, Task, train

TOKENISER, PRIOR = "sprite_fsq_vae", "sprite_maskgit"
SHARES = (0.6, 0.4)
"""Of the time, for the tokeniser and for the prior."""
GENTLE = 0.3
"""Learning rates over those of a training from nothing."""
_BASELINE = "baseline: the shipped weights before they saw a drawing of the user's."


class OwnSpriteTokensTask(SpriteTokensTask):
    """The shipped tokeniser on the user's drawings: see `aigc_assets.training.trainer.Task`."""

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        super().__init__(data, info, run)
        self.network.load_state_dict(checkpoint.load(TOKENISER).network.state_dict())
        self.ema = Ema(self.network, 0.998)
        for group in self.optimizer.param_groups:
            group["scale"] = GENTLE
        self.before: dict[str, Metrics] = {}
        for split in ("validation", "held-out"):
            self.before[split] = super()._metrics(split)

    def step(self, progress: float) -> dict[str, float]:
        """Encoder and decoder to the end: the few drawings would not keep a critic honest."""
        return super().step(min(progress, 0.999) * SHARPEN_FROM)

    def _metrics(self, split: str) -> Metrics:
        metrics = super()._metrics(split)
        for name in ("pixel_accuracy", "colour_error"):
            metrics[name]["baseline"] = self.before[split][name]["model"]
        return metrics

    def preview(self, path: Path) -> None:
        """Validation and training drawings above the way they come back."""
        sprites = self.sprites
        rows = np.concatenate([sprites.rows("validation")[:8], sprites.rows("train")[:24]])
        drawn, _ = self.redraw(rows)
        _strip(path, sprites, [p[i : i + 16] for i in range(0, len(rows), 16)
                               for p in (sprites.images[rows], drawn)])  # fmt: skip


class OwnSpritePriorTask(SpritePriorTask):
    """The shipped prior on the user's drawings: see `aigc_assets.training.trainer.Task`."""

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.sprites = sprites = unpack(data, info)
        tokeniser: Any = checkpoint.load(
            TOKENISER, folder=run.out / "weights", device=run.device
        ).network
        self.tokeniser = tokeniser
        shipped = checkpoint.load(PRIOR).network
        assert isinstance(shipped, SpriteMaskgit)
        train = sprites.rows("train")
        # Words and sub-classes stay those of the shipped prior, so that prompts mean the same.
        self.config = dataclasses.replace(shipped.config, seeds=len(train))
        self.network = SpriteMaskgit(self.config)
        known = shipped.state_dict()
        kept = {name: known[name] for name in known if not name.startswith("seed_")}
        self.network.load_state_dict(kept, strict=False)
        self.network.to(run.device)
        self.labels = torch.from_numpy(self._labels()).to(run.device)
        self.network.seed_images.copy_(torch.from_numpy(sprites.images[train]))
        thing = torch.from_numpy(sprites.identity).to(run.device)[train, None]
        labels = torch.cat([self.labels[train], thing], 1)
        self.network.seed_labels.copy_(labels.to(torch.int16))
        self.ema = Ema(self.network, 0.998)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=0, betas=(0.9, 0.98), weight_decay=0.02, fused=True
        )
        for group in self.optimizer.param_groups:
            group["scale"] = GENTLE
        self.batches = Batches(sprites, "train", run, shift=1)
        self.before: dict[str, Metrics] = {}
        for split in ("validation", "held-out"):
            self.before[split] = super()._cross_entropy(split)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One for all."""
        return {"adam": self.optimizer}

    def _cross_entropy(self, split: str) -> Metrics:
        metrics = super()._cross_entropy(split)
        for name, row in metrics.items():
            row["baseline"] = self.before[split][name]["model"]
        return metrics

    def preview(self, path: Path) -> None:
        """Training drawings above pictures that are joined from their parts."""
        rows = self.sprites.rows("train")[:16]
        _strip(path, self.sprites, [self.sprites.images[rows], self.sample(16)])


def _strip(path: Path, sprites: PixelSprites, lines: list[np.ndarray]) -> None:
    write_sheet(path.with_suffix(".png"), [sprites.rgba(line) for line in lines if len(line)])
    print(f"samples: {path.with_suffix('.png')}", flush=True)


def shipped_vocabulary() -> Vocabulary:
    """What the shipped tokeniser and prior know."""
    colours = checkpoint.load(TOKENISER).network.get_buffer("colours").numpy()
    prior = checkpoint.load(PRIOR).network
    assert isinstance(prior, SpriteMaskgit)
    config, labels = prior.config, prior.seed_labels.numpy()
    kind_of = {}
    for number, name in enumerate(config.subclasses):
        kinds = np.bincount(labels[labels[:, 1] == number, 0], minlength=len(config.kinds))
        kind_of[name] = config.kinds[int(kinds.argmax())]
    return Vocabulary(colours, prior.turned.numpy(), kind_of, config.words)


def train_on_drawings(folder: Path, cell: tuple[int, int] | None, run: Run) -> dict[str, Any]:
    """Read a folder of drawings and fine-tune both models on it.

    Weights, cards and the list of known pictures go to ``run.out / "weights"``, the colours of the
    drawings to ``palette.hex`` and all that was dropped to ``dropped.txt``; samples lie beside.

    Args:
        folder: See `aigc_assets.training.characters.drawings.user_sprites.pack_drawings`.
        cell: Width and height of the cells of sheets, or None.
        run: Time and place; the time is for both models together, steps are for each.

    Returns:
        Held-out metrics of both; ``baseline`` is the shipped model.

    Raises:
        UsageError: If there are too few drawings, or ``run.out`` holds a run on other ones.
        DataError: If the folder cannot be read.
    """
    arrays, info, report = pack_drawings(folder, shipped_vocabulary(), cell)
    _check_unused(run.out, arrays)
    print("\n".join(report.lines()))
    print("\n".join(info["notes"]), flush=True)
    info["command"] = (
        f"aigc-assets train character --data {folder.resolve().name} --minutes {run.minutes:g} "
        f"--seed {run.seed}" + (f" --steps {run.steps}" if run.steps is not None else "")
    )
    info["notes"] = [*info["notes"], _BASELINE]
    # The new weights go on from the shipped ones, so the sources of those count as well.
    for source in checkpoint.read_card(TOKENISER)["data"]:
        info["sources"].append(source)
    write(run.out / "data", "sprite", arrays, info)
    colours = "".join(f"{r:02x}{g:02x}{b:02x}\n" for r, g, b in arrays["palette"].tolist())
    _replace(run.out / "palette.hex", colours)
    dropped = "".join(f"{name}: {reason}\n" for name, reason in report.dropped)
    _replace(run.out / "dropped.txt", dropped)
    metrics: dict[str, Any] = {}
    every = max(5.0, run.minutes * 60 / 8)
    tasks: tuple[type[Task], ...] = (OwnSpriteTokensTask, OwnSpritePriorTask)
    for task, share in zip(tasks, SHARES, strict=True):
        part = dataclasses.replace(run, minutes=run.minutes * share)
        torch.manual_seed(run.seed)
        metrics |= train(task(arrays, info, part), info, part, save_every=every)
    _write_known(unpack(arrays, info), run.out / "weights")
    return metrics


def _check_unused(out: Path, arrays: dict[str, np.ndarray]) -> None:
    """Going on with other drawings than those a run began with would mix both."""
    if not any((out / f"{task.kind}.checkpoint.safetensors").exists()
               for task in (SpriteTokensTask, SpritePriorTask)):  # fmt: skip
        return
    try:
        before = read(out / "data", "sprite")[0]
    except DataError:
        before = {}
    if set(before) != set(arrays) or any(
        not np.array_equal(before[name], arrays[name]) for name in arrays
    ):
        raise UsageError(
            f"{out} holds a run on other drawings", where="--out", remedy="give another folder"
        )


def _write_known(sprites: PixelSprites, weights: Path) -> None:
    """The list that near copies are found by; its limit is at most the shipped one."""
    pictures, train = sprites.rgba(), sprites.rows("train")
    names = [sprites.names[row] for row in train]
    entry = json.loads(neighbours(pictures[train], names, pictures[sprites.rows("held-out")]))
    shipped = checkpoint.weights_folder() / f"{PRIOR}.neighbours.json"
    if shipped.is_file():
        # Own drawings differ little from each other: what is held out may look like a copy itself.
        entry["limit"] = min(entry["limit"], json.loads(shipped.read_bytes())["limit"])
    _replace(weights / f"{PRIOR}.neighbours.json", json.dumps(entry, ensure_ascii=False) + "\n")


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(text.encode("utf-8", "replace"))
    part.replace(path)
