"""Which token may come next: a small automaton that only lets well-formed lines through.

A line begins with a capital letter or a name, holds letters, slots and ``, . ! ? ' -``, has
capitals only where a sentence begins and in "I", names each slot at most once, and ends after
``. ! ?`` within its length.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.dialogue_tags import EOL, SLOTS, Vocabulary

NAMES = ("<name>", "<self>", "<other>")
Mask = NDArray[np.bool_]


class State(IntEnum):
    """Where a line stands after a token."""

    START = 0
    LETTER = 1
    LONE_I = 2
    SLOT = 3
    CLOSED = 8
    COMMA = 4
    JOINER = 5
    TERMINAL = 6
    DONE = 7


class LineGrammar:
    """The automaton over a vocabulary.

    Args:
        vocabulary: The tokens.
        max_length: Longest line in tokens, the line end included.
    """

    def __init__(self, vocabulary: Vocabulary, max_length: int):
        self.vocabulary = vocabulary
        self.max_length = max_length
        self.eol = vocabulary.ids[EOL]
        size = len(vocabulary.tokens)
        kinds: dict[str, Mask] = {
            name: np.zeros(size, dtype=bool)
            for name in ("capital", "next_capital", "next_lower", "inner", "joiner", "comma",
                         "stop", "lone_i", "contraction", "slot", "name", "end")
        }  # fmt: skip
        self._after = np.full(size, State.DONE, dtype=np.int64)
        for number, token in enumerate(vocabulary.tokens):
            if number == self.eol:
                kinds["end"][number] = True
            elif number in vocabulary.slots:
                kinds["slot"][number] = True
                kinds["name"][number] = token in NAMES
                self._after[number] = State.SLOT
            elif number >= vocabulary.first_text:
                kind, after = _classify(token)
                if kind:
                    kinds[kind][number] = True
                    self._after[number] = after
        any_next = kinds["next_lower"] | kinds["lone_i"]
        closing = kinds["comma"] | kinds["stop"]
        # " I" also begins a sentence, and then it may go on as a longer word.
        sentence = kinds["next_capital"] | kinds["lone_i"] | kinds["name"]
        self._allowed: dict[State, Mask] = {
            State.START: kinds["capital"] | kinds["name"],
            State.LETTER: kinds["inner"] | kinds["joiner"] | kinds["contraction"] | any_next
            | closing | kinds["slot"],
            State.LONE_I: kinds["contraction"] | kinds["next_lower"],
            State.SLOT: kinds["contraction"] | any_next | closing,
            State.CLOSED: any_next | closing | kinds["slot"],
            State.COMMA: any_next | kinds["slot"],
            State.JOINER: kinds["inner"],
            State.TERMINAL: sentence | kinds["end"],
            State.DONE: kinds["end"],
        }  # fmt: skip
        self._kinds = kinds
        self._slot_ids = {slot: vocabulary.ids[slot] for slot in SLOTS}

    def start(self) -> tuple[State, frozenset[int]]:
        """The state of an empty line."""
        return State.START, frozenset()

    def allowed(self, state: tuple[State, frozenset[int]], length: int, slots: set[str]) -> Mask:
        """Which tokens may follow, [V] bool.

        Args:
            state: Of the line so far.
            length: Tokens so far.
            slots: Slots that can be filled here.
        """
        where, used = state
        mask = self._allowed[where].copy()
        for slot, number in self._slot_ids.items():
            if slot not in slots or number in used:
                mask[number] = False
        left = self.max_length - length
        if left <= 4:  # start nothing that cannot be finished
            mask &= ~(self._kinds["comma"] | self._kinds["joiner"] | self._kinds["lone_i"])
        if left <= 3:
            if where == State.TERMINAL:
                mask = self._kinds["end"].copy()
            elif where in (State.LETTER, State.SLOT, State.CLOSED, State.LONE_I):
                mask = self._kinds["stop"].copy()
        return mask

    def advance(
        self, state: tuple[State, frozenset[int]], token: int
    ) -> tuple[State, frozenset[int]]:
        """The state after one more token."""
        where, used = state
        after = State(int(self._after[token]))
        if after == State.LONE_I and where in (State.START, State.TERMINAL):
            after = State.LETTER
        if token in self.vocabulary.slots:
            used = used | {token}
        return after, used


def _classify(token: str) -> tuple[str, State]:
    spaced = token.startswith(" ")
    body = token[1:] if spaced else token
    if body in (".", "!", "?") and not spaced:
        return "stop", State.TERMINAL
    if body == "," and not spaced:
        return "comma", State.COMMA
    if body in ("'", "-") and not spaced:
        return "joiner", State.JOINER
    if re.fullmatch(r"'[a-z]+", body) and not spaced:
        return "contraction", State.CLOSED
    if not re.fullmatch(r"[A-Za-z][a-z]*", body):
        return "", State.DONE
    if body == "I" and spaced:
        return "lone_i", State.LONE_I
    if body[0].isupper():
        return ("next_capital" if spaced else "capital"), State.LETTER
    return ("next_lower" if spaced else "inner"), State.LETTER


def explain(text: str) -> list[str]:
    """What is wrong with a finished line by the rules above; empty for a good one."""
    faults: list[str] = []
    if not re.fullmatch(r"[A-Za-z ,.'!?<>-]+", text):
        faults.append("characters")
    if not re.search(r"[.!?]$", text):
        faults.append("end")
    if re.search(r"[,.!?][,.!?]|\s[,.!?]|  ", text):
        faults.append("punctuation")
    middle: list[Any] = re.findall(r"(?<![.!?]) ([A-Z][A-Za-z']*)", text)
    if any(not re.fullmatch(r"I('[a-z]+)?", word) for word in middle):
        faults.append("capital inside a sentence")
    if not re.match(r"[A-Z]|<(name|self|other)>", text):
        faults.append("beginning")
    return faults
