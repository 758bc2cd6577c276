"""Words of a prompt for a crowd: who is in it, and in which colours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aigc_assets.pipelines.characters.words.creature_words import COLOURS, ELEMENTS
from aigc_assets.pipelines.characters.words.kinds import kind_of
from aigc_assets.pipelines.characters.words.lexicon import IGNORED, words

_BREAK = re.compile(r"[,;.:!?\n()&]|\band\b", re.IGNORECASE)

_WORDS: Mapping[str, tuple[str, ...]] = {
    # class of the network: words for it that its name lacks
    "person/mage": tuple("wizard witch sorcerer sorceress priest priestess cleric monk scholar "
                         "alchemist necromancer druid noble queen king princess".split()),
    "person/warrior": tuple("guard soldier knight paladin fighter captain gladiator viking "
                            "barbarian samurai berserker militia army".split()),
    "person/villager": tuple("peasant farmer merchant townsfolk folk people citizen bandit thief "
                             "rogue child man woman blacksmith bard pirate crowd mob".split()),
    "monster/undead": tuple("zombie ghoul lich mummy vampire revenant wight".split()),
    "monster/skeleton": ("bones",),
    "monster/ghost": tuple("spirit spectre phantom wraith shade".split()),
    "monster/demon": tuple("devil imp fiend demonspawn".split()),
    "monster/giant": tuple("ogre troll ettin cyclops titan".split()),
    "monster/dragon": tuple("drake wyvern hydra".split()),
    "monster/plant": tuple("treant mushroom fungus tree".split()),
    "monster/statue": tuple("gargoyle golem".split()),
    "monster/nonliving": tuple("elemental vortex wisp".split()),
    "monster/beast": tuple("chimera manticore griffon harpy".split()),
    "monster/humanoid": tuple("goblin orc kobold gnoll hobgoblin elf dwarf".split()),
    "animal/insect": tuple("bee wasp ant moth butterfly beetle bug".split()),
    "animal/mammal": tuple("wolf dog cat bear rat pig boar sheep yak hound".split()),
}  # fmt: skip
_PLURALS = {"wolves": "wolf", "witches": "witch", "men": "man", "women": "woman", "elves": "elf",
            "thieves": "thief", "dwarves": "dwarf", "liches": "lich", "mummies": "mummy",
            "harpies": "harpy", "children": "child", "butterflies": "butterfly",
            "undeads": "undead"}  # fmt: skip


class Group(NamedTuple):
    """Part of a crowd: numbers of its classes, and families of its colours (none: any)."""

    labels: tuple[int, ...]
    colours: tuple[str, ...]


def read_groups(prompt: str, kind: str, classes: Sequence[str]) -> list[Group]:
    """Groups that a prompt names; one of all classes of the kind where it names none.

    Colours belong to who is named in the same clause, else to who is named next, else to who was
    named last: "red and blue goblins, skeletons in white". An element lends its colour where none
    is named.

    Args:
        prompt: Of a request.
        kind: Of a request.
        classes: Of the network, such as ``monster/undead``.
    """
    of_kind = tuple(i for i, name in enumerate(classes) if name.split("/")[0] == kind)
    of_kind = of_kind or tuple(range(len(classes)))
    found: list[Group] = []
    waiting: list[str] = []
    for clause in _BREAK.split(prompt):
        said = words(clause)
        forms = {form for word in said for form in _forms(word)}
        named = tuple(
            i for i in of_kind if forms & {classes[i].split("/")[1], *_WORDS.get(classes[i], ())}
        )
        colours = [COLOURS[word] for word in said if word in COLOURS]
        colours = colours or [ELEMENTS[word] for word in said if word in ELEMENTS]
        waiting += colours
        if named:
            found.append(Group(named, tuple(dict.fromkeys(waiting))))
            waiting = []
    if waiting and found:
        last = found.pop()
        found.append(Group(last.labels, tuple(dict.fromkeys((*last.colours, *waiting)))))
    return found or [Group(of_kind, tuple(dict.fromkeys(waiting)))]


def not_drawn(prompt: str, kind: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Notes on the words of a prompt that choose nothing in a crowd, in their order, each once."""
    known = {part for name in classes for part in name.split("/")}
    known.update(*_WORDS.values(), COLOURS, ELEMENTS)
    silent = [
        word
        for word in dict.fromkeys(words(prompt))
        if not _forms(word) & known and kind_of(word) != kind and word not in IGNORED
    ]
    return tuple(f"not drawn for a crowd: {word}" for word in silent)


def _forms(word: str) -> set[str]:
    return {word, word.removesuffix("s"), _PLURALS.get(word, word)}
