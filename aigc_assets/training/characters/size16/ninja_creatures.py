"""16 px monsters and animals, and the shapes between them.

A creature is a body, a face and a crest. Between two bodies lies a third: signed distances to the
two outlines are mixed, the skin of the first is stretched over the new shape row by row, its legs,
arms and tail are kept, eyes are set in and horns put on whole, and the outline is drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size16.ninja_people import (
    DIRECTIONS,
    SIZE,
    closest,
    hexadecimal,
    read_picture,
)

CLASSES: tuple[str, ...] = (
    "transparent", "outline", "body 1", "body 2", "body 3", "mark 1", "mark 2", "mark 3",
    "white", "glow",
)  # fmt: skip
"""Slots: ``mark`` is the second colour (a belly, a cap, a beak), ``glow`` eyes and combs."""
OUTLINE, BODY, MARK, WHITE, GLOW = 1, 2, 5, 8, 9
FRAMES = 4
POSES: tuple[tuple[str, str], ...] = (
    *((f"walk {frame}", direction) for direction in DIRECTIONS for frame in range(FRAMES)),
    ("side 0", "left"),
    ("side 1", "left"),
)
"""Monsters have the walk; animals sit and run, seen from the side."""
MONSTER_POSES, SIDE_POSES = range(16), range(16, 18)


@dataclass(frozen=True)
class Hues:
    """Colours of one creature by role, each ramp from dark to light.

    Args:
        words: What a prompt may call it.
        body: Ramp of the body.
        mark: Ramp of the second colour.
        white: Whites of the eyes, teeth.
        glow: Coloured eyes, comb.
        shadow: Ground shadow, which is left out.
        held_out: Whether training never sees it.
    """

    words: str
    body: str
    mark: str = ""
    white: str = ""
    glow: str = ""
    shadow: str = ""
    held_out: bool = False


MONSTERS: Mapping[str, Hues] = {
    "Axolot": Hues("axolotl lizardling imp", "8f3e56 e46d3a ffad5d"),
    "Bamboo": Hues("bamboo plant treant golem", "56864c 74a334 adbc3a"),
    "Beast": Hues("beast ogre bear brute troll yeti", "8f3e56 d14b34 ef914f", white="ffffff"),
    "Butterfly": Hues("bat butterfly imp winged", "e0394c ffad5d", "fce2ca"),
    "Cyclope": Hues("cyclops goblin eye", "8f3e56 e0394c e46d3a", white="c8966b fce2ca"),
    "Dragon": Hues("dragon wyvern drake dinosaur", "56864c 74a334 adbc3a", white="ffffff"),
    "Eye": Hues(
        "eye eyeball beholder watcher", "548789 79b8ce", "", "f2eaf1 fce2ca ffffff", "e46d3a ef914f"
    ),
    "FishRed": Hues("fish piranha", "8f3e56 e0394c", white="fce2ca", held_out=True),
    "Flam": Hues("flame fire elemental", "e0394c e46d3a ef914f", white="fce2ca"),
    "Larva": Hues("larva beetle bug insect", "56864c a8a129", "e0394c"),
    "Lizard": Hues("lizard skull crawler undead", "74a334 adbc3a", "fce2ca"),
    "Mollusc2": Hues("mollusc turtle shell crab", "56864c a8a129", "e0394c f2ad7d fce2ca"),
    "Mouse": Hues("mouse rat rodent", "965340", "f2ad7d"),
    "Mushroom": Hues("mushroom fungus myconid", "8f3e56 e0394c f2eaf1", "5f7160 9ba7aa"),
    "Octopus": Hues("octopus kraken tentacle", "56864c 74a334 adbc3a", "ffe18d"),
    "Owl": Hues("owl bird harpy", "d14b34 ffad5d", "8d977f fce2ca"),
    "Racoon": Hues("racoon tanuki fox", "8f3e56 d14b34 f2ad7d", white="ffffff", held_out=True),
    "Reptile2": Hues("reptile frog toad kobold", "56864c 74a334 adbc3a", white="fce2ca"),
    "Skull": Hues("skull undead mask", "e0394c e46d3a", "f2eaf1"),
    "Slime2": Hues("slime blob jelly ooze", "74a334 adbc3a f2eaf1", "", "", "e0394c", "56864c"),
    "Slime3": Hues("slime blob jelly", "548789 79b8ce f2eaf1", "", "", "", "4a5270"),
    "Slime4": Hues("slime blob ooze angry", "74a334 adbc3a f2eaf1", "", "", "e0394c", "56864c"),
    "Snake": Hues("snake cobra serpent naga", "e0394c e46d3a", "8d977f ffad5d fce2ca"),
    "Snake4": Hues("snake worm serpent hydra", "543c52 8f3e56 e0394c", white="ffffff"),
    "Spirit": Hues("spirit ghost wisp phantom", "9ba7aa 79b8ce ffffff", shadow="8f3e56"),
}
ANIMALS: Mapping[str, tuple[str, Hues]] = {
    "Cat": ("Cat/SpriteSheet", Hues("cat kitten", "d14b34 d78b4a f1c471")),
    "Chicken": (
        "Chicken/SpriteSheetBrown",
        Hues("chicken hen rooster bird", "8f3e56 d14b34", "d78b4a ffad5d", "", "e0394c"),
    ),
    "Chick": (
        "Chicken/SpriteSheetCute",
        Hues("chick duckling duck bird", "4e484a 5f7160", "d78b4a ffad5d", "", "e0394c"),
    ),
    "Cub": (
        "Cub/SpriteSheet",
        Hues("cub bear lion tiger", "d78b4a f1c471", "8f3e56 d14b34 e0394c"),
    ),
    "Dog": ("Dog/SpriteSheet", Hues("dog puppy hound", "8f3e56 d14b34 ef914f")),
    "Dog2": ("Dog2/SpriteSheet", Hues("dog wolf fox hound", "a5608b d3a2c0 f2eaf1")),
    "Frog": ("Frog/SpriteSheet", Hues("frog toad", "56864c a8a129", "abc2bc e3f1f5", "", "e0394c")),
    "Monkey": ("Monkey/SpriteSheetBrown", Hues("monkey ape", "8f3e56 d14b34", "cf736d f2ad7d")),
    "Pig": ("Pig/SpriteSheetPink", Hues("pig boar hog sheep", "cf736d f2ad7d")),
    "Racoon": (
        "Racoon/SpriteSheet",
        Hues("racoon raccoon badger", "8f3e56 d14b34 f2ad7d", white="ffffff"),
    ),
}


def read_creatures(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Slots [18, 16, 16] of every creature by name; animals have a name in small letters.

    Args:
        folder: ``Actor`` of the source.
    """
    found = {}
    for name, hues in MONSTERS.items():
        sheet = _sheet(folder / "Monsters" / name)
        grid = sheet.reshape(FRAMES, SIZE, 4, SIZE, 4).transpose(2, 0, 1, 3, 4)
        slots = _slots(grid.reshape(-1, SIZE, SIZE, 4), hues)
        found[name] = np.concatenate([slots, np.zeros((2, SIZE, SIZE), dtype=np.uint8)])
    for name, (file, hues) in ANIMALS.items():
        sheet = read_picture(folder / "Animals" / f"{file}.png")[:SIZE]
        slots = _slots(np.stack([sheet[:, :SIZE], sheet[:, SIZE : 2 * SIZE]]), hues)
        if name not in FACING_LEFT:
            slots = slots[..., ::-1]
        slots = np.stack([_grounded(frame) for frame in slots])
        found[name.lower()] = np.concatenate(
            [np.zeros((len(MONSTER_POSES), SIZE, SIZE), dtype=np.uint8), slots]
        )
    return found


FACING_LEFT: frozenset[str] = frozenset({"Pig"})
"""Animals that the source draws facing left; the others face right."""


def _grounded(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame moved down so that the feet stand on the last row."""
    feet = int(np.nonzero(frame.any(1))[0].max())
    return np.roll(frame, SIZE - 1 - feet, 0)


def _sheet(folder: Path) -> NDArray[np.uint8]:
    for name in ("SpriteSheet.png", f"{folder.name}.png", f"{folder.name.lower()}.png"):
        if (folder / name).exists():
            picture = read_picture(folder / name)
            if picture.shape[:2] != (FRAMES * SIZE, 4 * SIZE):
                raise DataError("not a sheet of 4x4 frames", where=str(folder))
            return picture
    raise DataError("no sheet", where=str(folder))


def _slots(frames: NDArray[np.uint8], hues: Hues) -> NDArray[np.uint8]:
    known: dict[tuple[int, int, int], int] = {(20, 27, 27): OUTLINE}
    for start, text in ((BODY, hues.body), (MARK, hues.mark)):
        colours = [hexadecimal(t) for t in text.split()]
        first = {1: 1, 2: 0, 3: 0}.get(len(colours), 0)
        known |= {c: start + first + i for i, c in enumerate(colours)}
    known |= {hexadecimal(t): WHITE for t in hues.white.split()}
    known |= {hexadecimal(t): GLOW for t in hues.glow.split()}
    known |= {hexadecimal(t): 0 for t in hues.shadow.split()}
    out = np.zeros(frames.shape[:3], dtype=np.uint8)
    opaque = frames[..., 3] > 127
    for rgb in np.unique(frames[opaque][:, :3], axis=0):
        colour = (int(rgb[0]), int(rgb[1]), int(rgb[2]))
        if colour not in known:
            dark = max(colour) < 0x44
            known[colour] = OUTLINE if dark else known[closest(colour, known)]
        out[opaque & (frames[..., :3] == rgb).all(-1)] = known[colour]
    return out


FACES: tuple[str, ...] = (
    "Axolot", "Bamboo", "Beast", "Cyclope", "Dragon", "Flam", "Octopus", "Reptile2", "Skull",
    "Slime2", "Slime3", "Slime4", "Snake4", "Spirit",
)  # fmt: skip
"""Monsters whose eyes another may wear."""
CRESTS: tuple[str, ...] = (
    "Axolot",
    "Butterfly",
    "Cyclope",
    "Dragon",
    "Eye",
    "Flam",
    "Owl",
    "Reptile2",
    "Skull",
    "Spirit",
)
"""Monsters whose horns, ears or tips another may wear."""


OWN: tuple[str, ...] = ("Eye", "Skull", "Lizard", "Snake", "Owl", "Mouse", "Butterfly")
"""Monsters that are nothing without their own eyes."""


@dataclass(frozen=True)
class Parts:
    """One frame of a creature taken apart, all [16, 16].

    Args:
        distance: Signed distance to the outline in px, negative inside.
        skin: Slots without eyes and outline, grown over the whole frame.
        whole: The same with the eyes.
        eyes: Slots of eyes and mouth, 0 elsewhere.
        limbs: Slots of thin parts beside and below the body, 0 elsewhere.
        crest: Slots of thin parts above the body, 0 elsewhere.
        box: Top, bottom, left, right of the body, last inclusive.
    """

    distance: NDArray[np.float32]
    skin: NDArray[np.uint8]
    whole: NDArray[np.uint8]
    eyes: NDArray[np.uint8]
    limbs: NDArray[np.uint8]
    crest: NDArray[np.uint8]
    box: tuple[int, int, int, int]


def take_apart(slots: NDArray[np.uint8]) -> Parts:
    """Parts of one frame [16, 16] that is not empty."""
    mask = (slots > 0).astype(np.uint8)
    pad = np.pad(mask, 8)
    inner = cv2.distanceTransform(pad, cv2.DIST_L2, 5)
    outer = cv2.distanceTransform(1 - pad, cv2.DIST_L2, 5)
    distance = (np.where(pad > 0, 0.5 - inner, outer - 0.5)).astype(np.float32)[8:-8, 8:-8]
    edge = _edge(mask)
    core = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _DISC, borderType=cv2.BORDER_CONSTANT)
    core = core if core.any() else mask
    rows, columns = np.nonzero(core)
    box = (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max()))
    thin = mask * (1 - core)
    limbs, crest = np.zeros_like(slots), np.zeros_like(slots)
    count, labels = cv2.connectedComponents(thin, connectivity=8)
    for label in range(1, count):
        part = labels == label
        if part.sum() < 3:
            continue
        high = np.nonzero(part)[0].mean() < box[0] + 0.3 * (box[1] - box[0])
        (crest if high else limbs)[part] = slots[part]
    eyes = np.zeros_like(slots)
    bright = (slots == WHITE) | (slots == GLOW)
    lines = (slots == OUTLINE) & ~edge
    beside = cv2.dilate(((slots == OUTLINE) & edge).astype(np.uint8), _CROSS) > 0
    for drawn, limit in ((bright, MOST_BRIGHT), (lines, MOST_DARK)):
        count, labels = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=4)
        for label in range(1, count):
            part = labels == label
            if part.sum() <= limit and (drawn is bright or not (part & beside).any()):
                eyes[part] = slots[part]
    # Pupils and lashes that touch the outline are part of an eye too.
    eyes[lines & (cv2.dilate((eyes >= WHITE).astype(np.uint8), _CROSS) > 0)] = OUTLINE
    whole = np.where((slots == OUTLINE) & edge, 0, slots)
    skin = slots.copy()
    skin[(eyes > 0) | (slots == WHITE) | (slots == GLOW) | ((slots == OUTLINE) & edge)] = 0
    return Parts(distance, _grown(skin), _grown(whole), eyes, limbs, crest, box)


MOST_BRIGHT, MOST_DARK = 40, 12
"""Pixels of the largest eye, and of the largest dark spot that belongs to a face."""

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def _edge(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of a mask that touch the outside, the border of the frame included."""
    inside = cv2.erode(mask, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray((mask > 0) & (inside == 0))


def _grown(skin: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every pixel gets the slot of the nearest pixel that has one."""
    if not skin.any():
        return np.full_like(skin, BODY + 1)
    _, labels = cv2.distanceTransformWithLabels(
        (skin == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(labels.max()) + 1, dtype=np.uint8)
    at = skin > 0
    table[labels[at]] = skin[at]
    return np.asarray(table[labels])


def compose(body: Parts, other: Parts, share: float, face: Parts | None,
            crest: Parts | None) -> NDArray[np.uint8]:  # fmt: skip
    """Slots [16, 16] of a creature between two bodies.

    Args:
        body: Gives skin, limbs and place of the face.
        other: What the shape is drawn towards.
        share: Of ``other``, 0..0.5.
        face: Whose eyes; None for its own.
        crest: Whose horns, ears or cap; None for none.
    """
    mask = ((1 - share) * body.distance + share * other.distance < 0).astype(np.uint8)
    mask = _largest(mask | (body.limbs > 0))
    rows, columns = np.nonzero(mask)
    box = (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max()))
    skin = _stretched(body.whole if face is None else body.skin, body.box, box)
    out = np.where(body.limbs > 1, body.limbs, skin) * mask
    if crest is not None and crest.crest.any():
        out = _crowned(out, mask, crest, box)
        mask = (out > 0).astype(np.uint8)
    if face is not None and face.eyes.any():
        _look(out, mask, body, face, box)
    out[_edge(mask)] = OUTLINE
    return np.asarray(out, dtype=np.uint8)


def _stretched(picture: NDArray[np.uint8], of: tuple[int, int, int, int],
               to: tuple[int, int, int, int]) -> NDArray[np.uint8]:  # fmt: skip
    """A picture whose box ``of`` is moved onto the box ``to``, nearest pixels."""
    place = np.arange(SIZE)

    def source(first: int, last: int, start: int, stop: int) -> NDArray[np.intp]:
        scale = (stop - start + 1) / (last - first + 1)
        return np.clip(start + ((place - first + 0.5) * scale - 0.5).round(), 0, 15).astype(np.intp)

    down, across = source(to[0], to[1], of[0], of[1]), source(to[2], to[3], of[2], of[3])
    return picture[down[:, None], across[None]]


def _crowned(out: NDArray[np.uint8], mask: NDArray[np.uint8], wearer: Parts,
             box: tuple[int, int, int, int]) -> NDArray[np.uint8]:  # fmt: skip
    """``out`` with the thin parts on top of another creature, set down on its own top."""
    shift_y = box[0] - wearer.box[0]
    shift_x = round((box[2] + box[3] - wearer.box[2] - wearer.box[3]) / 2)
    rows, columns = np.nonzero(wearer.crest)
    shift_y = max(shift_y, -int(rows.min()))
    y, x = rows + shift_y, columns + shift_x
    keep = (y >= 0) & (y < SIZE) & (x >= 0) & (x < SIZE)
    worn = np.zeros_like(out)
    worn[y[keep], x[keep]] = wearer.crest[rows[keep], columns[keep]]
    worn[worn == OUTLINE] = BODY + 1
    both = np.where((worn > 0) & (mask == 0), worn, out)
    return both * _largest((both > 0).astype(np.uint8))


def _look(out: NDArray[np.uint8], mask: NDArray[np.uint8], body: Parts, face: Parts,
          box: tuple[int, int, int, int]) -> None:  # fmt: skip
    """Set the eyes of ``face`` where ``body`` has its own, or in the same place as in ``face``."""
    rows, columns = np.nonzero(face.eyes)
    own = body if body.eyes.any() else face
    oy, ox = np.nonzero(own.eyes)
    height, width = own.box[1] - own.box[0] + 1, own.box[3] - own.box[2] + 1
    v = (oy.mean() - own.box[0]) / height
    u = (ox.mean() - own.box[2]) / width
    shift_y = round(box[0] + v * (box[1] - box[0] + 1) - rows.mean())
    shift_x = round(box[2] + u * (box[3] - box[2] + 1) - columns.mean())
    y, x = rows + shift_y, columns + shift_x
    keep = (y >= 0) & (y < SIZE) & (x >= 0) & (x < SIZE)
    y, x, slot = y[keep], x[keep], face.eyes[rows[keep], columns[keep]]
    keep = mask[y, x] > 0
    out[y[keep], x[keep]] = slot[keep]


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), dtype=np.uint8)


def everything(creatures: Mapping[str, NDArray[np.uint8]]) -> dict[str, list[Any]]:
    """Parts of every frame by name; None where a creature has no such frame."""
    return {
        name: [take_apart(frame) if frame.any() else None for frame in frames]
        for name, frames in creatures.items()
    }
