"""Creatures of 16 px in one view: the slot mixer joins the fore part of one to the hind of another.

Words choose the fore part, which is what one knows a creature by; the hind part, and what the fore
part is drawn towards, are those of its family that leave the training pictures farthest behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.neighbours import most_original
from aigc_assets.pipelines.characters.size16 import one_view, tiny_frames
from aigc_assets.pipelines.made import derive_seed, generator

MODEL = "beasts16_mixer"
TRIES = 8
"""Hind parts that are looked at before the most original is taken."""
ANIMALS = frozenset("quadruped rodent bird bat fish serpent lizard bug snail sea".split())
"""Families of animals; as monsters all families may be asked for."""
MONSTERS = frozenset("humanoid dragon blob plant bat serpent bug sea".split())
"""Families that a monster without a name may be of."""
_FLOATING = frozenset({"bat", "fish"})
_MONSTROUS = frozenset(
    "naga mermaid salamander worm centaur sphinx kirin leocrotta unicorn pegasus griffin "
    "terrorbird hellhound kraken sea-monster warg".split()
)
"""Bodies of animal families that are no animals."""
_BREEDS: tuple[frozenset[str], ...] = tuple(frozenset(text.split()) for text in (
    "jackal fox coyote wolf warg puppy dog mastiff hellhound leocrotta",
    "leopard panther tiger lion kitten puma cat",
    "piglet pig boar bear",
    "calf cow bull llama kid goat lamb sheep fawn deer",
    "unicorn foal horse stallion kirin pegasus",
    "mammoth elephant rhino hippo",
    "duckling duck cygnet swan pelican puffin gull albatross penguin",
    "vulture eagle parrot parakeet dove sparrow griffin owl peacock crow robin",
    "ostrich kiwi chick hen rooster bird terrorbird",
    "naga mermaid salamander",
    "goblin hobgoblin kobold imp gremlin gnome lizardman devil",
    "orc ogre troll giant ettin cyclops hulk yeti gargoyle minotaur demon ape",
    "zombie mummy skeleton lich vampire reaper cultist wraith ghoul",
    "golem scarecrow",
    "ghost ooze pudding slime jelly lichen puffball eyeball eye beholder",
    "dragon wyvern",
))  # fmt: skip
"""Bodies, without their numbers, that are joined before others of their family."""


@dataclass(frozen=True)
class Beast:
    """What is drawn.

    Args:
        fore: Gives the head and what goes with it.
        hind: Gives the rest.
        other: What the fore part is drawn towards.
        share: Of ``other``.
    """

    fore: str
    hind: str
    other: str
    share: float


def candidates(
    card: Mapping[str, Any], spoken: Iterable[str], *, animal: bool
) -> tuple[list[str], int]:
    """Bodies that the most words name, and how many words that are; all that fit where it is 0."""
    said = set(spoken)
    family = card["family"]
    scores = {name: len(said & set(text.split())) for name, text in card["bodies"].items()}
    allowed = ANIMALS if animal else frozenset(family.values())
    here = [name for name in scores if family[name] in allowed]
    most = max((scores[name] for name in here), default=0)
    if most:
        return [name for name in here if scores[name] == most], most
    usual = ANIMALS if animal else MONSTERS
    return [name for name in here if family[name] in usual
            and not (animal and _plain(name) in _MONSTROUS)], 0  # fmt: skip


def choose(card: Mapping[str, Any], names: Sequence[str], seed: int) -> list[Beast]:
    """Beasts with one fore part out of ``names``, best kin first; the seed decides all of it."""
    random = generator(derive_seed(seed, "beast16"))
    fore = names[int(random.integers(len(names)))]
    family = card["family"]
    kin = [n for n in card["bodies"] if family[n] == family[fore] and n != fore]
    breed = next((b for b in _BREEDS if _plain(fore) in b), frozenset())
    near = [n for n in kin if _plain(n) in breed]
    order = [near[int(i)] for i in random.permutation(len(near))]
    rest = [n for n in kin if n not in order]
    order += [rest[int(i)] for i in random.permutation(len(rest))]
    shares = random.uniform(0.1, 0.3, TRIES)
    plain = random.random(TRIES) < 0.5
    towards = random.integers(max(1, len(order[:TRIES])), size=TRIES)
    return [
        Beast(fore, order[n % len(order)], order[int(towards[n])],
              0.0 if plain[n] else round(float(shares[n]), 3))
        for n in range(TRIES)
    ]  # fmt: skip


def draw_beast(
    checkpoint: Any, beasts: Sequence[Beast], colours: NDArray[np.uint8]
) -> tuple[Beast, dict[str, list[NDArray[np.uint8]]]]:
    """The first beast that is no copy, or else the most original one, and its walks.

    Args:
        checkpoint: Of `MODEL`.
        beasts: What may be drawn, best first.
        colours: Colour of every slot, [classes, 3], by which copies are told.
    """
    card = checkpoint.card["vocabulary"]
    drawn = _draw(checkpoint, beasts, 0)
    number = most_original(MODEL, colours, drawn)
    beast, base = beasts[number], drawn[number]
    family = card["family"][beast.fore]
    view, floating = card["views"][family], family in _FLOATING
    base = _seen(base, card, beast)
    walks = {}
    for side, stand in one_view.directions(base, view).items():
        frames = one_view.steps(tiny_frames.clean(stand), floating=floating)
        walks[side] = [tiny_frames.clean(frame) for frame in frames]
    return beast, walks


def _seen(frame: NDArray[np.uint8], card: Mapping[str, Any], beast: Beast) -> NDArray[np.uint8]:
    """The frame cleaned, with eyes, on the ground."""
    view = card["views"][card["family"][beast.fore]]
    frame = one_view.smoothed(tiny_frames.clean(frame), view)
    frame = one_view.with_eyes(frame, view, card["eyes"][beast.fore])
    return tiny_frames.grounded(frame)


def _draw(checkpoint: Any, beasts: Sequence[Beast], pose: int) -> NDArray[np.uint8]:
    """Slots [N, 16, 16] of beasts in one of the two frames."""
    import torch

    place = {name: i for i, name in enumerate(checkpoint.card["vocabulary"]["bodies"])}
    items = [[[place[b.fore], place[b.other]], [place[b.hind]] * 2] for b in beasts]
    weights = [[[1 - b.share, b.share], [1.0, 0.0]] for b in beasts]
    with torch.inference_mode():
        logits = checkpoint.network(
            torch.tensor(items), torch.tensor(weights), torch.full((len(beasts),), pose)
        )
    return np.asarray(logits.argmax(1).numpy(), dtype=np.uint8)


def _plain(name: str) -> str:
    return name.split(" ")[0]
