"""What drawings show, from the words of their names: kind, sub-class and words of the prior.

Words that the shipped prior does not know become sub-classes of their own where several drawings
share them: a folder of jackalopes can be asked for jackalopes.
"""

from __future__ import annotations

import collections
import re
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FEW = 3
"""Drawings that a word of their own needs."""
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
    "old copy all other others misc the and with idle walk run jump attack hurt dead death left "
    "right up down front back side small big large tiny red green blue yellow black white brown "
    "grey gray purple pink orange cyan dark light actor actors asset assets pack set".split()
)


class Label(NamedTuple):
    """Kind, sub-class or '', and words of one drawing."""

    kind: str
    subclass: str
    words: tuple[str, ...]


class Vocabulary:
    """What the shipped models know: colours, hue turns, sub-classes with their kinds, words.

    Args:
        colours: The global colours, [K, 3] uint8, row 0 unused.
        turned: Permutations of their numbers, [R, K] uint8.
        kind_of: Kind of each sub-class.
        words: Other words, and the kind that most of what they name has.
    """

    def __init__(
        self,
        colours: NDArray[np.uint8],
        turned: NDArray[np.uint8],
        kind_of: dict[str, str],
        words: dict[str, str] | None = None,
    ):
        self.colours, self.turned = colours, turned
        self.kind_of, self.words = kind_of, words or {}

    def describe(self, name: str) -> Label:
        """What a drawing shows, from the words of its path, the last first."""
        said = _said(name)
        known = [w if w in self.kind_of or w in self.words else w.removesuffix("s") for w in said]
        subclass = next((w for w in reversed(known) if w in self.kind_of), "")
        words = tuple(dict.fromkeys(w for w in known if w in self.words))
        told = {**self.words, **self.kind_of, **_KIND_OF}
        kind = next((told[w] for w in reversed(known) if w in told), "monster")
        return Label(kind, subclass, words)


def own_classes(names: list[str], vocabulary: Vocabulary) -> tuple[list[Label], dict[str, str]]:
    """Labels of drawings by their names, and the words that are no sub-class yet, with their kinds.

    Of the words of a name the last that `FEW` drawings share is its own sub-class, unless the
    prior knows one of them.
    """
    labels = [vocabulary.describe(name) for name in names]
    free = [
        [w for w in _said(name) if len(w) > 2 and w not in _PLAIN and w not in _KIND_OF]
        if not label.subclass else []
        for name, label in zip(names, labels, strict=True)
    ]  # fmt: skip
    count = collections.Counter(word for words in free for word in set(words))
    often = [word for word, times in count.most_common(MOST) if times >= FEW]
    kinds: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for number, words in enumerate(free):
        own = next((word for word in reversed(words) if word in often), "")
        if own:
            labels[number] = labels[number]._replace(subclass=own)
            kinds[own][labels[number].kind] += 1
    return labels, {word: kinds[word].most_common(1)[0][0] for word in sorted(kinds)}


def _said(name: str) -> list[str]:
    """Words of a path without its suffix, from the outermost folder to the file."""
    path = PurePosixPath(re.sub(r"[\[#][^/]*$", "", name))
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", str(path.with_suffix("") if path.name else path))
    return re.findall(r"[a-z]+", split.lower())
