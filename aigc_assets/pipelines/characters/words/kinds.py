"""Kinds of characters, and which of them the words of a prompt name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aigc_assets.pipelines.characters.words.lexicon import words

KINDS: tuple[str, ...] = ("person", "monster", "animal", "item", "effect", "portrait")
"""What can be drawn; a tier draws one of them at one size."""

_BREAK = re.compile(
    r"[,;.:!?\n()]|\b(?:and|with|wearing|wielding|holding|carrying|riding|in|of|on|has|having|wears)\b",
    re.IGNORECASE,
)

_PEOPLE = (
    "woman man girl boy lady lord person hero heroine wizard mage witch sorcerer sorceress knight "
    "soldier guard warrior paladin captain alchemist scholar farmer monk priest priestess cleric "
    "thief rogue assassin bandit ranger hunter slayer tamer trainer rider keeper scout archer elf "
    "dwarf merchant bard pirate king queen prince princess villager child blacksmith barbarian "
    "gladiator samurai ninja druid necromancer shaman viking noble fighter berserker"
).split()
_MONSTERS = (
    "monster goblin orc ogre troll giant demon devil imp dragon drake wyvern hydra skeleton zombie "
    "ghost ghoul lich wraith mummy vampire werewolf slime jelly ooze golem gargoyle elemental "
    "kobold gnoll naga minotaur centaur medusa beholder mimic spectre spirit phantom cyclops "
    "harpy sphinx fiend hobgoblin titan treant revenant wight shade gremlin lizardman merfolk "
    "tengu draconian ettin kraken beast creature undead chimera manticore hellhound"
).split()
_ANIMALS = (
    "animal wolf dog cat bear rat mouse bat snake spider scorpion ant bee wasp beetle frog toad "
    "turtle crocodile alligator lizard bird crow raven eagle owl chicken duck horse pony cow bull "
    "yak sheep goat pig boar hog deer rabbit fox lion tiger panther jackal monkey ape elephant "
    "fish shark eel crab jellyfish worm butterfly moth fly mosquito hound puppy kitten snail "
    "penguin camel squirrel hamster griffin unicorn pegasus hippogriff porcupine"
).split()
_ITEMS = (
    "item sword dagger axe mace club hammer spear staff wand bow crossbow arrow shield helmet "
    "helm armour armor ring amulet necklace potion flask bottle scroll book spellbook key coin "
    "gem ruby emerald sapphire diamond chest boots gloves cloak hat crown robe food bread meat "
    "apple cheese lamp torch bag backpack whip sling javelin trident halberd scythe flail "
    "scimitar rapier katana blade orb rune letter map mushroom"
).split()
_EFFECTS = (
    "effect explosion fireball flame fire lightning bolt cloud smoke spark beam blast frost spell "
    "magic aura portal whirlwind tornado vortex icicle splash acid poison heal healing"
).split()
WORDS: Mapping[str, str] = {
    **dict.fromkeys(_EFFECTS, "effect"),
    **dict.fromkeys(_ITEMS, "item"),
    **dict.fromkeys(_ANIMALS, "animal"),
    **dict.fromkeys(_MONSTERS, "monster"),
    **dict.fromkeys(_PEOPLE, "person"),
    **dict.fromkeys(("portrait", "bust", "headshot"), "portrait"),
}
"""Kind that a noun names by itself."""


def kind_of(prompt: str) -> str:
    """The kind that a prompt names: what its first noun phrase ends in; empty if none is named.

    "fire sword" is an item and "sword fighter" a person; a monster with a trade ("goblin
    archer") stays a monster, unless the trade is to fight it ("dragon slayer").
    """
    for clause in _BREAK.split(prompt[:2000]):
        nouns = [kind for word in words(clause) if (kind := _kind(word))]
        if not nouns:
            continue
        if nouns[-1] == "person" and "monster" in nouns and not _fights(clause):
            return "monster"
        return nouns[-1]
    return ""


def _kind(word: str) -> str | None:
    single = word[:-3] + "f" if word.endswith("ves") else word.removesuffix("s")
    return WORDS.get(word) or WORDS.get(single) or WORDS.get(word.split("-")[-1])


def _fights(clause: str) -> bool:
    return bool({"slayer", "hunter", "tamer", "trainer", "rider", "keeper"} & set(words(clause)))
