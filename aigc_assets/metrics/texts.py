"""How good short texts are: variety, copying, predictability, recognisable labels."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np


def words(text: str) -> list[str]:
    """Lower-case words and slots of a text, without punctuation."""
    return re.findall(r"<[a-z]+>|[a-z]+(?:'[a-z]+)?", text.lower())


def fingerprint(text: str) -> int:
    """A signed 32-bit number that is the same for texts with the same `words`."""
    digest = hashlib.sha256(" ".join(words(text)).encode()).digest()
    return int.from_bytes(digest[:4], "little", signed=True)


def distinct_n(texts: Iterable[str], n: int = 2) -> float:
    """Share of different word n-grams among all word n-grams; 0..1, higher is more varied.

    It falls with the number of texts, so compare sets of equal size.

    References:
        Li et al., arXiv:1510.03055, section 5.
    """
    grams: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        tokens = words(text)
        grams.update(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    total = sum(grams.values())
    return len(grams) / total if total else 0.0


def copy_rate(texts: Sequence[str], training: Collection[int], min_words: int = 1) -> float:
    """Share of texts whose words stand in the training set; 0..1, lower is more original.

    The rate of held-out real lines is the floor: short stock phrases are everyone's.

    Args:
        texts: Generated lines.
        training: `fingerprint` of every training line.
        min_words: Shorter texts are left out of the count.
    """
    long_enough = [text for text in texts if len(words(text)) >= min_words]
    if not long_enough:
        return 0.0
    return sum(fingerprint(text) in training for text in long_enough) / len(long_enough)


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """Code length per byte of text, lower is better.

    Args:
        nats: Sum of the negative natural log probabilities of all symbols.
        num_bytes: UTF-8 bytes of the text these symbols stand for, line ends included.

    Raises:
        ValueError: If ``num_bytes`` is not positive.
    """
    if num_bytes <= 0:
        raise ValueError(f"num_bytes must be positive, not {num_bytes}")
    return nats / math.log(2) / num_bytes


def deflate_bits_per_byte(texts: Sequence[str], primer: Sequence[str] = ()) -> float:
    """Bits per byte that DEFLATE (gzip's method) needs for ``texts`` after ``primer``.

    Its window is 32 kB, so only the end of a long primer helps.
    """
    before = "".join(f"{text}\n" for text in primer).encode()[-32768:]
    data = "".join(f"{text}\n" for text in texts).encode()
    both = len(zlib.compress(before + data, 9)) - (len(zlib.compress(before, 9)) if before else 0)
    return 8 * both / max(1, len(data))


_START = "<start of sequence>"


class WittenBell:
    """Interpolated n-gram model with Witten-Bell smoothing: the naive language-model baseline.

    Args:
        sequences: Training sequences; each should end with its own end symbol.
        order: Longest n-gram.
        vocab_size: Number of possible symbols, for the uniform floor.

    References:
        Chen and Goodman, "An Empirical Study of Smoothing Techniques", 1998, section 2.5.
    """

    def __init__(self, sequences: Iterable[Sequence[Hashable]], order: int, vocab_size: int):
        self.order = order
        self.vocab_size = vocab_size
        self._counts: dict[tuple[Hashable, ...], Counter[Hashable]] = defaultdict(Counter)
        for sequence in sequences:
            padded = (_START, *sequence)
            for i in range(1, len(padded)):
                for n in range(min(order - 1, i) + 1):
                    self._counts[padded[i - n : i]][padded[i]] += 1
        self._totals = {context: sum(c.values()) for context, c in self._counts.items()}

    def probability(self, context: Sequence[Hashable], symbol: Hashable) -> float:
        """Probability of ``symbol`` after ``context``, counted from the start of a sequence."""
        context = (_START, *context)
        p = 1.0 / self.vocab_size
        for n in range(min(self.order - 1, len(context)) + 1):
            key = tuple(context[len(context) - n :])
            total = self._totals.get(key)
            if total is None:
                break
            counts = self._counts[key]
            p = (counts[symbol] + len(counts) * p) / (total + len(counts))
        return p

    def sample(self, random: np.random.Generator, end: Hashable, max_length: int) -> list[Hashable]:
        """Draw a sequence up to ``end`` (left out) or ``max_length`` symbols."""
        result: list[Hashable] = [_START]
        while len(result) <= max_length:
            n = min(self.order - 1, len(result))
            while True:
                context = tuple(result[len(result) - n :])
                total = self._totals.get(context, 0)
                counts = self._counts[context] if total else Counter[Hashable]()
                # Interpolation is a chain of coin tosses: stay at this order or go one lower.
                if n == 0 or random.random() * (total + len(counts)) < total:
                    break
                n -= 1
            symbols = list(counts)
            weights = np.array([counts[s] for s in symbols], dtype=np.float64)
            symbol = symbols[int(random.choice(len(symbols), p=weights / weights.sum()))]
            if symbol == end:
                break
            result.append(symbol)
        return result[1:]

    def nats(self, sequences: Iterable[Sequence[Hashable]]) -> float:
        """Sum of the negative natural log probabilities of all symbols."""
        return -sum(
            math.log(self.probability(sequence[:i], symbol))
            for sequence in sequences
            for i, symbol in enumerate(sequence)
        )


class NaiveBayes:
    """Multinomial naive Bayes over words, word pairs and end punctuation: a label recogniser.

    Args:
        texts: Training texts.
        labels: One label per text.
        smoothing: Added to every count, > 0.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[str], smoothing: float = 0.3):
        self.labels = sorted(set(labels))
        self._features: dict[str, Counter[str]] = {label: Counter() for label in self.labels}
        self._prior = Counter(labels)
        self._smoothing = smoothing
        vocabulary: set[str] = set()
        for text, label in zip(texts, labels, strict=True):
            found = self._of(text)
            self._features[label].update(found)
            vocabulary.update(found)
        self._size = len(vocabulary)
        self._totals = {label: sum(c.values()) for label, c in self._features.items()}

    def predict(self, text: str) -> str:
        """The likeliest label; ties go to the first in alphabetical order."""
        features = self._of(text)

        def score(label: str) -> float:
            counts, total = self._features[label], self._totals[label]
            bottom = total + self._smoothing * (self._size + 1)
            start = math.log(self._prior[label])
            return start + sum(math.log((counts[f] + self._smoothing) / bottom) for f in features)

        return max(self.labels, key=score)

    def accuracy(self, texts: Sequence[str], labels: Sequence[str]) -> float:
        """Share of texts whose label is recognised; 0..1, higher is better."""
        right = sum(self.predict(t) == label for t, label in zip(texts, labels, strict=True))
        return right / max(1, len(texts))

    @staticmethod
    def _of(text: str) -> list[str]:
        tokens = words(text)
        pairs = [f"{a} {b}" for a, b in itertools.pairwise(tokens)]
        return [*tokens, *pairs, *(f"{mark}#" for mark in text if mark in "!?")]
