"""Words of a prompt and what they mean: labels of the data plus a small table of synonyms.

Every word of an item label ("curly", "cardigan", "kettle") is known by itself and stands for all
values that carry it. The table below adds what people write instead: garments that the data calls
otherwise, colour names, and roles. Nothing else is guessed; other words are reported as unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Meaning:
    """What a word asks for.

    Args:
        values: Per attribute, the values that fit.
        paints: Slots that a colour word beside it colours.
        colours: Slots with the colour names that fit when the prompt names no other.
        firm: Whether it overrules the habits of a role ("helmet" does, "knight" is a role).
        exact: The value that is meant when no other word narrows ``values``, if any: "skirt" is
            the plain skirt, unless it is a long one.
    """

    values: Values = field(default_factory=dict)
    paints: tuple[str, ...] = ()
    colours: Values = field(default_factory=dict)
    firm: bool = True
    exact: str = ""


PAINTS: Mapping[str, tuple[str, ...]] = {
    "hair": ("hair",),
    "beard": ("hair",),
    "torso": ("torso",),
    "over": ("over",),
    "legs": ("legs",),
    "feet": ("feet",),
    "neck": ("accent",),
    "headwear": ("metal",),
    "pointed hat": ("accent",),  # a value of its own colour goes before its attribute
    "pointed": ("accent",),
    "eyewear": ("metal",),
    "weapon": ("weapon",),
    "shield": ("shield",),
    "wings": ("wings",),
}
"""Slots that an attribute, or one of its values, is painted with."""

_LONG = ("longsleeve shirt", "v-neck longsleeve shirt", "scoop longsleeve shirt",
         "buttoned longsleeve shirt")  # fmt: skip
_HELMS = ("bascinet open", "norman", "kettle helm", "morion")
_BEARDS = ("medium beard", "trimmed beard")
_LONG_HAIR = ("medium page", "medium curly", "medium bob side part", "medium bob bangs",
              "medium bangs and bun")  # fmt: skip
_FEMALE = Meaning({"body": ("feminine",)})
_MALE = Meaning({"body": ("masculine",)})
_OLD = Meaning({"head": ("elderly",)}, (), {"hair": ("gray", "white", "silver")})
_YOUNG = Meaning({"head": ("feminine", "masculine")})
_ROBE = Meaning(
    {"torso": ("longsleeve shirt",), "legs": ("long skirt",)}, ("torso", "legs", "over")
)
_DRESS = Meaning(
    {"torso": ("scoop longsleeve shirt",), "legs": ("long skirt",), "over": ("none",)},
    ("torso", "legs"),
)
_COAT = Meaning({"over": ("cardigan",)}, ("over",))
_CLOAK = Meaning({"over": ("cloak",)}, ("over",))
_TROUSERS = Meaning({"legs": ("pants", "cuffed pants")}, ("legs",))
_HELMET = Meaning({"headwear": _HELMS}, ("metal",))


def _role(colours: Values | None = None, **values: tuple[str, ...]) -> Meaning:
    return Meaning(values, ("torso",), colours or {}, False)


SYNONYMS: Mapping[str, Meaning] = {
    # bodies and ages
    **dict.fromkeys(
        ("woman", "female", "lady", "girl", "countess", "she", "her", "wife",
         "mother", "daughter", "sister", "feminine", "duchess", "maiden"), _FEMALE),
    **dict.fromkeys(
        ("man", "male", "lord", "boy", "count", "he", "his", "husband", "father",
         "son", "brother", "masculine", "duke", "gentleman"), _MALE),
    **dict.fromkeys(("old", "elder", "elderly", "aged", "ancient", "senior"), _OLD),
    **dict.fromkeys(("young", "youthful", "teenage", "adult"), _YOUNG),
    **dict.fromkeys(("queen", "princess"), Meaning(
        {"body": ("feminine",), "headwear": ("crown",), "legs": ("long skirt",)}, ("torso",),
        {"metal": ("gold",), "torso": ("purple", "garnet", "royal")}, False)),
    **dict.fromkeys(("king", "prince"), Meaning(
        {"body": ("masculine",), "headwear": ("crown",), "over": ("cloak",)}, ("torso",),
        {"metal": ("gold",), "over": ("garnet", "royal"), "torso": ("royal", "wine")}, False)),
    "grandmother": Meaning({"body": ("feminine",), "head": ("elderly",)}, (), _OLD.colours),
    "grandfather": Meaning({"body": ("masculine",), "head": ("elderly",)}, (), _OLD.colours),
    # garments
    "shirt": Meaning({"torso": _LONG}, ("torso",)),
    "blouse": Meaning({"torso": ("scoop longsleeve shirt", "buttoned longsleeve shirt")},
                      ("torso",)),
    "tunic": Meaning({"torso": _LONG, "legs": ("skirt",)}, ("torso", "legs")),
    "sweater": Meaning({"torso": ("longsleeve shirt",)}, ("torso",)),
    "armor": Meaning({"torso": ("longsleeve shirt",)}, ("torso",), {"torso": ("smoke", "gray")}),
    **dict.fromkeys(("robe", "robes", "habit", "cassock"), _ROBE),
    **dict.fromkeys(("dress", "gown"), _DRESS),
    **dict.fromkeys(("coat", "jacket", "vest", "shawl"), _COAT),
    **dict.fromkeys(("cloak", "cape", "mantle"), _CLOAK),
    **dict.fromkeys(("trousers", "breeches", "slacks"), _TROUSERS),
    "jeans": Meaning({"legs": ("pants", "cuffed pants")}, ("legs",), {"legs": ("denim",)}),
    "kilt": Meaning({"legs": ("skirt",)}, ("legs",)),
    "apron": Meaning({"legs": ("overalls",)}, ("legs",)),
    "barefoot": Meaning({"feet": ("none",)}),
    "sandals": Meaning({"feet": ("shoes",)}, ("feet",)),
    "slippers": Meaning({"feet": ("shoes",)}, ("feet",)),
    **dict.fromkeys(("helmet", "helm", "helmets"), _HELMET),
    **dict.fromkeys(("hood", "cowl", "hooded"), Meaning({"headwear": ("hood",)}, ("accent",))),
    "hat": Meaning({"headwear": ("pointed hat",)}, ("accent",)),
    "crowned": Meaning({"headwear": ("crown",)}, ("metal",), {"metal": ("gold",)}),
    "crown": Meaning({"headwear": ("crown",)}, ("metal",), {"metal": ("gold",)}),
    "tiara": Meaning({"headwear": ("crown",)}, ("metal",), {"metal": ("gold", "silver")}),
    "coif": Meaning({"headwear": ("chainmail hood",)}, ("metal",)),
    "visor": Meaning({"headwear": ("bascinet closed",)}, ("metal",)),
    "plume": Meaning({"headwear": ("bascinet open plumed", "morion plumed")}, ("accent",)),
    "spectacles": Meaning({"eyewear": ("glasses", "halfmoon glasses")}, ("metal",)),
    "tie": Meaning({"neck": ("bowtie",)}, ("accent",)),
    # in the hands, at the shoulders
    **dict.fromkeys(("blade", "swords", "longsword", "shortsword", "katana", "scimitar", "rapier",
                     "sabre", "saber", "cutlass", "falchion", "broadsword"),
                    Meaning({"weapon": ("sword",)}, ("weapon",))),
    **dict.fromkeys(("greatsword", "claymore"), Meaning({"weapon": ("great sword",)}, ("weapon",))),
    **dict.fromkeys(("knife", "daggers"), Meaning({"weapon": ("dagger",)}, ("weapon",))),
    **dict.fromkeys(("hatchet", "battleaxe"), Meaning({"weapon": ("axe",)}, ("weapon",))),
    **dict.fromkeys(("club", "flail", "morningstar"), Meaning({"weapon": ("mace",)}, ("weapon",))),
    **dict.fromkeys(("warhammer",), Meaning({"weapon": ("hammer",)}, ("weapon",))),
    **dict.fromkeys(("stave", "quarterstaff", "crook"),
                    Meaning({"weapon": ("staff",)}, ("weapon",))),
    **dict.fromkeys(("rod", "sceptre"), Meaning({"weapon": ("wand",)}, ("weapon",))),
    **dict.fromkeys(("lance", "pike", "halberd", "glaive", "javelin"),
                    Meaning({"weapon": ("spear",)}, ("weapon",))),
    "pitchfork": Meaning({"weapon": ("trident",)}, ("weapon",)),
    **dict.fromkeys(("longbow", "crossbow"), Meaning({"weapon": ("bow",)}, ("weapon",))),
    "sickle": Meaning({"weapon": ("scythe",)}, ("weapon",)),
    "buckler": Meaning({"shield": ("round shield",)}, ("shield",)),
    "winged": Meaning({"wings": ("feathered wings",)}, ("wings",)),
    "angel": Meaning({"wings": ("feathered wings",)}, ("wings",), {"torso": ("ivory", "white")}),
    "unarmed": Meaning({"weapon": ("none",), "shield": ("none",)}),
    # hair
    "haired": Meaning({}, ("hair",)),
    "hair": Meaning({}, ("hair",)),
    "long": Meaning({"hair": _LONG_HAIR, "legs": ("long skirt",)}),
    "bald": Meaning({"hair": ("none",)}),
    "bearded": Meaning({"beard": _BEARDS}, ("hair",)),
    "beard": Meaning({"beard": _BEARDS}, ("hair",)),
    "moustache": Meaning({"beard": ("walrus mustache", "chevron mustache", "handlebar mustache")},
                         ("hair",)),
    "shaven": Meaning({"beard": ("none",)}),
    "afro": Meaning({"hair": ("short natural", "medium curly")}, ("hair",)),
    "wavy": Meaning({"hair": ("medium curly", "short curly")}, ("hair",)),
    "braids": Meaning({"hair": ("medium cornrows",)}, ("hair",)),
    "braided": Meaning({"hair": ("medium cornrows",)}, ("hair",)),
    "skin": Meaning({}, ("skin",)),
    "skinned": Meaning({}, ("skin",)),
    "eyes": Meaning({}, ("eyes",)),
    "eyed": Meaning({}, ("eyes",)),
    # roles: habits that any firm word overrules
    **dict.fromkeys(
        ("wizard", "mage", "sorcerer", "warlock", "magician"),
        _role({"torso": ("royal", "purple", "indigo", "midnight")}, body=("masculine",),
              beard=("medium beard",), torso=("longsleeve shirt",), legs=("long skirt",),
              headwear=("pointed hat",), weapon=("staff",))),
    **dict.fromkeys(
        ("witch", "sorceress", "enchantress"),
        _role({"torso": ("purple", "black", "plum")}, body=("feminine",), legs=("long skirt",),
              torso=("scoop longsleeve shirt",), headwear=("pointed hat",))),
    **dict.fromkeys(
        ("knight", "paladin", "sentinel"),
        _role({"torso": ("gray", "dove", "silver"), "legs": ("charcoal", "soot", "midnight"),
               "metal": ("steel", "silver")}, headwear=_HELMS, feet=("boots",), over=("none",),
              torso=("longsleeve shirt",), legs=("pants", "hose"), weapon=("sword",),
              shield=("shield", "round shield"))),
    **dict.fromkeys(
        ("soldier", "guard", "warrior", "captain", "fighter", "mercenary"),
        _role({"torso": ("navy", "wine", "forest"), "metal": ("steel", "iron")}, headwear=_HELMS,
              feet=("boots",), legs=("pants", "hose"), weapon=("sword", "sword", "spear"),
              shield=("shield", "round shield", "none"))),
    **dict.fromkeys(
        ("orc", "goblin", "hobgoblin", "troll", "ogre"),
        _role({"skin": ("green", "fern", "olivine"), "torso": ("umber", "leather", "soot"),
               "hair": ("black", "charcoal"), "eyes": ("yellow", "red")}, over=("none",))),
    **dict.fromkeys(
        ("demon", "devil", "fiend", "imp"),
        _role({"skin": ("red", "garnet"), "torso": ("soot", "charcoal"),
               "legs": ("charcoal", "soot"), "hair": ("black", "charcoal"),
               "eyes": ("yellow", "orange")})),
    **dict.fromkeys(
        ("vampire",),
        _role({"skin": ("porcelain", "ivory"), "torso": ("soot", "charcoal", "wine"),
               "over": ("garnet", "wine"), "legs": ("soot", "charcoal"),
               "hair": ("black", "white"), "eyes": ("red",)}, over=("cloak",))),
    **dict.fromkeys(
        ("undead", "zombie", "ghoul", "lich", "revenant"),
        _role({"skin": ("mint", "dove"), "torso": ("umber", "charcoal", "smoke"),
               "hair": ("gray", "white"), "eyes": ("teal", "red")})),
    "warden": _role({"metal": ("iron", "steel")}, feet=("boots",), legs=("pants",)),
    **dict.fromkeys(
        ("blacksmith", "smith"),
        _role({"torso": ("umber", "wine")}, body=("masculine",), head=("masculine",),
              feet=("boots",), legs=("pants",), over=("suspenders",))),
    **dict.fromkeys(
        ("alchemist", "scholar", "scientist", "librarian", "scribe", "professor"),
        _role({"over": ("forest", "umber", "plum")}, eyewear=("none", "glasses",
              "halfmoon glasses"), over=("cardigan",))),
    **dict.fromkeys(
        ("farmer", "peasant", "miller", "gardener"),
        _role({"legs": ("denim", "umber", "leather")}, legs=("overalls",),
              torso=("buttoned longsleeve shirt", "t-shirt"), feet=("boots",))),
    **dict.fromkeys(
        ("noble", "rich", "wealthy", "aristocrat"),
        _role({"torso": ("purple", "wine", "royal", "garnet")})),
    **dict.fromkeys(
        ("monk", "friar"),
        _role({"torso": ("umber", "chocolate")}, hair=("short balding",), legs=("long skirt",),
              torso=("longsleeve shirt",), body=("masculine",), head=("masculine", "elderly"))),
    **dict.fromkeys(
        ("priest", "priestess", "cleric", "healer", "nun"),
        _role({"torso": ("ivory", "pearl", "linen")}, torso=("longsleeve shirt",),
              legs=("long skirt",))),
    **dict.fromkeys(
        ("thief", "rogue", "assassin", "bandit"),
        _role({"torso": ("charcoal", "shadow", "soot"), "legs": ("charcoal", "soot")},
              headwear=("hood",), over=("cloak", "none"), feet=("boots",), weapon=("dagger",))),
    **dict.fromkeys(
        ("ranger", "hunter", "scout", "archer", "elf"),
        _role({"torso": ("forest", "fern", "olivine"), "legs": ("umber", "leather")},
              feet=("boots",), weapon=("bow",))),
    **dict.fromkeys(
        ("merchant", "trader", "innkeeper", "shopkeeper", "bartender", "baker", "cook"),
        _role({"torso": ("mustard", "linen", "ochre")}, over=("suspenders", "none"))),
    **dict.fromkeys(
        ("bard", "minstrel", "jester"), _role({"torso": ("teal", "red orange", "amber")},
                                              legs=("hose",), feet=("shoes",))),
    **dict.fromkeys(("sailor", "fisherman"),
                    _role({"torso": ("navy", "white")}, legs=("cuffed pants",))),
    **dict.fromkeys(("pirate", "corsair", "buccaneer"),
                    _role({"torso": ("white", "linen"), "over": ("wine", "navy", "soot")},
                          legs=("cuffed pants",), over=("cardigan",), feet=("boots",),
                          weapon=("sword",))),
    **dict.fromkeys(
        ("barbarian", "berserker", "savage", "gladiator"),
        _role({"torso": ("leather", "umber"), "legs": ("umber", "soot")}, weapon=("axe",),
              over=("none",), legs=("skirt",), torso=("t-shirt", "scoop t-shirt"),
              hair=("medium page", "medium dreadlocks"), feet=("boots",))),
    **dict.fromkeys(
        ("ninja",),
        _role({"torso": ("soot", "midnight"), "legs": ("soot", "midnight")}, headwear=("hood",),
              torso=("longsleeve shirt",), legs=("hose",), over=("none",), weapon=("dagger",))),
    **dict.fromkeys(
        ("samurai",),
        _role({"torso": ("garnet", "navy"), "legs": ("charcoal", "soot")}, over=("none",),
              torso=("longsleeve shirt",), legs=("long skirt",), weapon=("sword",),
              headwear=("kettle helm", "none"), hair=("medium bangs and bun",))),
    **dict.fromkeys(
        ("necromancer", "cultist"),
        _role({"torso": ("soot", "plum"), "over": ("plum", "soot")}, headwear=("hood",),
              torso=("longsleeve shirt",), legs=("long skirt",), over=("cloak",),
              weapon=("staff", "scythe"))),
    **dict.fromkeys(
        ("druid", "shaman"),
        _role({"torso": ("fern", "umber", "olivine"), "over": ("forest", "fern")},
              torso=("longsleeve shirt",), legs=("long skirt",), over=("cloak",),
              headwear=("hood", "none"), weapon=("staff",))),
    **dict.fromkeys(("villager", "citizen", "traveler", "traveller", "adventurer", "hero",
                     "heroine", "child", "kid", "student", "servant", "worker"), _role()),
    **dict.fromkeys(("dwarf", "viking"), _role(body=("masculine",), head=("masculine",),
                                               beard=("medium beard",), headwear=_HELMS,
                                               weapon=("axe",), shield=("round shield", "none"))),
}  # fmt: skip

COLOUR_WORDS: Mapping[str, tuple[str, ...]] = {
    # word: names to look for, first one that the kind of ramp has
    "grey": ("gray",), "gray": ("gray",), "blond": ("blonde",), "blonde": ("blonde", "lemon"),
    "golden": ("gold", "blonde", "amber"), "gold": ("gold", "blonde", "amber"),
    "ginger": ("orange",), "brunette": ("brown", "chestnut"), "redhead": ("red",),
    "auburn": ("ruby", "garnet"),
    "crimson": ("red", "garnet"), "scarlet": ("red",), "maroon": ("wine", "ruby"),
    "burgundy": ("wine", "ruby"), "violet": ("violet", "purple"), "magenta": ("cerise", "pink"),
    "turquoise": ("teal",), "lime": ("spring", "green"), "olive": ("olivine", "tawny"),
    "khaki": ("tan",), "cream": ("ivory", "platinum"), "rust": ("red orange", "bronze"),
    "iron": ("iron", "gray"), "steel": ("steel", "silver"), "leather": ("leather", "brown"),
    "dark": ("charcoal", "coffee", "iron"), "light": ("dove", "ivory", "blonde"),
    "pale": ("ivory", "pearl", "platinum"), "fair": ("peach", "blonde"),
    "tanned": ("tan",), "ebony": ("coffee", "black"), "olive-skinned": ("tawny",),
    "turmeric": ("tumeric",), "platinum": ("platinum", "silver"),
    "white": ("white", "porcelain", "silver"), "black": ("black", "coffee", "iron"),
    "brown": ("brown", "bronze"), "hazel": ("hazel", "chestnut", "brown"),
    "blue": ("blue",), "green": ("green",), "red": ("red",), "yellow": ("yellow", "blonde"),
    "orange": ("orange",), "purple": ("purple",), "pink": ("pink",), "silver": ("silver",),
}  # fmt: skip

OF_HAIR = frozenset(("blonde", "blond", "ginger", "redhead", "auburn", "brunette"))
"""Colour words that speak of hair even without the word."""

SHADED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("dark", "blue"): ("navy", "midnight"), ("dark", "green"): ("forest",),
    ("dark", "red"): ("wine", "garnet", "ruby"), ("dark", "brown"): ("chocolate", "chestnut"),
    ("dark", "gray"): ("charcoal",), ("dark", "purple"): ("plum",),
    ("light", "blue"): ("sky", "powder"), ("light", "green"): ("mint",),
    ("light", "brown"): ("tan", "ash brown"), ("light", "gray"): ("dove", "silver"),
    ("light", "pink"): ("rose", "powder", "pink"), ("light", "purple"): ("lavender",),
    ("pale", "blue"): ("powder", "ice"), ("pale", "green"): ("mint",),
    ("dark", "skin"): ("coffee", "brown"), ("pale", "skin"): ("porcelain", "ivory"),
    ("light", "skin"): ("ivory", "peach"), ("fair", "skin"): ("peach", "ivory"),
    ("dark", "hair"): ("black", "charcoal"), ("light", "hair"): ("blonde", "platinum"),
}  # fmt: skip
"""Two words that together name a colour, or a tone that fits a slot."""

ADJECTIVES = frozenset(
    "short medium long high open closed top flat side part natural fade thin ankle".split()
)
"""Words that only mean something beside a noun of the same attribute."""

IGNORED = frozenset(
    "a an the and or with in of wearing wears wear has have having who is are his her their its on "
    "very some big small tall short's from for at to as by pair person character sprite pixel art "
    "one that this simple plain nice style portrait bust headshot sign symbol".split()
)
"""Words that ask for nothing that can be drawn."""

ELEMENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # word: the element, and the colours of who commands it
    **dict.fromkeys(("fire", "flame", "flaming", "burning", "lava", "magma", "ember", "infernal"),
                    ("fire", ("red orange", "orange", "red"))),
    **dict.fromkeys(("ice", "frost", "frozen", "frosty", "icy", "snow", "winter", "arctic"),
                    ("ice", ("ice", "powder", "sky"))),
    **dict.fromkeys(("water", "sea", "ocean", "tidal", "river"), ("water", ("azure", "blue"))),
    **dict.fromkeys(("poison", "toxic", "acid", "venom", "plague"),
                    ("poison", ("spring", "green"))),
    **dict.fromkeys(("lightning", "thunder", "storm", "electric"),
                    ("lightning", ("yellow", "lemon"))),
    **dict.fromkeys(("shadow", "void", "night", "death", "cursed"),
                    ("shadow", ("shadow", "plum"))),
    **dict.fromkeys(("holy", "divine", "sun", "sacred", "celestial"),
                    ("light", ("ivory", "white"))),
    **dict.fromkeys(("earth", "stone", "rock", "mud", "sand"), ("earth", ("umber", "sepia"))),
    **dict.fromkeys(("nature", "forest", "woodland", "leaf", "jungle"),
                    ("nature", ("fern", "green"))),
    **dict.fromkeys(("magic", "magical", "enchanted", "arcane", "glowing"), ("magic", ())),
}  # fmt: skip
"""Words for an element; it lends its colours where the prompt names none."""

EYES: Mapping[str, tuple[int, int, int]] = {
    "brown": (110, 70, 40), "blue": (58, 110, 180), "green": (60, 130, 70), "gray": (110, 120, 135),
    "hazel": (140, 100, 50), "purple": (120, 70, 160), "black": (45, 40, 50),
    "red": (200, 50, 40), "orange": (225, 120, 40), "yellow": (225, 185, 60),
    "gold": (225, 185, 60), "teal": (60, 160, 150), "pink": (225, 120, 150),
}  # fmt: skip
"""Colours of eyes."""

_BASIC: Mapping[str, tuple[int, int, int]] = {"gold": (232, 178, 60), "silver": (190, 196, 204)}


def colour_rgb(names: tuple[str, ...], colours: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Plain tone of the first name that a ramp has, sRGB; None if none has.

    Args:
        names: Colour names, best first, as in `Wish.colours`.
        colours: Ramps by kind and name, ``vocabulary["colours"]``.
    """
    for name in names:
        if name in _BASIC:
            return _BASIC[name]
        for kind in ("cloth", "metal", "hair", "skin"):
            ramp = colours.get(kind, {}).get(name)
            if ramp:
                red, green, blue = ramp[len(ramp) * 2 // 3]
                return int(red), int(green), int(blue)
    return None


_MARKS = "".join(c for c in map(chr, range(0x300, 0x1100)) if unicodedata.category(c)[0] == "M")
"""Vowel signs and the like, which stand inside words of many scripts."""
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_WORD = re.compile(rf"[^\W_]{_LETTER}*(?:[-'’]{_LETTER}+)*")
_FILLER = frozenset(("and", "helm", "none"))


def words(text: str) -> list[str]:
    """Lower-case words of a text, hyphens and apostrophes kept inside."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def label_words(vocabulary: Mapping[str, Any]) -> dict[str, Values]:
    """Per word of the item labels: the values of each attribute that carry it."""
    found: dict[str, dict[str, list[str]]] = {}
    for attribute, values in vocabulary["attributes"].items():
        if attribute in ("body", "head"):
            continue
        for value in values:
            for word in {value, *words(value)} - _FILLER:
                found.setdefault(word, {}).setdefault(attribute, []).append(value)
    return {word: {a: tuple(v) for a, v in where.items()} for word, where in found.items()}
