"""The user's own drawings as training data of the 32 px tokeniser and prior, from 30 drawings up.

Drawings are put onto the ground line of a 32 px frame and told in the colours of the shipped
tokeniser; files are parted into what is learnt and what is held out, and drawings that look alike
stay together.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.training.characters.drawings.files import READ, Drawing, Report, read_drawings
from aigc_assets.training.characters.size32.pixel_sprites import (
    KINDS,
    SIDE,
    SPLITS,
    identities,
    to_indices,
)
from aigc_assets.types.oklab import to_oklab

FEWEST = 30
"""Drawings that are enough to learn from."""
MOST = 2000
"""Drawings that are learnt from; of more every so-manieth is taken."""
SMALL = 16
"""Files whose drawings all fit into so many px are of the smaller tier and are doubled."""
LICENCE = "LicenseRef-own-drawings"
MOST_COLOURS = 64
_FULL = 0.97
_MANY_FILES = 6
"""From so many files on a file is in one part as a whole."""
_NOUNS = {
    "monster": "monster monsters enemy enemies creature creatures character characters hero heroes "
    "npc npcs player people boss bosses",
    "animal": "animal animals pet pets beast beasts",
    "item": "item items weapon weapons potion potions icon icons object objects loot prop props",
    "effect": "effect effects fx vfx spell spells particle particles",
}
_KIND_OF = {word: kind for kind, words in _NOUNS.items() for word in words.split()}


class Vocabulary:
    """What the shipped models know: colours, hue turns, sub-classes with their kinds, words.

    Args:
        colours: The global colours, [K, 3] uint8, row 0 unused.
        turned: Permutations of their numbers, [R, K] uint8.
        kind_of: Kind of each sub-class.
        words: Other words.
    """

    def __init__(
        self,
        colours: NDArray[np.uint8],
        turned: NDArray[np.uint8],
        kind_of: dict[str, str],
        words: tuple[str, ...] = (),
    ):
        self.colours, self.turned = colours, turned
        self.kind_of, self.words = kind_of, frozenset(words)

    def describe(self, name: str) -> tuple[str, str, tuple[str, ...]]:
        """Kind, sub-class (or '') and words of a drawing, from the words of its path."""
        said = re.findall(r"[a-z]+", name.lower())
        known = [w if w in self.kind_of or w in self.words else w.removesuffix("s") for w in said]
        subclass = next((w for w in reversed(known) if w in self.kind_of), "")
        kind = next((_KIND_OF[w] for w in said if w in _KIND_OF), "")
        kind = kind or self.kind_of.get(subclass, "monster")
        return kind, subclass, tuple(dict.fromkeys(w for w in known if w in self.words))


def pack_drawings(
    folder: Path, vocabulary: Vocabulary, cell: tuple[int, int] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any], Report]:
    """Read a folder of drawings into the arrays that the 32 px models learn from.

    Args:
        folder: See `aigc_assets.training.characters.drawings.files.read_drawings`.
        vocabulary: Of the shipped models.
        cell: Width and height of the cells of sheets, or None.

    Returns:
        Arrays and description as `size32.pixel_sprites.unpack` reads them, with ``palette``
        [N, 3], the colours of the drawings; and what became of the files.

    Raises:
        UsageError: If fewer than `FEWEST` drawings are left.
        DataError: If the folder cannot be read.
    """
    drawings, report = read_drawings(folder, cell)
    placed = _without_copies(_placed(drawings, report), report)
    if len(placed) < FEWEST:
        reasons = report.reasons()
        raise UsageError(
            f"{len(placed)} usable drawings, at least {FEWEST} are needed"
            + (f"; dropped: {reasons}" if reasons else ""),
            where=str(folder),
            remedy=f"put more {' or '.join(READ[:2])} files there",
        )
    if len(placed) > MOST:
        report.guesses.append(f"of {len(placed)} drawings {MOST} are learnt from")
        placed = [placed[i * len(placed) // MOST] for i in range(MOST)]
    frames = np.array([frame for _, frame in placed])
    solid = frames[..., 3] > 0
    images = to_indices(frames[..., :3], solid, vocabulary.colours)
    labels = [vocabulary.describe(drawing.name) for drawing, _ in placed]
    kinds = np.array([KINDS.index(kind) for kind, _, _ in labels], np.uint8)
    files = [drawing.file for drawing, _ in placed]
    together = len(set(files)) >= _MANY_FILES
    things = files if together else [drawing.name for drawing, _ in placed]
    # What looks alike is one thing whatever it is called.
    identity = identities(images, vocabulary.colours, np.zeros_like(kinds), things)
    split, fair = _split(identity)
    error = colour_error(frames, images, vocabulary.colours)
    notes = [
        f"learnt from {len(placed)} drawings of {len(set(files))} files of the user's own, "
        f"{int((split == SPLITS.index('held-out')).sum())} of them held out"
        + ("" if fair else "; they look so alike that held-out ones resemble those learnt from"),
        f"their colours lie {error:.3f} (mean OKLab distance) from the colours of the model",
        f"dropped: {report.reasons() or 'none'}",
    ]
    arrays: dict[str, NDArray[Any]] = {
        "images": images,
        "colours": vocabulary.colours,
        "turned": vocabulary.turned,
        "kind": kinds,
        "identity": identity,
        "split": split,
        "palette": palette(frames),
    }
    info = {
        "labels": [
            {"name": drawing.name, "subclass": subclass, "words": list(words)}
            for (drawing, _), (_, subclass, words) in zip(placed, labels, strict=True)
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
        "fine_tune": True,
    }
    return arrays, info, report


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


def _placed(drawings: list[Drawing], report: Report) -> list[tuple[Drawing, NDArray[np.uint8]]]:
    """Drawings that fit, on the ground line of a frame [SIDE, SIDE, 4], of small files doubled."""
    reach: dict[str, int] = {}
    for drawing in drawings:
        reach[drawing.file] = max(reach.get(drawing.file, 0), *drawing.picture.shape[:2])
    doubled = sorted(name for name, side in reach.items() if side <= SMALL)
    if doubled:
        shown = ", ".join(PurePosixPath(name).name for name in doubled[:3])
        report.guesses.append(
            f"{len(doubled)} files hold drawings of at most {SMALL} px, which are doubled: {shown}"
            + (", ..." if len(doubled) > 3 else "")
        )
    small, placed = set(doubled), []
    for drawing in drawings:
        picture = drawing.picture
        height, width = picture.shape[:2]
        if max(height, width) > SIDE:
            reason = f"too large: {width}x{height} px, at most {SIDE}x{SIDE} are drawn"
            report.dropped.append((drawing.name, reason))
            continue
        if drawing.file in small:
            picture = picture.repeat(2, 0).repeat(2, 1)
            height, width = picture.shape[:2]
        frame = np.zeros((SIDE, SIDE, 4), np.uint8)
        left = (SIDE - width) // 2
        frame[SIDE - height :, left : left + width] = picture
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
