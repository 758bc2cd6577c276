"""From words to one 16 px figure: which heads it is made of, which face, which body.

A head that the words name comes through as it is, over another body; where no word names one, the
head is put together from two, the crown of one (a hat, a fringe) over the sides and the face of
another. What a prompt leaves open depends on the seed alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import derive_seed, generator

HAIR = ("ash brown", "black", "blonde", "chestnut", "orange", "raven", "red", "brown", "charcoal")
CLOTH = ("blue", "red", "forest", "teal", "linen", "mustard", "plum", "navy", "wine", "green",
          "royal", "umber", "ochre", "purple", "sky", "salmon")  # fmt: skip
SKIN = ("ivory", "peach", "peach", "tan", "tan", "honey", "bronze", "brown")
DARK = ("charcoal", "navy", "forest", "wine", "plum", "midnight")
OWN_FACE = 0.5
"""How often a head that is named keeps its own face, where another would do."""
_STRAW = ("honey", "blonde", "ochre", "tan")

STYLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # head: what covers it, and the colours that it usually has
    "BlackNinjaMage": ("hood", ("purple", "indigo", "midnight", "plum")),
    "BlueNinja": ("hat", ("silver", "gray", "sky")),
    "DarkNinja": ("hood", DARK),
    "EggBoy": ("hat", ("umber", "leather", "oak")),
    "Eskimo": ("hood", ("sky", "teal", "wine", "umber")),
    "EskimoNinja": ("hood", ("sky", "teal", "navy")),
    "Flam": ("being", ("red orange", "orange", "red")),
    "GrayNinja": ("hat", ("smoke", "linen", "beige", "teal")),
    "GreenDemon": ("being", ("green", "apple", "purple", "teal")),
    "Greenman": ("hat", ("green", "fern", "red", "forest")),
    "Inspector": ("hat", ("umber", "white", "charcoal", "leather")),
    "MaskFrog": ("being", ("green", "apple", "spring")),
    "MaskedNinja": ("hat", ("white", "porcelain", "ivory")),
    "Master": ("hair", ("white", "silver", "gray")),
    "Noble": ("hat", ("charcoal", "black", "wine", "navy")),
    "OldMan": ("hair", ("gray", "silver", "charcoal", "ash brown")),
    "OldMan2": ("hat", ("red", "royal", "forest")),
    "OldMan3": ("hat", _STRAW),
    "RedCamouflage": ("hat", ("ivory", "red", "salmon")),
    "RedNinja": ("hat", ("red", "silver", "royal")),
    "RedSamurai": ("hat", _STRAW),
    "Samurai": ("hat", _STRAW),
    "Skeleton": ("bones", ("white", "porcelain")),
    "Spirit": ("being", ("ice", "sky", "lavender")),
    "YellowNinja": ("hood", ("mustard", "honey", "orange", "teal")),
}
"""Heads that are not simply covered by hair."""
_WOMEN = ("BlackSorcerer", "Cavegirl", "Princess", "Villager3")
_MEN = ("Boy", "Caveman", "Master", "Monk", "Monk2", "Noble", "OldMan", "OldMan2", "OldMan3",
        "Inspector", "Villager", "Villager2", "WhiteFighter", "Samurai", "RedSamurai")  # fmt: skip
_PLAIN = ("Boy", "BlackSorcerer", "Cavegirl", "Monk", "OldMan", "Princess", "Villager", "Villager2",
          "Villager3", "WhiteFighter", "LionOrange")  # fmt: skip
_EVERYDAY = ("Boy", "OldMan", "Villager", "Villager2", "Villager3", "WhiteFighter", "Monk2",
             "Greenman", "Master", "Inspector")  # fmt: skip


_FAINT = frozenset(
    "old young short long hair woman girl man boy bald white dark wild wise elder red hat".split()
)
"""Words that choose less than a trade does."""
_HATS = ("BlackNinjaMage", "BlueNinja", "GrayNinja", "Greenman", "Inspector", "Noble", "OldMan2",
         "OldMan3", "RedSamurai", "Samurai")  # fmt: skip
"""Heads whose upper half is a hat that goes over any hair."""
_FRINGES = ("BlackSorcerer", "Boy", "Cavegirl", "Lion", "LionOrange", "Master", "Monk", "OldMan",
            "Princess", "Villager3", "WhiteFighter")  # fmt: skip
"""Heads whose upper half is hair that goes over any other."""
_CASUAL = ("Greenman", "Inspector", "Noble", "OldMan2", "OldMan3", "Samurai")
"""Hats that anybody may wear."""
_SIDES = ("BlackSorcerer", "Boy", "Cavegirl", "Lion", "LionOrange", "Master", "Monk", "OldMan",
          "Princess", "Skeleton", "Villager", "Villager2", "Villager3", "WhiteFighter")  # fmt: skip
"""Heads whose lower half goes under any hat."""
_BARE = ("Skeleton", "Villager")
"""Of these, heads that have no hair to change."""
_COVERED = frozenset("hat cap helmet hood crown".split())


@dataclass(frozen=True)
class Figure:
    """What is drawn.

    Args:
        crown: Head that gives the upper half of the head.
        head: Head that gives the lower half.
        face: Whose face; empty for that of ``head``.
        body: Whose clothes.
        scarf: Whether it wears one.
    """

    crown: str
    head: str
    face: str
    body: str
    scarf: bool

    @property
    def hat(self) -> bool:
        """Whether the crown is a hat over the hair of another head."""
        return self.crown != self.head and self.crown in _HATS


def choose_figure(said: Sequence[str], wish: Wish, card: Mapping[str, Any], seed: int) -> Figure:
    """The parts of a figure.

    Words count for every head and body that carries them; among the best the seed decides. A head
    does not get the body it was learnt with: that figure exists already.

    Args:
        said: Words of the prompt.
        wish: What they ask for.
        card: Vocabulary of the model card.
        seed: Of the request.
    """
    random = generator(derive_seed(seed, "figure16"))

    def pick(names: Sequence[str]) -> str:
        return names[int(random.integers(len(names)))]

    spoken = {part for word in said for part in (word, word.removesuffix("s"), *word.split("-"))}
    about = spoken - {"hair"} if "hair" in wish.colours else spoken  # "red hair" names a colour
    heads = _best(card["heads"], about)
    allowed = _allowed(wish)
    if allowed & set(heads):
        heads = [name for name in heads if name in allowed]
    named = bool(heads)
    if not named:
        heads = [name for name in _PLAIN if not allowed or name in allowed]
    meant = pick(heads)
    low = [name for name in _SIDES if name != "Skeleton" and (not allowed or name in allowed)]
    # A head that is named comes through unmixed: it is what the figure is known by. What no word
    # names is mixed freely.
    crown = head = meant
    hats = bool(spoken & _COVERED) or ("hair" not in wish.colours and random.random() < 0.2)
    if named:
        pass
    elif meant in _FRINGES and hats:
        crown = pick(_CASUAL)
    elif meant in _FRINGES and random.random() < 0.9:
        head = pick([name for name in low if name not in (meant, *_BARE)] or [meant])
    bodies = _best(card["bodies"], spoken) or list(_EVERYDAY)
    others = [body for body in bodies if body != head]
    if not others:  # only its own body was asked for: one that is worn alike
        others = [body for body in _EVERYDAY if body != head]
    body = pick(others)
    scarf = bool(spoken & {"scarf", "shawl", "collar"}) or bool(random.random() < 0.2)
    known = crown == head and not _fresh(card, head, body)
    face = ""
    if head in card["open"]:
        if not named or known or random.random() >= OWN_FACE:
            face = pick([name for name in card["faces"] if name != head])
    elif known:  # nothing of the head changes, so that the scarf makes it another figure
        scarf = True
    return Figure(crown, head, face, body, scarf)


def _fresh(card: Mapping[str, Any], head: str, body: str) -> bool:
    """Whether the model has never seen a head and a body together."""
    return (list(card["heads"]).index(head) * 5 + list(card["bodies"]).index(body) * 3) % 11 == 0


def _best(texts: Mapping[str, str], spoken: set[str]) -> list[str]:
    scores = {
        name: sum(1 if word in _FAINT else 2 for word in spoken & set(text.split()))
        for name, text in texts.items()
    }
    most = max(scores.values(), default=0)
    return [name for name, score in scores.items() if score == most] if most else []


def _allowed(wish: Wish) -> set[str]:
    asked = wish.values.get("body") or wish.habits.get("body") or ()
    if asked == ("feminine",):
        return set(_WOMEN)
    return set(_MEN) if asked == ("masculine",) else set()
