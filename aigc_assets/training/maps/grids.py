"""Training of the map GAN on windows of hand-made levels.

The generator is the decoder of a variational autoencoder and the generator of a GAN at once: the
reconstruction teaches it rooms and corridors within minutes, the critic teaches it what maps drawn
from plain noise must look like. Relativistic pairing loss with approximate R1 and R2 penalties,
differentiable augmentation by the symmetries of the square and by translation, an EMA generator,
and a critic that sees how far one can walk. In the last part of the run the generator is told the
outline of a map and learns to draw what the repair makes of its own maps: closed and connected.
All that is the draft. The second half of the steps trains the refiners, see `map_refine`; it shares
neither random numbers nor gradients with the first.

References:
    Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441 (pairing loss, R1 + R2).
    Lin et al., arXiv:2501.08316 (R1 without second derivatives).
    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models import checkpoint
from aigc_assets.models.map_refiner import MapGan, MapGanConfig, MapRefiner
from aigc_assets.models.sagan import MapDiscriminator, MapEncoder, MapGenerator, soft_reach
from aigc_assets.training.maps import scores as map_scores
from aigc_assets.training.maps.refine import closed_maps, halves, refiner_loss
from aigc_assets.training.maps.windows import (
    MARGIN,
    SIDE,
    WALKABLE,
    WALL,
    WIDE,
    Outline,
    connected,
    pack_levels,
    random_outline,
    read_windows,
    symmetry,
    whole_maps,
)
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr

DRAFT = 0.5
"""Share of the run that trains the draft; the shares below are of this part."""
WARM_UP = 0.12
"""Share in which only the autoencoder learns."""
DIVERGENCE, ADVERSARIAL = 0.7, 0.05
"""Weights of the Kullback-Leibler divergence and of the critic against the cross entropy."""
REPAIR_FROM = 0.7
"""Share after which the generator learns to draw what its repaired maps look like."""
ROUNDS, DRAFTS = 30, 100
"""Of the calibration of the drafts, and how many drafts of a theme it looks at."""
SPECK = 24
"""A repair fills unreachable areas of fewer cells and joins larger ones to the largest."""
SIGMA, PENALTY = 0.1, 20.0
"""Noise of the approximate R1 and R2 penalties on one-hot tiles, and their weight."""
NOTES = (
    "Evaluation compares maps with closed borders. A map is the GAN's draft (column draft: alone, "
    "its likeliest classes), of which every fourth tile is kept, and what two refiners draw around "
    "these, trained by cross entropy on windows of levels (second half of the run); nothing of "
    "that is a repair. The adversarial part (seven tenths of the first half) learns from varied "
    "windows as they were cut, the rest of that half from what the repair makes of its own maps. "
    "Metrics are of raw maps, one draw each, without choice or repair"
)
SAMPLES = 200
"""Maps per theme that the evaluation compares."""


class Batch(NamedTuple):
    """Real windows of a step, 40x40 each."""

    tiles: Tensor
    """One-hot classes [B, 5, 40, 40]; walls outside of the map."""
    inside: Tensor
    """1 for the tiles of the map, [B, 1, 40, 40]."""
    known: Tensor
    """1 where the window says what a map has there, [B, 40, 40]: not near its cut edges."""
    crops: list[tuple[int, int]]
    """First row and column of the 32x32 part that the critic sees."""


class MapTask:
    """The map GAN: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "map"
    models: ClassVar[tuple[str, ...]] = ("map_sagan",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `aigc_assets.training.maps.windows.pack_levels`."""
        return pack_levels(sources)

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        info["notes"] = ". ".join([*([info["notes"]] if info.get("notes") else []), NOTES])
        self.batch = 32
        self.whole = MapGanConfig()
        self.config = self.whole.draft
        self.windows = read_windows(data)
        device = run.device
        self.generator = MapGenerator(self.config).to(device)
        self.encoder = MapEncoder(self.config).to(device)
        self.critic = MapDiscriminator(self.config).to(device)
        gan = MapGan(self.whole)
        self.calibration = nn.Module()
        self.calibration.register_buffer("ready", torch.zeros(1))
        self.calibration.register_buffer("steps_of_refiners", torch.zeros(1))
        self.calibration.register_buffer("shift", torch.zeros_like(gan.get_buffer("shift")))
        if info.get("fine_tune"):
            gan.load_state_dict(checkpoint.load("map_sagan").network.state_dict())
            self.generator.load_state_dict(gan.draft.state_dict())
            self.calibration.get_buffer("shift").copy_(gan.get_buffer("shift"))
        self.refiners = nn.ModuleList([gan.coarse, gan.fine]).to(device)
        for network in (self.generator, self.encoder, self.critic, self.refiners):
            for parameter in network.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.calibration.to(device)
        self.ema = Ema(self.generator, 0.998)
        self.refiners_ema = Ema(self.refiners, 0.998)
        self.teacher = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.teacher.register_buffer("ready", torch.zeros(1))
        made = [*self.generator.parameters(), *self.encoder.parameters()]
        self.opt_g = torch.optim.AdamW(made, lr=0, weight_decay=0, betas=(0.5, 0.99), fused=True)
        self.opt_d = torch.optim.AdamW(
            self.critic.parameters(), lr=0, weight_decay=0, betas=(0.0, 0.99), fused=True
        )
        self.opt_r = torch.optim.AdamW(
            self.refiners.parameters(), lr=0, weight_decay=1e-4, betas=(0.9, 0.99), fused=True
        )

    def step(self, progress: float) -> dict[str, float]:
        """One step of the draft or, in the second half of the run, of the refiners."""
        if progress < DRAFT:
            return self._step_draft(progress / DRAFT)
        return self._step_refiners((progress - DRAFT) / (1 - DRAFT))

    def _step_refiners(self, progress: float) -> dict[str, float]:
        """Both refiners learn from the same windows of levels; before, the draft is calibrated."""
        if not self.calibration.get_buffer("ready"):
            self._calibrate()
        # Its own random numbers: what the refiners become does not depend on the draft.
        random = np.random.Generator(np.random.Philox([self.run.seed, int(progress * 2**40)]))
        themes = np.array(self.windows.themes)
        theme = themes[random.integers(len(themes), size=self.batch)]
        cells, inside = closed_maps(self.windows, theme, random)
        device = self.run.device
        cells, inside = cells.to(device), inside.to(device)
        label = torch.from_numpy(theme).to(device)
        coarse, fine = self.refiners
        assert isinstance(coarse, MapRefiner) and isinstance(fine, MapRefiner)
        with self.run.autocast():
            few = refiner_loss(coarse, *halves(cells, inside, random), label.repeat(2), random)
            all_ = refiner_loss(fine, cells, inside, label, random)
        set_lr(self.opt_r, cosine(progress, 2e-3, 5e-5))
        self.opt_r.zero_grad(set_to_none=True)
        (few + all_).backward()
        nn.utils.clip_grad_norm_(self.refiners.parameters(), 2.0)
        self.opt_r.step()
        # The average warms up with the steps of the refiners, which a resumed run must know.
        steps = self.calibration.get_buffer("steps_of_refiners")
        self.refiners_ema.count = int(steps)
        self.refiners_ema.update(self.refiners)
        steps += 1
        return {"coarse": float(few.detach()), "fine": float(all_.detach())}

    @torch.no_grad()
    def _calibrate(self) -> None:
        """Shift the draft's logits until the tiles that are kept have the shares of closed maps."""
        shift = self.calibration.get_buffer("shift")
        kept = slice(MARGIN, -MARGIN, 4)
        for theme in self.windows.themes:
            cells = whole_maps(self.windows.train[theme])
            wanted = np.bincount(cells.reshape(-1), minlength=self.config.classes) / cells.size
            inputs, _ = self._inputs(theme, DRAFTS, torch.Generator().manual_seed(theme))
            logits = self._gan().sketch(*inputs)[..., kept, kept].float()
            extra = torch.zeros_like(shift[theme])
            for number in range(ROUNDS):
                drafts = (logits + extra[:, None, None]).argmax(1).flatten()
                found = torch.bincount(drafts, minlength=len(wanted)).cpu().numpy() / len(drafts)
                change = np.log((wanted + 1e-3) / (found + 1e-3)) / (1 + number / 5)
                extra += torch.from_numpy(change).to(extra)
                extra.clamp_(-4, 4)
            shift[theme] += extra
        self.calibration.get_buffer("ready").fill_(1)

    def _step_draft(self, progress: float) -> dict[str, float]:
        """One step of the autoencoder, after the warm-up also of the critic and against it.

        In the last part, one step of learning from repaired maps instead.
        """
        if progress >= REPAIR_FROM:
            return self._learn_repair((progress - REPAIR_FROM) / (1 - REPAIR_FROM))
        set_lr(self.opt_g, cosine(progress, 1e-3, 1e-4))
        set_lr(self.opt_d, cosine(progress, 2e-4, 4e-5))
        themes = self.windows.themes
        theme = torch.tensor(themes)[self._randint(len(themes), self.batch)]
        real = self._real(theme)
        theme = theme.to(self.run.device)
        rebuilt, divergence = self._rebuild(real, theme)
        loss_g = rebuilt + divergence
        losses = {"rebuild": float(rebuilt.detach()), "kl": float(divergence.detach())}
        if progress > WARM_UP:
            logits = self._fake(self.generator, theme, real)
            real_tiles = _with_reach(_crop(real.tiles, real), real)
            fake_tiles = _with_reach(_straight_through(logits), real)
            losses |= self._train_critic(real_tiles, fake_tiles.detach(), theme)
            self.critic.requires_grad_(False)
            both = torch.cat([real_tiles, fake_tiles])
            of_real, of_fake = self._judge(both, theme.repeat(2)).chunk(2)
            self.critic.requires_grad_(True)
            against = F.softplus(of_real.detach() - of_fake).mean()
            ramp = min(1.0, (progress - WARM_UP) * 10)
            loss_g = loss_g + ADVERSARIAL * ramp * against
            losses["g"] = float(against.detach())
        self.opt_g.zero_grad(set_to_none=True)
        loss_g.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.opt_g.step()
        self.ema.update(self.generator)
        return losses

    def _rebuild(self, real: Batch, theme: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropy of the known tiles and weighted divergence, both in nats per tile."""
        with self.run.autocast():
            mean, log_variance, style, style_log = self.encoder(real.tiles, theme)
            noise = mean + (log_variance / 2).exp() * self._randn(mean)
            context = style + (style_log / 2).exp() * self._randn(style)
            logits = self.generator(noise, context, theme, real.inside)
        errors = F.cross_entropy(logits.float(), real.tiles.argmax(1), reduction="none")
        rebuilt = (errors * real.known).sum() / real.known.sum()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        divergence = divergence + 0.5 * (style.square() + style_log.exp() - 1 - style_log).sum()
        return rebuilt, DIVERGENCE * divergence / real.known.numel()

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

    def _learn_repair(self, progress: float) -> dict[str, float]:
        """The generator learns what a repair makes of the maps that it drew when this part began.

        Runs with a loss on reachability, or with outlines from the first step, ended in lattices or
        stripes (which of the two is to blame was not isolated). Here nothing changes but what the
        repair had to change.

        References:
            Siper et al., "Path of Destruction", arXiv:2202.10184 (a network learns to repair).
        """
        if not self.teacher.get_buffer("ready"):
            self.teacher.load_state_dict(self.ema.network.state_dict(), strict=False)
            self.teacher.get_buffer("ready").fill_(1)
        set_lr(self.opt_g, cosine(progress, 4e-4, 2e-5))
        themes = self.windows.themes
        theme = torch.tensor(themes)[self._randint(len(themes), self.batch)].to(self.run.device)
        grid = self.config.min_grid
        noise = torch.randn(len(theme), self.config.noise, grid, grid, generator=self.run.generator)
        style = torch.randn(len(theme), self.config.style, generator=self.run.generator)
        random = np.random.Generator(np.random.Philox(int(self._randint(2**31 - 1, 1))))
        outlines = [random_outline(random) for _ in range(len(theme))]
        inside = np.stack([outline.inside(WIDE, WIDE) for outline in outlines]).astype(np.float32)
        mask = torch.from_numpy(inside)[:, None].to(self.run.device)
        inputs = noise.to(self.run.device), style.to(self.run.device), theme, mask
        with torch.no_grad(), self.run.autocast():
            drawn = self.teacher(*inputs).argmax(1).byte().cpu().numpy()
        target, changed = [], 0.0
        for grid_of, outline in zip(drawn, outlines, strict=True):
            target.append(repaired(grid_of, outline))
            changed += float((target[-1] != grid_of)[outline.inside(WIDE, WIDE)].mean())
        wanted = torch.from_numpy(np.stack(target).astype(np.int64)).to(self.run.device)
        with self.run.autocast():
            logits = self.generator(*inputs)
        errors = F.cross_entropy(logits.float(), wanted, reduction="none")
        loss = (errors * mask[:, 0]).sum() / mask.sum()
        self.opt_g.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.opt_g.step()
        self.ema.update(self.generator)
        return {"repair": float(loss.detach()), "changed": changed / len(target)}

    def modules(self) -> dict[str, nn.Module]:
        """All networks and the averages of what is shipped."""
        return {
            "generator": self.generator,
            "ema": self.ema.network,
            "encoder": self.encoder,
            "critic": self.critic,
            "teacher": self.teacher,
            "refiners": self.refiners,
            "refiners_ema": self.refiners_ema.network,
            "calibration": self.calibration,
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Of generator and encoder, of the critic, of the refiners."""
        return {"generator": self.opt_g, "critic": self.opt_d, "refiners": self.opt_r}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged draft and refiners in one."""
        return {"map_sagan": (self._gan(), dataclasses.asdict(self.whole))}

    def _gan(self) -> MapGan:
        gan = MapGan(self.whole)
        gan.draft.load_state_dict(self.ema.network.state_dict())
        coarse, fine = self.refiners_ema.network.children()
        gan.coarse.load_state_dict(coarse.state_dict())
        gan.fine.load_state_dict(fine.state_dict())
        gan.get_buffer("shift").copy_(self.calibration.get_buffer("shift"))
        return gan.to(self.run.device).requires_grad_(False).eval()

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Held-out metrics over all themes; column ``draft`` is of the draft without refiners."""
        metrics = map_scores.evaluate(self.windows, self.sample, SAMPLES)
        draft = map_scores.evaluate(self.windows, self.sample_draft, SAMPLES)
        return {key: {**row, "draft": draft[key]["model"]} for key, row in metrics.items()}

    def watch(self) -> dict[str, dict[str, float]]:
        """The same on validation windows, of fewer samples."""
        return map_scores.evaluate(self.windows, self.sample, SAMPLES // 2, validation=True)

    def sample(self, theme: int, count: int) -> np.ndarray:
        """``count`` raw maps of the averaged networks, [count, 32, 32] uint8.

        The inputs depend on the theme and the count only; nothing is selected or repaired.
        """
        return self._sample(theme, count)[0]

    def sample_draft(self, theme: int, count: int) -> np.ndarray:
        """Likeliest classes of the drafts of ``sample``."""
        return self._sample(theme, count)[1]

    @torch.no_grad()
    def _sample(self, theme: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Maps and drafts."""
        source = torch.Generator().manual_seed(1000 + theme)
        network = self._gan()
        made: tuple[list[np.ndarray], list[np.ndarray]] = [], []
        for start in range(0, count, 50):
            inputs, chances = self._inputs(theme, min(50, count - start), source)
            drawn = network(*inputs, *chances)
            for part, cells in zip(made, (drawn.classes, drawn.draft.argmax(1)), strict=True):
                part.append(cells[:, MARGIN:-MARGIN, MARGIN:-MARGIN].byte().cpu().numpy())
        maps, drafts = (np.concatenate(part) for part in made)
        return maps, drafts

    def _inputs(
        self, theme: int, count: int, source: torch.Generator
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Of the draft and of the refiners for closed maps of 32x32."""
        inside = torch.zeros(count, 1, WIDE, WIDE)
        inside[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
        grid = WIDE // self.config.scale
        noise = torch.randn(count, self.config.noise, grid, grid, generator=source)
        style = torch.randn(count, self.config.style, generator=source)
        inputs = noise, style, torch.full((count,), theme), inside
        chances = MapGan.chances(count, (WIDE, WIDE), source)
        device = self.run.device
        return [t.to(device) for t in inputs], [t.to(device) for t in chances]

    def preview(self, path: Path) -> None:
        """Two rows a theme: real windows above, samples of the averaged generator below."""
        map_scores.preview(path, self.windows, self.sample)

    def _randint(self, high: int, count: int) -> Tensor:
        return torch.randint(high, (count,), generator=self.run.generator)

    def _randn(self, like: Tensor) -> Tensor:
        noise = torch.randn(like.shape, generator=self.run.generator)
        return noise.to(like.device, memory_format=torch.preserve_format)

    def _real(self, theme: Tensor) -> Batch:
        """Windows of these themes, each in a random symmetry."""
        random = np.random.Generator(np.random.Philox(int(self._randint(2**31 - 1, 1))))
        picks: list[np.ndarray] = []
        for number, label in enumerate(theme.tolist()):
            cells = torch.from_numpy(self.windows.draw(label, random))
            picks.append(symmetry(cells, number * 8 // len(theme)).numpy())
        # Cut as they are: the outline comes in with `_learn_repair`, see there.
        inside = np.ones((len(picks), WIDE, WIDE), dtype=np.float32)
        known = np.zeros_like(inside)
        known[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = 1  # the torus joins what the window does not
        crops = [(int(y), int(x)) for y, x in random.integers(2 * MARGIN + 1, size=(len(picks), 2))]
        cells = torch.from_numpy(np.stack(picks)).long()
        hot = F.one_hot(cells, self.config.classes).permute(0, 3, 1, 2).float()
        device = self.run.device
        return Batch(
            hot.to(device).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(inside)[:, None].to(device),
            torch.from_numpy(known).to(device),
            crops,
        )

    def _fake(self, network: nn.Module, theme: Tensor, real: Batch) -> Tensor:
        """Logits [B, 5, 32, 32] of maps with the crops of the real ones."""
        grid = self.config.min_grid
        noise = torch.randn(len(theme), self.config.noise, grid, grid, generator=self.run.generator)
        style = torch.randn(len(theme), self.config.style, generator=self.run.generator)
        device = self.run.device
        with self.run.autocast():
            logits = network(noise.to(device), style.to(device), theme, real.inside)
        return _crop(logits.float(), real)

    def _judge(self, tiles: Tensor, theme: Tensor) -> Tensor:
        """Scores after the same random symmetry and translation for every part of the batch."""
        turn, dy, dx = (int(v) for v in (*self._randint(8, 1), *self._randint(7, 2)))
        tiles = F.pad(symmetry(tiles, turn), (3, 3, 3, 3))[:, :, dy : dy + SIDE, dx : dx + SIDE]
        tiles = tiles.contiguous(memory_format=torch.channels_last)
        with self.run.autocast():
            return self.critic(tiles, theme).float()


def _crop(tiles: Tensor, real: Batch) -> Tensor:
    """The part of each window that the critic sees; outside of the map there is wall."""
    parts = [tiles[i, :, y : y + SIDE, x : x + SIDE] for i, (y, x) in enumerate(real.crops)]
    cut = torch.stack(parts)
    inside = _inside(real)
    wall = torch.zeros_like(cut[:1])
    wall[:, WALL] = 1.0 if tiles is real.tiles else 12.0
    return cut * inside + wall * (1 - inside)


def _inside(real: Batch) -> Tensor:
    parts = [real.inside[i, :, y : y + SIDE, x : x + SIDE] for i, (y, x) in enumerate(real.crops)]
    return torch.stack(parts)


def _straight_through(logits: Tensor) -> Tensor:
    """Likeliest tiles, one-hot, with the gradients of their probabilities.

    So that the critic cannot tell real from made by how decided they are.
    """
    soft = torch.softmax(logits, 1)
    hard = F.one_hot(soft.detach().argmax(1), logits.shape[1]).permute(0, 3, 1, 2)
    tiles = hard + soft - soft.detach()
    return tiles.contiguous(memory_format=torch.channels_last)


def _with_reach(tiles: Tensor, real: Batch) -> Tensor:
    """Append the channels of soft reachability and of what is inside, [B, 7, H, W]."""
    walkable = tiles[:, WALKABLE].sum(1, keepdim=True).clamp(0, 1)
    return torch.cat([tiles, soft_reach(walkable), _inside(real)], 1)


def repaired(grid: np.ndarray, outline: Outline) -> np.ndarray:
    """A drawn map with its border closed and one walkable area; its open sides stay as they are."""
    if min(outline[::2]) < 0:  # what goes on beyond an open side cannot be known
        closed = grid.copy()
        for axis, (low, high) in enumerate((outline[:2], outline[2:])):
            if low >= 0:
                lines = np.moveaxis(closed, axis, 0)
                lines[: low + 1] = lines[high:] = WALL
        return closed
    part = slice(outline.top, outline.bottom + 1), slice(outline.left, outline.right + 1)
    result = np.zeros_like(grid)
    result[part] = grid[part]
    for line in outline[:2]:
        result[line] = WALL
    for line in outline[2:]:
        result[:, line] = WALL
    return connected(result, SPECK)
