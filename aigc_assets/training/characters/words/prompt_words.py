"""Words that people use for what the lexicon of characters calls otherwise.

Left: a word or two that the rules understand. Right: other words for it, none of which the rules
know; a part of them is kept from training and only judged.
"""

from __future__ import annotations

from collections.abc import Mapping

Table = Mapping[str, str]

ROLES: Table = {
    "wizard": "magus spellcaster conjurer illusionist thaumaturge archmage spellweaver pyromancer "
    "geomancer summoner arcanist",
    "witch": "hag crone hexer soothsayer wisewoman",
    "knight": "templar chevalier horseman champion dragoon hospitaller",
    "soldier": "infantryman legionary legionnaire footman swordsman spearman swordswoman veteran "
    "trooper conscript militiaman recruit guardsman watchman gatekeeper constable gendarme",
    "ranger": "woodsman trapper tracker pathfinder marksman sharpshooter poacher outrider "
    "huntress huntsman bowwoman",
    "thief": "burglar pickpocket cutpurse robber outlaw smuggler footpad highwayman scoundrel "
    "brigand spy cutthroat",
    "priest": "vicar chaplain parson abbot preacher missionary acolyte pastor oracle",
    "monk": "hermit ascetic novice stylite anchorite",
    "king": "monarch sovereign ruler sultan tsar kaiser",
    "queen": "empress sultana tsarina",
    "noble": "baron baroness marquis viscount courtier nobleman noblewoman squire gentry",
    "alchemist": "apothecary herbalist chemist botanist sage astronomer physician doctor "
    "philosopher historian cartographer",
    "farmer": "shepherd ploughman milkmaid serf cowherd goatherd harvester countryman yokel",
    "blacksmith": "armourer farrier metalworker ironmonger weaponsmith forger tinker",
    "merchant": "peddler vendor shopkeep salesman dealer tradesman grocer hawker barkeep waiter "
    "publican butcher tailor",
    "bard": "musician singer troubadour fiddler lutenist skald poet dancer",
    "pirate": "buccaneer mariner seaman boatswain privateer swashbuckler seafarer",
    "villager": "commoner settler neighbour townsman townswoman passerby wanderer pilgrim beggar "
    "nomad tourist",
}
BARE_ROLES: Table = {
    "barbarian": "brute raider marauder tribesman wildman",
    "necromancer": "gravecaller bonecaller deathmage",
    "samurai": "ronin shogun",
    "ninja": "shinobi kunoichi",
    "jester": "clown harlequin trickster buffoon juggler",
    "druid": "treespeaker greenwarden",
    "gladiator": "pitfighter brawler",
}
"""Roles that only some sizes draw."""
BODIES: Table = {
    "woman": "gal lass madam mistress dame damsel matron missus miss widow aunt niece wench",
    "man": "guy lad sir mister bloke fellow dude chap widower uncle nephew",
    "old": "wizened wrinkled grizzled venerable hoary greying retired withered",
    "young": "youngish juvenile adolescent teen boyish girlish",
}
GARMENTS: Table = {
    "robe": "kimono toga vestment bathrobe",
    "dress": "frock ballgown sundress",
    "cloak": "poncho shroud wrap cloaks",
    "shirt": "jersey pullover jumper singlet undershirt",
    "coat": "parka overcoat blazer anorak trenchcoat",
    "trousers": "chinos britches pantaloons dungarees",
    "skirt": "petticoat sarong tutu",
    "boots": "wellingtons galoshes buskins jackboots",
    "shoes": "sneakers clogs loafers moccasins trainers",
    "hood": "balaclava hoods",
    "hat": "bonnet fedora beret sombrero tricorn",
    "helmet": "headgear casque armet visored sallet",
    "crown": "diadem coronet",
    "armor": "cuirass breastwork hauberk brigandine lamellar",
}
HANDS: Table = {
    "sword": "claymore zweihander gladius backsword smallsword",
    "dagger": "dirk stiletto shiv poniard",
    "axe": "tomahawk poleaxe broadaxe",
    "bow": "shortbow recurve",
    "staff": "cane walkingstick",
    "spear": "harpoon polearm partisan",
    "mace": "cudgel truncheon",
    "hammer": "maul sledgehammer mallet",
    "shield": "aegis targe bulwark",
}
HAIR: Table = {
    "bald": "hairless bald-headed baldheaded",
    "bearded": "whiskered unshaven bristly stubbled",
    "curly": "frizzy ringleted curls",
    "braided": "plaited plaits",
}
COLOURS: Table = {
    "red": "cherry blood ruddy vermilion cardinal carmine reddish",
    "blue": "cobalt sapphire bluish ultramarine",
    "green": "jade verdant viridian greenish grassy",
    "yellow": "canary sunny yellowish flaxen",
    "purple": "lilac purplish aubergine",
    "brown": "mahogany brownish tawnyish cinnamon walnut",
    "black": "inky jet onyx sable pitch blackened",
    "white": "snowy alabaster milky chalky whitish",
    "gray": "ashen slate stony greyish leaden",
    "orange": "tangerine carrot pumpkin",
    "pink": "fuchsia blush rosy pinkish",
    "gold": "gilt aureate brassy",
}
MONSTERS: Table = {
    "goblin": "gobbo goblinoid goblins bugbear",
    "skeleton": "skeletal bony bones",
    "dragon": "wyrm dragonling serpentwyrm",
    "demon": "demonic fiendish succubus balrog",
    "ghost": "spook apparition poltergeist ghostly",
    "zombie": "walker shambler zombified",
    "slime": "blob gelatinous slimy",
    "troll": "trollish trolls",
}
ANIMALS: Table = {
    "wolf": "wolfish lupine coyote dhole",
    "spider": "arachnid tarantula spidery",
    "bear": "grizzly ursine",
    "snake": "viper cobra adder python serpent",
    "bird": "sparrow pigeon finch robin",
}
ITEMS: Table = {
    "potion": "elixir tonic phial brew",
    "scroll": "parchment",
    "ring": "signet",
    "key": "latchkey",
    "gem": "jewel gemstone",
    "coin": "doubloon florin",
}
EFFECTS: Table = {
    "explosion": "detonation blastwave kaboom",
    "fireball": "firebolt fireblast",
    "smoke": "fumes haze",
}
ELEMENTS: Table = {
    "fire": "fiery blazing scorching flamey",
    "ice": "glacial icebound wintry",
    "poison": "venomous noxious toxicant",
    "lightning": "electrified stormy thunderous",
    "shadow": "shadowy gloomy umbral",
}
THINGS = (
    "scimitar katana rapier falchion halberd glaive trident scythe sickle flail club whip "
    "crossbow sling wand lantern torch book orb buckler gloves gauntlets bracers bandana turban "
    "headband circlet tiara mask cap veil jacket vest waistcoat tunic gown kilt loincloth leggings "
    "shorts sandals slippers suspenders cardigan glasses horns wings mohawk ponytail pigtails "
    "topknot beard moustache goatee feathered horned viking ragged striped checked studded leather "
    "chain scale plate crimson scarlet navy teal violet turquoise silver ivory wine maroon olive "
    "beige lime cyan magenta indigo bronze copper steel blonde ginger elf dwarf gnome halfling "
    "vampire mummy kobold minotaur centaur naga orc ogre giant lich wraith golem griffin archer "
    "warrior paladin assassin rogue cleric sorcerer mage princess prince shaman"
).split()
"""Known words that stand for themselves, to be recognised when they are misspelt."""
GROUPS: Mapping[str, Table] = {
    "role": ROLES, "bare role": BARE_ROLES, "body": BODIES, "garment": GARMENTS, "hand": HANDS,
    "hair": HAIR, "colour": COLOURS, "monster": MONSTERS, "animal": ANIMALS, "item": ITEMS,
    "effect": EFFECTS, "element": ELEMENTS, "thing": dict.fromkeys(THINGS, ""),
}  # fmt: skip
KINDS = ("person", "monster", "animal", "item", "effect")
TEMPLATES: tuple[str, ...] = (
    # a blank is a group; "?" words may be missing; the last word of a pair is its noun
    "person: {body?} {role} {colour} {garment}",
    "person: {body} {role} with {colour} {garment} and {colour} hair",
    "person: a {body} in a {colour} {garment} holding a {hand}",
    "person: {element} {role} wearing {colour} {garment}",
    "person: {role} {hair} {colour} hair {colour} {garment} {hand}",
    "person: the {body?} {role} carries a {hand} and wears {garment} {garment}",
    "person: {bare role} with a {hand}",
    "person: {hair} {body} {colour} {garment} over {colour} {garment}",
    "person: {body} {bare role} {colour} hair",
    "person: {colour} haired {role} and a {hand}",
    "person: {role} with {thing} and {colour} {thing}",
    "person: {thing} {role} {colour} {thing} {thing}",
    "person: {thing} in {colour} {garment}",
    "monster: {element?} {monster} {role}",
    "monster: {colour} {monster} with a {hand}",
    "monster: big {element} {monster}",
    "monster: {monster} in {colour} {garment}",
    "animal: {colour} {animal}",
    "animal: {element} {animal}",
    "item: {colour} {item}",
    "item: {element} {item}",
    "effect: {colour} {effect}",
    "effect: {element} {effect}",
)
HELD_TEMPLATES: tuple[str, ...] = (
    "person: {role} dressed in a {garment} that is {colour} and armed with a {hand}",
    "person: my {body} {role} has a {colour} {garment}",
    "person: {garment} {colour} {role} {hand} {hair}",
    "person: {body} who looks like a {role} {colour} {garment} {colour} {garment}",
    "person: a {thing} and {thing} for the {role}",
    "monster: {monster} made of {element}",
    "animal: tame {colour} {animal}",
    "item: old {colour} {item}",
)
"""Phrasings that training never sees."""
