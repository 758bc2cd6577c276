"""What is what in the 16 px people: roles of the colours and words for heads, faces and bodies.

The figures share one template (a big head over a small body), so that heads, faces and bodies can
change places once every colour has a role. The roles are read off the pictures by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CLASSES: tuple[str, ...] = (
    "transparent", "outline",
    "skin 1", "skin 2", "skin 3",
    "hair 1", "hair 2", "hair 3",
    "trim 1", "trim 2", "trim 3",
    "cloth 1", "cloth 2", "cloth 3",
    "band 1", "band 2", "band 3",
    "white", "eye",
)  # fmt: skip
"""Slots: ``hair`` is what covers the head (a hat or hood too), ``trim`` what is put on it."""


@dataclass(frozen=True)
class Roles:
    """Colours of one figure by role, each ramp from dark to light, six hexadecimal digits.

    Args:
        skin: Of face and hands.
        hair: What covers the head.
        trim: What is put on that.
        cloth: What covers the body.
        band: What is put on that.
        white: Whites of the eyes and the like.
        eye: Coloured eyes.
    """

    skin: str = ""
    hair: str = ""
    trim: str = ""
    cloth: str = ""
    band: str = ""
    white: str = "e3f1f5 f2eaf1"
    eye: str = ""


ROLES: Mapping[str, Roles] = {
    "BlackNinjaMage": Roles(
        "cf736d f2ad7d", "4e484a 5f7160", "", "4e484a 5f7160", "", eye="e0394c"
    ),
    "BlackSorcerer": Roles("cf736d f2ad7d", "8f3e56 e0394c", "9ba7aa e3f1f5", "4e484a 5f7160"),
    "BlueNinja": Roles("d14b34 ef914f", "5f7160 79b8ce f2eaf1", "f1c471", "5f7160 79b8ce"),
    "Boy": Roles("d14b34 ef914f", "965340 d14b34", "", "2e3939 548789", "d3a2c0 e3f1f5"),
    "Cavegirl": Roles("d14b34 ef914f", "4e484a 345a52 56864c", "f1c471 fce2ca", "965340 a3754e"),
    "Caveman": Roles("d14b34 ef914f", "4e484a", "", "d78b4a f1c471"),
    "DarkNinja": Roles(
        "d14b34 ef914f", "3b3643 4e484a 5f7160", "", "3b3643 4e484a 5f7160", "d14b34"
    ),
    "EggBoy": Roles("cf736d f2ad7d", "965340 a3754e", "4e484a 5f7160", "548789", "9ba7aa fce2ca"),
    "Eskimo": Roles("d14b34 ef914f", "2d697b 548789 79b8ce", "e3f1f5", "2d697b 548789", "e3f1f5"),
    "EskimoNinja": Roles(
        "", "2d697b 548789 79b8ce", "9ba7aa e3f1f5", "2d697b 548789", "9ba7aa e3f1f5"
    ),
    "Flam": Roles("", "e0394c e46d3a ef914f", "", "e0394c e46d3a ef914f"),
    "GrayNinja": Roles("d14b34 ef914f", "5f7160 8d977f", "f2eaf1", "5f7160 8d977f", "f2eaf1"),
    "GreenDemon": Roles("", "56864c a8a129 ffe18d", "", "56864c a8a129", "c8966b fce2ca", "fce2ca"),
    "Greenman": Roles(
        "d14b34 ef914f", "56864c a8a129", "9ba7aa e3f1f5", "56864c a8a129", "9ba7aa e3f1f5"
    ),
    "Inspector": Roles("d14b34 ef914f", "91522c a3754e", "abc2bc f2eaf1", "91522c a3754e"),
    "Lion": Roles("d78b4a f1c471", "8f3e56 d14b34", "", "56864c a8a129"),
    "LionOrange": Roles("e46d3a ef914f", "3b3643 4e484a", "", "56864c a8a129"),
    "MaskFrog": Roles(
        "d14b34 ef914f",
        "56864c a8a129",
        "3b3643 9ba7aa",
        "8f3e56 e0394c",
        "548789 79b8ce",
        eye="e0394c",
    ),
    "MaskedNinja": Roles("d14b34", "d3a2c0 f2eaf1", "d14b34", "3b3643 4e484a", "d3a2c0 f2eaf1"),
    "Master": Roles("d14b34 ef914f", "f2eaf1", "", "8f3e56 e0394c", "f2eaf1"),
    "Monk": Roles("d14b34 ef914f", "3b3643 4e484a", "56864c", "345a52 56864c", "d3a2c0 e3f1f5"),
    "Monk2": Roles("d14b34 ef914f", "", "", "8f3e56 e0394c", "2d697b"),
    "Noble": Roles("ef914f f2ad7d", "3b3643 4e484a", "", "3b3643 965340", "f2eaf1"),
    "OldMan": Roles("965340 ef914f f2ad7d", "4e484a 5f7160 8d977f", "", "548789 79b8ce", "965340"),
    "OldMan2": Roles(
        "d14b34 ef914f", "8f3e56 e0394c", "d3a2c0 f2eaf1", "8f3e56 e0394c", "d3a2c0 f2eaf1"
    ),
    "OldMan3": Roles(
        "d14b34 ef914f", "d78b4a f1c471", "9ba7aa e3f1f5", "3b3643 4e484a", "9ba7aa e3f1f5"
    ),
    "Princess": Roles(
        "965340 a3754e", "3b3643 4e484a", "e0394c f1c471", "d78b4a f1c471", "8d977f abc2bc"
    ),
    "RedCamouflage": Roles(
        "d78b4a f1c471", "8f3e56 c8966b fce2ca", "", "8f3e56 e0394c", "", eye="e0394c"
    ),
    "RedNinja": Roles("c8966b", "543c52 8f3e56 e0394c", "abc2bc f2eaf1", "543c52 8f3e56 e0394c"),
    "RedSamurai": Roles(
        "d14b34 ef914f", "d78b4a f1c471", "9ba7aa e3f1f5", "8f3e56 e0394c", "9ba7aa e3f1f5"
    ),
    "Samurai": Roles(
        "d14b34 ef914f", "f2ad7d ffcba9", "3b3643 4e484a", "8f3e56 e0394c", "3b3643 4e484a"
    ),
    "Skeleton": Roles("8d977f abc2bc f2eaf1", "", "", "8d977f abc2bc f2eaf1"),
    "Spirit": Roles("", "9ba7aa 79b8ce ffffff", "", "9ba7aa 79b8ce ffffff"),
    "Villager": Roles("d14b34 ef914f f2ad7d", "", "", "548789 79b8ce", "4e484a"),
    "Villager2": Roles("d14b34 8f3e56", "3b3643 4e484a", "", "4a5270 548789"),
    "Villager3": Roles("965340 a3754e", "3b3643 4e484a", "", "56864c a8a129", "8d977f abc2bc"),
    "WhiteFighter": Roles(
        "d14b34 ef914f", "3b3643 4e484a", "8f3e56 e0394c", "d3a2c0 f2eaf1", "3b3643 8f3e56"
    ),
    "YellowNinja": Roles("965340 a3754e", "d78b4a f1c471", "e0394c", "d14b34 d78b4a f1c471"),
}
"""Figures that are not a recolouring of another one here."""


@dataclass(frozen=True)
class Head:
    """A head.

    Args:
        words: What a prompt may call it.
        open: Whether another face may show in it.
        body: The body it was drawn with, where a role asks for no other.
    """

    words: str
    open: bool = True


HEADS: Mapping[str, Head] = {
    "BlackNinjaMage": Head("wizard mage witch warlock pointed hat masked", False),
    "BlackSorcerer": Head("sorceress sorcerer bun ponytail woman girl"),
    "BlueNinja": Head("knight helmet soldier guard warrior", False),
    "Boy": Head("boy young short hair spiky man hero adventurer"),
    "Cavegirl": Head("cavegirl curly hair bone woman girl wild barbarian"),
    "Caveman": Head("caveman bald stubble brute man barbarian", False),
    "DarkNinja": Head("ninja hood masked assassin thief bandit", False),
    "EggBoy": Head("beast horned fur cap child tribal", False),
    "Eskimo": Head("eskimo hood parka fur winter", False),
    "EskimoNinja": Head("eskimo ninja hood masked winter", False),
    "Flam": Head("fire flame spirit elemental", False),
    "GrayNinja": Head("turban desert bandit ranger", False),
    "GreenDemon": Head("demon cyclops alien goblin monster", False),
    "Greenman": Head("elf gnome cap pointed pixie archer ranger"),
    "Inspector": Head("inspector detective hat fedora sheriff cowboy"),
    "Lion": Head("lion mane spiky beast wild", False),
    "LionOrange": Head("wild long hair swept mane warrior", False),
    "MaskFrog": Head("frog mask hood shaman", False),
    "MaskedNinja": Head("cat mask fox mask kitsune masked", False),
    "Master": Head("master white hair moustache old man elder wise sage"),
    "Monk": Head("moustache beard bun scholar merchant man"),
    "Monk2": Head("monk bald shaved priest man"),
    "Noble": Head("noble hat brimmed gentleman lord pirate"),
    "OldMan": Head("old man short hair receding farmer grandfather"),
    "OldMan2": Head("old bandana cap beard bearded sailor pirate", False),
    "OldMan3": Head("straw hat long hair beard farmer fisherman elder"),
    "Princess": Head("princess long hair bangs woman girl flower queen"),
    "RedCamouflage": Head("oni mask brute goggles warrior", False),
    "RedNinja": Head("robot visor helmet knight masked", False),
    "RedSamurai": Head("straw hat moustache ronin samurai farmer", False),
    "Samurai": Head("samurai straw hat traveller conical ronin"),
    "Skeleton": Head("skeleton skull undead bones", False),
    "Spirit": Head("spirit ghost flame ice", False),
    "Villager": Head("bald villager man peasant"),
    "Villager2": Head("afro spiky short hair villager man boy"),
    "Villager3": Head("villager long hair bob woman girl peasant"),
    "WhiteFighter": Head("headband fighter martial artist karate warrior"),
    "YellowNinja": Head("ninja painted hood masked", False),
}

FACES: tuple[str, ...] = (
    "Boy", "BlackSorcerer", "Cavegirl", "Monk2", "OldMan", "Princess", "Villager", "Villager2",
    "Villager3", "Master", "WhiteFighter",
)  # fmt: skip

BODIES: Mapping[str, str] = {
    "BlackNinjaMage": "robe dark wizard mage witch warlock",
    "BlueNinja": "armour knight soldier guard",
    "Boy": "shirt trousers hero adventurer boy",
    "Caveman": "fur tunic barbarian cave brute",
    "DarkNinja": "ninja suit assassin thief bandit",
    "Eskimo": "parka coat eskimo winter",
    "EskimoNinja": "coat gloves winter",
    "GrayNinja": "sash robe desert ranger",
    "Greenman": "tunic elf gnome archer",
    "Inspector": "coat long coat detective",
    "MaskedNinja": "suit dark jacket",
    "Monk2": "monk robe belt priest",
    "OldMan": "shirt trousers villager farmer old",
    "OldMan2": "striped shirt sailor pirate",
    "OldMan3": "robe white sash elder ronin",
    "RedCamouflage": "tunic warrior",
    "RedNinja": "armour red robot",
    "RedSamurai": "kimono samurai sash",
    "Samurai": "kimono samurai noble",
    "Skeleton": "bones skeleton undead",
    "Villager": "shirt trousers peasant villager",
    "Villager2": "vest bare arms villager",
    "Villager3": "dress shirt villager woman",
    "WhiteFighter": "gi karate fighter belt martial",
    "YellowNinja": "ninja vest suit",
    "Master": "tunic red master sage",
}
