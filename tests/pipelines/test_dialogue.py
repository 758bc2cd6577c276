"""Dialogue: valid trees of the right size, clean lines, the same bytes, the user's own texts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import AigcError, UsageError, WeightsError
from aigc_assets.models.checkpoint import SHIPPED
from aigc_assets.models.dialogue_tags import ACTS, FOLLOWS, ROLES, Vocabulary, special_tokens
from aigc_assets.pipelines import dialogue
from aigc_assets.pipelines.dialogue import MOODS, DialogueRequest, generate_dialogue, line_ids
from aigc_assets.pipelines.dialogue.graph import plan
from aigc_assets.pipelines.dialogue.masks import LineGrammar, State, explain
from aigc_assets.pipelines.dialogue.request import display_name, role_of
from aigc_assets.pipelines.dialogue.slots import choose, fill
from aigc_assets.pipelines.made import generator, load_model
from aigc_assets.types import Choice, DialogueNode, DialogueTree, dump

CAST = ("mira", "warden", "old_tom", "odile", "brann", "k9")
GATE = DialogueRequest("gate", ("mira", "warden"), "tense", 6, {"warden": "old guard"})


@given(
    lines=st.integers(2, 60),
    cast=st.integers(1, 6),
    mood=st.sampled_from(MOODS),
    seed=st.integers(0, 2**62),
)
@settings(max_examples=150, deadline=None)
def test_every_plan_is_a_valid_tree_of_the_asked_size(lines, cast, mood, seed):
    request = DialogueRequest("talk", CAST[:cast], mood, lines)
    planned = plan(request, generator(seed))
    by_number = {line.number: line for line in planned.lines}
    nodes = []
    for line in planned.lines:
        choices = tuple(
            Choice(f"t{line.number}{'abc'[i]}", "x", f"t{c.target}", c.condition, c.sets)
            for i, c in enumerate(line.choices)
        )
        following = None if line.next is None else f"t{line.next}"
        nodes.append(DialogueNode(f"t{line.number}", line.speaker, "x", choices, following))
    DialogueTree(tuple(nodes), "t1", planned.variables)  # validates reachability and ends
    assert len(nodes) == lines
    points = [line for line in planned.lines if line.choices]
    assert 1 <= len(points) <= 3
    for line in planned.lines:
        assert line.act in ACTS and line.mood in MOODS and planned.roles[line.speaker] in ROLES
        assert line.listener != line.speaker and (line.listener is None) == (cast == 1)
        assert all(ref[0] < line.number for ref in line.context)
        if line.next is not None and by_number[line.next].context and cast > 1:
            assert by_number[line.next].act in FOLLOWS[line.act]
    for line in points:
        assert 2 <= len(line.choices) <= 3
        assert sum(choice.condition is None for choice in line.choices) >= 2
        assert cast == 1 or line.speaker != CAST[0]  # the player does not answer themselves
        assert len({choice.act for choice in line.choices}) == len(line.choices)


@pytest.mark.parametrize(
    ("lines", "cast", "mood", "seed"),
    [(2, 1, "neutral", 0), (9, 3, "joyful", 1), (24, 6, "mysterious", 2), (5, 2, "fearful", 3)],
)
def test_dialogues_read_as_lines(lines, cast, mood, seed):
    request = DialogueRequest("talk", CAST[:cast], mood, lines)
    made = generate_dialogue(request, seed)
    tree = made.asset
    assert isinstance(tree, DialogueTree) and len(tree.nodes) == lines
    assert [node.id for node in tree.nodes] == [f"talk_{n:02d}" for n in range(1, lines + 1)]
    texts = [node.text for node in tree.nodes]
    for node in tree.nodes:
        assert [c.id for c in node.choices] == [f"{node.id}{x}" for x in "abc"[: len(node.choices)]]
        texts += [choice.text for choice in node.choices]
        assert set(node.tags) == {"mood", "act"}
    assert len(texts) == len({text.lower() for text in texts})
    for text in texts:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9 ,.'!?-]*[.!?]", text), text
        assert "<" not in text and len(text.split()) <= 26
    assert made.provenance.model == "dialogue_transformer"
    assert made.provenance.request["lines"] == lines
    ids = [i for node in tree.nodes for i in (node.id, *(c.id for c in node.choices))]
    assert tuple(ids) == line_ids(request, seed)


def test_same_request_same_bytes_other_seed_other_words():
    first, second = generate_dialogue(GATE, 5).asset, generate_dialogue(GATE, 5).asset
    assert dump(first) == dump(second) != dump(generate_dialogue(GATE, 6).asset)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_bytes_do_not_depend_on_threads_or_process(threads):
    code = (
        "import hashlib, torch; torch.set_num_threads(int('THREADS'))\n"
        "from aigc_assets.pipelines.dialogue import DialogueRequest, generate_dialogue\n"
        "from aigc_assets.types import dump\n"
        "r = DialogueRequest('gate', ('mira', 'warden'), 'tense', 6, {'warden': 'old guard'})\n"
        "print(hashlib.sha256(dump(generate_dialogue(r, 5).asset)).hexdigest())\n"
    ).replace("THREADS", threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    expected = hashlib.sha256(dump(generate_dialogue(GATE, 5).asset)).hexdigest()
    assert done.stdout.strip() == expected


def test_a_pinned_text_changes_nothing_else():
    plain = generate_dialogue(GATE, 5).asset
    owner = next(node for node in plain.nodes if node.choices)
    mine = {"gate_01": "Käse & <b>brot</b>: 100 %!", owner.choices[0].id: "Aye."}
    request = DialogueRequest(GATE.id, GATE.cast, GATE.mood, GATE.lines, GATE.roles, mine)
    made = generate_dialogue(request, 5)
    pinned = made.asset
    for before, after in zip(plain.nodes, pinned.nodes, strict=True):
        assert after.text == mine.get(before.id, before.text)
        assert (after.next, after.speaker, after.tags) == (before.next, before.speaker, before.tags)
        for old, new in zip(before.choices, after.choices, strict=True):
            assert new.text == mine.get(old.id, old.text)
            assert (new.target, new.condition, new.sets) == (old.target, old.condition, old.sets)
    assert "gate_01" in " ".join(made.provenance.operations)


def test_an_unknown_line_is_named_with_the_known_ones():
    request = DialogueRequest("gate", ("mira", "warden"), texts={"gate_99": "No."})
    with pytest.raises(UsageError, match="gate_99") as caught:
        generate_dialogue(request, 1)
    assert "gate_01" in str(caught.value.remedy) and caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": "../x"}, "id"),
        ({"id": "a" * 59}, "id"),
        ({"cast": ()}, "cast"),
        ({"cast": (*CAST, "seventh")}, "cast"),
        ({"cast": ("mira", "mira")}, "cast"),
        ({"cast": ("Mira",)}, "cast"),
        ({"mood": "hungry"}, "mood"),
        ({"lines": 1}, "lines"),
        ({"lines": 61}, "lines"),
        ({"lines": True}, "lines"),
        ({"roles": {"nobody": "guard"}}, "roles"),
        ({"texts": {"gate_01": " padded "}}, "texts"),
        ({"texts": {"gate_01": "two\nlines"}}, "texts"),
    ],
)
def test_bad_requests_are_refused(change, where):
    values = {"id": "gate", "cast": ("mira", "warden"), **change}
    with pytest.raises(UsageError) as caught:
        DialogueRequest(**values)
    assert where in str(caught.value.where)


def test_an_unknown_mood_lists_the_moods():
    with pytest.raises(UsageError, match="mysterious"):
        DialogueRequest("gate", ("mira",), "hungry")


def test_an_altered_tokenizer_is_found(tmp_path, monkeypatch):
    for path in SHIPPED.glob("dialogue_transformer.*"):
        shutil.copy(path, tmp_path / path.name)
    tokenizer = tmp_path / "dialogue_transformer.tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes().replace(b"the", b"teh", 1))
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    load_model.cache_clear()
    dialogue._vocabulary.cache_clear()
    try:
        with pytest.raises(WeightsError, match="tokenizer was altered"):
            generate_dialogue(GATE, 1)
        tokenizer.unlink()
        with pytest.raises(WeightsError, match="tokenizer"):
            generate_dialogue(GATE, 1)
    finally:
        load_model.cache_clear()
        dialogue._vocabulary.cache_clear()


def vocabulary() -> Vocabulary:
    pieces = "The| gate| The|I| I|'s|'|-|,|.|!|?|s|t| is|'m| open|42| 7|;|...|iron| Iron|IT".split(
        "|"
    )
    special = special_tokens()
    added = [{"id": i, "content": token} for i, token in enumerate(special)]
    table = {p.replace(" ", "\u0120"): len(special) + i for i, p in enumerate(pieces)}
    return Vocabulary(json.dumps({"model": {"vocab": table}, "added_tokens": added}))


@given(st.integers(0, 2**32), st.sets(st.sampled_from(["<name>", "<item>", "<other>"])))
@settings(max_examples=200, deadline=None)
def test_whatever_the_model_wants_a_line_is_well_formed(seed, slots):
    words = vocabulary()
    grammar = LineGrammar(words, 16)
    random = generator(seed)
    bias = random.normal(0, 3, len(words.tokens))
    state, tokens = grammar.start(), []
    while state[0] != State.DONE:
        allowed = grammar.allowed(state, len(tokens), slots)
        assert allowed.any()
        wish = np.where(allowed, bias + random.gumbel(size=len(bias)), -np.inf)
        tokens.append(int(wish.argmax()))
        state = grammar.advance(state, tokens[-1])
    text = words.decode(tokens[:-1])
    assert len(tokens) <= 16 and explain(text) == [], text
    used = re.findall(r"<[a-z]+>", text)
    assert set(used) <= slots and len(used) == len(set(used))


@pytest.mark.parametrize(
    "text", ["no capital.", "No end", "Two  spaces.", "A Big surprise.", "What , now?", "Why?.", ""]
)
def test_faults_are_seen(text):
    assert explain(text)


def test_slots_are_filled_as_english_wants():
    values = {"<item>": "iron mask", "<place>": "old mill", "<name>": "Mira"}
    assert fill("Bring a <item> to the <place>.", values) == "Bring an iron mask to the old mill."
    assert fill("<name>, is that an <place>?", values) == "Mira, is that an old mill?"
    assert fill("Wait. <item> or not?", values) == "Wait. Iron mask or not?"
    for topic in ("omen", "trade", "hunt"):
        assert set(choose(topic, generator(1))) == {"<place>", "<item>", "<foe>"}


def test_roles_and_names():
    assert role_of("warden", "", "villager") == "guard"
    assert role_of("mira", "young alchemist woman, green cloak", "villager") == "sage"
    assert role_of("x", "", "noble") == "noble"
    assert display_name("old_tom") == "Old Tom"


def test_user_mistakes_share_one_family():
    assert issubclass(UsageError, AigcError)
