"""What drawings show, from the words of their names: kind, sub-class and words of the prior.

Words that the shipped prior does not know become sub-classes of their own where several drawings
share them: a folder of jackalopes can be asked for jackalopes.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FEW = 3
"""Drawings that a word of their own needs."""
FEW_OF_KIND = 6
"""Drawings that a kind needs to be one that can be asked for."""
MOST = 48
"""Words of their own, the most frequent."""
_NOUNS = {
    "monster": "monster monsters enemy enemies creature creatures character characters hero heroes "
    "npc npcs player people boss bosses",
    "animal": "animal animals pet pets beast beasts",
    "item": "item items weapon weapons potion potions icon icons object objects loot prop props",
    "effect": "effect effects fx vfx spell spells particle particles",
}
_KIND_OF = {word: kind for kind, words in _NOUNS.items() for word in words.split()}
_PLAIN = frozenset(
    "sprite sprites sheet sheets spritesheet spritesheets frame frames animation animations image "
    "images picture pictures drawing drawings tile tiles art png gif ase aseprite export final new "
    "copy all other others misc the and with idle walk run jump attack hurt dead death left "
    "right up down front back side small big large tiny baby young old giant red green blue yellow "
    "black white brown grey gray purple pink orange cyan dark light actor actors asset assets pack "
    "set".split()
)


class Label(NamedTuple):
    """Kind, sub-class and words of one drawing; '' is not told."""

    kind: str
    subclass: str
    words: tuple[str, ...]


class Vocabulary:
    """What the shipped models know: colours, hue turns, sub-classes with their kinds, words.

    Args:
        colours: The global colours, [K, 3] uint8, row 0 unused.
        turned: Permutations of their numbers, [R, K] uint8.
        kind_of: Kind of each sub-class.
        words: Other words, and the kind of what they name, '' where it is now this, now that.
        nouns: Words of prompts, and the kind that they mean.
    """

    def __init__(
        self,
        colours: NDArray[np.uint8],
        turned: NDArray[np.uint8],
        kind_of: Mapping[str, str],
        words: Mapping[str, str] | None = None,
        nouns: Mapping[str, str] | None = None,
    ):
        self.colours, self.turned = colours, turned
        self.kind_of, self.words, self.nouns = kind_of, words or {}, nouns or {}

    def describe(self, told: str) -> Label:
        """What a drawing shows, from the words that are said of it, the last first.

        Words for a whole kind, as folders have them, say more than nouns, those more than others.
        """
        said = _said(told)
        known = [w if w in self.kind_of or w in self.words else w.removesuffix("s") for w in said]
        subclass = next((w for w in reversed(known) if w in self.kind_of), "")
        words = tuple(dict.fromkeys(w for w in known if w in self.words))
        plain = [w for word in reversed(said) for w in (word, word.removesuffix("s"))]
        sure = (_KIND_OF, {**self.nouns, **self.kind_of}, self.words)
        kinds = (table[w] for table in sure for w in plain if table.get(w))
        return Label(next(kinds, ""), subclass, words)


def own_classes(told: list[str], vocabulary: Vocabulary) -> tuple[list[Label], dict[str, str]]:
    """Labels of drawings, and the words that are no sub-class yet, with their kinds.

    Of what is said of a drawing the last word that `FEW` drawings share is its own sub-class,
    unless the prior knows one of them. All of a sub-class are of one kind, and a kind of less than
    `FEW_OF_KIND` drawings is none: they count as the most frequent one. What is of no known kind
    is a monster.

    Args:
        told: What is said of each drawing, `files.drawing.Drawing.told`.
        vocabulary: Of the shipped models.
    """
    labels = [vocabulary.describe(text) for text in told]
    free = [
        [w for w in _said(text) if len(w) > 2 and w not in _PLAIN and w not in _KIND_OF]
        if not label.subclass else []
        for text, label in zip(told, labels, strict=True)
    ]  # fmt: skip
    count = collections.Counter(word for words in free for word in set(words))
    often = {word for word, times in count.most_common(MOST) if times >= FEW}
    for number, words in enumerate(free):
        own = next((word for word in reversed(words) if word in often), "")
        if own:
            labels[number] = labels[number]._replace(subclass=own)
    labels = [label._replace(kind=label.kind or "monster") for label in labels]
    most = _ranked(label.kind for label in labels)
    enough = [kind for kind, times in most if times >= FEW_OF_KIND] or [most[0][0]]
    kinds: dict[str, list[str]] = {}
    for label in labels:
        kinds.setdefault(label.subclass, []).append(
            label.kind if label.kind in enough else enough[0]
        )
    kind_of = {subclass: _ranked(found)[0][0] for subclass, found in kinds.items()}
    for number, label in enumerate(labels):
        kind = label.kind if label.kind in enough else enough[0]
        labels[number] = label._replace(kind=kind_of[label.subclass] if label.subclass else kind)
    own_words = sorted(s for s in kind_of if s and s not in vocabulary.kind_of)
    return labels, {word: kind_of[word] for word in own_words}


def _ranked(found: Iterable[str]) -> list[tuple[str, int]]:
    """What is there and how often, the most frequent first."""
    return sorted(collections.Counter(found).items(), key=lambda item: (-item[1], item[0]))


def _said(told: str) -> list[str]:
    """Words, from the outermost folder to the last."""
    return re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", told).lower())
