"""Training of the yardstick: the classic DCGAN as it was published, at 16, 32 and 64 px.

At 32 px it learns from the pictures of crowds, at 16 and 64 px from people of the sources, standing
and seen from the front, and at 16 px, in a run of its own, from creatures of one view. It knows no
labels; what it draws is put onto the colours it learnt from.

References:
    Radford et al., arXiv:1511.06434: Adam(2e-4, 0.5), binary cross entropy, batch norm.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.metrics.distributions import frechet_distance
from aigc_assets.metrics.picture_features import picture_features
from aigc_assets.models.dcgan import KEY, LATENT, DcganDiscriminator, DcganGenerator
from aigc_assets.training.characters.judges import beast_report, tiny_report
from aigc_assets.training.characters.judges.people_truth import People
from aigc_assets.training.characters.size16.tiny_beasts import TinyBeastsTask
from aigc_assets.training.characters.size16.tiny_people import TinyPeopleTask
from aigc_assets.training.characters.size32 import crowd_pictures
from aigc_assets.training.characters.size32.crowd_pictures import CrowdPictures, contact_sheet
from aigc_assets.training.characters.size32.crowds import BATCH, distances
from aigc_assets.training.characters.size64.people import CharacterTask
from aigc_assets.training.trainer import Metrics, Run

KEYED = 0.5
"""Distance to the key colour counts for so much of that to others: it is hit less than exactly."""
PEOPLE, JUDGED = 3000, 160
"""Figures that are composed for training, and for its metrics."""


class Source(Protocol):
    """Pictures as index maps."""

    colours: NDArray[np.uint8]
    """Of every index, [K, 3]; index 0 is transparent."""

    def batch(self, count: int, source: torch.Generator) -> Tensor:
        """Training pictures, [count, S, S] int64."""
        ...

    def distances(self, split: str, sample: Callable[[Tensor, int], Tensor]) -> Metrics:
        """Distances of what is sampled to ``validation`` or ``held-out`` pictures."""
        ...


class Crowds:
    """The pictures of crowds, see `CrowdPictures`."""

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any]):
        self.pictures = CrowdPictures(data, info)
        self.colours = self.pictures.sprites.colours

    def batch(self, count: int, source: torch.Generator) -> Tensor:
        """See `Source`."""
        return self.pictures.batch(count, source)[0]

    def distances(self, split: str, sample: Callable[[Tensor, int], Tensor]) -> Metrics:
        """See `Source`; as for the slot GAN."""
        return distances(self.pictures, split, sample)


class Fronts:
    """Figures that are composed: people who stand and face the viewer, creatures in one view.

    They are composed when they are first asked for: who only draws needs their colours alone.

    Args:
        palette: Their colours, [K, 3] uint8, fewer than 256.
        draw: Pictures [count, S, S, 4] of a count, a seed and whether they are held out.
    """

    def __init__(
        self, palette: NDArray[np.uint8], draw: Callable[[int, int, bool], NDArray[np.uint8]]
    ):
        self.colours = np.concatenate([palette[:1], palette])
        self._palette, self._draw = palette, draw

    @functools.cached_property
    def known(self) -> Tensor:
        """Index maps [N, S, S] to learn from."""
        return self._composed(PEOPLE, 1, False)

    @functools.cached_property
    def others(self) -> Tensor:
        """More figures of training."""
        return self._composed(JUDGED, 5, False)

    @functools.cached_property
    def held(self) -> Tensor:
        """Held-out figures."""
        return self._composed(JUDGED, 6, True)

    def _composed(self, count: int, seed: int, held_out: bool) -> Tensor:
        return torch.from_numpy(indices(self._draw(count, seed, held_out), self._palette))

    def batch(self, count: int, source: torch.Generator) -> Tensor:
        """See `Source`."""
        return self.known[torch.randint(len(self.known), (count,), generator=source)].long()

    def distances(self, split: str, sample: Callable[[Tensor, int], Tensor]) -> Metrics:
        """See `Source`: in hand-made features; validation are people of training not learnt from.

        Floor: people of training. Baseline: real ones with a tenth of their pixels redrawn.
        """
        real, floor = (
            (self.held, self.others) if split == "held-out" else (self.others, self.known[:JUDGED])
        )
        source = torch.Generator().manual_seed(9)
        noise = torch.randint(len(self.colours), real.shape, generator=source)
        noisy = torch.where(torch.rand(real.shape, generator=source) < 0.1, noise, real.long())
        made = sample(torch.zeros(len(real)), 21)
        rows = [picture_features(rgba(x, self.colours)) for x in (real, made, floor, noisy)]
        found = (round(frechet_distance(rows[0], row), 4) for row in rows[1:])
        return {"frechet": dict(zip(("model", "floor", "baseline"), found, strict=True))}


class DcganTask:
    """The yardstick: see `aigc_assets.training.trainer.Task`. It ships no weights."""

    kind: ClassVar[str] = "dcgan"
    models: ClassVar[tuple[str, ...]] = ()
    step_limit: ClassVar[int | None] = None
    reads: ClassVar[str] = "crowd"
    """The kind whose packed data it learns from."""
    side: ClassVar[int] = 32

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `crowd_pictures.pack`."""
        return crowd_pictures.pack(sources)

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.batch = run, BATCH
        self.source = self._source(data, info)
        colours = self.source.colours.copy()
        colours[0] = KEY
        self.table = (torch.from_numpy(colours).float() / 127.5 - 1).to(run.device)
        """RGB of every index in [-1, 1], the key colour for transparent."""
        device, order = run.device, torch.channels_last
        network: Any = DcganGenerator(self.side)
        self.generator: DcganGenerator = network.to(device, memory_format=order)
        critic: Any = DcganDiscriminator(self.side)
        self.critic: DcganDiscriminator = critic.to(device, memory_format=order)
        self.opt_g, self.opt_d = (
            torch.optim.Adam(n.parameters(), 2e-4, betas=(0.5, 0.999), fused=True)
            for n in (self.generator, self.critic)
        )

    @staticmethod
    def _source(data: dict[str, np.ndarray], info: dict[str, Any]) -> Source:
        return Crowds(data, info)

    def step(self, progress: float) -> dict[str, float]:
        """One step of each network."""
        del progress  # the learning rate stays
        run = self.run
        maps = self.source.batch(self.batch, run.generator)
        real = self.table[maps.to(run.device)].permute(0, 3, 1, 2)
        z = torch.randn(self.batch, LATENT, generator=run.generator).to(run.device)
        with run.autocast():
            fake = self.generator(z)
            of_real, of_fake = self.critic(real), self.critic(fake.detach())
        loss_d = F.softplus(-of_real.float()).mean() + F.softplus(of_fake.float()).mean()
        self.opt_d.zero_grad(set_to_none=True)
        loss_d.backward()
        self.opt_d.step()
        self.critic.requires_grad_(False)
        with run.autocast():
            score = self.critic(fake)
        self.critic.requires_grad_(True)
        loss_g = F.softplus(-score.float()).mean()
        self.opt_g.zero_grad(set_to_none=True)
        loss_g.backward()
        self.opt_g.step()
        return {"d": float(loss_d.detach()), "g": float(loss_g.detach())}

    def modules(self) -> dict[str, nn.Module]:
        """Both networks."""
        return {"generator": self.generator, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimisers."""
        return {"generator": self.opt_g, "critic": self.opt_d}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """Nothing."""
        return {}

    @torch.no_grad()
    def sample(self, labels: Tensor, seed: int) -> Tensor:
        """Index maps [B, S, S]; the labels only say how many."""
        source = torch.Generator().manual_seed(seed)
        z = torch.randn(len(labels), LATENT, generator=source)
        self.generator.eval()
        made = []
        for part in z.split(64):
            rgb = self.generator(part.to(self.run.device)).permute(0, 2, 3, 1).float()
            distance = torch.cdist(rgb.flatten(0, 2), self.table)
            distance[:, 0] *= KEYED
            made.append(distance.argmin(1).view(rgb.shape[:3]).cpu())
        self.generator.train()
        return torch.cat(made)

    def pictures(self, count: int, seed: int) -> NDArray[np.uint8]:
        """Drawings in the colours of the training pictures, [count, S, S, 4], alpha 0 or 255."""
        return rgba(self.sample(torch.zeros(count), seed), self.source.colours)

    def watch(self) -> Metrics:
        """Distance to validation pictures."""
        return self.source.distances("validation", self.sample)

    def evaluate(self) -> Metrics:
        """Distance to held-out pictures."""
        return self.source.distances("held-out", self.sample)

    def preview(self, path: Path) -> None:
        """Samples."""
        contact_sheet(self.sample(torch.zeros(96), 11), self.source.colours, path)


class Dcgan16Task(DcganTask):
    """The yardstick at 16 px."""

    kind: ClassVar[str] = "dcgan16"
    reads: ClassVar[str] = "people16"
    side: ClassVar[int] = 16

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `TinyPeopleTask.pack`."""
        return TinyPeopleTask.pack(sources)

    @staticmethod
    def _source(data: dict[str, np.ndarray], info: dict[str, Any]) -> Source:
        people = tiny_report.Source(data, info)

        def draw(count: int, seed: int, held_out: bool) -> NDArray[np.uint8]:
            figures = people.sample(count, seed, held_out=held_out)
            return np.stack([people.frames(figure)[0] for figure in figures])

        return Fronts(people.palette, draw)


class Dcgan16BeastsTask(DcganTask):
    """The yardstick at 16 px, for creatures: those of the source, in both frames, on any ramps."""

    kind: ClassVar[str] = "dcgan16_beasts"
    reads: ClassVar[str] = "beasts16"
    side: ClassVar[int] = 16

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `TinyBeastsTask.pack`."""
        return TinyBeastsTask.pack(sources)

    @staticmethod
    def _source(data: dict[str, np.ndarray], info: dict[str, Any]) -> Source:
        del info
        palette = beast_report.colours_of_ramps()

        def draw(count: int, seed: int, held_out: bool) -> NDArray[np.uint8]:
            frames = data["held_out" if held_out else "frames"].reshape(-1, 16, 16)
            random = np.random.Generator(np.random.Philox(seed))
            picked = frames[random.integers(len(frames), size=count)]
            return beast_report.painted(picked, palette, random)

        return Fronts(palette, draw)


class Dcgan64Task(DcganTask):
    """The yardstick at 64 px, one level more."""

    kind: ClassVar[str] = "dcgan64"
    reads: ClassVar[str] = "character"
    side: ClassVar[int] = 64

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `CharacterTask.pack`."""
        return CharacterTask.pack(sources)

    @staticmethod
    def _source(data: dict[str, np.ndarray], info: dict[str, Any]) -> Source:
        people = People(data, info)
        palette = people.palette()

        def draw(count: int, seed: int, held_out: bool) -> NDArray[np.uint8]:
            return people.fronts(people.sample(count, seed, held_out=held_out), palette)

        return Fronts(palette, draw)


def rgba(maps: Tensor, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures [N, S, S, 4] of index maps [N, S, S]; index 0 is transparent."""
    table = np.zeros((len(colours), 4), np.uint8)
    table[1:, :3], table[1:, 3] = colours[1:], 255
    pictures: NDArray[np.uint8] = table[maps.numpy()]
    return pictures


def indices(pictures: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Index maps of pictures [N, S, S, 4] in fewer than 256 colours; 0 is transparent."""
    place = np.array([1 << 16, 1 << 8, 1])
    number = palette.astype(np.int64) @ place
    order = np.argsort(number)
    at = np.searchsorted(number[order], pictures[..., :3].astype(np.int64) @ place)
    index = order[at.clip(max=len(order) - 1)] + 1
    return np.where(pictures[..., 3] > 0, index, 0).astype(np.uint8)
