"""Text metrics on texts whose order is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aigc_assets.metrics import METRICS, texts

VARIED = ["The wolves came down from the hill.", "Who opened the lower gate?", "Bring me a rope."]
FLAT = ["The wolves came down.", "The wolves came down again.", "The wolves came."]


def test_words_keep_slots_and_contractions():
    assert texts.words("Don't touch the <item>, Mira!") == [
        "don't",
        "touch",
        "the",
        "<item>",
        "mira",
    ]


def test_distinct_ranks_variety():
    assert texts.distinct_n(VARIED) == 1.0
    assert texts.distinct_n(FLAT) < 0.5
    assert texts.distinct_n(["One", ""]) == 0.0


def test_copy_rate_sees_through_punctuation_and_skips_short_lines():
    training = {texts.fingerprint(line) for line in VARIED}
    assert texts.copy_rate(["bring me a rope!", "Bring me a lamp."], training) == 0.5
    assert texts.copy_rate(["bring me a rope!"], training, min_words=5) == 0.0


def test_fingerprint_is_stable():
    assert texts.fingerprint("Bring me a rope.") == texts.fingerprint("bring me, a rope")
    assert -(2**31) <= texts.fingerprint("x") < 2**31


def test_bits_per_byte():
    assert texts.bits_per_byte(8 * math.log(2), 1) == pytest.approx(8)
    with pytest.raises(ValueError, match="positive"):
        texts.bits_per_byte(1.0, 0)


def test_deflate_knows_a_primer():
    assert texts.deflate_bits_per_byte(VARIED, VARIED) < texts.deflate_bits_per_byte(VARIED)


def test_witten_bell_sums_to_one_and_orders_texts():
    training = ["abab$", "abac$", "abab$"]
    model = texts.WittenBell(training, 3, 5)
    for context in ("", "a", "ab", "zz"):
        assert sum(model.probability(context, s) for s in "abcz$") == pytest.approx(1)
    assert model.nats(["abab$"]) < model.nats(["babc$"]) < model.nats(["zzzz$"])
    assert model.nats(["abab$"]) < texts.WittenBell(training, 1, 5).nats(["abab$"])


def test_witten_bell_samples_what_it_was_taught():
    model = texts.WittenBell(["abc$"] * 50, 3, 5)
    random = np.random.Generator(np.random.Philox(0))
    drawn = ["".join(map(str, model.sample(random, "$", 9))) for _ in range(40)]
    assert drawn.count("abc") > 30


def test_naive_bayes_recognises_labels():
    lines = ["Enough, you liar!", "You coward, get out!", "Welcome, my friend.", "My dear friend."]
    moods = ["angry", "angry", "friendly", "friendly"]
    judge = texts.NaiveBayes(lines, moods)
    assert judge.accuracy(lines, moods) == 1.0
    assert judge.predict("Get out, liar!") == "angry"
    assert judge.accuracy(lines, moods[::-1]) == 0.0


def test_metrics_are_listed():
    for name in ("distinct_n", "copy_rate", "bits_per_byte"):
        module, function = METRICS[name]
        assert module == texts.__name__ and callable(getattr(texts, function))
