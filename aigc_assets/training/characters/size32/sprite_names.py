"""What the pictures of the 32 px source show, read off their paths; which of them are no use."""

from __future__ import annotations

import re
from typing import NamedTuple

COLOUR_WORDS = frozenset(
    "black blue brown cyan gray green grey magenta mottle mottled orange pale pink purple red tan "
    "turquoise white yellow dark light lightred golden".split()
)


class Label(NamedTuple):
    """Kind, sub-class, words and the thing that variants of a picture share."""

    kind: str
    subclass: str
    words: tuple[str, ...]
    thing: str


_DROPPED = re.compile(
    r"tentacles/|panlord/|overlay_|draco-job|test_spawner|_water\.png|statue_base|turtle_shell"
    r"|/i-|hell_wizard_(50|75)|labrat_unseen|deformed_|midge|eldritch|thorn_hunter_dead"
    r"|effect/(arrow|bolt0\.|bolt[1-7]\.|stone_arrow|needle|sling_bullet|umbra|orb_glow|quad_glow"
    r"|sanctuary|tornado|cloud_calc|heataura|sting|disjunct|throwing_net|javelin|tomahawk)"
    r"|UNUSED/(features|floor|gui|spells|worn)"
    r"|other/(i-|sleeping|suppressed|acid|gold_sparkles|magic_lamp|spwpn)"
    r"|unseen_weapon|weapon/ranged/(needle|rock|stone|sling_bullet)|book/artefact/bookmark"
    r"|statue_form|shadow_form"
)
_ANIMALS = re.compile(
    r"mon/animals/|mon/aquatic/(shark|electric_eel|swamp_worm)|player/felids|transform/pig"
    r"|vault/(megabat|microbat|gigabat)|guardian_serpent|unique/natasha|statues/nothing"
    r"|UNUSED/monsters/(alligator_baby|boring_beetle|giant_|jellyfish|raven|war_dog|spiny_worm"
    r"|lava_fish|lava_worm|moth_)"
)
_SPELLS = ("air", "conjuration", "earth", "fire", "ice", "poison")
_NOT_EFFECTS = re.compile(
    r"swiftness|dig|passwall|statue_form|stoneskin|petrify|rapid_decon|ice_form|skeleton|statue"
    r"|corpse|hand|death_channel|resurrection|hibernation|wizardry|intoxication|liquefaction|inner|ring_of|ignite|silence|metabolic|freeze|condensation|shock"
)
_ROOT_GROUPS = (
    ("giant", re.compile(r"giant|ogre|ettin|cyclops|titan|troll|juggernaut")),
    ("elf", re.compile(r"elf|spriggan|faun")),
    ("orc", re.compile(r"^orc|goblin|kobold|gnoll|boggart")),
    ("naga", re.compile(r"naga|salamander|merfolk|siren|nymph|serpent")),
    (
        "beast",
        re.compile(r"griffon|hippogriff|manticore|harpy|yaktaur|mutant|formicid|tengu|anubis"),
    ),
)
_SINGULAR = {
    "demons": "demon", "dragons": "dragon", "eyes": "eye", "fungi_plants": "plant",
    "statues": "statue", "skeletons": "skeleton", "spectrals": "ghost", "zombies": "undead",
    "simulacra": "ice", "draco": "draconian", "animals": "animal", "aquatic": "aquatic",
    "headgear": "helmet", "shields": "shield", "bardings": "armour", "runes": "rune",
    "ranged": "bow", "demonspawn": "demon", "abyss": "horror", "aberr": "horror",
    "vault": "humanoid", "unique": "humanoid", "sprint": "nonliving",
    "weapons": "weapon", "monsters": "monster",
}  # fmt: skip
_ANIMAL_GROUPS = (
    ("insect", re.compile(r"bee|wasp|(?<![a-z])ant(?![a-z])|moth|butterfly|mosquito"
                          r"|cockroach|beetle|fire?fly|midge")),
    ("spider", re.compile(r"spider|scorpion|tarantella|redback|crab|zyme")),
    ("snake", re.compile(r"adder|anaconda|python|mamba|viper|snake|serpent|moccasin|worm|leech"
                         r"|centipede|eel|slug")),
    ("reptile", re.compile(r"turtle|basilisk|iguana|newt|crocodile|alligator|frog|lizard|toad")),
    ("bat", re.compile(r"bat|raven")),
    ("fish", re.compile(r"shark|fish|jelly")),
)  # fmt: skip
_STOP = frozenset(
    "i of the a urand spwpn base small large large1 unique melee to and new animal mon form art ego"
    " misc artefact unused".split()
)
_SAME = {"gray": "grey", "dagger6": "dagger", "hound": "dog", "i": ""}


def describe(name: str) -> Label | None:
    """The label of the picture at a path of the source, or None if it is of no use.

    Args:
        name: Such as ``mon/undead/ghoul.png``.
    """
    if _DROPPED.search(name):
        return None
    stem = name.removesuffix(".png")
    *folders, leaf = stem.split("/")
    kind = _kind(name, folders, leaf)
    if kind is None:
        return None
    words = [re.sub(r"\d+$", "", w) for w in re.split(r"[_\-.]|(?<=\D)(?=\d)", leaf.lower())]
    words = [_SAME.get(w, w) for w in words if len(w) > 1 and w not in _STOP and not w.isdigit()]
    subclass = _subclass(kind, folders, leaf)
    plain = [w for w in words if w not in COLOUR_WORDS]
    thing = "/".join([kind, subclass, *(plain or words)])
    if kind == "item" and subclass in ("potion", "book", "scroll", "gold"):
        thing = f"{kind}/{subclass}"  # one picture, many colours or amounts
    return Label(kind, subclass, tuple(dict.fromkeys(w for w in words if w)), thing)


def _kind(name: str, folders: list[str], leaf: str) -> str | None:
    if _ANIMALS.search(name):
        return "animal"
    head = "/".join(folders[:2])
    if folders[0] == "mon" or head in ("UNUSED/monsters", "player/transform", "dngn/statues"):
        return None if leaf.startswith("crumbled_column") else "monster"
    if folders[0] == "item" or head in ("UNUSED/weapons", "UNUSED/armour", "UNUSED/food"):
        return "item"
    if head == "gui/spells":
        usable = len(folders) > 2 and folders[2] in _SPELLS and not _NOT_EFFECTS.search(leaf)
        return "effect" if usable else None
    return "effect" if folders[0] == "effect" or head == "UNUSED/other" else None


def _subclass(kind: str, folders: list[str], leaf: str) -> str:
    if kind == "effect":
        text = "/".join([*folders, leaf])
        for group, pattern in (
            ("cloud", r"cloud|smoke|miasma|mist"),
            ("fire", r"fire|flame|magma|searing|heat"),
            ("ice", r"/ice/|frost|icicle|cold|crystal"),
            ("lightning", r"/air/|zap|bolt0|lightning|shock"),
            ("poison", r"poison|venom|acid"),
        ):
            if re.search(pattern, text):
                return group
        return "magic"
    if kind == "animal":
        groups = _ANIMAL_GROUPS
        return next((group for group, pattern in groups if pattern.search(leaf)), "mammal")
    folder = folders[-1]
    if folder in ("artefact", "brands"):
        folder = folders[-2]
    if folders == ["mon"] or folder in ("unique", "monsters", "vault", "transform"):
        found = next((g for g, pattern in _ROOT_GROUPS if pattern.search(leaf)), None)
        if found:
            return found
        if re.search(r"dragon|drake|tiamat", leaf):
            return "dragon"
        if re.search(r"tree|mushroom|lotus", leaf):
            return "plant"
        if re.search(r"lich|rotting|ghost|wight|murray|mummy", leaf):
            return "undead"
        if re.search(r"statue", leaf):
            return "statue"
        return "humanoid"
    return _SINGULAR.get(folder, folder)
