"""Small pictures on top of the ground: things, creatures and decoration, drawn as text.

One character is one pixel; `INKS` says which colour it stands for. Pictures of eight columns are
the left half of a symmetric one. ``C`` and ``c`` are the colour of a key and its light tone.
"""

from __future__ import annotations

INKS: dict[str, tuple[int, int, int]] = {
    "k": (22, 20, 30),
    "w": (238, 232, 216),
    "g": (152, 156, 170),
    "d": (86, 88, 104),
    "r": (196, 62, 48),
    "o": (224, 122, 48),
    "y": (232, 186, 72),
    "Y": (250, 236, 170),
    "n": (98, 168, 76),
    "N": (50, 92, 52),
    "b": (72, 124, 204),
    "B": (40, 66, 130),
    "v": (148, 96, 180),
    "V": (86, 54, 112),
    "p": (226, 172, 134),
    "t": (134, 96, 62),
    "T": (78, 54, 40),
    "a": (84, 172, 172),
}

KEY_COLOURS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "red": ((190, 48, 42), (240, 120, 100)),
    "blue": ((52, 96, 190), (120, 170, 240)),
    "gold": ((220, 166, 40), (252, 232, 140)),
    "green": ((64, 140, 60), (140, 210, 110)),
    "violet": ((124, 66, 160), (196, 140, 220)),
    "teal": ((48, 140, 140), (120, 214, 206)),
}
"""Body and light of each key colour."""

KEY = """
................
................
................
...kkkk.........
..kCCCCk........
.kCcckCCk.......
.kCckkkCkkkkkkk.
.kCckkkCCCCCCCCk
.kCCkkCCccccckCk
..kCCCCkkkkCkCk.
...kkkk...kCkCk.
...........k.k..
"""

DOOR_FRONT = """
kkkkkkkk
kggggggg
kgkkkkkk
kgkttTtt
kgkttTtt
kgkttTtt
kgkkkkkk
kgkCCCCC
kgkCcccC
kgkCCCCk
kgkkkkkk
kgkttTtt
kgkttTtt
kgkttTtt
kgkttTtt
kkkkkkkk
"""

DOOR_SIDE = """
....kkkk
....kggg
....kgtt
....kgtt
....kgtt
....kgkk
....kgCC
....kgCc
....kgCc
....kgCC
....kkkk
....kTtt
....kTtt
....kTCC
....kTtt
....kkkk
"""

TECH_DOOR_FRONT = """
kkkkkkkk
kgggggww
kgddkkkk
kgdkgggg
kgdkgggd
kgdkgggd
kgdkCCCC
kgdkcccC
kgdkCCCC
kgdkgggd
kgdkgggd
kgdkgggd
kgdkgggd
kgdkdddd
kgdkdddd
kkkkkkkk
"""

TECH_DOOR_SIDE = """
....kkkk
....kwgg
....kggg
....kgCC
....kgCc
....kgCc
....kgCc
....kgCC
....kggg
....kkkk
....kddd
....kdgg
....kdCC
....kdgg
....kddd
....kkkk
"""

THINGS: dict[str, str] = {
    "chest": """
........
........
........
...kkkkk
..ktyttt
.kttyttt
.kTTyTTT
.kkkkkky
.kyyyyyk
.kttytty
.kttyttt
.kTTyTTT
.kkkkkkk
""",
    "skeleton": """
........
....kkkk
...kwwww
..kwwwww
..kwwwww
..kwkkww
..kwkkww
..kgwwwk
...kgwww
...kkwkw
...kgkgk
....kkkk
""",
    "ghost": """
........
....kkkk
...kwwww
..kwwwww
..kwkkww
..kwkkww
..kwwwww
.kwwwwwk
.kwgwwww
.kwgwwww
.kggwggw
.kgkggkg
..k.kk.k
""",
    "rat": """
........
........
..kk....
.kppk...
.kppkkkk
..kkgggg
..kggggg
..kgkkgg
..kggggg
...kgggg
..kgkggp
.kgggkkk
..kkk...
""",
    "slime": """
........
........
........
........
.....kkk
...kknnn
..knYYnn
.knYnnnn
.knnkwnn
knnnkknn
knnnnnnn
kNnnnnnn
kNNNNNNN
.kkkkkkk
""",
    "bat": """
........
........
........
.k......
kvk..kk.
kvvkkvvk
kvvvvvvv
kVvvvkrv
kVkVvvvv
.k.kVvwv
....kVVV
.....kkk
""",
    "spider": """
........
........
..kk....
.k..k...
.k..kkkk
k.kkdddd
k.kddddd
.kkdrddd
...kdrdd
.kkkdddd
k..kkddd
k.k..kkk
..k.....
""",
    "drone": """
........
......kk
......ka
...kkkkg
..kggwww
.kgggggg
.kgddkkk
.kgdkrrr
.kgdkrYr
.kddkkrr
..kkdddk
...kkddd
..kyk.kk
..kk....
""",
    "mutant": """
........
....kkkk
...knnnn
..knnnnn
..knkynn
..knnnnn
...knkwk
.kkkknnn
knnknnnn
knNkNnnn
.kk.kNNN
....knnk
...kNNNk
...kkkk.
""",
    "turret": """
........
........
.....kkk
....kggg
...kgwgg
kkkkgkkk
kdggkrrr
kdddkrYr
kkkkgkkk
...kdggg
....kkkk
...kdddd
..kddggg
..kkkkkk
""",
}
"""Markers of things and creatures."""

SIGNS: dict[str, str] = {
    "boss": """
.......k
k..k..ky
yk.yk.ky
yykyykyY
yyyyyyyY
rkkkkkkk
.kwwwwww
kwwwwwww
kwkkkwww
kwkrkkww
kwkkkwwk
kgwwwwwk
.kggwwww
..kwkwkw
..kgkgkg
...kkkkk
""",
    "trigger": """
........
...kkkkk
..kggggg
.kgddddd
kgdddkkk
kgddkkaa
kgdkkakk
kgdkakka
kgdkakka
kgdkkakk
kgddkkaa
kgdddkkk
.kgddddd
..kggggg
...kkkkk
........
""",
    "pedestal": """
........
........
........
...kkkkk
..kggggg
.kgggggg
.kdggggg
..kddddd
..kgdddd
..kgdddd
..kgdddd
.kkgdddd
.kggdddd
.kdddddd
.kkkkkkk
........
""",
}
"""Markers of places: where the boss waits, what sets something off, what a prize stands on."""


def rows(picture: str) -> list[str]:
    """The 16 rows of 16 characters of a picture; halves are mirrored, short ones centred."""
    lines = picture.strip("\n").split("\n")
    if len(lines[0]) == 8:
        lines = [line + line[::-1] for line in lines]
    missing = 16 - len(lines)
    empty = "." * 16
    return [empty] * ((missing + 1) // 2) + lines + [empty] * (missing // 2)


def lowered(picture: str, down: int) -> str:
    """The same picture ``down`` rows lower, higher when negative; blank rows come in."""
    lines = rows(picture)
    blank = ["." * 16] * abs(down)
    lines = [*blank, *lines[:-down]] if down > 0 else [*lines[-down:], *blank]
    return "\n" + "\n".join(lines) + "\n"
