from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.metrics.playability import verify_witness, verify_witness_native
from aigc_assets.metrics.tilemaps import component_sizes
from aigc_assets.pipelines.made import generator
from aigc_assets.pipelines.maps import MapRequest, generate_map
from aigc_assets.pipelines.maps.requirements import parse_requirements
from aigc_assets.pipelines.maps.sokoban import generate, search
from aigc_assets.pipelines.maps.sokoban.check import check
from aigc_assets.pipelines.maps.sokoban.layout import cut, doorways, is_single
from aigc_assets.pipelines.maps.sokoban.search import Board
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import MapObject, ObjectLayer, Tilemap, Witness
from tests.pipelines.test_map_sokoban_search import fewest_pushes

PALETTE = make_palette(24, 3)
NATIVE = importlib.util.find_spec("aigc_assets._host") is not None


def level(size: tuple[int, int], *require: str, seed: int = 1) -> Tilemap:
    made = generate_map(MapRequest("sokoban", size, require), PALETTE, seed).asset
    assert isinstance(made, Tilemap)
    return made


def cells(tilemap: Tilemap, cls: str) -> list[tuple[int, int]]:
    return [item.cell for item in tilemap.objects if item.cls == cls]


def layout_of(tilemap: Tilemap) -> tuple:
    objects = [(item.cls, item.cell) for item in tilemap.objects if item.cls in ("box", "goal")]
    return tilemap.solid().tobytes(), tuple(objects)


LINES = {
    "boxes 2..3": ("boxes", 2, 3),
    "pushes 6..40": ("pushes", 6, 40),
    "path 30..400": ("steps", 30, 400),
    "treasure 1..3": ("treasure", 1, 3),
    "difficulty 0.4": ("difficulty", 0, 1),
}


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(8, 36), st.integers(8, 36)),
    st.lists(st.sampled_from(sorted(LINES)), max_size=3, unique=True),
    st.integers(0, 2**40),
)
def test_every_request_ends_in_a_proven_level_or_a_reason(
    size: tuple[int, int], require: list[str], seed: int
) -> None:
    try:
        made = level(size, *require, seed=seed)
    except GenerationError as error:
        assert require and error.where == "require" and error.remedy
        return
    assert (made.width, made.height) == size
    assert verify_witness(made) == []
    if NATIVE:
        assert verify_witness_native(made) == []
    assert made.properties["movement"] == "push"
    assert len(cells(made, "box")) == len(cells(made, "goal")) == made.properties["boxes"] > 0
    assert len(cells(made, "start")) == len(cells(made, "exit")) == 1
    got = {**made.properties, "treasure": len(cells(made, "treasure"))}
    for line in require:
        name, low, high = LINES[line]
        assert low <= got[name] <= high, (line, got)


def test_the_same_request_gives_the_same_level_and_seeds_differ() -> None:
    first, again = level((12, 10), seed=5), level((12, 10), seed=5)
    assert layout_of(first) == layout_of(again)
    assert all(
        np.array_equal(a.gids, b.gids) for a, b in zip(first.layers, again.layers, strict=True)
    )
    assert np.array_equal(first.witness.path, again.witness.path)  # type: ignore[union-attr]
    assert len({layout_of(level((8, 8), seed=seed)) for seed in range(60)}) == 60


@pytest.mark.native
@pytest.mark.parametrize(("size", "require"), [((8, 8), ("difficulty 0.3",)), ((8, 20), ())])
def test_without_the_compiled_search_the_level_is_the_same(
    size: tuple[int, int], require: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aigc_assets._host", reason="built without a C++ compiler")
    with_host = level(size, *require)
    monkeypatch.setattr(search, "_host", None)
    without = level(size, *require)
    assert layout_of(with_host) == layout_of(without)
    assert np.array_equal(with_host.witness.path, without.witness.path)  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(6))
def test_fewest_pushes_are_fewest(seed: int) -> None:
    made = level((8, 8), "boxes 1..2", seed=seed)
    number = {cell: cell[1] * 8 + cell[0] for cell in np.ndindex(8, 8)}
    board = Board(
        8,
        made.solid().astype(np.uint8).tobytes(),
        tuple(sorted(number[cell] for cell in cells(made, "goal"))),
    )
    start, end = (number[cells(made, cls)[0]] for cls in ("start", "exit"))
    fewest = fewest_pushes(board, [number[cell] for cell in cells(made, "box")], start, end)
    assert fewest is not None
    pushes = int(made.properties["pushes"])
    assert pushes == fewest if made.properties["fewest_pushes"] else pushes >= fewest


def test_difficulty_orders_levels() -> None:
    asked = np.linspace(0, 1, 14)
    got = [level((13, 11), f"difficulty {d:.2f}", seed=i) for i, d in enumerate(asked)]
    reached = [float(made.properties["difficulty"]) for made in got]
    assert np.corrcoef(asked, reached)[0, 1] > 0.9
    pushes = [int(made.properties["pushes"]) for made in got]
    assert np.mean(pushes[-5:]) > 2 * np.mean(pushes[:5])


@pytest.mark.parametrize(
    "line", ["monsters 2", "key before door", "boss at end", "symmetry horizontal", "liquid 5 %"]
)
def test_refuses_what_a_sokoban_has_not(line: str) -> None:
    with pytest.raises(UsageError, match="walls, boxes and goals"):
        MapRequest("sokoban", (20, 20), (line,))


@pytest.mark.parametrize("network", ["gan", "transformer"])
def test_does_not_pretend_that_a_network_drew_its_rooms(network: str) -> None:
    with pytest.raises(UsageError, match="no network draws them") as caught:
        MapRequest("sokoban", (20, 20), generator=network)
    assert caught.value.where == "generator"
    made = generate_map(MapRequest("sokoban", (10, 10)), PALETTE, 1)
    assert made.provenance.model == "composition" and "carved" in made.provenance.operations[0]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("boxes 90",), "'boxes 90' take 182 cells, inside are 36"),
        (("treasure 60",), "'treasure 60' take 64 cells"),
        (("pushes 12..20", "path 7..8"), "'path 7..8' has too few for the pushes: 'pushes 12..20'"),
        (("boxes 5", "path 3..4"), "one for every box of 'boxes 5'"),
        (("boxes 3", "pushes 1..2"), "'pushes 1..2' is too few"),
    ],
)
def test_says_at_once_why_a_level_cannot_be(
    lines: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "single", None)  # nothing is searched
    with pytest.raises(GenerationError, match="no 8x8 level can") as caught:
        level((8, 8), *lines)
    assert why in str(caught.value) and caught.value.where == "require"


@pytest.mark.parametrize("line", ["pushes 900", "path 4000..", "boxes 16"])
def test_says_what_was_found_instead(line: str) -> None:
    with pytest.raises(GenerationError, match="found no 8x8 level") as caught:
        level((8, 8), line)
    assert "asked for" in str(caught.value) or "got no puzzle of" in str(caught.value)


TIGHT = (
    ((96, 64), ("path 53..62",)),
    ((24, 18), ("path 40..48", "boxes 1..1", "pushes 17..23", "difficulty 0.09")),
    ((12, 16), ("path 16..16", "boxes 2..3", "pushes 14..21")),
    ((8, 8), ("path 10..13", "boxes 4..5", "pushes 9..17")),
    ((48, 32), ("path 28..29", "pushes 9..13", "difficulty 0.98")),
    ((12, 16), ("path 17..22", "boxes 1..1", "pushes 20..31")),
    ((48, 32), ("boxes 1..2", "pushes 20..27", "difficulty 0.10")),
    ((8, 24), ("boxes 1..2", "pushes 20..22")),
)


@pytest.mark.native
@pytest.mark.parametrize(("size", "require"), TIGHT)
def test_serves_what_is_just_possible(size: tuple[int, int], require: tuple[str, ...]) -> None:
    pytest.importorskip("aigc_assets._host", reason="too slow without the compiled search")
    made = level(size, *require, seed=3)
    assert verify_witness(made) == []
    got = {**made.properties, "treasure": len(cells(made, "treasure"))}
    for kind, _ in parse_requirements(require).lines:
        span = getattr(parse_requirements(require), kind)
        if kind != "difficulty":
            assert span.low <= got["steps" if kind == "path" else kind] <= span.high


@pytest.mark.parametrize("size", [(8, 8), (16, 12), (30, 20)])
@pytest.mark.parametrize("seed", range(4))
def test_every_box_has_to_be_moved(size: tuple[int, int], seed: int) -> None:
    made = level(size, seed=seed)
    assert not set(cells(made, "box")) & set(cells(made, "goal"))


def test_many_pushes_are_met_near_the_middle() -> None:
    asked = [(low, low + wide) for low in (4, 8, 12, 16, 20) for wide in (0, 6, 12)]
    got = [
        int(level((14, 12), f"pushes {low}..{high}", seed=i).properties["pushes"])
        for i, (low, high) in enumerate(asked)
    ]
    assert np.corrcoef([low + high for low, high in asked], got)[0, 1] > 0.9


@pytest.mark.parametrize("size", [(8, 60), (60, 8), (33, 17), (16, 16), (90, 70)])
def test_corridors_hang_together_and_every_block_has_a_door(size: tuple[int, int]) -> None:
    assert not is_single(size)
    for seed in range(12):
        corridor, blocks = cut(size, 13, generator(seed))
        assert len(component_sizes(corridor)) == 1
        assert not (corridor[[0, -1]].any() or corridor[:, [0, -1]].any())
        covered = corridor.astype(int)
        for block in blocks:
            assert doorways(block, corridor)
            covered[block.top : block.bottom + 1, block.left : block.right + 1] += 1
        assert covered.max() == 1, "blocks and corridors overlap"


def test_the_own_check_finds_broken_levels() -> None:
    made = level((12, 10), "boxes 3")
    wanted = parse_requirements(["boxes 3"])
    check(made, wanted)
    assert made.witness is not None
    cut_short = dataclasses.replace(
        made, witness=Witness(made.witness.path[:2], made.witness.events[:1])
    )
    box = next(item for item in made.objects if item.cls == "box")

    def with_box_at(cell: tuple[int, int]) -> Tilemap:
        moved: list[MapObject] = [
            dataclasses.replace(item, cell=cell) if item is box else item for item in made.objects
        ]
        return dataclasses.replace(made, object_layers=(ObjectLayer("objects", tuple(moved)),))

    for broken in (cut_short, with_box_at((0, 0)), with_box_at(cells(made, "start")[0])):
        with pytest.raises(GenerationError, match="fails its own check"):
            check(broken, wanted)
    with pytest.raises(GenerationError, match="for boxes, 4"):
        check(made, parse_requirements(["boxes 4"]))
