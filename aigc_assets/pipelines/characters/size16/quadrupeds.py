"""Animals on four legs, drawn by rule from a plan of their parts: head, ears, muzzle, tail, coat.

The same plan is drawn from the side, from the front and from behind, in every pose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from aigc_assets.pipelines.characters.size16.stencils import (
    BODY,
    DARK,
    LIGHT,
    MARK,
    MID,
    OUTLINE,
    SIDE,
    WHITE,
    Board,
    box,
    mirrored,
    near,
    pattern,
    pixels,
)
from aigc_assets.pipelines.characters.size16.tiny_frames import Picture

GROUND = 20
"""Row of the drawing board that feet stand on."""


_WINGS: Mapping[bool, tuple[str, ...]] = {
    False: ("....##", "..####", ".#####", "#####.", "####..", "##...."),
    True: ("......", "......", ".#####", "######", "#####.", "##.#.."),
}
"""A wing from the side, by whether it is lowered."""
_FRONT_WINGS: Mapping[bool, tuple[str, ...]] = {
    False: ("#....", "##...", "####.", "#####", "#####", "#.###"),
    True: (".....", ".....", "..###", "#####", "#####", "#.#.#"),
}


@dataclass(frozen=True)
class Pose:
    """How a figure stands.

    Args:
        step: 0 stands; 1 and 2 are the two steps of a walk.
        mouth: Whether it bites.
        shut: Whether its eyes are closed.
        tucked: Whether its legs are drawn in, in the air.
        bright: Whether its eyes are white, as a dark coat asks for.
    """

    step: int = 0
    mouth: bool = False
    shut: bool = False
    tucked: bool = False
    bright: bool = False


@dataclass(frozen=True)
class Quadruped:
    """A plan, lengths in px without the outline.

    Args:
        head: Width and height.
        body: Length and height.
        legs: Height.
        rise: How far the head stands above the back.
        muzzle: How far it juts out.
        snout: Height of the muzzle.
        ears: ``point``, ``round``, ``large``, ``flop``, ``long``, ``horns``, ``antlers``,
            ``horn``, ``crown`` (of a dragon), ``fan`` (of an elephant with its trunk), ``none``.
        tail: ``up``, ``curl``, ``bushy``, ``thin``, ``long``, ``tuft``, ``stub``, ``hair``,
            ``plume``, ``thick``.
        coat: ``plain``, ``belly``, ``patch``, ``stripes``, ``spots``, ``socks``, ``mane``,
            ``crest``, ``wool``, ``saddle``, ``round``, ``mask``.
        pale: Whether the muzzle has the second colour.
        facing: Whether its face looks at us even from the side.
        wings: Whether it has any.
        seed: Where patches and spots are.
    """

    head: tuple[int, int] = (5, 5)
    body: tuple[int, int] = (8, 4)
    legs: int = 2
    rise: int = 3
    muzzle: int = 2
    snout: int = 2
    ears: str = "point"
    tail: str = "up"
    coat: str = "plain"
    pale: bool = False
    facing: bool = False
    wings: bool = False
    seed: int = 0


def draw_quadruped(plan: Quadruped, side: str, pose: Pose) -> Picture:
    """Slots [16, 16] of an animal.

    Args:
        plan: What it looks like.
        side: ``down``, ``up``, ``left`` or ``right``.
        pose: How it stands.
    """
    if side == "right":
        return np.ascontiguousarray(draw_quadruped(plan, "left", pose)[:, ::-1])
    board = Board()
    {"left": _side, "down": _front, "up": _back}[side](board, plan, pose)
    return board.finished()


def _side(board: Board, plan: Quadruped, pose: Pose) -> None:
    (head_w, head_h), (long, high) = plan.head, plan.body
    legs = 1 if pose.tucked else plan.legs
    back = GROUND - plan.legs - high + 1
    left = 9
    top = back - plan.rise
    head_x = left - head_w + 3
    _side_tail(board, plan, left + long - 1, back)
    _side_legs(board, plan, left, back + high, legs, pose)
    trunk = box(left, back, long, high, corners=1 + (plan.coat == "round"))
    if plan.coat == "wool":
        trunk |= pattern(left, back - 1, (".##" * 4)[: long - 1])
        trunk |= pixels((left + long, back + 1), (left + long, back + 2))
    board.part(trunk)
    if plan.wings:
        board.part(pattern(left + 2, back - 5, *_WINGS[pose.step > 0 or pose.tucked]), MARK)
    if top + head_h < back + 2:  # a neck, for what carries its head high
        board.part(box(head_x + 2, top + 1, 3, back + 2 - top), line=False, tone=MID)
    _coat(board, plan, trunk, left, back)
    skull = box(head_x, top, head_w, head_h, corners=1)
    if plan.coat == "mane":
        board.part(near(near(skull)) & ~box(0, 0, head_x, SIDE), MARK)
    if plan.coat == "crest":
        board.part(box(head_x + head_w - 1, top, 2, back - top + 2), MARK, line=False, tone=MID)
    ramp = MARK if plan.coat == "wool" else BODY
    if plan.facing:  # its face is turned to us
        _face(board, plan, head_x - (head_w % 2), top, pose)
        return
    jaw = box(head_x - plan.muzzle, top + head_h - plan.snout, plan.muzzle + 2, plan.snout)
    if plan.ears == "fan":  # an elephant's trunk
        jaw = box(head_x - 1, top + 2, 2, head_h + 1)
    board.part(skull | jaw, ramp)
    nose = top + head_h - plan.snout
    if plan.pale:
        low = jaw & box(0, nose + (plan.snout > 1), SIDE, SIDE)
        board.paint(low, MARK, LIGHT)
        if plan.coat in ("stripes", "spots"):  # those have the second colour
            board.dots(low, WHITE)
    if plan.muzzle and plan.ears != "fan":
        board.dots(pixels((head_x - plan.muzzle, nose)), OUTLINE)
    if pose.mouth:
        board.dots(box(head_x - plan.muzzle, top + head_h - 1, plan.muzzle + 1, 1), WHITE)
    _side_ears(board, plan, head_x, top, head_w)
    _eye(board, head_x + 1, top + max(1, head_h // 2 - 1), head_h, pose)


def _eye(board: Board, x: int, y: int, high: int, pose: Pose) -> None:
    if pose.shut:
        board.dots(pixels((x, y + 1), (x + 1, y + 1)), OUTLINE)
        return
    board.dots(pixels((x, y), *([(x, y + 1)] if high > 4 else [])), OUTLINE)
    board.dots(pixels((x + 1, y)), WHITE)


def _side_legs(board: Board, plan: Quadruped, left: int, top: int, legs: int, pose: Pose) -> None:
    right = left + plan.body[0]
    by = {0: 0, 1: -1, 2: 1}[pose.step]
    ramp = MARK if plan.coat == "wool" else BODY
    for x, wide, shift, tone in (
        (left + 2, 1 + (by != 0), -by, DARK), (right - 3, 1 + (by != 0), by, DARK),
        (left, 2, by, MID), (right - 2, 2, -by, MID),
    ):  # fmt: skip
        lifted = int(tone == DARK and by != 0 and plan.legs > 1)
        board.part(box(x + shift, top, wide, max(1, legs - lifted)), ramp, line=False, tone=tone)
        if plan.coat == "socks":
            board.paint(box(x + shift, top + legs - 1 - lifted, wide, 1), MARK, tone)


def _side_tail(board: Board, plan: Quadruped, end: int, back: int) -> None:
    x, y = end + 1, back
    shapes = {
        "up": pattern(x - 1, y - 3, ".##", ".##", "##.", "##."),
        "curl": pattern(x - 1, y - 4, ".##.", ".#.#", "...#", "..##", "###."),
        "bushy": pattern(x - 1, y - 1, "..##", ".###", "####", "###."),
        "thin": pattern(x - 1, y + 1, "...#", "..#.", "##.."),
        "long": pattern(x - 1, y, "##..", ".##.", "..#.", "..##", "...#"),
        "tuft": pattern(x - 1, y, "##.", ".##", "..#", ".##", ".##"),
        "hair": pattern(x - 1, y, "##.", "###", ".##", ".##", ".##", "..#"),
        "stub": pattern(x - 1, y, "##"),
        "plume": pattern(x - 1, y - 5, ".###", "####", "####", "###.", "##..", "##..", "##.."),
        "thick": pattern(x - 2, y, "###...", "####..", ".#####", "...###", ".....#"),
    }
    ramp = MARK if plan.tail == "hair" or (plan.coat == "mane" and plan.tail == "tuft") else BODY
    board.part(shapes[plan.tail], ramp, line=False)
    if plan.tail == "tuft":
        board.paint(pattern(x, y + 3, "##", "##"), MARK)
    if plan.tail == "bushy" and plan.coat in ("belly", "socks"):
        board.paint(box(x + 1, y - 1, 3, 2), MARK, LIGHT)
    if plan.tail == "bushy" and plan.coat == "mask":  # in rings
        board.paint(box(x, y - 1, 1, 5) | box(x + 2, y - 1, 1, 5), BODY, DARK)


def _side_ears(board: Board, plan: Quadruped, x: int, top: int, wide: int) -> None:
    right = x + wide - 1
    if plan.ears == "point":
        board.part(pattern(x, top - 1, "#"), tone=MID, line=False)
        board.part(pattern(right - 2, top - 2, ".#.", "###"), line=False)
        board.paint(pixels((right - 1, top - 1)), BODY, DARK)
    elif plan.ears == "round":
        board.part(pattern(right - 2, top - 2, "##", "##"), line=True)
        board.part(pattern(x, top - 1, "#"), tone=MID, line=False)
    elif plan.ears == "large":
        board.part(pattern(right - 2, top - 3, ".##.", "####", "####", ".##."), line=True)
        board.paint(pattern(right - 1, top - 2, "##", "##"), MARK, LIGHT)
        board.part(pattern(x, top - 1, "##"), tone=MID, line=False)
    elif plan.ears == "flop":
        board.part(pattern(right - 1, top, "##", "##", "##", ".#"), tone=DARK, line=True)
    elif plan.ears == "long":
        board.part(pattern(right - 1, top - 4, "##", "##", "##", "##", "#."), line=True)
        board.part(pattern(right - 3, top - 3, "#", "#", "#"), tone=DARK, line=False)
        board.paint(pattern(right, top - 3, "#", "#"), MARK, LIGHT)
    elif plan.ears == "fan":
        board.part(pattern(right - 1, top, "###", "###", "###", ".##"), line=True)
    elif plan.ears == "horn":
        board.part(pattern(right - 1, top - 1, "#"), tone=MID, line=False)
        board.part(pattern(x - 1, top - 3, "#..", ".#.", "..#"), MARK, line=False, tone=LIGHT)
    elif plan.ears == "crown":
        board.part(pattern(right - 1, top - 2, "..##", "###."), MARK, line=False, tone=LIGHT)
    elif plan.ears in ("horns", "antlers"):
        board.part(pattern(right, top, "##"), tone=DARK, line=True)
        horn = ("#.#.#", ".##.#", "..##.") if plan.ears == "antlers" else ("#.", "##")
        board.part(pattern(right - len(horn[0]) + 2, top - len(horn), *horn), MARK, line=False,
                   tone=LIGHT)  # fmt: skip


def _coat(board: Board, plan: Quadruped, trunk: np.ndarray, left: int, back: int) -> None:
    """The pattern of the fur, on the trunk."""
    long, high = plan.body
    random = np.random.Generator(np.random.Philox(plan.seed))
    if plan.coat in ("belly", "socks"):
        board.paint(trunk & box(left + 1, back + high - 1, long - 3, 1), MARK, MID)
    elif plan.coat == "saddle":
        board.paint(trunk & box(left + 3, back, long - 4, high - 2), MARK)
    elif plan.coat == "patch":
        for place in (1 + int(random.integers(2)), long - 3 - int(random.integers(2))):
            down = back + int(random.integers(2))
            board.paint(trunk & box(left + place, down, 3, 2, corners=0), MARK)
    elif plan.coat == "stripes":
        for x in range(left + 3, left + long - 1, 2):
            board.paint(trunk & box(x, back, 1, high - 1), MARK, DARK)
    elif plan.coat == "spots":
        for x in range(left + 3, left + long - 1, 2):
            board.paint(trunk & pixels((x, back + 1 + x // 2 % 2)), MARK, DARK)


def _front(board: Board, plan: Quadruped, pose: Pose) -> None:
    _upright(board, plan, pose, behind=False)
    _face(board, plan, _head_left(plan), _head_top(plan), pose)


def _face(board: Board, plan: Quadruped, left: int, top: int, pose: Pose) -> None:
    """The head from the front."""
    wide, head_h = _front_width(plan), plan.head[1]
    middle = left + wide // 2
    if plan.coat == "mane":
        board.part(near(near(box(left, top, wide, head_h, corners=1))), MARK)
    board.part(box(left, top, wide, head_h, corners=1), MARK if plan.coat == "wool" else BODY)
    _front_ears(board, plan, left, top)
    if plan.coat in ("stripes", "crest"):
        board.paint(box(middle - 1, top, 2, 1), MARK, DARK)
    snout = 4 if wide >= 6 else 2
    nose = top + head_h - plan.snout
    jaw = box(middle - snout / 2, nose, snout, plan.snout)
    if plan.ears == "fan":
        board.part(box(middle - 1, nose, 2, plan.snout + 3))
    if plan.pale or plan.muzzle > 1:
        board.part(jaw, MARK if plan.pale else BODY, tone=LIGHT)
    if plan.pale and plan.coat in ("stripes", "spots"):  # those have the second colour
        board.dots(jaw, WHITE)
    y = top + max(1, head_h // 2 - 1)
    bright = pose.bright or plan.coat == "mask"
    if plan.coat == "mask":
        board.dots(box(left, y, wide, 1), OUTLINE)
    for x in (left + 1, left + wide - 2):
        if pose.shut:
            board.dots(pixels((x, y + 1)), OUTLINE)
        else:
            high = [(x, y + 1)] if head_h > 4 and not bright else []
            board.dots(pixels((x, y), *high), WHITE if bright else OUTLINE)
    if plan.ears != "fan":
        board.dots(box(middle - 1, nose, 2, 1), OUTLINE)
    if pose.mouth:
        board.dots(box(middle - 1, nose + 1, 2, 1), WHITE)


def _back(board: Board, plan: Quadruped, pose: Pose) -> None:
    top, left, wide = _head_top(plan), _head_left(plan), _front_width(plan)
    if plan.coat == "mane":
        board.part(near(box(left, top, wide, plan.head[1], corners=1)), MARK)
    board.part(box(left, top, wide, plan.head[1], corners=1), MARK if plan.coat == "mane" else BODY)
    _front_ears(board, plan, left, top)
    _upright(board, plan, pose, behind=True)
    y = GROUND - plan.legs - plan.body[1] + 1
    tails = {"up": ("##", "##", "##", "##"), "curl": ("##.", "..#", ".##", ".#."),
             "bushy": ("##", "##", "##", "##"), "stub": ("##",), "hair": ("##",) * 5,
             "plume": (".##.", "####", "####", "####", ".##."),
             "thick": ("##", "##", "##", ".##")}  # fmt: skip
    ramp = MARK if plan.tail == "hair" else BODY
    tail = tails.get(plan.tail, ("#", "#", "#", "##"))
    board.part(pattern(11, y - (plan.tail in ("up", "curl")) * 2, *tail), ramp, tone=LIGHT)


def _upright(board: Board, plan: Quadruped, pose: Pose, *, behind: bool) -> None:
    """Trunk and legs from the front or from behind, wings with them."""
    if plan.wings:
        wing = pattern(4, _head_top(plan) - 1, *_FRONT_WINGS[pose.step > 0 or pose.tucked])
        board.part(wing | mirrored(wing, 11.5), MARK)
    legs = 1 if pose.tucked else plan.legs
    high = plan.body[1]
    back = GROUND - plan.legs - high + 1
    wide = high + (4 if behind else 2)
    wide += wide % 2
    wide = min(wide, 10)
    left = 12 - wide // 2
    for number, x in enumerate((left, left + wide - 2)):
        lifted = int(pose.step == number + 1)
        leg = box(x, back + high, 2, max(0, legs - lifted))
        board.part(leg, line=False, tone=MID)
        if plan.coat == "socks":
            board.paint(box(x, back + high + legs - 1 - lifted, 2, 1), MARK, MID)
    top = min(back, _head_top(plan) + 2) if not behind else back
    trunk = box(left, top, wide, back + high - top, corners=1)
    board.part(trunk)
    if plan.coat in ("belly", "socks") and not behind:
        board.paint(trunk & box(11, top, 2, 24), MARK, LIGHT)
    elif behind and plan.coat in ("saddle", "stripes", "spots", "patch"):
        board.paint(trunk & box(left + 1, top, 2, 2), MARK)
        board.paint(trunk & box(left + wide - 3, top + 1, 2, 1), MARK)


def _front_width(plan: Quadruped) -> int:
    return plan.head[0] + 1 + (plan.head[0] + 1) % 2


def _head_left(plan: Quadruped) -> int:
    return 12 - _front_width(plan) // 2


def _head_top(plan: Quadruped) -> int:
    return GROUND - plan.legs - plan.body[1] + 1 - plan.rise


def _front_ears(board: Board, plan: Quadruped, left: int, top: int) -> None:
    middle = left + (_front_width(plan) - 1) / 2
    shapes = {
        "point": pattern(left, top - 2, "#.", "##", "##"),
        "round": pattern(left - 1, top - 1, "##", "##"),
        "large": pattern(left - 2, top - 2, ".##", "###", "###"),
        "flop": pattern(left - 1, top, "##", "##", "##", "#."),
        "long": pattern(left, top - 4, "##", "##", "##", "##"),
        "horns": pattern(left - 1, top - 2, "#.", "##"),
        "antlers": pattern(left - 2, top - 3, "#.#", "##.", ".##"),
        "fan": pattern(left - 3, top, "###", "###", "###", ".##"),
        "horn": pattern(left, top - 1, "#"),
        "crown": pattern(left - 1, top - 2, "#.", "##"),
        "none": pixels(),
    }
    ear = shapes[plan.ears]
    ramp = MARK if plan.ears in ("horns", "antlers", "crown") else BODY
    tone = {"flop": DARK, "horns": LIGHT, "antlers": LIGHT, "crown": LIGHT}.get(plan.ears, MID)
    board.part(ear | mirrored(ear, middle), ramp, line=plan.ears == "flop", tone=tone)
    if plan.ears == "horn":
        board.part(box(int(middle), top - 3, 2, 3), MARK, line=False, tone=LIGHT)
    inner = {"large": pixels((left, top - 1), (left, top)), "long": pixels((left + 1, top - 3),
             (left + 1, top - 2))}.get(plan.ears)  # fmt: skip
    if inner is not None:
        board.paint(inner | mirrored(inner, middle), MARK, LIGHT)


def changed(plan: Quadruped, random: np.random.Generator) -> Quadruped:
    """Another of its kind: a little longer or shorter here and there."""
    (head_w, head_h), (long, high) = plan.head, plan.body
    longer, taller, wider = (int(random.integers(-1, 2)) for _ in range(3))
    return replace(
        plan,
        head=(head_w + max(0, wider) * int(head_w < 6), head_h),
        body=(max(5, long + longer), max(3, min(high + taller, 5))),
        seed=int(random.integers(2**31)),
    )
