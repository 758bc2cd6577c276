"""Small stand-ins for the 16 px sheets: a head of the hair's colour over a body of the cloth's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from aigc_assets.training.characters.size16.ninja_creatures import ANIMALS, MONSTERS
from aigc_assets.training.characters.size16.ninja_labels import ROLES
from aigc_assets.training.characters.size16.ninja_people import hexadecimal
from aigc_assets.training.characters.size16.tiny_people import SOURCE

OUTLINE = (20, 27, 27, 255)


def figure(head: str, face: str, body: str) -> np.ndarray:
    """A frame: outlined, eyes in the face, a horn on top."""
    frame = np.zeros((16, 16, 4), dtype=np.uint8)
    frame[2:16, 2:14] = OUTLINE
    frame[3:11, 3:13] = (*hexadecimal(head), 255)
    frame[6:11, 5:11] = (*hexadecimal(face), 255)
    frame[8, (6, 9)] = OUTLINE
    frame[11:15, 3:13] = (*hexadecimal(body), 255)
    frame[0:2, 7:9] = OUTLINE
    return frame


def first(*ramps: str) -> str:
    return next(ramp.split()[-1] for ramp in ramps if ramp)


def write_ninja(root: Path) -> None:
    """Every figure of the labels, the same in all frames; written once."""
    folder = (root / SOURCE).parent
    if folder.exists():
        return
    for name, roles in ROLES.items():
        frame = figure(first(roles.hair, roles.skin), first(roles.skin, roles.hair),
                       first(roles.cloth))  # fmt: skip
        write(folder / "Characters" / name / "SpriteSheet.png", np.tile(frame, (7, 4, 1)))
    for name, hues in MONSTERS.items():
        frame = figure(hues.body.split()[0], first(hues.white, hues.glow, hues.body),
                       first(hues.mark, hues.body))  # fmt: skip
        write(folder / "Monsters" / name / f"{name}.png", np.tile(frame, (4, 4, 1)))
    for file, hues in ANIMALS.values():
        frame = figure(hues.body.split()[0], first(hues.body), first(hues.mark, hues.body))
        write(folder / "Animals" / f"{file}.png", np.tile(frame, (1, 2, 1)))


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))
