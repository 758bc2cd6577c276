"""Creatures that everybody knows at first sight, each with a plan by which it is drawn.

A plan is changed a little from seed to seed: a longer back, a larger head, another tail, another
coat. No network draws them and nothing of them comes from a training picture, because on 16 px the
mean of two drawings of a dog is no dog, and one pixel beside its place is an eye less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aigc_assets.pipelines.characters.size16 import crawlers, fowl, quadrupeds, tiny_frames
from aigc_assets.pipelines.characters.size16.crawlers import Crawler
from aigc_assets.pipelines.characters.size16.fowl import Bird
from aigc_assets.pipelines.characters.size16.quadrupeds import Pose, Quadruped
from aigc_assets.pipelines.characters.size16.tiny_frames import Picture
from aigc_assets.pipelines.made import derive_seed, generator

SKIN = 3
"""Slot of the middle tone of the coat."""
Plan = Quadruped | Bird | Crawler


@dataclass(frozen=True)
class Species:
    """One kind of creature.

    Args:
        plan: How it is drawn.
        other: Fields of the plan that may have one of several values.
    """

    plan: Plan
    other: Mapping[str, Sequence[Any]]


def _four(**values: Any) -> Quadruped:
    return Quadruped(**values)


_FURS = ("plain", "plain", "belly", "socks", "patch", "saddle")
_CATS = ("plain", "plain", "stripes", "patch", "belly")

SPECIES: Mapping[str, Species] = {
    "dog hound mastiff dingo": Species(
        _four(body=(8, 4), legs=3, rise=4, ears="flop", tail="up", pale=True),
        {"coat": _FURS, "ears": ("flop", "flop", "flop", "point"), "tail": ("up", "up", "curl")},
    ),
    "puppy pup": Species(
        _four(head=(6, 5), body=(6, 4), rise=4, muzzle=1, ears="flop", tail="up", pale=True),
        {"coat": _FURS},
    ),
    "wolf warg coyote jackal": Species(
        _four(head=(5, 4), body=(8, 4), legs=3, tail="bushy", coat="belly", pale=True),
        {"coat": ("belly", "saddle", "socks")},
    ),
    "fox vixen": Species(
        _four(head=(5, 4), body=(7, 3), legs=3, tail="bushy", coat="socks", pale=True),
        {"coat": ("belly", "socks")},
    ),
    "cat": Species(
        _four(body=(7, 4), legs=2, rise=4, muzzle=0, snout=1, tail="curl", facing=True),
        {"coat": _CATS, "tail": ("curl", "up"), "pale": (False, True)},
    ),
    "kitten": Species(
        _four(body=(6, 3), legs=2, rise=4, muzzle=0, snout=1, tail="up", facing=True),
        {"coat": _CATS, "tail": ("curl", "up"), "pale": (False, True)},
    ),
    "panther puma cougar lynx leopard cheetah": Species(
        _four(body=(9, 4), legs=3, rise=2, muzzle=1, ears="round", tail="long", facing=True),
        {"coat": ("plain", "spots")},
    ),
    "tiger": Species(
        _four(
            body=(9, 4),
            legs=3,
            muzzle=1,
            ears="round",
            tail="long",
            coat="stripes",
            pale=True,
            facing=True,
        ),
        {},
    ),
    "lion": Species(
        _four(
            body=(8, 4),
            legs=3,
            muzzle=1,
            ears="none",
            tail="tuft",
            coat="mane",
            pale=True,
            facing=True,
        ),
        {},
    ),
    "bear": Species(
        _four(
            head=(5, 5),
            body=(9, 6),
            rise=2,
            ears="round",
            tail="stub",
            coat="round",
            pale=True,
            facing=True,
        ),
        {},
    ),
    "cub": Species(
        _four(
            body=(7, 5),
            legs=2,
            rise=3,
            muzzle=1,
            ears="round",
            tail="stub",
            coat="round",
            pale=True,
            facing=True,
        ),
        {},
    ),
    "horse mare stallion": Species(
        _four(head=(4, 4), body=(8, 4), legs=4, rise=5, tail="hair", coat="crest"),
        {"pale": (False, True)},
    ),
    "foal pony donkey": Species(
        _four(head=(4, 4), body=(7, 4), legs=3, rise=4, tail="hair", coat="crest"), {}
    ),
    "unicorn": Species(
        _four(head=(4, 4), body=(8, 4), legs=3, rise=4, ears="horn", tail="hair", coat="crest"), {}
    ),
    "pegasus": Species(
        _four(head=(4, 4), body=(8, 4), legs=4, rise=4, tail="hair", coat="crest", wings=True), {}
    ),
    "cow bull ox calf": Species(
        _four(body=(9, 5), legs=3, rise=2, ears="horns", tail="thin", coat="patch", pale=True),
        {"coat": ("patch", "patch", "plain")},
    ),
    "boar hog": Species(
        _four(body=(9, 5), legs=2, rise=1, ears="point", tail="stub", coat="saddle", pale=True), {}
    ),
    "sheep lamb ram": Species(
        _four(head=(4, 4), body=(9, 5), rise=1, muzzle=1, ears="flop", tail="stub", coat="wool"),
        {"ears": ("flop", "flop", "horns")},
    ),
    "goat kid": Species(
        _four(head=(4, 4), body=(7, 4), legs=3, muzzle=1, ears="horns", tail="stub", coat="belly"),
        {"coat": ("belly", "plain", "patch")},
    ),
    "deer stag moose reindeer": Species(
        _four(
            head=(4, 4),
            body=(7, 4),
            legs=3,
            rise=4,
            ears="antlers",
            tail="stub",
            coat="spots",
            pale=True,
        ),
        {"coat": ("spots", "belly", "plain")},
    ),
    "fawn doe": Species(
        _four(
            head=(4, 4),
            body=(6, 4),
            legs=3,
            rise=4,
            muzzle=1,
            ears="point",
            tail="stub",
            coat="spots",
            pale=True,
        ),
        {},
    ),
    "elephant mammoth": Species(
        _four(body=(9, 6), legs=3, rise=2, muzzle=1, ears="fan", tail="thin"), {}
    ),
    "rabbit hare bunny": Species(
        _four(
            head=(5, 4),
            body=(6, 5),
            legs=1,
            muzzle=0,
            snout=1,
            ears="long",
            tail="stub",
            coat="belly",
        ),
        {"coat": ("belly", "plain", "patch")},
    ),
    "mouse hamster": Species(
        _four(head=(5, 4), body=(6, 4), legs=1, rise=1, snout=1, ears="large", tail="thin"),
        {"coat": ("plain", "belly")},
    ),
    "rat": Species(
        _four(head=(5, 4), body=(7, 4), legs=1, rise=1, ears="round", tail="long"),
        {"coat": ("plain", "belly")},
    ),
    "squirrel chipmunk": Species(
        _four(head=(4, 4), body=(5, 4), legs=1, muzzle=1, snout=1, tail="plume", coat="belly"),
        {"coat": ("belly", "stripes")},
    ),
    "monkey ape chimp": Species(
        _four(
            head=(5, 6),
            body=(6, 4),
            rise=4,
            muzzle=1,
            snout=3,
            ears="round",
            tail="curl",
            pale=True,
            facing=True,
        ),
        {"tail": ("curl", "curl", "up")},
    ),
    "raccoon racoon badger tanuki": Species(
        _four(
            body=(8, 4),
            rise=3,
            muzzle=1,
            ears="round",
            tail="bushy",
            coat="mask",
            pale=True,
            facing=True,
        ),
        {},
    ),
    "dragon drake": Species(
        _four(
            head=(5, 4),
            body=(7, 4),
            legs=2,
            rise=5,
            ears="crown",
            tail="thick",
            coat="belly",
            wings=True,
        ),
        {"rise": (4, 5)},
    ),
    "chicken hen": Species(Bird(body=(7, 6), tail="up", comb=True), {"tail": ("up", "up", "fan")}),
    "rooster cock": Species(Bird(body=(7, 6), rise=4, tail="fan", comb=True), {}),
    "chick": Species(Bird(head=5, body=(5, 4), legs=1, tail="none"), {}),
    "duckling": Species(Bird(head=4, body=(5, 4), legs=1, beak="flat", tail="none"), {}),
    "duck": Species(Bird(body=(8, 5), legs=1, beak="flat", tail="up"), {"belly": (False, True)}),
    "swan goose": Species(Bird(head=3, body=(8, 5), legs=1, rise=6, tail="up"), {}),
    "crow raven blackbird": Species(Bird(body=(7, 4), rise=2), {"beak": ("short", "long")}),
    "eagle hawk falcon vulture": Species(Bird(body=(7, 6), beak="hook", belly=True), {}),
    "owl": Species(
        Bird(
            head=6, body=(6, 6), legs=1, rise=4, beak="hook", tail="none", facing=True, belly=True
        ),
        {"tuft": (False, True)},
    ),
    "parrot parakeet": Species(Bird(body=(6, 5), beak="hook", tuft=True, belly=True), {}),
    "penguin": Species(Bird(body=(6, 7), legs=1, tail="none", belly=True), {}),
    "bird sparrow robin pigeon dove thrush": Species(
        Bird(body=(6, 5)), {"belly": (False, True), "tuft": (False, False, True)}
    ),
    "snake viper python adder": Species(Crawler("snake", (7, 5)), {"rise": (3, 4, 5)}),
    "cobra": Species(Crawler("snake", (6, 5), 6, hood=True), {}),
    "bat": Species(Crawler("bat", (5, 4)), {"body": ((4, 4), (6, 5), (6, 4))}),
    "spider tarantula": Species(Crawler("spider", (6, 4)), {"body": ((6, 4), (6, 5))}),
    "ghost phantom": Species(Crawler("ghost", (6, 6)), {"hood": (False, True)}),
}
"""By the words that name it, in the order of how usual they are."""
_BY_WORD: Mapping[str, str] = {word: text for text in SPECIES for word in text.split()}


def species_of(said: Iterable[str]) -> str | None:
    """The words of the species that the last word names which names one; None where none does."""
    found = None
    for word in said:
        for part in (word, word.removesuffix("s"), *word.split("-")):
            found = _BY_WORD.get(part, found)
    return found


def plan_of(name: str, seed: int) -> Plan:
    """A plan of one species; the seed decides how it differs from others."""
    species = SPECIES[name]
    random = generator(derive_seed(seed, "species16", name))
    plan: Any = species.plan
    chosen = {field: values[int(random.integers(len(values)))]
              for field, values in species.other.items()}  # fmt: skip
    plan = replace(plan, **chosen)
    if isinstance(plan, Quadruped):
        return quadrupeds.changed(plan, random)
    return fowl.changed(plan, random) if isinstance(plan, Bird) else crawlers.changed(plan, random)


def draw(plan: Plan, side: str, pose: Pose) -> Picture:
    """Slots [16, 16] of a creature that looks ``down``, ``up``, ``left`` or ``right``."""
    if isinstance(plan, Quadruped):
        return quadrupeds.draw_quadruped(plan, side, pose)
    if isinstance(plan, Bird):
        return fowl.draw_bird(plan, side, pose)
    return crawlers.draw_crawler(plan, side, pose)


def views(plan: Plan, sides: Sequence[str], *, bright: bool) -> dict[str, tiny_frames.Acts]:
    """All drawings of a creature by direction.

    Args:
        plan: What is drawn.
        sides: Directions.
        bright: Whether its coat is so dark that its eyes have to be white.
    """
    stand, one, two = (Pose(step=step, bright=bright) for step in range(3))
    flies = isinstance(plan, Crawler) and plan.form in ("bat", "ghost")
    found = {}
    for side in sides:
        walk = [draw(plan, side, pose) for pose in (stand, one, stand, two)]
        if flies:
            walk = [walk[0], tiny_frames.raised(walk[1], 1), walk[2],
                    tiny_frames.raised(walk[3], 1)]  # fmt: skip
        found[side] = tiny_frames.Acts(
            walk=tuple(walk),
            bite=draw(plan, side, replace(stand, mouth=True)),
            leap=draw(plan, side, replace(stand, tucked=True)),
            faint=draw(plan, side, replace(stand, shut=True)),
        )
    return found


def known_words() -> frozenset[str]:
    """Words that name a species."""
    return frozenset(_BY_WORD)
