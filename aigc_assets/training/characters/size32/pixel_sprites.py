"""Curated 32 px pictures of monsters, animals, items and effects, as index maps of global colours.

The source draws figures with a flat black shadow on the ground, in any number of colours, some as
parts of others and some as mere recolourings. Here every picture stands free on the ground line, in
the same 47 colours, and pictures of one thing (numbered, recoloured, mirrored) share an identity,
so that what is held out is never a variant of what was learnt.

References:
    The tiles of Dungeon Crawl Stone Soup, github.com/crawl/tiles (CC0).
    Ottosson, "A perceptual color space for image processing" (2020), for OKLab.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size32.sprite_names import describe
from aigc_assets.types.oklab import from_oklab, nearest, to_oklab

SIDE = 32
COLOURS = 47
"""Global colours besides transparent, which is 0."""
KINDS = ("monster", "animal", "item", "effect")
SPLITS = ("train", "validation", "held-out")
_SHARES = (0.78, 0.86)
"""Where, of the identities of a kind in hashed order, validation and held-out begin."""
_MANY = 8
_FEWEST = {"monster": 90, "animal": 70, "item": 40, "effect": 36}
"""Opaque pixels below which a picture is dropped as near-empty."""
_MOST = 0.93
"""Share of opaque pixels above which a picture is a floor tile and no thing."""
_SAME = 0.66
"""`likeness` from which two pictures are of one thing."""
TURNS = (0, 60, 120, 180, 240, 300)
"""Degrees by which augmentation turns the hues of saturated colours."""
_NEUTRAL = 0.045
"""OKLab chroma below which a colour has no hue to turn."""

Indices = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class PixelSprites:
    """Pictures with labels, all in the same order.

    Args:
        images: Index maps, [N, 32, 32] uint8; 0 is transparent.
        colours: The global colours, [COLOURS + 1, 3] uint8, row 0 unused.
        turned: Per entry of `TURNS` the permutation of the indices, [R, COLOURS + 1] uint8.
        kind: Index into `KINDS`, [N] uint8.
        subclass: Such as ``undead`` or ``weapon``, N strings.
        words: What it is in words, N tuples.
        names: Path in the source, N strings.
        identity: Number of the thing it shows, [N] int64.
        split: Index into `SPLITS`, [N] uint8; pictures of an identity are in the same one.
    """

    images: Indices
    colours: NDArray[np.uint8]
    turned: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    subclass: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    identity: NDArray[np.int64]
    split: NDArray[np.uint8]

    def rows(self, split: str, kind: str | None = None) -> NDArray[np.intp]:
        """Rows of a split of `SPLITS`, of one kind or of all."""
        chosen = self.split == SPLITS.index(split)
        if kind is not None:
            chosen &= self.kind == KINDS.index(kind)
        return np.flatnonzero(chosen)

    def rgba(self, images: Indices | None = None) -> NDArray[np.uint8]:
        """Index maps [..., 32, 32] (all pictures by default) as [..., 32, 32, 4]."""
        table = np.zeros((len(self.colours), 4), np.uint8)
        table[1:, :3], table[1:, 3] = self.colours[1:], 255
        result: NDArray[np.uint8] = table[self.images if images is None else images]
        return result


def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read ``sprites/packed/dcss_32.*`` of the sources: arrays and description for a task."""
    sprites = read_sprites(sources)
    arrays: dict[str, np.ndarray] = {
        "images": sprites.images, "colours": sprites.colours, "turned": sprites.turned,
        "kind": sprites.kind, "identity": sprites.identity, "split": sprites.split,
    }  # fmt: skip
    info: dict[str, Any] = {
        "labels": [
            {"name": name, "subclass": subclass, "words": list(words)}
            for name, subclass, words in zip(
                sprites.names, sprites.subclass, sprites.words, strict=True
            )
        ],
        "sources": [
            {
                "folder": "sprites/dcss",
                "licence": "CC0-1.0",
                "attribution": "Dungeon Crawl Stone Soup tiles, https://github.com/crawl/tiles "
                "(CC0, ARTISTS.md)",
                "used_for": "32 px monsters, animals, items and effects",
            }
        ],
    }
    return arrays, info


def unpack(arrays: dict[str, np.ndarray], info: dict[str, Any]) -> PixelSprites:
    """The pictures that `pack` made.

    Raises:
        DataError: If arrays or labels are missing or do not fit each other.
    """
    try:
        labels = info["labels"]
        sprites = PixelSprites(
            arrays["images"], arrays["colours"], arrays["turned"], arrays["kind"],
            tuple(label["subclass"] for label in labels),
            tuple(tuple(label["words"]) for label in labels),
            tuple(label["name"] for label in labels),
            arrays["identity"], arrays["split"],
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise DataError(f"not packed 32 px pictures: {error}", remedy="pack the data again") from (
            error
        )
    if len(labels) != len(sprites.images):
        raise DataError("labels and pictures differ in number", remedy="pack the data again")
    return sprites


def read_sprites(sources: Path) -> PixelSprites:
    """Read, clean, name, quantise, group and split the pictures; the same bytes every time.

    Args:
        sources: The data folder that holds ``sprites/packed``.

    Raises:
        DataError: If the pictures are missing or are not what they should be.
    """
    path = sources / "sprites" / "packed" / "dcss_32.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            pictures = archive["img"]
        names = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read the pictures: {error}", where=str(path)) from error
    if pictures.shape != (len(names), SIDE, SIDE, 4) or pictures.dtype != np.uint8:
        raise DataError(f"expected [N, 32, 32, 4] uint8, got {pictures.shape}", where=str(path))
    return curate(pictures, names)


def curate(pictures: NDArray[np.uint8], names: list[str]) -> PixelSprites:
    """Curated pictures out of RGBA ones [N, 32, 32, 4] and their paths in the source."""
    rgb, opaque, kept = [], [], []
    for picture, name in zip(pictures, names, strict=True):
        label = describe(name)
        if label is None:
            continue
        colour, solid = stand_free(picture, framed=name.startswith("gui/"))
        if solid.sum() < _FEWEST[label.kind] or solid.mean() > _MOST:
            continue
        shift = ground(solid, centred=label.kind == "effect")
        rgb.append(np.roll(colour, shift, (0, 1)))
        opaque.append(np.roll(solid, shift, (0, 1)))
        kept.append((name, label))
    if not kept:
        raise DataError("no usable picture among the sources")
    colour_of, solid_of = np.array(rgb), np.array(opaque)
    colours = global_colours(colour_of, solid_of)
    images = to_indices(colour_of, solid_of, colours)
    kinds = np.array([KINDS.index(label.kind) for _, label in kept], np.uint8)
    identity = identities(images, colours, kinds, [label.thing for _, label in kept])
    first = _without_copies(images, identity)
    identity, kinds = np.unique(identity[first], return_inverse=True)[1], kinds[first]
    chosen = [kept[i] for i in first]
    things: dict[int, str] = {}
    for number, (name, _) in zip(identity.tolist(), chosen, strict=True):
        things[number] = min(things.get(number, name), name)
    return PixelSprites(
        images[first],
        colours,
        hue_turns(colours),
        kinds,
        tuple(label.subclass for _, label in chosen),
        tuple(label.words for _, label in chosen),
        tuple(name for name, _ in chosen),
        identity.astype(np.int64),
        _split(identity, kinds, things),
    )


def stand_free(
    picture: NDArray[np.uint8], *, framed: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colours and opaque pixels of a picture without its shadow.

    Shadows of the source are pure black, half-transparent or flat; an outline is the black that
    touches the figure. ``framed`` pictures lie on a black plate with a border, which goes too.
    """
    rgb, alpha = picture[..., :3], picture[..., 3]
    black = rgb.max(-1) <= 3
    solid = np.where(black, alpha >= 250, alpha >= 96)
    if framed:
        solid = solid.copy()
        solid[:3], solid[-3:], solid[:, :3], solid[:, -3:] = False, False, False, False
        black = rgb.max(-1) <= 34
    lit = solid & ~black
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    outline = solid & black & (cv2.dilate(lit.astype(np.uint8), cross) > 0)
    deep = solid & black & ~outline
    # Deep black that the outside can reach is shadow; deep black within the figure is drawn.
    count, parts = cv2.connectedComponents((deep | ~solid).astype(np.uint8), connectivity=4)
    reach = np.zeros(count, bool)
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        reach[edge] = True
    reach[0] = False
    shadow = deep & reach[parts]
    solid = solid & ~shadow
    if framed:
        solid &= lit | (cv2.dilate(lit.astype(np.uint8), cross) > 0)
    # Crumbs: parts of a pixel or two that hang on nothing.
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        solid.astype(np.uint8), connectivity=8
    )
    small = stats[:, cv2.CC_STAT_AREA] < 3
    small[0] = False
    return rgb, solid & ~small[parts]


def ground(solid: NDArray[np.bool_], *, centred: bool) -> tuple[int, int]:
    """Rows and columns by which a figure moves to the ground line, or to the middle."""
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    right = (SIDE - 1 - int(columns[-1]) - int(columns[0])) // 2
    if centred:
        return (SIDE - 1 - int(rows[-1]) - int(rows[0])) // 2, right
    return SIDE - 1 - int(rows[-1]), right


def global_colours(rgb: NDArray[np.uint8], solid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """`COLOURS` colours that serve all pictures, sorted by hue then lightness, row 0 unused.

    K-means in OKLab; a colour counts in a picture by the root of its pixels, so that large plain
    areas do not take all of them. The first greys stay pure.
    """
    values, weights = [], []
    for colour, mask in zip(rgb, solid, strict=True):
        coarse = colour[mask] & 0xFC | 2  # steps of 4 are too small to see
        unique, count = np.unique(coarse, axis=0, return_counts=True)
        values.append(unique)
        weights.append(np.sqrt(count))
    unique, inverse = np.unique(np.concatenate(values), axis=0, return_inverse=True)
    weight = np.bincount(inverse.ravel(), np.concatenate(weights))
    lab = to_oklab(unique)
    random = np.random.Generator(np.random.Philox(7))
    fixed = to_oklab(np.array([[4, 4, 6], [255, 255, 255]], np.uint8))
    centres = fixed.copy()
    while len(centres) < COLOURS:
        near = ((lab[:, None] - centres[None]) ** 2).sum(-1).min(1)
        chance = near * weight
        if chance.sum() < 1e-9:  # fewer colours than places: the rest are any
            more = random.integers(0, 256, (COLOURS - len(centres), 3)).astype(np.uint8)
            centres = np.concatenate([centres, to_oklab(more)])
            break
        pick = random.choice(len(lab), p=chance / chance.sum())
        centres = np.concatenate([centres, lab[pick : pick + 1]])
    for _ in range(40):
        label = ((lab[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
        mass = np.bincount(label, weight, COLOURS)
        for axis in range(3):
            total = np.bincount(label, weight * lab[:, axis], COLOURS)
            centres[:, axis] = np.where(mass > 0, total / np.maximum(mass, 1e-9), centres[:, axis])
        centres[:2] = fixed
    chroma = np.hypot(centres[:, 1], centres[:, 2])
    hue = np.degrees(np.arctan2(centres[:, 2], centres[:, 1])) % 360
    family = np.where(chroma < _NEUTRAL, -1, hue // 30)
    order = np.lexsort((centres[:, 0], family))
    colours = np.zeros((COLOURS + 1, 3), np.uint8)
    colours[1:] = from_oklab(centres[order])
    return colours


def to_indices(
    rgb: NDArray[np.uint8], solid: NDArray[np.bool_], colours: NDArray[np.uint8]
) -> Indices:
    """Index maps [N, H, W] of pictures [N, H, W, 3] in the OKLab-nearest global colours."""
    unique, inverse = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True)
    index = np.concatenate([nearest(colours[1:], part) for part in np.array_split(unique, 64)])
    images = (index[inverse.ravel()] + 1).astype(np.uint8).reshape(rgb.shape[:-1])
    return np.where(solid, images, np.uint8(0))


def hue_turns(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Per entry of `TURNS`, a permutation of the indices that turns saturated hues by so much.

    Greys stay. Which colour goes where is the assignment of least total OKLab distance.
    """
    lab = to_oklab(colours)
    coloured = [i for i in range(1, len(colours)) if np.hypot(lab[i, 1], lab[i, 2]) >= _NEUTRAL]
    table = np.tile(np.arange(len(colours), dtype=np.uint8), (len(TURNS), 1))
    for row, turn in enumerate(TURNS):
        angle = np.deg2rad(turn)
        turned = lab.copy()
        turned[:, 1] = lab[:, 1] * np.cos(angle) - lab[:, 2] * np.sin(angle)
        turned[:, 2] = lab[:, 1] * np.sin(angle) + lab[:, 2] * np.cos(angle)
        # Lightness counts double: a turned picture keeps its shading.
        weight = np.array([4.0, 1.0, 1.0])
        pick = np.array(coloured)
        cost = (((turned[pick, None] - lab[None, pick]) ** 2) * weight).sum(-1)
        table[row, pick] = pick[_assign(cost)]
    return table


def _assign(cost: NDArray[np.float64]) -> list[int]:
    """Column of each row so that the total cost [n, n] is least.

    References:
        Kuhn, "The Hungarian method for the assignment problem" (1955), here by shortest paths.
    """
    count = len(cost)
    of_row, of_column = np.zeros(count + 1), np.zeros(count + 1)
    owner = [count] * (count + 1)  # row of each column; column `count` starts a path
    for row in range(count):
        owner[count], column = row, count
        least, before = np.full(count, np.inf), [count] * count
        used = np.zeros(count + 1, bool)
        while owner[column] != count:
            used[column] = True
            here = owner[column]
            slack = cost[here] - of_row[here] - of_column[:count]
            for j in np.flatnonzero(~used[:count] & (slack < least)):
                least[j], before[j] = slack[j], column
            nearest_column = int(np.where(used[:count], np.inf, least).argmin())
            step = least[nearest_column]
            for j in np.flatnonzero(used):
                of_row[owner[j]] += step
                of_column[j] -= step
            least[~used[:count]] -= step
            column = nearest_column
        while column != count:
            owner[column], column = owner[before[column]], before[column]
    target = [0] * count
    for column, row in enumerate(owner[:count]):
        target[row] = column
    return target


def identities(
    images: Indices, colours: NDArray[np.uint8], kinds: NDArray[np.uint8], things: list[str]
) -> NDArray[np.int64]:
    """Number of the thing that each picture shows, [N].

    Pictures are of one thing if their names say so or if they look alike in form and shading, up to
    colour, a mirror and a shift of one pixel.
    """
    count = len(images)
    alike = likeness(images, images, colours) > _SAME
    alike &= kinds[:, None] == kinds[None]
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    seen: dict[str, int] = {}
    for i, thing in enumerate(things):
        parent[root(i)] = root(seen.setdefault(thing, i))
    for i, j in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
        parent[root(int(j))] = root(int(i))
    roots = [root(i) for i in range(count)]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def likeness(images: Indices, others: Indices, colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How alike pictures are in form and shading, whatever their colours, [N, M] up to 1.

    Overlap of the silhouettes times the correlation of lightness within them, at the best of a
    mirror and shifts of up to a pixel.

    Args:
        images: [N, H, W].
        others: [M, H, W].
        colours: The global colours.
    """
    lightness = to_oklab(colours)[:, 0].astype(np.float32)

    def flat(picture: Indices) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        solid = (picture > 0).astype(np.float32).reshape(len(picture), -1)
        light = lightness[picture].reshape(len(picture), -1) * solid
        mean = light.sum(1, keepdims=True) / np.maximum(solid.sum(1, keepdims=True), 1)
        light = (light - mean) * solid
        return solid, light / np.maximum(np.linalg.norm(light, axis=1, keepdims=True), 1e-6)

    form, shade = flat(images)
    best = np.full((len(images), len(others)), -1, np.float32)
    for mirrored in (others, others[:, :, ::-1]):
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                other, light = flat(np.roll(mirrored, (down, right), (1, 2)))
                both = form @ other.T
                overlap = both / np.maximum(form.sum(1)[:, None] + other.sum(1) - both, 1)
                np.maximum(best, overlap * (shade @ light.T), out=best)
    return best


def _without_copies(images: Indices, identity: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rows whose picture no earlier one of the same thing repeats, up to a mirror."""
    seen: set[bytes] = set()
    kept = []
    for i, image in enumerate(images):
        mirrored = np.roll(image[:, ::-1], ground(image[:, ::-1] > 0, centred=True)[1], 1)
        key = min(image.tobytes(), mirrored.tobytes()) + bytes(str(identity[i]), "ascii")
        if key not in seen:
            seen.add(key)
            kept.append(i)
    return np.array(kept)


def _split(
    identity: NDArray[np.intp], kinds: NDArray[np.uint8], things: dict[int, str]
) -> NDArray[np.uint8]:
    """Per kind, identities in the order of a hash of their name are cut at `_SHARES`.

    Things of `_MANY` and more variants are for training: held out they would be most of it, and
    some are all there is of a sub-class.
    """
    split = np.zeros(len(identity), np.uint8)
    for kind in np.unique(kinds):
        members = sorted(
            set(identity[kinds == kind].tolist()),
            key=lambda number: hashlib.sha256(re.sub(r"\d", "", things[number]).encode()).digest(),
        )
        for place, number in enumerate(members):
            many = int((identity == number).sum()) >= _MANY
            part = 0 if many else int(np.searchsorted(_SHARES, (place + 0.5) / len(members)))
            split[identity == number] = part
    return split
