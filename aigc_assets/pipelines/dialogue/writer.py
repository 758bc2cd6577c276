"""Fills the lines of a plan with the dialogue model: masked sampling, then ranking.

Each line is drawn several times at once under the automaton of `masks`; the candidates are ranked
by likelihood, by how much the mood explains them, and by what they repeat or copy. All noise comes
from the line's own id, and no line looks at the user's texts, so that changing one text leaves
every other line as it was.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError
from aigc_assets.metrics.texts import fingerprint, words
from aigc_assets.models.dialogue_tags import ANY, MOODS, Vocabulary, tag
from aigc_assets.pipelines.dialogue.masks import LineGrammar, State, explain
from aigc_assets.pipelines.made import derive_seed, generator

if TYPE_CHECKING:
    from aigc_assets.models.decoder_transformer import DecoderTransformer

NUM_CANDIDATES = 10
MAX_TOKENS = 30
MAX_WORDS = 18
PLAYER_TOKENS = 16
TEMPERATURES = (0.7, 0.8, 0.9, 1.0, 1.15, 1.3)
"""One per attempt; a later attempt is wider, because the narrow ones gave nothing new."""
MIN_P = 0.03
LOGIT_STEP = 1 / 64
MOOD_WEIGHT = 0.8
REPEAT_WEIGHT = 1.5
COPY_PENALTY = 0.3


@dataclass(frozen=True)
class Prompt:
    """What the model is told before a line.

    Args:
        id: Line id, the seed of its noise.
        role: Role tag of the speaker.
        mood: Mood tag.
        act: Act tag.
        context: Earlier lines with their tags, as tokens.
        slots: Slots that can be filled here.
        short: A player's answer: fewer words.
    """

    id: str
    role: str
    mood: str
    act: str
    context: tuple[int, ...]
    slots: frozenset[str]
    short: bool = False


@dataclass(frozen=True)
class Written:
    """A finished line: text with slots, and its tokens with tags for the lines after it."""

    text: str
    tokens: tuple[int, ...]


class Writer:
    """Writes one dialogue.

    Args:
        network: The dialogue model, float32 on the CPU.
        vocabulary: Its tokens.
        topic: Topic tag of the whole dialogue.
        seed: Seed of the dialogue.
    """

    def __init__(self, network: DecoderTransformer, vocabulary: Vocabulary, topic: str, seed: int):
        self.network = network
        self.vocabulary = vocabulary
        self.topic = topic
        self.seed = seed
        self._seen: NDArray[np.int32] = network.seen.numpy()
        self._grammars = {
            limit: LineGrammar(vocabulary, limit) for limit in (MAX_TOKENS, PLAYER_TOKENS)
        }
        self._lines: set[tuple[str, ...]] = set()
        self._sentences: dict[tuple[str, ...], int] = {}
        self._pairs: set[tuple[str, str]] = set()

    def write(self, prompt: Prompt) -> Written:
        """Write the next line; it differs from every line before it.

        Raises:
            GenerationError: If the model finds no new line in all attempts.
        """
        best: tuple[float, int, list[int], str] | None = None
        for attempt, temperature in enumerate(TEMPERATURES):
            for score, tokens, text in self._candidates(prompt, attempt, temperature):
                fault = self._fault(text, prompt.short, strict=attempt < 4)
                if fault is None and (best is None or score > best[0]):
                    best = (score, attempt, tokens, text)
            if best is not None:
                break
        if best is None:
            raise GenerationError(
                "the dialogue model found no new line",
                where=prompt.id,
                remedy="ask for fewer lines, another mood, or set the text of this line",
            )
        _, _, tokens, text = best
        self._remember(text)
        turn = self.vocabulary.turn(prompt.role, prompt.mood, prompt.act)
        return Written(text, (*turn, *tokens))

    def _candidates(
        self, prompt: Prompt, attempt: int, temperature: float
    ) -> list[tuple[float, list[int], str]]:
        random = generator(derive_seed(self.seed, "line", prompt.id, str(attempt)))
        start = self._start(prompt, prompt.mood)
        drawn, likelihood = self._draw(prompt, start, random, temperature)
        plain = self._likelihood(self._start(prompt, ""), drawn)
        result = []
        for tokens, ours, without in zip(drawn, likelihood, plain, strict=True):
            text = self.vocabulary.decode(tokens[:-1])
            # How much the mood explains: log p(line | mood) - log p(line | any mood).
            score = (ours + MOOD_WEIGHT * (ours - without)) / (len(tokens) + 2)
            score -= REPEAT_WEIGHT * self._repeated(text)
            if len(words(text)) >= 4 and self._is_seen(text):
                score -= COPY_PENALTY
            result.append((score, tokens, text))
        return result

    def _start(self, prompt: Prompt, mood: str) -> list[int]:
        turn = self.vocabulary.turn(prompt.role, mood, prompt.act)
        context = list(prompt.context)
        if not mood:  # earlier moods would still tell
            blank = self.vocabulary.ids[ANY]
            moods = {self.vocabulary.ids[tag("mood", m)] for m in MOODS}
            context = [blank if token in moods else token for token in context]
        return [*self.vocabulary.opening("grammar", self.topic), *context, *turn]

    def _draw(
        self, prompt: Prompt, start: Sequence[int], random: np.random.Generator, temperature: float
    ) -> tuple[list[list[int]], list[float]]:
        """Candidates with their line ends, and the log likelihood of each at temperature 1."""
        import torch

        from aigc_assets.models.decoder_transformer import Cache

        limit = PLAYER_TOKENS if prompt.short else MAX_TOKENS
        grammar = self._grammars[limit]
        slots = set(prompt.slots)
        cache = Cache(self.network.config)
        drawn: list[list[int]] = [[] for _ in range(NUM_CANDIDATES)]
        states = [grammar.start() for _ in range(NUM_CANDIDATES)]
        total = np.zeros(NUM_CANDIDATES)
        with torch.inference_mode():
            features = self.network.features(torch.tensor([list(start)]), cache=cache)
            logits = self.network.head(features[:, -1:])[:, 0]
            logits = logits.repeat(NUM_CANDIDATES, 1)
            cache.repeat(NUM_CANDIDATES)
            for step in range(limit):
                table = _quantise(logits.numpy())
                logp = table - _logsumexp(table)
                noise = _gumbel(random, table.shape)
                for row, state in enumerate(states):
                    if state[0] == State.DONE:
                        continue
                    allowed = grammar.allowed(state, step, slots)
                    scaled = np.where(allowed, table[row] / temperature, -np.inf)
                    scaled[scaled < scaled.max() + np.log(MIN_P)] = -np.inf
                    token = int((scaled + noise[row]).argmax())
                    drawn[row].append(token)
                    total[row] += logp[row, token]
                    states[row] = grammar.advance(state, token)
                if all(state[0] == State.DONE for state in states):
                    break
                last = torch.tensor([[tokens[-1]] for tokens in drawn])
                logits = self.network(last, cache=cache)[:, -1]
        return drawn, total.tolist()

    def _likelihood(self, start: Sequence[int], drawn: Sequence[Sequence[int]]) -> list[float]:
        """Log likelihood of each candidate after ``start``."""
        import torch

        length = max(map(len, drawn))
        eol = self._grammars[MAX_TOKENS].eol
        rows = [[*start, *tokens, *[eol] * (length - len(tokens))] for tokens in drawn]
        with torch.inference_mode():
            features = self.network.features(torch.tensor(rows))
            table = self.network.head(features[:, len(start) - 1 : -1]).double().numpy()
        table = _quantise(table)
        logp = table - _logsumexp(table)
        return [
            float(sum(logp[row, i, token] for i, token in enumerate(tokens)))
            for row, tokens in enumerate(drawn)
        ]

    def _fault(self, text: str, short: bool, strict: bool) -> str | None:
        """Why a candidate cannot be taken, or None."""
        tokens = words(text)
        if explain(text):
            return "form"
        if not (2 if short else 3) <= len(tokens) <= MAX_WORDS:
            return "length"
        if tuple(tokens) in self._lines:
            return "said before"
        if not all(self._is_seen(word) for word in tokens):
            return "no such word"
        if strict:
            parts = [tuple(words(part)) for part in re.split(r"[.!?]", text) if part.strip()]
            if any(len(part) > 1 and part in self._sentences for part in parts):
                return "sentence said before"
            if any(self._sentences.get(part, 0) > 1 for part in parts):
                return "sentence said before"
            if len(set(parts)) < len(parts) or self._repeated(text) > 0.5:
                return "repeats"
        return None

    def _repeated(self, text: str) -> float:
        """Share of word pairs that earlier lines have, 0..1."""
        tokens = words(text)
        pairs = list(itertools.pairwise(tokens))
        return sum(pair in self._pairs for pair in pairs) / max(1, len(pairs))

    def _is_seen(self, text: str) -> bool:
        key = np.int32(fingerprint(text))
        place = int(np.searchsorted(self._seen, key))
        return place < len(self._seen) and bool(self._seen[place] == key)

    def _remember(self, text: str) -> None:
        tokens = words(text)
        self._lines.add(tuple(tokens))
        self._pairs.update(itertools.pairwise(tokens))
        for part in re.split(r"[.!?]", text):
            if part.strip():
                key = tuple(words(part))
                self._sentences[key] = self._sentences.get(key, 0) + 1


def available_slots(listener: str | None, other: str | None) -> frozenset[str]:
    """The slots that a line can fill."""
    slots = {"<place>", "<item>", "<foe>", "<self>"}
    if listener is not None:
        slots.add("<name>")
    if other is not None:
        slots.add("<other>")
    return frozenset(slots)


def context_tokens(lines: Mapping[tuple[int, int], Written], refs: Sequence[tuple[int, int]],
                   eol: int) -> tuple[int, ...]:  # fmt: skip
    """The tokens of earlier lines, in order."""
    result: list[int] = []
    for ref in refs:
        tokens = lines[ref].tokens
        result += tokens if tokens[-1] == eol else (*tokens, eol)
    return tuple(result)


def _quantise(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logits on a grid of 1/64: the last bits of a sum do not decide a word."""
    rounded: NDArray[np.float64] = np.round(logits.astype(np.float64) / LOGIT_STEP) * LOGIT_STEP
    return rounded


def _logsumexp(table: NDArray[np.float64]) -> NDArray[np.float64]:
    top = table.max(-1, keepdims=True)
    result: NDArray[np.float64] = top + np.log(np.exp(table - top).sum(-1, keepdims=True))
    return result


def _gumbel(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    uniform = random.random(shape)
    noise: NDArray[np.float64] = -np.log(-np.log(np.clip(uniform, 1e-12, 1 - 1e-12)))
    return noise
