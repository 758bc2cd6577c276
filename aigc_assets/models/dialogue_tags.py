"""The control tags of the dialogue model, shared by its training and its pipeline; no torch.

A training document is a short exchange::

    <bos> <source> <topic>  (<role> <mood> <act> text <eol>) x 1..4

Text may hold slots such as ``<item>``, which are single tokens and are filled in afterwards, so
that a name or a thing is the same in a whole dialogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

PAD, BOS, EOL, ANY = "<pad>", "<bos>", "<eol>", "<any>"

SOURCES: tuple[str, ...] = ("grammar", "works")
"""Where a line comes from: our own grammar, or published works."""

MOODS: tuple[str, ...] = (
    "neutral",
    "friendly",
    "tense",
    "angry",
    "sad",
    "fearful",
    "joyful",
    "mysterious",
)

ROLES: tuple[str, ...] = (
    "guard",
    "merchant",
    "crafter",
    "noble",
    "sage",
    "healer",
    "rogue",
    "villager",
    "traveller",
    "villain",
    "player",
)
"""Who speaks; ``player`` marks the short answers that a player picks."""

ACTS: tuple[str, ...] = (
    "greet",
    "ask",
    "answer",
    "tell",
    "quest",
    "accept",
    "refuse",
    "threat",
    "warn",
    "thank",
    "farewell",
)

TOPICS: tuple[str, ...] = (
    "passage",
    "errand",
    "hunt",
    "trade",
    "rumour",
    "grudge",
    "rescue",
    "omen",
)

SLOTS: tuple[str, ...] = ("<name>", "<self>", "<other>", "<place>", "<item>", "<foe>")
"""Who is spoken to, who speaks, a third of the cast, a place, a thing, enemies (plural)."""

FOLLOWS: dict[str, tuple[str, ...]] = {
    "greet": ("greet", "ask", "tell", "quest", "warn"),
    "ask": ("answer", "refuse"),
    "answer": ("ask", "thank", "warn", "tell", "quest"),
    "tell": ("ask", "tell", "thank", "warn"),
    "quest": ("accept", "refuse", "ask"),
    "accept": ("thank", "warn", "farewell"),
    "refuse": ("threat", "ask", "farewell", "warn"),
    "threat": ("refuse", "accept", "threat"),
    "warn": ("thank", "ask", "accept"),
    "thank": ("farewell", "tell", "warn"),
    "farewell": ("farewell",),
}
"""Which acts may answer an act, the likeliest first."""

ALONE: dict[str, tuple[str, ...]] = {
    "greet": ("tell", "quest", "warn", "ask"),
    "ask": ("tell", "warn"),
    "answer": ("tell", "quest", "warn"),
    "tell": ("tell", "quest", "warn", "ask"),
    "quest": ("warn", "tell"),
    "accept": ("warn", "tell", "farewell"),
    "refuse": ("warn", "threat", "farewell"),
    "threat": ("warn", "threat", "quest"),
    "warn": ("tell", "quest", "farewell"),
    "thank": ("tell", "warn", "farewell"),
    "farewell": ("farewell",),
}
"""What one speaker may go on with when there is nobody who answers."""

ANSWERS: dict[str, tuple[str, ...]] = {
    "quest": ("accept", "refuse", "ask"),
    "ask": ("answer", "refuse", "ask"),
    "threat": ("accept", "refuse", "threat"),
    "warn": ("thank", "ask", "refuse"),
}
"""What a player may pick after a line, one option each."""


def tag(kind: str, value: str) -> str:
    """The token of a tag: ``tag("mood", "sad")`` is ``<mood:sad>``."""
    return f"<{kind}:{value}>"


def special_tokens() -> list[str]:
    """All tokens that are not text, in the order of their ids, slots last."""
    tags = [tag("source", value) for value in SOURCES]
    for kind, values in (("topic", TOPICS), ("role", ROLES), ("mood", MOODS), ("act", ACTS)):
        tags += [tag(kind, value) for value in values]
    return [PAD, BOS, EOL, ANY, *tags, *SLOTS]


class Vocabulary:
    """Tokens as text, read from a tokenizer file (the JSON format of the `tokenizers` package).

    Args:
        text: Content of the file.

    Raises:
        ValueError: If it is no such file or lacks a token of `special_tokens`.
    """

    def __init__(self, text: str):
        try:
            tree = json.loads(text)
            table: dict[str, int] = dict(tree["model"]["vocab"])
            table.update({entry["content"]: entry["id"] for entry in tree["added_tokens"]})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a tokenizer file: {error}") from error
        self.ids = {token.replace("\u0120", " "): number for token, number in table.items()}
        """Id of every token; a space inside a token is a space."""
        self.tokens = [""] * (max(table.values()) + 1)
        for token, number in self.ids.items():
            self.tokens[number] = token
        missing = [token for token in special_tokens() if token not in self.ids]
        if missing:
            raise ValueError(f"the tokenizer lacks {', '.join(missing[:4])}")
        self.slots = frozenset(self.ids[slot] for slot in SLOTS)

    @property
    def first_text(self) -> int:
        """The lowest id of a slot or a piece of text; tags lie below."""
        return self.ids[SLOTS[0]]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of slots and pieces; a slot inside a line is set off by a space."""
        parts: list[str] = []
        for number in ids:
            apart = number in self.slots and parts
            parts.append((" " if apart else "") + self.tokens[number])
        return "".join(parts)

    def turn(self, role: str, mood: str, act: str) -> list[int]:
        """The three tags before a line; "" leaves a tag open."""
        pairs = (("role", role), ("mood", mood), ("act", act))
        return [self.ids[tag(kind, value) if value else ANY] for kind, value in pairs]

    def opening(self, source: str, topic: str) -> list[int]:
        """The tokens at the start of an exchange; "" leaves a tag open."""
        pairs = (("source", source), ("topic", topic))
        return [self.ids[BOS], *(self.ids[tag(k, v) if v else ANY] for k, v in pairs)]
