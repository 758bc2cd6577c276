"""Redraws masked regions of a sheet: the prior fills in, in the colours of the sheet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.sheets.sheet_indices import (
    share_out,
    sheet_colours,
    to_own,
)
from aigc_assets.types import SpriteSheet

WINDOW = 32
STEP = 24
TRIES = 6
MAX_WINDOWS = 256
"""Windows of 32 px that one call redraws at most."""


def inpaint(
    sheet: SpriteSheet, mask: NDArray[np.bool_], *, seed: int = 0, kind: str | None = None
) -> SpriteSheet:
    """The sheet with what is masked drawn anew.

    Each frame is redrawn by itself, in windows of 32x32 px. Outside of the mask no pixel changes;
    inside, only colours of the sheet are used.

    Args:
        sheet: Any sheet whose palette has at most 256 colours.
        mask: True where the drawing is to be made up, [H, W] of the sheet's image.
        seed: Decides among what fits.
        kind: What it shows (monster, animal, item, effect), or None for any.

    Raises:
        UsageError: If the mask is not of the sheet's size, marks no pixel of a frame, marks too
            much, or the kind is not known.
    """
    import torch

    from aigc_assets.pipelines.characters.size32.creatures32 import networks
    from aigc_assets.pipelines.made import derive_seed

    mask = np.asarray(mask)
    if mask.shape != sheet.image.shape[:2] or mask.dtype != np.bool_:
        raise UsageError(
            f"a mask of {mask.dtype} {mask.shape}", where="mask",
            remedy=f"bool, {sheet.image.shape[:2]} like the sheet",
        )  # fmt: skip
    tokeniser, prior = networks()
    kinds = prior.config.kinds
    if kind is not None and kind not in kinds:
        raise UsageError(f"no kind {kind!r}", where="kind", remedy=f"one of: {', '.join(kinds)}")
    number = kinds.index(kind) if kind is not None else len(kinds)
    colours = sheet_colours(sheet)
    known: NDArray[np.uint8] = tokeniser.colours.numpy()
    rows = share_out(colours, known)
    windows = [(i, top, left) for i in range(len(sheet.frames))
               for top, left in _windows(_of_frame(sheet, mask, i))]  # fmt: skip
    if not windows:
        raise UsageError("the mask marks no pixel of a frame", where="mask")
    if len(windows) > MAX_WINDOWS:
        raise UsageError(f"{len(windows)} windows to redraw", where="mask",
                         remedy=f"mark less, up to {MAX_WINDOWS} windows a call")  # fmt: skip
    image = sheet.image.copy()
    table = np.zeros((len(colours) + 1, 4), np.uint8)
    table[:-1, :3], table[:-1, 3] = colours, 255
    for i, top, left in windows:
        x, y, w, h = sheet.frames[i].rect
        frame, hole = image[y : y + h, x : x + w], mask[y : y + h, x : x + w]
        own = _crop(to_own(frame, colours), top, left, -1)
        hidden = _crop(hole, top, left, False)
        source = torch.Generator().manual_seed(derive_seed(seed, "inpaint", f"{i},{top},{left}"))
        drawn = _redraw(tokeniser, prior, own, hidden, rows, number, source)
        bottom, right = min(h, top + WINDOW), min(w, left + WINDOW)
        part = (slice(max(0, top), bottom), slice(max(0, left), right))
        rows_in, columns_in = (slice(p.start - o, p.stop - o)
                               for p, o in zip(part, (top, left), strict=True))  # fmt: skip
        frame[part][hole[part]] = table[drawn[rows_in, columns_in]][hole[part]]
    return SpriteSheet(image, sheet.frames, sheet.tags, sheet.palette)


def _redraw(
    tokeniser: object, prior: object, own: NDArray[np.int64], hidden: NDArray[np.bool_],
    rows: NDArray[np.intp], kind: int, source: object,
) -> NDArray[np.int64]:  # fmt: skip
    """A window in sheet colours, [32, 32], of which only what is hidden is to be used."""
    import torch

    from aigc_assets.models.fsq_vae import FsqVae, Known
    from aigc_assets.models.sprite_crossover import typical
    from aigc_assets.models.sprite_maskgit import COVERS, SIZES, Condition, SpriteMaskgit, covers
    from aigc_assets.models.sprite_sampling import dominant

    assert isinstance(tokeniser, FsqVae)
    assert isinstance(prior, SpriteMaskgit)
    assert isinstance(source, torch.Generator)
    classes = np.concatenate([rows, [0]])
    pixels = torch.from_numpy(classes[_guess(own, hidden)])[None]
    mask = torch.from_numpy(hidden)
    cells = mask.view(8, 4, 8, 4).any(3).any(1)
    blank = torch.tensor(prior.config.codes)[:, None, None]
    codes = torch.where(cells, blank, tokeniser.encode(pixels))
    cover = torch.where(cells, COVERS, covers(pixels > 0))
    condition = Condition(
        torch.full((TRIES,), kind),
        torch.full((TRIES,), len(prior.config.subclasses)),
        torch.full((TRIES, 3), len(prior.config.words)),
        dominant(pixels, tokeniser.colours).expand(TRIES, 2),
        torch.full((TRIES, 3), SIZES),
        cover.expand(TRIES, 8, 8),
    )
    filled, _ = prior.fill(codes.expand(TRIES, 2, 8, 8), condition, source)
    palette = torch.zeros(1, tokeniser.config.classes, dtype=torch.bool)
    palette[0, classes] = True
    open_ = torch.where(mask, tokeniser.config.classes, pixels).expand(TRIES, -1, -1)
    known = Known(open_, palette.expand(TRIES, -1))
    drawn = tokeniser.draw(filled, known, source, temperature=0.6)
    fits = typical(tokeniser, drawn)
    best = drawn[int(np.argmax(np.round(fits, 3)))].numpy()
    ours = np.full(tokeniser.config.classes, -1)
    ours[rows[::-1]] = np.arange(len(rows))[::-1]
    result: NDArray[np.int64] = ours[best]
    return result


def _guess(own: NDArray[np.int64], hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The window with hidden pixels like the nearest known one, so that damage is not encoded."""
    if not hidden.any() or hidden.all():
        return np.where(hidden, -1, own)
    _, label = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    value = np.full(int(label.max()) + 1, -1, np.int64)
    value[label[~hidden]] = own[~hidden]
    return np.where(hidden, value[label], own)


def _of_frame(sheet: SpriteSheet, mask: NDArray[np.bool_], i: int) -> NDArray[np.bool_]:
    x, y, w, h = sheet.frames[i].rect
    return mask[y : y + h, x : x + w]


def _windows(hole: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Tops and lefts of the windows that cover the marked pixels of a frame; may be negative."""
    if not hole.any():
        return []
    found = []
    lines = [_starts(np.flatnonzero(hole.any(1 - axis)), hole.shape[axis], down=axis == 0)
             for axis in (0, 1)]  # fmt: skip
    for top in lines[0]:
        for left in lines[1]:
            part = hole[max(0, top) : top + WINDOW, max(0, left) : left + WINDOW]
            if part.any():
                found.append((top, left))
    return found


def _starts(marked: NDArray[np.intp], length: int, *, down: bool) -> list[int]:
    if length <= WINDOW:  # feet at the bottom and in the middle, as in training
        return [length - WINDOW if down else (length - WINDOW) // 2]
    first, last = int(marked[0]), int(marked[-1])
    start = min(max(0, first - (WINDOW - min(WINDOW, last - first + 1)) // 2), length - WINDOW)
    starts = [start]
    while starts[-1] + WINDOW <= last:
        starts.append(min(starts[-1] + STEP, length - WINDOW))
    return starts


def _crop(picture: NDArray, top: int, left: int, fill: object) -> NDArray:  # type: ignore[type-arg]
    height, width = picture.shape
    out = np.full((WINDOW, WINDOW), fill, picture.dtype)
    bottom, right = min(height, top + WINDOW), min(width, left + WINDOW)
    y, x = max(0, top), max(0, left)
    out[y - top : bottom - top, x - left : right - left] = picture[y:bottom, x:right]
    return out
