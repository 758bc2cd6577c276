"""Frames of 16 px: what the models draw, and by rule what the source has no drawing of.

Everything is done on maps of colour numbers, so that no rule can bring a colour in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.palettes import nearest
from aigc_assets.types import Frame, SpriteSheet, Tag

FRAME = 16
PIVOT = (8, 15)
"""Where a figure stands in every frame: between the feet, on the last row."""
ANIMATIONS: tuple[str, ...] = ("idle", "walk", "attack", "jump", "hurt", "dead")
MIN_SPECK = 4
"""Connected specks of fewer pixels than this are not part of a figure."""

TOP, ALIKE = 0.5, 0.6
"""Upper share of a figure that keeps still in a walk, if no larger share of its pixels changed."""

Picture = NDArray[np.uint8]
_TOWARDS: Mapping[str, int] = {"left": -1, "right": 1}


@dataclass(frozen=True)
class Run:
    """One animation: name of the tag, frames [16, 16] of colour numbers, milliseconds of each."""

    tag: str
    frames: tuple[Picture, ...]
    durations: tuple[int, ...]


@dataclass(frozen=True)
class Acts:
    """Drawings of a creature that looks one way.

    Args:
        walk: Frames of its walk, the first is how it stands.
        bite: Standing, with its mouth open.
        leap: In the air.
        faint: Standing, with its eyes closed.
    """

    walk: tuple[Picture, ...]
    bite: Picture
    leap: Picture
    faint: Picture


def clean(frame: Picture) -> Picture:
    """The frame without specks beside the figure."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (frame > 0).astype(np.uint8), connectivity=8
    )
    small = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] < MIN_SPECK]
    return np.where(np.isin(labels, small), 0, frame).astype(np.uint8) if small else frame


def grounded(frame: Picture) -> Picture:
    """The frame moved so that the feet stand on the last row."""
    rows = np.flatnonzero(frame.any(1))
    return np.roll(frame, FRAME - 1 - int(rows[-1]), 0) if len(rows) else frame


def sunk(frame: Picture, cut: int, depth: int = 1) -> Picture:
    """A breath: what is above row ``cut`` moves down over the rest, as a head over a body."""
    stop = min(FRAME, cut + depth)
    head = frame[: stop - depth]
    below = np.arange(depth, stop)[:, None] >= cut
    out = frame.copy()
    out[:depth] = 0
    out[depth:stop] = np.where(head > 0, head, np.where(below, frame[depth:stop], 0))
    return out


def squashed(frame: Picture, depth: int = 1) -> Picture:
    """The figure lower by the ``depth`` rows that are most like the next; feet stay."""
    out = frame.copy()
    for _ in range(depth):
        rows = np.flatnonzero(out.any(1))
        if len(rows) < 5:
            break
        inner = rows[1:-2]
        cost = [int((out[y] != out[y + 1]).sum()) for y in inner]
        # Of equally good rows the one nearest to the middle: eyes and feet stay as they are.
        middle = (rows[0] + rows[-1]) / 2
        gone = min(zip(cost, inner, strict=True), key=lambda c: (c[0], abs(c[1] - middle)))[1]
        out[1 : gone + 1] = out[:gone]
        out[0] = 0
    return out


def stretched(frame: Picture) -> Picture:
    """The figure one row higher, by one row drawn twice, where there is room above."""
    rows = np.flatnonzero(frame.any(1))
    if len(rows) < 5 or rows[0] == 0:
        return frame
    inner = rows[1:-2]
    twice = min(inner, key=lambda y: (int((frame[y] != frame[y + 1]).sum()), -y))
    out = frame.copy()
    out[rows[0] - 1 : twice] = frame[rows[0] : twice + 1]
    return out


def leaning(frame: Picture, step: int) -> Picture:
    """The upper half moved ``step`` px sideways, where the frame has room for it."""
    rows = np.flatnonzero(frame.any(1))
    if not len(rows) or not step:
        return frame
    half = int(rows[0] + rows[-1] + 1) // 2
    side = frame[:half, -1 if step > 0 else 0]
    return frame if side.any() else np.concatenate([np.roll(frame[:half], step, 1), frame[half:]])


def moved(frame: Picture, step: int) -> Picture:
    """The frame moved ``step`` px sideways, where it has room for it."""
    if not step or frame[:, -1 if step > 0 else 0].any():
        return frame
    return np.roll(frame, step, 1)


def raised(frame: Picture, most: int) -> Picture:
    """The frame moved up by at most ``most`` rows, as far as there is room."""
    rows = np.flatnonzero(frame.any(1))
    return np.roll(frame, -min(most, int(rows[0])), 0) if len(rows) else frame


def same_top(stand: Picture, step: Picture) -> Picture:
    """A step with the upper part of the standing frame, where that has only moved.

    A model draws every frame anew; what only moves shall not change. The upper `TOP` of the stand
    is laid over the step at the shift that fits best; where even that does not fit, as of a body
    that is squeezed, the step stays as it is.
    """
    rows = np.flatnonzero(stand.any(1))
    if len(rows) < 4:
        return step
    first, stop = int(rows[0]), int(rows[0] + round(TOP * len(rows)))
    top = stand[first:stop]
    best: tuple[float, int, int] | None = None
    for down in range(-3, 4):
        if not 0 <= first + down <= FRAME - len(top):
            continue
        under = step[first + down : stop + down]
        for across in (0, -1, 1, -2, 2):
            moved = _across(top, across)
            drawn = (moved > 0) | (under > 0)
            above = int((step[: first + down] > 0).sum())
            cost = (float((moved != under)[drawn].sum()) + above) / max(1, int(drawn.sum()))
            if best is None or cost < best[0]:
                best = cost, down, across
    if best is None or best[0] > ALIKE:
        return step
    out = step.copy()
    out[: first + best[1]] = 0
    out[first + best[1] : stop + best[1]] = _across(top, best[2])
    return out


def closed(walk: Sequence[Picture]) -> list[Picture]:
    """Four frames in an order in which the last goes over into the first like any other.

    That is their own order or, where the loop would jump, the reverse of the steps, or else two of
    the steps by turns with the stand, the greater first.
    """
    stand, first, middle, last = walk
    near, far = sorted((first, last), key=lambda step: int((step != stand).sum()))
    for order in ([stand, first, middle, last], [stand, last, middle, first]):
        changes = [int((a != b).sum()) for a, b in zip(order, [*order[1:], stand], strict=True)]
        if changes[-1] * 3 <= sum(changes[:-1]):
            return order
    return [stand, far, stand, near]


def _across(rows: Picture, by: int) -> Picture:
    """Rows moved sideways, empty where nothing was."""
    out = np.zeros_like(rows)
    if by >= 0:
        out[:, by:] = rows[:, : rows.shape[1] - by]
    else:
        out[:, :by] = rows[:, -by:]
    return out


def lunged(frame: Picture, side: str, by: int = 1) -> Picture:
    """A strike that goes ``by`` px further: forward, up from behind, down towards us."""
    if side == "down":
        return squashed(frame, by)
    if side == "up":
        return raised(frame, by)
    for _ in range(by):
        frame = moved(frame, _TOWARDS[side])
    return frame


def person_runs(
    poses: Mapping[tuple[str, str], Picture], animations: Sequence[str], directions: Sequence[str]
) -> list[Run]:
    """Animations of a person from its drawn poses.

    Args:
        poses: Frames by (``walk 0`` .. ``walk 3``, ``attack``, ``jump``; direction), and
            (``dead``, ``down``).
        animations: Names from `ANIMATIONS`.
        directions: In the order of the tags.
    """
    paces = _paces(poses, directions)
    runs = []
    for name in animations:
        if name == "dead":
            down = sunk(poses["walk 0", "down"], 12, 2)
            runs.append(Run("dead", (down, poses["dead", "down"]), (140, 1000)))
            continue
        for side in directions:
            stand = poses["walk 0", side]
            breath = sunk(stand, 12)
            strike, leap = poses["attack", side], poses["jump", side]
            back = -_TOWARDS.get(side, 0)
            frames, times = {
                "idle": ((stand, breath), (600, 500)),
                "walk": (tuple(poses[f"walk {k}", side] for k in paces), (140,) * 4),
                # A crouch before either would make them look alike: the strike has a low head.
                "attack": ((stand, strike, lunged(strike, side), lunged(strike, side, 2)),
                           (80, 90, 80, 140)),
                "jump": ((stand, leap, raised(leap, 2), leap), (80, 120, 200, 110)),
                "hurt": ((moved(sunk(stand, 12, 2), back), moved(breath, back), stand),
                         (120, 100, 80)),
            }[name]  # fmt: skip
            runs.append(Run(f"{name}_{side}", frames, times))
    return runs


def _paces(
    poses: Mapping[tuple[str, str], Picture], directions: Sequence[str]
) -> tuple[int, int, int, int]:
    """Which foot goes first: the one after whose last step the loop closes better.

    All directions go alike, so that who turns while walking keeps step.
    """

    def seam(order: tuple[int, int, int, int]) -> float:
        ratios = []
        for side in directions:
            walk = [poses[f"walk {k}", side] for k in order]
            changes = [int((a != b).sum()) for a, b in zip(walk, [*walk[1:], walk[0]], strict=True)]
            ratios.append(changes[-1] / max(1, sum(changes[:-1])))
        return sum(ratios)

    ahead, back = (0, 1, 2, 3), (0, 3, 2, 1)
    return back if seam(back) < seam(ahead) - 1e-9 else ahead


def beast_runs(
    walks: Mapping[str, Sequence[Picture]],
    animations: Sequence[str],
    *,
    time: int,
    acts: Mapping[str, Acts] | None = None,
) -> list[Run]:
    """Animations of a monster or an animal from its walk.

    Args:
        walks: Frames of the walk by direction, the first is how it stands.
        animations: Names from `ANIMATIONS`.
        time: Milliseconds of a frame of the walk.
        acts: What there are drawings of besides, by direction; else the standing figure acts.
    """
    runs = []
    for name in animations:
        if name == "dead":
            first = next(iter(walks))
            stand = walks[first][0] if acts is None else acts[first].faint
            fallen = grounded(squashed(stand[::-1], 2))
            runs.append(Run("dead", (squashed(stand, 2), fallen), (140, 1000)))
            continue
        for side, walk in walks.items():
            stand, ahead = walk[0], _TOWARDS.get(side, 0)
            drawn = acts[side] if acts is not None else Acts((), stand, stand, stand)
            frames, times = {
                "idle": ((stand, squashed(stand)), (500, 400)),
                "walk": (tuple(walk), (time,) * len(walk)),
                "attack": ((leaning(squashed(stand, 2), -ahead),
                            moved(leaning(stretched(drawn.bite), ahead), ahead), stand),
                           (140, 180, 90)),
                "jump": ((squashed(stand, 2), raised(stretched(drawn.leap), 4), squashed(stand)),
                         (90, 300, 110)),
                "hurt": ((moved(squashed(drawn.faint, 2), -ahead),
                          moved(squashed(drawn.faint), -ahead), stand), (120, 100, 80)),
            }[name]  # fmt: skip
            runs.append(Run(f"{name}_{side}", frames, times))
    return runs


def sheet(runs: Sequence[Run], table: NDArray[np.intp], palette: NDArray[np.uint8]) -> SpriteSheet:
    """One row per animation; every colour of every frame occurs in the first frame.

    Args:
        runs: What to show, at least one frame of which is not empty.
        table: Palette index of each colour number; that of 0 means nothing.
        palette: Of the pack, [N, 3].
    """
    pictures = np.stack([frame for run in runs for frame in run.frames])
    opaque, colours = pictures > 0, table[pictures]
    first = colours[0][opaque[0]] if opaque[0].any() else colours[opaque]
    base = np.unique(first)
    lacking = np.setdiff1d(np.unique(colours[opaque]), base)
    replace = np.arange(len(palette))
    if len(lacking):
        replace[lacking] = base[nearest(palette[base], palette[lacking])]
    rgba = np.zeros((*pictures.shape, 4), dtype=np.uint8)
    rgba[opaque, :3] = palette[replace[colours[opaque]]]
    rgba[opaque, 3] = 255
    columns = max(len(run.frames) for run in runs)
    image = np.zeros((FRAME * len(runs), FRAME * columns, 4), dtype=np.uint8)
    frames: list[Frame] = []
    tags = []
    for row, run in enumerate(runs):
        tags.append(Tag(run.tag, len(frames), len(frames) + len(run.frames)))
        for column, duration in enumerate(run.durations):
            x, y = FRAME * column, FRAME * row
            image[y : y + FRAME, x : x + FRAME] = rgba[len(frames)]
            frames.append(Frame((x, y, FRAME, FRAME), duration, PIVOT))
    return SpriteSheet(image, tuple(frames), tuple(tags), palette[base])
