"""Characters: a prompt is read, and the tier of its kind and size draws it."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.characters.kinds import KINDS
from aigc_assets.pipelines.characters.neighbours import draw_original
from aigc_assets.pipelines.characters.prompt import parse_prompt
from aigc_assets.pipelines.characters.reference import Reference, read_reference
from aigc_assets.pipelines.characters.request import (
    ANIMATIONS,
    SIZES,
    TIERS,
    CharacterRequest,
    Tier,
)
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
    module: Any = importlib.import_module(request.tier.module)
    wish = parse_prompt(request.prompt, module.vocabulary())
    made = draw_original(
        lambda s: cast("Made", module.draw_character(request, wish, palette, s)), seed
    )
    notes = [f"unknown word: {word}" for word in wish.unknown]
    if not (wish.values or wish.habits or wish.colours):
        notes.append("no word of the prompt is known: the seed decided everything")
    if request.guessed:
        notes.append(f"no {request.guessed} of {request.size} px: drawn as a {request.kind}")
    notes += made.provenance.notes
    return Made(made.asset, dataclasses.replace(made.provenance, notes=tuple(notes)))
