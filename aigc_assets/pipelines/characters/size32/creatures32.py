"""Monsters, animals, items and effects at 32 px, out of parts of known ones.

Words choose the pictures that lend parts; the prior redraws the seams where they meet. Of several
tries the best fit is kept that shows the wanted colour and is not too like any one picture. It is
recoloured where it still lacks the colour, put onto the pack palette ramp by ramp, and gets a
second frame to idle in.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.models.own_drawings import CANVAS, off_canvas, own_drawings
from aigc_assets.pipelines.characters.neighbours import known_pictures
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.words.creature_words import (
    COLOURS,
    ELEMENTS,
    LIKE,
    NOUNS,
    USUAL,
)
from aigc_assets.pipelines.characters.words.lexicon import words
from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import Made, load_model, provenance
from aigc_assets.types.oklab import FAMILIES, families

if TYPE_CHECKING:
    import torch

    from aigc_assets.models.fsq_vae import FsqVae
    from aigc_assets.models.sprite_maskgit import SpriteMaskgit
    from aigc_assets.models.sprite_sampling import Wish as Condition

TOKENISER, PRIOR = "sprite_fsq_vae", "sprite_maskgit"
TRIES = 5
ROUNDS = 3
"""Times that so many are drawn while all of them are near copies."""
MARGIN = 0.15
"""Distance beyond the limit of near copies that is looked for: a palette moves shades a little."""
_KEPT_COLOUR = 0.5
"""Share of a figure, outlines aside, from which a wanted colour counts as shown."""
_USUAL_COLOUR = 0.12
"""The same of a colour that no word names."""


def vocabulary() -> Mapping[str, Any]:
    """The words that mean something here, in the form that prompts are read with."""
    from aigc_assets.pipelines.characters.size64.people64 import vocabulary as of_people

    config = read_card(PRIOR)["config"]
    nouns = {word for words_ in NOUNS.values() for word in words_}
    known = sorted({*config["words"], *config["subclasses"], *nouns, *LIKE, *ELEMENTS, *COLOURS})
    return {"attributes": {"thing": known}, "colours": of_people()["colours"]}


class Told(NamedTuple):
    """What a prompt says.

    Args:
        wish: What is drawn from.
        colour: Family of colours that it names, or ''.
        usual: The one that such a thing has where none is named, or ''.
    """

    wish: Condition
    colour: str
    usual: str


def read_words(prompt: str, kind: str) -> Told:
    """The words of a prompt as what the model knows."""
    from aigc_assets.models.sprite_sampling import Wish as Condition

    config = read_card(PRIOR)["config"]
    known = {word: i for i, word in enumerate(config["words"])}
    subclasses = {name: i for i, name in enumerate(config["subclasses"])}
    own = own_drawings()
    mine = own.words if own is not None else {}
    subclass, chosen, names = len(subclasses), [], []
    colour = by_element = usual = ""
    for word in words(prompt[:2000]):
        nouns = NOUNS.get(kind, {})
        whole = any(word in those for those in (known, nouns, LIKE, mine))
        single = word if whole else word.removesuffix("s")
        colour = colour or COLOURS.get(word, "")
        by_element = by_element or ELEMENTS.get(word, "")
        usual = usual or USUAL.get(single, "")
        subclass = subclasses.get(single if single in mine else nouns.get(single, ""), subclass)
        if single in known and known[single] not in chosen:
            chosen.append(known[single])
        like = LIKE.get(single, "" if single in subclasses else single)
        names += [known[name] for name in like.split() if name in known]
    pair = (FAMILIES.index(colour or by_element), len(FAMILIES)) if colour or by_element else None
    if own is not None:
        usual = ""  # their colours are those of the drawings
    if pair is None and usual:
        pair = (FAMILIES.index(usual), len(FAMILIES))
    three = (*chosen, *[len(known)] * 3)[:3]
    wish = Condition(
        config["kinds"].index(kind), subclass, three, pair, tuple(dict.fromkeys(names))
    )
    return Told(wish, colour or by_element, usual)


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A picture of 32 px, or of the own drawings' size, with a two-frame idle.

    See `generate_character`.
    """
    from aigc_assets.pipelines.characters.colours.index_colours import (
        onto_palette,
        wear,
        without_specks,
    )
    from aigc_assets.pipelines.characters.size32.idle import assemble, second_frame

    condition, wanted, usual = read_words(request.prompt, request.kind)
    if not wanted and request.like is not None:
        wanted = main_family(request.like.picture)
    own = own_drawings()
    side = own.side if own is not None else CANVAS
    index, colours = _draw_best(condition, wanted or usual, seed, side)
    enough = _KEPT_COLOUR if wanted else _USUAL_COLOUR
    wanted = wanted or usual
    index = without_specks(index)
    operations = ["colours as drawn", "fitted to the pack palette as ramps", "specks removed"]
    used = np.unique(index[index > 0]).astype(np.intp)
    table = onto_palette(colours, used, palette)
    for _ in range(3):  # families that are not of the wanted colour, the largest first
        if not wanted or shown(index, palette[table], wanted) >= enough:
            break
        colours = wear(colours, index, wanted)
        table = onto_palette(colours, used, palette)
        operations[0] = f"recoloured: {wanted}"
    figure = np.where(index > 0, table[index], -1)
    sheet = assemble([figure, second_frame(figure, palette, request.kind)], palette, request.kind)
    operations.append(
        f"the best of {TRIES} joins of parts of known pictures, seams redrawn by the model"
    )
    operations.append("second frame by rule")
    made = provenance(
        load_model(PRIOR, narrow=True),
        seed,
        {
            "prompt": request.prompt,
            "animations": ",".join(request.animations),
            "size": request.size,
            "kind": request.kind,
            "tokeniser_sha256": load_model(TOKENISER, narrow=True).sha256,
        },
        tuple(operations),
    )
    return Made(sheet, made)


def shown(index: NDArray[np.uint8], colours: NDArray[np.uint8], wanted: str) -> float:
    """Share of the figure, black aside, that is of a family of colours."""
    named = families(colours)[index[index > 0]]
    body = named[named != FAMILIES.index("black")] if wanted != "black" else named
    return float((body == FAMILIES.index(wanted)).mean()) if len(body) else 0.0


def main_family(picture: NDArray[np.uint8]) -> str:
    """The family of colours that covers most of a picture [H, W, 4], black and white last."""
    solid = picture[picture[..., 3] > 127][:, :3]
    if not len(solid):
        return ""
    count = np.bincount(families(solid), minlength=len(FAMILIES)).astype(float)
    for plain in ("black", "grey", "white"):
        count[FAMILIES.index(plain)] *= 0.3
    return FAMILIES[int(count.argmax())]


def _draw_best(
    condition: Condition, wanted: str, seed: int, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The best of `TRIES` index maps [side, side], and the global colours [K, 3].

    Where all of them are near copies others are drawn; of all near copies the least is kept.
    """
    import torch

    source = torch.Generator().manual_seed(seed % 2**63)
    colours: NDArray[np.uint8] = networks()[0].colours.numpy()
    known = known_pictures(PRIOR)
    table = np.zeros((len(colours), 4), np.uint8)
    table[1:, :3], table[1:, 3] = colours[1:], 255
    least: tuple[float, NDArray[np.uint8]] | None = None
    for _ in range(ROUNDS):
        for picture in _tries(condition, wanted, source, side):
            if known is None:
                return picture, colours
            apart = float(known.pictures.nearest(table[picture][None])[0][0])
            if apart >= known.limit + MARGIN:
                return picture, colours
            if least is None or apart > least[0]:
                least = apart, picture
    assert least is not None
    return least[1], colours


def _tries(
    condition: Condition, wanted: str, source: torch.Generator, side: int
) -> NDArray[np.uint8]:
    """`TRIES` index maps [TRIES, side, side], the best first."""
    from aigc_assets.models.sprite_crossover import recombine

    tokeniser, prior = networks()
    (pictures,), (crosses,) = recombine(tokeniser, prior, [condition], source, tries=TRIES)
    pictures = off_canvas(pictures, side)
    colours: NDArray[np.uint8] = tokeniser.colours.numpy()
    costs = [cross.cost for cross in crosses]
    if wanted:
        costs = [cost - min(0.5, shown(picture, colours, wanted))
                 for cost, picture in zip(costs, pictures, strict=True)]  # fmt: skip
    ordered: NDArray[np.uint8] = pictures[np.argsort(np.round(costs, 4), kind="stable")]
    return ordered


@functools.lru_cache(maxsize=1)
def networks() -> tuple[FsqVae, SpriteMaskgit]:
    """Tokeniser and prior, under one thread."""
    from aigc_assets.models.fsq_vae import FsqVae
    from aigc_assets.models.sprite_maskgit import SpriteMaskgit

    tokeniser = load_model(TOKENISER, narrow=True).network
    prior = load_model(PRIOR, narrow=True).network
    assert isinstance(tokeniser, FsqVae)
    assert isinstance(prior, SpriteMaskgit)
    return tokeniser, prior
