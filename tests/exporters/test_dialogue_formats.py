"""Yarn, Ink and JSON without their readers; the readers themselves run in test_readers.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from aigc_assets.exporters.dialogue_json import export_dialogue_json
from aigc_assets.exporters.ink import export_ink
from aigc_assets.exporters.names import identifiers
from aigc_assets.exporters.passages import passages, tag_word
from aigc_assets.exporters.yarn import export_yarn
from aigc_assets.types import Choice, DialogueNode, DialogueTree
from tests import samples
from tests.exporters.trees import trees

SCHEMA = json.loads((Path(__file__).parent / "dialogue.schema.json").read_text("utf-8"))


def one(text: str) -> DialogueTree:
    choice = Choice("d_01a", text, "d_02")
    return DialogueTree(
        (DialogueNode("d_01", "mira", text, (choice,)), DialogueNode("d_02", "mira", "End.")),
        "d_01",
    )


def yarn(tree: DialogueTree) -> str:
    return export_yarn(tree, "gate")["gate.yarn"].decode()


def ink(tree: DialogueTree) -> str:
    return export_ink(tree, "gate")["gate.ink"].decode()


@given(trees())
@settings(max_examples=60, deadline=None)
def test_passages_hold_every_line_once_and_keep_the_order_of_play(tree):
    parts = passages(tree)
    assert sorted(line.id for part in parts for line in part.lines) == sorted(
        node.id for node in tree.nodes
    )
    firsts = {part.id for part in parts}
    assert tree.start in firsts
    for part in parts:
        assert part.id == part.lines[0].id
        for before, after in zip(part.lines, part.lines[1:], strict=False):
            assert before.next == after.id
        assert part.next == part.lines[-1].next
        assert part.next is None or part.next in firsts
        assert {choice.target for choice in part.lines[-1].choices} <= firsts


def test_a_ring_of_lines_is_cut_at_the_start():
    nodes = (
        DialogueNode("a", "m", "One.", (Choice("a1", "On.", "b"), Choice("a2", "Stop.", "d"))),
        DialogueNode("b", "m", "Two.", next="c"),
        DialogueNode("c", "m", "Three.", next="a"),
        DialogueNode("d", "m", "Four."),
    )
    parts = passages(DialogueTree(nodes, "a"))
    assert [(p.id, [n.id for n in p.lines], p.next) for p in parts] == [
        ("a", ["a"], None),
        ("b", ["b", "c"], "a"),
        ("d", ["d"], None),
    ]


def test_yarn_of_the_sample():
    assert yarn(samples.dialogue()).splitlines()[:12] == [
        "title: gate",
        "---",
        "<<declare $friend = false>>",
        "<<jump gate_01>>",
        "===",
        "title: gate_01",
        "---",
        "warden: Who goes there? #line:gate_01 #mood:tense",
        "-> A friend. #line:gate_01a",
        "    <<set $friend to true>>",
        "    <<jump gate_02>>",
        '-> None of "your" business! #line:gate_01b',
    ]


def test_ink_of_the_sample():
    assert ink(samples.dialogue()).splitlines()[:11] == [
        "VAR friend = false",
        "-> gate",
        "",
        "=== gate ===",
        "-> gate_01",
        "",
        "=== gate_01 ===",
        "Who goes there? # line:gate_01 # speaker:warden # mood:tense",
        "+ [A friend. # line:gate_01a]",
        "    ~ friend = true",
        "    -> gate_02",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain, 100% fine.", "plain, 100% fine."),
        ("a #tag", r"a \#tag"),
        ("{x} [b]", r"\{x\} \[b\]"),
        ("<<jump a>>", r"\<\<jump a>>"),
        ("// no comment", r"\/\/ no comment"),
        ("back\\slash", r"back\\slash"),
        ("a -> b => c", r"a -\> b =\> c"),
        ("one\u2028line", "one line"),
    ],
)
def test_yarn_escapes(text, escaped):
    assert f"mira: {escaped} #line:d_01\n" in yarn(one(text))


def test_yarn_option_with_a_colon_names_no_speaker():
    assert '-> [character name=""/]Wait: no. #line:d_01a' in yarn(one("Wait: no."))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain, 100% fine.", "plain, 100% fine."),
        ("a #tag", r"a \#tag"),
        ("{x} [b]", r"\{x\} \[b\]"),
        ("to -> END", r"to \-> END"),
        ("// no /* comment", r"/\/ no /\* comment"),
        ("- gather", r"\- gather"),
        ("* choice", r"\* choice"),
        ("VAR x = 1", r"\VAR x = 1"),
        ("INCLUDED", r"\INCLUDED"),
        ("<>glue", r"\<>glue"),
    ],
)
def test_ink_escapes(text, escaped):
    assert f"\n{escaped} # line:d_01 # speaker:mira\n" in ink(one(text))


@given(trees())
@settings(max_examples=60, deadline=None)
def test_ids_are_written_once_and_nothing_else_looks_like_a_tag(tree):
    ids = [node.id for node in tree.nodes]
    ids += [choice.id for node in tree.nodes for choice in node.choices]
    assert sorted(re.findall(r"(?<!\\)#line:(\S+)", yarn(tree))) == sorted(ids)
    assert sorted(re.findall(r"(?<!\\)# line:([^\s\]]+)", ink(tree))) == sorted(ids)


@given(trees())
@settings(max_examples=60, deadline=None)
def test_json_follows_its_schema_and_holds_everything(tree):
    document = json.loads(export_dialogue_json(tree, "gate")["gate.json"])
    jsonschema.validate(document, SCHEMA)
    nodes = tuple(
        DialogueNode(
            **{**node, "choices": tuple(Choice(**choice) for choice in node["choices"])},
        )
        for node in document["nodes"]
    )
    assert DialogueTree(nodes, document["start"], document["variables"]) == tree


def test_the_schema_refuses_a_broken_document():
    document = json.loads(export_dialogue_json(samples.dialogue(), "gate")["gate.json"])
    del document["nodes"][0]["choices"][0]["target"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_a_lone_surrogate_does_not_stop_an_export():
    for export in (export_yarn, export_ink, export_dialogue_json):
        (data,) = export(one("half \ud83d pair"), "gate").values()
        assert "half ? pair" in data.decode("utf-8")


def test_identifiers_are_different_and_legal():
    names = ["a-b", "a_b", "a b", "2x", "", "not", "é"]
    found = identifiers(names, taken=("not",))
    assert found["a-b"] == "a_b"
    assert len(set(found.values())) == len(names) and "not" not in found.values()
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) for value in found.values())


def test_tag_words_have_no_space():
    assert tag_word("very  tense #now") == "very_tense_now"
    assert tag_word(True) == "true"
    assert tag_word(" ") == "_"
