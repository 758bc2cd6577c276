"""The user's own drawings as training data of the tokeniser and prior, from 30 drawings up.

Drawings are put onto the ground line of a frame of their size. The numbers of the shipped
tokeniser's colours are given to the drawings' own colours, each to one that it resembles, so that
what the tokeniser knows of light and shade still holds. Things are parted into what is learnt and
what is held out, and drawings that look alike stay together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.models.own_drawings import CANVAS, SIDES, OwnDrawings, onto_canvas
from aigc_assets.training.characters.drawings.classes import Vocabulary, own_classes
from aigc_assets.training.characters.drawings.files import READ, Drawing, Report, read_drawings
from aigc_assets.training.characters.drawings.files.words_file import WORDS_FILE
from aigc_assets.training.characters.size32.pixel_sprites import (
    KINDS,
    SPLITS,
    identities,
    to_indices,
)
from aigc_assets.types.oklab import nearest, to_oklab

FEWEST = 30
"""Drawings that are enough to learn from."""
MOST = 3000
"""Drawings that are learnt from; of more every so-manieth is taken."""
_MOST_FIT = 0.9
"""Share of the drawings that fit the frame, unless its side is given; larger ones are left out."""
LICENCE = "LicenseRef-own-drawings"
MOST_COLOURS = 64
_MIXED = 0.25
"""Share of the drawings that fit a frame of half the side, from which on sizes are mixed."""
_FULL = 0.97
_VARIANTS = 0.5
"""Things in a file, over its drawings, up to which all of it shows one thing, in motion say."""
_MERGED, _STRETCHED = 0.02, 0.1
"""OKLab distances: of own colours that share a number, and by how much a number may be a worse fit
than the best, so that two own colours keep apart."""
_LOOKED_AT = 256
"""Own colours, the most used, that a number is looked for."""


def pack_drawings(
    folder: Path,
    vocabulary: Vocabulary,
    cell: tuple[int, int] | None = None,
    side: int | None = None,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any], Report]:
    """Read a folder of drawings into the arrays that the models of single pictures learn from.

    Args:
        folder: See `aigc_assets.training.characters.drawings.files.read_drawings`.
        vocabulary: Of the shipped models.
        cell: Width and height of the cells of sheets, or None.
        side: Of the frame of every drawing, of `SIDES`; by default the smallest that holds most.

    Returns:
        Arrays and description as `size32.pixel_sprites.unpack` reads them, with ``palette``
        [N, 3], the colours of the drawings, and ``own_drawings``; and what became of the files.

    Raises:
        UsageError: If fewer than `FEWEST` drawings are left.
        DataError: If the folder cannot be read.
    """
    drawings, report = read_drawings(folder, cell)
    side = side or _side(drawings, report)
    placed = _without_copies(_placed(drawings, side, report), report)
    if len(placed) < FEWEST:
        raise _too_few(len(placed), drawings, side, folder, report)
    if len(placed) > MOST:
        report.guesses.append(("", f"of {len(placed)} drawings {MOST} are learnt from"))
        placed = [placed[i * len(placed) // MOST] for i in range(MOST)]
    frames = np.array([frame for _, frame in placed])
    solid = frames[..., 3] > 0
    colours = own_colours(frames, vocabulary.colours)
    small = to_indices(frames[..., :3], solid, colours)
    colours = _without_others(colours, small)
    images = onto_canvas(small, side)
    names = [drawing.name for drawing, _ in placed]
    report.kept = files = [drawing.file for drawing, _ in placed]
    told = [drawing.told for drawing, _ in placed]
    labels, words = own_classes(told, vocabulary)
    known = [
        label.subclass or any(vocabulary.describe(text))
        for text, label in zip(told, labels, strict=True)
    ]
    kinds = np.array([KINDS.index(label.kind) for label in labels], np.uint8)
    identity = _identity(images, colours, names, files)
    split, fair = _split(identity)
    kind_names = [KINDS[k] for k in np.argsort(-np.bincount(kinds, minlength=4), kind="stable")]
    kind_names = [name for name in kind_names if (kinds == KINDS.index(name)).any()]
    own = OwnDrawings(side, tuple(kind_names), words)
    held = int((split == SPLITS.index("held-out")).sum())
    shown = [f"{int((kinds == KINDS.index(name)).sum())} {name}" for name in kind_names]
    notes = [
        f"learnt from {len(placed)} drawings of {len(set(files))} files of the user's own, in "
        f"frames of {side} px, {held} of them ({held / len(placed):.0%}) held out"
        + ("" if fair else "; they look so alike that held-out ones resemble those learnt from"),
        f"they show, by their names: {', '.join(shown)}"
        + (f"; words of their own: {', '.join(words)}" if words else ""),
        f"they are drawn in {_count(frames)} colours, learnt in {len(np.unique(small)) - 1}: "
        f"{colour_error(frames, small, colours):.3f} off on average (OKLab; 0.02 is hardly seen)",
        f"dropped: {report.reasons() or 'none'}",
    ]
    if sum(not k for k in known) > len(placed) // 3:
        note = f"the names of {sum(not k for k in known)} drawings say nothing of what they show"
        report.guesses.append(("", f"{note}: name files or folders, or write a {WORDS_FILE}"))
    arrays: dict[str, NDArray[Any]] = {
        "images": images,
        "colours": colours,
        "turned": vocabulary.turned,
        "kind": kinds,
        "identity": identity,
        "split": split,
        "palette": palette(frames),
    }
    info = {
        "labels": [
            {"name": name, "subclass": label.subclass, "words": list(label.words)}
            for name, label in zip(names, labels, strict=True)
        ],
        "sources": [
            {
                "folder": folder.resolve().name,
                "licence": LICENCE,
                "attribution": "",
                "used_for": f"{len(placed)} drawings, to go on from the shipped weights",
            }
        ],
        "notes": notes,
        "own_drawings": own.as_json(),
        "fine_tune": True,
    }
    return arrays, info, report


def _too_few(
    count: int, drawings: list[Drawing], side: int, folder: Path, report: Report
) -> UsageError:
    reasons = report.reasons()
    reach = [max(drawing.picture.shape[:2]) for drawing in drawings]
    remedy = f"put more {', '.join(READ[:2])} or {READ[2]} files there"
    if count + sum(side < r <= SIDES[-1] for r in reach) >= FEWEST:
        remedy = f"give a larger --size, of {', '.join(map(str, SIDES))}"
    elif count + sum(r > SIDES[-1] for r in reach) >= FEWEST:
        remedy = f"draw them in at most {SIDES[-1]}x{SIDES[-1]} px: larger ones are not learnt"
    return UsageError(
        f"{count} usable drawings, at least {FEWEST} are needed"
        + (f"; dropped: {reasons}" if reasons else ""),
        where=str(folder),
        remedy=remedy,
    )


def own_colours(frames: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The model's colours [K, 3], those that the drawings use replaced by the drawings' own.

    The most used of the drawings' colours choose first; each takes the most similar number that is
    left, unless a colour like it has one already or none is similar.

    Args:
        frames: Drawings, [N, H, W, 4].
        colours: Of the shipped tokeniser, row 0 unused.
    """
    used, count = np.unique(frames[frames[..., 3] > 0][:, :3], axis=0, return_counts=True)
    used = used[np.argsort(-count, kind="stable")][:_LOOKED_AT]
    lab, known = to_oklab(used), to_oklab(colours[1:])
    gap = np.linalg.norm(lab[:, None] - known[None], axis=2)
    free = np.ones(len(known), bool)
    result, taken = colours.copy(), np.zeros(len(used), bool)
    for number, colour in enumerate(used):
        if taken.any() and np.linalg.norm(lab[taken] - lab[number], axis=1).min() < _MERGED:
            continue
        place = int(np.where(free, gap[number], np.inf).argmin())
        if free.any() and gap[number, place] <= gap[number].min() + _STRETCHED:
            result[place + 1], free[place], taken[number] = colour, False, True
    return result


def _without_others(colours: NDArray[np.uint8], images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The table [K, 3] in which numbers that no drawing uses look like the nearest that one does.

    So whatever is drawn is drawn in the drawings' colours.
    """
    used = np.unique(images[images > 0])
    result = colours[used[nearest(colours[used], colours)]]
    result[used] = colours[used]
    return result


def _count(frames: NDArray[np.uint8]) -> int:
    return len(np.unique(frames[frames[..., 3] > 0][:, :3], axis=0))


def _identity(
    images: NDArray[np.uint8], colours: NDArray[np.uint8], names: list[str], files: list[str]
) -> NDArray[np.int64]:
    """Number of the thing that each drawing shows: what looks alike is one, whatever its name.

    A file of which most drawings look alike shows one thing.
    """
    kinds = np.zeros(len(images), np.uint8)
    alike = identities(images, colours, kinds, names)
    number = np.unique(files, return_inverse=True)[1].ravel()
    sure = list(names)
    for file in range(number.max() + 1):
        rows = np.flatnonzero(number == file)
        if len(rows) > 1 and len(np.unique(alike[rows])) <= _VARIANTS * len(rows):
            for row in rows:
                sure[row] = files[row]
    # Joined by what looks alike and by the files: the least number that is reached.
    thing = np.unique(sure, return_inverse=True)[1].ravel()
    result = alike
    while True:
        least = np.full(thing.max() + 1, len(images))
        np.minimum.at(least, thing, result)
        through = np.full(alike.max() + 1, len(images))
        np.minimum.at(through, alike, least[thing])
        if np.array_equal(through[alike], result):
            return np.unique(result, return_inverse=True)[1].ravel().astype(np.int64)
        result = through[alike]


def palette(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours that frames [N, H, W, 4] are drawn in, the most used `MOST_COLOURS`, by light."""
    used, count = np.unique(frames[frames[..., 3] > 0][:, :3], axis=0, return_counts=True)
    chosen = used[np.argsort(-count, kind="stable")[:MOST_COLOURS]]
    result: NDArray[np.uint8] = chosen[np.argsort(to_oklab(chosen)[:, 0], kind="stable")]
    return result


def colour_error(
    frames: NDArray[np.uint8], images: NDArray[np.uint8], colours: NDArray[np.uint8]
) -> float:
    """Mean OKLab distance of the drawn pixels from what the model has for them."""
    solid = frames[..., 3] > 0
    gap = to_oklab(frames[solid][:, :3]) - to_oklab(colours[images[solid]])
    return float(np.linalg.norm(gap, axis=1).mean())


def _side(drawings: list[Drawing], report: Report) -> int:
    """The smallest of `SIDES` that holds most of the drawings that any of them holds.

    Where many would fit a smaller one, that is said: a model draws figures of one size best.
    """
    reach = np.array([max(drawing.picture.shape[:2]) for drawing in drawings])
    reach = reach[reach <= SIDES[-1]]
    fits = (side for side in SIDES if len(reach) and (reach <= side).mean() >= _MOST_FIT)
    side = next(fits, SIDES[-1])
    for small in (s for s in SIDES if 2 * s <= side):
        count = int((reach <= small).sum())
        if FEWEST <= count > _MIXED * len(reach):
            report.guesses.append(("", f"frames of {side} px hold most drawings, but {count} of "
                                       f"{len(reach)} would fit {small} px: --size {small} learns "
                                       "from those alone"))  # fmt: skip
    return side


def _placed(
    drawings: list[Drawing], side: int, report: Report
) -> list[tuple[Drawing, NDArray[np.uint8]]]:
    """Drawings that fit, on the ground line of a frame [side, side, 4]."""
    area: dict[str, list[int]] = {}
    for drawing in drawings:
        height, width = drawing.picture.shape[:2]
        area.setdefault(drawing.file, [0, 0])[max(height, width) > CANVAS] += height * width
    placed = []
    for drawing in drawings:
        picture = drawing.picture
        height, width = picture.shape[:2]
        if max(height, width) > side:
            reason = f"too large: {width}x{height} px, frames have {side}x{side}"
            report.dropped.append((drawing.name, reason))
            continue
        fits, large = area[drawing.file]
        if large > fits:
            report.dropped.append((drawing.name, "a piece: the figures of its file are too large"))
            continue
        frame = np.zeros((side, side, 4), np.uint8)
        left = (side - width) // 2
        frame[side - height :, left : left + width] = picture
        if (frame[..., 3] > 0).mean() > _FULL:
            report.dropped.append((drawing.name, "fills its frame: a tile and no figure"))
            continue
        placed.append((drawing, frame))
    return placed


def _without_copies(
    placed: list[tuple[Drawing, NDArray[np.uint8]]], report: Report
) -> list[tuple[Drawing, NDArray[np.uint8]]]:
    """Those that no earlier one repeats, up to a shift and a mirror."""
    seen: dict[bytes, str] = {}
    kept = []
    for drawing, frame in placed:
        picture = drawing.picture
        shape = str(picture.shape).encode()
        key = shape + min(picture.tobytes(), picture[:, ::-1].tobytes())
        if key in seen:
            report.dropped.append((drawing.name, f"a copy: of {seen[key]}"))
        else:
            seen[key] = drawing.name
            kept.append((drawing, frame))
    return kept


def _split(identity: NDArray[np.int64]) -> tuple[NDArray[np.uint8], bool]:
    """The part of each drawing, and whether no thing is in two of them.

    About a sixth is held out and a tenth validates, by things; where there are hardly any, by the
    order of the drawings.
    """
    count = len(identity)
    split = np.zeros(count, np.uint8)
    order = np.random.Generator(np.random.Philox(11)).permutation(np.unique(identity))
    size = np.bincount(identity)
    left = order.tolist()
    for part, share in ((SPLITS.index("held-out"), 1 / 6), (SPLITS.index("validation"), 0.1)):
        taken = 0
        for thing in list(left):
            # A thing of very many drawings is for learning.
            if taken < share * count and size[thing] <= 2 * share * count:
                split[identity == thing] = part
                taken += int(size[thing])
                left.remove(thing)
    if all((split == part).any() for part in range(3)):
        return split, True
    split[:] = 0
    split[count - max(1, count // 6) :] = SPLITS.index("held-out")
    split[: max(1, count // 10)] = SPLITS.index("validation")
    return split, False
