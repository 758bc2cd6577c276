from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps import MapRequest, parse_requirements
from aigc_assets.pipelines.maps.requirements import (
    COLOURS,
    KINDS,
    LIMIT,
    SYMMETRIES,
    Range,
    Requirements,
    Share,
    refuse,
)

NAMES = ("monsters", "treasure", "doors", "path", "hazards", "liquid", "outdoor")


def test_nothing_means_start_to_exit():
    assert parse_requirements(()) == parse_requirements(["start -> exit"]) == Requirements()


@given(
    st.dictionaries(st.sampled_from(NAMES), st.tuples(st.integers(1, 900), st.integers(0, 900))),
    st.booleans(),
    st.sampled_from(["", "  "]),
    st.randoms(use_true_random=False),
)
def test_every_line_of_the_grammar_is_read(spans, key, space, shuffler):
    lines = [f"{space}{n.title()}  {low}{space}..{space}{low + more}{space}"
             for n, (low, more) in spans.items()]  # fmt: skip
    lines += ["key BEFORE door"] if key else []
    lines += ["start->exit"]
    shuffler.shuffle(lines)
    read = parse_requirements(lines)
    assert read.key_before_door == key
    for name in NAMES:
        low, more = spans.get(name, (0, 0))
        assert getattr(read, name) == (Range(low, low + more) if name in spans else None)


@given(
    st.sampled_from(("monsters", "treasure", "hazards", "liquid", "outdoor")),
    st.integers(0, 60),
    st.integers(0, 40),
    st.tuples(st.integers(8, 256), st.integers(8, 256)),
)
def test_percent_becomes_counts_of_the_cells_inside_the_border(name, low, more, size):
    read = parse_requirements([f"{name} {low}..{low + more} %"])
    assert getattr(read, name) is None
    assert read.shares == ((name, Share(low, low + more)),)
    span = getattr(read.for_size(size), name)
    inner = (size[0] - 2) * (size[1] - 2)
    assert span.low <= low * inner / 100 < span.low + 1
    assert span.high - 1 < (low + more) * inner / 100 <= span.high
    assert read.for_size(size).shares == ()


def test_with_a_symmetry_shares_of_terrain_become_pairs():
    lines = ["liquid 5 %", "monsters 5 %", "symmetry rotational"]
    read = parse_requirements(lines).for_size((12, 12))
    assert (read.liquid, read.monsters) == (Range(4, 6), Range(5, 5))


def test_shares_may_be_fractions_and_single():
    read = parse_requirements(["monsters 2.5%", "liquid 10.. percent"]).for_size((22, 12))
    assert (read.monsters, read.liquid) == (Range(5, 5), Range(20, 200))


@given(st.lists(st.sampled_from(COLOURS), min_size=1, max_size=8), st.sampled_from([",", " , "]))
def test_doors_in_order_of_their_colours(colours, comma):
    read = parse_requirements([f"doors {comma.join(colours)}", "key before door"])
    assert read.door_colours == tuple(colours)
    assert read.doors == Range(len(colours), len(colours))


@given(st.floats(0, 1), st.sampled_from(SYMMETRIES))
def test_boss_difficulty_and_symmetry(difficulty, symmetry):
    read = parse_requirements(
        [f"Difficulty {difficulty:.4f}", f"symmetry {symmetry}", "boss  at END"]
    )
    assert read.boss
    assert read.symmetry == symmetry
    assert read.difficulty == pytest.approx(difficulty, abs=1e-4)


def test_a_theme_refuses_what_it_does_not_serve_by_line():
    read = parse_requirements(["start -> exit", "Monsters 3", "boss at end"])
    refuse(read, "sokoban", KINDS)
    with pytest.raises(UsageError, match=r"'boss at end': only boxes here") as caught:
        refuse(read, "sokoban", ("monsters",), "only boxes here")
    assert caught.value.where == "require"
    assert "monsters A..B" in str(caught.value.remedy)
    assert "path" not in str(caught.value.remedy)


def test_short_forms():
    read = parse_requirements(["monsters 3", "path 20..", "treasure 0..2"])
    assert (read.monsters, read.path) == (Range(3, 3), Range(20, LIMIT))
    read = parse_requirements(["boxes 2..4", "pushes 12"])
    assert (read.boxes, read.pushes) == (Range(2, 4), Range(12, 12))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("dragons 1..2", "unknown requirement"),
        ("monsters", "unknown requirement"),
        ("monsters -1..2", "unknown requirement"),
        ("monsters 1...2", "unknown requirement"),
        ("monsters 1.5", "unknown requirement"),
        ("", "unknown requirement"),
        ("exit -> start", "unknown requirement"),
        ("monsters 5..2", "5 is more than 2"),
        ("monsters 1..999999999", "numbers go up to"),
        ("monsters ٣..٥", "unknown requirement"),
        ("path 0..5", "at least 1 step"),
        ("boxes 0", "at least 1"),
        ("path 5 %", "cannot be given in percent"),
        ("monsters 5..120 %", "at most 100 %"),
        ("monsters 9..5 %", "9 is more than 5"),
        ("doors red, pink", "unknown colour 'pink'"),
        ("doors red,", "unknown requirement"),
        ("difficulty 1.1", "from 0 to 1"),
        ("difficulty hard", "from 0 to 1"),
        ("symmetry diagonal", "unknown symmetry"),
        ("boss", "unknown requirement"),
    ],
)
def test_errors_name_the_text_and_the_grammar(line, reason):
    with pytest.raises(UsageError, match=reason) as caught:
        parse_requirements(["start -> exit", line])
    assert repr(line) in str(caught.value)
    assert "key before door" in str(caught.value.remedy)


def test_contradictions_are_refused():
    with pytest.raises(UsageError, match="given twice"):
        parse_requirements(["monsters 1..2", "monster 3"])
    with pytest.raises(UsageError, match="given twice"):
        parse_requirements(["doors 1..2", "doors red, blue"])
    with pytest.raises(UsageError, match="given twice"):
        parse_requirements(["monsters 1..2", "monsters 3 %"])
    with pytest.raises(UsageError, match="forbids"):
        parse_requirements(["key before door", "doors 0..0"])
    assert parse_requirements(["key before door", "doors 0..3"]).doors == Range(1, 3)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_way(text):
    try:
        parse_requirements([text])
    except UsageError as error:
        assert error.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("castle", (32, 32)), "theme"),
        (("cave", (7, 32)), "size"),
        (("cave", (32, 257)), "size"),
        (("cave", (32.0, 32)), "size"),
        (("cave", (32, 32, 1)), "size"),
        (("cave", (32, 32), "start -> exit"), "require"),
        (("cave", (32, 32), ("nonsense",)), "require"),
    ],
)
def test_a_request_checks_itself(arguments, where):
    with pytest.raises(UsageError) as caught:
        MapRequest(*arguments)
    assert caught.value.where == where
