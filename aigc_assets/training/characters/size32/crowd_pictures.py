"""What crowds are learnt from: composed people, and the curated monsters, animals, items, effects.

People are put together on the fly from the layers of the source's paper doll; people that join
certain pairs of layers are never composed for training and are what a model is judged on.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.characters.size32.pixel_sprites import SIDE, PixelSprites

PASSES: dict[str, float] = {
    # layers of a person from back to front: how often one is worn
    "cloak": 0.25, "base": 1.0, "boots": 0.8, "legs": 0.75, "body": 0.95, "gloves": 0.25,
    "hand1": 0.75, "hand2": 0.45, "hair": 0.8, "beard": 0.1, "head": 0.45,
}  # fmt: skip
_BASES = re.compile(r"(human|elf|deep_elf|demigod|dwarf|deep_dwarf|halfling|gnome|demonspawn|lorc"
                    r"|ghoul|mummy|minotaur|gargoyle)")  # fmt: skip
_STRANGE = re.compile(r"hooves|spider|djinn|tengu|etheric|eternal|clown|dyrovepreva|/bear|hawaii"
                      r"|\bpj$|torch_|/todo")  # fmt: skip
_NAMES = re.compile(r"aragorn|gandalf|gimli|saruman|legolas|frodo|arwen|boromir|/sam$|merry|pippin"
                    r"|isildur|donald|chunli|vanhel|zhor|taiso|louise|monk_|edison")  # fmt: skip
"""Layers that are named after figures of other works."""
_ROLES = (
    ("mage", re.compile(r"robe|dress|gown|skirt|slit|coat")),
    ("warrior", re.compile(r"plate|mail|chain|scale|armou?r|banded|breast|half|dragon|crystal"
                           r"|leather|ring|splint|bplate|metal")),
)  # fmt: skip
ROLES = ("villager", "mage", "warrior")
FEW = 12
"""Training pictures below which a sub-class is not a class of its own."""
SHARES = {"person": 0.3, "monster": 0.38, "animal": 0.14, "item": 0.12, "effect": 0.06}
"""Of the kinds in every batch: crowds are people and monsters before all else."""
PEOPLE = 12_288
"""People that are composed once for training: composing some for each batch takes longer than the
DCGAN takes for the batch."""
TURNED = 0.35
"""Share of training pictures, people aside, whose hues are turned."""


def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """`pixel_sprites.pack` and the layers of people in the same colours."""
    arrays, info = pixel_sprites.pack(sources)
    path = sources / "sprites" / "packed" / "dcss_32.npz"
    with np.load(path, allow_pickle=False) as archive:
        pictures = archive["img"]
    names = json.loads(path.with_suffix(".json").read_bytes())
    chosen, labels = [], []
    for number, name in enumerate(names):
        label = _layer(name.removesuffix(".png"))
        if label is not None and (pictures[number, ..., 3] >= 128).sum() >= 6:
            chosen.append(number)
            labels.append(label)
    if {p for p, _ in labels} < {"base", "body"}:
        raise DataError("no layers of people among the sources", where=str(path))
    layers = pictures[chosen]
    solid = layers[..., 3] >= 128
    arrays["layers"] = pixel_sprites.to_indices(layers[..., :3], solid, arrays["colours"])
    info["layers"] = [{"pass": p, "name": n} for p, n in labels]
    info["sources"][0]["used_for"] = "32 px monsters, animals, items, effects; layers of people"
    return arrays, info


def _layer(stem: str) -> tuple[str, str] | None:
    """Pass and name of a layer of people at a path of the source, None if it is none."""
    folders = stem.split("/")
    if len(folders) < 3 or folders[0] != "player" or folders[1] not in PASSES:
        return None
    if "artefact" in folders or "doll_only" in folders:
        return None
    if _NAMES.search(stem) or _STRANGE.search(stem):
        return None
    if folders[1] == "base" and not _BASES.match(folders[-1]):
        return None
    return folders[1], folders[-1]


class People:
    """Composes people from layers, many at a time.

    Args:
        layers: Index maps, [L, 32, 32] uint8.
        labels: Pass and name of every layer.
    """

    def __init__(self, layers: NDArray[np.uint8], labels: list[dict[str, str]]):
        blank = np.zeros((1, SIDE, SIDE), np.uint8)
        self.layers = torch.from_numpy(np.concatenate([blank, layers])).long()
        self.members = {
            p: torch.tensor([i + 1 for i, label in enumerate(labels) if label["pass"] == p])
            for p in PASSES
        }
        self.passes = [p for p in PASSES if len(self.members[p])]
        role = {"mage": 1, "warrior": 2}
        of_layer = [0]
        for label in labels:
            found = next((r for r, pattern in _ROLES if pattern.search(label["name"])), None)
            of_layer.append(role[found] if found and label["pass"] == "body" else 0)
        self.role_of = torch.tensor(of_layer)

    def sample(self, count: int, source: torch.Generator, *, held_out: bool = False) -> Tensor:
        """Layer of every pass of random people, [count, passes]; 0 where nothing is worn.

        Args:
            count: How many.
            source: Of all draws.
            held_out: People that training never sees, instead of those it may see.
        """
        found: list[Tensor] = []
        while sum(map(len, found)) < count:
            columns = []
            for name in self.passes:
                pool = self.members[name]
                pick = pool[torch.randint(len(pool), (2 * count,), generator=source)]
                worn = torch.rand(2 * count, generator=source) < PASSES[name]
                columns.append(torch.where(worn, pick, torch.zeros_like(pick)))
            people = torch.stack(columns, 1)
            found.append(people[self.is_held_out(people) == held_out])
        return torch.cat(found)[:count]

    def is_held_out(self, people: Tensor) -> Tensor:
        """Whether people join a pair of layers that training never sees together, [B]."""
        at = {name: people[:, i] for i, name in enumerate(self.passes)}
        zero = torch.zeros_like(people[:, 0])
        body, base = at.get("body", zero), at.get("base", zero)
        tops = (body * 7 + at.get("head", zero) * 3 + at.get("hair", zero)) % 11 == 0
        return tops | ((body * 5 + at.get("legs", zero) * 3 + base) % 9 == 0)

    def paint(self, people: Tensor) -> Tensor:
        """Index maps [B, 32, 32] int64 of people [B, passes], standing on the ground line."""
        out = torch.zeros((len(people), SIDE, SIDE), dtype=torch.long)
        for column in range(people.shape[1]):
            picture = self.layers[people[:, column]]
            out = torch.where(picture > 0, picture, out)
        low = SIDE - 1 - (out > 0).any(2).long().mul(torch.arange(SIDE)).amax(1)
        rows = torch.arange(SIDE)[None] - low[:, None]
        return torch.where(
            (rows >= 0)[:, :, None],
            torch.gather(out, 1, rows.clamp(min=0)[:, :, None].expand(-1, -1, SIDE)),
            torch.zeros_like(out),
        )

    def roles(self, people: Tensor) -> Tensor:
        """Index into `ROLES`, [B]."""
        return self.role_of[people].amax(1)


class CrowdPictures:
    """Pictures with class labels, drawn in the shares of `SHARES`.

    Args:
        arrays: As `pack` gives them.
        info: The same.

    Attributes:
        classes: Names such as ``person/mage`` or ``monster/undead``, in the order of the labels.
    """

    def __init__(self, arrays: dict[str, np.ndarray], info: dict[str, Any]):
        self.sprites: PixelSprites = pixel_sprites.unpack(arrays, info)
        try:
            self.people = People(arrays["layers"], info["layers"])
        except KeyError as error:
            raise DataError("no layers of people", remedy="pack the data again") from error
        sprites = self.sprites
        kinds = [pixel_sprites.KINDS[k] for k in sprites.kind]
        full = [f"{k}/{s}" for k, s in zip(kinds, sprites.subclass, strict=True)]
        training = sprites.split == 0
        count = {name: sum(np.array(full)[training] == name) for name in set(full)}
        named = [n if count[n] >= FEW else f"{k}/other" for n, k in zip(full, kinds, strict=True)]
        self.classes = [f"person/{role}" for role in ROLES] + sorted(set(named))
        self.label = torch.tensor([self.classes.index(name) for name in named])
        self.images = torch.from_numpy(sprites.images).long()
        self.turned = torch.from_numpy(sprites.turned).long()
        self.rows = {
            (kind, split): torch.from_numpy(sprites.rows(split, kind))
            for kind in pixel_sprites.KINDS
            for split in pixel_sprites.SPLITS
        }

        self._composed: tuple[Tensor, Tensor] | None = None

    def _training_people(self) -> tuple[Tensor, Tensor]:
        """Index maps [PEOPLE, 32, 32] uint8 and roles of the people of training."""
        if self._composed is None:
            people = self.people.sample(PEOPLE, torch.Generator().manual_seed(77))
            painted = [self.people.paint(part).to(torch.uint8) for part in people.split(512)]
            self._composed = torch.cat(painted), self.people.roles(people)
        return self._composed

    def batch(
        self, count: int, source: torch.Generator, *, mirrored: float = 0.5
    ) -> tuple[Tensor, Tensor]:
        """Training pictures [count, 32, 32] int64 and labels [count].

        Args:
            count: How many.
            source: Of all draws.
            mirrored: Share of the pictures, people aside, that are mirrored.
        """
        shares = torch.tensor(list(SHARES.values()))
        draw = torch.multinomial(shares, count, True, generator=source)
        parts = []
        for number, kind in enumerate(SHARES):
            wanted = int((draw == number).sum())
            if not wanted:
                continue
            if kind == "person":
                painted, roles = self._training_people()
                pick = torch.randint(len(painted), (wanted,), generator=source)
                parts.append((painted[pick].long(), roles[pick]))
                continue
            pool = self.rows[kind, "train"]
            if not len(pool):
                continue
            pick = pool[torch.randint(len(pool), (wanted,), generator=source)]
            pictures = self.images[pick]
            flipped = torch.rand(wanted, generator=source) < mirrored
            pictures = torch.where(flipped[:, None, None], pictures.flip(2), pictures)
            turn = torch.randint(1, len(self.turned), (wanted,), generator=source)
            turn = torch.where(torch.rand(wanted, generator=source) < TURNED, turn, 0)
            pictures = self.turned[turn[:, None, None], pictures]
            parts.append((pictures, self.label[pick]))
        pictures, labels = (torch.cat(part) for part in zip(*parts, strict=True))
        order = torch.randperm(len(labels), generator=source)
        return pictures[order], labels[order]

    def real(self, split: str, seed: int, people: int = 256) -> tuple[Tensor, Tensor]:
        """All pictures of a split with labels, unturned, and ``people`` people of it."""
        source = torch.Generator().manual_seed(seed)
        crowd = self.people.sample(people, source, held_out=split != "train")
        rows = torch.cat([self.rows[kind, split] for kind in pixel_sprites.KINDS])
        return (torch.cat([self.people.paint(crowd), self.images[rows]]),
                torch.cat([self.people.roles(crowd), self.label[rows]]))  # fmt: skip


def contact_sheet(
    pictures: Tensor, colours: NDArray[np.uint8], path: Path, columns: int = 24
) -> None:
    """Write index maps [N, S, S] in colours [K, 3] as a PNG, twice as large, on grey."""
    table = colours.copy()
    table[0] = (96, 96, 104)
    rgb = table[pictures.numpy()]
    blank = np.broadcast_to(table[0], rgb.shape[1:])
    rows = []
    for start in range(0, len(rgb), columns):
        row = list(rgb[start : start + columns])
        rows.append(np.concatenate([*row, *[blank] * (columns - len(row))], 1))
    big = np.repeat(np.repeat(np.concatenate(rows), 2, 0), 2, 1)
    cv2.imwrite(str(path.with_name(path.name + ".png")), big[..., ::-1])
