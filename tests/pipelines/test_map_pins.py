from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.metrics.playability import verify_witness
from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps import MapRequest, generate_map
from aigc_assets.pipelines.maps.grid import BRIDGE, FLOOR, LIQUID, OUTDOOR, WALL
from aigc_assets.pipelines.maps.pins import FREE, lines_of, mirrored, parse_pins
from aigc_assets.pipelines.maps.requirements import SYMMETRIES
from aigc_assets.pipelines.maps.selfcheck import terrain_of
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Tilemap

PALETTE = make_palette(32, 7)


def tilemap(theme, size, require, pins, seed=0) -> Tilemap:
    asset = generate_map(MapRequest(theme, size, require, pins=pins), PALETTE, seed).asset
    assert isinstance(asset, Tilemap)
    assert verify_witness(asset) == []
    return asset


def test_every_line_pins_its_cells():
    lines = (
        "wall 3,4", "floor 5..6,3", " OUTDOOR 7 , 3", "liquid 1..2,7..8", "bridge 3,7",
        "room 8..10,5..7", "path 2,2 -> 7,2 -> 7,3", "start 1,1", "door red 12,5", "key red 4,6",
    )  # fmt: skip
    pins = parse_pins(lines, (16, 12))
    expected = np.full((12, 16), FREE)
    expected[4, 3] = WALL
    expected[3, 5:7] = FLOOR
    expected[3, 7] = OUTDOOR
    expected[7:9, 1:3] = LIQUID
    expected[7, 3] = BRIDGE
    expected[5:8, 8:11] = FLOOR
    expected[2, 2:8] = FLOOR
    for x, y in ((1, 1), (12, 5), (4, 6)):
        expected[y, x] = FLOOR
    assert np.array_equal(pins.terrain, expected)
    assert [(item.cls, item.cell, item.colour) for item in pins.objects] == [
        ("start", (1, 1), ""),
        ("door", (12, 5), "red"),
        ("key", (4, 6), "red"),
    ]
    assert pins.around[4, 7:12].all()
    assert not pins.around[5:8, 8:11].any()


@given(hnp.arrays(np.int8, st.tuples(st.integers(3, 20), st.integers(3, 20)),
                  elements=st.integers(-1, 4)))  # fmt: skip
def test_an_array_and_its_lines_are_the_same_pins(array):
    array[[0, -1]] = -1
    array[:, [0, -1]] = -1
    lines = lines_of(array)
    try:
        read = parse_pins(lines, array.shape[::-1])
    except UsageError as error:
        assert "pinned walls and liquid" in str(error)
        return
    assert np.array_equal(read.terrain, array)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("wall 3,4", "floor 2..5,4"), r"\(3, 4\) is pinned as wall too"),
        (("floor 2..5,4..5", "liquid 4..8,4"), r"\(4, 4\), \(5, 4\) are pinned as floor too"),
        (("wall 3,1", "path 1,1 -> 5,1"), r"\(3, 1\) is pinned as wall too"),
        (("floor 0..2,4",), r"\(0, 4\) lie on the border"),
        (("room 10..15,4..6",), r"\(15, 4\), \(15, 5\).* lie on the border"),
        (("start 4,4", "wall 4,4"), r"start is pinned on \(4, 4\), a pinned wall"),
        (("start 4,4", "exit 4,4"), r"start is pinned on the same cell \(4, 4\)"),
        (("start 4,4", "start 5,4"), "start is pinned twice"),
        (("key red 4,4", "key red 5,4"), r"one red key, at \(4, 4\)"),
        (("floor 3..5,5", "door red 4,5", "floor 4,4"), r"door pinned on \(4, 5\) cannot stand"),
        (("start 2,2", "exit 8,2", "wall 5,0..11"), r"seal off start at \(2, 2\) from exit at"),
        (("floor 2,2", "liquid 5,1..10", "floor 8,2"), r"the pinned cell at \(8, 2\)"),
        (
            ("wall 4..6,4", "wall 4..6,6", "wall 4,5", "wall 6,5", "start 5,5"),
            r"enclose start at \(5, 5\): 1 cells",
        ),
        (
            ("wall 4..6,4", "wall 4..6,6", "wall 4,5", "wall 6,5", "treasure 5,5"),
            r"enclose treasure at \(5, 5\)",
        ),
        (
            ("wall 4..6,4", "wall 4..6,6", "wall 4,5", "wall 6,5", "floor 5,5"),
            r"enclose the pinned cell at \(5, 5\)",
        ),
        (("wall 0..15,0..11",), "leave 0 cells to walk on"),
        (("liquid 1..14,1..9", "liquid 1..11,10"), "leave 3 cells to walk on"),
        (("wall 16,3",), "outside the 16x12 map"),
        (("path 1,1 -> 5,2",), "not straight"),
        (("path 1,1",), "two ends"),
        (("room 5..3,4..6",), "before the first"),
        (("door pink 4,4",), "unknown colour 'pink'"),
        (("lava 4,4",), "unknown pin"),
        (("wall 4",), "expected X,Y"),
        (("start 4..5,4",), "expected X,Y"),
    ],
)
def test_contradictions_name_the_cells(lines, reason):
    with pytest.raises(UsageError, match=reason) as caught:
        MapRequest("cave", (16, 12), pins=lines)
    assert caught.value.where == "pins"


def test_pins_and_requirements_may_not_contradict_each_other():
    with pytest.raises(UsageError, match=r"floor at \(2, 2\) and wall at \(13, 2\)"):
        MapRequest("cave", (16, 12), ("symmetry horizontal",), pins=("floor 2,2", "wall 13,2"))
    for require, pins, reason in (
        (("doors 0..0",), ("door red 5,5",), r"doors 0..0 was asked"),
        (("doors blue",), ("door red 5,5",), "the doors asked for are blue"),
        (("monsters 1",), ("monster 2,2", "monster 3,3"), r"\(2, 2\), \(3, 3\)"),
    ):
        with pytest.raises(UsageError, match=reason) as caught:
            generate_map(MapRequest("cave", (16, 12), require, pins=pins), PALETTE, 0)
        assert caught.value.where == "pins"
    with pytest.raises(UsageError, match="take no pins"):
        MapRequest("sokoban", (16, 12), pins=("wall 2,2",))
    with pytest.raises(UsageError, match="GAN"):
        MapRequest("cave", (16, 12), generator="gan", pins=("wall 2,2",))


@given(st.lists(st.text(max_size=24), max_size=4))
def test_any_text_is_read_or_refused_in_one_way(lines):
    try:
        MapRequest("cave", (16, 12), pins=tuple(lines))
    except UsageError as error:
        assert error.where == "pins"


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["dungeon", "cave", "techbase"]),
    st.tuples(st.integers(8, 40), st.integers(8, 30)),
    st.integers(0, 2**32),
    st.sampled_from(["", *SYMMETRIES]),
    st.sampled_from([(), ("key before door",), ("monsters 2..4", "boss at end")]),
)
def test_a_third_of_the_cells_may_be_pinned_at_random(theme, size, seed, symmetry, require):
    random = generator(seed)
    pins = np.full(size[::-1], FREE, dtype=np.int8)
    inner = pins[1:-1, 1:-1]
    chosen = random.random(inner.shape) < 0.3
    inner[chosen] = random.choice([WALL, WALL, FLOOR, FLOOR, OUTDOOR, LIQUID], int(chosen.sum()))
    if symmetry:
        pins = np.where(pins == FREE, mirrored(pins, symmetry), pins)
        twin = mirrored(pins, symmetry)
        pins = np.where(pins == twin, pins, FREE)
        require = (*require, f"symmetry {symmetry}")
    try:
        request = MapRequest(theme, size, require, pins=pins)
    except UsageError as error:
        assert "seal off" in str(error)
        return
    try:
        made = generate_map(request, PALETTE, seed).asset
    except GenerationError as error:
        assert min(size) < 12 and "no room for" in str(error), error
        return
    assert verify_witness(made) == []
    kinds = terrain_of(made)
    assert np.array_equal(kinds[pins != FREE], pins[pins != FREE])
    if symmetry:
        assert np.array_equal(kinds, mirrored(kinds, symmetry))


@pytest.mark.parametrize("theme", ["dungeon", "cave", "techbase"])
def test_a_part_of_a_map_is_kept_and_the_rest_drawn_anew(theme):
    first = terrain_of(tilemap(theme, (36, 26), (), ())).astype(np.int8)
    pins = np.full_like(first, FREE)
    pins[4:20, 5:23] = first[4:20, 5:23]
    assert (pins != FREE).mean() > 0.3
    drawn = [terrain_of(tilemap(theme, (36, 26), (), pins, seed)) for seed in (1, 2)]
    for kinds in drawn:
        assert np.array_equal(kinds[pins != FREE], first[pins != FREE])
        assert (kinds != first).mean() > 0.02
    assert not np.array_equal(*drawn)


@pytest.mark.parametrize("seed", range(6))
def test_pinned_objects_stand_where_they_were_put(seed):
    lines = ("start 2,2", "exit 27,17", "door red 14,9", "key red 3,12", "monster 20,4",
             "treasure 6,15", "room 18..22,10..13")  # fmt: skip
    made = tilemap("dungeon", (30, 20), ("doors 1..2",), lines, seed)
    cells = {(item.cls, item.cell, item.properties.get("colour")) for item in made.objects}
    for expected in (
        ("start", (2, 2), None), ("exit", (27, 17), None), ("door", (14, 9), "red"),
        ("key", (3, 12), "red"), ("monster", (20, 4), None), ("treasure", (6, 15), None),
    ):  # fmt: skip
        assert expected in cells
    assert not made.solid()[10:14, 18:23].any()


def test_a_pinned_boss_waits_beside_the_exit():
    made = tilemap("cave", (30, 20), (), ("boss 22,12", "start 3,3"), 1)
    boss, exit_ = (next(o for o in made.objects if o.cls == cls) for cls in ("boss", "exit"))
    assert boss.cell == (22, 12)
    assert np.abs(np.subtract(boss.cell, exit_.cell)).max() <= 4
