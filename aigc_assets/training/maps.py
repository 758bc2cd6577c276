"""Training of the map GAN on windows of hand-made levels.

The generator is the decoder of a variational autoencoder and the generator of a GAN at once: the
reconstruction teaches it rooms and corridors within minutes, the critic teaches it what maps drawn
from plain noise must look like. Relativistic pairing loss with approximate R1 and R2 penalties,
differentiable augmentation by the symmetries of the square and by translation, an EMA generator,
and a critic that sees how far one can walk.

References:
    Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441 (pairing loss, R1 + R2).
    Lin et al., arXiv:2501.08316 (R1 without second derivatives).
    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.errors import DataError
from aigc_assets.metrics import tilemaps
from aigc_assets.models.sagan import (
    MapDiscriminator,
    MapEncoder,
    MapGenerator,
    SaganConfig,
    soft_reach,
)
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr

SIDE = 32
SOURCES = ("maps/freedoom_grid", "maps/blasphemer_grid")
THEMES = ("dungeon", "cave", "techbase")
WALL, FLOOR, OUTDOOR, LIQUID, DOOR = range(5)
WALKABLE = (FLOOR, OUTDOOR, DOOR)
MARGIN = 4
"""Tiles around a window that the encoder sees too: the generator's torus needs 40x40."""
WARM_UP = 0.12
"""Share of the run in which only the autoencoder learns."""
DIVERGENCE, ADVERSARIAL = 0.7, 0.05
"""Weights of the Kullback-Leibler divergence and of the critic against the cross entropy."""
SIGMA, PENALTY = 0.1, 20.0
"""Noise of the approximate R1 and R2 penalties on one-hot tiles, and their weight."""
SAMPLES = 400
"""Maps per theme that the evaluation compares."""
ORGANIC = 0.42
"""Corners per unit of wall outline above which a window counts as a cave, whatever its source."""


class MapTask:
    """The map GAN: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "map"
    models: ClassVar[tuple[str, ...]] = ("map_sagan",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Levels at a half and a third of their resolution, with each window's place and theme.

        A cell of the sources is 32 map units, half a doorway; at a half or a third a doorway is
        one cell, as in a tile game. Windows are labelled by what can be measured: an outline of
        many corners is a cave; of the rest, Blasphemer's castles are dungeons and Freedoom's
        bases techbases. Levels of equal size (some ship twice) share one half of the split.
        """
        levels: list[np.ndarray] = []
        rows: list[tuple[int, int, int, int, int]] = []
        notes, names = [], []
        groups: dict[tuple[int, ...], int] = {}
        for number, source in enumerate(SOURCES):
            path = sources / source / "levels.npz"
            try:
                card = json.loads((sources / source / "SOURCES.json").read_bytes())
                with np.load(path, allow_pickle=False) as archive:
                    keys = sorted(key for key in archive.files if key.endswith("__tile"))
                    tiles = [archive[key] for key in keys]
            except (OSError, ValueError) as error:
                raise DataError(f"cannot read the levels: {error}", where=str(path)) from error
            notes.append({
                "folder": source,
                "licence": card["licence"],
                "attribution": card["attribution"],
                "used_for": "level layouts, 32x32 windows at 1/2 and 1/3 of the resolution",
            })  # fmt: skip
            for key, grid in zip(keys, tiles, strict=True):
                group = groups.setdefault(grid.shape, len(groups))
                for factor in (2, 3):
                    small = _shrink(grid, factor)
                    names.append(f"{source}/{key.removesuffix('__tile')}/{factor}")
                    levels.append(small)
                    for y in range(0, small.shape[0] - SIDE + 1, 3):
                        for x in range(0, small.shape[1] - SIDE + 1, 3):
                            window = small[y : y + SIDE, x : x + SIDE]
                            if not _interesting(window):
                                continue
                            detail = grid[y * factor : (y + SIDE) * factor,
                                          x * factor : (x + SIDE) * factor]  # fmt: skip
                            cave = _outline(detail)[0] >= ORGANIC
                            theme = 1 if cave else (2 if number == 0 else 0)
                            rows.append((len(levels) - 1, y, x, theme, group % 6 == 0))
        arrays = {
            "cells": np.concatenate([level.reshape(-1) for level in levels]),
            "shapes": np.array([level.shape for level in levels], dtype=np.int32),
            "windows": np.array(rows, dtype=np.int32),
        }
        info = {
            "sources": notes,
            "themes": list(THEMES),
            "levels": names,
            "labels": "windows: level, y, x, theme, held out; themes by measurement: outline "
            f"corners per unit >= {ORGANIC} cave, else blasphemer dungeon, freedoom techbase",
        }
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.batch = 32
        self.config = SaganConfig()
        windows, themes, held = _windows(data)
        self.train = [torch.from_numpy(windows[~held & (themes == t)]) for t in range(len(THEMES))]
        self.held = [windows[held & (themes == t)] for t in range(len(THEMES))]
        if any(len(part) == 0 for part in (*self.train, *self.held)):
            raise DataError("a theme has no windows", where="map.npz", remedy="pack the data again")
        device = run.device
        self.generator = MapGenerator(self.config).to(device)
        self.encoder = MapEncoder(self.config).to(device)
        self.critic = MapDiscriminator(self.config).to(device)
        for network in (self.generator, self.encoder, self.critic):
            for parameter in network.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.ema = Ema(self.generator, 0.998)
        made = [*self.generator.parameters(), *self.encoder.parameters()]
        self.opt_g = torch.optim.AdamW(made, lr=0, weight_decay=0, betas=(0.5, 0.99), fused=True)
        self.opt_d = torch.optim.AdamW(
            self.critic.parameters(), lr=0, weight_decay=0, betas=(0.0, 0.99), fused=True
        )

    def step(self, progress: float) -> dict[str, float]:
        """One step of the autoencoder; after the warm-up also of the critic and against it."""
        set_lr(self.opt_g, cosine(progress, 1e-3, 1e-4))
        set_lr(self.opt_d, cosine(progress, 2e-4, 4e-5))
        theme = self._randint(len(THEMES), self.batch)
        real = self._real(theme)
        theme = theme.to(self.run.device)
        rebuilt, divergence = self._rebuild(real, theme)
        loss_g = rebuilt + divergence
        losses = {"rebuild": float(rebuilt.detach()), "kl": float(divergence.detach())}
        if progress > WARM_UP:
            real = _with_reach(real[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN])
            fake = _with_reach(self._fake(self.generator, theme))
            losses |= self._train_critic(real, fake.detach(), theme)
            self.critic.requires_grad_(False)
            of_real, of_fake = self._judge(torch.cat([real, fake]), theme.repeat(2)).chunk(2)
            self.critic.requires_grad_(True)
            against = F.softplus(of_real.detach() - of_fake).mean()
            loss_g = loss_g + ADVERSARIAL * min(1.0, (progress - WARM_UP) * 10) * against
            losses["g"] = float(against.detach())
        self.opt_g.zero_grad(set_to_none=True)
        loss_g.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.opt_g.step()
        self.ema.update(self.generator)
        return losses

    def _rebuild(self, real: Tensor, theme: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropy of the inner tiles and weighted divergence, both in nats per tile."""
        with self.run.autocast():
            mean, log_variance, style, style_log = self.encoder(real, theme)
            noise = mean + (log_variance / 2).exp() * self._randn(mean)
            context = style + (style_log / 2).exp() * self._randn(style)
            logits = self.generator(noise, context, theme)
        inner = slice(MARGIN, -MARGIN)
        target = real.argmax(1)[:, inner, inner]
        rebuilt = F.cross_entropy(logits[:, :, inner, inner].float(), target)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        divergence = divergence + 0.5 * (style.square() + style_log.exp() - 1 - style_log).sum()
        return rebuilt, DIVERGENCE * divergence / real[:, 0].numel()

    def _train_critic(self, real: Tensor, fake: Tensor, theme: Tensor) -> dict[str, float]:
        tiles = torch.cat([real, fake])
        near = tiles + SIGMA * self._randn(tiles)
        score = self._judge(torch.cat([tiles, near]), theme.repeat(4))
        of_real, of_fake, real_near, fake_near = score.chunk(4)
        penalty = (of_real - real_near).square().mean() + (of_fake - fake_near).square().mean()
        loss = F.softplus(of_fake - of_real).mean() + PENALTY * penalty
        self.opt_d.zero_grad(set_to_none=True)
        loss.backward()
        self.opt_d.step()
        gap = (of_real - of_fake).detach().mean()
        return {"d": float(loss.detach()), "gap": float(gap), "penalty": float(penalty.detach())}

    def modules(self) -> dict[str, nn.Module]:
        """Generator, its average, the encoder and the critic."""
        return {
            "generator": self.generator,
            "ema": self.ema.network,
            "encoder": self.encoder,
            "critic": self.critic,
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimisers."""
        return {"generator": self.opt_g, "critic": self.opt_d}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged generator."""
        config = dataclasses.asdict(self.config)
        return {"map_sagan": (self.ema.network, config)}

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Held-out metrics over all themes.

        Floor: training windows against held-out windows. Baseline: `column_markov_maps` fitted to
        the training windows; ``strong_baseline`` is `local_markov_maps`, which fits just what the
        tile-pattern rows look at and is therefore hard to beat there. Each theme has its own
        tile-pattern row.
        """
        count = SAMPLES
        rows: dict[str, dict[str, list[float]]] = {}
        for theme, name in enumerate(THEMES):
            reference = _inner(self.train[theme].numpy())
            real = _sample(self.train[theme].numpy(), count, theme)
            test = _sample(self.held[theme], count, theme)
            made = self.sample(theme, count)
            sets = {
                "model": made,
                "floor": real,
                "baseline": column_markov_maps(reference, count, theme),
                "strong_baseline": local_markov_maps(reference, count, theme),
            }
            for key, grids in sets.items():
                found = {
                    "tile_pattern_kl": tilemaps.tile_pattern_kl(grids, test),
                    f"tile_pattern_kl_{name}": tilemaps.tile_pattern_kl(grids, test),
                    "connected_share": tilemaps.connected_share(grids, WALKABLE),
                    "solvable_share": tilemaps.solvable_share(grids, WALKABLE),
                    "mean_hamming": tilemaps.mean_hamming(grids),
                    # The floor is the share among held-out windows, not the training ones.
                    "copies_of_training": tilemaps.duplicate_share(
                        (test if key == "floor" else grids)[:100], reference
                    ),
                    "repeated": tilemaps.repeated_share(test if key == "floor" else grids),
                }
                for metric, value in found.items():
                    rows.setdefault(metric, {}).setdefault(key, []).append(value)
        return {
            metric: {key: round(float(np.mean(values)), 5) for key, values in columns.items()}
            for metric, columns in rows.items()
        }

    @torch.no_grad()
    def sample(self, theme: int, count: int) -> np.ndarray:
        """Most likely classes of ``count`` maps of the averaged generator, [count, 32, 32] uint8.

        The inputs depend on the theme and the count only.
        """
        source = torch.Generator().manual_seed(1000 + theme)
        network = self.ema.network
        made = []
        for start in range(0, count, 50):
            size = min(50, count - start)
            noise = torch.randn(size, self.config.noise, 5, 5, generator=source)
            style = torch.randn(size, self.config.style, generator=source)
            label = torch.full((size,), theme)
            logits = network(*(t.to(self.run.device) for t in (noise, style, label)))
            made.append(logits[:, :, :SIDE, :SIDE].argmax(1).byte().cpu().numpy())
        return np.concatenate(made)

    def preview(self, path: Path) -> None:
        """Two rows a theme: real windows above, samples of the averaged generator below."""
        import cv2

        colours = np.array(
            [[48, 36, 40], [160, 180, 190], [90, 170, 120], [200, 110, 60], [40, 120, 220]],
            np.uint8,
        )
        lines = []
        for theme in range(len(THEMES)):
            for grids in (_sample(self.held[theme], 12, 1), self.sample(theme, 12)):
                framed = [np.pad(colours[g], ((1, 1), (1, 1), (0, 0)), constant_values=255)
                          for g in grids]  # fmt: skip
                lines.append(np.concatenate(framed, 1))
        big = np.repeat(np.repeat(np.concatenate(lines), 3, 0), 3, 1)
        cv2.imwrite(str(path.with_name(path.name + ".png")), big)

    def _randint(self, high: int, count: int) -> Tensor:
        return torch.randint(high, (count,), generator=self.run.generator)

    def _randn(self, like: Tensor) -> Tensor:
        noise = torch.randn(like.shape, generator=self.run.generator)
        return noise.to(like.device, memory_format=torch.preserve_format)

    def _real(self, theme: Tensor) -> Tensor:
        """One-hot windows of these themes, each in a random symmetry."""
        picks = torch.stack([
            part[int(self._randint(len(part), 1))]
            for part in (self.train[int(t)] for t in theme)
        ])  # fmt: skip
        turned = []
        for symmetry, chunk in enumerate(picks.chunk(8)):
            turned.append(_symmetry(chunk, symmetry))
        hot = F.one_hot(torch.cat(turned).long(), self.config.classes).permute(0, 3, 1, 2).float()
        return hot.to(self.run.device).contiguous(memory_format=torch.channels_last)

    def _fake(self, network: nn.Module, theme: Tensor) -> Tensor:
        """Likeliest tiles of a random 32x32 part of a 40x40 torus, one-hot, with soft gradients.

        Straight through, so that the critic cannot tell real from made by how decided they are.
        """
        grid = self.config.min_grid
        noise = torch.randn(len(theme), self.config.noise, grid, grid, generator=self.run.generator)
        style = torch.randn(len(theme), self.config.style, generator=self.run.generator)
        y, x = (int(v) for v in self._randint(2 * MARGIN + 1, 2))
        device = self.run.device
        with self.run.autocast():
            logits = network(noise.to(device), style.to(device), theme)
        logits = logits[:, :, y : y + SIDE, x : x + SIDE].float()
        soft = torch.softmax(logits, 1)
        hard = F.one_hot(soft.detach().argmax(1), self.config.classes).permute(0, 3, 1, 2)
        tiles = hard + soft - soft.detach()
        return tiles.contiguous(memory_format=torch.channels_last)

    def _judge(self, tiles: Tensor, theme: Tensor) -> Tensor:
        """Scores after the same random symmetry and translation for every part of the batch."""
        turn, dy, dx = (int(v) for v in (*self._randint(8, 1), *self._randint(7, 2)))
        tiles = F.pad(_symmetry(tiles, turn), (3, 3, 3, 3))[:, :, dy : dy + SIDE, dx : dx + SIDE]
        tiles = tiles.contiguous(memory_format=torch.channels_last)
        with self.run.autocast():
            return self.critic(tiles, theme).float()


def _with_reach(tiles: Tensor) -> Tensor:
    """Append the channel of soft reachability, [B, classes + 1, H, W]."""
    walkable = tiles[:, WALKABLE].sum(1, keepdim=True).clamp(0, 1)
    return torch.cat([tiles, soft_reach(walkable)], 1)


def column_markov_maps(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The naive baseline: every column a Markov chain, each tile drawn given the one above it.

    Args:
        windows: [N, 32, 32] uint8 to fit.
        count: How many maps.
        seed: Of the drawing.
    """
    table = np.full((5, 5), 1e-3)
    np.add.at(table, (windows[:, :-1], windows[:, 1:]), 1)
    chance = (table / table.sum(-1, keepdims=True)).cumsum(-1)
    first = np.bincount(windows[:, 0].reshape(-1), minlength=5).cumsum() / windows[:, 0].size
    random = np.random.Generator(np.random.Philox(seed))
    made = np.zeros((count, SIDE, SIDE), dtype=np.int64)
    for y in range(SIDE):
        row = chance[made[:, y - 1]] if y else np.broadcast_to(first, (count, SIDE, 5))
        made[:, y] = (random.random((count, SIDE, 1)) > row).sum(-1).clip(0, 4)
    return made.astype(np.uint8)


def local_markov_maps(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The strong baseline: each tile drawn given its left, upper and upper left neighbours.

    Args:
        windows: [N, 32, 32] uint8 to fit; outside of a map counts as wall.
        count: How many maps.
        seed: Of the drawing.
    """
    padded = np.pad(windows, ((0, 0), (1, 0), (1, 0)))
    table = np.full((5, 5, 5, 5), 1e-3)
    np.add.at(table, (padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1], windows), 1)
    chance = (table / table.sum(-1, keepdims=True)).cumsum(-1)
    random = np.random.Generator(np.random.Philox(seed))
    made = np.zeros((count, SIDE + 1, SIDE + 1), dtype=np.int64)
    for y in range(1, SIDE + 1):
        for x in range(1, SIDE + 1):
            row = chance[made[:, y, x - 1], made[:, y - 1, x], made[:, y - 1, x - 1]]
            made[:, y, x] = (random.random((count, 1)) > row).sum(-1).clip(0, 4)
    return made[:, 1:, 1:].astype(np.uint8)


def _symmetry(grid: Tensor, index: int) -> Tensor:
    """One of the eight symmetries of the square, over the last two axes."""
    grid = torch.rot90(grid, index % 4, (-2, -1))
    return grid.flip(-1) if index >= 4 else grid


def _shrink(grid: np.ndarray, factor: int) -> np.ndarray:
    """A level at 1/factor: majority of solid or open, then the commonest open class; doors win."""
    height, width = (n // factor for n in grid.shape)
    blocks = grid[: height * factor, : width * factor]
    blocks = blocks.reshape(height, factor, width, factor).transpose(0, 2, 1, 3)
    blocks = blocks.reshape(height, width, factor * factor)
    counts = np.stack([(blocks == k).sum(-1) for k in range(5)], -1)
    small = counts[..., 1:].argmax(-1) + 1
    small[counts[..., WALL] * 2 > factor * factor] = WALL
    small[counts[..., DOOR] > 0] = DOOR
    down, right = max(0, SIDE - height), max(0, SIDE - width)
    return np.pad(small.astype(np.uint8), ((0, down), (0, right)))


def _outline(grid: np.ndarray) -> tuple[float, int]:
    """Corners per unit of the outline between wall and open, and the length of the outline."""
    solid = (grid == WALL).astype(np.int64)
    inner = solid[:-1, :-1] + solid[1:, :-1] + solid[:-1, 1:] + solid[1:, 1:]
    crossing = (inner == 2) & (solid[:-1, :-1] == solid[1:, 1:])
    corners = int(((inner == 1) | (inner == 3)).sum() + 2 * crossing.sum())
    length = int(np.abs(np.diff(solid, axis=0)).sum() + np.abs(np.diff(solid, axis=1)).sum())
    return corners / max(length, 1), length


def _interesting(window: np.ndarray) -> bool:
    """Neither all rock nor one empty hall, and mostly connected."""
    open_share = float((window != WALL).mean())
    walkable = np.isin(window, WALKABLE)
    if not 0.3 <= open_share <= 0.75 or walkable.mean() < 0.25 or _outline(window)[1] < 140:
        return False
    sizes = tilemaps.component_sizes(walkable)
    return bool(sizes.max() >= 0.6 * sizes.sum())


def _windows(data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All windows with margins [N, 40, 40] uint8, themes [N], held out or not [N]."""
    shapes, rows = data["shapes"], data["windows"]
    ends = np.cumsum(shapes.prod(1))
    levels = [
        np.pad(data["cells"][end - h * w : end].reshape(h, w), MARGIN)
        for (h, w), end in zip(shapes.tolist(), ends.tolist(), strict=True)
    ]
    side = SIDE + 2 * MARGIN
    windows = np.stack([levels[n][y : y + side, x : x + side] for n, y, x in rows[:, :3].tolist()])
    return windows, rows[:, 3], rows[:, 4].astype(bool)


def _sample(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` windows without their margins."""
    random = np.random.Generator(np.random.Philox(seed))
    picked = windows[random.permutation(len(windows))[:count]]
    return np.ascontiguousarray(_inner(picked))


def _inner(windows: np.ndarray) -> np.ndarray:
    return windows[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
