"""From a wish to one figure: a value for every attribute and a colour for every slot.

What the prompt leaves open is drawn from the seed, each attribute by its own random stream, so
that asking for boots does not change the hair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aigc_assets.pipelines.characters.colours.harmony import chances, clothes
from aigc_assets.pipelines.characters.words.lexicon import EYES
from aigc_assets.pipelines.characters.words.prompt import KIND_OF_SLOT, Wish, find_ramp
from aigc_assets.pipelines.made import derive_seed, generator

_PLAIN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # attribute: values by body; listed twice = twice as likely
    "hair": {
        "feminine": ("medium page", "medium page", "medium curly", "medium curly", "medium idol",
                     "medium bangs and bun", "medium bangs and bun", "medium bob side part",
                     "medium bob side part", "medium bob bangs", "medium bob bangs",
                     "medium cornrows", "medium dreadlocks", "medium twists"),
        "masculine": ("short buzzcut", "short parted", "short curly", "short cowlick",
                      "short natural", "short flat top", "short flat top fade", "medium cornrows",
                      "medium twists fade", "medium dreadlocks", "medium page"),
    },
    "beard": {
        "feminine": ("none",),
        "masculine": ("none", "none", "none", "none", "trimmed beard", "medium beard",
                      "chevron mustache", "horseshoe mustache"),
    },
    "torso": {
        "feminine": ("longsleeve shirt", "v-neck longsleeve shirt", "scoop longsleeve shirt",
                     "scoop t-shirt", "buttoned longsleeve shirt"),
        "masculine": ("longsleeve shirt", "v-neck longsleeve shirt", "buttoned longsleeve shirt",
                      "t-shirt", "v-neck t-shirt"),
    },
    "over": {
        "feminine": ("none", "none", "none", "cardigan"),
        "masculine": ("none", "none", "none", "cardigan", "suspenders"),
    },
    "legs": {
        "feminine": ("pants", "leggings", "skirt", "long skirt", "long skirt"),
        "masculine": ("pants", "pants", "cuffed pants", "hose"),
    },
    "feet": {"feminine": ("shoes", "boots"), "masculine": ("boots", "boots", "shoes")},
    "neck": {"feminine": ("none",), "masculine": ("none",)},
    "headwear": {"feminine": ("none",), "masculine": ("none",)},
    "eyewear": {"feminine": ("none",) * 9 + ("glasses",),
                "masculine": ("none",) * 9 + ("halfmoon glasses",)},
}  # fmt: skip

_TONES: Mapping[str, tuple[str, ...]] = {
    # slot: colour names to draw from when nothing is said
    "skin": ("ivory", "peach", "peach", "tan", "tan", "tawny", "honey", "bronze", "brown"),
    "hair": ("ash brown", "black", "blonde", "brown", "charcoal", "chestnut", "chestnut", "orange",
             "raven", "red"),
    "torso": ("blue", "red", "forest", "teal", "linen", "mustard", "plum", "navy", "wine", "fern",
              "denim", "ochre"),
    "over": ("umber", "forest", "navy", "wine", "charcoal", "leather", "plum"),
    "legs": ("umber", "denim", "charcoal", "leather", "navy", "forest", "chocolate", "gray"),
    "feet": ("leather", "umber", "chocolate", "soot"),
    "accent": ("red", "royal", "mustard", "white"),
    "metal": ("steel", "iron"),
    "leather": ("leather", "oak"),
    "eyes": ("brown", "brown", "blue", "green", "gray"),
    "weapon": ("steel", "steel", "silver", "iron"),
    "handle": ("leather", "umber", "chocolate"),
    "shield": ("wine", "navy", "forest", "royal", "garnet"),
    "emblem": ("ivory", "mustard", "white"),
    "wings": ("ivory", "pearl", "white"),
}  # fmt: skip


_CLOTHES = ("torso", "over", "legs")
"""Slots that may have any colour."""
_JEWELS = ("azure", "amethyst", "spring", "teal", "cerise")
"""Colours of what tips a staff or a wand."""
_ENCHANTED: Mapping[str, tuple[str, ...]] = {
    "fire": ("orange", "red orange"), "ice": ("ice", "powder", "sky"), "water": ("azure", "blue"),
    "poison": ("spring", "green"), "lightning": ("yellow", "lemon"), "light": ("lemon", "yellow"),
    "shadow": ("amethyst", "purple"), "nature": ("spring", "green"), "magic": _JEWELS,
}  # fmt: skip
"""Colours of the weapons of an element."""


@dataclass(frozen=True)
class Look:
    """One figure.

    Args:
        values: Value of every labelled attribute, in the order of the vocabulary.
        colours: Per slot of `_TONES`: kind and name of its ramp.
        free: Slots whose colour neither the prompt nor another slot decides.
        follows: Slots that take the colour of another slot.
        habits: Colours that a role or an element is known by, by slot; others would hide it.
        glowing: Colours of a weapon that glows, best first; none for plain ones.
        notes: What could not be done as asked.
    """

    values: Mapping[str, str]
    colours: Mapping[str, tuple[str, str]]
    free: frozenset[str]
    follows: Mapping[str, str]
    habits: Mapping[str, tuple[str, ...]]
    glowing: tuple[str, ...]
    notes: tuple[str, ...]


def choose_look(
    wish: Wish,
    vocabulary: Mapping[str, Any],
    seed: int,
    actions: tuple[str, ...],
    like: tuple[str, ...] = (),
) -> Look:
    """Decide everything about a figure; what the wish leaves open depends on the seed only.

    Args:
        wish: Of `parse_prompt`.
        vocabulary: Of the model card.
        seed: Of the request.
        actions: Actions that will be drawn; items that lack one are replaced, with a note.
        like: Slots whose colour a reference picture gives; they are ramps of the kind ``like``.
    """
    notes: list[str] = []
    values: dict[str, str] = {}
    for attribute, known in vocabulary["attributes"].items():
        options = wish.values.get(attribute) or wish.habits.get(attribute)
        if (
            options is None
            and attribute == "body"
            and "none" not in wish.values.get("beard", ("none",))
        ):
            options = ("masculine",)  # a beard says as much
        if options is None and attribute == "over" and "torso" in wish.values:
            options = ("none",)  # what was asked for shall be seen
        if options is None:
            options = _open(attribute, values, known)
        elif attribute == "head" and "elderly" not in options:
            options = (values["body"],) if values["body"] in options else options
        options = tuple(v for v in options if v in known) or tuple(known)
        random = generator(derive_seed(seed, "character", attribute))
        values[attribute] = options[int(random.integers(len(options)))]
    if "slash" in actions:
        for attribute, replacements in vocabulary["slash_instead"].items():
            if values[attribute] in replacements:
                other = replacements[values[attribute]]
                notes.append(f"no {values[attribute]} in the slash animation: {other} instead")
                values[attribute] = other
    jewels = _JEWELS if values["weapon"] in ("staff", "wand") else ()
    glowing = _ENCHANTED.get(wish.element, jewels)
    colours: dict[str, tuple[str, str]] = {}
    free = set()
    ramps = vocabulary["colours"]
    asked_for = {slot: find_ramp(slot, names, ramps) for slot, names in wish.colours.items()}
    for slot, tones in _TONES.items():
        asked = wish.colours.get(slot)
        found = find_ramp(slot, asked, ramps) if asked else None
        if asked and found is None:
            notes.append(f"no {asked[0]} {slot}: another colour instead")
        if found is None and slot in like:
            found = "like", slot
        if found is None:
            free.add(slot)
            others = clothes(ramps) if slot in _CLOTHES and slot not in wish.colour_habits else ()
            tones = wish.colour_habits.get(slot, tones)
            if slot == "weapon" and glowing:
                tones = glowing
            if slot == "hair" and values["head"] == "elderly":
                tones = ("gray", "white", "silver")
            random = generator(derive_seed(seed, "colour", slot))
            seen = {s: r for s, r in {**colours, **asked_for}.items() if r}
            worn = {s: r for s, r in seen.items() if values.get(s) != "none"}
            kind = KIND_OF_SLOT.get(slot, "cloth")
            weights = chances(slot, tones, kind, worn, ramps, others)
            start = int(random.choice(len(weights), p=weights))
            found = find_ramp(slot, ((*tones, *others)[start], *tones), ramps)
        colours[slot] = found if found is not None else ("eyes", next(iter(EYES)))
    if wish.colours.get("weapon") and values.get("weapon") in ("staff", "wand", "bow"):
        colours["handle"] = colours["weapon"]  # they are all handle
    follows = _sets(values, free, wish)
    free -= set(follows)
    glowing = glowing if "weapon" in free else ()
    return Look(
        values, colours, frozenset(free), follows, wish.colour_habits, glowing, tuple(notes)
    )


def alternatives(
    slot: str, look: Look, seed: int, ramps: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Other colours for a slot that clashes with its neighbour, in seeded order."""
    if slot in look.habits:
        found = [find_ramp(slot, (name,), ramps) for name in look.habits[slot]]
        return [ramp for ramp in found if ramp is not None]
    tones = list(dict.fromkeys(_TONES[slot]))
    order = generator(derive_seed(seed, "alternative", slot)).permutation(len(tones))
    return [(KIND_OF_SLOT.get(slot, "cloth"), tones[i]) for i in order]


def _open(attribute: str, values: Mapping[str, str], known: list[str]) -> tuple[str, ...]:
    if attribute == "body":
        return tuple(known)
    if attribute == "head":
        return (values["body"],)
    if attribute == "beard" and values["head"] == "elderly" and values["body"] == "masculine":
        return ("none", "medium beard", "trimmed beard")
    return _PLAIN[attribute][values["body"]] if attribute in _PLAIN else ("none",)


def _sets(values: Mapping[str, str], free: set[str], wish: Wish) -> dict[str, str]:
    """Slots that take the colour of another: a robe or dress is one garment, a hat goes with it."""
    follows = {}
    robe = "long skirt" in (*wish.values.get("legs", ()), *wish.habits.get("legs", ()))
    if robe and values["legs"] == "long skirt" and "legs" in free:
        follows["legs"] = "torso"
    if values["headwear"] in ("hood", "pointed hat") and "accent" in free:
        follows["accent"] = "over" if values["over"] == "cloak" else "torso"
    return follows
