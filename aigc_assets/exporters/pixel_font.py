"""A small proportional bitmap font for captions, drawn for this package.

Capitals are seven px high, small letters five, descenders reach two px below the base line; a line
of text takes `LINE_HEIGHT` px. Covers printable ASCII and common typographic signs; accented
letters lose their accent, anything else becomes a hollow box.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
from numpy.typing import NDArray

GLYPH_HEIGHT = 9
LINE_HEIGHT = 11
_SPACING = 1

# One glyph a line: the character, then its rows from the top of the capitals downwards.
# A glyph of fewer than nine rows ends on or above the base line (row seven).
_DRAWN = """
! #/#/#/#/#/./#
" #.#/#.#/#.#
# .#.#./.#.#./#####/.#.#./#####/.#.#./.#.#.
$ ..#../.####/#.#../.###./..#.#/####./..#..
% ##..#/##..#/...#./..#../.#.../#..##/#..##
& .##../#..#./#.#../.#.../#.#.#/#..#./.##.#
' #/#/#
( ..#/.#./#../#../#../#../.#./..#
) #../.#./..#/..#/..#/..#/.#./#..
* ...../#.#.#/.###./#####/.###./#.#.#
+ ...../..#../..#../#####/..#../..#..
, ../../../../../.#/.#/#.
- ..../..../..../####
. ./././././#/#
/ ...#/...#/..#./..#./.#../.#../#.../#...
0 .###./#...#/#..##/#.#.#/##..#/#...#/.###.
1 ..#./.##./#.#./..#./..#./..#./####
2 .###./#...#/....#/..##./.#.../#..../#####
3 .###./#...#/....#/..##./....#/#...#/.###.
4 ...#./..##./.#.#./#..#./#####/...#./...#.
5 #####/#..../####./....#/....#/#...#/.###.
6 ..##./.#.../#..../####./#...#/#...#/.###.
7 #####/....#/...#./..#../..#../.#.../.#...
8 .###./#...#/#...#/.###./#...#/#...#/.###.
9 .###./#...#/#...#/.####/....#/...#./.##..
: ././#/#/./#/#
; ../../.#/.#/../.#/.#/#.
< ...#/..#./.#../#.../.#../..#./...#
= ..../..../####/..../####
> #.../.#../..#./...#/..#./.#../#...
? .###./#...#/....#/...#./..#../...../..#..
@ .###./#...#/#.###/#.#.#/#.###/#..../.###.
A .###./#...#/#...#/#####/#...#/#...#/#...#
B ####./#...#/#...#/####./#...#/#...#/####.
C .###./#...#/#..../#..../#..../#...#/.###.
D ####./#...#/#...#/#...#/#...#/#...#/####.
E #####/#..../#..../####./#..../#..../#####
F #####/#..../#..../####./#..../#..../#....
G .###./#...#/#..../#.###/#...#/#...#/.####
H #...#/#...#/#...#/#####/#...#/#...#/#...#
I ###/.#./.#./.#./.#./.#./###
J ..###/...#./...#./...#./...#./#..#./.##..
K #...#/#..#./#.#../##.../#.#../#..#./#...#
L #..../#..../#..../#..../#..../#..../#####
M #...#/##.##/#.#.#/#.#.#/#...#/#...#/#...#
N #...#/##..#/##..#/#.#.#/#..##/#..##/#...#
O .###./#...#/#...#/#...#/#...#/#...#/.###.
P ####./#...#/#...#/####./#..../#..../#....
Q .###./#...#/#...#/#...#/#.#.#/#..#./.##.#
R ####./#...#/#...#/####./#.#../#..#./#...#
S .####/#..../#..../.###./....#/....#/####.
T #####/..#../..#../..#../..#../..#../..#..
U #...#/#...#/#...#/#...#/#...#/#...#/.###.
V #...#/#...#/#...#/#...#/.#.#./.#.#./..#..
W #...#/#...#/#...#/#.#.#/#.#.#/##.##/#...#
X #...#/#...#/.#.#./..#../.#.#./#...#/#...#
Y #...#/#...#/.#.#./..#../..#../..#../..#..
Z #####/....#/...#./..#../.#.../#..../#####
[ ###/#../#../#../#../#../#../###
\\ #.../#.../.#../.#../..#./..#./...#/...#
] ###/..#/..#/..#/..#/..#/..#/###
^ ..#../.#.#./#...#
_ ...../...../...../...../...../...../...../#####
` #./.#
a ..../..../.##./...#/.###/#..#/.###
b #.../#.../###./#..#/#..#/#..#/###.
c ..../..../.###/#.../#.../#.../.###
d ...#/...#/.###/#..#/#..#/#..#/.###
e ..../..../.##./#..#/####/#.../.###
f .##/#../###/#../#../#../#..
g ..../..../.###/#..#/#..#/#..#/.###/...#/.##.
h #.../#.../###./#..#/#..#/#..#/#..#
i #/./#/#/#/#/#
j ..#/.../..#/..#/..#/..#/..#/..#/##.
k #.../#.../#..#/#.#./##../#.#./#..#
l #./#./#./#./#./#./.#
m ...../...../####./#.#.#/#.#.#/#.#.#/#.#.#
n ..../..../###./#..#/#..#/#..#/#..#
o ..../..../.##./#..#/#..#/#..#/.##.
p ..../..../###./#..#/#..#/#..#/###./#.../#...
q ..../..../.###/#..#/#..#/#..#/.###/...#/...#
r .../.../#.#/##./#../#../#..
s ..../..../.###/#.../.##./...#/###.
t .#./.#./###/.#./.#./.#./..#
u ..../..../#..#/#..#/#..#/#..#/.###
v ...../...../#...#/#...#/.#.#./.#.#./..#..
w ...../...../#...#/#.#.#/#.#.#/#.#.#/.#.#.
x ...../...../#...#/.#.#./..#../.#.#./#...#
y ..../..../#..#/#..#/#..#/#..#/.###/...#/.##.
z ..../..../####/..#./.#../#.../####
{ ..#/.#./.#./#../#../.#./.#./..#
| #/#/#/#/#/#/#/#/#
} #../.#./.#./..#/..#/.#./.#./#..
~ ...../...../...../.#.../#.#.#/...#.
… ...../...../...../...../...../#.#.#/#.#.#
– ..../..../..../####
— ....../....../....../######
‘ .#/#./#.
’ .#/.#/#.
“ .#.#/#.#./#.#.
” .#.#/.#.#/#.#.
« ...../...../..#.#/.#.#./#.#../.#.#./..#.#
» ...../...../#.#../.#.#./..#.#/.#.#./#.#..
• ../../##/##
¡ ././#/./#/#/#/#/#
¿ ...../...../..#../...../..#../.#.../#..../#...#/.###.
ß .##./#..#/#..#/#.#./#..#/#..#/#.#.
€ ..###/.#.../####./.#.../####./.#.../..###
"""

_BOX = "####/#..#/#..#/#..#/#..#/#..#/####"
_SPACE_WIDTH = 3


def _parse(rows: str) -> NDArray[np.bool_]:
    lines = rows.split("/")
    glyph = np.zeros((GLYPH_HEIGHT, len(lines[0])), dtype=bool)
    for y, line in enumerate(lines):
        glyph[y] = [c == "#" for c in line]
    glyph.setflags(write=False)
    return glyph


@functools.lru_cache(maxsize=1)
def _glyphs() -> dict[str, NDArray[np.bool_]]:
    table = {line[0]: _parse(line[2:]) for line in _DRAWN.strip().splitlines()}
    table[" "] = np.zeros((GLYPH_HEIGHT, _SPACE_WIDTH), dtype=bool)
    table["\u00a0"] = table[" "]
    return table


@functools.lru_cache(maxsize=4096)
def glyph(character: str) -> NDArray[np.bool_]:
    """The pixels of one character, [9, w] bool, read-only; never fails.

    Letters that are not drawn fall back on their unaccented form, then on a hollow box.
    """
    table = _glyphs()
    if character in table:
        return table[character]
    plain = unicodedata.normalize("NFKD", character)[:1]
    return table[plain] if plain in table else _parse(_BOX)


def text_width(text: str) -> int:
    """Width of one line of text in px."""
    return max(0, sum(int(glyph(c).shape[1]) + _SPACING for c in text) - _SPACING)


def text_mask(text: str) -> NDArray[np.bool_]:
    """One line of text, [9, width] bool."""
    mask = np.zeros((GLYPH_HEIGHT, text_width(text)), dtype=bool)
    x = 0
    for character in text:
        drawn = glyph(character)
        mask[:, x : x + drawn.shape[1]] = drawn
        x += drawn.shape[1] + _SPACING
    return mask


def wrap(text: str, width: int) -> list[str]:
    """Break text into lines of at most ``width`` px, between words where possible.

    Joining the lines with single spaces gives the words of ``text`` again, except that a word wider
    than a line is split.

    Args:
        text: One paragraph.
        width: px, at least as wide as one glyph.

    Returns:
        The lines; one empty line for empty text.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if text_width(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while text_width(word) > width and len(word) > 1:
            fit = next(
                i for i in range(len(word), 0, -1) if text_width(word[:i]) <= width or i == 1
            )
            lines.append(word[:fit])
            word = word[fit:]
        line = word
    lines.append(line)
    return lines
