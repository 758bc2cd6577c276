"""People at 64 px: a prompt becomes attributes and colours, the slot VAE draws every frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.prompt import Wish
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.made import Made, load_model, provenance

MODEL = "character_cvae"
_ALIASES = {"attack": "slash"}


def vocabulary() -> Mapping[str, Any]:
    """What the model can draw."""
    found: Mapping[str, Any] = read_card(MODEL)["vocabulary"]
    return found


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A person on 64 px frames, one row per tag; see `generate_character`."""
    from aigc_assets.pipelines.characters.colours import paint_table
    from aigc_assets.pipelines.characters.sheet import assemble, draw
    from aigc_assets.pipelines.characters.wardrobe import choose_look

    checkpoint = load_model(MODEL, narrow=True)
    known = checkpoint.card["vocabulary"]
    actions = tuple(_ALIASES.get(name, name) for name in request.animations)
    look = choose_look(wish, known, seed, actions)
    table, colours = paint_table(look, palette, known, seed)
    animations = tuple(zip(request.animations, actions, strict=True))
    sheet = assemble(draw(checkpoint, look.values, animations, seed), table, palette)
    worn = ", ".join(f"{k}={v}" for k, v in look.values.items() if v != "none")
    tints = ", ".join(f"{slot}={name}" for slot, (_, name) in colours.items())
    made = provenance(
        checkpoint,
        seed,
        {
            "prompt": request.prompt,
            "animations": ",".join(request.animations),
            "size": request.size,
        },
        ("ramps fitted to the pack palette", f"specks removed; drawn: {worn}; {tints}"),
        look.notes,
    )
    return Made(sheet, made)
