"""Pictures of the classic DCGAN, the baseline of the table, from the checkpoints of its training.

At 32 px it knows no kinds, and a tier is compared with those of its pictures that an independent
classifier takes for that tier's kinds: creatures with creatures, people with people.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.characters.judges.picture_judge import PictureJudge
from aigc_assets.training.characters.size32.crowd_pictures import SHARES, CrowdPictures
from aigc_assets.training.packing import read, task_class
from aigc_assets.training.trainer import Run, resume

KINDS = tuple(SHARES)
_PEOPLE = 500
_STEPS = 120
"""Of the classifier, 64 pictures each."""
_ROUNDS = 6
"""How often more pictures are drawn for kinds that it rarely draws."""

Pictures = NDArray[np.uint8]


class Yardstick:
    """What ``training --only dcgan`` (``dcgan16``, ``dcgan64``) left.

    Args:
        runs: Folder with their checkpoints, or with a folder for each of them.
        data: Packed data that they learnt from.

    Raises:
        DataError: If there is no checkpoint.
    """

    def __init__(self, runs: Path, data: Path):
        self.data = data
        found = [*runs.glob("dcgan*.checkpoint.safetensors")]
        found += runs.glob("*/dcgan*.checkpoint.safetensors")
        self.folders = {path.name.split(".")[0]: path.parent for path in sorted(found)}
        if not self.folders:
            raise DataError(
                "no checkpoint of a DCGAN",
                where=str(runs),
                remedy="python -m aigc_assets.training --only dcgan --data DIR --out DIR",
            )
        self.minutes: dict[str, float] = {}
        """How long those that were asked for were trained."""

    def pictures(self, name: str, count: int, kinds: Sequence[str] = ()) -> Pictures | None:
        """Drawings [count, S, S, 4] that look like one of ``kinds``, None if there are too few.

        Args:
            name: ``dcgan16``, ``dcgan`` or ``dcgan64``.
            count: How many.
            kinds: Of `KINDS`; empty for all.
        """
        task = self._task(name)
        if task is None:
            return None
        if not kinds:
            drawn: Pictures = task.pictures(count, 17)
            return drawn
        wanted = [KINDS.index(kind) for kind in kinds]
        parts: list[Pictures] = []
        for seed in range(17, 17 + _ROUNDS):
            some = task.pictures(2 * count, seed)
            seen = self._classifier.classify(some)["network"][:, 0]
            parts.append(some[np.isin(seen, wanted)])
            if sum(map(len, parts)) >= count:
                return np.concatenate(parts)[:count]
        return None

    @functools.cache  # noqa: B019  # lives as long as the evaluation
    def _task(self, name: str) -> Any:
        if name not in self.folders:
            return None
        task_type: Any = task_class(name)
        if not (self.data / f"{task_type.reads}.npz").is_file():
            return None
        run = Run("cpu", 1, 0, self.folders[name])
        task = task_type(*read(self.data, task_type.reads), run)
        self.minutes[name] = round(resume(task, run)[1] / 60, 1)
        return task

    @functools.cached_property
    def _classifier(self) -> PictureJudge:
        pictures = CrowdPictures(*read(self.data, "crowd"))
        maps, labels = pictures.real("train", 1, _PEOPLE)
        kind = np.array([KINDS.index(name.split("/")[0]) for name in pictures.classes])
        rgba = pictures.sprites.rgba(maps.numpy().astype(np.uint8))
        return PictureJudge(rgba, kind[labels.numpy()], [len(KINDS)], steps=_STEPS)


def baseline(
    yardstick: Yardstick | None, name: str, count: int, kinds: Sequence[str] = ()
) -> dict[str, tuple[Pictures, None]]:
    """The column ``baseline`` of a table, or no column."""
    found = None if yardstick is None else yardstick.pictures(name, count, kinds)
    return {} if found is None else {"baseline": (found, None)}
