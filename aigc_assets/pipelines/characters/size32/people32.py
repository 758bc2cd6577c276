"""People at 32 px: one view of a paper doll that breathes, drawn by the slot VAE in one pass."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.reference import Ramp, region_ramps, taken_from
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size32 import still
from aigc_assets.pipelines.characters.words import lexicon_doll
from aigc_assets.pipelines.characters.words.prompt import Wish, find_ramp
from aigc_assets.pipelines.made import (
    Made,
    derive_seed,
    generator,
    load_model,
    one_thread,
    provenance,
)
from aigc_assets.types.oklab import to_oklab

MODEL = "doll_cvae"
PIVOT = (16, 31)
"""Where a doll stands: between the feet, on the last row."""
WAIST = 18
"""First row that rests while the doll breathes."""

_FOLK = ("human", "elf", "dwarf", "halfling", "gnome")
"""Races whose skin has the colours of people."""
_OPEN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # attribute: values by body when nothing is said; listed twice = twice as likely
    "hair": {
        "feminine": ("long", "straight", "long parted", "side braid", "pigtails", "ponytail",
                     "bowl cut", "knot", "shoulder length"),
        "masculine": ("short", "cropped", "curly", "parted", "bowl cut", "shoulder length", "none"),
    },
    "beard": {"feminine": ("none",),
              "masculine": ("none", "none", "none", "beard", "goatee", "moustache")},
    "torso": {
        "feminine": ("shirt", "dress", "vest", "tunic", "waistcoat", "pinafore dress", "jacket"),
        "masculine": ("shirt", "vest", "tunic", "waistcoat", "jacket", "button shirt", "coat"),
    },
    "legs": {"feminine": ("skirt", "pants", "leggings", "hemmed skirt"),
             "masculine": ("pants", "knee pants", "leggings", "wide pants")},
    "feet": {"feminine": ("shoes", "boots"), "masculine": ("boots", "boots", "shoes")},
}  # fmt: skip
_TONES: Mapping[str, tuple[str, ...]] = {
    # slot: colour names when nothing is said; other slots have the tones of their drawing
    "skin": ("peach", "peach", "ivory", "tan", "tawny", "honey", "bronze", "brown"),
    "hair": ("ash brown", "black", "blonde", "brown", "chestnut", "chestnut", "orange", "red"),
    "torso": ("blue", "red", "forest", "teal", "linen", "mustard", "plum", "navy", "wine", "fern"),
    "over": ("forest", "navy", "wine", "charcoal", "plum", "umber", "red"),
    "legs": ("umber", "denim", "charcoal", "leather", "navy", "chocolate", "gray"),
    "feet": ("leather", "umber", "chocolate", "soot"),
    "gloves": ("leather", "umber", "charcoal"),
}  # fmt: skip
_ALIKE = 0.13
"""OKLab distance below which hair and skin run into one another."""
_USED = [1, 3, 4, 5]
"""Tones of a ramp of six that make the four shades of a doll."""
_CLOSED = ("leggings", "plate leggings", "armored leggings", "hose")
"""Legwear that covers the feet."""
_LONG = ("dress", "pinafore dress", "tunic", "coat")
"""Garments that hang over the legs."""
_KEPT = ("armor", "plate", "mail", "metal", "breastplate", "hide", "skin", "armored")
"""Words of garments that have their own colours, as steel has, rather than those of cloth."""


def vocabulary() -> Mapping[str, Any]:
    """What the model can draw, and the words for it."""
    return _vocabulary(str(read_card(MODEL)["sha256"]))


@functools.lru_cache(maxsize=2)
def _vocabulary(sha256: str) -> Mapping[str, Any]:
    return {
        **read_card(MODEL)["vocabulary"],
        "colours": read_card("character_cvae")["vocabulary"]["colours"],
        "synonyms": lexicon_doll.WORDS,
        "paints": lexicon_doll.PAINTS,
        "adjectives": lexicon_doll.ADJECTIVES,
        "exact": False,
    }


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A person on two 32 px frames, tag ``idle``; see `generate_character`."""
    checkpoint = load_model(MODEL, narrow=True)
    known = vocabulary()
    values = choose_values(wish, known, seed)
    like = region_ramps(request.like.picture) if request.like is not None else {}
    ramps, names, notes = choose_ramps(wish, values, known, like, seed)
    slots = _drawn(checkpoint, values, known, seed)
    still.remove_specks(slots)
    frames = np.stack([slots, still.breathe(slots, WAIST)])
    bare = frozenset(("skin",) if values["race"] in _FOLK else ())
    table = still.paint_table(known["classes"], ramps, palette, bare)
    sheet = still.assemble(frames, table, palette, PIVOT)
    worn = ", ".join(f"{k}={v}" for k, v in values.items() if v != "none")
    tints = ", ".join(f"{slot}={name}" for slot, name in names.items())
    made = provenance(
        checkpoint,
        seed,
        {
            "prompt": request.prompt,
            "animations": ",".join(request.animations),
            "size": request.size,
        },
        (
            "ramps fitted to the pack palette",
            f"specks removed; drawn: {worn}; {tints}",
            *taken_from(request.like),
        ),
        notes,
    )
    return Made(sheet, made)


def choose_values(wish: Wish, known: Mapping[str, Any], seed: int) -> dict[str, str]:
    """A value for every attribute; what the wish leaves open depends on the seed only."""
    values: dict[str, str] = {}
    for attribute, all_values in known["attributes"].items():
        options = wish.values.get(attribute) or wish.habits.get(attribute)
        if options is None:
            options = _open(attribute, values, wish, all_values)
        options = tuple(v for v in options if v in all_values) or tuple(all_values)
        random = generator(derive_seed(seed, "doll", attribute))
        values[attribute] = options[int(random.integers(len(options)))]
    if values["race"] not in _FOLK and "hair" not in wish.values:
        values["hair"] = values["beard"] = "none"
    return values


def _open(
    attribute: str, values: Mapping[str, str], wish: Wish, known: list[str]
) -> tuple[str, ...]:
    if attribute == "race":
        return ("human",)
    if attribute == "body":
        beard = wish.values.get("beard", ("none",))
        return tuple(known) if "none" in beard else ("masculine",)
    if attribute == "legs" and "dress" in values["torso"] and "legs" not in wish.colours:
        return ("none",)
    if attribute not in _OPEN:
        return ("none",)
    options = _OPEN[attribute][values["body"]]
    # What was asked for shall be seen.
    asked = {*wish.values, *wish.colours}
    if attribute == "hair" and "hair" in asked:
        return tuple(v for v in options if v != "none")
    if attribute == "legs" and "feet" in asked:
        return tuple(v for v in options if v not in _CLOSED)
    if attribute == "torso" and asked & {"legs", "feet"}:
        return tuple(v for v in options if v not in _LONG)
    return options


def choose_ramps(
    wish: Wish,
    values: Mapping[str, str],
    known: Mapping[str, Any],
    like: Mapping[str, Ramp],
    seed: int,
) -> tuple[dict[str, NDArray[np.uint8]], dict[str, str], tuple[str, ...]]:
    """Four tones, dark to light, and a name for every slot; and what could not be done as asked.

    First what the prompt names, then the reference picture, then the habits of a role, then what
    the drawing had (steel, wood, the hide of a race) or a colour drawn from the seed.
    """
    ramps: dict[str, NDArray[np.uint8]] = {}
    names: dict[str, str] = {}
    notes = []
    colours = known["colours"]
    own = _own_tones(values, known)
    for slot in dict.fromkeys(s for pair in known["slots"].values() for s in pair):
        asked = wish.colours.get(slot)
        found = find_ramp(slot, asked, colours) if asked else None
        if asked and found is None:
            notes.append(f"no {asked[0]} {slot}: another colour instead")
        if found is None and slot in like:
            ramps[slot], names[slot] = like[slot][_USED], "like the picture"
            continue
        keeps = slot in own and _keeps(slot, values)
        if found is None and slot in wish.colour_habits and (slot == "skin" or not keeps):
            found = find_ramp(slot, _drawn_from(wish.colour_habits[slot], slot, seed), colours)
        if found is None and slot in _TONES and not keeps:
            found = find_ramp(slot, _drawn_from(_TONES[slot], slot, seed), colours)
        if found is not None:
            ramps[slot] = np.array(colours[found[0]][found[1]], dtype=np.uint8)[_USED]
            names[slot] = found[1]
        elif slot in own:
            ramps[slot], names[slot] = own[slot], "as drawn"
        else:
            ramps[slot] = np.array(colours["cloth"]["leather"], dtype=np.uint8)[_USED]
    if names.get("hair") in _TONES["hair"] and "hair" not in wish.colours:
        names["hair"] = _clear_of(ramps["skin"], names["hair"], colours["hair"], seed)
        ramps["hair"] = np.array(colours["hair"][names["hair"]], dtype=np.uint8)[_USED]
    if "headwear" not in wish.colours and values["headwear"] in _MATCHING:
        leader = "over" if values["over"] != "none" else "torso"
        ramps["headwear"], names["headwear"] = ramps[leader], names.get(leader, "as drawn")
    return ramps, names, tuple(notes)


_MATCHING = ("hood", "wide hood", "long hood", "wizard hat", "banded wizard hat",
             "wide wizard hat", "trimmed hood", "peaked hood", "skullcap", "cap")  # fmt: skip
"""Headwear of cloth, which goes with the clothes."""


def _clear_of(skin: NDArray[np.uint8], wanted: str, colours: Mapping[str, Any], seed: int) -> str:
    """A colour of hair that a face stands out from: the wanted one, or the first that does."""
    tones = list(dict.fromkeys(_TONES["hair"]))
    order = generator(derive_seed(seed, "alternative", "hair")).permutation(len(tones))
    face = to_oklab(skin[2:]).mean(0)

    def gap(name: str) -> float:
        hair = to_oklab(np.array(colours[name], dtype=np.uint8)[_USED][1:]).mean(0)
        return float(np.linalg.norm(hair - face))

    options: list[str] = [wanted, *(tones[i] for i in order)]
    return next((name for name in options if gap(name) >= _ALIKE), max(options, key=gap))


def _drawn_from(tones: tuple[str, ...], slot: str, seed: int) -> tuple[str, ...]:
    start = int(generator(derive_seed(seed, "colour", slot)).integers(len(tones)))
    return (tones[start], *tones)


def _keeps(slot: str, values: Mapping[str, str]) -> bool:
    """Whether what is worn has colours of its own: steel, hides, and races that are no people."""
    if slot == "skin":
        return values["race"] not in _FOLK
    worn = values.get(slot, "none")
    return any(word in worn.split() for word in _KEPT)


def _own_tones(values: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, NDArray[np.uint8]]:
    """The tones that the drawings of the chosen values had, by slot; the first worn wins."""
    own: dict[str, NDArray[np.uint8]] = {}
    for attribute in known["slots"]:
        for slot, tones in known["tones"].get(attribute, {}).get(values[attribute], {}).items():
            own.setdefault(slot, np.array(tones, dtype=np.uint8))
    return own


def _drawn(
    checkpoint: Any, values: Mapping[str, str], known: Mapping[str, Any], seed: int
) -> NDArray[np.uint8]:
    """Slot map [32, 32] of a doll."""
    import torch

    network = checkpoint.network
    number = int(generator(derive_seed(seed, "latent")).integers(len(network.anchors)))
    attributes = torch.tensor([[v.index(values[a]) for a, v in known["attributes"].items()]])
    with one_thread(), torch.inference_mode():
        logits = network.decode(
            network.anchors[number][None], attributes, torch.zeros(1, dtype=torch.long)
        )
    slots: NDArray[np.uint8] = logits[0].float().argmax(0).numpy().astype(np.uint8)
    return slots
