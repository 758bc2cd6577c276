"""The 16 px people taken apart: heads, faces and bodies as layers of slots that fit one another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size16.ninja_labels import (
    BODIES,
    CLASSES,
    FACES,
    HEADS,
    ROLES,
    Roles,
)

SIZE = 16
DIRECTIONS: tuple[str, ...] = ("down", "up", "left", "right")
"""In the order of the columns of a sheet."""
ROWS: tuple[str, ...] = ("walk 0", "walk 1", "walk 2", "walk 3", "attack", "jump")
"""Rows of a sheet that have all directions; below them comes the dead figure."""
POSES: tuple[tuple[str, str], ...] = (
    *((row, direction) for direction in DIRECTIONS for row in ROWS),
    ("dead", "down"),
)

CUT: tuple[int, ...] = (
    12, 13, 12, 13, 13, 10,
    12, 11, 12, 11, 12, 10,
    12, 13, 12, 13, 11, 10,
    12, 13, 12, 13, 11, 10,
    13,
)  # fmt: skip
"""First row of the body in each pose of the template (median over the figures)."""

_SHADES: Mapping[int, tuple[int, ...]] = {0: (), 1: (1,), 2: (0, 1), 3: (0, 1, 2)}
OUTLINE, SKIN, HAIR, TRIM, CLOTH, BAND, WHITE, EYE = 1, 2, 5, 8, 11, 14, 17, 18
_OUTLINE_RGB = (20, 27, 27)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """RGBA pixels of a PNG, [H, W, 4].

    Raises:
        DataError: If it cannot be read.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise DataError("not a PNG with transparency", where=str(path))
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), dtype=np.uint8)


def read_sheet(folder: Path) -> NDArray[np.uint8]:
    """The sheet of a figure: it stands beside a portrait and has one of two names."""
    for name in ("SpriteSheet.png", f"{folder.name}.png", f"{folder.name.lower()}.png"):
        if (folder / name).exists():
            return read_picture(folder / name)
    raise DataError("no sheet", where=str(folder), remedy=f"expected {folder.name}.png")


def read_people(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Slots of every figure, [25, 16, 16] by name.

    Args:
        folder: ``Actor/Characters`` of the source.
    """
    people = {}
    for name, roles in ROLES.items():
        sheet = read_sheet(folder / name)
        if sheet.shape[:2] != (7 * SIZE, 4 * SIZE):
            raise DataError("not a sheet of 4x7 frames", where=name)
        grid = sheet.reshape(7, SIZE, 4, SIZE, 4).transpose(2, 0, 1, 3, 4)
        frames = np.concatenate([grid[:, :6].reshape(-1, SIZE, SIZE, 4), grid[:1, 6]])
        people[name] = slots_of(frames, roles)
    return people


def _ramps(roles: Roles) -> dict[str, dict[tuple[int, int, int], int]]:
    found = {}
    for name, start in (("skin", SKIN), ("hair", HAIR), ("trim", TRIM), ("cloth", CLOTH),
                        ("band", BAND), ("white", WHITE), ("eye", EYE)):  # fmt: skip
        colours = [hexadecimal(text) for text in getattr(roles, name).split()]
        shades = _SHADES.get(len(colours), tuple(range(len(colours))))
        if name == "skin" and len(colours) == 2:
            shades = (1, 2)
        if name in ("white", "eye"):
            shades = (0,) * len(colours)
        found[name] = {c: start + s for c, s in zip(colours, shades, strict=True)}
    return found


def hexadecimal(text: str) -> tuple[int, int, int]:
    """``"ff8000"`` as (255, 128, 0)."""
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def slots_of(frames: NDArray[np.uint8], roles: Roles) -> NDArray[np.uint8]:
    """Slots [P, 16, 16] of the frames [P, 16, 16, 4] of a figure.

    A colour with two roles means the head above the neck and the body below it.
    """
    ramps = _ramps(roles)
    head = ("hair", "trim", "skin", "eye", "white", "cloth", "band")
    body = ("skin", "cloth", "band", "eye", "white", "hair", "trim")
    out = np.zeros(frames.shape[:3], dtype=np.uint8)
    for pose in range(len(frames)):
        for order, rows in ((head, slice(0, CUT[pose])), (body, slice(CUT[pose], SIZE))):
            part = frames[pose, rows]
            known = {_OUTLINE_RGB: OUTLINE}
            for name in order:
                for colour, slot in ramps[name].items():
                    known.setdefault(colour, slot)
            target = out[pose, rows]
            for rgb in np.unique(part[part[..., 3] > 127][:, :3], axis=0):
                colour = (int(rgb[0]), int(rgb[1]), int(rgb[2]))
                if colour not in known:
                    dark = max(colour) < 0x40
                    known[colour] = OUTLINE if dark else known[closest(colour, known)]
                slot = known[colour]
                target[(part[..., :3] == rgb).all(-1) & (part[..., 3] > 127)] = slot
    return out


def closest(
    colour: tuple[int, int, int], known: Mapping[tuple[int, int, int], int]
) -> tuple[int, int, int]:
    """The known colour that is nearest."""
    return min(known, key=lambda k: sum((a - b) ** 2 for a, b in zip(colour, k, strict=True)))


def take_apart(people: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Layers: ``heads`` [H, 25, 16, 16], ``bodies`` and ``faces`` likewise, 0 where nothing is.

    ``open`` [H, 25, 16, 16] marks the pixels of a head where another face may show.
    """
    heads, opened = [], []
    for name in HEADS:
        head = people[name] * _belongs_to_head(people[name])
        heads.append(head)
        opened.append(_face(people[name], head) if HEADS[name].open else np.zeros_like(head))
    bodies = [people[name] * ~_belongs_to_head(people[name]) for name in BODIES]
    faces = []
    for name in FACES:
        head = people[name] * _belongs_to_head(people[name])
        faces.append(head * _face(people[name], head))
    return {
        "heads": np.stack(heads).astype(np.uint8),
        "open": np.stack(opened).astype(np.uint8),
        "bodies": np.stack(bodies).astype(np.uint8),
        "faces": np.stack(faces).astype(np.uint8),
    }


def _belongs_to_head(slots: NDArray[np.uint8]) -> NDArray[np.bool_]:
    rows = np.arange(SIZE)[None, :, None]
    above = rows < np.array(CUT)[:, None, None]
    worn = (slots >= HAIR) & (slots < CLOTH)
    dressed = (slots >= CLOTH) & (slots < WHITE)
    collar = rows >= np.array(CUT)[:, None, None] - 2
    return np.asarray((above & ~(dressed & collar)) | worn)


def _face(slots: NDArray[np.uint8], head: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Skin, eyes and mouth: what is not hair, not the outer line and not the line under a hat."""
    empty = np.pad(slots == 0, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    edge = empty[:, :-2, 1:-1] | empty[:, 2:, 1:-1] | empty[:, 1:-1, :-2] | empty[:, 1:-1, 2:]
    over = np.pad(head, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    brim = (over >= HAIR) & (over < CLOTH)
    line = head == OUTLINE
    skin = ((head >= SKIN) & (head < HAIR)) | (head == WHITE) | (head == EYE)
    return np.asarray((skin & ~edge) | (line & ~edge & ~brim))


def compose(
    layers: Mapping[str, NDArray[Any]], head: int, face: int, body: int, scarf: int
) -> NDArray[np.uint8]:
    """One figure in all poses, [25, 16, 16].

    Args:
        layers: Of `take_apart`.
        head: Number of the head.
        face: 0 keeps the face of the head, else one more than the number of a face.
        body: Number of the body.
        scarf: 1 puts a scarf of the trim colours around the neck.
    """
    top = layers["heads"][head].copy()
    if face:
        other = layers["faces"][face - 1]
        window = layers["open"][head] > 0
        top = np.where(window, np.where(other > 0, other, SKIN + 2), top)
    out = np.where(top > 0, top, layers["bodies"][body]).astype(np.uint8)
    if scarf:
        _tie(out)
    return out


def _tie(out: NDArray[np.uint8]) -> None:
    """A scarf: the row at the neck in the trim colours, from outline to outline."""
    for pose, cut in enumerate(CUT):
        row = out[pose, cut]
        inner = np.flatnonzero(row > OUTLINE)
        inner = inner[(row[inner] >= CLOTH) & (row[inner] < WHITE) | (row[inner] == WHITE)]
        row[inner] = TRIM + 1
        if len(inner):
            row[inner[-1]] = TRIM


def classes() -> list[str]:
    """Names of the slots."""
    return list(CLASSES)
