"""What a user asks for, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aigc_assets.errors import InvalidAssetError, UsageError
from aigc_assets.models.dialogue_tags import MOODS, ROLES
from aigc_assets.types.dialogue import require_line
from aigc_assets.types.validation import require_id

MIN_LINES, MAX_LINES = 2, 60
MAX_CAST = 6
MAX_ID = 58
"""Line ids add an underscore, a number and a letter and must stay within 64 characters."""

_ROLE_WORDS: dict[str, tuple[str, ...]] = {
    "guard": ("guard", "warden", "soldier", "knight", "captain", "sentry", "watchman", "jailer",
              "sergeant", "paladin", "warrior", "gatekeeper", "ranger"),
    "merchant": ("merchant", "trader", "shopkeeper", "pedlar", "innkeeper", "barkeep", "vendor",
                 "seller", "banker"),
    "crafter": ("smith", "blacksmith", "carpenter", "tinker", "mason", "weaver", "baker", "cook",
                "engineer", "tailor", "miner", "potter"),
    "noble": ("noble", "lady", "lord", "king", "queen", "prince", "princess", "baron", "duke",
              "count", "mayor", "emperor"),
    "sage": ("sage", "wizard", "mage", "witch", "alchemist", "scholar", "monk", "oracle", "priest",
             "sorcerer", "druid", "librarian", "hermit", "seer"),
    "healer": ("healer", "doctor", "nurse", "cleric", "herbalist", "midwife", "nun"),
    "rogue": ("rogue", "thief", "pirate", "spy", "smuggler", "bandit", "assassin", "gambler",
              "beggar"),
    "villager": ("villager", "farmer", "peasant", "fisher", "fisherman", "child", "boy", "girl",
                 "miller", "shepherd", "maid", "servant", "grandmother"),
    "traveller": ("traveller", "traveler", "hero", "heroine", "adventurer", "pilgrim", "sailor",
                  "bard", "wanderer", "explorer", "scout", "hunter", "messenger"),
    "villain": ("villain", "necromancer", "demon", "vampire", "skeleton", "orc", "goblin",
                "warlock", "tyrant", "zombie", "lich"),
}  # fmt: skip


@dataclass(frozen=True)
class DialogueRequest:
    """A dialogue to be written.

    Args:
        id: Id of the dialogue, the stem of every line id, at most 58 characters.
        cast: Ids of 1..6 speakers. The first is the player's character when there are two or more;
            a cast of one talks to a player who only picks answers.
        mood: One of `MOODS`.
        lines: Spoken nodes, 2..60; the player's answers come on top.
        roles: Cast id to a description such as "old warden, iron helmet", to tell their manner.
        texts: Line id to a text of the user's own. It replaces that line and changes no other.

    Raises:
        UsageError: If one of these is out of range; the message names it and what is allowed.
    """

    id: str
    cast: tuple[str, ...]
    mood: str = "neutral"
    lines: int = 10
    roles: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cast", tuple(self.cast))
        _id(self.id, "id")
        if len(self.id) > MAX_ID:
            raise UsageError(
                f"the id has {len(self.id)} characters", where="id", remedy=f"at most {MAX_ID}"
            )
        if not 1 <= len(self.cast) <= MAX_CAST:
            raise UsageError(
                f"a dialogue has a cast of 1..{MAX_CAST}, not {len(self.cast)}", where="cast"
            )
        for member in self.cast:
            _id(member, "cast")
        if len(set(self.cast)) < len(self.cast):
            raise UsageError("a character stands twice in the cast", where="cast")
        if self.mood not in MOODS:
            raise UsageError(
                f"unknown mood {self.mood!r}", where="mood", remedy=f"one of: {', '.join(MOODS)}"
            )
        whole = isinstance(self.lines, int) and not isinstance(self.lines, bool)
        if not whole or not MIN_LINES <= self.lines <= MAX_LINES:
            raise UsageError(
                f"a dialogue has {MIN_LINES}..{MAX_LINES} lines, not {self.lines!r}", where="lines"
            )
        stray = sorted(set(self.roles) - set(self.cast))
        if stray:
            raise UsageError(
                f"not in the cast: {', '.join(stray)}",
                where="roles",
                remedy=f"one of: {', '.join(self.cast)}",
            )
        for line_id, text in self.texts.items():
            try:
                require_line(text, f"texts[{line_id}]")
            except InvalidAssetError as error:
                raise UsageError(error.message, where=error.where) from error


def role_of(member: str, description: str, fallback: str) -> str:
    """The role tag that fits a cast id and the description of that character."""
    found = re.findall(r"[a-z]+", f"{description} {member}".lower().replace("_", " "))
    for word in found:
        for role, names in _ROLE_WORDS.items():
            if word in names:
                return role
    return fallback if fallback in ROLES else "villager"


def display_name(member: str) -> str:
    """How a cast id is spoken: ``old_tom`` becomes ``Old Tom``."""
    return " ".join(part.capitalize() for part in re.split(r"[_\-]+", member) if part)


def _id(value: str, where: str) -> None:
    try:
        require_id(value, where)
    except InvalidAssetError as error:
        raise UsageError(error.message, where=error.where) from error
