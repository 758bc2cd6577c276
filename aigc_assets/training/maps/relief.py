"""Training of the relief GAN on windows of the world's relief.

The generator gets the outline of a real window and draws its heights anew; a relativistic critic
compares them with the real ones, an L1 loss holds them to the outline. The statistics of outlines
per kind of landscape, and of how much detail lies at which height and slope, are fitted in closed
form. A band of longitudes is held out: no training window reaches into it.

References:
    Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441 (pairing loss, R1 + R2).
    Lin et al., arXiv:2501.08316 (R1 without second derivatives).
    Liu et al., "The nonparanormal", JMLR 10, 2009 (Gaussian copulas).
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.errors import DataError
from aigc_assets.metrics import relief
from aigc_assets.models.relief_gan import (
    DETAIL_HEIGHTS,
    OUTLINE,
    SCALE,
    ReliefConfig,
    ReliefCritic,
    ReliefGenerator,
    outline_of,
    smooth_up,
    squash,
    stretch,
)
from aigc_assets.training.trainer import Ema, Run, cosine, set_lr

SOURCE = "maps/etopo20"
KINDS = relief.KINDS
WINDOW = OUTLINE * SCALE
"""Cells per side of a window: 4x4 blocks that are looked at, and a block of margin around."""
HELD_OUT = (92.0, 155.0)
"""Degrees of longitude that only the evaluation sees: East Asia, the Malay islands, Australia."""
LATITUDE = 64.0
"""Degrees beyond which no window is centred: there the grid of the source is too narrow."""
STRIDE = 5
"""Cells between the centres of windows."""
SIGMA, PENALTY = 0.05, 60.0
"""Noise of the approximate R1 and R2 penalties in `squash` units, and their weight."""
FAITHFUL = 20.0
"""Weight of the distance between the outline asked for and that of the result."""
SPREAD = 0.75
"""Of drawn outlines around their mean: a Gaussian copula alone makes more ragged ones than the
world has (slopes are 292 m per cell off the held-out ones at 1, 159 m at 0.75, both before
outlines were chosen by their rough relief)."""
SAMPLES = 64
"""Landscapes per kind that the evaluation compares."""


class ReliefTask:
    """The relief GAN: see `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "terrain"
    models: ClassVar[tuple[str, ...]] = ("relief_gan",)
    step_limit: ClassVar[int | None] = None

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The whole relief, row 0 in the north, longitudes from the first column of the source."""
        path = sources / SOURCE / "etopo20.npz"
        try:
            card = json.loads((sources / SOURCE / "SOURCES.json").read_bytes())
            with np.load(path, allow_pickle=False) as archive:
                metres, longitude = archive["elev_m"], archive["lon"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"cannot read the relief: {error}", where=str(path)) from error
        note = {
            "folder": SOURCE,
            "licence": "public domain",
            "attribution": card["attribution"],
            "used_for": "shapes of land and sea floor, 32x32 windows at 20 to 25 arc minutes",
        }
        # The last column repeats the first one a turn later.
        arrays = {"metres": metres[::-1, :-1].astype(np.int16),
                  "west": np.array([longitude[0]], dtype=np.float64)}  # fmt: skip
        info = {
            "sources": [note],
            "kinds": list(KINDS),
            "labels": "kinds by measurement: aigc_assets.metrics.relief.relief_kind; held out: "
            f"longitudes {HELD_OUT[0]:g}..{HELD_OUT[1]:g} degrees east",
            "limits": "Shapes of 35 km and more, whatever the size they are used at; what is "
            "smaller is added by noise with the statistics of the finest octave, and erosion.",
        }
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.batch = 32
        self.config = ReliefConfig(kinds=len(KINDS))
        windows, held = cut_windows(data["metres"], float(data["west"][0]))
        kinds = np.array([_kind_index(_inner(window)) for window in windows])
        self.train = windows[~held]
        self.by_kind = [windows[~held & (kinds == k)] for k in range(len(KINDS))]
        self.held = [windows[held & (kinds == k)] for k in range(len(KINDS))]
        if any(len(part) == 0 for part in (*self.by_kind, *self.held)):
            raise DataError("a kind has no windows", where="terrain.npz", remedy="pack again")
        device = run.device
        self.generator = ReliefGenerator(self.config).to(device)
        self._fit(data["metres"])
        self.critic = ReliefCritic(self.config).to(device)
        for network in (self.generator, self.critic):
            for parameter in network.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.ema = Ema(self.generator, 0.998)
        self.opt_g = torch.optim.AdamW(
            self.generator.parameters(), lr=0, weight_decay=0, betas=(0.5, 0.99), fused=True
        )
        self.opt_d = torch.optim.AdamW(
            self.critic.parameters(), lr=0, weight_decay=0, betas=(0.0, 0.99), fused=True
        )

    def _fit(self, metres: np.ndarray) -> None:
        """Everything of the model that has a closed form."""
        network = self.generator
        for kind, windows in enumerate(self.by_kind):
            units = squash(torch.from_numpy(windows.astype(np.float32)))[:, None]
            outlines = torch.cat([_symmetry(outline_of(units), turn) for turn in range(8)])
            mean, factor, rest, marginal = fit_copula(
                outlines.flatten(2).double().numpy(), self.config.factors, self.config.quantiles
            )
            factor, rest = factor * SPREAD, rest * SPREAD
            for name, value in (("mean", mean), ("factor", factor), ("rest", rest),
                                ("marginal", marginal)):  # fmt: skip
                getattr(network, f"outline_{name}")[kind] = torch.from_numpy(value)
        network.detail.copy_(torch.from_numpy(fit_detail(metres)))

    def step(self, progress: float) -> dict[str, float]:
        """One step of the critic and one of the generator."""
        set_lr(self.opt_g, cosine(progress, 8e-4, 5e-5))
        set_lr(self.opt_d, cosine(progress, 4e-4, 5e-5))
        real = self._real()
        outline = outline_of(real)
        noise = self._randn(torch.empty(self.batch, self.config.channels, *outline.shape[2:]))
        with self.run.autocast():
            fake = self.generator(outline, noise).float()
        margin = SCALE
        inner = slice(margin, -margin)
        wide = torch.cat([smooth_up(outline[:, :1]), smooth_up(outline[:, 1:])], 1)
        real, made, wide = (x[:, :, inner, inner] for x in (real, fake, wide))
        losses = self._train_critic(real, made.detach(), wide)
        self.critic.requires_grad_(False)
        of_real, of_fake = self._judge(torch.cat([real, made]), wide.repeat(2, 1, 1, 1)).chunk(2)
        self.critic.requires_grad_(True)
        against = F.softplus(of_real.detach() - of_fake).mean()
        faithful = (outline_of(made) - outline[:, :, 1:-1, 1:-1]).abs().mean((0, 2, 3))
        loss = against + FAITHFUL * (faithful[0] + 0.5 * faithful[1])
        self.opt_g.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 5.0)
        self.opt_g.step()
        self.ema.update(self.generator)
        return losses | {"g": float(against.detach()), "faithful": float(faithful[0].detach())}

    def _train_critic(self, real: Tensor, fake: Tensor, outline: Tensor) -> dict[str, float]:
        height = torch.cat([real, fake])
        near = height + SIGMA * self._randn(height)
        score = self._judge(torch.cat([height, near]), outline.repeat(4, 1, 1, 1))
        of_real, of_fake, real_near, fake_near = score.chunk(4)
        penalty = (of_real - real_near).square().mean() + (of_fake - fake_near).square().mean()
        loss = F.softplus(of_fake - of_real).mean() + PENALTY * penalty
        self.opt_d.zero_grad(set_to_none=True)
        loss.backward()
        self.opt_d.step()
        gap = (of_real - of_fake).detach().mean()
        return {"d": float(loss.detach()), "gap": float(gap), "penalty": float(penalty.detach())}

    def _judge(self, height: Tensor, outline: Tensor) -> Tensor:
        """Scores after the same random symmetry for all of the batch."""
        turn = int(torch.randint(8, (1,), generator=self.run.generator))
        with self.run.autocast():
            return self.critic(_symmetry(height, turn), _symmetry(outline, turn)).float()

    def _real(self) -> Tensor:
        """Windows of the training part in a random symmetry."""
        picks = self.run.indices(len(self.train), self.batch)
        turn = int(torch.randint(8, (1,), generator=self.run.generator))
        units = squash(torch.from_numpy(self.train[picks.numpy()]))[:, None]
        return _symmetry(units, turn).to(self.run.device)

    def _randn(self, like: Tensor) -> Tensor:
        noise = torch.randn(like.shape, generator=self.run.generator)
        return noise.to(self.run.device)

    def modules(self) -> dict[str, nn.Module]:
        """Generator, its average and the critic."""
        return {"generator": self.generator, "ema": self.ema.network, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimisers."""
        return {"generator": self.opt_g, "critic": self.opt_d}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged generator."""
        return {"relief_gan": (self.ema.network, dataclasses.asdict(self.config))}

    def watch(self) -> dict[str, dict[str, float]]:
        """`evaluate`: there are no validation data."""
        return self.evaluate()

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Held-out metrics over all kinds, in metres and cells of the source.

        Floor: training windows against held-out windows. Baseline: `spectral_noise` with the
        spectrum and the heights of the training windows; ``plain_noise`` has their heights alone.
        """
        rows: dict[str, dict[str, list[float]]] = {}
        for k, kind in enumerate(KINDS):
            train, held = (_some(part[k], SAMPLES, k) for part in (self.by_kind, self.held))
            sets = {
                "model": self.sample(k, SAMPLES),
                "floor": train,
                "baseline": spectral_noise(train, SAMPLES, k),
                "plain_noise": plain_noise(train, SAMPLES, k),
            }
            for key, heights in sets.items():
                found = {
                    "spectral_distance_db": relief.spectral_distance(heights, held),
                    "height_distance_m": relief.height_distance(heights, held),
                    "slope_distance_m": relief.slope_distance(heights, held),
                    "right_kind_share": relief.kind_share(heights, kind),
                    # The floor is the likeness of held-out windows, not of the training ones.
                    "likeness_to_training": likeness(
                        held if key == "floor" else heights, self.by_kind[k]
                    ),
                }
                if kind in ("island", "coast"):
                    found["coast_dimension"] = relief.coast_dimension(
                        held if key == "floor" else heights
                    )
                for metric, value in found.items():
                    rows.setdefault(metric, {}).setdefault(key, []).append(value)
        return {
            metric: {key: round(float(np.nanmean(values)), 4) for key, values in columns.items()}
            for metric, columns in rows.items()
        }

    @torch.no_grad()
    def sample(self, kind: int, count: int) -> np.ndarray:
        """Landscapes of the averaged generator from drawn outlines, [count, 32, 32] metres."""
        source = torch.Generator().manual_seed(500 + kind)
        network = self.ema.network
        assert isinstance(network, ReliefGenerator)
        made = []
        for start in range(0, count, 16):
            size = min(16, count - start)
            outline = torch.cat([
                network.draw_outline(kind, lambda rough: relief.relief_kind(rough) == KINDS[kind],
                                     source)
                for _ in range(size)
            ])  # fmt: skip
            noise = torch.randn(size, self.config.channels, OUTLINE, OUTLINE, generator=source)
            out = network(outline, noise.to(self.run.device))
            made.append(stretch(out[:, 0, SCALE:-SCALE, SCALE:-SCALE].float()).cpu().numpy())
        return np.concatenate(made)

    def preview(self, path: Path) -> None:
        """Three rows a kind: held-out windows, samples, spectral noise; land shaded."""
        lines = []
        for k in range(len(KINDS)):
            held = _some(self.held[k], 12, 1)
            noise = spectral_noise(_some(self.by_kind[k], SAMPLES, k), 12, k)
            for heights in (held, self.sample(k, 12), noise):
                pictures = [shaded(height) for height in heights]
                while len(pictures) < 12:
                    pictures.append(np.zeros_like(pictures[0]))
                lines.append(np.concatenate(pictures, 1))
        big = np.repeat(np.repeat(np.concatenate(lines), 2, 0), 2, 1)
        cv2.imwrite(str(path.with_name(path.name + ".png")), big)


def cut_windows(metres: np.ndarray, west: float) -> tuple[np.ndarray, np.ndarray]:
    """Windows with some land, in equal-area cells, and whether each is held out.

    Args:
        metres: The world, [H, W], row 0 in the north, columns all around.
        west: Longitude of the first column in degrees.

    Returns:
        [N, WINDOW, WINDOW] float32 metres, and [N] bool; windows across the border of the split
        are dropped.
    """
    rows, columns = metres.shape
    degrees = 180 / rows
    reach = WINDOW // 2 + 2
    wide = np.concatenate([metres, metres, metres], axis=1).astype(np.float32)
    steps = np.arange(WINDOW, dtype=np.float64) - (WINDOW - 1) / 2
    found, held = [], []
    top = max(reach, round((90 - LATITUDE) / degrees))
    for number, row in enumerate(range(top, rows - top, STRIDE)):
        zoom = (1.0, 1.12, 1.25)[number % 3]
        y = row + steps * zoom
        stretch_x = zoom / np.maximum(np.cos(np.radians(90 - (y + 0.5) * degrees)), 0.3)
        half = float(stretch_x.max()) * WINDOW / 2
        for column in np.arange(0, columns, STRIDE * stretch_x[WINDOW // 2]):
            first, last = (west + (column + side * half) * degrees for side in (-1, 1))
            inside = _inside(first, last)
            if inside is None:
                continue
            x = columns + column + steps[None] * stretch_x[:, None]
            window = cv2.remap(
                wide, x.astype(np.float32),
                np.broadcast_to(y[:, None], x.shape).astype(np.float32), cv2.INTER_CUBIC,
            )  # fmt: skip
            if 0.03 <= float((window > 0).mean()):
                found.append(window)
                held.append(inside)
    if not found:
        raise DataError("there is no land in the relief", where=SOURCE)
    return np.stack(found), np.array(held)


def _inside(first: float, last: float) -> bool | None:
    """Whether a span of longitudes is held out (True), not (False), or neither (None)."""
    low, high = HELD_OUT
    for turn in (-360, 0, 360):
        if low <= first + turn and last + turn <= high:
            return True
        if first + turn < high and last + turn > low:
            return None
    return False


def fit_copula(
    outlines: np.ndarray, factors: int, quantiles: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A Gaussian copula with few factors.

    Args:
        outlines: [N, channels, positions].
        factors: How many principal directions carry correlations; what is left is independent.
        quantiles: Points of the marginal distribution of each channel.

    Returns:
        mean [D], factor [D, factors], rest [D] in normal scores with D = channels * positions, and
        the marginals [channels, quantiles] at `quantile_scores`.
    """
    count, channels, _ = outlines.shape
    at = quantile_scores(quantiles)
    chance = np.array([statistics.NormalDist().cdf(score) for score in at])
    marginal = np.stack([np.quantile(outlines[:, c], chance) for c in range(channels)])
    scores = np.stack([np.interp(outlines[:, c], marginal[c], at) for c in range(channels)], 1)
    flat = scores.reshape(count, -1)
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    kept = np.argsort(values)[::-1][:factors]
    factor = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0))
    # Each direction's sign is free: fix it, so that equal data give equal weights.
    factor *= np.where(factor.sum(0) < 0, -1, 1)
    rest = np.sqrt(np.maximum(flat.var(0) - (factor**2).sum(1), 0))
    return mean, factor, rest, marginal


def quantile_scores(quantiles: int) -> np.ndarray:
    """Normal scores at which marginals are kept, evenly spaced within +-2.6."""
    return np.linspace(-2.6, 2.6, quantiles)


def fit_detail(metres: np.ndarray) -> np.ndarray:
    """How much the finest octave of the relief moves, by height and slope.

    Returns:
        [heights, 3] for `DETAIL_HEIGHTS`: rms of the octave on flat ground in metres, what every
        metre of slope per cell adds, and the exponent by which an octave half as wide is weaker.
    """
    rows = metres.shape[0]
    plain = metres[rows // 5 : rows - rows // 5].astype(np.float32)
    smooth = cv2.GaussianBlur(plain, (0, 0), 1.0)
    slope = np.hypot(np.gradient(smooth, axis=0), np.gradient(smooth, axis=1))
    # Second differences over one cell and over two: an octave apart, blind to slopes.
    fine, coarse = (
        plain - (np.roll(plain, step, 1) + np.roll(plain, -step, 1)) / 2 for step in (1, 2)
    )
    table: list[tuple[float, float, float]] = []
    knots = np.arcsinh(np.array(DETAIL_HEIGHTS) / 200)
    nearest = np.abs(np.arcsinh(smooth / 200)[..., None] - knots).argmin(-1)
    for k in range(len(knots)):
        here = nearest == k
        if here.sum() < 50:
            table.append(table[-1] if table else (10.0, 0.3, 0.7))
            continue
        design = np.stack([np.ones(int(here.sum())), slope[here]], 1)
        # |normal| has mean 0.8 sigma: a fit of absolute values is not ruled by few large ones.
        flat, steep = np.linalg.lstsq(design, np.abs(fine[here]) / 0.8, rcond=None)[0]
        ratio = np.abs(coarse[here]).mean() / max(float(np.abs(fine[here]).mean()), 1e-6)
        hurst = float(np.clip(np.log2(max(ratio, 1e-6)), 0.3, 1.2))
        table.append((max(float(flat), 0.5), max(float(steep), 0.02), hurst))
    return np.array(table, dtype=np.float32)


def spectral_noise(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The naive baseline: Gaussian fields with the radial spectrum and the heights of windows.

    Args:
        windows: [N, H, W] metres to fit.
        count: How many fields.
        seed: Of the drawing.
    """
    _, rows, columns = windows.shape
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)) * max(rows, columns)
    rings = np.minimum(np.round(radius), max(rows, columns) // 2).astype(int)
    power = (np.abs(np.fft.fft2(windows - windows.mean((1, 2), keepdims=True))) ** 2).mean(0)
    mean = np.bincount(rings.ravel(), power.ravel()) / np.maximum(np.bincount(rings.ravel()), 1)
    random = np.random.Generator(np.random.Philox(seed))
    noise = np.fft.fft2(random.standard_normal((count, rows, columns)))
    fields = np.fft.ifft2(noise * np.sqrt(mean[rings])).real
    return _with_heights(fields, windows)


def plain_noise(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The weakest baseline: the heights of windows, shuffled."""
    random = np.random.Generator(np.random.Philox(seed))
    return _with_heights(random.standard_normal((count, *windows.shape[1:])), windows)


def _with_heights(fields: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """The same order of values with the heights of ``windows``."""
    order = np.argsort(fields.ravel(), kind="stable")
    chances = (np.arange(fields.size) + 0.5) / fields.size
    out = np.empty(fields.size, dtype=np.float32)
    out[order] = np.quantile(windows, chances)
    return out.reshape(fields.shape)


def likeness(heights: np.ndarray, reference: np.ndarray) -> float:
    """Mean over landscapes of the correlation with the most similar reference, all symmetries."""
    ours = _standard(heights)
    theirs = _standard(np.stack([_inner(window) for window in reference]))
    best = np.full(len(ours), -1.0)
    for turn in range(8):
        turned = np.rot90(theirs, turn % 4, (1, 2))
        turned = turned[:, :, ::-1] if turn >= 4 else turned
        flat = turned.reshape(len(turned), -1)
        best = np.maximum(best, (ours.reshape(len(ours), -1) @ flat.T).max(1))
    return float(best.mean())


def _standard(heights: np.ndarray) -> np.ndarray:
    """A quarter of the resolution, mean 0, length 1."""
    count, rows, columns = heights.shape
    units = np.arcsinh(heights / 200).reshape(count, rows // 4, 4, columns // 4, 4).mean((2, 4))
    units = units - units.mean((1, 2), keepdims=True)
    length = np.sqrt((units**2).sum((1, 2), keepdims=True))
    return np.asarray(units / np.maximum(length, 1e-9), dtype=np.float32)


def shaded(height: np.ndarray) -> np.ndarray:
    """A small picture of a landscape, [H, W, 3] BGR."""
    units = np.arcsinh(height / 200) / 3
    down, right = np.gradient(units)
    light = np.clip(1 - 2.5 * (down + right), 0.4, 1.6)[..., None]
    low = np.array([90, 150, 90]) + np.array([20, 20, 80]) * np.clip(units, 0, 1.4)[..., None] * 1.2
    sea = np.array([190, 120, 60]) + np.array([90, 60, 40]) * np.clip(units, -1.5, 0)[..., None]
    picture = np.where(height[..., None] > 0, low * light, sea)
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


def _symmetry(grid: Tensor, index: int) -> Tensor:
    """One of the eight symmetries of the square, over the last two axes."""
    grid = torch.rot90(grid, index % 4, (-2, -1))
    return grid.flip(-1) if index >= 4 else grid


def _inner(window: np.ndarray) -> np.ndarray:
    return window[SCALE:-SCALE, SCALE:-SCALE]


def _kind_index(height: np.ndarray) -> int:
    kind = relief.relief_kind(height)
    return KINDS.index(kind) if kind else -1


def _some(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` windows without their margins."""
    random = np.random.Generator(np.random.Philox(seed))
    picked = windows[random.permutation(len(windows))[:count]]
    return np.stack([_inner(window) for window in picked])
