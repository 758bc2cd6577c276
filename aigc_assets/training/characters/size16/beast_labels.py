"""What is what in the 16 px creatures that are drawn in one view: families, and words for each.

Creatures of one family are drawn alike (dogs, cats and horses all stand and look left), so that the
fore part of one fits the hind part of another. The words are written by hand from the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Creatures that are drawn alike.

    Args:
        view: ``side`` looks left, ``front`` looks at us.
        along: Axis from the fore to the hind part: ``x`` from left to right, ``y`` down.
        seam: Where on that axis the fore part ends, 0..1 of the figure.
        grounded: Whether the feet stand on the ground; others float where they are drawn.
        bodies: One per line: name in the source, ``|``, what a prompt may call it. A ``*`` in
            front keeps it out of training.
    """

    view: str
    along: str
    seam: float
    grounded: bool
    bodies: str


FAMILIES: Mapping[str, Family] = {
    "quadruped": Family(
        "side",
        "x",
        0.48,
        True,
        """
        jackal|jackal hyena dog
        fox|fox vixen
        coyote|coyote dog
        *dingo|dingo dog
        wolf|wolf
        warg|warg wolf dire
        little hound|puppy dog
        hound|dog hound
        big hound|mastiff dog hound
        hell hound|hellhound hound dog
        *cerberus|cerberus
        leopard|leopard cheetah
        panther|panther
        tiger|tiger
        lion|lion
        puma kitten|kitten cat
        puma|puma cougar cat
        barn cat|cat lynx
        baby pig|piglet pig
        pig|pig
        hog|boar hog
        feral hog|boar tusked
        baby dairy cow|calf cow
        dairy cow|cow
        bull|bull ox
        llama|llama alpaca camel
        baby white goat|kid goat
        white goat|goat
        baby white sheep|lamb sheep
        white sheep|sheep ram
        brown unicorn|unicorn
        newborn brown horse|foal pony horse
        brown horse|horse mare
        strong brown horse|stallion horse
        baby deer|fawn deer
        deer|deer stag moose
        mastodon|mammoth elephant
        mumak|elephant
        *titanothere|rhino
        baluchitherium|rhino rhinoceros
        wumpus|hippo behemoth
        leocrotta|leocrotta hyena
        kirin|kirin
        pegasus|pegasus hippogriff
        rodent of unusual size|bear
        sphinx|sphinx manticore
        plains centaur|centaur
        """,
    ),
    "rodent": Family(
        "side",
        "x",
        0.5,
        True,
        """
        red squirrel|squirrel chipmunk
        rabbit|rabbit hare bunny
        jackrabbit|hare rabbit
        woodchuck|beaver marmot badger
        sewer rat|rat mouse hamster
        *enormous rat|rat
        rust monster|anteater armadillo
        disintegrator|porcupine hedgehog
        rock mole|mole
        platypus|platypus otter
        """,
    ),
    "bird": Family(
        "side",
        "y",
        0.45,
        True,
        """
        cave penguin|penguin
        baby penguin|penguin
        pelican|pelican stork heron crane
        baby duck|duckling duck
        duck|duck
        puffin|puffin
        *baby puffin|puffin
        baby swan|cygnet swan
        swan|swan goose
        albatross|albatross
        condor|vulture condor
        green parrot|parrot
        dove|dove pigeon
        parakeet|parakeet parrot
        thrush|sparrow thrush
        seagull|gull seagull
        bald eagle|eagle hawk
        golden eagle|eagle
        ostrich|ostrich
        baby emu|emu turkey
        kiwi|kiwi
        chick|chick bird
        hen|hen chicken
        rooster|rooster cock chicken
        peacock|peacock
        griffon|griffin griffon
        baby griffon|griffin
        barn owl|owl
        snowy owl|owl
        terror bird|terrorbird moa
        nighthawk|crow raven nighthawk
        robin|robin swallow swift
        *osprey|osprey
        plains chickabay|bird
        """,
    ),
    "bat": Family(
        "front",
        "y",
        0.55,
        False,
        """
        white nosed bat|bat
        giant bat|bat
        vampire bat|bat vampire
        werebat|bat werebat
        *baby bat|bat
        """,
    ),
    "fish": Family(
        "side",
        "x",
        0.5,
        False,
        """
        fighting fish|fish goldfish
        red snapper|fish snapper
        catfish|fish catfish
        piranha|fish piranha
        great white shark|shark
        tiger shark|shark
        beluga whale|whale
        river dolphin|dolphin whale
        """,
    ),
    "serpent": Family(
        "side",
        "y",
        0.5,
        True,
        """
        snakefish|eel snake
        snake|snake viper
        pit viper|snake viper
        cobra|snake cobra
        serpent|snake serpent
        garter snake|snake
        red naga|naga snake
        golden naga|naga
        black naga|naga
        sea nymph|mermaid merfolk
        *asp|snake
        salamander|salamander
        baby long worm|worm
        long worm|worm
        purple worm|worm leech
        """,
    ),
    "lizard": Family(
        "side",
        "x",
        0.5,
        True,
        """
        iguana|lizard iguana
        chameleon|chameleon lizard
        baby crocodile|alligator crocodile
        crocodile|crocodile
        gecko|gecko lizard
        *gila monster|lizard
        newt|newt lizard
        giant tortoise|turtle tortoise
        """,
    ),
    "dragon": Family(
        "side",
        "y",
        0.5,
        True,
        """
        baby glendrake|dragon drake hatchling
        glendrake|dragon
        icewyrm|dragon wyrm
        baby icewyrm|dragon drake
        sanddrake|dragon
        storrmwyrm|dragon wyrm
        darkwyrm|dragon
        bogwyrm|wyvern dragon
        kingwyrm|dragon
        searwyrm|dragon
        hydra|hydra
        baby hydra|hydra
        *lightwyrm|dragon
        *baby kingwyrm|dragon
        """,
    ),
    "bug": Family(
        "side",
        "x",
        0.5,
        True,
        """
        dragonfly|dragonfly
        queen bee|bee wasp
        cave spider|spider
        giant spider|spider tarantula
        phase spider|spider
        scorpion|scorpion
        giant scorpion|scorpion
        giant ant|ant insect
        *soldier ant|ant
        locust|locust grasshopper mantis
        assassin bug|bug insect
        spark bug|bee bug
        arc bug|wasp hornet bee
        spitting beetle|beetle bug
        killer beetle|beetle bug
        lobster|lobster crab crayfish
        """,
    ),
    "snail": Family(
        "side",
        "x",
        0.5,
        True,
        """
        baby slug|slug
        giant slug|slug
        baby snail|snail
        giant snail|snail
        green slime|caterpillar larva
        """,
    ),
    "humanoid": Family(
        "front",
        "y",
        0.52,
        True,
        """
        giant|giant titan
        fire giant|giant
        ettin|ettin two-headed giant
        cyclops|cyclops one-eyed
        *frost giant|giant
        orc|orc
        orc king|orc
        *militant orc|orc
        troll|troll
        ogre|ogre brute
        ogre king|ogre
        gnome|gnome gremlin
        goblin|goblin
        hobgoblin|hobgoblin goblin
        goblin king|goblin
        kobold|kobold
        large kobold|kobold
        kobold shaman|kobold shaman
        kobold rogue|lizardman kobold
        kobold barbarian|lizardman
        *kobold priest|lizardman
        ordinary orc|orc
        orc knight|orc knight
        orc barbarian|orc
        *orc samurai|orc
        ordinary goblin|goblin
        goblin prince|goblin
        ordinary kobold|kobold
        imp|imp
        gremlin|gremlin imp
        gargoyle|gargoyle
        winged gargoyle|gargoyle winged
        lesser devil|devil demon imp fiend
        ixoth|demon devil
        orcus|minotaur demon
        marilith|demon
        demogorgon|demon fiend
        bone devil|devil bone
        gnome zombie|zombie undead
        human zombie|zombie undead
        giant zombie|zombie undead
        *ettin zombie|zombie
        dwarf mummy|mummy undead
        human mummy|mummy undead
        ettin mummy|mummy undead
        skeleton|skeleton undead
        lich|lich undead
        master lich|lich undead
        vampire lord|vampire
        vampire mage|vampire
        death|reaper death
        charon|cultist wraith
        nazgul|wraith spectre wight
        tengu|tengu harpy
        satyr|satyr faun
        straw golem|scarecrow golem
        paper golem|golem
        gold golem|golem construct
        leather golem|golem
        clay golem|golem
        stone golem|golem
        iron golem|golem robot
        *wax golem|golem
        umber hulk|hulk beast
        werejackal|werejackal
        werewolf|werewolf
        ghoul|ghoul undead
        medusa|medusa gorgon
        monkey|monkey
        ape|ape gorilla
        carnivorous ape|ape gorilla
        yeti|yeti
        owlbear|owlbear bear
        zruty|beast monster
        """,
    ),
    "blob": Family(
        "front",
        "y",
        0.5,
        True,
        """
        lichen|lichen mold
        gray ooze|ooze slime blob
        brown pudding|pudding slime ooze
        black pudding|pudding slime
        quivering blob|eyeball blob
        gelatinous cube|jelly blob
        blue jelly|jelly slime blob
        *ochre jelly|jelly
        evil eye|eye eyeball
        eye tyrant|beholder watcher eye
        snow puff|puffball hedgehog
        air elemental|elemental air
        fire elemental|elemental fire flame
        water elemental|elemental water
        large mimic|mimic
        spirit|ghost spirit phantom
        ghost|ghost spectre banshee
        """,
    ),
    "plant": Family(
        "front",
        "y",
        0.5,
        True,
        """
        burning evil shrub|shrub plant
        demon shrub|plant shrub
        burning demon shrub|shrub plant
        blizzard shrub|shrub plant
        maelstrom shrub|plant shrub
        evil tree|treant tree ent
        demon tree|treant tree
        blizzard tree|treant tree
        *maelstrom tree|tree
        shrieker|mushroom fungus
        """,
    ),
    "sea": Family(
        "front",
        "y",
        0.5,
        True,
        """
        kraken|kraken octopus tentacle
        jellyfish|jellyfish octopus squid
        man o war|jellyfish squid
        sea tiger|sea-monster
        """,
    ),
}
"""By name; the order of families and of the bodies in them is the order of the items."""


@dataclass(frozen=True)
class Beast:
    """One creature: name in the source, words, family, and whether training never sees it."""

    name: str
    words: str
    family: str
    held_out: bool


def beasts() -> dict[str, Beast]:
    """All of them by a name that is made of their first word."""
    found: dict[str, Beast] = {}
    for family, shared in FAMILIES.items():
        for line in shared.bodies.split("\n"):
            name, _, words = line.strip().partition("|")
            if not words:
                continue
            first = label = words.split()[0]
            number = 1
            while label in found:
                number += 1
                label = f"{first} {number}"
            found[label] = Beast(name.removeprefix("*"), words, family, name.startswith("*"))
    return found
