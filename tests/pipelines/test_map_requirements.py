from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.maps import MapRequest, parse_requirements
from aigc_assets.pipelines.maps.requirements import LIMIT, Range, Requirements

NAMES = ("monsters", "treasure", "doors", "path")


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


def test_short_forms():
    read = parse_requirements(["monsters 3", "path 20..", "treasure 0..2"])
    assert (read.monsters, read.path) == (Range(3, 3), Range(20, LIMIT))


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
