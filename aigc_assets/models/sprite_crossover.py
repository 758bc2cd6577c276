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

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from aigc_assets.models.fsq_vae import FsqVae
from aigc_assets.models.sprite_maskgit import Condition, SpriteMaskgit, covers, sizes
from aigc_assets.models.sprite_sampling import Wish, dominant, pick_seeds
from aigc_assets.types.oklab import families, to_oklab

PARTNERS = 10
"""Second pictures that are tried for each first one."""
BAND = 1
"""Rows on either side of a seam that the prior redraws."""
TEMPERATURE = (0.6, 0.4)

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
    seed = int(torch.randint(2**62, (1,), generator=generator))
    random = np.random.Generator(np.random.Philox(seed))
    colours: NDArray[np.uint8] = tokeniser.colours.cpu().numpy()
    named = families(colours)
    found: list[list[Cross]] = []
    for wish in wishes:
        firsts = pick_seeds(prior, [wish] * tries, generator).tolist()
        crosses = []
        for first in firsts:
            near = pick_seeds(prior, [_label(prior, first)] * PARTNERS, generator).tolist()
            # Variants of one thing would give that thing again; where its sub-class has no others,
            # others of its kind lend their parts, and where there are none it gives itself.
            same = int(prior.seed_labels[first, 5])
            things = {n for n in near if int(prior.seed_labels[n, 5]) != same}
            if not things:
                near += pick_seeds(prior, [_of_kind(prior, first)] * PARTNERS, generator).tolist()
                things = {n for n in near if int(prior.seed_labels[n, 5]) != same}
            crosses.append(
                _best_cross(first, sorted(things or set(near)), prior, named, wish, random)
            )
        found.append(sorted(crosses, key=lambda cross: cross.cost))
    flat = [cross for crosses in found for cross in crosses]
    if mend:
        _mend(tokeniser, prior, [w for w in wishes for _ in range(tries)], flat, generator)
    lightness = to_oklab(colours)[:, 0]
    for cross in flat:
        things = {int(prior.seed_labels[n, 5]) for n in cross.parents}
        cross.index = _reshape(cross.index, lightness, random, 2 if len(things) > 1 else 4)
    shape = (len(wishes), tries, *prior.seed_images.shape[1:])
    return np.array([cross.index for cross in flat]).reshape(shape), found


def _label(prior: SpriteMaskgit, number: int) -> Wish:
    kind, subclass, *words = prior.seed_labels[number, :5].tolist()
    return Wish(kind, subclass, tuple(words))


def _of_kind(prior: SpriteMaskgit, number: int) -> Wish:
    none = len(prior.config.words)
    return Wish(int(prior.seed_labels[number, 0]), len(prior.config.subclasses), (none,) * 3)


def _best_cross(
    first: int, others: list[int], prior: SpriteMaskgit, named: NDArray[np.intp], wish: Wish,
    random: np.random.Generator,
) -> Cross:  # fmt: skip
    """The picture ``first`` joined with the one of ``others`` that fits it best, and a third."""
    turned: NDArray[np.uint8] = prior.turned.cpu().numpy()
    known: NDArray[np.uint8] = prior.seed_images.cpu().numpy()
    step = 1 if random.random() < 0.5 else -1  # mirrored alike, so that heads are on one side
    base = known[first][:, ::step]
    base = _turn_to(base, turned, named, wish, random)
    kind = prior.config.kinds[int(prior.seed_labels[first, 0])]
    best = Cross(base, np.zeros(base.shape, bool), 9.0, (first,))
    share = _families(base, named)
    partners = []
    for other in others:
        picture = known[other][:, ::step]
        hues = turned[:, picture]
        gaps = [float(np.abs(_families(hue, named) - share).sum()) for hue in hues]
        partners.append((other, hues[int(np.argmin(gaps))], 0.35 * min(gaps)))
    for way, fixed in _ways(base, kind, random):
        best = _joined(best, Cross(base, best.seam, 0.0, (first,)), partners, way, fixed, random)
    if kind in ("monster", "item") and best.cost < 9 and random.random() < 0.6:
        way, fixed = _ways(best.index, kind, random)[0]
        if not fixed:
            left = [p for p in partners if p[0] not in best.parents]
            worst = Cross(best.index, best.seam, 9.0, best.parents)
            third = _joined(worst, best, left, -way, fixed, random)
            best = third if third.cost < best.cost + 0.7 else best
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
        result: Picture = turned[int(np.argmax(np.round(shown, 3))), base]
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
    return [(y, False)]


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


def _moved(picture: Picture, down: int, right: int) -> Picture:
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


def _mend(
    tokeniser: FsqVae, prior: SpriteMaskgit, wishes: list[Wish], crosses: list[Cross],
    generator: torch.Generator,
) -> None:  # fmt: skip
    """Redraw the pixels of all seams; what is beside them is kept."""
    device = prior.seed_images.device
    pixels = torch.from_numpy(np.array([c.index for c in crosses])).long().to(device)
    seams = np.array([c.seam & (c.index > 0) for c in crosses])
    side = prior.config.side
    shape = (len(crosses), side, pixels.shape[1] // side, side, pixels.shape[2] // side)
    hidden = torch.from_numpy(seams.reshape(shape).any((2, 4))).to(device)
    codes = tokeniser.encode(pixels)
    blank = torch.tensor(prior.config.codes, device=device)[:, None, None]
    solid = pixels > 0
    condition = Condition(
        torch.tensor([w.kind for w in wishes], device=device),
        torch.tensor([w.subclass for w in wishes], device=device),
        torch.tensor([w.words for w in wishes], device=device),
        dominant(pixels, tokeniser.colours), sizes(solid), covers(solid),
    )  # fmt: skip
    filled, _ = prior.fill(
        torch.where(hidden[:, None], blank, codes), condition, generator,
        steps=(4, 2), temperature=TEMPERATURE,
    )  # fmt: skip
    logits = tokeniser.decode(filled).float()
    logits[:, 0] = -torch.inf  # the outline is that of the parts
    drawn = logits.argmax(1).cpu().numpy().astype(np.uint8)
    for cross, redrawn, seam in zip(crosses, drawn, seams, strict=True):
        inner = seam & (cv2.erode((cross.index > 0).astype(np.uint8), np.ones((3, 3))) > 0)
        cross.index = np.where(inner, redrawn, cross.index)


def _reshape(
    index: Picture, lightness: NDArray[np.float64], random: np.random.Generator, most: int
) -> Picture:
    """Up to ``most`` rows and columns less or more where little is lost; grounded and centred."""
    for axis in (0, 1):
        step = int(random.integers(-most, most + 1))
        for _ in range(abs(step)):
            index = _carve(index if axis == 0 else index.T, lightness, step)
            index = index if axis == 0 else index.T
    rows, columns = np.flatnonzero(index.any(1)), np.flatnonzero(index.any(0))
    if not len(rows):
        return index
    height, width = index.shape
    grounded = height - 1 - int(rows[-1])
    return _moved(index, grounded, (width - 1 - int(columns[-1]) - int(columns[0])) // 2)


def _carve(index: Picture, lightness: NDArray[np.float64], step: int) -> Picture:
    """One row less, or one doubled, where neighbouring rows are most alike."""
    rows = np.flatnonzero(index.any(1))
    if len(rows) < 14 or (step > 0 and len(rows) >= len(index)):
        return index
    light = np.where(index > 0, lightness[index], -0.5)
    change = np.abs(np.diff(light, axis=0)).sum(1)[rows[0] + 2 : rows[-1] - 2]
    row = int(rows[0]) + 2 + int(change.argmin())
    out = index.copy()
    if step < 0:
        out[1 : row + 1] = index[:row]
        out[0] = 0
        return out
    if not index[0].any():  # the rows above move up by one
        out[:row] = index[1 : row + 1]
    else:
        out[row + 1 :] = index[row:-1]
    return out
