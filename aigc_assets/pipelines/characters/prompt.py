"""Reads a prompt: clauses, colours beside nouns, roles; never fails on a word it does not know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.lexicon import (
    ADJECTIVES,
    COLOUR_WORDS,
    EYES,
    IGNORED,
    PAINTS,
    SHADED,
    SYNONYMS,
    Meaning,
    label_words,
    words,
)

MAX_PROMPT = 1000
"""Longest prompt in characters."""

_BREAK = re.compile(r"[,;.:!?\n()]|\b(?:and|with|wearing|in|has|having|wears)\b", re.IGNORECASE)
KIND_OF_SLOT = {"skin": "skin", "hair": "hair", "metal": "metal", "eyes": "eyes"}
"""Kind of ramp of a slot; every other slot is cloth."""


@dataclass
class Wish:
    """What a prompt asks for.

    Args:
        values: Per attribute, the values that fit.
        habits: The same, from roles; a wish in ``values`` overrules them.
        colours: Per slot, the colour names that fit, best first.
        colour_habits: The same, from roles and ages.
        unknown: Words that mean nothing here, in their order, each once.
    """

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    habits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    colours: dict[str, tuple[str, ...]] = field(default_factory=dict)
    colour_habits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def parse_prompt(prompt: str, vocabulary: Mapping[str, Any]) -> Wish:
    """Understand a prompt.

    Args:
        prompt: 1..1000 characters; words that are not known are listed, not guessed.
        vocabulary: Of the model card: ``attributes`` with their values and ``colours``.

    Raises:
        UsageError: If the prompt is empty or too long.
    """
    text = unicodedata.normalize("NFKC", prompt).strip()
    if not text:
        raise UsageError(
            "the prompt is empty", where="prompt", remedy='say who it is: "old wizard, blue robe"'
        )
    if len(text) > MAX_PROMPT:
        raise UsageError(
            f"the prompt has {len(text)} characters, the limit is {MAX_PROMPT}",
            where="prompt",
            remedy="a few words about body, clothes and colours are enough",
        )
    wish = Wish()
    labels = label_words(vocabulary)
    for clause in _BREAK.split(text):
        tokens = [part for word in words(clause) for part in _parts(word, labels, vocabulary)]
        _read_clause(tokens, wish, labels, vocabulary)
    return wish


def _parts(word: str, labels: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> list[str]:
    """A hyphenated word that is not known as a whole falls into its parts: "dark-skinned"."""
    if word in labels or word in SYNONYMS or _is_colour(word, vocabulary):
        return [word]
    return word.split("-")


def _read_clause(
    tokens: list[str], wish: Wish, labels: Mapping[str, Any], vocabulary: Mapping[str, Any]
) -> None:
    addressed = _addressed(tokens, labels)
    pending: list[tuple[str, ...]] = []
    modifier = ""
    last: Meaning | None = None
    skip = False
    for i, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        following = tokens[i + 1] if i + 1 < len(tokens) else ""
        if f"{token} {following}" in labels or _is_colour(f"{token} {following}", vocabulary):
            token, skip = f"{token} {following}", True
        if token in ("dark", "light", "pale", "fair") and _is_colour(following, vocabulary):
            modifier = token
            continue
        meaning = _meaning(token, labels, addressed)
        # "royal" or "forest" beside a garment is a colour; a word that is both is a colour first.
        if _is_colour(token, vocabulary):
            names = COLOUR_WORDS.get(token, (token,))
            plain = COLOUR_WORDS.get(token, (token,))[0]
            names = SHADED.get((modifier, plain), ()) + names
            if token in ("dark", "light", "pale", "fair"):
                names = (
                    tuple(n for slot in addressed for n in SHADED.get((token, slot), ())) + names
                )
            pending.append(names)
            modifier = ""
        elif meaning is not None:
            _wish_for(meaning, wish)
            if meaning.paints:
                paints = _paints(meaning)
                for names in pending:
                    for slot in paints:
                        wish.colours[slot] = names
                pending.clear()
                last = meaning
        elif token in IGNORED or token.isdigit():
            pass
        elif token not in wish.unknown:
            wish.unknown.append(token)
    for names in pending:
        # "thief in black": a colour by itself is that of the whole outfit.
        for slot in _paints(last) if last else ("torso", "over", "legs", "accent"):
            wish.colours.setdefault(slot, names)


def _addressed(tokens: list[str], labels: Mapping[str, Any]) -> list[str]:
    """Attributes and slots that the nouns of a clause name."""
    out: list[str] = []
    for token in tokens:
        if token in ADJECTIVES:
            continue
        meaning = _meaning(token, labels, None)
        if meaning is not None and meaning.firm:
            out += [*meaning.values, *meaning.paints]
    return list(dict.fromkeys(out))


def _meaning(token: str, labels: Mapping[str, Any], addressed: list[str] | None) -> Meaning | None:
    """What a word asks for; an adjective only where ``addressed`` names its attribute."""
    found = SYNONYMS.get(token) or SYNONYMS.get(token.removesuffix("'s"))
    if found is None and token.endswith("s") and token not in labels:
        found = SYNONYMS.get(token[:-1])
    if found is None:
        where = labels.get(token) or labels.get(token + "s") or labels.get(token.removesuffix("s"))
        if where is None:
            return None
        attribute = next((a for a in where if addressed and a in addressed), next(iter(where)))
        exact = next((t for t in (token, token + "s", token[:-1]) if t in where[attribute]), "")
        paints = PAINTS.get(attribute, ())
        found = Meaning({attribute: where[attribute]}, paints, exact=exact)
    if token in ADJECTIVES and addressed is not None:
        kept = {a: v for a, v in found.values.items() if a in addressed}
        return Meaning(kept) if kept else None
    return found


def _wish_for(meaning: Meaning, wish: Wish) -> None:
    goal = wish.values if meaning.firm else wish.habits
    for attribute, values in meaning.values.items():
        plain = (meaning.exact,) if meaning.exact in values else values
        both = tuple(v for v in goal.get(attribute, plain) if v in values)
        goal[attribute] = both or plain
    for slot, names in meaning.colours.items():
        wish.colour_habits[slot] = names


def _paints(meaning: Meaning) -> tuple[str, ...]:
    """Slots that a colour beside the word colours; a role in a robe is coloured down to the hem."""
    if not meaning.firm and "long skirt" in meaning.values.get("legs", ()):
        return ("torso", "legs", "over")
    return meaning.paints


def _is_colour(word: str, vocabulary: Mapping[str, Any]) -> bool:
    return word in COLOUR_WORDS or any(word in names for names in vocabulary["colours"].values())


def find_ramp(
    slot: str, names: tuple[str, ...], colours: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str] | None:
    """(kind, name) of the first name that the slot's kind of ramp has, else cloth's; or None."""
    kind = KIND_OF_SLOT.get(slot, "cloth")
    if kind == "eyes":
        return next((("eyes", n) for n in names if n in EYES), None)
    for candidate in dict.fromkeys((kind, "cloth")):
        for name in names:
            if name in colours[candidate]:
                return candidate, name
    return None
