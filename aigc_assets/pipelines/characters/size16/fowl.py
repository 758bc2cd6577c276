"""Birds, drawn by rule from a plan of their parts: beak, comb, neck, wing, tail, legs."""

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
class Bird:
    """A plan, lengths in px without the outline.

    Args:
        head: Its side.
        body: Length and height.
        legs: Height.
        rise: How far the head stands above the back.
        beak: ``short``, ``hook``, ``flat``, ``long``.
        tail: ``up``, ``down``, ``fan``, ``none``.
        comb: Whether it has a red one.
        belly: Whether the breast has the second colour.
        facing: Whether both eyes are seen from the side, as of an owl.
        tuft: Whether feathers stand up on its head.
    """

    head: int = 4
    body: tuple[int, int] = (7, 5)
    legs: int = 2
    rise: int = 3
    beak: str = "short"
    tail: str = "down"
    comb: bool = False
    belly: bool = False
    facing: bool = False
    tuft: bool = False


_BEAKS = {
    "short": ("##",),
    "hook": ("##", "#."),
    "flat": ("###", ".##"),
    "long": ("####",),
}
_TAILS = {
    "up": ("..##", ".###", "###.", "##.."),
    "down": ("##..", "####", "..##"),
    "fan": ("..#.#", ".####", "####.", ".####"),
    "none": (".",),
}


def draw_bird(plan: Bird, side: str, pose: Pose) -> Picture:
    """Slots [16, 16] of a bird; see `draw_quadruped`."""
    if side == "right":
        return np.ascontiguousarray(draw_bird(plan, "left", pose)[:, ::-1])
    board = Board()
    if side == "left":
        _side(board, plan, pose)
    else:
        _upright(board, plan, pose, behind=side == "up")
    return board.finished()


def _side(board: Board, plan: Bird, pose: Pose) -> None:
    (long, high), left = plan.body, 9
    back = GROUND - plan.legs - high + 1
    top, head_x = back - plan.rise, left - 1
    legs = 1 if pose.tucked else plan.legs
    for x, lifted in ((left + 1, pose.step == 1), (left + max(3, long - 3), pose.step == 2)):
        shin = box(x, back + high, 1, max(0, legs - int(lifted)))
        foot = box(x - 1, back + high + legs - 1 - int(lifted), 2, 1) if legs else pixels()
        board.part(shin | foot, MARK, line=False, tone=MID)
    tail_y = back - 2 if plan.tail in ("up", "fan") else back + high - 4
    board.part(pattern(left + long - 2, tail_y, *_TAILS[plan.tail]), line=False, tone=DARK)
    trunk = ellipse(left, back, long, high) | box(left + 1, back + 1, long - 2, high - 2)
    board.part(trunk)
    if plan.belly:
        board.paint(trunk & box(left, back + 1, 3, high), MARK if plan.beak != "flat" else BODY,
                    LIGHT)  # fmt: skip
    skull = box(head_x, top, plan.head, plan.head, corners=1)
    neck = box(head_x + 1, top + 2, plan.head - 1, back + 2 - top)
    board.part(skull, line=False)
    board.part(neck, line=False, tone=MID)
    raised = pose.mouth or pose.tucked
    wing = (ellipse(left + 3, back - 3, long - 3, 5) if raised
            else ellipse(left + 2, back + 1, long - 2, high - 2))  # fmt: skip
    board.part(wing, tone=MID if raised else -1)
    board.paint(wing & ~np.roll(wing, -1, 0), BODY, DARK)
    beak = _BEAKS[plan.beak]
    if plan.facing:
        _face(board, plan, head_x, top, pose, plan.head)
        return
    row = top + plan.head // 2 - 1 + (plan.head < 4)
    board.part(pattern(head_x - len(beak[0]) + 1, row, *beak), MARK, line=False, tone=LIGHT)
    if pose.mouth:
        board.part(pixels((head_x - 1, top + plan.head // 2 + 1)), MARK, line=False, tone=DARK)
    if plan.comb:
        comb = pattern(head_x, top - 2, "#.#", "###") | pixels((head_x, top + plan.head - 1))
        board.slots[comb] = GLOW
    if plan.tuft:
        board.part(pattern(head_x + 1, top - 2, "..#", "##."), line=False, tone=MID)
    _eye(board, head_x + 1, top + 1, pose)


def _eye(board: Board, x: int, y: int, pose: Pose) -> None:
    if pose.shut:
        board.dots(pixels((x, y + 1), (x + 1, y + 1)), OUTLINE)
        return
    board.dots(pixels((x, y)), OUTLINE)
    board.dots(pixels((x + 1, y)), WHITE)


def _face(board: Board, plan: Bird, left: int, top: int, pose: Pose, wide: int) -> None:
    """Beak and both eyes, of an owl in discs."""
    middle = left + wide // 2
    if plan.facing:
        for x in (left, middle + wide % 2):
            board.dots(box(x, top + 1, 2 + (wide > 5), 2), WHITE)
    y = top + max(1, plan.head // 2 - 1)
    for x in (left + 1, left + wide - 2):
        bright = pose.bright and not plan.facing and not pose.shut
        board.dots(pixels((x, y + 1) if pose.shut else (x, y)), WHITE if bright else OUTLINE)
    high = 2 if plan.beak in ("hook", "long") else 1
    board.part(box(middle - 1, y + 1, 2, high), MARK, line=False, tone=LIGHT)
    if plan.tuft:
        ear = pattern(left, top - 2, "#.", "##")
        board.part(ear | mirrored(ear, left + (wide - 1) / 2), line=False, tone=MID)
    if plan.comb:
        board.slots[pattern(middle - 1, top - 2, "##", "##")] = GLOW
        board.dots(box(middle - 1, y + 2, 2, 1), GLOW)


def _upright(board: Board, plan: Bird, pose: Pose, *, behind: bool) -> None:
    high = plan.body[1]
    back = GROUND - plan.legs - high + 1
    top = back - plan.rise
    legs = 1 if pose.tucked else plan.legs
    for number, x in enumerate((10, 13)):
        board.part(box(x, back + high, 1, max(0, legs - int(pose.step == number + 1))), MARK,
                   line=False, tone=MID)  # fmt: skip
    wide = plan.body[0] + plan.body[0] % 2
    trunk = ellipse(12 - wide / 2, back, wide, high)
    raised = pose.mouth or pose.tucked
    if raised:
        wing = box(12 - wide / 2 - 2, back - 2, 3, 4, corners=1)
        board.part(wing | mirrored(wing, 11.5), tone=MID)
    board.part(trunk)
    if not raised:
        wing = box(12 - wide / 2, back + 1, 2, high - 2)
        board.paint((wing | mirrored(wing, 11.5)) & trunk, BODY, DARK)
    if plan.belly and not behind:
        board.paint(ellipse(12 - wide / 2 + 2, back, wide - 4, high) & trunk, MARK, LIGHT)
    head = plan.head + plan.head % 2
    left = 12 - head // 2
    board.part(box(left + 1, top + 2, head - 2, back + 2 - top), line=False, tone=MID)
    board.part(box(left, top, head, plan.head, corners=1), line=False)
    if behind:
        if plan.tail != "none":
            board.part(box(11, back + high // 2, 2, high - high // 2), tone=DARK)
        if plan.comb:
            board.slots[pattern(11, top - 2, "##", "##")] = GLOW
        return
    _face(board, plan, left, top, pose, head)


def changed(plan: Bird, random: np.random.Generator) -> Bird:
    """Another of its kind: a little longer or shorter here and there."""
    (long, high), legs = plan.body, plan.legs
    longer, taller, rise = (int(random.integers(-1, 2)) for _ in range(3))
    return replace(
        plan,
        body=(max(5, long + longer), max(4, high + max(taller, 0) * int(high < 6))),
        rise=max(2, plan.rise + rise),
        legs=max(1, legs),
    )
