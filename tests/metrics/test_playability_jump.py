from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.types import Witness
from tests.metrics.test_playability import verdicts
from tests.side_view import played

GAP = ("........", "........", "........", "S......E", "#^^^^^##")
LEDGE = ("......", "......", "....E.", "....##", "....##", "S...##", "######")
PLATFORM = (".....", "..E..", ".===.", ".....", "S....", "#####")
LADDER = (".....", "..E..", "..H..", "..H..", "S.H..", "#####")
DOOR = ("######", "#....#", "##.###", "Sk.D.E", "######")


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        (GAP, "eeedcxcd"),  # the widest pit: 3 up, 1 level, 3 down, of which 2 drift
        (LEDGE, "dddwwwd"),  # the highest ledge
        (LEDGE, "ddwee"),
        (PLATFORM, "dwwwd"),  # through the platform from below
        (LADDER, "ddwww"),
        (DOOR, "ddddd"),
    ],
)
def test_accepts_what_the_table_allows(rows: tuple[str, ...], steps: str) -> None:
    assert verdicts(played(rows, steps)) == []


@pytest.mark.parametrize(
    ("rows", "steps", "reason"),
    [
        # one cell further than a jump reaches
        (("........", "........", "........", "S......E", "#^^^^^^#"), "eeedcxc",
         "expected one event 'exit'"),
        # drifting in two falling cells in sequence
        (GAP, "eeedcc", "step 6: (5, 1) to (6, 2) is no step while drifting"),
        # a fourth row of a rise
        (LEDGE, "dddwwwwdx", "step 7: (3, 2) to (3, 1) is no step while rising 3"),
        # a second level step in the air
        (LEDGE, "wwdd", "step 4: (1, 3) to (2, 3) is no step while level"),
        # walking on air
        (GAP, "dd", "step 2: (1, 3) to (2, 3) is no step while falling"),
        # jumping in the air
        (GAP, "dw", "step 2: (1, 3) to (1, 2) is no step while falling"),
        # from above
        (PLATFORM, "dwwwx", "step 5: (1, 2) is a one-way platform, entered from above"),
        (PLATFORM, "dwwwdaac", "step 8: (1, 2) is a one-way platform, entered from above"),
        # spikes
        (GAP, "dx", "step 2: (1, 4) is a hazard"),
        # into rock
        (LEDGE, "dddd", "step 4: (4, 5) is solid"),
        (("....", "S#.E", "####"), "cd", "step 1: (0, 1) to (1, 2) is no step while standing"),
        # past a corner
        ((".#.", "S.E", "###"), "wc", "step 2: (0, 0) to (1, 1) is blocked by (1, 0)"),
        ((".^..", "S..E", "####"), "wc", "step 2: (0, 0) to (1, 1) is blocked by (1, 0)"),
        (("....", "D..E", "S#..", "####"), "e", "step 1: (0, 2) to (1, 1) is blocked by (0, 1)"),
    ],
)  # fmt: skip
def test_rejects_what_it_does_not(rows: tuple[str, ...], steps: str, reason: str) -> None:
    assert any(reason in found for found in verdicts(played(rows, steps)))


def test_standing_still_and_leaping_are_no_steps() -> None:
    made = played(GAP, "eeedcxcd")
    assert made.witness is not None
    for step, cell in ((1, (0, 3)), (4, (7, 0)), (3, (0, 0))):
        path = np.array(made.witness.path)
        path[step] = cell
        changed = dataclasses.replace(made, witness=Witness(path, made.witness.events))
        assert any("is not one cell" in reason for reason in verdicts(changed))


def test_any_shifted_cell_of_a_needed_jump_is_found() -> None:
    """At the limit of the reach there is one way alone through the air."""
    made = played(GAP, "eeedcxcd")
    assert made.witness is not None
    for step, (x, y) in enumerate(made.witness.path.tolist()):
        for cell in ((x + 1, y), (x - 1, y), (x, y - 1), (x, y + 1)):
            if 0 <= cell[0] < made.width and 0 <= cell[1] < made.height:
                path = np.array(made.witness.path)
                path[step] = cell
                changed = dataclasses.replace(made, witness=Witness(path, made.witness.events))
                assert verdicts(changed), (step, cell)


def test_a_shut_door_is_a_wall_and_its_key_opens_it() -> None:
    made = played(DOOR, "ddddd")
    assert made.witness is not None
    events = tuple(event for event in made.witness.events if event.action != "take")
    keyless = dataclasses.replace(made, witness=Witness(made.witness.path, events))
    assert [r.split(": ", 1)[1] for r in verdicts(keyless)] == [
        "open: no key for door 22 was taken before", "door 22 is shut",
    ]  # fmt: skip


walks = st.lists(st.sampled_from("qweadzxc"), min_size=1, max_size=14).map("".join)
letters = st.sampled_from("....##=^HkD")


@pytest.mark.native
@settings(max_examples=300, deadline=None)
@given(st.lists(letters, min_size=25, max_size=25), walks)
def test_both_checkers_agree(cells: list[str], steps: str) -> None:
    """`verdicts` compares the two; what is refused is refused with the same words."""
    cells[12], cells[3] = "S", "E"
    rows = tuple("".join(cells[5 * y : 5 * y + 5]) for y in range(5))
    inside = ""
    x, y = 2, 2
    for step in steps:
        dx = {"q": -1, "a": -1, "z": -1, "e": 1, "d": 1, "c": 1}.get(step, 0)
        dy = {"q": -1, "w": -1, "e": -1, "z": 1, "x": 1, "c": 1}.get(step, 0)
        if 0 <= x + dx < 5 and 0 <= y + dy < 5:
            x, y, inside = x + dx, y + dy, inside + step
    verdicts(played(rows, inside))
