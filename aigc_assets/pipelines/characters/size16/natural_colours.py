"""Colours that creatures usually have, for what a prompt leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_USUAL = """
skeleton: ivory porcelain linen / charcoal smoke
mummy: linen beige ivory / tan umber
zombie ghoul undead: fern olivine swamp / umber denim wine
vampire: porcelain ivory / wine charcoal plum
lich wraith spectre reaper cultist wight: charcoal indigo plum / ivory ice
ghost spirit phantom wisp banshee: ice ivory powder / sky lavender
orc troll goblin hobgoblin kobold: green fern olivine apple / umber leather wine
ogre giant ettin cyclops titan brute: tan peach bronze / umber leather forest
imp devil demon fiend: red garnet orange / charcoal mustard
minotaur werewolf werejackal satyr gorilla ape monkey: umber chocolate coffee / tan peach
golem construct gargoyle stone robot: gray smoke tan / dove umber
treant ent tree plant shrub bamboo: forest fern green / umber oak
mushroom fungus: red orange plum / ivory linen
slime ooze jelly pudding blob: green sky purple apple / ivory
dragon drake wyvern wyrm hydra: red green teal royal / honey linen
lizardman lizard iguana gecko crocodile alligator newt: green fern olivine / linen honey
turtle tortoise: olivine fern / umber tan
frog toad: green apple / linen
snake serpent viper cobra naga: green fern teal umber / linen honey
wolf warg coyote jackal hyena: gray smoke dove / ivory white
fox vixen: orange red_orange / ivory
dog puppy hound mastiff hellhound: umber tan chocolate / linen ivory
cat kitten lynx: gray orange charcoal tan / ivory linen
lion puma cougar: honey tan ochre / umber chocolate
tiger leopard cheetah: orange amber / charcoal
panther: charcoal shadow / smoke
bear cub beaver marmot: umber chocolate / tan
raccoon racoon badger tanuki: gray smoke umber / ivory linen
pig piglet: salmon pink peach / linen
boar hog: umber coffee / tan
cow calf goat kid: white umber / charcoal coffee
owl: tan umber / ivory linen
bull ox: umber coffee / linen
sheep lamb ram llama alpaca: white linen / charcoal coffee
horse foal stallion mare pony deer fawn stag centaur: chocolate umber tan / ivory coffee
unicorn pegasus kirin swan goose gull seagull albatross: white ivory pearl / silver honey
elephant mammoth rhino rhinoceros hippo behemoth mole: gray smoke dove / linen charcoal
rat mouse: gray umber smoke / salmon pink linen
rabbit hare bunny squirrel hamster: linen tan umber / white
penguin puffin orca: charcoal navy / white
duck: white honey umber / mustard orange
duckling: lemon yellow / orange
chicken hen rooster: white umber / mustard orange
chick: lemon yellow / orange
eagle hawk condor vulture: umber coffee / ivory
sparrow bird robin: tan umber / linen mustard
crow raven: charcoal shadow / smoke mustard
parrot parakeet: green red royal / yellow
peacock: royal teal / green
shark whale dolphin: gray denim blue / white
spider ant beetle bug scorpion insect: charcoal umber wine / red
tarantula: umber coffee / tan
bee wasp hornet: yellow amber / charcoal
snail slug worm: tan ochre / umber
lobster crab: red orange / salmon
octopus kraken squid jellyfish: salmon purple sky / ivory
bat: umber charcoal plum / tan
"""


def _names(text: str) -> tuple[str, ...]:
    """Names of colours; ``red_orange`` stands for one of two words."""
    return tuple(part.replace("_", " ") for part in text.split())


USUAL: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    word: (_names(body), _names(mark))
    for line in _USUAL.strip().split("\n")
    for words, _, colours in (line.partition(":"),)
    for body, _, mark in (colours.partition("/"),)
    for word in words.split()
}
"""Colours of the body and of the marks, by a word for the creature."""


def usual(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Colours of the first word that has any."""
    return next((USUAL[word] for word in words if word in USUAL), None)
