"""Doubling of pixel art, learnt from drawings that were halved.

A drawing is halved honestly: every 2x2 block becomes the colour that most of its pixels have; in a
tie the opaque and then the darker one wins, so that outlines survive. The network has to find the
drawing again. Drawings of one thing or person are all of training, of validation or held out.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.errors import DataError
from aigc_assets.models.dynamic_upsampling import (
    DynamicUpsampling,
    DynamicUpsamplingConfig,
    choose,
    neighbours,
)
from aigc_assets.training.trainer import AveragedTask, Ema, Metrics, Run, cosine, set_lr

BATCH = 48
CROP = 36
"""Side of a training crop of the large picture in px, even."""
SETS = ("lpc", "dcss", "ninja")
SHARE = (0.5, 0.4, 0.1)
"""How often training draws from each of `SETS`."""
_LPC_FRAMES = {"walk": ((0, 1), (1, 3), (2, 5)), "slash": ((2, 4), (1, 2)), "idle": ((3, 0),)}
"""Rows and columns of the sheets of one character that are taken."""
_SPRITES = re.compile(r"^(mon|item|effect|player|gui/spells)/(?!tentacles)")

NOTES = [
    "copied: share of the new pixels that equal the drawing, over all pixels whose 3x3 source "
    "pixels are not all of one colour; held-out drawings, halved by majority (ties: opaque, "
    "then darker). floor: the drawing itself, where its colour is among the nine source pixels. "
    "baseline: EPX (Scale2x). nearest: every pixel doubled.",
]
"""What the card says about the metrics."""


class UpscalingTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "upscaling"
    models: ClassVar[tuple[str, ...]] = ("sprite_upscaler",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read ``sprites/lpc_revised`` and ``sprites/packed`` of the sources."""
        folder = sources / "sprites"
        arrays: dict[str, np.ndarray] = {}
        for name, reader in (("lpc", _read_lpc), ("dcss", _read_dcss), ("ninja", _read_ninja)):
            pictures, identities = reader(folder)
            if len(pictures) == 0:
                raise DataError("no drawings", where=str(folder), remedy="give the data folder")
            arrays[name] = pictures
            arrays[f"{name}_part"] = np.array([_part(i) for i in identities], dtype=np.uint8)
        info = {
            "notes": NOTES,
            "sources": [
                {"folder": "sprites/lpc_revised", "licence": "OGA-BY-3.0",
                 "attribution": "LPC Revised (github.com/ElizaWy/LPC) by Eliza Wyatt "
                 "(DeathsDarling), Lanea Zimmerman (Sharm), Stephen Challener (Redshrike), "
                 "Johannes Sjölund (Wulax), BlueCarrot16, BenCreating, Durrani, YuriNikolai and "
                 "others, OGA-BY 3.0 / CC-BY 3.0; all credits: CREDITS_lpc.txt",
                 "used_for": "64 px figures and their halves"},
                {"folder": "sprites/packed (dcss_32)", "licence": "CC0-1.0", "attribution": "",
                 "used_for": "32 px monsters, items, effects and garments and their halves"},
                {"folder": "sprites/packed (ninja_walk_16)", "licence": "CC0-1.0",
                 "attribution": "", "used_for": "16 px figures and their halves"},
            ],
        }  # fmt: skip
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.pictures: dict[str, list[Tensor]] = {}
        for name in SETS:
            codes = torch.from_numpy(_codes(data[name]))
            part = torch.from_numpy(data[f"{name}_part"])
            self.pictures[name] = [codes[part == p] for p in range(3)]
        self.config = DynamicUpsamplingConfig()
        network: Any = DynamicUpsampling(self.config)
        self.network: DynamicUpsampling = network.to(run.device, memory_format=torch.channels_last)
        self.ema = Ema(self.network, 0.998)
        self.average: Any = self.ema.network
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=1e-3
        )

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` crops."""
        large = self._batch().to(self.run.device)
        small = halve(large)
        lab = _turned(planes(small), self.run.generator)
        set_lr(self.optimizer, cosine(progress, 2e-3, 2e-5))
        with self.run.autocast():
            logits = self.network(lab)
        reach = self.config.reach
        inner = (slice(None), slice(2 * reach, -2 * reach), slice(2 * reach, -2 * reach))
        taps = _taps(small)
        hit = (taps == large[:, None])[:, :, *inner[1:]]
        busy = (taps != taps[:, :1]).any(1)[inner]
        share = logits.float().log_softmax(1)[:, :, *inner[1:]]
        found = busy & hit.any(1)
        wanted = share.masked_fill(~hit, -1e4).logsumexp(1)
        loss = -(wanted * found).sum() / found.sum().clamp(min=1)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        return {"loss": float(loss.detach())}

    def _batch(self) -> Tensor:
        """Crops of drawings with their surroundings, turned and mirrored, [B, S, S] codes."""
        random = self.run.generator
        crops = []
        side = CROP + 4 * self.config.reach
        counts = torch.multinomial(torch.tensor(SHARE), BATCH, True, generator=random).bincount(
            minlength=len(SETS)
        )
        for name, count in zip(SETS, counts.tolist(), strict=True):
            pictures = self.pictures[name][0]
            for number in torch.randint(len(pictures), (count,), generator=random).tolist():
                picture = F.pad(pictures[number], (side // 2,) * 4)
                rows, columns = (picture > 0).any(1).nonzero(), (picture > 0).any(0).nonzero()
                corner = []
                for line in (rows, columns):
                    # Any crop whose middle lies on the figure, even or odd: both halvings occur.
                    first, last = (int(line[0]), int(line[-1])) if len(line) else (side, side)
                    middle = int(torch.randint(first, last + 1, (1,), generator=random))
                    corner.append(min(max(0, middle - side // 2), picture.shape[0] - side))
                crop = picture[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
                turn = int(torch.randint(8, (1,), generator=random))
                # Drawings are lit from above and stand upright: most crops only get mirrored.
                crop = crop.flip(1) if turn % 2 else crop
                crops.append(crop.rot90(turn // 4) if turn in (4, 5) else crop)
        return torch.stack(crops)

    def watch(self) -> Metrics:
        """Accuracy on validation drawings."""
        return self._scores(1)

    def evaluate(self) -> Metrics:
        """Accuracy on held-out drawings."""
        return self._scores(2)

    @torch.no_grad()
    def _scores(self, part: int) -> Metrics:
        metrics: Metrics = {}
        for name in SETS:
            large = self.pictures[name][part][:400].to(self.run.device)
            if len(large) == 0:
                continue
            small = halve(large)
            taps = _taps(small)
            busy = (taps != taps[:, :1]).any(1)
            drawn = {"model": self.double(small), "baseline": epx(small), "nearest": taps[:, 4]}
            row = {key: (value == large)[busy].float().mean() for key, value in drawn.items()}
            row["floor"] = (taps == large[:, None]).any(1)[busy].float().mean()
            metrics[f"copied_{name}"] = {k: round(float(v), 5) for k, v in row.items()}
        return metrics

    @torch.no_grad()
    def double(self, small: Tensor) -> Tensor:
        """What the averaged network makes of small pictures, codes [B, H, W] -> [B, 2H, 2W]."""
        reach = self.config.reach
        out = []
        for part in F.pad(small, (reach,) * 4).split(64):
            large = choose(self.average(planes(part)), part)
            out.append(large[:, 2 * reach : -2 * reach, 2 * reach : -2 * reach])
        return torch.cat(out)

    def preview(self, path: Path) -> None:
        """Held-out drawings: halved, by EPX, by the network, as drawn."""
        rows = []
        for name in SETS:
            large = self.pictures[name][1][:: max(1, len(self.pictures[name][1]) // 8)][:8]
            if len(large) == 0:
                continue
            small = halve(large.to(self.run.device))
            doubled = (_taps(small)[:, 4], epx(small), self.double(small), large)
            for group in doubled:
                line = torch.cat([F.pad(p, (0, 64 - p.shape[1])) for p in group.cpu()], 1)
                rows.append(line)
        picture: NDArray[Any] = _colours(torch.cat(rows).numpy())
        picture = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path.with_suffix(".png")), picture[..., ::-1])


def halve(large: Tensor) -> Tensor:
    """The colour of most pixels of each 2x2 block, codes [B, 2H, 2W] -> [B, H, W].

    In a tie the opaque colour wins, then the darker one (by the sum of red, green and blue).
    """
    blocks = torch.stack([large[:, y::2, x::2] for y in (0, 1) for x in (0, 1)], 1)
    votes = torch.stack([(blocks == blocks[:, i : i + 1]).sum(1) for i in range(4)], 1)
    light = (blocks & 255) + (blocks >> 8 & 255) + (blocks >> 16 & 255)
    rank = votes * 4096 + (blocks > 0) * 2048 - light
    return blocks.gather(1, rank.argmax(1, keepdim=True))[:, 0]


def epx(small: Tensor) -> Tensor:
    """Scale2x, the rule that a learnt one has to beat, codes [B, H, W] -> [B, 2H, 2W]."""
    padded = F.pad(small[:, None].double(), (1, 1, 1, 1), mode="replicate")[:, 0].long()
    up, down = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
    left, right = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
    edge = (up != down) & (left != right)
    out = small.repeat_interleave(2, 1).repeat_interleave(2, 2)
    for y, x, a, b in ((0, 0, up, left), (0, 1, up, right), (1, 0, down, left),
                       (1, 1, down, right)):  # fmt: skip
        out[:, y::2, x::2] = torch.where(edge & (a == b), a, small)
    return out


def planes(codes: Tensor) -> Tensor:
    """OKLab times alpha, and alpha, of colour codes [B, H, W] -> [B, 4, H, W] float32."""
    rgb = torch.stack([codes >> 16 & 255, codes >> 8 & 255, codes & 255], 1).float() / 255
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lms = torch.einsum("rc,bchw->brhw", _M1.to(codes.device), linear)
    lab = torch.einsum("rc,bchw->brhw", _M2.to(codes.device), lms.clamp(min=0) ** (1 / 3))
    alpha = (codes > 0).float()[:, None]
    return torch.cat([lab * alpha, alpha], 1)


_M1 = torch.tensor([[0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_M2 = torch.tensor([[0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def _turned(lab: Tensor, random: torch.Generator) -> Tensor:
    """Every picture in other hues and a little lighter or darker: shapes count, not colours."""
    angle = torch.rand(len(lab), generator=random) * 2 * torch.pi
    light = 0.85 + 0.3 * torch.rand(len(lab), generator=random)
    angle, light = angle.to(lab.device).view(-1, 1, 1), light.to(lab.device).view(-1, 1, 1)
    a, b = lab[:, 1], lab[:, 2]
    return torch.stack([lab[:, 0] * light, a * angle.cos() - b * angle.sin(),
                        a * angle.sin() + b * angle.cos(), lab[:, 3]], 1)  # fmt: skip


def _taps(small: Tensor) -> Tensor:
    """The nine source pixels of every new pixel, codes [B, H, W] -> [B, 9, 2H, 2W]."""
    return neighbours(small[:, None])[:, 0].repeat_interleave(2, 2).repeat_interleave(2, 3)


def _codes(pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[N, H, W, 4] to one number per colour, 0 where transparent."""
    wide = pictures.astype(np.int64)
    codes = (1 << 24) + (wide[..., 0] << 16) + (wide[..., 1] << 8) + wide[..., 2]
    result: NDArray[np.int64] = np.where(pictures[..., 3] >= 128, codes, 0)
    return result


def _colours(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    rgb = np.stack([codes >> 16 & 255, codes >> 8 & 255, codes & 255], -1).astype(np.uint8)
    rgb[codes == 0] = (122, 128, 136)
    return rgb


def _part(identity: str) -> int:
    """0 training, 1 validation, 2 held out, by the name of who or what is drawn."""
    return {0: 1, 1: 2}.get(zlib.crc32(identity.encode()) % 10, 0)


def _read_lpc(folder: Path) -> tuple[NDArray[np.uint8], list[str]]:
    pictures, identities = [], []
    for path in sorted((folder / "lpc_revised" / "composed").glob("*_walk.png")):
        identity = path.name.removesuffix("_walk.png")
        for action, places in _LPC_FRAMES.items():
            image: Any = cv2.imread(str(path.with_name(f"{identity}_{action}.png")), -1)
            if image is None or image.ndim != 3 or image.shape[2] != 4:
                continue
            image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
            for row, column in places:
                frame = image[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
                if frame.shape == (64, 64, 4):
                    pictures.append(frame)
                    identities.append(identity)
    # One frame in three is plenty, and keeps the packed file small.
    pictures, identities = pictures[::3], identities[::3]
    return _clean(pictures, 64), identities


def _read_dcss(folder: Path) -> tuple[NDArray[np.uint8], list[str]]:
    arrays, names = _packed(folder, "dcss_32")
    chosen = [i for i, name in enumerate(names) if _SPRITES.match(str(name))]
    identities = [re.sub(r"[\d_]*\.png$", "", str(names[i])) for i in chosen]
    return _clean(list(arrays["img"][chosen]), 32), identities


def _read_ninja(folder: Path) -> tuple[NDArray[np.uint8], list[str]]:
    arrays, labels = _packed(folder, "ninja_walk_16")
    identities = [label["name"] for label in labels["labels"] for _ in range(8)]
    return _clean(list(arrays["walk"][:, :, ::2].reshape(-1, 16, 16, 4)), 16), identities


def _packed(folder: Path, name: str) -> tuple[Any, Any]:
    path = folder / "packed" / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        return arrays, json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"cannot read the drawings: {error}", where=str(path)) from error


def _clean(pictures: list[NDArray[np.uint8]], side: int) -> NDArray[np.uint8]:
    stacked = np.stack(pictures) if pictures else np.zeros((0, side, side, 4), dtype=np.uint8)
    opaque = stacked[..., 3:] >= 128
    result: NDArray[np.uint8] = np.where(opaque, stacked | np.array([0, 0, 0, 255], np.uint8), 0)
    return result
