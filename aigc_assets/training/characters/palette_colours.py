"""Which colours artists put together: the palette model learns from the parts of drawn figures.

A figure is cut into three bands, head, trunk and legs; of each the main colour counts, outlines
aside. One band is hidden at a time, and the others as well at random.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.errors import DataError
from aigc_assets.models.mixture_density import MixtureDensity, MixtureDensityConfig
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr
from aigc_assets.types.oklab import from_oklab, to_oklab

PARTS = ("head", "trunk", "legs")
BATCH = 256
STEPS = 1500
_DARK = 0.22
"""OKLab lightness below which a pixel is outline or shadow."""
_CELL = 0.06
"""Colours within cells of this size of the OKLab a, b plane are one family."""
_FEWEST = 6
_JITTER = 0.015
_HELD = 5
"""Every fifth identity is held out."""
_KERNEL = 0.06
"""Deviation of the baseline around the colours of the other parts, the best of 0.03..0.12."""


class PaletteTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "palette"
    models: ClassVar[tuple[str, ...]] = ("palette_mdn",)
    step_limit: ClassVar[int | None] = STEPS

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/packed`` of the sources: main colours of the bands of every figure."""
        folder = sources / "sprites" / "packed"
        colours, held = [], []
        for name, picture in _figures(folder):
            bands = band_colours(picture)
            if bands is not None:
                colours.append(bands)
                held.append(zlib.crc32(name.encode()) % _HELD == 0)
        if not colours:
            raise DataError("no figures among the sources", where=str(folder))
        info = {
            "parts": list(PARTS),
            "notes": [
                "log_density: mean log density in nats per cubic unit of OKLab of the colour of a "
                "band of held-out figures, given the other two; higher is better. floor: the same "
                "for training figures. baseline: a mixture of what the model says without knowing "
                "any other band and of kernels around the colours of the others. unconditional: "
                "without knowing any other band.",
            ],
            "sources": [
                {
                    "folder": "sprites/dcss",
                    "licence": "CC0-1.0",
                    "attribution": "Dungeon Crawl Stone Soup tiles, https://github.com/crawl/tiles "
                    "(CC0, ARTISTS.md)",
                    "used_for": "which colours go together",
                },
                {
                    "folder": "sprites/ninja_adventure",
                    "licence": "CC0-1.0",
                    "attribution": "",
                    "used_for": "which colours go together",
                },
            ],
        }
        return {"colours": np.array(colours, np.float32), "held": np.array(held)}, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info = run, info
        colours = torch.from_numpy(data["colours"])
        held = torch.from_numpy(data["held"])
        self.train, self.held = colours[~held].to(run.device), colours[held].to(run.device)
        if len(self.train) == 0 or len(self.held) == 0:
            raise DataError("too few figures for training and for holding out")
        self.config = MixtureDensityConfig(parts=colours.shape[1])
        network: Any = MixtureDensity(self.config)
        self.network: MixtureDensity = network.to(run.device)
        self.ema = Ema(self.network, 0.99)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), 3e-3, weight_decay=0.01)

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step."""
        run, parts = self.run, self.config.parts
        colours = self.train[run.indices(len(self.train), BATCH)]
        noise = torch.randn(colours.shape, generator=run.generator).to(run.device)
        colours = colours + _JITTER * noise
        part = run.indices(parts, BATCH)
        share = torch.rand((BATCH, 1), generator=run.generator)
        known = (torch.rand((BATCH, parts), generator=run.generator) < share).float()
        known[torch.arange(BATCH), part] = 0
        part, known = part.to(run.device), known.to(run.device)
        wanted = colours[torch.arange(BATCH, device=run.device), part][:, None]
        loss = -self.network(colours, known, part, wanted).mean()
        set_lr(self.optimizer, cosine(progress, 3e-3, 3e-5))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.ema.update(self.network)
        return {"nats": float(loss.detach())}

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Held-out log density, given the other parts and without them."""
        given = self._densities(self.held, others=True)
        alone = self._densities(self.held, others=False)
        near = _kernels(self.held, _KERNEL)
        mixed = torch.logaddexp(alone, near) - float(np.log(2))
        columns = {
            "model": given, "floor": self._densities(self.train, others=True),
            "baseline": mixed, "unconditional": alone,
        }  # fmt: skip
        return {"log_density": {k: round(float(v.mean()), 4) for k, v in columns.items()}}

    def preview(self, path: Path) -> None:
        """Held-out figures as three bars each: what artists chose, and the likeliest of 512."""
        source = torch.Generator().manual_seed(5)
        pool = self.train.reshape(-1, 3)
        pool = pool[torch.randint(len(pool), (512,), generator=source)].cpu().to(self.run.device)
        rows = []
        some = self.held[:24]
        for part in range(self.config.parts):
            known = torch.ones(len(some), self.config.parts, device=some.device)
            known[:, part] = 0
            asked = torch.full((len(some),), part, device=some.device)
            with torch.no_grad():
                density = self.ema.network(some, known, asked, pool.expand(len(some), -1, -1))
            chosen = some.clone()
            chosen[:, part] = pool[density.argmax(1)]
            rows += [some, chosen]
        lab = torch.stack(rows).transpose(1, 2).flatten(0, 1).double().cpu().numpy()
        picture = np.repeat(np.repeat(from_oklab(lab), 12, 0), 24, 1)
        cv2.imwrite(str(path.with_suffix(".png")), picture[..., ::-1])

    @torch.no_grad()
    def _densities(self, colours: Tensor, *, others: bool) -> Tensor:
        found = []
        for part in range(self.config.parts):
            known = torch.full((len(colours), self.config.parts), float(others))
            known[:, part] = 0
            asked = torch.full((len(colours),), part, device=colours.device)
            known = known.to(colours.device)
            found.append(self.ema.network(colours, known, asked, colours[:, part, None])[:, 0])
        return torch.cat(found)


def band_colours(picture: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Main OKLab colour of head, trunk and legs of [S, S, 4], [3, 3]; None where there are none."""
    drawn = picture[..., 3] >= 128
    rows = np.flatnonzero(drawn.any(1))
    if len(rows) < len(PARTS):
        return None
    lab = to_oklab(picture[..., :3])
    lit = drawn & (lab[..., 0] > _DARK)
    edges = np.linspace(rows[0], rows[-1] + 1, len(PARTS) + 1).astype(int)
    out = []
    for top, bottom in pairwise(edges):
        band = lab[top:bottom][lit[top:bottom]]
        if len(band) < _FEWEST:
            return None
        cells = np.round(band[:, 1:] / _CELL).astype(int) @ np.array([1000, 1])
        values, count = np.unique(cells, return_counts=True)
        out.append(np.median(band[cells == values[count.argmax()]], axis=0))
    return np.array(out)


def _kernels(colours: Tensor, deviation: float) -> Tensor:
    """Log density of each part under Gaussians around the others, in the order of the parts."""
    found = []
    parts = colours.shape[1]
    norm = 3 * float(np.log(deviation) + np.log(2 * np.pi) / 2)
    for part in range(parts):
        others = [i for i in range(parts) if i != part]
        square = (colours[:, others] - colours[:, part, None]).square().sum(2)
        density = (-square / (2 * deviation**2) - norm).logsumexp(1)
        found.append(density - float(np.log(len(others))))
    return torch.cat(found)


def _figures(folder: Path) -> list[tuple[str, NDArray[np.uint8]]]:
    """Identity and picture of monsters and people seen from the front."""
    try:
        names = json.loads((folder / "dcss_32.json").read_bytes())
        with np.load(folder / "dcss_32.npz", allow_pickle=False) as archive:
            pictures = archive["img"]
        tiny = json.loads((folder / "ninja_walk_16.json").read_bytes())["labels"]
        with np.load(folder / "ninja_walk_16.npz", allow_pickle=False) as archive:
            walks = archive["walk"][:, 0, 0]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read the pictures: {error}", where=str(folder)) from error
    found = []
    for name, picture in zip(names, pictures, strict=True):
        if name.startswith("mon/") and not name.startswith(("mon/tentacles", "mon/statues")):
            stem = name.rpartition("/")[2].removesuffix(".png")
            found.append((re.sub(r"[_\d]+$", "", stem), picture))
    for label, picture in zip(tiny, walks, strict=True):
        found.append((re.sub(r"\d+$", "", str(label["name"])), picture))
    return found
