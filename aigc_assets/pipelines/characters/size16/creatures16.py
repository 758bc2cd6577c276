"""Monsters and animals of 16 px: the slot mixer draws a body between two, with eyes and horns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.neighbours import most_original
from aigc_assets.pipelines.characters.reference import region_ramps, taken_from
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size16 import (
    animated16,
    beasts16,
    natural_colours,
    one_view,
    species,
    tiny_colours,
    tiny_frames,
)
from aigc_assets.pipelines.characters.size16.quadrupeds import Pose
from aigc_assets.pipelines.characters.words.lexicon import words
from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.types import Provenance
from aigc_assets.types.oklab import to_oklab
from aigc_assets.types.sprite import DIRECTIONS
from aigc_assets.types.validation import Scalar

MODEL = "creatures16_mixer"
COLOURS_OF = "character_cvae"
"""Model whose card names the ramps."""
SHARE = (0.25, 0.45)
"""How much of a second body goes into a new monster."""
SHARE_ANIMAL, FURTHER = (0.12, 0.24), 0.03
TRIES = 8
"""Creatures around one body of which the first original one is drawn."""
DARK_COAT = 0.42
"""Lightness of a coat, in OKLab, below which dark eyes are lost in it."""
BOTH = 0.35
"""Share of creatures that both models know by name that have one view."""
BEASTS = 0.75
"""Share of creatures without a name that have one view."""
_ONE_VIEW: Mapping[str, str] = {
    "side": "drawn from the side: mirrored to the right, slimmer from the front and without a face "
    "from behind",
    "front": "drawn from the front: its face moves to the sides and is missing from behind",
}
"""What is said of creatures that are drawn in one view, by view."""

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
_ANY = frozenset({"monster", "animal", "creature"})
"""Words that choose nothing."""
_OPEN = ("green", "blue", "red", "purple", "orange", "teal", "pink", "sky", "mustard", "forest",
         "plum", "apple", "garnet", "salmon", "lavender", "umber")  # fmt: skip
_FUR = ("umber", "tan", "white", "charcoal", "orange", "honey", "gray", "chocolate", "linen")
_BEAKS = ("mustard", "orange", "salmon", "linen", "tan")
_MARKS = ("ivory", "mustard", "red", "salmon", "white", "teal", "purple", "orange")
_QUIET = ("ivory", "charcoal", "linen", "umber")
"""Second colours beside one that the prompt names: they let it be seen."""
_FAINT = ("Lizard", "Mouse", "Snake", "Snake4", "Cyclope", "Mollusc2", "dog", "dog2", "cub")
"""Bodies that read less well than those of one view: drawn only where nothing else has the name."""
_SECOND = (*_FAINT, "Axolot", "Bamboo", "Butterfly", "Dragon", "Reptile2")
"""Bodies that give way where one of one view has the same name."""
_FIRST = ("Beast", "Mushroom", "Slime2", "Slime3", "Slime4", "Spirit", "cat", "chicken", "pig")
"""Bodies that read better than those of one view with the same name."""
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


def vocabulary(*, planned: bool = False) -> Mapping[str, Any]:
    """Words for bodies, elements and looks, and the named ramps.

    Args:
        planned: Whether the species that only a plan draws are known too.
    """
    known = {*_ANY, *_KIN, *_ELEMENTS, *_HORNS, *_LOOKS}
    if planned:
        known |= species.known_words()
    for model in (MODEL, beasts16.MODEL):
        bodies = read_card(model)["vocabulary"]["bodies"]
        known |= {word for text in bodies.values() for word in text.split()}
    colours = read_card(COLOURS_OF)["vocabulary"]["colours"]
    return {"attributes": {"creature": sorted(known)}, "colours": colours}


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A monster or an animal on 16 px frames, one row per tag; see `generate_character`."""
    if request.like is not None and animated16.fits(request.like):
        return animated16.draw_animated(request, request.like, palette, seed)
    said, animal = words(request.prompt), request.kind == "animal"
    like = region_ramps(request.like.picture) if request.like is not None else {}
    if request.generator == "plans":
        return draw_species(_species(said), request, wish, palette, seed, like)
    names, beasts = choose_bodies(said, seed, animal=animal)
    model = beasts16.MODEL if beasts else MODEL
    checkpoint = load_model(model)
    card = checkpoint.card["vocabulary"]
    if beasts:
        several = beasts16.choose(card, names, seed)
        about = [*said, *card["bodies"][several[0].fore].split()]
    else:
        creatures = [choose_creature(said, names, card, seed, n) for n in range(TRIES)]
        about = [*said, *card["bodies"][creatures[0].body].split()]
    table, tints = paint_table(said, about, wish, card, palette, seed, like, animal=animal)
    colours = palette[table]
    if beasts:
        beast, walks = beasts16.draw_beast(checkpoint, several, colours)
        drawn = f"{beast.fore} before {beast.hind}"
        drawn += f", towards {beast.other} {beast.share:.2f}" if beast.share else ""
        notes = [_ONE_VIEW[card["views"][card["family"][beast.fore]]]]
    else:
        creature = original(checkpoint, creatures, colours)
        walks = draw_walks(checkpoint, creature, card)
        drawn = f"{creature.body} with {creature.share:.2f} {creature.other}"
        drawn += "".join(f", {k} {v}" for k, v in (("eyes", creature.face),
                                                   ("crest", creature.crest)) if v)  # fmt: skip
        notes = []
    if animal:
        walks = {side: walks[side] for side in ("left", "right")}
        notes = ["animals are drawn from the side: left and right"]
    runs = tiny_frames.beast_runs(walks, request.animations, time=170 if animal else 160)
    asset = tiny_frames.sheet(runs, table, palette)
    painted = ", ".join(f"{slot}={name}" for slot, name in tints.items())
    made_for: Mapping[str, Scalar] = {
        "prompt": request.prompt,
        "animations": ",".join(request.animations),
        "size": request.size,
    }
    operations = ("ramps fitted to the pack palette", f"drawn: {drawn}; {painted}",
                  *taken_from(request.like))  # fmt: skip
    if set(request.animations) - {"walk"} or beasts:
        notes = [_derived(request.animations, walk=beasts), *notes]
    return Made(asset, provenance(checkpoint, seed, made_for, operations, tuple(notes)))


def _species(said: list[str]) -> str:
    """The one that the words name."""
    named = species.species_of(said)
    if named is None:
        raise UsageError(
            "no species that there is a plan of is named in the prompt",
            where="prompt",
            remedy=f"one of: {', '.join(sorted(species.known_words()))}",
        )
    return named


def draw_species(
    name: str,
    request: CharacterRequest,
    wish: Wish,
    palette: NDArray[np.uint8],
    seed: int,
    like: Mapping[str, Any],
) -> Made:
    """A creature of `SPECIES`, by its plan, in all animations.

    Args:
        name: Key of `SPECIES`.
        request: What is asked for.
        wish: What its prompt asks for.
        palette: Of the pack, [N, 3].
        seed: Decides how it differs from others of its kind.
        like: Ramps of a reference picture.
    """
    animal = request.kind == "animal"
    said = words(request.prompt)
    card = read_card(beasts16.MODEL)["vocabulary"]
    table, tints = paint_table(said, [*said, *name.split()], wish, card, palette, seed, like,
                               animal=animal, lively=True)  # fmt: skip
    colours = palette[table]
    several = [species.plan_of(name, derive_seed(seed, str(number))) for number in range(TRIES)]
    stand = [species.draw(plan, "left", Pose()) for plan in several]
    plan = several[most_original(beasts16.MODEL, colours, np.stack(stand))]
    bright = bool(to_oklab(colours[species.SKIN][None])[0, 0] < DARK_COAT)
    acts = species.views(plan, ("left", "right") if animal else DIRECTIONS, bright=bright)
    walks = {side: drawn.walk for side, drawn in acts.items()}
    time = 170 if animal else 160
    runs = tiny_frames.beast_runs(walks, request.animations, time=time, acts=acts)
    asset = tiny_frames.sheet(runs, table, palette)
    painted = ", ".join(f"{slot}={tint}" for slot, tint in tints.items())
    made_for: Mapping[str, Scalar] = {
        "prompt": request.prompt,
        "animations": ",".join(request.animations),
        "size": request.size,
    }
    operations = (f"drawn by the plan of a {name.split()[0]}; {painted}",
                  "ramps fitted to the pack palette", *taken_from(request.like))  # fmt: skip
    notes = [f"a {name.split()[0]} is drawn by rule from a plan of its parts, in every frame of "
             f"{', '.join(request.animations)}: derived by rule, no network took part"]  # fmt: skip
    if animal:
        notes.append("animals are drawn from the side: left and right")
    record = Provenance(
        kind=str(read_card(beasts16.MODEL)["kind"]), model="composition", weights_sha256="",
        seed=seed, request=made_for, operations=operations, notes=tuple(notes),
    )  # fmt: skip
    return Made(asset, record)


def _derived(animations: Sequence[str], *, walk: bool) -> str:
    names = ", ".join(name for name in animations if walk or name != "walk")
    source = "standing frame" if walk else "walk"
    return f"{names}: derived by rule from the {source} (no drawing was learnt)"


def choose_bodies(said: Sequence[str], seed: int, *, animal: bool) -> tuple[list[str], bool]:
    """Bodies that the words name, and whether they are those of `beasts16`.

    Both models know some creatures; what both know equally well, and what no word names, is left
    to the seed.
    """
    random = generator(derive_seed(seed, "model16"))
    spoken = {part for word in said for part in (word, word.removesuffix("s"), *word.split("-"))}
    spoken -= _ANY
    bodies: Mapping[str, str] = read_card(MODEL)["vocabulary"]["bodies"]
    here = [name for name in bodies if name.islower() == animal]
    card = read_card(beasts16.MODEL)["vocabulary"]
    for known in (spoken, spoken | {_KIN[word] for word in spoken if word in _KIN}):
        scores = {name: len(known & set(bodies[name].split())) for name in here}
        most = max(scores.values())
        meant = [name for name in here if scores[name] == most]
        others, score = beasts16.candidates(card, known, animal=animal)
        if most or score:
            if most != score:
                return (others, True) if score > most else (meant, False)
            meant = [name for name in meant if name not in _SECOND]
            first = any(name in _FIRST for name in meant)
            beasts = not meant or (not first and random.random() < BOTH)
            return (others, True) if beasts else (meant, False)
    if random.random() < BEASTS:
        return others, True
    return [name for name in here if name not in _FAINT], False


def choose_creature(
    said: Sequence[str], meant: Sequence[str], card: Mapping[str, Any], seed: int, number: int = 0
) -> Creature:
    """Eyes and horns by the words, around one of the bodies that are meant.

    Args:
        said: Words of the prompt.
        meant: Names of bodies.
        card: Vocabulary of the model card.
        seed: Decides what the words leave open.
        number: Of several creatures with the same body.
    """
    random = generator(derive_seed(seed, "creature16", *([str(number)] if number else [])))

    def pick(names: Sequence[str]) -> str:
        return names[int(random.integers(len(names)))]

    body = meant[int(generator(derive_seed(seed, "body16")).integers(len(meant)))]
    animal = body.islower()
    low, high = SHARE_ANIMAL if animal else SHARE
    if animal:  # the few that there are: the more that were copies, the further it is drawn
        low, high = low + FURTHER * number, high + FURTHER * number
    share = round(min(float(random.uniform(low, high)), float(card["most"])), 3)
    if animal:
        here = [name for name in card["bodies"] if name.islower()]
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
    if not horns and random.random() < 0.7:
        crest = pick(card["crests"])
    return Creature(body, other, share, face, crest)


def paint_table(
    said: Sequence[str],
    about: Sequence[str],
    wish: Wish,
    card: Mapping[str, Any],
    palette: NDArray[np.uint8],
    seed: int,
    like: Mapping[str, Any],
    *,
    animal: bool,
    lively: bool = False,
) -> tuple[NDArray[np.intp], dict[str, str]]:
    """Palette index of every slot class, and the names of the ramps.

    Args:
        said: Words of the prompt.
        about: Words for what is drawn, best first: they choose what the prompt leaves open.
        wish: What the prompt asks for.
        card: Vocabulary of the model card.
        palette: Of the pack, [N, 3].
        seed: Of the request.
        like: Ramps of a reference picture.
        animal: Whether fur and feathers are likely.
        lively: See `tiny_colours.tones`.
    """
    ramps = {**read_card(COLOURS_OF)["vocabulary"]["colours"], "like": like}
    outline = tiny_colours.fixed("outline", palette)
    named = list(dict.fromkeys(wish.colours.values()))
    element = next((_ELEMENTS[word] for word in said if word in _ELEMENTS), None)
    asked = [names for names in named if tiny_colours.tones(names, "cloth", ramps) is not None]
    if element and (not asked or set(asked[0]) <= {"charcoal", "coffee", "iron", "ivory", "dove"}):
        asked = [element]
    found = natural_colours.usual(about)
    usual, second = found or ((_FUR, _BEAKS) if animal else (_OPEN, _MARKS))
    if asked and not found:
        second = _QUIET
    wanted = asked[:1] or tiny_colours.shuffled(usual, seed, "colour16", "body")
    kind = "cloth"
    if not asked and "main" in like:
        kind, wanted = "like", [("main",)]
    body, body_name = tiny_colours.choose(
        "body", wanted, kind, ramps, palette, (), outline, lively=lively
    )
    wanted = asked[1:2] or tiny_colours.shuffled(second, seed, "colour16", "mark")
    if element and asked[:1] == [element] and len(element) > 1:
        wanted = [(name,) for name in element[1:]]
    mark, mark_name = tiny_colours.choose(
        "mark", wanted, "cloth", ramps, palette, (body,), outline, lively=lively
    )
    fitted = {"body": body, "mark": mark}
    table = np.zeros(len(card["classes"]), dtype=np.intp)
    for number, name in enumerate(card["classes"]):
        group, _, shade = name.partition(" ")
        if shade:
            table[number] = fitted[group][int(shade) - 1]
        elif number:
            table[number] = tiny_colours.fixed(name, palette)
    return table, {"body": body_name, "mark": mark_name}


def original(
    checkpoint: Any, creatures: Sequence[Creature], colours: NDArray[np.uint8]
) -> Creature:
    """The first of some creatures that is no copy in its base frame, or the most original one."""
    card = checkpoint.card["vocabulary"]
    rows = [row for row, _ in card["poses"]]
    base = rows.index("side 0" if creatures[0].body.islower() else "walk 0")
    frames = np.concatenate([_draw(checkpoint, one, card, [base]) for one in creatures])
    return creatures[most_original(MODEL, colours, frames)]


def draw_walks(
    checkpoint: Any, creature: Creature, card: Mapping[str, Any]
) -> dict[str, list[NDArray[np.uint8]]]:
    """Frames of the walk by direction, cleaned, with eyes, the first of each on the ground.

    The head of every step is that of the standing frame where it only moves.
    """
    animal = creature.body.islower()
    numbers = [n for n, (row, _) in enumerate(card["poses"]) if row.startswith("side") == animal]
    drawn = [tiny_frames.clean(frame) for frame in _draw(checkpoint, creature, card, numbers)]
    if animal:
        left = [one_view.with_eyes(tiny_frames.grounded(f), "side", ()) for f in drawn]
        return {"left": left, "right": [np.ascontiguousarray(f[:, ::-1]) for f in left]}
    walks = {}
    for number, direction in enumerate(DIRECTIONS):
        stand, *others = drawn[4 * number : 4 * number + 4]
        if direction != "up":
            stand = one_view.with_eyes(stand, "front", ())
        stand = tiny_frames.grounded(stand)
        steps = [tiny_frames.same_top(stand, step) for step in others]
        if direction != "up":
            steps = [one_view.with_eyes(step, "front", ()) for step in steps]
        walks[direction] = tiny_frames.closed([stand, *steps])
    return walks


def _draw(
    checkpoint: Any, creature: Creature, card: Mapping[str, Any], numbers: Sequence[int]
) -> NDArray[np.uint8]:
    """Slots [P, 16, 16] of a creature in some poses."""
    import torch

    bodies = list(card["bodies"])
    face = 1 + card["faces"].index(creature.face) if creature.face else 0
    crest = 1 + card["crests"].index(creature.crest) if creature.crest else 0
    pair = [bodies.index(creature.body), bodies.index(creature.other)]
    items = torch.tensor([[pair, [face, face], [crest, crest]]]).expand(len(numbers), -1, -1)
    weights = torch.tensor([[[1 - creature.share, creature.share], [1.0, 0.0], [1.0, 0.0]]])
    with torch.inference_mode():
        logits = checkpoint.network(
            items, weights.expand(len(numbers), -1, -1), torch.tensor(numbers)
        )
    return np.asarray(logits.argmax(1).numpy(), dtype=np.uint8)
