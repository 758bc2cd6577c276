"""Words for people at 32 px: the roles and garments of the paper doll.

Labels of the doll ("horned helmet", "double axe") are words already. Here stand bodies, ages and
roles, and what people write for things that the doll calls otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from aigc_assets.pipelines.characters.words.lexicon import SYNONYMS, Meaning, Values

PAINTS: Mapping[str, tuple[str, ...]] = {
    "race": ("skin",), "hair": ("hair",), "beard": ("hair",), "torso": ("torso",),
    "legs": ("legs",), "feet": ("feet",), "gloves": ("gloves",), "over": ("over",),
    "headwear": ("headwear",), "weapon": ("weapon",), "shield": ("shield",), "wings": ("wings",),
}  # fmt: skip
"""Slots that an attribute is painted with."""

ADJECTIVES = frozenset(
    "short long wide great large heavy giant small big tall spiked curved broad double triple "
    "side tower round square plain open closed full".split()
)
"""Words that only mean something beside a noun of the same attribute."""

_ROBES = ("robe", "plain robe", "trimmed robe", "open robe", "ornate robe", "wizard robe",
          "furred robe", "gilded robe", "sorcerer robe")  # fmt: skip
_PLATE = ("plate armor", "winged plate armor", "heavy plate armor", "tabard armor",
          "long tabard armor", "banded armor", "gilded armor")  # fmt: skip
_MAIL = ("mail shirt", "chain armor", "scale armor", "tabard armor", "metal shirt")
_LEATHER = ("leather armor", "studded armor", "leather vest", "studded jacket")
_HELMETS = ("barbute helmet", "closed helmet", "horned helmet", "great helmet", "plumed helmet",
            "winged helmet", "cheek helmet", "king helmet", "spiked helmet")  # fmt: skip
_HATS = ("wizard hat", "banded wizard hat", "wide wizard hat", "pointed hat")
_SWORDS = ("sword", "short sword", "broad sword", "long sword", "great sword", "heavy sword")
_STAVES = ("staff", "mage staff", "ring staff", "great staff", "snake staff", "crook staff")
_SHIELDS = ("knight shield", "kite shield", "eagle shield", "lion shield", "quartered shield",
            "heater shield", "round shield", "cross shield")  # fmt: skip
_AXES = ("axe", "battle axe", "double axe", "broad axe", "hand axe")
_BOWS = ("bow", "long bow", "great bow")
_DRESSES = ("dress", "gown", "noble dress", "pinafore dress")
_COATS = ("coat", "long coat", "noble coat", "belted coat", "embroidered coat", "tailcoat")
_SHIRTS = ("shirt", "striped shirt", "button shirt", "trimmed shirt", "long shirt", "vest shirt")
_PANTS = ("pants", "knee pants", "long pants", "wide pants", "leggings")
_LONG_HAIR = ("long", "straight", "long parted", "shoulder length", "side braid")


def _is(paints: tuple[str, ...] = (), **values: tuple[str, ...]) -> Meaning:
    return Meaning(values, paints)


def _role(colours: Values | None = None, **values: tuple[str, ...]) -> Meaning:
    return Meaning(values, ("torso",), colours or {}, False)


_FEMALE, _MALE = SYNONYMS["woman"], SYNONYMS["man"]
_OLD = Meaning({}, (), SYNONYMS["old"].colours)
_TREE = ("umber", "forest", "fern")

WORDS: Mapping[str, Meaning] = {
    # bodies, ages and folk
    **{word: meaning for word, meaning in SYNONYMS.items() if meaning in (_FEMALE, _MALE)},
    **dict.fromkeys(("old", "elder", "elderly", "aged", "ancient", "senior"), _OLD),
    "grandmother": Meaning({"body": ("feminine",)}, (), _OLD.colours),
    "grandfather": Meaning({"body": ("masculine",), "beard": ("beard", "long beard")}, (),
                           _OLD.colours),
    **dict.fromkeys(("young", "youthful", "teenage", "adult"), Meaning({"beard": ("none",)})),
    "man": _MALE,
    "hobbit": _is(race=("halfling",)),
    "dwarven": _is(race=("dwarf",)),
    "elven": _is(race=("elf",)),
    "dwarf": Meaning({"race": ("dwarf",), "body": ("masculine",), "beard": ("beard", "long beard")},
                     ("torso",), {}, False),
    **dict.fromkeys(("lizardman", "lizard", "dragonborn", "dragonkin"), _is(race=("draconian",))),
    **dict.fromkeys(("catgirl", "catfolk"), _is(race=("cat folk",))),
    **dict.fromkeys(("birdman", "bird"), _is(race=("tengu", "winged tengu"))),
    **dict.fromkeys(("demon", "devil", "imp", "tiefling"),
                    Meaning({"race": ("demonspawn",)}, (), {"skin": ("red", "garnet")})),
    **dict.fromkeys(("zombie", "undead"),
                    Meaning({"race": ("ghoul",)}, (), {"skin": ("mint", "dove")})),
    "snake": _is(race=("naga",)),
    "orc": Meaning({"race": ("lava orc",)}, (), {"skin": ("green", "fern", "olivine")}),
    "winged": _is(("wings",), wings=("wings",)),
    "angel": Meaning({"wings": ("wings",)}, ("torso",), {"wings": ("white",), "torso": ("ivory",)}),
    # hair
    **dict.fromkeys(("haired", "hair"), Meaning({}, ("hair",))),
    "bald": _is(hair=("none",)),
    **dict.fromkeys(("bearded",), _is(("hair",), beard=("beard", "long beard"))),
    "shaven": _is(beard=("none",)),
    "mustache": _is(("hair",), beard=("moustache",)),
    "wavy": _is(("hair",), hair=("curly", "shoulder length")),
    "afro": _is(("hair",), hair=("big", "curly")),
    "bun": _is(("hair",), hair=("knot",)),
    "braided": _is(("hair",), hair=("braids", "side braid")),
    "braid": _is(("hair",), hair=("side braid", "braids")),
    **dict.fromkeys(("skin", "skinned"), Meaning({}, ("skin",))),
    # garments
    **dict.fromkeys(("blouse", "t-shirt", "sweater"), _is(("torso",), torso=_SHIRTS)),
    **dict.fromkeys(("robes", "habit", "cassock"), _is(("torso",), torso=_ROBES)),
    "robe": _is(("torso",), torso=_ROBES),
    "dress": _is(("torso",), torso=_DRESSES),
    "coat": _is(("torso",), torso=_COATS),
    **dict.fromkeys(("cape", "mantle"), _is(("over",), over=("cloak", "wide cloak"))),
    **dict.fromkeys(("cloak", "cloaked"), _is(("over",), over=("cloak", "wide cloak"))),
    **dict.fromkeys(("trousers", "breeches", "slacks", "pants", "jeans"),
                    _is(("legs",), legs=_PANTS)),
    "barefoot": _is(feet=("none",)),
    **dict.fromkeys(("gauntlet", "glove"), _is(("gloves",), gloves=("gauntlets", "gloves"))),
    **dict.fromkeys(("helmet", "helm", "helmets"), _is(("headwear",), headwear=_HELMETS)),
    **dict.fromkeys(("hooded", "cowl", "hood"), _is(("headwear",), headwear=("hood", "long hood",
                                                                            "wide hood"))),
    "hat": _is(("headwear",), headwear=("hat", "wizard hat", "straw hat", "feathered hat")),
    **dict.fromkeys(("crowned", "crown"), _is(("headwear",), headwear=("crown", "jeweled crown",
                                                                      "tall crown"))),
    **dict.fromkeys(("armor", "armour", "armored", "armoured"),
                    _is(("torso",), torso=(*_PLATE, *_MAIL, *_LEATHER))),
    **dict.fromkeys(("plate",), _is(("torso",), torso=_PLATE)),
    **dict.fromkeys(("mail", "chainmail"), _is(("torso",), torso=_MAIL)),
    "mask": _is(("headwear",), headwear=("ninja mask",)),
    # in the hands
    **dict.fromkeys(("blade", "sword", "swords"), _is(("weapon",), weapon=_SWORDS)),
    "longsword": _is(("weapon",), weapon=("long sword",)),
    "greatsword": _is(("weapon",), weapon=("great sword",)),
    "shortsword": _is(("weapon",), weapon=("short sword",)),
    "broadsword": _is(("weapon",), weapon=("broad sword",)),
    **dict.fromkeys(("sabre", "saber", "cutlass"), _is(("weapon",), weapon=("scimitar",
                                                                          "curved sword"))),
    "axe": _is(("weapon",), weapon=_AXES),
    "longbow": _is(("weapon",), weapon=("long bow",)),
    "bow": _is(("weapon",), weapon=_BOWS),
    **dict.fromkeys(("lance", "javelin"), _is(("weapon",), weapon=("spear", "pike"))),
    **dict.fromkeys(("warhammer", "hammer"), _is(("weapon",), weapon=("hammer",))),
    "broom": _is(("weapon",), weapon=("staff", "living staff")),
    **dict.fromkeys(("staff", "stave"), _is(("weapon",), weapon=_STAVES)),
    "shield": _is(("shield",), shield=(*_SHIELDS, "wooden shield", "domed shield")),
    **dict.fromkeys(("tome", "spellbook"), _is(("shield",), shield=("book",))),
    "unarmed": _is(weapon=("none",), shield=("none",)),
    # roles: habits that any firm word overrules
    **dict.fromkeys(
        ("wizard", "mage", "sorcerer", "warlock", "magician"),
        _role({"torso": ("royal", "purple", "indigo", "midnight")}, torso=_ROBES, headwear=_HATS,
              weapon=_STAVES, beard=("long beard",), body=("masculine",), feet=("shoes",))),
    **dict.fromkeys(
        ("witch", "sorceress", "enchantress"),
        _role({"torso": ("purple", "black", "plum")}, body=("feminine",), headwear=_HATS,
              torso=("slit dress", "noble dress", "robe"), weapon=("living staff", "wand"))),
    **dict.fromkeys(
        ("necromancer", "cultist"),
        _role({"torso": ("shadow", "black", "plum"), "headwear": ("shadow", "black", "plum")},
              torso=("hooded robe", "stained robe", "ornate robe"), headwear=("hood", "none"),
              weapon=("skull staff",))),
    **dict.fromkeys(
        ("knight", "paladin", "cavalier", "crusader"),
        _role({"over": ("navy", "wine", "forest")}, torso=_PLATE, headwear=_HELMETS,
              weapon=_SWORDS, shield=_SHIELDS, legs=("plate leggings", "armored leggings"),
              feet=("boots", "plated boots"), gloves=("gauntlets", "mittens"))),
    **dict.fromkeys(
        ("soldier", "guard", "warrior", "captain", "sentinel", "fighter", "mercenary", "warden"),
        _role({"legs": ("umber", "gray", "navy")}, torso=(*_MAIL, "leather armor"),
              headwear=(*_HELMETS, "chain coif"), weapon=(*_SWORDS, "spear", "halberd", "mace"),
              shield=(*_SHIELDS, "none"), legs=("leggings", "pants"), feet=("boots",))),
    **dict.fromkeys(
        ("ranger", "hunter", "scout", "archer", "bowman"),
        _role({"torso": ("forest", "fern", "olivine"), "headwear": ("forest", "fern"),
               "over": ("forest", "umber"), "legs": ("umber", "leather")},
              torso=("quiver tunic", "tunic", "leather vest"), weapon=_BOWS,
              headwear=("feathered hat", "hood", "none"), legs=("pants", "leggings"),
              feet=("boots", "tall boots"), gloves=("bracers", "none"))),
    **dict.fromkeys(
        ("thief", "rogue", "assassin", "bandit"),
        _role({"torso": ("charcoal", "shadow", "soot"), "over": ("charcoal", "shadow"),
               "legs": ("charcoal", "soot"), "headwear": ("charcoal", "shadow")},
              torso=_LEATHER, headwear=("hood", "bandana", "ninja mask"), legs=("leggings",),
              weapon=("dagger", "knife", "curved dagger"), over=("cloak", "none"),
              feet=("boots",))),
    **dict.fromkeys(
        ("priest", "priestess", "cleric", "healer", "nun", "bishop"),
        _role({"torso": ("ivory", "pearl", "linen")}, weapon=("mace", "sceptre", "crook staff"),
              torso=("cleric robe", "priest robe", "healer robe"),
              headwear=("none", "wimple", "veil"))),
    **dict.fromkeys(("monk", "friar"),
                    _role({"torso": ("umber", "chocolate", "ochre")}, hair=("none",),
                          torso=("monk robe", "gi"), feet=("sandals",),
                          weapon=("quarterstaff", "none"), body=("masculine",))),
    **dict.fromkeys(("barbarian", "berserker", "savage"),
                    _role({"legs": ("umber", "leather")}, torso=("animal skin", "none"),
                          weapon=_AXES, legs=("loincloth", "kilt"), feet=("boots",),
                          hair=("long", "shoulder length", "mohawk"),
                          headwear=("none", "horns", "viking helmet"))),
    "viking": _role(None, body=("masculine",), beard=("beard", "long beard"), weapon=_AXES,
                    headwear=("viking helmet", "horned helmet"),
                    shield=("wooden shield", "wheel shield"),
                    torso=("leather armor", "mail shirt"), legs=("pants",), feet=("boots",)),
    "gladiator": _role(None, torso=("breastplate", "none"), weapon=("trident", "short sword"),
                       shield=("round shield", "domed shield"), feet=("sandals",),
                       headwear=("plumed helmet", "cheek helmet"), legs=("belt skirt",)),
    "samurai": _role({"torso": ("red", "navy")}, torso=("banded armor", "scale armor"),
                     weapon=("katana",), headwear=("horned helmet", "ram helmet"),
                     legs=("wide pants",)),
    "ninja": _role({"torso": ("shadow", "black"), "legs": ("shadow", "black"),
                    "headwear": ("shadow", "black")}, torso=("gi",), headwear=("ninja mask",),
                   weapon=("katana", "nunchaku"), legs=("leggings",), feet=("shoes",)),
    "druid": _role({"torso": _TREE}, torso=("robe", "one-shouldered robe"),
                   beard=("long beard", "none"),
                   weapon=("living staff",), headwear=("horns", "none", "hood")),
    "shaman": _role({"torso": _TREE}, torso=("animal skin", "one-shouldered robe"),
                    headwear=("horns", "bear hood"), weapon=("skull staff", "living staff"),
                    shield=("tribal shield", "none")),
    **dict.fromkeys(("queen", "princess"),
                    _role({"torso": ("purple", "garnet", "royal"), "headwear": ("gold",)},
                          body=("feminine",), headwear=("crown", "tiara"), hair=_LONG_HAIR,
                          torso=("noble dress", "gown", "dress"), over=("wide cloak", "none"))),
    **dict.fromkeys(("king", "prince", "emperor"),
                    _role({"torso": ("royal", "wine"), "over": ("garnet", "royal"),
                           "headwear": ("gold",)}, body=("masculine",),
                          headwear=("crown", "jeweled crown"), over=("wide cloak", "cloak"),
                          torso=("noble coat", "embroidered coat"), weapon=("sceptre", "none"))),
    **dict.fromkeys(("noble", "rich", "wealthy", "aristocrat"),
                    _role({"torso": ("purple", "wine", "royal")},
                          torso=("noble coat", "embroidered coat", "noble dress"))),
    **dict.fromkeys(("alchemist", "scholar", "scientist", "librarian", "scribe", "professor"),
                    _role({"torso": ("forest", "umber", "plum")}, shield=("book", "none"),
                          torso=("coat", "open robe", "plain robe"), feet=("shoes",))),
    **dict.fromkeys(("farmer", "peasant", "miller", "gardener"),
                    _role({"torso": ("linen", "ochre"), "legs": ("denim", "umber")},
                          headwear=("straw hat",), weapon=("pitchfork", "sickle", "none"),
                          torso=("suspenders", "vest shirt", "shirt"), legs=("pants",),
                          feet=("boots",))),
    "miner": _role(None, weapon=("pickaxe",), torso=("suspenders", "shirt"), legs=("pants",),
                   headwear=("leather cap",), feet=("boots",)),
    "lumberjack": _role({"torso": ("red", "wine")}, weapon=("axe", "hand axe"),
                        torso=("checked shirt",), legs=("pants",), feet=("boots",)),
    **dict.fromkeys(("blacksmith", "smith"),
                    _role({"torso": ("leather", "umber")}, body=("masculine",), weapon=("hammer",),
                          torso=("leather vest", "suspenders"), legs=("pants",), feet=("boots",),
                          gloves=("mittens", "gloves"))),
    **dict.fromkeys(("merchant", "trader", "innkeeper", "shopkeeper", "bartender", "baker", "cook"),
                    _role({"torso": ("mustard", "linen", "ochre")}, legs=("pants",),
                          torso=("waistcoat", "vest", "silk shirt"), feet=("shoes",),
                          headwear=("none", "cap", "turban"))),
    **dict.fromkeys(("bard", "minstrel"),
                    _role({"torso": ("teal", "red orange", "amber")}, torso=("sash shirt", "vest"),
                          headwear=("feathered hat",), legs=("hose",), feet=("shoes",))),
    "jester": _role({"torso": ("red", "purple")}, torso=("jester suit",), headwear=("jester hat",),
                    legs=("hose",)),
    **dict.fromkeys(("sailor", "pirate", "fisherman", "corsair"),
                    _role({"torso": ("navy", "white", "red")}, headwear=("bandana",),
                          torso=("open jacket", "striped shirt"), weapon=("scimitar",),
                          legs=("knee pants",), feet=("boots",))),
    **dict.fromkeys(("villager", "citizen", "traveler", "traveller", "adventurer", "hero",
                     "heroine", "child", "kid", "student", "servant", "worker"), _role()),
}  # fmt: skip
