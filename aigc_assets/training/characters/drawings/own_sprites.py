"""Tokeniser and prior of single pictures, fine-tuned on the user's own drawings.

Both go on from the shipped weights and see the user's drawings alone, in the drawings' own colours.
The tokeniser learns to draw them; the prior takes them as the pictures whose parts it joins, and
learns to mend their seams. Words that the shipped prior does not know become sub-classes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aigc_assets.errors import DataError, UsageError
from aigc_assets.metrics.distributions import kernel_distance
from aigc_assets.metrics.likeness import CopyIndex, tone_codes
from aigc_assets.metrics.picture_features import picture_features
from aigc_assets.models import checkpoint
from aigc_assets.models.cards import write_whole
from aigc_assets.models.own_drawings import CANVAS, off_canvas
from aigc_assets.models.sprite_crossover import recombine
from aigc_assets.models.sprite_maskgit import SpriteMaskgit
from aigc_assets.models.sprite_sampling import Wish
from aigc_assets.training.characters.drawings.classes import Vocabulary
from aigc_assets.training.characters.drawings.user_sprites import pack_drawings
from aigc_assets.training.characters.neighbours import neighbours
from aigc_assets.training.characters.size32.pixel_sprites import PixelSprites
from aigc_assets.training.characters.size32.sprite_prior import SpritePriorTask
from aigc_assets.training.characters.size32.sprite_tokens import (
    FREEZE_FROM,
    SpriteTokensTask,
    write_sheet,
)
from aigc_assets.training.packing import read, write
from aigc_assets.training.trainer import Ema, Metrics, Run, train

TOKENISER, PRIOR = "sprite_fsq_vae", "sprite_maskgit"
SHARES = (0.6, 0.4)
"""Of the time, for the tokeniser and for the prior."""
GENTLE = 0.3
"""Learning rates over those of a training from nothing."""
STYLE_SAMPLES = 48
SHOWN = 48
"""Last samples."""
_ONE_KIND = 0.8
"""Share of the shipped pictures of a name that are of one kind where the name tells the kind."""
COPIED = 0.4
"""Distance from the nearest drawing, over that of usual held-out ones, of what is a copy."""
_NOTES = (
    "baseline: the shipped weights before they saw a drawing of the user's.",
    "style_distance: maximum mean discrepancy of drawn pictures and of the user's drawings in a "
    "hand-made embedding; floor: drawings that were learnt from and held-out ones.",
)


class OwnSpriteTokensTask(SpriteTokensTask):
    """The shipped tokeniser on the user's drawings: see `aigc_assets.training.trainer.Task`."""

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        super().__init__(data, info, run)
        self.network.load_state_dict(checkpoint.load(TOKENISER).network.state_dict())
        self.network.colours.copy_(torch.from_numpy(self.sprites.colours))
        self.ema = Ema(self.network, 0.998)
        for optimizer in self.optimizers().values():
            for group in optimizer.param_groups:
                group["scale"] = GENTLE
        self.side = int(info["own_drawings"]["side"])
        self.before: dict[str, Metrics] = {}
        for split in ("validation", "held-out"):
            self.before[split] = super()._metrics(split)

    def step(self, progress: float) -> dict[str, float]:
        """Encoder and decoder to the end: the prior comes after."""
        return super().step(min(progress, 0.999) * FREEZE_FROM)

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
        lines = [p[i : i + 16] for i in range(0, len(rows), 16)
                 for p in (sprites.images[rows], drawn)]  # fmt: skip
        _strip(path, sprites, lines, self.side)


class OwnSpritePriorTask(SpritePriorTask):
    """The shipped prior on the user's drawings: see `aigc_assets.training.trainer.Task`."""

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        super().__init__(data, info, run)
        self.side = int(info["own_drawings"]["side"])
        shipped = checkpoint.load(PRIOR).network
        assert isinstance(shipped, SpriteMaskgit)
        # Words and sub-classes are those of the shipped prior, so that prompts mean the same, and
        # the words of the drawings besides.
        known = shipped.config
        own = tuple(w for w in info["own_drawings"]["words"] if w not in known.subclasses)
        train = self.sprites.rows("train")
        self.config = dataclasses.replace(
            known, subclasses=known.subclasses + own, seeds=len(train)
        )
        network = SpriteMaskgit(self.config)
        network.load_state_dict(_widened(shipped, network, len(own)))
        self.network = network.to(run.device)
        self.labels = torch.from_numpy(self._labels()).to(run.device)
        network.seed_images.copy_(torch.from_numpy(self.sprites.images[train]))
        thing = torch.from_numpy(self.sprites.identity).to(run.device)[train, None]
        network.seed_labels.copy_(torch.cat([self.labels[train], thing], 1).to(torch.int16))
        self.ema = Ema(network, 0.998)
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=0, betas=(0.9, 0.98), weight_decay=0.02, fused=True
        )
        for group in self.optimizer.param_groups:
            group["scale"] = GENTLE
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

    def evaluate(self) -> Metrics:
        """That of the shipped prior, and how near its drawings are to the style of the user's."""
        drawings = self.sprites.images
        known, held = (drawings[self.sprites.rows(split)] for split in ("train", "held-out"))
        generator = torch.Generator().manual_seed(5)
        rows = torch.randint(len(known), (STYLE_SAMPLES,), generator=generator).numpy()
        labels = self.labels[self.sprites.rows("train")][torch.from_numpy(rows)].tolist()
        wishes = [Wish(kind, subclass, tuple(words)) for kind, subclass, *words in labels]
        drawn = recombine(self.tokeniser, self.average, wishes, generator, tries=4)[0][:, 0]
        look = self._looks
        near = look(np.concatenate([known, held]))
        metrics = super().evaluate()
        metrics["style_distance"] = {
            "model": round(kernel_distance(look(drawn), near), 5),
            "floor": round(kernel_distance(look(held), look(known)), 5),
            "baseline": round(kernel_distance(picture_features(_shipped_samples(wishes)), near), 5),
        }
        return metrics

    def _looks(self, images: np.ndarray) -> np.ndarray:
        features: np.ndarray = picture_features(self.sprites.rgba(images))
        return features

    def known_pictures(self) -> Tensor:
        """The user's own drawings, as they are."""
        return torch.from_numpy(self.sprites.images[self.sprites.rows("train")])

    def preview(self, path: Path) -> None:
        """Training drawings above pictures that are joined from their parts."""
        rows = self.sprites.rows("train")
        rows = rows[:: max(1, len(rows) // 16)][:16]
        _strip(path, self.sprites, [self.sprites.images[rows], self.sample(16)], self.side)


def _widened(shipped: SpriteMaskgit, network: SpriteMaskgit, own: int) -> dict[str, torch.Tensor]:
    """The shipped weights with ``own`` more sub-classes, which begin as the unknown one."""
    state = network.state_dict()
    for name, value in shipped.state_dict().items():
        if name == "subclass.weight":
            state[name] = torch.cat([value[:-1], value[-1:].repeat(own + 1, 1)])
        elif not name.startswith("seed_"):
            state[name] = value
    return state


def _shipped_samples(wishes: list[Wish]) -> np.ndarray:
    """What the shipped models draw of the same kinds, RGBA."""
    tokeniser: Any = checkpoint.load(TOKENISER).network
    prior: Any = checkpoint.load(PRIOR).network
    most = len(prior.config.subclasses)
    known = [dataclasses.replace(wish, subclass=min(wish.subclass, most)) for wish in wishes]
    generator = torch.Generator().manual_seed(5)
    drawn = recombine(tokeniser, prior, known, generator, tries=4)[0][:, 0]
    table = np.concatenate(
        [tokeniser.colours.numpy(), np.full((len(tokeniser.colours), 1), 255)], 1
    )
    table[0] = 0
    result: np.ndarray = table.astype(np.uint8)[drawn]
    return result


def _strip(path: Path, sprites: PixelSprites, lines: list[np.ndarray], side: int) -> None:
    shown = [sprites.rgba(off_canvas(line, side)) for line in lines if len(line)]
    write_sheet(path.with_suffix(".png"), shown, 3 * CANVAS // side)
    print(f"samples: {path.with_suffix('.png')}", flush=True)


def shipped_vocabulary(nouns: Mapping[str, str]) -> Vocabulary:
    """What the shipped tokeniser and prior know, besides ``nouns``, words of prompts -> kind."""
    colours = checkpoint.load(TOKENISER).network.get_buffer("colours").numpy()
    prior = checkpoint.load(PRIOR).network
    assert isinstance(prior, SpriteMaskgit)
    config, labels = prior.config, prior.seed_labels.numpy()

    def kind(rows: np.ndarray, least: int) -> str:
        """That of all pictures, where there are enough of them and they are of one."""
        count = np.bincount(labels[rows, 0], minlength=1)
        sure = count.max() >= max(least, _ONE_KIND * count.sum())
        return config.kinds[int(count.argmax())] if sure else ""

    subclasses = {name: kind(labels[:, 1] == i, 0) for i, name in enumerate(config.subclasses)}
    words = {name: kind((labels[:, 2:5] == i).any(1), 3) for i, name in enumerate(config.words)}
    return Vocabulary(colours, prior.turned.numpy(), subclasses, words, nouns)


def train_on_drawings(
    folder: Path,
    cell: tuple[int, int] | None,
    side: int | None,
    run: Run,
    nouns: Mapping[str, str],
) -> dict[str, Any]:
    """Read a folder of drawings and fine-tune both models on it.

    Weights, cards, the list of known pictures and the colours of the drawings go to
    ``run.out / "weights"``, what was dropped to ``dropped.txt``, last samples and the drawing that
    each is most like to ``samples.png`` and ``samples.txt``; samples of before lie beside.

    Args:
        folder: See `aigc_assets.training.characters.drawings.user_sprites.pack_drawings`.
        cell: Width and height of the cells of sheets, or None.
        side: Of the frames, px, or None.
        run: Time and place; the time is for both models together, steps are for each.
        nouns: Words of prompts, and the kind that they mean.

    Returns:
        Held-out metrics of both; ``baseline`` is the shipped model.

    Raises:
        UsageError: If there are too few drawings, or ``run.out`` holds a run on other ones.
        DataError: If the folder cannot be read.
    """
    print(f"reading the drawings of {folder}", flush=True)
    arrays, info, report = pack_drawings(folder, shipped_vocabulary(nouns), cell, side)
    _check_unused(run.out, arrays)
    print("\n".join(report.lines()))
    print("\n".join(info["notes"]), flush=True)
    info["command"] = (
        f"aigc-assets train character --data {folder.resolve().name} --minutes {run.minutes:g} "
        f"--seed {run.seed}"
        + (f" --grid {cell[0]}x{cell[1]}" if cell else "")
        + (f" --size {side}" if side else "")
        + (f" --steps {run.steps}" if run.steps is not None else "")
        + (f" --clock {run.clock}" if run.clock != "wall" else "")
    )
    info["notes"] = [*info["notes"], *_NOTES]
    # The new weights go on from the shipped ones, so the sources of those count as well.
    for source in checkpoint.read_card(TOKENISER)["data"]:
        info["sources"].append(source)
    write(run.out / "data", "sprite", arrays, info)
    dropped = "".join(f"{name}: {reason}\n" for name, reason in report.dropped)
    _write(run.out / "dropped.txt", dropped)
    metrics: dict[str, Any] = {}
    every = max(5.0, run.minutes * 60 / 8)
    tasks: tuple[tuple[Any, str], ...] = (
        (OwnSpriteTokensTask, "the tokeniser learns to draw the drawings"),
        (OwnSpritePriorTask, "the prior learns to join parts of them"),
    )
    for number, ((task, what), share) in enumerate(zip(tasks, SHARES, strict=True), 1):
        part = dataclasses.replace(run, minutes=run.minutes * share)
        print(f"{number} of 2: {what}, {part.minutes:.1f} minutes and a little", flush=True)
        torch.manual_seed(run.seed)
        trained = task(arrays, info, part)
        metrics |= train(trained, info, part, save_every=every)
    weights, drawn = run.out / "weights", trained.sample(SHOWN)
    colours = "".join(f"{r:02x}{g:02x}{b:02x}\n" for r, g, b in arrays["palette"].tolist())
    _write(weights / "palette.hex", colours)
    _write_known(trained.sprites, trained.side, weights, drawn, run.out)
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


def _write_known(
    sprites: PixelSprites, side: int, weights: Path, drawn: np.ndarray, out: Path
) -> None:
    """The list that near copies are found by, and how near to it the samples come."""
    pictures, train = sprites.rgba(off_canvas(sprites.images, side)), sprites.rows("train")
    names = [sprites.names[row] for row in train]
    held = pictures[sprites.rows("held-out")]
    entry = json.loads(neighbours(pictures[train], names, held))
    known = CopyIndex(tone_codes(pictures[train]), names)
    # Of few drawings the nearest held-out one says little, and one that looks like a copy itself
    # would let copies pass; of drawings that are much alike all are near.
    usual = float(np.median(known.nearest(held)[0]))
    entry["limit"] = round(max(entry["limit"], COPIED * usual), 4)
    shipped = checkpoint.weights_folder() / f"{PRIOR}.neighbours.json"
    if shipped.is_file():
        entry["limit"] = min(entry["limit"], json.loads(shipped.read_bytes())["limit"])
    _write(weights / f"{PRIOR}.neighbours.json", json.dumps(entry, ensure_ascii=False) + "\n")
    samples = sprites.rgba(off_canvas(drawn, side))
    distances, nearest = known.nearest(samples)
    lines = [f"a copy is below {entry['limit']:.3f}; held-out drawings have {usual:.3f}"]
    for number, (distance, row) in enumerate(zip(distances, nearest, strict=True)):
        copied = " (a copy: is drawn again)" if distance < entry["limit"] else ""
        lines.append(f"{number + 1}: {distance:.3f} from {names[row]}{copied}")
    _write(out / "samples.txt", "\n".join(lines) + "\n")
    rows = [drawn[i : i + 16] for i in range(0, len(drawn), 16)]
    _strip(out / "samples", sprites, rows, side)


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode("utf-8", "replace"))
