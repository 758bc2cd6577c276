"""The dialogue corpus and task, on a small made source folder."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.metrics.texts import fingerprint
from aigc_assets.models import checkpoint
from aigc_assets.models.dialogue_tags import ACTS, MOODS, ROLES, TOPICS, Vocabulary
from aigc_assets.training.dialogue import grammar as dialogue_grammar
from aigc_assets.training.dialogue import works as dialogue_works
from aigc_assets.training.dialogue import writing as dialogue
from aigc_assets.training.packing import pack, read
from aigc_assets.training.trainer import Run, train

SAID = (
    "I did not open the door last night.",
    "Then who opened the door?",
    "Be quiet, the guard will hear you!",
    "Thank you, my dear friend.",
    "I am sorry that the old man is dead.",
    "We must go before the night is over.",
)


def philox(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    turns = [
        {"speaker": "Anna" if i % 2 else "Tom", "text": f"{line} {SAID[(i * 5 + j) % 6]}"}
        for j in range(6)
        for i, line in enumerate(SAID)
    ]
    for number in range(30):
        said = f"{SAID[number % 6][:-1].lower()} and {SAID[number % 5].lower()}"
        turns.append({"speaker": "Tom", "text": f"We {said}"})
        turns.append({"speaker": "Anna", "text": f"The {'very ' * (number % 7)}old guard is dead."})
    for name in ("gutenberg", "shakespeare_xml", "ink_yarn_mit", "renpy_mit"):
        (folder / "dialogue" / name).mkdir(parents=True)
        entry = {"source": name, "title": name, "lang": "en", "turns": turns}
        foreign = {**entry, "lang": "de", "turns": [{"speaker": "A", "text": "Wer ist da?"}]}
        text = json.dumps(entry) + "\n" + json.dumps(foreign) + "\n"
        (folder / "dialogue" / name / "dialogues.jsonl").write_text(text)
    for name in ("zork_mit", "open_adventure_bsd"):
        (folder / "dialogue" / name).mkdir(parents=True)
        entry = {
            "source": name,
            "text": 'The troll says, "We must go before the old guard is dead."',
        }
        (folder / "dialogue" / name / "narration.jsonl").write_text(json.dumps(entry) + "\n")
    quests = folder / "dialogue" / "coffeemud_apache" / "quests" / "random"
    quests.mkdir(parents=True)
    (quests / "a.xml").write_text("<A>You did not open the old door.</A><B>$x you</B>")
    return folder


@pytest.fixture(scope="module")
def packed(sources, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    pack(sources, folder, ["dialogue"])
    return folder


def test_the_grammar_is_large_and_complete():
    dialogue_grammar.check_templates()
    assert dialogue_grammar.template_count() >= 400


def test_exchanges_are_clean_labelled_and_varied():
    random = philox(1)
    exchanges = [dialogue_grammar.exchange(random) for _ in range(600)]
    lines = [line for e in exchanges for line in e.lines]
    for line in lines:
        assert re.fullmatch(r"[A-Z<][A-Za-z ,.:'!?<>-]*[.!?]", line.text), line.text
        assert "{" not in line.text and "$" not in line.text
        assert 2 <= len(line.text.split()) <= dialogue_grammar.MAX_WORDS
        assert not re.search(r"\b[Aa] [aeiou]|[,.!?] ?[,.]", line.text), line.text
        assert (line.role in ROLES, line.mood in MOODS, line.act in ACTS) == (True,) * 3
    assert {e.topic for e in exchanges} == set(TOPICS)
    assert {line.act for line in lines} == set(ACTS)
    assert len({line.text for line in lines}) > 0.75 * len(lines)


def test_the_grammar_repeats_itself_for_a_seed():
    assert dialogue_grammar.exchange(philox(4)) == dialogue_grammar.exchange(philox(4))
    assert dialogue_grammar.exchange(philox(4)) != dialogue_grammar.exchange(philox(5))


@pytest.mark.parametrize(
    ("text", "mood", "act"),
    [
        ("Enough, you liar!", "angry", "tell"),
        ("Thank you, dear friend.", "friendly", "thank"),
        ("Where is the secret door?", "mysterious", "ask"),
        ("No, I cannot do it.", "neutral", "refuse"),
        ("Good morning, my boy.", "neutral", "greet"),
    ],
)
def test_labels_follow_words_and_punctuation(text, mood, act):
    line = dialogue_works.label(text)
    assert line.mood == mood
    assert line.act == act or (act == "tell" and line.act == "answer")


def test_works_are_cleaned(sources):
    found, kept = dialogue_works.read_sources(sources / "dialogue")
    lines = [line.text for _, e in found for line in e.lines]
    assert sum(kept.values()) == len(lines) == len(set(lines)) > 20
    assert not any("Wer" in line for line in lines)
    assert kept["coffeemud_apache"] == 1 and kept["zork_mit"] == 1
    # Names: those of the scene become a slot, others drop the line.
    common = set("then who opened the door tell me".split())
    clean = dialogue_works._clean
    assert clean("Then who opened the door, Anna?", {"Anna"}, common) == (
        "Then who opened the door, <name>?"
    )
    assert clean("Then who opened the door, Boris?", {"Anna"}, common) == ""
    assert clean("Then who opened thy door?", set(), common) == ""
    assert clean("Who opened the door? (He points.)", set(), common) == ""


def test_missing_sources_are_an_error(tmp_path):
    with pytest.raises(DataError, match="dialogue"):
        dialogue.DialogueTask.pack(tmp_path)


def test_packing_is_repeatable_and_keeps_the_share(sources, packed, tmp_path):
    pack(sources, tmp_path, ["dialogue"])
    for name in ("dialogue.npz", "dialogue.json"):
        assert (tmp_path / name).read_bytes() == (packed / name).read_bytes()
    counts = read(packed, "dialogue")[1]["vocabulary"]
    share = counts["lines_of_grammar"] / (counts["lines_of_grammar"] + counts["lines_of_works"])
    assert share <= 0.62  # a handful of lines: the last exchange may go over


def test_training_learns_and_ships_a_checked_pair(packed, tmp_path, monkeypatch):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    monkeypatch.setattr(dialogue, "HELD_OUT_EXCHANGES", 20)
    monkeypatch.setattr(dialogue, "NUM_SAMPLES", 40)
    monkeypatch.setattr(dialogue, "ROWS", 6)
    arrays, info = read(packed, "dialogue")
    vocabulary = Vocabulary(info["tokenizer"])
    works = vocabulary.ids["<source:works>"]
    documents = dialogue._documents(arrays["held_out"], vocabulary)
    real = [d for d in dialogue._documents(arrays["train"], vocabulary) if d[1] == works][:9]
    keep = torch.cat([*real, *documents[-30:]]).numpy().astype(np.uint16)
    arrays = {**arrays, "held_out": keep}
    run = Run("cpu", 5, 0, tmp_path, "fp32", steps=12)
    task = dialogue.DialogueTask(arrays, info, run)
    before = task.nats(task.train)[0]
    metrics = train(task, info, run)
    assert task.nats(task.train)[0] < 0.8 * before
    assert metrics["bits_per_byte"]["baseline"] < metrics["bits_per_byte_unigram"]["baseline"]
    assert metrics["mood_accuracy"]["floor"] > 0.2
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path / "weights"))
    loaded = checkpoint.load("dialogue_transformer")
    seen = set(loaded.network.seen.tolist())
    line = task._lines(task.train[0])[0].text
    assert fingerprint(line) in seen and fingerprint("never in any line") not in seen
    tokenizer = (tmp_path / "weights" / "dialogue_transformer.tokenizer.json").read_bytes()
    sha256 = loaded.card["config"]["tokenizer_sha256"]
    assert hashlib.sha256(tokenizer).hexdigest() == sha256
    assert {s["folder"] for s in loaded.card["data"]} >= {"grammar", "dialogue/gutenberg"}


def test_lines_survive_the_tokenizer(packed):
    arrays, info = read(packed, "dialogue")
    task = dialogue.DialogueTask(arrays, info, Run("cpu", 1, 0, Path("unused"), "fp32"))
    for document in task.train[:50]:
        for line in task._lines(document):
            assert re.fullmatch(r"[A-Z<][A-Za-z ,.:'!?<>-]*[.!?]", line.text), line.text
            assert line.mood in MOODS
