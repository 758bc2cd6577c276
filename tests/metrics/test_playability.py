from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import InvalidAssetError
from aigc_assets.metrics.playability import verify_witness, verify_witness_native
from aigc_assets.types import MapObject, ObjectLayer, TileLayer, Tilemap, Witness, WitnessEvent
from tests.samples import tilemap

WALL = 1


def verdicts(candidate: Tilemap) -> list[str]:
    """The reasons of the Python checker, once the native one (where built) gave the same."""
    reasons = verify_witness(candidate)
    try:
        import aigc_assets._host  # noqa: F401
    except ImportError:
        return reasons
    assert verify_witness_native(candidate) == reasons
    return reasons


def changed(
    *,
    path: Sequence[tuple[int, int]] | None = None,
    events: Sequence[WitnessEvent] | None = None,
    solid: Sequence[tuple[int, int]] = (),
    objects: Sequence[MapObject] | None = None,
) -> Tilemap:
    """The sample map with something replaced; ``solid`` cells become walls."""
    base = tilemap()
    assert base.witness is not None
    gids = base.layers[0].gids.copy()
    for x, y in solid:
        gids[y, x] = WALL
    cells = base.witness.path if path is None else np.array(path, dtype=np.int32).reshape(-1, 2)
    witness = Witness(cells, base.witness.events if events is None else tuple(events))
    things = base.objects if objects is None else tuple(objects)
    return dataclasses.replace(
        base,
        layers=(TileLayer("ground", gids),),
        object_layers=(ObjectLayer("objects", things),),
        witness=witness,
    )


def sample_path() -> list[tuple[int, int]]:
    witness = tilemap().witness
    assert witness is not None
    return [(int(x), int(y)) for x, y in witness.path]


def sample_events() -> list[WitnessEvent]:
    witness = tilemap().witness
    assert witness is not None
    return list(witness.events)


def test_accepts_the_sample() -> None:
    assert verdicts(tilemap()) == []
    assert verdicts(changed()) == []


def test_rejects_a_map_without_witness() -> None:
    assert verdicts(dataclasses.replace(tilemap(), witness=None)) == ["the map has no witness"]


@pytest.mark.parametrize("cell", sorted(set(sample_path())))
def test_rejects_a_wall_on_the_path(cell: tuple[int, int]) -> None:
    reasons = verdicts(changed(solid=[cell]))
    assert reasons and all(f"{cell} is solid" in reason for reason in reasons)


def test_accepts_walls_off_the_path() -> None:
    base = tilemap()
    cells = {(x, y) for x in range(base.width) for y in range(base.height)} - set(sample_path())
    assert verdicts(changed(solid=sorted(cells))) == []


def test_rejects_empty_cells() -> None:
    """A cell without any tile is a hole."""
    base = tilemap()
    gids = base.layers[0].gids.copy()
    gids[2, 4] = 0
    hole = dataclasses.replace(base, layers=(TileLayer("ground", gids),))
    assert verdicts(hole) == ["step 8: (4, 2) is solid"]


@pytest.mark.parametrize("index", range(4))
def test_rejects_a_missing_event(index: int) -> None:
    events = sample_events()
    del events[index]
    expected = (
        ["expected one event 'start' at step 0, got steps []"],
        [
            "step 7: open: no key for door 3 was taken before",
            "step 7: door 3 is shut",
        ],
        ["step 7: door 3 is shut"],
        ["expected one event 'exit' at step 12, got steps []"],
    )[index]
    assert verdicts(changed(events=events)) == expected


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (WitnessEvent(3, "take", 99), "there is no object 99"),
        (WitnessEvent(3, "take", 5), "object 5 is no key"),
        (WitnessEvent(2, "take", 2), "object 2 is not on (1, 3)"),
        (WitnessEvent(7, "open", 2), "object 2 is no door"),
        (WitnessEvent(6, "open", 3), "object 3 is not on (2, 2)"),
        (WitnessEvent(5, "start", 1), "expected one event 'start'"),
        (WitnessEvent(12, "exit", 4), "expected one event 'exit'"),
        (WitnessEvent(11, "exit", 4), "expected one event 'exit'"),
    ],
)
def test_rejects_an_impossible_event(event: WitnessEvent, reason: str) -> None:
    events = sorted([*sample_events(), event], key=lambda e: e.step)
    assert any(reason in found for found in verdicts(changed(events=events)))


def test_rejects_a_key_of_another_colour() -> None:
    objects = [
        dataclasses.replace(o, properties={"colour": "blue"}) if o.cls == "key" else o
        for o in tilemap().objects
    ]
    reasons = verdicts(changed(objects=objects))
    assert reasons == ["step 7: open: no key for door 3 was taken before", "step 7: door 3 is shut"]


def test_rejects_a_key_inside_its_own_door() -> None:
    objects = [
        dataclasses.replace(o, cell=(3, 2)) if o.cls == "key" else o for o in tilemap().objects
    ]
    events = sample_events()
    events[1] = WitnessEvent(7, "take", 2)
    assert "step 7: door 3 is shut" in verdicts(changed(objects=objects, events=events))


@pytest.mark.parametrize("step", range(1, 13))
def test_rejects_a_skipped_step(step: int) -> None:
    """Without one cell the walk jumps, or its events no longer stand where they happen."""
    path = sample_path()
    del path[step]
    events = [dataclasses.replace(e, step=min(e.step, len(path) - 1)) for e in sample_events()]
    assert verdicts(changed(path=path, events=events))


def test_rejects_diagonal_steps_and_standing_still() -> None:
    path = sample_path()
    path[2] = (2, 2)
    assert any("is not one cell" in reason for reason in verdicts(changed(path=path)))
    path = sample_path()
    path[2] = path[1]
    assert any("is not one cell" in reason for reason in verdicts(changed(path=path)))


def test_a_second_closed_door_on_the_path() -> None:
    second = MapObject(70, "blue door", "door", (5, 2), {"colour": "blue"})
    reasons = verdicts(changed(objects=[*tilemap().objects, second]))
    assert reasons == ["step 9: door 70 is shut"]


def test_one_key_opens_all_doors_of_its_colour() -> None:
    second = MapObject(70, "red door", "door", (5, 2), {"colour": "red"})
    events = [*sample_events()[:3], WitnessEvent(9, "open", 70), sample_events()[3]]
    assert verdicts(changed(objects=[*tilemap().objects, second], events=events)) == []


cells = st.tuples(st.integers(0, 7), st.integers(0, 5))
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("solid"), cells),
        st.tuples(st.just("step"), st.tuples(st.integers(0, 12), cells)),
        st.tuples(st.just("drop"), st.integers(0, 3)),
        st.tuples(
            st.just("event"),
            st.builds(
                WitnessEvent,
                st.integers(0, 12),
                st.sampled_from(("start", "take", "open", "exit")),
                st.integers(1, 8),
            ),
        ),
        st.tuples(st.just("move"), st.tuples(st.integers(0, 5), cells)),
        st.tuples(st.just("colour"), st.tuples(st.integers(1, 2), st.sampled_from(("red", "b")))),
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def host():
    return pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")


@pytest.mark.native
@pytest.mark.usefixtures("host")
@settings(max_examples=150, deadline=None)
@given(mutations)
def test_both_checkers_agree(changes: list[tuple]) -> None:
    path, events, solid = sample_path(), sample_events(), []
    objects = list(tilemap().objects)
    for kind, value in changes:
        if kind == "solid":
            solid.append(value)
        elif kind == "step":
            path[value[0]] = value[1]
        elif kind == "drop" and value < len(events):
            del events[value]
        elif kind == "event":
            events = sorted([*events, value], key=lambda event: event.step)
        elif kind == "move":
            objects[value[0]] = dataclasses.replace(objects[value[0]], cell=value[1])
        elif kind == "colour":
            item = objects[value[0]]
            objects[value[0]] = dataclasses.replace(item, properties={"colour": value[1]})
    candidate = changed(path=path, events=events, solid=solid, objects=objects)
    reasons = verdicts(candidate)
    assert verify_witness_native(candidate) == reasons
    if any(kind == "solid" and value in path for kind, value in changes):
        assert reasons


@pytest.mark.native
def test_native_checker_does_not_trust_its_input(host) -> None:
    """Called with raw arrays, it meets what the plain types would have refused."""
    solid = np.zeros((2, 3), dtype=np.uint8)
    objects = np.array([[1, 0, 0, 0], [2, 1, 2, 0]], dtype=np.int32)
    events = np.array([[0, 0, 1], [2, 3, 2]], dtype=np.int32)
    path = np.array([[0, 0], [1, 0], [2, 0]], dtype=np.int32)
    assert host.verify("walk", solid, path, events, objects, ["", ""]) == []
    outside = np.array([[0, 0], [0, -1], [2, 0]], dtype=np.int32)
    assert any(
        "outside" in r for r in host.verify("walk", solid, outside, events, objects, ["", ""])
    )
    assert host.verify("walk", solid, path[:0], events, objects, ["", ""])
    wild = np.array([[0, 0, 1], [-1, 9, 1], [2, 3, 2]], dtype=np.int32)
    assert any(
        "unknown action 9" in r for r in host.verify("walk", solid, path, wild, objects, ["", ""])
    )
    late = np.array([[0, 0, 1], [7, 1, 2], [2, 3, 2]], dtype=np.int32)
    assert any(
        "step 7 of 3" in r for r in host.verify("walk", solid, path, late, objects, ["", ""])
    )
    for arguments in (
        (solid[0], path, events, objects, ["", ""]),
        (solid, path[:, :1], events, objects, ["", ""]),
        (solid, path, events[:, :2], objects, ["", ""]),
        (solid, path, events, objects, [""]),
    ):
        with pytest.raises(ValueError, match="expected"):
            host.verify("walk", *arguments)
    assert host.verify("fly", solid, path, events, objects, ["", ""]) == ["unknown movement 'fly'"]


def test_types_refuse_paths_off_the_map() -> None:
    path = sample_path()
    path[3] = (1, 6)
    with pytest.raises(InvalidAssetError):
        changed(path=path)
