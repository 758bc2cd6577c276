from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import InvalidAssetError
from aigc_assets.types import MapObject, ObjectLayer, TileLayer, Tilemap, Witness, WitnessEvent
from tests.metrics.test_playability import verdicts
from tests.samples import tilemap

ROWS = ("########",
        "#@.$.o.#",
        "#......#",
        "#.o$..X#",
        "########")  # fmt: skip
MOVES = "rrrddlrrr"
"""Pushes the upper box right onto its goal, the lower one left, and walks to the exit."""
CLASSES = {
    "@": ("start",),
    "$": ("box",),
    "o": ("goal",),
    "*": ("goal", "box"),
    "X": ("exit",),
    "D": ("door",),
    "k": ("key",),
}
OFFSETS = {"u": (0, -1), "d": (0, 1), "l": (-1, 0), "r": (1, 0)}


def warehouse(rows: tuple[str, ...] = ROWS, moves: str = MOVES) -> Tilemap:
    """A map from letters (`CLASSES`, ``#`` wall, ``.`` floor); objects are numbered row by row."""
    objects: list[MapObject] = []
    for y, row in enumerate(rows):
        for x, letter in enumerate(row):
            for cls in CLASSES.get(letter, ()):
                colour = {"colour": "red"} if cls in ("door", "key") else {}
                objects.append(MapObject(len(objects) + 1, cls, cls, (x, y), colour))
    number = {item.cls: item.id for item in objects}
    path = [next(item.cell for item in objects if item.cls == "start")]
    for move in moves:
        path.append((path[-1][0] + OFFSETS[move][0], path[-1][1] + OFFSETS[move][1]))
    events = [WitnessEvent(0, "start", number["start"])]
    for action, cls in (("take", "key"), ("open", "door")):
        for item in objects:
            if item.cls == cls and item.cell in path:
                events.append(WitnessEvent(path.index(item.cell), action, item.id))
    events.append(WitnessEvent(len(path) - 1, "exit", number["exit"]))
    gids = np.array([[1 if c == "#" else 2 for c in row] for row in rows], dtype=np.uint32)
    return dataclasses.replace(
        tilemap(),
        layers=(TileLayer("ground", gids),),
        object_layers=(ObjectLayer("objects", tuple(objects)),),
        properties={"movement": "push"},
        witness=Witness(np.array(path, np.int32), tuple(sorted(events, key=lambda e: e.step))),
    )


def test_accepts_pushes_onto_all_goals() -> None:
    assert verdicts(warehouse()) == []


def test_walkers_do_not_push() -> None:
    """The same map without the movement is a plain walk: goals mean nothing there."""
    plain = dataclasses.replace(warehouse(moves="drrrrrd"), properties={})
    assert verdicts(plain) == []
    reasons = verdicts(warehouse(moves="drrrrrd"))
    assert reasons == ["goal 3 has no box", "goal 4 has no box"]


@pytest.mark.parametrize(
    ("rows", "moves", "reasons"),
    [
        (("######", "#@.$##", "#o..X#", "######"), "rrdr",
         ["step 2: box 2 cannot be pushed to (4, 1): solid", "goal 3 has no box"]),
        (("######", "#@$$oX", "######"), "rrrr",
         ["step 1: box 2 cannot be pushed to (3, 1): box 3",
          "step 4: box 3 cannot be pushed to (6, 1): outside the map", "goal 4 has no box"]),
        (("########", "#@$Do.X#", "########"), "rrrrr",
         ["step 1: box 2 cannot be pushed to (3, 1): door 3 is shut",
          "step 2: open: no key for door 3 was taken before", "step 2: door 3 is shut",
          "goal 4 has no box"]),
        (("#####", "#@*X#", "#####"), "rr", ["step 2: box 3 cannot be pushed to (4, 1): solid",
                                            "goal 2 has no box"]),
    ],
)  # fmt: skip
def test_rejects_impossible_pushes(rows: tuple[str, ...], moves: str, reasons: list[str]) -> None:
    """A refused box stays where it is, and the walk goes on as if its step had been allowed."""
    assert verdicts(warehouse(rows, moves)) == reasons


def test_a_box_passes_an_open_door() -> None:
    rows = ("########", "#k@$.Do#", "#X...###", "########")
    through = warehouse(rows, "lrdrrurldllurrrldlll")
    assert verdicts(through) == []
    assert through.witness is not None
    kept = tuple(event for event in through.witness.events if event.action != "open")
    shut = dataclasses.replace(through, witness=Witness(through.witness.path, kept))
    assert "step 14: box 3 cannot be pushed to (5, 1): door 4 is shut" in verdicts(shut)


def test_rejects_boxes_in_each_other_and_in_walls() -> None:
    base = warehouse()
    boxes = [item for item in base.objects if item.cls == "box"]
    others = [item for item in base.objects if item.cls != "box"]
    for cell, reason in ((boxes[1].cell, "box 2 stands on box 5"), ((0, 0), "in a solid cell")):
        moved = [*others, boxes[1], dataclasses.replace(boxes[0], cell=cell)]
        layer = ObjectLayer("objects", tuple(moved))
        found = verdicts(dataclasses.replace(base, object_layers=(layer,)))
        assert reason in found[0] and "goal 3 has no box" in found


def test_rejects_steps_that_do_not_push() -> None:
    """A jump onto a box and a start on a box move nothing."""
    base = warehouse()
    assert base.witness is not None
    jump = np.delete(base.witness.path, 1, axis=0)
    events = tuple(dataclasses.replace(e, step=min(e.step, len(jump) - 1))
                   for e in base.witness.events)  # fmt: skip
    found = verdicts(dataclasses.replace(base, witness=Witness(jump, events)))
    assert "step 1: (1, 1) to (3, 1) is not one cell" in found
    assert "step 1: box 2 is in the way" in found
    objects = [dataclasses.replace(item, cell=(1, 1)) if item.id == 2 else item
               for item in base.objects]  # fmt: skip
    layer = ObjectLayer("objects", tuple(objects))
    found = verdicts(dataclasses.replace(base, object_layers=(layer,)))
    assert found == ["step 0: box 2 is in the way", "goal 3 has no box"]


def finished(rows: tuple[str, ...], moves: str) -> bool:
    """The rules once more, on letters: whether ``moves`` is legal and ends on the exit, solved."""
    boxes = {(x, y) for y, row in enumerate(rows) for x, c in enumerate(row) if c in "$*"}
    goals = {(x, y) for y, row in enumerate(rows) for x, c in enumerate(row) if c in "o*"}
    x, y = next((row.index("@"), y) for y, row in enumerate(rows) if "@" in row)
    for move in moves:
        dx, dy = OFFSETS[move]
        x, y = x + dx, y + dy
        if rows[y][x] == "#":
            return False
        if (x, y) in boxes:
            if rows[y + dy][x + dx] == "#" or (x + dx, y + dy) in boxes:
                return False
            boxes ^= {(x, y), (x + dx, y + dy)}
    return rows[y][x] == "X" and goals <= boxes


@settings(max_examples=250, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(MOVES)), st.sampled_from("udlr")), max_size=3),
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3), st.sampled_from("#$o*.")), max_size=3),
)
def test_agrees_with_the_rules_on_letters(
    inserted: list[tuple[int, str]], painted: list[tuple[int, int, str]]
) -> None:
    moves = MOVES
    for at, move in inserted:
        moves = moves[:at] + move + moves[at:]
    letters = [list(row) for row in ROWS]
    for x, y, letter in painted:
        if letters[y][x] not in "@X":
            letters[y][x] = letter
    rows = tuple("".join(row) for row in letters)
    try:
        candidate = warehouse(rows, moves)
    except InvalidAssetError:
        return  # the walk leaves the map, which the types refuse
    try:
        expected = finished(rows, moves)
    except IndexError:
        expected = False
    assert (verdicts(candidate) == []) == expected
