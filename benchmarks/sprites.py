"""Generators of 32 px pictures beside the classic DCGAN, against held-out real ones.

``python -m benchmarks.sprites --data DIR --runs DIR [--json PATH] [--save]``: DIR of ``aigc-assets
data pack`` with the kind ``crowd``; DIR where ``python -m aigc_assets.training --only dcgan`` (and
``crowd``) left their checkpoints. The slot GAN is read from there or, without a checkpoint, from
the shipped weights; the token model is the shipped one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.metrics.likeness import CopyIndex, copy_share, tone_codes
from aigc_assets.models import checkpoint
from aigc_assets.models.sprite_sampling import Wish, draw
from aigc_assets.training.characters.judges.damage import ceiling
from aigc_assets.training.characters.judges.picture_judge import compare_sets, cross_fitted
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.characters.size32.crowd_pictures import SHARES, CrowdPictures
from aigc_assets.training.packing import read, task_class
from aigc_assets.training.trainer import Run, resume
from benchmarks import timing

SAVED = "sprites--cpu.json"
KINDS = tuple(SHARES)
GROUPS = {
    "all": KINDS,
    "people": ("person",),
    "monsters and animals": ("monster", "animal"),
    "monsters, animals, items, effects": ("monster", "animal", "item", "effect"),
}
"""Kinds whose pictures are judged together."""
PEOPLE = 160
"""Held-out people."""
NEAR = 0.02
"""Share of real held-out pictures that lies below the distance which counts as a near copy."""
QUERIES = 100
"""Pictures of a set that are looked up among the training pictures, a tenth of a second each."""
COLUMNS = ("pictures", "of", "minutes", "N", "Fréchet, network", "Fréchet, features",
           "kernel x1000", "density", "coverage", "class accuracy of real", "near copies %",
           "exact copies", "pictures/s")  # fmt: skip
REMARK = """32x32 px in 47 global colours, the same training pictures for all; minutes are those
of their training, of one thread's processor; they are equal only where the column says so. Floor:
training pictures that the judge has not seen (two judges, each fitted to half of them); ceiling:
held-out ones with a tenth of their pixels exchanged. Two embeddings: of a network and of hand-
made features, neither used in any training. Density, coverage and kernel distance are those of
the network. Values compare within one group only. Class accuracy: kinds as an independent
classifier sees them, as a share of its accuracy on real held-out pictures. Near copies: nearer to
a training picture (up to flip, shift, recolour) than 98 % of the held-out ones are. The minutes
of the token model are those of the clock on a busy machine, for both of its networks. The DCGAN
has no labels: its pictures are judged in the group of all alone."""


class Source(NamedTuple):
    """A generator: name, minutes it was trained, draws index maps of labels and a seed."""

    name: str
    minutes: float
    sample: Callable[[Tensor, int], Tensor]
    kinds: tuple[str, ...]


def judged(pictures: CrowdPictures, sources: list[Source], group: str, steps: int) -> list[Any]:
    """Rows of the table for one group."""
    kinds = GROUPS[group]
    of_label = np.array([KINDS.index(name.split("/")[0]) for name in pictures.classes])
    wanted = torch.tensor([KINDS[k] in kinds for k in of_label])

    def chosen(
        split: str, seed: int, people: int, balance: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        maps, label = pictures.real(split, seed, people)
        keep = torch.nonzero(wanted[label]).flatten()
        keep = keep[torch.randperm(len(keep), generator=torch.Generator().manual_seed(seed))]
        rows = torch.cat([pictures.rows[kind, split] for kind in pixel_sprites.KINDS]).numpy()
        things = np.concatenate([-1 - np.arange(people), pictures.sprites.identity[rows]])
        if balance and len(kinds) == len(KINDS):
            keep = balanced(keep, label, of_label)
        return maps[keep], label[keep], torch.from_numpy(things)[keep]

    train, _, _ = chosen("train", 1, 600, balance=False)
    lessons, lesson_label, things = chosen("train", 1, 600)
    held, label, _ = chosen("held-out", 2, PEOPLE if len(kinds) == 1 else PEOPLE // 2)
    rgba = pictures.sprites.rgba
    real, known = rgba(array(held)), rgba(array(train))
    folds = cross_fitted(
        rgba(array(lessons)), of_label[lesson_label.numpy()], [len(KINDS)], things.numpy(),
        steps=steps,
    )  # fmt: skip
    truth = of_label[label.numpy()]
    sets: dict[str, Any] = {"ceiling": (ceiling(real), truth)}
    drawn: dict[str, tuple[NDArray[np.uint8], float]] = {}
    for source in sources:
        if not set(kinds) <= set(source.kinds):
            continue
        labelled = source.name != "DCGAN"
        if not labelled and len(kinds) < len(KINDS):
            continue
        started = time.process_time()
        maps = array(source.sample(label, 17))
        drawn[source.name] = maps, len(maps) / (time.process_time() - started)
        sets[source.name] = (rgba(maps), truth if labelled else None)
    rows = compare_sets(folds, real, truth, sets)
    index = CopyIndex(tone_codes(known), [str(i) for i in range(len(known))])
    limit = float(np.quantile(index.nearest(real[:QUERIES])[0], NEAR))
    stored = {picture.tobytes() for maps in (train, train.flip(2)) for picture in array(maps)}
    minutes = {source.name: source.minutes for source in sources}
    table = []
    for name, (shown, _) in {"floor": (real, None), **sets}.items():
        distance = index.nearest(shown[:QUERIES])[0] if name in drawn else None
        copies = sum(p.tobytes() in stored for p in drawn[name][0]) if name in drawn else None
        table.append([
            group, name, minutes.get(name), len(real),
            rows["frechet_distance_network"][name], rows["frechet_distance_features"][name],
            1000 * rows["kernel_distance_network"][name], rows["density_network"][name],
            rows["coverage_network"][name],
            rows.get("class_accuracy_of_real_network", {}).get(name),
            None if distance is None else 100 * copy_share(distance, limit), copies,
            drawn[name][1] if name in drawn else None,
        ])  # fmt: skip
    return table


def balanced(rows: Tensor, label: Tensor, of_label: NDArray[np.intp]) -> Tensor:
    """Of ``rows``, as many pictures of each kind as there should be beside all the monsters."""
    kind = of_label[label[rows].numpy()]
    monsters = int((kind == KINDS.index("monster")).sum())
    keep: list[int] = []
    for number, share in enumerate(SHARES.values()):
        members = np.flatnonzero(kind == number)
        keep += members[: round(monsters * share / SHARES["monster"])].tolist()
    return rows[torch.tensor(sorted(keep))]


def array(maps: Tensor) -> NDArray[np.uint8]:
    """Index maps for numpy."""
    return maps.numpy().astype(np.uint8)


def trained(kind: str, data: Path, runs: Path) -> tuple[Any, float] | None:
    """The task of a run and the minutes it has trained, None if there is no checkpoint."""
    if not (runs / f"{kind}.checkpoint.safetensors").exists():
        return None
    arrays, info = read(data, "crowd")
    run = Run("cpu", 1, 0, runs)
    task = task_class(kind)(arrays, info, run)
    _, spent = resume(task, run)
    return task, spent / 60


def sources_of(data: Path, runs: Path) -> list[Source]:
    """All generators that there are."""
    found = []
    for kind, name in (("dcgan", "DCGAN"), ("crowd", "slot GAN")):
        run = trained(kind, data, runs)
        if run is not None:
            found.append(Source(name, round(run[1], 1), run[0].sample, KINDS))
    classes = CrowdPictures(*read(data, "crowd")).classes
    return [*found, tokens(classes)]


def tokens(classes: list[str]) -> Source:
    """The shipped token model; a label that lumps sub-classes asks for any of its kind."""
    loaded = [checkpoint.load(name) for name in ("sprite_fsq_vae", "sprite_maskgit")]
    tokeniser, prior = (one.network for one in loaded)
    config: Any = prior.config
    wishes = []
    for name in classes:
        kind, part = name.split("/")
        known = part in config.subclasses
        number = config.subclasses.index(part) if known else len(config.subclasses)
        place = config.kinds.index(kind) if kind in config.kinds else 0
        wishes.append(Wish(place, number, (len(config.words),) * 3))

    def sample(labels: Tensor, seed: int) -> Tensor:
        source = torch.Generator().manual_seed(seed)
        wanted = [wishes[label] for label in labels.tolist()]
        parts = [draw(tokeniser, prior, wanted[i : i + 32], source)  # type: ignore[arg-type]
                 for i in range(0, len(wanted), 32)]  # fmt: skip
        return torch.from_numpy(np.concatenate(parts).astype(np.int64))

    minutes = sum(float(one.card["training"]["minutes"]) for one in loaded)
    return Source("tokens", minutes, sample, tuple(config.kinds))


def result(rows: list[Any]) -> dict[str, Any]:
    """The table as `benchmarks.readme` reads it."""
    rows = [[round(c, 3) if isinstance(c, float) else c for c in row] for row in rows]
    command = "python -m benchmarks.sprites --data DIR --runs DIR --save"
    title = "Sprites of 32 px beside the classic DCGAN"
    found = timing.result(title, command, timing.Options(), COLUMNS, rows)
    found["remarks"] = [REMARK.replace("\n", " ")]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Judge all groups, print and keep the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sprites", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="packed data")
    parser.add_argument("--runs", type=Path, required=True, help="where the checkpoints are")
    parser.add_argument("--group", action="append", choices=list(GROUPS), help="only this one")
    parser.add_argument("--steps", type=int, default=400, help="of the judge's network")
    parser.add_argument("--json", type=Path, help="write the table there")
    parser.add_argument(
        "--save", action="store_true", help=f"write to {timing.RESULTS.name}/{SAVED}"
    )
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    pictures = CrowdPictures(*read(chosen.data, "crowd"))
    sources = sources_of(chosen.data, chosen.runs)
    rows: list[Any] = []
    print(" | ".join(COLUMNS))
    for group in chosen.group or GROUPS:
        for row in judged(pictures, sources, group, chosen.steps):
            print(" | ".join(timing.text_of(cell) for cell in row), flush=True)
            rows.append(row)
    text = json.dumps(result(rows), indent=1) + "\n"
    if chosen.json:
        chosen.json.write_text(text)
    if chosen.save:
        (timing.RESULTS / SAVED).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
