"""The training picture that a drawing is most like, and the refusal to hand out a copy of it.

Beside the weights of a model that learns from whole pictures lies ``<model>.neighbours.json``: the
tone codes of those pictures, and the distance below which a drawing counts as a copy, so chosen
that hardly any real picture held out of training lies nearer to one that is not. Models that put
figures together from licensed layers have no such file: to recombine them is what they do.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError, WeightsError
from aigc_assets.metrics.likeness import CopyIndex, tone_codes
from aigc_assets.models.cards import REMEDY, weights_folder
from aigc_assets.pipelines.made import Made, derive_seed
from aigc_assets.types import SpriteSheet

TRIES = 3
"""Drawings, each from a seed of its own, before a copy is refused."""
CLEAR = 0.06
"""How far beyond the distance of a copy a drawing is well clear of one."""
SLACK = 0.12
"""How much less of the union two outlines may share at half the size than at the full one."""
CANDIDATES = 24
"""Known pictures, those whose outlines are covered best, that one of many is compared with."""
_LARGEST = 1 << 26


class Known(NamedTuple):
    """The pictures a model has learnt from, and the distance below which a drawing is a copy."""

    pictures: CopyIndex
    limit: float


def known_pictures(model: str) -> Known | None:
    """What ``model`` has learnt from; None when it has no list of neighbours.

    Raises:
        WeightsError: If the list is damaged.
    """
    path = weights_folder() / f"{model}.neighbours.json"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


@functools.lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Known:
    del changed  # a part of the key: the file may be written again
    try:
        entry = json.loads(path.read_bytes())
        side, names = int(entry["side"]), [str(name) for name in entry["names"]]
        expander = zlib.decompressobj()
        data = expander.decompress(base64.b64decode(entry["codes"], validate=True), _LARGEST)
        codes = np.frombuffer(data, dtype=np.uint8).reshape(len(names), side, side)
        return Known(CopyIndex(codes, names), float(entry["limit"]))
    except (OSError, ValueError, KeyError, TypeError, zlib.error, binascii.Error) as error:
        raise WeightsError(
            f"no readable list of neighbours: {error}", where=str(path), remedy=REMEDY
        ) from error


def most_original(model: str, colours: NDArray[np.uint8], drawings: NDArray[np.uint8]) -> int:
    """Number of the first drawing that is well clear of what ``model`` has learnt from.

    Args:
        model: Its list is looked at; without one the first drawing is taken.
        colours: Colour of each slot, [K, 3].
        drawings: Slots, 0 transparent, [N, S, S].

    Returns:
        0..N - 1; where no drawing is clear, that of the one which is farthest.
    """
    known = known_pictures(model)
    best, far = 0, -1.0
    for number, drawing in enumerate(drawings if known is not None else ()):
        assert known is not None
        alpha = np.where(drawing > 0, 255, 0).astype(np.uint8)[..., None]
        picture = np.concatenate([colours[drawing] * (alpha > 0), alpha], 2)
        distance = float(known.pictures.nearest(picture[None])[0][0])
        if distance >= known.limit + CLEAR:
            return number
        if distance > far:
            best, far = number, distance
    return best


def draw_original(draw: Callable[[int], Made], seed: int) -> Made:
    """What ``draw`` makes of the seed, with a note that names the nearest training picture.

    A near copy is drawn again from further seeds.

    Args:
        draw: From a seed to a sheet and its provenance.
        seed: Of the request.

    Raises:
        GenerationError: If every drawing is a near copy of a training picture.
    """
    copied = ""
    for number in range(TRIES):
        made = draw(derive_seed(seed, "another drawing", str(number)) if number else seed)
        known = known_pictures(made.provenance.model)
        sheet = made.asset
        if known is None or not isinstance(sheet, SpriteSheet):
            return made
        first = sheet.frame_image(0)
        if first.shape[:2] != (known.pictures.size, known.pictures.size):
            return made
        distances, found = known.pictures.nearest(first[None])
        distance, name = float(distances[0]), known.pictures.names[int(found[0])]
        limits = f"distance {distance:.2f}, a copy is below {known.limit:.2f}"
        if distance >= known.limit:
            note = f"nearest training picture: {name}, {limits}"
            again = [f"drawn {number + 1} times: what came before was a copy"] if number else []
            record = made.provenance
            notes = (*record.notes, note, *again)
            return Made(sheet, dataclasses.replace(record, seed=seed, notes=notes))
        copied = f"{name} ({limits})"
    raise GenerationError(
        f"{TRIES} drawings were near copies of training pictures, the last of {copied}",
        where="character",
        remedy="use another seed, or say more in the prompt",
    )


def nearest_of_many(
    known: Known, pictures: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], list[str]]:
    """Distance of many pictures to the training pictures, and the names of the nearest.

    A picture is compared in full with those alone whose outline it covers as far as a copy does;
    where there are none it is as far as can be, 1, and nearest to '': most of a crowd, and thus
    most of the time.

    Args:
        known: What a model has learnt from.
        pictures: [N, S, S, 4].
    """
    distances, names = np.ones(len(pictures)), [""] * len(pictures)
    cover = _cover(known.pictures.codes > 0, pictures[..., 3] >= 128)
    rows = np.flatnonzero(cover.max(1) >= 1 - known.limit - SLACK)
    for row, code in zip(rows, tone_codes(pictures[rows]), strict=True):
        most = np.argsort(-cover[row], kind="stable")[:CANDIDATES]
        distances[row], place = known.pictures.nearest_among(code, most)
        names[row] = known.pictures.names[place]
    return distances, names


def _cover(known: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far outlines of drawings [N, S, S] and known ones [M, S, S] cover each other, [N, M].

    What two pictures keep of each other is at most where both are drawn: a copy covers at least
    1 - limit of the union. Outlines are compared at half the size, which moves that a little.
    """
    small = _halved(known).reshape(len(known), -1)
    area = small.sum(1)
    best = np.zeros((len(drawn), len(known)), np.float32)
    views = np.concatenate([_halved(drawn), _halved(drawn[:, :, ::-1])])
    padded = np.pad(views, ((0, 0), (1, 1), (1, 1)))
    side = views.shape[1]
    for down in range(3):
        for right in range(3):
            moved = padded[:, down : down + side, right : right + side].reshape(len(views), -1)
            both = moved @ small.T
            cover = both / np.maximum(moved.sum(1)[:, None] + area - both, 1)
            best = np.maximum(best, np.maximum(*np.split(cover, 2)))
    return best


def _halved(drawn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Outlines at half the size, drawn where at least half of the four pixels are."""
    count, side = len(drawn), drawn.shape[1] // 2
    blocks = drawn[:, : 2 * side, : 2 * side].reshape(count, side, 2, side, 2).sum((2, 4))
    halved: NDArray[np.float32] = (blocks >= 2).astype(np.float32)
    return halved
