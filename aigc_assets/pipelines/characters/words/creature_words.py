"""Words of prompts and what the labels of 32 px pictures call it."""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS: Mapping[str, str] = {
    # labels (sub-class first): words that mean them
    "dragon": "drake wyvern wyrm hydra",
    "orc": "goblin hobgoblin kobold gnoll gremlin bugbear boggart",
    "giant": "ogre troll cyclops titan ettin colossus",
    "ghost": "spirit phantom spectre specter wraith apparition banshee",
    "skeleton": "bones skeletal bone",
    "undead": "zombie ghoul mummy lich vampire wight revenant necromancer corpse",
    "amorphous": "slime ooze jelly blob pudding",
    "nonliving": "golem elemental construct vortex robot automaton wisp",
    "eye": "beholder eyeball",
    "plant": "treant mushroom tree bush vine flower fungus",
    "holy": "angel seraph cherub",
    "naga": "mermaid merfolk medusa siren salamander lamia",
    "statue": "gargoyle idol",
    "demon": "devil imp fiend hellion succubus balrog",
    "horror": "kraken aberration tentacle lovecraftian",
    "beast": "griffon griffin manticore harpy centaur minotaur hippogriff chimera sphinx werewolf",
    "draconian": "lizardman dragonkin",
    "humanoid": "witch warrior knight bandit cultist assassin",
    "mammal": "wolf dog bear cat lion rat mouse pig boar elephant sheep yak fox horse tiger cow "
    "hog hound jackal ape monkey deer goat rabbit panther puppy kitten",
    "bat": "bird crow raven eagle owl hawk",
    "spider": "scorpion crab tarantula",
    "snake": "worm serpent viper cobra adder python snail slug eel centipede",
    "reptile": "turtle frog crocodile alligator lizard toad newt iguana tortoise",
    "insect": "bee wasp ant beetle butterfly moth mosquito fly dragonfly hornet cockroach",
    "fish": "shark jellyfish squid octopus",
    "weapon": "sword axe mace dagger spear hammer club flail halberd scythe scimitar katana rapier "
    "whip blade knife trident lance sabre cutlass falchion morningstar",
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
    "fire": "flame fireball explosion burning inferno blaze",
    "ice": "frost snow icicle freezing blizzard",
    "lightning": "bolt spark thunder electric shock zap",
    "poison": "acid venom toxic",
    "cloud": "smoke mist fog steam gas",
    "magic": "portal star beam aura spell burst glow arcane heal healing",
}
NOUNS: Mapping[str, tuple[str, str]] = {
    word: (label, word) for label, text in _GROUPS.items() for word in text.split()
}
"""Word -> labels to look for: a sub-class, and the word itself where it is one."""

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
