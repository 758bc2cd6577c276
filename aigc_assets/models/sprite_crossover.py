"""New pictures out of parts of two known ones, joined where they fit and mended by the prior.

A few hundred pictures are too few to learn faces and hands from in half an hour, but they hold
them. So a creature takes its upper part from one picture, the rest from another of its sub-class
and its legs at times from a third; a weapon its blade, an effect its inside. Hues of one part are
turned to those of the other, rows and columns go or double so that nobody's proportions are kept,
and the prior redraws the seams.

References:
    Avidan and Shamir, "Seam Carving for Content-Aware Image Resizing" (2007), here with straight
    seams, which keep pixels on their grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aigc_assets.models.fsq_vae import STRIDE, FsqVae, Known
from aigc_assets.models.sprite_maskgit import SpriteMaskgit
from aigc_assets.models.sprite_sampling import Wish, pick_seeds
from aigc_assets.types.oklab import families, to_oklab

PARTNERS = 8
"""Second pictures that are tried for each first one."""
FAR = 2.5
"""Of the score of a partner: what lies so far below the best is of another thing or kind."""
KIN = 3
"""Other things of a sub-class from which on parts come from it alone."""
BAND = 1
"""Rows on either side of a seam that are redrawn."""
ALONE = (0.5, 0.75)
"""Cost of a picture that is joined with none, of a monster last: what fits worse spoils it."""
FRESH = 0.2
"""Share of the cells of a figure, besides those at seams, that are redrawn."""
COLOURS = 14
"""Colours that a picture keeps at most."""
TEMPERATURE = 0.7
"""Of drawing pixels."""
ROUNDS = 6
"""In which hidden pixels are drawn."""

Picture = NDArray[np.uint8]


@dataclass
class Cross:
    """A joined picture.

    Args:
        index: Index map [H, W].
        seam: Pixels to be redrawn, [H, W] bool.
        cost: How badly the parts fit, 0 is perfectly.
        parents: Numbers of the stored pictures.
    """

    index: Picture
    seam: NDArray[np.bool_]
    cost: float
    parents: tuple[int, ...]


@torch.no_grad()
def recombine(
    tokeniser: FsqVae,
    prior: SpriteMaskgit,
    wishes: list[Wish],
    generator: torch.Generator,
    *,
    tries: int = 8,
    mend: bool = True,
) -> tuple[NDArray[np.uint8], list[list[Cross]]]:
    """Some joined pictures for each wish, the best fit first.

    Args:
        tokeniser: Codes <-> pixels.
        prior: Holds the known pictures and redraws seams.
        wishes: What to draw.
        generator: On the CPU; all that is by chance comes from it.
        tries: Pictures per wish.
        mend: Whether seams are redrawn.

    Returns:
        Index maps [len(wishes), tries, H, W] uint8, and how each was joined.
    """
    device = tokeniser.colours.device
    seed = int(torch.randint(2**62, (1,), generator=generator))
    random = np.random.Generator(np.random.Philox(seed))
    colours: NDArray[np.uint8] = tokeniser.colours.cpu().numpy()
    store = _Store.of(prior, families(colours))
    found = [
        [_best_cross(int(first), store, wish, random)
         for first in pick_seeds(prior, [wish] * tries, generator)]
        for wish in wishes
    ]  # fmt: skip
    flat = [cross for crosses in found for cross in crosses]
    lightness = to_oklab(colours)[:, 0]
    for cross in flat:
        things = {int(store.labels[n, 5]) for n in cross.parents}
        cross.index, cross.seam = _reshape(
            cross.index, cross.seam, lightness, random, 2 if len(things) > 1 else 4
        )
        grounded = store.kind_of(cross.parents[0]) != "effect"
        cross.index, cross.seam = _placed(cross.index, cross.seam, grounded=grounded)
    if mend:
        _redraw(tokeniser, flat, random, generator)
    pixels = torch.from_numpy(np.array([c.index for c in flat])).long()
    for cross, sure in zip(flat, typical(tokeniser, pixels.to(device)), strict=True):
        cross.cost -= float(sure)
    found = [sorted(crosses, key=lambda cross: round(cross.cost, 4)) for crosses in found]
    shape = (len(wishes), tries, *prior.seed_images.shape[1:])
    ordered = [cross.index for crosses in found for cross in crosses]
    return np.array(ordered).reshape(shape), found


@dataclass(frozen=True)
class _Store:
    """What the prior holds of known pictures, as arrays."""

    images: Picture
    labels: NDArray[np.int16]
    turned: NDArray[np.uint8]
    kinds: tuple[str, ...]
    named: NDArray[np.intp]
    solid: NDArray[np.float32]
    """Outlines and mirrored outlines, [2, seeds, H * W]."""

    @staticmethod
    def of(prior: SpriteMaskgit, named: NDArray[np.intp]) -> _Store:
        images: Picture = prior.seed_images.cpu().numpy()
        solid = np.stack([images > 0, images[:, :, ::-1] > 0]).astype(np.float32)
        return _Store(
            images, prior.seed_labels.cpu().numpy(), prior.turned.cpu().numpy(),
            prior.config.kinds, named, solid.reshape(2, len(images), -1),
        )  # fmt: skip

    def turns_round(self, number: int) -> bool:
        """Whether it may be mirrored: weapons all point the same way, light falls from one side."""
        return self.kind_of(number) != "item"

    def kind_of(self, number: int) -> str:
        """Of a stored picture."""
        return self.kinds[int(self.labels[number, 0])]

    def partners(
        self, first: int, base: Picture, random: np.random.Generator
    ) -> list[tuple[int, Picture, float]]:
        """Other things of the kind that are built alike: number, picture, how much they differ.

        Variants of one thing would give that thing again; where there are no others they do.
        """
        form = (base > 0).astype(np.float32).ravel()
        both = self.solid @ form
        alike = both / np.maximum(self.solid.sum(2) + form.sum() - both, 1)
        mine = self.labels[first]
        kin = self.labels[:, 1] == mine[1]
        score = alike.max(0) + 1.0 * kin
        score += 0.25 * np.isin(self.labels[:, 2:5], mine[2:5]).any(1)
        score += 0.1 * random.random(len(score))
        score[self.labels[:, 0] != mine[0]] -= 9
        score[self.labels[:, 5] == mine[5]] -= 3
        if len(np.unique(self.labels[kin, 5])) > KIN:
            score[~kin] -= 5
        share = _families(base, self.named)
        found: list[tuple[int, Picture, float]] = []
        for other in np.argsort(-score, kind="stable")[:PARTNERS].tolist():
            if other == first or (found and score[other] < score.max() - FAR):
                continue
            mirrored = bool(alike[1, other] > alike[0, other]) and self.turns_round(first)
            picture = self.images[other][:, ::-1] if mirrored else self.images[other]
            hues = self.turned[:, picture]
            gaps = [float(np.abs(_families(hue, self.named) - share).sum()) for hue in hues]
            differ = 0.3 * min(gaps) + (1 - float(alike[:, other].max())) + 0.4 * (not kin[other])
            found.append((other, hues[int(np.argmin(gaps))], differ))
        return found


def _best_cross(
    first: int, store: _Store, wish: Wish, random: np.random.Generator
) -> Cross:  # fmt: skip
    """The picture ``first`` joined with the one that fits it best of those that are built alike."""
    mirrored = random.random() >= 0.5 and store.turns_round(first)
    base = store.images[first][:, :: -1 if mirrored else 1]
    base = _turn_to(base, store.turned, store.named, wish, random)
    kind = store.kind_of(first)
    best = Cross(base, np.zeros(base.shape, bool), ALONE[kind == "monster"], (first,))
    if not base.any():  # a tokeniser that has hardly learnt may have redrawn it as nothing
        return best
    partners = store.partners(first, base, random)
    for way, fixed in _ways(base, kind, random):
        best = _joined(best, Cross(base, best.seam, 0.0, (first,)), partners, way, fixed, random)
    return best


def _joined(
    best: Cross, base: Cross, partners: list[tuple[int, Picture, float]], way: NDArray[np.int64],
    fixed: bool, random: np.random.Generator,
) -> Cross:  # fmt: skip
    """``base`` joined with the partner that fits it best, if it fits better than ``best``."""
    for other, picture, gap in partners:
        made = _join(base.index, picture, way, random, fixed=fixed)
        if made is None:
            continue
        index, seam, misfit = made
        cost = base.cost + misfit + gap + float(random.random()) * 0.25
        if cost < best.cost:
            best = Cross(index, base.seam | seam, cost, (*base.parents, other))
    return best


def _turn_to(
    base: Picture, turned: NDArray[np.uint8], named: NDArray[np.intp], wish: Wish,
    random: np.random.Generator,
) -> Picture:  # fmt: skip
    """The picture in the hues that show most of the wanted colour, else at times in others."""
    if wish.colours is not None:
        shown = [float(_families(hue, named)[wish.colours[0]]) for hue in turned[:, base]]
        best = int(np.argmax(np.round(shown, 3)))
        result: Picture = turned[best if shown[best] > shown[0] + 0.1 else 0, base]
        return result
    if random.random() < 0.25:
        result = turned[int(random.integers(len(turned))), base]
        return result
    return base


def _families(index: Picture, named: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of each family of colours, black aside."""
    count = np.bincount(named[index[index > 0]], minlength=12).astype(float)
    count[0] = 0
    return count / max(1.0, count.sum())


def _ways(
    base: Picture, kind: str, random: np.random.Generator
) -> list[tuple[NDArray[np.int64], bool]]:
    """Fields [H, W] whose lower values are of the second picture, and whether that stays put."""
    height, width = base.shape
    y, x = np.mgrid[:height, :width].astype(np.int64)
    rows, columns = np.nonzero(base)
    if kind == "effect":
        solid = np.pad((base > 0).astype(np.uint8), 1)
        depth = cv2.distanceTransform(solid, cv2.DIST_L2, 3)[1:-1, 1:-1]
        return [(-np.round(depth).astype(np.int64), True)]
    lean = np.corrcoef(rows, columns)[0, 1] if len(rows) > 2 else 0.0
    if kind == "item" and abs(lean) > 0.55:
        return [(y - x if lean < 0 else y + x, False)]
    if kind == "animal" and np.ptp(columns) > 1.15 * np.ptp(rows):
        return [(x, False), (-x, False)]
    return [(-y, False)]  # the head stays, it says what a figure is


def _join(
    base: Picture, partner: Picture, way: NDArray[np.int64], random: np.random.Generator,
    *, fixed: bool,
) -> tuple[Picture, NDArray[np.bool_], float] | None:  # fmt: skip
    """Base where ``way`` is at least a cut, the moved partner below it; the cut where both fit."""
    solid, other = base > 0, partner > 0
    inside = way[solid]
    low, high = int(inside.min()), int(inside.max())
    reach = high - low
    if reach < 6 or not other.any():
        return None
    span = other_low, other_high = int(way[other].min()), int(way[other].max())
    best: tuple[float, int, int, tuple[int, int]] | None = None
    for cut in range(low + round(0.3 * reach), low + round(0.62 * reach) + 1):
        line = np.argwhere(solid & (way == cut))
        if not len(line):
            continue
        if fixed:  # an inside lies where it lies
            options = [cut]
        else:
            share = (cut - low) / reach
            middle = other_low + share * (other_high - other_low)
            options = [round(middle) + d for d in (-3, -2, -1, 0, 1, 2, 3)]
        for theirs in options:
            match = np.argwhere(other & (way == theirs))
            if not len(match):
                continue
            down, right = (0, 0) if fixed else _shift(line, match, way, cut - theirs)
            wide, narrow = np.ptp(line, 0).max() + 1, np.ptp(match, 0).max() + 1
            misfit = abs(wide - narrow) / max(wide, narrow) + 0.03 * (abs(down) + abs(right))
            misfit += abs(len(line) - len(match)) / (2 * max(len(line), len(match)))
            misfit += float(random.random()) * 0.12
            if best is None or misfit < best[0]:
                best = misfit, cut, theirs, (down, right)
    if best is None or span[0] == span[1]:
        return None
    misfit, cut, _, move = best
    moved = _moved(partner, *move)
    index = np.where(way < cut, moved, base)
    lost = int((partner > 0).sum() - (moved > 0).sum())
    taken = int(((moved > 0) & (way < cut)).sum())
    if taken < 25 or lost > 6:
        return None
    seam = np.abs(way - cut + 0.5) < BAND + 0.6
    return index, seam, misfit + _raggedness(index) - 0.5 * _raggedness(base)


def _shift(
    line: NDArray[np.int64], match: NDArray[np.int64], way: NDArray[np.int64], step: int
) -> tuple[int, int]:
    """Rows and columns by which the partner moves, so that its line falls onto that of the base."""
    down, right = np.round(line.mean(0) - match.mean(0)).astype(int)
    slope_down = int(way[1, 0] - way[0, 0])
    slope_right = int(way[0, 1] - way[0, 0])
    missing = step - (slope_down * int(down) + slope_right * int(right))
    if slope_down:
        down += missing * slope_down
    else:
        right += missing * slope_right
    return int(down), int(right)


def _moved(picture: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    height, width = picture.shape
    out = np.zeros_like(picture)
    if abs(down) >= height or abs(right) >= width:
        return out
    out[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = picture[
        max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return out


def _raggedness(index: Picture) -> float:
    """Loose parts and the length of the outline beside that of a disc, about 0 for a ball."""
    solid = (index > 0).astype(np.uint8)
    area = int(solid.sum())
    if area < 20:
        return 9.0
    count, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    loose = area - int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
    edge = int((solid[1:] != solid[:-1]).sum() + (solid[:, 1:] != solid[:, :-1]).sum())
    return 0.12 * (edge / (3.54 * area**0.5) - 1) + 3.0 * loose / area


def _redraw(
    tokeniser: FsqVae, crosses: list[Cross], random: np.random.Generator,
    generator: torch.Generator,
) -> None:  # fmt: skip
    """Draw seams and some other cells anew, out of what is around them and in the same colours."""
    device, stride = tokeniser.colours.device, STRIDE
    known = np.array([c.index for c in crosses])
    count, height, width = known.shape
    hidden = np.array([c.seam for c in crosses])
    cells = (count, height // stride, width // stride)
    blank = random.random(cells) < FRESH
    whole = (known > 0).reshape(count, cells[1], stride, cells[2], stride)
    full = whole.all((2, 4))
    hidden |= np.kron(blank & full, np.ones((1, stride, stride), bool))
    hidden |= np.kron(blank, np.ones((1, stride, stride), bool)) & (known > 0)
    pixels = torch.from_numpy(known).long().to(device)
    palette = torch.stack([_palette(tokeniser, picture) for picture in pixels])
    mask = torch.from_numpy(hidden & (known > 0)).to(device)
    open_ = mask.view(count, cells[1], stride, cells[2], stride).float().mean((2, 4)) > 0.5
    details = tokeniser.details(pixels)
    touched = mask.view(count, height // 2, 2, width // 2, 2).any(4).any(2)
    details = torch.where(touched, tokeniser.config.details, details)
    told = Known(torch.where(mask, tokeniser.config.classes, pixels), palette, None, ~open_,
                 details)  # fmt: skip
    drawn = tokeniser.draw(tokeniser.encode(pixels), told, generator, rounds=ROUNDS,
                           temperature=TEMPERATURE)  # fmt: skip
    for cross, picture, old in zip(
        crosses, drawn.cpu().numpy().astype(np.uint8), known, strict=True
    ):
        cross.index = np.where((picture == 0) & (old > 0), old, picture)


def _palette(tokeniser: FsqVae, pixels: Tensor) -> Tensor:
    """The values that most of a picture [H, W] shows, [classes] bool."""
    count = torch.bincount(pixels.flatten(), minlength=tokeniser.config.classes)
    count[0] = pixels.numel()
    least = count.sort(descending=True).values[min(COLOURS, len(count) - 1)]
    return (count > least) | (count >= 6)


@torch.no_grad()
def typical(tokeniser: FsqVae, pixels: Tensor) -> NDArray[np.float64]:
    """How well each picture follows from itself: mean log chance of half its cells given the rest.

    It knows nothing of where the picture is from: torn outlines and patches that belong to nothing
    are unlikely.
    """
    count, height, width = pixels.shape
    y, x = torch.arange(height // STRIDE)[:, None], torch.arange(width // STRIDE)
    half = ((y + x) % 2 == 0).to(pixels.device)
    total = torch.zeros(count, device=pixels.device)
    near = F.max_pool2d((pixels > 0).float(), 3, 1, 1) > 0
    codes, palette = tokeniser.encode(pixels), tokeniser.palettes(pixels)
    for cells in (half, ~half):
        hidden = cells.repeat_interleave(STRIDE, 0).repeat_interleave(STRIDE, 1)
        told = (~cells).expand(count, -1, -1)
        known = Known(torch.where(hidden, tokeniser.config.classes, pixels), palette, told, told)
        chance = tokeniser.paint(tokeniser.vectors(codes), known).float().log_softmax(1)
        mine = chance.gather(1, pixels[:, None])[:, 0]
        total += (mine * (near & hidden)).sum((1, 2))
    result: NDArray[np.float64] = (total / near.sum((1, 2)).clamp(min=1)).double().cpu().numpy()
    return result


def _reshape(
    index: Picture, seam: NDArray[np.bool_], lightness: NDArray[np.float64],
    random: np.random.Generator, most: int,
) -> tuple[Picture, NDArray[np.bool_]]:  # fmt: skip
    """Up to ``most`` rows and columns less or more where little is lost."""
    for axis in (0, 1):
        step = int(random.integers(-most, most + 1))
        for _ in range(abs(step)):
            both = np.stack([index, seam.astype(np.uint8)])
            both = _carve(both if axis == 0 else both.transpose(0, 2, 1), lightness, step)
            index, mask = both if axis == 0 else both.transpose(0, 2, 1)
            seam = mask > 0
    return index, seam


def _placed(
    index: Picture, seam: NDArray[np.bool_], *, grounded: bool
) -> tuple[Picture, NDArray[np.bool_]]:
    """In the middle, and on the lowest row if it is ``grounded``."""
    rows, columns = np.flatnonzero(index.any(1)), np.flatnonzero(index.any(0))
    if not len(rows):
        return index, seam
    height, width = index.shape
    down = height - 1 - int(rows[-1])
    if not grounded:
        down = (down - int(rows[0])) // 2
    move = (down, (width - 1 - int(columns[-1]) - int(columns[0])) // 2)
    return _moved(index, *move), _moved(seam, *move)


def _carve(layers: Picture, lightness: NDArray[np.float64], step: int) -> Picture:
    """One row less, or one doubled, where neighbouring rows are most alike.

    ``layers`` [L, H, W] go together; the first one decides.
    """
    index = layers[0]
    rows = np.flatnonzero(index.any(1))
    if len(rows) < 14 or (step > 0 and len(rows) >= len(index)):
        return layers
    light = np.where(index > 0, lightness[index], -0.5)
    change = np.abs(np.diff(light, axis=0)).sum(1)[rows[0] + 2 : rows[-1] - 2]
    row = int(rows[0]) + 2 + int(change.argmin())
    out = layers.copy()
    if step < 0:
        out[:, 1 : row + 1] = layers[:, :row]
        out[:, 0] = 0
        return out
    if not index[0].any():  # the rows above move up by one
        out[:, :row] = layers[:, 1 : row + 1]
    else:
        out[:, row + 1 :] = layers[:, row:-1]
    return out
