"""Snakes, bats, spiders and ghosts, drawn by rule from a plan of their parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aigc_assets.pipelines.characters.size16.quadrupeds import GROUND, Pose
from aigc_assets.pipelines.characters.size16.stencils import (
    BODY,
    DARK,
    GLOW,
    LIGHT,
    MARK,
    MID,
    OUTLINE,
    WHITE,
    Board,
    box,
    ellipse,
    mirrored,
    pattern,
    pixels,
)
from aigc_assets.pipelines.characters.size16.tiny_frames import Picture


@dataclass(frozen=True)
class Crawler:
    """A plan, lengths in px without the outline.

    Args:
        form: ``snake``, ``bat``, ``spider``, ``ghost``.
        body: Width and height of the trunk, of the coils, of the sheet.
        rise: How far a snake lifts its head.
        hood: Whether a snake has one; whether a ghost has arms.
        angry: Whether its eyes glow.
    """

    form: str
    body: tuple[int, int] = (6, 5)
    rise: int = 4
    hood: bool = False
    angry: bool = False


def draw_crawler(plan: Crawler, side: str, pose: Pose) -> Picture:
    """Slots [16, 16]; see `draw_quadruped`."""
    if side == "right":
        return np.ascontiguousarray(draw_crawler(plan, "left", pose)[:, ::-1])
    board = Board()
    {"snake": _snake, "bat": _bat, "spider": _spider, "ghost": _ghost}[plan.form](
        board, plan, side, pose
    )
    return board.finished()


def _eyes(board: Board, plan: Crawler, pose: Pose, *places: tuple[int, int]) -> None:
    slot = OUTLINE if pose.shut else GLOW if plan.angry else WHITE
    board.dots(pixels(*places), slot)


def _snake(board: Board, plan: Crawler, side: str, pose: Pose) -> None:
    top = GROUND - 4 - plan.rise + 2 * int(pose.tucked)
    if side == "left":
        _gliding(board, plan, top, pose)
        return
    long = plan.body[0] + 3
    sway = (0, -1, 1)[pose.step]
    left = 12 - long // 2
    board.part(box(left, GROUND - 2, long, 3, corners=1))
    board.part(box(left + 1 + sway, GROUND - 4, long - 2, 3, corners=1))
    x = 10 + sway
    if plan.hood:
        board.part(box(x - 1, top + 1, 6, 5, corners=1), BODY if side == "up" else MARK)
    board.part(box(x + 1, top + 2, 2, GROUND - 3 - top), tone=MID)
    board.part(box(x, top, 4, 3, corners=1))
    if side == "up":
        return
    board.paint(box(x + 1, top + 3, 2, GROUND - 6 - top), MARK, LIGHT)
    _eyes(board, plan, pose, (x, top + 1), (x + 3, top + 1))
    board.dots(box(x + 1, top + 2, 2, 1), WHITE if pose.mouth else GLOW)


def _gliding(board: Board, plan: Crawler, top: int, pose: Pose) -> None:
    """A snake from the side: head up, belly on the ground, the end of its tail up."""
    long = plan.body[0] + 3
    x = 12 - long // 2
    sway = (0, 1, -1)[pose.step]
    end = x + long
    board.part(box(end - 1, GROUND - 4, 2, 5) | pixels((end + sway, GROUND - 5),
               (end + sway, GROUND - 6)))  # fmt: skip
    arch = 4 + plan.body[0] // 3
    board.part(box(x + 1, GROUND - 1, long - 1, 2))
    board.part(box(x + arch - 1 + sway, GROUND - 2, 3, 2, corners=0), line=False)
    board.part(box(x + 1, top + 2, 2, GROUND - 1 - top), line=False, tone=MID)
    board.paint(box(x + 1, top + 3, 1, GROUND - 4 - top), MARK, LIGHT)
    board.paint(box(x + 2, GROUND, long - 2, 1), MARK, MID)
    if plan.hood:
        board.part(box(x, top + 1, 5, 4, corners=1), MARK)
    board.part(box(x - 1, top, 4, 3) & ~pixels((x + 2, top)))
    board.dots(pixels((x, top + 1)), OUTLINE)
    _eyes(board, plan, pose, (x + 1, top + 1))
    if pose.mouth:
        board.dots(pixels((x - 1, top + 2), (x, top + 2)), WHITE)
    elif not pose.shut:
        board.thin(pixels((x - 2, top + 2), (x - 3, top + 2)), GLOW)


_WINGS = {  # the left one, by how it is held: raised, level, lowered
    0: ("#.....", "##....", "####..", "######", "##.###", "#...#."),
    1: (".####.", "######", "##.###", "#...##"),
    2: ("...###", ".#####", "######", "##.###", "#...##", "#....."),
}


def _bat(board: Board, plan: Crawler, side: str, pose: Pose) -> None:
    wide, high = plan.body
    wide += wide % 2
    top = GROUND - high - 1
    left = 12 - wide // 2
    held = 1 if pose.tucked else (0, 2, 1)[pose.step]
    wing = pattern(left - 5, top + (0, 1, 1)[held] - (held == 0), *_WINGS[held])
    if side == "left":
        board.part(wing, MARK, tone=DARK)
    board.part(wing | mirrored(wing, 11.5), MARK)
    ear = pattern(left, top - 2, "#.", "##")
    board.part(ear | mirrored(ear, 11.5), tone=MID)
    board.part(box(left, top, wide, high, corners=1))
    board.part(pixels((left + 1, top + high), (left + wide - 2, top + high)), line=False)
    if side == "up":
        return
    by = -1 if side == "left" else 0
    _eyes(board, plan, pose, (left + 1 + by, top + 1), (left + wide - 2 + by, top + 1))
    board.dots(box(11 + by, top + 3, 2, 1), OUTLINE)
    board.dots(pixels((11 + by, top + 3)), WHITE)
    if pose.mouth:
        board.dots(box(11 + by, top + 2, 2, 2), WHITE)


_LEGS = (".##..", "#..#.", "#...#", ".###.", "#...#", "#.##.", ".#..#", ".#...")


def _spider(board: Board, plan: Crawler, side: str, pose: Pose) -> None:
    wide, high = plan.body
    wide += wide % 2
    top = GROUND - high - 2
    left = 12 - wide // 2
    legs = pattern(left - 5, top - 1, *_LEGS)
    right = mirrored(legs, 11.5)
    board.thin(np.roll(legs, int(pose.step == 1), 0), BODY + MID)
    board.thin(np.roll(right, int(pose.step == 2), 0), BODY + MID)
    board.part(ellipse(left, top, wide, high + 1))
    if side == "up":
        board.paint(pattern(11, top + 1, "##", "##") | pixels((10, top + 2), (13, top + 2)), MARK)
        return
    by = -1 if side == "left" else 0
    head = box(10 + by, top + high - 1, 4, 3, corners=0)
    if side == "down":
        board.paint(box(11, top + 1, 2, 2), MARK)
    board.part(head)
    _eyes(board, plan, pose, (10 + by, top + high), (13 + by, top + high))
    board.dots(pixels((11 + by, top + high), (12 + by, top + high)), OUTLINE)
    if pose.mouth:
        board.dots(pixels((10 + by, top + high + 1), (13 + by, top + high + 1)), WHITE)


def _ghost(board: Board, plan: Crawler, side: str, pose: Pose) -> None:
    wide, high = plan.body[0] + 3, plan.body[1] + 5
    wide += wide % 2
    left, top = 12 - wide // 2, GROUND - high
    sheet = box(left, top, wide, high, corners=1) & ~pixels((left + 1, top), (left + wide - 2, top))
    sheet |= box(left, top + high // 2, wide, high - high // 2)
    start = pose.step % 2
    hem = pixels(*((left + i, GROUND) for i in range(wide) if (i + start) // 2 % 2 == 0))
    board.part(sheet | hem)
    if plan.hood:
        arm = box(left - 1, top + high // 2, 2, 2)
        board.part(arm | mirrored(arm, 11.5), line=True)
    board.paint(box(left, GROUND - 1, wide, 2), BODY, DARK)
    board.paint(box(left + wide - 2, top + 2, 1, high - 3), BODY, DARK)
    if side == "up":
        return
    by = -2 if side == "left" else 0
    y = top + high // 3
    for x in (10 + by, 13 + by):
        eye = pixels((x, y + 1)) if pose.shut else box(x, y, 1 + int(wide > 9 and by == 0), 2)
        board.dots(eye, WHITE if pose.bright and not pose.shut else OUTLINE)
    if plan.angry and not pose.shut:
        board.dots(pixels((10 + by, y + 1), (13 + by, y + 1)), GLOW)
    board.dots(box(11 + by, y + 4, 2, 2 if pose.mouth else 1), OUTLINE)


def changed(plan: Crawler, random: np.random.Generator) -> Crawler:
    """Another of its kind: a little wider or taller."""
    wide, high = plan.body
    wider, taller, rise = (int(random.integers(-1, 2)) for _ in range(3))
    return replace(
        plan,
        body=(max(4, wide + wider), max(4, high + taller)),
        rise=max(3, plan.rise + rise),
        hood=plan.hood or (plan.form == "ghost" and bool(random.integers(2))),
        angry=plan.angry or bool(random.integers(3) == 0),
    )
