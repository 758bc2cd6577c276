"""Monsters and animals of 16 px: the slot mixer draws a body between two, with eyes and horns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.reference import region_ramps, taken_from
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size16 import animated16, tiny_colours, tiny_frames
from aigc_assets.pipelines.characters.words.lexicon import words
from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.types.sprite import DIRECTIONS
from aigc_assets.types.validation import Scalar

MODEL = "creatures16_mixer"
COLOURS_OF = "character_cvae"
"""Model whose card names the ramps."""
SHARE = (0.2, 0.42)
"""How much of a second body goes into a new monster."""
SHARE_ANIMAL = (0.12, 0.35)

_KIN: Mapping[str, str] = {
    **dict.fromkeys("demon devil fiend gremlin goblin kobold hobgoblin".split(), "imp"),
    **dict.fromkeys("orc giant titan minotaur werewolf golem gargoyle".split(), "ogre"),
    **dict.fromkeys("zombie ghoul mummy lich skeleton vampire revenant".split(), "undead"),
    **dict.fromkeys("wraith spectre specter shade banshee".split(), "ghost"),
    **dict.fromkeys("spider scorpion ant bee wasp insect crab".split(), "bug"),
    **dict.fromkeys("hydra worm eel medusa".split(), "snake"),
    **dict.fromkeys("griffin raven crow eagle tengu bird".split(), "harpy"),
    **dict.fromkeys("wyrm salamander lizardman crocodile".split(), "dragon"),
    **dict.fromkeys("squid kraken jellyfish".split(), "octopus"),
    **dict.fromkeys("treant ent dryad cactus".split(), "plant"),
}
"""Names of monsters that look like one that is known."""
_ELEMENTS: Mapping[str, tuple[str, ...]] = {
    "fire": ("red orange", "orange", "red"), "flame": ("red orange", "orange"),
    "lava": ("red", "red orange"), "magma": ("red", "red orange"), "infernal": ("red", "garnet"),
    "ice": ("ice", "sky", "powder"), "frost": ("ice", "sky"), "snow": ("white", "ice"),
    "frozen": ("ice", "sky"), "water": ("blue", "sky"), "sea": ("teal", "blue"),
    "poison": ("spring", "green"), "toxic": ("spring", "apple"), "acid": ("spring", "apple"),
    "forest": ("forest", "fern"), "swamp": ("swamp", "olivine"), "moss": ("fern", "olivine"),
    "shadow": ("charcoal", "plum"), "dark": ("charcoal", "plum"), "void": ("indigo", "plum"),
    "holy": ("ivory", "lemon"), "light": ("ivory", "lemon"), "electric": ("yellow", "lemon"),
    "lightning": ("yellow", "lemon"), "thunder": ("yellow",), "stone": ("gray", "smoke"),
    "rock": ("gray", "smoke"), "sand": ("tan", "honey"), "desert": ("tan", "honey"),
    "blood": ("garnet", "red"), "undead": ("dove", "gray"), "bone": ("ivory", "linen"),
}  # fmt: skip
"""Colours of the elements that prompts name."""
_OPEN = ("green", "blue", "red", "purple", "orange", "teal", "pink", "sky", "mustard", "forest",
         "plum", "apple", "garnet", "salmon", "lavender", "umber")  # fmt: skip
_FUR = ("umber", "tan", "white", "charcoal", "orange", "honey", "gray", "chocolate", "linen")
_BEAKS = ("mustard", "orange", "salmon", "linen", "tan")
_MARKS = ("ivory", "mustard", "red", "salmon", "white", "teal", "purple", "orange")
_PARTNERS = ("Axolot", "Bamboo", "Beast", "Cyclope", "Flam", "Larva", "Octopus", "Reptile2",
             "Slime2", "Slime3", "Spirit", "Mushroom")  # fmt: skip
"""Bodies that mix well into any other: seen whole from all sides."""
_EYES = ("Axolot", "Bamboo", "Beast", "Cyclope", "Flam", "Octopus", "Slime2", "Slime3", "Spirit")
"""Eyes that read well on any body."""
_HORNS: Mapping[str, tuple[str, ...]] = {
    "horned": ("Dragon", "Axolot"), "horns": ("Dragon", "Axolot"), "winged": ("Butterfly",),
    "eared": ("Owl", "Reptile2"), "antennae": ("Cyclope",), "spiked": ("Skull", "Eye"),
}  # fmt: skip
_LOOKS: Mapping[str, tuple[str, ...]] = {
    "one-eyed": ("Cyclope", "Slime2"), "angry": ("Beast",), "cute": ("Spirit", "Octopus", "Slime3"),
    "smiling": ("Slime3",), "happy": ("Slime3",), "fierce": ("Beast",), "evil": ("Beast",),
}  # fmt: skip


@dataclass(frozen=True)
class Creature:
    """What is drawn.

    Args:
        body: Gives the skin and most of the shape.
        other: Body that is mixed in.
        share: Of ``other``.
        face: Whose eyes; empty for what the skin of the body shows.
        crest: Whose horns; empty for none.
    """

    body: str
    other: str
    share: float
    face: str = ""
    crest: str = ""


def vocabulary() -> Mapping[str, Any]:
    """Words for bodies, elements and looks, and the named ramps."""
    card = read_card(MODEL)["vocabulary"]
    known = {word for text in card["bodies"].values() for word in text.split()}
    known |= {*_KIN, *_ELEMENTS, *_HORNS, *_LOOKS, "monster", "animal", "creature"}
    colours = read_card(COLOURS_OF)["vocabulary"]["colours"]
    return {"attributes": {"creature": sorted(known)}, "colours": colours}


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A monster or an animal on 16 px frames, one row per tag; see `generate_character`."""
    if request.like is not None and animated16.fits(request.like):
        return animated16.draw_animated(request, request.like, palette, seed)
    checkpoint = load_model(MODEL)
    card = checkpoint.card["vocabulary"]
    said = words(request.prompt)
    creature = choose_creature(said, card, seed, animal=request.kind == "animal")
    like = region_ramps(request.like.picture) if request.like is not None else {}
    table, tints = paint_table(creature, said, wish, card, palette, seed, like)
    walks = draw_walks(checkpoint, creature, card)
    animal = creature.body.islower()
    runs = tiny_frames.beast_runs(walks, request.animations, time=170 if animal else 160)
    asset = tiny_frames.sheet(runs, table, palette)
    drawn = f"{creature.body} with {creature.share:.2f} {creature.other}"
    drawn += "".join(f", {k} {v}" for k, v in (("eyes", creature.face), ("crest", creature.crest))
                     if v)  # fmt: skip
    painted = ", ".join(f"{slot}={name}" for slot, name in tints.items())
    made_for: Mapping[str, Scalar] = {
        "prompt": request.prompt,
        "animations": ",".join(request.animations),
        "size": request.size,
    }
    operations = ("ramps fitted to the pack palette", f"drawn: {drawn}; {painted}",
                  *taken_from(request.like))  # fmt: skip
    notes = [_derived(request.animations)] if set(request.animations) - {"walk"} else []
    if animal:
        notes.append("animals are drawn from the side: left and right")
    return Made(asset, provenance(checkpoint, seed, made_for, operations, tuple(notes)))


def _derived(animations: Sequence[str]) -> str:
    names = ", ".join(name for name in animations if name != "walk")
    return f"{names}: derived by rule from the walk (no drawing was learnt)"


def choose_creature(
    said: Sequence[str], card: Mapping[str, Any], seed: int, *, animal: bool
) -> Creature:
    """Bodies, eyes and horns by the words; what they leave open depends on the seed only."""
    random = generator(derive_seed(seed, "creature16"))

    def pick(names: Sequence[str]) -> str:
        return names[int(random.integers(len(names)))]

    spoken = {part for word in said for part in (word, word.removesuffix("s"), *word.split("-"))}
    spoken |= {_KIN[word] for word in spoken if word in _KIN}
    here = [name for name in card["bodies"] if name.islower() == animal]
    scores = {name: len(spoken & set(card["bodies"][name].split())) for name in here}
    most = max(scores.values())
    meant = [name for name in here if scores[name] == most] if most else here
    if not most and not animal:
        meant = [name for name in here if name not in ("Lizard", "Mouse")]
    body = pick(meant)
    low, high = SHARE_ANIMAL if animal else SHARE
    share = round(float(random.uniform(low, high)), 3)
    if animal:
        return Creature(body, pick([name for name in here if name != body]), share)
    other = pick([name for name in _PARTNERS if name != body])
    looks = next((_LOOKS[word] for word in said if word in _LOOKS), ())
    horns = next((_HORNS[word] for word in said if word in _HORNS), ())
    free = body not in card["own"]
    face = ""
    if free and looks:
        face = pick(looks)
    elif free:  # eyes that are set in whole, its own or those of another
        own = body in card["faces"] and random.random() < 0.35
        face = body if own else pick([name for name in _EYES if name != body])
    crest = pick(horns) if horns else ""
    if not horns and random.random() < 0.5:
        crest = pick(card["crests"])
    return Creature(body, other, share, face, crest)


def paint_table(
    creature: Creature,
    said: Sequence[str],
    wish: Wish,
    card: Mapping[str, Any],
    palette: NDArray[np.uint8],
    seed: int,
    like: Mapping[str, Any],
) -> tuple[NDArray[np.intp], dict[str, str]]:
    """Palette index of every slot class, and the names of the ramps."""
    ramps = {**read_card(COLOURS_OF)["vocabulary"]["colours"], "like": like}
    outline = tiny_colours.fixed("outline", palette)
    named = list(dict.fromkeys(wish.colours.values()))
    element = next((_ELEMENTS[word] for word in said if word in _ELEMENTS), None)
    asked = [names for names in named if tiny_colours.tones(names, "cloth", ramps) is not None]
    if element and (not asked or set(asked[0]) <= {"charcoal", "coffee", "iron", "ivory", "dove"}):
        asked = [element]
    usual = _FUR if creature.body.islower() else _OPEN
    wanted = asked[:1] or tiny_colours.shuffled(usual, seed, "colour16", "body")
    kind = "cloth"
    if not asked and "main" in like:
        kind, wanted = "like", [("main",)]
    body, body_name = tiny_colours.choose("body", wanted, kind, ramps, palette, (), outline)
    second = _BEAKS if creature.body.islower() else _MARKS
    wanted = asked[1:2] or tiny_colours.shuffled(second, seed, "colour16", "mark")
    mark, mark_name = tiny_colours.choose("mark", wanted, "cloth", ramps, palette, (body,), outline)
    fitted = {"body": body, "mark": mark}
    table = np.zeros(len(card["classes"]), dtype=np.intp)
    for number, name in enumerate(card["classes"]):
        group, _, shade = name.partition(" ")
        if shade:
            table[number] = fitted[group][int(shade) - 1]
        elif number:
            table[number] = tiny_colours.fixed(name, palette)
    return table, {"body": body_name, "mark": mark_name}


def draw_walks(
    checkpoint: Any, creature: Creature, card: Mapping[str, Any]
) -> dict[str, list[NDArray[np.uint8]]]:
    """Frames of the walk by direction, cleaned, the first of each on the ground."""
    import torch

    bodies = list(card["bodies"])
    animal = creature.body.islower()
    numbers = [n for n, (row, _) in enumerate(card["poses"]) if row.startswith("side") == animal]
    face = 1 + card["faces"].index(creature.face) if creature.face else 0
    crest = 1 + card["crests"].index(creature.crest) if creature.crest else 0
    pair = [bodies.index(creature.body), bodies.index(creature.other)]
    items = torch.tensor([[pair, [face, face], [crest, crest]]]).expand(len(numbers), -1, -1)
    weights = torch.tensor([[[1 - creature.share, creature.share], [1.0, 0.0], [1.0, 0.0]]])
    with torch.inference_mode():
        logits = checkpoint.network(
            items, weights.expand(len(numbers), -1, -1), torch.tensor(numbers)
        )
    drawn = [tiny_frames.clean(f) for f in logits.argmax(1).numpy().astype(np.uint8)]
    if animal:
        left = [tiny_frames.grounded(frame) for frame in drawn]
        return {"left": left, "right": [np.ascontiguousarray(f[:, ::-1]) for f in left]}
    walks = {}
    for number, direction in enumerate(DIRECTIONS):
        frames = drawn[4 * number : 4 * number + 4]
        walks[direction] = [tiny_frames.grounded(frames[0]), *frames[1:]]
    return walks
