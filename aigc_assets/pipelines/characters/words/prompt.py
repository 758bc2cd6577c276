"""Reads a prompt: clauses, colours beside nouns, roles; never fails on a word it does not know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.words.lexicon import (
    ADJECTIVES,
    COLOUR_WORDS,
    ELEMENTS,
    EYES,
    IGNORED,
    OF_HAIR,
    PAINTS,
    SHADED,
    SYNONYMS,
    Meaning,
    label_words,
    words,
)

MAX_PROMPT = 1000
"""Longest prompt in characters."""
_LONGEST = 4
"""Most words of one label, as in "buttoned longsleeve shirt"."""

_BREAK = re.compile(r"[,;.:!?\n()]|\b(?:and|with|wearing|in|has|having|wears)\b", re.IGNORECASE)
_ACCENTS = re.compile("[\u0300-\u036f]+")
"""Accents that belong to no letter."""
KIND_OF_SLOT = {"skin": "skin", "hair": "hair", "metal": "metal", "eyes": "eyes",
                "weapon": "metal"}  # fmt: skip
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
        idle: Words that are known, but ask for nothing that this tier can draw.
        words: All words, in their order.
        main: Colour names of the thing as a whole, best first: "green slime".
        element: Such as ``fire`` or ``ice``; empty if none is named.
        element_colours: Names of its colours, best first.
        guesses: What the prompt network read unknown words as: word and known word.
    """

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    habits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    colours: dict[str, tuple[str, ...]] = field(default_factory=dict)
    colour_habits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    main: tuple[str, ...] = ()
    element: str = ""
    element_colours: tuple[str, ...] = ()
    guesses: dict[str, str] = field(default_factory=dict)


def parse_prompt(
    prompt: str, vocabulary: Mapping[str, Any], read_as: Mapping[str, str] | None = None
) -> Wish:
    """Understand a prompt.

    Words that together are a label ("tower shield") mean just that.

    Args:
        prompt: 1..1000 characters; words that are not known are listed, not guessed.
        vocabulary: Of a tier: ``attributes`` with their values, ``colours``, and where the tier
            has its own: ``synonyms`` (as `SYNONYMS`), ``paints`` (as `PAINTS`), ``adjectives``,
            and ``exact`` False where a plain noun stands for all values that end in it.
        read_as: Known words that unknown ones are taken for.

    Raises:
        UsageError: If the prompt is empty or too long.
    """
    wish = Wish()
    labels = label_words(vocabulary)
    for clause in _BREAK.split(clean(prompt)):
        tokens = [part for word in words(clause) for part in _parts(word, labels, vocabulary)]
        wish.words += tokens
        for word, known in (read_as or {}).items():
            if word in tokens:
                wish.guesses[word] = known
                tokens = [
                    t for token in tokens for t in (known.split() if token == word else [token])
                ]
        _read_clause(_joined(tokens, labels, vocabulary), wish, labels, vocabulary)
    # A "fire mage" wears the colours of fire, not those of mages, in whichever order they stand.
    for slot in ("torso", "over", "headwear") if wish.element_colours else ():
        wish.colour_habits[slot] = wish.element_colours
    return wish


def known_words(vocabulary: Mapping[str, Any]) -> set[str]:
    """All single words that the rules understand with the vocabulary of a tier."""
    colours = {name for names in vocabulary["colours"].values() for name in names}
    synonyms = vocabulary.get("synonyms", SYNONYMS)
    return {*synonyms, *label_words(vocabulary), *COLOUR_WORDS, *colours, *ELEMENTS}


def clean(prompt: str) -> str:
    """The prompt in composed letters; pictographs become the words of their names.

    Raises:
        UsageError: If it is empty, too long or no text.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in prompt):
        raise UsageError("the prompt is no text", where="prompt", remedy="write it in UTF-8")
    if len(prompt) > MAX_PROMPT:
        raise UsageError(
            f"the prompt has {len(prompt)} characters, the limit is {MAX_PROMPT}",
            where="prompt",
            remedy="a few words about body, clothes and colours are enough",
        )
    composed = _ACCENTS.sub("", unicodedata.normalize("NFKC", prompt))
    text = "".join(_spelled(letter) for letter in composed).strip()
    if not text:
        raise UsageError(
            "the prompt is empty", where="prompt", remedy='say who it is: "old wizard, blue robe"'
        )
    return text


def _spelled(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("So", "Sk", "Co", "Cn"):
        return f" {unicodedata.name(letter, 'symbol').lower()} "
    return " " if category in ("Cc", "Cf", "Zl", "Zp") and letter != "\n" else letter


def _parts(word: str, labels: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> list[str]:
    """A hyphenated word that is not known as a whole falls into its parts: "dark-skinned"."""
    known = vocabulary.get("synonyms", SYNONYMS)
    if word in labels or word in known or _is_colour(word, vocabulary):
        return [word]
    return word.split("-")


def _joined(
    tokens: list[str], labels: Mapping[str, Any], vocabulary: Mapping[str, Any]
) -> list[str]:
    """The words of a clause, those that make up one label or colour as one: "long skirt"."""
    out: list[str] = []
    start = 0
    while start < len(tokens):
        longest = min(_LONGEST, len(tokens) - start)
        texts = (" ".join(tokens[start : start + n]) for n in range(longest, 1, -1))
        text = next((t for t in texts if t in labels or _is_colour(t, vocabulary)), tokens[start])
        out.append(text)
        start += 1 + text.count(" ")
    return out


def _read_clause(
    tokens: list[str], wish: Wish, labels: Mapping[str, Any], vocabulary: Mapping[str, Any]
) -> None:
    addressed = _addressed(tokens, labels, vocabulary)
    pending: list[tuple[str, ...]] = []
    modifier = ""
    last: Meaning | None = None
    for i, token in enumerate(tokens):
        following = tokens[i + 1] if i + 1 < len(tokens) else ""
        if token in ("dark", "light", "pale", "fair") and _is_colour(following, vocabulary):
            modifier = token
            continue
        meaning = _meaning(token, labels, addressed, vocabulary)
        # "royal" or "forest" beside a garment is a colour; a word that is both is a colour first.
        if _is_colour(token, vocabulary) and not (
            token in ELEMENTS and last is None and not addressed
        ):
            names = COLOUR_WORDS.get(token, (token,))
            plain = COLOUR_WORDS.get(token, (token,))[0]
            names = SHADED.get((modifier, plain), ()) + names
            if token in ("dark", "light", "pale", "fair"):
                names = (
                    tuple(n for slot in addressed for n in SHADED.get((token, slot), ())) + names
                )
            if token in OF_HAIR and "hair" not in addressed:
                wish.colours["hair"] = names
            else:
                pending.append(names)
            modifier = ""
        elif meaning is not None:
            _wish_for(meaning, wish)
            shown = token in labels or _drawable(meaning, vocabulary)
            if not shown and token not in wish.idle:
                wish.idle.append(token)
            if meaning.paints:
                paints = _paints(meaning)
                for names in pending:
                    if not meaning.firm and not wish.main:
                        wish.main = names  # "green goblin", "red wizard"
                    for slot in paints:
                        wish.colours[slot] = names
                pending.clear()
                last = meaning
        elif token in ELEMENTS:
            wish.element, wish.element_colours = ELEMENTS[token]
        elif token in IGNORED or token.isdigit():
            pass
        elif token not in wish.unknown:
            wish.unknown.append(token)
    for names in pending:
        wish.main = wish.main or names
        # "thief in black": a colour by itself is that of the whole outfit.
        for slot in _paints(last) if last else ("torso", "over", "legs", "accent", "headwear"):
            wish.colours.setdefault(slot, names)


def _addressed(
    tokens: list[str], labels: Mapping[str, Any], vocabulary: Mapping[str, Any]
) -> list[str]:
    """Attributes and slots that the nouns of a clause name."""
    out: list[str] = []
    for token in tokens:
        if token in vocabulary.get("adjectives", ADJECTIVES):
            continue
        meaning = _meaning(token, labels, None, vocabulary)
        if meaning is not None and meaning.firm:
            out += [*meaning.values, *meaning.paints]
    return list(dict.fromkeys(out))


def _meaning(
    token: str,
    labels: Mapping[str, Any],
    addressed: list[str] | None,
    vocabulary: Mapping[str, Any],
) -> Meaning | None:
    """What a word asks for; an adjective only where ``addressed`` names its attribute."""
    synonyms: Mapping[str, Meaning] = vocabulary.get("synonyms", SYNONYMS)
    found = synonyms.get(token) or synonyms.get(token.removesuffix("'s"))
    if found is None and token.endswith("s") and token not in labels:
        found = synonyms.get(token[:-1])
    if found is None:
        where = labels.get(token) or labels.get(token + "s") or labels.get(token.removesuffix("s"))
        if where is None:
            return None
        attribute = next((a for a in where if addressed and a in addressed), _home(token, where))
        exact = next((t for t in (token, token + "s", token[:-1]) if t in where[attribute]), "")
        table: Mapping[str, tuple[str, ...]] = vocabulary.get("paints", PAINTS)
        paints = table.get(token) or table.get(attribute, ())
        kinds = [v for v in where[attribute] if v.endswith(f" {exact}")]
        plain = exact if vocabulary.get("exact", True) or not kinds else ""
        found = Meaning({attribute: where[attribute]}, paints, exact=plain)
    if token in vocabulary.get("adjectives", ADJECTIVES) and addressed is not None:
        kept = {a: v for a, v in found.values.items() if a in addressed}
        return Meaning(kept, exact=found.exact) if kept else None
    return found


def _home(token: str, where: Mapping[str, tuple[str, ...]]) -> str:
    """The attribute that a word is most likely of: "crystal" is what is held, not the armor."""
    for known in (lambda v: v == token, lambda v: v.endswith(f" {token}")):
        for attribute, values in where.items():
            if any(map(known, values)):
                return attribute
    return next(iter(where))


def _drawable(meaning: Meaning, vocabulary: Mapping[str, Any]) -> bool:
    """Whether the tier knows any value that a meaning asks for; one that asks for none is fine."""
    known = vocabulary["attributes"]
    return not meaning.values or any(
        value in known.get(attribute, ())
        for attribute, values in meaning.values.items()
        for value in values
    )


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
    for candidate in dict.fromkeys((kind, "cloth", "metal")):
        for name in names:
            if name in colours[candidate]:
                return candidate, name
    return None
