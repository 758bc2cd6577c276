"""Short spoken lines out of published works: cleaned, cut, and labelled by simple open rules.

A line is kept when it is plain present-day English with 2..18 words and no proper names (names of
the scene's speakers become ``<name>``). Moods, acts and roles come from word lists and punctuation;
these labels are noisy and the model card says so.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aigc_assets.errors import DataError
from aigc_assets.training.dialogue.grammar import MAX_WORDS, Exchange, Line

SOURCES: tuple[dict[str, str], ...] = (
    {
        "folder": "gutenberg",
        "licence": "Public domain",
        "attribution": "Plays and novels by Wilde, Shaw, Austen, Dumas, Doyle, Stoker, Stevenson, "
        "Carroll, Baum and Wells, as published by Project Gutenberg",
    },
    {
        "folder": "shakespeare_xml",
        "licence": "Public domain",
        "attribution": "William Shakespeare; electronic text by Jon Bosak",
    },
    {
        "folder": "ink_yarn_mit",
        "licence": "MIT",
        "attribution": "The Intercept, Copyright (c) inkle Ltd.; Yarn Spinner samples, Copyright "
        "(c) Yarn Spinner contributors",
    },
    {
        "folder": "renpy_mit",
        "licence": "MIT",
        "attribution": "The Question, Copyright (c) Tom Rothamel and contributors",
    },
    {"folder": "zork_mit", "licence": "MIT", "attribution": "Copyright (c) 2025 Microsoft"},
    {
        "folder": "open_adventure_bsd",
        "licence": "BSD-2-Clause",
        "attribution": "Copyright (c) 1977, 2005 Will Crowther and Don Woods; (c) 2017 Eric S. "
        "Raymond; (c) 2022 Michael D Henderson",
    },
    {
        "folder": "coffeemud_apache",
        "licence": "Apache-2.0",
        "attribution": "Copyright 2019-2026 Bo Zimmerman",
    },
)

_ARCHAIC = set(
    "thee thou thy thine hath doth dost hast wilt shalt hadst didst canst ere oft nay prithee "
    "sirrah forsooth whence whither wherefore methinks yon yonder betwixt anon verily quoth unto "
    "hither thither art fie tis twas ye mine o".split()
)
_MODERN = set(
    "telephone train trains cab cabs motor railway station telegraph telegram telegrams newspaper "
    "newspapers photograph photographs college lecture visual computer calculating machine bombe "
    "cigarette cigarettes hut professor university script menu click python image screen "
    "dictionary phonetic phonetics slipper slippers parliament season drawing-room club marquis "
    "guinea guineas shillings sovereigns pistoles livres cylinder martian martians meteorite "
    "debug test".split()
)
_COARSE = set(
    "damn damned damnation hell bloody bitch bastard whore slut ass arse shit fuck "
    "negro jew jews gypsy gipsy savage savages slave slaves virgin breast breasts naked bed-fellow "
    "rape lust strumpet harlot cuckold wench suicide".split()
)
_SETTING = set(
    "god lord heaven christ jesus christian turk moor french english france england "
    "london paris spain rome".split()
)
_CAPITALS = {"I", "I'm", "I'll", "I've", "I'd", "Sir", "Madam"}
_CONTRACTION = re.compile(
    r"(i|you|he|she|it|we|they|that|there|here|what|who|where|how|let)'(m|ll|ve|d|re|s)|"
    r"[a-z]+n't|[a-z]{3,}'s|[a-z]{3,}s'"
)
_VALID = re.compile(r"[A-Z][A-Za-z ,.'!?:;<>-]*[.!?]")

_MOOD_WORDS: dict[str, set[str]] = {
    "angry": set(
        "fool liar insolent dare enough shame coward scoundrel villain rascal insult fury "
        "angry anger silence rogue traitor wretch nonsense hate idiot impudent revenge".split()
    ),
    "fearful": set(
        "afraid fear frightened terrible horrible danger dangerous help terror dread hide "
        "dreadful scream trembling monster dying poison beware horror alarm scared".split()
    ),
    "sad": set(
        "alas sorry sad grief tears weep wept lost dead died lonely broken sorrow unhappy "
        "miserable poor cry cried grave mourn forgive misery pity despair unfortunate".split()
    ),
    "joyful": set(
        "joy happy delighted delightful wonderful glad merry laugh splendid charming lovely "
        "capital delicious congratulate beautiful perfectly hurrah bravo pleased glorious".split()
    ),
    "friendly": set(
        "dear friend friends thank welcome please kind kindly good-morning pleasure love "
        "darling together trust bless grateful goodness friendship".split()
    ),
    "tense": set(
        "quick quickly hurry wait stop silence hush listen careful watch sword guard kill "
        "now soldiers enemy fight escape swear immediately arrest locked quiet gun knife".split()
    ),
    "mysterious": set(
        "secret strange mystery dream dreams ghost spirit spirits shadow magic curious "
        "witch fate stars moon night vision riddle whisper dark darkness hidden".split()
    ),
}
_ROLE_WORDS: dict[str, set[str]] = {
    "guard": set(
        "guard guards soldier soldiers captain arrest halt sword orders duty law prisoner".split()
    ),
    "merchant": set(
        "money price buy sell gold pay coin coins bargain trade shop purse market debt".split()
    ),
    "crafter": set(
        "work iron tools wood hammer fix mend build built horse horses wheel boat".split()
    ),
    "noble": set(
        "honour majesty king queen duke gentleman lady ladies court noble throne estate".split()
    ),
    "sage": set(
        "truth wisdom magic book books know secret stars reason science learn read study".split()
    ),
    "healer": set(
        "doctor wound wounds blood ill sick health medicine heal fever sleep rest pain".split()
    ),
    "rogue": set(
        "steal stole thief rogue escape trick cards dice night quiet secretly rope lock".split()
    ),
    "villain": set(
        "kill revenge destroy power obey kneel poison die enemy blood fool death".split()
    ),
    "traveller": set(
        "road journey far travel sea ship island map country leave miles walk gone".split()
    ),
}


def read_sources(folder: Path) -> tuple[list[tuple[str, Exchange]], dict[str, int]]:
    """All kept exchanges with the name of the work each comes from, and lines kept per source.

    Args:
        folder: The ``dialogue`` folder of the training sources.

    Raises:
        DataError: If a source is missing or unreadable.
    """
    scenes: list[tuple[str, str, list[tuple[str, str]]]] = []
    try:
        for name, reader in _READERS.items():
            for work, turns in reader(folder / name):
                scenes.append((name, work, turns))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"cannot read the dialogue sources: {error}", where=str(folder)) from error
    common = _common_words(text for _, _, turns in scenes for _, text in turns)
    result: list[tuple[str, Exchange]] = []
    kept: Counter[str] = Counter()
    seen: set[str] = set()
    for name, work, turns in scenes:
        names = {part for speaker, _ in turns for part in speaker.title().split() if len(part) > 2}
        run: list[Line] = []
        for _, text in [*turns, ("", "")]:
            lines = _chunks(text)
            usable = [clean for line in lines if (clean := _clean(line, names, common))]
            fresh = [line for line in dict.fromkeys(usable) if line not in seen]
            seen.update(fresh)
            run += [label(line) for line in fresh]
            kept[name] += len(fresh)
            broken = len(fresh) < max(1, len(lines))
            while len(run) >= 3 or (broken and run):
                result.append((work, Exchange("works", "", tuple(run[:3]))))
                run = run[3:]
    return result, dict(kept)


def label(text: str) -> Line:
    """Guess the tags of a line from its words and punctuation."""
    words = set(re.findall(r"[a-z'-]+", text.lower()))
    scores = {mood: len(words & lexicon) for mood, lexicon in _MOOD_WORDS.items()}
    if text.endswith("!"):
        for mood in ("angry", "fearful", "joyful"):
            scores[mood] *= 2
    best = max(scores.values())
    mood = next(m for m, s in scores.items() if s == best) if best else "neutral"
    if not best and text.endswith("!"):
        mood = "tense" if len(text.split()) < 6 else "angry"
    roles = {role: len(words & lexicon) for role, lexicon in _ROLE_WORDS.items()}
    most = max(roles.values())
    role = next(r for r, s in roles.items() if s == most) if most else "villager"
    return Line(role, mood, _act(text, words), text)


def _act(text: str, words: set[str]) -> str:
    first = text.lower()
    if text.endswith("?"):
        return "ask"
    rules = (
        ("greet", r"(good (morning|day|evening|afternoon)|hello|welcome|how do you do)\b"),
        ("farewell", r"(good-?bye|farewell|good-?night|adieu)\b"),
        ("thank", r"(thank|thanks|i thank|many thanks|i am (much )?obliged)"),
        (
            "accept",
            r"(yes|certainly|of course|very well|with pleasure|agreed|all right|willingly|"
            r"by all means|i will\b)",
        ),
        (
            "refuse",
            r"(no|never|i (can|will|shall|do|could|would)(not|n't| not)|impossible|not at all|"
            r"certainly not)\b",
        ),
        ("warn", r"(take care|beware|be careful|do not|don't|look out|mind)\b"),
        ("quest", r"(bring|fetch|find|go|take|give|tell|let|come|send|ask|please|pray)\b"),
    )
    for act, pattern in rules:
        if re.match(pattern, first):
            return act
    if words & {"kill", "revenge", "punish", "hang", "regret"} and "you" in words:
        return "threat"
    share = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2
    return "answer" if share else "tell"


def _chunks(text: str) -> list[str]:
    """Cut a turn into lines of whole sentences, at most `MAX_WORDS` words each."""
    text = text.replace("’", "'").replace("‘", "'").replace("“", "").replace("”", "")
    text = re.sub(r"[_*\"]", "", text)
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)", " ", text)
    text = re.sub(r"\s*(--+|—|–)\s*", ", ", text)
    text = re.sub(r"^([A-Z]{3,}[A-Z ]*)[.]?\s", "", text.strip())
    text = re.sub(r"\s+", " ", text).replace(", ,", ",").strip(" ,")
    text = re.sub(r"([.!?])( [.])+", r"\1", text).replace("...", ".").replace("..", ".")
    if text and text[-1] not in ".!?":
        text += "."
    lines: list[str] = []
    for sentence in re.split(r"(?<=[.!?])(?<!Mr\.)(?<!Mrs\.)(?<!Dr\.)(?<!St\.) ", text):
        together = f"{lines[-1]} {sentence}" if lines else sentence
        if lines and len(together.split()) <= 11:
            lines[-1] = together
        else:
            lines.append(sentence)
    return [line for line in lines if line]


def _clean(line: str, names: set[str], common: set[str]) -> str:
    """The line with names as slots, or "" when it is not plain enough."""
    line = line[:1].upper() + line[1:]
    words = line.split()
    if not 2 <= len(words) <= MAX_WORDS or not line.isascii() or re.search(r"[A-Z]{2}", line):
        return ""
    shown: list[str] = []
    fresh, used = True, False
    for word in words:
        bare = word.strip(",.!?;:")
        stem = re.sub(r"'s$", "", bare)
        if bare[:1].isupper() and bare not in _CAPITALS:
            vocative = not bare.endswith("'s") and (fresh or shown[-1].endswith(","))
            if stem in names and vocative and word != bare and not used:
                word, used = word.replace(stem, "<name>"), True
            elif not fresh or stem.lower() not in common:
                return ""
        shown.append(word)
        fresh = word[-1] in ".!?"
    text = " ".join(shown).replace(";", ",").replace(":", ",").replace(",.", ".").replace(",,", ",")
    lower = set(re.findall(r"[a-z'-]+", text.lower().replace("<name>", "")))
    if lower & (_ARCHAIC | _MODERN | _COARSE | _SETTING):
        return ""
    if any("'" in word and not _CONTRACTION.fullmatch(word) for word in lower):
        return ""
    if not _VALID.fullmatch(text) or re.search(r"[.!?][.!?]|, ?[.!?]|-[ ,.!?]| -", text):
        return ""
    return text if all(w in common for w in lower if "'" not in w and w != "name") else ""


def _common_words(texts: Iterator[str]) -> set[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(re.findall(r"(?<![A-Za-z'-])[a-z]+(?:-[a-z]+)*(?![A-Za-z'-])", text))
    return {"i"} | {word for word, count in counts.items() if count >= 4}


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _dialogues(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for entry in _json_lines(folder / "dialogues.jsonl"):
        wanted = entry.get("lang", "en") == "en" and entry["source"] != "renpy_tutorial"
        if wanted:
            turns = [(str(t["speaker"] or ""), t["text"]) for t in entry["turns"]]
            turns = [turn for turn in turns if turn[0] != "_stage"]
            if entry["source"] == "the_intercept":  # told in the first person: keep what is spoken
                turns = [turn for turn in turns if not _TOLD.search(turn[1])]
            yield entry.get("title") or entry["source"], turns


def _narration(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Only what is spoken: text in quotation marks, and short remarks to the player."""
    for entry in _json_lines(folder / "narration.jsonl"):
        text = entry["text"]
        for quoted in re.findall(r'"([^"]{8,160})"', text):
            yield entry["source"], [("", quoted)]
        remark = re.match(
            r"(I |Don't|Do |Are you|Is |What|You (can't|cannot|don't|have|must))", text
        )
        if remark and '"' not in text and len(text) < 110:
            yield entry["source"], [("", text)]


def _quest_text(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Spoken quest lines without variables."""
    pattern = re.compile(r">([^<>$]*\b(?:you|You|I|I'm|my|we)\b[^<>$]*)<")
    found: dict[str, None] = {}
    for path in sorted((folder / "quests" / "random").glob("*.xml")):
        for text in pattern.findall(path.read_text(encoding="utf-8", errors="replace")):
            found[text.strip()] = None
    for text in found:
        if "Give me only" not in text and "=" not in text:
            yield "quests", [("", text)]


_TOLD = re.compile(r"\b(he|she|his|her|him|my|me)\b|[/{}|~]", re.IGNORECASE)
_READERS = {
    "gutenberg": _dialogues,
    "shakespeare_xml": _dialogues,
    "ink_yarn_mit": _dialogues,
    "renpy_mit": _dialogues,
    "zork_mit": _narration,
    "open_adventure_bsd": _narration,
    "coffeemud_apache": _quest_text,
}
