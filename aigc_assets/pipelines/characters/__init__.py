"""Characters: a prompt is read, and the tier of its kind and size draws it."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.neighbours import draw_original
from aigc_assets.pipelines.characters.reference import Reference, read_reference
from aigc_assets.pipelines.characters.request import (
    ANIMATIONS,
    SIZES,
    TIERS,
    CharacterRequest,
    Tier,
)
from aigc_assets.pipelines.characters.words.kinds import KINDS, kind_of
from aigc_assets.pipelines.characters.words.prompt import Wish, known_words, parse_prompt
from aigc_assets.pipelines.characters.words.reading import nearly, read_unknown
from aigc_assets.pipelines.made import Made

__all__ = ["ANIMATIONS", "KINDS", "SIZES", "TIERS", "CharacterRequest", "Reference", "Tier",
           "generate_character", "read_reference"]  # fmt: skip


def generate_character(request: CharacterRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Draw a character in the colours of a pack.

    Args:
        request: What to draw.
        palette: Colours of the pack, [N, 3] uint8 sRGB, N >= 2.
        seed: Decides what the prompt leaves open.

    Returns:
        A `SpriteSheet` of the tier of the request, and its provenance; words of the prompt that
        mean nothing to the tier are in its notes.

    Raises:
        UsageError: If the prompt is empty or too long, or the palette has fewer than two colours.
        WeightsError: If the weights of the model are missing or altered.
        GenerationError: If nothing but near copies of training pictures comes out.
    """
    palette = np.asarray(palette, dtype=np.uint8)
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) < 2:
        raise UsageError("a palette needs at least two colours, [N, 3]", where="palette")
    if request.crowd:
        from aigc_assets.pipelines.characters.size32.crowds import draw_crowd

        return draw_crowd(request, palette, seed)
    wish, request, operations = _understand(request)
    module: Any = importlib.import_module(request.tier.module)
    made = draw_original(
        lambda s: cast("Made", module.draw_character(request, wish, palette, s)), seed
    )
    notes = [f"unknown word: {word} (read as {known})" for word, known in wish.guesses.items()]
    notes += [f"unknown word: {word}" for word in wish.unknown]
    notes += [f"not drawn for a {request.kind} of {request.size} px: {w}" for w in wish.idle]
    if not (wish.values or wish.habits or wish.colours or wish.element):
        notes.append("no word of the prompt is known: the seed decided everything")
    if request.guessed:
        there = ", ".join(str(size) for size, kind in sorted(TIERS) if kind == request.guessed)
        notes.append(f"no {request.guessed} of {request.size} px: drawn as a {request.kind}"
                     f" ({request.guessed}: {there} px)")  # fmt: skip
    source = made.provenance
    if request.like is not None and request.like.sha256[:12] not in " ".join(source.operations):
        notes.append(f"a {request.kind} of {request.size} px takes no colours from a picture yet")
    notes += source.notes
    source = dataclasses.replace(
        source, notes=tuple(notes), operations=(*operations, *source.operations)
    )
    return Made(made.asset, source)


def _understand(request: CharacterRequest) -> tuple[Wish, CharacterRequest, tuple[str, ...]]:
    """The wish, the request and what the network did, for the provenance.

    The request is of another kind where only the network could read the word that says so.
    """
    module: Any = importlib.import_module(request.tier.module)
    planned = request.generator == "plans"
    vocabulary = module.vocabulary(planned=True) if planned else module.vocabulary()

    def parse(read_as: Mapping[str, str] | None = None) -> Wish:
        module: Any = importlib.import_module(request.tier.module)
        return parse_prompt(request.prompt, vocabulary if planned else module.vocabulary(), read_as)

    wish = parse()
    if not wish.unknown:
        return wish, request, ()
    read, sha256 = read_unknown(wish.words, wish.unknown)
    network = f"unknown words read by the prompt network (sha256 {sha256[:12]})"
    operations = (network,) if read else ()
    known = known_words(vocabulary)
    for word in wish.unknown:
        if word not in read and (slip := nearly(word, known)):
            read[word] = slip
    # A word that the network knows as such asks for something that this tier does not draw.
    elsewhere = [word for word in wish.unknown if read.get(word) == word]
    read = {word: known for word, known in read.items() if word != known}
    if not read:
        return _without(wish, elsewhere), request, ()
    kind = kind_of(" ".join(read.get(word, word) for word in wish.words))
    if not request.named and kind and (request.size, kind) in TIERS:
        usual = request.animations == request.tier.default
        there = TIERS[request.size, kind].default if usual else request.animations
        request = dataclasses.replace(request, kind=kind, animations=there)
    return _without(parse(read), elsewhere), request, operations


def _without(wish: Wish, elsewhere: list[str]) -> Wish:
    """The wish with words that only other tiers draw moved from the unknown to the idle ones."""
    unknown = [word for word in wish.unknown if word not in elsewhere]
    return dataclasses.replace(wish, unknown=unknown, idle=[*wish.idle, *elsewhere])
