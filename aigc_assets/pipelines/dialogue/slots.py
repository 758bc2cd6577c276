"""What fills the slots of a dialogue, and how it is put into a line."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

_PLACES: dict[str, tuple[str, ...]] = {
    "passage": (
        "inner keep",
        "lower city",
        "north gate",
        "river fort",
        "upper hall",
        "old harbour",
    ),
    "errand": (
        "flooded cellar",
        "hill chapel",
        "ruined mill",
        "salt caves",
        "old library",
        "crypt",
    ),
    "hunt": ("pine forest", "broken quarry", "marsh", "eastern pass", "burned orchard", "mine"),
    "trade": ("harbour market", "mountain road", "dwarf mines", "spice quay", "southern coast"),
    "rumour": ("drowned village", "bell tower", "empty inn", "hill of stones", "grey manor"),
    "grudge": ("old bridge", "border fort", "ash fields", "duelling yard", "family vault"),
    "rescue": ("collapsed mine", "river camp", "watch house", "burning granary", "lower tunnels"),
    "omen": (
        "moon shrine",
        "stone circle",
        "black lake",
        "sunken temple",
        "star tower",
        "catacombs",
    ),
}
_ITEMS: dict[str, tuple[str, ...]] = {
    "passage": ("sealed letter", "brass key", "royal seal", "grain shipment", "prisoner's ledger"),
    "errand": (
        "silver locket",
        "family ring",
        "mill wheel",
        "healing herb",
        "stolen chart",
        "lute",
    ),
    "hunt": ("hunting horn", "wolf hide", "signal bell", "boar spear", "war banner"),
    "trade": ("steel hammer", "silver mirror", "amber necklace", "compass", "ivory chess set"),
    "rumour": ("black lantern", "iron mask", "sealed chest", "nameless map", "glass eye"),
    "grudge": ("father's sword", "burned deed", "silver dagger", "signet ring", "broken crown"),
    "rescue": ("fever medicine", "long rope", "storm lantern", "bone saw", "water cask"),
    "omen": (
        "ember stone",
        "bone flute",
        "moon amulet",
        "book of ash",
        "crystal skull",
        "raven mask",
    ),
}
_FOES: dict[str, tuple[str, ...]] = {
    "passage": ("bandits", "raiders", "deserters"),
    "errand": ("rats", "thieves", "goblins"),
    "hunt": ("wolves", "cave spiders", "trolls", "wild boars", "giant rats"),
    "trade": ("bandits", "pirates", "tax riders"),
    "rumour": ("ghouls", "cultists", "crows"),
    "grudge": ("mercenaries", "hired blades", "assassins"),
    "rescue": ("raiders", "goblins", "wreckers"),
    "omen": ("shades", "cultists", "hollow ones"),
}


def choose(topic: str, random: np.random.Generator) -> dict[str, str]:
    """One place, one thing and one kind of enemies for a whole dialogue."""
    tables = {"<place>": _PLACES, "<item>": _ITEMS, "<foe>": _FOES}
    return {
        slot: table[topic][int(random.integers(len(table[topic])))]
        for slot, table in tables.items()
    }


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into the slots of a line, with ``a`` or ``an`` and capitals as English wants."""
    for slot, value in values.items():
        text = re.sub(rf"(^|[.!?] ){slot}", rf"\g<1>{value[0].upper()}{value[1:]}", text)
        article = "n" if value[0].lower() in "aeiou" else ""
        text = re.sub(rf"\b([Aa])n? {slot}", rf"\g<1>{article} {value}", text)
        text = text.replace(slot, value)
    return text
