"""A grammar that turns our templates into short exchanges with exact labels.

The templates lie in ``corpus/*.txt``. An exchange is a walk over the acts of
`aigc_assets.models.dialogue_tags.FOLLOWS`; an answer comes from the same pair as its question,
openers and tails colour a line by mood and role.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import NamedTuple

import numpy as np

from aigc_assets.models.dialogue_tags import ACTS, ALONE, ANSWERS, FOLLOWS, MOODS, ROLES, TOPICS

MAX_WORDS = 18

TOPIC_ROLES: dict[str, tuple[str, ...]] = {
    "passage": ("guard", "guard", "noble", "rogue", "traveller", "villain"),
    "errand": ("villager", "noble", "sage", "crafter", "merchant", "rogue"),
    "hunt": ("guard", "villager", "traveller", "crafter", "healer"),
    "trade": ("merchant", "merchant", "crafter", "crafter", "rogue", "traveller"),
    "rumour": ("villager", "rogue", "merchant", "traveller", "sage"),
    "grudge": ("noble", "rogue", "villain", "guard", "traveller", "villager"),
    "rescue": ("healer", "villager", "guard", "traveller", "noble"),
    "omen": ("sage", "sage", "healer", "villain", "traveller", "villager"),
}
_STARTS = ("greet", "greet", "greet", "ask", "ask", "tell", "tell", "quest", "quest", "warn",
           "threat", "farewell")  # fmt: skip
_PLAYER_MAX_WORDS = 10
NUM_PAIRS = 5
"""Pairs of questions and answers per topic."""


class Line(NamedTuple):
    """One labelled line: text with slots, and its tags."""

    role: str
    mood: str
    act: str
    text: str


class Exchange(NamedTuple):
    """Consecutive lines of one conversation; ``source`` and ``topic`` are tags, "" if unknown."""

    source: str
    topic: str
    lines: tuple[Line, ...]


@functools.cache
def templates(table: str, *names: str) -> tuple[str, ...]:
    """The templates under ``[table names]``, for example ``templates("openers", "sad")``.

    Raises:
        KeyError: If there are none.
    """
    return _sections()[" ".join((table, *names))]


@functools.cache
def _sections() -> dict[str, tuple[str, ...]]:
    sections: dict[str, list[str]] = {}
    for name in ("topics.txt", "flavour.txt"):
        text = (
            resources.files("aigc_assets.training.dialogue")
            .joinpath("corpus", name)
            .read_text("utf-8")
        )
        for line in text.splitlines():
            if line.startswith("["):
                here = sections.setdefault(line.strip("[]"), [])
            elif line and not line.startswith("#"):
                here.append(line)
    return {key: tuple(lines) for key, lines in sections.items()}


def template_count() -> int:
    """How many sentence templates there are, without the word lists."""
    return sum(len(lines) for key, lines in _sections().items() if not key.startswith("words "))


def expand(template: str, random: np.random.Generator) -> str:
    """Draw one text from a template: ``{a|b}`` chooses, ``$word`` draws from the word lists."""
    text = template
    while True:
        match = re.search(r"\{([^{}]*)\}", text)
        if match is None:
            break
        options = match.group(1).split("|")
        choice = options[int(random.integers(len(options)))]
        text = text[: match.start()] + choice + text[match.end() :]
    while (match := re.search(r"\$([a-z]+)", text)) is not None:
        words = templates("words", match.group(1))
        word = words[int(random.integers(len(words)))]
        text = text[: match.start()] + word + text[match.end() :]
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.!?])", r"\1", text)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda found: found.group(1) + found.group(2).upper(), text)


def exchange(random: np.random.Generator) -> Exchange:
    """Draw one exchange of 2..4 lines; every line has at most `MAX_WORDS` words."""
    topic = _pick(random, TOPICS)
    mood = _pick(random, MOODS)
    cast = [_pick(random, TOPIC_ROLES[topic]), _pick(random, ROLES[:-1])]
    with_player = random.random() < 0.6
    alone = random.random() < 0.2
    act = _pick(random, _STARTS)
    lines: list[Line] = []
    pair = 0
    speaker = 0
    for number in range(int(random.integers(2, 5))):
        by_player = False
        if number:
            by_player = bool(with_player and lines[-1].role != "player" and act in ANSWERS)
            if by_player:
                options = ANSWERS[act]
            elif lines[-1].role == "player":
                options = FOLLOWS[act]
            else:
                options = ALONE[act] if alone else FOLLOWS[act]
            weights = np.linspace(2.0, 1.0, len(options))
            act = options[int(random.choice(len(options), p=weights / weights.sum()))]
            if lines[-1].role == "player":
                speaker = 0
            elif not alone:
                speaker = 1 - speaker
        role = "player" if by_player else cast[speaker]
        shown = mood if random.random() < 0.8 else _pick(random, MOODS)
        text, pair = _line(random, topic, role, shown, act, pair)
        lines.append(Line(role, shown, act, text))
    return Exchange("grammar", topic, tuple(lines))


def _line(
    random: np.random.Generator, topic: str, role: str, mood: str, act: str, pair: int
) -> tuple[str, int]:
    for _ in range(30):
        text, chosen = _draw(random, topic, role, mood, act, pair)
        limit = _PLAYER_MAX_WORDS if role == "player" else MAX_WORDS
        slots = re.findall(r"<[a-z]+>", text)
        if 2 <= len(text.split()) <= limit and len(slots) == len(set(slots)):
            return text, chosen
    return expand(templates("player", act)[0], random), 0


def _draw(
    random: np.random.Generator, topic: str, role: str, mood: str, act: str, pair: int
) -> tuple[str, int]:
    chosen = 0
    if role == "player" and act != "answer" and random.random() < 0.5:
        return expand(_pick(random, templates("player", act)), random), 0
    if act in ("greet", "farewell", "thank"):
        return expand(_pick(random, templates(act, mood)), random), 0
    if act == "ask":
        chosen = 1 + int(random.integers(NUM_PAIRS))
        core = _pick(random, templates(topic, "ask", str(chosen)))
    elif act == "answer":
        core = _pick(
            random, templates(topic, "answer", str(pair)) if pair else templates(topic, "tell")
        )
    else:
        core = _pick(random, templates(topic, act))
    text = expand(core, random)
    if role == "player":
        return text, chosen
    opened = random.random() < (0.2 if mood == "neutral" else 0.45)
    if opened:
        by_role = random.random() < 0.2
        table = templates("roles", role) if by_role else templates("openers", mood)
        text = _join(expand(_pick(random, table), random), text)
    share = 0.15 if mood == "neutral" else 0.3 if opened else 0.6
    if act == "ask":  # a remark after a question reads as if the answer did not matter
        share = 0.4 if mood in ("tense", "fearful") and not opened else 0.0
    if random.random() < share:
        text = f"{text} {expand(_pick(random, templates('tails', mood)), random)}"
    if mood in ("angry", "joyful") and random.random() < 0.4 and text.endswith("."):
        text = text[:-1] + "!"
    return text, chosen


def _join(opener: str, text: str) -> str:
    if not opener.endswith("~"):
        return f"{opener} {text}"
    first = text if re.match(r"I\b", text) or text[0] == "<" else text[0].lower() + text[1:]
    return f"{opener[:-1]} {first}"


def _pick(random: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(random.integers(len(options)))]


def check_templates() -> None:
    """Check that every topic, mood, role and act has templates, and every word list exists.

    Raises:
        KeyError: If one is missing.
    """
    for table in ("openers", "tails", "greet", "farewell", "thank"):
        for mood in MOODS:
            templates(table, mood)
    for role in ROLES[:-1]:
        templates("roles", role)
    for act in ACTS:
        templates("player", act)
    for topic in TOPICS:
        for act in ("tell", "quest", "accept", "refuse", "threat", "warn"):
            templates(topic, act)
        for number in range(1, NUM_PAIRS + 1):
            templates(topic, "ask", str(number)), templates(topic, "answer", str(number))
    for lines in _sections().values():
        for word in re.findall(r"\$([a-z]+)", " ".join(lines)):
            templates("words", word)
