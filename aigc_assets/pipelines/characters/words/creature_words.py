"""Words of prompts and what the labels of 32 px pictures call it."""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, Mapping[str, str]] = {
    # kind: sub-class: words that mean it
    "monster": {
        "dragon": "drake wyvern wyrm hydra",
        "orc": "goblin hobgoblin kobold gnoll gremlin bugbear boggart",
        "giant": "ogre troll cyclops titan ettin colossus",
        "ghost": "spirit spectral",
        "skeleton": "bones skeletal bone",
        "undead": "zombie ghoul mummy lich vampire wight revenant necromancer corpse phantom "
        "spectre specter wraith apparition banshee",
        "amorphous": "slime ooze jelly blob pudding",
        "nonliving": "golem elemental construct vortex robot automaton wisp",
        "eye": "beholder eyeball",
        "plant": "treant mushroom tree bush vine flower fungus",
        "holy": "angel seraph cherub",
        "naga": "mermaid merfolk medusa siren salamander lamia",
        "statue": "gargoyle idol",
        "demon": "devil imp fiend hellion succubus balrog",
        "horror": "kraken aberration tentacle lovecraftian",
        "beast": "griffon griffin manticore harpy centaur minotaur hippogriff chimera sphinx "
        "werewolf",
        "draconian": "lizardman dragonkin",
        "humanoid": "witch warrior knight bandit cultist assassin",
        "ice": "simulacrum",
    },
    "animal": {
        "mammal": "wolf dog bear cat lion rat mouse pig boar elephant sheep yak fox horse tiger "
        "cow hog hound jackal ape monkey deer goat rabbit panther puppy kitten",
        "bat": "bird crow raven eagle owl hawk",
        "spider": "scorpion crab tarantula",
        "snake": "worm serpent viper cobra adder python snail slug eel centipede",
        "reptile": "turtle frog crocodile alligator lizard toad newt iguana tortoise",
        "insect": "bee wasp ant beetle butterfly moth mosquito fly dragonfly hornet cockroach",
        "fish": "shark jellyfish squid octopus",
    },
    "item": {
        "weapon": "sword axe mace dagger spear hammer club flail halberd scythe scimitar katana "
        "rapier whip blade knife trident lance sabre cutlass falchion morningstar",
        "bow": "longbow shortbow crossbow sling arbalest",
        "helmet": "hat crown helm cap hood",
        "armour": "armor robe cloak boots gloves mail plate cape shoes gauntlet",
        "potion": "flask bottle elixir vial",
        "book": "spellbook tome grimoire",
        "amulet": "necklace pendant talisman",
        "rune": "gem stone crystal ruby emerald sapphire diamond jewel",
        "food": "bread meat apple cheese fruit banana pear grape lemon",
        "gold": "coin coins treasure money",
        "misc": "lamp lantern horn orb box mirror deck card",
        **dict.fromkeys(("shield", "scroll", "ring", "wand", "staff", "rod"), ""),
    },
    "effect": {
        "fire": "flame fireball explosion burning inferno blaze",
        "ice": "frost snow icicle freezing blizzard",
        "lightning": "bolt spark thunder electric shock zap",
        "poison": "acid venom toxic",
        "cloud": "smoke mist fog steam gas",
        "magic": "portal star beam aura spell burst glow arcane heal healing",
    },
}
NOUNS: Mapping[str, Mapping[str, str]] = {
    kind: {word: label for label, text in groups.items() for word in (label, *text.split())}
    for kind, groups in GROUPS.items()
}
"""Kind -> word -> the sub-class that it is, or is of."""

LIKE: Mapping[str, str] = {
    # what no picture is called, or what most that are called so are only a variant of
    "goblin": "hobgoblin kobold",
    "gremlin": "kobold boggart",
    "bugbear": "gnoll boggart",
    "golem": "golem guardian",
    "construct": "golem guardian servitor",
    "robot": "golem servitor",
    "automaton": "golem servitor",
    "ghost": "phantom spectre soul wraith flayed",
    "spirit": "phantom spectre soul wraith",
    "specter": "spectre wraith",
    "banshee": "spectre wraith",
    "apparition": "phantom soul",
    "wight": "revenant ghoul wraith",
    "slime": "jelly ooze",
    "blob": "jelly ooze",
    "pudding": "jelly ooze",
    "zombie": "hulk ghoul bog jiangshi",
    "mummy": "jiangshi ghoul",
    "skeleton": "humanoid skeletal",
    "hydra": "hydra tiamat",
    "dragon": "form dragon",
    "wyrm": "dragon eastern",
    "cyclops": "giant ettin",
    "colossus": "juggernaut titan",
    "devil": "devil fiend",
    "succubus": "hellwing",
    "naga": "naga salamander",
    "mermaid": "merfolk nymph",
    "lamia": "lamia naga",
    "minotaur": "yaktaur",
    "centaur": "yaktaur",
    "griffin": "hippogriff manticore",
    "griffon": "hippogriff manticore",
    "werewolf": "gnoll",
    "gargoyle": "statue demonic",
    "statue": "ancient archer angel",
    "kraken": "kraken tentacled starspawn",
    "tree": "treant tree",
    "mushroom": "mushroom deathcap",
    "fungus": "mushroom deathcap",
    "beast": "beast",
    "witch": "enchantress",
    "bandit": "boris edmund",
    "wolf": "hound jackal",
    "dog": "hound jackal",
    "puppy": "hound jackal",
    "fox": "jackal",
    "lion": "cat natasha",
    "tiger": "cat natasha",
    "panther": "cat natasha",
    "kitten": "cat",
    "rat": "quokka",
    "mouse": "quokka",
    "rabbit": "quokka",
    "sheep": "yak",
    "cow": "yak",
    "goat": "yak",
    "deer": "yak",
    "horse": "yak",
    "pig": "hog swine pig",
    "boar": "hog",
    "bird": "raven",
    "crow": "raven",
    "eagle": "raven",
    "hawk": "raven",
    "owl": "raven",
    "frog": "frog",
    "toad": "frog",
    "crocodile": "alligator",
    "lizard": "iguana basilisk newt",
    "tortoise": "turtle",
    "snake": "anaconda mamba",
    "serpent": "anaconda mamba",
    "viper": "mamba",
    "cobra": "mamba",
    "python": "anaconda",
    "snail": "slug",
    "bee": "bee wasp",
    "hornet": "wasp",
    "fly": "firefly",
    "tarantula": "spider",
    "squid": "jellyfish",
    "octopus": "jellyfish",
    "bow": "longbow shortbow",
    "crossbow": "arbalest crossbow",
    "shoes": "boots",
    "gloves": "glove",
    "gauntlet": "glove gauntlet",
    "armor": "mail plate leather",
    "cape": "cloak",
    "crown": "helmet",
    "knife": "dagger",
    "blade": "sword",
    "sabre": "cutlass",
    "scimitar": "cutlass",
    "club": "mace",
    "fire": "fire fireball flame",
    "explosion": "fireball fire",
    "smoke": "smoke",
    "frost": "frost icicle freezing",
    "acid": "acid poison",
    "orb": "orb ball",
    "light": "ray",
}
"""Word -> words of the pictures that are drawn from, where that is not the word itself."""

USUAL: Mapping[str, str] = {
    word: family
    for family, text in {
        "black": "raven crow bat panther",
        "grey": "smoke golem wolf rat elephant shark statue gargoyle mouse stone robot",
        "white": "ghost spirit spectre skeleton sheep bone bones angel rabbit phantom",
        "red": "imp devil demon crab",
        "orange": "fox tiger",
        "brown": "bear ogre treant deer monkey horse boar",
        "yellow": "bee wasp lion",
        "green": "goblin orc slime troll zombie frog toad crocodile lizard snake ooze hobgoblin "
        "kobold gremlin turtle lizardman",
        "pink": "pig",
    }.items()
    for word in text.split()
}
"""Creature -> the colour that it has where none is named."""

COLOURS: Mapping[str, str] = {
    word: family
    for family, text in {
        "black": "black ebony onyx charcoal obsidian",
        "grey": "grey gray silver iron steel ashen",
        "white": "white ivory snowy bone pale",
        "red": "red crimson scarlet ruby blood maroon",
        "orange": "orange amber copper",
        "brown": "brown bronze wooden tan chestnut rusty earthen",
        "yellow": "yellow gold golden blonde",
        "green": "green emerald lime olive jade mossy",
        "cyan": "cyan turquoise teal aqua",
        "blue": "blue azure navy sapphire cobalt",
        "purple": "purple violet magenta indigo",
        "pink": "pink rose fuchsia",
    }.items()
    for word in text.split()
}
"""Colour word -> family of `aigc_assets.types.oklab.FAMILIES`."""

ELEMENTS: Mapping[str, str] = {
    word: family
    for family, text in {
        "red": "fire flame burning hell infernal lava magma fiery",
        "cyan": "ice frost frozen icy snow crystal",
        "blue": "water storm sea ocean electric lightning",
        "green": "poison venom toxic acid forest swamp jungle nature plague",
        "purple": "shadow arcane cursed void magic",
        "yellow": "holy sun divine light",
        "brown": "earth stone rock mud sand desert",
    }.items()
    for word in text.split()
}
"""Element -> the family that it is usually drawn in, where no colour is named."""
